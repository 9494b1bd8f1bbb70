/* One row per rule of DTLS 1.3: a packet, or a message in the place of an honest one, that breaks just
 * this rule and gives just this verdict; what happens then, and which alert tells it. */
#include "test/dtls/dtls13_sim.h"

#include "test/dtls/dtls_rules.h"

/* -- Records ----------------------------------------------------------------------------------- */

static void a_bad_record_gives_its_verdict_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        const char *hex;
    } row[] = {
        { WEIR_DTLS_RECORD_TRUNCATED, "2f" },
        { WEIR_DTLS_RECORD_TRUNCATED, "2f 00" },
        { WEIR_DTLS_RECORD_TRUNCATED, "2f 0000 00" },
        { WEIR_DTLS_RECORD_TRUNCATED, "2f 0000 0002 00" },
        { WEIR_DTLS_RECORD_CID, "3f 0102 0000 0001 00" },
        { WEIR_DTLS_RECORD_CID, "30" },
        { WEIR_DTLS_RECORD_SHORT, "2f 0000 0000" },
        { WEIR_DTLS_RECORD_SHORT, "2f 0000 0010 000102030405060708090a0b0c0d0e0f" },
        { WEIR_DTLS_RECORD_SHORT, "23 00" }, /* no length: the rest, which is nothing */
        { WEIR_DTLS_RECORD_FORGED, "2f 0000 0011 000102030405060708090a0b0c0d0e0f10" },
        { WEIR_DTLS_RECORD_FORGED, "23 00 000102030405060708090a0b0c0d0e0f10" },
        { WEIR_DTLS_RECORD_FORGED, "2b 0000 000102030405060708090a0b0c0d0e0f10" },
        { WEIR_DTLS_RECORD_FORGED, "27 00 0011 000102030405060708090a0b0c0d0e0f10" },
        { WEIR_DTLS_RECORD_EPOCH, "2c 0000 0011 000102030405060708090a0b0c0d0e0f10" },
        { WEIR_DTLS_RECORD_EPOCH, "2d 0000 0011 000102030405060708090a0b0c0d0e0f10" },
        /* Headers of before: no other epoch than 0 has one. */
        { WEIR_DTLS_RECORD_EPOCH, "17 fefd 0003 000000000099 0011 000102030405060708090a0b0c0d0e0f10" },
        { WEIR_DTLS_RECORD_EPOCH, "16 fefd 0001 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_TYPE, "18 fefd 0000 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_CID, "19 fefd 0001 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_TYPE, "1b fefd 0000 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_TYPE, "41 fefd 0000 000000000099 0001 00" },
        { WEIR_DTLS_DATA_PLAIN, "17 fefd 0000 000000000099 0002 6869" },
        { WEIR_DTLS_CCS_UNEXPECTED, "14 fefd 0000 000000000099 0001 01" },
        { WEIR_DTLS_ALERT_PLAIN, "15 fefd 0000 000000000099 0002 0228" },
        { WEIR_DTLS_ALERT_PLAIN, "15 fefd 0000 000000000099 0002 0100" },
        { WEIR_DTLS_ACK_PLAIN, "1a fefd 0000 000000000099 0002 0000" },
        { WEIR_DTLS_ACK_MALFORMED, "1a fefd 0000 000000000099 0001 00" },
        { WEIR_DTLS_ACK_MALFORMED, "1a fefd 0000 000000000099 0006 0004 00000000" },
        { WEIR_DTLS_ACK_MALFORMED, "1a fefd 0000 000000000099 0003 0000 00" },
        { WEIR_DTLS_MESSAGE_OLD, "16 fefd 0000 000000000099 000c 01000000 0000 000000 000000" },
        { WEIR_DTLS_FRAGMENT_EPOCH, "16 fefd 0000 000000000099 000c 01000000 0063 000000 000000" },
    };
    struct sim s;
    sim_init_default(&s, 40);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (unsigned who = 0; who < 2; who++) {
            struct weir_dtls_window window = s.end[who].d.rx.window;
            expect(hear_hex(&s, who, row[i].hex), row[i].want, row[i].hex);
            assert_int_equal(s.end[who].d.state, WEIR_DTLS_CONNECTED);
            assert_memory_equal(&window, &s.end[who].d.rx.window, sizeof window);
            assert_int_equal(s.count, 0); /* no answer */
        }
    }
    sim_check_up(&s);
    sim_free(&s);
}

static void the_longest_record_is_the_longest(void **state)
{
    (void)state;
    static uint8_t big[WEIR_DTLS_PLAIN_MAX + 600], content[WEIR_DTLS_PLAIN_MAX + 2];
    struct sim s;
    sim_init_default(&s, 42);
    assert_true(sim_connect(&s, WEIR_SEC));
    memcpy(big, (const uint8_t[]){ 0x2f, 0, 0, 0x41, 0 }, 5);
    expect(sim_hear(&s, CLIENT, big, 5 + 0x4100), WEIR_DTLS_RECORD_FORGED, "2^14 + 256");
    memcpy(big, (const uint8_t[]){ 0x2f, 0, 0, 0x41, 1 }, 5);
    expect(sim_hear(&s, CLIENT, big, 5 + 0x4101), WEIR_DTLS_RECORD_LENGTH, "2^14 + 257");
    size_t n = peers_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA,
                            weir_span_of(content, WEIR_DTLS_PLAIN_MAX), big);
    expect(sim_hear(&s, CLIENT, big, n), WEIR_DTLS_OK, "2^14");
    n = peers_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA,
                     weir_span_of(content, WEIR_DTLS_PLAIN_MAX + 1), big);
    expect(sim_hear(&s, CLIENT, big, n), WEIR_DTLS_RECORD_LENGTH, "2^14 + 1");
    assert_int_equal(s.end[CLIENT].got_count, 1);
    sim_free(&s);
}

