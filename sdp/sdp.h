/* Session descriptions: parse, judge, write, and the offer/answer rules that WebRTC needs.
 *
 * [RFC 8866] the language, [RFC 8829] JSEP, [RFC 9143] BUNDLE, [RFC 8839] ICE, [RFC 8842] DTLS,
 * [RFC 8841] SCTP, [RFC 5761] rtcp-mux, [RFC 4585] feedback, [RFC 8285] header extensions,
 * [RFC 5576] sources.
 *
 * One struct weir_sdp serves both ways: the parser fills it with spans into the text, the offer and
 * answer functions fill it with spans into what the caller gave, the writer writes it. Spans live as
 * long as what they point into. Lines that are not understood are skipped and never echoed. There is
 * no state here and no memory beyond the struct, about 60 KiB: keep one per thread as scratch.
 */
#ifndef WEIR_SDP_SDP_H
#define WEIR_SDP_SDP_H

#include "core/base.h"

#define WEIR_SDP_BYTES_MAX 65536   /* of text; Chromium's largest simulcast offers are about 12 KiB */
#define WEIR_SDP_LINES_MAX 2000
#define WEIR_SDP_MEDIA_MAX 16      /* m= sections */
#define WEIR_SDP_CODECS_MAX 48     /* payload types per section; Chromium offers 23 for video */
#define WEIR_SDP_EXTS_MAX 16
#define WEIR_SDP_SSRCS_MAX 16
#define WEIR_SDP_CANDIDATES_MAX 24
#define WEIR_SDP_FINGERPRINTS_MAX 4
#define WEIR_SDP_RIDS_MAX 4

enum weir_sdp_verdict {
    WEIR_SDP_OK,
    WEIR_SDP_LONG,          /* more bytes or lines than the limits */
    WEIR_SDP_CONTROL,       /* a NUL, or a CR that is not before a LF */
    WEIR_SDP_LINE,          /* a line is not <letter>=<value> [RFC 8866 5] */
    WEIR_SDP_FIRST,         /* does not begin with v=0 [RFC 8866 5.1] */
    WEIR_SDP_ORIGIN,        /* o= has not six fields, or numbers are not numbers [RFC 8866 5.2] */
    WEIR_SDP_MEDIA,         /* m= has not four fields [RFC 8866 5.14] */
    WEIR_SDP_MEDIA_COUNT,   /* more m= sections than WEIR_SDP_MEDIA_MAX */
    WEIR_SDP_PORT,          /* a port above 65535 */
    WEIR_SDP_PROFILE,       /* not UDP/TLS/RTP/SAVPF or UDP/DTLS/SCTP [RFC 8829 5.1.2] */
    WEIR_SDP_FORMAT,        /* a payload type above 127, or none, or too many [RFC 3551 6] */
    WEIR_SDP_RTPMAP,        /* no payload type, name or clock; clock or channels out of range */
    WEIR_SDP_FMTP,
    WEIR_SDP_FEEDBACK,
    WEIR_SDP_EXTMAP,        /* id 0 or above 255, or no URI [RFC 8285 5] */
    WEIR_SDP_SSRC,
    WEIR_SDP_MID,           /* empty, longer than 31, not a token, or missing in BUNDLE [RFC 5888] */
    WEIR_SDP_MID_TWICE,     /* two sections with one mid */
    WEIR_SDP_GROUP,         /* BUNDLE names a mid that no section has, or names it twice [RFC 9143] */
    WEIR_SDP_UFRAG,         /* shorter than 4, longer than 256, or bad characters [RFC 8839 5.4] */
    WEIR_SDP_PWD,           /* shorter than 22, longer than 256, or bad characters */
    WEIR_SDP_FINGERPRINT,   /* malformed, or of a length that does not fit its hash [RFC 8122 5] */
    WEIR_SDP_SETUP,         /* not active, passive or actpass [RFC 8842 5] */
    WEIR_SDP_SCTP_PORT,     /* missing, 0 or above 65535 [RFC 8841 5] */
    WEIR_SDP_MAX_MESSAGE,
    WEIR_SDP_RTCP_MUX,      /* RTP without rtcp-mux [RFC 8829 5.1.1] */
    WEIR_SDP_NO_ICE,        /* an accepted section has no ice-ufrag or ice-pwd */
    WEIR_SDP_NO_DTLS,       /* an accepted section has no usable fingerprint or setup */
    WEIR_SDP_BOTH_LITE,     /* neither end would check a path [RFC 8445 8.2 OMITTED] */
    WEIR_SDP_NOT_BUNDLED,   /* a second transport would be needed */
    WEIR_SDP_ANSWER_SHAPE,  /* sections of the answer do not match those of the offer [RFC 3264 6] */
    WEIR_SDP_ANSWER_SETUP,  /* an answer must choose active or passive [RFC 8842 5.3] */
    WEIR_SDP_NOTHING,       /* no section can be accepted */
    WEIR_SDP_VERDICTS,
};

