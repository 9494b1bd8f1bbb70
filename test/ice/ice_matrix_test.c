/* One agent against a scripted peer: every verdict, every pair state against every input, every limit.
 * The script holds the peer's credentials and says exactly what it likes. */
#include "test/ice/ice_script.h"

/* -- Verdicts ---------------------------------------------------------------------------------- */

struct verdict_row {
    const char *why;
    struct saying says;
    enum weir_ice_verdict want;
    uint16_t answered; /* 0 = silence, 200 = success, else the error */
};

static const struct verdict_row request_row[] = {
    { "a good check", { .is_controlling = true }, WEIR_ICE_OK, 200 },
    { "no role", { .no_role = true }, WEIR_ICE_OK, 200 },
    { "another method", { .is_controlling = true, .method = 3 }, WEIR_ICE_METHOD, 0 },
    { "an indication", { .klass = WEIR_STUN_INDICATION }, WEIR_ICE_METHOD, 0 },
    { "no fingerprint", { .is_controlling = true, .no_fingerprint = true }, WEIR_ICE_NO_FINGERPRINT, 0 },
    { "S9 another's name", { .is_controlling = true, .username_local = "someone1" }, WEIR_ICE_USERNAME, 0 },
    { "S9 half our name", { .is_controlling = true, .username_local = "" }, WEIR_ICE_USERNAME, 0 },
    { "S9 another peer's", { .is_controlling = true, .username_remote = "rogu" }, WEIR_ICE_USERNAME, 0 },
    { "S8 no integrity", { .is_controlling = true, .pwd = "" }, WEIR_ICE_INTEGRITY, 0 },
    { "S8 wrong integrity", { .is_controlling = true, .pwd = OTHER_PWD }, WEIR_ICE_INTEGRITY, 0 },
    { "S8 proven with the peer's", { .is_controlling = true, .pwd = PEER_PWD }, WEIR_ICE_INTEGRITY, 0 },
    { "unknown and mandatory", { .is_controlling = true, .extra = 0x7001 }, WEIR_ICE_UNKNOWN_ATTR, 420 },
    { "unknown and optional", { .is_controlling = true, .extra = 0xff01 }, WEIR_ICE_OK, 200 },
    { "no priority", { .is_controlling = true, .no_priority = true }, WEIR_ICE_PRIORITY, 400 },
    { "a role that we keep", { .is_controlling = false, .tie_breaker = UINT64_MAX }, WEIR_ICE_ROLE, 487 },
};

static void every_request_has_its_verdict_and_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof request_row / sizeof request_row[0]; i++) {
        const struct verdict_row *row = &request_row[i];
        static struct script s;
        struct weir_stun_msg m;
        struct weir_path to;
        begin(&s, false); /* we are controlled; the peer should control */
        s.ice.tie_breaker = 1000;
        enum weir_ice_verdict v = tell(&s, &row->says);
        if (v != row->want) {
            fail_msg("%s: %s", row->why, weir_ice_verdict_name(v));
        }
        assert_int_equal(s.ice.verdicts[v], 1);
        bool has_error = hear(&s, WEIR_STUN_ERROR, &m, &to);
        begin(&s, false);
        s.ice.tie_breaker = 1000;
        (void)tell(&s, &row->says);
        bool has_success = !has_error && hear(&s, WEIR_STUN_SUCCESS, &m, &to);
        if (has_error != (row->answered >= 400) || has_success != (row->answered == 200)
            || (has_error && m.error_code != row->answered)) {
            fail_msg("%s: answered %u", row->why, m.error_code);
        }
        if (has_error || has_success) {
            assert_int_equal(weir_stun_verify(&m, weir_crypto_default(), weir_ice_pwd(&s.ice)),
                             WEIR_STUN_OK);
            assert_true(weir_path_eq(&to, &s.path));
        }
        /* [S8] what is not proven leaves no trace: no pair, no candidate, no way in. */
        if (row->answered == 0) {
            assert_int_equal(s.ice.pairs + s.ice.remotes, 0);
            assert_false(weir_ice_path_ok(&s.ice, &s.path));
            assert_int_equal(s.ice.role_switches, 0);
        }
    }
}

/* [RFC 8489 9.1.3 MUST NOT] a name; and nothing else that would make an answer longer than its request. */
static void attack_S10_an_answer_repeats_nothing_of_its_request(void **state)
{
    (void)state;
    static struct script s;
    const struct saying check = { .is_controlling = true };
    struct weir_stun_msg m;
    struct weir_path to;
    begin(&s, false);
    assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
    assert_true(hear(&s, WEIR_STUN_SUCCESS, &m, &to));
    assert_int_equal(m.packet.n, 20 + 12 + 24 + 8); /* mapped address, integrity, fingerprint */
    assert_int_equal(m.username.n, 0);
    assert_true(m.packet.n < s.bytes);
}

