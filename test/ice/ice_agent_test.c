/* Two agents on a simulated network: they find each other, and nobody else finds them. */
#include "ice/ice.h"
#include "test/ice/ice_room.h"

/* -- A small network: delay, loss, address translation, all from one seed ---------------------- */

#define WIRE_MAX 400

struct packet {
    weir_time at;
    int to; /* which agent */
    struct weir_path path; /* as the receiver sees it */
    size_t bytes;
    uint8_t data[600];
};

struct world {
    struct weir_ice agent[2];
    struct weir_ice_room room[2];
    struct packet wire[WIRE_MAX];
    unsigned in_flight;
    struct weir_rand rand;
    weir_time now;
    weir_duration delay;
    unsigned loss_percent;
    bool is_cut[2];      /* what agent i sends is lost */
    bool is_natted;      /* agent 0 appears under another address */
    unsigned sent[2];
    uint64_t digest;     /* of all bytes on the wire, in order */
    unsigned selected_events[2];
    enum weir_ice_state state[2];
};

static struct weir_addr nat_address(struct weir_addr a)
{
    struct weir_addr out = weir_addr_v4(203, 0, 113, 5, (uint16_t)(a.port + 20000));
    return out;
}

static struct weir_ice_config config(uint64_t seed, bool is_controlling)
{
    struct weir_ice_config c = { .crypto = weir_crypto_default(), .is_controlling = is_controlling };
    weir_put64(c.seed, seed);
    return c;
}

static void init_world(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    weir_rand_init_number(&w->rand, seed);
    w->now = 1000000;
    w->delay = 10 * WEIR_MS;
    for (int i = 0; i < 2; i++) {
        struct weir_ice_config c = config(seed * 2 + (uint64_t)i, i == 0);
        begin_in_room(&w->agent[i], &w->room[i], &c, w->now);
    }
}

static void add_host(struct world *w, int i, const char *text)
{
    struct weir_addr a;
    assert_true(weir_addr_parse(weir_span_of(text, strlen(text)), &a));
    assert_int_equal(weir_ice_add_host(&w->agent[i], w->now, &a, 65535), WEIR_OK);
}

static void tell_credentials(struct world *w, int to)
{
    assert_int_equal(weir_ice_set_remote(&w->agent[to], w->now, weir_ice_ufrag(&w->agent[1 - to]),
                                         weir_ice_pwd(&w->agent[1 - to]), false), WEIR_OK);
}

static void tell_candidates(struct world *w, int to)
{
    const struct weir_ice *from = &w->agent[1 - to];
    for (uint32_t i = 0; i < from->locals; i++) {
        uint8_t text[200];
        struct weir_wr t = weir_wr_of((struct weir_mspan){ text, sizeof text });
        struct weir_ice_candidate c;
        struct weir_span name;
        weir_ice_candidate_write(&t, weir_ice_local_at(from, i));
        assert_true(weir_ice_candidate_parse(weir_span_of(text, t.len), &c, &name));
        (void)!weir_ice_add_remote(&w->agent[to], w->now, &c);
    }
    weir_ice_remote_done(&w->agent[to], w->now);
}

static void introduce(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_ice_gathering_done(&w->agent[i], w->now), WEIR_OK);
        tell_credentials(w, i);
        tell_candidates(w, i);
    }
}

static bool owns(const struct weir_ice *ice, const struct weir_addr *a)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->locals; i++) {
        const struct weir_ice_candidate *c = weir_ice_local_at(ice, i);
        is_any |= c->type == WEIR_ICE_HOST && weir_addr_eq(&c->addr, a);
    }
    return is_any;
}

