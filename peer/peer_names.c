/* Candidates whose address is a .local name, while somebody resolves it. A place is taken for as long as
 * its name is open; candidates of one name ask once; the same candidate again changes nothing.
 */
#include "peer/peer_int.h"

static bool is_local_name(struct weir_span name)
{
    return name.n > 6 && name.n < WEIR_PEER_NAME_BYTES
           && weir_sdp_same_name(weir_span_of(name.p + name.n - 6, 6), WEIR_LIT(".local"));
}

static bool is_called(const struct weir_peer_name *w, struct weir_span name)
{
    return w->name_bytes != 0 && weir_sdp_same_name(name, weir_span_of(w->name, w->name_bytes));
}

void weir_peer_keep_name(struct weir_peer *p, struct weir_span name, const struct weir_ice_candidate *c)
{
    struct weir_peer_name *room = NULL;
    bool is_told = false;
    if (!is_local_name(name) || c->is_tcp || c->component != 1 || p->config.is_lite) {
        return; /* ICE reaches its owner when it calls us; lite, we find the peer where it asks from */
    }
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        struct weir_peer_name *w = &p->name[i];
        if (is_called(w, name)) {
            is_told |= w->is_told;
            if (w->candidate.addr.port == c->addr.port) {
                w->candidate = *c;
                return;
            }
        }
        room = w->name_bytes == 0 && room == NULL ? w : room;
    }
    if (room == NULL) { /* the oldest has waited in vain for longest */
        room = &p->name[p->name_at];
        p->name_at = (uint8_t)((p->name_at + 1) % WEIR_PEER_NAMES_MAX);
        p->names_left_out++;
        p->names--;
    }
    memcpy(room->name, name.p, name.n);
    room->name_bytes = (uint8_t)name.n;
    room->is_told = is_told;
    room->candidate = *c;
    p->names++;
}

void weir_peer_forget_names(struct weir_peer *p)
{
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        p->name[i].name_bytes = 0;
    }
    p->names = 0;
}

bool weir_peer_next_name(struct weir_peer *p, struct weir_event *e)
{
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX && p->names != 0; i++) {
        const struct weir_peer_name *w = &p->name[i];
        if (w->name_bytes == 0 || w->is_told) {
            continue;
        }
        memset(e, 0, sizeof *e);
        e->type = WEIR_EVENT_NAME;
        e->data = weir_span_of(w->name, w->name_bytes);
        for (unsigned k = i; k < WEIR_PEER_NAMES_MAX; k++) {
            p->name[k].is_told |= is_called(&p->name[k], e->data);
        }
        return true;
    }
    return false;
}

void weir_peer_name_resolved(struct weir_peer *p, weir_time now, struct weir_span name,
                             const struct weir_addr *ip)
{
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        struct weir_peer_name *w = &p->name[i];
        if (!is_called(w, name)) {
            continue;
        }
        if (ip != NULL) {
            uint16_t port = w->candidate.addr.port;
            w->candidate.addr = *ip;
            w->candidate.addr.port = port;
            (void)!weir_ice_add_remote(&p->ice, now, &w->candidate); /* by the policy, as any other */
        }
        w->name_bytes = 0; /* the text stays: an event may point to it, until the next call */
        p->names--;
    }
    weir_peer_progress(p, now);
}
