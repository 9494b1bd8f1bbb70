/* Failures that hit other stacks, by their number in the list of attacks, against DTLS 1.3. Other rows of
 * the list stand beside what they attack: D8, D11, D17 in dtls13_matrix_test, D22 and D37 in
 * dtls13_verdict_test, D24 to D27 in dtls13_ack_test, D31 in dtls13_pair_test; D20, D35 and D39 are the
 * same for both versions and stand with 1.2. D34 is of 1.2 alone. */
#include "test/dtls/dtls13_sim.h"

/* Bring both ends to where the client has the keys of the handshake, and nothing else is on its way. */
static void to_epoch_2(struct sim *s, uint64_t seed)
{
    static struct sim_datagram g;
    sim_init_default(s, seed);
    sim_start(s);
    assert_true(sim_step(s, WEIR_NEVER - 1));
    g = *sim_next(s);
    s->count = 0;
    struct weir_mspan rest = { g.bytes, g.n };
    struct dtls_record r;
    assert_int_equal(sim_take(&rest, &r), WEIR_DTLS_OK);
    assert_int_equal(sim_hear(s, CLIENT, g.bytes, r.head + r.body.n), WEIR_DTLS_OK);
    assert_int_equal(s->end[CLIENT].d.rx_epoch, EPOCH_HANDSHAKE);
    s->loss_permille = 1000;
}

/* One fragment to the client, under protection. */
static enum weir_dtls_verdict poke(struct sim *s, uint8_t type, uint16_t seq, uint32_t length,
                                   uint32_t offset, struct weir_span bytes)
{
    uint8_t message[200], record[300];
    size_t n = message_bytes(message, type, seq, bytes);
    weir_put24(message + 1, length);
    weir_put24(message + 6, offset);
    n = sealed_record(&s->end[SERVER].d, CONTENT_HANDSHAKE, weir_span_of(message, n), record);
    return sim_hear(s, CLIENT, record, n);
}

/* -- Fragments --------------------------------------------------------------------------------- */

static void attack_D2_D3_fragments_are_kept_apart_by_number_and_have_one_type(void **state)
{
    (void)state;
    struct sim s;
    to_epoch_2(&s, 90);
    struct weir_dtls_reassembly *r = &hs_of(&s.end[CLIENT].d)->reassembly;
    assert_int_equal(poke(&s, 11, 2, 10, 0, WEIR_LIT("AAAAA")), WEIR_DTLS_OK);
    assert_int_equal(poke(&s, 11, 3, 10, 5, WEIR_LIT("BBBBB")), WEIR_DTLS_OK);
    assert_int_equal(r->slot[1].have, 5);
    assert_int_equal(r->slot[2].have, 5);
    assert_int_not_equal(r->slot[1].at, r->slot[2].at);
    assert_int_equal(poke(&s, 15, 2, 10, 5, WEIR_LIT("AAAAA")), WEIR_DTLS_FRAGMENT_MISMATCH);
    assert_int_equal(poke(&s, 11, 2, 11, 5, WEIR_LIT("AAAAA")), WEIR_DTLS_FRAGMENT_MISMATCH);
    assert_int_equal(r->slot[1].have, 5);
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_HANDSHAKE);
    sim_free(&s);
}

static void attack_D4_fragments_without_bytes_take_nothing(void **state)
{
    (void)state;
    struct sim s;
    to_epoch_2(&s, 91);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(poke(&s, 8, 1, 100, i % 101, WEIR_LIT("")), WEIR_DTLS_FRAGMENT_EMPTY);
    }
    assert_int_equal(hs_of(&s.end[CLIENT].d)->reassembly.used, 0);
    assert_int_equal(hs_of(&s.end[CLIENT].d)->ack.count, 1); /* nor is it acknowledged */
    sim_free(&s);
}

static void attack_D6_the_queue_of_early_messages_is_bounded(void **state)
{
    (void)state;
    struct sim s;
    to_epoch_2(&s, 92);
    for (unsigned seq = 2; seq < 65536; seq += seq < 100 ? 1 : 97) {
        enum weir_dtls_verdict v = poke(&s, 11, (uint16_t)seq, 500, 0, WEIR_LIT("A"));
        assert_int_equal(v, seq < 1 + WEIR_DTLS_WINDOW ? WEIR_DTLS_OK : WEIR_DTLS_MESSAGE_AHEAD);
    }
    assert_true(hs_of(&s.end[CLIENT].d)->reassembly.used <= WEIR_DTLS_WINDOW * 504);
    sim_free(&s);
}