/* Where and why: line numbers start at 1; 0 stands for the description as a whole. */
struct weir_sdp_error {
    enum weir_sdp_verdict verdict;
    uint32_t line;
};

WEIR_API const char *weir_sdp_verdict_name(enum weir_sdp_verdict v);
/* The rule as a sentence, with the section of its specification. */
WEIR_API const char *weir_sdp_verdict_text(enum weir_sdp_verdict v);

enum weir_sdp_kind { WEIR_SDP_AUDIO, WEIR_SDP_VIDEO, WEIR_SDP_DATA, WEIR_SDP_OTHER };

/* Bits: whoever wrote the description sends, receives. */
enum weir_sdp_direction {
    WEIR_SDP_INACTIVE = 0,
    WEIR_SDP_SENDONLY = 1,
    WEIR_SDP_RECVONLY = 2,
    WEIR_SDP_SENDRECV = 3,
};

enum weir_sdp_setup { WEIR_SDP_SETUP_NONE, WEIR_SDP_ACTPASS, WEIR_SDP_ACTIVE, WEIR_SDP_PASSIVE };

enum weir_sdp_feedback {
    WEIR_SDP_FB_NACK = 1,
    WEIR_SDP_FB_PLI = 2,
    WEIR_SDP_FB_FIR = 4,
    WEIR_SDP_FB_REMB = 8,
    WEIR_SDP_FB_TWCC = 16,
    WEIR_SDP_FB_CCFB = 32,
};

/* The names of one ICE option, that checks carry DTLS [draft-hancke-webrtc-sped]: the draft's, and the one
 * that Chromium uses beside it. */
enum weir_sdp_sped {
    WEIR_SDP_SPED = 1,
    WEIR_SDP_SPED_GOOG = 2,
};

enum weir_sdp_hash { WEIR_SDP_SHA256, WEIR_SDP_SHA384, WEIR_SDP_SHA512, WEIR_SDP_WEAK_HASH };

struct weir_sdp_fingerprint {
    enum weir_sdp_hash hash; /* WEAK_HASH: understood, never to be trusted [RFC 8122 5] */
    uint8_t bytes;
    uint8_t digest[64];
};

struct weir_sdp_codec {
    uint8_t payload_type;
    uint8_t channels;       /* 0 = not given */
    uint8_t feedback;       /* enum weir_sdp_feedback bits */
    uint32_t clock_hz;      /* 0 = no rtpmap and not a static type we know */
    struct weir_span name;
    struct weir_span fmtp;
};

struct weir_sdp_ext {
    uint8_t id;
    uint8_t direction; /* enum weir_sdp_direction */
    struct weir_span uri;
};

struct weir_sdp_media {
    enum weir_sdp_kind kind;
    uint32_t line;           /* of its m= */
    uint16_t port;           /* 0 = rejected, unless bundle-only */
    bool is_bundle_only;
    bool is_bundled;         /* named in the BUNDLE group */
    enum weir_sdp_direction direction;
    struct weir_span profile; /* as written, for rejecting it in the same words */
    struct weir_span format;  /* the first format as written */
    struct weir_span media;   /* the media word as written */
    struct weir_span mid;
    struct weir_span ufrag, pwd;
    bool has_trickle;
    uint8_t sped;            /* enum weir_sdp_sped bits */
    bool has_end_of_candidates;
    enum weir_sdp_setup setup;
    bool has_rtcp_mux, has_rtcp_rsize;
    uint32_t fingerprints;
    struct weir_sdp_fingerprint fingerprint[WEIR_SDP_FINGERPRINTS_MAX];
    uint32_t codecs;
    struct weir_sdp_codec codec[WEIR_SDP_CODECS_MAX];
    uint32_t exts;
    struct weir_sdp_ext ext[WEIR_SDP_EXTS_MAX];
    uint32_t ssrcs;
    uint32_t ssrc[WEIR_SDP_SSRCS_MAX]; /* in the order of their first line */
    struct weir_span cname;
    struct weir_span msid;             /* "stream track" */
    uint32_t candidates, candidates_skipped;
    struct weir_span candidate[WEIR_SDP_CANDIDATES_MAX]; /* "candidate:..." without a= */
    uint32_t rids;
    struct weir_span rid[WEIR_SDP_RIDS_MAX]; /* a=rid:<x> send */
    uint16_t sctp_port;
    uint32_t max_message_size; /* 0 = no limit; 65536 when not said [RFC 8841 6.1] */
    struct weir_span sctp_init; /* an INIT chunk as base64, unread [draft-hancke-tsvwg-snap] */
};

