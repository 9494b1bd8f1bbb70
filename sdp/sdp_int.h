/* Shared by the files of sdp/; included nowhere else. */
#ifndef WEIR_SDP_INT_H
#define WEIR_SDP_INT_H

#include "sdp/sdp.h"

#define SDP_STREAMS_OLD 65535 /* of a=sctpmap */
#define SDP_PROFILE_RTP "UDP/TLS/RTP/SAVPF"
#define SDP_PROFILE_SCTP "UDP/DTLS/SCTP"
#define SDP_DATA_CHANNEL "webrtc-datachannel"
#define SDP_EXT_MID "urn:ietf:params:rtp-hdrext:sdes:mid"

/* -- Text (sdp_text.c) ------------------------------------------------------------------------- */

/* The next line without its end and without blanks before that. False at the end of the text. */
bool weir_sdp_line(struct weir_rd *text, struct weir_span *line);
/* The next word up to `stop` or the end, which is consumed; false when it is empty. */
bool weir_sdp_word(struct weir_rd *r, uint8_t stop, struct weir_span *word);
/* The next word of a list with any number of blanks between; false at its end. */
bool weir_sdp_item(struct weir_rd *r, struct weir_span *word);
void weir_sdp_skip_blanks(struct weir_rd *r);
/* A whole span as a decimal number of at most `max`. */
bool weir_sdp_number(struct weir_span word, uint64_t max, uint64_t *out);
/* The value of one hexadecimal digit; -1 for others. */
int weir_sdp_hex_digit(uint8_t c);
/* Consume a literal prefix. */
bool weir_sdp_prefix(struct weir_rd *r, const char *literal);
bool weir_sdp_is(struct weir_span s, const char *literal);
bool weir_sdp_is_token(struct weir_span s);
bool weir_sdp_is_ice_text(struct weir_span s, size_t least, size_t most);

/* -- Attributes (sdp_attr.c) ------------------------------------------------------------------- */

/* Session-level values that sections inherit. */
struct sdp_session {
    struct weir_sdp_media defaults; /* ufrag, pwd, setup, fingerprints, direction, trickle */
    uint32_t line;                  /* that is read now */
};

/* Read the value of one a= line into a section (or the session's defaults). What it breaks is passed over,
 * or is the section's. */
void weir_sdp_attribute(struct weir_sdp *sdp, struct sdp_session *session, struct weir_sdp_media *m,
                        bool is_session, struct weir_rd r);
/* A line was passed over. */
void weir_sdp_pass_over(struct weir_sdp *sdp, uint32_t line, enum weir_sdp_verdict v);
/* The section broke a rule: the first one counts. */
void weir_sdp_fault(struct weir_sdp_media *m, uint32_t line, enum weir_sdp_verdict v);

/* What may follow once all lines are read: static payload types, inherited values. */
void weir_sdp_complete(struct weir_sdp_media *m, const struct sdp_session *session);

/* -- Format parameters (sdp_fmtp.c) ------------------------------------------------------------ */

/* Write those parameters of a codec that we repeat; nothing when there are none. */
void weir_sdp_write_fmtp(struct weir_wr *w, const struct weir_sdp_codec *c);
/* The a=fmtp line's parameters belong to the codec, beside those that it has. */
void weir_sdp_add_fmtp(struct weir_sdp_codec *c, struct weir_span parameters);

/* -- Judging (sdp_judge.c) --------------------------------------------------------------------- */

/* Is the codec one that we carry, configured in a way that we do? */
bool weir_sdp_knows_codec(const struct weir_sdp_local *local, enum weir_sdp_kind kind,
                          const struct weir_sdp_codec *c);
/* The accepted section that a BUNDLE group names first, or the first of all; WEIR_SDP_NONE without one. */
uint32_t weir_sdp_first_of_group(const struct weir_sdp *sdp, uint32_t group);
struct weir_span weir_sdp_text(const char *s);

#endif
