/* The handshake's frame: fragments become messages, messages meet the row of the present step.
 *
 *  1. a record's fragments enter the reassembly, if their protection is the one in force
 *  2. a complete message in turn is looked up in the table of our role and version: which step takes
 *     it, who handles it; a hello is for the version that it is of
 *  3. the handler judges it, lets it into the transcript, does what follows, and names the next step or
 *     why there is none. That is followed here, and nowhere else
 *  4. ChangeCipherSpec is no message, but has its row: it moves the receiving epoch in the one step that
 *     awaits it
 *  5. messages of ours are written into the flight and noted in the transcript
 *  6. complete: secrets of the handshake are wiped; for its block see dtls_block.c
 */
#include "dtls/dtls_int.h"

/* -- The transcript ---------------------------------------------------------------------------- */

static const enum weir_hash_id transcript_hash[2] = { WEIR_SHA256, WEIR_SHA384 };

void weir_dtls_transcript_begin(struct weir_dtls *d)
{
    for (unsigned i = 0; i < 2; i++) {
        d->config.crypto->hash_init(&exchange_of(d)->transcript[i], transcript_hash[i]);
    }
}

static void transcript_add(struct weir_dtls *d, struct weir_span bytes)
{
    for (unsigned i = 0; i < 2; i++) {
        d->config.crypto->hash_update(&exchange_of(d)->transcript[i], bytes);
    }
}

/* [RFC 6347 4.2.6 MUST] A message counts with its header as if it had come in one fragment.
 * [RFC 9147 5.2] With 1.3 it counts without the fields that TLS does not have. */
static void transcript_message(struct weir_dtls *d, const uint8_t head[MESSAGE_HEADER_BYTES],
                               struct weir_span body)
{
    transcript_add(d, weir_span_of(head, d->version == VERSION_1_3 ? 4 : MESSAGE_HEADER_BYTES));
    transcript_add(d, body);
}

void weir_dtls_transcript_note(struct weir_dtls *d, struct weir_span message)
{
    transcript_message(d, message.p, weir_span_of(message.p + MESSAGE_HEADER_BYTES,
                                                  message.n - MESSAGE_HEADER_BYTES));
}

void weir_dtls_transcript_retry(struct weir_dtls *d)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t hello[4 + WEIR_HASH_BYTES_MAX] = { MESSAGE_MESSAGE_HASH };
        size_t n = weir_hash_bytes(transcript_hash[i]);
        hello[3] = (uint8_t)n;
        d->config.crypto->hash_final(&exchange_of(d)->transcript[i], hello + 4);
        d->config.crypto->hash_init(&exchange_of(d)->transcript[i], transcript_hash[i]);
        d->config.crypto->hash_update(&exchange_of(d)->transcript[i], weir_span_of(hello, 4 + n));
    }
}

void weir_dtls_transcript_digest(const struct weir_dtls *d, enum weir_hash_id id, uint8_t *out)
{
    struct weir_hash h = exchange_of(d)->transcript[id == WEIR_SHA384 ? 1 : 0];
    d->config.crypto->hash_final(&h, out);
}

void weir_dtls_transcript_digest_hello(const struct weir_dtls *d, enum weir_hash_id id,
                                       struct weir_span hello, size_t bytes, uint8_t *out)
{
    struct weir_hash h = exchange_of(d)->transcript[id == WEIR_SHA384 ? 1 : 0];
    uint8_t head[4] = { MESSAGE_CLIENT_HELLO };
    weir_put24(head + 1, (uint32_t)hello.n);
    d->config.crypto->hash_update(&h, weir_span_of(head, sizeof head));
    d->config.crypto->hash_update(&h, weir_span_of(hello.p, bytes));
    d->config.crypto->hash_final(&h, out);
}

static void transcript_note_peer(struct weir_dtls *d, uint8_t type, struct weir_span body)
{
    uint8_t head[MESSAGE_HEADER_BYTES] = { type };
    weir_put24(head + 1, (uint32_t)body.n);
    weir_put16(head + 4, hs_of(d)->reassembly.next);
    weir_put24(head + 9, (uint32_t)body.n);
    transcript_message(d, head, body);
}

