/* The agent: beginning, candidates, timers, state.
 *
 *   1. hosts are added, servers asked; our credentials come from the seed;
 *   2. the peer's credentials begin the checks; its candidates make pairs as they trickle in;
 *   3. checks leave every Ta, answers at once (ice_send.c); what comes is judged (ice_recv.c);
 *   4. a pair is nominated and kept alive by consent (ice_nominate.c);
 *   5. a restart begins again at 1 while the old path goes on carrying data.
 */
#include "ice/ice_int.h"

#define UFRAG_CHARS 8 /* [RFC 8839 5.4] at least 24 bits of randomness; this has 47 */
#define PWD_CHARS 24  /* [RFC 8839 5.4] at least 128 bits; this has 142 */

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

/* -- State and events -------------------------------------------------------------------------- */

void weir_ice_push_event(struct weir_ice *ice, const struct weir_ice_event *e)
{
    /* The ring holds more than one call can make; undrained, the newest is lost and state stays. */
    if (ice->event_head - ice->event_tail < WEIR_ICE_EVENTS_MAX) {
        ice->event[ice->event_head++ % WEIR_ICE_EVENTS_MAX] = *e;
    }
}

bool weir_ice_event(struct weir_ice *ice, struct weir_ice_event *out)
{
    if (ice->event_head == ice->event_tail) {
        return false;
    }
    *out = ice->event[ice->event_tail++ % WEIR_ICE_EVENTS_MAX];
    return true;
}

static void stop_timers(struct weir_ice *ice)
{
    ice->check_at = ice->nominate_at = ice->fail_at = ice->gather_until = WEIR_NEVER;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        ice->pair[i].next_at = WEIR_NEVER;
    }
    weir_ice_consent_stop(ice);
}

void weir_ice_set_state(struct weir_ice *ice, weir_time now, enum weir_ice_state next)
{
    if (ice->state == next) {
        return;
    }
    weir_trace(ice->config.trace, now, WEIR_TRACE_ICE, WEIR_TRACE_STATE, ice->config.conn,
               (uint32_t)ice->state, (uint32_t)next, 0);
    ice->state = next;
    ice->failure = WEIR_ICE_FAILURE_NONE;
    if (weir_ice_is_over(ice)) {
        ice->keys_at = 0; /* whoever comes after a restart shows keys of its own */
        stop_timers(ice);
        ice->gathers = 0;
        memset(&ice->old, 0, sizeof ice->old);
        memset(&ice->older, 0, sizeof ice->older);
    }
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_STATE, .state = next };
    weir_ice_push_event(ice, &e);
}

enum weir_ice_state weir_ice_state(const struct weir_ice *ice)
{
    return ice->state;
}

enum weir_ice_failure weir_ice_failure(const struct weir_ice *ice)
{
    return ice->failure;
}

/* -- Beginning --------------------------------------------------------------------------------- */

static void draw_credentials(const struct weir_ice *ice, struct weir_rand *rand, struct weir_ice_own *ufrag,
                             struct weir_ice_own *pwd)
{
    memset(ufrag, 0, sizeof *ufrag);
    memset(pwd, 0, sizeof *pwd);
    ufrag->bytes = UFRAG_CHARS;
    pwd->bytes = PWD_CHARS;
    weir_rand_text(rand, ufrag->text, UFRAG_CHARS);
    if (ice->config.ufrag_first != 0) {
        ufrag->text[0] = ice->config.ufrag_first;
    }
    weir_rand_text(rand, pwd->text, PWD_CHARS);
}

void weir_ice_new_credentials(struct weir_ice *ice)
{
    draw_credentials(ice, &ice->rand, &ice->local_ufrag, &ice->local_pwd);
}

void weir_ice_next_credentials(const struct weir_ice *ice, struct weir_ice_own *ufrag,
                               struct weir_ice_own *pwd)
{
    struct weir_rand rand = ice->rand;
    draw_credentials(ice, &rand, ufrag, pwd);
    weir_wipe(&rand, sizeof rand);
}

