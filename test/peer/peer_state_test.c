/* What an application is told of a connection's states, and of its candidates; and what it says of directions and
 * servers. */
#include "test/peer/peer_jsep.h"

#define TOLD_MAX 64

struct told {
    unsigned count;
    struct {
        enum weir_event_type type;
        int value;
    } of[TOLD_MAX];
};

static struct told told;

/* The events of one peer that say a state, in order; the simulator's own loop takes none of them. */
static void listen(struct weir_peer *p, weir_time now)
{
    struct weir_event e;
    while (weir_peer_event(p, now, &e)) {
        int value = e.type == WEIR_EVENT_SIGNALLING  ? (int)e.signalling
                    : e.type == WEIR_EVENT_ICE_STATE ? (int)e.ice
                    : e.type == WEIR_EVENT_GATHERING ? (int)e.gathering
                                                     : -1;
        if (value >= 0) {
            assert_true(told.count < TOLD_MAX);
            told.of[told.count].type = e.type;
            told.of[told.count++].value = value;
        }
    }
}

static void check_told(enum weir_event_type type, const int *want, unsigned n)
{
    unsigned k = 0;
    for (unsigned i = 0; i < told.count; i++) {
        if (told.of[i].type == type) {
            assert_true(k < n);
            assert_int_equal(told.of[i].value, want[k++]);
        }
    }
    assert_int_equal(k, n);
}

#define WAS_TOLD(type, ...) \
    do { \
        static const int want[] = { __VA_ARGS__ }; \
        check_told(type, want, sizeof want / sizeof want[0]); \
    } while (0)

