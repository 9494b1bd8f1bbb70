/* AES counter mode and HMAC-SHA-1 of one SRTP packet in one pass [RFC 3711 3.3, 4.1.1, 4.2.1].
 *
 * Beside every block of SHA-1, which mostly waits for itself, goes 64 bytes of key stream. Sealing keeps
 * the cipher one block ahead of the hash, opening keeps it behind.
 */
#include "core/kernels/sha1_int.h"

#if WEIR_KERNELS_X86

#define STEP 64

struct stream {
    const struct weir_aes_key *key;
    __m128i counter;
    struct weir_mspan secret; /* what is left of it */
    size_t at;                /* where that begins in what is hashed */
};

/* The next four counter blocks, with the first round key added. */
AESNI INLINE struct lanes lanes_begin(const struct stream *s)
{
    const __m128i one = _mm_set_epi32(0, 0, 0, 1);
    const __m128i key = load(s->key->round_key[0]);
    __m128i c1 = _mm_add_epi32(s->counter, one), c2 = _mm_add_epi32(c1, one);
    __m128i c3 = _mm_add_epi32(c2, one);
    struct lanes l = { s->key->round_key,
                       s->key->rounds,
                       _mm_xor_si128(reverse(s->counter), key),
                       _mm_xor_si128(reverse(c1), key),
                       _mm_xor_si128(reverse(c2), key),
                       _mm_xor_si128(reverse(c3), key) };
    return l;
}

/* The last round; then the next 64 bytes of text, or all that is left. */
AESNI INLINE void lanes_end(struct lanes *l, struct stream *s)
{
    const __m128i key = load(l->keys[l->rounds]);
    uint8_t stream[STEP];
    l->b0 = _mm_aesenclast_si128(l->b0, key);
    l->b1 = _mm_aesenclast_si128(l->b1, key);
    l->b2 = _mm_aesenclast_si128(l->b2, key);
    l->b3 = _mm_aesenclast_si128(l->b3, key);
    s->counter = _mm_add_epi32(s->counter, _mm_set_epi32(0, 0, 0, 4));
    if (s->secret.n >= STEP) {
        uint8_t *p = s->secret.p;
        store(p, _mm_xor_si128(load(p), l->b0));
        store(p + 16, _mm_xor_si128(load(p + 16), l->b1));
        store(p + 32, _mm_xor_si128(load(p + 32), l->b2));
        store(p + 48, _mm_xor_si128(load(p + 48), l->b3));
        s->secret.p += STEP;
        s->secret.n -= STEP;
        s->at += STEP;
        return;
    }
    store(stream, l->b0);
    store(stream + 16, l->b1);
    store(stream + 32, l->b2);
    store(stream + 48, l->b3);
    xor_stream(s->secret, stream);
    weir_wipe(stream, sizeof stream);
    s->secret.n = 0;
}

/* Cipher the text that begins before `end` of what is hashed, with no hash beside. */
AESNI static void stream_to(struct stream *s, size_t end)
{
    while (s->secret.n != 0 && s->at < end) { /* 64 bytes each time */
        struct lanes l = lanes_begin(s);
        for (uint32_t r = 1; r < l.rounds; r++) { /* rounds is 10 or 14 */
            lanes_round(&l, r);
        }
        lanes_end(&l, s);
    }
}

AESNI_SHANI void weir_shani_ctr_hmac(const struct weir_ctr_hmac *j, bool is_seal, uint8_t out[20])
{
    const size_t whole = j->covered.n / WEIR_SHA_BLOCK * WEIR_SHA_BLOCK;
    struct weir_sha s;
    struct stream stream = { weir_aes_key_of(j->cipher), reverse(load(j->iv)), j->secret, 0 };
    if (j->secret.n != 0) {
        stream.at = (size_t)(j->secret.p - j->covered.p);
    }
    weir_sha_hmac_begin(j->auth, &s);
    struct sha1 h = sha1_load(s.state);
    if (is_seal) {
        stream_to(&stream, 2 * STEP); /* a block reads what was written beside the one before the last */
    }
    for (size_t at = 0; at < whole; at += WEIR_SHA_BLOCK) {
        size_t next = at + WEIR_SHA_BLOCK;
        struct lanes l = lanes_begin(&stream);
        sha1_block(&h, j->covered.p + at, &l);
        if (stream.secret.n != 0 && (is_seal || stream.at + STEP <= next)) {
            lanes_end(&l, &stream);
        }
    }
    sha1_store(&h, s.state);
    s.bytes += whole;
    if (is_seal) {
        stream_to(&stream, j->covered.n);
    }
    const struct weir_span rest[2] = { { j->covered.p + whole, j->covered.n - whole }, j->trailer };
    weir_sha_hmac_end(j->auth, &s, rest, 2, out);
    stream_to(&stream, j->covered.n); /* opening: what the hash had to read first */
}

#endif
