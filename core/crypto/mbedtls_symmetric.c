/* The symmetric half of the mbedtls provider: hashes, AES-CTR, AES-GCM, ChaCha20-Poly1305, masks.
 *
 * Keyed contexts must be flat (core/crypto.h), so nothing here keeps an mbedtls object that points
 * to the heap or into itself. AES keeps mbedtls's key schedule under the modes of gcm.c;
 * ChaCha20-Poly1305 keeps the bare key for chacha.c. mbedtls 2.28 and 3.x differ in the names of the
 * hash functions and in how an AES context finds its schedule; both differences live in this file.
 */
#include <mbedtls/aes.h>
#include <mbedtls/md5.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <mbedtls/version.h>

#include "core/crypto/crypto_int.h"

#if MBEDTLS_VERSION_MAJOR < 3
#define HASH_CALL(alg, verb) mbedtls_##alg##_##verb##_ret
#else
#define HASH_CALL(alg, verb) mbedtls_##alg##_##verb
#endif

/* -- Hashes ------------------------------------------------------------------------------------ */

union hash_state {
    mbedtls_md5_context md5;
    mbedtls_sha1_context sha1;
    mbedtls_sha256_context sha256;
    mbedtls_sha512_context sha512;
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
        (void)HASH_CALL(md5, starts)(&s->md5);
        break;
    case WEIR_SHA1:
        (void)HASH_CALL(sha1, starts)(&s->sha1);
        break;
    case WEIR_SHA256:
        (void)HASH_CALL(sha256, starts)(&s->sha256, 0);
        break;
    case WEIR_SHA384:
        (void)HASH_CALL(sha512, starts)(&s->sha512, 1);
        break;
    case WEIR_SHA512:
        (void)HASH_CALL(sha512, starts)(&s->sha512, 0);
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
        (void)HASH_CALL(md5, update)(&s->md5, d.p, d.n);
        break;
    case WEIR_SHA1:
        (void)HASH_CALL(sha1, update)(&s->sha1, d.p, d.n);
        break;
    case WEIR_SHA256:
        (void)HASH_CALL(sha256, update)(&s->sha256, d.p, d.n);
        break;
    case WEIR_SHA384:
    case WEIR_SHA512:
        (void)HASH_CALL(sha512, update)(&s->sha512, d.p, d.n);
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
        (void)HASH_CALL(md5, finish)(&s->md5, digest);
        break;
    case WEIR_SHA1:
        (void)HASH_CALL(sha1, finish)(&s->sha1, digest);
        break;
    case WEIR_SHA256:
        (void)HASH_CALL(sha256, finish)(&s->sha256, digest);
        break;
    case WEIR_SHA384:
    case WEIR_SHA512:
        (void)HASH_CALL(sha512, finish)(&s->sha512, digest);
        break;
    case WEIR_HASH_COUNT:
        break;
    }
    memcpy(out, digest, weir_hash_bytes((enum weir_hash_id)h->id));
    weir_wipe(h, sizeof *h);
    weir_wipe(digest, sizeof digest);
}

/* -- AES: the key schedule kept flat, counter mode over it ------------------------------------- */

static bool aes_expand(void *room, const uint8_t *key, size_t key_bytes)
{
    mbedtls_aes_context *aes = (mbedtls_aes_context *)room;
    mbedtls_aes_init(aes);
    return mbedtls_aes_setkey_enc(aes, key, (unsigned)key_bytes * 8) == 0;
}

/* A context ready for use over a schedule that may have been copied since it was made. */
static void aes_view(const void *room, mbedtls_aes_context *view)
{
    memcpy(view, room, sizeof *view);
#if MBEDTLS_VERSION_MAJOR < 3
    view->rk = view->buf;
#endif
}

static void aes_encrypt(const void *key, const uint8_t in[16], uint8_t out[16])
{
    /* mbedtls takes the context as writable; the view it is given always is. */
    (void)mbedtls_aes_crypt_ecb((mbedtls_aes_context *)(uintptr_t)key, MBEDTLS_AES_ENCRYPT, in, out);
}

_Static_assert(sizeof(mbedtls_aes_context) <= sizeof(((struct weir_ctr *)0)->opaque),
               "an AES schedule fits its opaque room");

