/* Shared by the files of a node; included nowhere else. */
#ifndef WEIR_PEER_NODE_INT_H
#define WEIR_PEER_NODE_INT_H

#include "peer/peer.h"

#define NODE_NONE UINT32_MAX
#define NODE_CID_BYTES 8 /* of a connection id that a node gives to one of its peers */
#define NODE_PATHS_PER_PEER 32 /* on which it proved something; the least proven, oldest goes */
#define NODE_PATH_HOLDERS 32   /* peers that hold one path; the least proven gives way */
/* SRTP of a stream that nobody is known to have is tried with the keys of all who hold its path: so many
 * packets at once, and so often one more. */
#define NODE_TRIALS 1024
#define NODE_TRIAL_EACH ((weir_duration)200)
/* Key agreements with shares that came to nothing: so many at once, and so often one more. */
#define NODE_WASTED_SHARES 64
#define NODE_WASTED_SHARE_EACH (20 * WEIR_MS)

/* -- Which peer does a datagram belong to? (node_demux.c) -------------------------------------- */

/* One path of one peer, chained by hash and by peer. */
struct node_path {
    struct weir_path path;
    uint32_t slot;
    uint8_t claimed; /* enum weir_ice_proof: every other shard was told that it is ours, so well proven */
    uint32_t hash_next;
    uint32_t peer_next;
};

struct node_demux {
    uint64_t key; /* random: nobody outside can aim at one bucket */
    uint32_t mask;
    uint32_t *path_bucket;
    struct node_path *path;
    uint32_t path_free;
    struct node_ssrc {
        uint64_t hash;    /* of path and SSRC */
        uint32_t slot[2]; /* who has it, as their keys showed: mostly one; the latest first */
        bool is_doubted;  /* a packet came that its keys did not open */
    } *ssrc;                /* of streams on paths that several hold */
    uint32_t *ufrag_bucket; /* by hash of the local ufrag: three times the slot, and the generation */
    struct node_peer_links {
        uint32_t paths;      /* the newest */
        uint32_t path_count;
        struct node_ufrag {
            uint64_t hash;
            uint32_t next;
            bool is_linked;
        } ufrag[WEIR_ICE_GENERATIONS];
    } *peer;
};

size_t weir_demux_bytes(uint32_t peers_max);
void weir_demux_init(struct node_demux *d, uint64_t key, uint32_t peers_max, void *memory);
void weir_demux_add_peer(struct node_demux *d, uint32_t slot, struct weir_span ufrag);
void weir_demux_remove_peer(struct node_demux *d, uint32_t slot);
/* A peer's ufrag of this generation is so: empty when there is none. */
void weir_demux_set_ufrag(struct node_demux *d, uint32_t slot, enum weir_ice_generation g,
                          struct weir_span ufrag);
/* Remember that a path leads to a peer that has room; indices of paths are its place in the table. */
uint32_t weir_demux_add_path(struct node_demux *d, uint32_t slot, const struct weir_path *path);
void weir_demux_drop_path(struct node_demux *d, uint32_t i);
bool weir_demux_is_full(const struct node_demux *d, uint32_t slot);
/* Those who hold a path, in the order in which they came; NODE_NONE ends them. */
uint32_t weir_demux_first_path(const struct node_demux *d, const struct weir_path *path);
uint32_t weir_demux_next_path(const struct node_demux *d, uint32_t i);
/* A stream on a path that several hold: who has it is noted, found (NULL: not known), and doubted. */
void weir_demux_note_ssrc(struct node_demux *d, const struct weir_path *path, uint32_t ssrc, uint32_t slot);
const struct node_ssrc *weir_demux_find_ssrc(const struct node_demux *d, const struct weir_path *path,
                                             uint32_t ssrc);
void weir_demux_doubt_ssrc(struct node_demux *d, const struct weir_path *path, uint32_t ssrc,
                           bool is_doubted);
