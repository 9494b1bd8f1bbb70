/* The send stage: every peer that was touched sends what it has, in turn.
 *
 * Turns are a deficit round robin: in each round a peer may send NODE_QUANTUM bytes more, and what its last
 * datagram took beyond that is taken off its next turn. So who has much to send fills whole runs of
 * segments and delays the others by one of them each, however much that is. When the pump has no room, the
 * next stage begins with the peer that found none.
 *
 * Media that leaves at once (weir_send_rtp) is taken off its peer's next turn; while others find no room, a
 * peer that is a quantum ahead waits.
 */
#include "peer/node_int.h"

#define NODE_QUANTUM 64000 /* one run of segments */

enum turn {
    TURN_DONE,  /* it has nothing more */
    TURN_MORE,  /* its turn is over */
    TURN_FULL,  /* the pump has no room */
};

struct sum {
    uint64_t packets, bytes;
};

/* A restart gives a peer a new ufrag, and the old one goes on for a while. */
static void note_ufrags(struct weir_node *n, const struct weir_peer *p)
{
    for (unsigned g = 0; g < WEIR_ICE_GENERATIONS; g++) {
        enum weir_ice_generation of = (enum weir_ice_generation)g;
        weir_demux_set_ufrag(&n->demux, p->node_slot, of, weir_ice_ufrag_of(&p->ice, of));
    }
}

/* A packet of media is stamped, if the node asks for that: by the peer's slot and the packet's number. No
 * socket there: counted by the pump. */
static enum weir_status give_to_pump(struct weir_node *n, const struct weir_peer *p,
                                     const struct weir_path *to, size_t len)
{
    uint64_t tag = (uint64_t)p->node_slot << 32 | p->door.number;
    return p->door.is_numbered ? weir_pump_send_stamped(n->pump, to, 0, len, tag)
                               : weir_pump_send(n->pump, to, 0, len);
}

void weir_node_take_stamps(struct weir_node *n)
{
    struct weir_pump_stamp s;
    while (weir_pump_stamp(n->pump, &s)) {
        uint32_t slot = (uint32_t)(s.tag >> 32);
        struct weir_peer_rtp *r = n->is_used[slot] ? weir_peer_rtp(&n->peer[slot]) : NULL;
        for (uint32_t i = 0; r != NULL && i < s.count; i++) {
            (void)weir_rtcp_sent_stamp(&r->sent, (uint32_t)s.tag + i, s.at); /* if it is kept still */
        }
    }
}

static enum turn take_turn(struct weir_node *n, struct weir_peer *p, struct sum *sum)
{
    weir_time now = weir_pump_now(n->pump);
    struct weir_path to;
    if (!p->node_is_in_turn) { /* else it goes on where the pump had no room */
        int32_t next = p->node_deficit + NODE_QUANTUM;
        p->node_deficit = next < NODE_QUANTUM ? next : NODE_QUANTUM;
    }
    p->node_is_in_turn = false;
    while (p->node_deficit > 0) {
        struct weir_mspan room = weir_pump_room(n->pump);
        if (room.n == 0) {
            p->node_is_in_turn = true;
            return TURN_FULL;
        }
        size_t len = weir_peer_send(p, now, room, &to);
        if (len == 0) {
            p->node_deficit = 0;
            return TURN_DONE;
        }
        (void)give_to_pump(n, p, &to, len);
        p->node_deficit -= (int32_t)len;
        sum->packets++;
        sum->bytes += len;
    }
    return TURN_MORE;
}

/* One round. Those that have more, or news, stay, in their order; gives the place among them of who found
 * no room, or NODE_NONE. */
