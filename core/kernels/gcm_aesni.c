/* AES-GCM with AES-NI and PCLMULQDQ [NIST SP 800-38D 7]: gcm_vaes.c on vectors of one block.
 *
 *   1. E(J0), which the tag is masked with, and the hash of the additional data;
 *   2. groups of eight blocks go through the rounds together, and between the rounds eight blocks of
 *      ciphertext are hashed - of the group before when sealing, of the same group when opening;
 *   3. what is left, under eight blocks: the key stream goes over a buffer, block by block;
 *   4. the block of lengths, joined to what is left, and the tag.
 */
#include "core/kernels/group_aesni_int.h"

#if WEIR_KERNELS_X86

/* Add the product of one block, bytes reversed, with a power of H. */
AESNI INLINE void add_block(const struct weir_gcm_key *k, struct sum *s, __m128i x, size_t power)
{
    add_product(s, x, load(k->power[power]), load(k->folded[power]));
}

/* All rounds but the last, and the hash of 128 bytes between them. */
AESNI INLINE __m128i group_rounds_hash(const struct weir_gcm_key *k, struct group *g, __m128i y,
                                       const uint8_t *hashed)
{
    const size_t h8 = WEIR_GCM_POWERS - 2 - 7; /* where H^8 stands */
    group_round(k->round_key, g, 1);
    struct sum s = product(_mm_xor_si128(y, reverse(load(hashed))), load(k->power[h8]),
                           load(k->folded[h8]));
    group_round(k->round_key, g, 2);
    add_block(k, &s, reverse(load(hashed + 16)), h8 + 1);
    group_round(k->round_key, g, 3);
    add_block(k, &s, reverse(load(hashed + 32)), h8 + 2);
    group_round(k->round_key, g, 4);
    add_block(k, &s, reverse(load(hashed + 48)), h8 + 3);
    group_round(k->round_key, g, 5);
    add_block(k, &s, reverse(load(hashed + 64)), h8 + 4);
    group_round(k->round_key, g, 6);
    add_block(k, &s, reverse(load(hashed + 80)), h8 + 5);
    group_round(k->round_key, g, 7);
    add_block(k, &s, reverse(load(hashed + 96)), h8 + 6);
    group_round(k->round_key, g, 8);
    add_block(k, &s, reverse(load(hashed + 112)), h8 + 7);
    group_round(k->round_key, g, 9);
    y = reduce(s);
    for (uint32_t r = 10; r < k->rounds; r++) {
        group_round(k->round_key, g, r);
    }
    return y;
}

/* -- What is left ----------------------------------------------------------------------------- */

/* Under 128 bytes of text, their key stream over them; then the block of lengths. */
AESNI INLINE __m128i rest(const struct weir_gcm_key *k, __m128i y, const uint8_t *stream,
                          struct weir_mspan text, __m128i lengths, bool is_seal)
{
    struct sum s = { _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128() };
    size_t power = WEIR_GCM_POWERS - 2 - (text.n + 15) / 16;
    for (; text.n >= 16; text.n -= 16) { /* at most 7 blocks */
        __m128i from = load(text.p), to = _mm_xor_si128(from, load(stream));
        store(text.p, to);
        add_block(k, &s, _mm_xor_si128(y, reverse(is_seal ? to : from)), power);
        y = _mm_setzero_si128();
        text.p += 16;
        stream += 16;
        power++;
    }
    if (text.n != 0) {
        __m128i from = load_part(text.p, text.n), to = _mm_xor_si128(from, load(stream));
        store_part(text.p, to, text.n);
        to = keep_part(to, text.n);
        add_block(k, &s, _mm_xor_si128(y, reverse(is_seal ? to : from)), power);
        y = _mm_setzero_si128();
    }
    add_block(k, &s, _mm_xor_si128(y, lengths), WEIR_GCM_POWERS - 2);
    return reduce(s);
}

/* -- A packet --------------------------------------------------------------------------------- */

/* Seal or open; returns the tag. */
AESNI INLINE __m128i packet(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                            struct weir_span aad, struct weir_mspan data, bool is_seal)
{
    const __m128i lengths = ghash_lengths(aad.n, data.n);
    const __m128i mask = aes_block(k->round_key, k->rounds, reverse(gcm_counter(nonce, 1)));
    __m128i counter = gcm_counter(nonce, 2);
    _Alignas(16) uint8_t stream[GROUP];
    static const uint8_t zero[GROUP];
    const uint8_t *sealed = NULL; /* the group of ciphertext that is not hashed yet */
    __m128i y = ghash_aad(k, aad);
    struct group g;
    for (;;) { /* one turn per group, and one for the rest */
        const uint8_t *hashed = is_seal ? sealed : data.n >= GROUP ? data.p : NULL;
        g = group_begin(k->round_key, &counter);
        if (hashed != NULL) {
            y = group_rounds_hash(k, &g, y, hashed);
        } else {
            group_rounds(k->round_key, k->rounds, &g);
        }
        if (data.n < GROUP) {
            break;
        }
        group_end(k->round_key, k->rounds, &g, data.p, data.p);
        sealed = data.p;
        data.p += GROUP;
        data.n -= GROUP;
    }
    group_end(k->round_key, k->rounds, &g, zero, stream);
    y = rest(k, y, stream, data, lengths, is_seal);
    weir_wipe(stream, sizeof stream);
    return _mm_xor_si128(reverse(y), mask);
}

AESNI void weir_aesni_gcm_seal(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                               struct weir_span aad, struct weir_mspan data,
                               uint8_t tag[WEIR_TAG_BYTES])
{
    store(tag, packet(k, nonce, aad, data, true));
}

AESNI bool weir_aesni_gcm_open(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                               struct weir_span aad, struct weir_mspan data,
                               const uint8_t tag[WEIR_TAG_BYTES])
{
    const __m128i given = load(tag);
    return equal_secret(packet(k, nonce, aad, data, false), given);
}

#endif
