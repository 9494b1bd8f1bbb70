/* One stage of a pipeline, counted: how much passed, in what batches, how many cycles it took. Cycles
 * are of any counter that runs evenly; who reads the figures knows its rate. */
#ifndef WEIR_CORE_STAGE_H
#define WEIR_CORE_STAGE_H

#include "core/base.h"

#define WEIR_STAGE_BUCKETS 24 /* powers of two: bucket i counts values in [2^i, 2^(i+1)) */

struct weir_stage {
    uint64_t batches, packets, bytes, cycles;
    uint64_t latency[WEIR_STAGE_BUCKETS];    /* cycles of a batch */
    uint64_t batch_size[WEIR_STAGE_BUCKETS]; /* packets of a batch */
};

/* A batch of packets passed in so many cycles. */
WEIR_API void weir_stage_note(struct weir_stage *s, uint64_t packets, uint64_t bytes,
                              uint64_t cycles);

/* The upper end of the bucket below which the given thousandth of a histogram's values lie. */
WEIR_API uint64_t weir_stage_quantile(const uint64_t histogram[WEIR_STAGE_BUCKETS],
                                      unsigned of_1000);

#endif
