/* One stage of a pipeline, counted: how much passed, in what batches, how long it took. */
#ifndef WEIR_CORE_STAGE_H
#define WEIR_CORE_STAGE_H

#include "core/base.h"

#define WEIR_STAGE_BUCKETS 24 /* powers of two: bucket i counts values in [2^i, 2^(i+1)) */

struct weir_stage {
    uint64_t batches, packets, bytes, ns;
    uint64_t latency_ns[WEIR_STAGE_BUCKETS]; /* of a batch */
    uint64_t batch_size[WEIR_STAGE_BUCKETS];
};

/* A batch of packets passed in `ns` nanoseconds. */
void weir_stage_note(struct weir_stage *s, uint64_t packets, uint64_t bytes, uint64_t ns);

#endif
