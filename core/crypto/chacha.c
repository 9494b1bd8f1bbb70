/* ChaCha20-Poly1305 [RFC 8439], portable and in constant time.
 *
 * 1. Block 0 of the key stream gives Poly1305 its one-time key [RFC 8439 2.6].
 * 2. Blocks 1 and up are XORed over the data, four blocks at a time: each of the sixteen state words
 *    is a vector with one lane per block, so that every step does four blocks' work.
 * 3. The tag is Poly1305 over aad, ciphertext, each padded to 16 bytes, and their lengths
 *    [RFC 8439 2.8]. Numbers modulo 2^130 - 5 are five limbs of 26 bits, so that products and their
 *    sums fit 64 bits; the final reduction selects by mask.
 *
 * Opening checks the tag before it decrypts.
 */
#include "core/crypto/crypto_int.h"

/* -- ChaCha20 ---------------------------------------------------------------------------------- */

#define LANES 4
#define WIDE_BYTES (64 * LANES)

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));
#if defined(__i386__) && !defined(__SSE__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors pass between functions of this file alone */
#endif

static inline uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline lanes all(uint32_t v)
{
    return (lanes){ v, v, v, v };
}

static inline lanes rotl(lanes v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static inline void quarter(lanes s[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 7);
}

/* The key stream of four blocks, from block `count` on. */
static void chacha_blocks(const uint8_t key[32], const uint8_t nonce[12], uint32_t count,
                          uint8_t out[WIDE_BYTES])
{
    lanes in[16] = { all(0x61707865), all(0x3320646e), all(0x79622d32), all(0x6b206574) };
    lanes s[16];
    for (unsigned i = 0; i < 8; i++) {
        in[4 + i] = all(le32(key + 4 * i));
    }
    in[12] = all(count) + (lanes){ 0, 1, 2, 3 };
    for (unsigned i = 0; i < 3; i++) {
        in[13 + i] = all(le32(nonce + 4 * i));
    }
    memcpy(s, in, sizeof s);
    for (int round = 0; round < 10; round++) {
        quarter(s, 0, 4, 8, 12);
        quarter(s, 1, 5, 9, 13);
        quarter(s, 2, 6, 10, 14);
        quarter(s, 3, 7, 11, 15);
        quarter(s, 0, 5, 10, 15);
        quarter(s, 1, 6, 11, 12);
        quarter(s, 2, 7, 8, 13);
        quarter(s, 3, 4, 9, 14);
    }
    for (unsigned i = 0; i < 16; i++) {
        s[i] += in[i];
        for (unsigned block = 0; block < LANES; block++) {
            put_le32(out + 64 * block + 4 * i, s[i][block]);
        }
    }
    weir_wipe(in, sizeof in);
    weir_wipe(s, sizeof s);
}

void weir_chacha_mask(const uint8_t key[32], const uint8_t sample[16], uint8_t out[16])
{
    uint8_t stream[WIDE_BYTES];
    chacha_blocks(key, sample + 4, le32(sample), stream);
    memcpy(out, stream, 16);
    weir_wipe(stream, sizeof stream);
}

/* XOR the key stream over data. `stream` holds blocks 0 to 3, of which block 0 is spent. */
static void chacha_xor(const uint8_t key[32], const uint8_t nonce[12], uint8_t stream[WIDE_BYTES],
                       struct weir_mspan data)
{
    size_t at = 64;
    uint32_t count = 0;
    while (data.n != 0) {
        if (at == WIDE_BYTES) {
            count += LANES;
            chacha_blocks(key, nonce, count, stream);
            at = 0;
        }
        size_t n = data.n < WIDE_BYTES - at ? data.n : WIDE_BYTES - at;
        for (size_t i = 0; i < n; i++) {
            data.p[i] ^= stream[at + i];
        }
        data.p += n;
        data.n -= n;
        at += n;
    }
}

/* -- Poly1305 ---------------------------------------------------------------------------------- */

#define LIMB 0x3ffffffu

struct poly {
    uint32_t r[5];
    uint32_t h[5];
    uint8_t pad[16];
};

static void poly_init(struct poly *p, const uint8_t key[32])
{
    /* Some bits of r are cleared so that carries stay small [RFC 8439 2.5]. */
    p->r[0] = le32(key) & 0x3ffffff;
    p->r[1] = le32(key + 3) >> 2 & 0x3ffff03;
    p->r[2] = le32(key + 6) >> 4 & 0x3ffc0ff;
    p->r[3] = le32(key + 9) >> 6 & 0x3f03fff;
    p->r[4] = le32(key + 12) >> 8 & 0x00fffff;
    memset(p->h, 0, sizeof p->h);
    memcpy(p->pad, key + 16, 16);
}

/* h = (h + block + 2^128) * r, partly reduced. */
static void poly_blocks(struct poly *p, const uint8_t *m, size_t blocks)
{
    const uint64_t r0 = p->r[0], r1 = p->r[1], r2 = p->r[2], r3 = p->r[3], r4 = p->r[4];
    const uint64_t s1 = r1 * 5, s2 = r2 * 5, s3 = r3 * 5, s4 = r4 * 5; /* 2^130 = 5 */
    uint64_t h0 = p->h[0], h1 = p->h[1], h2 = p->h[2], h3 = p->h[3], h4 = p->h[4];
    for (; blocks != 0; blocks--, m += 16) {
        h0 += le32(m) & LIMB;
        h1 += le32(m + 3) >> 2 & LIMB;
        h2 += le32(m + 6) >> 4 & LIMB;
        h3 += le32(m + 9) >> 6;
        h4 += le32(m + 12) >> 8 | 1u << 24;
        uint64_t d0 = h0 * r0 + h1 * s4 + h2 * s3 + h3 * s2 + h4 * s1;
        uint64_t d1 = h0 * r1 + h1 * r0 + h2 * s4 + h3 * s3 + h4 * s2;
        uint64_t d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s4 + h4 * s3;
        uint64_t d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s4;
        uint64_t d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0;
        d1 += d0 >> 26;
        d2 += d1 >> 26;
        d3 += d2 >> 26;
        d4 += d3 >> 26;
        h0 = (d0 & LIMB) + (d4 >> 26) * 5;
        h1 = (d1 & LIMB) + (h0 >> 26);
        h0 &= LIMB;
        h2 = d2 & LIMB;
        h3 = d3 & LIMB;
        h4 = d4 & LIMB;
    }
    p->h[0] = (uint32_t)h0;
    p->h[1] = (uint32_t)h1;
    p->h[2] = (uint32_t)h2;
    p->h[3] = (uint32_t)h3;
    p->h[4] = (uint32_t)h4;
}

/* Absorb bytes, the last block padded with zeros. */
static void poly_update(struct poly *p, struct weir_span data)
{
    uint8_t last[16] = { 0 };
    size_t rest = data.n % 16;
    if (data.n >= 16) {
        poly_blocks(p, data.p, data.n / 16);
    }
    if (rest != 0) {
        memcpy(last, data.p + data.n - rest, rest);
        poly_blocks(p, last, 1);
    }
}

/* tag = (h mod 2^130 - 5) + pad mod 2^128. */
static void poly_final(struct poly *p, uint8_t tag[16])
{
    uint32_t h[5], g[5];
    uint32_t carry = 0;
    memcpy(h, p->h, sizeof h);
    for (unsigned turn = 0; turn < 2; turn++) { /* twice around brings every limb below 2^26 */
        for (unsigned i = 0; i < 5; i++) {
            h[i] += carry;
            carry = h[i] >> 26;
            h[i] &= LIMB;
        }
        carry *= 5;
    }
    h[0] += carry;
    /* g = h - p; keep it when that did not borrow. */
    carry = 5;
    for (unsigned i = 0; i < 5; i++) {
        g[i] = h[i] + carry;
        carry = g[i] >> 26;
        g[i] &= LIMB;
    }
    uint32_t take_g = 0u - carry;
    for (unsigned i = 0; i < 5; i++) {
        h[i] = (h[i] & ~take_g) | (g[i] & take_g);
    }
    const uint32_t word[4] = { h[0] | h[1] << 26, h[1] >> 6 | h[2] << 20, h[2] >> 12 | h[3] << 14,
                               h[3] >> 18 | h[4] << 8 };
    uint64_t sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        sum += (uint64_t)word[i] + le32(p->pad + 4 * i);
        put_le32(tag + 4 * i, (uint32_t)sum);
        sum >>= 32;
    }
    weir_wipe(p, sizeof *p);
}

