/* What is of no use any more is let go [RFC 8445 8.1.2, 8.3].
 *
 * Half a minute after a pair was nominated, and every half minute from then on, while nothing is set up:
 *
 *   1. a pair goes unless it carries data, or is being checked, or the peer asked on it in the last two
 *      minutes: browsers ping what they keep in reserve every 25 s, and switch to it
 *   2. a pair that works stays as well, for when the selected one goes silent; where the peer was merely
 *      discovered only as long as something was heard from there, for its translator has forgotten it
 *   3. a discovered candidate goes with its last pair. One that a description named stays without pairs, so
 *      that the same description again does not begin the same checks again
 *
 * Whoever asks from an address that is not known any more is discovered anew.
 */
#include "ice/ice_int.h"

#define SPARE_EVERY (30 * WEIR_SEC)
#define SPARE_SILENT (120 * WEIR_SEC) /* [RFC 4787 REQ-5] translators keep a mapping at least so long */

static bool is_recent(weir_time now, weir_time at)
{
    return at != 0 && weir_time_since(now, at) < SPARE_SILENT;
}

static bool is_of_use(const struct weir_ice *ice, weir_time now, const struct weir_ice_pair *p)
{
    bool is_busy = p->at == ice->selected || p->state == WEIR_ICE_IN_PROGRESS || p->trigger != 0
                   || p->is_followed || p->is_nominating;
    bool is_named = remote_at(ice, p->remote)->type != WEIR_ICE_PRFLX;
    bool is_reserve = p->is_valid && (is_recent(now, p->heard_at) || (is_named && !ice->config.is_lite));
    return is_busy || is_reserve || is_recent(now, p->asked_at);
}

static bool has_pair(const struct weir_ice *ice, uint32_t remote)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        is_any |= pair_at(ice, i)->remote == remote;
    }
    return is_any;
}

void weir_ice_spare(struct weir_ice *ice, weir_time now)
{
    if (now < ice->spare_at || ice->state != WEIR_ICE_COMPLETED || ice->setup != WEIR_NO_BLOCK) {
        return;
    }
    ice->spare_at = weir_time_add(now, SPARE_EVERY);
    for (uint32_t i = ice->pairs; i-- > 0;) {
        if (!is_of_use(ice, now, pair_at(ice, i))) {
            weir_ice_drop_pair(ice, i);
        }
    }
    for (uint32_t i = ice->remotes; i-- > 0;) {
        if (remote_at(ice, i)->type == WEIR_ICE_PRFLX && !has_pair(ice, i)) {
            (void)weir_ice_drop_remote(ice, i);
        }
    }
    weir_ice_trim(ice);
}

void weir_ice_completed(struct weir_ice *ice, weir_time now)
{
    ice->spare_at = weir_time_add(now, SPARE_EVERY);
}
