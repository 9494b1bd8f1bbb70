/* What a stranger's description, names and recordings make a whole connection do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/sim.h"
#include "test/support/support.h"

enum { CALLER, CALLEE };

/* -- Y12 --------------------------------------------------------------------------------------- */

static struct weir_peer *peer_alone(struct weir_pool *pool, struct weir_arena *handshakes,
                                    weir_time now, unsigned locals,
                                    enum weir_sdp_setup setup, uint8_t seed)
{
    static uint8_t assembly[262144];
    static struct weir_peer_scratch scratch;
    static struct weir_ice_room room[2];
    struct weir_peer *p = malloc(sizeof *p);
    weir_ice_room_init(&room[seed & 1]);
    struct weir_peer_config c = { .crypto = weir_crypto_default(), .identity = sim_identity(seed & 1),
                                  .dtls_handshakes = handshakes,
                                  .is_data_only = true, .setup = setup, .seed = { seed },
                                  .assembly = { assembly, sizeof assembly }, .scratch = &scratch,
                                  .ice_pages = &room[seed & 1].pages,
                                  .ice_setups = &room[seed & 1].setups };
    assert_non_null(p);
    weir_peer_init(p, &c, pool, now);
    for (unsigned i = 0; i < locals; i++) {
        struct weir_addr a = weir_addr_v4(10, 0, 0, (uint8_t)(1 + i), (uint16_t)(4000 + i));
        assert_int_equal(weir_peer_add_local(p, now, &a), WEIR_OK);
    }
    return p;
}

