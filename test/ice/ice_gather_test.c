/* Server-reflexive candidates: servers that answer, stay silent, say nothing new, or are not servers. */
#include "test/ice/ice_room.h"

struct gatherer {
    struct weir_ice ice;
    struct weir_ice_room room;
    weir_time now;
    struct weir_addr host[2], server;
    unsigned candidates, gathered;
    uint32_t last;
};

static void take_events(struct gatherer *g)
{
    struct weir_ice_event e;
    while (weir_ice_event(&g->ice, &e)) {
        if (e.type == WEIR_ICE_EVENT_CANDIDATE) {
            g->candidates++;
            g->last = e.candidate;
        }
        g->gathered += e.type == WEIR_ICE_EVENT_GATHERED;
    }
    assert_true(weir_ice_check(&g->ice));
}

static void begin(struct gatherer *g, bool with_server)
{
    struct weir_ice_config c = { .crypto = weir_crypto_default(), .seed = { 7 } };
    memset(g, 0, sizeof *g);
    g->now = WEIR_SEC;
    g->host[0] = weir_addr_v4(10, 0, 0, 1, 1000);
    g->host[1] = weir_addr_v4(10, 0, 1, 1, 1001);
    g->server = weir_addr_v4(192, 0, 2, 9, 3478);
    begin_in_room(&g->ice, &g->room, &c, g->now);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_ice_add_host(&g->ice, g->now, &g->host[i], (uint16_t)(65535 - i)), WEIR_OK);
    }
    if (with_server) {
        assert_int_equal(weir_ice_add_server(&g->ice, g->now, &g->server), WEIR_OK);
    }
    take_events(g);
    assert_int_equal(g->candidates, 2);
    assert_int_equal(weir_ice_gathering_done(&g->ice, g->now), WEIR_OK);
}

/* The next question to the server. */
static bool hear(struct gatherer *g, uint8_t txid[12], struct weir_path *to)
{
    uint8_t out[200];
    struct weir_stun_msg m;
    weir_ice_tick(&g->ice, g->now);
    size_t n = weir_ice_send(&g->ice, g->now, (struct weir_mspan){ out, sizeof out }, to);
    if (n == 0) {
        return false;
    }
    assert_int_equal(weir_stun_parse(weir_span_of(out, n), &m), WEIR_STUN_OK);
    assert_false(m.has_username || m.integrity_at != 0); /* servers are asked by nobody in particular */
    memcpy(txid, m.txid, 12);
    return true;
}

static enum weir_ice_verdict answer(struct gatherer *g, const uint8_t txid[12],
                                    const struct weir_path *path, const struct weir_addr *mapped)
{
    uint8_t out[100];
    struct weir_stun_build b;
    const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
    weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING, WEIR_STUN_SUCCESS,
                    txid);
    weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, mapped);
    return weir_ice_recv(&g->ice, g->now, path, weir_span_of(out, weir_stun_end(&b, &plain)));
}

static void each_base_asks_and_what_the_server_saw_becomes_a_candidate(void **state)
{
    (void)state;
    struct gatherer g;
    uint8_t txid[2][12];
    struct weir_path to[2];
    struct weir_addr outside = weir_addr_v4(203, 0, 113, 5, 40000);
    begin(&g, true);
    assert_true(hear(&g, txid[0], &to[0]));
    assert_false(hear(&g, txid[1], &to[1])); /* paced as checks are [RFC 8445 14.2] */
    g.now = weir_ice_deadline(&g.ice);
    assert_true(hear(&g, txid[1], &to[1]));
    assert_true(g.now == WEIR_SEC + 20 * WEIR_MS);
    assert_true(weir_addr_eq(&to[0].local, &g.host[0]) && weir_addr_eq(&to[1].local, &g.host[1]));
    assert_int_equal(answer(&g, txid[0], &to[0], &outside), WEIR_ICE_OK);
    take_events(&g);
    assert_int_equal(g.candidates, 3);
    assert_int_equal(g.gathered, 0);
    const struct weir_ice_candidate *c = weir_ice_local_at(&g.ice, g.last);
    assert_int_equal(c->type, WEIR_ICE_SRFLX);
    assert_true(weir_addr_eq(&c->addr, &outside) && weir_addr_eq(&c->related, &g.host[0]));
    assert_true(c->priority < weir_ice_local_at(&g.ice, 0)->priority);
    /* The second is not behind a translator: nothing new [RFC 8445 5.1.3], and that was all. */
    assert_int_equal(answer(&g, txid[1], &to[1], &g.host[1]), WEIR_ICE_OK);
    take_events(&g);
    assert_int_equal(g.candidates, 3);
    assert_int_equal(g.gathered, 1);
}

