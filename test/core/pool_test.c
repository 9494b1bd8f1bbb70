/* Who has a right to how much of a pool: shares are always there, loans leave room for others, promises are
 * kept, and who waits is told in order. */
#include "core/store.h"
#include "test/support/support.h"

enum { BUFS = 1000, SHARE = 10, MEMBERS = 30 };

static struct weir_buf bufs[BUFS];
static struct weir_pool pool;

static void begin(void)
{
    weir_pool_init(&pool, bufs, BUFS);
    assert_true(weir_pool_divide(&pool, MEMBERS, SHARE));
}

/* Buffers taken by an account, in a list through the buffers that the pool does not look at. */
struct holder {
    uint32_t account, head, count;
};

static struct holder open_holder(uint32_t tag)
{
    struct holder h = { weir_account_open(&pool, tag), WEIR_NO_BUF, 0 };
    return h;
}

static bool take(struct holder *h, bool is_invited)
{
    uint32_t i = weir_account_get(&pool, h->account, is_invited);
    if (i == WEIR_NO_BUF) {
        return false;
    }
    weir_pool_at(&pool, i)->next = h->head;
    h->head = i;
    h->count++;
    return true;
}

static uint32_t take_all(struct holder *h)
{
    while (take(h, false)) {
    }
    return h->count;
}

static void give(struct holder *h, uint32_t n)
{
    while (n-- != 0 && h->head != WEIR_NO_BUF) {
        uint32_t next = weir_pool_at(&pool, h->head)->next;
        weir_account_put(&pool, h->account, h->head);
        h->head = next;
        h->count--;
    }
}

static void shut(struct holder *h)
{
    give(h, UINT32_MAX);
    weir_account_close(&pool, h->account);
}

static bool ask(const struct holder *h, uint32_t n)
{
    bool is_never;
    bool may = weir_account_ask(&pool, h->account, n, &is_never);
    assert_false(is_never);
    return may;
}

static void a_share_is_there_whatever_the_others_do(void **state)
{
    (void)state;
    struct holder h[MEMBERS];
    begin();
    for (uint32_t i = 0; i < MEMBERS; i++) {
        h[i] = open_holder(i);
        assert_int_not_equal(h[i].account, WEIR_NO_ACCOUNT);
    }
    assert_int_equal(weir_account_open(&pool, 99), WEIR_NO_ACCOUNT); /* its share is not there */
    for (uint32_t i = 0; i < MEMBERS; i++) {
        assert_true(take_all(&h[i]) >= SHARE);
    }
    assert_true(h[0].count >= (BUFS - MEMBERS * SHARE) / 2 + SHARE); /* the first got two thirds of the rest */
    assert_true(h[0].count <= (BUFS - MEMBERS * SHARE) * 2 / 3 + SHARE);
    for (uint32_t i = 1; i < MEMBERS; i++) {
        assert_true(h[i].count <= h[i - 1].count);
    }
    shut(&h[7]);
    h[7] = open_holder(7);
    assert_true(take_all(&h[7]) >= SHARE);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        shut(&h[i]);
    }
    assert_int_equal(pool.lent, 0);
    assert_int_equal(pool.free_count, BUFS);
}

static void shares_that_are_not_there_are_not_promised(void **state)
{
    (void)state;
    weir_pool_init(&pool, bufs, BUFS);
    assert_false(weir_pool_divide(&pool, 100, 10)); /* nothing for the accounts themselves */
    assert_true(weir_pool_divide(&pool, 99, 10));
    assert_true(weir_pool_shares(99, 10) <= BUFS);
    uint32_t a = weir_account_open(&pool, 0);
    assert_false(weir_pool_divide(&pool, 1, 1)); /* too late */
    weir_account_close(&pool, a);
}

static void what_was_promised_is_kept(void **state)
{
    (void)state;
    begin();
    struct holder a = open_holder(0), b = open_holder(1);
    uint32_t promised = weir_account_promise(&pool, a.account, 200);
    assert_int_equal(promised, 200);
    (void)take_all(&b);
    while (weir_pool_get(&pool) != WEIR_NO_BUF) { /* and what belongs to nobody */
    }
    for (uint32_t i = 0; i < 200; i++) {
        assert_true(take(&a, true));
    }
    assert_false(take(&a, true));
    /* It may be made less at any time, and not more than there is. */
    assert_int_equal(weir_account_promise(&pool, a.account, 5), 0);
    give(&a, 200);
    assert_int_equal(weir_account_promise(&pool, a.account, SHARE), SHARE);
}

