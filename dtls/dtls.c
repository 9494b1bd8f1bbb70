/* The five verbs, and what stands around a handshake.
 *
 *  recv   1. take one record off the datagram, check its header
 *         2. without protection: handshake and ChangeCipherSpec go on, alerts and ACKs are noted
 *         3. under protection: held if its keys are not there yet, else opened and handled; the path that
 *            it came by may be a new one
 *         4. with 1.3, what was taken of a handshake is to be acknowledged
 *         5. then the held record gets its turn, if the one before made it readable
 *  tick   gives up, or sends the flight again, or lets an ACK or a path challenge go
 *  send   path challenges and answers, an ACK, the flight, then an alert
 *  event  connected, a session, closed, failed: each at most once; a path, as often as it changes
 */
#include "dtls/dtls_int.h"

/* -- Beginning and end ------------------------------------------------------------------------- */

static const weir_duration rto_least = 50 * WEIR_MS;

/* Shares of hellos that came to nothing: so many at once, and one more each second, so that nobody on
 * the way keeps the true client out for good. */
enum { SHARES_WASTED_MAX = 4 };
#define SHARE_WASTED_EACH WEIR_SEC

static bool profile_is_known(uint16_t p)
{
    return p == WEIR_DTLS_SRTP_AES128_CM_SHA1_80 || p == WEIR_DTLS_SRTP_AEAD_AES_128_GCM
           || p == WEIR_DTLS_SRTP_AEAD_AES_256_GCM;
}

/* Copy what may be used of a list of profiles and of fingerprints; all profiles when the list is empty. */
static void keep_profiles(struct weir_dtls_config *c, const struct weir_dtls_config *given)
{
    static const uint16_t ours[] = { WEIR_DTLS_SRTP_AEAD_AES_128_GCM, WEIR_DTLS_SRTP_AEAD_AES_256_GCM,
                                     WEIR_DTLS_SRTP_AES128_CM_SHA1_80 };
    c->srtp_profiles = 0;
    for (unsigned i = 0; i < given->srtp_profiles && i < WEIR_DTLS_SRTP_PROFILES_MAX; i++) {
        if (profile_is_known(given->srtp_profile[i])) {
            c->srtp_profile[c->srtp_profiles++] = given->srtp_profile[i];
        }
    }
    if (given->srtp_profiles == 0) {
        c->srtp_profiles = sizeof ours / sizeof ours[0];
        memcpy(c->srtp_profile, ours, sizeof ours);
    }
}

static void keep_fingerprints(struct weir_dtls_plan *plan, const struct weir_dtls_fingerprint *list,
                              size_t count)
{
    plan->fingerprints = 0;
    for (size_t i = 0; i < count && i < WEIR_DTLS_FINGERPRINTS_MAX; i++) {
        if (weir_dtls_fingerprint_is_strong(&list[i])) {
            plan->fingerprint[plan->fingerprints++] = list[i];
        }
    }
}

/* A version without a suite is none. */
static void keep_versions(struct weir_dtls_config *c)
{
    bool has_old = false, has_new = false;
    for (unsigned i = 0; i < c->suites; i++) {
        bool is_new = weir_dtls13_suite(c->suite[i]) != NULL;
        has_new |= is_new;
        has_old |= !is_new;
    }
    c->version_max = has_new ? c->version_max : WEIR_DTLS_1_2;
    c->version_min = has_old ? c->version_min : WEIR_DTLS_1_3;
}

static void keep_config(struct weir_dtls_config *c, const struct weir_dtls_config *given)
{
    *c = *given;
    keep_profiles(c, given);
    weir_dtls_keep_groups(c, given);
    weir_dtls_keep_suites(c, given);
    weir_dtls_keep_cid(c);
    c->tickets = c->tickets > WEIR_DTLS_TICKETS_ALL ? WEIR_DTLS_TICKETS_OFF : c->tickets;
    if (c->ticket_keys > WEIR_DTLS_TICKET_KEYS_MAX) {
        c->ticket_keys = WEIR_DTLS_TICKET_KEYS_MAX;
    }
    c->version_min = c->version_min == WEIR_DTLS_1_3 ? WEIR_DTLS_1_3 : WEIR_DTLS_1_2;
    c->version_max = c->version_max == WEIR_DTLS_1_2 ? c->version_min : WEIR_DTLS_1_3;
    keep_versions(c);
    c->mtu = c->mtu == 0 ? WEIR_DTLS_MTU_DEFAULT : c->mtu;
    c->mtu = c->mtu < WEIR_DTLS_MTU_MIN ? WEIR_DTLS_MTU_MIN : c->mtu;
    c->rto = c->rto == 0 ? rto_least : c->rto;
    c->rto_max = c->rto_max == 0 ? 3 * WEIR_SEC : c->rto_max;
    c->rto_max = c->rto_max < c->rto ? c->rto : c->rto_max;
    c->give_up = c->give_up == 0 ? 30 * WEIR_SEC : c->give_up;
    if (c->address_bytes > sizeof c->address) {
        c->address_bytes = sizeof c->address;
    }
}

