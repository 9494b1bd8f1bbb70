/* The crypto provider: one table of primitives, filled by mbedtls or OpenSSL's libcrypto and by weir's
 * own kernels. Protocols call through the table and know no library.
 *
 * Keyed contexts are flat values in caller memory, without pointers: copying one copies it, wiping
 * it (weir_wipe) destroys it. They are aligned to 64 bytes, and so is every structure that has one in
 * it, up to
 * struct weir_peer: memory for those comes from aligned_alloc(64, ...), not from malloc. The packet path
 * calls only AEAD, CTR, mask and HMAC, which never allocate.
 * Public-key calls happen a few times per handshake; a provider may use its library's allocator
 * there. Every function that can fail returns false and leaves outputs wiped or untouched.
 */
#ifndef WEIR_CORE_CRYPTO_H
#define WEIR_CORE_CRYPTO_H

#include "core/base.h"
#include "core/rand.h"

enum weir_aead_id {
    WEIR_AES_128_GCM,
    WEIR_AES_256_GCM,
    WEIR_CHACHA20_POLY1305,
    WEIR_AEAD_COUNT,
};

enum weir_hash_id {
    WEIR_SHA1,
    WEIR_SHA256,
    WEIR_SHA384,
    WEIR_SHA512,
    WEIR_MD5, /* for the long-term STUN key of RFC 8489 9.2.2 alone */
    WEIR_HASH_COUNT,
};

/* Named by their TLS NamedGroup code points [RFC 8422 5.1.1]. */
enum weir_group {
    WEIR_P256 = 0x0017,
    WEIR_P384 = 0x0018,
    WEIR_X25519 = 0x001d,
};

/* Named by their TLS SignatureScheme code points [RFC 8446 4.2.3]. */
enum weir_sigscheme {
    WEIR_RSA_PKCS1_SHA256 = 0x0401,
    WEIR_RSA_PKCS1_SHA384 = 0x0501,
    WEIR_RSA_PKCS1_SHA512 = 0x0601,
    WEIR_ECDSA_P256_SHA256 = 0x0403,
    WEIR_ECDSA_P384_SHA384 = 0x0503,
    WEIR_RSA_PSS_SHA256 = 0x0804,
    WEIR_RSA_PSS_SHA384 = 0x0805,
    WEIR_RSA_PSS_SHA512 = 0x0806,
};

#define WEIR_TAG_BYTES 16
#define WEIR_NONCE_BYTES 12
#define WEIR_HASH_BYTES_MAX 64
#define WEIR_HASH_BLOCK_MAX 128
#define WEIR_GROUP_PRIVATE_MAX 48
#define WEIR_GROUP_PUBLIC_MAX 97
#define WEIR_GROUP_SHARED_MAX 48
#define WEIR_KEM_PRIVATE_BYTES 64      /* ML-KEM-768: the seed of a key, d || z [FIPS 203 7.1] */
#define WEIR_KEM_PUBLIC_BYTES 1184     /* encapsulation key */
#define WEIR_KEM_CIPHERTEXT_BYTES 1088
#define WEIR_KEM_SHARED_BYTES 32
#define WEIR_SIGNATURE_MAX 512      /* RSA-4096 */
#define WEIR_PUBKEY_MAX 550         /* SubjectPublicKeyInfo of RSA-4096 */
#define WEIR_CERT_MAX 1280          /* of ours: P-256, made by us, about 300 bytes; RSA-3072 about 1,100 */
#define WEIR_PRIVATE_KEY_MAX 1800   /* RSA-3072 as RSAPrivateKey [RFC 8017 A.1.2] */

/* One AEAD key, with its key schedule and hash powers. */
struct weir_aead {
    WEIR_ALIGNAS(64) uint8_t opaque[828];
    uint32_t id; /* enum weir_aead_id */
};

/* One AES key in counter mode, for SRTP. */
struct weir_ctr {
    WEIR_ALIGNAS(64) uint8_t opaque[320];
};

