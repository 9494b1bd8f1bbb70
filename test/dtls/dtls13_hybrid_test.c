/* X25519MLKEM768, the hybrid of X25519 and ML-KEM-768: who sends its share, who takes it, what a wrong share
 * leads to. With null crypto the machine is walked on every build; with real keys where the provider has
 * ML-KEM. */
#include "test/dtls/dtls13_sim.h"

#define HYBRID WEIR_DTLS_X25519MLKEM768

static bool is_real;

/* Real keys if there are any; a null table has all of them, and certificates that any fingerprint of theirs
 * fits. */
static void configure(struct weir_dtls_config c[2], uint64_t seed)
{
    static struct weir_crypto null;
    static struct weir_identity identity;
    struct weir_rand rand;
    for (unsigned who = 0; who < 2; who++) {
        c[who] = sim_config(who, seed + who);
        c[who].groups = 0;
        if (is_real) {
            continue;
        }
        weir_crypto_null(&null, weir_crypto_default());
        weir_rand_init_number(&rand, 1);
        assert_true(null.identity_make(&identity, &rand, 1700000000, 2000000000));
        const struct weir_span cert = { identity.cert, identity.cert_bytes };
        weir_hash_of(&null, WEIR_SHA256, &cert, 1, c[who].fingerprint[0].bytes);
        c[who].crypto = &null;
        c[who].identity = &identity;
    }
}

static void set_groups(struct weir_dtls_config *c, uint16_t first, uint16_t second)
{
    c->groups = second != 0 ? 2 : 1;
    c->group[0] = first;
    c->group[1] = second;
}

static int with_null(void **state)
{
    (void)state;
    is_real = false;
    return 0;
}

static int with_real(void **state)
{
    (void)state;
    is_real = weir_crypto_default()->kem_keygen != NULL;
    return 0;
}

