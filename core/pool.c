/* The packet pool: a free list threaded through the buffers that were in use. Those that never were are
 * counted, not touched: memory is resident from its first use on. */
#include "core/pool.h"

void weir_pool_init(struct weir_pool *p, struct weir_buf *bufs, uint32_t count)
{
    memset(p, 0, sizeof *p);
    p->bufs = bufs;
    p->count = count;
    p->free_count = count;
    p->free_least = count;
    p->free_head = WEIR_NO_BUF;
}

uint32_t weir_pool_get(struct weir_pool *p)
{
    uint32_t index = p->free_head;
    if (index == WEIR_NO_BUF && p->fresh == p->count) {
        p->misses++;
        return WEIR_NO_BUF;
    }
    index = index == WEIR_NO_BUF ? p->fresh : index;
    struct weir_buf *b = &p->bufs[index];
    if (index == p->fresh) {
        p->fresh++;
    } else {
        p->free_head = b->next;
    }
    p->free_count--;
    if (p->free_count < p->free_least) {
        p->free_least = p->free_count;
    }
    b->next = WEIR_NO_BUF;
    b->start = WEIR_BUF_HEADROOM;
    b->len = 0;
    b->owner = 0;
    memset(b->meta, 0, sizeof b->meta);
    return index;
}

void weir_pool_put(struct weir_pool *p, uint32_t index)
{
    struct weir_buf *b = &p->bufs[index];
    b->next = p->free_head;
    p->free_head = index;
    p->free_count++;
}

void weir_pool_put_list(struct weir_pool *p, uint32_t head)
{
    while (head != WEIR_NO_BUF) {
        uint32_t next = p->bufs[head].next;
        weir_pool_put(p, head);
        head = next;
    }
}
