/* The handshake's block: when it is leased, when it comes back and what is left in it, what happens where there
 * is none, and that whoever may need the end of a handshake again gets it without one being kept. */
#include "test/dtls/dtls13_sim.h"

enum { ALL = 2 }; /* blocks of a simulation */

static bool is_wiped(const struct weir_dtls_handshake *h)
{
    const uint8_t *p = (const uint8_t *)h;
    size_t left = 0;
    for (size_t i = sizeof(uint32_t); i < sizeof *h; i++) { /* in front a free block names the next one */
        left += p[i] != 0 ? 1 : 0;
    }
    return left == 0;
}

static void open_both(struct sim *s, unsigned is_13, uint64_t seed)
{
    struct weir_dtls_config c = sim_config(CLIENT, seed), v = sim_config(SERVER, seed + 1);
    c.version_max = v.version_max = is_13 ? WEIR_DTLS_1_3 : WEIR_DTLS_1_2;
    sim_init(s, &c, &v);
}

/* Somebody else has so many of the blocks. */
static void take_blocks(struct sim *s, unsigned count, uint32_t taken[ALL])
{
    for (unsigned i = 0; i < count; i++) {
        taken[i] = weir_arena_lease(&s->arena);
        assert_int_not_equal(taken[i], WEIR_NO_BLOCK);
    }
}

static void give_blocks(struct sim *s, unsigned count, const uint32_t taken[ALL])
{
    for (unsigned i = 0; i < count; i++) {
        weir_arena_put(&s->arena, taken[i]);
    }
}

/* -- Leased and given back ---------------------------------------------------------------------- */

static void a_handshake_has_a_block_and_gives_it_back(void **state)
{
    (void)state;
    for (unsigned is_13 = 0; is_13 < 2; is_13++) {
        struct sim s;
        open_both(&s, is_13, 9500);
        assert_int_equal(s.arena.leased, 0);
        sim_start(&s);
        assert_int_equal(s.arena.leased, 1); /* the client's, with its hello */
        assert_true(sim_step(&s, WEIR_NEVER - 1));
        assert_int_equal(s.arena.leased, 2);
        assert_true(sim_await(&s, WEIR_SEC));
        assert_int_equal(s.arena.leased, 2); /* the last flight may be asked for */
        weir_time done = s.now;
        for (unsigned who = 0; who < 2; who++) {
            assert_int_not_equal(weir_dtls_deadline(&s.end[who].d), WEIR_NEVER);
        }
        while (s.arena.leased != 0) {
            assert_true(sim_step(&s, done + WEIR_SEC));
        }
        /* As long as said, after the last sign: with 1.3 the ACK of the client's flight. */
        assert_int_equal(s.now, done + 2 * s.end[SERVER].d.config.rto + (is_13 ? s.delay : 0));
        for (unsigned who = 0; who < 2; who++) {
            assert_true(is_wiped(&s.block[who]));
            assert_int_equal(weir_dtls_deadline(&s.end[who].d), WEIR_NEVER);
        }
        sim_check_up(&s);
        assert_int_equal(s.arena.leased, 0);
        assert_int_equal(s.arena.leased_most, 2);
        sim_free(&s);
    }
}

/* It was closed, taken down, failed or gave up, at every step of either end. */
static void an_end_of_any_kind_gives_the_block_back(void **state)
{
    (void)state;
    enum { CLOSE, DEINIT, FINGERPRINT, GIVE_UP, FATAL, WAYS };
    for (unsigned cell = 0; cell < WAYS * 2 * 2 * 10; cell++) {
        unsigned way = cell % WAYS, is_13 = cell / WAYS % 2, who = cell / WAYS / 2 % 2;
        unsigned steps = cell / WAYS / 4;
        struct sim s;
        open_both(&s, is_13, 9510);
        sim_start(&s);
        for (unsigned i = 0; i < steps && sim_step(&s, s.now + 40 * WEIR_MS); i++) {
        }
        struct weir_dtls *d = &s.end[who].d;
        bool has_cert = d->has_peer_cert, had_block = weir_dtls_has_block(d), has_keys = d->rx_epoch != 0;
        uint32_t block = d->block, others = s.arena.leased - (had_block ? 1 : 0);
        uint8_t record[64];
        struct weir_dtls_fingerprint wrong = sim_fingerprint(who, WEIR_SHA256);
        if (way == CLOSE) {
            weir_dtls_close(d, s.now);
        } else if (way == DEINIT) {
            weir_dtls_deinit(d);
        } else if (way == FINGERPRINT && has_cert) {
            assert_int_equal(weir_dtls_set_fingerprints(d, s.now, &wrong, 1), WEIR_OK);
        } else if (way == GIVE_UP && d->give_up_at != WEIR_NEVER) {
            weir_dtls_tick(d, d->give_up_at);
        } else if (way == FATAL && has_keys && is_13) {
            size_t n = peers_record(d, CONTENT_ALERT, WEIR_LIT("\2\x28"), record);
            struct weir_mspan datagram = { record, n };
            struct weir_span plain;
            assert_int_equal(weir_dtls_recv(d, s.now, &datagram, &plain), WEIR_DTLS_OK);
        } else {
            sim_free(&s);
            continue;
        }
        assert_true(d->state == WEIR_DTLS_FAILED || d->state == WEIR_DTLS_CLOSED);
        /* What was written before a close still leaves; all else has nothing to wait for. */
        assert_true(s.arena.leased == others || (way == CLOSE && weir_dtls_flight_is_pending(d)));
        sim_drain(&s, who);
        assert_int_equal(s.arena.leased, others);
        assert_true(!had_block || is_wiped(&s.block[block]));
        assert_int_equal(weir_dtls_deadline(d), WEIR_NEVER);
        sim_free(&s);
    }
}

