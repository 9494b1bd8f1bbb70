/* The packet pump, both kinds over loopback: what goes in comes out, in runs or alone. */
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#include "core/pool.h"
#include "core/pump/pump.h"
#include "test/support/support.h"

struct rig {
    struct weir_pump *pump;
    struct weir_addr a, b;
    uint32_t socket_a, socket_b;
    struct weir_path a_to_b;
};

static enum weir_pump_kind kind_under_test;

static struct rig open_rig(const struct weir_pump_config *config)
{
    struct rig r = { 0 };
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    struct weir_addr any_port = weir_addr_v4(127, 0, 0, 1, 0);
    r.pump = weir_pump_open(config, error);
    if (r.pump == NULL) {
        fail_msg("%s", error);
    }
    assert_int_equal(weir_pump_bind(r.pump, &any_port, &r.a, &r.socket_a, error), WEIR_OK);
    assert_int_equal(weir_pump_bind(r.pump, &any_port, &r.b, &r.socket_b, error), WEIR_OK);
    r.a_to_b = (struct weir_path){ .local = r.a, .remote = r.b };
    return r;
}

static struct rig open_default(void)
{
    return open_rig(&(struct weir_pump_config){ .kind = kind_under_test });
}

static void send_pattern(struct rig *r, uint32_t number, size_t bytes)
{
    struct weir_mspan room = weir_pump_room(r->pump);
    assert_true(room.n >= bytes);
    memset(room.p, (int)(number & 255), bytes);
    weir_put32(room.p, number);
    assert_int_equal(weir_pump_send(r->pump, &r->a_to_b, 0, bytes), WEIR_OK);
}

/* Receive until `want` datagrams came or a second passed, checking that number i has sizes[i % n]. */
static uint32_t receive_pattern(struct rig *r, uint32_t want, const size_t *sizes, uint32_t n)
{
    uint32_t got = 0;
    weir_time give_up = weir_pump_clock() + WEIR_SEC;
    while (got < want && weir_pump_clock() < give_up) {
        assert_int_equal(weir_pump_wait(r->pump, give_up), WEIR_OK);
        struct weir_packet batch[7];
        size_t k;
        while ((k = weir_pump_recv(r->pump, batch, 7)) != 0) {
            for (size_t i = 0; i < k; i++) {
                assert_int_equal(batch[i].len, sizes[got % n]);
                assert_int_equal(weir_be32(batch[i].data), got);
                assert_int_equal(batch[i].data[batch[i].len - 1], got & 255);
                assert_true(weir_addr_eq(&batch[i].path.local, &r->b));
                assert_true(weir_addr_eq(&batch[i].path.remote, &r->a));
                assert_int_equal(batch[i].socket, r->socket_b);
                assert_true(batch[i].at <= weir_pump_now(r->pump));
                got++;
            }
        }
    }
    return got;
}

static void datagrams_of_mixed_sizes_arrive_whole_and_in_order(void **state)
{
    (void)state;
    struct rig r = open_default();
    const size_t sizes[] = { 1200, 1200, 1200, 700, 100, 1500, 5 };
    for (uint32_t i = 0; i < 210; i++) {
        send_pattern(&r, i, sizes[i % 7]);
    }
    assert_int_equal(receive_pattern(&r, 210, sizes, 7), 210);
    assert_int_equal(weir_pump_stats(r.pump)->tx_errors, 0);
    weir_pump_close(r.pump);
}

static void equal_sizes_leave_as_few_runs(void **state)
{
    (void)state;
    struct rig r = open_default();
    const size_t size = 1000;
    for (uint32_t i = 0; i < 128; i++) {
        send_pattern(&r, i, size);
    }
    assert_int_equal(receive_pattern(&r, 128, &size, 1), 128);
    assert_int_equal(weir_pump_stats(r.pump)->tx_runs, 2); /* 64 segments each */
    assert_true(weir_pump_stats(r.pump)->rx_reads <= 4);   /* and they were coalesced on arrival */
    weir_pump_close(r.pump);
}

