/* The table that everything uses: the configured provider with the processor's kernels over it.
 * WEIR_CPU=generic, aesni, vaes or armv8 in the environment asks for a lower level than the best; not in a
 * program that has more rights than who started it. */
#if defined(__linux__)
#define _GNU_SOURCE /* secure_getenv */
#endif
#include <stdatomic.h>
#include <stdlib.h>

#include "core/crypto.h"
#include "core/kernels/kernels.h"

static const char *environment(const char *name)
{
#if defined(__linux__)
    return secure_getenv(name);
#else
    return getenv(name);
#endif
}

static void fill(struct weir_crypto *t)
{
    enum weir_kernels_level level = WEIR_KERNELS_LEVELS;
    const char *wanted = environment("WEIR_CPU");
    if (wanted != NULL && !weir_kernels_named(wanted, &level)) {
        level = WEIR_KERNELS_LEVELS; /* a name we do not know asks for nothing */
    }
    weir_crypto_provider(t);
    t->is_aes_slow = weir_kernels_select(t, level) == WEIR_KERNELS_GENERIC;
}

const struct weir_crypto *weir_crypto_default(void)
{
    /* Filled once, by who comes first; others who come at the same moment wait for it, some
     * microseconds. */
    enum { EMPTY, BEING_FILLED, FILLED };
    static struct weir_crypto table;
    static atomic_int phase = EMPTY;
    int seen = EMPTY;
    if (atomic_load_explicit(&phase, memory_order_acquire) == FILLED) {
        return &table;
    }
    if (atomic_compare_exchange_strong(&phase, &seen, BEING_FILLED)) {
        fill(&table);
        atomic_store_explicit(&phase, FILLED, memory_order_release);
    }
    while (atomic_load_explicit(&phase, memory_order_acquire) != FILLED) {
    }
    return &table;
}
