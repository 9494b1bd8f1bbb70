/* What arrives [RFC 8445 7.2.5, 7.3].
 *
 *   1. it is STUN, a Binding message, with a fingerprint;
 *   2. a response belongs to a transaction of ours, is proven with the peer's password, and came the
 *      way it was asked for;
 *   3. a request names us, is proven with our password, and only then may teach us a candidate,
 *      change a role, trigger a check or nominate (ice_lite.c: where there are no checks); and only
 *      once: a transaction that came before is answered and teaches nothing;
 *   4. whatever is not proven is dropped in silence: an answer would tell a stranger we are here.
 */
#include "ice/ice_int.h"

/* -- Answers owed ------------------------------------------------------------------------------ */

void weir_ice_answer_gone(struct weir_ice *ice)
{
    ice->answers--;
    memmove(&ice->answer[0], &ice->answer[1], ice->answers * sizeof ice->answer[0]);
}

static struct weir_ice_answer *owe_answer(struct weir_ice *ice, uint32_t local,
                                          const struct weir_path *path, const struct weir_stun_msg *m,
                                          uint16_t error)
{
    if (ice->answers == WEIR_ICE_ANSWERS_MAX) {
        weir_ice_answer_gone(ice); /* its asker asks again [RFC 8489 6.2.1] */
    }
    struct weir_ice_answer *a = &ice->answer[ice->answers++];
    memset(a, 0, sizeof *a);
    a->local = (uint8_t)local;
    a->remote = path->remote;
    memcpy(a->txid, m->txid, sizeof a->txid);
    a->error = error;
    a->asked = (uint16_t)m->packet.n;
    return a;
}

/* -- Requests ---------------------------------------------------------------------------------- */

/* [RFC 8445 7.2.2] "<our ufrag>:<theirs>". */
static bool username_is(struct weir_span username, const struct weir_ice_own *local,
                        const struct weir_ice_text *remote)
{
    struct weir_rd r = weir_rd_of(username);
    struct weir_span ours;
    uint8_t colon;
    return weir_rd_take(&r, local->bytes, &ours) && weir_span_eq(ours, weir_ice_own_span(local))
           && weir_rd_u8(&r, &colon) && colon == ':' && r.n >= 4
           && (remote == NULL || weir_span_eq(weir_rd_rest(&r), weir_ice_text_span(remote)));
}

/* Which of our credentials does a request name? WEIR_ICE_GENERATIONS: none. The peer's half is unknown
 * until its description came. */
static enum weir_ice_generation generation_of(const struct weir_ice *ice, struct weir_span username)
{
    const struct weir_ice_setup *s = ice->setup != WEIR_NO_BLOCK ? setup_of(ice) : NULL;
    if (username_is(username, &ice->local_ufrag, ice->has_remote ? &ice->remote_ufrag : NULL)) {
        return WEIR_ICE_CURRENT;
    }
    if (ice->old.is_known && username_is(username, &s->old.local_ufrag, &s->old.remote_ufrag)) {
        return WEIR_ICE_OLD;
    }
    return ice->is_older_known && username_is(username, &s->older.local_ufrag, &s->older.remote_ufrag)
               ? WEIR_ICE_OLDER
               : WEIR_ICE_GENERATIONS;
}

struct weir_span weir_ice_password_of(const struct weir_ice *ice, enum weir_ice_generation of)
{
    return weir_ice_own_span(of == WEIR_ICE_CURRENT ? &ice->local_pwd
                             : of == WEIR_ICE_OLD   ? &setup_of(ice)->old.local_pwd
                                                    : &setup_of(ice)->older.local_pwd);
}

static void switch_role(struct weir_ice *ice, weir_time now)
{
    ice->is_controlling = !ice->is_controlling;
    ice->role_switches++;
    weir_ice_role_changed(ice, now);
}

