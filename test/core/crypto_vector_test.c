/* The crypto provider against the Wycheproof vectors and those of the RFCs that name its parts. */
#include "test/support/support.h"

#define FIELDS_MAX 8
#define FIELD_BYTES 70000

struct row {
    unsigned id;
    bool is_valid;
    bool is_acceptable;
    struct weir_mspan field[FIELDS_MAX];
    unsigned fields;
    uint64_t number; /* the one field that is a number, where a file has one */
};

static uint8_t field_room[FIELDS_MAX][FIELD_BYTES];

/* Run `check` on every line of a vector file; the count of lines is returned. */
static unsigned each_row(const char *file, int number_field, void (*check)(const struct row *))
{
    char path[128];
    snprintf(path, sizeof path, "test/data/wycheproof/%s.txt", file);
    struct weir_mspan text = test_read_file(path);
    char *all = malloc(text.n + 1);
    memcpy(all, text.p, text.n);
    all[text.n] = '\0';
    unsigned rows = 0;
    char *line_end;
    for (char *line = strtok_r(all, "\n", &line_end); line != NULL;
         line = strtok_r(NULL, "\n", &line_end)) {
        struct row r = { 0 };
        char *word_end;
        char *word = strtok_r(line, " ", &word_end);
        r.id = (unsigned)strtoul(word, NULL, 10);
        word = strtok_r(NULL, " ", &word_end);
        r.is_valid = strcmp(word, "valid") == 0;
        r.is_acceptable = strcmp(word, "acceptable") == 0;
        while ((word = strtok_r(NULL, " ", &word_end)) != NULL) {
            if ((int)r.fields == number_field) {
                r.number = strtoull(word, NULL, 10);
            }
            r.field[r.fields].p = field_room[r.fields];
            r.field[r.fields].n = test_unhex(word, field_room[r.fields], FIELD_BYTES);
            r.fields++;
        }
        check(&r);
        rows++;
    }
    free(all);
    free(text.p);
    return rows;
}

#define FIELD(r, i) weir_span_const((r)->field[i])

/* -- AEAD -------------------------------------------------------------------------------------- */

static enum weir_aead_id aead_under_test;

static void check_aead(const struct row *r)
{
    const struct weir_crypto *c = weir_crypto_default();
    enum weir_aead_id id = aead_under_test;
    if (id != WEIR_CHACHA20_POLY1305) {
        id = r->field[0].n == 16 ? WEIR_AES_128_GCM : WEIR_AES_256_GCM;
    }
    struct weir_aead key;
    assert_true(c->aead_init(&key, id, r->field[0].p));
    struct weir_aead copy = key; /* a copy is as good as the key */
    weir_wipe(&key, sizeof key);

    struct weir_mspan ct = r->field[4];
    uint8_t *data = malloc(ct.n + 1);
    weir_copy(data, ct.p, ct.n);
    bool opened = c->aead_open(&copy, r->field[1].p, FIELD(r, 2), (struct weir_mspan){ data, ct.n },
                               r->field[5].p);
    assert_int_equal(opened, r->is_valid);
    if (r->is_valid) {
        uint8_t tag[16];
        test_assert_bytes(weir_span_of(data, ct.n), FIELD(r, 3));
        c->aead_seal(&copy, r->field[1].p, FIELD(r, 2), (struct weir_mspan){ data, ct.n }, tag);
        test_assert_bytes(weir_span_of(data, ct.n), FIELD(r, 4));
        test_assert_bytes(weir_span_of(tag, 16), FIELD(r, 5));
    }
    free(data);
}

static void aes_gcm_seals_and_opens_as_wycheproof_says(void **state)
{
    (void)state;
    aead_under_test = WEIR_AES_128_GCM;
    assert_true(each_row("aes_gcm", -1, check_aead) > 100);
}

