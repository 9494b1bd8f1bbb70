/* Real sockets: the memory of a node with many peers. Some hold what they can get; the others go on as if they
 * were alone, new ones connect, and who was refused is told. A payload that goes to many is kept once. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "peer/node_int.h"
#include "test/support/support.h"

enum { PEERS = 24 };

static struct weir_node *server, *client;
static struct weir_peer *near[PEERS], *far[PEERS];
static unsigned opened, messages[PEERS], packets[PEERS], writable[PEERS];
static uint16_t channel_of[2][PEERS];
static uint64_t digest[PEERS];
static uint8_t bytes[65536];

static struct weir_node *open_one(size_t lend)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = PEERS,
                                  .lend_bytes = lend };
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        fail_msg("%s", error);
    }
    return n;
}

static void open_both(size_t lend)
{
    server = open_one(lend);
    client = open_one(0);
    opened = 0;
    memset(messages, 0, sizeof messages);
    memset(packets, 0, sizeof packets);
    memset(writable, 0, sizeof writable);
    memset(near, 0, sizeof near);
    memset(far, 0, sizeof far);
}

static void close_both(void)
{
    weir_node_close(client);
    weir_node_close(server);
}

static void run_node(struct weir_node *n)
{
    int who = n == server;
    struct weir_event e;
    assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
    while (weir_node_event(n, &e)) {
        uint32_t i = (uint32_t)e.peer->user;
        if (e.type == WEIR_EVENT_CHANNEL_OPEN) {
            opened++;
            channel_of[who][i] = e.channel;
        } else if (e.type == WEIR_EVENT_CHANNEL_MESSAGE && who == 0) {
            messages[i]++;
        } else if (e.type == WEIR_EVENT_WRITABLE && who == 1) {
            writable[i]++;
        } else if (e.type == WEIR_EVENT_RTP && who == 1) {
            packets[i]++;
            digest[i] = e.rtp.payload.n == 1000 ? weir_be64(e.rtp.payload.p + 100) : 0;
        }
    }
}

static void run_for(weir_duration time)
{
    weir_time until = weir_time_add(weir_pump_clock(), time);
    do {
        run_node(client);
        run_node(server);
        (void)usleep(200);
    } while (weir_pump_clock() < until);
}

static void connect_pair(uint32_t i, bool has_media)
{
    static uint8_t text[WEIR_PEER_SDP_MAX];
    const struct weir_sctp_channel_config config = { .label = WEIR_LIT("x"), .priority = 256 };
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct weir_sdp_error error;
    unsigned before = opened;
    uint8_t media;
    near[i] = weir_node_peer(client, !has_media);
    far[i] = weir_node_peer(server, !has_media);
    assert_non_null(near[i]);
    assert_non_null(far[i]);
    near[i]->user = far[i]->user = i;
    assert_int_equal(weir_open_channel(client, near[i], &config, &channel_of[0][i]), WEIR_OK);
    if (has_media) {
        assert_int_equal(weir_peer_add_media(near[i], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    }
    assert_int_equal(weir_create_offer(client, near[i], &w), WEIR_OK);
    assert_int_equal(weir_set_remote_offer(server, far[i], weir_span_of(text, w.len), &error), WEIR_OK);
    w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_create_answer(server, far[i], &w), WEIR_OK);
    assert_int_equal(weir_set_remote_answer(client, near[i], weir_span_of(text, w.len), &error), WEIR_OK);
    for (int k = 0; k < 5000 && opened < before + 2; k++) {
        run_for(WEIR_MS);
    }
    assert_int_equal(opened, before + 2);
}

static enum weir_status give(uint32_t i, size_t n)
{
    return weir_channel_send(server, far[i], channel_of[1][i], weir_span_of(bytes, n), false);
}

/* Y10: twelve peers went away without a word while much was being sent to them: no acknowledgement will come.
 * What was lent to them is not missed by the others, and new peers connect. */
