/* What an agent holds of the arenas over its life: when it is leased, when it goes back, and what happens
 * when there is none. And the grid of its lazy timers. */
#include "ice/ice_int.h"
#include "test/ice/ice_script.h"

#define PING_EVERY (25 * WEIR_SEC) /* browsers', of pairs that they keep in reserve */

/* Let time pass as deadlines want it: the peer answers on every path, and pings `pinged`, if it is there. */
static void live(struct script *s, weir_time until, const struct weir_path *pinged)
{
    const struct saying ping = { .is_controlling = !s->ice.is_controlling };
    weir_time ping_at = pinged == NULL ? WEIR_NEVER : s->now + PING_EVERY;
    while (s->now < until) {
        uint8_t out[1300];
        struct weir_path to;
        struct weir_stun_msg m;
        weir_ice_tick(&s->ice, s->now);
        for (size_t n; (n = weir_ice_send(&s->ice, s->now, (struct weir_mspan){ out, sizeof out }, &to)) != 0;) {
            assert_int_equal(weir_stun_parse(weir_span_of(out, n), &m), WEIR_STUN_OK);
            const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = m.txid };
            if (m.klass == WEIR_STUN_REQUEST) {
                (void)tell_from(s, &success, &to);
            }
        }
        if (s->now >= ping_at) {
            assert_int_equal(tell_from(s, &ping, pinged), WEIR_ICE_OK);
            ping_at = s->now + PING_EVERY;
            continue;
        }
        drain_events(s);
        weir_time at = weir_time_min(weir_time_min(weir_ice_deadline(&s->ice), ping_at), until);
        s->now = at > s->now ? at : s->now + 1;
    }
}

static void holds(const struct script *s, uint32_t pages, uint32_t setups)
{
    assert_int_equal(s->room.pages.leased, pages);
    assert_int_equal(weir_ice_pages(&s->ice), pages);
    assert_int_equal(s->room.setups.leased, setups);
    assert_int_equal(weir_ice_is_setting_up(&s->ice), setups);
}

/* The next tick is due at once, and gives the block back. */
static void gives_back(struct script *s)
{
    assert_int_equal(s->room.setups.leased, 1);
    assert_int_equal(weir_ice_deadline(&s->ice), 0);
    weir_ice_tick(&s->ice, s->now);
    assert_int_equal(s->room.setups.leased, 0);
    assert_true(weir_ice_deadline(&s->ice) != 0);
    drain_events(s);
}

/* -- How much ---------------------------------------------------------------------------------- */

/* Two addresses of ours and three of the peer's, all of which work; the peer is answered to and idle. */
static void an_idle_connection_has_less_than_five_kib(void **state)
{
    (void)state;
    static struct script s;
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    begin(&s, false);
    struct weir_addr second = weir_addr_v4(10, 0, 0, 7, 1000);
    assert_int_equal(weir_ice_add_host(&s.ice, s.now, &second, 65534), WEIR_OK);
    for (unsigned i = 0; i < 3; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, (uint8_t)(2 + i), (uint16_t)(2000 + i));
        add_peer_candidate(&s, &a, 1000 - i);
    }
    assert_int_equal(s.ice.pairs, 6);
    live(&s, s.now + WEIR_SEC, NULL);
    assert_int_equal(tell(&s, &nominates), WEIR_ICE_OK);
    live(&s, s.now + 300 * WEIR_SEC, NULL);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
    holds(&s, 4, 0);
    assert_true(sizeof s.ice <= 3 * 1024);
    assert_true(sizeof s.ice + 4 * sizeof(struct weir_ice_page) <= 5 * 1024);
    /* While it is set up, with four addresses of ours and eight of the peer's. */
    assert_true(sizeof s.ice + (1 + 2 + 11) * sizeof(struct weir_ice_page) + sizeof(struct weir_ice_setup)
                <= 24 * 1024);
    weir_ice_close(&s.ice, s.now);
    holds(&s, 0, 0);
    assert_int_equal(weir_ice_add_host(&s.ice, s.now, &second, 1), WEIR_ERR_STATE); /* nor again */
    assert_int_equal(weir_ice_prepare(&s.ice), WEIR_ERR_STATE);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    assert_int_equal(weir_ice_gathering_done(&s.ice, s.now), WEIR_OK);
    assert_int_equal(weir_ice_embed_add(&s.ice, WEIR_LIT("\x16")), WEIR_ERR_STATE);
    assert_false(weir_ice_embed_has_room(&s.ice));
    holds(&s, 0, 0);
    drain_events(&s);
}

static void an_agent_that_ends_gives_back_all_of_it(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    holds(&s, 3, 1);
    weir_ice_deinit(&s.ice);
    holds(&s, 0, 0);
    static const uint8_t zero[sizeof(struct weir_ice_setup)];
    assert_memory_equal((uint8_t *)&s.room.setup + 4, zero + 4, sizeof zero - 4); /* a free block's link */
}

/* -- The block --------------------------------------------------------------------------------- */

static void the_block_is_there_while_a_description_waits(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    weir_ice_tick(&s.ice, s.now);
    holds(&s, 3, 0);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    live(&s, s.now + 100 * WEIR_SEC, NULL); /* however long */
    assert_true(weir_ice_is_held(&s.ice));
    holds(&s, 3, 1);
    weir_ice_settle(&s.ice);
    assert_false(weir_ice_is_held(&s.ice));
    gives_back(&s);
    assert_int_equal(weir_ice_prepare(&s.ice), WEIR_OK); /* what follows in this moment is sure of it */
    s.room.setups.count = 0;
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    s.room.setups.count = 1;
    weir_ice_roll_back(&s.ice, s.now, false);
    gives_back(&s);
}

