/* One row per rule: a packet, or a message in the place of an honest one, that breaks just this
 * rule and gives just this verdict; what happens then, and which alert tells it. */
#include "test/dtls/dtls_sim.h"

#include "test/dtls/dtls_rules.h"

/* -- Records ----------------------------------------------------------------------------------- */

static void a_bad_record_gives_its_verdict_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        const char *hex;
    } row[] = {
        { WEIR_DTLS_RECORD_TRUNCATED, "16" },
        { WEIR_DTLS_RECORD_TRUNCATED, "16 fefd 0000 000000000099 00" },
        { WEIR_DTLS_RECORD_TRUNCATED, "16 fefd 0000 000000000099 0002 00" },
        { WEIR_DTLS_RECORD_TYPE, "13 fefd 0000 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_TYPE, "18 fefd 0000 000000000099 0001 00" }, /* heartbeat */
        { WEIR_DTLS_RECORD_CID, "19 fefd 0001 000000000099 0001 00" }, /* connection id */
        { WEIR_DTLS_RECORD_TYPE, "ff fefd 0000 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_VERSION, "16 0303 0000 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_VERSION, "16 fefc 0000 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_VERSION, "17 feff 0001 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_EMPTY, "16 fefd 0000 000000000099 0000" },
        { WEIR_DTLS_RECORD_EMPTY, "17 fefd 0001 000000000099 0000" },
        { WEIR_DTLS_RECORD_EPOCH, "17 fefd 0002 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_EPOCH, "16 fefd ffff 000000000099 0001 00" },
        { WEIR_DTLS_RECORD_SHORT, "17 fefd 0001 000000000099 0017"
                                  "0001000000000099 000102030405060708090a0b0c0d0e" },
        { WEIR_DTLS_RECORD_FORGED, "17 fefd 0001 000000000099 0019"
                                   "0001000000000099 000102030405060708090a0b0c0d0e0f 10" },
        { WEIR_DTLS_RECORD_FORGED, "16 fefd 0001 ffffffffffff 0018"
                                   "0001ffffffffffff 000102030405060708090a0b0c0d0e0f" },
        { WEIR_DTLS_DATA_PLAIN, "17 fefd 0000 000000000099 0002 6869" },
        { WEIR_DTLS_CCS_MALFORMED, "14 fefd 0000 000000000099 0001 02" },
        { WEIR_DTLS_CCS_MALFORMED, "14 fefd 0000 000000000099 0002 0101" },
        { WEIR_DTLS_CCS_UNEXPECTED, "14 fefd 0000 000000000099 0001 01" },
        { WEIR_DTLS_ALERT_MALFORMED, "15 fefd 0000 000000000099 0001 02" },
        { WEIR_DTLS_ALERT_MALFORMED, "15 fefd 0000 000000000099 0003 022800" },
        { WEIR_DTLS_ALERT_MALFORMED, "15 fefd 0000 000000000099 0002 ffff" },
        { WEIR_DTLS_ALERT_PLAIN, "15 fefd 0000 000000000099 0002 0228" },
        { WEIR_DTLS_ALERT_PLAIN, "15 fefd 0000 000000000099 0002 0100" },
        { WEIR_DTLS_FRAGMENT_TRUNCATED,
          "16 fefd 0000 000000000099 000b 01000000 0000 000000 0000" },
        { WEIR_DTLS_FRAGMENT_TRUNCATED,
          "16 fefd 0000 000000000099 000d 01000002 0000 000000 000002 00" },
        { WEIR_DTLS_FRAGMENT_RANGE,
          "16 fefd 0000 000000000099 000e 01000001 0000 000000 000002 0000" },
        { WEIR_DTLS_FRAGMENT_RANGE, "16 fefd 0000 000000000099 000c 01000001 0000 000002 000000" },
        { WEIR_DTLS_FRAGMENT_RANGE,
          "16 fefd 0000 000000000099 000d 01000005 0000 ffffff 000001 00" },
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

static void a_bad_fragment_gives_its_verdict_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        const char *hex;
    } row[] = {
        { WEIR_DTLS_OK, "16 feff 0000 000000000000 000d 01000040 0000 000000 000001 fe" },
        { WEIR_DTLS_OK, "16 feff 0000 000000000001 000d 0b000008 0001 000000 000001 00" },
        { WEIR_DTLS_OK, "16 feff 0000 000000000001 000d 10000008 0001 000001 000001 00" }, /* the newest */
        { WEIR_DTLS_OK, "16 feff 0000 000000000001 000d 0b000007 0001 000001 000001 00" },
        { WEIR_DTLS_UNEXPECTED, "16 feff 0000 000000000001 000d 02000040 0000 000001 000001 fd" },
        { WEIR_DTLS_FRAGMENT_EMPTY, "16 feff 0000 000000000002 000c 01000040 0000 000000 000000" },
        { WEIR_DTLS_FRAGMENT_EMPTY, "16 feff 0000 000000000002 000c 01000040 0000 000040 000000" },
        { WEIR_DTLS_MESSAGE_AHEAD, "16 feff 0000 000000000003 000c 10000000 0008 000000 000000" },
        { WEIR_DTLS_MESSAGE_AHEAD, "16 feff 0000 000000000003 000c 10000000 ffff 000000 000000" },
        { WEIR_DTLS_MESSAGE_SIZE,
          "16 feff 0000 000000000004 000d 0b002001 0001 000000 000001 00" },
        { WEIR_DTLS_MESSAGE_SIZE,
          "16 feff 0000 000000000004 000d 0bffffff 0001 000000 000001 00" },
        { WEIR_DTLS_OK, "16 feff 0000 000000000005 000d 0b001fb8 0002 000000 000001 00" },
        { WEIR_DTLS_MESSAGE_NO_ROOM,
          "16 feff 0000 000000000006 000d 0b000001 0003 000000 000001 00" },
        { WEIR_DTLS_RECORD_EARLY, "16 fefd 0001 000000000000 0018"
                                  "0001000000000000 000102030405060708090a0b0c0d0e0f" },
    };
    struct sim s;
    sim_init_default(&s, 41);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        expect(hear_hex(&s, SERVER, row[i].hex), row[i].want, row[i].hex);
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
        assert_int_equal(s.count, 0);
    }
    sim_free(&s);
}

