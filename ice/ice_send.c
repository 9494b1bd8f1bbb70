/* What leaves, in this order: answers, consent checks, checks (again or new), questions to servers. */
#include "ice/ice_int.h"

static struct weir_stun_seal seal_with(const struct weir_ice *ice, const struct weir_ice_text *pwd)
{
    struct weir_stun_seal s = { .crypto = ice->config.crypto,
                                .key = { (const uint8_t *)pwd->text, pwd->bytes },
                                .with_fingerprint = true };
    return s;
}

/* [RFC 8489 6.3.1.1] mapped address, integrity, fingerprint: no username, no software, nothing that
 * makes the answer larger than it must be. */
static size_t write_answer(const struct weir_ice *ice, const struct weir_ice_answer *a,
                           struct weir_mspan out)
{
    struct weir_stun_build b;
    const struct weir_stun_seal seal = seal_with(ice, &ice->local_pwd);
    weir_stun_begin(&b, out, WEIR_STUN_BINDING, a->error == 0 ? WEIR_STUN_SUCCESS : WEIR_STUN_ERROR,
                    a->txid);
    if (a->error == 0) {
        weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &a->path.remote);
    } else {
        weir_stun_put_error(&b, a->error, "");
    }
    if (a->error == 420) {
        weir_stun_put_unknown(&b, a->unknown, a->unknowns);
    }
    return weir_stun_end(&b, &seal);
}

/* [RFC 8445 7.2.2, 7.1.1, 7.1.2] a check, in the order that browsers write theirs. */
static size_t write_check(const struct weir_ice *ice, const struct weir_ice_pair *p,
                          const uint8_t txid[12], bool with_nomination, struct weir_mspan out)
{
    struct weir_stun_build b;
    uint8_t username[2 * WEIR_ICE_UFRAG_MAX + 1];
    struct weir_wr name = weir_wr_of((struct weir_mspan){ username, sizeof username });
    const struct weir_stun_seal seal = seal_with(ice, &ice->remote_pwd);
    weir_wr_bytes(&name, weir_span_of(ice->remote_ufrag.text, ice->remote_ufrag.bytes));
    weir_wr_u8(&name, ':');
    weir_wr_bytes(&name, weir_span_of(ice->local_ufrag.text, ice->local_ufrag.bytes));
    weir_stun_begin(&b, out, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, txid);
    weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, weir_span_of(username, name.len));
    weir_stun_put_u64(&b, ice->is_controlling ? WEIR_STUN_ICE_CONTROLLING : WEIR_STUN_ICE_CONTROLLED,
                      ice->tie_breaker);
    if (with_nomination && ice->is_controlling) {
        weir_stun_put_flag(&b, WEIR_STUN_USE_CANDIDATE);
    }
    uint32_t preference = ice->local[p->local].priority >> 8 & 0xffff;
    weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, weir_ice_priority(WEIR_ICE_PRFLX, (uint16_t)preference));
    return weir_stun_end(&b, &seal);
}

static size_t send_consent(struct weir_ice *ice, weir_time now, struct weir_mspan out,
                           struct weir_path *to)
{
    struct weir_ice_pair *p = &ice->pair[ice->consent_pair];
    size_t n = write_check(ice, p, ice->consent_txid, p->is_nominated, out);
    *to = weir_ice_pair_path(ice, p);
    if (n != 0) {
        ice->owes_consent = false;
        ice->has_consent_out = true;
        ice->consent_sent_at = now;
        p->requests++;
    }
    return n;
}

static size_t send_check(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p,
                         struct weir_mspan out, struct weir_path *to)
{
    size_t n = write_check(ice, p, p->txid, p->is_nominating, out);
    *to = weir_ice_pair_path(ice, p);
    if (n != 0) {
        p->owes_check = false;
        p->asked_controlling = ice->is_controlling;
        p->sent_at = now;
        p->tries++;
        p->requests++;
        p->next_at = weir_time_add(now, p->rto);
    }
    return n;
}

size_t weir_ice_send(struct weir_ice *ice, weir_time now, struct weir_mspan out, struct weir_path *to)
{
    if (ice->state == WEIR_ICE_FAILED || ice->state == WEIR_ICE_CLOSED) {
        return 0;
    }
    if (ice->answer_head != ice->answer_tail) {
        const struct weir_ice_answer *a = &ice->answer[ice->answer_tail % WEIR_ICE_ANSWERS_MAX];
        size_t n = write_answer(ice, a, out);
        *to = a->path;
        ice->answer_tail += n != 0 ? 1 : 0;
        return n;
    }
    if (ice->owes_consent && ice->consent_pair < ice->pairs) {
        return send_consent(ice, now, out, to);
    }
    for (uint32_t i = 0; i < ice->pairs; i++) {
        if (ice->pair[i].owes_check) {
            return send_check(ice, now, &ice->pair[i], out, to);
        }
    }
    return weir_ice_gather_send(ice, now, out, to);
}
