/* How a connection ends: what is queued arrives first, CLOSED is told once and last, and nothing takes longer
 * than it may, whatever the network and the other side do. */
#include "peer/peer_int.h"
#include "test/sim/sim.h"
#include "test/support/support.h"

enum { CALLER, CALLEE };

static struct sim *connected(uint64_t seed, bool with_media)
{
    struct sim *s = sim_open(seed, with_media);
    sim_introduce(s);
    sim_run(s, s->now + 20 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    sim_run(s, s->now + WEIR_SEC, false);
    return s;
}

static void let_go(struct sim *s, int who, weir_duration within)
{
    weir_peer_close_gracefully(s->peer[who], s->now, weir_time_add(s->now, within));
}

static void assert_over(const struct sim *s, int who, enum weir_sctp_reason reason)
{
    assert_int_equal(s->ends[who], 1);
    assert_int_equal(s->state[who], WEIR_PEER_CLOSED);
    assert_int_equal(s->data_reason[who], reason);
}

/* Closed by the other side; or, where its close_notify was lost, found gone by ICE. */
static void assert_told(const struct sim *s, int who)
{
    assert_true(s->ends[who] == 1
                || (s->state[who] == WEIR_PEER_FAILED && s->failure[who].reason == WEIR_PEER_REASON_CONSENT));
}

/* -- Nothing is lost --------------------------------------------------------------------------- */

static const struct sim_link bad = { .delay = 40 * WEIR_MS, .jitter = 10 * WEIR_MS, .loss = 100,
                                     .duplicate = 30, .reorder = 50, .corrupt = 10, .mtu = 1280 };

/* A connection that never stood has nothing to wait for where nothing is queued. */
static void without_anything_queued_nothing_is_waited_for(void **state)
{
    (void)state;
    static uint8_t text[WEIR_PEER_SDP_MAX];
    struct weir_sdp_error error;
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct sim *s = sim_open(1, false);
    s->link.loss = 1000;
    assert_int_equal(weir_peer_create_offer(s->peer[0], s->now, &w), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text, w.len), &error), WEIR_OK);
    w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_peer_create_answer(s->peer[1], s->now, &w), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(s->peer[0], s->now, false, weir_span_of(text, w.len), &error), WEIR_OK);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->state[CALLER], WEIR_PEER_CONNECTING);
    let_go(s, CALLER, 100 * WEIR_SEC);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->ends[CALLER], 1);
    sim_close(s);
}

static void all_that_is_queued_arrives_before_the_end(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct sim *s = connected(test_seed(seed), false);
        int who = (int)(seed & 1);
        s->link = seed < 2 ? s->link : bad;
        for (int i = 0; i < 6; i++) {
            assert_int_equal(sim_send(s, who, 40000), WEIR_OK);
        }
        assert_int_equal(sim_send(s, 1 - who, 30000), WEIR_OK); /* and what the other side was saying */
        weir_time begin = s->now;
        let_go(s, who, 200 * WEIR_SEC);
        assert_int_equal(sim_send(s, who, 10), WEIR_ERR_STATE);
        sim_run(s, s->now + 100 * WEIR_SEC, false);
        assert_int_equal(s->messages[1 - who], 6);
        assert_int_equal(s->messages[who], 1);
        assert_false(s->is_corrupt);
        assert_over(s, who, WEIR_SCTP_REASON_SHUTDOWN);
        assert_told(s, 1 - who);
        if (seed < 2) {
            assert_over(s, 1 - who, WEIR_SCTP_REASON_SHUTDOWN);
            assert_true(s->peer[who]->timeline.created < begin);
        }
        uint64_t sent = s->sent;
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        assert_true(s->sent == sent);
        sim_close(s);
    }
}

/* An idle connection ends in two round trips, not at its deadline; its streams say BYE. */
static void with_nothing_queued_it_is_soon_over(void **state)
{
    (void)state;
    struct sim *s = connected(1, true);
    sim_send_rtp(s, CALLER, 1);
    sim_run(s, s->now + 500 * WEIR_MS, false);
    assert_int_equal(weir_peer_rtp(s->peer[CALLEE])->rtcp.remotes, 1);
    let_go(s, CALLER, 60 * WEIR_SEC);
    sim_run(s, s->now + 50 * WEIR_MS, false);
    assert_int_equal(weir_peer_rtp(s->peer[CALLEE])->rtcp.remotes, 0);
    assert_over(s, CALLER, WEIR_SCTP_REASON_SHUTDOWN);
    assert_over(s, CALLEE, WEIR_SCTP_REASON_SHUTDOWN);
    assert_int_equal(s->closed[CALLER], 1);
    assert_int_equal(s->closed[CALLEE], 1);
    sim_close(s);
}

