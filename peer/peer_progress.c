/* What the machines of a connection have to say: its state, its events, and how one drives the next. */
#include "peer/peer_int.h"

/* -- State ------------------------------------------------------------------------------------- */

static enum weir_peer_reason dtls_reason(enum weir_dtls_reason reason)
{
    switch (reason) {
    case WEIR_DTLS_REASON_FINGERPRINT:
        return WEIR_PEER_REASON_DTLS_FINGERPRINT;
    case WEIR_DTLS_REASON_ALERT:
        return WEIR_PEER_REASON_DTLS_ALERT;
    case WEIR_DTLS_REASON_TIMEOUT:
        return WEIR_PEER_REASON_DTLS_TIMEOUT;
    case WEIR_DTLS_REASON_FORGERIES:
        return WEIR_PEER_REASON_DTLS_FORGERIES;
    case WEIR_DTLS_REASON_MESSAGE:
    case WEIR_DTLS_REASON_NONE:
    case WEIR_DTLS_REASONS:
        break;
    }
    return WEIR_PEER_REASON_DTLS_MESSAGE;
}

/* Why it fails now. Without a path DTLS hears nothing, so ICE is asked first; but a peer that refuses the
 * handshake may stop answering checks as well. */
static void tell_reason(const struct weir_peer *p, struct weir_event *e)
{
    struct weir_dtls_event end;
    enum weir_ice_failure ice = weir_ice_failure(&p->ice);
    if (ice != WEIR_ICE_FAILURE_NONE) {
        e->reason = ice == WEIR_ICE_FAILURE_CONSENT ? WEIR_PEER_REASON_CONSENT : WEIR_PEER_REASON_NO_PAIR;
        e->has_alert = p->is_dtls_ready && weir_dtls_state(&p->dtls) == WEIR_DTLS_HANDSHAKE
                       && weir_dtls_plain_alert(&p->dtls, &e->alert);
        return;
    }
    weir_dtls_failure(&p->dtls, &end);
    e->reason = dtls_reason(end.reason);
    e->dtls_verdict = end.verdict;
    e->has_alert = end.reason == WEIR_DTLS_REASON_ALERT || end.has_plain_alert;
    e->alert = e->has_alert ? end.alert : 0;
}

void weir_peer_set_state(struct weir_peer *p, weir_time now, enum weir_peer_state next)
{
    struct weir_event e = { .type = WEIR_EVENT_STATE, .state = next };
    if (p->state == next) {
        return;
    }
    if (next == WEIR_PEER_FAILED) {
        tell_reason(p, &e);
    }
    if (next == WEIR_PEER_FAILED && weir_ice_failure(&p->ice) == WEIR_ICE_FAILURE_NONE) {
        weir_ice_embed_clear(&p->ice); /* DTLS did, and has nothing more to say */
    }
    weir_trace(p->config.trace, now, WEIR_TRACE_PEER, WEIR_TRACE_STATE, p->config.conn,
               (uint32_t)p->state, (uint32_t)next, (uint32_t)e.reason);
    p->state = next;
    p->reason = e.reason;
    weir_peer_push(p, &e);
}

void weir_peer_update_state(struct weir_peer *p, weir_time now)
{
    enum weir_ice_state ice = weir_ice_state(&p->ice);
    enum weir_dtls_state dtls = weir_peer_has_dtls(p) ? weir_dtls_state(&p->dtls) : WEIR_DTLS_NEW;
    struct weir_path path;
    if (p->state == WEIR_PEER_CLOSED || p->state == WEIR_PEER_FAILED) {
        return;
    }
    if ((ice == WEIR_ICE_FAILED || dtls == WEIR_DTLS_FAILED) && !p->has_ended) {
        weir_peer_set_state(p, now, WEIR_PEER_FAILED);
    } else if (dtls == WEIR_DTLS_CLOSED && !p->has_ended && !p->owes_close
               && weir_peer_tag_closed(p, now)) {
        weir_peer_set_state(p, now, WEIR_PEER_CONNECTING);
    } else if (dtls == WEIR_DTLS_CLOSED) {
        p->has_ended |= !p->has_said_bye; /* CLOSED is told by the last send: peer_close.c */
    } else if (ice == WEIR_ICE_DISCONNECTED) {
        weir_peer_set_state(p, now, WEIR_PEER_DISCONNECTED);
    } else if (dtls == WEIR_DTLS_CONNECTED && ice >= WEIR_ICE_CONNECTED) {
        weir_peer_set_state(p, now, WEIR_PEER_CONNECTED);
    } else if (p->state == WEIR_PEER_CONNECTED && dtls == WEIR_DTLS_CONNECTED
               && !weir_ice_selected(&p->ice, &path)) { /* a restart, and the path before it is over */
        weir_peer_set_state(p, now, WEIR_PEER_DISCONNECTED);
    } else if (p->has_local && p->has_remote
               && (p->state == WEIR_PEER_NEW
                   || (p->state == WEIR_PEER_CONNECTED && dtls != WEIR_DTLS_CONNECTED
                       && dtls != WEIR_DTLS_CLOSED))) { /* for the first time, or in a new association */
        weir_peer_set_state(p, now, WEIR_PEER_CONNECTING);
    }
}

