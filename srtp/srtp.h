/* RTP headers, and the transforms that protect RTP and RTCP [RFC 3550, 3711, 7714].
 *
 * Two things live here. A codec: weir_rtp_parse, weir_rtp_write and the header-extension iterator of
 * RFC 8285. And a transform: one struct weir_srtp per direction, made from a master key, that opens
 * or seals packets in place. There is no clock and no event; the machine contract's five verbs shrink
 * to these calls.
 *
 * Opening goes: find the stream, estimate the index, check replay, verify, decrypt, and only then
 * remember the stream, its rollover counter and its replay window [RFC 3711 3.3]. A packet that fails
 * changes nothing but a counter.
 *
 * Memory: sizeof(struct weir_srtp) is 16,576 bytes per direction: 65 streams of 168 bytes, and 128 times 16
 * for what is left of earlier ones. Copying the struct copies the state; wipe it after use.
 */
#ifndef WEIR_SRTP_SRTP_H
#define WEIR_SRTP_SRTP_H

#include "core/base.h"
#include "core/crypto.h"

/* -- RTP header [RFC 3550 5.1] ----------------------------------------------------------------- */

#define WEIR_RTP_HEADER_BYTES 12
#define WEIR_RTP_EXT_ONE_BYTE 0xBEDE  /* profile of one-byte extensions [RFC 8285 4.2] */
#define WEIR_RTP_EXT_TWO_BYTE 0x1000  /* profile of two-byte extensions, low four bits free */
#define WEIR_RTP_EXT_TWO_MASK 0xFFF0

struct weir_rtp_header {
    bool has_marker;
    bool has_extension;
    uint8_t payload_type; /* 0..127 */
    uint8_t csrc_count;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    uint16_t ext_profile;
    struct weir_span ext;     /* extension data without its 4-byte header; within the packet */
    struct weir_span payload; /* without padding; within the packet */
    uint8_t padding_bytes;
};

/* One header extension. */
struct weir_rtp_ext {
    uint8_t id;            /* 1..14, or 1..255 in the two-byte form */
    struct weir_span data; /* within the packet */
};

struct weir_rtp_ext_iter {
    struct weir_rd rd;
    bool is_two_byte;
    bool is_done;
};

/* -- Verdicts ---------------------------------------------------------------------------------- */

enum weir_srtp_verdict {
    WEIR_SRTP_OK,
    WEIR_SRTP_SHORT,     /* shorter than header, tag and index [RFC 3711 3.1] */
    WEIR_SRTP_VERSION,   /* version is not 2 [RFC 3550 5.1] */
    WEIR_SRTP_CSRC,      /* CSRC list runs past the end */
    WEIR_SRTP_EXTENSION, /* header extension runs past the end */
    WEIR_SRTP_PADDING,   /* padding count is 0 or larger than the payload */
    WEIR_SRTP_CRYPTEX,   /* encrypted header extensions, never negotiated [RFC 9335 5.1] */
    WEIR_SRTP_OLD,       /* older than the replay window [RFC 3711 3.3.2] */
    WEIR_SRTP_REPLAY,    /* seen before [RFC 3711 3.3.2]; on sealing: index already used */
    WEIR_SRTP_CLEAR,     /* SRTCP without encryption, which was not negotiated */
    WEIR_SRTP_AUTH,      /* authentication failed */
    WEIR_SRTP_LIMIT,     /* the key's packet limit is reached [RFC 3711 9.2] */
    WEIR_SRTP_ROOM,      /* no tail-room for tag and index */
    WEIR_SRTP_FULL,      /* on sealing: one SSRC more than the key may have, for none may be forgotten */
    WEIR_SRTP_VERDICTS,
};

WEIR_API const char *weir_srtp_verdict_name(enum weir_srtp_verdict v);

/* Parse a plain RTP packet. On anything but OK *out is unspecified. */
WEIR_API WEIR_MUST_CHECK enum weir_srtp_verdict weir_rtp_parse(struct weir_span packet,
                                                               struct weir_rtp_header *out);

