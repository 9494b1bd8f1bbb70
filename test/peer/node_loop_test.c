/* A node in a foreign loop, and the application's timers and descriptors in the node's own: nothing is missed,
 * nothing spins, on both pumps. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "peer/node_int.h"
#include "test/support/support.h"

enum { TIMERS = 40, SIDES = 2 };

static enum weir_pump_kind kind;
static struct weir_node *node[SIDES];
static struct weir_peer *peer[SIDES];
static uint16_t channel[SIDES];
static unsigned opened[SIDES], messages[SIDES], ends[SIDES];
static bool echoes[SIDES];

static struct weir_node *open_node(void)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr local = weir_addr_v4(127, 0, 0, 1, 0);
    const struct weir_node_config c = { .bind = &local, .binds = 1, .no_mdns = true, .peers_max = 2,
                                        .timers_max = TIMERS, .pump = { .kind = kind } };
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        fail_msg("%s", error);
    }
    return n;
}

static uint64_t waits(void)
{
    return weir_node_stats(node[0]).pump->waits + weir_node_stats(node[1]).pump->waits;
}

static void take_events(int i)
{
    struct weir_event e;
    while (weir_node_event(node[i], &e)) {
        opened[i] += e.type == WEIR_EVENT_CHANNEL_OPEN ? 1 : 0;
        ends[i] += e.type == WEIR_EVENT_STATE && e.state == WEIR_PEER_CLOSED ? 1 : 0;
        if (e.type == WEIR_EVENT_CHANNEL_OPEN) {
            channel[i] = e.channel;
        } else if (e.type == WEIR_EVENT_CHANNEL_MESSAGE) {
            messages[i]++;
            if (echoes[i]) {
                assert_int_equal(weir_channel_send(node[i], e.peer, e.channel, e.data, e.is_text), WEIR_OK);
            }
        }
    }
}

/* One turn of a foreign loop over both nodes, by poll(2), at most until `limit`. */
static void turn(weir_time limit)
{
    struct pollfd fds[SIDES];
    weir_time now = weir_pump_clock();
    int ms = limit <= now ? 0 : (int)((limit - now) / 1000 + 1);
    for (int i = 0; i < SIDES; i++) {
        int t = weir_node_timeout(node[i]);
        fds[i] = (struct pollfd){ .fd = weir_node_fd(node[i]), .events = POLLIN };
        ms = t >= 0 && t < ms ? t : ms;
    }
    (void)poll(fds, SIDES, ms);
    for (int i = 0; i < SIDES; i++) {
        if (fds[i].revents != 0 || weir_node_deadline(node[i]) <= weir_pump_clock()) {
            assert_int_equal(weir_node_wait(node[i], 0), WEIR_OK);
            take_events(i);
        }
    }
}

static void turn_until(const unsigned *counter, unsigned value, weir_duration within)
{
    weir_time limit = weir_pump_clock() + within;
    while (*counter < value && weir_pump_clock() < limit) {
        turn(limit);
    }
    assert_true(*counter >= value);
}

static int open_both(void **state)
{
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("loop"), .priority = 256 };
    struct weir_sdp_error error;
    (void)state;
    for (int i = 0; i < SIDES; i++) {
        node[i] = open_node();
        peer[i] = weir_node_peer(node[i], true);
        opened[i] = messages[i] = ends[i] = 0;
        echoes[i] = false;
    }
    assert_int_equal(weir_open_channel(node[0], peer[0], &c, &channel[0]), WEIR_OK);
    assert_int_equal(weir_create_offer(node[0], peer[0], &offer), WEIR_OK);
    assert_int_equal(weir_set_remote_offer(node[1], peer[1], weir_span_of(text[0], offer.len), &error), WEIR_OK);
    assert_int_equal(weir_create_answer(node[1], peer[1], &answer), WEIR_OK);
    assert_int_equal(weir_set_remote_answer(node[0], peer[0], weir_span_of(text[1], answer.len), &error),
                     WEIR_OK);
    turn_until(&opened[0], 1, 10 * WEIR_SEC);
    turn_until(&opened[1], 1, 10 * WEIR_SEC);
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    weir_node_close(node[0]);
    weir_node_close(node[1]);
    return 0;
}

/* -- In a foreign loop ------------------------------------------------------------------------- */