/* Seal content that already ends in its type, or has none. */
static size_t seal_inner(struct weir_dtls *from, struct weir_span inner, uint8_t *out)
{
    memcpy(out + UNIFIED_HEAD_BYTES, inner.p, inner.n);
    uint8_t last = inner.p[inner.n - 1];
    return weir_dtls13_record_seal(from, &from->tx, (enum content_type)last, out, inner.n - 1);
}

static void what_is_inside_a_record_is_judged(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        const char *inner;
    } row[] = {
        { WEIR_DTLS_OK, "68 69 17" },
        { WEIR_DTLS_OK, "68 69 17 00 00 00 00" }, /* padding */
        { WEIR_DTLS_OK, "17" },                   /* no data at all */
        { WEIR_DTLS_OK, "17 00 00" },
        { WEIR_DTLS_RECORD_CONTENT, "00" },
        { WEIR_DTLS_RECORD_CONTENT, "00 00 00 00" },
        { WEIR_DTLS_RECORD_CONTENT, "01 14" }, /* ChangeCipherSpec */
        { WEIR_DTLS_RECORD_CONTENT, "01 18" },
        { WEIR_DTLS_RECORD_CONTENT, "01 19" },
        { WEIR_DTLS_RECORD_CONTENT, "01 ff" },
        { WEIR_DTLS_RECORD_CONTENT, "15" },
        { WEIR_DTLS_RECORD_CONTENT, "16" },
        { WEIR_DTLS_RECORD_CONTENT, "1a 00" },
        { WEIR_DTLS_OK, "01 5a 15" }, /* user_canceled */
        { WEIR_DTLS_OK, "00 00 1a" },
        { WEIR_DTLS_ACK_MALFORMED, "00 1a" },
        { WEIR_DTLS_ACK_MALFORMED, "00 08 0000000000000000 1a" },
        { WEIR_DTLS_FRAGMENT_TRUNCATED, "18 000001 16" },
    };
    struct sim s;
    sim_init_default(&s, 43);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t inner[64], record[128];
        size_t n = test_unhex(row[i].inner, inner, sizeof inner);
        n = seal_inner(&s.end[CLIENT].d, weir_span_of(inner, n), record);
        expect(sim_hear(&s, SERVER, record, n), row[i].want, row[i].inner);
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_CONNECTED);
    }
    assert_int_equal(s.end[SERVER].got_count, 2);
    sim_check_up(&s);
    sim_free(&s);
}

/* -- Hellos ------------------------------------------------------------------------------------ */

#define V13 "002b 0003 02fefc"
#define V13_12 "002b 0005 04fefcfefd"
#define X_GROUPS "000a 0004 0002 001d"
#define X_SIGS "000d 0004 0002 0403"
#define X_SRTP "000e 0005 0002 0007 00"
#define KEY_A "0900000000000000000000000000000000000000000000000000000000000000"
#define SHARE "001d 0020" KEY_A
#define X_SHARE "0033 0026 0024" SHARE
#define X_ALL V13 X_GROUPS X_SIGS X_SHARE X_SRTP
#define SUITES "1301"

/* [RFC 8446 6 MUST] Only the peer can have written it. */
static void a_malformed_alert_under_protection_is_the_end(void **state)
{
    (void)state;
    static const char *const alert[] = { "01 15", "ff ff 15", "00 5a 15", "01 5a 00 15" };
    for (size_t i = 0; i < sizeof alert / sizeof alert[0]; i++) {
        struct sim s;
        uint8_t inner[64], record[128];
        sim_init_default(&s, 44);
        assert_true(sim_connect(&s, WEIR_SEC));
        size_t n = test_unhex(alert[i], inner, sizeof inner);
        n = i == 3 ? peers_record(&s.end[SERVER].d, CONTENT_ALERT, weir_span_of(inner, 3), record)
                   : seal_inner(&s.end[CLIENT].d, weir_span_of(inner, n), record);
        expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_ALERT_MALFORMED, alert[i]);
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_FAILED);
        assert_int_equal(s.end[SERVER].last.verdict, WEIR_DTLS_ALERT_MALFORMED);
        assert_int_equal(s.end[SERVER].last.alert, ALERT_DECODE_ERROR);
        sim_free(&s);
    }
}

/* Shares that look like one and make no secret: a few are worked on, then one each second, and a node has a
 * bound for all its connections. A good one is taken whenever there is something left. */
static void attack_D37_shares_that_come_to_nothing_are_bounded(void **state)
{
    (void)state;
    struct weir_budget all = weir_budget_of(6, WEIR_SEC);
    uint8_t off_curve[1500];
    size_t n = 0;
    unsigned busy = 0;
    for (unsigned round = 0; round < 3; round++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 45), v = sim_config(SERVER, 45);
        c.groups = 1;
        c.group[0] = WEIR_P256;
        v.work = &all;
        sim_init(&s, &c, &v);
        sim_start(&s);
        struct weir_dtls *server = &s.end[SERVER].d;
        if (n == 0) {
            struct sim_datagram *g = sim_next(&s);
            n = g->n;
            memcpy(off_curve, g->bytes, n);
            for (size_t at = 25; at + 69 < n; at++) {
                if (weir_be32(off_curve + at) == 0x00170041) {
                    off_curve[at + 40] ^= 1;
                }
            }
        }
        for (unsigned i = 0; i < 20; i++) {
            uint8_t copy[1500];
            memcpy(copy, off_curve, n);
            enum weir_dtls_verdict got = sim_hear(&s, SERVER, copy, n);
            bool is_worked_on = round == 0 ? i < 4 : round == 1 ? i < 2 : false;
            expect(got, is_worked_on ? WEIR_DTLS_KEY_SHARE : WEIR_DTLS_HELLO_BUSY, "off the curve");
            busy += got == WEIR_DTLS_HELLO_BUSY ? 1 : 0;
        }
        assert_int_equal(server->state, WEIR_DTLS_NEW);
        /* A second later there is one more, for the true client. */
        s.now += WEIR_SEC;
        weir_dtls_tick(&s.end[CLIENT].d, s.now);
        assert_true(sim_await(&s, 5 * WEIR_SEC));
        sim_free(&s);
    }
    assert_int_equal(busy, 16 + 18 + 20);
}

