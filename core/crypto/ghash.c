/* GHASH, portable and in constant time.
 *
 * A carry-less product is made from ordinary 64-bit products: each operand is split into four with
 * every fourth bit kept, so that the carries of the integer product fall into the holes and are
 * masked away. The high half of a product comes from the product of the bit-reversed operands.
 *
 * Bits within GCM blocks are numbered from the most significant downwards [NIST SP 800-38D 6.3];
 * working on byte-swapped words turns that into a product that needs one shift left by one.
 */
#include "core/crypto/crypto_int.h"

/* Low 64 bits of the carry-less product. */
static uint64_t clmul_low(uint64_t x, uint64_t y)
{
    uint64_t m0 = 0x1111111111111111, m1 = 0x2222222222222222;
    uint64_t m2 = 0x4444444444444444, m3 = 0x8888888888888888;
    uint64_t x0 = x & m0, x1 = x & m1, x2 = x & m2, x3 = x & m3;
    uint64_t y0 = y & m0, y1 = y & m1, y2 = y & m2, y3 = y & m3;
    uint64_t z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
    uint64_t z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
    uint64_t z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
    uint64_t z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
    return (z0 & m0) | (z1 & m1) | (z2 & m2) | (z3 & m3);
}

static uint64_t swap_bits(uint64_t x, uint64_t mask, unsigned n)
{
    return (x & mask) << n | ((x >> n) & mask);
}

static uint64_t reverse(uint64_t x)
{
    x = swap_bits(x, 0x5555555555555555, 1);
    x = swap_bits(x, 0x3333333333333333, 2);
    x = swap_bits(x, 0x0f0f0f0f0f0f0f0f, 4);
    x = swap_bits(x, 0x00ff00ff00ff00ff, 8);
    x = swap_bits(x, 0x0000ffff0000ffff, 16);
    return x << 32 | x >> 32;
}

/* High 64 bits of the carry-less product, of 127 bits: reversed operands, reversed low half. */
static uint64_t clmul_high(uint64_t x_reversed, uint64_t y_reversed)
{
    return reverse(clmul_low(x_reversed, y_reversed)) >> 1;
}

/* acc = acc * h in GF(2^128). */
static void multiply(struct weir_ghash *g)
{
    uint64_t a1 = g->acc[0], a0 = g->acc[1];
    uint64_t h1 = g->h[0], h0 = g->h[1];
    uint64_t a1r = reverse(a1), a0r = reverse(a0);
    uint64_t h1r = reverse(h1), h0r = reverse(h0);
    /* Karatsuba over the two halves. */
    uint64_t lo_l = clmul_low(a0, h0), lo_h = clmul_high(a0r, h0r);
    uint64_t hi_l = clmul_low(a1, h1), hi_h = clmul_high(a1r, h1r);
    uint64_t mid_l = clmul_low(a0 ^ a1, h0 ^ h1) ^ lo_l ^ hi_l;
    uint64_t mid_h = clmul_high(a0r ^ a1r, h0r ^ h1r) ^ lo_h ^ hi_h;
    uint64_t v0 = lo_l, v1 = lo_h ^ mid_l, v2 = hi_l ^ mid_h, v3 = hi_h;
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
