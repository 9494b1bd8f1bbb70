/* Rules of the agent that no connection shows by itself: which question says what, for how long an answer is
 * good, what a restart leaves behind, and following a peer that was heard elsewhere. */
#include "ice/ice_int.h"
#include "ice/mdns.h"
#include "test/ice/ice_script.h"

/* -- Credentials ------------------------------------------------------------------------------- */

/* [RFC 8839 5.4] 4 to 256 characters, and 22 to 256. */
static void credentials_have_their_lengths(void **state)
{
    (void)state;
    static const struct {
        size_t ufrag, pwd;
        bool is_good;
    } row[] = { { 3, 22, false },   { 4, 21, false },   { 4, 22, true },
                { 256, 256, true }, { 257, 22, false }, { 4, 257, false } };
    static char text[300];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        static struct script s;
        begin_with(&s, true, false);
        assert_int_equal(weir_ice_set_remote(&s.ice, s.now, weir_span_of(text, row[i].ufrag),
                                             weir_span_of(text, row[i].pwd), false),
                         row[i].is_good ? WEIR_OK : WEIR_ERR_ARG);
    }
}

static void an_owner_may_choose_the_first_letter_of_every_name(void **state)
{
    (void)state;
    static struct ice_alone alone;
    struct weir_ice *ice = &alone.ice;
    const struct weir_ice_config c = { .crypto = weir_crypto_default(), .ufrag_first = '/', .seed = { 1 } };
    begin_in_room(ice, &alone.room, &c, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(weir_ice_ufrag(ice).p[0], '/');
        assert_int_equal(weir_ice_ufrag(ice).n, 8);
        assert_int_equal(weir_ice_restart(ice, WEIR_SEC), WEIR_OK);
    }
}

/* -- Pairs ------------------------------------------------------------------------------------- */

/* [RFC 8445 6.1.2.3] 2^32 min(G,D) + 2 max(G,D) + (G > D): G is the controlling side's, whoever we are. */
static void both_sides_give_a_pair_the_same_priority(void **state)
{
    (void)state;
    const uint64_t ours = weir_ice_priority(WEIR_ICE_HOST, 65535), low = 100, high = ours + 1;
    const struct {
        bool is_controlling;
        uint64_t theirs, want;
    } row[] = {
        { true, low, (low << 32) + 2 * ours + 1 },    { false, low, (low << 32) + 2 * ours },
        { true, high, (ours << 32) + 2 * high },      { false, high, (ours << 32) + 2 * high + 1 },
        { true, ours, (ours << 32) + 2 * ours },      { false, ours, (ours << 32) + 2 * ours },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        static struct script s;
        begin(&s, row[i].is_controlling);
        add_peer_candidate(&s, &s.path.remote, (uint32_t)row[i].theirs);
        assert_true(the_pair(&s)->priority == row[i].want);
    }
}

/* [RFC 8445 6.1.4.2] Of one foundation one pair at a time, until it has its answer. */
static void a_frozen_pair_waits_for_the_one_of_its_foundation(void **state)
{
    (void)state;
    static struct script s;
    struct weir_addr alike = weir_addr_v4(10, 0, 0, 3, 2026); /* 2000 and 2026: the same letter */
    begin(&s, false);
    add_peer_candidate(&s, &s.path.remote, 2000);
    add_peer_candidate(&s, &alike, 1000);
    assert_true(hear_request(&s));
    assert_int_equal(weir_ice_pair_at(&s.ice, 0)->state, WEIR_ICE_IN_PROGRESS);
    for (unsigned i = 0; i < 50; i++) {
        s.now += 20 * WEIR_MS;
        (void)hear_request(&s);
        assert_int_equal(weir_ice_pair_at(&s.ice, 1)->state, WEIR_ICE_FROZEN);
    }
    memcpy(s.last_txid, weir_ice_pair_at(&s.ice, 0)->txid, 12);
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    s.now += 20 * WEIR_MS;
    assert_true(hear_request(&s));
    assert_int_equal(weir_ice_pair_at(&s.ice, 1)->state, WEIR_ICE_IN_PROGRESS);
}

/* -- Roles ------------------------------------------------------------------------------------- */

