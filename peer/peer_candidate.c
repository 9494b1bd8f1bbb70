/* Candidates of the peer, from a description or by themselves. */
#include "peer/peer_int.h"

enum weir_status weir_peer_take_candidate(struct weir_peer *p, weir_time now, struct weir_span text)
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
        weir_peer_keep_name(p, name, &c);
        weir_peer_progress(p, now);
        return WEIR_OK;
    }
    enum weir_status status = weir_ice_add_remote(&p->ice, now, &c);
    weir_peer_progress(p, now);
    return status == WEIR_ERR_FULL ? status : WEIR_OK; /* TCP and other components are left out */
}

enum weir_status weir_peer_add_candidate(struct weir_peer *p, weir_time now, struct weir_span text)
{
    enum weir_status status = weir_peer_take_candidate(p, now, text);
    weir_ice_allow(&p->ice, status == WEIR_OK ? text.n : 0); /* what is no candidate buys no check */
    return status;
}
