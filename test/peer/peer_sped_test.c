/* SPED: the DTLS handshake rides on checks. Two whole peers on a simulated network, with descriptions
 * that take their time: how many round trips a set-up costs, and that it survives whatever happens to
 * single packets and to the other side's willingness.
 *
 *   peer_sped_test --table   prints the round trips of every combination, as peer/README.md has them
 */
#include "test/sim/sim.h"
#include "test/support/support.h"

#define ONE_WAY (50 * WEIR_MS)
#define ROUND_TRIP (2 * ONE_WAY)

struct way {
    bool no_sped[2], no_snap[2];
    bool is_answerer_passive;
    bool with_trickle;
    weir_duration trickle;
    bool with_negotiated;
};

/* Moments since the offer, WEIR_NEVER where they did not come. */
struct outcome {
    weir_duration to_callee, to_caller; /* the first message arrived */
    uint64_t packets, bytes;
};

static struct sim *open_way(const struct way *w, uint64_t seed)
{
    struct sim_options o = { .seed = seed,
                             .setup = w->is_answerer_passive ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE };
    memcpy(o.no_sped, w->no_sped, sizeof o.no_sped);
    memcpy(o.no_snap, w->no_snap, sizeof o.no_snap);
    struct sim *s = sim_open_with(&o);
    s->link.delay = ONE_WAY;
    return s;
}

static bool has_message(const struct sim *s, int i)
{
    return s->peer[i]->timeline.first_message != WEIR_NEVER;
}

/* Introduce them, both speaking as soon as they may, and wait until each has heard the other. */
static bool talk(struct sim *s, const struct way *w, weir_duration limit, struct outcome *out)
{
    weir_time begin = s->now, until = s->now + limit;
    const struct sim_meeting m = { .signal = ONE_WAY, .with_trickle = w->with_trickle,
                                   .trickle = w->trickle,
                                   .with_negotiated = w->with_negotiated };
    s->greets[0] = s->greets[1] = true;
    sim_meet(s, &m);
    while (s->now < until && !(has_message(s, 0) && has_message(s, 1))) {
        sim_run(s, s->now + WEIR_MS, false);
    }
    weir_time to[2] = { s->peer[0]->timeline.first_message, s->peer[1]->timeline.first_message };
    out->to_caller = to[0] == WEIR_NEVER ? WEIR_NEVER : to[0] - begin;
    out->to_callee = to[1] == WEIR_NEVER ? WEIR_NEVER : to[1] - begin;
    out->packets = s->sent;
    out->bytes = s->bytes;
    return has_message(s, 0) && has_message(s, 1);
}

static void data_flows_both_ways(struct sim *s)
{
    s->greets[0] = s->greets[1] = false;
    sim_run(s, s->now + WEIR_SEC, false);
    unsigned before = s->messages[0];
    s->echoes[1] = true;
    assert_int_equal(sim_send(s, 0, 20000), WEIR_OK);
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    assert_int_equal(s->messages[0], before + 1);
    assert_false(s->is_corrupt);
    assert_int_equal(s->opened[0], 1);
    assert_int_equal(s->opened[1], 1);
}

/* -- The table --------------------------------------------------------------------------------- */

static const char *const side_name[] = { "both", "offerer", "answerer", "none" };

static void set_sides(bool no[2], int sides)
{
    no[0] = sides == 2 || sides == 3;
    no[1] = sides == 1 || sides == 3;
}

static bool print_row(int sped, int snap, bool passive, bool late, bool negotiated)
{
    struct way w = { .is_answerer_passive = passive, .with_trickle = late,
                     .trickle = late ? ONE_WAY : 0, .with_negotiated = negotiated };
    struct outcome o;
    set_sides(w.no_sped, sped);
    set_sides(w.no_snap, snap);
    struct sim *s = open_way(&w, 1);
    bool talked = talk(s, &w, 10 * WEIR_SEC, &o);
    printf("| %s | %s | %s | %s | %.1f | %.1f | %llu | %llu |\n", side_name[sped], side_name[snap],
           passive ? "offerer" : "answerer", late ? "late" : "inside",
           (double)o.to_callee / ROUND_TRIP, (double)o.to_caller / ROUND_TRIP,
           (unsigned long long)o.packets, (unsigned long long)o.bytes);
    sim_close(s);
    return talked;
}

