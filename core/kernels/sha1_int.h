/* One block of SHA-1 with the SHA instructions [FIPS 180-4 6.1.2], inlined: sha1_ni.c runs it alone,
 * ctr_sha1.c with 64 bytes of key stream made between its rounds.
 *
 * One instruction does four rounds; `e` and `next` take turns as the fifth word, which is the first
 * word of four rounds ago, rotated. Four words of message are made from the sixteen before them. Each
 * four rounds wait for the four before, six cycles long; what is put between them costs next to
 * nothing.
 */
#ifndef WEIR_CORE_KERNELS_SHA1_INT_H
#define WEIR_CORE_KERNELS_SHA1_INT_H

#include "core/kernels/x86_int.h"

#if WEIR_KERNELS_X86

struct sha1 {
    __m128i abcd, e; /* e in the highest word */
};

SHANI INLINE struct sha1 sha1_load(const uint32_t state[8])
{
    struct sha1 h = { _mm_shuffle_epi32(load((const uint8_t *)state), 0x1b),
                      _mm_set_epi32((int)state[4], 0, 0, 0) };
    return h;
}

SHANI INLINE void sha1_store(const struct sha1 *h, uint32_t state[8])
{
    store((uint8_t *)state, _mm_shuffle_epi32(h->abcd, 0x1b));
    state[4] = (uint32_t)_mm_extract_epi32(h->e, 3);
}

/* Four blocks of key stream in the making. */
struct lanes {
    round_keys keys;
    uint32_t rounds;
    __m128i b0, b1, b2, b3;
};

AESNI INLINE void lanes_round(struct lanes *l, uint32_t round)
{
    if (round < l->rounds) {
        const __m128i key = load(l->keys[round]);
        l->b0 = _mm_aesenc_si128(l->b0, key);
        l->b1 = _mm_aesenc_si128(l->b1, key);
        l->b2 = _mm_aesenc_si128(l->b2, key);
        l->b3 = _mm_aesenc_si128(l->b3, key);
    }
}

#define ROUNDS(e, next, words, function)          \
    e = _mm_sha1nexte_epu32(e, words);            \
    next = abcd;                                  \
    abcd = _mm_sha1rnds4_epu32(abcd, e, function)

#define EXPAND(a, b, c, d) a = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(a, b), c), d)

#define BESIDE(round)                  \
    if (beside != NULL) {              \
        lanes_round(beside, (round)); \
    }

/* All rounds but the last of `beside`, where that is not NULL. */
AESNI_SHANI INLINE void sha1_block(struct sha1 *h, const uint8_t *p, struct lanes *beside)
{
    __m128i abcd = h->abcd, e0 = h->e, e1;
    __m128i abcd_before = abcd, e_before = e0;
    IN_ORDER(abcd_before); /* copies: these may rest in memory, what the rounds wait for may not */
    IN_ORDER(e_before);
    __m128i w0 = _mm_shuffle_epi8(load(p), reversal());
    __m128i w1 = _mm_shuffle_epi8(load(p + 16), reversal());
    __m128i w2 = _mm_shuffle_epi8(load(p + 32), reversal());
    __m128i w3 = _mm_shuffle_epi8(load(p + 48), reversal());

    e0 = _mm_add_epi32(e0, w0);
    e1 = abcd;
    abcd = _mm_sha1rnds4_epu32(abcd, e0, 0);
    BESIDE(1)
    ROUNDS(e1, e0, w1, 0);
    BESIDE(2)
    ROUNDS(e0, e1, w2, 0);
    BESIDE(3)
    ROUNDS(e1, e0, w3, 0);
    BESIDE(4)
    EXPAND(w0, w1, w2, w3);
    ROUNDS(e0, e1, w0, 0);
    BESIDE(5)

    EXPAND(w1, w2, w3, w0);
    ROUNDS(e1, e0, w1, 1);
    BESIDE(6)
    EXPAND(w2, w3, w0, w1);
    ROUNDS(e0, e1, w2, 1);
    BESIDE(7)
    EXPAND(w3, w0, w1, w2);
    ROUNDS(e1, e0, w3, 1);
    BESIDE(8)
    EXPAND(w0, w1, w2, w3);
    ROUNDS(e0, e1, w0, 1);
    BESIDE(9)
    EXPAND(w1, w2, w3, w0);
    ROUNDS(e1, e0, w1, 1);
    BESIDE(10)

    EXPAND(w2, w3, w0, w1);
    ROUNDS(e0, e1, w2, 2);
    BESIDE(11)
    EXPAND(w3, w0, w1, w2);
    ROUNDS(e1, e0, w3, 2);
    BESIDE(12)
    EXPAND(w0, w1, w2, w3);
    ROUNDS(e0, e1, w0, 2);
    BESIDE(13)
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

    h->e = _mm_sha1nexte_epu32(e0, e_before);
    h->abcd = _mm_add_epi32(abcd, abcd_before);
}

#undef ROUNDS
#undef EXPAND
#undef BESIDE

#endif
#endif
