/* What a stranger can make an agent do: check addresses inside, believe what was recorded, send more than it
 * was told; and a restart, which must not be an attack on oneself. */
#include "ice/ice_int.h"
#include "test/ice/ice_room.h"

struct pair_of_agents {
    struct weir_ice agent[2];
    struct weir_ice_room room[2];
    weir_time now;
    bool is_cut[2]; /* what agent i sends is lost */
    uint8_t kept[1500]; /* agent 0's last request */
    size_t kept_bytes;
};

static const char *const text_of[2] = { "10.0.0.1:3000", "10.0.0.2:3001" };

static struct weir_addr addr_of(const char *text)
{
    struct weir_addr a;
    assert_true(weir_addr_parse(weir_span_of(text, strlen(text)), &a));
    return a;
}

static struct weir_addr host_of(const struct pair_of_agents *w, int i)
{
    return weir_ice_local_at(&w->agent[i], 0)->addr;
}

static void open_pair(struct pair_of_agents *w, bool is_lite)
{
    memset(w, 0, sizeof *w);
    w->now = 100 * WEIR_SEC;
    for (int i = 0; i < 2; i++) {
        struct weir_ice_config c = { .crypto = weir_crypto_default(), .is_controlling = i == 0,
                                     .is_lite = is_lite && i == 1, .seed = { (uint8_t)(3 + i) } };
        struct weir_addr a = addr_of(text_of[i]);
        begin_in_room(&w->agent[i], &w->room[i], &c, w->now);
        assert_int_equal(weir_ice_add_host(&w->agent[i], w->now, &a, 65535), WEIR_OK);
        assert_int_equal(weir_ice_gathering_done(&w->agent[i], w->now), WEIR_OK);
    }
}

static void tell(struct pair_of_agents *w, int to)
{
    const struct weir_ice *from = &w->agent[1 - to];
    struct weir_ice_candidate c = *weir_ice_local_at(from, 0);
    assert_int_equal(weir_ice_set_remote(&w->agent[to], w->now, weir_ice_ufrag(from), weir_ice_pwd(from),
                                         from->config.is_lite), WEIR_OK);
    assert_int_equal(weir_ice_add_remote(&w->agent[to], w->now, &c), WEIR_OK);
}