/* What has not the form of a share costs no key and nothing of the bound. */
static void attack_D37_the_form_of_a_share_comes_before_any_key(void **state)
{
    (void)state;
    static const uint8_t small[][2] = { { 0, 0 }, { 1, 0 }, { 0, 0x80 } }; /* first and last byte */
    static uint8_t point[97], kem[WEIR_DTLS_SHARE_MAX];
    uint8_t x25519[32] = { 9 };
    assert_true(weir_dtls_share_is_formed(WEIR_X25519, true, weir_span_of(x25519, 32)));
    assert_false(weir_dtls_share_is_formed(WEIR_X25519, true, weir_span_of(x25519, 31)));
    assert_false(weir_dtls_share_is_formed(WEIR_X25519, true, weir_span_of(x25519, 0)));
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        x25519[0] = small[i][0];
        x25519[31] = small[i][1];
        assert_false(weir_dtls_share_is_formed(WEIR_X25519, true, weir_span_of(x25519, 32)));
    }
    for (unsigned i = 0; i < 3; i++) { /* p - 1, p, p + 1 */
        memset(x25519, 0xff, sizeof x25519);
        x25519[0] = (uint8_t)(0xec + i);
        x25519[31] = 0x7f;
        assert_false(weir_dtls_share_is_formed(WEIR_X25519, false, weir_span_of(x25519, 32)));
    }
    point[0] = 4;
    assert_true(weir_dtls_share_is_formed(WEIR_P256, true, weir_span_of(point, 65)));
    assert_false(weir_dtls_share_is_formed(WEIR_P256, true, weir_span_of(point, 64)));
    assert_true(weir_dtls_share_is_formed(WEIR_P384, true, weir_span_of(point, 97)));
    point[0] = 2;
    assert_false(weir_dtls_share_is_formed(WEIR_P384, true, weir_span_of(point, 97)));
    kem[WEIR_KEM_PUBLIC_BYTES] = 9;
    assert_true(weir_dtls_share_is_formed(WEIR_DTLS_X25519MLKEM768, true, weir_span_of(kem, sizeof kem)));
    kem[1149] = 0x01; /* 3329 = d01 */
    kem[1150] = 0x0d;
    assert_false(weir_dtls_share_is_formed(WEIR_DTLS_X25519MLKEM768, true, weir_span_of(kem, sizeof kem)));
}

