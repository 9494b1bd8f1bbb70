/* Sixteen blocks of the key stream at a time, as eight vectors of two, for GCM and counter mode; all
 * of it is inlined. Eight at once hide the latency of an AES round. */
#ifndef WEIR_CORE_KERNELS_GROUP_VAES_INT_H
#define WEIR_CORE_KERNELS_GROUP_VAES_INT_H

#include "core/kernels/x86_int.h"

#if WEIR_KERNELS_X86

#define GROUP 256 /* bytes of eight vectors */

/* -- Vectors of two blocks -------------------------------------------------------------------- */

VAES INLINE __m256i load_pair(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

VAES INLINE void store_pair(uint8_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

VAES INLINE __m256i reverse_pair(__m256i v)
{
    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(reversal()));
}

VAES INLINE __m256i round_key(round_keys keys, uint32_t round)
{
    return _mm256_broadcastsi128_si256(load(keys[round]));
}

/* -- Groups ----------------------------------------------------------------------------------- */

struct group {
    __m256i b0, b1, b2, b3, b4, b5, b6, b7;
};

/* Sixteen counter blocks, with the first round key added. */
VAES INLINE struct group group_begin(round_keys keys, __m256i *counter)
{
    const __m256i two = _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 2);
    const __m256i key = round_key(keys, 0);
    struct group g;
#define BLOCK(b)                                       \
    g.b = _mm256_xor_si256(reverse_pair(*counter), key); \
    *counter = _mm256_add_epi32(*counter, two)
    BLOCK(b0);
    BLOCK(b1);
    BLOCK(b2);
    BLOCK(b3);
    BLOCK(b4);
    BLOCK(b5);
    BLOCK(b6);
    BLOCK(b7);
#undef BLOCK
    return g;
}

VAES INLINE void group_round(round_keys keys, struct group *g, uint32_t round)
{
    const __m256i key = round_key(keys, round);
    g->b0 = _mm256_aesenc_epi128(g->b0, key);
    g->b1 = _mm256_aesenc_epi128(g->b1, key);
    g->b2 = _mm256_aesenc_epi128(g->b2, key);
    g->b3 = _mm256_aesenc_epi128(g->b3, key);
    g->b4 = _mm256_aesenc_epi128(g->b4, key);
    g->b5 = _mm256_aesenc_epi128(g->b5, key);
    g->b6 = _mm256_aesenc_epi128(g->b6, key);
    g->b7 = _mm256_aesenc_epi128(g->b7, key);
}

/* All rounds but the last. */
VAES INLINE void group_rounds(round_keys keys, uint32_t rounds, struct group *g)
{
    group_round(keys, g, 1);
    group_round(keys, g, 2);
    group_round(keys, g, 3);
    group_round(keys, g, 4);
    group_round(keys, g, 5);
    group_round(keys, g, 6);
    group_round(keys, g, 7);
    group_round(keys, g, 8);
    group_round(keys, g, 9);
    for (uint32_t r = 10; r < rounds; r++) { /* rounds is 10 or 14 */
        group_round(keys, g, r);
    }
}

/* The last round, its key xored with the text first: that is the text xored with the key stream. */
VAES INLINE void group_end(round_keys keys, uint32_t rounds, const struct group *g,
                           const uint8_t *text, uint8_t *out)
{
    const __m256i key = round_key(keys, rounds);
#define BLOCK(b, at) \
    store_pair(out + (at), \
               _mm256_aesenclast_epi128(g->b, _mm256_xor_si256(key, load_pair(text + (at)))))
    BLOCK(b0, 0);
    BLOCK(b1, 32);
    BLOCK(b2, 64);
    BLOCK(b3, 96);
    BLOCK(b4, 128);
    BLOCK(b5, 160);
    BLOCK(b6, 192);
    BLOCK(b7, 224);
#undef BLOCK
}

#endif
#endif
