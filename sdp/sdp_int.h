/* Shared by the files of sdp/; included nowhere else. */
#ifndef WEIR_SDP_INT_H
#define WEIR_SDP_INT_H

#include "sdp/sdp.h"

#define SDP_PROFILE_RTP "UDP/TLS/RTP/SAVPF"
#define SDP_PROFILE_SCTP "UDP/DTLS/SCTP"
#define SDP_EXT_MID "urn:ietf:params:rtp-hdrext:sdes:mid"

/* -- Text (sdp_text.c) ------------------------------------------------------------------------- */

/* The next line without its end; *number counts. False at the end of the text. */
bool weir_sdp_line(struct weir_rd *text, struct weir_span *line);
/* The next word up to `stop` or the end, which is consumed; false when it is empty. */
bool weir_sdp_word(struct weir_rd *r, uint8_t stop, struct weir_span *word);
/* A whole span as a decimal number of at most `max`. */
bool weir_sdp_number(struct weir_span word, uint64_t max, uint64_t *out);
/* Consume a literal prefix. */
bool weir_sdp_prefix(struct weir_rd *r, const char *literal);
bool weir_sdp_is(struct weir_span s, const char *literal);
bool weir_sdp_is_token(struct weir_span s);
bool weir_sdp_is_ice_text(struct weir_span s, size_t least, size_t most);

/* -- Attributes (sdp_attr.c) ------------------------------------------------------------------- */

/* Session-level values that sections inherit. */
struct sdp_session {
    struct weir_sdp_media defaults; /* ufrag, pwd, setup, fingerprints, direction, trickle */
    struct weir_span bundle;        /* the mids of the BUNDLE group, as written */
    uint32_t bundle_line;
};

/* Read the value of one a= line into a section (or the session's defaults). */
enum weir_sdp_verdict weir_sdp_attribute(struct weir_sdp *sdp, struct sdp_session *session,
                                         struct weir_sdp_media *m, bool is_session, struct weir_rd r);

/* What may follow once all lines are read: static payload types, inherited values. */
void weir_sdp_complete(struct weir_sdp_media *m, const struct sdp_session *session);

#endif