/* Peers whose ufrag may be this one: WEIR_ICE_GENERATIONS times the slot, and which generation's it is. */
uint32_t weir_demux_first_ufrag(const struct node_demux *d, struct weir_span ufrag);
uint32_t weir_demux_next_ufrag(const struct node_demux *d, uint32_t at);
uint64_t weir_demux_hash(uint64_t key, const void *bytes, size_t n);
/* A connection id for the peer in a slot, and back: NODE_NONE when it is none of ours. What it says is the
 * shard and three random bytes; the slot is hidden. */
void weir_demux_make_cid(const struct node_demux *d, uint32_t shard, uint32_t slot, uint32_t random,
                         uint8_t cid[NODE_CID_BYTES]);
uint32_t weir_demux_slot_of_cid(const struct node_demux *d, const uint8_t cid[NODE_CID_BYTES]);

/* The peer of a datagram, or NULL: then *shard is another shard that it belongs to, or NODE_NONE and *why
 * says why it is dropped (node_find.c). */
struct weir_peer *weir_node_find(struct weir_node *n, const struct weir_packet *k, uint32_t *shard,
                                 enum weir_node_drop *why);

/* -- The stages of what comes (node_stages.c) -------------------------------------------------- */

/* Take a batch; false: there is none. Then its first stages. */
bool weir_node_receive(struct weir_node *n);
void weir_node_decrypt(struct weir_node *n);
void weir_node_analyse(struct weir_node *n);
/* Deliver the next item. True: *e is its event; else those of n->current are due. */
bool weir_node_deliver(struct weir_node *n, struct weir_event *e);
/* A turn of the loop begins; something slow waits; and one is done: true, and e->type says whether it has
 * an event. What is left when its packets end is kept before. */
void weir_node_begin_slow(struct weir_node *n);
bool weir_node_has_slow(const struct weir_node *n);
bool weir_node_slow(struct weir_node *n, struct weir_event *e);
void weir_node_keep_slow(struct weir_node *n);
/* The peer is gone: nothing is delivered to it any more. */
void weir_node_forget_items(struct weir_node *n, const struct weir_peer *p);

/* -- Who holds a path (node_paths.c) ----------------------------------------------------------- */

/* A request or an answer was proven on this path: its peer holds it, in every shard. */
void weir_node_hold_path(struct weir_node *n, const struct weir_peer *p, const struct weir_path *path);
/* The peer that a datagram is for, of those that hold its path; NULL: nobody does. */
struct weir_peer *weir_node_holder(struct weir_node *n, const struct weir_packet *k);
/* The keys of who it was given to did not open this media: the stream may be another holder's. */
void weir_node_doubt(struct weir_node *n, const struct weir_packet *k);
/* How well it is proven here, as the other shards were told. */
enum weir_ice_proof weir_node_told_proof(const struct weir_node *n, const struct weir_path *path);

/* -- Shards (node_shard.c) --------------------------------------------------------------------- */

/* What a shard knows of the others: their number, their mailboxes, and the paths that are theirs. */
struct node_shard;

/* Which shard is a STUN request's ufrag of? Ours when there is but one. */
uint32_t weir_shard_of_ufrag(const struct weir_node *n, struct weir_span ufrag);
/* Our own number, and which other shard made a connection id; NODE_NONE: none. */
uint32_t weir_shard_number(const struct weir_node *n);
uint32_t weir_shard_of_cid(const struct weir_node *n, const uint8_t cid[NODE_CID_BYTES]);
/* Which other shard did claim a path, better proven than `above`; NODE_NONE: none. */
uint32_t weir_shard_of_path(const struct weir_node *n, const struct weir_path *path,
                            enum weir_ice_proof above);
/* Tell every other shard that a path is ours, so well proven; or WEIR_ICE_UNPROVEN: that it is not. True
 * when all could be told. */
