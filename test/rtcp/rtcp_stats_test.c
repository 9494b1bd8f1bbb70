/* Statistics as RFC 3550 computes them, streams that come and go, and the round trip. */
#include "test/rtcp/rtcp_rig.h"

static void loss_and_highest_number_follow_rfc3550(void **state)
{
    (void)state;
    struct weir_rtcp_block blk;
    begin(1);
    for (uint32_t i = 65530; i < 65530 + 100; i++) { /* over the end of the numbers */
        if (i % 10 != 0) {
            receive(&b, i * 1000, (uint16_t)i, i * 90);
        }
    }
    weir_rtcp_report_block(&b.remote[0], 200 * WEIR_SEC, &blk);
    assert_int_equal(blk.ssrc, 100);
    assert_int_equal(blk.lost, 9); /* the first of the ten came before the first received */
    assert_int_equal(blk.highest_seq, 65530 + 99);
    assert_int_equal(blk.fraction_lost, 9 * 256 / 99);
    assert_int_equal(blk.lsr, 0);
    assert_int_equal(blk.dlsr, 0);
    weir_rtcp_report_block(&b.remote[0], 200 * WEIR_SEC, &blk);
    assert_int_equal(blk.fraction_lost, 0); /* nothing since */
    assert_int_equal(weir_rtcp_remote_lost(&b.remote[0]), 9);
}

/* [RFC 3550 6.4.1, A.3] of 256; duplicates make it negative, which is said as zero. */
static void the_fraction_lost_is_of_256(void **state)
{
    (void)state;
    struct weir_rtcp_block blk;
    static const struct {
        uint16_t seq[4];
        unsigned count;
        uint8_t fraction;
        int32_t lost;
    } row[] = {
        { { 1, 2, 4 }, 3, 64, 1 },
        { { 1, 3 }, 2, 85, 1 },
        { { 1, 2, 2, 3 }, 4, 0, -1 },
        { { 1 }, 1, 0, 0 },
    };
    for (unsigned i = 0; i < 4; i++) {
        begin(0);
        for (unsigned k = 0; k < row[i].count; k++) {
            receive(&b, WEIR_SEC, row[i].seq[k], 0);
        }
        weir_rtcp_report_block(&b.remote[0], 2 * WEIR_SEC, &blk);
        assert_int_equal(blk.fraction_lost, row[i].fraction);
        assert_int_equal(blk.lost, row[i].lost);
    }
    begin(0);
    receive(&b, WEIR_SEC, 1, 0);
    weir_rtcp_report_block(&b.remote[0], 2 * WEIR_SEC, &blk);
    receive(&b, WEIR_SEC, 2999, 0);
    weir_rtcp_report_block(&b.remote[0], 2 * WEIR_SEC, &blk);
    assert_int_equal(blk.fraction_lost, 2997 * 256 / 2998);
    b.remote[0].highest_seq += 1000; /* nothing of these came */
    weir_rtcp_report_block(&b.remote[0], 2 * WEIR_SEC, &blk);
    assert_int_equal(blk.fraction_lost, 255); /* as much as eight bits can say */
}

/* Cumulative loss has 24 bits and a sign. */
static void cumulative_loss_saturates(void **state)
{
    (void)state;
    struct weir_rtcp_block blk;
    begin(0);
    receive(&b, WEIR_SEC, 1, 0);
    b.remote[0].highest_seq += 0x7ffffe;
    weir_rtcp_report_block(&b.remote[0], WEIR_SEC, &blk);
    assert_int_equal(blk.lost, 0x7ffffe);
    b.remote[0].highest_seq += 5;
    weir_rtcp_report_block(&b.remote[0], WEIR_SEC, &blk);
    assert_int_equal(blk.lost, 0x7fffff);
    b.remote[0].highest_seq = b.remote[0].base_seq;
    b.remote[0].received = 0x800002;
    weir_rtcp_report_block(&b.remote[0], WEIR_SEC, &blk);
    assert_int_equal(blk.lost, -0x800000);
}

