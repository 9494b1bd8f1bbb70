/* Parsing a description.
 *
 *   1. the text is within its limits and has no control characters that matter;
 *   2. lines are read one by one: v=0 first, o=, then sections that begin with m=;
 *   3. a= lines go to the section they stand in, or to the session;
 *   4. session values are inherited, and the BUNDLE group is resolved.
 */
#include "sdp/sdp_int.h"

const char *weir_sdp_verdict_name(enum weir_sdp_verdict v)
{
    static const char *const name[] = {
        [WEIR_SDP_OK] = "ok",
        [WEIR_SDP_LONG] = "long",
        [WEIR_SDP_CONTROL] = "control",
        [WEIR_SDP_LINE] = "line",
        [WEIR_SDP_FIRST] = "first",
        [WEIR_SDP_ORIGIN] = "origin",
        [WEIR_SDP_MEDIA] = "media",
        [WEIR_SDP_MEDIA_COUNT] = "media-count",
        [WEIR_SDP_PORT] = "port",
        [WEIR_SDP_PROFILE] = "profile",
        [WEIR_SDP_FORMAT] = "format",
        [WEIR_SDP_RTPMAP] = "rtpmap",
        [WEIR_SDP_FMTP] = "fmtp",
        [WEIR_SDP_FEEDBACK] = "feedback",
        [WEIR_SDP_EXTMAP] = "extmap",
        [WEIR_SDP_SSRC] = "ssrc",
        [WEIR_SDP_MID] = "mid",
        [WEIR_SDP_MID_TWICE] = "mid-twice",
        [WEIR_SDP_GROUP] = "group",
        [WEIR_SDP_UFRAG] = "ufrag",
        [WEIR_SDP_PWD] = "pwd",
        [WEIR_SDP_FINGERPRINT] = "fingerprint",
        [WEIR_SDP_SETUP] = "setup",
        [WEIR_SDP_SCTP_PORT] = "sctp-port",
        [WEIR_SDP_MAX_MESSAGE] = "max-message-size",
        [WEIR_SDP_RTCP_MUX] = "rtcp-mux",
        [WEIR_SDP_NO_ICE] = "no-ice",
        [WEIR_SDP_NO_DTLS] = "no-dtls",
        [WEIR_SDP_BOTH_LITE] = "both-lite",
        [WEIR_SDP_NOT_BUNDLED] = "not-bundled",
        [WEIR_SDP_ANSWER_SHAPE] = "answer-shape",
        [WEIR_SDP_ANSWER_SETUP] = "answer-setup",
        [WEIR_SDP_NOTHING] = "nothing",
    };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_SDP_VERDICTS, "every verdict has a name");
    return (unsigned)v < WEIR_SDP_VERDICTS ? name[v] : "?";
}