bool weir_shard_claim(struct weir_node *n, const struct weir_path *path, enum weir_ice_proof proof);
/* What makes tags of transactions, and a tag's shard and slot; *shard: another shard, or NODE_NONE. */
uint64_t weir_shard_txid_key(const struct weir_node *n);
uint32_t weir_shard_make_tag(const struct weir_node *n, uint32_t slot);
uint32_t weir_shard_slot_of_tag(const struct weir_node *n, uint32_t tag, uint32_t *shard);
/* Give a datagram to the shard that it belongs to; false when its mailbox is full. */
bool weir_shard_hand_over(struct weir_node *n, uint32_t to, const struct weir_packet *packet);
/* The next datagrams that other shards handed over, in place; what was given before is over. */
size_t weir_shard_take(struct weir_node *n, struct weir_packet *batch, size_t max);
bool weir_shard_has_mail(const struct weir_node *n);
/* Ring at the shards that were given something since the last time. */
void weir_shard_ring(struct weir_node *n);
char weir_shard_letter(const struct weir_node *n);
/* Open a node as one of several shards; `identity` is theirs in common. */
struct weir_node *weir_node_open_shard(const struct weir_node_config *config, struct node_shard *shard,
                                       const struct weir_identity *identity,
                                       char error[WEIR_NODE_ERROR_BYTES]);

/* -- When is a peer next due? (node_timer.c) --------------------------------------------------- */

#define NODE_TIMER_LEVELS 6 /* of 64 slots each; the last one reaches 50 days ahead */
#define NODE_TIMER_LISTS (NODE_TIMER_LEVELS * 64 + 1)

struct node_timer {
    weir_time deadline;
    uint32_t next, previous; /* slots in the same list */
    uint32_t list;           /* NODE_NONE: not set */
};

/* A timing wheel of slots by deadline. */
struct node_timers {
    uint64_t tick; /* all before it was handled */
    uint64_t used[NODE_TIMER_LEVELS]; /* one bit per slot that is not empty */
    uint32_t head[NODE_TIMER_LISTS];
    struct node_timer *timer; /* by slot */
};

/* `slots`: those of peers, and behind them those of the application's timers. */
size_t weir_timers_bytes(uint32_t slots);
void weir_timers_init(struct node_timers *t, weir_time now, uint32_t slots, void *memory);
/* Set, move or (WEIR_NEVER) remove a peer's deadline. */
void weir_timers_set(struct node_timers *t, uint32_t slot, weir_time deadline);
/* When to look again: not later than the earliest deadline; WEIR_NEVER when there is none. */
weir_time weir_timers_next(const struct node_timers *t);
/* Take one peer whose deadline has come off the wheel; false when there is none. */
bool weir_timers_expire(struct node_timers *t, weir_time now, uint32_t *slot);

/* -- The node ---------------------------------------------------------------------------------- */

#define NODE_SLOW_MAX 128 /* datagrams of handshakes that wait for their turn; 1.6 KB each */
#define NODE_WATCHED 16 /* descriptors of the application's that are told of one wait */

enum node_phase { NODE_BATCH, NODE_TIMERS, NODE_TOUCHED, NODE_DONE };

struct weir_node {
    struct weir_node_config config;
    struct weir_crypto const *crypto;
    struct weir_pump *pump;
    struct weir_rand rand;
    struct node_identity {
        struct weir_identity identity;
        weir_time made_at;
        uint32_t peers; /* that present it */
        struct weir_sessions sessions;
    } identity[2];      /* the present one, and the one before while it has peers */
    uint32_t identity_at;
    uint8_t *identity_of; /* by slot */
    struct weir_budget trials; /* of SRTP with several peers' keys */
    struct weir_budget work; /* what hellos of strangers may waste of public-key work, in all */
    struct weir_keypool keys;
    struct weir_arena dtls_handshakes; /* setups_max blocks, for all peers */
    struct weir_ice_meter meter;
    struct weir_arena ice_pages, ice_setups; /* of all peers: candidates and pairs, and set-ups */
    struct weir_pool pool;
    uint32_t account;         /* our own there: payloads that go to many */
    struct weir_addr local[WEIR_PUMP_SOCKETS_MAX];
    uint32_t locals;
    uint8_t *assembly;
    struct weir_peer_scratch scratch; /* of all peers' descriptions */

