/* DTLS 1.2 with mbedtls's own client and server, in one process and in virtual time: use_srtp, equal exported
 * keys, data both ways, loss; and where the library is built with them, which that of Debian 12 is not and
 * 3.6 is, connection ids of every length in both directions [RFC 9146]. */
#include "test/dtls/dtls_paths.h"

#ifndef WEIR_TEST_MBEDTLS

static void mbedtls_is_not_here(void **state)
{
    (void)state;
    print_message("libmbedtls is not installed: skipped\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(mbedtls_is_not_here) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

#define QUEUE 64

struct queue {
    unsigned head, tail;
    size_t n[QUEUE];
    uint8_t bytes[QUEUE][1500];
};

/* mbedtls at one end, weir at the other. */
struct talk {
    struct weir_dtls d;
    struct weir_arena arena;
    struct weir_dtls_handshake block;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    mbedtls_ssl_cookie_ctx cookie;
    struct weir_rand rand, loss;
    struct queue to_weir, to_mbedtls;
    weir_time now, soon_at, final_at; /* mbedtls's timer; 0: off */
    uint8_t exported[60];
    bool has_exported, is_up;
    unsigned got, seen, lose; /* lose: of 1,000 datagrams */
    uint32_t path; /* by which weir hears */
    uint8_t last[256];
    size_t last_bytes;
};

static bool post(struct talk *t, struct queue *q, const uint8_t *p, size_t n)
{
    assert_true(n <= sizeof q->bytes[0]);
    if (weir_rand_below(&t->loss, 1000) < t->lose) {
        return false;
    }
    assert_true(q->head - q->tail < QUEUE);
    memcpy(q->bytes[q->head % QUEUE], p, n);
    q->n[q->head++ % QUEUE] = n;
    return true;
}

/* -- What mbedtls calls ------------------------------------------------------------------------ */

static int on_random(void *context, unsigned char *out, size_t n)
{
    weir_rand_bytes(&((struct talk *)context)->rand, out, n);
    return 0;
}

static int on_send(void *context, const unsigned char *p, size_t n)
{
    struct talk *t = context;
    (void)post(t, &t->to_weir, p, n);
    return (int)n;
}

static int on_recv(void *context, unsigned char *out, size_t cap)
{
    struct talk *t = context;
    struct queue *q = &t->to_mbedtls;
    if (q->head == q->tail) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t n = q->n[q->tail % QUEUE];
    assert_true(n <= cap);
    memcpy(out, q->bytes[q->tail++ % QUEUE], n);
    return (int)n;
}

static void on_set_timer(void *context, uint32_t soon_ms, uint32_t final_ms)
{
    struct talk *t = context;
    t->soon_at = final_ms == 0 ? 0 : t->now + soon_ms * WEIR_MS;
    t->final_at = final_ms == 0 ? 0 : t->now + final_ms * WEIR_MS;
}

static int on_get_timer(void *context)
{
    const struct talk *t = context;
    return t->final_at == 0 ? -1 : t->now >= t->final_at ? 2 : t->now >= t->soon_at ? 1 : 0;
}

/* [RFC 5705 4] with mbedtls's own PRF. */
static void export_keys(struct talk *t, const unsigned char *master, const unsigned char client[32],
                        const unsigned char server[32], mbedtls_tls_prf_types prf)
{
    uint8_t randoms[64];
    memcpy(randoms, client, 32);
    memcpy(randoms + 32, server, 32);
    assert_int_equal(mbedtls_ssl_tls_prf(prf, master, 48, "EXTRACTOR-dtls_srtp", randoms, 64, t->exported,
                                         sizeof t->exported), 0);
    t->has_exported = true;
}

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
static void on_keys(void *context, mbedtls_ssl_key_export_type type, const unsigned char *secret, size_t n,
                    const unsigned char client[32], const unsigned char server[32],
                    mbedtls_tls_prf_types prf)
{
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET && n == 48) {
        export_keys(context, secret, client, server, prf);
    }
}
#else
static int on_keys(void *context, const unsigned char *master, const unsigned char *block, size_t mac,
                   size_t key, size_t iv, const unsigned char client[32], const unsigned char server[32],
                   mbedtls_tls_prf_types prf)
{
    (void)block, (void)mac, (void)key, (void)iv;
    export_keys(context, master, client, server, prf);
    return 0;
}
#endif

/* -- Beginning and end ------------------------------------------------------------------------- */

/* Our identity as mbedtls reads one [RFC 5915 3]. */
static void give_identity(struct talk *t, const struct weir_identity *id)
{
    uint8_t der[51] = { 0x30, 0x31, 2, 1, 1, 4, 32 };
    memcpy(der + 7, id->private_key, 32);
    memcpy(der + 39, "\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 12);
    assert_int_equal(mbedtls_x509_crt_parse_der(&t->cert, id->cert, id->cert_bytes), 0);
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    assert_int_equal(mbedtls_pk_parse_key(&t->key, der, sizeof der, NULL, 0, on_random, t), 0);
#else
    assert_int_equal(mbedtls_pk_parse_key(&t->key, der, sizeof der, NULL, 0), 0);
#endif
    assert_int_equal(mbedtls_ssl_conf_own_cert(&t->config, &t->cert, &t->key), 0);
}

struct terms {
    bool is_server; /* mbedtls */
    bool has_cookie;
    uint16_t srtp;
    int own, peer; /* connection ids of weir and of mbedtls, -1: does without */
    unsigned lose;
    uint16_t mtu; /* of weir's handshake datagrams; 0: what is usual */
};

static void configure(struct talk *t, const struct terms *w)
{
    static const mbedtls_ssl_srtp_profile profiles[] = { MBEDTLS_TLS_SRTP_AES128_CM_HMAC_SHA1_80,
                                                         MBEDTLS_TLS_SRTP_UNSET };
    mbedtls_ssl_config *c = &t->config;
    assert_int_equal(mbedtls_ssl_config_defaults(c, w->is_server ? MBEDTLS_SSL_IS_SERVER
                                                                 : MBEDTLS_SSL_IS_CLIENT,
                                                 MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT), 0);
    mbedtls_ssl_conf_rng(c, on_random, t);
    mbedtls_ssl_conf_authmode(c, MBEDTLS_SSL_VERIFY_OPTIONAL); /* self-signed: the fingerprint counts */
    give_identity(t, sim_id(w->is_server ? SERVER : CLIENT));
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    mbedtls_ssl_conf_max_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_2);
#else
    mbedtls_ssl_conf_export_keys_ext_cb(c, on_keys, t);
#endif
    if (w->srtp != 0) {
        assert_int_equal(mbedtls_ssl_conf_dtls_srtp_protection_profiles(c, profiles), 0);
    }
    if (w->is_server && w->has_cookie) {
        assert_int_equal(mbedtls_ssl_cookie_setup(&t->cookie, on_random, t), 0);
        mbedtls_ssl_conf_dtls_cookies(c, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &t->cookie);
    } else if (w->is_server) {
        mbedtls_ssl_conf_dtls_cookies(c, NULL, NULL, NULL);
    }
#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID
    if (w->peer >= 0) {
        assert_int_equal(mbedtls_ssl_conf_cid(c, (size_t)w->peer, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE), 0);
    }
#endif
}

#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID
static const uint8_t mbedtls_id[32] = "the id of mbedtls, of 32 bytes.";
#endif

static void begin(struct talk *t, const struct terms *w, uint64_t seed)
{
    unsigned ours = w->is_server ? CLIENT : SERVER;
    struct weir_dtls_config c = sim_config(ours, seed);
    memset(t, 0, sizeof *t);
    t->now = 1000 * WEIR_SEC;
    t->lose = w->lose;
    weir_rand_init_number(&t->rand, seed);
    weir_rand_init_number(&t->loss, seed + 1);
    c.requires_cookie = w->has_cookie;
    c.mtu = w->mtu;
    c.rrc = WEIR_DTLS_RRC_BASIC;
    if (w->own >= 0) {
        give_id(&c, (size_t)w->own);
    }
    weir_arena_init(&t->arena, &t->block, sizeof t->block, 1);
    c.handshakes = &t->arena;
    weir_dtls_init(&t->d, &c, t->now);
    mbedtls_ssl_init(&t->ssl);
    mbedtls_ssl_config_init(&t->config);
    mbedtls_x509_crt_init(&t->cert);
    mbedtls_pk_init(&t->key);
    mbedtls_ssl_cookie_init(&t->cookie);
    configure(t, w);
    assert_int_equal(mbedtls_ssl_setup(&t->ssl, &t->config), 0);
    mbedtls_ssl_set_bio(&t->ssl, t, on_send, on_recv, NULL);
    mbedtls_ssl_set_timer_cb(&t->ssl, t, on_set_timer, on_get_timer);
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    mbedtls_ssl_set_export_keys_cb(&t->ssl, on_keys, t);
#endif
    if (w->is_server) {
        assert_int_equal(mbedtls_ssl_set_client_transport_id(&t->ssl, (const uint8_t *)"weir", 4), 0);
    }
#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID
    if (w->peer >= 0) {
        assert_int_equal(mbedtls_ssl_set_cid(&t->ssl, MBEDTLS_SSL_CID_ENABLED, mbedtls_id,
                                             (size_t)w->peer), 0);
    }
#endif
}

static void finish(struct talk *t)
{
    mbedtls_ssl_free(&t->ssl);
    mbedtls_ssl_config_free(&t->config);
    mbedtls_x509_crt_free(&t->cert);
    mbedtls_pk_free(&t->key);
    mbedtls_ssl_cookie_free(&t->cookie);
}

/* -- Running ----------------------------------------------------------------------------------- */

static void run_weir(struct talk *t)
{
    uint8_t out[1500];
    struct weir_dtls_event e;
    size_t n;
    weir_dtls_tick(&t->d, t->now);
    while (t->to_weir.head != t->to_weir.tail) {
        unsigned at = t->to_weir.tail++ % QUEUE;
        struct weir_mspan datagram = { t->to_weir.bytes[at], t->to_weir.n[at] };
        while (datagram.n != 0) {
            struct weir_span plain;
            (void)weir_dtls_recv_by(&t->d, t->now, t->path, &datagram, &plain);
            if (plain.n != 0) {
                t->got++;
                t->last_bytes = plain.n;
                memcpy(t->last, plain.p, plain.n);
            }
        }
    }
    while (weir_dtls_event(&t->d, &e)) {
        t->seen += e.type == WEIR_DTLS_EVENT_SEEN ? 1 : 0;
        if (e.type == WEIR_DTLS_EVENT_FAILED) {
            fail_msg("%s, %s", weir_dtls_verdict_name(e.verdict), weir_dtls_alert_name(e.alert));
        }
    }
    while ((n = weir_dtls_send(&t->d, t->now, (struct weir_mspan){ out, sizeof out })) != 0) {
        (void)post(t, &t->to_mbedtls, out, n);
    }
}

/* Both shake hands until both are done. */
static void shake(struct talk *t)
{
    int status = MBEDTLS_ERR_SSL_WANT_READ;
    if (t->d.config.is_client) {
        assert_int_equal(weir_dtls_start(&t->d, t->now), WEIR_OK);
    }
    for (unsigned i = 0; i < 4000; i++) {
        run_weir(t);
        if (status != 0) {
            status = mbedtls_ssl_handshake(&t->ssl);
        } else {
            uint8_t in[16];
            (void)!mbedtls_ssl_read(&t->ssl, in, sizeof in); /* our last flight again: it lacks its own */
        }
        if (status == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED) { /* as its manual says: once more */
            assert_int_equal(mbedtls_ssl_session_reset(&t->ssl), 0);
            assert_int_equal(mbedtls_ssl_set_client_transport_id(&t->ssl, (const uint8_t *)"weir", 4), 0);
            status = MBEDTLS_ERR_SSL_WANT_READ;
        }
        if (status != 0 && status != MBEDTLS_ERR_SSL_WANT_READ && status != MBEDTLS_ERR_SSL_WANT_WRITE) {
            fail_msg("mbedtls: -0x%04x", (unsigned)-status);
        }
        if (status == 0 && t->d.state == WEIR_DTLS_CONNECTED) {
            t->is_up = true;
            return;
        }
        t->now += 10 * WEIR_MS;
    }
}

static void write_from_weir(struct talk *t, const char *text)
{
    uint8_t out[1500];
    size_t n = data_record(&t->d, text, out, sizeof out);
    assert_true(post(t, &t->to_mbedtls, out, n));
}

static void check_data(struct talk *t, const char *text)
{
    uint8_t in[256];
    t->lose = 0;
    unsigned had = t->got;
    write_from_weir(t, text);
    int n = mbedtls_ssl_read(&t->ssl, in, sizeof in);
    assert_int_equal(n, (int)strlen(text));
    assert_memory_equal(in, text, strlen(text));
    assert_int_equal(mbedtls_ssl_write(&t->ssl, (const uint8_t *)text, strlen(text)), (int)strlen(text));
    run_weir(t);
    assert_int_equal(t->got, had + 1);
    test_assert_bytes(weir_span_of(t->last, t->last_bytes), weir_span_of(text, strlen(text)));
}

static void check_keys(struct talk *t, uint16_t srtp)
{
    uint8_t ours[60];
    mbedtls_dtls_srtp_info info;
    assert_int_equal(weir_dtls_export(&t->d, "EXTRACTOR-dtls_srtp", (struct weir_mspan){ ours, 60 }), WEIR_OK);
    assert_true(t->has_exported);
    assert_memory_equal(ours, t->exported, 60);
    mbedtls_ssl_get_dtls_srtp_negotiation_result(&t->ssl, &info);
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    assert_int_equal(info.private_chosen_dtls_srtp_profile, srtp);
#else
    assert_int_equal(info.chosen_dtls_srtp_profile, srtp);
#endif
    assert_int_equal(weir_dtls_srtp(&t->d), srtp);
}

static void close_both(struct talk *t)
{
    uint8_t in[16];
    weir_dtls_close(&t->d, t->now);
    run_weir(t);
    assert_int_equal(mbedtls_ssl_read(&t->ssl, in, sizeof in), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
}

/* -- Tests ------------------------------------------------------------------------------------- */

static void with_its_client_and_its_server(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        struct terms w = { .is_server = (i & 1) != 0, .has_cookie = (i & 2) != 0,
                           .srtp = (i & 4) != 0 ? WEIR_DTLS_SRTP_AES128_CM_SHA1_80 : 0,
                           .own = (i & 8) != 0 ? 8 : -1, .peer = -1 };
        static struct talk t;
        begin(&t, &w, 3000 + i);
        shake(&t);
        assert_true(t.is_up);
        assert_false(weir_dtls_has_cid(&t.d)); /* it did not ask, or does not know what we ask */
        check_keys(&t, w.srtp);
        check_data(&t, "hello");
        close_both(&t);
        finish(&t);
    }
}

static void over_a_path_that_loses(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct terms w = { .is_server = i % 2 != 0, .srtp = 1, .own = -1, .peer = -1, .lose = 25 * i };
        static struct talk t;
        begin(&t, &w, 3100 + i);
        shake(&t);
        assert_true(t.is_up);
        check_keys(&t, 1);
        check_data(&t, "in spite of all");
        finish(&t);
    }
}

