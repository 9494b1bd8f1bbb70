/* Every capacity at its edge and beyond, and peers that push against them. */
#include "fuzz/sctp_drive.h"
#include "test/sctp/sctp_sim.h"

enum { PLENTY = 1 << 21 };

static struct sim *limit_sim(uint64_t seed, uint32_t rx_bytes, uint32_t tx_bytes)
{
    struct weir_sctp_config a, b;
    sim_config(&a, 0, seed);
    sim_config(&b, 1, seed);
    a.has_channels = false;
    b.has_channels = false;
    a.tx_bytes_max = tx_bytes;
    b.rx_bytes_max = rx_bytes;
    return sim_new_with(seed, &a, &b);
}

static void send_data(struct drive *d, uint8_t flags, uint32_t ahead, uint16_t stream, uint16_t ssn,
                      size_t n)
{
    static uint8_t chunk[DATA_HEADER_BYTES + 2000];
    memset(chunk, 0, sizeof chunk);
    chunk[1] = flags;
    weir_put16(chunk + 2, (uint16_t)(DATA_HEADER_BYTES + n));
    weir_put32(chunk + 4, DRIVE_PEER_TSN + ahead);
    weir_put16(chunk + 8, stream);
    weir_put16(chunk + 10, ssn);
    weir_put32(chunk + 12, WEIR_SCTP_PPID_BINARY);
    (void)drive_chunks(d, weir_span_of(chunk, data_wire_bytes((uint32_t)n)));
}

enum { PLAIN = WEIR_SCTP_ESTABLISHED | DRIVE_PLAIN, WHOLE = FLAG_BEGIN | FLAG_END };

static unsigned read_count(struct drive *d)
{
    struct weir_sctp_message m;
    unsigned n = 0;
    while (weir_sctp_read(&d->s, &m)) {
        n++;
        weir_sctp_release(&d->s, d->now, &m);
    }
    return n;
}

/* -- Receiving -------------------------------------------------------------------------------- */

/* A reader that sleeps closes the window; the sender keeps probing and lives; when the reader
 * wakes, all arrives. */
static void a_sleeping_reader_loses_nothing(void **state)
{
    (void)state;
    for (unsigned small = 0; small < 2; small++) {
        struct sim *m = limit_sim(test_seed(1), 80000, PLENTY);
        uint32_t count = small != 0 ? 3000 : 60;
        size_t n = small != 0 ? 10 : 4000;
        sim_connect(m);
        m->end[1].is_reading = false;
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(sim_write(m, 0, 1, n, i, NULL), WEIR_OK);
        }
        sim_run(m, 600 * WEIR_SEC);
        assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
        assert_true(m->end[1].s.rx_cells * WEIR_CELL_BYTES <= 80000);
        assert_int_equal(m->end[0].s.peer_rwnd, 0);
        /* A byte costs a byte and a small header: most of the memory was used before the window closed. */
        assert_true(m->end[1].s.rx_cells * WEIR_CELL_BYTES > 60000);
        m->end[1].is_reading = true;
        sim_read(m, &m->end[1]);
        sim_run(m, 60 * WEIR_SEC);
        assert_int_equal(m->end[1].got_count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(m->end[1].got[i].digest == sim_expected(n, i));
        }
        sim_free(m);
    }
}

/* The least memory that takes a message of some size does take it, under loss and reordering. */
static void the_largest_message_always_completes(void **state)
{
    (void)state;
    for (uint32_t bytes = 16384; bytes <= 120000; bytes += 34000) {
        for (uint64_t seed = 0; seed < 6; seed++) {
            struct sim *m = limit_sim(test_seed(seed), bytes, PLENTY);
            uint32_t most = weir_sctp_message_max(&m->end[1].s);
            assert_int_equal(most, WEIR_SCTP_MESSAGE_FIT(bytes));
            sim_connect(m);
            m->loss_permille = 100;
            m->jitter = 15 * WEIR_MS;
            m->end[0].s.cwnd = 1000000; /* all at once, more than the window allows */
            m->end[0].s.peer_rwnd = 10000000;
            for (uint32_t i = 0; i < 4; i++) {
                assert_int_equal(sim_write(m, 0, 1, most, i, NULL), WEIR_OK);
            }
            sim_run(m, 300 * WEIR_SEC);
            assert_int_equal(m->end[1].got_count, 4);
            assert_true(m->end[1].got[3].digest == sim_expected(most, 3));
            sim_free(m);
        }
    }
}