static void chacha20_poly1305_seals_and_opens_as_wycheproof_says(void **state)
{
    (void)state;
    aead_under_test = WEIR_CHACHA20_POLY1305;
    assert_true(each_row("chacha20_poly1305", -1, check_aead) > 200);
}

/* -- CTR: NIST SP 800-38A F.5.1 and F.5.5 ------------------------------------------------------ */

static void check_ctr(const char *key_hex, const char *want_hex)
{
    const struct weir_crypto *c = weir_crypto_default();
    uint8_t key[32], iv[16], data[64], want[64];
    size_t key_bytes = test_unhex(key_hex, key, sizeof key);
    test_unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", iv, 16);
    test_unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
               "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
               data, 64);
    test_unhex(want_hex, want, 64);
    struct weir_ctr k;
    assert_true(c->ctr_init(&k, key, key_bytes));
    struct weir_ctr copy = k;
    weir_wipe(&k, sizeof k);
    c->ctr_xor(&copy, iv, (struct weir_mspan){ data, 64 });
    test_assert_bytes(weir_span_of(data, 64), weir_span_of(want, 64));
}

static void ctr_matches_sp800_38a(void **state)
{
    (void)state;
    check_ctr("2b7e151628aed2a6abf7158809cf4f3c",
              "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
              "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee");
    check_ctr("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
              "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
              "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6");
}

/* -- ECDH -------------------------------------------------------------------------------------- */

static enum weir_group group_under_test;

static void check_ecdh(const struct row *r)
{
    const struct weir_crypto *c = weir_crypto_default();
    size_t n = weir_group_private_bytes(group_under_test);
    uint8_t priv[64] = { 0 }, shared[WEIR_GROUP_SHARED_MAX];
    static const uint8_t zero[WEIR_GROUP_SHARED_MAX];
    struct weir_rand rand;
    weir_rand_init_number(&rand, r->id);
    struct weir_span given = FIELD(r, 1);
    while (given.n > n) { /* a leading zero of the number format */
        given.p++;
        given.n--;
    }
    memcpy(priv + n - given.n, given.p, given.n);
    bool is_done = c->ecdh_shared(group_under_test, &rand, priv, FIELD(r, 0), shared);
    bool must_refuse = r->field[2].n == n && memcmp(r->field[2].p, zero, n) == 0;
    if (must_refuse) {
        assert_false(is_done);
    } else if (r->is_valid) {
        assert_true(is_done);
    } else if (!r->is_acceptable) {
        assert_false(is_done);
    }
    if (is_done) {
        test_assert_bytes(weir_span_of(shared, n), FIELD(r, 2));
    }
}

static void ecdh_p256_agrees_with_wycheproof(void **state)
{
    (void)state;
    group_under_test = WEIR_P256;
    assert_true(each_row("ecdh_p256", -1, check_ecdh) > 200);
}

static void ecdh_p384_agrees_with_wycheproof(void **state)
{
    (void)state;
    group_under_test = WEIR_P384;
    assert_true(each_row("ecdh_p384", -1, check_ecdh) > 200);
}

static void attack_D36_x25519_agrees_with_wycheproof_and_refuses_zero(void **state)
{
    (void)state;
    group_under_test = WEIR_X25519;
    assert_true(each_row("x25519", -1, check_ecdh) > 200);
}

