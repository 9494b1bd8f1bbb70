/* A peer that is an ICE lite agent, as servers are: whole connections with a full agent on a simulated network,
 * and how little it sends to an address that proved nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/sim.h"
#include "test/support/support.h"

enum { CALLER, CALLEE };

/* Everything that makes a difference to how a set-up goes. */
struct way {
    int lite; /* who is */
    bool no_sped, no_snap, is_answerer_passive;
    uint8_t version; /* that the DTLS server knows at most; 0: the newest */
};

static struct way numbered(unsigned i)
{
    return (struct way){ .lite = (int)(i & 1), .no_sped = (i & 2) != 0, .no_snap = (i & 4) != 0,
                         .is_answerer_passive = (i & 8) != 0, .version = (i & 16) != 0 ? 12 : 0 };
}
#define WAYS 32

static struct sim *open_way(const struct way *w, uint64_t seed)
{
    struct sim_options o = { .seed = seed, .no_sped = { w->no_sped, w->no_sped },
                             .no_snap = { w->no_snap, w->no_snap },
                             .setup = w->is_answerer_passive ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE };
    o.is_lite[w->lite] = true;
    return sim_open_with(&o);
}

static void introduce(struct sim *s, const struct way *w)
{
    const struct sim_meeting m = { .signal = 10 * WEIR_MS };
    for (int i = 0; i < 2 && w->version != 0; i++) {
        s->peer[i]->config.dtls_version_max = w->version;
    }
    sim_meet(s, &m);
}

/* What left for each byte that came, at every moment until the handshake is done. */
static void watch_the_handshake(struct sim *s, int lite, weir_duration limit)
{
    const struct weir_peer *p = s->peer[lite];
    weir_time until = s->now + limit;
    while (s->now < until && p->timeline.dtls_done == WEIR_NEVER) {
        sim_run(s, s->now + WEIR_MS / 2, false);
        assert_true(p->timeline.dtls_done != WEIR_NEVER || p->tx_bytes <= 3 * p->rx_bytes);
    }
}

static void data_flows_both_ways(struct sim *s)
{
    sim_run(s, s->now + 20 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    unsigned before = s->messages[CALLER];
    s->echoes[CALLEE] = true;
    assert_int_equal(sim_send(s, CALLER, 20000), WEIR_OK);
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    assert_int_equal(s->messages[CALLER], before + 1);
    assert_false(s->is_corrupt);
    s->echoes[CALLEE] = false;
}

/* -- Connecting -------------------------------------------------------------------------------- */

static void either_side_may_be_lite(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAYS; i++) {
        const struct way w = numbered(i);
        struct sim *s = open_way(&w, test_seed(i));
        introduce(s, &w);
        watch_the_handshake(s, w.lite, WEIR_SEC);
        data_flows_both_ways(s);
        const struct weir_ice *lite = &s->peer[w.lite]->ice, *full = &s->peer[1 - w.lite]->ice;
        assert_true(full->is_remote_lite && full->is_controlling && !lite->is_controlling);
        assert_int_equal(weir_ice_pair_at(lite, lite->selected)->requests, 0);
        assert_int_equal(full->embed.rx_payloads != 0, !w.no_sped);
        if (w.version == 12) {
            assert_string_equal(weir_dtls_version_name(&s->peer[0]->dtls), "DTLS 1.2");
        }
        sim_run(s, s->now + 300 * WEIR_SEC, false); /* the other side's questions keep it up */
        assert_int_equal(s->state[w.lite], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1 - w.lite], WEIR_PEER_CONNECTED);
        sim_close(s);
    }
}

static void loss_only_costs_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10 * WAYS; i++) {
        const struct way w = numbered(i % WAYS);
        struct sim *s = open_way(&w, test_seed(1000 + i));
        s->link.loss = 200;
        introduce(s, &w);
        watch_the_handshake(s, w.lite, 20 * WEIR_SEC);
        sim_run(s, s->now + 20 * WEIR_SEC, true);
        s->link.loss = 0;
        data_flows_both_ways(s);
        sim_close(s);
    }
}

