/* Several shards on the same addresses.
 *
 * The kernel gives a datagram to one of the sockets that share a port, always the same one for the same
 * source. Which shard its peer lives on is another matter:
 *
 *   1. our ufrags begin with the letter of their shard, our connection ids with its number: a STUN
 *      request and a DTLS record of a peer that has an id name it;
 *      So do the transaction ids of our checks: a response is handed to the shard that asked;
 *   2. a path on which a request or an answer was proven is claimed: its shard tells all others, and from
 *      then on they know whose it is. A claim gives way to one that is better proven alone, and ends when
 *      its shard says that the path is not its own;
 *   3. a datagram that is another shard's is copied into that one's mailbox, and its ring is rung once
 *      for a batch; the other shard handles it as if it had come to its own socket.
 *
 * There is one mailbox for each pair of shards, with one writer and one reader: no locks, and nothing is
 * shared where datagrams reach the right shard at once. A full mailbox drops, as a full socket does; a
 * claim that found no room is made again with the next check on the path.
 */
#define _GNU_SOURCE
#include "peer/node_int.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#define MAIL_SLOTS 256           /* of one pair: 512 KiB, touched only when used */
#define CLAIMS_PER_PEER 4        /* paths of others that a shard remembers, for each of its peers_max */
#define CLAIMS_LEAST 1024
#define CLAIMS_LOOKED_AT 16      /* to find one that may go */
#define TAG_SHARD_SHIFT 24       /* of a transaction's tag: the shard above, the slot below */

static const char letter[WEIR_SHARDS_MAX + 1] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct mail {
    struct weir_path path;
    weir_time at;
    uint32_t socket;
    uint16_t bytes; /* 0: the path is claimed ... */
    uint8_t ecn;    /* ... with this enum weir_ice_proof */
    uint8_t data[WEIR_MTU];
};

struct mailbox {
    _Alignas(64) _Atomic uint32_t head; /* written by the sender: mails ever put in */
    _Alignas(64) _Atomic uint32_t tail; /* written by the receiver: mails ever done with */
    struct mail mail[MAIL_SLOTS];
};

/* One path of another shard, chained by hash. */
struct claim {
    struct weir_path path;
    uint32_t shard; /* NODE_NONE: unused */
    uint32_t other; /* whoever claims it as well, or NODE_NONE */
    uint8_t proof, other_proof; /* enum weir_ice_proof */
    uint32_t next;
};

struct node_shard {
    struct weir_shards *all;
    uint32_t number;
    uint64_t owes_ring;               /* one bit per shard that was given mail */
    uint32_t held[WEIR_SHARDS_MAX];   /* mails of each sender that were given out and are in use */
    uint32_t turn;                    /* whose mailbox is looked into first */
    uint64_t key;
    uint32_t mask, claims, claim_at;  /* claims are reused in a circle */
    uint32_t *bucket;
    struct claim *claim;
};

struct weir_shards {
    uint32_t count;
    struct weir_node *node[WEIR_SHARDS_MAX];
    struct node_shard shard[WEIR_SHARDS_MAX];
    struct mailbox *box; /* count * count: [from * count + to] */
    size_t box_bytes;
    void *claims;
    size_t claims_bytes;
};

static struct mailbox *mailbox(const struct node_shard *s, uint32_t from, uint32_t to)
{
    return &s->all->box[from * s->all->count + to];
}

/* -- 1. Ufrags --------------------------------------------------------------------------------- */

char weir_shard_letter(const struct weir_node *n)
{
    return n->shard == NULL ? '\0' : letter[n->shard->number];
}

uint32_t weir_shard_of_ufrag(const struct weir_node *n, struct weir_span ufrag)
{
    if (n->shard == NULL || ufrag.n == 0 || ufrag.p[0] == (uint8_t)letter[n->shard->number]) {
        return NODE_NONE;
    }
    for (uint32_t i = 0; i < n->shard->all->count; i++) {
        if (ufrag.p[0] == (uint8_t)letter[i]) {
            return i;
        }
    }
    return NODE_NONE;
}

uint32_t weir_shard_number(const struct weir_node *n)
{
    return n->shard == NULL ? 0 : n->shard->number;
}