static void both_sides_may_close_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct sim *s = connected(test_seed(seed), false);
        s->link = seed % 4 != 3 ? s->link : bad;
        for (int i = 0; i < 2; i++) {
            assert_int_equal(sim_send(s, i, 30000), WEIR_OK);
            assert_int_equal(sim_send(s, i, 7), WEIR_OK);
        }
        let_go(s, CALLER, 100 * WEIR_SEC);
        sim_run(s, s->now + seed * 3 * WEIR_MS, false); /* none to three round trips later */
        let_go(s, CALLEE, 100 * WEIR_SEC);
        sim_run(s, s->now + 110 * WEIR_SEC, false);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(s->messages[i], 2);
            assert_over(s, i, WEIR_SCTP_REASON_SHUTDOWN);
        }
        assert_false(s->is_corrupt);
        sim_close(s);
    }
}

/* Messages that wait for the connection wait for it. */
static void what_is_said_before_there_is_a_connection_arrives(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim *s = sim_open(test_seed(seed), false);
        s->link.loss = seed < 4 ? 0 : 100;
        sim_introduce(s);
        assert_int_equal(sim_send(s, CALLER, 5000), WEIR_OK);
        let_go(s, CALLER, 60 * WEIR_SEC);
        sim_run(s, s->now + 100 * WEIR_SEC, false);
        assert_int_equal(s->messages[CALLEE], 1);
        assert_over(s, CALLER, WEIR_SCTP_REASON_SHUTDOWN);
        assert_told(s, CALLEE);
        sim_close(s);
    }
}

/* -- Whatever state it is in ------------------------------------------------------------------- */

/* Every 4 ms of the set-up and after: with a message that waits and without, over a network that works and
 * one that does not. The end comes by the deadline, and at once where nothing is to be waited for. */
static void the_deadline_holds_in_every_state(void **state)
{
    (void)state;
    static const weir_duration within[] = { 0, 20 * WEIR_MS, 5 * WEIR_SEC };
    for (unsigned i = 0; i < 40 * 3 * 4; i++) {
        bool is_cut = (i & 1) != 0, has_message = (i & 2) != 0;
        weir_duration most = within[i / 4 % 3];
        struct sim *s = sim_open(50, true);
        sim_introduce(s);
        sim_run(s, s->now + i / 12 * 4 * WEIR_MS, false);
        s->is_cut = is_cut;
        assert_int_equal(sim_send(s, CALLER, 2000), WEIR_OK);
        if (!has_message) {
            sim_run(s, s->now + (is_cut ? 0 : WEIR_SEC), false);
        }
        let_go(s, CALLER, most);
        weir_time by = s->now + most;
        sim_run(s, by - (most != 0 ? 1 : 0), false);
        if (most > WEIR_SEC) {
            assert_int_equal(s->ends[CALLER], is_cut ? 0 : 1);
            assert_int_equal(s->messages[CALLEE], is_cut ? 0 : 1);
        }
        sim_run(s, by, false);
        assert_int_equal(s->ends[CALLER], 1);
        sim_run(s, s->now + 70 * WEIR_SEC, false);
        assert_int_equal(s->ends[CALLER], 1);
        assert_true(s->ends[CALLEE] == 1 || s->state[CALLEE] == WEIR_PEER_FAILED);
        sim_close(s);
    }
}

/* Nobody knows of it yet: there is nothing to wait for. */
static void a_connection_that_never_began_ends_at_once(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct sim *s = sim_open(3, true);
        static uint8_t text[WEIR_PEER_SDP_MAX];
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
        if (how >= 2) { /* the offer is out, and an answer would be refused */
            const struct weir_sctp_channel_config c = { .label = WEIR_LIT("x"), .priority = 256 };
            assert_int_equal(weir_peer_open_channel(s->peer[CALLER], s->now, &c, &s->channel[CALLER]), WEIR_OK);
            assert_int_equal(weir_peer_create_offer(s->peer[CALLER], s->now, &w), WEIR_OK);
        }
        if (how % 2 == 0) {
            weir_peer_close(s->peer[CALLER], s->now);
        } else {
            let_go(s, CALLER, 60 * WEIR_SEC);
        }
        sim_run(s, s->now, false);
        assert_int_equal(s->ends[CALLER], 1);
        sim_close(s);
    }
}