static void keep_settings(struct weir_dtls_settings *s, const struct weir_dtls_config *c)
{
    *s = (struct weir_dtls_settings){
        .crypto = c->crypto, .identity = c->identity, .handshakes = c->handshakes, .trace = c->trace,
        .conn = c->conn, .is_client = c->is_client, .has_keylog = c->has_keylog, .has_cid = c->has_cid,
        .version_min = c->version_min, .version_max = c->version_max, .rrc = c->rrc,
        .cid_bytes = c->cid_bytes, .mtu = c->mtu, .rto = c->rto, .rto_max = c->rto_max,
        .give_up = c->give_up, .utc_s = c->utc_s,
    };
    memcpy(s->cid, c->cid, sizeof s->cid);
}

static void keep_plan(struct weir_dtls_plan *p, const struct weir_dtls_config *c)
{
    *p = (struct weir_dtls_plan){
        .keys = c->keys, .work = c->work, .groups = c->groups, .suites = c->suites,
        .requires_cookie = c->requires_cookie, .is_path_valid = c->is_path_valid, .tickets = c->tickets,
        .ticket_keys = c->ticket_keys, .srtp_profiles = c->srtp_profiles,
        .address_bytes = c->address_bytes,
    };
    memcpy(p->group, c->group, sizeof p->group);
    memcpy(p->suite, c->suite, sizeof p->suite);
    memcpy(p->srtp_profile, c->srtp_profile, sizeof p->srtp_profile);
    memcpy(p->address, c->address, sizeof p->address);
    memcpy(p->cookie_secret, c->cookie_secret, sizeof p->cookie_secret);
    memcpy(p->ticket_key, c->ticket_key, sizeof p->ticket_key);
    keep_fingerprints(p, c->fingerprint, c->fingerprints);
}

void weir_dtls_init(struct weir_dtls *d, const struct weir_dtls_config *config, weir_time now)
{
    struct weir_dtls_config c;
    memset(d, 0, sizeof *d);
    d->begun_at = now;
    d->block = WEIR_NO_BLOCK;
    d->lease_at = WEIR_NEVER;
    weir_rand_init(&d->rand, config->seed);
    keep_config(&c, config);
    keep_settings(&d->config, &c);
    keep_plan(&d->plan, &c);
    weir_wipe(&c, sizeof c);
    if (config->is_client && config->session != NULL) {
        weir_dtls13_session_init(d, now, config->session);
    }
    /* [RFC 5246 7.4.1.2 DEVIATION] All 32 bytes are random: the clock is nobody's business. */
    weir_rand_bytes(&d->rand, config->is_client ? d->client_random : d->server_random, 32);
    d->step = config->is_client ? STEP_START : STEP_SERVER_WAIT_CLIENT_HELLO;
    weir_dtls_await_nothing(d);
    weir_dtls13_old_drop_rx(d);
    d->work = weir_budget_of(SHARES_WASTED_MAX, SHARE_WASTED_EACH);
    weir_dtls_rrc_stop(d);
}

void weir_dtls_deinit(struct weir_dtls *d)
{
    weir_dtls_put_block(d);
    weir_wipe(d, sizeof *d);
    d->block = WEIR_NO_BLOCK;
    d->lease_at = WEIR_NEVER;
    d->state = WEIR_DTLS_CLOSED;
    weir_dtls_await_nothing(d);
    weir_dtls13_old_drop_rx(d);
    weir_dtls_rrc_stop(d);
}

void weir_dtls_close(struct weir_dtls *d, weir_time now)
{
    weir_dtls_end(d, now);
    weir_dtls_settle(d);
}

