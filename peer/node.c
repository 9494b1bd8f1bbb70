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
#define _GNU_SOURCE
#include "peer/node_int.h"

#include <stdio.h>
#include <sys/mman.h>

#define NODE_PEERS_DEFAULT 64
#define NODE_BUFFERS_PER_PEER 512
#define NODE_BUFFERS_MAX 32768
#define NODE_MESSAGE_MAX 262144
#define NODE_CERT_LIFE_S (30ll * 24 * 3600) /* as browsers make theirs */
#define NTP_1970 2208988800ull              /* seconds from 1900 to 1970 */
#define NODE_FULL_WAIT WEIR_MS              /* every send slot in use: look again so soon */
#define NODE_GOODBYE (200 * WEIR_MS)

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

/* -- Memory: one mapping, cut up --------------------------------------------------------------- */

struct cut {
    uint8_t *p;
    size_t at;
};

static void *cut(struct cut *c, size_t bytes)
{
    void *p = c->p == NULL ? NULL : c->p + c->at;
    c->at += (bytes + 63) & ~(size_t)63;
    return p;
}

/* Lay out everything; with c->p NULL it only counts. */
static void lay_out(struct weir_node *n, struct cut *c)
{
    uint32_t peers = n->config.peers_max;
    struct weir_buf *bufs = cut(c, weir_pool_bytes(n->config.pool_buffers));
    n->peer = cut(c, sizeof *n->peer * peers);
    n->is_used = cut(c, sizeof *n->is_used * peers);
    n->free_slot = cut(c, sizeof *n->free_slot * peers);
    n->touched = cut(c, sizeof *n->touched * peers);
    n->assembly = cut(c, n->config.max_message_size);
    void *demux = cut(c, weir_demux_bytes(peers));
    void *timers = cut(c, weir_timers_bytes(peers));
    if (c->p != NULL) {
        weir_pool_init(&n->pool, bufs, n->config.pool_buffers);
        weir_demux_init(&n->demux, weir_rand_u64(&n->rand), peers, demux);
        weir_timers_init(&n->timers, weir_pump_clock(), peers, timers);
        for (uint32_t i = 0; i < peers; i++) {
            n->free_slot[n->free_slots++] = peers - 1 - i;
        }
    }
}

