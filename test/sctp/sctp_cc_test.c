/* Congestion control, retransmission timer and acknowledgement policy, one packet at a time
 * [RFC 9260 6.2, 6.3, 7.2]. */
#include "fuzz/sctp_drive.h"
#include "test/support/support.h"

enum {
    PLAIN = WEIR_SCTP_ESTABLISHED | DRIVE_PLAIN,
    WHOLE = FLAG_BEGIN | FLAG_END,
    FULL = 1160,          /* payload of a full chunk at an MTU of 1,191 */
    PACKET = FULL + 16,   /* the same with its header */
};

static struct drive d;

static void begin(void)
{
    drive_begin(&d, PLAIN);
    d.s.config.tx_bytes_max = 200000;
    d.s.peer_rwnd = 1000000;
}

/* -- Sending side ----------------------------------------------------------------------------- */

static void write_full(unsigned count)
{
    static const uint8_t bytes[FULL] = { 0 };
    struct weir_sctp_send_opts opts = { 0 };
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(weir_sctp_write(&d.s, d.now, 0, weir_span_of(bytes, FULL), &opts),
                         WEIR_OK);
    }
}

static uint8_t flushed_flags; /* of the last chunk that went */

/* Send what may be sent; how many DATA chunks went. */
static unsigned flush(void)
{
    uint8_t out[WEIR_MTU];
    unsigned n = 0;
    while (drive_send(&d, out) != 0) {
        n += out[12] == CHUNK_DATA ? 1 : 0;
        flushed_flags = out[12 + 1];
    }
    return n;
}

/* Acknowledge the first `acked` chunks, and those of one block. */
static void sack(uint32_t acked, uint32_t rwnd, uint16_t from, uint16_t to)
{
    uint8_t chunk[20] = { CHUNK_SACK };
    unsigned blocks = from != 0 ? 1 : 0;
    weir_put16(chunk + 2, (uint16_t)(16 + 4 * blocks));
    weir_put32(chunk + 4, DRIVE_TSN - 1 + acked);
    weir_put32(chunk + 8, rwnd);
    weir_put16(chunk + 12, (uint16_t)blocks);
    weir_put16(chunk + 16, from);
    weir_put16(chunk + 18, to);
    assert_int_equal(drive_chunks(&d, weir_span_of(chunk, 16 + 4 * blocks)), WEIR_SCTP_OK);
}

static void slow_start_doubles_and_avoidance_adds(void **state)
{
    (void)state;
    begin();
    write_full(90);
    assert_int_equal(flush(), 10); /* the first window */
    assert_int_equal(d.s.cwnd, 10 * PACKET);
    sack(2, 1000000, 0, 0);
    assert_int_equal(d.s.cwnd, 12 * PACKET);
    assert_int_equal(flush(), 4);
    /* Not fully used: no growth [RFC 9260 7.2.1 MUST NOT]. */
    d.s.cwnd = 100 * PACKET;
    sack(4, 1000000, 0, 0);
    assert_int_equal(d.s.cwnd, 100 * PACKET);
    /* Beyond ssthresh: one packet more for each window acknowledged. */
    d.s.cwnd = 10 * PACKET;
    d.s.ssthresh = 5 * PACKET;
    assert_int_equal(d.s.flight_bytes, 10 * PACKET);
    sack(9, 1000000, 0, 0);
    assert_int_equal(d.s.cwnd, 10 * PACKET);
    assert_int_equal(flush(), 5);
    sack(14, 1000000, 0, 0);
    assert_int_equal(d.s.cwnd, 11 * PACKET);
    drive_end(&d);
}

static void a_window_that_empties_every_round_trip_grows(void **state)
{
    (void)state;
    begin();
    uint16_t acked = 0;
    for (int trip = 0; trip < 8; trip++) {
        uint32_t before = d.s.cwnd;
        write_full(before / PACKET);
        acked = (uint16_t)(acked + flush());
        assert_int_equal(d.s.flight_bytes, before);
        d.now += WEIR_MS;
        sack(acked, 1000000, 0, 0);
        assert_int_equal(d.s.flight_bytes, 0);
        assert_true(d.s.cwnd > before);
    }
    /* After a silence a burst is the first window again. */
    d.now += 10 * WEIR_SEC;
    write_full(40);
    assert_int_equal(flush(), 10);
    drive_end(&d);
}