static void what_arrives_elsewhere_or_is_no_stun_is_dropped(void **state)
{
    (void)state;
    static struct script s;
    const struct saying check = { .is_controlling = true };
    begin(&s, false);
    struct weir_path elsewhere = s.path;
    elsewhere.local.port++;
    assert_int_equal(tell_from(&s, &check, &elsewhere), WEIR_ICE_LOCAL);
    assert_int_equal(weir_ice_recv(&s.ice, s.now, &s.path, WEIR_LIT("hello")), WEIR_ICE_STUN);
    weir_ice_close(&s.ice, s.now);
    assert_int_equal(tell(&s, &check), WEIR_ICE_OVER);
    assert_string_equal(weir_ice_verdict_name(WEIR_ICE_VERDICTS), "?");
}

static void every_response_has_its_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct saying says;
        bool is_stray, from_elsewhere;
        enum weir_ice_verdict want;
        enum weir_ice_pair_state then;
    } row[] = {
        { "success", { .klass = WEIR_STUN_SUCCESS }, false, false, WEIR_ICE_OK, WEIR_ICE_SUCCEEDED },
        { "S12 success, not proven", { .klass = WEIR_STUN_SUCCESS, .pwd = "" }, false, false,
          WEIR_ICE_INTEGRITY, WEIR_ICE_IN_PROGRESS },
        { "S12 success, wrongly proven", { .klass = WEIR_STUN_SUCCESS, .pwd = OTHER_PWD }, false, false,
          WEIR_ICE_INTEGRITY, WEIR_ICE_IN_PROGRESS },
        { "S12 error 487, not proven", { .klass = WEIR_STUN_ERROR, .pwd = "", .error = 487 }, false,
          false, WEIR_ICE_INTEGRITY, WEIR_ICE_IN_PROGRESS },
        { "S12 error 500, not proven", { .klass = WEIR_STUN_ERROR, .pwd = "", .error = 500 }, false,
          false, WEIR_ICE_INTEGRITY, WEIR_ICE_IN_PROGRESS },
        { "a stray one", { .klass = WEIR_STUN_SUCCESS }, true, false, WEIR_ICE_TRANSACTION,
          WEIR_ICE_IN_PROGRESS },
        { "without the mapped address", { .klass = WEIR_STUN_SUCCESS, .no_mapped = true }, false, false,
          WEIR_ICE_MAPPED, WEIR_ICE_IN_PROGRESS },
        { "with something unknown", { .klass = WEIR_STUN_SUCCESS, .extra = 0x7001 }, false, false,
          WEIR_ICE_UNKNOWN_ATTR, WEIR_ICE_IN_PROGRESS },
        { "error 500", { .klass = WEIR_STUN_ERROR, .error = 500 }, false, false, WEIR_ICE_RESPONSE,
          WEIR_ICE_PAIR_FAILED },
        { "error 487", { .klass = WEIR_STUN_ERROR, .error = 487 }, false, false, WEIR_ICE_RESPONSE,
          WEIR_ICE_WAITING },
        { "from elsewhere", { .klass = WEIR_STUN_SUCCESS }, false, true, WEIR_ICE_ASYMMETRIC,
          WEIR_ICE_PAIR_FAILED },
        { "from elsewhere, not proven", { .klass = WEIR_STUN_SUCCESS, .pwd = "" }, false, true,
          WEIR_ICE_INTEGRITY, WEIR_ICE_IN_PROGRESS },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        static struct script s;
        begin_asking(&s, false);
        struct saying says = row[i].says;
        struct weir_path path = s.path;
        says.txid = row[i].is_stray ? NULL : s.last_txid;
        path.remote.port = (uint16_t)(2000 + (row[i].from_elsewhere ? 1 : 0));
        enum weir_ice_verdict v = tell_from(&s, &says, &path);
        if (v != row[i].want || the_pair(&s)->state != row[i].then) {
            fail_msg("%s: %s, then %s", row[i].why, weir_ice_verdict_name(v),
                     weir_ice_pair_state_name((enum weir_ice_pair_state)the_pair(&s)->state));
        }
        assert_int_equal(weir_ice_may_send(&s.ice), v == WEIR_ICE_OK);
    }
}

