/* SPED [draft-hancke-webrtc-sped]: the DTLS handshake rides on ICE's checks, so that the path and the keys
 * are found in the same round trips.
 *
 *   1. who is DTLS client begins as soon as its role is settled, before any path is known;
 *   2. what DTLS has to send goes to ICE, which carries it on checks and answers until the peer has it;
 *      once there is a path it is sent by itself too, at once;
 *   3. what comes on a check whose integrity was proven goes to DTLS like any datagram;
 *   4. before there is a path DTLS keeps no timers: checks are repeated more often than flights;
 *   5. a peer that does not do this gets the same flights when there is a path.
 */
#include "peer/peer_int.h"

void weir_peer_embed_begin(struct weir_peer *p)
{
    if (!p->config.no_sped) {
        weir_ice_embed_begin(&p->ice);
    }
}

uint8_t weir_peer_embed_names(const struct weir_peer *p)
{
    return p->config.no_sped                     ? 0
           : p->sped == WEIR_PEER_UNDECIDED ? WEIR_SDP_SPED | WEIR_SDP_SPED_GOOG
                                            : p->sped_names;
}

void weir_peer_embed_settle(struct weir_peer *p, uint8_t names)
{
    if (p->sped != WEIR_PEER_UNDECIDED) {
        return; /* what was agreed on first stays */
    }
    p->sped_names = names & weir_peer_embed_names(p);
    p->sped = p->sped_names != 0 ? WEIR_PEER_AGREED : WEIR_PEER_DECLINED;
    if (p->sped == WEIR_PEER_DECLINED) {
        weir_ice_embed_stop(&p->ice);
    }
}

/* Datagrams of one flight belong together: the first of the next one takes the place of all. */
static void collect(struct weir_peer *p, weir_time now)
{
    uint8_t datagram[WEIR_ICE_EMBED_BYTES];
    while (weir_ice_embed_has_room(&p->ice)) {
        size_t n = weir_dtls_send(&p->dtls, now, (struct weir_mspan){ datagram, sizeof datagram });
        if (n == 0) {
            p->is_flight_open = false;
            break;
        }
        if (!p->is_flight_open) {
            weir_ice_embed_clear(&p->ice);
            p->is_flight_open = true;
        }
        (void)!weir_ice_embed_add(&p->ice, weir_span_of(datagram, n)); /* there is room for it */
        weir_ice_embed_push(&p->ice);
    }
}

void weir_peer_embed_collect(struct weir_peer *p, weir_time now)
{
    if (weir_peer_has_dtls(p) && weir_ice_embed_is_open(&p->ice)) {
        collect(p, now);
    }
}

/* Whatever the version, the peer has all of our earlier flights now: what DTLS sends next is the last
 * that is worth carrying, if there is any. */
void weir_peer_embed_finish(struct weir_peer *p, weir_time now)
{
    if (weir_ice_embed_is_open(&p->ice)) {
        weir_ice_embed_clear(&p->ice);
        p->is_flight_open = true;
        collect(p, now);
        weir_ice_embed_finish(&p->ice);
    }
}

void weir_peer_embed_took(struct weir_peer *p, uint32_t mark, bool is_taken, bool is_data)
{
    if (is_data) {
        weir_ice_embed_over(&p->ice); /* who sends data has finished */
    } else if (is_taken) {
        weir_ice_embed_took(&p->ice, mark);
    }
}