static uint32_t take_round(struct weir_node *n, uint32_t *senders, struct sum *sum)
{
    uint32_t kept = 0, full_at = NODE_NONE;
    *senders = 0;
    for (uint32_t i = 0; i < n->touched_count; i++) {
        struct weir_peer *p = &n->peer[n->touched[i]];
        if (p->node_has_more && full_at == NODE_NONE) {
            enum turn turn = take_turn(n, p, sum);
            full_at = turn == TURN_FULL ? kept : NODE_NONE;
            p->node_has_more = turn != TURN_DONE;
            weir_timers_set(&n->timers, p->node_slot, weir_peer_deadline(p));
        }
        *senders += p->node_has_more ? 1 : 0;
        p->node_is_touched = p->node_has_more || weir_peer_has_news(p);
        if (p->node_is_touched) {
            n->touched[kept++] = p->node_slot;
        }
    }
    n->touched_count = kept;
    return full_at;
}

static void reverse(uint32_t *slot, uint32_t count)
{
    for (uint32_t i = 0; i + 1 < count; i++, count--) {
        uint32_t x = slot[i];
        slot[i] = slot[count - 1];
        slot[count - 1] = x;
    }
}

/* The one at this place becomes the first. */
static void rotate(uint32_t *slot, uint32_t count, uint32_t at)
{
    reverse(slot, at);
    reverse(slot + at, count - at);
    reverse(slot, count);
}

bool weir_node_send(struct weir_node *n)
{
    uint64_t begin = weir_pump_cycles();
    struct sum sum = { 0, 0 };
    uint32_t senders = n->touched_count, full_at = NODE_NONE;
    for (uint32_t i = 0; i < n->touched_count; i++) {
        struct weir_peer *p = &n->peer[n->touched[i]];
        note_ufrags(n, p);
        p->node_has_more = true;
    }
    while (senders != 0 && full_at == NODE_NONE) {
        full_at = take_round(n, &senders, &sum);
    }
    if (full_at != NODE_NONE) {
        rotate(n->touched, n->touched_count, full_at);
    }
    n->is_crowded = full_at != NODE_NONE && senders > 1;
    if (sum.packets != 0) {
        weir_stage_note(&n->stage[WEIR_STAGE_SEND], sum.packets, sum.bytes, weir_pump_cycles() - begin);
    }
    return full_at == NODE_NONE;
}

/* -- Media, at once where it may --------------------------------------------------------------- */

static enum weir_status send_at_once(struct weir_node *n, struct weir_peer *p, uint8_t media,
                                     const struct weir_rtp_header *h, uint32_t shared)
{
    struct weir_path to;
    size_t len;
    struct weir_mspan room = { NULL, 0 };
    if (!n->is_crowded || p->node_deficit > -NODE_QUANTUM) {
        room = weir_pump_room(n->pump);
    }
    if (room.n == 0) {
        p->door.owes_writable = true;
        return WEIR_ERR_FULL;
    }
    enum weir_status status =
        weir_peer_write_shared_rtp(p, weir_pump_now(n->pump), media, h, shared, room, &len, &to);
    if (status != WEIR_OK) {
        return status;
    }
    p->node_deficit -= n->is_crowded ? (int32_t)len : 0;
    return give_to_pump(n, p, &to, len);
}

enum weir_status weir_send_shared_rtp(struct weir_node *n, struct weir_peer *p, uint8_t media,
                                      const struct weir_rtp_header *h, uint32_t shared)
{
    enum weir_status status = send_at_once(n, p, media, h, shared);
    if (status == WEIR_ERR_FULL && p->door.all.rate != 0) {
        p->door.owes_writable = false;
        status = weir_peer_queue_rtp(p, weir_pump_now(n->pump), media, h, shared);
    }
    weir_node_touch(n, p); /* it waits; or is told when it may; or its reports are due some time */
    return status;
}

enum weir_status weir_send_rtp(struct weir_node *n, struct weir_peer *p, uint8_t media,
                               const struct weir_rtp_header *h)
{
    return weir_send_shared_rtp(n, p, media, h, WEIR_NO_CELL);
}

void weir_set_send_rate(struct weir_node *n, struct weir_peer *p, uint64_t bytes_per_second)
{
    weir_peer_set_send_rate(p, weir_pump_now(n->pump), bytes_per_second);
    weir_node_touch(n, p);
}
