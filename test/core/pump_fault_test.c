/* What goes wrong under a pump: the kernel out of room or of buffers, errors of every kind, an interface
 * that goes, io_uring refused at the start or taken away later. Each is counted, paced or reported, and
 * what still works goes on. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/pump/pump_int.h"
#include "test/support/support.h"

struct rig {
    struct weir_pump *pump;
    struct weir_path path; /* from the first of its sockets to the second */
};

static enum weir_pump_kind kind;

static struct rig open_rig(struct weir_pump_config config)
{
    struct rig r;
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    uint32_t socket;
    config.kind = kind;
    r.pump = weir_pump_open(&config, error);
    if (r.pump == NULL) {
        fail_msg("%s", error);
    }
    assert_int_equal(weir_pump_bind(r.pump, &any, &r.path.local, &socket, error), WEIR_OK);
    assert_int_equal(weir_pump_bind(r.pump, &any, &r.path.remote, &socket, error), WEIR_OK);
    return r;
}

static enum weir_status send_one(struct rig *r, const struct weir_path *path, size_t bytes)
{
    struct weir_mspan room = weir_pump_room(r->pump);
    if (room.n == 0) {
        return WEIR_ERR_FULL;
    }
    memset(room.p, 0, bytes);
    return weir_pump_send(r->pump, path, 0, bytes);
}

static uint32_t receive_for(struct rig *r, uint32_t want, weir_duration limit)
{
    struct weir_packet batch[64];
    weir_time end = weir_pump_clock() + limit;
    uint32_t got = 0;
    while (got < want && weir_pump_clock() < end) {
        assert_int_equal(weir_pump_wait(r->pump, end), WEIR_OK);
        size_t n;
        while ((n = weir_pump_recv(r->pump, batch, 64)) != 0) {
            got += (uint32_t)n;
        }
    }
    return got;
}

static void assert_still_works(struct rig *r)
{
    assert_int_equal(send_one(r, &r->path, 77), WEIR_OK);
    assert_int_equal(receive_for(r, 1, WEIR_SEC), 1);
}

/* -- No room ----------------------------------------------------------------------------------- */

static void an_empty_buffer_ring_loses_nothing(void **state)
{
    (void)state;
    /* Without coalescing every datagram takes a landing buffer of its own: three times as many. */
    struct rig r = open_rig((struct weir_pump_config){ .no_gro = true, .no_gso = true });
    assert_int_equal(receive_for(&r, 1, 1), 0); /* the receives are armed */
    uint32_t total = 3 * WEIR_PUMP_RX_BUFFERS;
    for (uint32_t i = 0; i < total; i++) {
        assert_int_equal(send_one(&r, &r.path, 100 + i), WEIR_OK);
    }
    assert_int_equal(receive_for(&r, total, 2 * WEIR_SEC), total);
    if (kind == WEIR_PUMP_URING) {
        assert_true(weir_pump_stats(r.pump)->rx_starved != 0);
    }
    assert_int_equal(weir_pump_stats(r.pump)->cq_overflows, 0);
    assert_int_equal(weir_pump_stats(r.pump)->rx_packets, total);
    weir_pump_close(r.pump);
}

/* -- Every answer of the kernel for a send, each under one counter ----------------------------- */

static uint64_t refusals(const struct weir_pump_stats *s)
{
    return s->tx_too_big + s->tx_unreachable + s->tx_no_buffers + s->tx_blocked + s->tx_errors;
}

