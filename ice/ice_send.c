/* What leaves, in this order: answers, consent checks, checks (again or new), questions to servers. */
#include "ice/ice_int.h"

static struct weir_stun_seal seal_with(const struct weir_ice *ice, struct weir_span pwd)
{
    struct weir_stun_seal s = { .crypto = ice->config.crypto, .key = pwd, .with_fingerprint = true };
    return s;
}

/* How long an answer may be: a small multiple of the request, until a check of ours was answered from
 * there, which says that the peer is where it seems to be. Lite, we never know. */
static size_t answer_limit(const struct weir_ice *ice, const struct weir_ice_answer *a)
{
    for (uint32_t i = 0; i < ice->pairs && !ice->config.is_lite; i++) {
        const struct weir_ice_pair *p = pair_at(ice, i);
        if (p->is_valid && p->local == a->local
            && weir_addr_eq(&remote_at(ice, p->remote)->addr, &a->remote)) {
            return ICE_EMBED_PACKET_MAX;
        }
    }
    size_t limit = (size_t)a->asked * ICE_EMBED_ANSWER_TIMES;
    return limit < ICE_EMBED_PACKET_MAX ? limit : ICE_EMBED_PACKET_MAX;
}

/* [RFC 8489 6.3.1.1] mapped address, integrity, fingerprint: no username, no software, nothing that
 * makes the answer larger than it must be. */
static size_t write_answer(struct weir_ice *ice, const struct weir_ice_answer *a,
                           struct weir_mspan out)
{
    struct weir_stun_build b;
    const struct weir_stun_seal seal =
        seal_with(ice, weir_ice_password_of(ice, (enum weir_ice_generation)a->of));
    weir_stun_begin(&b, out, WEIR_STUN_BINDING, a->error == 0 ? WEIR_STUN_SUCCESS : WEIR_STUN_ERROR,
                    a->txid);
    if (a->error == 0) {
        weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &a->remote);
        if (a->of == WEIR_ICE_CURRENT) {
            uint32_t mark = weir_ice_embed_put(ice, &b, answer_limit(ice, a));
            if (ice->config.is_lite) {
                weir_ice_embed_sent(ice, mark);
            }
        }
    } else {
        weir_stun_put_error(&b, a->error, "");
    }
    if (a->error == 420) {
        weir_stun_put_unknown(&b, a->unknown, a->unknowns);
    }
    return weir_stun_end(&b, &seal);
}

/* What a request is made of. */
struct asking {
    const struct weir_ice_own *local_ufrag;
    const struct weir_ice_text *remote_ufrag, *remote_pwd;
    const uint8_t *txid;
    uint32_t priority; /* of the local candidate */
    bool with_nomination;
    size_t limit; /* of its length with a payload; 0: it carries none */
    uint32_t *carried; /* told: the mark of the payload, or 0 */
};

/* [RFC 8445 7.2.2, 7.1.1, 7.1.2] a check, in the order that browsers write theirs. Attributes that
 * extensions add go behind PRIORITY, before the integrity. */
static size_t write_check(struct weir_ice *ice, const struct asking *a, struct weir_mspan out)
{
    struct weir_stun_build b;
    uint8_t username[2 * WEIR_ICE_UFRAG_MAX + 1];
    struct weir_wr name = weir_wr_of((struct weir_mspan){ username, sizeof username });
    const struct weir_stun_seal seal = seal_with(ice, weir_ice_text_span(a->remote_pwd));
    weir_wr_bytes(&name, weir_ice_text_span(a->remote_ufrag));
    weir_wr_u8(&name, ':');
    weir_wr_bytes(&name, weir_ice_own_span(a->local_ufrag));
    weir_stun_begin(&b, out, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, a->txid);
    weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, weir_span_of(username, name.len));
    weir_stun_put_u64(&b, ice->is_controlling ? WEIR_STUN_ICE_CONTROLLING : WEIR_STUN_ICE_CONTROLLED,
                      ice->tie_breaker);
    if (a->with_nomination) {
        weir_stun_put_flag(&b, WEIR_STUN_USE_CANDIDATE);
    }
    uint16_t preference = (uint16_t)(a->priority >> 8);
    weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, weir_ice_priority(WEIR_ICE_PRFLX, preference));
    *a->carried = a->limit != 0 ? weir_ice_embed_put(ice, &b, a->limit) : 0;
    return weir_stun_end(&b, &seal);
}

/* A check carried a payload. If the list has some that this pair did not carry yet, it follows at once
 * with the next: they are one flight, and would otherwise wait for the next repetition each. */
