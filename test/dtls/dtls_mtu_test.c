/* A path that loses long datagrams without a word, as tunnels do: the handshake gets through in smaller ones
 * [RFC 9147 4.4 SHOULD, RFC 6347 4.1.1.1 SHOULD], and says what it needed. */
#include "test/dtls/dtls13_sim.h"

static void open_path(struct sim *s, uint8_t version, size_t path_mtu, uint64_t seed)
{
    struct weir_dtls_config c = sim_config(CLIENT, seed), v = sim_config(SERVER, seed + 1);
    c.version_max = v.version_max = version;
    sim_init(s, &c, &v);
    s->path_mtu = path_mtu;
}

static void a_handshake_finds_the_size_that_comes_through(void **state)
{
    (void)state;
    static const size_t path[] = { 1199, 1000, 800, 700, 601, 600, 500, 400, 301 };
    for (unsigned i = 0; i < 2 * sizeof path / sizeof path[0]; i++) {
        struct sim s;
        open_path(&s, i % 2 == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3, path[i / 2], 7000 + i);
        assert_true(sim_connect(&s, 10 * WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        for (unsigned who = 0; who < 2; who++) {
            size_t mtu = weir_dtls_mtu(&s.end[who].d);
            assert_true(mtu == 1200 || mtu == 600 || mtu == 300);
        }
        /* Whose flights are short enough need not know; the server's never are. */
        assert_true(path[i / 2] > 500 || weir_dtls_mtu(&s.end[SERVER].d) <= path[i / 2]);
        sim_free(&s);
    }
}

/* The hello with a hybrid share is what is longest; here a ticket makes it long. */
static void a_long_hello_comes_through_in_pieces(void **state)
{
    (void)state;
    struct weir_dtls_config c = sim_config(CLIENT, 7100), v = sim_config(SERVER, 7101);
    struct weir_dtls_session session;
    struct sim s;
    c.tickets = v.tickets = WEIR_DTLS_TICKETS_ASKED;
    v.ticket_keys = 1;
    sim_init(&s, &c, &v);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    assert_true(weir_dtls_take_session(&s.end[CLIENT].d, &session));
    sim_free(&s);
    c.session = &session;
    sim_init(&s, &c, &v);
    s.path_mtu = 350;
    assert_true(sim_connect(&s, 10 * WEIR_SEC));
    assert_true(weir_dtls_is_resumed(&s.end[SERVER].d));
    assert_int_equal(weir_dtls_mtu(&s.end[CLIENT].d), 300);
    sim_run(&s, 5 * WEIR_SEC);
    sim_check_up(&s);
    sim_free(&s);
}

/* A server that takes no hello in pieces hears it whole every second time. */
static void a_hello_goes_whole_and_in_pieces_by_turns(void **state)
{
    (void)state;
    struct weir_dtls_config c = sim_config(CLIENT, 7200), v = sim_config(SERVER, 7201);
    struct sim s;
    size_t longest[10] = { 0 };
    unsigned at = 0;
    c.mtu = 520;
    c.has_cid = true; /* to be longer than half of that */
    c.cid_bytes = WEIR_DTLS_CID_MAX;
    c.tickets = WEIR_DTLS_TICKETS_ASKED;
    c.groups = 1;
    c.group[0] = WEIR_P384;
    sim_init(&s, &c, &v);
    s.path_mtu = 1;
    sim_start(&s);
    for (unsigned i = 0; i < 8; i++) {
        struct weir_dtls *d = &s.end[CLIENT].d;
        uint8_t out[1500];
        size_t n;
        s.now = weir_dtls_deadline(d);
        weir_dtls_tick(d, s.now);
        while ((n = weir_dtls_send(d, s.now, (struct weir_mspan){ out, sizeof out })) != 0) {
            longest[at] = n > longest[at] ? n : longest[at];
        }
        at++;
    }
    for (unsigned i = 0; i < 8; i++) {
        /* The first repetition is whole as well; from the second on, by turns. */
        assert_true(i % 2 == 0 ? longest[i] > 260 : longest[i] <= 260);
    }
    sim_free(&s);
}

/* One ACK is enough to know that the size is not at fault. */
static void what_was_acknowledged_came_through(void **state)
{
    (void)state;
    struct sim s;
    open_path(&s, WEIR_DTLS_1_3, 0, 7300);
    for (unsigned who = 0; who < 2; who++) {
        s.end[who].d.config.mtu = 600;
    }
    s.drop = 0x554; /* of the server's flight the first datagram comes, and what tells so; then nothing */
    assert_true(sim_connect(&s, 10 * WEIR_SEC));
    assert_true(s.end[SERVER].d.resends > 1);
    assert_int_equal(weir_dtls_mtu(&s.end[SERVER].d), 600);
    sim_free(&s);
}

static void small_enough_is_left_alone(void **state)
{
    (void)state;
    static const uint16_t mtu[][2] = { { 128, 128 }, { 300, 300 }, { 511, 511 }, { 512, 256 }, { 1500, 375 } };
    for (size_t i = 0; i < sizeof mtu / sizeof mtu[0]; i++) {
        struct weir_dtls_config c = sim_config(CLIENT, 7400), v = sim_config(SERVER, 7401);
        struct sim s;
        c.mtu = mtu[i][0];
        sim_init(&s, &c, &v);
        s.path_mtu = 1;
        assert_false(sim_connect(&s, 29 * WEIR_SEC));
        assert_int_equal(weir_dtls_mtu(&s.end[CLIENT].d), mtu[i][1]);
        sim_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_finds_the_size_that_comes_through),
        cmocka_unit_test(a_long_hello_comes_through_in_pieces),
        cmocka_unit_test(a_hello_goes_whole_and_in_pieces_by_turns),
        cmocka_unit_test(what_was_acknowledged_came_through),
        cmocka_unit_test(small_enough_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