/* A stream of years: the numbers of a report wrap or saturate as it says [RFC 3550 6.4.1]; ours go on. */
static void counts_go_on_beyond_32_bits(void **state)
{
    (void)state;
    static const uint64_t before = (uint64_t)0xffff << 16; /* packets, of which every hundredth was lost */
    struct weir_rtcp_block blk;
    begin(0);
    receive(&b, WEIR_SEC, 0, 0);
    struct weir_rtcp_remote *s = &b.remote[0];
    s->highest_seq += before;
    s->received += before - before / 100;
    s->packets += before;
    s->bytes = (uint64_t)UINT32_MAX - 100;
    weir_rtcp_report_block(s, WEIR_SEC, &blk);
    uint64_t lost = weir_rtcp_remote_lost(s);
    b.report_at = WEIR_NEVER - 1;
    assert_true(lost == before / 100);
    for (uint32_t i = 1; i < 200000; i++) {
        if (i % 100 != 50) {
            receive(&b, WEIR_SEC + (weir_time)i * 100, (uint16_t)i, 0);
        }
        lost += i % 100 == 50 ? 1 : 0;
        if (i % 1000 == 0) {
            say(&b, WEIR_SEC + (weir_time)i * 100, 1500); /* NACKs and all */
            weir_rtcp_report_block(s, WEIR_SEC + (weir_time)i * 100, &blk);
            assert_int_equal(blk.lost, 0x7fffff);
            assert_in_range(blk.fraction_lost, 2, 3);
            assert_int_equal(blk.highest_seq, (uint32_t)(before + i));
            assert_true(weir_rtcp_remote_lost(s) == lost);
        }
    }
    assert_int_equal(s->missing[s->missing_count - 1].seq, (uint32_t)s->highest_seq - 49);
    receive(&b, 30 * WEIR_SEC, (uint16_t)199950, 0); /* late, beyond 2^32 too */
    assert_true(weir_rtcp_remote_lost(s) == lost - 1);
    uint64_t packets = s->packets, bytes = s->bytes;
    assert_true(packets > UINT32_MAX && bytes > UINT32_MAX);
    receive(&b, 31 * WEIR_SEC, 40000, 0);
    receive(&b, 31 * WEIR_SEC, 40001, 0); /* it begins anew: what was lost is not forgotten */
    assert_true(weir_rtcp_remote_lost(s) == lost - 1);
    weir_rtcp_remove_remote(&b, 100);
    assert_true(b.ended.packets == packets + 2 && b.ended.bytes == bytes + 20 && b.ended.lost == lost - 1);
}

static void jitter_is_zero_for_even_arrivals_and_grows_with_uneven_ones(void **state)
{
    (void)state;
    begin(0);
    for (uint32_t i = 0; i < 100; i++) {
        receive(&b, 1000000 + i * 20000, (uint16_t)i, i * 1800);
    }
    assert_true(b.remote[0].jitter_q4 >> 4 <= 1);
    for (uint32_t i = 100; i < 400; i++) {
        receive(&b, 1000000 + i * 20000 + (i & 1) * 10000, (uint16_t)i, i * 1800);
    }
    uint32_t jitter = b.remote[0].jitter_q4 >> 4;
    assert_true(jitter > 800 && jitter < 1000); /* it tends to 10 ms: 900 units */
    /* One step of A.8: J += |D| - ((J + 8) >> 4) in sixteenths; and a jump of the clock is not jitter. */
    uint32_t before = b.remote[0].jitter_q4;
    receive(&b, 1000000 + 400 * 20000 + 10000, 400, 400 * 1800);
    assert_int_equal(b.remote[0].jitter_q4, before - ((before + 8) >> 4));
    before = b.remote[0].jitter_q4;
    receive(&b, 1000000 + 401 * 20000, 401, 401 * 1800 + 11 * 90000);
    assert_int_equal(b.remote[0].jitter_q4, before);
}

static void receive_clock(uint32_t i, uint32_t clock_hz, uint32_t *timestamp)
{
    struct weir_rtp_header h = { .ssrc = 100, .seq = (uint16_t)i, .timestamp = *timestamp };
    weir_time now = WEIR_SEC + (weir_time)i * 20 * WEIR_MS;
    weir_rtcp_note_rx(&b, now, now, &h, clock_hz, false);
    *timestamp += (clock_hz == 0 ? 8000 : clock_hz) / 50;
}

