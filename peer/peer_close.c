/* How a connection ends. CLOSED is always the last event.
 *
 *   close         1. nothing new is taken, what is queued is dropped: BYE, SCTP's ABORT
 *                 2. close_notify, when all else has left; CLOSED when that has
 *   gracefully    1. nothing new is taken; what is queued leaves, if need be once there is a connection
 *                 2. SCTP shuts down: both sides' messages are acknowledged [RFC 9260 9.2], the peer's read
 *                 3. BYE, close_notify, CLOSED
 *                 at its deadline, and when the connection has failed, it becomes a close
 *   the peer's    close_notify: what came before it is read, then CLOSED
 *
 * State and flags: is_draining and drain_until are 1. of a graceful end, owes_close is what both have in
 * common, has_said_bye that close_notify was written, has_ended that the peer's came first.
 */
#include "peer/peer_int.h"

bool weir_peer_is_closing(const struct weir_peer *p)
{
    return p->state == WEIR_PEER_CLOSED || p->owes_close || p->is_draining || p->has_ended;
}

void weir_peer_close(struct weir_peer *p, weir_time now)
{
    if (p->state == WEIR_PEER_CLOSED || p->owes_close) {
        return;
    }
    p->owes_close = true;
    weir_peer_rtp_forget(p);
    if (!p->config.is_data_only) {
        weir_rtcp_bye(&weir_peer_rtp(p)->rtcp, now);
    }
    if (p->is_sctp_begun) {
        weir_sctp_abort(&p->sctp, now, WEIR_LIT("closed"));
    }
}

void weir_peer_close_gracefully(struct weir_peer *p, weir_time now, weir_time until)
{
    weir_time most = p->is_draining ? p->drain_until : weir_time_add(now, WEIR_PEER_DRAIN_MAX);
    p->drain_until = weir_time_min(until, most);
    p->is_draining = true;
    weir_peer_drain(p, now);
}

bool weir_peer_has_unread(const struct weir_peer *p)
{
    return p->is_reading || weir_sctp_has_unread(&p->sctp);
}

/* Does the association still have to do with messages? One that is not up matters only if something waits
 * for it, and if it can come up: with both descriptions. */
static bool awaits_data(const struct weir_peer *p)
{
    if (weir_sctp_state(&p->sctp) < WEIR_SCTP_ESTABLISHED) {
        return weir_sctp_has_queued(&p->sctp) && p->has_data && !p->is_data_over
               && p->state != WEIR_PEER_NEW;
    }
    return weir_sctp_is_up(&p->sctp);
}

void weir_peer_drain(struct weir_peer *p, weir_time now)
{
    if (!p->is_draining || p->owes_close || p->state == WEIR_PEER_CLOSED) {
        return;
    }
    if (p->state == WEIR_PEER_FAILED || now >= p->drain_until) {
        weir_peer_close(p, now);
        return;
    }
    if (weir_sctp_state(&p->sctp) == WEIR_SCTP_ESTABLISHED) {
        (void)!weir_sctp_shutdown(&p->sctp, now); /* it is up: then it cannot be refused */
    }
    if (!awaits_data(p) && !weir_peer_has_unread(p) && weir_peer_rtp_waiting(p) == 0) {
        weir_peer_close(p, now);
    }
}

size_t weir_peer_send_goodbye(struct weir_peer *p, weir_time now, struct weir_mspan out)
{
    if (!p->is_dtls_ready || p->has_said_bye) {
        return 0;
    }
    p->has_said_bye = true;
    weir_dtls_close(&p->dtls, now);
    return weir_dtls_send(&p->dtls, now, out);
}

void weir_peer_finish(struct weir_peer *p, weir_time now)
{
    if (p->has_ended && p->is_sctp_begun) {
        weir_sctp_carrier_closed(&p->sctp, now);
    }
    if (!p->owes_close && (!p->has_ended || weir_peer_has_unread(p))) {
        return;
    }
    weir_ice_close(&p->ice, now);
    weir_peer_progress(p, now); /* ends of channels and the like are told before */
    weir_peer_set_state(p, now, WEIR_PEER_CLOSED);
}
