/* Real sockets: on a node the names of all generations lead to their peer, and no others, whatever is taken back. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "peer/node_int.h"
#include "test/support/support.h"

static struct weir_node *node[2];
static struct weir_peer *peer[2];
static uint16_t channel;
static unsigned opened, heard;
static uint8_t text[WEIR_PEER_SDP_MAX];
static size_t length;

static void run_for(weir_duration how_long)
{
    weir_time end = weir_pump_clock() + how_long;
    do {
        for (int i = 0; i < 2; i++) {
            struct weir_event e;
            assert_int_equal(weir_node_wait(node[i], 0), WEIR_OK);
            while (weir_node_event(node[i], &e)) {
                assert_non_null(e.peer); /* what is told of none is not told */
                opened += e.type == WEIR_EVENT_CHANNEL_OPEN ? 1 : 0;
                heard += e.type == WEIR_EVENT_CHANNEL_MESSAGE ? 1 : 0;
            }
        }
        (void)usleep(300);
    } while (weir_pump_clock() < end);
}

static void offer(int from)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_create_offer(node[from], peer[from], &w), WEIR_OK);
    length = w.len;
}

static enum weir_status take_offer(int to)
{
    struct weir_sdp_error error;
    return weir_set_remote_offer(node[to], peer[to], weir_span_of(text, length), &error);
}

static void answer(int from)
{
    struct weir_sdp_error error;
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_create_answer(node[from], peer[from], &w), WEIR_OK);
    assert_int_equal(weir_set_remote_answer(node[1 - from], peer[1 - from], weir_span_of(text, w.len), &error),
                     WEIR_OK);
}

/* One peer, or nobody, of this name. */
static bool leads_to(int i, const struct weir_ice_own *ufrag)
{
    uint32_t at = weir_demux_first_ufrag(&node[i]->demux, weir_span_of(ufrag->text, ufrag->bytes));
    assert_true(at == NODE_NONE || at / WEIR_ICE_GENERATIONS == peer[i]->node_slot);
    return at != NODE_NONE;
}

static void hear(void)
{
    unsigned before = heard;
    assert_int_equal(weir_channel_send(node[0], peer[0], channel, WEIR_LIT("hello"), true), WEIR_OK);
    for (unsigned i = 0; i < 100 && heard == before; i++) {
        run_for(10 * WEIR_MS);
    }
    assert_int_equal(heard, before + 1);
}

static void names_come_and_go_with_their_descriptions(void **state)
{
    (void)state;
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    const struct weir_sctp_channel_config config = { .label = WEIR_LIT("x"), .priority = 256 };
    const struct weir_node_config c = { .bind = &any, .binds = 1, .no_mdns = true, .peers_max = 4 };
    for (int i = 0; i < 2; i++) {
        node[i] = weir_node_open(&c, error);
        assert_non_null(node[i]);
        peer[i] = weir_node_peer(node[i], true);
    }
    struct weir_ice_own first = peer[0]->ice.local_ufrag;
    offer(0);
    run_for(10 * WEIR_MS);
    assert_true(leads_to(0, &first));
    assert_int_equal(weir_rollback(node[0], peer[0]), WEIR_OK);
    run_for(10 * WEIR_MS);
    assert_false(leads_to(0, &first)); /* it stood in nothing else */
    assert_int_equal(weir_open_channel(node[0], peer[0], &config, &channel), WEIR_OK);
    offer(0);
    assert_int_equal(take_offer(1), WEIR_OK);
    answer(1);
    for (unsigned i = 0; i < 500 && opened < 2; i++) {
        run_for(10 * WEIR_MS);
    }
    assert_int_equal(opened, 2);
    struct weir_ice_own used[2] = { peer[0]->ice.local_ufrag, peer[1]->ice.local_ufrag };
    for (unsigned round = 0; round < 3; round++) {
        weir_peer_restart_ice(peer[0]);
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
        assert_int_equal(weir_preview_offer(node[0], peer[0], &w), WEIR_OK);
        assert_memory_equal(&peer[0]->ice.local_ufrag, &used[0], sizeof used[0]);
        offer(0);
        assert_int_equal(take_offer(1), WEIR_OK);
        struct weir_ice_own fresh[2] = { peer[0]->ice.local_ufrag, peer[1]->ice.local_ufrag };
        run_for(50 * WEIR_MS);
        for (int i = 0; i < 2; i++) {
            assert_true(leads_to(i, &used[i]) && leads_to(i, &fresh[i]));
        }
        hear();
        for (int i = 0; i < 2; i++) {
            assert_int_equal(weir_rollback(node[i], peer[i]), WEIR_OK);
            assert_int_equal(weir_rollback(node[i], peer[i]), WEIR_ERR_STATE);
        }
        run_for(50 * WEIR_MS);
        for (int i = 0; i < 2; i++) {
            assert_true(leads_to(i, &used[i]));
            assert_false(leads_to(i, &fresh[i]));
        }
        hear();
    }
    /* They meet; who is polite gives way. */
    weir_peer_set_polite(peer[1], true);
    offer(1);
    offer(0);
    assert_int_equal(take_offer(1), WEIR_OK);
    answer(1);
    run_for(300 * WEIR_MS);
    assert_false(leads_to(0, &used[0])); /* the restart that was asked for all the time */
    hear();
    const struct weir_span nobodys = WEIR_LIT("candidate:1 1 udp 1 127.0.0.1 4000 typ host ufrag nobodys");
    assert_int_equal(weir_add_candidate(node[1], peer[1], nobodys), WEIR_ERR_STATE);
    assert_int_equal(weir_add_candidate_of(node[1], peer[1], weir_span_of(NULL, 0), WEIR_LIT("nobodys")),
                     WEIR_ERR_STATE);
    assert_int_equal(peer[1]->ice.strays, 2);
    /* A .local name is the node's to resolve, and no event. */
    const struct weir_span named =
        WEIR_LIT("candidate:1 1 udp 1 2f4fdd10-0000-4000-8000-00805f9b34fb.local 4000 typ host");
    assert_int_equal(weir_add_candidate(node[1], peer[1], named), WEIR_OK);
    run_for(50 * WEIR_MS);
    hear();
    for (int i = 0; i < 2; i++) {
        weir_node_close(node[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_and_go_with_their_descriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