static void without_offloads_everything_still_arrives(void **state)
{
    (void)state;
    struct rig r = open_rig(&(struct weir_pump_config){ .kind = kind_under_test, .no_gso = true,
                                                        .no_gro = true });
    const size_t size = 1200;
    for (uint32_t i = 0; i < 100; i++) {
        send_pattern(&r, i, size);
    }
    assert_int_equal(receive_pattern(&r, 100, &size, 1), 100);
    assert_int_equal(weir_pump_stats(r.pump)->tx_runs, 100);
    weir_pump_close(r.pump);
}

static uint32_t receive_what_comes(struct rig *r)
{
    uint32_t got = 0;
    struct weir_packet batch[64];
    size_t k;
    assert_int_equal(weir_pump_wait(r->pump, weir_pump_clock() + WEIR_SEC), WEIR_OK);
    while ((k = weir_pump_recv(r->pump, batch, 64)) != 0) {
        got += (uint32_t)k;
    }
    return got;
}

static void slots_run_out_as_back_pressure_and_come_back(void **state)
{
    (void)state;
    struct rig r = open_default();
    const uint32_t all = 5 * WEIR_PUMP_TX_SLOTS;
    uint32_t sent = 0, got = 0;
    weir_time give_up = weir_pump_clock() + 10 * WEIR_SEC;
    while (got < all && weir_pump_clock() < give_up) {
        /* At most 1,500 on their way, so that the socket's own buffer loses none. */
        while (sent < all && sent - got < 1500 && weir_pump_room(r.pump).n != 0) {
            send_pattern(&r, sent++, 300);
        }
        got += receive_what_comes(&r);
    }
    assert_int_equal(got, all);
    weir_pump_close(r.pump);
}

static void an_empty_datagram_is_a_packet_of_no_bytes(void **state)
{
    (void)state;
    struct rig r = open_default();
    assert_int_equal(weir_pump_send(r.pump, &r.a_to_b, 0, 0), WEIR_ERR_SIZE); /* we send none */
    weir_pump_close(r.pump);
}

static void ecn_marks_travel(void **state)
{
    (void)state;
    struct rig r = open_default();
    struct weir_mspan room = weir_pump_room(r.pump);
    memset(room.p, 1, 10);
    assert_int_equal(weir_pump_send(r.pump, &r.a_to_b, 1, 10), WEIR_OK);
    struct weir_packet packet;
    assert_int_equal(weir_pump_wait(r.pump, weir_pump_clock() + WEIR_SEC), WEIR_OK);
    if (weir_pump_recv(r.pump, &packet, 1) == 0) { /* the first wait may end with the send alone */
        assert_int_equal(weir_pump_wait(r.pump, weir_pump_clock() + WEIR_SEC), WEIR_OK);
        assert_int_equal(weir_pump_recv(r.pump, &packet, 1), 1);
    }
    assert_int_equal(packet.ecn, 1);
    weir_pump_close(r.pump);
}

/* Of one size they could leave as one run; but a run has one destination and one mark. */
static void what_differs_in_path_or_mark_leaves_apart(void **state)
{
    (void)state;
    enum { COUNT = 64 };
    struct rig r = open_default();
    const struct weir_path path[2] = { r.a_to_b, { .local = r.a, .remote = r.a } };
    unsigned got = 0;
    for (uint32_t i = 0; i < COUNT; i++) { /* one of the two changes each time */
        struct weir_mspan room = weir_pump_room(r.pump);
        memset(room.p, 0, 100);
        weir_put32(room.p, i);
        assert_int_equal(weir_pump_send(r.pump, &path[i / 2 % 2], (uint8_t)((i + 1) / 2 % 2), 100), WEIR_OK);
    }
    for (weir_time until = weir_pump_clock() + WEIR_SEC; got < COUNT && weir_pump_clock() < until;) {
        struct weir_packet packet;
        assert_int_equal(weir_pump_wait(r.pump, until), WEIR_OK);
        while (weir_pump_recv(r.pump, &packet, 1) != 0) {
            uint32_t i = weir_be32(packet.data);
            assert_int_equal(packet.len, 100);
            assert_true(weir_addr_eq(&packet.path.local, &path[i / 2 % 2].remote));
            assert_int_equal(packet.ecn, (i + 1) / 2 % 2);
            got++;
        }
    }
    assert_int_equal(got, COUNT);
    weir_pump_close(r.pump);
}