/* -- 5. Messages of ours ----------------------------------------------------------------------- */

struct weir_wr weir_dtls_message_open(struct weir_dtls *d, enum message_type type, unsigned epoch)
{
    struct weir_wr w = weir_dtls_flight_open(d, CONTENT_HANDSHAKE, epoch);
    weir_wr_u8(&w, (uint8_t)type);
    weir_wr_u24(&w, 0);
    weir_wr_u16(&w, d->message_seq);
    weir_wr_u24(&w, 0);
    weir_wr_u24(&w, 0);
    return w;
}

bool weir_dtls_message_close(struct weir_dtls *d, struct weir_wr *w)
{
    uint8_t *message = w->base + 4;
    size_t n = weir_wr_done(w);
    if (n == 0) {
        return false;
    }
    struct weir_span whole = { message, n - 4 };
    weir_put24(message + 1, (uint32_t)(whole.n - MESSAGE_HEADER_BYTES));
    weir_put24(message + 9, (uint32_t)(whole.n - MESSAGE_HEADER_BYTES));
    d->message_seq++;
    /* Before the version is known, how it counts is not known, either: see weir_dtls_client_agree. What
     * comes after a handshake of 1.3 is no part of it. */
    if (d->version != 0 && d->step != STEP_DONE && w->base[1] < EPOCH_APPLICATION) {
        weir_dtls_transcript_note(d, whole);
    }
    return weir_dtls_flight_close(d, w);
}

bool weir_dtls_write_ccs(struct weir_dtls *d)
{
    struct weir_wr w = weir_dtls_flight_open(d, CONTENT_CHANGE_CIPHER_SPEC, 0);
    weir_wr_u8(&w, 1);
    return weir_dtls_flight_close(d, &w);
}

/* -- 6. Beginning and end ---------------------------------------------------------------------- */

void weir_dtls_await(struct weir_dtls *d, weir_time now)
{
    d->give_up_at = weir_time_add(now, d->config.give_up);
}

void weir_dtls_await_nothing(struct weir_dtls *d)
{
    d->give_up_at = WEIR_NEVER;
}

void weir_dtls_begin(struct weir_dtls *d, weir_time now)
{
    weir_dtls_await(d, now);
    weir_dtls_set_state(d, now, WEIR_DTLS_HANDSHAKE);
}

void weir_dtls_complete(struct weir_dtls *d, weir_time now)
{
    bool is_expected = plan_of(d)->fingerprints != 0;
    weir_dtls_await_nothing(d);
    weir_wipe(exchange_of(d), sizeof(struct weir_dtls_exchange));
    weir_wipe(&hs_of(d)->plan, sizeof hs_of(d)->plan);
    hs_of(d)->used_at = now;
    weir_dtls13_session_complete(d);
    if (d->version == VERSION_1_3 && !d->config.has_keylog) {
        weir_wipe(d->secret, sizeof d->secret[0] * WEIR_DTLS_SECRET_EXPORTER);
        d->has_secret = 1u << WEIR_DTLS_SECRET_EXPORTER;
    }
    /* What the peer sent of its flight is handled; nothing of it is needed again. */
    weir_dtls_reassembly_reset(&hs_of(d)->reassembly, hs_of(d)->reassembly.next);
    weir_wipe(hs_of(d)->reassembly.bytes, sizeof hs_of(d)->reassembly.bytes);
    if (!is_expected) {
        weir_dtls_set_state(d, now, WEIR_DTLS_UNVERIFIED);
    } else {
        /* The certificate matched when it came, or when the fingerprints did. */
        weir_dtls_owe(d, WEIR_DTLS_EVENT_CONNECTED);
        weir_dtls_set_state(d, now, WEIR_DTLS_CONNECTED);
    }
}

/* -- 2., 3. Messages --------------------------------------------------------------------------- */

static const struct dtls_row *table_of(const struct weir_dtls *d, const struct dtls_message *m)
{
    if (d->version == VERSION_1_3 || (d->version == 0 && weir_dtls_hello_is_13(d, m->type, m->body))) {
        return d->config.is_client ? weir_dtls13_client_steps : weir_dtls13_server_steps;
    }
    return d->config.is_client ? weir_dtls12_client_steps : weir_dtls12_server_steps;
}

