/* A shard: the loop that carries batches of datagrams through the stages.
 *
 *   wait     1. every touched peer sends what it has, in turn (node_send.c)
 *            2. one system call: send, and wait for datagrams or the next deadline
 *   event    3. a batch through receive, decrypt and analyse, then delivered datagram by datagram, with
 *               events to the application; then what is slow (node_stages.c)
 *            4. then the next batch; then peers whose deadline has come; then all touched peers
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
                                        "unknown path", "shard's mailbox full", "too many handshakes" };
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
        if (n->has_taken && weir_node_slow(n, e)) {
            return true; /* what is left of the turn before comes behind the first batch, too */
        }
        weir_node_keep_slow(n); /* the next batch may end this one's packets, as the turn does */
        if (weir_node_receive(n)) {
            n->has_taken = true;
            weir_node_decrypt(n);
            weir_node_analyse(n);
        } else if (!weir_node_slow(n, e)) {
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
            if (weir_node_deliver(n, e)) {
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
    until = weir_shard_has_mail(n) || weir_node_has_slow(n) ? 0 : until;
    weir_node_begin_slow(n);
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
