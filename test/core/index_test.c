/* Numbers to runs: what was put in is found, in order, and nothing else; every node is given back. */
#include "core/index.h"
#include "test/support/support.h"

enum { BUFS = 1024, ALL = 65536 };

static struct weir_buf bufs[BUFS];
static struct weir_pool pool;
static uint32_t there[ALL]; /* 0: not in it */

static uint32_t begin(struct weir_index *x)
{
    memset(x, 0, sizeof *x);
    memset(there, 0, sizeof there);
    weir_pool_init(&pool, bufs, BUFS);
    return weir_account_open(&pool, 0);
}

static void end(uint32_t account, struct weir_index *x)
{
    weir_index_clear(&pool, account, x);
    assert_int_equal(x->count, 0);
    assert_int_equal(weir_account_cells(&pool, account), 0);
    weir_account_close(&pool, account);
    assert_int_equal(pool.free_count, BUFS);
}

static void assert_agrees(const struct weir_index *x)
{
    uint32_t number, at = 0, count = 0;
    for (uint32_t run; (run = weir_index_next(&pool, x, at, &number)) != WEIR_NO_CELL; at = number + 1) {
        for (; at < number; at++) {
            assert_int_equal(there[at], 0);
        }
        assert_int_equal(run, there[number]);
        count++;
    }
    for (; at < ALL; at++) {
        assert_int_equal(there[at], 0);
    }
    assert_int_equal(count, x->count);
}

static void few_small_numbers_take_one_cell(void **state)
{
    (void)state;
    struct weir_index x;
    uint32_t account = begin(&x);
    for (uint32_t i = 0; i < 16; i++) {
        assert_true(weir_index_put(&pool, account, &x, i, 100 + i));
        there[i] = 100 + i;
    }
    assert_int_equal(weir_account_cells(&pool, account), 1);
    assert_agrees(&x);
    assert_int_equal(weir_index_gap(&pool, &x, 0), 16);
    assert_true(weir_index_put(&pool, account, &x, 65535, 7));
    there[65535] = 7;
    assert_int_equal(weir_account_cells(&pool, account), 7);
    assert_agrees(&x);
    end(account, &x);
}

static void ten_thousand_even_numbers_take_nine_bytes_each(void **state)
{
    (void)state;
    struct weir_index x;
    uint32_t account = begin(&x);
    for (uint32_t i = 0; i < 20000; i += 2) {
        assert_true(weir_index_put(&pool, account, &x, i, 1 + i));
        there[i] = 1 + i;
    }
    assert_true(weir_account_cells(&pool, account) * WEIR_CELL_BYTES <= 90000);
    assert_agrees(&x);
    for (uint32_t i = 0; i < 20000; i += 2) {
        assert_int_equal(weir_index_find(&pool, &x, i), 1 + i);
        assert_int_equal(weir_index_find(&pool, &x, i + 1), WEIR_NO_CELL);
    }
    end(account, &x);
}

static void any_numbers_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct weir_index x;
        struct weir_rand rand;
        uint32_t account = begin(&x), range = seed % 2 == 0 ? ALL : 300;
        weir_rand_init_number(&rand, test_seed(seed));
        for (unsigned turn = 0; turn < 6000; turn++) {
            uint32_t number = weir_rand_below(&rand, range);
            assert_int_equal(weir_index_find(&pool, &x, number), there[number] != 0 ? there[number] : WEIR_NO_CELL);
            if (there[number] != 0) {
                weir_index_remove(&pool, account, &x, number);
                there[number] = 0;
            } else {
                there[number] = 1 + turn;
                assert_true(weir_index_put(&pool, account, &x, number, 1 + turn));
            }
            uint32_t gap = weir_index_gap(&pool, &x, number);
            assert_true(gap == ALL || there[gap] == 0);
        }
        assert_agrees(&x);
        assert_true(weir_store_check(&pool, account));
        end(account, &x);
    }
}

/* Without room for its nodes a number is not put in, and none of them stays. */
static void no_room_changes_nothing(void **state)
{
    (void)state;
    for (uint32_t left = 0; left < 8; left++) {
        struct weir_index x;
        uint32_t account = begin(&x), number = 0;
        while (weir_pool_get(&pool) != WEIR_NO_BUF && pool.lendable - pool.lent > 2) {
        }
        assert_true(weir_index_put(&pool, account, &x, 3, 1));
        while (weir_account_spare(&pool, account) > left || weir_account_room(&pool, account) != 0) {
            if (weir_cell_get(&pool, account) == WEIR_NO_CELL) {
                break;
            }
        }
        uint32_t before = weir_account_cells(&pool, account);
        bool is_in = weir_index_put(&pool, account, &x, 60000, 2);
        assert_int_equal(is_in, left >= 6);
        assert_int_equal(weir_account_cells(&pool, account), is_in ? before + 6 : before);
        assert_int_equal(weir_index_find(&pool, &x, 3), 1);
        assert_int_equal(weir_index_next(&pool, &x, 0, &number), 1);
        assert_int_equal(x.count, is_in ? 2 : 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_small_numbers_take_one_cell),
        cmocka_unit_test(ten_thousand_even_numbers_take_nine_bytes_each),
        cmocka_unit_test(any_numbers_in_any_order),
        cmocka_unit_test(no_room_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
