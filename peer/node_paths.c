/* Who holds a path, and who of them is meant.
 *
 *   1. a path is held by whoever proved something on it: a request says who sent it, an answer to ours also
 *      that it is reached there. Nothing else gives a path to anybody, and nothing takes it away but its
 *      holder's end, or 32 of its paths or four holders of it that are better proven;
 *   2. a datagram without a name of its own is for the holder whose ICE has the path best proven: who
 *      writes another's address on its requests is never answered from there. Of equals the one that
 *      waits for such a datagram is meant: for clear DTLS one whose handshake is not done, for media one
 *      that knows its SSRC; and of these the one that came first.
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
    for (unsigned i = 0; i < p->medias; i++) {
        for (unsigned k = 0; k < p->media[i].remote_ssrcs; k++) {
            if (p->media[i].remote_ssrc[k] == ssrc) {
                return true;
            }
        }
    }
    return false;
}

/* Does this peer wait for such a datagram? */
static bool waits_for(const struct weir_peer *p, const struct weir_packet *k)
{
    uint8_t first = k->data[0];
    bool is_done = p->timeline.dtls_done != WEIR_NEVER;
    if (first >= 128) { /* RTP: 8 bytes before the SSRC; RTCP: 4 [RFC 5761 4] */
        bool is_rtcp = k->len > 1 && k->data[1] >= 192 && k->data[1] <= 223;
        size_t at = is_rtcp ? 4 : 8;
        return p->is_srtp_ready && k->len >= at + 4 && knows_ssrc(p, weir_be32(k->data + at));
    }
    bool is_clear = first >= 20 && first <= 22 && k->len >= 13 && weir_be16(k->data + 3) == 0;
    return is_clear ? !is_done : is_done;
}

struct weir_peer *weir_node_holder(struct weir_node *n, const struct weir_packet *k)
{
    uint32_t i = weir_demux_first_path(&n->demux, &k->path);
    uint32_t next = i == NODE_NONE ? NODE_NONE : weir_demux_next_path(&n->demux, i);
    if (next == NODE_NONE) { /* as good as always */
        return i == NODE_NONE ? NULL : &n->peer[n->demux.path[i].slot];
    }
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
