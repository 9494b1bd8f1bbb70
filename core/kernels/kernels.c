/* Laying kernels over a provider's table. */
#include "core/kernels/kernels_int.h"

static const char *const level_name[WEIR_KERNELS_LEVELS] = {
    [WEIR_KERNELS_GENERIC] = "generic",
#if defined(__aarch64__)
    [WEIR_KERNELS_ARMV8] = "armv8",
#else
    [WEIR_KERNELS_AESNI] = "aesni",
    [WEIR_KERNELS_VAES] = "vaes",
#endif
};

const char *weir_kernels_name(enum weir_kernels_level level)
{
    return (unsigned)level < WEIR_KERNELS_LEVELS ? level_name[level] : "?";
}

bool weir_kernels_named(const char *name, enum weir_kernels_level *out)
{
    for (unsigned i = 0; i < WEIR_KERNELS_LEVELS; i++) {
        size_t at = 0;
        while (name[at] != '\0' && name[at] == level_name[i][at]) {
            at++;
        }
        if (name[at] == level_name[i][at]) {
            *out = (enum weir_kernels_level)i;
            return true;
        }
    }
    return false;
}

enum weir_kernels_level weir_kernels_best(void)
{
    struct weir_kernels_cpu cpu = weir_kernels_cpu();
#if defined(__aarch64__)
    return cpu.has_armv8 ? WEIR_KERNELS_ARMV8 : WEIR_KERNELS_GENERIC;
#else
    return cpu.has_vaes    ? WEIR_KERNELS_VAES
           : cpu.has_aesni ? WEIR_KERNELS_AESNI
                           : WEIR_KERNELS_GENERIC;
#endif
}

/* The rows that the kernels cover, for what they hand down. Written by weir_kernels_select, with the
 * same values every time. */
static struct weir_crypto under;

/* -- Any processor: AES in bit slices ---------------------------------------------------------- */

static const struct weir_sliced_gcm_key *sliced_key_of(const struct weir_aead *k)
{
    return (const struct weir_sliced_gcm_key *)(const void *)k->opaque;
}

static bool sliced_aead_init(struct weir_aead *k, enum weir_aead_id id, const uint8_t *key)
{
    if (id == WEIR_CHACHA20_POLY1305) {
        return under.aead_init(k, id, key);
    }
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    weir_sliced_gcm_init((struct weir_sliced_gcm_key *)(void *)k->opaque, key, weir_aead_key_bytes(id));
    return true;
}

static void sliced_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                        struct weir_mspan data, uint8_t tag[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        under.aead_seal(k, nonce, aad, data, tag);
    } else {
        weir_sliced_gcm_seal(sliced_key_of(k), nonce, aad, data, tag);
    }
}

static bool sliced_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                        struct weir_mspan data, const uint8_t tag[16])
{
    return k->id == WEIR_CHACHA20_POLY1305 ? under.aead_open(k, nonce, aad, data, tag)
                                           : weir_sliced_gcm_open(sliced_key_of(k), nonce, aad, data, tag);
}

static bool sliced_ctr_init(struct weir_ctr *k, const uint8_t *key, size_t key_bytes)
{
    struct weir_aes_key *aes = (struct weir_aes_key *)(void *)k->opaque;
    if (key_bytes != 16 && key_bytes != 32) {
        return false;
    }
    memset(k, 0, sizeof *k);
    aes->rounds = weir_sliced_expand(aes->round_key, key, key_bytes);
    return true;
}

static void sliced_ctr(const struct weir_ctr *k, const uint8_t iv[16], struct weir_mspan data)
{
    weir_sliced_ctr_xor(weir_aes_key_of(k), iv, data);
}

static bool sliced_mask_init(struct weir_mask *k, enum weir_aead_id id, const uint8_t *key)
{
    struct weir_aes_key *aes = (struct weir_aes_key *)(void *)k->opaque;
    if (id == WEIR_CHACHA20_POLY1305) {
        return under.mask_init(k, id, key);
    }
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    aes->rounds = weir_sliced_expand(aes->round_key, key, weir_aead_key_bytes(id));
    return true;
}

static void sliced_mask(const struct weir_mask *k, const uint8_t sample[16], uint8_t out[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        under.mask(k, sample, out);
        return;
    }
    memset(out, 0, 16);
    weir_sliced_ctr_xor((const struct weir_aes_key *)(const void *)k->opaque, sample,
                        (struct weir_mspan){ out, 16 });
}

