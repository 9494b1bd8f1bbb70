/* RTP that leaves: at once when it may, from a queue when it has to wait for its turn, and again when the
 * peer missed it.
 *
 *   write   header ... payload ─────────────────┐
 *   queue   header ... payload ──> rope ──turn──┴──> kept for who misses it ──> sealed ──> counted
 *   again   what was kept ─────────────────────────────────────────────────> sealed the same
 *
 * What waits does so unsealed: its rollover counter, and its place in the history, are those of the moment
 * at which it leaves.
 */
#include "peer/peer_int.h"

/* A packet that waits, in front of a rope of its header, and of its payload where that is its own. */
struct waiting {
    struct weir_piece piece;
    uint32_t next;
    uint32_t shared; /* the payload, or WEIR_NO_CELL */
    weir_time until; /* later it is not wanted any more */
    uint8_t media, header_bytes;
};

#define HEADER_MAX 64 /* RTP's, and our MID in an extension */

/* -- What is one packet? ----------------------------------------------------------------------- */

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

static void write_header(const struct weir_media *m, struct weir_rtp_header h, struct weir_wr *w)
{
    uint8_t ext[36];
    h.ssrc = m->ssrc;
    h.ext = weir_span_of(ext, write_mid(m, ext));
    h.has_extension = h.ext.n != 0;
    h.ext_profile = WEIR_RTP_EXT_ONE_BYTE;
    weir_rtp_write(w, &h);
}

static void write_shared(const struct weir_peer *p, uint32_t shared, struct weir_wr *w)
{
    struct weir_span part;
    while (weir_rope_next(p->pool, &shared, &part)) {
        weir_wr_bytes(w, part);
    }
}

/* May this section send such a packet? Then *codec is what it is. */
static enum weir_status check(const struct weir_peer *p, uint8_t media, uint8_t payload_type,
                              const struct weir_media_codec **codec)
{
    const struct weir_media *m = weir_peer_media_at(p, media);
    *codec = m == NULL || !m->is_accepted ? NULL : weir_peer_codec(m, payload_type);
    if (*codec == NULL) {
        return WEIR_ERR_ARG;
    }
    return p->is_srtp_ready && (m->direction & WEIR_SDP_SENDONLY) != 0 ? WEIR_OK : WEIR_ERR_STATE;
}

/* -- Out of the door --------------------------------------------------------------------------- */

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

/* A whole packet in clear, its header and where it is from. */
struct packet {
    struct weir_media *media;
    const struct weir_media_codec *codec;
    size_t header_bytes;
    uint32_t shared; /* its payload, or WEIR_NO_CELL */
};

static bool finish(struct weir_peer *p, weir_time now, const struct packet *k,
                   const struct weir_rtp_header *h, struct weir_mspan out, size_t *len)
{
    struct weir_peer_rtp *r = rtp_of(p);
    struct weir_media *m = k->media;
    struct weir_rtcp_kept kept = { .ssrc = m->ssrc, .seq = h->seq, .shared = k->shared,
                                   .header = weir_span_of(out.p, k->header_bytes) };
    size_t payload = *len - k->header_bytes;
    if (!seal_and_keep(p, out, len, &kept, (k->codec->feedback & WEIR_SDP_FB_NACK) != 0)) {
        return false;
    }
    struct weir_rtp_header ours = { .ssrc = m->ssrc, .seq = h->seq, .timestamp = h->timestamp,
                                    .payload = weir_span_of(NULL, payload) };
    /* Of this codec, if not of the last. */
    (void)!weir_rtcp_add_local(&r->rtcp, m->ssrc, k->codec->clock_hz);
    weir_rtcp_note_tx(&r->rtcp, now, &ours);
    p->door.number = weir_rtcp_sent_note(&r->sent, now, m->ssrc, h->seq, *len);
    p->door.is_numbered = true;
    m->tx_packets++;
    m->tx_bytes += payload;
    return true;
}

