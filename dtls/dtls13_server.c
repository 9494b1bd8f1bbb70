/* The server of DTLS 1.3, in flow order [RFC 9147 5.7, RFC 8446 4].
 *
 *   1. ClientHello                                                      -->
 *   2.      <--  HelloRetryRequest       for a group that the client has and sent no share of; with a
 *                                        cookie when the config requires it, and then nothing is kept
 *      ClientHello                                                      -->
 *   3.      <--  ServerHello, {EncryptedExtensions, CertificateRequest, Certificate,
 *                CertificateVerify, Finished}
 *   4. {Certificate}                                                    -->
 *   5. {CertificateVerify}                                              -->
 *   6. {Finished}                                                       -->
 *   7.      <--  [ACK]
 *   8.      <--  [NewSessionTicket]      for a client that asked for it
 *
 * {} is epoch 2, [] epoch 3. When a session is resumed the certificates and all about them are left out. A
 * hello that is refused ends nothing: the real client's may still come. Public-key work comes when all
 * else is good, and what of it comes to nothing is bounded, see weir_dtls_agree_share.
 */
#include "dtls/dtls_int.h"

static dtls_handler client_hello, second_client_hello, certificate, certificate_verify, finished;

const struct dtls_row weir_dtls13_server_steps[] = {
    { STEP_SERVER_WAIT_CLIENT_HELLO, MESSAGE_CLIENT_HELLO, client_hello },
    { STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO, MESSAGE_CLIENT_HELLO, second_client_hello },
    { STEP_SERVER13_WAIT_CERTIFICATE, MESSAGE_CERTIFICATE, certificate },
    { STEP_SERVER13_WAIT_CERTIFICATE_VERIFY, MESSAGE_CERTIFICATE_VERIFY, certificate_verify },
    { STEP_SERVER13_WAIT_FINISHED, MESSAGE_FINISHED, finished },
    { STEP_DONE, MESSAGE_KEY_UPDATE, weir_dtls13_key_update },
    { STEP_DONE, MESSAGE_REQUEST_CONNECTION_ID, weir_dtls_request_connection_id },
    { STEP_DONE, MESSAGE_NEW_CONNECTION_ID, weir_dtls_new_connection_id },
    { 0, 0, NULL },
};

/* -- 1. ClientHello [RFC 8446 4.1.2, 9.2] ------------------------------------------------------ */

/* What we make of a hello, before anything of it counts. */
struct choice {
    uint16_t suite, group, scheme, srtp_profile;
    struct weir_span share; /* of that group; empty when the client must be asked for one */
    struct dtls13_ticket ticket;
};

static bool choose_suite(const struct weir_dtls *d, const struct dtls_hello *h, uint16_t *chosen)
{
    for (unsigned i = 0; i < plan_of(d)->suites; i++) {
        uint16_t suite = plan_of(d)->suite[i];
        if (weir_dtls13_suite(suite) != NULL && weir_dtls_list_has(h->suites, suite)) {
            *chosen = suite;
            return true;
        }
    }
    return false;
}

/* The client's share of a group; empty when there is none. False when the list is malformed or has the
 * group twice [RFC 8446 4.2.8 MUST NOT]. */
static bool find_share(struct weir_span body, uint16_t wanted, struct weir_span *found)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd list, share;
    uint16_t group;
    *found = weir_span_of(NULL, 0);
    if (!weir_rd_sub16(&rd, &list) || rd.n != 0) {
        return false;
    }
    while (list.n != 0) {
        if (!weir_rd_u16(&list, &group) || !weir_rd_sub16(&list, &share) || share.n == 0
            || (group == wanted && found->n != 0)) {
            return false;
        }
        if (group == wanted) {
            *found = weir_rd_rest(&share);
        }
    }
    return true;
}

