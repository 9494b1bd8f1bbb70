/* The tables by which a node finds the peer of a datagram: each name, path and id leads to its own, however
 * full they are, and to nobody once its peer is gone; and who of several holders of a path is meant. */
#include "peer/node_int.h"
#include "test/support/support.h"

enum { PEERS = NODE_PATH_HOLDERS + 8 };

static struct node_demux d;
static void *memory;

static int open_tables(void **state)
{
    (void)state;
    memory = malloc(weir_demux_bytes(PEERS));
    weir_demux_init(&d, 0x1234567890abcdef, PEERS, memory);
    return 0;
}

static int close_tables(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static struct weir_path path_of(uint16_t local_port, uint16_t remote_port)
{
    return (struct weir_path){ weir_addr_v4(10, 0, 0, 1, local_port), weir_addr_v4(10, 0, 0, 2, remote_port) };
}

/* Two sockets of ours, one of the peer's: two paths; and the other way round. */
static void a_path_is_both_its_ends(void **state)
{
    (void)state;
    weir_demux_add_peer(&d, 0, WEIR_LIT("abcd"));
    for (uint16_t i = 0; i < NODE_PATHS_PER_PEER; i++) {
        const struct weir_path path = path_of(1000, (uint16_t)(2000 + i));
        assert_false(weir_demux_is_full(&d, 0));
        uint32_t at = weir_demux_add_path(&d, 0, &path);
        assert_int_equal(weir_demux_first_path(&d, &path), at);
        assert_int_equal(weir_demux_next_path(&d, at), NODE_NONE);
    }
    assert_true(weir_demux_is_full(&d, 0));
    for (uint16_t i = 0; i < NODE_PATHS_PER_PEER; i++) {
        for (uint16_t other = 1; other < 100; other++) {
            const struct weir_path near = path_of((uint16_t)(1000 + other), (uint16_t)(2000 + i));
            const struct weir_path far = path_of(1000, (uint16_t)(3000 + 100 * i + other));
            assert_int_equal(weir_demux_first_path(&d, &near), NODE_NONE);
            assert_int_equal(weir_demux_first_path(&d, &far), NODE_NONE);
        }
    }
}

/* Of two holders who came first stands first; when it leaves, the other is alone. */
static void holders_of_one_path_stand_in_their_order(void **state)
{
    (void)state;
    const struct weir_path path = path_of(1000, 2000);
    uint32_t at[3];
    for (uint32_t slot = 0; slot < 3; slot++) {
        weir_demux_add_peer(&d, slot, WEIR_LIT("abcd"));
        at[slot] = weir_demux_add_path(&d, slot, &path);
    }
    assert_int_equal(weir_demux_first_path(&d, &path), at[0]);
    assert_int_equal(weir_demux_next_path(&d, at[0]), at[1]);
    assert_int_equal(weir_demux_next_path(&d, at[1]), at[2]);
    weir_demux_drop_path(&d, at[1]);
    assert_int_equal(weir_demux_next_path(&d, at[0]), at[2]);
    weir_demux_remove_peer(&d, 0);
    assert_int_equal(weir_demux_first_path(&d, &path), at[2]);
    assert_int_equal(weir_demux_next_path(&d, at[2]), NODE_NONE);
}

static uint32_t slot_of(struct weir_span ufrag)
{
    return weir_demux_first_ufrag(&d, ufrag) / WEIR_ICE_GENERATIONS;
}

/* Names of before a restart lead to their peer for as long as it has them, and not beyond its end. */
static void names_end_with_their_peer(void **state)
{
    (void)state;
    const struct weir_span name[] = { WEIR_LIT("first"), WEIR_LIT("second"), WEIR_LIT("third") };
    for (unsigned round = 0; round < 3; round++) {
        weir_demux_add_peer(&d, 5, name[0]);
        assert_int_equal(slot_of(name[0]), 5);
        for (uint32_t g = 0; g < WEIR_ICE_GENERATIONS; g++) {
            weir_demux_set_ufrag(&d, 5, (enum weir_ice_generation)g, name[2 - g]);
        }
        for (uint32_t g = 0; g < WEIR_ICE_GENERATIONS; g++) {
            assert_int_equal(slot_of(name[g]), 5);
            assert_int_equal(weir_demux_first_ufrag(&d, name[g]) % WEIR_ICE_GENERATIONS, 2 - g);
        }
        assert_int_equal(weir_demux_first_ufrag(&d, WEIR_LIT("fourth")), NODE_NONE);
        if (round == 1) {
            weir_demux_set_ufrag(&d, 5, WEIR_ICE_OLDER, weir_span_of(NULL, 0));
            assert_int_equal(weir_demux_first_ufrag(&d, name[0]), NODE_NONE);
            assert_int_equal(slot_of(name[1]), 5);
        }
        weir_demux_remove_peer(&d, 5);
        for (uint32_t g = 0; g < WEIR_ICE_GENERATIONS; g++) {
            assert_int_equal(weir_demux_first_ufrag(&d, name[g]), NODE_NONE);
        }
    }
}

/* An id says its slot to us, and to nobody who has another key. */
static void an_id_leads_to_its_slot_under_its_key_alone(void **state)
{
    (void)state;
    struct node_demux other = d;
    unsigned same = 0;
    other.key ^= 1;
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t cid[NODE_CID_BYTES];
        weir_demux_make_cid(&d, 3, i, 77 * i, cid);
        assert_int_equal(cid[0], 3);
        assert_int_equal(weir_demux_slot_of_cid(&d, cid), i);
        same += weir_demux_slot_of_cid(&other, cid) == i ? 1 : 0;
    }
    assert_true(same <= 1);
}

