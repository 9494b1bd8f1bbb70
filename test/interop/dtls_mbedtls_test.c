/* mbedtls's own DTLS 1.2 at the other end, in memory, both roles: the same master secret, the same SRTP
 * profile, data both ways. */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#ifndef MBEDTLS_PRIVATE
#define MBEDTLS_PRIVATE(member) member /* mbedtls 3 renames what it would rather hide */
#endif

#include "dtls/dtls.h"
#include "test/support/support.h"

#include <stdlib.h>

enum { QUEUE = 64 };

struct queue {
    unsigned head, tail;
    size_t n[QUEUE];
    uint8_t bytes[QUEUE][1500];
};

struct meeting {
    struct weir_dtls ours;
    struct weir_identity identity;
    mbedtls_ssl_config config;
    mbedtls_ssl_context theirs;
    mbedtls_ssl_cookie_ctx cookie;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context rng;
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    struct queue to_ours, to_theirs;
    weir_time now, timer_at, timer_half;
    unsigned sent, lose; /* every so many datagrams of either side one is lost; 0: none */
    uint8_t their_master[48];
    bool is_connected;
    uint8_t got[64];
    size_t got_bytes;
};

static const mbedtls_ssl_srtp_profile profiles[] = { MBEDTLS_TLS_SRTP_AES128_CM_HMAC_SHA1_80,
                                                     MBEDTLS_TLS_SRTP_UNSET };

/* -- The path ---------------------------------------------------------------------------------- */

static void put(struct meeting *m, struct queue *q, const uint8_t *p, size_t n)
{
    if (m->lose != 0 && ++m->sent % m->lose == 0) {
        return;
    }
    assert_true(q->tail - q->head < QUEUE && n <= sizeof q->bytes[0]);
    q->n[q->tail % QUEUE] = n;
    memcpy(q->bytes[q->tail++ % QUEUE], p, n);
}

static int their_send(void *ctx, const unsigned char *p, size_t n)
{
    struct meeting *m = ctx;
    put(m, &m->to_ours, p, n);
    return (int)n;
}

static int their_recv(void *ctx, unsigned char *p, size_t n)
{
    struct queue *q = &((struct meeting *)ctx)->to_theirs;
    if (q->head == q->tail) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t have = q->n[q->head % QUEUE];
    assert_true(have <= n);
    memcpy(p, q->bytes[q->head++ % QUEUE], have);
    return (int)have;
}

/* Timers in our virtual time. */
static void set_timer(void *ctx, uint32_t half_ms, uint32_t whole_ms)
{
    struct meeting *m = ctx;
    m->timer_at = whole_ms == 0 ? WEIR_NEVER : m->now + whole_ms * WEIR_MS;
    m->timer_half = m->now + half_ms * WEIR_MS;
}

static int get_timer(void *ctx)
{
    const struct meeting *m = ctx;
    return m->timer_at == WEIR_NEVER ? -1 : m->now >= m->timer_at ? 2 : m->now >= m->timer_half ? 1 : 0;
}

/* -- The other end ----------------------------------------------------------------------------- */

#if MBEDTLS_VERSION_MAJOR < 3
static int keep_master(void *ctx, const unsigned char *master, const unsigned char *block, size_t mac,
                       size_t key, size_t iv, const unsigned char client[32], const unsigned char server[32],
                       mbedtls_tls_prf_types prf)
{
    (void)block, (void)mac, (void)key, (void)iv, (void)client, (void)server, (void)prf;
    memcpy(((struct meeting *)ctx)->their_master, master, 48);
    return 0;
}
#else
static void keep_master(void *ctx, mbedtls_ssl_key_export_type type, const unsigned char *secret, size_t n,
                        const unsigned char client[32], const unsigned char server[32],
                        mbedtls_tls_prf_types prf)
{
    (void)client, (void)server, (void)prf;
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET && n == 48) {
        memcpy(((struct meeting *)ctx)->their_master, secret, 48);
    }
}
#endif

static void load_certificate(struct meeting *m)
{
    struct weir_mspan cert = test_read_file("test/data/identity/p256.der");
    struct weir_mspan key = test_read_file("test/data/identity/p256-key.der");
    assert_int_equal(mbedtls_x509_crt_parse_der(&m->cert, cert.p, cert.n), 0);
#if MBEDTLS_VERSION_MAJOR < 3
    assert_int_equal(mbedtls_pk_parse_key(&m->key, key.p, key.n, NULL, 0), 0);
#else
    assert_int_equal(mbedtls_pk_parse_key(&m->key, key.p, key.n, NULL, 0, mbedtls_ctr_drbg_random, &m->rng), 0);
#endif
    free(cert.p);
    free(key.p);
}

