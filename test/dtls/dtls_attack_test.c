/* Failures that hit other stacks, by their number in the list of attacks: fragments, records,
 * hellos. Peers that take part in the handshake are in dtls_attack_peer_test. Other rows of the
 * list stand beside what they attack: D8, D11, D17 in dtls_matrix_test, D20 and D31 in
 * dtls_pair_test, D25, D28 and D39 in dtls_unit_test; every single rule in dtls_verdict_test. */
#include "test/dtls/dtls_sim.h"

/* -- Fragments --------------------------------------------------------------------------------- */

/* One fragment of a handshake in its first flight, to the server. */
static enum weir_dtls_verdict poke(struct sim *s, uint8_t type, uint16_t seq, uint32_t length,
                                   uint32_t offset, struct weir_span bytes)
{
    uint8_t message[200], record[300];
    size_t n = message_bytes(message, type, seq, bytes);
    weir_put24(message + 1, length);
    weir_put24(message + 6, offset);
    n = plain_record(record, CONTENT_HANDSHAKE, 7, weir_span_of(message, n));
    return sim_hear(s, SERVER, record, n);
}

static void attack_D2_fragments_of_one_type_and_two_numbers_stay_apart(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 90);
    assert_int_equal(poke(&s, 11, 1, 10, 0, WEIR_LIT("AAAAA")), WEIR_DTLS_OK);
    assert_int_equal(poke(&s, 11, 2, 10, 5, WEIR_LIT("BBBBB")), WEIR_DTLS_OK);
    assert_int_equal(hs_of(&s.end[SERVER].d)->reassembly.slot[1].have, 5);
    assert_int_equal(hs_of(&s.end[SERVER].d)->reassembly.slot[2].have, 5);
    assert_int_not_equal(hs_of(&s.end[SERVER].d)->reassembly.slot[1].at,
                         hs_of(&s.end[SERVER].d)->reassembly.slot[2].at);
    sim_free(&s);
}

static void attack_D3_one_number_has_one_type_and_one_length(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 91);
    assert_int_equal(poke(&s, 11, 1, 10, 0, WEIR_LIT("AAAAA")), WEIR_DTLS_OK);
    const struct weir_dtls_slot *slot = &hs_of(&s.end[SERVER].d)->reassembly.slot[1];
    /* Without protection the newest counts, and nothing of the other one is left. */
    assert_int_equal(poke(&s, 16, 1, 10, 5, WEIR_LIT("AAAAA")), WEIR_DTLS_OK);
    assert_int_equal(slot->have, 5);
    assert_int_equal(poke(&s, 11, 1, 11, 5, WEIR_LIT("AAAAA")), WEIR_DTLS_OK);
    assert_int_equal(slot->have, 5);
    assert_int_equal(slot->length, 11);
    assert_int_equal(poke(&s, 11, 1, 10, 0, WEIR_LIT("AAAAA")), WEIR_DTLS_OK);
    assert_int_equal(poke(&s, 11, 1, 10, 5, WEIR_LIT("AAAAA")), WEIR_DTLS_OK);
    assert_int_equal(slot->have, 10);
    sim_free(&s);
    /* Under it the first one stays. */
    static struct weir_dtls_reassembly r;
    struct dtls_fragment f = { 11, 1, 10, 0, WEIR_LIT("AAAAA") };
    weir_dtls_reassembly_reset(&r, 0);
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_OK);
    f.length = 11;
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_FRAGMENT_MISMATCH);
    f.length = 10;
    f.type = 16;
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_FRAGMENT_MISMATCH);
    assert_int_equal(r.slot[1].have, 5);
}

static void attack_D4_fragments_without_bytes_take_nothing(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 92);
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(poke(&s, 1, 0, 100, i % 101, WEIR_LIT("")), WEIR_DTLS_FRAGMENT_EMPTY);
    }
    assert_int_equal(s.arena.leased, 0);
    /* A record of nothing but empty fragments ends, too. */
    uint8_t record[1500], message[1200];
    size_t n = 0;
    while (n + 12 <= sizeof message) {
        n += message_bytes(message + n, 1, 0, weir_span_of(NULL, 0));
        weir_put24(message + n - 11, 5);
    }
    n = plain_record(record, CONTENT_HANDSHAKE, 7, weir_span_of(message, n));
    assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_FRAGMENT_EMPTY);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_free(&s);
}

