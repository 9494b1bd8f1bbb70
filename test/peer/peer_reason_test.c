/* A connection that fails says why: every reason, and none when it comes back. */
#include "dtls/dtls_int.h"
#include "peer/peer_int.h"
#include "test/sim/sim.h"
#include "test/support/support.h"

static void check(const struct sim *s, int side, enum weir_peer_reason want)
{
    assert_int_equal(s->state[side], WEIR_PEER_FAILED);
    assert_string_equal(weir_peer_reason_name(s->failure[side].reason), weir_peer_reason_name(want));
    assert_int_equal(s->peer[side]->reason, want);
    assert_true(s->failure[side].has_alert || s->failure[side].alert == 0);
    assert_int_equal(s->failure[side].dtls_verdict != WEIR_DTLS_OK,
                     want == WEIR_PEER_REASON_DTLS_MESSAGE || want == WEIR_PEER_REASON_DTLS_FINGERPRINT
                         || want == WEIR_PEER_REASON_DTLS_FORGERIES);
}

static struct sim *connected(uint64_t seed)
{
    struct sim *s = sim_open(seed, false);
    sim_introduce(s);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    return s;
}

/* Offer and answer once more, from the side `from`. */
static void negotiate(struct sim *s, int from)
{
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    struct weir_sdp_error error;
    assert_int_equal(weir_peer_create_offer(s->peer[from], s->now, &offer), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(s->peer[1 - from], s->now, true,
                                          weir_span_of(text[0], weir_wr_done(&offer)), &error), WEIR_OK);
    assert_int_equal(weir_peer_create_answer(s->peer[1 - from], s->now, &answer), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(s->peer[from], s->now, false,
                                          weir_span_of(text[1], weir_wr_done(&answer)), &error), WEIR_OK);
}

static void reasons_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < WEIR_PEER_REASONS; i++) {
        const char *name = weir_peer_reason_name((enum weir_peer_reason)i);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(name, weir_peer_reason_name((enum weir_peer_reason)k));
        }
    }
    assert_string_equal(weir_peer_reason_name(WEIR_PEER_REASONS), "?");
}

/* Nobody is there; then the path is, and is gone, each told as it is. */
static void no_pair_and_then_no_consent(void **state)
{
    (void)state;
    struct sim *s = sim_open(1, false);
    s->is_cut = true;
    sim_introduce(s);
    sim_run(s, s->now + 120 * WEIR_SEC, false);
    check(s, 0, WEIR_PEER_REASON_NO_PAIR);
    check(s, 1, WEIR_PEER_REASON_NO_PAIR);
    for (int from = 0; from < 2; from++) {
        s->is_cut = false;
        negotiate(s, from);
        assert_int_equal(s->peer[0]->reason, WEIR_PEER_REASON_NONE);
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        assert_int_equal(weir_ice_failure(&s->peer[0]->ice), WEIR_ICE_FAILURE_NONE);
        s->is_cut = true;
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        check(s, 0, WEIR_PEER_REASON_CONSENT);
        check(s, 1, WEIR_PEER_REASON_CONSENT);
    }
    negotiate(s, 0); /* in vain */
    sim_run(s, s->now + 120 * WEIR_SEC, false);
    check(s, 0, WEIR_PEER_REASON_NO_PAIR);
    check(s, 1, WEIR_PEER_REASON_NO_PAIR);
    sim_close(s);
}

/* The callee tells a hash that its certificate has not: the caller refuses, the callee is told. */
static void a_wrong_fingerprint_and_the_alert_for_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) { /* on checks and without, in both versions */
        const struct sim_options o = { .seed = 2, .no_sped = { i % 2 != 0, i % 2 != 0 } };
        struct sim *s = sim_open_with(&o);
        s->peer[0]->config.dtls_version_max = s->peer[1]->config.dtls_version_max = i < 2 ? WEIR_DTLS_1_3
                                                                                           : WEIR_DTLS_1_2;
        s->identity[1].fingerprint_sha256[7] ^= 1;
        sim_introduce(s);
        sim_run(s, s->now + 10 * WEIR_SEC, false);
        check(s, 0, WEIR_PEER_REASON_DTLS_FINGERPRINT);
        assert_false(s->failure[0].has_alert);
        /* In 1.2 there are no keys yet that would make the alert the peer's; it says no more, though. */
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        check(s, 1, i < 2 ? WEIR_PEER_REASON_DTLS_ALERT : WEIR_PEER_REASON_CONSENT);
        assert_true(s->failure[1].has_alert);
        assert_string_equal(weir_dtls_alert_name(s->failure[1].alert), "bad_certificate");
        uint64_t sent = s->sent;
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        assert_true(s->sent == sent);
        sim_close(s);
    }
}

