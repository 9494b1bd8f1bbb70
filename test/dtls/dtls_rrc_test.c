/* Where is the peer? Return routability checks [RFC 9853] in both versions, and the application's own
 * [RFC 9146 6]: what moves a connection to another path, and what does not. */
#include "test/dtls/dtls_paths.h"

#include "test/dtls/dtls_rules.h"

enum { HOME = 0, AWAY = 7, ELSEWHERE = 9, KIND_CHALLENGE = 0, KIND_RESPONSE = 1, KIND_DROP = 2 };

/* Both versions, and either end as the one whose address changes. */
#define CASES 4
static unsigned mover;
static unsigned other;

static void up(struct sim *s, unsigned i, enum weir_dtls_rrc_kind rrc)
{
    struct ids with = { i / 2 == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3, 8, 8, rrc };
    mover = i % 2;
    other = 1 - mover;
    ids_connect(s, &with, 2000 + i);
}

/* The mover's next data arrives by another path. */
static enum weir_dtls_verdict speak_from(struct sim *s, uint32_t path)
{
    uint8_t out[200];
    size_t n = data_record(&s->end[mover].d, "from another place", out, sizeof out);
    return hear_by(s, other, path, out, n);
}

/* A message of a path check, made by hand, from the mover by a path. */
static enum weir_dtls_verdict answer_by(struct sim *s, uint32_t path, uint8_t kind, const uint8_t cookie[8])
{
    uint8_t body[9] = { kind }, out[200];
    memcpy(body + 1, cookie, 8);
    size_t n =
        sealed_record(&s->end[mover].d, CONTENT_RETURN_ROUTABILITY_CHECK, weir_span_of(body, 9), out);
    return hear_by(s, other, path, out, n);
}

/* An end has nothing to send. */
static bool is_silent(struct sim *s, unsigned who)
{
    static uint8_t out[1500];
    uint32_t path;
    return next_of(s, who, out, &path) == 0;
}

/* The challenge that the other end sends next, and by which path. */
static uint32_t challenge(struct sim *s, uint8_t out[1500], size_t *n)
{
    uint32_t path = 12345;
    *n = next_of(s, other, out, &path);
    assert_true(*n != 0);
    return path;
}

/* It is heard by the mover, whose one answer goes back by the path `to`. */
static enum weir_dtls_verdict round_trip(struct sim *s, const uint8_t *p, size_t n, uint32_t to)
{
    uint8_t out[1500];
    uint32_t path;
    expect(hear_by(s, mover, HOME, p, n), WEIR_DTLS_OK, "challenge");
    n = next_of(s, mover, out, &path);
    assert_true(n != 0);
    assert_int_equal(path, HOME); /* the mover has not noticed anything */
    assert_true(is_silent(s, mover)); /* [RFC 9853 5.4 MUST] exactly one */
    return hear_by(s, other, to, out, n);
}

/* -- A peer that moved ------------------------------------------------------------------------- */

static void a_basic_check_finds_the_peer_in_one_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        size_t n;
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        struct weir_dtls *d = &s.end[other].d;
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(s.end[other].got_count, 1); /* its data counts at once */
        assert_int_equal(weir_dtls_path(d), HOME);   /* and nothing moves yet */
        assert_int_equal(challenge(&s, out, &n), AWAY);
        assert_true(is_silent(&s, other));
        expect(round_trip(&s, out, n, AWAY), WEIR_DTLS_OK, "response");
        assert_int_equal(weir_dtls_path(d), AWAY);
        assert_int_equal(s.end[other].told[WEIR_DTLS_EVENT_MOVED], 1);
        assert_int_equal(s.end[other].last.path, AWAY);
        assert_int_equal(weir_dtls_deadline(d), WEIR_NEVER);
        /* The path is in use: handshake messages go there, and it needs no more checks. */
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(d->rrc.checks, 1);
        assert_int_equal(d->rrc.moves, 1);
        weir_dtls_close(d, s.now);
        uint32_t path = 0;
        assert_true(next_of(&s, other, out, &path) != 0);
        assert_int_equal(path, AWAY);
        sim_free(&s);
    }
}