/* First with a channel that the offerer opens, then with one that both sides negotiated outside. */
static int print_table(void)
{
    bool talked = true;
    for (int negotiated = 0; negotiated < 2; negotiated++) {
        printf("%s| SPED | SNAP | DTLS client | candidates | to answerer | to offerer | packets | bytes |\n"
               "|---|---|---|---|---|---|---|---|\n", negotiated ? "\n" : "");
        for (int passive = 0; passive < 2; passive++) {
            for (int sped = 0; sped < 4; sped++) {
                for (int snap = 0; snap < 4; snap++) {
                    for (int late = 0; late < 2; late++) {
                        talked &= print_row(sped, snap, passive, late, negotiated);
                    }
                }
            }
        }
    }
    return talked ? 0 : 1;
}

/* -- Round trips ------------------------------------------------------------------------------- */

static void as_few_round_trips_as_the_version_allows(void **state)
{
    (void)state;
    static const struct {
        struct way way;
        unsigned halves[2]; /* of a round trip, to the answerer and to the offerer, with DTLS 1.2 */
    } row[] = {
        { { .no_sped = { false, false } }, { 5, 6 } },
        { { .no_sped = { true, false } }, { 7, 8 } },
        { { .no_sped = { false, true } }, { 7, 8 } },
        { { .no_sped = { true, true } }, { 7, 8 } },
        { { .no_snap = { true, true } }, { 7, 8 } },
        { { .no_sped = { true, true }, .no_snap = { true, true } }, { 9, 10 } },
        { { .is_answerer_passive = true }, { 7, 8 } },
        { { .is_answerer_passive = true, .no_sped = { true, true } }, { 9, 10 } },
        { { .is_answerer_passive = true, .no_sped = { true, true }, .no_snap = { true, true } },
          { 11, 12 } },
        { { .with_trickle = true, .trickle = ONE_WAY }, { 6, 7 } },
        { { .with_negotiated = true }, { 5, 6 } },
        { { .with_negotiated = true, .is_answerer_passive = true }, { 7, 6 } },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct outcome o;
        struct sim *s = open_way(&row[i].way, 1);
        assert_true(talk(s, &row[i].way, 10 * WEIR_SEC, &o));
        if (o.to_callee > row[i].halves[0] * ONE_WAY + WEIR_MS
            || o.to_caller > row[i].halves[1] * ONE_WAY + WEIR_MS) {
            fail_msg("row %zu: %u and %u ms", i, (unsigned)(o.to_callee / WEIR_MS),
                     (unsigned)(o.to_caller / WEIR_MS));
        }
        bool is_on = !row[i].way.no_sped[0] && !row[i].way.no_sped[1];
        for (int k = 0; k < 2; k++) {
            assert_int_equal(s->peer[k]->sped, is_on ? WEIR_PEER_AGREED : WEIR_PEER_DECLINED);
            assert_int_equal(s->peer[k]->ice.embed.rx_payloads != 0, is_on);
        }
        data_flows_both_ways(s);
        for (int k = 0; k < 2; k++) { /* and it is over, on both sides */
            assert_int_equal(s->peer[k]->ice.embed.state, is_on ? WEIR_ICE_EMBED_DONE
                                                                : WEIR_ICE_EMBED_OFF);
        }
        sim_close(s);
    }
}

/* DTLS 1.3 takes a round trip less for its client, here the answerer: its first message needs two from the
 * offer, one for the descriptions and one for everything else. */
static void two_round_trips_with_dtls_13(void **state)
{
    (void)state;
    const struct way w = { .with_negotiated = true };
    struct outcome o;
    struct sim *s = open_way(&w, 1);
    assert_true(talk(s, &w, 10 * WEIR_SEC, &o));
    bool is_13 = strcmp(weir_dtls_version_name(&s->peer[0]->dtls), "DTLS 1.3") == 0;
    assert_true(o.to_caller <= (is_13 ? 4 : 6) * ONE_WAY + WEIR_MS);
    data_flows_both_ways(s);
    sim_close(s);
}

/* -- Descriptions ------------------------------------------------------------------------------ */