static bool take_memory(struct weir_node *n)
{
    struct cut count = { NULL, 0 };
    lay_out(n, &count);
    void *m = mmap(NULL, count.at, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (m == MAP_FAILED) {
        return false;
    }
    struct cut real = { m, 0 };
    n->memory = m;
    n->memory_bytes = count.at;
    lay_out(n, &real);
    return true;
}

/* -- Open -------------------------------------------------------------------------------------- */

static void apply_defaults(struct weir_node_config *c)
{
    c->peers_max = c->peers_max == 0 ? NODE_PEERS_DEFAULT : c->peers_max;
    c->max_message_size = c->max_message_size == 0 ? NODE_MESSAGE_MAX : c->max_message_size;
    if (c->pool_buffers == 0) {
        c->pool_buffers = c->peers_max >= NODE_BUFFERS_MAX / NODE_BUFFERS_PER_PEER
                              ? NODE_BUFFERS_MAX
                              : c->peers_max * NODE_BUFFERS_PER_PEER;
        c->pool_buffers = c->pool_buffers < 2048 ? 2048 : c->pool_buffers;
    }
}

static bool seed_random(struct weir_node *n)
{
    uint8_t seed[WEIR_SEED_BYTES];
    if (!n->config.has_seed && !weir_pump_entropy(seed, sizeof seed)) {
        return false;
    }
    weir_rand_init(&n->rand, n->config.has_seed ? n->config.seed : seed);
    weir_wipe(seed, sizeof seed);
    weir_wipe(n->config.seed, sizeof n->config.seed);
    return true;
}

static bool bind_one(struct weir_node *n, struct weir_addr addr, char error[WEIR_NODE_ERROR_BYTES])
{
    uint32_t socket;
    addr.port = addr.port == 0 ? n->config.port : addr.port;
    if (weir_pump_bind(n->pump, &addr, &n->local[n->locals], &socket, error) != WEIR_OK) {
        return false;
    }
    n->locals++;
    return true;
}

static bool bind_all(struct weir_node *n, char error[WEIR_NODE_ERROR_BYTES])
{
    struct weir_addr found[WEIR_ICE_LOCALS_MAX];
    if (n->config.bind != NULL) {
        for (uint32_t i = 0; i < n->config.binds; i++) {
            if (!bind_one(n, n->config.bind[i], error)) {
                return false;
            }
        }
        return n->locals != 0;
    }
    size_t count = weir_pump_interfaces(found, WEIR_ICE_LOCALS_MAX, n->config.with_loopback);
    for (size_t i = 0; i < count; i++) {
        /* One address that cannot be had does not stop the others [Y3]; a busy port stops all. */
        if (!bind_one(n, found[i], error) && n->config.port != 0) {
            return false;
        }
    }
    if (n->locals == 0 && error[0] == '\0') {
        snprintf(error, WEIR_NODE_ERROR_BYTES,
                 "no network interface is up; name a local address with --bind");
    }
    return n->locals != 0;
}

static bool make_identity(struct weir_node *n, char error[WEIR_NODE_ERROR_BYTES])
{
    int64_t now = n->config.has_seed ? 1767225600 : weir_pump_utc_s(); /* a seed repeats all bytes */
    if (!n->crypto->identity_make(&n->identity, &n->rand, now - 24 * 3600, now + NODE_CERT_LIFE_S)) {
        snprintf(error, WEIR_NODE_ERROR_BYTES, "the crypto provider made no certificate");
        return false;
    }
    return true;
}

struct weir_node *weir_node_open(const struct weir_node_config *config,
                                 char error[WEIR_NODE_ERROR_BYTES])
{
    return weir_node_open_shard(config, NULL, NULL, error);
}

struct weir_node *weir_node_open_shard(const struct weir_node_config *config, struct node_shard *shard,
                                       const struct weir_identity *identity,
                                       char error[WEIR_NODE_ERROR_BYTES])
{
    struct weir_node *n = mmap(NULL, sizeof *n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                               -1, 0);
    error[0] = '\0';
    if (n == MAP_FAILED) {
        snprintf(error, WEIR_NODE_ERROR_BYTES, "out of memory for a node");
        return NULL;
    }
    n->config = *config;
    n->shard = shard;
    if (identity != NULL) {
        n->identity = *identity;
    }
    apply_defaults(&n->config);
    n->crypto = config->crypto != NULL ? config->crypto : weir_crypto_default();
    n->current = NODE_NONE;
    n->ntp_at_epoch = 0;
    bool is_open = seed_random(n) && take_memory(n);
    if (!is_open) {
        snprintf(error, WEIR_NODE_ERROR_BYTES, "out of memory for %u peers and %u buffers",
                 n->config.peers_max, n->config.pool_buffers);
    }
    if (is_open) {
        n->pump = weir_pump_open(&n->config.pump, error);
        is_open = n->pump != NULL && bind_all(n, error)
                  && (identity != NULL || make_identity(n, error));
    }
    if (!is_open) {
        weir_node_close(n);
        return NULL;
    }
    n->opened_at = weir_pump_clock();
    n->opened_cycles = weir_pump_cycles();
    uint64_t utc = weir_pump_utc_us() - weir_pump_clock();
    n->ntp_at_epoch = (utc / 1000000 + NTP_1970) << 32 | (utc % 1000000 << 32) / 1000000;
    weir_node_mdns_open(n);
    return n;
}

/* -- Peers ------------------------------------------------------------------------------------- */

void weir_node_touch(struct weir_node *n, struct weir_peer *p)
{
    if (!p->node_is_touched) {
        p->node_is_touched = true;
        n->touched[n->touched_count++] = p->node_slot;
    }
}

struct weir_peer *weir_node_peer(struct weir_node *n, bool is_data_only)
{
    if (n->free_slots == 0) {
        return NULL;
    }
    uint32_t slot = n->free_slot[--n->free_slots];
    weir_time now = weir_pump_refresh(n->pump);
    struct weir_peer *p = &n->peer[slot];
    struct weir_peer_config c = { .crypto = n->crypto, .identity = &n->identity,
                                  .is_data_only = is_data_only, .setup = WEIR_SDP_ACTIVE,
                                  .max_message_size = n->config.max_message_size,
                                  .ntp_at_epoch = n->ntp_at_epoch,
                                  .assembly = { n->assembly, n->config.max_message_size },
                                  .trace = n->config.trace, .conn = ++n->conn_next,
                                  .no_snap = n->config.no_snap, .no_sped = n->config.no_sped,
                                  .ufrag_first = weir_shard_letter(n) };
    weir_rand_bytes(&n->rand, c.seed, sizeof c.seed);
    weir_peer_init(p, &c, &n->pool, now);
    weir_wipe(&c, sizeof c);
    p->node_slot = slot;
    n->is_used[slot] = true;
    n->peers++;
    weir_demux_add_peer(&n->demux, slot, weir_ice_ufrag(&p->ice));
    if (n->config.spread_locals) {
        (void)!weir_peer_add_local(p, now, &n->local[n->conn_next % n->locals]);
    }
    for (uint32_t i = 0; i < n->locals && !n->config.spread_locals; i++) {
        (void)!weir_peer_add_local(p, now, &n->local[i]); /* as many as ICE takes */
    }
    if (n->config.stun_server.family != WEIR_FAMILY_NONE) {
        (void)!weir_peer_add_stun_server(p, now, &n->config.stun_server);
    }
    weir_node_touch(n, p);
    return p;
}

void weir_node_free(struct weir_node *n, struct weir_peer *p)
{
    uint32_t slot = p->node_slot;
    for (int v = 0; v < WEIR_PEER_VERDICTS; v++) {
        n->verdicts[v] += p->verdicts[v];
    }
    if (p->node_is_touched) {
        uint32_t at = 0;
        while (n->touched[at] != slot) {
            at++;
        }
        n->touched_count--;
        memmove(&n->touched[at], &n->touched[at + 1],
                (n->touched_count - at) * sizeof n->touched[0]);
        n->touched_at -= at < n->touched_at ? 1 : 0;
    }
    for (size_t i = 0; i < n->items; i++) { /* what the batch still holds for it is nobody's now */
        n->item[i].peer = n->item[i].peer == p ? NULL : n->item[i].peer;
    }
    n->current = n->current == slot ? NODE_NONE : n->current;
    weir_timers_set(&n->timers, slot, WEIR_NEVER);
    weir_demux_remove_peer(&n->demux, slot);
    weir_peer_deinit(p);
    n->is_used[slot] = false;
    n->free_slot[n->free_slots++] = slot;
    n->peers--;
}

uint32_t weir_node_peers(const struct weir_node *n)
{
    return n->peers;
}

struct weir_peer *weir_node_peer_at(const struct weir_node *n, uint32_t i)
{
    return i < n->config.peers_max && n->is_used[i] ? &n->peer[i] : NULL;
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
    uint32_t slot = weir_demux_first_ufrag(&n->demux, ufrag);
    while (slot != NODE_NONE && !weir_span_eq(weir_ice_ufrag(&n->peer[slot].ice), ufrag)) {
        slot = weir_demux_next_ufrag(&n->demux, slot);
    }
    return slot == NODE_NONE ? NULL : &n->peer[slot];
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
    uint32_t slot = weir_demux_find_path(&n->demux, &k->path);
    if (slot == NODE_NONE) {
        *shard = weir_shard_of_path(n, &k->path);
        return NULL;
    }
    return &n->peer[slot];
}

/* A datagram that came to our socket and is none of our peers'. */
static void pass_on(struct weir_node *n, const struct weir_packet *k, uint32_t shard,
                    enum weir_node_drop why, bool was_handed)
{
    if (shard == NODE_NONE || was_handed) { /* once only: nothing goes in circles */
        n->drops[why]++;
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
    struct weir_packet packet[WEIR_NODE_BATCH];
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

/* A path that ICE uses or let in leads to this peer from now on, in every shard. */
static void own_path(struct weir_node *n, const struct weir_peer *p, const struct weir_path *path)
{
    bool *is_claimed = weir_demux_add_path(&n->demux, p->node_slot, path);
    if (n->shard != NULL && !*is_claimed) {
        weir_shard_claim(n, path, is_claimed);
    }
}

static void stage_decrypt(struct weir_node *n)
{
    uint64_t begin = weir_pump_cycles(), bytes = 0;
    weir_time now = weir_pump_now(n->pump);
    for (size_t i = 0; i < n->items; i++) {
        struct weir_item *item = &n->item[i];
        bytes += item->packet.len;
        enum weir_peer_verdict v = weir_peer_decrypt(item->peer, now, item);
        if (v == WEIR_PEER_OK && item->packet.data[0] <= 3) {
            own_path(n, item->peer, &item->packet.path);
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
            weir_node_mdns_ask(n, e->data);
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

/* Run the timers of one peer that is due. */
static bool run_timer(struct weir_node *n)
{
    uint32_t slot;
    weir_time now = weir_pump_now(n->pump);
    if (!weir_timers_expire(&n->timers, now, &slot)) {
        return false;
    }
    weir_peer_tick(&n->peer[slot], now); /* sending sets the next */
    weir_node_touch(n, &n->peer[slot]);
    n->current = slot;
    return true;
}

static bool next_touched(struct weir_node *n)
{
    if (n->touched_at == n->touched_count) {
        return false;
    }
    n->current = n->touched[n->touched_at++];
    return true;
}

/* Go on to whatever may bring the next event; false when all is done until the next wait. */
static bool advance(struct weir_node *n)
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
        if (!run_timer(n)) {
            weir_node_mdns_run(n);
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
        } else if (!advance(n)) {
            return false;
        }
    }
}

/* -- Sending and waiting ----------------------------------------------------------------------- */

/* Let one peer send all it has. False when the pump has no room. */
static bool send_peer(struct weir_node *n, struct weir_peer *p, uint64_t *packets, uint64_t *bytes)
{
    weir_time now = weir_pump_now(n->pump);
    struct weir_path to;
    for (;;) {
        struct weir_mspan room = weir_pump_room(n->pump);
        if (room.n == 0) {
            return false;
        }
        size_t len = weir_peer_send(p, now, room, &to);
        if (len == 0) {
            return true;
        }
        if (room.p[0] <= 3) {
            own_path(n, p, &to); /* its answer comes back this way */
        }
        (void)weir_pump_send(n->pump, &to, 0, len); /* no socket there: counted by the pump */
        (*packets)++;
        *bytes += len;
    }
}

/* A restart gives a peer a new ufrag: let requests find it. */
static void follow_ufrag(struct weir_node *n, struct weir_peer *p)
{
    struct weir_span ufrag = weir_ice_ufrag(&p->ice);
    if (peer_of_ufrag(n, ufrag) != p) {
        weir_demux_remove_peer(&n->demux, p->node_slot);
        weir_demux_add_peer(&n->demux, p->node_slot, ufrag);
        struct weir_path path;
        if (weir_ice_selected(&p->ice, &path)) {
            own_path(n, p, &path);
        }
    }
}

/* Let every touched peer send; those that could not stay touched. True when all could. */
static bool stage_send(struct weir_node *n)
{
    uint64_t begin = weir_pump_cycles(), packets = 0, bytes = 0;
    uint32_t kept = 0;
    bool has_room = true;
    for (uint32_t i = 0; i < n->touched_count; i++) {
        struct weir_peer *p = &n->peer[n->touched[i]];
        follow_ufrag(n, p);
        has_room = has_room && send_peer(n, p, &packets, &bytes);
        bool is_done = has_room && p->event_head == p->event_tail;
        weir_timers_set(&n->timers, p->node_slot, weir_peer_deadline(p));
        p->node_is_touched = !is_done;
        if (!is_done) {
            n->touched[kept++] = p->node_slot;
        }
    }
    n->touched_count = kept;
    if (packets != 0) {
        weir_stage_note(&n->stage[WEIR_STAGE_SEND], packets, bytes, weir_pump_cycles() - begin);
    }
    return has_room;
}

enum weir_status weir_node_wait(struct weir_node *n, weir_time until)
{
    weir_pump_refresh(n->pump);
    bool has_room = stage_send(n);
    weir_node_mdns_run(n);
    until = weir_time_min(until, weir_timers_next(&n->timers));
    until = weir_time_min(until, weir_node_mdns_deadline(n));
    if (!has_room) {
        until = weir_time_min(until, weir_time_add(weir_pump_clock(), NODE_FULL_WAIT));
    } else if (n->touched_count != 0) {
        until = 0; /* sending made an event: it is waiting to be taken */
    }
    weir_shard_ring(n);
    until = weir_shard_has_mail(n) ? 0 : until;
    enum weir_status status = weir_pump_wait(n->pump, until);
    n->phase = NODE_BATCH;
    n->items = n->item_at = 0;
    n->current = NODE_NONE;
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

/* -- Close ------------------------------------------------------------------------------------- */

/* Say goodbye for every peer, and give the packets a moment to leave. */
static void say_goodbyes(struct weir_node *n)
{
    struct weir_event e;
    weir_time give_up = weir_time_add(weir_pump_clock(), NODE_GOODBYE);
    for (uint32_t i = 0; i < n->config.peers_max; i++) {
        if (n->is_used[i]) {
            weir_close(n, &n->peer[i]);
        }
    }
    while (n->touched_count != 0 && weir_pump_clock() < give_up
           && weir_node_wait(n, give_up) == WEIR_OK) {
        while (weir_node_event(n, &e)) {
        }
    }
    weir_pump_flush(n->pump);
}

void weir_node_close(struct weir_node *n)
{
    if (n == NULL) {
        return;
    }
    if (n->pump != NULL && n->memory != NULL) {
        say_goodbyes(n);
    }
    for (uint32_t i = 0; n->memory != NULL && i < n->config.peers_max; i++) {
        if (n->is_used[i]) {
            weir_node_free(n, &n->peer[i]);
        }
    }
    weir_pump_close(n->pump);
    if (n->memory != NULL) {
        munmap(n->memory, n->memory_bytes);
    }
    weir_wipe(n, sizeof *n);
    munmap(n, sizeof *n);
}

/* -- Inspection -------------------------------------------------------------------------------- */

struct weir_node_stats weir_node_stats(const struct weir_node *n)
{
    weir_duration open_for = weir_time_since(weir_pump_clock(), n->opened_at);
    uint64_t cycles = weir_pump_cycles() - n->opened_cycles;
    struct weir_node_stats s = { .pump = weir_pump_stats(n->pump), .pump_name = weir_pump_name(n->pump),
                                 .stage = n->stage, .drops = n->drops, .peer_verdicts = n->verdicts,
                                 .pool_count = n->pool.count, .pool_free = n->pool.free_count,
                                 .pool_free_least = n->pool.free_least,
                                 .pool_misses = n->pool.misses, .local = n->local,
                                 .locals = n->locals, .handed_over = n->handed_over,
                                 .cycles_per_ms = open_for == 0 ? 0 : cycles * 1000 / open_for };
    return s;
}

const struct weir_identity *weir_node_identity(const struct weir_node *n)
{
    return &n->identity;
}
