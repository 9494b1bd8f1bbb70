/* Stream state, made when a stream is used and freed when nothing would be lost by it.
 *
 * A cell holds both directions of one stream identifier, and is found through an index. A stream whose
 * numbers are both zero and which holds nothing is like none at all, and is freed.
 */
#include "sctp/sctp_int.h"

_Static_assert(sizeof(struct weir_sctp_stream) <= WEIR_CELL_BYTES, "a stream is a cell");

void weir_sctp_streams_clear(struct weir_sctp *s)
{
    uint32_t id = 0;
    for (uint32_t slot; (slot = stream_next(s, &id)) != WEIR_NO_CELL; id++) {
        weir_cell_put(s->pool, s->account, slot);
    }
    weir_index_clear(s->pool, s->account, &s->streams);
    s->turn_head = WEIR_NO_CELL;
    s->turn_tail = WEIR_NO_CELL;
    s->tx_mid = WEIR_NO_CELL;
}

void weir_sctp_streams_end(struct weir_sctp *s)
{
    uint32_t id = 0;
    for (uint32_t slot; (slot = stream_next(s, &id)) != WEIR_NO_CELL; id++) {
        struct weir_sctp_stream *st = stream_at(s, slot);
        st->tx_ssn = st->rx_ssn = 0;
        st->tx_reset = RESET_NONE;
        st->is_rx_deferred = st->awaits_rx_reset = st->is_reset_again = false;
        weir_sctp_stream_settle(s, slot);
    }
    s->reset_wanted = 0;
}

uint32_t weir_sctp_stream_find(const struct weir_sctp *s, uint16_t id)
{
    return weir_index_find(s->pool, &s->streams, id);
}

uint32_t weir_sctp_stream_get(struct weir_sctp *s, enum weir_store_way way, uint16_t id)
{
    uint32_t slot = weir_sctp_stream_find(s, id);
    if (slot != WEIR_NO_CELL || id == WEIR_SCTP_NO_STREAM) {
        return slot;
    }
    slot = weir_cell_get(s->pool, s->account, way);
    if (slot == WEIR_NO_CELL) {
        return slot;
    }
    if (!weir_index_put(s->pool, s->account, way, &s->streams, id, slot)) {
        weir_cell_put(s->pool, s->account, slot);
        return WEIR_NO_CELL;
    }
    struct weir_sctp_stream *st = stream_at(s, slot);
    memset(st, 0, sizeof *st);
    st->id = id;
    st->channel = WEIR_SCTP_NO_CHANNEL;
    st->queue_head = WEIR_NO_CELL;
    st->queue_tail = WEIR_NO_CELL;
    return slot;
}

uint32_t weir_sctp_stream_heard(struct weir_sctp *s, uint16_t id)
{
    uint32_t before = s->streams.count;
    bool is_announced = id < s->config.streams_max;
    uint32_t slot = is_announced ? weir_sctp_stream_get(s, WEIR_STORE_INVITED, id) : WEIR_NO_CELL;
    weir_sctp_note_shape(s, 0, s->streams.count - before);
    return slot;
}

static bool is_blank(const struct weir_sctp_stream *st)
{
    return st->channel == WEIR_SCTP_NO_CHANNEL && st->tx_ssn == 0 && st->rx_ssn == 0 &&
           !st->is_scheduled && !st->is_rx_deferred && !st->is_rx_reset && !st->awaits_rx_reset &&
           st->tx_reset == RESET_NONE && st->queue_head == WEIR_NO_CELL && st->outstanding == 0 &&
           st->fragments == 0 && st->unread == 0 && st->pins == 0;
}

void weir_sctp_stream_settle(struct weir_sctp *s, uint32_t slot)
{
    const struct weir_sctp_stream *st = stream_at(s, slot);
    /* It may have been settled on the way here. */
    if (!is_blank(st) || s->tx_mid == slot || weir_sctp_stream_find(s, st->id) != slot) {
        return;
    }
    s->stream_low = st->id < s->stream_low ? st->id : s->stream_low;
    weir_index_remove(s->pool, s->account, &s->streams, st->id);
    weir_cell_put(s->pool, s->account, slot);
    weir_sctp_note_sent(s);
}

void weir_sctp_stream_pin(struct weir_sctp *s, uint32_t slot)
{
    stream_at(s, slot)->pins++;
}

void weir_sctp_stream_unpin(struct weir_sctp *s, uint32_t slot)
{
    stream_at(s, slot)->pins--;
    weir_sctp_stream_settle(s, slot);
}

void weir_sctp_stream_schedule(struct weir_sctp *s, uint32_t slot)
{
    struct weir_sctp_stream *st = stream_at(s, slot);
    if (st->is_scheduled || st->queue_head == WEIR_NO_CELL) {
        return;
    }
    st->is_scheduled = true;
    st->ready_next = WEIR_NO_CELL;
    if (s->turn_tail == WEIR_NO_CELL) {
        s->turn_head = slot;
    } else {
        stream_at(s, s->turn_tail)->ready_next = slot;
    }
    s->turn_tail = slot;
}
