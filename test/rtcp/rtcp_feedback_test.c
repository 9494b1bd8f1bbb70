/* Feedback, both ways: what is missing is asked for, what the peer asks for is told. */
#include "test/rtcp/rtcp_rig.h"

/* -- Asking ------------------------------------------------------------------------------------ */

static void a_gap_is_asked_for_after_a_moment_and_not_if_it_was_disorder(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtcp_packet p;
    begin(0);
    receive(&b, 1000, 10, 0);
    b.report_at = 100 * WEIR_SEC;
    receive(&b, 2000, 14, 0); /* 11, 12, 13 are missing */
    receive(&b, 3000, 12, 0); /* 12 was only late */
    assert_int_equal(send_due(&b, 4000, out), 0);
    weir_time due = weir_rtcp_deadline(&b);
    assert_true(due == 7000);
    size_t n = send_due(&b, due, out);
    assert_true(find(weir_span_of(out, n), WEIR_RTCP_RTPFB, WEIR_RTPFB_NACK, &p));
    assert_int_equal(p.body.n, 12);
    assert_int_equal(weir_be32(p.body.p), 1);
    assert_int_equal(weir_be32(p.body.p + 4), 100);
    assert_int_equal(weir_be16(p.body.p + 8), 11);
    assert_int_equal(weir_be16(p.body.p + 10), 1 << 1); /* and 13 */
    receive(&b, 50000, 11, 0);
    assert_int_equal(b.remote[0].recovered, 1);
    assert_true(weir_rtcp_deadline(&b) == due + 100 * WEIR_MS); /* the round trip is not known */
    n = send_due(&b, weir_rtcp_deadline(&b), out); /* again, for 13 alone */
    assert_true(find(weir_span_of(out, n), WEIR_RTCP_RTPFB, WEIR_RTPFB_NACK, &p));
    assert_int_equal(weir_be16(p.body.p + 8), 13);
    assert_int_equal(weir_be16(p.body.p + 10), 0);
    assert_int_equal(b.remote[0].nacks, 2);
}

/* The mask holds the sixteen numbers after the first; the next needs a pair of its own. */
static void a_mask_reaches_sixteen_numbers(void **state)
{
    (void)state;
    static const struct {
        uint16_t came[8];
        unsigned count, pairs, numbers;
    } row[] = {
        { { 65535, 18 - 1 }, 2, 1, 17 }, /* 0 to 16, over the end of the numbers */
        { { 0, 19 }, 2, 2, 18 },
        { { 0, 2, 17, 19 }, 4, 2, 1 + 14 + 1 },
    };
    for (unsigned i = 0; i < 3; i++) {
        uint8_t out[1500];
        struct weir_rtcp_packet p;
        begin(0);
        for (unsigned k = 0; k < row[i].count; k++) {
            receive(&b, 1000, row[i].came[k], 0);
        }
        size_t n = send_due(&b, 6000, out);
        assert_true(find(weir_span_of(out, n), WEIR_RTCP_RTPFB, WEIR_RTPFB_NACK, &p));
        assert_int_equal(p.body.n, 8 + 4 * row[i].pairs);
        struct said s = { 0 };
        said_packet(&s, &p);
        assert_int_equal(s.numbers, row[i].numbers);
    }
}

/* What was asked for comes back behind as many packets as a round trip holds: it is late, and no source that
 * begins anew [RFC 4585 6.2.1]. One that is missing no more is late as far as SRTP takes it. */