static void a_window_of_losses_halves_once(void **state)
{
    (void)state;
    begin();
    d.s.cwnd = 20 * PACKET;
    d.s.burst_left = d.s.cwnd;
    write_full(60);
    assert_int_equal(flush(), 20);
    assert_int_equal(d.s.flight_bytes, 20 * PACKET);
    /* Chunks 1, 5 and 9 are lost; three SACKs tell of the first. */
    sack(0, 1000000, 2, 2);
    sack(0, 1000000, 2, 3);
    assert_false(d.s.is_recovering);
    sack(0, 1000000, 2, 4);
    assert_true(d.s.is_recovering);
    assert_int_equal(d.s.cwnd, 10 * PACKET);
    assert_int_equal(d.s.ssthresh, 10 * PACKET);
    assert_int_equal(flush(), 1); /* at once, whatever cwnd says */
    for (uint16_t i = 6; i <= 8; i++) {
        sack(4, 1000000, 2, (uint16_t)(i - 4));
    }
    assert_int_equal(d.s.cwnd, 10 * PACKET); /* the same window: not again */
    assert_int_equal(d.s.counters.fast_recoveries, 1);
    assert_true(d.s.counters.rtx_chunks + d.s.rtx_count == 2);
    (void)flush();
    sack(20, 1000000, 0, 0);
    assert_false(d.s.is_recovering);
    drive_end(&d);
}

static void a_timeout_leaves_one_packet(void **state)
{
    (void)state;
    begin();
    write_full(30);
    assert_int_equal(flush(), 10);
    weir_time sent = d.now;
    assert_true(d.s.t3_at == sent + 500 * WEIR_MS);
    d.now = d.s.t3_at;
    weir_sctp_tick(&d.s, d.now);
    assert_int_equal(d.s.cwnd, PACKET);
    assert_int_equal(d.s.ssthresh, 5 * PACKET);
    assert_int_equal(flush(), 1);
    assert_int_equal(d.s.flight_bytes, PACKET);
    drive_end(&d);
}

static void waits_double_until_something_is_acknowledged(void **state)
{
    (void)state;
    static const unsigned waits_ms[] = { 500, 1000, 2000, 3000, 3000 };
    begin();
    write_full(5);
    (void)flush();
    for (unsigned i = 0; i < 5; i++) {
        assert_true(d.s.t3_at - d.now == waits_ms[i] * WEIR_MS);
        d.now = d.s.t3_at;
        weir_sctp_tick(&d.s, d.now);
        assert_int_equal(flush(), 1);
    }
    sack(1, 1000000, 0, 0);
    (void)flush();
    assert_true(d.s.t3_at - d.now == 500 * WEIR_MS);
    drive_end(&d);
}

static void what_was_sent_twice_is_not_timed(void **state)
{
    (void)state;
    begin();
    write_full(1);
    (void)flush();
    d.now += 30 * WEIR_MS;
    sack(1, 1000000, 0, 0);
    assert_true(d.s.srtt == 30 * WEIR_MS);
    assert_true(d.s.rttvar == 15 * WEIR_MS);
    assert_true(d.s.rto == d.s.config.rto_min);
    write_full(1);
    (void)flush();
    d.now = d.s.t3_at;
    weir_sctp_tick(&d.s, d.now);
    (void)flush();
    d.now += WEIR_MS;
    sack(2, 1000000, 0, 0);
    assert_true(d.s.srtt == 30 * WEIR_MS);
    drive_end(&d);
}