static void fresh_keys_agree_with_each_other(void **state)
{
    (void)state;
    const struct weir_crypto *c = weir_crypto_default();
    static const enum weir_group group[] = { WEIR_P256, WEIR_P384, WEIR_X25519 };
    for (size_t i = 0; i < sizeof group / sizeof group[0]; i++) {
        uint8_t a[WEIR_GROUP_PRIVATE_MAX], b[WEIR_GROUP_PRIVATE_MAX];
        uint8_t pub_a[WEIR_GROUP_PUBLIC_MAX], pub_b[WEIR_GROUP_PUBLIC_MAX];
        uint8_t ab[WEIR_GROUP_SHARED_MAX], ba[WEIR_GROUP_SHARED_MAX];
        struct weir_rand rand;
        weir_rand_init_number(&rand, i);
        assert_true(c->ecdh_keygen(group[i], &rand, a, pub_a));
        assert_true(c->ecdh_keygen(group[i], &rand, b, pub_b));
        uint8_t again[WEIR_GROUP_PRIVATE_MAX], pub_again[WEIR_GROUP_PUBLIC_MAX];
        weir_rand_init_number(&rand, i); /* same seed, same keys */
        assert_true(c->ecdh_keygen(group[i], &rand, again, pub_again));
        assert_memory_equal(again, a, weir_group_private_bytes(group[i]));
        assert_memory_equal(pub_again, pub_a, weir_group_public_bytes(group[i]));
        size_t n = weir_group_public_bytes(group[i]);
        assert_true(c->ecdh_shared(group[i], &rand, a, weir_span_of(pub_b, n), ab));
        assert_true(c->ecdh_shared(group[i], &rand, b, weir_span_of(pub_a, n), ba));
        assert_memory_equal(ab, ba, weir_group_shared_bytes(group[i]));
        assert_false(c->ecdh_shared(group[i], &rand, a, weir_span_of(pub_b, n - 1), ab));
    }
}

/* -- Signatures -------------------------------------------------------------------------------- */

static enum weir_sigscheme scheme_under_test;
static enum weir_pubkey_type type_under_test;

static void check_signature(const struct row *r)
{
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_pubkey key = { .type = type_under_test };
    enum weir_hash_id hash = WEIR_SHA1;
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    assert_true(weir_copy_into(key.spki, sizeof key.spki, FIELD(r, 0)));
    key.spki_bytes = r->field[0].n;
    assert_true(weir_sigscheme_hash((uint16_t)scheme_under_test, &hash));
    struct weir_span msg = FIELD(r, 1);
    weir_hash_of(c, hash, &msg, 1, digest);
    bool is_good = c->verify(&key, scheme_under_test, weir_span_of(digest, weir_hash_bytes(hash)),
                             FIELD(r, 2));
    if (is_good != r->is_valid && !r->is_acceptable) {
        fail_msg("vector %u: verify says %d", r->id, is_good);
    }
}

static void ecdsa_p256_verifies_as_wycheproof_says(void **state)
{
    (void)state;
    scheme_under_test = WEIR_ECDSA_P256_SHA256;
    type_under_test = WEIR_PUBKEY_P256;
    assert_true(each_row("ecdsa_p256_sha256", -1, check_signature) > 400);
}

static void ecdsa_p384_verifies_as_wycheproof_says(void **state)
{
    (void)state;
    scheme_under_test = WEIR_ECDSA_P384_SHA384;
    type_under_test = WEIR_PUBKEY_P384;
    assert_true(each_row("ecdsa_p384_sha384", -1, check_signature) > 400);
}

static void rsa_pss_verifies_as_wycheproof_says(void **state)
{
    (void)state;
    scheme_under_test = WEIR_RSA_PSS_SHA256;
    type_under_test = WEIR_PUBKEY_RSA;
    assert_true(each_row("rsa_pss_sha256", -1, check_signature) > 100);
}

static void rsa_pkcs1_verifies_the_one_encoding_alone(void **state)
{
    (void)state;
    type_under_test = WEIR_PUBKEY_RSA;
    scheme_under_test = WEIR_RSA_PKCS1_SHA256;
    assert_true(each_row("../rsa/pkcs1_sha256", -1, check_signature) > 10);
    scheme_under_test = WEIR_RSA_PKCS1_SHA384;
    assert_true(each_row("../rsa/pkcs1_sha384", -1, check_signature) > 10);
    scheme_under_test = WEIR_RSA_PKCS1_SHA512;
    assert_true(each_row("../rsa/pkcs1_sha512", -1, check_signature) > 10);
}

