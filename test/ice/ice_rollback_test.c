/* A generation that is taken back, and whose candidates are whose. */
#include "test/ice/ice_script.h"

static bool goes_to(const struct weir_ice *ice, const struct weir_path *want)
{
    struct weir_path path;
    return weir_ice_selected(ice, &path) && weir_path_eq(&path, want);
}

static bool has_candidate(const struct weir_ice *ice, const struct weir_addr *a)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->remotes; i++) {
        is_any |= weir_addr_eq(&weir_ice_remote_at(ice, i)->addr, a);
    }
    return is_any;
}

static void credentials_are(const struct weir_ice *ice, const struct weir_ice_own *ufrag,
                            const struct weir_ice_own *pwd)
{
    assert_memory_equal(&ice->local_ufrag, ufrag, sizeof *ufrag);
    assert_memory_equal(&ice->local_pwd, pwd, sizeof *pwd);
}

/* -- Without a restart ------------------------------------------------------------------------- */

static void what_only_the_description_named_goes_and_what_is_proven_stays(void **state)
{
    (void)state;
    static struct script s;
    const struct saying check = { .is_controlling = true };
    connect(&s);
    struct weir_addr before = weir_addr_v4(10, 0, 0, 19, 4000);
    add_peer_candidate(&s, &before, 40); /* nothing is known of it but what an earlier description said */
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    struct weir_addr named[3];
    for (unsigned i = 0; i < 3; i++) {
        named[i] = weir_addr_v4(10, 0, 0, 20, (uint16_t)(4000 + i));
        add_peer_candidate(&s, &named[i], 50 + i);
    }
    weir_ice_remote_done(&s.ice, s.now);
    struct weir_path proven = { s.path.local, named[1] }, found = { s.path.local, named[1] };
    found.remote.port = 5000;
    assert_int_equal(tell_from(&s, &check, &proven), WEIR_ICE_OK);
    assert_int_equal(tell_from(&s, &check, &found), WEIR_ICE_OK);
    assert_int_equal(s.ice.remotes, 6);
    weir_ice_roll_back(&s.ice, s.now, false);
    drain_events(&s);
    assert_int_equal(s.ice.remotes, 4);
    assert_true(has_candidate(&s.ice, &before));
    assert_false(s.ice.is_remote_done || s.ice.is_held);
    assert_true(goes_to(&s.ice, &s.path));
    assert_int_equal(s.ice.state, WEIR_ICE_COMPLETED);
    for (uint32_t i = 0; i < s.ice.pairs; i++) {
        const struct weir_addr *a = &weir_ice_remote_at(&s.ice, weir_ice_pair_at(&s.ice, i)->remote)->addr;
        assert_true(!weir_addr_eq(a, &named[0]) && !weir_addr_eq(a, &named[2]));
    }
    weir_ice_roll_back(&s.ice, s.now, false); /* nothing waits: nothing happens */
    assert_int_equal(s.ice.remotes, 4);
}

/* That there are no more was said before, and stays said; with a restart in between, too. */
static void the_end_of_candidates_is_of_its_generation(void **state)
{
    (void)state;
    static struct script s;
    for (int restarts = 0; restarts < 2; restarts++) {
        connect(&s);
        weir_ice_remote_done(&s.ice, s.now);
        assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
        if (restarts != 0) {
            assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
            assert_false(s.ice.is_remote_done);
        }
        weir_ice_roll_back(&s.ice, s.now, false);
        assert_true(s.ice.is_remote_done);
        drain_events(&s);
    }
}

/* [RFC 8829 5.7] The first description of the peer's, taken back: nobody is known. And the first of ours: nobody
 * knows us. */