/* Back and forth: each move is found by the next newer record. */
static void a_peer_may_move_any_number_of_times(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        for (uint32_t k = 1; k <= 20; k++) {
            uint8_t out[1500];
            size_t n;
            uint32_t path = k % 3;
            assert_int_equal(speak_from(&s, path), WEIR_DTLS_OK);
            assert_int_equal(challenge(&s, out, &n), path);
            assert_int_equal(round_trip(&s, out, n, path), WEIR_DTLS_OK);
            assert_int_equal(weir_dtls_path(&s.end[other].d), path);
        }
        assert_int_equal(s.end[other].told[WEIR_DTLS_EVENT_MOVED], 20);
        sim_free(&s);
    }
}

static void an_enhanced_check_waits_for_the_old_path_to_be_silent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        size_t n;
        up(&s, i, WEIR_DTLS_RRC_ENHANCED);
        weir_time begun = s.now;
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(challenge(&s, out, &n), HOME);
        unsigned on_old = 1;
        while (weir_dtls_deadline(&s.end[other].d) < begun + WEIR_SEC) {
            pass_time(&s, other, weir_dtls_deadline(&s.end[other].d) - s.now);
            on_old += next_of(&s, other, out, &(uint32_t){ 0 }) != 0 ? 1 : 0;
        }
        assert_int_equal(on_old, WEIR_DTLS_RRC_TRIES);
        pass_time(&s, other, begun + WEIR_SEC - s.now);
        assert_int_equal(challenge(&s, out, &n), AWAY);
        assert_int_equal(round_trip(&s, out, n, AWAY), WEIR_DTLS_OK);
        assert_int_equal(weir_dtls_path(&s.end[other].d), AWAY);
        sim_free(&s);
    }
}

/* [RFC 9853 8.1.2] Somebody forwards copies of packets, and they arrive first. */
static void an_enhanced_check_stays_with_a_peer_that_has_not_moved(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        size_t n;
        up(&s, i, WEIR_DTLS_RRC_ENHANCED);
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(challenge(&s, out, &n), HOME);
        assert_int_equal(round_trip(&s, out, n, HOME), WEIR_DTLS_OK);
        assert_int_equal(weir_dtls_path(&s.end[other].d), HOME);
        assert_int_equal(s.end[other].told[WEIR_DTLS_EVENT_MOVED], 0);
        assert_int_equal(weir_dtls_deadline(&s.end[other].d), WEIR_NEVER);
        assert_true(is_silent(&s, other));
        sim_free(&s);
    }
}

/* [RFC 9853 5.2] A peer that moved of its own will still hears its old path, and says that it left it. */
static void a_peer_that_left_a_path_says_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        size_t n;
        uint32_t path = 0;
        up(&s, i, WEIR_DTLS_RRC_ENHANCED);
        weir_dtls_set_path(&s.end[mover].d, 3); /* its own number for its new socket */
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(challenge(&s, out, &n), HOME);
        assert_int_equal(hear_by(&s, mover, 0, out, n), WEIR_DTLS_OK);
        n = next_of(&s, mover, out, &path);
        assert_int_equal(path, 0); /* [RFC 9853 5.4 MUST] by the path that it came */
        assert_int_equal(hear_by(&s, other, HOME, out, n), WEIR_DTLS_OK);
        assert_int_equal(weir_dtls_path(&s.end[other].d), HOME);
        assert_int_equal(challenge(&s, out, &n), AWAY); /* at once */
        assert_int_equal(hear_by(&s, mover, 3, out, n), WEIR_DTLS_OK);
        n = next_of(&s, mover, out, &path);
        assert_int_equal(path, 3);
        assert_int_equal(hear_by(&s, other, AWAY, out, n), WEIR_DTLS_OK);
        assert_int_equal(weir_dtls_path(&s.end[other].d), AWAY);
        sim_free(&s);
    }
}

/* -- What moves nothing ------------------------------------------------------------------------ */

static void nothing_happened(struct sim *s, const char *what)
{
    const struct weir_dtls *d = &s->end[other].d;
    if (!is_silent(s, other) || d->rrc.checks != 0 || d->rrc.in_use != HOME
        || s->end[other].told[WEIR_DTLS_EVENT_MOVED] != 0 || s->end[other].told[WEIR_DTLS_EVENT_SEEN] != 0) {
        fail_msg("%s", what);
    }
}

