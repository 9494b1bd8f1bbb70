/* What only the set-up of a connection needs comes from an arena that peers share, and comes back: when the
 * connection stands, when it came to nothing, and when it is over. Where the arena is empty a peer waits. */
#include "peer/peer_int.h"
#include "test/sim/sim.h"
#include "test/support/support.h"

enum { CALLER, CALLEE };

static void a_connection_that_stands_has_no_block(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct sim_options options = { .seed = 9800 + i, .with_media = i % 2 != 0,
                                             .no_sped = { i / 2 != 0, i / 2 != 0 } };
        struct sim *s = sim_open_with(&options);
        assert_int_equal(s->handshakes.leased, 0);
        sim_introduce(s);
        sim_run(s, s->now + 20 * WEIR_SEC, true);
        assert_true(sim_is_open(s));
        assert_int_equal(s->handshakes.leased_most, 2);
        sim_run(s, s->now + 2 * WEIR_SEC, false);
        assert_int_equal(s->handshakes.leased, 0);
        assert_int_equal(sim_send(s, CALLER, 1000), WEIR_OK);
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(s->messages[CALLEE], 1);
        assert_int_equal(s->handshakes.leased, 0);
        sim_close(s);
    }
}

/* Others have the blocks, for a second or for good. */
static void without_a_block_a_peer_waits_for_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        const struct sim_options options = { .seed = 9810 + i, .no_sped = { i % 2 != 0, i % 2 != 0 } };
        struct sim *s = sim_open_with(&options);
        unsigned count = 1 + i / 2 % 2;
        bool is_for_good = i / 4 != 0;
        uint32_t taken[2];
        for (unsigned k = 0; k < count; k++) {
            taken[k] = weir_arena_lease(&s->handshakes);
        }
        sim_introduce(s);
        sim_run(s, s->now + WEIR_SEC, true);
        assert_false(sim_is_open(s));
        assert_true(s->handshakes.refusals != 0);
        assert_true(s->handshakes.refusals < 100); /* nobody spins */
        if (is_for_good) {
            sim_run(s, s->now + 130 * WEIR_SEC, false);
            assert_true(s->state[CALLER] == WEIR_PEER_FAILED || s->state[CALLEE] == WEIR_PEER_FAILED);
            assert_int_equal(s->handshakes.leased, count);
        }
        for (unsigned k = 0; k < count; k++) {
            weir_arena_put(&s->handshakes, taken[k]);
        }
        if (!is_for_good) {
            sim_run(s, s->now + 8 * WEIR_SEC, true);
            assert_true(sim_is_open(s));
            sim_run(s, s->now + 2 * WEIR_SEC, false);
            assert_int_equal(s->handshakes.leased, 0);
        }
        sim_close(s);
    }
}

/* Nothing arrives, from the beginning or from the middle of the set-up on: no block is held for ever, though
 * nobody closes the peer that failed. */
static void a_set_up_that_comes_to_nothing_gives_its_block_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        const struct sim_options options = { .seed = 9830 + i, .no_sped = { i % 2 != 0, i % 2 != 0 } };
        struct sim *s = sim_open_with(&options);
        sim_introduce(s);
        sim_run(s, s->now + i / 2 * 8 * WEIR_MS, false);
        s->is_cut = true;
        sim_run(s, s->now + 200 * WEIR_SEC, false);
        for (int who = 0; who < 2; who++) {
            assert_int_equal(s->state[who], WEIR_PEER_FAILED);
            assert_int_equal(weir_peer_deadline(s->peer[who]), WEIR_NEVER);
        }
        assert_int_equal(s->handshakes.leased, 0);
        sim_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_stands_has_no_block),
        cmocka_unit_test(without_a_block_a_peer_waits_for_one),
        cmocka_unit_test(a_set_up_that_comes_to_nothing_gives_its_block_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
