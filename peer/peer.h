/* weir's public API: WebRTC peer connections in C.
 *
 * Two levels, one header to include; it includes the others:
 *
 *     peer.h         one connection: how it begins, what moves it, descriptions, channels, media, its end
 *     peer_event.h   what it tells: states, reasons, events
 *     peer_stats.h   what it is and has done, to be read: no program needs a field of struct weir_peer
 *     node.h         a shard of many; node_loop.h: in other loops
 *
 * struct weir_peer is one connection: ICE, DTLS, SCTP, SRTP and RTCP wired together. It keeps weir's
 * machine contract (recv, tick, send, event, deadline), so it can be driven by hand from any loop, in a
 * simulator, or on bare metal.
 *
 * struct weir_node is one shard over it: a packet pump, a pool of buffers and many peers on shared
 * sockets. An application opens a node, makes peers and loops:
 *
 *     while (weir_node_wait(node, WEIR_NEVER) == WEIR_OK) {       one system call
 *         while (weir_node_event(node, &event)) {                 plain data, never a call-back
 *             switch (event.type) { ... weir_channel_send(...); ... }
 *         }
 *     }
 *
 * Names follow the browser's API where it has one. Two of its steps are one here: creating an offer or
 * answer also makes it the local description, which nothing can edit afterwards. Who wants to look first
 * has weir_peer_preview_offer; what was offered, by either side, can be taken back: weir_peer_rollback.
 *
 * Everything belongs to one thread, except weir_node_wake. Nothing is allocated after weir_node_open.
 */
#ifndef WEIR_PEER_PEER_H
#define WEIR_PEER_PEER_H

#include "core/addr.h"
#include "core/base.h"
#include "core/crypto.h"
#include "core/pacer.h"
#include "core/store.h"
#include "core/pump/pump.h"
#include "core/stage.h"
#include "core/trace.h"
#include "dtls/dtls.h"
#include "ice/ice.h"
#include "ice/mdns.h"
#include "peer/peer_event.h"
#include "rtcp/rtcp.h"
#include "sctp/sctp.h"
#include "sdp/sdp.h"
#include "srtp/srtp.h"

/* -- Limits ------------------------------------------------------------------------------------ */

#define WEIR_PEER_MEDIA_MAX WEIR_SDP_MEDIA_MAX /* m= sections of one connection; 448 bytes each, in the
                                           pool, for those that there are */
#define WEIR_PEER_CODECS_MAX 12         /* negotiated payload types of one section */
#define WEIR_PEER_SSRCS_MAX 8           /* remote SSRCs remembered per section, the newest */
#define WEIR_PEER_RING 8                /* states of a kind that are kept until they are told: the newest */
#define WEIR_PEER_QUEUE_MAX 512         /* packets of media that wait for their turn */
#define WEIR_PEER_RESENDS_MAX 128       /* packets waiting to be sent again */
#define WEIR_PEER_SDP_MAX 65536         /* bytes of a description we write, at most; 16 sections: 16 KB */
#define WEIR_PEER_TLS_ID 24             /* characters of our a=tls-id: 144 random bits */
#define WEIR_PEER_NAMES_MAX 8           /* .local candidates waiting to be resolved, at one time; 192 bytes
                                           each, in the pool */
#define WEIR_PEER_DEBTS_MAX 4
#define WEIR_PEER_TAG_KNOWN 16          /* addresses remembered while the transport may change */
#define WEIR_PEER_NAME_BYTES 48         /* "<uuid>.local" is 42 */
#define WEIR_PEER_INIT_MAX 256          /* the peer's INIT chunk in a description; browsers' have 30 */
#define WEIR_PEER_INIT_TEXT 64          /* ours as base64 */
#define WEIR_PEER_DRAIN_MAX (600 * WEIR_SEC) /* a graceful end takes no longer, whatever was asked for */

/* -- Reconnecting ------------------------------------------------------------------------------ */

/* What the connections of one certificate keep, so that the next one between the same two peers needs no
 * certificates: the key of the tickets that we give as DTLS server, and the sessions that we were given as
 * client. Shared by the peers of one thread, in memory of their owner; outlives them. */
struct weir_sessions {
    uint8_t ticket_key[WEIR_DTLS_TICKET_KEY_BYTES]; /* follows from the identity: who has that knows it */
    struct weir_dtls_session *session;
    uint32_t kept, max;
};

/* `room` has `max` entries, 1 KB each; with 0 sessions are given and never used. */
WEIR_API void weir_sessions_init(struct weir_sessions *s, const struct weir_crypto *crypto,
                                 const struct weir_identity *identity, struct weir_dtls_session *room,
                                 uint32_t max);
