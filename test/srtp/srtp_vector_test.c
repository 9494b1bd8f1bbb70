/* SRTP against the vectors of RFC 3711 B.3 and RFC 7714 16 and 17. */
#include "srtp/srtp_int.h"
#include "test/support/support.h"

static const char salt_text[] = "517569642070726f2071756f"; /* "Quid pro quo" */
static const char key_text[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static void session_keys_are_derived_as_rfc3711_b3_shows(void **state)
{
    (void)state;
    uint8_t key[16], salt[14], want[94], got[94];
    const struct weir_crypto *c = weir_crypto_default();
    test_unhex("E1F97A0D3E018BE0D64FA32C06DE4139", key, 16);
    test_unhex("0EC675AD498AFEEBB6960B3AABE6", salt, 14);

    test_unhex("C61E7A93744F39EE10734AFE3FF7A087", want, 16);
    assert_true(weir_srtp_derive(c, WEIR_SRTP_AES128_CM_SHA1_80, key, salt, 0,
                                 (struct weir_mspan){ got, 16 }));
    test_assert_bytes(weir_span_of(got, 16), weir_span_of(want, 16));

    test_unhex("30CBBC08863D8C85D49DB34A9AE1", want, 14);
    assert_true(weir_srtp_derive(c, WEIR_SRTP_AES128_CM_SHA1_80, key, salt, 2,
                                 (struct weir_mspan){ got, 14 }));
    test_assert_bytes(weir_span_of(got, 14), weir_span_of(want, 14));

    test_unhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE"
               "E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25"
               "6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2", want, 94);
    assert_true(weir_srtp_derive(c, WEIR_SRTP_AES128_CM_SHA1_80, key, salt, 1,
                                 (struct weir_mspan){ got, 94 }));
    test_assert_bytes(weir_span_of(got, 94), weir_span_of(want, 94));
}

/* A direction whose session keys are the RFC's, without derivation. */
static struct weir_srtp with_session_key(enum weir_srtp_profile p)
{
    struct weir_srtp s = { .crypto = weir_crypto_default(), .profile = p };
    uint8_t key[32], salt[12];
    test_unhex(key_text, key, 32);
    test_unhex(salt_text, salt, 12);
    assert_true(weir_srtp_keys_set(s.crypto, &s.rtp, p, key, salt, weir_span_of(NULL, 0)));
    assert_true(weir_srtp_keys_set(s.crypto, &s.rtcp, p, key, salt, weir_span_of(NULL, 0)));
    return s;
}

static void rtp_is_sealed_and_opened_as_rfc7714_16_shows(void **state)
{
    (void)state;
    static const struct {
        enum weir_srtp_profile profile;
        const char *sealed;
    } row[] = {
        { WEIR_SRTP_AEAD_AES_128_GCM,
          "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b"
          "36de3adf8833899d7f27beb16a9152cf765ee4390cce" },
        { WEIR_SRTP_AEAD_AES_256_GCM,
          "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f"
          "1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13" },
    };
    uint8_t plain[64], sealed[100], work[100];
    size_t plain_bytes = test_unhex("8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976"
                                    "69736120696e207061727465732074726573", plain, sizeof plain);
    for (size_t i = 0; i < 2; i++) {
        struct weir_srtp tx = with_session_key(row[i].profile), rx = tx;
        size_t sealed_bytes = test_unhex(row[i].sealed, sealed, sizeof sealed), len = plain_bytes;
        memcpy(work, plain, plain_bytes);
        assert_int_equal(weir_srtp_seal(&tx, (struct weir_mspan){ work, sizeof work }, &len),
                         WEIR_SRTP_OK);
        test_assert_bytes(weir_span_of(work, len), weir_span_of(sealed, sealed_bytes));
        struct weir_mspan packet = { work, len };
        assert_int_equal(weir_srtp_open(&rx, &packet), WEIR_SRTP_OK);
        test_assert_bytes(weir_span_const(packet), weir_span_of(plain, plain_bytes));
    }
}

