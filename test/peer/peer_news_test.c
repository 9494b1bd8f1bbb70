/* Events: whatever comes in one batch, and however long nobody asks, no state and no end is lost, each is told once,
 * and in an order that makes sense. */
#include "peer/peer_int.h"
#include "test/peer/peer_jsep.h"

static struct weir_event all[4096];
static unsigned count;

static void take_all(struct sim *s, int i)
{
    count = 0;
    while (weir_peer_event(s->peer[i], s->now, &all[count])) {
        count++;
        assert_true(count < 4096);
    }
}

static unsigned told(enum weir_event_type type)
{
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++) {
        n += all[i].type == type ? 1 : 0;
    }
    return n;
}

/* Y10: a flood of key-frame requests, path changes and packets just before the end: CLOSED is told, last, once. */
static void attack_Y10_no_batch_pushes_the_end_out(void **state)
{
    (void)state;
    struct sim *s = connected(3, WEIR_SDP_ACTIVE);
    struct weir_peer *p = s->peer[1];
    take_all(s, 1);
    s->is_deaf[1] = true;
    for (unsigned i = 0; i < 1000; i++) {
        weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_KEYFRAME, .media = (uint8_t)(i % 64) });
        weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_SELECTED, .path = { s->addr[1], s->addr[0] } });
        weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_CANDIDATE_REFUSED });
        weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_RTP });
        weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_ICE_STATE, .ice = WEIR_ICE_CONNECTED });
        weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_GATHERING });
        weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_SIGNALLING });
        weir_peer_push_candidate(p, 0);
    }
    weir_peer_close(s->peer[0], s->now);
    while (p->state != WEIR_PEER_CLOSED) {
        sim_run(s, s->now + 10 * WEIR_MS, false); /* nobody asks */
    }
    for (unsigned i = 0; i < 100; i++) {
        weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_KEYFRAME, .media = (uint8_t)(i % 64) });
    }
    take_all(s, 1);
    assert_int_equal(told(WEIR_EVENT_STATE), 1);
    assert_int_equal(told(WEIR_EVENT_DATA_CLOSED), 1);
    assert_int_equal(told(WEIR_EVENT_CHANNEL_CLOSED), 1);
    assert_int_equal(told(WEIR_EVENT_SELECTED), 1);
    assert_int_equal(told(WEIR_EVENT_RTP), 1);
    assert_int_equal(told(WEIR_EVENT_CANDIDATE_REFUSED), WEIR_PEER_RING);
    assert_in_range(told(WEIR_EVENT_KEYFRAME), 64, 128);
    for (unsigned i = 0; i < count; i++) {
        if (all[i].type == WEIR_EVENT_STATE) {
            assert_int_equal(all[i].state, WEIR_PEER_CLOSED);
            assert_true(told(WEIR_EVENT_CHANNEL_CLOSED) == 1 && i > 0);
        }
    }
    assert_false(weir_peer_has_news(p));
    take_all(s, 1);
    assert_int_equal(count, 0);
    sim_close(s);
}

/* What SCTP has to say comes before the end of data, and that before the end of all. */
static void ends_come_in_their_order(void **state)
{
    (void)state;
    struct sim *s = connected(4, WEIR_SDP_ACTIVE);
    take_all(s, 1);
    s->is_deaf[1] = true;
    weir_peer_close(s->peer[0], s->now);
    while (s->peer[1]->state != WEIR_PEER_CLOSED) {
        sim_run(s, s->now + 10 * WEIR_MS, false);
    }
    take_all(s, 1);
    unsigned at = 0;
    static const enum weir_event_type want[] = { WEIR_EVENT_CHANNEL_CLOSED, WEIR_EVENT_DATA_CLOSED,
                                                 WEIR_EVENT_STATE };
    for (unsigned i = 0; i < count; i++) {
        at += at < 3 && all[i].type == want[at] ? 1 : 0;
    }
    assert_int_equal(at, 3);
    sim_close(s);
}

/* More channels than anything has places: each opening and each end is told once. */
static void every_channel_is_told(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    static uint8_t opened[MANY + 8], closed[MANY + 8];
    struct sim *s = connected(5, WEIR_SDP_ACTIVE);
    struct weir_sctp_channel_config c = { .label = WEIR_LIT("m"), .priority = 256 };
    uint16_t channel;
    memset(opened, 0, sizeof opened);
    memset(closed, 0, sizeof closed);
    take_all(s, 1);
    s->is_deaf[1] = true;
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &channel), WEIR_OK);
    }
    sim_run(s, s->now + 5 * WEIR_SEC, false); /* nobody asks */
    take_all(s, 1);
    for (unsigned i = 0; i < count; i++) {
        if (all[i].type == WEIR_EVENT_CHANNEL_OPEN) {
            opened[all[i].channel]++;
        }
    }
    weir_peer_close(s->peer[0], s->now);
    while (s->peer[1]->state != WEIR_PEER_CLOSED) {
        sim_run(s, s->now + 10 * WEIR_MS, false);
    }
    take_all(s, 1);
    for (unsigned i = 0; i < count; i++) {
        if (all[i].type == WEIR_EVENT_CHANNEL_CLOSED) {
            closed[all[i].channel]++;
        }
    }
    for (unsigned i = 1; i <= MANY; i++) { /* the first is the sim's own */
        assert_int_equal(opened[i], 1);
        assert_int_equal(closed[i], 1);
    }
    sim_close(s);
}

/* Requests for key frames that come between two answers are told once for each section. */
static void key_frames_are_told_by_section(void **state)
{
    (void)state;
    struct sim *s = connected(3, WEIR_SDP_ACTIVE);
    struct weir_peer *p = s->peer[1];
    struct weir_event e;
    take_all(s, 1);
    weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_KEYFRAME, .media = 0 });
    weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_KEYFRAME, .media = 1 });
    assert_true(weir_peer_event(p, s->now, &e));
    assert_int_equal(e.media, 0);
    weir_peer_push(p, &(struct weir_event){ .type = WEIR_EVENT_KEYFRAME, .media = 2 });
    take_all(s, 1);
    assert_int_equal(told(WEIR_EVENT_KEYFRAME), 2);
    assert_int_equal(all[0].media, 1);
    assert_int_equal(all[1].media, 2);
    assert_false(weir_peer_has_news(p));
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_Y10_no_batch_pushes_the_end_out),
        cmocka_unit_test(ends_come_in_their_order),
        cmocka_unit_test(every_channel_is_told),
        cmocka_unit_test(key_frames_are_told_by_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