/* [RFC 8445 7.3.1.1] both controlling or both controlled: the larger tie-breaker controls. False when
 * the peer must change, which a 487 tells it. */
static bool settle_roles(struct weir_ice *ice, weir_time now, const struct weir_stun_msg *m)
{
    /* Neither role: an agent of before these attributes; a conflict could not be told. */
    bool is_conflict = ice->is_controlling ? m->has_controlling : m->has_controlled;
    if (!is_conflict) {
        return true;
    }
    bool we_win = ice->tie_breaker >= m->tie_breaker;
    if (we_win == ice->is_controlling || ice->role_switches >= ICE_ROLE_SWITCHES_MAX
        || ice->config.is_lite) {
        return false;
    }
    switch_role(ice, now);
    return true;
}

/* Valid, and consent would not be over at once: a pair that was kept in reserve was not asked for it
 * [RFC 7675 5.1 MUST]. */
static bool may_use(const struct weir_ice *ice, weir_time now, const struct weir_ice_pair *p)
{
    return p->is_valid
           && (p->at == ice->selected || weir_time_since(now, p->heard_at) < ICE_CONSENT_LIFE);
}

/* A proven request reached this pair. */
static void request_on_pair(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p,
                            const struct weir_stun_msg *m)
{
    bool is_first = !p->has_request && !p->is_valid;
    p->has_request = true;
    p->asked_at = now;
    if (p->responses == 0) {
        weir_ice_budget_heard(ice, m->packet.n);
    }
    if (is_first) {
        weir_ice_push_path(ice, WEIR_ICE_EVENT_VALIDATED, p);
    }
    if (ice->config.is_lite) {
        weir_ice_lite_request(ice, now, p, m->has_use_candidate);
        return;
    }
    if (m->has_use_candidate && !ice->is_controlling) { /* [RFC 8445 7.3.1.5] */
        if (may_use(ice, now, p)) {
            weir_ice_nominated(ice, now, p);
        } else {
            p->wants_nomination = true;
            p->state = p->state == WEIR_ICE_SUCCEEDED ? WEIR_ICE_WAITING : p->state; /* checked once more */
        }
    }
    weir_ice_trigger(ice, now, p);
}

/* Proven, and a request that can be answered with success: take from it what it teaches. */
static enum weir_ice_verdict learn_from(struct weir_ice *ice, weir_time now, uint32_t local,
                                        const struct weir_path *path, const struct weir_stun_msg *m)
{
    uint32_t remote = weir_ice_find_remote(ice, &path->remote);
    struct weir_addr addr = path->remote;
    if (remote == WEIR_ICE_NONE && !weir_ice_admits(ice, &addr)) {
        return WEIR_ICE_ADDRESS;
    }
    (void)owe_answer(ice, local, path, m, 0);
    ice->last_rx_at = now;
    weir_ice_note_recent(ice, m->txid);
    if (!ice->old.is_used) { /* the peer has our new credentials */
        weir_ice_forget_old(ice);
    }
    bool is_new = remote == WEIR_ICE_NONE;
    if (is_new) {
        remote = weir_ice_discover_remote(ice, &path->remote, m->priority);
    }
    struct weir_ice_pair *p = remote != WEIR_ICE_NONE ? weir_ice_make_pair(ice, local, remote) : NULL;
    if (p == NULL) {
        if (is_new && remote != WEIR_ICE_NONE) {
            (void)weir_ice_drop_remote(ice, remote);
            weir_ice_trim(ice);
        }
        return WEIR_ICE_FULL;
    }
    weir_ice_embed_take(ice, m, 0);
    request_on_pair(ice, now, p, m);
    return WEIR_ICE_OK;
}

/* Repeated, or replayed: what it had to say was heard, but for what rides on it. On a pair where the peer
 * asked before, it may be that our own check was lost. */