void weir_ice_init(struct weir_ice *ice, const struct weir_ice_config *config, weir_time now)
{
    memset(ice, 0, sizeof *ice);
    ice->config = *config;
    ice->config.ta = config->ta == 0 ? ICE_TA : config->ta;
    ice->config.nominate_wait = config->nominate_wait == 0 ? ICE_NOMINATE_WAIT : config->nominate_wait;
    ice->config.patience = config->patience == 0 ? ICE_PATIENCE : config->patience;
    ice->config.gather_wait = config->gather_wait == 0 ? ICE_GATHER_WAIT : config->gather_wait;
    weir_rand_init(&ice->rand, config->seed);
    weir_wipe(ice->config.seed, sizeof ice->config.seed);
    ice->is_controlling = config->is_controlling && !config->is_lite;
    ice->tie_breaker = weir_rand_u64(&ice->rand);
    ice->recent_key = weir_rand_u64(&ice->rand);
    ice->selected = WEIR_ICE_NONE;
    ice->last_rx_at = now;
    stop_timers(ice);
    weir_ice_new_credentials(ice);
}

void weir_ice_set_controlling(struct weir_ice *ice, bool is_controlling)
{
    ice->is_controlling = is_controlling && !ice->config.is_lite; /* [RFC 8445 6.1.1 MUST] */
    weir_ice_reprioritise(ice);
}

enum weir_status weir_ice_add_host(struct weir_ice *ice, weir_time now, const struct weir_addr *addr,
                                   uint16_t preference)
{
    if (addr->family == WEIR_FAMILY_NONE || weir_addr_is_any(addr) || weir_addr_is_multicast(addr)) {
        return WEIR_ERR_ARG;
    }
    for (uint32_t i = 0; i < ice->locals; i++) {
        if (ice->local[i].type == WEIR_ICE_HOST && weir_addr_eq(&ice->local[i].addr, addr)) {
            return WEIR_OK; /* once is enough */
        }
    }
    if (ice->locals == WEIR_ICE_LOCALS_MAX) {
        return WEIR_ERR_FULL;
    }
    struct weir_ice_candidate *c = &ice->local[ice->locals];
    memset(c, 0, sizeof *c);
    c->type = WEIR_ICE_HOST;
    c->component = 1;
    c->addr = c->related = *addr;
    c->priority = weir_ice_priority(WEIR_ICE_HOST, preference);
    c->foundation_bytes = 2; /* [RFC 8445 5.1.1.3] distinct for every base */
    c->foundation[0] = 'h';
    c->foundation[1] = (char)('a' + ice->hosts_seen++ % 26);
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_CANDIDATE, .candidate = ice->locals };
    weir_ice_push_event(ice, &e);
    weir_ice_pair_local(ice, now, ice->locals++);
    return WEIR_OK;
}

enum weir_status weir_ice_add_server(struct weir_ice *ice, weir_time now, const struct weir_addr *server)
{
    (void)now;
    if (server->family == WEIR_FAMILY_NONE || server->port == 0) {
        return WEIR_ERR_ARG;
    }
    if (ice->config.is_lite) {
        return WEIR_ERR_STATE;
    }
    if (ice->servers == WEIR_ICE_SERVERS_MAX) {
        return WEIR_ERR_FULL;
    }
    ice->server[ice->servers++] = *server;
    return WEIR_OK;
}

void weir_ice_gathering_done(struct weir_ice *ice, weir_time now)
{
    if (!ice->is_gathering_done) {
        ice->is_gathering_done = true;
        weir_ice_gather_begin(ice, now);
        weir_ice_gather_tick(ice, now);
    }
}

enum weir_status weir_ice_set_servers(struct weir_ice *ice, const struct weir_addr *server,
                                      uint32_t servers)
{
    if (ice->config.is_lite) {
        return WEIR_ERR_STATE;
    }
    if (servers > WEIR_ICE_SERVERS_MAX) {
        return WEIR_ERR_FULL;
    }
    for (uint32_t i = 0; i < servers; i++) {
        if (server[i].family == WEIR_FAMILY_NONE || server[i].port == 0) {
            return WEIR_ERR_ARG;
        }
    }
    for (uint32_t i = 0; i < servers; i++) {
        ice->server[i] = server[i];
    }
    ice->servers = servers;
    return WEIR_OK;
}

static bool take_text(struct weir_ice_text *t, struct weir_span s)
{
    if (!weir_copy_into(t->text, sizeof t->text, s)) {
        return false;
    }
    t->bytes = (uint16_t)s.n;
    return true;
}

