/* Real sockets: a node that comes back to a server of several shards begins with the session of the time
 * before, whichever shard it meets; with a new certificate it is a stranger. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "peer/peer.h"
#include "test/support/support.h"

enum { SHARDS = 3 };

static struct weir_node *client;
static struct weir_shards *shards;
static unsigned opened, heard;

static void open_all(weir_duration age, bool no_tickets)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    struct weir_node_config c = { .bind = &any, .binds = 1, .no_mdns = true, .peers_max = 8 };
    shards = weir_shards_open(&c, SHARDS, error);
    if (shards == NULL) {
        fail_msg("%s", error);
    }
    c.identity_age = age;
    c.no_tickets = no_tickets;
    client = weir_node_open(&c, error);
    if (client == NULL) {
        fail_msg("%s", error);
    }
}

static void run_node(struct weir_node *n)
{
    struct weir_event e;
    assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
    while (weir_node_event(n, &e)) {
        opened += e.type == WEIR_EVENT_CHANNEL_OPEN ? 1 : 0;
        heard += e.type == WEIR_EVENT_CHANNEL_MESSAGE ? 1 : 0;
    }
}

static void run_all(void)
{
    run_node(client);
    for (uint32_t i = 0; i < SHARDS; i++) {
        run_node(weir_shards_node(shards, i));
    }
    (void)usleep(300);
}

/* The server offers, so that the client of the two is DTLS client, too. True: a session was resumed. */
static bool meet(uint32_t shard)
{
    static uint8_t text[WEIR_PEER_SDP_MAX];
    const struct weir_sctp_channel_config config = { .label = WEIR_LIT("again"), .priority = 256 };
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct weir_node *server = weir_shards_node(shards, shard);
    struct weir_peer *far = weir_node_peer(server, true), *near = weir_node_peer(client, true);
    struct weir_sdp_error error;
    uint16_t channel;
    weir_time give_up = weir_pump_clock() + 10 * WEIR_SEC;
    opened = heard = 0;
    assert_int_equal(weir_open_channel(server, far, &config, &channel), WEIR_OK);
    assert_int_equal(weir_create_offer(server, far, &w), WEIR_OK);
    assert_int_equal(weir_set_remote_offer(client, near, weir_span_of(text, w.len), &error), WEIR_OK);
    w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_create_answer(client, near, &w), WEIR_OK);
    assert_int_equal(weir_set_remote_answer(server, far, weir_span_of(text, w.len), &error), WEIR_OK);
    while (opened < 2 && weir_pump_clock() < give_up) {
        run_all();
    }
    assert_int_equal(opened, 2);
    assert_int_equal(weir_channel_send(server, far, channel, WEIR_LIT("hello"), true), WEIR_OK);
    while (heard == 0 && weir_pump_clock() < give_up) {
        run_all();
    }
    for (unsigned i = 0; i < 100; i++) {
        run_all(); /* the ticket comes */
    }
    bool is_resumed = weir_dtls_is_resumed(&near->dtls);
    assert_int_equal(weir_dtls_is_resumed(&far->dtls), is_resumed);
    weir_node_free(client, near);
    weir_node_free(server, far);
    return is_resumed;
}

static void close_all(void)
{
    weir_node_close(client);
    weir_shards_close(shards);
}

static void who_comes_back_is_known_by_every_shard(void **state)
{
    (void)state;
    open_all(0, false);
    assert_false(meet(0));
    for (uint32_t i = 1; i < 2 * SHARDS; i++) {
        assert_true(meet(i % SHARDS));
    }
    close_all();
}

static void with_a_new_certificate_it_is_a_stranger(void **state)
{
    (void)state;
    open_all(WEIR_MS, false);
    for (unsigned i = 0; i < 4; i++) {
        assert_false(meet(0));
        (void)usleep(2000);
    }
    close_all();
}

static void without_tickets_it_always_is(void **state)
{
    (void)state;
    open_all(0, true);
    assert_false(meet(0));
    assert_false(meet(0));
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_back_is_known_by_every_shard),
        cmocka_unit_test(with_a_new_certificate_it_is_a_stranger),
        cmocka_unit_test(without_tickets_it_always_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