/* Carry what agent `from` sends: translate addresses as the network would. */
static void carry(struct world *w, int from, struct weir_path path, const uint8_t *data, size_t n)
{
    w->sent[from]++;
    for (size_t i = 0; i < n; i++) {
        w->digest = w->digest * 0x100000001b3 ^ data[i];
    }
    struct weir_addr source = path.local, target = path.remote;
    if (w->is_natted && from == 0) {
        source = nat_address(source);
    }
    if (w->is_natted && from == 1) {
        for (uint32_t i = 0; i < w->agent[0].locals; i++) {
            struct weir_addr outside = nat_address(weir_ice_local_at(&w->agent[0], i)->addr);
            if (weir_addr_eq(&outside, &target)) {
                target = weir_ice_local_at(&w->agent[0], i)->addr;
                goto translated;
            }
        }
        return; /* an inside address means nothing outside */
    }
translated:
    if (w->is_cut[from] || !owns(&w->agent[1 - from], &target)
        || weir_rand_below(&w->rand, 100) < w->loss_percent || w->in_flight == WIRE_MAX) {
        return;
    }
    struct packet *p = &w->wire[w->in_flight++];
    p->at = w->now + w->delay + weir_rand_below(&w->rand, (uint32_t)w->delay / 4 + 1);
    p->to = 1 - from;
    p->path = (struct weir_path){ target, source };
    p->bytes = n;
    memcpy(p->data, data, n);
}

static void drain(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        struct weir_ice_event e;
        struct weir_path to;
        uint8_t out[1500];
        size_t n;
        while (weir_ice_event(&w->agent[i], &e)) {
            w->selected_events[i] += e.type == WEIR_ICE_EVENT_SELECTED;
            w->state[i] = e.type == WEIR_ICE_EVENT_STATE ? e.state : w->state[i];
        }
        while ((n = weir_ice_send(&w->agent[i], w->now, (struct weir_mspan){ out, sizeof out }, &to))
               != 0) {
            carry(w, i, to, out, n);
        }
    }
}

/* Let time pass until `until`. */
static void run(struct world *w, weir_time until)
{
    for (;;) {
        drain(w);
        weir_time next = weir_time_min(weir_ice_deadline(&w->agent[0]),
                                       weir_ice_deadline(&w->agent[1]));
        unsigned first = WIRE_MAX;
        for (unsigned i = 0; i < w->in_flight; i++) {
            if (first == WIRE_MAX || w->wire[i].at < w->wire[first].at) {
                first = i;
            }
        }
        if (first != WIRE_MAX && w->wire[first].at <= next) {
            next = w->wire[first].at;
        }
        if (next > until) {
            w->now = until;
            return;
        }
        w->now = next > w->now ? next : w->now;
        if (first != WIRE_MAX && w->wire[first].at <= w->now) {
            struct packet p = w->wire[first];
            w->wire[first] = w->wire[--w->in_flight];
            (void)weir_ice_recv(&w->agent[p.to], w->now, &p.path, weir_span_of(p.data, p.bytes));
        }
        for (int i = 0; i < 2; i++) {
            weir_ice_tick(&w->agent[i], w->now);
        }
    }
}

static void assert_completed(const struct world *w)
{
    struct weir_path a, b;
    assert_int_equal(weir_ice_state(&w->agent[0]), WEIR_ICE_COMPLETED);
    assert_int_equal(weir_ice_state(&w->agent[1]), WEIR_ICE_COMPLETED);
    assert_true(weir_ice_selected(&w->agent[0], &a));
    assert_true(weir_ice_selected(&w->agent[1], &b));
    assert_true(weir_ice_path_ok(&w->agent[0], &a));
    if (!w->is_natted) {
        assert_true(weir_addr_eq(&a.local, &b.remote));
        assert_true(weir_addr_eq(&a.remote, &b.local));
    }
}

/* -- Finding each other ------------------------------------------------------------------------ */

static void two_hosts_connect_in_two_round_trips(void **state)
{
    (void)state;
    struct world w;
    init_world(&w, 1);
    add_host(&w, 0, "10.0.0.1:3000");
    add_host(&w, 1, "10.0.0.2:2000");
    introduce(&w);
    run(&w, w.now + 60 * WEIR_MS); /* two round trips of at most 25 ms */
    assert_completed(&w);
    assert_true(w.sent[0] + w.sent[1] <= 8);
}

