/* Real sockets: in a batch nothing waits for a handshake but other handshakes, and of one peer nothing overtakes. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "peer/node_int.h"
#include "test/support/support.h"

enum { PEERS = 40 };

static struct weir_node *server, *client;
static struct weir_peer *near[PEERS], *far[PEERS];
static unsigned opened, messages;
static uint16_t channel_of[PEERS];
static uint32_t pairs;
static uint32_t slow_before; /* served before this turn of the server's */
static unsigned waited;      /* messages that came while handshakes of the same turn waited */

/* Each pair has a path of its own. */
static struct weir_node *open_one(bool no_sped, uint32_t ports)
{
    char error[WEIR_NODE_ERROR_BYTES];
    struct weir_addr bind[PEERS];
    for (uint32_t i = 0; i < ports; i++) {
        bind[i] = weir_addr_v4(127, 0, 0, 1, 0);
    }
    struct weir_node_config c = { .bind = bind, .binds = ports, .spread_locals = true, .no_mdns = true,
                                  .peers_max = PEERS, .no_sped = no_sped, .no_tickets = true };
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        fail_msg("%s", error);
    }
    return n;
}

static void open_both(bool no_sped)
{
    server = open_one(no_sped, 1);
    client = open_one(no_sped, PEERS);
    opened = messages = waited = 0;
    pairs = 0;
    memset(near, 0, sizeof near);
    memset(far, 0, sizeof far);
}

static void close_both(void)
{
    weir_node_close(client);
    weir_node_close(server);
}

static void take(struct weir_node *n, const struct weir_event *e)
{
    if (e->type == WEIR_EVENT_CHANNEL_OPEN) {
        opened++;
        if (n == client) {
            channel_of[e->peer->user] = e->channel;
        }
    } else if (e->type == WEIR_EVENT_CHANNEL_MESSAGE && n == server) {
        messages++;
        assert_int_equal(server->slow_tail, slow_before); /* no handshake was served before it */
        waited += weir_node_has_slow(server) ? 1 : 0;
    }
}

static void turn(struct weir_node *n)
{
    struct weir_event e;
    assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
    slow_before = server->slow_tail;
    while (weir_node_event(n, &e)) {
        take(n, &e);
    }
}

static void run_for(weir_duration time)
{
    weir_time until = weir_time_add(weir_pump_clock(), time);
    do {
        turn(client);
        turn(server);
        (void)usleep(100);
    } while (weir_pump_clock() < until);
}

/* The server offers, so that the client's side is the DTLS client. */
static void introduce(void)
{
    static uint8_t text[WEIR_PEER_SDP_MAX];
    const struct weir_sctp_channel_config config = { .label = WEIR_LIT("x"), .priority = 256 };
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct weir_sdp_error error;
    uint16_t channel;
    uint32_t i = pairs++;
    near[i] = weir_node_peer(client, true);
    far[i] = weir_node_peer(server, true);
    near[i]->user = far[i]->user = i;
    assert_int_equal(weir_open_channel(server, far[i], &config, &channel), WEIR_OK);
    assert_int_equal(weir_create_offer(server, far[i], &w), WEIR_OK);
    assert_int_equal(weir_set_remote_offer(client, near[i], weir_span_of(text, w.len), &error), WEIR_OK);
    w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_create_answer(client, near[i], &w), WEIR_OK);
    assert_int_equal(weir_set_remote_answer(server, far[i], weir_span_of(text, w.len), &error), WEIR_OK);
}

static void connect_one(void)
{
    unsigned before = opened;
    introduce();
    for (int k = 0; k < 5000 && opened < before + 2; k++) {
        run_for(WEIR_MS);
    }
    assert_int_equal(opened, before + 2);
}

static void say(uint32_t i)
{
    assert_int_equal(weir_channel_send(client, near[i], channel_of[i], WEIR_LIT("now"), false), WEIR_OK);
}

/* -- Tests ------------------------------------------------------------------------------------- */

static void a_message_does_not_wait_for_handshakes(void **state)
{
    (void)state;
    for (int sped = 0; sped < 2; sped++) {
        open_both(sped == 0);
        connect_one();
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 8; i++) {
                introduce();
            }
            for (int step = 0; step < 300; step++) { /* hellos come first, then a message, in one turn */
                turn(client);
                say(0);
                turn(client);
                (void)usleep(500);
                turn(server);
            }
        }
        assert_int_equal(opened, 2 * 33);
        assert_true(waited != 0);
        assert_int_equal(server->drops[WEIR_NODE_DROP_BUSY], 0);
        close_both();
    }
}