static void attack_D30_only_what_is_new_and_authenticated_can_move_a_peer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CASES; i++) {
        struct sim s;
        uint8_t old[200], late[200], out[200];
        up(&s, i % CASES, i < CASES ? WEIR_DTLS_RRC_BASIC : WEIR_DTLS_RRC_NONE);
        struct weir_dtls *from = &s.end[mover].d;
        size_t late_n = data_record(from, "late", late, sizeof late);
        size_t old_n = data_record(from, "old", old, sizeof old);
        assert_int_equal(hear_by(&s, other, HOME, old, old_n), WEIR_DTLS_OK);
        /* a copy */
        assert_int_equal(hear_by(&s, other, AWAY, old, old_n), WEIR_DTLS_RECORD_REPLAYED);
        nothing_happened(&s, "replayed");
        /* one that was on its way longer than a newer one: its data counts, its path does not */
        assert_int_equal(hear_by(&s, other, AWAY, late, late_n), WEIR_DTLS_OK);
        assert_int_equal(s.end[other].got_count, 2);
        nothing_happened(&s, "late");
        /* forged in any of its bytes */
        size_t n = data_record(from, "new", out, sizeof out);
        for (size_t k = 0; k < n; k++) {
            uint8_t forged[200];
            memcpy(forged, out, n);
            forged[k] ^= 0x20;
            assert_int_not_equal(hear_by(&s, other, AWAY, forged, n), WEIR_DTLS_OK);
            nothing_happened(&s, "forged");
        }
        /* without protection */
        n = plain_record(out, CONTENT_ALERT, 99, WEIR_LIT("\2\50"));
        assert_int_equal(hear_by(&s, other, AWAY, out, n), WEIR_DTLS_ALERT_PLAIN);
        n = plain_message(out, MESSAGE_HELLO_REQUEST, 0, weir_span_of(NULL, 0));
        (void)hear_by(&s, other, AWAY, out, n);
        nothing_happened(&s, "plain");
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* 1.3: a record of the epoch before is older than all of the present one. */
static void attack_D30_an_old_epoch_moves_nobody(void **state)
{
    (void)state;
    struct sim s;
    uint8_t out[200];
    static struct weir_dtls before;
    up(&s, 3, WEIR_DTLS_RRC_BASIC);
    before = s.end[mover].d;
    before.tx.seq += 100; /* the newest of its epoch */
    size_t n = data_record(&before, "of before", out, sizeof out);
    assert_int_equal(weir_dtls_update_keys(&s.end[mover].d, false), WEIR_OK);
    sim_drain(&s, mover);
    sim_run(&s, WEIR_SEC);
    sim_write(&s, mover, "of now");
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.end[other].d.rx_epoch, EPOCH_APPLICATION + 1);
    assert_int_equal(hear_by(&s, other, AWAY, out, n), WEIR_DTLS_OK);
    nothing_happened(&s, "old epoch");
    sim_free(&s);
}

/* A connection that is not up, or whose peer is not verified, stays where it is. */
static void nobody_moves_before_the_connection_stands(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 2; v++) {
        struct ids with = { v == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3, 8, 8, WEIR_DTLS_RRC_BASIC };
        struct sim s;
        mover = CLIENT;
        other = SERVER;
        ids_init(&s, &with, 2020);
        plan_of(&s.end[SERVER].d)->fingerprints = 0;
        sim_start(&s);
        for (unsigned i = 0; i < 50 && s.end[CLIENT].d.state != WEIR_DTLS_CONNECTED; i++) {
            sim_step(&s, s.now + WEIR_SEC);
        }
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_UNVERIFIED);
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_DATA_EARLY);
        nothing_happened(&s, "unverified");
        uint8_t cookie[8] = { 0 };
        assert_int_equal(answer_by(&s, AWAY, KIND_CHALLENGE, cookie), WEIR_DTLS_DATA_EARLY);
        nothing_happened(&s, "challenged while unverified");
        sim_free(&s);
    }
}

/* Who receives without an id cannot tell: it is found by its address alone. */
static void without_an_id_of_ours_no_path_is_new(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 2; v++) {
        struct ids with = { v == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3, 8, 0, WEIR_DTLS_RRC_BASIC };
        struct sim s;
        mover = CLIENT;
        other = SERVER;
        ids_connect(&s, &with, 2030);
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        nothing_happened(&s, "no id");
        sim_free(&s);
    }
}