static void a_dead_path_ends_it_too(void **state)
{
    (void)state;
    struct sim *s = connected(4, true);
    assert_int_equal(sim_send(s, CALLER, 20000), WEIR_OK);
    s->is_cut = true;
    let_go(s, CALLER, WEIR_NEVER);
    sim_run(s, s->now + 20 * WEIR_SEC, false);
    assert_int_equal(s->ends[CALLER], 0);
    sim_run(s, s->now + 20 * WEIR_SEC, false); /* consent is over */
    assert_over(s, CALLER, WEIR_SCTP_REASON_ABORTED);
    assert_int_equal(s->failure[CALLER].reason, WEIR_PEER_REASON_CONSENT);
    sim_close(s);
}

static void one_that_failed_before_is_closed_as_well(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct sim *s = connected(5, true);
        static uint8_t text[WEIR_PEER_SDP_MAX];
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
        s->is_cut = true;
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        assert_int_equal(s->state[CALLER], WEIR_PEER_FAILED);
        if (how == 0) {
            weir_peer_close(s->peer[CALLER], s->now);
        } else {
            let_go(s, CALLER, 60 * WEIR_SEC);
        }
        assert_int_equal(weir_peer_create_offer(s->peer[CALLER], s->now, &w), WEIR_ERR_STATE);
        sim_run(s, s->now, false);
        assert_over(s, CALLER, WEIR_SCTP_REASON_ABORTED);
        assert_int_equal(s->closed[CALLER], 1);
        sim_close(s);
    }
}

/* A peer that takes no more cannot hold it for ever, not even for who sets no deadline. */
static void a_closed_window_holds_it_to_the_deadline(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct sim *s = connected(6, false);
        unsigned queued = 0;
        s->defers[CALLEE] = true;
        while (queued < 400 && sim_send(s, CALLER, 20000) == WEIR_OK) {
            queued++;
        }
        sim_run(s, s->now + 2 * WEIR_SEC, false);
        let_go(s, CALLER, how == 0 ? 3 * WEIR_SEC : WEIR_NEVER);
        sim_run(s, s->now + (how == 0 ? 3 * WEIR_SEC : WEIR_PEER_DRAIN_MAX) - 1, false);
        assert_int_equal(s->ends[CALLER], 0);
        sim_run(s, s->now + 1, false);
        assert_over(s, CALLER, WEIR_SCTP_REASON_ABORTED);
        s->defers[CALLEE] = false;
        weir_peer_resume(s->peer[CALLEE]);
        sim_run(s, s->now + WEIR_SEC, false);
        assert_over(s, CALLEE, WEIR_SCTP_REASON_PEER_ABORT);
        assert_true(s->messages[CALLEE] >= 3); /* all that had come whole */
        assert_false(s->is_corrupt);
        sim_close(s);
    }
}

/* -- More than once, and from both sides ------------------------------------------------------- */

static void a_second_close_can_only_make_it_sooner(void **state)
{
    (void)state;
    for (int how = 0; how < 6; how++) {
        struct sim *s = connected(7, false);
        assert_int_equal(sim_send(s, CALLER, 20000), WEIR_OK);
        s->is_cut = true;
        weir_time begin = s->now, by = begin + 4 * WEIR_SEC;
        let_go(s, CALLER, 4 * WEIR_SEC);
        sim_run(s, begin + WEIR_SEC, false);
        if (how == 1) {
            let_go(s, CALLER, 20 * WEIR_SEC);
        } else if (how == 2) {
            let_go(s, CALLER, WEIR_SEC);
            by = begin + 2 * WEIR_SEC;
        } else if (how == 3) {
            weir_peer_close(s->peer[CALLER], s->now);
            by = s->now;
        } else if (how == 4) {
            weir_peer_close(s->peer[CALLER], s->now);
            let_go(s, CALLER, 20 * WEIR_SEC);
            by = s->now;
        } else if (how == 5) {
            weir_peer_close_gracefully(s->peer[CALLER], s->now, 0);
            by = s->now;
        }
        if (by != s->now) {
            sim_run(s, by - 1, false);
            assert_int_equal(s->ends[CALLER], 0);
        }
        sim_run(s, by, false);
        assert_over(s, CALLER, WEIR_SCTP_REASON_ABORTED);
        weir_peer_close(s->peer[CALLER], s->now);
        let_go(s, CALLER, WEIR_SEC);
        sim_run(s, s->now + 10 * WEIR_SEC, false);
        assert_int_equal(s->ends[CALLER], 1);
        sim_close(s);
    }
}

