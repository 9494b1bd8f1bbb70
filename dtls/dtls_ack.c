/* ACKs of DTLS 1.3: which records of a flight have arrived [RFC 9147 7].
 *
 *   0               2                              10                             18
 *   +---------------+------------------------------+------------------------------+---
 *   | length        | epoch                        | sequence number              | ...
 *   +---------------+------------------------------+------------------------------+---
 *
 *  1. note   a record of the peer's flight was handled or kept: its number enters the list. What was
 *            dropped never does [RFC 9147 7 MUST NOT]: the peer would not send it again
 *  2. when   at once, or after a while in which the rest of the flight may come:
 *
 *            a part of their flight, or              time is over,
 *            what cannot be read yet                 or a gap shows
 *     IDLE ---------------------------> SOON -------------------------> DUE
 *      | ^                                |                             ^ |
 *      | +--- our flight answers ---------+                             | |
 *      | +--- our flight answers, or the ACK was sent ------------------|-+
 *      +----- a gap shows, or nothing but an ACK will answer -----------+
 *
 *  3. send   the list, newest records if it does not fit; empty when there is nothing that could be
 *            named but the peer should know that it was not understood
 *  4. recv   parts of our flight need not be sent again; the others are, at once
 *
 * An ACK without protection could be anybody's: it is taken as a hint that the peer lacks something,
 * and makes us send again: once, and then no more bytes than came.
 */
#include "dtls/dtls_int.h"

enum { NUMBER_BYTES = 16 };

/* -- 1. Note ----------------------------------------------------------------------------------- */

static bool is_before(const struct weir_dtls_number *a, const struct weir_dtls_number *b)
{
    return a->epoch != b->epoch ? a->epoch < b->epoch : a->seq < b->seq;
}

static void note(struct weir_dtls_ack *a, const struct dtls_record *r)
{
    struct weir_dtls_number number = { r->epoch, r->seq };
    unsigned at = 0;
    while (at < a->count && is_before(&a->record[at], &number)) {
        at++;
    }
    if (at < a->count && !is_before(&number, &a->record[at])) {
        return; /* a record without protection may come twice */
    }
    if (a->count == WEIR_DTLS_ACK_RECORDS) {
        /* Full: the oldest goes; the peer learns of it by what follows. */
        if (at == 0) {
            return;
        }
        memmove(a->record, a->record + 1, (at - 1) * sizeof a->record[0]);
        a->record[at - 1] = number;
        return;
    }
    memmove(a->record + at + 1, a->record + at, (a->count - at) * sizeof a->record[0]);
    a->record[at] = number;
    a->count++;
}

/* -- 2. When ----------------------------------------------------------------------------------- */

static void enter(struct weir_dtls_ack *a, enum ack_state state, weir_time at)
{
    a->state = (uint8_t)state;
    a->at = at;
}

/* [RFC 9147 7.1] A quarter of the time after which the peer would send again by itself. */
static void soon(struct weir_dtls *d, weir_time now)
{
    if (hs_of(d)->ack.state == ACK_IDLE) {
        enter(&hs_of(d)->ack, ACK_SOON, weir_time_add(now, d->config.rto / 4));
    }
}

/* [RFC 9147 7.1] In a handshake our next flight answers, if all of theirs is here; afterwards nothing but
 * the ACK does. */
void weir_dtls_ack_handled(struct weir_dtls *d, weir_time now, const struct dtls_record *r, bool was_done)
{
    bool is_done = d->step == STEP_DONE;
    if (d->config.is_client && is_done && r->epoch == EPOCH_HANDSHAKE) {
        return; /* our last flight is the answer */
    }
    if (!weir_dtls_lease(d, now)) {
        return; /* it comes again */
    }
    if (!weir_dtls_reassembly_tell(&hs_of(d)->reassembly)) {
        return;
    }
    note(&hs_of(d)->ack, r);
    if (is_done || was_done || weir_dtls_reassembly_has_gap(&hs_of(d)->reassembly)) {
        enter(&hs_of(d)->ack, ACK_DUE, WEIR_NEVER);
    } else {
        soon(d, now);
    }
}

/* [RFC 9147 7.1] Who sent it need not wait for its timer, if it is of 1.3. */
void weir_dtls_ack_piece(struct weir_dtls *d, weir_time now, const struct dtls_record *r)
{
    note(&hs_of(d)->ack, r);
    soon(d, now);
}

