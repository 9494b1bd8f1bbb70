/* Partial reliability, sending side [RFC 3758 3.5]: by count of retransmissions and by lifetime.
 *
 * 1. A chunk found lost, or sent in part when its time is over, may be past its limit. Then its
 *    whole message is abandoned, also the part not sent yet.
 * 2. When abandoned chunks stand next after the cumulative acknowledgement, the point up to which
 *    the peer may skip advances over them, and a FORWARD-TSN tells the peer.
 * 3. It is told again when the point moves, when a round trip passes, and at a timeout.
 */
#include "sctp/sctp_int.h"

bool weir_sctp_is_past_limit(const struct tx_chunk *c, weir_time now)
{
    return c->expires_at <= now ||
           (c->resend_limit != UINT16_MAX && c->sent_count > c->resend_limit);
}

static void chunk_abandon(struct weir_sctp *s, uint32_t i)
{
    struct tx_chunk *c = chunk_at(s, i);
    uint32_t payload = chunk_at(s, i)->bytes;
    switch ((enum chunk_state)c->state) {
    case CHUNK_IN_FLIGHT:
        s->flight_bytes -= data_wire_bytes(payload);
        s->flight_data -= payload;
        break;
    case CHUNK_LOST:
        s->rtx_count--;
        break;
    case CHUNK_GAP_ACKED:
        s->gap_acked_count--;
        break;
    case CHUNK_QUEUED:
    case CHUNK_ABANDONED:
        break;
    }
    c->state = CHUNK_ABANDONED;
}

/* [RFC 3758 3.5 A3 MUST] All fragments of the message go together. */
void weir_sctp_abandon(struct weir_sctp *s, uint32_t index)
{
    uint32_t i = index;
    if (chunk_at(s, index)->state == CHUNK_ABANDONED) {
        return;
    }
    while ((chunk_at(s, i)->flags & FLAG_BEGIN) == 0 && chunk_at(s, i)->prev != WEIR_NO_CELL) {
        i = chunk_at(s, i)->prev;
    }
    bool is_end = false;
    while (!is_end && i != WEIR_NO_CELL) {
        chunk_abandon(s, i);
        is_end = (chunk_at(s, i)->flags & FLAG_END) != 0;
        i = chunk_at(s, i)->next;
    }
    if (!is_end) {
        weir_sctp_queue_cut(s, s->tx_mid);
    }
    s->counters.abandoned_messages++;
}

/* -- The skip list ---------------------------------------------------------------------------- */

struct skip {
    uint16_t slot, ssn;
};

/* Add one abandoned chunk's stream; false when the list is full. */
static bool skip_add(struct skip list[], unsigned *count, const struct tx_chunk *c)
{
    if ((c->flags & FLAG_UNORDERED) != 0) {
        return true;
    }
    for (unsigned i = *count; i != 0; i--) {
        if (list[i - 1].slot == c->slot) {
            list[i - 1].ssn = c->ssn; /* TSNs rise, so the last is the highest */
            return true;
        }
    }
    if (*count == WEIR_SCTP_LISTED_MAX) {
        return false;
    }
    list[*count].slot = c->slot;
    list[*count].ssn = c->ssn;
    (*count)++;
    return true;
}

/* The abandoned chunks at the front, as far as the list reaches [RFC 3758 3.5 C4 SHOULD]. */
static uint32_t skip_collect(const struct weir_sctp *s, struct skip list[], unsigned *count)
{
    uint32_t advanced = s->cum_acked;
    *count = 0;
    for (uint32_t i = s->out_head; i != WEIR_NO_CELL; i = chunk_at(s, i)->next) {
        const struct tx_chunk *c = chunk_at(s, i);
        if (c->state != CHUNK_ABANDONED || !skip_add(list, count, c)) {
            break;
        }
        advanced = c->tsn;
    }
    return advanced;
}

void weir_sctp_advance(struct weir_sctp *s, weir_time now)
{
    if (s->out_head == WEIR_NO_CELL || chunk_at(s, s->out_head)->state != CHUNK_ABANDONED) {
        s->advanced = s->cum_acked;
        s->owes_forward = false;
        return;
    }
    struct skip list[WEIR_SCTP_LISTED_MAX];
    unsigned count;
    s->advanced = skip_collect(s, list, &count);
    bool has_moved = tsn_after(s->advanced, s->forward_told);
    weir_duration wait = s->srtt != 0 ? s->srtt : s->rto;
    if (has_moved || weir_time_since(now, s->forward_at) >= wait) {
        s->owes_forward = true;
    }
    /* [RFC 3758 3.5 C5 MUST] */
    if (s->t3_at == WEIR_NEVER) {
        weir_sctp_t3_start(s, now);
    }
}

void weir_sctp_forward_write(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    struct skip list[WEIR_SCTP_LISTED_MAX];
    unsigned count;
    s->owes_forward = false;
    s->advanced = skip_collect(s, list, &count);
    if (!tsn_after(s->advanced, s->cum_acked)) {
        return;
    }
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_FORWARD_TSN, 0);
    weir_wr_u32(w, s->advanced);
    for (unsigned i = 0; i < count; i++) {
        weir_wr_u16(w, s->stream[list[i].slot].id);
        weir_wr_u16(w, list[i].ssn);
    }
    weir_sctp_chunk_close(w, m);
    s->forward_told = s->advanced;
    s->forward_at = now;
}