static void open_theirs(struct meeting *m, bool is_client, bool with_cookie)
{
    mbedtls_ssl_config_init(&m->config);
    mbedtls_ssl_init(&m->theirs);
    mbedtls_ssl_cookie_init(&m->cookie);
    mbedtls_entropy_init(&m->entropy);
    mbedtls_ctr_drbg_init(&m->rng);
    mbedtls_x509_crt_init(&m->cert);
    mbedtls_pk_init(&m->key);
    assert_int_equal(mbedtls_ctr_drbg_seed(&m->rng, mbedtls_entropy_func, &m->entropy, NULL, 0), 0);
    load_certificate(m);
    assert_int_equal(mbedtls_ssl_config_defaults(&m->config, is_client ? MBEDTLS_SSL_IS_CLIENT
                                                                      : MBEDTLS_SSL_IS_SERVER,
                                                 MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT), 0);
    mbedtls_ssl_conf_rng(&m->config, mbedtls_ctr_drbg_random, &m->rng);
    mbedtls_ssl_conf_authmode(&m->config, MBEDTLS_SSL_VERIFY_OPTIONAL);
    mbedtls_ssl_conf_handshake_timeout(&m->config, 100, 2000);
    assert_int_equal(mbedtls_ssl_conf_own_cert(&m->config, &m->cert, &m->key), 0);
    assert_int_equal(mbedtls_ssl_conf_dtls_srtp_protection_profiles(&m->config, profiles), 0);
    if (!is_client && with_cookie) {
        assert_int_equal(mbedtls_ssl_cookie_setup(&m->cookie, mbedtls_ctr_drbg_random, &m->rng), 0);
        mbedtls_ssl_conf_dtls_cookies(&m->config, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check,
                                      &m->cookie);
    } else if (!is_client) {
        mbedtls_ssl_conf_dtls_cookies(&m->config, NULL, NULL, NULL);
    }
#if MBEDTLS_VERSION_MAJOR < 3
    mbedtls_ssl_conf_export_keys_ext_cb(&m->config, keep_master, m);
#endif
    assert_int_equal(mbedtls_ssl_setup(&m->theirs, &m->config), 0);
#if MBEDTLS_VERSION_MAJOR >= 3
    mbedtls_ssl_set_export_keys_cb(&m->theirs, keep_master, m);
#endif
    if (is_client) {
        assert_int_equal(mbedtls_ssl_set_hostname(&m->theirs, NULL), 0);
    } else {
        assert_int_equal(mbedtls_ssl_set_client_transport_id(&m->theirs, (const unsigned char *)"us", 2), 0);
    }
    mbedtls_ssl_set_timer_cb(&m->theirs, m, set_timer, get_timer);
    mbedtls_ssl_set_bio(&m->theirs, m, their_send, their_recv, NULL);
    mbedtls_ssl_set_mtu(&m->theirs, 600);
}

static void close_theirs(struct meeting *m)
{
    mbedtls_ssl_free(&m->theirs);
    mbedtls_ssl_config_free(&m->config);
    mbedtls_ssl_cookie_free(&m->cookie);
    mbedtls_pk_free(&m->key);
    mbedtls_x509_crt_free(&m->cert);
    mbedtls_ctr_drbg_free(&m->rng);
    mbedtls_entropy_free(&m->entropy);
}

/* -- Ours -------------------------------------------------------------------------------------- */

static void open_ours(struct meeting *m, bool is_client, bool with_cookie, uint16_t mtu)
{
    struct weir_rand rand;
    struct weir_dtls_config c = { .crypto = weir_crypto_default(), .identity = &m->identity,
                                  .is_client = is_client, .requires_cookie = with_cookie, .mtu = mtu,
                                  .has_keylog = true, .fingerprints = 1, .srtp_profiles = 2,
                                  .srtp_profile = { WEIR_DTLS_SRTP_AEAD_AES_128_GCM,
                                                    WEIR_DTLS_SRTP_AES128_CM_SHA1_80 } };
    struct weir_span cert = { m->cert.raw.p, m->cert.raw.len };
    weir_rand_init_number(&rand, 3);
    assert_true(c.crypto->identity_make(&m->identity, &rand, 1500000000, 4000000000));
    c.fingerprint[0].hash = WEIR_SHA256;
    weir_hash_of(c.crypto, WEIR_SHA256, &cert, 1, c.fingerprint[0].bytes);
    c.seed[0] = 9;
    weir_dtls_init(&m->ours, &c, m->now);
    assert_int_equal(weir_dtls_start(&m->ours, m->now), WEIR_OK);
}

static void run_ours(struct meeting *m)
{
    struct weir_dtls_event event;
    uint8_t out[1500];
    size_t n;
    weir_dtls_tick(&m->ours, m->now);
    while (m->to_ours.head != m->to_ours.tail) {
        struct queue *q = &m->to_ours;
        struct weir_mspan rest = { q->bytes[q->head % QUEUE], q->n[q->head % QUEUE] };
        q->head++;
        while (rest.n != 0) {
            struct weir_span plain;
            (void)weir_dtls_recv(&m->ours, m->now, &rest, &plain);
            if (plain.n != 0 && plain.n <= sizeof m->got) {
                memcpy(m->got, plain.p, plain.n);
                m->got_bytes = plain.n;
            }
        }
    }
    while (weir_dtls_event(&m->ours, &event)) {
        m->is_connected |= event.type == WEIR_DTLS_EVENT_CONNECTED;
        if (event.type == WEIR_DTLS_EVENT_FAILED) {
            fail_msg("%s", weir_dtls_verdict_name(event.verdict));
        }
    }
    while ((n = weir_dtls_send(&m->ours, m->now, (struct weir_mspan){ out, sizeof out })) != 0) {
        put(m, &m->to_theirs, out, n);
    }
}