static void attack_D6_the_queue_of_early_messages_is_bounded(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 93);
    for (unsigned seq = 0; seq < 65536; seq++) {
        enum weir_dtls_verdict v = poke(&s, 11, (uint16_t)seq, 500, 0, WEIR_LIT("A"));
        assert_int_equal(v, seq == 0                 ? WEIR_DTLS_UNEXPECTED
                            : seq < WEIR_DTLS_WINDOW ? WEIR_DTLS_OK
                                                     : WEIR_DTLS_MESSAGE_AHEAD);
    }
    assert_true(hs_of(&s.end[SERVER].d)->reassembly.used <= WEIR_DTLS_WINDOW * 504);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
    sim_free(&s);
}

/* -- Records ----------------------------------------------------------------------------------- */

static void attack_D7_records_of_the_next_epoch_do_not_pile_up(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[600] = { 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0 };
    sim_init_default(&s, 94);
    sim_start(&s);
    for (unsigned i = 0; i < 10000; i++) {
        weir_put48(record + 5, (uint64_t)i << 20);
        weir_put16(record + 11, (uint16_t)(1 + i % 512));
        assert_int_equal(sim_hear(&s, CLIENT, record, 13u + 1 + i % 512), WEIR_DTLS_RECORD_EARLY);
    }
    assert_true(hs_of(&s.end[CLIENT].d)->held_bytes <= WEIR_DTLS_HELD_BYTES);
    sim_run(&s, WEIR_SEC);
    assert_true(sim_is_up(&s));
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D9_a_forged_record_does_not_move_the_window(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 95);
    assert_true(sim_connect(&s, WEIR_SEC));
    for (unsigned i = 0; i < 64; i++) {
        uint8_t record[64] = { 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40 };
        weir_put48(record + 5, (uint64_t)1 << (i % 48));
        memcpy(record + 13, record + 3, 8);
        assert_int_equal(sim_hear(&s, SERVER, record, 53), WEIR_DTLS_RECORD_FORGED);
    }
    sim_check_up(&s);
    assert_int_equal(s.end[SERVER].d.rx.forgeries, 64);
    sim_free(&s);
}

static void attack_D27_forgeries_end_it_at_the_ciphers_limit(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[64] = { 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 40 };
    uint8_t copy[64];
    sim_init_default(&s, 96);
    assert_true(sim_connect(&s, WEIR_SEC));
    s.end[SERVER].d.rx.forgeries = FORGERIES_MAX - 2;
    memcpy(copy, record, sizeof copy);
    sim_hear(&s, SERVER, copy, 53);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_CONNECTED);
    memcpy(copy, record, sizeof copy);
    sim_hear(&s, SERVER, copy, 53);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_FAILED);
    assert_int_equal(s.end[SERVER].last.reason, WEIR_DTLS_REASON_FORGERIES);
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.end[CLIENT].last.alert, ALERT_BAD_RECORD_MAC);
    sim_free(&s);
}

static void attack_D38_bad_records_do_not_take_the_good_ones_with_them(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "13 fefd 0000 000000000001 0001 00",      "16 fefd 0000 000000000001 0000",
        "17 fefd 0001 000000000001 0003 000000",  "16 0303 0000 000000000001 0001 00",
        "17 fefd 0009 000000000001 0001 00",      "16 fefd 0000 000000000001 0005 0102030405",
    };
    struct sim s;
    sim_init_default(&s, 97);
    assert_true(sim_connect(&s, WEIR_SEC));
    uint8_t datagram[1500];
    size_t n = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        n += test_unhex(bad[i], datagram + n, sizeof datagram - n);
        n += sealed_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA, WEIR_LIT("good"), datagram + n);
    }
    n += test_unhex("17 fefd 0001 000000000099 ffff 00", datagram + n, sizeof datagram - n);
    sim_hear(&s, SERVER, datagram, n);
    assert_int_equal(s.end[SERVER].got_count, sizeof bad / sizeof bad[0]);
    /* A datagram of empty records alone. */
    memset(datagram, 0, sizeof datagram);
    for (n = 0; n + 13 <= sizeof datagram; n += 13) {
        datagram[n] = 22;
        weir_put16(datagram + n + 1, 0xfefd);
    }
    sim_hear(&s, SERVER, datagram, n);
    sim_check_up(&s);
    sim_free(&s);
}