static void an_identity_signs_what_its_certificate_verifies(void **state)
{
    (void)state;
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_identity id, again;
    struct weir_rand rand, same;
    weir_rand_init_number(&rand, 7);
    same = rand;
    assert_true(c->identity_make(&id, &rand, 1700000000, 1900000000));
    assert_true(c->identity_make(&again, &same, 1700000000, 1900000000));
    assert_memory_equal(&id, &again, sizeof id); /* same seed, same certificate */

    struct weir_pubkey key;
    assert_true(c->cert_pubkey(weir_span_of(id.cert, id.cert_bytes), &key));
    assert_int_equal(key.type, WEIR_PUBKEY_P256);

    uint8_t digest[32] = { 1, 2, 3 }, sig[WEIR_SIGNATURE_MAX];
    size_t n = 0;
    assert_true(c->identity_sign(&id, &rand, WEIR_ECDSA_P256_SHA256, digest, sig, &n));
    struct weir_span d = { digest, 32 }, s = { sig, n };
    assert_true(c->verify(&key, WEIR_ECDSA_P256_SHA256, d, s));
    assert_false(c->verify(&key, WEIR_ECDSA_P384_SHA384, d, s)); /* wrong curve for the key */
    assert_false(c->verify(&key, WEIR_RSA_PSS_SHA256, d, s));    /* wrong kind of key */
    assert_false(c->verify(&key, WEIR_ECDSA_P256_SHA256, weir_span_of(digest, 20), s)); /* D21 */
    digest[0] ^= 1;
    assert_false(c->verify(&key, WEIR_ECDSA_P256_SHA256, d, s));
}

/* No part of a certificate passes for a certificate, and no byte of it can make reading it go wrong. */
static void certificates_cut_short_or_changed_are_no_harm(void **state)
{
    (void)state;
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_identity id;
    struct weir_pubkey key, good;
    struct weir_rand rand;
    weir_rand_init_number(&rand, 8);
    assert_true(c->identity_make(&id, &rand, 2524607999, 2524608000)); /* UTCTime, GeneralizedTime */
    assert_true(c->cert_pubkey(weir_span_of(id.cert, id.cert_bytes), &good));
    assert_int_equal(good.bits, 256);
    assert_int_equal(good.spki_bytes, 91);
    for (size_t n = 0; n < id.cert_bytes; n++) {
        uint8_t *cut = malloc(n + 1);
        memcpy(cut, id.cert, n);
        assert_false(c->cert_pubkey(weir_span_of(cut, n), &key));
        assert_int_equal(key.type, WEIR_PUBKEY_NONE);
        free(cut);
    }
    for (size_t at = 0; at < id.cert_bytes; at++) {
        for (unsigned flip = 1; flip < 256; flip += 2) {
            id.cert[at] ^= (uint8_t)flip;
            if (c->cert_pubkey(weir_span_of(id.cert, id.cert_bytes), &key)) {
                assert_int_equal(key.type, WEIR_PUBKEY_P256);
                assert_int_equal(key.spki_bytes, 91);
            }
            id.cert[at] ^= (uint8_t)flip;
        }
    }
}

/* What else than the key a certificate says does not matter, and every provider thinks so: of all changes of
 * one bit those are read that leave a frame and a point on the curve. */
