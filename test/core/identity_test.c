/* Identities that others made: certificate and key out of files in every form that is taken, and in every
 * form that is not. The files in test/data/identity were made with OpenSSL's command line, for this test
 * alone. */
#include "core/crypto.h"
#include "test/support/support.h"

#include <stdio.h>
#include <stdlib.h>

static struct weir_mspan file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "test/data/identity/%s", name);
    return test_read_file(path);
}

static bool load(struct weir_identity *id, const char *cert, const char *key)
{
    struct weir_mspan c = file(cert), k = file(key);
    struct weir_rand rand;
    weir_rand_init_number(&rand, 1);
    bool is_loaded = weir_crypto_default()->identity_load(id, &rand, weir_span_const(c), weir_span_const(k));
    free(c.p);
    free(k.p);
    return is_loaded;
}

/* What it signs, its certificate verifies; and by no other scheme does it sign. */
static void check_signs(const struct weir_identity *id, enum weir_sigscheme scheme, bool may)
{
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_rand rand;
    struct weir_pubkey key;
    uint8_t digest[32] = { 7 }, sig[WEIR_SIGNATURE_MAX];
    size_t n = 0;
    weir_rand_init_number(&rand, 2);
    assert_int_equal(c->identity_sign(id, &rand, scheme, digest, sig, &n), may);
    if (may) {
        assert_true(c->cert_pubkey(weir_span_of(id->cert, id->cert_bytes), &key));
        assert_true(c->verify(&key, scheme, weir_span_of(digest, 32), weir_span_of(sig, n)));
        digest[31] ^= 1;
        assert_false(c->verify(&key, scheme, weir_span_of(digest, 32), weir_span_of(sig, n)));
    }
}

static void every_form_that_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *cert, *key;
        bool is_rsa;
    } row[] = {
        { "p256.pem", "p256.key", false },        { "p256.der", "p256-key.der", false },
        { "p256.der", "p256-pkcs8.der", false },  { "p256.pem", "p256-key.der", false },
        { "rsa2048.pem", "rsa2048.key", true },   { "rsa3072.pem", "rsa3072.key", true },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_identity id;
        uint8_t digest[32];
        if (!load(&id, row[i].cert, row[i].key)) {
            fail_msg("%s with %s", row[i].cert, row[i].key);
        }
        assert_int_equal(id.is_rsa, row[i].is_rsa);
        struct weir_span cert = { id.cert, id.cert_bytes };
        weir_hash_of(weir_crypto_default(), WEIR_SHA256, &cert, 1, digest);
        assert_memory_equal(id.fingerprint_sha256, digest, 32);
        check_signs(&id, WEIR_ECDSA_P256_SHA256, !row[i].is_rsa);
        check_signs(&id, WEIR_RSA_PSS_SHA256, row[i].is_rsa);
        check_signs(&id, WEIR_RSA_PKCS1_SHA256, row[i].is_rsa);
        check_signs(&id, WEIR_RSA_PSS_SHA384, false);
    }
}

static void every_form_that_is_not(void **state)
{
    (void)state;
    static const char *const row[][2] = {
        { "p256.pem", "rsa2048.key" },           /* not its key */
        { "rsa2048.pem", "rsa3072.key" },
        { "rsa2048.pem", "rsa2048-encrypted.key" }, /* nobody is asked for the password */
        { "rsa1024.pem", "rsa1024.key" },        /* [RFC 8827 6.5] too short */
        { "rsa4096.pem", "rsa4096.key" },        /* does not fit */
        { "p384.pem", "p384.key" },
        { "p256.key", "p256.pem" },
        { "p256-key.der", "p256.der" },
    };
    static const struct weir_identity zero;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_identity id;
        memset(&id, 1, sizeof id);
        if (load(&id, row[i][0], row[i][1])) {
            fail_msg("%s with %s", row[i][0], row[i][1]);
        }
        assert_memory_equal(&id, &zero, sizeof zero);
    }
}

static void no_part_of_a_file_passes_for_it(void **state)
{
    (void)state;
    static const char *const name[] = { "p256.pem", "p256.key", "p256.der", "p256-pkcs8.der" };
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_mspan whole[4];
    for (size_t i = 0; i < 4; i++) {
        whole[i] = file(name[i]);
    }
    for (size_t form = 0; form < 2; form++) {
        struct weir_span cert = weir_span_const(whole[2 * form]), key = weir_span_const(whole[2 * form + 1]);
        size_t foot = form == 0 ? 30 : 0; /* of PEM the end of the last line may be missing */
        struct weir_identity id;
        struct weir_rand rand;
        weir_rand_init_number(&rand, 3);
        for (size_t n = 0; n + foot < cert.n; n++) {
            assert_false(c->identity_load(&id, &rand, weir_span_of(cert.p, n), key));
        }
        for (size_t n = 0; n + foot < key.n; n++) {
            assert_false(c->identity_load(&id, &rand, cert, weir_span_of(key.p, n)));
        }
        assert_true(c->identity_load(&id, &rand, cert, key));
    }
    for (size_t i = 0; i < 4; i++) {
        free(whole[i].p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_that_is_taken),
        cmocka_unit_test(every_form_that_is_not),
        cmocka_unit_test(no_part_of_a_file_passes_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