/* Opus, then PCMU on the same SSRC, then Opus again: even arrivals are no jitter on either clock. */
static void another_clock_begins_the_jitter_anew(void **state)
{
    (void)state;
    uint32_t timestamp = 12345;
    begin(0);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t clock_hz = i / 100 == 1 ? 8000 : 48000;
        receive_clock(i, i % 10 == 5 && clock_hz == 8000 ? 0 : clock_hz, &timestamp); /* 0: not known */
        assert_int_equal(b.remote[0].clock_hz, clock_hz);
        assert_int_equal(b.remote[0].jitter_q4, 0);
    }
    assert_int_equal(weir_rtcp_remote_lost(&b.remote[0]), 0);
    timestamp += 480;
    receive_clock(300, 48000, &timestamp); /* and what is jitter counts */
    assert_int_equal(b.remote[0].jitter_q4, 480);
    receive_clock(301, 8000, &timestamp);
    assert_int_equal(b.remote[0].jitter_q4, 0); /* in units of another clock it means nothing */
}

/* [RFC 3550 A.1] MAX_DROPOUT, the window of SRTP in place of MAX_MISORDER, and a source that begins anew. */
static void numbers_far_off_begin_anew_only_when_two_follow_each_other(void **state)
{
    (void)state;
    static const struct {
        uint16_t from, jump;
        bool is_gap; /* taken as a gap or as disorder at once */
    } row[] = {
        { 1000, 1000 + 2999, true },
        { 1000, 1000 + 3000, false },
        { 1000, 900, true },
        { 1000, 489, true },
        { 1000, 488, false },
        { 65000, 2463, true },
        { 65000, 2464, false },
    };
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        begin(0);
        receive(&b, 1000, row[i].from, 0);
        receive(&b, 2000, row[i].jump, 0);
        assert_int_equal(b.remote[0].received, row[i].is_gap ? 2 : 1);
        assert_int_equal(b.remote[0].packets, 2);
        assert_int_equal(b.remote[0].base_seq - 0x10000, row[i].from);
    }
    begin(0);
    receive(&b, 1000, 1000, 0);
    receive(&b, 1500, 1005, 0);
    receive(&b, 2000, 20000, 0); /* far off */
    receive(&b, 2500, 20002, 0); /* far off, and does not follow it */
    assert_int_equal(b.remote[0].highest_seq - 0x10000, 1005);
    receive(&b, 3000, 1006, 0); /* the old numbers go on: the far ones are forgotten */
    receive(&b, 3500, 20003, 0);
    assert_int_equal(b.remote[0].highest_seq - 0x10000, 1006);
    receive(&b, 4000, 20004, 0);
    assert_int_equal(b.remote[0].base_seq - 0x10000, 20004);
    assert_int_equal(b.remote[0].highest_seq - 0x10000, 20004);
    assert_int_equal(b.remote[0].received, 1);
    assert_int_equal(b.remote[0].missing_count, 0);
    assert_int_equal(weir_rtcp_remote_lost(&b.remote[0]), 4); /* what was lost before stays counted */
}

static void attack_R13_remote_streams_are_capped(void **state)
{
    (void)state;
    begin(0);
    for (uint32_t i = 0; i < 100000; i++) {
        receive_of(&b, WEIR_SEC + i, i, 1, 0);
    }
    assert_int_equal(b.remotes, WEIR_RTCP_REMOTES_MAX);
    assert_int_equal(b.remotes_refused, 100000 - WEIR_RTCP_REMOTES_MAX);
}

/* Y13: the seventeenth camera is asked for key frames like the first. Who says goodbye, whose section goes
 * and who is silent gives its place. */
