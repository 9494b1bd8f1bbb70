/* AES in counter mode, and AES-GCM [NIST SP 800-38D 7], over the cipher in bit slices and portable GHASH.
 *
 * The counter of a tag, nonce || 1, is the one before those of the data, so that the mask of the tag is the
 * head of the same key stream. Opening checks the tag before it decrypts: whether it is right is no
 * secret, and is the only thing that a branch goes by. */
#include "core/kernels/sliced_int.h"
#include "core/kernels/ghash.h"

void weir_sliced_ctr_xor(const struct weir_aes_key *k, const uint8_t iv[16], struct weir_mspan data)
{
    struct weir_sliced_stream s;
    weir_sliced_begin(&s, k, iv);
    weir_sliced_xor(&s, data);
    weir_sliced_end(&s);
}

void weir_sliced_gcm_init(struct weir_sliced_gcm_key *k, const uint8_t *key, size_t key_bytes)
{
    static const uint8_t zero[16];
    k->aes.rounds = weir_sliced_expand(k->aes.round_key, key, key_bytes);
    memset(k->h, 0, 16);
    weir_sliced_ctr_xor(&k->aes, zero, (struct weir_mspan){ k->h, 16 });
}

static void begin(struct weir_sliced_stream *s, const struct weir_sliced_gcm_key *k,
                  const uint8_t nonce[WEIR_NONCE_BYTES])
{
    uint8_t block[16] = { [15] = 1 };
    memcpy(block, nonce, WEIR_NONCE_BYTES);
    weir_sliced_begin(s, &k->aes, block);
}

/* The tag: its mask out of the key stream, and the hash. */
static void mask_tag(uint8_t tag[WEIR_TAG_BYTES], struct weir_sliced_stream *s)
{
    memset(tag, 0, WEIR_TAG_BYTES);
    weir_sliced_xor(s, (struct weir_mspan){ tag, WEIR_TAG_BYTES });
}

static void add_hash(uint8_t tag[WEIR_TAG_BYTES], const struct weir_sliced_gcm_key *k, struct weir_span aad,
                     struct weir_span ciphertext)
{
    struct weir_ghash hash;
    uint8_t sum[16];
    weir_ghash_init(&hash, k->h);
    weir_ghash_update(&hash, aad);
    weir_ghash_update(&hash, ciphertext);
    weir_ghash_lengths(&hash, (uint64_t)aad.n * 8, (uint64_t)ciphertext.n * 8);
    weir_ghash_value(&hash, sum);
    for (unsigned i = 0; i < 16; i++) {
        tag[i] ^= sum[i];
    }
    weir_wipe(&hash, sizeof hash);
    weir_wipe(sum, sizeof sum); /* with the tag it tells the mask of this nonce */
}

void weir_sliced_gcm_seal(const struct weir_sliced_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                          struct weir_span aad, struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES])
{
    struct weir_sliced_stream s;
    uint8_t made[WEIR_TAG_BYTES];
    begin(&s, k, nonce);
    mask_tag(made, &s);
    weir_sliced_xor(&s, data);
    weir_sliced_end(&s);
    add_hash(made, k, aad, weir_span_const(data));
    memcpy(tag, made, sizeof made);
}

bool weir_sliced_gcm_open(const struct weir_sliced_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                          struct weir_span aad, struct weir_mspan data, const uint8_t tag[WEIR_TAG_BYTES])
{
    struct weir_sliced_stream s;
    uint8_t want[WEIR_TAG_BYTES];
    begin(&s, k, nonce);
    mask_tag(want, &s);
    add_hash(want, k, aad, weir_span_const(data));
    bool is_good = weir_equal_secret(want, tag, sizeof want);
    if (is_good) {
        weir_sliced_xor(&s, data);
    }
    weir_sliced_end(&s);
    weir_wipe(want, sizeof want);
    return is_good;
}