uint32_t weir_shard_of_cid(const struct weir_node *n, const uint8_t cid[NODE_CID_BYTES])
{
    return n->shard == NULL || cid[0] == n->shard->number || cid[0] >= n->shard->all->count ? NODE_NONE
                                                                                            : cid[0];
}

/* -- Transactions ------------------------------------------------------------------------------ */

uint64_t weir_shard_txid_key(const struct weir_node *n)
{
    return n->shard == NULL ? n->demux.key : n->shard->key;
}

uint32_t weir_shard_make_tag(const struct weir_node *n, uint32_t slot)
{
    return weir_shard_number(n) << TAG_SHARD_SHIFT | (slot & ((1u << TAG_SHARD_SHIFT) - 1));
}

uint32_t weir_shard_slot_of_tag(const struct weir_node *n, uint32_t tag, uint32_t *shard)
{
    uint32_t of = tag >> TAG_SHARD_SHIFT, shards = n->shard == NULL ? 1 : n->shard->all->count;
    *shard = of == weir_shard_number(n) || of >= shards ? NODE_NONE : of;
    return of == weir_shard_number(n) ? tag & ((1u << TAG_SHARD_SHIFT) - 1) : NODE_NONE;
}

/* -- 2. Claims --------------------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct node_shard *s, const struct weir_path *path)
{
    return &s->bucket[weir_demux_hash(s->key, path, sizeof *path) & s->mask];
}

static uint32_t find_claim(const struct node_shard *s, const struct weir_path *path)
{
    uint32_t i = *bucket_of(s, path);
    while (i != NODE_NONE && !weir_path_eq(&s->claim[i].path, path)) {
        i = s->claim[i].next;
    }
    return i;
}

uint32_t weir_shard_of_path(const struct weir_node *n, const struct weir_path *path,
                            enum weir_ice_proof above)
{
    uint32_t i = n->shard == NULL ? NODE_NONE : find_claim(n->shard, path);
    return i == NODE_NONE || n->shard->claim[i].proof <= above ? NODE_NONE : n->shard->claim[i].shard;
}

static void forget_claim(struct node_shard *s, uint32_t i)
{
    uint32_t *link = bucket_of(s, &s->claim[i].path);
    while (*link != i) {
        link = &s->claim[*link].next;
    }
    *link = s->claim[i].next;
}

/* Another shard holds the path too, or does so no more. */
static void change_claim(struct claim *c, uint32_t from, uint8_t proof)
{
    if (c->shard == from || proof > c->proof) {
        if (c->shard != from) {
            c->other = c->shard;
            c->other_proof = c->proof;
        }
        c->shard = from;
        c->proof = proof;
    } else {
        c->other = from;
        c->other_proof = proof;
    }
    if (c->proof < c->other_proof) { /* the first one gave it up */
        struct claim was = *c;
        c->shard = was.other;
        c->proof = was.other_proof;
        c->other = was.shard;
        c->other_proof = was.proof;
    }
}

/* Where a new claim goes: the oldest makes room, but not one that is better proven. NODE_NONE: nowhere. */
static uint32_t place_for_claim(struct node_shard *s, uint8_t proof)
{
    for (uint32_t tries = 0; tries < CLAIMS_LOOKED_AT; tries++) {
        uint32_t i = s->claim_at;
        s->claim_at = (s->claim_at + 1) % s->claims;
        if (s->claim[i].shard == NODE_NONE || s->claim[i].proof <= proof) {
            return i;
        }
    }
    return NODE_NONE;
}

static void note_claim(struct node_shard *s, uint32_t from, const struct weir_path *path, uint8_t proof)
{
    uint32_t i = find_claim(s, path);
    if (i != NODE_NONE) {
        change_claim(&s->claim[i], from, proof);
        return;
    }
    i = proof == WEIR_ICE_UNPROVEN ? NODE_NONE : place_for_claim(s, proof);
    if (i == NODE_NONE) {
        return;
    }
    if (s->claim[i].shard != NODE_NONE) {
        forget_claim(s, i);
    }
    uint32_t *bucket = bucket_of(s, path);
    s->claim[i] = (struct claim){ .path = *path, .shard = from, .proof = proof, .other = NODE_NONE,
                                  .next = *bucket };
    *bucket = i;
}

/* -- 3. Mail ----------------------------------------------------------------------------------- */

