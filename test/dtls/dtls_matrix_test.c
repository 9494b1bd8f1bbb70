/* Every step meets every message, ChangeCipherSpec, alert and application data: only what the
 * tables of the handshake say goes on. */
#include "test/dtls/dtls_sim.h"

static const uint8_t message[] = {
    MESSAGE_HELLO_REQUEST,
    MESSAGE_CLIENT_HELLO,
    MESSAGE_SERVER_HELLO,
    MESSAGE_HELLO_VERIFY_REQUEST,
    4,
    MESSAGE_CERTIFICATE,
    MESSAGE_SERVER_KEY_EXCHANGE,
    MESSAGE_CERTIFICATE_REQUEST,
    MESSAGE_SERVER_HELLO_DONE,
    MESSAGE_CERTIFICATE_VERIFY,
    MESSAGE_CLIENT_KEY_EXCHANGE,
    MESSAGE_FINISHED,
    24,
    254,
    255,
};

/* What each step takes, written down apart from the code's own table. */
static const struct {
    uint8_t step;
    uint8_t takes[2];
} legal[] = {
    { STEP_CLIENT_WAIT_SERVER_HELLO, { MESSAGE_SERVER_HELLO, MESSAGE_HELLO_VERIFY_REQUEST } },
    { STEP_CLIENT12_WAIT_CERTIFICATE, { MESSAGE_CERTIFICATE } },
    { STEP_CLIENT12_WAIT_SERVER_KEY_EXCHANGE, { MESSAGE_SERVER_KEY_EXCHANGE } },
    { STEP_CLIENT12_WAIT_CERTIFICATE_REQUEST, { MESSAGE_CERTIFICATE_REQUEST, MESSAGE_SERVER_HELLO_DONE } },
    { STEP_CLIENT12_WAIT_SERVER_HELLO_DONE, { MESSAGE_SERVER_HELLO_DONE } },
    { STEP_CLIENT12_WAIT_CHANGE_CIPHER_SPEC, { 0 } },
    { STEP_CLIENT12_WAIT_FINISHED, { MESSAGE_FINISHED } },
    { STEP_SERVER_WAIT_CLIENT_HELLO, { MESSAGE_CLIENT_HELLO } },
    { STEP_SERVER12_WAIT_CERTIFICATE, { MESSAGE_CERTIFICATE } },
    { STEP_SERVER12_WAIT_CLIENT_KEY_EXCHANGE, { MESSAGE_CLIENT_KEY_EXCHANGE } },
    { STEP_SERVER12_WAIT_CERTIFICATE_VERIFY, { MESSAGE_CERTIFICATE_VERIFY } },
    { STEP_SERVER12_WAIT_CHANGE_CIPHER_SPEC, { 0 } },
    { STEP_SERVER12_WAIT_FINISHED, { MESSAGE_FINISHED } },
    { STEP_DONE, { 0 } },
};

static bool is_legal(uint8_t step, uint8_t type)
{
    for (size_t i = 0; i < sizeof legal / sizeof legal[0]; i++) {
        if (legal[i].step == step) {
            return type != 0 && (legal[i].takes[0] == type || legal[i].takes[1] == type);
        }
    }
    fail_msg("step %u has no row", step);
    return false;
}

/* A snapshot of one end in each step, taken from honest handshakes whose messages come one by one.
 */
static struct sim_whole at_step[2][STEP_COUNT], copy;
static bool has_step[2][STEP_COUNT];
/* Keys that the other end of that handshake sends with. */
static struct weir_dtls other[2];

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

static int make_snapshots(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 70), v = sim_config(SERVER, 70);
    sim_init(&s, &c, &v);
    s.end[CLIENT].d.config.mtu = s.end[SERVER].d.config.mtu = 55; /* so that no two messages share a datagram */
    keep(&s);
    sim_start(&s);
    keep(&s);
    while (!sim_is_up(&s)) {
        struct sim_datagram *g = sim_next(&s);
        if (g == NULL) {
            return -1;
        }
        /* One record at a time, so that every step is seen. */
        uint8_t bytes[1500];
        struct weir_mspan rest = { bytes, g->n };
        unsigned to = g->to;
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
    other[CLIENT] = s.end[SERVER].d;
    other[SERVER] = s.end[CLIENT].d;
    sim_free(&s);
    return 0;
}

static void all_steps_were_reached(void **state)
{
    (void)state;
    for (unsigned step = 0; step < STEP_COUNT; step++) {
        /* From CertificateRequest the client goes to ServerHelloDone only when it was sent one, which it is. */
        bool is_of_13 = step > STEP_SERVER12_WAIT_FINISHED && step < STEP_DONE;
        if (!is_of_13 && !has_step[CLIENT][step] && !has_step[SERVER][step]) {
            fail_msg("step %u was not reached", step);
        }
    }
}

