/* The public-key half of the OpenSSL provider: ECDH, our identity, peer certificates, signatures.
 *
 * Curve groups are made once and shared; everything else lives for one call. Points and numbers go
 * straight to libcrypto's curve arithmetic, because the EVP interface and X.509 parser of OpenSSL 3
 * cost more per call than the arithmetic itself: a certificate takes them longer to parse than its
 * signature to verify. RSA_* and EC_KEY are deprecated in OpenSSL 3 and kept there, hence the word
 * below, which holds for this file alone.
 *
 * Whatever a peer can make fail leaves nothing in the thread's error queue, which the application
 * may be using too.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/crypto/crypto_int.h"

/* -- Curves ------------------------------------------------------------------------------------ */

struct curve {
    EC_GROUP *group; /* NULL when libcrypto could not make it */
    size_t bytes;    /* of a coordinate and of a scalar */
};

static struct curve p256 = { NULL, 32 };
static struct curve p384 = { NULL, 48 };
static CRYPTO_ONCE curves_once = CRYPTO_ONCE_STATIC_INIT;

static void curves_make(void)
{
    p256.group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    p384.group = EC_GROUP_new_by_curve_name(NID_secp384r1);
}

static const struct curve *curve_of(enum weir_group g)
{
    const struct curve *c = g == WEIR_P256 ? &p256 : g == WEIR_P384 ? &p384 : NULL;
    return c != NULL && c->group != NULL ? c : NULL;
}

/* A secret number, which arithmetic is told to treat as one. */
static BIGNUM *secret_get(BN_CTX *ctx)
{
    BIGNUM *n = BN_CTX_get(ctx);
    if (n != NULL) {
        BN_set_flags(n, BN_FLG_CONSTTIME);
    }
    return n;
}

/* A scalar is in [1, order - 1]. */
static bool scalar_is_good(const struct curve *c, const BIGNUM *k)
{
    return !BN_is_zero(k) && BN_cmp(k, EC_GROUP_get0_order(c->group)) < 0;
}

/* Draw a scalar, uniformly: draws out of range are thrown away. For our curves that happens less than
 * once in 2^32 draws, so that eight tries mean never. */
static bool scalar_draw(const struct curve *c, struct weir_rand *rand, BIGNUM *k)
{
    uint8_t bytes[WEIR_GROUP_PRIVATE_MAX];
    bool is_good = false;
    for (int i = 0; i < 8 && !is_good; i++) {
        weir_rand_bytes(rand, bytes, c->bytes);
        is_good = BN_bin2bn(bytes, (int)c->bytes, k) != NULL && scalar_is_good(c, k);
    }
    weir_wipe(bytes, sizeof bytes);
    return is_good;
}

/* -- ECDH over the NIST curves ----------------------------------------------------------------- */

static bool nist_keygen(const struct curve *c, struct weir_rand *rand, uint8_t *priv, uint8_t *pub)
{
    BN_CTX *ctx = BN_CTX_new();
    EC_POINT *q = EC_POINT_new(c->group);
    bool is_done = false;
    if (ctx != NULL && q != NULL) {
        BN_CTX_start(ctx);
        BIGNUM *d = secret_get(ctx);
        is_done = d != NULL && scalar_draw(c, rand, d)
                  && EC_POINT_mul(c->group, q, d, NULL, NULL, ctx) == 1
                  && BN_bn2binpad(d, priv, (int)c->bytes) == (int)c->bytes
                  && EC_POINT_point2oct(c->group, q, POINT_CONVERSION_UNCOMPRESSED, pub,
                                        2 * c->bytes + 1, ctx) == 2 * c->bytes + 1;
        BN_CTX_end(ctx);
    }
    EC_POINT_free(q);
    BN_CTX_free(ctx); /* wipes its numbers */
    return is_done;
}

/* oct2point refuses points off the curve; both curves have cofactor 1. A shared zero, which no honest
 * pair of keys ever meets, is refused as for X25519. */