static void a_retransmission_is_late_however_many_packets_came_between(void **state)
{
    (void)state;
    static const uint16_t between[] = { 1, 98, 99, 100, 199, 511, 512, 2000 };
    for (unsigned i = 0; i < sizeof between / sizeof between[0]; i++) {
        for (uint16_t burst = 1; burst <= 3; burst++) {
            uint16_t seq = 65500, lost; /* over the end of the numbers */
            begin(0);
            for (unsigned k = 0; k < 10; k++) {
                receive(&b, 1000, seq++, 0);
            }
            b.report_at = WEIR_NEVER;
            lost = seq;
            seq = (uint16_t)(seq + burst);
            receive(&b, 2000, seq++, 0);
            assert_int_equal(say(&b, 7000, 1500).numbers, burst);
            for (unsigned k = 1; k < between[i]; k++) {
                receive(&b, 8000, seq++, 0);
            }
            assert_int_equal(weir_rtcp_remote_lost(&b.remote[0]), burst);
            for (uint16_t k = 0; k < burst; k++) {
                receive(&b, 9000, (uint16_t)(lost + k), 0);
            }
            receive(&b, 9000, seq++, 0);
            assert_int_equal(b.remote[0].recovered, burst);
            assert_int_equal(b.remote[0].missing_count, 0);
            assert_int_equal(b.remote[0].base_seq, 0x10000 + 65500);
            assert_int_equal(b.remote[0].received, 10u + burst + between[i] + 1);
            assert_int_equal(weir_rtcp_remote_lost(&b.remote[0]), 0);
            struct said s = say(&b, WEIR_SEC, 1500);
            assert_int_equal(s.plis + s.numbers, 0);
        }
    }
}

static void the_wait_between_two_requests_is_the_round_trip(void **state)
{
    (void)state;
    static const struct {
        weir_duration rtt, gap;
    } row[] = { { 0, 100 * WEIR_MS }, { 4 * WEIR_MS, 20 * WEIR_MS }, { 80 * WEIR_MS, 100 * WEIR_MS },
                { 400 * WEIR_MS, 500 * WEIR_MS } };
    for (unsigned i = 0; i < 4; i++) {
        begin(0);
        b.rtt = row[i].rtt;
        receive(&b, 1000, 1, 0);
        b.report_at = WEIR_NEVER - 1;
        receive(&b, 1000, 3, 0);
        assert_int_equal(say(&b, 6000, 1500).numbers, 1);
        assert_true(weir_rtcp_deadline(&b) == 6000 + row[i].gap);
        assert_int_equal(say(&b, 6000 + row[i].gap - 1, 1500).numbers, 0);
        assert_int_equal(say(&b, 6000 + row[i].gap, 1500).numbers, 1);
    }
}

static void what_never_comes_is_given_up_with_a_key_frame_request(void **state)
{
    (void)state;
    unsigned nacks = 0, plis = 0;
    begin(0);
    receive(&b, 1000, 1, 0);
    receive(&b, 2000, 3, 0);
    b.report_at = WEIR_NEVER;
    for (weir_time now = 2000; now < 20 * WEIR_SEC && weir_rtcp_deadline(&b) != WEIR_NEVER;) {
        now = weir_rtcp_deadline(&b) > now ? weir_rtcp_deadline(&b) : now + 1;
        struct said s = say(&b, now, 1500);
        nacks += s.nacks;
        plis += s.plis;
    }
    assert_int_equal(nacks, WEIR_RTCP_NACK_TRIES);
    assert_int_equal(plis, 1);
    assert_int_equal(b.remote[0].given_up, 1);
    assert_int_equal(b.remote[0].missing_count, 0);
}

/* A jump of more than a hundred, and more missing than the list holds. */
static void too_much_missing_asks_for_a_key_frame_instead(void **state)
{
    (void)state;
    begin(0);
    receive(&b, 1000, 1, 0);
    receive(&b, 1000, 102, 0); /* exactly a hundred: asked for one by one */
    assert_int_equal(b.remote[0].missing_count, 100);
    receive(&b, 1000, 102 + 102, 0); /* one more than that */
    assert_int_equal(b.remote[0].missing_count, 0);
    assert_int_equal(b.remote[0].given_up, 201);
    assert_int_equal(say(&b, 6000, 1500).plis, 1);
    begin(0);
    for (uint16_t i = 0; i < 2 * (WEIR_RTCP_MISSING_MAX + 5); i = (uint16_t)(i + 2)) {
        receive(&b, 1000, i, 0);
    }
    assert_int_equal(b.remote[0].missing_count, WEIR_RTCP_MISSING_MAX);
    assert_int_equal(b.remote[0].given_up, 4);
    assert_int_equal(b.remote[0].missing[0].seq - 0x10000, 9); /* the oldest went */
    struct said s = say(&b, 6000, 1500);
    assert_int_equal(s.numbers, WEIR_RTCP_MISSING_MAX);
    assert_true(b.remote[0].missing_count == WEIR_RTCP_MISSING_MAX);
}