/* Until the peer proved that it has the new names; or for a quarter of an hour from the new path on. */
static void the_block_is_there_while_old_names_may_be_used(void **state)
{
    (void)state;
    for (int shows = 0; shows < 3; shows++) {
        static struct script s;
        const struct saying check = { .is_controlling = true };
        connect(&s);
        if (shows == 2) {
            assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
        }
        assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
        holds(&s, 3, 1);
        assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT("else"), WEIR_LIT(PEER_PWD), false),
                         WEIR_OK);
        add_peer_candidate(&s, &s.path.remote, 100);
        s.now += 20 * WEIR_MS;
        assert_true(hear_request(&s));
        assert_int_equal(succeed(&s), WEIR_ICE_OK);
        weir_time begun = s.now;
        live(&s, s.now + 60 * WEIR_SEC, NULL);
        holds(&s, 3, 1);
        assert_true(weir_ice_old_ufrag(&s.ice).n != 0);
        if (shows == 2) { /* nor is anything over while a description waits */
            live(&s, begun + 1000 * WEIR_SEC, NULL);
            assert_true(weir_ice_old_ufrag(&s.ice).n != 0);
            weir_ice_settle(&s.ice);
            begun += 900 * WEIR_SEC;
        }
        if (shows == 1) {
            struct saying named = check;
            named.username_remote = "else";
            assert_int_equal(tell(&s, &named), WEIR_ICE_OK);
            gives_back(&s);
            continue;
        }
        live(&s, begun + 899 * WEIR_SEC, NULL);
        holds(&s, 3, 1);
        live(&s, begun + 901 * WEIR_SEC, NULL);
        holds(&s, 3, 0);
        assert_int_equal(weir_ice_old_ufrag(&s.ice).n, 0);
        assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_CONNECTED);
    }
}

/* A path of before whose consent ended is no reason to keep its names. */
static void the_block_goes_back_when_the_old_path_dies(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    for (weir_time end = s.now + 31 * WEIR_SEC; s.now < end; s.now += 100 * WEIR_MS) {
        (void)hear_request(&s); /* nobody answers */
    }
    assert_false(weir_ice_may_send(&s.ice));
    holds(&s, 3, 0);
    drain_events(&s);
}

static void the_block_is_there_while_servers_are_asked(void **state)
{
    (void)state;
    for (int answers = 0; answers < 2; answers++) {
        static struct script s;
        struct weir_stun_msg m;
        struct weir_path to;
        struct weir_addr server = weir_addr_v4(192, 0, 2, 9, 3478);
        connect(&s);
        weir_ice_tick(&s.ice, s.now);
        assert_int_equal(weir_ice_add_server(&s.ice, s.now, &server), WEIR_OK);
        assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
        weir_ice_forget_old(&s.ice);
        s.ice.old.is_used = false;
        assert_int_equal(weir_ice_gathering_done(&s.ice, s.now), WEIR_OK);
        holds(&s, 3, 1);
        assert_true(hear(&s, WEIR_STUN_REQUEST, &m, &to));
        assert_true(weir_addr_eq(&to.remote, &server));
        if (answers != 0) {
            const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid, .pwd = "x" };
            assert_int_equal(tell_from(&s, &success, &to), WEIR_ICE_OK);
            gives_back(&s);
        } else {
            live(&s, s.now + 6 * WEIR_SEC, NULL);
            holds(&s, 3, 0);
        }
        assert_true(weir_ice_has_gathered(&s.ice));
    }
}

static void the_block_is_there_while_payloads_wait(void **state)
{
    (void)state;
    static struct script s;
    uint8_t out[1300];
    begin(&s, false);
    holds(&s, 1, 0);
    weir_ice_embed_begin(&s.ice);
    assert_int_equal(weir_ice_embed_add(&s.ice, WEIR_LIT("\x16payload")), WEIR_OK);
    holds(&s, 1, 1);
    weir_ice_embed_clear(&s.ice);
    weir_ice_tick(&s.ice, s.now);
    holds(&s, 1, 1); /* before there is a path the next is sure of its place */
    add_peer_candidate(&s, &s.path.remote, 100);
    assert_int_equal(weir_ice_embed_add(&s.ice, WEIR_LIT("\x16payload")), WEIR_OK);
    assert_true(hear_request(&s));
    assert_int_equal(succeed(&s), WEIR_ICE_OK); /* of a peer that does not do it */
    weir_ice_tick(&s.ice, s.now);
    holds(&s, 3, 1); /* but it may be had bare */
    assert_int_equal(weir_ice_embed_bare(&s.ice, (struct weir_mspan){ out, sizeof out }), 8);
    gives_back(&s);
}

/* A peer that never says that it has the last payloads holds the block for a quarter of an hour. */
static void a_peer_that_never_takes_the_last_payload_is_not_waited_for(void **state)
{
    (void)state;
    static struct script s;
    uint8_t out[1300];
    begin(&s, false);
    weir_ice_embed_begin(&s.ice);
    assert_int_equal(weir_ice_embed_add(&s.ice, WEIR_LIT("\x16last")), WEIR_OK);
    weir_ice_embed_finish(&s.ice);
    add_peer_candidate(&s, &s.path.remote, 100);
    assert_true(hear_request(&s));
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid,
                                    .extra = WEIR_STUN_DTLS_IN_STUN };
    weir_ice_pair_at(&s.ice, 0)->carried = 0; /* as if it had gone with several */
    assert_int_equal(tell(&s, &success), WEIR_ICE_OK);
    assert_int_equal(weir_ice_embed_info(&s.ice).state, WEIR_ICE_EMBED_ENDING);
    assert_int_equal(weir_ice_embed_bare(&s.ice, (struct weir_mspan){ out, sizeof out }), 5);
    weir_ice_tick(&s.ice, s.now);
    assert_true(weir_ice_deadline(&s.ice) > s.now);
    s.ice.consent.expire_at = WEIR_NEVER; /* the peer goes on carrying, which this script does not write */
    weir_time end = s.now + 900 * WEIR_SEC;
    for (; s.now < end; s.now += WEIR_SEC) {
        holds(&s, 3, 1);
        weir_ice_tick(&s.ice, s.now);
    }
    s.now += WEIR_ICE_GRID;
    weir_ice_tick(&s.ice, s.now);
    holds(&s, 3, 0);
    assert_int_equal(weir_ice_embed_info(&s.ice).state, WEIR_ICE_EMBED_DONE);
}

