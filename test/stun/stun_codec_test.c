/* The codec's rules one by one, the Binding client's answers, and URLs. */
#include "stun/stun.h"
#include "test/support/support.h"

static const uint8_t txid[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

/* -- Every verdict has its file in the fuzz corpus --------------------------------------------- */

static enum weir_stun_verdict verdict_of(struct weir_span packet)
{
    struct weir_stun_msg m;
    enum weir_stun_verdict v = weir_stun_parse(packet, &m);
    return v == WEIR_STUN_OK ? weir_stun_verify(&m, weir_crypto_default(), WEIR_LIT("password")) : v;
}

static void every_verdict_has_a_file_that_yields_it(void **state)
{
    (void)state;
    for (unsigned v = 1; v < WEIR_STUN_VERDICTS; v++) {
        char path[120];
        snprintf(path, sizeof path, "fuzz/corpus/stun_parse/reject/%s.bin",
                 weir_stun_verdict_name((enum weir_stun_verdict)v));
        struct weir_mspan bytes = test_read_file(path);
        enum weir_stun_verdict got = verdict_of(weir_span_const(bytes));
        if (got != v) {
            fail_msg("%s yields %s", path, weir_stun_verdict_name(got));
        }
        free(bytes.p);
    }
    assert_string_equal(weir_stun_verdict_name(WEIR_STUN_VERDICTS), "?");
}

static void every_attribute_of_the_table_keeps_to_its_sizes(void **state)
{
    (void)state;
    const struct weir_stun_attr_info *info;
    static uint8_t value[800], out[1000];
    for (size_t row = 0; (info = weir_stun_attr_row(row)) != NULL; row++) {
        assert_ptr_equal(weir_stun_attr_info(info->type), info);
        assert_true(info->min <= info->max && info->rfc[0] != '\0' && info->name[0] != '\0');
        for (int step = -1; step <= 1; step += 2) { /* one below the least, one above the most */
            int bytes = step < 0 ? info->min - 1 : info->max + 1;
            struct weir_stun_build b;
            struct weir_stun_msg m;
            const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
            if (bytes < 0 || (size_t)bytes > sizeof value) {
                continue;
            }
            weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING,
                            WEIR_STUN_REQUEST, txid);
            weir_stun_put_bytes(&b, info->type, weir_span_of(value, (size_t)bytes));
            size_t n = weir_stun_end(&b, &plain);
            assert_int_equal(weir_stun_parse(weir_span_of(out, n), &m), WEIR_STUN_ATTR_SIZE);
        }
    }
}

static void the_fuzz_dictionary_knows_every_attribute(void **state)
{
    (void)state;
    const struct weir_stun_attr_info *info;
    struct weir_mspan bytes = test_read_file("fuzz/dict/stun_parse.dict");
    char *text = calloc(bytes.n + 1, 1), line[32];
    memcpy(text, bytes.p, bytes.n);
    for (size_t row = 0; (info = weir_stun_attr_row(row)) != NULL; row++) {
        snprintf(line, sizeof line, "=\"\\x%02x\\x%02x\"", info->type >> 8, info->type & 255);
        if (strstr(text, line) == NULL) {
            fail_msg("%s is missing", info->name);
        }
    }
    free(text);
    free(bytes.p);
}

/* -- Attacks: the packet itself lies in the fuzz corpus, its class is tried around it ------------ */

static enum weir_stun_verdict parse_exact(struct weir_span bytes)
{
    struct weir_stun_msg m;
    uint8_t *exact = malloc(bytes.n + 1);
    memcpy(exact, bytes.p, bytes.n);
    enum weir_stun_verdict v = weir_stun_parse(weir_span_of(exact, bytes.n), &m);
    free(exact);
    return v;
}

static enum weir_stun_verdict parse_file(const char *name)
{
    char path[120];
    snprintf(path, sizeof path, "fuzz/corpus/stun_parse/reject/%s.bin", name);
    struct weir_mspan bytes = test_read_file(path);
    enum weir_stun_verdict v = parse_exact(weir_span_const(bytes));
    free(bytes.p);
    return v;
}

