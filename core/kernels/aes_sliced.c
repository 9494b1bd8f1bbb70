/* AES [FIPS 197] in bit slices: no table, no branch and no address that depends on key or data.
 *
 * One call encrypts as many blocks as a lane has room for (sliced_int.h has the layout):
 *
 * 1. slice: the bytes of the blocks become eight lanes, one for each bit.
 * 2. substitute: the S-box as a circuit of and and xor, on all bytes at once: the straight-line program of
 *    115 gates by J. Boyar and R. Peralta, "A new combinational logic minimization technique with
 *    applications to cryptology" (2010).
 * 3. mix: rows stay where they are. Instead of shifting row r by r columns in every round, the columns are
 *    mixed along the diagonal on which the bytes of one would stand ("fixslicing", A. Adomnicai and
 *    T. Peyrin, 2021): after n rounds the byte of row r and column c stands in column c + nr. Each
 *    round key is stored with its bytes at the same places.
 * 4. after 10 or 14 rounds, which leaves two shifts undone: straighten, and back to bytes.
 *
 * The four negations of the S-box are not done: they are the constant 63 over all bytes, which mixing
 * leaves as it is, and every round key but the first has it in it. A round key is stored packed, 16 bytes
 * like any other, and spread to all blocks once for each stream. */
#include "core/kernels/sliced_int.h"

#define BLOCKS WEIR_SLICED_BLOCKS
#define COLUMN BLOCKS       /* bits from one column to the next */
#define ROW (4 * BLOCKS)    /* bits from one row to the next */
#define EVERY(bits) ((weir_lane) ~(weir_lane)0 / (((weir_lane)1 << (bits)) - 1)) /* one bit in so many */

/* -- The S-box --------------------------------------------------------------------------------- */

/* The names are those of the paper: inputs x (the highest bit is 0), y of the linear layer above,
 * products z, outputs s. The result still lacks the constant 63. */
static void substitute(weir_lane q[8])
{
    const weir_lane x0 = q[7], x1 = q[6], x2 = q[5], x3 = q[4], x4 = q[3], x5 = q[2], x6 = q[1], x7 = q[0];
    const weir_lane y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5;
    const weir_lane t0 = x1 ^ x2, y1 = t0 ^ x7, y4 = y1 ^ x3, y12 = y13 ^ y14;
    const weir_lane y2 = y1 ^ x0, y5 = y1 ^ x6, y3 = y5 ^ y8;
    const weir_lane t1 = x4 ^ y12, y15 = t1 ^ x5, y20 = t1 ^ x1;
    const weir_lane y6 = y15 ^ x7, y10 = y15 ^ t0, y11 = y20 ^ y9, y7 = x7 ^ y11;
    const weir_lane y17 = y10 ^ y11, y19 = y10 ^ y8, y16 = t0 ^ y11, y21 = y13 ^ y16, y18 = x0 ^ y16;

    /* The inverse in GF(2^8), by way of GF(2^4). */
    const weir_lane t2 = y12 & y15, t3 = y3 & y6, t4 = t3 ^ t2, t5 = y4 & x7, t6 = t5 ^ t2;
    const weir_lane t7 = y13 & y16, t8 = y5 & y1, t9 = t8 ^ t7, t10 = y2 & y7, t11 = t10 ^ t7;
    const weir_lane t12 = y9 & y11, t13 = y14 & y17, t14 = t13 ^ t12, t15 = y8 & y10, t16 = t15 ^ t12;
    const weir_lane t17 = t4 ^ t14, t18 = t6 ^ t16, t19 = t9 ^ t14, t20 = t11 ^ t16;
    const weir_lane t21 = t17 ^ y20, t22 = t18 ^ y19, t23 = t19 ^ y21, t24 = t20 ^ y18;
    const weir_lane t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26, t28 = t25 & t27, t29 = t28 ^ t22;
    const weir_lane t30 = t23 ^ t24, t31 = t22 ^ t26, t32 = t31 & t30, t33 = t32 ^ t24;
    const weir_lane t34 = t23 ^ t33, t35 = t27 ^ t33, t36 = t24 & t35, t37 = t36 ^ t34;
    const weir_lane t38 = t27 ^ t36, t39 = t29 & t38, t40 = t25 ^ t39;
    const weir_lane t41 = t40 ^ t37, t42 = t29 ^ t33, t43 = t29 ^ t40, t44 = t33 ^ t37, t45 = t42 ^ t41;
    const weir_lane z0 = t44 & y15, z1 = t37 & y6, z2 = t33 & x7, z3 = t43 & y16, z4 = t40 & y1;
    const weir_lane z5 = t29 & y7, z6 = t42 & y11, z7 = t45 & y17, z8 = t41 & y10, z9 = t44 & y12;
    const weir_lane z10 = t37 & y3, z11 = t33 & y4, z12 = t43 & y13, z13 = t40 & y5, z14 = t29 & y2;
    const weir_lane z15 = t42 & y9, z16 = t45 & y14, z17 = t41 & y8;

    /* The linear layer below, which is also the affine map of the S-box. */
    const weir_lane t46 = z15 ^ z16, t47 = z10 ^ z11, t48 = z5 ^ z13, t49 = z9 ^ z10, t50 = z2 ^ z12;
    const weir_lane t51 = z2 ^ z5, t52 = z7 ^ z8, t53 = z0 ^ z3, t54 = z6 ^ z7, t55 = z16 ^ z17;
    const weir_lane t56 = z12 ^ t48, t57 = t50 ^ t53, t58 = z4 ^ t46, t59 = z3 ^ t54, t60 = t46 ^ t57;
    const weir_lane t61 = z14 ^ t57, t62 = t52 ^ t58, t63 = t49 ^ t58, t64 = z4 ^ t59, t65 = t61 ^ t62;
    const weir_lane t66 = z1 ^ t63, t67 = t64 ^ t65, s3 = t53 ^ t66;
    q[7] = t59 ^ t63;
    q[6] = t64 ^ s3; /* negated in the paper, as are q[5], q[1] and q[0] */
    q[5] = t55 ^ t67;
    q[4] = s3;
    q[3] = t51 ^ t66;
    q[2] = t47 ^ t65;
    q[1] = t56 ^ t62;
    q[0] = t48 ^ t60;
}

