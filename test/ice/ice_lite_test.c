/* A lite agent: it is asked, answers, and goes where it is asked from. The full agent at the other end is
 * made of messages that are written by hand. */
#include "test/ice/ice_room.h"

#define PEER_UFRAG "peer"
#define PEER_PWD "peer-password-of-24-char"
#define BEGIN (1000 * WEIR_SEC)

struct bench {
    struct weir_ice ice;
    struct weir_ice_room room;
    weir_time now;
    struct weir_addr local, remote; /* where the peer asks from */
    uint8_t number;
    uint8_t out[1500]; /* what the agent sent last */
    size_t bytes;
    struct weir_stun_msg sent;
    struct weir_path to;
    unsigned selections;
};

static struct weir_addr elsewhere(unsigned i)
{
    return weir_addr_v4(10, 0, 1, (uint8_t)(1 + i), (uint16_t)(2000 + i));
}

static void init_bench(struct bench *b)
{
    struct weir_ice_config c = { .crypto = weir_crypto_default(), .is_lite = true, .is_controlling = true,
                                 .seed = { 7 } };
    memset(b, 0, sizeof *b);
    b->now = BEGIN;
    b->local = weir_addr_v4(192, 0, 2, 1, 1000);
    b->remote = elsewhere(0);
    begin_in_room(&b->ice, &b->room, &c, b->now);
    assert_int_equal(weir_ice_add_host(&b->ice, b->now, &b->local, 65535), WEIR_OK);
    assert_int_equal(weir_ice_gathering_done(&b->ice, b->now), WEIR_OK);
}

