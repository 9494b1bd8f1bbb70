/* The symmetric half of the mbedtls provider: hashes, AES-CTR, AES-GCM, ChaCha20-Poly1305, masks.
 *
 * Keyed contexts must be flat (core/crypto.h), so nothing here keeps an mbedtls object that points
 * to the heap or into itself. AES keeps mbedtls's key schedule and runs the counter and GCM modes
 * here; ChaCha20 keeps the bare key. mbedtls 2.28 and 3.x differ in the names of the hash
 * functions and in how an AES context finds its schedule; both differences live in this file.
 */
#include <mbedtls/aes.h>
#include <mbedtls/chacha20.h>
#include <mbedtls/chachapoly.h>
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

static void aes_block(mbedtls_aes_context *aes, const uint8_t in[16], uint8_t out[16])
{
    (void)mbedtls_aes_crypt_ecb(aes, MBEDTLS_AES_ENCRYPT, in, out);
}

/* XOR the key stream over data; the block counts up in its last 32 bits. */
static void aes_ctr(mbedtls_aes_context *aes, const uint8_t iv[16], struct weir_mspan data)
{
    uint8_t block[16];
    uint8_t stream[16];
    memcpy(block, iv, 16);
    for (size_t at = 0; at < data.n; at += 16) {
        size_t n = data.n - at < 16 ? data.n - at : 16;
        aes_block(aes, block, stream);
        for (size_t i = 0; i < n; i++) {
            data.p[at + i] ^= stream[i];
        }
        weir_put32(block + 12, weir_be32(block + 12) + 1);
    }
    weir_wipe(stream, sizeof stream);
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
    aes_view(k->opaque, &aes);
    aes_ctr(&aes, iv, data);
    weir_wipe(&aes, sizeof aes);
}

/* -- AES-GCM [NIST SP 800-38D] with the 12-byte nonce that TLS and SRTP use -------------------- */

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
    aes_block(&g->aes, zero, g->h);
    return true;
}

/* Tag = E(J0) xor GHASH(aad, ciphertext). */
static void gcm_tag(const struct gcm_key *g, mbedtls_aes_context *aes, const uint8_t j0[16],
                    struct weir_span aad, struct weir_span ciphertext, uint8_t tag[16])
{
    struct weir_ghash hash;
    uint8_t sum[16];
    weir_ghash_init(&hash, g->h);
    weir_ghash_update(&hash, aad);
    weir_ghash_update(&hash, ciphertext);
    weir_ghash_lengths(&hash, (uint64_t)aad.n * 8, (uint64_t)ciphertext.n * 8);
    weir_ghash_value(&hash, sum);
    aes_block(aes, j0, tag);
    for (unsigned i = 0; i < 16; i++) {
        tag[i] ^= sum[i];
    }
    weir_wipe(&hash, sizeof hash);
}

static void gcm_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                     struct weir_mspan data, uint8_t tag[16])
{
    const struct gcm_key *g = (const struct gcm_key *)(const void *)k->opaque;
    mbedtls_aes_context aes;
    uint8_t block[16];
    aes_view(&g->aes, &aes);
    memcpy(block, nonce, 12);
    weir_put32(block + 12, 2);
    aes_ctr(&aes, block, data);
    weir_put32(block + 12, 1);
    gcm_tag(g, &aes, block, aad, weir_span_const(data), tag);
    weir_wipe(&aes, sizeof aes);
}

static bool gcm_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                     struct weir_mspan data, const uint8_t tag[16])
{
    const struct gcm_key *g = (const struct gcm_key *)(const void *)k->opaque;
    mbedtls_aes_context aes;
    uint8_t block[16];
    uint8_t want[16];
    aes_view(&g->aes, &aes);
    memcpy(block, nonce, 12);
    weir_put32(block + 12, 1);
    gcm_tag(g, &aes, block, aad, weir_span_const(data), want);
    bool is_good = weir_equal_secret(want, tag, 16);
    if (is_good) {
        weir_put32(block + 12, 2);
        aes_ctr(&aes, block, data);
    }
    weir_wipe(&aes, sizeof aes);
    weir_wipe(want, sizeof want);
    return is_good;
}

/* -- ChaCha20-Poly1305 [RFC 8439] -------------------------------------------------------------- */

static void chacha_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                        struct weir_mspan data, uint8_t tag[16])
{
    mbedtls_chachapoly_context ctx;
    mbedtls_chachapoly_init(&ctx);
    (void)mbedtls_chachapoly_setkey(&ctx, k->opaque);
    (void)mbedtls_chachapoly_encrypt_and_tag(&ctx, data.n, nonce, aad.p, aad.n, data.p, data.p, tag);
    mbedtls_chachapoly_free(&ctx);
}

static bool chacha_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                        struct weir_mspan data, const uint8_t tag[16])
{
    mbedtls_chachapoly_context ctx;
    mbedtls_chachapoly_init(&ctx);
    (void)mbedtls_chachapoly_setkey(&ctx, k->opaque);
    int failed = mbedtls_chachapoly_auth_decrypt(&ctx, data.n, nonce, aad.p, aad.n, tag, data.p,
                                                 data.p);
    mbedtls_chachapoly_free(&ctx);
    return failed == 0;
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
        chacha_seal(k, nonce, aad, data, tag);
    } else {
        gcm_seal(k, nonce, aad, data, tag);
    }
}

static bool aead_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, const uint8_t tag[16])
{
    return k->id == WEIR_CHACHA20_POLY1305 ? chacha_open(k, nonce, aad, data, tag)
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
        uint32_t counter = (uint32_t)sample[3] << 24 | (uint32_t)sample[2] << 16
                           | (uint32_t)sample[1] << 8 | sample[0];
        static const uint8_t zero[16];
        (void)mbedtls_chacha20_crypt(k->opaque, sample + 4, counter, 16, zero, out);
        return;
    }
    mbedtls_aes_context aes;
    aes_view(k->opaque, &aes);
    aes_block(&aes, sample, out);
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
