/* Two associations over the simulated network: data under loss, reordering and giving up. Each
 * scenario can be run again with WEIR_SEED. */
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
        assert_int_equal(m->end[end].s.tx_cells, 0);
        assert_int_equal(m->end[end].s.rx_cells, 0);
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

/* A chunk whose fast retransmission is lost as well is found again without a timeout, as long as
 * new data goes on. */
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
    assert_int_equal(m->end[0].s.tx_cells, 0);
    assert_int_equal(m->end[1].s.rx_cells, 0);
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
    assert_int_equal(m->end[0].s.tx_cells, 0);
    assert_int_equal(sim_write(m, 0, 1, 7, 0, NULL), WEIR_OK);
    sim_run(m, 2 * WEIR_SEC);
    assert_true(has_got(&m->end[1], 7, 0));
    sim_free(m);
}

/* A life of zero: what finds the window open leaves once, whole, however late the sender looks, and is not
 * sent again; what has to wait is dropped [RFC 3758 3.5 A1]. */
static void a_life_of_zero_is_one_transmission(void **state)
{
    (void)state;
    static const size_t sizes[] = { 10, 1160, 5000 };
    struct weir_sctp_send_opts opts = { 0 };
    opts.has_lifetime = true;
    for (unsigned k = 0; k < 3; k++) {
        struct sim *m = raw_sim(test_seed(33 + k));
        sim_connect(m);
        for (uint32_t i = 0; i < 20; i++) {
            assert_int_equal(sim_write(m, 0, 1, sizes[k], i, &opts), WEIR_OK);
            m->now += i % 3 * WEIR_MS;
            sim_run(m, 50 * WEIR_MS);
        }
        assert_int_equal(m->end[1].got_count, 20);
        m->is_cut = true;
        assert_int_equal(sim_write(m, 0, 1, sizes[k], 20, &opts), WEIR_OK);
        sim_run(m, 20 * WEIR_MS);
        m->is_cut = false;
        sim_run(m, 10 * WEIR_SEC);
        assert_int_equal(m->end[1].got_count, 20);
        assert_int_equal(m->end[0].s.counters.rtx_chunks, 0);
        sim_free(m);
    }
}

static void a_life_of_zero_does_not_wait_for_the_window(void **state)
{
    (void)state;
    struct weir_sctp_send_opts opts = { 0 };
    opts.has_lifetime = true;
    struct sim *m = raw_sim(test_seed(36));
    sim_connect(m);
    assert_int_equal(sim_write(m, 0, 1, 100000, 0, NULL), WEIR_OK); /* more than the first window */
    assert_int_equal(sim_write(m, 0, 2, 10, 1, &opts), WEIR_OK);
    sim_run(m, 10 * WEIR_SEC);
    assert_int_equal(m->end[1].got_count, 1);
    assert_true(has_got(&m->end[1], 100000, 0));
    assert_int_equal(m->end[0].s.tx_cells, 0);
    sim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(a_life_of_zero_is_one_transmission),
        cmocka_unit_test(a_life_of_zero_does_not_wait_for_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