const char *weir_sdp_verdict_text(enum weir_sdp_verdict v)
{
    static const char *const text[] = {
        [WEIR_SDP_OK] = "the description is good",
        [WEIR_SDP_LONG] = "the description has more than 65,536 bytes or 2,000 lines",
        [WEIR_SDP_CONTROL] = "a NUL, or a carriage return without a line feed [RFC 8866 5]",
        [WEIR_SDP_LINE] = "a line must be one letter, '=' and a value [RFC 8866 5]",
        [WEIR_SDP_FIRST] = "the first line must be v=0 [RFC 8866 5.1]",
        [WEIR_SDP_ORIGIN] = "o= must have six fields, with numbers for session and version "
                            "[RFC 8866 5.2]",
        [WEIR_SDP_MEDIA] = "m= must have a media type, a port, a profile and formats [RFC 8866 5.14]",
        [WEIR_SDP_MEDIA_COUNT] = "more than 16 m= sections",
        [WEIR_SDP_PORT] = "a port must be a number up to 65535 [RFC 8866 5.14]",
        [WEIR_SDP_PROFILE] = "only UDP/TLS/RTP/SAVPF and UDP/DTLS/SCTP are spoken here "
                             "[RFC 8829 5.1.2]",
        [WEIR_SDP_FORMAT] = "payload types are numbers up to 127, at most 48 of them [RFC 3551 6]",
        [WEIR_SDP_RTPMAP] = "a=rtpmap needs payload type, name and clock rate [RFC 8866 6.6]",
        [WEIR_SDP_FMTP] = "a=fmtp needs a payload type [RFC 8866 6.15]",
        [WEIR_SDP_FEEDBACK] = "a=rtcp-fb needs a payload type or * [RFC 4585 4.2]",
        [WEIR_SDP_EXTMAP] = "a=extmap needs an id from 1 to 255 and a URI [RFC 8285 5]",
        [WEIR_SDP_SSRC] = "a=ssrc needs a number below 2^32 [RFC 5576 4.1]",
        [WEIR_SDP_MID] = "every section of a bundle needs a=mid, a token of at most 31 characters "
                         "[RFC 5888 4]",
        [WEIR_SDP_MID_TWICE] = "two sections have the same a=mid [RFC 5888 4]",
        [WEIR_SDP_GROUP] = "a=group:BUNDLE names a section that is not there, or one twice "
                           "[RFC 9143 7]",
        [WEIR_SDP_UFRAG] = "a=ice-ufrag must have 4 to 256 letters, digits, + or / [RFC 8839 5.4]",
        [WEIR_SDP_PWD] = "a=ice-pwd must have 22 to 256 letters, digits, + or / [RFC 8839 5.4]",
        [WEIR_SDP_FINGERPRINT] = "a=fingerprint needs a hash name and as many bytes as that hash has "
                                 "[RFC 8122 5]",
        [WEIR_SDP_SETUP] = "a=setup must be actpass, active or passive [RFC 8842 5]",
        [WEIR_SDP_SCTP_PORT] = "m=application needs a=sctp-port from 1 to 65535 [RFC 8841 5]",
        [WEIR_SDP_MAX_MESSAGE] = "a=max-message-size must be a number [RFC 8841 6]",
        [WEIR_SDP_RTCP_MUX] = "audio and video need a=rtcp-mux [RFC 8829 5.1.1]",
        [WEIR_SDP_NO_ICE] = "a=ice-ufrag and a=ice-pwd are missing [RFC 8839 5.4]",
        [WEIR_SDP_NO_DTLS] = "a=fingerprint (sha-256 or better) or a=setup is missing [RFC 8842 5]",
        [WEIR_SDP_BOTH_LITE] = "both ends are ICE lite: one must be full [RFC 8445 6.1.1]",
        [WEIR_SDP_NOT_BUNDLED] = "all sections must share one transport in a=group:BUNDLE "
                                 "[RFC 9143 7]",
        [WEIR_SDP_ANSWER_SHAPE] = "the answer's sections do not match the offer's [RFC 3264 6]",
        [WEIR_SDP_ANSWER_SETUP] = "an answer must choose a=setup:active or passive [RFC 8842 5.3]",
        [WEIR_SDP_NOTHING] = "no section of the description can be accepted",
    };
    _Static_assert(sizeof text / sizeof text[0] == WEIR_SDP_VERDICTS, "every verdict has a text");
    return (unsigned)v < WEIR_SDP_VERDICTS ? text[v] : "?";
}

/* -- Lines ------------------------------------------------------------------------------------- */

static enum weir_sdp_verdict check_text(struct weir_span text)
{
    size_t lines = 0;
    if (text.n > WEIR_SDP_BYTES_MAX) {
        return WEIR_SDP_LONG;
    }
    for (size_t i = 0; i < text.n; i++) {
        bool is_lone_cr = text.p[i] == '\r' && i + 1 < text.n && text.p[i + 1] != '\n';
        if (text.p[i] == '\0' || is_lone_cr) {
            return WEIR_SDP_CONTROL;
        }
        lines += text.p[i] == '\n' ? 1 : 0;
    }
    return lines > WEIR_SDP_LINES_MAX ? WEIR_SDP_LONG : WEIR_SDP_OK;
}