/* Write header and extension data (padded here to 32 bits); payload and padding are the caller's to
 * append. csrc_count and padding are written as zero. */
WEIR_API void weir_rtp_write(struct weir_wr *w, const struct weir_rtp_header *h);

/* Walk through the header extensions of a parsed packet. False at the end, and also at the first
 * element that does not fit: what came before it stands [RFC 8285 4.1.2, 4.3 MUST]. */
WEIR_API struct weir_rtp_ext_iter weir_rtp_ext_begin(const struct weir_rtp_header *h);
WEIR_API WEIR_MUST_CHECK bool weir_rtp_ext_next(struct weir_rtp_ext_iter *it,
                                                struct weir_rtp_ext *out);

/* -- SRTP -------------------------------------------------------------------------------------- */

/* Registered in RFC 5764 4.1.2 and RFC 7714 14.2. */
enum weir_srtp_profile {
    WEIR_SRTP_NONE = 0,
    WEIR_SRTP_AES128_CM_SHA1_80 = 0x0001,
    WEIR_SRTP_AEAD_AES_128_GCM = 0x0007,
    WEIR_SRTP_AEAD_AES_256_GCM = 0x0008,
};

#define WEIR_SRTP_STREAMS_MAX 64   /* SSRCs at one time per direction: 32 videos with retransmission */
#define WEIR_SRTP_RESTS_MAX 128    /* SSRCs that gave their place to others and are remembered; a key seals
                                      for as many as this and the above together */
#define WEIR_SRTP_WINDOW 512       /* packets a reordered one may lag, a power of two, 64 bytes each */
#define WEIR_SRTP_OVERHEAD_MAX 20  /* 16-byte tag and SRTCP index */
#define WEIR_SRTP_KEY_MAX 32
#define WEIR_SRTP_SALT_MAX 14
#define WEIR_SRTP_KEYING_MAX (2 * (WEIR_SRTP_KEY_MAX + WEIR_SRTP_SALT_MAX))

/* Which of the last WEIR_SRTP_WINDOW indices were seen. */
struct weir_replay {
    uint64_t highest;
    bool has_any;
    uint64_t seen[WEIR_SRTP_WINDOW / 64];
};

struct weir_srtp_stream {
    uint32_t ssrc;
    uint32_t used_at;        /* weir_srtp.uses at its last packet */
    struct weir_replay rtp;  /* 48-bit indices: rollover counter and sequence number */
    struct weir_replay rtcp; /* 31-bit indices; on opening only */
};

#define WEIR_SRTP_NO_INDEX UINT64_MAX

/* What is left of a stream that gave its place to another. */
struct weir_srtp_rest {
    uint64_t rtp;  /* highest index, or WEIR_SRTP_NO_INDEX */
    uint32_t rtcp; /* the same, or UINT32_MAX */
    uint32_t ssrc;
};

/* Session keys of RTP or of RTCP [RFC 3711 4.3]. */
struct weir_srtp_keys {
    union {
        struct weir_aead aead;
        struct weir_ctr ctr;
    } cipher;
    struct weir_hmac_key auth; /* CM profiles only */
    uint8_t salt[WEIR_SRTP_SALT_MAX];
};

struct weir_srtp {
    const struct weir_crypto *crypto;
    enum weir_srtp_profile profile;
    struct weir_srtp_keys rtp;
    struct weir_srtp_keys rtcp;
    struct weir_srtp_stream stream[WEIR_SRTP_STREAMS_MAX + 1]; /* the one behind the last is being tried */
    uint32_t streams;
    uint32_t rtcp_sealed; /* the last SRTCP index, of all SSRCs: it only grows */
    uint32_t uses; /* packets opened or sealed */
    struct weir_srtp_rest rest[WEIR_SRTP_RESTS_MAX]; /* the oldest first */
    uint32_t rests;
    uint32_t last; /* where the last packet's stream was found */
    uint32_t verdicts[WEIR_SRTP_VERDICTS];
};

