/* A peer's address changes in the middle of a connection, as when an address translator forgets a mapping:
 * with connection ids [RFC 9146, RFC 9147 9] it is found again within a round trip of its next record, and
 * nobody else can make it seem to have moved. `--table` prints how long it takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/sim.h"
#include "test/support/support.h"

enum { CALLER, CALLEE };
enum way { WITHOUT, WITH };

static const weir_duration gap = 20 * WEIR_MS;     /* between messages */
static const weir_duration one_way = 10 * WEIR_MS;

/* Two connected peers. `version`: of DTLS. */
static struct sim *connected(uint64_t seed, enum way way, uint8_t version)
{
    struct sim_options o = { .seed = seed, .no_cid = { way == WITHOUT, way == WITHOUT },
                             .cid_bytes = { 8, 8 } };
    struct sim *s = sim_open_with(&o);
    sim_introduce(s);
    s->peer[CALLER]->dtls.config.version_max = version; /* the DTLS server */
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    sim_run(s, s->now + 3 * WEIR_SEC, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_dtls_has_cid(&s->peer[i]->dtls), way == WITH);
        assert_string_equal(weir_dtls_version_name(&s->peer[i]->dtls), version == 12 ? "DTLS 1.2" : "DTLS 1.3");
        assert_int_equal(weir_ice_state(&s->peer[i]->ice), WEIR_ICE_COMPLETED);
    }
    return s;
}

static struct weir_addr elsewhere(int who, unsigned number)
{
    return weir_addr_v4(192, 0, 2, (uint8_t)(10 + who), (uint16_t)(40000 + number));
}

struct outcome {
    weir_duration to_other;   /* until the other side has the next message of the peer that moved */
    weir_duration to_mover;   /* until it has one of the other side's, made after the move */
    unsigned lost;            /* 1: never */
    uint64_t packets;
};

/* Both talk every 20 ms; one's mapping changes; go on until both hear again. */
static struct outcome move(struct sim *s, int mover, unsigned number)
{
    struct outcome o = { .to_other = 0, .lost = 1 };
    unsigned at[2] = { s->messages[0], s->messages[1] };
    uint64_t sent = s->sent;
    weir_time begun = s->now;
    s->seen[mover] = elsewhere(mover, number);
    for (unsigned i = 0; i < 2000 && o.lost != 0; i++) {
        for (int who = 0; who < 2; who++) {
            enum weir_status sent_it = sim_send(s, who, 100);
            assert_true(sent_it == WEIR_OK || sent_it == WEIR_ERR_FULL); /* nothing is acknowledged */
        }
        weir_time until = s->now + gap;
        while (s->now < until) {
            sim_run(s, s->now + WEIR_MS, false);
            if (o.to_other == 0 && s->messages[1 - mover] != at[1 - mover]) {
                o.to_other = s->now - begun;
            }
            if (o.to_mover == 0 && s->messages[mover] - at[mover] > 0) {
                o.to_mover = s->now - begun;
            }
        }
        o.lost = o.to_other == 0 || o.to_mover == 0 ? 1 : 0;
    }
    o.packets = s->sent - sent;
    return o;
}

static bool is_selected(const struct sim *s, int who, const struct weir_addr *remote)
{
    struct weir_path path;
    return weir_ice_selected(&s->peer[who]->ice, &path) && weir_addr_eq(&path.remote, remote);
}

/* -- A peer that moved is found ---------------------------------------------------------------- */

static void with_ids_a_peer_is_found_in_a_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        int mover = (int)(i % 2); /* the caller is controlling, the callee controlled */
        struct sim *s = connected(10 + i, WITH, i < 2 ? 13 : 12);
        struct outcome o = move(s, mover, 0);
        assert_int_equal(o.lost, 0);
        /* What the mover says arrives as ever. What it is told: its record there, a check back, the answer,
         * and then the message that was lost is sent again, by a timer at the latest. */
        assert_in_range(o.to_other, one_way, one_way + 2 * WEIR_MS);
        assert_in_range(o.to_mover, 4 * one_way, 1200 * WEIR_MS);
        struct weir_addr now_at = elsewhere(mover, 0);
        assert_true(is_selected(s, 1 - mover, &now_at));
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        sim_run(s, s->now + 60 * WEIR_SEC, false); /* consent goes on there */
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        assert_false(s->is_corrupt);
        sim_close(s);
    }
}