/* -- Together ---------------------------------------------------------------------------------- */

static void chacha_tag(const uint8_t poly_key[32], struct weir_span aad, struct weir_span ciphertext,
                       uint8_t tag[16])
{
    struct poly p;
    uint8_t lengths[16] = { 0 };
    poly_init(&p, poly_key);
    poly_update(&p, aad);
    poly_update(&p, ciphertext);
    put_le32(lengths, (uint32_t)aad.n);
    put_le32(lengths + 4, (uint32_t)((uint64_t)aad.n >> 32));
    put_le32(lengths + 8, (uint32_t)ciphertext.n);
    put_le32(lengths + 12, (uint32_t)((uint64_t)ciphertext.n >> 32));
    poly_update(&p, weir_span_of(lengths, sizeof lengths));
    poly_final(&p, tag);
}

void weir_chacha_seal(const uint8_t key[32], const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, uint8_t tag[16])
{
    uint8_t stream[WIDE_BYTES];
    uint8_t poly_key[32];
    chacha_blocks(key, nonce, 0, stream);
    memcpy(poly_key, stream, 32);
    chacha_xor(key, nonce, stream, data);
    chacha_tag(poly_key, aad, weir_span_const(data), tag);
    weir_wipe(stream, sizeof stream);
    weir_wipe(poly_key, sizeof poly_key);
}

bool weir_chacha_open(const uint8_t key[32], const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, const uint8_t tag[16])
{
    uint8_t stream[WIDE_BYTES];
    uint8_t want[16];
    chacha_blocks(key, nonce, 0, stream);
    chacha_tag(stream, aad, weir_span_const(data), want);
    bool is_good = weir_equal_secret(want, tag, 16);
    if (is_good) {
        chacha_xor(key, nonce, stream, data);
    }
    weir_wipe(stream, sizeof stream);
    weir_wipe(want, sizeof want);
    return is_good;
}
