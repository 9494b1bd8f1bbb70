/* Groups and shares: a key of our own in the agreed group, and the secret that it makes with the peer's
 * [RFC 8422 5.10, RFC 8446 4.2.8, draft-ietf-tls-ecdhe-mlkem].
 *
 *  1. groups   the config's list, of what the crypto provider has
 *  2. make     a key pair; the share is what the peer sees of it
 *  3. take     the peer's share and ours make the secret
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
    return index < d->config.groups ? d->config.group[index] : 0;
}

bool weir_dtls_group_is_ours(const struct weir_dtls *d, uint16_t group)
{
    for (unsigned i = 0; i < d->config.groups; i++) {
        if (d->config.group[i] == group) {
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
    bool is_made = (d->config.keys != NULL && weir_keypool_take(d->config.keys, group, priv, pub))
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
    bool is_made = !is_client
                   || d->config.crypto->kem_keygen(&d->rand, d->hs.private_key, d->hs.public_key);
    return is_made && make_key(d, WEIR_X25519, d->hs.private_key + WEIR_KEM_PRIVATE_BYTES,
                               d->hs.public_key + before);
}

bool weir_dtls_make_share(struct weir_dtls *d)
{
    if (d->hs.own_group == d->hs.group) {
        return true;
    }
    bool is_made = d->hs.group == WEIR_DTLS_X25519MLKEM768
                       ? make_hybrid(d)
                       : make_key(d, (enum weir_group)d->hs.group, d->hs.private_key, d->hs.public_key);
    d->hs.own_group = is_made ? d->hs.group : 0;
    return is_made;
}

/* -- 3. Take ----------------------------------------------------------------------------------- */

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
    if (share.n != before + 32) {
        return false;
    }
    bool is_good = d->config.is_client
                       ? c->kem_decapsulate(d->hs.private_key, share.p, d->hs.premaster)
                       : c->kem_encapsulate(&d->rand, share.p, d->hs.public_key, d->hs.premaster);
    return is_good
           && take_key(d, WEIR_X25519, d->hs.private_key + WEIR_KEM_PRIVATE_BYTES,
                       weir_span_of(share.p + before, 32), d->hs.premaster + WEIR_KEM_SHARED_BYTES);
}

/* [RFC 8422 5.11 MUST, RFC 8446 7.4.2 MUST] The provider refuses points off the curve and the all-zero
 * secret, and an encapsulation key that is none [FIPS 203 7.2]. */
bool weir_dtls_take_share(struct weir_dtls *d, struct weir_span share)
{
    d->group = d->hs.group;
    if (d->hs.group == WEIR_DTLS_X25519MLKEM768) {
        d->hs.premaster_bytes = WEIR_KEM_SHARED_BYTES + 32;
        return take_hybrid(d, share);
    }
    d->hs.premaster_bytes = (uint16_t)weir_group_shared_bytes((enum weir_group)d->hs.group);
    return take_key(d, (enum weir_group)d->hs.group, d->hs.private_key, share, d->hs.premaster);
}
