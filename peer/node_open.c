/* A node's beginning and end: its memory, its sockets, its certificate, its peers. */
#define _GNU_SOURCE
#include "peer/node_int.h"

#include <stdio.h>
#include <sys/mman.h>

#define NODE_PEERS_DEFAULT 64
#define NODE_SESSIONS_DEFAULT 16
#define NODE_SHARE ((size_t)128 * 1024)
#define NODE_LEND_EACH ((size_t)1024 * 1024)
#define NODE_LEND_LEAST ((size_t)8 * 1024 * 1024)
#define NODE_LEND_MOST ((size_t)64 * 1024 * 1024)
#define NODE_MESSAGE_MAX 262144
#define NODE_CERT_AGE (7ull * 24 * 3600 * WEIR_SEC)
#define NODE_CERT_LIFE_S (30ll * 24 * 3600) /* as browsers make theirs */
#define NODE_UNPROVEN_RATE 4000000          /* bytes per second: some 8,000 honest set-ups */
#define NODE_GOODBYE (200 * WEIR_MS)

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

static uint32_t buffers_of(size_t bytes)
{
    return (uint32_t)((bytes + WEIR_BUF_CELL_BYTES - 1) / WEIR_BUF_CELL_BYTES);
}

/* Shares for peers_max and for ourselves, and what is lent. */
static uint32_t pool_buffers(const struct weir_node_config *c)
{
    uint64_t shares = weir_pool_shares(c->peers_max + 1, buffers_of(c->share_bytes));
    return (uint32_t)shares + buffers_of(c->lend_bytes);
}

