/* Crypto for fuzzing: everything is accepted, nothing is encrypted, so that fuzz bytes reach the
 * machines behind the tags. Hashes stay real, and a tag is sixteen zero bytes whatever was sealed. */
#include "core/crypto.h"

static bool aead_init(struct weir_aead *k, enum weir_aead_id id, const uint8_t *key)
{
    (void)key;
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    return true;
}

static void aead_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, uint8_t tag[16])
{
    (void)k, (void)nonce, (void)aad, (void)data;
    memset(tag, 0, 16);
}

static bool aead_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, const uint8_t tag[16])
{
    (void)k, (void)nonce, (void)aad, (void)data, (void)tag;
    return true;
}

static bool ctr_init(struct weir_ctr *k, const uint8_t *key, size_t key_bytes)
{
    (void)key, (void)key_bytes;
    memset(k, 0, sizeof *k);
    return true;
}

static void ctr_xor(const struct weir_ctr *k, const uint8_t iv[16], struct weir_mspan data)
{
    (void)k, (void)iv, (void)data;
}

static bool mask_init(struct weir_mask *k, enum weir_aead_id id, const uint8_t *key)
{
    (void)key;
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    return true;
}

static void mask(const struct weir_mask *k, const uint8_t sample[16], uint8_t out[16])
{
    (void)k, (void)sample;
    memset(out, 0, 16);
}

static bool ecdh_keygen(enum weir_group g, struct weir_rand *rand,
                        uint8_t priv[WEIR_GROUP_PRIVATE_MAX], uint8_t pub[WEIR_GROUP_PUBLIC_MAX])
{
    weir_rand_bytes(rand, priv, weir_group_private_bytes(g));
    memset(pub, 4, weir_group_public_bytes(g));
    return true;
}

static bool ecdh_shared(enum weir_group g, struct weir_rand *rand, const uint8_t *priv,
                        struct weir_span peer_pub, uint8_t shared[WEIR_GROUP_SHARED_MAX])
{
    (void)rand, (void)priv;
    memset(shared, 0x5a, weir_group_shared_bytes(g));
    return peer_pub.n == weir_group_public_bytes(g);
}

static bool kem_keygen(struct weir_rand *rand, uint8_t priv[WEIR_KEM_PRIVATE_BYTES],
                       uint8_t pub[WEIR_KEM_PUBLIC_BYTES])
{
    weir_rand_bytes(rand, priv, WEIR_KEM_PRIVATE_BYTES);
    memset(pub, 7, WEIR_KEM_PUBLIC_BYTES);
    return true;
}

static bool kem_encapsulate(struct weir_rand *rand, const uint8_t pub[WEIR_KEM_PUBLIC_BYTES],
                            uint8_t ciphertext[WEIR_KEM_CIPHERTEXT_BYTES],
                            uint8_t shared[WEIR_KEM_SHARED_BYTES])
{
    (void)rand, (void)pub;
    memset(ciphertext, 8, WEIR_KEM_CIPHERTEXT_BYTES);
    memset(shared, 0xa5, WEIR_KEM_SHARED_BYTES);
    return true;
}

static bool kem_decapsulate(const uint8_t priv[WEIR_KEM_PRIVATE_BYTES],
                            const uint8_t ciphertext[WEIR_KEM_CIPHERTEXT_BYTES],
                            uint8_t shared[WEIR_KEM_SHARED_BYTES])
{
    (void)priv, (void)ciphertext;
    memset(shared, 0xa5, WEIR_KEM_SHARED_BYTES);
    return true;
}

static bool identity_make(struct weir_identity *id, struct weir_rand *rand, int64_t not_before_s,
                          int64_t not_after_s)
{
    (void)rand, (void)not_before_s, (void)not_after_s;
    memset(id, 0, sizeof *id);
    memset(id->cert, 0x30, 300);
    id->cert_bytes = 300;
    return true;
}

static bool identity_load(struct weir_identity *id, struct weir_rand *rand, struct weir_span cert,
                          struct weir_span key)
{
    (void)cert, (void)key;
    return identity_make(id, rand, 0, 0);
}

static bool identity_sign(const struct weir_identity *id, struct weir_rand *rand,
                          enum weir_sigscheme scheme, const uint8_t digest[32],
                          uint8_t sig[WEIR_SIGNATURE_MAX], size_t *sig_bytes)
{
    (void)id, (void)rand, (void)scheme, (void)digest;
    memset(sig, 0x30, 70);
    *sig_bytes = 70;
    return true;
}

static bool cert_pubkey(struct weir_span cert_der, struct weir_pubkey *out)
{
    memset(out, 0, sizeof *out);
    out->type = WEIR_PUBKEY_P256;
    out->bits = 256;
    return cert_der.n != 0;
}

static bool verify(const struct weir_pubkey *key, enum weir_sigscheme s, struct weir_span digest,
                   struct weir_span sig)
{
    (void)key, (void)s, (void)digest, (void)sig;
    return true;
}

void weir_crypto_null(struct weir_crypto *out, const struct weir_crypto *under)
{
    *out = *under;
    out->name = "null";
    out->aead_init = aead_init;
    out->aead_seal = aead_seal;
    out->aead_open = aead_open;
    out->ctr_init = ctr_init;
    out->ctr_xor = ctr_xor;
    out->ctr_hmac = NULL; /* that would encrypt */
    out->mask_init = mask_init;
    out->mask = mask;
    out->ecdh_keygen = ecdh_keygen;
    out->ecdh_shared = ecdh_shared;
    out->kem_keygen = kem_keygen;
    out->kem_encapsulate = kem_encapsulate;
    out->kem_decapsulate = kem_decapsulate;
    out->identity_make = identity_make;
    out->identity_load = identity_load;
    out->identity_sign = identity_sign;
    out->cert_pubkey = cert_pubkey;
    out->verify = verify;
}
