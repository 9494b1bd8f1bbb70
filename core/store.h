/* Bytes of any length, packed into the buffers of a pool.
 *
 * A buffer is cut into 32 cells of 64 bytes; the first describes it, and holds for every other one a
 * bit that says whether it is free. A *run* is some cells of one buffer that follow each other; it is
 * named by the number of its buffer times 32 plus that of its first cell. Bytes are kept in *ropes*:
 * chains of runs, each with eight bytes in front that say where the next one is. Whoever keeps a rope
 * has fields of its own in front of the first run's bytes. So a byte costs a byte, a header, and what
 * is left of its last cell.
 *
 *     cell   0                  1 ... 3                           4 ... 31
 *          +------------------+---------------------------------+---------- ... -+
 *          | bits, list links | piece | own fields | bytes .... | piece | bytes  |
 *          +------------------+---------------------------------+---------- ... -+
 *
 * All runs of a buffer belong to one account (core/pool.h), so that who keeps one byte of a buffer
 * pays for that buffer, and nobody else does; its free cells are used for what it keeps next.
 */
#ifndef WEIR_CORE_STORE_H
#define WEIR_CORE_STORE_H

#include "core/pool.h"

#define WEIR_CELL_BYTES 64
#define WEIR_CELLS_PER_BUF 31
#define WEIR_BUF_CELL_BYTES (WEIR_CELLS_PER_BUF * WEIR_CELL_BYTES)
#define WEIR_NO_CELL UINT32_MAX

/* The beginning of a run. */
struct weir_piece {
    uint32_t next;  /* the run that goes on, or WEIR_NO_CELL */
    uint16_t bytes; /* used */
    uint8_t cells;
    uint8_t at;     /* of its bytes, from the beginning of the run */
};

static inline void *weir_cell_at(const struct weir_pool *p, uint32_t run)
{
    return (uint8_t *)&p->bufs[run / 32] + (size_t)(run % 32) * WEIR_CELL_BYTES;
}

static inline struct weir_piece *weir_piece_at(const struct weir_pool *p, uint32_t run)
{
    return (struct weir_piece *)weir_cell_at(p, run);
}

/* How bytes are laid out. */
enum weir_store_way {
    WEIR_STORE_DENSE,   /* fill what is free first */
    WEIR_STORE_IN_ONE,  /* in one run if that costs no more than a buffer */
    WEIR_STORE_INVITED, /* bit: for bytes that were promised room */
};

/* A rope that is being written: its last run is remembered. */
struct weir_rope {
    uint32_t head, tail;
};

/* Cells that a rope of so many bytes needs at most, with `head` bytes of own fields, piece included. */
WEIR_API uint32_t weir_rope_cells(uint32_t head, uint32_t bytes);

/* Begin a rope with room for `head` bytes of own fields, its piece included, and for `bytes` of
 * content; all of the room or nothing. The fields are not cleared. False: refused. */
WEIR_MUST_CHECK WEIR_API bool weir_rope_begin(struct weir_pool *p, uint32_t account,
                                              enum weir_store_way way, uint32_t head, uint32_t bytes,
                                              struct weir_rope *rope);
/* Make room for more behind what is there; all of it or nothing. */
WEIR_MUST_CHECK WEIR_API bool weir_rope_extend(struct weir_pool *p, uint32_t account,
                                               enum weir_store_way way, struct weir_rope *rope,
                                               uint32_t bytes);
/* Write into the room; *tail is the run where writing goes on, and moves. The room is there. */
WEIR_API void weir_rope_write(struct weir_pool *p, uint32_t *tail, struct weir_span bytes);
/* Bytes of content that fit behind what is written, from run `tail` on. */
WEIR_API uint32_t weir_rope_room(const struct weir_pool *p, uint32_t tail);
/* Append rope b to a: its own fields go, and its bytes are moved where a has room for them in front of
 * b's first run. */
WEIR_API void weir_rope_join(struct weir_pool *p, uint32_t account, struct weir_rope *a,
                             struct weir_rope b);
/* Give the cells back. */
WEIR_API void weir_rope_put(struct weir_pool *p, uint32_t account, uint32_t head);
/* Cells of a rope. */
WEIR_API uint32_t weir_rope_count(const struct weir_pool *p, uint32_t head);

/* One cell, for who has something of fixed size to keep; its bytes are whatever was there. WEIR_NO_CELL:
 * refused. */
WEIR_MUST_CHECK WEIR_API uint32_t weir_cell_get(struct weir_pool *p, uint32_t account,
                                                enum weir_store_way way);
WEIR_API void weir_cell_put(struct weir_pool *p, uint32_t account, uint32_t cell);

/* The same of so many cells that follow each other, at most WEIR_CELLS_PER_BUF. */
WEIR_MUST_CHECK WEIR_API uint32_t weir_run_get(struct weir_pool *p, uint32_t account,
                                               enum weir_store_way way, uint32_t cells);
WEIR_API void weir_run_put(struct weir_pool *p, uint32_t account, uint32_t run, uint32_t cells);

/* Cells that something of so many bytes needs. */
#define WEIR_CELLS_OF(bytes) (((uint32_t)(bytes) + WEIR_CELL_BYTES - 1) / WEIR_CELL_BYTES)

/* -- Bytes that many keep: stored once, given back by the last -- */

/* A rope of these bytes with one holder, on this account; WEIR_NO_CELL: refused. */
WEIR_MUST_CHECK WEIR_API uint32_t weir_shared_make(struct weir_pool *p, uint32_t account,
                                                   struct weir_span bytes);
/* One holder more; and one less, which gives the cells back when it was the last. */
WEIR_API void weir_shared_hold(struct weir_pool *p, uint32_t shared);
WEIR_API void weir_shared_drop(struct weir_pool *p, uint32_t shared);

/* The content, run after run; *cursor begins as the rope's head. */
static inline bool weir_rope_next(const struct weir_pool *p, uint32_t *cursor, struct weir_span *bytes)
{
    if (*cursor == WEIR_NO_CELL) {
        return false;
    }
    const struct weir_piece *piece = weir_piece_at(p, *cursor);
    *bytes = weir_span_of((const uint8_t *)piece + piece->at, piece->bytes);
    *cursor = piece->next;
    return true;
}

/* Is every byte of the account's buffers where it belongs? For tests and fuzzing. */
WEIR_API bool weir_store_check(const struct weir_pool *p, uint32_t account);

#endif