static void a_bad_client_hello_is_dropped_and_the_next_one_is_heard(void **state)
{
    (void)state;
    static const struct hello_row row[] = {
        { WEIR_DTLS_OK, "fefd", SUITES, "0100", X_ALL },
        { WEIR_DTLS_OK, "fefd", "c02b 1303 1302", "0100", V13_12 X_GROUPS X_SIGS X_SHARE },
        { WEIR_DTLS_OK, "fefd", SUITES, "0100", "002b 0007 06 7f2b fefc 0303" X_GROUPS X_SIGS X_SHARE },
        { WEIR_DTLS_HELLO_MALFORMED, "fefd", SUITES, "0100", X_ALL "0017 0001" },
        { WEIR_DTLS_HELLO_DUPLICATE, "fefd", SUITES, "0100", X_ALL X_SHARE },
        { WEIR_DTLS_HELLO_DUPLICATE, "fefd", SUITES, "0100", X_ALL X_SRTP },
        { WEIR_DTLS_OK, "fefc", SUITES, "0100", X_ALL },
        { WEIR_DTLS_OK, "fdff", SUITES, "0100", X_ALL }, /* the list decides, not this field */
        { WEIR_DTLS_HELLO_VERSION, "0303", SUITES, "0100", X_ALL },
        { WEIR_DTLS_HELLO_VERSION, "feff", SUITES, "0100", X_ALL },
        { WEIR_DTLS_HELLO_VERSION, "fefd", "c02b", "0100", "002b 0003 02feff" X_GROUPS X_SIGS },
        { WEIR_DTLS_HELLO_VERSION, "fefd", "c02b", "0100", "002b 0003 027f2b" X_GROUPS X_SIGS },
        { WEIR_DTLS_HELLO_VERSION, "fefd", "c02b", "0100", "002b 0002 01fe" X_GROUPS X_SIGS },
        { WEIR_DTLS_HELLO_COMPRESSION, "fefd", SUITES, "020001", X_ALL },
        { WEIR_DTLS_HELLO_COMPRESSION, "fefd", SUITES, "0101", X_ALL },
        { WEIR_DTLS_HELLO_SUITE, "fefd", "1304 1305 c02b", "0100", X_ALL },
        { WEIR_DTLS_HELLO_MISSING, "fefd", SUITES, "0100", V13 X_SIGS X_SHARE },
        { WEIR_DTLS_HELLO_MISSING, "fefd", SUITES, "0100", V13 X_SIGS X_GROUPS },
        { WEIR_DTLS_HELLO_MISSING, "fefd", SUITES, "0100", V13 X_SHARE X_GROUPS },
        { WEIR_DTLS_HELLO_GROUP, "fefd", SUITES, "0100", V13 X_SIGS "000a 0000" "0033 0002 0000" },
        { WEIR_DTLS_HELLO_GROUP, "fefd", SUITES, "0100", V13 X_SIGS "000a 0003 0001 1d" X_SHARE },
        { WEIR_DTLS_HELLO_GROUP, "fefd", SUITES, "0100", V13 X_SIGS "000a 0004 0002 001e"
                                                                    "0033 0002 0000" },
        { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "0100", V13 X_SIGS X_GROUPS "0033 0000" },
        { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "0100", V13 X_SIGS X_GROUPS "0033 0006 0004 001d 0000" },
        { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "0100", V13 X_SIGS X_GROUPS "0033 0007 0005 001d 0002 01" },
        { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "0100", V13 X_SIGS X_GROUPS "0033 004a 0048" SHARE SHARE },
        { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "0100", /* a share of a group that is not in the list */
          V13 X_SIGS "000a 0004 0002 0017" X_SHARE },
        { WEIR_DTLS_HELLO_SIGNATURES, "fefd", SUITES, "0100", V13 X_GROUPS X_SHARE "000d 0004 0002 0804" },
        { WEIR_DTLS_HELLO_SIGNATURES, "fefd", SUITES, "0100", V13 X_GROUPS X_SHARE "000d 0000" },
        { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "0100", V13 X_GROUPS X_SIGS X_SHARE "000e 0003 0000 00" },
        { WEIR_DTLS_HELLO_STALE, "fefd", SUITES, "0100", X_ALL "002c 0004 0002 4142" },
        { WEIR_DTLS_HELLO_STALE, "fefd", SUITES, "0100", X_ALL "002c 0000" },
        { WEIR_DTLS_KEY_SHARE, "fefd", SUITES, "0100", V13 X_SIGS X_GROUPS "0033 0007 0005 001d 0001 01" },
        { WEIR_DTLS_KEY_SHARE, "fefd", SUITES, "0100",
          V13 X_SIGS X_GROUPS "0033 0026 0024 001d 0020"
          "0000000000000000000000000000000000000000000000000000000000000000" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t body[1024], record[1200];
        char what[32];
        struct sim s;
        sim_init_default(&s, 44);
        size_t n = hello_body(&row[i], true, body, sizeof body);
        n = plain_message(record, MESSAGE_CLIENT_HELLO, 0, weir_span_of(body, n));
        snprintf(what, sizeof what, "client hello %zu", i);
        expect(sim_hear(&s, SERVER, record, n), row[i].want, what);
        if (row[i].want != WEIR_DTLS_OK) {
            assert_int_equal(s.count, row[i].want == WEIR_DTLS_HELLO_STALE ? 1 : 0); /* an alert */
            assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
            assert_true(sim_connect(&s, WEIR_SEC));
            sim_check_up(&s);
        } else {
            assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_HANDSHAKE);
            assert_true(s.count != 0);
        }
        sim_free(&s);
    }
}

static void fields_of_before_stay_empty(void **state)
{
    (void)state;
    static const struct hello_row good = { WEIR_DTLS_OK, "fefd", SUITES, "0100", X_ALL };
    for (unsigned is_cookie = 0; is_cookie < 2; is_cookie++) {
        struct sim s;
        uint8_t body[1024], record[1200];
        sim_init_default(&s, 45);
        size_t n = hello_body(&good, true, body, sizeof body);
        size_t at = 2 + 32 + is_cookie; /* behind the random: session, cookie */
        memmove(body + at + 2, body + at + 1, n - at - 1);
        body[at] = 1;
        body[at + 1] = 0x77;
        n = plain_message(record, MESSAGE_CLIENT_HELLO, 0, weir_span_of(body, n + 1));
        expect(sim_hear(&s, SERVER, record, n), is_cookie != 0 ? WEIR_DTLS_HELLO_LEGACY : WEIR_DTLS_OK,
               "legacy field");
        if (is_cookie == 0) {
            /* A session may be there, for a server of 1.2; it is not echoed. */
            size_t m, entry;
            assert_int_equal(edit_find(&s.end[SERVER].d, MESSAGE_SERVER_HELLO, &m, &entry)[34], 0);
        }
        sim_free(&s);
    }
}

/* Run a hello in the place of the server's. */
static void answer_with(const struct hello_row *hello, uint8_t alert, const char *what,
                        bool is_hello_retry_request)
{
    struct sim s;
    uint8_t body[512];
    char hex[1025];
    size_t n = hello_body(hello, false, body, sizeof body);
    if (is_hello_retry_request) {
        memcpy(body + 2, weir_dtls13_hello_retry_random, 32);
    }
    for (size_t k = 0; k < n; k++) {
        snprintf(hex + 2 * k, 3, "%02x", body[k]);
    }
    struct edit_row edit = { hello->want, CLIENT, MESSAGE_SERVER_HELLO, alert, 0, 0, hex, true };
    sim_init_default(&s, 47);
    run_edit(&s, &edit, what);
    sim_free(&s);
}

#define S13 "002b 0002 fefc"
#define S_SHARE "0033 0024 001d 0020" KEY_A