/* The message is gone, what comes after it on its stream and on others arrives, and nothing is held. */
static void attack_C16_a_message_over_the_limit_is_not_buffered(void **state)
{
    (void)state;
    for (int over = -1; over <= 1; over++) {
        for (uint64_t seed = 0; seed < 10; seed++) {
            struct sim *m = limit_sim(test_seed(seed), 200000, PLENTY);
            m->end[1].s.config.message_max_local = 50000;
            sim_connect(m);
            m->loss_permille = seed == 0 ? 0 : 100;
            m->jitter = 15 * WEIR_MS;
            assert_int_equal(sim_write(m, 0, 1, (size_t)(50000 + over), 1, NULL), WEIR_OK);
            assert_int_equal(sim_write(m, 0, 1, 3000, 2, NULL), WEIR_OK);
            assert_int_equal(sim_write(m, 0, 2, 3000, 3, NULL), WEIR_OK);
            sim_run(m, 60 * WEIR_SEC);
            assert_int_equal(m->end[1].got_count, over <= 0 ? 3 : 2);
            assert_true(m->end[1].s.verdicts[WEIR_SCTP_DATA_TOO_LARGE] == (over > 0 ? 1u : 0u));
            assert_int_equal(m->end[1].s.state, WEIR_SCTP_ESTABLISHED);
            assert_int_equal(m->end[1].s.rx_cells, 0);
            assert_true(m->end[1].pool.free_count >= SIM_POOL - 4); /* its account, and two streams */
            assert_true(over <= 0 || seed != 0 || m->end[1].pool.free_least > SIM_POOL - 50);
            sim_free(m);
        }
    }
}

static uint8_t place_of(uint32_t i, uint32_t count)
{
    return (uint8_t)((i == 0 ? FLAG_BEGIN : 0) | (i + 1 == count ? FLAG_END : 0));
}

/* Fragments of a byte each, the odd ones first: they are packed, and the message completes. */
static void tiny_fragments_are_packed(void **state)
{
    (void)state;
    struct drive d;
    enum { COUNT = 200 };
    drive_begin(&d, PLAIN);
    for (uint32_t i = 0; i < COUNT; i++) {
        send_data(&d, place_of(i, COUNT), i, 0, 0, 1);
        assert_true(d.s.rx_cells <= 2 + COUNT / 56);
    }
    assert_int_equal(read_count(&d), 1);
    for (uint32_t k = 0; k < 20; k++) {
        uint32_t i = COUNT + (k < 10 ? 2 * k + 1 : 2 * (k - 10));
        send_data(&d, place_of(i - COUNT, 20), i, 0, 1, 1);
    }
    assert_int_equal(read_count(&d), 1);
    assert_int_equal(d.s.rx_cells, 0);
    drive_end(&d);
}

/* Memory is full of what came too early: what is missing at the front still gets in. */
static void what_comes_first_makes_room_for_itself(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    uint32_t fits = 0;
    while (d.s.verdicts[WEIR_SCTP_DATA_FULL] == 0) { /* further ahead: refused in the end */
        fits++;
        send_data(&d, WHOLE, fits, 0, (uint16_t)fits, 1000);
    }
    fits--;
    assert_true(fits * 1000 > DRIVE_BYTES / 8 * 7);
    assert_int_equal(weir_sctp_rwnd(&d.s), 0);
    send_data(&d, WHOLE, 0, 0, 0, 1000);
    assert_int_equal(d.s.counters.evicted, 1);
    assert_int_equal(d.s.rx_cum, DRIVE_PEER_TSN + fits - 1); /* the last was given up again */
    assert_int_equal(d.s.range_count, 0);
    assert_int_equal(read_count(&d), fits);
    send_data(&d, WHOLE, fits, 0, (uint16_t)fits, 1000);
    assert_int_equal(read_count(&d), 1);
    drive_end(&d);
}

static void gaps_have_a_limit(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    struct weir_sctp *s = &d.s;
    /* Unordered messages are read at once, so only the runs of TSNs fill up. */
    for (uint32_t i = 0; i < WEIR_SCTP_RANGES_MAX + 2; i++) {
        send_data(&d, WHOLE | FLAG_UNORDERED, 1 + 2 * i, 0, 0, 1);
        assert_int_equal(read_count(&d), i < WEIR_SCTP_RANGES_MAX ? 1 : 0);
    }
    assert_int_equal(s->range_count, WEIR_SCTP_RANGES_MAX);
    assert_int_equal(s->verdicts[WEIR_SCTP_DATA_WINDOW], 2);
    send_data(&d, WHOLE | FLAG_UNORDERED, 2, 0, 0, 1); /* closes a gap */
    assert_int_equal(s->range_count, WEIR_SCTP_RANGES_MAX - 1);
    for (uint32_t i = 0; i < WEIR_SCTP_RANGES_MAX; i++) {
        send_data(&d, WHOLE | FLAG_UNORDERED, 2 * i, 0, 0, 1);
        (void)read_count(&d);
    }
    assert_int_equal(s->range_count, 0);
    assert_int_equal(s->rx_cum, DRIVE_PEER_TSN + 2 * WEIR_SCTP_RANGES_MAX - 1);
    drive_end(&d);
}