/* [RFC 8445 7.2.5.1 MUST] Who gives way draws again, or two of the same number would change for ever. */
static void after_a_487_the_tie_breaker_is_another(void **state)
{
    (void)state;
    static struct script s;
    begin_asking(&s, true);
    const uint64_t before = s.ice.tie_breaker;
    const struct saying conflict = { .klass = WEIR_STUN_ERROR, .error = 487, .txid = s.last_txid };
    assert_int_equal(tell(&s, &conflict), WEIR_ICE_RESPONSE);
    assert_false(s.ice.is_controlling);
    assert_true(s.ice.tie_breaker != before);
}

static void a_restart_lets_roles_change_again(void **state)
{
    (void)state;
    static struct script s;
    begin(&s, true);
    s.ice.tie_breaker = 5;
    for (unsigned i = 0; i < 20; i++) {
        const struct saying check = { .is_controlling = s.ice.is_controlling,
                                      .tie_breaker = s.ice.is_controlling ? 6 : 4 };
        (void)tell(&s, &check);
    }
    const bool was_controlling = s.ice.is_controlling;
    const struct saying conflict = { .is_controlling = was_controlling,
                                     .tie_breaker = was_controlling ? 6 : 4 };
    assert_int_equal(tell(&s, &conflict), WEIR_ICE_ROLE); /* it has changed often enough */
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                     WEIR_OK);
    assert_int_equal(tell(&s, &conflict), WEIR_ICE_OK);
    assert_int_equal(s.ice.is_controlling, !was_controlling);
}

/* -- Consent ----------------------------------------------------------------------------------- */

/* The next question for consent. */
static struct weir_stun_msg hear_question(struct script *s, struct weir_path *to)
{
    struct weir_stun_msg m;
    do {
        s->now = weir_ice_deadline(&s->ice);
        while (hear(s, WEIR_STUN_REQUEST, &m, to)) {
            if (memcmp(m.txid, s->ice.consent.txid, 12) == 0) {
                return m;
            }
        }
    } while (weir_ice_may_send(&s->ice));
    fail();
    return m;
}

/* [RFC 7675 5.2] 403 alone takes it back; another error says that there is somebody, and no more. */
static void no_error_but_403_takes_consent_back(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path to;
    connect(&s);
    const weir_time expire_at = s.ice.consent.expire_at;
    (void)hear_question(&s, &to);
    const struct saying error = { .klass = WEIR_STUN_ERROR, .error = 500, .txid = s.last_txid };
    assert_int_equal(tell(&s, &error), WEIR_ICE_RESPONSE);
    weir_ice_tick(&s.ice, s.now);
    assert_true(weir_ice_may_send(&s.ice));
    assert_true(s.ice.consent.expire_at == expire_at);
}

/* A question about a pair that is not nominated must not nominate it. */
static void a_question_nominates_what_is_nominated_alone(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path to;
    begin_asking(&s, true);
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_CONNECTED); /* and our nomination gets lost */
    assert_false(hear_question(&s, &to).has_use_candidate);
    begin_asking(&s, true);
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    s.now += 20 * WEIR_MS;
    assert_true(hear_nomination(&s));
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_true(hear_question(&s, &to).has_use_candidate);
}

/* [RFC 7675 5.1] The pair that is changed to was heard long ago: consent counts from then. */
static void consent_is_as_old_as_the_answer_that_gave_it(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path path[2], to;
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    begin_with_two_valid(&s, path);
    const weir_time heard_at = weir_ice_pair_at(&s.ice, 1)->heard_at;
    while (s.now < heard_at + 18 * WEIR_SEC) { /* the better pair carries data, and answers */
        (void)hear_question(&s, &to);
        assert_true(weir_path_eq(&to, &path[0]));
        const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid };
        assert_int_equal(tell_from(&s, &success, &to), WEIR_ICE_OK);
    }
    assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK);
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &path[1]));
    assert_true(s.ice.consent.expire_at == heard_at + 30 * WEIR_SEC);
    while (weir_ice_may_send(&s.ice)) {
        s.now = weir_ice_deadline(&s.ice);
        (void)hear_request(&s);
    }
    assert_true(s.now <= heard_at + 30 * WEIR_SEC);
}

/* The peer's requests come in and our questions are never answered: it does not hear us. */
static void who_answers_three_questions_not_is_disconnected_whatever_it_asks(void **state)
{
    (void)state;
    static struct script s;
    const struct saying still_there = { .is_controlling = true };
    connect(&s);
    const weir_time connected_at = s.now;
    while (weir_ice_state(&s.ice) == WEIR_ICE_COMPLETED) {
        s.now = weir_ice_deadline(&s.ice);
        (void)hear_request(&s);
        assert_int_equal(tell(&s, &still_there), WEIR_ICE_OK);
    }
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_DISCONNECTED);
    assert_true(s.now - connected_at > 16 * WEIR_SEC && s.now - connected_at < 29 * WEIR_SEC);
}