static bool verifies_nothing(const struct weir_pubkey *k, enum weir_sigscheme scheme,
                             struct weir_span digest, struct weir_span sig)
{
    (void)k, (void)scheme, (void)digest, (void)sig;
    return false;
}

static void a_message_that_breaks_a_rule(void **state)
{
    (void)state;
    struct weir_crypto crypto = *weir_crypto_default();
    const struct sim_options o = { .seed = 3, .crypto = &crypto };
    crypto.verify = verifies_nothing;
    struct sim *s = sim_open_with(&o);
    sim_introduce(s);
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    check(s, 1, WEIR_PEER_REASON_DTLS_MESSAGE); /* the callee is client */
    check(s, 0, WEIR_PEER_REASON_DTLS_ALERT);
    assert_true(s->failure[0].has_alert);
    sim_close(s);
}

/* Both are clients, and nobody answers. An alert that came without protection may say why. */
static void nobody_answers(void **state)
{
    (void)state;
    for (int with_alert = 0; with_alert < 2; with_alert++) {
        const struct sim_meeting m = { .line = { NULL, "a=setup:" },
                                       .with = { NULL, "a=setup:passive\r\n" } };
        struct sim *s = sim_open(4, false);
        sim_meet(s, &m);
        sim_run(s, s->now + 20 * WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTING);
        for (int i = 0; i < 2; i++) {
            s->peer[i]->dtls.alert.has_plain = with_alert != 0;
            s->peer[i]->dtls.alert.plain = ALERT_PROTOCOL_VERSION;
        }
        sim_run(s, s->now + 100 * WEIR_SEC, false);
        for (int i = 0; i < 2; i++) {
            check(s, i, WEIR_PEER_REASON_DTLS_TIMEOUT);
            assert_int_equal(s->failure[i].has_alert, with_alert != 0);
            assert_int_equal(s->failure[i].alert, with_alert != 0 ? ALERT_PROTOCOL_VERSION : 0);
        }
        sim_close(s);
    }
}

/* The last record of the peer that may be forged is; the alert that this costs is told to the peer. */
static void forgeries(void **state)
{
    (void)state;
    struct sim *s = connected(5);
    s->peer[0]->dtls.rx.forgeries = FORGERIES_MAX - 1;
    for (unsigned i = 0; i < 100 && s->state[0] == WEIR_PEER_CONNECTED; i++) {
        s->link.corrupt = 1000;
        assert_int_equal(sim_send(s, 1, 1000), WEIR_OK);
        sim_run(s, s->now + 100 * WEIR_MS, false);
    }
    s->link.corrupt = 0;
    sim_run(s, s->now + WEIR_SEC, false);
    check(s, 0, WEIR_PEER_REASON_DTLS_FORGERIES);
    sim_close(s);
}

/* Who closes or is closed has not failed. */
static void an_orderly_end_has_no_reason(void **state)
{
    (void)state;
    struct sim *s = connected(6);
    weir_peer_close(s->peer[0], s->now);
    sim_run(s, s->now + 60 * WEIR_SEC, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s->state[i], WEIR_PEER_CLOSED);
        assert_int_equal(s->peer[i]->reason, WEIR_PEER_REASON_NONE);
        assert_int_equal(s->failure[i].type, WEIR_EVENT_NONE);
    }
    sim_close(s);
}

/* Data that is over is told by its own event; the connection stays. */
static void data_alone_is_no_failure(void **state)
{
    (void)state;
    const struct sim_options o = { .seed = 7, .no_snap = { true, true } };
    struct sim *s = sim_open_with(&o);
    s->peer[1]->is_data_over = true;
    s->peer[1]->sctp.config.local_port = 1;
    sim_introduce(s);
    sim_run(s, s->now + 40 * WEIR_SEC, false);
    assert_int_equal(s->data_reason[0], WEIR_SCTP_REASON_TIMEOUT);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    assert_int_equal(s->peer[0]->reason, WEIR_PEER_REASON_NONE);
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_have_names),
        cmocka_unit_test(no_pair_and_then_no_consent),
        cmocka_unit_test(a_wrong_fingerprint_and_the_alert_for_it),
        cmocka_unit_test(a_message_that_breaks_a_rule),
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(forgeries),
        cmocka_unit_test(an_orderly_end_has_no_reason),
        cmocka_unit_test(data_alone_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
