/* Messages in, DATA out [RFC 9260 6.1, 6.9].
 *
 * 1. A write copies the message into the pool, a rope for each fragment, at the end of its stream's queue.
 * 2. Streams with something queued take turns, a message each: without interleaving the fragments
 *    of a message need consecutive TSNs [RFC 9260 6.9 MUST].
 * 3. When a packet is made: first what is to be sent again, then new fragments, as the congestion
 *    window, the peer's window and the burst limit allow. A fragment gets its TSN when it is first
 *    sent, so a message that expires in the queue costs nothing on the wire.
 * 4. Sent fragments move to the list of outstanding chunks, in TSN order, until acknowledged.
 */
#include "sctp/sctp_int.h"

/* Cells over the limit that control messages (OPEN, ACK) may use: a hundred or two. */
enum { CONTROL_RESERVE = 256 };
/* A stream and the way to it. */
enum { STREAM_CELLS = 1 + WEIR_INDEX_HEIGHT_MAX };

/* -- Queues ----------------------------------------------------------------------------------- */

void weir_sctp_tx_put(struct weir_sctp *s, uint32_t index)
{
    s->tx_cells -= weir_rope_count(s->pool, index);
    weir_rope_put(s->pool, s->account, index);
    weir_sctp_note_sent(s);
}

static void queue_push(struct weir_sctp_stream *st, struct weir_sctp *s, uint32_t i)
{
    if (st->queue_tail == WEIR_NO_CELL) {
        st->queue_head = i;
    } else {
        chunk_at(s, st->queue_tail)->next = i;
    }
    st->queue_tail = i;
    st->queue_bytes += chunk_at(s, i)->bytes;
}

static uint32_t queue_pop(struct weir_sctp *s, uint32_t slot)
{
    struct weir_sctp_stream *st = stream_at(s, slot);
    uint32_t i = st->queue_head;
    uint32_t before = st->queue_bytes;
    struct tx_chunk *c = chunk_at(s, i);
    st->queue_head = c->next;
    if (st->queue_head == WEIR_NO_CELL) {
        st->queue_tail = WEIR_NO_CELL;
    }
    c->next = WEIR_NO_CELL;
    st->queue_bytes -= c->bytes;
    if (st->channel != WEIR_SCTP_NO_CHANNEL) {
        weir_sctp_channel_drained(s, st, before);
    }
    return i;
}

static uint8_t place_flags(uint32_t i, uint32_t count, bool is_unordered)
{
    return (uint8_t)((i == 0 ? FLAG_BEGIN : 0) | (i + 1 == count ? FLAG_END : 0) |
                     (is_unordered ? FLAG_UNORDERED : 0));
}

/* One fragment; the caller has seen that there is room for it. */
static void queue_fragment(struct weir_sctp *s, uint32_t slot, struct weir_span part,
                           const struct tx_chunk *like)
{
    struct weir_rope rope;
    if (!weir_rope_begin(s->pool, s->account, WEIR_STORE_DENSE, CHUNK_HEAD, (uint32_t)part.n, &rope)) {
        return; /* it asked for what a rope takes at most */
    }
    struct tx_chunk *c = chunk_at(s, rope.head);
    struct weir_piece piece = c->piece;
    uint32_t at = rope.head;
    memcpy(c, like, CHUNK_HEAD);
    c->piece = piece;
    c->bytes = (uint16_t)part.n;
    weir_rope_write(s->pool, &at, part);
    s->tx_cells += weir_rope_count(s->pool, rope.head);
    queue_push(stream_at(s, slot), s, rope.head);
}

static struct tx_chunk chunk_template(uint32_t slot, weir_time now,
                                      const struct weir_sctp_send_opts *opts)
{
    struct tx_chunk c = { 0 };
    c.expires_at = opts->has_lifetime ? weir_time_add(now, opts->lifetime) : WEIR_NEVER;
    c.resend_limit = opts->has_retransmits ? opts->retransmits : UINT16_MAX;
    c.sent_at = now;
    c.next = c.prev = WEIR_NO_CELL;
    c.ppid = opts->ppid;
    c.slot = slot;
    return c;
}

/* Cells that a message takes at most. */
static uint32_t message_cells(const struct weir_sctp *s, uint32_t bytes)
{
    uint32_t full = bytes / fragment_bytes(s), rest = bytes % fragment_bytes(s);
    return full * weir_rope_cells(CHUNK_HEAD, fragment_bytes(s)) +
           (rest != 0 ? weir_rope_cells(CHUNK_HEAD, rest) : 0);
}

