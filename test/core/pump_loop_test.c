/* The pump in a foreign loop, both kinds: its descriptor becomes readable for everything that there is to
 * take, once it is taken it is not, and the deadline says what the descriptor cannot. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/pump/pump.h"
#include "test/support/support.h"

static enum weir_pump_kind kind;
static struct weir_pump *pump;
static struct weir_addr here;
static int other; /* a socket of somebody else's */
static struct weir_path to_other;

static int open_pump(void **state)
{
    (void)state;
    char error[WEIR_PUMP_ERROR_BYTES];
    const struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    uint32_t socket_number;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    pump = weir_pump_open(&(struct weir_pump_config){ .kind = kind }, error);
    assert_non_null(pump);
    assert_int_equal(weir_pump_bind(pump, &any, &here, &socket_number, error), WEIR_OK);
    other = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&a, n), 0);
    assert_int_equal(getsockname(other, (struct sockaddr *)&a, &n), 0);
    to_other = (struct weir_path){ here, weir_addr_v4(127, 0, 0, 1, ntohs(a.sin_port)) };
    assert_int_equal(weir_pump_wait(pump, 0), WEIR_OK);
    return 0;
}

static int close_pump(void **state)
{
    (void)state;
    weir_pump_close(pump);
    close(other);
    return 0;
}

static void say(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(here.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(sendto(other, "hello", 5, 0, (struct sockaddr *)&a, sizeof a), 5);
}

static size_t take(void)
{
    struct weir_packet batch[8];
    size_t all = 0;
    assert_int_equal(weir_pump_wait(pump, 0), WEIR_OK);
    for (size_t n; (n = weir_pump_recv(pump, batch, 8)) != 0;) {
        all += n;
    }
    return all;
}

static bool is_ready(int ms)
{
    struct pollfd p = { .fd = weir_pump_fd(pump), .events = POLLIN };
    return poll(&p, 1, ms) == 1;
}

/* A turn or two after whatever it was, the loop sleeps. */
static void assert_quiet(void)
{
    for (int i = 0; i < 3 && (is_ready(0) || weir_pump_deadline(pump) == 0); i++) {
        (void)take();
    }
    assert_false(is_ready(0));
    assert_true(weir_pump_deadline(pump) == WEIR_NEVER);
}

static void *say_later(void *x)
{
    usleep(20000);
    say();
    return x;
}

static void *wake_later(void *x)
{
    usleep(20000);
    weir_pump_wake(pump);
    return x;
}

static void what_arrives_ends_a_poll(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        assert_quiet();
        assert_int_equal(pthread_create(&thread, NULL, i % 2 == 0 ? say_later : wake_later, NULL), 0);
        weir_time begin = weir_pump_clock();
        assert_true(is_ready(2000));
        assert_true(weir_time_since(weir_pump_clock(), begin) < WEIR_SEC);
        pthread_join(thread, NULL);
        assert_int_equal(take(), i % 2 == 0 ? 1 : 0);
    }
}

/* Between any two steps of a turn: before the wait, after it, while datagrams are read. */
static void nothing_is_missed_between_the_steps(void **state)
{
    (void)state;
    struct weir_packet batch[8];
    for (int i = 0; i < 200; i++) {
        size_t got = 0, want = 1;
        say();
        assert_true(is_ready(1000));
        if (i % 3 == 1) {
            say();
            want++;
        }
        assert_int_equal(weir_pump_wait(pump, 0), WEIR_OK);
        if (i % 3 == 2) {
            say();
            want++;
        }
        for (size_t n; (n = weir_pump_recv(pump, batch, 8)) != 0;) {
            got += n;
        }
        say();
        want++;
        while (got < want) {
            assert_true(weir_pump_deadline(pump) == 0 || is_ready(1000));
            got += take();
        }
        assert_quiet();
    }
}