/* One key that hides record numbers [RFC 9147 4.2.3]. */
struct weir_mask {
    uint32_t id; /* enum weir_aead_id: of the AEAD that it stands beside */
    WEIR_ALIGNAS(16) uint8_t opaque[304];
};

/* A running hash; copying it forks the transcript. */
struct weir_hash {
    uint32_t id; /* enum weir_hash_id */
    WEIR_ALIGNAS(16) uint8_t opaque[240];
};

/* An HMAC key: the hash states after the inner and outer pad. */
struct weir_hmac_key {
    struct weir_hash inner;
    struct weir_hash outer;
};

enum weir_pubkey_type {
    WEIR_PUBKEY_NONE,
    WEIR_PUBKEY_P256,
    WEIR_PUBKEY_P384,
    WEIR_PUBKEY_RSA,
};

/* One packet of SRTP's AES_CM_128_HMAC_SHA1_80: `secret` lies within `covered`, both of the packet,
 * and `trailer` is authenticated behind it. */
struct weir_ctr_hmac {
    const struct weir_ctr *cipher;
    const struct weir_hmac_key *auth; /* SHA-1 */
    const uint8_t *iv;                /* 16 bytes */
    struct weir_span covered;
    struct weir_mspan secret;
    struct weir_span trailer;
};

/* A peer's public key as DER SubjectPublicKeyInfo, taken out of its certificate. */
struct weir_pubkey {
    enum weir_pubkey_type type;
    uint32_t bits;
    size_t spki_bytes;
    uint8_t spki[WEIR_PUBKEY_MAX];
};

/* Our own key and its certificate: P-256 and signed by itself when we make it, P-256 or RSA of 2,048 to
 * 3,072 bits when it is loaded. `private_key` is secret: wipe after use. */
struct weir_identity {
    bool is_rsa;
    uint16_t key_bytes;
    uint8_t private_key[WEIR_PRIVATE_KEY_MAX]; /* P-256: the number, 32 bytes; RSA: DER of RSAPrivateKey */
    uint8_t cert[WEIR_CERT_MAX]; /* DER */
    size_t cert_bytes;
    uint8_t fingerprint_sha256[32]; /* of cert */
};

struct weir_crypto {
    const char *name; /* "mbedtls 2.28.3", "OpenSSL 3.0.17 1 Jul 2025", ... */
    /* The processor does not help with AES, so it is done in bit slices: of a time that tells nothing of
     * its keys, and slow. DTLS then puts ChaCha20 first. */
    bool is_aes_slow;

    /* AEAD, in place. `key` has 16 or 32 bytes as the id says. */
    bool (*aead_init)(struct weir_aead *, enum weir_aead_id, const uint8_t *key);
    /* data[0..n) becomes ciphertext; its tag goes to tag, which may be data + n. */
    void (*aead_seal)(const struct weir_aead *, const uint8_t nonce[WEIR_NONCE_BYTES],
                      struct weir_span aad, struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);
    /* False when the tag is wrong; data is then unspecified and must not be used. */
    bool (*aead_open)(const struct weir_aead *, const uint8_t nonce[WEIR_NONCE_BYTES],
                      struct weir_span aad, struct weir_mspan data,
                      const uint8_t tag[WEIR_TAG_BYTES]);

    /* AES counter mode, key of 16 or 32 bytes; the 16-byte block counts up in its last 32 bits
     * [RFC 3711 4.1.1: a packet is at most 2^16 blocks, so 16 bits would do]. In place. */
    bool (*ctr_init)(struct weir_ctr *, const uint8_t *key, size_t key_bytes);
    void (*ctr_xor)(const struct weir_ctr *, const uint8_t iv[16], struct weir_mspan data);

