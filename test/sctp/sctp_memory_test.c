/* Many associations on one pool: windows are the truth, what one holds is not missed by the others, who was
 * refused is told, and windows grow to what the path needs. */
#include "sctp/sctp_int.h"
#include "test/support/support.h"

enum { MANY = 120, FAR_BUFS = 40000, HOG_CELLS = 16384, HOGS = 3, PATH_PACKETS = 8192 };

/* One association and its peer, with a path between them that has a delay and a rate. */
struct pair {
    struct weir_sctp a, b;
    uint16_t channel;
    bool is_silent;    /* b acknowledges nothing */
    bool is_sleeping;  /* b reads nothing */
    uint64_t got;      /* bytes that b read */
    uint32_t messages, writable;
    bool has_ended;
    enum weir_sctp_reason reason;
};

static struct weir_pool node, far; /* a is the node's, b is somewhere else */
static struct weir_buf *node_bufs, *far_bufs;
static weir_time now;
static struct pair pair[MANY];
static uint8_t bytes[262144];

static void pools(uint32_t count, uint32_t members, uint32_t share)
{
    now = 1000 * WEIR_SEC;
    node_bufs = aligned_alloc(64, weir_pool_bytes(count));
    far_bufs = aligned_alloc(64, weir_pool_bytes(FAR_BUFS));
    weir_pool_init(&node, node_bufs, count);
    weir_pool_init(&far, far_bufs, FAR_BUFS);
    assert_true(members == 0 || weir_pool_divide(&node, members, share));
}

static void pair_begin(struct pair *p, uint32_t number)
{
    struct weir_sctp_config c;
    memset(p, 0, sizeof *p);
    weir_sctp_config_default(&c, weir_crypto_default());
    weir_put32(c.seed, number + 1);
    c.account = weir_account_open(&node, number);
    weir_sctp_init(&p->a, &c, &node, now);
    c.account = WEIR_NO_ACCOUNT;
    c.seed[31] = 1;
    weir_sctp_init(&p->b, &c, &far, now);
    weir_sctp_set_dtls_role(&p->a, now, true);
    weir_sctp_set_dtls_role(&p->b, now, false);
    struct weir_sctp_channel_config cc = { .label = WEIR_LIT("x"), .priority = 256 };
    (void)!weir_sctp_channel_open(&p->a, now, &cc, &p->channel);
    (void)!weir_sctp_connect(&p->a, now);
}

static void listen_to(struct pair *p)
{
    struct weir_sctp_event e;
    struct weir_sctp_message m;
    while (weir_sctp_event(&p->a, &e)) {
        p->writable += e.type == WEIR_SCTP_EVENT_WRITABLE ? 1 : 0;
        p->has_ended |= e.type == WEIR_SCTP_EVENT_CLOSED;
        p->reason = e.type == WEIR_SCTP_EVENT_CLOSED ? e.reason : p->reason;
    }
    while (weir_sctp_event(&p->b, &e)) {
    }
    while (weir_sctp_read(&p->a, &m)) {
        weir_sctp_release(&p->a, now, &m);
    }
    while (!p->is_sleeping && weir_sctp_read(&p->b, &m)) {
        p->got += m.bytes;
        p->messages++;
        weir_sctp_release(&p->b, now, &m);
    }
}

/* All that both have to say now, at most `most` packets. */
static void exchange(struct pair *p, unsigned most)
{
    uint8_t out[WEIR_MTU];
    struct weir_mspan room = { out, sizeof out };
    size_t n = 1;
    while (n != 0 && most-- != 0) {
        listen_to(p);
        n = weir_sctp_send(&p->a, now, room);
        if (n != 0) {
            (void)weir_sctp_recv(&p->b, now, weir_span_of(out, n));
        }
        size_t back = weir_sctp_send(&p->b, now, room);
        if (back != 0 && !p->is_silent) {
            (void)weir_sctp_recv(&p->a, now, weir_span_of(out, back));
        }
        n += back;
    }
    listen_to(p);
}