/* What somebody sent without protection, ahead of its turn, must not be taken for what comes under it. */
static void attack_D17_messages_of_the_epoch_before_do_not_wait_for_the_next(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        sim_init_default(&s, 112);
        sim_start(&s);
        for (uint16_t seq = 1; seq < WEIR_DTLS_WINDOW; seq++) {
            static const uint8_t type[] = { 0, MESSAGE_ENCRYPTED_EXTENSIONS, MESSAGE_CERTIFICATE_REQUEST };
            uint8_t record[64];
            size_t n = plain_message(record, seq < 3 ? type[seq] : MESSAGE_CERTIFICATE, seq, WEIR_LIT("\0\0"));
            assert_int_equal(sim_hear(&s, who, record, n), WEIR_DTLS_OK);
        }
        assert_true(hs_of(&s.end[who].d)->reassembly.used != 0);
        assert_true(sim_await(&s, WEIR_SEC));
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* -- Records ----------------------------------------------------------------------------------- */

static void attack_D7_records_of_epochs_to_come_do_not_pile_up(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[600] = { 0x2e };
    sim_init_default(&s, 93);
    sim_start(&s);
    unsigned sent = s.end[CLIENT].sent;
    for (unsigned i = 0; i < 10000; i++) {
        record[0] = (uint8_t)(0x2e + i % 2);
        weir_put16(record + 1, (uint16_t)i);
        weir_put16(record + 3, (uint16_t)(1 + i % 512));
        assert_int_equal(sim_hear(&s, CLIENT, record, 5u + 1 + i % 512), WEIR_DTLS_RECORD_EARLY);
    }
    assert_true(hs_of(&s.end[CLIENT].d)->held_bytes <= WEIR_DTLS_HELD_BYTES);
    assert_int_equal(s.end[CLIENT].sent, sent); /* the empty ACK waits for its timer, and is one */
    sim_run(&s, WEIR_SEC);
    assert_true(sim_is_up(&s));
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D9_a_forged_record_does_not_move_the_window(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 94);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls_window before = s.end[SERVER].d.rx.window;
    for (unsigned i = 0; i < 256; i++) {
        uint8_t record[64] = { 0x2f, (uint8_t)i, (uint8_t)(i * 7), 0, 40 };
        assert_int_equal(sim_hear(&s, SERVER, record, 45), WEIR_DTLS_RECORD_FORGED);
    }
    assert_memory_equal(&before, &s.end[SERVER].d.rx.window, sizeof before);
    assert_int_equal(s.end[SERVER].d.rx.forgeries, 256);
    /* A true record, once: twice is a replay, in the old epoch as well. */
    uint8_t record[64], again[64];
    size_t n = sealed_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA, WEIR_LIT("once"), record);
    memcpy(again, record, n);
    assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_OK);
    assert_int_equal(sim_hear(&s, SERVER, again, n), WEIR_DTLS_RECORD_REPLAYED);
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D25_numbers_and_epochs_end_before_they_come_round(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[64];
    sim_init_default(&s, 95);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls *d = &s.end[CLIENT].d;
    d->tx.seq = SEQUENCE_END - 1;
    assert_true(sealed_record(d, CONTENT_APPLICATION_DATA, WEIR_LIT("x"), record) != 0);
    assert_int_equal(sealed_record(d, CONTENT_APPLICATION_DATA, WEIR_LIT("x"), record), 0);
    assert_int_equal(sim_write(&s, CLIENT, "x"), 0);
    assert_int_equal(d->tx.seq, SEQUENCE_END);
    /* Messages have 16 bits of number: with the last one renewal ends. */
    d->message_seq = UINT16_MAX;
    assert_int_equal(weir_dtls_update_keys(d, true), WEIR_ERR_FULL);
    sim_free(&s);
}