/* No round trip is spent on proving where the peer is. The peer's first check leaves with the answer's
 * arrival, and a lite agent sends none before: three round trips with SPED and four without, where a full agent
 * has two and three. */
static void the_limit_on_bytes_costs_no_round_trip(void **state)
{
    (void)state;
    const weir_duration one_way = 50 * WEIR_MS, most[] = { 6, 8, 6, 8 };
    for (unsigned i = 0; i < 4; i++) {
        const struct way w = { .lite = CALLEE, .no_sped = (i & 1) != 0,
                               .is_answerer_passive = (i & 2) != 0 };
        struct sim *s = open_way(&w, 1);
        const struct sim_meeting m = { .signal = one_way, .with_negotiated = true };
        weir_time begun = s->now;
        s->link.delay = one_way;
        s->greets[0] = s->greets[1] = true;
        sim_meet(s, &m);
        sim_run(s, s->now + 2 * WEIR_SEC, false);
        weir_duration took = s->peer[CALLER]->timeline.first_message - begun;
        if (took > most[i] * one_way + 25 * WEIR_MS) {
            fail_msg("way %u: %.2f crossings", i, (double)took / (double)one_way);
        }
        sim_close(s);
    }
}

/* -- Descriptions ------------------------------------------------------------------------------ */

static bool says(struct weir_span text, const char *line)
{
    size_t n = strlen(line);
    for (size_t i = 0; i + n <= text.n; i++) {
        if (memcmp(text.p + i, line, n) == 0) {
            return true;
        }
    }
    return false;
}

static void a_description_says_it_and_two_lite_ends_are_refused(void **state)
{
    (void)state;
    struct sim_options o = { .seed = 3, .is_lite = { true, true } };
    struct sim *s = sim_open_with(&o);
    struct weir_sdp_error error;
    uint8_t text[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_peer_create_offer(s->peer[CALLER], s->now, &w), WEIR_OK);
    assert_true(says(weir_span_of(text, w.len), "\r\na=ice-lite\r\n"));
    assert_int_equal(weir_peer_set_remote(s->peer[CALLEE], s->now, true, weir_span_of(text, w.len), &error),
                     WEIR_ERR_ARG);
    assert_int_equal(error.verdict, WEIR_SDP_BOTH_LITE);
    assert_int_equal(s->peer[CALLEE]->signalling, WEIR_STABLE); /* nothing was lost */
    struct weir_addr server = weir_addr_v4(10, 0, 0, 9, 3478);
    assert_int_equal(weir_peer_add_stun_server(s->peer[CALLER], s->now, &server), WEIR_ERR_STATE);
    sim_close(s);
}

static void names_need_not_be_looked_up(void **state)
{
    (void)state;
    struct sim_options o = { .seed = 3, .is_lite = { false, true } };
    struct sim *s = sim_open_with(&o);
    const char *line = "candidate:1 1 udp 2113937151 01234567-89ab-cdef-0123-456789abcdef.local 50000 typ host";
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_peer_add_candidate(s->peer[i], s->now, weir_span_of(line, strlen(line))),
                         WEIR_OK);
        assert_int_equal(s->peer[i]->names, i == 0 ? 1 : 0);
    }
    sim_close(s);
}

/* -- Addresses that prove nothing -------------------------------------------------------------- */

/* The peer writes somebody else's address on everything: what comes back is lost. */
static void attack_D40_a_claimed_address_gets_three_times_what_came(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAYS; i++) {
        const struct way w = numbered(i);
        struct sim *s = open_way(&w, test_seed(i));
        const struct weir_peer *p = s->peer[w.lite];
        introduce(s, &w);
        for (unsigned k = 0; k < 4000; k++) { /* the full agent hears nothing, and goes on asking */
            for (unsigned at = 0; at < s->in_flight; at++) {
                if (s->wire[at].to != w.lite) {
                    s->wire[at].bytes = 0;
                }
            }
            sim_run(s, s->now + 5 * WEIR_MS, false);
            assert_true(p->tx_bytes <= 3 * p->rx_bytes);
        }
        assert_true(p->rx_bytes > 1000);
        assert_int_equal(p->timeline.dtls_done, WEIR_NEVER);
        sim_close(s);
    }
}

