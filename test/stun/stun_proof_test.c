/* All of a proof counts: every byte of an integrity, of a transaction, of an address, and each place where an
 * attribute may stand. */
#include "stun/stun_int.h"
#include "test/support/support.h"

static const uint8_t txid[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static size_t request(uint8_t out[256], bool with_sha256)
{
    struct weir_stun_build b;
    const struct weir_stun_seal seal = { weir_crypto_default(), WEIR_LIT("password"), with_sha256, true };
    weir_stun_begin(&b, (struct weir_mspan){ out, 256 }, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, txid);
    weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, WEIR_LIT("a:b"));
    return weir_stun_end(&b, &seal);
}

/* The CRC anew, behind `n` bytes, as somebody on the way would. */
static void put_fingerprint(uint8_t *bytes, size_t n)
{
    weir_put32(bytes + n, (uint32_t)WEIR_STUN_FINGERPRINT << 16 | 4);
    weir_put32(bytes + n + 4, weir_stun_crc32(weir_span_of(bytes, n)) ^ STUN_FINGERPRINT_XOR);
}

static void every_bit_of_an_integrity_counts(void **state)
{
    (void)state;
    for (int sha256 = 0; sha256 < 2; sha256++) {
        uint8_t bytes[256];
        struct weir_stun_msg m;
        size_t n = request(bytes, sha256 != 0);
        size_t size = sha256 ? STUN_SHA256_BYTES : STUN_SHA1_BYTES;
        assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_OK);
        assert_int_equal(weir_stun_verify(&m, weir_crypto_default(), WEIR_LIT("password")), WEIR_STUN_OK);
        size_t at = (sha256 ? m.integrity_sha256_at : m.integrity_at) + 4;
        for (size_t i = 0; i < 8 * size; i++) {
            bytes[at + i / 8] ^= (uint8_t)(1 << i % 8);
            put_fingerprint(bytes, n - 8);
            assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_OK);
            assert_int_equal(weir_stun_verify(&m, weir_crypto_default(), WEIR_LIT("password")),
                             WEIR_STUN_INTEGRITY);
            bytes[at + i / 8] ^= (uint8_t)(1 << i % 8);
        }
    }
}

/* [RFC 8489 14.7 MUST] FINGERPRINT is the last attribute, however right its value is. */
static void a_fingerprint_that_is_not_last_is_wrong(void **state)
{
    (void)state;
    static const uint16_t after[] = { WEIR_STUN_SOFTWARE, WEIR_STUN_PRIORITY, WEIR_STUN_FINGERPRINT, 0x8fff };
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        uint8_t bytes[256];
        struct weir_stun_msg m;
        size_t n = request(bytes, false);
        weir_put16(bytes + 2, (uint16_t)(n + 8 - WEIR_STUN_HEADER_BYTES));
        put_fingerprint(bytes, n - 8); /* right, for the longer message */
        weir_put32(bytes + n, (uint32_t)after[i] << 16 | 4);
        weir_put32(bytes + n + 4, 0);
        assert_int_equal(weir_stun_parse(weir_span_of(bytes, n + 8), &m), WEIR_STUN_FINGERPRINT_WRONG);
    }
}

