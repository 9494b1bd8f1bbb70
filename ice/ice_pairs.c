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
    struct weir_path path = { local_at(ice, p->local)->addr, remote_at(ice, p->remote)->addr };
    return path;
}

bool weir_ice_pair_is_on(const struct weir_ice *ice, const struct weir_ice_pair *p,
                         const struct weir_path *path)
{
    return weir_addr_eq(&remote_at(ice, p->remote)->addr, &path->remote)
           && weir_addr_eq(&local_at(ice, p->local)->addr, &path->local);
}

/* [RFC 8445 6.1.2.3] 2^32 min(G,D) + 2 max(G,D) + (G > D), G the controlling side's. */
static uint64_t pair_priority(const struct weir_ice *ice, uint32_t local, uint32_t remote)
{
    uint64_t ours = local_at(ice, local)->priority, theirs = remote_at(ice, remote)->priority;
    uint64_t g = ice->is_controlling ? ours : theirs, d = ice->is_controlling ? theirs : ours;
    return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d ? 1 : 0);
}

void weir_ice_reprioritise(struct weir_ice *ice)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        p->priority = pair_priority(ice, p->local, p->remote);
    }
}

struct weir_ice_pair *weir_ice_find_pair(struct weir_ice *ice, uint32_t local, uint32_t remote)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        if (pair_at(ice, i)->local == local && pair_at(ice, i)->remote == remote) {
            return pair_at(ice, i);
        }
    }
    return NULL;
}

/* Nothing would be lost but the chance that it works. */
static bool is_idle(const struct weir_ice *ice, const struct weir_ice_pair *p)
{
    return !p->is_valid && !p->has_request && p->state != WEIR_ICE_IN_PROGRESS
           && p->at != ice->selected;
}

/* [RFC 8445 6.1.2.5] at the limit the pair of lowest priority makes room, if it is worse. */
static struct weir_ice_pair *room_for_pair(struct weir_ice *ice, uint64_t priority)
{
    struct weir_ice_pair *worst = NULL;
    if (ice->pairs < WEIR_ICE_PAIRS_MAX && weir_ice_have_pairs(ice, ice->pairs + 1u)) {
        ice->pairs++;
        pair_at(ice, ice->pairs - 1u)->at = (uint8_t)(ice->pairs - 1);
        return pair_at(ice, ice->pairs - 1u);
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        if (is_idle(ice, p) && p->priority < priority
            && (worst == NULL || p->priority < worst->priority)) {
            worst = p;
        }
    }
    return worst;
}

struct weir_ice_pair *weir_ice_make_pair(struct weir_ice *ice, uint32_t local, uint32_t remote)
{
    struct weir_ice_pair *p = weir_ice_find_pair(ice, local, remote);
    uint64_t priority = pair_priority(ice, local, remote);
    if (p != NULL) {
        return p;
    }
    p = room_for_pair(ice, priority);
    if (p != NULL) {
        *p = (struct weir_ice_pair){ .at = p->at, .local = (uint8_t)local, .mapped = (uint8_t)local,
                                     .remote = (uint8_t)remote, .state = WEIR_ICE_FROZEN,
                                     .next_at = WEIR_NEVER, .priority = priority };
    }
    return p;
}

/* [RFC 8445 6.1.2.2] same family; server-reflexive ones of ours are replaced by their base, which is
 * a host and has pairs already [RFC 8445 6.1.2.4]. */
static bool can_pair(const struct weir_ice_candidate *local, const struct weir_ice_candidate *remote)
{
    return local->type == WEIR_ICE_HOST && local->addr.family == remote->addr.family
           && weir_addr_is_link_local(&local->addr) == weir_addr_is_link_local(&remote->addr)
           && (weir_addr_is_loopback(&local->addr) || !weir_addr_is_loopback(&remote->addr));
}

uint32_t weir_ice_pairs_of_local(const struct weir_ice *ice, const struct weir_ice_candidate *local)
{
    uint32_t more = 0;
    for (uint32_t i = 0; !ice->config.is_lite && i < ice->remotes; i++) {
        more += can_pair(local, remote_at(ice, i));
    }
    return ice->pairs + more < WEIR_ICE_PAIRS_MAX ? ice->pairs + more : WEIR_ICE_PAIRS_MAX;
}

uint32_t weir_ice_pairs_of_remote(const struct weir_ice *ice, const struct weir_ice_candidate *remote)
{
    uint32_t more = 0;
    for (uint32_t i = 0; !ice->config.is_lite && i < ice->locals; i++) {
        more += can_pair(local_at(ice, i), remote);
    }
    return ice->pairs + more < WEIR_ICE_PAIRS_MAX ? ice->pairs + more : WEIR_ICE_PAIRS_MAX;
}

