/* Candidate pairs: forming, ordering, choosing which to check next [RFC 8445 6.1.2, 6.1.4]. */
#include "ice/ice_int.h"

/* [RFC 8445 5.1.2.1] 2^24 type + 2^8 local + (256 - component), component 1. */
uint32_t weir_ice_priority(enum weir_ice_type type, uint16_t preference)
{
    static const uint32_t type_preference[] = { 126, 100, 110, 0 }; /* [RFC 8445 5.1.2.2] */
    return type_preference[type] << 24 | (uint32_t)preference << 8 | 255;
}

struct weir_path weir_ice_pair_path(const struct weir_ice *ice, const struct weir_ice_pair *p)
{
    struct weir_path path = { ice->local[p->local].addr, ice->remote[p->remote].addr };
    return path;
}

/* [RFC 8445 6.1.2.3] 2^32 min(G,D) + 2 max(G,D) + (G > D), G the controlling side's. */
static uint64_t pair_priority(const struct weir_ice *ice, const struct weir_ice_pair *p)
{
    uint64_t ours = ice->local[p->local].priority, theirs = ice->remote[p->remote].priority;
    uint64_t g = ice->is_controlling ? ours : theirs, d = ice->is_controlling ? theirs : ours;
    return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d ? 1 : 0);
}

void weir_ice_reprioritise(struct weir_ice *ice)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        ice->pair[i].priority = pair_priority(ice, &ice->pair[i]);
    }
}

struct weir_ice_pair *weir_ice_find_pair(struct weir_ice *ice, uint32_t local, uint32_t remote)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        if (ice->pair[i].local == local && ice->pair[i].remote == remote) {
            return &ice->pair[i];
        }
    }
    return NULL;
}

struct weir_ice_pair *weir_ice_pair_of_path(struct weir_ice *ice, const struct weir_path *path)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_path p = weir_ice_pair_path(ice, &ice->pair[i]);
        if (weir_path_eq(&p, path)) {
            return &ice->pair[i];
        }
    }
    return NULL;
}

struct weir_ice_pair *weir_ice_make_pair(struct weir_ice *ice, uint32_t local, uint32_t remote)
{
    struct weir_ice_pair *p = weir_ice_find_pair(ice, local, remote);
    if (p != NULL || ice->pairs == WEIR_ICE_PAIRS_MAX) {
        return p;
    }
    p = &ice->pair[ice->pairs++];
    memset(p, 0, sizeof *p);
    p->local = (uint8_t)local;
    p->remote = (uint8_t)remote;
    p->state = WEIR_ICE_FROZEN;
    p->next_at = WEIR_NEVER;
    p->priority = pair_priority(ice, p);
    return p;
}

/* [RFC 8445 6.1.2.2] same family; server-reflexive ones of ours are replaced by their base, which is
 * a host and has pairs already [RFC 8445 6.1.2.4]. */
static bool can_pair(const struct weir_ice_candidate *local, const struct weir_ice_candidate *remote)
{
    return local->type == WEIR_ICE_HOST && local->addr.family == remote->addr.family
           && weir_addr_is_link_local(&local->addr) == weir_addr_is_link_local(&remote->addr);
}

void weir_ice_pair_local(struct weir_ice *ice, weir_time now, uint32_t local)
{
    for (uint32_t i = 0; i < ice->remotes; i++) {
        if (can_pair(&ice->local[local], &ice->remote[i])) {
            (void)weir_ice_make_pair(ice, local, i);
        }
    }
    weir_ice_arm_checks(ice, now);
}

void weir_ice_pair_remote(struct weir_ice *ice, weir_time now, uint32_t remote)
{
    for (uint32_t i = 0; i < ice->locals; i++) {
        if (can_pair(&ice->local[i], &ice->remote[remote])) {
            (void)weir_ice_make_pair(ice, i, remote);
        }
    }
    weir_ice_arm_checks(ice, now);
}

/* -- Choosing ---------------------------------------------------------------------------------- */

static bool same_foundation(const struct weir_ice *ice, const struct weir_ice_pair *a,
                            const struct weir_ice_pair *b)
{
    const struct weir_ice_candidate *la = &ice->local[a->local], *lb = &ice->local[b->local];
    const struct weir_ice_candidate *ra = &ice->remote[a->remote], *rb = &ice->remote[b->remote];
    return weir_span_eq(weir_span_of(la->foundation, la->foundation_bytes),
                        weir_span_of(lb->foundation, lb->foundation_bytes))
           && weir_span_eq(weir_span_of(ra->foundation, ra->foundation_bytes),
                           weir_span_of(rb->foundation, rb->foundation_bytes));
}

/* [RFC 8445 6.1.4.2] a frozen pair waits while one of its foundation is waiting or in progress. */
static bool may_thaw(const struct weir_ice *ice, const struct weir_ice_pair *p)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *q = &ice->pair[i];
        if ((q->state == WEIR_ICE_WAITING || q->state == WEIR_ICE_IN_PROGRESS)
            && same_foundation(ice, p, q)) {
            return false;
        }
    }
    return true;
}

static bool is_better(const struct weir_ice_pair *p, const struct weir_ice_pair *best)
{
    return best == NULL || p->priority > best->priority;
}

static struct weir_ice_pair *best_of(struct weir_ice *ice, bool want_triggered,
                                     enum weir_ice_pair_state state)
{
    struct weir_ice_pair *best = NULL;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = &ice->pair[i];
        bool fits = want_triggered ? p->is_triggered : p->state == state;
        if (fits && is_better(p, best) && (want_triggered || state != WEIR_ICE_FROZEN
                                           || may_thaw(ice, p))) {
            best = p;
        }
    }
    return best;
}

struct weir_ice_pair *weir_ice_next_check(struct weir_ice *ice)
{
    struct weir_ice_pair *p = best_of(ice, true, WEIR_ICE_WAITING);
    p = p != NULL ? p : best_of(ice, false, WEIR_ICE_WAITING);
    return p != NULL ? p : best_of(ice, false, WEIR_ICE_FROZEN);
}

void weir_ice_arm_checks(struct weir_ice *ice, weir_time now)
{
    bool may_check = ice->has_remote && ice->state != WEIR_ICE_FAILED && ice->state != WEIR_ICE_CLOSED;
    if (may_check && ice->check_at == WEIR_NEVER && weir_ice_next_check(ice) != NULL) {
        ice->check_at = now;
    }
}

void weir_ice_trigger(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    if (p->state == WEIR_ICE_IN_PROGRESS) {
        /* The peer is there: ask again now, unless we just did. The transaction stays the same. */
        if (weir_time_since(now, p->sent_at) >= ICE_RETRIGGER_GAP) {
            p->owes_check = true;
        }
        return;
    }
    if (p->state == WEIR_ICE_SUCCEEDED && !p->is_nominating) {
        return;
    }
    p->is_triggered = true;
    if (p->state != WEIR_ICE_SUCCEEDED) {
        p->state = WEIR_ICE_WAITING;
    }
    weir_ice_arm_checks(ice, now);
}