static void attack_Y13_the_seventeenth_ssrc_is_like_the_first(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        weir_time now = WEIR_SEC;
        begin(0);
        for (uint32_t i = 0; i < 200; i++) {
            uint8_t bye[8] = { 0x81, WEIR_RTCP_BYE, 0, 1 };
            receive_of(&b, now, 2000 + i, 1, 0);
            receive_of(&b, now, 2000 + i, 3, 0);
            assert_int_equal(weir_rtcp_request_keyframe(&b, now, 2000 + i, false), WEIR_OK);
            struct said s = say(&b, now + 10 * WEIR_MS, 1500);
            assert_int_equal(s.plis, 1);
            assert_true(way == 2 ? s.numbers >= 1 : s.numbers == 1); /* the silent ones are asked as well */
            weir_put32(bye + 4, 2000 + i);
            now += way == 2 ? 6 * WEIR_SEC : WEIR_SEC;
            if (way == 0) {
                assert_int_equal(weir_rtcp_recv(&b, now, weir_span_of(bye, 8)), WEIR_RTCP_OK);
                assert_int_equal(count_events(&b, WEIR_RTCP_EVENT_BYE, 2000 + i), 1);
            } else if (way == 1) {
                weir_rtcp_remove_remote(&b, 2000 + i);
            }
            assert_true(b.remotes <= WEIR_RTCP_REMOTES_MAX);
        }
        assert_int_equal(b.remotes_refused, 0);
        assert_int_equal(b.ended.streams + b.remotes, 200);
        assert_int_equal(b.ended.packets, 2 * b.ended.streams);
        assert_int_equal(b.ended.bytes, 20 * b.ended.streams);
        assert_int_equal(b.ended.lost, b.ended.streams);
        assert_int_equal(b.ended.plis, b.ended.streams);
        assert_true(b.ended.nacks >= b.ended.streams);
    }
}

static void what_ended_is_counted_whole(void **state)
{
    (void)state;
    begin(0);
    receive(&b, 1000, 1, 0);
    receive(&b, 1000, 3, 0);
    assert_int_equal(say(&b, 6000, 1500).numbers, 1);
    receive(&b, 9000, 2, 0);
    receive(&b, 9000, 203, 0); /* a jump */
    weir_rtcp_remove_remote(&b, 100);
    weir_rtcp_remove_remote(&b, 100);
    assert_int_equal(b.ended.streams, 1);
    assert_int_equal(b.ended.packets, 4);
    assert_int_equal(b.ended.bytes, 40);
    assert_int_equal(b.ended.recovered, 1);
    assert_int_equal(b.ended.nacks, 1);
    assert_int_equal(b.ended.lost, 199);
    assert_int_equal(b.ended.given_up, 199);
    assert_int_equal(b.ended.plis, 0);
}

static void a_silent_stream_gives_its_place_after_five_seconds_and_goes_after_sixty(void **state)
{
    (void)state;
    begin(0);
    for (uint32_t i = 0; i < WEIR_RTCP_REMOTES_MAX; i++) {
        receive_of(&b, WEIR_SEC + i, 10 + i, 1, 0);
    }
    receive_of(&b, WEIR_SEC + 100, 10, 2, 0); /* so 11 is the one that was silent for longest */
    receive_of(&b, 6 * WEIR_SEC, 99, 1, 0);
    assert_null(weir_rtcp_find_remote(&b, 99));
    receive_of(&b, 6 * WEIR_SEC + 1, 99, 1, 0);
    assert_non_null(weir_rtcp_find_remote(&b, 99));
    assert_null(weir_rtcp_find_remote(&b, 11));
    assert_non_null(weir_rtcp_find_remote(&b, 10));
    b.report_at = 60 * WEIR_SEC; /* the next report */
    weir_rtcp_tick(&b, 60 * WEIR_SEC);
    assert_int_equal(b.remotes, WEIR_RTCP_REMOTES_MAX);
    b.report_at = 62 * WEIR_SEC;
    weir_rtcp_tick(&b, 62 * WEIR_SEC);
    assert_int_equal(b.remotes, 1);
    assert_int_equal(b.remote[0].ssrc, 99);
}

