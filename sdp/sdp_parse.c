/* Parsing a description.
 *
 *   1. the text is within its limits and has no control characters that matter;
 *   2. lines are read one by one: v=0 first, o=, then sections that begin with m=;
 *   3. a= lines go to the section they stand in, or to the session;
 *   4. session values are inherited, and the BUNDLE groups are resolved.
 *
 * Blank lines, blanks at the end of a line and between words are harmless, and taken.
 */
#include "sdp/sdp_int.h"

const char *weir_sdp_verdict_name(enum weir_sdp_verdict v)
{
    static const char *const name[] = {
        [WEIR_SDP_OK] = "ok",
        [WEIR_SDP_LONG] = "long",
        [WEIR_SDP_LIMIT] = "limit",
        [WEIR_SDP_CONTROL] = "control",
        [WEIR_SDP_LINE] = "line",
        [WEIR_SDP_FIRST] = "first",
        [WEIR_SDP_ORIGIN] = "origin",
        [WEIR_SDP_MEDIA] = "media",
        [WEIR_SDP_PORT] = "port",
        [WEIR_SDP_FORMAT] = "format",
        [WEIR_SDP_MID] = "mid",
        [WEIR_SDP_MID_TWICE] = "mid-twice",
        [WEIR_SDP_SCTP_PORT] = "sctp-port",
        [WEIR_SDP_RTCP_MUX] = "rtcp-mux",
        [WEIR_SDP_UNSUPPORTED] = "unsupported",
        [WEIR_SDP_NO_CODEC] = "no-codec",
        [WEIR_SDP_NOT_BUNDLED] = "not-bundled",
        [WEIR_SDP_NO_ICE] = "no-ice",
        [WEIR_SDP_NO_DTLS] = "no-dtls",
        [WEIR_SDP_HOLDCONN] = "holdconn",
        [WEIR_SDP_BOTH_LITE] = "both-lite",
        [WEIR_SDP_UFRAG] = "ufrag",
        [WEIR_SDP_PWD] = "pwd",
        [WEIR_SDP_FINGERPRINT] = "fingerprint",
        [WEIR_SDP_SETUP] = "setup",
        [WEIR_SDP_RTPMAP] = "rtpmap",
        [WEIR_SDP_FMTP] = "fmtp",
        [WEIR_SDP_FEEDBACK] = "feedback",
        [WEIR_SDP_EXTMAP] = "extmap",
        [WEIR_SDP_SSRC] = "ssrc",
        [WEIR_SDP_GROUP] = "group",
        [WEIR_SDP_MAX_MESSAGE] = "max-message-size",
        [WEIR_SDP_PAYLOAD] = "payload-type",
        [WEIR_SDP_ANSWER_SHAPE] = "answer-shape",
        [WEIR_SDP_ANSWER_SETUP] = "answer-setup",
    };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_SDP_VERDICTS, "every verdict has a name");
    return (unsigned)v < WEIR_SDP_VERDICTS ? name[v] : "?";
}

