/* Reassembly and ordered delivery of DATA [RFC 9260 6.6, 6.9].
 *
 * 1. Fragments of one message have consecutive TSNs. A run of them is a segment: a list of buffers
 *    whose first one describes it. Segments stand in one list in TSN order.
 * 2. A new fragment lengthens the segment before it, or that after it, or joins both, or begins one
 *    of its own; begin and end bits must agree with what stands beside it.
 * 3. A segment with its first and last fragment is a message. Unordered ones are delivered at once,
 *    ordered ones when their stream's number comes; a delivery may bring that of the next.
 * 4. Small fragments fill up the last buffer before a new one is taken, so two neighbouring buffers
 *    of a message hold more than one buffer's worth. That bounds what a message can cost.
 * 5. When the quota is used up, what lies furthest ahead makes room for what comes before it: the
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
    if (s->segment_head == WEIR_NO_BUF || tsn_after(segment_at(s, s->segment_head)->first, tsn)) {
        return WEIR_NO_BUF;
    }
    uint32_t i = s->segment_tail;
    while (tsn_after(segment_at(s, i)->first, tsn)) {
        i = segment_at(s, i)->prev;
    }
    return i;
}

static uint32_t segment_after(const struct weir_sctp *s, uint32_t before)
{
    return before == WEIR_NO_BUF ? s->segment_head : segment_at(s, before)->next;
}

static void segment_link(struct weir_sctp *s, uint32_t before, uint32_t i)
{
    struct segment *g = segment_at(s, i);
    g->prev = before;
    g->next = segment_after(s, before);
    if (before == WEIR_NO_BUF) {
        s->segment_head = i;
    } else {
        segment_at(s, before)->next = i;
    }
    if (g->next == WEIR_NO_BUF) {
        s->segment_tail = i;
    } else {
        segment_at(s, g->next)->prev = i;
    }
    s->stream[g->slot].fragments++;
}

static void segment_unlink(struct weir_sctp *s, uint32_t i)
{
    struct segment *g = segment_at(s, i);
    if (g->prev == WEIR_NO_BUF) {
        s->segment_head = g->next;
    } else {
        segment_at(s, g->prev)->next = g->next;
    }
    if (g->next == WEIR_NO_BUF) {
        s->segment_tail = g->prev;
    } else {
        segment_at(s, g->next)->prev = g->prev;
    }
    s->stream[g->slot].fragments--;
    if (is_waiting(g)) {
        s->stream[g->slot].waiting--;
        s->rx_waiting--;
    }
}

static void segment_drop(struct weir_sctp *s, uint32_t i)
{
    uint16_t slot = segment_at(s, i)->slot;
    segment_unlink(s, i);
    weir_sctp_rx_buffers_put(s, i);
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

/* -- Buffers ---------------------------------------------------------------------------------- */

/* Drop the segment furthest ahead, if it lies beyond tsn and may be taken back. */
static bool evict_beyond(struct weir_sctp *s, uint32_t tsn)
{
    uint32_t i = s->segment_tail;
    if (i == WEIR_NO_BUF) {
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

static uint32_t rx_buffer_get(struct weir_sctp *s, uint32_t tsn)
{
    /* Each turn drops a segment, so this ends. */
    while (s->rx_held >= s->config.rx_quota || s->pool->free_count == 0) {
        if (!evict_beyond(s, tsn)) {
            return WEIR_NO_BUF;
        }
    }
    uint32_t i = weir_pool_get(s->pool);
    if (i != WEIR_NO_BUF) {
        buf_at(s, i)->start = 0; /* nothing is put in front of received bytes */
        s->rx_held++;
    }
    return i;
}

static bool buffer_fits(const struct weir_buf *b, size_t n)
{
    return n <= WEIR_SCTP_PIECE_BYTES - b->len;
}

static void buffer_append(struct weir_buf *b, struct weir_span bytes)
{
    weir_copy(b->data + b->len, bytes.p, bytes.n);
    b->len += (uint32_t)bytes.n;
}

/* -- Growing segments ------------------------------------------------------------------------- */

static uint32_t segment_make(struct weir_sctp *s, uint32_t i, const struct data *d)
{
    struct segment *g = segment_at(s, i);
    g->tail = i;
    g->first = d->tsn;
    g->last = d->tsn;
    g->ppid = d->ppid;
    g->bytes = (uint32_t)d->payload.n;
    g->slot = d->slot;
    g->ssn = d->ssn;
    g->flags = d->flags;
    buffer_append(buf_at(s, i), d->payload);
    return i;
}

/* Lengthen the segment at i by d, whose bytes go into its last buffer or into `fresh`. */
static void segment_extend(struct weir_sctp *s, uint32_t i, const struct data *d, uint32_t fresh)
{
    struct segment *g = segment_at(s, i);
    if (fresh != WEIR_NO_BUF) {
        buf_at(s, g->tail)->next = fresh;
        g->tail = fresh;
    }
    buffer_append(buf_at(s, g->tail), d->payload);
    g->last = d->tsn;
    g->bytes += (uint32_t)d->payload.n;
    g->flags |= d->flags & FLAG_END;
}

/* Join the segment at j to that at i, which ends where j begins. */
static void segment_join(struct weir_sctp *s, uint32_t i, uint32_t j)
{
    struct segment *a = segment_at(s, i);
    struct segment *b = segment_at(s, j);
    struct weir_buf *tail = buf_at(s, a->tail);
    struct weir_buf *head = buf_at(s, j);
    segment_unlink(s, j);
    a->last = b->last;
    a->bytes += b->bytes;
    a->flags |= b->flags & FLAG_END;
    if (b->tail == j && buffer_fits(tail, head->len)) {
        buffer_append(tail, weir_span_of(head->data, head->len));
        weir_sctp_rx_buffers_put(s, j);
    } else {
        tail->next = j;
        a->tail = b->tail;
    }
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
    while (i != WEIR_NO_BUF && st->waiting != 0) {
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
    struct segment *a = before == WEIR_NO_BUF ? NULL : segment_at(s, before);
    struct segment *b = after == WEIR_NO_BUF ? NULL : segment_at(s, after);
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
    uint32_t fresh = WEIR_NO_BUF;
    if (!joins_before || !buffer_fits(buf_at(s, a->tail), d->payload.n)) {
        fresh = rx_buffer_get(s, d->tsn);
        if (fresh == WEIR_NO_BUF) {
            return WEIR_SCTP_DATA_FULL;
        }
        /* What lay beyond may have made room: look again. */
        after = segment_after(s, before);
        joins_after = joins_after && after != WEIR_NO_BUF &&
                      segment_at(s, after)->first == d->tsn + 1;
    }
    uint32_t i = before;
    if (joins_before) {
        segment_extend(s, i, d, fresh);
    } else {
        i = segment_make(s, fresh, d);
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
    if ((d->flags & FLAG_BEGIN) == 0 && before != WEIR_NO_BUF &&
        segment_at(s, before)->last + 1 == d->tsn && !has_flag(s, before, FLAG_END)) {
        segment_drop(s, before);
    }
    if ((d->flags & FLAG_END) == 0 && after != WEIR_NO_BUF &&
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
    while (i != WEIR_NO_BUF && s->rx_waiting != 0 &&
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
    while (i != WEIR_NO_BUF && !tsn_after(segment_at(s, i)->first, cum)) {
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
    while (i != WEIR_NO_BUF && st->waiting != 0) {
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
    while (s->segment_head != WEIR_NO_BUF) {
        uint32_t i = s->segment_head;
        segment_unlink(s, i);
        weir_sctp_rx_buffers_put(s, i);
    }
}