static void run(struct pair_of_agents *w, weir_duration time)
{
    weir_time until = weir_time_add(w->now, time);
    while (w->now < until) {
        for (int i = 0; i < 2; i++) {
            uint8_t out[1500];
            struct weir_path to;
            struct weir_ice_event e;
            size_t n;
            weir_ice_tick(&w->agent[i], w->now);
            while (weir_ice_event(&w->agent[i], &e)) {
            }
            while ((n = weir_ice_send(&w->agent[i], w->now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
                const struct weir_path seen = { to.remote, to.local };
                if (i == 0 && out[0] == 0 && out[1] == 1) {
                    memcpy(w->kept, out, n);
                    w->kept_bytes = n;
                }
                const struct weir_addr there = host_of(w, 1 - i);
                if (!w->is_cut[i] && weir_addr_eq(&to.remote, &there)) {
                    (void)weir_ice_recv(&w->agent[1 - i], w->now, &seen, weir_span_of(out, n));
                }
            }
            assert_true(weir_ice_check(&w->agent[i]));
        }
        w->now += 5 * WEIR_MS;
    }
}

static void assert_up(const struct pair_of_agents *w)
{
    for (int i = 0; i < 2; i++) {
        assert_true(w->agent[i].selected != WEIR_ICE_NONE);
        assert_int_equal(weir_ice_state(&w->agent[i]), WEIR_ICE_COMPLETED);
        assert_int_equal(weir_ice_old_ufrag(&w->agent[i]).n, 0);
    }
}

static void connect_pair(struct pair_of_agents *w, bool is_lite)
{
    open_pair(w, is_lite);
    tell(w, 0);
    tell(w, 1);
    run(w, 2 * WEIR_SEC);
    assert_up(w);
}

enum { /* as the table writes them */
    FINE = WEIR_ICE_FINE,
    NONE = WEIR_ICE_REFUSED_NONE,
    LOOPBACK = WEIR_ICE_REFUSED_LOOPBACK,
    MULTICAST = WEIR_ICE_REFUSED_MULTICAST,
    RESERVED = WEIR_ICE_REFUSED_RESERVED,
    LINK_LOCAL = WEIR_ICE_REFUSED_LINK_LOCAL,
    PORT = WEIR_ICE_REFUSED_PORT,
};

/* -- S17 --------------------------------------------------------------------------------------- */

static void attack_S17_where_checks_may_go(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int why, if_allowed, if_near; /* all is allowed; ours are loopback and link-local */
    } row[] = {
        { "127.0.0.1:5000", LOOPBACK, FINE, FINE },
        { "127.255.255.254:5000", LOOPBACK, FINE, FINE },
        { "[::1]:5000", LOOPBACK, FINE, FINE },
        { "[::ffff:127.0.0.1]:5000", LOOPBACK, FINE, FINE },
        { "[::127.0.0.1]:5000", RESERVED, RESERVED, RESERVED },
        { "[64:ff9b::127.0.0.1]:5000", RESERVED, RESERVED, RESERVED },
        { "[64:ff9b::169.254.169.254]:5000", RESERVED, RESERVED, RESERVED },
        { "[64:ff9b::224.0.0.1]:5000", RESERVED, RESERVED, RESERVED },
        { "[2002:7f00:1::1]:5000", RESERVED, RESERVED, RESERVED },
        { "[64:ff9b::198.51.100.1]:5000", FINE, FINE, FINE },
        { "[100::1]:5000", RESERVED, RESERVED, RESERVED },
        { "0.0.0.0:5000", NONE, NONE, NONE },
        { "0.1.2.3:5000", NONE, NONE, NONE },
        { "[::]:5000", NONE, NONE, NONE },
        { "224.0.0.1:5000", MULTICAST, MULTICAST, MULTICAST },
        { "239.255.255.255:5000", MULTICAST, MULTICAST, MULTICAST },
        { "[ff02::fb]:5000", MULTICAST, MULTICAST, MULTICAST },
        { "240.0.0.1:5000", RESERVED, RESERVED, RESERVED },
        { "255.255.255.255:5000", RESERVED, RESERVED, RESERVED },
        { "169.254.1.1:5000", LINK_LOCAL, LINK_LOCAL, FINE },
        { "[fe80::1]:5000", LINK_LOCAL, LINK_LOCAL, FINE },
        { "198.51.100.1:0", PORT, PORT, PORT },
        { "198.51.100.1:53", PORT, FINE, PORT },
        { "198.51.100.1:1023", PORT, FINE, PORT },
        { "198.51.100.1:1024", FINE, FINE, FINE },
        { "192.168.1.1:5000", FINE, FINE, FINE },
        { "223.255.255.255:5000", FINE, FINE, FINE },
        { "[2001:db8::1]:5000", FINE, FINE, FINE },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (int k = 0; k < 3; k++) {
            static struct pair_of_agents w;
            int want = k == 0 ? row[i].why : k == 1 ? row[i].if_allowed : row[i].if_near;
            struct weir_ice *ice = &w.agent[0];
            struct weir_addr local[2] = { addr_of("127.0.0.1:4000"), addr_of("169.254.9.9:4000") };
            struct weir_ice_event e;
            unsigned told = 0;
            open_pair(&w, false);
            ice->config.allows = k == 1 ? WEIR_ICE_ALLOW_LOOPBACK | WEIR_ICE_ALLOW_LOW_PORTS : 0;
            for (int l = 0; l < 2 && k == 2; l++) {
                assert_int_equal(weir_ice_add_host(ice, w.now, &local[l], 1), WEIR_OK);
            }
            struct weir_ice_candidate c = { .component = 1, .priority = 5, .addr = addr_of(row[i].text),
                                            .foundation_bytes = 1, .foundation = "x" };
            enum weir_status status = weir_ice_add_remote(ice, w.now, &c);
            if (status != (want == FINE ? WEIR_OK : WEIR_ERR_ARG)
                || ice->refused[want] != (want == FINE ? 0u : 1u)) {
                fail_msg("%s, %d: status %d", row[i].text, k, status);
            }
            while (weir_ice_event(ice, &e)) {
                told += e.type == WEIR_ICE_EVENT_REFUSED && (int)e.refusal == want;
            }
            assert_int_equal(told, want != WEIR_ICE_FINE);
            for (uint32_t p = 0; p < ice->pairs; p++) { /* nothing leaves this machine's own addresses for it */
                const struct weir_path path = weir_ice_pair_path(ice, weir_ice_pair_at(ice, p));
                assert_true(weir_addr_is_loopback(&path.local) || !weir_addr_is_loopback(&path.remote));
            }
        }
    }
}

/* IPv4 in IPv6's clothes, made by hand: one candidate with the IPv4 address itself. */
static void attack_S17_mapped_addresses_are_made_canonical_first(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    open_pair(&w, false);
    struct weir_ice_candidate c = { .component = 1, .priority = 5, .foundation_bytes = 1,
                                    .addr = { .family = WEIR_IPV6, .port = 5000,
                                              .ip = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } } };
    assert_int_equal(weir_ice_add_remote(&w.agent[0], w.now, &c), WEIR_ERR_ARG);
    assert_int_equal(w.agent[0].refused[WEIR_ICE_REFUSED_LOOPBACK], 1);
    c.addr.ip[12] = 198;
    assert_int_equal(weir_ice_add_remote(&w.agent[0], w.now, &c), WEIR_OK);
    assert_int_equal(weir_ice_remote_at(&w.agent[0], 0)->addr.family, WEIR_IPV4);
}