static void the_last_flight_leaves_before_a_close_takes_its_block(void **state)
{
    (void)state;
    struct sim s;
    open_both(&s, 1, 9520);
    sim_start(&s);
    assert_true(sim_step(&s, WEIR_NEVER - 1));
    struct sim_datagram *g = sim_next(&s); /* the server's flight */
    struct weir_mspan datagram = { g->bytes, g->n };
    struct weir_span plain;
    while (datagram.n != 0) {
        assert_int_equal(weir_dtls_recv(&s.end[CLIENT].d, s.now, &datagram, &plain), WEIR_DTLS_OK);
    }
    s.count = 0;
    weir_dtls_close(&s.end[CLIENT].d, s.now); /* its own is written and has not left */
    assert_int_equal(s.arena.leased, 2);
    sim_drain(&s, CLIENT);
    assert_int_equal(s.arena.leased, 1);
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.end[SERVER].told[WEIR_DTLS_EVENT_CONNECTED], 1);
    assert_int_equal(s.end[SERVER].told[WEIR_DTLS_EVENT_CLOSED], 1);
    assert_int_equal(s.arena.leased, 0);
    sim_free(&s);
}

/* -- None is free ------------------------------------------------------------------------------- */

static void a_hello_without_a_block_is_dropped_and_served_when_it_comes_again(void **state)
{
    (void)state;
    for (unsigned is_13 = 0; is_13 < 2; is_13++) {
        struct sim s;
        uint32_t taken[ALL];
        open_both(&s, is_13, 9530);
        sim_start(&s);
        take_blocks(&s, 1, taken);
        sim_run(&s, 140 * WEIR_MS);
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
        assert_int_equal(s.end[SERVER].sent, 0);
        assert_int_equal(s.end[SERVER].d.verdicts[WEIR_DTLS_NO_BLOCK], 2); /* after 50 ms it came again */
        assert_int_equal(weir_dtls_deadline(&s.end[SERVER].d), WEIR_NEVER);
        give_blocks(&s, 1, taken);
        assert_true(sim_await(&s, WEIR_SEC));
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void a_client_without_a_block_begins_when_one_came_back(void **state)
{
    (void)state;
    for (unsigned is_13 = 0; is_13 < 2; is_13++) {
        struct sim s;
        uint32_t taken[ALL];
        open_both(&s, is_13, 9540);
        take_blocks(&s, ALL, taken);
        assert_int_equal(weir_dtls_start(&s.end[CLIENT].d, s.now), WEIR_ERR_FULL);
        assert_int_equal(weir_dtls_start(&s.end[CLIENT].d, s.now), WEIR_ERR_FULL);
        uint64_t before = s.arena.refusals;
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_NEW);
        assert_int_equal(s.end[CLIENT].sent, 0);
        assert_in_range(s.arena.refusals - before, 19, 21); /* every 50 ms, and not at once again */
        give_blocks(&s, ALL, taken);
        assert_true(sim_await(&s, 200 * WEIR_MS));
        assert_int_equal(s.end[CLIENT].d.lease_at, WEIR_NEVER);
        assert_int_equal(weir_dtls_start(&s.end[CLIENT].d, s.now), WEIR_ERR_STATE);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void a_client_that_never_gets_a_block_gives_up(void **state)
{
    (void)state;
    struct sim s;
    uint32_t taken[ALL];
    open_both(&s, 1, 9550);
    take_blocks(&s, ALL, taken);
    assert_int_equal(weir_dtls_start(&s.end[CLIENT].d, s.now), WEIR_ERR_FULL);
    sim_run(&s, 29 * WEIR_SEC);
    assert_int_equal(weir_dtls_start(&s.end[CLIENT].d, s.now), WEIR_ERR_FULL); /* puts nothing off */
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_NEW);
    sim_run(&s, 2 * WEIR_SEC);
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_FAILED);
    assert_int_equal(s.end[CLIENT].last.reason, WEIR_DTLS_REASON_TIMEOUT);
    assert_int_equal(weir_dtls_deadline(&s.end[CLIENT].d), WEIR_NEVER);
    sim_free(&s);
}

static void without_an_arena_nothing_begins_and_nothing_breaks(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        static struct weir_dtls d;
        struct sim s;
        struct weir_dtls_config c = sim_config(who, 9560);
        uint8_t out[1500];
        open_both(&s, 1, 9561);
        weir_dtls_init(&d, &c, s.now);
        assert_int_equal(weir_dtls_start(&d, s.now), who == CLIENT ? WEIR_ERR_FULL : WEIR_OK);
        sim_start(&s);
        struct weir_mspan datagram = { sim_next(&s)->bytes, sim_next(&s)->n };
        struct weir_span plain;
        enum weir_dtls_verdict v = weir_dtls_recv(&d, s.now, &datagram, &plain);
        assert_int_equal(v, who == CLIENT ? WEIR_DTLS_OVER : WEIR_DTLS_NO_BLOCK);
        weir_dtls_tick(&d, s.now + 60 * WEIR_SEC);
        (void)weir_dtls_send(&d, s.now, (struct weir_mspan){ out, sizeof out });
        assert_int_equal(weir_dtls_deadline(&d), WEIR_NEVER);
        weir_dtls_deinit(&d);
        sim_free(&s);
    }
}

