/* A lite agent knows where a request came from, not whether answers get there: who was told the password
 * can write any address on it, and who recorded a request can send it again from elsewhere. So on each
 * path at most three bytes leave for one that came by it [RFC 9147 5.1], until a record or packet that
 * only the peer can have made, and that is new, came by it. This holds for each sender, and after the
 * handshake too, when data moves to a path. What has to wait leaves after the peer's next check.
 */
#include "peer/peer_int.h"

#define LITE_TIMES 3

static struct weir_peer_debt *debt_of(struct weir_peer *p, const struct weir_path *to)
{
    for (unsigned i = 0; i < WEIR_PEER_DEBTS_MAX; i++) {
        if (weir_path_eq(&p->debt[i].to, to)) {
            return &p->debt[i];
        }
    }
    return NULL;
}

/* Data goes to a path that is not among the last few. */
static struct weir_peer_debt *new_debt(struct weir_peer *p, const struct weir_path *to)
{
    memmove(&p->debt[1], &p->debt[0], (WEIR_PEER_DEBTS_MAX - 1) * sizeof p->debt[0]);
    memset(&p->debt[0], 0, sizeof p->debt[0]);
    p->debt[0].to = *to;
    return &p->debt[0];
}

void weir_peer_lite_heard(struct weir_peer *p, weir_time now, const struct weir_packet *k,
                          bool is_under_keys)
{
    const struct weir_path *via = weir_ice_via(&p->ice);
    if (!p->config.is_lite || via == NULL || !weir_path_eq(via, &k->path)) {
        return;
    }
    struct weir_peer_debt *d = debt_of(p, via);
    d = d != NULL ? d : new_debt(p, via);
    d->rx += k->len;
    if (is_under_keys) {
        d->is_proven = true;
        weir_ice_heard_keys(&p->ice, now);
    }
}

void weir_peer_lite_sent(struct weir_peer *p, const struct weir_path *to, size_t bytes)
{
    struct weir_peer_debt *d = p->config.is_lite ? debt_of(p, to) : NULL;
    if (d != NULL) {
        d->tx += bytes;
    }
}

size_t weir_peer_lite_room(const struct weir_peer *p, const struct weir_path *to, size_t room)
{
    for (unsigned i = 0; p->config.is_lite && i < WEIR_PEER_DEBTS_MAX; i++) {
        const struct weir_peer_debt *d = &p->debt[i];
        if (weir_path_eq(&d->to, to)) {
            uint64_t left = LITE_TIMES * d->rx > d->tx ? LITE_TIMES * d->rx - d->tx : 0;
            return d->is_proven || left > room ? room : (size_t)left;
        }
    }
    return p->config.is_lite ? 0 : room;
}
