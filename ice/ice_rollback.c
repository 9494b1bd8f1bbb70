/* A description that waits for its answer may be taken back [RFC 8829 4.1.10.2], and with it what it began.
 *
 *   1. weir_ice_hold, when the first description of a negotiation comes: nothing changes
 *   2. a restart ends the generation: what it was is kept, the path that carried data goes on with the old
 *      credentials, which are answered as well (ice.c)
 *   3. weir_ice_settle, when it was answered: nothing of before is needed but those
 *      weir_ice_roll_back: the new generation is over, as if nobody had been told of it. The one of before
 *      goes on: its path at once, with the consent that it has had all the time; and of the other addresses
 *      of the peer as many as were kept are checked again. What the peer proved in between stays proven
 */
#include "ice/ice_int.h"

enum weir_status weir_ice_hold(struct weir_ice *ice)
{
    if (ice->is_held || ice->state == WEIR_ICE_CLOSED) {
        return WEIR_OK;
    }
    if (!weir_ice_have_setup(ice)) {
        return WEIR_ERR_FULL;
    }
    struct weir_ice_prior *r = &setup_of(ice)->prior;
    ice->is_held = true;
    r->has_remote = ice->has_remote;
    r->is_remote_done = ice->is_remote_done;
    r->remotes = ice->remotes;
    return WEIR_OK;
}

void weir_ice_settle(struct weir_ice *ice)
{
    if (ice->is_held) {
        ice->is_held = false;
        weir_wipe(&setup_of(ice)->prior, sizeof setup_of(ice)->prior);
    }
}

bool weir_ice_is_held(const struct weir_ice *ice)
{
    return ice->is_held;
}

bool weir_ice_has_begun(const struct weir_ice *ice, enum weir_ice_state *before)
{
    bool has_begun = ice->is_held && setup_of(ice)->prior.is_restarted;
    if (has_begun) {
        *before = setup_of(ice)->prior.state;
    }
    return has_begun;
}

/* -- What is kept ------------------------------------------------------------------------------ */

static bool has_worked(const struct weir_ice *ice, uint32_t remote)
{
    bool is_any = false;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        is_any |= pair_at(ice, i)->remote == remote && pair_at(ice, i)->is_valid;
    }
    return is_any;
}

static void keep_remotes(const struct weir_ice *ice, struct weir_ice_prior *r)
{
    const struct weir_ice_pair *s = selected_of(ice);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < ice->remotes && r->kept < WEIR_ICE_KEPT_MAX; i++) {
            const struct weir_ice_candidate *c = remote_at(ice, i);
            unsigned turn = s != NULL && s->remote == i ? 0 : has_worked(ice, i) ? 1 : 2;
            if (turn == round) {
                r->keep[r->kept++] = (struct weir_ice_kept){ c->addr, c->priority, c->type };
            }
        }
    }
}

void weir_ice_keep_prior(struct weir_ice *ice)
{
    if (!ice->is_held || setup_of(ice)->prior.is_restarted) {
        return;
    }
    struct weir_ice_prior *r = &setup_of(ice)->prior;
    r->is_restarted = true;
    r->has_remote = ice->has_remote;
    r->is_remote_lite = ice->is_remote_lite;
    r->is_remote_done = ice->is_remote_done;
    r->state = ice->state;
    r->failure = ice->failure;
    r->of.local_ufrag = ice->local_ufrag;
    r->of.local_pwd = ice->local_pwd;
    r->of.remote_ufrag = ice->remote_ufrag;
    r->of.remote_pwd = ice->remote_pwd;
    keep_remotes(ice, r);
    r->has_pair = ice->selected != WEIR_ICE_NONE && !weir_ice_is_over(ice);
    if (r->has_pair) {
        const struct weir_ice_pair *p = pair_at(ice, ice->selected);
        r->path = weir_ice_pair_path(ice, p);
        r->rtt = p->rtt;
        r->is_nominated = p->is_nominated;
    }
}

static enum weir_ice_sameness compare(const struct weir_ice_text *u, const struct weir_ice_text *p,
                                      struct weir_span ufrag, struct weir_span pwd)
{
    bool is_same = weir_span_eq(weir_ice_text_span(u), ufrag) && weir_span_eq(weir_ice_text_span(p), pwd);
    return is_same ? WEIR_ICE_THE_SAME : WEIR_ICE_OTHERS;
}

enum weir_ice_sameness weir_ice_compare_remote(const struct weir_ice *ice, struct weir_span ufrag,
                                               struct weir_span pwd)
{
    return ice->has_remote ? compare(&ice->remote_ufrag, &ice->remote_pwd, ufrag, pwd)
                           : WEIR_ICE_NONE_THERE;
}

enum weir_ice_sameness weir_ice_compare_agreed(const struct weir_ice *ice, struct weir_span ufrag,
                                               struct weir_span pwd)
{
    const struct weir_ice_prior *r = ice->is_held ? &setup_of(ice)->prior : NULL;
    if (r == NULL || (r->has_remote && !r->is_restarted)) {
        return weir_ice_compare_remote(ice, ufrag, pwd);
    }
    return r->has_remote ? compare(&r->of.remote_ufrag, &r->of.remote_pwd, ufrag, pwd)
                         : WEIR_ICE_NONE_THERE;
}

/* -- Back -------------------------------------------------------------------------------------- */