enum weir_status weir_dtls_start(struct weir_dtls *d, weir_time now)
{
    if (!d->config.is_client) {
        return WEIR_OK;
    }
    if (d->step != STEP_START || d->state != WEIR_DTLS_NEW) {
        return WEIR_ERR_STATE;
    }
    if (!weir_dtls_lease(d, now)) {
        d->lease_at = weir_time_add(now, d->config.rto);
        d->give_up_at = weir_time_min(d->give_up_at, weir_time_add(now, d->config.give_up));
        return WEIR_ERR_FULL;
    }
    bool is_begun = weir_dtls_handshake_start(d, now) == WEIR_DTLS_OK;
    weir_dtls_settle(d);
    return is_begun ? WEIR_OK : WEIR_ERR_CRYPTO;
}

void weir_dtls_set_state(struct weir_dtls *d, weir_time now, enum weir_dtls_state next)
{
    weir_trace(d->config.trace, now, WEIR_TRACE_DTLS, WEIR_TRACE_STATE, d->config.conn,
               (uint32_t)d->state, (uint32_t)next, (uint32_t)d->reason);
    d->state = next;
}

/* -- recv -------------------------------------------------------------------------------------- */

static enum weir_dtls_verdict handshake_recv(struct weir_dtls *d, weir_time now,
                                             const struct dtls_record *r)
{
    bool is_kept, was_done = d->step == STEP_DONE;
    enum weir_dtls_verdict v = weir_dtls_handshake_recv(d, now, r, &is_kept);
    bool is_over = d->state == WEIR_DTLS_FAILED || d->state == WEIR_DTLS_CLOSED;
    /* Of what comes without protection only a ServerHello counts: it led to keys. */
    bool is_theirs =
        r->epoch != 0
        || (d->config.is_client && v == WEIR_DTLS_OK && d->step == STEP_CLIENT13_WAIT_ENCRYPTED_EXTENSIONS);
    if (d->version == VERSION_1_3 && is_kept && is_theirs && !is_over) {
        weir_dtls_ack_handled(d, now, r, was_done);
    }
    if (d->version == 0 && v == WEIR_DTLS_OK && !is_over && has_block(d)
        && hs_of(d)->reassembly.used != 0 && weir_dtls_offers(d, WEIR_DTLS_1_3)) {
        weir_dtls_ack_piece(d, now, r);
    }
    return v;
}

static enum weir_dtls_verdict plain_recv(struct weir_dtls *d, weir_time now,
                                         const struct dtls_record *r)
{
    switch ((enum content_type)r->type) {
    case CONTENT_CHANGE_CIPHER_SPEC:
        return weir_dtls_ccs_recv(d, now, r);
    case CONTENT_ALERT:
        return weir_dtls_alert_recv(d, now, r);
    case CONTENT_HANDSHAKE:
        return handshake_recv(d, now, r);
    case CONTENT_ACK:
        return weir_dtls_ack_recv(d, now, r);
    case CONTENT_TLS12_CID:
    case CONTENT_RETURN_ROUTABILITY_CHECK:
    case CONTENT_APPLICATION_DATA:
        break;
    }
    return WEIR_DTLS_DATA_PLAIN;
}

/* A record can be read once its keys are in force. With 1.2 application data waits for the end of the
 * handshake besides: until then nobody has shown to own the keys [RFC 6347 4.2.4 MUST]. With 1.3 the
 * keys of the application data come into force no earlier. */
static bool is_readable(const struct weir_dtls *d, const struct dtls_record *r)
{
    if (r->is_unified) {
        return weir_dtls13_record_is_readable(d, r);
    }
    return d->rx_epoch == 1 && d->rx.is_ready
           && (r->type != CONTENT_APPLICATION_DATA || d->step == STEP_DONE);
}

/* Does this record tell more of the handshake than that one? */
static bool is_dearer(const struct dtls_record *r, uint8_t held)
{
    if (r->is_unified) {
        return (held & 3) == EPOCH_APPLICATION && r->epoch == EPOCH_HANDSHAKE;
    }
    return held == CONTENT_APPLICATION_DATA && r->type == CONTENT_HANDSHAKE;
}

/* Keep one record for when it can be read; what is of the handshake is dearer than data. */
static void hold(struct weir_dtls *d, const struct dtls_record *r)
{
    size_t n = r->head + r->body.n;
    if (d->state != WEIR_DTLS_HANDSHAKE) {
        return;
    }
    struct weir_dtls_handshake *h = hs_of(d);
    if ((h->held_bytes == 0 || is_dearer(r, h->held[0])) && n <= sizeof h->held) {
        memcpy(h->held, r->body.p - r->head, n);
        h->held_bytes = (uint16_t)n;
    }
}