    struct weir_peer *peer;   /* peers_max of them */
    struct weir_peer_rtp *rtp; /* media_peers_max of them */
    uint32_t *free_rtp;       /* a stack of those that nobody has */
    uint32_t free_rtps;
    bool *is_used;            /* by slot */
    uint32_t *free_slot;      /* a stack of slots without a peer */
    uint32_t free_slots;
    uint32_t peers;
    uint32_t conn_next;
    struct node_demux demux;
    struct node_timers timers;
    uint32_t *touched;        /* slots that may have events or packets */
    uint32_t touched_count;
    uint32_t touched_at;
    bool is_crowded;          /* several peers have more to send than the pump has room for */

    weir_time waited_at;      /* when the last wait returned: timers due by then are run */
    weir_time room_at;        /* the pump had no room for the touched; 0 = it had */
    struct weir_pump_watched watched[NODE_WATCHED]; /* ready, and not told yet; fd -1: not to be told */
    uint32_t watched_count, watched_at;

    enum node_phase phase;
    struct weir_packet batch[WEIR_NODE_BATCH]; /* as they came */
    struct weir_item item[WEIR_NODE_BATCH];
    size_t items, item_at;
    uint32_t batches;         /* ever taken */
    bool has_run;             /* the last path that was looked up in this batch, held by one peer alone */
    struct weir_path run_path;
    struct weir_peer *run_peer;
    struct node_slow {        /* what waits behind the batch, the oldest first */
        struct weir_item item;
        bool is_kept;         /* from turn to turn, in: */
        uint8_t bytes[WEIR_MTU];
    } slow[NODE_SLOW_MAX];
    uint32_t slow_head, slow_tail;
    weir_time slow_until;     /* in this turn; 0: none was done yet */
    bool has_taken;           /* a batch, in this turn */
    uint32_t current;         /* slot whose events are being taken, or NODE_NONE */

    bool has_mdns;
    uint32_t mdns_socket;
    struct weir_addr mdns_local;
    struct weir_mdns mdns;

    struct node_shard *shard; /* NULL: the only one */

    uint64_t ntp_at_epoch;
    struct weir_stage stage[WEIR_STAGES];
    struct { uint64_t packets, bytes, cycles; } delivered; /* of the present batch */
    weir_time opened_at;
    uint64_t opened_cycles;
    uint64_t drops[WEIR_NODE_DROPS];
    uint64_t handed_over;
    uint64_t verdicts[WEIR_PEER_VERDICTS]; /* of all peers */
    void *memory;
    size_t memory_bytes;
};

void weir_node_touch(struct weir_node *n, struct weir_peer *p);
/* Every touched peer sends what it has, in turn; those that could not stay touched. True when all could
 * (node_send.c). */
bool weir_node_send(struct weir_node *n);
/* When packets of media left, as the kernel tells, where it was asked. */
void weir_node_take_stamps(struct weir_node *n);
/* A timer of the application's is due; and the next of its descriptors that is ready (node_loop.c). */
void weir_node_timer_event(uint32_t id, struct weir_event *e);
bool weir_node_watched_event(struct weir_node *n, struct weir_event *e);
/* Names that peers wait for, and the answers of multicast DNS (node_mdns.c). */
void weir_node_mdns_open(struct weir_node *n);
void weir_node_mdns_ask(struct weir_node *n, struct weir_peer *p, struct weir_span name);
void weir_node_mdns_recv(struct weir_node *n, const struct weir_packet *packet);
void weir_node_mdns_run(struct weir_node *n);
weir_time weir_node_mdns_deadline(const struct weir_node *n);

#endif