/* -- Bounds ------------------------------------------------------------------------------------ */

/* The peer never answers, and is heard just once: at most three times its bytes leave, in at most three
 * challenges, and the check ends. */
static void attack_D30_a_victim_gets_little_and_not_for_long(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        size_t sent = 0, heard;
        unsigned count = 0;
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        struct weir_dtls *d = &s.end[other].d;
        heard = data_record(&s.end[mover].d, "", out, sizeof out);
        assert_int_equal(hear_by(&s, other, AWAY, out, heard), WEIR_DTLS_OK);
        weir_time begun = s.now;
        for (unsigned k = 0; k < 1000; k++) {
            uint32_t path = 0;
            size_t n = next_of(&s, other, out, &path);
            assert_true(n == 0 || path == AWAY);
            sent += n;
            count += n != 0 ? 1 : 0;
            if (weir_dtls_deadline(d) == WEIR_NEVER) {
                break;
            }
            pass_time(&s, other, 10 * WEIR_MS);
        }
        assert_in_range(count, 1, WEIR_DTLS_RRC_TRIES);
        assert_true(sent <= 3 * heard);
        assert_true(s.now - begun <= WEIR_SEC + 10 * WEIR_MS);
        assert_int_equal(d->rrc.state, RRC_IDLE);
        assert_int_equal(d->rrc.failures, 1);
        assert_int_equal(d->rrc.in_use, HOME);
        /* The next one begins another check. */
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(d->rrc.checks, 2);
        sim_free(&s);
    }
}

/* A challenge is lost: the next one has another cookie, and any of them is good. */
static void a_lost_challenge_is_followed_by_another(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        for (unsigned answered = 0; answered < WEIR_DTLS_RRC_TRIES; answered++) {
            struct sim s;
            uint8_t out[WEIR_DTLS_RRC_TRIES][1500];
            size_t n[WEIR_DTLS_RRC_TRIES];
            up(&s, i, WEIR_DTLS_RRC_BASIC);
            struct weir_dtls *d = &s.end[other].d;
            weir_dtls_set_rtt_hint(d, 100 * WEIR_MS);
            assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
            assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
            for (unsigned k = 0; k < WEIR_DTLS_RRC_TRIES; k++) {
                assert_int_equal(challenge(&s, out[k], &n[k]), AWAY);
                if (k + 1 < WEIR_DTLS_RRC_TRIES) {
                    assert_int_equal(weir_dtls_deadline(d), s.now + 100 * WEIR_MS);
                    pass_time(&s, other, 100 * WEIR_MS);
                }
            }
            assert_memory_not_equal(d->rrc.cookie[0], d->rrc.cookie[1], 8);
            assert_memory_not_equal(d->rrc.cookie[1], d->rrc.cookie[2], 8);
            assert_int_equal(round_trip(&s, out[answered], n[answered], AWAY), WEIR_DTLS_OK);
            assert_int_equal(d->rrc.in_use, AWAY);
            sim_free(&s);
        }
    }
}

/* [RFC 9853 5.5] Three round trips, if they are known; a second, if not; from 200 ms to 9 s. */
static void a_check_lasts_three_round_trips(void **state)
{
    (void)state;
    static const struct { weir_duration rtt, wait; } row[] = {
        { 0, WEIR_SEC }, { 10 * WEIR_MS, 200 * WEIR_MS }, { 100 * WEIR_MS, 300 * WEIR_MS },
        { 600 * WEIR_MS, 1800 * WEIR_MS }, { 4 * WEIR_SEC, 9 * WEIR_SEC }, { WEIR_NEVER, 9 * WEIR_SEC },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        up(&s, 3, WEIR_DTLS_RRC_BASIC);
        if (row[i].rtt != 0) {
            weir_dtls_set_rtt_hint(&s.end[other].d, row[i].rtt);
        }
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(s.end[other].d.rrc.end_at - s.now, row[i].wait);
        sim_free(&s);
    }
}

/* [RFC 9853 5] The peer moves again while it is being looked for: the first check ends without success,
 * and the next record begins another one. */