/* As weir, or a browser: an ABORT and a close_notify, one of them alone, at any moment of our own end. */
static void the_other_side_may_end_it_abruptly_meanwhile(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40 * 3; i++) {
        struct sim *s = connected(test_seed(i), false);
        struct weir_peer *other = s->peer[CALLEE];
        assert_int_equal(sim_send(s, CALLER, 60000), WEIR_OK);
        let_go(s, CALLER, 5 * WEIR_SEC);
        sim_run(s, s->now + i / 3 * 2 * WEIR_MS, false);
        if (i % 3 == 0) {
            weir_peer_close(other, s->now);
        } else if (i % 3 == 1) {
            weir_sctp_abort(&other->sctp, s->now, weir_span_of(NULL, 0));
        } else if (weir_dtls_state(&other->dtls) == WEIR_DTLS_CONNECTED) {
            weir_dtls_close(&other->dtls, s->now);
        }
        sim_run(s, s->now + 6 * WEIR_SEC, false);
        assert_int_equal(s->ends[CALLER], 1);
        assert_int_equal(s->ends[CALLEE], 1);
        assert_true(s->messages[CALLEE] <= 1);
        sim_close(s);
    }
}

/* -- What is refused meanwhile ----------------------------------------------------------------- */

static void nothing_new_is_taken(void **state)
{
    (void)state;
    struct sim *s = connected(8, true);
    static uint8_t text[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("late"), .priority = 256 };
    struct weir_sdp_error error;
    struct weir_path to;
    uint8_t out[1500], byte = 0;
    uint16_t channel;
    size_t n;
    struct weir_rtp_header h = { .payload_type = weir_peer_media_at(s->peer[CALLER], 0)->codec[0].payload_type,
                                 .payload = { &byte, 1 } };
    assert_int_equal(sim_send(s, CALLER, 100000), WEIR_OK);
    let_go(s, CALLER, 60 * WEIR_SEC);
    assert_int_equal(s->peer[CALLER]->state, WEIR_PEER_CONNECTED);
    assert_int_equal(sim_send(s, CALLER, 1), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_open_channel(s->peer[CALLER], s->now, &c, &channel), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_write_rtp(s->peer[CALLER], s->now, 0, &h,
                                         (struct weir_mspan){ out, sizeof out }, &n, &to), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_create_offer(s->peer[CALLER], s->now, &w), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_create_offer(s->peer[CALLEE], s->now, &w), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(s->peer[CALLER], s->now, true, weir_span_of(text, w.len), &error),
                     WEIR_ERR_STATE);
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    assert_int_equal(s->messages[CALLEE], 1);
    assert_over(s, CALLER, WEIR_SCTP_REASON_SHUTDOWN);
    sim_close(s);
}

/* -- The order of events ----------------------------------------------------------------------- */

/* Messages that could not be used at once are given before the ends of their channel, of data and of the
 * connection are told: to who was left, and to who leaves. */
