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
    ice->check_at = ice->nominate_at = ice->consent_at = ice->expire_at = ice->fail_at = WEIR_NEVER;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        ice->pair[i].next_at = WEIR_NEVER;
    }
    ice->gathers = 0;
}

void weir_ice_set_state(struct weir_ice *ice, weir_time now, enum weir_ice_state next)
{
    if (ice->state == next) {
        return;
    }
    weir_trace(ice->config.trace, now, WEIR_TRACE_ICE, WEIR_TRACE_STATE, ice->config.conn,
               (uint32_t)ice->state, (uint32_t)next, 0);
    ice->state = next;
    if (next == WEIR_ICE_FAILED || next == WEIR_ICE_CLOSED) {
        stop_timers(ice);
        ice->has_last_path = false;
    }
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_STATE, .state = next };
    weir_ice_push_event(ice, &e);
}

enum weir_ice_state weir_ice_state(const struct weir_ice *ice)
{
    return ice->state;
}

/* -- Beginning --------------------------------------------------------------------------------- */

void weir_ice_new_credentials(struct weir_ice *ice)
{
    ice->local_ufrag.bytes = UFRAG_CHARS;
    ice->local_pwd.bytes = PWD_CHARS;
    weir_rand_text(&ice->rand, ice->local_ufrag.text, UFRAG_CHARS);
    weir_rand_text(&ice->rand, ice->local_pwd.text, PWD_CHARS);
}

void weir_ice_init(struct weir_ice *ice, const struct weir_ice_config *config, weir_time now)
{
    memset(ice, 0, sizeof *ice);
    ice->config = *config;
    ice->config.ta = config->ta == 0 ? ICE_TA : config->ta;
    ice->config.nominate_wait = config->nominate_wait == 0 ? ICE_NOMINATE_WAIT : config->nominate_wait;
    weir_rand_init(&ice->rand, config->seed);
    weir_wipe(ice->config.seed, sizeof ice->config.seed);
    ice->is_controlling = config->is_controlling;
    ice->tie_breaker = weir_rand_u64(&ice->rand);
    ice->selected = ice->consent_pair = WEIR_ICE_NONE;
    ice->last_rx_at = now;
    stop_timers(ice);
    weir_ice_new_credentials(ice);
}

void weir_ice_set_controlling(struct weir_ice *ice, bool is_controlling)
{
    ice->is_controlling = is_controlling;
    weir_ice_reprioritise(ice);
}

enum weir_status weir_ice_add_host(struct weir_ice *ice, weir_time now, const struct weir_addr *addr,
                                   uint16_t preference)
{
    if (addr->family == WEIR_FAMILY_NONE || weir_addr_is_any(addr) || weir_addr_is_multicast(addr)) {
        return WEIR_ERR_ARG;
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
    c->foundation[1] = (char)('a' + ice->locals);
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_CANDIDATE, .candidate = ice->locals };
    weir_ice_push_event(ice, &e);
    weir_ice_pair_local(ice, now, ice->locals++);
    return WEIR_OK;
}

enum weir_status weir_ice_add_server(struct weir_ice *ice, weir_time now, const struct weir_addr *server)
{
    (void)now;
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
    if (ufrag.n < 4 || pwd.n < 22 || ufrag.n > WEIR_ICE_UFRAG_MAX || pwd.n > WEIR_ICE_PWD_MAX) {
        return WEIR_ERR_ARG;
    }
    if (!take_text(&ice->remote_ufrag, ufrag) || !take_text(&ice->remote_pwd, pwd)) {
        return WEIR_ERR_ARG;
    }
    ice->has_remote = true;
    ice->is_remote_lite = is_lite;
    if (is_lite) {
        weir_ice_set_controlling(ice, true); /* [RFC 8445 6.1.1 MUST] */
    }
    ice->fail_at = weir_time_add(now, ICE_PATIENCE);
    if (ice->state == WEIR_ICE_NEW) {
        weir_ice_set_state(ice, now, WEIR_ICE_CHECKING);
    }
    weir_ice_arm_checks(ice, now);
    return WEIR_OK;
}

enum weir_status weir_ice_add_remote(struct weir_ice *ice, weir_time now,
                                     const struct weir_ice_candidate *c)
{
    if (c->is_tcp || c->component != 1 || c->addr.family == WEIR_FAMILY_NONE || c->addr.port == 0
        || weir_addr_is_any(&c->addr) || weir_addr_is_multicast(&c->addr)) {
        return WEIR_ERR_ARG; /* [RFC 8445 19.5.1] nor is a check ever sent to a group */
    }
    for (uint32_t i = 0; i < ice->remotes; i++) {
        if (weir_addr_eq(&ice->remote[i].addr, &c->addr)) {
            ice->remote[i] = *c; /* what was discovered is now known by name [RFC 8838 11.4] */
            weir_ice_reprioritise(ice);
            return WEIR_OK;
        }
    }
    if (ice->remotes == WEIR_ICE_REMOTES_MAX) {
        return WEIR_ERR_FULL;
    }
    ice->remote[ice->remotes] = *c;
    weir_ice_pair_remote(ice, now, ice->remotes++);
    return WEIR_OK;
}

