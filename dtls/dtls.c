/* The five verbs, and what stands around a handshake.
 *
 *  recv   1. take one record off the datagram, check its header
 *         2. without protection: handshake and ChangeCipherSpec go on, alerts are noted
 *         3. under protection: held if its keys are not there yet, else opened and handled
 *         4. then the held record gets its turn, if the one before made it readable
 *  tick   gives up, or sends the flight again
 *  send   the flight, then an alert
 *  event  connected, closed, failed: each at most once
 */
#include "dtls/dtls_int.h"

/* -- Beginning and end ------------------------------------------------------------------------- */

static const weir_duration rto_least = 50 * WEIR_MS;

static bool profile_is_known(uint16_t p)
{
    return p == WEIR_DTLS_SRTP_AES128_CM_SHA1_80 || p == WEIR_DTLS_SRTP_AEAD_AES_128_GCM
           || p == WEIR_DTLS_SRTP_AEAD_AES_256_GCM;
}

/* Copy what may be used of a list of profiles and of fingerprints. */
static void keep_profiles(struct weir_dtls_config *c, const struct weir_dtls_config *given)
{
    c->srtp_profiles = 0;
    for (unsigned i = 0; i < given->srtp_profiles && i < WEIR_DTLS_SRTP_PROFILES_MAX; i++) {
        if (profile_is_known(given->srtp_profile[i])) {
            c->srtp_profile[c->srtp_profiles++] = given->srtp_profile[i];
        }
    }
}

static void keep_fingerprints(struct weir_dtls_config *c, const struct weir_dtls_fingerprint *list,
                              size_t count)
{
    c->fingerprints = 0;
    for (size_t i = 0; i < count && i < WEIR_DTLS_FINGERPRINTS_MAX; i++) {
        if (weir_dtls_fingerprint_is_strong(&list[i])) {
            c->fingerprint[c->fingerprints++] = list[i];
        }
    }
}

static void keep_config(struct weir_dtls_config *c, const struct weir_dtls_config *given)
{
    *c = *given;
    keep_profiles(c, given);
    keep_fingerprints(c, given->fingerprint, given->fingerprints);
    c->mtu = c->mtu == 0 ? WEIR_DTLS_MTU_DEFAULT : c->mtu;
    c->mtu = c->mtu < WEIR_DTLS_MTU_MIN ? WEIR_DTLS_MTU_MIN : c->mtu;
    c->rto = c->rto == 0 ? rto_least : c->rto;
    c->rto_max = c->rto_max == 0 ? 3 * WEIR_SEC : c->rto_max;
    c->rto_max = c->rto_max < c->rto ? c->rto : c->rto_max;
    c->give_up = c->give_up == 0 ? 30 * WEIR_SEC : c->give_up;
    if (c->address_bytes > sizeof c->address) {
        c->address_bytes = sizeof c->address;
    }
    weir_wipe(c->seed, sizeof c->seed);
}

void weir_dtls_init(struct weir_dtls *d, const struct weir_dtls_config *config, weir_time now)
{
    (void)now;
    memset(d, 0, sizeof *d);
    weir_rand_init(&d->rand, config->seed);
    keep_config(&d->config, config);
    /* [RFC 5246 7.4.1.2 DEVIATION] All 32 bytes are random: the clock is nobody's business. */
    weir_rand_bytes(&d->rand, config->is_client ? d->client_random : d->server_random, 32);
    d->step = config->is_client ? STEP_IDLE : STEP_SERVER_HELLO;
    d->give_up_at = WEIR_NEVER;
    weir_dtls_flight_begin(d, false);
    weir_dtls_transcript_begin(d);
}

void weir_dtls_deinit(struct weir_dtls *d)
{
    weir_wipe(d, sizeof *d);
    d->state = WEIR_DTLS_CLOSED;
    d->give_up_at = WEIR_NEVER;
    d->flight.resend_at = WEIR_NEVER;
}