static void one_check_is_under_way_at_most(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        size_t n;
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        struct weir_dtls *d = &s.end[other].d;
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(challenge(&s, out, &n), AWAY);
        for (unsigned k = 0; k < 20; k++) {
            assert_int_equal(speak_from(&s, ELSEWHERE + k), WEIR_DTLS_OK);
        }
        assert_int_equal(d->rrc.checks, 1);
        assert_true(is_silent(&s, other));
        pass_time(&s, other, WEIR_SEC);
        assert_int_equal(d->rrc.state, RRC_IDLE);
        assert_int_equal(speak_from(&s, ELSEWHERE), WEIR_DTLS_OK);
        assert_int_equal(challenge(&s, out, &n), ELSEWHERE);
        sim_free(&s);
    }
}

/* -- Answers ----------------------------------------------------------------------------------- */

static void an_answer_counts_by_its_cookie_and_its_path(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        enum weir_dtls_rrc_kind rrc;
        uint32_t path;
        uint8_t kind;
        bool is_wrong; /* the cookie */
        uint32_t then; /* the path in use */
    } row[] = {
        { WEIR_DTLS_OK, WEIR_DTLS_RRC_BASIC, AWAY, KIND_RESPONSE, false, AWAY },
        { WEIR_DTLS_RRC_STRAY, WEIR_DTLS_RRC_BASIC, AWAY, KIND_RESPONSE, true, HOME },
        { WEIR_DTLS_RRC_STRAY, WEIR_DTLS_RRC_BASIC, HOME, KIND_RESPONSE, false, HOME },
        { WEIR_DTLS_RRC_STRAY, WEIR_DTLS_RRC_BASIC, ELSEWHERE, KIND_RESPONSE, false, HOME },
        { WEIR_DTLS_RRC_STRAY, WEIR_DTLS_RRC_BASIC, AWAY, KIND_DROP, false, HOME },
        { WEIR_DTLS_RRC_STRAY, WEIR_DTLS_RRC_ENHANCED, AWAY, KIND_RESPONSE, false, HOME },
        { WEIR_DTLS_RRC_STRAY, WEIR_DTLS_RRC_ENHANCED, HOME, KIND_DROP, true, HOME },
    };
    for (unsigned i = 0; i < CASES; i++) {
        for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
            struct sim s;
            uint8_t out[1500], cookie[8];
            size_t n;
            up(&s, i, row[k].rrc);
            struct weir_dtls *d = &s.end[other].d;
            assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
            (void)challenge(&s, out, &n);
            memcpy(cookie, d->rrc.cookie[0], 8);
            cookie[7] ^= row[k].is_wrong ? 1 : 0;
            expect(answer_by(&s, row[k].path, row[k].kind, cookie), row[k].want, "answer");
            assert_int_equal(d->rrc.in_use, row[k].then);
            sim_free(&s);
        }
    }
}

/* A cookie is good for one check: neither before it nor after. */
static void attack_D30_a_cookie_is_good_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500], cookie[8] = { 0 };
        size_t n;
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        struct weir_dtls *d = &s.end[other].d;
        expect(answer_by(&s, HOME, KIND_RESPONSE, cookie), WEIR_DTLS_RRC_STRAY, "nobody asked");
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        /* Challenges that were not sent have cookies of zeros. */
        expect(answer_by(&s, AWAY, KIND_RESPONSE, cookie), WEIR_DTLS_RRC_STRAY, "before it left");
        (void)challenge(&s, out, &n);
        expect(answer_by(&s, AWAY, KIND_RESPONSE, cookie), WEIR_DTLS_RRC_STRAY, "another's");
        memcpy(cookie, d->rrc.cookie[0], 8);
        pass_time(&s, other, WEIR_SEC);
        expect(answer_by(&s, AWAY, KIND_RESPONSE, cookie), WEIR_DTLS_RRC_STRAY, "too late");
        assert_int_equal(d->rrc.in_use, HOME);
        /* That very record began a check of its own, being new. */
        assert_int_equal(d->rrc.checks, 2);
        sim_free(&s);
    }
}

