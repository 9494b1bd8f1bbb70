/* Candidates of the peer, and those whose address is a name. */
#include "peer/peer_int.h"

static bool is_local_name(struct weir_span name)
{
    return name.n > 6 && name.n < WEIR_PEER_NAME_BYTES
           && weir_sdp_same_name(weir_span_of(name.p + name.n - 6, 6), WEIR_LIT(".local"));
}

struct weir_span weir_peer_name_at(const struct weir_peer *p, unsigned i)
{
    size_t n = 0;
    while (p->name[i][n] != '\0') {
        n++;
    }
    return weir_span_of(p->name[i], n);
}

static void free_name(struct weir_peer *p, unsigned i)
{
    if (p->name[i][0] != '\0') {
        p->name[i][0] = '\0';
        p->names_told &= (uint8_t)~(1u << i);
        p->names--;
    }
}

void weir_peer_forget_names(struct weir_peer *p)
{
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        free_name(p, i);
    }
}

/* Where a candidate may wait: where the same one does, in a free place, or in that of the oldest. */
static unsigned place_for(struct weir_peer *p, struct weir_span name, const struct weir_ice_candidate *c)
{
    unsigned at = WEIR_PEER_NAMES_MAX;
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        if (weir_sdp_same_name(weir_peer_name_at(p, i), name)
            && p->name_candidate[i].addr.port == c->addr.port) {
            return i;
        }
        at = p->name[i][0] == '\0' && at == WEIR_PEER_NAMES_MAX ? i : at;
    }
    if (at == WEIR_PEER_NAMES_MAX) {
        at = p->name_at;
        p->name_at = (uint8_t)((p->name_at + 1) % WEIR_PEER_NAMES_MAX);
    }
    return at;
}

/* Keep a candidate whose address is a name until the name is resolved. Lite, we find the peer where it asks
 * from. */
static void keep_name(struct weir_peer *p, struct weir_span name, const struct weir_ice_candidate *c)
{
    if (!is_local_name(name) || c->is_tcp || c->component != 1 || p->config.is_lite) {
        return; /* ICE reaches its owner when it calls us */
    }
    unsigned at = place_for(p, name, c);
    bool is_same = weir_sdp_same_name(weir_peer_name_at(p, at), name);
    bool is_asked = false; /* one question for all candidates of a name */
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        is_asked |= (p->names_told >> i & 1) != 0 && weir_sdp_same_name(weir_peer_name_at(p, i), name);
    }
    if (!is_same) {
        free_name(p, at);
        memcpy(p->name[at], name.p, name.n);
        p->name[at][name.n] = '\0';
        p->names++;
    }
    p->names_told |= is_asked ? (uint8_t)(1u << at) : 0;
    p->name_candidate[at] = *c;
}

enum weir_status weir_peer_add_candidate(struct weir_peer *p, weir_time now, struct weir_span text)
{
    struct weir_ice_candidate c;
    struct weir_span name;
    if (text.n == 0) {
        weir_ice_remote_done(&p->ice, now);
        return WEIR_OK;
    }
    if (!weir_ice_candidate_parse(text, &c, &name)) {
        return WEIR_ERR_ARG;
    }
    if (name.n != 0) {
        keep_name(p, name, &c);
        weir_peer_progress(p, now);
        return WEIR_OK;
    }
    enum weir_status status = weir_ice_add_remote(&p->ice, now, &c);
    weir_peer_progress(p, now);
    return status == WEIR_ERR_FULL ? status : WEIR_OK; /* TCP and other components are left out */
}

void weir_peer_name_resolved(struct weir_peer *p, weir_time now, struct weir_span name,
                             const struct weir_addr *ip)
{
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX; i++) {
        if (p->name[i][0] != '\0' && weir_sdp_same_name(name, weir_peer_name_at(p, i))) {
            struct weir_ice_candidate c = p->name_candidate[i];
            uint16_t port = c.addr.port;
            c.addr = *ip;
            c.addr.port = port;
            free_name(p, i);
            (void)!weir_ice_add_remote(&p->ice, now, &c);
        }
    }
    weir_peer_progress(p, now);
}