/* The path is found before anything is sent again: the first check back leaves with the record's arrival, and
 * new data follows one round trip later. */
static void new_data_follows_one_round_trip_after_the_record(void **state)
{
    (void)state;
    for (int mover = 0; mover < 2; mover++) {
        struct sim *s = connected(20, WITH, 13);
        struct weir_addr now_at = elsewhere(mover, 1);
        s->seen[mover] = now_at;
        assert_int_equal(sim_send(s, mover, 100), WEIR_OK);
        weir_time begun = s->now;
        while (!is_selected(s, 1 - mover, &now_at)) {
            sim_run(s, s->now + WEIR_MS, false);
            assert_true(s->now - begun < WEIR_SEC);
        }
        assert_in_range(s->now - begun, 3 * one_way, 3 * one_way + 2 * WEIR_MS);
        /* What was nominated stays so, without another check. */
        assert_int_equal(weir_ice_state(&s->peer[1 - mover]->ice), WEIR_ICE_COMPLETED);
        assert_int_equal(sim_send(s, 1 - mover, 100), WEIR_OK);
        unsigned had = s->messages[mover];
        sim_run(s, s->now + one_way + 2 * WEIR_MS, false);
        assert_int_equal(s->messages[mover], had + 1);
        sim_close(s);
    }
}

static void a_peer_may_move_again_and_back(void **state)
{
    (void)state;
    for (int mover = 0; mover < 2; mover++) {
        struct sim *s = connected(30, WITH, 13);
        for (unsigned i = 0; i < 30; i++) { /* more often than candidates have room */
            struct outcome o = move(s, mover, i % 12);
            assert_int_equal(o.lost, 0);
            struct weir_addr now_at = elsewhere(mover, i % 12);
            assert_true(is_selected(s, 1 - mover, &now_at));
            assert_true(weir_ice_check(&s->peer[1 - mover]->ice));
        }
        s->seen[mover] = s->addr[mover]; /* home again */
        assert_int_equal(sim_send(s, mover, 100), WEIR_OK);
        sim_run(s, s->now + WEIR_SEC, false);
        assert_true(is_selected(s, 1 - mover, &s->addr[mover]));
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        sim_close(s);
    }
}

/* Both at once: neither hears what the other sends to where it was, until consent is asked for. */
static void even_both_at_once(void **state)
{
    (void)state;
    struct sim *s = connected(40, WITH, 13);
    s->seen[0] = elsewhere(0, 3);
    assert_int_equal(sim_send(s, 0, 100), WEIR_OK);
    sim_run(s, s->now + 25 * WEIR_MS, false); /* on its way: a check to the new address */
    s->seen[1] = elsewhere(1, 3);
    for (unsigned i = 0; i < 100; i++) {
        (void)!sim_send(s, 0, 100);
        (void)!sim_send(s, 1, 100);
        sim_run(s, s->now + 100 * WEIR_MS, false);
    }
    unsigned had[2] = { s->messages[0], s->messages[1] };
    assert_int_equal(sim_send(s, 0, 100), WEIR_OK);
    assert_int_equal(sim_send(s, 1, 100), WEIR_OK);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_true(s->messages[0] > had[0]);
    assert_true(s->messages[1] > had[1]);
    sim_close(s);
}

/* Loss does not keep a peer from being found. */
static void a_peer_is_found_over_a_bad_path(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct sim *s = connected(100 + i, WITH, 13);
        s->link.loss = 200;
        struct outcome o = move(s, (int)(i % 2), i);
        assert_int_equal(o.lost, 0);
        assert_in_range(o.to_mover, 0, 4 * WEIR_SEC);
        sim_close(s);
    }
}

static void without_ids_it_takes_until_consent_is_asked_for(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sim *s = connected(50 + i, WITHOUT, 13);
        struct outcome with, without = move(s, (int)i, 0);
        sim_close(s);
        s = connected(50 + i, WITH, 13);
        with = move(s, (int)i, 0);
        sim_close(s);
        assert_int_equal(with.lost, 0);
        assert_int_equal(without.lost, 0);
        assert_true(without.to_other > 10 * with.to_other);
        assert_true(without.to_mover > with.to_mover);
    }
}

/* -- Who cannot make it seem to have moved ----------------------------------------------------- */