static enum weir_dtls_verdict opened_recv(struct weir_dtls *d, weir_time now,
                                          const struct dtls_record *r, struct weir_span *plain)
{
    switch ((enum content_type)r->type) {
    case CONTENT_CHANGE_CIPHER_SPEC:
        return weir_dtls_ccs_recv(d, now, r);
    case CONTENT_ALERT:
        return weir_dtls_alert_recv(d, now, r);
    case CONTENT_HANDSHAKE:
        return handshake_recv(d, now, r);
    case CONTENT_ACK:
        return weir_dtls_ack_recv(d, now, r);
    case CONTENT_TLS12_CID:
    case CONTENT_RETURN_ROUTABILITY_CHECK:
    case CONTENT_APPLICATION_DATA:
        break;
    }
    /* [RFC 9147 6.1] With 1.3 data has its own epochs, even when the handshake's keys would do. */
    if (d->state != WEIR_DTLS_CONNECTED || (r->is_unified && r->epoch < EPOCH_APPLICATION)) {
        return WEIR_DTLS_DATA_EARLY;
    }
    if (r->type == CONTENT_RETURN_ROUTABILITY_CHECK) {
        return weir_dtls_rrc_recv(d, now, r);
    }
    *plain = weir_span_const(r->body);
    return WEIR_DTLS_OK;
}

/* [RFC 9147 4.5.3 SHOULD] Each key bears so many wrong tags. At half of them 1.3 renews it; old keys
 * end. */
static void forged(struct weir_dtls *d, weir_time now, struct weir_dtls_keys *k)
{
    enum weir_dtls_verdict v = WEIR_DTLS_RECORD_FORGED;
    k->forgeries++;
    if (k == &d->rx && k->forgeries == FORGERIES_MAX / 2) {
        (void)!weir_dtls_update_keys(d, true); /* 1.2 cannot */
    }
    if (k->forgeries >= FORGERIES_MAX && k == &d->rx) {
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_FORGERIES, v, weir_dtls_alert_of(v));
    } else if (k->forgeries >= FORGERIES_MAX) {
        weir_dtls13_old_drop_rx(d);
    }
}

static enum weir_dtls_verdict protected_recv(struct weir_dtls *d, weir_time now,
                                             struct dtls_record *r, struct weir_span *plain)
{
    if (!is_readable(d, r)) {
        if (d->step == STEP_DONE && r->is_unified) {
            return WEIR_DTLS_RECORD_EPOCH;
        }
        hold(d, r);
        if (r->is_unified && d->state == WEIR_DTLS_HANDSHAKE) {
            weir_dtls_ack_unread(d, now);
        }
        return WEIR_DTLS_RECORD_EARLY;
    }
    struct weir_dtls_keys room; /* for old ones, if they have to be made */
    struct weir_dtls_keys *k = r->is_unified ? weir_dtls13_record_keys(d, r, &room) : &d->rx;
    enum weir_dtls_verdict v =
        r->is_unified ? weir_dtls13_record_open(d, k, r) : weir_dtls_record_open(d, r);
    bool is_old = k != &d->rx;
    if (v == WEIR_DTLS_RECORD_FORGED) {
        forged(d, now, k);
    }
    if (is_old) {
        weir_dtls13_old_note(d, k, &room);
    }
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    weir_dtls_rrc_note(d, now, r);
    weir_dtls_cid_note(d, r);
    return opened_recv(d, now, r, plain);
}

/* [RFC 9147 4.1] Three bits of the first byte tell the header of 1.3. */
static bool is_unified(const struct weir_dtls *d, const struct weir_mspan *datagram)
{
    return datagram->n != 0 && (datagram->p[0] & UNIFIED_MASK) == UNIFIED_FIXED
           && weir_dtls_offers(d, WEIR_DTLS_1_3) && d->version != VERSION_1_2;
}

static enum weir_dtls_verdict record_take(const struct weir_dtls *d, struct weir_mspan *datagram,
                                          bool is_13, struct dtls_record *r)
{
    struct weir_span cid = weir_dtls_rx_cid(d);
    return is_13 ? weir_dtls13_record_take(datagram, cid, r) : weir_dtls_record_take(datagram, cid, r);
}

