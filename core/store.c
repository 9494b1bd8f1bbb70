/* Ropes of cells: 1. buffers cut into cells, 2. runs, 3. ropes, 4. shared ones.
 *
 * The first cell of a buffer uses four fields of struct weir_buf: `len` has the bits of the cells that
 * are free, `owner` is the account, `next` and `start` link the buffers of an account that have free
 * cells.
 */
#include "core/pool_int.h"

#define ALL_FREE 0xfffffffeu /* all but the first */
#define LOOKED_AT 4          /* buffers of an account that are searched for a run of a length */
#define WORTH_A_PIECE 4      /* cells: a shorter run is not begun while there are buffers */

/* -- 1. Buffers cut into cells ----------------------------------------------------------------- */

/* The list of buffers with free cells that a buffer of this owner stands in. */
static uint32_t *partial_of(struct weir_pool *p, uint32_t account)
{
    return account == WEIR_NO_ACCOUNT ? &p->account_cells
                                      : &((struct weir_account *)weir_cell_at(p, account))->partial;
}

static void partial_link(struct weir_pool *p, uint32_t index)
{
    struct weir_buf *b = weir_pool_at(p, index);
    uint32_t *head = partial_of(p, b->owner);
    b->start = WEIR_NO_BUF;
    b->next = *head;
    if (*head != WEIR_NO_BUF) {
        weir_pool_at(p, *head)->start = index;
    }
    *head = index;
}

static void partial_unlink(struct weir_pool *p, uint32_t index)
{
    struct weir_buf *b = weir_pool_at(p, index);
    if (b->start == WEIR_NO_BUF) {
        *partial_of(p, b->owner) = b->next;
    } else {
        weir_pool_at(p, b->start)->next = b->next;
    }
    if (b->next != WEIR_NO_BUF) {
        weir_pool_at(p, b->next)->start = b->start;
    }
}

static void cut_up(struct weir_pool *p, uint32_t index, uint32_t account)
{
    struct weir_buf *b = weir_pool_at(p, index);
    b->len = ALL_FREE;
    b->owner = account;
    partial_link(p, index);
}

/* -- 2. Runs ----------------------------------------------------------------------------------- */

/* The first place of so many free cells in a row; 0: there is none. */
static unsigned place_of(uint32_t bits, unsigned cells)
{
    for (unsigned have = 1; have < cells && bits != 0;) {
        unsigned step = have < cells - have ? have : cells - have;
        bits &= bits >> step;
        have += step;
    }
    return bits == 0 ? 0 : (unsigned)__builtin_ctz(bits);
}

static uint32_t bits_of(unsigned first, unsigned cells)
{
    return (uint32_t)(((UINT64_C(1) << cells) - 1) << first);
}

static uint32_t run_mark(struct weir_pool *p, uint32_t index, unsigned first, unsigned cells)
{
    struct weir_buf *b = weir_pool_at(p, index);
    b->len &= ~bits_of(first, cells);
    if (b->len == 0) {
        partial_unlink(p, index);
    }
    return index * 32 + first;
}

/* Give cells back; true when the buffer has become free, and is in no list any more. */
static bool run_unmark(struct weir_pool *p, uint32_t run, unsigned cells)
{
    uint32_t index = run / 32;
    struct weir_buf *b = weir_pool_at(p, index);
    if (b->len == 0) {
        partial_link(p, index);
    }
    b->len |= bits_of(run % 32, cells);
    if (b->len != ALL_FREE) {
        return false;
    }
    partial_unlink(p, index);
    return true;
}

/* A run of `want` cells, or of fewer but at least `least`, in one of the first few buffers that have
 * any. */
static uint32_t run_find(struct weir_pool *p, uint32_t account, unsigned least, unsigned *want)
{
    uint32_t index = *partial_of(p, account);
    for (unsigned i = 0; i < LOOKED_AT && index != WEIR_NO_BUF; i++) {
        const struct weir_buf *b = weir_pool_at(p, index);
        unsigned first = place_of(b->len, *want);
        if (first != 0) {
            return run_mark(p, index, first, *want);
        }
        first = place_of(b->len, least);
        if (first != 0 && least < *want) {
            unsigned rest = (unsigned)__builtin_ctz(~(b->len >> first));
            *want = rest;
            return run_mark(p, index, first, rest);
        }
        index = b->next;
    }
    return WEIR_NO_CELL;
}

static struct weir_account *account_at(const struct weir_pool *p, uint32_t account)
{
    return (struct weir_account *)weir_cell_at(p, account);
}

