/* ChaCha20 with fast key erasure: each block is 64 bytes; the first 32 become the next key, the
 * rest are given out, so a later look at the state tells nothing about earlier output. */
#include "core/rand.h"

static uint32_t rotl(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static void quarter(uint32_t s[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 7);
}

static void refill(struct weir_rand *r)
{
    uint32_t in[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
    uint32_t s[16];
    memcpy(in + 4, r->key, sizeof r->key);
    memcpy(s, in, sizeof s);
    for (int round = 0; round < 10; round++) {
        quarter(s, 0, 4, 8, 12);
        quarter(s, 1, 5, 9, 13);
        quarter(s, 2, 6, 10, 14);
        quarter(s, 3, 7, 11, 15);
        quarter(s, 0, 5, 10, 15);
        quarter(s, 1, 6, 11, 12);
        quarter(s, 2, 7, 8, 13);
        quarter(s, 3, 4, 9, 14);
    }
    for (unsigned i = 0; i < 16; i++) {
        s[i] += in[i];
    }
    memcpy(r->key, s, sizeof r->key);
    for (unsigned i = 8; i < 16; i++) {
        weir_put32(r->pool + 4 * i, s[i]);
    }
    r->left = 32;
    weir_wipe(s, sizeof s);
    weir_wipe(in, sizeof in);
}

void weir_rand_init(struct weir_rand *r, const uint8_t seed[WEIR_SEED_BYTES])
{
    memset(r, 0, sizeof *r);
    for (unsigned i = 0; i < 8; i++) {
        r->key[i] = weir_be32(seed + 4 * i);
    }
}

void weir_rand_init_number(struct weir_rand *r, uint64_t number)
{
    uint8_t seed[WEIR_SEED_BYTES] = { 0 };
    weir_put64(seed, number);
    weir_rand_init(r, seed);
}

void weir_rand_stir(struct weir_rand *r, const uint8_t seed[WEIR_SEED_BYTES])
{
    for (unsigned i = 0; i < 8; i++) {
        r->key[i] ^= weir_be32(seed + 4 * i);
    }
    refill(r); /* the new key is a block of the mixture; what that gave besides is not given out */
    weir_wipe(r->pool, sizeof r->pool);
    r->left = 0;
}

void weir_rand_fork(struct weir_rand *parent, struct weir_rand *child)
{
    uint8_t seed[WEIR_SEED_BYTES];
    weir_rand_bytes(parent, seed, sizeof seed);
    weir_rand_init(child, seed);
    weir_wipe(seed, sizeof seed);
}

void weir_rand_bytes(struct weir_rand *r, void *out, size_t n)
{
    uint8_t *to = (uint8_t *)out;
    while (n != 0) {
        if (r->left == 0) {
            refill(r);
        }
        size_t take = n < r->left ? n : r->left;
        uint8_t *from = r->pool + sizeof r->pool - r->left;
        memcpy(to, from, take);
        weir_wipe(from, take);
        r->left -= (uint32_t)take;
        to += take;
        n -= take;
    }
}

uint32_t weir_rand_u32(struct weir_rand *r)
{
    uint8_t b[4];
    weir_rand_bytes(r, b, sizeof b);
    return weir_be32(b);
}

uint64_t weir_rand_u64(struct weir_rand *r)
{
    uint8_t b[8];
    weir_rand_bytes(r, b, sizeof b);
    return weir_be64(b);
}

uint32_t weir_rand_below(struct weir_rand *r, uint32_t bound)
{
    /* Reject the few values that would make some results likelier than others. */
    uint32_t reject_under = (0u - bound) % bound;
    uint32_t v;
    do {
        v = weir_rand_u32(r);
    } while (v < reject_under);
    return v % bound;
}

void weir_rand_text(struct weir_rand *r, char *out, size_t n)
{
    static const char letter[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < n; i++) {
        out[i] = letter[weir_rand_below(r, sizeof letter - 1)];
    }
}