static void the_best_pair_wins_on_both_families(void **state)
{
    (void)state;
    struct world w;
    struct weir_path a;
    init_world(&w, 2);
    add_host(&w, 0, "10.0.0.1:3000");
    add_host(&w, 0, "[fd00::1]:1000");
    add_host(&w, 1, "[fd00::2]:2000");
    add_host(&w, 1, "10.0.0.2:2000");
    introduce(&w);
    run(&w, w.now + 2 * WEIR_SEC);
    assert_completed(&w);
    assert_true(weir_ice_selected(&w.agent[0], &a));
}

static void loss_of_a_third_only_costs_time(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct world w;
        init_world(&w, test_seed(seed));
        w.loss_percent = 33;
        add_host(&w, 0, "10.0.0.1:3000");
        add_host(&w, 1, "10.0.0.2:2000");
        introduce(&w);
        run(&w, w.now + 12 * WEIR_SEC);
        assert_completed(&w);
    }
}

static void candidates_may_trickle_late_and_one_side_early(void **state)
{
    (void)state;
    struct world w;
    init_world(&w, 3);
    add_host(&w, 0, "10.0.0.1:3000");
    add_host(&w, 1, "10.0.0.2:2000");
    tell_credentials(&w, 0); /* agent 1 knows nothing yet, and is checked already */
    tell_candidates(&w, 0);
    run(&w, w.now + 300 * WEIR_MS);
    assert_int_equal(w.agent[1].remotes, 1); /* peer-reflexive, from a proven request */
    assert_int_equal(weir_ice_state(&w.agent[1]), WEIR_ICE_NEW);
    struct weir_path early = { weir_ice_local_at(&w.agent[1], 0)->addr,
                               weir_ice_local_at(&w.agent[0], 0)->addr };
    assert_true(weir_ice_path_ok(&w.agent[1], &early)); /* so a hello may come in */
    tell_credentials(&w, 1);
    run(&w, w.now + WEIR_SEC);
    assert_completed(&w);
    tell_candidates(&w, 1); /* what was discovered gets its name */
    assert_int_equal(w.agent[1].remotes, 1);
    assert_int_equal(weir_ice_remote_at(&w.agent[1], 0)->type, WEIR_ICE_HOST);
}

static void behind_a_translator_the_pair_is_peer_reflexive(void **state)
{
    (void)state;
    struct world w;
    init_world(&w, 4);
    w.is_natted = true;
    add_host(&w, 0, "192.168.1.2:1000");
    add_host(&w, 1, "198.51.100.7:2000");
    introduce(&w);
    run(&w, w.now + 12 * WEIR_SEC);
    assert_completed(&w);
    struct weir_path b;
    assert_true(weir_ice_selected(&w.agent[1], &b));
    assert_int_equal(b.remote.port, 21000);
}

/* -- Roles ------------------------------------------------------------------------------------- */

static void attack_S13_role_conflicts_settle_either_way(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct world w;
            init_world(&w, seed);
            weir_ice_set_controlling(&w.agent[0], both != 0);
            weir_ice_set_controlling(&w.agent[1], both != 0);
            add_host(&w, 0, "10.0.0.1:3000");
            add_host(&w, 1, "10.0.0.2:2000");
            introduce(&w);
            run(&w, w.now + 3 * WEIR_SEC);
            assert_completed(&w);
            assert_true(w.agent[0].is_controlling != w.agent[1].is_controlling);
            assert_true(w.agent[0].role_switches + w.agent[1].role_switches <= 3);
        }
    }
}

static void a_lite_peer_is_controlled(void **state)
{
    (void)state;
    struct world w;
    init_world(&w, 5);
    weir_ice_set_controlling(&w.agent[0], false);
    assert_int_equal(weir_ice_set_remote(&w.agent[0], w.now, WEIR_LIT("lite"),
                                         WEIR_LIT("0123456789012345678901"), true), WEIR_OK);
    assert_true(w.agent[0].is_controlling);
}