/* No path for a while: what is due waits for it, and no deadline stays behind for which a loop would spin. */
static void what_cannot_leave_has_no_deadline(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        weir_time now = 10 * WEIR_MS;
        unsigned ticks = 0;
        begin(0);
        receive(&b, 1000, 1, 0);
        if (i == 0) {
            receive(&b, 2000, 3, 0);
        } else {
            assert_int_equal(weir_rtcp_request_keyframe(&b, now, 100, false), WEIR_OK);
        }
        for (; weir_rtcp_deadline(&b) < 10 * WEIR_SEC; ticks++) {
            assert_true(ticks < 100);
            now = weir_rtcp_deadline(&b) > now ? weir_rtcp_deadline(&b) : now;
            weir_rtcp_tick(&b, now);
            assert_true(weir_rtcp_deadline(&b) > now);
        }
        struct said s = say(&b, now, 1500);
        assert_int_equal(s.nacks, i == 0);
        assert_int_equal(s.plis, i == 1);
        if (i == 1) { /* the next one has a deadline again */
            assert_int_equal(weir_rtcp_request_keyframe(&b, now, 100, false), WEIR_OK);
            weir_rtcp_tick(&b, now);
            assert_true(weir_rtcp_deadline(&b) <= now + 500 * WEIR_MS);
        }
    }
}

/* An outage of any length asks for a key frame once, whether it is taken for a gap or for a new beginning. */
static void every_outage_asks_for_a_key_frame(void **state)
{
    (void)state;
    static const uint16_t gap[] = { 102, 1600, 2998, 2999, 3000, 4400, 5800, 20000, 32767, 32768, 50000, 64000 };
    for (unsigned i = 0; i < sizeof gap / sizeof gap[0]; i++) {
        uint16_t seq = 100;
        unsigned plis = 0;
        begin(0);
        b.report_at = WEIR_NEVER;
        for (unsigned k = 0; k < 20; k++) {
            seq = (uint16_t)(seq + (k == 10 ? gap[i] : 1) + (k == 9 ? 1 : 0)); /* one is missing before it */
            receive(&b, 1000 + k, seq, 0);
        }
        b.report_at = WEIR_NEVER;
        assert_int_equal(b.remote[0].missing_count, 0);
        assert_int_equal(b.remote[0].given_up, gap[i] < 3000 ? gap[i] : 1);
        for (weir_time now = 2000; now < 2 * WEIR_SEC; now += 5 * WEIR_MS) {
            plis += say(&b, now, 1500).plis;
        }
        assert_int_equal(plis, 1);
    }
    struct weir_rtp_header h = { .ssrc = 100 }; /* one that wants no feedback */
    begin(0);
    for (unsigned k = 0; k < 20; k++) {
        h.seq = (uint16_t)(k + (k < 10 ? 0 : 5000));
        weir_rtcp_note_rx(&b, 1000, 1000, &h, 90000, false);
    }
    assert_int_equal(b.remote[0].base_seq, 0x10000 + 5011);
    assert_int_equal(say(&b, 2000, 1500).plis, 0);
}

static void streams_without_nack_are_not_asked_for(void **state)
{
    (void)state;
    struct weir_rtp_header h = { .ssrc = 100, .seq = 1 };
    begin(0);
    weir_rtcp_note_rx(&b, 1000, 1000, &h, 0, false);
    assert_int_equal(b.remote[0].clock_hz, 90000); /* unknown payload type */
    h.seq = 5;
    weir_rtcp_note_rx(&b, 1000, 1000, &h, 90000, false);
    assert_int_equal(b.remote[0].missing_count, 0);
    assert_true(b.nack_at == WEIR_NEVER);
}