/* The next free mail to a shard, or NULL. */
static struct mail *begin_mail(struct node_shard *s, uint32_t to)
{
    struct mailbox *b = mailbox(s, s->number, to);
    uint32_t head = atomic_load_explicit(&b->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&b->tail, memory_order_acquire);
    return head - tail == MAIL_SLOTS ? NULL : &b->mail[head % MAIL_SLOTS];
}

static void post_mail(struct node_shard *s, uint32_t to)
{
    struct mailbox *b = mailbox(s, s->number, to);
    uint32_t head = atomic_load_explicit(&b->head, memory_order_relaxed);
    atomic_store_explicit(&b->head, head + 1, memory_order_release);
    s->owes_ring |= (uint64_t)1 << to;
}

bool weir_shard_claim(struct weir_node *n, const struct weir_path *path, enum weir_ice_proof proof)
{
    bool all = true;
    for (uint32_t i = 0; i < n->shard->all->count; i++) {
        if (i == n->shard->number) {
            continue;
        }
        struct mail *m = begin_mail(n->shard, i);
        if (m == NULL) {
            all = false;
            continue;
        }
        m->path = *path;
        m->bytes = 0;
        m->ecn = (uint8_t)proof;
        post_mail(n->shard, i);
    }
    return all;
}

bool weir_shard_hand_over(struct weir_node *n, uint32_t to, const struct weir_packet *k)
{
    struct mail *m = k->len > WEIR_MTU ? NULL : begin_mail(n->shard, to);
    if (m == NULL) {
        return false;
    }
    m->path = k->path;
    m->at = k->at;
    m->socket = k->socket;
    m->ecn = k->ecn;
    m->bytes = (uint16_t)k->len;
    memcpy(m->data, k->data, k->len);
    post_mail(n->shard, to);
    return true;
}

/* Take mails of one sender: claims are noted, datagrams given out in place until the next call. */
static size_t take_from(struct node_shard *s, uint32_t from, struct weir_packet *batch, size_t max)
{
    struct mailbox *b = mailbox(s, from, s->number);
    uint32_t tail = atomic_load_explicit(&b->tail, memory_order_relaxed);
    uint32_t head = atomic_load_explicit(&b->head, memory_order_acquire);
    size_t n = 0;
    while (s->held[from] != head - tail && n < max) {
        struct mail *m = &b->mail[(tail + s->held[from]++) % MAIL_SLOTS];
        if (m->bytes == 0) {
            note_claim(s, from, &m->path, m->ecn);
            continue;
        }
        batch[n++] = (struct weir_packet){ .data = m->data, .len = m->bytes, .path = m->path,
                                           .at = m->at, .socket = m->socket, .ecn = m->ecn };
    }
    return n;
}

static void give_back(struct node_shard *s)
{
    for (uint32_t i = 0; i < s->all->count; i++) {
        if (s->held[i] != 0) {
            struct mailbox *b = mailbox(s, i, s->number);
            uint32_t tail = atomic_load_explicit(&b->tail, memory_order_relaxed);
            atomic_store_explicit(&b->tail, tail + s->held[i], memory_order_release);
            s->held[i] = 0;
        }
    }
}

size_t weir_shard_take(struct weir_node *n, struct weir_packet *batch, size_t max)
{
    struct node_shard *s = n->shard;
    size_t got = 0;
    if (s == NULL) {
        return 0;
    }
    give_back(s);
    for (uint32_t i = 0; i < s->all->count && got < max; i++) {
        uint32_t from = (s->turn + i) % s->all->count;
        got += from == s->number ? 0 : take_from(s, from, batch + got, max - got);
    }
    s->turn = (s->turn + 1) % s->all->count;
    return got;
}

bool weir_shard_has_mail(const struct weir_node *n)
{
    const struct node_shard *s = n->shard;
    for (uint32_t i = 0; s != NULL && i < s->all->count; i++) {
        struct mailbox *b = mailbox(s, i, s->number);
        if (atomic_load_explicit(&b->head, memory_order_acquire)
            != atomic_load_explicit(&b->tail, memory_order_relaxed) + s->held[i]) {
            return true;
        }
    }
    return false;
}

