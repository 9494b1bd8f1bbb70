/* Real sockets: peers of one node send in turn. Where the pump has no room for all, each has its part of it,
 * however much the others have to send. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "core/pump/pump_int.h"
#include "peer/node_int.h"
#include "peer/peer_int.h"
#include "test/support/support.h"

enum { PEERS = 8 };

static struct weir_node *server, *client;
static struct weir_peer *near[PEERS], *far[PEERS];
static unsigned opened, packets[PEERS], writable[PEERS];
static uint16_t seq[PEERS], channel_of[PEERS];
static uint8_t payload[1000];
static bool with_stamps;

static struct weir_node *open_one(void)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = PEERS,
                                  .share_bytes = 2u << 20,
                                  .pump = { .with_stamps = with_stamps } };
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        fail_msg("%s", error);
    }
    return n;
}

static void run_node(struct weir_node *n)
{
    struct weir_event e;
    assert_int_equal(weir_node_wait(n, 0), WEIR_OK);
    while (weir_node_event(n, &e)) {
        uint32_t i = (uint32_t)e.peer->user;
        opened += e.type == WEIR_EVENT_CHANNEL_OPEN ? 1 : 0;
        packets[i] += e.type == WEIR_EVENT_RTP && n == server ? 1 : 0;
        writable[i] += e.type == WEIR_EVENT_MEDIA_WRITABLE ? 1 : 0;
    }
}

static void run_for(weir_duration time)
{
    weir_time until = weir_time_add(weir_pump_clock(), time);
    do {
        run_node(client);
        run_node(server);
        (void)usleep(100);
    } while (weir_pump_clock() < until);
}

static void connect_pair(uint32_t i)
{
    static uint8_t text[WEIR_PEER_SDP_MAX];
    const struct weir_sctp_channel_config config = { .label = WEIR_LIT("x"), .priority = 256 };
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct weir_sdp_error error;
    unsigned before = opened;
    uint8_t media;
    near[i] = weir_node_peer(client, false);
    far[i] = weir_node_peer(server, false);
    near[i]->user = far[i]->user = i;
    assert_int_equal(weir_open_channel(client, near[i], &config, &channel_of[i]), WEIR_OK);
    assert_int_equal(weir_peer_add_media(near[i], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
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

static void open_both(void)
{
    server = open_one();
    client = open_one();
    opened = 0;
    memset(packets, 0, sizeof packets);
    memset(writable, 0, sizeof writable);
    memset(seq, 0, sizeof seq);
    for (uint32_t i = 0; i < PEERS; i++) {
        connect_pair(i);
    }
    run_for(50 * WEIR_MS);
}

static void close_both(void)
{
    weir_node_close(client);
    weir_node_close(server);
}

static struct weir_rtp_header header(uint32_t i)
{
    struct weir_rtp_header h = { .payload_type = media_at(near[i], 0)->codec[0].payload_type, .seq = seq[i]++,
                                 .payload = { payload, sizeof payload } };
    return h;
}

static void queue(uint32_t i, unsigned count)
{
    for (; count != 0; count--) {
        struct weir_rtp_header h = header(i);
        assert_int_equal(weir_peer_queue_rtp(near[i], weir_node_now(client), 0, &h, WEIR_NO_CELL), WEIR_OK);
    }
    weir_node_touch(client, near[i]);
}

static enum weir_status send_now(uint32_t i)
{
    struct weir_rtp_header h = header(i);
    return weir_send_rtp(client, near[i], 0, &h);
}

/* The kernel has no room: what is sent stays in the pump. */
static void dam_up(void)
{
    client->pump->retry_at = weir_time_add(weir_pump_clock(), 3600 * WEIR_SEC);
}

static void let_flow(void)
{
    client->pump->retry_at = weir_pump_clock();
    run_for(100 * WEIR_MS);
}

static void stage(void)
{
    assert_int_equal(weir_node_wait(client, 0), WEIR_OK);
}

/* -- Tests ------------------------------------------------------------------------------------- */

static void each_has_its_part_of_the_room(void **state)
{
    (void)state;
    uint64_t before[PEERS];
    open_both();
    for (uint32_t i = 0; i < PEERS; i++) {
        before[i] = near[i]->tx_packets;
        queue(i, 500);
    }
    dam_up();
    stage();
    for (uint32_t i = 0; i < PEERS; i++) {
        assert_in_range(near[i]->tx_packets - before[i], 64, 192); /* 128 of 1,024 slots, or a turn beside */
    }
    let_flow();
    for (uint32_t i = 0; i < PEERS; i++) {
        assert_int_equal(packets[i], 500);
    }
    close_both();
}

/* Though others have filled the pump, and were touched before. */
static void who_has_little_does_not_wait_for_who_has_much(void **state)
{
    (void)state;
    open_both();
    for (uint32_t i = 0; i < PEERS - 1; i++) {
        queue(i, 500);
    }
    queue(PEERS - 1, 3);
    dam_up();
    stage();
    assert_int_equal(weir_peer_rtp_waiting(near[PEERS - 1]), 0);
    assert_true(weir_peer_rtp_waiting(near[0]) != 0);
    let_flow();
    assert_int_equal(packets[PEERS - 1], 3);
    close_both();
}