static void a_bad_server_hello_ends_the_handshake(void **state)
{
    (void)state;
    static const struct {
        struct hello_row hello;
        uint8_t alert;
    } row[] = {
        { { WEIR_DTLS_HELLO_VERSION, "fefd", SUITES, "00", "002b 0002 fefd" S_SHARE }, 70 },
        { { WEIR_DTLS_HELLO_VERSION, "fefd", SUITES, "00", "002b 0002 7f2b" S_SHARE }, 70 },
        { { WEIR_DTLS_HELLO_VERSION, "fefd", SUITES, "00", "002b 0003 02fefc" S_SHARE }, 70 },
        { { WEIR_DTLS_HELLO_VERSION, "fefc", SUITES, "00", S13 S_SHARE }, 70 },
        { { WEIR_DTLS_HELLO_DUPLICATE, "fefd", SUITES, "00", S13 S13 S_SHARE }, 47 },
        { { WEIR_DTLS_HELLO_COMPRESSION, "fefd", SUITES, "01", S13 S_SHARE }, 47 },
        { { WEIR_DTLS_HELLO_SUITE, "fefd", "1304", "00", S13 S_SHARE }, 47 },
        { { WEIR_DTLS_HELLO_SUITE, "fefd", "c02b", "00", S13 S_SHARE }, 47 },
        { { WEIR_DTLS_HELLO_MISSING, "fefd", SUITES, "00", S13 }, 109 },
        { { WEIR_DTLS_HELLO_UNASKED, "fefd", SUITES, "00", S13 S_SHARE X_SRTP }, 110 },
        { { WEIR_DTLS_HELLO_UNASKED, "fefd", SUITES, "00", S13 S_SHARE "0029 0002 0000" }, 110 },
        { { WEIR_DTLS_HELLO_UNASKED, "fefd", SUITES, "00", S13 S_SHARE "0017 0000" }, 110 },
        { { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "00", S13 "0033 0024 001e 0020" KEY_A }, 47 },
        { { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "00", S13 "0033 0024 0018 0020" KEY_A }, 47 },
        { { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "00", S13 "0033 0002 001d" }, 47 },
        { { WEIR_DTLS_KEY_SHARE, "fefd", SUITES, "00", S13 "0033 0005 001d 0001 00" }, 47 },
        { { WEIR_DTLS_KEY_SHARE, "fefd", SUITES, "00",
            S13 "0033 0024 001d 0020"
            "0000000000000000000000000000000000000000000000000000000000000000" }, 47 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char what[32];
        snprintf(what, sizeof what, "server hello %zu", i);
        answer_with(&row[i].hello, row[i].alert, what, false);
    }
}

static void a_server_hello_with_a_session_ends_the_handshake(void **state)
{
    (void)state;
    struct sim s;
    char hex[512] = "fefd";
    for (unsigned i = 0; i < 32; i++) {
        strcat(hex, "11");
    }
    strcat(hex, "01 77" SUITES "00 002e" S13 S_SHARE);
    struct edit_row edit = { WEIR_DTLS_HELLO_LEGACY, CLIENT, MESSAGE_SERVER_HELLO, 47, 0, 0, hex, true };
    sim_init_default(&s, 48);
    run_edit(&s, &edit, "session");
    sim_free(&s);
}

static void a_bad_retry_ends_the_handshake(void **state)
{
    (void)state;
    static const struct {
        struct hello_row hello;
        uint8_t alert;
    } row[] = {
        { { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "00", S13 }, 47 }, /* changes nothing */
        { { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "00", S13 "0033 0002 001d" }, 47 }, /* is there */
        { { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "00", S13 "0033 0002 11ec" }, 47 },
        { { WEIR_DTLS_HELLO_SHARE, "fefd", SUITES, "00", S13 "0033 0003 001800" }, 47 },
        { { WEIR_DTLS_HELLO_MALFORMED, "fefd", SUITES, "00", S13 "002c 0002 0000" }, 50 },
        { { WEIR_DTLS_HELLO_MALFORMED, "fefd", SUITES, "00", S13 "002c 0003 0002 01" }, 50 },
        { { WEIR_DTLS_HELLO_UNASKED, "fefd", SUITES, "00", S13 "0033 0002 0018 0010 0000" }, 110 },
        { { WEIR_DTLS_HELLO_SUITE, "fefd", "1305", "00", S13 "0033 0002 0018" }, 47 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char what[32];
        snprintf(what, sizeof what, "retry %zu", i);
        answer_with(&row[i].hello, row[i].alert, what, true);
    }
}

static void a_second_retry_ends_the_handshake_and_a_changed_suite_too(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct sim s;
        uint8_t body[256], record[300];
        struct hello_row retry = { WEIR_DTLS_OK, "fefd", SUITES, "00", S13 "0033 0002 0018" };
        sim_init_default(&s, 49);
        sim_start(&s);
        size_t n = hello_body(&retry, false, body, sizeof body);
        memcpy(body + 2, weir_dtls13_hello_retry_random, 32);
        n = plain_message(record, MESSAGE_SERVER_HELLO, 0, weir_span_of(body, n));
        assert_int_equal(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_OK);
        assert_int_equal(s.end[CLIENT].d.step, STEP_CLIENT_WAIT_SERVER_HELLO);
        assert_int_equal(exchange_of(&s.end[CLIENT].d)->group, WEIR_P384);
        if (i == 0) {
            retry.suites = "1302";
            retry.extensions = S13 S_SHARE;
        } else if (i == 1) {
            retry.extensions = S13 S_SHARE; /* a group that it no longer offers */
        }
        n = hello_body(&retry, false, body, sizeof body);
        if (i == 2) {
            memcpy(body + 2, weir_dtls13_hello_retry_random, 32);
        }
        n = plain_message(record, MESSAGE_SERVER_HELLO, 1, weir_span_of(body, n));
        enum weir_dtls_verdict want = i == 0   ? WEIR_DTLS_HELLO_SUITE
                                      : i == 1 ? WEIR_DTLS_HELLO_SHARE
                                               : WEIR_DTLS_HELLO_RETRY;
        expect(sim_hear(&s, CLIENT, record, n), want, "second answer");
        assert_int_equal(s.end[CLIENT].last.alert,
                         i == 2 ? ALERT_UNEXPECTED_MESSAGE : ALERT_ILLEGAL_PARAMETER);
        sim_free(&s);
    }
}

/* -- Downgrades -------------------------------------------------------------------------------- */

static void attack_D22_a_server_of_13_that_is_made_to_take_12_says_so(void **state)
{
    (void)state;
    for (unsigned last = 0; last < 4; last++) {
        struct sim s;
        uint8_t body[256], record[300];
        struct hello_row hello = { WEIR_DTLS_OK, "fefd", "c02b", "00", "0017 0000" };
        sim_init_default(&s, 50);
        sim_start(&s);
        size_t n = hello_body(&hello, false, body, sizeof body);
        memcpy(body + 2 + 24, "DOWNGRD", 7);
        body[2 + 31] = (uint8_t)last;
        n = plain_message(record, MESSAGE_SERVER_HELLO, 0, weir_span_of(body, n));
        expect(sim_hear(&s, CLIENT, record, n), last < 2 ? WEIR_DTLS_HELLO_DOWNGRADE : WEIR_DTLS_OK,
               "sentinel");
        if (last < 2) {
            assert_int_equal(s.end[CLIENT].last.alert, ALERT_ILLEGAL_PARAMETER);
        }
        sim_free(&s);
    }
}

/* Take 1.3 out of the client's hello on its way: its number becomes one that nobody has. */
static void attack_D22_a_hello_robbed_of_13_leads_nowhere(void **state)
{
    (void)state;
    for (unsigned is_12_alone = 0; is_12_alone < 2; is_12_alone++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 51), v = sim_config(SERVER, 52);
        if (is_12_alone != 0) {
            c.version_max = WEIR_DTLS_1_2;
        }
        sim_init(&s, &c, &v);
        sim_start(&s);
        struct sim_datagram *g = sim_next(&s);
        for (size_t i = 0; i + 4 < g->n; i++) {
            if (weir_be32(g->bytes + i) == 0x04fefcfe) {
                weir_put16(g->bytes + i + 1, 0x7a7a);
            }
        }
        bool is_up = sim_await(&s, WEIR_SEC);
        /* The server tells of its 1.3 in any case; only a client that has it, too, minds. */
        assert_memory_equal(s.end[SERVER].d.server_random + 24, "DOWNGRD\1", 8);
        assert_int_equal(is_up, is_12_alone != 0);
        if (is_12_alone == 0) {
            assert_int_equal(s.end[CLIENT].last.verdict, WEIR_DTLS_HELLO_DOWNGRADE);
        }
        sim_free(&s);
    }
}