enum weir_status weir_ice_set_remote(struct weir_ice *ice, weir_time now, struct weir_span ufrag,
                                     struct weir_span pwd, bool is_lite)
{
    if (ufrag.n < 4 || pwd.n < 22 || ufrag.n > WEIR_ICE_UFRAG_MAX || pwd.n > WEIR_ICE_PWD_MAX
        || (is_lite && ice->config.is_lite)) {
        return WEIR_ERR_ARG; /* [RFC 8839 5.4] */
    }
    if (weir_ice_is_over(ice)) {
        return WEIR_ERR_STATE;
    }
    if (ice->has_remote) {
        bool is_same = weir_span_eq(weir_ice_text_span(&ice->remote_ufrag), ufrag)
                       && weir_span_eq(weir_ice_text_span(&ice->remote_pwd), pwd);
        return is_same ? WEIR_OK : WEIR_ERR_STATE;
    }
    if (!take_text(&ice->remote_ufrag, ufrag) || !take_text(&ice->remote_pwd, pwd)) {
        return WEIR_ERR_ARG;
    }
    ice->has_remote = true;
    ice->is_remote_lite = is_lite;
    for (uint32_t i = ice->remotes; i-- > 0;) { /* [RFC 8838 9] of a session that this is not */
        if (ice->remote[i].ufrag_hash != 0 && ice->remote[i].ufrag_hash != weir_ice_ufrag_hash(ufrag)) {
            ice->strays += weir_ice_drop_remote(ice, i) ? 1 : 0;
        }
    }
    if (is_lite) {
        weir_ice_set_controlling(ice, true); /* [RFC 8445 6.1.1 MUST] */
    }
    ice->fail_at = weir_time_add(now, ice->config.patience);
    if (ice->state == WEIR_ICE_NEW) {
        weir_ice_set_state(ice, now, WEIR_ICE_CHECKING);
    }
    weir_ice_arm_checks(ice, now);
    return WEIR_OK;
}

/* One that we could check, wherever it is. */
static bool is_usable(const struct weir_ice_candidate *c)
{
    return !c->is_tcp && c->component == 1 && c->foundation_bytes <= WEIR_ICE_FOUNDATION_MAX;
}

/* [RFC 8838 9] of an ICE session that is over, or not yet there; who does not say is of the newest. */
bool weir_ice_is_stray(struct weir_ice *ice, const struct weir_ice_candidate *c)
{
    bool is_stray = c->ufrag_hash != 0 && ice->has_remote
                    && c->ufrag_hash != weir_ice_ufrag_hash(weir_ice_text_span(&ice->remote_ufrag));
    ice->strays += is_stray ? 1 : 0;
    return is_stray;
}

enum weir_status weir_ice_add_remote(struct weir_ice *ice, weir_time now,
                                     const struct weir_ice_candidate *c)
{
    struct weir_addr addr = c->addr;
    if (weir_ice_is_stray(ice, c)) {
        return WEIR_ERR_STATE;
    }
    if (!is_usable(c)) {
        return WEIR_ERR_ARG;
    }
    if (weir_ice_is_over(ice)) {
        return WEIR_ERR_STATE;
    }
    if (!weir_ice_admits(ice, &addr)) {
        return WEIR_ERR_ARG;
    }
    uint32_t at = weir_ice_find_remote(ice, &addr);
    if (at == WEIR_ICE_NONE && ice->remotes == WEIR_ICE_REMOTES_MAX) {
        return WEIR_ERR_FULL;
    }
    if (at != WEIR_ICE_NONE) { /* what was discovered is now signalled [RFC 8838 11.4] */
        ice->remote[at] = *c;
        weir_ice_reprioritise(ice);
    } else {
        at = ice->remotes++;
        ice->remote[at] = *c;
    }
    ice->remote[at].addr = addr;
    weir_ice_pair_remote(ice, now, at);
    return WEIR_OK;
}

void weir_ice_remote_done(struct weir_ice *ice, weir_time now)
{
    (void)now;
    ice->is_remote_done = true;
}

/* -- Restart and close ------------------------------------------------------------------------- */

/* The credentials of the generation that ends: both sides have them, or will when our description has
 * reached the peer, and consent is asked for with them from now on. Until then the peer asks with those of
 * before, which are answered as well. */
