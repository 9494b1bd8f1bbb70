/* The table that everything uses: the configured provider with the processor's kernels over it.
 * WEIR_CPU=generic, aesni or vaes in the environment asks for a lower level than the best. */
#include <stdatomic.h>
#include <stdlib.h>

#include "core/crypto.h"
#include "core/kernels/kernels.h"

const struct weir_crypto *weir_crypto_default(void)
{
    /* Filled once; every filling writes the same values, so a race between first calls is harmless. */
    static struct weir_crypto table;
    static _Atomic(const struct weir_crypto *) filled;
    const struct weir_crypto *c = atomic_load_explicit(&filled, memory_order_acquire);
    if (c != NULL) {
        return c;
    }
    struct weir_crypto t;
    enum weir_kernels_level level = WEIR_KERNELS_LEVELS;
    const char *wanted = getenv("WEIR_CPU");
    if (wanted != NULL && !weir_kernels_named(wanted, &level)) {
        level = WEIR_KERNELS_LEVELS; /* a name we do not know asks for nothing */
    }
    weir_crypto_provider(&t);
    weir_kernels_select(&t, level);
    table = t;
    atomic_store_explicit(&filled, &table, memory_order_release);
    return &table;
}