/* o=<user> <session id> <version> IN IP4 <address> */
static enum weir_sdp_verdict read_origin(struct weir_sdp *sdp, struct weir_rd r)
{
    struct weir_span field[6];
    uint64_t id;
    for (unsigned i = 0; i < 6; i++) {
        if (!weir_sdp_word(&r, ' ', &field[i])) {
            return WEIR_SDP_ORIGIN;
        }
    }
    sdp->session_id = field[1];
    return weir_sdp_number(field[1], UINT64_MAX, &id)
                   && weir_sdp_number(field[2], UINT64_MAX, &sdp->session_version) && r.n == 0
               ? WEIR_SDP_OK
               : WEIR_SDP_ORIGIN;
}

static enum weir_sdp_verdict read_payload_types(struct weir_sdp_media *m, struct weir_rd r)
{
    struct weir_span word;
    uint64_t payload_type;
    while (weir_sdp_word(&r, ' ', &word)) {
        if (!weir_sdp_number(word, 127, &payload_type) || m->codecs == WEIR_SDP_CODECS_MAX) {
            return WEIR_SDP_FORMAT;
        }
        m->codec[m->codecs++].payload_type = (uint8_t)payload_type;
    }
    return r.n == 0 && m->codecs != 0 ? WEIR_SDP_OK : WEIR_SDP_FORMAT;
}