static void keep_credentials(struct weir_ice *ice)
{
    struct weir_ice_old *o = &ice->old;
    if (o->is_known) {
        ice->older.is_known = true;
        ice->older.local_ufrag = o->of.local_ufrag;
        ice->older.local_pwd = o->of.local_pwd;
        ice->older.remote_ufrag = o->of.remote_ufrag;
    }
    o->is_known = true;
    o->of.local_ufrag = ice->local_ufrag;
    o->of.local_pwd = ice->local_pwd;
    o->of.remote_ufrag = ice->remote_ufrag;
    o->of.remote_pwd = ice->remote_pwd;
}

/* Keep what carries data now. */
static void keep_old(struct weir_ice *ice)
{
    const struct weir_ice_pair *p = &ice->pair[ice->selected];
    struct weir_ice_old *o = &ice->old;
    keep_credentials(ice);
    o->is_used = true;
    o->linger_at = WEIR_NEVER;
    o->path = weir_ice_pair_path(ice, p);
    o->rtt = p->rtt;
    o->priority = ice->local[p->local].priority;
}

void weir_ice_fail(struct weir_ice *ice, weir_time now, enum weir_ice_failure why)
{
    weir_ice_set_state(ice, now, WEIR_ICE_FAILED);
    ice->failure = why;
}

static void begin_generation(struct weir_ice *ice)
{
    if (weir_ice_is_over(ice)) {
        weir_ice_consent_stop(ice); /* [RFC 7675 5.1] nothing is left to go on with */
    } else if (ice->selected != WEIR_ICE_NONE) {
        keep_old(ice);
    } else if (ice->old.is_used && ice->has_remote) {
        keep_credentials(ice);
    }
    ice->pairs = ice->remotes = 0;
    ice->selected = WEIR_ICE_NONE;
    weir_ice_note_via(ice);
    ice->has_remote = ice->is_remote_done = false;
    ice->answer_head = ice->answer_tail = 0;
    ice->role_switches = ice->refusals_told = 0;
    ice->check_at = ice->nominate_at = ice->fail_at = WEIR_NEVER;
}

void weir_ice_restart(struct weir_ice *ice, weir_time now)
{
    if (ice->state != WEIR_ICE_CLOSED) {
        weir_ice_keep_prior(ice);
        begin_generation(ice);
        weir_ice_new_credentials(ice);
        weir_ice_gather_anew(ice);
        weir_ice_set_state(ice, now, WEIR_ICE_CHECKING);
    }
}

void weir_ice_replace_remote(struct weir_ice *ice, weir_time now)
{
    if (ice->has_remote && ice->state != WEIR_ICE_CLOSED) {
        begin_generation(ice);
        weir_ice_set_state(ice, now, WEIR_ICE_CHECKING);
    }
}

void weir_ice_forget_old(struct weir_ice *ice)
{
    if (ice->old.is_known) {
        ice->old.is_known = false;
        weir_wipe(&ice->old.of, sizeof ice->old.of);
    }
    if (ice->older.is_known) {
        weir_wipe(&ice->older, sizeof ice->older);
    }
}

void weir_ice_close(struct weir_ice *ice, weir_time now)
{
    weir_ice_set_state(ice, now, WEIR_ICE_CLOSED);
}

/* -- Timers ------------------------------------------------------------------------------------ */

/* [RFC 8445 14.3] the more checks share the path, the longer each waits before it is repeated. */
static weir_duration first_rto(const struct weir_ice *ice)
{
    uint32_t active = 0;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        active += ice->pair[i].state == WEIR_ICE_WAITING || ice->pair[i].state == WEIR_ICE_IN_PROGRESS;
    }
    weir_duration shared = ice->config.ta * active;
    return shared > ICE_RTO_FIRST ? shared : ICE_RTO_FIRST;
}

static void begin_check(struct weir_ice *ice, struct weir_ice_pair *p)
{
    weir_ice_new_txid(ice, p->txid);
    p->state = WEIR_ICE_IN_PROGRESS;
    p->trigger = 0;
    p->owes_check = true;
    p->is_extra = p->was_resent = false;
    p->begun_at = 0;
    p->carried = p->embeds = 0;
    p->tries = 0;
    p->rto = first_rto(ice);
}

