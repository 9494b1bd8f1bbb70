/* The parts without a handshake around them: replay window, record numbers and nonces, reassembly,
 * exporter, signatures with digests of another size than the curve. */
#include "test/dtls/dtls_sim.h"

/* -- The replay window ------------------------------------------------------------------------- */

static void the_window_takes_each_number_once(void **state)
{
    (void)state;
    static const struct {
        uint64_t seq;
        bool is_new;
    } row[] = {
        { 0, true },
        { 0, false },
        { 1, true },
        { 3, true },
        { 2, true },
        { 2, false },
        { 3, false },
        { 64, true },
        { 0, false }, /* 64 behind: too old to tell */
        { 4, true },
        { 66, true },
        { 65, true },
        { 3, false },
        { 5, true },
        { 129, true },
        { 66, false },
        { 67, true },
        { 67, false },
        { 1000, true },
        { 937, true },
        { 936, false },
        { ((uint64_t)1 << 48) - 1, true },
        { ((uint64_t)1 << 48) - 1, false },
        { 1001, false },
    };
    struct weir_dtls_window w = { 0, 0 };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (weir_dtls_window_is_new(&w, row[i].seq) != row[i].is_new) {
            fail_msg("row %zu", i);
        }
        if (row[i].is_new) {
            weir_dtls_window_note(&w, row[i].seq);
        }
    }
}

static void the_window_agrees_with_a_list_of_all_numbers(void **state)
{
    (void)state;
    struct weir_rand rand;
    weir_rand_init_number(&rand, test_seed(1));
    for (unsigned round = 0; round < 50; round++) {
        static bool seen[2048];
        struct weir_dtls_window w = { 0, 0 };
        uint64_t top = 0;
        memset(seen, 0, sizeof seen);
        for (unsigned i = 0; i < 1000; i++) {
            uint64_t near = weir_rand_below(&rand, 100);
            uint64_t seq = top + 20 > near ? top + 20 - near : 0;
            seq = seq < 2047 ? seq : 2047;
            bool is_new = !seen[seq] && (seq > top || top - seq < 64);
            assert_int_equal(weir_dtls_window_is_new(&w, seq), is_new);
            if (is_new) {
                weir_dtls_window_note(&w, seq);
                seen[seq] = true;
                top = seq > top ? seq : top;
            }
        }
    }
}

/* -- Reassembly -------------------------------------------------------------------------------- */

static struct dtls_fragment fragment(uint8_t type, uint16_t seq, uint32_t length, uint32_t offset,
                                     const uint8_t *p, size_t n)
{
    struct dtls_fragment f = { type, seq, length, offset, { p, n } };
    return f;
}

static uint8_t pattern[WEIR_DTLS_REASSEMBLY_BYTES];

static void fill_pattern(void)
{
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 7 + i / 256);
    }
}

static void expect_ready(struct weir_dtls_reassembly *r, uint8_t type, const uint8_t *p, size_t n)
{
    uint8_t got;
    struct weir_span body;
    assert_true(weir_dtls_reassembly_ready(r, &got, &body));
    assert_int_equal(got, type);
    test_assert_bytes(body, weir_span_of(p, n));
    weir_dtls_reassembly_pop(r);
}

/* No fragment reaches beyond its message: the next one in the buffer is somebody else's. */
static void a_fragment_ends_where_its_message_does(void **state)
{
    (void)state;
    enum { LENGTH = 10 };
    for (uint32_t offset = 0; offset <= LENGTH + 2; offset++) {
        for (uint32_t n = 0; n <= LENGTH + 2; n++) {
            uint8_t bytes[12 + LENGTH + 2] = { MESSAGE_CERTIFICATE };
            struct dtls_fragment f;
            weir_put24(bytes + 1, LENGTH);
            weir_put24(bytes + 6, offset);
            weir_put24(bytes + 9, n);
            struct weir_rd rd = { bytes, 12 + n };
            bool is_within = offset <= LENGTH && offset + n <= LENGTH;
            assert_int_equal(weir_dtls_fragment_take(&rd, &f),
                             is_within ? WEIR_DTLS_OK : WEIR_DTLS_FRAGMENT_RANGE);
        }
    }
}

