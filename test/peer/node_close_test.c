/* A node that ends, on real sockets: its peers' messages arrive first, within the time that it is given. */
#include <pthread.h>
#include <stdatomic.h>

#include "peer/node_int.h"
#include "test/support/support.h"

enum { CALLS = 6, SETUPS = 2, MESSAGES = 5, MESSAGE_BYTES = 60000 };

static enum weir_pump_kind kind;
static struct weir_node *server, *client;
static struct weir_peer *near_end[CALLS], *far_end[CALLS];
static uint16_t channel[CALLS];
static unsigned opened, got, ends, reasons[8];
static atomic_bool is_over;

static struct weir_node *open_node(void)
{
    char error[WEIR_NODE_ERROR_BYTES];
    struct weir_addr local[CALLS]; /* one for each: those who wait cannot be told apart by more than that */
    for (uint8_t i = 0; i < CALLS; i++) {
        local[i] = weir_addr_v4(127, 0, 0, 1 + i, 0);
    }
    const struct weir_node_config c = { .bind = local, .binds = CALLS, .spread_locals = true,
                                        .no_mdns = true, .peers_max = CALLS,
                                        .pump = { .kind = kind } };
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        fail_msg("%s", error);
    }
    n->dtls_handshakes.count = SETUPS; /* the others wait their turn */
    return n;
}

static void introduce(int i)
{
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("end"), .priority = 256 };
    struct weir_sdp_error error;
    near_end[i] = weir_node_peer(server, true);
    far_end[i] = weir_node_peer(client, true);
    assert_int_equal(weir_open_channel(server, near_end[i], &c, &channel[i]), WEIR_OK);
    assert_int_equal(weir_create_offer(server, near_end[i], &offer), WEIR_OK);
    assert_int_equal(weir_set_remote_offer(client, far_end[i], weir_span_of(text[0], offer.len), &error),
                     WEIR_OK);
    assert_int_equal(weir_create_answer(client, far_end[i], &answer), WEIR_OK);
    assert_int_equal(weir_set_remote_answer(server, near_end[i], weir_span_of(text[1], answer.len), &error),
                     WEIR_OK);
}

static void run(struct weir_node *n, weir_duration wait)
{
    struct weir_event e;
    if (weir_node_wait(n, weir_pump_clock() + wait) != WEIR_OK) {
        return;
    }
    while (weir_node_event(n, &e)) {
        opened += e.type == WEIR_EVENT_CHANNEL_OPEN && n == server ? 1 : 0;
        if (n == client && e.type == WEIR_EVENT_CHANNEL_MESSAGE) {
            got += e.data.n == MESSAGE_BYTES ? 1 : 0;
        }
        if (n == client && e.type == WEIR_EVENT_STATE) {
            ends += e.state == WEIR_PEER_CLOSED ? 1 : 0;
        }
        if (n == client && e.type == WEIR_EVENT_DATA_CLOSED) {
            reasons[e.sctp_reason]++;
        }
    }
}

static void *run_client(void *x)
{
    while (!atomic_load(&is_over)) {
        run(client, 20 * WEIR_MS);
    }
    run(client, 20 * WEIR_MS); /* what was on its way */
    run(client, 20 * WEIR_MS);
    return x;
}

static void connect_all(void)
{
    static uint8_t message[MESSAGE_BYTES];
    weir_time limit = weir_pump_clock() + 10 * WEIR_SEC;
    opened = got = ends = 0;
    memset(reasons, 0, sizeof reasons);
    atomic_store(&is_over, false);
    server = open_node();
    client = open_node();
    for (int i = 0; i < CALLS; i++) {
        introduce(i);
    }
    while (opened < CALLS && weir_pump_clock() < limit) {
        run(server, WEIR_MS);
        run(client, WEIR_MS);
    }
    assert_int_equal(opened, CALLS);
    assert_int_equal(server->dtls_handshakes.count, SETUPS);
    assert_int_equal(server->dtls_handshakes.leased_most, SETUPS);
    for (int i = 0; i < CALLS * MESSAGES; i++) {
        assert_int_equal(weir_channel_send(server, near_end[i % CALLS], channel[i % CALLS],
                                           weir_span_of(message, sizeof message), false), WEIR_OK);
    }
}

static void close_all(void)
{
    weir_node_close(server);
    weir_node_close(client);
}

static void a_drained_node_has_delivered_everything(void **state)
{
    (void)state;
    pthread_t thread;
    connect_all();
    assert_int_equal(pthread_create(&thread, NULL, run_client, NULL), 0);
    bool is_in_time = weir_node_drain(server, weir_pump_clock() + 20 * WEIR_SEC);
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    assert_true(is_in_time);
    assert_int_equal(got, CALLS * MESSAGES);
    assert_int_equal(ends, CALLS);
    assert_int_equal(reasons[WEIR_SCTP_REASON_SHUTDOWN], CALLS);
    close_all();
}

/* Nobody answers: the bound holds, and what is left is cut off. */
static void a_drain_ends_when_its_time_is_over(void **state)
{
    (void)state;
    connect_all();
    weir_time begin = weir_pump_clock();
    assert_false(weir_node_drain(server, begin + 300 * WEIR_MS));
    weir_duration took = weir_time_since(weir_pump_clock(), begin);
    assert_true(took >= 300 * WEIR_MS && took < 2 * WEIR_SEC);
    for (uint32_t i = 0; i < CALLS; i++) {
        assert_int_equal(weir_node_peer_at(server, i)->state, WEIR_PEER_CLOSED);
    }
    close_all();
}

/* The application's own loop: each peer's CLOSED comes as an event, with the memory given back after. */
static void peers_close_one_by_one_in_the_loop(void **state)
{
    (void)state;
    unsigned closed = 0;
    connect_all();
    weir_time limit = weir_pump_clock() + 20 * WEIR_SEC;
    for (int i = 0; i < CALLS; i++) {
        weir_close_gracefully(server, near_end[i], limit);
    }
    while (closed < CALLS && weir_pump_clock() < limit) {
        struct weir_event e;
        assert_int_equal(weir_node_wait(server, weir_pump_clock() + WEIR_MS), WEIR_OK);
        while (weir_node_event(server, &e)) {
            if (e.type == WEIR_EVENT_STATE && e.state == WEIR_PEER_CLOSED) {
                closed++;
                weir_node_free(server, e.peer);
            }
        }
        run(client, WEIR_MS);
    }
    assert_int_equal(closed, CALLS);
    assert_int_equal(weir_node_peers(server), 0);
    assert_int_equal(got, CALLS * MESSAGES);
    close_all();
}

static int use_uring(void **state)
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
        cmocka_unit_test(a_drained_node_has_delivered_everything),
        cmocka_unit_test(a_drain_ends_when_its_time_is_over),
        cmocka_unit_test(peers_close_one_by_one_in_the_loop),
    };
    return cmocka_run_group_tests_name("default", tests, use_uring, NULL)
           + cmocka_run_group_tests_name("epoll", tests, use_epoll, NULL);
}