WEIR_API void weir_sessions_deinit(struct weir_sessions *s); /* wipes */
/* Keep one: for each server the newest, and when there is no room the oldest goes. For who stores them
 * elsewhere in between; a peer keeps its own. */
WEIR_API void weir_sessions_keep(struct weir_sessions *s, const struct weir_dtls_session *fresh);
/* The session of a server with one of these fingerprints; it is kept no longer. False: there is none. */
WEIR_MUST_CHECK WEIR_API bool weir_sessions_take(struct weir_sessions *s,
                                                 const struct weir_dtls_fingerprint *list, size_t count,
                                                 struct weir_dtls_session *out);

/* -- One connection ---------------------------------------------------------------------------- */

struct weir_peer_config {
    const struct weir_crypto *crypto;     /* outlives the peer */
    const struct weir_identity *identity; /* certificate and key; outlives the peer */
    struct weir_keypool *keys;            /* ephemeral keys made ahead; outlives the peer; or NULL */
    struct weir_budget *work;             /* what strangers may waste of public-key work, for all
                                             peers of a thread; outlives them; or NULL */
    struct weir_arena *dtls_handshakes;   /* blocks of sizeof(struct weir_dtls_handshake) for those peers of
                                             a thread that set up; outlives them */
    struct weir_sessions *sessions;       /* for reconnecting to other weirs; outlives the peer; or NULL */
    uint8_t seed[WEIR_SEED_BYTES];        /* wiped by init */
    bool is_data_only;                    /* reject audio and video */
    struct weir_peer_rtp *rtp_blocks;     /* for audio and video, of the caller, outlive it; NULL: data
                                             only */
    uint32_t rtp_block;                   /* which of them is this connection's */
    enum weir_sdp_setup setup;            /* as answerer: ACTIVE (default) or PASSIVE */
    uint32_t max_message_size;            /* of data channels; 0 = 262,144 */
    weir_duration channel_wait;           /* for the peer's answer when we open a channel, once data is up;
                                             0 = 30 s, WEIR_NEVER = no limit */
    uint32_t rx_bytes_max, tx_bytes_max;  /* memory that data may take each way, headers and all; 0 = 8 MiB
                                             and 16 MiB, of which windows take what the path needs */
    uint32_t tag;                         /* of the peer's account in the pool */
    uint64_t ntp_at_epoch;                /* NTP time when weir_time was 0, for sender reports */
    struct weir_mspan assembly;           /* shared scratch for messages of several pieces, at least
                                             max_message_size; larger messages are dropped */
    struct weir_trace *trace;             /* or NULL */
    uint32_t conn;                        /* our number in the trace */
    struct weir_peer_scratch *scratch;    /* where descriptions are read and written, 540 KiB, shared by the
                                             peers of one thread; NULL: none are, the calls that take or
                                             give one return WEIR_ERR_STATE */
    uint32_t sections_max;                /* m= sections beyond are rejected; 0 = WEIR_PEER_MEDIA_MAX */
    uint32_t description_max;             /* bytes of the peer's descriptions; 0 = WEIR_SDP_BYTES_MAX. An
                                             offer waits for its answer in buffers of the pool */
    bool no_snap;                         /* no INIT chunks in descriptions */
    bool no_sped;                         /* no DTLS on checks */
    bool is_lite;                         /* be an ICE lite agent: for who is reached under the addresses
                                             it is given, from anywhere; no STUN servers, no checks. On each
                                             path at most three bytes leave for one that came by it, until
                                             something under keys did */
    uint8_t allows;                       /* enum weir_ice_allow: where candidates of the peer may lead in
                                             addition; 0 = where a stranger may send us and no further */
    struct weir_ice_meter *meter;         /* of what leaves for unproven addresses, shared; or NULL */
    struct weir_arena *ice_pages;         /* candidates and pairs: struct weir_ice_page, at most
                                             WEIR_ICE_PAGES_MAX of each peer; outlives the peer */
    struct weir_arena *ice_setups;        /* struct weir_ice_setup, one while the peer is set up, restarts
                                             ICE or waits for an answer; outlives the peer. With none left
                                             a description is refused with WEIR_ERR_FULL */
    bool has_txid_tag;                    /* see struct weir_ice_config */
    uint32_t txid_tag;
    uint64_t txid_key;
    bool no_cid;                          /* no connection ids: a peer whose address changes is found again
                                             by its next consent check, some seconds later */
    uint8_t cid_bytes;                    /* 0: the peer's records carry none, ours the peer's */
    uint8_t cid[WEIR_DTLS_CID_MAX];       /* what the peer's records carry to us; in the clear */
    bool prefers_hybrid;                  /* as DTLS client begin with a share of X25519MLKEM768, where the
                                             provider has ML-KEM: safe against who records today and has a
                                             quantum computer later, and 1,200 bytes longer */
    uint8_t dtls_version_max;             /* enum weir_dtls_version; 0: the newest there is */
    char ufrag_first;                     /* first character of ufrags: names a shard; 0 = random */
    weir_duration queue_wait;             /* media waits so long for its turn at most, and is dropped then;
                                             0 = 2 s */
    bool is_polite;                       /* an offer of the peer that meets ours takes ours back; else it
                                             is refused. Of two peers one should be [RFC 8829 4.1.10.2] */
};

