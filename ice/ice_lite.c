/* Being lite [RFC 8445 2.5]: an agent that anybody can reach under the addresses it names, and that asks
 * nothing.
 *
 *   1. it has host candidates alone, is controlled, and sends neither checks nor questions for consent;
 *   2. a proven request with USE-CANDIDATE makes its path valid and nominated, and data goes there
 *      [RFC 8445 7.3.2, 8.2, 12.1.1]. Where payloads ride on checks any proven request is enough for a
 *      start [draft-hancke-webrtc-sped, Lite agents];
 *   3. whoever asks is there: a proven request on the selected path stands for the consent that a lite
 *      agent does not ask for [RFC 7675 1]. With none for 15 s it is DISCONNECTED, after 30 s FAILED;
 *   4. a peer that went silent and asks from elsewhere is talked to there, whether it nominates or not:
 *      its address changed, and its questions for consent need not nominate.
 *
 *   5. requests alone are believed for five minutes after the peer was last heard under keys: they can be
 *      recorded, and ones that fell out of memory sent again (ice_recent.c).
 *
 * That a request came from an address does not prove that answers get there. So nothing here lifts the
 * limit on answers, and an owner counts what it sends until it has other proof.
 */
#include "ice/ice_int.h"

static bool has_moved(const struct weir_ice *ice, weir_time now, const struct weir_ice_pair *p)
{
    return ice->selected != WEIR_ICE_NONE && ice->selected != p->at
           && weir_time_since(now, selected_of(ice)->heard_at) >= ICE_SILENCE;
}

void weir_ice_heard_keys(struct weir_ice *ice, weir_time now)
{
    ice->keys_at = now;
    if (ice->selected != WEIR_ICE_NONE) {
        selected_of(ice)->is_keyed = true;
    }
}

void weir_ice_lite_request(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p,
                           bool with_nomination)
{
    bool is_embedding = ice->embed.state >= WEIR_ICE_EMBED_CONFIRMED;
    p->wants_nomination = with_nomination || has_moved(ice, now, p);
    if (p->is_valid || p->wants_nomination || is_embedding) {
        weir_ice_validated(ice, now, p);
    } else {
        p->state = WEIR_ICE_SUCCEEDED; /* there is nothing to check */
    }
}