static bool nist_shared(const struct curve *c, const uint8_t *priv, struct weir_span peer_pub,
                        uint8_t *shared)
{
    BN_CTX *ctx = BN_CTX_new();
    EC_POINT *q = EC_POINT_new(c->group);
    EC_POINT *z = EC_POINT_new(c->group);
    bool is_done = false;
    if (ctx != NULL && q != NULL && z != NULL && peer_pub.p[0] == 0x04) {
        BN_CTX_start(ctx);
        BIGNUM *d = secret_get(ctx);
        BIGNUM *x = secret_get(ctx);
        is_done = x != NULL && BN_bin2bn(priv, (int)c->bytes, d) != NULL && scalar_is_good(c, d)
                  && EC_POINT_oct2point(c->group, q, peer_pub.p, peer_pub.n, ctx) == 1
                  && EC_POINT_mul(c->group, z, NULL, q, d, ctx) == 1
                  && EC_POINT_get_affine_coordinates(c->group, z, x, NULL, ctx) == 1
                  && !BN_is_zero(x) && BN_bn2binpad(x, shared, (int)c->bytes) == (int)c->bytes;
        BN_CTX_end(ctx);
    }
    EC_POINT_clear_free(z);
    EC_POINT_free(q);
    BN_CTX_free(ctx);
    return is_done;
}

/* -- X25519 ------------------------------------------------------------------------------------ */

/* A key from its 32 private bytes. A private key alone would have libcrypto compute the public one,
 * as dear as the exchange; the exchange has no use for it, so it is told zeros. */
static EVP_PKEY *x25519_private(const uint8_t priv[32])
{
    uint8_t key[32], zero[32] = { 0 };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    memcpy(key, priv, sizeof key);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, key, sizeof key),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, zero, sizeof zero),
        OSSL_PARAM_construct_end(),
    };
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    weir_wipe(key, sizeof key);
    return pkey;
}

/* False for an all-zero result: libcrypto refuses it. */
static bool x25519_shared(const uint8_t priv[32], const uint8_t peer_pub[32], uint8_t shared[32])
{
    size_t n = 32;
    EVP_PKEY *ours = x25519_private(priv);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer_pub, 32);
    EVP_PKEY_CTX *ctx = ours == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
    bool is_done = ctx != NULL && theirs != NULL && EVP_PKEY_derive_init(ctx) == 1
                   && EVP_PKEY_derive_set_peer(ctx, theirs) == 1
                   && EVP_PKEY_derive(ctx, shared, &n) == 1 && n == 32;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(ours);
    return is_done;
}

static bool x25519_keygen(struct weir_rand *rand, uint8_t priv[32], uint8_t pub[32])
{
    size_t n = 32;
    weir_rand_bytes(rand, priv, 32);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv, 32);
    bool is_done = key != NULL && EVP_PKEY_get_raw_public_key(key, pub, &n) == 1 && n == 32;
    EVP_PKEY_free(key);
    return is_done;
}

/* -- The table's ECDH rows --------------------------------------------------------------------- */

static bool ecdh_keygen(enum weir_group g, struct weir_rand *rand,
                        uint8_t priv[WEIR_GROUP_PRIVATE_MAX], uint8_t pub[WEIR_GROUP_PUBLIC_MAX])
{
    const struct curve *c = curve_of(g);
    return g == WEIR_X25519 ? x25519_keygen(rand, priv, pub)
                            : c != NULL && nist_keygen(c, rand, priv, pub);
}

static bool ecdh_shared(enum weir_group g, struct weir_rand *rand, const uint8_t *priv,
                        struct weir_span peer_pub, uint8_t shared[WEIR_GROUP_SHARED_MAX])
{
    const struct curve *c = curve_of(g);
    (void)rand; /* libcrypto's curve code is constant-time as it is */
    if (peer_pub.n == 0 || peer_pub.n != weir_group_public_bytes(g)) {
        return false;
    }
    ERR_set_mark();
    bool is_done = g == WEIR_X25519 ? x25519_shared(priv, peer_pub.p, shared)
                                    : c != NULL && nist_shared(c, priv, peer_pub, shared);
    ERR_pop_to_mark();
    return is_done;
}

/* -- Our identity ------------------------------------------------------------------------------ */

/* The secret number of a signature, from the key and the digest alone, so that no weakness of a
 * generator can repeat it [RFC 6979 3.2], for P-256 with SHA-256. `k` is wiped by its context. */
struct nonce {
    uint8_t k[32], v[32];
};

/* K = HMAC(K, V || byte || more), V = HMAC(K, V). */
static void nonce_stir(struct nonce *n, uint8_t byte, struct weir_span more)
{
    const struct weir_crypto *c = weir_crypto_default();
    struct weir_hmac_key key;
    const struct weir_span part[3] = { { n->v, 32 }, { &byte, 1 }, more };
    weir_hmac_init(c, &key, WEIR_SHA256, weir_span_of(n->k, 32));
    weir_hmac(c, &key, part, 3, n->k);
    weir_hmac_init(c, &key, WEIR_SHA256, weir_span_of(n->k, 32));
    weir_hmac(c, &key, part, 1, n->v);
    weir_wipe(&key, sizeof key);
}