static void messages_cross_and_an_idle_loop_sleeps(void **state)
{
    (void)state;
    echoes[0] = echoes[1] = true;
    assert_int_equal(weir_channel_send(node[0], peer[0], channel[0], WEIR_LIT("ping"), true), WEIR_OK);
    weir_time begin = weir_pump_clock();
    turn_until(&messages[0], 500, 10 * WEIR_SEC);
    assert_true(weir_time_since(weir_pump_clock(), begin) < 5 * WEIR_SEC); /* no message waited for a timer */
    echoes[0] = echoes[1] = false;
    for (weir_time end = weir_pump_clock() + 500 * WEIR_MS; weir_pump_clock() < end;) {
        turn(end);
    }
    uint64_t before = waits();
    for (weir_time end = weir_pump_clock() + 1500 * WEIR_MS; weir_pump_clock() < end;) {
        turn(end);
    }
    assert_true(waits() - before < 40); /* consent, now and then */
}

/* Nothing arrives, and what a call queued leaves all the same. */
static void what_a_call_queues_makes_the_deadline_now(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        for (int t = 0; t < 200 && weir_node_timeout(node[0]) < 2; t++) {
            turn(weir_pump_clock() + 5 * WEIR_MS);
        }
        assert_true(weir_node_deadline(node[0]) > weir_pump_clock());
        assert_int_equal(weir_channel_send(node[0], peer[0], channel[0], WEIR_LIT("hello"), true), WEIR_OK);
        assert_int_equal(weir_node_timeout(node[0]), 0);
        weir_time begin = weir_pump_clock();
        turn_until(&messages[1], i, WEIR_SEC);
        assert_true(weir_time_since(weir_pump_clock(), begin) < 500 * WEIR_MS);
    }
    weir_close(node[0], peer[0]);
    assert_int_equal(weir_node_timeout(node[0]), 0);
    turn_until(&ends[0], 1, WEIR_SEC);
    turn_until(&ends[1], 1, WEIR_SEC);
}

static void before_its_first_wait_a_node_wants_one(void **state)
{
    (void)state;
    struct weir_node *n = open_node();
    struct pollfd p = { .fd = weir_node_fd(n), .events = POLLIN };
    struct weir_event e;
    assert_int_equal(weir_node_timeout(n), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
        assert_int_equal(weir_node_timeout(n), 0); /* while events are not taken */
        assert_false(weir_node_event(n, &e));
    }
    assert_int_equal(weir_node_timeout(n), -1);
    assert_int_equal(poll(&p, 1, 0), 0);
    weir_node_wake(n);
    assert_int_equal(poll(&p, 1, 1000), 1);
    assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
    assert_false(weir_node_event(n, &e));
    assert_int_equal(poll(&p, 1, 0), 0);
    weir_node_close(n);
}

/* -- Timers ------------------------------------------------------------------------------------ */

static bool next_of(struct weir_node *n, enum weir_event_type type, struct weir_event *e)
{
    while (weir_node_event(n, e)) {
        if (e->type == type) {
            return true;
        }
    }
    return false;
}

static void timers_come_once_and_never_early(void **state)
{
    (void)state;
    struct weir_node *n = open_node();
    struct weir_event e;
    weir_time begin = weir_pump_clock(), at[TIMERS];
    unsigned told = 0;
    assert_int_equal(weir_node_timer_set(n, TIMERS, begin), WEIR_ERR_ARG);
    for (uint32_t i = 0; i < TIMERS; i++) {
        at[i] = begin + 5 * WEIR_MS + (i * 7 % TIMERS) * 2 * WEIR_MS;
        assert_int_equal(weir_node_timer_set(n, i, i % 4 == 0 ? begin + WEIR_MS : at[i]), WEIR_OK);
    }
    for (uint32_t i = 0; i < TIMERS; i += 4) {
        assert_int_equal(weir_node_timer_set(n, i, i % 8 == 0 ? WEIR_NEVER : at[i]), WEIR_OK); /* off, moved */
        at[i] = i % 8 == 0 ? WEIR_NEVER : at[i];
    }
    for (int after = 0; after < 3; after += told == TIMERS - TIMERS / 8 ? 1 : 0) { /* and none once more */
        assert_true(weir_pump_clock() < begin + 5 * WEIR_SEC);
        assert_int_equal(weir_node_wait(n, weir_pump_clock() + 20 * WEIR_MS), WEIR_OK);
        while (next_of(n, WEIR_EVENT_TIMER, &e)) {
            assert_true(e.id < TIMERS && e.peer == NULL);
            assert_true(at[e.id] <= weir_node_now(n));
            at[e.id] = WEIR_NEVER; /* never again */
            told++;
        }
    }
    assert_int_equal(told, TIMERS - TIMERS / 8);
    assert_int_equal(weir_node_timeout(n), -1);
    weir_node_close(n);
}

/* One that is set anew for a time that has passed, again and again, is told by each wait, and the events of a
 * wait end. */
