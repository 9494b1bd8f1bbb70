/* The shard's one timer structure: a heap over the deadlines of its peers. An idle peer costs nothing
 * between its deadlines; moving a deadline costs the logarithm of the number of peers. */
#include "peer/node_int.h"

size_t weir_timers_bytes(uint32_t peers_max)
{
    return (size_t)peers_max * (sizeof(weir_time) + 2 * sizeof(uint32_t));
}

void weir_timers_init(struct node_timers *t, uint32_t peers_max, void *memory)
{
    t->count = 0;
    t->deadline = (weir_time *)memory;
    t->heap = (uint32_t *)(void *)(t->deadline + peers_max);
    t->at = t->heap + peers_max;
    for (uint32_t i = 0; i < peers_max; i++) {
        t->deadline[i] = WEIR_NEVER;
        t->at[i] = NODE_NONE;
    }
}

static void place(struct node_timers *t, uint32_t at, uint32_t slot)
{
    t->heap[at] = slot;
    t->at[slot] = at;
}

static void sift_up(struct node_timers *t, uint32_t at, uint32_t slot)
{
    while (at != 0 && t->deadline[t->heap[(at - 1) / 2]] > t->deadline[slot]) {
        place(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(t, at, slot);
}

static void sift_down(struct node_timers *t, uint32_t at, uint32_t slot)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < t->count
            && t->deadline[t->heap[child + 1]] < t->deadline[t->heap[child]]) {
            child++;
        }
        if (child >= t->count || t->deadline[t->heap[child]] >= t->deadline[slot]) {
            break;
        }
        place(t, at, t->heap[child]);
        at = child;
    }
    place(t, at, slot);
}

static void remove_at(struct node_timers *t, uint32_t at)
{
    uint32_t last = t->heap[--t->count];
    t->at[t->heap[at]] = NODE_NONE;
    if (at != t->count) {
        sift_down(t, at, last);
        sift_up(t, t->at[last], last);
    }
}

void weir_timers_set(struct node_timers *t, uint32_t slot, weir_time deadline)
{
    uint32_t at = t->at[slot];
    if (t->deadline[slot] == deadline) {
        return;
    }
    t->deadline[slot] = deadline;
    if (deadline == WEIR_NEVER) {
        remove_at(t, at);
        return;
    }
    if (at == NODE_NONE) {
        at = t->count++;
        sift_up(t, at, slot);
        return;
    }
    sift_down(t, at, slot);
    sift_up(t, t->at[slot], slot);
}

weir_time weir_timers_next(const struct node_timers *t, uint32_t *slot)
{
    if (t->count == 0) {
        return WEIR_NEVER;
    }
    *slot = t->heap[0];
    return t->deadline[t->heap[0]];
}
