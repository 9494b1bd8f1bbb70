/* What bench_aead.c measures besides weir's own tables: OpenSSL's EVP, in a build that has it. */
#ifndef WEIR_TEST_BENCH_AEAD_H
#define WEIR_TEST_BENCH_AEAD_H

#include "core/crypto.h"

/* AES-GCM through EVP, as a program that keeps one context per key and direction does it. */
const char *bench_evp_name(void);
bool bench_evp_init(enum weir_aead_id id, const uint8_t *key);
bool bench_evp_seal(const uint8_t nonce[WEIR_NONCE_BYTES], struct weir_span aad,
                    struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);
bool bench_evp_open(const uint8_t nonce[WEIR_NONCE_BYTES], struct weir_span aad,
                    struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);

#endif