void weir_ice_remote_done(struct weir_ice *ice, weir_time now)
{
    (void)now;
    ice->is_remote_done = true;
}

/* -- Restart and close ------------------------------------------------------------------------- */

void weir_ice_restart(struct weir_ice *ice, weir_time now)
{
    struct weir_path path;
    if (weir_ice_selected(ice, &path)) {
        ice->last_path = path;
        ice->has_last_path = true;
    }
    ice->pairs = ice->remotes = 0;
    ice->selected = ice->consent_pair = WEIR_ICE_NONE;
    ice->has_remote = ice->is_remote_done = false;
    ice->owes_consent = ice->has_consent_out = false;
    ice->answer_head = ice->answer_tail = 0;
    ice->role_switches = 0;
    stop_timers(ice);
    ice->fail_at = weir_time_add(now, ICE_PATIENCE);
    weir_ice_new_credentials(ice);
    weir_ice_set_state(ice, now, WEIR_ICE_CHECKING);
}

void weir_ice_close(struct weir_ice *ice, weir_time now)
{
    weir_ice_set_state(ice, now, WEIR_ICE_CLOSED);
}

/* -- Timers ------------------------------------------------------------------------------------ */

static void begin_check(struct weir_ice *ice, struct weir_ice_pair *p)
{
    weir_rand_bytes(&ice->rand, p->txid, sizeof p->txid);
    p->state = WEIR_ICE_IN_PROGRESS;
    p->is_triggered = false;
    p->owes_check = true;
    p->tries = 0;
    p->rto = ICE_RTO_FIRST;
}

static void tick_checks(struct weir_ice *ice, weir_time now)
{
    if (now < ice->check_at) {
        return;
    }
    struct weir_ice_pair *p = weir_ice_next_check(ice);
    if (p != NULL) {
        begin_check(ice, p);
    }
    ice->check_at = weir_ice_next_check(ice) != NULL ? weir_time_add(now, ice->config.ta) : WEIR_NEVER;
}

static void tick_pair(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    if (p->state != WEIR_ICE_IN_PROGRESS || now < p->next_at) {
        return;
    }
    if (p->tries >= ICE_TRIES_MAX) {
        p->state = WEIR_ICE_PAIR_FAILED;
        p->is_valid = p->is_nominating = p->owes_check = false;
        p->next_at = WEIR_NEVER;
        weir_ice_arm_checks(ice, now); /* others of its foundation may thaw */
        return;
    }
    p->owes_check = true;
    p->next_at = WEIR_NEVER; /* sending arms it again */
    p->rto = p->rto * 2 > ICE_RTO_MAX ? ICE_RTO_MAX : p->rto * 2;
}

void weir_ice_tick(struct weir_ice *ice, weir_time now)
{
    if (ice->state == WEIR_ICE_FAILED || ice->state == WEIR_ICE_CLOSED) {
        return;
    }
    weir_ice_gather_tick(ice, now);
    for (uint32_t i = 0; i < ice->pairs; i++) {
        tick_pair(ice, now, &ice->pair[i]);
    }
    tick_checks(ice, now);
    weir_ice_consider_nomination(ice, now);
    if (ice->nominate_at <= now) {
        ice->nominate_at = WEIR_NEVER;
    }
    weir_ice_consent_tick(ice, now);
    if (now >= ice->fail_at) {
        weir_ice_set_state(ice, now, WEIR_ICE_FAILED);
    }
}

weir_time weir_ice_deadline(const struct weir_ice *ice)
{
    weir_time at = weir_time_min(weir_time_min(ice->check_at, ice->nominate_at),
                                 weir_time_min(ice->consent_at, ice->expire_at));
    at = weir_time_min(at, weir_time_min(ice->fail_at, weir_ice_gather_deadline(ice)));
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
    if (ice->state == WEIR_ICE_FAILED || ice->state == WEIR_ICE_CLOSED) {
        return false;
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *p = &ice->pair[i];
        struct weir_path of_pair = weir_ice_pair_path(ice, p);
        if ((p->has_request || p->is_valid) && weir_path_eq(&of_pair, path)) {
            return true;
        }
    }
    return ice->has_last_path && weir_path_eq(&ice->last_path, path);
}

bool weir_ice_selected(const struct weir_ice *ice, struct weir_path *path)
{
    uint32_t i = ice->selected;
    if (ice->state == WEIR_ICE_FAILED || ice->state == WEIR_ICE_CLOSED) {
        return false;
    }
    if (i == WEIR_ICE_NONE) {
        i = weir_ice_best_valid(ice); /* [RFC 8445 12.1] data may go before nomination */
    }
    if (i == WEIR_ICE_NONE) {
        *path = ice->last_path;
        return ice->has_last_path;
    }
    *path = weir_ice_pair_path(ice, &ice->pair[i]);
    return true;
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
    out->rtt = p->rtt;
    out->requests = p->requests;
    out->responses = p->responses;
    return true;
}

struct weir_span weir_ice_ufrag(const struct weir_ice *ice)
{
    return weir_span_of(ice->local_ufrag.text, ice->local_ufrag.bytes);
}

struct weir_span weir_ice_pwd(const struct weir_ice *ice)
{
    return weir_span_of(ice->local_pwd.text, ice->local_pwd.bytes);
}