static void of_a_certificate_the_key_counts_alone(void **state)
{
    (void)state;
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_mspan cert = test_read_file("test/data/identity/p256.der");
    struct weir_pubkey key;
    uint8_t b[WEIR_CERT_MAX];
    unsigned taken = 0, sum = 0;
    for (size_t i = 0; i < 8 * cert.n; i++) {
        memcpy(b, cert.p, cert.n);
        b[i / 8] ^= (uint8_t)(1u << i % 8);
        bool is_read = c->cert_pubkey(weir_span_of(b, cert.n), &key);
        taken += is_read ? 1 : 0;
        sum = sum * 31 + (is_read ? 1 : 0);
    }
    assert_int_equal(taken, 2098);
    assert_int_equal(sum, 0x7a85ef3e);
    memcpy(b, cert.p, cert.n);
    b[cert.n] = 0x41; /* a byte behind */
    assert_false(c->cert_pubkey(weir_span_of(b, cert.n + 1), &key));
    for (size_t i = 0; i + 13 < cert.n; i++) {
        if (b[i] == 0x17 && b[i + 1] == 13) { /* month 99 */
            b[i + 4] = b[i + 5] = '9';
            assert_true(c->cert_pubkey(weir_span_of(b, cert.n), &key));
            break;
        }
    }
    free(cert.p);
}

/* Certificates that libraries refuse, or take, for what is no affair of ours: no names at all, an extension that
 * is critical and unknown, no version; and keys that are none. */
static void certificates_of_every_frame_give_their_key(void **state)
{
    (void)state;
    static const char p256[] = "3059301306072a8648ce3d020106082a8648ce3d030107034200"
                               "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                               "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    static const struct {
        const char *before, *after;
        bool is_off, is_good;
    } row[] = {
        { "a003020102 020101 3000 3000 3000 3000", "", false, true },
        { "020101 3000 3000 3000 3000", "", false, true },
        { "a003020102 020101 3000 3000 3000 3000", "a3113 00f 300d 0603550401 0101ff 04030 10203", false, true },
        { "a003020107 02020080 300102 3000 3001ff 3000", "81010082010083010084020000", false, true },
        { "a003020102 020101 3000 3000 3000 3000", "", true, false },
        { "a003020102 020101 3000 3000 3000", "", false, false },
        { "a003020102 0201 01 3000 3000 3000 3000 3000", "", false, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t tbs[300], cert[400];
        struct weir_pubkey key;
        size_t n = test_unhex(row[i].before, tbs, sizeof tbs);
        n += test_unhex(p256, tbs + n, sizeof tbs - n);
        tbs[n - 1] ^= row[i].is_off ? 1 : 0;
        n += test_unhex(row[i].after, tbs + n, sizeof tbs - n);
        struct weir_wr w = weir_wr_of((struct weir_mspan){ cert, sizeof cert });
        weir_wr_u16(&w, 0x3081);
        weir_wr_u8(&w, (uint8_t)(n + (n < 128 ? 2 : 3) + 5));
        weir_wr_u8(&w, 0x30);
        if (n >= 128) {
            weir_wr_u8(&w, 0x81);
        }
        weir_wr_u8(&w, (uint8_t)n);
        weir_wr_bytes(&w, weir_span_of(tbs, n));
        weir_wr_u16(&w, 0x3000);
        weir_wr_u24(&w, 0x030100);
        size_t whole = weir_wr_done(&w);
        if (cert[2] < 128) { /* the short form */
            memmove(cert + 1, cert + 2, whole - 2);
            whole--;
        }
        bool is_read = weir_crypto_default()->cert_pubkey(weir_span_of(cert, whole), &key);
        if (is_read != row[i].is_good) {
            fail_msg("certificate %zu", i);
        }
    }
}

/* [RFC 6979 A.2.5] P-256, SHA-256, "sample" and "test": one signature per key and digest, whatever the
 * generator and whatever the provider. */
static void signatures_are_those_of_rfc_6979(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        const char *r_and_s;
    } row[] = {
        { "sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" },
        { "test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
                  "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083" },
    };
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_identity id;
    memset(&id, 0, sizeof id);
    test_unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", id.private_key, 32);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct weir_rand rand;
            uint8_t digest[32], want[64], sig[WEIR_SIGNATURE_MAX];
            struct weir_span message = weir_span_of(row[i].message, strlen(row[i].message));
            size_t n = 0;
            weir_rand_init_number(&rand, seed);
            test_unhex(row[i].r_and_s, want, 64);
            weir_hash_of(c, WEIR_SHA256, &message, 1, digest);
            assert_true(c->identity_sign(&id, &rand, WEIR_ECDSA_P256_SHA256, digest, sig, &n));
            /* SEQUENCE, INTEGER, and a zero because both of these r have their top bit set. */
            assert_memory_equal(sig + 5, want, 32);
            assert_memory_equal(sig + n - 32, want + 32, 32);
        }
    }
}

