/* The RTCP machine: statistics as RFC 3550 computes them, feedback as it is owed, bounds that hold. */
#include "rtcp/rtcp_int.h"
#include "test/support/support.h"

static struct weir_rtcp a, b;

static void begin(void)
{
    struct weir_rtcp_config c = { .cname = "weir", .ntp_at_epoch = 1ull << 32 };
    c.seed[0] = 1;
    weir_rtcp_init(&a, &c, 0);
    c.seed[0] = 2;
    weir_rtcp_init(&b, &c, 0);
    assert_int_equal(weir_rtcp_add_local(&a, 100, 90000), WEIR_OK);
}

static void receive(struct weir_rtcp *r, weir_time now, uint16_t seq, uint32_t timestamp)
{
    struct weir_rtp_header h = { .ssrc = 100, .seq = seq, .timestamp = timestamp };
    weir_rtcp_note_rx(r, now, now, &h, 90000, true);
}

static size_t send_due(struct weir_rtcp *r, weir_time now, uint8_t out[1500])
{
    weir_rtcp_tick(r, now);
    return weir_rtcp_send(r, now, (struct weir_mspan){ out, 1500 });
}

/* The first packet of a type (and format) in a compound. */
static bool find(struct weir_span compound, uint8_t type, uint8_t count, struct weir_rtcp_packet *p)
{
    struct weir_rd r = weir_rd_of(compound);
    while (weir_rtcp_next(&r, p)) {
        if (p->type == type && (count == 0xff || p->count == count)) {
            return true;
        }
    }
    return false;
}

static void loss_and_highest_number_follow_rfc3550(void **state)
{
    (void)state;
    struct weir_rtcp_block blk;
    begin();
    for (uint32_t i = 65530; i < 65530 + 100; i++) { /* over the end of the numbers */
        if (i % 10 != 0) {
            receive(&b, i * 1000, (uint16_t)i, i * 90);
        }
    }
    weir_rtcp_report_block(&b.remote[0], 200 * WEIR_SEC, &blk);
    assert_int_equal(blk.ssrc, 100);
    assert_int_equal(blk.lost, 9); /* the first of the ten came before the first received */
    assert_int_equal(blk.highest_seq, 65530 + 99);
    assert_int_equal(blk.fraction_lost, 9 * 255 / 99);
    weir_rtcp_report_block(&b.remote[0], 200 * WEIR_SEC, &blk);
    assert_int_equal(blk.fraction_lost, 0); /* nothing since */
}

static void jitter_is_zero_for_even_arrivals_and_grows_with_uneven_ones(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 100; i++) {
        receive(&b, 1000000 + i * 20000, (uint16_t)i, i * 1800);
    }
    assert_true(b.remote[0].jitter_q4 >> 4 <= 1);
    for (uint32_t i = 100; i < 400; i++) {
        receive(&b, 1000000 + i * 20000 + (i & 1) * 10000, (uint16_t)i, i * 1800);
    }
    uint32_t jitter = b.remote[0].jitter_q4 >> 4;
    assert_true(jitter > 800 && jitter < 1000); /* it tends to 10 ms: 900 units */
}

static void a_round_trip_is_measured_from_two_reports(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtp_header h = { .ssrc = 100, .seq = 1 };
    begin();
    weir_rtcp_note_tx(&a, WEIR_SEC, &h);
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
}

static void a_gap_is_asked_for_after_a_moment_and_not_if_it_was_disorder(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtcp_packet p;
    begin();
    b.report_at = WEIR_NEVER;
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
    assert_int_equal(weir_be32(p.body.p + 4), 100);
    assert_int_equal(weir_be16(p.body.p + 8), 11);
    assert_int_equal(weir_be16(p.body.p + 10), 1 << 1); /* and 13 */
    receive(&b, 50000, 11, 0);
    assert_int_equal(b.remote[0].recovered, 1);
    n = send_due(&b, weir_rtcp_deadline(&b), out); /* again, for 13 alone */
    assert_true(find(weir_span_of(out, n), WEIR_RTCP_RTPFB, WEIR_RTPFB_NACK, &p));
    assert_int_equal(weir_be16(p.body.p + 8), 13);
    assert_int_equal(weir_be16(p.body.p + 10), 0);
}

static void what_never_comes_is_given_up_with_a_key_frame_request(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtcp_packet p;
    unsigned nacks = 0, plis = 0;
    begin();
    receive(&b, 1000, 1, 0);
    receive(&b, 2000, 3, 0);
    b.report_at = WEIR_NEVER;
    for (weir_time now = 2000; now < 20 * WEIR_SEC && weir_rtcp_deadline(&b) != WEIR_NEVER;) {
        now = weir_rtcp_deadline(&b) > now ? weir_rtcp_deadline(&b) : now + 1;
        size_t n = send_due(&b, now, out);
        nacks += n != 0 && find(weir_span_of(out, n), WEIR_RTCP_RTPFB, WEIR_RTPFB_NACK, &p);
        plis += n != 0 && find(weir_span_of(out, n), WEIR_RTCP_PSFB, WEIR_PSFB_PLI, &p);
    }
    assert_int_equal(nacks, WEIR_RTCP_NACK_TRIES);
    assert_int_equal(plis, 1);
    assert_int_equal(b.remote[0].given_up, 1);
}