/* The next datagram of a peer, sealed and not sent. */
static size_t take_datagram(struct sim *s, int from, uint8_t out[1500])
{
    struct weir_path to;
    size_t n = 0;
    assert_int_equal(sim_send(s, from, 100), WEIR_OK);
    while (n == 0 || out[0] <= 3) {
        n = weir_peer_send(s->peer[from], s->now, (struct weir_mspan){ out, 1500 }, &to);
        assert_true(n != 0);
    }
    return n;
}

static enum weir_peer_verdict hear_from(struct sim *s, int to, const struct weir_addr *from,
                                        const uint8_t *p, size_t n)
{
    uint8_t copy[1500];
    memcpy(copy, p, n);
    struct weir_packet k = { .data = copy, .len = (uint32_t)n, .at = s->now,
                             .path = { s->addr[to], *from } };
    return weir_peer_recv(s->peer[to], s->now, &k);
}

/* Nothing leaves for this address, and nothing about it is remembered. */
static void nothing_for(struct sim *s, int of, const struct weir_addr *stranger)
{
    uint8_t out[1500];
    struct weir_path to;
    while (weir_peer_send(s->peer[of], s->now, (struct weir_mspan){ out, sizeof out }, &to) != 0) {
        assert_false(weir_addr_eq(&to.remote, stranger));
    }
    for (uint32_t i = 0; i < s->peer[of]->ice.remotes; i++) {
        assert_false(weir_addr_eq(&weir_ice_remote_at(&s->peer[of]->ice, i)->addr, stranger));
    }
}

static void attack_D30_copies_and_forgeries_from_elsewhere_move_nothing(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        struct sim *s = connected(60, WITH, 13);
        struct weir_addr stranger = elsewhere(1 - victim, 66);
        uint8_t late[1500], newer[1500], forged[1500];
        size_t late_n = take_datagram(s, 1 - victim, late);
        size_t newer_n = take_datagram(s, 1 - victim, newer);
        assert_int_equal(hear_from(s, victim, &s->addr[1 - victim], newer, newer_n), WEIR_PEER_OK);
        /* a copy of what was heard */
        assert_int_equal(hear_from(s, victim, &stranger, newer, newer_n), WEIR_PEER_DTLS);
        nothing_for(s, victim, &stranger);
        /* older than what was heard: its data counts, its path does not */
        assert_int_equal(hear_from(s, victim, &stranger, late, late_n), WEIR_PEER_OK);
        nothing_for(s, victim, &stranger);
        /* any byte changed */
        size_t n = take_datagram(s, 1 - victim, newer);
        for (size_t i = 0; i < n; i++) {
            memcpy(forged, newer, n);
            forged[i] ^= 1;
            assert_int_not_equal(hear_from(s, victim, &stranger, forged, n), WEIR_PEER_OK);
        }
        nothing_for(s, victim, &stranger);
        /* the right id, and nothing else */
        n = weir_dtls_head_bytes(&s->peer[1 - victim]->dtls) + 40;
        memset(newer + 9, 0x5a, n - 9);
        assert_int_not_equal(hear_from(s, victim, &stranger, newer, n), WEIR_PEER_OK);
        nothing_for(s, victim, &stranger);
        assert_true(is_selected(s, victim, &s->addr[1 - victim]));
        sim_close(s);
    }
}

/* Without an id a record from a path that ICE does not know is not even looked at. */
static void a_record_without_an_id_needs_a_path_that_was_validated(void **state)
{
    (void)state;
    struct sim *s = connected(70, WITHOUT, 13);
    struct weir_addr stranger = elsewhere(0, 67);
    uint8_t out[1500];
    size_t n = take_datagram(s, 0, out);
    assert_int_equal(hear_from(s, 1, &stranger, out, n), WEIR_PEER_PATH);
    nothing_for(s, 1, &stranger);
    sim_close(s);
}

/* Somebody puts a fresh record on another path, and the real one is lost. The victim at that address gets a
 * few checks, none of which it can answer, and then silence; the peer stays where it is. */