static void attack_R16_key_frames_are_asked_for_rarely(void **state)
{
    (void)state;
    unsigned sent = 0;
    begin(0);
    receive(&b, 1000, 1, 0);
    b.report_at = WEIR_NEVER;
    for (weir_time now = 1000; now < 2 * WEIR_SEC; now += 1000) {
        assert_int_equal(weir_rtcp_request_keyframe(&b, now, 100, false), WEIR_OK);
        sent += say(&b, now, 1500).plis;
        assert_true(weir_rtcp_deadline(&b) > now);
    }
    assert_int_equal(sent, 4);
    assert_int_equal(b.remote[0].plis, 4);
    assert_int_equal(weir_rtcp_request_keyframe(&b, 0, 999, false), WEIR_ERR_ARG);
}

/* -- Being asked ------------------------------------------------------------------------------- */

static void a_fir_and_a_pli_for_our_stream_become_events(void **state)
{
    (void)state;
    uint8_t out[1500];
    begin(2);
    receive(&b, 1000, 1, 0);
    for (unsigned i = 1; i < 6; i++) {
        assert_int_equal(weir_rtcp_request_keyframe(&b, 0, 100, i % 2 == 0), WEIR_OK);
        size_t n = send_due(&b, i * WEIR_SEC, out);
        assert_int_equal(weir_rtcp_recv(&a, i * WEIR_SEC, weir_span_of(out, n)), WEIR_RTCP_OK);
        assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100), 1);
    }
    assert_int_equal(a.local[0].plis, 3);
    assert_int_equal(a.local[0].firs, 2);
    assert_int_equal(a.local[1].plis, 0);
}

static void fir_in(weir_time now, uint32_t sender, uint8_t number)
{
    uint8_t fir[20] = { 0x84, 206, 0, 4 };
    weir_put32(fir + 4, sender);
    weir_put32(fir + 12, 100);
    fir[16] = number;
    assert_int_equal(weir_rtcp_recv(&a, now, weir_span_of(fir, sizeof fir)), WEIR_RTCP_OK);
}

/* [RFC 5104 4.3.1.1, 4.3.1.2] */
static void a_fir_with_the_same_number_is_the_same_request(void **state)
{
    (void)state;
    begin(1);
    for (unsigned i = 0; i < 5; i++) {
        fir_in(i * WEIR_SEC, 9, 7);
    }
    assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100), 1);
    assert_int_equal(a.local[0].firs, 1);
    fir_in(6 * WEIR_SEC, 9, 8);
    assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100), 1);
    fir_in(7 * WEIR_SEC, 10, 8); /* somebody else's eighth */
    assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100), 1);
}

/* A storm of requests is one key frame each 300 ms, and the last request is not forgotten. */
static void attack_R16_key_frames_are_told_rarely_and_the_last_one_always(void **state)
{
    (void)state;
    uint8_t pli[12] = { 0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 100 };
    unsigned told = 0;
    begin(1);
    for (weir_time now = 0; now < WEIR_SEC; now += WEIR_MS) {
        assert_int_equal(weir_rtcp_recv(&a, now, weir_span_of(pli, 12)), WEIR_RTCP_OK);
        told += count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100);
        weir_rtcp_tick(&a, now);
        told += count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100);
    }
    assert_int_equal(told, 4);
    assert_int_equal(a.local[0].plis, 1000);
    weir_time at = weir_rtcp_deadline(&a);
    assert_true(at == 1200 * WEIR_MS);
    weir_rtcp_tick(&a, at - 1);
    assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100), 0);
    weir_rtcp_tick(&a, at);
    assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100), 1);
    assert_true(weir_rtcp_deadline(&a) == WEIR_NEVER);
    weir_rtcp_tick(&a, at + WEIR_SEC);
    assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_KEYFRAME, 100), 0);
}

static void a_nack_names_its_packets_in_order(void **state)
{
    (void)state;
    static const uint16_t want[] = { 65535, 0, 15, 40 };
    uint8_t nack[20] = { 0x81, 205, 0, 4, 0, 0, 0, 9, 0, 0, 0, 100, 0xff, 0xff, 0x80, 0x01, 0, 40, 0, 0 };
    struct weir_rtcp_event e;
    begin(1);
    assert_int_equal(weir_rtcp_recv(&a, 0, weir_span_of(nack, 20)), WEIR_RTCP_OK);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(weir_rtcp_event(&a, &e));
        assert_int_equal(e.type, WEIR_RTCP_EVENT_NACK);
        assert_int_equal(e.ssrc, 100);
        assert_int_equal(e.seq, want[i]);
    }
    assert_false(weir_rtcp_event(&a, &e));
    assert_int_equal(a.local[0].nacks, 2);
    nack[11] = 99; /* no stream of ours */
    assert_int_equal(weir_rtcp_recv(&a, 0, weir_span_of(nack, 20)), WEIR_RTCP_OK);
    assert_false(weir_rtcp_event(&a, &e));
}

