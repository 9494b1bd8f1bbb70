/* AES-GCM with the ARMv8 Cryptographic Extension [NIST SP 800-38D 7].
 *
 *   1. E(J0), which the tag is masked with, and the hash of the additional data;
 *   2. groups of eight blocks: the key stream of one group does not wait for the hash of another, so
 *      that the processor runs them side by side - when sealing, the hash is of the group before;
 *   3. what is left, under eight blocks: the key stream goes over a buffer, block by block;
 *   4. the block of lengths, and the tag.
 */
#include "core/kernels/arm_int.h"

#if WEIR_KERNELS_ARM

/* Where H^1 stands among the powers. */
#define H1 (WEIR_GCM_POWERS - 2)

/* Add the product of one block of ciphertext with a power of H. */
INLINE void add_block(const struct weir_gcm_key *k, struct sum *s, uint8x16_t x, size_t power)
{
    add_product(s, x, vld1q_u8(k->power[power]), vld1q_u8(k->folded[power]));
}

/* y absorbs eight blocks. */
INLINE uint8x16_t ghash_group(const struct weir_gcm_key *k, uint8x16_t y, const uint8_t *p)
{
    const size_t h8 = H1 - 7;
    struct sum s = product(veorq_u8(y, reverse(vld1q_u8(p))), vld1q_u8(k->power[h8]),
                           vld1q_u8(k->folded[h8]));
    for (size_t i = 1; i < 8; i++) {
        add_block(k, &s, reverse(vld1q_u8(p + 16 * i)), h8 + i);
    }
    return reduce(s);
}

/* y absorbs bytes block by block, the last one padded with zeros. */
INLINE uint8x16_t ghash_bytes(const struct weir_gcm_key *k, uint8x16_t y, struct weir_span d)
{
    const uint8x16_t power = vld1q_u8(k->power[H1]), folded = vld1q_u8(k->folded[H1]);
    for (; d.n >= 16; d.p += 16, d.n -= 16) {
        y = reduce(product(veorq_u8(y, reverse(vld1q_u8(d.p))), power, folded));
    }
    if (d.n != 0) {
        uint8_t last[16] = { 0 };
        memcpy(last, d.p, d.n);
        y = reduce(product(veorq_u8(y, reverse(vld1q_u8(last))), power, folded));
    }
    return y;
}

/* The tag, from the hash of everything but the lengths. */
INLINE uint8x16_t tag_of(const struct weir_gcm_key *k, const uint8_t j0[16], uint8x16_t y,
                         size_t aad_bytes, size_t data_bytes)
{
    uint8_t lengths[16];
    weir_put64(lengths, (uint64_t)aad_bytes * 8);
    weir_put64(lengths + 8, (uint64_t)data_bytes * 8);
    y = ghash_bytes(k, y, weir_span_of(lengths, sizeof lengths));
    return veorq_u8(reverse(y), aes_block(k->round_key, k->rounds, vld1q_u8(j0)));
}

/* Seal or open; returns the tag. */
INLINE uint8x16_t packet(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                         struct weir_span aad, struct weir_mspan data, bool is_seal)
{
    const size_t data_bytes = data.n;
    const uint8_t *sealed = NULL; /* the group of ciphertext that is not hashed yet */
    uint8x16_t y = ghash_bytes(k, vdupq_n_u8(0), aad);
    uint8_t block[16];
    memcpy(block, nonce, WEIR_NONCE_BYTES);
    weir_put32(block + WEIR_NONCE_BYTES, 2);
    uint32x4_t counter = counter_of(block);
    for (; data.n >= GROUP; data.n -= GROUP) {
        const uint8_t *hashed = is_seal ? sealed : data.p;
        struct group g = group_make(k->round_key, k->rounds, &counter);
        if (hashed != NULL) {
            y = ghash_group(k, y, hashed);
        }
        group_xor(&g, data.p);
        sealed = data.p;
        data.p += GROUP;
    }
    if (is_seal && sealed != NULL) {
        y = ghash_group(k, y, sealed);
    }
    if (data.n != 0) {
        uint8_t stream[GROUP];
        struct group g = group_make(k->round_key, k->rounds, &counter);
        group_store(&g, stream);
        if (!is_seal) {
            y = ghash_bytes(k, y, weir_span_const(data));
        }
        xor_stream(data, stream);
        if (is_seal) {
            y = ghash_bytes(k, y, weir_span_const(data));
        }
        weir_wipe(stream, sizeof stream);
    }
    weir_put32(block + WEIR_NONCE_BYTES, 1);
    return tag_of(k, block, y, aad.n, data_bytes);
}

void weir_arm_gcm_seal(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                       struct weir_span aad, struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES])
{
    vst1q_u8(tag, packet(k, nonce, aad, data, true));
}

bool weir_arm_gcm_open(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                       struct weir_span aad, struct weir_mspan data, const uint8_t tag[WEIR_TAG_BYTES])
{
    const uint8x16_t given = vld1q_u8(tag);
    uint8x16_t difference = veorq_u8(packet(k, nonce, aad, data, false), given);
    return vmaxvq_u8(difference) == 0; /* in time that depends on nothing */
}

#endif
