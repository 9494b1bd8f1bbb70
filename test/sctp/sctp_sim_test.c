/* Two associations over the simulated network: set-up, data under loss, ends. Each scenario can be
 * run again with WEIR_SEED. */
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

/* -- Data ------------------------------------------------------------------------------------- */

static void messages_of_every_size_arrive(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1,    2,    3,    4,     1159,  1160,  1161,
                                    2320, 2321, 5000, 16384, 65536, 262144 };
    struct sim *m = raw_sim(test_seed(6));
    sim_connect(m);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned end = 0; end < 2; end++) {
            assert_int_equal(sim_write(m, end, (uint16_t)(i % 3), sizes[i], i, NULL), WEIR_OK);
        }
    }
    sim_run(m, 20 * WEIR_SEC);
    for (unsigned end = 0; end < 2; end++) {
        assert_int_equal(m->end[end].got_count, sizeof sizes / sizeof sizes[0]);
        for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            assert_true(has_got(&m->end[end], sizes[i], i));
        }
        assert_int_equal(m->end[end].s.tx_held, 0);
        assert_int_equal(m->end[end].s.rx_held, 0);
        assert_int_equal(m->end[end].s.counters.rtx_chunks, 0);
    }
    sim_free(m);
}

/* Streams of numbered messages, mixed sizes, through a bad network; gives how long it took. */
static weir_duration transfer(struct sim *m, uint32_t messages)
{
    static const size_t sizes[] = { 40, 1160, 3000, 1, 9000, 500, 20000, 2320 };
    weir_time begin = m->now;
    uint32_t sent[2] = { 0, 0 };
    for (unsigned turns = 0; m->end[0].got_count < messages || m->end[1].got_count < messages;
         turns++) {
        for (unsigned end = 0; end < 2; end++) {
            while (sent[end] < messages &&
                   sim_write(m, end, (uint16_t)(sent[end] % 5), sizes[sent[end] % 8], sent[end],
                             NULL) == WEIR_OK) {
                sent[end]++;
            }
        }
        sim_run(m, 20 * WEIR_MS);
        assert_true(turns < 100000);
        assert_true(m->end[0].s.state == WEIR_SCTP_ESTABLISHED);
    }
    return m->now - begin;
}

static void check_transfer(const struct sim_end *e, uint32_t messages)
{
    static const size_t sizes[] = { 40, 1160, 3000, 1, 9000, 500, 20000, 2320 };
    uint32_t next[5] = { 0, 1, 2, 3, 4 };
    assert_int_equal(e->got_count, messages);
    for (uint32_t i = 0; i < messages; i++) {
        const struct sim_record *r = &e->got[i];
        uint32_t number = next[r->stream];
        next[r->stream] += 5;
        assert_int_equal(r->bytes, sizes[number % 8]);
        assert_true(r->digest == sim_expected(sizes[number % 8], number));
    }
}

static void order_holds_on_each_stream_whatever_is_lost(void **state)
{
    (void)state;
    static const uint32_t loss[] = { 0, 10, 50, 100, 200, 300 };
    for (unsigned i = 0; i < sizeof loss / sizeof loss[0]; i++) {
        for (unsigned reorder = 0; reorder < 2; reorder++) {
            struct sim *m = raw_sim(test_seed(100 + i));
            sim_connect(m);
            m->loss_permille = loss[i];
            m->jitter = reorder != 0 ? 15 * WEIR_MS : 0;
            m->dup_permille = reorder != 0 ? 50 : 0;
            transfer(m, 300);
            check_transfer(&m->end[0], 300);
            check_transfer(&m->end[1], 300);
            sim_free(m);
        }
    }
}

static void corrupted_packets_are_dropped(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(7));
    sim_connect(m);
    m->flip_permille = 100;
    transfer(m, 100);
    check_transfer(&m->end[0], 100);
    assert_true(m->end[0].s.verdicts[WEIR_SCTP_CHECKSUM] +
                    m->end[0].s.verdicts[WEIR_SCTP_PORTS] != 0);
    sim_free(m);
}

static void numbers_wrap_around(void **state)
{
    (void)state;
    for (uint32_t before = 0; before < 40; before += 3) {
        struct sim *m = raw_sim(test_seed(200 + before));
        for (unsigned i = 0; i < 2; i++) {
            struct weir_sctp *s = &m->end[i].s;
            s->local_tsn = 0u - before;
            s->next_tsn = s->local_tsn;
            s->cum_acked = s->local_tsn - 1;
            s->advanced = s->cum_acked;
            s->forward_told = s->cum_acked;
            s->reset_next = s->local_tsn;
        }
        sim_connect(m);
        m->loss_permille = 100;
        m->jitter = 10 * WEIR_MS;
        transfer(m, 40);
        check_transfer(&m->end[0], 40);
        check_transfer(&m->end[1], 40);
        sim_free(m);
    }
}

