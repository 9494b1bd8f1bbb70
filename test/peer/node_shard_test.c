/* Shards on one port: whichever socket the kernel gives a datagram to, it reaches its peer. */
#include <pthread.h>
#include <stdatomic.h>

#include "peer/node_int.h"
#include "test/support/support.h"

enum { SHARDS = 4, CALLS = 24, MESSAGES = 20 };

struct call {
    struct weir_node *node; /* the answering shard */
    struct weir_peer *caller, *callee;
    uint16_t channel;
    bool is_open;
    uint32_t echoes;
};

static struct weir_shards *shards;
static struct weir_node *client;
static struct call call[CALLS];
static enum weir_pump_kind kind;

static void open_all(void)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    static struct weir_addr many[CALLS];
    struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = CALLS,
                                  .pump = { .kind = kind } };
    shards = weir_shards_open(&c, SHARDS, error);
    if (shards == NULL) {
        fail_msg("%s", error);
    }
    /* Every caller has a port of its own: the kernel spreads them over the shards' sockets. */
    for (int i = 0; i < CALLS; i++) {
        many[i] = one;
    }
    c.bind = many;
    c.binds = CALLS;
    c.spread_locals = true;
    client = weir_node_open(&c, error);
    if (client == NULL) {
        fail_msg("%s", error);
    }
    memset(call, 0, sizeof call);
}

static void introduce(struct call *c, uint32_t shard)
{
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    const struct weir_sctp_channel_config channel = { .label = WEIR_LIT("shard"), .priority = 256 };
    struct weir_sdp_error error;
    c->node = weir_shards_node(shards, shard);
    c->caller = weir_node_peer(client, true);
    c->callee = weir_node_peer(c->node, true);
    assert_non_null(c->caller);
    assert_non_null(c->callee);
    assert_int_equal(weir_open_channel(client, c->caller, &channel, &c->channel), WEIR_OK);
    assert_int_equal(weir_create_offer(client, c->caller, &offer), WEIR_OK);
    assert_int_equal(weir_set_remote_offer(c->node, c->callee, weir_span_of(text[0], offer.len), &error),
                     WEIR_OK);
    assert_int_equal(weir_create_answer(c->node, c->callee, &answer), WEIR_OK);
    assert_int_equal(weir_set_remote_answer(client, c->caller, weir_span_of(text[1], answer.len), &error),
                     WEIR_OK);
}

static void run_client(weir_duration wait)
{
    struct weir_event e;
    assert_int_equal(weir_node_wait(client, weir_pump_clock() + wait), WEIR_OK);
    while (weir_node_event(client, &e)) {
        struct call *c = call;
        while (c->caller != e.peer) {
            c++;
        }
        if (e.type == WEIR_EVENT_CHANNEL_OPEN) {
            c->is_open = true;
            c->channel = e.channel;
            assert_int_equal(weir_channel_send(client, c->caller, c->channel, WEIR_LIT("0"), true),
                             WEIR_OK);
        } else if (e.type == WEIR_EVENT_CHANNEL_MESSAGE && ++c->echoes < MESSAGES) {
            assert_int_equal(weir_channel_send(client, c->caller, c->channel, WEIR_LIT("again"), true),
                             WEIR_OK);
        }
    }
}

/* Echo what comes. True while the pump is sound. */
static bool run_shard(struct weir_node *n, weir_duration wait)
{
    struct weir_event e;
    if (weir_node_wait(n, weir_pump_clock() + wait) != WEIR_OK) {
        return false;
    }
    while (weir_node_event(n, &e)) {
        if (e.type == WEIR_EVENT_CHANNEL_MESSAGE) {
            (void)!weir_channel_send(n, e.peer, e.channel, e.data, e.is_text);
        }
    }
    return true;
}

static bool all_echoed(void)
{
    bool all = true;
    for (int i = 0; i < CALLS; i++) {
        all &= call[i].is_open && call[i].echoes == MESSAGES;
    }
    return all;
}