    /* The mask over a record's number, made of the first 16 bytes of its ciphertext: one AES block,
     * or the head of one ChaCha20 block whose counter (little-endian) and nonce the sample is.
     * `key` has as many bytes as the AEAD's. */
    bool (*mask_init)(struct weir_mask *, enum weir_aead_id, const uint8_t *key);
    void (*mask)(const struct weir_mask *, const uint8_t sample[16], uint8_t out[16]);

    void (*hash_init)(struct weir_hash *, enum weir_hash_id);
    void (*hash_update)(struct weir_hash *, struct weir_span);
    /* Writes weir_hash_bytes(id) bytes and wipes the state. */
    void (*hash_final)(struct weir_hash *, uint8_t *out);
    /* weir_hmac in one call, over states that hash_init and hash_update of this table made; NULL
     * where there is nothing faster than those. */
    void (*hmac)(const struct weir_hmac_key *, const struct weir_span *part, size_t parts,
                 uint8_t *out);
    /* Counter mode and HMAC-SHA-1 over a packet at once: sealing encrypts, then hashes; opening
     * hashes, then decrypts, whatever the caller will find the tag to be. NULL as for hmac. */
    void (*ctr_hmac)(const struct weir_ctr_hmac *, bool is_seal, uint8_t out[20]);

    /* Not crypto, but of the packet path: the remainder of SCTP's CRC32c after data, from the one
     * before [RFC 9260 appendix A], neither inverted. NULL where the processor has nothing for it. */
    uint32_t (*crc32c)(uint32_t crc, struct weir_span data);

    /* Ephemeral ECDH. Private keys are raw big-endian scalars (P-256, P-384) or the 32 bytes of
     * RFC 7748; public keys are uncompressed points 04 || X || Y or the 32 bytes of RFC 7748. */
    bool (*ecdh_keygen)(enum weir_group, struct weir_rand *, uint8_t priv[WEIR_GROUP_PRIVATE_MAX],
                        uint8_t pub[WEIR_GROUP_PUBLIC_MAX]);
    /* False for a point off the curve, a wrong length, or an all-zero result, which X25519 must
     * refuse [RFC 8446 7.4.2 MUST]. */
    bool (*ecdh_shared)(enum weir_group, struct weir_rand *, const uint8_t *priv,
                        struct weir_span peer_pub, uint8_t shared[WEIR_GROUP_SHARED_MAX]);

    /* ML-KEM-768 [FIPS 203 7]. All three NULL where the provider has none. */
    bool (*kem_keygen)(struct weir_rand *, uint8_t priv[WEIR_KEM_PRIVATE_BYTES],
                       uint8_t pub[WEIR_KEM_PUBLIC_BYTES]);
    /* A fresh secret for the owner of the key. False when the key is none [FIPS 203 7.2]. */
    bool (*kem_encapsulate)(struct weir_rand *, const uint8_t pub[WEIR_KEM_PUBLIC_BYTES],
                            uint8_t ciphertext[WEIR_KEM_CIPHERTEXT_BYTES],
                            uint8_t shared[WEIR_KEM_SHARED_BYTES]);
    /* Never false for the ciphertext's sake: a wrong one gives a secret that nobody else has. */
    bool (*kem_decapsulate)(const uint8_t priv[WEIR_KEM_PRIVATE_BYTES],
                            const uint8_t ciphertext[WEIR_KEM_CIPHERTEXT_BYTES],
                            uint8_t shared[WEIR_KEM_SHARED_BYTES]);

