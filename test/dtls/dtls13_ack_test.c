/* ACKs and new keys of DTLS 1.3: what is lost comes again and nothing else does; what was dropped is
 * never acknowledged; one KeyUpdate at a time, and its keys not before its ACK. */
#include "test/dtls/dtls13_sim.h"

/* Timers of a second, so that what comes sooner came by an ACK. */
static void init_slow(struct sim *s, uint16_t mtu)
{
    struct weir_dtls_config c = sim_config(CLIENT, 1), v = sim_config(SERVER, 2);
    c.mtu = v.mtu = mtu;
    c.rto = v.rto = WEIR_SEC;
    sim_init(s, &c, &v);
}

/* -- Numbers ----------------------------------------------------------------------------------- */

static void the_full_number_is_the_closest_one(void **state)
{
    (void)state;
    static const struct {
        uint64_t expected, low, full;
        unsigned bits;
    } row[] = {
        { 0, 0, 0, 16 },
        { 0, 0xffff, 0xffff, 16 }, /* there is none below */
        { 0x10000, 0xffff, 0xffff, 16 },
        { 0x10000, 1, 0x10001, 16 },
        { 0x17fff, 0xffff, 0x1ffff, 16 },
        { 0x18001, 0, 0x20000, 16 },
        { 0x1ffff, 0, 0x20000, 16 },
        { 0x1ffff, 0x8000, 0x18000, 16 },
        { 300, 0xff, 255, 8 },
        { 300, 0x2c, 300, 8 },
        { 511, 3, 515, 8 },
        { ((uint64_t)1 << 48) - 1, 0, (uint64_t)1 << 48, 16 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        assert_int_equal(weir_dtls13_full_number(row[i].expected, row[i].low, row[i].bits),
                         row[i].full);
    }
    for (uint64_t at = 100000; at < 400000; at += 77) {
        for (int64_t off = -32767; off < 32768; off += 3333) {
            uint64_t true_number = at + (uint64_t)off;
            assert_int_equal(weir_dtls13_full_number(at, true_number & 0xffff, 16), true_number);
        }
    }
}

/* -- The handshake ----------------------------------------------------------------------------- */

static void only_what_was_lost_is_sent_again(void **state)
{
    (void)state;
    /* With 300 bytes: 0 is the hello, 1 to 3 the server's flight, 4 and 5 the client's, 6 the last ACK. */
    unsigned fast = 0;
    for (unsigned lost = 1; lost < 6; lost++) {
        struct sim s;
        init_slow(&s, 300);
        s.drop = (uint64_t)1 << lost;
        assert_true(sim_connect(&s, 5 * WEIR_SEC));
        fast += s.block[0].flight.resends + s.block[1].flight.resends == 0 ? 1 : 0;
        sim_run(&s, 3 * WEIR_SEC);
        struct sim honest;
        init_slow(&honest, 300);
        assert_true(sim_connect(&honest, 5 * WEIR_SEC));
        sim_run(&honest, 3 * WEIR_SEC);
        /* One datagram again and an ACK for it; without the ServerHello the others could not be read. */
        unsigned more = s.end[0].sent + s.end[1].sent - honest.end[0].sent - honest.end[1].sent;
        if (more > (lost == 1 ? 6 : 2)) {
            fail_msg("datagram %u lost: %u more", lost, more);
        }
        sim_free(&honest);
        sim_free(&s);
    }
    assert_int_equal(fast, 5); /* no timer had to help */
}

static void a_lost_server_hello_is_told_by_an_empty_ack(void **state)
{
    (void)state;
    struct sim s;
    init_slow(&s, 200);
    sim_start(&s);
    s.drop = (uint64_t)1 << s.end[CLIENT].sent; /* the ServerHello, alone in its datagram */
    weir_time begun = s.now;
    while (!sim_is_up(&s)) {
        assert_true(sim_step(&s, begun + 3 * WEIR_SEC));
    }
    assert_true(s.end[CLIENT].d.verdicts[WEIR_DTLS_RECORD_EARLY] != 0);
    assert_true(s.end[SERVER].d.verdicts[WEIR_DTLS_ACK_PLAIN] != 0);
    assert_true(s.now - begun < WEIR_SEC); /* sooner than any timer */
    sim_check_up(&s);
    sim_free(&s);
}

static void a_gap_is_told_at_once(void **state)
{
    (void)state;
    struct sim s;
    init_slow(&s, 300);
    s.drop = 1 << 2; /* the second of the server's flight */
    sim_start(&s);
    weir_time begun = s.now;
    while (!sim_is_up(&s)) {
        assert_true(sim_step(&s, begun + 3 * WEIR_SEC));
    }
    assert_true(s.now - begun < 100 * WEIR_MS); /* round trips alone */
    sim_check_up(&s);
    sim_free(&s);
}

/* [RFC 9147 7.2] What an ACK tells that is new draws the rest at once; the same again draws nothing, however
 * often it comes: nobody multiplies what we send by it. */
static void an_ack_that_tells_nothing_new_draws_nothing(void **state)
{
    (void)state;
    struct sim s;
    init_slow(&s, 300);
    s.drop = ~(uint64_t)1; /* all but the hello */
    sim_start(&s);
    struct weir_dtls *server = &s.end[SERVER].d;
    while (server->step != STEP_SERVER13_WAIT_CERTIFICATE) {
        assert_true(sim_step(&s, s.now + WEIR_SEC));
    }
    unsigned sent = s.end[SERVER].sent;
    assert_true(sent > 2);
    uint64_t last = hs_of(server)->flight.sent[hs_of(server)->flight.sent_count - 1].seq;
    assert_true(last != 0);
    for (unsigned i = 0; i < 10; i++) {
        uint8_t body[18] = { 0, 16 }, record[200];
        weir_put64(body + 2, EPOCH_HANDSHAKE);
        weir_put64(body + 10, last);
        size_t n = peers_record(server, CONTENT_ACK, weir_span_of(body, sizeof body), record);
        assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_OK);
        assert_in_range(s.end[SERVER].sent, sent + 1, 2 * sent); /* what was not named, once */
        assert_int_equal(server->resends, 1);
    }
    /* A peer that goes on to say so lacks something: each quarter of the time that the timer has. */
    for (unsigned i = 0; i < 4; i++) {
        uint8_t record[200];
        sent = s.end[SERVER].sent;
        for (unsigned k = 0; k < 2; k++) {
            s.now += WEIR_SEC / 4 - (k == 0 ? 1 : 0);
            size_t n = peers_record(server, CONTENT_ACK, WEIR_LIT("\0\0"), record);
            assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_OK);
            assert_int_equal(s.end[SERVER].sent > sent, k == 1);
            s.now -= k == 0 ? WEIR_SEC / 4 - 1 : 0;
        }
    }
    sim_free(&s);
}