static void the_longest_record_is_the_longest(void **state)
{
    (void)state;
    static uint8_t big[WEIR_DTLS_PLAIN_MAX + 512];
    struct sim s;
    sim_init_default(&s, 42);
    assert_true(sim_connect(&s, WEIR_SEC));
    memset(big, 0, sizeof big);
    memcpy(big, (const uint8_t[]){ 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0x41, 0 }, 13);
    expect(sim_hear(&s, CLIENT, big, 13 + 0x4100), WEIR_DTLS_RECORD_FORGED, "2^14 + 256");
    memcpy(big, (const uint8_t[]){ 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0x41, 1 }, 13);
    expect(sim_hear(&s, CLIENT, big, 13 + 0x4101), WEIR_DTLS_RECORD_LENGTH, "2^14 + 257");
    sim_free(&s);
}

static void what_comes_too_early_too_late_or_again_is_told_apart(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[200], again[200], message[64];
    sim_init_default(&s, 43);
    expect(hear_hex(&s, CLIENT, "16 fefd 0000 000000000000 0001 00"), WEIR_DTLS_OVER,
           "not started");
    assert_true(sim_connect(&s, WEIR_SEC));
    struct weir_dtls *from = &s.end[CLIENT].d;
    size_t n = sealed_record(from, CONTENT_APPLICATION_DATA, WEIR_LIT("once"), record);
    memcpy(again, record, n);
    expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_OK, "once");
    memcpy(record, again, n);
    expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_RECORD_REPLAYED, "twice");
    assert_int_equal(s.end[SERVER].got_count, 1);
    /* Under protection, in the wrong place: */
    n = sealed_record(from, CONTENT_CHANGE_CIPHER_SPEC, WEIR_LIT("\1"), record);
    expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_CCS_UNEXPECTED, "CCS in epoch 1");
    n = sealed_record(from, CONTENT_ALERT, WEIR_LIT("\1\x5a"), record);
    expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_OK, "a warning");
    size_t m = message_bytes(message, MESSAGE_CLIENT_HELLO, from->message_seq, WEIR_LIT("x"));
    n = sealed_record(from, CONTENT_HANDSHAKE, weir_span_of(message, m), record);
    expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_RENEGOTIATION, "renegotiation");
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_CONNECTED);
    /* Before somebody vouches for the peer: */
    s.end[SERVER].d.state = WEIR_DTLS_UNVERIFIED;
    n = sealed_record(from, CONTENT_APPLICATION_DATA, WEIR_LIT("early"), record);
    expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_DATA_EARLY, "unverified");
    sim_free(&s);
    /* Only the peer can have written it, and it is the end: a second Finished, an alert of no form. */
    static const uint8_t end[][2] = { { CONTENT_HANDSHAKE, MESSAGE_FINISHED },
                                      { CONTENT_HANDSHAKE, MESSAGE_CLIENT_KEY_EXCHANGE },
                                      { CONTENT_ALERT, 0xff } };
    for (unsigned i = 0; i < 3; i++) {
        sim_init_default(&s, 43);
        assert_true(sim_connect(&s, WEIR_SEC));
        from = &s.end[CLIENT].d;
        size_t k = message_bytes(message, end[i][1], from->message_seq, WEIR_LIT("x"));
        n = sealed_record(from, end[i][0], weir_span_of(message, end[i][0] == CONTENT_ALERT ? 2 : k), record);
        expect(sim_hear(&s, SERVER, record, n),
               i < 2 ? WEIR_DTLS_MESSAGE_LATE : WEIR_DTLS_ALERT_MALFORMED, "the end");
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_FAILED);
        assert_int_equal(s.end[SERVER].last.alert, i < 2 ? ALERT_UNEXPECTED_MESSAGE : ALERT_DECODE_ERROR);
        sim_free(&s);
    }
    /* Two lengths for one Finished under protection: the first one stays. */
    sim_init_default(&s, 43);
    sim_start(&s);
    while (s.end[CLIENT].d.step != STEP_CLIENT12_WAIT_CHANGE_CIPHER_SPEC) {
        assert_true(sim_step(&s, WEIR_NEVER - 1));
    }
    while (s.end[SERVER].d.step != STEP_SERVER12_WAIT_FINISHED) {
        struct sim_datagram g = *sim_next(&s);
        struct weir_mspan rest = { g.bytes, g.n };
        struct sim_datagram *place = sim_next(&s);
        *place = s.datagram[--s.count];
        while (rest.n != 0 && s.end[SERVER].d.step != STEP_SERVER12_WAIT_FINISHED) {
            struct dtls_record r;
            uint8_t *begin = rest.p;
            assert_int_equal(sim_take(&rest, &r), WEIR_DTLS_OK);
            (void)sim_hear(&s, SERVER, begin, r.whole);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        size_t k = message_bytes(message, MESSAGE_FINISHED, weir_dtls_peer_seq(&s.end[SERVER].d), WEIR_LIT("x"));
        weir_put24(message + 1, 12 + i);
        n = sealed_record(&s.end[CLIENT].d, CONTENT_HANDSHAKE, weir_span_of(message, k), record);
        expect(sim_hear(&s, SERVER, record, n), i == 0 ? WEIR_DTLS_OK : WEIR_DTLS_FRAGMENT_MISMATCH,
               "another length");
    }
    sim_free(&s);
}