static void stream_numbers_wrap_around(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(8));
    sim_connect(m);
    assert_int_equal(sim_write(m, 0, 7, 10, 0, NULL), WEIR_OK);
    sim_run(m, WEIR_SEC);
    uint16_t tx = weir_sctp_stream_find(&m->end[0].s, 7);
    uint16_t rx = weir_sctp_stream_find(&m->end[1].s, 7);
    m->end[0].s.stream[tx].tx_ssn = 65530;
    m->end[1].s.stream[rx].rx_ssn = 65530;
    m->loss_permille = 100;
    for (uint32_t i = 1; i < 20; i++) {
        assert_int_equal(sim_write(m, 0, 7, 10 + i, i, NULL), WEIR_OK);
    }
    sim_run(m, 20 * WEIR_SEC);
    assert_int_equal(m->end[1].got_count, 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(m->end[1].got[i].bytes, 10 + i);
    }
    sim_free(m);
}

static void unordered_messages_do_not_wait(void **state)
{
    (void)state;
    struct weir_sctp_send_opts free_order = { 0 };
    struct sim *m = raw_sim(test_seed(9));
    free_order.ppid = WEIR_SCTP_PPID_BINARY;
    free_order.is_unordered = true;
    sim_connect(m);
    m->drop_number = m->packets + 1;
    assert_int_equal(sim_write(m, 0, 1, 1160, 0, &free_order), WEIR_OK); /* this one is lost */
    assert_int_equal(sim_write(m, 0, 1, 5000, 1, &free_order), WEIR_OK);
    assert_int_equal(sim_write(m, 0, 2, 1000, 2, NULL), WEIR_OK); /* another stream does not wait */
    sim_run(m, 12 * WEIR_MS);
    assert_int_equal(m->end[1].got_count, 2);
    assert_true(has_got(&m->end[1], 5000, 1));
    sim_run(m, 5 * WEIR_SEC);
    assert_int_equal(m->end[1].got_count, 3);
    sim_free(m);
}

static void one_loss_costs_no_timeout(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(10));
    sim_connect(m);
    m->drop_number = m->packets + 3;
    assert_int_equal(sim_write(m, 0, 1, 20000, 1, NULL), WEIR_OK);
    sim_run(m, 200 * WEIR_MS);
    assert_true(has_got(&m->end[1], 20000, 1));
    assert_int_equal(m->end[0].s.counters.timeouts, 0);
    assert_int_equal(m->end[0].s.counters.fast_recoveries, 1);
    assert_int_equal(m->end[0].s.counters.rtx_chunks, 1);
    sim_free(m);
}

/* A chunk whose fast retransmission is lost as well is found again without a timeout, as long as new
 * data goes on. */
static void a_lost_retransmission_is_found_by_later_data(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(11));
    sim_connect(m);
    assert_int_equal(sim_write(m, 0, 1, 250000, 1, NULL), WEIR_OK);
    sim_pump(m);
    /* Drop the chunk with this TSN twice. */
    uint32_t victim = m->end[0].s.local_tsn + 2;
    unsigned dropped = 0;
    weir_time until = m->now + 3 * WEIR_SEC;
    for (;;) {
        for (uint32_t i = 0; i < m->packet_count && dropped < 2; i++) {
            struct sim_packet *k = &m->packet[i];
            if (k->to == 1 && k->bytes[12] == CHUNK_DATA && weir_be32(k->bytes + 16) == victim) {
                *k = m->packet[--m->packet_count];
                dropped++;
                break;
            }
        }
        if (!sim_step(m, until)) {
            break;
        }
    }
    assert_int_equal(dropped, 2);
    assert_true(has_got(&m->end[1], 250000, 1));
    assert_int_equal(m->end[0].s.counters.timeouts, 0);
    sim_free(m);
}

static void streams_take_turns(void **state)
{
    (void)state;
    struct sim *m = raw_sim(test_seed(12));
    sim_connect(m);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(sim_write(m, 0, 1, 20000, i, NULL), WEIR_OK);
    }
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(sim_write(m, 0, 2, 100, i, NULL), WEIR_OK);
    }
    sim_run(m, 10 * WEIR_SEC);
    assert_int_equal(m->end[1].got_count, 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(m->end[1].got[i].stream, i % 2 == 0 ? 1 : 2);
    }
    sim_free(m);
}

/* -- Partial reliability ---------------------------------------------------------------------- */

