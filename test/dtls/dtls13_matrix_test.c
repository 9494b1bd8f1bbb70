/* DTLS 1.3: every step meets every message, ChangeCipherSpec, alert, ACK and application data: only what
 * the tables of the handshake say goes on. */
#include "test/dtls/dtls13_sim.h"

static const uint8_t message[] = {
    MESSAGE_HELLO_REQUEST,
    MESSAGE_CLIENT_HELLO,
    MESSAGE_SERVER_HELLO,
    MESSAGE_HELLO_VERIFY_REQUEST,
    MESSAGE_NEW_SESSION_TICKET,
    5,
    6,
    MESSAGE_ENCRYPTED_EXTENSIONS,
    9,
    10,
    MESSAGE_CERTIFICATE,
    MESSAGE_SERVER_KEY_EXCHANGE,
    MESSAGE_CERTIFICATE_REQUEST,
    MESSAGE_SERVER_HELLO_DONE,
    MESSAGE_CERTIFICATE_VERIFY,
    MESSAGE_CLIENT_KEY_EXCHANGE,
    MESSAGE_FINISHED,
    MESSAGE_KEY_UPDATE,
    MESSAGE_MESSAGE_HASH,
    255,
};

/* What each step takes, written down apart from the code's own tables. */
static const struct {
    uint8_t step;
    uint8_t takes[2];
} legal[] = {
    { STEP_CLIENT_WAIT_SERVER_HELLO, { MESSAGE_SERVER_HELLO, MESSAGE_HELLO_VERIFY_REQUEST } },
    { STEP_CLIENT13_WAIT_ENCRYPTED_EXTENSIONS, { MESSAGE_ENCRYPTED_EXTENSIONS } },
    { STEP_CLIENT13_WAIT_CERTIFICATE_REQUEST, { MESSAGE_CERTIFICATE_REQUEST, MESSAGE_CERTIFICATE } },
    { STEP_CLIENT13_WAIT_CERTIFICATE, { MESSAGE_CERTIFICATE } },
    { STEP_CLIENT13_WAIT_CERTIFICATE_VERIFY, { MESSAGE_CERTIFICATE_VERIFY } },
    { STEP_CLIENT13_WAIT_FINISHED, { MESSAGE_FINISHED } },
    { STEP_SERVER_WAIT_CLIENT_HELLO, { MESSAGE_CLIENT_HELLO } },
    { STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO, { MESSAGE_CLIENT_HELLO } },
    { STEP_SERVER13_WAIT_CERTIFICATE, { MESSAGE_CERTIFICATE } },
    { STEP_SERVER13_WAIT_CERTIFICATE_VERIFY, { MESSAGE_CERTIFICATE_VERIFY } },
    { STEP_SERVER13_WAIT_FINISHED, { MESSAGE_FINISHED } },
    { STEP_DONE, { MESSAGE_KEY_UPDATE, MESSAGE_NEW_SESSION_TICKET } },
};

static bool is_legal(unsigned who, uint8_t step, uint8_t type)
{
    if (step == STEP_DONE && type == MESSAGE_NEW_SESSION_TICKET && who == SERVER) {
        return false;
    }
    for (size_t i = 0; i < sizeof legal / sizeof legal[0]; i++) {
        if (legal[i].step == step) {
            return type != 0 && (legal[i].takes[0] == type || legal[i].takes[1] == type);
        }
    }
    fail_msg("step %u has no row", step);
    return false;
}

/* A snapshot of one end in each step, from honest handshakes whose messages come one by one. */
static struct sim_whole at_step[2][STEP_COUNT], copy;
static bool has_step[2][STEP_COUNT];

static void keep(const struct sim *s)
{
    for (unsigned who = 0; who < 2; who++) {
        const struct weir_dtls *d = &s->end[who].d;
        if (!has_step[who][d->step]) {
            has_step[who][d->step] = true;
            sim_snap(&at_step[who][d->step], d);
        }
    }
}

static int converse(bool is_retried)
{
    static const struct offer p384 = { 0, { WEIR_P384 }, { 0 } };
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 70), v = sim_config(SERVER, 70);
    sim_init(&s, &c, &v);
    s.end[CLIENT].d.config.mtu = s.end[SERVER].d.config.mtu = 70; /* so that no two messages share a datagram */
    if (is_retried) {
        s.edit = narrow;
        s.edit_with = &p384;
    }
    sim_start(&s);
    keep(&s);
    while (!sim_is_up(&s)) {
        struct sim_datagram *g = sim_next(&s);
        if (g == NULL) {
            return -1;
        }
        uint8_t bytes[1500];
        struct weir_mspan rest = { bytes, g->n };
        unsigned to = g->to;
        s.now = g->at > s.now ? g->at : s.now;
        memcpy(bytes, g->bytes, g->n);
        *g = s.datagram[--s.count];
        while (rest.n != 0) {
            struct weir_span plain;
            weir_dtls_recv(&s.end[to].d, s.now, &rest, &plain);
            keep(&s);
        }
        sim_drain(&s, to);
        keep(&s);
    }
    sim_free(&s);
    return 0;
}

