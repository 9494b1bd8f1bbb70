/* What arrives [RFC 8445 7.2.5, 7.3].
 *
 *   1. it is STUN, a Binding message, with a fingerprint;
 *   2. a response belongs to a transaction of ours, is proven with the peer's password, and came the
 *      way it was asked for;
 *   3. a request names us, is proven with our password, and only then may teach us a candidate,
 *      change a role, trigger a check or nominate;
 *   4. whatever is not proven is dropped in silence: an answer would tell a stranger we are here.
 */
#include "ice/ice_int.h"

/* -- Answers owed ------------------------------------------------------------------------------ */

static struct weir_ice_answer *owe_answer(struct weir_ice *ice, const struct weir_path *path,
                                          const struct weir_stun_msg *m, uint16_t error)
{
    if (ice->answer_head - ice->answer_tail == WEIR_ICE_ANSWERS_MAX) {
        ice->answer_tail++; /* its asker asks again [RFC 8489 6.2.1] */
    }
    struct weir_ice_answer *a = &ice->answer[ice->answer_head++ % WEIR_ICE_ANSWERS_MAX];
    memset(a, 0, sizeof *a);
    a->path = *path;
    memcpy(a->txid, m->txid, sizeof a->txid);
    a->error = error;
    return a;
}

/* -- Requests ---------------------------------------------------------------------------------- */

static struct weir_span text_span(const struct weir_ice_text *t)
{
    return weir_span_of(t->text, t->bytes);
}

/* [RFC 8445 7.2.2] "<our ufrag>:<theirs>"; theirs is unknown until their description came. */
static bool username_is_ours(const struct weir_ice *ice, struct weir_span username)
{
    struct weir_rd r = weir_rd_of(username);
    struct weir_span ours;
    uint8_t colon;
    return weir_rd_take(&r, ice->local_ufrag.bytes, &ours)
           && weir_span_eq(ours, text_span(&ice->local_ufrag)) && weir_rd_u8(&r, &colon)
           && colon == ':' && r.n >= 4
           && (!ice->has_remote || weir_span_eq(weir_rd_rest(&r), text_span(&ice->remote_ufrag)));
}