static void messages_come_together_from_overlapping_pieces(void **state)
{
    (void)state;
    static struct weir_dtls_reassembly r;
    struct weir_rand rand;
    uint8_t type;
    struct weir_span body;
    fill_pattern();
    weir_rand_init_number(&rand, test_seed(2));
    weir_dtls_reassembly_reset(&r, 0);
    for (uint16_t seq = 0; seq < 300; seq++) {
        uint32_t length = weir_rand_below(&rand, seq % 10 == 0 ? 4000 : 100);
        unsigned guard = 0;
        if (length == 0) {
            struct dtls_fragment f = fragment(2, seq, 0, 0, pattern, 0);
            assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_OK);
        }
        while (length != 0 && !weir_dtls_reassembly_ready(&r, &type, &body)) {
            uint32_t offset = weir_rand_below(&rand, length);
            uint32_t n = 1 + weir_rand_below(&rand, length - offset);
            struct dtls_fragment f = fragment(2, seq, length, offset, pattern + offset, n);
            assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_OK);
            assert_true(guard++ < 100000);
        }
        expect_ready(&r, 2, pattern, length);
        assert_int_equal(r.used, 0);
    }
}

static void messages_ahead_of_their_turn_wait_for_it(void **state)
{
    (void)state;
    static struct weir_dtls_reassembly r;
    uint8_t type;
    struct weir_span body;
    fill_pattern();
    weir_dtls_reassembly_reset(&r, 3);
    for (unsigned i = WEIR_DTLS_WINDOW; i-- > 0;) {
        struct dtls_fragment f = fragment((uint8_t)(i + 1), (uint16_t)(3 + i), 10 + i, 0,
                                          pattern + i, 10 + i);
        assert_false(weir_dtls_reassembly_ready(&r, &type, &body));
        assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_OK);
    }
    for (unsigned i = 0; i < WEIR_DTLS_WINDOW; i++) {
        expect_ready(&r, (uint8_t)(i + 1), pattern + i, 10 + i);
    }
    assert_int_equal(r.next, 3 + WEIR_DTLS_WINDOW);
    assert_int_equal(r.used, 0);
}

static void the_message_in_turn_pushes_out_those_ahead(void **state)
{
    (void)state;
    static struct weir_dtls_reassembly r;
    fill_pattern();
    weir_dtls_reassembly_reset(&r, 0);
    struct dtls_fragment far = fragment(11, 7, 3000, 0, pattern, 100);
    struct dtls_fragment near = fragment(12, 1, 2000, 0, pattern, 2000);
    struct dtls_fragment first = fragment(11, 0, 6000, 0, pattern, 6000);
    struct dtls_fragment whole = fragment(11, 1, WEIR_DTLS_REASSEMBLY_BYTES, 0, pattern,
                                          WEIR_DTLS_REASSEMBLY_BYTES);
    assert_int_equal(weir_dtls_reassembly_add(&r, &far, false), WEIR_DTLS_OK);
    assert_int_equal(weir_dtls_reassembly_add(&r, &near, false), WEIR_DTLS_OK);
    assert_int_equal(weir_dtls_reassembly_add(&r, &first, false), WEIR_DTLS_OK);
    assert_false(r.slot[7].is_used);
    expect_ready(&r, 11, pattern, 6000);
    expect_ready(&r, 12, pattern, 2000);
    assert_int_equal(r.used, 0);
    whole.seq = r.next;
    assert_int_equal(weir_dtls_reassembly_add(&r, &whole, false), WEIR_DTLS_OK);
    expect_ready(&r, 11, pattern, WEIR_DTLS_REASSEMBLY_BYTES);
}

static void limits_of_messages_hold_to_the_byte(void **state)
{
    (void)state;
    static struct weir_dtls_reassembly r;
    static const struct {
        uint8_t type;
        uint32_t length;
        enum weir_dtls_verdict want;
    } row[] = {
        { MESSAGE_CLIENT_HELLO, WEIR_DTLS_HELLO_MAX - 1, WEIR_DTLS_OK },
        { MESSAGE_CLIENT_HELLO, WEIR_DTLS_HELLO_MAX, WEIR_DTLS_OK },
        { MESSAGE_CLIENT_HELLO, WEIR_DTLS_HELLO_MAX + 1, WEIR_DTLS_MESSAGE_SIZE },
        { MESSAGE_CERTIFICATE, WEIR_DTLS_REASSEMBLY_BYTES - 1, WEIR_DTLS_OK },
        { MESSAGE_CERTIFICATE, WEIR_DTLS_REASSEMBLY_BYTES, WEIR_DTLS_OK },
        { MESSAGE_CERTIFICATE, WEIR_DTLS_REASSEMBLY_BYTES + 1, WEIR_DTLS_MESSAGE_SIZE },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct dtls_fragment f = fragment(row[i].type, 0, row[i].length, 0, pattern, 1);
        weir_dtls_reassembly_reset(&r, 0);
        assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), row[i].want);
    }
    for (uint16_t seq = WEIR_DTLS_WINDOW - 1; seq <= WEIR_DTLS_WINDOW; seq++) {
        struct dtls_fragment f = fragment(11, seq, 1, 0, pattern, 1);
        assert_int_equal(weir_dtls_reassembly_add(&r, &f, false),
                         seq < WEIR_DTLS_WINDOW ? WEIR_DTLS_OK : WEIR_DTLS_MESSAGE_AHEAD);
    }
}

