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

void weir_stage_note(struct weir_stage *s, uint64_t packets, uint64_t bytes, uint64_t cycles)
{
    s->batches++;
    s->packets += packets;
    s->bytes += bytes;
    s->cycles += cycles;
    s->latency[bucket(cycles)]++;
    s->batch_size[bucket(packets)]++;
}

uint64_t weir_stage_quantile(const uint64_t histogram[WEIR_STAGE_BUCKETS], unsigned of_1000)
{
    uint64_t all = 0, below = 0;
    unsigned b = 0;
    for (unsigned i = 0; i < WEIR_STAGE_BUCKETS; i++) {
        all += histogram[i];
    }
    while (b < WEIR_STAGE_BUCKETS - 1 && (below + histogram[b]) * 1000 < all * of_1000) {
        below += histogram[b++];
    }
    return all == 0 ? 0 : (uint64_t)2 << b;
}
