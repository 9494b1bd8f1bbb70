/* weir's public API: WebRTC peer connections in C.
 *
 * Two levels, one header.
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

#define WEIR_PEER_MEDIA_MAX WEIR_SDP_MEDIA_MAX /* m= sections of one connection; 424 bytes each */
#define WEIR_PEER_CODECS_MAX 12         /* negotiated payload types of one section */
#define WEIR_PEER_SSRCS_MAX 8           /* remote SSRCs remembered per section, the newest */
#define WEIR_PEER_RING 8                /* states of a kind that are kept until they are told: the newest */
#define WEIR_PEER_RESENDS_MAX 128       /* packets waiting to be sent again */
#define WEIR_PEER_SDP_MAX 65536         /* bytes of a description we write, at most; 16 sections: 16 KB */
#define WEIR_PEER_TLS_ID 24             /* characters of our a=tls-id: 144 random bits */
#define WEIR_PEER_NAMES_MAX 8           /* .local candidates waiting to be resolved, at one time */
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

/* What only audio and video need: a block that a connection has for its life, or not at all. */
struct weir_peer_rtp {
    struct weir_srtp srtp_tx, srtp_rx;
    struct weir_rtcp rtcp;
    struct weir_rtcp_history history;
    struct { uint32_t ssrc; uint16_t seq; } resend[WEIR_PEER_RESENDS_MAX]; /* asked for again */
    uint32_t resend_head, resend_tail;
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
    bool is_selected, is_data_closed, has_keyframes, has_rtp;
    struct weir_path selected;
    enum weir_sctp_reason data_reason;
    uint64_t keyframes;          /* bits of sections */
    struct weir_rtp_header rtp;
    uint8_t rtp_media;
    weir_time rtp_arrival;
};

/* Flat and caller-owned; fields are for reading. */
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
    bool owes_close, has_said_bye;
    bool is_draining;    /* weir_peer_close_gracefully was called ... */
    bool has_ended;      /* the peer's close_notify was heard; CLOSED follows what came before it */
    weir_time drain_until; /* ... and so long it may take */
    struct weir_peer_debt {      /* lite: of the paths that data went to, the newest first */
        struct weir_path to;
        bool is_proven;          /* something under keys came by it */
        uint64_t rx, tx;         /* bytes */
    } debt[WEIR_PEER_DEBTS_MAX];
    struct weir_path heard_by; /* the datagram that was last heard beside the selected path */
    uint8_t medias;
    struct weir_media media[WEIR_PEER_MEDIA_MAX];
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
    uint16_t remote_init_bytes;
    uint8_t remote_init[WEIR_PEER_INIT_MAX];
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
    struct weir_peer_name {  /* .local candidates waiting; with name_bytes 0 the place is free */
        char name[WEIR_PEER_NAME_BYTES];
        uint8_t name_bytes;
        bool is_told;        /* its NAME event left, or that of another candidate of the name */
        struct weir_ice_candidate candidate;
    } name[WEIR_PEER_NAMES_MAX];
    uint8_t names;           /* of them in use */
    uint8_t name_at;         /* the place that is given next when all are taken: the oldest */
    uint32_t names_left_out; /* that gave their place to a newer one, ever */
    struct weir_peer_news news;
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
    uint32_t node_heap_at;
    bool node_is_touched;
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
 * retransmissions, SCTP. */
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
 * others. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_peer_add_media(struct weir_peer *p,
                                                              enum weir_sdp_kind kind,
                                                              enum weir_sdp_direction direction,
                                                              uint8_t *media);
/* What a section of audio or video shall do from the next offer or answer on: go in these directions, or
 * end for good. WEIR_ERR_ARG: there is none, or it has ended. */
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
/* Write an offer and make it the local description. WEIR_ERR_STATE when a remote offer waits for its
 * answer; WEIR_ERR_SIZE when the writer is too small, and nothing has changed. */
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
 * are not .local are accepted and not used. WEIR_ERR_STATE: its "ufrag" is of another generation than the
 * peer's description; ice.strays counts them. */
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

/* Seal one RTP packet into `out` (1,500 bytes) for sending to *to. Of the header payload type, marker,
 * seq, timestamp and payload count; SSRC and extensions are the section's own. WEIR_ERR_CRYPTO when SRTP
 * refuses (verdicts of weir_peer_rtp's srtp_tx say why): a sequence number that was sent already, or the
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
/* Ask the peer for a key frame of what it sends in this section. WEIR_ERR_STATE when nobody can be asked:
 * nothing has come in it, or its stream found no place among the WEIR_RTCP_REMOTES_MAX that RTCP keeps
 * (weir_peer_rtp, rtcp.remotes_refused counts its packets) until another is silent for five seconds. */
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

/* -- A shard of many connections --------------------------------------------------------------- */

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
    uint32_t setups_max;              /* connections that may be setting up at one time; 0 = peers_max. With
                                         none left offers and answers are refused with WEIR_ERR_FULL */
    uint32_t media_peers_max;         /* of them with audio and video, 132 KiB each when used; 0 = all */
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

/* -- Inspection -- */

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
/* Bytes that one connection will ever use, pool buffers included. */
WEIR_API size_t weir_peer_bytes(const struct weir_peer_config *config);
/* NSS key log lines of a connection for decrypting captures, less than 1,024 bytes; empty before DTLS is
 * done. */
WEIR_API void weir_peer_keylog(const struct weir_peer *p, struct weir_wr *text);

#endif
