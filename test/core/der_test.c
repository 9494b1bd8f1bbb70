/* What lies below the providers' tables: the little DER that they share, and the portable AES-GCM, which
 * kernels pass by where the processor has better. */
#include "core/crypto/crypto_int.h"
#include "test/support/support.h"

/* -- Signatures -------------------------------------------------------------------------------- */

/* [RFC 3279 2.2.3] One signature, one form. */
static void a_signature_is_two_numbers_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool is_good;
    } row[] = {
        { "3006 020101 020102", true },
        { "3007 02020080 020102", true }, /* a zero where the number would else be negative */
        { "3008 020101 020102 0500", false },   /* more inside */
        { "3009 020101 020102 020103", false },
        { "3006 020101 020102 00", false },     /* more behind */
        { "3007 02020001 020102", false },      /* a zero for nothing */
        { "3007 020101 02020001", false },
        { "3006 020181 020102", false },        /* negative */
        { "3005 0200 020102", false },
        { "3003 020101", false },
        { "308106 020101 020102", false },      /* a length in a longer form than it needs */
        { "30820006 020101 020102", false },
        { "3106 020101 020102", false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t bytes[32];
        struct weir_span r, s;
        size_t n = test_unhex(row[i].hex, bytes, sizeof bytes);
        if (weir_der_signature_parse(weir_span_of(bytes, n), &r, &s) != row[i].is_good) {
            fail_msg("%s", row[i].hex);
        }
    }
}

/* -- RSA keys ---------------------------------------------------------------------------------- */

static void put(struct weir_wr *w, uint8_t tag, struct weir_span content)
{
    weir_wr_u8(w, tag);
    weir_wr_u8(w, 0x82);
    weir_wr_u16(w, (uint16_t)content.n);
    weir_wr_bytes(w, content);
}

/* A certificate whose key has a modulus of so many bits, all ones, and the exponent 3. */
static size_t rsa_certificate(unsigned bits, uint8_t cert[2048])
{
    uint8_t room[5][1024];
    struct weir_wr w[5];
    for (unsigned i = 0; i < 5; i++) {
        w[i] = weir_wr_of((struct weir_mspan){ room[i], sizeof room[i] });
    }
    weir_wr_u8(&w[0], bits % 8 == 0 ? 0 : (uint8_t)((1u << bits % 8) - 1));
    for (unsigned i = 0; i < bits / 8; i++) {
        weir_wr_u8(&w[0], 0xff);
    }
    put(&w[1], 0x02, weir_span_of(room[0], w[0].len));
    weir_wr_u24(&w[1], 0x020103);
    weir_wr_u8(&w[2], 0); /* no unused bits */
    put(&w[2], 0x30, weir_span_of(room[1], w[1].len));
    uint8_t algorithm[15];
    size_t n = test_unhex("300d06092a864886f70d0101010500", algorithm, sizeof algorithm);
    weir_wr_bytes(&w[3], weir_span_of(algorithm, n));
    put(&w[3], 0x03, weir_span_of(room[2], w[2].len));
    weir_wr_u24(&w[4], 0x020101); /* serial; signature, issuer, validity, subject */
    weir_wr_u64(&w[4], 0x3000300030003000);
    put(&w[4], 0x30, weir_span_of(room[3], w[3].len));
    uint8_t body[1100];
    struct weir_wr b = weir_wr_of((struct weir_mspan){ body, sizeof body });
    struct weir_wr whole = weir_wr_of((struct weir_mspan){ cert, 2048 });
    put(&b, 0x30, weir_span_of(room[4], w[4].len));
    weir_wr_u16(&b, 0x3000);
    weir_wr_u24(&b, 0x030100);
    put(&whole, 0x30, weir_span_of(body, weir_wr_done(&b)));
    return weir_wr_done(&whole);
}

static bool no_curve(enum weir_group group, struct weir_span point)
{
    (void)group, (void)point;
    return false;
}

/* [RFC 8827 6.5] 2,048 bits at least; 4,096 at most, though one of 4,104 would still fit its room. */
static void an_rsa_key_has_2048_to_4096_bits(void **state)
{
    (void)state;
    static const struct {
        unsigned bits;
        bool is_good;
    } row[] = { { 1024, false }, { 2047, false }, { 2048, true }, { 3072, true }, { 4095, true },
                { 4096, true },  { 4097, false }, { 4104, false } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t cert[2048];
        struct weir_pubkey key;
        size_t n = rsa_certificate(row[i].bits, cert);
        bool is_read = weir_der_cert_pubkey(weir_span_of(cert, n), &key, no_curve);
        if (is_read != row[i].is_good || (is_read && key.bits != row[i].bits)) {
            fail_msg("%u bits: %s, said to have %u", row[i].bits, is_read ? "taken" : "refused", key.bits);
        }
    }
}