static void the_option_is_answered_only_when_offered(void **state)
{
    (void)state;
    static const struct {
        const char *offer;
        uint8_t want;
    } row[] = {
        { "a=ice-options:trickle\r\n", 0 },
        { "a=ice-options:trickle sped\r\n", WEIR_SDP_SPED },
        { "a=ice-options:trickle googspedv1\r\n", WEIR_SDP_SPED_GOOG },
        { "a=ice-options:sped googspedv1 renomination\r\n", WEIR_SDP_SPED | WEIR_SDP_SPED_GOOG },
        { "a=ice-options:trickle spedx goog-sped-v1\r\n", 0 },
        { "", 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim *s = sim_open(4, false);
        struct sim_meeting m = { .line = { "a=ice-options:" }, .with = { row[i].offer } };
        sim_meet(s, &m);
        assert_int_equal(s->peer[1]->sped_names, row[i].want);
        assert_int_equal(s->peer[0]->sped_names, row[i].want); /* the answer said so */
        assert_int_equal(weir_ice_embed_is_on(&s->peer[1]->ice), row[i].want != 0);
        sim_run(s, s->now + 5 * WEIR_SEC, true);
        data_flows_both_ways(s);
        assert_int_equal(s->peer[1]->ice.embed.tx_payloads != 0, row[i].want != 0);
        sim_close(s);
    }
}

static void an_option_nobody_offered_changes_nothing(void **state)
{
    (void)state;
    struct sim_options o = { .seed = 4, .no_sped = { true, false } };
    struct sim *s = sim_open_with(&o);
    struct sim_meeting m = { .line = { NULL, "a=ice-options:" },
                             .with = { NULL, "a=ice-options:trickle sped\r\n" } };
    sim_meet(s, &m);
    assert_int_equal(s->peer[0]->sped, WEIR_PEER_DECLINED);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    data_flows_both_ways(s);
    sim_close(s);
}

/* -- What a network does ----------------------------------------------------------------------- */

static void try_every_loss(const struct way *w, weir_duration limit)
{
    struct outcome o;
    struct sim *s = open_way(w, 2);
    assert_true(talk(s, w, limit, &o));
    sim_close(s);
    assert_true(o.packets > 8 && o.packets < 60);
    for (uint64_t lost = 1; lost <= o.packets; lost++) {
        struct outcome with;
        s = open_way(w, 2);
        s->link.drop_number = lost;
        if (!talk(s, w, limit, &with)) {
            fail_msg("with packet %llu of %llu lost", (unsigned long long)lost,
                     (unsigned long long)o.packets);
        }
        data_flows_both_ways(s);
        sim_close(s);
    }
}

static void every_single_packet_may_be_lost(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        const struct way w = { .is_answerer_passive = (i & 1) != 0, .with_trickle = (i & 2) != 0,
                               .trickle = ONE_WAY, .no_snap = { (i & 4) != 0, false } };
        try_every_loss(&w, 3 * WEIR_SEC);
    }
}

static void any_two_packets_may_be_lost(void **state)
{
    (void)state;
    const struct way w = { .is_answerer_passive = false };
    for (uint64_t first = 1; first <= 12; first++) {
        for (uint64_t second = first + 1; second <= 13; second++) {
            struct outcome o;
            struct sim *s = open_way(&w, 3);
            s->link.drop_number = first;
            s->link.drop_number_2 = second;
            if (!talk(s, &w, 5 * WEIR_SEC, &o)) {
                fail_msg("with packets %u and %u lost", (unsigned)first, (unsigned)second);
            }
            data_flows_both_ways(s);
            sim_close(s);
        }
    }
}

static void a_bad_network_only_takes_longer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const struct way w = { .is_answerer_passive = (seed & 1) != 0, .with_trickle = (seed & 2) != 0,
                               .trickle = ONE_WAY };
        struct outcome o;
        struct sim *s = open_way(&w, seed);
        s->link.loss = seed % 4 * 100;
        s->link.duplicate = s->link.reorder = 100;
        s->link.jitter = 30 * WEIR_MS;
        if (!talk(s, &w, 60 * WEIR_SEC, &o)) {
            fail_msg("seed %u", (unsigned)seed);
        }
        s->link.loss = 0;
        data_flows_both_ways(s);
        sim_close(s);
    }
}

/* A path of 1,232 bytes carries every check of ours. */
static void no_packet_is_longer_than_a_path_may_carry(void **state)
{
    (void)state;
    const struct way w = { .is_answerer_passive = false };
    struct outcome o;
    struct sim *s = open_way(&w, 5);
    s->link.mtu = 1232;
    assert_true(talk(s, &w, 2 * WEIR_SEC, &o));
    assert_true(o.to_callee <= 5 * ONE_WAY + WEIR_MS);
    data_flows_both_ways(s);
    sim_close(s);
}

/* -- Falling back ------------------------------------------------------------------------------ */

