/* Acknowledgements in, losses found [RFC 9260 6.2.1, 6.3, 7.2.4].
 *
 * 1. The cumulative TSN of a SACK takes chunks off the front of the outstanding list.
 * 2. Gap blocks mark further ones as arrived; what they no longer name counts as in flight again.
 * 3. A chunk sent before something newly acknowledged, three times, is lost. "Before" goes by order
 *    of transmission, not by TSN, so a chunk that was sent again can be found lost again.
 * 4. A lost chunk is sent again, or given up when its message is past its limit.
 * 5. When nothing comes back for an RTO, everything in flight is lost.
 *
 * The cumulative part costs a step per chunk acknowledged; blocks cost a step per chunk up to the
 * last block.
 */
#include "sctp/sctp_int.h"

#define RTO_HINT_LEAST (100 * WEIR_MS)

/* What one SACK did. */
struct progress {
    uint32_t acked_bytes;
    uint32_t newest;   /* order of the last sent chunk newly acknowledged, sent once */
    bool has_newest;
    bool has_acked;
    bool cum_moved;
};

/* -- Round trips ------------------------------------------------------------------------------ */

/* [RFC 9260 6.3.1] */
void weir_sctp_rtt_note(struct weir_sctp *s, weir_duration rtt)
{
    weir_duration least = rtt == 0 ? 1 : rtt; /* zero stands for not measured */
    s->rtt_least = s->rtt_least == 0 || least < s->rtt_least ? least : s->rtt_least;
    if (s->srtt == 0) {
        s->srtt = least;
        s->rttvar = rtt / 2;
    } else {
        weir_duration off = s->srtt > rtt ? s->srtt - rtt : rtt - s->srtt;
        s->rttvar = (3 * s->rttvar + off) / 4;
        s->srtt = (7 * s->srtt + rtt) / 8;
        s->srtt = s->srtt == 0 ? 1 : s->srtt;
    }
    weir_duration rto = s->srtt + 4 * s->rttvar;
    rto = rto < s->config.rto_min ? s->config.rto_min : rto;
    s->rto = rto > s->config.rto_max ? s->config.rto_max : rto;
}

/* [RFC 9260 6.3.1 DEVIATION] C1 has RTO.Initial until there is a measurement of SCTP's own. ICE's is as
 * good: the same path, a moment ago. A second of silence after a first lost chunk is what users see. A
 * peer that delays its SACK has been asked not to, see chunk_write. */
void weir_sctp_set_rtt_hint(struct weir_sctp *s, weir_duration rtt)
{
    s->rtt_hint = rtt;
    weir_duration rto = rtt < RTO_HINT_LEAST / 2 ? RTO_HINT_LEAST : 2 * rtt;
    if (s->srtt == 0 && rto < s->config.rto_initial) {
        s->config.rto_initial = s->rto = rto;
    }
}

static void rtt_sample(struct weir_sctp *s, weir_time now, const struct tx_chunk *c)
{
    if (s->is_rtt_timed && s->rtt_tsn == c->tsn) {
        s->is_rtt_timed = false;
        weir_sctp_rtt_note(s, weir_time_since(now, c->sent_at));
    }
}

/* -- The outstanding list --------------------------------------------------------------------- */

void weir_sctp_out_append(struct weir_sctp *s, uint32_t index)
{
    chunk_at(s, index)->prev = s->out_tail;
    chunk_at(s, index)->next = WEIR_NO_CELL;
    if (s->out_tail == WEIR_NO_CELL) {
        s->out_head = index;
    } else {
        chunk_at(s, s->out_tail)->next = index;
    }
    s->out_tail = index;
}

static void out_pop(struct weir_sctp *s)
{
    uint32_t i = s->out_head;
    uint16_t slot = chunk_at(s, i)->slot;
    s->out_head = chunk_at(s, i)->next;
    if (s->out_head == WEIR_NO_CELL) {
        s->out_tail = WEIR_NO_CELL;
    } else {
        chunk_at(s, s->out_head)->prev = WEIR_NO_CELL;
    }
    if (s->rtx_hint == i) {
        s->rtx_hint = s->out_head;
    }
    s->stream[slot].outstanding--;
    weir_sctp_tx_put(s, i);
    weir_sctp_stream_settle(s, slot);
}

