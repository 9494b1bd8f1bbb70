/* Two associations over the simulated network: set-up, the end, restart, repetition. Each scenario
 * can be run again with WEIR_SEED. */
#include "test/sctp/sctp_sim.h"

static struct sim *raw_sim(uint64_t seed)
{
    struct weir_sctp_config a, b;
    sim_config(&a, 0, seed);
    sim_config(&b, 1, seed);
    a.has_channels = false;
    b.has_channels = false;
    return sim_new_with(seed, &a, &b);
}

static bool has_got(const struct sim_end *e, size_t n, uint32_t number)
{
    uint64_t want = sim_expected(n, number);
    for (uint32_t i = 0; i < e->got_count; i++) {
        if (e->got[i].bytes == n && e->got[i].digest == want) {
            return true;
        }
    }
    return false;
}

/* -- Set-up ----------------------------------------------------------------------------------- */

static void both_connect_at_once(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(1));
    sim_connect(m);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CONNECTED], 1);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CONNECTED], 1);
    assert_int_equal(m->end[0].s.remote_tag, m->end[1].s.local_tag);
    assert_int_equal(m->end[1].s.remote_tag, m->end[0].s.local_tag);
    sim_free(m);
}

static void one_connects_in_four_packets(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(2));
    assert_int_equal(weir_sctp_connect(&m->end[0].s, m->now), WEIR_OK);
    sim_run(m, 100 * WEIR_MS);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(m->end[1].s.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(m->packets, 4);
    sim_free(m);
}

/* The late one connects at every moment of the early one's handshake. */
static void the_other_connects_any_time_later(void **state)
{
    (void)state;
    for (weir_duration late = 0; late < 60 * WEIR_MS; late += WEIR_MS) {
        struct sim *m = sim_new(test_seed(3));
        m->jitter = 3 * WEIR_MS;
        assert_int_equal(weir_sctp_connect(&m->end[0].s, m->now), WEIR_OK);
        sim_run(m, late);
        assert_int_equal(weir_sctp_connect(&m->end[1].s, m->now), WEIR_OK);
        assert_int_equal(sim_write(m, 0, 1, 100, 1, NULL), WEIR_OK);
        assert_int_equal(sim_write(m, 1, 1, 100, 2, NULL), WEIR_OK);
        sim_run(m, 5 * WEIR_SEC);
        assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
        assert_int_equal(m->end[1].s.state, WEIR_SCTP_ESTABLISHED);
        assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CONNECTED], 1);
        assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_RESTARTED], 0);
        assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_RESTARTED], 0);
        sim_free(m);
    }
}

static void every_packet_of_set_up_is_lost_once(void **state)
{
    (void)state;
    for (uint64_t drop = 1; drop <= 16; drop++) {
        struct sim *m = raw_sim(test_seed(4));
        m->drop_number = drop;
        assert_int_equal(weir_sctp_connect(&m->end[0].s, m->now), WEIR_OK);
        assert_int_equal(weir_sctp_connect(&m->end[1].s, m->now), WEIR_OK);
        assert_int_equal(sim_write(m, 0, 1, 100, 1, NULL), WEIR_OK);
        assert_int_equal(sim_write(m, 1, 1, 3000, 2, NULL), WEIR_OK);
        sim_run(m, 10 * WEIR_SEC);
        assert_true(has_got(&m->end[1], 100, 1));
        assert_true(has_got(&m->end[0], 3000, 2));
        sim_free(m);
    }
}

static void set_up_survives_heavy_loss(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct sim *m = raw_sim(test_seed(seed));
        m->loss_permille = 300;
        m->jitter = 40 * WEIR_MS;
        m->dup_permille = 100;
        assert_int_equal(weir_sctp_connect(&m->end[0].s, m->now), WEIR_OK);
        sim_run(m, (seed % 7) * 5 * WEIR_MS);
        assert_int_equal(weir_sctp_connect(&m->end[1].s, m->now), WEIR_OK);
        assert_int_equal(sim_write(m, 0, 1, 100, 1, NULL), WEIR_OK);
        assert_int_equal(sim_write(m, 1, 1, 100, 2, NULL), WEIR_OK);
        sim_run(m, 300 * WEIR_SEC);
        assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
        assert_int_equal(m->end[1].s.state, WEIR_SCTP_ESTABLISHED);
        assert_true(has_got(&m->end[1], 100, 1));
        assert_true(has_got(&m->end[0], 100, 2));
        sim_free(m);
    }
}