static int make_snapshots(void **state)
{
    (void)state;
    return converse(false) == 0 && converse(true) == 0 ? 0 : -1;
}

static void all_steps_were_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof legal / sizeof legal[0]; i++) {
        if (!has_step[CLIENT][legal[i].step] && !has_step[SERVER][legal[i].step]) {
            fail_msg("step %u was not reached", legal[i].step);
        }
    }
}

/* One record, with the protection that is in force or without. */
static enum weir_dtls_verdict tell(struct weir_dtls *d, uint8_t content, struct weir_span body,
                                   bool is_protected, struct weir_span *plain)
{
    static uint8_t record[512];
    size_t n = is_protected ? peers_record(d, content, body, record)
                            : plain_record(record, content, 5000, body);
    struct weir_mspan datagram = { record, n };
    return weir_dtls_recv(d, 1000 * WEIR_SEC, &datagram, plain);
}

static enum weir_dtls_verdict tell_message(struct weir_dtls *d, uint8_t type, bool is_protected)
{
    uint8_t bytes[64];
    struct weir_span plain, body = type == 0 ? weir_span_of(NULL, 0) : WEIR_LIT("nonsense");
    size_t n = message_bytes(bytes, type, weir_dtls_peer_seq(d), body);
    return tell(d, CONTENT_HANDSHAKE, weir_span_of(bytes, n), is_protected, &plain);
}

static bool awaits_hello(unsigned step)
{
    return step == STEP_SERVER_WAIT_CLIENT_HELLO || step == STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO
           || step == STEP_CLIENT_WAIT_SERVER_HELLO;
}

static void each_step_takes_its_messages_and_no_other(void **state)
{
    (void)state;
    unsigned cells = 0;
    for (unsigned cell = 0; cell < 2 * STEP_COUNT * sizeof message; cell++) {
        unsigned who = cell % 2, step = cell / 2 % STEP_COUNT;
        uint8_t type = message[cell / 2 / STEP_COUNT];
        if (!has_step[who][step] || step == STEP_START) {
            continue;
        }
        struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d);
        enum weir_dtls_verdict v = tell_message(d, type, d->rx_epoch != 0);
        cells++;
        if (is_legal(who, (uint8_t)step, type)) {
            /* Nonsense in the right place: judged by its own rules. */
            assert_true(v != WEIR_DTLS_UNEXPECTED && v != WEIR_DTLS_OK);
        } else if (step == STEP_CLIENT_WAIT_SERVER_HELLO && type == MESSAGE_HELLO_REQUEST) {
            assert_int_equal(v, WEIR_DTLS_RENEGOTIATION); /* it may become a 1.2 handshake */
        } else {
            assert_int_equal(v, WEIR_DTLS_UNEXPECTED);
            assert_int_equal(d->state, awaits_hello(step) ? at_step[who][step].d.state : WEIR_DTLS_FAILED);
        }
        assert_true(d->state != WEIR_DTLS_CONNECTED || step == STEP_DONE);
    }
    assert_true(cells > 200);
}

static void messages_under_the_wrong_protection_change_nothing(void **state)
{
    (void)state;
    for (unsigned cell = 0; cell < 2 * STEP_COUNT * sizeof message; cell++) {
        unsigned who = cell % 2, step = cell / 2 % STEP_COUNT;
        if (!has_step[who][step] || step == STEP_START || at_step[who][step].d.rx_epoch == 0) {
            continue;
        }
        struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d);
        enum weir_dtls_verdict v = tell_message(d, message[cell / 2 / STEP_COUNT], false);
        assert_int_equal(v, WEIR_DTLS_FRAGMENT_EPOCH);
        assert_int_equal(d->step, step);
        assert_int_equal(d->state, at_step[who][step].d.state);
        /* After the handshake, the keys of the handshake begin nothing new, either. */
        if (step == STEP_DONE) {
            sim_snap(&copy, &at_step[who][step].d);
            d->rx = hs_of(d)->old_rx;
            d->rx_epoch = EPOCH_HANDSHAKE;
            uint8_t record[128];
            struct weir_span plain;
            size_t n = peers_message(d, message[cell / 2 / STEP_COUNT], weir_dtls_peer_seq(d),
                                     WEIR_LIT("nonsense"), record);
            struct weir_mspan datagram = { record, n };
            sim_snap(&copy, &at_step[who][step].d);
            assert_int_equal(weir_dtls_recv(d, 1000 * WEIR_SEC, &datagram, &plain),
                             WEIR_DTLS_MESSAGE_LATE);
            assert_int_equal(d->state, WEIR_DTLS_FAILED);
        }
    }
}