enum weir_status weir_dtls_start(struct weir_dtls *d, weir_time now)
{
    if (!d->config.is_client) {
        return WEIR_OK;
    }
    if (d->step != STEP_IDLE || d->state != WEIR_DTLS_NEW) {
        return WEIR_ERR_STATE;
    }
    weir_dtls_begin(d, now);
    weir_dtls_set_step(d, now, STEP_CLIENT_HELLO);
    return weir_dtls12_client_hello(d, now) ? WEIR_OK : WEIR_ERR_SIZE;
}

void weir_dtls_set_state(struct weir_dtls *d, weir_time now, enum weir_dtls_state next)
{
    weir_trace(d->config.trace, now, WEIR_TRACE_DTLS, WEIR_TRACE_STATE, d->config.conn,
               (uint32_t)d->state, (uint32_t)next, (uint32_t)d->reason);
    d->state = next;
}

void weir_dtls_set_step(struct weir_dtls *d, weir_time now, enum dtls_step next)
{
    weir_trace(d->config.trace, now, WEIR_TRACE_DTLS, WEIR_TRACE_NOTE, d->config.conn, 0,
               (uint32_t)d->step, (uint32_t)next);
    d->step = (uint8_t)next;
}

/* -- recv -------------------------------------------------------------------------------------- */

static enum weir_dtls_verdict plain_recv(struct weir_dtls *d, weir_time now,
                                         const struct dtls_record *r)
{
    switch ((enum content_type)r->type) {
    case CONTENT_CCS:
        return weir_dtls_ccs_recv(d, r);
    case CONTENT_ALERT:
        return weir_dtls_alert_recv(d, now, r);
    case CONTENT_HANDSHAKE:
        return weir_dtls_handshake_recv(d, now, r);
    case CONTENT_DATA:
        break;
    }
    return WEIR_DTLS_DATA_PLAIN;
}

/* A record of epoch 1 can be read once its keys are in force. Application data waits for the end of
 * the handshake besides: until then nobody has shown to own the keys [RFC 6347 4.2.4 MUST]. */
static bool is_readable(const struct weir_dtls *d, uint8_t type)
{
    return d->rx_epoch == 1 && d->rx.is_ready && (type != CONTENT_DATA || d->step == STEP_DONE);
}

/* Keep one record for when it can be read; what is of the handshake is dearer than data. */
static void hold(struct weir_dtls *d, const struct dtls_record *r)
{
    size_t n = RECORD_HEADER_BYTES + r->body.n;
    bool is_free = d->held_bytes == 0
                   || (d->held[0] == CONTENT_DATA && r->type == CONTENT_HANDSHAKE);
    if (d->state == WEIR_DTLS_HANDSHAKE && is_free && n <= sizeof d->held) {
        memcpy(d->held, r->body.p - RECORD_HEADER_BYTES, n);
        d->held_bytes = (uint16_t)n;
    }
}

static enum weir_dtls_verdict opened_recv(struct weir_dtls *d, weir_time now,
                                          const struct dtls_record *r, struct weir_span *plain)
{
    switch ((enum content_type)r->type) {
    case CONTENT_CCS:
        return weir_dtls_ccs_recv(d, r);
    case CONTENT_ALERT:
        return weir_dtls_alert_recv(d, now, r);
    case CONTENT_HANDSHAKE:
        return weir_dtls_handshake_recv(d, now, r);
    case CONTENT_DATA:
        break;
    }
    if (d->state != WEIR_DTLS_CONNECTED) {
        return WEIR_DTLS_DATA_EARLY;
    }
    *plain = weir_span_const(r->body);
    return WEIR_DTLS_OK;
}

static enum weir_dtls_verdict protected_recv(struct weir_dtls *d, weir_time now,
                                             struct dtls_record *r, struct weir_span *plain)
{
    if (!is_readable(d, r->type)) {
        hold(d, r);
        return WEIR_DTLS_RECORD_EARLY;
    }
    enum weir_dtls_verdict v = weir_dtls_record_open(d, r);
    if (v == WEIR_DTLS_RECORD_FORGED && ++d->forgeries >= FORGERIES_MAX) {
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_FORGERIES, v, weir_dtls_alert_of(v));
    }
    return v == WEIR_DTLS_OK ? opened_recv(d, now, r, plain) : v;
}

