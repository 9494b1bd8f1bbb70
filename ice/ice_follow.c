/* A peer whose address changed is followed.
 *
 *   An address translator forgot its mapping, or the peer went to another network: what it sends comes from
 *   an address that no candidate named, and what we send goes nowhere. Its next consent check would tell
 *   [RFC 8445 7.3.1.3], some seconds later. An owner that hears it earlier, and can prove that, says so:
 *
 *   1. the address becomes a peer-reflexive candidate with the priority of the one in use, whose place it
 *      takes, and the pair is checked ahead of all others; controlling, we nominate it with that check
 *   2. a proven answer comes back by that path: the peer can be reached there, and data goes there. The
 *      pair that was used is over; what was heard of the peer there may still come in
 *   3. no answer: nothing has changed, and whatever is heard next may begin again
 *
 * The peer need not know: on its side the pair is the same as before, and so is its nomination.
 */
#include "ice/ice_int.h"

#define FOLLOW_HEARD 320 /* the owner's proof counts as so many bytes from there: five checks and some */

static bool is_following(const struct weir_ice *ice)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        if (pair_at(ice, i)->is_followed) {
            return true;
        }
    }
    return false;
}

void weir_ice_follow(struct weir_ice *ice, weir_time now, const struct weir_path *path)
{
    uint32_t local;
    if (weir_ice_is_over(ice) || ice->config.is_lite || ice->selected == WEIR_ICE_NONE || is_following(ice)
        || !weir_ice_find_local(ice, &path->local, &local)) {
        return;
    }
    uint32_t priority = remote_at(ice, selected_of(ice)->remote)->priority;
    uint32_t remote = weir_ice_find_remote(ice, &path->remote);
    if (remote == WEIR_ICE_NONE) {
        struct weir_addr addr = path->remote;
        remote = weir_ice_admits(ice, &addr) ? weir_ice_discover_remote(ice, &addr, priority)
                                             : WEIR_ICE_NONE;
    }
    struct weir_ice_pair *p = remote != WEIR_ICE_NONE ? weir_ice_make_pair(ice, local, remote) : NULL;
    if (p == NULL || p->is_valid) {
        return; /* which valid pair is used is for the controlling agent to say */
    }
    if (p->state == WEIR_ICE_IN_PROGRESS) { /* what is asked now is another question: it needs its own id */
        p->state = WEIR_ICE_WAITING;
        p->owes_check = p->is_extra = false;
        p->next_at = WEIR_NEVER;
    }
    p->is_followed = true;
    weir_ice_budget_heard(ice, FOLLOW_HEARD);
    p->is_nominating = ice->is_controlling;
    weir_ice_trigger(ice, now, p);
}

void weir_ice_followed(struct weir_ice *ice, struct weir_ice_pair *p)
{
    struct weir_ice_pair *s = selected_of(ice);
    p->is_followed = false;
    if (s == NULL || s == p) {
        return;
    }
    p->wants_nomination = p->wants_nomination || (s->is_nominated && !ice->is_controlling);
    s->is_valid = s->is_nominated = s->is_nominating = s->owes_check = false;
    s->state = WEIR_ICE_PAIR_FAILED;
    s->trigger = 0;
    s->next_at = WEIR_NEVER;
}
