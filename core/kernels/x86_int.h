/* What the x86-64 kernels share, all of it inlined: target attributes, bytes in and out of vectors,
 * one AES block, and the arithmetic of GHASH.
 *
 * GHASH numbers the bits of a block from the most significant downwards [NIST SP 800-38D 6.3]. With
 * the bytes of every block reversed, a carry-less product comes out one bit short; the key carries
 * that bit (it is kept as H * x), so that products need no shift. This is the form of
 * [RFC 8452 A], and `reduce` is its division by x^128.
 */
#ifndef WEIR_CORE_KERNELS_X86_INT_H
#define WEIR_CORE_KERNELS_X86_INT_H

#include "core/kernels/kernels_int.h"

#if WEIR_KERNELS_X86

#include <immintrin.h>

#define AESNI __attribute__((target("aes,pclmul,ssse3,sse4.1")))
#define VAES __attribute__((target("aes,pclmul,avx2,vaes,vpclmulqdq")))
#define SHANI __attribute__((target("sha,ssse3,sse4.1")))
#define AESNI_SHANI __attribute__((target("aes,pclmul,sha,ssse3,sse4.1")))
#define INLINE static inline __attribute__((always_inline))

/* A sum of many products is meant to be added up in the order written: a compiler that makes a tree of
 * it runs out of registers. */
#define IN_ORDER(v) __asm__("" : "+x"(v))

/* -- Bytes ------------------------------------------------------------------------------------ */

INLINE __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

INLINE void store(uint8_t *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)(void *)p, v);
}

/* 1 to 15 bytes, zeros behind them; nothing beyond them is read. */
INLINE __m128i load_part(const uint8_t *p, size_t n)
{
    uint64_t low = 0, high = 0;
    if (n > 8) {
        memcpy(&low, p, 8);
        memcpy(&high, p + n - 8, 8);
        high >>= 8 * (16 - n);
    } else if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        low = first | (uint64_t)last << 8 * (n - 4);
    } else {
        low = p[0] | (uint64_t)p[n / 2] << 8 * (n / 2) | (uint64_t)p[n - 1] << 8 * (n - 1);
    }
    return _mm_set_epi64x((long long)high, (long long)low);
}

/* The first 1 to 15 bytes of v; nothing beyond them is written. */
INLINE void store_part(uint8_t *p, __m128i v, size_t n)
{
    uint8_t bytes[16];
    store(bytes, v);
    if (n > 8) {
        memcpy(p, bytes, 8);
        memcpy(p + n - 8, bytes + n - 8, 8);
    } else if (n >= 4) {
        memcpy(p, bytes, 4);
        memcpy(p + n - 4, bytes + n - 4, 4);
    } else {
        p[0] = bytes[0];
        p[n / 2] = bytes[n / 2];
        p[n - 1] = bytes[n - 1];
    }
}

/* v with all but its first n bytes zero, n from 0 to 15. */
INLINE __m128i keep_part(__m128i v, size_t n)
{
    const __m128i place = _mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm_and_si128(v, _mm_cmpgt_epi8(_mm_set1_epi8((char)n), place));
}

/* Text xored with a key stream, in place. */
INLINE void xor_stream(struct weir_mspan text, const uint8_t *stream)
{
    for (; text.n >= 16; text.n -= 16) {
        store(text.p, _mm_xor_si128(load(text.p), load(stream)));
        text.p += 16;
        stream += 16;
    }
    if (text.n != 0) {
        store_part(text.p, _mm_xor_si128(load_part(text.p, text.n), load(stream)), text.n);
    }
}