/* A pair falls silent after a minute, and another one was nominated, too: data goes there with the consent
 * that is left, not with that of a minute ago. */
static void changing_over_proves_nothing_and_costs_nothing(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path path[2], to;
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    begin_with_two_valid(&s, path);
    assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK);
    assert_int_equal(tell_from(&s, &nominates, &path[0]), WEIR_ICE_OK);
    const weir_time begun_at = s.now;
    weir_time expire_at = 0;
    while (s.now < begun_at + 60 * WEIR_SEC) {
        (void)hear_question(&s, &to);
        const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid };
        assert_int_equal(tell_from(&s, &success, &path[0]), WEIR_ICE_OK);
        expire_at = s.ice.consent.expire_at;
    }
    while (weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &path[0])) {
        s.now = weir_ice_deadline(&s.ice);
        (void)hear_request(&s);
    }
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &path[1]));
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_DISCONNECTED);
    assert_true(s.ice.consent.expire_at == expire_at);
    (void)hear_question(&s, &to);
    assert_true(weir_path_eq(&to, &path[1]));
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid };
    assert_int_equal(tell_from(&s, &success, &path[1]), WEIR_ICE_OK);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
}

/* -- Following --------------------------------------------------------------------------------- */

static struct weir_path moved(const struct script *s)
{
    struct weir_path p = s->path;
    p.remote = weir_addr_v4(198, 51, 100, 9, 9000);
    return p;
}

/* Keys said that the peer is there; a check of ours has to say that answers get there. */
static void who_was_heard_elsewhere_is_asked_there_and_then_followed(void **state)
{
    (void)state;
    static struct script s;
    struct weir_stun_msg m;
    struct weir_path to, new_path;
    connect(&s);
    new_path = moved(&s);
    s.now += WEIR_SEC;
    weir_ice_follow(&s.ice, s.now, &new_path);
    assert_true(hear(&s, WEIR_STUN_REQUEST, &m, &to) && weir_path_eq(&to, &new_path));
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &s.path)); /* until it is answered */
    const struct weir_path third = { s.path.local, weir_addr_v4(198, 51, 100, 9, 9001) };
    weir_ice_follow(&s.ice, s.now, &third); /* one at a time */
    s.now += 20 * WEIR_MS;
    assert_false(hear(&s, WEIR_STUN_REQUEST, &m, &to) && weir_path_eq(&to, &third));
    memcpy(s.last_txid, weir_ice_pair_at(&s.ice, 1)->txid, 12);
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid };
    assert_int_equal(tell_from(&s, &success, &new_path), WEIR_ICE_OK);
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &new_path));
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
    assert_int_equal(weir_ice_pair_at(&s.ice, 0)->state, WEIR_ICE_PAIR_FAILED);
    assert_false(weir_ice_pair_at(&s.ice, 0)->is_valid);
}

static void nobody_is_followed_who_does_not_answer_or_may_not_be_asked(void **state)
{
    (void)state;
    static struct script s;
    struct weir_stun_msg m;
    struct weir_path to, path;
    begin_asking(&s, false); /* nothing is selected yet */
    path = moved(&s);
    weir_ice_follow(&s.ice, s.now, &path);
    assert_int_equal(s.ice.remotes, 1);
    connect(&s);
    path.local.port++; /* no address of ours */
    weir_ice_follow(&s.ice, s.now, &path);
    path = moved(&s);
    path.remote = weir_addr_v4(224, 0, 0, 9, 9000);
    weir_ice_follow(&s.ice, s.now, &path);
    assert_int_equal(s.ice.remotes, 1);
    assert_int_equal(s.ice.refused[WEIR_ICE_REFUSED_MULTICAST], 1);
    path = moved(&s);
    s.now += WEIR_SEC;
    weir_ice_follow(&s.ice, s.now, &path);
    unsigned asked = 0;
    for (weir_time end = s.now + 3 * WEIR_SEC; s.now < end; s.now += 20 * WEIR_MS) {
        while (hear(&s, WEIR_STUN_REQUEST, &m, &to)) {
            asked += weir_path_eq(&to, &path) ? 1 : 0;
        }
    }
    assert_int_equal(asked, ICE_FOLLOW_TRIES);
    assert_int_equal(weir_ice_pair_at(&s.ice, 1)->state, WEIR_ICE_PAIR_FAILED);
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &s.path));
}