/* A peer that asks from two addresses, three times from one for each time from the other, and hears nothing. */
static void ask_from_two(bool both_nominate)
{
    const struct weir_addr claimed[2] = { weir_addr_v4(10, 9, 9, 1, 2009), weir_addr_v4(10, 9, 9, 2, 2009) };
    const struct sim_meeting at_once = { .signal = 0 };
    struct sim_options o = { .seed = 5, .is_lite = { false, true }, .no_sped = { true, true } };
    struct sim *s = sim_open_with(&o);
    uint64_t to[2] = { 0, 0 }, from[2] = { 0, 0 };
    struct weir_path path;
    uint8_t out[1500];
    unsigned asked = 0;
    sim_meet(s, &at_once);
    for (unsigned k = 0; k < 2000; k++) {
        unsigned where = asked % 4 == 3 ? 1 : 0;
        weir_ice_pair_at(&s->peer[CALLER]->ice, 0)->is_nominating = where == 1 || both_nominate;
        weir_put32(weir_ice_pair_at(&s->peer[CALLER]->ice, 0)->txid, k); /* a new question each time */
        size_t n = weir_peer_send(s->peer[CALLER], s->now, (struct weir_mspan){ out, sizeof out }, &path);
        if (n != 0) {
            struct weir_packet packet = { .data = out, .len = (uint16_t)n,
                                          .path = { path.remote, claimed[where] } };
            from[where] += n;
            asked++;
            assert_int_equal(weir_peer_recv(s->peer[CALLEE], s->now, &packet), WEIR_PEER_OK);
        }
        while ((n = weir_peer_send(s->peer[CALLEE], s->now, (struct weir_mspan){ out, sizeof out }, &path))
               != 0) {
            to[weir_addr_eq(&path.remote, &claimed[1])] += n;
        }
        assert_true(to[0] <= 3 * from[0] && to[1] <= 3 * from[1]);
        s->now += 20 * WEIR_MS;
        weir_peer_tick(s->peer[CALLER], s->now);
        weir_peer_tick(s->peer[CALLEE], s->now);
    }
    assert_true(asked > 20 && to[0] + to[1] > from[0] + from[1]); /* the hello, again and again */
    sim_close(s);
}

static void attack_D40_one_address_does_not_pay_for_another(void **state)
{
    (void)state;
    ask_from_two(false);
    ask_from_two(true);
}

/* -- A peer that moves ------------------------------------------------------------------------- */

static void a_peer_whose_address_changes_is_found_by_its_next_question(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct way w = numbered(i);
        struct sim *s = open_way(&w, test_seed(i));
        introduce(s, &w);
        data_flows_both_ways(s);
        for (unsigned k = 0; k < 5; k++) {
            s->seen[1 - w.lite] = weir_addr_v4(192, 0, 2, (uint8_t)(1 + k), (uint16_t)(5000 + k));
            /* It asks every 4 to 6 s; and where it proved no more than who asks, a datagram of ours has to
             * wait until a third of it came: four questions. */
            sim_run(s, s->now + 30 * WEIR_SEC, false);
            data_flows_both_ways(s);
        }
        sim_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_side_may_be_lite),
        cmocka_unit_test(loss_only_costs_time),
        cmocka_unit_test(the_limit_on_bytes_costs_no_round_trip),
        cmocka_unit_test(a_description_says_it_and_two_lite_ends_are_refused),
        cmocka_unit_test(names_need_not_be_looked_up),
        cmocka_unit_test(attack_D40_a_claimed_address_gets_three_times_what_came),
        cmocka_unit_test(attack_D40_one_address_does_not_pay_for_another),
        cmocka_unit_test(a_peer_whose_address_changes_is_found_by_its_next_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