struct weir_media_codec {
    const char *name;  /* as weir writes it, whatever the peer's capitals */
    uint32_t clock_hz;
    uint32_t config;   /* weir_sdp_codec_config */
    uint8_t payload_type;
    uint8_t feedback;  /* enum weir_sdp_feedback */
    uint8_t channels;
};

/* What became of an extension that both sides must want. */
enum weir_peer_agreement {
    WEIR_PEER_UNDECIDED,
    WEIR_PEER_AGREED,
    WEIR_PEER_DECLINED,
};

/* One m= section as negotiated. */
struct weir_media {
    enum weir_sdp_kind kind;
    enum weir_sdp_direction wanted;     /* what we would like */
    enum weir_sdp_direction direction;  /* what was agreed, as we see it */
    bool is_accepted;
    bool is_new;                        /* ours, and in no description yet: it waits for our next offer */
    bool is_stopping;                   /* to be rejected with the next offer or answer */
    bool is_stopped;                    /* rejected, or offered to be */
    bool is_free;                       /* that was agreed on: its place may get another section */
    bool is_theirs;                     /* it came with an offer, and the application said nothing of it */
    uint8_t offered, said;              /* enum weir_sdp_direction that we wanted in the offer that waits,
                                           and in the last description that was agreed on */
    enum weir_sdp_verdict refusal;      /* why we did not take it; OK: we did, or the peer did not */
    uint8_t mid_bytes;
    char mid[WEIR_SDP_MID_MAX];         /* without an end */
    uint8_t mid_ext;                    /* id of the mid header extension; 0 = none */
    uint32_t ssrc;                      /* ours */
    uint32_t remote_ssrc[WEIR_PEER_SSRCS_MAX];
    uint8_t remote_ssrcs;
    uint8_t remote_ssrc_at;             /* the place of the oldest, once all are used */
    uint8_t codecs;
    struct weir_media_codec codec[WEIR_PEER_CODECS_MAX];
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

/* What an offer that waits for its answer would be taken back to. */
struct weir_peer_pending {
    bool had_local, had_remote, had_dtls;
    bool wanted_restart, wanted_renewal; /* that the offer began */
    bool tag_was_client;
    weir_time tag_was_until;
    uint64_t described, stopped; /* our offer: sections that are new with it, or stop, by place */
    uint64_t theirs;             /* the peer's: sections that came with it */
    uint8_t medias, medias_then; /* sections before it, and with it */
    uint16_t rest_medias;
    bool has_undo;
    uint32_t undo_head;          /* sections that it moved or wrote over as they were, in the pool ... */
    uint8_t undos;               /* ... so many */
    bool is_renewing;            /* our offer asks for a new association, which begins with the answer: */
    bool has_seed;
    char tls_id[WEIR_PEER_TLS_ID];
    uint8_t sctp_seed[WEIR_SEED_BYTES];
};

/* Moments of the set-up, WEIR_NEVER until they come. */
struct weir_peer_timeline {
    weir_time created, local_description, remote_description, first_check, first_response, selected,
        dtls_begun, dtls_done, sctp_done, first_channel, first_message, first_rtp;
};

enum weir_peer_queue_kind {
    WEIR_PEER_QUEUE_AUDIO,
    WEIR_PEER_QUEUE_VIDEO,
    WEIR_PEER_QUEUES,
};

/* What only audio and video need: a block that a connection has for its life, or not at all. */
struct weir_peer_rtp {
    struct weir_srtp srtp_tx, srtp_rx;
    struct weir_rtcp rtcp;
    struct weir_rtcp_history history;
    struct { uint32_t ssrc; uint16_t seq; } resend[WEIR_PEER_RESENDS_MAX]; /* asked for again */
    uint32_t resend_head, resend_tail;
    struct weir_peer_queue {     /* media that waits for its turn, in the pool, the oldest first */
        uint32_t head, tail, count;
        uint64_t late, refused;  /* dropped: it had waited too long; its section sends no more */
    } queue[WEIR_PEER_QUEUES];
    struct weir_rtcp_sent sent;
};

/* How what leaves takes turns (peer_door.c). */
struct weir_peer_door {
    struct weir_pacer all;  /* at the rate that was set */
    struct weir_pacer data; /* DATA of SCTP: a window in a round trip */
    weir_time open_at;      /* something waits, and may leave then; WEIR_NEVER: nothing does */
    bool owes_writable;     /* media was refused with WEIR_ERR_FULL */
    bool is_numbered;       /* the datagram that left last is in the block's `sent` ... */
    uint32_t number;        /* ... under this number */
    uint8_t videos;         /* packets since SCTP had its turn */
};

/* What is still to be told (peer_news.c). */
struct weir_peer_ring {
    uint8_t at[WEIR_PEER_RING], count; /* the oldest first */
};

struct weir_peer_news {
    uint8_t order[72], orders;   /* enum weir_event_type */
    struct weir_peer_ring state, signalling, ice, gathering;
    struct weir_peer_failure {   /* of the newest FAILED */
        enum weir_peer_reason reason;
        enum weir_dtls_verdict dtls_verdict;
        bool has_alert;
        uint8_t alert;
    } failed;
    uint8_t candidate[WEIR_ICE_LOCALS_MAX + 4], candidates; /* local ones, by index; their end */
    char candidate_text[160];
    uint8_t refusal[WEIR_PEER_RING], refused;
    struct weir_addr refused_addr[WEIR_PEER_RING];
    bool is_selected, is_data_closed, has_keyframes, has_rtp, is_media_writable;
    struct weir_path selected;
    enum weir_sctp_reason data_reason;
    uint64_t keyframes;          /* bits of sections */
    struct weir_rtp_header rtp;
    uint8_t rtp_media;
    weir_time rtp_arrival;
};

/* A .local candidate that waits. */
struct weir_peer_name {
    char name[WEIR_PEER_NAME_BYTES];
    uint8_t name_bytes;
    bool is_told; /* its NAME event left, or that of another candidate of the name */
    struct weir_ice_candidate candidate;
};

/* Of a lite agent: the paths that data went to, the newest first. */
struct weir_peer_debts {
    struct weir_peer_debt {
        struct weir_path to;
        bool is_proven;  /* something under keys came by it */
        uint64_t rx, tx; /* bytes */
    } of[WEIR_PEER_DEBTS_MAX];
};

/* Flat and caller-owned; peer_stats.h reads it. What lasts as long as the connection is here; what does not
 * is in cells of its account in the pool, named by their numbers:
 *
 *   sections  a struct weir_media for each, from when it is added or described on
 *   names     a struct weir_peer_name for each candidate that waits for its address
 *   debts     of a lite agent, from the first datagram that it hears on
 *   an offer  of the peer's until it is answered, and what it wrote over */
struct weir_peer {
    struct weir_peer_config config;
    struct weir_pool *pool;
    uint32_t account; /* in the pool: all that the connection keeps is on it */
    struct weir_rand rand;
    enum weir_peer_state state;
    enum weir_peer_reason reason; /* of FAILED */
    enum weir_signalling signalling;
    bool has_local, has_remote;
    bool is_dtls_ready;  /* initialised, may take records */
    bool is_dtls_begun;  /* its role is settled */
    bool is_dtls_held;   /* an offer that waits for its answer ends it: it neither speaks nor hears */
    bool is_sctp_begun;  /* the association was asked to connect */
    bool is_asked;       /* the peer has sent a check on the path that we had first */
    bool has_had_path;   /* DTLS runs its timers from then on: before, checks repeat what they carry */
    bool is_flight_open; /* DTLS may have more of the flight whose beginning ICE was given */
    bool is_srtp_ready, has_data;
    enum weir_gathering gathering;
    bool owes_close, has_said_bye;
    bool is_draining;    /* weir_peer_close_gracefully was called ... */
    bool has_ended;      /* the peer's close_notify was heard; CLOSED follows what came before it */
    weir_time drain_until; /* ... and so long it may take */
    uint32_t debts;            /* of a lite agent, a struct weir_peer_debts; or WEIR_NO_CELL */
    struct weir_path heard_by; /* the datagram that was last heard beside the selected path */
    uint8_t medias;            /* sections: weir_peer_media_at */
    uint8_t media_cells;       /* places in `media` that have cells, those of all sections among them */
    uint32_t media[WEIR_PEER_MEDIA_MAX];
    uint32_t session_version;
    char session_id[20]; /* digits */
    uint8_t session_id_bytes;
    char cname[WEIR_RTCP_CNAME_MAX];
    enum weir_peer_agreement sped; /* DTLS rides on checks */
    uint8_t sped_names;            /* of the option, as agreed: enum weir_sdp_sped */
    enum weir_peer_agreement snap; /* SCTP begins with the INIT chunks of the descriptions */
    uint8_t sctp_init_bytes;
    char sctp_init[WEIR_PEER_INIT_TEXT]; /* ours, the same for the life of the association ... */
    uint8_t sctp_seed[WEIR_SEED_BYTES];  /* ... which it follows from */
    uint32_t offer_head, offer_bytes;    /* the remote offer that waits for its answer, in the pool */
    struct weir_peer_pending pending;
    enum weir_signalling signalling_told;
    uint16_t rest_medias;                /* sections beyond WEIR_PEER_MEDIA_MAX, all rejected */
    uint16_t mids;                       /* the next number for a mid of ours */
    uint8_t places;                      /* of sections that both sides know of */
    uint8_t tag;                         /* the section whose transport was agreed on */
    bool wants_restart;                  /* the next offer has new ICE credentials */
    bool wants_renewal;                  /* and asks for a new association */
    bool is_data_over;                   /* DATA_CLOSED was told */
    struct weir_index ended;             /* channels whose end is still to be told */
    uint32_t tag_known[WEIR_PEER_TAG_KNOWN]; /* digests of the peer's addresses when it was told to stop */
    uint8_t tag_knowns;
    bool tag_is_client;                  /* of the DTLS that may begin then */
    weir_time tag_until;                 /* and how long it matters; 0 = it does not */
    weir_time data_until;                /* SCTP is to be up by then; WEIR_NEVER: it is, or is not wanted */
    char tls_id[WEIR_PEER_TLS_ID];       /* of our association [RFC 8842 4] */
    uint64_t remote_tls_id;              /* a digest of the peer's; 0 = none */

