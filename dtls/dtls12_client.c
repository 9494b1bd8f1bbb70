/* The client of DTLS 1.2, in flow order [RFC 5246 7.3, RFC 6347 4.2.4].
 *
 *   1. ClientHello                 -->       dtls_offer.c
 *   2.                             <--  HelloVerifyRequest     not from servers behind ICE
 *      ClientHello with cookie     -->
 *   3.                             <--  ServerHello
 *   4.                             <--  Certificate
 *   5.                             <--  ServerKeyExchange
 *   6.                             <--  CertificateRequest     only from servers that check us
 *   7.                             <--  ServerHelloDone
 *   8. Certificate, ClientKeyExchange, CertificateVerify, [ChangeCipherSpec], Finished  -->
 *   9.                             <--  [ChangeCipherSpec], Finished
 */
#include "dtls/dtls_int.h"

static dtls_handler hello_verify_request, server_hello, certificate, server_key_exchange,
    certificate_request, server_hello_done, change_cipher_spec, finished;

const struct dtls_row weir_dtls12_client_steps[] = {
    { STEP_CLIENT_WAIT_SERVER_HELLO, MESSAGE_HELLO_VERIFY_REQUEST, hello_verify_request },
    { STEP_CLIENT_WAIT_SERVER_HELLO, MESSAGE_SERVER_HELLO, server_hello },
    { STEP_CLIENT12_WAIT_CERTIFICATE, MESSAGE_CERTIFICATE, certificate },
    { STEP_CLIENT12_WAIT_SERVER_KEY_EXCHANGE, MESSAGE_SERVER_KEY_EXCHANGE, server_key_exchange },
    { STEP_CLIENT12_WAIT_CERTIFICATE_REQUEST, MESSAGE_CERTIFICATE_REQUEST, certificate_request },
    { STEP_CLIENT12_WAIT_CERTIFICATE_REQUEST, MESSAGE_SERVER_HELLO_DONE, server_hello_done },
    { STEP_CLIENT12_WAIT_SERVER_HELLO_DONE, MESSAGE_SERVER_HELLO_DONE, server_hello_done },
    { STEP_CLIENT12_WAIT_CHANGE_CIPHER_SPEC, MESSAGE_CHANGE_CIPHER_SPEC, change_cipher_spec },
    { STEP_CLIENT12_WAIT_FINISHED, MESSAGE_FINISHED, finished },
    { 0, 0, NULL },
};

/* [RFC 6347 4.2.1 SHOULD] A new request is followed; more than these make a loop. */
enum { VERIFY_REQUESTS_MAX = 4 };

/* -- 2. HelloVerifyRequest --------------------------------------------------------------------- */

static struct dtls_next hello_verify_request(struct weir_dtls *d, weir_time now,
                                             const struct dtls_message *m)
{
    struct weir_span cookie;
    enum weir_dtls_verdict v = weir_dtls_hello_parse_verify(m->body, &cookie);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    if (exchange_of(d)->verify_requests == VERIFY_REQUESTS_MAX
        || !weir_copy_into(exchange_of(d)->cookie, sizeof exchange_of(d)->cookie, cookie)) {
        return weir_dtls_refusal(WEIR_DTLS_VERIFY_REQUEST);
    }
    exchange_of(d)->cookie_bytes = (uint8_t)cookie.n;
    exchange_of(d)->verify_requests++;
    weir_dtls_accept(d, m);
    return weir_dtls_go_if(weir_dtls_client_hello(d, now), STEP_CLIENT_WAIT_SERVER_HELLO);
}

/* -- 3. ServerHello ---------------------------------------------------------------------------- */

/* [RFC 5246 7.4.1.4 MUST] A server answers extensions of ours and adds none. */
static bool was_asked(const struct weir_dtls *d, uint16_t type)
{
    return type == EXTENSION_EXTENDED_MASTER_SECRET || type == EXTENSION_RENEGOTIATION_INFO
           || type == EXTENSION_EC_POINT_FORMATS || type == EXTENSION_SUPPORTED_GROUPS
           || (type == EXTENSION_USE_SRTP && plan_of(d)->srtp_profiles != 0)
           || weir_dtls_cid_was_asked(d, type);
}