/* Behind a NACK for more than the ring holds, a key-frame request, a report and a goodbye are all told. */
static void attack_R16_a_large_nack_pushes_nothing_else_out(void **state)
{
    (void)state;
    uint8_t c[1500] = { 0x81, 205 };
    size_t pairs = 300, at = 12 + 4 * pairs;
    unsigned nacks = 0, others = 0;
    struct weir_rtcp_event e;
    begin(1);
    receive_of(&a, 0, 9, 1, 0);
    weir_put16(c + 2, (uint16_t)(at / 4 - 1));
    weir_put32(c + 8, 100);
    memset(c + 12, 0xff, 4 * pairs);
    at += test_unhex("81ce0002 00000009 00000064", c + at, 100);
    at += test_unhex("81c90007 00000009 00000064 00000000 00000000 00000000 00000000 00000000",
                     c + at, 100);
    at += test_unhex("82cb0002 00000009 00000063", c + at, 100);
    assert_int_equal(weir_rtcp_recv(&a, 0, weir_span_of(c, at)), WEIR_RTCP_OK);
    while (weir_rtcp_event(&a, &e)) {
        nacks += e.type == WEIR_RTCP_EVENT_NACK ? 1 : 0;
        others += e.type != WEIR_RTCP_EVENT_NACK ? 1 : 0;
    }
    assert_int_equal(others, 4); /* KEYFRAME, REPORT, BYE of two */
    assert_int_equal(nacks, 17 * WEIR_RTCP_NACKED_MAX);
    assert_int_equal(a.nacks_dropped, pairs - WEIR_RTCP_NACKED_MAX);
}

/* Goodbyes nobody takes: the newest are kept. */
static void goodbyes_are_kept_until_told(void **state)
{
    (void)state;
    struct weir_rtcp_event e;
    begin(0);
    for (uint32_t i = 0; i < 40; i++) {
        uint8_t bye[8] = { 0x81, 203, 0, 1 };
        receive_of(&a, WEIR_SEC, 1000 + i, 1, 0);
        weir_put32(bye + 4, 1000 + i);
        assert_int_equal(weir_rtcp_recv(&a, WEIR_SEC, weir_span_of(bye, 8)), WEIR_RTCP_OK);
    }
    for (uint32_t i = 40 - WEIR_RTCP_BYES_MAX; i < 40; i++) {
        assert_true(weir_rtcp_event(&a, &e));
        assert_int_equal(e.type, WEIR_RTCP_EVENT_BYE);
        assert_int_equal(e.ssrc, 1000 + i);
    }
    assert_false(weir_rtcp_event(&a, &e));
}

static void what_is_not_used_is_counted(void **state)
{
    (void)state;
    static const char *const skipped[] = {
        "80cc0002 00000001 61626364",                   /* APP */
        "80cf0001 00000001",                            /* XR */
        "8fcd0002 00000001 00000064",                   /* TWCC */
        "8fce0002 00000001 00000064",                   /* REMB's place */
        "80c00001 00000001",                            /* an old FIR */
    };
    uint8_t room[64];
    begin(1);
    for (unsigned i = 0; i < 5; i++) {
        size_t n = test_unhex(skipped[i], room, sizeof room);
        assert_int_equal(weir_rtcp_recv(&a, 0, weir_span_of(room, n)), WEIR_RTCP_OK);
        assert_int_equal(a.types_skipped, i + 1);
    }
    room[0] = 0;
    assert_int_equal(weir_rtcp_recv(&a, 0, weir_span_of(room, 8)), WEIR_RTCP_VERSION);
    assert_int_equal(a.verdicts[WEIR_RTCP_VERSION], 1);
    assert_int_equal(a.verdicts[WEIR_RTCP_OK], 5);
}