static void run(uint32_t from, uint32_t to, weir_duration for_so_long)
{
    for (weir_time end = now + for_so_long; now < end; now += 5 * WEIR_MS) {
        for (uint32_t i = from; i < to; i++) {
            weir_sctp_tick(&pair[i].a, now);
            weir_sctp_tick(&pair[i].b, now);
            exchange(&pair[i], 200);
        }
    }
}

/* As a node does: who has news of the pool has its turn. */
static void serve_news(void)
{
    uint32_t number;
    while (weir_pool_news(&node, &number)) {
        weir_sctp_tick(&pair[number].a, now);
        exchange(&pair[number], 10);
    }
}

static enum weir_status give(struct pair *p, size_t n)
{
    return weir_sctp_channel_send(&p->a, now, p->channel, weir_span_of(bytes, n), false);
}

static void pairs_end(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_true(weir_sctp_check(&pair[i].a));
        uint32_t account = pair[i].a.account;
        weir_sctp_release_all(&pair[i].a);
        weir_account_close(&node, account);
        weir_sctp_release_all(&pair[i].b);
    }
    assert_int_equal(node.free_count, node.count);
    assert_int_equal(node.lent, 0);
    free(node_bufs);
    free(far_bufs);
}

/* What a peer sends to the node by hand: DATA chunks of one message each. */
static void forge(struct pair *p, uint32_t tsn, unsigned count, uint8_t flags, size_t size, uint16_t ssn)
{
    for (unsigned k = 0; k < count;) {
        uint8_t packet[1200] = { 0 };
        size_t len = 12, chunk = 16 + ((size + 3) & ~(size_t)3);
        weir_put16(packet, 5000);
        weir_put16(packet + 2, 5000);
        weir_put32(packet + 4, p->a.local_tag);
        for (; k < count && len + chunk <= sizeof packet; k++, len += chunk) {
            uint8_t *d = packet + len;
            d[1] = flags;
            weir_put16(d + 2, (uint16_t)(16 + size));
            weir_put32(d + 4, tsn + k);
            weir_put16(d + 8, channel_of(&p->a, p->channel)->id);
            weir_put16(d + 10, (uint16_t)(ssn + k));
            weir_put32(d + 12, WEIR_SCTP_PPID_BINARY);
        }
        weir_put32(packet + 8, weir_sctp_packet_crc(NULL, weir_span_of(packet, len)));
        (void)weir_sctp_recv(&p->a, now, weir_span_of(packet, len));
    }
}

/* Y10: strangers that leave 1-byte messages behind a hole, and some that acknowledge nothing: the others send
 * and receive as if there were none, and new ones connect. */
static void attack_Y10_strangers_that_hold_memory_are_not_missed(void **state)
{
    (void)state;
    enum { HOLES = 100, SILENT = 6, OTHERS = 10 };
    pools(16384, MANY, 64); /* 32 MiB: a guaranteed 128 KiB each, half of it to lend */
    for (uint32_t i = 0; i < HOLES + SILENT; i++) {
        pair_begin(&pair[i], i);
    }
    run(0, HOLES + SILENT, 50 * WEIR_MS);
    for (uint32_t i = 0; i < HOLES; i++) {
        forge(&pair[i], pair[i].b.next_tsn + 1, 6000, FLAG_BEGIN | FLAG_END, 1, 2);
    }
    for (uint32_t i = HOLES; i < HOLES + SILENT; i++) {
        pair[i].is_silent = true;
        while (give(&pair[i], 16384) == WEIR_OK) {
        }
    }
    for (uint32_t i = HOLES + SILENT; i < HOLES + SILENT + OTHERS; i++) {
        pair_begin(&pair[i], i);
        run(i, i + 1, 50 * WEIR_MS);
        assert_int_equal(pair[i].a.state, WEIR_SCTP_ESTABLISHED);
    }
    for (uint32_t turn = 0; turn < 40; turn++) {
        for (uint32_t i = HOLES + SILENT; i < HOLES + SILENT + OTHERS; i++) {
            for (unsigned k = 0; k < 4; k++) {
                uint32_t writable = pair[i].writable;
                if (give(&pair[i], 16384) == WEIR_ERR_FULL) {
                    serve_news();
                    assert_int_equal(pair[i].writable, writable + 1);
                    assert_int_equal(give(&pair[i], 16384), WEIR_OK);
                }
            }
            run(i, i + 1, 5 * WEIR_MS);
            assert_int_equal(pair[i].messages, 4 * (turn + 1));
            assert_int_equal(pair[i].a.verdicts[WEIR_SCTP_DATA_FULL], 0);
        }
    }
    pairs_end(HOLES + SILENT + OTHERS);
}