static void tell_peer(struct bench *b)
{
    struct weir_ice_candidate theirs = { .type = WEIR_ICE_HOST, .component = 1, .priority = 1 << 24,
                                         .addr = b->remote, .foundation_bytes = 1, .foundation = "1" };
    assert_int_equal(weir_ice_set_remote(&b->ice, b->now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                     WEIR_OK);
    assert_int_equal(weir_ice_add_remote(&b->ice, b->now, &theirs), WEIR_OK);
}

/* The next thing the agent sends; false when there is none. */
static bool next(struct bench *b)
{
    struct weir_ice_event e;
    while (weir_ice_event(&b->ice, &e)) {
        b->selections += e.type == WEIR_ICE_EVENT_SELECTED;
    }
    b->bytes = weir_ice_send(&b->ice, b->now, (struct weir_mspan){ b->out, sizeof b->out }, &b->to);
    assert_true(weir_ice_check(&b->ice));
    if (b->bytes != 0) {
        assert_int_equal(weir_stun_parse(weir_span_of(b->out, b->bytes), &b->sent), WEIR_STUN_OK);
    }
    return b->bytes != 0;
}

/* Let time pass; the agent sends nothing in all of it. */
static void wait_in_silence(struct bench *b, weir_duration long_so)
{
    weir_time until = b->now + long_so;
    while (b->now < until) {
        weir_time at = weir_ice_deadline(&b->ice);
        b->now = at < until && at > b->now ? at : until;
        weir_ice_tick(&b->ice, b->now);
        assert_false(next(b));
    }
}

/* What a request says; nothing of it is an ordinary check of a controlling peer. */
struct request {
    bool nominates;
    bool is_controlled;
    bool is_forged;
    struct weir_span payload, list; /* NULL: without the attribute */
    struct weir_span ufrag, pwd;    /* of ours; NULL: the present ones */
};

static const struct request check, nomination = { .nominates = true };

static enum weir_ice_verdict ask(struct bench *b, const struct request *q)
{
    uint8_t packet[1500], username[80], txid[12] = { 0x70, ++b->number };
    struct weir_stun_build s;
    struct weir_wr name = weir_wr_of((struct weir_mspan){ username, sizeof username });
    struct weir_span pwd = q->is_forged ? WEIR_LIT("another password, 24 ch")
                           : q->pwd.p != NULL ? q->pwd : weir_ice_pwd(&b->ice);
    struct weir_stun_seal seal = { weir_crypto_default(), pwd, false, true };
    struct weir_path path = { b->local, b->remote };
    weir_wr_bytes(&name, q->ufrag.p != NULL ? q->ufrag : weir_ice_ufrag(&b->ice));
    weir_wr_str(&name, ":" PEER_UFRAG);
    weir_stun_begin(&s, (struct weir_mspan){ packet, sizeof packet }, WEIR_STUN_BINDING,
                    WEIR_STUN_REQUEST, txid);
    weir_stun_put_bytes(&s, WEIR_STUN_USERNAME, weir_span_of(username, name.len));
    weir_stun_put_u64(&s, q->is_controlled ? WEIR_STUN_ICE_CONTROLLED : WEIR_STUN_ICE_CONTROLLING, 1);
    if (q->nominates) {
        weir_stun_put_flag(&s, WEIR_STUN_USE_CANDIDATE);
    }
    weir_stun_put_u32(&s, WEIR_STUN_PRIORITY, 1 << 20);
    if (q->list.p != NULL) {
        weir_stun_put_bytes(&s, WEIR_STUN_DTLS_IN_STUN_ACK, q->list);
    }
    if (q->payload.p != NULL) {
        weir_stun_put_bytes(&s, WEIR_STUN_DTLS_IN_STUN, q->payload);
    }
    size_t n = weir_stun_end(&s, &seal);
    uint8_t *exact = malloc(n);
    memcpy(exact, packet, n);
    enum weir_ice_verdict v = weir_ice_recv(&b->ice, b->now, &path, weir_span_of(exact, n));
    free(exact);
    assert_true(weir_ice_check(&b->ice));
    return v;
}

/* Ask, and hear the one answer. */
static void ask_and_hear(struct bench *b, const struct request *q)
{
    assert_int_equal(ask(b, q), WEIR_ICE_OK);
    assert_true(next(b));
    assert_int_equal(b->sent.klass, WEIR_STUN_SUCCESS);
    assert_true(weir_addr_eq(&b->to.remote, &b->remote));
    assert_false(next(b));
}

static bool sends_to_peer(const struct bench *b)
{
    struct weir_path path;
    return weir_ice_selected(&b->ice, &path) && weir_addr_eq(&path.remote, &b->remote)
           && weir_addr_eq(&path.local, &b->local);
}

/* -- Being asked ------------------------------------------------------------------------------- */

static void it_asks_nobody_and_gives_up_when_nobody_asks(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b);
    wait_in_silence(&b, 60 * WEIR_SEC); /* the peer's description may take its time */
    tell_peer(&b);
    struct weir_addr another = weir_addr_v4(192, 0, 2, 2, 1000);
    assert_int_equal(weir_ice_add_host(&b.ice, b.now, &another, 65534), WEIR_OK);
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_CHECKING);
    wait_in_silence(&b, 39 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_CHECKING);
    assert_int_equal(weir_ice_failure(&b.ice), WEIR_ICE_FAILURE_NONE);
    wait_in_silence(&b, WEIR_SEC);
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_FAILED);
    assert_int_equal(weir_ice_failure(&b.ice), WEIR_ICE_FAILURE_NO_PAIR);
}

static void a_nomination_opens_the_path_and_nothing_else_does(void **state)
{
    (void)state;
    struct bench b;
    struct weir_path path;
    init_bench(&b);
    tell_peer(&b);
    ask_and_hear(&b, &check);
    assert_false(weir_ice_selected(&b.ice, &path)); /* [RFC 8445 12.1.1 MUST NOT] */
    path = (struct weir_path){ b.local, b.remote };
    assert_true(weir_ice_path_ok(&b.ice, &path));
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_CHECKING);
    ask_and_hear(&b, &nomination);
    assert_true(sends_to_peer(&b));
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_COMPLETED);
    assert_int_equal(b.selections, 1);
}

static void a_request_may_come_before_the_peers_description(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b);
    ask_and_hear(&b, &nomination);
    assert_true(sends_to_peer(&b));
    tell_peer(&b);
    for (unsigned i = 0; i < 12; i++) { /* longer than anybody's patience */
        wait_in_silence(&b, 5 * WEIR_SEC);
        ask_and_hear(&b, &check);
    }
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_COMPLETED);
}