/* Our own sends are no news: no turn for their completions. */
static void what_is_queued_leaves_by_the_deadline_and_is_no_news(void **state)
{
    (void)state;
    uint8_t got[32];
    assert_quiet();
    for (int i = 0; i < 50; i++) {
        struct weir_mspan room = weir_pump_room(pump);
        memset(room.p, i, 20);
        assert_int_equal(weir_pump_send(pump, &to_other, 0, 20), WEIR_OK);
        assert_false(is_ready(0));
        assert_true(weir_pump_deadline(pump) == 0);
        assert_int_equal(take(), 0);
        assert_int_equal(recv(other, got, sizeof got, MSG_DONTWAIT), 20);
        assert_false(is_ready(0));
        assert_true(weir_pump_deadline(pump) == WEIR_NEVER);
    }
}

/* From pump to pump, and a wake that a flush met: neither waits for something else to happen. */
static void rings_and_wakes_are_not_left_lying(void **state)
{
    (void)state;
    char error[WEIR_PUMP_ERROR_BYTES];
    struct weir_pump *second = weir_pump_open(&(struct weir_pump_config){ .kind = kind }, error);
    struct pollfd p = { .fd = weir_pump_fd(second), .events = POLLIN };
    assert_int_equal(weir_pump_wait(second, 0), WEIR_OK);
    for (int i = 0; i < 10; i++) {
        assert_quiet();
        assert_int_equal(weir_pump_wait(second, 0), WEIR_OK);
        assert_int_equal(poll(&p, 1, 0), 0);
        weir_pump_ring(pump, second);
        assert_true(weir_pump_deadline(pump) == 0 || poll(&p, 1, 0) == 1);
        (void)take();
        assert_int_equal(poll(&p, 1, 1000), 1);
        weir_pump_wake(pump);
        weir_pump_flush(pump);
        assert_true(weir_pump_deadline(pump) == 0 || is_ready(0));
    }
    weir_pump_close(second);
}

/* More than there are buffers to land in: io_uring ends its receives, and begins again with the next wait. */
static void a_burst_that_uses_up_all_buffers_is_taken_to_the_end(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        size_t got = 0;
        assert_quiet();
        for (int i = 0; i < 3 * WEIR_PUMP_RX_BUFFERS; i++) {
            say();
        }
        while (got < 3 * WEIR_PUMP_RX_BUFFERS) {
            assert_true(weir_pump_deadline(pump) == 0 || is_ready(1000));
            got += take();
        }
        assert_quiet();
    }
}

struct stream {
    int count, gap_us;
};

static void *say_many(void *x)
{
    const struct stream *s = x;
    for (int i = 0; i < s->count; i++) {
        say();
        if (s->gap_us != 0 && i % 7 == 0) {
            usleep((useconds_t)s->gap_us);
        }
    }
    return NULL;
}

static void a_stream_is_taken_without_a_pause_and_without_spinning(void **state)
{
    (void)state;
    static struct stream s = { 3000, 50 };
    pthread_t thread;
    assert_quiet();
    uint64_t before = weir_pump_stats(pump)->waits;
    assert_int_equal(pthread_create(&thread, NULL, say_many, &s), 0);
    int got = 0;
    while (got < s.count) {
        assert_true(weir_pump_deadline(pump) == 0 || is_ready(2000)); /* a lost wake-up: none comes */
        got += (int)take();
    }
    pthread_join(thread, NULL);
    assert_int_equal(got, s.count);
    assert_true(weir_pump_stats(pump)->waits - before <= (uint64_t)s.count * 2);
    assert_quiet();
}

/* -- Foreign descriptors ----------------------------------------------------------------------- */

static unsigned ready_of(int fd)
{
    struct weir_pump_watched w[4];
    unsigned ready = 0;
    size_t n = weir_pump_watched(pump, w, 4);
    for (size_t i = 0; i < n; i++) {
        ready |= w[i].fd == fd ? w[i].ready : 0u;
    }
    return ready;
}

