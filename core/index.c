/* The tree: 1. finding, 2. putting in, 3. taking out, 4. in order. */
#include "core/index.h"

#define BRANCHES 16
#define ALL 65536

static uint32_t *node_at(const struct weir_pool *p, uint32_t node)
{
    return (uint32_t *)weir_cell_at(p, node);
}

static unsigned branch_of(uint32_t number, unsigned level)
{
    return number >> (4 * level) & (BRANCHES - 1);
}

static bool is_below(const struct weir_index *x, uint32_t number)
{
    return x->height != 0 && number >> (4 * x->height) == 0;
}

/* -- 1. Finding -------------------------------------------------------------------------------- */

uint32_t weir_index_find(const struct weir_pool *p, const struct weir_index *x, uint32_t number)
{
    uint32_t at = is_below(x, number) ? x->root : WEIR_NO_CELL;
    for (unsigned level = x->height; level-- != 0 && at != WEIR_NO_CELL;) {
        at = node_at(p, at)[branch_of(number, level)];
    }
    return at;
}

/* -- 2. Putting in ----------------------------------------------------------------------------- */

static uint32_t node_get(struct weir_pool *p, uint32_t account)
{
    uint32_t node = weir_cell_get(p, account);
    if (node != WEIR_NO_CELL) {
        memset(node_at(p, node), 0xff, WEIR_CELL_BYTES);
    }
    return node;
}

static bool is_empty(const struct weir_pool *p, uint32_t node)
{
    for (unsigned i = 0; i < BRANCHES; i++) {
        if (node_at(p, node)[i] != WEIR_NO_CELL) {
            return false;
        }
    }
    return true;
}

/* Nodes that lead to nothing go, from the bottom of a number's way upwards. */
static void prune(struct weir_pool *p, uint32_t account, struct weir_index *x, uint32_t number)
{
    uint32_t way[WEIR_INDEX_HEIGHT_MAX], at = x->root;
    unsigned depth = 0;
    for (unsigned level = x->height; level-- != 0 && at != WEIR_NO_CELL;) {
        way[depth++] = at;
        at = level == 0 ? WEIR_NO_CELL : node_at(p, at)[branch_of(number, level)];
    }
    while (depth != 0 && is_empty(p, way[depth - 1])) {
        weir_cell_put(p, account, way[--depth]);
        if (depth == 0) {
            x->height = 0;
        } else {
            node_at(p, way[depth - 1])[branch_of(number, x->height - depth)] = WEIR_NO_CELL;
        }
    }
}

/* A level more at the top, until the number lies below; an empty tree begins as high as it must be. */
static bool raise(struct weir_pool *p, uint32_t account, struct weir_index *x, uint32_t number)
{
    while (!is_below(x, number)) {
        uint32_t node = node_get(p, account);
        if (node == WEIR_NO_CELL) {
            return false;
        }
        if (x->height != 0) {
            node_at(p, node)[0] = x->root;
        }
        x->height++;
        while (x->count == 0 && !is_below(x, number)) {
            x->height++;
        }
        x->root = node;
    }
    return true;
}

/* Back to a height that was enough. */
static void lower(struct weir_pool *p, uint32_t account, struct weir_index *x, uint8_t height)
{
    while (x->height > height) {
        uint32_t node = x->root;
        x->root = node_at(p, node)[0];
        x->height--;
        weir_cell_put(p, account, node);
    }
}

bool weir_index_put(struct weir_pool *p, uint32_t account, struct weir_index *x, uint32_t number,
                    uint32_t run)
{
    uint8_t height = x->height;
    bool is_raised = raise(p, account, x, number);
    uint32_t at = x->root;
    for (unsigned level = x->height; is_raised && level-- != 1;) {
        uint32_t *branch = &node_at(p, at)[branch_of(number, level)];
        if (*branch == WEIR_NO_CELL) {
            *branch = node_get(p, account);
        }
        is_raised = *branch != WEIR_NO_CELL;
        at = *branch;
    }
    if (!is_raised) {
        if (is_below(x, number)) {
            prune(p, account, x, number);
        }
        lower(p, account, x, x->count != 0 ? height : x->height);
        return false;
    }
    node_at(p, at)[branch_of(number, 0)] = run;
    x->count++;
    return true;
}

/* -- 3. Taking out ----------------------------------------------------------------------------- */

void weir_index_remove(struct weir_pool *p, uint32_t account, struct weir_index *x, uint32_t number)
{
    uint32_t at = x->root;
    for (unsigned level = x->height; level-- != 1;) {
        at = node_at(p, at)[branch_of(number, level)];
    }
    node_at(p, at)[branch_of(number, 0)] = WEIR_NO_CELL;
    x->count--;
    prune(p, account, x, number);
}

void weir_index_clear(struct weir_pool *p, uint32_t account, struct weir_index *x)
{
    uint32_t number;
    while (weir_index_next(p, x, 0, &number) != WEIR_NO_CELL) {
        weir_index_remove(p, account, x, number);
    }
}

/* -- 4. In order ------------------------------------------------------------------------------- */

uint32_t weir_index_next(const struct weir_pool *p, const struct weir_index *x, uint32_t from,
                         uint32_t *number)
{
    while (is_below(x, from)) {
        uint32_t at = x->root;
        unsigned level = x->height;
        while (level != 0 && at != WEIR_NO_CELL) {
            at = node_at(p, at)[branch_of(from, --level)];
        }
        if (at != WEIR_NO_CELL) {
            *number = from;
            return at;
        }
        from = ((from >> (4 * level)) + 1) << (4 * level); /* the branch that leads nowhere is passed */
    }
    return WEIR_NO_CELL;
}

uint32_t weir_index_gap(const struct weir_pool *p, const struct weir_index *x, uint32_t from)
{
    while (from < ALL && weir_index_find(p, x, from) != WEIR_NO_CELL) {
        from++;
    }
    return from;
}