/* One message, in turn, with the protection that is in force. */
static enum weir_dtls_verdict tell(struct weir_dtls *d, unsigned who, uint8_t type)
{
    uint8_t record[256], bytes[64];
    struct weir_span plain, body = type == 0 ? weir_span_of(NULL, 0) : WEIR_LIT("nonsense");
    size_t n;
    if (d->rx_epoch == 0) {
        n = plain_message(record, type, weir_dtls_peer_seq(d), body);
    } else {
        struct weir_dtls from = other[who];
        size_t m = message_bytes(bytes, type, weir_dtls_peer_seq(d), body);
        n = sealed_record(&from, CONTENT_HANDSHAKE, weir_span_of(bytes, m), record);
    }
    struct weir_mspan datagram = { record, n };
    return weir_dtls_recv(d, 1000 * WEIR_SEC, &datagram, &plain);
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
        enum weir_dtls_verdict v = tell(d, who, type);
        cells++;
        if (is_legal((uint8_t)step, type)) {
            /* Nonsense in the right place: judged by its own rules. */
            assert_true(v != WEIR_DTLS_UNEXPECTED && v != WEIR_DTLS_OK);
        } else if (step == STEP_DONE) {
            uint8_t begins = who == CLIENT ? MESSAGE_HELLO_REQUEST : MESSAGE_CLIENT_HELLO;
            assert_int_equal(v, type == begins ? WEIR_DTLS_RENEGOTIATION : WEIR_DTLS_MESSAGE_LATE);
            assert_int_equal(d->state, type == begins ? WEIR_DTLS_CONNECTED : WEIR_DTLS_FAILED);
        } else if (who == CLIENT && type == MESSAGE_HELLO_REQUEST) {
            assert_int_equal(v, WEIR_DTLS_RENEGOTIATION);
            assert_int_equal(d->step, step);
        } else if (type == MESSAGE_FINISHED && d->rx_epoch == 0 && step != STEP_SERVER_WAIT_CLIENT_HELLO
                   && step != STEP_CLIENT_WAIT_SERVER_HELLO) {
            assert_int_equal(v, WEIR_DTLS_FRAGMENT_EPOCH); /* never without protection, so never anybody's */
            assert_int_equal(d->state, WEIR_DTLS_HANDSHAKE);
        } else {
            assert_int_equal(v, WEIR_DTLS_UNEXPECTED);
            /* Before a hello counted there is nothing that could end. */
            assert_int_equal(d->state, step == STEP_SERVER_WAIT_CLIENT_HELLO   ? WEIR_DTLS_NEW
                                      : step == STEP_CLIENT_WAIT_SERVER_HELLO ? WEIR_DTLS_HANDSHAKE
                                                                  : WEIR_DTLS_FAILED);
        }
        assert_true(d->state == WEIR_DTLS_FAILED || d->events == at_step[who][step].d.events);
    }
    assert_true(cells > 150);
}

static void attack_D17_change_cipher_spec_counts_in_its_own_step_alone(void **state)
{
    (void)state;
    for (unsigned cell = 0; cell < 2 * STEP_COUNT; cell++) {
        unsigned who = cell % 2, step = cell / 2;
        if (!has_step[who][step] || step == STEP_START) {
            continue;
        }
        struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d);
        uint8_t record[64];
        struct weir_span plain;
        struct weir_mspan datagram = { record, plain_record(record, CONTENT_CHANGE_CIPHER_SPEC, 5000,
                                                            WEIR_LIT("\1")) };
        bool is_turn =
            step == STEP_CLIENT12_WAIT_CHANGE_CIPHER_SPEC || step == STEP_SERVER12_WAIT_CHANGE_CIPHER_SPEC;
        enum weir_dtls_verdict v = weir_dtls_recv(d, 1000 * WEIR_SEC, &datagram, &plain);
        assert_int_equal(v, is_turn ? WEIR_DTLS_OK : WEIR_DTLS_CCS_UNEXPECTED);
        assert_int_equal(d->rx_epoch, is_turn ? 1 : at_step[who][step].d.rx_epoch);
        assert_int_equal(d->step, is_turn ? step + 1 : step);
    }
}

static void attack_D11_alerts_without_protection_end_nothing_in_any_step(void **state)
{
    (void)state;
    static const char alert[][3] = { "\2\50", "\1\0", "\2\0", "\xff\xff", "\2\xff" };
    for (unsigned cell = 0; cell < 2 * STEP_COUNT * 5; cell++) {
        unsigned who = cell % 2, step = cell / 2 % STEP_COUNT;
        if (!has_step[who][step] || step == STEP_START) {
            continue;
        }
        struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d);
        uint8_t record[64];
        struct weir_span plain;
        struct weir_mspan datagram = {
            record, plain_record(record, CONTENT_ALERT, 5000,
                                 weir_span_of(alert[cell / 2 / STEP_COUNT], 2))
        };
        enum weir_dtls_verdict v = weir_dtls_recv(d, 1000 * WEIR_SEC, &datagram, &plain);
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
        if (!has_step[who][step] || step == STEP_START) {
            continue;
        }
        struct weir_dtls *d = sim_snap(&copy, &at_step[who][step].d), from = other[who];
        uint8_t record[64];
        struct weir_span plain;
        size_t n = is_protected ? sealed_record(&from, CONTENT_APPLICATION_DATA, WEIR_LIT("data"), record)
                                : plain_record(record, CONTENT_APPLICATION_DATA, 5000, WEIR_LIT("data"));
        struct weir_mspan datagram = { record, n };
        enum weir_dtls_verdict v = weir_dtls_recv(d, 1000 * WEIR_SEC, &datagram, &plain);
        bool is_taken = is_protected && step == STEP_DONE;
        assert_int_equal(v, is_taken       ? WEIR_DTLS_OK
                            : is_protected ? WEIR_DTLS_RECORD_EARLY
                                           : WEIR_DTLS_DATA_PLAIN);
        assert_int_equal(plain.n, is_taken ? 4 : 0);
        assert_int_equal(d->state, at_step[who][step].d.state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_steps_were_reached),
        cmocka_unit_test(each_step_takes_its_messages_and_no_other),
        cmocka_unit_test(attack_D17_change_cipher_spec_counts_in_its_own_step_alone),
        cmocka_unit_test(attack_D11_alerts_without_protection_end_nothing_in_any_step),
        cmocka_unit_test(attack_D8_application_data_waits_for_the_end_of_the_handshake),
    };
    return cmocka_run_group_tests(tests, make_snapshots, NULL);
}