/* -- Pair state against what the peer asks ----------------------------------------------------- */

static void put_pair_into(struct script *s, enum weir_ice_pair_state want)
{
    begin(s, false);
    add_peer_candidate(s, &s->path.remote, 100);
    switch (want) {
    case WEIR_ICE_FROZEN:
        break;
    case WEIR_ICE_WAITING:
        the_pair(s)->state = WEIR_ICE_WAITING;
        break;
    case WEIR_ICE_IN_PROGRESS:
    case WEIR_ICE_PAIR_STATES:
        assert_true(hear_request(s));
        break;
    case WEIR_ICE_SUCCEEDED:
        assert_true(hear_request(s));
        assert_int_equal(succeed(s), WEIR_ICE_OK);
        break;
    case WEIR_ICE_PAIR_FAILED: {
        assert_true(hear_request(s));
        const struct saying error = { .klass = WEIR_STUN_ERROR, .error = 400, .txid = s->last_txid };
        assert_int_equal(tell(s, &error), WEIR_ICE_RESPONSE);
        break;
    }
    }
    assert_int_equal(the_pair(s)->state, want);
    s->now += WEIR_SEC;
}

static void attack_S14_every_pair_state_takes_a_nomination(void **state)
{
    (void)state;
    for (unsigned st = 0; st < WEIR_ICE_PAIR_STATES; st++) {
        for (int nominates = 0; nominates < 2; nominates++) {
            static struct script s;
            struct weir_path to;
            put_pair_into(&s, (enum weir_ice_pair_state)st);
            const struct saying check = { .is_controlling = true, .with_nomination = nominates != 0 };
            assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
            assert_true(weir_ice_path_ok(&s.ice, &s.path)); /* the peer proved itself there */
            if (st == WEIR_ICE_SUCCEEDED) { /* nothing further is done [RFC 8445 7.3.1.4] */
                assert_int_equal(the_pair(&s)->is_nominated, nominates);
                assert_false(hear_request(&s));
                continue;
            }
            assert_false(the_pair(&s)->is_nominated); /* first our own check must succeed */
            assert_int_equal(weir_ice_selected(&s.ice, &to), false);
            assert_true(hear_request(&s));            /* which is triggered at once */
            assert_int_equal(succeed(&s), WEIR_ICE_OK);
            assert_int_equal(the_pair(&s)->is_nominated, nominates);
            assert_int_equal(weir_ice_state(&s.ice), nominates ? WEIR_ICE_COMPLETED
                                                               : WEIR_ICE_CONNECTED);
            assert_true(weir_ice_selected(&s.ice, &to));
        }
    }
}

static void attack_S13_a_nomination_by_the_controlled_side_is_ignored(void **state)
{
    (void)state;
    static struct script s;
    const struct saying check = { .is_controlling = false, .with_nomination = true };
    begin_asking(&s, true);
    assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_false(the_pair(&s)->is_nominated);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_CONNECTED);
    assert_int_equal(tell(&s, &check), WEIR_ICE_OK); /* nor once the pair is valid */
    assert_false(the_pair(&s)->is_nominated);
}