WEIR_API const char *weir_srtp_profile_name(enum weir_srtp_profile p);

/* Master key and salt lengths of a profile in bytes; 0 for one we do not know. */
WEIR_API size_t weir_srtp_key_bytes(enum weir_srtp_profile p);
WEIR_API size_t weir_srtp_salt_bytes(enum weir_srtp_profile p);

/* How much DTLS is to export for both directions [RFC 5764 4.2]. */
WEIR_API size_t weir_srtp_keying_bytes(enum weir_srtp_profile p);

/* Start one direction. False when the provider refuses the key or the profile is unknown. */
WEIR_API WEIR_MUST_CHECK bool weir_srtp_init(struct weir_srtp *s, const struct weir_crypto *crypto,
                                             enum weir_srtp_profile profile, const uint8_t *key,
                                             const uint8_t *salt);

/* Start both directions from what DTLS exported: client key, server key, client salt, server salt
 * [RFC 5764 4.2]. `is_client` is our DTLS role. */
WEIR_API WEIR_MUST_CHECK bool weir_srtp_init_pair(struct weir_srtp *tx, struct weir_srtp *rx,
                                                  const struct weir_crypto *crypto,
                                                  enum weir_srtp_profile profile,
                                                  struct weir_span keying, bool is_client);

/* Open a protected packet in place; *packet shrinks to the plain one. On any verdict but OK the bytes
 * are unspecified and nothing else changed. */
WEIR_API WEIR_MUST_CHECK enum weir_srtp_verdict weir_srtp_open(struct weir_srtp *s,
                                                               struct weir_mspan *packet);
WEIR_API WEIR_MUST_CHECK enum weir_srtp_verdict weir_srtcp_open(struct weir_srtp *s,
                                                                struct weir_mspan *packet);

/* Would it be opened, but for having been seen before? The bytes are changed, the state is not, and nothing
 * is counted. */
WEIR_API WEIR_MUST_CHECK bool weir_srtp_is_ours(struct weir_srtp *s, struct weir_mspan packet,
                                                bool is_rtcp);

/* Seal the first *len bytes of room in place; *len grows by at most WEIR_SRTP_OVERHEAD_MAX. A sequence
 * number may be sealed once: retransmit the sealed bytes, or use another SSRC [RFC 3711 9.1]. Of those a
 * key has WEIR_SRTP_STREAMS_MAX + WEIR_SRTP_RESTS_MAX: one more is refused, and only new keys help. RTCP
 * has no such bound. */
WEIR_API WEIR_MUST_CHECK enum weir_srtp_verdict weir_srtp_seal(struct weir_srtp *s,
                                                               struct weir_mspan room, size_t *len);
/* Seal a packet once more, byte for byte as it was, for sending it again. `sealed_tag` are the last
 * weir_srtp_tag_bytes that sealing gave it: when they differ, it is another packet, AUTH is given, and the
 * room is wiped. OLD: its sequence number was never sealed. */
WEIR_API WEIR_MUST_CHECK enum weir_srtp_verdict weir_srtp_seal_again(struct weir_srtp *s,
                                                                     struct weir_mspan room, size_t *len,
                                                                     struct weir_span sealed_tag);
/* Of this direction; NONE: it was not begun. */
WEIR_API enum weir_srtp_profile weir_srtp_profile(const struct weir_srtp *s);
/* How often a packet met this. */
WEIR_API uint32_t weir_srtp_verdicts(const struct weir_srtp *s, enum weir_srtp_verdict v);
WEIR_API size_t weir_srtp_tag_bytes(const struct weir_srtp *s);
WEIR_API WEIR_MUST_CHECK enum weir_srtp_verdict weir_srtcp_seal(struct weir_srtp *s,
                                                                struct weir_mspan room, size_t *len);

#endif