static void deferred_messages_come_before_the_end(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        struct sim *s = connected(9, false);
        struct weir_peer *p = s->peer[CALLEE];
        struct weir_event e;
        struct weir_path to;
        uint8_t out[1500];
        s->defers[CALLEE] = true;
        assert_int_equal(sim_send(s, CALLER, 100), WEIR_OK);
        assert_int_equal(sim_send(s, CALLER, 200), WEIR_OK);
        sim_run(s, s->now + 500 * WEIR_MS, false);
        let_go(s, who == 0 ? CALLER : CALLEE, 60 * WEIR_SEC);
        sim_run(s, s->now + 50 * WEIR_SEC, false);
        if (who == 0) { /* without consent by now, which does not matter any more */
            weir_peer_tick(p, s->now);
            weir_peer_tick(p, s->now + WEIR_SEC);
            assert_int_equal(p->state, WEIR_PEER_CONNECTED);
        }
        assert_int_equal(s->ends[CALLEE], 0);
        assert_int_equal(s->closed[CALLEE], 0);
        s->defers[CALLEE] = false;
        weir_peer_resume(p);
        enum weir_event_type told[8];
        unsigned n = 0;
        for (int round = 0; round < 2; round++) {
            while (weir_peer_event(p, s->now, &e)) {
                assert_true(n < 8);
                told[n] = e.type;
                n += e.type != WEIR_EVENT_ICE_STATE ? 1 : 0;
            }
            while (weir_peer_send(p, s->now, (struct weir_mspan){ out, sizeof out }, &to) != 0) {
            }
        }
        while (weir_peer_event(p, s->now, &e)) {
            assert_true(n < 8);
            told[n] = e.type;
            n += e.type != WEIR_EVENT_ICE_STATE ? 1 : 0;
        }
        assert_int_equal(n, 5);
        assert_int_equal(told[0], WEIR_EVENT_CHANNEL_MESSAGE);
        assert_int_equal(told[1], WEIR_EVENT_CHANNEL_MESSAGE);
        assert_int_equal(told[2], WEIR_EVENT_CHANNEL_CLOSED);
        assert_int_equal(told[3], WEIR_EVENT_DATA_CLOSED);
        assert_int_equal(told[4], WEIR_EVENT_STATE);
        assert_int_equal(p->state, WEIR_PEER_CLOSED);
        sim_close(s);
    }
}

/* Who leaves and cannot read is not held by it beyond the deadline. */
static void a_message_that_stays_deferred_is_dropped_at_the_deadline(void **state)
{
    (void)state;
    struct sim *s = connected(10, false);
    s->defers[CALLEE] = true;
    assert_int_equal(sim_send(s, CALLER, 100), WEIR_OK);
    sim_run(s, s->now + 500 * WEIR_MS, false);
    let_go(s, CALLEE, 3 * WEIR_SEC);
    sim_run(s, s->now + 3 * WEIR_SEC - 1, false);
    assert_int_equal(s->ends[CALLEE], 0);
    sim_run(s, s->now + 1, false);
    assert_int_equal(s->ends[CALLEE], 1);
    assert_int_equal(s->messages[CALLEE], 0);
    sim_close(s);
}

/* Who closes at once hears no more of what came: CLOSED is the last word, unread messages or not. */
static void what_is_unread_is_not_told_after_closed(void **state)
{
    (void)state;
    struct sim *s = connected(12, false);
    struct weir_peer *p = s->peer[CALLEE];
    struct weir_event e;
    struct weir_path to;
    uint8_t out[1500];
    unsigned told = 0;
    bool is_closed = false;
    s->is_deaf[CALLEE] = true;
    assert_int_equal(sim_send(s, CALLER, 100), WEIR_OK);
    sim_run(s, s->now + 500 * WEIR_MS, false);
    assert_int_not_equal(p->sctp.unread_head, WEIR_NO_CELL);
    weir_peer_close(p, s->now);
    while (weir_peer_send(p, s->now, (struct weir_mspan){ out, sizeof out }, &to) != 0) {
    }
    while (weir_peer_event(p, s->now, &e)) {
        assert_false(is_closed);
        assert_true(told++ < 20);
        is_closed = e.type == WEIR_EVENT_STATE && e.state == WEIR_PEER_CLOSED;
    }
    assert_true(is_closed);
    sim_close(s);
}

/* A batch that is decrypted as a whole and delivered one by one: what stands before the close_notify in it is
 * read before the end. */
