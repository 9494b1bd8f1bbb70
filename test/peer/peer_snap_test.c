/* SNAP: with the INIT chunks in the descriptions SCTP costs no round trip, and whatever is wrong with
 * them costs no more than the round trips saved. */
#include "test/sim/sim.h"
#include "test/support/support.h"

#define ONE_WAY (10 * WEIR_MS)

/* From the last description to both ends having the channel, or WEIR_NEVER. */
static weir_duration opens_within(struct sim *s, const struct sim_meeting *m, weir_duration limit)
{
    sim_meet(s, m);
    weir_time begin = s->now;
    sim_run(s, s->now + limit, true);
    return sim_is_open(s) ? s->now - begin : WEIR_NEVER;
}

static void data_flows_both_ways(struct sim *s)
{
    unsigned before = s->messages[0];
    s->echoes[1] = true;
    assert_int_equal(sim_send(s, 0, 20000), WEIR_OK);
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    assert_int_equal(s->messages[0], before + 1);
    assert_false(s->is_corrupt);
}

static const struct sim_meeting at_once;

static void both_sides_save_a_round_trip(void **state)
{
    (void)state;
    weir_duration took[2];
    for (int without = 0; without < 2; without++) {
        struct sim_options o = { .seed = 1, .no_snap = { without != 0, false } };
        struct sim *s = sim_open_with(&o);
        took[without] = opens_within(s, &at_once, 5 * WEIR_SEC);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(s->peer[i]->snap, without ? WEIR_PEER_DECLINED : WEIR_PEER_AGREED);
            assert_int_equal(s->peer[i]->sctp.is_told, !without);
        }
        data_flows_both_ways(s);
        sim_close(s);
    }
    assert_true(took[0] + 2 * ONE_WAY <= took[1] + WEIR_MS);
}

static void one_side_alone_sets_up_by_packets(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct sim_options o = { .seed = 2, .no_snap = { side == 0, side == 1 } };
        struct sim *s = sim_open_with(&o);
        assert_true(opens_within(s, &at_once, 5 * WEIR_SEC) != WEIR_NEVER);
        assert_false(s->peer[0]->sctp.is_told || s->peer[1]->sctp.is_told);
        data_flows_both_ways(s);
        sim_close(s);
    }
}

/* What may stand in the place of a chunk. 300 bytes are more than we keep. */
static const char *const bad_chunk[] = {
    "a=sctp-init:\r\n",
    "a=sctp-init:%%%%\r\n",
    "a=sctp-init:AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoL\r\n",         /* 39 characters */
    "a=sctp-init:AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABg==\r\n",         /* shorter than it says */
    "a=sctp-init:AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLAAAAAAAAA\r\n", /* longer than it says */
    "a=sctp-init:AgAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA\r\n",         /* an INIT ACK */
    "a=sctp-init:AQAAHgAAAAAAUAAA/////+B5ZR3AAAAEgAgABoLA\r\n",         /* tag 0 */
    "a=sctp-init:AQAAHols3R0AAAAA/////+B5ZR3AAAAEgAgABoLA\r\n",         /* no window */
    "a=sctp-init:AQAAHols3R0AUAAAAAAAAOB5ZR3AAAAEgAgABoLA\r\n",         /* no streams */
};

static void a_bad_chunk_is_as_none(void **state)
{
    (void)state;
    for (int of = 0; of < 2; of++) {
        for (size_t i = 0; i < sizeof bad_chunk / sizeof bad_chunk[0]; i++) {
            struct sim *s = sim_open(3, false);
            struct sim_meeting m = { .signal = 0 };
            m.line[of] = "a=sctp-init:";
            m.with[of] = bad_chunk[i];
            if (opens_within(s, &m, 5 * WEIR_SEC) == WEIR_NEVER) {
                fail_msg("of %d, chunk %zu", of, i);
            }
            assert_int_equal(s->peer[0]->snap, WEIR_PEER_DECLINED);
            /* The answerer of a good offer believes in it, until packets say otherwise. */
            assert_int_equal(s->peer[1]->snap, of == 0 ? WEIR_PEER_DECLINED : WEIR_PEER_AGREED);
            data_flows_both_ways(s);
            sim_close(s);
        }
    }
}

static void an_oversize_chunk_is_as_none(void **state)
{
    (void)state;
    static char line[1000];
    size_t at = (size_t)snprintf(line, sizeof line, "a=sctp-init:AQABLIls3R0AUAAA/////+B5ZR2AAQEY");
    memset(line + at, 'A', 368);
    memcpy(line + at + 368, "\r\n", 3);
    struct sim *s = sim_open(4, false);
    struct sim_meeting m = { .line = { "a=sctp-init:" }, .with = { line } };
    assert_true(opens_within(s, &m, 5 * WEIR_SEC) != WEIR_NEVER);
    assert_int_equal(s->peer[1]->snap, WEIR_PEER_DECLINED);
    sim_close(s);
}

static void an_answer_with_a_chunk_nobody_offered_changes_nothing(void **state)
{
    (void)state;
    struct sim_options o = { .seed = 5, .no_snap = { true, false } };
    struct sim *s = sim_open_with(&o);
    struct sim_meeting m = { .line = { NULL, "a=sctp-port:" },
                             .with = { NULL, "a=sctp-port:5000\r\na=sctp-init:"
                                             "AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA\r\n" } };
    assert_true(opens_within(s, &m, 5 * WEIR_SEC) != WEIR_NEVER);
    assert_int_equal(s->peer[0]->snap, WEIR_PEER_DECLINED);
    sim_close(s);
}

