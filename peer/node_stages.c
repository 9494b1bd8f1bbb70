/* The stages of a batch on its way in, and who waits.
 *
 *   receive   each datagram finds its peer, or is dropped under one reason; a run of segments is looked up
 *             once
 *   decrypt   SRTP and records of connected peers, in place: what only takes keys
 *   analyse   RTCP, arrival and loss statistics
 *   deliver   datagram by datagram, in the order in which they came: STUN to its machine, and whatever of
 *             the same peer came behind it; SCTP; media and messages to the application
 *   slow      last, what may take public-key work: handshakes. Oldest first, for NODE_SLOW_MOST of each
 *             turn of the loop, one at least; what is left is copied and goes on with the next turn, behind
 *             what came meanwhile
 *
 * So a handshake delays nobody but other handshakes. Of one peer nothing overtakes: what came behind a
 * datagram that waits, and is for the same machine, waits as well.
 */
#include "peer/node_int.h"

#define NODE_SLOW_MOST (2 * WEIR_MS)

/* A datagram that came to our socket and is none of our peers'. */
static void pass_on(struct weir_node *n, const struct weir_packet *k, uint32_t shard,
                    enum weir_node_drop why, bool was_handed)
{
    if (shard == NODE_NONE || was_handed) { /* once only: nothing goes in circles */
        n->drops[why]++;
        if (was_handed && why == WEIR_NODE_DROP_PATH) { /* the other takes it for ours */
            (void)weir_shard_claim(n, &k->path, WEIR_ICE_UNPROVEN);
        }
    } else if (weir_shard_hand_over(n, shard, k)) {
        n->handed_over++;
    } else {
        n->drops[WEIR_NODE_DROP_HANDOVER]++;
    }
}

/* A batch from our sockets, and when they are empty from other shards. */
static size_t next_batch(struct weir_node *n, struct weir_packet *packet, bool *is_handed)
{
    size_t got = weir_pump_recv(n->pump, packet, WEIR_NODE_BATCH);
    *is_handed = got == 0;
    return got == 0 ? weir_shard_take(n, packet, WEIR_NODE_BATCH) : got;
}

/* The batch before this one was delivered, item by item between the application's own work. */
static void note_delivered(struct weir_node *n)
{
    if (n->delivered.packets != 0) {
        weir_stage_note(&n->stage[WEIR_STAGE_DELIVER], n->delivered.packets, n->delivered.bytes,
                        n->delivered.cycles);
        memset(&n->delivered, 0, sizeof n->delivered);
    }
}

/* -- Receive ----------------------------------------------------------------------------------- */

static void receive_one(struct weir_node *n, const struct weir_packet *k, bool is_handed)
{
    enum weir_node_drop why = WEIR_NODE_DROP_NONE;
    uint32_t shard;
    if (n->has_mdns && k->socket == n->mdns_socket) {
        weir_node_mdns_recv(n, k);
        return;
    }
    struct weir_peer *p = weir_node_find(n, k, &shard, &why);
    if (p == NULL) {
        pass_on(n, k, shard, why, is_handed);
        return;
    }
    struct weir_item *item = &n->item[n->items++];
    item->peer = p;
    item->packet = *k;
}

bool weir_node_receive(struct weir_node *n)
{
    note_delivered(n);
    uint64_t begin = weir_pump_cycles(), bytes = 0;
    bool is_handed;
    size_t got = next_batch(n, n->batch, &is_handed);
    n->items = n->item_at = 0;
    n->batches++;
    n->has_run = false;
    for (size_t i = 0; i < got; i++) {
        bytes += n->batch[i].len;
        receive_one(n, &n->batch[i], is_handed);
    }
    if (got != 0) {
        weir_stage_note(&n->stage[WEIR_STAGE_RECEIVE], got, bytes, weir_pump_cycles() - begin);
    }
    return got != 0;
}

/* -- Decrypt and analyse ----------------------------------------------------------------------- */

static bool is_connected(const struct weir_peer *p)
{
    return p->timeline.dtls_done != WEIR_NEVER;
}

/* Does it take keys alone, and nothing of the same peer comes before it? */
static bool is_quick(const struct weir_node *n, const struct weir_item *item)
{
    const struct weir_peer *p = item->peer;
    uint8_t first = item->packet.data[0];
    bool is_first = p->node_batch != n->batches && p->node_slow == 0;
    return is_first && (first >= 128 || (first >= 20 && is_connected(p)));
}

static void open_item(struct weir_node *n, struct weir_item *item)
{
    enum weir_peer_verdict v = weir_peer_decrypt(item->peer, weir_pump_now(n->pump), item);
    if (v == WEIR_PEER_SRTP) {
        weir_node_doubt(n, &item->packet);
    }
    if (v == WEIR_PEER_OK && item->packet.data[0] <= 3) {
        weir_node_hold_path(n, item->peer, &item->packet.path);
    }
    weir_node_touch(n, item->peer);
}

void weir_node_decrypt(struct weir_node *n)
{
    uint64_t begin = weir_pump_cycles(), packets = 0, bytes = 0;
    for (size_t i = 0; i < n->items; i++) {
        struct weir_item *item = &n->item[i];
        if (!is_quick(n, item)) {
            item->kind = WEIR_ITEM_LATER;
            item->peer->node_batch = n->batches;
            continue;
        }
        packets++;
        bytes += item->packet.len;
        open_item(n, item);
    }
    if (packets != 0) {
        weir_stage_note(&n->stage[WEIR_STAGE_DECRYPT], packets, bytes, weir_pump_cycles() - begin);
    }
}

