/* Seeded random bytes: the ChaCha20 block function with fast key erasure.
 *
 * Every machine draws from a generator that its config seeds. The same seed and the same inputs
 * give the same bytes out, which is what tests, replay and fuzzing stand on. In production the
 * seed comes from the operating system; the generator is as strong as its seed, and what it gave
 * out cannot be computed back from its state.
 *
 * A process that forks has two copies of every generator, and both will give the same bytes: the same keys,
 * the same nonces. Either only one of the two goes on with what there was before, or the other one calls
 * weir_rand_stir with fresh bytes of the operating system for each generator that it uses; machines that
 * were seeded before (a struct weir_dtls, a node) stay with one of the two.
 */
#ifndef WEIR_CORE_RAND_H
#define WEIR_CORE_RAND_H

#include "core/base.h"

#define WEIR_SEED_BYTES 32

struct weir_rand {
    uint32_t key[8];
    uint8_t pool[64]; /* what the last block left to give: its last `left` bytes */
    uint32_t left;
};

/* Start from 32 bytes of seed. The caller wipes its copy. */
WEIR_API void weir_rand_init(struct weir_rand *r, const uint8_t seed[WEIR_SEED_BYTES]);

/* Start from a small number, for tests and simulations only: a number is not a secret. */
WEIR_API void weir_rand_init_number(struct weir_rand *r, uint64_t number);

/* Mix fresh bytes into the state, and forget what was ready to be given out: after a fork. What the
 * generator gives from then on is as strong as the stronger of the two. */
WEIR_API void weir_rand_stir(struct weir_rand *r, const uint8_t seed[WEIR_SEED_BYTES]);

/* A generator of its own for a part, so that parts do not disturb each other's sequence. */
WEIR_API void weir_rand_fork(struct weir_rand *parent, struct weir_rand *child);

WEIR_API void weir_rand_bytes(struct weir_rand *r, void *out, size_t n);
WEIR_API uint32_t weir_rand_u32(struct weir_rand *r);
WEIR_API uint64_t weir_rand_u64(struct weir_rand *r);

/* Uniform in [0, bound); bound at least 1. */
WEIR_API uint32_t weir_rand_below(struct weir_rand *r, uint32_t bound);

/* n characters of the ICE alphabet without '+' and '/', which some peers mangle: 5.95 bits each.
 * Not terminated. */
WEIR_API void weir_rand_text(struct weir_rand *r, char *out, size_t n);

#endif
