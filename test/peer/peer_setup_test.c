/* How long a set-up takes on a path that loses packets: from the moment at which the offer leaves to the
 * first message that each side hears, over many seeds. Time is virtual: a seed gives the same figure on
 * every machine.
 *
 *   peer_setup_test --seeds N   prints the distribution of every combination as a table, and fails like the
 *                               tests do
 */
#include "test/sim/sim.h"
#include "test/support/support.h"

#define ONE_WAY (50 * WEIR_MS)
#define LOSS 100 /* of 1,000 */
#define SEEDS 60

/* -- One set-up -------------------------------------------------------------------------------- */

struct way {
    bool is_answerer_passive, with_negotiated, without;
};

static bool has_heard(const struct sim *s, int i)
{
    return s->peer[i]->timeline.first_message != WEIR_NEVER;
}

/* First message at the callee and at the caller. False when that takes more than a minute. */
static bool set_up(const struct way *w, uint64_t seed, unsigned loss, weir_duration took[2])
{
    struct sim_options o = { .seed = seed, .no_sped = { w->without, w->without },
                             .no_snap = { w->without, w->without },
                             .setup = w->is_answerer_passive ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE };
    struct sim *s = sim_open_with(&o);
    const struct sim_meeting m = { .signal = ONE_WAY, .with_negotiated = w->with_negotiated };
    weir_time begin = s->now;
    s->link.delay = ONE_WAY;
    s->link.loss = loss;
    s->greets[0] = s->greets[1] = true;
    sim_meet(s, &m);
    while (s->now < begin + 60 * WEIR_SEC && !(has_heard(s, 0) && has_heard(s, 1))) {
        sim_run(s, s->now + WEIR_MS, false);
    }
    bool heard = has_heard(s, 0) && has_heard(s, 1);
    for (int i = 0; i < 2 && heard; i++) {
        took[i] = s->peer[1 - i]->timeline.first_message - begin;
    }
    sim_close(s);
    return heard;
}

/* -- Many -------------------------------------------------------------------------------------- */

struct spread {
    size_t failed;
    weir_duration p50, p95, p99, max;
};

static int by_size(const void *a, const void *b)
{
    const weir_duration *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static struct spread spread_of(weir_duration *list, size_t n)
{
    qsort(list, n, sizeof *list, by_size);
    return (struct spread){ .p50 = list[n / 2], .p95 = list[n * 95 / 100], .p99 = list[n * 99 / 100],
                            .max = list[n - 1] };
}

/* When the first of the two sides has heard something, and when both have. */
static void measure(const struct way *w, size_t seeds, struct spread out[2])
{
    weir_duration *list[2] = { calloc(seeds, sizeof **list), calloc(seeds, sizeof **list) };
    size_t failed = 0;
    assert_true(list[0] != NULL && list[1] != NULL);
    for (size_t i = 0; i < seeds; i++) {
        weir_duration took[2] = { WEIR_NEVER, WEIR_NEVER };
        failed += !set_up(w, i + 1, LOSS, took);
        list[0][i] = took[0] < took[1] ? took[0] : took[1];
        list[1][i] = took[0] < took[1] ? took[1] : took[0];
    }
    for (int i = 0; i < 2; i++) {
        out[i] = spread_of(list[i], seeds);
        out[i].failed = failed;
        free(list[i]);
    }
}

static bool is_within(const struct spread *s, weir_duration p50, weir_duration p95)
{
    return s->failed == 0 && s->p50 <= p50 && s->p95 <= p95;
}

/* What may be asked of a path with a round trip of 100 ms that loses every tenth packet. */
static bool is_fast(const struct spread s[2])
{
    return is_within(&s[1], 350 * WEIR_MS, 900 * WEIR_MS);
}

static int print_table(size_t seeds)
{
    int bad = 0;
    printf("| set-up | DTLS client | channel | one side has heard: p50, p95, p99, most | both have |\n"
           "|---|---|---|---|---|\n");
    for (int i = 0; i < 8; i++) {
        const struct way w = { (i & 1) != 0, (i & 2) != 0, (i & 4) != 0 };
        struct spread s[2];
        measure(&w, seeds, s);
        printf("| %s | %s | %s", w.without ? "plain" : "SPED, SNAP",
               w.is_answerer_passive ? "offerer" : "answerer", w.with_negotiated ? "negotiated" : "in band");
        for (int k = 0; k < 2; k++) {
            printf(" | %u, %u, %u, %u", (unsigned)(s[k].p50 / WEIR_MS), (unsigned)(s[k].p95 / WEIR_MS),
                   (unsigned)(s[k].p99 / WEIR_MS), (unsigned)(s[k].max / WEIR_MS));
        }
        printf(" |\n");
        bad |= s[0].failed != 0 || (!w.without && !is_fast(s));
    }
    return bad;
}

/* -- As tests ---------------------------------------------------------------------------------- */

static void a_path_that_loses_a_tenth_takes_little_longer(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct way w = { .is_answerer_passive = (i & 1) != 0, .with_negotiated = (i & 2) != 0 };
        struct spread s[2];
        measure(&w, SEEDS, s);
        if (!is_fast(s)) {
            fail_msg("way %d: p50 %u ms, p95 %u ms, %zu never", i, (unsigned)(s[1].p50 / WEIR_MS),
                     (unsigned)(s[1].p95 / WEIR_MS), s[1].failed);
        }
    }
}

static void what_speeds_it_up_never_slows_it_down(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct way w = { .is_answerer_passive = (i & 1) != 0, .with_negotiated = (i & 2) != 0 };
        struct spread with[2], without[2];
        measure(&w, SEEDS, with);
        w.without = true;
        measure(&w, SEEDS, without);
        assert_int_equal(without[0].failed, 0);
        for (int k = 0; k < 2; k++) {
            assert_true(with[k].p50 <= without[k].p50 && with[k].p95 <= without[k].p95);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_that_loses_a_tenth_takes_little_longer),
        cmocka_unit_test(what_speeds_it_up_never_slows_it_down),
    };
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        size_t seeds = strtoul(argv[2], NULL, 10);
        return seeds != 0 ? print_table(seeds) : 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
