/* Compounds that leave: what is in them and in which order, when they are due, and what happens when not
 * all fits. */
#include "test/rtcp/rtcp_rig.h"

static void a_sender_report_byte_by_byte(void **state)
{
    (void)state;
    uint8_t out[1500], want[200];
    begin(1);
    transmit(&a, 2 * WEIR_SEC, 100, 9000);
    transmit(&a, 3 * WEIR_SEC, 100, 99000);
    receive_of(&a, 3 * WEIR_SEC, 7, 500, 0);
    a.report_at = 3500 * WEIR_MS;
    size_t n = send_due(&a, 3500 * WEIR_MS, out);
    /* NTP: 1 s of the config and 3.5 of ours; 99,000 and half a second; 2 packets of 50 bytes. */
    size_t want_n = test_unhex("81c8000c 00000064 00000004 80000000"
                               "00023280 00000002 00000064"
                               "00000007 00000000 000001f4 00000000 00000000 00000000"
                               "81ca0003 00000064 01047765 69720000", want, sizeof want);
    test_assert_bytes(weir_span_of(out, n), weir_span_of(want, want_n));
}

static void who_sends_nothing_reports_as_ssrc_1(void **state)
{
    (void)state;
    uint8_t out[1500], want[200];
    begin(0);
    receive(&b, WEIR_SEC, 1, 0);
    size_t n = send_due(&b, weir_rtcp_deadline(&b), out);
    size_t want_n = test_unhex("81c90007 00000001 00000064 00000000 00000001 00000000 00000000 00000000"
                               "81ca0003 00000001 01047765 69720000", want, sizeof want);
    test_assert_bytes(weir_span_of(out, n), weir_span_of(want, want_n));
}

