/* The attributes that WebRTC uses, one reader each, in a table by name. An attribute that is not in the
 * table is skipped, and one that breaks its rule is passed over and counted; what its section cannot be
 * used without rejects the section, and only that. */
#include "sdp/sdp_int.h"

struct attr_context {
    struct weir_sdp *sdp;
    struct sdp_session *session;
    struct weir_sdp_media *m;
    bool is_session;
};

typedef enum weir_sdp_verdict (*attr_reader)(struct attr_context *c, struct weir_rd value);

/* -- Transport --------------------------------------------------------------------------------- */

/* Of several the last, as browsers have it. */
static enum weir_sdp_verdict read_ufrag(struct attr_context *c, struct weir_rd value)
{
    struct weir_span s = weir_rd_rest(&value);
    bool is_good = weir_sdp_is_ice_text(s, 4, 256);
    c->m->ufrag = is_good ? s : weir_span_of(NULL, 0);
    return is_good ? WEIR_SDP_OK : WEIR_SDP_UFRAG;
}

static enum weir_sdp_verdict read_pwd(struct attr_context *c, struct weir_rd value)
{
    struct weir_span s = weir_rd_rest(&value);
    bool is_good = weir_sdp_is_ice_text(s, 22, 256);
    c->m->pwd = is_good ? s : weir_span_of(NULL, 0);
    return is_good ? WEIR_SDP_OK : WEIR_SDP_PWD;
}