static void lay_generic(struct weir_crypto *c)
{
    c->aead_init = sliced_aead_init;
    c->aead_seal = sliced_seal;
    c->aead_open = sliced_open;
    c->ctr_init = sliced_ctr_init;
    c->ctr_xor = sliced_ctr;
    c->mask_init = sliced_mask_init;
    c->mask = sliced_mask;
}

#if WEIR_KERNELS_ANY

#if WEIR_KERNELS_X86
#define AES_EXPAND weir_aesni_expand
#define GCM_INIT weir_aesni_gcm_init
#else
#define AES_EXPAND weir_arm_expand
#define GCM_INIT weir_arm_gcm_init
#endif

/* -- AEAD ------------------------------------------------------------------------------------- */

static bool aead_init(struct weir_aead *k, enum weir_aead_id id, const uint8_t *key)
{
    if (id == WEIR_CHACHA20_POLY1305) {
        return under.aead_init(k, id, key);
    }
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    GCM_INIT((struct weir_gcm_key *)(void *)k->opaque, key, weir_aead_key_bytes(id));
    return true;
}

#if WEIR_KERNELS_X86

static void aesni_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                       struct weir_mspan data, uint8_t tag[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        under.aead_seal(k, nonce, aad, data, tag);
    } else {
        weir_aesni_gcm_seal(weir_gcm_key_of(k), nonce, aad, data, tag);
    }
}

static bool aesni_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                       struct weir_mspan data, const uint8_t tag[16])
{
    return k->id == WEIR_CHACHA20_POLY1305
               ? under.aead_open(k, nonce, aad, data, tag)
               : weir_aesni_gcm_open(weir_gcm_key_of(k), nonce, aad, data, tag);
}

static void vaes_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, uint8_t tag[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        under.aead_seal(k, nonce, aad, data, tag);
    } else {
        weir_vaes_gcm_seal(weir_gcm_key_of(k), nonce, aad, data, tag);
    }
}

static bool vaes_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                      struct weir_mspan data, const uint8_t tag[16])
{
    return k->id == WEIR_CHACHA20_POLY1305
               ? under.aead_open(k, nonce, aad, data, tag)
               : weir_vaes_gcm_open(weir_gcm_key_of(k), nonce, aad, data, tag);
}

#else

static void arm_seal(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                     struct weir_mspan data, uint8_t tag[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        under.aead_seal(k, nonce, aad, data, tag);
    } else {
        weir_arm_gcm_seal(weir_gcm_key_of(k), nonce, aad, data, tag);
    }
}

static bool arm_open(const struct weir_aead *k, const uint8_t nonce[12], struct weir_span aad,
                     struct weir_mspan data, const uint8_t tag[16])
{
    return k->id == WEIR_CHACHA20_POLY1305
               ? under.aead_open(k, nonce, aad, data, tag)
               : weir_arm_gcm_open(weir_gcm_key_of(k), nonce, aad, data, tag);
}

#endif

/* -- Counter mode ----------------------------------------------------------------------------- */

static bool ctr_init(struct weir_ctr *k, const uint8_t *key, size_t key_bytes)
{
    struct weir_aes_key *aes = (struct weir_aes_key *)(void *)k->opaque;
    if (key_bytes != 16 && key_bytes != 32) {
        return false;
    }
    memset(k, 0, sizeof *k);
    aes->rounds = AES_EXPAND(aes->round_key, key, key_bytes);
    return true;
}

#if WEIR_KERNELS_X86

static void aesni_ctr(const struct weir_ctr *k, const uint8_t iv[16], struct weir_mspan data)
{
    weir_aesni_ctr_xor(weir_aes_key_of(k), iv, data);
}

static void vaes_ctr(const struct weir_ctr *k, const uint8_t iv[16], struct weir_mspan data)
{
    weir_vaes_ctr_xor(weir_aes_key_of(k), iv, data);
}

#else

static void arm_ctr(const struct weir_ctr *k, const uint8_t iv[16], struct weir_mspan data)
{
    weir_arm_ctr_xor(weir_aes_key_of(k), iv, data);
}

#endif

/* -- Masks: one block of the counter mode, as if the sample were its counter ---------------------- */