static void note_carried(struct weir_ice *ice, struct weir_ice_pair *p, uint32_t mark)
{
    p->carried = !p->was_resent || p->carried == mark ? mark : 0;
    if (mark == 0) {
        return;
    }
    p->embeds = p->embed_round == ice->embed.round ? (uint8_t)(p->embeds + 1) : 1;
    p->embed_round = ice->embed.round;
    if (p->embeds < ice->embed.count && p->state == WEIR_ICE_IN_PROGRESS) {
        p->owes_check = p->is_extra = true;
    }
}

/* A check left, or was due and could not be paid: then it counts as lost. */
static void note_asked(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p)
{
    if (!p->is_extra) {
        p->tries++;
        p->next_at = weir_time_add(now, p->rto);
    }
    p->begun_at = p->begun_at == 0 ? now : p->begun_at;
    p->was_resent = p->was_resent || p->is_extra || p->tries > 1;
    p->owes_check = p->is_extra = false;
    p->asked_controlling = ice->is_controlling;
    p->sent_at = now;
}

static size_t send_check(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p,
                         struct weir_mspan out, struct weir_path *to)
{
    uint32_t carried = 0;
    size_t limit = weir_ice_budget_room(ice, now, p);
    const struct asking a = { &ice->local_ufrag, &ice->remote_ufrag, &ice->remote_pwd, p->txid,
                              local_at(ice, p->local)->priority, p->is_nominating && ice->is_controlling,
                              limit, &carried };
    size_t n = limit == 0 ? 0 : write_check(ice, &a, out);
    *to = weir_ice_pair_path(ice, p);
    if (n == 0 && limit != 0) {
        return 0;
    }
    note_asked(ice, now, p);
    if (n != 0) {
        p->requests++;
        weir_ice_budget_spent(ice, now, p, n);
        note_carried(ice, p, carried);
    }
    return n;
}

/* Ask for consent on what carries data: the selected pair, or the path of before a restart. */
static size_t send_consent(struct weir_ice *ice, weir_time now, struct weir_mspan out,
                           struct weir_path *to)
{
    uint32_t carried;
    struct asking a = { &ice->local_ufrag, &ice->remote_ufrag, &ice->remote_pwd, ice->consent.txid,
                        ice->old.priority, false, ICE_EMBED_PACKET_MAX, &carried };
    if (!weir_ice_selected(ice, to)) {
        return 0;
    }
    struct weir_ice_pair *p = selected_of(ice);
    if (p != NULL) {
        a.priority = local_at(ice, p->local)->priority;
        /* Peers that nominate again and again, as we let them, expect to see which pair it is. */
        a.with_nomination = ice->is_controlling && p->is_nominated;
        p->requests++;
    } else {
        const struct weir_ice_credentials *old = &setup_of(ice)->old;
        a.local_ufrag = &old->local_ufrag;
        a.remote_ufrag = &old->remote_ufrag;
        a.remote_pwd = &old->remote_pwd;
        a.limit = 0;
    }
    size_t n = write_check(ice, &a, out);
    if (n != 0) {
        weir_ice_consent_sent(ice, now);
    }
    return n;
}

static size_t send_answer(struct weir_ice *ice, struct weir_mspan out, struct weir_path *to)
{
    const struct weir_ice_answer *a = &ice->answer[0];
    size_t n = write_answer(ice, a, out);
    *to = (struct weir_path){ local_at(ice, a->local)->addr, a->remote };
    if (n != 0) {
        weir_ice_answer_gone(ice);
    }
    return n;
}

/* Are the credentials that its request named still there? */
static bool is_provable(const struct weir_ice *ice, const struct weir_ice_answer *a)
{
    return a->of == WEIR_ICE_CURRENT || (a->of == WEIR_ICE_OLD ? ice->old.is_known : ice->is_older_known);
}

static size_t send_next(struct weir_ice *ice, weir_time now, struct weir_mspan out,
                        struct weir_path *to)
{
    while (ice->answers != 0 && !is_provable(ice, &ice->answer[0])) {
        weir_ice_answer_gone(ice); /* the credentials it was to be proven with are gone */
    }
    if (ice->answers != 0) {
        return send_answer(ice, out, to);
    }
    if (ice->consent.owes) {
        return send_consent(ice, now, out, to);
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        size_t n = p->owes_check ? send_check(ice, now, p, out, to) : 0;
        if (n != 0) {
            return n;
        }
    }
    return weir_ice_gather_send(ice, now, out, to);
}

size_t weir_ice_send(struct weir_ice *ice, weir_time now, struct weir_mspan out, struct weir_path *to)
{
    size_t n = weir_ice_is_over(ice) ? 0 : send_next(ice, now, out, to);
    if (n != 0) {
        weir_trace(ice->config.trace, now, WEIR_TRACE_ICE, WEIR_TRACE_TX, ice->config.conn,
                   (uint32_t)n, weir_be32(out.p), to->remote.port);
    }
    return n;
}
