/* Strangers and strict peers: what one packet of anybody's may do to a set-up, how long keys stay, what
 * comes after its place, and what is left in memory when it is over. Both versions. */
#include "test/dtls/dtls13_sim.h"

static void open_both(struct sim *s, uint8_t version, uint64_t seed)
{
    struct weir_dtls_config c = sim_config(CLIENT, seed), v = sim_config(SERVER, seed + 1);
    c.version_max = v.version_max = version;
    c.version_min = v.version_min = version;
    sim_init(s, &c, &v);
}

/* -- One packet of anybody's -------------------------------------------------------------------- */

static void attack_D38_one_packet_before_the_server_hello_ends_nothing(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint32_t length; /* that it names; 0: the true one */
        const char *body;
    } row[] = {
        { MESSAGE_SERVER_HELLO, 200, "\3" },       { MESSAGE_SERVER_HELLO, 90, "\xfe\xfe" },
        { MESSAGE_HELLO_REQUEST, 0, "" },          { MESSAGE_CERTIFICATE, 0, "x" },
        { MESSAGE_SERVER_HELLO_DONE, 0, "" },            { MESSAGE_FINISHED, 0, "123456789012" },
        { MESSAGE_HELLO_VERIFY_REQUEST, 40, "\xfe\xff" }, { MESSAGE_ENCRYPTED_EXTENSIONS, 0, "12" },
        { 99, 77, "z" },
    };
    for (unsigned i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        struct sim s;
        uint8_t record[128];
        const char *body = row[i / 2].body;
        open_both(&s, i % 2 == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3, 8000 + i);
        sim_start(&s);
        size_t n = plain_message(record, row[i / 2].type, 0, weir_span_of(body, strlen(body)));
        if (row[i / 2].length != 0) {
            weir_put24(record + 14, row[i / 2].length);
        }
        (void)sim_hear(&s, CLIENT, record, n);
        assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_HANDSHAKE);
        assert_true(sim_await(&s, WEIR_SEC));
        assert_int_equal(s.now, 1000 * WEIR_SEC + 10 * WEIR_MS * (i % 2 == 0 ? 4 : 3)); /* nor delays it */
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* A byte of the Finished without protection is no part of the one under it, whoever's it is. */
static void attack_D38_bytes_without_protection_are_in_no_finished(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct sim s;
        uint8_t record[128];
        unsigned who = i % 2;
        open_both(&s, WEIR_DTLS_1_2, 8100 + i);
        sim_start(&s);
        while (
            s.end[who].d.step
            != (who == CLIENT ? STEP_CLIENT12_WAIT_CHANGE_CIPHER_SPEC : STEP_SERVER12_WAIT_CERTIFICATE)) {
            assert_true(sim_step(&s, WEIR_NEVER - 1));
        }
        /* As it is and, since another message may lie in its place, under another name. */
        uint8_t type = i < 2 ? MESSAGE_FINISHED : MESSAGE_CERTIFICATE;
        uint16_t seq = who == CLIENT ? s.end[SERVER].d.message_seq : 4;
        size_t n = plain_message(record, type, seq, WEIR_LIT("x"));
        weir_put24(record + 14, 12);
        weir_put24(record + 19, 1);
        enum weir_dtls_verdict v = sim_hear(&s, who, record, n);
        assert_int_equal(v, i < 2 ? WEIR_DTLS_FRAGMENT_EPOCH : WEIR_DTLS_OK);
        assert_true(sim_await(&s, WEIR_SEC));
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* Plain ACKs and old fragments: the flight once, then no more than came, and the timer goes its way. */
static void attack_D38_hints_without_protection_draw_little(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sim s;
        open_both(&s, WEIR_DTLS_1_3, 8200);
        sim_start(&s);
        assert_true(sim_step(&s, WEIR_NEVER - 1));
        s.count = 0;
        struct weir_dtls *server = &s.end[SERVER].d;
        s.loss_permille = 1000;
        size_t in = 0, flight = s.end[SERVER].sent_bytes;
        weir_time end = s.now + WEIR_SEC;
        for (; s.now < end; s.now += 13 * WEIR_MS) {
            uint8_t record[64];
            size_t n = i == 0 ? plain_record(record, CONTENT_ACK, 100, WEIR_LIT("\0"))
                              : plain_message(record, MESSAGE_CLIENT_HELLO, 0, WEIR_LIT("x"));
            if (i == 0) {
                n = plain_record(record, CONTENT_ACK, 100, weir_span_of((const uint8_t[2]){ 0 }, 2));
            }
            in += n;
            weir_dtls_tick(server, s.now);
            assert_int_equal(sim_hear(&s, SERVER, record, n),
                             i == 0 ? WEIR_DTLS_ACK_PLAIN : WEIR_DTLS_MESSAGE_OLD);
        }
        size_t out = s.end[SERVER].sent_bytes - flight;
        assert_int_equal(hs_of(server)->flight.resends, 4); /* after 50, 150, 350, 750 ms, as without them */
        assert_int_equal(hs_of(server)->flight.rto, 16 * 50 * WEIR_MS);
        assert_true(out <= 4 * flight + 2 * flight + in);
        sim_free(&s);
    }
}

