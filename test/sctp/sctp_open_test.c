/* Channels whose OPEN the peer does not answer, or answers late. */
#include "test/sctp/sctp_sim.h"

#define WAIT (30 * WEIR_SEC) /* the default */

static uint16_t open_channel(struct sim *m)
{
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("who is there") };
    uint16_t channel = WEIR_SCTP_NO_CHANNEL;
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
    return channel;
}

static uint16_t stream_of(const struct sim *m, uint16_t channel)
{
    struct weir_sctp_channel_info info;
    assert_true(weir_sctp_channel_info(&m->end[0].s, channel, &info));
    return info.id;
}

/* The second end has streams and no channels: it acknowledges every packet and answers no OPEN. */
static struct sim *sim_of_silence(uint64_t seed, weir_duration wait)
{
    struct weir_sctp_config a, b;
    sim_config(&a, 0, seed);
    sim_config(&b, 1, seed);
    a.channel_wait = wait;
    b.has_channels = false;
    return sim_new_with(seed, &a, &b);
}

static unsigned closed(const struct sim *m)
{
    return m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED];
}

static unsigned opened(const struct sim *m)
{
    return m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_OPEN];
}

static enum weir_sctp_reason reason(const struct sim *m)
{
    return m->end[0].last[WEIR_SCTP_EVENT_CHANNEL_CLOSED].reason;
}

static enum weir_status say(struct sim *m, uint16_t channel)
{
    return weir_sctp_channel_send(&m->end[0].s, m->now, channel, WEIR_LIT("hello"), true);
}

/* The peer's answer, as its application would have it sent. */
static void answer(struct sim *m, uint16_t stream)
{
    static const uint8_t ack[1] = { DCEP_ACK };
    const struct weir_sctp_send_opts opts = { .ppid = WEIR_SCTP_PPID_DCEP };
    assert_int_equal(weir_sctp_write(&m->end[1].s, m->now, stream, weir_span_of(ack, 1), &opts), WEIR_OK);
}

/* The peer resets its direction of a stream, used or not. */
static void reset(struct sim *m, uint16_t stream)
{
    uint16_t slot = weir_sctp_stream_get(&m->end[1].s, stream);
    assert_int_not_equal(slot, WEIR_SCTP_NO_STREAM);
    weir_sctp_reset_want(&m->end[1].s, slot);
}

static void nothing_is_left(const struct sim *m)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(m->end[i].s.state, WEIR_SCTP_ESTABLISHED);
        assert_int_equal(m->end[i].s.channel_count, 0);
        assert_int_equal(m->end[i].s.names_used, 0);
        assert_int_equal(m->end[i].s.stream_count, 0);
        assert_int_equal(m->end[i].pool.free_count, SIM_POOL - 1);
    }
}

static void an_open_that_nobody_answers_ends_its_channel_alone(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(1), WAIT);
    const struct weir_sctp_channel_config agreed = { .is_negotiated = true, .id = 8 };
    uint16_t other;
    sim_connect(m);
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &agreed, &other), WEIR_OK);
    uint16_t channel = open_channel(m);
    assert_int_equal(say(m, channel), WEIR_OK);
    sim_run(m, WAIT - WEIR_MS);
    assert_int_equal(closed(m), 0);
    sim_run(m, WEIR_MS);
    assert_int_equal(closed(m), 1);
    assert_int_equal(reason(m), WEIR_SCTP_REASON_TIMEOUT);
    assert_int_equal(m->end[0].last[WEIR_SCTP_EVENT_CHANNEL_CLOSED].channel, channel);
    assert_int_equal(m->end[0].last[WEIR_SCTP_EVENT_CHANNEL_CLOSED].stream, 0);
    assert_int_equal(say(m, channel), WEIR_ERR_ARG);
    /* Everything else goes on. */
    assert_int_equal(say(m, other), WEIR_OK);
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[1].got_count, 3); /* that OPEN, what was said behind it, and this */
    assert_int_equal(m->end[1].got[2].stream, 8);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_STREAM_RESET], 1);
    assert_int_equal(m->end[1].last[WEIR_SCTP_EVENT_STREAM_RESET].stream, 0);
    sim_free(m);
}