static void partial(uint64_t seed, const struct weir_sctp_send_opts *opts, uint32_t loss)
{
    struct sim *m = raw_sim(seed);
    sim_connect(m);
    m->loss_permille = loss;
    m->jitter = 5 * WEIR_MS;
    uint32_t sent = 0;
    for (uint32_t i = 0; i < 400; i++) {
        sent += sim_write(m, 0, (uint16_t)(i % 3), 1 + (i * 577) % 4000, i, opts) == WEIR_OK;
        sim_run(m, 10 * WEIR_MS);
    }
    m->loss_permille = 0;
    sim_run(m, 130 * WEIR_SEC);
    assert_int_equal(m->end[0].s.tx_held, 0);
    assert_int_equal(m->end[1].s.rx_held, 0);
    assert_int_equal(m->end[0].s.cum_acked, m->end[1].s.rx_cum);
    assert_int_equal(m->end[0].s.cum_acked + 1, m->end[0].s.next_tsn);
    assert_true(m->end[0].s.counters.abandoned_messages != 0);
    assert_int_equal(m->end[1].s.verdicts[WEIR_SCTP_DATA_SSN], 0); /* each skip was announced */
    assert_true(m->end[1].got_count < sent);
    assert_true(m->end[1].got_count + m->end[0].s.counters.abandoned_messages >= sent);
    /* All is well afterwards. */
    uint32_t got = m->end[1].got_count;
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(sim_write(m, 0, i, 50, 1000, NULL), WEIR_OK);
    }
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[1].got_count, got + 3);
    sim_free(m);
}

static void partial_reliability_by_count(void **state)
{
    (void)state;
    struct weir_sctp_send_opts opts = { 0 };
    opts.ppid = WEIR_SCTP_PPID_BINARY;
    opts.has_retransmits = true;
    for (uint16_t limit = 0; limit < 2; limit++) {
        opts.retransmits = limit;
        opts.is_unordered = false;
        partial(test_seed(20 + limit), &opts, 250);
        opts.is_unordered = true;
        partial(test_seed(20 + limit), &opts, 250);
    }
}

static void partial_reliability_by_time(void **state)
{
    (void)state;
    struct weir_sctp_send_opts opts = { 0 };
    opts.ppid = WEIR_SCTP_PPID_BINARY;
    opts.has_lifetime = true;
    opts.lifetime = 30 * WEIR_MS;
    partial(test_seed(30), &opts, 150);
    opts.is_unordered = true;
    partial(test_seed(31), &opts, 150);
}

static void an_outage_leaves_nothing_behind(void **state)
{
    (void)state;
    struct weir_sctp_send_opts opts = { 0 };
    opts.ppid = WEIR_SCTP_PPID_BINARY;
    opts.has_lifetime = true;
    opts.lifetime = 100 * WEIR_MS;
    struct sim *m = raw_sim(test_seed(32));
    sim_connect(m);
    m->is_cut = true;
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(sim_write(m, 0, 1, 3000, i, &opts), WEIR_OK);
        sim_run(m, 20 * WEIR_MS);
    }
    m->is_cut = false;
    sim_run(m, 10 * WEIR_SEC);
    assert_int_equal(m->end[0].s.tx_held, 0);
    assert_int_equal(sim_write(m, 0, 1, 7, 0, NULL), WEIR_OK);
    sim_run(m, 2 * WEIR_SEC);
    assert_true(has_got(&m->end[1], 7, 0));
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
    assert_int_equal(m->end[0].pool.free_count, SIM_POOL);
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
    assert_int_equal(m->end[0].pool.free_count, SIM_POOL);
    assert_true(m->packets > 100 && m->packets < 1000); /* heartbeats, and not too many */
    sim_free(m);
}

/* The peer loses its state and connects anew, over the same connection. */
static void a_restarted_peer_is_taken_back(void **state)
{
    (void)state;
    struct weir_sctp_config c;
    struct sim *m = raw_sim(test_seed(46));
    sim_connect(m);
    assert_int_equal(sim_write(m, 0, 1, 100, 1, NULL), WEIR_OK);
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

/* -- The same again --------------------------------------------------------------------------- */

static uint64_t run_digest(uint64_t seed)
{
    struct sim *m = raw_sim(seed);
    sim_connect(m);
    m->loss_permille = 100;
    m->jitter = 20 * WEIR_MS;
    m->dup_permille = 50;
    transfer(m, 60);
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
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(messages_of_every_size_arrive),
        cmocka_unit_test(order_holds_on_each_stream_whatever_is_lost),
        cmocka_unit_test(corrupted_packets_are_dropped),
        cmocka_unit_test(numbers_wrap_around),
        cmocka_unit_test(stream_numbers_wrap_around),
        cmocka_unit_test(unordered_messages_do_not_wait),
        cmocka_unit_test(one_loss_costs_no_timeout),
        cmocka_unit_test(a_lost_retransmission_is_found_by_later_data),
        cmocka_unit_test(streams_take_turns),
        cmocka_unit_test(partial_reliability_by_count),
        cmocka_unit_test(partial_reliability_by_time),
        cmocka_unit_test(an_outage_leaves_nothing_behind),
        cmocka_unit_test(shutdown_delivers_everything_first),
        cmocka_unit_test(abort_tells_the_peer_why),
        cmocka_unit_test(a_lost_abort_is_said_again),
        cmocka_unit_test(a_dead_peer_is_noticed),
        cmocka_unit_test(an_idle_association_lives_and_holds_nothing),
        cmocka_unit_test(a_restarted_peer_is_taken_back),
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(a_copy_is_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