/* Both INIT chunks went by signalling: data flows with the first packet. */
static void set_up_without_a_packet(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(6));
    uint8_t chunk[2][64];
    size_t n[2];
    for (unsigned i = 0; i < 2; i++) {
        struct weir_mspan room = { chunk[i], sizeof chunk[i] };
        n[i] = weir_sctp_init_chunk_write(&m->end[i].s, room);
        assert_int_equal(n[i], 30);
    }
    assert_int_equal(sim_write(m, 0, 1, 100, 1, NULL), WEIR_OK);
    assert_int_equal(weir_sctp_connect_with(&m->end[0].s, m->now, weir_span_of(chunk[1], 29)),
                     WEIR_ERR_ARG);
    for (unsigned i = 0; i < 2; i++) {
        struct weir_span theirs = weir_span_of(chunk[i ^ 1], n[i ^ 1]);
        assert_int_equal(weir_sctp_connect_with(&m->end[i].s, m->now, theirs), WEIR_OK);
        assert_int_equal(weir_sctp_connect_with(&m->end[i].s, m->now, theirs), WEIR_ERR_STATE);
        assert_int_equal(weir_sctp_connect(&m->end[i].s, m->now), WEIR_OK);
    }
    sim_run(m, 15 * WEIR_MS);
    assert_int_equal(m->packets, 2); /* it, and the SACK that it asks for */
    assert_true(has_got(&m->end[1], 100, 1));
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CONNECTED], 1);
    assert_int_equal(sim_write(m, 1, 1, 100, 2, NULL), WEIR_OK);
    sim_run(m, WEIR_SEC);
    assert_true(has_got(&m->end[0], 100, 2));
    sim_free(m);
}

/* The same in two steps: the chunk is kept from when it is heard until DTLS is up. */
static void set_up_with_a_chunk_heard_before(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) { /* heard; forgotten; the peer's packet was quicker */
        struct sim *m = raw_sim(test_seed(7));
        uint8_t chunk[64];
        struct weir_mspan room = { chunk, sizeof chunk };
        struct weir_sctp *s = &m->end[0].s;
        struct weir_span theirs = weir_span_of(chunk, weir_sctp_init_chunk_write(&m->end[1].s, room));
        assert_int_equal(weir_sctp_connect_heard(s, m->now), WEIR_ERR_STATE);
        assert_int_equal(weir_sctp_hear_init(s, weir_span_of(chunk, 29)), WEIR_ERR_ARG);
        assert_int_equal(weir_sctp_connect_heard(s, m->now), WEIR_ERR_STATE);
        assert_int_equal(weir_sctp_hear_init(s, theirs), WEIR_OK);
        if (how == 1) {
            assert_int_equal(weir_sctp_hear_init(s, weir_span_of(NULL, 0)), WEIR_OK);
        }
        if (how == 2) {
            assert_int_equal(weir_sctp_connect(&m->end[1].s, m->now), WEIR_OK);
            uint8_t packet[1200];
            size_t n = weir_sctp_send(&m->end[1].s, m->now, (struct weir_mspan){ packet, sizeof packet });
            assert_int_equal(weir_sctp_recv(s, m->now, weir_span_of(packet, n)), WEIR_SCTP_OK);
            assert_int_equal(weir_sctp_hear_init(s, theirs), WEIR_ERR_STATE); /* it is being answered */
        }
        assert_int_equal(weir_sctp_connect_heard(s, m->now), how == 0 ? WEIR_OK : WEIR_ERR_STATE);
        assert_int_equal(s->state, how == 0 ? WEIR_SCTP_ESTABLISHED : WEIR_SCTP_CLOSED);
        assert_int_equal(weir_sctp_hear_init(s, theirs), how == 1 ? WEIR_OK : WEIR_ERR_STATE);
        assert_int_equal(weir_sctp_connect(s, m->now), WEIR_OK);
        sim_free(m);
    }
}

static void nobody_answers(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(5));
    m->is_cut = true;
    assert_int_equal(weir_sctp_connect(&m->end[0].s, m->now), WEIR_OK);
    sim_run(m, 600 * WEIR_SEC);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_OVER);
    assert_int_equal(m->end[0].last[WEIR_SCTP_EVENT_CLOSED].reason, WEIR_SCTP_REASON_TIMEOUT);
    assert_int_equal(m->packets, 1 + m->end[0].s.config.init_retransmits_max);
    assert_true(weir_sctp_deadline(&m->end[0].s) == WEIR_NEVER);
    sim_free(m);
}

/* -- The end ---------------------------------------------------------------------------------- */

