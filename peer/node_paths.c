/* Who holds a path, and who of them is meant.
 *
 *   1. a path is held by whoever proved something on it: a request says who sent it, an answer to ours also
 *      that it is reached there. Nothing else gives a path to anybody, and nothing takes it away but its
 *      holder's end, or 32 of its paths or four holders of it that are better proven;
 *   2. a datagram without a name of its own is for the holder whose ICE has the path best proven: who
 *      writes another's address on its requests is never answered from there. Of equals the one that
 *      waits for such a datagram is meant: for clear DTLS one whose handshake is not done; and of these
 *      the one that came first. Media is for who has its keys, which is tried once for each stream.
 */
#include "peer/node_int.h"

static uint32_t proof_of(const struct weir_node *n, uint32_t i)
{
    const struct node_path *path = &n->demux.path[i];
    return (uint32_t)weir_ice_path_proof(&n->peer[path->slot].ice, &path->path);
}

/* Of a peer's paths the one that matters least: least proven, then oldest. */
static uint32_t least_path(const struct weir_node *n, uint32_t slot)
{
    uint32_t least = NODE_NONE;
    for (uint32_t i = n->demux.peer[slot].paths; i != NODE_NONE; i = n->demux.path[i].peer_next) {
        if (least == NODE_NONE || proof_of(n, i) <= proof_of(n, least)) {
            least = i;
        }
    }
    return least;
}

/* Is there room for one more who has proven so much? The last of the least proven goes. */
static bool make_room(struct weir_node *n, const struct weir_path *path, uint32_t proof)
{
    uint32_t holders = 0, least = NODE_NONE;
    for (uint32_t i = weir_demux_first_path(&n->demux, path); i != NODE_NONE;
         i = weir_demux_next_path(&n->demux, i)) {
        holders++;
        least = least == NODE_NONE || proof_of(n, i) <= proof_of(n, least) ? i : least;
    }
    if (holders < NODE_PATH_HOLDERS) {
        return true;
    }
    if (proof_of(n, least) >= proof) {
        return false;
    }
    weir_demux_drop_path(&n->demux, least);
    return true;
}

static uint32_t hold(struct weir_node *n, uint32_t slot, const struct weir_path *path, uint32_t proof)
{
    uint32_t i = weir_demux_first_path(&n->demux, path);
    while (i != NODE_NONE && n->demux.path[i].slot != slot) {
        i = weir_demux_next_path(&n->demux, i);
    }
    if (i != NODE_NONE || !make_room(n, path, proof)) {
        return i;
    }
    if (weir_demux_is_full(&n->demux, slot)) {
        weir_demux_drop_path(&n->demux, least_path(n, slot));
    }
    return weir_demux_add_path(&n->demux, slot, path);
}

void weir_node_hold_path(struct weir_node *n, const struct weir_peer *p, const struct weir_path *path)
{
    enum weir_ice_proof proof = weir_ice_path_proof(&p->ice, path);
    if (proof == WEIR_ICE_UNPROVEN) {
        return; /* a STUN server's answer, say */
    }
    uint32_t i = hold(n, p->node_slot, path, (uint32_t)proof);
    if (n->shard != NULL && i != NODE_NONE && n->demux.path[i].claimed < proof
        && weir_shard_claim(n, path, proof)) {
        n->demux.path[i].claimed = (uint8_t)proof;
    }
}

enum weir_ice_proof weir_node_told_proof(const struct weir_node *n, const struct weir_path *path)
{
    uint32_t most = WEIR_ICE_UNPROVEN;
    for (uint32_t i = weir_demux_first_path(&n->demux, path); i != NODE_NONE;
         i = weir_demux_next_path(&n->demux, i)) {
        most = n->demux.path[i].claimed > most ? n->demux.path[i].claimed : most;
    }
    return (enum weir_ice_proof)most;
}

static bool knows_ssrc(const struct weir_peer *p, uint32_t ssrc)
{
    const struct weir_media *m;
    for (unsigned i = 0; (m = weir_peer_media_at(p, i)) != NULL; i++) {
        for (unsigned k = 0; k < m->remote_ssrcs; k++) {
            if (m->remote_ssrc[k] == ssrc) {
                return true;
            }
        }
    }
    return false;
}

/* The SSRC that a packet speaks for: 8 bytes into RTP, 4 into RTCP [RFC 5761 4]. */
static bool ssrc_of(const struct weir_packet *k, uint32_t *ssrc)
{
    bool is_rtcp = k->len > 1 && k->data[1] >= 192 && k->data[1] <= 223;
    size_t at = is_rtcp ? 4 : 8;
    if (k->len < at + 4) {
        return false;
    }
    *ssrc = weir_be32(k->data + at);
    return true;
}