static void a_round_trip_is_measured_from_two_reports(void **state)
{
    (void)state;
    uint8_t out[1500];
    begin(1);
    transmit(&a, WEIR_SEC, 100, 0);
    receive(&b, WEIR_SEC, 1, 0);
    weir_time at = weir_rtcp_deadline(&a);
    size_t n = send_due(&a, at, out);
    assert_true(n != 0);
    assert_int_equal(weir_rtcp_recv(&b, at + 30 * WEIR_MS, weir_span_of(out, n)), WEIR_RTCP_OK);
    weir_time back = weir_rtcp_deadline(&b) > at + 30 * WEIR_MS ? weir_rtcp_deadline(&b)
                                                                 : at + 100 * WEIR_MS;
    n = send_due(&b, back, out);
    assert_true(n != 0);
    assert_int_equal(weir_rtcp_recv(&a, back + 40 * WEIR_MS, weir_span_of(out, n)), WEIR_RTCP_OK);
    assert_true(a.local[0].rtt >= 69 * WEIR_MS && a.local[0].rtt <= 71 * WEIR_MS);
    assert_true(a.rtt == a.local[0].rtt);
    assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_REPORT, 100), 1);
}

/* What others read is what the machine keeps, in units of time. */
static void streams_can_be_read(void **state)
{
    (void)state;
    struct weir_rtcp_rx_stats rx;
    struct weir_rtcp_tx_stats tx;
    begin(2);
    assert_false(weir_rtcp_rx_stats(&b, 100, &rx));
    assert_int_equal(weir_rtcp_rtt(&a), 0);
    for (uint32_t i = 1; i <= 20; i++) {
        if (i != 7) {
            receive(&b, WEIR_SEC + i * 20 * WEIR_MS + (i % 2) * 5 * WEIR_MS, (uint16_t)i, i * 1800);
        }
    }
    receive_of(&b, 2 * WEIR_SEC, 555, 1, 0);
    assert_true(weir_rtcp_rx_stats(&b, 100, &rx));
    assert_int_equal(rx.ssrc, 100);
    assert_int_equal(rx.clock_hz, 90000);
    assert_int_equal(rx.packets, 19);
    assert_int_equal(rx.bytes, 190);
    assert_int_equal(rx.lost, 1);
    assert_true(rx.jitter > WEIR_MS && rx.jitter < 5 * WEIR_MS);
    assert_int_equal(rx.last_rx, WEIR_SEC + 400 * WEIR_MS);
    assert_true(weir_rtcp_rx_stats(&b, 555, &rx));
    assert_int_equal(rx.packets, 1);
    assert_false(weir_rtcp_rx_stats(&b, 556, &rx));
    transmit(&a, WEIR_SEC, 101, 0);
    transmit(&a, WEIR_SEC, 101, 1800);
    weir_rtcp_note_resent(&a, 101);
    weir_rtcp_note_resent(&a, 999); /* of no stream of ours */
    a.local[1].jitter = 900;
    a.local[1].rtt = a.rtt = 33 * WEIR_MS;
    assert_true(weir_rtcp_tx_stats(&a, 101, &tx));
    assert_int_equal(tx.ssrc, 101);
    assert_int_equal(tx.packets, 2);
    assert_int_equal(tx.bytes, 100);
    assert_int_equal(tx.retransmissions, 1);
    assert_int_equal(tx.jitter, 10 * WEIR_MS);
    assert_int_equal(tx.rtt, 33 * WEIR_MS);
    assert_int_equal(weir_rtcp_rtt(&a), 33 * WEIR_MS);
    assert_true(weir_rtcp_tx_stats(&a, 100, &tx));
    assert_int_equal(tx.retransmissions + tx.packets, 0);
    assert_false(weir_rtcp_tx_stats(&a, 102, &tx));
    assert_int_equal(weir_rtcp_recv(&a, WEIR_SEC, weir_span_of("short", 5)), WEIR_RTCP_SHORT);
    assert_int_equal(weir_rtcp_verdicts(&a, WEIR_RTCP_SHORT), 1);
    assert_int_equal(weir_rtcp_verdicts(&a, WEIR_RTCP_VERDICTS), 0);
    assert_int_equal(weir_rtcp_refused(&b), 0);
    for (uint32_t i = 0; i < WEIR_RTCP_REMOTES_MAX; i++) {
        receive_of(&b, 2 * WEIR_SEC, 1000 + i, 1, 0);
    }
    assert_int_equal(weir_rtcp_refused(&b), 2);
}