/* Who handles this message in the present step? NULL: nobody. */
static dtls_handler *handler_of(const struct weir_dtls *d, const struct dtls_message *m)
{
    const struct dtls_row *row = table_of(d, m);
    while (row->handler != NULL && (row->step != d->step || row->message != m->type)) {
        row++;
    }
    return row->handler;
}

/* A server that waits for a hello, its first or the one after a HelloRetryRequest. */
static bool awaits_hello(const struct weir_dtls *d)
{
    return d->step == STEP_SERVER_WAIT_CLIENT_HELLO || d->step == STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO;
}

/* [RFC 8446 4.4.2.4 MUST] 1.3 has alerts of its own for a certificate that is not shown. */
static uint8_t alert_for(const struct weir_dtls *d, enum weir_dtls_verdict v)
{
    if (d->version == VERSION_1_3 && v == WEIR_DTLS_CERT_EMPTY) {
        return d->config.is_client ? ALERT_DECODE_ERROR : ALERT_CERTIFICATE_REQUIRED;
    }
    return weir_dtls_alert_of(v);
}

/* A hello that we cannot take ends nothing: the right one may still come, and anybody on the way
 * can make a wrong one. The same place in the sequence stays open. */
static enum weir_dtls_verdict refuse(struct weir_dtls *d, weir_time now, enum weir_dtls_verdict v)
{
    if (awaits_hello(d) && v != WEIR_DTLS_CRYPTO) {
        weir_dtls_reassembly_drop(&hs_of(d)->reassembly);
        weir_dtls_alert_refused_hello(d, v);
        return v;
    }
    weir_dtls_fail(d, now,
                   v == WEIR_DTLS_CERT_FINGERPRINT ? WEIR_DTLS_REASON_FINGERPRINT
                                                   : WEIR_DTLS_REASON_MESSAGE,
                   v, alert_for(d, v));
    return v;
}

/* What a handler said comes true. Nowhere else does a step follow another. */
static enum weir_dtls_verdict follow(struct weir_dtls *d, weir_time now, struct dtls_next next)
{
    if (next.verdict == WEIR_DTLS_HELLO_COOKIE) {
        return next.verdict; /* answered, and nothing else changed */
    }
    if (next.verdict != WEIR_DTLS_OK) {
        return refuse(d, now, next.verdict);
    }
    weir_trace(d->config.trace, now, WEIR_TRACE_DTLS, WEIR_TRACE_NOTE, d->config.conn, 0, d->step,
               (uint32_t)next.step);
    d->step = (uint8_t)next.step;
    return WEIR_DTLS_OK;
}

enum weir_dtls_verdict weir_dtls_handshake_start(struct weir_dtls *d, weir_time now)
{
    return follow(d, now, weir_dtls_client_start(d, now));
}

/* Before the version is known, how it counts is not known, either: a HelloVerifyRequest never does
 * [RFC 6347 4.2.1]. What comes after the handshake is no part of it. */
void weir_dtls_accept(struct weir_dtls *d, const struct dtls_message *m)
{
    if (d->version != 0 && d->step != STEP_DONE) {
        transcript_note_peer(d, (uint8_t)m->type, m->body);
    }
    weir_dtls_reassembly_pop(&hs_of(d)->reassembly);
}

static enum weir_dtls_verdict message_recv(struct weir_dtls *d, weir_time now, uint8_t type,
                                           struct weir_span body)
{
    struct dtls_message m = { type, body };
    if (d->config.is_client && type == MESSAGE_HELLO_REQUEST && body.n == 0
        && d->version != VERSION_1_3) {
        /* [RFC 5246 7.4.1.1] passed over in a handshake, and no part of the transcript. */
        weir_dtls_reassembly_pop(&hs_of(d)->reassembly);
        return WEIR_DTLS_RENEGOTIATION;
    }
    dtls_handler *handler = handler_of(d, &m);
    struct dtls_next next = handler != NULL ? handler(d, now, &m) : weir_dtls_refusal(WEIR_DTLS_UNEXPECTED);
    if (type == MESSAGE_CLIENT_HELLO || type == MESSAGE_HELLO_VERIFY_REQUEST || d->version == VERSION_1_2) {
        weir_dtls_ack_reset(d); /* its pieces need none any more, or never did */
    }
    return follow(d, now, next);
}

