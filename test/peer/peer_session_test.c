/* Two weirs that met before meet again: without certificates, in no more round trips, whoever of them offers
 * and however the handshake travels; and whatever does not fit ends in a full handshake. */
#include <stdlib.h>
#include <string.h>

#include "test/sim/sim.h"
#include "test/support/support.h"

enum { CALLER, CALLEE, ROOM = 3 };

static const uint64_t epoch_2026 = (uint64_t)(2208988800u + 1767225600u) << 32; /* as NTP counts */

/* -- What each side keeps -------------------------------------------------------------------------- */

static struct weir_dtls_session room[2][ROOM];
static struct weir_sessions sessions[2];
static unsigned signatures;

static bool counted_sign(const struct weir_identity *id, struct weir_rand *rand, enum weir_sigscheme scheme,
                         const uint8_t digest[32], uint8_t sig[WEIR_SIGNATURE_MAX], size_t *n)
{
    signatures++;
    return weir_crypto_default()->identity_sign(id, rand, scheme, digest, sig, n);
}

static void forget(int side)
{
    weir_sessions_init(&sessions[side], weir_crypto_default(), sim_identity(side), room[side], ROOM);
}

static int begin(void **state)
{
    (void)state;
    forget(CALLER);
    forget(CALLEE);
    return 0;
}

/* -- A meeting ------------------------------------------------------------------------------------- */

struct meeting {
    struct sim_options o;
    bool with_media;
    unsigned loss;
};

struct outcome {
    bool is_resumed;
    weir_duration took; /* until both have an open channel */
    uint64_t packets, bytes;
    unsigned signatures;
};

