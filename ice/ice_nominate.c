/* Valid pairs, and which of them carries data [RFC 8445 8].
 *
 *   before nomination  the best valid pair carries data [RFC 8445 12.1];
 *   controlling        as soon as one pair is valid, the best valid one is nominated once no better one
 *                      is still being checked, or after a short wait: dead pairs with high priority
 *                      must not hold the connection up;
 *   controlled         the peer nominates, any pair at any time. Of several the best is used, as peers
 *                      that nominate aggressively expect; but one that the peer stopped asking for
 *                      gives way to one that it does ask for.
 */
#include "ice/ice_int.h"

static uint32_t best_valid(const struct weir_ice *ice, uint32_t except)
{
    uint32_t best = WEIR_ICE_NONE;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *p = pair_at(ice, i);
        if (i != except && p->is_valid
            && (best == WEIR_ICE_NONE || p->priority > pair_at(ice, best)->priority)) {
            best = i;
        }
    }
    return best;
}

static bool has_nominated(const struct weir_ice *ice)
{
    return ice->selected != WEIR_ICE_NONE && selected_of(ice)->is_nominated;
}

/* -- Selecting --------------------------------------------------------------------------------- */

/* [RFC 8445 9] the new generation took over. The peer may not know: it answers checks of ours as soon as it
 * made its own new credentials, and asks with ours only once our description reached it. Until then its
 * questions name the old ones, and whoever does not answer them looks dead. */
static void leave_old_path(struct weir_ice *ice, weir_time now)
{
    bool is_known_there = ice->is_remote_lite; /* asks nothing */
    if (!ice->old.is_used) {
        return;
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        is_known_there |= pair_at(ice, i)->has_request;
    }
    ice->old.is_used = false;
    ice->old.linger_at = on_grid(weir_time_add(now, ICE_OLD_LINGER));
    if (is_known_there) {
        weir_ice_forget_old(ice);
    }
}

void weir_ice_move_to(struct weir_ice *ice, weir_time now, uint32_t index)
{
    struct weir_ice_pair *p = pair_at(ice, index);
    ice->selected = index;
    leave_old_path(ice, now);
    weir_ice_bound_setup(ice, now);
    weir_ice_note_via(ice);
    weir_trace(ice->config.trace, now, WEIR_TRACE_ICE, WEIR_TRACE_NOTE, ice->config.conn,
               WEIR_ICE_EVENT_SELECTED, index, p->is_nominated);
    weir_ice_push_path(ice, WEIR_ICE_EVENT_SELECTED, p);
    weir_ice_consent_begin(ice, now, p->heard_at);
}

static void select_pair(struct weir_ice *ice, weir_time now, uint32_t index)
{
    if (ice->selected != index) {
        weir_ice_move_to(ice, now, index);
    }
    weir_ice_set_state(ice, now, pair_at(ice, index)->is_nominated ? WEIR_ICE_COMPLETED
                                                               : WEIR_ICE_CONNECTED);
}

/* Does a pair that the peer nominates now replace the nominated one? */
static bool takes_over(const struct weir_ice *ice, weir_time now, const struct weir_ice_pair *p)
{
    const struct weir_ice_pair *s = selected_of(ice);
    return !s->is_nominated || !s->is_valid || ice->state == WEIR_ICE_DISCONNECTED
           || p->priority >= s->priority
           || weir_time_since(now, s->nominated_at) >= ICE_NOMINATION_STALE;
}

void weir_ice_nominated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    p->is_nominated = true;
    p->wants_nomination = false;
    p->nominated_at = now;
    ice->nominate_at = WEIR_NEVER;
    if (ice->selected == WEIR_ICE_NONE || takes_over(ice, now, p)) {
        select_pair(ice, now, p->at);
    }
}

/* -- Controlling ------------------------------------------------------------------------------- */

/* Is any pair better than this one still undecided? */
static bool better_is_pending(const struct weir_ice *ice, const struct weir_ice_pair *best)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *p = pair_at(ice, i);
        is_any |= p->priority > best->priority && !p->is_valid && p->state != WEIR_ICE_PAIR_FAILED;
    }
    return is_any;
}

static bool is_nominating(const struct weir_ice *ice)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        is_any |= pair_at(ice, i)->is_nominating;
    }
    return is_any;
}

static void nominate(struct weir_ice *ice, weir_time now, uint32_t index)
{
    ice->nominate_at = WEIR_NEVER;
    pair_at(ice, index)->is_nominating = true;
    weir_ice_trigger(ice, now, pair_at(ice, index));
}