/* A message whose one attribute ends with the datagram. */
static enum weir_stun_verdict parse_with(uint16_t type, uint16_t bytes)
{
    uint8_t out[100] = { 1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
    size_t n = 24 + (bytes + 3u) / 4 * 4;
    weir_put16(out + 2, (uint16_t)(n - 20));
    weir_put16(out + 20, type);
    weir_put16(out + 22, bytes);
    out[25] = 1;
    out[26] = 4;
    return parse_exact(weir_span_of(out, n));
}

static void attack_S1_addresses_of_every_short_length_are_dropped(void **state)
{
    (void)state;
    static const uint16_t type[] = { WEIR_STUN_XOR_MAPPED_ADDRESS, WEIR_STUN_MAPPED_ADDRESS,
                                     WEIR_STUN_ALTERNATE_SERVER, WEIR_STUN_XOR_PEER_ADDRESS };
    assert_int_equal(parse_file("S1-empty-xor-mapped"), WEIR_STUN_ATTR_SIZE);
    for (size_t i = 0; i < sizeof type / sizeof type[0]; i++) {
        for (uint16_t bytes = 0; bytes < 8; bytes++) {
            assert_int_equal(parse_with(type[i], bytes), WEIR_STUN_ATTR_SIZE);
        }
    }
    assert_int_equal(parse_with(WEIR_STUN_XOR_MAPPED_ADDRESS, 8), WEIR_STUN_OK);
    for (uint16_t bytes = 9; bytes < 20; bytes++) { /* neither family has such an address */
        assert_int_equal(parse_with(WEIR_STUN_XOR_MAPPED_ADDRESS, bytes), WEIR_STUN_ATTR_VALUE);
    }
}

static void attack_S2_error_codes_shorter_than_four_are_dropped(void **state)
{
    (void)state;
    assert_int_equal(parse_file("S2-error-code-three-bytes"), WEIR_STUN_ATTR_SIZE);
    for (uint16_t bytes = 0; bytes < 4; bytes++) {
        assert_int_equal(parse_with(WEIR_STUN_ERROR_CODE, bytes), WEIR_STUN_ATTR_SIZE);
    }
    assert_int_equal(parse_with(WEIR_STUN_ERROR_CODE, 4), WEIR_STUN_OK);
}

static void attack_S4_the_length_is_that_of_the_datagram(void **state)
{
    (void)state;
    assert_int_equal(parse_file("S4-length-65535"), WEIR_STUN_LENGTH);
    assert_int_equal(parse_file("S4-length-two"), WEIR_STUN_LENGTH);
    for (uint32_t length = 0; length <= UINT16_MAX; length++) {
        uint8_t out[40] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, [20] = 0x80, [21] = 0x22, [23] = 16 };
        weir_put16(out + 2, (uint16_t)length);
        assert_int_equal(parse_exact(weir_span_of(out, sizeof out)),
                         length == 20 ? WEIR_STUN_OK : WEIR_STUN_LENGTH);
    }
}

static void attack_S6_integrity_of_every_other_length_is_dropped(void **state)
{
    (void)state;
    assert_int_equal(parse_file("S6-integrity-four-bytes"), WEIR_STUN_ATTR_SIZE);
    for (uint16_t bytes = 0; bytes < 60; bytes++) {
        assert_int_equal(parse_with(WEIR_STUN_MESSAGE_INTEGRITY, bytes),
                         bytes == 20 ? WEIR_STUN_OK : WEIR_STUN_ATTR_SIZE);
    }
}

/* -- Attributes -------------------------------------------------------------------------------- */