/* -- Hellos ------------------------------------------------------------------------------------ */

#define SUITES "c02b"
#define X_EMS "0017 0000"
#define X_GROUPS "000a 0006 0004 001d 0017"
#define X_POINTS "000b 0002 01 00"
#define X_SIGS "000d 0004 0002 0403"
#define X_SRTP "000e 0005 0002 0007 00"
#define X_RENEG "ff01 0001 00"
#define X_ALL X_EMS X_GROUPS X_POINTS X_SIGS X_SRTP X_RENEG

static void a_bad_client_hello_is_dropped_and_the_next_one_is_heard(void **state)
{
    (void)state;
    static const struct hello_row row[] = {
        { WEIR_DTLS_OK, "fefd", SUITES, "0100", X_ALL },
        { WEIR_DTLS_OK, "fefd", "00ff cca9 c02c", "0100", X_SIGS X_EMS },
        { WEIR_DTLS_OK, "fefc", SUITES, "0100", X_ALL }, /* a version that counts further down */
        { WEIR_DTLS_OK, "fefd", SUITES, "0100", "002b 0003 02fefc" X_ALL },
        { WEIR_DTLS_HELLO_MALFORMED, "fefd", "", "0100", X_ALL },
        { WEIR_DTLS_HELLO_MALFORMED, "fefd", "c02b00", "0100", X_ALL },
        { WEIR_DTLS_HELLO_MALFORMED, "fefd", SUITES, "00", X_ALL },
        { WEIR_DTLS_HELLO_MALFORMED, "fefd", SUITES, "0200", NULL },
        { WEIR_DTLS_HELLO_MALFORMED, "fefd", SUITES, "0100", "0017 0001" },
        { WEIR_DTLS_HELLO_MALFORMED, "fefd", SUITES, "0100", "0017 00" },
        { WEIR_DTLS_HELLO_DUPLICATE, "fefd", SUITES, "0100", X_ALL X_EMS },
        { WEIR_DTLS_HELLO_DUPLICATE, "fefd", SUITES, "0100", X_ALL X_SRTP },
        { WEIR_DTLS_HELLO_DUPLICATE, "fefd", SUITES, "0100", X_ALL "7a7a 0000 7a7a 0000" },
        { WEIR_DTLS_HELLO_VERSION, "feff", SUITES, "0100", X_ALL },
        { WEIR_DTLS_HELLO_VERSION, "0303", SUITES, "0100", X_ALL },
        { WEIR_DTLS_HELLO_VERSION, "0000", SUITES, "0100", X_ALL },
        { WEIR_DTLS_HELLO_COMPRESSION, "fefd", SUITES, "0101", X_ALL },
        { WEIR_DTLS_HELLO_SUITE, "fefd", "0000 0001 0002 002f c009 c02f 1301", "0100", X_ALL },
        { WEIR_DTLS_HELLO_GROUP, "fefd", SUITES, "0100", X_EMS X_SIGS "000a 0004 0002 001e" },
        { WEIR_DTLS_HELLO_GROUP, "fefd", SUITES, "0100", X_EMS X_SIGS "000a 0004 0002 001d" },
        { WEIR_DTLS_HELLO_GROUP, "fefd", SUITES, "0100", X_EMS X_SIGS "000a 0003 0001 00" },
        { WEIR_DTLS_HELLO_POINTS, "fefd", SUITES, "0100", X_EMS X_SIGS "000b 0002 01 01" },
        { WEIR_DTLS_HELLO_POINTS, "fefd", SUITES, "0100", X_EMS X_SIGS "000b 0001 00" },
        { WEIR_DTLS_HELLO_SIGNATURES, "fefd", SUITES, "0100", X_EMS },
        { WEIR_DTLS_HELLO_SIGNATURES, "fefd", SUITES, "0100", X_EMS "000d 0004 0002 0203" },
        { WEIR_DTLS_HELLO_SIGNATURES, "fefd", SUITES, "0100", X_EMS "000d 0000" },
        { WEIR_DTLS_HELLO_NO_EMS, "fefd", SUITES, "0100", X_SIGS },
        { WEIR_DTLS_HELLO_NO_EMS, "fefd", SUITES, "0100", X_SIGS "0017 0001 00" },
        { WEIR_DTLS_HELLO_NO_EMS, "fefd", SUITES, "0100", X_SIGS X_GROUPS X_POINTS X_RENEG X_SRTP },
        { WEIR_DTLS_HELLO_RENEGOTIATES, "fefd", SUITES, "0100", X_EMS X_SIGS "ff01 0002 0100" },
        { WEIR_DTLS_HELLO_RENEGOTIATES, "fefd", SUITES, "0100", X_EMS X_SIGS "ff01 0000" },
        { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "0100", X_EMS X_SIGS "000e 0000" },
        { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "0100", X_EMS X_SIGS "000e 0003 0000 00" },
        { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "0100", X_EMS X_SIGS "000e 0004 0001 00 00" },
        { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "0100", X_EMS X_SIGS "000e 0004 0002 0001" },
        { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "0100", X_EMS X_SIGS "000e 0006 0002 0001 00 00" },
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
            /* No answer, no state; the right hello is heard afterwards. */
            assert_int_equal(s.count, 0);
            assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
            assert_true(sim_connect(&s, WEIR_SEC));
        } else {
            assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_HANDSHAKE);
            assert_true(s.count != 0);
        }
        sim_free(&s);
    }
}