/* What failed keeps what waits: a description, payloads. */
static void a_failed_agent_keeps_what_waits_and_nothing_else(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        static struct script s;
        connect(&s);
        if (which == 1) {
            assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
        }
        if (which == 2) {
            weir_ice_embed_begin(&s.ice);
            assert_int_equal(weir_ice_embed_add(&s.ice, WEIR_LIT("\x16payload")), WEIR_OK);
        }
        if (which != 0) {
            assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
        }
        weir_ice_fail(&s.ice, s.now, WEIR_ICE_FAILURE_NO_PAIR);
        drain_events(&s);
        assert_int_equal(weir_ice_deadline(&s.ice), WEIR_NEVER);
        holds(&s, 3, which == 1 || which == 2);
        weir_ice_rest(&s.ice);
        holds(&s, 3, which == 1 || which == 2);
        if (which == 1) {
            weir_ice_roll_back(&s.ice, s.now, false);
            assert_int_equal(weir_ice_deadline(&s.ice), 0);
        }
        weir_ice_embed_clear(&s.ice);
        weir_ice_tick(&s.ice, s.now);
        holds(&s, 3, 0);
        drain_events(&s);
    }
}

static void an_owner_that_rests_has_no_block_but_for_what_waits(void **state)
{
    (void)state;
    static struct script s;
    struct weir_addr server = weir_addr_v4(192, 0, 2, 9, 3478);
    connect(&s);
    assert_int_equal(weir_ice_add_server(&s.ice, s.now, &server), WEIR_OK);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    assert_int_equal(weir_ice_gathering_done(&s.ice, s.now), WEIR_OK);
    weir_ice_rest(&s.ice);
    holds(&s, 3, 0);
    assert_true(s.ice.gather_until == WEIR_NEVER);
}

/* -- None left --------------------------------------------------------------------------------- */

/* Refused, and nothing has changed but the arena's count; served when there is one. */
static void verbs_that_need_a_block_are_refused_without_one(void **state)
{
    (void)state;
    for (int verb = 0; verb < 6; verb++) {
        static struct script s, was;
        struct weir_addr server = weir_addr_v4(192, 0, 2, 9, 3478);
        connect(&s);
        weir_ice_tick(&s.ice, s.now);
        drain_events(&s);
        weir_ice_embed_begin(&s.ice);
        if (verb == 4) { /* gathering is to begin anew */
            assert_int_equal(weir_ice_add_server(&s.ice, s.now, &server), WEIR_OK);
            s.ice.is_gathering_done = s.ice.has_told_gathered = false;
        }
        for (uint32_t count = 0; count < 2; count++) {
            const enum weir_status want = count == 0 ? WEIR_ERR_FULL : WEIR_OK;
            s.room.setups.count = count;
            was = s;
            enum weir_status status =
                verb == 0   ? weir_ice_hold(&s.ice)
                : verb == 1 ? weir_ice_restart(&s.ice, s.now)
                : verb == 2 ? weir_ice_replace_remote(&s.ice, s.now)
                : verb == 3 ? weir_ice_embed_add(&s.ice, WEIR_LIT("\x16payload"))
                : verb == 4 ? weir_ice_gathering_done(&s.ice, s.now)
                            : weir_ice_prepare(&s.ice);
            assert_int_equal(status, want);
            assert_int_equal(s.room.setups.refusals, 1);
            assert_int_equal(s.room.setups.leased, count);
            if (count == 0) {
                assert_memory_equal(&s.ice, &was.ice, sizeof s.ice);
                assert_memory_equal(s.room.page, was.room.page, sizeof s.room.page);
                assert_false(weir_ice_embed_has_room(&s.ice));
            }
        }
        drain_events(&s);
    }
}

/* Where nothing goes on there is nothing to keep. */
static void a_restart_without_a_path_needs_no_block(void **state)
{
    (void)state;
    static struct script s;
    begin_asking(&s, false);
    s.room.setups.count = 0;
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    weir_ice_fail(&s.ice, s.now, WEIR_ICE_FAILURE_NO_PAIR);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    weir_ice_close(&s.ice, s.now);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_ERR_STATE);
    assert_int_equal(s.room.setups.refusals, 0);
    drain_events(&s);
}

/* An agent without any arena of blocks does all that needs none. */
static void an_agent_may_have_no_blocks_at_all(void **state)
{
    (void)state;
    static struct script s;
    begin(&s, false);
    s.ice.config.setups = NULL;
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_ERR_FULL);
    assert_false(weir_ice_embed_has_room(&s.ice));
    weir_ice_deinit(&s.ice);
    s.ice.config.pages = NULL;
    assert_int_equal(weir_ice_add_host(&s.ice, s.now, &s.path.local, 1), WEIR_ERR_FULL);
}

/* -- Pages ------------------------------------------------------------------------------------- */