static void attack_D30_a_stolen_record_buys_a_victim_a_few_checks(void **state)
{
    (void)state;
    for (int of = 0; of < 2; of++) {
        struct sim *s = connected(80, WITH, 13);
        struct weir_addr victim = elsewhere(1 - of, 68);
        uint8_t out[1500], stolen[1500];
        struct weir_path to;
        unsigned packets = 0;
        size_t bytes = 0, n = take_datagram(s, 1 - of, stolen);
        assert_int_equal(hear_from(s, of, &victim, stolen, n), WEIR_PEER_OK);
        for (unsigned i = 0; i < 400; i++) { /* 4 s */
            size_t m;
            while ((m = weir_peer_send(s->peer[of], s->now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
                if (weir_addr_eq(&to.remote, &victim)) {
                    assert_true(out[0] <= 3); /* a check, and nothing else */
                    packets++;
                    bytes += m;
                }
            }
            s->now += 10 * WEIR_MS;
            weir_peer_tick(s->peer[of], s->now);
            /* Copies of the same record bring no more. */
            assert_int_equal(hear_from(s, of, &victim, stolen, n), WEIR_PEER_DTLS);
        }
        assert_in_range(packets, 1, 5);
        assert_in_range(bytes, 1, 5 * 160);
        assert_true(is_selected(s, of, &s->addr[1 - of]));
        sim_run(s, s->now + 20 * WEIR_SEC, false);
        assert_int_equal(s->state[of], WEIR_PEER_CONNECTED);
        sim_close(s);
    }
}

/* Media has no id: it is heard again once the path is, and until then counted as from a strange one. */
static void media_is_heard_again_once_the_path_is(void **state)
{
    (void)state;
    struct sim_options o = { .seed = 90, .with_media = true, .cid_bytes = { 8, 8 } };
    struct sim *s = sim_open_with(&o);
    sim_introduce(s);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    sim_run(s, s->now + 2 * WEIR_SEC, false);
    s->seen[0] = elsewhere(0, 5);
    sim_send_rtp(s, 0, 100);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    unsigned before = s->rtp[1];
    assert_int_equal(sim_send(s, 0, 50), WEIR_OK);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    sim_send_rtp(s, 0, 101);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    assert_int_equal(s->rtp[1], before + 1);
    sim_close(s);
}

/* -- The table --------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    weir_duration x = *(const weir_duration *)a, y = *(const weir_duration *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* When in the period of consent the mapping changes decides how long it takes without ids. */
static void print_row(enum way way, int mover, bool is_other)
{
    enum { RUNS = 200 };
    static weir_duration took[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        struct sim *s = connected(5000 + i, way, 13);
        sim_run(s, s->now + (i * 37 % 5000) * WEIR_MS, false);
        struct outcome o = move(s, mover, 0);
        took[i] = o.lost != 0 ? WEIR_NEVER : is_other ? o.to_other : o.to_mover;
        sim_close(s);
    }
    qsort(took, RUNS, sizeof took[0], by_size);
    printf("| %s | %s | %s | %llu | %llu | %llu |\n", way == WITH ? "yes" : "no",
           mover == CALLER ? "controlling" : "controlled", is_other ? "it is heard" : "it hears",
           (unsigned long long)(took[RUNS / 2] / WEIR_MS),
           (unsigned long long)(took[RUNS * 95 / 100] / WEIR_MS),
           (unsigned long long)(took[RUNS - 1] / WEIR_MS));
}

static int print_table(void)
{
    printf("| ids | who moved | until | p50 | p95 | most |\n|---|---|---|---|---|---|\n");
    for (int way = WITHOUT; way <= WITH; way++) {
        for (int mover = 0; mover < 2; mover++) {
            print_row((enum way)way, mover, true);
            print_row((enum way)way, mover, false);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_ids_a_peer_is_found_in_a_round_trip),
        cmocka_unit_test(new_data_follows_one_round_trip_after_the_record),
        cmocka_unit_test(a_peer_may_move_again_and_back),
        cmocka_unit_test(even_both_at_once),
        cmocka_unit_test(a_peer_is_found_over_a_bad_path),
        cmocka_unit_test(without_ids_it_takes_until_consent_is_asked_for),
        cmocka_unit_test(attack_D30_copies_and_forgeries_from_elsewhere_move_nothing),
        cmocka_unit_test(a_record_without_an_id_needs_a_path_that_was_validated),
        cmocka_unit_test(attack_D30_a_stolen_record_buys_a_victim_a_few_checks),
        cmocka_unit_test(media_is_heard_again_once_the_path_is),
    };
    if (argc == 2 && strcmp(argv[1], "--table") == 0) {
        return print_table();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
