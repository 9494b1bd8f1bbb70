/* What a connection is and has done, to be shown, measured and decided by: states, paths, transport,
 * channels, media. Reading changes nothing and keeps nothing; it works at any time from weir_peer_init to
 * weir_peer_deinit, also of a node's peer, in its thread. Names are those of the browser's API where it has
 * them. Times are moments of the caller's clock and durations, in microseconds; counts begin with the
 * connection, what is said of DTLS, SCTP and SRTP with the present association. Included by peer.h. */
#ifndef WEIR_PEER_PEER_STATS_H
#define WEIR_PEER_PEER_STATS_H

#include "peer/peer.h"

/* -- States ------------------------------------------------------------------------------------ */

/* connectionState, signalingState, iceConnectionState, iceGatheringState. */
WEIR_API enum weir_peer_state weir_peer_state(const struct weir_peer *p);
WEIR_API enum weir_signalling weir_peer_signalling(const struct weir_peer *p);
WEIR_API enum weir_ice_state weir_peer_ice_state(const struct weir_peer *p);
WEIR_API enum weir_gathering weir_peer_gathering(const struct weir_peer *p);
/* Why it has failed; NONE: it has not. */
WEIR_API enum weir_peer_reason weir_peer_reason(const struct weir_peer *p);
/* Is there a description of ours, of the peer's? One that waits for its answer counts. */
WEIR_API bool weir_peer_has_local(const struct weir_peer *p);
WEIR_API bool weir_peer_has_remote(const struct weir_peer *p);
/* It has no audio and video, and never will. */
WEIR_API bool weir_peer_is_data_only(const struct weir_peer *p);
/* Would an offer that is made now restart ICE? */
WEIR_API bool weir_peer_will_restart(const struct weir_peer *p);
/* Moments of the set-up, WEIR_NEVER until they come. */
WEIR_API struct weir_peer_timeline weir_peer_timeline(const struct weir_peer *p);
/* The application's own number for it; 0 until it is set. */
WEIR_API uint64_t weir_peer_user(const struct weir_peer *p);
WEIR_API void weir_peer_set_user(struct weir_peer *p, uint64_t user);

/* -- Sections ---------------------------------------------------------------------------------- */

/* The i-th m= section: kind, mid, direction, codecs, SSRCs, packets and payload bytes. NULL: there are not
 * so many. It is valid until the next call that adds, describes or rolls back. */
WEIR_API const struct weir_media *weir_peer_media_at(const struct weir_peer *p, unsigned i);
/* How many there are. */
WEIR_API unsigned weir_peer_media_count(const struct weir_peer *p);

/* -- Paths ------------------------------------------------------------------------------------- */

/* The path that is used; false: there is none. */
WEIR_MUST_CHECK WEIR_API bool weir_peer_selected(const struct weir_peer *p, struct weir_path *path);
/* Its round-trip time as ICE measured it last; 0: there is none, or it was not measured. */
WEIR_API weir_duration weir_peer_rtt(const struct weir_peer *p);
/* The i-th candidate pair, at most WEIR_ICE_PAIRS_MAX; false: there are not so many. */
WEIR_MUST_CHECK WEIR_API bool weir_peer_pair(const struct weir_peer *p, uint32_t i,
                                             struct weir_ice_pair_info *info);
/* The i-th candidate of ours, at most WEIR_ICE_LOCALS_MAX; false: there are not so many. */
WEIR_MUST_CHECK WEIR_API bool weir_peer_local_candidate(const struct weir_peer *p, uint32_t i,
                                                        struct weir_ice_candidate *c);

/* -- Transport --------------------------------------------------------------------------------- */

