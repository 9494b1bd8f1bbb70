/* Which peer does a datagram belong to?
 *
 *   STUN requests    by the local half of their USERNAME [RFC 8445 7.3], of before a restart too, which
 *   their
 *                    integrity proves to the ICE agent afterwards;
 *   STUN responses   by the tag in their transaction id, which is ours (ice_recent.c);
 *   DTLS records     by their connection id, if they have one: its peer knows its own, and wherever it
 *                    comes from, its keys decide [RFC 9146 3];
 *   everything else  by its path, remembered when a request or an answer of the peer was proven on it. What
 *                    was merely sent, or named, remembers nothing. Several peers may hold one path, as two
 *                    behind one port of a node do; which of them is meant is judged by node_paths.c.
 *
 * The tables are chained hashes in memory taken at start; the hash is keyed, so that no one outside can
 * fill one chain.
 */
#include "peer/node_int.h"

static uint32_t buckets_for(uint32_t peers_max)
{
    uint32_t n = 16;
    while (n < peers_max * 4) {
        n *= 2;
    }
    return n;
}

size_t weir_demux_bytes(uint32_t peers_max)
{
    return (size_t)peers_max * (NODE_PATHS_PER_PEER * sizeof(struct node_path)
                                + sizeof(struct node_peer_links))
           + (size_t)buckets_for(peers_max) * (2 * sizeof(uint32_t) + sizeof(struct node_ssrc));
}

void weir_demux_init(struct node_demux *d, uint64_t key, uint32_t peers_max, void *memory)
{
    uint32_t buckets = buckets_for(peers_max), paths = peers_max * NODE_PATHS_PER_PEER;
    d->key = key;
    d->mask = buckets - 1;
    d->peer = (struct node_peer_links *)memory;
    d->ssrc = (struct node_ssrc *)(void *)(d->peer + peers_max);
    d->path = (struct node_path *)(void *)(d->ssrc + buckets);
    d->path_bucket = (uint32_t *)(void *)(d->path + paths);
    d->ufrag_bucket = d->path_bucket + buckets;
    memset(d->ssrc, 0xff, buckets * sizeof *d->ssrc);
    memset(d->path_bucket, 0xff, 2 * (size_t)buckets * sizeof(uint32_t));
    d->path_free = paths == 0 ? NODE_NONE : 0;
    for (uint32_t i = 0; i < paths; i++) {
        d->path[i].peer_next = i + 1 < paths ? i + 1 : NODE_NONE;
    }
}

/* -- Hashing ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93;
    return h ^ h >> 32;
}

uint64_t weir_demux_hash(uint64_t key, const void *bytes, size_t n)
{
    const uint8_t *p = (const uint8_t *)bytes;
    uint64_t h = key ^ n;
    for (; n >= 8; p += 8, n -= 8) {
        h = mix(h ^ weir_be64(p));
    }
    uint64_t tail = 0;
    for (size_t i = 0; i < n; i++) {
        tail = tail << 8 | p[i];
    }
    return mix(h ^ tail);
}

/* -- Peers by ufrag: three times the slot, and the generation ---------------------------------- */

static struct node_ufrag *ufrag_at(const struct node_demux *d, uint32_t at)
{
    return &d->peer[at / WEIR_ICE_GENERATIONS].ufrag[at % WEIR_ICE_GENERATIONS];
}

static void link_ufrag(struct node_demux *d, uint32_t at, struct weir_span ufrag)
{
    struct node_ufrag *u = ufrag_at(d, at);
    uint32_t *bucket;
    u->hash = weir_demux_hash(d->key, ufrag.p, ufrag.n);
    u->is_linked = true;
    bucket = &d->ufrag_bucket[u->hash & d->mask];
    u->next = *bucket;
    *bucket = at;
}

static void unlink_ufrag(struct node_demux *d, uint32_t at)
{
    struct node_ufrag *u = ufrag_at(d, at);
    if (!u->is_linked) {
        return;
    }
    uint32_t *link = &d->ufrag_bucket[u->hash & d->mask];
    while (*link != at) {
        link = &ufrag_at(d, *link)->next;
    }
    *link = u->next;
    u->is_linked = false;
}

void weir_demux_add_peer(struct node_demux *d, uint32_t slot, struct weir_span ufrag)
{
    struct node_peer_links *l = &d->peer[slot];
    memset(l, 0, sizeof *l);
    l->paths = NODE_NONE;
    link_ufrag(d, WEIR_ICE_GENERATIONS * slot, ufrag);
}

void weir_demux_set_ufrag(struct node_demux *d, uint32_t slot, enum weir_ice_generation g,
                          struct weir_span ufrag)
{
    const struct node_ufrag *u = &d->peer[slot].ufrag[g];
    bool is_same = u->is_linked ? ufrag.n != 0 && u->hash == weir_demux_hash(d->key, ufrag.p, ufrag.n)
                                : ufrag.n == 0;
    if (!is_same) {
        unlink_ufrag(d, WEIR_ICE_GENERATIONS * slot + g);
        if (ufrag.n != 0) {
            link_ufrag(d, WEIR_ICE_GENERATIONS * slot + g, ufrag);
        }
    }
}

static uint32_t from_ufrag(const struct node_demux *d, uint32_t at, uint64_t hash)
{
    while (at != NODE_NONE && ufrag_at(d, at)->hash != hash) {
        at = ufrag_at(d, at)->next;
    }
    return at;
}

uint32_t weir_demux_first_ufrag(const struct node_demux *d, struct weir_span ufrag)
{
    uint64_t hash = weir_demux_hash(d->key, ufrag.p, ufrag.n);
    return from_ufrag(d, d->ufrag_bucket[hash & d->mask], hash);
}