/* Hellos of others wait at the server; the rest of its turn is over. */
static void let_hellos_wait(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        introduce();
    }
    struct weir_event e;
    for (int step = 0; step < 1000; step++) {
        turn(client);
        (void)usleep(300);
        assert_int_equal(weir_node_wait(server, 0), WEIR_OK);
        slow_before = server->slow_tail;
        while (weir_node_event(server, &e)) {
            take(server, &e);
            if (weir_node_has_slow(server)) {
                server->slow_until = 1; /* no more of them in this turn */
            }
        }
        if (weir_node_has_slow(server)) {
            return;
        }
        server->slow_until = 1;
    }
    fail_msg("no handshake ever waited");
}

/* What there was no time for goes on with the next turns: all connect, and a message comes in between. */
static void what_there_was_no_time_for_is_kept(void **state)
{
    (void)state;
    open_both(true);
    connect_one();
    unsigned kept = 0;
    for (int i = 0; i < 12; i++) {
        introduce();
    }
    for (int step = 0; step < 3000 && opened < 26; step++) {
        struct weir_event e;
        turn(client);
        (void)usleep(100);
        assert_int_equal(weir_node_wait(server, 0), WEIR_OK);
        slow_before = server->slow_tail;
        while (weir_node_event(server, &e)) {
            take(server, &e);
            server->slow_until = server->slow_tail != slow_before ? 1 : server->slow_until; /* one a turn */
        }
        for (uint32_t i = server->slow_tail; i != server->slow_head; i++) {
            assert_true(server->slow[i % NODE_SLOW_MAX].is_kept);
            kept++;
        }
    }
    assert_int_equal(opened, 26);
    assert_true(kept != 0);
    close_both();
}

/* Its peer goes while it waits: nothing is delivered, nothing is left of it. */
static void a_peer_may_go_while_its_handshake_waits(void **state)
{
    (void)state;
    open_both(true);
    let_hellos_wait(6);
    for (uint32_t i = 0; i < pairs; i++) {
        weir_node_free(server, far[i]);
    }
    for (uint32_t i = server->slow_tail; i != server->slow_head; i++) {
        assert_null(server->slow[i % NODE_SLOW_MAX].item.peer);
    }
    struct weir_peer *next = weir_node_peer(server, true);
    assert_int_equal(next->node_slow, 0);
    for (int i = 0; i < 20; i++) {
        turn(server);
    }
    assert_false(weir_node_has_slow(server));
    assert_int_equal(next->rx_packets, 0);
    close_both();
}

/* More than there is room for are dropped as a network would, and counted; they come again. */
static void more_than_can_wait_come_again(void **state)
{
    (void)state;
    open_both(true);
    uint32_t head = server->slow_head;
    server->slow_head = server->slow_tail + NODE_SLOW_MAX; /* all places taken, by nobody */
    for (uint32_t i = 0; i < NODE_SLOW_MAX; i++) {
        server->slow[i].item.peer = NULL;
    }
    server->slow_until = 1;
    introduce();
    weir_time until = weir_time_add(weir_pump_clock(), 60 * WEIR_MS);
    while (weir_pump_clock() < until) {
        struct weir_event e;
        turn(client);
        assert_int_equal(weir_node_wait(server, 0), WEIR_OK);
        server->slow_until = 1;
        while (weir_node_event(server, &e)) {
        }
        (void)usleep(100);
    }
    assert_true(server->drops[WEIR_NODE_DROP_BUSY] != 0);
    assert_int_equal(opened, 0);
    server->slow_head = server->slow_tail = head;
    run_for(2 * WEIR_SEC);
    assert_int_equal(opened, 2);
    close_both();
}

/* A check that proves a path, and behind it in the same batch what comes by that path: it is not refused. */
static void what_comes_behind_a_check_is_opened_after_it(void **state)
{
    (void)state;
    open_both(false);
    for (int i = 0; i < 30; i++) {
        connect_one();
        (void)usleep(2000); /* so that much lies in one batch */
    }
    for (uint32_t i = 0; i < pairs; i++) {
        assert_int_equal(far[i]->verdicts[WEIR_PEER_PATH] + near[i]->verdicts[WEIR_PEER_PATH], 0);
    }
    close_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_does_not_wait_for_handshakes),
        cmocka_unit_test(what_there_was_no_time_for_is_kept),
        cmocka_unit_test(a_peer_may_go_while_its_handshake_waits),
        cmocka_unit_test(more_than_can_wait_come_again),
        cmocka_unit_test(what_comes_behind_a_check_is_opened_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
