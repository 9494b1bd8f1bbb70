/* The SHA-1 compression function with the SHA instructions [FIPS 180-4 6.1.2].
 *
 * One instruction does four rounds; `e` and `next` take turns as the fifth word, which is the first
 * word of four rounds ago, rotated. Four words of message are made from the sixteen before them. Each
 * four rounds wait for the four before: that latency is all the time this takes.
 */
#include "core/kernels/x86_int.h"

#if WEIR_KERNELS_X86

#define ROUNDS(e, next, words, function)      \
    e = _mm_sha1nexte_epu32(e, words);        \
    next = abcd;                              \
    abcd = _mm_sha1rnds4_epu32(abcd, e, function)

#define EXPAND(a, b, c, d) a = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(a, b), c), d)

SHANI void weir_shani_sha1(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    uint8_t *words = (uint8_t *)state;
    __m128i abcd = _mm_shuffle_epi32(load(words), 0x1b);
    __m128i e0 = _mm_set_epi32((int)state[4], 0, 0, 0), e1;
    for (; blocks != 0; blocks--, p += 64) {
        const __m128i abcd_before = abcd, e_before = e0;
        __m128i w0 = _mm_shuffle_epi8(load(p), reversal());
        __m128i w1 = _mm_shuffle_epi8(load(p + 16), reversal());
        __m128i w2 = _mm_shuffle_epi8(load(p + 32), reversal());
        __m128i w3 = _mm_shuffle_epi8(load(p + 48), reversal());

        e0 = _mm_add_epi32(e0, w0);
        e1 = abcd;
        abcd = _mm_sha1rnds4_epu32(abcd, e0, 0);
        ROUNDS(e1, e0, w1, 0);
        ROUNDS(e0, e1, w2, 0);
        ROUNDS(e1, e0, w3, 0);
        EXPAND(w0, w1, w2, w3);
        ROUNDS(e0, e1, w0, 0);

        EXPAND(w1, w2, w3, w0);
        ROUNDS(e1, e0, w1, 1);
        EXPAND(w2, w3, w0, w1);
        ROUNDS(e0, e1, w2, 1);
        EXPAND(w3, w0, w1, w2);
        ROUNDS(e1, e0, w3, 1);
        EXPAND(w0, w1, w2, w3);
        ROUNDS(e0, e1, w0, 1);
        EXPAND(w1, w2, w3, w0);
        ROUNDS(e1, e0, w1, 1);

        EXPAND(w2, w3, w0, w1);
        ROUNDS(e0, e1, w2, 2);
        EXPAND(w3, w0, w1, w2);
        ROUNDS(e1, e0, w3, 2);
        EXPAND(w0, w1, w2, w3);
        ROUNDS(e0, e1, w0, 2);
        EXPAND(w1, w2, w3, w0);
        ROUNDS(e1, e0, w1, 2);
        EXPAND(w2, w3, w0, w1);
        ROUNDS(e0, e1, w2, 2);

        EXPAND(w3, w0, w1, w2);
        ROUNDS(e1, e0, w3, 3);
        EXPAND(w0, w1, w2, w3);
        ROUNDS(e0, e1, w0, 3);
        EXPAND(w1, w2, w3, w0);
        ROUNDS(e1, e0, w1, 3);
        EXPAND(w2, w3, w0, w1);
        ROUNDS(e0, e1, w2, 3);
        EXPAND(w3, w0, w1, w2);
        ROUNDS(e1, e0, w3, 3);

        e0 = _mm_sha1nexte_epu32(e0, e_before);
        abcd = _mm_add_epi32(abcd, abcd_before);
    }
    store(words, _mm_shuffle_epi32(abcd, 0x1b));
    state[4] = (uint32_t)_mm_extract_epi32(e0, 3);
}

#endif
