/* STUN against the messages of RFC 5769, and against itself. */
#include "stun/stun_int.h"
#include "test/support/support.h"

static const char request[] =
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff"
    "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249"
    "c1b571a280280004e57a3bcf";
static const char response_v4[] =
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
static const char response_v6[] =
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa"
    "a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
static const char long_term[] =
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c"
    "662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014"
    "f67024656dd64a3e02b8e0712e85c9a28ca89666";

static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";

static struct weir_stun_msg parse(const char *hex, uint8_t room[256])
{
    struct weir_stun_msg m;
    size_t n = test_unhex(hex, room, 256);
    assert_int_equal(weir_stun_parse(weir_span_of(room, n), &m), WEIR_STUN_OK);
    return m;
}

static enum weir_stun_verdict verify(const struct weir_stun_msg *m, const char *key)
{
    return weir_stun_verify(m, weir_crypto_default(), weir_span_of(key, strlen(key)));
}

static void the_request_of_rfc5769_is_understood(void **state)
{
    (void)state;
    uint8_t room[256];
    struct weir_stun_msg m = parse(request, room);
    assert_int_equal(m.method, WEIR_STUN_BINDING);
    assert_int_equal(m.klass, WEIR_STUN_REQUEST);
    assert_true(weir_span_eq(m.username, WEIR_LIT("evtj:h6vY")));
    assert_true(m.has_priority && m.priority == 0x6e0001ff);
    assert_true(m.has_controlled && m.tie_breaker == 0x932ff9b151263b36);
    assert_true(m.has_fingerprint);
    assert_int_equal(verify(&m, password), WEIR_STUN_OK);
    assert_int_equal(verify(&m, "VOkJxbRl1RmTxUk/WvJxBu"), WEIR_STUN_INTEGRITY);
}

static void the_responses_of_rfc5769_are_understood(void **state)
{
    (void)state;
    uint8_t room[256];
    char text[WEIR_ADDR_TEXT_BYTES];
    struct weir_stun_msg m = parse(response_v4, room);
    assert_int_equal(m.klass, WEIR_STUN_SUCCESS);
    assert_string_equal(weir_addr_text(&m.mapped, text), "192.0.2.1:32853");
    assert_int_equal(verify(&m, password), WEIR_STUN_OK);
    m = parse(response_v6, room);
    assert_string_equal(weir_addr_text(&m.mapped, text),
                        "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    assert_int_equal(verify(&m, password), WEIR_STUN_OK);
}

static void the_long_term_request_of_rfc5769_is_proven(void **state)
{
    (void)state;
    uint8_t room[256], key[16];
    struct weir_stun_msg m = parse(long_term, room);
    assert_false(m.has_fingerprint);
    weir_stun_long_term_key(weir_crypto_default(), WEIR_MD5, m.username, m.realm,
                            WEIR_LIT("TheMatrIX"), key);
    assert_int_equal(weir_stun_verify(&m, weir_crypto_default(), weir_span_of(key, 16)), WEIR_STUN_OK);
}

static void every_bit_before_the_integrity_is_proven(void **state)
{
    (void)state;
    uint8_t room[256], work[256];
    size_t n = test_unhex(request, room, 256);
    for (size_t bit = 0; bit < (n - 8) * 8; bit++) {
        struct weir_stun_msg m;
        memcpy(work, room, n);
        work[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (weir_stun_parse(weir_span_of(work, n), &m) == WEIR_STUN_OK) {
            assert_int_not_equal(verify(&m, password), WEIR_STUN_OK);
        }
    }
}

static void what_is_built_is_understood(void **state)
{
    (void)state;
    uint8_t out[300];
    const uint8_t txid[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    const uint8_t ip[16] = { 0xfd, 0x77, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
    struct weir_addr six = weir_addr_v6(ip, 4000);
    for (int sha256 = 0; sha256 < 2; sha256++) {
        struct weir_stun_build b;
        const struct weir_stun_seal seal = { weir_crypto_default(), WEIR_LIT("password"), sha256 != 0,
                                             true };
        weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING,
                        WEIR_STUN_ERROR, txid);
        weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, WEIR_LIT("a:b"));
        weir_stun_put_u64(&b, WEIR_STUN_ICE_CONTROLLING, 77);
        weir_stun_put_flag(&b, WEIR_STUN_USE_CANDIDATE);
        weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &six);
        weir_stun_put_error(&b, 487, "Role Conflict");
        size_t n = weir_stun_end(&b, &seal);
        struct weir_stun_msg m;
        assert_int_equal(weir_stun_parse(weir_span_of(out, n), &m), WEIR_STUN_OK);
        assert_int_equal(m.klass, WEIR_STUN_ERROR);
        assert_int_equal(m.error_code, 487);
        assert_true(m.has_use_candidate && m.has_controlling && m.tie_breaker == 77);
        assert_true(weir_addr_eq(&m.mapped, &six));
        assert_int_equal(verify(&m, "password"), WEIR_STUN_OK);
        assert_int_equal(verify(&m, "passwore"), WEIR_STUN_INTEGRITY);
        for (size_t cap = 0; cap < n; cap++) { /* and never past the end of its room */
            uint8_t *exact = malloc(cap + 1);
            weir_stun_begin(&b, (struct weir_mspan){ exact, cap }, WEIR_STUN_BINDING,
                            WEIR_STUN_ERROR, txid);
            weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &six);
            weir_stun_put_error(&b, 487, "Role Conflict");
            weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, weir_span_of(out, 100));
            assert_int_equal(weir_stun_end(&b, &seal), 0);
            free(exact);
        }
    }
}

