/* What weir is measured against in the same process: other libraries, where a build has them. */
#ifndef WEIR_TEST_BENCH_RIVAL_H
#define WEIR_TEST_BENCH_RIVAL_H

#include "core/crypto.h"
#include "srtp/srtp.h"

/* AES-GCM, one key at a time. */
struct rival_aead {
    const char *(*version)(void);
    bool (*init)(enum weir_aead_id id, const uint8_t *key);
    bool (*seal)(const uint8_t nonce[WEIR_NONCE_BYTES], struct weir_span aad, struct weir_mspan data,
                 uint8_t tag[WEIR_TAG_BYTES]);
    bool (*open)(const uint8_t nonce[WEIR_NONCE_BYTES], struct weir_span aad, struct weir_mspan data,
                 uint8_t tag[WEIR_TAG_BYTES]);
};

/* SRTP, one session each way; `key` is master key and salt behind one another. */
struct rival_srtp {
    const char *(*version)(void);
    bool (*init)(enum weir_srtp_profile profile, const uint8_t *key);
    bool (*protect)(uint8_t *packet, size_t *n);
    bool (*unprotect)(uint8_t *packet, size_t *n);
};

/* One DTLS 1.2 handshake in memory; us[0] and us[1] are the processor time of client and server. */
struct rival_dtls {
    const char *(*version)(void);
    bool (*shake_hands)(double us[2]);
};

/* Messages of a size one way between two associations in memory, until so many bytes have arrived. */
struct rival_sctp {
    const char *(*version)(void);
    bool (*run)(size_t size, uint64_t bytes, double *mbps);
};

/* usrsctp; NULL: not built. */
const struct rival_sctp *rival_usrsctp(void);
/* OpenSSL's libssl; NULL: not built. */
const struct rival_dtls *rival_openssl_dtls(void);
/* OpenSSL's EVP, as a program that keeps one context per key and direction uses it; NULL: not built. */
const struct rival_aead *rival_evp(void);
/* libsrtp 2; NULL: not built. */
const struct rival_srtp *rival_libsrtp(void);

#endif