/* -- Both -------------------------------------------------------------------------------------- */

static void shake_hands(struct meeting *m)
{
    bool is_done = false;
    while (!(is_done && m->is_connected)) {
        assert_true(m->now < 60 * WEIR_SEC);
        run_ours(m);
        int status = is_done ? 0 : mbedtls_ssl_handshake(&m->theirs);
        if (status == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED) {
            assert_int_equal(mbedtls_ssl_session_reset(&m->theirs), 0);
            assert_int_equal(mbedtls_ssl_set_client_transport_id(&m->theirs, (const unsigned char *)"us", 2), 0);
        } else if (status != MBEDTLS_ERR_SSL_WANT_READ && status != MBEDTLS_ERR_SSL_WANT_WRITE) {
            assert_int_equal(status, 0);
            is_done = true;
        }
        uint8_t late[64];
        if (is_done && !m->is_connected) {
            (void)mbedtls_ssl_read(&m->theirs, late, sizeof late); /* its last flight may be asked for again */
        }
        m->now += 5 * WEIR_MS;
    }
}

static void check_keys(struct meeting *m)
{
    uint8_t random[32], master[WEIR_DTLS_SECRET_MAX];
    size_t n;
    mbedtls_dtls_srtp_info info;
    assert_true(weir_dtls_keylog(&m->ours, WEIR_DTLS_SECRET_MASTER, random, master, &n));
    assert_int_equal(n, 48);
    assert_memory_equal(master, m->their_master, 48);
    mbedtls_ssl_get_dtls_srtp_negotiation_result(&m->theirs, &info);
    assert_int_equal(info.MBEDTLS_PRIVATE(chosen_dtls_srtp_profile), MBEDTLS_TLS_SRTP_AES128_CM_HMAC_SHA1_80);
    assert_int_equal(weir_dtls_srtp(&m->ours), WEIR_DTLS_SRTP_AES128_CM_SHA1_80);
    assert_string_equal(weir_dtls_version_name(&m->ours), "DTLS 1.2");
}

static void check_data(struct meeting *m)
{
    uint8_t record[200], got[64];
    size_t head = weir_dtls_head_bytes(&m->ours);
    m->lose = 0;
    memcpy(record + head, "from weir", 9);
    size_t n = weir_dtls_seal(&m->ours, (struct weir_mspan){ record, sizeof record }, head, 9);
    assert_true(n != 0);
    put(m, &m->to_theirs, record, n);
    int status = MBEDTLS_ERR_SSL_WANT_READ;
    for (int i = 0; i < 20 && status == MBEDTLS_ERR_SSL_WANT_READ; i++) {
        status = mbedtls_ssl_read(&m->theirs, got, sizeof got);
        run_ours(m);
    }
    assert_int_equal(status, 9);
    assert_memory_equal(got, "from weir", 9);
    assert_int_equal(mbedtls_ssl_write(&m->theirs, (const unsigned char *)"from mbedtls", 12), 12);
    run_ours(m);
    test_assert_bytes(weir_span_of(m->got, m->got_bytes), WEIR_LIT("from mbedtls"));
    weir_dtls_close(&m->ours, m->now);
    run_ours(m);
    for (int i = 0; i < 20 && status != MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY; i++) {
        status = mbedtls_ssl_read(&m->theirs, got, sizeof got);
    }
    assert_int_equal(status, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
}

struct way {
    bool is_client, with_cookie; /* are we; does the server ask for one */
    uint16_t mtu;
    unsigned lose;
};

static void meet(const struct way *way)
{
    struct meeting *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->now = 10 * WEIR_SEC;
    m->timer_at = WEIR_NEVER;
    m->lose = way->lose;
    open_theirs(m, !way->is_client, way->with_cookie);
    open_ours(m, way->is_client, way->with_cookie && !way->is_client, way->mtu);
    shake_hands(m);
    check_keys(m);
    check_data(m);
    close_theirs(m);
    weir_dtls_deinit(&m->ours);
    free(m);
}

static void it_is_client(void **state)
{
    (void)state;
    static const struct way way[] = { { false, false, 0, 0 }, { false, true, 0, 0 }, { false, false, 300, 0 },
                                      { false, true, 200, 5 }, { false, false, 0, 3 } };
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        meet(&way[i]);
    }
}

/* It takes no hello in pieces: ours is one datagram from an MTU of 300 on. */
static void it_is_server(void **state)
{
    (void)state;
    static const struct way way[] = { { true, false, 0, 0 }, { true, true, 0, 0 }, { true, false, 300, 0 },
                                      { true, true, 320, 5 }, { true, false, 0, 3 } };
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        meet(&way[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(it_is_client), cmocka_unit_test(it_is_server) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