/* -- Holders (node_paths.c) -------------------------------------------------------------------- */

static struct weir_node *node;
static struct weir_ice_room rooms[PEERS];

static int open_node(void **state)
{
    node = calloc(1, sizeof *node);
    node->peer = calloc(PEERS, sizeof *node->peer);
    open_tables(state);
    node->demux = d;
    for (uint32_t slot = 0; slot < PEERS; slot++) {
        node->peer[slot].node_slot = slot;
        node->peer[slot].timeline.dtls_done = WEIR_NEVER;
        weir_ice_room_init(&rooms[slot]);
        const struct weir_ice_config c = { .crypto = weir_crypto_default(), .pages = &rooms[slot].pages,
                                           .setups = &rooms[slot].setups };
        weir_ice_init(&node->peer[slot].ice, &c, 0);
        weir_demux_add_peer(&node->demux, slot, WEIR_LIT("abcd"));
    }
    return 0;
}

static int close_node(void **state)
{
    free(node->peer);
    free(node);
    return close_tables(state);
}

/* What a peer's ICE knows of the path: a request came by it, or an answer to ours. */
static void prove(uint32_t slot, const struct weir_path *path, enum weir_ice_proof proof)
{
    struct weir_ice *ice = &node->peer[slot].ice;
    struct weir_ice_candidate theirs = { .component = 1, .addr = path->remote };
    assert_int_equal(weir_ice_add_host(ice, 0, &path->local, 65535), WEIR_OK);
    assert_int_equal(weir_ice_add_remote(ice, 0, &theirs), WEIR_OK);
    assert_int_equal(ice->pairs, 1);
    weir_ice_pair_at(ice, 0)->has_request = proof >= WEIR_ICE_ASKED;
    weir_ice_pair_at(ice, 0)->is_valid = proof == WEIR_ICE_ANSWERED;
    weir_node_hold_path(node, &node->peer[slot], path);
}

static bool holds(uint32_t slot, const struct weir_path *path)
{
    uint32_t i = weir_demux_first_path(&node->demux, path);
    while (i != NODE_NONE && node->demux.path[i].slot != slot) {
        i = weir_demux_next_path(&node->demux, i);
    }
    return i != NODE_NONE;
}

static struct weir_peer *holder_of(const struct weir_path *path, uint8_t first)
{
    uint8_t bytes[40] = { first };
    const struct weir_packet k = { .data = bytes, .len = sizeof bytes, .path = *path };
    return weir_node_holder(node, &k);
}

static void attack_Y9_what_was_not_proven_holds_nothing(void **state)
{
    (void)state;
    const struct weir_path path = path_of(1000, 2000);
    prove(0, &path, WEIR_ICE_UNPROVEN);
    assert_false(holds(0, &path));
    assert_null(holder_of(&path, 22));
    prove(0, &path, WEIR_ICE_ASKED);
    prove(0, &path, WEIR_ICE_ASKED); /* twice is once */
    assert_true(holds(0, &path));
    assert_int_equal(node->demux.peer[0].path_count, 1);
    assert_ptr_equal(holder_of(&path, 22), &node->peer[0]);
}

/* As many as may hold a path; one more takes the place of one that is less proven, and of no other. */
static void attack_Y9_a_full_path_gives_way_to_better_proof_alone(void **state)
{
    (void)state;
    const struct weir_path path = path_of(1000, 2000);
    for (uint32_t slot = 0; slot < NODE_PATH_HOLDERS; slot++) {
        prove(slot, &path, slot == 1 ? WEIR_ICE_ANSWERED : WEIR_ICE_ASKED);
    }
    prove(NODE_PATH_HOLDERS, &path, WEIR_ICE_ASKED);
    assert_false(holds(NODE_PATH_HOLDERS, &path));
    prove(NODE_PATH_HOLDERS, &path, WEIR_ICE_ANSWERED);
    assert_true(holds(NODE_PATH_HOLDERS, &path));
    assert_true(holds(0, &path) && holds(1, &path));
    assert_false(holds(NODE_PATH_HOLDERS - 1, &path)); /* the last of the least proven */
}