    /* Make a P-256 key and a self-signed certificate for it, valid between two UTC times in
     * seconds since 1970. */
    bool (*identity_make)(struct weir_identity *, struct weir_rand *, int64_t not_before_s,
                          int64_t not_after_s);
    /* Take a certificate and its private key as others made them, each DER or PEM, of a PEM file the first
     * of its kind; the key unencrypted. False when one does not parse, is of another kind or size than said
     * above, or when they do not belong together. */
    bool (*identity_load)(struct weir_identity *, struct weir_rand *, struct weir_span cert,
                          struct weir_span key);
    /* Sign a SHA-256 digest by a scheme that suits the key: ECDSA P-256 as DER, at most 72 bytes, whose
     * nonce comes from key and digest [RFC 6979 3.2] (rand serves to blind); or RSA, PSS with a salt of 32
     * bytes or PKCS1. */
    bool (*identity_sign)(const struct weir_identity *, struct weir_rand *, enum weir_sigscheme,
                          const uint8_t digest[32], uint8_t sig[WEIR_SIGNATURE_MAX],
                          size_t *sig_bytes);

    /* The public key of a DER certificate; false when it does not parse or its key is of no kind
     * named above. Dates and names are not judged: WebRTC trusts the fingerprint [RFC 8827 6.5]. */
    bool (*cert_pubkey)(struct weir_span cert_der, struct weir_pubkey *);
    /* Verify a signature over a digest. The scheme must suit the key type and its curve. */
    bool (*verify)(const struct weir_pubkey *, enum weir_sigscheme, struct weir_span digest,
                   struct weir_span sig);
};

WEIR_API size_t weir_aead_key_bytes(enum weir_aead_id id);
WEIR_API size_t weir_hash_bytes(enum weir_hash_id id);
WEIR_API size_t weir_hash_block_bytes(enum weir_hash_id id);
WEIR_API size_t weir_group_private_bytes(enum weir_group g); /* 0 for a group we do not know */
WEIR_API size_t weir_group_public_bytes(enum weir_group g);
WEIR_API size_t weir_group_shared_bytes(enum weir_group g);
/* The hash a signature scheme signs over; false for a scheme we do not know. */
WEIR_MUST_CHECK WEIR_API bool weir_sigscheme_hash(uint16_t scheme, enum weir_hash_id *out);

/* -- Built over the table --------------------------------------------------------------------- */

/* Hash of a list of spans. */
WEIR_API void weir_hash_of(const struct weir_crypto *c, enum weir_hash_id id,
                           const struct weir_span *part, size_t parts, uint8_t *out);

WEIR_API void weir_hmac_init(const struct weir_crypto *c, struct weir_hmac_key *k,
                             enum weir_hash_id id, struct weir_span key);
/* HMAC of a list of spans; writes weir_hash_bytes(id) bytes. */
WEIR_API void weir_hmac(const struct weir_crypto *c, const struct weir_hmac_key *k,
                        const struct weir_span *part, size_t parts, uint8_t *out);

/* HKDF [RFC 5869]. okm at most 255 hashes long. */
WEIR_API void weir_hkdf_extract(const struct weir_crypto *c, enum weir_hash_id id,
                                struct weir_span salt, struct weir_span ikm, uint8_t *prk);
WEIR_API void weir_hkdf_expand(const struct weir_crypto *c, enum weir_hash_id id,
                               struct weir_span prk, struct weir_span info, struct weir_mspan okm);

/* P_hash of TLS 1.2 [RFC 5246 5] over seed_a || seed_b. */
WEIR_API void weir_tls12_prf(const struct weir_crypto *c, enum weir_hash_id id,
                             struct weir_span secret, const char *label, struct weir_span seed_a,
                             struct weir_span seed_b, struct weir_mspan out);

/* -- Providers -------------------------------------------------------------------------------- */

/* The provider this build was configured with, the processor's kernels over it (core/kernels). */
WEIR_API const struct weir_crypto *weir_crypto_default(void);

/* The same provider without kernels, for tests and measurements. */
WEIR_API void weir_crypto_provider(struct weir_crypto *out);

/* For fuzzing and tests alone: a table that encrypts nothing and accepts every tag and signature,
 * with the real hashes of `under`, so that fuzz bytes reach the machines behind the crypto. The
 * table is written to *out. */
WEIR_API void weir_crypto_null(struct weir_crypto *out, const struct weir_crypto *under);

#endif