/* -- Old keys ----------------------------------------------------------------------------------- */

static bool has_bytes(const void *in, size_t in_bytes, const void *what, size_t bytes)
{
    const uint8_t *p = in;
    for (size_t i = 0; i + bytes <= in_bytes; i++) {
        if (memcmp(p + i, what, bytes) == 0) {
            return true;
        }
    }
    return false;
}

static void keys_of_the_epoch_before_end_after_two_minutes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct sim s;
        uint8_t record[64];
        open_both(&s, WEIR_DTLS_1_3, 8300);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        struct weir_dtls *server = &s.end[SERVER].d;
        size_t n = sealed_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA, WEIR_LIT("late"), record);
        uint8_t old[32];
        memcpy(old, server->rx_secret, sizeof old);
        assert_int_equal(weir_dtls_update_keys(&s.end[CLIENT].d, false), WEIR_OK);
        sim_drain(&s, CLIENT);
        weir_time updated = s.now + 10 * WEIR_MS;
        sim_run(&s, WEIR_SEC);
        assert_int_equal(server->rx_epoch, 4);
        s.now = updated + OLD_KEYS_LIFE - (i % 2 == 0 ? 1 : 0);
        if (i >= 2) {
            weir_dtls_tick(server, s.now);
            assert_int_equal(has_bytes(&server->old, sizeof server->old, old, sizeof old), i == 2);
        }
        assert_int_equal(sim_hear(&s, SERVER, record, n),
                         i % 2 == 0 ? WEIR_DTLS_OK : WEIR_DTLS_RECORD_EPOCH);
        assert_int_equal(s.end[SERVER].got_count, i % 2 == 0 ? 1 : 0);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void keys_of_the_handshake_stay_until_it_is_acknowledged_and_that_long(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 8310), v = sim_config(SERVER, 8311);
    c.give_up = v.give_up = 400 * WEIR_SEC;
    sim_init(&s, &c, &v);
    sim_start(&s);
    while (s.end[CLIENT].d.step != STEP_DONE) {
        assert_true(sim_step(&s, WEIR_NEVER - 1));
    }
    s.count = 0; /* its flight is lost, for long */
    struct weir_dtls *client = &s.end[CLIENT].d;
    s.now += 2 * OLD_KEYS_LIFE;
    weir_dtls_tick(client, s.now);
    assert_true(client->old.is_ready);
    sim_drain(&s, CLIENT);
    assert_true(sim_await(&s, WEIR_SEC));
    sim_run(&s, 10 * WEIR_SEC);
    for (unsigned who = 0; who < 2; who++) {
        assert_true(s.end[who].d.old.is_ready);
        weir_dtls_tick(&s.end[who].d, s.now + OLD_KEYS_LIFE);
        assert_false(s.end[who].d.old.is_ready);
    }
    sim_free(&s);
}