/* -- HMAC, HKDF, PRF --------------------------------------------------------------------------- */

static enum weir_hash_id hash_under_test;

static void check_hmac(const struct row *r)
{
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_hmac_key key;
    uint8_t tag[WEIR_HASH_BYTES_MAX];
    weir_hmac_init(c, &key, hash_under_test, FIELD(r, 0));
    struct weir_span msg = FIELD(r, 1);
    weir_hmac(c, &key, &msg, 1, tag);
    bool is_equal = memcmp(tag, r->field[2].p, r->field[2].n) == 0; /* some vectors truncate */
    assert_int_equal(is_equal, r->is_valid);
}

static void hmac_agrees_with_wycheproof(void **state)
{
    (void)state;
    hash_under_test = WEIR_SHA1;
    assert_true(each_row("hmac_sha1", -1, check_hmac) > 100);
    hash_under_test = WEIR_SHA256;
    assert_true(each_row("hmac_sha256", -1, check_hmac) > 100);
    hash_under_test = WEIR_SHA384;
    assert_true(each_row("hmac_sha384", -1, check_hmac) > 100);
}

static void check_hkdf(const struct row *r)
{
    const struct weir_crypto *c = weir_crypto_default();
    uint8_t prk[WEIR_HASH_BYTES_MAX], okm[255 * WEIR_HASH_BYTES_MAX];
    size_t hash_bytes = weir_hash_bytes(hash_under_test);
    if (!r->is_valid) {
        return; /* asks for more than 255 hashes, which our callers never do */
    }
    weir_hkdf_extract(c, hash_under_test, FIELD(r, 1), FIELD(r, 0), prk);
    weir_hkdf_expand(c, hash_under_test, weir_span_of(prk, hash_bytes), FIELD(r, 2),
                     (struct weir_mspan){ okm, (size_t)r->number });
    test_assert_bytes(weir_span_of(okm, (size_t)r->number), FIELD(r, 4));
}

static void hkdf_agrees_with_wycheproof(void **state)
{
    (void)state;
    hash_under_test = WEIR_SHA256;
    assert_true(each_row("hkdf_sha256", 3, check_hkdf) > 50);
    hash_under_test = WEIR_SHA384;
    assert_true(each_row("hkdf_sha384", 3, check_hkdf) > 50);
}

/* The vector that the TLS working group circulated for the TLS 1.2 PRF with SHA-256. */
static void tls12_prf_agrees_with_the_published_vector(void **state)
{
    (void)state;
    uint8_t secret[16], seed[16], want[100], got[100];
    test_unhex("9bbe436ba940f017b17652849a71db35", secret, 16);
    test_unhex("a0ba9f936cda311827a6f796ffd5198c", seed, 16);
    test_unhex("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
               "6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab"
               "4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701"
               "87347b66",
               want, 100);
    weir_tls12_prf(weir_crypto_default(), WEIR_SHA256, weir_span_of(secret, 16), "test label",
                   weir_span_of(seed, 8), weir_span_of(seed + 8, 8), (struct weir_mspan){ got, 100 });
    assert_memory_equal(got, want, 100);
}