static bool find_local(const struct weir_ice *ice, const struct weir_addr *addr, uint32_t *out)
{
    for (uint32_t i = 0; i < ice->locals; i++) {
        if (ice->local[i].type == WEIR_ICE_HOST && weir_addr_eq(&ice->local[i].addr, addr)) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* The peer's candidate with this address, or a peer-reflexive one made of it [RFC 8445 7.3.1.3]. */
static bool find_or_make_remote(struct weir_ice *ice, const struct weir_addr *addr, uint32_t priority,
                                uint32_t *out)
{
    for (uint32_t i = 0; i < ice->remotes; i++) {
        if (weir_addr_eq(&ice->remote[i].addr, addr)) {
            *out = i;
            return true;
        }
    }
    if (ice->remotes == WEIR_ICE_REMOTES_MAX) {
        return false;
    }
    struct weir_ice_candidate *c = &ice->remote[ice->remotes];
    memset(c, 0, sizeof *c);
    c->type = WEIR_ICE_PRFLX;
    c->component = 1;
    c->addr = *addr;
    c->priority = priority;
    c->foundation_bytes = 2; /* distinct from every other [RFC 8445 7.3.1.3] */
    c->foundation[0] = '~';
    c->foundation[1] = (char)('!' + ice->remotes);
    *out = ice->remotes++;
    return true;
}

static void switch_role(struct weir_ice *ice)
{
    ice->is_controlling = !ice->is_controlling;
    ice->role_switches++;
    ice->nominate_at = WEIR_NEVER;
    weir_ice_reprioritise(ice);
    for (uint32_t i = 0; i < ice->pairs; i++) {
        ice->pair[i].is_nominating = false;
    }
}

/* [RFC 8445 7.3.1.1] both controlling or both controlled: the larger tie-breaker controls. False when
 * the peer must change, which a 487 tells it. */
static bool settle_roles(struct weir_ice *ice, const struct weir_stun_msg *m)
{
    bool is_conflict = ice->is_controlling ? m->has_controlling : m->has_controlled;
    if (!is_conflict) {
        return true;
    }
    bool we_win = ice->tie_breaker >= m->tie_breaker;
    if (we_win == ice->is_controlling || ice->role_switches >= ICE_ROLE_SWITCHES_MAX) {
        return false;
    }
    switch_role(ice);
    return true;
}

/* A proven request reached this pair. */
static void request_on_pair(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p,
                            const struct weir_stun_msg *m)
{
    bool is_first = !p->has_request && !p->is_valid;
    p->has_request = true;
    if (is_first) {
        struct weir_ice_event e = { .type = WEIR_ICE_EVENT_VALIDATED,
                                    .path = weir_ice_pair_path(ice, p) };
        weir_ice_push_event(ice, &e);
    }
    if (m->has_use_candidate && !ice->is_controlling) { /* [RFC 8445 7.3.1.5] */
        if (p->is_valid) {
            weir_ice_nominated(ice, now, p);
        } else {
            p->wants_nomination = true;
        }
    }
    weir_ice_trigger(ice, now, p);
}

static enum weir_ice_verdict recv_request(struct weir_ice *ice, weir_time now,
                                          const struct weir_path *path,
                                          const struct weir_stun_msg *m)
{
    uint32_t local, remote;
    if (!find_local(ice, &path->local, &local)) {
        return WEIR_ICE_LOCAL;
    }
    if (!username_is_ours(ice, m->username)) {
        return WEIR_ICE_USERNAME;
    }
    if (weir_stun_verify(m, ice->config.crypto, text_span(&ice->local_pwd)) != WEIR_STUN_OK) {
        return WEIR_ICE_INTEGRITY;
    }
    if (m->unknowns != 0) { /* [RFC 8489 6.3.1 MUST] */
        struct weir_ice_answer *a = owe_answer(ice, path, m, 420);
        a->unknowns = m->unknowns;
        memcpy(a->unknown, m->unknown, sizeof a->unknown);
        return WEIR_ICE_UNKNOWN_ATTR;
    }
    if (!m->has_priority || (!m->has_controlling && !m->has_controlled)) {
        (void)owe_answer(ice, path, m, 400);
        return WEIR_ICE_PRIORITY;
    }
    if (!settle_roles(ice, m)) {
        (void)owe_answer(ice, path, m, 487);
        return WEIR_ICE_ROLE;
    }
    if (!find_or_make_remote(ice, &path->remote, m->priority, &remote)) {
        return WEIR_ICE_FULL;
    }
    struct weir_ice_pair *p = weir_ice_make_pair(ice, local, remote);
    if (p == NULL) {
        return WEIR_ICE_FULL;
    }
    (void)owe_answer(ice, path, m, 0);
    ice->last_rx_at = now;
    request_on_pair(ice, now, p, m);
    return WEIR_ICE_OK;
}

/* -- Responses --------------------------------------------------------------------------------- */

static struct weir_ice_pair *find_transaction(struct weir_ice *ice, const uint8_t txid[12])
{
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = &ice->pair[i];
        if (p->state == WEIR_ICE_IN_PROGRESS && memcmp(p->txid, txid, sizeof p->txid) == 0) {
            return p;
        }
    }
    return NULL;
}

static enum weir_ice_verdict error_on_pair(struct weir_ice *ice, weir_time now,
                                           struct weir_ice_pair *p, uint16_t code)
{
    bool was_nominating = p->is_nominating;
    p->next_at = WEIR_NEVER;
    p->owes_check = false;
    if (code == 487 && ice->role_switches < ICE_ROLE_SWITCHES_MAX) {
        /* [RFC 8445 7.2.5.1 MUST] the other role than the request claimed: a request of the peer may
         * have changed ours already. */
        if (p->asked_controlling == ice->is_controlling) {
            switch_role(ice);
            weir_rand_bytes(&ice->rand, &ice->tie_breaker, sizeof ice->tie_breaker);
        }
        p->state = WEIR_ICE_WAITING;
        weir_ice_trigger(ice, now, p);
    } else {
        p->state = WEIR_ICE_PAIR_FAILED;
        p->is_valid = p->is_nominating = false;
        if (was_nominating) {
            weir_ice_consider_nomination(ice, now);
        }
    }
    return WEIR_ICE_RESPONSE;
}

static enum weir_ice_verdict response_on_pair(struct weir_ice *ice, weir_time now,
                                              const struct weir_path *path,
                                              const struct weir_stun_msg *m, struct weir_ice_pair *p)
{
    struct weir_path asked = weir_ice_pair_path(ice, p);
    if (!weir_path_eq(&asked, path)) { /* [RFC 8445 7.2.5.2.1 MUST] */
        p->state = WEIR_ICE_PAIR_FAILED;
        p->next_at = WEIR_NEVER;
        p->is_valid = p->is_nominating = p->owes_check = false;
        return WEIR_ICE_ASYMMETRIC;
    }
    ice->last_rx_at = now;
    if (m->klass == WEIR_STUN_ERROR) {
        return error_on_pair(ice, now, p, m->error_code);
    }
    bool was_trusted = p->has_request;
    p->responses++;
    if (p->tries == 1) { /* after a retransmission it is not known which request was answered */
        p->rtt = weir_time_since(now, p->sent_at);
        p->rtt = p->rtt == 0 ? 1 : p->rtt;
    }
    if (!was_trusted) {
        p->has_request = true;
        struct weir_ice_event e = { .type = WEIR_ICE_EVENT_VALIDATED, .path = asked };
        weir_ice_push_event(ice, &e);
    }
    weir_ice_validated(ice, now, p);
    return WEIR_ICE_OK;
}

static bool is_consent_answer(const struct weir_ice *ice, const struct weir_path *path,
                              const struct weir_stun_msg *m)
{
    if (!ice->has_consent_out || ice->consent_pair >= ice->pairs
        || memcmp(m->txid, ice->consent_txid, sizeof ice->consent_txid) != 0) {
        return false;
    }
    struct weir_path asked = weir_ice_pair_path(ice, &ice->pair[ice->consent_pair]);
    return weir_path_eq(&asked, path);
}

static enum weir_ice_verdict recv_response(struct weir_ice *ice, weir_time now,
                                           const struct weir_path *path,
                                           const struct weir_stun_msg *m)
{
    struct weir_ice_pair *p = find_transaction(ice, m->txid);
    bool is_consent = p == NULL && is_consent_answer(ice, path, m);
    if (p == NULL && !is_consent) {
        return WEIR_ICE_TRANSACTION;
    }
    if (weir_stun_verify(m, ice->config.crypto, text_span(&ice->remote_pwd)) != WEIR_STUN_OK) {
        return WEIR_ICE_INTEGRITY;
    }
    if (m->unknowns != 0) { /* [RFC 8489 6.3.3 MUST] such a response is no use */
        return WEIR_ICE_UNKNOWN_ATTR;
    }
    if (!is_consent) {
        return response_on_pair(ice, now, path, m, p);
    }
    if (m->klass == WEIR_STUN_ERROR) {
        return WEIR_ICE_RESPONSE;
    }
    struct weir_ice_pair *c = &ice->pair[ice->consent_pair];
    c->responses++;
    c->rtt = weir_time_since(now, ice->consent_sent_at);
    ice->last_rx_at = now;
    weir_ice_consent_came(ice, now);
    return WEIR_ICE_OK;
}

/* -- All --------------------------------------------------------------------------------------- */

static enum weir_ice_verdict recv_packet(struct weir_ice *ice, weir_time now,
                                         const struct weir_path *path, struct weir_span packet)
{
    struct weir_stun_msg m;
    if (ice->state == WEIR_ICE_FAILED || ice->state == WEIR_ICE_CLOSED) {
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
    if (v != WEIR_ICE_OK) {
        weir_trace(ice->config.trace, now, WEIR_TRACE_ICE, WEIR_TRACE_VERDICT, ice->config.conn,
                   (uint32_t)v, (uint32_t)packet.n, packet.n >= 4 ? weir_be32(packet.p) : 0);
    }
    return v;
}