/* [RFC 9147 4.5.3] Wrong tags count against the key that they were tried with. */
static void forgeries_are_counted_for_each_key(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[64];
    open_both(&s, WEIR_DTLS_1_3, 8320);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls *server = &s.end[SERVER].d, peer = s.end[CLIENT].d;
    assert_int_equal(weir_dtls_update_keys(&s.end[CLIENT].d, false), WEIR_OK);
    sim_drain(&s, CLIENT);
    sim_run(&s, WEIR_SEC);
    for (unsigned i = 0; i < 2; i++) {
        server->old.forgeries = i == 0 ? 5 : FORGERIES_MAX - 1;
        size_t n = sealed_record(&peer, CONTENT_APPLICATION_DATA, WEIR_LIT("late"), record);
        record[n - 1] ^= 1;
        assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_RECORD_FORGED);
        assert_int_equal(server->rx.forgeries, 0);
        assert_int_equal(server->old.forgeries, i == 0 ? 6 : 0);
        assert_int_equal(server->old.is_ready, i == 0); /* the key ends, not the connection */
        assert_int_equal(server->state, WEIR_DTLS_CONNECTED);
    }
    size_t n = sealed_record(&s.end[CLIENT].d, CONTENT_APPLICATION_DATA, WEIR_LIT("new"), record);
    record[n - 1] ^= 1;
    server->rx.forgeries = FORGERIES_MAX - 1;
    assert_int_equal(sim_hear(&s, SERVER, record, n), WEIR_DTLS_RECORD_FORGED);
    assert_int_equal(s.end[SERVER].last.reason, WEIR_DTLS_REASON_FORGERIES);
    sim_free(&s);
}

/* -- After its place ---------------------------------------------------------------------------- */

static void a_second_finished_is_the_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct sim s;
        uint8_t message[64], record[128];
        unsigned who = i / 2;
        open_both(&s, i % 2 == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3, 8400 + i);
        assert_true(sim_connect(&s, WEIR_SEC));
        struct weir_dtls *d = &s.end[who].d, from = s.end[1 - who].d;
        if (i % 2 != 0) { /* under the keys of the handshake, as the first one was */
            from.tx = hs_of(d)->old_rx;
            from.tx_epoch = EPOCH_HANDSHAKE;
            from.tx.seq = 200;
        }
        size_t n = message_bytes(message, MESSAGE_FINISHED, weir_dtls_peer_seq(d), WEIR_LIT("123456789012"));
        n = sealed_record(&from, CONTENT_HANDSHAKE, weir_span_of(message, n), record);
        assert_int_equal(sim_hear(&s, who, record, n), WEIR_DTLS_MESSAGE_LATE);
        assert_int_equal(d->state, WEIR_DTLS_FAILED);
        assert_int_equal(s.end[who].last.alert, ALERT_UNEXPECTED_MESSAGE);
        sim_free(&s);
    }
}

/* [RFC 9147 5.2] The message behind the last number would be taken for the first one. */
static void the_numbers_of_messages_do_not_come_round(void **state)
{
    (void)state;
    static struct weir_dtls_reassembly r;
    uint8_t type;
    struct weir_span body;
    struct dtls_fragment f = { MESSAGE_NEW_SESSION_TICKET, UINT16_MAX, 1, 0, WEIR_LIT("x") };
    weir_dtls_reassembly_reset(&r, UINT16_MAX);
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_OK);
    assert_true(weir_dtls_reassembly_ready(&r, &type, &body));
    weir_dtls_reassembly_pop(&r);
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_MESSAGE_OLD);
    f.seq = UINT16_MAX - 1;
    assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_MESSAGE_OLD);
    for (f.seq = 0; f.seq < 20; f.seq++) {
        assert_int_equal(weir_dtls_reassembly_add(&r, &f, false), WEIR_DTLS_MESSAGE_AHEAD);
        assert_false(weir_dtls_reassembly_ready(&r, &type, &body));
    }
}

/* A 1.3 ServerHello that follows a HelloVerifyRequest: versions that contradict each other. */
static void after_a_verify_request_there_is_no_1_3(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 8500), v = sim_config(SERVER, 8501);
    uint8_t record[1500], hello[1500];
    v.version_min = WEIR_DTLS_1_3;
    sim_init(&s, &c, &v);
    sim_start(&s);
    assert_true(sim_step(&s, WEIR_NEVER - 1));
    struct sim_datagram g = *sim_next(&s); /* the answer to the hello, as the second message */
    struct weir_mspan rest = { g.bytes, g.n };
    struct dtls_record r;
    assert_int_equal(sim_take(&rest, &r), WEIR_DTLS_OK);
    memcpy(hello, r.body.p - 13, r.whole);
    weir_put16(hello + 17, 1);
    size_t n = plain_message(record, MESSAGE_HELLO_VERIFY_REQUEST, 0, WEIR_LIT("\xfe\xff\1a"));
    assert_int_equal(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_OK);
    assert_int_equal(sim_hear(&s, CLIENT, hello, r.whole), WEIR_DTLS_HELLO_VERSION);
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_FAILED);
    sim_free(&s);
}