static void attack_S13_role_conflicts_end(void **state)
{
    (void)state;
    static const struct {
        bool we_control, they_control;
        uint64_t ours, theirs;
        enum weir_ice_verdict want;
        bool then_control;
    } row[] = {
        { true, true, 5, 4, WEIR_ICE_ROLE, true },    { true, true, 5, 5, WEIR_ICE_ROLE, true },
        { true, true, 5, 6, WEIR_ICE_OK, false },     { false, false, 5, 4, WEIR_ICE_OK, true },
        { false, false, 5, 5, WEIR_ICE_OK, true },    { false, false, 5, 6, WEIR_ICE_ROLE, false },
        { true, false, 5, 6, WEIR_ICE_OK, true },     { false, true, 5, 4, WEIR_ICE_OK, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        static struct script s;
        const struct saying check = { .is_controlling = row[i].they_control,
                                      .tie_breaker = row[i].theirs };
        begin(&s, row[i].we_control);
        s.ice.tie_breaker = row[i].ours;
        assert_int_equal(tell(&s, &check), row[i].want);
        assert_int_equal(s.ice.is_controlling, row[i].then_control);
    }
    static struct script s; /* a peer that changes its mind for ever gets 487 for ever */
    begin(&s, true);
    s.ice.tie_breaker = 5;
    for (unsigned i = 0; i < 1000; i++) {
        const struct saying check = { .is_controlling = s.ice.is_controlling,
                                      .tie_breaker = s.ice.is_controlling ? 6 : 4 };
        (void)tell(&s, &check);
    }
    assert_true(s.ice.role_switches <= 8);
}

static void a_487_to_a_request_of_the_former_role_changes_nothing(void **state)
{
    (void)state;
    static struct script s;
    begin_asking(&s, true);
    uint8_t first[12];
    memcpy(first, s.last_txid, 12);
    const struct saying conflict = { .is_controlling = true, .tie_breaker = UINT64_MAX };
    assert_int_equal(tell(&s, &conflict), WEIR_ICE_OK); /* we give way */
    assert_false(s.ice.is_controlling);
    const struct saying late = { .klass = WEIR_STUN_ERROR, .error = 487, .txid = first };
    assert_int_equal(tell(&s, &late), WEIR_ICE_RESPONSE);
    assert_false(s.ice.is_controlling);
}

/* -- Before the description came --------------------------------------------------------------- */

static void a_check_before_the_answer_is_answered_and_remembered(void **state)
{
    (void)state;
    static struct script s;
    struct weir_stun_msg m;
    struct weir_path to;
    const struct saying check = { .is_controlling = false, .username_remote = PEER_UFRAG };
    begin_with(&s, true, false);
    assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
    assert_true(hear(&s, WEIR_STUN_SUCCESS, &m, &to));
    assert_true(weir_ice_path_ok(&s.ice, &s.path));
    assert_false(hear_request(&s)); /* with what password? */
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                     WEIR_OK);
    assert_true(hear_request(&s));
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_true(weir_ice_may_send(&s.ice));
}

static void credentials_are_told_once_per_generation(void **state)
{
    (void)state;
    static struct script s;
    begin(&s, true);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                     WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(OTHER_PWD), false),
                     WEIR_ERR_STATE);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT("abc"), WEIR_LIT(PEER_PWD), false),
                     WEIR_ERR_ARG);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT("short"), false),
                     WEIR_ERR_ARG);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(OTHER_PWD), false),
                     WEIR_OK);
}

/* -- Limits ------------------------------------------------------------------------------------ */

static void attack_S18_discovered_candidates_are_bounded_and_dead_ones_make_room(void **state)
{
    (void)state;
    static struct script s;
    const struct saying check = { .is_controlling = true };
    begin(&s, false);
    struct weir_path path = s.path;
    for (unsigned i = 0; i < 1000; i++) {
        struct weir_stun_msg m;
        struct weir_path to;
        path.remote.port = (uint16_t)(3000 + i);
        assert_int_equal(tell_from(&s, &check, &path),
                         i < WEIR_ICE_PRFLX_MAX ? WEIR_ICE_OK : WEIR_ICE_FULL);
        assert_true(s.ice.remotes <= WEIR_ICE_PRFLX_MAX);
        assert_true(hear(&s, WEIR_STUN_SUCCESS, &m, &to)); /* it is proven: answered all the same */
    }
    for (unsigned i = 0; i < 200; i++) { /* none of them answers our checks */
        s.now = weir_ice_deadline(&s.ice) < s.now + WEIR_SEC ? weir_ice_deadline(&s.ice)
                                                             : s.now + WEIR_SEC;
        while (hear_request(&s)) {
        }
    }
    assert_int_equal(tell_from(&s, &check, &path), WEIR_ICE_OK);
    assert_true(weir_ice_path_ok(&s.ice, &path));
}

static void attack_S16_a_flood_of_candidates_stays_within_pairs_and_pace(void **state)
{
    (void)state;
    static struct script s;
    unsigned first_checks = 0;
    begin(&s, true);
    for (unsigned i = 1; i < 8; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, 1, (uint16_t)(1000 + i));
        assert_int_equal(weir_ice_add_host(&s.ice, s.now, &a, (uint16_t)(65535 - i)), WEIR_OK);
    }
    for (unsigned i = 0; i < 10000; i++) {
        struct weir_ice_candidate c = { .component = 1, .priority = i,
                                        .addr = weir_addr_v4(198, 51, 100, 7, (uint16_t)(i + 2001)),
                                        .foundation_bytes = 2 };
        weir_put16((uint8_t *)c.foundation, (uint16_t)i); /* each claims to be another network */
        (void)!weir_ice_add_remote(&s.ice, s.now, &c);
        assert_true(s.ice.pairs <= WEIR_ICE_PAIRS_MAX && s.ice.remotes <= WEIR_ICE_REMOTES_MAX);
    }
    assert_int_equal(s.ice.pairs, WEIR_ICE_PAIRS_MAX);
    weir_time begun = s.now, last = 0;
    while (s.now < begun + WEIR_SEC) { /* [RFC 8445 14.2 MUST] one new check per Ta */
        struct weir_stun_msg m;
        struct weir_path to;
        while (hear(&s, WEIR_STUN_REQUEST, &m, &to)) {
            if (s.ice.last_check_at != last) {
                assert_true(last == 0 || s.ice.last_check_at - last >= 20 * WEIR_MS);
                last = s.ice.last_check_at;
                first_checks++;
            }
        }
        s.now = weir_ice_deadline(&s.ice);
    }
    assert_true(first_checks >= 40 && first_checks <= 51);
}