/* Does this peer wait for such a datagram? */
static bool waits_for(const struct weir_peer *p, const struct weir_packet *k)
{
    uint8_t first = k->data[0];
    uint32_t ssrc;
    bool is_done = p->timeline.dtls_done != WEIR_NEVER;
    if (first >= 128) {
        return p->is_srtp_ready && ssrc_of(k, &ssrc) && knows_ssrc(p, ssrc);
    }
    bool is_clear = first >= 20 && first <= 22 && k->len >= 13 && weir_be16(k->data + 3) == 0;
    return is_clear ? !is_done : is_done;
}

static struct weir_peer *best_holder(struct weir_node *n, uint32_t i, const struct weir_packet *k)
{
    struct weir_peer *best = NULL;
    uint32_t most = 0;
    for (; i != NODE_NONE; i = weir_demux_next_path(&n->demux, i)) {
        struct weir_peer *p = &n->peer[n->demux.path[i].slot];
        uint32_t score = 2 * proof_of(n, i) + (waits_for(p, k) ? 1 : 0);
        if (best == NULL || score > most) {
            best = p;
            most = score;
        }
    }
    return best;
}

static bool holds(const struct weir_node *n, uint32_t i, uint32_t slot)
{
    while (i != NODE_NONE && n->demux.path[i].slot != slot) {
        i = weir_demux_next_path(&n->demux, i);
    }
    return i != NODE_NONE;
}

/* A peer that was noted, if it still is there. */
static struct weir_peer *noted(struct weir_node *n, uint32_t first, uint32_t slot)
{
    bool is_there = slot < n->config.peers_max && n->is_used[slot] && holds(n, first, slot);
    return is_there ? &n->peer[slot] : NULL;
}

/* Try the keys of all who hold the path. */
static struct weir_peer *keeper_by_trial(struct weir_node *n, uint32_t i, const struct weir_packet *k)
{
    weir_time now = weir_pump_now(n->pump);
    if (!weir_budget_has(&n->trials, now)) {
        return NULL;
    }
    weir_budget_spend(&n->trials, now);
    for (; i != NODE_NONE; i = weir_demux_next_path(&n->demux, i)) {
        struct weir_peer *p = &n->peer[n->demux.path[i].slot];
        if (weir_peer_has_keys_of(p, weir_span_of(k->data, k->len))) {
            return p;
        }
    }
    return NULL;
}

/* Media on a path that several hold: whose keys open it is its peer, and noted for the stream. Two who
 * chose one SSRC are tried for each packet, and if there are more, all: who only receives reports as SSRC 1
 * [libwebrtc does]. NULL: it is not known, and no trial is left. */
static struct weir_peer *keeper_of_stream(struct weir_node *n, uint32_t first, const struct weir_packet *k)
{
    uint32_t ssrc;
    if (!ssrc_of(k, &ssrc)) {
        return NULL;
    }
    const struct node_ssrc *at = weir_demux_find_ssrc(&n->demux, &k->path, ssrc);
    struct weir_peer *one = at == NULL ? NULL : noted(n, first, at->slot[0]);
    struct weir_peer *other = at == NULL ? NULL : noted(n, first, at->slot[1]);
    struct weir_span packet = weir_span_of(k->data, k->len);
    if (one != NULL && other == NULL && !at->is_doubted) {
        return one;
    }
    if (other != NULL && weir_peer_has_keys_of(other, packet)) {
        return other;
    }
    if (one != NULL && weir_peer_has_keys_of(one, packet)) {
        return one;
    }
    struct weir_peer *p = keeper_by_trial(n, first, k);
    weir_demux_doubt_ssrc(&n->demux, &k->path, ssrc, false); /* if it was nobody's, it was nothing */
    if (p != NULL) {
        weir_demux_note_ssrc(&n->demux, &k->path, ssrc, p->node_slot);
    }
    return p != NULL ? p : one;
}

void weir_node_doubt(struct weir_node *n, const struct weir_packet *k)
{
    uint32_t ssrc;
    if (k->data[0] >= 128 && ssrc_of(k, &ssrc)) {
        weir_demux_doubt_ssrc(&n->demux, &k->path, ssrc, true);
    }
}

struct weir_peer *weir_node_holder(struct weir_node *n, const struct weir_packet *k)
{
    if (n->has_run && weir_path_eq(&n->run_path, &k->path)) { /* one look-up for a run */
        return n->run_peer;
    }
    uint32_t i = weir_demux_first_path(&n->demux, &k->path);
    uint32_t next = i == NODE_NONE ? NODE_NONE : weir_demux_next_path(&n->demux, i);
    if (next == NODE_NONE) { /* as good as always */
        n->has_run = i != NODE_NONE;
        n->run_path = k->path;
        n->run_peer = i == NODE_NONE ? NULL : &n->peer[n->demux.path[i].slot];
        return n->run_peer;
    }
    struct weir_peer *p = k->data[0] >= 128 ? keeper_of_stream(n, i, k) : NULL;
    return p != NULL ? p : best_holder(n, i, k);
}
