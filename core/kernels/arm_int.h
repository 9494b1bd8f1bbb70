/* What the AArch64 kernels share, all of it inlined: bytes in and out of vectors, AES blocks, and the
 * arithmetic of GHASH, which is that of x86_int.h in the instructions of the ARMv8 Cryptographic
 * Extension: blocks with their bytes reversed, the hash key as H * x.
 *
 * The files that include this are compiled for that extension; what decides to call them is not.
 */
#ifndef WEIR_CORE_KERNELS_ARM_INT_H
#define WEIR_CORE_KERNELS_ARM_INT_H

#include "core/kernels/kernels_int.h"

#if WEIR_KERNELS_ARM

#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))

/* -- Bytes ------------------------------------------------------------------------------------ */

/* Text xored with a key stream, in place. */
INLINE void xor_stream(struct weir_mspan text, const uint8_t *stream)
{
    for (; text.n >= 16; text.n -= 16) {
        vst1q_u8(text.p, veorq_u8(vld1q_u8(text.p), vld1q_u8(stream)));
        text.p += 16;
        stream += 16;
    }
    for (size_t i = 0; i < text.n; i++) { /* at most 15 */
        text.p[i] ^= stream[i];
    }
}

/* The bytes of a block in reverse. */
INLINE uint8x16_t reverse(uint8x16_t v)
{
    v = vrev64q_u8(v);
    return vextq_u8(v, v, 8);
}

INLINE uint8x16_t swap_halves(uint8x16_t v)
{
    return vextq_u8(v, v, 8);
}

/* -- AES --------------------------------------------------------------------------------------- */

typedef const uint8_t (*round_keys)[16];

INLINE uint8x16_t aes_block(round_keys keys, uint32_t rounds, uint8x16_t block)
{
    for (uint32_t r = 0; r + 1 < rounds; r++) { /* rounds is 10 or 14 */
        block = vaesmcq_u8(vaeseq_u8(block, vld1q_u8(keys[r])));
    }
    return veorq_u8(vaeseq_u8(block, vld1q_u8(keys[rounds - 1])), vld1q_u8(keys[rounds]));
}

#define GROUP 128 /* bytes of eight blocks */

struct group {
    uint8x16_t b0, b1, b2, b3, b4, b5, b6, b7;
};

/* The counter block, a big-endian number in its last 32 bits; `counter` has it in its last lane. */
INLINE uint8x16_t counter_next(uint32x4_t *counter)
{
    const uint32x4_t one = { 0, 0, 0, 1 };
    uint8x16_t block = vrev32q_u8(vreinterpretq_u8_u32(*counter));
    *counter = vaddq_u32(*counter, one);
    return block;
}

INLINE uint32x4_t counter_of(const uint8_t block[16])
{
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block)));
}

/* Eight blocks of the key stream. They go through the rounds together, which hides the latency of
 * each. */
INLINE struct group group_make(round_keys keys, uint32_t rounds, uint32x4_t *counter)
{
    struct group g;
    uint8x16_t key;
    g.b0 = counter_next(counter);
    g.b1 = counter_next(counter);
    g.b2 = counter_next(counter);
    g.b3 = counter_next(counter);
    g.b4 = counter_next(counter);
    g.b5 = counter_next(counter);
    g.b6 = counter_next(counter);
    g.b7 = counter_next(counter);
    for (uint32_t r = 0; r + 1 < rounds; r++) { /* rounds is 10 or 14 */
        key = vld1q_u8(keys[r]);
        g.b0 = vaesmcq_u8(vaeseq_u8(g.b0, key));
        g.b1 = vaesmcq_u8(vaeseq_u8(g.b1, key));
        g.b2 = vaesmcq_u8(vaeseq_u8(g.b2, key));
        g.b3 = vaesmcq_u8(vaeseq_u8(g.b3, key));
        g.b4 = vaesmcq_u8(vaeseq_u8(g.b4, key));
        g.b5 = vaesmcq_u8(vaeseq_u8(g.b5, key));
        g.b6 = vaesmcq_u8(vaeseq_u8(g.b6, key));
        g.b7 = vaesmcq_u8(vaeseq_u8(g.b7, key));
    }
    key = vld1q_u8(keys[rounds - 1]);
    const uint8x16_t last = vld1q_u8(keys[rounds]);
    g.b0 = veorq_u8(vaeseq_u8(g.b0, key), last);
    g.b1 = veorq_u8(vaeseq_u8(g.b1, key), last);
    g.b2 = veorq_u8(vaeseq_u8(g.b2, key), last);
    g.b3 = veorq_u8(vaeseq_u8(g.b3, key), last);
    g.b4 = veorq_u8(vaeseq_u8(g.b4, key), last);
    g.b5 = veorq_u8(vaeseq_u8(g.b5, key), last);
    g.b6 = veorq_u8(vaeseq_u8(g.b6, key), last);
    g.b7 = veorq_u8(vaeseq_u8(g.b7, key), last);
    return g;
}