/* The other side stops at some moment: nothing of it is on a check any more, and it listens to none. */
static void a_peer_may_stop_at_any_moment(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        for (int passive = 0; passive < 2; passive++) {
            for (weir_duration at = 0; at <= 300 * WEIR_MS; at += 25 * WEIR_MS) {
                const struct way w = { .is_answerer_passive = passive != 0 };
                struct sim *s = open_way(&w, 6);
                const struct sim_meeting m = { .signal = ONE_WAY };
                weir_time begin = s->now;
                sim_meet(s, &m);
                if (begin + at > s->now) {
                    sim_run(s, begin + at, false);
                }
                weir_ice_embed_stop(&s->peer[side]->ice);
                sim_run(s, begin + 5 * WEIR_SEC, true);
                if (!sim_is_open(s)) {
                    fail_msg("side %d stopped after %u ms, passive %d", side, (unsigned)(at / 1000),
                             passive);
                }
                data_flows_both_ways(s);
                assert_false(weir_ice_embed_is_on(&s->peer[1 - side]->ice));
                sim_close(s);
            }
        }
    }
}

/* Descriptions agree, and yet one side's messages have neither attribute. */
static void a_peer_that_only_says_so_costs_the_ordinary_round_trips(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        const struct way w = { .is_answerer_passive = false };
        struct sim *s = open_way(&w, 7);
        struct outcome o;
        weir_ice_embed_stop(&s->peer[side]->ice);
        assert_true(talk(s, &w, 5 * WEIR_SEC, &o));
        assert_true(o.to_callee <= 7 * ONE_WAY + WEIR_MS);
        assert_int_equal(s->peer[1 - side]->ice.embed.state, WEIR_ICE_EMBED_OFF);
        data_flows_both_ways(s);
        sim_close(s);
    }
}

static void a_path_that_comes_late_finds_dtls_waiting(void **state)
{
    (void)state;
    const struct way w = { .with_trickle = true, .trickle = 35 * WEIR_SEC };
    struct outcome o;
    struct sim *s = open_way(&w, 8);
    assert_true(talk(s, &w, 60 * WEIR_SEC, &o));
    data_flows_both_ways(s);
    sim_close(s);
}

static void an_ice_restart_on_the_way_changes_nothing(void **state)
{
    (void)state;
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    struct weir_sdp_error error;
    const struct way w = { .is_answerer_passive = false };
    struct sim *s = open_way(&w, 9);
    const struct sim_meeting m = { .signal = ONE_WAY };
    sim_meet(s, &m);
    sim_run(s, s->now + 70 * WEIR_MS, false);
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    assert_int_equal(weir_ice_restart(&s->peer[0]->ice, s->now), WEIR_OK);
    assert_int_equal(weir_peer_create_offer(s->peer[0], s->now, &offer), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], offer.len),
                                          &error), WEIR_OK);
    assert_int_equal(weir_peer_create_answer(s->peer[1], s->now, &answer), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(s->peer[0], s->now, false, weir_span_of(text[1], answer.len),
                                          &error), WEIR_OK);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    data_flows_both_ways(s);
    sim_close(s);
}

/* -- Strangers --------------------------------------------------------------------------------- */

/* The first check with a hello that is on its way to the caller. */
static const struct sim_packet *hello_on_its_way(const struct sim *s)
{
    for (unsigned i = 0; i < s->in_flight; i++) {
        struct weir_stun_msg m;
        const struct sim_packet *p = &s->wire[i];
        if (p->to == 0 && weir_stun_parse(weir_span_of(p->data, p->bytes), &m) == WEIR_STUN_OK
            && m.klass == WEIR_STUN_REQUEST && m.dtls_in_stun.n != 0) {
            return p;
        }
    }
    fail_msg("no check carries a hello");
    return NULL;
}

static enum weir_peer_verdict give(struct sim *s, const uint8_t *data, size_t n, struct weir_addr from)
{
    uint8_t *copy = malloc(n);
    memcpy(copy, data, n);
    struct weir_packet k = { .data = copy, .len = n, .at = s->now, .path = { s->addr[0], from } };
    enum weir_peer_verdict v = weir_peer_recv(s->peer[0], s->now, &k);
    free(copy);
    return v;
}