static void hashes_match_their_published_digests_of_abc(void **state)
{
    (void)state;
    static const struct {
        enum weir_hash_id id;
        const char *digest;
    } row[] = {
        { WEIR_MD5, "900150983cd24fb0d6963f7d28e17f72" },
        { WEIR_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { WEIR_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { WEIR_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                       "8086072ba1e7cc2358baeca134c825a7" },
        { WEIR_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
    };
    const struct weir_crypto *c = weir_crypto_default();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t want[64], got[64];
        size_t n = test_unhex(row[i].digest, want, 64);
        struct weir_hash h, fork;
        c->hash_init(&h, row[i].id);
        c->hash_update(&h, WEIR_LIT("a"));
        fork = h;
        c->hash_update(&fork, WEIR_LIT("zzz"));
        c->hash_update(&h, WEIR_LIT("bc"));
        c->hash_final(&h, got); /* the fork did not disturb it */
        test_assert_bytes(weir_span_of(got, n), weir_span_of(want, n));
    }
}

/* The vectors of FIPS 197 C.1 and C.3, and of RFC 9001 A.2 and A.5: QUIC masks its headers alike. */
static void masks_match_their_published_vectors(void **state)
{
    (void)state;
    static const struct {
        enum weir_aead_id id;
        const char *key, *sample, *mask;
    } row[] = {
        { WEIR_AES_128_GCM, "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
          "69c4e0d86a7b0430d8cdb78070b4c55a" },
        { WEIR_AES_256_GCM, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
          "00112233445566778899aabbccddeeff", "8ea2b7ca516745bfeafc49904b496089" },
        { WEIR_AES_128_GCM, "9f50449e04a0e810283a1e9933adedd2", "d1b1c98dd7689fb8ec11d242b123dc9b",
          "437b9aec36" },
        { WEIR_CHACHA20_POLY1305, "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
          "5e5cd55c41f69080575d7999c25a5bfb", "aefefe7d03" },
    };
    const struct weir_crypto *c = weir_crypto_default();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t key[32], sample[16], want[16], got[16];
        struct weir_mask k, copy;
        test_unhex(row[i].key, key, sizeof key);
        test_unhex(row[i].sample, sample, sizeof sample);
        size_t n = test_unhex(row[i].mask, want, sizeof want);
        assert_true(c->mask_init(&k, row[i].id, key));
        copy = k;
        weir_wipe(&k, sizeof k);
        c->mask(&copy, sample, got);
        test_assert_bytes(weir_span_of(got, n), weir_span_of(want, n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aes_gcm_seals_and_opens_as_wycheproof_says),
        cmocka_unit_test(chacha20_poly1305_seals_and_opens_as_wycheproof_says),
        cmocka_unit_test(ctr_matches_sp800_38a),
        cmocka_unit_test(ecdh_p256_agrees_with_wycheproof),
        cmocka_unit_test(ecdh_p384_agrees_with_wycheproof),
        cmocka_unit_test(attack_D36_x25519_agrees_with_wycheproof_and_refuses_zero),
        cmocka_unit_test(fresh_keys_agree_with_each_other),
        cmocka_unit_test(ecdsa_p256_verifies_as_wycheproof_says),
        cmocka_unit_test(ecdsa_p384_verifies_as_wycheproof_says),
        cmocka_unit_test(rsa_pss_verifies_as_wycheproof_says),
        cmocka_unit_test(rsa_pkcs1_verifies_the_one_encoding_alone),
        cmocka_unit_test(an_identity_signs_what_its_certificate_verifies),
        cmocka_unit_test(certificates_cut_short_or_changed_are_no_harm),
        cmocka_unit_test(of_a_certificate_the_key_counts_alone),
        cmocka_unit_test(certificates_of_every_frame_give_their_key),
        cmocka_unit_test(signatures_are_those_of_rfc_6979),
        cmocka_unit_test(hmac_agrees_with_wycheproof),
        cmocka_unit_test(hkdf_agrees_with_wycheproof),
        cmocka_unit_test(tls12_prf_agrees_with_the_published_vector),
        cmocka_unit_test(hashes_match_their_published_digests_of_abc),
        cmocka_unit_test(masks_match_their_published_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