/* -- Sealing ----------------------------------------------------------------------------------- */

static void seal_keeps_to_its_buffer(void **state)
{
    (void)state;
    struct sim s;
    static uint8_t buf[WEIR_DTLS_PLAIN_MAX + 64];
    sim_init_default(&s, 80);
    assert_int_equal(weir_dtls_seal(&s.end[0].d, (struct weir_mspan){ buf, 100 }, 21, 10), 0);
    assert_true(sim_connect(&s, WEIR_SEC));
    struct weir_dtls *d = &s.end[0].d;
    size_t head = weir_dtls_head_bytes(d);
    assert_int_equal(head, 21);
    assert_int_equal(weir_dtls_overhead(d), 37);
    const struct {
        size_t cap, at, len, want;
    } row[] = {
        { 100, head, 63, 100 },    { 100, head, 64, 0 },  { 100, head - 1, 10, 0 },
        { 100, 101, 0, 0 },        { 100, 84, 0, 37 },    { 100, 85, 0, 0 },
        { 100, SIZE_MAX, 1, 0 },   { 100, 30, SIZE_MAX, 0 },
        { sizeof buf, head, WEIR_DTLS_PLAIN_MAX, WEIR_DTLS_PLAIN_MAX + 37 },
        { sizeof buf, head, WEIR_DTLS_PLAIN_MAX + 1, 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_mspan out = { buf, row[i].cap };
        assert_int_equal(weir_dtls_seal(d, out, row[i].at, row[i].len), row[i].want);
    }
    sim_free(&s);
}

static void attack_D28_nonces_count_and_hellos_are_random(void **state)
{
    (void)state;
    struct sim s;
    uint8_t buf[64], zero[32] = { 0 };
    sim_init_default(&s, 81);
    assert_memory_not_equal(s.end[CLIENT].d.client_random, zero, 32);
    assert_memory_not_equal(s.end[SERVER].d.server_random, zero, 32);
    assert_memory_not_equal(s.end[CLIENT].d.client_random, s.end[SERVER].d.server_random, 32);
    assert_true(sim_connect(&s, WEIR_SEC));
    uint64_t last = 0;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(weir_dtls_seal(&s.end[0].d, (struct weir_mspan){ buf, 64 }, 21, 4), 41);
        uint64_t number = weir_be64(buf + 3);
        assert_int_equal(weir_be64(buf + 13), number);
        assert_true(number > last);
        last = number;
    }
    sim_free(&s);
}

static void attack_D25_numbers_end_before_they_come_again(void **state)
{
    (void)state;
    struct sim s;
    uint8_t buf[64];
    struct weir_mspan out = { buf, sizeof buf };
    sim_init_default(&s, 82);
    assert_true(sim_connect(&s, WEIR_SEC));
    struct weir_dtls *d = &s.end[CLIENT].d;
    /* [RFC 9325 4.4] AES-GCM ends before its numbers do. */
    d->tx.seq = GCM_RECORDS_MAX - 17;
    assert_int_equal(weir_dtls_seal(d, out, 21, 4), 41);
    assert_int_equal(weir_dtls_seal(d, out, 21, 4), 0);
    assert_int_equal(weir_dtls_seal(d, out, 21, 4), 0);
    /* What is left is for saying good-bye. */
    weir_dtls_close(d, s.now);
    sim_drain(&s, CLIENT);
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.end[SERVER].told[WEIR_DTLS_EVENT_CLOSED], 1);
    d->tx.seq = SEQUENCE_END;
    assert_int_equal(weir_dtls_record_seal(d, 1, CONTENT_ALERT, VERSION_1_2, buf, 2), 0);
    d->plain_seq = SEQUENCE_END;
    assert_int_equal(weir_dtls_record_seal(d, 0, CONTENT_ALERT, VERSION_1_2, buf, 2), 0);
    sim_free(&s);
}

/* -- Exporter ---------------------------------------------------------------------------------- */

static void exported_keys_differ_by_label_and_grow_from_their_beginning(void **state)
{
    (void)state;
    struct sim s;
    uint8_t a[100], b[100], c[100];
    sim_init_default(&s, 83);
    assert_int_equal(weir_dtls_export(&s.end[0].d, "x", (struct weir_mspan){ a, 1 }),
                     WEIR_ERR_STATE);
    assert_true(sim_connect(&s, WEIR_SEC));
    assert_int_equal(weir_dtls_export(&s.end[0].d, "x", (struct weir_mspan){ a, 100 }), WEIR_OK);
    assert_int_equal(weir_dtls_export(&s.end[1].d, "x", (struct weir_mspan){ b, 60 }), WEIR_OK);
    assert_int_equal(weir_dtls_export(&s.end[1].d, "y", (struct weir_mspan){ c, 60 }), WEIR_OK);
    assert_memory_equal(a, b, 60);
    assert_memory_not_equal(b, c, 60);
    sim_free(&s);
}