const char *weir_sdp_verdict_text(enum weir_sdp_verdict v)
{
    static const char *const text[] = {
        [WEIR_SDP_OK] = "the description is good",
        [WEIR_SDP_LONG] = "the description has more than 131,072 bytes or 8,000 lines",
        [WEIR_SDP_LIMIT] = "longer than the configuration allows, or a section beyond its number",
        [WEIR_SDP_CONTROL] = "a NUL, or a carriage return without a line feed [RFC 8866 5]",
        [WEIR_SDP_LINE] = "a line must be one letter, '=' and a value [RFC 8866 5]",
        [WEIR_SDP_FIRST] = "the first line must be v=0 [RFC 8866 5.1]",
        [WEIR_SDP_ORIGIN] = "o= must have six fields [RFC 8866 5.2]",
        [WEIR_SDP_MEDIA] = "m= must have a media type, a port, a profile and formats [RFC 8866 5.14]",
        [WEIR_SDP_PORT] = "a port must be a number up to 65535 [RFC 8866 5.14]",
        [WEIR_SDP_FORMAT] = "audio and video need a payload type, a number up to 127 [RFC 3551 6]",
        [WEIR_SDP_MID] = "a=mid must be a token of at most 32 characters [RFC 5888 4]",
        [WEIR_SDP_MID_TWICE] = "two sections have the same a=mid [RFC 5888 4]",
        [WEIR_SDP_SCTP_PORT] = "a=sctp-port must be a number from 1 to 65535 [RFC 8841 5]",
        [WEIR_SDP_RTCP_MUX] = "audio and video need a=rtcp-mux [RFC 8829 5.1.1]",
        [WEIR_SDP_UNSUPPORTED] = "only audio, video and one section of data channels are spoken here, "
                                 "under the profiles of [RFC 8829 5.1.2]",
        [WEIR_SDP_NO_CODEC] = "no codec that both sides know [RFC 3264 6]",
        [WEIR_SDP_NOT_BUNDLED] = "outside the a=group:BUNDLE whose transport is used [RFC 9143 7.3]",
        [WEIR_SDP_NO_ICE] = "a=ice-ufrag and a=ice-pwd are missing [RFC 8839 5.4]",
        [WEIR_SDP_NO_DTLS] = "a=fingerprint (sha-256 or better) is missing [RFC 8842 5]",
        [WEIR_SDP_HOLDCONN] = "a=setup:holdconn is not for DTLS [RFC 8842 5.1]",
        [WEIR_SDP_BOTH_LITE] = "both ends are ICE lite: one must be full [RFC 8445 6.1.1]",
        [WEIR_SDP_UFRAG] = "a=ice-ufrag must have 4 to 256 letters, digits, + or / [RFC 8839 5.4]",
        [WEIR_SDP_PWD] = "a=ice-pwd must have 22 to 256 letters, digits, + or / [RFC 8839 5.4]",
        [WEIR_SDP_FINGERPRINT] = "a=fingerprint needs a hash name and as many bytes as that hash has, at "
                                 "most 8 of the strongest hash [RFC 8122 5]",
        [WEIR_SDP_SETUP] = "a=setup must be actpass, active or passive [RFC 8842 5]",
        [WEIR_SDP_RTPMAP] = "a=rtpmap needs payload type, name and clock rate [RFC 8866 6.6]",
        [WEIR_SDP_FMTP] = "a=fmtp needs a payload type [RFC 8866 6.15]",
        [WEIR_SDP_FEEDBACK] = "a=rtcp-fb needs a payload type or * [RFC 4585 4.2]",
        [WEIR_SDP_EXTMAP] = "a=extmap needs an id from 1 to 255 and a URI [RFC 8285 5]",
        [WEIR_SDP_SSRC] = "a=ssrc needs a number below 2^32 [RFC 5576 4.1]",
        [WEIR_SDP_GROUP] = "a=group:BUNDLE names a section that is not there, or one twice "
                           "[RFC 9143 7]",
        [WEIR_SDP_MAX_MESSAGE] = "a=max-message-size must be a number [RFC 8841 6]",
        [WEIR_SDP_PAYLOAD] = "payload types are numbers up to 127, each once, at most 96 of a section and "
                             "1,536 in all [RFC 3551 6]",
        [WEIR_SDP_ANSWER_SHAPE] = "the answer's sections do not match the offer's [RFC 3264 6]",
        [WEIR_SDP_ANSWER_SETUP] = "an answer must choose a=setup:active or passive [RFC 8842 5.3]",
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

/* o=<user> <session id> <version> IN IP4 <address>. The numbers tell us nothing, so any words will do. */
static enum weir_sdp_verdict read_origin(struct weir_sdp *sdp, struct weir_rd r)
{
    struct weir_span field[6];
    for (unsigned i = 0; i < 6; i++) {
        if (!weir_sdp_word(&r, ' ', &field[i])) {
            return WEIR_SDP_ORIGIN;
        }
    }
    sdp->session_id = field[1];
    if (!weir_sdp_number(field[2], UINT64_MAX, &sdp->session_version)) {
        sdp->session_version = 0;
    }
    return WEIR_SDP_OK;
}

/* -- Sections ---------------------------------------------------------------------------------- */

static bool has_codec(const struct weir_sdp_media *m, uint64_t payload_type)
{
    bool has = false;
    for (uint32_t i = 0; i < m->codecs; i++) {
        has |= m->codec[i].payload_type == payload_type;
    }
    return has;
}

static void read_payload_types(struct weir_sdp *sdp, struct weir_sdp_media *m, struct weir_rd r)
{
    struct weir_span word;
    uint64_t payload_type;
    m->codec = &sdp->codec[sdp->codecs];
    while (weir_sdp_item(&r, &word)) {
        if (!weir_sdp_number(word, 127, &payload_type) || has_codec(m, payload_type)
            || m->codecs == WEIR_SDP_CODECS_MAX || sdp->codecs == WEIR_SDP_CODECS_ALL) {
            weir_sdp_pass_over(sdp, m->line, WEIR_SDP_PAYLOAD);
            continue;
        }
        m->codecs++;
        sdp->codec[sdp->codecs++].payload_type = (uint8_t)payload_type;
    }
    if (m->codecs == 0) {
        weir_sdp_fault(m, m->line, WEIR_SDP_FORMAT);
    }
}

static bool is_one_of(struct weir_span s, const char *const *list)
{
    bool is_in = false;
    for (size_t i = 0; list[i] != NULL; i++) {
        is_in |= weir_sdp_is(s, list[i]);
    }
    return is_in;
}

/* [RFC 8829 5.1.2 MUST] All of these mean the first of its row. */
static enum weir_sdp_kind kind_of(struct weir_sdp_media *m)
{
    static const char *const rtp[] = { SDP_PROFILE_RTP, "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF",
                                       "TCP/DTLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP", "RTP/AVPF",
                                       "RTP/AVP", NULL };
    static const char *const data[] = { SDP_PROFILE_SCTP, "TCP/DTLS/SCTP", "DTLS/SCTP", NULL };
    uint64_t port;
    if (weir_sdp_is(m->media, "audio") || weir_sdp_is(m->media, "video")) {
        return !is_one_of(m->profile, rtp)        ? WEIR_SDP_OTHER
               : weir_sdp_is(m->media, "audio") ? WEIR_SDP_AUDIO
                                                : WEIR_SDP_VIDEO;
    }
    if (!weir_sdp_is(m->media, "application") || !is_one_of(m->profile, data)) {
        return WEIR_SDP_OTHER; /* it will be rejected, not misread */
    }
    if (weir_sdp_number(m->format, 65535, &port) && port != 0) {
        m->is_old_data = true;
        m->sctp_port = (uint16_t)port;
    }
    return m->is_old_data || weir_sdp_is(m->format, SDP_DATA_CHANNEL) ? WEIR_SDP_DATA : WEIR_SDP_OTHER;
}

/* m=<media> <port>[/<count>] <profile> <formats> */
static enum weir_sdp_verdict read_media(struct weir_sdp *sdp, const struct sdp_session *session,
                                        struct weir_rd r)
{
    struct weir_span ports, port_text;
    uint64_t port = 0;
    struct weir_sdp_media *m = &sdp->media[sdp->medias++];
    m->line = session->line;
    m->direction = session->defaults.direction; /* [RFC 8866 6.7] */
    m->max_message_size = 65536;
    if (!weir_sdp_item(&r, &m->media) || !weir_sdp_item(&r, &ports) || !weir_sdp_item(&r, &m->profile)) {
        return WEIR_SDP_MEDIA;
    }
    struct weir_rd formats = r, p = weir_rd_of(ports);
    if (!weir_sdp_item(&formats, &m->format)) {
        return WEIR_SDP_MEDIA;
    }
    if (!weir_sdp_word(&p, '/', &port_text) || !weir_sdp_number(port_text, 65535, &port)) {
        weir_sdp_pass_over(sdp, m->line, WEIR_SDP_PORT);
        weir_sdp_fault(m, m->line, WEIR_SDP_PORT);
        port = 9; /* not rejected by who wrote it: by its fault */
    }
    m->port = (uint16_t)port;
    m->kind = kind_of(m);
    if (m->kind == WEIR_SDP_AUDIO || m->kind == WEIR_SDP_VIDEO) {
        read_payload_types(sdp, m, r);
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_line(struct weir_sdp *sdp, struct sdp_session *session,
                                       struct weir_span line)
{
    struct weir_rd r = weir_rd_of(line);
    uint8_t letter, equals;
    if (line.n == 0 && session->line != 1) {
        return WEIR_SDP_OK;
    }
    if (!weir_rd_u8(&r, &letter) || !weir_rd_u8(&r, &equals) || equals != '=' || letter < 'a'
        || letter > 'z') {
        return session->line == 1 ? WEIR_SDP_FIRST : WEIR_SDP_LINE;
    }
    if (session->line == 1) {
        return letter == 'v' && weir_sdp_is(weir_rd_rest(&r), "0") ? WEIR_SDP_OK : WEIR_SDP_FIRST;
    }
    bool is_session = sdp->medias == 0;
    switch (letter) {
    case 'o':
        return is_session ? read_origin(sdp, r) : WEIR_SDP_LINE;
    case 'm':
        return read_media(sdp, session, r);
    case 'a':
        weir_sdp_attribute(sdp, session,
                           is_session ? &session->defaults : &sdp->media[sdp->medias - 1], is_session, r);
        return WEIR_SDP_OK;
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

static void check_mids(struct weir_sdp *sdp)
{
    for (uint32_t i = 0; i < sdp->medias; i++) {
        struct weir_sdp_media *m = &sdp->media[i];
        if (m->mid.n != 0 && find_mid(sdp, m->mid) != m) {
            weir_sdp_pass_over(sdp, m->line, WEIR_SDP_MID_TWICE);
            weir_sdp_fault(m, m->line, WEIR_SDP_MID_TWICE);
            m->mid = weir_span_of(NULL, 0); /* the answer names the first alone */
        }
    }
}

/* The mids of one group, in its order. A line may name more than there are sections: each that is not there
 * costs a search among 64. */
static void resolve_group(struct weir_sdp *sdp, uint32_t line, struct weir_rd mids)
{
    struct weir_span mid;
    uint16_t at = 0;
    sdp->groups++;
    while (weir_sdp_item(&mids, &mid)) {
        struct weir_sdp_media *m = find_mid(sdp, mid);
        if (m == NULL || m->is_bundled) {
            weir_sdp_pass_over(sdp, line, WEIR_SDP_GROUP);
            continue;
        }
        m->is_bundled = true;
        m->group = (uint16_t)sdp->groups;
        m->group_at = ++at;
    }
}

/* Group lines stand before the sections whose mids they name: read when these are known. */
static void resolve_bundles(struct weir_span text, struct weir_sdp *sdp)
{
    struct weir_rd r = weir_rd_of(text);
    struct weir_span line;
    uint32_t number = 0;
    check_mids(sdp);
    while (weir_sdp_line(&r, &line)) {
        struct weir_rd value = weir_rd_of(line);
        number++;
        if (weir_sdp_prefix(&value, "m=")) {
            return;
        }
        if (sdp->groups < WEIR_SDP_MEDIA_MAX && weir_sdp_prefix(&value, "a=group:BUNDLE")
            && (value.n == 0 || value.p[0] == ' ')) {
            sdp->has_bundle = true;
            resolve_group(sdp, number, value);
        }
    }
}

/* -- All --------------------------------------------------------------------------------------- */

/* What stands behind the last section that is read: its sections are counted, and answered as they are. */
static enum weir_sdp_verdict count_rest(struct weir_sdp *sdp, struct sdp_session *session, struct weir_rd r)
{
    struct weir_span line, word;
    sdp->rest = weir_rd_rest(&r);
    r = weir_rd_of(sdp->rest);
    for (session->line--; weir_sdp_line(&r, &line);) {
        struct weir_rd at = weir_rd_of(line);
        session->line++;
        if (!weir_sdp_prefix(&at, "m=")) {
            continue;
        }
        for (unsigned i = 0; i < 4; i++) {
            if (!weir_sdp_item(&at, &word)) {
                return WEIR_SDP_MEDIA;
            }
        }
        sdp->rest_medias++;
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_lines(struct weir_span text, struct weir_sdp *sdp,
                                        struct sdp_session *session)
{
    struct weir_rd r = weir_rd_of(text), before = r;
    enum weir_sdp_verdict v = WEIR_SDP_OK;
    struct weir_span line;
    while (weir_sdp_line(&r, &line)) {
        session->line++;
        struct weir_rd at = weir_rd_of(line);
        if (sdp->medias == WEIR_SDP_MEDIA_MAX && weir_sdp_prefix(&at, "m=")) {
            v = count_rest(sdp, session, before);
            break;
        }
        v = read_line(sdp, session, line);
        if (v != WEIR_SDP_OK) {
            return v;
        }
        before = r;
    }
    if (v != WEIR_SDP_OK) {
        return v;
    }
    if (session->line == 0 || sdp->session_id.n == 0) {
        return session->line == 0 ? WEIR_SDP_FIRST : WEIR_SDP_ORIGIN;
    }
    return WEIR_SDP_OK;
}

enum weir_sdp_verdict weir_sdp_parse(struct weir_span text, struct weir_sdp *out,
                                     struct weir_sdp_error *error)
{
    struct sdp_session session = { .defaults = { .kind = WEIR_SDP_OTHER,
                                                 .direction = WEIR_SDP_SENDRECV } };
    memset(out, 0, sizeof *out);
    out->transport = WEIR_SDP_NONE;
    error->verdict = check_text(text);
    if (error->verdict == WEIR_SDP_OK) {
        error->verdict = read_lines(text, out, &session);
    }
    error->line = error->verdict == WEIR_SDP_OK ? 0 : session.line;
    for (uint32_t i = 0; i < out->medias; i++) {
        weir_sdp_complete(&out->media[i], &session);
    }
    if (error->verdict == WEIR_SDP_OK) {
        resolve_bundles(text, out);
    }
    return error->verdict;
}