/* -- Strangers ---------------------------------------------------------------------------------- */

/* The first fragment of a hello, so many bytes of many. */
static size_t piece_of_hello(uint8_t *out, uint16_t length)
{
    uint8_t body[12 + 40] = { 0 };
    body[0] = MESSAGE_CLIENT_HELLO;
    weir_put24(body + 1, length);
    weir_put24(body + 9, 40);
    return plain_record(out, CONTENT_HANDSHAKE, 1, weir_span_of(body, sizeof body));
}

static void pieces_of_a_hello_hold_a_block_five_seconds(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[100];
    open_both(&s, 1, 9570);
    struct weir_dtls *d = &s.end[SERVER].d;
    weir_time begun = s.now;
    /* However often they come. */
    for (unsigned i = 0; i < 50; i++) {
        (void)sim_hear(&s, SERVER, record, piece_of_hello(record, 500));
        assert_int_equal(s.arena.leased, 1);
        assert_int_equal(hs_of(d)->used_at, begun);
        s.now += 90 * WEIR_MS;
    }
    weir_dtls_tick(d, begun + 5 * WEIR_SEC - 1);
    assert_int_equal(s.arena.leased, 1);
    assert_int_equal(weir_dtls_deadline(d), begun + 5 * WEIR_SEC);
    weir_dtls_tick(d, begun + 5 * WEIR_SEC);
    assert_int_equal(s.arena.leased, 0);
    assert_int_equal(d->state, WEIR_DTLS_NEW);
    assert_int_equal(weir_dtls_deadline(d), WEIR_NEVER);
    s.now = begun + 6 * WEIR_SEC;
    assert_true(sim_connect(&s, WEIR_SEC)); /* the plan is back where it was */
    sim_check_up(&s);
    sim_free(&s);
}

/* What is refused, or answered with a request for a cookie, holds nothing at all. */
static void hellos_of_strangers_hold_no_block(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 9580), v = sim_config(SERVER, 9581);
        bool has_cookie = i % 2 != 0;
        c.version_max = v.version_max = i < 2 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3;
        c.version_min = i < 2 ? 0 : WEIR_DTLS_1_3;
        v.requires_cookie = has_cookie;
        if (!has_cookie) { /* nothing in common */
            c.suites = v.suites = 1;
            c.suite[0] = i < 2 ? 0xc02b : 0x1301;
            v.suite[0] = i < 2 ? 0xc02c : 0x1302;
        }
        sim_init(&s, &c, &v);
        sim_start(&s);
        struct sim_datagram hello = *sim_next(&s);
        for (unsigned k = 0; k < 200; k++) {
            uint8_t bytes[1500];
            memcpy(bytes, hello.bytes, hello.n);
            bytes[27] = (uint8_t)k; /* each with a random of its own */
            enum weir_dtls_verdict got = sim_hear(&s, SERVER, bytes, hello.n);
            assert_int_equal(got, has_cookie ? WEIR_DTLS_HELLO_COOKIE : WEIR_DTLS_HELLO_SUITE);
            assert_int_equal(s.arena.leased, 1); /* the client's */
            s.count = 0;
        }
        assert_int_equal(s.end[SERVER].sent, has_cookie ? 200 : 0);
        if (has_cookie) {
            assert_true(sim_await(&s, 2 * WEIR_SEC));
            sim_check_up(&s);
        }
        sim_free(&s);
    }
}