static void the_first_one_leaves_an_agent_that_is_new(void **state)
{
    (void)state;
    static struct script s;
    for (int announced = 0; announced < 2; announced++) {
        const struct saying check = { .is_controlling = true, .with_nomination = true };
        begin_with(&s, false, false);
        struct weir_ice_own ufrag = s.ice.local_ufrag, pwd = s.ice.local_pwd;
        assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
        if (announced == 0) {
            assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD),
                                                 false), WEIR_OK);
            add_peer_candidate(&s, &s.path.remote, 100);
            assert_true(hear_request(&s));
            assert_int_equal(succeed(&s), WEIR_ICE_OK);
        }
        assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
        assert_int_equal(s.ice.remotes, 1);
        weir_ice_roll_back(&s.ice, s.now, announced != 0);
        drain_events(&s);
        assert_int_equal(s.ice.state, WEIR_ICE_NEW);
        assert_int_equal(s.ice.remotes + s.ice.pairs, 0);
        assert_false(s.ice.has_remote || s.ice.consent.is_on);
        assert_int_equal(weir_ice_deadline(&s.ice), 0); /* the block goes back with the next tick */
        assert_false(hear_request(&s));
        assert_int_equal(s.room.setups.leased, 0);
        assert_true(weir_ice_deadline(&s.ice) == WEIR_NEVER);
        if (announced == 0) {
            credentials_are(&s.ice, &ufrag, &pwd);
        } else {
            assert_memory_not_equal(&ufrag, &s.ice.local_ufrag, sizeof ufrag);
            assert_memory_not_equal(&pwd, &s.ice.local_pwd, sizeof pwd);
        }
        assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT("else"),
                                             WEIR_LIT("another-password-of-24-ch"), false), WEIR_OK);
        assert_int_equal(s.ice.state, WEIR_ICE_CHECKING);
    }
}

/* -- With one ---------------------------------------------------------------------------------- */

/* Many candidates, of which the last has worked; then a restart that waits. */
static void restart_with_many(struct script *s, struct weir_path *works)
{
    connect(s);
    for (unsigned i = 0; i < 25; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, 30, (uint16_t)(4000 + i));
        add_peer_candidate(s, &a, 50 + i);
    }
    *works = (struct weir_path){ s->path.local, weir_addr_v4(10, 0, 0, 30, 4024) };
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    s->now += 5 * WEIR_SEC; /* the peer settled elsewhere */
    assert_int_equal(tell_from(s, &nominates, works), WEIR_ICE_OK);
    struct weir_stun_msg m;
    struct weir_path to;
    do {
        s->now += 20 * WEIR_MS;
        assert_true(hear(s, WEIR_STUN_REQUEST, &m, &to));
    } while (!weir_path_eq(&to, works));
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s->last_txid };
    assert_int_equal(tell_from(s, &success, works), WEIR_ICE_OK);
    assert_true(goes_to(&s->ice, works));
    drain_events(s);
    assert_int_equal(weir_ice_hold(&s->ice), WEIR_OK);
    assert_int_equal(weir_ice_restart(&s->ice, s->now), WEIR_OK);
    drain_events(s);
}

static void the_path_of_before_goes_on_with_the_consent_that_it_has(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path works;
    restart_with_many(&s, &works);
    struct weir_ice_own old_ufrag = s.room.setup.old.local_ufrag, old_pwd = s.room.setup.old.local_pwd;
    struct weir_ice_own told = s.ice.local_ufrag;
    assert_true(goes_to(&s.ice, &works));
    assert_int_equal(s.ice.state, WEIR_ICE_CHECKING);
    s.now += 2 * WEIR_SEC;
    weir_time expire_at = s.ice.consent.expire_at;
    assert_true(expire_at < s.now + 30 * WEIR_SEC);
    weir_ice_roll_back(&s.ice, s.now, false);
    credentials_are(&s.ice, &old_ufrag, &old_pwd);
    assert_memory_not_equal(&told, &s.ice.local_ufrag, sizeof told);
    assert_true(goes_to(&s.ice, &works));
    assert_int_equal(s.ice.state, WEIR_ICE_COMPLETED);
    assert_true(s.ice.consent.expire_at == expire_at);
    assert_true(weir_ice_pair_at(&s.ice, s.ice.selected)->is_nominated);
    assert_int_equal(s.ice.remotes, WEIR_ICE_KEPT_MAX);
    assert_int_equal(s.ice.pairs, WEIR_ICE_KEPT_MAX);
    assert_false(s.ice.old.is_known || s.ice.is_held);
    struct weir_ice_event e;
    while (weir_ice_event(&s.ice, &e)) { /* data goes where it went */
        assert_int_not_equal(e.type, WEIR_ICE_EVENT_SELECTED);
    }
    struct weir_stun_msg m;
    struct weir_path to;
    assert_true(hear(&s, WEIR_STUN_REQUEST, &m, &to)); /* and consent is asked for there, at once */
    assert_true(weir_path_eq(&to, &works));
    assert_true(weir_ice_check(&s.ice));
}