static uint64_t bytes_in_two_minutes(struct weir_peer *p, weir_time now)
{
    uint64_t bytes = 0;
    weir_time until = now + 120 * WEIR_SEC;
    while (now < until) {
        struct weir_event e;
        struct weir_path to;
        uint8_t out[1500];
        size_t n;
        weir_peer_tick(p, now);
        while (weir_peer_event(p, now, &e)) {
        }
        while ((n = weir_peer_send(p, now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
            bytes += n + 28;
        }
        weir_time at = weir_peer_deadline(p);
        now = at == WEIR_NEVER ? until : at > now ? at : now + 1;
    }
    return bytes;
}

/* One offer that names one victim up to 31 times; nobody answers from there. */
static void attack_Y12_a_description_is_worth_ten_times_its_bytes(void **state)
{
    (void)state;
    static uint8_t offer[WEIR_PEER_SDP_MAX], answer[WEIR_PEER_SDP_MAX];
    static const unsigned named[] = { 1, 8, 24, 31 };
    for (unsigned i = 0; i < 4 * 3 * 2; i++) {
        unsigned names = named[i % 4], locals = i / 4 % 3 == 0 ? 1 : i / 4 % 3 == 1 ? 4 : 16;
        enum weir_sdp_setup setup = i < 12 ? WEIR_SDP_ACTIVE : WEIR_SDP_PASSIVE;
        struct weir_buf *bufs = aligned_alloc(64, weir_pool_bytes(1024));
        struct weir_pool pool;
        struct weir_arena handshakes;
        static struct weir_dtls_handshake handshake[2];
        struct weir_sdp_error error;
        weir_time now = 1000 * WEIR_SEC;
        weir_pool_init(&pool, bufs, 1024);
        weir_arena_init(&handshakes, handshake, sizeof handshake[0], 2);
        struct weir_peer *stranger = peer_alone(&pool, &handshakes, now, 0, setup, 2);
        struct weir_peer *p = peer_alone(&pool, &handshakes, now, locals, setup, 3);
        struct weir_wr w = weir_wr_of((struct weir_mspan){ offer, sizeof offer });
        assert_int_equal(weir_peer_create_offer(stranger, now, &w), WEIR_OK);
        size_t n = w.len;
        for (unsigned k = 0; k < names; k++) {
            n += (size_t)snprintf((char *)offer + n, sizeof offer - n,
                                  "a=candidate:%u 1 udp %u 203.0.113.9 %u typ host\r\n", k + 10,
                                  2130706431u - k * 256, 20000 + k);
        }
        assert_int_equal(weir_peer_set_remote(p, now, true, weir_span_of(offer, n), &error), WEIR_OK);
        w = weir_wr_of((struct weir_mspan){ answer, sizeof answer });
        assert_int_equal(weir_peer_create_answer(p, now, &w), WEIR_OK);
        uint64_t bytes = bytes_in_two_minutes(p, now);
        if (bytes > 10 * n || bytes < 1000) {
            fail_msg("%u names, %u locals: %zu bytes make %llu", names, locals, n, (unsigned long long)bytes);
        }
        weir_peer_deinit(p);
        weir_peer_deinit(stranger);
        free(p);
        free(stranger);
        free(bufs);
    }
}

/* -- Y11 --------------------------------------------------------------------------------------- */

/* Somebody on the way keeps the caller's questions from the lite callee, and delivers them from elsewhere:
 * the callee believes where they come from, and sends no more than three bytes for one until it hears keys from
 * there. Media, which an application sends by itself, waits as all else does. */
static void attack_Y11_media_waits_for_keys_on_each_path(void **state)
{
    (void)state;
    const struct weir_addr attacker = weir_addr_v4(203, 0, 113, 66, 6666);
    const struct sim_meeting at_once = { .signal = 0 };
    for (unsigned times = 1; times <= 50; times += 49) { /* delivered once, or again and again */
        struct sim_options o = { .seed = 5, .with_media = true, .is_lite = { false, true } };
        struct sim *s = sim_open_with(&o);
        struct weir_peer *lite = s->peer[CALLEE];
        uint64_t from = 0, to = 0;
        unsigned moved = 0, refused = 0;
        sim_meet(s, &at_once);
        sim_run(s, s->now + 10 * WEIR_SEC, false);
        assert_int_equal(s->state[CALLEE], WEIR_PEER_CONNECTED);
        for (unsigned k = 0; k < 3000; k++) {
            const struct weir_rtp_header h = { .payload_type = weir_peer_media_at(lite, 0)->codec[0].payload_type,
                                               .seq = (uint16_t)k, .timestamp = 90 * k,
                                               .payload = { (const uint8_t[1000]){ 1 }, 1000 } };
            uint8_t out[1500];
            struct weir_path way;
            size_t n;
            for (unsigned at = 0; at < s->in_flight; at++) {
                struct sim_packet *q = &s->wire[at];
                if (q->to == CALLEE && q->bytes > 20 && q->data[0] == 0 && q->data[1] == 1) {
                    for (unsigned t = 0; t < times; t++) {
                        uint8_t copy[1500];
                        memcpy(copy, q->data, q->bytes);
                        struct weir_packet packet = { .data = copy, .len = (uint16_t)q->bytes,
                                                      .path = { s->addr[CALLEE], attacker }, .at = s->now };
                        (void)weir_peer_recv(lite, s->now, &packet);
                        from += q->bytes;
                    }
                    q->bytes = 0;
                }
            }
            while ((n = weir_peer_send(lite, s->now, (struct weir_mspan){ out, sizeof out }, &way)) != 0) {
                to += weir_addr_eq(&way.remote, &attacker) ? n : 0;
            }
            for (unsigned i = 0; i < 4; i++) {
                const uint8_t media = 0;
                enum weir_status status = weir_peer_write_rtp(lite, s->now, media, &h,
                                                              (struct weir_mspan){ out, sizeof out }, &n, &way);
                bool is_there = weir_ice_selected(&lite->ice, &way) && weir_addr_eq(&way.remote, &attacker);
                moved += is_there;
                to += is_there && status == WEIR_OK ? n : 0;
                refused += is_there && status == WEIR_ERR_FULL;
            }
            assert_true(to <= 3 * from);
            sim_run(s, s->now + 20 * WEIR_MS, false);
        }
        assert_true(moved != 0 && refused != 0);
        sim_close(s);
    }
}

/* -- Y13: .local names ------------------------------------------------------------------------- */

static void name_candidate(struct sim *s, unsigned number, unsigned port)
{
    char text[160];
    int n = snprintf(text, sizeof text,
                     "candidate:%u 1 udp 2113937151 5177eebd-d4eb-495a-a75e-0defface%04x.local %u typ host",
                     number, number, port);
    assert_int_equal(weir_peer_add_candidate(s->peer[CALLER], s->now, weir_span_of(text, (size_t)n)), WEIR_OK);
}

/* How many questions there are; each is resolved, or fails, or stays open. */
static unsigned answer_names(struct sim *s, bool is_open, const struct weir_addr *ip)
{
    struct weir_event e;
    unsigned names = 0;
    while (weir_peer_event(s->peer[CALLER], s->now, &e)) {
        if (e.type == WEIR_EVENT_NAME) {
            names++;
            if (!is_open) {
                char name[64];
                memcpy(name, e.data.p, e.data.n);
                weir_peer_name_resolved(s->peer[CALLER], s->now, weir_span_of(name, e.data.n), ip);
            }
        }
    }
    return names;
}

static void attack_Y13_a_ninth_and_a_hundredth_name_work_as_the_first(void **state)
{
    (void)state;
    struct sim *s = sim_open(7, false);
    struct weir_peer *p = s->peer[CALLER];
    struct weir_addr ip = weir_addr_v4(198, 51, 100, 1, 0);
    for (unsigned i = 0; i < 30; i++) {
        name_candidate(s, i, 5000);
        assert_int_equal(answer_names(s, false, &ip), 1);
        assert_int_equal(p->ice.remotes, 1); /* one address, however often it is found */
        assert_int_equal(p->names, 0);
    }
    for (unsigned i = 0; i < 100; i++) { /* nobody answers for these */
        name_candidate(s, 1000 + i, 5000);
        assert_int_equal(answer_names(s, false, NULL), 1);
        assert_int_equal(p->names, 0);
    }
    assert_int_equal(p->names_left_out, 0);
    ip = weir_addr_v4(127, 0, 0, 1, 0); /* S17: a name may lead inside */
    name_candidate(s, 2000, 5000);
    assert_int_equal(answer_names(s, false, &ip), 1);
    assert_int_equal(p->ice.refused[WEIR_ICE_REFUSED_LOOPBACK], 1);
    assert_int_equal(p->ice.remotes, 1);
    sim_close(s);
}

static void one_name_is_one_question(void **state)
{
    (void)state;
    struct sim *s = sim_open(7, false);
    struct weir_peer *p = s->peer[CALLER];
    struct weir_addr ip = weir_addr_v4(198, 51, 100, 1, 0);
    for (unsigned round = 0; round < 6; round++) { /* each offer names them again */
        name_candidate(s, 1, 5000);
        name_candidate(s, 1, 5001);
        name_candidate(s, 2, 5000);
        assert_int_equal(answer_names(s, true, NULL), round == 0 ? 2 : 0);
        assert_int_equal(p->names, 3);
    }
    weir_peer_name_resolved(p, s->now, WEIR_LIT("5177EEBD-d4eb-495a-a75e-0defface0001.local"), &ip);
    assert_int_equal(p->names, 1);
    assert_int_equal(p->ice.remotes, 2); /* two ports */
    for (unsigned i = 10; i < 20; i++) {
        name_candidate(s, i, 5000);
    }
    assert_int_equal(p->names, WEIR_PEER_NAMES_MAX); /* at one time; the oldest three gave way, counted */
    assert_int_equal(p->names_left_out, 3);
    assert_int_equal(answer_names(s, true, NULL), WEIR_PEER_NAMES_MAX); /* nobody asks for those */
    sim_close(s);
}

/* -- S17: an event for the application --------------------------------------------------------- */

static void attack_S17_a_refusal_is_told_with_its_address(void **state)
{
    (void)state;
    struct sim *s = sim_open(7, false);
    struct weir_event e;
    unsigned told = 0;
    assert_int_equal(weir_peer_add_candidate(s->peer[CALLER], s->now,
                                             WEIR_LIT("candidate:1 1 udp 1 ::ffff:127.0.0.1 5000 typ host")),
                     WEIR_OK);
    while (weir_peer_event(s->peer[CALLER], s->now, &e)) {
        if (e.type == WEIR_EVENT_CANDIDATE_REFUSED) {
            const struct weir_addr want = weir_addr_v4(127, 0, 0, 1, 5000);
            assert_true(weir_addr_eq(&e.path.remote, &want));
            assert_string_equal(weir_ice_refusal_name(e.refusal), "loopback");
            told++;
        }
    }
    assert_int_equal(told, 1);
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_Y12_a_description_is_worth_ten_times_its_bytes),
        cmocka_unit_test(attack_Y11_media_waits_for_keys_on_each_path),
        cmocka_unit_test(attack_Y13_a_ninth_and_a_hundredth_name_work_as_the_first),
        cmocka_unit_test(one_name_is_one_question),
        cmocka_unit_test(attack_S17_a_refusal_is_told_with_its_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