static enum weir_dtls_verdict record_recv(struct weir_dtls *d, weir_time now,
                                          struct weir_mspan *datagram, struct weir_span *plain)
{
    struct dtls_record r;
    enum weir_dtls_verdict v = weir_dtls_record_take(datagram, &r);
    if (v == WEIR_DTLS_OK) {
        d->rx_records++;
        v = weir_dtls_record_check(&r);
    }
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    return r.epoch == 0 ? plain_recv(d, now, &r) : protected_recv(d, now, &r, plain);
}

static void note(struct weir_dtls *d, weir_time now, enum weir_dtls_verdict v, size_t bytes,
                 uint32_t first)
{
    d->verdicts[v]++;
    if (v != WEIR_DTLS_OK) {
        weir_trace(d->config.trace, now, WEIR_TRACE_DTLS, WEIR_TRACE_VERDICT, d->config.conn,
                   (uint32_t)v, (uint32_t)bytes, first);
    }
}

/* The record that waited: readable now, and nothing else to deliver in this call. */
static void held_recv(struct weir_dtls *d, weir_time now, struct weir_span *plain)
{
    if (d->held_bytes == 0 || plain->n != 0 || !is_readable(d, d->held[0])) {
        return;
    }
    struct weir_mspan held = { d->held, d->held_bytes };
    d->held_bytes = 0;
    note(d, now, record_recv(d, now, &held, plain), 0, 0);
}

enum weir_dtls_verdict weir_dtls_recv(struct weir_dtls *d, weir_time now,
                                      struct weir_mspan *datagram, struct weir_span *plain)
{
    enum weir_dtls_verdict v = WEIR_DTLS_OVER;
    size_t bytes = datagram->n;
    uint32_t first = bytes >= 4 ? weir_be32(datagram->p) : 0;
    *plain = weir_span_of(NULL, 0);
    if (d->step == STEP_IDLE || d->state == WEIR_DTLS_CLOSED || d->state == WEIR_DTLS_FAILED) {
        datagram->n = 0;
    } else {
        v = record_recv(d, now, datagram, plain);
        held_recv(d, now, plain);
    }
    note(d, now, v, bytes, first);
    return v;
}

/* -- tick, send, event, deadline --------------------------------------------------------------- */

/* Timers:
 *   flight.resend_at  armed when all of a flight that wants an answer is sent; sends it again, with
 *                     doubled time [RFC 6347 4.2.4.1]
 *   give_up_at        armed with the first flight, until the handshake is done; ends it */
void weir_dtls_tick(struct weir_dtls *d, weir_time now)
{
    if (now >= d->give_up_at) {
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_TIMEOUT, WEIR_DTLS_OK, ALERT_HANDSHAKE_FAILURE);
    }
    if (now >= d->flight.resend_at) {
        weir_dtls_flight_resend(d, now);
    }
}

size_t weir_dtls_send(struct weir_dtls *d, weir_time now, struct weir_mspan out)
{
    if (weir_dtls_flight_is_pending(&d->flight)) {
        return weir_dtls_flight_send(d, now, out);
    }
    return weir_dtls_alert_send(d, out);
}

bool weir_dtls_event(struct weir_dtls *d, struct weir_dtls_event *event)
{
    memset(event, 0, sizeof *event);
    if (d->owes_connected) {
        d->owes_connected = false;
        event->type = WEIR_DTLS_EVENT_CONNECTED;
    } else if (d->owes_closed) {
        d->owes_closed = false;
        event->type = WEIR_DTLS_EVENT_CLOSED;
    } else if (d->owes_failed) {
        d->owes_failed = false;
        event->type = WEIR_DTLS_EVENT_FAILED;
        event->reason = d->reason;
        event->verdict = d->fail_verdict;
        event->alert = d->fail_alert;
    }
    return event->type != WEIR_DTLS_EVENT_NONE;
}

weir_time weir_dtls_deadline(const struct weir_dtls *d)
{
    return weir_time_min(d->flight.resend_at, d->give_up_at);
}

/* -- Application data -------------------------------------------------------------------------- */

size_t weir_dtls_head_bytes(const struct weir_dtls *d)
{
    return weir_dtls_record_head(d, 1);
}

size_t weir_dtls_overhead(const struct weir_dtls *d)
{
    return weir_dtls_record_overhead(d, 1);
}

