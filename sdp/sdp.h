/* Session descriptions: parse, judge, write, and the offer/answer rules that WebRTC needs.
 *
 * [RFC 8866] the language, [RFC 8829] JSEP, [RFC 9143] BUNDLE, [RFC 8839] ICE, [RFC 8842] DTLS,
 * [RFC 8841] SCTP, [RFC 5761] rtcp-mux, [RFC 4585] feedback, [RFC 8285] header extensions,
 * [RFC 5576] sources.
 *
 * One struct weir_sdp serves both ways: the parser fills it with spans into the text, the offer and
 * answer functions fill it with spans into what the caller gave, the writer writes it. Spans live as
 * long as what they point into. Lines that are not understood are skipped and never echoed.
 *
 * What is faulty is left out alone: a line that breaks its rule is passed over and counted, a section that
 * cannot be used says why in its `verdict` and is answered with port 0. The whole is refused where it is no
 * description at all, or where nothing in it can be used because of a fault.
 *
 * There is no state here and no memory beyond the struct, about 190 KiB: keep one per thread as scratch,
 * and do not copy it, for sections point into it.
 */
#ifndef WEIR_SDP_SDP_H
#define WEIR_SDP_SDP_H

#include "core/base.h"

#define WEIR_SDP_BYTES_MAX 131072  /* of text; Chromium with eight cameras writes 37 KiB */
#define WEIR_SDP_LINES_MAX 8000
#define WEIR_SDP_MEDIA_MAX 64      /* m= sections that are read; others are answered with port 0 */
#define WEIR_SDP_CODECS_MAX 96     /* payload types per section, as many as may be chosen freely */
#define WEIR_SDP_CODECS_ALL 1536   /* of all sections together: 24 each; Chromium offers 23 for video */
#define WEIR_SDP_EXTS_MAX 16
#define WEIR_SDP_SSRCS_MAX 16
#define WEIR_SDP_CANDIDATES_MAX 24
#define WEIR_SDP_FINGERPRINTS_MAX 8 /* of the strongest kind that is there; weaker ones decide nothing */
#define WEIR_SDP_RIDS_MAX 4
#define WEIR_SDP_MID_MAX 32
#define WEIR_SDP_NONE UINT32_MAX