/* Let the two go on by hand, peer 0's events being listened to. */
static void carry_on(struct sim *s, weir_duration how_long)
{
    for (weir_time end = s->now + how_long; s->now < end; s->now += 5 * WEIR_MS) {
        for (int i = 0; i < 2; i++) {
            uint8_t out[1500];
            struct weir_path to;
            size_t n;
            weir_peer_tick(s->peer[i], s->now);
            while ((n = weir_peer_send(s->peer[i], s->now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
                struct weir_packet k = { .data = out, .len = n, .at = s->now,
                                         .path = { s->addr[1 - i], s->addr[i] } };
                if (!s->is_cut) {
                    (void)weir_peer_recv(s->peer[1 - i], s->now, &k);
                }
            }
            struct weir_event e;
            if (i == 0) {
                listen(s->peer[0], s->now);
            } else {
                while (weir_peer_event(s->peer[1], s->now, &e)) {
                }
            }
        }
    }
}

static void states_are_told_from_the_first_to_the_last(void **state)
{
    (void)state;
    struct sim *s = sim_open(1, true);
    memset(&told, 0, sizeof told);
    offer(s, 0);
    listen(s->peer[0], s->now);
    answer(s, 1);
    take_answer(s, 0);
    carry_on(s, 5 * WEIR_SEC);
    WAS_TOLD(WEIR_EVENT_SIGNALLING, WEIR_HAVE_LOCAL_OFFER, WEIR_STABLE);
    WAS_TOLD(WEIR_EVENT_ICE_STATE, WEIR_ICE_CHECKING, WEIR_ICE_CONNECTED, WEIR_ICE_COMPLETED);
    WAS_TOLD(WEIR_EVENT_GATHERING, WEIR_GATHERING_ON, WEIR_GATHERING_COMPLETE);
    memset(&told, 0, sizeof told);
    offer(s, 1);
    take_offer(s, 0);
    listen(s->peer[0], s->now);
    assert_int_equal(weir_peer_rollback(s->peer[0], s->now), WEIR_OK);
    assert_int_equal(weir_peer_rollback(s->peer[1], s->now), WEIR_OK);
    listen(s->peer[0], s->now);
    WAS_TOLD(WEIR_EVENT_SIGNALLING, WEIR_HAVE_REMOTE_OFFER, WEIR_STABLE);
    memset(&told, 0, sizeof told);
    s->is_cut = true;
    carry_on(s, 60 * WEIR_SEC);
    WAS_TOLD(WEIR_EVENT_ICE_STATE, WEIR_ICE_DISCONNECTED, WEIR_ICE_FAILED);
    s->is_cut = false;
    memset(&told, 0, sizeof told);
    negotiate(s, 0);
    carry_on(s, 5 * WEIR_SEC);
    WAS_TOLD(WEIR_EVENT_ICE_STATE, WEIR_ICE_CHECKING, WEIR_ICE_CONNECTED, WEIR_ICE_COMPLETED);
    memset(&told, 0, sizeof told);
    weir_peer_close(s->peer[0], s->now);
    carry_on(s, WEIR_SEC);
    WAS_TOLD(WEIR_EVENT_ICE_STATE, WEIR_ICE_CLOSED);
    sim_close(s);
}

/* Nobody takes events: the newest states are kept, and the last one is the last. */
static void who_takes_no_events_is_told_the_last_states(void **state)
{
    (void)state;
    struct sim *s = connected(2, WEIR_SDP_ACTIVE);
    memset(&told, 0, sizeof told);
    for (unsigned i = 0; i < 41; i++) {
        offer(s, 0);
        if (i != 40) {
            assert_int_equal(weir_peer_rollback(s->peer[0], s->now), WEIR_OK);
        }
    }
    listen(s->peer[0], s->now);
    assert_int_equal(told.count, WEIR_PEER_RING);
    for (unsigned i = 0; i < told.count; i++) {
        assert_int_equal(told.of[told.count - 1 - i].value, i % 2 == 0 ? WEIR_HAVE_LOCAL_OFFER : WEIR_STABLE);
    }
    sim_close(s);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(weir_signalling_name(WEIR_HAVE_REMOTE_OFFER), "have-remote-offer");
    assert_string_equal(weir_gathering_name(WEIR_GATHERING_ON), "gathering");
    assert_string_equal(weir_signalling_name(WEIR_SIGNALLINGS), "?");
    assert_string_equal(weir_gathering_name(WEIR_GATHERINGS), "?");
}

/* -- Candidates -------------------------------------------------------------------------------- */

/* The next candidate event; the text is the caller's. */
static bool next_candidate(struct sim *s, struct weir_event *e)
{
    while (weir_peer_event(s->peer[0], s->now, e)) {
        if (e->type == WEIR_EVENT_CANDIDATE) {
            return true;
        }
    }
    return false;
}

/* [RFC 8838 9, RFC 8840 4] A candidate that travels by itself says its section and its generation. */
static void candidates_of_ours_say_what_they_are_of(void **state)
{
    (void)state;
    struct weir_event e;
    for (int described = 0; described < 2; described++) {
        struct sim *s = sim_open(3, true);
        struct weir_ice_candidate_line line;
        uint8_t media;
        if (described != 0) {
            assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media),
                             WEIR_OK);
            offer(s, 0);
        } else {
            assert_int_equal(weir_peer_gather(s->peer[0], s->now), WEIR_OK);
        }
        for (int end = 0; end < 2; end++) {
            assert_true(next_candidate(s, &e));
            assert_int_equal(e.data.n == 0, end);
            assert_true(weir_span_eq(e.candidate.ufrag, weir_ice_ufrag(&s->peer[0]->ice)));
            assert_true(weir_span_eq(e.candidate.mid, described != 0 ? WEIR_LIT("0") : weir_span_of(NULL, 0)));
            assert_int_equal(e.media, 0);
            if (end == 0) {
                assert_true(weir_ice_candidate_line_parse(e.data, &line));
                assert_true(weir_span_eq(line.ufrag, weir_ice_ufrag(&s->peer[0]->ice)));
            }
        }
        sim_close(s);
    }
    /* The first may be stopped before it was ever offered. */
    struct sim *t = sim_open(9, true);
    uint8_t media;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(weir_peer_add_media(t->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    }
    assert_int_equal(weir_peer_stop_media(t->peer[0], 0), WEIR_OK);
    offer(t, 0);
    assert_true(next_candidate(t, &e));
    assert_int_equal(e.media, 1);
    assert_true(weir_span_eq(e.candidate.mid, WEIR_LIT("1")));
    sim_close(t);
    /* After a round it is the section whose transport was agreed on. */
    struct sim *s = connected(4, WEIR_SDP_ACTIVE);
    assert_int_equal(weir_peer_stop_media(s->peer[0], 0), WEIR_OK);
    negotiate(s, 0);
    struct weir_addr a = weir_addr_v4(10, 0, 0, 77, 7000);
    assert_int_equal(weir_peer_add_local(s->peer[0], s->now, &a), WEIR_OK);
    assert_true(next_candidate(s, &e));
    assert_int_equal(e.media, 1);
    assert_true(weir_span_eq(e.candidate.mid, WEIR_LIT("1")));
    sim_close(s);
}

/* Beside the text or in it; the end of candidates has it beside. */
static void candidates_of_another_generation_are_refused_and_counted(void **state)
{
    (void)state;
    struct sim *s = connected(5, WEIR_SDP_ACTIVE);
    struct weir_peer *p = s->peer[0];
    const struct weir_span now_it_is = weir_ice_ufrag(&s->peer[1]->ice), nothing = weir_span_of(NULL, 0);
    struct weir_ice_own gone = s->peer[1]->ice.local_ufrag;
    const struct weir_span before = weir_span_of(gone.text, gone.bytes);
    weir_peer_restart_ice(p);
    negotiate(s, 0);
    const struct weir_span text_of = WEIR_LIT("candidate:1 1 udp 1 10.0.0.9 4000 typ host");
    const struct weir_span name = WEIR_LIT("candidate:1 1 udp 1 aaaaaaaa-bbbb-4ccc-8ddd-000000000001.local 4001 typ host");
    uint8_t line[200];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ line, sizeof line });
    weir_wr_bytes(&w, text_of);
    weir_wr_str(&w, " ufrag ");
    weir_wr_bytes(&w, before);
    p->ice.is_remote_done = false;
    assert_int_equal(weir_peer_add_candidate(p, s->now, weir_span_of(line, w.len)), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, weir_span_of(line, w.len), now_it_is), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, text_of, before), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, name, before), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, nothing, before), WEIR_ERR_STATE);
    assert_false(p->ice.is_remote_done);
    assert_int_equal(p->ice.strays, 5);
    assert_int_equal(p->names, 0);
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, WEIR_LIT("candidate:1"), before), WEIR_ERR_ARG);
    uint32_t remotes = p->ice.remotes;
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, text_of, weir_ice_ufrag(&s->peer[1]->ice)), WEIR_OK);
    assert_int_equal(p->ice.remotes, remotes + 1);
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, nothing, weir_ice_ufrag(&s->peer[1]->ice)), WEIR_OK);
    assert_true(p->ice.is_remote_done);
    assert_int_equal(p->ice.strays, 5);
    sim_close(s);
}