/* The best group that the client has a share of; else the best that it has at all. */
static enum weir_dtls_verdict choose_group(const struct weir_dtls *d, const struct dtls_hello *h,
                                           struct choice *c)
{
    struct weir_span groups, list, shares, share;
    uint16_t group;
    if (!weir_dtls_hello_find(h, EXTENSION_SUPPORTED_GROUPS, &groups)
        || !weir_dtls_hello_find(h, EXTENSION_KEY_SHARE, &shares)) {
        return WEIR_DTLS_HELLO_MISSING;
    }
    if (!weir_dtls_list16(groups, &list)) {
        return WEIR_DTLS_HELLO_GROUP;
    }
    c->group = 0;
    c->share = weir_span_of(NULL, 0);
    for (unsigned i = 0; (group = weir_dtls_group_at(d, i)) != 0; i++) {
        bool is_shared = weir_dtls_list_has(list, group);
        if (!find_share(shares, group, &share) || (share.n != 0 && !is_shared)) {
            return WEIR_DTLS_HELLO_SHARE;
        }
        if (is_shared && (c->group == 0 || (c->share.n == 0 && share.n != 0))) {
            c->group = group;
            c->share = share;
        }
    }
    return c->group != 0 ? WEIR_DTLS_OK : WEIR_DTLS_HELLO_GROUP;
}

static enum weir_dtls_verdict choose(const struct weir_dtls *d, weir_time now, const struct dtls_hello *h,
                                     struct weir_span whole, struct choice *c)
{
    struct weir_span body;
    /* [RFC 8446 4.2.1 MUST] The list decides. Versions count down: what the field says is 1.2, or more. */
    if (h->version > VERSION_1_2 || h->version < VERSION_LEAST) {
        return WEIR_DTLS_HELLO_VERSION;
    }
    /* [RFC 9147 5.3 MUST] A cookie of 1.2 has no place here. A session to be resumed is passed over. */
    if (h->cookie.n != 0) {
        return WEIR_DTLS_HELLO_LEGACY;
    }
    if (h->compressions.n != 1 || h->compressions.p[0] != 0) {
        return WEIR_DTLS_HELLO_COMPRESSION;
    }
    if (!choose_suite(d, h, &c->suite)) {
        return WEIR_DTLS_HELLO_SUITE;
    }
    enum weir_dtls_verdict v = choose_group(d, h, c);
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    if (!weir_dtls_hello_find(h, EXTENSION_SIGNATURE_ALGORITHMS, &body)) {
        return WEIR_DTLS_HELLO_MISSING;
    }
    c->scheme = weir_dtls_hello_scheme(d, h, true);
    if (c->scheme == 0) {
        return WEIR_DTLS_HELLO_SIGNATURES;
    }
    if (!weir_dtls_choose_srtp(d, h, &c->srtp_profile)) {
        return WEIR_DTLS_HELLO_SRTP;
    }
    if (!weir_dtls_hello_cid_is_good(d, h)) {
        return WEIR_DTLS_HELLO_CID;
    }
    return weir_dtls13_find_ticket(d, now, h, whole, c->suite, &c->ticket);
}

/* -- 2. HelloRetryRequest [RFC 8446 4.1.4] ----------------------------------------------------- */

/* A cookie: time (4), version (2), suite (2), group that is asked for or 0 (2), hash of the first hello
 * (32 or 48), HMAC over all that and what weir_dtls_cookie_mac adds (28). */
enum { COOKIE_FIXED_BYTES = 10, COOKIE_MAX = COOKIE_FIXED_BYTES + 48 + COOKIE_MAC_BYTES };

