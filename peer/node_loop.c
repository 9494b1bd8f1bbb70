/* A node in a foreign event loop, and the application's timers and descriptors in ours: see node_loop.h. */
#include <limits.h>

#include "peer/node_int.h"

#define NODE_TIMER_GAP 128 /* microseconds, two ticks of the wheel: not due in the round that sets it */

int weir_node_fd(const struct weir_node *n)
{
    return weir_pump_fd(n->pump);
}

/* Something to do at once: events not taken, peers that the pool has something to tell, others' mail. */
static bool is_busy(const struct weir_node *n)
{
    return n->phase != NODE_DONE || n->item_at < n->items || n->current != NODE_NONE
           || n->pool.newsy.head != WEIR_NO_ACCOUNT || weir_shard_has_mail(n);
}

weir_time weir_node_deadline(const struct weir_node *n)
{
    if (is_busy(n)) {
        return 0;
    }
    weir_time at = weir_time_min(weir_timers_next(&n->timers), weir_node_mdns_deadline(n));
    at = n->touched_count != 0 ? weir_time_min(at, n->room_at) : at; /* what calls queued, too */
    return weir_time_min(at, weir_pump_deadline(n->pump));
}

int weir_node_timeout(const struct weir_node *n)
{
    weir_time at = weir_node_deadline(n), now = weir_pump_clock();
    if (at == WEIR_NEVER) {
        return -1;
    }
    weir_duration ms = at <= now ? 0 : (at - now + WEIR_MS - 1) / WEIR_MS;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

enum weir_status weir_node_timer_set(struct weir_node *n, uint32_t id, weir_time at)
{
    if (id >= n->config.timers_max) {
        return WEIR_ERR_ARG;
    }
    weir_time first = weir_time_add(n->waited_at, NODE_TIMER_GAP);
    weir_timers_set(&n->timers, n->config.peers_max + id, at < first ? first : at);
    return WEIR_OK;
}

void weir_node_timer_event(uint32_t id, struct weir_event *e)
{
    memset(e, 0, sizeof *e);
    e->type = WEIR_EVENT_TIMER;
    e->id = id;
}

enum weir_status weir_node_watch(struct weir_node *n, int fd, uint8_t events)
{
    for (uint32_t i = n->watched_at; i < n->watched_count; i++) {
        /* What was found of it holds no more. */
        n->watched[i].fd = n->watched[i].fd == fd ? -1 : n->watched[i].fd;
    }
    return weir_pump_watch(n->pump, fd, events);
}

bool weir_node_watched_event(struct weir_node *n, struct weir_event *e)
{
    while (n->watched_at < n->watched_count) {
        const struct weir_pump_watched w = n->watched[n->watched_at++];
        if (w.fd >= 0) {
            memset(e, 0, sizeof *e);
            e->type = WEIR_EVENT_DESCRIPTOR;
            e->id = (uint32_t)w.fd;
            e->ready = w.ready;
            return true;
        }
    }
    return false;
}
