/* What an agent says of itself: names, candidates, pairs, credentials, and what must always hold. */
#include "ice/ice_int.h"

const char *weir_ice_state_name(enum weir_ice_state s)
{
    static const char *const name[] = { "new",          "checking", "connected", "completed",
                                        "disconnected", "failed",   "closed" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_ICE_STATES, "every state has a name");
    return (unsigned)s < WEIR_ICE_STATES ? name[s] : "?";
}

const char *weir_ice_pair_state_name(enum weir_ice_pair_state s)
{
    static const char *const name[] = { "frozen", "waiting", "in progress", "succeeded", "failed" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_ICE_PAIR_STATES, "every state has a name");
    return (unsigned)s < WEIR_ICE_PAIR_STATES ? name[s] : "?";
}

const char *weir_ice_verdict_name(enum weir_ice_verdict v)
{
    static const char *const name[] = {
        [WEIR_ICE_OK] = "ok",
        [WEIR_ICE_STUN] = "stun",
        [WEIR_ICE_METHOD] = "method",
        [WEIR_ICE_NO_FINGERPRINT] = "no-fingerprint",
        [WEIR_ICE_LOCAL] = "local",
        [WEIR_ICE_USERNAME] = "username",
        [WEIR_ICE_INTEGRITY] = "integrity",
        [WEIR_ICE_UNKNOWN_ATTR] = "unknown-attribute",
        [WEIR_ICE_PRIORITY] = "priority",
        [WEIR_ICE_ROLE] = "role",
        [WEIR_ICE_TRANSACTION] = "transaction",
        [WEIR_ICE_ASYMMETRIC] = "asymmetric",
        [WEIR_ICE_RESPONSE] = "error-response",
        [WEIR_ICE_FULL] = "full",
        [WEIR_ICE_OVER] = "over",
        [WEIR_ICE_MAPPED] = "mapped",
        [WEIR_ICE_ADDRESS] = "address",
        [WEIR_ICE_AGAIN] = "again",
    };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_ICE_VERDICTS, "every verdict has a name");
    return (unsigned)v < WEIR_ICE_VERDICTS ? name[v] : "?";
}

/* -- The agent --------------------------------------------------------------------------------- */

bool weir_ice_has_gathered(const struct weir_ice *ice)
{
    return ice->has_told_gathered;
}

bool weir_ice_has_remote(const struct weir_ice *ice)
{
    return ice->has_remote;
}

uint32_t weir_ice_locals(const struct weir_ice *ice)
{
    return ice->locals;
}

uint32_t weir_ice_remotes(const struct weir_ice *ice)
{
    return ice->remotes;
}

enum weir_ice_state weir_ice_state(const struct weir_ice *ice)
{
    return ice->state;
}

enum weir_ice_failure weir_ice_failure(const struct weir_ice *ice)
{
    return ice->failure;
}

/* -- Pairs and credentials --------------------------------------------------------------------- */

bool weir_ice_pair_info(const struct weir_ice *ice, uint32_t i, struct weir_ice_pair_info *out)
{
    if (i >= ice->pairs) {
        return false;
    }
    const struct weir_ice_pair *p = pair_at(ice, i);
    out->path = weir_ice_pair_path(ice, p);
    out->state = (enum weir_ice_pair_state)p->state;
    out->local_type = local_at(ice, p->local)->type;
    out->remote_type = remote_at(ice, p->remote)->type;
    out->is_nominated = p->is_nominated;
    out->is_selected = i == ice->selected;
    out->is_valid = p->is_valid;
    out->priority = p->priority;
    memset(&out->mapped, 0, sizeof out->mapped);
    if (p->is_valid) {
        out->mapped = local_at(ice, p->mapped)->addr;
    }
    out->rtt = p->rtt;
    out->rtt_most = p->rtt_most;
    out->requests = p->requests;
    out->responses = p->responses;
    return true;
}

bool weir_ice_selected_info(const struct weir_ice *ice, struct weir_ice_pair_info *out)
{
    return weir_ice_pair_info(ice, ice->selected, out);
}

bool weir_ice_is_asked(const struct weir_ice *ice)
{
    const struct weir_ice_pair *p = selected_of(ice);
    return p != NULL && p->has_request;
}

struct weir_span weir_ice_ufrag(const struct weir_ice *ice)
{
    return weir_span_of(ice->local_ufrag.text, ice->local_ufrag.bytes);
}

struct weir_span weir_ice_old_ufrag(const struct weir_ice *ice)
{
    return ice->old.is_known ? weir_ice_own_span(&setup_of(ice)->old.local_ufrag) : weir_span_of(NULL, 0);
}