/* -- Constant time ----------------------------------------------------------------------------- */

static void attack_D39_secrets_are_compared_in_constant_time(void **state)
{
    (void)state;
    static const char *const file[] = {
        "dtls/dtls.c",          "dtls/dtls_alert.c",      "dtls/dtls_cert.c",
        "dtls/dtls_flight.c",   "dtls/dtls_handshake.c",  "dtls/dtls_hello.c",
        "dtls/dtls_record.c",   "dtls/dtls_reassembly.c", "dtls/dtls_sign.c",
        "dtls/dtls12_client.c", "dtls/dtls12_common.c",   "dtls/dtls12_keys.c",
        "dtls/dtls12_server.c", "dtls/dtls_offer.c",      "dtls/dtls_ack.c",
        "dtls/dtls13_client.c", "dtls/dtls13_common.c",   "dtls/dtls13_keys.c",
        "dtls/dtls13_record.c", "dtls/dtls13_server.c",   "dtls/dtls13_update.c",
    };
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
        struct weir_mspan text = test_read_file(file[i]);
        char *z = calloc(1, text.n + 1);
        memcpy(z, text.p, text.n);
        assert_null(strstr(z, "memcmp("));
        assert_null(strstr(z, "weir_span_eq("));
        free(z);
        free(text.p);
    }
}

/* -- Fingerprints ------------------------------------------------------------------------------ */

/* [RFC 8122 5] The strongest kind decides, wherever it stands in the list; what is weaker than SHA-256 is not
 * even kept. */
static void of_several_fingerprints_the_strongest_kind_decides(void **state)
{
    (void)state;
    static const enum weir_hash_id kinds[] = { WEIR_SHA256, WEIR_SHA384, WEIR_SHA512 };
    static struct weir_dtls d;
    struct weir_dtls_config c = sim_config(CLIENT, 1);
    struct weir_dtls_digests digests;
    memcpy(digests.sha256, sim_fingerprint(SERVER, WEIR_SHA256).bytes, sizeof digests.sha256);
    memcpy(digests.sha384, sim_fingerprint(SERVER, WEIR_SHA384).bytes, sizeof digests.sha384);
    memcpy(digests.sha512, sim_fingerprint(SERVER, WEIR_SHA512).bytes, sizeof digests.sha512);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = 0; k < 3; k++) {
            for (unsigned bad = 0; bad < 4; bad++) { /* which of the two are another's */
                c.fingerprints = 2;
                c.fingerprint[0] = sim_fingerprint((bad & 1) != 0 ? CLIENT : SERVER, kinds[i]);
                c.fingerprint[1] = sim_fingerprint((bad & 2) != 0 ? CLIENT : SERVER, kinds[k]);
                weir_dtls_init(&d, &c, 0);
                bool is_first = i >= k && (bad & 1) == 0, is_second = k >= i && (bad & 2) == 0;
                assert_int_equal(weir_dtls_fingerprint_fits(&d, &digests), is_first || is_second);
            }
        }
    }
    c.fingerprint[0] = (struct weir_dtls_fingerprint){ .hash = WEIR_SHA1 };
    c.fingerprint[1] = (struct weir_dtls_fingerprint){ .hash = WEIR_MD5 };
    weir_dtls_init(&d, &c, 0);
    assert_int_equal(plan_of(&d)->fingerprints, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fragment_ends_where_its_message_does),
        cmocka_unit_test(of_several_fingerprints_the_strongest_kind_decides),
        cmocka_unit_test(the_window_takes_each_number_once),
        cmocka_unit_test(the_window_agrees_with_a_list_of_all_numbers),
        cmocka_unit_test(messages_come_together_from_overlapping_pieces),
        cmocka_unit_test(messages_ahead_of_their_turn_wait_for_it),
        cmocka_unit_test(the_message_in_turn_pushes_out_those_ahead),
        cmocka_unit_test(limits_of_messages_hold_to_the_byte),
        cmocka_unit_test(seal_keeps_to_its_buffer),
        cmocka_unit_test(attack_D28_nonces_count_and_hellos_are_random),
        cmocka_unit_test(attack_D25_numbers_end_before_they_come_again),
        cmocka_unit_test(exported_keys_differ_by_label_and_grow_from_their_beginning),
        cmocka_unit_test(attack_D39_secrets_are_compared_in_constant_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