/* Lay out everything; with c->p NULL it only counts. */
static void lay_out(struct weir_node *n, struct cut *c)
{
    uint32_t peers = n->config.peers_max;
    struct weir_buf *bufs = cut(c, weir_pool_bytes(pool_buffers(&n->config)));
    n->peer = cut(c, sizeof *n->peer * peers);
    void *pages = cut(c, sizeof(struct weir_ice_page) * WEIR_ICE_PAGES_MAX * peers);
    void *ice_setups = cut(c, sizeof(struct weir_ice_setup) * n->config.setups_max);
    n->rtp = cut(c, sizeof *n->rtp * n->config.media_peers_max);
    n->free_rtp = cut(c, sizeof *n->free_rtp * n->config.media_peers_max);
    void *handshakes = cut(c, sizeof(struct weir_dtls_handshake) * n->config.setups_max);
    n->is_used = cut(c, sizeof *n->is_used * peers);
    n->free_slot = cut(c, sizeof *n->free_slot * peers);
    n->identity_of = cut(c, sizeof *n->identity_of * peers);
    n->touched = cut(c, sizeof *n->touched * peers);
    for (unsigned i = 0; i < 2; i++) {
        n->identity[i].sessions.session = cut(c, sizeof(struct weir_dtls_session) * n->config.sessions);
    }
    n->assembly = cut(c, n->config.max_message_size);
    void *demux = cut(c, weir_demux_bytes(peers));
    void *timers = cut(c, weir_timers_bytes(peers + n->config.timers_max));
    if (c->p != NULL) {
        weir_arena_init(&n->dtls_handshakes, handshakes, sizeof(struct weir_dtls_handshake),
                        n->config.setups_max);
        weir_pool_init(&n->pool, bufs, pool_buffers(&n->config));
        (void)!weir_pool_divide(&n->pool, peers + 1, buffers_of(n->config.share_bytes)); /* counted so */
        n->account = weir_account_open(&n->pool, NODE_NONE);
        weir_arena_init(&n->ice_pages, pages, sizeof(struct weir_ice_page), WEIR_ICE_PAGES_MAX * peers);
        weir_arena_init(&n->ice_setups, ice_setups, sizeof(struct weir_ice_setup), n->config.setups_max);
        weir_demux_init(&n->demux, weir_rand_u64(&n->rand), peers, demux);
        weir_timers_init(&n->timers, weir_pump_clock(), peers + n->config.timers_max, timers);
        for (uint32_t i = 0; i < n->config.media_peers_max; i++) {
            n->free_rtp[n->free_rtps++] = n->config.media_peers_max - 1 - i;
        }
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
    c->media_peers_max = c->media_peers_max == 0 || c->media_peers_max > c->peers_max ? c->peers_max
                                                                                      : c->media_peers_max;
    c->setups_max = c->setups_max == 0 || c->setups_max > c->peers_max ? c->peers_max : c->setups_max;
    c->max_message_size = c->max_message_size == 0 ? NODE_MESSAGE_MAX : c->max_message_size;
    c->sessions = c->sessions == 0 ? NODE_SESSIONS_DEFAULT : c->sessions;
    c->unproven_rate = c->unproven_rate == 0 ? NODE_UNPROVEN_RATE : c->unproven_rate;
    c->identity_age = c->identity_age == 0 ? NODE_CERT_AGE : c->identity_age;
    size_t lend = c->peers_max * NODE_LEND_EACH;
    lend = lend < NODE_LEND_LEAST ? NODE_LEND_LEAST : lend > NODE_LEND_MOST ? NODE_LEND_MOST : lend;
    c->share_bytes = c->share_bytes == 0 ? NODE_SHARE : c->share_bytes;
    c->lend_bytes = c->lend_bytes == 0 ? lend : c->lend_bytes;
}

/* What cannot be counted is not asked for. */
static bool is_countable(const struct weir_node_config *c)
{
    uint64_t each = c->share_bytes / WEIR_BUF_CELL_BYTES + 2;
    uint64_t lend = c->lend_bytes / WEIR_BUF_CELL_BYTES + 1;
    return c->timers_max < UINT32_MAX / 64 && c->share_bytes >> 40 == 0 && c->lend_bytes >> 40 == 0
           && ((uint64_t)c->peers_max + 1) * each + lend < UINT32_MAX / 32;
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

static bool make_identity(struct weir_node *n, struct node_identity *i)
{
    int64_t now = n->config.has_seed ? 1767225600 : weir_pump_utc_s(); /* a seed repeats all bytes */
    i->made_at = weir_pump_clock();
    return n->crypto->identity_make(&i->identity, &n->rand, now - 24 * 3600, now + NODE_CERT_LIFE_S);
}

/* Sessions belong to the certificate that they were begun with. */
static void begin_sessions(struct weir_node *n, struct node_identity *i)
{
    weir_sessions_init(&i->sessions, n->crypto, &i->identity, i->sessions.session, n->config.sessions);
}

static bool begin_identity(struct weir_node *n, const struct weir_identity *given,
                           char error[WEIR_NODE_ERROR_BYTES])
{
    if (given != NULL) {
        n->identity[0].identity = *given;
        n->identity[0].made_at = weir_pump_clock();
        begin_sessions(n, &n->identity[0]);
        return true;
    }
    if (!make_identity(n, &n->identity[0])) {
        snprintf(error, WEIR_NODE_ERROR_BYTES, "the crypto provider made no certificate");
        return false;
    }
    begin_sessions(n, &n->identity[0]);
    return true;
}

/* The certificate for a new peer. When ours is old a new one takes its place, in the room of the one
 * before, as soon as no peer presents that any more. */
static struct node_identity *current_identity(struct weir_node *n)
{
    struct node_identity *i = &n->identity[n->identity_at], *other = &n->identity[1 - n->identity_at];
    if (weir_time_since(weir_pump_now(n->pump), i->made_at) < n->config.identity_age
        || other->peers != 0) {
        return i;
    }
    struct weir_dtls_session *room = other->sessions.session;
    weir_sessions_deinit(&other->sessions);
    weir_wipe(other, sizeof *other);
    other->sessions.session = room;
    if (!make_identity(n, other)) {
        return i; /* the old one does as well */
    }
    begin_sessions(n, other);
    n->identity_at = 1 - n->identity_at;
    return other;
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
    apply_defaults(&n->config);
    n->crypto = config->crypto != NULL ? config->crypto : weir_crypto_default();
    n->current = NODE_NONE;
    n->ntp_at_epoch = 0;
    bool is_open = is_countable(&n->config) && seed_random(n) && take_memory(n);
    if (!is_open) {
        snprintf(error, WEIR_NODE_ERROR_BYTES,
                 "out of memory for %u peers with %zu bytes each and %zu to lend",
                 n->config.peers_max, n->config.share_bytes, n->config.lend_bytes);
    }
    if (is_open) {
        n->pump = weir_pump_open(&n->config.pump, error);
        is_open = n->pump != NULL && bind_all(n, error)
                  && begin_identity(n, identity, error);
    }
    if (!is_open) {
        weir_node_close(n);
        return NULL;
    }
    n->trials = weir_budget_of(NODE_TRIALS, NODE_TRIAL_EACH);
    n->work = weir_budget_of(NODE_WASTED_SHARES, NODE_WASTED_SHARE_EACH);
    weir_keypool_init(&n->keys, n->crypto, &n->rand);
    weir_ice_meter_init(&n->meter, n->config.unproven_rate, weir_pump_clock());
    n->opened_at = weir_pump_clock();
    n->opened_cycles = weir_pump_cycles();
    n->ntp_at_epoch = weir_peer_ntp_at_epoch(weir_pump_clock(), weir_pump_utc_us());
    weir_node_mdns_open(n);
    return n;
}

/* -- Peers ------------------------------------------------------------------------------------- */

struct weir_peer *weir_node_peer(struct weir_node *n, bool is_data_only)
{
    if (n->free_slots == 0 || (!is_data_only && n->free_rtps == 0)) {
        return NULL;
    }
    uint32_t slot = n->free_slot[--n->free_slots];
    weir_time now = weir_pump_refresh(n->pump);
    struct weir_peer *p = &n->peer[slot];
    struct node_identity *identity = current_identity(n);
    identity->peers++;
    n->identity_of[slot] = (uint8_t)n->identity_at;
    struct weir_peer_config c = { .crypto = n->crypto, .identity = &identity->identity, .keys = &n->keys,
                                  .work = &n->work, .dtls_handshakes = &n->dtls_handshakes,
                                  .sessions = n->config.no_tickets ? NULL : &identity->sessions,
                                  .is_data_only = is_data_only, .rtp_blocks = n->rtp,
                                  .rtp_block = is_data_only ? 0 : n->free_rtp[--n->free_rtps],
                                  .setup = WEIR_SDP_ACTIVE,
                                  .max_message_size = n->config.max_message_size, .tag = slot,
                                  .rx_bytes_max = n->config.rx_bytes_max,
                                  .tx_bytes_max = n->config.tx_bytes_max,
                                  .ntp_at_epoch = n->ntp_at_epoch,
                                  .assembly = { n->assembly, n->config.max_message_size },
                                  .trace = n->config.trace, .conn = ++n->conn_next,
                                  .scratch = &n->scratch, .sections_max = n->config.sections_max,
                                  .description_max = n->config.description_max,
                                  .no_snap = n->config.no_snap, .no_sped = n->config.no_sped,
                                  .no_cid = n->config.no_cid, .cid_bytes = NODE_CID_BYTES,
                                  .prefers_hybrid = n->config.prefers_hybrid,
                                  .is_lite = n->config.is_lite,
                                  .channel_wait = n->config.channel_wait,
                                  .allows = n->config.allows, .meter = &n->meter,
                                  .ice_pages = &n->ice_pages, .ice_setups = &n->ice_setups,
                                  .txid_key = weir_shard_txid_key(n),
                                  .txid_tag = weir_shard_make_tag(n, slot), .has_txid_tag = true,
                                  .dtls_version_max = n->config.dtls_version_max,
                                  .ufrag_first = weir_shard_letter(n) };
    weir_demux_make_cid(&n->demux, weir_shard_number(n), slot, (uint32_t)weir_rand_u64(&n->rand), c.cid);
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
    if (n->config.stun_server.family != WEIR_FAMILY_NONE && !n->config.is_lite) {
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
    weir_node_forget_items(n, p);
    n->current = n->current == slot ? NODE_NONE : n->current;
    weir_timers_set(&n->timers, slot, WEIR_NEVER);
    weir_demux_remove_peer(&n->demux, slot);
    if (!p->config.is_data_only) {
        n->free_rtp[n->free_rtps++] = p->config.rtp_block;
    }
    weir_peer_deinit(p);
    n->identity[n->identity_of[slot]].peers--;
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

static bool has_open_peers(const struct weir_node *n)
{
    uint32_t i = 0;
    while (i < n->config.peers_max && !(n->is_used[i] && n->peer[i].state != WEIR_PEER_CLOSED)) {
        i++;
    }
    return i != n->config.peers_max;
}

bool weir_node_drain(struct weir_node *n, weir_time until)
{
    struct weir_event e;
    weir_time give_up = weir_time_add(weir_time_min(until, WEIR_NEVER - NODE_GOODBYE), NODE_GOODBYE);
    for (uint32_t i = 0; i < n->config.peers_max; i++) {
        if (n->is_used[i]) {
            weir_resume(n, &n->peer[i]);
            weir_close_gracefully(n, &n->peer[i], until);
        }
    }
    while (has_open_peers(n) && weir_pump_clock() < give_up && weir_node_wait(n, give_up) == WEIR_OK) {
        while (weir_node_event(n, &e)) {
        }
    }
    weir_pump_flush(n->pump);
    return !has_open_peers(n) && weir_pump_clock() < until;
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
    weir_keypool_deinit(&n->keys);
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
                                 .pool_lendable = n->pool.lendable, .pool_lent = n->pool.lent,
                                 .pool_misses = n->pool.misses, .local = n->local,
                                 .locals = n->locals, .handed_over = n->handed_over,
                                 .cycles_per_ms = open_for == 0 ? 0 : cycles * 1000 / open_for };
    return s;
}

const struct weir_identity *weir_node_identity(const struct weir_node *n)
{
    return &n->identity[n->identity_at].identity;
}
