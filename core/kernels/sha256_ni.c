/* The SHA-256 compression function with the SHA instructions [FIPS 180-4 6.2.2].
 *
 * One instruction does two rounds on the eight words, kept as a, b, e, f and c, d, g, h. Four words of
 * message are made from the sixteen before them.
 */
#include "core/kernels/x86_int.h"

#if WEIR_KERNELS_X86

static const uint32_t constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

struct state256 {
    __m128i abef, cdgh;
};

/* Four rounds, the first of them number `round`. */
SHANI INLINE void rounds(struct state256 *s, __m128i words, size_t round)
{
    const uint8_t *k = (const uint8_t *)(constant + round);
    __m128i sum = _mm_add_epi32(words, load(k));
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, sum);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

/* The four words that follow a, b, c, d. */
SHANI INLINE __m128i expand(__m128i a, __m128i b, __m128i c, __m128i d)
{
    return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4)), d);
}

SHANI void weir_shani_sha256(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    uint8_t *words = (uint8_t *)state;
    const __m128i cdab = _mm_shuffle_epi32(load(words), 0xb1);
    const __m128i efgh = _mm_shuffle_epi32(load(words + 16), 0x1b);
    struct state256 s = { _mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0) };
    for (; blocks != 0; blocks--, p += 64) {
        const struct state256 before = s;
        __m128i w0 = _mm_shuffle_epi8(load(p), swap);
        __m128i w1 = _mm_shuffle_epi8(load(p + 16), swap);
        __m128i w2 = _mm_shuffle_epi8(load(p + 32), swap);
        __m128i w3 = _mm_shuffle_epi8(load(p + 48), swap);
        rounds(&s, w0, 0);
        rounds(&s, w1, 4);
        rounds(&s, w2, 8);
        rounds(&s, w3, 12);
        for (size_t round = 16; round < 64; round += 16) {
            w0 = expand(w0, w1, w2, w3);
            rounds(&s, w0, round);
            w1 = expand(w1, w2, w3, w0);
            rounds(&s, w1, round + 4);
            w2 = expand(w2, w3, w0, w1);
            rounds(&s, w2, round + 8);
            w3 = expand(w3, w0, w1, w2);
            rounds(&s, w3, round + 12);
        }
        s.abef = _mm_add_epi32(s.abef, before.abef);
        s.cdgh = _mm_add_epi32(s.cdgh, before.cdgh);
    }
    const __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    store(words, _mm_blend_epi16(feba, dchg, 0xf0));
    store(words + 16, _mm_alignr_epi8(dchg, feba, 8));
}

#endif
