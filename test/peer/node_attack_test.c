/* Real sockets: what the peers of one node may do to each other. One names another's address, asks from it, or
 * shares it; one restarts and its answer is slow. Nobody takes anything from anybody. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "peer/node_int.h"
#include "test/support/support.h"

static struct weir_node *server, *client;
static unsigned opened, heard[2], failed, refused;
static uint16_t last_channel[2];
static enum weir_ice_refusal refusal;

static struct weir_node *open_one(bool no_cid)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr one = weir_addr_v4(127, 0, 0, 1, 0);
    struct weir_node_config c = { .bind = &one, .binds = 1, .no_mdns = true, .peers_max = 8,
                                  .no_cid = no_cid };
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        fail_msg("%s", error);
    }
    return n;
}

static void open_both(bool no_cid)
{
    server = open_one(no_cid);
    client = open_one(no_cid);
    opened = heard[0] = heard[1] = failed = refused = 0;
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
        if (e.type == WEIR_EVENT_CHANNEL_OPEN) {
            opened++;
            e.peer->user = e.channel;
            last_channel[who] = e.channel;
        } else if (e.type == WEIR_EVENT_CANDIDATE_REFUSED) {
            refused++;
            refusal = e.refusal;
        }
        heard[who] += e.type == WEIR_EVENT_CHANNEL_MESSAGE;
        failed += e.type == WEIR_EVENT_STATE && (e.state == WEIR_PEER_FAILED
                                                 || e.state == WEIR_PEER_DISCONNECTED);
    }
}

static void run_for(weir_duration time)
{
    weir_time until = weir_time_add(weir_pump_clock(), time);
    while (weir_pump_clock() < until) {
        run_node(client);
        run_node(server);
        (void)usleep(300);
    }
}

/* The offer of a peer of the client's, with its candidates or with one of our choice. */
static void offer_to(struct weir_peer *near, struct weir_peer *far, const char *candidate)
{
    static uint8_t text[WEIR_PEER_SDP_MAX], answer[WEIR_PEER_SDP_MAX];
    static char edited[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct weir_sdp_error error;
    size_t n = 0;
    assert_int_equal(weir_create_offer(client, near, &w), WEIR_OK);
    for (size_t at = 0; at < w.len;) {
        const char *p = (const char *)text + at;
        size_t line = (size_t)((const char *)memchr(p, '\n', w.len - at) + 1 - p);
        at += line;
        if (candidate == NULL || (strncmp(p, "a=candidate", 11) != 0 && strncmp(p, "a=end-of", 8) != 0)) {
            memcpy(edited + n, p, line);
            n += line;
        }
    }
    n += candidate == NULL ? 0 : (size_t)snprintf(edited + n, sizeof edited - n, "a=%s\r\n", candidate);
    assert_int_equal(weir_set_remote_offer(server, far, weir_span_of(edited, n), &error), WEIR_OK);
    w = weir_wr_of((struct weir_mspan){ answer, sizeof answer });
    assert_int_equal(weir_create_answer(server, far, &w), WEIR_OK);
    if (candidate == NULL) {
        assert_int_equal(weir_set_remote_answer(client, near, weir_span_of(answer, w.len), &error), WEIR_OK);
    }
}

/* A pair of peers that talk: near's channel in near->user. */
static void connect_pair(struct weir_peer **near, struct weir_peer **far)
{
    const struct weir_sctp_channel_config config = { .label = WEIR_LIT("x"), .priority = 256 };
    uint16_t channel;
    unsigned before = opened;
    *near = weir_node_peer(client, true);
    *far = weir_node_peer(server, true);
    assert_int_equal(weir_open_channel(client, *near, &config, &channel), WEIR_OK);
    offer_to(*near, *far, NULL);
    for (int i = 0; i < 5000 && opened < before + 2; i++) {
        run_for(WEIR_MS);
    }
    assert_int_equal(opened, before + 2);
}

static void talk(struct weir_peer *near, struct weir_peer *far)
{
    unsigned had[2] = { heard[0], heard[1] };
    for (int i = 0; i < 20; i++) {
        assert_int_equal(weir_channel_send(client, near, (uint16_t)near->user, WEIR_LIT("to"), false), WEIR_OK);
        assert_int_equal(weir_channel_send(server, far, (uint16_t)far->user, WEIR_LIT("fro"), false), WEIR_OK);
        run_for(10 * WEIR_MS);
    }
    for (int i = 0; i < 200 && (heard[0] < had[0] + 20 || heard[1] < had[1] + 20); i++) {
        run_for(5 * WEIR_MS);
    }
    assert_int_equal(heard[0], had[0] + 20);
    assert_int_equal(heard[1], had[1] + 20);
}

static void path_of(const struct weir_peer *p, struct weir_path *path)
{
    assert_true(weir_ice_selected(&p->ice, path));
}

/* -- Rows of attacks.md ------------------------------------------------------------------------ */

static void attack_Y9_who_names_anothers_address_takes_nothing(void **state)
{
    (void)state;
    for (int no_cid = 0; no_cid < 2; no_cid++) {
        struct weir_peer *near, *far;
        struct weir_path path;
        char candidate[120];
        open_both(no_cid != 0);
        connect_pair(&near, &far);
        path_of(far, &path);
        snprintf(candidate, sizeof candidate, "candidate:1 1 udp 2130706431 127.0.0.1 %u typ host",
                 path.remote.port);
        for (int i = 0; i < 3; i++) { /* again and again, as new pages do */
            struct weir_peer *page = weir_node_peer(client, true), *thief = weir_node_peer(server, true);
            const struct weir_packet k = { .data = (uint8_t[]){ 23, 0xfe, 0xfd }, .len = 3, .path = path };
            offer_to(page, thief, candidate);
            run_for(150 * WEIR_MS);
            assert_true(weir_ice_pair_at(&thief->ice, 0)->requests != 0); /* it was asked there, in vain */
            assert_ptr_equal(weir_node_holder(server, &k), far);
            talk(near, far);
        }
        assert_int_equal(failed, 0);
        assert_int_equal(weir_node_stats(server).drops[WEIR_NODE_DROP_PATH], 0);
        close_both();
    }
}

/* A request with the source address of somebody else proves who wrote it, and not that it is there. */
static void attack_Y9_who_asks_from_anothers_address_takes_nothing(void **state)
{
    (void)state;
    struct weir_peer *near, *far, *page, *thief;
    struct weir_path path, way;
    uint8_t bytes[1500];
    open_both(true);
    connect_pair(&near, &far);
    path_of(far, &path);
    page = weir_node_peer(client, true);
    thief = weir_node_peer(server, true);
    offer_to(page, thief, NULL);
    weir_peer_tick(page, weir_node_now(client));
    size_t n = weir_peer_send(page, weir_pump_clock(), (struct weir_mspan){ bytes, sizeof bytes }, &way);
    assert_true(n != 0 && bytes[0] <= 3);
    struct weir_packet k = { .data = bytes, .len = (uint16_t)n, .path = path };
    assert_int_equal(weir_peer_recv(thief, weir_pump_clock(), &k), WEIR_PEER_OK);
    weir_node_hold_path(server, thief, &path);
    assert_int_equal(weir_ice_path_proof(&thief->ice, &path), WEIR_ICE_ASKED);
    k.data = (uint8_t[]){ 23, 0xfe, 0xfd };
    k.len = 3;
    assert_ptr_equal(weir_node_holder(server, &k), far);
    uint8_t media[12] = { 0x80, 96, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4 };
    k.data = media;
    k.len = sizeof media;
    assert_ptr_equal(weir_node_holder(server, &k), far); /* whatever SSRC it names */
    talk(near, far);
    close_both();
}

/* And who was there first, by a request that nobody answers for, does not keep out who is there. */
static void attack_Y9_who_asked_first_keeps_nobody_out(void **state)
{
    (void)state;
    struct weir_peer *near, *far, *page, *thief;
    struct weir_path path, way;
    uint8_t bytes[1500], hello[13] = { 22, 0xfe, 0xfd, 0, 0 };
    open_both(true);
    page = weir_node_peer(client, true);
    thief = weir_node_peer(server, true);
    offer_to(page, thief, NULL);
    weir_peer_tick(page, weir_node_now(client));
    size_t n = weir_peer_send(page, weir_pump_clock(), (struct weir_mspan){ bytes, sizeof bytes }, &way);
    assert_true(n != 0 && bytes[0] <= 3);
    path = (struct weir_path){ way.remote, way.local };
    struct weir_packet k = { .data = bytes, .len = (uint16_t)n, .path = path };
    assert_int_equal(weir_peer_recv(thief, weir_pump_clock(), &k), WEIR_PEER_OK);
    weir_node_hold_path(server, thief, &path);
    weir_node_free(client, page);
    connect_pair(&near, &far);
    assert_int_equal(weir_ice_path_proof(&thief->ice, &path), WEIR_ICE_ASKED);
    k.data = hello;
    k.len = sizeof hello;
    assert_ptr_equal(weir_node_holder(server, &k), far);
    talk(near, far);
    close_both();
}

/* All peers of one client share its port: requests, responses and records say whose they are. */
static void attack_Y9_honest_peers_behind_one_port_are_told_apart(void **state)
{
    (void)state;
    struct weir_peer *near[4], *far[4];
    open_both(false);
    for (int i = 0; i < 4; i++) {
        connect_pair(&near[i], &far[i]);
    }
    for (int i = 0; i < 4; i++) {
        talk(near[i], far[i]);
    }
    run_for(7 * WEIR_SEC); /* over the questions for consent */
    for (int i = 0; i < 4; i++) {
        talk(near[i], far[i]);
        assert_int_equal(far[i]->ice.verdicts[WEIR_ICE_TRANSACTION], 0);
    }
    assert_int_equal(failed, 0);
    close_both();
}

/* A peer has room for 32 paths; whoever sends it from more addresses does not drive out the one in use. */
static void attack_Y9_of_many_paths_the_proven_one_stays(void **state)
{
    (void)state;
    struct weir_peer *near, *far;
    struct weir_path path;
    open_both(true);
    connect_pair(&near, &far);
    path_of(far, &path);
    const struct weir_packet k = { .data = (uint8_t[]){ 23, 0xfe, 0xfd }, .len = 3, .path = path };
    const struct weir_path named = { path.local, weir_addr_v4(127, 0, 1, 1, 20000) };
    weir_node_hold_path(server, far, &named); /* nothing proven: nothing held */
    assert_int_equal(weir_demux_first_path(&server->demux, &named), NODE_NONE);
    for (unsigned i = 0; i < 100; i++) { /* as if each had asked a moment ago */
        struct weir_path other = { path.local, weir_addr_v4(127, 0, 2, (uint8_t)i, (uint16_t)(20000 + i)) };
        struct weir_ice_pair *p = weir_ice_pair_at(&far->ice, far->ice.pairs++);
        *p = (struct weir_ice_pair){ .local = 0, .remote = (uint8_t)far->ice.remotes, .has_request = true };
        weir_ice_remote_at(&far->ice, far->ice.remotes++)->addr = other.remote;
        weir_node_hold_path(server, far, &other);
        assert_int_not_equal(weir_demux_first_path(&server->demux, &other), NODE_NONE);
        far->ice.remotes--;
        far->ice.pairs--;
    }
    assert_ptr_equal(weir_node_holder(server, &k), far);
    talk(near, far);
    close_both();
}

static void attack_S17_an_address_inside_is_refused_and_told(void **state)
{
    (void)state;
    struct weir_peer *near, *far;
    open_both(false);
    connect_pair(&near, &far); /* here loopback is one of ours */
    assert_int_equal(refused, 0);
    const struct { const char *text; enum weir_ice_refusal why; } row[] = {
        { "candidate:1 1 udp 1 127.0.0.1 53 typ host", WEIR_ICE_REFUSED_PORT },
        { "candidate:1 1 udp 1 255.255.255.255 5000 typ host", WEIR_ICE_REFUSED_RESERVED },
        { "candidate:1 1 udp 1 ::ffff:0.1.2.3 5000 typ host", WEIR_ICE_REFUSED_NONE },
        { "candidate:1 1 udp 1 224.0.0.251 5353 typ host", WEIR_ICE_REFUSED_MULTICAST },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        assert_int_equal(weir_add_candidate(server, far, weir_span_of(row[i].text, strlen(row[i].text))),
                         WEIR_OK);
        run_for(5 * WEIR_MS);
        assert_int_equal(refused, i + 1);
        assert_int_equal(refusal, row[i].why);
        assert_int_equal(far->ice.refused[row[i].why], 1);
    }
    close_both();
}

/* The answer to a restart is slow: the old session goes on, asked and answered under the old names
 * [RFC 8445 9]; and again; and when the answer comes, the new one takes over. */
static void attack_S19_Y13_a_restart_whose_answer_is_slow_changes_nothing(void **state)
{
    (void)state;
    static uint8_t text[WEIR_PEER_SDP_MAX], answer[WEIR_PEER_SDP_MAX];
    struct weir_peer *near, *far;
    struct weir_sdp_error error;
    open_both(true);
    connect_pair(&near, &far);
    for (unsigned round = 0; round < 2; round++) {
        char was[16];
        struct weir_span old = weir_ice_ufrag(&far->ice);
        memcpy(was, old.p, old.n);
        /* What goes on while the signalling is on its way. Its pages are there as they were: a restart keeps
         * the first of each table, and nobody has told it anything new. */
        struct weir_ice before = near->ice;
        assert_int_equal(weir_ice_restart(&near->ice, weir_pump_clock()), WEIR_OK);
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
        assert_int_equal(weir_create_offer(client, near, &w), WEIR_OK);
        struct weir_ice restarted = near->ice;
        near->ice = before; /* a browser answers for both generations; ours asks as before */
        assert_int_equal(weir_set_remote_offer(server, far, weir_span_of(text, w.len), &error), WEIR_OK);
        struct weir_wr a = weir_wr_of((struct weir_mspan){ answer, sizeof answer });
        assert_int_equal(weir_create_answer(server, far, &a), WEIR_OK);
        assert_true(weir_span_eq(weir_ice_old_ufrag(&far->ice), weir_span_of(was, old.n)));
        uint64_t drops = weir_node_stats(server).drops[WEIR_NODE_DROP_UFRAG];
        uint32_t answered = weir_ice_pair_at(&near->ice, near->ice.selected)->responses;
        run_for(round == 0 ? 7 * WEIR_SEC : 50 * WEIR_MS);
        talk(near, far);
        assert_int_equal(weir_node_stats(server).drops[WEIR_NODE_DROP_UFRAG], drops);
        assert_true(round == 1 || weir_ice_pair_at(&near->ice, near->ice.selected)->responses > answered);
        near->ice = restarted;
        assert_int_equal(weir_set_remote_answer(client, near, weir_span_of(answer, a.len), &error), WEIR_OK);
        for (int i = 0; i < 2000 && weir_ice_old_ufrag(&far->ice).n != 0; i++) {
            run_for(WEIR_MS);
        }
        assert_int_equal(weir_ice_old_ufrag(&far->ice).n, 0); /* the new generation is known to work */
        talk(near, far);
    }
    assert_int_equal(failed, 0);
    close_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_Y9_who_names_anothers_address_takes_nothing),
        cmocka_unit_test(attack_Y9_who_asks_from_anothers_address_takes_nothing),
        cmocka_unit_test(attack_Y9_who_asked_first_keeps_nobody_out),
        cmocka_unit_test(attack_Y9_honest_peers_behind_one_port_are_told_apart),
        cmocka_unit_test(attack_Y9_of_many_paths_the_proven_one_stays),
        cmocka_unit_test(attack_S17_an_address_inside_is_refused_and_told),
        cmocka_unit_test(attack_S19_Y13_a_restart_whose_answer_is_slow_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