static void every_answer_has_one_counter_and_one_consequence(void **state)
{
    (void)state;
    static const struct {
        int error;
        size_t counter;
        enum pump_next next;
    } row[] = {
        { EAGAIN, offsetof(struct weir_pump_stats, tx_blocked), PUMP_NEXT_LATER },
        { ENOBUFS, offsetof(struct weir_pump_stats, tx_no_buffers), PUMP_NEXT_LATER },
        { ENOMEM, offsetof(struct weir_pump_stats, tx_no_buffers), PUMP_NEXT_LATER },
        { EMSGSIZE, offsetof(struct weir_pump_stats, tx_too_big), PUMP_NEXT_NONE },
        { ENETUNREACH, offsetof(struct weir_pump_stats, tx_unreachable), PUMP_NEXT_NONE },
        { EHOSTUNREACH, offsetof(struct weir_pump_stats, tx_unreachable), PUMP_NEXT_NONE },
        { ECONNREFUSED, offsetof(struct weir_pump_stats, tx_unreachable), PUMP_NEXT_NONE },
        { ENETDOWN, offsetof(struct weir_pump_stats, tx_unreachable), PUMP_NEXT_NONE },
        { EPERM, offsetof(struct weir_pump_stats, tx_unreachable), PUMP_NEXT_NONE },
        { EACCES, offsetof(struct weir_pump_stats, tx_errors), PUMP_NEXT_NONE },
    };
    struct rig r = open_rig((struct weir_pump_config){ 0 });
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct pump_run run = { .count = 1, .socket = 0 };
        uint64_t before = refusals(weir_pump_stats(r.pump));
        uint64_t counter, was;
        memcpy(&was, (const uint8_t *)weir_pump_stats(r.pump) + row[i].counter, sizeof was);
        assert_int_equal(weir_pump_run_result(r.pump, &run, true, -row[i].error), row[i].next);
        memcpy(&counter, (const uint8_t *)weir_pump_stats(r.pump) + row[i].counter, sizeof counter);
        assert_int_equal(counter, was + 1);
        assert_int_equal(refusals(weir_pump_stats(r.pump)), before + 1);
        assert_int_equal(run.is_done, row[i].next == PUMP_NEXT_NONE);
        assert_int_equal(r.pump->retry_at != WEIR_NEVER, row[i].next == PUMP_NEXT_LATER);
        r.pump->retry_at = WEIR_NEVER;
    }
    /* EINTR asks for the same again, at once; a run that cannot be segmented goes one by one. */
    struct pump_run run = { .count = 3, .socket = 0 };
    assert_int_equal(weir_pump_run_result(r.pump, &run, true, -EINTR), PUMP_NEXT_NOW);
    assert_int_equal(weir_pump_run_result(r.pump, &run, true, -EIO), PUMP_NEXT_NOW);
    assert_false(r.pump->socket[0].has_gso);
    assert_int_equal(weir_pump_run_result(r.pump, &run, false, 100), PUMP_NEXT_NOW);
    assert_int_equal(weir_pump_run_result(r.pump, &run, false, -EMSGSIZE), PUMP_NEXT_NOW);
    assert_int_equal(weir_pump_run_result(r.pump, &run, false, 100), PUMP_NEXT_NONE);
    assert_int_equal(weir_pump_stats(r.pump)->gso_refused, 1);
    assert_still_works(&r);
    weir_pump_close(r.pump);
}

static void attack_Y2_an_icmp_for_one_path_ends_nothing(void **state)
{
    (void)state;
    struct rig r = open_rig((struct weir_pump_config){ 0 });
    struct weir_path closed = { r.path.local, weir_addr_v4(127, 0, 0, 1, 9) };
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send_one(&r, &closed, 50), WEIR_OK); /* answered: port unreachable */
        weir_pump_flush(r.pump);
        assert_still_works(&r);
    }
    weir_pump_close(r.pump);
}

/* -- In a process of its own ------------------------------------------------------------------- */

