/* AES-GCM through OpenSSL's EVP. */
#include "test/bench/rival.h"

#ifdef WEIR_BENCH_EVP
#include <openssl/crypto.h>
#include <openssl/evp.h>


static EVP_CIPHER_CTX *sealing, *opening;

static const char *version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

static bool evp_init(enum weir_aead_id id, const uint8_t *key)
{
    const EVP_CIPHER *cipher = id == WEIR_AES_128_GCM ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
    EVP_CIPHER_CTX_free(sealing);
    EVP_CIPHER_CTX_free(opening);
    sealing = EVP_CIPHER_CTX_new();
    opening = EVP_CIPHER_CTX_new();
    return sealing != NULL && opening != NULL
           && EVP_EncryptInit_ex(sealing, cipher, NULL, key, NULL) == 1
           && EVP_DecryptInit_ex(opening, cipher, NULL, key, NULL) == 1;
}

static bool evp_seal(const uint8_t nonce[WEIR_NONCE_BYTES], struct weir_span aad,
                    struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES])
{
    int n;
    return EVP_EncryptInit_ex(sealing, NULL, NULL, NULL, nonce) == 1
           && EVP_EncryptUpdate(sealing, NULL, &n, aad.p, (int)aad.n) == 1
           && EVP_EncryptUpdate(sealing, data.p, &n, data.p, (int)data.n) == 1
           && EVP_EncryptFinal_ex(sealing, data.p + n, &n) == 1
           && EVP_CIPHER_CTX_ctrl(sealing, EVP_CTRL_AEAD_GET_TAG, WEIR_TAG_BYTES, tag) == 1;
}

static bool evp_open(const uint8_t nonce[WEIR_NONCE_BYTES], struct weir_span aad,
                    struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES])
{
    int n;
    return EVP_DecryptInit_ex(opening, NULL, NULL, NULL, nonce) == 1
           && EVP_DecryptUpdate(opening, NULL, &n, aad.p, (int)aad.n) == 1
           && EVP_DecryptUpdate(opening, data.p, &n, data.p, (int)data.n) == 1
           && EVP_CIPHER_CTX_ctrl(opening, EVP_CTRL_AEAD_SET_TAG, WEIR_TAG_BYTES, tag) == 1
           && EVP_DecryptFinal_ex(opening, data.p + n, &n) == 1;
}

const struct rival_aead *rival_evp(void)
{
    static const struct rival_aead evp = { version, evp_init, evp_seal, evp_open };
    return &evp;
}

#else

const struct rival_aead *rival_evp(void)
{
    return NULL;
}

#endif