static void who_waits_to_be_nominated_is_told_to_nominate(void **state)
{
    (void)state;
    struct bench b;
    const struct request controlled = { .is_controlled = true, .nominates = true };
    init_bench(&b);
    weir_ice_set_controlling(&b.ice, true); /* [RFC 8445 6.1.1 MUST] no effect */
    tell_peer(&b);
    for (unsigned i = 0; i < 20; i++) { /* whatever its tie-breaker, and however often */
        assert_int_equal(ask(&b, &controlled), WEIR_ICE_ROLE);
        assert_true(next(&b));
        assert_int_equal(b.sent.klass, WEIR_STUN_ERROR);
        assert_int_equal(b.sent.error_code, 487);
        assert_false(sends_to_peer(&b));
    }
    ask_and_hear(&b, &nomination);
    assert_true(sends_to_peer(&b));
}

static void what_is_not_proven_opens_nothing(void **state)
{
    (void)state;
    struct bench b;
    const struct request forged = { .nominates = true, .is_forged = true };
    init_bench(&b);
    tell_peer(&b);
    assert_int_equal(ask(&b, &forged), WEIR_ICE_INTEGRITY);
    assert_false(next(&b));
    assert_int_equal(b.ice.pairs, 0);
    ask_and_hear(&b, &nomination);
    b.remote = elsewhere(1);
    assert_int_equal(ask(&b, &forged), WEIR_ICE_INTEGRITY);
    b.remote = elsewhere(0);
    assert_true(sends_to_peer(&b));
}

static void it_has_no_servers_and_no_lite_peers(void **state)
{
    (void)state;
    struct bench b;
    struct weir_addr server = weir_addr_v4(10, 0, 0, 9, 3478);
    init_bench(&b);
    assert_int_equal(weir_ice_add_server(&b.ice, b.now, &server), WEIR_ERR_STATE);
    assert_int_equal(weir_ice_set_remote(&b.ice, b.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), true),
                     WEIR_ERR_ARG);
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_NEW); /* the next description may be better */
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    assert_true(sends_to_peer(&b));
}

/* -- Silence ----------------------------------------------------------------------------------- */

static void requests_stand_for_consent(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b);
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    for (unsigned i = 0; i < 100; i++) {
        wait_in_silence(&b, 14900 * WEIR_MS);
        assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_COMPLETED);
        ask_and_hear(&b, &check);
    }
    wait_in_silence(&b, 15 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_DISCONNECTED);
    ask_and_hear(&b, &check);
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_COMPLETED);
}

static void attack_S15_without_requests_sending_stops_within_thirty_seconds(void **state)
{
    (void)state;
    struct bench b;
    const struct request forged = { .is_forged = true };
    init_bench(&b);
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    for (unsigned i = 0; i < 29; i++) {
        wait_in_silence(&b, WEIR_SEC);
        assert_int_equal(ask(&b, &forged), WEIR_ICE_INTEGRITY);
        assert_true(sends_to_peer(&b));
    }
    wait_in_silence(&b, WEIR_SEC);
    assert_false(sends_to_peer(&b));
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_FAILED);
    assert_int_equal(weir_ice_failure(&b.ice), WEIR_ICE_FAILURE_CONSENT);
    assert_int_equal(ask(&b, &nomination), WEIR_ICE_OVER);
    assert_true(weir_ice_deadline(&b.ice) == WEIR_NEVER);
}

static void of_two_nominated_paths_the_silent_one_is_not_left_by_itself(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b);
    tell_peer(&b);
    b.remote = elsewhere(1);
    ask_and_hear(&b, &nomination);
    b.remote = elsewhere(0);
    ask_and_hear(&b, &nomination);
    assert_true(sends_to_peer(&b)); /* the better one */
    wait_in_silence(&b, 16 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_DISCONNECTED);
    assert_true(sends_to_peer(&b));
    b.remote = elsewhere(1); /* it is for the peer to say where it is */
    ask_and_hear(&b, &check);
    assert_true(sends_to_peer(&b));
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_COMPLETED);
}

/* -- Moving ------------------------------------------------------------------------------------ */