/* m is the digest as a number below the order. */
static bool nonce_make(const BIGNUM *m, const uint8_t private_key[32], BIGNUM *k)
{
    const struct weir_crypto *c = weir_crypto_default();
    struct nonce n;
    uint8_t key_and_digest[64];
    bool is_good = false;
    memcpy(key_and_digest, private_key, 32);
    if (BN_bn2binpad(m, key_and_digest + 32, 32) == 32) {
        memset(n.k, 0, sizeof n.k);
        memset(n.v, 1, sizeof n.v);
        nonce_stir(&n, 0, weir_span_of(key_and_digest, 64));
        nonce_stir(&n, 1, weir_span_of(key_and_digest, 64));
        for (int i = 0; i < 8 && !is_good; i++) { /* a second round has odds of 2^-32 */
            struct weir_hmac_key key;
            const struct weir_span v = { n.v, 32 };
            weir_hmac_init(c, &key, WEIR_SHA256, weir_span_of(n.k, 32));
            weir_hmac(c, &key, &v, 1, n.v);
            weir_wipe(&key, sizeof key);
            is_good = BN_bin2bn(n.v, 32, k) != NULL && scalar_is_good(&p256, k);
            if (!is_good) {
                nonce_stir(&n, 0, weir_span_of(NULL, 0));
            }
        }
    }
    weir_wipe(&n, sizeof n);
    weir_wipe(key_and_digest, sizeof key_and_digest);
    return is_good;
}

/* The numbers of one signature. */
struct signing {
    BIGNUM *m;       /* the digest */
    BIGNUM *d, *k;   /* the key, the nonce */
    BIGNUM *blind;   /* a random scalar that hides both from the arithmetic, times 2^256 */
    BIGNUM *r, *s, *t;
    EC_POINT *point; /* k * G */
};

/* s = (m + r * d) / k, computed as (m * blind + r * (d * blind)) / (k * blind): the inversion, which
 * is not constant-time (s is a number without the mark of a secret), sees a uniformly random one.
 * BN_mod_mul_montgomery(x, y) is x * y / 2^256, so one factor of each product carries 2^256. */
static bool signature_equation(struct signing *g, struct weir_rand *rand, BN_CTX *ctx)
{
    const BIGNUM *order = EC_GROUP_get0_order(p256.group);
    BN_MONT_CTX *mont = EC_GROUP_get_mont_data(p256.group);
    return scalar_draw(&p256, rand, g->blind) && BN_to_montgomery(g->blind, g->blind, mont, ctx)
           && BN_mod_mul_montgomery(g->s, g->k, g->blind, mont, ctx)
           && BN_mod_mul_montgomery(g->d, g->d, g->blind, mont, ctx)
           && BN_mod_mul_montgomery(g->m, g->m, g->blind, mont, ctx)
           && BN_to_montgomery(g->t, g->r, mont, ctx)
           && BN_mod_mul_montgomery(g->d, g->d, g->t, mont, ctx)
           && BN_mod_add_quick(g->m, g->m, g->d, order)
           && BN_mod_inverse(g->t, g->s, order, ctx) != NULL
           && BN_to_montgomery(g->t, g->t, mont, ctx)
           && BN_mod_mul_montgomery(g->s, g->m, g->t, mont, ctx) && !BN_is_zero(g->s);
}

static bool signing_run(struct signing *g, const struct weir_identity *id, struct weir_rand *rand,
                        const uint8_t digest[32], BN_CTX *ctx)
{
    const BIGNUM *order = EC_GROUP_get0_order(p256.group);
    return BN_bin2bn(digest, 32, g->t) != NULL && BN_nnmod(g->m, g->t, order, ctx)
           && BN_bin2bn(id->private_key, 32, g->d) != NULL && scalar_is_good(&p256, g->d)
           && nonce_make(g->m, id->private_key, g->k)
           && EC_POINT_mul(p256.group, g->point, g->k, NULL, NULL, ctx) == 1
           && EC_POINT_get_affine_coordinates(p256.group, g->point, g->t, NULL, ctx) == 1
           && BN_nnmod(g->r, g->t, order, ctx) && !BN_is_zero(g->r)
           && signature_equation(g, rand, ctx);
}