    struct weir_ice ice;
    struct weir_dtls dtls;
    struct weir_sctp sctp;
    uint32_t name[WEIR_PEER_NAMES_MAX]; /* .local candidates waiting; WEIR_NO_CELL: the place is free */
    uint8_t names;           /* of them in use */
    uint8_t name_at;         /* the place that is given next when all are taken: the oldest */
    uint32_t names_left_out; /* that gave their place to a newer one or found no room in the pool, ever */
    struct weir_peer_news news;
    struct weir_peer_door door;
    struct weir_sctp_message reading;   /* given out by the last event, released by the next */
    bool is_reading;
    bool is_deferred;                   /* `reading` is to be given again */
    bool is_held;                       /* no messages for now */
    bool has_left;                      /* a message was given out whose association is gone ... */
    uint32_t left;                      /* ... and these are its buffers */
    struct weir_peer_timeline timeline;
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint32_t verdicts[WEIR_PEER_VERDICTS];
    uint64_t user;                      /* the application's */

    /* A node's own. */
    uint32_t node_slot;
    bool node_is_touched;
    bool node_has_more, node_is_in_turn; /* to send; and the pump had no room in its turn */
    int32_t node_deficit;                /* bytes that it may send in its turn */
    uint32_t node_batch;                 /* the last that had something for its machines */
    uint32_t node_slow;                  /* datagrams that wait behind the batch */
};

/* Room for descriptions; nothing in it lasts beyond a call. */
struct weir_peer_scratch {
    struct weir_sdp theirs, ours;
    uint8_t text[WEIR_SDP_BYTES_MAX];
    struct weir_sdp_section section[WEIR_PEER_MEDIA_MAX];
    struct weir_sdp_codec codec[WEIR_PEER_MEDIA_MAX][WEIR_PEER_CODECS_MAX];
    char msid[WEIR_PEER_MEDIA_MAX][64];
    char candidate[WEIR_SDP_CANDIDATES_MAX][160];
    struct weir_span span[WEIR_SDP_CANDIDATES_MAX];
};

/* A datagram on its way through the stages. */
enum weir_item_kind {
    WEIR_ITEM_NONE, /* nothing further to do */
    WEIR_ITEM_LATER, /* not opened yet: when it is delivered */
    WEIR_ITEM_SCTP,
    WEIR_ITEM_RTP,
    WEIR_ITEM_RTCP,
};

struct weir_item {
    struct weir_peer *peer;
    struct weir_packet packet;
    enum weir_item_kind kind;
    struct weir_span plain;
    struct weir_rtp_header rtp;
    uint8_t media;
};

/* For config.ntp_at_epoch: the NTP time at which weir_time was zero, from one moment on both clocks; utc_us
 * in microseconds since 1970. */
static inline uint64_t weir_peer_ntp_at_epoch(weir_time now, uint64_t utc_us)
{
    uint64_t utc = utc_us - now;
    return (utc / 1000000 + 2208988800u) << 32 | (utc % 1000000 << 32) / 1000000;
}

/* The block of a connection that has audio and video; NULL: it has data only. */
static inline struct weir_peer_rtp *weir_peer_rtp(const struct weir_peer *p)
{
    return p->config.is_data_only ? NULL : &p->config.rtp_blocks[p->config.rtp_block];
}

/* Begin. `pool` outlives the peer; SCTP data and the retransmission history live in it. */
WEIR_API void weir_peer_init(struct weir_peer *p, const struct weir_peer_config *config,
                             struct weir_pool *pool, weir_time now);
/* Give every buffer back and wipe all secrets. The memory may then be reused. */
WEIR_API void weir_peer_deinit(struct weir_peer *p);

/* The five verbs. recv is the three stages after one another; packet->data is changed in place. */
WEIR_API enum weir_peer_verdict weir_peer_recv(struct weir_peer *p, weir_time now,
                                               const struct weir_packet *packet);
WEIR_API void weir_peer_tick(struct weir_peer *p, weir_time now);
/* The next datagram and where it goes; `out` has at least 1,500 bytes. Order: ICE, DTLS flights, RTCP,
 * audio, retransmissions, video, SCTP (peer_door.c). 0: nothing more may leave now; what waits for its turn
 * is in the deadline. */
WEIR_API size_t weir_peer_send(struct weir_peer *p, weir_time now, struct weir_mspan out,
                               struct weir_path *to);
WEIR_API bool weir_peer_event(struct weir_peer *p, weir_time now, struct weir_event *event);
WEIR_API weir_time weir_peer_deadline(const struct weir_peer *p);
/* Would weir_peer_event give something other than a message? */
WEIR_API bool weir_peer_has_news(const struct weir_peer *p);

/* The stages of recv, for who runs many peers in batches. Between decrypt and deliver of one datagram
 * no other datagram of the same peer may be decrypted if it must be delivered in order. */
WEIR_API enum weir_peer_verdict weir_peer_decrypt(struct weir_peer *p, weir_time now,
                                                  struct weir_item *item);
WEIR_API void weir_peer_analyse(struct weir_peer *p, weir_time now, struct weir_item *item);
WEIR_API void weir_peer_deliver(struct weir_peer *p, weir_time now, struct weir_item *item);

/* Do our keys open this SRTP or SRTCP packet, of at most 1,500 bytes? Nothing changes, and nothing is
 * counted. For who has several peers behind one pair of addresses. */
WEIR_API bool weir_peer_has_keys_of(struct weir_peer *p, struct weir_span packet);

/* -- Descriptions -- */

/* Say what an offer shall contain, before creating it. The index of the section is returned in *media: a
 * new one, or the place of one that was rejected or stopped [RFC 8829 5.2.2]. When an offer of the peer's
 * comes first, a section of the same kind that it brings is taken for this one [RFC 8829 5.10]; else this
 * one goes on waiting, behind those of that offer. A data section is always offered too, behind the
 * others. WEIR_ERR_FULL: there are sections_max, or the pool has no room for another. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_add_media(struct weir_peer *p,
                                                              enum weir_sdp_kind kind,
                                                              enum weir_sdp_direction direction,
                                                              uint8_t *media);
/* What a section of audio or video shall do from the next offer or answer on: go in these directions, or
 * end for good. WEIR_ERR_ARG: there is none, or it has ended. WEIR_ERR_FULL: the peer's offer that brought
 * the section waits, and the pool has no room to keep it should that offer be taken back. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_set_direction(struct weir_peer *p, uint8_t media,
                                                                  enum weir_sdp_direction direction);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_stop_media(struct weir_peer *p, uint8_t media);
/* The next offer restarts ICE: new credentials, and servers are asked anew. The path that there is goes on
 * until another one is proven, however long the answer takes. One that is made when the connection has
 * failed does so by itself. */
WEIR_API void weir_peer_restart_ice(struct weir_peer *p);
/* The next offer asks for a new association: with its answer DTLS, SRTP and SCTP begin again, all channels
 * end. For when data is over and the connection is not; the peer must know a=tls-id [RFC 8842 5.5]. */
WEIR_API void weir_peer_renew(struct weir_peer *p);
/* As answerer be DTLS client (ACTIVE) or server (PASSIVE), whatever the configuration says. Before the
 * first description. */
WEIR_API void weir_peer_set_setup(struct weir_peer *p, enum weir_sdp_setup setup);
/* Write an offer and make it the local description. WEIR_ERR_STATE when a remote offer waits for its
 * answer; WEIR_ERR_SIZE when the writer is too small, WEIR_ERR_FULL when the pool has no room for the data
 * section, and nothing has changed. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_create_offer(struct weir_peer *p, weir_time now,
                                                                 struct weir_wr *text);
/* Write the offer that weir_peer_create_offer would make now, and change nothing: to see what it says
 * before anything begins. It is no description to send: nobody serves new credentials that are in it. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_preview_offer(struct weir_peer *p, weir_time now,
                                                                  struct weir_wr *text);
/* Take back the offer that waits for its answer, ours or the peer's: everything is as it was in the stable
 * state before [RFC 8829 4.1.10.2, 5.7]. Sections that our offer described wait for the next one; those
 * that came with the peer's are gone, but for those in which the application said that it sends. A restart
 * or new association that was asked for is asked for with the next one. WEIR_ERR_STATE: no offer waits. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_rollback(struct weir_peer *p, weir_time now);
WEIR_API void weir_peer_set_polite(struct weir_peer *p, bool is_polite);
/* Does something wait for our next offer: a section, a direction, a restart, channels that were never
 * described? */
WEIR_API bool weir_peer_needs_offer(const struct weir_peer *p);
/* Take the peer's offer, or its answer to ours. What is faulty or not done here is left out alone: a line,
 * a payload type, a section, which the answer rejects. On WEIR_ERR_ARG nothing of it can be used, nothing
 * changed, and *error says which line broke which rule. WEIR_ERR_FULL: the pool has no room for the offer.
 * WEIR_ERR_STATE: an answer without an offer; or an offer that meets ours, which gives way if we are
 * polite. An offer of the peer's that waits gives way to its next one. Sections that are new with an offer
 * are answered recvonly until weir_peer_set_direction says more. Another certificate or a=tls-id is
 * another peer: with the answer a new association begins. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_set_remote(struct weir_peer *p, weir_time now,
                                                               bool is_offer, struct weir_span text,
                                                               struct weir_sdp_error *error);
/* Write the answer to the remote offer and make it the local description. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_create_answer(struct weir_peer *p, weir_time now,
                                                                  struct weir_wr *text);
/* A candidate from the peer, with or without "a="; empty text ends them. TCP candidates and names that
 * are not .local are accepted and not used. WEIR_ERR_FULL: ICE, or for a name the pool, has no room.
 * WEIR_ERR_STATE: its "ufrag" is of another generation than the
 * peer's description, and counted. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_add_candidate(struct weir_peer *p, weir_time now,
                                                                  struct weir_span text);
/* The same where the ufrag stands beside the text, as in a browser's RTCIceCandidate: the end of
 * candidates has it nowhere else. Empty: unsaid. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_add_candidate_of(struct weir_peer *p, weir_time now,
                                                                     struct weir_span text,
                                                                     struct weir_span ufrag);
/* A .local name of the peer was resolved, or (`ip` NULL) will not be: either frees its place. */
WEIR_API void weir_peer_name_resolved(struct weir_peer *p, weir_time now, struct weir_span name,
                                      const struct weir_addr *ip);

/* Local addresses to use, before the first description is created. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_add_local(struct weir_peer *p, weir_time now,
                                                              const struct weir_addr *addr);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_add_stun_server(struct weir_peer *p, weir_time now,
                                                                    const struct weir_addr *server);
/* These servers instead, at most WEIR_ICE_SERVERS_MAX: asked when gathering begins, on a connection that
 * lives with its next restart. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_set_stun_servers(struct weir_peer *p,
                                                                     const struct weir_addr *server,
                                                                     uint32_t servers);
/* No more local addresses and servers will come: ask the servers now. Creating a description does so
 * too; who cannot trickle calls this first, waits for the empty CANDIDATE event, and then describes.
 * WEIR_ERR_FULL: too many connections are being set up (ice_setups); try again later. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_gather(struct weir_peer *p, weir_time now);

/* -- Channels and media -- */

WEIR_API WEIR_MUST_CHECK enum weir_status
weir_peer_open_channel(struct weir_peer *p, weir_time now,
                       const struct weir_sctp_channel_config *config, uint16_t *channel);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_channel_send(struct weir_peer *p, weir_time now,
                                                                 uint16_t channel,
                                                                 struct weir_span message,
                                                                 bool is_text);

/* What is queued still goes out, then both directions of its stream are reset; CHANNEL_CLOSED says when.
 * WEIR_ERR_ARG: there is no such channel. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_channel_close(struct weir_peer *p, weir_time now,
                                                                  uint16_t channel);
/* CHANNEL_LOW is told when what is buffered falls to so many bytes, from more; 0 from the beginning. Of a
 * channel that there is not nothing happens. */
WEIR_API void weir_peer_channel_set_buffered_low(struct weir_peer *p, uint16_t channel, uint32_t bytes);

/* Seal one RTP packet into `out` (1,500 bytes) for sending to *to. Of the header payload type, marker,
 * seq, timestamp and payload count; SSRC and extensions are the section's own. WEIR_ERR_CRYPTO when SRTP
 * refuses (weir_peer_srtp_verdicts say why): a sequence number that was sent already, or the
 * 193rd section that sends under one key. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_write_rtp(struct weir_peer *p, weir_time now,
                                                              uint8_t media,
                                                              const struct weir_rtp_header *h,
                                                              struct weir_mspan out, size_t *len,
                                                              struct weir_path *to);
/* The same for a payload that goes to many: `shared` is of weir_shared_make in the peer's pool, and h's own
 * payload is not looked at. The payload is kept once, however many peers may have to send it again; drop it
 * after the last call. */
WEIR_API WEIR_MUST_CHECK enum weir_status
weir_peer_write_shared_rtp(struct weir_peer *p, weir_time now, uint8_t media,
                           const struct weir_rtp_header *h, uint32_t shared, struct weir_mspan out,
                           size_t *len, struct weir_path *to);
/* Let it leave by weir_peer_send, as soon as it may: for who sets a rate, or has no room to write into now.
 * Audio goes before video, each in the order in which it came; what has waited for config.queue_wait is
 * dropped and counted. `shared`: as above, or WEIR_NO_CELL. WEIR_ERR_FULL: WEIR_PEER_QUEUE_MAX wait, or
 * the pool has no room; WEIR_EVENT_MEDIA_WRITABLE follows. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_queue_rtp(struct weir_peer *p, weir_time now,
                                                              uint8_t media,
                                                              const struct weir_rtp_header *h,
                                                              uint32_t shared);
/* All that leaves for this peer leaves at so many bytes per second, UDP payloads counted: an estimate of
 * the path, or a limit. Checks, DTLS, RTCP and SCTP's control are counted and do not wait. 0, as in the
 * beginning: no limit, and DATA of SCTP goes by its own congestion window. */
WEIR_API void weir_peer_set_send_rate(struct weir_peer *p, weir_time now, uint64_t bytes_per_second);
/* Ask the peer for a key frame of what it sends in this section. WEIR_ERR_STATE when nobody can be asked:
 * nothing has come in it, or its stream found no place among the WEIR_RTCP_REMOTES_MAX that RTCP keeps
 * (streams_refused of weir_peer_transport counts its packets) until another is silent for five seconds. */
WEIR_API enum weir_status weir_peer_request_keyframe(struct weir_peer *p, weir_time now, uint8_t media);

/* The message of the last CHANNEL_MESSAGE event cannot be used now: keep it and give no further ones,
 * so that the sender's window closes, until resume gives it again. */
WEIR_API void weir_peer_defer(struct weir_peer *p);
WEIR_API void weir_peer_resume(struct weir_peer *p);

/* Both ways to close end with the state event CLOSED, told once and always, also of a connection that has
 * failed, that never connected, that is closed twice or by the peer meanwhile; it is the last event. From
 * the call on channels, messages, media and descriptions are refused with WEIR_ERR_STATE.
 *
 * Close: what is queued is dropped. BYE, SCTP abort and close_notify leave with the next sends. */
WEIR_API void weir_peer_close(struct weir_peer *p, weir_time now);
/* Close when all that is queued is through: SCTP shuts down [RFC 9260 9.2], so that the peer has
 * acknowledged every message of ours, and what it had to say is read here (messages that are deferred
 * too); then BYE and close_notify. What is queued before there is a connection waits for it, if both
 * descriptions are known. At `until` what is left is cut off as by weir_peer_close; that is
 * WEIR_PEER_DRAIN_MAX from now at most. A second call can only make it sooner, weir_peer_close at once.
 * DATA_CLOSED says how it went: its reason is SHUTDOWN when everything arrived, ABORTED when it was cut
 * off. */
WEIR_API void weir_peer_close_gracefully(struct weir_peer *p, weir_time now, weir_time until);

/* -- Inspection -------------------------------------------------------------------------------- */

/* Bytes that one connection will ever use, pool buffers included. */
WEIR_API size_t weir_peer_bytes(const struct weir_peer_config *config);
/* NSS key log lines of a connection for decrypting captures, less than 1,024 bytes; empty before DTLS is
 * done. */
WEIR_API void weir_peer_keylog(const struct weir_peer *p, struct weir_wr *text);

/* What a connection is and has done; and a shard of many connections. */
#include "peer/peer_stats.h"
#include "peer/node.h"

#endif