/* Only the loss of the chunk that is timed stops its timing; and no sample is no sample at all. */
static void another_chunks_loss_does_not_stop_the_clock(void **state)
{
    (void)state;
    begin();
    write_full(20);
    (void)flush();
    d.now += 30 * WEIR_MS;
    sack(1, 1000000, 0, 0);
    assert_int_equal(flush(), 2); /* the first of these is timed now */
    assert_true(d.s.is_rtt_timed);
    for (unsigned i = 0; i < 3; i++) {
        sack(1, 1000000, 2, (uint16_t)(4 + i));
    }
    assert_int_equal(d.s.rtx_count, 1);
    assert_true(d.s.is_rtt_timed);
    d.now += 70 * WEIR_MS;
    sack(12, 1000000, 0, 0);
    assert_true(d.s.srtt == (7 * 30 + 70) * WEIR_MS / 8);
    assert_true(d.s.rtt_least == 30 * WEIR_MS);
    drive_end(&d);
    begin();
    for (unsigned i = 1; i <= 3; i++) { /* at once: a microsecond, for zero stands for not measured */
        write_full(1);
        (void)flush();
        sack(i, 1000000, 0, 0);
        assert_true(d.s.srtt == 1 && d.s.rtt_least == 1);
    }
    drive_end(&d);
}

/* ICE measured the path before SCTP did. */
static void a_known_round_trip_sets_the_first_wait(void **state)
{
    (void)state;
    static const unsigned rtt_ms[] = { 10, 60, 100, 240, 900 }, wait_ms[] = { 100, 120, 200, 480, 500 };
    for (unsigned i = 0; i < 5; i++) {
        begin();
        weir_sctp_set_rtt_hint(&d.s, rtt_ms[i] * WEIR_MS);
        write_full(1);
        (void)flush();
        assert_true(d.s.t3_at - d.now == wait_ms[i] * WEIR_MS);
        d.now += 30 * WEIR_MS;
        sack(1, 1000000, 0, 0);
        weir_sctp_set_rtt_hint(&d.s, 10 * WEIR_MS); /* SCTP knows better now */
        assert_true(d.s.rto == d.s.config.rto_min);
        drive_end(&d);
    }
}

static void a_sack_at_once_is_asked_for_until_the_path_is_measured_and_after_a_loss(void **state)
{
    (void)state;
    begin();
    write_full(1);
    (void)flush();
    assert_int_equal(flushed_flags, FLAG_IMMEDIATE | FLAG_BEGIN | FLAG_END);
    d.now += 30 * WEIR_MS;
    sack(1, 1000000, 0, 0);
    write_full(1);
    (void)flush();
    assert_int_equal(flushed_flags, FLAG_BEGIN | FLAG_END);
    d.now = d.s.t3_at;
    weir_sctp_tick(&d.s, d.now);
    (void)flush();
    assert_int_equal(flushed_flags, FLAG_IMMEDIATE | FLAG_BEGIN | FLAG_END);
    drive_end(&d);
}

static void the_peers_window_is_kept(void **state)
{
    (void)state;
    begin();
    d.s.peer_rwnd = 3 * FULL;
    write_full(10);
    assert_int_equal(flush(), 3);
    sack(1, 2 * FULL, 0, 0); /* two are still out and fill it */
    assert_int_equal(flush(), 0);
    sack(3, FULL - 1, 0, 0); /* not room for a whole one, but nothing is out: a probe */
    assert_int_equal(flush(), 1);
    sack(4, 10 * FULL, 0, 0);
    assert_int_equal(flush(), 6);
    drive_end(&d);
}

static void a_sack_allows_what_it_acknowledges_and_four(void **state)
{
    (void)state;
    begin();
    write_full(90);
    assert_int_equal(flush(), 10);
    d.s.cwnd = 80 * PACKET; /* wide open, yet no flood */
    sack(3, 1000000, 0, 0);
    assert_int_equal(flush(), 3 + 4);
    drive_end(&d);
}

/* [RFC 9260 6.1 C MUST] A lost chunk does not fit beside the SACK: what would fit waits for it. */
static void what_is_lost_goes_before_what_is_new(void **state)
{
    (void)state;
    static const uint8_t byte[1] = { 0 };
    uint8_t out[WEIR_MTU];
    struct weir_sctp_send_opts opts = { 0 };
    begin();
    write_full(4);
    (void)flush();
    sack(0, 1000000, 2, 2);
    sack(0, 1000000, 2, 3);
    sack(0, 1000000, 2, 4);
    assert_int_equal(d.s.rtx_count, 1);
    assert_int_equal(weir_sctp_write(&d.s, d.now, 0, weir_span_of(byte, 1), &opts), WEIR_OK);
    const uint8_t data_chunk[] = { CHUNK_DATA, WHOLE | FLAG_IMMEDIATE, 0, 17, 0, 0, 3, 0xe8, 0, 0,
                                   0, 0, 0, 0, 0, 0, 1, 0, 0, 0 };
    (void)drive_chunks(&d, weir_span_of(data_chunk, sizeof data_chunk));
    assert_int_equal(drive_send(&d, out), 28); /* the SACK alone */
    assert_int_equal(drive_send(&d, out), 12 + PACKET);
    assert_int_equal(weir_be32(out + 16), DRIVE_TSN);
    assert_true(drive_send(&d, out) != 0);
    drive_read_all(&d);
    drive_end(&d);
}

