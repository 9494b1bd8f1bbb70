/* Bytes packed into buffers: every byte comes back, whatever order it goes in, and every cell is counted. */
#include "core/store.h"
#include "test/support/support.h"

enum { BUFS = 64, HEAD = 40 };

static struct weir_buf bufs[BUFS];
static struct weir_pool pool;
static uint8_t content[20000];

static uint32_t begin(void)
{
    weir_pool_init(&pool, bufs, BUFS);
    for (unsigned i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i * 31 + i / 251);
    }
    return weir_account_open(&pool, 0);
}

static void end(uint32_t account)
{
    assert_true(weir_store_check(&pool, account));
    assert_int_equal(weir_account_cells(&pool, account), 0);
    weir_account_close(&pool, account);
    assert_int_equal(pool.free_count, BUFS);
    assert_int_equal(pool.lent, 0);
}

static struct weir_rope rope_of(uint32_t account, enum weir_store_way way, size_t n)
{
    struct weir_rope rope;
    assert_true(weir_rope_begin(&pool, account, way, HEAD, (uint32_t)n, &rope));
    uint32_t tail = rope.head;
    weir_rope_write(&pool, &tail, weir_span_of(content, n));
    assert_int_equal(tail, rope.tail);
    return rope;
}

static void assert_content(uint32_t head, size_t n)
{
    struct weir_span part;
    size_t at = 0;
    while (weir_rope_next(&pool, &head, &part)) {
        assert_true(at + part.n <= n);
        assert_memory_equal(part.p, content + at, part.n);
        at += part.n;
    }
    assert_int_equal(at, n);
}

static void a_byte_costs_a_cell_and_bulk_little_more_than_itself(void **state)
{
    (void)state;
    uint32_t account = begin();
    struct weir_rope one = rope_of(account, WEIR_STORE_DENSE, 1);
    assert_int_equal(weir_account_cells(&pool, account), 1);
    struct weir_rope many = rope_of(account, WEIR_STORE_DENSE, sizeof content);
    assert_true(weir_account_cells(&pool, account) * WEIR_CELL_BYTES < sizeof content * 103 / 100 + 128);
    assert_content(one.head, 1);
    assert_content(many.head, sizeof content);
    weir_rope_put(&pool, account, one.head);
    weir_rope_put(&pool, account, many.head);
    end(account);
}

/* When no buffer is to be had, a rope is made of whatever cells there are. */
static void a_rope_lies_in_single_cells_where_there_is_nothing_else(void **state)
{
    (void)state;
    static uint32_t held[BUFS * WEIR_CELLS_PER_BUF];
    uint32_t account = begin(), count = 0;
    struct weir_rope rope;
    while (weir_rope_begin(&pool, account, WEIR_STORE_DENSE, HEAD, 1, &rope)) {
        held[count++] = rope.head;
    }
    for (uint32_t i = 0; i < count; i += 2) {
        weir_rope_put(&pool, account, held[i]);
    }
    rope = rope_of(account, WEIR_STORE_DENSE, 1000);
    assert_content(rope.head, 1000);
    weir_rope_put(&pool, account, rope.head);
    for (uint32_t i = 1; i < count; i += 2) {
        weir_rope_put(&pool, account, held[i]);
    }
    end(account);
}

/* What never takes more than was said: every size, into memory with holes of every kind. */
static void a_rope_never_takes_more_cells_than_was_said(void **state)
{
    (void)state;
    uint32_t account = begin(), held[600], count = 0;
    struct weir_rand rand;
    weir_rand_init_number(&rand, test_seed(1));
    while (count < 600) {
        struct weir_rope rope;
        if (!weir_rope_begin(&pool, account, WEIR_STORE_DENSE, HEAD, weir_rand_below(&rand, 60), &rope)) {
            break;
        }
        held[count++] = rope.head;
    }
    for (uint32_t i = 0; i < count; i += 2) { /* every second cell is free now */
        weir_rope_put(&pool, account, held[i]);
        held[i] = WEIR_NO_CELL;
    }
    for (size_t n = 0; n < 3000; n += 7) {
        uint32_t before = weir_account_cells(&pool, account);
        struct weir_rope rope = rope_of(account, WEIR_STORE_DENSE, n);
        uint32_t cells = weir_account_cells(&pool, account) - before;
        assert_int_equal(cells, weir_rope_count(&pool, rope.head));
        assert_true(cells <= weir_rope_cells(HEAD, (uint32_t)n));
        assert_content(rope.head, n);
        weir_rope_put(&pool, account, rope.head);
    }
    for (uint32_t i = 1; i < count; i += 2) {
        weir_rope_put(&pool, account, held[i]);
    }
    end(account);
}

static void one_run_if_that_costs_no_more_than_a_buffer(void **state)
{
    (void)state;
    uint32_t account = begin();
    struct weir_rope a = rope_of(account, WEIR_STORE_IN_ONE, 1200), b = rope_of(account, WEIR_STORE_IN_ONE, 1200);
    assert_int_equal(weir_piece_at(&pool, a.head)->next, WEIR_NO_CELL);
    assert_int_equal(weir_piece_at(&pool, b.head)->next, WEIR_NO_CELL);
    /* Small ones go where those left room. */
    uint32_t free_count = pool.free_count;
    struct weir_rope c = rope_of(account, WEIR_STORE_IN_ONE, 500);
    assert_int_equal(pool.free_count, free_count);
    weir_rope_put(&pool, account, a.head);
    weir_rope_put(&pool, account, b.head);
    weir_rope_put(&pool, account, c.head);
    end(account);
}