static void of_attributes_that_come_twice_the_first_counts(void **state)
{
    (void)state;
    uint8_t out[300];
    struct weir_stun_build b;
    struct weir_stun_msg m;
    struct weir_addr one = weir_addr_v4(1, 1, 1, 1, 1), two = weir_addr_v4(2, 2, 2, 2, 2);
    const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
    weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING, WEIR_STUN_SUCCESS,
                    txid);
    weir_stun_put_addr(&b, WEIR_STUN_MAPPED_ADDRESS, &two);
    weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &one);
    weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &two);
    weir_stun_put_addr(&b, WEIR_STUN_MAPPED_ADDRESS, &two);
    weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, WEIR_LIT("first"));
    weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, WEIR_LIT("second"));
    weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, 1);
    weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, 2);
    size_t n = weir_stun_end(&b, &plain);
    assert_int_equal(weir_stun_parse(weir_span_of(out, n), &m), WEIR_STUN_OK);
    assert_true(weir_addr_eq(&m.mapped, &one));
    assert_true(weir_span_eq(m.username, WEIR_LIT("first")));
    assert_int_equal(m.priority, 1);
}

static void methods_and_classes_interleave_as_drawn(void **state)
{
    (void)state;
    static const enum weir_stun_class klass[] = { WEIR_STUN_REQUEST, WEIR_STUN_INDICATION,
                                                  WEIR_STUN_SUCCESS, WEIR_STUN_ERROR };
    const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
    for (unsigned method = 0; method < 0x1000; method++) {
        for (unsigned k = 0; k < 4; k++) {
            uint8_t out[20];
            struct weir_stun_build b;
            struct weir_stun_msg m;
            weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, (uint16_t)method, klass[k],
                            txid);
            assert_int_equal(weir_stun_end(&b, &plain), 20);
            assert_int_equal(weir_stun_parse(weir_span_of(out, 20), &m), WEIR_STUN_OK);
            assert_int_equal(m.method, method);
            assert_int_equal(m.klass, klass[k]);
        }
    }
}

static void both_integrities_may_stand_and_the_stronger_counts(void **state)
{
    (void)state;
    uint8_t out[300], mac[20];
    struct weir_stun_build b;
    struct weir_stun_msg m;
    const struct weir_stun_seal sha256 = { weir_crypto_default(), WEIR_LIT("password"), true, true };
    memset(mac, 7, sizeof mac); /* the weaker one is wrong, as to whom only the stronger is known */
    weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING, WEIR_STUN_REQUEST,
                    txid);
    weir_stun_put_bytes(&b, WEIR_STUN_MESSAGE_INTEGRITY, weir_span_of(mac, sizeof mac));
    size_t n = weir_stun_end(&b, &sha256);
    assert_int_equal(weir_stun_parse(weir_span_of(out, n), &m), WEIR_STUN_OK);
    assert_true(m.integrity_at == 20 && m.integrity_sha256_at == 44);
    assert_int_equal(verdict_of(weir_span_of(out, n)), WEIR_STUN_OK);
    out[50] ^= 1;
    weir_put32(out + n - 4, 0);
    assert_int_equal(verdict_of(weir_span_of(out, n)), WEIR_STUN_FINGERPRINT_WRONG);
}

static void a_truncated_sha256_counts_from_sixteen_bytes_in_fours(void **state)
{
    (void)state;
    for (unsigned bytes = 12; bytes <= 36; bytes++) {
        uint8_t out[300], mac[32];
        struct weir_hmac_key key;
        struct weir_stun_build b;
        const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
        weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING,
                        WEIR_STUN_REQUEST, txid);
        weir_put16(out + 2, (uint16_t)(4 + (bytes + 3) / 4 * 4));
        struct weir_span head = weir_span_of(out, 20);
        weir_hmac_init(weir_crypto_default(), &key, WEIR_SHA256, WEIR_LIT("password"));
        weir_hmac(weir_crypto_default(), &key, &head, 1, mac);
        uint8_t value[36] = { 0 };
        memcpy(value, mac, bytes < 32 ? bytes : 32);
        weir_stun_put_bytes(&b, WEIR_STUN_MESSAGE_INTEGRITY_SHA256, weir_span_of(value, bytes));
        size_t n = weir_stun_end(&b, &plain);
        enum weir_stun_verdict want = bytes < 16 || bytes > 32 ? WEIR_STUN_ATTR_SIZE
                                      : bytes % 4 != 0         ? WEIR_STUN_ATTR_VALUE
                                                               : WEIR_STUN_OK;
        assert_int_equal(verdict_of(weir_span_of(out, n)), want);
    }
}

