/* Server-reflexive candidates: what STUN servers see of us [RFC 8445 5.1.1.2]. */
#include "ice/ice_int.h"

void weir_ice_gather_begin(struct weir_ice *ice, weir_time now)
{
    for (uint32_t s = 0; s < ice->servers && !weir_ice_is_over(ice); s++) {
        for (uint32_t i = 0; i < ice->locals; i++) {
            const struct weir_ice_candidate *c = local_at(ice, i);
            if (c->type == WEIR_ICE_HOST && c->addr.family == ice->server[s].family
                && !weir_addr_is_loopback(&c->addr) == !weir_addr_is_loopback(&ice->server[s])
                && ice->gathers < WEIR_ICE_GATHERS_MAX) {
                struct weir_path path = { c->addr, ice->server[s] };
                /* [RFC 8445 14.2] questions to servers are paced as checks are. */
                weir_time begin = weir_time_add(now, ice->config.ta * ice->gathers);
                struct weir_stun_client *t = &setup_of(ice)->gather[ice->gathers++];
                weir_stun_client_init(t, &path, &ice->rand, begin);
                weir_ice_tag_txid(ice, t->txid);
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
    uint8_t hosts = 0, told = 0;
    if (!weir_ice_gathers_anew(ice)) {
        return;
    }
    for (uint32_t i = 0; i < ice->locals; i++) {
        if (local_at(ice, i)->type == WEIR_ICE_HOST) {
            told = (uint8_t)(told + (i < ice->locals_told ? 1 : 0));
            *local_at(ice, hosts++) = *local_at(ice, i);
        }
    }
    ice->locals = hosts;
    ice->locals_told = told;
    weir_ice_trim(ice);
    ice->gathers = 0;
    ice->gather_until = WEIR_NEVER;
    ice->is_gathering_done = ice->has_told_gathered = false;
}

static bool is_known(const struct weir_ice *ice, const struct weir_addr *addr)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->locals; i++) {
        is_any |= weir_addr_eq(&local_at(ice, i)->addr, addr);
    }
    return is_any;
}

/* [RFC 8445 5.1.3] redundant when it equals a candidate that is there: no NAT between. */
static void add_reflexive(struct weir_ice *ice, const struct weir_stun_client *t)
{
    if (is_known(ice, &t->mapped) || ice->locals == WEIR_ICE_LOCALS_MAX
        || !weir_ice_have_locals(ice, ice->locals + 1u)) {
        return;
    }
    struct weir_ice_candidate *c = local_at(ice, ice->locals);
    memset(c, 0, sizeof *c);
    c->type = WEIR_ICE_SRFLX;
    c->component = 1;
    c->addr = t->mapped;
    c->related = t->path.local;
    c->priority = weir_ice_priority(WEIR_ICE_SRFLX, (uint16_t)(65535 - ice->locals));
    c->foundation_bytes = 2;
    c->foundation[0] = 's';
    c->foundation[1] = (char)('a' + ice->locals++);
}

static void tell_when_all_settled(struct weir_ice *ice)
{
    if (!ice->is_gathering_done || ice->has_told_gathered) {
        return;
    }
    for (uint32_t i = 0; i < ice->gathers; i++) {
        if (setup_of(ice)->gather[i].state == WEIR_STUN_CLIENT_WAITING) {
            return;
        }
    }
    ice->gathers = 0;
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
        struct weir_stun_client *t = &setup_of(ice)->gather[i];
        if (weir_stun_client_recv(t, path, m)) {
            if (t->state == WEIR_STUN_CLIENT_DONE) {
                add_reflexive(ice, t);
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
        weir_stun_client_tick(&setup_of(ice)->gather[i], now);
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
        struct weir_stun_client *t = &setup_of(ice)->gather[i];
        size_t n = weir_stun_client_send(t, now, out);
        if (n != 0) {
            *to = t->path;
            return n;
        }
    }
    return 0;
}

weir_time weir_ice_gather_deadline(const struct weir_ice *ice)
{
    weir_time at = ice->gather_until;
    for (uint32_t i = 0; i < ice->gathers; i++) {
        at = weir_time_min(at, weir_stun_client_deadline(&setup_of(ice)->gather[i]));
    }
    return at;
}
