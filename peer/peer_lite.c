/* A lite agent knows where a request came from, not whether answers get there: who was told the password
 * can write any address on it, and who recorded a request can send it again from elsewhere. So on each
 * path at most three bytes leave for one that came by it [RFC 9147 5.1], until a record or packet that
 * only the peer can have made, and that is new, came by it. This holds for each sender, and after the
 * handshake too, when data moves to a path. What has to wait leaves after the peer's next check.
 */
#include "peer/peer_int.h"

#define LITE_TIMES 3

static struct weir_peer_debts *debts_at(const struct weir_peer *p)
{
    return (struct weir_peer_debts *)weir_cell_at(p->pool, p->debts);
}

static struct weir_peer_debt *debt_of(const struct weir_peer *p, const struct weir_path *to)
{
    for (unsigned i = 0; p->debts != WEIR_NO_CELL && i < WEIR_PEER_DEBTS_MAX; i++) {
        if (weir_path_eq(&debts_at(p)->of[i].to, to)) {
            return &debts_at(p)->of[i];
        }
    }
    return NULL;
}

/* Data goes to a path that is not among the last few. NULL: the pool has no room to remember any, and so
 * nothing leaves. */
static struct weir_peer_debt *new_debt(struct weir_peer *p, const struct weir_path *to)
{
    if (p->debts == WEIR_NO_CELL && p->account != WEIR_NO_ACCOUNT) {
        p->debts = weir_run_get(p->pool, p->account, WEIR_STORE_DENSE, PEER_DEBTS_CELLS);
        if (p->debts != WEIR_NO_CELL) {
            memset(debts_at(p), 0, sizeof *debts_at(p));
        }
    }
    if (p->debts == WEIR_NO_CELL) {
        return NULL;
    }
    struct weir_peer_debt *of = debts_at(p)->of;
    memmove(&of[1], &of[0], (WEIR_PEER_DEBTS_MAX - 1) * sizeof of[0]);
    memset(&of[0], 0, sizeof of[0]);
    of[0].to = *to;
    return &of[0];
}

void weir_peer_lite_end(struct weir_peer *p)
{
    if (p->debts != WEIR_NO_CELL) {
        weir_run_put(p->pool, p->account, p->debts, PEER_DEBTS_CELLS);
        p->debts = WEIR_NO_CELL;
    }
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
    if (d != NULL) {
        d->rx += k->len;
        d->is_proven |= is_under_keys;
    }
    if (is_under_keys) {
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
    if (!p->config.is_lite) {
        return room;
    }
    const struct weir_peer_debt *d = debt_of(p, to);
    if (d == NULL) {
        return 0;
    }
    uint64_t left = LITE_TIMES * d->rx > d->tx ? LITE_TIMES * d->rx - d->tx : 0;
    return d->is_proven || left > room ? room : (size_t)left;
}