static void attack_D28_no_nonce_comes_twice_and_no_random_is_constant(void **state)
{
    (void)state;
    struct sim s;
    uint8_t nonce[2][400];
    sim_init_default(&s, 96);
    assert_true(sim_connect(&s, WEIR_SEC));
    /* Same content, one key: all records differ, since their numbers do. */
    for (unsigned i = 0; i < 1000; i++) {
        size_t n = sealed_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA, WEIR_LIT("the same words"),
                                 nonce[i % 2]);
        assert_true(n != 0);
        assert_memory_not_equal(nonce[0] + 5, nonce[1] + 5, 14);
    }
    assert_memory_not_equal(s.end[CLIENT].d.tx.iv, s.end[SERVER].d.tx.iv, WEIR_NONCE_BYTES);
    assert_memory_not_equal(s.end[CLIENT].d.tx.iv, hs_of(&s.end[CLIENT].d)->old_tx.iv, WEIR_NONCE_BYTES);
    struct sim other;
    sim_init_default(&other, 97);
    assert_memory_not_equal(s.end[CLIENT].d.client_random, other.end[CLIENT].d.client_random, 32);
    sim_free(&other);
    sim_free(&s);
}

static void attack_D30_a_connection_id_that_nobody_agreed_on_is_dropped(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[300];
    sim_init_default(&s, 98);
    assert_true(sim_connect(&s, WEIR_SEC));
    for (unsigned bytes = 0; bytes < 255; bytes += 5) {
        size_t n = sealed_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA, WEIR_LIT("data"), record);
        memmove(record + 1 + bytes, record + 1, n - 1);
        memset(record + 1, 0x77, bytes);
        record[0] |= 0x10;
        assert_int_equal(sim_hear(&s, SERVER, record, n + bytes), WEIR_DTLS_RECORD_CID);
    }
    assert_int_equal(s.end[SERVER].got_count, 0);
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D38_bad_records_do_not_take_the_good_ones_with_them(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "13 fefd 0000 000000000001 0001 00",     "16 fefd 0000 000000000001 0000",
        "17 fefd 0001 000000000001 0003 000000", "2f 0000 0000",
        "2f 0001 0012 000000000000000000000000000000000000", "2c 0000 0001 00",
        "2e 0000 0003 000000",                   "1a fefd 0000 000000000001 0001 00",
    };
    struct sim s;
    sim_init_default(&s, 99);
    assert_true(sim_connect(&s, WEIR_SEC));
    uint8_t datagram[1500];
    size_t n = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        n += test_unhex(bad[i], datagram + n, sizeof datagram - n);
        n += sealed_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA, WEIR_LIT("good"), datagram + n);
    }
    n += test_unhex("2f 0000 ffff 00", datagram + n, sizeof datagram - n);
    sim_hear(&s, SERVER, datagram, n);
    assert_int_equal(s.end[SERVER].got_count, sizeof bad / sizeof bad[0]);
    /* Nothing but empty records. */
    memset(datagram, 0, sizeof datagram);
    for (n = 0; n + 5 <= sizeof datagram; n += 5) {
        datagram[n] = 0x2f;
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
    uint8_t hello[600], honest[600];
    sim_init_default(&s, 100);
    size_t n = hello_of(5, honest, sizeof honest);
    for (size_t at = 13 + 12; at < n; at++) {
        memcpy(hello, honest, n);
        hello[at] ^= (uint8_t)(1u << at % 8);
        sim_hear(&s, SERVER, hello, n);
        assert_true(s.end[SERVER].d.state != WEIR_DTLS_FAILED);
        if (s.end[SERVER].d.state != WEIR_DTLS_NEW) {
            /* That flip did not hurt; begin again with the next. */
            sim_free(&s);
            sim_init_default(&s, 100);
        }
    }
    s.count = 0;
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D12_a_failing_second_hello_leaves_the_place_open(void **state)
{
    (void)state;
    static const struct offer p384 = { 0, { WEIR_P384 }, { 0 } };
    struct sim s;
    uint8_t record[1000];
    sim_init_default(&s, 101);
    s.edit = narrow;
    s.edit_with = &p384;
    sim_start(&s);
    assert_true(sim_step(&s, WEIR_NEVER - 1));
    assert_int_equal(s.end[SERVER].d.step, STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO);
    assert_true(sim_step(&s, WEIR_NEVER - 1)); /* the second hello is on its way */
    struct sim_datagram honest = *sim_next(&s);
    for (size_t at = 25; at < honest.n; at++) {
        memcpy(record, honest.bytes, honest.n);
        record[at] ^= (uint8_t)(1u << at % 8);
        static struct sim_whole before;
        sim_snap(&before, &s.end[SERVER].d);
        enum weir_dtls_verdict v = sim_hear(&s, SERVER, record, honest.n);
        assert_true(s.end[SERVER].d.state != WEIR_DTLS_FAILED);
        if (at >= 27 && at < 59) { /* [RFC 8446 4.1.2 MUST] the random is that of the first */
            assert_int_equal(v, WEIR_DTLS_HELLO_SHARE);
        }
        if (s.end[SERVER].d.step != STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO) {
            sim_back(&s, SERVER, &before); /* a flip that only Finished can find */
            s.count = 1;
        }
    }
    s.edit = NULL;
    assert_true(sim_await(&s, 2 * WEIR_SEC));
    sim_check_up(&s);
    sim_free(&s);
}

/* [RFC 8446 5.1 MUST] A message that came ahead under the keys of the handshake is none of what follows it. */
static void attack_D7_nothing_of_the_handshakes_keys_outlives_them(void **state)
{
    (void)state;
    struct sim s;
    uint8_t message[64], record[200];
    sim_init_default(&s, 103);
    sim_start(&s);
    while (s.end[CLIENT].d.step != STEP_DONE) {
        assert_true(sim_step(&s, WEIR_NEVER - 1));
    }
    struct weir_dtls *c = &s.end[CLIENT].d, *d = &s.end[SERVER].d;
    size_t n = message_bytes(message, MESSAGE_KEY_UPDATE, c->message_seq, weir_span_of("", 1));
    memcpy(record + weir_dtls_record_head(c, EPOCH_HANDSHAKE), message, n);
    n = weir_dtls_record_seal(c, EPOCH_HANDSHAKE, CONTENT_HANDSHAKE, VERSION_1_2, record, n);
    assert_true(n != 0);
    assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_OK); /* kept: its turn may come */
    assert_true(d->step != STEP_DONE && hs_of(d)->reassembly.used != 0);
    assert_true(sim_await(&s, 2 * WEIR_SEC));
    sim_check_up(&s);
    assert_int_equal(d->rx_epoch, EPOCH_APPLICATION); /* no new keys */
    assert_false(weir_dtls_has_block(d)); /* nothing waits in it */
    sim_free(&s);
}