/* The new generation had taken over before it was taken back: data returns. */
static void data_returns_from_the_path_of_the_new_generation(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                     WEIR_OK);
    struct weir_path first = s.path;
    s.path.remote.port++;
    add_peer_candidate(&s, &s.path.remote, 100);
    s.now += WEIR_SEC;
    struct weir_stun_msg m;
    struct weir_path to;
    do {
        s.now += 20 * WEIR_MS;
        assert_true(hear(&s, WEIR_STUN_REQUEST, &m, &to));
    } while (!weir_path_eq(&to, &s.path));
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_true(goes_to(&s.ice, &s.path));
    s.now += 10 * WEIR_SEC; /* the path of before is forgotten by now */
    weir_ice_tick(&s.ice, s.now);
    drain_events(&s);
    const struct saying check = { .is_controlling = true };
    assert_int_equal(tell(&s, &check), WEIR_ICE_OK); /* an answer is owed, under a password that goes */
    weir_ice_roll_back(&s.ice, s.now, false);
    assert_true(goes_to(&s.ice, &first));
    assert_int_equal(s.ice.remotes, 1);
    assert_int_equal(s.ice.pairs, 1);
    assert_false(hear(&s, WEIR_STUN_SUCCESS, &m, &to));
    bool is_told = false;
    struct weir_ice_event e;
    while (weir_ice_event(&s.ice, &e)) {
        is_told |= e.type == WEIR_ICE_EVENT_SELECTED && weir_path_eq(&e.path, &first);
    }
    assert_true(is_told && weir_ice_check(&s.ice));
}

/* [RFC 7675 5.1] Nobody consented meanwhile: going back proves nothing. */
static void consent_that_is_over_is_not_brought_back(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    for (unsigned i = 0; i < 100; i++) {
        s.now += 500 * WEIR_MS;
        (void)hear_request(&s);
    }
    assert_false(weir_ice_may_send(&s.ice));
    assert_int_equal(s.ice.state, WEIR_ICE_CHECKING);
    weir_ice_roll_back(&s.ice, s.now, false);
    assert_int_equal(s.ice.state, WEIR_ICE_FAILED);
    assert_int_equal(weir_ice_failure(&s.ice), WEIR_ICE_FAILURE_CONSENT);
    assert_true(weir_ice_compare_agreed(&s.ice, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD))
                == WEIR_ICE_THE_SAME);
    drain_events(&s);
}

/* What had failed has failed, what was closed is closed, and what had only begun goes on checking. */
static void every_state_is_what_it_was(void **state)
{
    (void)state;
    static struct script s;
    for (int which = 0; which < 3; which++) {
        begin_asking(&s, true);
        if (which == 0) {
            s.now += 60 * WEIR_SEC;
            for (unsigned i = 0; i < 60 && s.ice.state != WEIR_ICE_FAILED; i++) {
                s.now += WEIR_SEC;
                (void)hear_request(&s);
            }
            assert_int_equal(s.ice.state, WEIR_ICE_FAILED);
        }
        assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
        assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
        assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK); /* twice is as once */
        assert_int_equal(s.ice.state, WEIR_ICE_CHECKING);
        if (which == 2) {
            weir_ice_close(&s.ice, s.now);
        }
        weir_ice_roll_back(&s.ice, s.now, false);
        assert_int_equal(s.ice.state, which == 0   ? WEIR_ICE_FAILED
                                      : which == 1 ? WEIR_ICE_CHECKING
                                                   : WEIR_ICE_CLOSED);
        if (which == 0) {
            assert_int_equal(weir_ice_failure(&s.ice), WEIR_ICE_FAILURE_NO_PAIR);
        }
        if (which == 1) { /* with the candidates of then, and as much patience as anew */
            static struct ice_alone fork;
            copy_agent(&fork.ice, &fork.room, &s.ice, &s.room);
            for (weir_time end = s.now + 60 * WEIR_SEC; s.now < end; s.now += 100 * WEIR_MS) {
                uint8_t out[1300];
                struct weir_path to;
                weir_ice_tick(&fork.ice, s.now);
                while (weir_ice_send(&fork.ice, s.now, (struct weir_mspan){ out, sizeof out }, &to) != 0) {
                }
            }
            assert_int_equal(fork.ice.state, WEIR_ICE_FAILED);
            s.now += 20 * WEIR_MS;
            assert_true(hear_request(&s));
            assert_int_equal(succeed(&s), WEIR_ICE_OK);
            assert_int_equal(s.ice.state, WEIR_ICE_CONNECTED);
        }
        drain_events(&s);
    }
}