static void a_better_pair_takes_the_place_of_the_worst(void **state)
{
    (void)state;
    static struct script s;
    begin(&s, true);
    for (unsigned i = 1; i < 5; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, 1, (uint16_t)(1000 + i));
        assert_int_equal(weir_ice_add_host(&s.ice, s.now, &a, 65000), WEIR_OK);
    }
    for (unsigned i = 0; i < 21; i++) { /* 105 pairs wanted */
        struct weir_addr a = weir_addr_v4(198, 51, 100, (uint8_t)(i + 1), 2009);
        add_peer_candidate(&s, &a, 1000 + i);
    }
    bool has_last = false, has_first = false;
    for (uint32_t i = 0; i < s.ice.pairs; i++) {
        has_first |= weir_ice_pair_at(&s.ice, i)->remote == 0;
        has_last |= weir_ice_pair_at(&s.ice, i)->remote == 20;
    }
    assert_int_equal(s.ice.pairs, WEIR_ICE_PAIRS_MAX);
    assert_true(has_last && !has_first);
}

static void answers_owed_are_bounded_and_the_oldest_goes(void **state)
{
    (void)state;
    static struct script s;
    struct weir_stun_msg m;
    struct weir_path to;
    const struct saying check = { .is_controlling = true };
    begin(&s, false);
    for (unsigned i = 0; i < WEIR_ICE_ANSWERS_MAX + 3; i++) {
        assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
    }
    for (unsigned i = 0; i < WEIR_ICE_ANSWERS_MAX; i++) {
        assert_true(hear(&s, WEIR_STUN_SUCCESS, &m, &to));
        assert_int_equal(weir_be32(m.txid + 1), i + 4);
    }
    assert_false(hear(&s, WEIR_STUN_SUCCESS, &m, &to));
}

static void candidates_that_must_not_be_checked_are_refused(void **state)
{
    (void)state;
    static struct script s;
    begin(&s, true);
    struct weir_ice_candidate good = { .component = 1, .priority = 1,
                                       .addr = weir_addr_v4(198, 51, 100, 7, 2009) };
    struct weir_ice_candidate c[] = { good, good, good, good, good, good };
    c[0].is_tcp = true;
    c[1].component = 2;
    c[2].addr.port = 0;
    c[3].addr = weir_addr_v4(224, 0, 0, 1, 2009);
    c[4].addr = weir_addr_v4(0, 0, 0, 0, 2009);
    c[5].ufrag_hash = weir_ice_ufrag_hash(WEIR_LIT("oldr")); /* of another generation */
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        assert_int_equal(weir_ice_add_remote(&s.ice, s.now, &c[i]), i == 5 ? WEIR_ERR_STATE : WEIR_ERR_ARG);
    }
    assert_int_equal(s.ice.strays, 1);
    good.ufrag_hash = weir_ice_ufrag_hash(WEIR_LIT(PEER_UFRAG));
    assert_int_equal(weir_ice_add_remote(&s.ice, s.now, &good), WEIR_OK);
    assert_int_equal(s.ice.remotes, 1);
}

/* -- Nomination -------------------------------------------------------------------------------- */

static void controlling_nominates_at_once_when_nothing_better_is_pending(void **state)
{
    (void)state;
    static struct script s;
    begin_asking(&s, true);
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_CONNECTED); /* and data may flow already */
    s.now += 20 * WEIR_MS;
    assert_true(hear_nomination(&s));
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
}

