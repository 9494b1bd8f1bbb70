/* The server of DTLS 1.2, in flow order [RFC 5246 7.3, RFC 6347 4.2.4].
 *
 *   1. ClientHello                                                   -->
 *   2.      <--  HelloVerifyRequest                       only when the config requires cookies
 *      ClientHello with cookie                                       -->
 *   3.      <--  ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone
 *   4. Certificate                                                   -->
 *   5. ClientKeyExchange                                             -->
 *   6. CertificateVerify                                             -->
 *   7. [ChangeCipherSpec], Finished                                  -->
 *   8.      <--  [ChangeCipherSpec], Finished
 *
 * A hello that is refused is dropped in silence: the real client's may still come. All public-key
 * work comes after it was accepted, once per connection.
 */
#include "dtls/dtls_int.h"

static dtls_handler client_hello, certificate, client_key_exchange, certificate_verify, change_cipher_spec,
    finished;

const struct dtls_row weir_dtls12_server_steps[] = {
    { STEP_SERVER_WAIT_CLIENT_HELLO, MESSAGE_CLIENT_HELLO, client_hello },
    { STEP_SERVER12_WAIT_CERTIFICATE, MESSAGE_CERTIFICATE, certificate },
    { STEP_SERVER12_WAIT_CLIENT_KEY_EXCHANGE, MESSAGE_CLIENT_KEY_EXCHANGE, client_key_exchange },
    { STEP_SERVER12_WAIT_CERTIFICATE_VERIFY, MESSAGE_CERTIFICATE_VERIFY, certificate_verify },
    { STEP_SERVER12_WAIT_CHANGE_CIPHER_SPEC, MESSAGE_CHANGE_CIPHER_SPEC, change_cipher_spec },
    { STEP_SERVER12_WAIT_FINISHED, MESSAGE_FINISHED, finished },
    { 0, 0, NULL },
};

enum { COOKIE_BYTES = 4 + COOKIE_MAC_BYTES };

/* -- 1. ClientHello ---------------------------------------------------------------------------- */

/* What we make of a hello, before anything of it counts. */
struct choice {
    uint16_t suite, group, scheme, srtp_profile;
    bool has_points, has_renegotiation;
};

/* Our order counts, and the key of our certificate. */
static bool choose_suite(const struct weir_dtls *d, const struct dtls_hello *h, uint16_t *chosen)
{
    for (unsigned i = 0; i < plan_of(d)->suites; i++) {
        const struct dtls12_suite *suite = weir_dtls12_suite(plan_of(d)->suite[i]);
        if (suite != NULL && suite->is_rsa == d->config.identity->is_rsa
            && weir_dtls_list_has(h->suites, suite->id)) {
            *chosen = suite->id;
            return true;
        }
    }
    return false;
}

static enum weir_dtls_verdict choose_security(const struct weir_dtls *d, const struct dtls_hello *h,
                                              struct choice *c)
{
    struct weir_span body, list;
    c->has_points = weir_dtls_hello_find(h, EXTENSION_EC_POINT_FORMATS, &body);
    /* [RFC 8422 5.1.2 MUST] who sends formats has the uncompressed one among them. */
    if (c->has_points
        && (!weir_dtls_list8(body, &list) || !weir_dtls_bytes_have(list, POINT_UNCOMPRESSED))) {
        return WEIR_DTLS_HELLO_POINTS;
    }
    /* [RFC 5246 7.4.1.4.1] A client without the extension verifies SHA-1 alone, not ours. */
    c->scheme = weir_dtls_hello_scheme(d, h, false);
    if (c->scheme == 0) {
        return WEIR_DTLS_HELLO_SIGNATURES;
    }
    /* [RFC 7627 5.3] Without it two sessions could be made to share their keys. */
    if (!weir_dtls_hello_find(h, EXTENSION_EXTENDED_MASTER_SECRET, &body) || body.n != 0) {
        return WEIR_DTLS_HELLO_NO_EMS;
    }
    c->has_renegotiation = weir_dtls_list_has(h->suites, SCSV_RENEGOTIATION);
    if (weir_dtls_hello_find(h, EXTENSION_RENEGOTIATION_INFO, &body)) {
        /* [RFC 5746 3.6 MUST] empty in a first handshake. */
        if (body.n != 1 || body.p[0] != 0) {
            return WEIR_DTLS_HELLO_RENEGOTIATES;
        }
        c->has_renegotiation = true;
    }
    return WEIR_DTLS_OK;
}