static void tick_checks(struct weir_ice *ice, weir_time now)
{
    if (now < ice->check_at) {
        return;
    }
    struct weir_ice_pair *p = weir_ice_next_check(ice);
    ice->check_at = WEIR_NEVER;
    if (p != NULL) {
        begin_check(ice, p);
        ice->last_check_at = now;
        weir_ice_arm_checks(ice, now);
    }
}

static void tick_pair(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    if (p->state != WEIR_ICE_IN_PROGRESS || now < p->next_at) {
        return;
    }
    if (p->tries >= (p->is_followed && !p->has_request ? ICE_FOLLOW_TRIES : ICE_TRIES_MAX)) {
        weir_ice_invalidated(ice, now, p);
        return;
    }
    p->owes_check = true;
    p->is_extra = false;
    p->next_at = WEIR_NEVER; /* sending arms it again */
    if (p->rto < ICE_RTO_MAX) {
        p->rto = p->rto * 2 > ICE_RTO_MAX ? ICE_RTO_MAX : p->rto * 2;
    }
}

/* [RFC 8863 4] patience is over: checks that are under way may still finish, nothing else is awaited.
 * [RFC 8838 8 DEVIATION] not even the end of the peer's candidates: many applications never tell it. */
static void tick_patience(struct weir_ice *ice, weir_time now)
{
    if (now < ice->fail_at) {
        return;
    }
    if (weir_ice_is_checking(ice) || ice->old.is_used) { /* [RFC 8445 9] the old path goes on */
        ice->fail_at = weir_time_add(now, ICE_STILL_CHECKING);
    } else {
        weir_ice_fail(ice, now, WEIR_ICE_FAILURE_NO_PAIR);
    }
}

void weir_ice_tick(struct weir_ice *ice, weir_time now)
{
    if (weir_ice_is_over(ice)) {
        return;
    }
    weir_ice_gather_tick(ice, now);
    for (uint32_t i = 0; i < ice->pairs; i++) {
        tick_pair(ice, now, &ice->pair[i]);
    }
    weir_ice_consider_nomination(ice, now);
    tick_checks(ice, now);
    weir_ice_consent_tick(ice, now);
    tick_patience(ice, now);
    if (now >= ice->old.linger_at && !ice->old.is_used) {
        ice->old.linger_at = 0;
        memset(&ice->old.path, 0, sizeof ice->old.path);
    }
}

weir_time weir_ice_deadline(const struct weir_ice *ice)
{
    if (weir_ice_is_over(ice)) {
        return WEIR_NEVER;
    }
    weir_time at = weir_time_min(weir_time_min(ice->check_at, ice->nominate_at), ice->fail_at);
    at = weir_time_min(at, weir_time_min(weir_ice_consent_deadline(ice),
                                         weir_ice_gather_deadline(ice)));
    if (ice->old.linger_at != 0 && !ice->old.is_used) {
        at = weir_time_min(at, ice->old.linger_at);
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        if (ice->pair[i].state == WEIR_ICE_IN_PROGRESS) {
            at = weir_time_min(at, ice->pair[i].next_at);
        }
    }
    return at;
}

/* -- Paths ------------------------------------------------------------------------------------- */

bool weir_ice_path_ok(const struct weir_ice *ice, const struct weir_path *path)
{
    const struct weir_path *via = weir_ice_via(ice); /* most come this way */
    return (via != NULL && weir_path_eq(via, path)) || weir_ice_path_proof(ice, path) != WEIR_ICE_UNPROVEN;
}

enum weir_ice_proof weir_ice_path_proof(const struct weir_ice *ice, const struct weir_path *path)
{
    enum weir_ice_proof best = WEIR_ICE_UNPROVEN;
    if (weir_ice_is_over(ice)) {
        return best;
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *p = &ice->pair[i];
        if (!weir_ice_pair_is_on(ice, p, path)) {
            continue;
        }
        bool is_answered = ice->config.is_lite ? p->is_keyed : p->is_valid;
        best = is_answered ? WEIR_ICE_ANSWERED : p->has_request || p->is_valid ? WEIR_ICE_ASKED : best;
    }
    bool is_old = ice->old.linger_at != 0 && weir_path_eq(&ice->old.path, path);
    return is_old ? WEIR_ICE_ANSWERED : best;
}

void weir_ice_note_via(struct weir_ice *ice)
{
    ice->via = ice->selected != WEIR_ICE_NONE ? weir_ice_pair_path(ice, &ice->pair[ice->selected])
                                              : ice->old.path;
}