static void a_dead_better_pair_holds_nomination_up_for_a_moment_only(void **state)
{
    (void)state;
    static struct script s;
    struct weir_addr dead = weir_addr_v4(10, 9, 9, 9, 2009);
    begin(&s, true);
    add_peer_candidate(&s, &dead, 2000);
    add_peer_candidate(&s, &s.path.remote, 1000);
    struct weir_stun_msg m;
    struct weir_path to;
    do { /* both are asked; the better one never answers */
        s.now = weir_ice_deadline(&s.ice);
        assert_true(hear(&s, WEIR_STUN_REQUEST, &m, &to));
    } while (!weir_addr_eq(&to.remote, &s.path.remote));
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    weir_time valid_at = s.now;
    bool has_nominated = false;
    while (!has_nominated) {
        s.now = weir_ice_deadline(&s.ice);
        while (hear(&s, WEIR_STUN_REQUEST, &m, &to)) {
            has_nominated |= m.has_use_candidate;
        }
    }
    assert_true(s.now - valid_at >= 100 * WEIR_MS && s.now - valid_at <= 120 * WEIR_MS);
}

static void of_several_nominated_pairs_the_best_is_used(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path path[2], now_on;
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    begin_with_two_valid(&s, path);
    assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK);
    assert_true(weir_ice_selected(&s.ice, &now_on) && weir_path_eq(&now_on, &path[1]));
    s.now += 230 * WEIR_MS; /* as Chromium does after it connected */
    assert_int_equal(tell_from(&s, &nominates, &path[0]), WEIR_ICE_OK);
    assert_true(weir_ice_selected(&s.ice, &now_on) && weir_path_eq(&now_on, &path[0]));
    s.now += 100 * WEIR_MS;
    assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK); /* and it stays there */
    assert_true(weir_ice_selected(&s.ice, &now_on) && weir_path_eq(&now_on, &path[0]));
    unsigned selected = 0;
    for (struct weir_ice_event e; weir_ice_event(&s.ice, &e);) {
        selected += e.type == WEIR_ICE_EVENT_SELECTED;
    }
    assert_int_equal(selected, 2);
}

static void a_pair_the_peer_no_longer_asks_for_gives_way(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path path[2], now_on;
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    begin_with_two_valid(&s, path);
    assert_int_equal(tell_from(&s, &nominates, &path[0]), WEIR_ICE_OK);
    s.now += 3900 * WEIR_MS;
    assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK);
    assert_true(weir_ice_selected(&s.ice, &now_on) && weir_path_eq(&now_on, &path[0]));
    s.now += 200 * WEIR_MS;
    assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK);
    assert_true(weir_ice_selected(&s.ice, &now_on) && weir_path_eq(&now_on, &path[1]));
}

/* A peer that asks every 50 ms over a path of 4 s must not make us forget our transactions. */
static void an_impatient_peer_far_away_is_reached(void **state)
{
    (void)state;
    static struct script s;
    const struct saying check = { .is_controlling = true, .with_nomination = true };
    begin(&s, false);
    assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
    assert_true(hear_request(&s));
    uint8_t first[12];
    memcpy(first, s.last_txid, 12);
    for (unsigned i = 0; i < 80; i++) {
        s.now += 50 * WEIR_MS;
        (void)hear_request(&s);
        assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
    }
    s.now += 400 * WEIR_MS; /* repetitions that the peer brought about count for nothing */
    (void)hear_request(&s);
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = first };
    assert_int_equal(tell(&s, &success), WEIR_ICE_OK);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
    assert_true(the_pair(&s)->rtt == 0); /* repeated: no one knows which was answered */
    assert_true(the_pair(&s)->rtt_most == 4400 * WEIR_MS); /* the first, at worst */
}

/* -- Consent ----------------------------------------------------------------------------------- */

static void attack_S15_answers_that_prove_nothing_give_no_consent(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    weir_time connected_at = s.now;
    while (weir_ice_may_send(&s.ice)) {
        const struct saying forged = { .klass = WEIR_STUN_SUCCESS, .pwd = OTHER_PWD,
                                       .txid = s.last_txid };
        const struct saying still_there = { .is_controlling = true };
        s.now = weir_ice_deadline(&s.ice);
        if (hear_request(&s)) {
            assert_int_equal(tell(&s, &forged), WEIR_ICE_INTEGRITY);
            assert_int_equal(tell(&s, &still_there), WEIR_ICE_OK); /* nor do its requests */
        }
    }
    assert_true(s.now - connected_at <= 30 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_FAILED);
    assert_false(hear_request(&s));
    assert_false(weir_ice_path_ok(&s.ice, &s.path));
}

