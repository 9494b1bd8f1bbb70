/* CRC32c of SCTP [RFC 9260 appendix A] on a processor that has an instruction for it.
 *
 * The instruction takes three cycles and can begin every cycle, so three streams run side by side: the
 * data is cut into three parts of whole 8-byte words, and the remainders of the first two are moved
 * over what follows them by a carry-less product with x^(8n - 33), n bytes being what follows. The
 * instruction itself divides that product, times x^32, by the polynomial; the reflected product is one
 * bit short, which is the last 1 of the 33.
 *
 * Included by one file for each processor, which defines before:
 *   CRC_TARGET          the attribute of a function that uses these instructions
 *   CRC_WORD(crc, w)    the step over eight bytes as a little-endian number
 *   CRC_BYTE(crc, b)    the step over one byte
 *   CRC_PRODUCT(a, b)   the carry-less product of two numbers of 32 bits
 */
#ifndef WEIR_CORE_KERNELS_CRC32C_INT_H
#define WEIR_CORE_KERNELS_CRC32C_INT_H

#include "core/kernels/kernels_int.h"

/* Words of a stream at most: three streams are more than a packet. */
#define CRC_WORDS_MAX 64

/* shift[i] is x^(64 (i + 1) - 33) modulo the polynomial, reflected: over i + 1 words. */
static const uint32_t shift[2 * CRC_WORDS_MAX] = {
    0x00000001, 0x493c7d27, 0xf20c0dfe, 0xba4fc28e, 0x3da6d0cb, 0xddc0152b, 0x1c291d04,
    0x9e4addf8, 0x740eef02, 0x39d3b296, 0x083a6eec, 0x0715ce53, 0xc49f4f67, 0x47db8317,
    0x2ad91c30, 0x0d3b6092, 0x6992cea2, 0xc96cfdc0, 0x7e908048, 0x878a92a7, 0x1b3d8f29,
    0xdaece73e, 0xf1d0f55e, 0xab7aff2a, 0xa87ab8a8, 0x2162d385, 0x8462d800, 0x83348832,
    0x71d111a8, 0x299847d5, 0xffd852c6, 0xb9e02b86, 0xdcb17aa4, 0x18b33a4e, 0xf37c5aee,
    0xb6dd949b, 0x6051d5a2, 0x78d9ccb7, 0x18b0d4ff, 0xbac2fd7b, 0x21f3d99c, 0xa60ce07b,
    0x8f158014, 0xce7f39f4, 0xa00457f7, 0x61d82e56, 0x8d6d2c43, 0xd270f1a2, 0x00ac29cf,
    0xc619809d, 0xe9adf796, 0x2b3cac5d, 0x96638b34, 0x65863b64, 0xe0e9f351, 0x1b03397f,
    0x9af01f2d, 0xebb883bd, 0x2cff42cf, 0xb3e32c28, 0x88f25a3a, 0x064f7f26, 0x4e36f0b0,
    0xdd7e3b0c, 0xbd6f81f8, 0xf285651c, 0x91c9bd4b, 0x10746f3c, 0x885f087b, 0xc7a68855,
    0x4c144932, 0x271d9844, 0x52148f02, 0x8e766a0c, 0xa3c6f37a, 0x93a5f730, 0xd7c0557f,
    0x6cb08e5c, 0x63ded06a, 0x6b749fb2, 0x4d56973c, 0x1393e203, 0x9669c9df, 0xcec3662e,
    0xe417f38a, 0x96c515bb, 0x4b9e0f71, 0xe6fc4e6a, 0xd104b8fc, 0x8227bb8a, 0x5b397730,
    0xb0cd4768, 0xe78eb416, 0x39c7ff35, 0x61ff0e01, 0xd7a4825c, 0x8d96551c, 0x0ab3844b,
    0x0bf80dd2, 0x0167d312, 0x8821abed, 0xf6076544, 0x6a45d2b2, 0x26f6a60a, 0xd8d26619,
    0xa741c1bf, 0xde87806c, 0x98d8d9cb, 0x14338754, 0x49c3cc9c, 0x5bd2011f, 0x68bce87a,
    0xdd07448e, 0x57a3d037, 0xdde8f5b9, 0x6956fc3b, 0xa3e3e02c, 0x42d98888, 0xd73c7bea,
    0x3771e98f, 0x80ff0093, 0xb42ae3d9, 0x8fe4c34d, 0x2178513a, 0xdf99fc11, 0xe0ac139e,
    0x6c23e841, 0x170076fa,
};

static inline uint64_t word_at(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

/* 3 * words words. */
static inline CRC_TARGET uint32_t crc_three(uint32_t crc, const uint8_t *p, size_t words)
{
    const uint8_t *q = p + 8 * words;
    const uint8_t *r = q + 8 * words;
    uint32_t a = crc, b = 0, c = 0;
    for (size_t i = 1; i < words; i++) {
        a = CRC_WORD(a, word_at(p));
        b = CRC_WORD(b, word_at(q));
        c = CRC_WORD(c, word_at(r));
        p += 8;
        q += 8;
        r += 8;
    }
    a = CRC_WORD(a, word_at(p));
    b = CRC_WORD(b, word_at(q));
    /* The last word of the third stream takes both products in. */
    return CRC_WORD(c, word_at(r) ^ CRC_PRODUCT(a, shift[2 * words - 1])
                           ^ CRC_PRODUCT(b, shift[words - 1]));
}

static inline CRC_TARGET uint32_t crc_update(uint32_t crc, struct weir_span d)
{
    while (d.n >= 24 * 4) { /* below that three streams are not worth their products */
        size_t words = d.n / 24 < CRC_WORDS_MAX ? d.n / 24 : CRC_WORDS_MAX;
        crc = crc_three(crc, d.p, words);
        d.p += 24 * words;
        d.n -= 24 * words;
    }
    for (; d.n >= 8; d.p += 8, d.n -= 8) {
        crc = CRC_WORD(crc, word_at(d.p));
    }
    for (; d.n != 0; d.p++, d.n--) {
        crc = CRC_BYTE(crc, *d.p);
    }
    return crc;
}

#endif