size_t weir_dtls_seal(struct weir_dtls *d, struct weir_mspan buf, size_t plain_at, size_t plain_len)
{
    enum { RESERVED_NUMBERS = 16 }; /* for the alert that says good-bye, and a repeated flight */
    size_t head = weir_dtls_head_bytes(d);
    if (d->state != WEIR_DTLS_CONNECTED || plain_at < head || plain_at > buf.n
        || plain_len > WEIR_DTLS_PLAIN_MAX || plain_len > buf.n - plain_at
        || WEIR_TAG_BYTES > buf.n - plain_at - plain_len
        || d->tx_seq[1] >= SEQUENCE_END - RESERVED_NUMBERS) {
        return 0;
    }
    return weir_dtls_record_seal(d, 1, CONTENT_DATA, VERSION_1_2, buf.p + plain_at - head,
                                 plain_len);
}

/* -- Fingerprints, keys, timing ---------------------------------------------------------------- */

enum weir_status weir_dtls_set_fingerprints(struct weir_dtls *d, weir_time now,
                                            const struct weir_dtls_fingerprint *list, size_t count)
{
    size_t strong = 0;
    if (d->state == WEIR_DTLS_CLOSED || d->state == WEIR_DTLS_FAILED) {
        return WEIR_ERR_STATE;
    }
    for (size_t i = 0; i < count && i < WEIR_DTLS_FINGERPRINTS_MAX; i++) {
        strong += weir_dtls_fingerprint_is_strong(&list[i]) ? 1 : 0;
    }
    if (count > WEIR_DTLS_FINGERPRINTS_MAX || strong == 0) {
        return WEIR_ERR_ARG;
    }
    keep_fingerprints(&d->config, list, count);
    if (d->has_peer_cert && !weir_dtls_fingerprint_matches(d)) {
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_FINGERPRINT, WEIR_DTLS_CERT_FINGERPRINT,
                       weir_dtls_alert_of(WEIR_DTLS_CERT_FINGERPRINT));
    } else if (d->state == WEIR_DTLS_UNVERIFIED) {
        d->owes_connected = true;
        weir_dtls_set_state(d, now, WEIR_DTLS_CONNECTED);
    }
    return WEIR_OK;
}

enum weir_status weir_dtls_export(const struct weir_dtls *d, const char *label,
                                  struct weir_mspan out)
{
    if (d->state != WEIR_DTLS_CONNECTED || !d->has_master) {
        return WEIR_ERR_STATE;
    }
    weir_dtls12_export(d, label, out);
    return WEIR_OK;
}

bool weir_dtls_keylog(const struct weir_dtls *d, uint8_t client_random[32],
                      uint8_t master_secret[48])
{
    if (!d->config.has_keylog || !d->has_master) {
        return false;
    }
    memcpy(client_random, d->client_random, sizeof d->client_random);
    memcpy(master_secret, d->master, sizeof d->master);
    return true;
}

void weir_dtls_set_rtt_hint(struct weir_dtls *d, weir_duration rtt)
{
    weir_duration rto = rtt > WEIR_NEVER / 2 ? d->config.rto_max : 2 * rtt;
    rto = rto < rto_least ? rto_least : rto;
    d->config.rto = rto > d->config.rto_max ? d->config.rto_max : rto;
    if (d->flight.resends == 0) {
        d->flight.rto = d->config.rto;
    }
}

bool weir_dtls_peer_digest(const struct weir_dtls *d, uint8_t sha256[32])
{
    if (!d->has_peer_cert) {
        return false;
    }
    memcpy(sha256, d->peer_sha256, sizeof d->peer_sha256);
    return true;
}

/* -- Inspection ------------------------------------------------------------------------------- */

enum weir_dtls_state weir_dtls_state(const struct weir_dtls *d)
{
    return d->state;
}

enum weir_dtls_srtp_profile weir_dtls_srtp(const struct weir_dtls *d)
{
    bool is_done = d->state == WEIR_DTLS_CONNECTED;
    return is_done ? (enum weir_dtls_srtp_profile)d->srtp_profile : WEIR_DTLS_SRTP_NONE;
}
