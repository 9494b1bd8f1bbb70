/* So many bytes per second leave, however the loop wakes; and what need not wait is paid for later. */
#include "core/pacer.h"
#include "test/support/support.h"

/* Bytes of packets of 1,200 that leave in a second of a loop that wakes every `each`. */
static uint64_t second(uint64_t rate, weir_duration each)
{
    struct weir_pacer p = { .rate = 0 };
    uint64_t bytes = 0;
    weir_pacer_set_rate(&p, WEIR_SEC, rate);
    for (weir_time now = WEIR_SEC; now < 2 * WEIR_SEC; now += each) {
        while (weir_pacer_may(&p, now)) {
            weir_pacer_sent(&p, now, 1200);
            bytes += 1200;
        }
    }
    return bytes;
}

static void the_rate_is_met_however_the_loop_wakes(void **state)
{
    (void)state;
    static const uint64_t rate[] = { 10000, 125000, 1250000, 12500000, 125000000, 1250000000 };
    static const weir_duration each[] = { 1, 50, 1000, 2000 };
    for (unsigned r = 0; r < sizeof rate / sizeof rate[0]; r++) {
        for (unsigned e = 0; e < sizeof each / sizeof each[0]; e++) {
            uint64_t sent = second(rate[r], each[e]), burst = rate[r] * WEIR_PACER_BURST / WEIR_SEC;
            assert_in_range(sent, rate[r] - 1200, rate[r] + burst + 2400);
        }
    }
}

static void without_a_rate_nothing_waits(void **state)
{
    (void)state;
    struct weir_pacer p = { .rate = 0 };
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(weir_pacer_may(&p, 5));
        weir_pacer_sent(&p, 5, 1500);
    }
    assert_int_equal(weir_pacer_next(&p), 0);
    weir_pacer_set_rate(&p, 5, 1000); /* and none of it is owed */
    assert_true(weir_pacer_may(&p, 5));
}

static void the_next_may_leave_when_it_says_and_no_sooner(void **state)
{
    (void)state;
    static const uint64_t rate[] = { 1, 333, 100000, 7777777, WEIR_PACER_RATE_MAX };
    for (unsigned r = 0; r < sizeof rate / sizeof rate[0]; r++) {
        struct weir_pacer p = { .rate = 0 };
        weir_time now = 3 * WEIR_SEC;
        weir_pacer_set_rate(&p, now, rate[r]);
        for (unsigned i = 0; i < 1000; i++) {
            while (weir_pacer_may(&p, now)) {
                weir_pacer_sent(&p, now, 1000 + i);
            }
            weir_time next = weir_pacer_next(&p);
            assert_true(next > now);
            assert_false(weir_pacer_may(&p, next - 1));
            assert_true(weir_pacer_may(&p, next));
            now = next;
        }
    }
}

static void what_did_not_wait_is_paid_by_what_does(void **state)
{
    (void)state;
    struct weir_pacer p = { .rate = 0 };
    weir_pacer_set_rate(&p, 0, 1000000);
    weir_pacer_sent(&p, 0, 100000); /* a tenth of a second */
    assert_false(weir_pacer_may(&p, 97 * WEIR_MS));
    assert_true(weir_pacer_may(&p, 98 * WEIR_MS)); /* but for the burst */
}

static void silence_saves_nothing(void **state)
{
    (void)state;
    struct weir_pacer p = { .rate = 0 };
    unsigned packets = 0;
    weir_pacer_set_rate(&p, 0, 1200000);
    for (; weir_pacer_may(&p, WEIR_SEC * 86400); packets++) {
        weir_pacer_sent(&p, WEIR_SEC * 86400, 1200);
    }
    assert_in_range(packets, 2, 3);
}

/* A message of ten packets after a silence does not wait; ten of them do. */
static void a_burst_of_bytes_leaves_at_once(void **state)
{
    (void)state;
    struct weir_pacer p = { .burst = 12000 };
    unsigned packets = 0;
    weir_pacer_set_rate(&p, 0, 100000);
    for (; weir_pacer_may(&p, WEIR_SEC); packets++) {
        weir_pacer_sent(&p, WEIR_SEC, 1200);
    }
    assert_in_range(packets, 11, 12);
    weir_time next = weir_pacer_next(&p);
    assert_true(next > WEIR_SEC);
    assert_false(weir_pacer_may(&p, next - 1));
    assert_true(weir_pacer_may(&p, next));
}

static void another_rate_pays_the_same_debt(void **state)
{
    (void)state;
    struct weir_pacer p = { .rate = 0 };
    weir_pacer_set_rate(&p, 0, 1000);
    weir_pacer_sent(&p, 0, 5000);
    weir_pacer_set_rate(&p, WEIR_SEC, 4000); /* 4,000 are owed: a second more, less the burst */
    assert_int_equal(weir_pacer_next(&p), 2 * WEIR_SEC - WEIR_PACER_BURST);
    weir_pacer_set_rate(&p, WEIR_SEC, WEIR_PACER_RATE_MAX + 1);
    assert_int_equal(p.rate, 0);
    assert_true(weir_pacer_may(&p, WEIR_SEC));
}

static void a_clock_that_stands_still_or_steps_back_pays_nothing(void **state)
{
    (void)state;
    struct weir_pacer p = { .rate = 0 };
    weir_pacer_set_rate(&p, WEIR_SEC, 1000000);
    weir_pacer_sent(&p, WEIR_SEC, 10000);
    weir_pacer_sent(&p, WEIR_SEC / 2, 10000);
    assert_int_equal(weir_pacer_next(&p), WEIR_SEC + 20 * WEIR_MS - WEIR_PACER_BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_met_however_the_loop_wakes),
        cmocka_unit_test(without_a_rate_nothing_waits),
        cmocka_unit_test(the_next_may_leave_when_it_says_and_no_sooner),
        cmocka_unit_test(what_did_not_wait_is_paid_by_what_does),
        cmocka_unit_test(silence_saves_nothing),
        cmocka_unit_test(a_burst_of_bytes_leaves_at_once),
        cmocka_unit_test(another_rate_pays_the_same_debt),
        cmocka_unit_test(a_clock_that_stands_still_or_steps_back_pays_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
