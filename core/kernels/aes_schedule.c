/* AES key expansion [FIPS 197 5.2] with AESKEYGENASSIST, and the powers of the hash key of GCM. */
#include "core/kernels/x86_int.h"

#if WEIR_KERNELS_X86

/* Four words, each xored with all words before it, then with the word that the assist made. */
AESNI INLINE __m128i next_key(__m128i key, __m128i assist)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, assist);
}

/* The round constant is part of the instruction, so these are macros. The assist's highest word is
 * SubWord and RotWord of the last word with the constant; the one below it is SubWord alone. */
#define TURNED(key, constant) _mm_shuffle_epi32(_mm_aeskeygenassist_si128((key), (constant)), 0xff)
#define PLAIN(key) _mm_shuffle_epi32(_mm_aeskeygenassist_si128((key), 0), 0xaa)

AESNI static void expand_128(uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16], const uint8_t *key)
{
    __m128i k = load(key);
    store(round_key[0], k);
#define STEP(round, constant)             \
    k = next_key(k, TURNED(k, constant)); \
    store(round_key[round], k)
    STEP(1, 0x01);
    STEP(2, 0x02);
    STEP(3, 0x04);
    STEP(4, 0x08);
    STEP(5, 0x10);
    STEP(6, 0x20);
    STEP(7, 0x40);
    STEP(8, 0x80);
    STEP(9, 0x1b);
    STEP(10, 0x36);
#undef STEP
}

AESNI static void expand_256(uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16], const uint8_t *key)
{
    __m128i even = load(key), odd = load(key + 16);
    store(round_key[0], even);
    store(round_key[1], odd);
#define STEP(round, constant)                     \
    even = next_key(even, TURNED(odd, constant)); \
    store(round_key[round], even)
#define HALF_STEP(round)              \
    odd = next_key(odd, PLAIN(even)); \
    store(round_key[round], odd)
    STEP(2, 0x01);
    HALF_STEP(3);
    STEP(4, 0x02);
    HALF_STEP(5);
    STEP(6, 0x04);
    HALF_STEP(7);
    STEP(8, 0x08);
    HALF_STEP(9);
    STEP(10, 0x10);
    HALF_STEP(11);
    STEP(12, 0x20);
    HALF_STEP(13);
    STEP(14, 0x40);
#undef STEP
#undef HALF_STEP
}

AESNI uint32_t weir_aesni_expand(uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16], const uint8_t *key,
                                 size_t key_bytes)
{
    if (key_bytes == 16) {
        expand_128(round_key, key);
        return 10;
    }
    expand_256(round_key, key);
    return 14;
}

/* H * x: shift the 128 bits left by one; what falls out comes back as the polynomial, by a mask. */
AESNI static __m128i times_x(__m128i h)
{
    const __m128i polynomial = _mm_set_epi32((int)0xc2000000, 0, 0, 1);
    __m128i carry = _mm_srli_epi64(h, 63);
    __m128i out = _mm_sub_epi64(_mm_setzero_si128(), _mm_unpackhi_epi64(carry, carry));
    h = _mm_or_si128(_mm_slli_epi64(h, 1), _mm_slli_si128(carry, 8));
    return _mm_xor_si128(h, _mm_and_si128(out, polynomial));
}

AESNI void weir_aesni_gcm_init(struct weir_gcm_key *k, const uint8_t *key, size_t key_bytes)
{
    k->rounds = weir_aesni_expand(k->round_key, key, key_bytes);
    const struct weir_gcm_key *made = k;
    __m128i h = times_x(reverse(aes_block(made->round_key, made->rounds, _mm_setzero_si128())));
    __m128i h_folded = _mm_xor_si128(h, _mm_shuffle_epi32(h, 0x4e));
    __m128i power = h;
    for (int i = WEIR_GCM_POWERS - 2; i >= 0; i--) {
        store(k->power[i], power);
        store(k->folded[i], _mm_xor_si128(power, _mm_shuffle_epi32(power, 0x4e)));
        power = reduce(product(power, h, h_folded));
    }
    store(k->power[WEIR_GCM_POWERS - 1], _mm_setzero_si128());
    store(k->folded[WEIR_GCM_POWERS - 1], _mm_setzero_si128());
}

#endif