/* The delay since their last sender report, in 1/65536 s, and its middle bits. */
static void a_block_says_how_long_ago_the_peer_reported(void **state)
{
    (void)state;
    struct weir_rtcp_block blk;
    uint8_t sr[28] = { 0x80, WEIR_RTCP_SR, 0, 6, 0, 0, 0, 100,
                       0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
    begin(0);
    receive(&b, WEIR_SEC, 1, 0);
    assert_int_equal(weir_rtcp_recv(&b, WEIR_SEC, weir_span_of(sr, sizeof sr)), WEIR_RTCP_OK);
    weir_rtcp_report_block(&b.remote[0], 3500 * WEIR_MS, &blk);
    assert_int_equal(blk.lsr, 0x33445566);
    assert_int_equal(blk.dlsr, 5 * 65536 / 2);
    weir_rtcp_report_block(&b.remote[0], 70000 * WEIR_SEC, &blk);
    assert_int_equal(blk.dlsr, UINT32_MAX);
}

/* [RFC 3550 6.2, 6.3.1] */
static void reports_leave_at_their_interval_randomised_by_half(void **state)
{
    (void)state;
    for (unsigned is_avpf = 0; is_avpf < 2; is_avpf++) {
        struct weir_rtcp_config c = { .cname = "weir", .is_avpf = is_avpf != 0 };
        weir_duration interval = is_avpf != 0 ? WEIR_SEC : 5 * WEIR_SEC;
        weir_duration least = WEIR_NEVER, most = 0, sum = 0;
        weir_rtcp_init(&b, &c, 0);
        assert_true(weir_rtcp_deadline(&b) == WEIR_NEVER);
        receive(&b, WEIR_SEC, 1, 0);
        weir_time at = weir_rtcp_deadline(&b);
        assert_true(at == WEIR_SEC + interval / 2); /* the first comes sooner */
        for (unsigned i = 0; i < 400; i++) {
            assert_int_equal(say(&b, at - 1, 1500).compounds, 0);
            assert_int_equal(say(&b, at, 1500).compounds, 1);
            weir_duration wait = weir_rtcp_deadline(&b) - at;
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
            sum += wait;
            at = weir_rtcp_deadline(&b);
        }
        assert_true(least >= interval / 2 && least < interval * 6 / 10);
        assert_true(most <= interval * 3 / 2 && most > interval * 14 / 10);
        assert_true(sum / 400 > interval * 9 / 10 && sum / 400 < interval * 11 / 10);
    }
    struct weir_rtcp_config c = { .cname = "weir", .report_interval = 200 * WEIR_MS };
    weir_rtcp_init(&b, &c, 0);
    receive(&b, WEIR_SEC, 1, 0);
    assert_true(weir_rtcp_deadline(&b) == WEIR_SEC + 100 * WEIR_MS);
}

/* [RFC 3550 6.4] Sender reports for what was sent since the report before the last, blocks for what came
 * since the last; then a receiver report without blocks, to say that we are there. */
static void streams_that_are_silent_are_not_reported(void **state)
{
    (void)state;
    begin(1);
    transmit(&a, WEIR_SEC, 100, 0);
    receive_of(&a, WEIR_SEC, 9, 1, 0);
    for (unsigned i = 0; i < 20; i++) {
        struct said s = say(&a, weir_rtcp_deadline(&a), 1500);
        assert_int_equal(s.compounds, 1);
        assert_int_equal(s.reports, 1);
        assert_int_equal(s.sender_reports, i < 2 ? 1 : 0);
        assert_int_equal(s.blocks, i < 1 ? 1 : 0);
        assert_int_equal(s.first_report, 100);
    }
    transmit(&a, 100 * WEIR_SEC, 100, 0);
    receive_of(&a, 100 * WEIR_SEC, 9, 2, 0);
    struct said s = say(&a, 102 * WEIR_SEC, 1500);
    assert_int_equal(s.sender_reports, 1);
    assert_int_equal(s.blocks, 1);
}

/* Sixteen streams in, eight out, 3 % lost. */
static void a_crowd(uint32_t locals, uint32_t remotes)
{
    begin(locals);
    memset(a.config.cname, 'x', WEIR_RTCP_CNAME_MAX - 1);
    for (uint32_t i = 0; i < locals; i++) {
        transmit(&a, WEIR_SEC, 100 + i, 1);
    }
    for (uint32_t i = 0; i < remotes; i++) {
        for (uint16_t k = 0; k < 400; k++) {
            if (k % 33 != 5) {
                receive_of(&a, WEIR_SEC, 1000 + i, k, k * 90u);
            }
        }
    }
}

/* R16 and what outgrows its room: all that is owed leaves, each once, in as many compounds as it takes. */
static void attack_R16_what_outgrows_a_compound_leaves_in_the_next(void **state)
{
    (void)state;
    static const size_t rooms[] = { WEIR_RTCP_ROOM_LEAST, 200, 333, 576, 1180, 1500 };
    for (unsigned k = 0; k < sizeof rooms / sizeof rooms[0]; k++) {
        a_crowd(8, 16);
        weir_time at = WEIR_SEC + 600 * WEIR_MS;
        for (uint32_t i = 0; i < 16; i++) {
            assert_int_equal(weir_rtcp_request_keyframe(&a, at, 1000 + i, i % 2 == 0), WEIR_OK);
        }
        struct said s = say(&a, at, rooms[k]);
        assert_true(s.compounds > 1);
        assert_true(s.longest <= rooms[k]);
        assert_int_equal(s.sender_reports, 8);
        assert_int_equal(s.blocks, 16);
        assert_int_equal(s.numbers, 16 * 12);
        assert_int_equal(s.plis, 8);
        assert_int_equal(s.firs, 8);
        assert_int_equal(s.names, s.reports);
        assert_true(a.compounds_full >= s.compounds - 1);
        for (uint32_t i = 0; i < 16; i++) {
            assert_true(a.remote[i].nacks >= 1);
            for (uint32_t m = 0; m < a.remote[i].missing_count; m++) {
                assert_int_equal(a.remote[i].missing[m].tries, 1);
            }
        }
        assert_int_equal(say(&a, at, rooms[k]).compounds, 0);
        weir_rtcp_bye(&a, at);
        s = say(&a, at, rooms[k]);
        assert_int_equal(s.byes, 8);
        assert_int_equal(say(&a, at, rooms[k]).compounds, 0);
    }
}

/* Each thing that waited for the next compound is counted, whatever it was. */
static void a_full_compound_is_counted(void **state)
{
    (void)state;
    uint8_t out[1500];
    begin(0);
    for (uint32_t i = 0; i < 5; i++) {
        receive_of(&b, 1000, 1 + i, 1, 0);
        receive_of(&b, 1000, 1 + i, 3, 0);
    }
    b.report_at = WEIR_NEVER;
    weir_rtcp_tick(&b, 6000);
    size_t n = send_room(&b, 6000, out, WEIR_RTCP_ROOM_LEAST); /* six NACKs of 16 fit */
    assert_int_equal(n, 8 + 16 + 5 * 16);
    assert_int_equal(b.compounds_full, 0);
    begin(0);
    for (uint32_t i = 0; i < 8; i++) {
        receive_of(&b, 1000, 1 + i, 1, 0);
        receive_of(&b, 1000, 1 + i, 3, 0);
    }
    b.report_at = WEIR_NEVER;
    weir_rtcp_tick(&b, 6000);
    n = send_room(&b, 6000, out, WEIR_RTCP_ROOM_LEAST);
    assert_int_equal(n, 8 + 16 + 6 * 16);
    assert_int_equal(b.compounds_full, 1);
    n = send_room(&b, 6000, out, WEIR_RTCP_ROOM_LEAST);
    assert_int_equal(n, 8 + 16 + 2 * 16);
    assert_int_equal(b.compounds_full, 1);
    begin(0); /* one NACK that does not fit as a whole: 23 pairs do */
    for (uint16_t i = 0; i <= 40 * 18; i = (uint16_t)(i + (i % 18 == 4 ? 2 : 1))) {
        receive_of(&b, 1000, 1, i, 0);
    }
    assert_int_equal(b.remote[0].missing_count, 40);
    b.report_at = WEIR_NEVER;
    weir_rtcp_tick(&b, 6000);
    n = send_room(&b, 6000, out, WEIR_RTCP_ROOM_LEAST);
    assert_int_equal(n, 8 + 16 + 12 + 4 * 23);
    assert_int_equal(b.compounds_full, 1);
    n = send_room(&b, 6000, out, WEIR_RTCP_ROOM_LEAST);
    assert_int_equal(n, 8 + 16 + 12 + 4 * 17);
    assert_int_equal(b.compounds_full, 1);
}

static void room_for_nothing_loses_nothing(void **state)
{
    (void)state;
    uint8_t out[1500];
    a_crowd(8, 16);
    weir_rtcp_tick(&a, 2 * WEIR_SEC);
    assert_int_equal(send_room(&a, 2 * WEIR_SEC, out, WEIR_RTCP_ROOM_LEAST - 1), 0);
    assert_int_equal(say(&a, 2 * WEIR_SEC, 1500).numbers, 16 * 12);
}

/* One compound at each interval, too small for all: every stream has its turn [RFC 3550 6.4]. */
static void streams_take_turns_when_one_compound_is_all_there_is(void **state)
{
    (void)state;
    uint8_t out[1500];
    unsigned ours[8] = { 0 }, theirs[16] = { 0 };
    begin(8);
    for (unsigned round = 1; round <= 160; round++) {
        weir_time now = round * 10 * WEIR_SEC;
        struct said s = { 0 };
        struct weir_rtcp_packet p;
        for (uint32_t i = 0; i < 16; i++) {
            transmit(&a, now, 100 + i % 8, 1);
            receive_of(&a, now, 1000 + i, (uint16_t)round, 0);
        }
        a.report_at = now;
        size_t n = 0;
        weir_rtcp_tick(&a, now);
        n = send_room(&a, now, out, 300);
        struct weir_rd rd = { out, n };
        while (weir_rtcp_next(&rd, &p)) {
            said_packet(&s, &p);
        }
        assert_true(s.sender_reports >= 1 && s.blocks >= 1 && s.blocks < 16);
        for (unsigned i = 0; i < s.sender_reports; i++) {
            ours[s.sent_report[i] - 100]++;
        }
        for (unsigned i = 0; i < s.blocks; i++) {
            theirs[s.reported[i] - 1000]++;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_true(ours[i] >= 160 / 8 - 2);
    }
    for (unsigned i = 0; i < 16; i++) {
        assert_true(theirs[i] >= 160 / 16);
    }
}

/* A stream that goes on with another clock: its reports tell the time of that, and none before it sent on it. */
static void a_stream_may_change_its_clock(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtcp_packet p;
    begin(0);
    assert_int_equal(weir_rtcp_add_local(&a, 7, 48000), WEIR_OK);
    transmit(&a, WEIR_SEC, 7, 1000);
    assert_int_equal(weir_rtcp_add_local(&a, 7, 48000), WEIR_OK);
    assert_int_equal(say(&a, a.report_at, 1500).sender_reports, 1);
    transmit(&a, 3 * WEIR_SEC, 7, 1000 + 96000);
    assert_int_equal(weir_rtcp_add_local(&a, 7, 8000), WEIR_OK);
    assert_int_equal(say(&a, a.report_at, 1500).sender_reports, 0);
    transmit(&a, 6 * WEIR_SEC, 7, 5000);
    a.report_at = 6500 * WEIR_MS;
    size_t n = send_due(&a, 6500 * WEIR_MS, out);
    assert_true(find(weir_span_of(out, n), WEIR_RTCP_SR, 0xff, &p));
    assert_int_equal(weir_be32(p.body.p + 12), 5000 + 4000);
    assert_int_equal(weir_be32(p.body.p + 16), 3); /* the counts go on */
}

/* A count has five bits: of 64 streams with short names no packet names more than 31. */
static void as_many_streams_as_sections_report_and_say_goodbye(void **state)
{
    (void)state;
    begin(WEIR_RTCP_LOCALS_MAX);
    a.config.cname[0] = '\0';
    for (uint32_t i = 0; i < WEIR_RTCP_LOCALS_MAX; i++) {
        transmit(&a, WEIR_SEC, 100 + i, 1);
    }
    for (uint32_t i = 0; i < WEIR_RTCP_REMOTES_MAX; i++) {
        receive_of(&a, WEIR_SEC, 1000 + i, 1, 0);
    }
    struct said s = say(&a, 2 * WEIR_SEC, 1500);
    assert_int_equal(s.sender_reports, WEIR_RTCP_LOCALS_MAX);
    assert_int_equal(s.names, WEIR_RTCP_LOCALS_MAX);
    assert_int_equal(s.blocks, WEIR_RTCP_REMOTES_MAX);
    weir_rtcp_bye(&a, 2 * WEIR_SEC);
    assert_int_equal(say(&a, 2 * WEIR_SEC, 1500).byes, WEIR_RTCP_LOCALS_MAX);
    assert_int_equal(say(&a, 2 * WEIR_SEC, 1500).compounds, 0);
}

static void goodbye_is_said_once(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtcp_packet p;
    begin(2);
    weir_rtcp_bye(&a, 0); /* nothing was sent: there is nothing to say */
    assert_int_equal(send_room(&a, 0, out, sizeof out), 0);
    transmit(&a, 0, 100, 0); /* the other one never sent, and has nothing to end */
    weir_rtcp_bye(&a, 0);
    size_t n = send_room(&a, 0, out, sizeof out);
    assert_true(find(weir_span_of(out, n), WEIR_RTCP_BYE, 1, &p));
    assert_int_equal(weir_be32(p.body.p), 100);
    assert_int_equal(send_room(&a, 0, out, sizeof out), 0);
}

/* Y13: sections come and go, as many at a time as there is place for, for ever. */
static void attack_Y13_a_removed_stream_says_goodbye_and_gives_its_place(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtcp_packet p;
    begin(0);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(weir_rtcp_add_local(&a, 500 + i, 48000), WEIR_OK);
        transmit(&a, i * WEIR_MS, 500 + i, 0);
        if (a.locals == WEIR_RTCP_LOCALS_MAX) {
            weir_rtcp_remove_local(&a, 500 + i - 4);
            transmit(&a, i * WEIR_MS, 500 + i - 4, 0); /* counts no more */
            size_t n = send_room(&a, i * WEIR_MS, out, sizeof out);
            assert_true(find(weir_span_of(out, n), WEIR_RTCP_BYE, 1, &p));
            assert_int_equal(weir_be32(p.body.p), 500 + i - 4);
            assert_int_equal(a.locals, WEIR_RTCP_LOCALS_MAX - 1);
            assert_null(weir_rtcp_find_local(&a, 500 + i - 4));
        }
    }
    weir_rtcp_remove_local(&a, 12345);
    assert_int_equal(a.locals, WEIR_RTCP_LOCALS_MAX - 1);
    assert_int_equal(weir_rtcp_add_local(&a, 1, 48000), WEIR_OK);
    assert_int_equal(weir_rtcp_add_local(&a, 1, 48000), WEIR_OK); /* it is there */
    assert_int_equal(weir_rtcp_add_local(&a, 2, 48000), WEIR_ERR_FULL);
    assert_int_equal(weir_rtcp_add_local(&a, 2, 0), WEIR_ERR_ARG);
    weir_rtcp_remove_local(&a, 599); /* it sent, and its goodbye has not left: it gives way all the same */
    assert_int_equal(weir_rtcp_add_local(&a, 2, 48000), WEIR_OK);
    weir_rtcp_remove_local(&a, 1); /* it never sent */
    assert_int_equal(a.locals, WEIR_RTCP_LOCALS_MAX - 1);
    weir_rtcp_remove_local(&a, 598);
    assert_int_equal(weir_rtcp_add_local(&a, 598, 48000), WEIR_OK); /* back before its goodbye */
    assert_int_equal(send_room(&a, WEIR_SEC, out, sizeof out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sender_report_byte_by_byte),
        cmocka_unit_test(who_sends_nothing_reports_as_ssrc_1),
        cmocka_unit_test(a_block_says_how_long_ago_the_peer_reported),
        cmocka_unit_test(reports_leave_at_their_interval_randomised_by_half),
        cmocka_unit_test(streams_that_are_silent_are_not_reported),
        cmocka_unit_test(attack_R16_what_outgrows_a_compound_leaves_in_the_next),
        cmocka_unit_test(a_full_compound_is_counted),
        cmocka_unit_test(room_for_nothing_loses_nothing),
        cmocka_unit_test(streams_take_turns_when_one_compound_is_all_there_is),
        cmocka_unit_test(a_stream_may_change_its_clock),
        cmocka_unit_test(as_many_streams_as_sections_report_and_say_goodbye),
        cmocka_unit_test(goodbye_is_said_once),
        cmocka_unit_test(attack_Y13_a_removed_stream_says_goodbye_and_gives_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
