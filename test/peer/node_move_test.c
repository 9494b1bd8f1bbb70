/* Real sockets, four shards on one port, and an address translator between them and a client whose port it
 * changes again and again: whichever shard the kernel gives the new port to, the connection id leads to the
 * right one. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer/node_int.h"
#include "test/support/support.h"

enum { SHARDS = 4, MOVES = 24 };

/* -- The translator ---------------------------------------------------------------------------- */

static int inner, outer; /* the client's side, the server's */
static struct sockaddr_in client_at, server_at;

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static int open_port(uint16_t *port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(s >= 0);
    assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return s;
}

static void new_outer_port(void)
{
    uint16_t port;
    int fresh = open_port(&port);
    if (outer >= 0) {
        (void)close(outer);
    }
    outer = fresh;
}

static void translate(void)
{
    uint8_t datagram[2048];
    struct sockaddr_in from;
    for (int i = 0; i < 2; i++) {
        ssize_t n;
        socklen_t len = sizeof from;
        while ((n = recvfrom(i == 0 ? inner : outer, datagram, sizeof datagram, 0,
                             (struct sockaddr *)&from, &len)) > 0) {
            client_at = i == 0 ? from : client_at;
            (void)!sendto(i == 0 ? outer : inner, datagram, (size_t)n, 0,
                          (struct sockaddr *)(i == 0 ? &server_at : &client_at), sizeof from);
            len = sizeof from;
        }
    }
}

/* -- One client, and a peer on some shard ------------------------------------------------------ */

static struct weir_shards *shards;
static struct weir_node *client;
static struct weir_peer *near, *far;
static struct weir_node *far_node;
static uint16_t channel[2];
static unsigned opened, heard[2];

static void open_all(void)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = 8 };
    shards = weir_shards_open(&c, SHARDS, error);
    client = weir_node_open(&c, error);
    if (shards == NULL || client == NULL) {
        fail_msg("%s", error);
    }
    uint16_t port = 0;
    inner = open_port(&port);
    outer = -1;
    new_outer_port();
    server_at = loopback(weir_node_stats(weir_shards_node(shards, 0)).local[0].port);
    opened = heard[0] = heard[1] = 0;
}

/* Leave out a description's candidates. */
static size_t without_candidates(const uint8_t *text, size_t n, char *out)
{
    size_t len = 0;
    for (size_t at = 0; at < n;) {
        const char *p = (const char *)text + at;
        size_t line = (size_t)((const char *)memchr(p, '\n', n - at) + 1 - p);
        at += line;
        if (strncmp(p, "a=candidate", 11) != 0) {
            memcpy(out + len, p, line);
            len += line;
        }
    }
    return len;
}

/* The server knows no candidate of the client, and the client one of the server: the translator. */
static void introduce(uint32_t shard)
{
    static uint8_t text[WEIR_PEER_SDP_MAX];
    static char edited[WEIR_PEER_SDP_MAX];
    const struct weir_sctp_channel_config config = { .label = WEIR_LIT("move"), .priority = 256 };
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct weir_sdp_error error;
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    char candidate[120];
    far_node = weir_shards_node(shards, shard);
    near = weir_node_peer(client, true);
    far = weir_node_peer(far_node, true);
    assert_int_equal(weir_open_channel(client, near, &config, &channel[0]), WEIR_OK);
    assert_int_equal(weir_create_offer(client, near, &w), WEIR_OK);
    size_t n = without_candidates(text, w.len, edited);
    assert_int_equal(weir_set_remote_offer(far_node, far, weir_span_of(edited, n), &error), WEIR_OK);
    w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_create_answer(far_node, far, &w), WEIR_OK);
    n = without_candidates(text, w.len, edited);
    assert_int_equal(weir_set_remote_answer(client, near, weir_span_of(edited, n), &error), WEIR_OK);
    assert_int_equal(getsockname(inner, (struct sockaddr *)&at, &len), 0);
    n = (size_t)snprintf(candidate, sizeof candidate, "candidate:1 1 udp 2122260223 127.0.0.1 %u typ host",
                         ntohs(at.sin_port));
    assert_int_equal(weir_add_candidate(client, near, weir_span_of(candidate, n)), WEIR_OK);
}

static void run_node(struct weir_node *n, int who)
{
    struct weir_event e;
    assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
    while (weir_node_event(n, &e)) {
        if (e.type == WEIR_EVENT_CHANNEL_OPEN) {
            opened++;
            channel[who] = e.channel;
        } else if (e.type == WEIR_EVENT_CHANNEL_MESSAGE) {
            heard[who]++;
        } else if (e.type == WEIR_EVENT_STATE) {
            assert_int_not_equal(e.state, WEIR_PEER_FAILED);
        }
    }
}

static void run_all(void)
{
    run_node(client, 0);
    for (uint32_t i = 0; i < SHARDS; i++) {
        run_node(weir_shards_node(shards, i), 1);
    }
    translate();
    (void)usleep(500);
}