enum weir_sdp_verdict {
    WEIR_SDP_OK,
    /* Of the whole. */
    WEIR_SDP_LONG,          /* more bytes or lines than the limits */
    WEIR_SDP_LIMIT,         /* longer than the configuration allows, or a section beyond its number */
    WEIR_SDP_CONTROL,       /* a NUL, or a CR that is not before a LF */
    WEIR_SDP_LINE,          /* a line is not <letter>=<value> [RFC 8866 5] */
    WEIR_SDP_FIRST,         /* does not begin with v=0 [RFC 8866 5.1] */
    WEIR_SDP_ORIGIN,        /* o= has not six fields [RFC 8866 5.2] */
    WEIR_SDP_MEDIA,         /* m= has not four fields [RFC 8866 5.14] */
    /* Of a section, which is then rejected alone. */
    WEIR_SDP_PORT,          /* a port above 65535 */
    WEIR_SDP_FORMAT,        /* no payload type up to 127 [RFC 3551 6] */
    WEIR_SDP_MID,           /* empty, longer than 32, or not a token [RFC 5888] */
    WEIR_SDP_MID_TWICE,     /* a section before has the same mid */
    WEIR_SDP_SCTP_PORT,     /* 0 or above 65535 [RFC 8841 5] */
    WEIR_SDP_RTCP_MUX,      /* RTP without rtcp-mux [RFC 8829 5.1.1] */
    WEIR_SDP_UNSUPPORTED,   /* another kind of section than audio, video and one of data channels */
    WEIR_SDP_NO_CODEC,      /* no codec that both sides know */
    WEIR_SDP_NOT_BUNDLED,   /* a second transport would be needed */
    /* Of the transport, with all sections that need it. */
    WEIR_SDP_NO_ICE,        /* there is no ice-ufrag or ice-pwd */
    WEIR_SDP_NO_DTLS,       /* there is no usable fingerprint */
    WEIR_SDP_HOLDCONN,      /* not for DTLS [RFC 8842 5.1 MUST NOT] */
    WEIR_SDP_BOTH_LITE,     /* neither end would check a path [RFC 8445 8.2 OMITTED] */
    /* Of a line, which is then passed over alone; of the transport, where it leaves it without. */
    WEIR_SDP_UFRAG,         /* shorter than 4, longer than 256, or bad characters [RFC 8839 5.4] */
    WEIR_SDP_PWD,           /* shorter than 22, longer than 256, or bad characters */
    WEIR_SDP_FINGERPRINT,   /* malformed, of a length unlike its hash's, or one too many [RFC 8122 5] */
    WEIR_SDP_SETUP,         /* not active, passive, actpass or holdconn [RFC 8842 5] */
    WEIR_SDP_RTPMAP,        /* no payload type, name or clock; clock or channels out of range */
    WEIR_SDP_FMTP,
    WEIR_SDP_FEEDBACK,
    WEIR_SDP_EXTMAP,        /* id 0 or above 255, or no URI [RFC 8285 5] */
    WEIR_SDP_SSRC,
    WEIR_SDP_GROUP,         /* BUNDLE names a mid that no section has, or names it twice [RFC 9143] */
    WEIR_SDP_MAX_MESSAGE,
    WEIR_SDP_PAYLOAD,       /* a payload type above 127, twice, or one too many */
    /* Of an answer. */
    WEIR_SDP_ANSWER_SHAPE,  /* sections of the answer do not match those of the offer [RFC 3264 6] */
    WEIR_SDP_ANSWER_SETUP,  /* an answer must choose active or passive [RFC 8842 5.3] */
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

enum weir_sdp_setup {
    WEIR_SDP_SETUP_NONE,
    WEIR_SDP_ACTPASS,
    WEIR_SDP_ACTIVE,
    WEIR_SDP_PASSIVE,
    WEIR_SDP_SETUP_HOLDCONN, /* read, never written */
    WEIR_SDP_SETUP_BAD,      /* likewise: another word */
};

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

/* From the weakest to the strongest. Weaker ones than these, and those that nobody knows, are passed over
 * [RFC 8122 5]. */
enum weir_sdp_hash { WEIR_SDP_SHA256, WEIR_SDP_SHA384, WEIR_SDP_SHA512 };

struct weir_sdp_fingerprint {
    enum weir_sdp_hash hash;
    uint8_t bytes;
    uint8_t digest[64];
};

struct weir_sdp_codec {
    uint8_t payload_type;
    uint8_t channels;       /* 0 = not given */
    uint8_t feedback;       /* enum weir_sdp_feedback bits */
    uint32_t clock_hz;      /* 0 = no rtpmap and not a static type we know */
    uint32_t config;        /* see weir_sdp_codec_config; written where fmtp is empty */
    struct weir_span name;
    struct weir_span fmtp;  /* from the parameters of its first a=fmtp to the end of its last one */
};

struct weir_sdp_ext {
    uint8_t id;
    uint8_t direction; /* enum weir_sdp_direction */
    struct weir_span uri;
};

struct weir_sdp_media {
    enum weir_sdp_kind kind;
    enum weir_sdp_verdict verdict; /* the rule that it broke, or why it cannot be used; OK: it can */
    uint32_t verdict_line;
    uint32_t line;           /* of its m= */
    uint16_t port;           /* 0 = rejected, unless bundle-only */
    bool is_bundle_only;
    bool is_bundled;         /* named in a BUNDLE group ... */
    uint16_t group;          /* ... the so-manieth, counted from 1 ... */
    uint16_t group_at;       /* ... at this place, counted from 1 */
    bool is_old_data;        /* "DTLS/SCTP 5000" and a=sctpmap [draft-ietf-mmusic-sctp-sdp-07] */
    enum weir_sdp_direction direction;
    struct weir_span profile; /* as written, for rejecting it in the same words */
    struct weir_span format;  /* the first format as written */
    struct weir_span media;   /* the media word as written */
    struct weir_span mid;
    struct weir_span ufrag, pwd;
    enum weir_sdp_verdict transport_fault; /* the first line of its transport that was passed over */
    uint32_t transport_line;
    struct weir_span tls_id;  /* [RFC 8842 4] */
    bool has_trickle;
    uint8_t sped;            /* enum weir_sdp_sped bits */
    bool has_end_of_candidates;
    enum weir_sdp_setup setup;
    bool has_rtcp_mux, has_rtcp_rsize;
    uint32_t fingerprints;
    struct weir_sdp_fingerprint fingerprint[WEIR_SDP_FINGERPRINTS_MAX];
    uint32_t codecs;
    struct weir_sdp_codec *codec; /* in the pool of the description */
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
    struct weir_span session_id; /* digits, if its writer keeps the rules */
    uint64_t session_version;    /* 0 when it is no number */
    bool has_ice_lite;
    bool has_bundle;
    bool has_extmap_allow_mixed;
    uint32_t groups;         /* BUNDLE groups */
    uint32_t transport;      /* the section whose transport is used, once judged; or WEIR_SDP_NONE */
    uint32_t passed_over;    /* lines that broke their rule ... */
    struct weir_sdp_error first_passed; /* ... and the first of them */
    uint32_t medias;
    struct weir_sdp_media media[WEIR_SDP_MEDIA_MAX];
    uint32_t rest_medias;    /* sections beyond WEIR_SDP_MEDIA_MAX ... */
    struct weir_span rest;   /* ... as text, for rejecting them; empty: as audio */
    uint32_t codecs;         /* used of the pool */
    struct weir_sdp_codec codec[WEIR_SDP_CODECS_ALL];
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
    enum weir_sdp_setup setup;   /* for an answer: which of active or passive we like, or are */
    struct weir_span tls_id;     /* answers repeat it only to who offered one */
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
    uint32_t sections_max;       /* those behind them are rejected; 0 = WEIR_SDP_MEDIA_MAX */
    uint32_t codecs_max;         /* payload types per section of an answer; 0 = WEIR_SDP_CODECS_MAX */
    uint32_t rest_medias;        /* of an offer: rejected ones that keep their place behind ours */
};

/* One section of ours. */
struct weir_sdp_section {
    enum weir_sdp_kind kind;
    enum weir_sdp_direction direction; /* what we would like; an answer reduces it */
    struct weir_span mid;              /* for an offer */
    uint32_t ssrc;                     /* ours, when we send */
    struct weir_span msid;
    bool is_rejected;                  /* its place is kept, and nothing else */
    const struct weir_sdp_codec *codec; /* of an offer: these instead of all that we know ... */
    uint32_t codecs;                   /* ... so many; 0 = all */
    uint8_t mid_ext;                   /* of an offer: id of the MID extension; 0 = 1 */
};

/* Which sections of this remote offer can be used, on which transport? That of the first mid in the BUNDLE
 * group's list that neither side rejects [RFC 9143 7.3.1]; without a group the first section alone. Fills
 * in each section's verdict and the transport. An offer of which nothing is left is good, and is answered
 * with rejections; unless a fault of the offer is the cause: that is the verdict then. */
WEIR_API WEIR_MUST_CHECK enum weir_sdp_verdict weir_sdp_judge_offer(struct weir_sdp *offer,
                                                                    const struct weir_sdp_local *local,
                                                                    struct weir_sdp_error *error);

/* Does this remote answer fit the offer we made? The same for its sections; payload types whose codec is
 * configured otherwise than any that we offered are taken out. */
WEIR_API WEIR_MUST_CHECK enum weir_sdp_verdict weir_sdp_judge_answer(const struct weir_sdp *offer,
                                                                     struct weir_sdp *answer,
                                                                     struct weir_sdp_error *error);

/* Build the answer to a judged offer. section[i] is ours for the offer's i-th. */
WEIR_API void weir_sdp_make_answer(const struct weir_sdp *offer, const struct weir_sdp_local *local,
                                   const struct weir_sdp_section *section, struct weir_sdp *answer);

/* Build an offer of `sections` sections, at most WEIR_SDP_MEDIA_MAX. */
WEIR_API void weir_sdp_make_offer(const struct weir_sdp_local *local,
                                  const struct weir_sdp_section *section, uint32_t sections,
                                  struct weir_sdp *offer);

/* Was this section accepted: neither rejected by who wrote it nor by us? */
WEIR_API bool weir_sdp_is_accepted(const struct weir_sdp_media *m);

/* The section whose transport is used, as judged, or of what we built; NULL without one. */
WEIR_API const struct weir_sdp_media *weir_sdp_transport(const struct weir_sdp *sdp);

/* What configures a codec, as one number, so that it can be kept and written again: of H.264 packetization
 * mode and profile-level-id [RFC 6184 8.1], of VP9 and AV1 the profile. False: the parameters are no good,
 * or ask for what is not done here. */
WEIR_API WEIR_MUST_CHECK bool weir_sdp_codec_config(const struct weir_sdp_codec *c, uint32_t *config);
/* Can a stream of one be decoded as the other? By each codec's own rules; name and clock are not asked. */
WEIR_API bool weir_sdp_same_config(struct weir_span name, uint32_t a, uint32_t b);

/* Base64 [RFC 4648 4], padded and without breaks. Reading gives the bytes, 0 when the text is empty, not
 * base64, or longer than fits. */
WEIR_API void weir_sdp_base64_write(struct weir_wr *w, struct weir_span bytes);
WEIR_API size_t weir_sdp_base64_read(struct weir_span text, struct weir_mspan out);

/* Case-insensitive comparison of ASCII, as codec names want it. */
WEIR_API bool weir_sdp_same_name(struct weir_span a, struct weir_span b);

#endif