/* One run of at most *cells cells, which says how many it has. */
static uint32_t run_get(struct weir_pool *p, uint32_t account, enum weir_store_way way, unsigned *cells)
{
    unsigned want = *cells < WEIR_CELLS_PER_BUF ? *cells : WEIR_CELLS_PER_BUF;
    bool is_in_one = (way & WEIR_STORE_IN_ONE) != 0;
    unsigned least = is_in_one || want < WORTH_A_PIECE ? want : WORTH_A_PIECE;
    uint32_t run = run_find(p, account, least, &want);
    if (run == WEIR_NO_CELL) {
        uint32_t index = weir_account_get(p, account, (way & WEIR_STORE_INVITED) != 0);
        if (index != WEIR_NO_BUF) {
            cut_up(p, index, account);
            run = run_mark(p, index, 1, want);
        } else {
            run = run_find(p, account, 1, &want); /* what there is */
        }
    }
    if (run != WEIR_NO_CELL) {
        account_at(p, account)->cells += want;
        *cells = want;
    }
    return run;
}

static void run_put(struct weir_pool *p, uint32_t account, uint32_t run, unsigned cells)
{
    account_at(p, account)->cells -= cells;
    if (run_unmark(p, run, cells)) {
        weir_account_put(p, account, run / 32);
    }
}

uint32_t weir_cell_get(struct weir_pool *p, uint32_t account, enum weir_store_way way)
{
    unsigned cells = 1;
    return run_get(p, account, way, &cells);
}

void weir_cell_put(struct weir_pool *p, uint32_t account, uint32_t cell)
{
    run_put(p, account, cell, 1);
}

uint32_t weir_run_get(struct weir_pool *p, uint32_t account, enum weir_store_way way, uint32_t cells)
{
    unsigned got = cells;
    uint32_t run = run_get(p, account, way | WEIR_STORE_IN_ONE, &got);
    if (run != WEIR_NO_CELL && got < cells) { /* no buffer more, and no such row in those held */
        run_put(p, account, run, got);
        run = WEIR_NO_CELL;
    }
    return run;
}

void weir_run_put(struct weir_pool *p, uint32_t account, uint32_t run, uint32_t cells)
{
    run_put(p, account, run, cells);
}

uint32_t weir_cell_of_pool_get(struct weir_pool *p)
{
    unsigned want = 1;
    if (p->account_cells == WEIR_NO_BUF) {
        uint32_t index = weir_pool_get(p);
        if (index == WEIR_NO_BUF) {
            return WEIR_NO_CELL;
        }
        cut_up(p, index, WEIR_NO_ACCOUNT);
    }
    return run_find(p, WEIR_NO_ACCOUNT, 1, &want);
}

void weir_cell_of_pool_put(struct weir_pool *p, uint32_t cell)
{
    if (run_unmark(p, cell, 1)) {
        weir_pool_put(p, cell / 32);
    }
}

/* -- 3. Ropes ---------------------------------------------------------------------------------- */

uint32_t weir_rope_cells(uint32_t head, uint32_t bytes)
{
    uint32_t first = (head + WEIR_CELL_BYTES - 1) / WEIR_CELL_BYTES;
    uint32_t in_first = first * WEIR_CELL_BYTES - head, rest = bytes > in_first ? bytes - in_first : 0;
    uint32_t each = WEIR_CELL_BYTES - (uint32_t)sizeof(struct weir_piece);
    return first + (rest + each - 1) / each;
}

static uint32_t capacity(const struct weir_piece *piece)
{
    return (uint32_t)piece->cells * WEIR_CELL_BYTES - piece->at;
}

uint32_t weir_rope_room(const struct weir_pool *p, uint32_t tail)
{
    uint32_t room = 0;
    for (uint32_t run = tail; run != WEIR_NO_CELL; run = weir_piece_at(p, run)->next) {
        room += capacity(weir_piece_at(p, run)) - weir_piece_at(p, run)->bytes;
    }
    return room;
}

void weir_rope_put(struct weir_pool *p, uint32_t account, uint32_t head)
{
    while (head != WEIR_NO_CELL) {
        const struct weir_piece *piece = weir_piece_at(p, head);
        uint32_t next = piece->next;
        run_put(p, account, head, piece->cells);
        head = next;
    }
}

uint32_t weir_rope_count(const struct weir_pool *p, uint32_t head)
{
    uint32_t cells = 0;
    for (; head != WEIR_NO_CELL; head = weir_piece_at(p, head)->next) {
        cells += weir_piece_at(p, head)->cells;
    }
    return cells;
}