static void long_term_keys_and_userhash_are_those_of_the_rfc(void **state)
{
    (void)state;
    uint8_t got[32], want[32];
    const struct weir_crypto *c = weir_crypto_default();
    /* "user" : "realm" : "pass" is the example of RFC 8489 9.2.2. */
    weir_stun_long_term_key(c, WEIR_MD5, WEIR_LIT("user"), WEIR_LIT("realm"), WEIR_LIT("pass"), got);
    assert_int_equal(test_unhex("8493fbc53ba582fb4c044c456bdc40eb", want, 16), 16);
    test_assert_bytes(weir_span_of(got, 16), weir_span_of(want, 16));
    struct weir_span part = WEIR_LIT("user:realm:pass");
    weir_stun_long_term_key(c, WEIR_SHA256, WEIR_LIT("user"), WEIR_LIT("realm"), WEIR_LIT("pass"), got);
    weir_hash_of(c, WEIR_SHA256, &part, 1, want);
    test_assert_bytes(weir_span_of(got, 32), weir_span_of(want, 32));
    part = WEIR_LIT("user:realm");
    weir_stun_userhash(c, WEIR_LIT("user"), WEIR_LIT("realm"), got);
    weir_hash_of(c, WEIR_SHA256, &part, 1, want);
    test_assert_bytes(weir_span_of(got, 32), weir_span_of(want, 32));
}

static void lists_of_password_algorithms_are_read(void **state)
{
    (void)state;
    static const uint8_t both[] = { 0, 2, 0, 0, 0, 1, 0, 0 };
    static const uint8_t padded[] = { 0, 9, 0, 1, 77, 0, 0, 0, 0, 1, 0, 0 };
    static const uint8_t past_end[] = { 0, 9, 0, 5, 0, 1, 0, 0 };
    assert_true(weir_stun_names_algorithm(weir_span_of(both, 8), WEIR_STUN_PASSWORD_MD5));
    assert_true(weir_stun_names_algorithm(weir_span_of(both, 8), WEIR_STUN_PASSWORD_SHA256));
    assert_false(weir_stun_names_algorithm(weir_span_of(both, 4), WEIR_STUN_PASSWORD_MD5));
    assert_true(weir_stun_names_algorithm(weir_span_of(padded, 12), WEIR_STUN_PASSWORD_MD5));
    assert_false(weir_stun_names_algorithm(weir_span_of(past_end, 8), WEIR_STUN_PASSWORD_MD5));
}

static void what_cannot_be_written_is_refused_at_the_end(void **state)
{
    (void)state;
    static uint8_t out[70000], big[65536];
    struct weir_stun_build b;
    struct weir_addr nowhere = { 0 };
    const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
    struct weir_mspan room = { out, sizeof out };
    weir_stun_begin(&b, room, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, txid);
    weir_stun_put_bytes(&b, WEIR_STUN_DATA, weir_span_of(big, sizeof big));
    assert_int_equal(weir_stun_end(&b, &plain), 0);
    weir_stun_begin(&b, room, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, txid);
    weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &nowhere);
    assert_int_equal(weir_stun_end(&b, &plain), 0);
}

/* -- The Binding client ------------------------------------------------------------------------ */

struct asked {
    struct weir_stun_client t;
    struct weir_path path;
};

static struct asked ask(void)
{
    struct asked a = { .path = { weir_addr_v4(192, 0, 2, 1, 1000), weir_addr_v4(192, 0, 2, 9, 3478) } };
    struct weir_rand rand;
    uint8_t out[100];
    weir_rand_init_number(&rand, 1);
    weir_stun_client_init(&a.t, &a.path, &rand, 0);
    weir_stun_client_tick(&a.t, 0);
    assert_int_equal(weir_stun_client_send(&a.t, 0, (struct weir_mspan){ out, sizeof out }), 28);
    assert_int_equal(weir_stun_client_send(&a.t, 0, (struct weir_mspan){ out, sizeof out }), 0);
    return a;
}