static void attack_D13_D40_hellos_without_end_are_answered_at_the_timers_pace(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[600];
    sim_init_default(&s, 102);
    for (unsigned i = 0; i < 1000; i++) {
        size_t n = hello_of(i % 2, hello, sizeof hello);
        sim_hear(&s, SERVER, hello, n);
        s.count = 0;
        s.now += WEIR_MS;
    }
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_HANDSHAKE);
    assert_true(s.end[SERVER].sent <= 1 + 1000 / 25);
    assert_true(s.end[SERVER].sent_bytes < 3 * s.end[SERVER].heard_bytes);
    sim_free(&s);
}

static void attack_D40_the_first_answer_is_no_amplifier(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[600];
    /* On a path that nothing has validated yet the config asks for a cookie. */
    struct weir_dtls_config c = sim_config(CLIENT, 103), v = sim_config(SERVER, 104);
    v.requires_cookie = true;
    sim_init(&s, &c, &v);
    size_t n = hello_of(1, hello, sizeof hello);
    sim_hear(&s, SERVER, hello, n);
    assert_true(s.end[SERVER].sent_bytes != 0);
    assert_true(s.end[SERVER].sent_bytes <= n);
    sim_free(&s);
}

static void attack_D32_what_is_broken_is_not_there(void **state)
{
    (void)state;
    unsigned known = 0;
    for (unsigned id = 0; id <= 0xffff; id++) {
        known += weir_dtls13_suite((uint16_t)id) != NULL ? 1 : 0;
    }
    assert_int_equal(known, 3);
    assert_null(weir_dtls13_suite(0x1304)); /* CCM and CCM_8 */
    assert_null(weir_dtls13_suite(0x1305));
}

/* -- Cookies ----------------------------------------------------------------------------------- */

