/* AES with the ARMv8 Cryptographic Extension: key expansion [FIPS 197 5.2], the powers of the hash key
 * of GCM, and counter mode [NIST SP 800-38A 6.5], eight blocks at a time. */
#include "core/kernels/arm_int.h"

#if WEIR_KERNELS_ARM

/* SubWord by the cipher's own round, with a key of zeros: in a block of four equal columns its shift of
 * rows moves nothing. */
static uint32_t sub_word(uint32_t w)
{
    uint8x16_t block = vreinterpretq_u8_u32(vdupq_n_u32(w));
    block = vaeseq_u8(block, vdupq_n_u8(0));
    return vgetq_lane_u32(vreinterpretq_u32_u8(block), 0);
}

/* Words are little-endian here, so that RotWord is a rotation to the right. */
uint32_t weir_arm_expand(uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16], const uint8_t *key,
                         size_t key_bytes)
{
    const size_t key_words = key_bytes / 4;
    const uint32_t rounds = (uint32_t)key_words + 6;
    uint32_t w[4 * WEIR_AES_ROUND_KEYS_MAX];
    uint32_t constant = 1;
    memcpy(w, key, key_bytes);
    for (size_t i = key_words; i < 4 * (rounds + 1); i++) { /* 44 or 60 words */
        uint32_t t = w[i - 1];
        if (i % key_words == 0) {
            t = sub_word(t >> 8 | t << 24) ^ constant;
            constant = constant << 1 ^ (constant >> 7) * 0x11b;
        } else if (key_words == 8 && i % 8 == 4) {
            t = sub_word(t);
        }
        w[i] = w[i - key_words] ^ t;
    }
    memcpy(round_key, w, 16 * (rounds + 1));
    weir_wipe(w, sizeof w);
    return rounds;
}

/* H * x: shift the 128 bits left by one; what falls out comes back as the polynomial, by a mask. */
static uint8x16_t times_x(uint8x16_t h)
{
    uint64_t low = vgetq_lane_u64(vreinterpretq_u64_u8(h), 0);
    uint64_t high = vgetq_lane_u64(vreinterpretq_u64_u8(h), 1);
    uint64_t out = 0 - (high >> 63);
    high = (high << 1 | low >> 63) ^ (out & 0xc200000000000000);
    low = low << 1 ^ (out & 1);
    return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
}

void weir_arm_gcm_init(struct weir_gcm_key *k, const uint8_t *key, size_t key_bytes)
{
    k->rounds = weir_arm_expand(k->round_key, key, key_bytes);
    const struct weir_gcm_key *made = k;
    uint8x16_t h = times_x(reverse(aes_block(made->round_key, made->rounds, vdupq_n_u8(0))));
    uint8x16_t h_folded = veorq_u8(h, swap_halves(h));
    uint8x16_t power = h;
    for (int i = WEIR_GCM_POWERS - 2; i >= 0; i--) {
        vst1q_u8(k->power[i], power);
        vst1q_u8(k->folded[i], veorq_u8(power, swap_halves(power)));
        power = reduce(product(power, h, h_folded));
    }
    memset(k->power[WEIR_GCM_POWERS - 1], 0, 16);
    memset(k->folded[WEIR_GCM_POWERS - 1], 0, 16);
}

void weir_arm_ctr_xor(const struct weir_aes_key *k, const uint8_t iv[16], struct weir_mspan data)
{
    uint32x4_t counter = counter_of(iv);
    for (; data.n >= GROUP; data.n -= GROUP) {
        struct group g = group_make(k->round_key, k->rounds, &counter);
        group_xor(&g, data.p);
        data.p += GROUP;
    }
    if (data.n != 0) {
        uint8_t stream[GROUP];
        struct group g = group_make(k->round_key, k->rounds, &counter);
        group_store(&g, stream);
        xor_stream(data, stream);
        weir_wipe(stream, sizeof stream);
    }
}

#endif
