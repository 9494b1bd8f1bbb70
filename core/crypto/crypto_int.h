/* Shared by the files of a crypto provider; included nowhere else. */
#ifndef WEIR_CORE_CRYPTO_INT_H
#define WEIR_CORE_CRYPTO_INT_H

#include "core/crypto.h"

/* GHASH of GCM, portable and without secret-dependent table look-ups. */
struct weir_ghash {
    uint64_t h[2];   /* the hash key as two halves, high first */
    uint64_t acc[2]; /* the running value */
};

void weir_ghash_init(struct weir_ghash *g, const uint8_t h[16]);
/* Absorb bytes, the last block padded with zeros. */
void weir_ghash_update(struct weir_ghash *g, struct weir_span data);
/* Absorb one block of two 64-bit numbers, which is how GCM ends. */
void weir_ghash_lengths(struct weir_ghash *g, uint64_t aad_bits, uint64_t data_bits);
void weir_ghash_value(const struct weir_ghash *g, uint8_t out[16]);

/* The halves of the mbedtls provider. */
void weir_mbedtls_symmetric(struct weir_crypto *c);
void weir_mbedtls_public(struct weir_crypto *c);

#endif
