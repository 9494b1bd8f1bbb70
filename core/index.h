/* Numbers of 16 bits to runs of a pool (core/store.h): a tree of cells, each with sixteen branches.
 *
 * A node is one cell: what it leads to for each value of four bits, nodes or at the bottom the runs. The
 * tree is as high as its largest number asks for, so few small numbers take one cell, 65,536 take 4,369,
 * and anything is found in four steps at most. Nodes without branches are given back.
 */
#ifndef WEIR_CORE_INDEX_H
#define WEIR_CORE_INDEX_H

#include "core/store.h"

#define WEIR_INDEX_HEIGHT_MAX 4

/* Begin it with zero height; the root counts only above that. */
struct weir_index {
    uint32_t root;
    uint32_t count; /* numbers in it */
    uint8_t height; /* levels of nodes */
};

/* The run of a number, or WEIR_NO_CELL. */
WEIR_API uint32_t weir_index_find(const struct weir_pool *p, const struct weir_index *x, uint32_t number);
/* Lead a number that is not in it to a run. False: no room, and nothing has changed. */
WEIR_MUST_CHECK WEIR_API bool weir_index_put(struct weir_pool *p, uint32_t account, struct weir_index *x,
                                             uint32_t number, uint32_t run);
/* A number that is in it goes. */
WEIR_API void weir_index_remove(struct weir_pool *p, uint32_t account, struct weir_index *x,
                                uint32_t number);
/* The first number from `from` on, which is in *number, and its run; WEIR_NO_CELL: there is none. */
WEIR_API uint32_t weir_index_next(const struct weir_pool *p, const struct weir_index *x, uint32_t from,
                                  uint32_t *number);
/* The first number from `from` on that is not in it; 65,536: there is none. */
WEIR_API uint32_t weir_index_gap(const struct weir_pool *p, const struct weir_index *x, uint32_t from);
/* All its nodes are given back. */
WEIR_API void weir_index_clear(struct weir_pool *p, uint32_t account, struct weir_index *x);

#endif