uint32_t weir_demux_next_ufrag(const struct node_demux *d, uint32_t at)
{
    const struct node_ufrag *u = ufrag_at(d, at);
    return from_ufrag(d, u->next, u->hash);
}

/* -- Peers by connection id -------------------------------------------------------------------- */

/* shard (1), random (3), slot (4) under a mask that these and our key make: who watches the wire can tell
 * our peers from each other, as by their ports, but not count them. */
static uint32_t cid_mask(const struct node_demux *d, const uint8_t cid[NODE_CID_BYTES])
{
    return (uint32_t)weir_demux_hash(~d->key, cid, 4);
}

void weir_demux_make_cid(const struct node_demux *d, uint32_t shard, uint32_t slot, uint32_t random,
                         uint8_t cid[NODE_CID_BYTES])
{
    weir_put32(cid, shard << 24 | (random & 0xffffff));
    weir_put32(cid + 4, slot ^ cid_mask(d, cid));
}

uint32_t weir_demux_slot_of_cid(const struct node_demux *d, const uint8_t cid[NODE_CID_BYTES])
{
    return weir_be32(cid + 4) ^ cid_mask(d, cid);
}

/* -- Paths ------------------------------------------------------------------------------------- */

static uint32_t *path_bucket(const struct node_demux *d, const struct weir_path *path)
{
    return &d->path_bucket[weir_demux_hash(d->key, path, sizeof *path) & d->mask];
}

static uint32_t from_path(const struct node_demux *d, uint32_t i, const struct weir_path *path)
{
    while (i != NODE_NONE && !weir_path_eq(&d->path[i].path, path)) {
        i = d->path[i].hash_next;
    }
    return i;
}

uint32_t weir_demux_first_path(const struct node_demux *d, const struct weir_path *path)
{
    return from_path(d, *path_bucket(d, path), path);
}

uint32_t weir_demux_next_path(const struct node_demux *d, uint32_t i)
{
    return from_path(d, d->path[i].hash_next, &d->path[i].path);
}

/* -- Streams on a path that several hold -- */

/* What was noted is remembered until another stream needs the place: then its keys are asked again. */
static uint64_t ssrc_hash(const struct node_demux *d, const struct weir_path *path, uint32_t ssrc)
{
    return weir_demux_hash(d->key ^ ssrc, path, sizeof *path);
}

static struct node_ssrc *ssrc_at(const struct node_demux *d, const struct weir_path *path, uint32_t ssrc)
{
    uint64_t hash = ssrc_hash(d, path, ssrc);
    struct node_ssrc *at = &d->ssrc[hash & d->mask];
    return at->hash == hash ? at : NULL;
}

void weir_demux_note_ssrc(struct node_demux *d, const struct weir_path *path, uint32_t ssrc, uint32_t slot)
{
    uint64_t hash = ssrc_hash(d, path, ssrc);
    struct node_ssrc *at = &d->ssrc[hash & d->mask];
    uint32_t other = at->hash != hash ? NODE_NONE : at->slot[0] != slot ? at->slot[0] : at->slot[1];
    *at = (struct node_ssrc){ hash, { slot, other }, false };
}

const struct node_ssrc *weir_demux_find_ssrc(const struct node_demux *d, const struct weir_path *path,
                                             uint32_t ssrc)
{
    return ssrc_at(d, path, ssrc);
}

void weir_demux_doubt_ssrc(struct node_demux *d, const struct weir_path *path, uint32_t ssrc,
                           bool is_doubted)
{
    struct node_ssrc *at = ssrc_at(d, path, ssrc);
    if (at != NULL) {
        at->is_doubted = is_doubted;
    }
}

static void unlink_hash(struct node_demux *d, uint32_t i)
{
    uint32_t *link = path_bucket(d, &d->path[i].path);
    while (*link != i) {
        link = &d->path[*link].hash_next;
    }
    *link = d->path[i].hash_next;
}

static void unlink_peer(struct node_demux *d, uint32_t i)
{
    struct node_peer_links *l = &d->peer[d->path[i].slot];
    uint32_t *link = &l->paths;
    while (*link != i) {
        link = &d->path[*link].peer_next;
    }
    *link = d->path[i].peer_next;
    l->path_count--;
}

void weir_demux_drop_path(struct node_demux *d, uint32_t i)
{
    unlink_hash(d, i);
    unlink_peer(d, i);
    d->path[i].peer_next = d->path_free;
    d->path_free = i;
}

bool weir_demux_is_full(const struct node_demux *d, uint32_t slot)
{
    return d->peer[slot].path_count == NODE_PATHS_PER_PEER;
}

uint32_t weir_demux_add_path(struct node_demux *d, uint32_t slot, const struct weir_path *path)
{
    uint32_t i = d->path_free; /* there is one: every peer has its own share */
    uint32_t *end = path_bucket(d, path);
    d->path_free = d->path[i].peer_next;
    d->path[i] = (struct node_path){ .path = *path, .slot = slot, .hash_next = NODE_NONE,
                                     .peer_next = d->peer[slot].paths };
    while (*end != NODE_NONE) { /* who came first stands first */
        end = &d->path[*end].hash_next;
    }
    *end = i;
    d->peer[slot].paths = i;
    d->peer[slot].path_count++;
    return i;
}

void weir_demux_remove_peer(struct node_demux *d, uint32_t slot)
{
    while (d->peer[slot].paths != NODE_NONE) {
        weir_demux_drop_path(d, d->peer[slot].paths);
    }
    for (uint32_t g = 0; g < WEIR_ICE_GENERATIONS; g++) {
        unlink_ufrag(d, WEIR_ICE_GENERATIONS * slot + g);
    }
}