static void too_many_extensions_are_refused(void **state)
{
    (void)state;
    for (unsigned count = 64; count <= 65; count++) {
        uint8_t body[1024] = { 0xfe, 0xfd }, record[1200];
        size_t n = 34;
        struct sim s;
        sim_init_default(&s, 45);
        memcpy(body + n, (const uint8_t[]){ 0, 0, 0, 2, 0xc0, 0x2b, 1, 0 }, 8);
        n += 8;
        size_t list = n, known = test_unhex(X_EMS X_SIGS, body + n + 2, 100);
        n += 2 + known;
        for (unsigned i = 2; i < count; i++, n += 4) {
            weir_put32(body + n, (0x7000 + i) << 16);
        }
        weir_put16(body + list, (uint16_t)(n - list - 2));
        n = plain_message(record, MESSAGE_CLIENT_HELLO, 0, weir_span_of(body, n));
        expect(sim_hear(&s, SERVER, record, n),
               count == 64 ? WEIR_DTLS_OK : WEIR_DTLS_HELLO_DUPLICATE, "64 or 65 extensions");
        sim_free(&s);
    }
}

/* -- Messages in the place of honest ones ------------------------------------------------------ */

static void a_bad_server_hello_ends_the_handshake(void **state)
{
    (void)state;
    static const struct {
        struct hello_row hello;
        uint8_t alert;
    } row[] = {
        { { WEIR_DTLS_HELLO_MALFORMED, "fefd", "c0", "", NULL }, 50 },
        { { WEIR_DTLS_HELLO_MALFORMED, "fefd", SUITES, "00", "0017 0001" }, 50 },
        { { WEIR_DTLS_HELLO_DUPLICATE, "fefd", SUITES, "00", X_EMS X_EMS }, 47 },
        { { WEIR_DTLS_HELLO_DUPLICATE, "fefd", SUITES, "00", X_EMS X_SRTP X_SRTP }, 47 },
        { { WEIR_DTLS_HELLO_VERSION, "feff", SUITES, "00", X_EMS }, 70 },
        { { WEIR_DTLS_HELLO_VERSION, "fefc", SUITES, "00", X_EMS }, 70 },
        { { WEIR_DTLS_HELLO_COMPRESSION, "fefd", SUITES, "01", X_EMS }, 47 },
        { { WEIR_DTLS_HELLO_SUITE, "fefd", "0000", "00", X_EMS }, 47 },
        { { WEIR_DTLS_HELLO_SUITE, "fefd", "c009", "00", X_EMS }, 47 },
        { { WEIR_DTLS_HELLO_SUITE, "fefd", "1301", "00", X_EMS }, 47 },
        { { WEIR_DTLS_HELLO_POINTS, "fefd", SUITES, "00", X_EMS "000b 0002 01 02" }, 47 },
        { { WEIR_DTLS_HELLO_NO_EMS, "fefd", SUITES, "00", X_RENEG }, 40 },
        { { WEIR_DTLS_HELLO_NO_EMS, "fefd", SUITES, "00", NULL }, 40 },
        { { WEIR_DTLS_HELLO_RENEGOTIATES, "fefd", SUITES, "00", X_EMS "ff01 0003 02 0000" }, 40 },
        { { WEIR_DTLS_HELLO_UNASKED, "fefd", SUITES, "00", X_EMS "0010 0000" }, 110 },
        { { WEIR_DTLS_HELLO_UNASKED, "fefd", SUITES, "00", X_EMS "000f 0001 01" }, 110 },
        { { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "00", X_EMS "000e 0005 0002 0005 00" }, 47 },
        { { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "00", X_EMS "000e 0005 0002 0002 00" }, 47 },
        { { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "00", X_EMS "000e 0007 0004 0007 0001 00" }, 47 },
        { { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "00", X_EMS "000e 0006 0002 0007 01 41" }, 47 },
        { { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "00", X_EMS "000e 0003 0000 00" }, 47 },
        { { WEIR_DTLS_HELLO_SRTP, "fefd", SUITES, "00", X_EMS "000e 0000" }, 47 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        uint8_t body[512];
        char hex[1025], what[64];
        size_t n = hello_body(&row[i].hello, false, body, sizeof body);
        for (size_t k = 0; k < n; k++) {
            snprintf(hex + 2 * k, 3, "%02x", body[k]);
        }
        struct edit_row edit = { row[i].hello.want, CLIENT, MESSAGE_SERVER_HELLO, row[i].alert,
                                 0, 0, hex, true };
        snprintf(what, sizeof what, "server hello %zu", i);
        sim_init_default(&s, 47);
        run_edit(&s, &edit, what);
        sim_free(&s);
    }
}

static void a_server_that_was_not_asked_for_srtp_does_not_speak_of_it(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 48), v = sim_config(SERVER, 48);
    c.srtp_profiles = 1;
    c.srtp_profile[0] = WEIR_DTLS_SRTP_NONE;
    char hex[256] = "fefd";
    for (unsigned i = 0; i < 32; i++) {
        strcat(hex, "11");
    }
    strcat(hex, "00 c02b 00 000d" X_EMS X_SRTP);
    struct edit_row edit = { WEIR_DTLS_HELLO_UNASKED, CLIENT, MESSAGE_SERVER_HELLO, 110, 0, 0, hex,
                             true };
    sim_init(&s, &c, &v);
    run_edit(&s, &edit, "use_srtp unasked");
    sim_free(&s);
}