/* A loan is called back until there is enough: who gives a little is told again. */
static void who_gives_back_too_little_is_told_again(void **state)
{
    (void)state;
    begin();
    struct holder hog = open_holder(0), w = open_holder(1);
    uint32_t tag;
    (void)take_all(&hog);
    assert_false(ask(&w, 300));
    for (uint32_t round = 0; round < 5; round++) {
        assert_true(weir_pool_news(&pool, &tag));
        assert_int_equal(tag, 0);
        assert_int_equal(weir_account_take_news(&pool, hog.account), WEIR_NEWS_LOAN);
        assert_false(weir_pool_news(&pool, &tag));
        give(&hog, 1);
    }
    give(&hog, UINT32_MAX);
    (void)weir_account_take_news(&pool, hog.account);
    assert_int_equal(weir_account_take_news(&pool, w.account), WEIR_NEWS_ROOM);
    assert_true(ask(&w, 300));
    weir_account_forgo(&pool, w.account);
    shut(&hog);
    shut(&w);
}

static void who_waits_is_told_in_order_and_has_room(void **state)
{
    (void)state;
    begin();
    struct holder hog = open_holder(0), w[4];
    uint32_t tag;
    for (uint32_t i = 0; i < 4; i++) {
        w[i] = open_holder(1 + i);
    }
    (void)take_all(&hog);
    while (weir_pool_get(&pool) != WEIR_NO_BUF) {
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_false(ask(&w[i], SHARE + 5 + i));
        assert_false(ask(&w[i], SHARE + 5 + i)); /* asking again does not move it to the end */
    }
    assert_true(weir_pool_news(&pool, &tag)); /* the largest borrower is asked back */
    assert_int_equal(tag, 0);
    assert_int_equal(weir_account_take_news(&pool, hog.account), WEIR_NEWS_LOAN);
    give(&hog, 15);
    uint32_t told = 0;
    while (weir_pool_news(&pool, &tag)) {
        if (tag == 0) {
            (void)weir_account_take_news(&pool, hog.account); /* the next one has not enough yet */
            continue;
        }
        assert_int_equal(tag, 1 + told);
        assert_int_equal(weir_account_take_news(&pool, w[told].account), WEIR_NEWS_ROOM);
        told++;
    }
    assert_in_range(told, 1, 3);
    /* What they were told is there, though others come first. */
    (void)take_all(&hog);
    for (uint32_t i = 0; i < told; i++) {
        assert_true(ask(&w[i], SHARE + 5 + i));
        for (uint32_t k = 0; k < SHARE + 5 + i; k++) {
            assert_true(take(&w[i], false));
        }
    }
    /* Who gives up what was kept for it leaves it to the next. */
    give(&hog, UINT32_MAX);
    do {
        assert_true(weir_pool_news(&pool, &tag));
    } while (tag == 0);
    assert_int_equal(tag, 1 + told);
    weir_account_forgo(&pool, w[told].account);
    assert_int_equal(weir_account_take_news(&pool, w[told].account), 0);
}

static void what_could_never_be_is_said_so(void **state)
{
    (void)state;
    begin();
    struct holder a = open_holder(0);
    bool is_never;
    assert_false(weir_account_ask(&pool, a.account, BUFS, &is_never));
    assert_true(is_never);
    assert_true(weir_account_ask(&pool, a.account, weir_account_most(&pool), &is_never));
    shut(&a);
}

/* Who was told that there is room and then needs more waits for the difference alone, and what it gives back
 * itself serves it as well. */