/* -- What both sides say ------------------------------------------------------------------------ */

static void a_server_speaks_under_its_new_keys_once_its_finished_is_out(void **state)
{
    (void)state;
    struct sim s;
    uint8_t out[200], body[4] = { 0 };
    open_both(&s, WEIR_DTLS_1_3, 8600);
    sim_start(&s);
    assert_true(sim_step(&s, WEIR_NEVER - 1));
    struct weir_dtls *server = &s.end[SERVER].d;
    assert_int_equal(server->step, STEP_SERVER13_WAIT_CERTIFICATE);
    size_t n = peers_message(server, MESSAGE_FINISHED, weir_dtls_peer_seq(server), weir_span_of(body, 4), out);
    struct weir_mspan datagram = { out, n };
    struct weir_span plain;
    assert_int_equal(weir_dtls_recv(server, s.now, &datagram, &plain), WEIR_DTLS_UNEXPECTED);
    n = weir_dtls_send(server, s.now, (struct weir_mspan){ out, sizeof out });
    assert_true(n != 0);
    assert_int_equal(out[0] & 3, EPOCH_APPLICATION);
    sim_run(&s, WEIR_SEC); /* the client has the flight, and reads the alert */
    assert_int_equal(sim_hear(&s, CLIENT, out, n), WEIR_DTLS_OK);
    assert_int_equal(s.end[CLIENT].last.reason, WEIR_DTLS_REASON_ALERT);
    assert_int_equal(s.end[CLIENT].last.alert, ALERT_UNEXPECTED_MESSAGE);
    sim_free(&s);
}

/* Nothing in common: an alert says so, once, where ICE has proven the path; the client, which does not obey
 * it, has it in its reason. */
static void a_refused_hello_is_told_once_and_explains_the_timeout(void **state)
{
    (void)state;
    for (unsigned is_valid = 0; is_valid < 2; is_valid++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 8700), v = sim_config(SERVER, 8701);
        c.suites = v.suites = 1;
        c.suite[0] = 0x1301;
        v.suite[0] = 0x1303;
        v.is_path_valid = is_valid != 0;
        sim_init(&s, &c, &v);
        sim_start(&s);
        sim_run(&s, 60 * WEIR_SEC);
        assert_true(s.end[SERVER].d.verdicts[WEIR_DTLS_HELLO_SUITE] > 5);
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
        assert_int_equal(s.end[SERVER].sent, is_valid);
        assert_int_equal(s.end[CLIENT].last.reason, WEIR_DTLS_REASON_TIMEOUT);
        assert_int_equal(s.end[CLIENT].last.has_plain_alert, is_valid);
        assert_true(!is_valid || s.end[CLIENT].last.alert == ALERT_HANDSHAKE_FAILURE);
        sim_free(&s);
    }
}

/* [RFC 9147 7.1] One datagram of a hello in pieces was lost: the other says so, well before the timer. */
static void pieces_of_a_hello_are_acknowledged(void **state)
{
    (void)state;
    struct sim s;
    uint8_t record[200];
    open_both(&s, WEIR_DTLS_1_3, 8800);
    sim_start(&s);
    size_t n = plain_message(record, MESSAGE_SERVER_HELLO, 0, WEIR_LIT("\xfe\xfd"));
    weir_put24(record + 14, 120);
    s.count = 0;
    assert_int_equal(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_OK);
    assert_int_equal(hs_of(&s.end[CLIENT].d)->ack.count, 1);
    assert_true(weir_dtls_deadline(&s.end[CLIENT].d) <= s.now + 13 * WEIR_MS);
    weir_dtls_tick(&s.end[CLIENT].d, s.now + 13 * WEIR_MS);
    sim_drain(&s, CLIENT);
    const struct sim_datagram *g = sim_next(&s);
    assert_int_equal(g->bytes[0], CONTENT_ACK);
    assert_int_equal(weir_be64(g->bytes + 15), 0);
    assert_int_equal(weir_be64(g->bytes + 23), 40000);
    sim_free(&s);
    /* A connection of 1.2 alone knows no ACKs. */
    open_both(&s, WEIR_DTLS_1_2, 8800);
    sim_start(&s);
    n = plain_message(record, MESSAGE_SERVER_HELLO, 0, WEIR_LIT("\xfe\xfd"));
    weir_put24(record + 14, 120);
    assert_int_equal(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_OK);
    assert_int_equal(hs_of(&s.end[CLIENT].d)->ack.at, WEIR_NEVER);
    sim_free(&s);
}