/* The request waits for the acknowledgement of what was sent on the stream. */
static void a_reset_waits_for_its_data(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    begin();
    write_full(2);
    (void)flush();
    assert_int_equal(weir_sctp_reset_stream(&d.s, 0), WEIR_OK);
    assert_int_equal(drive_send(&d, out), 0);
    sack(1, 1000000, 0, 0);
    assert_int_equal(drive_send(&d, out), 0);
    sack(2, 1000000, 0, 0);
    assert_int_equal(drive_send(&d, out), 12 + 24);
    assert_int_equal(out[12], CHUNK_RE_CONFIG);
    assert_int_equal(weir_be32(out + 28), DRIVE_TSN + 1); /* the last TSN assigned */
    drive_end(&d);
}

static void silence_shrinks_the_window(void **state)
{
    (void)state;
    begin();
    d.s.cwnd = 80 * PACKET;
    write_full(1);
    (void)flush();
    sack(1, 1000000, 0, 0);
    d.now += 2 * d.s.rto;
    write_full(1);
    (void)flush();
    assert_int_equal(d.s.cwnd, 20 * PACKET);
    assert_int_equal(d.s.ssthresh, UINT32_MAX / 4);
    sack(2, 1000000, 0, 0);
    d.now += 3600 * WEIR_SEC;
    write_full(1);
    (void)flush();
    assert_int_equal(d.s.cwnd, 10 * PACKET);
    drive_end(&d);
}

static void taken_back_counts_as_missing(void **state)
{
    (void)state;
    begin();
    write_full(8);
    (void)flush();
    sack(0, 1000000, 2, 4);
    sack(0, 1000000, 2, 3); /* the fourth is taken back: one miss */
    sack(0, 1000000, 2, 3);
    uint32_t i = d.s.out_head;
    for (unsigned k = 0; k < 3; k++) {
        i = chunk_at(&d.s, i)->next;
    }
    assert_int_equal(chunk_at(&d.s, i)->misses, 1);
    drive_end(&d);
}

/* -- Acknowledging side ----------------------------------------------------------------------- */

static void data(uint8_t flags, uint32_t ahead)
{
    uint8_t chunk[20] = { CHUNK_DATA, flags, 0, 17 };
    weir_put32(chunk + 4, DRIVE_PEER_TSN + ahead);
    weir_put16(chunk + 10, (uint16_t)ahead);
    (void)drive_chunks(&d, weir_span_of(chunk, sizeof chunk));
}

static bool sends_sack(void)
{
    uint8_t out[WEIR_MTU];
    return drive_send(&d, out) != 0 && out[12] == CHUNK_SACK;
}

static void every_second_packet_is_acknowledged(void **state)
{
    (void)state;
    begin();
    data(WHOLE, 0);
    assert_false(sends_sack());
    assert_true(weir_sctp_deadline(&d.s) == d.now + d.s.config.sack_delay);
    data(WHOLE, 1);
    assert_true(sends_sack());
    assert_false(sends_sack());
    assert_true(d.s.sack_at == WEIR_NEVER);
    data(WHOLE, 2);
    d.now += d.s.config.sack_delay;
    weir_sctp_tick(&d.s, d.now);
    assert_true(sends_sack()); /* or when the delay is over */
    data(WHOLE | FLAG_IMMEDIATE, 3);
    assert_true(sends_sack()); /* or when the sender asks [RFC 7053 5.2] */
    data(WHOLE, 5);
    assert_true(sends_sack()); /* and always while there is a gap */
    data(WHOLE, 6);
    assert_true(sends_sack());
    data(WHOLE, 6);
    assert_true(sends_sack()); /* or something came twice */
    drive_read_all(&d);
    drive_end(&d);
}

