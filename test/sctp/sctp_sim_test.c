/* Two associations over the simulated network: set-up, data, loss, ends. */
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

static void one_connects(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(2));
    assert_int_equal(weir_sctp_connect(&m->end[0].s, m->now), WEIR_OK);
    sim_run(m, 100 * WEIR_MS);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(m->end[1].s.state, WEIR_SCTP_ESTABLISHED);
    assert_true(m->packets <= 6);
    sim_free(m);
}

static void messages_arrive_whole_and_in_order(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 3, 4, 1159, 1160, 1161, 2320, 2321, 5000, 16384, 65536, 262144 };
    struct sim *m = raw_sim(test_seed(3));
    sim_connect(m);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned end = 0; end < 2; end++) {
            assert_int_equal(sim_write(m, end, (uint16_t)(i % 3), sizes[i], i, NULL), WEIR_OK);
        }
    }
    sim_run(m, 20 * WEIR_SEC);
    for (unsigned end = 0; end < 2; end++) {
        struct sim_end *e = &m->end[end];
        assert_int_equal(e->got_count, sizeof sizes / sizeof sizes[0]);
        for (uint32_t i = 0; i < e->got_count; i++) {
            bool is_found = false;
            for (uint32_t k = 0; k < e->got_count; k++) {
                is_found |= e->got[k].bytes == sizes[i] && e->got[k].digest == sim_expected(sizes[i], i);
            }
            assert_true(is_found);
        }
    }
    sim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_connect_at_once),
        cmocka_unit_test(one_connects),
        cmocka_unit_test(messages_arrive_whole_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