static void a_silent_peer_that_asks_from_elsewhere_is_followed(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b);
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    b.remote = elsewhere(1);
    wait_in_silence(&b, 6900 * WEIR_MS);
    ask_and_hear(&b, &check); /* not silent for long enough: it may just be trying */
    assert_false(sends_to_peer(&b));
    wait_in_silence(&b, 200 * WEIR_MS);
    ask_and_hear(&b, &check);
    assert_true(sends_to_peer(&b));
    assert_int_equal(b.selections, 2);
}

static void a_nomination_moves_it_at_once(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b);
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    b.remote = elsewhere(1);
    wait_in_silence(&b, 4 * WEIR_SEC);
    ask_and_hear(&b, &nomination);
    assert_true(sends_to_peer(&b));
}

static void attack_S18_a_peer_of_many_addresses_stays_bounded(void **state)
{
    (void)state;
    struct bench b;
    struct weir_path path;
    init_bench(&b);
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    for (unsigned i = 1; i < 200; i++) { /* one address alone is talked to */
        b.remote = elsewhere(i);
        ask_and_hear(&b, &check);
        assert_true(weir_ice_selected(&b.ice, &path));
        struct weir_addr first = elsewhere(0);
        assert_true(weir_addr_eq(&path.remote, &first));
    }
    assert_true(b.ice.remotes <= 1 + WEIR_ICE_PRFLX_MAX && b.ice.pairs <= 1 + WEIR_ICE_PRFLX_MAX);
    for (unsigned i = 1; i < 200; i++) { /* and a peer may move any number of times */
        b.remote = elsewhere(i);
        wait_in_silence(&b, 4 * WEIR_SEC);
        ask_and_hear(&b, &nomination);
        assert_true(sends_to_peer(&b));
    }
    assert_true(b.ice.remotes <= 1 + WEIR_ICE_PRFLX_MAX && b.ice.pairs <= 1 + WEIR_ICE_PRFLX_MAX);
}

static void being_told_that_the_peer_was_heard_changes_nothing(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b);
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    struct weir_path other = { b.local, elsewhere(1) };
    weir_ice_follow(&b.ice, b.now, &other);
    wait_in_silence(&b, WEIR_SEC);
    assert_true(sends_to_peer(&b));
    assert_int_equal(b.ice.pairs, 1);
}

static void during_a_restart_the_old_path_goes_on(void **state)
{
    (void)state;
    struct bench b;
    struct weir_path path;
    uint8_t ufrag[WEIR_ICE_UFRAG_MAX], pwd[WEIR_ICE_PWD_MAX];
    init_bench(&b);
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    struct request old = { .ufrag = weir_ice_ufrag(&b.ice), .pwd = weir_ice_pwd(&b.ice) };
    memcpy(ufrag, old.ufrag.p, old.ufrag.n);
    memcpy(pwd, old.pwd.p, old.pwd.n);
    old.ufrag.p = ufrag;
    old.pwd.p = pwd;
    assert_int_equal(weir_ice_restart(&b.ice, b.now), WEIR_OK);
    for (unsigned i = 0; i < 8; i++) { /* its questions for consent go on with what they had */
        wait_in_silence(&b, 5 * WEIR_SEC);
        ask_and_hear(&b, &old);
        assert_true(sends_to_peer(&b));
    }
    b.remote = elsewhere(1);
    tell_peer(&b);
    ask_and_hear(&b, &nomination);
    assert_true(sends_to_peer(&b));
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_COMPLETED);
    assert_int_equal(ask(&b, &old), WEIR_ICE_USERNAME);
    wait_in_silence(&b, 29 * WEIR_SEC);
    assert_true(weir_ice_selected(&b.ice, &path));
    wait_in_silence(&b, WEIR_SEC);
    assert_false(weir_ice_selected(&b.ice, &path));
}

/* -- Payloads ---------------------------------------------------------------------------------- */

static uint8_t flight[2][600]; /* two datagrams of DTLS */

static void give_payloads(struct bench *b)
{
    for (int i = 0; i < 2; i++) {
        memset(flight[i], 22 + i, sizeof flight[i]);
        assert_int_equal(weir_ice_embed_add(&b->ice, weir_span_of(flight[i], sizeof flight[i])), WEIR_OK);
    }
    weir_ice_embed_push(&b->ice);
}