/* A few gaps are known without the pool, more take room there until they are closed; without that room what
 * would open one more is not taken, and what closes one is. */
static void many_gaps_are_known_in_the_pool(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    struct weir_sctp *s = &d.s;
    uint32_t cells = weir_account_cells(s->pool, s->account);
    for (uint32_t i = 0; i < WEIR_SCTP_RANGES_FEW; i++) {
        send_data(&d, WHOLE | FLAG_UNORDERED, 1 + 2 * i, 0, 0, 1);
        assert_int_equal(read_count(&d), 1);
    }
    assert_int_equal(weir_account_cells(s->pool, s->account) - s->streams.count, cells);
    send_data(&d, WHOLE | FLAG_UNORDERED, 1 + 2 * WEIR_SCTP_RANGES_FEW, 0, 0, 1);
    assert_int_equal(read_count(&d), 1);
    assert_true(weir_account_cells(s->pool, s->account) > cells + 8);
    assert_true(weir_sctp_check(s));
    for (uint32_t i = 0; i <= WEIR_SCTP_RANGES_FEW; i++) {
        send_data(&d, WHOLE | FLAG_UNORDERED, 2 * i, 0, 0, 1);
        assert_int_equal(read_count(&d), 1);
    }
    assert_int_equal(s->rx_cum, DRIVE_PEER_TSN + 2 * WEIR_SCTP_RANGES_FEW + 1);
    assert_int_equal(weir_account_cells(s->pool, s->account) - s->streams.count, cells);
    drive_end(&d);
}

/* A received run that is taken back in its middle makes one more, and with it all move into the pool. */
static void a_run_that_is_taken_back_in_its_middle_is_two(void **state)
{
    (void)state;
    static const uint32_t arrived[] = { 1, 2, 3, 5, 7, 9 };
    struct drive d;
    drive_begin(&d, PLAIN);
    for (unsigned i = 0; i < sizeof arrived / sizeof arrived[0]; i++) {
        assert_true(weir_sctp_tsn_has_room(&d.s, DRIVE_PEER_TSN + arrived[i]));
        weir_sctp_tsn_note(&d.s, DRIVE_PEER_TSN + arrived[i]);
    }
    assert_int_equal(d.s.range_count, WEIR_SCTP_RANGES_FEW);
    assert_true(weir_sctp_tsn_forget(&d.s, DRIVE_PEER_TSN + 2, DRIVE_PEER_TSN + 2));
    assert_int_equal(d.s.range_count, WEIR_SCTP_RANGES_FEW + 1);
    for (uint32_t i = 0; i < 10; i++) {
        bool is_there = i % 2 == 1;
        assert_int_equal(weir_sctp_tsn_received(&d.s, DRIVE_PEER_TSN + i), is_there);
    }
    drive_end(&d);
}

/* C8: each contradiction between neighbours, whichever comes first. */
static void attack_C8_fragments_that_contradict(void **state)
{
    (void)state;
    static const struct {
        uint8_t first_flags, second_flags;
        uint16_t second_stream, second_ssn;
    } rows[] = {
        { FLAG_BEGIN, FLAG_BEGIN, 0, 0 },              /* begins within a message */
        { FLAG_BEGIN, WHOLE, 0, 0 },
        { WHOLE, 0, 0, 0 },                            /* goes on after the end */
        { WHOLE, FLAG_END, 0, 0 },
        { FLAG_BEGIN, FLAG_END, 1, 0 },                /* of another stream */
        { FLAG_BEGIN, FLAG_END, 0, 1 },                /* of another message */
        { FLAG_BEGIN, FLAG_END | FLAG_UNORDERED, 0, 0 }, /* of another kind */
        { 0, 0, 0, 0 },                                /* the first of all does not begin */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned reversed = 0; reversed < 2; reversed++) {
            struct drive d;
            uint8_t out[WEIR_MTU];
            drive_begin(&d, PLAIN);
            for (unsigned k = 0; k < 2; k++) {
                if (k == reversed) {
                    send_data(&d, rows[i].first_flags, 0, 0, 0, 10);
                } else {
                    send_data(&d, rows[i].second_flags, 1, rows[i].second_stream,
                              rows[i].second_ssn, 10);
                }
            }
            assert_int_equal(d.s.state, WEIR_SCTP_OVER);
            assert_int_equal(d.s.reason, WEIR_SCTP_REASON_VIOLATION);
            assert_true(drive_send(&d, out) != 0);
            assert_int_equal(out[12], CHUNK_ABORT);
            assert_int_equal(weir_be16(out + 16), CAUSE_VIOLATION);
            drive_end(&d);
        }
    }
}