/* A restart waits: those of the peer's next generation come before its answer and are used, those of the one before
 * go with it. */
static void candidates_may_come_before_the_answer_does(void **state)
{
    (void)state;
    struct sim *s = connected(6, WEIR_SDP_ACTIVE);
    struct weir_peer *p = s->peer[0];
    struct weir_ice_own gone = s->peer[1]->ice.local_ufrag;
    weir_peer_restart_ice(p);
    offer(s, 0);
    answer(s, 1);
    const struct weir_span text_of[2] = { WEIR_LIT("candidate:1 1 udp 1 10.0.0.9 4000 typ host"),
                                          WEIR_LIT("candidate:1 1 udp 1 10.0.0.9 4001 typ host") };
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, text_of[0], weir_ice_ufrag(&s->peer[1]->ice)), WEIR_OK);
    assert_int_equal(weir_peer_add_candidate_of(p, s->now, text_of[1], weir_span_of(gone.text, gone.bytes)), WEIR_OK);
    take_answer(s, 0);
    assert_int_equal(p->ice.strays, 1);
    bool is_there[2] = { false, false };
    for (uint32_t i = 0; i < p->ice.remotes; i++) {
        for (unsigned k = 0; k < 2; k++) {
            is_there[k] |= weir_ice_remote_at(&p->ice, i)->addr.port == 4000 + k;
        }
    }
    assert_true(is_there[0] && !is_there[1]);
    check_data(s);
    sim_close(s);
}

/* -- Directions -------------------------------------------------------------------------------- */