static enum weir_dtls_verdict record_recv(struct weir_dtls *d, weir_time now,
                                          struct weir_mspan *datagram, struct weir_span *plain)
{
    struct dtls_record r;
    bool is_13 = is_unified(d, datagram);
    weir_dtls13_old_tick(d, now);
    enum weir_dtls_verdict v = record_take(d, datagram, is_13, &r);
    if (v == WEIR_DTLS_OK) {
        d->rx_records++;
    }
    if (v == WEIR_DTLS_OK && !is_13) {
        v = weir_dtls_record_check(d, &r);
    }
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    if (!is_13 && r.epoch == 0) {
        return plain_recv(d, now, &r);
    }
    return weir_dtls_lacks_cid(d, &r) ? WEIR_DTLS_RECORD_NO_CID : protected_recv(d, now, &r, plain);
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

/* Can the record that waited be read now? Or never, since ids were not agreed: then it goes. */
static bool held_is_readable(struct weir_dtls *d)
{
    struct weir_mspan copy = { hs_of(d)->held, hs_of(d)->held_bytes };
    struct dtls_record r;
    return record_take(d, &copy, is_unified(d, &copy), &r) != WEIR_DTLS_OK || is_readable(d, &r);
}

/* Its turn, if nothing else is to be delivered in this call. */
static void held_recv(struct weir_dtls *d, weir_time now, struct weir_span *plain)
{
    if (!has_block(d) || hs_of(d)->held_bytes == 0 || plain->n != 0 || !held_is_readable(d)) {
        return;
    }
    struct weir_mspan held = { hs_of(d)->held, hs_of(d)->held_bytes };
    hs_of(d)->held_bytes = 0;
    weir_dtls_rrc_heard_by(d, d->rrc.in_use); /* which one it came by is forgotten */
    note(d, now, record_recv(d, now, &held, plain), 0, 0);
}

enum weir_dtls_verdict weir_dtls_recv(struct weir_dtls *d, weir_time now,
                                      struct weir_mspan *datagram, struct weir_span *plain)
{
    return weir_dtls_recv_by(d, now, d->rrc.in_use, datagram, plain);
}

enum weir_dtls_verdict weir_dtls_recv_by(struct weir_dtls *d, weir_time now, uint32_t path,
                                         struct weir_mspan *datagram, struct weir_span *plain)
{
    enum weir_dtls_verdict v = WEIR_DTLS_OVER;
    size_t bytes = datagram->n;
    uint32_t first = bytes >= 4 ? weir_be32(datagram->p) : 0;
    *plain = weir_span_of(NULL, 0);
    weir_dtls_rrc_heard_by(d, path);
    if (d->step == STEP_START || d->state == WEIR_DTLS_CLOSED || d->state == WEIR_DTLS_FAILED) {
        datagram->n = 0;
    } else {
        v = record_recv(d, now, datagram, plain);
        held_recv(d, now, plain);
        weir_dtls_settle(d);
    }
    if (datagram->n == 0) {
        weir_dtls_cid_end_datagram(d);
    }
    note(d, now, v, bytes, first);
    return v;
}

/* -- tick, send, event, deadline --------------------------------------------------------------- */

/* The server took our cookie no more, and its answer to the hello did not come: without one, then, in
 * place of the same hello again. What said so was not protected, so it may be said so often and no more. */
static bool begin_anew(struct weir_dtls *d, weir_time now)
{
    enum { RESTARTS_MAX = 16 };
    bool is_due = d->step == STEP_CLIENT_WAIT_SERVER_HELLO && exchange_of(d)->is_cookie_refused
                  && d->restarts < RESTARTS_MAX;
    if (is_due && !weir_dtls_client_restart(d, now)) {
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_MESSAGE, WEIR_DTLS_CRYPTO,
                       weir_dtls_alert_of(WEIR_DTLS_CRYPTO));
    }
    return is_due;
}

/* Timers:
 *   flight.resend_at  armed when all of a flight that wants an answer is sent; sends again what no ACK
 *                     named, with doubled time [RFC 6347 4.2.4.1, RFC 9147 5.8.2]
 *   ack.at            1.3: armed by a part of the peer's flight; tells it what is here [RFC 9147 7.1]
 *   rrc.again_at      armed by a path challenge; sends another one [RFC 9853 5.3]
 *   rrc.end_at        armed with the first challenge on a path; the check goes on to the next path, or
 *                     ends without a move [RFC 9853 5.5]
 *   give_up_at        armed with the first flight, until the handshake is done; with 1.3 until our last
 *                     flight, a ticket and each KeyUpdate is acknowledged; ends the connection
 *   lease_at          armed when no block was free for a hello or a KeyUpdate of ours; tries again
 *   (block_until)     the handshake's block goes, when nothing needed it for a while: dtls_block.c
 *                     [RFC 6347 4.2.4, RFC 9147 5.8.1]
 * Without a deadline: old.until, see dtls.h. */