static void bring_remote(struct weir_ice *ice, weir_time now, const struct weir_ice_kept *k)
{
    uint32_t local, at = weir_ice_find_remote(ice, &k->addr);
    const struct weir_path *used = &setup_of(ice)->prior.path;
    if (at == WEIR_ICE_NONE) {
        at = weir_ice_discover_remote(ice, &k->addr, k->priority);
    }
    if (at == WEIR_ICE_NONE) {
        return;
    }
    remote_at(ice, at)->type = k->type;
    /* The path's pair first, and proven: whatever room there is for the others, it keeps its place. */
    if (weir_addr_eq(&used->remote, &k->addr) && weir_ice_find_local(ice, &used->local, &local)) {
        struct weir_ice_pair *p = weir_ice_make_pair(ice, local, at);
        if (p != NULL) {
            p->has_request = true;
        }
    }
    weir_ice_pair_remote(ice, now, at);
}

/* The path that carried data carries it again; whether it may is for consent to say, which was asked for
 * all the while, there or on the pair that took its place. */
static bool bring_pair(struct weir_ice *ice, weir_time now, const struct weir_path *used)
{
    const struct weir_ice_prior *r = &setup_of(ice)->prior;
    struct weir_ice_consent consent = ice->consent;
    uint32_t local, remote = weir_ice_find_remote(ice, &r->path.remote);
    struct weir_ice_pair *p = NULL;
    if (remote != WEIR_ICE_NONE && weir_ice_find_local(ice, &r->path.local, &local)) {
        p = weir_ice_make_pair(ice, local, remote);
    }
    if (p == NULL || !consent.is_on) {
        return false;
    }
    p->state = WEIR_ICE_SUCCEEDED;
    p->is_valid = p->has_request = true;
    p->is_nominated = r->is_nominated;
    p->rtt = p->rtt_most = r->rtt;
    p->heard_at = p->nominated_at = now;
    p->trigger = 0;
    if (used != NULL && weir_path_eq(used, &r->path)) {
        ice->selected = p->at;
        weir_ice_note_via(ice);
        weir_ice_consent_begin(ice, now, now);
    } else {
        weir_ice_move_to(ice, now, p->at);
    }
    ice->consent.expire_at = consent.expire_at; /* nothing was proven by going back */
    if (!ice->config.is_lite) {
        ice->consent.ask_at = now;
    }
    return true;
}

static void bring_generation(struct weir_ice *ice, weir_time now)
{
    const struct weir_ice_prior *r = &setup_of(ice)->prior;
    const struct weir_path *via = weir_ice_via(ice);
    struct weir_path used = { .local = { 0 } };
    bool is_used = via != NULL;
    if (is_used) {
        used = *via;
    }
    weir_ice_forget_generation(ice);
    ice->local_ufrag = r->of.local_ufrag;
    ice->local_pwd = r->of.local_pwd;
    ice->remote_ufrag = r->of.remote_ufrag;
    ice->remote_pwd = r->of.remote_pwd;
    ice->has_remote = r->has_remote;
    ice->is_remote_lite = r->is_remote_lite;
    ice->is_remote_done = r->is_remote_done;
    for (uint32_t i = 0; i < r->kept; i++) {
        bring_remote(ice, now, &r->keep[i]);
    }
    bool has_pair = r->has_pair && bring_pair(ice, now, is_used ? &used : NULL);
    if (r->has_pair) { /* what went on as the old path is the present one again */
        memset(&ice->old, 0, sizeof ice->old);
        weir_wipe(&setup_of(ice)->old, sizeof setup_of(ice)->old);
    }
    if (r->state == WEIR_ICE_FAILED || (r->has_pair && !has_pair)) {
        weir_ice_fail(ice, now, r->has_pair ? WEIR_ICE_FAILURE_CONSENT : r->failure);
        return;
    }
    if (!has_pair && r->has_remote) {
        ice->fail_at = weir_time_add(now, ice->config.patience);
    }
    weir_ice_bound_setup(ice, now); /* the peer may still know one of before */
    weir_ice_set_state(ice, now, r->state);
    weir_ice_arm_checks(ice, now);
}

/* Candidates that only the description named; what answered or asked is proven, and stays. */
static void drop_candidates(struct weir_ice *ice)
{
    const struct weir_ice_prior *r = &setup_of(ice)->prior;
    for (uint32_t i = ice->remotes; i-- > r->remotes;) {
        if (remote_at(ice, i)->type != WEIR_ICE_PRFLX) {
            (void)weir_ice_drop_remote(ice, i);
        }
    }
    weir_ice_trim(ice);
    ice->is_remote_done = r->is_remote_done;
}

static void begin_unknown(struct weir_ice *ice, weir_time now)
{
    weir_ice_forget_generation(ice);
    weir_ice_consent_stop(ice);
    weir_ice_note_via(ice);
    weir_ice_set_state(ice, now, WEIR_ICE_NEW);
}

void weir_ice_roll_back(struct weir_ice *ice, weir_time now, bool is_announced)
{
    if (ice->is_held && ice->state != WEIR_ICE_CLOSED) {
        const struct weir_ice_prior *r = &setup_of(ice)->prior;
        if (r->is_restarted) {
            bring_generation(ice, now);
        } else if (!r->has_remote && (ice->has_remote || is_announced)) {
            begin_unknown(ice, now);
        } else if (!weir_ice_is_over(ice)) {
            drop_candidates(ice);
        }
        if (is_announced) {
            weir_ice_new_credentials(ice);
        }
    }
    weir_ice_settle(ice);
}