#define SUBSTITUTE_LACKS 0x63

/* -- Columns ----------------------------------------------------------------------------------- */

static inline weir_lane turn(weir_lane x, unsigned n)
{
    n %= WEIR_SLICED_BITS;
    return n == 0 ? x : x >> n | x << (WEIR_SLICED_BITS - n);
}

/* At every place the bit that stands `rows` below and `columns` to the right, both taken round; a column
 * beyond the last is in the next row, so from there it is looked for one row above. */
static inline weir_lane look(weir_lane x, unsigned rows, unsigned columns)
{
    const weir_lane inside = (((weir_lane)1 << COLUMN * (4 - columns)) - 1) * EVERY(ROW);
    if (columns == 0) {
        return turn(x, ROW * rows);
    }
    return (turn(x, ROW * rows + COLUMN * columns) & inside)
           | (turn(x, ROW * (rows - 1) + COLUMN * columns) & ~inside);
}

/* Mix columns that lie along a diagonal: one row down, `slant` columns to the right. With t the sum of a
 * byte and the one below it, the new byte is 2t, the byte below, and the t of two rows below; what leaves
 * 2t at the top comes back as the polynomial 1b. Called with a constant alone. */
static inline void mix(weir_lane q[8], unsigned slant)
{
    const unsigned twice = 2 * slant % 4;
    const weir_lane n0 = look(q[0], 1, slant), n1 = look(q[1], 1, slant), n2 = look(q[2], 1, slant);
    const weir_lane n3 = look(q[3], 1, slant), n4 = look(q[4], 1, slant), n5 = look(q[5], 1, slant);
    const weir_lane n6 = look(q[6], 1, slant), n7 = look(q[7], 1, slant);
    const weir_lane t0 = q[0] ^ n0, t1 = q[1] ^ n1, t2 = q[2] ^ n2, t3 = q[3] ^ n3;
    const weir_lane t4 = q[4] ^ n4, t5 = q[5] ^ n5, t6 = q[6] ^ n6, t7 = q[7] ^ n7;
    q[0] = t7 ^ n0 ^ look(t0, 2, twice);
    q[1] = t0 ^ t7 ^ n1 ^ look(t1, 2, twice);
    q[2] = t1 ^ n2 ^ look(t2, 2, twice);
    q[3] = t2 ^ t7 ^ n3 ^ look(t3, 2, twice);
    q[4] = t3 ^ t7 ^ n4 ^ look(t4, 2, twice);
    q[5] = t4 ^ n5 ^ look(t5, 2, twice);
    q[6] = t5 ^ n6 ^ look(t6, 2, twice);
    q[7] = t6 ^ n7 ^ look(t7, 2, twice);
}

/* Rows 1 and 3 lie two columns off. */
static weir_lane straighten(weir_lane x)
{
    const weir_lane odd_rows = (((weir_lane)1 << ROW) - 1) * (EVERY(2 * ROW) << ROW);
    return (x & ~odd_rows) | (look(x, 0, 2) & odd_rows);
}

/* -- Bytes to lanes and back ------------------------------------------------------------------- */