/* One library repeats in its answer whatever it does not know: our own chunk is not the peer's. */
static void a_mirrored_chunk_is_as_none(void **state)
{
    (void)state;
    struct sim_options o = { .seed = 5, .no_snap = { false, true } };
    struct sim *s = sim_open_with(&o);
    char line[200];
    snprintf(line, sizeof line, "a=sctp-port:5000\r\na=sctp-init:%.*s\r\n",
             s->peer[0]->sctp_init_bytes, s->peer[0]->sctp_init);
    struct sim_meeting m = { .line = { NULL, "a=sctp-port:" }, .with = { NULL, line } };
    assert_true(opens_within(s, &m, 120 * WEIR_MS) != WEIR_NEVER); /* no INIT was lost on the way */
    assert_int_equal(s->peer[0]->snap, WEIR_PEER_DECLINED);
    data_flows_both_ways(s);
    sim_close(s);
}

static void every_single_packet_may_be_lost(void **state)
{
    (void)state;
    struct sim *s = sim_open(6, false);
    assert_true(opens_within(s, &at_once, 5 * WEIR_SEC) != WEIR_NEVER);
    uint64_t packets = s->sent;
    sim_close(s);
    assert_true(packets > 8 && packets < 60);
    for (uint64_t lost = 1; lost <= packets; lost++) {
        s = sim_open(6, false);
        s->link.drop_number = lost;
        if (opens_within(s, &at_once, 10 * WEIR_SEC) == WEIR_NEVER) {
            fail_msg("with packet %llu of %llu lost", (unsigned long long)lost,
                     (unsigned long long)packets);
        }
        data_flows_both_ways(s);
        sim_close(s);
    }
}

static void loss_and_disorder_do_no_harm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim *s = sim_open(seed, false);
        s->link.loss = 100;
        s->link.duplicate = s->link.reorder = 50;
        s->link.jitter = 5 * WEIR_MS;
        assert_true(opens_within(s, &at_once, 30 * WEIR_SEC) != WEIR_NEVER);
        s->link.loss = 0;
        data_flows_both_ways(s);
        sim_close(s);
    }
}

/* -- Later descriptions ------------------------------------------------------------------------ */

static bool says(const uint8_t *text, size_t n, const char *what)
{
    static char copy[WEIR_PEER_SDP_MAX + 1];
    memcpy(copy, text, n);
    copy[n] = '\0';
    return strstr(copy, what) != NULL;
}

/* The peers describe themselves again, the callee or the caller offering. */
static void renegotiate(struct sim *s, int offerer, bool has_chunk)
{
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    struct weir_sdp_error error;
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    struct weir_peer *a = s->peer[offerer], *b = s->peer[1 - offerer];
    char chunk[2][100];
    for (int i = 0; i < 2; i++) {
        struct weir_peer *p = i == 0 ? a : b;
        snprintf(chunk[i], sizeof chunk[i], "a=sctp-init:%.*s\r\n", p->sctp_init_bytes, p->sctp_init);
    }
    assert_int_equal(weir_peer_create_offer(a, s->now, &offer), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(b, s->now, true, weir_span_of(text[0], offer.len), &error),
                     WEIR_OK);
    assert_int_equal(weir_peer_create_answer(b, s->now, &answer), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(a, s->now, false, weir_span_of(text[1], answer.len), &error),
                     WEIR_OK);
    assert_int_equal(says(text[0], offer.len, chunk[0]), has_chunk);
    assert_int_equal(says(text[1], answer.len, chunk[1]), has_chunk);
    assert_int_equal(says(text[0], offer.len, "sctp-init"), has_chunk);
    assert_int_equal(says(text[1], answer.len, "sctp-init"), has_chunk);
}

static void later_descriptions_repeat_what_was_agreed(void **state)
{
    (void)state;
    for (int without = 0; without < 2; without++) {
        struct sim_options o = { .seed = 7, .no_snap = { false, without != 0 } };
        struct sim *s = sim_open_with(&o);
        assert_true(opens_within(s, &at_once, 5 * WEIR_SEC) != WEIR_NEVER);
        data_flows_both_ways(s);
        for (int offerer = 0; offerer < 2; offerer++) {
            renegotiate(s, offerer, without == 0);
            data_flows_both_ways(s);
        }
        sim_close(s);
    }
}

static void an_ice_restart_keeps_the_association(void **state)
{
    (void)state;
    struct sim *s = sim_open(8, false);
    assert_true(opens_within(s, &at_once, 5 * WEIR_SEC) != WEIR_NEVER);
    uint32_t tag = s->peer[0]->sctp.local_tag;
    assert_int_equal(weir_ice_restart(&s->peer[0]->ice, s->now), WEIR_OK);
    renegotiate(s, 0, true);
    sim_run(s, s->now + WEIR_SEC, false);
    data_flows_both_ways(s);
    assert_int_equal(s->peer[0]->sctp.local_tag, tag);
    assert_int_equal(s->opened[0], 1);
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_save_a_round_trip),
        cmocka_unit_test(one_side_alone_sets_up_by_packets),
        cmocka_unit_test(a_bad_chunk_is_as_none),
        cmocka_unit_test(an_oversize_chunk_is_as_none),
        cmocka_unit_test(an_answer_with_a_chunk_nobody_offered_changes_nothing),
        cmocka_unit_test(a_mirrored_chunk_is_as_none),
        cmocka_unit_test(every_single_packet_may_be_lost),
        cmocka_unit_test(loss_and_disorder_do_no_harm),
        cmocka_unit_test(later_descriptions_repeat_what_was_agreed),
        cmocka_unit_test(an_ice_restart_keeps_the_association),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