/* A client that can do more says 1.2 here; versions count down. [RFC 8446 4.2.1 MUST] One that lists its
 * versions has no others: a server of 1.2 alone does not know that list. */
static bool has_version(const struct weir_dtls *d, const struct dtls_hello *h)
{
    struct weir_span list;
    if (weir_dtls_offers(d, WEIR_DTLS_1_3)
        && weir_dtls_hello_find(h, EXTENSION_SUPPORTED_VERSIONS, &list)) {
        return weir_dtls_hello_has_version(h, VERSION_1_2);
    }
    return h->version <= VERSION_1_2 && h->version >= VERSION_LEAST;
}

static enum weir_dtls_verdict choose(const struct weir_dtls *d, const struct dtls_hello *h,
                                     struct choice *c)
{
    if (!weir_dtls_offers(d, WEIR_DTLS_1_2) || !has_version(d, h)) {
        return WEIR_DTLS_HELLO_VERSION;
    }
    if (!weir_dtls_bytes_have(h->compressions, 0)) {
        return WEIR_DTLS_HELLO_COMPRESSION;
    }
    if (!choose_suite(d, h, &c->suite)) {
        return WEIR_DTLS_HELLO_SUITE;
    }
    if (!weir_dtls12_hello_groups(d, h, &c->group)) {
        return WEIR_DTLS_HELLO_GROUP;
    }
    enum weir_dtls_verdict v = choose_security(d, h, c);
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    if (!weir_dtls_choose_srtp(d, h, &c->srtp_profile)) {
        return WEIR_DTLS_HELLO_SRTP;
    }
    return weir_dtls_hello_cid_is_good(d, h) ? WEIR_DTLS_OK : WEIR_DTLS_HELLO_CID;
}

/* -- 2. Cookies [RFC 6347 4.2.1] --------------------------------------------------------------- */

/* time (4), HMAC over time, version, address and the client's parameters (28). Nothing is
 * remembered. */
static void make_cookie(const struct weir_dtls *d, const struct dtls_hello *h, uint32_t at_s,
                        uint8_t cookie[COOKIE_BYTES])
{
    uint8_t stamp[6] = { 0 };
    weir_put32(stamp, at_s);
    weir_put16(stamp + 4, h->version);
    memcpy(cookie, stamp, 4);
    weir_dtls_cookie_mac(d, h, weir_span_of(stamp, sizeof stamp), cookie + 4);
}

static bool cookie_is_good(const struct weir_dtls *d, weir_time now, const struct dtls_hello *h)
{
    uint8_t expected[COOKIE_BYTES];
    if (h->cookie.n != COOKIE_BYTES) {
        return false;
    }
    uint32_t made_s = weir_be32(h->cookie.p);
    make_cookie(d, h, made_s, expected);
    return weir_equal_secret(h->cookie.p, expected, COOKIE_BYTES)
           && weir_dtls_cookie_is_fresh(made_s, now);
}

/* Take the numbers of the hello for its answer [RFC 6347 4.2.1 MUST]. A number near the end of the
 * range, which no client that just began has, must not use up ours. */
static void follow_numbers(struct weir_dtls *d)
{
    d->message_seq = hs_of(d)->reassembly.next;
    if (plan_of(d)->requires_cookie && d->hello_seq < SEQUENCE_END / 2) {
        d->plain_seq = d->hello_seq;
    }
}

/* Smaller than the hello it answers, and no timer: the client repeats its own [RFC 6347 4.2.4]. */
static enum weir_dtls_verdict request_cookie(struct weir_dtls *d, weir_time now,
                                             const struct dtls_hello *h)
{
    uint8_t cookie[COOKIE_BYTES];
    make_cookie(d, h, (uint32_t)(now / WEIR_SEC), cookie);
    follow_numbers(d);
    weir_dtls_flight_begin(d, false);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_HELLO_VERIFY_REQUEST, 0);
    weir_wr_u16(&w, VERSION_1_2);
    weir_wr_u8(&w, COOKIE_BYTES);
    weir_wr_bytes(&w, weir_span_of(cookie, sizeof cookie));
    bool is_written = weir_dtls_message_close(d, &w);
    weir_dtls_reassembly_reset(&hs_of(d)->reassembly, (uint16_t)(hs_of(d)->reassembly.next + 1));
    return is_written ? WEIR_DTLS_HELLO_COOKIE : WEIR_DTLS_CRYPTO;
}