/* An answer with the client's transaction; `type` of 0 leaves the address out. */
static struct weir_stun_msg answer(const struct asked *a, uint16_t type, enum weir_stun_class klass,
                                   uint8_t out[200])
{
    struct weir_stun_build b;
    struct weir_stun_msg m;
    struct weir_addr mapped = weir_addr_v4(203, 0, 113, 1, 4000);
    const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
    weir_stun_begin(&b, (struct weir_mspan){ out, 200 }, WEIR_STUN_BINDING, klass, a->t.txid);
    if (type == 0x7fff) {
        weir_stun_put_flag(&b, type);
        weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &mapped);
    } else if (type != 0) {
        weir_stun_put_addr(&b, type, &mapped);
    }
    if (klass == WEIR_STUN_ERROR) {
        weir_stun_put_error(&b, 500, "no");
    }
    size_t n = weir_stun_end(&b, &plain);
    assert_int_equal(weir_stun_parse(weir_span_of(out, n), &m), WEIR_STUN_OK);
    return m;
}

static void the_binding_client_takes_one_answer_and_tells_it_once(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        enum weir_stun_class klass;
        enum weir_stun_client_state want;
        uint16_t code;
    } row[] = {
        { WEIR_STUN_XOR_MAPPED_ADDRESS, WEIR_STUN_SUCCESS, WEIR_STUN_CLIENT_DONE, 0 },
        { WEIR_STUN_MAPPED_ADDRESS, WEIR_STUN_SUCCESS, WEIR_STUN_CLIENT_DONE, 0 },
        { 0, WEIR_STUN_SUCCESS, WEIR_STUN_CLIENT_FAILED, 0 },
        { 0x7fff, WEIR_STUN_SUCCESS, WEIR_STUN_CLIENT_FAILED, 0 }, /* mandatory and unknown */
        { 0, WEIR_STUN_ERROR, WEIR_STUN_CLIENT_FAILED, 500 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct asked a = ask();
        uint8_t out[200];
        struct weir_stun_client_event e;
        struct weir_stun_msg m = answer(&a, row[i].type, row[i].klass, out);
        assert_false(weir_stun_client_event(&a.t, &e));
        assert_true(weir_stun_client_recv(&a.t, &a.path, &m));
        assert_true(weir_stun_client_event(&a.t, &e));
        assert_int_equal(e.state, row[i].want);
        assert_int_equal(e.error_code, row[i].code);
        assert_false(weir_stun_client_event(&a.t, &e));
        assert_false(weir_stun_client_recv(&a.t, &a.path, &m)); /* it is settled */
        assert_true(weir_stun_client_deadline(&a.t) == WEIR_NEVER);
    }
}

static void the_binding_client_takes_no_answer_from_elsewhere(void **state)
{
    (void)state;
    struct asked a = ask();
    uint8_t out[200];
    struct weir_stun_msg m = answer(&a, WEIR_STUN_XOR_MAPPED_ADDRESS, WEIR_STUN_SUCCESS, out);
    struct weir_path elsewhere = a.path;
    elsewhere.remote.port++;
    assert_false(weir_stun_client_recv(&a.t, &elsewhere, &m));
    m.txid[0] ^= 1;
    assert_false(weir_stun_client_recv(&a.t, &a.path, &m));
    m.txid[0] ^= 1;
    m.klass = WEIR_STUN_REQUEST;
    assert_false(weir_stun_client_recv(&a.t, &a.path, &m));
    assert_int_equal(a.t.state, WEIR_STUN_CLIENT_WAITING);
}