static bool is_media(const struct weir_item *item)
{
    return item->kind == WEIR_ITEM_RTP || item->kind == WEIR_ITEM_RTCP;
}

void weir_node_analyse(struct weir_node *n)
{
    uint64_t begin = weir_pump_cycles(), packets = 0, bytes = 0;
    for (size_t i = 0; i < n->items; i++) {
        struct weir_item *item = &n->item[i];
        if (is_media(item)) {
            packets++;
            bytes += item->plain.n;
            weir_peer_analyse(item->peer, weir_pump_now(n->pump), item);
        }
    }
    if (packets != 0) {
        weir_stage_note(&n->stage[WEIR_STAGE_ANALYSE], packets, bytes, weir_pump_cycles() - begin);
    }
}

/* -- Deliver ----------------------------------------------------------------------------------- */

/* Deliver one: media straight from the packet, the rest through the peer. True: *e is its event. */
static bool deliver(struct weir_node *n, struct weir_item *item, struct weir_event *e)
{
    weir_time now = weir_pump_now(n->pump);
    uint64_t begin = weir_pump_cycles();
    if (item->kind == WEIR_ITEM_LATER) {
        open_item(n, item);
        if (is_media(item)) {
            weir_peer_analyse(item->peer, now, item);
        }
    }
    weir_peer_deliver(item->peer, now, item);
    n->delivered.packets++;
    n->delivered.bytes += item->packet.len;
    n->delivered.cycles += weir_pump_cycles() - begin;
    n->current = item->peer->node_slot;
    if (item->kind != WEIR_ITEM_RTP) {
        return false;
    }
    memset(e, 0, sizeof *e);
    e->type = WEIR_EVENT_RTP;
    e->peer = item->peer;
    e->media = item->media;
    e->rtp = item->rtp;
    e->arrival = item->packet.at;
    return true;
}

/* May it take public-key work, or does it come behind such a one? */
static bool is_slow(const struct weir_item *item)
{
    const struct weir_peer *p = item->peer;
    bool carries_dtls = item->packet.data[0] > 3 || weir_ice_embed_is_on(&p->ice);
    return carries_dtls && (p->node_slow != 0 || (!is_connected(p) && item->packet.data[0] < 64));
}

static void put_slow(struct weir_node *n, const struct weir_item *item)
{
    if (n->slow_head - n->slow_tail == NODE_SLOW_MAX) {
        n->drops[WEIR_NODE_DROP_BUSY]++;
        return;
    }
    uint32_t at = n->slow_head++ % NODE_SLOW_MAX;
    n->slow[at].item = *item;
    n->slow[at].is_kept = false;
    item->peer->node_slow++;
}

bool weir_node_deliver(struct weir_node *n, struct weir_event *e)
{
    struct weir_item *item = &n->item[n->item_at++];
    if (item->peer == NULL) {
        return false; /* freed meanwhile */
    }
    if (item->kind == WEIR_ITEM_LATER && is_slow(item)) {
        put_slow(n, item);
        return false;
    }
    return deliver(n, item, e);
}

/* -- Slow -------------------------------------------------------------------------------------- */

void weir_node_begin_slow(struct weir_node *n)
{
    n->slow_until = 0;
    n->has_taken = false;
}

bool weir_node_has_slow(const struct weir_node *n)
{
    return n->slow_head != n->slow_tail;
}

bool weir_node_slow(struct weir_node *n, struct weir_event *e)
{
    weir_time now = weir_pump_clock();
    if (!weir_node_has_slow(n) || (n->slow_until != 0 && now >= n->slow_until)) {
        return false;
    }
    n->slow_until = n->slow_until == 0 ? weir_time_add(now, NODE_SLOW_MOST) : n->slow_until;
    struct weir_item item = n->slow[n->slow_tail++ % NODE_SLOW_MAX].item;
    if (item.peer != NULL) {
        item.peer->node_slow--;
        (void)deliver(n, &item, e);
    }
    return true;
}

void weir_node_keep_slow(struct weir_node *n)
{
    for (uint32_t i = n->slow_tail; i != n->slow_head; i++) {
        struct node_slow *s = &n->slow[i % NODE_SLOW_MAX];
        struct weir_packet *k = &s->item.packet;
        if (s->is_kept || s->item.peer == NULL) {
            continue;
        }
        if (weir_copy_into(s->bytes, sizeof s->bytes, weir_span_of(k->data, k->len))) {
            k->data = s->bytes;
            s->is_kept = true;
        } else { /* no handshake has such datagrams */
            s->item.peer->node_slow--;
            s->item.peer = NULL;
            n->drops[WEIR_NODE_DROP_BUSY]++;
        }
    }
}

void weir_node_forget_items(struct weir_node *n, const struct weir_peer *p)
{
    for (size_t i = 0; i < n->items; i++) {
        n->item[i].peer = n->item[i].peer == p ? NULL : n->item[i].peer;
    }
    for (uint32_t i = n->slow_tail; i != n->slow_head; i++) {
        struct weir_item *item = &n->slow[i % NODE_SLOW_MAX].item;
        item->peer = item->peer == p ? NULL : item->peer;
    }
}