INLINE void xor_block(uint8_t *p, uint8x16_t stream)
{
    vst1q_u8(p, veorq_u8(vld1q_u8(p), stream));
}

INLINE void group_xor(const struct group *g, uint8_t *p)
{
    xor_block(p, g->b0);
    xor_block(p + 16, g->b1);
    xor_block(p + 32, g->b2);
    xor_block(p + 48, g->b3);
    xor_block(p + 64, g->b4);
    xor_block(p + 80, g->b5);
    xor_block(p + 96, g->b6);
    xor_block(p + 112, g->b7);
}

INLINE void group_store(const struct group *g, uint8_t *p)
{
    vst1q_u8(p, g->b0);
    vst1q_u8(p + 16, g->b1);
    vst1q_u8(p + 32, g->b2);
    vst1q_u8(p + 48, g->b3);
    vst1q_u8(p + 64, g->b4);
    vst1q_u8(p + 80, g->b5);
    vst1q_u8(p + 96, g->b6);
    vst1q_u8(p + 112, g->b7);
}

/* -- GHASH ------------------------------------------------------------------------------------ */

/* A sum of products by Karatsuba: low and high halves, and the product of the folded operands. */
struct sum {
    uint8x16_t low, middle, high;
};

INLINE uint8x16_t multiply_low(uint8x16_t a, uint8x16_t b)
{
    return vreinterpretq_u8_p128(vmull_p64((poly64_t)vgetq_lane_u64(vreinterpretq_u64_u8(a), 0),
                                           (poly64_t)vgetq_lane_u64(vreinterpretq_u64_u8(b), 0)));
}

INLINE uint8x16_t multiply_high(uint8x16_t a, uint8x16_t b)
{
    return vreinterpretq_u8_p128(vmull_high_p64(vreinterpretq_p64_u8(a), vreinterpretq_p64_u8(b)));
}

INLINE struct sum product(uint8x16_t x, uint8x16_t power, uint8x16_t folded)
{
    struct sum s = { multiply_low(x, power),
                     multiply_low(veorq_u8(x, swap_halves(x)), folded),
                     multiply_high(x, power) };
    return s;
}

INLINE void add_product(struct sum *s, uint8x16_t x, uint8x16_t power, uint8x16_t folded)
{
    struct sum p = product(x, power, folded);
    s->low = veorq_u8(s->low, p.low);
    s->middle = veorq_u8(s->middle, p.middle);
    s->high = veorq_u8(s->high, p.high);
}

/* The sum modulo x^128 + x^127 + x^126 + x^121 + 1, over x^128: twice the lowest 64 bits are made
 * zero by adding a multiple of the polynomial, and dropped. */
INLINE uint8x16_t reduce(struct sum s)
{
    const uint8x16_t zero = vdupq_n_u8(0);
    const uint8x16_t polynomial = vreinterpretq_u8_u64(vdupq_n_u64(0xc200000000000000));
    uint8x16_t middle = veorq_u8(s.middle, veorq_u8(s.low, s.high));
    uint8x16_t low = veorq_u8(s.low, vextq_u8(zero, middle, 8));
    uint8x16_t high = veorq_u8(s.high, vextq_u8(middle, zero, 8));
    low = veorq_u8(swap_halves(low), multiply_low(low, polynomial));
    low = veorq_u8(swap_halves(low), multiply_low(low, polynomial));
    return veorq_u8(high, low);
}

#endif
#endif