static void a_rope_that_does_not_fit_takes_nothing(void **state)
{
    (void)state;
    uint32_t account = begin();
    struct weir_rope rope;
    assert_false(weir_rope_begin(&pool, account, WEIR_STORE_DENSE, HEAD, BUFS * 2048, &rope));
    assert_int_equal(weir_account_cells(&pool, account), 0);
    struct weir_rope a = rope_of(account, WEIR_STORE_DENSE, 100);
    assert_false(weir_rope_extend(&pool, account, WEIR_STORE_DENSE, &a, BUFS * 2048));
    assert_content(a.head, 100);
    weir_rope_put(&pool, account, a.head);
    end(account);
}

static void ropes_grow_and_join(void **state)
{
    (void)state;
    struct weir_rand rand;
    weir_rand_init_number(&rand, test_seed(2));
    for (unsigned turn = 0; turn < 300; turn++) {
        uint32_t account = begin();
        size_t n = 1 + weir_rand_below(&rand, 300), more = weir_rand_below(&rand, 3000);
        size_t third = 1 + weir_rand_below(&rand, 3000);
        struct weir_rope a = rope_of(account, WEIR_STORE_DENSE, n);
        assert_true(weir_rope_extend(&pool, account, WEIR_STORE_DENSE, &a, (uint32_t)more));
        weir_rope_write(&pool, &a.tail, weir_span_of(content + n, more));
        struct weir_rope b;
        assert_true(weir_rope_begin(&pool, account, WEIR_STORE_DENSE, HEAD, (uint32_t)third, &b));
        weir_rope_write(&pool, &b.tail, weir_span_of(NULL, 0));
        uint32_t tail = b.head;
        weir_rope_write(&pool, &tail, weir_span_of(content + n + more, third));
        weir_rope_join(&pool, account, &a, b);
        assert_content(a.head, n + more + third);
        assert_int_equal(weir_piece_at(&pool, a.tail)->next, WEIR_NO_CELL);
        /* And on behind the join. */
        assert_true(weir_rope_extend(&pool, account, WEIR_STORE_DENSE, &a, 500));
        weir_rope_write(&pool, &a.tail, weir_span_of(content + n + more + third, 500));
        assert_content(a.head, n + more + third + 500);
        weir_rope_put(&pool, account, a.head);
        end(account);
    }
}

/* A run is one piece of memory, or refused: cells here and there are none. */
static void a_run_lies_in_one_or_is_refused(void **state)
{
    (void)state;
    uint32_t account = begin(), run[400], n = 0;
    while ((run[n] = weir_run_get(&pool, account, WEIR_STORE_DENSE, 7)) != WEIR_NO_CELL) {
        memset(weir_cell_at(&pool, run[n]), (int)n, 7 * WEIR_CELL_BYTES);
        n++;
    }
    uint32_t buffers = n / 4;
    assert_true(buffers > 10 && n % 4 == 0);
    assert_int_equal(weir_account_cells(&pool, account), n * 7);
    assert_int_equal(weir_account_spare(&pool, account), buffers * 3); /* enough, but not in a row */
    assert_int_equal(weir_run_get(&pool, account, WEIR_STORE_DENSE, 4), WEIR_NO_CELL);
    assert_int_equal(weir_account_cells(&pool, account), n * 7);
    uint32_t small = weir_run_get(&pool, account, WEIR_STORE_DENSE, 3);
    assert_int_not_equal(small, WEIR_NO_CELL);
    weir_run_put(&pool, account, small, 3);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *p = weir_cell_at(&pool, run[i]);
        for (unsigned k = 0; k < 7 * WEIR_CELL_BYTES; k++) {
            assert_int_equal(p[k], (uint8_t)i);
        }
        weir_run_put(&pool, account, run[i], 7);
    }
    uint32_t whole = weir_run_get(&pool, account, WEIR_STORE_DENSE, WEIR_CELLS_PER_BUF);
    assert_int_not_equal(whole, WEIR_NO_CELL);
    weir_run_put(&pool, account, whole, WEIR_CELLS_PER_BUF);
    uint32_t most = weir_run_get(&pool, account, WEIR_STORE_DENSE, WEIR_CELLS_PER_BUF - 5); /* five are left */
    uint32_t behind = weir_run_get(&pool, account, WEIR_STORE_DENSE, 7); /* and it needs another buffer */
    assert_int_not_equal(behind, WEIR_NO_CELL);
    assert_int_not_equal(behind / 32, most / 32);
    weir_run_put(&pool, account, most, WEIR_CELLS_PER_BUF - 5);
    weir_run_put(&pool, account, behind, 7);
    assert_int_equal(WEIR_CELLS_OF(1), 1);
    assert_int_equal(WEIR_CELLS_OF(64), 1);
    assert_int_equal(WEIR_CELLS_OF(65), 2);
    end(account);
}

static void what_many_hold_goes_with_the_last(void **state)
{
    (void)state;
    uint32_t account = begin();
    uint32_t shared = weir_shared_make(&pool, account, weir_span_of(content, 1000));
    for (unsigned i = 0; i < 5; i++) {
        weir_shared_hold(&pool, shared);
    }
    for (unsigned i = 0; i < 5; i++) {
        weir_shared_drop(&pool, shared);
        assert_content(shared, 1000);
    }
    weir_shared_drop(&pool, shared);
    end(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_costs_a_cell_and_bulk_little_more_than_itself),
        cmocka_unit_test(a_rope_lies_in_single_cells_where_there_is_nothing_else),
        cmocka_unit_test(a_rope_never_takes_more_cells_than_was_said),
        cmocka_unit_test(one_run_if_that_costs_no_more_than_a_buffer),
        cmocka_unit_test(a_rope_that_does_not_fit_takes_nothing),
        cmocka_unit_test(ropes_grow_and_join),
        cmocka_unit_test(what_many_hold_goes_with_the_last),
        cmocka_unit_test(a_run_lies_in_one_or_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