/* -- Consent ----------------------------------------------------------------------------------- */

static void attack_S15_without_consent_sending_stops_within_thirty_seconds(void **state)
{
    (void)state;
    struct world w;
    struct weir_path path;
    init_world(&w, 6);
    add_host(&w, 0, "10.0.0.1:3000");
    add_host(&w, 1, "10.0.0.2:2000");
    introduce(&w);
    run(&w, w.now + 60 * WEIR_SEC);
    assert_completed(&w); /* a minute of nothing but consent */
    w.is_cut[1] = true;   /* agent 0 hears nothing any more */
    run(&w, w.now + 15 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&w.agent[0]), WEIR_ICE_DISCONNECTED);
    run(&w, w.now + 16 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&w.agent[0]), WEIR_ICE_FAILED);
    assert_int_equal(weir_ice_failure(&w.agent[0]), WEIR_ICE_FAILURE_CONSENT);
    assert_false(weir_ice_selected(&w.agent[0], &path));
    unsigned sent = w.sent[0];
    run(&w, w.now + 60 * WEIR_SEC);
    assert_int_equal(w.sent[0], sent);
    assert_true(weir_ice_deadline(&w.agent[0]) == WEIR_NEVER);
}

static void a_short_silence_is_survived(void **state)
{
    (void)state;
    struct world w;
    init_world(&w, 7);
    add_host(&w, 0, "10.0.0.1:3000");
    add_host(&w, 1, "10.0.0.2:2000");
    introduce(&w);
    run(&w, w.now + WEIR_SEC);
    w.is_cut[0] = w.is_cut[1] = true;
    run(&w, w.now + 16 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&w.agent[0]), WEIR_ICE_DISCONNECTED);
    w.is_cut[0] = w.is_cut[1] = false;
    run(&w, w.now + 8 * WEIR_SEC);
    assert_completed(&w);
}

static void attack_S19_after_a_restart_the_old_credentials_are_dropped(void **state)
{
    (void)state;
    struct world w;
    struct weir_path path;
    init_world(&w, 8);
    add_host(&w, 0, "10.0.0.1:3000");
    add_host(&w, 1, "10.0.0.2:2000");
    introduce(&w);
    run(&w, w.now + WEIR_SEC);
    assert_completed(&w);
    static struct ice_alone old;
    copy_agent(&old.ice, &old.room, &w.agent[1], &w.room[1]);
    assert_int_equal(weir_ice_restart(&w.agent[0], w.now), WEIR_OK);
    assert_int_equal(weir_ice_restart(&w.agent[1], w.now), WEIR_OK);
    assert_true(weir_ice_selected(&w.agent[0], &path)); /* the old path carries on */
    assert_true(weir_ice_path_ok(&w.agent[0], &path));
    introduce(&w);
    /* A check of the old generation. */
    uint8_t out[600];
    struct weir_path to, back;
    weir_ice_tick(&old.ice, w.now + 10 * WEIR_SEC);
    size_t n = weir_ice_send(&old.ice, w.now, (struct weir_mspan){ out, sizeof out }, &to);
    assert_true(n != 0);
    back = (struct weir_path){ to.remote, to.local };
    /* Until a new pair works it is answered, and teaches nothing. */
    assert_int_equal(weir_ice_recv(&w.agent[0], w.now, &back, weir_span_of(out, n)), WEIR_ICE_OK);
    run(&w, w.now + WEIR_SEC);
    assert_completed(&w);
    assert_int_equal(weir_ice_recv(&w.agent[0], w.now, &back, weir_span_of(out, n)), WEIR_ICE_USERNAME);
}

/* -- Strangers --------------------------------------------------------------------------------- */