static void close_all(void)
{
    weir_node_close(client);
    weir_shards_close(shards);
    (void)close(inner);
    (void)close(outer);
}

static uint64_t handed_over(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < SHARDS; i++) {
        sum += weir_node_stats(weir_shards_node(shards, i)).handed_over;
    }
    return sum;
}

static void a_connection_id_leads_to_its_shard_from_any_port(void **state)
{
    (void)state;
    uint64_t handed = 0;
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        open_all();
        introduce(shard);
        weir_time give_up = weir_pump_clock() + 20 * WEIR_SEC;
        while (opened < 2 && weir_pump_clock() < give_up) {
            run_all();
        }
        assert_int_equal(opened, 2);
        for (unsigned i = 0; i < MOVES / SHARDS; i++) {
            unsigned had[2] = { heard[0], heard[1] };
            new_outer_port();
            weir_time begun = weir_pump_clock();
            assert_int_equal(weir_channel_send(client, near, channel[0], WEIR_LIT("there"), true), WEIR_OK);
            while (heard[1] == had[1] && weir_pump_clock() < begun + 2 * WEIR_SEC) {
                run_all();
            }
            assert_int_equal(heard[1], had[1] + 1);
            assert_int_equal(weir_channel_send(far_node, far, channel[1], WEIR_LIT("back"), true), WEIR_OK);
            while (heard[0] == had[0] && weir_pump_clock() < begun + 2 * WEIR_SEC) {
                run_all();
            }
            assert_int_equal(heard[0], had[0] + 1); /* within two seconds, where consent takes five */
        }
        handed += handed_over();
        close_all();
    }
    assert_true(handed != 0); /* some port did lead to another shard */
}

/* -- The ids themselves ------------------------------------------------------------------------ */

static void ids_tell_peers_apart_and_hide_their_slots(void **state)
{
    (void)state;
    static uint8_t memory[1 << 20];
    struct node_demux d;
    uint8_t cid[NODE_CID_BYTES], again[NODE_CID_BYTES];
    struct weir_rand r;
    unsigned equal = 0;
    weir_rand_init_number(&r, 5);
    assert_true(weir_demux_bytes(64) <= sizeof memory);
    weir_demux_init(&d, 0x1234567890abcdef, 64, memory);
    for (uint32_t slot = 0; slot < 64; slot++) {
        for (uint32_t shard = 0; shard < WEIR_SHARDS_MAX; shard++) {
            weir_demux_make_cid(&d, shard, slot, (uint32_t)weir_rand_u64(&r), cid);
            assert_int_equal(cid[0], shard);
            assert_int_equal(weir_demux_slot_of_cid(&d, cid), slot);
            weir_demux_make_cid(&d, shard, slot, (uint32_t)weir_rand_u64(&r), again);
            equal += weir_be32(cid + 4) == weir_be32(again + 4) ? 1 : 0;
        }
    }
    assert_true(equal < 4);
}

/* A peer that is gone leaves no way in: neither its id nor one of the same slot. */
static void attack_D30_ids_of_nobody_find_nobody(void **state)
{
    (void)state;
    open_all();
    introduce(0);
    weir_time give_up = weir_pump_clock() + 20 * WEIR_SEC;
    while (opened < 2 && weir_pump_clock() < give_up) {
        run_all();
    }
    assert_int_equal(opened, 2);
    uint8_t record[60] = { 0x3f }, old[NODE_CID_BYTES];
    memcpy(old, far->config.cid, sizeof old);
    for (unsigned i = 0; i < 40; i++) {
        memcpy(record + 1, old, sizeof old);
        record[1] = (uint8_t)(i % 2 == 0 ? old[0] : i); /* its shard, others, and none */
        record[2 + i % 7] ^= (uint8_t)(1u << i % 8);
        (void)!sendto(outer, record, sizeof record, 0, (struct sockaddr *)&server_at, sizeof server_at);
        run_all();
    }
    uint32_t slot = far->node_slot;
    weir_node_free(far_node, far);
    struct weir_peer *next = weir_node_peer(far_node, true);
    assert_int_equal(next->node_slot, slot);
    assert_memory_not_equal(next->config.cid, old, sizeof old);
    memcpy(record + 1, old, sizeof old);
    uint64_t drops = weir_node_stats(far_node).drops[WEIR_NODE_DROP_PATH];
    new_outer_port();
    weir_time until = weir_pump_clock() + 200 * WEIR_MS;
    while (weir_pump_clock() < until) {
        (void)!sendto(outer, record, sizeof record, 0, (struct sockaddr *)&server_at, sizeof server_at);
        run_all();
    }
    assert_true(weir_node_stats(far_node).drops[WEIR_NODE_DROP_PATH] > drops);
    assert_int_equal(next->rx_packets, 0);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_id_leads_to_its_shard_from_any_port),
        cmocka_unit_test(ids_tell_peers_apart_and_hide_their_slots),
        cmocka_unit_test(attack_D30_ids_of_nobody_find_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