static void candidates_without_a_page_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static struct script s, was;
    begin(&s, false);
    add_peer_candidate(&s, &s.path.remote, 100);
    holds(&s, 3, 0);
    for (unsigned i = 1; i < 3; i++) { /* pairs and candidates that their pages have room for */
        struct weir_addr a = weir_addr_v4(10, 0, 0, 3, (uint16_t)(3000 + i));
        add_peer_candidate(&s, &a, 90);
    }
    s.room.pages.count = 3;
    struct weir_addr fourth = weir_addr_v4(10, 0, 0, 4, 4000);
    struct weir_ice_candidate c = { .type = WEIR_ICE_HOST, .component = 1, .priority = 2000, .addr = fourth,
                                    .foundation_bytes = 1, .foundation = "z" };
    for (int which = 0; which < 2; which++) { /* no page for its pair; and for pairs of one of ours */
        was = s;
        assert_int_equal(which == 0 ? weir_ice_add_remote(&s.ice, s.now, &c)
                                    : weir_ice_add_host(&s.ice, s.now, &fourth, 1), WEIR_ERR_FULL);
        assert_memory_equal(&s.ice, &was.ice, sizeof s.ice);
        holds(&s, 3, 0);
    }
    s.room.pages.count = 4;
    assert_int_equal(weir_ice_add_remote(&s.ice, s.now, &c), WEIR_OK);
    assert_int_equal(s.ice.pairs, 4);
    holds(&s, 4, 0);
    c.addr.port++; /* now the candidate itself needs one */
    was = s;
    assert_int_equal(weir_ice_add_remote(&s.ice, s.now, &c), WEIR_ERR_FULL);
    assert_memory_equal(&s.ice, &was.ice, sizeof s.ice);
    for (unsigned i = 0; i < 4; i++) { /* a proven request from elsewhere is answered, and teaches nothing */
        const struct saying check = { .is_controlling = true };
        struct weir_path path = { s.path.local, weir_addr_v4(10, 0, 9, 9, (uint16_t)(5000 + i)) };
        assert_int_equal(tell_from(&s, &check, &path), WEIR_ICE_FULL);
        assert_int_equal(s.ice.remotes, 4);
        holds(&s, 4, 0);
    }
    assert_int_equal(s.ice.answers, 4);
    s.room.pages.count = 6;
    const struct saying check = { .is_controlling = true };
    struct weir_path path = { s.path.local, weir_addr_v4(10, 0, 9, 9, 6000) };
    assert_int_equal(tell_from(&s, &check, &path), WEIR_ICE_OK);
    holds(&s, 5, 0);
    drain_events(&s);
}

/* Two pages are needed and one is there: it goes back. */
static void a_page_that_is_not_enough_goes_back(void **state)
{
    (void)state;
    static struct script s;
    struct weir_addr second = weir_addr_v4(10, 0, 0, 7, 1000);
    begin(&s, false);
    for (unsigned i = 0; i < 6; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, 3, (uint16_t)(3000 + i));
        add_peer_candidate(&s, &a, 90);
    }
    holds(&s, 1 + 2 + 2, 0);
    s.room.pages.count = 6;
    assert_int_equal(weir_ice_add_host(&s.ice, s.now, &second, 1), WEIR_ERR_FULL);
    holds(&s, 1 + 2 + 2, 0);
    s.room.pages.count = 7;
    assert_int_equal(weir_ice_add_host(&s.ice, s.now, &second, 1), WEIR_OK);
    assert_int_equal(s.ice.pairs, 12);
    holds(&s, 1 + 2 + 4, 0);
    drain_events(&s);
}

/* A page for the candidate and none for its pair, all of which are busy: both go back. */
static void a_discovered_candidate_without_a_pair_is_not_kept(void **state)
{
    (void)state;
    static struct script s;
    const struct saying check = { .is_controlling = true };
    begin(&s, false);
    for (unsigned i = 0; i < 3; i++) {
        struct weir_path path = { s.path.local, weir_addr_v4(10, 0, 9, 9, (uint16_t)(5000 + i)) };
        assert_int_equal(tell_from(&s, &check, &path), WEIR_ICE_OK);
    }
    s.room.pages.count = 3;
    struct weir_path path = { s.path.local, weir_addr_v4(10, 0, 9, 9, 6000) };
    assert_int_equal(tell_from(&s, &check, &path), WEIR_ICE_FULL);
    assert_int_equal(s.ice.remotes, 3);
    holds(&s, 3, 0);
}

/* Where our pair's address, as the peer sees it, finds no page, the pair works all the same. */
static void what_the_peer_sees_needs_no_page(void **state)
{
    (void)state;
    static struct script s;
    begin(&s, false);
    for (unsigned i = 1; i < 4; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, (uint8_t)(100 + i), 1000);
        assert_int_equal(weir_ice_add_host(&s.ice, s.now, &a, 65534), WEIR_OK);
    }
    add_peer_candidate(&s, &s.path.remote, 100);
    s.room.pages.count = s.room.pages.leased;
    struct weir_addr ours = s.path.local;
    assert_true(hear_request(&s));
    struct weir_path way = weir_ice_pair_path(&s.ice, the_pair(&s));
    s.path.local = weir_addr_v4(203, 0, 113, 1, 999); /* what XOR-MAPPED-ADDRESS says */
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid };
    assert_int_equal(tell_from(&s, &success, &way), WEIR_ICE_OK);
    s.path.local = ours;
    assert_int_equal(s.ice.locals, 4);
    assert_int_equal(the_pair(&s)->mapped, the_pair(&s)->local);
    s.room.pages.count++; /* and with one it is learnt, but nobody is told of it */
    struct weir_ice_event e;
    while (weir_ice_event(&s.ice, &e)) {
    }
    weir_ice_pair_at(&s.ice, 1)->state = WEIR_ICE_WAITING;
    s.now += 20 * WEIR_MS;
    struct weir_stun_msg m;
    assert_true(hear(&s, WEIR_STUN_REQUEST, &m, &way));
    s.path.local = weir_addr_v4(203, 0, 113, 1, 999);
    assert_int_equal(tell_from(&s, &success, &way), WEIR_ICE_OK);
    assert_int_equal(s.ice.locals, 5);
    assert_int_equal(weir_ice_local_at(&s.ice, 4)->type, WEIR_ICE_PRFLX);
    while (weir_ice_event(&s.ice, &e)) {
        assert_true(e.type != WEIR_ICE_EVENT_CANDIDATE);
    }
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_CONNECTED);
}

