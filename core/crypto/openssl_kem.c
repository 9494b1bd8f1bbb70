/* ML-KEM-768 of the OpenSSL provider [FIPS 203]: libcrypto has it from 3.5 on. A key is kept as its seed
 * and expanded where it is used, once in a handshake. What a peer can make fail leaves nothing in the
 * thread's error queue. */
#include <openssl/opensslv.h>

#include "core/crypto/crypto_int.h"

#if OPENSSL_VERSION_NUMBER >= 0x30500000L
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* A key from one of its forms: a seed, or the encapsulation key. NULL when it is none. */
static EVP_PKEY *key_of(const char *form, int selection, uint8_t *bytes, size_t n)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "ML-KEM-768", NULL);
    OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(form, bytes, n), OSSL_PARAM_construct_end() };
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &key, selection, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *own_key(const uint8_t priv[WEIR_KEM_PRIVATE_BYTES])
{
    uint8_t seed[WEIR_KEM_PRIVATE_BYTES];
    memcpy(seed, priv, sizeof seed);
    EVP_PKEY *key = key_of(OSSL_PKEY_PARAM_ML_KEM_SEED, EVP_PKEY_KEYPAIR, seed, sizeof seed);
    weir_wipe(seed, sizeof seed);
    return key;
}

static bool kem_keygen(struct weir_rand *rand, uint8_t priv[WEIR_KEM_PRIVATE_BYTES],
                       uint8_t pub[WEIR_KEM_PUBLIC_BYTES])
{
    size_t n = 0;
    weir_rand_bytes(rand, priv, WEIR_KEM_PRIVATE_BYTES);
    EVP_PKEY *key = own_key(priv);
    bool is_done = key != NULL
                   && EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, pub,
                                                      WEIR_KEM_PUBLIC_BYTES, &n) == 1
                   && n == WEIR_KEM_PUBLIC_BYTES;
    EVP_PKEY_free(key);
    return is_done;
}

static bool kem_encapsulate(struct weir_rand *rand, const uint8_t pub[WEIR_KEM_PUBLIC_BYTES],
                            uint8_t ciphertext[WEIR_KEM_CIPHERTEXT_BYTES],
                            uint8_t shared[WEIR_KEM_SHARED_BYTES])
{
    uint8_t entropy[32], theirs[WEIR_KEM_PUBLIC_BYTES];
    size_t n = WEIR_KEM_CIPHERTEXT_BYTES, m = WEIR_KEM_SHARED_BYTES;
    memcpy(theirs, pub, sizeof theirs);
    weir_rand_bytes(rand, entropy, sizeof entropy);
    OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_KEM_PARAM_IKME, entropy, sizeof entropy),
                            OSSL_PARAM_construct_end() };
    ERR_set_mark();
    EVP_PKEY *key = key_of(OSSL_PKEY_PARAM_PUB_KEY, EVP_PKEY_PUBLIC_KEY, theirs, sizeof theirs);
    EVP_PKEY_CTX *ctx = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool is_done = ctx != NULL && EVP_PKEY_encapsulate_init(ctx, params) == 1
                   && EVP_PKEY_encapsulate(ctx, ciphertext, &n, shared, &m) == 1
                   && n == WEIR_KEM_CIPHERTEXT_BYTES && m == WEIR_KEM_SHARED_BYTES;
    ERR_pop_to_mark();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    weir_wipe(entropy, sizeof entropy);
    return is_done;
}

static bool kem_decapsulate(const uint8_t priv[WEIR_KEM_PRIVATE_BYTES],
                            const uint8_t ciphertext[WEIR_KEM_CIPHERTEXT_BYTES],
                            uint8_t shared[WEIR_KEM_SHARED_BYTES])
{
    size_t n = WEIR_KEM_SHARED_BYTES;
    EVP_PKEY *key = own_key(priv);
    EVP_PKEY_CTX *ctx = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool is_done = ctx != NULL && EVP_PKEY_decapsulate_init(ctx, NULL) == 1
                   && EVP_PKEY_decapsulate(ctx, shared, &n, ciphertext, WEIR_KEM_CIPHERTEXT_BYTES) == 1
                   && n == WEIR_KEM_SHARED_BYTES;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return is_done;
}

void weir_openssl_kem(struct weir_crypto *t)
{
    t->kem_keygen = kem_keygen;
    t->kem_encapsulate = kem_encapsulate;
    t->kem_decapsulate = kem_decapsulate;
}

#else

void weir_openssl_kem(struct weir_crypto *t)
{
    t->kem_keygen = NULL;
    t->kem_encapsulate = NULL;
    t->kem_decapsulate = NULL;
}

#endif
