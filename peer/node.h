/* A shard: a packet pump, a pool of buffers and many connections on shared sockets; several shards on one
 * port. Included by peer.h, whose first lines say how an application loops over one. */
#ifndef WEIR_PEER_NODE_H
#define WEIR_PEER_NODE_H

#include "core/pump/pump.h"
#include "core/stage.h"
#include "peer/peer_event.h"
#include "sctp/sctp.h"
#include "sdp/sdp.h"

struct weir_peer;

/* -- A shard ----------------------------------------------------------------------------------- */

#define WEIR_NODE_BATCH 64 /* datagrams through the stages at a time */
#define WEIR_NODE_ERROR_BYTES 240

enum weir_stage_id {
    WEIR_STAGE_RECEIVE,
    WEIR_STAGE_DECRYPT,
    WEIR_STAGE_ANALYSE,
    WEIR_STAGE_DELIVER,
    WEIR_STAGE_SEND,
    WEIR_STAGES,
};

/* Why a datagram found no peer. */
enum weir_node_drop {
    WEIR_NODE_DROP_NONE,
    WEIR_NODE_DROP_EMPTY,
    WEIR_NODE_DROP_CLASS,   /* no protocol of ours */
    WEIR_NODE_DROP_UFRAG,   /* a STUN request that names no peer of ours */
    WEIR_NODE_DROP_PATH,    /* from a path that no peer uses */
    WEIR_NODE_DROP_HANDOVER, /* another shard's, and its mailbox was full */
    WEIR_NODE_DROP_BUSY,    /* more handshakes at a time than there is time for */
    WEIR_NODE_DROPS,
};

struct weir_node_config {
    const struct weir_crypto *crypto; /* NULL = the build's */
    struct weir_pump_config pump;
    const struct weir_addr *bind;     /* local addresses; NULL = every interface */
    uint32_t binds;
    uint16_t port;                    /* for all of them when `bind` gives none; 0 = any */
    bool with_loopback;               /* when bind is NULL */
    bool spread_locals;               /* give each peer one of the addresses, in turn: peers that share
                                         both addresses are told apart by ufrags, transactions, connection
                                         ids and SSRCs only, so two hosts with many peers between them and
                                         without connection ids need many ports */
    bool no_mdns;
    bool no_snap, no_sped, no_cid, prefers_hybrid, is_lite; /* of every peer, see weir_peer_config */
    bool no_tickets;                  /* no sessions of DTLS 1.3 for reconnecting to other weirs */
    uint32_t sessions;                /* of other weirs that are kept, 1 KB each; 0 = 16 */
    uint8_t dtls_version_max;         /* likewise */
    uint8_t allows;                   /* enum weir_ice_allow, likewise */
    uint32_t unproven_rate;           /* bytes per second of all peers to addresses that proved nothing;
                                         0 = 4,000,000 */
    uint32_t peers_max;               /* 0 = 64 */
    uint32_t media_peers_max;         /* of them with audio and video, 156 KiB each when used; 0 = all */
    uint32_t setups_max;              /* connections that may be setting up at one time; 0 = peers_max. With
                                         none left offers and answers are refused with WEIR_ERR_FULL */
    uint32_t timers_max;              /* of the application's own, 32 bytes each; 0 = none */
    size_t share_bytes;               /* memory that every peer has by right; 0 = 128 KiB */
    size_t lend_bytes;                /* memory that is lent to who needs more; 0 = 1 MiB for each of
                                         peers_max, 8 MiB at least and 64 MiB at most */
    uint32_t rx_bytes_max, tx_bytes_max; /* of every peer, see weir_peer_config */
    uint32_t max_message_size;        /* 0 = 262,144 */
    weir_duration channel_wait;       /* of every peer, see weir_peer_config */
    uint32_t sections_max, description_max; /* of every peer, see weir_peer_config */
    struct weir_addr stun_server;     /* family 0 = none */
    uint8_t seed[WEIR_SEED_BYTES];
    bool has_seed;                    /* else the operating system's */
    weir_duration identity_age;       /* new peers get a new certificate when ours is so old; 0 = a week */
    struct weir_trace *trace;
};

