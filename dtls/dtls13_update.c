/* After the handshake: new keys [RFC 9147 8, RFC 8446 4.6.3].
 *
 *   KeyUpdate from the peer   it sends with new keys from its next record on: ours follow, the old ones
 *                             stay for what is late. Asked for it, we renew ours, too
 *   KeyUpdate of ours         written when the flight before it is acknowledged, so that there is one
 *                             on the way at most; the new keys are used when it is acknowledged itself:
 *
 *            asked for by the application,      the flight before
 *            the peer, or a limit               is acknowledged
 *     IDLE ------------------------------> OWED ------------------> SENT
 *      ^                                    ^                       | |
 *      +--- acknowledged: new keys ---------|-----------------------+ | asked for again
 *                                           |                         v
 *                                           +--- acknowledged ---- SENT_AGAIN
 *                                                : new keys
 *
 * Keys are renewed by themselves before they have protected, or had to bear, too much.
 */
#include "dtls/dtls_int.h"

enum { UPDATE_NOT_REQUESTED = 0, UPDATE_REQUESTED = 1 };

/* -- The peer's -------------------------------------------------------------------------------- */

struct dtls_next weir_dtls13_key_update(struct weir_dtls *d, weir_time now, const struct dtls_message *m)
{
    if (m->body.n != 1 || m->body.p[0] > UPDATE_REQUESTED) {
        return weir_dtls_refusal(WEIR_DTLS_UPDATE_MALFORMED);
    }
    /* [RFC 8446 4.6.3 MUST] One of ours follows, when the one that may be on its way has arrived. */
    if (m->body.p[0] == UPDATE_REQUESTED) {
        weir_dtls13_update_owe(d, false);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go_if(weir_dtls13_update_rx(d, now), STEP_DONE);
}

/* -- Ours -------------------------------------------------------------------------------------- */

static bool is_on_its_way(const struct weir_dtls_update *u)
{
    return u->state == UPDATE_SENT || u->state == UPDATE_SENT_AGAIN;
}

void weir_dtls13_update_owe(struct weir_dtls *d, bool asks_peer)
{
    if (d->message_seq != UINT16_MAX) {
        d->update.state = is_on_its_way(&d->update) ? UPDATE_SENT_AGAIN : UPDATE_OWED;
        d->update.asks_peer = d->update.asks_peer || asks_peer;
    }
}

void weir_dtls13_write_key_update(struct weir_dtls *d, weir_time now)
{
    if (d->update.state != UPDATE_OWED || !weir_dtls_lease_or_wait(d, now) || hs_of(d)->flight.used != 0) {
        return;
    }
    weir_dtls_flight_begin(d, true);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_KEY_UPDATE, EPOCH_APPLICATION);
    weir_wr_u8(&w, d->update.asks_peer ? UPDATE_REQUESTED : UPDATE_NOT_REQUESTED);
    d->update.asks_peer = false;
    d->update.state = UPDATE_IDLE;
    if (weir_dtls_message_close(d, &w)) {
        d->update.state = UPDATE_SENT;
        weir_dtls_await(d, now);
    }
}

bool weir_dtls13_update_arrived(struct weir_dtls *d)
{
    if (!is_on_its_way(&d->update)) {
        return true;
    }
    d->update.state = d->update.state == UPDATE_SENT ? UPDATE_IDLE : UPDATE_OWED;
    return weir_dtls13_update_tx(d);
}

void weir_dtls13_update_stop(struct weir_dtls *d)
{
    d->update.state = UPDATE_IDLE;
    d->update.asks_peer = false;
}

/* [RFC 9147 4.5.3 SHOULD] Begin at half of what a key may protect, so that the peer has time to answer. */
void weir_dtls13_watch_limits(struct weir_dtls *d)
{
    if (d->version == VERSION_1_3 && d->update.state == UPDATE_IDLE
        && d->tx.seq >= weir_dtls13_suite(d->suite)->records_max / 2) {
        weir_dtls13_update_owe(d, false);
    }
}
