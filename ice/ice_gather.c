/* Server-reflexive candidates: what STUN servers see of us [RFC 8445 5.1.1.2]. */
#include "ice/ice_int.h"

void weir_ice_gather_begin(struct weir_ice *ice, weir_time now)
{
    ice->gathers = 0;
    for (uint32_t s = 0; s < ice->servers; s++) {
        for (uint32_t i = 0; i < ice->locals; i++) {
            const struct weir_ice_candidate *c = &ice->local[i];
            if (c->type == WEIR_ICE_HOST && c->addr.family == ice->server[s].family
                && !weir_addr_is_loopback(&c->addr) == !weir_addr_is_loopback(&ice->server[s])
                && ice->gathers < WEIR_ICE_GATHERS_MAX) {
                struct weir_path path = { c->addr, ice->server[s] };
                /* [RFC 8445 14.2] questions to servers are paced as checks are. */
                weir_time begin = weir_time_add(now, ice->config.ta * ice->gathers);
                weir_stun_client_init(&ice->gather[ice->gathers], &path, &ice->rand, begin);
                weir_ice_tag_txid(ice, ice->gather[ice->gathers++].txid);
            }
        }
    }
    ice->gather_until = weir_time_add(now, ice->config.gather_wait);
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_GATHERING };
    weir_ice_push_event(ice, &e);
}

bool weir_ice_gathers_anew(const struct weir_ice *ice)
{
    return ice->servers != 0 && ice->is_gathering_done;
}

/* What a translator told us then it may not tell us now. Our hosts stay. Nothing points to the others: the
 * pairs of before are gone. */
void weir_ice_gather_anew(struct weir_ice *ice)
{
    uint32_t hosts = 0;
    if (!weir_ice_gathers_anew(ice)) {
        return;
    }
    for (uint32_t i = 0; i < ice->locals; i++) {
        if (ice->local[i].type == WEIR_ICE_HOST) {
            ice->local[hosts++] = ice->local[i];
        }
    }
    ice->locals = hosts;
    ice->gathers = 0;
    ice->gather_until = WEIR_NEVER;
    ice->is_gathering_done = ice->has_told_gathered = false;
}

static bool is_known(const struct weir_ice *ice, const struct weir_addr *addr)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->locals; i++) {
        is_any |= weir_addr_eq(&ice->local[i].addr, addr);
    }
    return is_any;
}

/* [RFC 8445 5.1.3] redundant when it equals a candidate that is there: no NAT between. */
static void add_reflexive(struct weir_ice *ice, const struct weir_stun_client *t)
{
    if (is_known(ice, &t->mapped) || ice->locals == WEIR_ICE_LOCALS_MAX) {
        return;
    }
    struct weir_ice_candidate *c = &ice->local[ice->locals];
    memset(c, 0, sizeof *c);
    c->type = WEIR_ICE_SRFLX;
    c->component = 1;
    c->addr = t->mapped;
    c->related = t->path.local;
    c->priority = weir_ice_priority(WEIR_ICE_SRFLX, (uint16_t)(65535 - ice->locals));
    c->foundation_bytes = 2;
    c->foundation[0] = 's';
    c->foundation[1] = (char)('a' + ice->locals);
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_CANDIDATE, .candidate = ice->locals++ };
    weir_ice_push_event(ice, &e);
}

static void tell_when_all_settled(struct weir_ice *ice)
{
    if (!ice->is_gathering_done || ice->has_told_gathered) {
        return;
    }
    for (uint32_t i = 0; i < ice->gathers; i++) {
        if (ice->gather[i].state == WEIR_STUN_CLIENT_WAITING) {
            return;
        }
    }
    ice->has_told_gathered = true;
    ice->gather_until = WEIR_NEVER;
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_GATHERED };
    weir_ice_push_event(ice, &e);
}

bool weir_ice_gather_recv(struct weir_ice *ice, weir_time now, const struct weir_path *path,
                          const struct weir_stun_msg *m)
{
    (void)now;
    for (uint32_t i = 0; i < ice->gathers; i++) {
        if (weir_stun_client_recv(&ice->gather[i], path, m)) {
            if (ice->gather[i].state == WEIR_STUN_CLIENT_DONE) {
                add_reflexive(ice, &ice->gather[i]);
            }
            tell_when_all_settled(ice);
            return true;
        }
    }
    return false;
}

void weir_ice_gather_tick(struct weir_ice *ice, weir_time now)
{
    for (uint32_t i = 0; i < ice->gathers; i++) {
        weir_stun_client_tick(&ice->gather[i], now);
    }
    if (now >= ice->gather_until) { /* a dead server must not hold up who waits for GATHERED */
        ice->gathers = 0;
    }
    tell_when_all_settled(ice);
}

size_t weir_ice_gather_send(struct weir_ice *ice, weir_time now, struct weir_mspan out,
                            struct weir_path *to)
{
    for (uint32_t i = 0; i < ice->gathers; i++) {
        size_t n = weir_stun_client_send(&ice->gather[i], now, out);
        if (n != 0) {
            *to = ice->gather[i].path;
            return n;
        }
    }
    return 0;
}

weir_time weir_ice_gather_deadline(const struct weir_ice *ice)
{
    weir_time at = ice->gather_until;
    for (uint32_t i = 0; i < ice->gathers; i++) {
        at = weir_time_min(at, weir_stun_client_deadline(&ice->gather[i]));
    }
    return at;
}