struct weir_node;

/* Open a shard, all its memory with it. NULL: *error says in one sentence what to do. */
WEIR_API struct weir_node *weir_node_open(const struct weir_node_config *config,
                                          char error[WEIR_NODE_ERROR_BYTES]);
/* Close every peer (their last packets are sent, 200 ms at most) and free all. */
WEIR_API void weir_node_close(struct weir_node *n);
/* For who stops or restarts a server: close all peers gracefully and run the loop until they are closed, at
 * most until `until`; what is left then is cut off. Events of that time are dropped, messages that peers
 * still send among them: who wants these closes each peer gracefully and goes on with its own loop. True:
 * all ended in time. The node is to be closed next; of several shards each by its own thread. */
WEIR_API bool weir_node_drain(struct weir_node *n, weir_time until);

/* Send what is due, wait for packets or the next timer, at most until `until`. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_node_wait(struct weir_node *n, weir_time until);
WEIR_API WEIR_MUST_CHECK bool weir_node_event(struct weir_node *n, struct weir_event *event);
/* Make a wait return, from any thread or a signal handler. */
WEIR_API void weir_node_wake(struct weir_node *n);
WEIR_API weir_time weir_node_now(const struct weir_node *n);

/* A new connection; NULL when peers_max, or media_peers_max, is reached: every peer has its share of the
 * memory, or is none. Its pointer is valid until freed. */
WEIR_API struct weir_peer *weir_node_peer(struct weir_node *n, bool is_data_only);
WEIR_API void weir_node_free(struct weir_node *n, struct weir_peer *p);
WEIR_API uint32_t weir_node_peers(const struct weir_node *n);
/* The i-th slot's peer, i below peers_max; NULL when the slot is free. */
WEIR_API struct weir_peer *weir_node_peer_at(const struct weir_node *n, uint32_t i);

/* A node in a foreign event loop; the application's timers and descriptors in the node's. */
#include "peer/node_loop.h"

/* What the browser calls createOffer, setRemoteDescription, createAnswer, addIceCandidate, ... */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_create_offer(struct weir_node *n, struct weir_peer *p,
                                                            struct weir_wr *text);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_preview_offer(struct weir_node *n, struct weir_peer *p,
                                                             struct weir_wr *text);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_rollback(struct weir_node *n, struct weir_peer *p);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_set_remote_offer(struct weir_node *n,
                                                                struct weir_peer *p,
                                                                struct weir_span text,
                                                                struct weir_sdp_error *error);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_set_remote_answer(struct weir_node *n,
                                                                 struct weir_peer *p,
                                                                 struct weir_span text,
                                                                 struct weir_sdp_error *error);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_create_answer(struct weir_node *n, struct weir_peer *p,
                                                             struct weir_wr *text);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_add_candidate(struct weir_node *n, struct weir_peer *p,
                                                             struct weir_span text);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_add_candidate_of(struct weir_node *n, struct weir_peer *p,
                                                                struct weir_span text,
                                                                struct weir_span ufrag);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_gather(struct weir_node *n, struct weir_peer *p);
WEIR_API WEIR_MUST_CHECK enum weir_status
weir_open_channel(struct weir_node *n, struct weir_peer *p,
                  const struct weir_sctp_channel_config *config, uint16_t *channel);
/* WEIR_ERR_FULL: wait for WEIR_EVENT_WRITABLE. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_channel_send(struct weir_node *n, struct weir_peer *p,
                                                            uint16_t channel, struct weir_span message,
                                                            bool is_text);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_channel_close(struct weir_node *n, struct weir_peer *p,
                                                             uint16_t channel);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_send_rtp(struct weir_node *n, struct weir_peer *p,
                                                        uint8_t media,
                                                        const struct weir_rtp_header *h);
/* Keep a payload for sending it to many; WEIR_NO_CELL: no room, as WEIR_ERR_FULL. Drop it when it was sent
 * to the last: it stays as long as one of them may have to send it again. */
