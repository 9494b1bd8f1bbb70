/* Sockets of a pump that come and go while it runs, and what the kernel tells of when datagrams left: both
 * kinds over loopback. */
#include <dirent.h>

#include "core/pump/pump_int.h"
#include "test/support/support.h"

enum { RECEIVER, SENDER };

static enum weir_pump_kind kind;
static struct weir_pump *pump;
static struct weir_addr local[WEIR_PUMP_SOCKETS_MAX];
static uint32_t number[WEIR_PUMP_SOCKETS_MAX];

static void bind_as(unsigned i)
{
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    enum weir_status status = weir_pump_bind(pump, &any, &local[i], &number[i], error);
    if (status != WEIR_OK) {
        fail_msg("%s", error);
    }
}

static void open_pump(bool with_stamps)
{
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    struct weir_pump_config c = { .kind = kind, .with_stamps = with_stamps };
    pump = weir_pump_open(&c, error);
    if (pump == NULL) {
        fail_msg("%s", error);
    }
    bind_as(RECEIVER);
    bind_as(SENDER);
}

static struct weir_path between(unsigned from, unsigned to)
{
    struct weir_path path = { .local = local[from], .remote = local[to] };
    return path;
}

static enum weir_status send_from(unsigned from, unsigned to, uint32_t what)
{
    struct weir_path path = between(from, to);
    struct weir_mspan room = weir_pump_room(pump);
    assert_true(room.n != 0);
    weir_put32(room.p, what);
    return weir_pump_send(pump, &path, 0, 4);
}

/* What comes by one socket until nothing has come for some time. */
static unsigned come(unsigned to, uint32_t last)
{
    struct weir_packet k;
    unsigned count = 0;
    for (int quiet = 0; quiet < 3;) {
        assert_int_equal(weir_pump_wait(pump, weir_pump_clock() + 5 * WEIR_MS), WEIR_OK);
        quiet++;
        while (weir_pump_recv(pump, &k, 1) != 0) {
            assert_int_equal(k.socket, number[to]);
            assert_true(weir_addr_eq(&k.path.local, &local[to]));
            last = weir_be32(k.data) == last ? UINT32_MAX : last;
            count++;
            quiet = 0;
        }
    }
    assert_int_equal(last, UINT32_MAX);
    return count;
}

static unsigned descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n;
}

/* -- Sockets ----------------------------------------------------------------------------------- */

static void a_socket_comes_while_the_pump_runs(void **state)
{
    (void)state;
    open_pump(false);
    assert_int_equal(send_from(SENDER, RECEIVER, 1), WEIR_OK);
    assert_int_equal(come(RECEIVER, 1), 1);
    bind_as(2);
    assert_int_equal(send_from(SENDER, 2, 2), WEIR_OK);
    assert_int_equal(come(2, 2), 1);
    assert_int_equal(send_from(2, RECEIVER, 3), WEIR_OK);
    assert_int_equal(come(RECEIVER, 3), 1);
    weir_pump_close(pump);
}

static void a_socket_that_is_gone_takes_and_sends_nothing(void **state)
{
    (void)state;
    open_pump(false);
    bind_as(2);
    assert_int_equal(send_from(SENDER, 2, 1), WEIR_OK);
    assert_int_equal(come(2, 1), 1);
    assert_int_equal(weir_pump_unbind(pump, number[2]), WEIR_OK);
    assert_int_equal(weir_pump_unbind(pump, number[2]), WEIR_ERR_ARG);
    assert_int_equal(weir_pump_unbind(pump, WEIR_PUMP_SOCKETS_MAX), WEIR_ERR_ARG);
    assert_int_equal(send_from(2, RECEIVER, 2), WEIR_ERR_ARG);
    assert_int_equal(weir_pump_stats(pump)->tx_no_route, 1);
    assert_int_equal(send_from(SENDER, 2, 3), WEIR_OK); /* to nobody */
    assert_int_equal(send_from(SENDER, RECEIVER, 4), WEIR_OK);
    assert_int_equal(come(RECEIVER, 4), 1);
    weir_pump_close(pump);
}

static void what_was_queued_on_it_is_dropped_and_the_rest_leaves(void **state)
{
    (void)state;
    open_pump(false);
    bind_as(2);
    assert_int_equal(come(RECEIVER, UINT32_MAX), 0);
    pump->retry_at = weir_pump_clock() + 3600 * WEIR_SEC; /* the kernel has no room */
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(send_from(i % 2 == 0 ? 2 : SENDER, RECEIVER, i), WEIR_OK);
    }
    assert_int_equal(weir_pump_unbind(pump, number[2]), WEIR_OK);
    assert_int_equal(weir_pump_stats(pump)->tx_no_route, 5);
    pump->retry_at = WEIR_NEVER;
    assert_int_equal(come(RECEIVER, 9), 5);
    assert_int_equal(weir_pump_stats(pump)->tx_errors, 0);
    assert_int_equal(pump->slot_tail, pump->slot_head);
    weir_pump_close(pump);
}

