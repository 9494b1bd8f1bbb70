/* The client of DTLS 1.3, in flow order [RFC 9147 5.7, RFC 8446 4].
 *
 *   1. ClientHello                              -->       dtls_offer.c
 *   2.                                          <--  HelloRetryRequest   for a cookie or another group
 *      ClientHello                              -->
 *   3.                                          <--  ServerHello
 *   4.                                          <--  {EncryptedExtensions}
 *   5.                                          <--  {CertificateRequest}   only if it checks us
 *   6.                                          <--  {Certificate}
 *   7.                                          <--  {CertificateVerify}
 *   8.                                          <--  {Finished}
 *   9. {Certificate, CertificateVerify, Finished} -->     sent again until an ACK names all of it
 *
 * {} is epoch 2. When a session is resumed 5 to 7 are left out, and 9 is Finished alone. The connection
 * stands for us at step 8; the server says the same with its ACK.
 */
#include "dtls/dtls_int.h"

static dtls_handler server_hello, encrypted_extensions, certificate_request, certificate,
    certificate_verify, finished;

const struct dtls_row weir_dtls13_client_steps[] = {
    { STEP_CLIENT_WAIT_SERVER_HELLO, MESSAGE_SERVER_HELLO, server_hello }, /* or HelloRetryRequest */
    { STEP_CLIENT13_WAIT_ENCRYPTED_EXTENSIONS, MESSAGE_ENCRYPTED_EXTENSIONS, encrypted_extensions },
    { STEP_CLIENT13_WAIT_CERTIFICATE_REQUEST, MESSAGE_CERTIFICATE_REQUEST, certificate_request },
    { STEP_CLIENT13_WAIT_CERTIFICATE_REQUEST, MESSAGE_CERTIFICATE, certificate },
    { STEP_CLIENT13_WAIT_CERTIFICATE, MESSAGE_CERTIFICATE, certificate },
    { STEP_CLIENT13_WAIT_CERTIFICATE_VERIFY, MESSAGE_CERTIFICATE_VERIFY, certificate_verify },
    { STEP_CLIENT13_WAIT_FINISHED, MESSAGE_FINISHED, finished },
    { STEP_DONE, MESSAGE_NEW_SESSION_TICKET, weir_dtls13_new_session_ticket },
    { STEP_DONE, MESSAGE_KEY_UPDATE, weir_dtls13_key_update },
    { STEP_DONE, MESSAGE_REQUEST_CONNECTION_ID, weir_dtls_request_connection_id },
    { STEP_DONE, MESSAGE_NEW_CONNECTION_ID, weir_dtls_new_connection_id },
    { 0, 0, NULL },
};

/* -- 2. HelloRetryRequest [RFC 8446 4.1.4] ----------------------------------------------------- */

/* [RFC 8446 4.2.8 MUST] A group that we have, and whose share we did not send. */
static bool take_group(struct weir_dtls *d, struct weir_span body)
{
    uint16_t group = body.n == 2 ? weir_be16(body.p) : 0;
    if (!weir_dtls_group_is_ours(d, group) || group == exchange_of(d)->group) {
        return false;
    }
    exchange_of(d)->group = group;
    return weir_dtls_make_share(d);
}

static bool take_cookie(struct weir_dtls *d, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd cookie;
    if (!weir_rd_sub16(&rd, &cookie) || rd.n != 0 || cookie.n == 0
        || !weir_copy_into(exchange_of(d)->cookie, sizeof exchange_of(d)->cookie, weir_rd_rest(&cookie))) {
        return false;
    }
    exchange_of(d)->cookie_bytes = (uint8_t)cookie.n;
    return true;
}

static enum weir_dtls_verdict check_hello_retry_request(struct weir_dtls *d, const struct dtls_hello *h)
{
    struct weir_span group, cookie;
    bool has_group = weir_dtls_hello_find(h, EXTENSION_KEY_SHARE, &group);
    bool has_cookie = weir_dtls_hello_find(h, EXTENSION_COOKIE, &cookie);
    for (unsigned i = 0; i < h->extensions; i++) {
        uint16_t type = h->extension[i].type;
        if (type != EXTENSION_SUPPORTED_VERSIONS && type != EXTENSION_KEY_SHARE
            && type != EXTENSION_COOKIE) {
            return WEIR_DTLS_HELLO_UNASKED;
        }
    }
    /* [RFC 8446 4.1.4 MUST] One retry, and one that changes something. */
    if (exchange_of(d)->has_retry) {
        return WEIR_DTLS_HELLO_RETRY;
    }
    if ((!has_group && !has_cookie) || (has_group && !take_group(d, group))) {
        return WEIR_DTLS_HELLO_SHARE;
    }
    exchange_of(d)->cookie_bytes = 0;
    if (has_cookie && !take_cookie(d, cookie)) {
        return WEIR_DTLS_HELLO_MALFORMED;
    }
    exchange_of(d)->has_retry = true;
    d->suite = h->suite;
    weir_dtls_client_agree(d, VERSION_1_3);
    weir_dtls_transcript_retry(d);
    return WEIR_DTLS_OK;
}

