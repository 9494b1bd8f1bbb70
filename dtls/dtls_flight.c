/* Flights: our messages as bytes, sent in records until they are answered [RFC 6347 4.2.4,
 * RFC 9147 5.7, 5.8].
 *
 *  1. open, close   the handshake writes entries; nothing is sent while it does
 *  2. send          entries leave in order, as many as fit a record and a datagram; long messages in
 *                   fragments
 *  3. all sent      the timer is armed, if an answer is expected
 *  4. resend        the timer fired: everything again, with new record numbers; twice the time, and
 *                   after every second one half the size: long datagrams may not come through
 *  5. peer_resent   the peer's old flight came again: everything again, at most once in half a time
 *  6. ack           1.3: what a record carried that the peer has is marked, byte by byte, and left
 *                   out from then on; the rest may be torn into records anew
 *
 * With DTLS 1.2 a flight stays after its last sending, for as long as the handshake's block does: the one
 * who ends the handshake must be able to repeat its end [RFC 6347 4.2.4 MUST]. Later it is written anew.
 * With 1.3 it is forgotten when the peer has all of it.
 */
#include "dtls/dtls_int.h"

enum {
    ENTRY_HEADER_BYTES = 4, /* content type, epoch, length (2) */
    /* A fragment that only tops up a datagram carries at least this much of its message. */
    FRAGMENT_MIN = 32,
    /* Datagrams are halved no further than to this. */
    DATAGRAM_LEAST = 256,
};

/* -- 1. Writing -------------------------------------------------------------------------------- */

void weir_dtls_flight_begin(struct weir_dtls *d, bool is_timed)
{
    if (!has_block(d)) {
        return; /* then there is none */
    }
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    f->used = 0;
    f->at = 0;
    f->offset = 0;
    f->open = 0;
    f->resends = 0;
    f->is_timed = is_timed;
    f->rto = d->config.rto;
    f->credit = WEIR_DTLS_FLIGHT_BYTES;
    f->resend_at = WEIR_NEVER;
    f->sent_at = 0;
    f->sent_count = 0;
    f->acked = 0;
    memset(f->is_acked, 0, sizeof f->is_acked);
}

struct weir_wr weir_dtls_flight_open(struct weir_dtls *d, enum content_type type, unsigned epoch)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    struct weir_mspan room = { f->bytes + f->used, sizeof f->bytes - f->used };
    struct weir_wr w = weir_wr_of(room);
    f->open = f->used;
    weir_wr_u8(&w, (uint8_t)type);
    weir_wr_u8(&w, (uint8_t)epoch);
    weir_wr_u16(&w, 0); /* its length, when it is known */
    return w;
}

bool weir_dtls_flight_close(struct weir_dtls *d, const struct weir_wr *w)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    size_t n = weir_wr_done(w);
    if (n == 0) {
        return false;
    }
    weir_put16(f->bytes + f->open + 2, (uint16_t)(n - ENTRY_HEADER_BYTES));
    f->used = (uint16_t)(f->open + n);
    return true;
}

/* -- 2. Sending -------------------------------------------------------------------------------- */

bool weir_dtls_flight_is_pending(const struct weir_dtls *d)
{
    return has_block(d) && hs_of(d)->flight.at < hs_of(d)->flight.used;
}

struct entry {
    uint8_t type, epoch;
    struct weir_span content;
};

static struct entry entry_at(const struct weir_dtls_flight *f, size_t at)
{
    const uint8_t *p = f->bytes + at;
    struct entry e = { p[0], p[1], { p + ENTRY_HEADER_BYTES, weir_be16(p + 2) } };
    return e;
}

/* How many bytes of a message's body go into the next record, given `room` for head and body. A
 * message that would fit a datagram of its own is not torn for the rest of this one. */
static size_t body_that_fits(size_t left, size_t room, bool is_first, size_t datagram)
{
    if (left <= room) {
        return left;
    }
    return is_first || (left > datagram && room >= FRAGMENT_MIN) ? room : 0;
}

/* A first hello goes out as 1.0, which is what every server takes [RFC 5246 E.1, RFC 9147 4]. */
static uint16_t version_of(const struct weir_dtls *d, const struct entry *e)
{
    return d->version == 0 && e->content.p[0] == MESSAGE_CLIENT_HELLO ? VERSION_1_0 : VERSION_1_2;
}

static uint64_t epoch_of(const struct weir_dtls *d, uint8_t entry_epoch)
{
    return entry_epoch < EPOCH_APPLICATION ? entry_epoch : d->tx_epoch;
}