static void attack_C10_forward_tsn(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    /* A stream that is none, and more streams than there is state for: no harm. */
    uint8_t chunk[8 + 4 * 300] = { CHUNK_FORWARD_TSN };
    weir_put16(chunk + 2, sizeof chunk);
    weir_put32(chunk + 4, DRIVE_PEER_TSN + 5);
    for (uint16_t i = 0; i < 300; i++) {
        weir_put16(chunk + 8 + 4 * i, i == 0 ? 65535 : i);
        weir_put16(chunk + 10 + 4 * i, 7);
    }
    assert_int_equal(drive_chunks(&d, weir_span_of(chunk, sizeof chunk)), WEIR_SCTP_OK);
    assert_int_equal(d.s.rx_cum, DRIVE_PEER_TSN + 5);
    assert_int_equal(d.s.streams.count, 299);
    send_data(&d, WHOLE, 6, 3, 8, 10);
    assert_int_equal(read_count(&d), 1);
    /* Odd length; and without the extension. */
    weir_put16(chunk + 2, 10);
    assert_int_equal(drive_chunks(&d, weir_span_of(chunk, 12)), WEIR_SCTP_FORWARD_REFUSED);
    weir_put16(chunk + 2, 8);
    weir_put32(chunk + 4, DRIVE_PEER_TSN + 10);
    d.s.remote.has_forward_tsn = false;
    assert_int_equal(drive_chunks(&d, weir_span_of(chunk, 8)), WEIR_SCTP_FORWARD_REFUSED);
    drive_end(&d);
}

static void attack_C14_more_streams_than_were_announced(void **state)
{
    (void)state;
    enum { STREAMS = 300 };
    struct drive d;
    uint8_t out[WEIR_MTU];
    drive_begin(&d, PLAIN);
    d.s.config.streams_max = STREAMS;
    for (uint32_t i = 0; i <= STREAMS; i++) {
        send_data(&d, WHOLE, i, (uint16_t)i, 0, 1);
        while (i < STREAMS && drive_send(&d, out) != 0) {
        }
        assert_int_equal(read_count(&d), i < STREAMS ? 1 : 0);
    }
    assert_int_equal(d.s.verdicts[WEIR_SCTP_DATA_STREAM], 1);
    assert_int_equal(d.s.rx_cum, DRIVE_PEER_TSN + STREAMS); /* acknowledged */
    assert_true(drive_send(&d, out) != 0);
    unsigned at = out[12] == CHUNK_SACK ? 28 : 12;
    assert_int_equal(out[at], CHUNK_ERROR);
    assert_int_equal(weir_be16(out + at + 4), CAUSE_STREAM);
    assert_int_equal(weir_be16(out + at + 8), STREAMS);
    drive_end(&d);
}

/* A stream for which there is no memory is not acknowledged: what came on it comes again, and is taken when there
 * is room. */
static void attack_C14_more_streams_than_there_is_memory_for(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    static uint32_t held[DRIVE_BUFS + 1];
    uint32_t i = 0, count = 0;
    while ((held[count] = weir_pool_get(&d.pool)) != WEIR_NO_BUF) {
        count++;
    }
    while (d.s.verdicts[WEIR_SCTP_DATA_FULL] == 0) {
        send_data(&d, WHOLE, i, (uint16_t)(i * 20), 0, 1);
        (void)read_count(&d);
        i++;
    }
    assert_true(i > 200); /* what was promised for data is used for it */
    assert_int_equal(d.s.rx_cum, DRIVE_PEER_TSN + i - 2);
    weir_pool_put(&d.pool, held[--count]);
    weir_pool_put(&d.pool, held[--count]);
    weir_pool_put(&d.pool, held[--count]);
    send_data(&d, WHOLE, i - 1, (uint16_t)((i - 1) * 20), 0, 1);
    assert_int_equal(read_count(&d), 1);
    while (count != 0) {
        weir_pool_put(&d.pool, held[--count]);
    }
    drive_end(&d);
}