static void nothing_leaves_that_is_empty_or_too_long(void **state)
{
    (void)state;
    struct rig r = open_default();
    assert_int_equal(weir_pump_room(r.pump).n, WEIR_MTU);
    assert_int_equal(weir_pump_send(r.pump, &r.a_to_b, 0, 0), WEIR_ERR_SIZE);
    assert_int_equal(weir_pump_send(r.pump, &r.a_to_b, 0, WEIR_MTU + 1), WEIR_ERR_SIZE);
    assert_int_equal(weir_pump_send(r.pump, &r.a_to_b, 0, WEIR_MTU), WEIR_OK);
    weir_pump_close(r.pump);
}

static void a_wait_ends_at_its_time(void **state)
{
    (void)state;
    struct rig r = open_default();
    weir_time begin = weir_pump_clock();
    while (weir_pump_clock() < begin + 20 * WEIR_MS) {
        assert_int_equal(weir_pump_wait(r.pump, begin + 20 * WEIR_MS), WEIR_OK);
    }
    assert_true(weir_pump_clock() - begin < 500 * WEIR_MS);
    assert_true(weir_pump_stats(r.pump)->waits < 10); /* it slept, it did not spin */
    weir_pump_close(r.pump);
}

static void *wake_later(void *pump)
{
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    weir_pump_wake(pump);
    return NULL;
}

static void a_wake_from_another_thread_ends_a_wait(void **state)
{
    (void)state;
    struct rig r = open_default();
    pthread_t t;
    assert_int_equal(weir_pump_wait(r.pump, 0), WEIR_OK);
    for (int i = 0; i < 3; i++) {
        weir_time begin = weir_pump_clock();
        assert_int_equal(pthread_create(&t, NULL, wake_later, r.pump), 0);
        assert_int_equal(weir_pump_wait(r.pump, begin + 5 * WEIR_SEC), WEIR_OK);
        assert_true(weir_pump_clock() - begin < 2 * WEIR_SEC);
        pthread_join(t, NULL);
    }
    weir_pump_close(r.pump);
}

static void a_wake_before_the_wait_ends_it(void **state)
{
    (void)state;
    struct rig r = open_default();
    for (int i = 0; i < 3; i++) { /* also before the first wait, and with something to send */
        weir_time begin = weir_pump_clock();
        if (i == 2) {
            send_pattern(&r, 0, 100);
        }
        weir_pump_wake(r.pump);
        assert_int_equal(weir_pump_wait(r.pump, begin + 2 * WEIR_SEC), WEIR_OK);
        assert_true(weir_pump_clock() - begin < WEIR_SEC);
    }
    weir_pump_close(r.pump);
}

static void a_busy_address_is_named_with_advice(void **state)
{
    (void)state;
    struct rig r = open_default();
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    struct weir_addr bound;
    uint32_t socket;
    assert_int_equal(weir_pump_bind(r.pump, &r.a, &bound, &socket, error), WEIR_ERR_SYSTEM);
    assert_non_null(strstr(error, "choose another port"));
    struct weir_addr foreign = weir_addr_v4(203, 0, 113, 7, 0);
    assert_int_equal(weir_pump_bind(r.pump, &foreign, &bound, &socket, error), WEIR_ERR_SYSTEM);
    assert_non_null(strstr(error, "no such address"));
    weir_pump_close(r.pump);
}