static void a_timer_for_now_waits_for_the_next_wait(void **state)
{
    (void)state;
    struct weir_node *n = open_node();
    struct weir_event e;
    assert_int_equal(weir_node_timer_set(n, 3, 0), WEIR_OK);
    for (int round = 0; round < 50; round++) {
        unsigned told = 0;
        assert_int_equal(weir_node_wait(n, weir_pump_clock() + WEIR_SEC), WEIR_OK);
        while (weir_node_event(n, &e)) {
            assert_int_equal(e.type, WEIR_EVENT_TIMER);
            assert_int_equal(e.id, 3);
            usleep(300); /* the events of one wait may take a while, and calls read the clock */
            weir_time at = round % 2 == 0 ? 0 : weir_pump_refresh(n->pump);
            assert_int_equal(weir_node_timer_set(n, 3, at), WEIR_OK);
            usleep(300);
            weir_pump_refresh(n->pump);
            assert_true(++told < 2);
        }
    }
    assert_true(weir_node_timeout(n) <= 1);
    weir_node_close(n);
}

static void in_a_foreign_loop_timers_are_part_of_the_deadline(void **state)
{
    (void)state;
    struct weir_event e;
    weir_time begin = weir_pump_clock(), at = begin + 30 * WEIR_MS;
    for (int t = 0; t < 5; t++) {
        turn(weir_pump_clock() + WEIR_MS);
    }
    assert_int_equal(weir_node_timer_set(node[0], 0, at), WEIR_OK);
    assert_true(weir_node_deadline(node[0]) <= at + 64);
    bool is_told = false;
    unsigned turns = 0;
    while (!is_told && weir_pump_clock() < begin + 2 * WEIR_SEC) {
        struct pollfd p = { .fd = weir_node_fd(node[0]), .events = POLLIN };
        (void)poll(&p, 1, weir_node_timeout(node[0]));
        assert_int_equal(weir_node_wait(node[0], 0), WEIR_OK);
        is_told = next_of(node[0], WEIR_EVENT_TIMER, &e);
        turns++;
    }
    assert_true(is_told);
    assert_true(weir_pump_clock() >= at && weir_pump_clock() < at + WEIR_SEC);
    assert_true(turns < 20);
}

/* -- Descriptors ------------------------------------------------------------------------------- */

static void *add_later(void *x)
{
    uint64_t one = 1;
    usleep(10000);
    assert_int_equal(write(*(int *)x, &one, sizeof one), sizeof one);
    return NULL;
}

static void descriptors_end_waits_and_foreign_sleeps(void **state)
{
    (void)state;
    struct weir_node *n = open_node();
    struct weir_event e;
    int fd = eventfd(0, EFD_NONBLOCK);
    uint64_t count;
    assert_int_equal(weir_node_watch(n, fd, WEIR_PUMP_READABLE), WEIR_OK);
    for (int round = 0; round < 12; round++) {
        pthread_t thread;
        for (int i = 0; i < 3; i++) {
            assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
            assert_false(weir_node_event(n, &e));
        }
        assert_int_equal(pthread_create(&thread, NULL, add_later, &fd), 0);
        weir_time begin = weir_pump_clock();
        if (round % 2 == 0) {
            struct pollfd p = { .fd = weir_node_fd(n), .events = POLLIN };
            assert_int_equal(weir_node_timeout(n), -1);
            unsigned turns = 0; /* io_uring may learn of it a little later */
            do {
                assert_true(++turns < 100);
                assert_int_equal(poll(&p, 1, 5000), 1);
                assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
            } while (n->watched_count == 0);
        } else {
            unsigned turns = 0; /* a wait may make a key instead */
            do {
                assert_true(++turns < 2 * WEIR_KEYPOOL_KEYS);
                assert_int_equal(weir_node_wait(n, begin + 5 * WEIR_SEC), WEIR_OK);
            } while (n->watched_count == 0);
        }
        assert_true(weir_time_since(weir_pump_clock(), begin) < 2 * WEIR_SEC);
        assert_true(next_of(n, WEIR_EVENT_DESCRIPTOR, &e));
        assert_int_equal(e.id, fd);
        assert_int_equal(e.ready, WEIR_PUMP_READABLE);
        assert_null(e.peer);
        assert_false(weir_node_event(n, &e));
        pthread_join(thread, NULL);
        assert_int_equal(read(fd, &count, sizeof count), sizeof count);
    }
    weir_node_close(n);
    close(fd);
}