/* Certificates, keys, requests, CertificateVerify: bodies as the honest end wrote them, with one thing
 * changed. A ServerKeyExchange: type 1, group 2, length 1, share 32 (X25519), scheme 2, length 2,
 * signature. */
static void a_bad_message_ends_the_handshake_with_its_alert(void **state)
{
    (void)state;
    static const struct edit_row row[] = {
        { WEIR_DTLS_CERT_MALFORMED, CLIENT, MESSAGE_CERTIFICATE, 50, 0, -1, NULL, false },
        { WEIR_DTLS_CERT_MALFORMED, CLIENT, MESSAGE_CERTIFICATE, 50, 0, 1, NULL, false },
        { WEIR_DTLS_CERT_MALFORMED, CLIENT, MESSAGE_CERTIFICATE, 50, 0, 0, "000003 000000", true },
        { WEIR_DTLS_CERT_MALFORMED, CLIENT, MESSAGE_CERTIFICATE, 50, 0, 0, "0000", true },
        { WEIR_DTLS_CERT_MALFORMED, SERVER, MESSAGE_CERTIFICATE, 50, 3, 0, "ffffff", false },
        { WEIR_DTLS_CERT_MALFORMED, SERVER, MESSAGE_CERTIFICATE, 50, 0, 0,
          "00002c 00000101 00000101 00000101 00000101 00000101 00000101"
          "00000101 00000101 00000101 00000101 00000101",
          true },
        { WEIR_DTLS_CERT_EMPTY, SERVER, MESSAGE_CERTIFICATE, 40, 0, 0, "000000", true },
        { WEIR_DTLS_CERT_EMPTY, CLIENT, MESSAGE_CERTIFICATE, 40, 0, 0, "000000", true },
        { WEIR_DTLS_CERT_FINGERPRINT, CLIENT, MESSAGE_CERTIFICATE, 42, -1, 0, "00", false },
        { WEIR_DTLS_CERT_FINGERPRINT, SERVER, MESSAGE_CERTIFICATE, 42, 20, 0, "00", false },
        { WEIR_DTLS_KEY_MALFORMED, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 50, 0, 0, "01", false },
        { WEIR_DTLS_KEY_MALFORMED, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 50, 0, -1, NULL, false },
        { WEIR_DTLS_KEY_MALFORMED, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 50, 0, 1, NULL, false },
        { WEIR_DTLS_KEY_MALFORMED, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 50, 3, 0, "ff", false },
        { WEIR_DTLS_KEY_GROUP, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 47, 1, 0, "001e", false },
        { WEIR_DTLS_KEY_GROUP, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 47, 1, 0, "0019", false },
        { WEIR_DTLS_KEY_SCHEME, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 47, 36, 0, "0203", false },
        { WEIR_DTLS_KEY_SCHEME, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 47, 36, 0, "0401", false },
        { WEIR_DTLS_KEY_SCHEME, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 47, 36, 0, "0807", false },
        { WEIR_DTLS_KEY_SIGNATURE, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 51, 36, 0, "0503", false },
        { WEIR_DTLS_KEY_SIGNATURE, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 51, 4, 0, "00", false },
        { WEIR_DTLS_KEY_SIGNATURE, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 51, -1, 0, "00", false },
        { WEIR_DTLS_KEY_SIGNATURE, CLIENT, MESSAGE_SERVER_KEY_EXCHANGE, 51, 40, 0, "31", false },
        { WEIR_DTLS_REQUEST_MALFORMED, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 50, 0, -1, NULL,
          false },
        { WEIR_DTLS_REQUEST_MALFORMED, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 50, 0, 0,
          "00 0002 0403 0000", true },
        { WEIR_DTLS_REQUEST_MALFORMED, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 50, 0, 0,
          "01 40 0003 040305 0000", true },
        { WEIR_DTLS_REQUEST_SCHEME, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 40, 0, 0,
          "01 40 0002 0401 0000", true },
        { WEIR_DTLS_REQUEST_SCHEME, CLIENT, MESSAGE_CERTIFICATE_REQUEST, 40, 0, 0,
          "01 01 0002 0403 0000", true },
        { WEIR_DTLS_DONE_MALFORMED, CLIENT, MESSAGE_SERVER_HELLO_DONE, 50, 0, 1, NULL, false },
        { WEIR_DTLS_KEY_MALFORMED, SERVER, MESSAGE_CLIENT_KEY_EXCHANGE, 50, 0, 0, "00", true },
        { WEIR_DTLS_KEY_MALFORMED, SERVER, MESSAGE_CLIENT_KEY_EXCHANGE, 50, 0, 1, NULL, false },
        { WEIR_DTLS_KEY_SHARE, SERVER, MESSAGE_CLIENT_KEY_EXCHANGE, 47, 0, 0, "02 0102", true },
        { WEIR_DTLS_KEY_SHARE, SERVER, MESSAGE_CLIENT_KEY_EXCHANGE, 47, 1, 0,
          "0000000000000000000000000000000000000000000000000000000000000000", false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED, SERVER, MESSAGE_CERTIFICATE_VERIFY,
          50, 0, -1, NULL, false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED, SERVER, MESSAGE_CERTIFICATE_VERIFY,
          50, 0, 0, "0403", true },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME, SERVER, MESSAGE_CERTIFICATE_VERIFY,
          47, 0, 0, "0203", false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME, SERVER, MESSAGE_CERTIFICATE_VERIFY,
          47, 0, 0, "0806", false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME, SERVER, MESSAGE_CERTIFICATE_VERIFY,
          47, 0, 0, "0401", false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE, SERVER, MESSAGE_CERTIFICATE_VERIFY,
          51, -1, 0, "00", false },
        { WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE, SERVER, MESSAGE_CERTIFICATE_VERIFY, 51, 0, 0, "0403 0000",
          true },
        { WEIR_DTLS_FINISHED, SERVER, MESSAGE_FINISHED, 51, 0, 0, "0000", false },
        { WEIR_DTLS_FINISHED, SERVER, MESSAGE_FINISHED, 51, 0, -1, NULL, false },
        { WEIR_DTLS_FINISHED, CLIENT, MESSAGE_FINISHED, 51, 11, 0, "00", false },
        { WEIR_DTLS_FINISHED, CLIENT, MESSAGE_FINISHED, 51, 0, 1, NULL, false },
    };
    run_edits(row, sizeof row / sizeof row[0]);
}

