/* Writing a description, in the order that browsers write theirs. */
#include "sdp/sdp_int.h"

static void line(struct weir_wr *w, const char *name, struct weir_span value)
{
    weir_wr_str(w, "a=");
    weir_wr_str(w, name);
    weir_wr_bytes(w, value);
    weir_wr_str(w, "\r\n");
}

static void flag(struct weir_wr *w, bool is_set, const char *name)
{
    if (is_set) {
        line(w, name, weir_span_of(NULL, 0));
    }
}

static void number_line(struct weir_wr *w, const char *name, uint64_t value)
{
    weir_wr_str(w, "a=");
    weir_wr_str(w, name);
    weir_wr_dec(w, value);
    weir_wr_str(w, "\r\n");
}

/* The member of the group behind place `at`, or NULL. */
static const struct weir_sdp_media *next_member(const struct weir_sdp *sdp, uint32_t at)
{
    const struct weir_sdp_media *next = NULL;
    for (uint32_t i = 0; i < sdp->medias; i++) {
        const struct weir_sdp_media *m = &sdp->media[i];
        if (m->is_bundled && m->group_at > at && (next == NULL || m->group_at < next->group_at)) {
            next = m;
        }
    }
    return next;
}

/* [RFC 9143 7.3.1] In the order of the group, which is the offerer's. */
static void write_bundle(struct weir_wr *w, const struct weir_sdp *sdp)
{
    const struct weir_sdp_media *m = next_member(sdp, 0);
    if (m == NULL) {
        return; /* nothing was accepted */
    }
    weir_wr_str(w, "a=group:BUNDLE");
    while (m != NULL) { /* at most 64, each once */
        weir_wr_u8(w, ' ');
        weir_wr_bytes(w, m->mid);
        m = next_member(sdp, m->group_at);
    }
    weir_wr_str(w, "\r\n");
}

static void write_session(struct weir_wr *w, const struct weir_sdp *sdp)
{
    weir_wr_str(w, "v=0\r\no=- ");
    weir_wr_bytes(w, sdp->session_id);
    weir_wr_u8(w, ' ');
    weir_wr_dec(w, sdp->session_version);
    weir_wr_str(w, " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    if (sdp->has_bundle) {
        write_bundle(w, sdp);
    }
    flag(w, sdp->has_extmap_allow_mixed, "extmap-allow-mixed");
    flag(w, sdp->has_ice_lite, "ice-lite");
}

static void write_media_line(struct weir_wr *w, const struct weir_sdp_media *m)
{
    weir_wr_str(w, "m=");
    weir_wr_bytes(w, m->media);
    weir_wr_u8(w, ' ');
    weir_wr_dec(w, m->port);
    weir_wr_u8(w, ' ');
    weir_wr_bytes(w, m->profile);
    for (uint32_t i = 0; i < m->codecs; i++) {
        weir_wr_u8(w, ' ');
        weir_wr_dec(w, m->codec[i].payload_type);
    }
    if (m->is_old_data) {
        weir_wr_u8(w, ' ');
        weir_wr_dec(w, m->sctp_port);
    } else if (m->codecs == 0) {
        weir_wr_u8(w, ' ');
        weir_wr_bytes(w, m->format);
    }
    weir_wr_str(w, "\r\nc=IN IP4 0.0.0.0\r\n");
}

static void write_fingerprint(struct weir_wr *w, const struct weir_sdp_fingerprint *f)
{
    static const char digit[] = "0123456789ABCDEF";
    static const char *const name[] = { "sha-256 ", "sha-384 ", "sha-512 " };
    weir_wr_str(w, "a=fingerprint:");
    weir_wr_str(w, name[f->hash]);
    for (unsigned i = 0; i < f->bytes; i++) {
        if (i != 0) {
            weir_wr_u8(w, ':');
        }
        weir_wr_u8(w, (uint8_t)digit[f->digest[i] >> 4]);
        weir_wr_u8(w, (uint8_t)digit[f->digest[i] & 15]);
    }
    weir_wr_str(w, "\r\n");
}

static void write_ice_options(struct weir_wr *w, const struct weir_sdp_media *m)
{
    if (m->has_trickle) {
        weir_wr_str(w, "a=ice-options:trickle");
        weir_wr_str(w, (m->sped & WEIR_SDP_SPED) != 0 ? " sped" : "");
        weir_wr_str(w, (m->sped & WEIR_SDP_SPED_GOOG) != 0 ? " googspedv1" : "");
        weir_wr_str(w, "\r\n");
    }
}

static void write_transport(struct weir_wr *w, const struct weir_sdp_media *m)
{
    static const char *const setup[] = { "", "setup:actpass", "setup:active", "setup:passive" };
    for (uint32_t i = 0; i < m->candidates; i++) {
        line(w, "", m->candidate[i]);
    }
    flag(w, m->has_end_of_candidates, "end-of-candidates");
    line(w, "ice-ufrag:", m->ufrag);
    line(w, "ice-pwd:", m->pwd);
    write_ice_options(w, m);
    for (uint32_t i = 0; i < m->fingerprints; i++) {
        write_fingerprint(w, &m->fingerprint[i]);
    }
    flag(w, m->setup != WEIR_SDP_SETUP_NONE && m->setup <= WEIR_SDP_PASSIVE, setup[m->setup & 3]);
    if (m->tls_id.n != 0) {
        line(w, "tls-id:", m->tls_id);
    }
}

