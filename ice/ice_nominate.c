/* Valid pairs, nomination, and consent to go on sending.
 *
 *   controlling  as soon as one pair is valid, the best valid one is nominated once no better one is
 *                still being checked, or after a short wait: dead pairs with high priority must not
 *                hold the connection up;
 *   controlled   the peer nominates, any pair at any time; of several the best is used, as peers that
 *                nominate aggressively expect [RFC 8445 8.1.1];
 *   consent      every 5 s the selected pair is asked again; 30 s without a proven answer end it.
 */
#include "ice/ice_int.h"

uint32_t weir_ice_best_valid(const struct weir_ice *ice)
{
    uint32_t best = WEIR_ICE_NONE;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        if (ice->pair[i].is_valid
            && (best == WEIR_ICE_NONE || ice->pair[i].priority > ice->pair[best].priority)) {
            best = i;
        }
    }
    return best;
}

/* -- Consent [RFC 7675] ------------------------------------------------------------------------ */

static void arm_consent(struct weir_ice *ice, weir_time now)
{
    weir_duration fifth = ICE_CONSENT_INTERVAL / 5;
    weir_duration spread = weir_rand_below(&ice->rand, (uint32_t)(2 * fifth));
    ice->consent_at = weir_time_add(now, ICE_CONSENT_INTERVAL - fifth + spread);
}

void weir_ice_consent_came(struct weir_ice *ice, weir_time now)
{
    ice->has_consent_out = false;
    ice->consent_misses = 0;
    ice->expire_at = weir_time_add(now, ICE_CONSENT_LIFE);
    if (ice->state == WEIR_ICE_DISCONNECTED) {
        weir_ice_set_state(ice, now, WEIR_ICE_COMPLETED);
    }
}

static void begin_consent(struct weir_ice *ice, weir_time now)
{
    ice->has_consent_out = ice->owes_consent = false;
    ice->consent_misses = 0;
    ice->expire_at = weir_time_add(now, ICE_CONSENT_LIFE);
    arm_consent(ice, now);
}

/* The pair went silent: use another nominated one if there is one that works. */
static void leave_silent_pair(struct weir_ice *ice)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = &ice->pair[i];
        if (i != ice->selected && p->is_valid && p->is_nominated) {
            ice->pair[ice->selected].is_nominated = false;
            ice->selected = i;
            struct weir_ice_event e = { .type = WEIR_ICE_EVENT_SELECTED,
                                        .path = weir_ice_pair_path(ice, p) };
            weir_ice_push_event(ice, &e);
            return;
        }
    }
}

void weir_ice_consent_tick(struct weir_ice *ice, weir_time now)
{
    if (now >= ice->expire_at) {
        weir_ice_set_state(ice, now, WEIR_ICE_FAILED); /* [RFC 7675 5.1 MUST] cease all sending */
        return;
    }
    if (now < ice->consent_at) {
        return;
    }
    /* Under loss some answers go missing while the peer's own checks still come in. */
    if (ice->has_consent_out && ++ice->consent_misses >= ICE_MISSES_DISCONNECTED
        && weir_time_since(now, ice->last_rx_at) >= ICE_SILENCE) {
        weir_ice_set_state(ice, now, WEIR_ICE_DISCONNECTED);
        leave_silent_pair(ice);
    }
    weir_rand_bytes(&ice->rand, ice->consent_txid, sizeof ice->consent_txid);
    ice->consent_pair = ice->selected;
    ice->owes_consent = true;
    arm_consent(ice, now);
}

/* -- Nomination -------------------------------------------------------------------------------- */

static void select_pair(struct weir_ice *ice, weir_time now, uint32_t index)
{
    if (ice->selected == index) {
        return;
    }
    ice->selected = index;
    ice->has_last_path = false;
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_SELECTED,
                                .path = weir_ice_pair_path(ice, &ice->pair[index]) };
    weir_ice_push_event(ice, &e);
    begin_consent(ice, now);
    weir_ice_set_state(ice, now, WEIR_ICE_COMPLETED);
}

void weir_ice_nominated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    uint32_t index = (uint32_t)(p - ice->pair);
    p->is_nominated = true;
    p->wants_nomination = false;
    ice->nominate_at = WEIR_NEVER;
    bool is_first = ice->selected == WEIR_ICE_NONE;
    if (is_first || ice->state == WEIR_ICE_DISCONNECTED
        || p->priority > ice->pair[ice->selected].priority) {
        select_pair(ice, now, index);
    }
}

/* Is any pair better than this one still undecided? */
static bool better_is_pending(const struct weir_ice *ice, const struct weir_ice_pair *best)
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *p = &ice->pair[i];
        if (p->priority > best->priority && !p->is_valid
            && p->state != WEIR_ICE_PAIR_FAILED) {
            return true;
        }
    }
    return false;
}

static bool is_nominating(const struct weir_ice *ice)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        is_any |= ice->pair[i].is_nominating;
    }
    return is_any;
}

void weir_ice_consider_nomination(struct weir_ice *ice, weir_time now)
{
    uint32_t best = weir_ice_best_valid(ice);
    if (!ice->is_controlling || ice->selected != WEIR_ICE_NONE || best == WEIR_ICE_NONE
        || is_nominating(ice)) {
        return;
    }
    if (better_is_pending(ice, &ice->pair[best]) && now < ice->nominate_at) {
        return;
    }
    ice->nominate_at = WEIR_NEVER;
    ice->pair[best].is_nominating = true;
    weir_ice_trigger(ice, now, &ice->pair[best]);
}

void weir_ice_validated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    bool was_nominating = p->is_nominating;
    p->state = WEIR_ICE_SUCCEEDED;
    p->is_valid = true;
    p->is_nominating = false;
    p->next_at = WEIR_NEVER;
    p->owes_check = false;
    ice->fail_at = WEIR_NEVER;
    if (ice->state == WEIR_ICE_NEW || ice->state == WEIR_ICE_CHECKING) {
        weir_ice_set_state(ice, now, WEIR_ICE_CONNECTED);
    }
    if (ice->is_controlling) {
        if (was_nominating) {
            weir_ice_nominated(ice, now, p);
            return;
        }
        if (ice->nominate_at == WEIR_NEVER && ice->selected == WEIR_ICE_NONE) {
            ice->nominate_at = weir_time_add(now, ice->config.nominate_wait);
        }
        weir_ice_consider_nomination(ice, now);
    } else if (p->wants_nomination) {
        weir_ice_nominated(ice, now, p);
    }
}