/* A request proves who wrote it; the address on it anybody can write. */
static void attack_S17_a_spoofed_request_is_no_way_inside(void **state)
{
    (void)state;
    for (int lite = 0; lite < 2; lite++) {
        static struct pair_of_agents w;
        const char *const from[] = { "127.0.0.1:5000", "198.51.100.1:53", "255.255.255.255:5000" };
        open_pair(&w, lite != 0);
        tell(&w, 0);
        w.is_cut[0] = true;
        run(&w, 100 * WEIR_MS);
        for (unsigned i = 0; i < 3; i++) {
            struct weir_path path = { host_of(&w, 1), addr_of(from[i]) };
            assert_int_equal(weir_ice_recv(&w.agent[1], w.now, &path, weir_span_of(w.kept, w.kept_bytes)),
                             WEIR_ICE_ADDRESS);
        }
        assert_int_equal(w.agent[1].remotes, 0);
        assert_int_equal(w.agent[1].answers, 0);
    }
}

static void attack_S17_refusals_are_counted_all_and_told_a_few(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    struct weir_ice_event e;
    unsigned told = 0;
    open_pair(&w, false);
    while (weir_ice_event(&w.agent[0], &e)) {
    }
    for (unsigned i = 0; i < 1000; i++) {
        struct weir_ice_candidate c = { .component = 1, .addr = addr_of("127.0.0.1:5000") };
        (void)!weir_ice_add_remote(&w.agent[0], w.now, &c);
    }
    while (weir_ice_event(&w.agent[0], &e)) {
        told += e.type == WEIR_ICE_EVENT_REFUSED;
    }
    assert_int_equal(w.agent[0].refused[WEIR_ICE_REFUSED_LOOPBACK], 1000);
    assert_int_equal(told, WEIR_ICE_REFUSALS_TOLD);
}

/* -- Y11 --------------------------------------------------------------------------------------- */