/* -- Sending ---------------------------------------------------------------------------------- */

static void writes_stop_at_the_limit_and_go_on(void **state)
{
    (void)state;
    for (unsigned small = 0; small < 2; small++) {
        struct sim *m = limit_sim(test_seed(3), PLENTY, 100000);
        size_t n = small != 0 ? 5 : 2 * 1160;
        uint32_t fits = 0;
        sim_connect(m);
        while (sim_write(m, 0, 1, n, fits, NULL) == WEIR_OK) {
            fits++;
        }
        assert_int_equal(sim_write(m, 0, 1, n, fits, NULL), WEIR_ERR_FULL);
        assert_true(m->end[0].s.tx_cells * WEIR_CELL_BYTES <= 100000);
        assert_true(m->end[0].s.tx_cells * WEIR_CELL_BYTES > 95000);
        assert_true(fits * n > (small != 0 ? 5 * 1500u : 85000)); /* a cell for each small one */
        assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_WRITABLE], 0);
        sim_run(m, 5 * WEIR_SEC);
        assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_WRITABLE], 1);
        assert_int_equal(m->end[1].got_count, fits);
        assert_int_equal(sim_write(m, 0, 1, n, fits, NULL), WEIR_OK);
        sim_free(m);
    }
}

static void what_can_never_fit_is_said_so(void **state)
{
    (void)state;
    struct sim *m = limit_sim(test_seed(4), PLENTY, 100000);
    m->end[0].s.config.message_max_remote = 30000;
    sim_connect(m);
    assert_int_equal(sim_write(m, 0, 1, 30000, 1, NULL), WEIR_OK);
    assert_int_equal(sim_write(m, 0, 1, 30001, 1, NULL), WEIR_ERR_SIZE);
    m->end[0].s.config.message_max_remote = 0;
    assert_int_equal(sim_write(m, 0, 1, 100001, 1, NULL), WEIR_ERR_SIZE);
    assert_int_equal(sim_write(m, 0, 1, 100000, 1, NULL), WEIR_ERR_FULL);
    assert_int_equal(sim_write(m, 0, 1, 0, 1, NULL), WEIR_ERR_ARG);
    assert_int_equal(sim_write(m, 0, 65535, 1, 1, NULL), WEIR_ERR_ARG);
    sim_free(m);
}

static void streams_to_send_on_have_no_limit(void **state)
{
    (void)state;
    enum { STREAMS = 1000 };
    struct sim *m = limit_sim(test_seed(5), PLENTY, PLENTY);
    sim_connect(m);
    for (uint32_t i = 0; i < STREAMS; i++) {
        assert_int_equal(sim_write(m, 0, (uint16_t)(i * 61), 10, i, NULL), WEIR_OK);
    }
    sim_run(m, 5 * WEIR_SEC);
    assert_int_equal(m->end[1].got_count, STREAMS);
    assert_int_equal(m->end[0].s.streams.count, STREAMS);
    assert_int_equal(m->end[1].s.streams.count, STREAMS);
    /* A reset gives the state back on both sides. */
    for (uint32_t i = 0; i < STREAMS; i++) {
        assert_int_equal(weir_sctp_reset_stream(&m->end[0].s, (uint16_t)(i * 61)), WEIR_OK);
    }
    sim_run(m, 60 * WEIR_SEC);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_STREAM_RESET], STREAMS);
    assert_int_equal(m->end[0].s.streams.count, 0);
    assert_int_equal(m->end[1].s.streams.count, 0);
    sim_free(m);
}

/* Others take all of the pool that they can get: what was promised stays there, so all that fits into the
 * window is taken, the window closes, and nothing was dropped. */
static void what_was_advertised_is_kept_free(void **state)
{
    (void)state;
    struct sim *m = limit_sim(test_seed(6), PLENTY, PLENTY);
    struct sim_end *to = &m->end[1];
    static uint32_t taken[SIM_POOL];
    uint32_t count = 0;
    sim_connect(m);
    while ((taken[count] = weir_pool_get(&to->pool)) != WEIR_NO_BUF) {
        count++;
    }
    assert_true(to->pool.free_count >= 64 * 1024 / 2048);
    to->is_reading = false;
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(sim_write(m, 0, 1, 1000, i, NULL), WEIR_OK);
    }
    sim_run(m, 2 * WEIR_SEC);
    assert_true(to->s.rx_bytes > 60000);
    assert_int_equal(m->end[0].s.peer_rwnd, 0);
    /* Nothing but the probes of the closed window. */
    assert_true(to->s.verdicts[WEIR_SCTP_DATA_FULL] <= 1 + m->end[0].s.counters.timeouts);
    assert_int_equal(m->end[0].s.counters.fast_recoveries, 0);
    to->is_reading = true;
    sim_read(m, to);
    sim_run(m, 20 * WEIR_SEC);
    assert_int_equal(to->got_count, 100);
    while (count != 0) {
        weir_pool_put(&to->pool, taken[--count]);
    }
    sim_free(m);
}