static void short_messages_share_a_record(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sim s;
        unsigned records = 0;
        open_both(&s, i == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3, 8900);
        sim_start(&s);
        assert_true(sim_step(&s, WEIR_NEVER - 1));
        struct sim_datagram g = *sim_next(&s);
        struct weir_mspan rest = { g.bytes, g.n };
        struct dtls_record r;
        while (rest.n != 0) {
            assert_int_equal(sim_take(&rest, &r), WEIR_DTLS_OK);
            records++;
        }
        assert_int_equal(records, i == 0 ? 1 : 2); /* ServerHello has an epoch of its own in 1.3 */
        assert_true(sim_await(&s, WEIR_SEC));
        sim_free(&s);
    }
}

/* A server that was restarted takes the cookie of before no more [RFC 9147 5.1 MUST]: its alert lets the
 * client begin anew, and a stranger's, who can only say the same, costs nothing. */
static void a_stale_cookie_is_followed_by_a_new_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 9000), v = sim_config(SERVER, 9001);
        v.requires_cookie = true;
        c.version_min = v.version_min = WEIR_DTLS_1_3;
        sim_init(&s, &c, &v);
        sim_start(&s);
        /* The second hello leaves. */
        assert_true(sim_step(&s, WEIR_NEVER - 1) && sim_step(&s, WEIR_NEVER - 1));
        if (i == 0) {
            v.cookie_secret[0] ^= 1;
            v.handshakes = &s.arena;
            weir_dtls_init(&s.end[SERVER].d, &v, s.now);
        } else {
            uint8_t record[32];
            size_t n = plain_record(record, CONTENT_ALERT, 77, WEIR_LIT("\2\x2f"));
            assert_int_equal(sim_hear(&s, CLIENT, record, n), WEIR_DTLS_ALERT_PLAIN);
        }
        assert_true(sim_await(&s, WEIR_SEC));
        assert_int_equal(s.end[CLIENT].d.restarts, i == 0 ? 1 : 0);
        assert_int_equal(s.end[SERVER].d.verdicts[WEIR_DTLS_HELLO_STALE], i == 0 ? 1 : 0);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* A processor without AES instructions prefers ChaCha20, on either side; others AES-GCM. */
static void without_fast_aes_chacha20_comes_first(void **state)
{
    (void)state;
    static const uint16_t want[2][2] = { { 0xc02b, 0xcca9 }, { 0x1301, 0x1303 } };
    struct weir_crypto slow = *weir_crypto_default(), fast = slow;
    slow.is_aes_slow = true;
    fast.is_aes_slow = false;
    for (unsigned i = 0; i < 8; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 9150), v = sim_config(SERVER, 9151);
        c.crypto = i % 2 != 0 ? &slow : &fast;
        v.crypto = i / 2 % 2 != 0 ? &slow : &fast;
        c.version_max = v.version_max = i < 4 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3;
        sim_init(&s, &c, &v);
        assert_int_equal(plan_of(&s.end[CLIENT].d)->suites, 9);
        assert_int_equal(plan_of(&s.end[CLIENT].d)->suite[0], i % 2 != 0 ? 0x1303 : 0x1301);
        assert_true(sim_connect(&s, WEIR_SEC));
        assert_int_equal(s.end[CLIENT].d.suite, want[i / 4][i / 2 % 2]); /* the server chooses */
        sim_free(&s);
    }
}

