/* DATA and FORWARD-TSN in, messages out [RFC 9260 6.2, RFC 3758 3.6].
 *
 * 1. A DATA chunk is checked: user data, TSN inside the window and new, stream with state.
 * 2. Reassembly keeps it; the TSN is noted; what has become a message is delivered: control
 *    messages to DCEP, others to the list that weir_sctp_read takes from.
 * 3. After the packet, an acknowledgement is owed: at once for gaps, duplicates and every second
 *    packet, else within sack_delay.
 * 4. Released messages open the window (sctp_memory.c).
 */
#include "sctp/sctp_int.h"

/* TSNs further ahead than a gap block can say are dropped. */
enum { TSN_AHEAD_MAX = 65535 };
/* A FORWARD-TSN that skips more than this is not believed: no sender has so much outstanding. */
enum { FORWARD_AHEAD_MAX = 1 << 20 };

/* -- DATA ------------------------------------------------------------------------------------- */

/*  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+-------+-+-+-+-+-------------------------------+
 * |    type 0     |  res  |I|U|B|E|            length             |
 * +---------------+-------+-+-+-+-+-------------------------------+
 * |                              TSN                              |  4
 * +-------------------------------+-------------------------------+
 * |       stream identifier       |    stream sequence number     |  8
 * +-------------------------------+-------------------------------+
 * |                  payload protocol identifier                  | 12
 * +---------------------------------------------------------------+
 * \                           user data                           \ 16
 */
static bool data_parse(const struct chunk *c, struct data *d)
{
    struct weir_rd r = weir_rd_of(c->value);
    if (!weir_rd_u32(&r, &d->tsn) || !weir_rd_u16(&r, &d->stream) || !weir_rd_u16(&r, &d->ssn) ||
        !weir_rd_u32(&r, &d->ppid)) {
        return false;
    }
    d->flags = c->flags & (FLAG_BEGIN | FLAG_END | FLAG_UNORDERED);
    d->payload = weir_rd_rest(&r);
    return true;
}

/* [RFC 9260 6.5 MUST] A stream that we did not announce: acknowledge the chunk, say so, drop it. */
static enum weir_sctp_verdict refuse_stream(struct weir_sctp *s, const struct data *d)
{
    uint8_t value[4] = { 0 };
    weir_put16(value, d->stream);
    weir_sctp_report(s, CAUSE_STREAM, weir_span_of(value, sizeof value));
    weir_sctp_tsn_note(s, d->tsn);
    s->has_holes = true;
    weir_sctp_reasm_drop_beside(s, d);
    return WEIR_SCTP_DATA_STREAM;
}

static enum weir_sctp_verdict data_window(struct weir_sctp *s, const struct data *d)
{
    if (weir_sctp_tsn_received(s, d->tsn)) {
        /* [RFC 9260 6.2 MUST] Our SACK may have been lost: answer at once. */
        weir_sctp_tsn_duplicate(s, d->tsn);
        s->ack = ACK_NOW;
        return WEIR_SCTP_DATA_DUPLICATE;
    }
    if (tsn_after(d->tsn, s->rx_high) && weir_sctp_is_closed(s)) {
        s->ack = ACK_NOW;
        return WEIR_SCTP_DATA_FULL;
    }
    if (d->tsn - s->rx_cum > TSN_AHEAD_MAX || !weir_sctp_tsn_has_room(s, d->tsn)) {
        s->ack = ACK_NOW;
        return WEIR_SCTP_DATA_WINDOW;
    }
    return WEIR_SCTP_OK;
}

/* [RFC 8841 6.1] A message longer than we said we take costs its channel, or the message where there is
 * none; the association, which others use too, goes on. */
static void message_refused(struct weir_sctp *s, uint32_t slot, enum weir_sctp_verdict v)
{
    uint16_t channel = stream_at(s, slot)->channel;
    if (v == WEIR_SCTP_DATA_TOO_LARGE && channel != WEIR_SCTP_NO_CHANNEL) {
        weir_sctp_channel_end(s, channel);
    }
}

/* What a chunk that reassembly would not keep means for the association. */
static enum weir_sctp_verdict data_refused(struct weir_sctp *s, weir_time now,
                                           const struct data *d, enum weir_sctp_verdict v)
{
    if (v == WEIR_SCTP_DATA_FRAGMENT) {
        return weir_sctp_violate(s, now, v, CAUSE_VIOLATION);
    }
    if (v == WEIR_SCTP_DATA_ORPHAN || v == WEIR_SCTP_DATA_TOO_LARGE) {
        weir_sctp_tsn_note(s, d->tsn); /* it came, and is of no use */
        s->has_holes = true;
        weir_sctp_reasm_drop_beside(s, d);
        message_refused(s, d->slot, v);
    } else {
        s->ack = ACK_NOW; /* [RFC 9260 6.2 MUST] what was dropped is not acknowledged */
    }
    return v;
}