/* [RFC 8829 5.3.1, 5.10] Who has added nothing sends nothing, and names no source; until it says so. */
static void an_answer_offers_to_send_what_somebody_sends(void **state)
{
    (void)state;
    struct sim *s = sim_open(7, true);
    uint8_t media;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(weir_peer_add_media(s->peer[0], i == 1 ? WEIR_SDP_AUDIO : WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV,
                                             &media), WEIR_OK);
    }
    assert_int_equal(weir_peer_add_media(s->peer[1], WEIR_SDP_AUDIO, WEIR_SDP_SENDONLY, &media), WEIR_OK);
    offer(s, 0);
    take_offer(s, 1);
    assert_int_equal(weir_peer_set_direction(s->peer[1], 2, WEIR_SDP_SENDRECV), WEIR_OK);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] - 1 });
    assert_int_equal(weir_peer_create_answer(s->peer[1], s->now, &w), WEIR_OK);
    length[1] = w.len;
    text[1][w.len] = '\0';
    const char *section[4];
    static const char *const want[3] = { "a=recvonly\r\n", "a=sendonly\r\n", "a=sendrecv\r\n" };
    section[0] = strstr((char *)text[1], "m=video");
    section[1] = strstr((char *)text[1], "m=audio");
    section[2] = strstr(section[1], "m=video");
    section[3] = strstr(section[2], "m=application");
    for (unsigned i = 0; i < 3; i++) {
        const char *direction = strstr(section[i], want[i]), *ssrc = strstr(section[i], "a=ssrc:");
        const char *msid = strstr(section[i], "a=msid:");
        assert_true(direction != NULL && direction < section[i + 1]);
        assert_int_equal(ssrc != NULL && ssrc < section[i + 1], i != 0);
        assert_int_equal(msid != NULL && msid < section[i + 1], i != 0);
    }
    take_answer(s, 0);
    assert_int_equal(weir_peer_media_at(s->peer[0], 0)->direction, WEIR_SDP_SENDONLY);
    assert_int_equal(weir_peer_media_at(s->peer[0], 1)->direction, WEIR_SDP_RECVONLY);
    assert_int_equal(weir_peer_media_at(s->peer[0], 2)->direction, WEIR_SDP_SENDRECV);
    assert_false(weir_peer_needs_offer(s->peer[1]));
    assert_int_equal(weir_peer_set_direction(s->peer[1], 0, WEIR_SDP_SENDRECV), WEIR_OK);
    assert_true(weir_peer_needs_offer(s->peer[1]));
    negotiate(s, 1);
    assert_int_equal(weir_peer_media_at(s->peer[0], 0)->direction, WEIR_SDP_SENDRECV);
    assert_false(weir_peer_needs_offer(s->peer[1]));
    sim_close(s);
}

/* A peer that takes no data is not asked again and again. */
static void what_was_rejected_needs_no_offer(void **state)
{
    (void)state;
    struct sim *s = sim_open(10, true);
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("sim"), .priority = 256 };
    uint8_t media;
    assert_false(weir_peer_needs_offer(s->peer[0]));
    assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &s->channel[0]), WEIR_OK);
    assert_true(weir_peer_needs_offer(s->peer[0]));
    assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    offer(s, 0);
    assert_false(weir_peer_needs_offer(s->peer[0]));
    char *data = strstr((char *)text[0], "m=application 9");
    data[14] = '0'; /* as the other side sees it */
    answer(s, 1);
    data = strstr((char *)text[1], "m=application 0");
    assert_non_null(data);
    take_answer(s, 0);
    assert_false(weir_peer_needs_offer(s->peer[0]) || weir_peer_needs_offer(s->peer[1]));
    weir_peer_close(s->peer[0], s->now);
    sim_run(s, s->now + WEIR_SEC, false);
    weir_peer_restart_ice(s->peer[0]);
    assert_false(weir_peer_needs_offer(s->peer[0])); /* it is closed */
    sim_close(s);
}

/* [RFC 3550 6] Who sends nothing reports what it receives, and asks for what it missed. */
static void who_only_receives_asks_for_what_it_missed(void **state)
{
    (void)state;
    struct sim *s = connected(11, WEIR_SDP_ACTIVE);
    assert_int_equal(weir_peer_set_direction(s->peer[1], 0, WEIR_SDP_RECVONLY), WEIR_OK);
    negotiate(s, 0);
    struct sim *t = sim_open(12, true);
    uint8_t media;
    assert_int_equal(weir_peer_add_media(t->peer[0], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    offer(t, 0);
    take_offer(t, 1);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] - 1 });
    assert_int_equal(weir_peer_create_answer(t->peer[1], t->now, &w), WEIR_OK); /* recvonly from the first */
    length[1] = w.len;
    take_answer(t, 0);
    sim_run(t, t->now + 5 * WEIR_SEC, false);
    struct sim *of[2] = { s, t };
    for (int k = 0; k < 2; k++) {
        assert_int_equal(weir_peer_media_at(of[k]->peer[1], 0)->direction, WEIR_SDP_RECVONLY);
        for (uint32_t i = 1; i <= 50; i++) {
            of[k]->link.loss = i > 5 && i < 45 ? 200 : 0;
            sim_send_rtp(of[k], 0, i);
            sim_run(of[k], of[k]->now + 20 * WEIR_MS, false);
        }
        sim_run(of[k], of[k]->now + WEIR_SEC, false);
        assert_int_equal(of[k]->rtp[1], 50);
        sim_close(of[k]);
    }
}