void weir_dtls_tick(struct weir_dtls *d, weir_time now)
{
    if (now >= d->give_up_at) {
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_TIMEOUT, WEIR_DTLS_OK, ALERT_HANDSHAKE_FAILURE);
    }
    weir_dtls13_old_tick(d, now);
    weir_dtls_ack_tick(d, now);
    if (has_block(d) && now >= hs_of(d)->flight.resend_at && !begin_anew(d, now)) {
        weir_dtls_flight_resend(d, now);
    }
    if (now >= d->lease_at) {
        d->lease_at = WEIR_NEVER;
        (void)!weir_dtls_start(d, now); /* what else waits is written by the next send */
    }
    weir_dtls_rrc_tick(d, now);
    weir_dtls_block_tick(d, now);
    weir_dtls_settle(d);
}

size_t weir_dtls_send(struct weir_dtls *d, weir_time now, struct weir_mspan out)
{
    uint32_t path;
    return weir_dtls_send_to(d, now, out, &path);
}

size_t weir_dtls_send_to(struct weir_dtls *d, weir_time now, struct weir_mspan out, uint32_t *path)
{
    size_t n = weir_dtls_rrc_send(d, now, out, path);
    if (n != 0) {
        return n;
    }
    *path = d->rrc.in_use;
    if (has_block(d) && hs_of(d)->ack.state == ACK_DUE) {
        return weir_dtls_ack_send(d, out);
    }
    weir_dtls_write_new_connection_id(d, now);
    weir_dtls13_write_key_update(d, now);
    if (weir_dtls_flight_is_pending(d)) {
        n = weir_dtls_flight_send(d, now, out);
        weir_dtls_wipe_sender(d);
        weir_dtls_settle(d);
        return n;
    }
    return weir_dtls_alert_send(d, out);
}

void weir_dtls_failure(const struct weir_dtls *d, struct weir_dtls_event *event)
{
    memset(event, 0, sizeof *event);
    if (d->state == WEIR_DTLS_FAILED) {
        event->type = WEIR_DTLS_EVENT_FAILED;
        event->reason = d->reason;
        event->verdict = d->fail_verdict;
        event->has_plain_alert = d->reason == WEIR_DTLS_REASON_TIMEOUT && d->alert.has_plain;
        event->alert = event->has_plain_alert ? d->alert.plain : d->fail_alert;
    }
}

static uint8_t bit_of(enum weir_dtls_event_type type)
{
    return (uint8_t)(1u << type);
}

void weir_dtls_owe(struct weir_dtls *d, enum weir_dtls_event_type type)
{
    d->events |= bit_of(type);
}

void weir_dtls_owe_not(struct weir_dtls *d, enum weir_dtls_event_type type)
{
    d->events &= (uint8_t)~bit_of(type);
}

/* In this order. A session is told of when it may be taken. */
static enum weir_dtls_event_type next_event(const struct weir_dtls *d)
{
    static const enum weir_dtls_event_type order[] = {
        WEIR_DTLS_EVENT_CONNECTED, WEIR_DTLS_EVENT_SESSION, WEIR_DTLS_EVENT_CLOSED,
        WEIR_DTLS_EVENT_FAILED,    WEIR_DTLS_EVENT_MOVED,   WEIR_DTLS_EVENT_SEEN,
    };
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        bool is_due = order[i] != WEIR_DTLS_EVENT_SESSION || d->state == WEIR_DTLS_CONNECTED;
        if (is_due && (d->events & bit_of(order[i])) != 0) {
            return order[i];
        }
    }
    return WEIR_DTLS_EVENT_NONE;
}

bool weir_dtls_event(struct weir_dtls *d, struct weir_dtls_event *event)
{
    enum weir_dtls_event_type type = next_event(d);
    memset(event, 0, sizeof *event);
    if (type == WEIR_DTLS_EVENT_FAILED) {
        weir_dtls_failure(d, event);
    }
    event->type = type;
    event->path = type == WEIR_DTLS_EVENT_MOVED ? d->rrc.in_use
                  : type == WEIR_DTLS_EVENT_SEEN ? d->rrc.seen : 0;
    weir_dtls_owe_not(d, type);
    return type != WEIR_DTLS_EVENT_NONE;
}