static void shutdown_delivers_everything_first(void **state)
{
    (void)state;
    for (unsigned both = 0; both < 2; both++) {
        struct sim *m = raw_sim(test_seed(40 + both));
        sim_connect(m);
        m->loss_permille = 100;
        assert_int_equal(sim_write(m, 0, 1, 100000, 1, NULL), WEIR_OK);
        assert_int_equal(sim_write(m, 1, 1, 50000, 2, NULL), WEIR_OK);
        assert_int_equal(weir_sctp_shutdown(&m->end[0].s, m->now), WEIR_OK);
        if (both != 0) {
            assert_int_equal(weir_sctp_shutdown(&m->end[1].s, m->now), WEIR_OK);
        }
        assert_int_equal(sim_write(m, 0, 1, 1, 1, NULL), WEIR_ERR_STATE);
        sim_run(m, 120 * WEIR_SEC);
        assert_true(has_got(&m->end[1], 100000, 1));
        assert_true(has_got(&m->end[0], 50000, 2));
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(m->end[i].s.state, WEIR_SCTP_OVER);
            assert_int_equal(m->end[i].told[WEIR_SCTP_EVENT_CLOSED], 1);
            assert_true(weir_sctp_deadline(&m->end[i].s) == WEIR_NEVER);
        }
        sim_free(m);
    }
}

static void abort_tells_the_peer_why(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(42));
    sim_connect(m);
    assert_int_equal(sim_write(m, 0, 1, 100000, 1, NULL), WEIR_OK);
    sim_run(m, 5 * WEIR_MS);
    weir_sctp_abort(&m->end[0].s, m->now, WEIR_LIT("Close called"));
    assert_int_equal(m->end[0].pool.free_count, SIM_POOL - 1);
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[0].last[WEIR_SCTP_EVENT_CLOSED].reason, WEIR_SCTP_REASON_ABORTED);
    assert_int_equal(m->end[1].last[WEIR_SCTP_EVENT_CLOSED].reason, WEIR_SCTP_REASON_PEER_ABORT);
    assert_int_equal(m->end[1].last[WEIR_SCTP_EVENT_CLOSED].cause, CAUSE_USER_ABORT);
    sim_free(m);
}

/* The ABORT is lost: the next packet of the peer is answered with another one. */
static void a_lost_abort_is_said_again(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(43));
    sim_connect(m);
    m->drop_number = m->packets + 1;
    weir_sctp_abort(&m->end[0].s, m->now, WEIR_LIT(""));
    sim_pump(m);
    assert_int_equal(sim_write(m, 1, 1, 10, 1, NULL), WEIR_OK);
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[1].last[WEIR_SCTP_EVENT_CLOSED].reason, WEIR_SCTP_REASON_PEER_ABORT);
    sim_free(m);
}

static void a_dead_peer_is_noticed(void **state)
{
    (void)state;
    for (unsigned with_data = 0; with_data < 2; with_data++) {
        struct sim *m = raw_sim(test_seed(44));
        sim_connect(m);
        m->is_cut = true;
        if (with_data != 0) {
            assert_int_equal(sim_write(m, 0, 1, 100000, 1, NULL), WEIR_OK);
        }
        sim_run(m, 3600 * WEIR_SEC);
        assert_int_equal(m->end[0].s.state, WEIR_SCTP_OVER);
        assert_int_equal(m->end[0].last[WEIR_SCTP_EVENT_CLOSED].reason, WEIR_SCTP_REASON_TIMEOUT);
        sim_free(m);
    }
}

static void an_idle_association_lives_and_holds_nothing(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(45));
    m->now = UINT64_C(0x100000000) * WEIR_MS - WEIR_SEC; /* past 49.7 days of milliseconds */
    sim_connect(m);
    sim_run(m, 3600 * WEIR_SEC);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(m->end[0].pool.free_count, SIM_POOL - 1);
    assert_true(m->packets > 100 && m->packets < 1000); /* heartbeats, and not too many */
    sim_free(m);
}

/* The peer loses its state and connects anew, over the same connection. */
static void restart_peer(bool has_sent)
{
    struct weir_sctp_config c;
    struct sim *m = raw_sim(test_seed(46));
    sim_connect(m);
    if (has_sent) {
        assert_int_equal(sim_write(m, 0, 1, 100, 1, NULL), WEIR_OK);
    }
    sim_run(m, WEIR_SEC);
    weir_sctp_release_all(&m->end[0].s);
    sim_config(&c, 7, test_seed(46));
    c.has_channels = false;
    weir_sctp_init(&m->end[0].s, &c, &m->end[0].pool, m->now);
    assert_int_equal(sim_write(m, 1, 1, 5000, 9, NULL), WEIR_OK); /* goes to the void */
    sim_run(m, 5 * WEIR_MS);
    assert_int_equal(weir_sctp_connect(&m->end[0].s, m->now), WEIR_OK);
    assert_int_equal(sim_write(m, 0, 1, 200, 2, NULL), WEIR_OK);
    sim_run(m, 5 * WEIR_SEC);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(m->end[1].s.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_RESTARTED], 1);
    assert_true(has_got(&m->end[1], 200, 2));
    assert_int_equal(sim_write(m, 1, 1, 300, 3, NULL), WEIR_OK);
    sim_run(m, WEIR_SEC);
    assert_true(has_got(&m->end[0], 300, 3));
    sim_free(m);
}

