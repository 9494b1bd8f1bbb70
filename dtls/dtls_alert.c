/* Alerts: what they say, what theirs do, and the end of a connection [RFC 5246 7.2, RFC 8446 6].
 *
 * Only an alert under protection counts: one without could be anybody's [RFC 6347 4.1.2.7]. That
 * holds before there are keys, too: a peer that really gave up stops answering, and the handshake's
 * own time limit ends it, with that alert for an explanation.
 */
#include "dtls/dtls_int.h"

uint8_t weir_dtls_alert_of(enum weir_dtls_verdict v)
{
    static const uint8_t alert[WEIR_DTLS_VERDICTS] = {
        [WEIR_DTLS_RECORD_FORGED] = ALERT_BAD_RECORD_MAC,
        [WEIR_DTLS_ALERT_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_MESSAGE_LATE] = ALERT_UNEXPECTED_MESSAGE,
        [WEIR_DTLS_UNEXPECTED] = ALERT_UNEXPECTED_MESSAGE,
        [WEIR_DTLS_HELLO_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_HELLO_DUPLICATE] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_VERSION] = ALERT_PROTOCOL_VERSION,
        [WEIR_DTLS_HELLO_DOWNGRADE] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_LEGACY] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_STALE] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_MISSING] = ALERT_MISSING_EXTENSION,
        [WEIR_DTLS_HELLO_SHARE] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_GROUP] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_RETRY] = ALERT_UNEXPECTED_MESSAGE,
        [WEIR_DTLS_HELLO_CID] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_PSK] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_BINDER] = ALERT_DECRYPT_ERROR,
        [WEIR_DTLS_ENCRYPTED_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_TICKET_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_UPDATE_MALFORMED] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_CID_MALFORMED] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_COMPRESSION] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_SUITE] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_SIGNATURES] = ALERT_HANDSHAKE_FAILURE,
        [WEIR_DTLS_HELLO_POINTS] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_NO_EMS] = ALERT_HANDSHAKE_FAILURE,
        [WEIR_DTLS_HELLO_RENEGOTIATES] = ALERT_HANDSHAKE_FAILURE,
        [WEIR_DTLS_HELLO_SRTP] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_HELLO_UNASKED] = ALERT_UNSUPPORTED_EXTENSION,
        [WEIR_DTLS_VERIFY_REQUEST] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_CERT_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_CERT_EMPTY] = ALERT_HANDSHAKE_FAILURE,
        [WEIR_DTLS_CERT_UNREADABLE] = ALERT_UNSUPPORTED_CERTIFICATE,
        [WEIR_DTLS_CERT_KEY] = ALERT_UNSUPPORTED_CERTIFICATE,
        [WEIR_DTLS_CERT_FINGERPRINT] = ALERT_BAD_CERTIFICATE,
        [WEIR_DTLS_KEY_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_KEY_GROUP] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_KEY_SCHEME] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_KEY_SIGNATURE] = ALERT_DECRYPT_ERROR,
        [WEIR_DTLS_KEY_SHARE] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_REQUEST_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_REQUEST_SCHEME] = ALERT_HANDSHAKE_FAILURE,
        [WEIR_DTLS_DONE_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED] = ALERT_DECODE_ERROR,
        [WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME] = ALERT_ILLEGAL_PARAMETER,
        [WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE] = ALERT_DECRYPT_ERROR,
        [WEIR_DTLS_FINISHED] = ALERT_DECRYPT_ERROR,
    };
    return alert[v] != 0 ? alert[v] : ALERT_INTERNAL_ERROR;
}

/* Say this with the next datagram, in place of what waits. */
static void owe(struct weir_dtls *d, enum alert level, uint8_t description)
{
    d->alert.level = (uint8_t)level;
    d->alert.description = description;
}

/* -- Ends -------------------------------------------------------------------------------------- */

/* No timer, no flight and no handshake are left of a connection that is over; the block goes when the verb
 * ends, or when what was written has left. */