/* It takes no hello in pieces: ours is one datagram from an MTU of 320 on, a retry with a cookie too. */
static void our_messages_in_pieces(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct terms w = { .is_server = i % 2 != 0, .srtp = 1, .own = -1, .peer = -1,
                           .mtu = i % 2 != 0 ? 320 : 200, .has_cookie = i / 2 % 2 != 0, .lose = i / 4 * 150 };
        static struct talk t;
        begin(&t, &w, 3150 + i);
        shake(&t);
        assert_true(t.is_up);
        check_keys(&t, 1);
        check_data(&t, "whole again");
        finish(&t);
    }
}

#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID

static void check_ids(struct talk *t, const struct terms *w)
{
    uint8_t id[MBEDTLS_SSL_CID_OUT_LEN_MAX];
    size_t n = 99;
    int is_on = 0;
    assert_true(weir_dtls_has_cid(&t->d));
    assert_false(weir_dtls_has_rrc(&t->d));
    assert_int_equal(t->d.cid.tx_bytes, w->peer);
    assert_memory_equal(t->d.cid.tx, mbedtls_id, (size_t)w->peer);
    assert_int_equal(mbedtls_ssl_get_peer_cid(&t->ssl, &is_on, id, &n), 0);
    if (w->own == 0 && w->peer == 0) {
        assert_int_equal(is_on, MBEDTLS_SSL_CID_DISABLED);
        return;
    }
    assert_int_equal(is_on, MBEDTLS_SSL_CID_ENABLED);
    assert_int_equal(n, w->own);
    assert_memory_equal(id, t->d.config.cid, n);
}