/* A block for stream 100: fraction, lost, highest, jitter, LSR, DLSR. */
static void report_block_in(weir_time now, uint32_t lsr, uint32_t dlsr)
{
    uint8_t rr[32] = { 0x81, WEIR_RTCP_RR, 0, 7 };
    weir_put32(rr + 8, 100);
    weir_put32(rr + 12, 0x40fffffe); /* 64 of 256, minus two in all */
    weir_put32(rr + 20, 77);
    weir_put32(rr + 24, lsr);
    weir_put32(rr + 28, dlsr);
    assert_int_equal(weir_rtcp_recv(&a, now, weir_span_of(rr, sizeof rr)), WEIR_RTCP_OK);
}

/* An LSR that we never sent is no measure of anything, nor is a DLSR longer than it is ago. */
static void a_report_that_lies_about_time_is_not_believed(void **state)
{
    (void)state;
    begin(1);
    report_block_in(WEIR_SEC, 0x80020001u, 0);
    assert_true(a.rtt == 0);
    assert_int_equal(a.reports_unknown, 1);
    assert_int_equal(a.local[0].fraction_lost, 64); /* the rest of it is the peer's to say */
    assert_int_equal(a.local[0].lost, -2);
    assert_int_equal(a.local[0].jitter, 77);
    weir_time at = WEIR_SEC;
    uint32_t mid[20];
    for (unsigned i = 0; i < 20; i++) { /* as many reports as are remembered, and four more */
        at += 10 * WEIR_SEC;
        a.report_at = at;
        transmit(&a, at, 100, 0);
        assert_int_equal(say(&a, at, 1500).sender_reports, 1);
        mid[i] = (uint32_t)(weir_rtcp_ntp(&a, at) >> 16);
    }
    report_block_in(at + 50 * WEIR_MS, mid[3], 0);
    assert_true(a.rtt == 0);
    assert_int_equal(a.reports_unknown, 2);
    report_block_in(at + 50 * WEIR_MS, mid[19], 65536); /* held for a second, 50 ms after it left */
    assert_true(a.rtt == 0);
    assert_int_equal(a.reports_unknown, 2);
    report_block_in(at + 50 * WEIR_MS, mid[19], 65536 / 40);
    assert_true(a.rtt > 24 * WEIR_MS && a.rtt < 26 * WEIR_MS);
    report_block_in(at + 80 * WEIR_MS, mid[4], 150 * 65536); /* the oldest that is remembered */
    assert_true(a.rtt > 79 * WEIR_MS && a.rtt < 81 * WEIR_MS);
    report_block_in(at, mid[19], 0);
    assert_true(a.rtt == 1); /* the least there is: zero stands for not measured */
}

static void blocks_of_other_streams_say_nothing(void **state)
{
    (void)state;
    begin(1);
    uint8_t rr[32] = { 0x81, WEIR_RTCP_RR, 0, 7 };
    weir_put32(rr + 8, 999);
    assert_int_equal(weir_rtcp_recv(&a, 0, weir_span_of(rr, sizeof rr)), WEIR_RTCP_OK);
    assert_int_equal(count_events(&a, WEIR_RTCP_EVENT_REPORT, 999), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_highest_number_follow_rfc3550),
        cmocka_unit_test(the_fraction_lost_is_of_256),
        cmocka_unit_test(cumulative_loss_saturates),
        cmocka_unit_test(counts_go_on_beyond_32_bits),
        cmocka_unit_test(jitter_is_zero_for_even_arrivals_and_grows_with_uneven_ones),
        cmocka_unit_test(another_clock_begins_the_jitter_anew),
        cmocka_unit_test(numbers_far_off_begin_anew_only_when_two_follow_each_other),
        cmocka_unit_test(attack_R13_remote_streams_are_capped),
        cmocka_unit_test(attack_Y13_the_seventeenth_ssrc_is_like_the_first),
        cmocka_unit_test(what_ended_is_counted_whole),
        cmocka_unit_test(a_silent_stream_gives_its_place_after_five_seconds_and_goes_after_sixty),
        cmocka_unit_test(a_round_trip_is_measured_from_two_reports),
        cmocka_unit_test(streams_can_be_read),
        cmocka_unit_test(a_report_that_lies_about_time_is_not_believed),
        cmocka_unit_test(blocks_of_other_streams_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