static void foreign_descriptors_end_a_wait_as_long_as_they_are_ready(void **state)
{
    (void)state;
    int fd[2], file = open("/proc/self/exe", O_RDONLY);
    char byte;
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(weir_pump_watch(pump, fd[0], 0), WEIR_ERR_ARG);
    assert_int_equal(weir_pump_watch(pump, fd[0], WEIR_PUMP_READABLE), WEIR_OK);
    assert_int_equal(weir_pump_watch(pump, file, WEIR_PUMP_READABLE), WEIR_ERR_ARG);
    assert_quiet();
    weir_time begin = weir_pump_clock();
    assert_int_equal(weir_pump_wait(pump, begin + 20 * WEIR_MS), WEIR_OK);
    assert_true(weir_pump_clock() >= begin + 20 * WEIR_MS);
    assert_int_equal(ready_of(fd[0]), 0);
    for (int round = 0; round < 10; round++) {
        assert_int_equal(write(fd[1], "x", 1), 1);
        for (int i = 0; i < 3; i++) { /* nobody reads: told again */
            begin = weir_pump_clock();
            assert_true(weir_pump_deadline(pump) == 0 || is_ready(1000));
            assert_int_equal(weir_pump_wait(pump, begin + 5 * WEIR_SEC), WEIR_OK);
            assert_true(weir_pump_clock() < begin + WEIR_SEC);
            assert_int_equal(ready_of(fd[0]), WEIR_PUMP_READABLE);
            assert_int_equal(ready_of(fd[0]), 0); /* once for each wait */
        }
        assert_int_equal(read(fd[0], &byte, 1), 1);
        assert_quiet();
    }
    assert_int_equal(weir_pump_watch(pump, fd[1], WEIR_PUMP_WRITABLE), WEIR_OK);
    assert_int_equal(weir_pump_wait(pump, weir_pump_clock() + WEIR_SEC), WEIR_OK);
    assert_int_equal(ready_of(fd[1]), WEIR_PUMP_WRITABLE);
    assert_int_equal(weir_pump_watch(pump, fd[1], 0), WEIR_OK);
    assert_quiet();
    close(fd[1]);
    assert_int_equal(weir_pump_wait(pump, weir_pump_clock() + WEIR_SEC), WEIR_OK);
    assert_int_equal(ready_of(fd[0]), WEIR_PUMP_BROKEN);
    assert_int_equal(weir_pump_watch(pump, fd[0], 0), WEIR_OK);
    assert_quiet();
    close(fd[0]);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_arrives_ends_a_poll, open_pump, close_pump),
        cmocka_unit_test_setup_teardown(nothing_is_missed_between_the_steps, open_pump, close_pump),
        cmocka_unit_test_setup_teardown(what_is_queued_leaves_by_the_deadline_and_is_no_news, open_pump,
                                        close_pump),
        cmocka_unit_test_setup_teardown(rings_and_wakes_are_not_left_lying, open_pump, close_pump),
        cmocka_unit_test_setup_teardown(a_burst_that_uses_up_all_buffers_is_taken_to_the_end, open_pump,
                                        close_pump),
        cmocka_unit_test_setup_teardown(a_stream_is_taken_without_a_pause_and_without_spinning, open_pump,
                                        close_pump),
        cmocka_unit_test_setup_teardown(foreign_descriptors_end_a_wait_as_long_as_they_are_ready, open_pump,
                                        close_pump),
    };
    char error[WEIR_PUMP_ERROR_BYTES];
    kind = WEIR_PUMP_EPOLL;
    int failed = cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
    kind = WEIR_PUMP_URING;
    struct weir_pump *probe = weir_pump_open(&(struct weir_pump_config){ .kind = kind }, error);
    if (probe == NULL) {
        printf("io_uring skipped: %s\n", error);
        return failed;
    }
    weir_pump_close(probe);
    return failed + cmocka_run_group_tests_name("io_uring", tests, NULL, NULL);
}