enum weir_status weir_sctp_queue(struct weir_sctp *s, weir_time now, uint32_t slot,
                                 struct weir_span msg, const struct weir_sctp_send_opts *opts,
                                 bool is_control)
{
    uint32_t piece = fragment_bytes(s);
    if (msg.n > s->config.tx_bytes_max ||
        (s->config.message_max_remote != 0 && msg.n > s->config.message_max_remote)) {
        return WEIR_ERR_SIZE;
    }
    uint32_t count = (uint32_t)((msg.n + piece - 1) / piece);
    enum weir_status status =
        weir_sctp_ask(s, message_cells(s, (uint32_t)msg.n), is_control ? CONTROL_RESERVE : 0);
    if (status != WEIR_OK) {
        return status;
    }
    struct tx_chunk like = chunk_template(slot, now, opts);
    struct weir_rd r = weir_rd_of(msg);
    for (uint32_t i = 0; i < count; i++) {
        struct weir_span part;
        bool is_taken = weir_rd_take(&r, r.n < piece ? r.n : piece, &part);
        like.flags = place_flags(i, count, opts->is_unordered);
        if (is_taken) {
            queue_fragment(s, slot, part, &like);
        }
    }
    weir_sctp_wrote(s);
    s->counters.tx_messages++;
    weir_sctp_stream_schedule(s, slot);
    return WEIR_OK;
}

/* There was no room for the stream: it waits with its first message. */
static enum weir_status ask_for_stream(struct weir_sctp *s, size_t bytes)
{
    if (bytes > s->config.tx_bytes_max) {
        return WEIR_ERR_SIZE;
    }
    enum weir_status status = weir_sctp_ask(s, STREAM_CELLS + message_cells(s, (uint32_t)bytes), 0);
    if (status == WEIR_OK) {
        weir_account_done(s->pool, s->account);
        weir_sctp_refuse_write(s);
        weir_sctp_note_sent(s);
    }
    return status == WEIR_OK ? WEIR_ERR_FULL : status;
}

enum weir_status weir_sctp_write(struct weir_sctp *s, weir_time now, uint16_t stream,
                                 struct weir_span msg, const struct weir_sctp_send_opts *opts)
{
    if (stream == WEIR_SCTP_NO_STREAM || msg.n == 0) {
        return WEIR_ERR_ARG;
    }
    if (s->state > WEIR_SCTP_ESTABLISHED) {
        return WEIR_ERR_STATE;
    }
    uint32_t slot = weir_sctp_stream_get(s, WEIR_STORE_DENSE, stream);
    if (slot == WEIR_NO_CELL) {
        return ask_for_stream(s, msg.n);
    }
    enum weir_status status = WEIR_ERR_STATE;
    if (stream_at(s, slot)->tx_reset == RESET_NONE) {
        status = weir_sctp_queue(s, now, slot, msg, opts, false);
    }
    weir_sctp_stream_settle(s, slot);
    return status;
}

/* Drop the first message of the queue, or what is left of it. */
static void queue_drop_message(struct weir_sctp *s, uint32_t slot)
{
    bool is_end = false;
    while (!is_end && stream_at(s, slot)->queue_head != WEIR_NO_CELL) {
        uint32_t i = queue_pop(s, slot);
        is_end = (chunk_at(s, i)->flags & FLAG_END) != 0;
        weir_sctp_tx_put(s, i);
    }
}

void weir_sctp_queue_discard(struct weir_sctp *s, uint32_t slot)
{
    struct weir_sctp_stream *st = stream_at(s, slot);
    if (s->tx_mid != slot) {
        while (st->queue_head != WEIR_NO_CELL) {
            queue_drop_message(s, slot);
        }
        return;
    }
    /* The first message has begun: keep it up to its end, and drop what follows. */
    uint32_t last = st->queue_head;
    while ((chunk_at(s, last)->flags & FLAG_END) == 0) {
        last = chunk_at(s, last)->next;
    }
    uint32_t i = chunk_at(s, last)->next;
    uint32_t before = st->queue_bytes;
    chunk_at(s, last)->next = WEIR_NO_CELL;
    st->queue_tail = last;
    while (i != WEIR_NO_CELL) {
        uint32_t next = chunk_at(s, i)->next;
        st->queue_bytes -= chunk_at(s, i)->bytes;
        weir_sctp_tx_put(s, i);
        i = next;
    }
    if (st->channel != WEIR_SCTP_NO_CHANNEL) {
        weir_sctp_channel_drained(s, st, before);
    }
}