static void chunk_acked(struct weir_sctp *s, weir_time now, uint32_t i, struct progress *p)
{
    struct tx_chunk *c = chunk_at(s, i);
    uint32_t payload = chunk_at(s, i)->bytes;
    if (c->state == CHUNK_IN_FLIGHT) {
        s->flight_bytes -= data_wire_bytes(payload);
        s->flight_data -= payload;
    } else if (c->state == CHUNK_LOST) {
        s->rtx_count--;
    }
    rtt_sample(s, now, c);
    p->acked_bytes += data_wire_bytes(payload);
    p->has_acked = true;
    /* An acknowledgement of a chunk sent twice may be for the first time: it proves nothing. */
    if (c->sent_count == 1 && (!p->has_newest || tsn_after(c->order, p->newest))) {
        p->newest = c->order;
        p->has_newest = true;
    }
}

static void ack_cumulative(struct weir_sctp *s, weir_time now, uint32_t cum, struct progress *p)
{
    p->cum_moved = cum != s->cum_acked;
    s->cum_acked = cum;
    while (s->out_head != WEIR_NO_CELL && !tsn_after(chunk_at(s, s->out_head)->tsn, cum)) {
        uint32_t i = s->out_head;
        struct tx_chunk *c = chunk_at(s, i);
        if (c->state == CHUNK_GAP_ACKED) {
            s->gap_acked_count--;
        } else if (c->state != CHUNK_ABANDONED) {
            chunk_acked(s, now, i, p);
        }
        out_pop(s);
    }
}

/* -- Gap blocks ------------------------------------------------------------------------------- */

static void chunk_renege(struct weir_sctp *s, uint32_t i)
{
    struct tx_chunk *c = chunk_at(s, i);
    if (c->state != CHUNK_GAP_ACKED) {
        return;
    }
    c->state = CHUNK_IN_FLIGHT;
    s->gap_acked_count--;
    s->flight_bytes += data_wire_bytes(chunk_at(s, i)->bytes);
    s->flight_data += chunk_at(s, i)->bytes;
    c->misses++; /* [RFC 9260 6.2.1 D iii] */
}

static void chunk_gap_acked(struct weir_sctp *s, weir_time now, uint32_t i, struct progress *p)
{
    struct tx_chunk *c = chunk_at(s, i);
    if (c->state == CHUNK_GAP_ACKED || c->state == CHUNK_ABANDONED) {
        return;
    }
    chunk_acked(s, now, i, p);
    c->state = CHUNK_GAP_ACKED;
    s->gap_acked_count++;
}

/* Blocks must rise, lie beyond cum and name only what was sent; `end` becomes the last TSN. */
static bool block_next(const struct weir_sctp *s, struct weir_rd *r, uint32_t cum, uint32_t *first,
                       uint32_t *end)
{
    uint16_t from, to;
    if (!weir_rd_u16(r, &from) || !weir_rd_u16(r, &to) || from == 0 || to < from) {
        return false;
    }
    *first = cum + from;
    if (!tsn_after(*first, *end) || !tsn_before(cum + to, s->next_tsn)) {
        return false;
    }
    *end = cum + to;
    return true;
}

static enum weir_sctp_verdict ack_gaps(struct weir_sctp *s, weir_time now, uint32_t cum,
                                       struct weir_rd blocks, struct progress *p, uint32_t *end)
{
    enum weir_sctp_verdict v = WEIR_SCTP_OK;
    uint32_t i = s->out_head;
    uint32_t seen = 0;
    *end = cum;
    while (blocks.n != 0) {
        uint32_t first;
        if (!block_next(s, &blocks, cum, &first, end)) {
            v = WEIR_SCTP_SACK_BLOCKS;
            break;
        }
        for (; i != WEIR_NO_CELL && tsn_before(chunk_at(s, i)->tsn, first); i = chunk_at(s, i)->next) {
            chunk_renege(s, i);
        }
        for (; i != WEIR_NO_CELL && !tsn_after(chunk_at(s, i)->tsn, *end); i = chunk_at(s, i)->next) {
            chunk_gap_acked(s, now, i, p);
            seen += chunk_at(s, i)->state == CHUNK_GAP_ACKED ? 1 : 0;
        }
    }
    for (; i != WEIR_NO_CELL && s->gap_acked_count != seen; i = chunk_at(s, i)->next) {
        chunk_renege(s, i);
    }
    return v;
}

