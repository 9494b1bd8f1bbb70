/* Ephemeral keys made ahead of need. A key is handed out once and wiped here; none is ever used again, and
 * none is kept when the pool is closed. Making one takes tens to hundreds of microseconds of
 * public-key work, which belongs into idle time and not into a handshake. */
#ifndef WEIR_CORE_KEYPOOL_H
#define WEIR_CORE_KEYPOOL_H

#include "core/crypto.h"

#define WEIR_KEYPOOL_KEYS 16 /* handshakes that may begin at once without waiting: 64 bytes each */

/* X25519 alone: what browsers and we ourselves prefer. */
struct weir_keypool {
    const struct weir_crypto *crypto;
    struct weir_rand rand;
    uint32_t count;
    uint8_t private_key[WEIR_KEYPOOL_KEYS][32];
    uint8_t public_key[WEIR_KEYPOOL_KEYS][32];
    uint64_t taken, missed; /* keys handed out; times there was none */
};

/* Begin empty. The generator is the pool's own, forked off `parent`. */
WEIR_API void weir_keypool_init(struct weir_keypool *p, const struct weir_crypto *crypto,
                                struct weir_rand *parent);
WEIR_API void weir_keypool_deinit(struct weir_keypool *p);

/* Make one key; false when the pool is full or the provider failed. */
WEIR_API bool weir_keypool_refill(struct weir_keypool *p);

/* Take a key out; false when there is none of this group. */
WEIR_MUST_CHECK WEIR_API bool weir_keypool_take(struct weir_keypool *p, enum weir_group group,
                                                uint8_t private_key[WEIR_GROUP_PRIVATE_MAX],
                                                uint8_t public_key[WEIR_GROUP_PUBLIC_MAX]);

#endif