/* Who borrowed and does not move goes, with a reason of its own, when others wait; and only then. */
static void who_is_stuck_ends_when_others_wait(void **state)
{
    (void)state;
    pools(200, 3, 20);
    for (uint32_t i = 0; i < 2; i++) {
        pair_begin(&pair[i], i);
    }
    run(0, 2, 50 * WEIR_MS);
    pair[0].is_silent = true;
    while (give(&pair[0], 10000) == WEIR_OK) {
    }
    run(0, 2, 20 * WEIR_SEC);
    assert_false(pair[0].has_ended); /* nobody waits */
    pair[1].is_sleeping = true;
    while (give(&pair[1], 10000) == WEIR_OK) {
    }
    run(0, 2, 1 * WEIR_SEC);
    assert_true(pair[0].has_ended);
    assert_int_equal(pair[0].reason, WEIR_SCTP_REASON_MEMORY);
    assert_false(pair[1].has_ended);
    assert_int_equal(pair[1].writable, 1); /* and there is room now */
    pairs_end(2);
}

/* FULL because others had the memory: told once there is room, whoever gave it back. */
static void a_refused_writer_is_told_whoever_made_room(void **state)
{
    (void)state;
    for (uint32_t ends = 0; ends < 2; ends++) {
        pools(300, 0, 0);
        for (uint32_t i = 0; i < 5; i++) {
            pair_begin(&pair[i], i);
        }
        run(0, 5, 50 * WEIR_MS);
        for (uint32_t i = 0; i < 4; i++) {
            while (give(&pair[i], 4000) == WEIR_OK) {
            }
        }
        assert_int_equal(give(&pair[4], 60000), WEIR_ERR_FULL);
        assert_int_equal(give(&pair[4], 60000), WEIR_ERR_FULL);
        listen_to(&pair[4]);
        assert_int_equal(pair[4].writable, 0);
        if (ends != 0) {
            for (uint32_t i = 0; i < 4; i++) {
                weir_sctp_abort(&pair[i].a, now, WEIR_LIT("gone"));
            }
        } else {
            run(0, 4, 2 * WEIR_SEC);
            for (uint32_t i = 0; i < 4; i++) {
                assert_int_equal(pair[i].writable, 1);
            }
        }
        listen_to(&pair[4]);
        assert_int_equal(pair[4].writable, 1);
        assert_int_equal(give(&pair[4], 60000), WEIR_OK); /* it was kept for it */
        run(4, 5, 3 * WEIR_SEC);
        assert_int_equal(pair[4].messages, 1);
        assert_int_equal(pair[4].writable, 1);
        pairs_end(5);
    }
}

/* Somebody without an association, who takes what there is. */
struct hog {
    uint32_t account, count, cell[HOG_CELLS];
};

static struct hog hog[HOGS];

static uint32_t feed(struct hog *h)
{
    uint32_t cell = WEIR_NO_CELL;
    while (h->count < HOG_CELLS
           && (cell = weir_cell_get(&node, h->account, WEIR_STORE_DENSE)) != WEIR_NO_CELL) {
        h->cell[h->count++] = cell;
    }
    return h->count;
}

static void hogs_begin(void)
{
    for (uint32_t i = 0; i < HOGS; i++) {
        hog[i] = (struct hog){ .account = weir_account_open(&node, MANY - 1) };
        (void)feed(&hog[i]);
    }
}