/* -- Losses ----------------------------------------------------------------------------------- */

static void chunk_lost(struct weir_sctp *s, weir_time now, uint32_t i)
{
    struct tx_chunk *c = chunk_at(s, i);
    uint32_t payload = chunk_at(s, i)->bytes;
    if (s->is_rtt_timed && s->rtt_tsn == c->tsn) {
        s->is_rtt_timed = false; /* [RFC 9260 6.3.1 C5 MUST] Karn: no sample from this one */
    }
    s->peer_rwnd += payload; /* [RFC 9260 6.2.1 C] */
    if (s->remote.has_forward_tsn && weir_sctp_is_past_limit(c, now)) {
        weir_sctp_abandon(s, i);
        return;
    }
    s->flight_bytes -= data_wire_bytes(payload);
    s->flight_data -= payload;
    c->state = CHUNK_LOST;
    s->rtx_count++;
    if (s->rtx_hint == WEIR_NO_CELL || tsn_before(c->tsn, chunk_at(s, s->rtx_hint)->tsn)) {
        s->rtx_hint = i;
    }
}

/* [RFC 9260 7.2.4] Count misses up to the last TSN named; true when something was found lost.
 * [RFC 9260 7.2.4 DEVIATION] A chunk that was fast retransmitted may be so again, when chunks sent
 * after that retransmission arrive: the specification leaves it to the timeout. */
static bool count_misses(struct weir_sctp *s, weir_time now, uint32_t end,
                         const struct progress *p)
{
    bool has_lost = false;
    uint32_t i = s->out_head;
    bool counts_all = s->is_recovering && p->cum_moved;
    if (!p->has_newest && !counts_all) {
        return false;
    }
    for (; i != WEIR_NO_CELL && tsn_before(chunk_at(s, i)->tsn, end); i = chunk_at(s, i)->next) {
        struct tx_chunk *c = chunk_at(s, i);
        if (c->state != CHUNK_IN_FLIGHT) {
            continue;
        }
        if ((p->has_newest && tsn_before(c->order, p->newest)) ||
            (counts_all && c->sent_count == 1)) {
            c->misses++;
        }
        if (c->misses >= LOSS_REPORTS) {
            chunk_lost(s, now, i);
            has_lost = true;
        }
    }
    return has_lost;
}

static void recover(struct weir_sctp *s)
{
    if (s->is_recovering) {
        return;
    }
    weir_sctp_cc_lost(s);
    s->is_recovering = true;
    s->is_fast_resend = true;
    s->recovery_exit = s->next_tsn - 1;
    s->counters.fast_recoveries++;
}

/* -- A SACK ----------------------------------------------------------------------------------- */

static void timer_after_ack(struct weir_sctp *s, weir_time now, const struct progress *p)
{
    /* [RFC 9260 6.3.2 R2, R3] */
    if (s->out_head == WEIR_NO_CELL) {
        s->t3_at = WEIR_NEVER;
    } else if (p->cum_moved || s->t3_at == WEIR_NEVER) {
        weir_sctp_t3_start(s, now);
    }
}

static enum weir_sctp_verdict acknowledged(struct weir_sctp *s, weir_time now, uint32_t cum,
                                           struct weir_rd blocks)
{
    struct progress p = { 0 };
    uint32_t end;
    ack_cumulative(s, now, cum, &p);
    enum weir_sctp_verdict v = ack_gaps(s, now, cum, blocks, &p, &end);
    if (p.has_acked) {
        s->tx_moved_at = now;
        s->error_count = 0; /* [RFC 9260 8.1 MUST] */
        /* [RFC 9260 6.3.3 E2 DEVIATION] The doubling ends with the first acknowledgement, not the
         * first measurement: under heavy loss everything is sent twice, and nothing measured. */
        s->t3_count = 0;
    }
    if (s->is_recovering && !tsn_before(cum, s->recovery_exit)) {
        s->is_recovering = false;
    }
    weir_sctp_cc_acked(s, p.acked_bytes, p.cum_moved);
    if (count_misses(s, now, end, &p)) {
        recover(s);
    }
    timer_after_ack(s, now, &p);
    weir_sctp_advance(s, now);
    weir_sctp_reset_step(s);
    weir_sctp_shutdown_step(s, now);
    return v;
}