weir_time weir_dtls_deadline(const struct weir_dtls *d)
{
    weir_time check_at = weir_time_min(d->rrc.again_at, d->rrc.end_at);
    weir_time at = weir_time_min(check_at, weir_time_min(d->give_up_at, d->lease_at));
    if (has_block(d)) {
        const struct weir_dtls_handshake *h = hs_of(d);
        at = weir_time_min(at, weir_time_min(h->flight.resend_at, h->ack.at));
        at = weir_time_min(at, weir_dtls_block_until(d));
    }
    return at;
}

/* -- Application data -------------------------------------------------------------------------- */

/* What data is or will be sent with. */
static uint64_t data_epoch(const struct weir_dtls *d)
{
    return d->version != VERSION_1_3 ? 1 : d->tx_epoch < EPOCH_APPLICATION ? EPOCH_APPLICATION
                                                                           : d->tx_epoch;
}

size_t weir_dtls_head_bytes(const struct weir_dtls *d)
{
    return weir_dtls_record_head(d, data_epoch(d));
}

size_t weir_dtls_overhead(const struct weir_dtls *d)
{
    return weir_dtls_record_overhead(d, data_epoch(d));
}

/* Records that one key may protect. [RFC 9325 4.4] AES-GCM of 1.2 bears no more than that of 1.3, which has
 * new keys before the end. */
static uint64_t records_max(const struct weir_dtls *d)
{
    if (d->version == VERSION_1_3) {
        return weir_dtls13_suite(d->suite)->records_max;
    }
    return d->tx.aead.id == WEIR_CHACHA20_POLY1305 ? SEQUENCE_END : GCM_RECORDS_MAX;
}

size_t weir_dtls_seal(struct weir_dtls *d, struct weir_mspan buf, size_t plain_at, size_t plain_len)
{
    enum { RESERVED_NUMBERS = 16 }; /* for the alert that says good-bye, and a repeated flight */
    size_t head = weir_dtls_head_bytes(d);
    size_t behind = weir_dtls_overhead(d) - head;
    /* [RFC 9146 5 MUST NOT] With an id the limit holds for the plaintext with its type. */
    size_t most = d->version != VERSION_1_3 && d->cid.tx_bytes != 0 ? WEIR_DTLS_PLAIN_MAX - 1
                                                                    : WEIR_DTLS_PLAIN_MAX;
    if (d->state != WEIR_DTLS_CONNECTED || plain_at < head || plain_at > buf.n
        || plain_len > most || plain_len > buf.n - plain_at
        || behind > buf.n - plain_at - plain_len
        || d->tx.seq >= records_max(d) - RESERVED_NUMBERS) {
        return 0;
    }
    size_t n = weir_dtls_record_seal(d, d->tx_epoch, CONTENT_APPLICATION_DATA, VERSION_1_2,
                                     buf.p + plain_at - head, plain_len);
    weir_dtls13_watch_limits(d);
    return n;
}

enum weir_status weir_dtls_update_keys(struct weir_dtls *d, bool asks_peer)
{
    if (d->state != WEIR_DTLS_CONNECTED || d->version != VERSION_1_3) {
        return WEIR_ERR_STATE;
    }
    if (d->message_seq == UINT16_MAX) {
        return WEIR_ERR_FULL;
    }
    weir_dtls13_update_owe(d, asks_peer);
    return WEIR_OK;
}

/* -- Fingerprints, keys, timing ---------------------------------------------------------------- */