static void hogs_end(void)
{
    for (uint32_t i = 0; i < HOGS; i++) {
        while (hog[i].count != 0) {
            weir_cell_put(&node, hog[i].account, hog[i].cell[--hog[i].count]);
        }
        weir_account_close(&node, hog[i].account);
    }
}

static const struct weir_account *account_of(const struct pair *p)
{
    return (const struct weir_account *)weir_cell_at(&node, p->a.account);
}

/* There is no memory for the stream even. */
static void a_write_without_a_stream_waits_in_the_line(void **state)
{
    (void)state;
    struct weir_sctp_send_opts opts = { .ppid = WEIR_SCTP_PPID_BINARY };
    static uint32_t spare[WEIR_CELLS_PER_BUF];
    uint32_t spares = 0, cell;
    pools(240, 0, 0);
    pair_begin(&pair[0], 0);
    run(0, 1, 50 * WEIR_MS);
    hogs_begin();
    while ((cell = weir_cell_get(&node, pair[0].a.account, WEIR_STORE_DENSE)) != WEIR_NO_CELL) {
        spare[spares++] = cell;
    }
    assert_int_equal(weir_sctp_write(&pair[0].a, now, 500, weir_span_of(bytes, 100), &opts), WEIR_ERR_FULL);
    /* A message that could never be sent takes nothing from the one that waits. */
    assert_int_equal(give(&pair[0], 262144), WEIR_ERR_SIZE);
    hogs_end();
    while (spares != 0) {
        weir_cell_put(&node, pair[0].a.account, spare[--spares]);
    }
    run(0, 1, 5 * WEIR_MS);
    assert_int_equal(pair[0].writable, 1);
    assert_int_equal(weir_sctp_write(&pair[0].a, now, 500, weir_span_of(bytes, 100), &opts), WEIR_OK);
    run(0, 1, 60 * WEIR_SEC);
    assert_int_equal(pair[0].writable, 1);
    pairs_end(1);
}

/* It was refused because others of its own wait to be sent; they are gone, and it is still too large. */
static void a_refusal_ends_also_where_the_message_never_fits(void **state)
{
    (void)state;
    pools(120, 0, 0);
    pair_begin(&pair[0], 0);
    run(0, 1, 50 * WEIR_MS);
    for (uint32_t n = 100000; n < 200000; n += 1000) {
        uint32_t writable = pair[0].writable;
        assert_int_equal(give(&pair[0], 40000), WEIR_OK);
        enum weir_status status = give(&pair[0], n);
        run(0, 1, 10 * WEIR_SEC);
        assert_int_equal(pair[0].writable - writable, status == WEIR_ERR_FULL ? 1 : 0);
    }
    assert_int_equal(give(&pair[0], 200000), WEIR_ERR_SIZE);
    pairs_end(1);
}

/* Its own window takes what it has by right: it gives way to what is to be sent. */
static void a_small_share_sends_and_receives(void **state)
{
    (void)state;
    enum { FEW = 20 };
    for (uint32_t share = 4; share < 64; share += 12) {
        pools((uint32_t)weir_pool_shares(FEW, share) + 20, FEW, share);
        for (uint32_t i = 0; i < FEW - 3; i++) {
            pair_begin(&pair[i], i);
        }
        run(0, FEW - 3, 50 * WEIR_MS);
        for (uint32_t i = 0; i < FEW - 3; i++) {
            enum weir_status status = give(&pair[i], 2000);
            run(i, i + 1, 10 * WEIR_SEC);
            assert_int_equal(pair[i].writable, status == WEIR_ERR_FULL ? 1 : 0);
            assert_true(status == WEIR_OK || give(&pair[i], 2000) == WEIR_OK);
            run(i, i + 1, 1 * WEIR_SEC);
            assert_int_equal(pair[i].messages, 1);
            assert_int_equal(
                weir_sctp_channel_send(&pair[i].b, now, 0, weir_span_of(bytes, 2000), false), WEIR_OK);
            run(i, i + 1, 1 * WEIR_SEC);
            assert_true(weir_sctp_tx_is_empty(&pair[i].b));
        }
        pairs_end(FEW - 3);
    }
}