/* -- Hellos ------------------------------------------------------------------------------------ */

static size_t hello_of(uint64_t seed, uint8_t *out, size_t cap)
{
    static struct sim_whole w;
    struct weir_dtls_config c = sim_config(CLIENT, seed);
    sim_alone(&w, &c, 0);
    assert_int_equal(weir_dtls_start(&w.d, 0), WEIR_OK);
    size_t n = weir_dtls_send(&w.d, 0, (struct weir_mspan){ out, cap });
    assert_true(n != 0);
    return n;
}

static void attack_D12_a_failing_hello_never_ends_the_call(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[400];
    sim_init_default(&s, 98);
    for (unsigned i = 0; i < 200; i++) {
        size_t n = hello_of(5, hello, sizeof hello);
        /* TLS_NULL_WITH_NULL_NULL alone, then everything else that may break. */
        if (i == 0) {
            memset(hello + 13 + 12 + 2 + 32 + 2 + 2, 0, 12);
        } else {
            hello[13 + 12 + i % (n - 25)] ^= (uint8_t)(1u << i % 8);
            if (hello[25] == 0xfe && weir_be16(hello + 25) == 0xfefd && i % (n - 25) < 34) {
                continue; /* a hello with other random bytes is a good one */
            }
        }
        sim_hear(&s, SERVER, hello, n);
        if (s.end[SERVER].d.state != WEIR_DTLS_NEW) {
            /* That flip did not hurt; begin again with the next. */
            sim_free(&s);
            sim_init_default(&s, 98);
        }
    }
    s.count = 0;
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D12_a_piece_of_a_false_hello_does_not_shut_out_the_true_one(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 111);
    assert_int_equal(poke(&s, MESSAGE_CERTIFICATE, 0, 100, 0, WEIR_LIT("x")), WEIR_DTLS_UNEXPECTED);
    assert_int_equal(poke(&s, MESSAGE_CLIENT_HELLO, 0, 4096, 0, WEIR_LIT("x")), WEIR_DTLS_OK);
    /* The true one has another length, and takes the place. */
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D13_many_hellos_from_one_path_stay_bounded(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[400];
    sim_init_default(&s, 99);
    size_t total = 0;
    for (unsigned i = 0; i < 2000; i++) {
        size_t n = hello_of(i, hello, sizeof hello);
        total += n;
        sim_hear(&s, SERVER, hello, n);
        s.count = 0;
    }
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_HANDSHAKE);
    assert_int_equal(s.end[SERVER].sent, 1);
    assert_true(s.end[SERVER].sent_bytes < total);
    sim_free(&s);
}

static void attack_D40_replayed_hellos_are_answered_at_the_timers_pace(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[400], copy[400];
    sim_init_default(&s, 100);
    size_t n = hello_of(1, hello, sizeof hello);
    for (unsigned i = 0; i < 1000; i++) {
        memcpy(copy, hello, n);
        sim_hear(&s, SERVER, copy, n);
        s.now += WEIR_MS;
        s.count = 0;
    }
    /* One flight per 25 ms at most, and never three times what came in. */
    assert_true(s.end[SERVER].sent <= 1 + 1000 / 25);
    assert_true(s.end[SERVER].sent_bytes < 3 * s.end[SERVER].heard_bytes);
    sim_free(&s);
}