static void who_prefers_what(void **state)
{
    (void)state;
    static const struct {
        uint16_t client[2], server[2]; /* 0: as they come */
        const char *group;
    } row[] = {
        { { 0 }, { 0 }, "X25519" }, /* the client's share is there, that counts */
        { { HYBRID, WEIR_X25519 }, { 0 }, "X25519MLKEM768" },
        { { HYBRID }, { HYBRID }, "X25519MLKEM768" },
        { { 0 }, { HYBRID }, "X25519MLKEM768" }, /* asked for */
        { { HYBRID, WEIR_X25519 }, { WEIR_X25519 }, "X25519" },
        { { HYBRID, WEIR_P256 }, { WEIR_P256 }, "P-256" },
    };
    for (size_t i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        struct sim s;
        struct weir_dtls_config c[2];
        configure(c, 200 + i);
        c[SERVER].requires_cookie = i % 2 != 0;
        if (row[i / 2].client[0] != 0) {
            set_groups(&c[CLIENT], row[i / 2].client[0], row[i / 2].client[1]);
        }
        if (row[i / 2].server[0] != 0) {
            set_groups(&c[SERVER], row[i / 2].server[0], row[i / 2].server[1]);
        }
        sim_init(&s, &c[CLIENT], &c[SERVER]);
        if (!sim_connect(&s, WEIR_SEC)) {
            fail_msg("row %zu", i);
        }
        sim_run(&s, WEIR_SEC);
        assert_string_equal(weir_dtls_group_name(&s.end[CLIENT].d), row[i / 2].group);
        assert_string_equal(weir_dtls_group_name(&s.end[SERVER].d), row[i / 2].group);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void in_12_there_is_none(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        struct weir_dtls_config c[2];
        configure(c, 230);
        set_groups(&c[CLIENT], HYBRID, WEIR_P256);
        set_groups(&c[SERVER], HYBRID, WEIR_P256);
        c[who].version_max = WEIR_DTLS_1_2;
        sim_init(&s, &c[CLIENT], &c[SERVER]);
        assert_true(sim_connect(&s, WEIR_SEC));
        assert_string_equal(weir_dtls_version_name(&s.end[0].d), "DTLS 1.2");
        assert_string_equal(weir_dtls_group_name(&s.end[0].d), "P-256");
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void without_ml_kem_nobody_offers_it(void **state)
{
    (void)state;
    struct weir_crypto bare = *weir_crypto_default();
    struct sim s;
    struct weir_dtls_config c[2];
    bare.kem_keygen = NULL;
    configure(c, 240);
    c[CLIENT] = sim_config(CLIENT, 240);
    c[SERVER] = sim_config(SERVER, 241);
    c[CLIENT].crypto = c[SERVER].crypto = &bare;
    set_groups(&c[CLIENT], HYBRID, 0); /* which leaves nothing: all that there are, then */
    sim_init(&s, &c[CLIENT], &c[SERVER]);
    for (unsigned i = 0; i < WEIR_DTLS_GROUPS_MAX; i++) {
        assert_int_not_equal(weir_dtls_group_at(&s.end[CLIENT].d, i), HYBRID);
    }
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_check_up(&s);
    sim_free(&s);
}

/* A share that is too short, too long, for the wrong side, or no key at all. */
static void attack_D36_a_hybrid_share_that_is_none_is_refused(void **state)
{
    (void)state;
    static const size_t bytes[] = { 1, 31, 32, 1184, 1215, 1217, 1120 };
    static uint8_t share[1300];
    for (size_t i = 0; i <= sizeof bytes / sizeof bytes[0]; i++) {
        static struct sim_whole w;
        struct weir_dtls_config c[2];
        bool is_key = i == sizeof bytes / sizeof bytes[0];
        configure(c, 250);
        sim_alone(&w, &c[SERVER], 0);
        assert_true(weir_dtls_lease(&w.d, 0));
        exchange_of(&w.d)->group = HYBRID;
        assert_true(weir_dtls_make_share(&w.d));
        memset(share, 0xff, sizeof share); /* coefficients of 4095: not below q [FIPS 203 7.2] */
        size_t n = is_key ? 1216 : bytes[i];
        assert_false(weir_dtls_take_share(&w.d, weir_span_of(share, n)));
    }
}

/* [RFC 8446 7.4.2 MUST] The other half does not save an all-zero secret of X25519. */
static void attack_D36_a_hybrid_share_with_a_zero_half_is_refused(void **state)
{
    (void)state;
    struct weir_dtls_config c[2];
    static struct sim_whole client, server;
    if (!is_real) {
        return;
    }
    configure(c, 260);
    sim_alone(&client, &c[CLIENT], 0);
    sim_alone(&server, &c[SERVER], 0);
    assert_true(weir_dtls_lease(&client.d, 0) && weir_dtls_lease(&server.d, 0));
    exchange_of(&client.d)->group = exchange_of(&server.d)->group = HYBRID;
    assert_true(weir_dtls_make_share(&client.d) && weir_dtls_make_share(&server.d));
    assert_true(weir_dtls_take_share(&server.d, weir_span_of(exchange_of(&client.d)->public_key, 1216)));
    assert_true(weir_dtls_take_share(&client.d, weir_span_of(exchange_of(&server.d)->public_key, 1120)));
    assert_memory_equal(exchange_of(&client.d)->premaster, exchange_of(&server.d)->premaster, 64);
    assert_memory_not_equal(exchange_of(&client.d)->premaster, exchange_of(&client.d)->premaster + 32, 32);
    memset(exchange_of(&client.d)->public_key + 1184, 0, 32);
    assert_false(weir_dtls_take_share(&server.d, weir_span_of(exchange_of(&client.d)->public_key, 1216)));
    /* A ciphertext with a flipped bit gives a secret that nobody shares [FIPS 203 6.3]. */
    exchange_of(&server.d)->public_key[5] ^= 1;
    assert_true(weir_dtls_take_share(&client.d, weir_span_of(exchange_of(&server.d)->public_key, 1120)));
    assert_memory_not_equal(exchange_of(&client.d)->premaster, exchange_of(&server.d)->premaster, 32);
}

static void attack_D31_any_double_loss_with_large_shares_is_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        for (unsigned k = i; k < 12; k++) {
            struct sim s;
            struct weir_dtls_config c[2];
            configure(c, 270);
            set_groups(&c[CLIENT], HYBRID, 0);
            sim_init(&s, &c[CLIENT], &c[SERVER]);
            s.drop = (uint64_t)1 << i | (uint64_t)1 << k;
            if (!sim_connect(&s, 8 * WEIR_SEC)) {
                fail_msg("datagrams %u and %u", i, k);
            }
            sim_check_up(&s);
            sim_free(&s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_prefers_what),
        cmocka_unit_test(in_12_there_is_none),
        cmocka_unit_test(without_ml_kem_nobody_offers_it),
        cmocka_unit_test(attack_D36_a_hybrid_share_that_is_none_is_refused),
        cmocka_unit_test(attack_D36_a_hybrid_share_with_a_zero_half_is_refused),
        cmocka_unit_test(attack_D31_any_double_loss_with_large_shares_is_repaired),
    };
    int failed = cmocka_run_group_tests_name("null crypto", tests, with_null, NULL);
    return failed + cmocka_run_group_tests_name("the provider's, if it has ML-KEM", tests, with_real, NULL);
}