/* -- Acknowledgements that lie ---------------------------------------------------------------- */

static void sack(struct drive *d, uint32_t acked, uint32_t a_rwnd, uint32_t block)
{
    uint8_t chunk[20] = { CHUNK_SACK };
    unsigned blocks = block != 0 ? 1 : 0;
    weir_put16(chunk + 2, (uint16_t)(16 + 4 * blocks));
    weir_put32(chunk + 4, DRIVE_TSN - 1 + acked);
    weir_put32(chunk + 8, a_rwnd);
    weir_put16(chunk + 12, (uint16_t)blocks);
    weir_put32(chunk + 16, block);
    (void)drive_chunks(d, weir_span_of(chunk, 16 + 4 * blocks));
}

static void write_some(struct drive *d, unsigned count)
{
    static const uint8_t bytes[1100] = { 0 };
    struct weir_span msg = weir_span_of(bytes, sizeof bytes);
    struct weir_sctp_send_opts opts = { 0 };
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(weir_sctp_write(&d->s, d->now, 0, msg, &opts), WEIR_OK);
    }
}

static unsigned flush(struct drive *d)
{
    uint8_t out[WEIR_MTU];
    unsigned n = 0;
    while (drive_send(d, out) != 0) {
        n++;
    }
    return n;
}

static void attack_C12_a_window_that_stays_closed_is_probed(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    sack(&d, 0, 0, 0);
    write_some(&d, 5);
    assert_int_equal(flush(&d), 1); /* one probe */
    for (unsigned i = 0; i < 200; i++) {
        d.now = weir_sctp_deadline(&d.s);
        weir_sctp_tick(&d.s, d.now);
        assert_true(flush(&d) <= 1);
        sack(&d, 0, 0, 0); /* refused, but an answer */
    }
    assert_int_equal(d.s.state, WEIR_SCTP_ESTABLISHED);
    sack(&d, 1, 0xffffffff, 0); /* and now more than there can be */
    assert_true(flush(&d) > 0);
    assert_true(d.s.peer_rwnd > 0x80000000u);
    drive_end(&d);
}

static void attack_C12_a_window_smaller_than_what_is_out(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    write_some(&d, 8);
    assert_int_equal(flush(&d), 8);
    sack(&d, 1, 100, 0);
    assert_int_equal(d.s.peer_rwnd, 0);
    drive_end(&d);
}

static void attack_C12_reneging(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    write_some(&d, 8);
    assert_int_equal(flush(&d), 8);
    sack(&d, 0, 100000, 0x00030008);
    assert_int_equal(d.s.gap_acked_count, 6);
    sack(&d, 0, 100000, 0x00030004); /* four are taken back */
    assert_int_equal(d.s.gap_acked_count, 2);
    assert_true(weir_sctp_check(&d.s));
    sack(&d, 0, 100000, 0);
    assert_int_equal(d.s.gap_acked_count, 0);
    assert_true(weir_sctp_check(&d.s));
    /* At the latest the timer sends them again. */
    d.now = d.s.t3_at;
    weir_sctp_tick(&d.s, d.now);
    assert_int_equal(d.s.rtx_count, 8);
    sack(&d, 8, 100000, 0);
    assert_int_equal(d.s.tx_cells, 0);
    drive_end(&d);
}

/* One SACK cut into many does not open the window faster [RFC 9260 7.2.1]. */
static void split_acknowledgements_gain_nothing(void **state)
{
    (void)state;
    struct drive whole, split;
    drive_begin(&whole, PLAIN);
    drive_begin(&split, PLAIN);
    write_some(&whole, 20);
    write_some(&split, 20);
    assert_int_equal(flush(&whole), flush(&split));
    sack(&whole, 4, 100000, 0);
    for (uint32_t i = 1; i <= 4; i++) {
        sack(&split, i, 100000, 0);
        sack(&split, i, 100000, 0);
    }
    assert_true(split.s.cwnd <= whole.s.cwnd);
    drive_end(&whole);
    drive_end(&split);
}

