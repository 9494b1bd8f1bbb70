/* Shared by the kernels; included nowhere else. */
#ifndef WEIR_CORE_KERNELS_INT_H
#define WEIR_CORE_KERNELS_INT_H

#include "core/kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define WEIR_KERNELS_X86 1
#else
#define WEIR_KERNELS_X86 0
#endif

#if defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define WEIR_KERNELS_ARM 1
#else
#define WEIR_KERNELS_ARM 0
#endif

#define WEIR_KERNELS_ANY (WEIR_KERNELS_X86 || WEIR_KERNELS_ARM)

/* Round keys as the AES instructions want them: 11 for a key of 128 bits, 15 for one of 256. */
#define WEIR_AES_ROUND_KEYS_MAX 15

struct weir_aes_key {
    uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16];
    uint32_t rounds; /* 10 or 14 */
};

/* Powers of the hash key H, from H^17 down to H^1: sixteen blocks of data and the block of lengths
 * are reduced once. Below H^1 stands a zero, the partner of a last block without one. */
#define WEIR_GCM_POWERS 18

struct weir_gcm_key {
    uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16];
    uint8_t power[WEIR_GCM_POWERS][16]; /* power[i] is H^(17 - i) */
    uint8_t folded[WEIR_GCM_POWERS][16]; /* both halves: high xor low of that power */
    uint32_t rounds;
};

/* The same for AES in bit slices: the round keys are as aes_sliced.c packs them, the hash key is whole. */
struct weir_sliced_gcm_key {
    struct weir_aes_key aes;
    uint8_t h[16];
};

#define WEIR_SHA_BLOCK 64

/* A SHA-1 or SHA-256 in progress. */
struct weir_sha {
    uint32_t state[8]; /* SHA-1 has five */
    uint64_t bytes;
    uint8_t block[WEIR_SHA_BLOCK];
};

_Static_assert(sizeof(struct weir_sha) <= sizeof(((struct weir_hash *)0)->opaque),
               "a hash fits its opaque room");
_Static_assert(sizeof(struct weir_gcm_key) <= sizeof(((struct weir_aead *)0)->opaque),
               "a GCM key fits its opaque room");
_Static_assert(sizeof(struct weir_sliced_gcm_key) <= sizeof(((struct weir_aead *)0)->opaque),
               "a GCM key in bit slices fits its opaque room");
_Static_assert(sizeof(struct weir_aes_key) <= sizeof(((struct weir_ctr *)0)->opaque),
               "a CTR key fits its opaque room");
_Static_assert(sizeof(struct weir_aes_key) <= sizeof(((struct weir_mask *)0)->opaque),
               "a mask key fits its opaque room");
_Static_assert(offsetof(struct weir_gcm_key, power) % 32 == 16
                   && offsetof(struct weir_gcm_key, folded) % 32 == 16,
               "H^16 stands at a multiple of 32 bytes");

static inline const struct weir_gcm_key *weir_gcm_key_of(const struct weir_aead *k)
{
    return (const struct weir_gcm_key *)(const void *)k->opaque;
}

static inline const struct weir_aes_key *weir_aes_key_of(const struct weir_ctr *k)
{
    return (const struct weir_aes_key *)(const void *)k->opaque;
}

/* What the processor has. */
struct weir_kernels_cpu {
    bool has_aesni; /* x86-64: AES-NI, PCLMULQDQ, SSSE3, SSE4.1 */
    bool has_vaes;  /* x86-64: AVX2, VAES, VPCLMULQDQ, and the system saves the wide registers */
    bool has_armv8; /* AArch64: AES and PMULL */
    bool has_sha;   /* SHA-NI, SSSE3, SSE4.1; or SHA1 and SHA2 */
    bool has_crc;   /* SSE4.2 and PCLMULQDQ; or CRC32 and PMULL */
};

struct weir_kernels_cpu weir_kernels_cpu(void);

/* -- The kernels proper ------------------------------------------------------------------------ */

/* For any processor: AES in bit slices, GCM over it. Round keys are of a form of their own. */
uint32_t weir_sliced_expand(uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16], const uint8_t *key,
                            size_t key_bytes);