/* One request from agent 1 towards agent 0, changed by the test before it arrives. */
static size_t one_request(struct world *w, uint8_t out[600], struct weir_path *at_0)
{
    struct weir_path to;
    init_world(w, 9);
    add_host(w, 0, "10.0.0.1:3000");
    add_host(w, 1, "10.0.0.2:2000");
    for (int i = 0; i < 2; i++) {
        tell_credentials(w, i);
    }
    tell_candidates(w, 1);
    weir_ice_tick(&w->agent[1], w->now);
    size_t n = weir_ice_send(&w->agent[1], w->now, (struct weir_mspan){ out, 600 }, &to);
    assert_true(n != 0);
    *at_0 = (struct weir_path){ to.remote, to.local };
    return n;
}

static void attack_S8_an_unproven_request_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    struct weir_path path;
    uint8_t packet[600];
    size_t n = one_request(&w, packet, &path);
    for (size_t bit = 0; bit < n * 8; bit++) {
        static struct ice_alone fork;
        struct weir_ice *ice = &fork.ice;
        copy_agent(ice, &fork.room, &w.agent[0], &w.room[0]);
        uint8_t work[600];
        memcpy(work, packet, n);
        work[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(weir_ice_recv(ice, w.now, &path, weir_span_of(work, n)), WEIR_ICE_OK);
        assert_int_equal(ice->remotes, 0);
        assert_int_equal(ice->pairs, 0);
        assert_int_equal(ice->answers, 0); /* and is not answered */
        assert_int_equal(weir_ice_pages(ice), weir_ice_pages(&w.agent[0])); /* nor leases anything */
        assert_int_equal(fork.room.setups.leased, w.room[0].setups.leased);
        assert_false(weir_ice_path_ok(ice, &path));
    }
    assert_int_equal(weir_ice_recv(&w.agent[0], w.now, &path, weir_span_of(packet, n)), WEIR_ICE_OK);
    assert_true(weir_ice_path_ok(&w.agent[0], &path)); /* S20: from here, and from nowhere else */
    path.remote.port++;
    assert_false(weir_ice_path_ok(&w.agent[0], &path));
}

static void attack_S10_S21_answers_are_bare_and_no_larger_than_requests(void **state)
{
    (void)state;
    struct world w;
    struct weir_path path, to;
    uint8_t packet[600], out[600];
    struct weir_stun_msg m;
    size_t n = one_request(&w, packet, &path);
    assert_int_equal(weir_ice_recv(&w.agent[0], w.now, &path, weir_span_of(packet, n)), WEIR_ICE_OK);
    size_t answer = weir_ice_send(&w.agent[0], w.now, (struct weir_mspan){ out, sizeof out }, &to);
    assert_true(answer != 0 && answer <= n);
    assert_int_equal(weir_stun_parse(weir_span_of(out, answer), &m), WEIR_STUN_OK);
    assert_int_equal(m.klass, WEIR_STUN_SUCCESS);
    assert_int_equal(m.username.n, 0);
    assert_int_equal(m.software.n, 0);
    assert_true(weir_addr_eq(&m.mapped, &path.remote));
}

static void attack_S12_unproven_responses_are_dropped(void **state)
{
    (void)state;
    struct world w;
    struct weir_path to, back;
    uint8_t packet[600], out[600];
    size_t n = one_request(&w, packet, &back);
    struct weir_stun_msg m;
    assert_int_equal(weir_stun_parse(weir_span_of(packet, n), &m), WEIR_STUN_OK);
    const uint16_t error[] = { 0, 400, 487, 500 };
    for (size_t i = 0; i < 4; i++) {
        struct weir_stun_build b;
        const struct weir_stun_seal wrong = { weir_crypto_default(), WEIR_LIT("wrong password"), false,
                                              true };
        weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING,
                        error[i] == 0 ? WEIR_STUN_SUCCESS : WEIR_STUN_ERROR, m.txid);
        weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &back.remote);
        if (error[i] != 0) {
            weir_stun_put_error(&b, error[i], "");
        }
        size_t bytes = weir_stun_end(&b, &wrong);
        to = (struct weir_path){ back.remote, back.local };
        bool was_controlling = w.agent[1].is_controlling;
        uint8_t was = weir_ice_pair_at(&w.agent[1], 0)->state;
        assert_int_equal(weir_ice_recv(&w.agent[1], w.now, &to, weir_span_of(out, bytes)),
                         WEIR_ICE_INTEGRITY);
        assert_int_equal(w.agent[1].is_controlling, was_controlling);
        assert_int_equal(weir_ice_pair_at(&w.agent[1], 0)->state, was);
    }
}