static void every_bit_of_a_fingerprint_counts(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct weir_stun_msg m;
    size_t n = request(bytes, false);
    for (size_t i = 0; i < 32; i++) {
        bytes[n - 4 + i / 8] ^= (uint8_t)(1 << i % 8);
        assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_FINGERPRINT_WRONG);
        bytes[n - 4 + i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

static size_t answer(uint8_t out[256], const uint8_t id[12], uint16_t method, uint16_t unknown)
{
    struct weir_stun_build b;
    const struct weir_stun_seal seal = { .with_fingerprint = true };
    struct weir_addr mapped = weir_addr_v4(198, 51, 100, 7, 5000);
    weir_stun_begin(&b, (struct weir_mspan){ out, 256 }, method, WEIR_STUN_SUCCESS, id);
    weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &mapped);
    if (unknown != 0) {
        weir_stun_put_u32(&b, unknown, 0);
    }
    return weir_stun_end(&b, &seal);
}

/* A server's answer has nothing but its transaction and its address to prove it by. */
static void a_binding_answer_is_known_by_all_of_its_transaction_and_path(void **state)
{
    (void)state;
    const struct weir_path path = { weir_addr_v4(10, 0, 0, 1, 4000), weir_addr_v4(192, 0, 2, 1, 3478) };
    uint8_t bytes[256], id[12];
    struct weir_stun_client t;
    struct weir_stun_msg m;
    struct weir_rand r;
    weir_rand_init_number(&r, 1);
    weir_stun_client_init(&t, &path, &r, WEIR_SEC);
    for (unsigned bit = 0; bit < 96; bit++) {
        memcpy(id, t.txid, sizeof id);
        id[bit / 8] ^= (uint8_t)(1 << bit % 8);
        size_t n = answer(bytes, id, WEIR_STUN_BINDING, 0);
        assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_OK);
        assert_false(weir_stun_client_recv(&t, &path, &m));
    }
    size_t n = answer(bytes, t.txid, WEIR_STUN_BINDING, 0);
    assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_OK);
    for (unsigned i = 0; i < 6; i++) {
        struct weir_path other = path;
        struct weir_addr *a = i < 3 ? &other.remote : &other.local;
        *(i % 3 == 0 ? &a->ip[0] : i % 3 == 1 ? &a->ip[3] : (uint8_t *)&a->port) ^= 1;
        assert_false(weir_stun_client_recv(&t, &other, &m));
    }
    assert_int_equal(t.state, WEIR_STUN_CLIENT_WAITING);
    n = answer(bytes, t.txid, 0x003, 0); /* Allocate */
    assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_OK);
    assert_false(weir_stun_client_recv(&t, &path, &m));
    struct weir_stun_client was = t;
    n = answer(bytes, t.txid, WEIR_STUN_BINDING, 0x7ffe); /* [RFC 8489 6.3.3 MUST] */
    assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_OK);
    assert_true(weir_stun_client_recv(&t, &path, &m));
    assert_int_equal(t.state, WEIR_STUN_CLIENT_FAILED);
    t = was;
    n = answer(bytes, t.txid, WEIR_STUN_BINDING, 0);
    assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_OK);
    m.mapped.family = WEIR_IPV6; /* of the other family: it is no address of ours */
    assert_true(weir_stun_client_recv(&t, &path, &m));
    assert_int_equal(t.state, WEIR_STUN_CLIENT_FAILED);
}

/* [RFC 8489 14.6] Behind the integrity that counts another one is as much as nothing. */
static void an_integrity_behind_the_integrity_is_ignored(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct weir_stun_msg m;
    size_t n = request(bytes, true) - 8;
    weir_put32(bytes + n, (uint32_t)WEIR_STUN_MESSAGE_INTEGRITY_SHA256 << 16 | STUN_SHA256_BYTES);
    memset(bytes + n + 4, 7, STUN_SHA256_BYTES);
    n += 4 + STUN_SHA256_BYTES;
    weir_put16(bytes + 2, (uint16_t)(n + 8 - WEIR_STUN_HEADER_BYTES));
    put_fingerprint(bytes, n);
    assert_int_equal(weir_stun_parse(weir_span_of(bytes, n + 8), &m), WEIR_STUN_OK);
    assert_true(m.integrity_sha256_at < n - 4 - STUN_SHA256_BYTES);
    assert_int_equal(weir_stun_verify(&m, weir_crypto_default(), WEIR_LIT("password")), WEIR_STUN_OK);
}

/* [RFC 8489 14] Types below 0x8000 must be understood, those from there on need not. */
static void half_of_all_types_must_be_understood(void **state)
{
    (void)state;
    static const uint16_t type[] = { 0x7ffe, 0x7fff, 0x8005, 0xffff };
    for (unsigned i = 0; i < 4; i++) {
        struct weir_stun_build b;
        struct weir_stun_msg m;
        uint8_t bytes[256];
        const struct weir_stun_seal plain = { .with_fingerprint = true };
        weir_stun_begin(&b, (struct weir_mspan){ bytes, 256 }, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, txid);
        weir_stun_put_u32(&b, type[i], 0);
        size_t n = weir_stun_end(&b, &plain);
        assert_int_equal(weir_stun_parse(weir_span_of(bytes, n), &m), WEIR_STUN_OK);
        assert_int_equal(m.unknowns, i < 2 ? 1 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_an_integrity_counts),
        cmocka_unit_test(a_fingerprint_that_is_not_last_is_wrong),
        cmocka_unit_test(every_bit_of_a_fingerprint_counts),
        cmocka_unit_test(an_integrity_behind_the_integrity_is_ignored),
        cmocka_unit_test(half_of_all_types_must_be_understood),
        cmocka_unit_test(a_binding_answer_is_known_by_all_of_its_transaction_and_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