/* The mask that reverses the bytes of a block. */
INLINE __m128i reversal(void)
{
    return _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* -- AES, one block --------------------------------------------------------------------------- */

typedef const uint8_t (*round_keys)[16];

AESNI INLINE __m128i aes_block(round_keys keys, uint32_t rounds, __m128i block)
{
    block = _mm_xor_si128(block, load(keys[0]));
    for (uint32_t r = 1; r < rounds; r++) { /* rounds is 10 or 14 */
        block = _mm_aesenc_si128(block, load(keys[r]));
    }
    return _mm_aesenclast_si128(block, load(keys[rounds]));
}

/* The counter block that begins the key stream, bytes reversed so that its counter is the lowest
 * 32-bit lane: nonce || count [NIST SP 800-38D 7.1]. */
INLINE __m128i gcm_counter(const uint8_t nonce[WEIR_NONCE_BYTES], int count)
{
    return _mm_set_epi32((int)weir_be32(nonce), (int)weir_be32(nonce + 4), (int)weir_be32(nonce + 8),
                         count);
}

/* -- GHASH ------------------------------------------------------------------------------------ */

/* A sum of products by Karatsuba: low and high halves, and the product of the folded operands. */
struct sum {
    __m128i low, middle, high;
};

AESNI INLINE __m128i reverse(__m128i v)
{
    return _mm_shuffle_epi8(v, reversal());
}

AESNI INLINE struct sum product(__m128i x, __m128i power, __m128i folded)
{
    struct sum s;
    s.low = _mm_clmulepi64_si128(x, power, 0x00);
    s.high = _mm_clmulepi64_si128(x, power, 0x11);
    x = _mm_xor_si128(x, _mm_shuffle_epi32(x, 0x4e));
    s.middle = _mm_clmulepi64_si128(x, folded, 0x00);
    return s;
}

AESNI INLINE void add_product(struct sum *s, __m128i x, __m128i power, __m128i folded)
{
    struct sum p = product(x, power, folded);
    s->low = _mm_xor_si128(s->low, p.low);
    s->middle = _mm_xor_si128(s->middle, p.middle);
    s->high = _mm_xor_si128(s->high, p.high);
    IN_ORDER(s->low);
    IN_ORDER(s->middle);
    IN_ORDER(s->high);
}

/* The sum modulo x^128 + x^127 + x^126 + x^121 + 1, over x^128: twice the lowest 64 bits are made
 * zero by adding a multiple of the polynomial, and dropped. */
AESNI INLINE __m128i reduce(struct sum s)
{
    const __m128i polynomial = _mm_set_epi32((int)0xc2000000, 0, 0, 0);
    __m128i middle = _mm_xor_si128(s.middle, _mm_xor_si128(s.low, s.high));
    __m128i low = _mm_xor_si128(s.low, _mm_slli_si128(middle, 8));
    __m128i high = _mm_xor_si128(s.high, _mm_srli_si128(middle, 8));
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, polynomial, 0x10));
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, polynomial, 0x10));
    return _mm_xor_si128(high, low);
}

/* y absorbs additional data block by block, the last one padded with zeros. */
AESNI INLINE __m128i ghash_aad(const struct weir_gcm_key *k, struct weir_span aad)
{
    const __m128i power = load(k->power[16]), folded = load(k->folded[16]);
    __m128i y = _mm_setzero_si128();
    for (; aad.n >= 16; aad.p += 16, aad.n -= 16) {
        y = reduce(product(_mm_xor_si128(y, reverse(load(aad.p))), power, folded));
    }
    if (aad.n != 0) {
        y = reduce(product(_mm_xor_si128(y, reverse(load_part(aad.p, aad.n))), power, folded));
    }
    return y;
}

/* The last block that GHASH absorbs, bytes reversed: both lengths in bits. */
INLINE __m128i ghash_lengths(size_t aad_bytes, size_t data_bytes)
{
    return _mm_set_epi64x((long long)((uint64_t)aad_bytes * 8), (long long)((uint64_t)data_bytes * 8));
}

/* Equality in time that depends on nothing. */
AESNI INLINE bool equal_secret(__m128i a, __m128i b)
{
    __m128i difference = _mm_xor_si128(a, b);
    return _mm_test_all_zeros(difference, difference) != 0;
}

#endif
#endif