static void attack_S15_a_pair_that_is_never_nominated_needs_consent_too(void **state)
{
    (void)state;
    static struct script s;
    begin_asking(&s, false);
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    weir_time valid_at = s.now;
    while (weir_ice_may_send(&s.ice)) {
        s.now = weir_ice_deadline(&s.ice);
        (void)hear_request(&s);
    }
    assert_true(s.now - valid_at <= 30 * WEIR_SEC);
}

static void consent_is_asked_every_four_to_six_seconds(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    weir_time last = s.now;
    weir_duration least = WEIR_NEVER, most = 0;
    for (unsigned i = 0; i < 100; i++) {
        s.now = weir_ice_deadline(&s.ice);
        if (!hear_request(&s)) {
            continue;
        }
        assert_int_equal(succeed(&s), WEIR_ICE_OK);
        weir_duration gap = s.now - last;
        last = s.now;
        least = gap < least ? gap : least;
        most = gap > most ? gap : most;
    }
    assert_true(least >= 4 * WEIR_SEC && most <= 6 * WEIR_SEC && most - least > WEIR_SEC);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
}

static void silence_is_noticed_and_one_answer_ends_it(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    weir_time connected_at = s.now;
    while (weir_ice_state(&s.ice) == WEIR_ICE_COMPLETED) {
        s.now = weir_ice_deadline(&s.ice);
        (void)hear_request(&s);
    }
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_DISCONNECTED);
    assert_true(s.now - connected_at >= 6 * WEIR_SEC && s.now - connected_at <= 8 * WEIR_SEC);
    assert_true(weir_ice_may_send(&s.ice)); /* consent lasts */
    while (!hear_request(&s)) {
        s.now = weir_ice_deadline(&s.ice);
    }
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
}

static void consent_can_be_taken_back(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    s.now = weir_ice_deadline(&s.ice);
    assert_true(hear_request(&s));
    const struct saying forged = { .klass = WEIR_STUN_ERROR, .error = 403, .pwd = "",
                                   .txid = s.last_txid };
    assert_int_equal(tell(&s, &forged), WEIR_ICE_INTEGRITY);
    weir_ice_tick(&s.ice, s.now);
    assert_true(weir_ice_may_send(&s.ice));
    const struct saying revoked = { .klass = WEIR_STUN_ERROR, .error = 403, .txid = s.last_txid };
    assert_int_equal(tell(&s, &revoked), WEIR_ICE_RESPONSE);
    weir_ice_tick(&s.ice, s.now);
    assert_false(weir_ice_may_send(&s.ice));
}

/* -- Paths ------------------------------------------------------------------------------------- */

static void attack_S20_only_proven_paths_may_carry_data_in(void **state)
{
    (void)state;
    static struct script s;
    const struct saying forged = { .is_controlling = true, .pwd = OTHER_PWD };
    const struct saying check = { .is_controlling = true };
    begin(&s, false);
    add_peer_candidate(&s, &s.path.remote, 100);
    assert_false(weir_ice_path_ok(&s.ice, &s.path)); /* being a candidate is not enough */
    assert_int_equal(tell(&s, &forged), WEIR_ICE_INTEGRITY);
    assert_false(weir_ice_path_ok(&s.ice, &s.path));
    assert_int_equal(tell(&s, &check), WEIR_ICE_OK); /* before our own check succeeded: it may be DTLS */
    assert_true(weir_ice_path_ok(&s.ice, &s.path));
    struct weir_path near = s.path;
    near.remote.port++;
    assert_false(weir_ice_path_ok(&s.ice, &near));
    near = s.path;
    near.local.port++;
    assert_false(weir_ice_path_ok(&s.ice, &near));
    weir_ice_close(&s.ice, s.now);
    assert_false(weir_ice_path_ok(&s.ice, &s.path));
}

static void a_restart_keeps_the_old_path_only_as_long_as_there_is_consent(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path to;
    connect(&s);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    weir_time restarted_at = s.now;
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &s.path));
    unsigned asked = 0;
    while (weir_ice_may_send(&s.ice)) { /* the peer is gone: nothing answers */
        s.now = weir_ice_deadline(&s.ice);
        asked += hear_request(&s);
    }
    assert_true(asked >= 4 && s.now - restarted_at <= 30 * WEIR_SEC);
    assert_false(weir_ice_path_ok(&s.ice, &s.path));
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_CHECKING); /* the new one may still come */
}