static void attack_D14_a_cookie_is_good_for_its_hello_address_and_time(void **state)
{
    (void)state;
    enum { GOOD, OTHER_ADDRESS, OTHER_SECRET, OTHER_RANDOM, FLIPPED, OLD, FUTURE, AGAIN, CASES };
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        static struct sim_end elsewhere;
        struct weir_dtls_config c = sim_config(CLIENT, 104), v = sim_config(SERVER, 104);
        uint8_t hello[600];
        v.requires_cookie = true;
        v.address_bytes = 6;
        memcpy(v.address, "\x7f\0\0\1\x30\x39", 6);
        sim_init(&s, &c, &v);
        sim_start(&s);
        assert_true(sim_step(&s, WEIR_NEVER - 1));
        assert_true(sim_step(&s, WEIR_NEVER - 1));
        struct sim_datagram *g = sim_next(&s);
        size_t n = g->n;
        memcpy(hello, g->bytes, n);
        /* The first server has said all that it knows on the wire: another one can go on. */
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
        assert_true(s.end[SERVER].sent_bytes < s.end[SERVER].heard_bytes);
        v.address[5] ^= i == OTHER_ADDRESS ? 1 : 0;
        v.cookie_secret[0] ^= i == OTHER_SECRET ? 1 : 0;
        v.handshakes = &s.arena;
        memset(&elsewhere, 0, sizeof elsewhere);
        weir_dtls_init(&elsewhere.d, &v, s.now);
        s.end[SERVER] = elsewhere;
        hello[25 + 2] ^= i == OTHER_RANDOM ? 1 : 0;
        for (size_t at = 25; i == FLIPPED && at + 8 < n; at++) {
            if (weir_be16(hello + at) == EXTENSION_COOKIE && weir_be16(hello + at + 2) == 72) {
                hello[at + 20] ^= 1;
            }
        }
        s.now += i == OLD ? 62 * WEIR_SEC : 0;
        s.now -= i == FUTURE ? 10 * WEIR_SEC : 0;
        enum weir_dtls_verdict got = sim_hear(&s, SERVER, hello, n);
        bool is_good = i == GOOD || i == AGAIN;
        assert_int_equal(got, is_good ? WEIR_DTLS_OK : WEIR_DTLS_HELLO_STALE);
        assert_int_equal(s.end[SERVER].d.state, is_good ? WEIR_DTLS_HANDSHAKE : WEIR_DTLS_NEW);
        assert_int_equal(s.end[SERVER].sent, 1); /* else an alert [RFC 9147 5.1 MUST] */
        assert_true(is_good || s.end[SERVER].d.alert.description == ALERT_ILLEGAL_PARAMETER);
        if (i == GOOD) {
            assert_true(sim_await(&s, WEIR_SEC));
        }
        if (i == AGAIN) {
            unsigned sent = s.end[SERVER].sent;
            sim_hear(&s, SERVER, hello, n);
            assert_int_equal(s.end[SERVER].sent, sent);
        }
        sim_free(&s);
    }
}

static void attack_D14_before_the_cookie_nothing_is_computed_and_little_is_kept(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 105), v = sim_config(SERVER, 105);
    uint8_t hello[600];
    v.requires_cookie = true;
    sim_init(&s, &c, &v);
    struct weir_rand before = s.end[SERVER].d.rand;
    for (unsigned i = 0; i < 200; i++) {
        size_t n = hello_of(i, hello, sizeof hello);
        assert_int_equal(sim_hear(&s, SERVER, hello, n), WEIR_DTLS_HELLO_COOKIE);
        s.count = 0;
    }
    assert_memory_equal(&before, &s.end[SERVER].d.rand, sizeof before);
    assert_true(s.end[SERVER].sent_bytes < s.end[SERVER].heard_bytes);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_check_up(&s);
    sim_free(&s);
}

/* -- Peers that do not play fair ---------------------------------------------------------------- */

struct cut {
    uint8_t message;
    unsigned to;
    size_t keep, flip; /* SIZE_MAX: none */
    bool has_message;
    size_t n;
    struct weir_dtls_flight honest;
};

static void cut_message(struct sim *s, unsigned who, const void *with)
{
    struct cut *c = (struct cut *)(uintptr_t)with;
    size_t n, entry;
    uint8_t body[2048];
    uint8_t *p = who == c->to ? NULL : edit_find(&s->end[who].d, c->message, &n, &entry);
    if (p == NULL || c->has_message) {
        return;
    }
    c->has_message = true;
    c->n = n;
    c->honest = hs_of(&s->end[who].d)->flight;
    memcpy(body, p, n);
    if (c->flip < n) {
        body[c->flip] ^= 0xff;
    }
    assert_true(edit_replace(&s->end[who].d, c->message,
                             weir_span_of(body, c->keep < n ? c->keep : n)));
}