static void attack_Y10_who_never_acknowledges_is_not_missed(void **state)
{
    (void)state;
    enum { GONE = 12, OTHERS = 6 };
    open_both(8 << 20);
    for (uint32_t i = 0; i < GONE + OTHERS; i++) {
        connect_pair(i, false);
    }
    for (uint32_t i = 0; i < GONE; i++) {
        weir_node_free(client, near[i]); /* silently */
    }
    for (int turn = 0; turn < 50; turn++) { /* as long as they may still be there */
        for (uint32_t i = 0; i < GONE; i++) {
            while (give(i, 60000) == WEIR_OK) {
            }
        }
        run_for(2 * WEIR_MS);
    }
    for (uint32_t i = GONE; i < GONE + OTHERS; i++) {
        unsigned sent = 0;
        for (int turn = 0; turn < 2000 && sent < 100; turn++) {
            while (sent < 100 && give(i, 60000) == WEIR_OK) {
                sent++;
            }
            run_for(WEIR_MS);
        }
        assert_int_equal(sent, 100);
        for (int turn = 0; turn < 2000 && messages[i] < 100; turn++) {
            run_for(WEIR_MS);
        }
        assert_int_equal(messages[i], 100);
    }
    for (uint32_t i = GONE + OTHERS; i < PEERS; i++) {
        if (i - GONE - OTHERS < 6) {
            near[i] = NULL;
        }
        connect_pair(i, false);
        assert_int_equal(give(i, 60000), WEIR_OK);
    }
    assert_null(weir_node_peer(server, true)); /* every peer has its share, or is none */
    close_both();
}

/* Refused because others held what is lent: told by the node when they gave it back, without a packet of its
 * own coming or going. */
static void who_was_refused_is_told_by_the_node(void **state)
{
    (void)state;
    enum { HOLDERS = 6 };
    open_both(2 << 20);
    for (uint32_t i = 0; i <= HOLDERS; i++) {
        connect_pair(i, false);
    }
    for (uint32_t i = 0; i < HOLDERS; i++) {
        while (give(i, 30000) == WEIR_OK) { /* nothing leaves before the next wait */
        }
    }
    while (give(HOLDERS, 60000) == WEIR_OK) {
    }
    writable[HOLDERS] = 0;
    for (int turn = 0; turn < 3000 && writable[HOLDERS] == 0; turn++) {
        run_for(WEIR_MS);
    }
    assert_int_equal(writable[HOLDERS], 1);
    assert_int_equal(give(HOLDERS, 60000), WEIR_OK);
    close_both();
}

static void payload_sent(uint32_t i, uint16_t seq, uint32_t shared, bool is_lost)
{
    uint8_t room[WEIR_MTU];
    struct weir_path to;
    size_t len;
    struct weir_rtp_header h = { .payload_type = weir_peer_media_at(near[i], 0)->codec[0].payload_type, .seq = seq,
                                 .timestamp = 3000u * seq };
    if (!is_lost) {
        assert_int_equal(weir_send_shared_rtp(client, near[i], 0, &h, shared), WEIR_OK);
        return;
    }
    assert_int_equal(weir_peer_write_shared_rtp(near[i], weir_node_now(client), 0, &h, shared,
                                                (struct weir_mspan){ room, sizeof room }, &len, &to),
                     WEIR_OK); /* written, and never sent */
}

/* One packet to many receivers, each of which loses some and asks again: the payload is kept once, and what comes
 * again is what was meant. */
static void a_payload_for_many_is_kept_once(void **state)
{
    (void)state;
    enum { RECEIVERS = 12, COUNT = 60, SIZE = 1000 };
    open_both(0);
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        connect_pair(i, true);
    }
    uint32_t before = client->pool.free_count;
    for (uint16_t seq = 0; seq < COUNT; seq++) {
        memset(bytes, (uint8_t)seq, SIZE);
        uint32_t shared = weir_share_payload(client, weir_span_of(bytes, SIZE));
        assert_int_not_equal(shared, WEIR_NO_CELL);
        for (uint32_t i = 0; i < RECEIVERS; i++) {
            payload_sent(i, seq, shared, seq != 0 && seq < COUNT - 1 && (seq + i) % 5 == 0);
        }
        weir_drop_payload(client, shared);
        run_for(2 * WEIR_MS);
    }
    /* Sealed for each, stored once: a cell for each receiver besides. */
    uint32_t held = before - client->pool.free_count;
    assert_true(held * 2048 < COUNT * (SIZE + 300 + RECEIVERS * 70) * 11 / 10);
    for (int turn = 0; turn < 2000; turn++) {
        bool is_done = true;
        for (uint32_t i = 0; i < RECEIVERS; i++) {
            is_done &= packets[i] == COUNT;
        }
        if (is_done) {
            break;
        }
        run_for(WEIR_MS);
    }
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        assert_int_equal(packets[i], COUNT);
        assert_int_not_equal(digest[i], 0);
    }
    close_both();
}

