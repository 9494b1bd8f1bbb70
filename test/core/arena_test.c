/* Blocks come and go: each is leased to one at a time, zero when it comes and wiped when it goes. */
#include "core/arena.h"
#include "test/support/support.h"

enum { BLOCKS = 8 };

struct block {
    uint64_t owner;
    uint8_t secret[120];
};

static struct block memory[BLOCKS];
static struct weir_arena arena;

static void begin(void)
{
    memset(memory, 0xa5, sizeof memory);
    weir_arena_init(&arena, memory, sizeof memory[0], BLOCKS);
}

static struct block *at(uint32_t i)
{
    return (struct block *)weir_arena_at(&arena, i);
}

static void assert_zero(const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(((const uint8_t *)bytes)[i], 0);
    }
}

static void a_block_is_zero_when_it_comes(void **state)
{
    (void)state;
    begin();
    uint32_t fresh = weir_arena_lease(&arena);
    assert_zero(at(fresh), sizeof(struct block));
    memset(at(fresh), 0x5a, sizeof(struct block));
    weir_arena_put(&arena, fresh);
    uint32_t again = weir_arena_lease(&arena);
    assert_int_equal(again, fresh);
    assert_zero(at(again), sizeof(struct block));
}

static void a_block_is_wiped_when_it_goes(void **state)
{
    (void)state;
    begin();
    uint32_t one = weir_arena_lease(&arena), other = weir_arena_lease(&arena);
    memset(at(one), 0x5a, sizeof(struct block));
    memset(at(other), 0x5a, sizeof(struct block));
    weir_arena_put(&arena, one);
    assert_zero(at(one)->secret, sizeof at(one)->secret);
    assert_int_equal(at(other)->secret[119], 0x5a);
}

static void what_is_not_there_is_refused_and_counted(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(weir_arena_free(&arena), BLOCKS - i);
        assert_int_not_equal(weir_arena_lease(&arena), WEIR_NO_BLOCK);
    }
    assert_int_equal(weir_arena_lease(&arena), WEIR_NO_BLOCK);
    assert_int_equal(weir_arena_lease(&arena), WEIR_NO_BLOCK);
    assert_int_equal(arena.refusals, 2);
    assert_int_equal(arena.leased_most, BLOCKS);
    weir_arena_put(&arena, 3);
    assert_int_equal(weir_arena_lease(&arena), 3);
    assert_int_equal(weir_arena_lease(&arena), WEIR_NO_BLOCK);
}

/* So much memory is touched as was ever in use at one time. */
static void what_came_back_is_leased_before_what_was_never_used(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t one = weir_arena_lease(&arena), other = weir_arena_lease(&arena);
        assert_true(one < 2 && other < 2 && one != other);
        weir_arena_put(&arena, i % 2 == 0 ? one : other);
        weir_arena_put(&arena, i % 2 == 0 ? other : one);
    }
    assert_int_equal(arena.fresh, 2);
    assert_int_equal(arena.leased, 0);
    assert_int_equal(((const uint8_t *)memory)[2 * sizeof(struct block)], 0xa5);
}

static void nobody_is_given_what_another_has(void **state)
{
    (void)state;
    uint64_t seed = 1;
    uint32_t held[BLOCKS], count = 0;
    begin();
    for (uint64_t i = 1; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if (seed >> 63 != 0 && count != 0) {
            uint32_t which = (uint32_t)(seed >> 33) % count;
            weir_arena_put(&arena, held[which]);
            held[which] = held[--count];
        } else if (count < BLOCKS) {
            held[count] = weir_arena_lease(&arena);
            at(held[count++])->owner = i;
        }
        for (uint32_t k = 0; k < count; k++) {
            assert_int_not_equal(at(held[k])->owner, 0);
            for (uint32_t m = 0; m < k; m++) {
                assert_int_not_equal(held[m], held[k]);
                assert_int_not_equal(at(held[m])->owner, at(held[k])->owner);
            }
        }
        assert_int_equal(arena.leased, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_zero_when_it_comes),
        cmocka_unit_test(a_block_is_wiped_when_it_goes),
        cmocka_unit_test(what_is_not_there_is_refused_and_counted),
        cmocka_unit_test(what_came_back_is_leased_before_what_was_never_used),
        cmocka_unit_test(nobody_is_given_what_another_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