#if WEIR_KERNELS_X86
#define CTR_XOR weir_aesni_ctr_xor
#else
#define CTR_XOR weir_arm_ctr_xor
#endif

static bool mask_init(struct weir_mask *k, enum weir_aead_id id, const uint8_t *key)
{
    struct weir_aes_key *aes = (struct weir_aes_key *)(void *)k->opaque;
    if (id == WEIR_CHACHA20_POLY1305) {
        return under.mask_init(k, id, key);
    }
    memset(k, 0, sizeof *k);
    k->id = (uint32_t)id;
    aes->rounds = AES_EXPAND(aes->round_key, key, weir_aead_key_bytes(id));
    return true;
}

static void mask(const struct weir_mask *k, const uint8_t sample[16], uint8_t out[16])
{
    if (k->id == WEIR_CHACHA20_POLY1305) {
        under.mask(k, sample, out);
        return;
    }
    memset(out, 0, 16);
    CTR_XOR((const struct weir_aes_key *)(const void *)k->opaque, sample,
            (struct weir_mspan){ out, 16 });
}

/* -- Hashes ----------------------------------------------------------------------------------- */

static bool is_ours(uint32_t id)
{
    return id == WEIR_SHA1 || id == WEIR_SHA256;
}

static void hash_init(struct weir_hash *h, enum weir_hash_id id)
{
    if (is_ours((uint32_t)id)) {
        weir_sha_init(h, id);
    } else {
        under.hash_init(h, id);
    }
}

static void hash_update(struct weir_hash *h, struct weir_span d)
{
    if (is_ours(h->id)) {
        weir_sha_update(h, d);
    } else {
        under.hash_update(h, d);
    }
}

static void hash_final(struct weir_hash *h, uint8_t *out)
{
    if (is_ours(h->id)) {
        weir_sha_final(h, out);
    } else {
        under.hash_final(h, out);
    }
}

static void hmac(const struct weir_hmac_key *k, const struct weir_span *part, size_t parts,
                 uint8_t *out)
{
    if (is_ours(k->inner.id)) {
        weir_sha_hmac(k, part, parts, out);
    } else {
        weir_hmac(&under, k, part, parts, out);
    }
}

/* -- The table -------------------------------------------------------------------------------- */

#if WEIR_KERNELS_X86

static void lay_packet_path(struct weir_crypto *c, enum weir_kernels_level level)
{
    c->aead_seal = level == WEIR_KERNELS_VAES ? vaes_seal : aesni_seal;
    c->aead_open = level == WEIR_KERNELS_VAES ? vaes_open : aesni_open;
    c->ctr_xor = level == WEIR_KERNELS_VAES ? vaes_ctr : aesni_ctr;
    c->ctr_hmac = weir_kernels_cpu().has_sha ? weir_shani_ctr_hmac : NULL;
    c->crc32c = weir_kernels_cpu().has_crc ? weir_sse42_crc32c : NULL;
}

#else

static void lay_packet_path(struct weir_crypto *c, enum weir_kernels_level level)
{
    (void)level; /* there is one */
    c->aead_seal = arm_seal;
    c->aead_open = arm_open;
    c->ctr_xor = arm_ctr;
    c->crc32c = weir_kernels_cpu().has_crc ? weir_arm_crc32c : NULL;
}

#endif

static void lay_best(struct weir_crypto *c, enum weir_kernels_level level)
{
    c->aead_init = aead_init;
    c->ctr_init = ctr_init;
    c->mask_init = mask_init;
    c->mask = mask;
    lay_packet_path(c, level);
    if (weir_kernels_cpu().has_sha) {
        c->hash_init = hash_init;
        c->hash_update = hash_update;
        c->hash_final = hash_final;
        c->hmac = hmac;
    }
}

#else

static void lay_best(struct weir_crypto *c, enum weir_kernels_level level)
{
    (void)c, (void)level; /* there is none but generic */
}

#endif

enum weir_kernels_level weir_kernels_select(struct weir_crypto *c, enum weir_kernels_level level)
{
    enum weir_kernels_level best = weir_kernels_best();
    level = level < best ? level : best;
    under = *c;
    if (level == WEIR_KERNELS_GENERIC) {
        lay_generic(c);
    } else {
        lay_best(c, level);
    }
    return level;
}