static bool identity_sign(const struct weir_identity *id, struct weir_rand *rand,
                          enum weir_sigscheme scheme, const uint8_t digest[32],
                          uint8_t sig[WEIR_SIGNATURE_MAX], size_t *sig_bytes)
{
    uint8_t r[32], s[32];
    bool is_done = false;
    if (id->is_rsa) {
        return weir_openssl_rsa_sign(id, scheme, digest, sig, sig_bytes);
    }
    if (p256.group == NULL || scheme != WEIR_ECDSA_P256_SHA256) {
        return false;
    }
    BN_CTX *ctx = BN_CTX_new();
    EC_POINT *point = EC_POINT_new(p256.group);
    if (ctx != NULL && point != NULL) {
        BN_CTX_start(ctx);
        struct signing g = { .m = BN_CTX_get(ctx), .r = BN_CTX_get(ctx), .s = BN_CTX_get(ctx),
                             .t = BN_CTX_get(ctx), .d = secret_get(ctx), .k = secret_get(ctx),
                             .point = point };
        g.blind = secret_get(ctx); /* the last: a context that ran dry gives NULL from then on */
        is_done = g.blind != NULL && signing_run(&g, id, rand, digest, ctx)
                  && BN_bn2binpad(g.r, r, 32) == 32 && BN_bn2binpad(g.s, s, 32) == 32;
        BN_CTX_end(ctx);
    }
    if (is_done) {
        *sig_bytes = weir_der_signature_build((struct weir_mspan){ sig, WEIR_SIGNATURE_MAX }, r, s);
    }
    EC_POINT_clear_free(point);
    BN_CTX_free(ctx);
    return is_done;
}

static bool identity_make(struct weir_identity *id, struct weir_rand *rand, int64_t not_before_s,
                          int64_t not_after_s)
{
    return weir_der_identity(weir_crypto_default(), id, rand, not_before_s, not_after_s);
}

/* -- Peers ------------------------------------------------------------------------------------- */

static const struct curve *pubkey_curve(enum weir_pubkey_type type)
{
    return curve_of(type == WEIR_PUBKEY_P256 ? WEIR_P256 : WEIR_P384);
}

static EC_POINT *point_read(const struct curve *c, struct weir_span bytes)
{
    EC_POINT *q = EC_POINT_new(c->group);
    if (q != NULL && EC_POINT_oct2point(c->group, q, bytes.p, bytes.n, NULL) != 1) {
        EC_POINT_free(q);
        q = NULL;
    }
    return q;
}

/* The RSAPublicKey and nothing after it; NULL for a size we do not take. 2,048 bits is the least that
 * RFC 8827 6.5 lets a peer use; 4,096 bounds our work. */
static RSA *rsa_read(struct weir_span bytes)
{
    const unsigned char *p = bytes.p;
    RSA *rsa = d2i_RSAPublicKey(NULL, &p, (long)bytes.n);
    if (rsa != NULL
        && (p != bytes.p + bytes.n || RSA_bits(rsa) < 2048 || RSA_bits(rsa) > 4096)) {
        RSA_free(rsa);
        rsa = NULL;
    }
    return rsa;
}

static bool is_on_curve(enum weir_group group, struct weir_span point)
{
    ERR_set_mark();
    EC_POINT *q = curve_of(group) != NULL ? point_read(curve_of(group), point) : NULL;
    ERR_pop_to_mark();
    EC_POINT_free(q);
    return q != NULL;
}

static bool cert_pubkey(struct weir_span cert, struct weir_pubkey *out)
{
    return weir_der_cert_pubkey(cert, out, is_on_curve);
}

static bool ecdsa_verify(const struct curve *c, struct weir_span point, struct weir_span digest,
                         struct weir_span sig)
{
    struct weir_span r, s;
    if (c == NULL || !weir_der_signature_parse(sig, &r, &s)) {
        return false;
    }
    EC_KEY *key = EC_KEY_new();
    EC_POINT *q = point_read(c, point);
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r_number = BN_bin2bn(r.p, (int)r.n, NULL);
    BIGNUM *s_number = BN_bin2bn(s.p, (int)s.n, NULL);
    bool is_good = false;
    if (key != NULL && q != NULL && numbers != NULL
        && ECDSA_SIG_set0(numbers, r_number, s_number) == 1) {
        r_number = NULL; /* now the signature's */
        s_number = NULL;
        is_good = EC_KEY_set_group(key, c->group) == 1 && EC_KEY_set_public_key(key, q) == 1
                  && ECDSA_do_verify(digest.p, (int)digest.n, numbers, key) == 1;
    }
    BN_free(r_number);
    BN_free(s_number);
    ECDSA_SIG_free(numbers);
    EC_POINT_free(q);
    EC_KEY_free(key);
    return is_good;
}