static struct outcome meet(const struct meeting *m, uint64_t seed)
{
    static struct weir_crypto crypto;
    struct outcome out = { .is_resumed = false };
    struct sim_options o = m->o;
    crypto = *weir_crypto_default();
    crypto.identity_sign = counted_sign;
    o.crypto = &crypto;
    o.seed = seed;
    o.with_media = m->with_media;
    o.ntp_at_epoch = epoch_2026;
    struct sim *s = sim_open_with(&o);
    weir_time begun = s->now;
    s->link.loss = m->loss;
    signatures = 0;
    sim_introduce(s);
    sim_run(s, s->now + 60 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    out.took = s->now - begun;
    out.packets = s->sent;
    out.bytes = s->bytes;
    sim_run(s, s->now + 3 * WEIR_SEC, false); /* the ticket comes */
    s->echoes[CALLEE] = true;
    unsigned had = s->messages[CALLER];
    assert_int_equal(sim_send(s, CALLER, 20000), WEIR_OK);
    sim_run(s, s->now + 20 * WEIR_SEC, false);
    assert_int_equal(s->messages[CALLER], had + 1);
    if (m->with_media) {
        sim_send_rtp(s, CALLER, 1);
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(s->rtp[CALLEE], m->loss == 0 ? 1 : s->rtp[CALLEE]);
    }
    assert_false(s->is_corrupt);
    out.is_resumed = weir_dtls_is_resumed(&s->peer[CALLER]->dtls);
    assert_int_equal(weir_dtls_is_resumed(&s->peer[CALLEE]->dtls), out.is_resumed);
    out.signatures = signatures;
    sim_close(s);
    return out;
}

static struct meeting with_sessions(void)
{
    struct meeting m = { .o.sessions = { &sessions[CALLER], &sessions[CALLEE] } };
    return m;
}

/* -- Meeting again --------------------------------------------------------------------------------- */

static void who_met_before_shows_no_certificates(void **state)
{
    for (unsigned i = 0; i < 32; i++) {
        struct meeting m = with_sessions();
        begin(state);
        m.o.setup = i & 1 ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE;
        m.o.no_sped[0] = (i & 2) != 0;
        m.o.no_snap[1] = (i & 4) != 0;
        m.with_media = (i & 8) != 0;
        m.o.prefers_hybrid = (i & 16) != 0;
        struct outcome first = meet(&m, 100 + i), again = meet(&m, 200 + i), third = meet(&m, 300 + i);
        assert_false(first.is_resumed);
        assert_int_equal(first.signatures, 2);
        assert_true(again.is_resumed && third.is_resumed);
        assert_int_equal(again.signatures + third.signatures, 0);
        assert_true(again.took <= first.took && third.took <= first.took);
        assert_true(again.bytes + 300 < first.bytes);
    }
}

static void in_spite_of_losses(void **state)
{
    struct meeting m = with_sessions();
    unsigned resumed = 0;
    begin(state);
    for (unsigned i = 0; i < 200; i++) {
        m.loss = i % 10 == 0 ? 0 : 150;
        resumed += meet(&m, 1000 + i).is_resumed ? 1 : 0;
    }
    /* Once given a ticket comes at last, whatever is lost. */
    assert_int_equal(resumed, 199);
}

/* -- Not together ---------------------------------------------------------------------------------- */

static void both_must_want_it(void **state)
{
    for (int side = 0; side < 2; side++) {
        struct meeting m = with_sessions();
        begin(state);
        m.o.sessions[side] = NULL;
        assert_false(meet(&m, 400).is_resumed);
        assert_false(meet(&m, 401).is_resumed);
        assert_int_equal(sessions[1 - side].kept, 0);
        /* And who wanted it once need not want it again. */
        m = with_sessions();
        assert_false(meet(&m, 402).is_resumed);
        m.o.sessions[side] = NULL;
        assert_false(meet(&m, 403).is_resumed);
    }
}

static void roles_make_sessions(void **state)
{
    struct meeting m = with_sessions(), other = with_sessions();
    begin(state);
    other.o.setup = WEIR_SDP_PASSIVE; /* the caller is DTLS client */
    assert_false(meet(&m, 500).is_resumed);
    assert_int_equal(sessions[CALLER].kept, 0);
    assert_int_equal(sessions[CALLEE].kept, 1);
    assert_false(meet(&other, 501).is_resumed);
    assert_int_equal(sessions[CALLER].kept, 1);
    assert_true(meet(&m, 502).is_resumed);
    assert_true(meet(&other, 503).is_resumed);
    assert_int_equal(sessions[CALLER].kept, 1);
    assert_int_equal(sessions[CALLEE].kept, 1);
}

static void a_server_that_forgot_all_but_its_certificate_still_knows_its_tickets(void **state)
{
    struct meeting m = with_sessions();
    begin(state);
    assert_false(meet(&m, 510).is_resumed);
    forget(CALLER);
    assert_true(meet(&m, 511).is_resumed);
    forget(CALLEE);
    assert_false(meet(&m, 512).is_resumed);
}

/* A session is used once, also when nothing came of it. */
static void a_session_that_was_offered_is_gone(void **state)
{
    struct meeting m = with_sessions();
    begin(state);
    assert_false(meet(&m, 520).is_resumed);
    struct sim_options o = m.o;
    o.ntp_at_epoch = epoch_2026;
    struct sim *s = sim_open_with(&o);
    s->is_cut = true;
    sim_introduce(s);
    sim_run(s, s->now + 20 * WEIR_SEC, false);
    assert_false(sim_is_open(s));
    assert_int_equal(sessions[CALLEE].kept, 0);
    sim_close(s);
    assert_false(meet(&m, 521).is_resumed);
    assert_true(meet(&m, 522).is_resumed);
}

/* An offer in the middle of a call begins nothing, and takes nothing out of the store. */
static void describing_oneself_again_uses_no_session(void **state)
{
    (void)state;
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    const struct sim_options o = { .seed = 950, .sessions = { &sessions[CALLER], &sessions[CALLEE] },
                                   .ntp_at_epoch = epoch_2026 };
    struct sim *s = sim_open_with(&o);
    sim_introduce(s);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    sim_run(s, s->now + 3 * WEIR_SEC, false); /* the ticket comes, to the client */
    assert_int_equal(sessions[CALLEE].kept, 1);
    for (int from = 0; from < 2; from++) {
        struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
        struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
        struct weir_peer *a = s->peer[from], *b = s->peer[1 - from];
        struct weir_sdp_error error;
        assert_int_equal(weir_peer_create_offer(a, s->now, &offer), WEIR_OK);
        assert_int_equal(weir_peer_set_remote(b, s->now, true, weir_span_of(text[0], offer.len), &error), WEIR_OK);
        assert_int_equal(weir_peer_create_answer(b, s->now, &answer), WEIR_OK);
        assert_int_equal(weir_peer_set_remote(a, s->now, false, weir_span_of(text[1], answer.len), &error),
                         WEIR_OK);
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(sessions[CALLEE].kept, 1);
    }
    sim_close(s);
}

static void a_week_later_certificates_are_shown(void **state)
{
    struct meeting m = with_sessions();
    begin(state);
    m.o.begin = 1000 * WEIR_SEC;
    assert_false(meet(&m, 530).is_resumed);
    m.o.begin += 6 * (weir_time)86400 * WEIR_SEC;
    assert_true(meet(&m, 531).is_resumed);
    m.o.begin += (weir_time)86400 * WEIR_SEC;
    assert_false(meet(&m, 532).is_resumed);
}

/* Somebody else behind the same name, with another certificate: his description says so. */
static void another_peer_is_met_for_the_first_time(void **state)
{
    struct meeting m = with_sessions();
    begin(state);
    assert_false(meet(&m, 540).is_resumed);
    for (uint32_t i = 0; i < sessions[CALLEE].kept; i++) {
        memset(&room[CALLEE][i].peer, 7, sizeof room[CALLEE][i].peer);
    }
    assert_false(meet(&m, 541).is_resumed);
    assert_int_equal(sessions[CALLEE].kept, 2);
}

/* -- The store ------------------------------------------------------------------------------------- */

static struct weir_dtls_session of_peer(uint8_t peer, int64_t given_s)
{
    struct weir_dtls_session s = { .given_s = given_s, .ticket_bytes = 1 };
    memset(s.peer.sha256, peer, sizeof s.peer.sha256);
    memset(s.peer.sha384, peer + 100, sizeof s.peer.sha384);
    memset(s.peer.sha512, peer + 200, sizeof s.peer.sha512);
    return s;
}

static bool has(uint8_t peer, enum weir_hash_id hash, struct weir_dtls_session *out)
{
    struct weir_dtls_fingerprint list[2] = { { .hash = WEIR_SHA256 }, { .hash = hash } };
    memset(list[1].bytes, peer + (hash == WEIR_SHA512 ? 200 : hash == WEIR_SHA384 ? 100 : 0), 64);
    return weir_sessions_take(&sessions[0], list, 2, out);
}

static void the_store_keeps_one_for_each_peer_and_gives_it_once(void **state)
{
    static const struct weir_dtls_session none;
    struct weir_dtls_session s, got;
    begin(state);
    for (uint8_t i = 1; i <= 5; i++) {
        s = of_peer(i, 10 + i);
        weir_sessions_keep(&sessions[0], &s);
        s = of_peer(i, 20 + i);
        weir_sessions_keep(&sessions[0], &s);
        assert_int_equal(sessions[0].kept, i < ROOM ? i : ROOM);
    }
    assert_false(has(1, WEIR_SHA256, &got));
    assert_false(has(2, WEIR_SHA384, &got));
    assert_false(has(9, WEIR_SHA256, &got));
    assert_true(has(4, WEIR_SHA384, &got));
    assert_int_equal(got.given_s, 24);
    assert_false(has(4, WEIR_SHA384, &got));
    assert_true(has(3, WEIR_SHA512, &got));
    assert_true(has(5, WEIR_SHA256, &got));
    assert_int_equal(sessions[0].kept, 0);
    for (unsigned i = 0; i < ROOM; i++) {
        assert_memory_equal(&room[0][i], &none, sizeof none); /* wiped */
    }
}

static void without_room_sessions_are_given_and_none_is_kept(void **state)
{
    struct weir_dtls_session s = of_peer(1, 1), got;
    begin(state);
    weir_sessions_init(&sessions[0], weir_crypto_default(), sim_identity(0), NULL, 0);
    weir_sessions_keep(&sessions[0], &s);
    assert_false(has(1, WEIR_SHA256, &got));
}

static void the_key_of_tickets_is_the_certificates(void **state)
{
    uint8_t before[WEIR_DTLS_TICKET_KEY_BYTES];
    begin(state);
    memcpy(before, sessions[0].ticket_key, sizeof before);
    assert_memory_not_equal(before, sessions[1].ticket_key, sizeof before);
    forget(0);
    assert_memory_equal(before, sessions[0].ticket_key, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_met_before_shows_no_certificates),
        cmocka_unit_test(in_spite_of_losses),
        cmocka_unit_test(both_must_want_it),
        cmocka_unit_test(roles_make_sessions),
        cmocka_unit_test(a_server_that_forgot_all_but_its_certificate_still_knows_its_tickets),
        cmocka_unit_test(a_session_that_was_offered_is_gone),
        cmocka_unit_test(describing_oneself_again_uses_no_session),
        cmocka_unit_test(a_week_later_certificates_are_shown),
        cmocka_unit_test(another_peer_is_met_for_the_first_time),
        cmocka_unit_test(the_store_keeps_one_for_each_peer_and_gives_it_once),
        cmocka_unit_test(without_room_sessions_are_given_and_none_is_kept),
        cmocka_unit_test(the_key_of_tickets_is_the_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