static void check_and_close(void)
{
    uint64_t handed = 0;
    for (int i = 0; i < CALLS; i++) {
        assert_true(call[i].is_open);
        assert_int_equal(call[i].echoes, MESSAGES);
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct weir_node_stats s = weir_node_stats(weir_shards_node(shards, i));
        handed += s.handed_over;
        assert_int_equal(s.drops[WEIR_NODE_DROP_HANDOVER], 0);
        assert_int_equal(s.drops[WEIR_NODE_DROP_UFRAG], 0);
        assert_memory_equal(weir_node_identity(weir_shards_node(shards, i))->fingerprint_sha256,
                            weir_node_identity(weir_shards_node(shards, 0))->fingerprint_sha256, 32);
    }
    assert_true(handed > CALLS * MESSAGES / 4); /* three of four datagrams, about */
    weir_node_close(client);
    weir_shards_close(shards);
}

static void in_one_thread_every_call_reaches_its_shard(void **state)
{
    (void)state;
    open_all();
    for (uint32_t i = 0; i < CALLS; i++) {
        introduce(&call[i], i % SHARDS);
    }
    weir_time end = weir_pump_clock() + 20 * WEIR_SEC;
    while (!all_echoed() && weir_pump_clock() < end) {
        run_client(WEIR_MS);
        for (uint32_t i = 0; i < SHARDS; i++) {
            assert_true(run_shard(weir_shards_node(shards, i), 0));
        }
    }
    check_and_close();
}

static _Atomic bool is_over;
static _Atomic uint32_t broken;

static void *shard_thread(void *argument)
{
    struct weir_node *n = argument;
    while (!atomic_load(&is_over)) {
        if (!run_shard(n, WEIR_SEC)) {
            atomic_fetch_add(&broken, 1);
            break;
        }
    }
    return NULL;
}

static void in_a_thread_each_they_wake_one_another(void **state)
{
    (void)state;
    pthread_t thread[SHARDS];
    open_all();
    for (uint32_t i = 0; i < CALLS; i++) {
        introduce(&call[i], i % SHARDS);
    }
    atomic_store(&is_over, false);
    for (uint32_t i = 0; i < SHARDS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, shard_thread, weir_shards_node(shards, i)), 0);
    }
    weir_time begin = weir_pump_clock(), end = begin + 20 * WEIR_SEC;
    while (!all_echoed() && weir_pump_clock() < end) {
        run_client(100 * WEIR_MS);
    }
    atomic_store(&is_over, true);
    for (uint32_t i = 0; i < SHARDS; i++) {
        weir_node_wake(weir_shards_node(shards, i));
        pthread_join(thread[i], NULL);
    }
    assert_int_equal(atomic_load(&broken), 0);
    check_and_close();
}

static void strangers_are_dropped_by_the_shard_that_they_reach(void **state)
{
    (void)state;
    open_all();
    char error[WEIR_PUMP_ERROR_BYTES];
    const struct weir_pump_config plain = { .kind = kind };
    struct weir_pump *p = weir_pump_open(&plain, error);
    struct weir_path path = { .remote = weir_node_stats(weir_shards_node(shards, 0)).local[0] };
    uint32_t socket;
    uint64_t dropped = 0, handed = 0;
    const struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    assert_non_null(p);
    assert_int_equal(weir_pump_bind(p, &any, &path.local, &socket, error), WEIR_OK);
    for (uint8_t i = 0; i < 60; i++) {
        struct weir_mspan room = weir_pump_room(p);
        /* DTLS and media of nobody, and requests that name a shard and no peer of it. */
        static const uint8_t request[28] = { 0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42, [20] = 0, 6, 0, 4,
                                             'A', ':', 'x', 'y' };
        memcpy(room.p, request, sizeof request);
        room.p[0] = i % 3 == 0 ? 0 : i % 3 == 1 ? 22 : 128;
        room.p[24] = (uint8_t)('A' + i % 6);
        assert_int_equal(weir_pump_send(p, &path, 0, 28), WEIR_OK);
    }
    weir_pump_flush(p);
    for (int round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < SHARDS; i++) {
            assert_true(run_shard(weir_shards_node(shards, i), WEIR_MS));
        }
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct weir_node_stats s = weir_node_stats(weir_shards_node(shards, i));
        dropped += s.drops[WEIR_NODE_DROP_UFRAG] + s.drops[WEIR_NODE_DROP_PATH];
        handed += s.handed_over;
    }
    assert_int_equal(dropped, 60); /* each once, wherever it ended */
    assert_true(handed <= 20);
    weir_pump_close(p);
    weir_node_close(client);
    weir_shards_close(shards);
}