static void attack_R16_floods_of_requests_stay_bounded(void **state)
{
    (void)state;
    uint8_t out[1500], nack[1500] = { 0x81, 205 };
    struct weir_rtcp_event e;
    unsigned events = 0;
    begin();
    /* A NACK for 65,536 packets cannot be, but one for 6,000 can. */
    size_t n = 12 + 4 * 360;
    weir_put16(nack + 2, (uint16_t)(n / 4 - 1));
    weir_put32(nack + 8, 100);
    memset(nack + 12, 0xff, n - 12);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(weir_rtcp_recv(&a, 1000, weir_span_of(nack, n)), WEIR_RTCP_OK);
    }
    while (weir_rtcp_event(&a, &e)) {
        events++;
    }
    assert_true(events <= WEIR_RTCP_EVENTS_MAX);
    assert_true(a.events_lost > 0);
    /* Asking for key frames often asks the peer rarely. */
    unsigned sent = 0;
    receive(&b, 1000, 1, 0);
    b.report_at = WEIR_NEVER;
    for (weir_time now = 1000; now < 2 * WEIR_SEC; now += 1000) {
        assert_int_equal(weir_rtcp_request_keyframe(&b, now, 100, false), WEIR_OK);
        sent += send_due(&b, now, out) != 0;
    }
    assert_int_equal(sent, 4);
    assert_int_equal(weir_rtcp_request_keyframe(&b, 0, 999, false), WEIR_ERR_ARG);
}

static void attack_R16_a_packet_is_sent_again_at_most_once_per_gap(void **state)
{
    (void)state;
    static struct weir_buf bufs[8];
    static struct weir_rtcp_history h;
    struct weir_pool pool;
    struct weir_span again;
    weir_pool_init(&pool, bufs, 8);
    weir_rtcp_history_init(&h);
    for (uint16_t i = 0; i < 20; i++) { /* more than the pool has: the rest is not kept */
        uint8_t packet[3] = { 0x80, 96, (uint8_t)i };
        weir_rtcp_history_note(&h, &pool, 100, i, weir_span_of(packet, 3));
    }
    assert_true(weir_rtcp_history_find(&h, &pool, 1000, 10000, 100, 5, &again));
    assert_int_equal(again.p[2], 5);
    assert_false(weir_rtcp_history_find(&h, &pool, 2000, 10000, 100, 5, &again));
    assert_true(weir_rtcp_history_find(&h, &pool, 12000, 10000, 100, 5, &again));
    assert_false(weir_rtcp_history_find(&h, &pool, 12000, 10000, 100, 15, &again));
    assert_false(weir_rtcp_history_find(&h, &pool, 12000, 10000, 101, 6, &again));
    weir_rtcp_history_clear(&h, &pool);
    assert_int_equal(pool.free_count, 8);
}

static void attack_R13_remote_streams_are_capped(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 100000; i++) {
        struct weir_rtp_header h = { .ssrc = i, .seq = 1 };
        weir_rtcp_note_rx(&b, i, i, &h, 90000, true);
    }
    assert_int_equal(b.remotes, WEIR_RTCP_REMOTES_MAX);
    assert_int_equal(b.remotes_refused, 100000 - WEIR_RTCP_REMOTES_MAX);
}

static void a_fir_and_a_pli_for_our_stream_become_events(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtcp_event e;
    begin();
    receive(&b, 1000, 1, 0);
    for (int with_fir = 0; with_fir < 2; with_fir++) {
        assert_int_equal(weir_rtcp_request_keyframe(&b, 0, 100, with_fir != 0), WEIR_OK);
        size_t n = send_due(&b, (weir_time)(1 + with_fir) * WEIR_SEC, out);
        assert_int_equal(weir_rtcp_recv(&a, 0, weir_span_of(out, n)), WEIR_RTCP_OK);
        bool has_come = false;
        while (weir_rtcp_event(&a, &e)) {
            has_come |= e.type == WEIR_RTCP_EVENT_KEYFRAME && e.ssrc == 100;
        }
        assert_true(has_come);
    }
    assert_int_equal(a.local[0].plis, 1);
    assert_int_equal(a.local[0].firs, 1);
}

static void goodbye_is_said_once(void **state)
{
    (void)state;
    uint8_t out[1500];
    struct weir_rtcp_packet p;
    struct weir_rtp_header h = { .ssrc = 100 };
    begin();
    weir_rtcp_note_tx(&a, 0, &h);
    weir_rtcp_bye(&a, 0);
    size_t n = weir_rtcp_send(&a, 0, (struct weir_mspan){ out, sizeof out });
    assert_int_equal(weir_rtcp_check(weir_span_of(out, n)), WEIR_RTCP_OK);
    assert_true(find(weir_span_of(out, n), WEIR_RTCP_BYE, 1, &p));
    assert_int_equal(weir_rtcp_send(&a, 0, (struct weir_mspan){ out, sizeof out }), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_highest_number_follow_rfc3550),
        cmocka_unit_test(jitter_is_zero_for_even_arrivals_and_grows_with_uneven_ones),
        cmocka_unit_test(a_round_trip_is_measured_from_two_reports),
        cmocka_unit_test(a_gap_is_asked_for_after_a_moment_and_not_if_it_was_disorder),
        cmocka_unit_test(what_never_comes_is_given_up_with_a_key_frame_request),
        cmocka_unit_test(attack_R16_floods_of_requests_stay_bounded),
        cmocka_unit_test(attack_R16_a_packet_is_sent_again_at_most_once_per_gap),
        cmocka_unit_test(attack_R13_remote_streams_are_capped),
        cmocka_unit_test(a_fir_and_a_pli_for_our_stream_become_events),
        cmocka_unit_test(goodbye_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