static void stop(struct weir_dtls *d, weir_time now, enum weir_dtls_state state)
{
    weir_dtls_await_nothing(d);
    d->lease_at = WEIR_NEVER;
    if (has_block(d)) {
        hs_of(d)->held_bytes = 0;
        weir_wipe(exchange_of(d), sizeof(struct weir_dtls_exchange));
        weir_wipe(&hs_of(d)->plan, sizeof hs_of(d)->plan);
    }
    if (d->state == WEIR_DTLS_NEW) {
        weir_wipe(&d->tx, sizeof d->tx); /* the plan */
    }
    weir_wipe(d->secret, sizeof d->secret);
    weir_wipe(d->rx_secret, sizeof d->rx_secret);
    weir_wipe(d->tx_secret, sizeof d->tx_secret);
    weir_wipe(&d->rx, sizeof d->rx);
    d->has_secret = 0;
    weir_dtls13_old_drop_rx(d);
    weir_dtls13_session_stop(d);
    weir_dtls13_update_stop(d);
    weir_dtls_ack_reset(d);
    weir_dtls_cid_stop(d);
    weir_dtls_rrc_stop(d);
    weir_dtls_set_state(d, now, state);
    weir_dtls_wipe_sender(d);
}

/* Nothing will be said any more: with what, then. What else there is goes with the block. */
void weir_dtls_wipe_sender(struct weir_dtls *d)
{
    bool is_over = d->state == WEIR_DTLS_FAILED || d->state == WEIR_DTLS_CLOSED;
    if (!is_over || d->alert.level != 0 || weir_dtls_flight_is_pending(d)) {
        return;
    }
    weir_wipe(&d->tx, sizeof d->tx);
    weir_dtls13_old_drop_tx(d);
    weir_wipe(&d->rand, sizeof d->rand);
}

void weir_dtls_fail(struct weir_dtls *d, weir_time now, enum weir_dtls_reason reason,
                    enum weir_dtls_verdict v, uint8_t alert)
{
    if (d->state == WEIR_DTLS_FAILED || d->state == WEIR_DTLS_CLOSED) {
        return;
    }
    weir_dtls_owe_not(d, WEIR_DTLS_EVENT_CONNECTED);
    weir_dtls_owe(d, WEIR_DTLS_EVENT_FAILED);
    d->reason = reason;
    d->fail_verdict = v;
    d->fail_alert = alert;
    d->alert.level = 0;
    if (reason != WEIR_DTLS_REASON_ALERT) {
        owe(d, ALERT_FATAL, alert);
    }
    weir_dtls_flight_begin(d, false); /* nothing of the old one leaves any more */
    stop(d, now, WEIR_DTLS_FAILED);
}

static void say_close(struct weir_dtls *d)
{
    d->alert.level = 0;
    if (d->tx_epoch != 0) {
        owe(d, ALERT_WARNING, ALERT_CLOSE_NOTIFY);
    }
}

void weir_dtls_end(struct weir_dtls *d, weir_time now)
{
    if (d->state == WEIR_DTLS_FAILED || d->state == WEIR_DTLS_CLOSED) {
        return;
    }
    weir_dtls_owe_not(d, WEIR_DTLS_EVENT_CONNECTED);
    if (d->step != STEP_DONE) {
        weir_dtls_flight_begin(d, false);
    }
    if (has_block(d)) {
        hs_of(d)->flight.is_timed = false; /* what is written of it still leaves, once */
        hs_of(d)->flight.resend_at = WEIR_NEVER;
    }
    say_close(d);
    stop(d, now, WEIR_DTLS_CLOSED);
}

/* -- Theirs ------------------------------------------------------------------------------------ */