WEIR_API WEIR_MUST_CHECK uint32_t weir_share_payload(struct weir_node *n, struct weir_span payload);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_send_shared_rtp(struct weir_node *n, struct weir_peer *p,
                                                               uint8_t media,
                                                               const struct weir_rtp_header *h,
                                                               uint32_t shared);
WEIR_API void weir_drop_payload(struct weir_node *n, uint32_t shared);
/* weir_peer_set_send_rate. While a rate is set, media that may not leave at once waits in the peer's queue
 * (weir_peer_queue_rtp) instead of being refused. */
WEIR_API void weir_set_send_rate(struct weir_node *n, struct weir_peer *p, uint64_t bytes_per_second);
WEIR_API enum weir_status weir_request_keyframe(struct weir_node *n, struct weir_peer *p, uint8_t media);
/* weir_peer_defer and weir_peer_resume of a node's peer. */
WEIR_API void weir_defer(struct weir_node *n, struct weir_peer *p);
WEIR_API void weir_resume(struct weir_node *n, struct weir_peer *p);
/* weir_peer_close and weir_peer_close_gracefully: go on waiting and taking events until the peer's state
 * event CLOSED, then free it. */
WEIR_API void weir_close(struct weir_node *n, struct weir_peer *p);
WEIR_API void weir_close_gracefully(struct weir_node *n, struct weir_peer *p, weir_time until);

/* -- Several shards ---------------------------------------------------------------------------- */

/* Nodes that share their addresses and ports, each driven by a thread of its own: the kernel spreads
 * datagrams over their sockets (SO_REUSEPORT), and one that reaches the wrong shard is handed to the
 * right one. All present one certificate. Peers belong to the shard that made them. */
#define WEIR_SHARDS_MAX 64 /* their numbers are one character of a ufrag */

struct weir_shards;

/* Open `count` nodes of this configuration. NULL: *error says what to do. */
WEIR_API struct weir_shards *weir_shards_open(const struct weir_node_config *config, uint32_t count,
                                              char error[WEIR_NODE_ERROR_BYTES]);
/* The i-th of them. From its first wait on it belongs to the thread that waited. */
WEIR_API struct weir_node *weir_shards_node(struct weir_shards *s, uint32_t i);
/* Close them all; no thread may be using one any more. */
WEIR_API void weir_shards_close(struct weir_shards *s);

/* -- Inspection -------------------------------------------------------------------------------- */

struct weir_node_stats {
    const struct weir_pump_stats *pump;
    const char *pump_name;
    const struct weir_stage *stage;   /* WEIR_STAGES of them */
    const uint64_t *drops;            /* WEIR_NODE_DROPS */
    const uint64_t *peer_verdicts;    /* WEIR_PEER_VERDICTS, of peers gone and present */
    uint32_t pool_count, pool_free, pool_free_least; /* buffers of 2 KiB */
    uint32_t pool_lendable, pool_lent;
    uint64_t pool_misses;             /* times that one was refused */
    const struct weir_addr *local;    /* bound addresses */
    uint32_t locals;
    uint64_t cycles_per_ms;           /* the rate of the stages' cycles */
    uint64_t handed_over;             /* datagrams given to other shards */
};

WEIR_API struct weir_node_stats weir_node_stats(const struct weir_node *n);
WEIR_API const char *weir_stage_name(enum weir_stage_id s);
WEIR_API const char *weir_node_drop_name(enum weir_node_drop d);
/* The certificate that peers made from now on present. */
WEIR_API const struct weir_identity *weir_node_identity(const struct weir_node *n);

#endif