/* -- Every verdict of the parser, and the attacks it stops ------------------------------------- */

static void every_malformed_message_has_its_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum weir_stun_verdict want;
    } row[] = {
        { "nothing", "", WEIR_STUN_SHORT },
        { "half a header", "000100002112a442000102030405060708", WEIR_STUN_SHORT },
        { "first bits", "400100002112a442000102030405060708090a0b", WEIR_STUN_BITS },
        { "cookie", "000100002112a443000102030405060708090a0b", WEIR_STUN_COOKIE_WRONG },
        { "bare", "000100002112a442000102030405060708090a0b", WEIR_STUN_OK },
        { "S4 length too long", "000100042112a442000102030405060708090a0b", WEIR_STUN_LENGTH },
        { "S4 length too short", "000100002112a442000102030405060708090a0b80220000", WEIR_STUN_LENGTH },
        { "S4 not a multiple of four", "000100022112a442000102030405060708090a0b8022", WEIR_STUN_LENGTH },
        { "S4 65535", "0001ffff2112a442000102030405060708090a0b", WEIR_STUN_LENGTH },
        { "attribute past the end", "000100042112a442000102030405060708090a0b80220001",
          WEIR_STUN_ATTR_BOUNDS },
        { "S1 empty address", "010100042112a442000102030405060708090a0b00200000", WEIR_STUN_ATTR_SIZE },
        { "S1 address of four bytes", "010100082112a442000102030405060708090a0b0020000400010000",
          WEIR_STUN_ATTR_SIZE },
        { "address of no family", "0101000c2112a442000102030405060708090a0b002000080003111122222222",
          WEIR_STUN_ATTR_VALUE },
        { "IPv6 with four bytes", "0101000c2112a442000102030405060708090a0b002000080002111122222222",
          WEIR_STUN_ATTR_VALUE },
        { "S2 empty error code", "011100042112a442000102030405060708090a0b00090000", WEIR_STUN_ATTR_SIZE },
        { "S2 error code of three", "011100082112a442000102030405060708090a0b0009000300000400",
          WEIR_STUN_ATTR_SIZE },
        { "error code 099", "011100082112a442000102030405060708090a0b0009000400000063",
          WEIR_STUN_ATTR_VALUE },
        { "S6 integrity of four", "000100082112a442000102030405060708090a0b0008000411111111",
          WEIR_STUN_ATTR_SIZE },
        { "wrong fingerprint", "000100082112a442000102030405060708090a0b8028000400000000",
          WEIR_STUN_FINGERPRINT_WRONG },
        { "both roles", "000100182112a442000102030405060708090a0b802900080000000000000001"
                        "802a00080000000000000001", WEIR_STUN_ATTR_VALUE },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t room[256];
        struct weir_stun_msg m;
        size_t n = test_unhex(row[i].hex, room, sizeof room);
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, room, n);
        enum weir_stun_verdict v = weir_stun_parse(weir_span_of(exact, n), &m);
        free(exact);
        if (v != row[i].want) {
            fail_msg("%s: %s", row[i].name, weir_stun_verdict_name(v));
        }
    }
}

