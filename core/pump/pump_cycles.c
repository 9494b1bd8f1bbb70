/* A counter for measuring what stages cost: the processor's own where one instruction reads it, since two
 * readings per batch must not cost more than the batch; elsewhere the clock. */
#define _GNU_SOURCE
#include <time.h>

#include "core/pump/pump.h"

#if defined(__x86_64__)
#include <x86intrin.h>

uint64_t weir_pump_cycles(void)
{
    return __rdtsc();
}

#else

uint64_t weir_pump_cycles(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#endif
