/* Audio and video: which section a packet belongs to, sending, sending again. */
#include "peer/peer_int.h"

_Static_assert((int)WEIR_RTCP_LOCALS_MAX >= (int)WEIR_PEER_MEDIA_MAX, "each that sends reports");

const struct weir_media_codec *weir_peer_codec(const struct weir_media *m, uint8_t payload_type)
{
    for (unsigned i = 0; i < m->codecs; i++) {
        if (m->codec[i].payload_type == payload_type) {
            return &m->codec[i];
        }
    }
    return NULL;
}

static bool receives(const struct weir_media *m)
{
    return m->is_accepted && m->kind != WEIR_SDP_DATA && (m->direction & WEIR_SDP_RECVONLY) != 0;
}

static bool has_ssrc(const struct weir_media *m, uint32_t ssrc)
{
    bool is_known = false;
    for (unsigned i = 0; i < m->remote_ssrcs; i++) {
        is_known |= m->remote_ssrc[i] == ssrc;
    }
    return is_known;
}

static void forget_ssrc(struct weir_media *m, uint32_t ssrc)
{
    for (unsigned i = 0; i < m->remote_ssrcs; i++) {
        if (m->remote_ssrc[i] == ssrc) {
            m->remote_ssrc[i] = m->remote_ssrc[--m->remote_ssrcs];
            m->remote_ssrc_at = 0;
            return;
        }
    }
}

void weir_peer_learn_ssrc(struct weir_peer *p, struct weir_media *m, uint32_t ssrc)
{
    if (has_ssrc(m, ssrc)) {
        return;
    }
    for (unsigned i = 0; i < p->medias; i++) {
        forget_ssrc(media_at(p, i), ssrc);
    }
    if (m->remote_ssrcs < WEIR_PEER_SSRCS_MAX) {
        m->remote_ssrc[m->remote_ssrcs++] = ssrc;
        return;
    }
    m->remote_ssrc[m->remote_ssrc_at] = ssrc; /* the oldest goes: a peer may change its SSRC for ever */
    m->remote_ssrc_at = (uint8_t)((m->remote_ssrc_at + 1) % WEIR_PEER_SSRCS_MAX);
}

/* The MID that a packet carries under this id; false when it carries none. */
static bool read_mid(const struct weir_rtp_header *h, uint8_t id, struct weir_span *mid)
{
    struct weir_rtp_ext_iter it = weir_rtp_ext_begin(h);
    struct weir_rtp_ext ext;
    while (id != 0 && weir_rtp_ext_next(&it, &ext)) {
        if (ext.id == id) {
            *mid = ext.data;
            return true;
        }
    }
    return false;
}

/* Each gives p->medias where there is none. By the MID in the packet; *has_mid: there is one, whether or
 * not a section has it. */
static unsigned media_of_mid(const struct weir_peer *p, const struct weir_rtp_header *h, bool *has_mid)
{
    struct weir_span mid;
    *has_mid = false;
    for (unsigned i = 0; i < p->medias; i++) {
        const struct weir_media *m = media_at(p, i);
        if (m->is_accepted && read_mid(h, m->mid_ext, &mid)) {
            *has_mid = true;
            if (weir_span_eq(mid, weir_span_of(m->mid, m->mid_bytes))) {
                return i;
            }
        }
    }
    return p->medias;
}

static unsigned media_of_ssrc(const struct weir_peer *p, uint32_t ssrc)
{
    unsigned i = 0;
    while (i < p->medias && !(media_at(p, i)->is_accepted && has_ssrc(media_at(p, i), ssrc))) {
        i++;
    }
    return i;
}

/* By a payload type that only one section has. */
static unsigned media_of_type(const struct weir_peer *p, uint8_t payload_type)
{
    unsigned found = p->medias, count = 0;
    for (unsigned i = 0; i < p->medias; i++) {
        const struct weir_media *m = media_at(p, i);
        if (receives(m) && weir_peer_codec(m, payload_type) != NULL) {
            found = i;
            count++;
        }
    }
    return count == 1 ? found : p->medias;
}

/* [RFC 9143 9.2] In this order: the MID that it carries, which also moves its SSRC; one that no section has
 * drops it; the section that its SSRC was told or taught for; a payload type that only one has. Whichever
 * it is, it must receive, and the payload type must be one of its own. */