/* Whoever waits for such a datagram: who has the path better proven is meant. */
static void attack_Y9_who_is_answered_there_is_meant(void **state)
{
    (void)state;
    const struct weir_path path = path_of(1000, 2000);
    prove(0, &path, WEIR_ICE_ASKED); /* and its handshake is not done */
    prove(1, &path, WEIR_ICE_ANSWERED);
    node->peer[1].timeline.dtls_done = WEIR_SEC;
    assert_ptr_equal(holder_of(&path, 22), &node->peer[1]);
    prove(2, &path, WEIR_ICE_ANSWERED); /* of equals the one that waits for a handshake */
    assert_ptr_equal(holder_of(&path, 22), &node->peer[2]);
    assert_ptr_equal(holder_of(&path, 0x3c), &node->peer[1]);
}

/* -- Datagrams that name a slot ---------------------------------------------------------------- */

struct stranger {
    struct weir_node *n;
    struct weir_pump *pump;
    struct weir_path path;
};

static void send(struct stranger *x, const uint8_t *bytes, size_t n)
{
    struct weir_event e;
    struct weir_mspan room = weir_pump_room(x->pump);
    uint64_t had = weir_pump_stats(x->n->pump)->rx_packets;
    memcpy(room.p, bytes, n);
    assert_int_equal(weir_pump_send(x->pump, &x->path, 0, n), WEIR_OK);
    weir_pump_flush(x->pump);
    for (int i = 0; i < 1000 && weir_pump_stats(x->n->pump)->rx_packets == had; i++) {
        assert_int_equal(weir_node_wait(x->n, weir_pump_clock() + WEIR_MS), WEIR_OK);
        while (weir_node_event(x->n, &e)) {
        }
    }
    assert_true(weir_pump_stats(x->n->pump)->rx_packets == had + 1);
}

/* A record with this id, or an answer to a question of this slot. */
static void send_record(struct stranger *x, const uint8_t cid[NODE_CID_BYTES])
{
    uint8_t record[60] = { 0x3f };
    memcpy(record + 1, cid, NODE_CID_BYTES);
    send(x, record, sizeof record);
}

static void send_answer(struct stranger *x, uint32_t slot)
{
    uint8_t answer[20] = { 1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 7 };
    uint32_t mask = weir_ice_txid_tag(weir_shard_txid_key(x->n), answer + 8);
    weir_put32(answer + 16, mask ^ weir_shard_make_tag(x->n, slot));
    send(x, answer, sizeof answer);
}

/* What names a place that is empty, or is somebody else's by now, is dropped before any peer sees it. */
static void a_name_of_nobody_reaches_nobody(void **state)
{
    (void)state;
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    const struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = 4 };
    const struct weir_pump_config plain = { .kind = WEIR_PUMP_DEFAULT };
    struct stranger x = { weir_node_open(&c, error), weir_pump_open(&plain, error), { .local = one } };
    uint32_t socket;
    assert_non_null(x.n);
    assert_non_null(x.pump);
    x.path.remote = weir_node_stats(x.n).local[0];
    assert_int_equal(weir_pump_bind(x.pump, &one, &x.path.local, &socket, error), WEIR_OK);
    struct weir_peer *p = weir_node_peer(x.n, true);
    uint8_t cid[NODE_CID_BYTES];
    send_record(&x, p->config.cid);
    send_answer(&x, p->node_slot);
    assert_int_equal(p->rx_packets, 2);
    assert_int_equal(x.n->drops[WEIR_NODE_DROP_PATH], 0);
    /* The slot is right, the peer is not. */
    weir_demux_make_cid(&x.n->demux, 0, p->node_slot, weir_be32(p->config.cid) + 1, cid);
    send_record(&x, cid);
    assert_int_equal(x.n->drops[WEIR_NODE_DROP_PATH], 1);
    for (uint32_t slot = 0; slot < 6; slot++) {
        if (slot != p->node_slot) {
            uint64_t before = x.n->drops[WEIR_NODE_DROP_PATH];
            weir_demux_make_cid(&x.n->demux, 0, slot, 1, cid);
            send_record(&x, cid);
            send_answer(&x, slot);
            assert_int_equal(x.n->drops[WEIR_NODE_DROP_PATH], before + 2);
        }
    }
    assert_int_equal(p->rx_packets, 2);
    weir_pump_close(x.pump);
    weir_node_close(x.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_path_is_both_its_ends, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(holders_of_one_path_stand_in_their_order, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(names_end_with_their_peer, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(an_id_leads_to_its_slot_under_its_key_alone, open_tables, close_tables),
        cmocka_unit_test(a_name_of_nobody_reaches_nobody),
        cmocka_unit_test_setup_teardown(attack_Y9_what_was_not_proven_holds_nothing, open_node, close_node),
        cmocka_unit_test_setup_teardown(attack_Y9_a_full_path_gives_way_to_better_proof_alone, open_node,
                                        close_node),
        cmocka_unit_test_setup_teardown(attack_Y9_who_is_answered_there_is_meant, open_node, close_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