static void attack_D24_what_is_dropped_is_not_acknowledged(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 3);
    sim_start(&s);
    assert_true(sim_step(&s, WEIR_NEVER - 1)); /* the hello arrives; the answer is on its way */
    struct weir_dtls *server = &s.end[SERVER].d, *client = &s.end[CLIENT].d;
    static struct sim_datagram flight;
    flight = *sim_next(&s);
    s.count = 0;
    s.drop = UINT64_MAX;
    s.loss_permille = 1000;
    /* The client hears the ServerHello, then messages far ahead of their turn, and too long ones. */
    struct weir_mspan rest = { flight.bytes, flight.n };
    struct dtls_record r;
    assert_int_equal(sim_take(&rest, &r), WEIR_DTLS_OK);
    assert_int_equal(sim_hear(&s, CLIENT, flight.bytes, r.head + r.body.n), WEIR_DTLS_OK);
    assert_int_equal(hs_of(client)->ack.count, 1);
    static const struct {
        uint16_t seq;
        uint32_t length;
        enum weir_dtls_verdict want;
    } row[] = {
        { 1 + WEIR_DTLS_WINDOW, 10, WEIR_DTLS_MESSAGE_AHEAD },
        { 3, WEIR_DTLS_REASSEMBLY_BYTES + 1, WEIR_DTLS_MESSAGE_SIZE },
        { 3, 3000, WEIR_DTLS_OK }, /* kept, but too long to promise that it stays */
        { 2, 7000, WEIR_DTLS_MESSAGE_NO_ROOM },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t message[64], record[128];
        size_t n = message_bytes(message, MESSAGE_CERTIFICATE, row[i].seq, WEIR_LIT("part"));
        weir_put24(message + 1, row[i].length);
        n = sealed_record(server, CONTENT_HANDSHAKE, weir_span_of(message, n), record);
        assert_int_equal(sim_hear(&s, CLIENT, record, n), row[i].want);
        assert_int_equal(hs_of(client)->ack.count, 1);
        assert_false(hs_of(client)->ack.state == ACK_DUE);
    }
    sim_free(&s);
}