/* use_srtp is offered and answered by who has nothing but data. */
static void a_profile_is_agreed_without_media(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 9100), v = sim_config(SERVER, 9101);
        c.srtp_profiles = i % 2 == 0 ? 0 : 3;
        v.srtp_profiles = i / 2 % 2 == 0 ? 0 : 3;
        c.version_max = v.version_max = i < 4 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3;
        sim_init(&s, &c, &v);
        assert_true(sim_connect(&s, WEIR_SEC));
        assert_int_equal(weir_dtls_srtp(&s.end[CLIENT].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
        assert_int_equal(weir_dtls_srtp(&s.end[SERVER].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
        sim_free(&s);
    }
}

/* [RFC 8122 5] The strongest kind decides: one wrong entry of it is not helped by a right one of a
 * weaker kind, wherever it stands and whichever end compares. */
static void the_strongest_kind_of_fingerprint_decides(void **state)
{
    (void)state;
    static const enum weir_hash_id kind[] = { WEIR_SHA256, WEIR_SHA384, WEIR_SHA512 };
    for (unsigned i = 0; i < 2 * 3 * 3 * 4; i++) {
        struct sim s;
        enum weir_hash_id one = kind[i / 2 % 3], two = kind[i / 6 % 3];
        unsigned who = i % 2, wrong = i / 18; /* none, the first, the second, both */
        struct weir_dtls_config c[2] = { sim_config(CLIENT, 9300 + i), sim_config(SERVER, 9301 + i) };
        c[who].fingerprints = 2;
        c[who].fingerprint[0] = sim_fingerprint(1 - who, one);
        c[who].fingerprint[1] = sim_fingerprint(1 - who, two);
        c[who].fingerprint[0].bytes[weir_hash_bytes(one) - 1] ^= (wrong & 1) != 0 ? 1 : 0;
        c[who].fingerprint[1].bytes[weir_hash_bytes(two) - 1] ^= (wrong & 2) != 0 ? 1 : 0;
        bool is_good = one == two ? wrong != 3 : (wrong & (one > two ? 1u : 2u)) == 0;
        sim_init(&s, &c[CLIENT], &c[SERVER]);
        assert_int_equal(sim_connect(&s, WEIR_SEC), is_good);
        assert_true(is_good || s.end[who].last.reason == WEIR_DTLS_REASON_FINGERPRINT);
        sim_free(&s);
    }
}

/* [RFC 9147 6.1] Data has epochs of its own; under the keys of the handshake it is nobody's. */
static void data_under_the_keys_of_the_handshake_is_not_delivered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct sim s;
        uint8_t record[64];
        unsigned who = i % 2;
        open_both(&s, WEIR_DTLS_1_3, 9400);
        sim_start(&s);
        if (i < 2) {
            assert_true(sim_await(&s, WEIR_SEC));
        } else {
            assert_true(sim_step(&s, WEIR_NEVER - 1));
            if (who == CLIENT) { /* the ServerHello alone; the rest comes again */
                struct sim_datagram g = *sim_next(&s);
                struct weir_mspan rest = { g.bytes, g.n };
                struct dtls_record r;
                s.count = 0;
                assert_int_equal(sim_take(&rest, &r), WEIR_DTLS_OK);
                assert_int_equal(sim_hear(&s, CLIENT, g.bytes, r.whole), WEIR_DTLS_OK);
            }
            assert_int_equal(s.end[who].d.rx_epoch, EPOCH_HANDSHAKE);
        }
        struct weir_dtls *d = &s.end[who].d, from = s.end[1 - who].d;
        from.tx = i < 2 ? hs_of(d)->old_rx : d->rx;
        if (i >= 2 && d->step == STEP_DONE) {
            from.tx = hs_of(d)->old_rx;
        }
        from.tx_epoch = EPOCH_HANDSHAKE;
        from.tx.epoch = EPOCH_HANDSHAKE;
        from.tx.seq = 20;
        from.version = VERSION_1_3;
        from.step = STEP_DONE;
        size_t n = sealed_record(&from, CONTENT_APPLICATION_DATA, WEIR_LIT("early"), record);
        assert_true(n != 0);
        assert_int_equal(sim_hear(&s, who, record, n), WEIR_DTLS_DATA_EARLY);
        assert_int_equal(s.end[who].got_count, 0);
        assert_true(sim_await(&s, WEIR_SEC));
        sim_free(&s);
    }
}

/* -- What is left ------------------------------------------------------------------------------- */