static void write_feedback(struct weir_wr *w, const struct weir_sdp_codec *c)
{
    static const char *const name[] = { "nack",      "nack pli",     "ccm fir",
                                        "goog-remb", "transport-cc", "ack ccfb" };
    for (unsigned bit = 0; bit < 6; bit++) {
        if ((c->feedback >> bit & 1) != 0) {
            weir_wr_str(w, "a=rtcp-fb:");
            weir_wr_dec(w, c->payload_type);
            weir_wr_u8(w, ' ');
            weir_wr_str(w, name[bit]);
            weir_wr_str(w, "\r\n");
        }
    }
}

static void write_codec(struct weir_wr *w, const struct weir_sdp_codec *c)
{
    weir_wr_str(w, "a=rtpmap:");
    weir_wr_dec(w, c->payload_type);
    weir_wr_u8(w, ' ');
    weir_wr_bytes(w, c->name);
    weir_wr_u8(w, '/');
    weir_wr_dec(w, c->clock_hz);
    if (c->channels > 1) {
        weir_wr_u8(w, '/');
        weir_wr_dec(w, c->channels);
    }
    weir_wr_str(w, "\r\n");
    write_feedback(w, c);
    weir_sdp_write_fmtp(w, c);
}

static void write_sources(struct weir_wr *w, const struct weir_sdp_media *m)
{
    for (uint32_t i = 0; i < m->ssrcs; i++) {
        weir_wr_str(w, "a=ssrc:");
        weir_wr_dec(w, m->ssrc[i]);
        weir_wr_str(w, " cname:");
        weir_wr_bytes(w, m->cname);
        weir_wr_str(w, "\r\n");
    }
}

static void write_rtp(struct weir_wr *w, const struct weir_sdp_media *m)
{
    static const char *const direction[] = { "inactive", "sendonly", "recvonly", "sendrecv" };
    for (uint32_t i = 0; i < m->exts; i++) {
        weir_wr_str(w, "a=extmap:");
        weir_wr_dec(w, m->ext[i].id);
        weir_wr_u8(w, ' ');
        weir_wr_bytes(w, m->ext[i].uri);
        weir_wr_str(w, "\r\n");
    }
    flag(w, true, direction[m->direction]);
    if (m->msid.n != 0) {
        line(w, "msid:", m->msid);
    }
    flag(w, m->has_rtcp_mux, "rtcp-mux");
    flag(w, m->has_rtcp_rsize, "rtcp-rsize");
    for (uint32_t i = 0; i < m->codecs; i++) {
        if (m->codec[i].clock_hz != 0) {
            write_codec(w, &m->codec[i]);
        }
    }
    write_sources(w, m);
}

static void write_data(struct weir_wr *w, const struct weir_sdp_media *m)
{
    if (m->is_old_data) { /* [draft-ietf-mmusic-sctp-sdp-07] */
        weir_wr_str(w, "a=sctpmap:");
        weir_wr_dec(w, m->sctp_port);
        weir_wr_str(w, " " SDP_DATA_CHANNEL " ");
        weir_wr_dec(w, SDP_STREAMS_OLD);
        weir_wr_str(w, "\r\n");
    } else {
        number_line(w, "sctp-port:", m->sctp_port);
    }
    number_line(w, "max-message-size:", m->max_message_size);
    if (m->sctp_init.n != 0) {
        line(w, "sctp-init:", m->sctp_init);
    }
}

static void write_section(struct weir_wr *w, const struct weir_sdp_media *m)
{
    write_media_line(w, m);
    if (m->mid.n != 0) {
        line(w, "mid:", m->mid);
    }
    if (m->port == 0 && !m->is_bundle_only) {
        flag(w, true, "inactive");
        return;
    }
    write_transport(w, m);
    if (m->kind == WEIR_SDP_DATA) {
        write_data(w, m);
    } else {
        write_rtp(w, m);
    }
}

/* [RFC 3264 6] Sections that we have no place for are rejected in their own words. */
static void write_rest(struct weir_wr *w, const struct weir_sdp *sdp)
{
    struct weir_rd r = weir_rd_of(sdp->rest);
    struct weir_span text;
    struct weir_sdp_media m = { .media = WEIR_LIT("audio"), .profile = WEIR_LIT(SDP_PROFILE_RTP),
                                .format = WEIR_LIT("0") };
    while (weir_sdp_line(&r, &text)) {
        struct weir_rd at = weir_rd_of(text);
        struct weir_span port;
        if (weir_sdp_prefix(&at, "m=") && weir_sdp_item(&at, &m.media) && weir_sdp_item(&at, &port)
            && weir_sdp_item(&at, &m.profile) && weir_sdp_item(&at, &m.format)) {
            write_section(w, &m);
        }
    }
    for (uint32_t i = 0; i < sdp->rest_medias && sdp->rest.n == 0; i++) {
        write_section(w, &m);
    }
}

bool weir_sdp_write(struct weir_wr *w, const struct weir_sdp *sdp)
{
    write_session(w, sdp);
    for (uint32_t i = 0; i < sdp->medias; i++) {
        write_section(w, &sdp->media[i]);
    }
    write_rest(w, sdp);
    return !w->overflow;
}