/* Y9: two peers behind one pair of addresses, one of which sends under the other's SSRC, before it and all the
 * while, and garbage besides: what is sealed with a peer's keys reaches that peer. */
static void attack_Y9_who_uses_anothers_ssrc_takes_no_media(void **state)
{
    (void)state;
    enum { COUNT = 100, SIZE = 1000 };
    uint8_t garbage[200] = { 0x80, 96 };
    struct weir_path to;
    open_both(0);
    connect_pair(0, true);
    connect_pair(1, true);
    ((struct weir_media *)weir_peer_media_at(near[0], 0))->ssrc = weir_peer_media_at(near[1], 0)->ssrc;
    weir_put32(garbage + 8, weir_peer_media_at(near[1], 0)->ssrc);
    assert_true(weir_ice_selected(&near[0]->ice, &to));
    for (uint16_t seq = 0; seq < COUNT; seq++) {
        memset(bytes, (uint8_t)(seq + 1), SIZE);
        uint32_t shared = weir_share_payload(client, weir_span_of(bytes, SIZE));
        for (uint32_t i = 0; i < (seq < 10 ? 1 : 2); i++) { /* it begins first */
            payload_sent(i, seq, shared, false);
        }
        weir_drop_payload(client, shared);
        struct weir_mspan room = weir_pump_room(client->pump);
        weir_put16(garbage + 2, seq);
        memcpy(room.p, garbage, sizeof garbage);
        assert_int_equal(weir_pump_send(client->pump, &to, 0, sizeof garbage), WEIR_OK);
        run_for(2 * WEIR_MS);
    }
    run_for(50 * WEIR_MS);
    assert_int_equal(packets[0], COUNT);
    assert_true(packets[1] >= COUNT - 11); /* one may be lost to finding out */
    close_both();
}

/* One connection at a time is set up: who comes second is refused, nothing of it has changed, and it is served
 * when the first one is up. */
static void as_many_set_up_at_a_time_as_the_node_has_room_for(void **state)
{
    (void)state;
    static uint8_t text[WEIR_PEER_SDP_MAX];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = PEERS };
    char error[WEIR_NODE_ERROR_BYTES];
    struct weir_sdp_error wrong;
    open_both(0);
    weir_node_close(client);
    c.setups_max = 1;
    client = weir_node_open(&c, error);
    assert_non_null(client);
    assert_int_equal(server->ice_setups.count, PEERS);
    assert_int_equal(client->ice_setups.count, 1);
    for (uint32_t round = 0; round < 3; round++) {
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
        struct weir_peer *waits = weir_node_peer(client, true); /* sets nothing up yet */
        assert_non_null(waits);
        waits->user = PEERS - 1;
        struct weir_peer *first = weir_node_peer(client, true);
        assert_non_null(first);
        assert_int_equal(weir_create_offer(client, first, &w), WEIR_OK);
        w = weir_wr_of((struct weir_mspan){ text, sizeof text });
        assert_int_equal(weir_create_offer(client, waits, &w), WEIR_ERR_FULL);
        assert_int_equal(waits->signalling, WEIR_STABLE);
        assert_int_equal(weir_set_remote_answer(client, waits, WEIR_LIT("v=0"), &wrong), WEIR_ERR_STATE);
        weir_node_free(client, waits);
        weir_node_free(client, first);
        assert_int_equal(client->ice_setups.leased, 0);
        connect_pair(round, false); /* and this one has it */
        for (int k = 0; k < 1000 && client->ice_setups.leased + server->ice_setups.leased != 0; k++) {
            run_for(WEIR_MS);
        }
        assert_int_equal(client->ice_setups.leased + server->ice_setups.leased, 0);
        assert_true(client->ice_pages.leased <= 4 * (round + 1));
    }
    close_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_Y10_who_never_acknowledges_is_not_missed),
        cmocka_unit_test(who_was_refused_is_told_by_the_node),
        cmocka_unit_test(a_payload_for_many_is_kept_once),
        cmocka_unit_test(as_many_set_up_at_a_time_as_the_node_has_room_for),
        cmocka_unit_test(attack_Y9_who_uses_anothers_ssrc_takes_no_media),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