/* The client's Finished says that it lacks ours; but not one without protection, which is anybody's. */
static void attack_D40_a_finished_in_the_clear_repeats_nothing(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 97);
    sim_start(&s);
    assert_true(sim_await(&s, 2 * WEIR_SEC));
    s.now += 10 * WEIR_SEC;
    const unsigned sent = s.end[SERVER].sent;
    for (uint16_t seq = 0; seq < 6; seq++) {
        (void)poke(&s, MESSAGE_FINISHED, seq, 12, 0, WEIR_LIT("twelve bytes"));
        s.now += 10 * WEIR_SEC;
    }
    assert_int_equal(s.end[SERVER].sent, sent);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_CONNECTED);
    sim_free(&s);
}

static void attack_D32_what_is_broken_is_not_there(void **state)
{
    (void)state;
    static const uint16_t broken[] = {
        0x0000, 0x0001, 0x0003, 0x0004, 0x0005, 0x000a, 0x002f, 0x0035, 0x003c, 0x009c, 0x009e,
        0xc006, 0xc007, 0xc009, 0xc00a, 0xc010, 0xc011, 0xc013, 0xc014, 0xc023, 0xc027, 0xc0ac,
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_null(weir_dtls12_suite(broken[i]));
    }
}

static void attack_D34_the_extended_master_secret_is_required(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[400];
    sim_init_default(&s, 101);
    size_t n = hello_of(1, hello, sizeof hello);
    for (size_t i = 13 + 12; i + 4 < n; i++) {
        if (weir_be32(hello + i) == (uint32_t)EXTENSION_EXTENDED_MASTER_SECRET << 16) {
            hello[i + 1] = 0x7f; /* an extension that nobody knows */
            break;
        }
    }
    assert_int_equal(sim_hear(&s, SERVER, hello, n), WEIR_DTLS_HELLO_NO_EMS);
    assert_int_equal(s.end[SERVER].sent, 0);
    sim_free(&s);
}

/* -- Cookies ----------------------------------------------------------------------------------- */

/* The hello that a client sends back after our request, from its own conversation. */
static size_t hello_with_cookie(struct sim *s, uint8_t *out)
{
    sim_start(s);
    assert_true(sim_step(s, WEIR_NEVER - 1)); /* to the server */
    assert_true(sim_step(s, WEIR_NEVER - 1)); /* the request, to the client */
    struct sim_datagram *g = sim_next(s);
    assert_non_null(g);
    assert_int_equal(g->to, SERVER);
    memcpy(out, g->bytes, g->n);
    return g->n;
}

static void attack_D14_a_cookie_is_good_for_its_hello_address_and_time(void **state)
{
    (void)state;
    enum { GOOD, OTHER_ADDRESS, OTHER_SECRET, OTHER_HELLO, FLIPPED, OLD, FUTURE, CASES };
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        static struct sim_end elsewhere;
        struct weir_dtls_config c = sim_config(CLIENT, 102), v = sim_config(SERVER, 102);
        uint8_t hello[400];
        v.requires_cookie = true;
        v.address_bytes = 6;
        memcpy(v.address, "\x7f\0\0\1\x30\x39", 6);
        sim_init(&s, &c, &v);
        size_t n = hello_with_cookie(&s, hello);
        /* The first server has said all that it knows on the wire: another one can go on. */
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
        if (i == OTHER_ADDRESS) {
            v.address[5] ^= 1;
        }
        if (i == OTHER_SECRET) {
            v.cookie_secret[0] ^= 1;
        }
        v.handshakes = &s.arena;
        memset(&elsewhere, 0, sizeof elsewhere);
        weir_dtls_init(&elsewhere.d, &v, s.now);
        s.end[SERVER] = elsewhere;
        hello[13 + 12 + 2] ^= i == OTHER_HELLO ? 1 : 0;
        hello[13 + 12 + 2 + 32 + 2 + 20] ^= i == FLIPPED ? 1 : 0;
        s.now += i == OLD ? 62 * WEIR_SEC : 0;
        s.now -= i == FUTURE ? 10 * WEIR_SEC : 0;
        enum weir_dtls_verdict v2 = sim_hear(&s, SERVER, hello, n);
        assert_int_equal(v2, i == GOOD ? WEIR_DTLS_OK : WEIR_DTLS_HELLO_COOKIE);
        assert_int_equal(s.end[SERVER].d.state, i == GOOD ? WEIR_DTLS_HANDSHAKE : WEIR_DTLS_NEW);
        /* No more goes out than came in before the path has shown to be there. */
        assert_true(i == GOOD || s.end[SERVER].sent_bytes <= n);
        sim_free(&s);
    }
}