struct weir_peer_transport {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* datagrams of any kind, without UDP and IP */
    enum weir_dtls_state dtls;
    const char *version, *suite, *group; /* "DTLS 1.3", as IANA has it, "X25519"; "" until they are known */
    const char *srtp;                    /* its profile; "none" */
    bool has_role, is_client;            /* ours in DTLS is known, and it is this */
    bool is_resumed;                     /* a session of before was taken up */
    bool is_snap;                        /* SCTP began with the INIT chunks of the descriptions */
    enum weir_ice_embed_state sped;      /* DTLS on checks */
    uint32_t sped_rx, sped_tx;           /* payloads of DTLS that checks carried */
    uint32_t candidates_refused;         /* addresses of the peer: told as CANDIDATE_REFUSED, not all */
    uint32_t candidates_stray;           /* of another generation than the description */
    uint32_t names_left_out;             /* .local candidates that found no room */
    uint32_t streams_refused;            /* RTP packets of streams beyond WEIR_RTCP_REMOTES_MAX */
};

WEIR_API void weir_peer_transport(const struct weir_peer *p, struct weir_peer_transport *out);

/* Datagrams by what became of them; and what each layer made of its own. 0: none, or no such layer yet. */
WEIR_API uint32_t weir_peer_verdicts(const struct weir_peer *p, enum weir_peer_verdict v);
WEIR_API uint32_t weir_peer_ice_verdicts(const struct weir_peer *p, enum weir_ice_verdict v);
WEIR_API uint32_t weir_peer_dtls_verdicts(const struct weir_peer *p, enum weir_dtls_verdict v);
WEIR_API uint32_t weir_peer_sctp_verdicts(const struct weir_peer *p, enum weir_sctp_verdict v);
WEIR_API uint32_t weir_peer_srtp_verdicts(const struct weir_peer *p, bool is_tx, enum weir_srtp_verdict v);
WEIR_API uint32_t weir_peer_rtcp_verdicts(const struct weir_peer *p, enum weir_rtcp_verdict v);

/* -- Data -------------------------------------------------------------------------------------- */

/* The association: state, round trip, windows, messages and bytes of all channels. False: it has not begun,
 * and *out is as it would begin. */
WEIR_API bool weir_peer_data(const struct weir_peer *p, struct weir_sctp_stats *out);
/* The largest message that the peer takes, in bytes; 0: any. Longer ones are refused with WEIR_ERR_SIZE. */
WEIR_API uint32_t weir_peer_max_message_size(const struct weir_peer *p);
/* A channel: label, protocol, state, id, how it delivers, priority, what is buffered, messages and bytes.
 * False: there is none of this index. Its spans are valid until the next call on the peer. */
WEIR_MUST_CHECK WEIR_API bool weir_peer_channel_info(const struct weir_peer *p, uint16_t channel,
                                                     struct weir_sctp_channel_info *info);
/* The first channel of index `from` or more; WEIR_SCTP_NO_CHANNEL: there is none. To see all, go on behind
 * each with its index and 1. */
WEIR_API uint16_t weir_peer_channel_after(const struct weir_peer *p, uint32_t from);
/* bufferedAmount: bytes queued and not yet sent once; 0 of a channel that there is not. */
WEIR_API size_t weir_peer_channel_buffered(const struct weir_peer *p, uint16_t channel);

/* -- Audio and video --------------------------------------------------------------------------- */

/* What is received in a section under its k-th SSRC, k below the section's remote_ssrcs; what is sent in
 * it. False: there is no such stream, or RTCP knows none of its packets. */
WEIR_MUST_CHECK WEIR_API bool weir_peer_rx_stream(const struct weir_peer *p, unsigned media, unsigned k,
                                                  struct weir_rtcp_rx_stats *out);
WEIR_MUST_CHECK WEIR_API bool weir_peer_tx_stream(const struct weir_peer *p, unsigned media,
                                                  struct weir_rtcp_tx_stats *out);
/* The round trip by RTCP's reports, of any stream, the latest; 0: not measured. */
WEIR_API weir_duration weir_peer_media_rtt(const struct weir_peer *p);

#endif