static void which_credentials_were_agreed_on(void **state)
{
    (void)state;
    static struct script s;
    const struct weir_span u = WEIR_LIT(PEER_UFRAG), p = WEIR_LIT(PEER_PWD), q = WEIR_LIT(OTHER_PWD);
    begin_with(&s, true, false);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, u, p), WEIR_ICE_NONE_THERE);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, u, p, false), WEIR_OK);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, u, p), WEIR_ICE_NONE_THERE); /* not yet */
    weir_ice_settle(&s.ice);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, u, p), WEIR_ICE_THE_SAME);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, u, q), WEIR_ICE_OTHERS);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, WEIR_LIT("else"), p), WEIR_ICE_OTHERS);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, u, p), WEIR_ICE_THE_SAME);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT("else"), q, false), WEIR_OK);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, u, p), WEIR_ICE_THE_SAME);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, WEIR_LIT("else"), q), WEIR_ICE_OTHERS);
    static struct ice_alone fork;
    copy_agent(&fork.ice, &fork.room, &s.ice, &s.room);
    weir_ice_roll_back(&fork.ice, s.now, false);
    assert_int_equal(weir_ice_compare_agreed(&fork.ice, u, p), WEIR_ICE_THE_SAME);
    assert_int_equal(weir_ice_set_remote(&fork.ice, s.now, u, p, false), WEIR_OK); /* the same again */
    weir_ice_settle(&s.ice);
    assert_int_equal(weir_ice_compare_agreed(&s.ice, WEIR_LIT("else"), q), WEIR_ICE_THE_SAME);
}

/* -- Generations ------------------------------------------------------------------------------- */

/* [RFC 8445 9] The two before the newest are answered, with their own passwords, and teach nothing; the peer's first
 * request with the newest ends both. */
static void two_generations_of_before_are_answered(void **state)
{
    (void)state;
    static struct script s;
    struct weir_stun_msg m;
    struct weir_path to;
    char ufrag[3][WEIR_ICE_OWN_MAX + 1] = { { 0 } }, pwd[3][WEIR_ICE_OWN_MAX + 1] = { { 0 } };
    connect(&s);
    for (int i = 0; i < 3; i++) {
        memcpy(ufrag[i], s.ice.local_ufrag.text, s.ice.local_ufrag.bytes);
        memcpy(pwd[i], s.ice.local_pwd.text, s.ice.local_pwd.bytes);
        if (i < 2) { /* as a peer that has not used the new ones yet */
            assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
            assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                             WEIR_OK);
        }
    }
    while (hear(&s, WEIR_STUN_SUCCESS, &m, &to)) {
    }
    for (int i = 0; i < 2; i++) {
        struct saying of = { .username_local = ufrag[i], .pwd = pwd[1 - i], .is_controlling = true };
        assert_int_equal(tell(&s, &of), WEIR_ICE_INTEGRITY);
        of.pwd = pwd[i];
        uint32_t remotes = s.ice.remotes;
        assert_int_equal(tell(&s, &of), WEIR_ICE_OK);
        assert_int_equal(s.ice.remotes, remotes);
        assert_true(hear(&s, WEIR_STUN_SUCCESS, &m, &to));
        assert_int_equal(weir_stun_verify(&m, weir_crypto_default(), weir_span_of(pwd[i], strlen(pwd[i]))),
                         WEIR_STUN_OK);
    }
    assert_int_equal(weir_ice_ufrag_of(&s.ice, WEIR_ICE_OLDER).n, strlen(ufrag[0]));
    const struct saying newest = { .is_controlling = true };
    s.now += 20 * WEIR_MS;
    assert_int_equal(tell(&s, &newest), WEIR_ICE_OK);
    assert_true(hear_request(&s));
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    for (int i = 0; i < 2; i++) {
        struct saying of = { .username_local = ufrag[i], .pwd = pwd[i], .is_controlling = true };
        assert_int_equal(tell(&s, &of), WEIR_ICE_USERNAME);
    }
    assert_int_equal(weir_ice_ufrag_of(&s.ice, WEIR_ICE_OLD).n, 0);
    assert_int_equal(weir_ice_ufrag_of(&s.ice, WEIR_ICE_OLDER).n, 0);
}