void weir_peer_revive(struct weir_peer *p, weir_time now)
{
    if (p->state == WEIR_PEER_FAILED) {
        weir_peer_set_state(p, now, WEIR_PEER_CONNECTING);
    }
}

void weir_peer_end_data(struct weir_peer *p, weir_time now, enum weir_sctp_reason reason)
{
    (void)now;
    p->data_until = WEIR_NEVER;
    if (!p->is_data_over) {
        struct weir_event e = { .type = WEIR_EVENT_DATA_CLOSED, .sctp_reason = reason };
        p->is_data_over = true;
        weir_peer_push(p, &e);
    }
}

/* Up in time, or over: an application that waits for a channel is not left waiting. */
void weir_peer_check_data(struct weir_peer *p, weir_time now)
{
    if (now >= p->data_until) {
        weir_peer_end_data(p, now, WEIR_SCTP_REASON_TIMEOUT);
        weir_sctp_abort(&p->sctp, now, WEIR_LIT("no association in time"));
    }
}

static void tell_gathering(struct weir_peer *p, enum weir_gathering next)
{
    struct weir_event e = { .type = WEIR_EVENT_GATHERING, .gathering = next };
    p->gathering = next;
    weir_peer_push(p, &e);
}

static void take_ice_events(struct weir_peer *p, weir_time now)
{
    struct weir_ice_event e;
    while (weir_ice_event(&p->ice, &e)) {
        struct weir_event out = { .path = e.path };
        switch (e.type) {
        case WEIR_ICE_EVENT_CANDIDATE:
            weir_peer_push_candidate(p, e.candidate);
            break;
        case WEIR_ICE_EVENT_GATHERED:
            weir_peer_push_candidates_end(p);
            tell_gathering(p, WEIR_GATHERING_COMPLETE);
            break;
        case WEIR_ICE_EVENT_GATHERING:
            tell_gathering(p, WEIR_GATHERING_ON);
            break;
        case WEIR_ICE_EVENT_STATE:
            out.type = WEIR_EVENT_ICE_STATE;
            out.ice = e.state;
            weir_peer_push(p, &out);
            break;
        case WEIR_ICE_EVENT_SELECTED:
            p->timeline.selected = weir_time_min(p->timeline.selected, now);
            weir_peer_tag_selected(p, now, &e.path);
            out.type = WEIR_EVENT_SELECTED;
            weir_peer_push(p, &out);
            break;
        case WEIR_ICE_EVENT_REFUSED:
            out.type = WEIR_EVENT_CANDIDATE_REFUSED;
            out.refusal = e.refusal;
            weir_peer_push(p, &out);
            break;
        case WEIR_ICE_EVENT_VALIDATED:
            break;
        }
    }
}

void weir_peer_take_dtls_events(struct weir_peer *p, weir_time now)
{
    struct weir_dtls_event e;
    while (p->is_dtls_ready && weir_dtls_event(&p->dtls, &e)) { /* at most five kinds, once each */
        if (e.type == WEIR_DTLS_EVENT_CONNECTED) {
            weir_peer_dtls_connected(p, now);
        } else if (e.type == WEIR_DTLS_EVENT_SESSION) {
            weir_peer_keep_session(p);
        } else if (e.type == WEIR_DTLS_EVENT_SEEN) {
            /* [RFC 9146 6] It may have moved; ICE's own check says whether it can be reached there. */
            weir_ice_follow(&p->ice, now, &p->heard_by);
        }
    }
}

/* SCTP came up, or is over and what came before the end is read. */
static void watch_data(struct weir_peer *p, weir_time now)
{
    bool is_up = weir_sctp_is_up(&p->sctp);
    if (is_up && p->timeline.sctp_done == WEIR_NEVER) {
        p->timeline.sctp_done = now;
    }
    p->data_until = is_up ? WEIR_NEVER : p->data_until;
    bool waits = weir_sctp_keeps_unread(&p->sctp) && weir_peer_has_unread(p);
    if (p->is_sctp_begun && weir_sctp_state(&p->sctp) == WEIR_SCTP_OVER && !waits) {
        weir_peer_end_data(p, now, weir_sctp_reason(&p->sctp));
    }
}

void weir_peer_progress(struct weir_peer *p, weir_time now)
{
    if (p->state == WEIR_PEER_CLOSED) {
        return; /* nothing is told after that */
    }
    take_ice_events(p, now);
    weir_peer_start_dtls(p, now);
    weir_peer_take_dtls_events(p, now);
    weir_peer_start_data(p, now);
    watch_data(p, now);
    weir_peer_take_rtcp_events(p, now);
    weir_peer_update_state(p, now);
    if (p->state == WEIR_PEER_FAILED || p->has_ended) { /* ICE ticks no more: weir_peer_deadline */
        weir_ice_rest(&p->ice);
    }
    weir_peer_tell_signalling(p);
    weir_peer_drain(p, now);
}