enum weir_status weir_dtls_set_fingerprints(struct weir_dtls *d, weir_time now,
                                            const struct weir_dtls_fingerprint *list, size_t count)
{
    struct weir_dtls_fingerprint strong[WEIR_DTLS_FINGERPRINTS_MAX];
    size_t strongs = 0;
    if (d->state == WEIR_DTLS_CLOSED || d->state == WEIR_DTLS_FAILED) {
        return WEIR_ERR_STATE;
    }
    for (size_t i = 0; i < count && i < WEIR_DTLS_FINGERPRINTS_MAX; i++) {
        if (weir_dtls_fingerprint_is_strong(&list[i])) {
            strong[strongs++] = list[i];
        }
    }
    if (count > WEIR_DTLS_FINGERPRINTS_MAX || strongs == 0) {
        return WEIR_ERR_ARG;
    }
    if (d->state == WEIR_DTLS_NEW || d->state == WEIR_DTLS_HANDSHAKE) {
        keep_fingerprints(plan_of(d), strong, strongs);
    }
    if (d->has_peer_cert && !weir_dtls_fingerprints_match(strong, strongs, &d->peer)) {
        weir_dtls_fail(d, now, WEIR_DTLS_REASON_FINGERPRINT, WEIR_DTLS_CERT_FINGERPRINT,
                       weir_dtls_alert_of(WEIR_DTLS_CERT_FINGERPRINT));
    } else if (d->state == WEIR_DTLS_UNVERIFIED) {
        weir_dtls_owe(d, WEIR_DTLS_EVENT_CONNECTED);
        weir_dtls_set_state(d, now, WEIR_DTLS_CONNECTED);
    }
    weir_dtls_settle(d);
    return WEIR_OK;
}

enum weir_status weir_dtls_export(const struct weir_dtls *d, const char *label,
                                  struct weir_mspan out)
{
    enum { LABEL_MAX = 249, OUT_MAX = 255 * 32 }; /* of HKDF-Expand-Label and of HKDF */
    size_t label_bytes = 0;
    while (label_bytes <= LABEL_MAX && label[label_bytes] != '\0') {
        label_bytes++;
    }
    if (d->state != WEIR_DTLS_CONNECTED || d->has_secret == 0) {
        return WEIR_ERR_STATE;
    }
    if (label_bytes > LABEL_MAX || out.n > OUT_MAX) {
        return WEIR_ERR_ARG;
    }
    if (d->version == VERSION_1_3) {
        weir_dtls13_export(d, label, out);
    } else {
        weir_dtls12_export(d, label, out);
    }
    return WEIR_OK;
}

bool weir_dtls_keylog(const struct weir_dtls *d, enum weir_dtls_secret which,
                      uint8_t client_random[32], uint8_t secret[WEIR_DTLS_SECRET_MAX],
                      size_t *secret_bytes)
{
    if (!d->config.has_keylog || (unsigned)which >= WEIR_DTLS_SECRETS
        || (d->has_secret >> which & 1) == 0) {
        return false;
    }
    *secret_bytes = d->version == VERSION_1_3 ? weir_hash_bytes(weir_dtls13_suite(d->suite)->hash)
                                              : MASTER_BYTES;
    memcpy(client_random, d->client_random, sizeof d->client_random);
    memcpy(secret, d->secret[which], *secret_bytes);
    return true;
}

void weir_dtls_set_rtt_hint(struct weir_dtls *d, weir_duration rtt)
{
    d->rtt = rtt;
    weir_duration rto = rtt > WEIR_NEVER / 2 ? d->config.rto_max : 2 * rtt;
    rto = rto < rto_least ? rto_least : rto;
    d->config.rto = rto > d->config.rto_max ? d->config.rto_max : rto;
    if (has_block(d) && hs_of(d)->flight.resends == 0) {
        hs_of(d)->flight.rto = d->config.rto;
    }
}

uint16_t weir_dtls_mtu(const struct weir_dtls *d)
{
    return (uint16_t)(d->config.mtu >> d->halvings);
}

bool weir_dtls_peer_digest(const struct weir_dtls *d, uint8_t sha256[32])
{
    if (!d->has_peer_cert) {
        return false;
    }
    memcpy(sha256, d->peer.sha256, sizeof d->peer.sha256);
    return true;
}

/* -- Inspection ------------------------------------------------------------------------------- */

enum weir_dtls_state weir_dtls_state(const struct weir_dtls *d)
{
    return d->state;
}

uint32_t weir_dtls_verdicts(const struct weir_dtls *d, enum weir_dtls_verdict v)
{
    return (unsigned)v < WEIR_DTLS_VERDICTS ? d->verdicts[v] : 0;
}

bool weir_dtls_is_client(const struct weir_dtls *d)
{
    return d->config.is_client;
}

bool weir_dtls_plain_alert(const struct weir_dtls *d, uint8_t *description)
{
    *description = d->alert.has_plain ? d->alert.plain : 0;
    return d->alert.has_plain;
}

enum weir_dtls_srtp_profile weir_dtls_srtp(const struct weir_dtls *d)
{
    bool is_done = d->state == WEIR_DTLS_CONNECTED;
    return is_done ? (enum weir_dtls_srtp_profile)d->srtp_profile : WEIR_DTLS_SRTP_NONE;
}