void weir_ice_consider_nomination(struct weir_ice *ice, weir_time now)
{
    uint32_t best = best_valid(ice, WEIR_ICE_NONE);
    if (!ice->is_controlling || best == WEIR_ICE_NONE || has_nominated(ice) || is_nominating(ice)) {
        ice->nominate_at = WEIR_NEVER;
        return;
    }
    if (ice->nominate_at == WEIR_NEVER) {
        ice->nominate_at = weir_time_add(now, ice->config.nominate_wait);
    }
    if (!better_is_pending(ice, pair_at(ice, best)) || now >= ice->nominate_at) {
        nominate(ice, now, best);
    }
}

void weir_ice_role_changed(struct weir_ice *ice, weir_time now)
{
    weir_ice_reprioritise(ice);
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        p->is_nominating = p->wants_nomination = false;
    }
    weir_ice_consider_nomination(ice, now);
}

/* Another pair may still work. Controlled, we may use one that was nominated as well; controlling, we
 * nominate the next best [RFC 8445 8.1.1 DEVIATION: a nomination is final there; peers that switch by
 * themselves, as browsers do, take a second one, and the others lose nothing]. */
void weir_ice_leave_silent_pair(struct weir_ice *ice, weir_time now)
{
    uint32_t next = best_valid(ice, ice->selected);
    if (next == WEIR_ICE_NONE || is_nominating(ice)) {
        return;
    }
    if (ice->is_controlling) {
        nominate(ice, now, next);
        return;
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        if (i != ice->selected && p->is_valid && p->is_nominated) {
            selected_of(ice)->is_nominated = false;
            weir_time expire_at = ice->consent.expire_at;
            weir_ice_move_to(ice, now, i);
            ice->consent.expire_at = expire_at; /* nothing was proven by changing over */
            ice->consent.ask_at = now;
            return;
        }
    }
}

/* -- Outcome of a check ------------------------------------------------------------------------ */

void weir_ice_validated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    bool was_nominating = p->is_nominating;
    if (p->is_followed) {
        weir_ice_followed(ice, p);
    }
    p->state = WEIR_ICE_SUCCEEDED;
    p->is_valid = true;
    p->is_nominating = p->owes_check = false;
    p->next_at = WEIR_NEVER;
    p->heard_at = now;
    ice->fail_at = WEIR_NEVER;
    if (ice->is_controlling ? was_nominating : p->wants_nomination) {
        weir_ice_nominated(ice, now, p);
    } else if (!has_nominated(ice)) {
        select_pair(ice, now, ice->state == WEIR_ICE_DISCONNECTED
                                  ? p->at : best_valid(ice, WEIR_ICE_NONE));
    }
    if (ice->selected == p->at) {
        weir_ice_consent_came(ice, now);
    }
    weir_ice_consider_nomination(ice, now);
    weir_ice_arm_checks(ice, now); /* [RFC 8445 7.2.5.3.3] others of its foundation thaw */
}

void weir_ice_invalidated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    p->state = WEIR_ICE_PAIR_FAILED;
    p->is_valid = p->is_nominated = p->is_nominating = p->wants_nomination = p->owes_check = false;
    p->is_followed = false;
    p->next_at = WEIR_NEVER;
    if (ice->selected == p->at) {
        uint32_t next = best_valid(ice, WEIR_ICE_NONE);
        if (next != WEIR_ICE_NONE) {
            select_pair(ice, now, next);
        } else {
            ice->selected = WEIR_ICE_NONE;
            weir_ice_note_via(ice);
            weir_ice_consent_stop(ice);
            ice->fail_at = weir_time_add(now, ice->config.patience);
            weir_ice_set_state(ice, now, WEIR_ICE_CHECKING);
        }
    }
    weir_ice_consider_nomination(ice, now);
    weir_ice_arm_checks(ice, now); /* others of its foundation may thaw */
}

void weir_ice_remote_gone(struct weir_ice *ice, weir_time now)
{
    uint32_t selected = ice->selected;
    if (weir_ice_is_over(ice) || selected == WEIR_ICE_NONE) {
        return;
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        if (i != selected && (p->is_valid || p->is_nominating)) {
            weir_ice_invalidated(ice, now, p);
        }
    }
    weir_ice_invalidated(ice, now, pair_at(ice, selected));
}