static void what_is_kept_counts_for_who_needs_more(void **state)
{
    (void)state;
    begin();
    struct holder a = open_holder(0), other[8];
    uint32_t most = weir_account_most(&pool), half = most / 2 + 20;
    bool is_never;
    assert_true(weir_account_ask(&pool, a.account, half, &is_never));
    for (unsigned i = 0; i < 8; i++) {
        other[i] = open_holder(1 + i);
        take_all(&other[i]);
    }
    assert_false(weir_account_ask(&pool, a.account, half + 10, &is_never));
    for (unsigned i = 0; i < 8; i++) {
        give(&other[i], UINT32_MAX);
    }
    assert_int_equal(weir_account_take_news(&pool, a.account) & WEIR_NEWS_ROOM, WEIR_NEWS_ROOM);
    assert_int_equal(weir_account_kept(&pool, a.account), half + 10);
    weir_account_done(&pool, a.account);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(take(&a, false)); /* of its share */
    }
    for (unsigned i = 0; i < 8; i++) {
        take_all(&other[i]);
    }
    assert_false(weir_account_ask(&pool, a.account, SHARE, &is_never));
    (void)weir_account_take_news(&pool, a.account);
    give(&a, 5);
    assert_int_equal(weir_account_take_news(&pool, a.account) & WEIR_NEWS_ROOM, WEIR_NEWS_ROOM);
    weir_account_invite(&pool, a.account);
    assert_int_equal(weir_account_kept(&pool, a.account), 0);
    assert_int_equal(weir_account_promise(&pool, a.account, UINT32_MAX), SHARE); /* with no room for more */
    for (unsigned i = 0; i < SHARE; i++) {
        assert_true(take(&a, true)); /* it is promised now */
    }
    shut(&a);
    for (unsigned i = 0; i < 8; i++) {
        shut(&other[i]);
    }
    assert_int_equal(pool.lent, 0);
}

/* Who has so much of its own that nobody else could make room for it keeps its place, and the others do not
 * wait for it. */
static void who_stands_in_its_own_way_holds_nobody_up(void **state)
{
    (void)state;
    begin();
    struct holder a = open_holder(0), b = open_holder(1), c = open_holder(2);
    bool is_never;
    for (unsigned i = 0; i < SHARE; i++) {
        assert_true(take(&a, false));
    }
    assert_false(weir_account_ask(&pool, a.account, weir_account_most(&pool), &is_never));
    assert_false(is_never);
    take_all(&c);
    assert_false(weir_account_ask(&pool, b.account, 300, &is_never));
    give(&c, UINT32_MAX);
    assert_int_equal(weir_account_take_news(&pool, b.account) & WEIR_NEWS_ROOM, WEIR_NEWS_ROOM);
    weir_account_done(&pool, b.account);
    assert_int_equal(weir_account_take_news(&pool, a.account) & WEIR_NEWS_ROOM, 0);
    give(&a, UINT32_MAX);
    assert_int_equal(weir_account_take_news(&pool, a.account) & WEIR_NEWS_ROOM, WEIR_NEWS_ROOM);
    shut(&a);
    shut(&b);
    shut(&c);
    assert_int_equal(pool.lent, 0);
}

/* Of those who keep borrowed bytes behind holes, the one whose hole is the oldest is asked back. */
static void the_oldest_hole_is_called_back_first(void **state)
{
    (void)state;
    begin();
    struct holder h[3], late = open_holder(9);
    uint32_t tag;
    for (uint32_t i = 0; i < 3; i++) {
        h[i] = open_holder(i);
        for (uint32_t k = 0; k < (i == 0 ? SHARE : 150u); k++) {
            assert_true(take(&h[i], false));
        }
        weir_account_set_holes(&pool, h[i].account, true);
    }
    weir_account_set_holes(&pool, h[1].account, true); /* that one's closed, and another opened */
    while (weir_pool_get(&pool) != WEIR_NO_BUF) {
    }
    assert_false(ask(&late, SHARE + 1));
    assert_true(weir_pool_news(&pool, &tag));
    assert_int_equal(tag, 2); /* the first borrows nothing */
    assert_true((weir_account_take_news(&pool, h[2].account) & WEIR_NEWS_HOLES) != 0);
    while (weir_pool_news(&pool, &tag)) {
    }
    weir_account_set_holes(&pool, h[2].account, false);
    weir_account_forgo(&pool, late.account);
    assert_false(ask(&late, SHARE + 1));
    assert_true((weir_account_take_news(&pool, h[1].account) & WEIR_NEWS_HOLES) != 0);
}

static bool has_room(struct holder *h)
{
    return (weir_account_take_news(&pool, h->account) & WEIR_NEWS_ROOM) != 0;
}

/* Whatever frees memory serves who waits: an account that ends with what was promised to it, and buffers of
 * nobody. Who gets what it asks for next waits no more. */
