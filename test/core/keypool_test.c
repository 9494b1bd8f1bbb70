/* Keys made ahead: each is handed out once, and nothing of it stays. */
#include "core/keypool.h"
#include "test/support/support.h"

static bool holds(const struct weir_keypool *p, const uint8_t key[32])
{
    const uint8_t *bytes = (const uint8_t *)p;
    for (size_t i = 0; i + 32 <= sizeof *p; i++) {
        if (memcmp(bytes + i, key, 32) == 0) {
            return true;
        }
    }
    return false;
}

static void every_key_is_good_and_given_once(void **state)
{
    (void)state;
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_keypool p;
    struct weir_rand rand;
    uint8_t given[WEIR_KEYPOOL_KEYS][32], priv[2][WEIR_GROUP_PRIVATE_MAX];
    uint8_t pub[2][WEIR_GROUP_PUBLIC_MAX], shared[2][WEIR_GROUP_SHARED_MAX];
    weir_rand_init_number(&rand, test_seed(1));
    weir_keypool_init(&p, c, &rand);
    assert_false(weir_keypool_take(&p, WEIR_X25519, priv[0], pub[0]));
    assert_int_equal(p.missed, 1);
    for (unsigned i = 0; i < WEIR_KEYPOOL_KEYS; i++) {
        assert_true(weir_keypool_refill(&p));
    }
    assert_false(weir_keypool_refill(&p)); /* full */
    assert_false(weir_keypool_take(&p, WEIR_P256, priv[0], pub[0])); /* none of that group, ever */
    for (unsigned i = 0; i < WEIR_KEYPOOL_KEYS; i++) {
        assert_true(weir_keypool_take(&p, WEIR_X25519, priv[0], pub[0]));
        assert_false(holds(&p, priv[0]));
        memcpy(given[i], priv[0], 32);
        for (unsigned k = 0; k < i; k++) {
            assert_memory_not_equal(given[k], given[i], 32);
        }
        assert_true(c->ecdh_keygen(WEIR_X25519, &rand, priv[1], pub[1]));
        assert_true(c->ecdh_shared(WEIR_X25519, &rand, priv[0], weir_span_of(pub[1], 32), shared[0]));
        assert_true(c->ecdh_shared(WEIR_X25519, &rand, priv[1], weir_span_of(pub[0], 32), shared[1]));
        assert_memory_equal(shared[0], shared[1], 32);
    }
    assert_false(weir_keypool_take(&p, WEIR_X25519, priv[0], pub[0]));
    assert_int_equal(p.taken, WEIR_KEYPOOL_KEYS);
    weir_keypool_deinit(&p);
}

static void closing_it_forgets_what_was_not_used(void **state)
{
    (void)state;
    struct weir_keypool p;
    struct weir_rand rand;
    uint8_t key[32];
    weir_rand_init_number(&rand, 2);
    weir_keypool_init(&p, weir_crypto_default(), &rand);
    assert_true(weir_keypool_refill(&p));
    memcpy(key, p.private_key[0], 32);
    assert_true(holds(&p, key));
    weir_keypool_deinit(&p);
    assert_false(holds(&p, key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_good_and_given_once),
        cmocka_unit_test(closing_it_forgets_what_was_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