/* -- The history ------------------------------------------------------------------------------- */

enum { BUFS = 64 };

static struct weir_buf bufs[BUFS];
static struct weir_pool pool;
static struct weir_rtcp_history history;
static const uint8_t some_tag[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

static void history_begin(uint32_t count)
{
    weir_pool_init(&pool, bufs, count);
    weir_rtcp_history_init(&history, weir_account_open(&pool, 0));
}

static void history_end(void)
{
    weir_rtcp_history_clear(&history, &pool);
    weir_account_close(&pool, history.account);
    assert_int_equal(pool.free_count, pool.count);
}

static void keep(uint16_t seq, struct weir_span header, struct weir_span payload, uint32_t shared)
{
    struct weir_rtcp_kept k = { .ssrc = 100, .seq = seq, .tag_bytes = sizeof some_tag, .header = header,
                                .payload = payload, .shared = shared };
    weir_rtcp_history_note(&history, &pool, &k);
    weir_rtcp_history_sealed(&history, &pool, weir_span_of(some_tag, sizeof some_tag));
}

static void keep_byte(uint16_t seq)
{
    uint8_t header[3] = { 0x80, 96, (uint8_t)seq };
    keep(seq, weir_span_of(header, sizeof header), weir_span_of(NULL, 0), WEIR_NO_CELL);
}

static uint8_t again[WEIR_MTU], tag[WEIR_RTCP_TAG_MAX];

static size_t recall(weir_time now, weir_duration gap, uint32_t ssrc, uint16_t seq)
{
    return weir_rtcp_history_find(&history, &pool, now, gap, ssrc, seq,
                                  (struct weir_mspan){ again, sizeof again }, tag);
}

static void attack_R16_a_packet_is_sent_again_at_most_once_per_gap(void **state)
{
    (void)state;
    history_begin(4); /* one is the account's, and two thirds of the rest are lent */
    for (uint16_t i = 0; i < 100; i++) { /* more than there is room for: the oldest are not kept */
        keep_byte(i);
    }
    assert_int_equal(recall(1000, 10000, 100, 95), 3);
    assert_int_equal(again[2], 95);
    assert_memory_equal(tag, some_tag, sizeof some_tag);
    assert_int_equal(recall(10999, 10000, 100, 95), 0);
    assert_int_equal(recall(11000, 10000, 100, 95), 3);
    assert_int_equal(recall(12000, 10000, 100, 5), 0);
    assert_int_equal(recall(12000, 10000, 101, 6), 0);
    weir_rtcp_history_clear(&history, &pool);
    assert_int_equal(recall(99000, 10000, 100, 5), 0);
    history_end();
}

/* Others wait: the older packets give back what is borrowed, the newest stay. */
static void the_history_gives_back_what_others_wait_for(void **state)
{
    (void)state;
    static const uint8_t payload[150];
    bool is_never;
    history_begin(BUFS);
    uint32_t other = weir_account_open(&pool, 1);
    for (uint16_t i = 0; i < WEIR_RTCP_HISTORY_MAX; i++) {
        keep(i, weir_span_of(payload, 12), weir_span_of(payload, sizeof payload), WEIR_NO_CELL);
    }
    assert_false(weir_account_ask(&pool, other, 28, &is_never));
    weir_rtcp_history_yield(&history, &pool);
    assert_int_equal(weir_account_take_news(&pool, other) & WEIR_NEWS_ROOM, WEIR_NEWS_ROOM);
    assert_int_not_equal(recall(1000, 10000, 100, WEIR_RTCP_HISTORY_MAX - WEIR_RTCP_HISTORY_LEAST), 0);
    assert_int_equal(recall(1000, 10000, 100, 0), 0);
    weir_account_close(&pool, other);
    history_end();
}

static void the_history_keeps_the_newest(void **state)
{
    (void)state;
    static uint8_t large[4096];
    history_begin(BUFS);
    for (uint16_t i = 0; i < WEIR_RTCP_HISTORY_MAX + 10; i++) {
        keep_byte(i);
    }
    assert_int_equal(recall(1000, 1, 100, 9), 0);
    assert_int_equal(recall(1000, 1, 100, 10), 3);
    assert_int_equal(recall(1000, 1, 100, WEIR_RTCP_HISTORY_MAX + 9), 3);
    /* One that is no packet takes a place and is never given out. */
    keep(5000, weir_span_of(large, sizeof large), weir_span_of(NULL, 0), WEIR_NO_CELL);
    assert_int_equal(recall(1000, 1, 100, 5000), 0);
    assert_int_equal(recall(9000, 1, 100, 10), 0); /* nor what was there */
    /* What was not sealed in the end is not kept either. */
    keep_byte(6000);
    weir_rtcp_history_sealed(&history, &pool, weir_span_of(NULL, 0));
    assert_int_equal(recall(1000, 1, 100, 6000), 0);
    history_end();
}

/* A payload that goes to many is kept once, and as long as one of them may have to send it again. */
static void a_payload_for_many_is_kept_once(void **state)
{
    (void)state;
    static struct weir_rtcp_history many[8];
    uint8_t payload[1000], header[12] = { 0x80, 96 };
    for (unsigned i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    history_begin(BUFS);
    uint32_t account = history.account;
    uint32_t shared = weir_shared_make(&pool, account, weir_span_of(payload, sizeof payload));
    uint32_t cells = weir_account_cells(&pool, account);
    assert_true(cells <= 18);
    for (unsigned i = 0; i < 8; i++) {
        weir_rtcp_history_init(&many[i], account);
        history = many[i];
        header[11] = (uint8_t)i;
        keep(7, weir_span_of(header, sizeof header), weir_span_of(NULL, 0), shared);
        many[i] = history;
    }
    weir_shared_drop(&pool, shared);
    assert_int_equal(weir_account_cells(&pool, account), cells + 8); /* a cell for what is their own */
    for (unsigned i = 0; i < 8; i++) {
        history = many[i];
        assert_int_equal(recall(1000, 1, 100, 7), sizeof header + sizeof payload);
        assert_int_equal(again[11], i);
        assert_memory_equal(again + sizeof header, payload, sizeof payload);
        weir_rtcp_history_clear(&history, &pool);
        assert_int_equal(weir_account_cells(&pool, account), i < 7 ? cells + 7 - i : 0);
    }
    weir_account_close(&pool, account);
    assert_int_equal(pool.free_count, BUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gap_is_asked_for_after_a_moment_and_not_if_it_was_disorder),
        cmocka_unit_test(a_mask_reaches_sixteen_numbers),
        cmocka_unit_test(a_retransmission_is_late_however_many_packets_came_between),
        cmocka_unit_test(the_wait_between_two_requests_is_the_round_trip),
        cmocka_unit_test(what_never_comes_is_given_up_with_a_key_frame_request),
        cmocka_unit_test(too_much_missing_asks_for_a_key_frame_instead),
        cmocka_unit_test(what_cannot_leave_has_no_deadline),
        cmocka_unit_test(every_outage_asks_for_a_key_frame),
        cmocka_unit_test(streams_without_nack_are_not_asked_for),
        cmocka_unit_test(attack_R16_key_frames_are_asked_for_rarely),
        cmocka_unit_test(a_fir_and_a_pli_for_our_stream_become_events),
        cmocka_unit_test(a_fir_with_the_same_number_is_the_same_request),
        cmocka_unit_test(attack_R16_key_frames_are_told_rarely_and_the_last_one_always),
        cmocka_unit_test(a_nack_names_its_packets_in_order),
        cmocka_unit_test(attack_R16_a_large_nack_pushes_nothing_else_out),
        cmocka_unit_test(goodbyes_are_kept_until_told),
        cmocka_unit_test(what_is_not_used_is_counted),
        cmocka_unit_test(attack_R16_a_packet_is_sent_again_at_most_once_per_gap),
        cmocka_unit_test(the_history_gives_back_what_others_wait_for),
        cmocka_unit_test(the_history_keeps_the_newest),
        cmocka_unit_test(a_payload_for_many_is_kept_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