static void a_restarted_peer_is_taken_back(void **state)
{
    (void)state;
    restart_peer(true);
    restart_peer(false);
}

/* What carried the packets was away for ten seconds, and timers have backed off: once it is back, data and a
 * request to reset a stream leave at once. */
static void what_waited_leaves_with_a_new_carrier(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(47));
    sim_connect(m);
    assert_int_equal(sim_write(m, 1, 3, 100, 3, NULL), WEIR_OK);
    sim_run(m, WEIR_SEC);
    m->loss_permille = 1000;
    assert_int_equal(sim_write(m, 0, 1, 100, 1, NULL), WEIR_OK);
    assert_int_equal(sim_write(m, 0, 2, 100, 2, NULL), WEIR_OK);
    assert_int_equal(weir_sctp_reset_stream(&m->end[1].s, 3), WEIR_OK);
    sim_run(m, 10 * WEIR_SEC);
    m->loss_permille = 0;
    assert_true(m->end[0].s.t3_at > m->now + WEIR_SEC && m->end[1].s.reset_at > m->now + WEIR_SEC);
    for (int i = 0; i < 2; i++) {
        weir_sctp_carried_anew(&m->end[i].s, m->now, m->end[i].s.is_dtls_client);
        assert_true(weir_sctp_check(&m->end[i].s));
    }
    sim_run(m, 100 * WEIR_MS);
    assert_true(has_got(&m->end[1], 100, 1) && has_got(&m->end[1], 100, 2));
    assert_true(m->end[1].s.reset_at == WEIR_NEVER && m->end[0].s.t3_at == WEIR_NEVER);
    assert_int_equal(m->end[0].s.error_count, 0);
    sim_free(m);
}

/* -- The same again --------------------------------------------------------------------------- */

static uint64_t run_digest(uint64_t seed)
{
    struct sim *m = raw_sim(seed);
    sim_connect(m);
    m->loss_permille = 100;
    m->jitter = 20 * WEIR_MS;
    m->dup_permille = 50;
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(sim_write(m, i % 2, (uint16_t)(i % 5), 1 + i * 100, i, NULL), WEIR_OK);
    }
    sim_run(m, 60 * WEIR_SEC);
    assert_int_equal(m->end[0].got_count + m->end[1].got_count, 60);
    uint64_t both = m->end[0].sent_digest * 31 + m->end[1].sent_digest;
    sim_free(m);
    return both;
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    assert_true(run_digest(5) == run_digest(5));
    assert_true(run_digest(5) != run_digest(6));
}

static void a_copy_is_a_snapshot(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(50));
    sim_connect(m);
    assert_int_equal(sim_write(m, 0, 1, 3000, 1, NULL), WEIR_OK);
    struct sim_end *e = &m->end[0];
    struct weir_sctp copy = e->s;
    struct weir_pool pool = e->pool;
    struct weir_buf *bufs = malloc(weir_pool_bytes(SIM_POOL));
    memcpy(bufs, e->bufs, weir_pool_bytes(SIM_POOL));
    uint8_t first[WEIR_MTU], second[WEIR_MTU];
    struct weir_mspan a = { first, sizeof first }, b = { second, sizeof second };
    size_t n = weir_sctp_send(&e->s, m->now, a);
    e->s = copy;
    e->pool = pool;
    memcpy(e->bufs, bufs, weir_pool_bytes(SIM_POOL));
    free(bufs);
    assert_int_equal(weir_sctp_send(&e->s, m->now, b), n);
    assert_memory_equal(first, second, n);
    sim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_connect_at_once),
        cmocka_unit_test(one_connects_in_four_packets),
        cmocka_unit_test(the_other_connects_any_time_later),
        cmocka_unit_test(every_packet_of_set_up_is_lost_once),
        cmocka_unit_test(set_up_survives_heavy_loss),
        cmocka_unit_test(set_up_without_a_packet),
        cmocka_unit_test(set_up_with_a_chunk_heard_before),
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(shutdown_delivers_everything_first),
        cmocka_unit_test(abort_tells_the_peer_why),
        cmocka_unit_test(a_lost_abort_is_said_again),
        cmocka_unit_test(a_dead_peer_is_noticed),
        cmocka_unit_test(an_idle_association_lives_and_holds_nothing),
        cmocka_unit_test(a_restarted_peer_is_taken_back),
        cmocka_unit_test(what_waited_leaves_with_a_new_carrier),
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(a_copy_is_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