static uint32_t word(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_word(uint8_t *p, uint32_t w)
{
    p[0] = (uint8_t)w;
    p[1] = (uint8_t)(w >> 8);
    p[2] = (uint8_t)(w >> 16);
    p[3] = (uint8_t)(w >> 24);
}

/* Exchange bit i + n of *a with bit i of *b, for every i in the mask. */
static inline void exchange(weir_lane *a, weir_lane *b, unsigned n, weir_lane mask)
{
    weir_lane t = (*a >> n ^ *b) & mask;
    *b ^= t;
    *a ^= t << n;
}

/* Bit b of every byte of lane w becomes bit w of the same byte of lane b; its own inverse. */
static void transpose(weir_lane q[8])
{
    for (unsigned w = 0; w < 8; w += 2) {
        exchange(&q[w], &q[w + 1], 1, EVERY(8) * 0x55);
    }
    for (unsigned w = 0; w < 8; w += w % 2 == 0 ? 1 : 3) {
        exchange(&q[w], &q[w + 2], 2, EVERY(8) * 0x33);
    }
    for (unsigned w = 0; w < 4; w++) {
        exchange(&q[w], &q[w + 4], 4, EVERY(8) * 0x0f);
    }
}

#if WEIR_SLICED_BITS == 64

/* The four bytes of a column to every other byte, and back. */
static weir_lane spread(uint32_t w)
{
    weir_lane x = w;
    x = (x | x << 16) & 0x0000ffff0000ffff;
    return (x | x << 8) & 0x00ff00ff00ff00ff;
}

static uint32_t gather(weir_lane x)
{
    x &= 0x00ff00ff00ff00ff;
    x = (x | x >> 8) & 0x0000ffff0000ffff;
    return (uint32_t)(x | x >> 16);
}

/* Before transposing, lane 4(c % 2) + k has column c of block k in its bytes 2r + c / 2. */
static void slice(weir_lane q[8], const uint8_t *block)
{
    for (unsigned k = 0; k < 4; k++) {
        const uint8_t *p = block + (size_t)16 * k;
        q[k] = spread(word(p)) | spread(word(p + 8)) << 8;
        q[4 + k] = spread(word(p + 4)) | spread(word(p + 12)) << 8;
    }
    transpose(q);
}

static void unslice(weir_lane q[8], uint8_t *block)
{
    transpose(q);
    for (unsigned k = 0; k < 4; k++) {
        uint8_t *p = block + (size_t)16 * k;
        put_word(p, gather(q[k]));
        put_word(p + 4, gather(q[4 + k]));
        put_word(p + 8, gather(q[k] >> 8));
        put_word(p + 12, gather(q[4 + k] >> 8));
    }
}

#else

/* Before transposing, lane 2c + k is column c of block k. */
static void slice(weir_lane q[8], const uint8_t *block)
{
    for (unsigned w = 0; w < 8; w++) {
        q[w] = word(block + (size_t)16 * (w % 2) + (size_t)4 * (w / 2));
    }
    transpose(q);
}

static void unslice(weir_lane q[8], uint8_t *block)
{
    transpose(q);
    for (unsigned w = 0; w < 8; w++) {
        put_word(block + (size_t)16 * (w % 2) + (size_t)4 * (w / 2), q[w]);
    }
}

#endif

/* -- Keys [FIPS 197 5.2] ----------------------------------------------------------------------- */

#define LANES_PACKED (8 / BLOCKS) /* of 16 bytes together */

static uint32_t substitute_word(uint32_t w)
{
    weir_lane q[8];
    uint32_t out = 0;
    for (unsigned b = 0; b < 8; b++) {
        q[b] = w >> b & 0x01010101;
    }
    substitute(q);
    for (unsigned b = 0; b < 8; b++) {
        out |= ((uint32_t)q[b] & 0x01010101) << b;
    }
    weir_wipe(q, sizeof q);
    return out ^ 0x01010101u * SUBSTITUTE_LACKS;
}

/* A round key as it is stored: its bytes where those of the state stand by then, in lanes of the first
 * block, each pushed beside the one before it. */
static void pack(uint8_t out[16], const uint32_t key[4], unsigned round)
{
    uint8_t block[16 * BLOCKS] = { 0 };
    weir_lane q[8], packed[LANES_PACKED] = { 0 };
    for (unsigned i = 0; i < 16; i++) {
        unsigned row = i % 4, column = (i / 4 + round * row) % 4;
        uint8_t byte = (uint8_t)(key[i / 4] >> 8 * row);
        block[4 * column + row] = (uint8_t)(round == 0 ? byte : byte ^ SUBSTITUTE_LACKS);
    }
    slice(q, block);
    for (unsigned b = 0; b < 8; b++) {
        packed[b / BLOCKS] |= q[b] << b % BLOCKS;
    }
    memcpy(out, packed, 16);
    weir_wipe(block, sizeof block);
    weir_wipe(q, sizeof q);
    weir_wipe(packed, sizeof packed);
}

uint32_t weir_sliced_expand(uint8_t round_key[WEIR_AES_ROUND_KEYS_MAX][16], const uint8_t *key,
                            size_t key_bytes)
{
    uint32_t w[4 * WEIR_AES_ROUND_KEYS_MAX];
    const unsigned words = (unsigned)key_bytes / 4, rounds = words + 6;
    uint32_t constant = 1;
    for (unsigned i = 0; i < words; i++) {
        w[i] = word(key + (size_t)4 * i);
    }
    for (unsigned i = words; i < 4 * (rounds + 1); i++) {
        uint32_t t = w[i - 1];
        if (i % words == 0) {
            t = substitute_word(t >> 8 | t << 24) ^ constant;
            constant = constant << 1 ^ (constant >> 7) * 0x11b;
        } else if (i % words == 4) { /* 32 bytes alone: 16 have no fifth word */
            t = substitute_word(t);
        }
        w[i] = w[i - words] ^ t;
    }
    for (unsigned r = 0; r <= rounds; r++) {
        pack(round_key[r], w + (size_t)4 * r, r);
    }
    weir_wipe(w, sizeof w);
    return rounds;
}

/* -- The cipher -------------------------------------------------------------------------------- */

static inline void add(weir_lane q[8], const weir_lane key[8])
{
    for (unsigned b = 0; b < 8; b++) {
        q[b] ^= key[b];
    }
}

/* One key stream of as many blocks as there are in a lane. */
static void more(struct weir_sliced_stream *s)
{
    weir_lane(*key)[8] = s->round_key;
    uint32_t count = weir_be32(s->counter + 12);
    weir_lane q[8];
    for (unsigned k = 0; k < BLOCKS; k++) {
        memcpy(s->stream + (size_t)16 * k, s->counter, 12);
        weir_put32(s->stream + (size_t)16 * k + 12, count++);
    }
    weir_put32(s->counter + 12, count);
    s->ready = sizeof s->stream;
    slice(q, s->stream);
    add(q, key[0]);
    for (unsigned r = 1;; r += 4) { /* 10 = 4 + 4 + 2, 14 = 4 + 4 + 4 + 2 */
        substitute(q);
        mix(q, 1);
        add(q, key[r]);
        substitute(q);
        if (r + 1 == s->rounds) {
            break;
        }
        mix(q, 2);
        add(q, key[r + 1]);
        substitute(q);
        mix(q, 3);
        add(q, key[r + 2]);
        substitute(q);
        mix(q, 0);
        add(q, key[r + 3]);
    }
    add(q, key[s->rounds]);
    for (unsigned b = 0; b < 8; b++) {
        q[b] = straighten(q[b]);
    }
    unslice(q, s->stream);
    weir_wipe(q, sizeof q);
}

void weir_sliced_begin(struct weir_sliced_stream *s, const struct weir_aes_key *k, const uint8_t iv[16])
{
    for (unsigned r = 0; r <= k->rounds; r++) {
        weir_lane packed[LANES_PACKED];
        memcpy(packed, k->round_key[r], 16);
        for (unsigned b = 0; b < 8; b++) { /* one bit of each BLOCKS, then that bit BLOCKS times */
            weir_lane one = packed[b / BLOCKS] >> b % BLOCKS & EVERY(BLOCKS);
            s->round_key[r][b] = (one << BLOCKS) - one;
        }
    }
    s->rounds = k->rounds;
    s->ready = 0;
    memcpy(s->counter, iv, 16);
}

static void xor_bytes(uint8_t *p, const uint8_t *stream, size_t n)
{
    for (; n >= 8; n -= 8) {
        uint64_t a, b;
        memcpy(&a, p, 8);
        memcpy(&b, stream, 8);
        a ^= b;
        memcpy(p, &a, 8);
        p += 8;
        stream += 8;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] ^= stream[i];
    }
}

void weir_sliced_xor(struct weir_sliced_stream *s, struct weir_mspan data)
{
    while (data.n != 0) {
        if (s->ready == 0) {
            more(s);
        }
        size_t n = data.n < s->ready ? data.n : s->ready;
        xor_bytes(data.p, s->stream + sizeof s->stream - s->ready, n);
        s->ready -= (uint32_t)n;
        data.p += n;
        data.n -= n;
    }
}

void weir_sliced_end(struct weir_sliced_stream *s)
{
    weir_wipe(s, sizeof *s);
}