/* An identifier comes back once the peer has reset its direction too, and not before. */
static void its_stream_is_used_again_when_the_peer_has_reset_it(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(2), WAIT);
    sim_connect(m);
    assert_int_equal(stream_of(m, open_channel(m)), 0);
    sim_run(m, WAIT + WEIR_SEC);
    assert_int_equal(stream_of(m, open_channel(m)), 2);
    answer(m, 2);
    sim_run(m, WEIR_SEC);
    assert_int_equal(opened(m), 1);
    reset(m, 0);
    sim_run(m, WEIR_SEC);
    uint16_t again = open_channel(m);
    assert_int_equal(stream_of(m, again), 0);
    sim_run(m, WEIR_SEC);
    answer(m, 0);
    sim_run(m, WEIR_SEC);
    assert_int_equal(opened(m), 2);
    assert_int_equal(m->end[0].last[WEIR_SCTP_EVENT_CHANNEL_OPEN].channel, again);
    assert_int_equal(closed(m), 1);
    assert_int_equal(m->end[0].s.verdicts[WEIR_SCTP_DCEP_IN_USE], 0);
    sim_free(m);
}

static void again_and_again(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(3), WAIT);
    sim_connect(m);
    for (unsigned i = 1; i <= 100; i++) {
        assert_int_equal(stream_of(m, open_channel(m)), 0);
        sim_run(m, WAIT + WEIR_SEC);
        assert_int_equal(closed(m), i);
        assert_int_equal(reason(m), WEIR_SCTP_REASON_TIMEOUT);
        reset(m, 0);
        sim_run(m, WEIR_SEC);
        nothing_is_left(m);
    }
    sim_free(m);
}

/* As many as there are streams, and the peer resets none: then no channel opens, and nothing else ends. */
static void many_at_once(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(4), WAIT);
    struct weir_sctp_channel_config c = { .is_unordered = true };
    uint16_t channel;
    sim_connect(m);
    for (unsigned i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
    }
    sim_run(m, WEIR_SEC);
    for (unsigned i = 0; i < 20; i += 2) {
        answer(m, (uint16_t)i);
    }
    sim_run(m, WAIT);
    assert_int_equal(opened(m), 10);
    assert_int_equal(closed(m), WEIR_SCTP_CHANNELS_MAX - 10);
    assert_int_equal(m->end[0].s.channel_count, 10);
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_STREAM_RESET], WEIR_SCTP_CHANNELS_MAX - 10);
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_ERR_FULL);
    reset(m, 100);
    sim_run(m, WEIR_SEC);
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
    assert_int_equal(stream_of(m, channel), 100);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    sim_free(m);
}

/* An answer that takes its time, and comes in time. */
static void a_far_answer_opens_the_channel(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(5));
    sim_connect(m);
    m->delay = WAIT / 2 - 500 * WEIR_MS;
    open_channel(m);
    sim_run(m, 2 * WAIT);
    assert_int_equal(opened(m), 1);
    assert_int_equal(closed(m), 0);
    sim_free(m);
}

/* An answer that comes too late is counted, opens nothing, and leaves the stream as good as new. */
static void an_answer_after_the_limit_is_counted(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(6));
    sim_connect(m);
    m->delay = WAIT / 2 + 500 * WEIR_MS;
    assert_int_equal(stream_of(m, open_channel(m)), 0);
    sim_run(m, WAIT);
    assert_int_equal(closed(m), 1);
    assert_int_equal(reason(m), WEIR_SCTP_REASON_TIMEOUT);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 1); /* they have it by then */
    uint16_t next = open_channel(m);
    assert_int_equal(stream_of(m, next), 2); /* and the answer to the first is not the second's */
    sim_run(m, 2 * WEIR_SEC);
    assert_int_equal(m->end[0].s.verdicts[WEIR_SCTP_DCEP_IN_USE], 1);
    assert_int_equal(opened(m), 0);
    m->delay = 10 * WEIR_MS;
    sim_run(m, 4 * WAIT);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1); /* our reset has reached them */
    assert_int_equal(opened(m), 1);
    assert_int_equal(closed(m), 1);
    assert_int_equal(stream_of(m, open_channel(m)), 0);
    sim_run(m, WEIR_SEC);
    assert_int_equal(opened(m), 2);
    sim_free(m);
}