/* The next SACK that leaves: its cumulative TSN and last gap block end, as offsets from the peer's first TSN. */
static void next_sack(uint32_t acked, uint32_t gap_last)
{
    uint8_t out[WEIR_MTU];
    assert_true(drive_send(&d, out) != 0);
    assert_int_equal(out[12], CHUNK_SACK);
    assert_int_equal(weir_be32(out + 16) - (DRIVE_PEER_TSN - 1), acked);
    uint16_t blocks = weir_be16(out + 24);
    assert_int_equal(blocks == 0 ? 0 : acked + weir_be16(out + 28 + 4u * (blocks - 1) + 2), gap_last);
}

/* A batch of packets is acknowledged as it would have been one by one, to a peer that counts SACKs. */
static void a_batch_is_acknowledged_every_second_packet(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 7; i++) {
        data(WHOLE, i);
    }
    next_sack(2, 0);
    next_sack(4, 0);
    next_sack(7, 0); /* the last one tells all */
    assert_false(sends_sack());
    for (uint32_t i = 8; i < 12; i++) {
        data(WHOLE, i); /* the eighth is missing: each packet reports the gap */
    }
    next_sack(7, 9);
    next_sack(7, 10);
    next_sack(7, 11);
    next_sack(7, 12);
    data(WHOLE, 13);
    data(WHOLE, 7);
    data(WHOLE, 12);
    next_sack(14, 0); /* what filled the gap is told with what was last */
    assert_false(sends_sack());
    assert_true(d.s.sack_at == WEIR_NEVER);
    drive_end(&d);
}

static void a_batch_owes_so_many_sacks_and_no_more(void **state)
{
    (void)state;
    unsigned count = 0;
    begin();
    d.s.config.rx_bytes_max = 400000;
    for (uint32_t i = 0; i < 100; i++) {
        data(WHOLE, i);
    }
    while (sends_sack()) {
        count++;
    }
    assert_int_equal(count, WEIR_SCTP_ACK_POINTS);
    d.s.config.acks_batches = true; /* the peer counts bytes */
    for (uint32_t i = 100; i < 110; i++) {
        data(WHOLE, i);
    }
    next_sack(110, 0);
    assert_false(sends_sack());
    drive_read_all(&d);
    drive_end(&d);
}

static void a_sack_goes_along_with_data(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    static const uint8_t byte[1] = { 0 };
    struct weir_sctp_send_opts opts = { 0 };
    begin();
    data(WHOLE, 0);
    assert_int_equal(weir_sctp_write(&d.s, d.now, 0, weir_span_of(byte, 1), &opts), WEIR_OK);
    assert_true(drive_send(&d, out) != 0);
    assert_int_equal(out[12], CHUNK_SACK);
    assert_int_equal(out[28], CHUNK_DATA);
    assert_false(sends_sack());
    drive_read_all(&d);
    drive_end(&d);
}

static void an_opening_window_is_told_by_quarters(void **state)
{
    (void)state;
    struct weir_sctp_message m;
    begin();
    uint8_t chunk[16 + 1000] = { CHUNK_DATA, WHOLE };
    weir_put16(chunk + 2, sizeof chunk);
    uint32_t count = 0, sacks = 0, told = 0, all = d.s.rwnd_told;
    while (d.s.rwnd_told != 0) {
        weir_put32(chunk + 4, DRIVE_PEER_TSN + count);
        weir_put16(chunk + 10, (uint16_t)count++);
        (void)drive_chunks(&d, weir_span_of(chunk, sizeof chunk));
        (void)sends_sack();
    }
    for (uint32_t i = 1; i <= count; i++) {
        assert_true(weir_sctp_read(&d.s, &m));
        weir_sctp_release(&d.s, d.now, &m);
        if (sends_sack()) {
            assert_in_range(d.s.rwnd_told - told, all / 4 - 3000, all / 4 + 3000);
            told = d.s.rwnd_told;
            sacks++;
        }
    }
    assert_in_range(sacks, 3, 4);
    drive_end(&d);
}

