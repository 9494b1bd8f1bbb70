/* Reassembly and ordered delivery of DATA [RFC 9260 6.6, 6.9].
 *
 * 1. Fragments of one message have consecutive TSNs. A run of them is a segment: a rope in the pool
 *    with a description in front. Segments stand in one list in TSN order.
 * 2. A new fragment lengthens the segment before it, or that after it, or joins both, or begins one
 *    of its own; begin and end bits must agree with what stands beside it.
 * 3. A segment with its first and last fragment is a message. Unordered ones are delivered at once,
 *    ordered ones when their stream's number comes; a delivery may bring that of the next.
 * 4. Fragments fill up the last cell before a new one is taken. That bounds what a message costs.
 * 5. When memory is used up, what lies furthest ahead makes room for what comes before it: the
 *    message at the front can always be completed [RFC 9260 6.2 SHOULD].
 *
 * Finding the place walks from the end of the list, where new data belongs; retransmissions belong
 * at its front, which is looked at first.
 */
#include "sctp/sctp_int.h"

static bool is_complete(const struct segment *g)
{
    return (g->flags & (FLAG_BEGIN | FLAG_END)) == (FLAG_BEGIN | FLAG_END);
}

static bool is_waiting(const struct segment *g)
{
    return is_complete(g) && (g->flags & FLAG_UNORDERED) == 0;
}

/* -- The list of segments --------------------------------------------------------------------- */

/* The last segment that begins before tsn. */
static uint32_t segment_before(const struct weir_sctp *s, uint32_t tsn)
{
    if (s->segment_head == WEIR_NO_CELL || tsn_after(segment_at(s, s->segment_head)->first, tsn)) {
        return WEIR_NO_CELL;
    }
    uint32_t i = s->segment_tail;
    while (tsn_after(segment_at(s, i)->first, tsn)) {
        i = segment_at(s, i)->prev;
    }
    return i;
}

static uint32_t segment_after(const struct weir_sctp *s, uint32_t before)
{
    return before == WEIR_NO_CELL ? s->segment_head : segment_at(s, before)->next;
}

static void segment_link(struct weir_sctp *s, uint32_t before, uint32_t i)
{
    struct segment *g = segment_at(s, i);
    g->prev = before;
    g->next = segment_after(s, before);
    if (before == WEIR_NO_CELL) {
        s->segment_head = i;
    } else {
        segment_at(s, before)->next = i;
    }
    if (g->next == WEIR_NO_CELL) {
        s->segment_tail = i;
    } else {
        segment_at(s, g->next)->prev = i;
    }
    s->stream[g->slot].fragments++;
    s->rx_undelivered += g->bytes;
}

static void segment_unlink(struct weir_sctp *s, uint32_t i)
{
    struct segment *g = segment_at(s, i);
    if (g->prev == WEIR_NO_CELL) {
        s->segment_head = g->next;
    } else {
        segment_at(s, g->prev)->next = g->next;
    }
    if (g->next == WEIR_NO_CELL) {
        s->segment_tail = g->prev;
    } else {
        segment_at(s, g->next)->prev = g->prev;
    }
    s->stream[g->slot].fragments--;
    s->rx_undelivered -= g->bytes;
    if (is_waiting(g)) {
        s->stream[g->slot].waiting--;
        s->rx_waiting--;
    }
}

static void segment_drop(struct weir_sctp *s, uint32_t i)
{
    uint16_t slot = segment_at(s, i)->slot;
    segment_unlink(s, i);
    weir_sctp_rx_put(s, i);
    weir_sctp_stream_settle(s, slot);
}

static bool has_flag(const struct weir_sctp *s, uint32_t i, uint8_t flag)
{
    return (segment_at(s, i)->flags & flag) != 0;
}

/* -- Rules between neighbours ----------------------------------------------------------------- */

static bool is_same_message(const struct segment *g, const struct data *d)
{
    bool unordered = (d->flags & FLAG_UNORDERED) != 0;
    return g->slot == d->slot && ((g->flags & FLAG_UNORDERED) != 0) == unordered &&
           (unordered || g->ssn == d->ssn);
}