/* More than one wait tells: none is left out; and one that is watched no more is not told, though it was found. */
static void many_descriptors_are_all_told_and_those_let_go_are_not(void **state)
{
    (void)state;
    enum { MANY = 40 };
    struct weir_node *n = open_node();
    struct weir_event e;
    int fd[MANY];
    bool is_told[1024] = { false };
    unsigned told = 0;
    uint64_t count;
    for (int i = 0; i < MANY; i++) {
        fd[i] = eventfd(1, EFD_NONBLOCK);
        assert_true(fd[i] >= 0 && fd[i] < 1024);
        assert_int_equal(weir_node_watch(n, fd[i], WEIR_PUMP_READABLE), WEIR_OK);
    }
    for (int i = 0; i < 20 && told < MANY; i++) {
        assert_int_equal(weir_node_wait(n, weir_pump_clock() + WEIR_SEC), WEIR_OK);
        unsigned of_one = 0;
        while (weir_node_event(n, &e)) {
            assert_int_equal(e.type, WEIR_EVENT_DESCRIPTOR);
            assert_false(is_told[e.id]);
            is_told[e.id] = true;
            assert_int_equal(read((int)e.id, &count, sizeof count), sizeof count);
            told++;
            assert_true(++of_one <= 16);
        }
    }
    assert_int_equal(told, MANY);
    count = 1;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(write(fd[i], &count, sizeof count), sizeof count);
    }
    assert_int_equal(weir_node_wait(n, weir_pump_clock() + WEIR_SEC), WEIR_OK);
    assert_true(weir_node_event(n, &e));
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(weir_node_watch(n, fd[i], 0), WEIR_OK);
    }
    assert_false(weir_node_event(n, &e));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_node_wait(n, weir_pump_clock() + WEIR_MS), WEIR_OK);
        assert_false(weir_node_event(n, &e));
    }
    weir_node_close(n);
    for (int i = 0; i < MANY; i++) {
        close(fd[i]);
    }
}

/* -- Shards ------------------------------------------------------------------------------------ */

/* What the kernel gave to the wrong shard reaches the right one, whose loop sleeps on its descriptor. */
static void a_handed_datagram_wakes_the_other_shards_loop(void **state)
{
    (void)state;
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr local = weir_addr_v4(127, 0, 0, 1, 0);
    const struct weir_node_config c = { .bind = &local, .binds = 1, .no_mdns = true, .peers_max = 2,
                                        .pump = { .kind = kind } };
    struct weir_shards *shards = weir_shards_open(&c, 2, error);
    struct weir_node *a = weir_shards_node(shards, 0), *b = weir_shards_node(shards, 1);
    struct pollfd p = { .fd = weir_node_fd(b), .events = POLLIN };
    struct weir_event e;
    uint8_t data[20] = { 0, 1 };
    for (int i = 0; i < 10; i++) {
        for (int t = 0; t < 3; t++) {
            assert_int_equal(weir_node_wait(a, 0), WEIR_OK);
            assert_int_equal(weir_node_wait(b, 0), WEIR_OK);
            assert_false(weir_node_event(a, &e));
            assert_false(weir_node_event(b, &e));
        }
        assert_int_equal(weir_node_timeout(b), -1);
        assert_int_equal(poll(&p, 1, 0), 0);
        const struct weir_packet k = { .data = data, .len = sizeof data, .path = { local, local } };
        assert_true(weir_shard_hand_over(a, 1, &k));
        assert_int_equal(weir_node_wait(a, 0), WEIR_OK); /* rings */
        assert_int_equal(poll(&p, 1, 2000), 1);
        assert_int_equal(weir_node_timeout(b), 0);
    }
    weir_shards_close(shards);
}

static int use_default(void **state)
{
    (void)state;
    kind = WEIR_PUMP_DEFAULT;
    return 0;
}

static int use_epoll(void **state)
{
    (void)state;
    kind = WEIR_PUMP_EPOLL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_cross_and_an_idle_loop_sleeps, open_both, close_both),
        cmocka_unit_test_setup_teardown(what_a_call_queues_makes_the_deadline_now, open_both, close_both),
        cmocka_unit_test_setup_teardown(in_a_foreign_loop_timers_are_part_of_the_deadline, open_both, close_both),
        cmocka_unit_test(before_its_first_wait_a_node_wants_one),
        cmocka_unit_test(timers_come_once_and_never_early),
        cmocka_unit_test(a_timer_for_now_waits_for_the_next_wait),
        cmocka_unit_test(descriptors_end_waits_and_foreign_sleeps),
        cmocka_unit_test(many_descriptors_are_all_told_and_those_let_go_are_not),
        cmocka_unit_test(a_handed_datagram_wakes_the_other_shards_loop),
    };
    return cmocka_run_group_tests_name("default", tests, use_default, NULL)
           + cmocka_run_group_tests_name("epoll", tests, use_epoll, NULL);
}
