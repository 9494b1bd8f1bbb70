/* The symmetric half of the OpenSSL provider: hashes, AES-CTR, AES-GCM, ChaCha20-Poly1305.
 *
 * Keyed contexts must be flat (core/crypto.h), and every EVP context of libcrypto is a pointer to the
 * heap. The structures of its low-level interface (SHA256_CTX, AES_KEY, ...) are flat values and
 * allocate nothing; OpenSSL 3 calls that interface deprecated and keeps it, hence the word below,
 * which holds for this file alone. AES runs under the modes of gcm.c; ChaCha20-Poly1305 is chacha.c.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/aes.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "core/crypto/crypto_int.h"

/* -- Hashes ------------------------------------------------------------------------------------ */

union hash_state {
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512; /* SHA-384 too */
};

_Static_assert(sizeof(union hash_state) <= sizeof(((struct weir_hash *)0)->opaque),
               "hash state fits its opaque room");

static void hash_init(struct weir_hash *h, enum weir_hash_id id)
{
    union hash_state *s = (union hash_state *)(void *)h->opaque;
    memset(h, 0, sizeof *h);
    h->id = (uint32_t)id;
    switch (id) {
    case WEIR_MD5:
        (void)MD5_Init(&s->md5);
        break;
    case WEIR_SHA1:
        (void)SHA1_Init(&s->sha1);
        break;
    case WEIR_SHA256:
        (void)SHA256_Init(&s->sha256);
        break;
    case WEIR_SHA384:
        (void)SHA384_Init(&s->sha512);
        break;
    case WEIR_SHA512:
        (void)SHA512_Init(&s->sha512);
        break;
    case WEIR_HASH_COUNT:
        break;
    }
}

static void hash_update(struct weir_hash *h, struct weir_span d)
{
    union hash_state *s = (union hash_state *)(void *)h->opaque;
    if (d.n == 0) {
        return;
    }
    switch ((enum weir_hash_id)h->id) {
    case WEIR_MD5:
        (void)MD5_Update(&s->md5, d.p, d.n);
        break;
    case WEIR_SHA1:
        (void)SHA1_Update(&s->sha1, d.p, d.n);
        break;
    case WEIR_SHA256:
        (void)SHA256_Update(&s->sha256, d.p, d.n);
        break;
    case WEIR_SHA384:
    case WEIR_SHA512:
        (void)SHA512_Update(&s->sha512, d.p, d.n);
        break;
    case WEIR_HASH_COUNT:
        break;
    }
}

static void hash_final(struct weir_hash *h, uint8_t *out)
{
    union hash_state *s = (union hash_state *)(void *)h->opaque;
    uint8_t digest[WEIR_HASH_BYTES_MAX] = { 0 };
    switch ((enum weir_hash_id)h->id) {
    case WEIR_MD5:
        (void)MD5_Final(digest, &s->md5);
        break;
    case WEIR_SHA1:
        (void)SHA1_Final(digest, &s->sha1);
        break;
    case WEIR_SHA256:
        (void)SHA256_Final(digest, &s->sha256);
        break;
    case WEIR_SHA384:
    case WEIR_SHA512:
        (void)SHA512_Final(digest, &s->sha512); /* the state knows which of the two it is */
        break;
    case WEIR_HASH_COUNT:
        break;
    }
    memcpy(out, digest, weir_hash_bytes((enum weir_hash_id)h->id));
    weir_wipe(h, sizeof *h);
    weir_wipe(digest, sizeof digest);
}

/* -- AES --------------------------------------------------------------------------------------- */

static void aes_encrypt(const void *key, const uint8_t in[16], uint8_t out[16])
{
    AES_encrypt(in, out, (const AES_KEY *)key);
}

static bool aes_expand(AES_KEY *room, const uint8_t *key, size_t key_bytes)
{
    return AES_set_encrypt_key(key, (int)key_bytes * 8, room) == 0;
}

_Static_assert(sizeof(AES_KEY) <= sizeof(((struct weir_ctr *)0)->opaque),
               "an AES schedule fits its opaque room");

static bool ctr_init(struct weir_ctr *k, const uint8_t *key, size_t key_bytes)
{
    memset(k, 0, sizeof *k);
    return aes_expand((AES_KEY *)(void *)k->opaque, key, key_bytes);
}

static void ctr_xor(const struct weir_ctr *k, const uint8_t iv[16], struct weir_mspan data)
{
    const struct weir_block_cipher cipher = { aes_encrypt, k->opaque };
    weir_block_ctr(&cipher, iv, data);
}

/* -- AEAD -------------------------------------------------------------------------------------- */

struct gcm_key {
    AES_KEY aes;
    uint8_t h[16];
};

_Static_assert(sizeof(struct gcm_key) <= sizeof(((struct weir_aead *)0)->opaque),
               "a GCM key fits its opaque room");

static bool aead_init(struct weir_aead *k, enum weir_aead_id id, const uint8_t *key)
{
    struct gcm_key *g = (struct gcm_key *)(void *)k->opaque;
    static const uint8_t zero[16];
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    if (id == WEIR_CHACHA20_POLY1305) {
        memcpy(k->opaque, key, 32);
        return true;
    }
    if (!aes_expand(&g->aes, key, weir_aead_key_bytes(id))) {
        return false;
    }
    aes_encrypt(&g->aes, zero, g->h);
    return true;
}

static void aead_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, uint8_t tag[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        weir_chacha_seal(k->opaque, nonce, aad, data, tag);
    } else {
        const struct gcm_key *g = (const struct gcm_key *)(const void *)k->opaque;
        const struct weir_block_cipher cipher = { aes_encrypt, &g->aes };
        weir_gcm_seal(&cipher, g->h, nonce, aad, data, tag);
    }
}

static bool aead_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, const uint8_t tag[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        return weir_chacha_open(k->opaque, nonce, aad, data, tag);
    }
    const struct gcm_key *g = (const struct gcm_key *)(const void *)k->opaque;
    const struct weir_block_cipher cipher = { aes_encrypt, &g->aes };
    return weir_gcm_open(&cipher, g->h, nonce, aad, data, tag);
}

/* -- Masks of record numbers [RFC 9147 4.2.3] -------------------------------------------------- */

_Static_assert(sizeof(AES_KEY) <= sizeof(((struct weir_mask *)0)->opaque),
               "an AES schedule fits its opaque room");

static bool mask_init(struct weir_mask *k, enum weir_aead_id id, const uint8_t *key)
{
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    if (id == WEIR_CHACHA20_POLY1305) {
        memcpy(k->opaque, key, 32);
        return true;
    }
    return aes_expand((AES_KEY *)(void *)k->opaque, key, weir_aead_key_bytes(id));
}

static void mask(const struct weir_mask *k, const uint8_t sample[16], uint8_t out[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        weir_chacha_mask(k->opaque, sample, out);
    } else {
        aes_encrypt(k->opaque, sample, out);
    }
}

void weir_openssl_symmetric(struct weir_crypto *c)
{
    c->aead_init = aead_init;
    c->aead_seal = aead_seal;
    c->aead_open = aead_open;
    c->ctr_init = ctr_init;
    c->ctr_xor = ctr_xor;
    c->mask_init = mask_init;
    c->mask = mask;
    c->hash_init = hash_init;
    c->hash_update = hash_update;
    c->hash_final = hash_final;
}