/* Send the agent what was recorded from another address, for minutes; how many bytes left for there. */
static uint64_t replay(struct pair_of_agents *w, const uint8_t *bytes, size_t n, unsigned times, uint64_t *to_there)
{
    const struct weir_path path = { host_of(w, 1), addr_of("203.0.113.66:6666") };
    uint64_t from = 0;
    for (unsigned i = 0; i < times; i++) {
        uint8_t out[1500];
        struct weir_path to;
        size_t len;
        enum weir_ice_verdict v = weir_ice_recv(&w->agent[1], w->now, &path, weir_span_of(bytes, n));
        from += n;
        assert_true(v == WEIR_ICE_AGAIN || v == WEIR_ICE_USERNAME);
        while ((len = weir_ice_send(&w->agent[1], w->now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
            *to_there += weir_addr_eq(&to.remote, &path.remote) ? len : 0;
        }
        run(w, WEIR_SEC);
    }
    return from;
}

static void attack_Y11_what_was_recorded_proves_nothing(void **state)
{
    (void)state;
    for (int lite = 0; lite < 2; lite++) {
        static struct pair_of_agents w;
        uint8_t recorded[1500];
        uint64_t to = 0;
        connect_pair(&w, lite != 0);
        size_t n = w.kept_bytes;
        memcpy(recorded, w.kept, n);
        uint64_t from = replay(&w, recorded, n, 300, &to);
        assert_true(to <= from); /* an answer each: shorter than what was asked */
        assert_int_equal(w.agent[1].remotes, 1); /* and nobody lives there */
        assert_int_equal(w.agent[1].refused[WEIR_ICE_FINE], 0);
        assert_up(&w);
    }
}

/* The peer is gone, and its questions come again and again, from where it was. */
static void attack_Y11_a_recorded_question_keeps_no_consent(void **state)
{
    (void)state;
    for (int lite = 0; lite < 2; lite++) {
        static struct pair_of_agents w;
        uint8_t recorded[1500];
        connect_pair(&w, lite != 0);
        size_t n = w.kept_bytes;
        memcpy(recorded, w.kept, n);
        const struct weir_path path = { host_of(&w, 1), host_of(&w, 0) };
        w.is_cut[0] = w.is_cut[1] = true;
        for (unsigned i = 0; i < 32; i++) {
            (void)weir_ice_recv(&w.agent[1], w.now, &path, weir_span_of(recorded, n));
            run(&w, WEIR_SEC);
        }
        assert_int_equal(weir_ice_state(&w.agent[1]), WEIR_ICE_FAILED);
    }
}

/* A request that never came before, from an address that its author wrote on it: data follows, as a lite agent has
 * it, and the path is no better proven than by its question. */
static void attack_Y9_a_question_alone_is_no_answer(void **state)
{
    (void)state;
    for (int lite = 0; lite < 2; lite++) {
        static struct pair_of_agents w;
        connect_pair(&w, lite != 0);
        const struct weir_path path = { host_of(&w, 1), host_of(&w, 0) };
        const struct weir_path other = { path.local, addr_of("203.0.113.66:6666") };
        assert_int_equal(weir_ice_path_proof(&w.agent[1], &path), lite ? WEIR_ICE_ASKED : WEIR_ICE_ANSWERED);
        weir_ice_heard_keys(&w.agent[1], w.now);
        assert_int_equal(weir_ice_path_proof(&w.agent[1], &path), WEIR_ICE_ANSWERED);
        assert_int_equal(weir_ice_path_proof(&w.agent[1], &other), WEIR_ICE_UNPROVEN);
        w.is_cut[0] = true;
        run(&w, 7 * WEIR_SEC);
        assert_int_equal(weir_ice_recv(&w.agent[1], w.now, &other, weir_span_of(w.kept, w.kept_bytes)), WEIR_ICE_OK);
        assert_int_equal(weir_ice_path_proof(&w.agent[1], &other), WEIR_ICE_ASKED);
        assert_int_equal(weir_ice_path_proof(&w.agent[1], &path), WEIR_ICE_ANSWERED);
    }
}

/* A recorded question of a generation before a restart keeps no consent either. */
static void attack_Y11_a_recorded_question_keeps_no_old_path(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    uint8_t recorded[1500];
    connect_pair(&w, true);
    assert_int_equal(weir_ice_restart(&w.agent[1], w.now), WEIR_OK);
    run(&w, 20 * WEIR_SEC); /* one of the old generation was heard */
    size_t n = w.kept_bytes;
    memcpy(recorded, w.kept, n);
    assert_true(weir_ice_may_send(&w.agent[1]));
    const struct weir_path path = { host_of(&w, 1), host_of(&w, 0) };
    w.is_cut[0] = w.is_cut[1] = true;
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(weir_ice_recv(&w.agent[1], w.now, &path, weir_span_of(recorded, n)),
                         weir_ice_may_send(&w.agent[1]) ? WEIR_ICE_AGAIN : WEIR_ICE_USERNAME);
        run(&w, WEIR_SEC);
    }
    assert_false(weir_ice_may_send(&w.agent[1]));
}

/* Even with more questions recorded than are remembered: a lite agent wants keys too, from time to time. */
static void attack_Y11_lite_questions_alone_are_believed_for_five_minutes(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    connect_pair(&w, true);
    weir_ice_heard_keys(&w.agent[1], w.now);
    run(&w, 290 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&w.agent[1]), WEIR_ICE_COMPLETED);
    weir_ice_heard_keys(&w.agent[1], w.now);
    run(&w, 290 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&w.agent[1]), WEIR_ICE_COMPLETED);
    run(&w, 15 * WEIR_SEC);
    assert_int_equal(weir_ice_state(&w.agent[1]), WEIR_ICE_FAILED);
}

static void a_hundred_transactions_later_the_first_is_still_known(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    uint8_t txid[12] = { 0 };
    open_pair(&w, false);
    for (unsigned i = 0; i < WEIR_ICE_RECENT_MAX; i++) {
        weir_put32(txid, i);
        assert_false(weir_ice_is_recent(&w.agent[0], txid));
        weir_ice_note_recent(&w.agent[0], txid);
    }
    for (unsigned i = 0; i < WEIR_ICE_RECENT_MAX; i++) {
        weir_put32(txid, i);
        assert_true(weir_ice_is_recent(&w.agent[0], txid));
    }
    for (unsigned at = 0; at < 12; at++) { /* every byte counts */
        weir_put32(txid, 1);
        txid[at] ^= 0x80;
        assert_false(weir_ice_is_recent(&w.agent[0], txid));
        txid[at] ^= 0x80;
    }
}

/* -- Y12 --------------------------------------------------------------------------------------- */