struct weir_sdp {
    struct weir_span session_id; /* digits */
    uint64_t session_version;
    bool has_ice_lite;
    bool has_bundle;
    bool has_extmap_allow_mixed;
    uint32_t medias;
    struct weir_sdp_media media[WEIR_SDP_MEDIA_MAX];
};

/* Parse a description. On anything but OK *error says where, and *out must not be used. */
WEIR_API WEIR_MUST_CHECK enum weir_sdp_verdict weir_sdp_parse(struct weir_span text,
                                                              struct weir_sdp *out,
                                                              struct weir_sdp_error *error);

/* Write a description; false when it does not fit the writer. */
WEIR_API WEIR_MUST_CHECK bool weir_sdp_write(struct weir_wr *w, const struct weir_sdp *sdp);

/* -- Offer and answer -------------------------------------------------------------------------- */

/* A codec that we are ready to send and receive, by its registered name. */
struct weir_sdp_codec_name {
    const char *name;
    enum weir_sdp_kind kind;
    uint32_t clock_hz;
    uint8_t channels;
    uint8_t payload_type; /* ours, when we offer */
    const char *fmtp;     /* ours, when we offer; or NULL */
};

/* What this side can do and how it presents itself. Everything pointed to outlives the description. */
struct weir_sdp_local {
    struct weir_span session_id; /* the digits of a random number below 2^62 [RFC 8829 5.2.1] */
    uint64_t session_version;
    struct weir_span ufrag, pwd;
    uint8_t fingerprint_sha256[32];
    enum weir_sdp_setup setup;   /* for an answer: which of active or passive we like; else ACTPASS */
    const struct weir_span *candidate; /* "candidate:..." lines */
    uint32_t candidates;
    bool has_end_of_candidates;
    bool is_lite;                /* of ICE [RFC 8839 5.3] */
    uint8_t sped;                /* enum weir_sdp_sped bits; answers repeat those that were offered */
    uint16_t sctp_port;
    uint32_t max_message_size;
    struct weir_span sctp_init;  /* base64; answers repeat it only to who offered one. Empty: none */
    struct weir_span cname;
    const struct weir_sdp_codec_name *codec; /* ends with a NULL name */
    bool is_data_only;           /* reject audio and video */
};

/* One section of ours. */
struct weir_sdp_section {
    enum weir_sdp_kind kind;
    enum weir_sdp_direction direction; /* what we would like; an answer reduces it */
    struct weir_span mid;              /* for an offer */
    uint32_t ssrc;                     /* ours, when we send */
    struct weir_span msid;
};

/* Is this remote offer one that we can answer on one transport? */
WEIR_API WEIR_MUST_CHECK enum weir_sdp_verdict weir_sdp_judge_offer(const struct weir_sdp *offer,
                                                                    const struct weir_sdp_local *local,
                                                                    struct weir_sdp_error *error);

/* Does this remote answer fit the offer we made? */
WEIR_API WEIR_MUST_CHECK enum weir_sdp_verdict weir_sdp_judge_answer(const struct weir_sdp *offer,
                                                                     const struct weir_sdp *answer,
                                                                     struct weir_sdp_error *error);

/* Build the answer to a judged offer. section[i] is ours for the offer's i-th. */
WEIR_API void weir_sdp_make_answer(const struct weir_sdp *offer, const struct weir_sdp_local *local,
                                   const struct weir_sdp_section *section, struct weir_sdp *answer);

/* Build an offer of `sections` sections, at most WEIR_SDP_MEDIA_MAX. */
WEIR_API void weir_sdp_make_offer(const struct weir_sdp_local *local,
                                  const struct weir_sdp_section *section, uint32_t sections,
                                  struct weir_sdp *offer);

/* Was this section accepted (neither rejected nor of a kind we do not do)? */
WEIR_API bool weir_sdp_is_accepted(const struct weir_sdp_media *m);

/* The first accepted section, which carries the transport of the bundle; NULL without one. */
WEIR_API const struct weir_sdp_media *weir_sdp_transport(const struct weir_sdp *sdp);

/* Base64 [RFC 4648 4], padded and without breaks. Reading gives the bytes, 0 when the text is empty, not
 * base64, or longer than fits. */
WEIR_API void weir_sdp_base64_write(struct weir_wr *w, struct weir_span bytes);
WEIR_API size_t weir_sdp_base64_read(struct weir_span text, struct weir_mspan out);

/* Case-insensitive comparison of ASCII, as codec names want it. */
WEIR_API bool weir_sdp_same_name(struct weir_span a, struct weir_span b);

#endif