/* -- Reset requests --------------------------------------------------------------------------- */

static uint32_t request(struct drive *d, uint32_t number, uint32_t last_tsn, unsigned streams,
                        uint16_t first)
{
    uint8_t chunk[20 + 2 * 600] = { CHUNK_RE_CONFIG };
    uint8_t out[WEIR_MTU];
    size_t n = 20 + 2 * streams;
    weir_put16(chunk + 2, (uint16_t)n);
    weir_put16(chunk + 4, PARAM_RESET_OUTGOING);
    weir_put16(chunk + 6, (uint16_t)(n - 4));
    weir_put32(chunk + 8, number);
    weir_put32(chunk + 16, last_tsn);
    for (unsigned i = 0; i < streams; i++) {
        weir_put16(chunk + 20 + 2 * i, (uint16_t)(first + i));
    }
    (void)drive_chunks(d, weir_span_of(chunk, (n + 3) & ~(size_t)3));
    while (drive_send(d, out) != 0) {
        if (out[12] == CHUNK_RE_CONFIG && weir_be16(out + 16) == PARAM_RESET_RESPONSE) {
            return weir_be32(out + 24);
        }
        if (out[12] == CHUNK_SACK && out[28] == CHUNK_RE_CONFIG) {
            return weir_be32(out + 40);
        }
    }
    return 99;
}

static void attack_C13_reset_requests(void **state)
{
    (void)state;
    struct drive d;
    drive_begin(&d, PLAIN);
    d.s.config.streams_max = 128;
    /* Streams nobody used, as many as a packet names; a thousand requests on end. */
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(request(&d, DRIVE_PEER_TSN + i, DRIVE_PEER_TSN - 1, 500, 7), 1);
    }
    assert_true(d.s.streams.count <= 128);
    drive_read_all(&d);
    assert_int_equal(d.s.streams.count, 0);
    /* Out of turn; the last one again. */
    assert_int_equal(request(&d, DRIVE_PEER_TSN + 5, 0, 1, 7), 5);
    assert_int_equal(request(&d, DRIVE_PEER_TSN + 1001, 0, 1, 7), 5);
    assert_int_equal(request(&d, DRIVE_PEER_TSN + 999, 0, 1, 7), 1);
    drive_end(&d);
}

/* The same to one that has channels: each stream is reset in return, and one request of ours is out at a time,
 * whatever comes meanwhile. */
static void attack_C13_reset_requests_for_channels(void **state)
{
    (void)state;
    struct drive d;
    uint8_t response[16] = { CHUNK_RE_CONFIG, 0, 0, 16, 0, PARAM_RESET_RESPONSE, 0, 12 };
    drive_begin(&d, WEIR_SCTP_ESTABLISHED);
    d.s.config.streams_max = 128;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(request(&d, DRIVE_PEER_TSN + i, DRIVE_PEER_TSN - 1, 500, 7), 1);
        assert_true(d.s.is_reset_out && d.s.reset_number == DRIVE_TSN);
    }
    assert_true(d.s.streams.count <= 128);
    weir_put32(response + 12, 1);
    unsigned answered = 0;
    for (; d.s.is_reset_out; answered++) {
        assert_true(answered < 10);
        weir_put32(response + 8, d.s.reset_number);
        (void)drive_chunks(&d, weir_span_of(response, 16));
        flush(&d);
    }
    assert_int_equal(d.s.streams.count, 0);
    drive_end(&d);
}

/* A reset ahead of its data waits for the data, and is then answered by itself. */
static void attack_C13_a_deferred_reset(void **state)
{
    (void)state;
    struct drive d;
    uint8_t out[WEIR_MTU];
    struct weir_sctp_event e;
    drive_begin(&d, PLAIN);
    send_data(&d, WHOLE, 0, 4, 0, 10);
    assert_int_equal(request(&d, DRIVE_PEER_TSN, DRIVE_PEER_TSN + 2, 1, 4), 6);
    send_data(&d, WHOLE, 2, 4, 2, 10);
    flush(&d);
    assert_true(d.s.is_reset_deferred);
    send_data(&d, WHOLE, 1, 4, 1, 10);
    assert_false(d.s.is_reset_deferred);
    assert_true(drive_send(&d, out) != 0);
    assert_int_equal(out[28], CHUNK_RE_CONFIG);
    assert_int_equal(weir_be32(out + 40), 1);
    bool has_event = false;
    while (weir_sctp_event(&d.s, &e)) {
        has_event |= e.type == WEIR_SCTP_EVENT_STREAM_RESET && e.stream == 4;
    }
    assert_true(has_event);
    assert_int_equal(read_count(&d), 3);
    send_data(&d, WHOLE, 3, 4, 0, 10); /* from zero again */
    assert_int_equal(read_count(&d), 1);
    assert_int_equal(request(&d, DRIVE_PEER_TSN, DRIVE_PEER_TSN + 2, 1, 4), 1); /* repeated */
    drive_end(&d);
}

