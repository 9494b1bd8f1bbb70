/* Groups and shares: a key of our own in the agreed group, and the secret that it makes with the peer's
 * [RFC 8422 5.10, RFC 8446 4.2.8, draft-ietf-tls-ecdhe-mlkem].
 *
 *  1. groups   the config's list, of what the crypto provider has
 *  2. make     a key pair; the share is what the peer sees of it
 *  3. form     what can be told of a share without public-key work
 *  4. take     the peer's share and ours make the secret
 *  5. agree    the same for a hello that anybody may have sent: what comes to nothing is counted
 *
 *                 client's share             server's share             secret
 *  X25519         public key 32              public key 32              32
 *  P-256, P-384   point 65, 97               point                      32, 48
 *  the hybrid     ML-KEM key 1184, X25519    ciphertext 1088, X25519    ML-KEM's 32, X25519's 32
 *
 * Of the hybrid a server has nothing to show before it has the client's share: its ciphertext is made when
 * that is taken.
 */
#include "dtls/dtls_int.h"

/* -- 1. Groups --------------------------------------------------------------------------------- */

static bool is_available(const struct weir_crypto *c, uint16_t group)
{
    return group == WEIR_DTLS_X25519MLKEM768 ? c->kem_keygen != NULL
                                             : weir_group_public_bytes((enum weir_group)group) != 0;
}

static void keep(struct weir_dtls_config *c, const uint16_t *list, unsigned count)
{
    for (unsigned i = 0; i < count && i < WEIR_DTLS_GROUPS_MAX; i++) {
        if (is_available(c->crypto, list[i])) {
            c->group[c->groups++] = list[i];
        }
    }
}

/* Take over the config's list, or all of ours when it is empty or has none of them. */
void weir_dtls_keep_groups(struct weir_dtls_config *c, const struct weir_dtls_config *given)
{
    static const uint16_t ours[2][WEIR_DTLS_GROUPS_MAX] = {
        { WEIR_DTLS_X25519MLKEM768, WEIR_X25519, WEIR_P256, WEIR_P384 }, /* server */
        { WEIR_X25519, WEIR_P256, WEIR_P384, WEIR_DTLS_X25519MLKEM768 },
    };
    uint16_t wanted[WEIR_DTLS_GROUPS_MAX];
    memcpy(wanted, given->group, sizeof wanted); /* c and given may be the same */
    c->groups = 0;
    keep(c, wanted, given->groups);
    if (c->groups == 0) {
        keep(c, ours[c->is_client], WEIR_DTLS_GROUPS_MAX);
    }
}

uint16_t weir_dtls_group_at(const struct weir_dtls *d, unsigned index)
{
    return index < plan_of(d)->groups ? plan_of(d)->group[index] : 0;
}

bool weir_dtls_group_is_ours(const struct weir_dtls *d, uint16_t group)
{
    for (unsigned i = 0; i < plan_of(d)->groups; i++) {
        if (plan_of(d)->group[i] == group) {
            return true;
        }
    }
    return false;
}

size_t weir_dtls_share_bytes(uint16_t group, bool is_of_client)
{
    if (group == WEIR_DTLS_X25519MLKEM768) {
        return (is_of_client ? WEIR_KEM_PUBLIC_BYTES : WEIR_KEM_CIPHERTEXT_BYTES) + 32u;
    }
    return weir_group_public_bytes((enum weir_group)group);
}

/* -- 2. Make ----------------------------------------------------------------------------------- */

static bool make_key(struct weir_dtls *d, enum weir_group group, uint8_t *private_key, uint8_t *public_key)
{
    uint8_t priv[WEIR_GROUP_PRIVATE_MAX], pub[WEIR_GROUP_PUBLIC_MAX];
    bool is_made = (plan_of(d)->keys != NULL && weir_keypool_take(plan_of(d)->keys, group, priv, pub))
                   || d->config.crypto->ecdh_keygen(group, &d->rand, priv, pub);
    if (is_made) {
        memcpy(private_key, priv, weir_group_private_bytes(group));
        memcpy(public_key, pub, weir_group_public_bytes(group));
    }
    weir_wipe(priv, sizeof priv);
    return is_made;
}

static bool make_hybrid(struct weir_dtls *d)
{
    bool is_client = d->config.is_client;
    size_t before = weir_dtls_share_bytes(WEIR_DTLS_X25519MLKEM768, is_client) - 32;
    struct weir_dtls_exchange *x = exchange_of(d);
    bool is_made = !is_client || d->config.crypto->kem_keygen(&d->rand, x->private_key, x->public_key);
    return is_made && make_key(d, WEIR_X25519, x->private_key + WEIR_KEM_PRIVATE_BYTES,
                               x->public_key + before);
}

bool weir_dtls_make_share(struct weir_dtls *d)
{
    struct weir_dtls_exchange *x = exchange_of(d);
    if (x->own_group == x->group) {
        return true;
    }
    bool is_made = x->group == WEIR_DTLS_X25519MLKEM768
                       ? make_hybrid(d)
                       : make_key(d, (enum weir_group)x->group, x->private_key, x->public_key);
    x->own_group = is_made ? x->group : 0;
    return is_made;
}

/* -- 3. Form ----------------------------------------------------------------------------------- */