/* A chain of runs with room for `bytes`, the first one behind `head` bytes. */
static bool chain_get(struct weir_pool *p, uint32_t account, enum weir_store_way way, uint32_t head,
                      uint32_t bytes, struct weir_rope *chain)
{
    uint32_t room = 0;
    chain->head = chain->tail = WEIR_NO_CELL;
    for (uint32_t at = head; room < bytes || chain->head == WEIR_NO_CELL;
         at = (uint32_t)sizeof(struct weir_piece)) {
        uint32_t need = at + bytes - room;
        unsigned cells = need > WEIR_BUF_CELL_BYTES ? WEIR_CELLS_PER_BUF
                                                    : (need + WEIR_CELL_BYTES - 1) / WEIR_CELL_BYTES;
        uint32_t run = run_get(p, account, way, &cells);
        if (run == WEIR_NO_CELL) {
            weir_rope_put(p, account, chain->head);
            return false;
        }
        struct weir_piece *piece = weir_piece_at(p, run);
        *piece = (struct weir_piece){ .next = WEIR_NO_CELL, .cells = (uint8_t)cells, .at = (uint8_t)at };
        if (chain->head == WEIR_NO_CELL) {
            chain->head = run;
        } else {
            weir_piece_at(p, chain->tail)->next = run;
        }
        chain->tail = run;
        room += capacity(piece);
    }
    return true;
}

bool weir_rope_begin(struct weir_pool *p, uint32_t account, enum weir_store_way way, uint32_t head,
                     uint32_t bytes, struct weir_rope *rope)
{
    return chain_get(p, account, way, head, bytes, rope);
}

bool weir_rope_extend(struct weir_pool *p, uint32_t account, enum weir_store_way way,
                      struct weir_rope *rope, uint32_t bytes)
{
    struct weir_rope more;
    uint32_t room = weir_rope_room(p, rope->tail);
    if (bytes <= room) {
        return true;
    }
    if (!chain_get(p, account, way, (uint32_t)sizeof(struct weir_piece), bytes - room, &more)) {
        return false;
    }
    weir_piece_at(p, rope->tail)->next = more.head;
    return true;
}

void weir_rope_write(struct weir_pool *p, uint32_t *tail, struct weir_span bytes)
{
    struct weir_rd r = weir_rd_of(bytes);
    for (;;) {
        struct weir_piece *piece = weir_piece_at(p, *tail);
        uint32_t room = capacity(piece) - piece->bytes;
        struct weir_span part;
        if (!weir_rd_take(&r, r.n < room ? r.n : room, &part)) {
            return;
        }
        weir_copy((uint8_t *)piece + piece->at + piece->bytes, part.p, part.n);
        piece->bytes = (uint16_t)(piece->bytes + part.n);
        if (r.n == 0 || piece->next == WEIR_NO_CELL) {
            return;
        }
        *tail = piece->next;
    }
}

void weir_rope_join(struct weir_pool *p, uint32_t account, struct weir_rope *a, struct weir_rope b)
{
    struct weir_piece *first = weir_piece_at(p, b.head);
    if (first->bytes <= weir_rope_room(p, a->tail)) {
        uint32_t rest = first->next;
        weir_rope_write(p, &a->tail, weir_span_of((const uint8_t *)first + first->at, first->bytes));
        run_put(p, account, b.head, first->cells);
        if (rest == WEIR_NO_CELL) {
            return;
        }
        b.head = rest;
    }
    weir_piece_at(p, a->tail)->next = b.head;
    a->tail = b.tail;
}

/* -- 4. Shared --------------------------------------------------------------------------------- */

struct shared {
    struct weir_piece piece;
    uint32_t holders;
};

uint32_t weir_shared_make(struct weir_pool *p, uint32_t account, struct weir_span bytes)
{
    struct weir_rope rope;
    uint32_t head = (uint32_t)sizeof(struct shared), n = (uint32_t)bytes.n;
    if (bytes.n > UINT16_MAX || !weir_rope_begin(p, account, WEIR_STORE_DENSE, head, n, &rope)) {
        return WEIR_NO_CELL;
    }
    uint32_t tail = rope.head;
    ((struct shared *)weir_cell_at(p, rope.head))->holders = 1;
    weir_rope_write(p, &tail, bytes);
    return rope.head;
}

void weir_shared_hold(struct weir_pool *p, uint32_t shared)
{
    ((struct shared *)weir_cell_at(p, shared))->holders++;
}

void weir_shared_drop(struct weir_pool *p, uint32_t shared)
{
    if (--((struct shared *)weir_cell_at(p, shared))->holders == 0) {
        weir_rope_put(p, weir_pool_at(p, shared / 32)->owner, shared);
    }
}

bool weir_store_check(const struct weir_pool *p, uint32_t account)
{
    const struct weir_account *a = account_at(p, account);
    uint32_t free_cells = 0, buffers = 0, previous = WEIR_NO_BUF;
    for (uint32_t i = a->partial; i != WEIR_NO_BUF; i = weir_pool_at(p, i)->next) {
        const struct weir_buf *b = weir_pool_at(p, i);
        if (b->owner != account || b->start != previous || b->len == 0 || b->len == ALL_FREE
            || ++buffers > a->held) {
            return false;
        }
        for (uint32_t bits = b->len; bits != 0; bits &= bits - 1) {
            free_cells++;
        }
        previous = i;
    }
    return (uint64_t)a->held * WEIR_CELLS_PER_BUF == (uint64_t)a->cells + free_cells;
}