/* Run a scene in a child; its exit status is what it returns. 77: this machine cannot play it. */
static void in_child(int (*scene)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(scene());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* From here on a system call is refused in this process. */
static bool refuse(unsigned call)
{
    struct sock_filter rule[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof rule / sizeof rule[0], rule };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
           && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static struct weir_pump *open_kind(enum weir_pump_kind k, char error[WEIR_PUMP_ERROR_BYTES])
{
    const struct weir_pump_config config = { .kind = k };
    error[0] = '\0';
    return weir_pump_open(&config, error);
}

static int without_io_uring(void)
{
    char error[WEIR_PUMP_ERROR_BYTES];
    if (!refuse(__NR_io_uring_setup)) {
        return 77;
    }
    if (open_kind(WEIR_PUMP_URING, error) != NULL || strstr(error, "--pump epoll") == NULL) {
        return 1;
    }
    struct weir_pump *p = open_kind(WEIR_PUMP_DEFAULT, error);
    if (p == NULL || strcmp(weir_pump_name(p), "epoll") != 0) {
        return 2;
    }
    weir_pump_close(p);
    p = open_kind(WEIR_PUMP_AUTO, error);
    return p != NULL && strcmp(weir_pump_name(p), "epoll") == 0 ? 0 : 3;
}

static void io_uring_refused_at_the_start_leaves_epoll(void **state)
{
    (void)state;
    in_child(without_io_uring);
}

static int io_uring_goes(void)
{
    kind = WEIR_PUMP_URING;
    struct rig r = open_rig((struct weir_pump_config){ 0 });
    uint32_t got = 0;
    if (send_one(&r, &r.path, 500) != WEIR_OK || receive_for(&r, 1, WEIR_SEC) != 1) {
        return 1;
    }
    /* A foreign loop polls this one descriptor before and after; and so does it for one of its own. */
    struct pollfd ready = { .fd = weir_pump_fd(r.pump), .events = POLLIN };
    struct weir_pump_watched found;
    int pipe_fd[2];
    if (pipe(pipe_fd) != 0 || weir_pump_watch(r.pump, pipe_fd[0], WEIR_PUMP_READABLE) != WEIR_OK) {
        return 4;
    }
    if (!refuse(__NR_io_uring_enter)) {
        return 77;
    }
    for (int i = 0; i < 10; i++) {
        if (send_one(&r, &r.path, 500) != WEIR_OK) {
            return 2;
        }
    }
    got = receive_for(&r, 10, WEIR_SEC);
    if (poll(&ready, 1, 0) != 0 || write(pipe_fd[1], "x", 1) != 1 || poll(&ready, 1, 1000) != 1
        || weir_pump_wait(r.pump, 0) != WEIR_OK || weir_pump_watched(r.pump, &found, 1) != 1
        || found.fd != pipe_fd[0] || weir_pump_watch(r.pump, pipe_fd[0], 0) != WEIR_OK) {
        return 5;
    }
    if (poll(&ready, 1, 0) != 0 || send_one(&r, &r.path, 500) != WEIR_OK) {
        return 6;
    }
    weir_pump_flush(r.pump);
    if (weir_pump_fd(r.pump) != ready.fd || poll(&ready, 1, 1000) != 1) {
        return 7;
    }
    return got == 10 && weir_pump_stats(r.pump)->fallbacks == 1
                   && strcmp(weir_pump_name(r.pump), "epoll") == 0
               ? 0 : 3;
}

static void io_uring_taken_away_later_leaves_epoll_and_every_datagram(void **state)
{
    (void)state;
    char error[WEIR_PUMP_ERROR_BYTES];
    struct weir_pump *probe = open_kind(WEIR_PUMP_URING, error);
    if (probe == NULL) {
        skip();
    }
    weir_pump_close(probe);
    in_child(io_uring_goes);
}

/* A network of our own with one interface "cable", 10.99.0.1, and somebody at 10.99.0.2. */
static bool lay_cable(void)
{
    return unshare(CLONE_NEWNET) == 0
           && system("ip link set lo up && ip link add cable type veth peer name far && "
                     "ip address add 10.99.0.1/24 dev cable && ip link set cable up && "
                     "ip link set far up && "
                     "ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev cable") == 0;
}

static int full_socket(void)
{
    char error[WEIR_PUMP_ERROR_BYTES];
    struct weir_addr local = weir_addr_v4(10, 99, 0, 1, 0), bound;
    uint32_t socket, total = 300;
    if (!lay_cable()
        || system("tc qdisc add dev cable root tbf rate 20mbit burst 5000 limit 10000000") != 0) {
        return 77;
    }
    struct rig r = open_rig((struct weir_pump_config){ .socket_buffer_bytes = 32768, .no_gso = true });
    const struct weir_pump_stats *s = weir_pump_stats(r.pump);
    if (weir_pump_bind(r.pump, &local, &bound, &socket, error) != WEIR_OK
        || s->tx_socket_bytes != 32768) { /* the truth is told */
        return 1;
    }
    struct weir_path path = { bound, weir_addr_v4(10, 99, 0, 2, 5000) };
    for (uint32_t accepted = 0; accepted < total;) {
        if (send_one(&r, &path, 1000) == WEIR_OK) {
            accepted++;
        } else if (weir_pump_wait(r.pump, weir_pump_clock() + WEIR_MS) != WEIR_OK) {
            return 2;
        }
    }
    weir_pump_flush(r.pump);
    uint64_t tries = s->tx_blocked;
    if (tries == 0) {
        return 3;
    }
    for (int i = 0; i < 1000; i++) {
        weir_pump_flush(r.pump); /* asking again at once does not ask the kernel */
    }
    if (s->tx_blocked > tries + 100) {
        return 4;
    }
    weir_time begin = weir_pump_clock();
    while (r.pump->run_tail != r.pump->run_head) {
        if (weir_pump_wait(r.pump, weir_pump_clock() + 5 * WEIR_MS) != WEIR_OK
            || weir_pump_clock() > begin + WEIR_SEC) {
            return 5;
        }
    }
    return s->tx_packets == total && s->tx_errors + s->tx_unreachable + s->tx_too_big == 0 ? 0 : 6;
}

static void a_full_socket_is_paced_and_nothing_is_dropped(void **state)
{
    (void)state;
    in_child(full_socket);
}

static int interface_goes(void)
{
    char error[WEIR_PUMP_ERROR_BYTES];
    struct weir_addr local = weir_addr_v4(10, 99, 0, 1, 0), bound;
    uint32_t socket;
    if (!lay_cable()) {
        return 77;
    }
    struct rig r = open_rig((struct weir_pump_config){ 0 });
    if (weir_pump_bind(r.pump, &local, &bound, &socket, error) != WEIR_OK) {
        return 1;
    }
    struct weir_path path = { bound, weir_addr_v4(10, 99, 0, 2, 5000) };
    for (int i = 0; i < 3; i++) {
        if (send_one(&r, &path, 300) != WEIR_OK) {
            return 2;
        }
    }
    weir_pump_flush(r.pump);
    uint64_t before = refusals(weir_pump_stats(r.pump));
    if (before != 0 || system("ip link del cable") != 0) {
        return 3;
    }
    for (int i = 0; i < 3; i++) {
        if (send_one(&r, &path, 300) != WEIR_OK) {
            return 4;
        }
        weir_pump_flush(r.pump);
    }
    if (refusals(weir_pump_stats(r.pump)) != 3) {
        return 5;
    }
    return send_one(&r, &r.path, 77) == WEIR_OK && receive_for(&r, 1, WEIR_SEC) == 1 ? 0 : 6;
}

static void an_interface_that_goes_costs_a_counter_per_send(void **state)
{
    (void)state;
    in_child(interface_goes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_ring_loses_nothing),
        cmocka_unit_test(every_answer_has_one_counter_and_one_consequence),
        cmocka_unit_test(attack_Y2_an_icmp_for_one_path_ends_nothing),
        cmocka_unit_test(a_full_socket_is_paced_and_nothing_is_dropped),
        cmocka_unit_test(an_interface_that_goes_costs_a_counter_per_send),
    };
    const struct CMUnitTest filtered[] = {
        cmocka_unit_test(io_uring_refused_at_the_start_leaves_epoll),
        cmocka_unit_test(io_uring_taken_away_later_leaves_epoll_and_every_datagram),
    };
    char error[WEIR_PUMP_ERROR_BYTES];
    kind = WEIR_PUMP_EPOLL;
    int failed = cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("filtered", filtered, NULL, NULL);
    struct weir_pump *probe = open_kind(WEIR_PUMP_URING, error);
    if (probe == NULL) {
        printf("io_uring skipped: %s\n", error);
        return failed;
    }
    weir_pump_close(probe);
    kind = WEIR_PUMP_URING;
    return failed + cmocka_run_group_tests_name("io_uring", tests, NULL, NULL);
}