/* [RFC 8838 9] Candidates say of which session they are. Before its credentials are known all are taken; then those
 * of another go, but for one that has proven itself. */
static void candidates_of_another_generation_are_counted_and_left_out(void **state)
{
    (void)state;
    static struct script s;
    struct weir_ice_candidate c = { .type = WEIR_ICE_HOST, .component = 1, .priority = 1, .foundation_bytes = 1,
                                    .foundation = "f" };
    begin_with(&s, false, false);
    for (unsigned i = 0; i < 6; i++) {
        c.addr = weir_addr_v4(10, 0, 0, 9, (uint16_t)(2000 + i));
        c.ufrag_hash = i % 3 == 0 ? 0 : weir_ice_ufrag_hash(i % 3 == 1 ? WEIR_LIT(PEER_UFRAG) : WEIR_LIT("gone"));
        assert_int_equal(weir_ice_add_remote(&s.ice, s.now, &c), WEIR_OK);
    }
    struct weir_path proven = { s.path.local, weir_addr_v4(10, 0, 0, 9, 2002) };
    const struct saying check = { .is_controlling = true };
    assert_int_equal(tell_from(&s, &check, &proven), WEIR_ICE_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false), WEIR_OK);
    assert_int_equal(s.ice.remotes, 5);
    assert_int_equal(s.ice.strays, 1);
    assert_int_equal(s.ice.pairs, 5);
    assert_true(weir_ice_check(&s.ice));
    for (uint32_t i = 0; i < s.ice.remotes; i++) {
        assert_int_not_equal(weir_ice_remote_at(&s.ice, i)->addr.port, 2005);
    }
    c.addr.port = 2010;
    assert_int_equal(weir_ice_add_remote(&s.ice, s.now, &c), WEIR_ERR_STATE);
    assert_int_equal(s.ice.strays, 2);
    c.ufrag_hash = weir_ice_ufrag_hash(WEIR_LIT(PEER_UFRAG));
    assert_int_equal(weir_ice_add_remote(&s.ice, s.now, &c), WEIR_OK);
    assert_int_equal(s.ice.strays, 2);
}

static void a_candidate_by_itself_says_its_generation(void **state)
{
    (void)state;
    static struct script s;
    uint8_t text[200];
    struct weir_ice_candidate_line line;
    begin(&s, true);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    weir_ice_candidate_write_of(&w, weir_ice_local_at(&s.ice, 0), weir_ice_ufrag(&s.ice));
    assert_true(weir_ice_candidate_line_parse(weir_span_of(text, weir_wr_done(&w)), &line));
    assert_true(weir_span_eq(line.ufrag, weir_ice_ufrag(&s.ice)));
    assert_true(weir_addr_eq(&line.candidate.addr, &weir_ice_local_at(&s.ice, 0)->addr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_the_description_named_goes_and_what_is_proven_stays),
        cmocka_unit_test(the_end_of_candidates_is_of_its_generation),
        cmocka_unit_test(the_first_one_leaves_an_agent_that_is_new),
        cmocka_unit_test(the_path_of_before_goes_on_with_the_consent_that_it_has),
        cmocka_unit_test(data_returns_from_the_path_of_the_new_generation),
        cmocka_unit_test(consent_that_is_over_is_not_brought_back),
        cmocka_unit_test(every_state_is_what_it_was),
        cmocka_unit_test(which_credentials_were_agreed_on),
        cmocka_unit_test(two_generations_of_before_are_answered),
        cmocka_unit_test(candidates_of_another_generation_are_counted_and_left_out),
        cmocka_unit_test(a_candidate_by_itself_says_its_generation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