bool weir_peer_media_of_rtp(struct weir_peer *p, const struct weir_rtp_header *h, uint8_t *media)
{
    bool has_mid;
    unsigned i = media_of_mid(p, h, &has_mid);
    if (i == p->medias && !has_mid) {
        i = media_of_ssrc(p, h->ssrc);
        i = i == p->medias ? media_of_type(p, h->payload_type) : i;
    }
    if (i == p->medias || !receives(media_at(p, i))
        || weir_peer_codec(media_at(p, i), h->payload_type) == NULL) {
        return false;
    }
    weir_peer_learn_ssrc(p, media_at(p, i), h->ssrc);
    *media = (uint8_t)i;
    return true;
}

bool weir_peer_has_keys_of(struct weir_peer *p, struct weir_span packet)
{
    uint8_t copy[WEIR_MTU]; /* opening is in place */
    bool is_rtcp = packet.n > 1 && packet.p[1] >= 192 && packet.p[1] <= 223; /* [RFC 5761 4] */
    if (!p->is_srtp_ready || !weir_copy_into(copy, sizeof copy, packet)) {
        return false;
    }
    return weir_srtp_is_ours(&rtp_of(p)->srtp_rx, (struct weir_mspan){ copy, packet.n }, is_rtcp);
}

/* -- Out --------------------------------------------------------------------------------------- */

/* Our MID in a one-byte extension [RFC 8843 15]. */
static size_t write_mid(const struct weir_media *m, uint8_t out[36])
{
    if (m->mid_ext == 0 || m->mid_ext > 14 || m->mid_bytes == 0 || m->mid_bytes > 16) {
        return 0;
    }
    out[0] = (uint8_t)(m->mid_ext << 4 | (m->mid_bytes - 1));
    memcpy(out + 1, m->mid, m->mid_bytes);
    return 1 + (size_t)m->mid_bytes;
}

/* Write the payload: as it is, or that which is kept for many. */
static size_t write_payload(const struct weir_peer *p, struct weir_wr *w, struct weir_span payload,
                            uint32_t shared)
{
    size_t before = w->len;
    struct weir_span part;
    if (shared == WEIR_NO_CELL) {
        weir_wr_bytes(w, payload);
    }
    while (weir_rope_next(p->pool, &shared, &part)) {
        weir_wr_bytes(w, part);
    }
    return w->len - before;
}

/* Seal it, and keep it for who misses it. */
static bool seal_and_keep(struct weir_peer *p, struct weir_mspan out, size_t *len,
                          struct weir_rtcp_kept *k, bool is_kept)
{
    size_t tag_bytes = weir_srtp_tag_bytes(&rtp_of(p)->srtp_tx);
    if (is_kept) {
        k->tag_bytes = (uint8_t)tag_bytes;
        k->payload = weir_span_of(out.p + k->header.n, *len - k->header.n);
        weir_rtcp_history_note(&rtp_of(p)->history, p->pool, k);
    }
    bool is_sealed = weir_srtp_seal(&rtp_of(p)->srtp_tx, out, len) == WEIR_SRTP_OK;
    if (is_kept) {
        weir_rtcp_history_sealed(&rtp_of(p)->history, p->pool,
                                 weir_span_of(out.p + *len - tag_bytes, is_sealed ? tag_bytes : 0));
    }
    return is_sealed;
}

enum weir_status weir_peer_write_rtp(struct weir_peer *p, weir_time now, uint8_t media,
                                     const struct weir_rtp_header *h, struct weir_mspan out,
                                     size_t *len, struct weir_path *to)
{
    return weir_peer_write_shared_rtp(p, now, media, h, WEIR_NO_CELL, out, len, to);
}