/* -- 3. ServerHello [RFC 8446 4.1.3] ----------------------------------------------------------- */

/* [RFC 8446 4.2.8.1] The server's share, in a group of which it has ours. */
static enum weir_dtls_verdict take_server_share(struct weir_dtls *d, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd share;
    uint16_t group;
    if (!weir_rd_u16(&rd, &group) || !weir_rd_sub16(&rd, &share) || share.n == 0 || rd.n != 0) {
        return WEIR_DTLS_HELLO_SHARE;
    }
    if (group != exchange_of(d)->group) {
        return WEIR_DTLS_HELLO_SHARE;
    }
    return weir_dtls_take_share(d, weir_rd_rest(&share)) ? WEIR_DTLS_OK : WEIR_DTLS_KEY_SHARE;
}

static bool is_hello_retry_request(const struct dtls_hello *h)
{
    return weir_equal_secret(h->random.p, weir_dtls13_hello_retry_random,
                             sizeof weir_dtls13_hello_retry_random);
}

/* A HelloRetryRequest of an older library says TLS 1.2 where DTLS 1.2 belongs: harmless, both are read as
 * "see the extension". */
static enum weir_dtls_verdict check_hello_form(const struct weir_dtls *d, const struct dtls_hello *h)
{
    struct weir_span version;
    /* [RFC 9147 5.4] 1.2 in the field that is read first, 1.3 in the extension. */
    bool is_12 = h->version == VERSION_1_2 || (is_hello_retry_request(h) && h->version == VERSION_TLS_1_2);
    if (!is_12 || !weir_dtls_hello_find(h, EXTENSION_SUPPORTED_VERSIONS, &version)
        || version.n != 2 || weir_be16(version.p) != VERSION_1_3) {
        return WEIR_DTLS_HELLO_VERSION;
    }
    /* [RFC 9147 5.1, 5.3] A server of 1.3 has asked for no cookie as one of 1.2 does. */
    if (exchange_of(d)->verify_requests != 0) {
        return WEIR_DTLS_HELLO_VERSION;
    }
    /* [RFC 9147 5 MUST NOT] It is not echoed, and ours was empty. */
    if (h->session.n != 0) {
        return WEIR_DTLS_HELLO_LEGACY;
    }
    if (h->compression != 0) {
        return WEIR_DTLS_HELLO_COMPRESSION;
    }
    /* [RFC 8446 4.1.4 MUST] The suite of the HelloRetryRequest stays. */
    if (weir_dtls13_suite(h->suite) == NULL || !weir_dtls_suite_is_ours(d, h->suite)
        || (exchange_of(d)->has_retry && h->suite != d->suite)) {
        return WEIR_DTLS_HELLO_SUITE;
    }
    return WEIR_DTLS_OK;
}

/* *is_retry: it is a HelloRetryRequest, and a good one. */
static enum weir_dtls_verdict check_server_hello(struct weir_dtls *d, struct weir_span body, bool *is_retry)
{
    struct dtls_hello h;
    struct weir_span share;
    enum weir_dtls_verdict v = weir_dtls_hello_parse_server(body, &h);
    if (v == WEIR_DTLS_OK) {
        v = check_hello_form(d, &h);
    }
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    *is_retry = is_hello_retry_request(&h);
    if (*is_retry) {
        return check_hello_retry_request(d, &h);
    }
    for (unsigned i = 0; i < h.extensions; i++) {
        if (h.extension[i].type != EXTENSION_SUPPORTED_VERSIONS
            && h.extension[i].type != EXTENSION_KEY_SHARE
            && !weir_dtls_cid_was_asked(d, h.extension[i].type)
            && (h.extension[i].type != EXTENSION_PRE_SHARED_KEY || !weir_dtls13_offers_session(d))) {
            return WEIR_DTLS_HELLO_UNASKED;
        }
    }
    if (!weir_dtls_hello_find(&h, EXTENSION_KEY_SHARE, &share)) {
        return WEIR_DTLS_HELLO_MISSING;
    }
    if (!weir_dtls_hello_cid_is_good(d, &h)) {
        return WEIR_DTLS_HELLO_CID;
    }
    v = weir_dtls13_check_psk(d, &h);
    if (v == WEIR_DTLS_OK) {
        v = take_server_share(d, share);
    }
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    if (!exchange_of(d)->has_retry) {
        weir_dtls_client_agree(d, VERSION_1_3);
    }
    weir_dtls_agree_cid(d, &h);
    weir_dtls13_resume(d, &h);
    d->suite = h.suite;
    memcpy(d->server_random, h.random.p, sizeof d->server_random);
    return WEIR_DTLS_OK;
}

