/* An identity that others made, with mbedtls: certificate and private key out of files, and signatures with
 * an RSA key. */
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "core/crypto/crypto_int.h"

#define FILE_MAX 16384

static int rng(void *rand, unsigned char *out, size_t n)
{
    weir_rand_bytes((struct weir_rand *)rand, out, n);
    return 0;
}

static int parse_key(mbedtls_pk_context *pk, struct weir_rand *rand, const uint8_t *p, size_t n)
{
#if MBEDTLS_VERSION_MAJOR < 3
    (void)rand;
    return mbedtls_pk_parse_key(pk, p, n, NULL, 0);
#else
    return mbedtls_pk_parse_key(pk, p, n, NULL, 0, rng, rand);
#endif
}

static bool belong_together(mbedtls_x509_crt *crt, mbedtls_pk_context *pk, struct weir_rand *rand)
{
#if MBEDTLS_VERSION_MAJOR < 3
    (void)rand;
    return mbedtls_pk_check_pair(&crt->pk, pk) == 0;
#else
    return mbedtls_pk_check_pair(&crt->pk, pk, rng, rand) == 0;
#endif
}

/* -- Loading ----------------------------------------------------------------------------------- */

/* mbedtls takes PEM with the zero behind it, and DER without. */
static size_t with_zero(struct weir_span file, uint8_t out[FILE_MAX + 1])
{
    if (file.n == 0 || file.n > FILE_MAX) {
        return 0;
    }
    memcpy(out, file.p, file.n);
    out[file.n] = 0;
    return file.n + (file.p[0] == 0x30 ? 0 : 1); /* DER begins with a SEQUENCE */
}

/* ECPrivateKey [RFC 5915 3]: version 1, then the number in 32 bytes. */
static bool take_p256(struct weir_identity *id, struct weir_span der)
{
    static const uint8_t head[] = { 0x02, 0x01, 0x01, 0x04, 0x20 };
    if (der.n < 39 || der.p[1] >= 0x80 || memcmp(der.p + 2, head, sizeof head) != 0) {
        return false;
    }
    memcpy(id->private_key, der.p + 7, 32);
    id->key_bytes = 32;
    return true;
}

static bool take_rsa(struct weir_identity *id, struct weir_span der)
{
    id->is_rsa = weir_copy_into(id->private_key, sizeof id->private_key, der);
    id->key_bytes = (uint16_t)der.n;
    return id->is_rsa;
}

static bool take_key(struct weir_identity *id, mbedtls_pk_context *pk, enum weir_pubkey_type type)
{
    uint8_t room[2600];
    int n = mbedtls_pk_write_key_der(pk, room, sizeof room);
    bool is_taken = false;
    if (n > 0) {
        struct weir_span der = { room + sizeof room - (size_t)n, (size_t)n };
        is_taken = type == WEIR_PUBKEY_P256  ? take_p256(id, der)
                   : type == WEIR_PUBKEY_RSA ? take_rsa(id, der)
                                             : false;
    }
    weir_wipe(room, sizeof room);
    return is_taken;
}

bool weir_mbedtls_identity_load(struct weir_identity *id, struct weir_rand *rand, struct weir_span cert,
                                struct weir_span key)
{
    const struct weir_crypto *c = weir_crypto_default();
    uint8_t file[FILE_MAX + 1];
    struct weir_pubkey public_key;
    mbedtls_x509_crt crt;
    mbedtls_pk_context pk;
    memset(id, 0, sizeof *id);
    mbedtls_x509_crt_init(&crt);
    mbedtls_pk_init(&pk);
    size_t n = with_zero(cert, file);
    bool is_good = n != 0 && mbedtls_x509_crt_parse(&crt, file, n) >= 0;
    if (is_good) {
        struct weir_span der = { crt.raw.p, crt.raw.len };
        id->cert_bytes = der.n;
        is_good = weir_copy_into(id->cert, sizeof id->cert, der) && c->cert_pubkey(der, &public_key);
        weir_hash_of(c, WEIR_SHA256, &der, 1, id->fingerprint_sha256);
    }
    n = with_zero(key, file);
    is_good = is_good && n != 0 && parse_key(&pk, rand, file, n) == 0 && belong_together(&crt, &pk, rand)
              && take_key(id, &pk, public_key.type);
    mbedtls_pk_free(&pk);
    mbedtls_x509_crt_free(&crt);
    weir_wipe(file, sizeof file);
    if (!is_good) {
        weir_wipe(id, sizeof *id);
    }
    return is_good;
}

/* -- Signing ----------------------------------------------------------------------------------- */

static int sign(mbedtls_rsa_context *rsa, struct weir_rand *rand, const uint8_t digest[32], uint8_t *sig)
{
#if MBEDTLS_VERSION_MAJOR < 3
    return mbedtls_rsa_pkcs1_sign(rsa, rng, rand, MBEDTLS_RSA_PRIVATE, MBEDTLS_MD_SHA256, 32, digest,
                                  sig);
#else
    return mbedtls_rsa_pkcs1_sign(rsa, rng, rand, MBEDTLS_MD_SHA256, 32, digest, sig);
#endif
}

/* mbedtls's PSS takes a salt as long as the hash, which is what [RFC 8446 4.2.3] wants. */
bool weir_mbedtls_rsa_sign(const struct weir_identity *id, struct weir_rand *rand,
                           enum weir_sigscheme scheme, const uint8_t digest[32],
                           uint8_t sig[WEIR_SIGNATURE_MAX], size_t *sig_bytes)
{
    mbedtls_pk_context pk;
    bool is_pss = scheme == WEIR_RSA_PSS_SHA256;
    if (!is_pss && scheme != WEIR_RSA_PKCS1_SHA256) {
        return false;
    }
    mbedtls_pk_init(&pk);
    bool is_done = parse_key(&pk, rand, id->private_key, id->key_bytes) == 0
                   && mbedtls_pk_get_type(&pk) == MBEDTLS_PK_RSA;
    if (is_done) {
        mbedtls_rsa_context *rsa = mbedtls_pk_rsa(pk);
        mbedtls_rsa_set_padding(rsa, is_pss ? MBEDTLS_RSA_PKCS_V21 : MBEDTLS_RSA_PKCS_V15,
                                MBEDTLS_MD_SHA256);
        *sig_bytes = mbedtls_rsa_get_len(rsa);
        is_done = *sig_bytes <= WEIR_SIGNATURE_MAX && sign(rsa, rand, digest, sig) == 0;
    }
    mbedtls_pk_free(&pk);
    return is_done;
}