/* May d follow what has TSN d->tsn - 1? `g` is the segment before d, or NULL. */
static enum weir_sctp_verdict check_before(const struct weir_sctp *s, const struct segment *g,
                                           const struct data *d)
{
    bool begins = (d->flags & FLAG_BEGIN) != 0;
    if (g != NULL && g->last + 1 == d->tsn) {
        bool ended = (g->flags & FLAG_END) != 0;
        if (begins) {
            return ended ? WEIR_SCTP_OK : WEIR_SCTP_DATA_FRAGMENT;
        }
        return !ended && is_same_message(g, d) ? WEIR_SCTP_OK : WEIR_SCTP_DATA_FRAGMENT;
    }
    if (!begins && weir_sctp_tsn_received(s, d->tsn - 1)) {
        /* What came before is delivered, so it had ended; or it was skipped, and this with it. */
        return s->has_holes ? WEIR_SCTP_DATA_ORPHAN : WEIR_SCTP_DATA_FRAGMENT;
    }
    return WEIR_SCTP_OK;
}

/* May d come before what has TSN d->tsn + 1? `g` is the segment after d, or NULL. */
static enum weir_sctp_verdict check_after(const struct weir_sctp *s, const struct segment *g,
                                          const struct data *d)
{
    bool ends = (d->flags & FLAG_END) != 0;
    if (g != NULL && g->first == d->tsn + 1) {
        bool begun = (g->flags & FLAG_BEGIN) != 0;
        if (ends) {
            return begun ? WEIR_SCTP_OK : WEIR_SCTP_DATA_FRAGMENT;
        }
        return !begun && is_same_message(g, d) ? WEIR_SCTP_OK : WEIR_SCTP_DATA_FRAGMENT;
    }
    if (!ends && weir_sctp_tsn_received(s, d->tsn + 1)) {
        return s->has_holes ? WEIR_SCTP_DATA_ORPHAN : WEIR_SCTP_DATA_FRAGMENT;
    }
    return WEIR_SCTP_OK;
}

/* -- Memory ----------------------------------------------------------------------------------- */

/* Drop the segment furthest ahead, if it lies beyond tsn and may be taken back. */
static bool evict_beyond(struct weir_sctp *s, uint32_t tsn)
{
    uint32_t i = s->segment_tail;
    if (i == WEIR_NO_CELL) {
        return false;
    }
    struct segment *g = segment_at(s, i);
    if (!tsn_after(g->first, tsn) || !tsn_after(g->first, s->rx_cum) ||
        !weir_sctp_tsn_forget(s, g->first, g->last)) {
        return false;
    }
    s->counters.evicted++;
    s->ack = ACK_NOW;
    segment_drop(s, i);
    return true;
}

void weir_sctp_reasm_give_back(struct weir_sctp *s)
{
    bool is_more = true;
    while (is_more && weir_account_borrows(s->pool, s->account)) {
        is_more = evict_beyond(s, s->rx_cum);
    }
}

static bool is_over_limit(const struct weir_sctp *s, uint32_t cells)
{
    return cells > s->config.rx_bytes_max / WEIR_CELL_BYTES - s->rx_cells;
}

/* A whole message is best read in one piece; the parts of a longer one are read one after the other. */
static enum weir_store_way way_of(const struct data *d)
{
    bool is_whole = (d->flags & (FLAG_BEGIN | FLAG_END)) == (FLAG_BEGIN | FLAG_END);
    return (enum weir_store_way)(WEIR_STORE_INVITED | (is_whole ? WEIR_STORE_IN_ONE : WEIR_STORE_DENSE));
}

/* Room for d behind the segment at i, or (NO_CELL) for one of its own; its rope is in *rope. */
static bool room_get(struct weir_sctp *s, uint32_t i, const struct data *d, struct weir_rope *rope)
{
    uint32_t n = (uint32_t)d->payload.n, before = weir_account_cells(s->pool, s->account);
    if (i == WEIR_NO_CELL ? !weir_rope_begin(s->pool, s->account, way_of(d), SEGMENT_HEAD, n, rope)
                          : !weir_rope_extend(s->pool, s->account, way_of(d), rope, n)) {
        return false;
    }
    uint32_t cells = weir_account_cells(s->pool, s->account) - before;
    s->rx_cells += cells;
    weir_sctp_note_shape(s, n, cells);
    return true;
}

/* The same, and what lies further ahead makes way. Each turn drops a segment, so this ends. */
static bool room_make(struct weir_sctp *s, uint32_t i, const struct data *d, struct weir_rope *rope)
{
    uint32_t head = i == WEIR_NO_CELL ? (uint32_t)SEGMENT_HEAD : 0;
    uint32_t cells = weir_rope_cells(head, (uint32_t)d->payload.n);
    while (is_over_limit(s, cells) || !room_get(s, i, d, rope)) {
        if (!evict_beyond(s, d->tsn)) {
            return false;
        }
    }
    return true;
}