/* -- At once ----------------------------------------------------------------------------------- */

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
    struct weir_wr w = weir_wr_of(out);
    struct packet k = { .shared = shared };
    enum weir_status status = check(p, media, h->payload_type, &k.codec);
    if (status != WEIR_OK) {
        return status;
    }
    k.media = media_at(p, media);
    if (weir_peer_is_closing(p) || !weir_ice_selected(&p->ice, to)) {
        return WEIR_ERR_STATE;
    }
    /* Lite: until the peer shows that it reads what we send there. */
    if (!weir_peer_door_is_open(p, now) || weir_peer_lite_room(p, to, WEIR_MTU) < WEIR_MTU) {
        p->door.owes_writable = true;
        return WEIR_ERR_FULL;
    }
    write_header(k.media, *h, &w);
    k.header_bytes = w.len;
    if (shared == WEIR_NO_CELL) {
        weir_wr_bytes(&w, h->payload);
    }
    write_shared(p, shared, &w);
    *len = weir_wr_done(&w);
    if (*len == 0 || *len + WEIR_SRTP_OVERHEAD_MAX > WEIR_MTU) {
        return WEIR_ERR_SIZE;
    }
    if (!finish(p, now, &k, h, out, len)) {
        return WEIR_ERR_CRYPTO;
    }
    weir_peer_door_passed(p, now, to, *len);
    return WEIR_OK;
}

/* -- When its turn comes ----------------------------------------------------------------------- */

static struct waiting *waiting_at(const struct weir_peer *p, uint32_t run)
{
    return (struct waiting *)weir_cell_at(p->pool, run);
}

static struct weir_peer_queue *queue_of(const struct weir_peer *p, uint8_t media)
{
    return &rtp_of(p)->queue[media_at(p, media)->kind == WEIR_SDP_AUDIO ? WEIR_PEER_QUEUE_AUDIO
                                                                      : WEIR_PEER_QUEUE_VIDEO];
}

static void link_in(struct weir_peer *p, struct weir_peer_queue *q, uint32_t run)
{
    if (q->count == 0) {
        q->head = run;
    } else {
        waiting_at(p, q->tail)->next = run;
    }
    q->tail = run;
    q->count++;
}

/* The first leaves the queue; its rope stays. */
static uint32_t link_out(struct weir_peer *p, struct weir_peer_queue *q)
{
    uint32_t run = q->head;
    q->head = waiting_at(p, run)->next;
    q->count--;
    return run;
}

static void drop(struct weir_peer *p, uint32_t run)
{
    if (waiting_at(p, run)->shared != WEIR_NO_CELL) {
        weir_shared_drop(p->pool, waiting_at(p, run)->shared);
    }
    weir_rope_put(p->pool, p->account, run);
}

uint32_t weir_peer_rtp_waiting(const struct weir_peer *p)
{
    uint32_t count = 0;
    for (unsigned i = 0; !p->config.is_data_only && i < WEIR_PEER_QUEUES; i++) {
        count += rtp_of(p)->queue[i].count;
    }
    return count;
}

void weir_peer_rtp_forget(struct weir_peer *p)
{
    for (unsigned i = 0; !p->config.is_data_only && i < WEIR_PEER_QUEUES; i++) {
        while (rtp_of(p)->queue[i].count != 0) {
            drop(p, link_out(p, &rtp_of(p)->queue[i]));
        }
    }
}

/* Write it behind its fields; `payload` is empty when it is shared. */
static bool put_in(struct weir_peer *p, weir_time now, uint8_t media, struct weir_span header,
                   struct weir_span payload, uint32_t shared)
{
    struct weir_rope rope;
    if (!weir_rope_begin(p->pool, p->account, WEIR_STORE_DENSE, sizeof(struct waiting),
                         (uint32_t)(header.n + payload.n), &rope)) {
        return false;
    }
    weir_duration wait = p->config.queue_wait == 0 ? PEER_QUEUE_WAIT : p->config.queue_wait;
    struct waiting *w = waiting_at(p, rope.head);
    w->next = WEIR_NO_CELL;
    w->shared = shared;
    w->until = weir_time_add(now, wait);
    w->media = media;
    w->header_bytes = (uint8_t)header.n;
    uint32_t tail = rope.head;
    weir_rope_write(p->pool, &tail, header);
    weir_rope_write(p->pool, &tail, payload);
    if (shared != WEIR_NO_CELL) {
        weir_shared_hold(p->pool, shared);
    }
    link_in(p, queue_of(p, media), rope.head);
    return true;
}

static size_t shared_bytes(const struct weir_peer *p, uint32_t shared)
{
    size_t bytes = 0;
    struct weir_span part;
    while (weir_rope_next(p->pool, &shared, &part)) {
        bytes += part.n;
    }
    return bytes;
}

