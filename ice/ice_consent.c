/* Consent to go on sending [RFC 7675].
 *
 *   1. data may be sent on a pair that became valid: consent begins, for 30 s;
 *   2. every 4 to 6 s the peer is asked again; each proven answer is good for another 30 s;
 *   3. an unanswered question is repeated; if after 2 s there is no answer, and nothing else of
 *      the peer came for 7 s, the state is DISCONNECTED, from which any answer brings it back. Under
 *      loss some answers go missing while the peer's own checks still come in;
 *   4. at 30 s without answer everything stops. During a restart the same goes on for the old path,
 *      which carries data until a new pair is valid;
 *   5. a lite agent asks nothing: each proven request that is new is good for 30 s, but not for longer than
 *      five minutes after the peer was last heard under keys; 15 s without one are silence.
 */
#include "ice/ice_int.h"

static void arm(struct weir_ice *ice, weir_time now)
{
    if (ice->config.is_lite) {
        ice->consent.silent_at = on_grid(weir_time_add(now, ICE_LITE_SILENCE));
        return;
    }
    /* [RFC 7675 5.1 MUST] 0.8 to 1.2 times the period, so that the questions of many do not meet, but for
     * those of one step of the grid. What the grid adds is less than a step. */
    weir_duration fifth = ICE_CONSENT_INTERVAL / 5;
    weir_duration spread = weir_rand_below(&ice->rand, (uint32_t)(2 * fifth - WEIR_ICE_GRID));
    ice->consent.ask_at = on_grid(weir_time_add(now, ICE_CONSENT_INTERVAL - fifth + spread));
}

static void forget_question(struct weir_ice_consent *c)
{
    c->is_out = c->owes = false;
    c->misses = 0;
    c->again_at = c->silent_at = WEIR_NEVER;
}

void weir_ice_consent_begin(struct weir_ice *ice, weir_time now, weir_time heard_at)
{
    forget_question(&ice->consent);
    ice->consent.is_on = true;
    ice->consent.expire_at = weir_time_add(heard_at, ICE_CONSENT_LIFE);
    arm(ice, now);
}

void weir_ice_consent_stop(struct weir_ice *ice)
{
    forget_question(&ice->consent);
    ice->consent.is_on = false;
    ice->consent.ask_at = ice->consent.expire_at = WEIR_NEVER;
}

void weir_ice_consent_came(struct weir_ice *ice, weir_time now)
{
    forget_question(&ice->consent);
    ice->consent.expire_at = weir_time_add(now, ICE_CONSENT_LIFE);
    if (ice->config.is_lite) {
        arm(ice, now);
        if (ice->keys_at != 0) {
            weir_time believed = weir_time_add(ice->keys_at, ICE_LITE_KEYS);
            ice->consent.expire_at = weir_time_min(ice->consent.expire_at, believed);
        }
    }
    if (ice->state == WEIR_ICE_DISCONNECTED && ice->selected != WEIR_ICE_NONE) {
        weir_ice_set_state(ice, now, selected_of(ice)->is_nominated ? WEIR_ICE_COMPLETED
                                                                    : WEIR_ICE_CONNECTED);
    }
}

static weir_duration rtt_of(const struct weir_ice *ice)
{
    return ice->selected != WEIR_ICE_NONE ? selected_of(ice)->rtt : ice->old.rtt;
}

/* A question was written. [RFC 7675 5.1 DEVIATION] each is to leave once only; we repeat an unanswered
 * one three times, so that a lost datagram does not look like a lost peer. */
void weir_ice_consent_sent(struct weir_ice *ice, weir_time now)
{
    struct weir_ice_consent *c = &ice->consent;
    weir_duration slow = 2 * rtt_of(ice);
    weir_duration wait = slow > ICE_CONSENT_AGAIN ? slow : ICE_CONSENT_AGAIN;
    if (c->sends++ == 0 && c->silent_at == WEIR_NEVER) {
        weir_duration most = 4 * wait > ICE_CONSENT_SILENT ? 4 * wait : ICE_CONSENT_SILENT;
        c->silent_at = on_grid(weir_time_add(now, most));
    }
    c->owes = false;
    c->sent_at = now;
    c->again_at = c->sends < ICE_CONSENT_SENDS ? on_grid(weir_time_add(now, wait)) : WEIR_NEVER;
}

static void ask(struct weir_ice *ice, weir_time now)
{
    if (ice->consent.is_out && ice->consent.misses < ICE_MISSES_MAX) {
        ice->consent.misses++;
    }
    weir_ice_new_txid(ice, ice->consent.txid);
    ice->consent.is_out = ice->consent.owes = true;
    ice->consent.sends = 0;
    ice->consent.again_at = WEIR_NEVER;
    arm(ice, now);
}

/* [RFC 7675 5.1 MUST] cease all sending. A path of before a restart is merely given up. */
static void expire(struct weir_ice *ice, weir_time now)
{
    weir_ice_consent_stop(ice);
    if (ice->selected != WEIR_ICE_NONE) {
        weir_ice_fail(ice, now, WEIR_ICE_FAILURE_CONSENT);
    } else {
        if (ice->old.is_known) {
            weir_wipe(&setup_of(ice)->old, sizeof setup_of(ice)->old);
        }
        memset(&ice->old, 0, sizeof ice->old);
    }
}

static void tick_silence(struct weir_ice *ice, weir_time now)
{
    struct weir_ice_consent *c = &ice->consent;
    weir_time quiet_at = weir_time_add(ice->last_rx_at, ICE_SILENCE);
    if (now < quiet_at && c->misses < ICE_MISSES_MAX) {
        c->silent_at = on_grid(quiet_at);
        return;
    }
    c->silent_at = WEIR_NEVER;
    if (ice->selected != WEIR_ICE_NONE) {
        weir_ice_set_state(ice, now, WEIR_ICE_DISCONNECTED);
        if (!ice->config.is_lite) { /* then it is for the peer to say where it is */
            weir_ice_leave_silent_pair(ice, now);
        }
    }
}

void weir_ice_consent_tick(struct weir_ice *ice, weir_time now)
{
    struct weir_ice_consent *c = &ice->consent;
    if (!c->is_on) {
        return;
    }
    if (now >= c->expire_at) {
        expire(ice, now);
        return;
    }
    if (now >= c->silent_at) {
        tick_silence(ice, now);
    }
    if (now >= c->again_at) {
        c->again_at = WEIR_NEVER;
        c->owes = true;
    }
    if (now >= c->ask_at) {
        ask(ice, now);
    }
}

weir_time weir_ice_consent_deadline(const struct weir_ice *ice)
{
    const struct weir_ice_consent *c = &ice->consent;
    weir_time at = weir_time_min(weir_time_min(c->ask_at, c->again_at),
                                 weir_time_min(c->silent_at, c->expire_at));
    return c->is_on ? at : WEIR_NEVER;
}
