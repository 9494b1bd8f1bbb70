/* The timing wheel against a plain list: nothing early, nothing lost, nothing late by more than a tick. */
#include "peer/node_int.h"
#include "test/support/support.h"

enum { TIMERS = 500, TICK_US = 64 };

static struct node_timers wheel;
static struct node_timer memory[TIMERS];
static weir_time model[TIMERS];

static void begin(weir_time now)
{
    weir_timers_init(&wheel, now, TIMERS, memory);
    for (int i = 0; i < TIMERS; i++) {
        model[i] = WEIR_NEVER;
    }
}

static void set(uint32_t slot, weir_time deadline)
{
    model[slot] = deadline;
    weir_timers_set(&wheel, slot, deadline);
}

static void expire_and_compare(weir_time now)
{
    uint32_t slot;
    while (weir_timers_expire(&wheel, now, &slot)) {
        assert_true(slot < TIMERS);
        assert_true(model[slot] <= now);
        model[slot] = WEIR_NEVER;
    }
    weir_time next = weir_timers_next(&wheel), least = WEIR_NEVER;
    for (int i = 0; i < TIMERS; i++) {
        assert_true(model[i] == WEIR_NEVER || model[i] + TICK_US > now);
        least = weir_time_min(least, model[i]);
    }
    /* Never asleep past the first deadline by more than a tick, nor awake without one. */
    assert_true(least == WEIR_NEVER ? next == WEIR_NEVER : next < least + TICK_US);
}

static weir_duration some_delay(struct weir_rand *r)
{
    return weir_rand_u64(r) >> (24 + weir_rand_below(r, 40));
}

static void any_mix_of_deadlines_fires_in_time(void **state)
{
    (void)state;
    struct weir_rand r;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        weir_rand_init_number(&r, test_seed(seed));
        weir_time now = weir_rand_u64(&r) >> weir_rand_below(&r, 63) >> 1;
        begin(now);
        for (int step = 0; step < 3000; step++) {
            uint32_t slot = weir_rand_below(&r, TIMERS);
            switch (weir_rand_below(&r, 8)) {
            case 0:
                set(slot, WEIR_NEVER);
                break;
            case 1:
                set(slot, now > 1000 ? now - 1000 : 0); /* due already */
                break;
            case 2:
                now += some_delay(&r) >> 12;
                expire_and_compare(now);
                break;
            case 3:
                if (weir_timers_next(&wheel) != WEIR_NEVER && weir_timers_next(&wheel) > now) {
                    now = weir_timers_next(&wheel);
                }
                expire_and_compare(now);
                break;
            default:
                set(slot, now + some_delay(&r));
                break;
            }
        }
    }
}

static void a_sleeper_wakes_at_most_once_per_level(void **state)
{
    (void)state;
    uint32_t slot;
    for (weir_duration ahead = 1; ahead < 3600 * WEIR_SEC; ahead = ahead * 3 + 1) {
        unsigned wakes = 0;
        weir_time now = 987654321;
        begin(now);
        set(0, now + ahead);
        while (!weir_timers_expire(&wheel, now, &slot)) {
            now = weir_timers_next(&wheel);
            wakes++;
        }
        assert_true(wakes <= NODE_TIMER_LEVELS);
        assert_true(now >= 987654321 + ahead && now < 987654321 + ahead + TICK_US);
    }
}

static void beyond_the_top_level_it_waits_its_time(void **state)
{
    (void)state;
    uint32_t slot;
    weir_time now = 5, deadline = (weir_time)1 << 50;
    unsigned rounds = 0;
    begin(now);
    weir_timers_set(&wheel, 7, deadline);
    while (!weir_timers_expire(&wheel, now, &slot)) {
        now = weir_timers_next(&wheel);
        assert_true(++rounds < 300);
    }
    assert_int_equal(now, deadline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_mix_of_deadlines_fires_in_time),
        cmocka_unit_test(a_sleeper_wakes_at_most_once_per_level),
        cmocka_unit_test(beyond_the_top_level_it_waits_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