static enum weir_dtls_verdict check_client_hello(struct weir_dtls *d, weir_time now,
                                                 struct weir_span body)
{
    struct dtls_hello h;
    struct choice c;
    enum weir_dtls_verdict v = weir_dtls_hello_parse_client(body, &h);
    if (v == WEIR_DTLS_OK) {
        v = choose(d, &h, &c);
    }
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    if (plan_of(d)->requires_cookie && !cookie_is_good(d, now, &h)) {
        return request_cookie(d, now, &h);
    }
    memcpy(d->client_random, h.random.p, sizeof d->client_random);
    d->version = VERSION_1_2;
    d->suite = c.suite;
    d->srtp_profile = c.srtp_profile;
    exchange_of(d)->group = c.group;
    exchange_of(d)->own_scheme = c.scheme;
    exchange_of(d)->peer_has_points = c.has_points;
    exchange_of(d)->peer_has_renegotiation = c.has_renegotiation;
    weir_dtls_agree_cid(d, &h);
    follow_numbers(d);
    weir_dtls_transcript_begin(d);
    return WEIR_DTLS_OK;
}

/* -- 3. Our first flight ----------------------------------------------------------------------- */

/* [RFC 8446 4.1.3 MUST] Tell a client that has more that it was not asked for. */
static void mark_downgrade(struct weir_dtls *d)
{
    if (weir_dtls_offers(d, WEIR_DTLS_1_3)) {
        memcpy(d->server_random + 24, "DOWNGRD\1", 8);
    }
}

static bool write_server_hello(struct weir_dtls *d)
{
    mark_downgrade(d);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_SERVER_HELLO, 0);
    weir_wr_u16(&w, VERSION_1_2);
    weir_wr_bytes(&w, weir_span_of(d->server_random, 32));
    weir_wr_u8(&w, 0); /* a session that is not to be resumed */
    weir_wr_u16(&w, d->suite);
    weir_wr_u8(&w, 0);
    struct weir_mark list = weir_wr_open(&w, 2);
    weir_wr_u16(&w, EXTENSION_EXTENDED_MASTER_SECRET);
    weir_wr_u16(&w, 0);
    if (exchange_of(d)->peer_has_renegotiation) {
        weir_wr_u16(&w, EXTENSION_RENEGOTIATION_INFO);
        weir_wr_u16(&w, 1);
        weir_wr_u8(&w, 0);
    }
    if (exchange_of(d)->peer_has_points) {
        weir_wr_u16(&w, EXTENSION_EC_POINT_FORMATS);
        weir_wr_u16(&w, 2);
        weir_wr_u8(&w, 1);
        weir_wr_u8(&w, POINT_UNCOMPRESSED);
    }
    if (weir_dtls_has_cid(d)) {
        weir_dtls_write_cid(d, &w);
    }
    if (d->srtp_profile != WEIR_DTLS_SRTP_NONE) {
        weir_dtls_write_srtp(d, &w, d->srtp_profile);
    }
    weir_wr_close(&w, list);
    return weir_dtls_message_close(d, &w);
}

static bool write_server_key_exchange(struct weir_dtls *d)
{
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    size_t digest_bytes;
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_SERVER_KEY_EXCHANGE, 0);
    size_t params_at = w.len;
    weir_wr_u8(&w, CURVE_NAMED);
    weir_wr_u16(&w, exchange_of(d)->group);
    size_t n = weir_group_public_bytes((enum weir_group)exchange_of(d)->group);
    weir_wr_u8(&w, (uint8_t)n);
    weir_wr_bytes(&w, weir_span_of(exchange_of(d)->public_key, n));
    struct weir_span params = { w.base + params_at, w.len - params_at };
    return !w.overflow
           && weir_dtls12_hash_params(d, exchange_of(d)->own_scheme, params, digest, &digest_bytes)
           && weir_dtls_write_signature(d, &w, digest) && weir_dtls_message_close(d, &w);
}

