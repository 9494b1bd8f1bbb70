/* Eight blocks of the key stream at a time, for GCM and counter mode; all of it is inlined. Eight at
 * once hide the latency of an AES round. */
#ifndef WEIR_CORE_KERNELS_GROUP_AESNI_INT_H
#define WEIR_CORE_KERNELS_GROUP_AESNI_INT_H

#include "core/kernels/x86_int.h"

#if WEIR_KERNELS_X86

#define GROUP 128 /* bytes of eight blocks */

/* -- Groups ----------------------------------------------------------------------------------- */

struct group {
    __m128i b0, b1, b2, b3, b4, b5, b6, b7;
};

/* Eight counter blocks, with the first round key added. */
AESNI INLINE struct group group_begin(round_keys keys, __m128i *counter)
{
    const __m128i one = _mm_set_epi32(0, 0, 0, 1);
    const __m128i key = load(keys[0]);
    struct group g;
#define BLOCK(b)                               \
    g.b = _mm_xor_si128(reverse(*counter), key); \
    *counter = _mm_add_epi32(*counter, one)
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

AESNI INLINE void group_round(round_keys keys, struct group *g, uint32_t round)
{
    const __m128i key = load(keys[round]);
    g->b0 = _mm_aesenc_si128(g->b0, key);
    g->b1 = _mm_aesenc_si128(g->b1, key);
    g->b2 = _mm_aesenc_si128(g->b2, key);
    g->b3 = _mm_aesenc_si128(g->b3, key);
    g->b4 = _mm_aesenc_si128(g->b4, key);
    g->b5 = _mm_aesenc_si128(g->b5, key);
    g->b6 = _mm_aesenc_si128(g->b6, key);
    g->b7 = _mm_aesenc_si128(g->b7, key);
}

/* All rounds but the last. */
AESNI INLINE void group_rounds(round_keys keys, uint32_t rounds, struct group *g)
{
    for (uint32_t r = 1; r < rounds; r++) { /* rounds is 10 or 14 */
        group_round(keys, g, r);
    }
}

/* The last round, its key xored with the text first: that is the text xored with the key stream. */
AESNI INLINE void group_end(round_keys keys, uint32_t rounds, const struct group *g,
                            const uint8_t *text, uint8_t *out)
{
    const __m128i key = load(keys[rounds]);
#define BLOCK(b, at) \
    store(out + (at), _mm_aesenclast_si128(g->b, _mm_xor_si128(key, load(text + (at)))))
    BLOCK(b0, 0);
    BLOCK(b1, 16);
    BLOCK(b2, 32);
    BLOCK(b3, 48);
    BLOCK(b4, 64);
    BLOCK(b5, 80);
    BLOCK(b6, 96);
    BLOCK(b7, 112);
#undef BLOCK
}

#endif
#endif