/* Room comes back bit by bit: who found none is the next, and over time all have had the same. */
static void who_found_no_room_is_the_next(void **state)
{
    (void)state;
    uint64_t least = UINT64_MAX, most = 0, before[PEERS];
    open_both();
    for (uint32_t i = 0; i < PEERS; i++) {
        before[i] = near[i]->tx_packets;
        queue(i, 510);
    }
    dam_up();
    stage();
    for (unsigned round = 0; round < 40; round++) {
        client->pump->slot_tail += 40; /* less than a turn */
        stage();
    }
    for (uint32_t i = 0; i < PEERS; i++) {
        uint64_t sent = near[i]->tx_packets - before[i];
        least = sent < least ? sent : least;
        most = sent > most ? sent : most;
    }
    assert_true(most < 510);
    assert_true(most - least <= 64);
    assert_in_range(most, (1024 + 40 * 40) / PEERS, (1024 + 40 * 40) / PEERS + 64);
    client->pump->slot_tail -= 40 * 40;
    close_both();
}

/* Media that leaves at once does not pass by others who wait. */
static void who_sends_at_once_waits_where_others_do(void **state)
{
    (void)state;
    open_both();
    for (uint32_t i = 1; i < PEERS; i++) {
        queue(i, 500);
    }
    dam_up();
    stage();
    assert_true(client->is_crowded);
    client->pump->slot_tail += 500;
    unsigned sent = 0;
    enum weir_status status;
    while ((status = send_now(0)) == WEIR_OK) {
        sent++;
    }
    assert_int_equal(status, WEIR_ERR_FULL);
    assert_in_range(sent, 50, 130); /* a turn ahead, and no further */
    client->pump->slot_tail -= 500;
    let_flow();
    assert_int_equal(writable[0], 1);
    assert_int_equal(send_now(0), WEIR_OK);
    close_both();
}

/* With a rate set, what cannot leave at once waits in the queue instead of being refused. */
static void with_a_rate_media_waits_instead_of_being_refused(void **state)
{
    (void)state;
    open_both();
    weir_set_send_rate(client, near[0], 1000000);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(send_now(0), WEIR_OK);
    }
    assert_true(weir_peer_rtp_waiting(near[0]) > 250);
    run_for(50 * WEIR_MS);
    assert_in_range(packets[0], 20, 120);
    run_for(400 * WEIR_MS);
    assert_int_equal(packets[0], 300);
    assert_int_equal(writable[0], 0);
    close_both();
}

/* The pump is full and nobody waits: media is refused as ever, and told. */
static void media_refused_by_a_full_pump_is_told(void **state)
{
    (void)state;
    open_both();
    dam_up();
    unsigned sent = 0;
    while (send_now(2) == WEIR_OK) {
        sent++;
    }
    assert_in_range(sent, 900, 1024);
    run_node(client);
    assert_int_equal(writable[2], 0);
    let_flow();
    assert_int_equal(writable[2], 1);
    assert_int_equal(packets[2], sent);
    close_both();
}

/* Whether it left at once, from the queue or again: the kernel's moment takes the place of ours. */
static void the_kernel_tells_when_media_left(void **state)
{
    (void)state;
    with_stamps = true;
    open_both();
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(send_now(3), WEIR_OK);
        queue(4, 1);
        assert_int_equal(send_now(5), WEIR_OK);
        run_for(WEIR_MS);
    }
    for (uint32_t i = 3; i < 6; i++) {
        const struct weir_rtcp_sent *sent = &weir_peer_rtp(near[i])->sent;
        assert_int_equal(packets[i], 40);
        for (uint32_t k = 1; k <= 40; k++) {
            const struct weir_rtcp_sent_packet *one = weir_rtcp_sent_find(sent, sent->next - k);
            assert_non_null(one);
            assert_true(one->is_stamped);
            assert_true(one->at <= weir_pump_clock() && one->at + WEIR_SEC > weir_pump_clock());
        }
        assert_null(weir_rtcp_sent_find(sent, sent->next - 41));
    }
    const struct weir_rtcp_sent *sent = &weir_peer_rtp(near[3])->sent;
    weir_time at = weir_rtcp_sent_find(sent, sent->next - 1)->at;
    assert_int_equal(weir_channel_send(client, near[3], channel_of[3], WEIR_LIT("data"), false), WEIR_OK);
    run_for(5 * WEIR_MS);
    assert_int_equal(weir_rtcp_sent_find(sent, sent->next - 1)->at, at); /* that is not media */
    close_both();
    with_stamps = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_part_of_the_room),
        cmocka_unit_test(who_has_little_does_not_wait_for_who_has_much),
        cmocka_unit_test(who_found_no_room_is_the_next),
        cmocka_unit_test(who_sends_at_once_waits_where_others_do),
        cmocka_unit_test(with_a_rate_media_waits_instead_of_being_refused),
        cmocka_unit_test(media_refused_by_a_full_pump_is_told),
        cmocka_unit_test(the_kernel_tells_when_media_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