/* -- What is of no use any more ---------------------------------------------------------------- */

/* One that works and carries data, of the signalled candidates two that failed, and one that the peer only
 * asked from. Pair 0 is the one that carries data. */
static void complete_with_others(struct script *s, struct weir_path *asked)
{
    const struct saying check = { .is_controlling = true };
    connect(s);
    for (unsigned i = 0; i < 6; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, 50, (uint16_t)(5000 + i));
        add_peer_candidate(s, &a, 50);
    }
    *asked = (struct weir_path){ s->path.local, weir_addr_v4(10, 0, 0, 60, 6000) };
    assert_int_equal(tell_from(s, &check, asked), WEIR_ICE_OK);
    assert_int_equal(s->ice.pairs, 8);
    holds(s, 1 + 2 + 3, 0);
    for (uint32_t i = 1; i < 8; i++) { /* none of them answers */
        struct weir_ice_pair *p = weir_ice_pair_at(&s->ice, i);
        p->trigger = 0;
        weir_ice_invalidated(&s->ice, s->now, p);
    }
    drain_events(s);
}

static void pairs_that_failed_go_half_a_minute_after_completion(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path asked, path;
    complete_with_others(&s, &asked);
    weir_time begun = s.now;
    live(&s, begun + 29 * WEIR_SEC, NULL);
    assert_int_equal(s.ice.pairs, 8);
    live(&s, begun + 37 * WEIR_SEC, NULL);
    assert_int_equal(s.ice.pairs, 2); /* the peer may ask there again */
    assert_int_equal(s.ice.remotes, 8);
    holds(&s, 1 + 2 + 1, 0);
    live(&s, begun + 160 * WEIR_SEC, NULL);
    assert_int_equal(s.ice.pairs, 1); /* it did not */
    assert_int_equal(s.ice.remotes, 7); /* what was merely discovered goes with its pair */
    holds(&s, 1 + 2 + 1, 0);
    assert_true(weir_ice_selected(&s.ice, &path) && weir_path_eq(&path, &s.path));
    uint32_t requests = the_pair(&s)->requests;
    for (unsigned i = 0; i < 6; i++) { /* the same description again: no checks */
        struct weir_addr a = weir_addr_v4(10, 0, 0, 50, (uint16_t)(5000 + i));
        add_peer_candidate(&s, &a, 50);
    }
    assert_int_equal(s.ice.pairs, 1);
    live(&s, s.now + 10 * WEIR_SEC, NULL);
    assert_true(the_pair(&s)->requests <= requests + 3);
    struct weir_addr fresh = weir_addr_v4(10, 0, 0, 51, 5000); /* another one is checked */
    add_peer_candidate(&s, &fresh, 50);
    assert_int_equal(s.ice.pairs, 2);
    const struct saying check = { .is_controlling = true }; /* and who went is found again when it asks */
    assert_int_equal(tell_from(&s, &check, &asked), WEIR_ICE_OK);
    assert_int_equal(s.ice.pairs, 3);
}

/* Nothing goes while a description waits: it may name what is there. */
static void nothing_goes_while_something_is_set_up(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path asked;
    complete_with_others(&s, &asked);
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    live(&s, s.now + 300 * WEIR_SEC, NULL);
    assert_int_equal(s.ice.pairs, 8);
    weir_ice_settle(&s.ice);
    live(&s, s.now + 40 * WEIR_SEC, NULL);
    assert_int_equal(s.ice.pairs, 1);
}

/* Which pairs stay, each alone beside the one that carries data. */
static void pairs_that_are_of_use_stay(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_valid, is_discovered, is_heard, is_asked, is_followed, is_nominating, is_triggered;
        bool is_lite, stays;
        uint8_t state;
    } row[] = {
        { .name = "frozen", .state = WEIR_ICE_FROZEN },
        { .name = "waiting", .state = WEIR_ICE_WAITING },
        { .name = "failed", .state = WEIR_ICE_PAIR_FAILED },
        { .name = "asked", .state = WEIR_ICE_PAIR_FAILED, .is_asked = true, .stays = true },
        { .name = "triggered", .state = WEIR_ICE_WAITING, .is_triggered = true, .stays = true },
        { .name = "in progress", .state = WEIR_ICE_IN_PROGRESS, .stays = true },
        { .name = "followed", .state = WEIR_ICE_WAITING, .is_followed = true, .stays = true },
        { .name = "nominating", .state = WEIR_ICE_SUCCEEDED, .is_nominating = true, .stays = true },
        { .name = "valid", .state = WEIR_ICE_SUCCEEDED, .is_valid = true, .stays = true },
        { .name = "found, silent", .state = WEIR_ICE_SUCCEEDED, .is_valid = true, .is_discovered = true },
        { .name = "found, heard", .state = WEIR_ICE_SUCCEEDED, .is_valid = true, .is_discovered = true,
          .is_heard = true, .stays = true },
        { .name = "lite, silent", .state = WEIR_ICE_SUCCEEDED, .is_valid = true, .is_lite = true },
        { .name = "lite, heard", .state = WEIR_ICE_SUCCEEDED, .is_valid = true, .is_lite = true,
          .is_heard = true, .stays = true },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        static struct script s;
        struct weir_addr a = weir_addr_v4(10, 0, 0, 50, 5000);
        connect(&s);
        add_peer_candidate(&s, &a, 50);
        s.now += 1000 * WEIR_SEC;
        struct weir_ice_pair *p = weir_ice_pair_at(&s.ice, 1);
        p->state = row[i].state;
        p->is_valid = row[i].is_valid;
        p->is_followed = row[i].is_followed;
        p->is_nominating = row[i].is_nominating;
        p->trigger = row[i].is_triggered;
        p->asked_at = row[i].is_asked ? s.now - 119 * WEIR_SEC : s.now - 120 * WEIR_SEC;
        p->heard_at = row[i].is_heard ? s.now - 119 * WEIR_SEC : s.now - 120 * WEIR_SEC;
        weir_ice_remote_at(&s.ice, 1)->type = row[i].is_discovered ? WEIR_ICE_PRFLX : WEIR_ICE_HOST;
        s.ice.config.is_lite = row[i].is_lite;
        weir_ice_spare(&s.ice, s.now);
        if (s.ice.pairs != (row[i].stays ? 2 : 1)) {
            fail_msg("%s", row[i].name);
        }
        assert_int_equal(s.ice.remotes, row[i].stays || !row[i].is_discovered ? 2 : 1);
        assert_true(s.ice.spare_at == s.now + 30 * WEIR_SEC);
    }
}