/* What is kept for who was told that it may write is kept for two seconds, also while data comes in. */
static void what_is_kept_for_a_writer_is_kept_for_a_while(void **state)
{
    (void)state;
    pools(400, 0, 0);
    pair_begin(&pair[0], 0);
    run(0, 1, 50 * WEIR_MS);
    hogs_begin();
    assert_int_equal(give(&pair[0], 150000), WEIR_ERR_FULL);
    hogs_end();
    run(0, 1, 5 * WEIR_MS);
    assert_int_equal(pair[0].writable, 1);
    assert_true(account_of(&pair[0])->kept > 70);
    for (uint32_t turn = 0; turn < 30; turn++) {
        for (uint32_t i = 0; i < 100; i++) {
            (void)!weir_sctp_channel_send(&pair[0].b, now, 0, weir_span_of(bytes, 1000), false);
        }
        run(0, 1, 100 * WEIR_MS);
    }
    assert_int_equal(account_of(&pair[0])->kept, 0);
    assert_true(pair[0].a.rx_window > 72 * 1024); /* and that is no quiet time */
    run(0, 1, 5 * WEIR_SEC);
    assert_int_equal(pair[0].a.rx_window, 72 * 1024);
    pairs_end(1);
}

/* A window that grew when what had come was read at last shrinks as well. */
static void a_window_that_grew_in_quiet_shrinks(void **state)
{
    (void)state;
    struct weir_sctp_message m;
    pools(4096, 0, 0);
    pair_begin(&pair[0], 0);
    run(0, 1, 50 * WEIR_MS);
    forge(&pair[0], pair[0].b.next_tsn, 50, FLAG_BEGIN | FLAG_END, 1000, 1);
    for (uint32_t i = 0; i < 49; i++) {
        assert_true(weir_sctp_read(&pair[0].a, &m));
        weir_sctp_release(&pair[0].a, now, &m);
    }
    now += 1 * WEIR_SEC;
    listen_to(&pair[0]);
    assert_true(pair[0].a.rx_window > 2 * 72 * 1024);
    run(0, 1, 3 * WEIR_SEC);
    assert_int_equal(pair[0].a.rx_window, 72 * 1024);
    assert_true(account_of(&pair[0])->promised < 45);
    pairs_end(1);
}

/* A window that was closed for want of memory opens as far as there is room, as soon as there is. */
static void a_closed_window_opens_with_the_room(void **state)
{
    (void)state;
    struct weir_sctp_message m;
    static uint32_t taken[100];
    uint32_t count = 0, tag, i;
    pools(100, 0, 0);
    pair_begin(&pair[0], 0);
    run(0, 1, 50 * WEIR_MS);
    forge(&pair[0], pair[0].b.next_tsn, 80, FLAG_BEGIN | FLAG_END, 1000, 1);
    while (weir_sctp_read(&pair[0].a, &m)) {
        weir_sctp_release(&pair[0].a, now, &m);
        while ((i = weir_pool_get(&node)) != WEIR_NO_BUF) {
            taken[count++] = i;
        }
    }
    run(0, 1, 200 * WEIR_MS);
    assert_true(pair[0].a.rwnd_told < 2000);
    assert_true(pair[0].a.rwnd_told != 0 || pair[0].a.rx_waits);
    for (uint32_t given = 1; count != 0; given++) {
        weir_pool_put(&node, taken[--count]);
        while (weir_pool_news(&node, &tag)) {
            weir_sctp_tick(&pair[0].a, now);
            exchange(&pair[0], 10);
        }
        assert_true(given < 3 || pair[0].a.rwnd_told >= 1000);
    }
    pairs_end(1);
}

/* Whoever respects the window loses nothing, whatever the size of its messages, read or not, and when it
 * changes from large ones to small ones. */