static bool may_take_data(const struct weir_sctp *s)
{
    return s->state == WEIR_SCTP_ESTABLISHED || s->state == WEIR_SCTP_SHUTDOWN_PENDING ||
           s->state == WEIR_SCTP_SHUTDOWN_SENT;
}

enum weir_sctp_verdict weir_sctp_rx_data(struct weir_sctp *s, weir_time now, const struct chunk *c)
{
    struct data d = { 0 };
    if (!may_take_data(s)) {
        return WEIR_SCTP_UNEXPECTED;
    }
    if (!data_parse(c, &d)) {
        return WEIR_SCTP_CHUNK_SHORT;
    }
    if (d.payload.n == 0) {
        return weir_sctp_violate(s, now, WEIR_SCTP_DATA_EMPTY, CAUSE_NO_USER_DATA);
    }
    s->had_data = true;
    if ((c->flags & FLAG_IMMEDIATE) != 0) {
        s->ack = ACK_NOW; /* [RFC 7053 5.2 SHOULD] */
    }
    enum weir_sctp_verdict v = data_window(s, &d);
    if (v != WEIR_SCTP_OK) {
        return v;
    }
    uint32_t cum = s->rx_cum;
    d.slot = weir_sctp_stream_heard(s, d.stream);
    if (d.stream >= s->config.streams_max) {
        v = refuse_stream(s, &d);
    } else if (d.slot == WEIR_NO_CELL) {
        v = weir_sctp_lack_room(s); /* not acknowledged: the peer sends it again */
    } else {
        weir_sctp_stream_pin(s, d.slot);
        v = weir_sctp_reasm_add(s, now, &d);
        v = v == WEIR_SCTP_OK ? v : data_refused(s, now, &d, v);
        weir_sctp_stream_unpin(s, d.slot);
    }
    if (s->rx_cum != cum) {
        weir_sctp_reset_deferred(s, now);
        weir_sctp_reasm_advance(s, now);
    }
    return v;
}

/* -- FORWARD-TSN ------------------------------------------------------------------------------ */

/*  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |   type 192    |    flags 0    |            length             |
 * +---------------+---------------+-------------------------------+
 * |                      new cumulative TSN                       |  4
 * +-------------------------------+-------------------------------+
 * |            stream             |        stream sequence        |  8, n times
 */
static void skip_streams(struct weir_sctp *s, weir_time now, struct weir_rd *r)
{
    uint16_t stream, ssn;
    while (weir_rd_u16(r, &stream) && weir_rd_u16(r, &ssn)) {
        uint32_t slot = weir_sctp_stream_heard(s, stream);
        if (slot != WEIR_NO_CELL) {
            weir_sctp_reasm_skip(s, now, slot, ssn);
        }
    }
}

enum weir_sctp_verdict weir_sctp_rx_forward_tsn(struct weir_sctp *s, weir_time now,
                                                const struct chunk *c)
{
    struct weir_rd r = weir_rd_of(c->value);
    uint32_t cum;
    if (!may_take_data(s)) {
        return WEIR_SCTP_UNEXPECTED;
    }
    if (!s->remote.has_forward_tsn || !weir_rd_u32(&r, &cum) || r.n % 4 != 0) {
        return WEIR_SCTP_FORWARD_REFUSED;
    }
    s->had_data = true; /* [RFC 3758 3.6 MUST] acknowledge it as if it were DATA */
    if (!tsn_after(cum, s->rx_cum)) {
        s->ack = ACK_NOW;
        return WEIR_SCTP_FORWARD_OLD;
    }
    if (cum - s->rx_cum > FORWARD_AHEAD_MAX) {
        return WEIR_SCTP_FORWARD_REFUSED;
    }
    s->has_holes = true;
    weir_sctp_reasm_drop_to(s, cum);
    weir_sctp_tsn_skip_to(s, cum);
    skip_streams(s, now, &r);
    weir_sctp_reset_deferred(s, now);
    weir_sctp_reasm_advance(s, now);
    return WEIR_SCTP_OK;
}

/* -- Messages --------------------------------------------------------------------------------- */

void weir_sctp_rx_put(struct weir_sctp *s, uint32_t head)
{
    s->rx_cells -= weir_rope_count(s->pool, head);
    s->rx_bytes -= segment_at(s, head)->bytes;
    weir_rope_put(s->pool, s->account, head);
}