void weir_ice_pair_local(struct weir_ice *ice, weir_time now, uint32_t local)
{
    for (uint32_t i = 0; !ice->config.is_lite && i < ice->remotes; i++) {
        if (can_pair(local_at(ice, local), remote_at(ice, i))) {
            (void)weir_ice_make_pair(ice, local, i);
        }
    }
    weir_ice_arm_checks(ice, now);
}

void weir_ice_pair_remote(struct weir_ice *ice, weir_time now, uint32_t remote)
{
    for (uint32_t i = 0; !ice->config.is_lite && i < ice->locals; i++) {
        if (can_pair(local_at(ice, i), remote_at(ice, remote))) {
            (void)weir_ice_make_pair(ice, i, remote);
        }
    }
    weir_ice_arm_checks(ice, now);
}

bool weir_ice_find_local(const struct weir_ice *ice, const struct weir_addr *addr, uint32_t *out)
{
    for (uint32_t i = 0; i < ice->locals; i++) {
        const struct weir_ice_candidate *c = local_at(ice, i);
        if (c->type == WEIR_ICE_HOST && weir_addr_eq(&c->addr, addr)) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* -- Discovered candidates --------------------------------------------------------------------- */

uint32_t weir_ice_find_remote(const struct weir_ice *ice, const struct weir_addr *addr)
{
    for (uint32_t i = 0; i < ice->remotes; i++) {
        if (weir_addr_eq(&remote_at(ice, i)->addr, addr)) {
            return i;
        }
    }
    return WEIR_ICE_NONE;
}

/* Every pair of this candidate failed or never worked: its address is dead. Lite, we cannot tell; what
 * carries no data is given up. */
static bool is_dead(const struct weir_ice *ice, uint32_t remote)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *p = pair_at(ice, i);
        bool is_of_use = ice->config.is_lite ? i == ice->selected
                                             : p->is_valid || p->state != WEIR_ICE_PAIR_FAILED;
        if (p->remote == remote && is_of_use) {
            return false;
        }
    }
    return true;
}

void weir_ice_drop_pair(struct weir_ice *ice, uint32_t index)
{
    ice->pairs--;
    *pair_at(ice, index) = *pair_at(ice, ice->pairs);
    pair_at(ice, index)->at = (uint8_t)index;
    if (ice->selected == ice->pairs) {
        ice->selected = index;
    }
}

static void drop_pairs_of(struct weir_ice *ice, uint32_t remote)
{
    for (uint32_t i = ice->pairs; i-- > 0;) {
        if (pair_at(ice, i)->remote == remote) {
            weir_ice_drop_pair(ice, i);
        }
    }
}

bool weir_ice_drop_remote(struct weir_ice *ice, uint32_t remote)
{
    uint32_t last = ice->remotes - 1u;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *p = pair_at(ice, i);
        if (p->remote == remote && (p->is_valid || p->has_request)) {
            return false;
        }
    }
    drop_pairs_of(ice, remote);
    *remote_at(ice, remote) = *remote_at(ice, last);
    ice->remotes--;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        if (pair_at(ice, i)->remote == last) {
            pair_at(ice, i)->remote = (uint8_t)remote;
        }
    }
    return true;
}

static uint32_t room_for_discovery(struct weir_ice *ice)
{
    uint32_t discovered = 0, dead = WEIR_ICE_NONE;
    for (uint32_t i = 0; i < ice->remotes; i++) {
        if (remote_at(ice, i)->type == WEIR_ICE_PRFLX) {
            discovered++;
            dead = is_dead(ice, i) ? i : dead;
        }
    }
    if (discovered < WEIR_ICE_PRFLX_MAX && ice->remotes < WEIR_ICE_REMOTES_MAX
        && weir_ice_have_remotes(ice, ice->remotes + 1u)) {
        return ice->remotes++;
    }
    if (dead != WEIR_ICE_NONE) {
        drop_pairs_of(ice, dead);
    }
    return dead;
}