static void attack_D24_what_was_acknowledged_is_not_pushed_out(void **state)
{
    (void)state;
    static struct weir_dtls_reassembly r;
    struct dtls_fragment f = { MESSAGE_CERTIFICATE, 2, 2000, 0, WEIR_LIT("x") };
    weir_dtls_reassembly_reset(&r, 1);
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_OK);
    assert_true(weir_dtls_reassembly_tell(&r));
    f.seq = 3;
    f.length = 4000;
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_OK);
    assert_false(weir_dtls_reassembly_tell(&r));
    /* The one in turn pushes out what nobody was told of, and nothing else. */
    f.seq = 1;
    f.length = 6000;
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_OK);
    assert_true(r.slot[1].is_used);
    assert_false(r.slot[2].is_used);
}

static void the_list_of_records_stays_sorted_and_bounded(void **state)
{
    (void)state;
    static struct sim_whole w;
    struct weir_dtls_config config = sim_config(CLIENT, 16);
    assert_true(weir_dtls_lease(sim_alone(&w, &config, 0), 0));
    struct weir_rand rand;
    weir_rand_init_number(&rand, 5);
    for (unsigned i = 0; i < 5000; i++) {
        struct dtls_record r = { .epoch = weir_rand_below(&rand, 3), .seq = weir_rand_below(&rand, 60) };
        weir_dtls_ack_piece(&w.d, 0, &r);
        assert_in_range(hs_of(&w.d)->ack.count, 1, WEIR_DTLS_ACK_RECORDS);
        for (unsigned k = 1; k < hs_of(&w.d)->ack.count; k++) {
            const struct weir_dtls_number *a = &w.block.ack.record[k - 1], *b = &w.block.ack.record[k];
            assert_true(a->epoch < b->epoch || (a->epoch == b->epoch && a->seq < b->seq));
        }
    }
    assert_int_equal(hs_of(&w.d)->ack.count, WEIR_DTLS_ACK_RECORDS);
}

static void acks_without_protection_make_us_send_no_more_than_the_timer(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        init_slow(&s, 0);
        sim_start(&s);
        if (who == SERVER) {
            assert_true(sim_step(&s, WEIR_NEVER - 1));
        }
        s.count = 0;
        s.loss_permille = 1000;
        unsigned sent = s.end[who].sent;
        for (unsigned i = 0; i < 1000; i++) {
            /* Empty, and with numbers that would be right. */
            static const uint8_t list[] = { 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
            uint8_t record[64];
            size_t n = i % 2 == 0 ? plain_record(record, CONTENT_ACK, i, WEIR_LIT("\0\0"))
                                  : plain_record(record, CONTENT_ACK, i, weir_span_of(list, 18));
            s.now += WEIR_MS;
            assert_int_equal(sim_hear(&s, who, record, n), WEIR_DTLS_ACK_PLAIN);
        }
        assert_true(s.end[who].sent - sent <= 4);
        assert_int_equal(hs_of(&s.end[who].d)->flight.acked, 0);
        sim_free(&s);
    }
}

/* -- The last flight --------------------------------------------------------------------------- */

static void a_server_acknowledges_the_last_flight_for_as_long_as_it_comes(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 5);
    /* All of the server's ACKs are lost, five times over: datagrams 3, 5, 7 ... */
    s.drop = 0xaa8;
    assert_true(sim_connect(&s, 20 * WEIR_SEC));
    sim_run(&s, 20 * WEIR_SEC);
    assert_true(s.end[SERVER].sent >= 6);
    assert_int_equal(s.end[SERVER].d.resends, 0);
    assert_int_equal(sim_flight_used(&s.end[CLIENT].d), 0);
    sim_check_up(&s);
    sim_free(&s);
}