/* Both ends of the exchange write it: the second hello must find the bytes of the first answer. */
static void write_hello_retry_request(struct weir_wr *w, uint16_t suite, uint16_t group,
                                      struct weir_span cookie)
{
    weir_wr_u16(w, VERSION_1_2);
    weir_wr_bytes(w, weir_span_of(weir_dtls13_hello_retry_random, sizeof weir_dtls13_hello_retry_random));
    weir_wr_u8(w, 0);
    weir_wr_u16(w, suite);
    weir_wr_u8(w, 0);
    struct weir_mark list = weir_wr_open(w, 2);
    weir_wr_u16(w, EXTENSION_SUPPORTED_VERSIONS);
    weir_wr_u16(w, 2);
    weir_wr_u16(w, VERSION_1_3);
    if (group != 0) {
        weir_wr_u16(w, EXTENSION_KEY_SHARE);
        weir_wr_u16(w, 2);
        weir_wr_u16(w, group);
    }
    if (cookie.n != 0) {
        weir_wr_u16(w, EXTENSION_COOKIE);
        weir_wr_u16(w, (uint16_t)(cookie.n + 2));
        weir_wr_u16(w, (uint16_t)cookie.n);
        weir_wr_bytes(w, cookie);
    }
    weir_wr_close(w, list);
}

static bool send_hello_retry_request(struct weir_dtls *d, uint16_t suite, uint16_t group,
                                     struct weir_span cookie)
{
    weir_dtls_flight_begin(d, false); /* no timer: the client repeats its hello */
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_SERVER_HELLO, 0);
    write_hello_retry_request(&w, suite, group, cookie);
    return weir_dtls_message_close(d, &w);
}

/* Answer a first hello and forget it. */
static enum weir_dtls_verdict request_cookie(struct weir_dtls *d, weir_time now, struct weir_span body,
                                             const struct dtls_hello *h, const struct choice *c)
{
    uint8_t cookie[COOKIE_MAX], head[4] = { MESSAGE_CLIENT_HELLO };
    enum weir_hash_id hash = weir_dtls13_suite(c->suite)->hash;
    size_t n = COOKIE_FIXED_BYTES + weir_hash_bytes(hash);
    struct weir_span hello[2] = { weir_span_of(head, sizeof head), body };
    uint16_t group = c->share.n == 0 ? c->group : 0;
    weir_put24(head + 1, (uint32_t)body.n);
    weir_put32(cookie, (uint32_t)(now / WEIR_SEC));
    weir_put16(cookie + 4, VERSION_1_3);
    weir_put16(cookie + 6, c->suite);
    weir_put16(cookie + 8, group);
    weir_hash_of(d->config.crypto, hash, hello, 2, cookie + COOKIE_FIXED_BYTES);
    weir_dtls_cookie_mac(d, h, weir_span_of(cookie, n), cookie + n);
    d->message_seq = hs_of(d)->reassembly.next;
    bool is_written =
        send_hello_retry_request(d, c->suite, group, weir_span_of(cookie, n + COOKIE_MAC_BYTES));
    weir_dtls_reassembly_reset(&hs_of(d)->reassembly, (uint16_t)(hs_of(d)->reassembly.next + 1));
    return is_written ? WEIR_DTLS_HELLO_COOKIE : WEIR_DTLS_CRYPTO;
}

/* Is it a cookie of ours, for this hello and the choice that it leads to? */
static bool cookie_is_good(const struct weir_dtls *d, weir_time now, const struct dtls_hello *h,
                           const struct choice *c, struct weir_span cookie)
{
    uint8_t mac[COOKIE_MAC_BYTES];
    size_t n = COOKIE_FIXED_BYTES + weir_hash_bytes(weir_dtls13_suite(c->suite)->hash);
    if (cookie.n != n + COOKIE_MAC_BYTES) {
        return false;
    }
    weir_dtls_cookie_mac(d, h, weir_span_of(cookie.p, n), mac);
    uint16_t asked = weir_be16(cookie.p + 8);
    return weir_equal_secret(mac, cookie.p + n, sizeof mac)
           && weir_dtls_cookie_is_fresh(weir_be32(cookie.p), now)
           && weir_be16(cookie.p + 4) == VERSION_1_3 && weir_be16(cookie.p + 6) == c->suite
           && c->share.n != 0 && (asked == 0 || asked == c->group);
}

