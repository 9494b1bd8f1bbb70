/* Stream state, made when a stream is used and freed when nothing would be lost by it.
 *
 * A slot holds both directions of one stream identifier. Slots are found through a small hash of
 * chains; free slots are chained through the same field. A slot whose numbers are both zero and
 * which holds nothing is like no slot at all, and is freed.
 */
#include "sctp/sctp_int.h"

static unsigned hash(uint16_t id)
{
    return id % WEIR_SCTP_STREAMS_MAX;
}

void weir_sctp_streams_clear(struct weir_sctp *s)
{
    memset(s->stream, 0, sizeof s->stream);
    s->stream_count = 0;
    s->stream_free = 0;
    for (unsigned i = 0; i < WEIR_SCTP_STREAMS_MAX; i++) {
        s->stream_hash[i] = WEIR_SCTP_NO_STREAM;
        s->stream[i].hash_next =
            (uint16_t)(i + 1 < WEIR_SCTP_STREAMS_MAX ? i + 1 : WEIR_SCTP_NO_STREAM);
    }
    s->turn_head = WEIR_SCTP_NO_STREAM;
    s->turn_tail = WEIR_SCTP_NO_STREAM;
    s->tx_mid = WEIR_SCTP_NO_STREAM;
}

uint16_t weir_sctp_stream_find(const struct weir_sctp *s, uint16_t id)
{
    uint16_t slot = s->stream_hash[hash(id)];
    while (slot != WEIR_SCTP_NO_STREAM && s->stream[slot].id != id) {
        slot = s->stream[slot].hash_next;
    }
    return slot;
}

uint16_t weir_sctp_stream_get(struct weir_sctp *s, uint16_t id)
{
    uint16_t slot = weir_sctp_stream_find(s, id);
    if (slot != WEIR_SCTP_NO_STREAM || id == WEIR_SCTP_NO_STREAM) {
        return slot;
    }
    slot = s->stream_free;
    if (slot == WEIR_SCTP_NO_STREAM) {
        return slot;
    }
    struct weir_sctp_stream *st = &s->stream[slot];
    s->stream_free = st->hash_next;
    memset(st, 0, sizeof *st);
    st->is_used = true;
    st->id = id;
    st->channel = WEIR_SCTP_NO_CHANNEL;
    st->queue_head = WEIR_NO_CELL;
    st->queue_tail = WEIR_NO_CELL;
    st->hash_next = s->stream_hash[hash(id)];
    s->stream_hash[hash(id)] = slot;
    s->stream_count++;
    return slot;
}

static bool is_blank(const struct weir_sctp_stream *st)
{
    return st->channel == WEIR_SCTP_NO_CHANNEL && st->tx_ssn == 0 && st->rx_ssn == 0 &&
           !st->is_scheduled && !st->is_rx_deferred && !st->is_rx_reset && !st->awaits_rx_reset &&
           st->tx_reset == RESET_NONE && st->queue_head == WEIR_NO_CELL && st->outstanding == 0 &&
           st->fragments == 0 && st->unread == 0;
}

void weir_sctp_stream_settle(struct weir_sctp *s, uint16_t slot)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    if (!st->is_used || !is_blank(st) || s->tx_mid == slot) {
        return;
    }
    uint16_t *link = &s->stream_hash[hash(st->id)];
    while (*link != slot) {
        link = &s->stream[*link].hash_next;
    }
    *link = st->hash_next;
    memset(st, 0, sizeof *st);
    st->hash_next = s->stream_free;
    s->stream_free = slot;
    s->stream_count--;
    weir_sctp_note_sent(s);
}

void weir_sctp_stream_schedule(struct weir_sctp *s, uint16_t slot)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    if (st->is_scheduled || st->queue_head == WEIR_NO_CELL) {
        return;
    }
    st->is_scheduled = true;
    st->ready_next = WEIR_SCTP_NO_STREAM;
    if (s->turn_tail == WEIR_SCTP_NO_STREAM) {
        s->turn_head = slot;
    } else {
        s->stream[s->turn_tail].ready_next = slot;
    }
    s->turn_tail = slot;
}
