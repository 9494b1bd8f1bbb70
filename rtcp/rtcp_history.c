/* The history that answers a NACK: packets found by stream and sequence number.
 *
 * Packets are kept as they were before they were sealed, so that the payload of one that went to many
 * receivers, each under its own key, is kept once. With it is kept what sealing gave it, the tag: who
 * seals it again compares, so a key stream never covers other bytes than it did.
 */
#include "rtcp/rtcp_int.h"

void weir_rtcp_history_init(struct weir_rtcp_history *h, uint32_t account)
{
    memset(h, 0, sizeof *h);
    h->account = account;
    for (uint32_t i = 0; i < WEIR_RTCP_HISTORY_MAX; i++) {
        h->slot[i].own = h->slot[i].shared = WEIR_NO_CELL;
    }
}

static void slot_clear(struct weir_rtcp_history *h, struct weir_pool *pool, uint32_t at)
{
    weir_rope_put(pool, h->account, h->slot[at].own);
    if (h->slot[at].shared != WEIR_NO_CELL) {
        weir_shared_drop(pool, h->slot[at].shared);
    }
    h->slot[at].own = h->slot[at].shared = WEIR_NO_CELL;
}

void weir_rtcp_history_yield(struct weir_rtcp_history *h, struct weir_pool *pool)
{
    uint32_t most = h->account == WEIR_NO_ACCOUNT ? 0 : WEIR_RTCP_HISTORY_MAX - WEIR_RTCP_HISTORY_LEAST;
    for (uint32_t i = 0; i < most && weir_pool_is_short(pool); i++) {
        if (!weir_account_borrows(pool, h->account)) {
            return;
        }
        slot_clear(h, pool, (h->next + i) % WEIR_RTCP_HISTORY_MAX);
    }
}

/* Who misses a packet asks soon: without room for a new one the oldest go. */
static bool room_make(struct weir_rtcp_history *h, struct weir_pool *pool, uint32_t bytes,
                      struct weir_rope *rope)
{
    uint32_t head = (uint32_t)sizeof(struct weir_piece), i = 0;
    while (!weir_rope_begin(pool, h->account, WEIR_STORE_DENSE, head, bytes, rope)) {
        if (i == WEIR_RTCP_HISTORY_MAX) {
            return false;
        }
        slot_clear(h, pool, (h->next + i++) % WEIR_RTCP_HISTORY_MAX);
    }
    return true;
}

void weir_rtcp_history_note(struct weir_rtcp_history *h, struct weir_pool *pool,
                            const struct weir_rtcp_kept *k)
{
    uint32_t at = h->next++ % WEIR_RTCP_HISTORY_MAX;
    struct weir_span payload = k->shared == WEIR_NO_CELL ? k->payload : weir_span_of(NULL, 0);
    static const uint8_t no_tag[WEIR_RTCP_TAG_MAX] = { 0 };
    size_t bytes = k->tag_bytes + k->header.n + payload.n;
    struct weir_rope rope;
    slot_clear(h, pool, at);
    weir_rtcp_history_yield(h, pool);
    if (k->tag_bytes > WEIR_RTCP_TAG_MAX || bytes > WEIR_MTU + WEIR_RTCP_TAG_MAX
        || !room_make(h, pool, (uint32_t)bytes, &rope)) {
        return;
    }
    uint32_t tail = rope.head;
    weir_rope_write(pool, &tail, weir_span_of(no_tag, k->tag_bytes));
    weir_rope_write(pool, &tail, k->header);
    weir_rope_write(pool, &tail, payload);
    if (k->shared != WEIR_NO_CELL) {
        weir_shared_hold(pool, k->shared);
    }
    h->slot[at].own = rope.head;
    h->slot[at].shared = k->shared;
    h->slot[at].ssrc = k->ssrc;
    h->slot[at].seq = k->seq;
    h->slot[at].tag_bytes = k->tag_bytes;
    h->slot[at].resent_at = 0;
}

void weir_rtcp_history_sealed(struct weir_rtcp_history *h, struct weir_pool *pool, struct weir_span tag)
{
    uint32_t at = (h->next - 1) % WEIR_RTCP_HISTORY_MAX;
    if (h->slot[at].own == WEIR_NO_CELL) {
        return;
    }
    if (tag.n != h->slot[at].tag_bytes) {
        slot_clear(h, pool, at);
        return;
    }
    struct weir_piece *first = weir_piece_at(pool, h->slot[at].own); /* one cell has room for all of it */
    memcpy((uint8_t *)first + first->at, tag.p, tag.n);
}

/* Tag to `tag`, the rest to `out`. */
static size_t slot_read(const struct weir_rtcp_history *h, const struct weir_pool *pool, uint32_t at,
                        struct weir_mspan out, uint8_t tag[WEIR_RTCP_TAG_MAX])
{
    struct weir_wr w = weir_wr_of(out), t = weir_wr_of((struct weir_mspan){ tag, h->slot[at].tag_bytes });
    uint32_t run = h->slot[at].own;
    struct weir_span part;
    while (weir_rope_next(pool, &run, &part)) {
        size_t n = t.cap - t.len < part.n ? t.cap - t.len : part.n;
        weir_wr_bytes(&t, weir_span_of(part.p, n));
        weir_wr_bytes(&w, weir_span_of(part.p + n, part.n - n));
    }
    for (run = h->slot[at].shared; weir_rope_next(pool, &run, &part);) {
        weir_wr_bytes(&w, part);
    }
    return weir_wr_done(&w);
}

size_t weir_rtcp_history_find(struct weir_rtcp_history *h, const struct weir_pool *pool, weir_time now,
                              weir_duration min_gap, uint32_t ssrc, uint16_t seq, struct weir_mspan out,
                              uint8_t tag[WEIR_RTCP_TAG_MAX])
{
    for (uint32_t i = 0; i < WEIR_RTCP_HISTORY_MAX; i++) {
        if (h->slot[i].own == WEIR_NO_CELL || h->slot[i].seq != seq || h->slot[i].ssrc != ssrc) {
            continue;
        }
        if (h->slot[i].resent_at != 0 && weir_time_since(now, h->slot[i].resent_at) < min_gap) {
            return 0;
        }
        h->slot[i].resent_at = now;
        return slot_read(h, pool, i, out, tag);
    }
    return 0;
}

void weir_rtcp_history_clear(struct weir_rtcp_history *h, struct weir_pool *pool)
{
    for (uint32_t i = 0; i < WEIR_RTCP_HISTORY_MAX; i++) {
        slot_clear(h, pool, i);
    }
}