/* The cookie is all that is left of the first hello: put the transcript together from it. */
static void recall_retry(struct weir_dtls *d, const struct choice *c, struct weir_span cookie)
{
    uint8_t retry[4 + 256] = { MESSAGE_SERVER_HELLO }, hello[4] = { MESSAGE_MESSAGE_HASH };
    enum weir_hash_id hash = weir_dtls13_suite(c->suite)->hash;
    struct weir_wr w = weir_wr_of((struct weir_mspan){ retry + 4, sizeof retry - 4 });
    hello[3] = (uint8_t)weir_hash_bytes(hash);
    write_hello_retry_request(&w, c->suite, weir_be16(cookie.p + 8), cookie);
    weir_put24(retry + 1, (uint32_t)weir_wr_done(&w));
    weir_dtls_transcript_begin(d);
    struct weir_span part[3] = { weir_span_of(hello, sizeof hello),
                                 weir_span_of(cookie.p + COOKIE_FIXED_BYTES, hello[3]),
                                 weir_span_of(retry, 4 + weir_wr_done(&w)) };
    for (unsigned i = 0; i < 3; i++) {
        d->config.crypto->hash_update(&exchange_of(d)->transcript[hash == WEIR_SHA384 ? 1 : 0], part[i]);
    }
}

/* -- 1. again ---------------------------------------------------------------------------------- */

static enum weir_dtls_verdict take_choice(struct weir_dtls *d, weir_time now, const struct dtls_hello *h,
                                          const struct choice *c)
{
    d->version = VERSION_1_3;
    d->suite = c->suite;
    d->srtp_profile = c->srtp_profile;
    exchange_of(d)->group = c->group;
    exchange_of(d)->own_scheme = c->scheme;
    d->message_seq = hs_of(d)->reassembly.next;
    memcpy(d->client_random, h->random.p, sizeof d->client_random);
    if (c->share.n == 0) {
        exchange_of(d)->has_retry = true;
        return WEIR_DTLS_OK;
    }
    return weir_dtls_agree_share(d, now, c->share);
}

static enum weir_dtls_verdict judge_hello(struct weir_dtls *d, weir_time now, struct weir_span body,
                                          const struct dtls_hello *h, const struct choice *c)
{
    struct weir_span field, cookie = { NULL, 0 };
    bool has_cookie = weir_dtls_hello_find(h, EXTENSION_COOKIE, &field);
    if (plan_of(d)->requires_cookie && !has_cookie) {
        return request_cookie(d, now, body, h, c);
    }
    /* [RFC 9147 5.1 MUST] Answered with illegal_parameter; the client may begin anew, without a cookie. */
    if (has_cookie
        && (!plan_of(d)->requires_cookie || !weir_dtls_list16(field, &cookie)
            || !cookie_is_good(d, now, h, c, cookie))) {
        return WEIR_DTLS_HELLO_STALE;
    }
    if (has_cookie) {
        recall_retry(d, c, cookie);
    } else {
        weir_dtls_transcript_begin(d);
    }
    if (!weir_dtls13_binder_is_right(d, body, &c->ticket)) {
        return WEIR_DTLS_HELLO_BINDER;
    }
    enum weir_dtls_verdict v = take_choice(d, now, h, c);
    if (v != WEIR_DTLS_OK) {
        d->version = 0;
        exchange_of(d)->has_retry = false;
        return v;
    }
    weir_dtls_agree_cid(d, h);
    if (!exchange_of(d)->has_retry) { /* else the second hello has it again */
        weir_dtls13_use_ticket(d, now, h, &c->ticket);
    }
    return WEIR_DTLS_OK;
}

