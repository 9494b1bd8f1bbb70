/* After set-up the packet path allocates nothing: two nodes over real sockets move data and media with an
 * allocator that ends the program when it is asked. */
#include <stdio.h>
#include <unistd.h>

#include "peer/peer.h"
#include "test/support/support.h"

/* The C library's own, under the names that it also gives them. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

static bool is_forbidden;
static unsigned allocations;

static void asked(void)
{
    static const char said[] = "the packet path asked for memory\n";
    allocations++;
    if (is_forbidden) {
        ssize_t ignored = write(2, said, sizeof said - 1);
        (void)ignored;
        abort();
    }
}

void *malloc(size_t n)
{
    asked();
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t each)
{
    asked();
    return __libc_calloc(n, each);
}

void *realloc(void *p, size_t n)
{
    asked();
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    asked();
    return __libc_memalign(alignment, n);
}

struct end {
    struct weir_node *node;
    struct weir_peer *peer;
    uint16_t channel;
    bool is_open;
    uint64_t bytes, packets;
};

static struct end end[2];
static enum weir_pump_kind kind;

static void open_end(struct end *e)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    const struct weir_node_config c = { .bind = &any, .binds = 1, .no_mdns = true, .peers_max = 1,
                                        .pump = { .kind = kind } };
    memset(e, 0, sizeof *e);
    e->node = weir_node_open(&c, error);
    if (e->node == NULL) {
        fail_msg("%s", error);
    }
    e->peer = weir_node_peer(e->node, false);
    assert_non_null(e->peer);
}

static void introduce(void)
{
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    const struct weir_sctp_channel_config channel = { .label = WEIR_LIT("alloc"), .priority = 256 };
    struct weir_sdp_error error;
    uint8_t media;
    assert_int_equal(weir_peer_add_media(end[0].peer, WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    assert_int_equal(weir_open_channel(end[0].node, end[0].peer, &channel, &end[0].channel), WEIR_OK);
    assert_int_equal(weir_create_offer(end[0].node, end[0].peer, &offer), WEIR_OK);
    assert_int_equal(weir_set_remote_offer(end[1].node, end[1].peer, weir_span_of(text[0], offer.len),
                                           &error), WEIR_OK);
    assert_int_equal(weir_peer_set_direction(end[1].peer, 0, WEIR_SDP_SENDRECV), WEIR_OK);
    assert_int_equal(weir_create_answer(end[1].node, end[1].peer, &answer), WEIR_OK);
    assert_int_equal(weir_set_remote_answer(end[0].node, end[0].peer, weir_span_of(text[1], answer.len),
                                            &error), WEIR_OK);
}

static void run(struct end *e)
{
    struct weir_event ev;
    assert_int_equal(weir_node_wait(e->node, weir_pump_clock() + WEIR_MS), WEIR_OK);
    while (weir_node_event(e->node, &ev)) {
        if (ev.type == WEIR_EVENT_CHANNEL_OPEN) {
            e->is_open = true;
            e->channel = ev.channel;
        }
        e->bytes += ev.type == WEIR_EVENT_CHANNEL_MESSAGE ? ev.data.n : 0;
        e->packets += ev.type == WEIR_EVENT_RTP ? 1 : 0;
    }
}

static void send_some(struct end *e, uint32_t *number)
{
    static const uint8_t message[60000];
    static const uint8_t payload[1000];
    (void)!weir_channel_send(e->node, e->peer, e->channel, weir_span_of(message, sizeof message), false);
    for (int i = 0; i < 20; i++) {
        const struct weir_rtp_header h = { .payload_type = weir_peer_media_at(e->peer, 0)->codec[0].payload_type,
                                           .seq = (uint16_t)*number, .timestamp = *number * 90,
                                           .payload = { payload, sizeof payload } };
        *number += weir_send_rtp(e->node, e->peer, 0, &h) == WEIR_OK ? 1 : 0;
    }
}

static void nothing_is_allocated_once_connected(void **state)
{
    (void)state;
    open_end(&end[0]);
    open_end(&end[1]);
    introduce();
    weir_time give_up = weir_pump_clock() + 10 * WEIR_SEC;
    while (!(end[0].is_open && end[1].is_open && end[0].peer->is_srtp_ready && end[1].peer->is_srtp_ready)
           && weir_pump_clock() < give_up) {
        run(&end[0]);
        run(&end[1]);
    }
    assert_true(end[0].is_open && end[1].is_open);
    assert_true(allocations != 0); /* the guard does see what is asked for */
    uint32_t number[2] = { 0, 0 };
    weir_time until = weir_pump_clock() + 3 * WEIR_SEC; /* reports, timers and checks come by too */
    is_forbidden = true;
    while (weir_pump_clock() < until) {
        for (int i = 0; i < 2; i++) {
            send_some(&end[i], &number[i]);
            run(&end[i]);
        }
    }
    is_forbidden = false;
    for (int i = 0; i < 2; i++) {
        assert_true(end[i].bytes > 1000000);
        assert_true(end[i].packets > 1000);
        weir_node_close(end[i].node);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_allocated_once_connected) };
    kind = WEIR_PUMP_DEFAULT;
    int failed = cmocka_run_group_tests_name("default", tests, NULL, NULL);
    kind = WEIR_PUMP_EPOLL;
    return failed + cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
}