/* The same while the application has not taken the event yet. */
static void an_answer_before_the_end_is_taken_is_counted(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(7), WAIT);
    sim_connect(m);
    open_channel(m);
    sim_run(m, WAIT - WEIR_SEC);
    m->end[0].keeps_events = true;
    sim_run(m, 2 * WEIR_SEC);
    answer(m, 0);
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[0].s.verdicts[WEIR_SCTP_DCEP_IN_USE], 1);
    m->end[0].keeps_events = false;
    sim_events(m, &m->end[0]);
    assert_int_equal(opened(m), 0);
    assert_int_equal(closed(m), 1);
    assert_int_equal(reason(m), WEIR_SCTP_REASON_TIMEOUT);
    sim_free(m);
}

/* A message stands for the answer; a close by either side is a close. */
static void what_stands_for_an_answer_is_one(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(8), WAIT);
    sim_connect(m);
    open_channel(m);
    sim_run(m, WAIT - WEIR_SEC);
    assert_int_equal(sim_write(m, 1, 0, 100, 1, NULL), WEIR_OK);
    sim_run(m, WAIT);
    assert_int_equal(opened(m), 1);
    assert_int_equal(closed(m), 0);
    uint16_t second = open_channel(m);
    sim_run(m, WEIR_SEC);
    assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, second), WEIR_OK);
    sim_run(m, WEIR_SEC);
    reset(m, 2);
    sim_run(m, 2 * WAIT);
    assert_int_equal(closed(m), 1);
    assert_int_equal(reason(m), WEIR_SCTP_REASON_NONE);
    sim_free(m);
}

/* Time runs from the association on; what cannot leave has no more of it. */
static void the_time_runs_while_the_association_is_up(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(9));
    open_channel(m);
    sim_run(m, 10 * WAIT);
    assert_int_equal(closed(m), 0);
    sim_connect(m);
    sim_run(m, WEIR_SEC);
    assert_int_equal(opened(m), 1);
    m->is_cut = true;
    open_channel(m);
    sim_run(m, WAIT);
    assert_int_equal(closed(m), 1);
    assert_int_equal(reason(m), WEIR_SCTP_REASON_TIMEOUT);
    m->is_cut = false;
    sim_run(m, WAIT); /* it arrives after all, and then its end */
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 2);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
    assert_int_equal(m->end[0].s.stream_count, 1);
    sim_free(m);
}

/* What never left leaves nothing behind: its stream is free at once. */
static void an_open_that_never_left_is_forgotten(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(10), WAIT);
    const struct weir_sctp_channel_config agreed = { .is_negotiated = true, .id = 8 };
    static uint8_t bytes[60000];
    uint16_t other;
    sim_connect(m);
    m->end[1].is_reading = false; /* until its window is closed */
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &agreed, &other), WEIR_OK);
    for (unsigned i = 0; i < 12; i++) {
        (void)!weir_sctp_channel_send(&m->end[0].s, m->now, other, weir_span_of(bytes, sizeof bytes),
                                      false);
    }
    sim_run(m, 5 * WEIR_SEC);
    open_channel(m);
    sim_run(m, WAIT);
    assert_int_equal(closed(m), 1);
    assert_int_equal(reason(m), WEIR_SCTP_REASON_TIMEOUT);
    assert_int_equal(stream_of(m, open_channel(m)), 0);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    sim_free(m);
}

static void without_a_limit_it_waits(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(11), 0);
    sim_connect(m);
    open_channel(m);
    sim_run(m, 3600 * WEIR_SEC);
    assert_int_equal(closed(m), 0);
    answer(m, 0);
    sim_run(m, WEIR_SEC);
    assert_int_equal(opened(m), 1);
    sim_free(m);
}

/* On a bad path some are answered in time and some are not; whatever comes, each is told once, and nothing
 * stays. */
