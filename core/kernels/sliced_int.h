/* AES in bit slices, for processors without AES instructions; included by its own two files and its test.
 *
 * A lane holds one bit of every byte of as many blocks as fit, four in 64 bits or two in 32: bit
 * 4nr + nc + k of lane b is bit b of the byte in row r and column c of block k, for n blocks. */
#ifndef WEIR_CORE_KERNELS_SLICED_INT_H
#define WEIR_CORE_KERNELS_SLICED_INT_H

#include "core/kernels/kernels_int.h"

#ifndef WEIR_SLICED_BITS
#if UINTPTR_MAX > UINT32_MAX
#define WEIR_SLICED_BITS 64
#else
#define WEIR_SLICED_BITS 32
#endif
#endif

#if WEIR_SLICED_BITS == 64
typedef uint64_t weir_lane;
#else
typedef uint32_t weir_lane;
#endif

#define WEIR_SLICED_BLOCKS (WEIR_SLICED_BITS / 16)

/* A key stream: E(iv), E(iv + 1), ... of which the first bytes may have been used. */
struct weir_sliced_stream {
    weir_lane round_key[WEIR_AES_ROUND_KEYS_MAX][8];
    uint32_t rounds;
    uint32_t ready; /* bytes at the end of `stream` that have not been used */
    uint8_t counter[16];
    uint8_t stream[16 * WEIR_SLICED_BLOCKS];
};

void weir_sliced_begin(struct weir_sliced_stream *s, const struct weir_aes_key *k, const uint8_t iv[16]);
void weir_sliced_xor(struct weir_sliced_stream *s, struct weir_mspan data);
void weir_sliced_end(struct weir_sliced_stream *s); /* wipes it */

#endif
