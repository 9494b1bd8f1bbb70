/* A shard: the loop that carries batches of datagrams through the stages.
 *
 *   wait     1. every touched peer sends what it has: ice, dtls, rtcp, again, sctp (stage send)
 *            2. one system call: send, and wait for datagrams or the next deadline
 *   event    3. take a batch, find each datagram's peer            (stage receive)
 *            4. integrity of STUN, DTLS records, SRTP, in place    (stage decrypt)
 *            5. RTCP, arrival and loss statistics                  (stage analyse)
 *            6. datagram by datagram: SCTP, and events to the application (stage deliver)
 *            7. then the next batch; then peers whose deadline has come; then all touched peers
 */
#include "peer/node_int.h"

#define NODE_FULL_WAIT WEIR_MS              /* every send slot in use: look again so soon */
#define NODE_PREPARE WEIR_MS                 /* with so much time to spare, a key is made */

const char *weir_stage_name(enum weir_stage_id s)
{
    static const char *const name[] = { "receive", "decrypt", "analyse", "deliver", "send" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_STAGES, "every stage has a name");
    return (unsigned)s < WEIR_STAGES ? name[s] : "?";
}

const char *weir_node_drop_name(enum weir_node_drop d)
{
    static const char *const name[] = { "none", "empty datagram", "no protocol", "unknown ufrag",
                                        "unknown path", "shard's mailbox full" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_NODE_DROPS, "every drop has a name");
    return (unsigned)d < WEIR_NODE_DROPS ? name[d] : "?";
}

void weir_node_touch(struct weir_node *n, struct weir_peer *p)
{
    if (!p->node_is_touched) {
        p->node_is_touched = true;
        n->touched[n->touched_count++] = p->node_slot;
    }
}