static bool is_connected(const struct weir_sctp *s)
{
    return s->state >= WEIR_SCTP_ESTABLISHED && s->state <= WEIR_SCTP_SHUTDOWN_RECEIVED;
}

enum weir_sctp_verdict weir_sctp_rx_cum_ack(struct weir_sctp *s, weir_time now, uint32_t cum)
{
    struct weir_rd none = { NULL, 0 };
    /* [RFC 9260 6.2.1 D i] */
    if (tsn_before(cum, s->cum_acked)) {
        return WEIR_SCTP_SACK_OLD;
    }
    if (!tsn_before(cum, s->next_tsn)) {
        return WEIR_SCTP_SACK_UNSENT;
    }
    return acknowledged(s, now, cum, none);
}

enum weir_sctp_verdict weir_sctp_rx_sack(struct weir_sctp *s, weir_time now, const struct chunk *c)
{
    struct weir_rd r = weir_rd_of(c->value);
    struct weir_rd blocks;
    uint32_t cum, a_rwnd;
    uint16_t block_count, duplicate_count;
    if (!is_connected(s)) {
        return WEIR_SCTP_UNEXPECTED;
    }
    if (!weir_rd_u32(&r, &cum) || !weir_rd_u32(&r, &a_rwnd) || !weir_rd_u16(&r, &block_count) ||
        !weir_rd_u16(&r, &duplicate_count) || !weir_rd_sub(&r, (size_t)block_count * 4, &blocks) ||
        !weir_rd_skip(&r, (size_t)duplicate_count * 4)) {
        return WEIR_SCTP_CHUNK_SHORT;
    }
    if (tsn_before(cum, s->cum_acked)) {
        return WEIR_SCTP_SACK_OLD;
    }
    if (!tsn_before(cum, s->next_tsn)) {
        return WEIR_SCTP_SACK_UNSENT;
    }
    enum weir_sctp_verdict v = acknowledged(s, now, cum, blocks);
    /* [RFC 9260 6.2.1 D ii] */
    s->peer_rwnd = a_rwnd > s->flight_data ? a_rwnd - s->flight_data : 0;
    if (a_rwnd == 0) {
        s->error_count = 0; /* [RFC 9260 6.1 A SHOULD] a closed window is an answer */
    }
    return v;
}

/* -- T3 --------------------------------------------------------------------------------------- */

void weir_sctp_t3_start(struct weir_sctp *s, weir_time now)
{
    s->t3_at = weir_time_add(now, weir_sctp_backoff(s, s->rto, s->t3_count));
}

void weir_sctp_t3_expired(struct weir_sctp *s, weir_time now)
{
    s->t3_at = WEIR_NEVER;
    /* While COOKIE ECHO is unanswered, T1 counts; the data goes along with the cookie again. */
    bool is_set_up = s->state != WEIR_SCTP_COOKIE_ECHOED;
    s->counters.timeouts++;
    if (is_set_up && weir_sctp_count_error(s, now)) {
        return;
    }
    if (is_set_up) {
        weir_sctp_cc_timeout(s); /* [RFC 9260 6.3.3 E1] */
        s->t3_count++;
    }
    for (uint32_t i = s->out_head; i != WEIR_NO_CELL; i = chunk_at(s, i)->next) {
        if (chunk_at(s, i)->state == CHUNK_IN_FLIGHT) {
            chunk_lost(s, now, i);
        }
    }
    s->forward_at = 0; /* [RFC 3758 3.5 A5 SHOULD] tell the peer again where to skip to */
    weir_sctp_advance(s, now);
    if (s->out_head != WEIR_NO_CELL && s->t3_at == WEIR_NEVER) {
        weir_sctp_t3_start(s, now);
    }
}

void weir_sctp_carried_anew(struct weir_sctp *s, weir_time now, bool is_client)
{
    s->is_carrier_client = is_client;
    s->t3_count = 0;
    s->error_count = 0;
    if (s->t3_at != WEIR_NEVER) {
        s->t3_at = now;
    }
    if (s->reset_at != WEIR_NEVER) {
        s->reset_at = now;
    }
    if (s->t2_at != WEIR_NEVER) {
        s->t2_at = now;
    }
}
