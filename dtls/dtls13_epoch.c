/* Which keys are in force, and which of those before them still are [RFC 9147 4.2.1, 6.1, 8].
 *
 *   each direction by itself:
 *
 *            ServerHello         Finished            KeyUpdate           KeyUpdate
 *     0 ------------------> 2 ---------------> 3 -----------------> 4 -----------------> ...
 *
 *   and with each change but the first the keys that were in force become the old ones (those that open are
 *   kept as their secret, and are made of it again while no block has them), which
 *
 *     open what is late    until two minutes are over, or 2^36 forgeries were met. Those of the handshake
 *                          begin these two minutes when our last flight of it has arrived: until then the
 *                          peer may send its own again
 *     protect what is      until all of it was acknowledged, or answered
 *     sent again
 *
 * [RFC 9147 4.2.1 MUST] What is sent again goes with its old keys, and what comes again is opened with
 * them.
 */
#include "dtls/dtls_int.h"

bool weir_dtls13_use_handshake(struct weir_dtls *d)
{
    d->rx_epoch = d->tx_epoch = EPOCH_HANDSHAKE;
    /* What waits for its turn came without protection, and has none under it. */
    weir_dtls_reassembly_reset(&hs_of(d)->reassembly, hs_of(d)->reassembly.next);
    return weir_dtls13_keys_init(d, &d->rx, d->rx_epoch, d->rx_secret)
           && weir_dtls13_keys_init(d, &d->tx, d->tx_epoch, d->tx_secret);
}

/* Those that are in force, and their secret, become the old ones. */
static void keep_rx(struct weir_dtls *d, const uint8_t secret[WEIR_DTLS_SECRET_MAX])
{
    const struct weir_dtls_keys *k = &d->rx;
    d->old.is_ready = k->is_ready;
    d->old.epoch = k->epoch;
    d->old.forgeries = k->forgeries;
    d->old.window = k->window;
    memcpy(d->old.secret, secret, sizeof d->old.secret);
    hs_of(d)->old_rx = *k;
}

bool weir_dtls13_use_application_tx(struct weir_dtls *d)
{
    hs_of(d)->old_tx = d->tx;
    d->tx_epoch = EPOCH_APPLICATION;
    return weir_dtls13_keys_init(d, &d->tx, d->tx_epoch, d->tx_secret);
}

bool weir_dtls13_use_application_rx(struct weir_dtls *d)
{
    keep_rx(d, d->secret[d->config.is_client ? WEIR_DTLS_SECRET_SERVER_HANDSHAKE
                                             : WEIR_DTLS_SECRET_CLIENT_HANDSHAKE]);
    d->rx_epoch = EPOCH_APPLICATION;
    return weir_dtls13_keys_init(d, &d->rx, d->rx_epoch, d->rx_secret);
}

/* All that the old ones protected was acknowledged, KeyUpdate last. */
bool weir_dtls13_update_tx(struct weir_dtls *d)
{
    weir_dtls13_next_secret(d, d->tx_secret);
    d->tx_epoch++;
    return weir_dtls13_keys_init(d, &d->tx, d->tx_epoch, d->tx_secret);
}

/* [RFC 9147 8 MUST] The old keys stay: the peer goes on with them until it has our ACK. */
bool weir_dtls13_update_rx(struct weir_dtls *d, weir_time now)
{
    keep_rx(d, d->rx_secret);
    weir_dtls13_next_secret(d, d->rx_secret);
    d->old.until = weir_time_add(now, OLD_KEYS_LIFE);
    d->rx_epoch++;
    return weir_dtls13_keys_init(d, &d->rx, d->rx_epoch, d->rx_secret);
}

/* -- The old ones ------------------------------------------------------------------------------ */

struct weir_dtls_keys *weir_dtls13_old_keys(struct weir_dtls *d, struct weir_dtls_keys *room)
{
    struct weir_dtls_keys *k = has_block(d) ? &hs_of(d)->old_rx : room;
    if (k == room || !k->is_ready) {
        (void)!weir_dtls13_keys_init(d, k, d->old.epoch, d->old.secret); /* it was done before */
    }
    k->window = d->old.window;
    k->forgeries = d->old.forgeries;
    return k;
}

void weir_dtls13_old_note(struct weir_dtls *d, struct weir_dtls_keys *k, const struct weir_dtls_keys *room)
{
    if (d->old.is_ready) {
        d->old.window = k->window;
        d->old.forgeries = k->forgeries;
    }
    if (k == room) {
        weir_wipe(k, sizeof *k);
    }
}

void weir_dtls13_old_drop_rx(struct weir_dtls *d)
{
    weir_wipe(&d->old, sizeof d->old);
    d->old.until = WEIR_NEVER;
    if (has_block(d)) {
        weir_wipe(&hs_of(d)->old_rx, sizeof hs_of(d)->old_rx);
    }
}

void weir_dtls13_old_drop_tx(struct weir_dtls *d)
{
    if (has_block(d)) {
        weir_wipe(&hs_of(d)->old_tx, sizeof hs_of(d)->old_tx);
    }
}

void weir_dtls13_old_tick(struct weir_dtls *d, weir_time now)
{
    if (now >= d->old.until) {
        weir_dtls13_old_drop_rx(d);
    }
}

/* A server's flight was answered then, a client's last one acknowledged. */
void weir_dtls13_old_arrived(struct weir_dtls *d, weir_time now)
{
    weir_dtls13_old_drop_tx(d);
    if (d->old.epoch == EPOCH_HANDSHAKE && d->old.until == WEIR_NEVER) {
        d->old.until = weir_time_add(now, OLD_KEYS_LIFE); /* only what is late comes now */
    }
}