/* What had come by it and was not given out yet is given out; and names its own address. */
static void what_came_before_its_end_is_given_out(void **state)
{
    (void)state;
    open_pump(false);
    bind_as(2);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(send_from(i % 2 == 0 ? SENDER : RECEIVER, 2, i), WEIR_OK);
    }
    weir_time give_up = weir_pump_clock() + WEIR_SEC;
    struct weir_packet k;
    do {
        assert_int_equal(weir_pump_wait(pump, give_up), WEIR_OK);
    } while (weir_pump_recv(pump, &k, 1) == 0);
    unsigned got = 1;
    struct weir_addr was = local[2];
    uint32_t number_was = number[2];
    bool is_left = pump->landing_at < pump->landings;
    assert_int_equal(weir_pump_unbind(pump, number[2]), WEIR_OK);
    bind_as(2);
    assert_true(number[2] != number_was || !is_left); /* the next has not taken its number yet */
    while (weir_pump_recv(pump, &k, 1) != 0) {
        assert_true(weir_addr_eq(&k.path.local, &was));
        got++;
    }
    assert_in_range(got, 1, 5);
    weir_pump_close(pump);
}

/* A day of interfaces that come and go: numbers and descriptors are used again. */
static void sockets_come_and_go_for_ever(void **state)
{
    (void)state;
    open_pump(false);
    bind_as(2);
    assert_int_equal(send_from(SENDER, 2, 0), WEIR_OK);
    assert_int_equal(come(2, 0), 1);
    unsigned before = descriptors();
    for (uint32_t i = 1; i <= 500; i++) {
        assert_int_equal(weir_pump_unbind(pump, number[2]), WEIR_OK);
        bind_as(2);
        assert_int_equal(send_from(SENDER, 2, i), WEIR_OK);
        struct weir_packet k;
        weir_time give_up = weir_pump_clock() + WEIR_SEC;
        while (weir_pump_recv(pump, &k, 1) == 0 && weir_pump_clock() < give_up) {
            assert_int_equal(weir_pump_wait(pump, give_up), WEIR_OK);
        }
        assert_int_equal(weir_be32(k.data), i);
        assert_int_equal(k.socket, number[2]);
    }
    assert_true(pump->sockets <= 5);
    assert_int_equal(descriptors(), before);
    weir_pump_close(pump);
}

static void as_many_as_there_is_room_for(void **state)
{
    (void)state;
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0), bound;
    uint32_t socket;
    open_pump(false);
    for (unsigned i = 2; i < WEIR_PUMP_SOCKETS_MAX; i++) {
        bind_as(i);
    }
    assert_int_equal(weir_pump_bind(pump, &any, &bound, &socket, error), WEIR_ERR_FULL);
    assert_int_equal(come(RECEIVER, UINT32_MAX), 0);
    assert_int_equal(weir_pump_unbind(pump, number[7]), WEIR_OK);
    assert_int_equal(come(RECEIVER, UINT32_MAX), 0);
    bind_as(7);
    assert_int_equal(send_from(SENDER, 7, 1), WEIR_OK);
    assert_int_equal(come(7, 1), 1);
    weir_pump_close(pump);
}

/* -- Stamps ------------------------------------------------------------------------------------ */

static void send_stamped(uint64_t tag, size_t bytes)
{
    struct weir_path path = between(SENDER, RECEIVER);
    struct weir_mspan room = weir_pump_room(pump);
    memset(room.p, 0, bytes);
    assert_int_equal(weir_pump_send_stamped(pump, &path, 0, bytes, tag), WEIR_OK);
}

static unsigned swallow(void)
{
    struct weir_packet k;
    unsigned n = 0;
    while (weir_pump_recv(pump, &k, 1) != 0) {
        n++;
    }
    return n;
}

static void each_datagram_is_told_of_once_with_its_moment(void **state)
{
    (void)state;
    static unsigned told[1000];
    memset(told, 0, sizeof told);
    open_pump(true);
    weir_time begin = weir_pump_clock();
    unsigned arrived = 0;
    for (unsigned i = 0; i < 1000; i++) {
        send_stamped(5000 + i, i % 7 == 0 ? 90 : 100); /* runs, and single ones */
        if (i % 50 == 49) {
            assert_int_equal(weir_pump_wait(pump, weir_pump_clock() + WEIR_MS), WEIR_OK);
            arrived += swallow();
            struct weir_pump_stamp s;
            while (weir_pump_stamp(pump, &s)) {
                assert_true(s.at >= begin && s.at <= weir_pump_clock());
                for (uint32_t k = 0; k < s.count; k++) {
                    assert_in_range(s.tag + k, 5000, 5999);
                    told[s.tag + k - 5000]++;
                }
            }
        }
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(told[i], 1);
    }
    assert_true(weir_pump_stats(pump)->tx_runs < 500);
    arrived += come(RECEIVER, UINT32_MAX);
    assert_int_equal(arrived, 1000);
    weir_pump_close(pump);
}