/* After the handshake nobody without keys leases one, or keeps it. */
static void nothing_without_protection_leases_or_keeps_a_block_afterwards(void **state)
{
    (void)state;
    for (unsigned cell = 0; cell < 8; cell++) {
        unsigned is_13 = cell % 2, who = cell / 2 % 2, is_late = cell / 4;
        static const uint8_t type[] = { MESSAGE_CLIENT_HELLO, MESSAGE_SERVER_HELLO, MESSAGE_FINISHED,
                                        MESSAGE_KEY_UPDATE, MESSAGE_HELLO_REQUEST };
        struct sim s;
        uint8_t record[200];
        struct weir_span plain;
        open_both(&s, is_13, 9590);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, is_late ? WEIR_SEC : 30 * WEIR_MS);
        struct weir_dtls *d = &s.end[who].d;
        assert_int_equal(weir_dtls_has_block(d), !is_late);
        weir_time until = weir_dtls_block_until(d);
        s.now += 5 * WEIR_MS;
        for (unsigned i = 0; i < 5 * 6; i++) {
            struct weir_mspan datagram = {
                record, plain_message(record, type[i % 5], (uint16_t)(i / 5 * 2), WEIR_LIT("body"))
            };
            (void)weir_dtls_recv(d, s.now, &datagram, &plain);
            datagram = (struct weir_mspan){ record, plain_record(record, CONTENT_ACK, i, WEIR_LIT("\0\0")) };
            (void)weir_dtls_recv(d, s.now, &datagram, &plain);
        }
        assert_int_equal(weir_dtls_has_block(d), !is_late);
        assert_int_equal(weir_dtls_block_until(d), until);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* Whom the fingerprint is still to be told of may have a block, and does not keep it by asking for it. */
static void who_is_not_verified_keeps_no_block(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 9600), v = sim_config(SERVER, 9601);
    v.fingerprints = 0;
    sim_init(&s, &c, &v);
    sim_start(&s);
    sim_run(&s, 35 * WEIR_MS);
    struct weir_dtls *d = &s.end[SERVER].d;
    assert_int_equal(d->state, WEIR_DTLS_UNVERIFIED);
    weir_time until = weir_dtls_block_until(d);
    s.now += 10 * WEIR_MS;
    assert_true(weir_dtls_lease(d, s.now));
    assert_int_equal(weir_dtls_block_until(d), until);
    struct weir_dtls_fingerprint f = sim_fingerprint(CLIENT, WEIR_SHA256);
    assert_int_equal(weir_dtls_set_fingerprints(d, s.now, &f, 1), WEIR_OK);
    assert_true(weir_dtls_lease(d, s.now));
    assert_true(weir_dtls_block_until(d) > until);
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.arena.leased, 0);
    sim_free(&s);
}

/* -- Afterwards --------------------------------------------------------------------------------- */

/* [RFC 6347 4.2.4 MUST, RFC 9147 5.8.1 MUST] The peer's last flight again, before the block went and long
 * after: ours, or an ACK. */
static void the_end_of_a_handshake_is_repeated_with_a_block_and_without(void **state)
{
    (void)state;
    static const weir_duration lost[] = { 0, 60 * WEIR_MS, 2 * WEIR_SEC, 20 * WEIR_SEC };
    for (unsigned cell = 0; cell < 2 * sizeof lost / sizeof lost[0]; cell++) {
        unsigned is_13 = cell % 2;
        weir_duration away = lost[cell / 2];
        struct sim s;
        open_both(&s, is_13, 9610);
        sim_start(&s);
        while (s.end[SERVER].d.state != WEIR_DTLS_CONNECTED) {
            assert_true(sim_step(&s, WEIR_NEVER - 1));
        }
        s.count = 0; /* the server's last words are lost, as is all else for a while */
        s.loss_permille = 1000;
        sim_run(&s, away);
        s.loss_permille = 0;
        assert_int_equal(weir_dtls_has_block(&s.end[SERVER].d), away < WEIR_SEC);
        uint16_t seq = s.end[SERVER].d.message_seq;
        weir_time from = s.now;
        while (sim_flight_used(&s.end[CLIENT].d) != 0 && hs_of(&s.end[CLIENT].d)->flight.is_timed) {
            assert_true(sim_step(&s, from + 4 * WEIR_SEC)); /* it sends again, and is answered */
        }
        assert_true(sim_is_up(&s));
        assert_int_equal(s.end[SERVER].d.message_seq, seq);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.arena.leased, 0);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* Asked again and again, the server answers no more often than twice in a timeout. */
static void a_finished_that_comes_too_often_draws_little(void **state)
{
    (void)state;
    struct sim s;
    open_both(&s, 0, 9615);
    assert_true(sim_connect(&s, WEIR_SEC));
    struct weir_dtls *d = &s.end[SERVER].d;
    for (unsigned i = 0; i < 2; i++) { /* with the handshake's block, and with one that was leased anew */
        unsigned sent = s.end[SERVER].sent;
        for (unsigned k = 0; k < 80; k++) {
            uint8_t message[40], record[100];
            size_t n = message_bytes(message, MESSAGE_FINISHED, (uint16_t)(weir_dtls_peer_seq(d) - 1),
                                     WEIR_LIT("123456789012"));
            n = sealed_record(&s.end[CLIENT].d, CONTENT_HANDSHAKE, weir_span_of(message, n), record);
            assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_MESSAGE_OLD);
            s.now += WEIR_MS;
        }
        assert_in_range(s.end[SERVER].sent - sent, 2, 1 + 80 / 25);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.arena.leased, 0);
    }
    sim_check_up(&s);
    sim_free(&s);
}