static bool is_empty_ppid(uint32_t ppid)
{
    return ppid == WEIR_SCTP_PPID_STRING_EMPTY || ppid == WEIR_SCTP_PPID_BINARY_EMPTY;
}

static void count_rx(struct weir_sctp_stream *st, uint32_t bytes)
{
    uint64_t all = ((uint64_t)st->rx_bytes_high << 32 | st->rx_bytes) + bytes;
    st->rx_messages++;
    st->rx_bytes = (uint32_t)all;
    st->rx_bytes_high = (uint16_t)(all >> 32);
}

void weir_sctp_deliver(struct weir_sctp *s, weir_time now, uint32_t head)
{
    struct segment *g = segment_at(s, head);
    s->counters.rx_messages++;
    s->rx_moved_at = now;
    if (s->config.has_channels && !weir_sctp_channel_message(s, now, head)) {
        uint32_t slot = g->slot;
        weir_sctp_rx_put(s, head);
        weir_sctp_stream_settle(s, slot);
        return;
    }
    g->next = WEIR_NO_CELL;
    if (s->unread_tail == WEIR_NO_CELL) {
        s->unread_head = head;
    } else {
        segment_at(s, s->unread_tail)->next = head;
    }
    s->unread_tail = head;
    g->channel = stream_at(s, g->slot)->channel;
    stream_at(s, g->slot)->unread++;
    if (g->channel != WEIR_SCTP_NO_CHANNEL) {
        channel_of(s, g->channel)->unread++;
        count_rx(stream_at(s, g->slot), is_empty_ppid(g->ppid) ? 0 : g->bytes);
    }
    weir_sctp_owe_event(s, WEIR_SCTP_EVENT_MESSAGE);
}

static bool is_text_ppid(uint32_t ppid)
{
    return ppid == WEIR_SCTP_PPID_STRING || ppid == WEIR_SCTP_PPID_STRING_EMPTY ||
           ppid == WEIR_SCTP_PPID_STRING_PARTIAL;
}

bool weir_sctp_read(struct weir_sctp *s, struct weir_sctp_message *m)
{
    uint32_t head = s->unread_head;
    if (head == WEIR_NO_CELL) {
        return false;
    }
    struct segment *g = segment_at(s, head);
    struct weir_sctp_stream *st = stream_at(s, g->slot);
    s->unread_head = g->next;
    if (s->unread_head == WEIR_NO_CELL) {
        s->unread_tail = WEIR_NO_CELL;
    }
    memset(m, 0, sizeof *m);
    m->ppid = g->ppid;
    m->stream = st->id;
    m->channel = g->channel;
    m->is_unordered = (g->flags & FLAG_UNORDERED) != 0;
    m->is_text = is_text_ppid(g->ppid);
    m->is_partial = g->ppid == WEIR_SCTP_PPID_STRING_PARTIAL ||
                    g->ppid == WEIR_SCTP_PPID_BINARY_PARTIAL;
    /* [RFC 8831 6.6 MUST] The one byte of an empty message is not part of it. */
    m->bytes = s->config.has_channels && is_empty_ppid(g->ppid) ? 0 : g->bytes;
    m->head = head;
    st->unread--;
    if (g->channel != WEIR_SCTP_NO_CHANNEL) {
        channel_of(s, g->channel)->unread--;
        weir_sctp_channel_read(s, g->channel);
    }
    weir_sctp_stream_settle(s, g->slot);
    return true;
}

bool weir_sctp_message_piece(const struct weir_sctp *s, const struct weir_sctp_message *m,
                             uint32_t *cursor, struct weir_span *piece)
{
    return m->bytes != 0 && weir_rope_next(s->pool, cursor, piece);
}

size_t weir_sctp_message_copy(const struct weir_sctp *s, const struct weir_sctp_message *m,
                              struct weir_mspan out)
{
    struct weir_wr w = weir_wr_of(out);
    struct weir_span piece;
    uint32_t cursor = m->head;
    if (m->bytes > out.n) {
        return 0;
    }
    while (weir_sctp_message_piece(s, m, &cursor, &piece)) {
        weir_wr_bytes(&w, piece);
    }
    return weir_wr_done(&w);
}

void weir_sctp_release(struct weir_sctp *s, weir_time now, struct weir_sctp_message *m)
{
    uint32_t before = s->rx_cells;
    weir_sctp_rx_put(s, m->head);
    m->head = WEIR_NO_CELL;
    weir_sctp_note_read(s, now, before - s->rx_cells);
}