static bool byte_is_acked(const struct weir_dtls_flight *f, size_t at)
{
    return (f->is_acked[at / 8] >> (at % 8) & 1) != 0;
}

/* Go past what the peer has, to the next byte that it lacks. */
static void skip_acked(struct weir_dtls_flight *f)
{
    while (f->acked != 0 && f->at < f->used) {
        struct entry e = entry_at(f, f->at);
        size_t body = (size_t)f->at + ENTRY_HEADER_BYTES + MESSAGE_HEADER_BYTES;
        size_t end = (size_t)f->at + ENTRY_HEADER_BYTES + e.content.n;
        while (body + f->offset < end && byte_is_acked(f, body + f->offset)) {
            f->offset++;
        }
        if (body + f->offset < end) {
            return;
        }
        f->at = (uint16_t)end;
        f->offset = 0;
    }
}

/* Bytes from here to the next one that the peer has. */
static size_t lacking(const struct weir_dtls_flight *f, const struct entry *e)
{
    size_t body = (size_t)f->at + ENTRY_HEADER_BYTES + MESSAGE_HEADER_BYTES;
    size_t n = f->offset;
    while (n < e->content.n - MESSAGE_HEADER_BYTES && (n == f->offset || !byte_is_acked(f, body + n))) {
        n++;
    }
    return n - f->offset;
}

/* Remember which part went into which record. */
static void note_sent(struct weir_dtls *d, const struct entry *e, size_t part)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    struct weir_dtls_sent *s = &f->sent[f->sent_count++ % WEIR_DTLS_ACK_RECORDS];
    s->seq = *weir_dtls_next_number(d, epoch_of(d, e->epoch));
    s->epoch = e->epoch;
    s->body = (uint16_t)(f->at + ENTRY_HEADER_BYTES + MESSAGE_HEADER_BYTES + f->offset);
    s->bytes = (uint16_t)part;
}

/* Write the next part of a message; the fragment's header tells where it belongs. `room` is for header and
 * part, `most` what a datagram of its own would have. 0 when it must wait for the next datagram. */
static size_t put_message(struct weir_dtls *d, const struct entry *e, uint8_t *message, size_t room,
                          bool is_first, size_t most)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    size_t left = lacking(f, e);
    if (room < MESSAGE_HEADER_BYTES) {
        return 0;
    }
    size_t part = body_that_fits(left, room - MESSAGE_HEADER_BYTES, is_first, most);
    if (part == 0 && left != 0) {
        return 0;
    }
    memcpy(message, e->content.p, MESSAGE_HEADER_BYTES);
    weir_put24(message + 6, f->offset);
    weir_put24(message + 9, (uint32_t)part);
    weir_copy(message + MESSAGE_HEADER_BYTES, e->content.p + MESSAGE_HEADER_BYTES + f->offset,
              part);
    note_sent(d, e, part);
    f->offset = (uint16_t)(f->offset + part);
    if (f->offset == e->content.n - MESSAGE_HEADER_BYTES) {
        f->at = (uint16_t)(f->at + ENTRY_HEADER_BYTES + e->content.n);
        f->offset = 0;
    }
    skip_acked(f);
    return MESSAGE_HEADER_BYTES + part;
}

/* All of this message, in `room` bytes, behind others? */
static bool fits_whole(const struct weir_dtls_flight *f, const struct entry *e, size_t room)
{
    return e->type == CONTENT_HANDSHAKE && f->offset == 0
           && lacking(f, e) == e->content.n - MESSAGE_HEADER_BYTES && e->content.n <= room;
}

/* One record at `record`, which has `room` bytes: a piece of a message, or as many whole ones of one
 * epoch as
 * fit it [RFC 6347 4.2.3, RFC 9147 5.5], since a record for each would cost as much again as short messages
 * have. Pieces stay alone: there are peers (mbedtls) that lose what follows one. */
