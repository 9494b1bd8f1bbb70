/* Audio and video: which section a packet belongs to, and what RTCP brings. Sending: peer_rtp.c. */
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

/* -- Key frames -------------------------------------------------------------------------------- */

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