static void a_finished_that_comes_again_finds_no_block_and_comes_again(void **state)
{
    (void)state;
    struct sim s;
    uint32_t taken[ALL];
    open_both(&s, 0, 9620);
    sim_start(&s);
    while (s.end[SERVER].d.state != WEIR_DTLS_CONNECTED) {
        assert_true(sim_step(&s, WEIR_NEVER - 1));
    }
    s.count = 0;
    s.loss_permille = 1000;
    sim_run(&s, 250 * WEIR_MS);
    s.loss_permille = 0;
    take_blocks(&s, 1, taken); /* the other one is the client's */
    sim_run(&s, WEIR_SEC);
    assert_true(s.end[SERVER].d.verdicts[WEIR_DTLS_NO_BLOCK] != 0);
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_HANDSHAKE);
    give_blocks(&s, 1, taken);
    assert_true(sim_await(&s, 3 * WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.arena.leased, 0);
    sim_check_up(&s);
    sim_free(&s);
}

static void keys_are_renewed_after_the_block_went(void **state)
{
    (void)state;
    struct sim s;
    open_both(&s, 1, 9630);
    assert_true(sim_connect(&s, WEIR_SEC));
    for (unsigned i = 0; i < 6; i++) {
        uint8_t record[64];
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.arena.leased, 0);
        struct weir_dtls before = s.end[i % 2].d;
        before.tx.seq += 5; /* the KeyUpdate has the next one */
        size_t n = sealed_record(&before, CONTENT_APPLICATION_DATA, WEIR_LIT("late"), record);
        assert_int_equal(weir_dtls_update_keys(&s.end[i % 2].d, true), WEIR_OK);
        sim_drain(&s, i % 2);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.arena.leased, 0);
        assert_int_equal(s.end[0].d.tx_epoch, EPOCH_APPLICATION + i + 1);
        assert_int_equal(s.end[1].d.tx_epoch, EPOCH_APPLICATION + i + 1);
        /* What was on its way under the keys before is opened with keys that are made again, once. */
        uint8_t again[64];
        memcpy(again, record, n);
        assert_int_equal(sim_hear(&s, 1 - i % 2, record, n), WEIR_DTLS_OK);
        assert_int_equal(sim_hear(&s, 1 - i % 2, again, n), WEIR_DTLS_RECORD_REPLAYED);
        again[n - 1] ^= 1;
        sim_check_up(&s);
    }
    sim_free(&s);
}

