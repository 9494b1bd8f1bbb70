/* What connections have of the arenas of ICE over their life, and what they say when there is none left. */
#include "test/peer/peer_jsep.h"

/* Somebody else has the only block; and has it no more. */
static void take_block(struct sim *s, int of)
{
    assert_true(weir_arena_lease(&s->room[of].setups) == 0);
}

static void give_block(struct sim *s, int of)
{
    weir_arena_put(&s->room[of].setups, 0);
}

static uint32_t setups(const struct sim *s)
{
    return s->room[0].setups.leased + s->room[1].setups.leased;
}

/* A moment later nobody sets anything up, and nobody holds more than a few pages. */
static void are_idle(struct sim *s)
{
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s->state[i], WEIR_PEER_CONNECTED);
        assert_int_equal(s->room[i].setups.leased, 0);
        assert_true(s->room[i].pages.leased <= 4);
    }
}

static void a_connection_that_is_up_holds_no_block(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 16; how++) {
        const struct sim_options o = { .seed = 200 + how, .with_media = (how & 4) != 0,
                                       .no_sped = { (how & 1) != 0, (how & 2) != 0 },
                                       .is_lite = { false, (how & 8) != 0 } };
        struct sim *s = sim_open_with(&o);
        assert_int_equal(setups(s), 0);
        sim_introduce(s);
        assert_int_equal(s->room[0].setups.leased_most, 1);
        assert_int_equal(s->room[1].setups.leased_most, 1);
        sim_run(s, s->now + 5 * WEIR_SEC, true);
        assert_true(sim_is_open(s));
        are_idle(s);
        for (int round = 0; round < 6; round++) { /* restarts of either side, and descriptions alone */
            if (round < 4) {
                weir_peer_restart_ice(s->peer[round % 2]);
            }
            offer(s, round % 2);
            assert_int_equal(s->room[round % 2].setups.leased, 1);
            if (round % 4 == 3) {
                take_offer(s, 1 - round % 2);
                assert_int_equal(weir_peer_rollback(s->peer[0], s->now), WEIR_OK);
                assert_int_equal(weir_peer_rollback(s->peer[1], s->now), WEIR_OK);
            } else {
                answer(s, 1 - round % 2);
                take_answer(s, round % 2);
            }
            are_idle(s);
            check_data(s);
        }
        sim_close(s);
    }
}

/* Refused, and exactly as before; the same call is served when there is a block again. */
static void descriptions_are_refused_without_a_block(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 3; restarts++) {
        struct sim *s = restarts == 0 ? sim_open(210, false) : connected(210, WEIR_SDP_ACTIVE);
        struct weir_sdp_error error;
        struct weir_peer *was = malloc(sizeof *was);
        if (restarts != 0) {
            are_idle(s);
        }
        if (restarts == 2) {
            weir_peer_restart_ice(s->peer[0]);
        }
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
        take_block(s, 0);
        take_block(s, 1);
        memcpy(was, s->peer[0], sizeof *was);
        assert_int_equal(weir_peer_create_offer(s->peer[0], s->now, &w), WEIR_ERR_FULL);
        assert_memory_equal(was, s->peer[0], sizeof *was);
        w = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
        assert_int_equal(weir_peer_preview_offer(s->peer[0], s->now, &w), WEIR_OK);
        give_block(s, 0);
        offer(s, 0);
        weir_peer_progress(s->peer[1], s->now);
        memcpy(was, s->peer[1], sizeof *was);
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]), &error),
                         WEIR_ERR_FULL);
        assert_memory_equal(was, s->peer[1], sizeof *was);
        give_block(s, 1);
        answer(s, 1);
        take_answer(s, 0);
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        are_idle(s);
        free(was);
        sim_close(s);
    }
}

static void gathering_is_refused_without_a_block(void **state)
{
    (void)state;
    struct sim *s = sim_open(211, false);
    struct weir_addr server = weir_addr_v4(192, 0, 2, 9, 3478);
    assert_int_equal(weir_peer_add_stun_server(s->peer[0], s->now, &server), WEIR_OK);
    take_block(s, 0);
    assert_int_equal(weir_peer_gather(s->peer[0], s->now), WEIR_ERR_FULL);
    assert_false(weir_ice_has_gathered(&s->peer[0]->ice));
    give_block(s, 0);
    assert_int_equal(weir_peer_gather(s->peer[0], s->now), WEIR_OK);
    assert_int_equal(setups(s), 1);
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    assert_true(weir_ice_has_gathered(&s->peer[0]->ice));
    assert_int_equal(setups(s), 0);
    sim_close(s);
}