static void what_is_written_of_it_hides_the_base(void **state)
{
    (void)state;
    struct gatherer g;
    uint8_t txid[12], text[200];
    struct weir_path to;
    struct weir_addr outside = weir_addr_v4(203, 0, 113, 5, 40000);
    begin(&g, true);
    assert_true(hear(&g, txid, &to));
    assert_int_equal(answer(&g, txid, &to, &outside), WEIR_ICE_OK);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text - 1 });
    weir_ice_candidate_write(&w, weir_ice_local_at(&g.ice, 2));
    text[weir_wr_done(&w)] = '\0';
    assert_non_null(strstr((char *)text, " 203.0.113.5 40000 typ srflx raddr 0.0.0.0 rport 0"));
}

static void a_silent_server_holds_nobody_up(void **state)
{
    (void)state;
    struct gatherer g;
    uint8_t txid[12];
    struct weir_path to;
    unsigned asked = 0;
    begin(&g, true);
    while (g.gathered == 0) {
        g.now = weir_ice_deadline(&g.ice);
        while (hear(&g, txid, &to)) {
            asked++;
        }
        take_events(&g);
    }
    assert_true(g.now == 6 * WEIR_SEC);
    assert_int_equal(asked, 8); /* at 0, 0.5, 1.5 and 3.5 s from two bases */
    assert_true(weir_ice_deadline(&g.ice) == WEIR_NEVER);
}

static void without_servers_gathering_is_done_at_once(void **state)
{
    (void)state;
    struct gatherer g;
    begin(&g, false);
    take_events(&g);
    assert_int_equal(g.gathered, 1);
    assert_true(weir_ice_deadline(&g.ice) == WEIR_NEVER);
}

static void nobody_else_answers_for_the_server(void **state)
{
    (void)state;
    struct gatherer g;
    uint8_t txid[12];
    struct weir_path to;
    struct weir_addr outside = weir_addr_v4(203, 0, 113, 5, 40000);
    begin(&g, true);
    assert_true(hear(&g, txid, &to));
    struct weir_path elsewhere = to;
    elsewhere.remote.ip[3]++;
    assert_int_not_equal(answer(&g, txid, &elsewhere, &outside), WEIR_ICE_OK);
    elsewhere = to;
    elsewhere.local = g.host[1];
    assert_int_not_equal(answer(&g, txid, &elsewhere, &outside), WEIR_ICE_OK);
    txid[11] ^= 1;
    assert_int_not_equal(answer(&g, txid, &to, &outside), WEIR_ICE_OK);
    take_events(&g);
    assert_int_equal(g.candidates, 2);
}

static void servers_and_hosts_have_their_limits(void **state)
{
    (void)state;
    struct gatherer g;
    begin(&g, true);
    struct weir_addr none = { 0 };
    assert_int_equal(weir_ice_add_server(&g.ice, g.now, &none), WEIR_ERR_ARG);
    for (unsigned i = 1; i <= WEIR_ICE_SERVERS_MAX; i++) {
        struct weir_addr a = weir_addr_v4(192, 0, 2, 10, (uint16_t)(i + 1));
        assert_int_equal(weir_ice_add_server(&g.ice, g.now, &a),
                         i < WEIR_ICE_SERVERS_MAX ? WEIR_OK : WEIR_ERR_FULL);
    }
    for (unsigned i = 2; i <= WEIR_ICE_LOCALS_MAX; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 2, 1, (uint16_t)(i + 1));
        assert_int_equal(weir_ice_add_host(&g.ice, g.now, &a, 1),
                         i < WEIR_ICE_LOCALS_MAX ? WEIR_OK : WEIR_ERR_FULL);
    }
    assert_int_equal(weir_ice_add_host(&g.ice, g.now, &g.host[0], 1), WEIR_OK); /* known: nothing new */
    assert_int_equal(g.ice.locals, WEIR_ICE_LOCALS_MAX);
    struct weir_addr any = weir_addr_v4(0, 0, 0, 0, 5), group = weir_addr_v4(224, 0, 0, 5, 5);
    assert_int_equal(weir_ice_add_host(&g.ice, g.now, &any, 1), WEIR_ERR_ARG);
    assert_int_equal(weir_ice_add_host(&g.ice, g.now, &group, 1), WEIR_ERR_ARG);
}