static void shutdown_ends_with_complete(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    drive_begin(&d, WEIR_SCTP_SHUTDOWN_SENT);
    drive_simple_chunk(&d, CHUNK_SHUTDOWN_ACK);
    assert_int_equal(drive_send(&d, out), 16);
    assert_int_equal(out[12], CHUNK_SHUTDOWN_COMPLETE);
    assert_int_equal(out[13], 0);
    assert_int_equal(weir_be32(out + 4), DRIVE_PEER_TAG);
    drive_end(&d);
}

/* Chunks of a type and nothing else, with no flags: bytes as the RFC draws them. */
static void answers_have_no_flags(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    begin();
    drive_shutdown_chunk(&d);
    assert_int_equal(drive_send(&d, out), 16);
    assert_int_equal(weir_be32(out + 12), 0x08000004); /* SHUTDOWN ACK */
    drive_end(&d);
    drive_begin(&d, WEIR_SCTP_COOKIE_WAIT);
    uint8_t bytes[64];
    assert_int_equal(drive_chunks(&d, weir_span_of(bytes, drive_init_chunk(bytes, true))), WEIR_SCTP_OK);
    assert_true(drive_send(&d, out) != 0);
    assert_int_equal(weir_be32(out + 12), 0x0a000008); /* COOKIE ECHO of four bytes */
    drive_end(&d);
}

/* What was owed to be reported before is not part of the ABORT. */
static void an_abort_has_its_own_cause_alone(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    static const uint8_t unknown[8] = { 0xc5, 0, 0, 8, 1, 2, 3, 4 };
    static const uint8_t empty_data[16] = { CHUNK_DATA, WHOLE, 0, 16, 0, 0, 3, 0xe8 };
    begin();
    assert_int_equal(drive_chunks(&d, weir_span_of(unknown, 8)), WEIR_SCTP_CHUNK_UNKNOWN);
    assert_true(d.s.report_bytes != 0);
    assert_int_equal(drive_chunks(&d, weir_span_of(empty_data, 16)), WEIR_SCTP_DATA_EMPTY);
    assert_int_equal(drive_send(&d, out), 12 + 8);
    assert_int_equal(weir_be32(out + 12), 0x06000008);
    assert_int_equal(weir_be32(out + 16), 0x00090004);
    assert_int_equal(drive_send(&d, out), 0);
    drive_end(&d);
}

/* -- Turns ------------------------------------------------------------------------------------ */

/* Held back, DATA waits and says so; what is no DATA goes. */
static void data_that_is_held_waits_and_the_rest_goes(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    struct weir_sctp_send_opts opts = { 0 };
    begin();
    assert_int_equal(weir_sctp_write(&d.s, d.now, 0, WEIR_LIT("short"), &opts), WEIR_OK);
    write_full(1);
    weir_sctp_hold(&d.s, true);
    assert_int_equal(flush(), 0);
    assert_true(weir_sctp_has_held(&d.s));
    static const uint8_t heartbeat[] = { CHUNK_HEARTBEAT, 0, 0, 8, 0, 1, 0, 4 };
    assert_int_equal(drive_chunks(&d, weir_span_of(heartbeat, sizeof heartbeat)), WEIR_SCTP_OK);
    size_t n = drive_send(&d, out);
    assert_int_equal(n, 12 + 8); /* alone, though there would be room for DATA */
    assert_int_equal(out[12], CHUNK_HEARTBEAT_ACK);
    assert_int_equal(flush(), 0);
    weir_sctp_hold(&d.s, false);
    assert_false(weir_sctp_has_held(&d.s));
    assert_true(drive_send(&d, out) != 0);
    assert_false(weir_sctp_has_held(&d.s)); /* the other may leave as well */
    assert_int_equal(flush(), 1);
    assert_false(weir_sctp_has_held(&d.s));
    weir_sctp_hold(&d.s, true);
    assert_int_equal(flush(), 0);
    assert_false(weir_sctp_has_held(&d.s)); /* there is none */
    drive_end(&d);
}