enum weir_status weir_peer_write_shared_rtp(struct weir_peer *p, weir_time now, uint8_t media,
                                            const struct weir_rtp_header *h, uint32_t shared,
                                            struct weir_mspan out, size_t *len, struct weir_path *to)
{
    uint8_t ext[36];
    struct weir_wr w = weir_wr_of(out);
    if (media >= p->medias || !media_at(p, media)->is_accepted) {
        return WEIR_ERR_ARG;
    }
    struct weir_media *m = media_at(p, media);
    const struct weir_media_codec *codec = weir_peer_codec(m, h->payload_type);
    if (codec == NULL) {
        return WEIR_ERR_ARG;
    }
    if (!p->is_srtp_ready || (m->direction & WEIR_SDP_SENDONLY) == 0 || weir_peer_is_closing(p)
        || !weir_ice_selected(&p->ice, to)) {
        return WEIR_ERR_STATE;
    }
    if (weir_peer_lite_room(p, to, WEIR_MTU) < WEIR_MTU) {
        return WEIR_ERR_FULL; /* until the peer shows that it reads what we send there */
    }
    struct weir_rtp_header ours = *h;
    ours.ssrc = m->ssrc;
    ours.ext = weir_span_of(ext, write_mid(m, ext));
    ours.has_extension = ours.ext.n != 0;
    ours.ext_profile = WEIR_RTP_EXT_ONE_BYTE;
    weir_rtp_write(&w, &ours);
    struct weir_rtcp_kept kept = { .ssrc = m->ssrc, .seq = ours.seq, .shared = shared,
                                   .header = weir_span_of(out.p, w.len) };
    size_t payload = write_payload(p, &w, h->payload, shared);
    *len = weir_wr_done(&w);
    if (*len == 0 || *len + WEIR_SRTP_OVERHEAD_MAX > WEIR_MTU) {
        return WEIR_ERR_SIZE;
    }
    if (!seal_and_keep(p, out, len, &kept, (codec->feedback & WEIR_SDP_FB_NACK) != 0)) {
        return WEIR_ERR_CRYPTO;
    }
    /* Of this codec, if not of the last. */
    (void)!weir_rtcp_add_local(&rtp_of(p)->rtcp, m->ssrc, codec->clock_hz);
    weir_rtcp_note_tx(&rtp_of(p)->rtcp, now, &ours);
    m->tx_packets++;
    m->tx_bytes += payload;
    p->tx_packets++;
    p->tx_bytes += *len;
    weir_peer_lite_sent(p, to, *len);
    return WEIR_OK;
}

size_t weir_peer_send_again(struct weir_peer *p, weir_time now, struct weir_mspan out)
{
    struct weir_peer_rtp *r = rtp_of(p);
    while (r != NULL && r->resend_head != r->resend_tail) { /* at most WEIR_PEER_RESENDS_MAX */
        uint32_t at = r->resend_tail++ % WEIR_PEER_RESENDS_MAX, ssrc = r->resend[at].ssrc;
        weir_duration rtt = weir_rtcp_rtt(&r->rtcp), gap = rtt > PEER_RESEND_GAP ? rtt : PEER_RESEND_GAP;
        uint8_t tag[WEIR_RTCP_TAG_MAX];
        uint16_t seq = r->resend[at].seq;
        size_t n = weir_rtcp_history_find(&r->history, p->pool, now, gap, ssrc, seq, out, tag);
        struct weir_span sealed_tag = weir_span_of(tag, weir_srtp_tag_bytes(&r->srtp_tx));
        if (n != 0 && weir_srtp_seal_again(&r->srtp_tx, out, &n, sealed_tag) == WEIR_SRTP_OK) {
            weir_rtcp_note_resent(&r->rtcp, ssrc);
            return n;
        }
    }
    return 0;
}

enum weir_status weir_peer_request_keyframe(struct weir_peer *p, weir_time now, uint8_t media)
{
    const struct weir_media *m = weir_peer_media_at(p, media);
    if (m == NULL || !m->is_accepted || m->kind == WEIR_SDP_DATA) {
        return WEIR_ERR_ARG;
    }
    bool is_asked = false;
    for (unsigned i = 0; i < m->remote_ssrcs; i++) {
        is_asked |= weir_rtcp_request_keyframe(&rtp_of(p)->rtcp, now, m->remote_ssrc[i], false) == WEIR_OK;
    }
    return is_asked ? WEIR_OK : WEIR_ERR_STATE;
}

/* -- What RTCP brought ------------------------------------------------------------------------- */

static void ask_again(struct weir_peer *p, uint32_t ssrc, uint16_t seq)
{
    if (rtp_of(p)->resend_head - rtp_of(p)->resend_tail < WEIR_PEER_RESENDS_MAX) {
        uint32_t at = rtp_of(p)->resend_head++ % WEIR_PEER_RESENDS_MAX;
        rtp_of(p)->resend[at].ssrc = ssrc;
        rtp_of(p)->resend[at].seq = seq;
    }
}

void weir_peer_take_rtcp_events(struct weir_peer *p, weir_time now)
{
    struct weir_rtcp_event e;
    (void)now;
    /* at most WEIR_RTCP_EVENTS_MAX */
    while (!p->config.is_data_only && weir_rtcp_event(&rtp_of(p)->rtcp, &e)) {
        if (e.type == WEIR_RTCP_EVENT_NACK) {
            ask_again(p, e.ssrc, e.seq);
        }
        for (unsigned i = 0; e.type == WEIR_RTCP_EVENT_KEYFRAME && i < p->medias; i++) {
            if (media_at(p, i)->ssrc == e.ssrc) {
                struct weir_event out = { .type = WEIR_EVENT_KEYFRAME, .media = (uint8_t)i };
                weir_peer_push(p, &out);
            }
        }
    }
}