/* Ask and answer until there is nothing to ask; the servers that were asked, by the last byte of their address. */
static unsigned ask_all(struct gatherer *g, uint8_t outside)
{
    unsigned asked = 0, of[256] = { 0 };
    uint8_t txid[12];
    struct weir_path to;
    while (weir_ice_deadline(&g->ice) != WEIR_NEVER && asked < 100) {
        g->now = weir_ice_deadline(&g->ice) > g->now ? weir_ice_deadline(&g->ice) : g->now;
        while (hear(g, txid, &to)) {
            struct weir_addr mapped = to.local;
            mapped.ip[0] = 203;
            mapped.port = (uint16_t)(mapped.port + outside);
            asked++;
            of[to.remote.ip[3]]++;
            assert_int_equal(answer(g, txid, &to, &mapped), WEIR_ICE_OK);
        }
    }
    take_events(g);
    for (unsigned i = 0; i < 256; i++) {
        assert_true(of[i] == 0 || of[i] == 2); /* from both bases */
    }
    return asked;
}

/* [RFC 8445 9, 5.1.1] What was told is asked for again, of the servers that there are then; hosts stay, and so does
 * everything until the restart. */
static void a_restart_asks_again(void **state)
{
    (void)state;
    struct gatherer g;
    const struct weir_addr other[3] = { weir_addr_v4(192, 0, 2, 21, 3478), weir_addr_v4(192, 0, 2, 22, 3478),
                                        weir_addr_v4(192, 0, 2, 23, 3478) };
    begin(&g, true);
    assert_int_equal(ask_all(&g, 1), 2);
    assert_int_equal(g.gathered, 1);
    assert_int_equal(g.ice.locals, 4);
    assert_int_equal(weir_ice_set_servers(&g.ice, other, 3), WEIR_OK);
    assert_int_equal(ask_all(&g, 1), 0);
    for (unsigned round = 2; round < 5; round++) {
        assert_true(weir_ice_gathers_anew(&g.ice));
        assert_int_equal(weir_ice_restart(&g.ice, g.now), WEIR_OK);
        assert_int_equal(g.ice.locals, 2);
        assert_false(g.ice.has_told_gathered);
        g.candidates = 0;
        assert_int_equal(weir_ice_gathering_done(&g.ice, g.now), WEIR_OK);
        assert_int_equal(ask_all(&g, (uint8_t)round), 6);
        assert_int_equal(g.candidates, 2);
        assert_int_equal(g.gathered, round);
        assert_int_equal(weir_ice_local_at(&g.ice, 2)->addr.port, 1000 + round);
    }
    assert_int_equal(weir_ice_set_servers(&g.ice, NULL, 0), WEIR_OK);
    assert_int_equal(weir_ice_restart(&g.ice, g.now), WEIR_OK); /* there is nobody to ask: what is known is what there is */
    assert_true(g.ice.has_told_gathered);
    assert_int_equal(g.ice.locals, 4);
}

static void servers_are_set_all_or_none(void **state)
{
    (void)state;
    struct gatherer g;
    struct weir_addr a[WEIR_ICE_SERVERS_MAX + 1] = { { 0 } };
    begin(&g, true);
    for (unsigned i = 0; i <= WEIR_ICE_SERVERS_MAX; i++) {
        a[i] = weir_addr_v4(192, 0, 2, (uint8_t)(20 + i), 3478);
    }
    assert_int_equal(weir_ice_set_servers(&g.ice, a, WEIR_ICE_SERVERS_MAX + 1), WEIR_ERR_FULL);
    assert_int_equal(g.ice.servers, 1);
    a[1].port = 0;
    assert_int_equal(weir_ice_set_servers(&g.ice, a, 2), WEIR_ERR_ARG);
    assert_true(g.ice.servers == 1 && weir_addr_eq(&g.ice.server[0], &g.server));
    a[1].port = 1;
    assert_int_equal(weir_ice_set_servers(&g.ice, a, WEIR_ICE_SERVERS_MAX), WEIR_OK);
    g.ice.config.is_lite = true;
    assert_int_equal(weir_ice_set_servers(&g.ice, a, 1), WEIR_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_base_asks_and_what_the_server_saw_becomes_a_candidate),
        cmocka_unit_test(what_is_written_of_it_hides_the_base),
        cmocka_unit_test(a_silent_server_holds_nobody_up),
        cmocka_unit_test(without_servers_gathering_is_done_at_once),
        cmocka_unit_test(nobody_else_answers_for_the_server),
        cmocka_unit_test(servers_and_hosts_have_their_limits),
        cmocka_unit_test(a_restart_asks_again),
        cmocka_unit_test(servers_are_set_all_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