static void a_batch_with_the_end_in_it_is_read_first(void **state)
{
    (void)state;
    struct sim *s = connected(11, false);
    struct weir_peer *a = s->peer[CALLER], *b = s->peer[CALLEE];
    static uint8_t bytes[8][1500];
    struct weir_item item[8];
    struct weir_event e;
    struct weir_path to;
    unsigned n = 0, messages = 0;
    assert_int_equal(sim_send(s, CALLER, 100), WEIR_OK);
    assert_int_equal(sim_send(s, CALLER, 100), WEIR_OK);
    for (int round = 0; round < 2; round++) {
        size_t len;
        while (n < 8 && (len = weir_peer_send(a, s->now, (struct weir_mspan){ bytes[n], 1500 }, &to)) != 0) {
            item[n] = (struct weir_item){ .peer = b, .packet = { .data = bytes[n], .len = len, .at = s->now,
                                                                 .path = { s->addr[1], s->addr[0] } } };
            n += bytes[n][0] > 3 ? 1 : 0;
        }
        weir_peer_close(a, s->now);
    }
    assert_true(n >= 3);
    for (unsigned i = 0; i < n; i++) {
        (void)weir_peer_decrypt(b, s->now, &item[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        weir_peer_deliver(b, s->now, &item[i]);
        while (weir_peer_event(b, s->now, &e)) {
            assert_int_equal(b->state, WEIR_PEER_CONNECTED);
            messages += e.type == WEIR_EVENT_CHANNEL_MESSAGE ? 1 : 0;
        }
    }
    assert_int_equal(messages, 2);
    assert_int_equal(weir_peer_send(b, s->now, (struct weir_mspan){ bytes[0], 1500 }, &to), 0);
    assert_true(weir_peer_event(b, s->now, &e));
    assert_int_equal(e.type, WEIR_EVENT_ICE_STATE);
    assert_int_equal(e.ice, WEIR_ICE_CLOSED);
    assert_true(weir_peer_event(b, s->now, &e));
    assert_int_equal(e.state, WEIR_PEER_CLOSED);
    assert_false(weir_peer_event(b, s->now, &e));
    sim_close(s);
}

/* More channels end than there are places for events, and nobody takes any for a while. */
static void the_end_is_told_when_all_else_is(void **state)
{
    (void)state;
    enum { MORE = 100 };
    for (int how = 0; how < 3; how++) {
        struct sim *s = connected(12, false);
        for (unsigned i = 0; i < MORE; i++) {
            const struct weir_sctp_channel_config c = { .label = WEIR_LIT("many"), .priority = 256 };
            uint16_t channel;
            assert_int_equal(weir_peer_open_channel(s->peer[CALLER], s->now, &c, &channel), WEIR_OK);
        }
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        assert_int_equal(s->opened[CALLEE], 1 + MORE);
        struct weir_path to;
        uint8_t out[1500];
        if (how == 0) {
            weir_peer_close(s->peer[CALLER], s->now);
        } else {
            let_go(s, CALLER, 20 * WEIR_SEC);
        }
        for (int i = 0; i < 4 && how != 2; i++) { /* sends before it looks at events */
            while (weir_peer_send(s->peer[CALLER], s->now, (struct weir_mspan){ out, sizeof out }, &to) != 0) {
            }
        }
        sim_run(s, s->now + 30 * WEIR_SEC, false);
        assert_int_equal(s->ends[CALLER], 1);
        assert_int_equal(s->closed[CALLER], 1 + MORE);
        if (how != 0) {
            assert_int_equal(s->closed[CALLEE], 1 + MORE);
        }
        sim_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_anything_queued_nothing_is_waited_for),
        cmocka_unit_test(all_that_is_queued_arrives_before_the_end),
        cmocka_unit_test(with_nothing_queued_it_is_soon_over),
        cmocka_unit_test(both_sides_may_close_at_once),
        cmocka_unit_test(what_is_said_before_there_is_a_connection_arrives),
        cmocka_unit_test(the_deadline_holds_in_every_state),
        cmocka_unit_test(a_connection_that_never_began_ends_at_once),
        cmocka_unit_test(a_dead_path_ends_it_too),
        cmocka_unit_test(one_that_failed_before_is_closed_as_well),
        cmocka_unit_test(a_closed_window_holds_it_to_the_deadline),
        cmocka_unit_test(a_second_close_can_only_make_it_sooner),
        cmocka_unit_test(the_other_side_may_end_it_abruptly_meanwhile),
        cmocka_unit_test(nothing_new_is_taken),
        cmocka_unit_test(deferred_messages_come_before_the_end),
        cmocka_unit_test(a_message_that_stays_deferred_is_dropped_at_the_deadline),
        cmocka_unit_test(what_is_unread_is_not_told_after_closed),
        cmocka_unit_test(a_batch_with_the_end_in_it_is_read_first),
        cmocka_unit_test(the_end_is_told_when_all_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