/* -- Growing segments ------------------------------------------------------------------------- */

static uint32_t segment_make(struct weir_sctp *s, const struct weir_rope *rope, const struct data *d)
{
    struct segment *g = segment_at(s, rope->head);
    g->next = g->prev = WEIR_NO_CELL;
    g->tail = rope->head;
    g->first = d->tsn;
    g->last = d->tsn;
    g->ppid = d->ppid;
    g->bytes = (uint32_t)d->payload.n;
    g->slot = d->slot;
    g->channel = WEIR_SCTP_NO_CHANNEL;
    g->ssn = d->ssn;
    g->flags = d->flags;
    weir_rope_write(s->pool, &g->tail, d->payload);
    return rope->head;
}

/* Lengthen the segment at i by d; room for its bytes is there. */
static void segment_extend(struct weir_sctp *s, uint32_t i, const struct data *d)
{
    struct segment *g = segment_at(s, i);
    weir_rope_write(s->pool, &g->tail, d->payload);
    g->last = d->tsn;
    g->bytes += (uint32_t)d->payload.n;
    g->flags |= d->flags & FLAG_END;
    s->rx_undelivered += (uint32_t)d->payload.n;
}

/* Join the segment at j to that at i, which ends where j begins. */
static void segment_join(struct weir_sctp *s, uint32_t i, uint32_t j)
{
    struct segment *a = segment_at(s, i), *b = segment_at(s, j);
    struct weir_rope to = { i, a->tail }, from = { j, b->tail };
    uint32_t before = weir_account_cells(s->pool, s->account);
    segment_unlink(s, j);
    s->rx_undelivered += b->bytes;
    a->last = b->last;
    a->bytes += b->bytes;
    a->flags |= b->flags & FLAG_END;
    weir_rope_join(s->pool, s->account, &to, from);
    a->tail = to.tail;
    s->rx_cells -= before - weir_account_cells(s->pool, s->account);
}

/* -- Delivery --------------------------------------------------------------------------------- */

static void segment_deliver(struct weir_sctp *s, weir_time now, uint32_t i)
{
    segment_unlink(s, i);
    weir_sctp_deliver(s, now, i);
}

/* Deliver the ordered messages of a stream whose turn has come, looking from segment i on. In TSN
 * order their numbers rise, so one pass finds all. */
static void deliver_in_turn(struct weir_sctp *s, weir_time now, uint16_t slot, uint32_t i)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    while (i != WEIR_NO_CELL && st->waiting != 0) {
        struct segment *g = segment_at(s, i);
        uint32_t next = g->next;
        if (g->slot == slot && is_waiting(g) && g->ssn == st->rx_ssn) {
            st->rx_ssn++;
            segment_deliver(s, now, i);
        }
        i = next;
    }
}

static void message_completed(struct weir_sctp *s, weir_time now, uint32_t i)
{
    struct segment *g = segment_at(s, i);
    struct weir_sctp_stream *st = &s->stream[g->slot];
    if ((g->flags & FLAG_UNORDERED) != 0) {
        segment_deliver(s, now, i);
        return;
    }
    st->waiting++;
    s->rx_waiting++;
    if (g->ssn == st->rx_ssn) {
        uint16_t slot = g->slot;
        uint32_t next = g->next;
        st->rx_ssn++;
        segment_deliver(s, now, i);
        deliver_in_turn(s, now, slot, next);
    }
}

