/* What an application says between descriptions waits for its turn, and spoils none that is on its way. */
#include "test/peer/peer_jsep.h"

static uint8_t add(struct sim *s, int to, enum weir_sdp_kind kind)
{
    uint8_t media;
    assert_int_equal(weir_peer_add_media(s->peer[to], kind, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    return media;
}

static enum weir_sdp_kind kind_at(const struct sim *s, int of, unsigned media)
{
    assert_true(media < s->peer[of]->medias);
    return weir_peer_media_at(s->peer[of], media)->kind;
}

static bool is_live(const struct sim *s, unsigned media)
{
    return weir_peer_media_at(s->peer[0], media)->is_accepted && weir_peer_media_at(s->peer[1], media)->is_accepted;
}

/* -- A section that waits ---------------------------------------------------------------------- */

/* [RFC 8829 5.10] It is in nobody's way, and comes with our next offer. */
static void a_section_that_waits_hinders_no_offer_of_the_peers(void **state)
{
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        struct sim *s = connected(31, WEIR_SDP_ACTIVE);
        uint8_t media = add(s, 1, WEIR_SDP_AUDIO);
        if (stops != 0) {
            assert_int_equal(weir_peer_stop_media(s->peer[1], media), WEIR_OK);
        }
        for (int i = 0; i < 3; i++) {
            negotiate(s, 0);
            assert_int_equal(s->peer[0]->medias, 2);
        }
        check_data(s);
        negotiate(s, 1);
        assert_int_equal(s->peer[0]->medias, 3);
        assert_true(is_live(s, media) == (stops == 0));
        sim_close(s);
    }
}

/* A section that the peer's offer brings is taken for one of ours that waits, if it is of its kind; the others go
 * on waiting behind it. */
static void a_section_of_the_peers_takes_the_one_that_waits(void **state)
{
    (void)state;
    struct sim *s = connected(32, WEIR_SDP_ACTIVE);
    add(s, 1, WEIR_SDP_VIDEO);
    add(s, 1, WEIR_SDP_AUDIO);
    uint32_t ssrc[2] = { weir_peer_media_at(s->peer[1], 2)->ssrc, weir_peer_media_at(s->peer[1], 3)->ssrc };
    add(s, 0, WEIR_SDP_AUDIO);
    negotiate(s, 0);
    assert_int_equal(kind_at(s, 1, 2), WEIR_SDP_AUDIO);
    assert_int_equal(weir_peer_media_at(s->peer[1], 2)->ssrc, ssrc[1]);
    assert_true(is_live(s, 2));
    assert_int_equal(s->peer[0]->medias, 3);
    negotiate(s, 1);
    assert_int_equal(kind_at(s, 0, 3), WEIR_SDP_VIDEO);
    assert_int_equal(weir_peer_media_at(s->peer[1], 3)->ssrc, ssrc[0]);
    assert_true(is_live(s, 3));
    assert_int_equal(s->peer[0]->medias, 4);
    check_data(s);
    sim_close(s);
}

/* The same before anything was agreed on. */
static void what_the_answerer_wants_comes_with_its_own_offer(void **state)
{
    (void)state;
    struct sim *s = sim_open(33, true);
    add(s, 1, WEIR_SDP_AUDIO);
    add(s, 1, WEIR_SDP_VIDEO);
    add(s, 0, WEIR_SDP_VIDEO);
    negotiate(s, 0); /* video and data */
    assert_int_equal(kind_at(s, 1, 0), WEIR_SDP_VIDEO);
    assert_int_equal(kind_at(s, 1, 1), WEIR_SDP_DATA);
    negotiate(s, 1);
    assert_int_equal(s->peer[0]->medias, 3);
    assert_int_equal(kind_at(s, 0, 2), WEIR_SDP_AUDIO);
    assert_true(is_live(s, 0) && is_live(s, 2));
    sim_close(s);
}

/* In a place that became free, too. */
static void a_free_place_waits_as_well(void **state)
{
    (void)state;
    struct sim *s = connected(34, WEIR_SDP_ACTIVE);
    assert_int_equal(add(s, 0, WEIR_SDP_VIDEO), 2);
    negotiate(s, 0);
    assert_int_equal(weir_peer_stop_media(s->peer[0], 2), WEIR_OK);
    negotiate(s, 0);
    assert_int_equal(add(s, 1, WEIR_SDP_AUDIO), 2);
    negotiate(s, 0); /* offers the place with port 0 */
    assert_false(is_live(s, 2));
    negotiate(s, 1);
    assert_true(is_live(s, 2));
    assert_int_equal(s->peer[0]->medias, 3);
    sim_close(s);
}

/* -- While a description is on its way --------------------------------------------------------- */

static void an_answer_is_judged_by_the_offer_as_it_was_written(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct sim *s = connected(35, WEIR_SDP_ACTIVE);
        offer(s, 0);
        if (how != 1) {
            assert_int_equal(weir_peer_stop_media(s->peer[0], 0), WEIR_OK);
        }
        if (how != 0) {
            assert_int_equal(add(s, 0, WEIR_SDP_AUDIO), 2);
        }
        answer(s, 1);
        take_answer(s, 0);
        assert_int_equal(s->peer[0]->medias, how == 0 ? 2 : 3);
        assert_true(is_live(s, 0) == (how == 1)); /* nothing goes out there any more */
        negotiate(s, 0);
        assert_true(is_live(s, 0) == (how == 1));
        assert_true(how == 0 || is_live(s, 2));
        check_data(s);
        sim_close(s);
    }
}

/* [RFC 8829 5.3.1] Before the answer is written it may still say so. */
static void what_the_answerer_stopped_is_rejected(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        struct sim *s = connected(36, WEIR_SDP_ACTIVE);
        if (early != 0) {
            assert_int_equal(weir_peer_stop_media(s->peer[1], 0), WEIR_OK);
        }
        offer(s, 0);
        take_offer(s, 1);
        if (early == 0) {
            assert_int_equal(weir_peer_stop_media(s->peer[1], 0), WEIR_OK);
            assert_int_equal(weir_peer_stop_media(s->peer[1], 0), WEIR_ERR_ARG);
        }
        write_answer(s, 1);
        take_answer(s, 0);
        assert_true(says(1, "m=video 0 "));
        assert_true(weir_peer_media_at(s->peer[0], 0)->is_free && weir_peer_media_at(s->peer[1], 0)->is_free);
        check_data(s);
        sim_close(s);
    }
}

/* -- The first answer is lost ------------------------------------------------------------------ */

/* [RFC 8829 5.2.1] The next offer can begin anew, though nothing was ever agreed on. */
static void a_lost_first_answer_is_not_the_end(void **state)
{
    (void)state;
    struct sim *s = sim_open(37, false);
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("sim"), .priority = 256 };
    assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &s->channel[0]), WEIR_OK);
    offer(s, 0);
    take_offer(s, 1);
    write_answer(s, 1);
    sim_run(s, s->now + 45 * WEIR_SEC, false);
    weir_peer_restart_ice(s->peer[0]);
    negotiate(s, 0);
    sim_run(s, s->now + 10 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    check_data(s);
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_that_waits_hinders_no_offer_of_the_peers),
        cmocka_unit_test(a_section_of_the_peers_takes_the_one_that_waits),
        cmocka_unit_test(what_the_answerer_wants_comes_with_its_own_offer),
        cmocka_unit_test(a_free_place_waits_as_well),
        cmocka_unit_test(an_answer_is_judged_by_the_offer_as_it_was_written),
        cmocka_unit_test(what_the_answerer_stopped_is_rejected),
        cmocka_unit_test(a_lost_first_answer_is_not_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
