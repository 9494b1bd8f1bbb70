/* Shared by the files of srtp/; included nowhere else. */
#ifndef WEIR_SRTP_INT_H
#define WEIR_SRTP_INT_H

#include "srtp/srtp.h"

#define RTP_INDEX_MAX (((uint64_t)1 << 48) - 1)   /* [RFC 3711 9.2] */
#define RTCP_INDEX_MAX (((uint64_t)1 << 31) - 1)
#define RTCP_HEADER_BYTES 8                       /* first header and sender SSRC, never encrypted */
#define AEAD_TAG_BYTES 16
#define SHA1_80_TAG_BYTES 10
#define RTCP_INDEX_BYTES 4

/* Where the parts of an RTP packet begin: all before `payload_at` is authenticated only. */
struct rtp_frame {
    size_t payload_at;
    uint16_t seq;
    uint32_t ssrc;
    uint16_t ext_profile; /* 0 without extension */
    size_t ext_at;        /* of the extension data */
    size_t ext_bytes;
};

enum weir_srtp_verdict weir_srtp_frame(struct weir_span packet, struct rtp_frame *out);

/* -- Replay window: estimate, check, note, apart, so that nothing is marked before it is verified -- */

/* The 48-bit index that a sequence number most likely means [RFC 3711 3.3.1, appendix A]. */
uint64_t weir_replay_estimate(const struct weir_replay *r, uint16_t seq);
enum weir_srtp_verdict weir_replay_check(const struct weir_replay *r, uint64_t index);
void weir_replay_note(struct weir_replay *r, uint64_t index);

/* -- Streams ----------------------------------------------------------------------------------- */

/* The stream of an SSRC, or a blank one, which is lost unless it is kept before the next call. */
struct weir_srtp_stream *weir_srtp_stream_of(struct weir_srtp *s, uint32_t ssrc);
/* Whether it can be kept and none forgotten for it. */
bool weir_srtp_stream_fits(const struct weir_srtp *s, const struct weir_srtp_stream *stream);
/* A packet of the stream was verified or sealed. */
void weir_srtp_stream_keep(struct weir_srtp *s, struct weir_srtp_stream *stream);

/* -- Keys -------------------------------------------------------------------------------------- */

static inline bool weir_srtp_is_aead(enum weir_srtp_profile p)
{
    return p != WEIR_SRTP_AES128_CM_SHA1_80;
}

/* Session keys as they are, without derivation: what the published vectors start from. */
bool weir_srtp_keys_set(const struct weir_crypto *c, struct weir_srtp_keys *k,
                        enum weir_srtp_profile p, const uint8_t *key, const uint8_t *salt,
                        struct weir_span auth);

/* Derive [RFC 3711 4.3.1] the `bytes` of session key that `label` names. */
bool weir_srtp_derive(const struct weir_crypto *c, enum weir_srtp_profile p, const uint8_t *key,
                      const uint8_t *salt, uint8_t label, struct weir_mspan out);

#endif