struct scheme {
    enum weir_pubkey_type key;
    int nid; /* of the hash */
    bool is_pss;
};

static bool scheme_of(enum weir_sigscheme s, struct scheme *out)
{
    switch (s) {
    case WEIR_ECDSA_P256_SHA256:
        *out = (struct scheme){ WEIR_PUBKEY_P256, NID_sha256, false };
        return true;
    case WEIR_ECDSA_P384_SHA384:
        *out = (struct scheme){ WEIR_PUBKEY_P384, NID_sha384, false };
        return true;
    case WEIR_RSA_PKCS1_SHA256:
    case WEIR_RSA_PSS_SHA256:
        *out = (struct scheme){ WEIR_PUBKEY_RSA, NID_sha256, s == WEIR_RSA_PSS_SHA256 };
        return true;
    case WEIR_RSA_PKCS1_SHA384:
    case WEIR_RSA_PSS_SHA384:
        *out = (struct scheme){ WEIR_PUBKEY_RSA, NID_sha384, s == WEIR_RSA_PSS_SHA384 };
        return true;
    case WEIR_RSA_PKCS1_SHA512:
    case WEIR_RSA_PSS_SHA512:
        *out = (struct scheme){ WEIR_PUBKEY_RSA, NID_sha512, s == WEIR_RSA_PSS_SHA512 };
        return true;
    }
    return false;
}

/* The salt of RSA-PSS is as long as the hash [RFC 8446 4.2.3 MUST]; so is its mask's hash. */
static bool rsa_pss_verify(RSA *rsa, const EVP_MD *md, struct weir_span digest, struct weir_span sig)
{
    uint8_t encoded[WEIR_SIGNATURE_MAX];
    return RSA_public_decrypt((int)sig.n, sig.p, encoded, rsa, RSA_NO_PADDING) == (int)sig.n
           && RSA_verify_PKCS1_PSS_mgf1(rsa, digest.p, md, md, encoded, (int)digest.n) == 1;
}

static bool rsa_verify(const struct scheme *s, struct weir_span key, struct weir_span digest,
                       struct weir_span sig)
{
    RSA *rsa = rsa_read(key);
    bool is_good = rsa != NULL && sig.n == (size_t)RSA_size(rsa)
                   && (s->is_pss ? rsa_pss_verify(rsa, EVP_get_digestbynid(s->nid), digest, sig)
                                 : RSA_verify(s->nid, digest.p, (unsigned)digest.n, sig.p,
                                              (unsigned)sig.n, rsa) == 1);
    RSA_free(rsa);
    return is_good;
}

static bool verify(const struct weir_pubkey *key, enum weir_sigscheme s, struct weir_span digest,
                   struct weir_span sig)
{
    struct scheme scheme;
    enum weir_hash_id hash;
    struct weir_span bytes;
    if (!scheme_of(s, &scheme) || scheme.key != key->type || !weir_sigscheme_hash((uint16_t)s, &hash)
        || digest.n != weir_hash_bytes(hash)
        || weir_der_spki_key(weir_span_of(key->spki, key->spki_bytes), &bytes) != key->type) {
        return false;
    }
    ERR_set_mark();
    bool is_good = key->type == WEIR_PUBKEY_RSA
                       ? rsa_verify(&scheme, bytes, digest, sig)
                       : ecdsa_verify(pubkey_curve(key->type), bytes, digest, sig);
    ERR_pop_to_mark();
    return is_good;
}

void weir_openssl_public(struct weir_crypto *c)
{
    (void)CRYPTO_THREAD_run_once(&curves_once, curves_make);
    c->ecdh_keygen = ecdh_keygen;
    c->ecdh_shared = ecdh_shared;
    c->identity_make = identity_make;
    c->identity_load = weir_openssl_identity_load;
    c->identity_sign = identity_sign;
    c->cert_pubkey = cert_pubkey;
    c->verify = verify;
}