static void repeated(struct weir_ice *ice, weir_time now, uint32_t local, const struct weir_path *path,
                     const struct weir_stun_msg *m)
{
    uint32_t remote = weir_ice_find_remote(ice, &path->remote);
    struct weir_ice_pair *p = remote != WEIR_ICE_NONE ? weir_ice_find_pair(ice, local, remote) : NULL;
    (void)owe_answer(ice, local, path, m, 0);
    weir_ice_embed_take(ice, m, 0);
    if (p != NULL && p->has_request && !ice->config.is_lite) {
        weir_ice_trigger(ice, now, p);
    }
}

static enum weir_ice_verdict recv_request(struct weir_ice *ice, weir_time now,
                                          const struct weir_path *path,
                                          const struct weir_stun_msg *m)
{
    uint32_t local;
    enum weir_ice_generation of = generation_of(ice, m->username);
    if (!weir_ice_find_local(ice, &path->local, &local)) {
        return WEIR_ICE_LOCAL;
    }
    if (of == WEIR_ICE_GENERATIONS) {
        return WEIR_ICE_USERNAME;
    }
    if (weir_stun_verify(m, ice->config.crypto, weir_ice_password_of(ice, of)) != WEIR_STUN_OK) {
        return WEIR_ICE_INTEGRITY;
    }
    bool is_again = weir_ice_is_recent(ice, m->txid);
    if (of != WEIR_ICE_CURRENT) { /* [RFC 8445 9] it keeps the old pair going, and changes nothing else */
        owe_answer(ice, local, path, m, 0)->of = (uint8_t)of;
        if (!is_again && ice->config.is_lite && ice->old.is_used && weir_path_eq(path, &ice->old.path)) {
            weir_ice_note_recent(ice, m->txid);
            weir_ice_consent_came(ice, now);
        }
        return is_again ? WEIR_ICE_AGAIN : WEIR_ICE_OK;
    }
    if (is_again) {
        repeated(ice, now, local, path, m);
        return WEIR_ICE_AGAIN;
    }
    if (m->unknowns != 0) { /* [RFC 8489 6.3.1 MUST] */
        struct weir_ice_answer *a = owe_answer(ice, local, path, m, 420);
        a->unknowns = m->unknowns;
        memcpy(a->unknown, m->unknown, sizeof a->unknown);
        return WEIR_ICE_UNKNOWN_ATTR;
    }
    if (!m->has_priority) {
        (void)owe_answer(ice, local, path, m, 400);
        return WEIR_ICE_PRIORITY;
    }
    if (!settle_roles(ice, now, m)) {
        (void)owe_answer(ice, local, path, m, 487);
        return WEIR_ICE_ROLE;
    }
    return learn_from(ice, now, local, path, m);
}

/* -- Responses --------------------------------------------------------------------------------- */

static struct weir_ice_pair *find_transaction(struct weir_ice *ice, const uint8_t txid[12])
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        if (p->state == WEIR_ICE_IN_PROGRESS && memcmp(p->txid, txid, sizeof p->txid) == 0) {
            return p;
        }
    }
    return NULL;
}

static enum weir_ice_verdict error_on_pair(struct weir_ice *ice, weir_time now,
                                           struct weir_ice_pair *p, uint16_t code)
{
    if (code != 487 || ice->role_switches >= ICE_ROLE_SWITCHES_MAX) {
        weir_ice_invalidated(ice, now, p);
        return WEIR_ICE_RESPONSE;
    }
    /* [RFC 8445 7.2.5.1 MUST] the other role than the request claimed: a request of the peer may have
     * changed ours already. */
    p->next_at = WEIR_NEVER;
    p->owes_check = false;
    p->state = WEIR_ICE_WAITING;
    if (p->asked_controlling == ice->is_controlling) {
        switch_role(ice, now);
        ice->tie_breaker = weir_rand_u64(&ice->rand);
    }
    weir_ice_trigger(ice, now, p);
    return WEIR_ICE_RESPONSE;
}