/* Blocks that others took in the middle: checks carry nothing, and DTLS goes by itself. */
static void the_handshake_goes_on_where_checks_cannot_carry_it(void **state)
{
    (void)state;
    struct sim *s = sim_open(212, false);
    sim_introduce(s);
    for (int i = 0; i < 2; i++) {
        weir_ice_embed_clear(&s->peer[i]->ice);
        weir_ice_tick(&s->peer[i]->ice, s->now);
        weir_ice_rest(&s->peer[i]->ice); /* as if it had never been leased */
        take_block(s, i);
    }
    sim_run(s, s->now + 10 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    check_data(s);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_ice_embed_info(&s->peer[i]->ice).tx_payloads, 0);
        assert_false(weir_ice_is_setting_up(&s->peer[i]->ice));
        give_block(s, i);
    }
    sim_close(s);
}

/* However a connection ends, its block is there for others at once, but for an offer that waits, or a hello
 * that waits for a restart. */
static void who_fails_or_ends_gives_its_block_back(void **state)
{
    (void)state;
    for (int how = 0; how < 5; how++) {
        struct sim *s = sim_open(213, false);
        if (how == 0) { /* the certificate is another */
            s->identity[1].fingerprint_sha256[7] ^= 1;
            sim_introduce(s);
            sim_run(s, s->now + 10 * WEIR_SEC, false);
            assert_int_equal(s->state[0], WEIR_PEER_FAILED);
            assert_int_equal(setups(s), 0);
        } else if (how == 1) { /* nobody is there */
            s->is_cut = true;
            sim_introduce(s);
            sim_run(s, s->now + 120 * WEIR_SEC, false);
            assert_int_equal(s->state[0], WEIR_PEER_FAILED);
            weir_peer_close(s->peer[0], s->now);
            weir_peer_close(s->peer[1], s->now);
        } else if (how == 2) { /* in the middle of a set-up */
            sim_introduce(s);
            weir_peer_close(s->peer[0], s->now);
            weir_peer_close(s->peer[1], s->now);
        } else if (how == 3) { /* while an offer waits */
            sim_introduce(s);
            sim_run(s, s->now + 5 * WEIR_SEC, true);
            offer(s, 0);
            assert_int_equal(s->room[0].setups.leased, 1);
            weir_peer_close(s->peer[0], s->now);
        } else { /* the network goes away during a restart */
            sim_introduce(s);
            sim_run(s, s->now + 5 * WEIR_SEC, true);
            weir_peer_restart_ice(s->peer[0]);
            negotiate(s, 0);
            s->is_cut = true;
            sim_run(s, s->now + 120 * WEIR_SEC, false);
            assert_int_equal(s->state[0], WEIR_PEER_FAILED);
        }
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(setups(s), 0);
        sim_close(s);
    }
}

/* Two peers that restart every minute for a day, from either side. */
static void a_day_of_restarts_holds_no_more_than_the_first_minute(void **state)
{
    (void)state;
    struct sim *s = connected(214, WEIR_SDP_ACTIVE);
    uint32_t most[2] = { 0 };
    for (unsigned i = 0; i < 24 * 60; i++) {
        weir_peer_restart_ice(s->peer[i & 1]);
        negotiate(s, (int)(i & 1));
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        for (int k = 0; k < 2; k++) {
            most[k] = i == 0 ? s->room[k].pages.leased_most : most[k];
            assert_int_equal(s->room[k].pages.leased_most, most[k]);
            assert_int_equal(s->room[k].setups.leased, 0);
        }
    }
    check_data(s);
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_is_up_holds_no_block),
        cmocka_unit_test(descriptions_are_refused_without_a_block),
        cmocka_unit_test(gathering_is_refused_without_a_block),
        cmocka_unit_test(the_handshake_goes_on_where_checks_cannot_carry_it),
        cmocka_unit_test(who_fails_or_ends_gives_its_block_back),
        cmocka_unit_test(a_day_of_restarts_holds_no_more_than_the_first_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