/* [RFC 7748 6.1] The points of small order, whose shared secret is zero whatever our key is. The highest
 * bit does not count. */
static bool is_of_small_order(const uint8_t point[32])
{
    static const uint8_t small[][32] = {
        { 0 },
        { 1 },
        { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
          0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
        { 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
          0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
        { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
        { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
        { 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    };
    uint8_t masked[32];
    memcpy(masked, point, sizeof masked);
    masked[31] &= 0x7f;
    for (unsigned i = 0; i < sizeof small / sizeof small[0]; i++) {
        if (memcmp(masked, small[i], sizeof masked) == 0) {
            return true;
        }
    }
    return false;
}

/* [FIPS 203 7.2] Each of the 768 numbers of an encapsulation key, 12 bits long, is below 3329. */
static bool is_kem_key(const uint8_t key[WEIR_KEM_PUBLIC_BYTES])
{
    enum { NUMBERS_BYTES = 1152, MODULUS = 3329 };
    for (unsigned i = 0; i < NUMBERS_BYTES; i += 3) {
        unsigned first = key[i] | (key[i + 1] & 15u) << 8;
        unsigned second = key[i + 1] >> 4 | (unsigned)key[i + 2] << 4;
        if (first >= MODULUS || second >= MODULUS) {
            return false;
        }
    }
    return true;
}

bool weir_dtls_share_is_formed(uint16_t group, bool is_of_client, struct weir_span share)
{
    if (share.n == 0 || share.n != weir_dtls_share_bytes(group, is_of_client)) {
        return false;
    }
    if (group == WEIR_P256 || group == WEIR_P384) {
        return share.p[0] == 0x04; /* [RFC 8446 4.2.8.2] uncompressed */
    }
    return !is_of_small_order(share.p + share.n - 32)
           && (group != WEIR_DTLS_X25519MLKEM768 || !is_of_client || is_kem_key(share.p));
}

/* -- 4. Take ----------------------------------------------------------------------------------- */

static bool take_key(struct weir_dtls *d, enum weir_group group, const uint8_t *private_key,
                     struct weir_span share, uint8_t *out)
{
    uint8_t shared[WEIR_GROUP_SHARED_MAX];
    bool is_good = share.n == weir_group_public_bytes(group)
                   && d->config.crypto->ecdh_shared(group, &d->rand, private_key, share, shared);
    if (is_good) {
        memcpy(out, shared, weir_group_shared_bytes(group));
    }
    weir_wipe(shared, sizeof shared);
    return is_good;
}

static bool take_hybrid(struct weir_dtls *d, struct weir_span share)
{
    const struct weir_crypto *c = d->config.crypto;
    size_t before = weir_dtls_share_bytes(WEIR_DTLS_X25519MLKEM768, !d->config.is_client) - 32;
    struct weir_dtls_exchange *x = exchange_of(d);
    if (share.n != before + 32) {
        return false;
    }
    bool is_good = d->config.is_client ? c->kem_decapsulate(x->private_key, share.p, x->premaster)
                                       : c->kem_encapsulate(&d->rand, share.p, x->public_key, x->premaster);
    return is_good
           && take_key(d, WEIR_X25519, x->private_key + WEIR_KEM_PRIVATE_BYTES,
                       weir_span_of(share.p + before, 32), x->premaster + WEIR_KEM_SHARED_BYTES);
}

/* [RFC 8422 5.11 MUST, RFC 8446 7.4.2 MUST] The provider refuses points off the curve and the all-zero
 * secret, and an encapsulation key that is none [FIPS 203 7.2]. */
bool weir_dtls_take_share(struct weir_dtls *d, struct weir_span share)
{
    struct weir_dtls_exchange *x = exchange_of(d);
    enum weir_group group = (enum weir_group)x->group;
    if (!weir_dtls_share_is_formed(x->group, !d->config.is_client, share)) {
        return false;
    }
    d->group = x->group;
    if (x->group == WEIR_DTLS_X25519MLKEM768) {
        x->premaster_bytes = WEIR_KEM_SHARED_BYTES + 32;
        return take_hybrid(d, share);
    }
    x->premaster_bytes = (uint16_t)weir_group_shared_bytes(group);
    return take_key(d, group, x->private_key, share, x->premaster);
}

/* -- 5. Agree ---------------------------------------------------------------------------------- */

/* Before anybody is authenticated: the form first, then a look at what was wasted so far, by this
 * connection and by all together, and only then a key. A good share costs nothing of either bound. */
enum weir_dtls_verdict weir_dtls_agree_share(struct weir_dtls *d, weir_time now, struct weir_span share)
{
    struct weir_budget *all = plan_of(d)->work;
    if (!weir_dtls_share_is_formed(exchange_of(d)->group, true, share)) {
        return WEIR_DTLS_KEY_SHARE;
    }
    if (!weir_budget_has(&d->work, now) || (all != NULL && !weir_budget_has(all, now))) {
        return WEIR_DTLS_HELLO_BUSY;
    }
    if (!weir_dtls_make_share(d)) {
        return WEIR_DTLS_CRYPTO;
    }
    if (weir_dtls_take_share(d, share)) {
        return WEIR_DTLS_OK;
    }
    weir_budget_spend(&d->work, now);
    if (all != NULL) {
        weir_budget_spend(all, now);
    }
    return WEIR_DTLS_KEY_SHARE;
}