enum weir_sctp_verdict weir_sctp_reasm_add(struct weir_sctp *s, weir_time now,
                                           const struct data *d)
{
    uint32_t before = segment_before(s, d->tsn);
    uint32_t after = segment_after(s, before);
    struct segment *a = before == WEIR_NO_CELL ? NULL : segment_at(s, before);
    struct segment *b = after == WEIR_NO_CELL ? NULL : segment_at(s, after);
    enum weir_sctp_verdict v = check_before(s, a, d);
    v = v == WEIR_SCTP_OK ? check_after(s, b, d) : v;
    if (v != WEIR_SCTP_OK) {
        return v;
    }
    bool joins_before = (d->flags & FLAG_BEGIN) == 0 && a != NULL && a->last + 1 == d->tsn;
    bool joins_after = (d->flags & FLAG_END) == 0 && b != NULL && b->first == d->tsn + 1;
    uint64_t total = (uint64_t)d->payload.n + (joins_before ? a->bytes : 0) +
                     (joins_after ? b->bytes : 0);
    if (total > s->config.message_max_local) {
        return WEIR_SCTP_DATA_TOO_LARGE;
    }
    struct weir_rope rope = { before, joins_before ? a->tail : WEIR_NO_CELL };
    if (!room_make(s, joins_before ? before : WEIR_NO_CELL, d, &rope)) {
        return WEIR_SCTP_DATA_FULL;
    }
    /* What lay beyond may have made room: look again. */
    after = segment_after(s, before);
    joins_after = joins_after && after != WEIR_NO_CELL && segment_at(s, after)->first == d->tsn + 1;
    s->rx_bytes += (uint32_t)d->payload.n;
    uint32_t i = before;
    if (joins_before) {
        segment_extend(s, i, d);
    } else {
        i = segment_make(s, &rope, d);
        segment_link(s, before, i);
    }
    weir_sctp_tsn_note(s, d->tsn);
    if (joins_after) {
        segment_join(s, i, after);
    }
    if (is_complete(segment_at(s, i))) {
        message_completed(s, now, i);
    }
    return WEIR_SCTP_OK;
}

void weir_sctp_reasm_drop_beside(struct weir_sctp *s, const struct data *d)
{
    uint32_t before = segment_before(s, d->tsn);
    uint32_t after = segment_after(s, before);
    if ((d->flags & FLAG_BEGIN) == 0 && before != WEIR_NO_CELL &&
        segment_at(s, before)->last + 1 == d->tsn && !has_flag(s, before, FLAG_END)) {
        segment_drop(s, before);
    }
    if ((d->flags & FLAG_END) == 0 && after != WEIR_NO_CELL &&
        segment_at(s, after)->first == d->tsn + 1 && !has_flag(s, after, FLAG_BEGIN)) {
        segment_drop(s, after);
    }
}

void weir_sctp_reasm_advance(struct weir_sctp *s, weir_time now)
{
    /* A message at or below the cumulative TSN waits for nothing that could still come. With a peer
     * that numbers its messages well none is found here; otherwise its hole is passed over, so that
     * no stream holds our buffers for ever. */
    uint32_t i = s->segment_head;
    while (i != WEIR_NO_CELL && s->rx_waiting != 0 &&
           !tsn_after(segment_at(s, i)->first, s->rx_cum)) {
        struct segment *g = segment_at(s, i);
        uint32_t next = g->next;
        if (is_waiting(g)) {
            if (g->ssn != s->stream[g->slot].rx_ssn) {
                (void)weir_sctp_note(s, now, WEIR_SCTP_DATA_SSN, weir_span_of(NULL, 0));
            }
            s->stream[g->slot].rx_ssn = (uint16_t)(g->ssn + 1);
            segment_deliver(s, now, i);
        }
        i = next;
    }
}

void weir_sctp_reasm_drop_to(struct weir_sctp *s, uint32_t cum)
{
    uint32_t i = s->segment_head;
    while (i != WEIR_NO_CELL && !tsn_after(segment_at(s, i)->first, cum)) {
        uint32_t next = segment_at(s, i)->next;
        if (!is_complete(segment_at(s, i))) {
            segment_drop(s, i);
        }
        i = next;
    }
}

void weir_sctp_reasm_skip(struct weir_sctp *s, weir_time now, uint16_t slot, uint16_t ssn)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    uint32_t i = s->segment_head;
    if (!ssn_before(ssn, st->rx_ssn)) {
        st->rx_ssn = (uint16_t)(ssn + 1);
    }
    while (i != WEIR_NO_CELL && st->waiting != 0) {
        struct segment *g = segment_at(s, i);
        uint32_t next = g->next;
        if (g->slot == slot && is_waiting(g) && !ssn_before(ssn, g->ssn)) {
            segment_deliver(s, now, i);
        }
        i = next;
    }
    deliver_in_turn(s, now, slot, s->segment_head);
}

void weir_sctp_reasm_release(struct weir_sctp *s)
{
    while (s->segment_head != WEIR_NO_CELL) {
        uint32_t i = s->segment_head;
        segment_unlink(s, i);
        weir_sctp_rx_put(s, i);
    }
}
