/* Transactions that came before, and whose a transaction is.
 *
 * A request proves who made it, once. Recorded and sent again it proves nothing, from wherever it comes; so
 * the last transactions of the peer are remembered by a mark of four bytes. A mark that is met by chance
 * costs its request one repetition. What has fallen out of the ring after five minutes of checks looks
 * new; for a lite agent, which believes requests alone, that is why signs under keys must come as well
 * (ice_lite.c).
 *
 * Ours may carry a tag, hidden from everybody without the key: eight random bytes, and the tag under a mask
 * that these make. An owner of many agents finds the one that asked without a table that strangers could
 * fill.
 */
#include "ice/ice_int.h"

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93;
    h ^= h >> 29;
    h *= 0xd6e8feb86659fd93;
    return h ^ h >> 32;
}

uint32_t weir_ice_txid_tag(uint64_t key, const uint8_t txid[WEIR_STUN_TXID_BYTES])
{
    return weir_be32(txid + 8) ^ (uint32_t)mix(mix(key) ^ weir_be64(txid));
}

void weir_ice_tag_txid(const struct weir_ice *ice, uint8_t txid[WEIR_STUN_TXID_BYTES])
{
    if (ice->config.has_txid_tag) {
        weir_put32(txid + 8, 0);
        weir_put32(txid + 8, ice->config.txid_tag ^ weir_ice_txid_tag(ice->config.txid_key, txid));
    }
}

void weir_ice_new_txid(struct weir_ice *ice, uint8_t txid[WEIR_STUN_TXID_BYTES])
{
    weir_rand_bytes(&ice->rand, txid, WEIR_STUN_TXID_BYTES);
    weir_ice_tag_txid(ice, txid);
}

/* Keyed with our own secret number: nobody can make two requests that look the same. */
static uint32_t mark_of(const struct weir_ice *ice, const uint8_t txid[WEIR_STUN_TXID_BYTES])
{
    uint64_t h = mix(ice->recent_key ^ weir_be64(txid));
    uint32_t mark = (uint32_t)mix(h ^ weir_be32(txid + 8));
    return mark == 0 ? 1 : mark;
}

bool weir_ice_is_recent(const struct weir_ice *ice, const uint8_t txid[WEIR_STUN_TXID_BYTES])
{
    uint32_t mark = mark_of(ice, txid);
    bool is_any = false;
    for (uint32_t i = 0; i < WEIR_ICE_RECENT_MAX; i++) {
        is_any |= ice->recent[i] == mark;
    }
    return is_any;
}

void weir_ice_note_recent(struct weir_ice *ice, const uint8_t txid[WEIR_STUN_TXID_BYTES])
{
    ice->recent[ice->recents++ % WEIR_ICE_RECENT_MAX] = mark_of(ice, txid);
}