static void attack_D22_an_end_of_13_alone_takes_nothing_older(void **state)
{
    (void)state;
    struct sim s;
    uint8_t body[256], record[300];
    struct hello_row hello = { WEIR_DTLS_OK, "fefd", "c02b", "00", "0017 0000" };
    struct weir_dtls_config c = sim_config(CLIENT, 53), v = sim_config(SERVER, 54);
    c.version_min = v.version_min = WEIR_DTLS_1_3;
    sim_init(&s, &c, &v);
    sim_start(&s);
    size_t n = hello_body(&hello, false, body, sizeof body);
    n = plain_message(record, MESSAGE_SERVER_HELLO, 0, weir_span_of(body, n));
    expect(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_HELLO_VERSION, "server of 1.2");
    hello = (struct hello_row){ WEIR_DTLS_OK, "fefd", "c02b", "0100", X_SIGS "0017 0000" };
    n = hello_body(&hello, true, body, sizeof body);
    n = plain_message(record, MESSAGE_CLIENT_HELLO, 0, weir_span_of(body, n));
    expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_HELLO_VERSION, "client of 1.2");
    sim_free(&s);
}

/* -- Messages in the place of honest ones ------------------------------------------------------ */

static void a_bad_message_ends_the_handshake_with_its_alert(void **state)
{
    (void)state;
    static const struct edit_row row[] = {
        { WEIR_DTLS_ENCRYPTED_MALFORMED, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 50, 0, 0, "00", true },
        { WEIR_DTLS_ENCRYPTED_MALFORMED, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 50, 0, 1, NULL, false },
        { WEIR_DTLS_ENCRYPTED_MALFORMED, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 50, 0, -1, NULL, false },
        { WEIR_DTLS_HELLO_DUPLICATE, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 47, 0, 0, "0012" X_SRTP X_SRTP,
          true },
        { WEIR_DTLS_HELLO_UNASKED, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 110, 0, 0, "0004 0010 0000",
          true },
        { WEIR_DTLS_HELLO_UNASKED, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 110, 0, 0, "0006" S13, true },
        { WEIR_DTLS_HELLO_UNASKED, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 110, 0, 0, "0004 0017 0000",
          true },
        { WEIR_DTLS_HELLO_SRTP, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 47, 0, 0,
          "0009 000e 0005 0002 0005 00", true },
        { WEIR_DTLS_HELLO_SRTP, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 47, 0, 0,
          "000b 000e 0007 0004 0007 0001 00", true },
        { WEIR_DTLS_HELLO_SRTP, CLIENT, MESSAGE_ENCRYPTED_EXTENSIONS, 47, 0, 0,
          "000a 000e 0006 0002 0007 01 41", true },
        { WEIR_DTLS_REQUEST_MALFORMED, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 50, 0, 0, "00", true },
        { WEIR_DTLS_REQUEST_MALFORMED, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 50, 0, 1, NULL, false },
        { WEIR_DTLS_REQUEST_MALFORMED, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 50, 0, 0, "01 41 0008" X_SIGS,
          true },
        { WEIR_DTLS_REQUEST_SCHEME, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 40, 0, 0, "00 0000", true },
        { WEIR_DTLS_REQUEST_SCHEME, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 40, 0, 0,
          "00 0008 000d 0004 0002 0804", true },
        { WEIR_DTLS_CERT_MALFORMED, CLIENT, MESSAGE_CERTIFICATE, 50, 0, -1, NULL, false },
        { WEIR_DTLS_CERT_MALFORMED, CLIENT, MESSAGE_CERTIFICATE, 50, 0, 1, NULL, false },
        { WEIR_DTLS_CERT_MALFORMED, SERVER, MESSAGE_CERTIFICATE, 50, 0, 0, "01 41 000000", true },
        { WEIR_DTLS_CERT_MALFORMED, SERVER, MESSAGE_CERTIFICATE, 50, 0, 0, "00 000005 000000 0000", true },
        { WEIR_DTLS_CERT_MALFORMED, SERVER, MESSAGE_CERTIFICATE, 50, 0, 0,
          "00 000042 000001010000 000001010000 000001010000 000001010000 000001010000 000001010000"
          "000001010000 000001010000 000001010000 000001010000 000001010000",
          true },
        { WEIR_DTLS_CERT_EMPTY, SERVER, MESSAGE_CERTIFICATE, 116, 0, 0, "00 000000", true },
        { WEIR_DTLS_CERT_EMPTY, CLIENT, MESSAGE_CERTIFICATE, 50, 0, 0, "00 000000", true },
        { WEIR_DTLS_HELLO_UNASKED, CLIENT, MESSAGE_CERTIFICATE, 110, 0, 0,
          "00 00000a 000001 01 0004 0005 0000", true },
        { WEIR_DTLS_CERT_FINGERPRINT, CLIENT, MESSAGE_CERTIFICATE, 42, 20, 0, "00", false },
        { WEIR_DTLS_CERT_FINGERPRINT, SERVER, MESSAGE_CERTIFICATE, 42, 20, 0, "00", false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED, CLIENT, MESSAGE_CERTIFICATE_VERIFY, 50, 0, -1, NULL,
          false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED, SERVER, MESSAGE_CERTIFICATE_VERIFY, 50, 0, 0, "0403",
          true },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME, CLIENT, MESSAGE_CERTIFICATE_VERIFY, 47, 0, 0, "0503",
          false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME, CLIENT, MESSAGE_CERTIFICATE_VERIFY, 47, 0, 0, "0401",
          false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME, SERVER, MESSAGE_CERTIFICATE_VERIFY, 47, 0, 0, "0203",
          false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME, SERVER, MESSAGE_CERTIFICATE_VERIFY, 47, 0, 0, "0804",
          false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE, CLIENT, MESSAGE_CERTIFICATE_VERIFY, 51, -1, 0, "00",
          false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE, SERVER, MESSAGE_CERTIFICATE_VERIFY, 51, 0, 0, "0403 0000",
          true },
        { WEIR_DTLS_FINISHED, CLIENT, MESSAGE_FINISHED, 51, 0, 0, "0000", false },
        { WEIR_DTLS_FINISHED, CLIENT, MESSAGE_FINISHED, 51, 0, -1, NULL, false },
        { WEIR_DTLS_FINISHED, SERVER, MESSAGE_FINISHED, 51, 31, 0, "00", false },
        { WEIR_DTLS_FINISHED, SERVER, MESSAGE_FINISHED, 51, 0, 1, NULL, false },
    };
    run_edits(row, sizeof row / sizeof row[0]);
}