static uint32_t assign(struct weir_sctp *s, uint32_t i)
{
    struct tx_chunk *c = chunk_at(s, i);
    struct weir_sctp_stream *st = stream_at(s, c->slot);
    c->tsn = s->next_tsn++;
    c->ssn = (c->flags & FLAG_UNORDERED) != 0 ? 0 : st->tx_ssn;
    if ((c->flags & (FLAG_UNORDERED | FLAG_END)) == FLAG_END) {
        st->tx_ssn++;
    }
    st->outstanding++;
    weir_sctp_out_append(s, i);
    return i;
}

/* The message in the middle is finished with: the next stream's turn. */
static void mid_finished(struct weir_sctp *s, uint32_t slot)
{
    s->tx_mid = WEIR_NO_CELL;
    weir_sctp_stream_schedule(s, slot);
    weir_sctp_reset_step(s);
}

void weir_sctp_queue_cut(struct weir_sctp *s, uint32_t slot)
{
    uint32_t i = queue_pop(s, slot);
    bool is_end = (chunk_at(s, i)->flags & FLAG_END) != 0;
    chunk_at(s, i)->flags |= FLAG_END;
    chunk_at(s, i)->state = CHUNK_ABANDONED;
    chunk_at(s, i)->bytes = 0;
    (void)assign(s, i);
    if (!is_end) {
        queue_drop_message(s, slot);
    }
    mid_finished(s, slot);
}

bool weir_sctp_tx_is_empty(const struct weir_sctp *s)
{
    return s->out_head == WEIR_NO_CELL && s->turn_head == WEIR_NO_CELL &&
           s->tx_mid == WEIR_NO_CELL;
}

static void list_put(struct weir_sctp *s, uint32_t i)
{
    while (i != WEIR_NO_CELL) {
        uint32_t next = chunk_at(s, i)->next;
        weir_rope_put(s->pool, s->account, i);
        i = next;
    }
}

void weir_sctp_tx_release(struct weir_sctp *s)
{
    list_put(s, s->out_head);
    uint32_t id = 0;
    for (uint32_t slot; (slot = stream_next(s, &id)) != WEIR_NO_CELL; id++) {
        struct weir_sctp_stream *st = stream_at(s, slot);
        list_put(s, st->queue_head);
        st->queue_head = WEIR_NO_CELL;
        st->queue_tail = WEIR_NO_CELL;
        st->queue_bytes = 0;
        st->outstanding = 0;
        st->is_scheduled = false;
    }
    s->tx_cells = 0;
    s->out_head = WEIR_NO_CELL;
    s->out_tail = WEIR_NO_CELL;
    s->rtx_hint = WEIR_NO_CELL;
    s->rtx_count = 0;
    s->gap_acked_count = 0;
    s->flight_bytes = 0;
    s->flight_data = 0;
    s->is_rtt_timed = false;
    s->turn_head = WEIR_NO_CELL;
    s->turn_tail = WEIR_NO_CELL;
    s->tx_mid = WEIR_NO_CELL;
}

/* -- Which fragment next ---------------------------------------------------------------------- */

bool weir_sctp_may_send_data(const struct weir_sctp *s)
{
    return s->state == WEIR_SCTP_ESTABLISHED || s->state == WEIR_SCTP_SHUTDOWN_PENDING ||
           s->state == WEIR_SCTP_SHUTDOWN_RECEIVED || s->state == WEIR_SCTP_COOKIE_ECHOED;
}

/* [RFC 3758 3.5 A1] Its time is over, and the window was closed while it waited. A message that found the
 * window open leaves once, whole, however short its life: with a lifetime of zero it is sent and
 * never sent again. */
static bool is_overdue(const struct weir_sctp *s, const struct tx_chunk *c, weir_time now)
{
    return c->expires_at <= now && c->sent_at < s->blocked_before;
}

