/* Ephemeral keys made ahead of need. */
#include "core/keypool.h"

void weir_keypool_init(struct weir_keypool *p, const struct weir_crypto *crypto,
                       struct weir_rand *parent)
{
    memset(p, 0, sizeof *p);
    p->crypto = crypto;
    weir_rand_fork(parent, &p->rand);
}

void weir_keypool_deinit(struct weir_keypool *p)
{
    weir_wipe(p, sizeof *p);
}

bool weir_keypool_refill(struct weir_keypool *p)
{
    uint8_t private_key[WEIR_GROUP_PRIVATE_MAX], public_key[WEIR_GROUP_PUBLIC_MAX];
    if (p->count == WEIR_KEYPOOL_KEYS
        || !p->crypto->ecdh_keygen(WEIR_X25519, &p->rand, private_key, public_key)) {
        return false;
    }
    memcpy(p->private_key[p->count], private_key, 32);
    memcpy(p->public_key[p->count], public_key, 32);
    p->count++;
    weir_wipe(private_key, sizeof private_key);
    return true;
}

bool weir_keypool_take(struct weir_keypool *p, enum weir_group group,
                       uint8_t private_key[WEIR_GROUP_PRIVATE_MAX],
                       uint8_t public_key[WEIR_GROUP_PUBLIC_MAX])
{
    if (group != WEIR_X25519) {
        return false;
    }
    if (p->count == 0) {
        p->missed++;
        return false;
    }
    p->count--;
    p->taken++;
    memcpy(private_key, p->private_key[p->count], 32);
    memcpy(public_key, p->public_key[p->count], 32);
    weir_wipe(p->private_key[p->count], 32);
    return true;
}