static void attack_D14_before_the_cookie_nothing_is_computed_and_little_is_kept(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 103), v = sim_config(SERVER, 103);
    uint8_t hello[400];
    v.requires_cookie = true;
    sim_init(&s, &c, &v);
    struct weir_rand before = s.end[SERVER].d.rand;
    for (unsigned i = 0; i < 1000; i++) {
        size_t n = hello_of(i, hello, sizeof hello);
        assert_int_equal(sim_hear(&s, SERVER, hello, n), WEIR_DTLS_HELLO_COOKIE);
        s.count = 0;
    }
    assert_memory_equal(&before, &s.end[SERVER].d.rand, sizeof before);
    assert_true(s.end[SERVER].sent_bytes < s.end[SERVER].heard_bytes);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_free(&s);
}

/* -- SRTP -------------------------------------------------------------------------------------- */

static void attack_D33_an_mki_is_answered_with_none(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[400];
    sim_init_default(&s, 110);
    size_t n = hello_of(1, hello, sizeof hello), entry = 0, m = 0;
    /* use_srtp is our last extension: its last byte is the length of the MKI. */
    assert_int_equal(hello[n - 1], 0);
    hello[n - 1] = 1;
    hello[n++] = 0x41;
    weir_put16(hello + 11, (uint16_t)(weir_be16(hello + 11) + 1));
    weir_put24(hello + 14, weir_be24(hello + 14) + 1);
    weir_put24(hello + 22, weir_be24(hello + 22) + 1);
    size_t list = 13 + 12 + 2 + 32 + 1 + 1 + 2 + 12 + 2;
    weir_put16(hello + list, (uint16_t)(weir_be16(hello + list) + 1));
    size_t body = n - 12; /* its length, list length, three profiles, length of MKI, MKI */
    weir_put16(hello + body, (uint16_t)(weir_be16(hello + body) + 1));
    assert_int_equal(sim_hear(&s, SERVER, hello, n), WEIR_DTLS_OK);
    const uint8_t *p = edit_find(&s.end[SERVER].d, MESSAGE_SERVER_HELLO, &m, &entry);
    assert_non_null(p);
    assert_memory_equal(p + m - 9, "\0\x0e\0\5\0\2\0\7\0", 9);
    sim_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_D40_a_finished_in_the_clear_repeats_nothing),
        cmocka_unit_test(attack_D2_fragments_of_one_type_and_two_numbers_stay_apart),
        cmocka_unit_test(attack_D3_one_number_has_one_type_and_one_length),
        cmocka_unit_test(attack_D4_fragments_without_bytes_take_nothing),
        cmocka_unit_test(attack_D6_the_queue_of_early_messages_is_bounded),
        cmocka_unit_test(attack_D7_records_of_the_next_epoch_do_not_pile_up),
        cmocka_unit_test(attack_D9_a_forged_record_does_not_move_the_window),
        cmocka_unit_test(attack_D27_forgeries_end_it_at_the_ciphers_limit),
        cmocka_unit_test(attack_D38_bad_records_do_not_take_the_good_ones_with_them),
        cmocka_unit_test(attack_D12_a_failing_hello_never_ends_the_call),
        cmocka_unit_test(attack_D12_a_piece_of_a_false_hello_does_not_shut_out_the_true_one),
        cmocka_unit_test(attack_D13_many_hellos_from_one_path_stay_bounded),
        cmocka_unit_test(attack_D40_replayed_hellos_are_answered_at_the_timers_pace),
        cmocka_unit_test(attack_D32_what_is_broken_is_not_there),
        cmocka_unit_test(attack_D34_the_extended_master_secret_is_required),
        cmocka_unit_test(attack_D14_a_cookie_is_good_for_its_hello_address_and_time),
        cmocka_unit_test(attack_D14_before_the_cookie_nothing_is_computed_and_little_is_kept),
        cmocka_unit_test(attack_D33_an_mki_is_answered_with_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