static void challenges_are_answered_once_each_by_their_path(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        struct weir_dtls *d = &s.end[other].d;
        for (uint8_t k = 0; k < WEIR_DTLS_RRC_ANSWERS; k++) {
            uint8_t cookie[8] = { k };
            expect(answer_by(&s, HOME, KIND_CHALLENGE, cookie), WEIR_DTLS_OK, "challenge");
        }
        expect(answer_by(&s, HOME, KIND_CHALLENGE, out), WEIR_DTLS_RRC_FULL, "one too many");
        for (uint8_t k = 0; k < WEIR_DTLS_RRC_ANSWERS; k++) {
            uint32_t path = 99;
            assert_int_equal(d->rrc.answer[0].cookie[0], k);
            size_t n = next_of(&s, other, out, &path);
            assert_int_equal(n, weir_dtls_overhead(d) + 9);
            assert_int_equal(path, HOME);
            expect(hear_by(&s, mover, HOME, out, n), WEIR_DTLS_RRC_STRAY, "it never asked");
        }
        assert_true(is_silent(&s, other));
        sim_free(&s);
    }
}

static void messages_that_are_none_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        const char *body;
    } row[] = {
        { WEIR_DTLS_RRC_MALFORMED, "00" },
        { WEIR_DTLS_RRC_MALFORMED, "00 00000000000000" },
        { WEIR_DTLS_RRC_MALFORMED, "01 0000000000000000 00" },
        { WEIR_DTLS_RRC_MALFORMED, "02" },
        { WEIR_DTLS_RRC_UNKNOWN, "03" },
        { WEIR_DTLS_RRC_UNKNOWN, "ff 0000000000000000 0000000000000000" },
    };
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
            uint8_t body[64], out[200];
            size_t n = test_unhex(row[k].body, body, sizeof body);
            n = sealed_record(&s.end[mover].d, CONTENT_RETURN_ROUTABILITY_CHECK, weir_span_of(body, n),
                              out);
            expect(hear_by(&s, other, HOME, out, n), row[k].want, row[k].body);
            assert_true(is_silent(&s, other));
            assert_int_equal(s.end[other].d.state, WEIR_DTLS_CONNECTED);
        }
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* Where it was not agreed the type is one of nobody's; without protection it always is. */
static void path_checks_that_were_not_agreed_are_dropped(void **state)
{
    (void)state;
    static const uint8_t body[9];
    for (unsigned i = 0; i < 8; i++) {
        bool has_id = (i & 1) != 0, is_13 = (i & 2) != 0, is_agreed = (i & 4) != 0;
        struct ids with = { is_13 ? WEIR_DTLS_1_3 : WEIR_DTLS_1_2, 0, has_id ? 8 : 0,
                            is_agreed ? WEIR_DTLS_RRC_BASIC : WEIR_DTLS_RRC_NONE };
        struct sim s;
        uint8_t out[200];
        ids_connect(&s, &with, 2040);
        s.end[CLIENT].d.rrc.is_agreed = true;
        size_t n =
            sealed_record(&s.end[CLIENT].d, CONTENT_RETURN_ROUTABILITY_CHECK, weir_span_of(body, 9), out);
        assert_int_equal(hear_by(&s, SERVER, HOME, out, n),
                         is_agreed          ? WEIR_DTLS_OK
                         : has_id || is_13 ? WEIR_DTLS_RECORD_CONTENT
                                            : WEIR_DTLS_RECORD_TYPE);
        n = plain_record(out, CONTENT_RETURN_ROUTABILITY_CHECK, 99, weir_span_of(body, 9));
        assert_int_equal(hear_by(&s, SERVER, HOME, out, n), WEIR_DTLS_RECORD_TYPE);
        sim_free(&s);
    }
}

/* -- The application's own checks -------------------------------------------------------------- */

static void without_rrc_the_application_is_told_and_decides(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        up(&s, i, WEIR_DTLS_RRC_NONE);
        struct weir_dtls *d = &s.end[other].d;
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(s.end[other].got_count, 1);
        assert_int_equal(s.end[other].told[WEIR_DTLS_EVENT_SEEN], 1);
        assert_int_equal(s.end[other].last.path, AWAY);
        assert_int_equal(d->rrc.in_use, HOME);
        assert_true(is_silent(&s, other));
        assert_int_equal(weir_dtls_deadline(d), WEIR_NEVER);
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK); /* again with each, until it decides */
        assert_int_equal(s.end[other].told[WEIR_DTLS_EVENT_SEEN], 2);
        weir_dtls_set_path(d, AWAY);
        assert_int_equal(weir_dtls_path(d), AWAY);
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(s.end[other].told[WEIR_DTLS_EVENT_SEEN], 2);
        sim_free(&s);
    }
}

