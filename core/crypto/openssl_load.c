/* An identity that others made, with libcrypto: certificate and private key out of files, and signatures
 * with an RSA key. What does not parse leaves nothing in the thread's error queue. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/crypto/crypto_int.h"

#define FILE_MAX 16384

/* -- Loading ----------------------------------------------------------------------------------- */

static bool is_der(struct weir_span file)
{
    return file.n != 0 && file.p[0] == 0x30; /* a SEQUENCE */
}

static X509 *read_cert(struct weir_span file)
{
    const unsigned char *at = file.p;
    if (is_der(file)) {
        return d2i_X509(NULL, &at, (long)file.n);
    }
    BIO *bio = BIO_new_mem_buf(file.p, (int)file.n);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return x;
}

/* Nobody is asked for a password. */
static int no_password(char *out, int size, int is_write, void *user)
{
    (void)out, (void)size, (void)is_write, (void)user;
    return -1;
}

static EVP_PKEY *read_key(struct weir_span file)
{
    const unsigned char *at = file.p;
    if (is_der(file)) {
        return d2i_AutoPrivateKey(NULL, &at, (long)file.n);
    }
    BIO *bio = BIO_new_mem_buf(file.p, (int)file.n);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    return key;
}

static bool take_cert(struct weir_identity *id, X509 *x)
{
    const struct weir_crypto *c = weir_crypto_default();
    unsigned char *at = id->cert;
    int n = i2d_X509(x, NULL);
    if (n <= 0 || (size_t)n > sizeof id->cert || i2d_X509(x, &at) != n) {
        return false;
    }
    struct weir_span der = { id->cert, (size_t)n };
    id->cert_bytes = der.n;
    weir_hash_of(c, WEIR_SHA256, &der, 1, id->fingerprint_sha256);
    return true;
}

static bool take_p256(struct weir_identity *id, EVP_PKEY *key)
{
    BIGNUM *number = NULL;
    bool is_taken = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1
                    && BN_bn2binpad(number, id->private_key, 32) == 32;
    id->key_bytes = 32;
    BN_clear_free(number);
    return is_taken;
}

static bool take_rsa(struct weir_identity *id, EVP_PKEY *key)
{
    unsigned char *at = id->private_key;
    int n = i2d_PrivateKey(key, NULL);
    id->is_rsa = n > 0 && (size_t)n <= sizeof id->private_key && i2d_PrivateKey(key, &at) == n;
    id->key_bytes = (uint16_t)n;
    return id->is_rsa;
}

static bool load(struct weir_identity *id, X509 *x, EVP_PKEY *key)
{
    struct weir_pubkey public_key;
    if (x == NULL || key == NULL || X509_check_private_key(x, key) != 1 || !take_cert(id, x)
        || !weir_crypto_default()->cert_pubkey(weir_span_of(id->cert, id->cert_bytes), &public_key)) {
        return false;
    }
    return public_key.type == WEIR_PUBKEY_P256  ? take_p256(id, key)
           : public_key.type == WEIR_PUBKEY_RSA ? take_rsa(id, key)
                                                : false;
}

bool weir_openssl_identity_load(struct weir_identity *id, struct weir_rand *rand, struct weir_span cert,
                                struct weir_span key)
{
    (void)rand;
    memset(id, 0, sizeof *id);
    if (cert.n > FILE_MAX || key.n > FILE_MAX) {
        return false;
    }
    ERR_set_mark();
    X509 *x = read_cert(cert);
    EVP_PKEY *own = read_key(key);
    bool is_good = load(id, x, own);
    EVP_PKEY_free(own);
    X509_free(x);
    ERR_pop_to_mark();
    if (!is_good) {
        weir_wipe(id, sizeof *id);
    }
    return is_good;
}

/* -- Signing ----------------------------------------------------------------------------------- */

/* libcrypto draws the salt of PSS by itself. */
bool weir_openssl_rsa_sign(const struct weir_identity *id, enum weir_sigscheme scheme,
                           const uint8_t digest[32], uint8_t sig[WEIR_SIGNATURE_MAX], size_t *sig_bytes)
{
    const unsigned char *at = id->private_key;
    bool is_pss = scheme == WEIR_RSA_PSS_SHA256;
    if (!is_pss && scheme != WEIR_RSA_PKCS1_SHA256) {
        return false;
    }
    *sig_bytes = WEIR_SIGNATURE_MAX;
    EVP_PKEY *key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, id->key_bytes);
    EVP_PKEY_CTX *ctx = key == NULL ? NULL : EVP_PKEY_CTX_new(key, NULL);
    bool is_done = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1
                   && EVP_PKEY_CTX_set_rsa_padding(ctx, is_pss ? RSA_PKCS1_PSS_PADDING
                                                               : RSA_PKCS1_PADDING) == 1
                   && EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1
                   && (!is_pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1)
                   && EVP_PKEY_sign(ctx, sig, sig_bytes, digest, 32) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return is_done;
}