static void a_certificate_that_cannot_be_read_ends_the_handshake(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 55), v = sim_config(SERVER, 55);
    struct weir_span cert = WEIR_LIT("\x30\x03\x02\x01\x01");
    weir_hash_of(weir_crypto_default(), WEIR_SHA256, &cert, 1, c.fingerprint[0].bytes);
    struct edit_row edit = { WEIR_DTLS_CERT_UNREADABLE, CLIENT, MESSAGE_CERTIFICATE, 43, 0, 0,
                             "00 00000a 000005 3003020101 0000", true };
    sim_init(&s, &c, &v);
    run_edit(&s, &edit, "not X.509");
    sim_free(&s);
}

/* -- After the handshake ----------------------------------------------------------------------- */

static void bad_messages_after_the_handshake_end_the_connection(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        unsigned to;
        uint8_t message, alert;
        const char *body;
    } row[] = {
        { WEIR_DTLS_UPDATE_MALFORMED, SERVER, MESSAGE_KEY_UPDATE, 47, "02" },
        { WEIR_DTLS_UPDATE_MALFORMED, CLIENT, MESSAGE_KEY_UPDATE, 47, "0000" },
        { WEIR_DTLS_UPDATE_MALFORMED, CLIENT, MESSAGE_KEY_UPDATE, 47, "" },
        { WEIR_DTLS_TICKET_MALFORMED, CLIENT, MESSAGE_NEW_SESSION_TICKET, 50,
          "00000000 00000000 00 0000 0000" },
        { WEIR_DTLS_TICKET_MALFORMED, CLIENT, MESSAGE_NEW_SESSION_TICKET, 50,
          "00000000 00000000 00 0001 41 00" },
        { WEIR_DTLS_TICKET_MALFORMED, CLIENT, MESSAGE_NEW_SESSION_TICKET, 50,
          "00000000 00000000 00 0001 41 0000 00" },
        { WEIR_DTLS_UNEXPECTED, SERVER, MESSAGE_NEW_SESSION_TICKET, 10,
          "00000000 00000000 00 0001 41 0000" },
        { WEIR_DTLS_UNEXPECTED, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 10, "00 0000" },
        { WEIR_DTLS_UNEXPECTED, SERVER, MESSAGE_CLIENT_HELLO, 10, "00" },
        { WEIR_DTLS_UNEXPECTED, CLIENT, MESSAGE_HELLO_REQUEST, 10, "" },
        { WEIR_DTLS_UNEXPECTED, CLIENT, 9, 10, "01" }, /* RequestConnectionId */
        { WEIR_DTLS_UNEXPECTED, CLIENT, 10, 10, "0000 00" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        uint8_t body[64], record[128];
        sim_init_default(&s, 56);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        struct weir_dtls *d = &s.end[row[i].to].d;
        size_t n = test_unhex(row[i].body, body, sizeof body);
        n = peers_message(d, row[i].message, weir_dtls_peer_seq(d), weir_span_of(body, n), record);
        expect(sim_hear(&s, row[i].to, record, n), row[i].want, row[i].body);
        assert_int_equal(d->state, WEIR_DTLS_FAILED);
        assert_int_equal(s.end[row[i].to].last.alert, row[i].alert);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[1 - row[i].to].last.alert, row[i].alert);
        sim_free(&s);
    }
}

