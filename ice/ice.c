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

/* -- State and events -------------------------------------------------------------------------- */

void weir_ice_push_event(struct weir_ice *ice, const struct weir_ice_event *e)
{
    /* There is room for more than one call can make; undrained, the newest is lost and state stays. */
    if (ice->news < WEIR_ICE_NEWS_MAX) {
        ice->event[ice->news++] = (struct weir_ice_news){ .type = (uint8_t)e->type,
                                                          .state = (uint8_t)e->state,
                                                          .refusal = (uint8_t)e->refusal,
                                                          .remote = e->path.remote };
    }
}

void weir_ice_push_path(struct weir_ice *ice, enum weir_ice_event_type type, const struct weir_ice_pair *p)
{
    if (ice->news < WEIR_ICE_NEWS_MAX) {
        ice->event[ice->news++] = (struct weir_ice_news){ .type = (uint8_t)type, .local = p->local,
                                                          .remote = remote_at(ice, p->remote)->addr };
    }
}

/* Local candidates that are not told yet, in their order; those that checks found are not told at all. */
static bool next_candidate(struct weir_ice *ice, struct weir_ice_event *out)
{
    while (ice->locals_told < ice->locals) {
        uint32_t i = ice->locals_told++;
        if (local_at(ice, i)->type != WEIR_ICE_PRFLX) {
            *out = (struct weir_ice_event){ .type = WEIR_ICE_EVENT_CANDIDATE, .candidate = i };
            return true;
        }
    }
    return false;
}

bool weir_ice_event(struct weir_ice *ice, struct weir_ice_event *out)
{
    if (next_candidate(ice, out)) {
        return true;
    }
    if (ice->news == 0) {
        return false;
    }
    const struct weir_ice_news *n = &ice->event[0];
    *out = (struct weir_ice_event){ .type = (enum weir_ice_event_type)n->type,
                                    .state = (enum weir_ice_state)n->state,
                                    .refusal = (enum weir_ice_refusal)n->refusal,
                                    .path.remote = n->remote };
    bool has_path = out->type == WEIR_ICE_EVENT_VALIDATED || out->type == WEIR_ICE_EVENT_SELECTED;
    if (has_path && n->local < ice->locals) {
        out->path.local = local_at(ice, n->local)->addr;
    }
    ice->news--;
    memmove(&ice->event[0], &ice->event[1], ice->news * sizeof ice->event[0]);
    return true;
}