enum weir_status weir_peer_queue_rtp(struct weir_peer *p, weir_time now, uint8_t media,
                                     const struct weir_rtp_header *h, uint32_t shared)
{
    uint8_t header[HEADER_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ header, sizeof header });
    const struct weir_media_codec *codec;
    enum weir_status status = check(p, media, h->payload_type, &codec);
    if (status != WEIR_OK || weir_peer_is_closing(p)) {
        return status != WEIR_OK ? status : WEIR_ERR_STATE;
    }
    write_header(media_at(p, media), *h, &w);
    size_t n = weir_wr_done(&w);
    struct weir_span payload = shared == WEIR_NO_CELL ? h->payload : weir_span_of(NULL, 0);
    if (n == 0 || n + payload.n + shared_bytes(p, shared) + WEIR_SRTP_OVERHEAD_MAX > WEIR_MTU) {
        return WEIR_ERR_SIZE;
    }
    if (weir_peer_rtp_waiting(p) >= WEIR_PEER_QUEUE_MAX
        || !put_in(p, now, media, weir_span_of(header, n), payload, shared)) {
        p->door.owes_writable = true;
        return WEIR_ERR_FULL;
    }
    return WEIR_OK;
}

/* What waited, whole again, if it may still be sent. */
static bool finish_waiting(struct weir_peer *p, weir_time now, uint32_t run, struct weir_mspan out,
                           size_t *n)
{
    const struct waiting *w = waiting_at(p, run);
    struct packet k = { .header_bytes = w->header_bytes, .shared = w->shared };
    struct weir_wr text = weir_wr_of(out);
    struct weir_rtp_header h;
    write_shared(p, run, &text); /* its own bytes ... */
    write_shared(p, w->shared, &text);
    *n = weir_wr_done(&text);
    if (weir_rtp_parse(weir_span_of(out.p, *n), &h) != WEIR_SRTP_OK
        || check(p, w->media, h.payload_type, &k.codec) != WEIR_OK) {
        return false;
    }
    k.media = media_at(p, w->media);
    return finish(p, now, &k, &h, out, n);
}

/* Of one queue the first that still may leave; those before it that may not are gone, and counted. */
size_t weir_peer_send_waiting(struct weir_peer *p, weir_time now, enum weir_peer_queue_kind kind,
                              struct weir_mspan out)
{
    struct weir_peer_queue *q = p->config.is_data_only ? NULL : &rtp_of(p)->queue[kind];
    while (q != NULL && q->count != 0) {
        size_t n = 0;
        uint32_t run = link_out(p, q);
        bool is_late = now > waiting_at(p, run)->until;
        bool is_sent = !is_late && finish_waiting(p, now, run, out, &n);
        drop(p, run);
        q->late += is_late ? 1 : 0;
        q->refused += !is_late && !is_sent ? 1 : 0;
        if (is_sent) {
            return n;
        }
    }
    return 0;
}

/* -- Again ------------------------------------------------------------------------------------- */

bool weir_peer_has_again(const struct weir_peer *p)
{
    return !p->config.is_data_only && rtp_of(p)->resend_head != rtp_of(p)->resend_tail;
}

size_t weir_peer_send_again(struct weir_peer *p, weir_time now, struct weir_mspan out)
{
    struct weir_peer_rtp *r = rtp_of(p);
    while (weir_peer_has_again(p)) { /* at most WEIR_PEER_RESENDS_MAX */
        uint32_t at = r->resend_tail++ % WEIR_PEER_RESENDS_MAX, ssrc = r->resend[at].ssrc;
        weir_duration rtt = weir_rtcp_rtt(&r->rtcp), gap = rtt > PEER_RESEND_GAP ? rtt : PEER_RESEND_GAP;
        uint8_t tag[WEIR_RTCP_TAG_MAX];
        uint16_t seq = r->resend[at].seq;
        size_t n = weir_rtcp_history_find(&r->history, p->pool, now, gap, ssrc, seq, out, tag);
        struct weir_span sealed_tag = weir_span_of(tag, weir_srtp_tag_bytes(&r->srtp_tx));
        if (n != 0 && weir_srtp_seal_again(&r->srtp_tx, out, &n, sealed_tag) == WEIR_SRTP_OK) {
            weir_rtcp_note_resent(&r->rtcp, ssrc);
            p->door.number = weir_rtcp_sent_note(&r->sent, now, ssrc, seq, n);
            p->door.is_numbered = true;
            return n;
        }
    }
    return 0;
}