/* -- Servers ----------------------------------------------------------------------------------- */

/* Answer what is asked of a server, as a translator would have it seen. */
static unsigned serve(struct sim *s, struct weir_peer *p, uint8_t outside)
{
    unsigned asked = 0;
    uint8_t out[1500], back[100];
    struct weir_path to;
    size_t n;
    while ((n = weir_peer_send(p, s->now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
        struct weir_stun_msg m;
        struct weir_stun_build b;
        const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
        struct weir_addr mapped = weir_addr_v4(203, 0, 113, outside, 9000);
        if (to.remote.port != 3478 || weir_stun_parse(weir_span_of(out, n), &m) != WEIR_STUN_OK) {
            continue;
        }
        asked++;
        weir_stun_begin(&b, (struct weir_mspan){ back, sizeof back }, WEIR_STUN_BINDING, WEIR_STUN_SUCCESS, m.txid);
        weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &mapped);
        struct weir_packet k = { .data = back, .len = weir_stun_end(&b, &plain), .at = s->now, .path = to };
        (void)weir_peer_recv(p, s->now, &k);
    }
    return asked;
}

/* Who cannot trickle makes the offer once more when all are there. */
static void a_restart_asks_the_servers_that_there_are_then(void **state)
{
    (void)state;
    const struct weir_addr first = weir_addr_v4(192, 0, 2, 1, 3478);
    const struct weir_addr then[2] = { weir_addr_v4(192, 0, 2, 2, 3478), weir_addr_v4(192, 0, 2, 3, 3478) };
    struct sim *s = sim_open(8, false);
    assert_int_equal(weir_peer_add_stun_server(s->peer[0], s->now, &first), WEIR_OK);
    assert_int_equal(weir_peer_gather(s->peer[0], s->now), WEIR_OK);
    assert_int_equal(serve(s, s->peer[0], 1), 1);
    negotiate(s, 0);
    assert_true(says(0, "203.0.113.1 9000 typ srflx") && says(0, "a=end-of-candidates"));
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    assert_int_equal(weir_peer_set_stun_servers(s->peer[0], then, 2), WEIR_OK);
    negotiate(s, 0);
    assert_true(says(0, "203.0.113.1 9000 typ srflx")); /* nothing changes before a restart */
    assert_int_equal(serve(s, s->peer[0], 2), 0);
    weir_peer_restart_ice(s->peer[0]);
    struct weir_ice_own before = s->peer[0]->ice.local_ufrag;
    offer(s, 0);
    assert_false(says(0, "srflx") || says(0, "a=end-of-candidates"));
    assert_true(says(0, "a=candidate:ha 1 udp ") && says(0, " typ host"));
    unsigned asked = 0;
    for (unsigned i = 0; i < 10; i++) {
        asked += serve(s, s->peer[0], 2);
        s->now += 20 * WEIR_MS;
        weir_peer_tick(s->peer[0], s->now);
    }
    assert_int_equal(asked, 2);
    struct weir_ice_own restarted = s->peer[0]->ice.local_ufrag;
    assert_memory_not_equal(&before, &restarted, sizeof before);
    offer(s, 0);
    assert_true(says(0, "203.0.113.2 9000 typ srflx") && says(0, "a=end-of-candidates"));
    assert_memory_equal(&restarted, &s->peer[0]->ice.local_ufrag, sizeof restarted);
    answer(s, 1);
    take_answer(s, 0);
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_told_from_the_first_to_the_last),
        cmocka_unit_test(who_takes_no_events_is_told_the_last_states),
        cmocka_unit_test(states_have_names),
        cmocka_unit_test(candidates_of_ours_say_what_they_are_of),
        cmocka_unit_test(candidates_of_another_generation_are_refused_and_counted),
        cmocka_unit_test(candidates_may_come_before_the_answer_does),
        cmocka_unit_test(an_answer_offers_to_send_what_somebody_sends),
        cmocka_unit_test(what_was_rejected_needs_no_offer),
        cmocka_unit_test(who_only_receives_asks_for_what_it_missed),
        cmocka_unit_test(a_restart_asks_the_servers_that_there_are_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