/* -- New keys ---------------------------------------------------------------------------------- */

static void check_epochs(const struct sim *s, uint64_t client_tx, uint64_t server_tx)
{
    assert_int_equal(s->end[CLIENT].d.tx_epoch, client_tx);
    assert_int_equal(s->end[SERVER].d.rx_epoch, client_tx);
    assert_int_equal(s->end[SERVER].d.tx_epoch, server_tx);
    assert_int_equal(s->end[CLIENT].d.rx_epoch, server_tx);
}

static void either_end_may_renew_its_keys_or_all(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 6);
    assert_int_equal(weir_dtls_update_keys(&s.end[CLIENT].d, false), WEIR_ERR_STATE);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    check_epochs(&s, 3, 3);
    for (unsigned i = 0; i < 300; i++) {
        struct weir_dtls *d = &s.end[i % 2].d;
        uint64_t tx[2] = { s.end[0].d.tx_epoch, s.end[1].d.tx_epoch };
        bool asks = i % 3 == 0;
        assert_int_equal(weir_dtls_update_keys(d, asks), WEIR_OK);
        sim_drain(&s, i % 2);
        sim_run(&s, WEIR_SEC);
        tx[i % 2]++;
        tx[1 - i % 2] += asks ? 1 : 0;
        check_epochs(&s, tx[0], tx[1]);
        sim_check_up(&s);
        assert_int_equal(weir_dtls_deadline(d), WEIR_NEVER);
    }
    sim_free(&s);
}

static void both_ends_may_renew_at_once_and_every_datagram_may_be_lost(void **state)
{
    (void)state;
    for (uint64_t drop = 0; drop < 256; drop++) {
        struct sim s;
        sim_init_default(&s, 7);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        s.numbered = 0;
        s.drop = drop;
        assert_int_equal(weir_dtls_update_keys(&s.end[CLIENT].d, (drop & 1) != 0), WEIR_OK);
        assert_int_equal(weir_dtls_update_keys(&s.end[SERVER].d, (drop & 4) != 0), WEIR_OK);
        sim_drain(&s, CLIENT);
        sim_drain(&s, SERVER);
        sim_run(&s, 20 * WEIR_SEC);
        uint64_t server = 4 + ((drop & 1) != 0 ? 1u : 0u), client = 4 + ((drop & 4) != 0 ? 1u : 0u);
        check_epochs(&s, client, server);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void attack_D26_new_keys_wait_for_the_ack_and_only_one_update_is_on_its_way(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 8);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls *d = &s.end[CLIENT].d;
    s.loss_permille = 1000;
    uint16_t seq = d->message_seq;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(weir_dtls_update_keys(d, true), WEIR_OK);
        sim_drain(&s, CLIENT);
        sim_run(&s, 10 * WEIR_MS);
        assert_int_equal(d->tx_epoch, 3);
        assert_int_equal(d->message_seq, seq + 1);
    }
    /* What goes out meanwhile goes under the old keys. */
    s.loss_permille = 0;
    s.count = 0;
    assert_true(sim_write(&s, CLIENT, "old keys") != 0);
    assert_int_equal(sim_next(&s)->bytes[0] & 3, 3);
    sim_run(&s, 3 * WEIR_SEC);
    assert_int_equal(s.end[SERVER].got_count, 1);
    /* All hundred wishes made two updates: the one on its way and one for those that came after it. */
    assert_int_equal(d->tx_epoch, 5);
    assert_int_equal(s.end[SERVER].d.rx_epoch, 5);
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D26_a_flood_of_updates_moves_one_epoch(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 9);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls peer = s.end[CLIENT].d;
    uint64_t sent_bytes = s.end[SERVER].sent_bytes, heard = s.end[SERVER].heard_bytes;
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t message[32], record[64];
        size_t n = message_bytes(message, MESSAGE_KEY_UPDATE, (uint16_t)(peer.message_seq + i),
                                 WEIR_LIT("\1"));
        n = sealed_record(&peer, CONTENT_HANDSHAKE, weir_span_of(message, n), record);
        enum weir_dtls_verdict v = sim_hear(&s, SERVER, record, n);
        assert_int_equal(v, i == 0 ? WEIR_DTLS_OK : i == 1 ? WEIR_DTLS_MESSAGE_LATE : WEIR_DTLS_OVER);
    }
    assert_int_equal(s.end[SERVER].last.alert, ALERT_UNEXPECTED_MESSAGE);
    assert_int_equal(s.end[SERVER].d.rx_epoch, 4);
    assert_int_equal(s.end[SERVER].d.tx_epoch, 3);
    assert_true(s.end[SERVER].sent_bytes - sent_bytes < s.end[SERVER].heard_bytes - heard);
    sim_free(&s);
}

