/* SHA-1 and SHA-256 with the ARMv8 Cryptographic Extension [FIPS 180-4 6.1.2, 6.2.2]. Four rounds are
 * one step; m0 to m3 hold the sixteen words of message that the steps to come are made of. */
#include "core/kernels/arm_int.h"

#if WEIR_KERNELS_ARM

INLINE uint32x4_t words(const uint8_t *p)
{
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p)));
}

/* -- SHA-1 ------------------------------------------------------------------------------------- */

/* The next four words of message, in place of the oldest. */
INLINE uint32x4_t sha1_words(uint32x4_t m0, uint32x4_t m1, uint32x4_t m2, uint32x4_t m3)
{
    return vsha1su1q_u32(vsha1su0q_u32(m0, m1, m2), m3);
}

void weir_arm_sha1(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    uint32x4_t abcd = vld1q_u32(state);
    uint32_t e = state[4];
    for (; blocks != 0; blocks--, p += 64) {
        const uint32x4_t abcd_before = abcd;
        const uint32_t e_before = e;
        uint32x4_t m0 = words(p), m1 = words(p + 16), m2 = words(p + 32), m3 = words(p + 48);
        uint32_t e_next;
/* Four rounds with the function of their twenty: choose, parity, majority. */
#define STEP(function, m, constant)                                       \
    e_next = vsha1h_u32(vgetq_lane_u32(abcd, 0));                         \
    abcd = function(abcd, e, vaddq_u32((m), vdupq_n_u32(constant)));      \
    e = e_next
#define STEP_WORDS(function, a, b, c, d, constant) \
    STEP(function, a, constant);                   \
    a = sha1_words(a, b, c, d)
        STEP_WORDS(vsha1cq_u32, m0, m1, m2, m3, 0x5a827999);
        STEP_WORDS(vsha1cq_u32, m1, m2, m3, m0, 0x5a827999);
        STEP_WORDS(vsha1cq_u32, m2, m3, m0, m1, 0x5a827999);
        STEP_WORDS(vsha1cq_u32, m3, m0, m1, m2, 0x5a827999);
        STEP_WORDS(vsha1cq_u32, m0, m1, m2, m3, 0x5a827999);
        STEP_WORDS(vsha1pq_u32, m1, m2, m3, m0, 0x6ed9eba1);
        STEP_WORDS(vsha1pq_u32, m2, m3, m0, m1, 0x6ed9eba1);
        STEP_WORDS(vsha1pq_u32, m3, m0, m1, m2, 0x6ed9eba1);
        STEP_WORDS(vsha1pq_u32, m0, m1, m2, m3, 0x6ed9eba1);
        STEP_WORDS(vsha1pq_u32, m1, m2, m3, m0, 0x6ed9eba1);
        STEP_WORDS(vsha1mq_u32, m2, m3, m0, m1, 0x8f1bbcdc);
        STEP_WORDS(vsha1mq_u32, m3, m0, m1, m2, 0x8f1bbcdc);
        STEP_WORDS(vsha1mq_u32, m0, m1, m2, m3, 0x8f1bbcdc);
        STEP_WORDS(vsha1mq_u32, m1, m2, m3, m0, 0x8f1bbcdc);
        STEP_WORDS(vsha1mq_u32, m2, m3, m0, m1, 0x8f1bbcdc);
        STEP_WORDS(vsha1pq_u32, m3, m0, m1, m2, 0xca62c1d6);
        STEP(vsha1pq_u32, m0, 0xca62c1d6);
        STEP(vsha1pq_u32, m1, 0xca62c1d6);
        STEP(vsha1pq_u32, m2, 0xca62c1d6);
        STEP(vsha1pq_u32, m3, 0xca62c1d6);
#undef STEP_WORDS
#undef STEP
        abcd = vaddq_u32(abcd, abcd_before);
        e += e_before;
    }
    vst1q_u32(state, abcd);
    state[4] = e;
}

/* -- SHA-256 ----------------------------------------------------------------------------------- */

static const uint32_t k256[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

void weir_arm_sha256(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; blocks != 0; blocks--, p += 64) {
        const uint32x4_t abcd_before = abcd, efgh_before = efgh;
        uint32x4_t m0 = words(p), m1 = words(p + 16), m2 = words(p + 32), m3 = words(p + 48);
        uint32x4_t wk, abcd_now;
#define STEP(m, round)                                 \
    wk = vaddq_u32((m), vld1q_u32(k256 + (round)));    \
    abcd_now = abcd;                                   \
    abcd = vsha256hq_u32(abcd, efgh, wk);              \
    efgh = vsha256h2q_u32(efgh, abcd_now, wk)
#define STEP_WORDS(a, b, c, d, round) \
    STEP(a, round);                   \
    a = vsha256su1q_u32(vsha256su0q_u32(a, b), c, d)
        STEP_WORDS(m0, m1, m2, m3, 0);
        STEP_WORDS(m1, m2, m3, m0, 4);
        STEP_WORDS(m2, m3, m0, m1, 8);
        STEP_WORDS(m3, m0, m1, m2, 12);
        STEP_WORDS(m0, m1, m2, m3, 16);
        STEP_WORDS(m1, m2, m3, m0, 20);
        STEP_WORDS(m2, m3, m0, m1, 24);
        STEP_WORDS(m3, m0, m1, m2, 28);
        STEP_WORDS(m0, m1, m2, m3, 32);
        STEP_WORDS(m1, m2, m3, m0, 36);
        STEP_WORDS(m2, m3, m0, m1, 40);
        STEP_WORDS(m3, m0, m1, m2, 44);
        STEP(m0, 48);
        STEP(m1, 52);
        STEP(m2, 56);
        STEP(m3, 60);
#undef STEP_WORDS
#undef STEP
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

#endif