static struct dtls_next server_hello(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    bool is_retry;
    enum weir_dtls_verdict v = check_server_hello(d, m->body, &is_retry);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    if (is_retry) {
        weir_dtls_ack_reset(d);
        return weir_dtls_go_if(weir_dtls_client_hello(d, now), STEP_CLIENT_WAIT_SERVER_HELLO);
    }
    weir_dtls_flight_done(d);
    weir_dtls13_derive_handshake(d);
    return weir_dtls_go_if(weir_dtls13_use_handshake(d), STEP_CLIENT13_WAIT_ENCRYPTED_EXTENSIONS);
}

/* -- 4. EncryptedExtensions [RFC 8446 4.3.1] --------------------------------------------------- */

static enum weir_dtls_verdict check_encrypted_extensions(struct weir_dtls *d, struct weir_span body)
{
    struct dtls_hello h;
    struct weir_span srtp;
    enum weir_dtls_verdict v = weir_dtls_hello_parse_encrypted(body, &h);
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    for (unsigned i = 0; i < h.extensions; i++) {
        uint16_t type = h.extension[i].type;
        if (type != EXTENSION_SUPPORTED_GROUPS
            && (type != EXTENSION_USE_SRTP || plan_of(d)->srtp_profiles == 0)
            && (type != EXTENSION_TICKET_REQUEST || plan_of(d)->tickets == WEIR_DTLS_TICKETS_OFF)) {
            return WEIR_DTLS_HELLO_UNASKED;
        }
    }
    if (weir_dtls_hello_find(&h, EXTENSION_USE_SRTP, &srtp)
        && !weir_dtls_take_srtp(d, srtp, &d->srtp_profile)) {
        return WEIR_DTLS_HELLO_SRTP;
    }
    return weir_dtls13_take_ticket_hint(d, &h);
}

/* [RFC 8446 4.4.2] Who resumes a session has seen the certificate. */
static struct dtls_next encrypted_extensions(struct weir_dtls *d, weir_time now,
                                             const struct dtls_message *m)
{
    enum weir_dtls_verdict v = check_encrypted_extensions(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(weir_dtls_is_resumed(d) ? STEP_CLIENT13_WAIT_FINISHED
                                      : STEP_CLIENT13_WAIT_CERTIFICATE_REQUEST);
}

/* -- 5. CertificateRequest [RFC 8446 4.3.2] ---------------------------------------------------- */

static enum weir_dtls_verdict check_certificate_request(struct weir_dtls *d, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd context;
    struct dtls_hello h;
    /* [RFC 8446 4.3.2 SHALL] The context is empty in a handshake; schemes are always told. */
    if (!weir_rd_sub8(&rd, &context) || context.n != 0
        || weir_dtls_hello_parse_encrypted(weir_rd_rest(&rd), &h) != WEIR_DTLS_OK) {
        return WEIR_DTLS_REQUEST_MALFORMED;
    }
    exchange_of(d)->own_scheme = weir_dtls_hello_scheme(d, &h, true);
    if (exchange_of(d)->own_scheme == 0) {
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
    return weir_dtls_go(STEP_CLIENT13_WAIT_CERTIFICATE);
}

/* -- 6. Certificate, 7. CertificateVerify ------------------------------------------------------ */

static struct dtls_next certificate(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls13_check_certificate(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_CLIENT13_WAIT_CERTIFICATE_VERIFY);
}

static struct dtls_next certificate_verify(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls13_check_certificate_verify(d, m->body);
    (void)now;
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_CLIENT13_WAIT_FINISHED);
}

/* -- 8. Finished, 9. our last flight ----------------------------------------------------------- */

static bool send_last_flight(struct weir_dtls *d)
{
    weir_dtls13_derive_application(d);
    weir_dtls_ack_reset(d);
    weir_dtls_flight_begin(d, true);
    return (!exchange_of(d)->has_request
            || (weir_dtls13_write_certificate(d) && weir_dtls13_write_certificate_verify(d)))
           && weir_dtls13_write_finished(d) && weir_dtls13_use_application_tx(d)
           && weir_dtls13_use_application_rx(d);
}

static struct dtls_next finished(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    enum weir_dtls_verdict v = weir_dtls13_check_finished(d, m->body);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    if (!send_last_flight(d)) {
        return weir_dtls_refusal(WEIR_DTLS_CRYPTO);
    }
    weir_dtls13_expect_ticket(d, now);
    weir_dtls_complete(d, now);
    weir_dtls_await(d, now); /* the ACK */
    return weir_dtls_go(STEP_DONE);
}