/* -- Certificates that match their fingerprint, and still are no good -------------------------- */

static void an_unreadable_certificate_ends_the_handshake(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 49), v = sim_config(SERVER, 49);
    struct weir_span cert = WEIR_LIT("\x30\x03\x02\x01\x01");
    c.fingerprint[0].hash = WEIR_SHA256;
    weir_hash_of(weir_crypto_default(), WEIR_SHA256, &cert, 1, c.fingerprint[0].bytes);
    struct edit_row edit = { WEIR_DTLS_CERT_UNREADABLE, CLIENT, MESSAGE_CERTIFICATE, 43, 0, 0,
                             "000008 000005 3003020101", true };
    sim_init(&s, &c, &v);
    run_edit(&s, &edit, "not X.509");
    sim_free(&s);
}

static void a_key_of_another_kind_than_the_suite_ends_the_handshake(void **state)
{
    (void)state;
    struct sim s;
    char hex[256] = "fefd";
    for (unsigned i = 0; i < 32; i++) {
        strcat(hex, "11");
    }
    strcat(hex, "00 c02f 00 0004" X_EMS); /* RSA, but the certificate is ECDSA */
    struct edit_row edit = {
        WEIR_DTLS_CERT_KEY, CLIENT, MESSAGE_SERVER_HELLO, 43, 0, 0, hex, true
    };
    sim_init_default(&s, 50);
    run_edit(&s, &edit, "RSA suite");
    sim_free(&s);
}