/* -- Times ------------------------------------------------------------------------------------- */

static bool has(const struct weir_identity *id, const char *text)
{
    for (size_t i = 0; i + strlen(text) <= id->cert_bytes; i++) {
        if (memcmp(id->cert + i, text, strlen(text)) == 0) {
            return true;
        }
    }
    return false;
}

/* [RFC 5280 4.1.2.5 MUST] Two digits of the year through 2049, four from 2050 on; leap days where they are. */
static void times_are_written_as_their_year_wants(void **state)
{
    (void)state;
    struct weir_identity id;
    struct weir_rand rand;
    weir_rand_init_number(&rand, 1);
    assert_true(weir_crypto_default()->identity_make(&id, &rand, 2524607999, 2524608000));
    assert_true(has(&id, "\x17\x0d" "491231235959Z"));
    assert_true(has(&id, "\x18\x0f" "20500101000000Z"));
    assert_true(weir_crypto_default()->identity_make(&id, &rand, 951782400, 1709251199));
    assert_true(has(&id, "\x17\x0d" "000229000000Z"));
    assert_true(has(&id, "\x17\x0d" "240229235959Z"));
}

/* -- Sealed data ------------------------------------------------------------------------------- */

/* No cipher, but one that can be looked through. */
static void encrypt(const void *key, const uint8_t in[16], uint8_t out[16])
{
    for (unsigned i = 0; i < 16; i++) {
        out[i] = (uint8_t)(in[(i + 1) % 16] * 5 + ((const uint8_t *)key)[i]);
    }
}

/* Every bit of the tag counts, and nothing is decrypted under a wrong one. */
static void attack_what_a_wrong_tag_covers_stays_sealed(void **state)
{
    (void)state;
    const uint8_t key[16] = { 3, 1, 4 }, nonce[WEIR_NONCE_BYTES] = { 9 }, h[16] = { 0x80, 7 };
    const struct weir_block_cipher cipher = { encrypt, key };
    const struct weir_span aad = WEIR_LIT("header");
    uint8_t sealed[40] = "what nobody else may read", tag[16], data[40];
    weir_gcm_seal(&cipher, h, nonce, aad, (struct weir_mspan){ sealed, 40 }, tag);
    for (unsigned bit = 0; bit < 128; bit++) {
        memcpy(data, sealed, 40);
        tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(weir_gcm_open(&cipher, h, nonce, aad, (struct weir_mspan){ data, 40 }, tag));
        assert_memory_equal(data, sealed, 40);
        tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(weir_gcm_open(&cipher, h, nonce, aad, (struct weir_mspan){ data, 40 }, tag));
    assert_string_equal((const char *)data, "what nobody else may read");
}

/* [RFC 8439 2.5.1] A sum of Poly1305 of 2^130 - 4, which is 1. Made for this test: the ciphertext was computed
 * backwards from that sum, so that a tag without the last reduction is another one. */
static void poly1305_reduces_to_the_end(void **state)
{
    (void)state;
    uint8_t key[32], nonce[WEIR_NONCE_BYTES] = { 0 }, data[16], sealed[16], want[16], tag[16];
    for (unsigned i = 0; i < 32; i++) {
        key[i] = (uint8_t)i;
    }
    test_unhex("8a4cc1c2b0b75d1606a7a5261734eea1", data, 16);
    test_unhex("92f483f31d51fbc715c6f947b877a086", sealed, 16);
    test_unhex("8b35d86fbcde6accb2cc7d4cd8ea2492", want, 16);
    weir_chacha_seal(key, nonce, weir_span_of(NULL, 0), (struct weir_mspan){ data, 16 }, tag);
    assert_memory_equal(data, sealed, 16);
    assert_memory_equal(tag, want, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_two_numbers_and_nothing_else),
        cmocka_unit_test(an_rsa_key_has_2048_to_4096_bits),
        cmocka_unit_test(times_are_written_as_their_year_wants),
        cmocka_unit_test(attack_what_a_wrong_tag_covers_stays_sealed),
        cmocka_unit_test(poly1305_reduces_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