static void attack_D15_no_cut_or_changed_message_passes(void **state)
{
    (void)state;
    static const struct {
        uint8_t message;
        unsigned to;
    } row[] = {
        { MESSAGE_CLIENT_HELLO, SERVER }, { MESSAGE_SERVER_HELLO, CLIENT },
        { MESSAGE_ENCRYPTED_EXTENSIONS, CLIENT },    { MESSAGE_CERTIFICATE_REQUEST, CLIENT },
        { MESSAGE_CERTIFICATE, CLIENT },  { MESSAGE_CERTIFICATE_VERIFY, CLIENT },
        { MESSAGE_FINISHED, CLIENT },     { MESSAGE_CERTIFICATE, SERVER },
        { MESSAGE_CERTIFICATE_VERIFY, SERVER }, { MESSAGE_FINISHED, SERVER },
    };
    struct weir_crypto null;
    weir_crypto_null(&null, weir_crypto_default());
    /* With signatures and tags that are always good, it is parsers and transcript that must refuse. */
    for (size_t i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        bool is_flip = i % 2 != 0;
        struct cut c = { .message = row[i / 2].message, .to = row[i / 2].to, .n = SIZE_MAX };
        for (size_t at = 0; at < c.n; at++) {
            struct sim s;
            struct weir_dtls_config cc = sim_config(CLIENT, 106), v = sim_config(SERVER, 106);
            cc.crypto = v.crypto = &null;
            cc.give_up = v.give_up = WEIR_SEC;
            c.has_message = false;
            c.keep = is_flip ? SIZE_MAX : at;
            c.flip = is_flip ? at : SIZE_MAX;
            sim_init(&s, &cc, &v);
            s.edit = cut_message;
            s.edit_with = &c;
            sim_start(&s);
            if (c.message == MESSAGE_CLIENT_HELLO) {
                hs_of(&s.end[CLIENT].d)->flight = c.honest; /* changed on its way: its sender does not know */
            }
            if (sim_await(&s, 2 * WEIR_SEC)) {
                fail_msg("message %u to %u, byte %zu, flip %d: connected", c.message, c.to, at, is_flip);
            }
            assert_true(c.has_message);
            sim_free(&s);
        }
    }
}

/* Take a message out of a flight; the transcript of its sender still has it. */
static void drop_message(struct sim *s, unsigned who, const void *with)
{
    const uint8_t *what = with; /* message, and whose */
    if (who == what[1]) {
        edit_remove(&s->end[who].d, what[0]);
    }
}

static void attack_D16_D17_no_message_may_be_left_out(void **state)
{
    (void)state;
    static const uint8_t row[][2] = {
        { MESSAGE_ENCRYPTED_EXTENSIONS, SERVER },          { MESSAGE_CERTIFICATE, SERVER },
        { MESSAGE_CERTIFICATE_VERIFY, SERVER }, { MESSAGE_FINISHED, SERVER },
        { MESSAGE_CERTIFICATE_REQUEST, SERVER }, /* may be, but then the transcript differs */
        { MESSAGE_CERTIFICATE, CLIENT },        { MESSAGE_CERTIFICATE_VERIFY, CLIENT },
        { MESSAGE_FINISHED, CLIENT },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        sim_init_default(&s, 107);
        s.edit = drop_message;
        s.edit_with = row[i];
        assert_false(sim_connect(&s, 60 * WEIR_SEC));
        unsigned hears = 1u - row[i][1];
        assert_int_equal(s.end[hears].told[WEIR_DTLS_EVENT_CONNECTED], 0);
        assert_int_equal(s.end[hears].told[WEIR_DTLS_EVENT_FAILED], 1);
        sim_free(&s);
    }
}