static void what_fits_into_the_window_is_never_dropped(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 40, 100, 700, 1160, 5000, 60000 };
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct weir_rand rand;
        weir_rand_init_number(&rand, test_seed(seed));
        pools(900, 4, 100);
        for (uint32_t i = 0; i < 4; i++) {
            pair_begin(&pair[i], i);
        }
        run(0, 4, 50 * WEIR_MS);
        uint32_t sent[4] = { 0 };
        for (unsigned turn = 0; turn < 60; turn++) {
            uint32_t i = weir_rand_below(&rand, 4);
            size_t n = sizes[weir_rand_below(&rand, sizeof sizes / sizeof sizes[0])];
            for (unsigned k = 0; k < 500; k++) { /* towards the node, which reads or does not */
                if (weir_sctp_channel_send(&pair[i].b, now, 0, weir_span_of(bytes, n), false) != WEIR_OK) {
                    break;
                }
                sent[i]++;
            }
            run(0, 4, 5 * WEIR_MS);
        }
        for (uint32_t i = 0; i < 4; i++) {
            uint64_t probes = pair[i].b.counters.timeouts;
            assert_true(pair[i].a.verdicts[WEIR_SCTP_DATA_FULL] <= probes);
            assert_int_equal(pair[i].a.counters.evicted, 0);
        }
        pairs_end(4);
    }
}

/* Whose loan is called back goes on while its data moves. */
static void who_moves_goes_on_when_others_wait(void **state)
{
    (void)state;
    pools(200, 3, 20);
    for (uint32_t i = 0; i < 2; i++) {
        pair_begin(&pair[i], i);
    }
    run(0, 2, 50 * WEIR_MS);
    pair[1].is_silent = true;
    for (unsigned turn = 0; turn < 100; turn++) {
        for (uint32_t i = 0; i < 2; i++) {
            while (give(&pair[i], 10000) == WEIR_OK) {
            }
        }
        run(0, 1, 5 * WEIR_MS);
        serve_news();
    }
    assert_false(pair[0].has_ended);
    assert_true(pair[0].messages > 100);
    pairs_end(2);
}

/* An association that is over promises nobody any window: the account has nothing once all is told. */
static void an_association_that_is_over_holds_no_memory(void **state)
{
    (void)state;
    pools(300, 0, 0);
    pair_begin(&pair[0], 0);
    run(0, 1, 50 * WEIR_MS);
    assert_true(node.lent > 0);
    weir_sctp_abort(&pair[0].a, now, WEIR_LIT("gone"));
    listen_to(&pair[0]);
    assert_int_equal(weir_account_cells(&node, pair[0].a.account), 0);
    assert_false(weir_account_borrows(&node, pair[0].a.account));
    pairs_end(1);
}

/* Who is asked for what lies behind its holes gives back what it borrowed, and keeps what is its own. */
static void what_is_behind_a_hole_is_kept_within_the_share(void **state)
{
    (void)state;
    pools(200, 3, 20);
    for (uint32_t i = 0; i < 2; i++) {
        pair_begin(&pair[i], i);
    }
    run(0, 2, 50 * WEIR_MS);
    forge(&pair[0], pair[0].b.next_tsn + 1, 3000, FLAG_BEGIN | FLAG_END, 1, 2);
    assert_true(weir_account_borrows(&node, pair[0].a.account));
    pair[1].is_silent = true;
    while (give(&pair[1], 10000) == WEIR_OK) {
    }
    serve_news();
    assert_true(pair[0].a.counters.evicted > 0);
    assert_true(weir_account_cells(&node, pair[0].a.account) > 15 * WEIR_CELLS_PER_BUF);
    pairs_end(2);
}

/* -- Far away -- */

/* A path of one direction: a delay, and a rate. */
struct path {
    struct {
        weir_time at;
        uint16_t n;
        uint8_t p[WEIR_MTU];
    } packet[PATH_PACKETS];
    uint32_t head, tail;
    weir_time free_at;
};