static size_t send_messages(struct weir_dtls *d, const struct entry *first, uint8_t *record, size_t room,
                            bool is_first, size_t datagram)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    struct entry e = *first;
    uint64_t epoch = epoch_of(d, e.epoch);
    uint16_t version = version_of(d, &e);
    size_t around = weir_dtls_record_overhead(d, epoch), head = weir_dtls_record_head(d, epoch);
    if (room < around + MESSAGE_HEADER_BYTES) {
        return 0;
    }
    bool is_whole = fits_whole(f, &e, room - around);
    size_t most = datagram - around - MESSAGE_HEADER_BYTES;
    size_t bytes = put_message(d, &e, record + head, room - around, is_first, most);
    while (is_whole && bytes != 0 && weir_dtls_flight_is_pending(d)) {
        e = entry_at(f, f->at);
        if (e.epoch != first->epoch || !fits_whole(f, &e, room - around - bytes)) {
            break;
        }
        bytes += put_message(d, &e, record + head + bytes, room - around - bytes, false, most);
    }
    return bytes == 0 ? 0
                      : weir_dtls_record_seal(d, epoch, CONTENT_HANDSHAKE, version, record, bytes);
}

static size_t send_ccs(struct weir_dtls *d, const struct entry *e, uint8_t *record, size_t room)
{
    size_t head = weir_dtls_record_head(d, e->epoch);
    if (room < weir_dtls_record_overhead(d, e->epoch) + e->content.n) {
        return 0;
    }
    memcpy(record + head, e->content.p, e->content.n);
    return weir_dtls_record_seal(d, e->epoch, CONTENT_CHANGE_CIPHER_SPEC, VERSION_1_2, record,
                                 e->content.n);
}

/* One record of the flight. */
static size_t send_record(struct weir_dtls *d, uint8_t *record, size_t room, bool is_first,
                          size_t datagram)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    struct entry e = entry_at(f, f->at);
    if (e.type == CONTENT_HANDSHAKE) {
        return send_messages(d, &e, record, room, is_first, datagram);
    }
    size_t n = send_ccs(d, &e, record, room);
    if (n != 0) {
        f->at = (uint16_t)(f->at + ENTRY_HEADER_BYTES + e.content.n);
    }
    return n;
}

/* A hello that nothing answered goes in both sizes by turns: there are servers that take none in pieces. */
static size_t datagram_max(const struct weir_dtls *d)
{
    bool is_hello = d->config.is_client && d->version == 0;
    return is_hello && hs_of(d)->flight.resends % 2 != 0 ? d->config.mtu : weir_dtls_mtu(d);
}

size_t weir_dtls_flight_send(struct weir_dtls *d, weir_time now, struct weir_mspan out)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    size_t datagram = out.n < datagram_max(d) ? out.n : datagram_max(d);
    size_t used = 0;
    /* At most one record per entry, or a full datagram: bounded by its size. */
    while (weir_dtls_flight_is_pending(d)) {
        size_t n = send_record(d, out.p + used, datagram - used, used == 0, datagram);
        if (n == 0) {
            break;
        }
        used += n;
    }
    if (used != 0) {
        weir_trace(d->config.trace, now, WEIR_TRACE_DTLS, WEIR_TRACE_TX, d->config.conn,
                   (uint32_t)used, weir_be32(out.p), f->resends);
        f->sent_at = now;
        /* What a hint made us repeat does not put the timer off: its back-off goes on. */
        if (!weir_dtls_flight_is_pending(d) && f->is_timed && f->resend_at == WEIR_NEVER) {
            f->resend_at = weir_time_add(now, f->rto);
        }
    }
    return used;
}

/* -- 4., 5. Again ------------------------------------------------------------------------------ */

static void rewind_flight(struct weir_dtls *d)
{
    hs_of(d)->flight.at = 0;
    hs_of(d)->flight.offset = 0;
    skip_acked(&hs_of(d)->flight);
    d->resends++;
}

void weir_dtls_flight_resend(struct weir_dtls *d, weir_time now)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    weir_trace(d->config.trace, now, WEIR_TRACE_DTLS, WEIR_TRACE_TIMER, d->config.conn, 0, 0,
               (uint32_t)(f->rto / WEIR_MS));
    f->rto = f->rto > d->config.rto_max / 2 ? d->config.rto_max : f->rto * 2;
    if (f->resends < UINT8_MAX) {
        f->resends++;
    }
    /* [RFC 9147 4.4 SHOULD, RFC 6347 4.1.1.1 SHOULD] What an ACK named came through. */
    if (f->resends % 2 == 0 && f->acked == 0 && weir_dtls_mtu(d) / 2 >= DATAGRAM_LEAST) {
        d->halvings++;
    }
    f->resend_at = WEIR_NEVER;
    rewind_flight(d);
}

/* Whoever can put old fragments or ACKs on the path gets hardly more out of us than the timer would
 * send: the flight once, and from then on no more bytes than came. */