static void what_is_not_to_be_told_of_is_not(void **state)
{
    (void)state;
    struct weir_pump_stamp s;
    for (int with = 0; with < 2; with++) {
        open_pump(with != 0);
        assert_int_equal(send_from(SENDER, RECEIVER, 1), WEIR_OK);
        send_stamped(7, 4); /* another run, though all else is the same */
        assert_int_equal(send_from(SENDER, RECEIVER, 2), WEIR_OK);
        assert_int_equal(weir_pump_wait(pump, weir_pump_clock() + WEIR_MS), WEIR_OK);
        assert_int_equal(weir_pump_stamp(pump, &s), with != 0);
        assert_true(with == 0 || (s.tag == 7 && s.count == 1));
        assert_false(weir_pump_stamp(pump, &s));
        assert_int_equal(weir_pump_stats(pump)->tx_runs, with != 0 ? 3 : 1);
        weir_pump_close(pump);
    }
}

/* Tags that do not follow one another are of different runs. */
static void only_tags_in_a_row_share_a_run(void **state)
{
    (void)state;
    open_pump(true);
    send_stamped(10, 50);
    send_stamped(11, 50);
    send_stamped(13, 50);
    send_stamped(12, 50);
    assert_int_equal(weir_pump_wait(pump, weir_pump_clock() + WEIR_MS), WEIR_OK);
    assert_int_equal(weir_pump_stats(pump)->tx_runs, 3);
    weir_pump_close(pump);
}

/* Stamps that nobody asks for hold up nothing: neither waits nor what comes. */
static void stamps_that_nobody_takes_cost_nothing(void **state)
{
    (void)state;
    open_pump(true);
    for (unsigned i = 0; i < 3000; i++) {
        send_stamped(2 * i, 100);
        assert_int_equal(weir_pump_wait(pump, weir_pump_clock() + WEIR_MS), WEIR_OK);
        (void)swallow();
    }
    (void)come(RECEIVER, UINT32_MAX);
    weir_time begin = weir_pump_clock();
    uint64_t waits = weir_pump_stats(pump)->waits;
    while (weir_pump_clock() < begin + 50 * WEIR_MS) {
        assert_int_equal(weir_pump_wait(pump, begin + 50 * WEIR_MS), WEIR_OK);
        struct weir_pump_stamp s;
        while (weir_pump_stamp(pump, &s)) {
        }
    }
    assert_true(weir_pump_stats(pump)->waits - waits < 50); /* asleep, once they are taken */
    assert_int_equal(send_from(SENDER, RECEIVER, 1), WEIR_OK);
    assert_int_equal(come(RECEIVER, 1), 1);
    weir_pump_close(pump);
}

static int set_kind_uring(void **state)
{
    (void)state;
    kind = WEIR_PUMP_URING;
    return 0;
}

static int set_kind_epoll(void **state)
{
    (void)state;
    kind = WEIR_PUMP_EPOLL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_comes_while_the_pump_runs),
        cmocka_unit_test(a_socket_that_is_gone_takes_and_sends_nothing),
        cmocka_unit_test(what_was_queued_on_it_is_dropped_and_the_rest_leaves),
        cmocka_unit_test(what_came_before_its_end_is_given_out),
        cmocka_unit_test(sockets_come_and_go_for_ever),
        cmocka_unit_test(as_many_as_there_is_room_for),
        cmocka_unit_test(each_datagram_is_told_of_once_with_its_moment),
        cmocka_unit_test(what_is_not_to_be_told_of_is_not),
        cmocka_unit_test(only_tags_in_a_row_share_a_run),
        cmocka_unit_test(stamps_that_nobody_takes_cost_nothing),
    };
    int failed = cmocka_run_group_tests_name("epoll", tests, set_kind_epoll, NULL);
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    struct weir_pump_config uring = { .kind = WEIR_PUMP_URING };
    struct weir_pump *probe = weir_pump_open(&uring, error);
    if (probe == NULL) {
        printf("io_uring skipped: %s\n", error);
        return failed;
    }
    weir_pump_close(probe);
    return failed + cmocka_run_group_tests_name("io_uring", tests, set_kind_uring, NULL);
}