static void an_update_that_nobody_acknowledges_ends_the_connection(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 10);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    s.loss_permille = 1000;
    assert_int_equal(weir_dtls_update_keys(&s.end[SERVER].d, false), WEIR_OK);
    sim_drain(&s, SERVER);
    sim_run(&s, 40 * WEIR_SEC);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_FAILED);
    assert_int_equal(s.end[SERVER].last.reason, WEIR_DTLS_REASON_TIMEOUT);
    assert_int_equal(weir_dtls_deadline(&s.end[SERVER].d), WEIR_NEVER);
    sim_free(&s);
}

static void attack_D25_keys_are_renewed_before_they_are_used_up(void **state)
{
    (void)state;
    for (unsigned chacha = 0; chacha < 2; chacha++) {
        struct sim s;
        sim_init_default(&s, 11);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        struct weir_dtls *d = &s.end[CLIENT].d;
        d->suite = s.end[SERVER].d.suite = chacha != 0 ? 0x1303 : 0x1301; /* for its limits alone */
        uint64_t max = weir_dtls13_suite(d->suite)->records_max;
        assert_int_equal(max, chacha != 0 ? SEQUENCE_END : 23726566);
        d->suite = s.end[SERVER].d.suite = 0x1301;
        max = 23726566;
        d->tx.seq = s.end[SERVER].d.rx.window.top = max / 2 - 2;
        s.end[SERVER].d.rx.window.seen = 1;
        assert_true(sim_write(&s, CLIENT, "one") != 0);
        assert_false(d->update.state == UPDATE_OWED);
        assert_true(sim_write(&s, CLIENT, "two") != 0);
        assert_true(d->update.state == UPDATE_OWED);
        /* Nobody takes the update for a while: at the limit nothing is sealed any more. */
        d->tx.seq = max - 16;
        assert_int_equal(sim_write(&s, CLIENT, "too much"), 0);
        s.end[SERVER].d.rx.window.top = max - 17;
        sim_drain(&s, CLIENT);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(d->tx_epoch, 4);
        assert_true(d->tx.seq < 4);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void attack_D27_the_peer_is_asked_for_new_keys_before_forgeries_reach_the_limit(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[64] = { 0x2f, 0, 0, 0, 40 };
    sim_init_default(&s, 12);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    s.end[SERVER].d.rx.forgeries = FORGERIES_MAX / 2 - 1;
    assert_int_equal(sim_hear(&s, SERVER, record, 45), WEIR_DTLS_RECORD_FORGED);
    sim_run(&s, WEIR_SEC);
    check_epochs(&s, 4, 4);
    assert_int_equal(s.end[SERVER].d.rx.forgeries, 0);
    s.end[SERVER].d.rx.forgeries = FORGERIES_MAX - 1;
    record[0] = 0x2c;
    assert_int_equal(sim_hear(&s, SERVER, record, 45), WEIR_DTLS_RECORD_FORGED);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_FAILED);
    assert_int_equal(s.end[SERVER].last.reason, WEIR_DTLS_REASON_FORGERIES);
    sim_free(&s);
}

/* -- Tickets ----------------------------------------------------------------------------------- */

static void tickets_are_read_over_and_acknowledged(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 13);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls *server = &s.end[SERVER].d;
    for (unsigned i = 0; i < 20; i++) {
        uint8_t body[600] = { 0 }, message[700], record[800];
        weir_put16(body + 8 + 1, 500);
        body[8] = 0;
        size_t n = message_bytes(message, MESSAGE_NEW_SESSION_TICKET, server->message_seq++,
                                 weir_span_of(body, 8 + 1 + 2 + 500 + 2));
        unsigned sent = s.end[CLIENT].sent;
        for (unsigned twice = 0; twice < 2; twice++) {
            size_t m = sealed_record(server, CONTENT_HANDSHAKE, weir_span_of(message, n), record);
            assert_int_equal(sim_hear(&s, CLIENT, record, m),
                             twice == 0 ? WEIR_DTLS_OK : WEIR_DTLS_MESSAGE_OLD);
            assert_int_equal(s.end[CLIENT].sent, sent + 1 + twice); /* each copy gets its ACK */
        }
    }
    sim_run(&s, WEIR_SEC);
    sim_check_up(&s);
    sim_free(&s);
}