static uint64_t bytes_for(struct pair_of_agents *w, weir_duration time)
{
    uint64_t bytes = 0;
    weir_time until = w->now + time;
    for (; w->now < until; w->now += 5 * WEIR_MS) {
        uint8_t out[1500];
        struct weir_path to;
        size_t n;
        weir_ice_tick(&w->agent[0], w->now);
        while ((n = weir_ice_send(&w->agent[0], w->now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
            bytes += n + 28;
        }
    }
    return bytes;
}

static void name_victim(struct pair_of_agents *w, unsigned times)
{
    assert_int_equal(weir_ice_set_remote(&w->agent[0], w->now, WEIR_LIT("vict"),
                                         WEIR_LIT("0123456789012345678901"), false), WEIR_OK);
    for (unsigned i = 0; i < times; i++) {
        struct weir_ice_candidate c = { .component = 1, .priority = 5 + i, .foundation_bytes = 1,
                                        .addr = weir_addr_v4(203, 0, 113, 9, (uint16_t)(20000 + i)) };
        c.foundation[0] = (char)('a' + i);
        assert_int_equal(weir_ice_add_remote(&w->agent[0], w->now, &c), WEIR_OK);
    }
}

static void attack_Y12_ten_bytes_leave_for_one(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    uint8_t payload[800] = { 22 };
    open_pair(&w, false);
    weir_ice_embed_begin(&w.agent[0]);
    assert_int_equal(weir_ice_embed_add(&w.agent[0], weir_span_of(payload, sizeof payload)), WEIR_OK);
    weir_ice_allow(&w.agent[0], 2400);
    name_victim(&w, 24);
    uint64_t at_once = bytes_for(&w, 3 * WEIR_SEC);
    assert_true(at_once > 16000 && at_once <= 24000);
    uint64_t in_all = at_once + bytes_for(&w, 60 * WEIR_SEC);
    assert_true(in_all > at_once + 1000 && in_all <= 24000); /* some were left for who comes late */
    assert_true(w.agent[0].budget.held != 0);
    assert_int_equal(weir_ice_state(&w.agent[0]), WEIR_ICE_FAILED); /* in time, as without */
}

static void attack_Y12_all_agents_of_an_owner_share_a_meter(void **state)
{
    (void)state;
    static struct pair_of_agents w[8];
    struct weir_ice_meter meter;
    uint64_t bytes = 0;
    weir_ice_meter_init(&meter, 10000, 100 * WEIR_SEC);
    for (unsigned i = 0; i < 8; i++) {
        open_pair(&w[i], false);
        w[i].agent[0].config.meter = &meter;
        weir_ice_allow(&w[i].agent[0], 2400);
        name_victim(&w[i], 24);
    }
    for (unsigned k = 0; k < 400; k++) {
        for (unsigned i = 0; i < 8; i++) {
            bytes += bytes_for(&w[i], 5 * WEIR_MS);
        }
    }
    assert_true(bytes >= 20000 && bytes <= 30000 + 200); /* what it began with, and two seconds' worth */
    assert_true(meter.held != 0);
}

/* An address that answered costs nothing any more; consent goes on for as long as one likes. */
static void who_answered_is_not_counted(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    open_pair(&w, false);
    weir_ice_allow(&w.agent[0], 60);
    weir_ice_allow(&w.agent[1], 60);
    tell(&w, 0);
    tell(&w, 1);
    run(&w, 2 * WEIR_SEC);
    assert_up(&w);
    uint64_t spent = w.agent[0].budget.spent;
    run(&w, 600 * WEIR_SEC);
    assert_up(&w);
    assert_int_equal(w.agent[0].budget.spent, spent);
    uint32_t asked = weir_ice_pair_at(&w.agent[0], 0)->requests;
    weir_ice_pair_at(&w.agent[0], 0)->is_nominating = true; /* a check, not a question for consent */
    weir_ice_trigger(&w.agent[0], w.now, weir_ice_pair_at(&w.agent[0], 0));
    run(&w, 50 * WEIR_MS);
    assert_true(weir_ice_pair_at(&w.agent[0], 0)->requests > asked);
    assert_int_equal(w.agent[0].budget.spent, spent);
}

/* -- S19, Y13 ---------------------------------------------------------------------------------- */

static void attack_S19_the_old_path_goes_on_until_the_answer_comes(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) { /* the controlling one restarts, or the other */
        static struct pair_of_agents w;
        connect_pair(&w, false);
        assert_int_equal(weir_ice_restart(&w.agent[who], w.now), WEIR_OK);
        run(&w, 100 * WEIR_SEC); /* nobody told the other side yet: longer than consent lasts */
        assert_int_equal(weir_ice_state(&w.agent[1 - who]), WEIR_ICE_COMPLETED);
        assert_true(weir_ice_may_send(&w.agent[who]));
        assert_int_equal(weir_ice_restart(&w.agent[1 - who], w.now), WEIR_OK);
        tell(&w, 1 - who); /* the offer came, and the answer to it is slow */
        run(&w, 100 * WEIR_SEC);
        assert_true(weir_ice_may_send(&w.agent[0]) && weir_ice_may_send(&w.agent[1]));
        assert_int_not_equal(weir_ice_state(&w.agent[0]), WEIR_ICE_FAILED);
        assert_int_not_equal(weir_ice_state(&w.agent[1]), WEIR_ICE_FAILED);
        tell(&w, who);
        run(&w, 5 * WEIR_SEC);
        assert_up(&w);
    }
}

/* The answer is slow, and nothing of the new generation answers until it comes: patience with the new pairs does
 * not end what works. Without the old path it does. */
static void attack_S19_patience_does_not_end_what_works(void **state)
{
    (void)state;
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        static struct pair_of_agents w;
        connect_pair(&w, false);
        assert_int_equal(weir_ice_restart(&w.agent[1], w.now), WEIR_OK);
        assert_int_equal(weir_ice_set_remote(&w.agent[1], w.now, WEIR_LIT("newu"),
                                             WEIR_LIT("0123456789012345678901"), false), WEIR_OK);
        struct weir_ice_candidate c = *weir_ice_local_at(&w.agent[0], 0);
        assert_int_equal(weir_ice_add_remote(&w.agent[1], w.now, &c), WEIR_OK);
        w.is_cut[0] = is_cut != 0;
        run(&w, 100 * WEIR_SEC);
        assert_int_equal(weir_ice_may_send(&w.agent[1]), is_cut == 0);
        assert_int_equal(weir_ice_state(&w.agent[1]), is_cut == 0 ? WEIR_ICE_CHECKING : WEIR_ICE_FAILED);
        assert_int_equal(weir_ice_state(&w.agent[0]), is_cut == 0 ? WEIR_ICE_COMPLETED : WEIR_ICE_FAILED);
    }
}