/* A message of the peer's that finds no block is lost, and one of ours waits. */
static void without_a_block_new_keys_wait(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sim s;
        uint32_t taken[ALL];
        open_both(&s, 1, 9640);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        take_blocks(&s, ALL - i, taken); /* both ends have none, or the one that is asked */
        assert_int_equal(weir_dtls_update_keys(&s.end[CLIENT].d, false), WEIR_OK);
        sim_drain(&s, CLIENT);
        unsigned sent = s.end[CLIENT].sent;
        uint64_t refused = s.arena.refusals;
        sim_run(&s, 500 * WEIR_MS);
        assert_int_equal(s.end[SERVER].d.rx_epoch, EPOCH_APPLICATION);
        assert_int_equal(s.end[SERVER].d.verdicts[WEIR_DTLS_NO_BLOCK] != 0, i == 1);
        assert_int_equal(s.end[SERVER].sent, s.end[SERVER].sent);
        assert_true(i == 1 || s.end[CLIENT].sent == sent);
        assert_true(s.arena.refusals - refused <= 12); /* nobody spins */
        for (unsigned k = 0; k < 100; k++) { /* however often it is asked for datagrams */
            sim_drain(&s, CLIENT);
        }
        assert_true(s.arena.refusals - refused <= 12);
        sim_write(&s, CLIENT, "data goes on");
        sim_run(&s, 20 * WEIR_MS);
        assert_int_equal(s.end[SERVER].got_count, 1);
        give_blocks(&s, ALL - i, taken);
        sim_run(&s, 4 * WEIR_SEC);
        assert_int_equal(s.end[SERVER].d.rx_epoch, EPOCH_APPLICATION + 1);
        assert_int_equal(s.end[CLIENT].d.tx_epoch, EPOCH_APPLICATION + 1);
        assert_int_equal(s.arena.leased, 0);
        s.end[SERVER].got_count = 0;
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void what_waits_for_a_block_ends_with_the_connection(void **state)
{
    (void)state;
    struct sim s;
    uint32_t taken[ALL];
    open_both(&s, 1, 9645);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    take_blocks(&s, ALL, taken);
    assert_int_equal(weir_dtls_update_keys(&s.end[CLIENT].d, false), WEIR_OK);
    sim_drain(&s, CLIENT);
    assert_int_not_equal(weir_dtls_deadline(&s.end[CLIENT].d), WEIR_NEVER);
    weir_dtls_close(&s.end[CLIENT].d, s.now);
    assert_int_equal(weir_dtls_deadline(&s.end[CLIENT].d), WEIR_NEVER);
    sim_free(&s);
}

/* A part of a message that an ACK named is not sent again: it waits for the rest, up to a limit. */
static void a_part_that_was_acknowledged_stays_for_its_message(void **state)
{
    (void)state;
    struct sim s;
    open_both(&s, 1, 9650);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls *d = &s.end[CLIENT].d;
    uint8_t body[12 + 6] = { MESSAGE_NEW_SESSION_TICKET }, record[100];
    weir_put24(body + 1, 16);
    weir_put16(body + 4, weir_dtls_peer_seq(d));
    weir_put24(body + 9, 6);
    size_t n = peers_record(d, CONTENT_HANDSHAKE, weir_span_of(body, sizeof body), record);
    weir_time at = s.now;
    assert_int_equal(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_OK);
    assert_int_equal(weir_dtls_block_until(d), at + d->config.give_up);
    sim_run(&s, 20 * WEIR_SEC);
    assert_int_equal(hs_of(d)->reassembly.slot[0].have, 6);
    sim_run(&s, 11 * WEIR_SEC);
    assert_false(weir_dtls_has_block(d));
    sim_check_up(&s);
    sim_free(&s);
}

/* [RFC 9147 5.2] The last number of a message was there: it does not come again in a block leased anew. */
static void numbers_do_not_come_round_in_another_block(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[100];
    open_both(&s, 1, 9655);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls *d = &s.end[SERVER].d;
    assert_true(weir_dtls_lease(d, s.now));
    hs_of(d)->reassembly.next = UINT16_MAX;
    hs_of(d)->reassembly.is_spent = true;
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.arena.leased, 0);
    size_t n = peers_message(d, MESSAGE_KEY_UPDATE, UINT16_MAX, weir_span_of("", 1), record);
    assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_MESSAGE_OLD);
    assert_int_equal(d->rx_epoch, EPOCH_APPLICATION);
    sim_free(&s);
}

static struct weir_dtls_config ticket_config(unsigned who, uint64_t seed)
{
    struct weir_dtls_config c = sim_config(who, seed);
    c.tickets = WEIR_DTLS_TICKETS_ASKED;
    c.ticket_keys = 1;
    memset(c.ticket_key[0], 7, sizeof c.ticket_key[0]);
    c.utc_s = 1790000000;
    return c;
}

/* Resumed, with the session in a block from the beginning; and the ticket that comes when the client's block is
 * gone leases another one. */
static void a_session_is_resumed_and_given_with_blocks_that_come_and_go(void **state)
{
    (void)state;
    struct weir_dtls_session session;
    for (unsigned i = 0; i < 4; i++) {
        struct sim s;
        struct weir_dtls_config c = ticket_config(CLIENT, 9660), v = ticket_config(SERVER, 9661);
        c.session = i == 0 ? NULL : &session;
        sim_init(&s, &c, &v);
        assert_int_equal(s.arena.leased, i == 0 ? 0 : 1);
        weir_dtls_tick(&s.end[CLIENT].d, s.now + 100 * WEIR_SEC); /* it waits there to be started */
        assert_int_equal(s.arena.leased, i == 0 ? 0 : 1);
        assert_true(sim_connect(&s, WEIR_SEC));
        assert_int_equal(weir_dtls_is_resumed(&s.end[SERVER].d), i != 0);
        if (i % 2 != 0) { /* ACK and ticket are lost, and once more, until the client's block has gone */
            s.count = 0;
            struct weir_dtls *d = &s.end[CLIENT].d;
            weir_dtls_flight_done(d);
            weir_dtls_await_nothing(d);
            s.loss_permille = 1000;
            sim_run(&s, 300 * WEIR_MS);
            s.loss_permille = 0;
            assert_false(weir_dtls_has_block(d));
        }
        sim_run(&s, 2 * WEIR_SEC);
        assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_SESSION], 1);
        assert_int_equal(s.arena.leased, 1);
        assert_true(weir_dtls_take_session(&s.end[CLIENT].d, &session));
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.arena.leased, 0);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* A session that nobody takes goes with its block. */
static void a_session_that_nobody_takes_is_wiped(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_session session;
    struct weir_dtls_config c = ticket_config(CLIENT, 9670), v = ticket_config(SERVER, 9671);
    sim_init(&s, &c, &v);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, 29 * WEIR_SEC);
    assert_int_equal(s.arena.leased, 1);
    sim_run(&s, 2 * WEIR_SEC);
    assert_int_equal(s.arena.leased, 0);
    assert_false(weir_dtls_take_session(&s.end[CLIENT].d, &session));
    assert_true(is_wiped(&s.block[0]) && is_wiped(&s.block[1]));
    sim_check_up(&s);
    sim_free(&s);
}