/* [RFC 8446 5.1 MUST] Data that is late is taken under the keys before a KeyUpdate; a new message never. */
static void a_message_under_the_old_keys_ends_the_connection(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 14);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls *server = &s.end[SERVER].d;
    assert_int_equal(weir_dtls_update_keys(server, false), WEIR_OK);
    sim_drain(&s, SERVER);
    sim_run(&s, 15 * WEIR_MS); /* the client has it; its ACK is on its way */
    assert_int_equal(s.end[CLIENT].d.rx_epoch, 4);
    assert_int_equal(server->tx_epoch, 3);
    uint8_t body[14] = { 0 }, message[64], record[128];
    body[10] = 1;
    size_t n =
        message_bytes(message, MESSAGE_NEW_SESSION_TICKET, server->message_seq++, weir_span_of(body, 14));
    n = sealed_record(server, CONTENT_HANDSHAKE, weir_span_of(message, n), record);
    uint8_t late[64];
    size_t late_n = sealed_record(server, CONTENT_APPLICATION_DATA, WEIR_LIT("late"), late);
    assert_int_equal(sim_hear(&s, CLIENT, late, late_n), WEIR_DTLS_OK);
    assert_int_equal(s.end[CLIENT].got_count, 1);
    assert_int_equal(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_MESSAGE_LATE);
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_FAILED);
    assert_int_equal(s.end[CLIENT].last.alert, ALERT_UNEXPECTED_MESSAGE);
    sim_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_full_number_is_the_closest_one),
        cmocka_unit_test(only_what_was_lost_is_sent_again),
        cmocka_unit_test(a_lost_server_hello_is_told_by_an_empty_ack),
        cmocka_unit_test(a_gap_is_told_at_once),
        cmocka_unit_test(an_ack_that_tells_nothing_new_draws_nothing),
        cmocka_unit_test(attack_D24_what_is_dropped_is_not_acknowledged),
        cmocka_unit_test(attack_D24_what_was_acknowledged_is_not_pushed_out),
        cmocka_unit_test(the_list_of_records_stays_sorted_and_bounded),
        cmocka_unit_test(acks_without_protection_make_us_send_no_more_than_the_timer),
        cmocka_unit_test(a_server_acknowledges_the_last_flight_for_as_long_as_it_comes),
        cmocka_unit_test(either_end_may_renew_its_keys_or_all),
        cmocka_unit_test(both_ends_may_renew_at_once_and_every_datagram_may_be_lost),
        cmocka_unit_test(attack_D26_new_keys_wait_for_the_ack_and_only_one_update_is_on_its_way),
        cmocka_unit_test(attack_D26_a_flood_of_updates_moves_one_epoch),
        cmocka_unit_test(an_update_that_nobody_acknowledges_ends_the_connection),
        cmocka_unit_test(attack_D25_keys_are_renewed_before_they_are_used_up),
        cmocka_unit_test(attack_D27_the_peer_is_asked_for_new_keys_before_forgeries_reach_the_limit),
        cmocka_unit_test(a_message_under_the_old_keys_ends_the_connection),
        cmocka_unit_test(tickets_are_read_over_and_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