static bool ctr_init(struct weir_ctr *k, const uint8_t *key, size_t key_bytes)
{
    memset(k, 0, sizeof *k);
    return aes_expand(k->opaque, key, key_bytes);
}

static void ctr_xor(const struct weir_ctr *k, const uint8_t iv[16], struct weir_mspan data)
{
    mbedtls_aes_context aes;
    const struct weir_block_cipher cipher = { aes_encrypt, &aes };
    aes_view(k->opaque, &aes);
    weir_block_ctr(&cipher, iv, data);
    weir_wipe(&aes, sizeof aes);
}

/* -- AES-GCM ----------------------------------------------------------------------------------- */

struct gcm_key {
    mbedtls_aes_context aes;
    uint8_t h[16];
};

_Static_assert(sizeof(struct gcm_key) <= sizeof(((struct weir_aead *)0)->opaque),
               "a GCM key fits its opaque room");

static bool gcm_init(struct weir_aead *k, const uint8_t *key, size_t key_bytes)
{
    struct gcm_key *g = (struct gcm_key *)(void *)k->opaque;
    static const uint8_t zero[16];
    if (!aes_expand(&g->aes, key, key_bytes)) {
        return false;
    }
    aes_encrypt(&g->aes, zero, g->h);
    return true;
}

static void gcm_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                     struct weir_mspan data, uint8_t tag[16])
{
    const struct gcm_key *g = (const struct gcm_key *)(const void *)k->opaque;
    mbedtls_aes_context aes;
    const struct weir_block_cipher cipher = { aes_encrypt, &aes };
    aes_view(&g->aes, &aes);
    weir_gcm_seal(&cipher, g->h, nonce, aad, data, tag);
    weir_wipe(&aes, sizeof aes);
}

static bool gcm_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                     struct weir_mspan data, const uint8_t tag[16])
{
    const struct gcm_key *g = (const struct gcm_key *)(const void *)k->opaque;
    mbedtls_aes_context aes;
    const struct weir_block_cipher cipher = { aes_encrypt, &aes };
    aes_view(&g->aes, &aes);
    bool is_good = weir_gcm_open(&cipher, g->h, nonce, aad, data, tag);
    weir_wipe(&aes, sizeof aes);
    return is_good;
}

/* -- The table's AEAD rows --------------------------------------------------------------------- */

static bool aead_init(struct weir_aead *k, enum weir_aead_id id, const uint8_t *key)
{
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    if (id == WEIR_CHACHA20_POLY1305) {
        memcpy(k->opaque, key, 32);
        return true;
    }
    return gcm_init(k, key, weir_aead_key_bytes(id));
}

static void aead_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, uint8_t tag[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        weir_chacha_seal(k->opaque, nonce, aad, data, tag);
    } else {
        gcm_seal(k, nonce, aad, data, tag);
    }
}

static bool aead_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, const uint8_t tag[16])
{
    return k->id == WEIR_CHACHA20_POLY1305 ? weir_chacha_open(k->opaque, nonce, aad, data, tag)
                                           : gcm_open(k, nonce, aad, data, tag);
}

/* -- Masks of record numbers [RFC 9147 4.2.3] --------------------------------------------------- */

_Static_assert(sizeof(mbedtls_aes_context) <= sizeof(((struct weir_mask *)0)->opaque),
               "an AES schedule fits its opaque room");

static bool mask_init(struct weir_mask *k, enum weir_aead_id id, const uint8_t *key)
{
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    if (id == WEIR_CHACHA20_POLY1305) {
        memcpy(k->opaque, key, 32);
        return true;
    }
    return aes_expand(k->opaque, key, weir_aead_key_bytes(id));
}

static void mask(const struct weir_mask *k, const uint8_t sample[16], uint8_t out[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        weir_chacha_mask(k->opaque, sample, out);
        return;
    }
    mbedtls_aes_context aes;
    aes_view(k->opaque, &aes);
    aes_encrypt(&aes, sample, out);
    weir_wipe(&aes, sizeof aes);
}

void weir_mbedtls_symmetric(struct weir_crypto *c)
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
