/* Blocks of one size, leased for a while: a stack of those that came back, over those never used. */
#include "core/arena.h"

void weir_arena_init(struct weir_arena *a, void *memory, size_t block_bytes, uint32_t count)
{
    *a = (struct weir_arena){ .memory = (uint8_t *)memory, .block_bytes = (uint32_t)block_bytes,
                              .count = count, .free_head = WEIR_NO_BLOCK };
}

uint32_t weir_arena_lease(struct weir_arena *a)
{
    uint32_t block = a->free_head;
    if (block != WEIR_NO_BLOCK) {
        memcpy(&a->free_head, weir_arena_at(a, block), sizeof a->free_head);
        memset(weir_arena_at(a, block), 0, sizeof a->free_head); /* the rest was wiped when it came back */
    } else if (a->fresh < a->count) {
        block = a->fresh++;
        memset(weir_arena_at(a, block), 0, a->block_bytes);
    } else {
        a->refusals++;
        return WEIR_NO_BLOCK;
    }
    a->leased++;
    a->leased_most = a->leased > a->leased_most ? a->leased : a->leased_most;
    return block;
}

void weir_arena_put(struct weir_arena *a, uint32_t block)
{
    weir_wipe(weir_arena_at(a, block), a->block_bytes);
    memcpy(weir_arena_at(a, block), &a->free_head, sizeof a->free_head);
    a->free_head = block;
    a->leased--;
}
