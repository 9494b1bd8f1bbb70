/* Counting what passes a stage. */
#include "core/stage.h"

static unsigned bucket(uint64_t v)
{
    unsigned b = 0;
    while (v > 1 && b < WEIR_STAGE_BUCKETS - 1) {
        v >>= 1;
        b++;
    }
    return b;
}

void weir_stage_note(struct weir_stage *s, uint64_t packets, uint64_t bytes, uint64_t ns)
{
    s->batches++;
    s->packets += packets;
    s->bytes += bytes;
    s->ns += ns;
    s->latency_ns[bucket(ns)]++;
    s->batch_size[bucket(packets)]++;
}