/* [RFC 8446 4.1.2 MUST] Nothing but the share may have changed: what we chose, we choose again. */
static enum weir_dtls_verdict judge_second_hello(struct weir_dtls *d, weir_time now, struct weir_span body,
                                                 const struct dtls_hello *h, const struct choice *c)
{
    struct weir_span cookie;
    if (c->suite != d->suite) {
        return WEIR_DTLS_HELLO_SUITE;
    }
    if (c->group != exchange_of(d)->group || c->share.n == 0
        || !weir_equal_secret(h->random.p, d->client_random, sizeof d->client_random)) {
        return WEIR_DTLS_HELLO_SHARE;
    }
    if (weir_dtls_hello_find(h, EXTENSION_COOKIE, &cookie)) {
        return WEIR_DTLS_HELLO_STALE; /* we gave none */
    }
    if (!weir_dtls13_binder_is_right(d, body, &c->ticket)) {
        return WEIR_DTLS_HELLO_BINDER;
    }
    exchange_of(d)->own_scheme = c->scheme;
    weir_dtls_agree_cid(d, h);
    enum weir_dtls_verdict v = weir_dtls_agree_share(d, now, c->share);
    if (v == WEIR_DTLS_OK) {
        weir_dtls13_use_ticket(d, now, h, &c->ticket);
    }
    return v;
}

/* The first hello, and the second. */
static enum weir_dtls_verdict check_client_hello(struct weir_dtls *d, weir_time now,
                                                 struct weir_span body)
{
    struct dtls_hello h;
    struct choice c = { .suite = 0 };
    enum weir_dtls_verdict v = weir_dtls_hello_parse_client(body, &h);
    if (v == WEIR_DTLS_OK) {
        v = weir_dtls_hello_has_version(&h, VERSION_1_3) ? choose(d, now, &h, body, &c)
                                                         : WEIR_DTLS_HELLO_VERSION;
    }
    if (v == WEIR_DTLS_OK) {
        v = exchange_of(d)->has_retry ? judge_second_hello(d, now, body, &h, &c)
                            : judge_hello(d, now, body, &h, &c);
    }
    weir_wipe(&c, sizeof c); /* a ticket's secret may be in it */
    return v;
}

/* -- 3. Our flight ----------------------------------------------------------------------------- */

static bool write_server_hello(struct weir_dtls *d)
{
    size_t n = weir_dtls_share_bytes(exchange_of(d)->group, false);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_SERVER_HELLO, 0);
    weir_wr_u16(&w, VERSION_1_2);
    weir_wr_bytes(&w, weir_span_of(d->server_random, 32));
    weir_wr_u8(&w, 0); /* [RFC 9147 5 MUST NOT] the client's session is not echoed */
    weir_wr_u16(&w, d->suite);
    weir_wr_u8(&w, 0);
    struct weir_mark list = weir_wr_open(&w, 2);
    weir_wr_u16(&w, EXTENSION_SUPPORTED_VERSIONS);
    weir_wr_u16(&w, 2);
    weir_wr_u16(&w, VERSION_1_3);
    weir_wr_u16(&w, EXTENSION_KEY_SHARE);
    weir_wr_u16(&w, (uint16_t)(n + 4));
    weir_wr_u16(&w, exchange_of(d)->group);
    weir_wr_u16(&w, (uint16_t)n);
    weir_wr_bytes(&w, weir_span_of(exchange_of(d)->public_key, n));
    if (weir_dtls_has_cid(d)) {
        weir_dtls_write_cid(d, &w);
    }
    if (weir_dtls_is_resumed(d)) {
        weir_wr_u16(&w, EXTENSION_PRE_SHARED_KEY);
        weir_wr_u16(&w, 2);
        weir_wr_u16(&w, exchange_of(d)->ticket_index);
    }
    weir_wr_close(&w, list);
    return weir_dtls_message_close(d, &w);
}

static bool write_encrypted_extensions(struct weir_dtls *d)
{
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_ENCRYPTED_EXTENSIONS, EPOCH_HANDSHAKE);
    struct weir_mark list = weir_wr_open(&w, 2);
    if (d->srtp_profile != WEIR_DTLS_SRTP_NONE) {
        weir_dtls_write_srtp(d, &w, d->srtp_profile);
    }
    if (exchange_of(d)->has_asked_ticket && exchange_of(d)->wants_ticket) {
        weir_wr_u16(&w, EXTENSION_TICKET_REQUEST);
        weir_wr_u16(&w, 1);
        weir_wr_u8(&w, 1); /* how many it will get */
    }
    weir_wr_close(&w, list);
    return weir_dtls_message_close(d, &w);
}

