/* Shared by the files of a crypto provider; included nowhere else. */
#ifndef WEIR_CORE_CRYPTO_INT_H
#define WEIR_CORE_CRYPTO_INT_H

#include "core/crypto.h"

/* -- Modes over a provider's block cipher (gcm.c) ---------------------------------------------- */

/* A block cipher under one key. */
struct weir_block_cipher {
    void (*encrypt)(const void *key, const uint8_t in[16], uint8_t out[16]);
    const void *key;
};

/* XOR the key stream over data; the block counts up in its last 32 bits. */
void weir_block_ctr(const struct weir_block_cipher *b, const uint8_t iv[16], struct weir_mspan data);

/* AES-GCM; h is the encryption of the zero block. */
void weir_gcm_seal(const struct weir_block_cipher *b, const uint8_t h[16],
                   const uint8_t nonce[WEIR_NONCE_BYTES], struct weir_span aad,
                   struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);
bool weir_gcm_open(const struct weir_block_cipher *b, const uint8_t h[16],
                   const uint8_t nonce[WEIR_NONCE_BYTES], struct weir_span aad,
                   struct weir_mspan data, const uint8_t tag[WEIR_TAG_BYTES]);

/* -- ChaCha20-Poly1305, portable and in constant time (chacha.c) ------------------------------- */

void weir_chacha_seal(const uint8_t key[32], const uint8_t nonce[WEIR_NONCE_BYTES],
                      struct weir_span aad, struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);
bool weir_chacha_open(const uint8_t key[32], const uint8_t nonce[WEIR_NONCE_BYTES],
                      struct weir_span aad, struct weir_mspan data,
                      const uint8_t tag[WEIR_TAG_BYTES]);

/* 16 bytes of key stream from the block that a sample names: its first four bytes are the block's number,
 * the others the nonce [RFC 9147 4.2.3]. */
void weir_chacha_mask(const uint8_t key[32], const uint8_t sample[16], uint8_t out[16]);

/* -- DER: the little of it that providers share (der.c) ---------------------------------------- */

/* The SubjectPublicKeyInfo inside a certificate; false when the certificate's frame is broken. */
WEIR_MUST_CHECK bool weir_der_cert_spki(struct weir_span cert, struct weir_span *spki);
/* What kind of key it names, and its key bytes: an uncompressed point, or an RSAPublicKey. */
enum weir_pubkey_type weir_der_spki_key(struct weir_span spki, struct weir_span *key);
/* cert_pubkey of every provider: the key that a certificate has, and nothing else of it counts, neither
 * dates
 * nor names, extensions, or who signed it [RFC 8827 6.5]. The provider adds whether a point is on its
 * curve. */
WEIR_MUST_CHECK bool weir_der_cert_pubkey(struct weir_span cert, struct weir_pubkey *out,
                                          bool (*is_on_curve)(enum weir_group, struct weir_span point));
/* The two numbers of an ECDSA signature, big-endian, in strict DER. */
WEIR_MUST_CHECK bool weir_der_signature_parse(struct weir_span sig, struct weir_span *r,
                                              struct weir_span *s);
size_t weir_der_signature_build(struct weir_mspan out, const uint8_t r[32], const uint8_t s[32]);

/* identity_make over the rest of the table: a fresh key, its certificate signed by itself, its
 * fingerprint. */
WEIR_MUST_CHECK bool weir_der_identity(const struct weir_crypto *c, struct weir_identity *id,
                                       struct weir_rand *rand, int64_t not_before_s,
                                       int64_t not_after_s);

/* -- The halves of the providers --------------------------------------------------------------- */

void weir_mbedtls_symmetric(struct weir_crypto *c);
void weir_mbedtls_public(struct weir_crypto *c);
void weir_openssl_symmetric(struct weir_crypto *c);
void weir_openssl_public(struct weir_crypto *c);
void weir_openssl_kem(struct weir_crypto *t); /* from OpenSSL 3.5 on */
bool weir_mbedtls_identity_load(struct weir_identity *id, struct weir_rand *rand, struct weir_span cert,
                                struct weir_span key);
bool weir_mbedtls_rsa_sign(const struct weir_identity *id, struct weir_rand *rand,
                           enum weir_sigscheme scheme, const uint8_t digest[32],
                           uint8_t sig[WEIR_SIGNATURE_MAX], size_t *sig_bytes);
bool weir_openssl_identity_load(struct weir_identity *id, struct weir_rand *rand, struct weir_span cert,
                                struct weir_span key);
bool weir_openssl_rsa_sign(const struct weir_identity *id, enum weir_sigscheme scheme,
                           const uint8_t digest[32], uint8_t sig[WEIR_SIGNATURE_MAX], size_t *sig_bytes);

#endif