/* Our request is answered "in progress": it goes out again when what was out is acknowledged, under
 * a new number, and a late answer to the old one does not count. */
static void attack_C13_our_reset_is_in_progress(void **state)
{
    (void)state;
    struct drive d;
    uint8_t out[WEIR_MTU];
    static const uint8_t byte[1] = { 0 };
    struct weir_sctp_send_opts opts = { 0 };
    uint8_t response[16] = { CHUNK_RE_CONFIG, 0, 0, 16, 0, PARAM_RESET_RESPONSE, 0, 12 };
    drive_begin(&d, PLAIN);
    assert_int_equal(weir_sctp_write(&d.s, d.now, 4, weir_span_of(byte, 1), &opts), WEIR_OK);
    flush(&d);
    sack(&d, 1, 10000, 0);
    assert_int_equal(weir_sctp_write(&d.s, d.now, 5, weir_span_of(byte, 1), &opts), WEIR_OK);
    flush(&d);
    assert_int_equal(weir_sctp_reset_stream(&d.s, 4), WEIR_OK);
    assert_true(drive_send(&d, out) != 0);
    assert_int_equal(weir_be32(out + 20), DRIVE_TSN);     /* request number */
    assert_int_equal(weir_be32(out + 28), DRIVE_TSN + 1); /* beyond what is acknowledged */
    weir_put32(response + 8, DRIVE_TSN);
    weir_put32(response + 12, 6);
    (void)drive_chunks(&d, weir_span_of(response, 16));
    assert_int_equal(drive_send(&d, out), 0);
    sack(&d, 2, 10000, 0);
    assert_true(drive_send(&d, out) != 0);
    assert_int_equal(weir_be32(out + 20), DRIVE_TSN + 1);
    assert_int_equal(weir_be32(out + 28), DRIVE_TSN + 1);
    weir_put32(response + 12, 1);
    assert_int_equal(drive_chunks(&d, weir_span_of(response, 16)),
                     WEIR_SCTP_RECONFIG_SEQUENCE);
    weir_put32(response + 8, DRIVE_TSN + 1);
    assert_int_equal(drive_chunks(&d, weir_span_of(response, 16)), WEIR_SCTP_OK);
    assert_int_equal(weir_sctp_stream_find(&d.s, 4), WEIR_NO_CELL);
    assert_int_equal(drive_chunks(&d, weir_span_of(response, 16)),
                     WEIR_SCTP_RECONFIG_SEQUENCE);
    drive_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sleeping_reader_loses_nothing),
        cmocka_unit_test(the_largest_message_always_completes),
        cmocka_unit_test(attack_C16_a_message_over_the_limit_is_not_buffered),
        cmocka_unit_test(tiny_fragments_are_packed),
        cmocka_unit_test(what_comes_first_makes_room_for_itself),
        cmocka_unit_test(gaps_have_a_limit),
        cmocka_unit_test(many_gaps_are_known_in_the_pool),
        cmocka_unit_test(a_run_that_is_taken_back_in_its_middle_is_two),
        cmocka_unit_test(attack_C8_fragments_that_contradict),
        cmocka_unit_test(attack_C10_forward_tsn),
        cmocka_unit_test(attack_C14_more_streams_than_were_announced),
        cmocka_unit_test(attack_C14_more_streams_than_there_is_memory_for),
        cmocka_unit_test(writes_stop_at_the_limit_and_go_on),
        cmocka_unit_test(what_can_never_fit_is_said_so),
        cmocka_unit_test(streams_to_send_on_have_no_limit),
        cmocka_unit_test(what_was_advertised_is_kept_free),
        cmocka_unit_test(attack_C12_a_window_that_stays_closed_is_probed),
        cmocka_unit_test(attack_C12_a_window_smaller_than_what_is_out),
        cmocka_unit_test(attack_C12_reneging),
        cmocka_unit_test(split_acknowledgements_gain_nothing),
        cmocka_unit_test(attack_C13_reset_requests),
        cmocka_unit_test(attack_C13_reset_requests_for_channels),
        cmocka_unit_test(attack_C13_a_deferred_reset),
        cmocka_unit_test(attack_C13_our_reset_is_in_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
