/* A node's multicast DNS: one socket and one resolver for all its peers. Without a multicast interface
 * there is none, and .local candidates are reached when they call us. */
#include "peer/node_int.h"

void weir_node_mdns_open(struct weir_node *n)
{
    char error[WEIR_PUMP_ERROR_BYTES];
    weir_mdns_init(&n->mdns);
    n->has_mdns = !n->config.no_mdns
                  && weir_pump_bind_mdns(n->pump, &n->mdns_local, &n->mdns_socket, error) == WEIR_OK;
}

void weir_node_mdns_ask(struct weir_node *n, struct weir_peer *p, struct weir_span name)
{
    enum weir_status status = WEIR_ERR_STATE;
    if (n->has_mdns) {
        status = weir_mdns_ask(&n->mdns, weir_pump_now(n->pump), name);
    }
    if (status != WEIR_OK) { /* nobody will tell: ICE does without */
        weir_peer_name_resolved(p, weir_pump_now(n->pump), name, NULL);
    }
}

/* The resolver's answers go to every peer that waits for the name. */
static void spread_answers(struct weir_node *n)
{
    struct weir_mdns_event e;
    while (weir_mdns_event(&n->mdns, &e)) {
        for (uint32_t i = 0; i < n->config.peers_max; i++) {
            if (n->is_used[i] && n->peer[i].names != 0) {
                weir_peer_name_resolved(&n->peer[i], weir_pump_now(n->pump),
                                        weir_span_of(e.name, e.name_bytes),
                                        e.is_resolved ? &e.addr : NULL);
                weir_node_touch(n, &n->peer[i]);
            }
        }
    }
}

void weir_node_mdns_recv(struct weir_node *n, const struct weir_packet *k)
{
    (void)weir_mdns_recv(&n->mdns, &k->path.remote, weir_span_of(k->data, k->len));
    spread_answers(n);
}

void weir_node_mdns_run(struct weir_node *n)
{
    const struct weir_path group = { n->mdns_local, weir_addr_v4(224, 0, 0, 251, 5353) };
    if (!n->has_mdns) {
        return;
    }
    weir_mdns_tick(&n->mdns, weir_pump_now(n->pump));
    spread_answers(n);
    for (;;) {
        struct weir_mspan room = weir_pump_room(n->pump);
        size_t bytes = room.n == 0 ? 0 : weir_mdns_send(&n->mdns, room);
        if (bytes == 0) {
            return;
        }
        (void)weir_pump_send(n->pump, &group, 0, bytes);
    }
}

weir_time weir_node_mdns_deadline(const struct weir_node *n)
{
    return n->has_mdns ? weir_mdns_deadline(&n->mdns) : WEIR_NEVER;
}