enum weir_dtls_verdict weir_dtls_alert_recv(struct weir_dtls *d, weir_time now,
                                            const struct dtls_record *r)
{
    bool is_plain = r->epoch == 0 && !r->is_unified;
    if (r->body.n != 2 || (r->body.p[0] != ALERT_WARNING && r->body.p[0] != ALERT_FATAL)) {
        enum weir_dtls_verdict v = WEIR_DTLS_ALERT_MALFORMED;
        if (!is_plain) { /* the peer's own [RFC 8446 6 MUST, RFC 5246 7.2.2 MUST] */
            weir_dtls_fail(d, now, WEIR_DTLS_REASON_MESSAGE, v, weir_dtls_alert_of(v));
        }
        return v;
    }
    uint8_t level = r->body.p[0];
    uint8_t description = r->body.p[1];
    if (is_plain) {
        d->alert.has_plain = true;
        d->alert.plain = description;
        /* [RFC 9147 5.1] What a server says of a cookie that it takes no more. */
        bool is_second = d->config.is_client && d->step == STEP_CLIENT_WAIT_SERVER_HELLO
                         && exchange_of(d)->has_retry;
        if (is_second && exchange_of(d)->cookie_bytes != 0 && description == ALERT_ILLEGAL_PARAMETER) {
            exchange_of(d)->is_cookie_refused = true;
        }
        return WEIR_DTLS_ALERT_PLAIN;
    }
    if (description == ALERT_CLOSE_NOTIFY) {
        /* [RFC 5246 7.2.1 MUST] answer with our own, and discard what was to be sent. */
        weir_dtls_end(d, now);
        weir_dtls_owe(d, WEIR_DTLS_EVENT_CLOSED);
    } else if (level == ALERT_FATAL
               || (d->version == VERSION_1_3 && description != ALERT_USER_CANCELED)) {
        /* [RFC 8446 6 MUST] With 1.3 the level means nothing: what is no farewell is fatal. */
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_ALERT, WEIR_DTLS_OK, description);
    }
    return WEIR_DTLS_OK;
}

/* -- Ours -------------------------------------------------------------------------------------- */

/* Why a hello was refused, for a peer of whom ICE has proven that it is there: once. [RFC 9147 5.1 MUST]
 * For a cookie that is not good always: the client may then begin anew. It is shorter than any hello. */
void weir_dtls_alert_refused_hello(struct weir_dtls *d, enum weir_dtls_verdict v)
{
    bool is_due = v == WEIR_DTLS_HELLO_STALE || (plan_of(d)->is_path_valid && !d->alert.has_told);
    if (is_due && v != WEIR_DTLS_HELLO_BUSY && d->alert.level == 0) {
        /* [RFC 8446 4.1.1 MUST] nothing in common is no mistake of the client's */
        bool is_mistake = v != WEIR_DTLS_HELLO_SUITE && v != WEIR_DTLS_HELLO_GROUP;
        owe(d, ALERT_FATAL, is_mistake ? weir_dtls_alert_of(v) : ALERT_HANDSHAKE_FAILURE);
        d->alert.has_told = true;
    }
}

/* [RFC 5246 7.2.2] Renegotiation is refused with a warning, and the connection goes on. */
void weir_dtls_alert_renegotiation(struct weir_dtls *d)
{
    if (d->alert.level == 0) {
        owe(d, ALERT_WARNING, ALERT_NO_RENEGOTIATION);
    }
}

size_t weir_dtls_alert_send(struct weir_dtls *d, struct weir_mspan out)
{
    size_t head = weir_dtls_record_head(d, d->tx_epoch);
    if (d->alert.level == 0 || out.n < weir_dtls_record_overhead(d, d->tx_epoch) + 2) {
        return 0;
    }
    out.p[head] = d->alert.level;
    out.p[head + 1] = d->alert.description;
    d->alert.level = 0;
    size_t n = weir_dtls_record_seal(d, d->tx_epoch, CONTENT_ALERT, VERSION_1_2, out.p, 2);
    weir_dtls_wipe_sender(d);
    return n;
}