/* Take streams whose queue is empty, and messages whose time is over, off the turn. */
static uint32_t turn_next(struct weir_sctp *s, weir_time now)
{
    while (s->turn_head != WEIR_NO_CELL) {
        uint32_t slot = s->turn_head;
        struct weir_sctp_stream *st = stream_at(s, slot);
        while (st->queue_head != WEIR_NO_CELL && is_overdue(s, chunk_at(s, st->queue_head), now)) {
            s->counters.abandoned_messages++;
            queue_drop_message(s, slot);
        }
        if (st->queue_head != WEIR_NO_CELL) {
            return slot;
        }
        s->turn_head = st->ready_next;
        if (s->turn_head == WEIR_NO_CELL) {
            s->turn_tail = WEIR_NO_CELL;
        }
        st->is_scheduled = false;
        weir_sctp_reset_step(s);
        weir_sctp_stream_settle(s, slot);
    }
    return WEIR_NO_CELL;
}

/* The slot whose first queued fragment is next to be sent. */
static uint32_t slot_next(struct weir_sctp *s, weir_time now)
{
    uint32_t slot = s->tx_mid;
    if (slot != WEIR_NO_CELL) {
        const struct tx_chunk *c = chunk_at(s, stream_at(s, slot)->queue_head);
        if (!is_overdue(s, c, now) || !s->remote.has_forward_tsn) {
            return slot;
        }
        /* The last fragment sent stands for its message; with all of them acknowledged there is
         * only the rest to give up. */
        if (s->out_tail != WEIR_NO_CELL) {
            weir_sctp_abandon(s, s->out_tail);
        } else {
            weir_sctp_queue_cut(s, slot);
        }
        weir_sctp_advance(s, now);
    }
    return turn_next(s, now);
}

static uint32_t fragment_take(struct weir_sctp *s, uint32_t slot)
{
    struct weir_sctp_stream *st = stream_at(s, slot);
    if (s->tx_mid == WEIR_NO_CELL) {
        s->turn_head = st->ready_next;
        if (s->turn_head == WEIR_NO_CELL) {
            s->turn_tail = WEIR_NO_CELL;
        }
        st->is_scheduled = false;
        s->tx_mid = slot;
    }
    uint32_t i = queue_pop(s, slot);
    bool is_end = (chunk_at(s, i)->flags & FLAG_END) != 0;
    (void)assign(s, i);
    if (is_end) {
        mid_finished(s, slot);
    }
    return i;
}

/* [RFC 9260 6.1 A, B] New data goes while less than cwnd is in flight, if it fits the peer's
 * window; with nothing in flight one chunk goes in any case, as a probe of a closed window. */
static bool window_allows(const struct weir_sctp *s, uint32_t payload)
{
    if (s->flight_bytes == 0) {
        return true;
    }
    return s->flight_bytes < s->cwnd && s->burst_left != 0 && payload <= s->peer_rwnd;
}

static uint32_t lost_next(struct weir_sctp *s)
{
    uint32_t i = s->rtx_hint;
    while (i != WEIR_NO_CELL && chunk_at(s, i)->state != CHUNK_LOST) {
        i = chunk_at(s, i)->next;
    }
    s->rtx_hint = i;
    return i;
}

static bool may_resend(const struct weir_sctp *s)
{
    return s->rtx_count != 0 && (s->is_fast_resend || s->flight_bytes < s->cwnd);
}

static bool has_data(struct weir_sctp *s, weir_time now)
{
    if (!weir_sctp_may_send_data(s)) {
        return false;
    }
    if (may_resend(s)) {
        return true;
    }
    uint32_t slot = s->rtx_count == 0 ? slot_next(s, now) : WEIR_NO_CELL;
    if (slot == WEIR_NO_CELL) {
        return false;
    }
    bool is_open = window_allows(s, chunk_at(s, stream_at(s, slot)->queue_head)->bytes);
    s->blocked_before = is_open ? s->blocked_before : weir_time_add(now, 1);
    return is_open;
}

bool weir_sctp_has_data(struct weir_sctp *s, weir_time now)
{
    bool could_go = has_data(s, now);
    s->has_held = could_go && s->is_held;
    return could_go && !s->is_held;
}

void weir_sctp_hold(struct weir_sctp *s, bool is_held)
{
    s->is_held = is_held;
    s->has_held = s->has_held && is_held;
}

/* -- Into the packet -------------------------------------------------------------------------- */

