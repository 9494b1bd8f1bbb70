/* Candidates of the peer, and those whose address is a name. */
#include "peer/peer_int.h"

static bool is_local_name(struct weir_span name)
{
    return name.n > 6 && name.n < WEIR_PEER_NAME_BYTES
           && weir_sdp_same_name(weir_span_of(name.p + name.n - 6, 6), WEIR_LIT(".local"));
}

/* Keep a candidate whose address is a name until the name is resolved. */
/* Lite, we find the peer where it asks from. */
static void keep_name(struct weir_peer *p, struct weir_span name, const struct weir_ice_candidate *c)
{
    if (!is_local_name(name) || c->is_tcp || c->component != 1 || p->names == WEIR_PEER_NAMES_MAX
        || p->config.is_lite) {
        return; /* ICE reaches its owner when it calls us */
    }
    char *room = p->name[p->names];
    memcpy(room, name.p, name.n);
    room[name.n] = '\0';
    p->name_candidate[p->names++] = *c;
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
    for (unsigned i = 0; i < p->names; i++) {
        size_t n = 0;
        while (p->name[i][n] != '\0') {
            n++;
        }
        if (weir_sdp_same_name(name, weir_span_of(p->name[i], n))) {
            struct weir_ice_candidate c = p->name_candidate[i];
            uint16_t port = c.addr.port;
            c.addr = *ip;
            c.addr.port = port;
            (void)!weir_ice_add_remote(&p->ice, now, &c);
        }
    }
    weir_peer_progress(p, now);
}