static void attack_S8_D12_a_forged_hello_on_a_check_reaches_no_dtls(void **state)
{
    (void)state;
    struct sim *s = sim_open(10, false);
    sim_introduce(s);
    sim_run(s, s->now, false);
    const struct sim_packet *p = hello_on_its_way(s);
    struct weir_dtls *d = &s->peer[0]->dtls;
    for (size_t at = 0; at < p->bytes; at++) {
        uint8_t forged[1500];
        memcpy(forged, p->data, p->bytes);
        forged[at] ^= 0x41;
        assert_int_not_equal(give(s, forged, p->bytes, s->addr[1]), WEIR_PEER_OK);
        /* With a fingerprint that is right again, all but the integrity holds. */
        struct weir_stun_build b = { weir_wr_of((struct weir_mspan){ forged, sizeof forged }) };
        const struct weir_stun_seal no_proof = { .with_fingerprint = true };
        b.w.len = p->bytes - 8;
        size_t n = weir_stun_end(&b, &no_proof);
        if (n == p->bytes && at < p->bytes - 8 && (at < 2 || at > 3)) {
            assert_int_not_equal(give(s, forged, n, s->addr[1]), WEIR_PEER_OK);
        }
        assert_int_equal(d->rx_records, 0);
    }
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    data_flows_both_ways(s);
    sim_close(s);
}

static void attack_D13_D40_a_replayed_hello_on_checks_costs_little(void **state)
{
    (void)state;
    struct sim *s = sim_open(11, false);
    sim_introduce(s);
    sim_run(s, s->now, false);
    const struct sim_packet *p = hello_on_its_way(s);
    uint8_t packet[1500];
    size_t bytes = p->bytes;
    memcpy(packet, p->data, bytes);
    uint64_t in = 0, out = 0;
    for (unsigned i = 0; i < 2000; i++) {
        /* From its own address, and from others that it is played from. */
        struct weir_addr from = i % 3 == 0 ? s->addr[1] : weir_addr_v4(203, 0, 113, (uint8_t)i, 4000);
        uint8_t answer[1500];
        struct weir_path to;
        size_t n;
        (void)give(s, packet, bytes, from);
        in += bytes;
        while ((n = weir_peer_send(s->peer[0], s->now, (struct weir_mspan){ answer, sizeof answer }, &to))
               != 0) {
            out += n;
        }
    }
    assert_true(s->peer[0]->dtls.rx_records <= 2); /* it was taken once */
    assert_true(out <= 3 * in + 20 * 1232);
    sim_run(s, s->now + 10 * WEIR_SEC, true);
    data_flows_both_ways(s);
    sim_close(s);
}

static void attack_D31_a_finished_handshake_ignores_what_still_rides(void **state)
{
    (void)state;
    struct sim *s = sim_open(12, false);
    sim_introduce(s);
    sim_run(s, s->now, false);
    const struct sim_packet *p = hello_on_its_way(s);
    uint8_t packet[1500];
    size_t bytes = p->bytes;
    memcpy(packet, p->data, bytes);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->peer[0]->ice.embed.state, WEIR_ICE_EMBED_DONE);
    uint32_t records = s->peer[0]->dtls.rx_records;
    assert_int_equal(give(s, packet, bytes, s->addr[1]), WEIR_PEER_OK); /* the check is proven */
    assert_int_equal(s->peer[0]->dtls.rx_records, records);
    data_flows_both_ways(s);
    sim_close(s);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--table") == 0) {
        return print_table();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_few_round_trips_as_the_version_allows),
        cmocka_unit_test(two_round_trips_with_dtls_13),
        cmocka_unit_test(the_option_is_answered_only_when_offered),
        cmocka_unit_test(an_option_nobody_offered_changes_nothing),
        cmocka_unit_test(every_single_packet_may_be_lost),
        cmocka_unit_test(any_two_packets_may_be_lost),
        cmocka_unit_test(a_bad_network_only_takes_longer),
        cmocka_unit_test(no_packet_is_longer_than_a_path_may_carry),
        cmocka_unit_test(a_peer_may_stop_at_any_moment),
        cmocka_unit_test(a_peer_that_only_says_so_costs_the_ordinary_round_trips),
        cmocka_unit_test(a_path_that_comes_late_finds_dtls_waiting),
        cmocka_unit_test(an_ice_restart_on_the_way_changes_nothing),
        cmocka_unit_test(attack_S8_D12_a_forged_hello_on_a_check_reaches_no_dtls),
        cmocka_unit_test(attack_D13_D40_a_replayed_hello_on_checks_costs_little),
        cmocka_unit_test(attack_D31_a_finished_handshake_ignores_what_still_rides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