/* A lite agent asks nothing, so its peer's questions are what it goes by; no tick comes in between. */
static void a_lite_agent_lets_go_as_well(void **state)
{
    (void)state;
    static struct script s;
    const struct saying check = { .is_controlling = true };
    struct weir_path other;
    connect(&s);
    s.ice.config.is_lite = true;
    s.ice.consent.ask_at = WEIR_NEVER;
    other = (struct weir_path){ s.path.local, weir_addr_v4(10, 0, 0, 50, 5000) };
    assert_int_equal(tell_from(&s, &check, &other), WEIR_ICE_OK);
    for (weir_time begun = s.now; s.now < begun + 160 * WEIR_SEC; s.now += 5 * WEIR_SEC) {
        assert_int_equal(tell(&s, &check), WEIR_ICE_OK);
        assert_true(s.ice.pairs == 2 || s.now >= begun + 120 * WEIR_SEC);
        drain_events(&s);
    }
    assert_int_equal(s.ice.pairs, 1);
    assert_int_equal(s.ice.remotes, 1);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
}

/* The last pair gets the place of one that goes, and is known by its new index everywhere. */
static void the_pair_in_use_may_change_its_index(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path path[2], now;
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    begin_with_two_valid(&s, path);
    s.now += 5 * WEIR_SEC;
    assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK);
    assert_int_equal(s.ice.selected, 1);
    weir_ice_invalidated(&s.ice, s.now, weir_ice_pair_at(&s.ice, 0));
    weir_ice_pair_at(&s.ice, 0)->trigger = 0;
    drain_events(&s);
    live(&s, s.now + 300 * WEIR_SEC, NULL);
    assert_int_equal(s.ice.pairs, 1);
    assert_int_equal(s.ice.selected, 0);
    assert_true(weir_ice_selected(&s.ice, &now) && weir_path_eq(&now, &path[1]));
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
    assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK);
    drain_events(&s);
}

/* For an hour the peer pings a pair that it keeps in reserve; then it switches to that. */
static void a_pair_that_the_peer_pings_stays_and_takes_over(void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++) {
        static struct script s;
        struct weir_path path[2], now;
        const struct saying nominates = { .is_controlling = true, .with_nomination = true };
        begin_with_two_valid(&s, path);
        weir_ice_remote_at(&s.ice, 1)->type = named != 0 ? WEIR_ICE_HOST : WEIR_ICE_PRFLX;
        assert_int_equal(tell_from(&s, &nominates, &path[0]), WEIR_ICE_OK);
        live(&s, s.now + 3600 * WEIR_SEC, &path[1]);
        assert_int_equal(s.ice.pairs, 2);
        holds(&s, 3, 0);
        assert_true(weir_ice_selected(&s.ice, &now) && weir_path_eq(&now, &path[0]));
        assert_true(weir_ice_path_ok(&s.ice, &path[1]));
        assert_int_equal(tell_from(&s, &nominates, &path[1]), WEIR_ICE_OK);
        assert_true(weir_ice_selected(&s.ice, &now) && weir_path_eq(&now, &path[0]));
        live(&s, s.now + 20 * WEIR_MS, NULL); /* consent comes first [RFC 7675 5.1]: a round trip */
        assert_true(weir_ice_selected(&s.ice, &now) && weir_path_eq(&now, &path[1]));
        live(&s, s.now + 60 * WEIR_SEC, NULL);
        assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
    }
}

/* A peer whose address changes every few minutes, with no more than its questions to tell it, all day. */
static void a_peer_that_moves_all_day_finds_room(void **state)
{
    (void)state;
    static struct script s;
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    connect(&s);
    for (unsigned i = 0; i < 200; i++) {
        struct weir_path path = { s.path.local, weir_addr_v4(10, 7, 0, 1, (uint16_t)(20000 + i)) }, now;
        assert_int_equal(tell_from(&s, &nominates, &path), WEIR_ICE_OK);
        live(&s, s.now + 400 * WEIR_SEC, NULL);
        assert_true(weir_ice_selected(&s.ice, &now) && weir_path_eq(&now, &path));
        assert_true(s.ice.pairs <= 3);
        assert_true(s.room.pages.leased <= 3);
    }
}

/* -- For long ---------------------------------------------------------------------------------- */