/* A SACK that waits for its delay, or for DATA to go along with, waits on. */
static void data_that_is_held_takes_no_sack_along(void **state)
{
    (void)state;
    begin();
    write_full(1);
    weir_sctp_hold(&d.s, true);
    data(WHOLE, 0);
    assert_false(sends_sack());
    weir_sctp_hold(&d.s, false);
    assert_true(sends_sack());
    drive_read_all(&d);
    drive_end(&d);
}

/* So that those of many associations leave together, and never early. */
static void heartbeats_leave_on_a_grid(void **state)
{
    (void)state;
    begin();
    d.s.config.heartbeat_interval = 30 * WEIR_SEC;
    for (unsigned i = 0; i < 20; i++) {
        d.now = d.now / 50000 * 50000 + 1 + 2500 * i;
        d.s.heartbeat_at = d.now;
        d.s.data_sent_at = i % 2 == 0 ? 0 : d.now - WEIR_SEC; /* silent for long, or not */
        weir_sctp_tick(&d.s, d.now);
        assert_int_equal(d.s.heartbeat_at % (50 * WEIR_MS), 0);
        weir_time least = i % 2 == 0 ? d.now + 30 * WEIR_SEC + d.s.rto : d.now + 29 * WEIR_SEC;
        assert_in_range(d.s.heartbeat_at - least, 0, 50 * WEIR_MS - 1);
        d.s.is_heartbeat_out = false;
    }
    drive_end(&d);
}

/* Two windows in a round trip while it doubles, one and a quarter afterwards. */
static void the_pace_is_a_window_in_a_round_trip(void **state)
{
    (void)state;
    begin();
    d.s.srtt = 0;
    assert_int_equal(weir_sctp_pace(&d.s), 0); /* not known yet: no limit */
    d.s.srtt = 100 * WEIR_MS;
    d.s.rtt_least = 2 * WEIR_MS - 1;
    assert_int_equal(weir_sctp_pace(&d.s), 0); /* too short for timers */
    d.s.rtt_least = 2 * WEIR_MS;
    d.s.cwnd = 50000;
    d.s.ssthresh = 50000;
    assert_int_equal(weir_sctp_pace(&d.s), 1000000);
    d.s.ssthresh = 49999;
    assert_int_equal(weir_sctp_pace(&d.s), 625000);
    drive_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_start_doubles_and_avoidance_adds),
        cmocka_unit_test(a_window_that_empties_every_round_trip_grows),
        cmocka_unit_test(a_window_of_losses_halves_once),
        cmocka_unit_test(a_timeout_leaves_one_packet),
        cmocka_unit_test(waits_double_until_something_is_acknowledged),
        cmocka_unit_test(what_was_sent_twice_is_not_timed),
        cmocka_unit_test(another_chunks_loss_does_not_stop_the_clock),
        cmocka_unit_test(a_known_round_trip_sets_the_first_wait),
        cmocka_unit_test(a_sack_at_once_is_asked_for_until_the_path_is_measured_and_after_a_loss),
        cmocka_unit_test(the_peers_window_is_kept),
        cmocka_unit_test(a_sack_allows_what_it_acknowledges_and_four),
        cmocka_unit_test(what_is_lost_goes_before_what_is_new),
        cmocka_unit_test(a_reset_waits_for_its_data),
        cmocka_unit_test(silence_shrinks_the_window),
        cmocka_unit_test(taken_back_counts_as_missing),
        cmocka_unit_test(every_second_packet_is_acknowledged),
        cmocka_unit_test(a_batch_is_acknowledged_every_second_packet),
        cmocka_unit_test(a_batch_owes_so_many_sacks_and_no_more),
        cmocka_unit_test(a_sack_goes_along_with_data),
        cmocka_unit_test(an_opening_window_is_told_by_quarters),
        cmocka_unit_test(shutdown_ends_with_complete),
        cmocka_unit_test(answers_have_no_flags),
        cmocka_unit_test(an_abort_has_its_own_cause_alone),
        cmocka_unit_test(data_that_is_held_waits_and_the_rest_goes),
        cmocka_unit_test(data_that_is_held_takes_no_sack_along),
        cmocka_unit_test(heartbeats_leave_on_a_grid),
        cmocka_unit_test(the_pace_is_a_window_in_a_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