static void attack_S16_S18_floods_of_candidates_stay_within_their_bounds(void **state)
{
    (void)state;
    struct world w;
    init_world(&w, 10);
    add_host(&w, 0, "10.0.0.1:3000");
    add_host(&w, 1, "10.0.0.2:2000");
    for (uint32_t i = 0; i < 10000; i++) {
        struct weir_ice_candidate c = { .type = WEIR_ICE_HOST, .component = 1, .priority = i };
        c.addr = weir_addr_v4(198, 51, 100, (uint8_t)i, (uint16_t)(1024 + i));
        (void)!weir_ice_add_remote(&w.agent[0], w.now, &c);
    }
    assert_true(w.agent[0].remotes <= WEIR_ICE_REMOTES_MAX);
    assert_true(w.agent[0].pairs <= WEIR_ICE_PAIRS_MAX);
    assert_int_equal(weir_ice_set_remote(&w.agent[0], w.now, WEIR_LIT("abcd"),
                                         WEIR_LIT("0123456789012345678901"), false), WEIR_OK);
    run(&w, w.now + 100 * WEIR_MS);
    assert_true(w.sent[0] <= 100 / 20 + 2); /* Ta holds */
}

static void attack_S9_the_username_must_name_both(void **state)
{
    (void)state;
    struct world w;
    struct weir_path path;
    uint8_t packet[600];
    (void)one_request(&w, packet, &path);
    static const char *const theirs[] = { "", ":", "x", ":wxyz", "%:wrong", "%", "%:" };
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
        struct weir_stun_build b;
        char name[100];
        const uint8_t txid[12] = { 1 };
        uint8_t out[300];
        struct weir_span ufrag = weir_ice_ufrag(&w.agent[0]);
        const struct weir_stun_seal seal = { weir_crypto_default(), weir_ice_pwd(&w.agent[0]), false,
                                             true };
        snprintf(name, sizeof name, "%.*s%s", theirs[i][0] == '%' ? (int)ufrag.n : 0,
                 (const char *)ufrag.p, theirs[i][0] == '%' ? theirs[i] + 1 : theirs[i]);
        weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING,
                        WEIR_STUN_REQUEST, txid);
        weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, weir_span_of(name, strlen(name)));
        weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, 1);
        weir_stun_put_u64(&b, WEIR_STUN_ICE_CONTROLLING, 1);
        size_t n = weir_stun_end(&b, &seal);
        assert_int_equal(weir_ice_recv(&w.agent[0], w.now, &path, weir_span_of(out, n)),
                         WEIR_ICE_USERNAME);
    }
}

/* -- Candidates as text ------------------------------------------------------------------------ */