/* [RFC 8445 7.2.5.3.1] how the peer sees us on this pair: one of our candidates, or a new one. */
static void learn_mapped(struct weir_ice *ice, struct weir_ice_pair *p, const struct weir_addr *mapped)
{
    for (uint32_t i = 0; i < ice->locals; i++) {
        if (weir_addr_eq(&local_at(ice, i)->addr, mapped)) {
            p->mapped = (uint8_t)i;
            return;
        }
    }
    if (ice->locals == WEIR_ICE_LOCALS_MAX || !weir_ice_have_locals(ice, ice->locals + 1u)) {
        return; /* it is good to know, and no more: the pair works with its base */
    }
    const struct weir_ice_candidate *base = local_at(ice, p->local);
    struct weir_ice_candidate *c = local_at(ice, ice->locals);
    memset(c, 0, sizeof *c);
    c->type = WEIR_ICE_PRFLX;
    c->component = 1;
    c->addr = *mapped;
    c->related = base->addr;
    c->priority = weir_ice_priority(WEIR_ICE_PRFLX, (uint16_t)(base->priority >> 8));
    c->foundation_bytes = 2;
    c->foundation[0] = 'p';
    c->foundation[1] = (char)('a' + ice->locals);
    p->mapped = (uint8_t)ice->locals++;
}

static void note_rtt(struct weir_ice_pair *p, weir_time now, weir_time sent_at)
{
    weir_duration rtt = weir_time_since(now, sent_at);
    p->rtt = p->rtt_most = short_of(rtt == 0 ? 1 : rtt);
}

/* After a repetition it is not known which request was answered: the first at best. */
static void note_check_rtt(struct weir_ice_pair *p, weir_time now)
{
    if (!p->was_resent) {
        note_rtt(p, now, p->sent_at);
    } else if (p->rtt == 0) {
        p->rtt_most = short_of(weir_time_since(now, p->begun_at));
    }
}

static enum weir_ice_verdict response_on_pair(struct weir_ice *ice, weir_time now,
                                              const struct weir_path *path,
                                              const struct weir_stun_msg *m, struct weir_ice_pair *p)
{
    if (!weir_ice_pair_is_on(ice, p, path)) { /* [RFC 8445 7.2.5.2.1 MUST] */
        weir_ice_invalidated(ice, now, p);
        return WEIR_ICE_ASYMMETRIC;
    }
    ice->last_rx_at = now;
    if (m->klass == WEIR_STUN_ERROR) {
        return error_on_pair(ice, now, p, m->error_code);
    }
    if (m->mapped.family == WEIR_FAMILY_NONE) {
        return WEIR_ICE_MAPPED;
    }
    weir_ice_embed_take(ice, m, p->carried);
    p->responses++;
    note_check_rtt(p, now);
    learn_mapped(ice, p, &m->mapped);
    if (!p->has_request && !p->is_valid) {
        weir_ice_push_path(ice, WEIR_ICE_EVENT_VALIDATED, p);
    }
    weir_ice_validated(ice, now, p);
    return WEIR_ICE_OK;
}

/* -- Consent ----------------------------------------------------------------------------------- */

static bool is_consent_answer(const struct weir_ice *ice, const struct weir_path *path,
                              const struct weir_stun_msg *m)
{
    const struct weir_ice_consent *c = &ice->consent;
    const struct weir_path *asked = weir_ice_via(ice);
    return c->is_on && c->is_out && c->sends != 0 && memcmp(m->txid, c->txid, sizeof c->txid) == 0
           && asked != NULL && weir_path_eq(asked, path);
}

