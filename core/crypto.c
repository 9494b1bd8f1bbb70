/* What is built over the provider table: sizes, HMAC, HKDF, the TLS 1.2 PRF. */
#include "core/crypto.h"

size_t weir_aead_key_bytes(enum weir_aead_id id)
{
    return id == WEIR_AES_128_GCM ? 16 : 32;
}

size_t weir_hash_bytes(enum weir_hash_id id)
{
    static const uint8_t bytes[WEIR_HASH_COUNT] = {
        [WEIR_SHA1] = 20, [WEIR_SHA256] = 32, [WEIR_SHA384] = 48, [WEIR_SHA512] = 64, [WEIR_MD5] = 16,
    };
    return bytes[id];
}

size_t weir_hash_block_bytes(enum weir_hash_id id)
{
    return id == WEIR_SHA384 || id == WEIR_SHA512 ? 128 : 64;
}

size_t weir_group_private_bytes(enum weir_group g)
{
    return g == WEIR_P384 ? 48 : g == WEIR_P256 || g == WEIR_X25519 ? 32 : 0;
}

size_t weir_group_public_bytes(enum weir_group g)
{
    return g == WEIR_P384 ? 97 : g == WEIR_P256 ? 65 : g == WEIR_X25519 ? 32 : 0;
}

size_t weir_group_shared_bytes(enum weir_group g)
{
    return weir_group_private_bytes(g);
}

bool weir_sigscheme_hash(uint16_t scheme, enum weir_hash_id *out)
{
    static const struct {
        uint16_t scheme;
        uint16_t hash;
    } known[] = {
        { WEIR_ECDSA_P256_SHA256, WEIR_SHA256 }, { WEIR_ECDSA_P384_SHA384, WEIR_SHA384 },
        { WEIR_RSA_PKCS1_SHA256, WEIR_SHA256 },  { WEIR_RSA_PKCS1_SHA384, WEIR_SHA384 },
        { WEIR_RSA_PKCS1_SHA512, WEIR_SHA512 },  { WEIR_RSA_PSS_SHA256, WEIR_SHA256 },
        { WEIR_RSA_PSS_SHA384, WEIR_SHA384 },    { WEIR_RSA_PSS_SHA512, WEIR_SHA512 },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].scheme == scheme) {
            *out = (enum weir_hash_id)known[i].hash;
            return true;
        }
    }
    return false;
}

void weir_hash_of(const struct weir_crypto *c, enum weir_hash_id id, const struct weir_span *part,
                  size_t parts, uint8_t *out)
{
    struct weir_hash h;
    c->hash_init(&h, id);
    for (size_t i = 0; i < parts; i++) {
        c->hash_update(&h, part[i]);
    }
    c->hash_final(&h, out);
}

/* -- HMAC [RFC 2104], with the two padded keys hashed once ------------------------------------- */

static void hmac_pad(const struct weir_crypto *c, struct weir_hash *h, enum weir_hash_id id,
                     const uint8_t *key, size_t n, uint8_t pad)
{
    uint8_t block[WEIR_HASH_BLOCK_MAX];
    size_t block_bytes = weir_hash_block_bytes(id);
    memset(block, pad, block_bytes);
    for (size_t i = 0; i < n; i++) {
        block[i] ^= key[i];
    }
    c->hash_init(h, id);
    c->hash_update(h, weir_span_of(block, block_bytes));
    weir_wipe(block, sizeof block);
}

void weir_hmac_init(const struct weir_crypto *c, struct weir_hmac_key *k, enum weir_hash_id id,
                    struct weir_span key)
{
    uint8_t hashed[WEIR_HASH_BYTES_MAX];
    if (key.n > weir_hash_block_bytes(id)) {
        weir_hash_of(c, id, &key, 1, hashed);
        key = weir_span_of(hashed, weir_hash_bytes(id));
    }
    hmac_pad(c, &k->inner, id, key.p, key.n, 0x36);
    hmac_pad(c, &k->outer, id, key.p, key.n, 0x5c);
    weir_wipe(hashed, sizeof hashed);
}

void weir_hmac(const struct weir_crypto *c, const struct weir_hmac_key *k,
               const struct weir_span *part, size_t parts, uint8_t *out)
{
    if (c->hmac != NULL) {
        c->hmac(k, part, parts, out);
        return;
    }
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    size_t n = weir_hash_bytes((enum weir_hash_id)k->inner.id);
    struct weir_hash h = k->inner;
    for (size_t i = 0; i < parts; i++) {
        c->hash_update(&h, part[i]);
    }
    c->hash_final(&h, digest);
    h = k->outer;
    c->hash_update(&h, weir_span_of(digest, n));
    c->hash_final(&h, out);
}

/* -- HKDF [RFC 5869 2] ------------------------------------------------------------------------- */

void weir_hkdf_extract(const struct weir_crypto *c, enum weir_hash_id id, struct weir_span salt,
                       struct weir_span ikm, uint8_t *prk)
{
    struct weir_hmac_key k;
    weir_hmac_init(c, &k, id, salt); /* an empty salt pads to zeros, as the RFC wants */
    weir_hmac(c, &k, &ikm, 1, prk);
    weir_wipe(&k, sizeof k);
}

void weir_hkdf_expand(const struct weir_crypto *c, enum weir_hash_id id, struct weir_span prk,
                      struct weir_span info, struct weir_mspan okm)
{
    struct weir_hmac_key k;
    uint8_t t[WEIR_HASH_BYTES_MAX];
    size_t hash_bytes = weir_hash_bytes(id);
    size_t have = 0; /* bytes of t that count: none before the first round */
    weir_hmac_init(c, &k, id, prk);
    for (uint8_t round = 1; okm.n != 0; round++) {
        struct weir_span part[3] = { { t, have }, info, { &round, 1 } };
        weir_hmac(c, &k, part, 3, t);
        have = hash_bytes;
        size_t take = okm.n < have ? okm.n : have;
        memcpy(okm.p, t, take);
        okm.p += take;
        okm.n -= take;
    }
    weir_wipe(&k, sizeof k);
    weir_wipe(t, sizeof t);
}

/* -- TLS 1.2 PRF [RFC 5246 5] ------------------------------------------------------------------ */

void weir_tls12_prf(const struct weir_crypto *c, enum weir_hash_id id, struct weir_span secret,
                    const char *label, struct weir_span seed_a, struct weir_span seed_b,
                    struct weir_mspan out)
{
    struct weir_hmac_key k;
    uint8_t a[WEIR_HASH_BYTES_MAX];
    uint8_t block[WEIR_HASH_BYTES_MAX];
    size_t hash_bytes = weir_hash_bytes(id);
    size_t label_bytes = 0;
    while (label[label_bytes] != '\0') {
        label_bytes++;
    }
    struct weir_span part[4] = { { a, hash_bytes }, weir_span_of(label, label_bytes), seed_a, seed_b };
    weir_hmac_init(c, &k, id, secret);
    weir_hmac(c, &k, part + 1, 3, a); /* A(1) = HMAC(secret, label || seed) */
    while (out.n != 0) {
        weir_hmac(c, &k, part, 4, block);
        size_t take = out.n < hash_bytes ? out.n : hash_bytes;
        memcpy(out.p, block, take);
        out.p += take;
        out.n -= take;
        weir_hmac(c, &k, part, 1, a); /* A(i+1) = HMAC(secret, A(i)) */
    }
    weir_wipe(&k, sizeof k);
    weir_wipe(a, sizeof a);
    weir_wipe(block, sizeof block);
}