static void a_day_of_restarts_holds_no_more_than_the_first_minute(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    uint32_t most = 0;
    for (unsigned i = 0; i < 24 * 60; i++) { /* each minute one, every third taken back */
        const struct saying nominates = { .is_controlling = true, .with_nomination = true };
        assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
        assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
        assert_int_equal(weir_ice_set_remote(&s.ice, s.now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD), false),
                         WEIR_OK);
        add_peer_candidate(&s, &s.path.remote, 100);
        live(&s, s.now + WEIR_SEC, NULL);
        assert_int_equal(tell(&s, &nominates), WEIR_ICE_OK);
        if (i % 3 == 2) {
            weir_ice_roll_back(&s.ice, s.now, false);
        } else {
            weir_ice_settle(&s.ice);
        }
        live(&s, s.now + 59 * WEIR_SEC, NULL);
        assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
        assert_true(weir_ice_may_send(&s.ice));
        most = i == 0 ? s.room.pages.leased_most : most;
        assert_int_equal(s.room.pages.leased_most, most);
        holds(&s, 3, 0);
    }
}

/* Others took every page in between: what carried data is brought back all the same. */
static void a_generation_is_brought_back_with_no_page_to_lease(void **state)
{
    (void)state;
    static struct script s;
    struct weir_path path;
    begin(&s, false);
    for (unsigned i = 1; i < 5; i++) { /* four addresses of ours before the one that works */
        struct weir_addr a = weir_addr_v4(10, 0, 0, (uint8_t)(100 + i), 1000);
        assert_int_equal(weir_ice_add_host(&s.ice, s.now, &a, 65534), WEIR_OK);
    }
    for (unsigned i = 0; i < 8; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, 2, (uint16_t)(2000 + i));
        add_peer_candidate(&s, &a, 100);
    }
    struct weir_path works = { weir_addr_v4(10, 0, 0, 104, 1000), weir_addr_v4(10, 0, 0, 2, 2007) };
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    assert_int_equal(tell_from(&s, &nominates, &works), WEIR_ICE_OK);
    struct weir_stun_msg m;
    assert_true(hear(&s, WEIR_STUN_REQUEST, &m, &path) && weir_path_eq(&path, &works));
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid };
    assert_int_equal(tell_from(&s, &success, &works), WEIR_ICE_OK);
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
    for (uint32_t i = 0; i < s.ice.pairs; i++) { /* others work as well */
        weir_ice_pair_at(&s.ice, i)->is_valid = true;
    }
    assert_int_equal(weir_ice_hold(&s.ice), WEIR_OK);
    assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
    holds(&s, 2 + 1 + 1, 1);
    while (weir_arena_free(&s.room.pages) != 0) {
        assert_true(weir_arena_lease(&s.room.pages) != WEIR_NO_BLOCK);
    }
    weir_ice_roll_back(&s.ice, s.now, false);
    assert_true(weir_ice_selected(&s.ice, &path) && weir_path_eq(&path, &works));
    assert_int_equal(weir_ice_state(&s.ice), WEIR_ICE_COMPLETED);
    assert_int_equal(s.ice.remotes, 4);
    assert_int_equal(s.ice.pairs, 3);
    drain_events(&s);
}

/* Whatever a stranger sends, in whichever state: nothing is leased for it, and nothing goes. */
static void attack_S8_strangers_lease_nothing(void **state)
{
    (void)state;
    for (int where = 0; where < 4; where++) {
        static struct script s;
        if (where == 0) {
            begin_with(&s, false, false);
        } else if (where == 1) {
            begin_asking(&s, false);
        } else {
            connect(&s);
            weir_ice_embed_begin(&s.ice);
        }
        if (where == 3) {
            assert_int_equal(weir_ice_restart(&s.ice, s.now), WEIR_OK);
        }
        weir_ice_tick(&s.ice, s.now);
        uint32_t pages = s.room.pages.leased, setups = s.room.setups.leased;
        const struct saying row[] = {
            { .pwd = OTHER_PWD }, { .pwd = "" }, { .username_local = "nobodysu" },
            { .pwd = OTHER_PWD, .is_controlling = true, .with_nomination = true },
            { .klass = WEIR_STUN_SUCCESS, .txid = s.last_txid, .pwd = OTHER_PWD },
            { .klass = WEIR_STUN_ERROR, .txid = s.last_txid, .pwd = OTHER_PWD, .error = 487 },
            { .pwd = OTHER_PWD, .extra = WEIR_STUN_DTLS_IN_STUN },
        };
        for (unsigned i = 0; i < 100; i++) {
            struct weir_path path = { s.path.local, weir_addr_v4(10, 66, 0, (uint8_t)i, (uint16_t)(7000 + i)) };
            for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
                assert_int_not_equal(tell_from(&s, &row[k], &path), WEIR_ICE_OK);
                holds(&s, pages, setups);
            }
        }
        assert_int_equal(s.room.pages.leased_most, pages);
        drain_events(&s);
    }
}

/* -- The grid ---------------------------------------------------------------------------------- */

/* [RFC 7675 5.1 MUST] 4 to 6 s apart, all of it used, and always on the grid. */
static void questions_for_consent_lie_on_the_grid(void **state)
{
    (void)state;
    static struct script s;
    connect(&s);
    s.now += 12345; /* no moment that is on it */
    weir_time asked = 0, least = WEIR_NEVER, most = 0;
    for (unsigned i = 0; i < 500;) {
        uint32_t before = the_pair(&s)->requests;
        live(&s, s.ice.consent.ask_at + 1, NULL);
        assert_int_equal(s.ice.consent.ask_at % WEIR_ICE_GRID, 0);
        if (the_pair(&s)->requests != before) {
            weir_duration gap = weir_time_since(s.now, asked);
            least = asked != 0 && gap < least ? gap : least;
            most = asked != 0 && gap > most ? gap : most;
            asked = s.now;
            i++;
        }
    }
    assert_true(least >= 4000 * WEIR_MS && least < 4100 * WEIR_MS);
    assert_true(most <= 6000 * WEIR_MS && most > 5900 * WEIR_MS);
}