static enum weir_dtls_verdict check_server_extensions(struct weir_dtls *d,
                                                      const struct dtls_hello *h, uint16_t *profile)
{
    struct weir_span body, list;
    for (unsigned i = 0; i < h->extensions; i++) {
        if (!was_asked(d, h->extension[i].type)) {
            return WEIR_DTLS_HELLO_UNASKED;
        }
    }
    if (weir_dtls_hello_find(h, EXTENSION_EC_POINT_FORMATS, &body)
        && (!weir_dtls_list8(body, &list) || !weir_dtls_bytes_have(list, POINT_UNCOMPRESSED))) {
        return WEIR_DTLS_HELLO_POINTS;
    }
    /* [RFC 7627 5.2 MUST] Without it two sessions could be made to share their keys. */
    if (!weir_dtls_hello_find(h, EXTENSION_EXTENDED_MASTER_SECRET, &body) || body.n != 0) {
        return WEIR_DTLS_HELLO_NO_EMS;
    }
    /* [RFC 5746 3.4 MUST] empty in a first handshake. [RFC 5746 4.1] A server without it is let in:
     * we never renegotiate, and the fingerprint names the one peer. */
    if (weir_dtls_hello_find(h, EXTENSION_RENEGOTIATION_INFO, &body)
        && (body.n != 1 || body.p[0] != 0)) {
        return WEIR_DTLS_HELLO_RENEGOTIATES;
    }
    if (weir_dtls_hello_find(h, EXTENSION_USE_SRTP, &body) && !weir_dtls_take_srtp(d, body, profile)) {
        return WEIR_DTLS_HELLO_SRTP;
    }
    return weir_dtls_hello_cid_is_good(d, h) ? WEIR_DTLS_OK : WEIR_DTLS_HELLO_CID;
}

/* [RFC 8446 4.1.3 MUST] A server that has 1.3 says so at the end of its random when it takes less:
 * somebody on the way made it. The signature over the random keeps him from removing it. */
static bool was_downgraded(const struct weir_dtls *d, const struct dtls_hello *h)
{
    return weir_dtls_offers(d, WEIR_DTLS_1_3) && h->random.p[31] <= 1
           && weir_equal_secret(h->random.p + 24, "DOWNGRD", 7);
}

static enum weir_dtls_verdict check_server_hello(struct weir_dtls *d, struct weir_span body)
{
    struct dtls_hello h;
    uint16_t profile = WEIR_DTLS_SRTP_NONE;
    enum weir_dtls_verdict v = weir_dtls_hello_parse_server(body, &h);
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    if (h.version != VERSION_1_2 || !weir_dtls_offers(d, WEIR_DTLS_1_2)) {
        return WEIR_DTLS_HELLO_VERSION;
    }
    if (was_downgraded(d, &h)) {
        return WEIR_DTLS_HELLO_DOWNGRADE;
    }
    if (h.compression != 0) {
        return WEIR_DTLS_HELLO_COMPRESSION;
    }
    if (weir_dtls12_suite(h.suite) == NULL || !weir_dtls_suite_is_ours(d, h.suite)) {
        return WEIR_DTLS_HELLO_SUITE;
    }
    v = check_server_extensions(d, &h, &profile);
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    memcpy(d->server_random, h.random.p, sizeof d->server_random);
    weir_dtls_client_agree(d, VERSION_1_2);
    d->suite = h.suite;
    d->srtp_profile = profile;
    weir_dtls_agree_cid(d, &h);
    return WEIR_DTLS_OK;
}

static struct dtls_next server_hello(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_server_hello(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_CLIENT12_WAIT_CERTIFICATE);
}

/* -- 4. Certificate ---------------------------------------------------------------------------- */

static struct dtls_next certificate(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls12_check_certificate(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    /* [RFC 5246 7.4.2 MUST] A server's key is of the suite's kind. */
    bool is_rsa = exchange_of(d)->peer_key.type == WEIR_PUBKEY_RSA;
    if (is_rsa != weir_dtls12_suite(d->suite)->is_rsa) {
        return weir_dtls_refusal(WEIR_DTLS_CERT_KEY);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_CLIENT12_WAIT_SERVER_KEY_EXCHANGE);
}

/* -- 5. ServerKeyExchange [RFC 8422 5.4] ------------------------------------------------------- */

struct server_key {
    struct weir_span params; /* what is signed: curve type, group, share */
    struct weir_span share;
    struct weir_span signature;
    uint16_t group, scheme;
};

static bool parse_server_key_exchange(struct weir_span body, struct server_key *k)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd share, signature;
    uint8_t curve_type;
    if (!weir_rd_u8(&rd, &curve_type) || curve_type != CURVE_NAMED || !weir_rd_u16(&rd, &k->group)
        || !weir_rd_sub8(&rd, &share)) {
        return false;
    }
    k->params = weir_span_of(body.p, body.n - rd.n);
    if (!weir_rd_u16(&rd, &k->scheme) || !weir_rd_sub16(&rd, &signature) || rd.n != 0) {
        return false;
    }
    k->share = weir_rd_rest(&share);
    k->signature = weir_rd_rest(&signature);
    return true;
}