static struct path there, back;

static void path_send(struct path *path, const uint8_t *p, size_t n, weir_duration delay, uint64_t mbps)
{
    if (path->head - path->tail == PATH_PACKETS) {
        return;
    }
    weir_time begin = path->free_at > now ? path->free_at : now;
    path->free_at = begin + n * 8 / mbps;
    uint32_t at = path->head++ % PATH_PACKETS;
    path->packet[at].at = path->free_at + delay;
    path->packet[at].n = (uint16_t)n;
    memcpy(path->packet[at].p, p, n);
}

static void path_arrive(struct path *path, struct weir_sctp *to)
{
    while (path->tail != path->head && path->packet[path->tail % PATH_PACKETS].at <= now) {
        uint32_t at = path->tail++ % PATH_PACKETS;
        (void)weir_sctp_recv(to, now, weir_span_of(path->packet[at].p, path->packet[at].n));
    }
}

/* A clean path of 100 Mbit/s and 300 ms is filled: windows have grown to it on both sides, and have become small
 * again some seconds after the transfer. */
static void windows_grow_to_what_the_path_needs(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    struct weir_mspan room = { out, sizeof out };
    pools(20000, 10, 64);
    pair_begin(&pair[0], 0);
    memset(&there, 0, sizeof there);
    memset(&back, 0, sizeof back);
    weir_time begin = now, next = now;
    uint64_t before = 0;
    for (; now < begin + 25 * WEIR_SEC; now += 500) {
        path_arrive(&there, &pair[0].b);
        path_arrive(&back, &pair[0].a);
        weir_sctp_tick(&pair[0].a, now);
        weir_sctp_tick(&pair[0].b, now);
        listen_to(&pair[0]);
        while (now < begin + 18 * WEIR_SEC && give(&pair[0], 65536) == WEIR_OK) {
        }
        size_t n;
        while (there.free_at <= now + 2 * WEIR_MS && (n = weir_sctp_send(&pair[0].a, now, room)) != 0) {
            path_send(&there, out, n, 150 * WEIR_MS, 100);
        }
        while ((n = weir_sctp_send(&pair[0].b, now, room)) != 0) {
            path_send(&back, out, n, 150 * WEIR_MS, 100);
        }
        if (now >= next) { /* the last five seconds of sending */
            before = now - begin == 13 * WEIR_SEC ? pair[0].got : before;
            next += WEIR_SEC;
            if (now - begin == 18 * WEIR_SEC) {
                assert_true((pair[0].got - before) * 8 / 5 > 95 * 1000 * 1000);
                assert_true(pair[0].b.rwnd_told > 4 * 1000 * 1000);
            }
        }
    }
    assert_int_equal(pair[0].a.counters.rtx_chunks, 0);
    assert_in_range(pair[0].b.rwnd_told, 60000, 75000);
    assert_true(far.lent < 100);
    pairs_end(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_Y10_strangers_that_hold_memory_are_not_missed),
        cmocka_unit_test(who_is_stuck_ends_when_others_wait),
        cmocka_unit_test(who_moves_goes_on_when_others_wait),
        cmocka_unit_test(an_association_that_is_over_holds_no_memory),
        cmocka_unit_test(what_is_behind_a_hole_is_kept_within_the_share),
        cmocka_unit_test(a_refused_writer_is_told_whoever_made_room),
        cmocka_unit_test(a_write_without_a_stream_waits_in_the_line),
        cmocka_unit_test(a_refusal_ends_also_where_the_message_never_fits),
        cmocka_unit_test(a_small_share_sends_and_receives),
        cmocka_unit_test(what_is_kept_for_a_writer_is_kept_for_a_while),
        cmocka_unit_test(a_window_that_grew_in_quiet_shrinks),
        cmocka_unit_test(a_closed_window_opens_with_the_room),
        cmocka_unit_test(what_fits_into_the_window_is_never_dropped),
        cmocka_unit_test(windows_grow_to_what_the_path_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
