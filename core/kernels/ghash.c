/* GHASH, portable; and in constant time, where the processor multiplies 32 bits in constant time.
 *
 * A carry-less product is made from ordinary ones of 32 by 32 bits: each operand is split into four with
 * every fourth bit kept, eight bits each, so that the carries of the integer product, at most to eight,
 * fall into the holes and are masked away. Nine such make 128 by 128 bits, by Karatsuba twice.
 *
 * Bits within GCM blocks are numbered from the most significant downwards [NIST SP 800-38D 6.3];
 * working on byte-swapped words turns that into a product that needs one shift left by one.
 */
#include "core/kernels/ghash.h"

struct product {
    uint64_t high, low;
};

static inline uint64_t times(uint32_t x, uint32_t y)
{
    return (uint64_t)x * y;
}

static uint64_t multiply_words(uint32_t x, uint32_t y)
{
    const uint32_t n0 = 0x11111111, n1 = n0 << 1, n2 = n0 << 2, n3 = n0 << 3;
    const uint64_t m0 = 0x1111111111111111, m1 = m0 << 1, m2 = m0 << 2, m3 = m0 << 3;
    const uint32_t x0 = x & n0, x1 = x & n1, x2 = x & n2, x3 = x & n3;
    const uint32_t y0 = y & n0, y1 = y & n1, y2 = y & n2, y3 = y & n3;
    const uint64_t z0 = times(x0, y0) ^ times(x1, y3) ^ times(x2, y2) ^ times(x3, y1);
    const uint64_t z1 = times(x0, y1) ^ times(x1, y0) ^ times(x2, y3) ^ times(x3, y2);
    const uint64_t z2 = times(x0, y2) ^ times(x1, y1) ^ times(x2, y0) ^ times(x3, y3);
    const uint64_t z3 = times(x0, y3) ^ times(x1, y2) ^ times(x2, y1) ^ times(x3, y0);
    return (z0 & m0) | (z1 & m1) | (z2 & m2) | (z3 & m3);
}

static struct product multiply_halves(uint64_t x, uint64_t y)
{
    const uint32_t x1 = (uint32_t)(x >> 32), x0 = (uint32_t)x, y1 = (uint32_t)(y >> 32), y0 = (uint32_t)y;
    const uint64_t high = multiply_words(x1, y1), low = multiply_words(x0, y0);
    const uint64_t middle = multiply_words(x0 ^ x1, y0 ^ y1) ^ high ^ low; /* Karatsuba */
    return (struct product){ high ^ middle >> 32, low ^ middle << 32 };
}

/* acc = acc * h in GF(2^128). */
static void multiply(struct weir_ghash *g)
{
    const uint64_t a1 = g->acc[0], a0 = g->acc[1], h1 = g->h[0], h0 = g->h[1];
    const struct product low = multiply_halves(a0, h0), high = multiply_halves(a1, h1);
    struct product middle = multiply_halves(a0 ^ a1, h0 ^ h1); /* Karatsuba over the two halves */
    middle.low ^= low.low ^ high.low;
    middle.high ^= low.high ^ high.high;
    uint64_t v0 = low.low, v1 = low.high ^ middle.low, v2 = high.low ^ middle.high, v3 = high.high;
    /* The reflected product is one bit short: shift left by one. */
    v3 = v3 << 1 | v2 >> 63;
    v2 = v2 << 1 | v1 >> 63;
    v1 = v1 << 1 | v0 >> 63;
    v0 = v0 << 1;
    /* Reduce by x^128 + x^7 + x^2 + x + 1, reflected. */
    v2 ^= v0 ^ v0 >> 1 ^ v0 >> 2 ^ v0 >> 7;
    v1 ^= v0 << 63 ^ v0 << 62 ^ v0 << 57;
    v3 ^= v1 ^ v1 >> 1 ^ v1 >> 2 ^ v1 >> 7;
    v2 ^= v1 << 63 ^ v1 << 62 ^ v1 << 57;
    g->acc[0] = v3;
    g->acc[1] = v2;
}

void weir_ghash_init(struct weir_ghash *g, const uint8_t h[16])
{
    g->h[0] = weir_be64(h);
    g->h[1] = weir_be64(h + 8);
    g->acc[0] = 0;
    g->acc[1] = 0;
}

void weir_ghash_update(struct weir_ghash *g, struct weir_span data)
{
    while (data.n >= 16) {
        g->acc[0] ^= weir_be64(data.p);
        g->acc[1] ^= weir_be64(data.p + 8);
        multiply(g);
        data.p += 16;
        data.n -= 16;
    }
    if (data.n != 0) {
        uint8_t last[16] = { 0 };
        memcpy(last, data.p, data.n);
        g->acc[0] ^= weir_be64(last);
        g->acc[1] ^= weir_be64(last + 8);
        multiply(g);
    }
}

void weir_ghash_lengths(struct weir_ghash *g, uint64_t aad_bits, uint64_t data_bits)
{
    g->acc[0] ^= aad_bits;
    g->acc[1] ^= data_bits;
    multiply(g);
}

void weir_ghash_value(const struct weir_ghash *g, uint8_t out[16])
{
    weir_put64(out, g->acc[0]);
    weir_put64(out + 8, g->acc[1]);
}
