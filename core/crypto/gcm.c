/* Counter mode and AES-GCM over a provider's block cipher, with the 12-byte nonce that TLS and SRTP
 * use. These are the portable modes; kernels that do whole packets in vector registers go over the
 * provider's table and pass these by.
 *
 * A tag is E(J0) xor GHASH(aad, ciphertext), J0 = nonce || 1; data is counted from nonce || 2 on
 * [NIST SP 800-38D 7]. Opening checks the tag before it decrypts.
 */
#include "core/crypto/crypto_int.h"
#include "core/kernels/ghash.h"

void weir_block_ctr(const struct weir_block_cipher *b, const uint8_t iv[16], struct weir_mspan data)
{
    uint8_t block[16];
    uint8_t stream[16];
    memcpy(block, iv, 16);
    for (size_t at = 0; at < data.n; at += 16) {
        size_t n = data.n - at < 16 ? data.n - at : 16;
        b->encrypt(b->key, block, stream);
        for (size_t i = 0; i < n; i++) {
            data.p[at + i] ^= stream[i];
        }
        weir_put32(block + 12, weir_be32(block + 12) + 1);
    }
    weir_wipe(stream, sizeof stream);
}

static void counter_block(uint8_t block[16], const uint8_t nonce[12], uint32_t count)
{
    memcpy(block, nonce, 12);
    weir_put32(block + 12, count);
}

static void gcm_tag(const struct weir_block_cipher *b, const uint8_t h[16], const uint8_t nonce[12],
                    struct weir_span aad, struct weir_span ciphertext, uint8_t tag[16])
{
    struct weir_ghash hash;
    uint8_t block[16];
    uint8_t sum[16];
    weir_ghash_init(&hash, h);
    weir_ghash_update(&hash, aad);
    weir_ghash_update(&hash, ciphertext);
    weir_ghash_lengths(&hash, (uint64_t)aad.n * 8, (uint64_t)ciphertext.n * 8);
    weir_ghash_value(&hash, sum);
    counter_block(block, nonce, 1);
    b->encrypt(b->key, block, tag);
    for (unsigned i = 0; i < 16; i++) {
        tag[i] ^= sum[i];
    }
    weir_wipe(&hash, sizeof hash);
    weir_wipe(sum, sizeof sum); /* with the tag it tells the mask of this nonce */
}

void weir_gcm_seal(const struct weir_block_cipher *b, const uint8_t h[16], const uint8_t nonce[12],
                   struct weir_span aad, struct weir_mspan data, uint8_t tag[16])
{
    uint8_t block[16];
    counter_block(block, nonce, 2);
    weir_block_ctr(b, block, data);
    gcm_tag(b, h, nonce, aad, weir_span_const(data), tag);
}

bool weir_gcm_open(const struct weir_block_cipher *b, const uint8_t h[16], const uint8_t nonce[12],
                   struct weir_span aad, struct weir_mspan data, const uint8_t tag[16])
{
    uint8_t block[16];
    uint8_t want[16];
    gcm_tag(b, h, nonce, aad, weir_span_const(data), want);
    bool is_good = weir_equal_secret(want, tag, 16);
    if (is_good) {
        counter_block(block, nonce, 2);
        weir_block_ctr(b, block, data);
    }
    weir_wipe(want, sizeof want);
    return is_good;
}