static void the_old_path_lingers_a_little_after_the_new_one_took_over(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path old, to;
    connect(&s);
    old = s.path;
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                     WEIR_OK);
    s.path.remote = weir_addr_v4(10, 0, 0, 3, 3000);
    add_peer_candidate(&s, &s.path.remote, 100);
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &old));
    s.now += 20 * WEIR_MS; /* a Ta after the last check */
    assert_true(hear_request(&s));
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_true(weir_ice_selected(&s.ice, &to) && weir_path_eq(&to, &s.path));
    assert_true(weir_ice_path_ok(&s.ice, &old)); /* for what is on its way */
    weir_time switched_at = s.now;
    while (weir_ice_path_ok(&s.ice, &old)) {
        s.now = weir_ice_deadline(&s.ice);
        if (hear_request(&s)) {
            assert_int_equal(succeed(&s), WEIR_ICE_OK);
        }
        assert_true(s.now - switched_at <= 6 * WEIR_SEC);
    }
    assert_true(s.now - switched_at >= 5 * WEIR_SEC);
}

static void patience_waits_for_a_check_that_is_under_way(void **state)
{
    (void)state;
    static struct script s;
    begin(&s, true);
    s.now += 39 * WEIR_SEC;
    weir_ice_tick(&s.ice, s.now);
    add_peer_candidate(&s, &s.path.remote, 100); /* it came late */
    assert_true(hear_request(&s));
    s.now += WEIR_SEC;
    weir_ice_tick(&s.ice, s.now);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_CHECKING);
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_true(weir_ice_may_send(&s.ice));
}

static void after_failure_a_restart_begins_anew(void **state)
{
    (void)state;
    static struct script s;
    begin_asking(&s, true);
    while (weir_ice_state(&s.ice) != WEIR_ICE_FAILED) {
        s.now = weir_ice_deadline(&s.ice);
        while (hear_request(&s)) {
        }
    }
    assert_true(s.now - WEIR_SEC >= 39 * WEIR_SEC && s.now - WEIR_SEC <= 41 * WEIR_SEC);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                     WEIR_OK);
    add_peer_candidate(&s, &s.path.remote, 100);
    assert_true(hear_request(&s));
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_true(weir_ice_may_send(&s.ice));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_has_its_verdict_and_its_answer),
        cmocka_unit_test(attack_S10_an_answer_repeats_nothing_of_its_request),
        cmocka_unit_test(what_arrives_elsewhere_or_is_no_stun_is_dropped),
        cmocka_unit_test(every_response_has_its_verdict),
        cmocka_unit_test(attack_S14_every_pair_state_takes_a_nomination),
        cmocka_unit_test(attack_S13_a_nomination_by_the_controlled_side_is_ignored),
        cmocka_unit_test(attack_S13_role_conflicts_end),
        cmocka_unit_test(a_487_to_a_request_of_the_former_role_changes_nothing),
        cmocka_unit_test(a_check_before_the_answer_is_answered_and_remembered),
        cmocka_unit_test(credentials_are_told_once_per_generation),
        cmocka_unit_test(attack_S18_discovered_candidates_are_bounded_and_dead_ones_make_room),
        cmocka_unit_test(attack_S16_a_flood_of_candidates_stays_within_pairs_and_pace),
        cmocka_unit_test(a_better_pair_takes_the_place_of_the_worst),
        cmocka_unit_test(answers_owed_are_bounded_and_the_oldest_goes),
        cmocka_unit_test(candidates_that_must_not_be_checked_are_refused),
        cmocka_unit_test(controlling_nominates_at_once_when_nothing_better_is_pending),
        cmocka_unit_test(a_dead_better_pair_holds_nomination_up_for_a_moment_only),
        cmocka_unit_test(of_several_nominated_pairs_the_best_is_used),
        cmocka_unit_test(a_pair_the_peer_no_longer_asks_for_gives_way),
        cmocka_unit_test(an_impatient_peer_far_away_is_reached),
        cmocka_unit_test(attack_S15_answers_that_prove_nothing_give_no_consent),
        cmocka_unit_test(attack_S15_a_pair_that_is_never_nominated_needs_consent_too),
        cmocka_unit_test(consent_is_asked_every_four_to_six_seconds),
        cmocka_unit_test(silence_is_noticed_and_one_answer_ends_it),
        cmocka_unit_test(consent_can_be_taken_back),
        cmocka_unit_test(attack_S20_only_proven_paths_may_carry_data_in),
        cmocka_unit_test(a_restart_keeps_the_old_path_only_as_long_as_there_is_consent),
        cmocka_unit_test(the_old_path_lingers_a_little_after_the_new_one_took_over),
        cmocka_unit_test(patience_waits_for_a_check_that_is_under_way),
        cmocka_unit_test(after_failure_a_restart_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