static void ids_of_every_length_in_both_roles(void **state)
{
    (void)state;
    static const int own[] = { 0, 1, 8, WEIR_DTLS_CID_MAX }, peer[] = { 0, 1, 8, 32 };
    for (unsigned i = 0; i < 2 * 16; i++) {
        struct terms w = { .is_server = i % 2 != 0, .srtp = 1, .own = own[i / 2 % 4], .peer = peer[i / 8],
                           .has_cookie = i / 2 % 3 == 0 };
        static struct talk t;
        begin(&t, &w, 3200 + i);
        shake(&t);
        assert_true(t.is_up);
        check_ids(&t, &w);
        check_keys(&t, 1);
        check_data(&t, "with ids");
        /* Its records have zeros behind their type: a multiple of 16 bytes. */
        check_data(&t, "x");
        /* It moves: it is heard, and told of. */
        t.path = 5;
        check_data(&t, "from elsewhere");
        assert_int_equal(t.seen, w.own != 0 ? 1 : 0);
        close_both(&t);
        finish(&t);
    }
}

static void ids_over_a_path_that_loses(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct terms w = { .is_server = i % 2 != 0, .srtp = 1, .own = 6, .peer = 20, .lose = 25 * i };
        static struct talk t;
        begin(&t, &w, 3300 + i);
        shake(&t);
        assert_true(t.is_up);
        check_ids(&t, &w);
        check_data(&t, "with ids");
        finish(&t);
    }
}

static void it_asks_and_we_do_without(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct terms w = { .is_server = i != 0, .own = -1, .peer = 8 };
        static struct talk t;
        begin(&t, &w, 3400 + i);
        shake(&t);
        assert_true(t.is_up);
        assert_false(weir_dtls_has_cid(&t.d));
        check_data(&t, "without");
        finish(&t);
    }
}

#else

static void ids_of_every_length_in_both_roles(void **state)
{
    (void)state;
    print_message("mbedtls %s is built without connection ids: skipped\n", MBEDTLS_VERSION_STRING);
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_its_client_and_its_server),
        cmocka_unit_test(over_a_path_that_loses),
        cmocka_unit_test(our_messages_in_pieces),
        cmocka_unit_test(ids_of_every_length_in_both_roles),
#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID
        cmocka_unit_test(ids_over_a_path_that_loses),
        cmocka_unit_test(it_asks_and_we_do_without),
#endif
    };
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    if (psa_crypto_init() != PSA_SUCCESS) {
        return 1;
    }
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
