/* Where checks may go. A description, a name's answer and a spoofed request can all name an address, and
 * the checks for it would leave from inside our network [RFC 8445 19.5.1]. So an address must be one at
 * which a peer can be: never a group, nobody, everybody or a range that is set aside; this machine and
 * this link only where we offer to be reached there; and no port of the well-known services, unless the
 * owner allows it.
 *
 * The broadcast address of a subnet looks like any other from here; the system refuses to send to it.
 */
#include "ice/ice_int.h"

const char *weir_ice_refusal_name(enum weir_ice_refusal r)
{
    static const char *const name[] = { "fine", "none", "loopback", "multicast", "reserved",
                                        "link-local", "port" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_ICE_REFUSALS, "every refusal has a name");
    return (unsigned)r < WEIR_ICE_REFUSALS ? name[r] : "?";
}

/* One of ours is of this kind: then a peer may be there too. */
static bool has_local(const struct weir_ice *ice, bool (*is_kind)(const struct weir_addr *))
{
    for (uint32_t i = 0; i < ice->locals; i++) {
        if (local_at(ice, i)->type == WEIR_ICE_HOST && is_kind(&local_at(ice, i)->addr)) {
            return true;
        }
    }
    return false;
}

static enum weir_ice_refusal judge_kind(const struct weir_ice *ice, const struct weir_addr *a)
{
    bool is_v4 = a->family == WEIR_IPV4;
    if (weir_addr_is_any(a) || (is_v4 && a->ip[0] == 0)) {
        return WEIR_ICE_REFUSED_NONE;
    }
    if (weir_addr_is_loopback(a)) {
        bool may = (ice->config.allows & WEIR_ICE_ALLOW_LOOPBACK) != 0
                   || has_local(ice, weir_addr_is_loopback);
        return may ? WEIR_ICE_FINE : WEIR_ICE_REFUSED_LOOPBACK;
    }
    if (weir_addr_is_multicast(a)) {
        return WEIR_ICE_REFUSED_MULTICAST;
    }
    if (weir_addr_is_reserved(a)) {
        return WEIR_ICE_REFUSED_RESERVED;
    }
    if (weir_addr_is_link_local(a) && !has_local(ice, weir_addr_is_link_local)) {
        return WEIR_ICE_REFUSED_LINK_LOCAL;
    }
    return WEIR_ICE_FINE;
}

/* What a translator would make of it [RFC 6052 2.1, RFC 3056 2]: it must lead somewhere as well, and to no
 * machine's own. */
static enum weir_ice_refusal judge_embedded(const struct weir_ice *ice, const struct weir_addr *a)
{
    struct weir_addr v4;
    if (!weir_addr_embedded_v4(a, &v4)) {
        return WEIR_ICE_FINE;
    }
    bool is_inside = weir_addr_is_loopback(&v4) || weir_addr_is_link_local(&v4);
    return is_inside || judge_kind(ice, &v4) != WEIR_ICE_FINE ? WEIR_ICE_REFUSED_RESERVED : WEIR_ICE_FINE;
}

enum weir_ice_refusal weir_ice_judge(const struct weir_ice *ice, struct weir_addr *a)
{
    if (a->family == WEIR_IPV6) {
        uint32_t scope = a->scope;
        *a = weir_addr_v6(a->ip, a->port);
        a->scope = a->family == WEIR_IPV6 ? scope : 0;
    }
    if (a->family != WEIR_IPV4 && a->family != WEIR_IPV6) {
        return WEIR_ICE_REFUSED_NONE;
    }
    enum weir_ice_refusal r = judge_kind(ice, a);
    r = r == WEIR_ICE_FINE ? judge_embedded(ice, a) : r;
    bool is_low = a->port < 1024 && (a->port == 0 || (ice->config.allows & WEIR_ICE_ALLOW_LOW_PORTS) == 0);
    return r == WEIR_ICE_FINE && is_low ? WEIR_ICE_REFUSED_PORT : r;
}

bool weir_ice_admits(struct weir_ice *ice, struct weir_addr *a)
{
    enum weir_ice_refusal r = weir_ice_judge(ice, a);
    if (r == WEIR_ICE_FINE) {
        return true;
    }
    ice->refused[r]++;
    if (ice->refusals_told < WEIR_ICE_REFUSALS_TOLD) {
        ice->refusals_told++;
        struct weir_ice_event e = { .type = WEIR_ICE_EVENT_REFUSED, .refusal = r, .path.remote = *a };
        weir_ice_push_event(ice, &e);
    }
    return false;
}