/* Every place in the structure that holds a secret while it lives. */
static void nothing_secret_is_left_when_it_is_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 9200), v = sim_config(SERVER, 9201);
        c.version_max = v.version_max = i % 2 == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3;
        v.ticket_keys = 1;
        memset(v.ticket_key[0], 0x5a, sizeof v.ticket_key[0]);
        memset(v.cookie_secret, 0xa5, sizeof v.cookie_secret);
        sim_init(&s, &c, &v);
        sim_start(&s);
        unsigned who = i / 4;
        bool is_early = i / 2 % 2 != 0; /* in the handshake */
        if (is_early) {
            while (s.end[who].d.step
                       != (i % 2 == 0      ? (who == CLIENT ? STEP_CLIENT12_WAIT_CHANGE_CIPHER_SPEC
                                                            : STEP_SERVER12_WAIT_CHANGE_CIPHER_SPEC)
                           : who == CLIENT ? STEP_CLIENT13_WAIT_ENCRYPTED_EXTENSIONS
                                           : STEP_SERVER13_WAIT_CERTIFICATE)
                   && s.end[who].d.step != STEP_DONE) {
                assert_true(sim_step(&s, WEIR_NEVER - 1));
            }
        } else {
            assert_true(sim_await(&s, WEIR_SEC));
        }
        static struct sim_whole w;
        struct weir_dtls *d = &s.end[who].d, before = *sim_snap(&w, d);
        const struct weir_dtls_handshake *h = &w.block;
        uint32_t block = d->block;
        weir_dtls_close(d, s.now);
        sim_drain(&s, who);
        const struct { const void *p; size_t n; } secret[] = {
            { before.tx.aead.opaque, 16 }, { before.rx.aead.opaque, 16 }, { h->old_tx.aead.opaque, 16 },
            { before.tx.iv, 4 }, { before.rand.key, 32 }, { before.secret[WEIR_DTLS_SECRET_MASTER], 48 },
            { before.secret[WEIR_DTLS_SECRET_EXPORTER], 32 }, { before.tx_secret, 32 },
            { h->exchange.private_key, 32 }, { h->exchange.premaster, 32 }, { h->exchange.secret, 32 },
            { h->plan.ticket_key[0], 32 }, { h->plan.cookie_secret, 32 }, { h->old_rx.aead.opaque, 16 },
            { h->flight.bytes + 40, h->flight.used > 100 ? 32 : 0 }, { before.old.secret, 32 },
        };
        for (size_t k = 0; k < sizeof secret / sizeof secret[0]; k++) {
            static const uint8_t zero[64];
            bool is_there = secret[k].n > 4 && memcmp(secret[k].p, zero, secret[k].n) != 0;
            if (is_there && has_bytes(d, sizeof *d, secret[k].p, secret[k].n)) {
                fail_msg("case %u: secret %zu is left", i, k);
            }
            if (is_there && has_bytes(&s.block[block], sizeof s.block[0], secret[k].p, secret[k].n)) {
                fail_msg("case %u: secret %zu is left in the block", i, k);
            }
        }
        assert_false(d->tx.is_ready);
        assert_int_equal(s.arena.leased, 1); /* the peer's, who does not know yet */
        sim_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_D38_one_packet_before_the_server_hello_ends_nothing),
        cmocka_unit_test(attack_D38_bytes_without_protection_are_in_no_finished),
        cmocka_unit_test(attack_D38_hints_without_protection_draw_little),
        cmocka_unit_test(keys_of_the_epoch_before_end_after_two_minutes),
        cmocka_unit_test(keys_of_the_handshake_stay_until_it_is_acknowledged_and_that_long),
        cmocka_unit_test(forgeries_are_counted_for_each_key),
        cmocka_unit_test(a_second_finished_is_the_end),
        cmocka_unit_test(the_numbers_of_messages_do_not_come_round),
        cmocka_unit_test(after_a_verify_request_there_is_no_1_3),
        cmocka_unit_test(a_server_speaks_under_its_new_keys_once_its_finished_is_out),
        cmocka_unit_test(a_refused_hello_is_told_once_and_explains_the_timeout),
        cmocka_unit_test(pieces_of_a_hello_are_acknowledged),
        cmocka_unit_test(short_messages_share_a_record),
        cmocka_unit_test(a_stale_cookie_is_followed_by_a_new_one),
        cmocka_unit_test(without_fast_aes_chacha20_comes_first),
        cmocka_unit_test(a_profile_is_agreed_without_media),
        cmocka_unit_test(the_strongest_kind_of_fingerprint_decides),
        cmocka_unit_test(data_under_the_keys_of_the_handshake_is_not_delivered),
        cmocka_unit_test(nothing_secret_is_left_when_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
