/* SHA-1 and SHA-256 over the compression functions [FIPS 180-4 5, 6], and HMAC in one call.
 *
 * A hash in progress is the eight words, how many bytes went in, and the bytes of a block that is not
 * full. Whole blocks are taken where they lie. HMAC begins from the two states that the key holds and
 * makes the second, outer hash of one block that is laid out at once.
 */
#include "core/kernels/kernels_int.h"

#if WEIR_KERNELS_ANY

#if WEIR_KERNELS_X86
#define SHA1_BLOCKS weir_shani_sha1
#define SHA256_BLOCKS weir_shani_sha256
#else
#define SHA1_BLOCKS weir_arm_sha1
#define SHA256_BLOCKS weir_arm_sha256
#endif

#define BLOCK WEIR_SHA_BLOCK

static const uint32_t sha1_begin[8] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
static const uint32_t sha256_begin[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

static inline void compress(bool is_sha1, uint32_t state[8], const uint8_t *p, size_t blocks)
{
    if (is_sha1) {
        SHA1_BLOCKS(state, p, blocks);
    } else {
        SHA256_BLOCKS(state, p, blocks);
    }
}

static inline void absorb(bool is_sha1, struct weir_sha *s, struct weir_span d)
{
    size_t have = s->bytes % BLOCK;
    s->bytes += d.n;
    if (have != 0) {
        size_t take = d.n < BLOCK - have ? d.n : BLOCK - have;
        weir_copy(s->block + have, d.p, take);
        if (have + take < BLOCK) {
            return;
        }
        compress(is_sha1, s->state, s->block, 1);
        d.p += take;
        d.n -= take;
    }
    if (d.n >= BLOCK) {
        compress(is_sha1, s->state, d.p, d.n / BLOCK);
        d.p += d.n / BLOCK * BLOCK;
        d.n %= BLOCK;
    }
    weir_copy(s->block, d.p, d.n);
}

static void put_state(const uint32_t state[8], uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes / 4; i++) {
        weir_put32(out + 4 * i, state[i]);
    }
}

/* One bit, zeros, and the length in bits at the end of a block. */
static void finish(bool is_sha1, struct weir_sha *s, uint8_t *out)
{
    size_t have = s->bytes % BLOCK;
    s->block[have++] = 0x80;
    if (have > BLOCK - 8) {
        memset(s->block + have, 0, BLOCK - have);
        compress(is_sha1, s->state, s->block, 1);
        have = 0;
    }
    memset(s->block + have, 0, BLOCK - 8 - have);
    weir_put64(s->block + BLOCK - 8, s->bytes * 8);
    compress(is_sha1, s->state, s->block, 1);
    put_state(s->state, out, is_sha1 ? 20 : 32);
}

/* -- The rows of the table --------------------------------------------------------------------- */

static struct weir_sha *sha_of(struct weir_hash *h)
{
    return (struct weir_sha *)(void *)h->opaque;
}

void weir_sha_init(struct weir_hash *h, enum weir_hash_id id)
{
    memset(h, 0, sizeof *h);
    h->id = (uint32_t)id;
    memcpy(sha_of(h)->state, id == WEIR_SHA1 ? sha1_begin : sha256_begin, sizeof sha1_begin);
}

void weir_sha_update(struct weir_hash *h, struct weir_span d)
{
    absorb(h->id == WEIR_SHA1, sha_of(h), d);
}

void weir_sha_final(struct weir_hash *h, uint8_t *out)
{
    finish(h->id == WEIR_SHA1, sha_of(h), out);
    weir_wipe(sha_of(h), sizeof(struct weir_sha));
}

/* -- HMAC [RFC 2104] --------------------------------------------------------------------------- */

/* The inner hash, begun in s, absorbs the last parts; the outer one is a single block more. */
static inline void hmac_end(bool is_sha1, struct weir_sha *s, const struct weir_sha *outer,
                            const struct weir_span *part, size_t parts, uint8_t *out)
{
    size_t digest_bytes = is_sha1 ? 20 : 32;
    for (size_t i = 0; i < parts; i++) {
        absorb(is_sha1, s, part[i]);
    }
    finish(is_sha1, s, s->block);
    memcpy(s->state, outer->state, sizeof s->state);
    s->block[digest_bytes] = 0x80;
    memset(s->block + digest_bytes + 1, 0, BLOCK - 8 - digest_bytes - 1);
    weir_put64(s->block + BLOCK - 8, (BLOCK + digest_bytes) * 8);
    compress(is_sha1, s->state, s->block, 1);
    put_state(s->state, out, digest_bytes);
    weir_wipe(s, sizeof *s);
}

void weir_sha_hmac_begin(const struct weir_hmac_key *k, struct weir_sha *s)
{
    const struct weir_sha *inner = (const struct weir_sha *)(const void *)k->inner.opaque;
    memcpy(s->state, inner->state, sizeof s->state);
    s->bytes = inner->bytes; /* the padded key, one block */
}

void weir_sha_hmac_end(const struct weir_hmac_key *k, struct weir_sha *s,
                       const struct weir_span *part, size_t parts, uint8_t *out)
{
    const struct weir_sha *outer = (const struct weir_sha *)(const void *)k->outer.opaque;
    if (k->inner.id == WEIR_SHA1) {
        hmac_end(true, s, outer, part, parts, out);
    } else {
        hmac_end(false, s, outer, part, parts, out);
    }
}

void weir_sha_hmac(const struct weir_hmac_key *k, const struct weir_span *part, size_t parts,
                   uint8_t *out)
{
    struct weir_sha s;
    weir_sha_hmac_begin(k, &s);
    weir_sha_hmac_end(k, &s, part, parts, out);
}

#endif