/* Where there is no block for it at the beginning, it is as if there were none. */
static void a_session_without_a_block_is_passed_over(void **state)
{
    (void)state;
    struct weir_dtls_session session = { .suite = 0x1301, .ticket_bytes = 5 };
    struct weir_dtls_config c = ticket_config(CLIENT, 9680);
    struct weir_dtls_handshake block;
    struct weir_arena arena;
    static struct weir_dtls d;
    weir_arena_init(&arena, &block, sizeof block, 1);
    uint32_t taken = weir_arena_lease(&arena);
    c.session = &session;
    c.handshakes = &arena;
    weir_dtls_init(&d, &c, 0);
    assert_int_equal(weir_dtls_ticket(&d), WEIR_DTLS_TICKET_UNFIT);
    weir_arena_put(&arena, taken);
    assert_int_equal(weir_dtls_start(&d, 0), WEIR_OK);
    assert_int_equal(weir_dtls_ticket(&d), WEIR_DTLS_TICKET_UNFIT);
    weir_dtls_deinit(&d);
    assert_int_equal(arena.leased, 0);
}

/* -- Fingerprints, which are kept where the plan is ---------------------------------------------- */

static void what_is_expected_is_told_at_any_time(void **state)
{
    (void)state;
    for (unsigned is_13 = 0; is_13 < 2; is_13++) {
        struct sim s;
        struct weir_dtls_fingerprint list[WEIR_DTLS_FINGERPRINTS_MAX];
        struct weir_dtls_fingerprint right = sim_fingerprint(CLIENT, WEIR_SHA256),
                                     other = sim_fingerprint(SERVER, WEIR_SHA256),
                                     strong = sim_fingerprint(CLIENT, WEIR_SHA384);
        open_both(&s, is_13, 9690);
        struct weir_dtls *d = &s.end[SERVER].d;
        for (unsigned i = 0; i < 3; i++) { /* before, in, and after the handshake */
            assert_true(weir_dtls_expects(d, &right));
            assert_false(weir_dtls_expects(d, &other));
            assert_int_equal(weir_dtls_expects(d, &strong), i == 2); /* it was not told, but shown */
            assert_int_equal(weir_dtls_fingerprints(d, list), i == 2 ? 3 : 1);
            assert_int_equal(list[0].hash, i == 2 ? WEIR_SHA512 : WEIR_SHA256);
            assert_true(weir_dtls_expects(d, &list[0]));
            if (i == 2) { /* who is told what was shown expects it by whichever hash a description names */
                assert_int_equal(list[2].hash, WEIR_SHA256);
                assert_memory_equal(list[2].bytes, right.bytes, 32);
                assert_int_equal(list[1].hash, WEIR_SHA384);
                assert_memory_equal(list[1].bytes, strong.bytes, 48);
            }
            if (i == 0) {
                sim_start(&s);
                assert_true(sim_step(&s, WEIR_NEVER - 1));
            } else if (i == 1) {
                assert_true(sim_await(&s, WEIR_SEC));
                sim_run(&s, WEIR_SEC);
            }
        }
        assert_false(weir_dtls_is_client(d));
        assert_true(weir_dtls_is_client(&s.end[CLIENT].d));
        /* They may come again when nothing of the first ones is kept. */
        assert_int_equal(weir_dtls_set_fingerprints(d, s.now, &strong, 1), WEIR_OK);
        assert_int_equal(d->state, WEIR_DTLS_CONNECTED);
        assert_int_equal(weir_dtls_set_fingerprints(d, s.now, &other, 1), WEIR_OK);
        assert_int_equal(d->state, WEIR_DTLS_FAILED);
        sim_free(&s);
        open_both(&s, is_13, 9691);
        weir_dtls_close(&s.end[SERVER].d, s.now);
        assert_int_equal(weir_dtls_fingerprints(&s.end[SERVER].d, list), 0);
        assert_false(weir_dtls_expects(&s.end[SERVER].d, &right));
        sim_free(&s);
    }
}

