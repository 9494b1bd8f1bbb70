/* The history that answers a NACK: sealed packets, found by stream and sequence number.
 *
 * Packets are kept as they were sent, so sending one again needs no key and can repeat no key stream.
 */
#include "rtcp/rtcp_int.h"

void weir_rtcp_history_init(struct weir_rtcp_history *h)
{
    memset(h, 0, sizeof *h);
    for (uint32_t i = 0; i < WEIR_RTCP_HISTORY_MAX; i++) {
        h->slot[i].buf = WEIR_NO_BUF;
    }
}

void weir_rtcp_history_note(struct weir_rtcp_history *h, struct weir_pool *pool, uint32_t ssrc,
                            uint16_t seq, struct weir_span sealed)
{
    uint32_t at = h->next++ % WEIR_RTCP_HISTORY_MAX;
    if (h->slot[at].buf == WEIR_NO_BUF) {
        h->slot[at].buf = weir_pool_get(pool);
    }
    if (h->slot[at].buf == WEIR_NO_BUF) {
        return;
    }
    struct weir_buf *b = weir_pool_at(pool, h->slot[at].buf);
    if (!weir_copy_into(b->data + b->start, sizeof b->data - b->start, sealed)) {
        b->len = 0;
        return;
    }
    b->len = (uint32_t)sealed.n;
    h->slot[at].ssrc = ssrc;
    h->slot[at].seq = seq;
    h->slot[at].resent_at = 0;
}

bool weir_rtcp_history_find(struct weir_rtcp_history *h, const struct weir_pool *pool, weir_time now,
                            weir_duration min_gap, uint32_t ssrc, uint16_t seq, struct weir_span *out)
{
    for (uint32_t i = 0; i < WEIR_RTCP_HISTORY_MAX; i++) {
        if (h->slot[i].buf == WEIR_NO_BUF || h->slot[i].seq != seq || h->slot[i].ssrc != ssrc) {
            continue;
        }
        struct weir_buf *b = weir_pool_at(pool, h->slot[i].buf);
        if (h->slot[i].resent_at != 0 && weir_time_since(now, h->slot[i].resent_at) < min_gap) {
            return false;
        }
        h->slot[i].resent_at = now;
        *out = weir_span_const(weir_buf_bytes(b));
        return b->len != 0;
    }
    return false;
}

void weir_rtcp_history_clear(struct weir_rtcp_history *h, struct weir_pool *pool)
{
    for (uint32_t i = 0; i < WEIR_RTCP_HISTORY_MAX; i++) {
        if (h->slot[i].buf != WEIR_NO_BUF) {
            weir_pool_put(pool, h->slot[i].buf);
            h->slot[i].buf = WEIR_NO_BUF;
        }
    }
}