static void lazy_timers_lie_on_the_grid_and_checks_do_not(void **state)
{
    (void)state;
    static struct script s;
    begin(&s, false);
    s.now += 12345;
    add_peer_candidate(&s, &s.path.remote, 100);
    assert_int_equal(weir_ice_deadline(&s.ice), s.now); /* a check is due at once */
    assert_true(hear_request(&s));
    assert_int_equal(the_pair(&s)->next_at, s.now + 100 * WEIR_MS);
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    assert_int_equal(succeed(&s), WEIR_ICE_OK);
    assert_int_equal(tell(&s, &nominates), WEIR_ICE_OK);
    weir_time at = s.ice.consent.ask_at;
    s.now = at;
    assert_true(hear_request(&s)); /* unanswered: */
    assert_int_equal(weir_ice_deadline(&s.ice), on_grid(at + 500 * WEIR_MS));
    s.now += 7 * WEIR_MS; /* late */
    s.ice.consent.owes = true;
    s.ice.consent.sends = 0;
    s.ice.consent.silent_at = WEIR_NEVER;
    assert_true(hear_request(&s));
    assert_int_equal(s.ice.consent.again_at % WEIR_ICE_GRID, 0);
    assert_true(s.ice.consent.again_at >= s.now + 500 * WEIR_MS);
    assert_int_equal(s.ice.consent.silent_at % WEIR_ICE_GRID, 0);
    assert_true(s.ice.consent.expire_at % WEIR_ICE_GRID != 0); /* [RFC 7675 5.1 MUST] not a moment later */
    assert_int_equal(on_grid(0), 0);
    assert_int_equal(on_grid(1), WEIR_ICE_GRID);
    assert_int_equal(on_grid(WEIR_ICE_GRID), WEIR_ICE_GRID);
    assert_true(on_grid(WEIR_NEVER) == WEIR_NEVER);
}

/* So who keeps many agents wakes for many at once. */
static void a_thousand_agents_wake_for_many_at_once(void **state)
{
    (void)state;
    unsigned moments = 0;
    static bool is_met[40 + 2];
    for (unsigned i = 0; i < 1000; i++) {
        static struct script s;
        connect(&s);
        s.ice.rand.key[0] ^= i;
        s.ice.rand.left = 0;
        weir_time begun = s.now + i * 49 % 50 * WEIR_MS; /* whenever each was set up */
        weir_ice_consent_begin(&s.ice, begun, begun);
        weir_time ask_at = weir_ice_deadline(&s.ice);
        weir_duration wait = weir_time_since(ask_at, begun);
        assert_true(wait >= 4 * WEIR_SEC && wait <= 6 * WEIR_SEC && ask_at % WEIR_ICE_GRID == 0);
        unsigned at = (unsigned)((ask_at - s.now - 4 * WEIR_SEC) / WEIR_ICE_GRID);
        moments += !is_met[at];
        is_met[at] = true;
    }
    assert_true(moments > 30 && moments <= 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_has_less_than_five_kib),
        cmocka_unit_test(an_agent_that_ends_gives_back_all_of_it),
        cmocka_unit_test(the_block_is_there_while_a_description_waits),
        cmocka_unit_test(the_block_is_there_while_old_names_may_be_used),
        cmocka_unit_test(the_block_goes_back_when_the_old_path_dies),
        cmocka_unit_test(the_block_is_there_while_servers_are_asked),
        cmocka_unit_test(the_block_is_there_while_payloads_wait),
        cmocka_unit_test(a_peer_that_never_takes_the_last_payload_is_not_waited_for),
        cmocka_unit_test(a_failed_agent_keeps_what_waits_and_nothing_else),
        cmocka_unit_test(an_owner_that_rests_has_no_block_but_for_what_waits),
        cmocka_unit_test(verbs_that_need_a_block_are_refused_without_one),
        cmocka_unit_test(a_restart_without_a_path_needs_no_block),
        cmocka_unit_test(an_agent_may_have_no_blocks_at_all),
        cmocka_unit_test(candidates_without_a_page_are_refused_and_change_nothing),
        cmocka_unit_test(a_page_that_is_not_enough_goes_back),
        cmocka_unit_test(a_discovered_candidate_without_a_pair_is_not_kept),
        cmocka_unit_test(what_the_peer_sees_needs_no_page),
        cmocka_unit_test(pairs_that_failed_go_half_a_minute_after_completion),
        cmocka_unit_test(nothing_goes_while_something_is_set_up),
        cmocka_unit_test(pairs_that_are_of_use_stay),
        cmocka_unit_test(a_lite_agent_lets_go_as_well),
        cmocka_unit_test(the_pair_in_use_may_change_its_index),
        cmocka_unit_test(a_pair_that_the_peer_pings_stays_and_takes_over),
        cmocka_unit_test(a_peer_that_moves_all_day_finds_room),
        cmocka_unit_test(a_day_of_restarts_holds_no_more_than_the_first_minute),
        cmocka_unit_test(a_generation_is_brought_back_with_no_page_to_lease),
        cmocka_unit_test(attack_S8_strangers_lease_nothing),
        cmocka_unit_test(questions_for_consent_lie_on_the_grid),
        cmocka_unit_test(lazy_timers_lie_on_the_grid_and_checks_do_not),
        cmocka_unit_test(a_thousand_agents_wake_for_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