static enum weir_ice_verdict recv_consent(struct weir_ice *ice, weir_time now,
                                          const struct weir_stun_msg *m)
{
    struct weir_ice_pair *p = selected_of(ice);
    if (m->klass == WEIR_STUN_ERROR) {
        if (m->error_code == 403) { /* [RFC 7675 5.2] consent is taken back */
            ice->consent.expire_at = now;
        }
        return WEIR_ICE_RESPONSE;
    }
    if (p != NULL) {
        weir_ice_embed_take(ice, m, 0);
        p->responses++;
        p->heard_at = now;
        if (ice->consent.sends == 1) {
            note_rtt(p, now, ice->consent.sent_at);
        }
    }
    ice->last_rx_at = now;
    weir_ice_consent_came(ice, now);
    return WEIR_ICE_OK;
}

static enum weir_ice_verdict recv_response(struct weir_ice *ice, weir_time now,
                                           const struct weir_path *path,
                                           const struct weir_stun_msg *m)
{
    struct weir_ice_pair *p = find_transaction(ice, m->txid);
    bool is_consent = p == NULL && is_consent_answer(ice, path, m);
    bool is_old = is_consent && ice->selected == WEIR_ICE_NONE;
    const struct weir_ice_text *pwd = is_old ? &setup_of(ice)->old.remote_pwd : &ice->remote_pwd;
    if (p == NULL && !is_consent) {
        return WEIR_ICE_TRANSACTION;
    }
    /* [RFC 8445 7.2.5 MUST] errors too: a stranger must not end a check or change a role. */
    if (weir_stun_verify(m, ice->config.crypto, weir_ice_text_span(pwd)) != WEIR_STUN_OK) {
        return WEIR_ICE_INTEGRITY;
    }
    if (m->unknowns != 0) { /* [RFC 8489 6.3.3 MUST] such a response is no use */
        return WEIR_ICE_UNKNOWN_ATTR;
    }
    return is_consent ? recv_consent(ice, now, m) : response_on_pair(ice, now, path, m, p);
}

/* -- All --------------------------------------------------------------------------------------- */

static enum weir_ice_verdict recv_packet(struct weir_ice *ice, weir_time now,
                                         const struct weir_path *path, struct weir_span packet)
{
    struct weir_stun_msg m;
    weir_ice_embed_forget(ice);
    if (weir_ice_is_over(ice)) {
        return WEIR_ICE_OVER;
    }
    enum weir_stun_verdict v = weir_stun_parse(packet, &m);
    ice->stun_verdicts[v]++;
    if (v != WEIR_STUN_OK) {
        return WEIR_ICE_STUN;
    }
    if (m.method != WEIR_STUN_BINDING || m.klass == WEIR_STUN_INDICATION) {
        return WEIR_ICE_METHOD;
    }
    if (m.klass != WEIR_STUN_REQUEST && weir_ice_gather_recv(ice, now, path, &m)) {
        return WEIR_ICE_OK; /* a server's: it proves itself by its transaction alone */
    }
    if (!m.has_fingerprint) {
        return WEIR_ICE_NO_FINGERPRINT;
    }
    return m.klass == WEIR_STUN_REQUEST ? recv_request(ice, now, path, &m)
                                        : recv_response(ice, now, path, &m);
}

enum weir_ice_verdict weir_ice_recv(struct weir_ice *ice, weir_time now, const struct weir_path *path,
                                    struct weir_span packet)
{
    enum weir_ice_verdict v = recv_packet(ice, now, path, packet);
    ice->verdicts[v]++;
    if (v == WEIR_ICE_OK) {
        weir_trace(ice->config.trace, now, WEIR_TRACE_ICE, WEIR_TRACE_RX, ice->config.conn,
                   (uint32_t)packet.n, weir_be32(packet.p), path->remote.port);
        weir_ice_spare(ice, now); /* lite agents have no timer that goes off while the peer asks */
    } else {
        weir_trace(ice->config.trace, now, WEIR_TRACE_ICE, WEIR_TRACE_VERDICT, ice->config.conn,
                   (uint32_t)v, (uint32_t)packet.n, packet.n >= 4 ? weir_be32(packet.p) : 0);
    }
    return v;
}