static void attack_S5_unknown_mandatory_attributes_are_bounded(void **state)
{
    (void)state;
    uint8_t packet[20 + 4 * 2000] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
    struct weir_stun_msg m;
    for (unsigned count = 0; count <= 2000; count += 50) {
        weir_put16(packet + 2, (uint16_t)(4 * count));
        for (unsigned i = 0; i < count; i++) {
            weir_put32(packet + 20 + 4 * i, (0x4000 + i) << 16);
        }
        enum weir_stun_verdict v = weir_stun_parse(weir_span_of(packet, 20 + 4 * count), &m);
        assert_int_equal(v, count <= WEIR_STUN_ATTRS_MAX ? WEIR_STUN_OK : WEIR_STUN_ATTR_COUNT);
        assert_true(m.unknowns <= WEIR_STUN_UNKNOWN_MAX);
    }
}

static void what_follows_the_integrity_is_ignored(void **state)
{
    (void)state;
    uint8_t out[200];
    const uint8_t txid[12] = { 9 };
    struct weir_stun_build b;
    struct weir_stun_seal seal = { weir_crypto_default(), WEIR_LIT("password"), false, false };
    struct weir_stun_msg m;
    weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING, WEIR_STUN_REQUEST,
                    txid);
    assert_true(weir_stun_end(&b, &seal) != 0);
    weir_stun_put_flag(&b, WEIR_STUN_USE_CANDIDATE);
    weir_put16(out + 2, (uint16_t)(b.w.len - 20));
    assert_int_equal(weir_stun_parse(weir_span_of(out, b.w.len), &m), WEIR_STUN_OK);
    assert_false(m.has_use_candidate);
    assert_int_equal(verify(&m, "password"), WEIR_STUN_OK);
}

static void the_binding_client_asks_seven_times_and_gives_up(void **state)
{
    (void)state;
    struct weir_rand rand;
    struct weir_stun_client t;
    struct weir_path path = { weir_addr_v4(192, 0, 2, 1, 1000), weir_addr_v4(192, 0, 2, 9, 3478) };
    static const weir_time asked[] = { 0, 500, 1500, 3500, 7500, 15500, 31500 };
    uint8_t out[100];
    unsigned n = 0;
    weir_rand_init_number(&rand, 1);
    weir_stun_client_init(&t, &path, &rand, 0);
    while (t.state == WEIR_STUN_CLIENT_WAITING) {
        weir_time now = weir_stun_client_deadline(&t);
        weir_stun_client_tick(&t, now);
        if (weir_stun_client_send(&t, now, (struct weir_mspan){ out, sizeof out }) != 0) {
            assert_true(now == asked[n++] * WEIR_MS);
        } else {
            assert_true(now == 39500 * WEIR_MS);
        }
    }
    assert_int_equal(n, 7);
    assert_int_equal(t.state, WEIR_STUN_CLIENT_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_of_rfc5769_is_understood),
        cmocka_unit_test(the_responses_of_rfc5769_are_understood),
        cmocka_unit_test(the_long_term_request_of_rfc5769_is_proven),
        cmocka_unit_test(every_bit_before_the_integrity_is_proven),
        cmocka_unit_test(what_is_built_is_understood),
        cmocka_unit_test(every_malformed_message_has_its_verdict),
        cmocka_unit_test(attack_S5_unknown_mandatory_attributes_are_bounded),
        cmocka_unit_test(what_follows_the_integrity_is_ignored),
        cmocka_unit_test(the_binding_client_asks_seven_times_and_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
