/* The handshake's block: what only a handshake needs, leased for as long as that is.
 *
 *           a hello, start        accepted, start       both Finished     a message of 1.3, Finished
 *     none --------------> NEW -------------> HANDSHAKE -----------> DONE <------ none  of 1.2 again
 *      ^                    |                     |                    |
 *      +-- 1. no hello -----+                     |                    |
 *      +-- 2. it failed, gave up, was closed -----+--------------------+
 *      +-- 3. all of ours has arrived, and some time went by ----------+
 *
 *  1. new   what a server heard is nobody's yet. A hello that was refused, or answered with a request for a
 *           cookie, leaves nothing behind; pieces of one wait five seconds and no longer, whatever comes
 *           meanwhile. The plan goes into the block, and back
 *  2. over  at once, or when the last flight that was written has left
 *  3. done  after twice the time in which we would have sent a flight again; with 1.3 not before an ACK
 *           named all of our flight [RFC 9147 5.8.1]. A part of a message that an ACK may have named
 *           stays longer, and so does a session that nobody has taken
 *
 * What may be needed later is small, and is in struct weir_dtls. A Finished of 1.2 that comes again is
 * answered with ours [RFC 6347 4.2.4 MUST], written anew in a block leased anew; a last flight of 1.3 that
 * comes again is opened with keys made anew of their secret, and acknowledged [RFC 9147 5.8.1 MUST]. A new
 * message of the peer's that finds no block is lost, as one on the way may be: it is not acknowledged, and
 * comes again. One of ours waits.
 */
#include "dtls/dtls_int.h"

_Static_assert(sizeof(struct weir_dtls_plan) <= sizeof(struct weir_dtls_keys), "both have one place");

/* How long pieces of a hello wait for the others. */
#define HELLO_LIFE (5 * WEIR_SEC)

bool weir_dtls_has_block(const struct weir_dtls *d)
{
    return has_block(d);
}

static bool is_over(const struct weir_dtls *d)
{
    return d->state == WEIR_DTLS_CLOSED || d->state == WEIR_DTLS_FAILED;
}

/* -- Lease ------------------------------------------------------------------------------------- */

bool weir_dtls_lease(struct weir_dtls *d, weir_time now)
{
    if (has_block(d)) {
        /* Who is not known to be the one expected keeps no block by asking for it. */
        hs_of(d)->used_at = d->state == WEIR_DTLS_CONNECTED ? now : hs_of(d)->used_at;
        return true;
    }
    uint32_t block = d->config.handshakes != NULL ? weir_arena_lease(d->config.handshakes) : WEIR_NO_BLOCK;
    if (block == WEIR_NO_BLOCK) {
        return false;
    }
    d->block = block;
    d->lease_at = WEIR_NEVER;
    if (d->state == WEIR_DTLS_NEW) {
        hs_of(d)->plan = d->plan;
        weir_wipe(&d->tx, sizeof d->tx);
    }
    hs_of(d)->used_at = now;
    weir_dtls_flight_begin(d, false);
    weir_dtls_ack_reset(d);
    weir_dtls_reassembly_reset(&hs_of(d)->reassembly, d->peer_seq);
    hs_of(d)->reassembly.is_spent = d->is_peer_spent;
    return true;
}

bool weir_dtls_lease_or_wait(struct weir_dtls *d, weir_time now)
{
    if (d->lease_at != WEIR_NEVER) {
        return false;
    }
    bool is_leased = weir_dtls_lease(d, now);
    d->lease_at = is_leased ? WEIR_NEVER : weir_time_add(now, d->config.rto);
    return is_leased;
}

/* -- Keep -------------------------------------------------------------------------------------- */

uint16_t weir_dtls_peer_seq(const struct weir_dtls *d)
{
    return has_block(d) ? hs_of(d)->reassembly.next : d->peer_seq;
}

/* When it goes, if nothing comes. In a handshake, and while an answer or an ACK is owed to us, give_up_at
 * decides. */
weir_time weir_dtls_block_until(const struct weir_dtls *d)
{
    if (!has_block(d) || is_over(d) || d->state == WEIR_DTLS_HANDSHAKE) {
        return WEIR_NEVER;
    }
    const struct weir_dtls_handshake *h = hs_of(d);
    if (d->state == WEIR_DTLS_NEW) {
        return d->config.is_client ? WEIR_NEVER : weir_time_add(h->used_at, HELLO_LIFE);
    }
    if (h->flight.is_timed && h->flight.used != 0) {
        return WEIR_NEVER;
    }
    bool is_waiting = h->reassembly.used != 0 || d->resumption.state == SESSION_READY;
    return weir_time_add(h->used_at, is_waiting ? d->config.give_up : 2 * d->config.rto);
}

/* -- Give back --------------------------------------------------------------------------------- */

void weir_dtls_put_block(struct weir_dtls *d)
{
    if (!has_block(d)) {
        return;
    }
    d->peer_seq = hs_of(d)->reassembly.next;
    d->is_peer_spent = hs_of(d)->reassembly.is_spent;
    if (d->state == WEIR_DTLS_NEW) {
        d->plan = hs_of(d)->plan;
    }
    if (d->resumption.state == SESSION_READY) {
        weir_dtls13_session_stop(d);
    }
    weir_arena_put(d->config.handshakes, d->block);
    d->block = WEIR_NO_BLOCK;
}

void weir_dtls_settle_block(struct weir_dtls *d)
{
    bool is_empty = d->state == WEIR_DTLS_NEW && !d->config.is_client && hs_of(d)->reassembly.used == 0;
    if ((is_over(d) || is_empty) && !weir_dtls_flight_is_pending(d)) {
        weir_dtls_put_block(d);
    }
}

void weir_dtls_block_tick(struct weir_dtls *d, weir_time now)
{
    if (now >= weir_dtls_block_until(d)) {
        weir_dtls_put_block(d);
    }
}