static void candidates_of_browsers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good, is_tcp, has_name;
        uint16_t port;
    } row[] = {
        { "candidate:1 1 UDP 2122252543 fd77::1 42658 typ host", true, false, false, 42658 },
        { "a=candidate:2 1 TCP 2105458943 10.77.0.1 9 typ host tcptype active", true, true, false, 9 },
        { "candidate:842163049 1 udp 1677729535 203.0.113.5 46154 typ srflx raddr 10.0.0.1 rport 46154 "
          "generation 0 ufrag EsAw network-cost 999", true, false, false, 46154 },
        { "candidate:3 1 udp 2113937151 7c9c5c4c-6b8d-4b1f-8d7e-0123456789ab.local 50000 typ host "
          "generation 0", true, false, true, 50000 },
        { "candidate:1 2 UDP 1 10.0.0.1 1 typ host", true, false, false, 1 },
        { "", false, false, false, 0 },
        { "candidate:", false, false, false, 0 },
        { "candidate:1 0 udp 1 1.2.3.4 5 typ host", false, false, false, 0 },
        { "candidate:1 1 udp 4294967296 1.2.3.4 5 typ host", false, false, false, 0 },
        { "candidate:1 1 udp 1 1.2.3.4 65536 typ host", false, false, false, 0 },
        { "candidate:1 1 udp 1 1.2.3.4 5 typ", false, false, false, 0 },
        { "candidate:1 1 udp 1 1.2.3.4 5 typ cat", false, false, false, 0 },
        { "candidate:1 1 udp 1 !!! 5 typ host", false, false, false, 0 },
        { "candidate:1 1 udp 1 1.2.3.4 5 typ host odd", true, false, false, 5 },
        { "candidate:1 1 udp 1 1.2.3.4 5 typ host generation 0\r\n", true, false, false, 5 },
        { "candidate:1 1 udp 1 1.2.3.4 5 typ host ufrag  network-cost 999", true, false, false, 5 },
        { "candidate:1 1 udp 1 1.2.3.4 5 typ host generation -1 network-cost foo", true, false, false, 5 },
        { "candidate:1 1 udp 1 1.2.3.4 5 typ srflx raddr  rport x tcptype y", true, false, false, 5 },
        { "candidate:123456789012345678901234567890123 1 udp 1 1.2.3.4 5 typ host", false, false, false,
          0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_ice_candidate c;
        struct weir_span name;
        bool is_good = weir_ice_candidate_parse(weir_span_of(row[i].text, strlen(row[i].text)), &c,
                                                &name);
        if (is_good != row[i].is_good) {
            fail_msg("%s", row[i].text);
        }
        if (is_good) {
            assert_int_equal(c.is_tcp, row[i].is_tcp);
            assert_int_equal(name.n != 0, row[i].has_name);
            assert_int_equal(c.addr.port, row[i].port);
        }
    }
}

/* -- Determinism ------------------------------------------------------------------------------- */

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    uint64_t digest[3];
    for (int i = 0; i < 3; i++) {
        struct world w;
        init_world(&w, i == 2 ? 78 : 77);
        w.loss_percent = 20;
        add_host(&w, 0, "10.0.0.1:3000");
        add_host(&w, 1, "10.0.0.2:2000");
        introduce(&w);
        run(&w, w.now + 20 * WEIR_SEC);
        digest[i] = w.digest;
    }
    assert_true(digest[0] == digest[1]);
    assert_true(digest[0] != digest[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts_connect_in_two_round_trips),
        cmocka_unit_test(the_best_pair_wins_on_both_families),
        cmocka_unit_test(loss_of_a_third_only_costs_time),
        cmocka_unit_test(candidates_may_trickle_late_and_one_side_early),
        cmocka_unit_test(behind_a_translator_the_pair_is_peer_reflexive),
        cmocka_unit_test(attack_S13_role_conflicts_settle_either_way),
        cmocka_unit_test(a_lite_peer_is_controlled),
        cmocka_unit_test(attack_S15_without_consent_sending_stops_within_thirty_seconds),
        cmocka_unit_test(a_short_silence_is_survived),
        cmocka_unit_test(attack_S19_after_a_restart_the_old_credentials_are_dropped),
        cmocka_unit_test(attack_S8_an_unproven_request_changes_nothing),
        cmocka_unit_test(attack_S10_S21_answers_are_bare_and_no_larger_than_requests),
        cmocka_unit_test(attack_S12_unproven_responses_are_dropped),
        cmocka_unit_test(attack_S16_S18_floods_of_candidates_stay_within_their_bounds),
        cmocka_unit_test(attack_S9_the_username_must_name_both),
        cmocka_unit_test(candidates_of_browsers_are_read),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
