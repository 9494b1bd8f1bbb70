/* The trace ring. */
#include "core/trace.h"

void weir_trace_init(struct weir_trace *t, struct weir_trace_rec *ring, uint32_t capacity)
{
    t->ring = ring;
    t->mask = capacity - 1;
    t->written = 0;
    memset(ring, 0, (size_t)capacity * sizeof *ring);
}