/* [draft-hancke-webrtc-sped, Lite agents] it may send by itself as soon as one request was proven. */
static void where_payloads_ride_the_first_request_opens_the_path(void **state)
{
    (void)state;
    struct bench b;
    uint8_t hello[300] = { 22, 254 }, out[1500];
    const struct request carrying = { .payload = { hello, sizeof hello }, .list = WEIR_LIT("") };
    init_bench(&b);
    weir_ice_embed_begin(&b.ice);
    give_payloads(&b);
    tell_peer(&b);
    ask_and_hear(&b, &carrying);
    assert_true(sends_to_peer(&b));
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_CONNECTED);
    assert_int_equal(b.sent.dtls_in_stun.n, sizeof flight[0]);
    assert_memory_equal(b.sent.dtls_in_stun.p, flight[0], sizeof flight[0]);
    /* What left on the answer does not leave again by itself. */
    assert_int_equal(weir_ice_embed_bare(&b.ice, (struct weir_mspan){ out, sizeof out }), sizeof flight[1]);
    assert_memory_equal(out, flight[1], sizeof flight[1]);
    assert_int_equal(weir_ice_embed_bare(&b.ice, (struct weir_mspan){ out, sizeof out }), 0);
    /* But on the next answer, for as long as the peer does not name it. */
    uint8_t list[4];
    weir_put32(list, weir_ice_embed_mark(weir_span_of(flight[1], sizeof flight[1])));
    const struct request naming = { .payload = { hello, sizeof hello }, .list = { list, 4 } };
    ask_and_hear(&b, &naming);
    assert_int_equal(b.sent.dtls_in_stun.n, sizeof flight[0]);
    assert_int_equal(b.ice.embed.count, 1);
    ask_and_hear(&b, &nomination); /* and a peer that stops is talked to without */
    assert_int_equal(weir_ice_state(&b.ice), WEIR_ICE_COMPLETED);
    assert_false(weir_ice_embed_is_on(&b.ice));
}

static void attack_S21_no_answer_is_longer_than_three_times_its_request(void **state)
{
    (void)state;
    struct bench b;
    uint8_t empty = 0;
    const struct request bare = { .nominates = true, .payload = { &empty, 0 }, .list = WEIR_LIT("") };
    init_bench(&b);
    weir_ice_embed_begin(&b.ice);
    give_payloads(&b);
    tell_peer(&b);
    for (unsigned i = 0; i < 10; i++) { /* a request from there says nothing about answers to there */
        ask_and_hear(&b, &bare);
        assert_true(b.bytes <= 3 * 112);
        assert_int_equal(b.sent.dtls_in_stun.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_asks_nobody_and_gives_up_when_nobody_asks),
        cmocka_unit_test(a_nomination_opens_the_path_and_nothing_else_does),
        cmocka_unit_test(a_request_may_come_before_the_peers_description),
        cmocka_unit_test(who_waits_to_be_nominated_is_told_to_nominate),
        cmocka_unit_test(what_is_not_proven_opens_nothing),
        cmocka_unit_test(it_has_no_servers_and_no_lite_peers),
        cmocka_unit_test(requests_stand_for_consent),
        cmocka_unit_test(attack_S15_without_requests_sending_stops_within_thirty_seconds),
        cmocka_unit_test(of_two_nominated_paths_the_silent_one_is_not_left_by_itself),
        cmocka_unit_test(a_silent_peer_that_asks_from_elsewhere_is_followed),
        cmocka_unit_test(a_nomination_moves_it_at_once),
        cmocka_unit_test(attack_S18_a_peer_of_many_addresses_stays_bounded),
        cmocka_unit_test(being_told_that_the_peer_was_heard_changes_nothing),
        cmocka_unit_test(during_a_restart_the_old_path_goes_on),
        cmocka_unit_test(where_payloads_ride_the_first_request_opens_the_path),
        cmocka_unit_test(attack_S21_no_answer_is_longer_than_three_times_its_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