static enum weir_sdp_verdict read_tls_id(struct attr_context *c, struct weir_rd value)
{
    c->m->tls_id = weir_rd_rest(&value);
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_ice_options(struct attr_context *c, struct weir_rd value)
{
    struct weir_span word;
    while (weir_sdp_item(&value, &word)) {
        c->m->has_trickle |= weir_sdp_is(word, "trickle");
        c->m->sped |= weir_sdp_is(word, "sped")         ? WEIR_SDP_SPED
                      : weir_sdp_is(word, "googspedv1") ? WEIR_SDP_SPED_GOOG
                                                        : 0;
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_ice_lite(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    c->sdp->has_ice_lite |= c->is_session; /* [RFC 8839 5.3] session level only */
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_candidate(struct attr_context *c, struct weir_rd value)
{
    if (c->m->candidates == WEIR_SDP_CANDIDATES_MAX) {
        c->m->candidates_skipped++;
        return WEIR_SDP_OK;
    }
    /* The value stands behind "candidate:" in the same line; give both. */
    c->m->candidate[c->m->candidates++] = weir_span_of(value.p - 10, value.n + 10);
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_end_of_candidates(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    c->m->has_end_of_candidates = true;
    return WEIR_SDP_OK;
}

/* Pairs of digits with colons between; the count of bytes, or 0 when malformed. */
static uint8_t read_colon_hex(struct weir_span s, uint8_t out[64])
{
    uint8_t n = 0;
    if (s.n % 3 != 2 || s.n > 64 * 3 - 1) {
        return 0;
    }
    for (size_t i = 0; i < s.n; i += 3) {
        int high = weir_sdp_hex_digit(s.p[i]), low = weir_sdp_hex_digit(s.p[i + 1]);
        if (high < 0 || low < 0 || (i + 2 < s.n && s.p[i + 2] != ':')) {
            return 0;
        }
        out[n++] = (uint8_t)(high << 4 | low);
    }
    return n;
}

/* [RFC 8122 5] Of several kinds the strongest decides, so weaker ones need no room. */
static enum weir_sdp_verdict keep_fingerprint(struct weir_sdp_media *m,
                                              const struct weir_sdp_fingerprint *f)
{
    if (m->fingerprints != 0 && f->hash != m->fingerprint[0].hash) {
        if (f->hash < m->fingerprint[0].hash) {
            return WEIR_SDP_OK;
        }
        m->fingerprints = 0;
    }
    if (m->fingerprints == WEIR_SDP_FINGERPRINTS_MAX) {
        return WEIR_SDP_FINGERPRINT;
    }
    m->fingerprint[m->fingerprints++] = *f;
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_fingerprint(struct attr_context *c, struct weir_rd value)
{
    struct weir_span hash, digits;
    struct weir_sdp_fingerprint f = { .hash = WEIR_SDP_SHA256 };
    static const struct {
        const char *name;
        uint8_t bytes;
        enum weir_sdp_hash hash;
    } known[] = {
        { "sha-256", 32, WEIR_SDP_SHA256 }, { "sha-384", 48, WEIR_SDP_SHA384 },
        { "sha-512", 64, WEIR_SDP_SHA512 },
    };
    if (!weir_sdp_item(&value, &hash) || !weir_sdp_item(&value, &digits)) {
        return WEIR_SDP_FINGERPRINT;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (weir_sdp_same_name(hash, weir_span_of(known[i].name, 7))) {
            f.hash = known[i].hash;
            f.bytes = read_colon_hex(digits, f.digest);
            return f.bytes == known[i].bytes ? keep_fingerprint(c->m, &f) : WEIR_SDP_FINGERPRINT;
        }
    }
    return WEIR_SDP_OK; /* too weak, or of a time to come */
}

static enum weir_sdp_verdict read_setup(struct attr_context *c, struct weir_rd value)
{
    static const struct {
        const char *name;
        enum weir_sdp_setup setup;
    } known[] = {
        { "actpass", WEIR_SDP_ACTPASS }, { "active", WEIR_SDP_ACTIVE },
        { "passive", WEIR_SDP_PASSIVE }, { "holdconn", WEIR_SDP_SETUP_HOLDCONN },
    };
    struct weir_span s = weir_rd_rest(&value);
    c->m->setup = WEIR_SDP_SETUP_BAD;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        c->m->setup = weir_sdp_same_name(s, weir_sdp_text(known[i].name)) ? known[i].setup : c->m->setup;
    }
    return c->m->setup == WEIR_SDP_SETUP_BAD ? WEIR_SDP_SETUP : WEIR_SDP_OK;
}

/* -- Grouping ---------------------------------------------------------------------------------- */

static enum weir_sdp_verdict read_mid(struct attr_context *c, struct weir_rd value)
{
    struct weir_span s = weir_rd_rest(&value);
    bool is_good = weir_sdp_is_token(s) && s.n <= WEIR_SDP_MID_MAX;
    c->m->mid = is_good ? s : weir_span_of(NULL, 0); /* what is no mid is not repeated */
    return is_good ? WEIR_SDP_OK : WEIR_SDP_MID;
}

static enum weir_sdp_verdict read_bundle_only(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    c->m->is_bundle_only = true;
    return WEIR_SDP_OK;
}

/* -- RTP --------------------------------------------------------------------------------------- */

static enum weir_sdp_verdict read_rtcp_mux(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    c->m->has_rtcp_mux = true;
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_rtcp_rsize(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    c->m->has_rtcp_rsize = true;
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict set_direction(struct attr_context *c, enum weir_sdp_direction d)
{
    c->m->direction = d;
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_sendrecv(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    return set_direction(c, WEIR_SDP_SENDRECV);
}

static enum weir_sdp_verdict read_sendonly(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    return set_direction(c, WEIR_SDP_SENDONLY);
}

static enum weir_sdp_verdict read_recvonly(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    return set_direction(c, WEIR_SDP_RECVONLY);
}

static enum weir_sdp_verdict read_inactive(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    return set_direction(c, WEIR_SDP_INACTIVE);
}

/* The codec of a payload type that the m= line listed, or NULL: attributes of others are skipped. */
static struct weir_sdp_codec *find_codec(struct weir_sdp_media *m, uint64_t payload_type)
{
    for (uint32_t i = 0; i < m->codecs; i++) {
        if (m->codec[i].payload_type == payload_type) {
            return &m->codec[i];
        }
    }
    return NULL;
}

/* rtpmap:<payload type> <name>/<clock>[/<channels>] [RFC 8866 6.6] */
static enum weir_sdp_verdict read_rtpmap(struct attr_context *c, struct weir_rd value)
{
    struct weir_span word, name, clock;
    uint64_t payload_type, hz, channels = 0;
    if (!weir_sdp_item(&value, &word) || !weir_sdp_number(word, 127, &payload_type)
        || !weir_sdp_word(&value, '/', &name) || !weir_sdp_word(&value, '/', &clock)
        || !weir_sdp_number(clock, UINT32_MAX, &hz) || hz == 0) {
        return WEIR_SDP_RTPMAP;
    }
    if (value.n != 0 && (!weir_sdp_number(weir_rd_rest(&value), 255, &channels) || channels == 0)) {
        return WEIR_SDP_RTPMAP;
    }
    struct weir_sdp_codec *codec = find_codec(c->m, payload_type);
    if (codec != NULL) {
        codec->name = name;
        codec->clock_hz = (uint32_t)hz;
        codec->channels = (uint8_t)channels;
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_fmtp(struct attr_context *c, struct weir_rd value)
{
    struct weir_span word;
    uint64_t payload_type;
    bool is_media = c->m->kind == WEIR_SDP_AUDIO || c->m->kind == WEIR_SDP_VIDEO;
    if (!is_media || c->is_session) {
        return WEIR_SDP_OK; /* [RFC 8866 6.15] formats of others are no numbers */
    }
    if (!weir_sdp_item(&value, &word) || !weir_sdp_number(word, 127, &payload_type)) {
        return WEIR_SDP_FMTP;
    }
    struct weir_sdp_codec *codec = find_codec(c->m, payload_type);
    if (codec != NULL) {
        weir_sdp_add_fmtp(codec, weir_rd_rest(&value));
    }
    return WEIR_SDP_OK;
}

static uint8_t feedback_bit(struct weir_span s)
{
    return weir_sdp_is(s, "nack")           ? WEIR_SDP_FB_NACK
           : weir_sdp_is(s, "nack pli")     ? WEIR_SDP_FB_PLI
           : weir_sdp_is(s, "ccm fir")      ? WEIR_SDP_FB_FIR
           : weir_sdp_is(s, "goog-remb")    ? WEIR_SDP_FB_REMB
           : weir_sdp_is(s, "transport-cc") ? WEIR_SDP_FB_TWCC
           : weir_sdp_is(s, "ack ccfb")     ? WEIR_SDP_FB_CCFB
                                            : 0;
}

/* rtcp-fb:<payload type or *> <what> [RFC 4585 4.2] */
static enum weir_sdp_verdict read_rtcp_fb(struct attr_context *c, struct weir_rd value)
{
    struct weir_span word;
    uint64_t payload_type = 0;
    bool is_all;
    if (!weir_sdp_item(&value, &word)) {
        return WEIR_SDP_FEEDBACK;
    }
    is_all = weir_sdp_is(word, "*");
    if (!is_all && !weir_sdp_number(word, 127, &payload_type)) {
        return WEIR_SDP_FEEDBACK;
    }
    uint8_t bit = feedback_bit(weir_rd_rest(&value));
    for (uint32_t i = 0; i < c->m->codecs; i++) {
        if (is_all || c->m->codec[i].payload_type == payload_type) {
            c->m->codec[i].feedback |= bit;
        }
    }
    return WEIR_SDP_OK;
}

/* extmap:<id>[/<direction>] <uri> [...] [RFC 8285 5] */
static enum weir_sdp_verdict read_extmap(struct attr_context *c, struct weir_rd value)
{
    struct weir_span head, id_text, direction, uri;
    uint64_t id;
    struct weir_sdp_ext ext = { .direction = WEIR_SDP_SENDRECV };
    if (!weir_sdp_item(&value, &head) || !weir_sdp_item(&value, &uri)) {
        return WEIR_SDP_EXTMAP;
    }
    struct weir_rd r = weir_rd_of(head);
    if (!weir_sdp_word(&r, '/', &id_text) || !weir_sdp_number(id_text, 4351, &id) || id == 0) {
        return WEIR_SDP_EXTMAP;
    }
    if (id > 255) {
        return id >= 4096 ? WEIR_SDP_OK : WEIR_SDP_EXTMAP; /* [RFC 8285 5] 4096 up: only a proposal */
    }
    direction = weir_rd_rest(&r);
    ext.direction = weir_sdp_is(direction, "sendonly")   ? WEIR_SDP_SENDONLY
                    : weir_sdp_is(direction, "recvonly") ? WEIR_SDP_RECVONLY
                    : weir_sdp_is(direction, "inactive") ? WEIR_SDP_INACTIVE
                                                         : WEIR_SDP_SENDRECV;
    ext.id = (uint8_t)id;
    ext.uri = uri;
    bool is_mid = weir_sdp_is(uri, SDP_EXT_MID);
    if (c->m->exts < WEIR_SDP_EXTS_MAX) {
        c->m->ext[c->m->exts++] = ext;
    } else if (is_mid) {
        c->m->ext[WEIR_SDP_EXTS_MAX - 1] = ext; /* the one that we use has its place */
    }
    return WEIR_SDP_OK;
}

/* ssrc:<number> <attribute>[:<value>] [RFC 5576 4.1] */
static enum weir_sdp_verdict read_ssrc(struct attr_context *c, struct weir_rd value)
{
    struct weir_span word;
    uint64_t ssrc;
    bool is_known = false;
    if (!weir_sdp_word(&value, ' ', &word) || !weir_sdp_number(word, UINT32_MAX, &ssrc)) {
        return WEIR_SDP_SSRC;
    }
    for (uint32_t i = 0; i < c->m->ssrcs; i++) {
        is_known |= c->m->ssrc[i] == ssrc;
    }
    if (!is_known && c->m->ssrcs < WEIR_SDP_SSRCS_MAX) {
        c->m->ssrc[c->m->ssrcs++] = (uint32_t)ssrc;
    }
    if (weir_sdp_prefix(&value, "cname:")) {
        c->m->cname = weir_rd_rest(&value);
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_msid(struct attr_context *c, struct weir_rd value)
{
    c->m->msid = weir_rd_rest(&value);
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_rid(struct attr_context *c, struct weir_rd value)
{
    struct weir_span id, direction;
    if (weir_sdp_word(&value, ' ', &id) && weir_sdp_word(&value, ' ', &direction)
        && weir_sdp_is(direction, "send") && c->m->rids < WEIR_SDP_RIDS_MAX) {
        c->m->rid[c->m->rids++] = id;
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_allow_mixed(struct attr_context *c, struct weir_rd value)
{
    (void)value;
    c->sdp->has_extmap_allow_mixed = true;
    return WEIR_SDP_OK;
}

/* -- Data channels ----------------------------------------------------------------------------- */

static enum weir_sdp_verdict read_sctp_port(struct attr_context *c, struct weir_rd value)
{
    uint64_t port;
    if (!weir_sdp_number(weir_rd_rest(&value), 65535, &port) || port == 0) {
        return WEIR_SDP_SCTP_PORT;
    }
    c->m->sctp_port = (uint16_t)port;
    return WEIR_SDP_OK;
}

/* sctpmap:<port> <application> [<streams>] [draft-ietf-mmusic-sctp-sdp-07 5.1] */
static enum weir_sdp_verdict read_sctpmap(struct attr_context *c, struct weir_rd value)
{
    struct weir_span port, application;
    if (c->m->is_old_data && weir_sdp_item(&value, &port) && weir_span_eq(port, c->m->format)
        && weir_sdp_item(&value, &application) && !weir_sdp_is(application, SDP_DATA_CHANNEL)) {
        c->m->kind = WEIR_SDP_OTHER; /* something else over SCTP */
    }
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_max_message_size(struct attr_context *c, struct weir_rd value)
{
    struct weir_span digits = weir_rd_rest(&value);
    uint64_t bytes;
    bool is_number = digits.n != 0;
    for (size_t i = 0; i < digits.n; i++) {
        is_number &= digits.p[i] >= '0' && digits.p[i] <= '9';
    }
    if (!is_number) {
        return WEIR_SDP_MAX_MESSAGE;
    }
    bool fits = weir_sdp_number(digits, UINT32_MAX, &bytes);
    c->m->max_message_size = fits ? (uint32_t)bytes : UINT32_MAX;
    return WEIR_SDP_OK;
}

static enum weir_sdp_verdict read_sctp_init(struct attr_context *c, struct weir_rd value)
{
    if (c->m->kind == WEIR_SDP_DATA && !c->is_session) { /* only there it means something */
        c->m->sctp_init = weir_rd_rest(&value);
    }
    return WEIR_SDP_OK;
}

/* -- The table --------------------------------------------------------------------------------- */

/* What becomes of a line that breaks its rule: it alone is passed over, the transport lacks something where
 * this section gives it, or the section is rejected. */
enum attr_weight { ALONE, TRANSPORT, SECTION };

static const struct {
    const char *name; /* with its colon when a value follows */
    attr_reader read;
    enum attr_weight weight;
} attribute[] = {
    { "ice-ufrag:", read_ufrag, TRANSPORT },
    { "ice-pwd:", read_pwd, TRANSPORT },
    { "ice-options:", read_ice_options, ALONE },
    { "ice-lite", read_ice_lite, ALONE },
    { "candidate:", read_candidate, ALONE },
    { "end-of-candidates", read_end_of_candidates, ALONE },
    { "fingerprint:", read_fingerprint, TRANSPORT },
    { "setup:", read_setup, TRANSPORT },
    { "tls-id:", read_tls_id, ALONE },
    { "mid:", read_mid, SECTION },
    { "bundle-only", read_bundle_only, ALONE },
    { "rtcp-mux", read_rtcp_mux, ALONE },
    { "rtcp-rsize", read_rtcp_rsize, ALONE },
    { "sendrecv", read_sendrecv, ALONE },
    { "sendonly", read_sendonly, ALONE },
    { "recvonly", read_recvonly, ALONE },
    { "inactive", read_inactive, ALONE },
    { "rtpmap:", read_rtpmap, ALONE },
    { "fmtp:", read_fmtp, ALONE },
    { "rtcp-fb:", read_rtcp_fb, ALONE },
    { "extmap:", read_extmap, ALONE },
    { "extmap-allow-mixed", read_allow_mixed, ALONE },
    { "ssrc:", read_ssrc, ALONE },
    { "msid:", read_msid, ALONE },
    { "rid:", read_rid, ALONE },
    { "sctp-port:", read_sctp_port, SECTION },
    { "sctpmap:", read_sctpmap, ALONE },
    { "max-message-size:", read_max_message_size, ALONE },
    { "sctp-init:", read_sctp_init, ALONE },
};

void weir_sdp_pass_over(struct weir_sdp *sdp, uint32_t line, enum weir_sdp_verdict v)
{
    if (sdp->passed_over++ == 0) {
        sdp->first_passed.verdict = v;
        sdp->first_passed.line = line;
    }
}

void weir_sdp_fault(struct weir_sdp_media *m, uint32_t line, enum weir_sdp_verdict v)
{
    if (m->verdict == WEIR_SDP_OK) {
        m->verdict = v;
        m->verdict_line = line;
    }
}

static void weigh(struct attr_context *c, enum attr_weight weight, enum weir_sdp_verdict v)
{
    uint32_t line = c->session->line;
    if (v == WEIR_SDP_OK) {
        return;
    }
    weir_sdp_pass_over(c->sdp, line, v);
    if (weight == SECTION && !c->is_session) {
        weir_sdp_fault(c->m, line, v);
    } else if (weight == TRANSPORT && c->m->transport_fault == WEIR_SDP_OK) {
        c->m->transport_fault = v;
        c->m->transport_line = line;
    }
}

void weir_sdp_attribute(struct weir_sdp *sdp, struct sdp_session *session, struct weir_sdp_media *m,
                        bool is_session, struct weir_rd r)
{
    struct attr_context c = { sdp, session, m, is_session };
    for (size_t i = 0; i < sizeof attribute / sizeof attribute[0]; i++) {
        struct weir_rd value = r;
        if (!weir_sdp_prefix(&value, attribute[i].name)) {
            continue;
        }
        bool has_value = value.p[-1] == ':';
        if (has_value || value.n == 0 || value.p[0] == ' ') { /* "rtcp-mux-only" is not "rtcp-mux" */
            weigh(&c, attribute[i].weight, attribute[i].read(&c, value));
            return;
        }
    }
}

/* -- After the last line ----------------------------------------------------------------------- */

/* [RFC 3551 6] payload types that need no rtpmap. */
static void complete_static_types(struct weir_sdp_media *m)
{
    for (uint32_t i = 0; i < m->codecs; i++) {
        struct weir_sdp_codec *c = &m->codec[i];
        if (c->clock_hz == 0 && m->kind == WEIR_SDP_AUDIO) {
            c->name = c->payload_type == 0   ? WEIR_LIT("PCMU")
                      : c->payload_type == 8 ? WEIR_LIT("PCMA")
                      : c->payload_type == 9 ? WEIR_LIT("G722")
                                             : c->name;
            c->clock_hz = c->name.n != 0 ? 8000 : 0;
        }
    }
}

void weir_sdp_complete(struct weir_sdp_media *m, const struct sdp_session *session)
{
    const struct weir_sdp_media *d = &session->defaults;
    m->ufrag = m->ufrag.n == 0 ? d->ufrag : m->ufrag;
    m->pwd = m->pwd.n == 0 ? d->pwd : m->pwd;
    m->setup = m->setup == WEIR_SDP_SETUP_NONE ? d->setup : m->setup;
    m->has_trickle |= d->has_trickle;
    m->sped |= d->sped;
    if (m->transport_fault == WEIR_SDP_OK) {
        m->transport_fault = d->transport_fault;
        m->transport_line = d->transport_line;
    }
    m->has_end_of_candidates |= d->has_end_of_candidates;
    if (m->fingerprints == 0) {
        m->fingerprints = d->fingerprints;
        memcpy(m->fingerprint, d->fingerprint, sizeof m->fingerprint);
    }
    complete_static_types(m);
    if (m->kind == WEIR_SDP_DATA && m->sctp_port == 0) {
        m->sctp_port = 5000; /* [RFC 8841 5.1 DEVIATION] as browsers take it when nothing is said */
    }
}
