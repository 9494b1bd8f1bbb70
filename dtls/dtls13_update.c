/* After the handshake: new keys [RFC 9147 8, RFC 8446 4.6.3].
 *
 *   KeyUpdate from the peer   it sends with new keys from its next record on: ours follow, the old ones
 *                             stay for what is late. Asked for it, we renew ours, too
 *   KeyUpdate of ours         written when the flight before it is acknowledged, so that there is one
 *                             on the way at most; the new keys are used when it is acknowledged itself
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
    if (m->body.p[0] == UPDATE_REQUESTED && d->message_seq != UINT16_MAX) {
        d->owes_update = true;
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go_if(weir_dtls13_update_rx(d, now), STEP_DONE);
}

/* -- Ours -------------------------------------------------------------------------------------- */

void weir_dtls13_write_key_update(struct weir_dtls *d, weir_time now)
{
    if (d->flight.used != 0 || d->is_updating) {
        return;
    }
    weir_dtls_flight_begin(d, true);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_KEY_UPDATE, EPOCH_APPLICATION);
    weir_wr_u8(&w, d->asks_update ? UPDATE_REQUESTED : UPDATE_NOT_REQUESTED);
    d->owes_update = d->asks_update = false;
    if (weir_dtls_message_close(d, &w)) {
        d->is_updating = true;
        d->give_up_at = weir_time_add(now, d->config.give_up);
    }
}

bool weir_dtls13_finish_update(struct weir_dtls *d)
{
    d->is_updating = false;
    return weir_dtls13_update_tx(d);
}

/* [RFC 9147 4.5.3 SHOULD] Begin at half of what a key may protect, so that the peer has time to answer. */
void weir_dtls13_watch_limits(struct weir_dtls *d)
{
    if (d->version == VERSION_1_3 && !d->owes_update && !d->is_updating
        && d->tx.seq >= weir_dtls13_suite(d->suite)->records_max / 2) {
        d->owes_update = d->message_seq != UINT16_MAX;
    }
}