static void chunk_write(struct weir_wr *w, const struct weir_sctp *s, uint32_t i)
{
    const struct tx_chunk *c = chunk_at(s, i);
    uint8_t *p = weir_wr_room(w, DATA_HEADER_BYTES);
    if (p == NULL) {
        return;
    }
    /* [RFC 7053 4] A SACK at once where one is waited for: to measure the path for the first time, and
     * to learn that what was lost has arrived now. */
    bool is_urgent = s->srtt == 0 || c->sent_count != 0;
    p[0] = CHUNK_DATA;
    p[1] = c->flags | (is_urgent ? FLAG_IMMEDIATE : 0);
    weir_put16(p + 2, (uint16_t)(DATA_HEADER_BYTES + c->bytes));
    weir_put32(p + 4, c->tsn);
    weir_put16(p + 8, stream_at(s, c->slot)->id);
    weir_put16(p + 10, c->ssn);
    weir_put32(p + 12, c->ppid);
    struct weir_span part;
    for (uint32_t left = c->bytes; left != 0 && weir_rope_next(s->pool, &i, &part);
         left -= (uint32_t)part.n) {
        weir_wr_bytes(w, part);
    }
    weir_wr_pad4(w);
}

static void chunk_sent(struct weir_sctp *s, weir_time now, uint32_t i)
{
    struct tx_chunk *c = chunk_at(s, i);
    uint32_t payload = chunk_at(s, i)->bytes;
    c->state = CHUNK_IN_FLIGHT;
    c->sent_at = now;
    c->order = s->tx_order++;
    c->misses = 0;
    c->sent_count = (uint16_t)(c->sent_count + (c->sent_count < UINT16_MAX ? 1 : 0));
    s->flight_bytes += data_wire_bytes(payload);
    s->flight_data += payload;
    weir_sctp_cc_sent(s);
    s->peer_rwnd -= payload < s->peer_rwnd ? payload : s->peer_rwnd;
    s->data_sent_at = now;
    s->tx_moved_at = i == s->out_head && c->sent_count == 1 ? now : s->tx_moved_at;
    /* [RFC 9260 6.3.2 R1, 6.1 MUST] T3 runs while anything is out, and starts anew when the
     * earliest chunk is sent again. */
    if (s->t3_at == WEIR_NEVER || i == s->out_head) {
        weir_sctp_t3_start(s, now);
    }
}

static bool fits(const struct weir_wr *w, uint32_t payload)
{
    return data_wire_bytes(payload) <= w->cap - w->len;
}

static void fill_lost(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    while (may_resend(s)) {
        uint32_t i = lost_next(s);
        if (i == WEIR_NO_CELL || !fits(w, chunk_at(s, i)->bytes)) {
            break;
        }
        chunk_write(w, s, i);
        s->rtx_count--;
        s->counters.rtx_chunks++;
        chunk_sent(s, now, i);
    }
    /* [RFC 9260 7.2.4 step 3] One packet may ignore cwnd. */
    s->is_fast_resend = false;
}

static void fill_new(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    bool is_first = true;
    for (;;) {
        uint32_t slot = slot_next(s, now);
        if (slot == WEIR_NO_CELL) {
            return;
        }
        uint32_t payload = chunk_at(s, stream_at(s, slot)->queue_head)->bytes;
        if (!window_allows(s, payload)) {
            s->blocked_before = weir_time_add(now, 1);
            return;
        }
        if (!fits(w, payload)) {
            return;
        }
        if (s->flight_bytes == 0) {
            weir_sctp_cc_idle(s, now);
        }
        uint32_t i = fragment_take(s, slot);
        struct tx_chunk *c = chunk_at(s, i);
        chunk_write(w, s, i);
        chunk_sent(s, now, i);
        s->counters.tx_chunks++;
        if (is_first && !s->is_rtt_timed) {
            s->is_rtt_timed = true;
            s->rtt_tsn = c->tsn;
        }
        is_first = false;
        uint32_t wire = data_wire_bytes(payload);
        s->burst_left -= wire < s->burst_left ? wire : s->burst_left;
    }
}

void weir_sctp_fill_data(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    if (!weir_sctp_may_send_data(s) || s->is_held) {
        return;
    }
    if (s->rtx_count != 0) {
        fill_lost(s, now, w);
    }
    /* [RFC 9260 6.1 C MUST] New data waits until nothing is left to be sent again. */
    if (s->rtx_count == 0) {
        fill_new(s, now, w);
    }
}