uint32_t weir_ice_discover_remote(struct weir_ice *ice, const struct weir_addr *addr,
                                  uint32_t priority)
{
    uint32_t at = room_for_discovery(ice);
    if (at == WEIR_ICE_NONE) {
        return at;
    }
    struct weir_ice_candidate *c = remote_at(ice, at);
    memset(c, 0, sizeof *c);
    c->type = WEIR_ICE_PRFLX;
    c->component = 1;
    c->addr = *addr;
    c->priority = priority;
    c->foundation_bytes = 3; /* distinct from every other: '~' is in no one's alphabet */
    c->foundation[0] = '~';
    c->foundation[1] = (char)('0' + (ice->prflx_seen >> 4));
    c->foundation[2] = (char)('0' + (ice->prflx_seen & 15));
    ice->prflx_seen++;
    return at;
}

/* -- Choosing ---------------------------------------------------------------------------------- */

static struct weir_span foundation_of(const struct weir_ice_candidate *c)
{
    return weir_span_of(c->foundation, c->foundation_bytes);
}

static bool same_foundation(const struct weir_ice *ice, const struct weir_ice_pair *a,
                            const struct weir_ice_pair *b)
{
    return weir_span_eq(foundation_of(local_at(ice, a->local)), foundation_of(local_at(ice, b->local)))
           && weir_span_eq(foundation_of(remote_at(ice, a->remote)),
                           foundation_of(remote_at(ice, b->remote)));
}

/* [RFC 8445 6.1.4.2] a frozen pair waits while one of its foundation is waiting or in progress. */
static bool may_thaw(const struct weir_ice *ice, const struct weir_ice_pair *p)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *q = pair_at(ice, i);
        if ((q->state == WEIR_ICE_WAITING || q->state == WEIR_ICE_IN_PROGRESS)
            && same_foundation(ice, p, q)) {
            return false;
        }
    }
    return true;
}

static struct weir_ice_pair *first_triggered(struct weir_ice *ice)
{
    struct weir_ice_pair *first = NULL;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        if (p->trigger != 0 && (first == NULL || p->trigger < first->trigger)) {
            first = p;
        }
    }
    return first;
}

static struct weir_ice_pair *best_in(struct weir_ice *ice, enum weir_ice_pair_state state)
{
    struct weir_ice_pair *best = NULL;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        if (p->state == state && (best == NULL || p->priority > best->priority)
            && (state != WEIR_ICE_FROZEN || may_thaw(ice, p))) {
            best = p;
        }
    }
    return best;
}

/* [RFC 8445 8.1.2] once we nominated, the others need no ordinary checks. Triggered ones go on: they
 * are how a peer that moved is found again. */
static bool is_settled(const struct weir_ice *ice)
{
    return ice->is_controlling && ice->selected != WEIR_ICE_NONE && selected_of(ice)->is_nominated;
}

struct weir_ice_pair *weir_ice_next_check(struct weir_ice *ice)
{
    struct weir_ice_pair *p = first_triggered(ice);
    if (p != NULL || is_settled(ice)) {
        return p;
    }
    p = best_in(ice, WEIR_ICE_WAITING);
    return p != NULL ? p : best_in(ice, WEIR_ICE_FROZEN);
}

bool weir_ice_is_checking(const struct weir_ice *ice)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        is_any |= pair_at(ice, i)->state <= WEIR_ICE_IN_PROGRESS;
    }
    return is_any && ice->has_remote;
}

void weir_ice_arm_checks(struct weir_ice *ice, weir_time now)
{
    bool may_check = ice->has_remote && !weir_ice_is_over(ice) && !ice->config.is_lite;
    if (may_check && ice->check_at == WEIR_NEVER && weir_ice_next_check(ice) != NULL) {
        weir_time paced = ice->last_check_at == 0
                              ? 0 : weir_time_add(ice->last_check_at, ice->config.ta);
        ice->check_at = paced > now ? paced : now; /* [RFC 8445 14.2 MUST] no faster than Ta */
    }
}

void weir_ice_trigger(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    if (p->state == WEIR_ICE_IN_PROGRESS) {
        /* [RFC 8445 7.3.1.4 DEVIATION] the RFC cancels the transaction and begins another. A peer that
         * asks more often than a round trip takes would then make us forget each transaction before
         * its answer comes, so the same one is repeated, apart from its own timer. */
        if (weir_time_since(now, p->sent_at) >= ICE_RETRIGGER_GAP && !p->owes_check) {
            p->owes_check = p->is_extra = true;
        }
        return;
    }
    if (p->state == WEIR_ICE_SUCCEEDED && !p->is_nominating) {
        return;
    }
    p->trigger = p->trigger != 0 ? p->trigger : ++ice->triggers;
    if (p->state != WEIR_ICE_SUCCEEDED) {
        p->state = WEIR_ICE_WAITING;
    }
    weir_ice_arm_checks(ice, now);
}