static void attack_Y3_without_descriptors_it_says_so_and_what_is_open_works_on(void **state)
{
    (void)state;
    struct rig r = open_default();
    struct rlimit before, none;
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    const size_t sizes[] = { 100 };
    struct weir_addr bound, any_port = weir_addr_v4(127, 0, 0, 1, 0);
    uint32_t socket;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0; /* descriptors that are open stay so */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const struct weir_pump_config config = { .kind = kind_under_test };
    struct weir_pump *second = weir_pump_open(&config, error);
    bool has_said = error[0] != '\0';
    error[0] = '\0';
    enum weir_status status = weir_pump_bind(r.pump, &any_port, &bound, &socket, error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_null(second);
    assert_true(has_said);
    assert_int_equal(status, WEIR_ERR_SYSTEM);
    assert_true(error[0] != '\0');
    send_pattern(&r, 0, 100);
    assert_int_equal(receive_pattern(&r, 1, sizes, 1), 1);
    weir_pump_close(r.pump);
}

static void an_unknown_local_address_is_refused_and_counted(void **state)
{
    (void)state;
    struct rig r = open_default();
    struct weir_path path = { .local = weir_addr_v4(127, 0, 0, 9, 1), .remote = r.b };
    assert_true(weir_pump_room(r.pump).n > 0);
    assert_int_equal(weir_pump_send(r.pump, &path, 0, 10), WEIR_ERR_ARG);
    assert_int_equal(weir_pump_stats(r.pump)->tx_no_route, 1);
    weir_pump_close(r.pump);
}

static void attack_Y2_an_unreachable_destination_costs_a_counter(void **state)
{
    (void)state;
    struct rig r = open_default();
    const size_t size = 100;
    /* From a loopback address the outside cannot be reached: the kernel refuses with an error. */
    struct weir_path path = { .local = r.a, .remote = weir_addr_v4(203, 0, 113, 7, 9) };
    assert_true(weir_pump_room(r.pump).n > 0);
    assert_int_equal(weir_pump_send(r.pump, &path, 0, 10), WEIR_OK);
    weir_pump_flush(r.pump);
    send_pattern(&r, 0, size);
    assert_int_equal(receive_pattern(&r, 1, &size, 1), 1);
    const struct weir_pump_stats *s = weir_pump_stats(r.pump);
    assert_int_equal(s->tx_unreachable + s->tx_errors, 1);
    weir_pump_close(r.pump);
}

static int use_uring(void **state)
{
    (void)state;
    kind_under_test = WEIR_PUMP_URING;
    return 0;
}

static int use_epoll(void **state)
{
    (void)state;
    kind_under_test = WEIR_PUMP_EPOLL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_of_mixed_sizes_arrive_whole_and_in_order),
        cmocka_unit_test(equal_sizes_leave_as_few_runs),
        cmocka_unit_test(without_offloads_everything_still_arrives),
        cmocka_unit_test(slots_run_out_as_back_pressure_and_come_back),
        cmocka_unit_test(an_empty_datagram_is_a_packet_of_no_bytes),
        cmocka_unit_test(ecn_marks_travel),
        cmocka_unit_test(what_differs_in_path_or_mark_leaves_apart),
        cmocka_unit_test(nothing_leaves_that_is_empty_or_too_long),
        cmocka_unit_test(a_wait_ends_at_its_time),
        cmocka_unit_test(a_wake_from_another_thread_ends_a_wait),
        cmocka_unit_test(a_wake_before_the_wait_ends_it),
        cmocka_unit_test(a_busy_address_is_named_with_advice),
        cmocka_unit_test(attack_Y3_without_descriptors_it_says_so_and_what_is_open_works_on),
        cmocka_unit_test(an_unknown_local_address_is_refused_and_counted),
        cmocka_unit_test(attack_Y2_an_unreachable_destination_costs_a_counter),
    };
    int failed = cmocka_run_group_tests_name("epoll", tests, use_epoll, NULL);
    char error[WEIR_PUMP_ERROR_BYTES] = "";
    struct weir_pump_config uring = { .kind = WEIR_PUMP_URING };
    struct weir_pump *probe = weir_pump_open(&uring, error);
    if (probe == NULL) {
        printf("io_uring skipped: %s\n", error);
        return failed;
    }
    weir_pump_close(probe);
    return failed + cmocka_run_group_tests_name("io_uring", tests, use_uring, NULL);
}