static void attack_Y9_a_claim_gives_way_to_better_proof_alone(void **state)
{
    (void)state;
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    const struct weir_path path = { weir_addr_v4(127, 0, 0, 1, 5000), weir_addr_v4(192, 0, 2, 1, 6000) };
    struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = 4 };
    struct weir_shards *s = weir_shards_open(&c, 4, error);
    struct weir_packet none[1];
    assert_non_null(s);
    struct weir_node *n[4];
    for (uint32_t i = 0; i < 4; i++) {
        n[i] = weir_shards_node(s, i);
    }
    const struct { uint32_t from; enum weir_ice_proof proof; uint32_t then; } step[] = {
        { 2, WEIR_ICE_ASKED, 2 },    { 1, WEIR_ICE_ANSWERED, 1 }, { 2, WEIR_ICE_ASKED, 1 },
        { 3, WEIR_ICE_ASKED, 1 },    { 3, WEIR_ICE_ANSWERED, 1 }, { 1, WEIR_ICE_UNPROVEN, 3 },
        { 3, WEIR_ICE_UNPROVEN, NODE_NONE },
    };
    for (size_t i = 0; i < sizeof step / sizeof step[0]; i++) {
        assert_true(weir_shard_claim(n[step[i].from], &path, step[i].proof));
        assert_int_equal(weir_shard_take(n[0], none, 1), 0);
        assert_int_equal(weir_shard_of_path(n[0], &path, WEIR_ICE_UNPROVEN), step[i].then);
    }
    assert_true(weir_shard_claim(n[1], &path, WEIR_ICE_ASKED));
    assert_int_equal(weir_shard_take(n[0], none, 1), 0);
    assert_int_equal(weir_shard_of_path(n[0], &path, WEIR_ICE_ASKED), NODE_NONE); /* no better than ours */
    weir_shards_close(s);
}

/* A shard remembers a bounded number of others' paths: a new one takes the place of one that is proven as well
 * or less, never of a better one. */
static void attack_Y9_a_full_table_of_claims_keeps_what_is_better_proven(void **state)
{
    (void)state;
    enum { CLAIMS = 1024 }; /* the least that there are */
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = 4 };
    struct weir_shards *s = weir_shards_open(&c, 2, error);
    struct weir_packet none[1];
    assert_non_null(s);
    struct weir_node *from = weir_shards_node(s, 0), *at = weir_shards_node(s, 1);
    struct weir_path path = { weir_addr_v4(127, 0, 0, 1, 5000), weir_addr_v4(192, 0, 2, 1, 0) };
    for (unsigned i = 0; i < CLAIMS + 200; i++) {
        path.remote.port = (uint16_t)(1000 + i);
        assert_true(weir_shard_claim(from, &path, i < CLAIMS ? WEIR_ICE_ANSWERED : WEIR_ICE_ASKED));
        assert_int_equal(weir_shard_take(at, none, 1), 0);
    }
    for (unsigned i = 0; i < CLAIMS + 200; i++) {
        path.remote.port = (uint16_t)(1000 + i);
        assert_int_equal(weir_shard_of_path(at, &path, WEIR_ICE_UNPROVEN), i < CLAIMS ? 0 : NODE_NONE);
    }
    assert_true(weir_shard_claim(from, &path, WEIR_ICE_ANSWERED));
    assert_int_equal(weir_shard_take(at, none, 1), 0);
    assert_int_equal(weir_shard_of_path(at, &path, WEIR_ICE_UNPROVEN), 0);
    weir_shards_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_one_thread_every_call_reaches_its_shard),
        cmocka_unit_test(in_a_thread_each_they_wake_one_another),
        cmocka_unit_test(attack_Y9_a_claim_gives_way_to_better_proof_alone),
        cmocka_unit_test(attack_Y9_a_full_table_of_claims_keeps_what_is_better_proven),
        cmocka_unit_test(strangers_are_dropped_by_the_shard_that_they_reach),
    };
    kind = WEIR_PUMP_DEFAULT;
    int failed = cmocka_run_group_tests_name("default", tests, NULL, NULL);
    kind = WEIR_PUMP_EPOLL;
    return failed + cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
}