/* [RFC 9147 7.1] An empty one, if it must be: something is missing. */
void weir_dtls_ack_unread(struct weir_dtls *d, weir_time now)
{
    soon(d, now);
}

void weir_dtls_ack_tick(struct weir_dtls *d, weir_time now)
{
    if (has_block(d) && now >= hs_of(d)->ack.at) {
        enter(&hs_of(d)->ack, ACK_DUE, WEIR_NEVER);
    }
}

void weir_dtls_ack_reset(struct weir_dtls *d)
{
    if (has_block(d)) {
        hs_of(d)->ack.count = 0;
        enter(&hs_of(d)->ack, ACK_IDLE, WEIR_NEVER);
    }
}

/* -- 3. Send ----------------------------------------------------------------------------------- */

size_t weir_dtls_ack_send(struct weir_dtls *d, struct weir_mspan out)
{
    struct weir_dtls_ack *a = &hs_of(d)->ack;
    size_t datagram = out.n < weir_dtls_mtu(d) ? out.n : weir_dtls_mtu(d);
    size_t around = weir_dtls_record_overhead(d, d->tx_epoch) + 2;
    if (a->state != ACK_DUE || datagram < around) {
        return 0;
    }
    size_t fit = (datagram - around) / NUMBER_BYTES;
    size_t first = a->count > fit ? a->count - fit : 0;
    uint8_t *content = out.p + weir_dtls_record_head(d, d->tx_epoch);
    weir_put16(content, (uint16_t)((a->count - first) * NUMBER_BYTES));
    for (size_t i = first; i < a->count; i++) {
        weir_put64(content + 2 + (i - first) * NUMBER_BYTES, a->record[i].epoch);
        weir_put64(content + 2 + (i - first) * NUMBER_BYTES + 8, a->record[i].seq);
    }
    size_t bytes = 2 + (a->count - first) * NUMBER_BYTES;
    if (d->step == STEP_DONE) {
        a->count = 0; /* what the peer sends again gets a new ACK */
    }
    enter(a, ACK_IDLE, WEIR_NEVER);
    return weir_dtls_record_seal(d, d->tx_epoch, CONTENT_ACK, VERSION_1_2, out.p, bytes);
}

/* -- 4. Receive -------------------------------------------------------------------------------- */

/* All of our flight is there: a handshake's end, or a KeyUpdate. */
static void flight_arrived(struct weir_dtls *d, weir_time now)
{
    weir_dtls_flight_done(d);
    if (d->step != STEP_DONE) {
        return; /* the answer proper is still to come, and has its own time limit */
    }
    weir_dtls_await_nothing(d);
    hs_of(d)->used_at = now;
    weir_dtls13_old_arrived(d, now);
    if (!weir_dtls13_update_arrived(d)) {
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_MESSAGE, WEIR_DTLS_CRYPTO,
                       weir_dtls_alert_of(WEIR_DTLS_CRYPTO));
    }
}

enum weir_dtls_verdict weir_dtls_ack_recv(struct weir_dtls *d, weir_time now,
                                          const struct dtls_record *r)
{
    struct weir_rd rd = weir_rd_of(weir_span_const(r->body));
    struct weir_rd list;
    struct weir_dtls_number number;
    bool is_news = false;
    if (!weir_rd_sub16(&rd, &list) || rd.n != 0 || list.n % NUMBER_BYTES != 0) {
        return WEIR_DTLS_ACK_MALFORMED;
    }
    if (!r->is_unified) {
        weir_dtls_flight_hint(d, now, r->whole);
        return WEIR_DTLS_ACK_PLAIN;
    }
    if (!has_block(d) || hs_of(d)->flight.used == 0) {
        return WEIR_DTLS_OK;
    }
    while (weir_rd_u64(&list, &number.epoch) && weir_rd_u64(&list, &number.seq)) {
        is_news = weir_dtls_flight_ack(d, &number) || is_news;
    }
    if (weir_dtls_flight_is_acked(&hs_of(d)->flight)) {
        flight_arrived(d, now);
    } else if (is_news && weir_dtls_flight_has_gap(&hs_of(d)->flight)) {
        /* [RFC 9147 7.2 SHOULD] Each such ACK tells something new, so their number is bounded. Without a
         * gap the rest may still be on its way. */
        weir_dtls_flight_resend_rest(d);
    } else {
        weir_dtls_flight_hint(d, now, 0);
    }
    return WEIR_DTLS_OK;
}