static void whatever_makes_room_serves_who_waits(void **state)
{
    (void)state;
    static uint32_t taken[BUFS];
    begin();
    struct holder a = open_holder(0), b = open_holder(1), c = open_holder(2);
    uint32_t count = 0, i;
    assert_true(weir_account_promise(&pool, a.account, 400) == 400);
    assert_false(ask(&b, 300));
    weir_account_close(&pool, a.account);
    assert_true(has_room(&b));
    weir_account_done(&pool, b.account);
    while ((i = weir_pool_get(&pool)) != WEIR_NO_BUF) {
        taken[count++] = i;
    }
    assert_false(ask(&b, SHARE + 2));
    assert_false(ask(&c, SHARE + 2));
    assert_true(ask(&c, SHARE)); /* that much is there */
    weir_account_done(&pool, c.account);
    while (count != 0) {
        weir_pool_put(&pool, taken[--count]);
    }
    assert_true(has_room(&b));
    assert_false(has_room(&c));
    shut(&b);
    shut(&c);
    assert_int_equal(pool.lent, 0);
}

/* A promise that is refused calls back as well; nobody is called for itself, nor for an equal. */
static void others_are_called_back_who_have_more(void **state)
{
    (void)state;
    begin();
    struct holder a = open_holder(0), b = open_holder(1);
    take_all(&a);
    weir_account_set_holes(&pool, a.account, true);
    assert_false(ask(&a, 200));
    assert_int_equal(weir_account_take_news(&pool, a.account), 0);
    weir_account_forgo(&pool, a.account);
    assert_true(weir_account_promise(&pool, b.account, 500) < 500);
    assert_int_equal(weir_account_take_news(&pool, a.account), WEIR_NEWS_HOLES | WEIR_NEWS_LOAN);
    shut(&a);
    shut(&b);
}

/* Anything, in any order: no account is short of its share, no promise is broken, nothing is lost. */
static void rights_hold_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct weir_rand rand;
        struct holder h[MEMBERS];
        uint32_t promised[MEMBERS] = { 0 }, opened = 0;
        weir_rand_init_number(&rand, test_seed(seed));
        begin();
        for (unsigned turn = 0; turn < 20000; turn++) {
            uint32_t i = weir_rand_below(&rand, MEMBERS), n = 1 + weir_rand_below(&rand, 60);
            bool is_never;
            if (i >= opened) {
                if (opened < MEMBERS) {
                    h[opened] = open_holder(opened);
                    promised[opened++] = 0;
                }
                continue;
            }
            switch (weir_rand_below(&rand, 6)) {
            case 0:
                promised[i] = weir_account_promise(&pool, h[i].account, n);
                break;
            case 1:
                while (promised[i] != 0) { /* always granted */
                    assert_true(take(&h[i], true));
                    promised[i]--;
                }
                break;
            case 2:
                while (n-- != 0 && take(&h[i], false)) {
                }
                break;
            case 3:
                give(&h[i], n);
                break;
            case 4:
                if (weir_account_ask(&pool, h[i].account, n, &is_never)) {
                    while (n-- > 3) {
                        assert_true(take(&h[i], false)); /* it was said that it may */
                    }
                    weir_account_done(&pool, h[i].account);
                }
                break;
            default:
                weir_account_set_holes(&pool, h[i].account, n % 2 == 0);
                (void)weir_account_take_news(&pool, h[i].account);
                break;
            }
            if (h[i].count + promised[i] < SHARE) {
                assert_true(weir_account_room(&pool, h[i].account) >= SHARE - h[i].count - promised[i]
                            || h[i].count + promised[i] + 60 > SHARE); /* kept for it, then */
            }
            assert_true(pool.lent <= pool.lendable);
        }
        while (opened != 0) {
            shut(&h[--opened]);
        }
        assert_int_equal(pool.free_count, BUFS);
        assert_int_equal(pool.lent, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_there_whatever_the_others_do),
        cmocka_unit_test(shares_that_are_not_there_are_not_promised),
        cmocka_unit_test(what_was_promised_is_kept),
        cmocka_unit_test(who_gives_back_too_little_is_told_again),
        cmocka_unit_test(who_waits_is_told_in_order_and_has_room),
        cmocka_unit_test(what_could_never_be_is_said_so),
        cmocka_unit_test(what_is_kept_counts_for_who_needs_more),
        cmocka_unit_test(who_stands_in_its_own_way_holds_nobody_up),
        cmocka_unit_test(the_oldest_hole_is_called_back_first),
        cmocka_unit_test(whatever_makes_room_serves_who_waits),
        cmocka_unit_test(others_are_called_back_who_have_more),
        cmocka_unit_test(rights_hold_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