/* -- Steps, cookies, provider ------------------------------------------------------------------ */

static void a_message_out_of_its_step_ends_the_handshake(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[64];
    sim_init_default(&s, 51);
    sim_start(&s);
    /* Before the hello anybody's message is dropped; after it one that does not belong is the end. */
    size_t n = plain_message(record, MESSAGE_CERTIFICATE, 0, WEIR_LIT("x"));
    expect(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_UNEXPECTED, "certificate before hello");
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_HANDSHAKE);
    assert_true(sim_step(&s, WEIR_NEVER - 1)); /* the server heard the hello */
    n = plain_message(record, MESSAGE_CERTIFICATE_VERIFY, 1, WEIR_LIT("x"));
    expect(sim_hear(&s, SERVER, record, n), WEIR_DTLS_UNEXPECTED, "a CertificateVerify before the certificate");
    assert_int_equal(s.end[SERVER].last.alert, ALERT_UNEXPECTED_MESSAGE);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_FAILED);
    sim_free(&s);
}

static void verify_requests_are_checked_and_counted(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "feff", "feff 01", "0303 01 00", "fefd 00 00" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sim s;
        uint8_t body[16], record[64];
        sim_init_default(&s, 52);
        sim_start(&s);
        size_t n = test_unhex(bad[i], body, sizeof body);
        n = plain_message(record, MESSAGE_HELLO_VERIFY_REQUEST, 0, weir_span_of(body, n));
        expect(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_VERIFY_REQUEST, bad[i]);
        assert_int_equal(s.end[CLIENT].last.alert, ALERT_DECODE_ERROR);
        sim_free(&s);
    }
    struct sim s;
    sim_init_default(&s, 52);
    sim_start(&s);
    for (uint16_t i = 0; i < 5; i++) {
        uint8_t record[64];
        size_t n = plain_message(record, MESSAGE_HELLO_VERIFY_REQUEST, i, WEIR_LIT("\xfe\xff\1a"));
        expect(sim_hear(&s, CLIENT, record, n), i < 4 ? WEIR_DTLS_OK : WEIR_DTLS_VERIFY_REQUEST,
               "one too many");
    }
    sim_free(&s);
}