static void a_bad_path_tells_each_channel_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct weir_sctp_config a, b;
        sim_config(&a, 0, test_seed(100 + seed));
        sim_config(&b, 1, test_seed(100 + seed));
        a.channel_wait = 150 * WEIR_MS;
        struct sim *m = sim_new_with(test_seed(100 + seed), &a, &b);
        sim_connect(m);
        m->loss_permille = 200;
        m->jitter = 150 * WEIR_MS;
        m->dup_permille = 50;
        unsigned made = 0;
        for (unsigned i = 0; i < 60; i++, made++) {
            uint16_t channel = open_channel(m);
            sim_run(m, (i % 5) * 60 * WEIR_MS);
            (void)!weir_sctp_channel_close(&m->end[0].s, m->now, channel); /* unless it has ended */
        }
        sim_run(m, 300 * WEIR_SEC);
        for (uint16_t i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
            (void)!weir_sctp_channel_close(&m->end[0].s, m->now, i);
        }
        sim_run(m, 300 * WEIR_SEC);
        assert_int_equal(closed(m), made);
        assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN],
                         m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED]);
        nothing_is_left(m);
        sim_free(m);
    }
}

/* -- Refused at once --------------------------------------------------------------------------- */

/* An application that wants no channels closes each as it comes, before its acknowledgement has left. That does not
 * leave any more: nothing goes out on a stream that is being reset [RFC 6525 5.1.2], and the number is free again. */
static void a_channel_refused_at_once_frees_its_stream(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(21));
    struct weir_sctp_event e;
    m->end[1].keeps_events = true;
    sim_connect(m);
    while (weir_sctp_event(&m->end[1].s, &e)) {
    }
    for (int round = 0; round < 140; round++) {
        (void)open_channel(m);
        weir_time until = m->now + WEIR_SEC;
        while (sim_step(m, until)) {
            while (weir_sctp_event(&m->end[1].s, &e)) {
                if (e.type == WEIR_SCTP_EVENT_CHANNEL_OPEN) {
                    assert_int_equal(weir_sctp_channel_close(&m->end[1].s, m->now, e.channel), WEIR_OK);
                }
            }
        }
        for (int i = 0; i < 2; i++) {
            assert_int_equal(m->end[i].s.channel_count, 0);
            assert_int_equal(m->end[i].s.stream_count, 0);
        }
    }
    sim_free(m);
}

/* A restart resets all streams [RFC 9260 5.2.4.1], those too whose channel was given up. */
static void a_restart_frees_what_was_never_answered(void **state)
{
    (void)state;
    struct sim *m = sim_of_silence(test_seed(22), WEIR_SEC);
    sim_connect(m);
    for (unsigned round = 0; round < 15; round++) {
        struct weir_sctp_config c;
        for (int i = 0; i < 10; i++) {
            (void)open_channel(m);
        }
        sim_run(m, 5 * WEIR_SEC);
        assert_int_equal(m->end[0].s.stream_count, 10);
        weir_sctp_release_all(&m->end[1].s);
        sim_config(&c, 1, 100 + round);
        c.has_channels = false;
        weir_sctp_init(&m->end[1].s, &c, &m->end[1].pool, m->now);
        weir_sctp_set_dtls_role(&m->end[1].s, m->now, false);
        assert_int_equal(weir_sctp_connect(&m->end[1].s, m->now), WEIR_OK);
        sim_run(m, 5 * WEIR_SEC);
        assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_RESTARTED], round + 1);
        assert_int_equal(m->end[0].s.stream_count, 0);
    }
    sim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_that_nobody_answers_ends_its_channel_alone),
        cmocka_unit_test(its_stream_is_used_again_when_the_peer_has_reset_it),
        cmocka_unit_test(again_and_again),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(a_far_answer_opens_the_channel),
        cmocka_unit_test(an_answer_after_the_limit_is_counted),
        cmocka_unit_test(an_answer_before_the_end_is_taken_is_counted),
        cmocka_unit_test(what_stands_for_an_answer_is_one),
        cmocka_unit_test(the_time_runs_while_the_association_is_up),
        cmocka_unit_test(an_open_that_never_left_is_forgotten),
        cmocka_unit_test(without_a_limit_it_waits),
        cmocka_unit_test(a_bad_path_tells_each_channel_once),
        cmocka_unit_test(a_channel_refused_at_once_frees_its_stream),
        cmocka_unit_test(a_restart_frees_what_was_never_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