struct weir_span weir_ice_ufrag_of(const struct weir_ice *ice, enum weir_ice_generation g)
{
    if (g != WEIR_ICE_OLDER) {
        return g == WEIR_ICE_CURRENT ? weir_ice_ufrag(ice) : weir_ice_old_ufrag(ice);
    }
    return ice->is_older_known ? weir_ice_own_span(&setup_of(ice)->older.local_ufrag)
                               : weir_span_of(NULL, 0);
}

struct weir_span weir_ice_pwd(const struct weir_ice *ice)
{
    return weir_span_of(ice->local_pwd.text, ice->local_pwd.bytes);
}

/* -- What must hold between calls -------------------------------------------------------------- */

static bool pair_holds(const struct weir_ice *ice, uint32_t i)
{
    const struct weir_ice_pair *p = pair_at(ice, i);
    return p->at == i && p->local < ice->locals && p->remote < ice->remotes && p->mapped < ice->locals
           && p->state < WEIR_ICE_PAIR_STATES && local_at(ice, p->local)->type == WEIR_ICE_HOST
           && (!p->is_nominated || p->is_valid)
           && (!p->owes_check || p->state == WEIR_ICE_IN_PROGRESS)
           && (p->state != WEIR_ICE_PAIR_FAILED || (!p->is_valid && p->trigger == 0));
}

/* Every entry has its place, and what is in the block has one. */
static bool room_holds(const struct weir_ice *ice)
{
    bool is_needed = ice->is_held || ice->old.is_known || ice->is_older_known || ice->gathers != 0
                     || ice->embed.count != 0;
    bool has_any = weir_ice_pages(ice) != 0 || ice->setup != WEIR_NO_BLOCK;
    return ice->locals <= ice->local_pages * WEIR_ICE_PAGE_CANDIDATES
           && ice->remotes <= ice->remote_pages * WEIR_ICE_PAGE_CANDIDATES
           && ice->pairs <= ice->pair_pages * WEIR_ICE_PAGE_PAIRS
           && (!is_needed || ice->setup != WEIR_NO_BLOCK)
           && (ice->state != WEIR_ICE_CLOSED || !has_any);
}

bool weir_ice_check(const struct weir_ice *ice)
{
    bool holds = ice->locals <= WEIR_ICE_LOCALS_MAX && ice->remotes <= WEIR_ICE_REMOTES_MAX
                 && ice->pairs <= WEIR_ICE_PAIRS_MAX && ice->gathers <= WEIR_ICE_GATHERS_MAX
                 && ice->answers <= WEIR_ICE_ANSWERS_MAX && ice->news <= WEIR_ICE_NEWS_MAX
                 && room_holds(ice)
                 && (ice->selected == WEIR_ICE_NONE || ice->selected < ice->pairs)
                 && ice->role_switches <= ICE_ROLE_SWITCHES_MAX && weir_ice_embed_check(ice);
    for (uint32_t i = 0; i < ice->pairs && holds; i++) {
        holds = pair_holds(ice, i);
    }
    if (holds && ice->selected != WEIR_ICE_NONE) {
        struct weir_path path = weir_ice_pair_path(ice, pair_at(ice, ice->selected));
        holds = pair_at(ice, ice->selected)->is_valid && (ice->consent.is_on || weir_ice_is_over(ice))
                && weir_path_eq(&path, &ice->via);
    }
    holds = holds && (!ice->old.is_used || ice->old.is_known)
            && ice->budget.returned <= ice->budget.heard;
    if (ice->config.is_lite) {
        holds = holds && !ice->is_controlling && ice->check_at == WEIR_NEVER && ice->gathers == 0
                && ice->consent.ask_at == WEIR_NEVER && !ice->consent.owes;
    }
    bool is_up = ice->state == WEIR_ICE_CONNECTED || ice->state == WEIR_ICE_COMPLETED
                 || ice->state == WEIR_ICE_DISCONNECTED;
    return holds && (!is_up || ice->selected != WEIR_ICE_NONE);
}

/* -- Counters ---------------------------------------------------------------------------------- */

uint32_t weir_ice_verdicts(const struct weir_ice *ice, enum weir_ice_verdict v)
{
    return (unsigned)v < WEIR_ICE_VERDICTS ? ice->verdicts[v] : 0;
}

uint32_t weir_ice_refused(const struct weir_ice *ice, enum weir_ice_refusal r)
{
    return (unsigned)r < WEIR_ICE_REFUSALS ? ice->refused[r] : 0;
}

uint32_t weir_ice_strays(const struct weir_ice *ice)
{
    return ice->strays;
}