static void secrets_of_a_plan_are_wiped_when_it_never_began(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        static struct weir_dtls d;
        struct weir_dtls_config c = sim_config(SERVER, 9700);
        memset(c.cookie_secret, 0xa5, sizeof c.cookie_secret);
        weir_dtls_init(&d, &c, 0);
        if (i == 0) {
            weir_dtls_close(&d, 0);
        } else {
            weir_dtls_deinit(&d);
        }
        for (size_t at = 0; at + 32 <= sizeof d; at++) {
            assert_memory_not_equal((const uint8_t *)&d + at, c.cookie_secret, 32);
        }
    }
}

/* -- Many --------------------------------------------------------------------------------------- */

/* Three servers and their clients at a time, which would like six, have four. */
static void a_thousand_handshakes_go_through_a_few_blocks(void **state)
{
    (void)state;
    enum { BLOCKS = 4, ROUNDS = 334 };
    static struct weir_dtls_handshake block[BLOCKS];
    struct weir_crypto null;
    weir_crypto_null(&null, weir_crypto_default()); /* it is not about keys */
    struct weir_arena arena;
    unsigned connected = 0;
    weir_arena_init(&arena, block, sizeof block[0], BLOCKS);
    for (unsigned i = 0; i < ROUNDS; i++) {
        static struct weir_dtls d[6];
        weir_time now = (1 + i) * 100 * WEIR_SEC;
        for (unsigned k = 0; k < 6; k++) {
            struct weir_dtls_config c = sim_config(k % 2, 10000 + 6 * i + k);
            c.version_max = i % 2 == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3;
            c.handshakes = &arena;
            c.crypto = &null;
            weir_dtls_init(&d[k], &c, now);
            if (k % 2 == CLIENT) {
                (void)!weir_dtls_start(&d[k], now);
            }
        }
        for (unsigned turn = 0; turn < 400; turn++) {
            bool is_moving = false;
            for (unsigned k = 0; k < 6; k++) {
                uint8_t out[1500];
                size_t n = weir_dtls_send(&d[k], now, (struct weir_mspan){ out, sizeof out });
                struct weir_mspan datagram = { out, n };
                struct weir_span plain;
                while (datagram.n != 0) {
                    (void)weir_dtls_recv(&d[k ^ 1], now, &datagram, &plain);
                    is_moving = true;
                }
            }
            for (unsigned k = 0; k < 6 && !is_moving; k++) {
                weir_dtls_tick(&d[k], now);
            }
            now += is_moving ? 0 : 10 * WEIR_MS;
        }
        for (unsigned k = 0; k < 6; k++) {
            connected += d[k].state == WEIR_DTLS_CONNECTED && k % 2 == CLIENT ? 1 : 0;
            weir_dtls_deinit(&d[k]);
        }
        assert_int_equal(arena.leased, 0);
    }
    assert_int_equal(connected, 3 * ROUNDS);
    assert_int_equal(arena.leased_most, BLOCKS);
    assert_true(arena.refusals != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_has_a_block_and_gives_it_back),
        cmocka_unit_test(an_end_of_any_kind_gives_the_block_back),
        cmocka_unit_test(the_last_flight_leaves_before_a_close_takes_its_block),
        cmocka_unit_test(a_hello_without_a_block_is_dropped_and_served_when_it_comes_again),
        cmocka_unit_test(a_client_without_a_block_begins_when_one_came_back),
        cmocka_unit_test(a_client_that_never_gets_a_block_gives_up),
        cmocka_unit_test(without_an_arena_nothing_begins_and_nothing_breaks),
        cmocka_unit_test(pieces_of_a_hello_hold_a_block_five_seconds),
        cmocka_unit_test(hellos_of_strangers_hold_no_block),
        cmocka_unit_test(nothing_without_protection_leases_or_keeps_a_block_afterwards),
        cmocka_unit_test(who_is_not_verified_keeps_no_block),
        cmocka_unit_test(the_end_of_a_handshake_is_repeated_with_a_block_and_without),
        cmocka_unit_test(a_finished_that_comes_too_often_draws_little),
        cmocka_unit_test(a_finished_that_comes_again_finds_no_block_and_comes_again),
        cmocka_unit_test(keys_are_renewed_after_the_block_went),
        cmocka_unit_test(without_a_block_new_keys_wait),
        cmocka_unit_test(what_waits_for_a_block_ends_with_the_connection),
        cmocka_unit_test(a_part_that_was_acknowledged_stays_for_its_message),
        cmocka_unit_test(numbers_do_not_come_round_in_another_block),
        cmocka_unit_test(a_session_is_resumed_and_given_with_blocks_that_come_and_go),
        cmocka_unit_test(a_session_that_nobody_takes_is_wiped),
        cmocka_unit_test(a_session_without_a_block_is_passed_over),
        cmocka_unit_test(what_is_expected_is_told_at_any_time),
        cmocka_unit_test(secrets_of_a_plan_are_wiped_when_it_never_began),
        cmocka_unit_test(a_thousand_handshakes_go_through_a_few_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