static void stop_timers(struct weir_ice *ice)
{
    ice->check_at = ice->nominate_at = ice->fail_at = ice->gather_until = ice->spare_at = WEIR_NEVER;
    ice->setup_until = WEIR_NEVER;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        pair_at(ice, i)->next_at = WEIR_NEVER;
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
    if (next == WEIR_ICE_COMPLETED) {
        weir_ice_completed(ice, now);
    }
    if (weir_ice_is_over(ice)) {
        ice->keys_at = 0; /* whoever comes after a restart shows keys of its own */
        stop_timers(ice);
        ice->gathers = 0;
        weir_ice_forget_old(ice);
        memset(&ice->old, 0, sizeof ice->old);
        weir_ice_end_setup(ice);
    }
    struct weir_ice_event e = { .type = WEIR_ICE_EVENT_STATE, .state = next };
    weir_ice_push_event(ice, &e);
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
    ice->setup = WEIR_NO_BLOCK;
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

void weir_ice_deinit(struct weir_ice *ice)
{
    weir_ice_give_back(ice);
    weir_wipe(ice, sizeof *ice);
    ice->setup = WEIR_NO_BLOCK;
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
    if (ice->state == WEIR_ICE_CLOSED) {
        return WEIR_ERR_STATE;
    }
    for (uint32_t i = 0; i < ice->locals; i++) {
        if (local_at(ice, i)->type == WEIR_ICE_HOST && weir_addr_eq(&local_at(ice, i)->addr, addr)) {
            return WEIR_OK; /* once is enough */
        }
    }
    if (ice->locals == WEIR_ICE_LOCALS_MAX || !weir_ice_have_locals(ice, ice->locals + 1u)) {
        return WEIR_ERR_FULL;
    }
    struct weir_ice_candidate *c = local_at(ice, ice->locals);
    memset(c, 0, sizeof *c);
    c->type = WEIR_ICE_HOST;
    c->component = 1;
    c->addr = c->related = *addr;
    c->priority = weir_ice_priority(WEIR_ICE_HOST, preference);
    c->foundation_bytes = 2; /* [RFC 8445 5.1.1.3] distinct for every base */
    c->foundation[0] = 'h';
    c->foundation[1] = (char)('a' + ice->hosts_seen % 26);
    if (!weir_ice_have_pairs(ice, weir_ice_pairs_of_local(ice, c))) {
        return WEIR_ERR_FULL;
    }
    ice->hosts_seen++;
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

enum weir_status weir_ice_gathering_done(struct weir_ice *ice, weir_time now)
{
    if (ice->is_gathering_done || ice->state == WEIR_ICE_CLOSED) {
        return WEIR_OK;
    }
    if (ice->servers != 0 && !weir_ice_is_over(ice) && !weir_ice_have_setup(ice)) {
        return WEIR_ERR_FULL;
    }
    ice->is_gathering_done = true;
    weir_ice_gather_begin(ice, now);
    weir_ice_gather_tick(ice, now);
    return WEIR_OK;
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
    ice->servers = (uint8_t)servers;
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
        uint32_t of = remote_at(ice, i)->ufrag_hash;
        if (of != 0 && of != weir_ice_ufrag_hash(ufrag)) {
            ice->strays += weir_ice_drop_remote(ice, i) ? 1 : 0;
        }
    }
    weir_ice_trim(ice);
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

/* All of it, or nothing. */
static enum weir_status add_new_remote(struct weir_ice *ice, weir_time now,
                                       const struct weir_ice_candidate *c, const struct weir_addr *addr)
{
    if (ice->remotes == WEIR_ICE_REMOTES_MAX || !weir_ice_have_remotes(ice, ice->remotes + 1u)) {
        return WEIR_ERR_FULL;
    }
    struct weir_ice_candidate *r = remote_at(ice, ice->remotes);
    *r = *c;
    r->addr = *addr;
    if (!weir_ice_have_pairs(ice, weir_ice_pairs_of_remote(ice, r))) {
        return WEIR_ERR_FULL;
    }
    weir_ice_pair_remote(ice, now, ice->remotes++);
    return WEIR_OK;
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
    if (at == WEIR_ICE_NONE) {
        return add_new_remote(ice, now, c, &addr);
    }
    bool is_known = remote_at(ice, at)->type != WEIR_ICE_PRFLX;
    *remote_at(ice, at) = *c; /* what was discovered is now signalled [RFC 8838 11.4] */
    remote_at(ice, at)->addr = addr;
    weir_ice_reprioritise(ice);
    if (!is_known || ice->state != WEIR_ICE_COMPLETED) { /* else its pairs had their chance */
        weir_ice_pair_remote(ice, now, at);
    }
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
    struct weir_ice_setup *s = setup_of(ice);
    if (ice->old.is_known) {
        ice->is_older_known = true;
        s->older.local_ufrag = s->old.local_ufrag;
        s->older.local_pwd = s->old.local_pwd;
        s->older.remote_ufrag = s->old.remote_ufrag;
    }
    ice->old.is_known = true;
    s->old.local_ufrag = ice->local_ufrag;
    s->old.local_pwd = ice->local_pwd;
    s->old.remote_ufrag = ice->remote_ufrag;
    s->old.remote_pwd = ice->remote_pwd;
}

/* Keep what carries data now. */
static void keep_old(struct weir_ice *ice)
{
    const struct weir_ice_pair *p = pair_at(ice, ice->selected);
    struct weir_ice_old *o = &ice->old;
    keep_credentials(ice);
    o->is_used = true;
    o->linger_at = WEIR_NEVER;
    o->path = weir_ice_pair_path(ice, p);
    o->rtt = p->rtt;
    o->priority = local_at(ice, p->local)->priority;
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
    weir_ice_forget_generation(ice);
    weir_ice_note_via(ice);
}

void weir_ice_forget_generation(struct weir_ice *ice)
{
    ice->pairs = ice->remotes = 0;
    ice->selected = WEIR_ICE_NONE;
    weir_ice_trim(ice);
    ice->has_remote = ice->is_remote_done = false;
    ice->answers = 0;
    ice->role_switches = ice->refusals_told = 0;
    ice->check_at = ice->nominate_at = ice->fail_at = ice->spare_at = ice->setup_until = WEIR_NEVER;
}

/* Where nothing of before goes on nothing is kept; and where an old path does there is a block. */
static bool may_begin_generation(struct weir_ice *ice)
{
    return weir_ice_is_over(ice) || ice->selected == WEIR_ICE_NONE || weir_ice_have_setup(ice);
}

enum weir_status weir_ice_restart(struct weir_ice *ice, weir_time now)
{
    if (ice->state == WEIR_ICE_CLOSED) {
        return WEIR_ERR_STATE;
    }
    if (!may_begin_generation(ice)) {
        return WEIR_ERR_FULL;
    }
    weir_ice_keep_prior(ice);
    begin_generation(ice);
    weir_ice_new_credentials(ice);
    weir_ice_gather_anew(ice);
    weir_ice_set_state(ice, now, WEIR_ICE_CHECKING);
    return WEIR_OK;
}

enum weir_status weir_ice_replace_remote(struct weir_ice *ice, weir_time now)
{
    if (!ice->has_remote || ice->state == WEIR_ICE_CLOSED) {
        return WEIR_OK;
    }
    if (!may_begin_generation(ice)) {
        return WEIR_ERR_FULL;
    }
    begin_generation(ice);
    weir_ice_set_state(ice, now, WEIR_ICE_CHECKING);
    return WEIR_OK;
}

void weir_ice_forget_old(struct weir_ice *ice)
{
    if (ice->old.is_known) {
        ice->old.is_known = false;
        weir_wipe(&setup_of(ice)->old, sizeof setup_of(ice)->old);
    }
    if (ice->is_older_known) {
        ice->is_older_known = false;
        weir_wipe(&setup_of(ice)->older, sizeof setup_of(ice)->older);
    }
}

void weir_ice_close(struct weir_ice *ice, weir_time now)
{
    weir_ice_set_state(ice, now, WEIR_ICE_CLOSED);
    weir_ice_give_back(ice);
}

/* -- Timers ------------------------------------------------------------------------------------ */

/* [RFC 8445 14.3] the more checks share the path, the longer each waits before it is repeated. */
static weir_duration first_rto(const struct weir_ice *ice)
{
    uint32_t active = 0;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        uint8_t state = pair_at(ice, i)->state;
        active += state == WEIR_ICE_WAITING || state == WEIR_ICE_IN_PROGRESS;
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
    p->rto = short_of(first_rto(ice));
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
    weir_ice_end_setup(ice);
    if (weir_ice_is_over(ice)) {
        return;
    }
    weir_ice_gather_tick(ice, now);
    for (uint32_t i = 0; i < ice->pairs; i++) {
        tick_pair(ice, now, pair_at(ice, i));
    }
    weir_ice_consider_nomination(ice, now);
    tick_checks(ice, now);
    weir_ice_consent_tick(ice, now);
    tick_patience(ice, now);
    if (now >= ice->old.linger_at && !ice->old.is_used) {
        ice->old.linger_at = 0;
        memset(&ice->old.path, 0, sizeof ice->old.path);
    }
    weir_ice_setup_tick(ice, now);
    weir_ice_spare(ice, now);
}

weir_time weir_ice_deadline(const struct weir_ice *ice)
{
    if (ice->setup != WEIR_NO_BLOCK && !weir_ice_needs_setup(ice)) {
        return 0; /* now */
    }
    if (weir_ice_is_over(ice)) {
        return WEIR_NEVER;
    }
    weir_time at = weir_time_min(weir_time_min(ice->check_at, ice->nominate_at), ice->fail_at);
    at = weir_time_min(at, ice->setup_until);
    at = weir_time_min(at, weir_time_min(weir_ice_consent_deadline(ice),
                                         weir_ice_gather_deadline(ice)));
    if (ice->old.linger_at != 0 && !ice->old.is_used) {
        at = weir_time_min(at, ice->old.linger_at);
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        if (pair_at(ice, i)->state == WEIR_ICE_IN_PROGRESS) {
            at = weir_time_min(at, pair_at(ice, i)->next_at);
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
        const struct weir_ice_pair *p = pair_at(ice, i);
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
    const struct weir_ice_pair *p = selected_of(ice);
    ice->via = p != NULL ? weir_ice_pair_path(ice, p) : ice->old.path;
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