/* [RFC 8827 6.5 MUST] Both sides show a certificate. */
static bool write_certificate_request(struct weir_dtls *d)
{
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_CERTIFICATE_REQUEST, EPOCH_HANDSHAKE);
    weir_wr_u8(&w, 0); /* context */
    struct weir_mark list = weir_wr_open(&w, 2);
    weir_dtls13_write_schemes(&w);
    weir_wr_close(&w, list);
    return weir_dtls_message_close(d, &w);
}

/* The hello is enough: a session that is resumed stands for certificates. */
static struct dtls_next answer_hello(struct weir_dtls *d)
{
    bool has_certificate = !weir_dtls_is_resumed(d);
    weir_dtls_flight_begin(d, true);
    if (!write_server_hello(d)) {
        return weir_dtls_refusal(WEIR_DTLS_CRYPTO);
    }
    weir_dtls13_derive_handshake(d);
    if (!weir_dtls13_use_handshake(d) || !write_encrypted_extensions(d)
        || (has_certificate
            && (!write_certificate_request(d) || !weir_dtls13_write_certificate(d)
                || !weir_dtls13_write_certificate_verify(d)))
        || !weir_dtls13_write_finished(d)) {
        return weir_dtls_refusal(WEIR_DTLS_CRYPTO);
    }
    weir_dtls13_derive_application(d);
    /* [RFC 8446 4.4.4] What we say after our Finished goes under the keys that follow it: an alert, an
     * ACK. */
    return weir_dtls_go_if(weir_dtls13_use_application_tx(d),
                           has_certificate ? STEP_SERVER13_WAIT_CERTIFICATE : STEP_SERVER13_WAIT_FINISHED);
}

/* The first hello is enough, or needs a second one. */
static struct dtls_next client_hello(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_client_hello(d, now, m->body);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    weir_dtls_begin(d, now);
    if (!exchange_of(d)->has_retry) {
        return answer_hello(d);
    }
    weir_dtls_transcript_retry(d);
    bool is_sent =
        send_hello_retry_request(d, d->suite, exchange_of(d)->group, weir_span_of(NULL, 0));
    return weir_dtls_go_if(is_sent, STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO);
}

static struct dtls_next second_client_hello(struct weir_dtls *d, weir_time now,
                                            const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_client_hello(d, now, m->body);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return answer_hello(d);
}

/* -- 4. Certificate ---------------------------------------------------------------------------- */

static struct dtls_next certificate(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls13_check_certificate(d, m->body);
    (void)now;
    weir_dtls_flight_done(d); /* [RFC 9147 7.2 MUST] the client answers: it has all of ours */
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_SERVER13_WAIT_CERTIFICATE_VERIFY);
}

/* -- 5. CertificateVerify ---------------------------------------------------------------------- */

static struct dtls_next certificate_verify(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls13_check_certificate_verify(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_SERVER13_WAIT_FINISHED);
}

/* -- 6. Finished, 8. NewSessionTicket ---------------------------------------------------------- */

static struct dtls_next finished(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls13_check_finished(d, m->body);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    if (!weir_dtls13_use_application_rx(d)) {
        return weir_dtls_refusal(WEIR_DTLS_CRYPTO);
    }
    weir_dtls13_old_arrived(d, now);
    weir_dtls_flight_done(d); /* [RFC 9147 7.2 MUST] the client has all of it */
    bool is_given = weir_dtls13_write_new_session_ticket(d, now);
    weir_dtls_complete(d, now);
    if (weir_dtls_flight_is_pending(d)) {
        weir_dtls_await(d, now); /* its ACK */
    }
    return weir_dtls_go_if(is_given, STEP_DONE);
}
