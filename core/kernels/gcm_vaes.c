/* AES-GCM on 256-bit vectors [NIST SP 800-38D 7].
 *
 *   1. E(J0), which the tag is masked with, and the hash of the additional data;
 *   2. groups of sixteen blocks: eight vectors of two go through the rounds together, and between the
 *      rounds sixteen blocks of ciphertext are hashed - of the group before when sealing, of the same
 *      group when opening;
 *   3. what is left, under sixteen blocks: the key stream goes over a buffer; pairs, then single
 *      blocks, then the last bytes;
 *   4. the block of lengths, joined to what is left, and the tag.
 *
 * The processor overlaps AES and GHASH by itself only as far as it looks ahead; the order of the
 * instructions here lets it do both all the time. Branches depend on lengths alone.
 */
#include "core/kernels/group_vaes_int.h"

#if WEIR_KERNELS_X86

/* -- Sums of products -------------------------------------------------------------------------- */

struct wide_sum {
    __m256i low, middle, high;
};

/* Add the products of two blocks, bytes reversed, with the powers of H that begin at `power`. */
VAES INLINE void add_pair(const struct weir_gcm_key *k, struct wide_sum *s, __m256i x, size_t power)
{
    __m256i h = load_pair(k->power[power]);
    __m256i folded = load_pair(k->folded[power]);
    s->low = _mm256_xor_si256(s->low, _mm256_clmulepi64_epi128(x, h, 0x00));
    s->high = _mm256_xor_si256(s->high, _mm256_clmulepi64_epi128(x, h, 0x11));
    x = _mm256_xor_si256(x, _mm256_shuffle_epi32(x, 0x4e));
    s->middle = _mm256_xor_si256(s->middle, _mm256_clmulepi64_epi128(x, folded, 0x00));
    IN_ORDER(s->low);
    IN_ORDER(s->middle);
    IN_ORDER(s->high);
}

VAES INLINE struct wide_sum wide_zero(void)
{
    const __m256i zero = _mm256_setzero_si256();
    struct wide_sum s = { zero, zero, zero };
    return s;
}

VAES INLINE __m128i join(__m256i v)
{
    return _mm_xor_si128(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

VAES INLINE __m128i wide_reduce(const struct wide_sum *s)
{
    struct sum joined = { join(s->low), join(s->middle), join(s->high) };
    return reduce(joined);
}

/* All rounds but the last, and the hash of 256 bytes between them. */
VAES INLINE __m128i group_rounds_hash(const struct weir_gcm_key *k, struct group *g, __m128i y,
                                      const uint8_t *hashed)
{
    struct wide_sum s = wide_zero();
    group_round(k->round_key, g, 1);
    add_pair(k, &s, _mm256_xor_si256(reverse_pair(load_pair(hashed)), _mm256_zextsi128_si256(y)), 1);
    group_round(k->round_key, g, 2);
    add_pair(k, &s, reverse_pair(load_pair(hashed + 32)), 3);
    group_round(k->round_key, g, 3);
    add_pair(k, &s, reverse_pair(load_pair(hashed + 64)), 5);
    group_round(k->round_key, g, 4);
    add_pair(k, &s, reverse_pair(load_pair(hashed + 96)), 7);
    group_round(k->round_key, g, 5);
    add_pair(k, &s, reverse_pair(load_pair(hashed + 128)), 9);
    group_round(k->round_key, g, 6);
    add_pair(k, &s, reverse_pair(load_pair(hashed + 160)), 11);
    group_round(k->round_key, g, 7);
    add_pair(k, &s, reverse_pair(load_pair(hashed + 192)), 13);
    group_round(k->round_key, g, 8);
    add_pair(k, &s, reverse_pair(load_pair(hashed + 224)), 15);
    group_round(k->round_key, g, 9);
    y = wide_reduce(&s);
    for (uint32_t r = 10; r < k->rounds; r++) {
        group_round(k->round_key, g, r);
    }
    return y;
}

/* -- What is left ----------------------------------------------------------------------------- */

/* One block or less of text, its key stream over it; the ciphertext is returned, bytes reversed. */
VAES INLINE __m128i rest_block(const uint8_t *stream, uint8_t *text, size_t n, bool is_seal)
{
    if (n >= 16) {
        __m128i from = load(text), to = _mm_xor_si128(from, load(stream));
        store(text, to);
        return reverse(is_seal ? to : from);
    }
    __m128i from = load_part(text, n), to = _mm_xor_si128(from, load(stream));
    store_part(text, to, n);
    return reverse(is_seal ? keep_part(to, n) : from);
}

/* Under 256 bytes of text, their key stream over them; then the block of lengths. */
VAES INLINE __m128i rest(const struct weir_gcm_key *k, __m128i y, const uint8_t *stream,
                         struct weir_mspan text, __m128i lengths, bool is_seal)
{
    struct wide_sum s = wide_zero();
    size_t power = WEIR_GCM_POWERS - 2 - (text.n + 15) / 16;
    __m256i before = _mm256_zextsi128_si256(y);
    for (; text.n >= 32; text.n -= 32) { /* at most 7 pairs */
        __m256i from = load_pair(text.p), to = _mm256_xor_si256(from, load_pair(stream));
        store_pair(text.p, to);
        add_pair(k, &s, _mm256_xor_si256(before, reverse_pair(is_seal ? to : from)), power);
        before = _mm256_setzero_si256();
        text.p += 32;
        stream += 32;
        power += 2;
    }
    __m256i pair = _mm256_zextsi128_si256(lengths);
    if (text.n > 16) {
        __m128i first = rest_block(stream, text.p, 16, is_seal);
        __m128i second = rest_block(stream + 16, text.p + 16, text.n - 16, is_seal);
        add_pair(k, &s, _mm256_xor_si256(before, _mm256_set_m128i(second, first)), power);
        before = _mm256_setzero_si256();
        power += 2;
    } else if (text.n != 0) {
        pair = _mm256_set_m128i(lengths, rest_block(stream, text.p, text.n, is_seal));
    }
    add_pair(k, &s, _mm256_xor_si256(before, pair), power);
    return wide_reduce(&s);
}

/* -- A packet --------------------------------------------------------------------------------- */

/* Seal or open; returns the tag. */
VAES INLINE __m128i packet(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                           struct weir_span aad, struct weir_mspan data, bool is_seal)
{
    const __m128i lengths = ghash_lengths(aad.n, data.n);
    const __m128i mask = aes_block(k->round_key, k->rounds, reverse(gcm_counter(nonce, 1)));
    __m256i counter = _mm256_set_m128i(gcm_counter(nonce, 3), gcm_counter(nonce, 2));
    _Alignas(32) uint8_t stream[GROUP];
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

VAES void weir_vaes_gcm_seal(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                             struct weir_span aad, struct weir_mspan data,
                             uint8_t tag[WEIR_TAG_BYTES])
{
    store(tag, packet(k, nonce, aad, data, true));
}

VAES bool weir_vaes_gcm_open(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                             struct weir_span aad, struct weir_mspan data,
                             const uint8_t tag[WEIR_TAG_BYTES])
{
    const __m128i given = load(tag);
    return equal_secret(packet(k, nonce, aad, data, false), given);
}

#endif