/* m=<media> <port>[/<count>] <profile> <formats> */
static enum weir_sdp_verdict read_media(struct weir_sdp *sdp, struct weir_rd r, uint32_t line)
{
    struct weir_span port_text;
    uint64_t port;
    if (sdp->medias == WEIR_SDP_MEDIA_MAX) {
        return WEIR_SDP_MEDIA_COUNT;
    }
    struct weir_sdp_media *m = &sdp->media[sdp->medias++];
    m->line = line;
    m->direction = WEIR_SDP_SENDRECV; /* [RFC 8866 6.7] unless said otherwise */
    m->max_message_size = 65536;
    if (!weir_sdp_word(&r, ' ', &m->media) || !weir_sdp_word(&r, ' ', &port_text)
        || !weir_sdp_word(&r, ' ', &m->profile)) {
        return WEIR_SDP_MEDIA;
    }
    if (!weir_sdp_number(port_text, 65535, &port)) {
        return WEIR_SDP_PORT;
    }
    struct weir_rd formats = r;
    if (!weir_sdp_word(&formats, ' ', &m->format)) {
        return WEIR_SDP_MEDIA;
    }
    m->port = (uint16_t)port;
    bool is_rtp = weir_sdp_is(m->media, "audio") || weir_sdp_is(m->media, "video");
    m->kind = weir_sdp_is(m->media, "audio")         ? WEIR_SDP_AUDIO
              : weir_sdp_is(m->media, "video")       ? WEIR_SDP_VIDEO
              : weir_sdp_is(m->media, "application") ? WEIR_SDP_DATA
                                                     : WEIR_SDP_OTHER;
    if (is_rtp) {
        return weir_sdp_is(m->profile, SDP_PROFILE_RTP) ? read_payload_types(m, r) : WEIR_SDP_PROFILE;
    }
    if (m->kind == WEIR_SDP_DATA
        && !(weir_sdp_is(m->profile, SDP_PROFILE_SCTP) && weir_sdp_is(m->format, "webrtc-datachannel"))) {
        m->kind = WEIR_SDP_OTHER; /* some other application: it will be rejected, not misread */
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_line(struct weir_sdp *sdp, struct sdp_session *session,
                                       struct weir_span line, uint32_t number)
{
    struct weir_rd r = weir_rd_of(line);
    uint8_t letter, equals;
    if (!weir_rd_u8(&r, &letter) || !weir_rd_u8(&r, &equals) || equals != '=' || letter < 'a'
        || letter > 'z') {
        return WEIR_SDP_LINE;
    }
    if (number == 1) {
        return letter == 'v' && weir_sdp_is(weir_rd_rest(&r), "0") ? WEIR_SDP_OK : WEIR_SDP_FIRST;
    }
    bool is_session = sdp->medias == 0;
    switch (letter) {
    case 'o':
        return is_session ? read_origin(sdp, r) : WEIR_SDP_LINE;
    case 'm':
        return read_media(sdp, r, number);
    case 'a':
        session->bundle_line = is_session && !sdp->has_bundle ? number : session->bundle_line;
        return weir_sdp_attribute(sdp, session,
                                  is_session ? &session->defaults : &sdp->media[sdp->medias - 1],
                                  is_session, r);
    default:
        return WEIR_SDP_OK; /* s=, t=, c=, b= and the rest say nothing that WebRTC needs */
    }
}

/* -- BUNDLE ------------------------------------------------------------------------------------ */

static struct weir_sdp_media *find_mid(struct weir_sdp *sdp, struct weir_span mid)
{
    for (uint32_t i = 0; i < sdp->medias; i++) {
        if (weir_span_eq(sdp->media[i].mid, mid)) {
            return &sdp->media[i];
        }
    }
    return NULL;
}

static enum weir_sdp_verdict check_mids(struct weir_sdp *sdp, struct weir_sdp_error *error)
{
    for (uint32_t i = 0; i < sdp->medias; i++) {
        struct weir_sdp_media *m = &sdp->media[i];
        if (m->mid.n != 0 && find_mid(sdp, m->mid) != m) {
            error->line = m->line;
            return WEIR_SDP_MID_TWICE;
        }
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict resolve_bundle(struct weir_sdp *sdp, const struct sdp_session *session,
                                            struct weir_sdp_error *error)
{
    struct weir_rd r = weir_rd_of(session->bundle);
    struct weir_span mid;
    enum weir_sdp_verdict v = check_mids(sdp, error);
    if (v != WEIR_SDP_OK) {
        return v;
    }
    if (r.n != 0 && !weir_rd_skip(&r, 1)) {
        return WEIR_SDP_GROUP;
    }
    while (weir_sdp_word(&r, ' ', &mid)) { /* every round consumes a mid: at most 16 resolve */
        struct weir_sdp_media *m = find_mid(sdp, mid);
        if (m == NULL || m->is_bundled) {
            error->line = session->bundle_line;
            return WEIR_SDP_GROUP;
        }
        m->is_bundled = true;
    }
    return WEIR_SDP_OK;
}

/* -- All --------------------------------------------------------------------------------------- */

static enum weir_sdp_verdict read_lines(struct weir_span text, struct weir_sdp *sdp,
                                        struct sdp_session *session, struct weir_sdp_error *error)
{
    struct weir_rd r = weir_rd_of(text);
    struct weir_span line;
    while (weir_sdp_line(&r, &line)) {
        error->line++;
        enum weir_sdp_verdict v = read_line(sdp, session, line, error->line);
        if (v != WEIR_SDP_OK) {
            return v;
        }
    }
    if (error->line == 0 || sdp->session_id.n == 0) {
        return error->line == 0 ? WEIR_SDP_FIRST : WEIR_SDP_ORIGIN;
    }
    return WEIR_SDP_OK;
}

enum weir_sdp_verdict weir_sdp_parse(struct weir_span text, struct weir_sdp *out,
                                     struct weir_sdp_error *error)
{
    struct sdp_session session = { .defaults = { .kind = WEIR_SDP_OTHER } };
    memset(out, 0, sizeof *out);
    error->line = 0;
    error->verdict = check_text(text);
    if (error->verdict == WEIR_SDP_OK) {
        error->verdict = read_lines(text, out, &session, error);
    }
    for (uint32_t i = 0; i < out->medias; i++) {
        weir_sdp_complete(&out->media[i], &session);
    }
    if (error->verdict == WEIR_SDP_OK) {
        error->verdict = resolve_bundle(out, &session, error);
    }
    if (error->verdict == WEIR_SDP_OK) {
        error->line = 0;
    }
    return error->verdict;
}