/* Who knows of no paths calls recv and send, and nothing ever moves. */
static void callers_that_do_not_care_see_nothing_of_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        sim_check_up(&s);
        for (unsigned who = 0; who < 2; who++) {
            assert_int_equal(s.end[who].d.rrc.checks, 0);
            assert_int_equal(s.end[who].told[WEIR_DTLS_EVENT_MOVED], 0);
        }
        sim_free(&s);
    }
}

static void a_check_ends_with_the_connection_and_when_the_application_moves(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        size_t n;
        up(&s, i % CASES, WEIR_DTLS_RRC_BASIC);
        struct weir_dtls *d = &s.end[other].d;
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        (void)challenge(&s, out, &n);
        if (i < CASES) {
            weir_dtls_close(d, s.now);
        } else {
            weir_dtls_set_path(d, ELSEWHERE);
            assert_int_equal(d->rrc.in_use, ELSEWHERE);
        }
        assert_int_equal(weir_dtls_deadline(d), WEIR_NEVER);
        assert_int_equal(d->rrc.state, RRC_IDLE);
        sim_free(&s);
    }
}

/* A room that is too small for a check loses nothing. */
static void a_challenge_waits_for_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct sim s;
        uint8_t out[1500];
        uint32_t path = 0;
        up(&s, i, WEIR_DTLS_RRC_BASIC);
        struct weir_dtls *d = &s.end[other].d;
        size_t n = weir_dtls_overhead(d) + 9;
        assert_int_equal(speak_from(&s, AWAY), WEIR_DTLS_OK);
        assert_int_equal(weir_dtls_send_to(d, s.now, (struct weir_mspan){ out, n - 1 }, &path), 0);
        assert_int_equal(weir_dtls_send_to(d, s.now, (struct weir_mspan){ out, n }, &path), n);
        assert_int_equal(path, AWAY);
        sim_free(&s);
    }
}

static void every_rule_of_path_checks_had_its_row(void **state)
{
    (void)state;
    for (unsigned v = WEIR_DTLS_RRC_MALFORMED; v <= WEIR_DTLS_RRC_FULL; v++) {
        assert_true(covered[v] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_basic_check_finds_the_peer_in_one_round_trip),
        cmocka_unit_test(a_peer_may_move_any_number_of_times),
        cmocka_unit_test(an_enhanced_check_waits_for_the_old_path_to_be_silent),
        cmocka_unit_test(an_enhanced_check_stays_with_a_peer_that_has_not_moved),
        cmocka_unit_test(a_peer_that_left_a_path_says_so),
        cmocka_unit_test(attack_D30_only_what_is_new_and_authenticated_can_move_a_peer),
        cmocka_unit_test(attack_D30_an_old_epoch_moves_nobody),
        cmocka_unit_test(nobody_moves_before_the_connection_stands),
        cmocka_unit_test(without_an_id_of_ours_no_path_is_new),
        cmocka_unit_test(attack_D30_a_victim_gets_little_and_not_for_long),
        cmocka_unit_test(a_lost_challenge_is_followed_by_another),
        cmocka_unit_test(a_check_lasts_three_round_trips),
        cmocka_unit_test(one_check_is_under_way_at_most),
        cmocka_unit_test(an_answer_counts_by_its_cookie_and_its_path),
        cmocka_unit_test(attack_D30_a_cookie_is_good_once),
        cmocka_unit_test(challenges_are_answered_once_each_by_their_path),
        cmocka_unit_test(messages_that_are_none_are_passed_over),
        cmocka_unit_test(path_checks_that_were_not_agreed_are_dropped),
        cmocka_unit_test(without_rrc_the_application_is_told_and_decides),
        cmocka_unit_test(callers_that_do_not_care_see_nothing_of_it),
        cmocka_unit_test(a_check_ends_with_the_connection_and_when_the_application_moves),
        cmocka_unit_test(a_challenge_waits_for_room),
        cmocka_unit_test(every_rule_of_path_checks_had_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