/* Which of two pairs that work is used the controlling agent says, by itself, and not who is heard. */
static void a_valid_pair_is_not_followed(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path path[2], to;
    struct weir_stun_msg m;
    begin(&s, true);
    path[0] = path[1] = s.path;
    path[1].remote = weir_addr_v4(10, 0, 0, 3, 3000);
    add_peer_candidate(&s, &path[0].remote, 2000);
    add_peer_candidate(&s, &path[1].remote, 1000);
    for (unsigned i = 0; i < 2; i++, s.now += 20 * WEIR_MS) {
        assert_true(hear(&s, WEIR_STUN_REQUEST, &m, &to));
    }
    for (unsigned i = 2; i-- > 0;) { /* the worse one answers first */
        const struct saying success = { .klass = WEIR_STUN_SUCCESS,
                                        .txid = weir_ice_pair_at(&s.ice, i)->txid };
        assert_int_equal(tell_from(&s, &success, &path[i]), WEIR_ICE_OK);
    }
    assert_true(hear_nomination(&s));
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid };
    assert_int_equal(tell_from(&s, &success, &path[0]), WEIR_ICE_OK);
    assert_true(weir_ice_pair_at(&s.ice, 0)->is_nominated && weir_ice_pair_at(&s.ice, 1)->is_valid);
    weir_ice_follow(&s.ice, s.now, &path[1]);
    s.now += 20 * WEIR_MS;
    assert_false(hear(&s, WEIR_STUN_REQUEST, &m, &to));
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &path[0]));
}

/* -- Lines and questions ----------------------------------------------------------------------- */

static void a_line_end_is_no_part_of_a_candidate(void **state)
{
    (void)state;
    struct weir_ice_candidate_line line;
    assert_true(weir_ice_candidate_line_parse(WEIR_LIT("candidate:1 1 udp 7 10.0.0.1 5000 typ host\r\n"), &line));
    assert_true(weir_ice_candidate_line_parse(WEIR_LIT("candidate:1 1 udp 7 10.0.0.1 5000 typ host \t\n"), &line));
    assert_int_equal(line.candidate.addr.port, 5000);
}

/* [RFC 1035 3.1] Each label behind its length. */
static void a_question_names_label_by_label(void **state)
{
    (void)state;
    static const char name[] = "01234567-89ab-cdef-0123-456789abcdef.local";
    struct weir_mdns m;
    uint8_t out[512];
    weir_mdns_init(&m);
    assert_int_equal(weir_mdns_ask(&m, WEIR_SEC, weir_span_of(name, sizeof name - 1)), WEIR_OK);
    weir_mdns_tick(&m, WEIR_SEC);
    assert_true(weir_mdns_send(&m, (struct weir_mspan){ out, sizeof out }) > 56);
    assert_int_equal(out[12], 36);
    assert_memory_equal(out + 13, name, 36);
    assert_memory_equal(out + 49, "\x05local", 7); /* and its end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_have_their_lengths),
        cmocka_unit_test(an_owner_may_choose_the_first_letter_of_every_name),
        cmocka_unit_test(both_sides_give_a_pair_the_same_priority),
        cmocka_unit_test(a_frozen_pair_waits_for_the_one_of_its_foundation),
        cmocka_unit_test(after_a_487_the_tie_breaker_is_another),
        cmocka_unit_test(a_restart_lets_roles_change_again),
        cmocka_unit_test(no_error_but_403_takes_consent_back),
        cmocka_unit_test(a_question_nominates_what_is_nominated_alone),
        cmocka_unit_test(consent_is_as_old_as_the_answer_that_gave_it),
        cmocka_unit_test(who_answers_three_questions_not_is_disconnected_whatever_it_asks),
        cmocka_unit_test(changing_over_proves_nothing_and_costs_nothing),
        cmocka_unit_test(who_was_heard_elsewhere_is_asked_there_and_then_followed),
        cmocka_unit_test(nobody_is_followed_who_does_not_answer_or_may_not_be_asked),
        cmocka_unit_test(a_valid_pair_is_not_followed),
        cmocka_unit_test(a_line_end_is_no_part_of_a_candidate),
        cmocka_unit_test(a_question_names_label_by_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