/* -- 1. Fragments ------------------------------------------------------------------------------ */

/* With 1.2, nothing is reassembled any more after the handshake. */
static enum weir_dtls_verdict late_fragment(struct weir_dtls *d, weir_time now, uint64_t epoch,
                                            const struct dtls_fragment *f)
{
    if (f->seq < weir_dtls_peer_seq(d)) {
        /* [RFC 6347 4.2.4 MUST] The client's Finished again: it lacks ours. Only this message comes
         * under protection, so nobody else can make us repeat. */
        bool is_asked = !d->config.is_client && epoch == 1 && f->type == MESSAGE_FINISHED;
        return is_asked && !weir_dtls12_repeat_ending(d, now) ? WEIR_DTLS_NO_BLOCK : WEIR_DTLS_MESSAGE_OLD;
    }
    uint8_t begins = d->config.is_client ? MESSAGE_HELLO_REQUEST : MESSAGE_CLIENT_HELLO;
    if (epoch != 1) {
        return WEIR_DTLS_FRAGMENT_EPOCH;
    }
    if (f->type != begins) {
        return refuse(d, now, WEIR_DTLS_MESSAGE_LATE); /* a second Finished, or whatever else */
    }
    /* [RFC 5246 7.2.2] Renegotiation is refused with a warning, and the connection goes on. */
    weir_dtls_alert_renegotiation(d);
    return WEIR_DTLS_RENEGOTIATION;
}

/* With cookies, a hello begins anew at number 0, without one, or at 1, with one: which of them
 * comes next is the client's affair [RFC 6347 4.2.2]. */
static void follow_hello(struct weir_dtls *d, const struct dtls_record *r,
                         const struct dtls_fragment *f)
{
    if (!awaits_hello(d) || f->type != MESSAGE_CLIENT_HELLO) {
        return;
    }
    d->hello_seq = r->seq;
    if (d->step == STEP_SERVER_WAIT_CLIENT_HELLO && plan_of(d)->requires_cookie && f->seq < WEIR_DTLS_WINDOW
        && f->seq != weir_dtls_peer_seq(d)) {
        d->peer_seq = f->seq;
        if (has_block(d)) {
            weir_dtls_reassembly_reset(&hs_of(d)->reassembly, f->seq);
        }
    }
}

/* New messages come under the protection in force. [RFC 5246 7.4.9 MUST] With 1.2 a Finished is never
 * without any, so that nobody's bytes get into the true one. */
static bool epoch_fits(const struct weir_dtls *d, uint64_t epoch, uint8_t type)
{
    return epoch == d->rx_epoch && (epoch != 0 || type != MESSAGE_FINISHED);
}

/* [RFC 8446 5.1 MUST] Under the keys before the present ones only the peer can have sent it, and no new
 * message may come there: not after a Finished, not after a KeyUpdate. It would never be handled. */
static enum weir_dtls_verdict wrong_epoch(struct weir_dtls *d, weir_time now, uint64_t epoch)
{
    bool is_fatal = d->step == STEP_DONE && epoch != 0;
    return is_fatal ? refuse(d, now, WEIR_DTLS_MESSAGE_LATE) : WEIR_DTLS_FRAGMENT_EPOCH;
}

/* Whose place is this? Nothing but a hello, or what asks for another one, takes the place of a hello: a
 * packet of anybody's would keep the true one out. */
static bool may_take_place(const struct weir_dtls *d, const struct dtls_fragment *f)
{
    if (f->seq != weir_dtls_peer_seq(d)) {
        return true;
    }
    if (awaits_hello(d)) {
        return f->type == MESSAGE_CLIENT_HELLO;
    }
    /* [RFC 9147 5.1] A server that has 1.3 alone sends no HelloVerifyRequest. */
    bool is_verify = f->type == MESSAGE_HELLO_VERIFY_REQUEST && weir_dtls_offers(d, WEIR_DTLS_1_2)
                     && d->version == 0;
    return d->step != STEP_CLIENT_WAIT_SERVER_HELLO || f->type == MESSAGE_SERVER_HELLO || is_verify;
}