void weir_shard_ring(struct weir_node *n)
{
    for (uint32_t i = 0; n->shard != NULL && n->shard->owes_ring != 0; i++) {
        uint64_t bit = (uint64_t)1 << i;
        if ((n->shard->owes_ring & bit) != 0) {
            n->shard->owes_ring &= ~bit;
            weir_pump_ring(n->pump, n->shard->all->node[i]->pump);
        }
    }
}

/* -- Open and close ---------------------------------------------------------------------------- */

static void *map_memory(size_t bytes)
{
    void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return m == MAP_FAILED ? NULL : m;
}

/* Mailboxes, and for every shard its table of claims. */
static bool take_memory(struct weir_shards *s, uint32_t peers_max)
{
    uint32_t claims = CLAIMS_LEAST, buckets;
    while (claims < peers_max * CLAIMS_PER_PEER) {
        claims *= 2;
    }
    buckets = claims;
    size_t each = claims * sizeof(struct claim) + buckets * sizeof(uint32_t);
    s->box_bytes = (size_t)s->count * s->count * sizeof(struct mailbox);
    s->claims_bytes = each * s->count;
    s->box = map_memory(s->box_bytes);
    s->claims = map_memory(s->claims_bytes);
    for (uint32_t i = 0; s->claims != NULL && i < s->count; i++) {
        struct node_shard *x = &s->shard[i];
        x->all = s;
        x->number = i;
        x->claims = claims;
        x->mask = buckets - 1;
        x->claim = (struct claim *)(void *)((uint8_t *)s->claims + each * i);
        x->bucket = (uint32_t *)(void *)(x->claim + claims);
        memset(x->bucket, 0xff, buckets * sizeof(uint32_t));
        for (uint32_t k = 0; k < claims; k++) {
            x->claim[k].shard = NODE_NONE;
        }
    }
    return s->box != NULL && s->claims != NULL && weir_pump_entropy(&s->shard[0].key, sizeof(uint64_t));
}

/* The others bind what the first one got, and present its certificate. */
static bool open_nodes(struct weir_shards *s, struct weir_node_config config,
                       char error[WEIR_NODE_ERROR_BYTES])
{
    const struct weir_identity *identity = NULL;
    config.pump.is_shared = true;
    for (uint32_t i = 0; i < s->count; i++) {
        s->shard[i].key = s->shard[0].key;
        config.seed[0] = (uint8_t)(config.seed[0] + (i == 0 ? 0 : 1)); /* a seed of its own */
        s->node[i] = weir_node_open_shard(&config, &s->shard[i], identity, error);
        if (s->node[i] == NULL) {
            return false;
        }
        identity = weir_node_identity(s->node[0]);
        config.bind = s->node[0]->local;
        config.binds = s->node[0]->locals;
    }
    return true;
}

struct weir_shards *weir_shards_open(const struct weir_node_config *config, uint32_t count,
                                     char error[WEIR_NODE_ERROR_BYTES])
{
    error[0] = '\0';
    if (count == 0 || count > WEIR_SHARDS_MAX) {
        snprintf(error, WEIR_NODE_ERROR_BYTES, "a server has 1 to %d shards", WEIR_SHARDS_MAX);
        return NULL;
    }
    struct weir_shards *s = map_memory(sizeof *s);
    if (s == NULL) {
        snprintf(error, WEIR_NODE_ERROR_BYTES, "out of memory for %u shards", count);
        return NULL;
    }
    s->count = count;
    if (!take_memory(s, config->peers_max)) {
        snprintf(error, WEIR_NODE_ERROR_BYTES, "out of memory for %u shards", count);
    } else if (open_nodes(s, *config, error)) {
        return s;
    }
    weir_shards_close(s);
    return NULL;
}

struct weir_node *weir_shards_node(struct weir_shards *s, uint32_t i)
{
    return i < s->count ? s->node[i] : NULL;
}

void weir_shards_close(struct weir_shards *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < s->count && s->node[i] != NULL; i++) {
        s->node[i]->shard = NULL; /* goodbyes go out, and nothing is handed to a node that is gone */
    }
    for (uint32_t i = 0; i < s->count; i++) {
        weir_node_close(s->node[i]);
    }
    if (s->box != NULL) {
        munmap(s->box, s->box_bytes);
    }
    if (s->claims != NULL) {
        munmap(s->claims, s->claims_bytes);
    }
    munmap(s, sizeof *s);
}