void weir_sliced_ctr_xor(const struct weir_aes_key *k, const uint8_t iv[16], struct weir_mspan data);
void weir_sliced_gcm_init(struct weir_sliced_gcm_key *k, const uint8_t *key, size_t key_bytes);
void weir_sliced_gcm_seal(const struct weir_sliced_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                          struct weir_span aad, struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);
bool weir_sliced_gcm_open(const struct weir_sliced_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                          struct weir_span aad, struct weir_mspan data,
                          const uint8_t tag[WEIR_TAG_BYTES]);

#if WEIR_KERNELS_X86

/* Expand a key of 16 or 32 bytes; returns the count of rounds. */
uint32_t weir_aesni_expand(uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16], const uint8_t *key,
                           size_t key_bytes);
void weir_aesni_gcm_init(struct weir_gcm_key *k, const uint8_t *key, size_t key_bytes);

void weir_aesni_gcm_seal(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                         struct weir_span aad, struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);
bool weir_aesni_gcm_open(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                         struct weir_span aad, struct weir_mspan data,
                         const uint8_t tag[WEIR_TAG_BYTES]);
void weir_vaes_gcm_seal(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                        struct weir_span aad, struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);
bool weir_vaes_gcm_open(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                        struct weir_span aad, struct weir_mspan data,
                        const uint8_t tag[WEIR_TAG_BYTES]);

void weir_aesni_ctr_xor(const struct weir_aes_key *k, const uint8_t iv[16], struct weir_mspan data);
void weir_vaes_ctr_xor(const struct weir_aes_key *k, const uint8_t iv[16], struct weir_mspan data);

/* Compress blocks of 64 bytes into the state; SHA-1 has the first five words of it. */
void weir_shani_sha1(uint32_t state[8], const uint8_t *p, size_t blocks);
void weir_shani_sha256(uint32_t state[8], const uint8_t *p, size_t blocks);

/* AES counter mode and HMAC-SHA-1 of a packet in one pass. */
void weir_shani_ctr_hmac(const struct weir_ctr_hmac *j, bool is_seal, uint8_t out[20]);

uint32_t weir_sse42_crc32c(uint32_t crc, struct weir_span data);

#elif WEIR_KERNELS_ARM

/* The same for AArch64. */
uint32_t weir_arm_expand(uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16], const uint8_t *key,
                         size_t key_bytes);
void weir_arm_gcm_init(struct weir_gcm_key *k, const uint8_t *key, size_t key_bytes);
void weir_arm_gcm_seal(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                       struct weir_span aad, struct weir_mspan data, uint8_t tag[WEIR_TAG_BYTES]);
bool weir_arm_gcm_open(const struct weir_gcm_key *k, const uint8_t nonce[WEIR_NONCE_BYTES],
                       struct weir_span aad, struct weir_mspan data,
                       const uint8_t tag[WEIR_TAG_BYTES]);
void weir_arm_ctr_xor(const struct weir_aes_key *k, const uint8_t iv[16], struct weir_mspan data);
void weir_arm_sha1(uint32_t state[8], const uint8_t *p, size_t blocks);
void weir_arm_sha256(uint32_t state[8], const uint8_t *p, size_t blocks);
uint32_t weir_arm_crc32c(uint32_t crc, struct weir_span data);

#endif

#if WEIR_KERNELS_ANY

/* Rows of the table over whichever compression functions there are, for SHA-1 and SHA-256 alone. */
void weir_sha_init(struct weir_hash *h, enum weir_hash_id id);
void weir_sha_update(struct weir_hash *h, struct weir_span d);
void weir_sha_final(struct weir_hash *h, uint8_t *out);
void weir_sha_hmac(const struct weir_hmac_key *k, const struct weir_span *part, size_t parts,
                   uint8_t *out);
/* The same in two halves, for who hashes whole blocks in between. */
void weir_sha_hmac_begin(const struct weir_hmac_key *k, struct weir_sha *s);
void weir_sha_hmac_end(const struct weir_hmac_key *k, struct weir_sha *s,
                       const struct weir_span *part, size_t parts, uint8_t *out);

#endif

#endif