static void rtcp_is_sealed_and_opened_as_rfc7714_17_shows(void **state)
{
    (void)state;
    static const struct {
        enum weir_srtp_profile profile;
        const char *sealed;
    } row[] = {
        { WEIR_SRTP_AEAD_AES_128_GCM,
          "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b46"
          "86303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4" },
        { WEIR_SRTP_AEAD_AES_256_GCM,
          "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658"
          "c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4" },
    };
    uint8_t plain[64], sealed[100], work[100];
    size_t plain_bytes = test_unhex("81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
                                    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", plain, sizeof plain);
    for (size_t i = 0; i < 2; i++) {
        struct weir_srtp tx = with_session_key(row[i].profile), rx = tx;
        size_t sealed_bytes = test_unhex(row[i].sealed, sealed, sizeof sealed), len = plain_bytes;
        tx.rtcp_sealed = 0x5d3;
        memcpy(work, plain, plain_bytes);
        assert_int_equal(weir_srtcp_seal(&tx, (struct weir_mspan){ work, sizeof work }, &len),
                         WEIR_SRTP_OK);
        test_assert_bytes(weir_span_of(work, len), weir_span_of(sealed, sealed_bytes));
        struct weir_mspan packet = { work, len };
        assert_int_equal(weir_srtcp_open(&rx, &packet), WEIR_SRTP_OK);
        test_assert_bytes(weir_span_const(packet), weir_span_of(plain, plain_bytes));
    }
}

/* One RTP and one RTCP packet under AES_CM_128_HMAC_SHA1_80, from the self-test of libsrtp (BSD-3-Clause),
 * with the provider's combined transform and without. */
static void packets_of_libsrtps_self_test_come_out_byte_by_byte(void **state)
{
    (void)state;
    static const char *const row[2][2] = {
        { "800f1234decafbadcafebabeabababababababababababababababab",
          "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb" },
        { "81c8000bcafebabeabababababababababababababababab",
          "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798" },
    };
    uint8_t master[30], work[100], sealed[100];
    (void)test_unhex("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6", master, 30);
    for (unsigned i = 0; i < 4; i++) {
        struct weir_crypto table = *weir_crypto_default();
        struct weir_srtp tx, rx;
        bool is_rtp = i % 2 == 0;
        table.ctr_hmac = i < 2 ? table.ctr_hmac : NULL;
        assert_true(weir_srtp_init(&tx, &table, WEIR_SRTP_AES128_CM_SHA1_80, master, master + 16));
        rx = tx;
        size_t len = test_unhex(row[i % 2][0], work, sizeof work);
        size_t sealed_bytes = test_unhex(row[i % 2][1], sealed, sizeof sealed);
        struct weir_mspan room = { work, sizeof work };
        enum weir_srtp_verdict v = is_rtp ? weir_srtp_seal(&tx, room, &len)
                                          : weir_srtcp_seal(&tx, room, &len);
        assert_int_equal(v, WEIR_SRTP_OK);
        test_assert_bytes(weir_span_of(work, len), weir_span_of(sealed, sealed_bytes));
        struct weir_mspan packet = { sealed, sealed_bytes };
        v = is_rtp ? weir_srtp_open(&rx, &packet) : weir_srtcp_open(&rx, &packet);
        assert_int_equal(v, WEIR_SRTP_OK);
        len = test_unhex(row[i % 2][0], work, sizeof work);
        test_assert_bytes(weir_span_const(packet), weir_span_of(work, len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_keys_are_derived_as_rfc3711_b3_shows),
        cmocka_unit_test(rtp_is_sealed_and_opened_as_rfc7714_16_shows),
        cmocka_unit_test(rtcp_is_sealed_and_opened_as_rfc7714_17_shows),
        cmocka_unit_test(packets_of_libsrtps_self_test_come_out_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