static void bring_back(struct pair_of_agents *w, int i, const struct ice_alone *from)
{
    copy_agent(&w->agent[i], &w->room[i], &from->ice, &from->room);
}

/* Both restart and only agent 1 hears the other's new credentials; `before` is agent 0 unrestarted. */
static void restart_half_told(struct pair_of_agents *w, struct ice_alone *before)
{
    connect_pair(w, false);
    copy_agent(&before->ice, &before->room, &w->agent[0], &w->room[0]);
    assert_int_equal(weir_ice_restart(&w->agent[0], w->now), WEIR_OK);
    assert_int_equal(weir_ice_restart(&w->agent[1], w->now), WEIR_OK);
    tell(w, 1);
    run(w, 2 * WEIR_SEC);
    assert_true(w->agent[1].selected != WEIR_ICE_NONE); /* the peer answered from the new generation */
}

/* A generation that the peer never heard of is no old one. */
static void attack_Y13_a_second_restart_keeps_the_names_that_both_know(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    static struct ice_alone before;
    restart_half_told(&w, &before);
    assert_int_equal(weir_ice_restart(&w.agent[1], w.now), WEIR_OK);
    bring_back(&w, 0, &before); /* the answer to the first never came */
    w.agent[0].consent.ask_at = w.now;
    uint32_t answered = weir_ice_pair_at(&w.agent[0], 0)->responses;
    run(&w, 20 * WEIR_MS);
    assert_int_equal(weir_ice_pair_at(&w.agent[0], 0)->responses, answered + 1);
}

/* Our checks are answered as soon as the peer has its new credentials; its questions name the old ones until
 * it has ours. So a valid pair does not end the old generation, a request of the new one does. */
static void attack_S19_old_names_are_answered_until_the_new_ones_are_used(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    static struct ice_alone before;
    restart_half_told(&w, &before);
    assert_true(weir_ice_old_ufrag(&w.agent[1]).n != 0);
    static struct ice_alone now;
    copy_agent(&now.ice, &now.room, &w.agent[0], &w.room[0]);
    bring_back(&w, 0, &before);
    w.agent[0].consent.ask_at = w.now;
    uint32_t answered = weir_ice_pair_at(&w.agent[0], 0)->responses;
    run(&w, 20 * WEIR_MS);
    assert_int_equal(weir_ice_pair_at(&w.agent[0], 0)->responses, answered + 1);
    bring_back(&w, 0, &now);
    tell(&w, 0);
    run(&w, 2 * WEIR_SEC);
    assert_up(&w);
    uint32_t refused = w.agent[1].verdicts[WEIR_ICE_USERNAME]; /* [RFC 8445 9] and now they are over */
    bring_back(&w, 0, &before);
    w.agent[0].consent.ask_at = w.now;
    run(&w, 10 * WEIR_MS);
    assert_int_equal(w.agent[1].verdicts[WEIR_ICE_USERNAME], refused + 1);
}