static void attack_D21_only_schemes_of_the_offer_count(void **state)
{
    (void)state;
    /* A proof of every scheme there is, with a signature that a trusting provider would take. */
    for (unsigned scheme = 0; scheme <= 0xffff; scheme++) {
        static struct sim_whole w;
        static const enum weir_pubkey_type key[] = { WEIR_PUBKEY_NONE, WEIR_PUBKEY_P256, WEIR_PUBKEY_P384,
                                                     WEIR_PUBKEY_RSA };
        static struct weir_crypto null;
        if (null.name == NULL) {
            weir_crypto_null(&null, weir_crypto_default());
            struct weir_dtls_config c = sim_config(CLIENT, 108);
            c.crypto = &null;
            sim_alone(&w, &c, 0);
            assert_true(weir_dtls_lease(&w.d, 0));
            w.d.suite = 0x1301;
            w.d.version = VERSION_1_3;
            weir_dtls_transcript_begin(&w.d);
        }
        uint8_t body[5] = { 0, 0, 0, 1, 0x30 };
        weir_put16(body, (uint16_t)scheme);
        for (unsigned i = 0; i < 4; i++) {
            exchange_of(&w.d)->peer_key.type = key[i];
            bool is_good = (scheme == 0x0403 && i == 1) || (scheme == 0x0503 && i == 2)
                           || (scheme >= 0x0804 && scheme <= 0x0806 && i == 3);
            assert_int_equal(weir_dtls13_check_certificate_verify(&w.d, weir_span_of(body, 5)),
                             is_good ? WEIR_DTLS_OK : WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME);
        }
    }
}