static void a_hello_without_cookie_is_answered_with_a_request(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 53), v = sim_config(SERVER, 53);
    v.requires_cookie = true;
    sim_init(&s, &c, &v);
    sim_start(&s);
    assert_true(sim_step(&s, WEIR_NEVER - 1));
    assert_int_equal(s.end[SERVER].d.verdicts[WEIR_DTLS_HELLO_COOKIE], 1);
    covered[WEIR_DTLS_HELLO_COOKIE]++;
    sim_free(&s);
}

static bool refuse_keygen(enum weir_group g, struct weir_rand *r, uint8_t priv[48], uint8_t pub[97])
{
    (void)g, (void)r, (void)priv, (void)pub;
    return false;
}

static void a_provider_that_refuses_fails_closed(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        struct weir_dtls_config c[2] = { sim_config(CLIENT, 54), sim_config(SERVER, 54) };
        struct weir_crypto broken = *weir_crypto_default();
        broken.ecdh_keygen = refuse_keygen;
        c[who].crypto = &broken;
        sim_init(&s, &c[0], &c[1]);
        assert_false(sim_connect(&s, WEIR_SEC));
        assert_int_equal(s.end[who].d.state, WEIR_DTLS_FAILED);
        assert_int_equal(s.end[who].last.verdict, WEIR_DTLS_CRYPTO);
        assert_int_equal(s.end[who].last.alert, ALERT_INTERNAL_ERROR);
        covered[WEIR_DTLS_CRYPTO]++;
        sim_free(&s);
    }
}

/* -- Names ------------------------------------------------------------------------------------- */

static void every_value_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WEIR_DTLS_VERDICTS; i++) {
        assert_true(strlen(weir_dtls_verdict_name((enum weir_dtls_verdict)i)) >= 2);
    }
    for (unsigned i = 0; i < WEIR_DTLS_STATES; i++) {
        assert_true(strlen(weir_dtls_state_name((enum weir_dtls_state)i)) >= 3);
    }
    for (unsigned i = 0; i < WEIR_DTLS_REASONS; i++) {
        assert_true(strlen(weir_dtls_reason_name((enum weir_dtls_reason)i)) >= 4);
    }
    assert_string_equal(weir_dtls_verdict_name(WEIR_DTLS_VERDICTS), "?");
    assert_string_equal(weir_dtls_alert_name(40), "handshake_failure");
    assert_string_equal(weir_dtls_alert_name(255), "?");
}

static void every_verdict_had_its_row(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WEIR_DTLS_VERDICTS; i++) {
        enum weir_dtls_verdict v = (enum weir_dtls_verdict)i;
        if (covered[i] == 0 && !sim_is_of_13(v) && !sim_is_elsewhere(v)) {
            fail_msg("no row for %s", weir_dtls_verdict_name((enum weir_dtls_verdict)i));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_record_gives_its_verdict_and_changes_nothing),
        cmocka_unit_test(a_bad_fragment_gives_its_verdict_and_changes_nothing),
        cmocka_unit_test(the_longest_record_is_the_longest),
        cmocka_unit_test(what_comes_too_early_too_late_or_again_is_told_apart),
        cmocka_unit_test(a_bad_client_hello_is_dropped_and_the_next_one_is_heard),
        cmocka_unit_test(too_many_extensions_are_refused),
        cmocka_unit_test(a_bad_server_hello_ends_the_handshake),
        cmocka_unit_test(a_server_that_was_not_asked_for_srtp_does_not_speak_of_it),
        cmocka_unit_test(a_bad_message_ends_the_handshake_with_its_alert),
        cmocka_unit_test(an_unreadable_certificate_ends_the_handshake),
        cmocka_unit_test(a_key_of_another_kind_than_the_suite_ends_the_handshake),
        cmocka_unit_test(a_message_out_of_its_step_ends_the_handshake),
        cmocka_unit_test(verify_requests_are_checked_and_counted),
        cmocka_unit_test(a_hello_without_cookie_is_answered_with_a_request),
        cmocka_unit_test(a_provider_that_refuses_fails_closed),
        cmocka_unit_test(every_value_has_a_name),
        cmocka_unit_test(every_verdict_had_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