static void attack_Y13_restarts_one_after_another_and_both_at_once(void **state)
{
    (void)state;
    for (int lite = 0; lite < 2; lite++) {
        static struct pair_of_agents w;
        connect_pair(&w, lite != 0);
        for (unsigned i = 0; i < 9; i++) {
            assert_int_equal(weir_ice_restart(&w.agent[0], w.now), WEIR_OK); /* both at once */
            if (i % 3 == 1) {
                run(&w, 3 * WEIR_SEC);
                assert_int_equal(weir_ice_restart(&w.agent[0], w.now), WEIR_OK); /* and one twice, before anybody heard of the first */
            }
            assert_int_equal(weir_ice_restart(&w.agent[1], w.now), WEIR_OK);
            run(&w, 200 * WEIR_MS);
            assert_true(weir_ice_may_send(&w.agent[0]) && weir_ice_may_send(&w.agent[1]));
            tell(&w, (int)(i & 1));
            run(&w, i * WEIR_SEC);
            assert_true(weir_ice_may_send(&w.agent[0]) && weir_ice_may_send(&w.agent[1]));
            tell(&w, (int)(1 - (i & 1)));
            run(&w, 3 * WEIR_SEC);
            assert_up(&w);
        }
    }
}

/* What was to be answered with credentials that are gone meanwhile is not answered at all. */
static void an_answer_without_its_password_does_not_leave(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    uint8_t out[1500];
    struct weir_path to;
    connect_pair(&w, false);
    assert_int_equal(weir_ice_restart(&w.agent[1], w.now), WEIR_OK);
    w.is_cut[0] = true;
    run(&w, 7 * WEIR_SEC);
    w.agent[1].consent.owes = false;
    const struct weir_path path = { host_of(&w, 1), host_of(&w, 0) };
    assert_int_equal(weir_ice_recv(&w.agent[1], w.now, &path, weir_span_of(w.kept, w.kept_bytes)), WEIR_ICE_OK);
    static struct ice_alone kept;
    copy_agent(&kept.ice, &kept.room, &w.agent[1], &w.room[1]);
    assert_true(weir_ice_send(&w.agent[1], w.now, (struct weir_mspan){ out, sizeof out }, &to) != 0);
    bring_back(&w, 1, &kept);
    w.agent[1].old.is_used = false;
    weir_ice_forget_old(&w.agent[1]);
    assert_int_equal(weir_ice_send(&w.agent[1], w.now, (struct weir_mspan){ out, sizeof out }, &to), 0);
}

/* [RFC 8839 5.4] before the peer's description its half is not known, but for its least length. */
static void a_name_before_the_description_has_four_letters(void **state)
{
    (void)state;
    for (size_t n = 0; n < 6; n++) {
        static struct pair_of_agents w;
        uint8_t out[200], name[40];
        const uint8_t txid[12] = { (uint8_t)n };
        struct weir_stun_build b;
        struct weir_wr u = weir_wr_of((struct weir_mspan){ name, sizeof name });
        open_pair(&w, false);
        const struct weir_stun_seal seal = { weir_crypto_default(), weir_ice_pwd(&w.agent[0]), false, true };
        const struct weir_path path = { host_of(&w, 0), host_of(&w, 1) };
        weir_wr_bytes(&u, weir_ice_ufrag(&w.agent[0]));
        weir_wr_u8(&u, ':');
        weir_wr_bytes(&u, weir_span_of("abcdef", n));
        weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, txid);
        weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, weir_span_of(name, u.len));
        weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, 1 << 20);
        assert_int_equal(weir_ice_recv(&w.agent[0], w.now, &path, weir_span_of(out, weir_stun_end(&b, &seal))),
                         n >= 4 ? WEIR_ICE_OK : WEIR_ICE_USERNAME);
    }
}

/* -- Answers ------------------------------------------------------------------------------------ */

/* An answer that is proven, to agent 0, with this transaction. */
static enum weir_ice_verdict answer_with(struct pair_of_agents *w, const uint8_t txid[12],
                                         const struct weir_path *path)
{
    uint8_t out[200];
    struct weir_stun_build b;
    const struct weir_stun_seal seal = { weir_crypto_default(), weir_ice_pwd(&w->agent[1]), false, true };
    weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING, WEIR_STUN_SUCCESS, txid);
    const struct weir_addr mapped = host_of(w, 0);
    weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &mapped);
    size_t n = weir_stun_end(&b, &seal);
    enum weir_ice_verdict v = weir_ice_recv(&w->agent[0], w->now, path, weir_span_of(out, n));
    assert_true(weir_ice_check(&w->agent[0]));
    return v;
}