/* [RFC 8827 6.5 MUST] Both sides show a certificate. */
static bool write_certificate_request(struct weir_dtls *d)
{
    struct weir_span schemes = weir_dtls_schemes(true);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_CERTIFICATE_REQUEST, 0);
    weir_wr_u8(&w, 2);
    weir_wr_u8(&w, CERT_TYPE_ECDSA_SIGN);
    weir_wr_u8(&w, CERT_TYPE_RSA_SIGN);
    weir_wr_u16(&w, (uint16_t)schemes.n);
    weir_wr_bytes(&w, schemes);
    weir_wr_u16(&w, 0); /* no authorities */
    return weir_dtls_message_close(d, &w);
}

static bool send_first_flight(struct weir_dtls *d)
{
    weir_dtls_flight_begin(d, true);
    if (!weir_dtls_make_share(d) || !write_server_hello(d) || !weir_dtls12_write_certificate(d)
        || !write_server_key_exchange(d) || !write_certificate_request(d)) {
        return false;
    }
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_SERVER_HELLO_DONE, 0);
    return weir_dtls_message_close(d, &w);
}

static struct dtls_next client_hello(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_client_hello(d, now, m->body);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    weir_dtls_begin(d, now);
    return weir_dtls_go_if(send_first_flight(d), STEP_SERVER12_WAIT_CERTIFICATE);
}

/* -- 4. Certificate ---------------------------------------------------------------------------- */

static struct dtls_next certificate(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls12_check_certificate(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_SERVER12_WAIT_CLIENT_KEY_EXCHANGE);
}

/* -- 5. ClientKeyExchange [RFC 8422 5.7] ------------------------------------------------------- */

static enum weir_dtls_verdict check_client_key_exchange(struct weir_dtls *d, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd share;
    if (!weir_rd_sub8(&rd, &share) || share.n == 0 || rd.n != 0) {
        return WEIR_DTLS_KEY_MALFORMED;
    }
    return weir_dtls_take_share(d, weir_rd_rest(&share)) ? WEIR_DTLS_OK : WEIR_DTLS_KEY_SHARE;
}

/* The transcript then ends with ClientKeyExchange: just what the master secret takes [RFC 7627 3]. */
static struct dtls_next client_key_exchange(struct weir_dtls *d, weir_time now,
                                            const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_client_key_exchange(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go_if(weir_dtls12_derive(d), STEP_SERVER12_WAIT_CERTIFICATE_VERIFY);
}

/* -- 6. CertificateVerify [RFC 5246 7.4.8] ----------------------------------------------------- */

static enum weir_dtls_verdict check_certificate_verify(struct weir_dtls *d, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd signature;
    uint16_t scheme;
    enum weir_hash_id hash;
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    if (!weir_rd_u16(&rd, &scheme) || !weir_rd_sub16(&rd, &signature) || rd.n != 0) {
        return WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED;
    }
    /* [RFC 5246 7.4.8 MUST] one that we asked for, and of the kind of the certificate's key. */
    if (!weir_dtls_list_has(weir_dtls_schemes(true), scheme)
        || !weir_dtls_scheme_suits(scheme, exchange_of(d)->peer_key.type)
        || !weir_sigscheme_hash(scheme, &hash)) {
        return WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME;
    }
    weir_dtls_transcript_digest(d, hash, digest);
    return weir_dtls_verify(d, scheme, weir_span_of(digest, weir_hash_bytes(hash)),
                            weir_rd_rest(&signature))
               ? WEIR_DTLS_OK
               : WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE;
}

static struct dtls_next certificate_verify(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_certificate_verify(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_SERVER12_WAIT_CHANGE_CIPHER_SPEC);
}

/* -- 7. ChangeCipherSpec, Finished, 8. our end ------------------------------------------------- */

static struct dtls_next change_cipher_spec(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    (void)now, (void)m;
    weir_dtls12_use_rx(d);
    return weir_dtls_go(STEP_SERVER12_WAIT_FINISHED);
}

/* Our last flight has no timer; it is repeated when the client repeats its own. */
static struct dtls_next finished(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls12_check_finished(d, m->body);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    weir_dtls_flight_begin(d, false);
    if (!weir_dtls12_write_ending(d)) {
        return weir_dtls_refusal(WEIR_DTLS_CRYPTO);
    }
    weir_dtls_complete(d, now);
    return weir_dtls_go(STEP_DONE);
}
