/* Blocks of one size, leased for as long as something lasts: a handshake, a check list.
 *
 * What a connection needs only for a while does not belong into its own structure, where it would stay for
 * good. It is a block of an arena that many connections share, and comes back when its use ends. A block is
 * named by its index, so that structures which hold one stay flat; a snapshot of a machine is its structure
 * and the blocks that it names. Memory is resident from its first use on, and what came back last is leased
 * first: as much is touched as was ever in use at one time.
 *
 * One machine alone has an arena of one block:
 *
 *     struct weir_x_block block;
 *     weir_arena_init(&arena, &block, sizeof block, 1);
 */
#ifndef WEIR_CORE_ARENA_H
#define WEIR_CORE_ARENA_H

#include "core/base.h"

#define WEIR_NO_BLOCK UINT32_MAX

struct weir_arena {
    uint8_t *memory;     /* the owner's */
    uint32_t block_bytes;
    uint32_t count;
    uint32_t free_head;  /* the block that came back last, or WEIR_NO_BLOCK */
    uint32_t fresh;      /* blocks from here on were never leased */
    uint32_t leased, leased_most;
    uint64_t refusals;
};

/* Take over memory for `count` blocks of `block_bytes`, at least 4 and a multiple of what their content is
 * aligned to, as the memory is. It outlives the arena. */
WEIR_API void weir_arena_init(struct weir_arena *a, void *memory, size_t block_bytes, uint32_t count);

/* A block, all zero; WEIR_NO_BLOCK: every one is in use, and that is counted. */
WEIR_MUST_CHECK WEIR_API uint32_t weir_arena_lease(struct weir_arena *a);

/* Give one back. It is wiped. */
WEIR_API void weir_arena_put(struct weir_arena *a, uint32_t block);

/* A leased block; it stays where it is until it is given back. */
static inline void *weir_arena_at(const struct weir_arena *a, uint32_t block)
{
    return a->memory + (size_t)block * a->block_bytes;
}

static inline uint32_t weir_arena_free(const struct weir_arena *a)
{
    return a->count - a->leased;
}

#endif