/* Of a check, and of a question for consent: all twelve bytes, and both addresses. */
static void an_answer_is_known_by_all_of_its_transaction_and_path(void **state)
{
    (void)state;
    for (int consent = 0; consent < 2; consent++) {
        static struct pair_of_agents w;
        uint8_t txid[12];
        open_pair(&w, false);
        tell(&w, 0);
        tell(&w, 1);
        if (consent != 0) {
            run(&w, 2 * WEIR_SEC);
            w.agent[0].consent.ask_at = w.now;
        }
        w.is_cut[0] = w.is_cut[1] = true;
        run(&w, 20 * WEIR_MS);
        struct weir_ice_pair *p = weir_ice_pair_at(&w.agent[0], 0);
        const struct weir_path path = weir_ice_pair_path(&w.agent[0], p);
        memcpy(txid, consent != 0 ? w.agent[0].consent.txid : p->txid, sizeof txid);
        assert_memory_equal(txid, w.kept + 8, sizeof txid);
        for (unsigned bit = 0; bit < 96; bit++) {
            txid[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(answer_with(&w, txid, &path), WEIR_ICE_TRANSACTION);
            txid[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        struct weir_path other = path;
        other.remote.port++;
        static struct ice_alone before;
        copy_agent(&before.ice, &before.room, &w.agent[0], &w.room[0]);
        assert_int_equal(answer_with(&w, txid, &other), consent != 0 ? WEIR_ICE_TRANSACTION : WEIR_ICE_ASYMMETRIC);
        bring_back(&w, 0, &before);
        weir_time life = w.agent[0].consent.expire_at;
        w.now += WEIR_SEC;
        assert_int_equal(answer_with(&w, txid, &path), WEIR_ICE_OK);
        assert_true(consent == 0 || w.agent[0].consent.expire_at > life);
        assert_int_equal(w.agent[0].last_rx_at, w.now);
        assert_int_equal(answer_with(&w, txid, &path), WEIR_ICE_TRANSACTION); /* once */
    }
}

/* -- Transactions that tell whose they are ----------------------------------------------------- */

static void ids_carry_a_tag_that_only_their_owner_reads(void **state)
{
    (void)state;
    static struct pair_of_agents w;
    uint32_t other = 0;
    open_pair(&w, false);
    w.agent[0].config.has_txid_tag = true;
    w.agent[0].config.txid_tag = 0x01000007;
    w.agent[0].config.txid_key = 0x123456789abcdef0;
    tell(&w, 0);
    tell(&w, 1);
    for (unsigned i = 0; i < 40; i++) {
        run(&w, 500 * WEIR_MS);
        assert_true(w.kept_bytes != 0);
        assert_int_equal(weir_ice_txid_tag(0x123456789abcdef0, w.kept + 8), 0x01000007);
        other += weir_ice_txid_tag(0x123456789abcdef1, w.kept + 8) == 0x01000007;
    }
    assert_int_equal(other, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_S17_where_checks_may_go),
        cmocka_unit_test(attack_S17_mapped_addresses_are_made_canonical_first),
        cmocka_unit_test(attack_S17_a_spoofed_request_is_no_way_inside),
        cmocka_unit_test(attack_S17_refusals_are_counted_all_and_told_a_few),
        cmocka_unit_test(attack_Y11_what_was_recorded_proves_nothing),
        cmocka_unit_test(attack_Y11_a_recorded_question_keeps_no_consent),
        cmocka_unit_test(attack_Y9_a_question_alone_is_no_answer),
        cmocka_unit_test(attack_Y11_a_recorded_question_keeps_no_old_path),
        cmocka_unit_test(attack_Y11_lite_questions_alone_are_believed_for_five_minutes),
        cmocka_unit_test(a_hundred_transactions_later_the_first_is_still_known),
        cmocka_unit_test(attack_Y12_ten_bytes_leave_for_one),
        cmocka_unit_test(attack_Y12_all_agents_of_an_owner_share_a_meter),
        cmocka_unit_test(who_answered_is_not_counted),
        cmocka_unit_test(attack_S19_the_old_path_goes_on_until_the_answer_comes),
        cmocka_unit_test(attack_S19_patience_does_not_end_what_works),
        cmocka_unit_test(attack_Y13_a_second_restart_keeps_the_names_that_both_know),
        cmocka_unit_test(attack_S19_old_names_are_answered_until_the_new_ones_are_used),
        cmocka_unit_test(attack_Y13_restarts_one_after_another_and_both_at_once),
        cmocka_unit_test(an_answer_without_its_password_does_not_leave),
        cmocka_unit_test(a_name_before_the_description_has_four_letters),
        cmocka_unit_test(an_answer_is_known_by_all_of_its_transaction_and_path),
        cmocka_unit_test(ids_carry_a_tag_that_only_their_owner_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