/* -- Stages ------------------------------------------------------------------------------------ */

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
static struct weir_peer *find_peer(struct weir_node *n, const struct weir_packet *k, uint32_t *shard,
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

/* Receive: a batch of datagrams, each with its peer or dropped under one reason. */
static bool stage_receive(struct weir_node *n)
{
    struct weir_packet *packet = n->batch;
    note_delivered(n);
    uint64_t begin = weir_pump_cycles(), bytes = 0;
    bool is_handed;
    size_t got = next_batch(n, packet, &is_handed);
    n->items = n->item_at = 0;
    n->item_is_delivered = false;
    for (size_t i = 0; i < got; i++) {
        enum weir_node_drop why = WEIR_NODE_DROP_NONE;
        uint32_t shard;
        bytes += packet[i].len;
        if (n->has_mdns && packet[i].socket == n->mdns_socket) {
            weir_node_mdns_recv(n, &packet[i]);
            continue;
        }
        struct weir_peer *p = find_peer(n, &packet[i], &shard, &why);
        if (p == NULL) {
            pass_on(n, &packet[i], shard, why, is_handed);
            continue;
        }
        struct weir_item *item = &n->item[n->items++];
        item->peer = p;
        item->packet = packet[i];
    }
    if (got != 0) {
        weir_stage_note(&n->stage[WEIR_STAGE_RECEIVE], got, bytes, weir_pump_cycles() - begin);
    }
    return got != 0;
}

static void stage_decrypt(struct weir_node *n)
{
    uint64_t begin = weir_pump_cycles(), bytes = 0;
    weir_time now = weir_pump_now(n->pump);
    for (size_t i = 0; i < n->items; i++) {
        struct weir_item *item = &n->item[i];
        bytes += item->packet.len;
        enum weir_peer_verdict v = weir_peer_decrypt(item->peer, now, item);
        if (v == WEIR_PEER_SRTP) {
            weir_node_doubt(n, &item->packet);
        }
        if (v == WEIR_PEER_OK && item->packet.data[0] <= 3) {
            weir_node_hold_path(n, item->peer, &item->packet.path);
        }
        weir_node_touch(n, item->peer);
    }
    weir_stage_note(&n->stage[WEIR_STAGE_DECRYPT], n->items, bytes, weir_pump_cycles() - begin);
}

static void stage_analyse(struct weir_node *n)
{
    uint64_t begin = weir_pump_cycles(), packets = 0, bytes = 0;
    weir_time now = weir_pump_now(n->pump);
    for (size_t i = 0; i < n->items; i++) {
        struct weir_item *item = &n->item[i];
        if (item->kind == WEIR_ITEM_RTP || item->kind == WEIR_ITEM_RTCP) {
            packets++;
            bytes += item->plain.n;
            weir_peer_analyse(item->peer, now, item);
        }
    }
    if (packets != 0) {
        weir_stage_note(&n->stage[WEIR_STAGE_ANALYSE], packets, bytes, weir_pump_cycles() - begin);
    }
}

/* -- Events ------------------------------------------------------------------------------------ */

/* The next event of the peer whose turn it is; names to resolve are seen to here. */
static bool current_event(struct weir_node *n, struct weir_event *e)
{
    while (n->current != NODE_NONE) {
        struct weir_peer *p = &n->peer[n->current];
        if (!weir_peer_event(p, weir_pump_now(n->pump), e)) {
            n->current = NODE_NONE;
        } else if (e->type == WEIR_EVENT_NAME) {
            weir_node_mdns_ask(n, p, e->data);
        } else {
            e->peer = p;
            return true;
        }
    }
    return false;
}

/* Deliver the item whose turn it is: media straight from the packet, the rest through the peer. */
static bool deliver_item(struct weir_node *n, struct weir_event *e)
{
    struct weir_item *item = &n->item[n->item_at++];
    if (item->peer == NULL) {
        return false; /* freed meanwhile */
    }
    uint64_t begin = weir_pump_cycles();
    weir_peer_deliver(item->peer, weir_pump_now(n->pump), item);
    n->delivered.packets++;
    n->delivered.bytes += item->plain.n;
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

/* Run the timers of one peer that is due, or give out one of the application's. */
static bool run_timer(struct weir_node *n, struct weir_event *e)
{
    uint32_t slot;
    if (!weir_timers_expire(&n->timers, n->waited_at, &slot)) {
        return false;
    }
    if (slot >= n->config.peers_max) {
        weir_node_timer_event(slot - n->config.peers_max, e);
        return true;
    }
    weir_peer_tick(&n->peer[slot], weir_pump_now(n->pump)); /* sending sets the next */
    weir_node_touch(n, &n->peer[slot]);
    n->current = slot;
    return true;
}

/* Peers that the pool has something to tell: room for who was refused, or others are short of it. */
static void touch_told(struct weir_node *n)
{
    uint32_t slot;
    while (weir_pool_news(&n->pool, &slot)) { /* each once */
        if (slot < n->config.peers_max && n->is_used[slot]) {
            weir_node_touch(n, &n->peer[slot]);
        }
    }
}

static bool next_touched(struct weir_node *n)
{
    if (n->touched_at == n->touched_count) {
        return false;
    }
    n->current = n->touched[n->touched_at++];
    return true;
}

/* Go on to whatever may bring the next event, or give it; false when all is done until the next wait. */
static bool advance(struct weir_node *n, struct weir_event *e)
{
    switch (n->phase) {
    case NODE_BATCH:
        if (stage_receive(n)) {
            stage_decrypt(n);
            stage_analyse(n);
        } else {
            n->phase = NODE_TIMERS;
        }
        return true;
    case NODE_TIMERS:
        if (!weir_node_watched_event(n, e) && !run_timer(n, e)) {
            weir_node_mdns_run(n);
            touch_told(n);
            n->touched_at = 0;
            n->phase = NODE_TOUCHED;
        }
        return true;
    case NODE_TOUCHED:
        if (!next_touched(n)) {
            n->phase = NODE_DONE;
        }
        return true;
    case NODE_DONE:
        return false;
    }
    return false;
}

bool weir_node_event(struct weir_node *n, struct weir_event *e)
{
    for (;;) {
        if (current_event(n, e)) {
            return true;
        }
        if (n->item_at < n->items) {
            if (deliver_item(n, e)) {
                return true;
            }
            continue;
        }
        e->type = WEIR_EVENT_NONE; /* a peer may have tried */
        if (!advance(n, e)) {
            return false;
        }
        if (e->type != WEIR_EVENT_NONE) {
            return true;
        }
    }
}

/* -- Waiting ----------------------------------------------------------------------------------- */

/* Wait; but with nothing to do at all, make an ephemeral key for a handshake to come instead, one at a
 * time, so that whatever arrives meanwhile waits for one key at most. */
static enum weir_status wait_or_prepare(struct weir_node *n, weir_time until)
{
    bool may_prepare = n->keys.count < WEIR_KEYPOOL_KEYS
                       && until > weir_time_add(weir_pump_now(n->pump), NODE_PREPARE);
    uint64_t had = weir_pump_stats(n->pump)->rx_reads;
    enum weir_status status = weir_pump_wait(n->pump, may_prepare ? 0 : until);
    if (may_prepare && status == WEIR_OK && weir_pump_stats(n->pump)->rx_reads == had
        && !weir_keypool_refill(&n->keys)) {
        status = weir_pump_wait(n->pump, until); /* the provider makes none: then sleep */
    }
    return status;
}

enum weir_status weir_node_wait(struct weir_node *n, weir_time until)
{
    weir_pump_refresh(n->pump);
    touch_told(n);
    bool has_room = weir_node_send(n);
    touch_told(n); /* what was sent, or ended, may have made room for others */
    weir_node_mdns_run(n);
    until = weir_time_min(until, weir_timers_next(&n->timers));
    until = weir_time_min(until, weir_node_mdns_deadline(n));
    n->room_at = has_room ? 0 : weir_time_add(weir_pump_clock(), NODE_FULL_WAIT);
    if (!has_room) {
        until = weir_time_min(until, n->room_at);
    } else if (n->touched_count != 0) {
        until = 0; /* sending made an event: it is waiting to be taken */
    }
    weir_shard_ring(n);
    until = weir_shard_has_mail(n) ? 0 : until;
    enum weir_status status = wait_or_prepare(n, until);
    n->phase = NODE_BATCH;
    n->items = n->item_at = 0;
    n->current = NODE_NONE;
    n->waited_at = weir_pump_now(n->pump);
    weir_node_take_stamps(n);
    n->watched_at = 0;
    n->watched_count = (uint32_t)weir_pump_watched(n->pump, n->watched, NODE_WATCHED);
    return status;
}

void weir_node_wake(struct weir_node *n)
{
    weir_pump_wake(n->pump);
}

weir_time weir_node_now(const struct weir_node *n)
{
    return weir_pump_now(n->pump);
}
