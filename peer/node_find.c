/* Whose is a datagram? By what it says itself, and only then by the path that it came by: node_demux.c has
 * the tables, node_paths.c judges paths that several hold.
 */
#include "peer/node_int.h"

/* [RFC 8445 7.3] the local half of a STUN request's USERNAME, found without trusting anything. */
static bool request_ufrag(struct weir_span packet, struct weir_span *out)
{
    struct weir_rd r = weir_rd_of(packet);
    struct weir_span head, value;
    if (!weir_rd_take(&r, WEIR_STUN_HEADER_BYTES, &head)
        || (weir_be16(head.p) & 0x0110) != WEIR_STUN_REQUEST) {
        return false;
    }
    for (unsigned i = 0; i < WEIR_STUN_ATTRS_MAX && r.n != 0; i++) {
        uint16_t type, bytes;
        if (!weir_rd_u16(&r, &type) || !weir_rd_u16(&r, &bytes) || !weir_rd_take(&r, bytes, &value)
            || !weir_rd_pad4(&r, bytes)) {
            return false;
        }
        if (type == WEIR_STUN_USERNAME) {
            const uint8_t *colon = value.n == 0 ? NULL : memchr(value.p, ':', value.n);
            *out = weir_span_of(value.p, colon == NULL ? 0 : (size_t)(colon - value.p));
            return out->n != 0;
        }
    }
    return false;
}

static struct weir_peer *peer_of_ufrag(struct weir_node *n, struct weir_span ufrag)
{
    uint32_t at = weir_demux_first_ufrag(&n->demux, ufrag);
    for (; at != NODE_NONE; at = weir_demux_next_ufrag(&n->demux, at)) {
        struct weir_peer *p = &n->peer[at / WEIR_ICE_GENERATIONS];
        enum weir_ice_generation of = (enum weir_ice_generation)(at % WEIR_ICE_GENERATIONS);
        if (weir_span_eq(weir_ice_ufrag_of(&p->ice, of), ufrag)) {
            return p;
        }
    }
    return NULL;
}

/* The peer whose question a STUN response answers, by the tag in its transaction id. */
static struct weir_peer *peer_of_response(struct weir_node *n, const struct weir_packet *k, uint32_t *shard)
{
    if (k->data[0] > 3 || k->len < WEIR_STUN_HEADER_BYTES
        || (weir_be16(k->data) & 0x0110) < WEIR_STUN_SUCCESS) {
        return NULL;
    }
    uint32_t tag = weir_ice_txid_tag(weir_shard_txid_key(n), k->data + 8);
    uint32_t slot = weir_shard_slot_of_tag(n, tag, shard);
    bool is_ours = *shard == NODE_NONE && slot < n->config.peers_max && n->is_used[slot];
    return is_ours ? &n->peer[slot] : NULL;
}

/* The peer that a DTLS record names by its connection id, or NULL; *shard: another shard's. */
static struct weir_peer *peer_of_cid(struct weir_node *n, const struct weir_packet *k, uint32_t *shard)
{
    struct weir_span cid;
    if (!weir_dtls_peek_cid(weir_span_of(k->data, k->len), NODE_CID_BYTES, &cid)) {
        return NULL;
    }
    *shard = weir_shard_of_cid(n, cid.p);
    uint32_t slot = weir_demux_slot_of_cid(&n->demux, cid.p);
    if (*shard != NODE_NONE || slot >= n->config.peers_max || !n->is_used[slot]) {
        return NULL;
    }
    struct weir_peer *p = &n->peer[slot];
    return memcmp(p->config.cid, cid.p, NODE_CID_BYTES) == 0 ? p : NULL;
}

/* The peer of a datagram, or NULL: then *shard is another shard that it belongs to, or NODE_NONE and *why
 * says why it is dropped. */
struct weir_peer *weir_node_find(struct weir_node *n, const struct weir_packet *k, uint32_t *shard,
                                 enum weir_node_drop *why)
{
    struct weir_span ufrag;
    *shard = NODE_NONE;
    if (k->len == 0) {
        *why = WEIR_NODE_DROP_EMPTY;
        return NULL;
    }
    uint8_t first = k->data[0];
    if (first > 3 && !(first >= 20 && first <= 63) && !(first >= 128 && first <= 191)) {
        *why = WEIR_NODE_DROP_CLASS;
        return NULL;
    }
    if (first <= 3 && request_ufrag(weir_span_of(k->data, k->len), &ufrag)) {
        *why = WEIR_NODE_DROP_UFRAG;
        *shard = weir_shard_of_ufrag(n, ufrag);
        return *shard == NODE_NONE ? peer_of_ufrag(n, ufrag) : NULL;
    }
    *why = WEIR_NODE_DROP_PATH;
    struct weir_peer *p = first <= 3 ? peer_of_response(n, k, shard) : peer_of_cid(n, k, shard);
    if (p != NULL || *shard != NODE_NONE) {
        return p;
    }
    p = weir_node_holder(n, k);
    if (n->shard != NULL) {
        enum weir_ice_proof told = p == NULL ? WEIR_ICE_UNPROVEN : weir_node_told_proof(n, &k->path);
        *shard = told == WEIR_ICE_ANSWERED ? NODE_NONE : weir_shard_of_path(n, &k->path, told);
    }
    return *shard == NODE_NONE ? p : NULL;
}
