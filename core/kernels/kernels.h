/* Crypto of the packet path: AES-GCM and AES counter mode for every processor, and written for some, SHA-1
 * and SHA-256 likewise; and SCTP's checksum.
 *
 * Kernels lie over a provider. weir_kernels_select takes a table that a provider has filled and puts
 * its own functions in the rows that this processor does faster; what they do not do themselves
 * (ChaCha20-Poly1305, the other hashes) they hand down to the rows they covered. Contexts stay flat
 * values; those made at one level other than generic work at every other such level.
 */
#ifndef WEIR_CORE_KERNELS_KERNELS_H
#define WEIR_CORE_KERNELS_KERNELS_H

#include "core/crypto.h"

/* In rising order: a processor that has one has those before it. */
enum weir_kernels_level {
    WEIR_KERNELS_GENERIC, /* AES in bit slices, which asks nothing of the processor */
#if defined(__aarch64__)
    WEIR_KERNELS_ARMV8,   /* AES, PMULL; SHA1 and SHA2, CRC32 where they are there */
#else
    WEIR_KERNELS_AESNI,   /* x86-64 with AES-NI, PCLMULQDQ, SSE4.1; SHA-NI, SSE4.2 where they are there */
    WEIR_KERNELS_VAES,    /* the same on 256-bit vectors: AVX2, VAES, VPCLMULQDQ */
#endif
    WEIR_KERNELS_LEVELS,
};

/* The highest level that this processor, and the operating system under it, can run. */
WEIR_API enum weir_kernels_level weir_kernels_best(void);

/* "generic"; "aesni", "vaes"; "armv8". */
WEIR_API const char *weir_kernels_name(enum weir_kernels_level level);
/* The level of a name; false when there is none. */
WEIR_MUST_CHECK WEIR_API bool weir_kernels_named(const char *name, enum weir_kernels_level *out);

/* Lay the kernels of `level`, or of the best level below it that this processor has, over the rows
 * of a provider. Returns the level that was laid. *c must hold the provider's own rows, and all
 * tables of one process rows of the same provider. */
WEIR_API enum weir_kernels_level weir_kernels_select(struct weir_crypto *c,
                                                     enum weir_kernels_level level);

#endif