static void a_request_that_does_not_fit_is_kept(void **state)
{
    (void)state;
    struct asked a = ask();
    uint8_t out[28];
    weir_stun_client_tick(&a.t, 500 * WEIR_MS);
    assert_int_equal(weir_stun_client_send(&a.t, 0, (struct weir_mspan){ out, 27 }), 0);
    assert_int_equal(weir_stun_client_send(&a.t, 0, (struct weir_mspan){ out, 28 }), 28);
}

/* -- URLs -------------------------------------------------------------------------------------- */

static void urls_of_servers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
        bool is_turn, is_secure, is_tcp, is_ip6;
    } row[] = {
        { "stun:example.org", "example.org", 3478, false, false, false, false },
        { "STUN:192.0.2.1:19302", "192.0.2.1", 19302, false, false, false, false },
        { "stuns:[2001:db8::1]:5", "2001:db8::1", 5, false, true, true, true },
        { "turn:a-b.example", "a-b.example", 3478, true, false, false, false },
        { "turn:h:1?transport=udp", "h", 1, true, false, false, false },
        { "turn:h?transport=TCP", "h", 3478, true, false, true, false },
        { "turns:h", "h", 5349, true, true, true, false },
        { "turns:[::1]:65535?transport=udp", "::1", 65535, true, true, false, true },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_stun_url u;
        if (!weir_stun_url_parse(weir_span_of(row[i].text, strlen(row[i].text)), &u)) {
            fail_msg("%s is refused", row[i].text);
        }
        assert_true(weir_span_eq(u.host, weir_span_of(row[i].host, strlen(row[i].host))));
        assert_int_equal(u.port, row[i].port);
        assert_int_equal(u.is_turn, row[i].is_turn);
        assert_int_equal(u.is_secure, row[i].is_secure);
        assert_int_equal(u.is_tcp, row[i].is_tcp);
        assert_int_equal(u.host_is_ip6, row[i].is_ip6);
    }
}

static void what_is_no_url_of_a_server_is_refused(void **state)
{
    (void)state;
    static const char *const text[] = {
        "", "stun", "stun:", "stunt:h", "http:h", "stun://h", "stun:h:", "stun:h:0", "stun:h:65536",
        "stun:h:123456", "stun:h:1x", "stun:[::1", "stun:[]", "stun:h?transport=udp", "turn:h?",
        "turn:h?transport=", "turn:h?transport=sctp", "turn:h?transport=udpx", "stun:h h", "stun:user@h",
    };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        struct weir_stun_url u;
        if (weir_stun_url_parse(weir_span_of(text[i], strlen(text[i])), &u)) {
            fail_msg("\"%s\" is taken", text[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verdict_has_a_file_that_yields_it),
        cmocka_unit_test(every_attribute_of_the_table_keeps_to_its_sizes),
        cmocka_unit_test(the_fuzz_dictionary_knows_every_attribute),
        cmocka_unit_test(attack_S1_addresses_of_every_short_length_are_dropped),
        cmocka_unit_test(attack_S2_error_codes_shorter_than_four_are_dropped),
        cmocka_unit_test(attack_S4_the_length_is_that_of_the_datagram),
        cmocka_unit_test(attack_S6_integrity_of_every_other_length_is_dropped),
        cmocka_unit_test(of_attributes_that_come_twice_the_first_counts),
        cmocka_unit_test(methods_and_classes_interleave_as_drawn),
        cmocka_unit_test(both_integrities_may_stand_and_the_stronger_counts),
        cmocka_unit_test(a_truncated_sha256_counts_from_sixteen_bytes_in_fours),
        cmocka_unit_test(long_term_keys_and_userhash_are_those_of_the_rfc),
        cmocka_unit_test(lists_of_password_algorithms_are_read),
        cmocka_unit_test(what_cannot_be_written_is_refused_at_the_end),
        cmocka_unit_test(the_binding_client_takes_one_answer_and_tells_it_once),
        cmocka_unit_test(the_binding_client_takes_no_answer_from_elsewhere),
        cmocka_unit_test(a_request_that_does_not_fit_is_kept),
        cmocka_unit_test(urls_of_servers_are_read),
        cmocka_unit_test(what_is_no_url_of_a_server_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