static void attack_D17_change_cipher_spec_counts_nowhere(void **state)
{
    (void)state;
    for (unsigned cell = 0; cell < 4 * STEP_COUNT; cell++) {
        unsigned who = cell % 2, step = cell / 2 % STEP_COUNT;
        bool is_protected = cell >= 2 * STEP_COUNT;
        struct weir_span plain;
        if (!has_step[who][step] || step == STEP_START
            || (is_protected && at_step[who][step].d.rx_epoch == 0)) {
            continue;
        }
        struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d);
        enum weir_dtls_verdict v =
            tell(d, CONTENT_CHANGE_CIPHER_SPEC, WEIR_LIT("\1"), is_protected, &plain);
        assert_int_equal(v, is_protected ? WEIR_DTLS_RECORD_CONTENT : WEIR_DTLS_CCS_UNEXPECTED);
        assert_int_equal(d->rx_epoch, at_step[who][step].d.rx_epoch);
        assert_int_equal(d->step, step);
        assert_int_equal(d->state, at_step[who][step].d.state);
    }
}

static void attack_D11_alerts_without_protection_end_nothing_in_any_step(void **state)
{
    (void)state;
    static const char alert[][3] = { "\2\50", "\1\0", "\2\0", "\xff\xff", "\2\xff" };
    for (unsigned cell = 0; cell < 2 * STEP_COUNT * 5; cell++) {
        unsigned who = cell % 2, step = cell / 2 % STEP_COUNT;
        struct weir_span plain;
        if (!has_step[who][step] || step == STEP_START) {
            continue;
        }
        struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d);
        enum weir_dtls_verdict v = tell(d, CONTENT_ALERT,
                                        weir_span_of(alert[cell / 2 / STEP_COUNT], 2), false, &plain);
        assert_true(v == WEIR_DTLS_ALERT_PLAIN || v == WEIR_DTLS_ALERT_MALFORMED);
        assert_int_equal(d->state, at_step[who][step].d.state);
        assert_int_equal(d->step, step);
        assert_int_equal(d->alert.level, at_step[who][step].d.alert.level);
    }
}

static void attack_D8_application_data_waits_for_the_end_of_the_handshake(void **state)
{
    (void)state;
    for (unsigned cell = 0; cell < 4 * STEP_COUNT; cell++) {
        unsigned who = cell % 2, step = cell / 2 % STEP_COUNT;
        bool is_protected = cell >= 2 * STEP_COUNT;
        struct weir_span plain;
        if (!has_step[who][step] || step == STEP_START
            || (is_protected && at_step[who][step].d.rx_epoch == 0)) {
            continue;
        }
        struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d);
        enum weir_dtls_verdict v =
            tell(d, CONTENT_APPLICATION_DATA, WEIR_LIT("data"), is_protected, &plain);
        bool is_taken = is_protected && step == STEP_DONE;
        /* Under the handshake's own keys it is no data, whoever sent it. */
        assert_int_equal(v, is_taken       ? WEIR_DTLS_OK
                            : is_protected ? WEIR_DTLS_DATA_EARLY
                                           : WEIR_DTLS_DATA_PLAIN);
        assert_int_equal(plain.n, is_taken ? 4 : 0);
        assert_int_equal(d->state, at_step[who][step].d.state);
    }
}

static void acks_change_no_step(void **state)
{
    (void)state;
    for (unsigned cell = 0; cell < 2 * STEP_COUNT; cell++) {
        unsigned who = cell % 2, step = cell / 2 % STEP_COUNT;
        struct weir_span plain;
        if (!has_step[who][step] || at_step[who][step].d.rx_epoch == 0) {
            continue;
        }
        /* Everything that was ever sent, and much that was not. */
        for (uint64_t seq = 0; seq < 40; seq++) {
            struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d);
            uint8_t list[2 + 4 * 16] = { 0, 64 };
            for (unsigned epoch = 0; epoch < 4; epoch++) {
                weir_put64(list + 2 + 16 * epoch, epoch);
                weir_put64(list + 2 + 16 * epoch + 8, seq);
            }
            assert_int_equal(tell(d, CONTENT_ACK, weir_span_of(list, sizeof list), true, &plain),
                             WEIR_DTLS_OK);
            assert_int_equal(d->step, step);
            assert_int_equal(d->state, at_step[who][step].d.state);
            assert_int_equal(d->tx_epoch, at_step[who][step].d.tx_epoch);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_steps_were_reached),
        cmocka_unit_test(each_step_takes_its_messages_and_no_other),
        cmocka_unit_test(messages_under_the_wrong_protection_change_nothing),
        cmocka_unit_test(attack_D17_change_cipher_spec_counts_nowhere),
        cmocka_unit_test(attack_D11_alerts_without_protection_end_nothing_in_any_step),
        cmocka_unit_test(attack_D8_application_data_waits_for_the_end_of_the_handshake),
        cmocka_unit_test(acks_change_no_step),
    };
    return cmocka_run_group_tests(tests, make_snapshots, NULL);
}
