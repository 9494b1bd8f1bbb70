/* The shard's one timer structure: a hierarchical timing wheel over the deadlines of its peers. Setting,
 * moving and removing a deadline takes constant time however many peers there are, a deadline is
 * handled at most once per level, and an idle peer costs nothing between its deadlines.
 *
 *   A tick is 64 us. Level 0 has 64 slots of one tick, level 1 64 slots of 64 ticks, and so on: a
 *   deadline lies on the level of the highest group of six bits in which it differs from the present
 *   tick, in the slot that this group names. Everything on a level comes before everything above it.
 *   The top level is a ring: it holds what lies up to 63 of its slots ahead, and what lies further
 *   ahead waits in its last slot and moves on when that is passed.
 *
 *   1. set       link into the list of the slot; what is due already goes to the list of due ones
 *   2. next      the first slot of the lowest level in use: when to look again
 *   3. expire    pass the slots whose time has come: level 0 is due, others move down a level
 *
 * Deadlines are rounded up to a tick: a timer fires up to 64 us late and never early.
 */
#include "peer/node_int.h"

#define TICK_BITS 6
#define GROUP_BITS 6
#define SLOTS (1u << GROUP_BITS)
#define LIST_DUE (NODE_TIMER_LEVELS * SLOTS)
#define TOP (NODE_TIMER_LEVELS - 1)

_Static_assert(NODE_TIMER_LISTS == LIST_DUE + 1, "a list for every slot, and one for what is due");

size_t weir_timers_bytes(uint32_t slots)
{
    return (size_t)slots * sizeof(struct node_timer);
}

void weir_timers_init(struct node_timers *t, weir_time now, uint32_t slots, void *memory)
{
    t->tick = now >> TICK_BITS;
    t->timer = (struct node_timer *)memory;
    memset(t->used, 0, sizeof t->used);
    memset(t->head, 0xff, sizeof t->head);
    for (uint32_t i = 0; i < slots; i++) {
        t->timer[i].deadline = WEIR_NEVER;
        t->timer[i].list = NODE_NONE;
    }
}

/* -- 1. Lists ---------------------------------------------------------------------------------- */

static void link_into(struct node_timers *t, uint32_t list, uint32_t slot)
{
    struct node_timer *x = &t->timer[slot];
    x->list = list;
    x->previous = NODE_NONE;
    x->next = t->head[list];
    if (x->next != NODE_NONE) {
        t->timer[x->next].previous = slot;
    }
    t->head[list] = slot;
    if (list != LIST_DUE) {
        t->used[list / SLOTS] |= (uint64_t)1 << list % SLOTS;
    }
}

static void unlink_from(struct node_timers *t, uint32_t slot)
{
    struct node_timer *x = &t->timer[slot];
    if (x->next != NODE_NONE) {
        t->timer[x->next].previous = x->previous;
    }
    if (x->previous != NODE_NONE) {
        t->timer[x->previous].next = x->next;
    } else {
        t->head[x->list] = x->next;
        if (x->next == NODE_NONE && x->list != LIST_DUE) {
            t->used[x->list / SLOTS] &= ~((uint64_t)1 << x->list % SLOTS);
        }
    }
    x->list = NODE_NONE;
}

/* The tick at which a deadline is due. */
static uint64_t tick_of(weir_time deadline)
{
    return (deadline >> TICK_BITS) + ((deadline & ((1u << TICK_BITS) - 1)) != 0 ? 1 : 0);
}

static void place(struct node_timers *t, uint32_t slot)
{
    uint64_t tick = tick_of(t->timer[slot].deadline);
    if (tick <= t->tick) {
        link_into(t, LIST_DUE, slot);
        return;
    }
    uint64_t differs = tick ^ t->tick;
    unsigned level = 0;
    while (level < TOP && differs >> GROUP_BITS != 0) {
        differs >>= GROUP_BITS;
        level++;
    }
    uint64_t last = (t->tick >> (GROUP_BITS * TOP)) + SLOTS - 1;
    if (level == TOP && tick >> (GROUP_BITS * TOP) > last) {
        tick = last << (GROUP_BITS * TOP);
    }
    link_into(t, level * SLOTS + (uint32_t)(tick >> (GROUP_BITS * level)) % SLOTS, slot);
}

void weir_timers_set(struct node_timers *t, uint32_t slot, weir_time deadline)
{
    struct node_timer *x = &t->timer[slot];
    if (x->deadline == deadline) {
        return;
    }
    if (x->list != NODE_NONE) {
        unlink_from(t, slot);
    }
    x->deadline = deadline;
    if (deadline != WEIR_NEVER) {
        place(t, slot);
    }
}

/* -- 2. Next ----------------------------------------------------------------------------------- */

/* The first slot in use and the tick at which it begins; false when there is none. Below the top no slot
 * before the present one is in use; on the top such a slot lies a round ahead. */
static bool first_slot(const struct node_timers *t, uint32_t *list, uint64_t *begin)
{
    for (unsigned level = 0; level < NODE_TIMER_LEVELS; level++) {
        unsigned shift = GROUP_BITS * level;
        uint64_t at = t->tick >> shift;
        for (unsigned i = 1; t->used[level] != 0 && i < SLOTS; i++) {
            if ((t->used[level] >> (at + i) % SLOTS & 1) != 0) {
                *list = level * SLOTS + (uint32_t)((at + i) % SLOTS);
                *begin = (at + i) << shift;
                return true;
            }
        }
    }
    return false;
}

weir_time weir_timers_next(const struct node_timers *t)
{
    uint32_t list;
    uint64_t begin;
    if (t->head[LIST_DUE] != NODE_NONE) {
        return t->tick << TICK_BITS;
    }
    return first_slot(t, &list, &begin) ? begin << TICK_BITS : WEIR_NEVER;
}

/* -- 3. Expire --------------------------------------------------------------------------------- */

static void pass_slots(struct node_timers *t, uint64_t tick)
{
    uint32_t list;
    uint64_t begin;
    while (first_slot(t, &list, &begin) && begin <= tick) { /* each timer moves down or is due */
        t->tick = begin;
        while (t->head[list] != NODE_NONE) {
            uint32_t slot = t->head[list];
            unlink_from(t, slot);
            place(t, slot);
        }
    }
    t->tick = tick > t->tick ? tick : t->tick;
}

bool weir_timers_expire(struct node_timers *t, weir_time now, uint32_t *slot)
{
    if (t->head[LIST_DUE] == NODE_NONE) {
        pass_slots(t, now >> TICK_BITS);
    }
    *slot = t->head[LIST_DUE];
    if (*slot == NODE_NONE) {
        return false;
    }
    unlink_from(t, *slot);
    t->timer[*slot].deadline = WEIR_NEVER;
    return true;
}
