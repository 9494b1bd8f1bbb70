/* GHASH of GCM [NIST SP 800-38D 6.4], portable and without secret-dependent branches or look-ups. */
#ifndef WEIR_CORE_KERNELS_GHASH_H
#define WEIR_CORE_KERNELS_GHASH_H

#include "core/base.h"

struct weir_ghash {
    uint64_t h[2];   /* the hash key as two halves, high first */
    uint64_t acc[2]; /* the running value */
};

WEIR_API void weir_ghash_init(struct weir_ghash *g, const uint8_t h[16]);
/* Absorb bytes, the last block padded with zeros. */
WEIR_API void weir_ghash_update(struct weir_ghash *g, struct weir_span data);
/* Absorb one block of two 64-bit numbers, which is how GCM ends. */
WEIR_API void weir_ghash_lengths(struct weir_ghash *g, uint64_t aad_bits, uint64_t data_bits);
WEIR_API void weir_ghash_value(const struct weir_ghash *g, uint8_t out[16]);

#endif