static void attack_D29_a_hello_after_the_handshake_is_no_renegotiation(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[600];
    sim_init_default(&s, 109);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    /* Without protection it is anybody's, and dropped. */
    for (uint16_t seq = 0; seq < 6; seq++) {
        size_t n = hello_of(3, hello, sizeof hello);
        weir_put16(hello + 17, seq);
        enum weir_dtls_verdict v = sim_hear(&s, SERVER, hello, n);
        assert_int_equal(v, seq < weir_dtls_peer_seq(&s.end[SERVER].d) ? WEIR_DTLS_MESSAGE_OLD
                                                                  : WEIR_DTLS_FRAGMENT_EPOCH);
        assert_int_equal(s.count, 0);
    }
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D33_an_mki_is_answered_with_none(void **state)
{
    (void)state;
    struct sim s;
    uint8_t hello[600];
    sim_init_default(&s, 110);
    size_t n = hello_of(1, hello, sizeof hello), entry = 0, m = 0;
    /* use_srtp is our last extension: its last byte is the length of the MKI. */
    hello[n - 1] = 1;
    hello[n++] = 0x41;
    weir_put16(hello + 11, (uint16_t)(weir_be16(hello + 11) + 1));
    weir_put24(hello + 14, weir_be24(hello + 14) + 1);
    weir_put24(hello + 22, weir_be24(hello + 22) + 1);
    size_t suites = 13 + 12 + 2 + 32 + 1 + 1;
    size_t list = suites + 2 + weir_be16(hello + suites) + 2;
    weir_put16(hello + list, (uint16_t)(weir_be16(hello + list) + 1));
    weir_put16(hello + n - 12, (uint16_t)(weir_be16(hello + n - 12) + 1));
    assert_int_equal(sim_hear(&s, SERVER, hello, n), WEIR_DTLS_OK);
    const uint8_t *p = edit_find(&s.end[SERVER].d, MESSAGE_ENCRYPTED_EXTENSIONS, &m, &entry);
    assert_non_null(p);
    assert_memory_equal(p + m - 9, "\0\x0e\0\5\0\2\0\7\0", 9);
    sim_free(&s);
}

static void attack_D36_shares_off_the_curve_and_zero_secrets_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint16_t group;
        const char *share;
    } row[] = {
        { WEIR_X25519, "0000000000000000000000000000000000000000000000000000000000000000" },
        { WEIR_X25519, "0100000000000000000000000000000000000000000000000000000000000000" },
        { WEIR_X25519, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800" },
        { WEIR_X25519, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
        { WEIR_P256, "04 0000000000000000000000000000000000000000000000000000000000000000"
                     "0000000000000000000000000000000000000000000000000000000000000000" },
        { WEIR_P256, "04 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f4" },
        { WEIR_P256, "02 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" },
        { WEIR_P256, "00" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        uint8_t share[128], body[300];
        size_t n = test_unhex(row[i].share, share, sizeof share), entry, m;
        struct weir_dtls_config c = sim_config(CLIENT, 111), v = sim_config(SERVER, 112);
        c.group[0] = row[i].group; /* the group whose share the client sends */
        c.groups = 1;
        sim_init(&s, &c, &v);
        sim_start(&s);
        struct sim_datagram *g = sim_next(&s);
        struct weir_mspan hello = { g->bytes, g->n };
        struct weir_span plain;
        weir_dtls_recv(&s.end[SERVER].d, s.now, &hello, &plain);
        s.count = 0;
        uint8_t *p = edit_find(&s.end[SERVER].d, MESSAGE_SERVER_HELLO, &m, &entry);
        assert_non_null(p);
        size_t head = 2 + 32 + 1 + 2 + 1; /* up to the extensions */
        memcpy(body, p, head);
        struct weir_wr w = weir_wr_of((struct weir_mspan){ body + head, sizeof body - head });
        struct weir_mark list = weir_wr_open(&w, 2);
        weir_wr_u16(&w, EXTENSION_SUPPORTED_VERSIONS);
        weir_wr_u16(&w, 2);
        weir_wr_u16(&w, VERSION_1_3);
        weir_wr_u16(&w, EXTENSION_KEY_SHARE);
        weir_wr_u16(&w, (uint16_t)(n + 4));
        weir_wr_u16(&w, row[i].group);
        weir_wr_u16(&w, (uint16_t)n);
        weir_wr_bytes(&w, weir_span_of(share, n));
        weir_wr_close(&w, list);
        assert_true(edit_replace(&s.end[SERVER].d, MESSAGE_SERVER_HELLO,
                                 weir_span_of(body, head + weir_wr_done(&w))));
        sim_drain(&s, SERVER);
        sim_run(&s, 30 * WEIR_MS);
        assert_int_equal(s.end[CLIENT].last.verdict, WEIR_DTLS_KEY_SHARE);
        assert_int_equal(s.end[CLIENT].last.alert, ALERT_ILLEGAL_PARAMETER);
        sim_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_D7_nothing_of_the_handshakes_keys_outlives_them),
        cmocka_unit_test(attack_D2_D3_fragments_are_kept_apart_by_number_and_have_one_type),
        cmocka_unit_test(attack_D4_fragments_without_bytes_take_nothing),
        cmocka_unit_test(attack_D6_the_queue_of_early_messages_is_bounded),
        cmocka_unit_test(attack_D17_messages_of_the_epoch_before_do_not_wait_for_the_next),
        cmocka_unit_test(attack_D7_records_of_epochs_to_come_do_not_pile_up),
        cmocka_unit_test(attack_D9_a_forged_record_does_not_move_the_window),
        cmocka_unit_test(attack_D25_numbers_and_epochs_end_before_they_come_round),
        cmocka_unit_test(attack_D28_no_nonce_comes_twice_and_no_random_is_constant),
        cmocka_unit_test(attack_D30_a_connection_id_that_nobody_agreed_on_is_dropped),
        cmocka_unit_test(attack_D38_bad_records_do_not_take_the_good_ones_with_them),
        cmocka_unit_test(attack_D12_a_failing_hello_never_ends_the_call),
        cmocka_unit_test(attack_D12_a_failing_second_hello_leaves_the_place_open),
        cmocka_unit_test(attack_D13_D40_hellos_without_end_are_answered_at_the_timers_pace),
        cmocka_unit_test(attack_D40_the_first_answer_is_no_amplifier),
        cmocka_unit_test(attack_D32_what_is_broken_is_not_there),
        cmocka_unit_test(attack_D14_a_cookie_is_good_for_its_hello_address_and_time),
        cmocka_unit_test(attack_D14_before_the_cookie_nothing_is_computed_and_little_is_kept),
        cmocka_unit_test(attack_D15_no_cut_or_changed_message_passes),
        cmocka_unit_test(attack_D16_D17_no_message_may_be_left_out),
        cmocka_unit_test(attack_D21_only_schemes_of_the_offer_count),
        cmocka_unit_test(attack_D29_a_hello_after_the_handshake_is_no_renegotiation),
        cmocka_unit_test(attack_D33_an_mki_is_answered_with_none),
        cmocka_unit_test(attack_D36_shares_off_the_curve_and_zero_secrets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