static enum weir_dtls_verdict fragment_recv(struct weir_dtls *d, weir_time now,
                                            const struct dtls_record *r,
                                            const struct dtls_fragment *f)
{
    uint8_t type;
    struct weir_span body;
    if (d->step == STEP_DONE && d->version != VERSION_1_3) {
        return late_fragment(d, now, r->epoch, f);
    }
    follow_hello(d, r, f);
    if (d->config.is_client && f->type == MESSAGE_HELLO_REQUEST && r->epoch == 0 && d->rx_epoch == 0) {
        /* [RFC 5246 7.4.1.1] passed over in a handshake; without protection it takes nobody's place. */
        return WEIR_DTLS_RENEGOTIATION;
    }
    if (!may_take_place(d, f)) {
        return WEIR_DTLS_UNEXPECTED;
    }
    bool is_new = f->seq >= weir_dtls_peer_seq(d);
    if (is_new && !epoch_fits(d, r->epoch, f->type)) {
        return wrong_epoch(d, now, r->epoch);
    }
    if (!(is_new ? weir_dtls_lease(d, now) : has_block(d))) {
        return is_new ? WEIR_DTLS_NO_BLOCK : WEIR_DTLS_MESSAGE_OLD;
    }
    enum weir_dtls_verdict v = weir_dtls_reassembly_add(&hs_of(d)->reassembly, f, r->epoch == 0);
    if (v == WEIR_DTLS_MESSAGE_OLD) {
        weir_dtls_flight_peer_resent(d, now, r->epoch == 0 ? r->whole : 0);
    }
    while (v == WEIR_DTLS_OK && (d->step != STEP_DONE || d->version == VERSION_1_3)
           && weir_dtls_reassembly_ready(&hs_of(d)->reassembly, &type, &body)) {
        v = message_recv(d, now, type, body);
    }
    return v;
}

enum weir_dtls_verdict weir_dtls_handshake_recv(struct weir_dtls *d, weir_time now,
                                                const struct dtls_record *r, bool *is_kept)
{
    struct weir_rd rd = weir_rd_of(weir_span_const(r->body));
    enum weir_dtls_verdict first = WEIR_DTLS_OK;
    *is_kept = true;
    /* [RFC 6347 4.2.3] One record may hold several fragments: at most one in 12 bytes. The first
     * complaint is the record's, and only a broken frame keeps us from the rest of it. */
    while (rd.n != 0 && d->state != WEIR_DTLS_FAILED) {
        struct dtls_fragment f;
        enum weir_dtls_verdict v = weir_dtls_fragment_take(&rd, &f);
        bool is_broken = v != WEIR_DTLS_OK;
        if (!is_broken) {
            v = fragment_recv(d, now, r, &f);
        }
        if (first == WEIR_DTLS_OK) {
            first = v;
        }
        *is_kept = *is_kept && (v == WEIR_DTLS_OK || v == WEIR_DTLS_MESSAGE_OLD);
        if (is_broken) {
            break;
        }
    }
    return first;
}

/* -- 4. ChangeCipherSpec ----------------------------------------------------------------------- */

/* [RFC 5246 7.1] It has its one place. Before it, keys do not change: not even when the peer's records were
 * reordered, for its retransmission brings another one. */
enum weir_dtls_verdict weir_dtls_ccs_recv(struct weir_dtls *d, weir_time now, const struct dtls_record *r)
{
    const struct dtls_message m = { MESSAGE_CHANGE_CIPHER_SPEC, { NULL, 0 } };
    if (r->body.n != 1 || r->body.p[0] != 1) {
        return WEIR_DTLS_CCS_MALFORMED;
    }
    dtls_handler *handler = handler_of(d, &m);
    if (handler == NULL || r->epoch != 0) {
        return WEIR_DTLS_CCS_UNEXPECTED;
    }
    return follow(d, now, handler(d, now, &m));
}