static void again_after(struct weir_dtls *d, weir_time now, unsigned part, size_t plain_bytes)
{
    if (!has_block(d) || hs_of(d)->flight.used == 0 || weir_dtls_flight_is_pending(d)) {
        return;
    }
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    if (plain_bytes != 0) {
        f->credit = (uint32_t)(f->credit + plain_bytes);
        f->credit = f->credit < WEIR_DTLS_FLIGHT_BYTES ? f->credit : WEIR_DTLS_FLIGHT_BYTES;
    }
    if (weir_time_since(now, f->sent_at) < f->rto / part || (plain_bytes != 0 && f->credit < f->used)) {
        return;
    }
    if (plain_bytes != 0) {
        bool is_first = f->credit == WEIR_DTLS_FLIGHT_BYTES;
        f->credit = is_first ? 0 : f->credit - f->used;
    } else {
        f->resend_at = WEIR_NEVER;
    }
    rewind_flight(d);
}

void weir_dtls_flight_peer_resent(struct weir_dtls *d, weir_time now, size_t plain_bytes)
{
    again_after(d, now, 2, plain_bytes);
}

void weir_dtls_flight_hint(struct weir_dtls *d, weir_time now, size_t plain_bytes)
{
    again_after(d, now, 4, plain_bytes);
}

void weir_dtls_path_hint(struct weir_dtls *d)
{
    if (d->state == WEIR_DTLS_HANDSHAKE && d->config.is_client && d->rx_records == 0 && d->resends == 0
        && hs_of(d)->flight.used != 0 && !weir_dtls_flight_is_pending(d)) {
        rewind_flight(d);
    }
}

void weir_dtls_flight_answered(struct weir_dtls *d)
{
    hs_of(d)->flight.is_timed = false;
    hs_of(d)->flight.resend_at = WEIR_NEVER;
    hs_of(d)->flight.at = hs_of(d)->flight.used;
    hs_of(d)->flight.offset = 0;
}

/* -- 6. ACKs [RFC 9147 7.2] -------------------------------------------------------------------- */

void weir_dtls_flight_done(struct weir_dtls *d)
{
    weir_dtls_flight_begin(d, false);
}

static void mark_acked(struct weir_dtls_flight *f, const struct weir_dtls_sent *s)
{
    for (unsigned i = s->body; i < (unsigned)s->body + s->bytes; i++) {
        if (!byte_is_acked(f, i)) {
            f->is_acked[i / 8] = (uint8_t)(f->is_acked[i / 8] | 1u << i % 8);
            f->acked++;
        }
    }
}

bool weir_dtls_flight_ack(struct weir_dtls *d, const struct weir_dtls_number *number)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    unsigned known = f->sent_count < WEIR_DTLS_ACK_RECORDS ? f->sent_count : WEIR_DTLS_ACK_RECORDS;
    uint16_t before = f->acked;
    for (unsigned i = 0; i < known; i++) {
        if (f->sent[i].seq == number->seq && epoch_of(d, f->sent[i].epoch) == number->epoch) {
            mark_acked(f, &f->sent[i]);
        }
    }
    return f->acked != before;
}

bool weir_dtls_flight_has_gap(const struct weir_dtls_flight *f)
{
    unsigned kept = f->sent_count < WEIR_DTLS_ACK_RECORDS ? f->sent_count : WEIR_DTLS_ACK_RECORDS;
    bool is_missing = false;
    for (unsigned i = f->sent_count - kept; i != f->sent_count; i++) {
        const struct weir_dtls_sent *s = &f->sent[i % WEIR_DTLS_ACK_RECORDS];
        bool is_there = true;
        for (unsigned k = s->body; k < (unsigned)s->body + s->bytes; k++) {
            is_there = is_there && byte_is_acked(f, k);
        }
        if (is_there && is_missing) {
            return true;
        }
        is_missing = is_missing || !is_there;
    }
    return false;
}

bool weir_dtls_flight_is_acked(const struct weir_dtls_flight *f)
{
    size_t bodies = 0;
    for (size_t at = 0; at < f->used;) {
        struct entry e = entry_at(f, at);
        bodies += e.content.n - MESSAGE_HEADER_BYTES;
        at += ENTRY_HEADER_BYTES + e.content.n;
    }
    return f->acked == bodies;
}

void weir_dtls_flight_resend_rest(struct weir_dtls *d)
{
    hs_of(d)->flight.resend_at = WEIR_NEVER;
    rewind_flight(d);
}