static enum weir_dtls_verdict check_server_key_exchange(struct weir_dtls *d, struct weir_span body)
{
    struct server_key k;
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    size_t digest_bytes;
    if (!parse_server_key_exchange(body, &k)) {
        return WEIR_DTLS_KEY_MALFORMED;
    }
    if (!weir_dtls_group_is_ours(d, k.group) || k.group == WEIR_DTLS_X25519MLKEM768) {
        return WEIR_DTLS_KEY_GROUP;
    }
    if (!weir_dtls_list_has(weir_dtls_schemes(false), k.scheme)
        || !weir_dtls_scheme_suits(k.scheme, exchange_of(d)->peer_key.type)) {
        return WEIR_DTLS_KEY_SCHEME;
    }
    if (!weir_dtls12_hash_params(d, k.scheme, k.params, digest, &digest_bytes)
        || !weir_dtls_verify(d, k.scheme, weir_span_of(digest, digest_bytes), k.signature)) {
        return WEIR_DTLS_KEY_SIGNATURE;
    }
    exchange_of(d)->group = k.group;
    if (!weir_dtls_make_share(d)) {
        return WEIR_DTLS_CRYPTO;
    }
    return weir_dtls_take_share(d, k.share) ? WEIR_DTLS_OK : WEIR_DTLS_KEY_SHARE;
}

static struct dtls_next server_key_exchange(struct weir_dtls *d, weir_time now,
                                            const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_server_key_exchange(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_CLIENT12_WAIT_CERTIFICATE_REQUEST);
}

/* -- 6. CertificateRequest [RFC 5246 7.4.4] ---------------------------------------------------- */

static enum weir_dtls_verdict check_certificate_request(struct weir_dtls *d, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd types, schemes, authorities;
    if (!weir_rd_sub8(&rd, &types) || types.n == 0 || !weir_rd_sub16(&rd, &schemes)
        || schemes.n == 0 || schemes.n % 2 != 0 || !weir_rd_sub16(&rd, &authorities) || rd.n != 0) {
        return WEIR_DTLS_REQUEST_MALFORMED;
    }
    /* [RFC 8827 6.5] ECDSA P-256 with SHA-256 is what every WebRTC end verifies, and what we make. Which
     * authorities the server would like does not matter to a self-signed certificate. */
    uint8_t type = d->config.identity->is_rsa ? CERT_TYPE_RSA_SIGN : CERT_TYPE_ECDSA_SIGN;
    exchange_of(d)->own_scheme = weir_dtls_own_scheme(d, weir_rd_rest(&schemes), false);
    if (!weir_dtls_bytes_have(weir_rd_rest(&types), type) || exchange_of(d)->own_scheme == 0) {
        return WEIR_DTLS_REQUEST_SCHEME;
    }
    exchange_of(d)->has_request = true;
    return WEIR_DTLS_OK;
}

static struct dtls_next certificate_request(struct weir_dtls *d, weir_time now,
                                            const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_certificate_request(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_CLIENT12_WAIT_SERVER_HELLO_DONE);
}

/* -- 7. ServerHelloDone, 8. our second flight -------------------------------------------------- */

static bool write_client_key_exchange(struct weir_dtls *d)
{
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_CLIENT_KEY_EXCHANGE, 0);
    struct weir_mark share = weir_wr_open(&w, 1);
    size_t n = weir_group_public_bytes((enum weir_group)exchange_of(d)->group);
    weir_wr_bytes(&w, weir_span_of(exchange_of(d)->public_key, n));
    weir_wr_close(&w, share);
    return weir_dtls_message_close(d, &w);
}

static bool write_certificate_verify(struct weir_dtls *d)
{
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    weir_dtls_transcript_digest(d, WEIR_SHA256, digest);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_CERTIFICATE_VERIFY, 0);
    return weir_dtls_write_signature(d, &w, digest) && weir_dtls_message_close(d, &w);
}

/* The master secret takes the transcript up to ClientKeyExchange [RFC 7627 3], so it is made in the
 * middle of the flight. */
static bool send_second_flight(struct weir_dtls *d)
{
    weir_dtls_flight_begin(d, true);
    bool has_request = exchange_of(d)->has_request;
    return (!has_request || weir_dtls12_write_certificate(d)) && write_client_key_exchange(d)
           && weir_dtls12_derive(d) && (!has_request || write_certificate_verify(d))
           && weir_dtls12_write_ending(d);
}

static struct dtls_next server_hello_done(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    (void)now;
    if (m->body.n != 0) {
        return weir_dtls_refusal(WEIR_DTLS_DONE_MALFORMED);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go_if(send_second_flight(d), STEP_CLIENT12_WAIT_CHANGE_CIPHER_SPEC);
}

/* -- 9. ChangeCipherSpec, Finished ------------------------------------------------------------- */

static struct dtls_next change_cipher_spec(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    (void)now, (void)m;
    weir_dtls12_use_rx(d);
    return weir_dtls_go(STEP_CLIENT12_WAIT_FINISHED);
}

static struct dtls_next finished(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls12_check_finished(d, m->body);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    weir_dtls_flight_answered(d);
    weir_dtls_complete(d, now);
    return weir_dtls_go(STEP_DONE);
}
