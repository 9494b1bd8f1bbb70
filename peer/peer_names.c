/* Candidates whose address is a .local name, while somebody resolves it. A place is taken for as long as
 * its name is open; candidates of one name ask once; the same candidate again changes nothing.
 */
#include "peer/peer_int.h"

static bool is_local_name(struct weir_span name)
{
    return name.n > 6 && name.n < WEIR_PEER_NAME_BYTES
           && weir_sdp_same_name(weir_span_of(name.p + name.n - 6, 6), WEIR_LIT(".local"));
}

static struct weir_peer_name *name_at(const struct weir_peer *p, unsigned i)
{
    return p->name[i] == WEIR_NO_CELL ? NULL : (struct weir_peer_name *)weir_cell_at(p->pool, p->name[i]);
}

static bool is_called(const struct weir_peer_name *w, struct weir_span name)
{
    return w != NULL && weir_sdp_same_name(name, weir_span_of(w->name, w->name_bytes));
}

/* An event may point to its text until the next call: that stays in the cells as it is. */
static void forget(struct weir_peer *p, unsigned i)
{
    if (p->name[i] != WEIR_NO_CELL) {
        weir_run_put(p->pool, p->account, p->name[i], PEER_NAME_CELLS);
        p->name[i] = WEIR_NO_CELL;
        p->names--;
    }
}

/* A free place, or that of the oldest, which has waited in vain for longest; NULL: the pool has no room. */
static struct weir_peer_name *place_for(struct weir_peer *p)
{
    unsigned i = 0;
    while (i < WEIR_PEER_NAMES_MAX && p->name[i] != WEIR_NO_CELL) {
        i++;
    }
    if (i == WEIR_PEER_NAMES_MAX) {
        i = p->name_at;
        p->name_at = (uint8_t)((p->name_at + 1) % WEIR_PEER_NAMES_MAX);
        p->names_left_out++;
        return name_at(p, i);
    }
    if (p->account != WEIR_NO_ACCOUNT) {
        p->name[i] = weir_run_get(p->pool, p->account, WEIR_STORE_DENSE, PEER_NAME_CELLS);
    }
    p->names = (uint8_t)(p->names + (p->name[i] != WEIR_NO_CELL ? 1 : 0));
    return name_at(p, i);
}

bool weir_peer_keep_name(struct weir_peer *p, struct weir_span name, const struct weir_ice_candidate *c)
{
    bool is_told = false;
    if (!is_local_name(name) || c->is_tcp || c->component != 1 || p->config.is_lite) {
        return true; /* ICE reaches its owner when it calls us; lite, we find the peer where it asks from */
    }
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        struct weir_peer_name *w = name_at(p, i);
        if (is_called(w, name)) {
            is_told |= w->is_told;
            if (w->candidate.addr.port == c->addr.port) {
                w->candidate = *c;
                return true;
            }
        }
    }
    struct weir_peer_name *room = place_for(p);
    if (room == NULL) {
        p->names_left_out++;
        return false;
    }
    memcpy(room->name, name.p, name.n);
    room->name_bytes = (uint8_t)name.n;
    room->is_told = is_told;
    room->candidate = *c;
    return true;
}

void weir_peer_forget_names(struct weir_peer *p)
{
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        forget(p, i);
    }
}

bool weir_peer_next_name(struct weir_peer *p, struct weir_event *e)
{
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX && p->names != 0; i++) {
        const struct weir_peer_name *w = name_at(p, i);
        if (w == NULL || w->is_told) {
            continue;
        }
        memset(e, 0, sizeof *e);
        e->type = WEIR_EVENT_NAME;
        e->data = weir_span_of(w->name, w->name_bytes);
        for (unsigned k = i; k < WEIR_PEER_NAMES_MAX; k++) {
            if (is_called(name_at(p, k), e->data)) {
                name_at(p, k)->is_told = true;
            }
        }
        return true;
    }
    return false;
}

void weir_peer_name_resolved(struct weir_peer *p, weir_time now, struct weir_span name,
                             const struct weir_addr *ip)
{
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        const struct weir_peer_name *w = name_at(p, i);
        if (!is_called(w, name)) {
            continue;
        }
        if (ip != NULL) {
            struct weir_ice_candidate c = w->candidate;
            c.addr = *ip;
            c.addr.port = w->candidate.addr.port;
            (void)!weir_ice_add_remote(&p->ice, now, &c); /* by the policy, as any other */
        }
        forget(p, i);
    }
    weir_peer_progress(p, now);
}