static void alerts_of_any_level_are_fatal_but_for_two(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 512; i++) {
        struct sim s;
        uint8_t alert[2] = { (uint8_t)(1 + i % 2), (uint8_t)(i / 2) }, record[64];
        bool is_mild = alert[1] == ALERT_CLOSE_NOTIFY || alert[1] == ALERT_USER_CANCELED;
        if (i % 2 != 0 && i > 20) {
            continue;
        }
        sim_init_default(&s, 57);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        size_t n = peers_record(&s.end[SERVER].d, CONTENT_ALERT, weir_span_of(alert, 2), record);
        assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_OK);
        assert_int_equal(s.end[SERVER].d.state,
                         !is_mild                            ? WEIR_DTLS_FAILED
                         : alert[1] == ALERT_CLOSE_NOTIFY ? WEIR_DTLS_CLOSED
                                                          : i % 2 == 0 ? WEIR_DTLS_CONNECTED
                                                                       : WEIR_DTLS_FAILED);
        sim_free(&s);
    }
}

/* -- Every rule -------------------------------------------------------------------------------- */

static bool refuse_keygen(enum weir_group g, struct weir_rand *r, uint8_t priv[48], uint8_t pub[97])
{
    (void)g, (void)r, (void)priv, (void)pub;
    return false;
}

static void attack_D37_a_provider_that_refuses_fails_closed(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        struct weir_dtls_config c[2] = { sim_config(CLIENT, 58), sim_config(SERVER, 58) };
        struct weir_crypto broken = *weir_crypto_default();
        broken.ecdh_keygen = refuse_keygen;
        c[who].crypto = &broken;
        sim_init(&s, &c[0], &c[1]);
        enum weir_status begun = weir_dtls_start(&s.end[CLIENT].d, s.now);
        assert_int_equal(begun, who == CLIENT ? WEIR_ERR_CRYPTO : WEIR_OK);
        sim_drain(&s, CLIENT);
        assert_false(sim_await(&s, WEIR_SEC));
        assert_int_equal(s.end[who].d.state, WEIR_DTLS_FAILED);
        assert_int_equal(s.end[who].last.verdict, WEIR_DTLS_CRYPTO);
        assert_int_equal(s.end[who].last.alert, ALERT_INTERNAL_ERROR);
        sim_free(&s);
    }
}

static void every_rule_of_13_had_its_row(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WEIR_DTLS_VERDICTS; i++) {
        if (covered[i] == 0 && sim_is_of_13((enum weir_dtls_verdict)i)) {
            fail_msg("no row for %s", weir_dtls_verdict_name((enum weir_dtls_verdict)i));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_record_gives_its_verdict_and_changes_nothing),
        cmocka_unit_test(the_longest_record_is_the_longest),
        cmocka_unit_test(what_is_inside_a_record_is_judged),
        cmocka_unit_test(a_malformed_alert_under_protection_is_the_end),
        cmocka_unit_test(attack_D37_shares_that_come_to_nothing_are_bounded),
        cmocka_unit_test(attack_D37_the_form_of_a_share_comes_before_any_key),
        cmocka_unit_test(a_bad_client_hello_is_dropped_and_the_next_one_is_heard),
        cmocka_unit_test(fields_of_before_stay_empty),
        cmocka_unit_test(a_bad_server_hello_ends_the_handshake),
        cmocka_unit_test(a_server_hello_with_a_session_ends_the_handshake),
        cmocka_unit_test(a_bad_retry_ends_the_handshake),
        cmocka_unit_test(a_second_retry_ends_the_handshake_and_a_changed_suite_too),
        cmocka_unit_test(attack_D22_a_server_of_13_that_is_made_to_take_12_says_so),
        cmocka_unit_test(attack_D22_a_hello_robbed_of_13_leads_nowhere),
        cmocka_unit_test(attack_D22_an_end_of_13_alone_takes_nothing_older),
        cmocka_unit_test(a_bad_message_ends_the_handshake_with_its_alert),
        cmocka_unit_test(a_certificate_that_cannot_be_read_ends_the_handshake),
        cmocka_unit_test(bad_messages_after_the_handshake_end_the_connection),
        cmocka_unit_test(alerts_of_any_level_are_fatal_but_for_two),
        cmocka_unit_test(attack_D37_a_provider_that_refuses_fails_closed),
        cmocka_unit_test(every_rule_of_13_had_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
