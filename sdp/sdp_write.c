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

static void write_session(struct weir_wr *w, const struct weir_sdp *sdp)
{
    weir_wr_str(w, "v=0\r\no=- ");
    weir_wr_bytes(w, sdp->session_id);
    weir_wr_u8(w, ' ');
    weir_wr_dec(w, sdp->session_version);
    weir_wr_str(w, " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    if (sdp->has_bundle) {
        weir_wr_str(w, "a=group:BUNDLE");
        for (uint32_t i = 0; i < sdp->medias; i++) {
            if (sdp->media[i].is_bundled) {
                weir_wr_u8(w, ' ');
                weir_wr_bytes(w, sdp->media[i].mid);
            }
        }
        weir_wr_str(w, "\r\n");
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
    if (m->codecs == 0) {
        weir_wr_u8(w, ' ');
        weir_wr_bytes(w, m->format);
    }
    weir_wr_str(w, "\r\nc=IN IP4 0.0.0.0\r\n");
}

static void write_fingerprint(struct weir_wr *w, const struct weir_sdp_fingerprint *f)
{
    static const char digit[] = "0123456789ABCDEF";
    static const char *const name[] = { "sha-256 ", "sha-384 ", "sha-512 ", "weak " };
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
        if (m->fingerprint[i].hash != WEIR_SDP_WEAK_HASH) {
            write_fingerprint(w, &m->fingerprint[i]);
        }
    }
    flag(w, m->setup != WEIR_SDP_SETUP_NONE, setup[m->setup]);
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
    if (c->fmtp.n != 0) {
        weir_wr_str(w, "a=fmtp:");
        weir_wr_dec(w, c->payload_type);
        weir_wr_u8(w, ' ');
        weir_wr_bytes(w, c->fmtp);
        weir_wr_str(w, "\r\n");
    }
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
        number_line(w, "sctp-port:", m->sctp_port);
        number_line(w, "max-message-size:", m->max_message_size);
        if (m->sctp_init.n != 0) {
            line(w, "sctp-init:", m->sctp_init);
        }
    } else {
        write_rtp(w, m);
    }
}

bool weir_sdp_write(struct weir_wr *w, const struct weir_sdp *sdp)
{
    write_session(w, sdp);
    for (uint32_t i = 0; i < sdp->medias; i++) {
        write_section(w, &sdp->media[i]);
    }
    return !w->overflow;
}
