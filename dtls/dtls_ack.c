/* ACKs of DTLS 1.3: which records of a flight have arrived [RFC 9147 7].
 *
 *   0               2                              10                             18
 *   +---------------+------------------------------+------------------------------+---
 *   | length        | epoch                        | sequence number              | ...
 *   +---------------+------------------------------+------------------------------+---
 *
 *  1. note   a record of the peer's flight was handled or kept: its number enters the list. What was
 *            dropped never does [RFC 9147 7 MUST NOT]: the peer would not send it again
 *  2. soon   a part of the flight is here, or something is that cannot be read: a short timer
 *  3. send   the list, newest records if it does not fit; empty when there is nothing that could be
 *            named but the peer should know that it was not understood
 *  4. recv   parts of our flight need not be sent again; the others are, at once
 *
 * An ACK without protection could be anybody's: it is taken as a hint that the peer lacks something,
 * and makes us send again: once, and then no more bytes than came.
 */
#include "dtls/dtls_int.h"

enum { NUMBER_BYTES = 16 };

/* -- 1. Note, 2. soon -------------------------------------------------------------------------- */

static bool is_before(const struct weir_dtls_number *a, const struct weir_dtls_number *b)
{
    return a->epoch != b->epoch ? a->epoch < b->epoch : a->seq < b->seq;
}

void weir_dtls_ack_note(struct weir_dtls *d, const struct dtls_record *r)
{
    struct weir_dtls_acks *a = &d->acks;
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

/* [RFC 9147 7.1] A quarter of the time after which the peer would send again by itself. */
void weir_dtls_ack_soon(struct weir_dtls *d, weir_time now)
{
    if (d->ack_at == WEIR_NEVER) {
        d->ack_at = weir_time_add(now, d->config.rto / 4);
    }
}

void weir_dtls_ack_reset(struct weir_dtls *d)
{
    d->acks.count = 0;
    d->owes_ack = false;
    d->ack_at = WEIR_NEVER;
}

/* -- 3. Send ----------------------------------------------------------------------------------- */

size_t weir_dtls_ack_send(struct weir_dtls *d, struct weir_mspan out)
{
    struct weir_dtls_acks *a = &d->acks;
    size_t datagram = out.n < weir_dtls_mtu(d) ? out.n : weir_dtls_mtu(d);
    size_t around = weir_dtls_record_overhead(d, d->tx_epoch) + 2;
    if (!d->owes_ack || datagram < around) {
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
    d->owes_ack = false;
    d->ack_at = WEIR_NEVER;
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
    d->give_up_at = WEIR_NEVER;
    weir_wipe(&d->tx_old, sizeof d->tx_old);
    if (d->rx_old.epoch == EPOCH_HANDSHAKE && d->old_until == WEIR_NEVER) {
        d->old_until = weir_time_add(now, OLD_KEYS_LIFE); /* only what is late comes now */
    }
    if (d->is_updating && !weir_dtls13_finish_update(d)) {
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
    if (d->flight.used == 0) {
        return WEIR_DTLS_OK;
    }
    while (weir_rd_u64(&list, &number.epoch) && weir_rd_u64(&list, &number.seq)) {
        is_news = weir_dtls_flight_ack(d, &number) || is_news;
    }
    if (weir_dtls_flight_is_acked(&d->flight)) {
        flight_arrived(d, now);
    } else if (is_news && weir_dtls_flight_has_gap(&d->flight)) {
        /* [RFC 9147 7.2 SHOULD] Each such ACK tells something new, so their number is bounded. Without a
         * gap the rest may still be on its way. */
        weir_dtls_flight_resend_rest(d);
    } else {
        weir_dtls_flight_hint(d, now, 0);
    }
    return WEIR_DTLS_OK;
}