const struct weir_path *weir_ice_via(const struct weir_ice *ice)
{
    bool has = !weir_ice_is_over(ice) && (ice->selected != WEIR_ICE_NONE || ice->old.is_used);
    return has ? &ice->via : NULL;
}

bool weir_ice_selected(const struct weir_ice *ice, struct weir_path *path)
{
    const struct weir_path *via = weir_ice_via(ice);
    if (via != NULL) {
        *path = *via;
    }
    return via != NULL;
}

bool weir_ice_pair_info(const struct weir_ice *ice, uint32_t i, struct weir_ice_pair_info *out)
{
    if (i >= ice->pairs) {
        return false;
    }
    const struct weir_ice_pair *p = &ice->pair[i];
    out->path = weir_ice_pair_path(ice, p);
    out->state = (enum weir_ice_pair_state)p->state;
    out->local_type = ice->local[p->local].type;
    out->remote_type = ice->remote[p->remote].type;
    out->is_nominated = p->is_nominated;
    out->is_selected = i == ice->selected;
    out->is_valid = p->is_valid;
    out->priority = p->priority;
    memset(&out->mapped, 0, sizeof out->mapped);
    if (p->is_valid) {
        out->mapped = ice->local[p->mapped].addr;
    }
    out->rtt = p->rtt;
    out->rtt_most = p->rtt_most;
    out->requests = p->requests;
    out->responses = p->responses;
    return true;
}

struct weir_span weir_ice_ufrag(const struct weir_ice *ice)
{
    return weir_span_of(ice->local_ufrag.text, ice->local_ufrag.bytes);
}

struct weir_span weir_ice_old_ufrag(const struct weir_ice *ice)
{
    size_t n = ice->old.is_known ? ice->old.of.local_ufrag.bytes : 0;
    return weir_span_of(ice->old.of.local_ufrag.text, n);
}

struct weir_span weir_ice_ufrag_of(const struct weir_ice *ice, enum weir_ice_generation g)
{
    size_t n = ice->older.is_known ? ice->older.local_ufrag.bytes : 0;
    return g == WEIR_ICE_CURRENT ? weir_ice_ufrag(ice)
           : g == WEIR_ICE_OLD   ? weir_ice_old_ufrag(ice)
                                 : weir_span_of(ice->older.local_ufrag.text, n);
}

struct weir_span weir_ice_pwd(const struct weir_ice *ice)
{
    return weir_span_of(ice->local_pwd.text, ice->local_pwd.bytes);
}

/* -- What must hold between calls -------------------------------------------------------------- */

static bool pair_holds(const struct weir_ice *ice, const struct weir_ice_pair *p)
{
    return p->local < ice->locals && p->remote < ice->remotes && p->mapped < ice->locals
           && p->state < WEIR_ICE_PAIR_STATES && ice->local[p->local].type == WEIR_ICE_HOST
           && (!p->is_nominated || p->is_valid)
           && (!p->owes_check || p->state == WEIR_ICE_IN_PROGRESS)
           && (p->state != WEIR_ICE_PAIR_FAILED || (!p->is_valid && p->trigger == 0));
}

bool weir_ice_check(const struct weir_ice *ice)
{
    bool holds = ice->locals <= WEIR_ICE_LOCALS_MAX && ice->remotes <= WEIR_ICE_REMOTES_MAX
                 && ice->pairs <= WEIR_ICE_PAIRS_MAX && ice->gathers <= WEIR_ICE_GATHERS_MAX
                 && ice->answer_head - ice->answer_tail <= WEIR_ICE_ANSWERS_MAX
                 && ice->event_head - ice->event_tail <= WEIR_ICE_EVENTS_MAX
                 && (ice->selected == WEIR_ICE_NONE || ice->selected < ice->pairs)
                 && ice->role_switches <= ICE_ROLE_SWITCHES_MAX && weir_ice_embed_check(ice);
    for (uint32_t i = 0; i < ice->pairs && holds; i++) {
        holds = pair_holds(ice, &ice->pair[i]);
    }
    if (holds && ice->selected != WEIR_ICE_NONE) {
        struct weir_path path = weir_ice_pair_path(ice, &ice->pair[ice->selected]);
        holds = ice->pair[ice->selected].is_valid && (ice->consent.is_on || weir_ice_is_over(ice))
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
