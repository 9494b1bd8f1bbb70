/* New associations: the same connection, and another DTLS with all that hangs on it.
 *
 *   1. a description asks for one: another certificate, another a=tls-id, another role [RFC 8842 3.1]; or
 *      the one there is has failed;
 *   2. an application asks for one, by weir_peer_renew and an offer;
 *   3. browsers begin one without saying so: they give up the transport of a bundle when the section it is
 *      named after stops, or another takes a place in front of it, and make another with the same
 *      certificate. The old one says close_notify, or is silent and the new one calls from an address that
 *      was never named before: both are taken as such for 30 s, while other peers go on as they are.
 *      libwebrtc begins another SCTP association too; Firefox moves its own over to the new transport. So
 *      ours is kept: it goes on, or the peer's INIT restarts it [RFC 9260 5.2].
 */
#include "peer/peer_int.h"

/* -- 1. Is it another? ------------------------------------------------------------------------- */

static uint64_t digest_of(struct weir_span s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a: it tells apart, it proves nothing */
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ s.p[i]) * 1099511628211u;
    }
    return s.n == 0 ? 0 : h | 1;
}

/* Of the certificate that was shown; before one was, of what the description before said. */
static bool is_same_certificate(const struct weir_peer *p, const struct weir_sdp_media *t)
{
    bool is_same = false;
    for (uint32_t i = 0; i < t->fingerprints; i++) {
        struct weir_dtls_fingerprint f = weir_peer_fingerprint(&t->fingerprint[i]);
        is_same |= weir_dtls_expects(&p->dtls, &f);
    }
    return is_same;
}

bool weir_peer_is_another(const struct weir_peer *p, const struct weir_sdp_media *t,
                          enum weir_sdp_setup role)
{
    uint64_t tls_id = digest_of(t->tls_id);
    if (!p->is_dtls_begun) {
        return false;
    }
    bool is_client = weir_dtls_is_client(&p->dtls);
    return weir_dtls_state(&p->dtls) == WEIR_DTLS_FAILED || !is_same_certificate(p, t)
           || (p->remote_tls_id != 0 && tls_id != 0 && tls_id != p->remote_tls_id)
           || role == (is_client ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE);
}

void weir_peer_note_tls_id(struct weir_peer *p, const struct weir_sdp_media *t)
{
    p->remote_tls_id = digest_of(t->tls_id);
}

/* -- Beginning again --------------------------------------------------------------------------- */

void weir_peer_restart_sctp(struct weir_peer *p, weir_time now, bool is_offered)
{
    weir_sctp_take_channels(&p->sctp, &p->ended); /* their end is told by and by */
    weir_peer_leave_reading(p);
    weir_sctp_release_all(&p->sctp);
    p->is_sctp_begun = false;
    if (!is_offered) {
        weir_rand_bytes(&p->rand, p->sctp_seed, sizeof p->sctp_seed);
    }
    weir_peer_init_sctp(p, now);
    weir_peer_snap_begin(p);
}

/* Channels that wait for their first association go on waiting. */
static void begin_data_again(struct weir_peer *p, weir_time now, bool is_offered)
{
    if (p->is_sctp_begun || p->timeline.dtls_done != WEIR_NEVER) { /* the peer may have begun it */
        weir_peer_end_data(p, now, WEIR_SCTP_REASON_ABORTED);
        weir_peer_restart_sctp(p, now, is_offered);
    }
    p->is_data_over = false;
    p->snap = WEIR_PEER_UNDECIDED;
    p->data_until = WEIR_NEVER;
}

/* DTLS and SRTP. */
static void begin_transport_again(struct weir_peer *p)
{
    if (p->is_dtls_ready) {
        weir_dtls_deinit(&p->dtls);
        weir_ice_embed_clear(&p->ice);
    }
    p->is_dtls_ready = p->is_dtls_begun = p->is_flight_open = p->has_had_path = p->is_asked = false;
    p->is_srtp_ready = false;
    if (!p->config.is_data_only) {
        weir_wipe(&rtp_of(p)->srtp_tx, sizeof rtp_of(p)->srtp_tx);
        weir_wipe(&rtp_of(p)->srtp_rx, sizeof rtp_of(p)->srtp_rx);
        weir_rtcp_history_clear(&rtp_of(p)->history, p->pool);
        rtp_of(p)->resend_head = rtp_of(p)->resend_tail = 0;
    }
    p->timeline.dtls_begun = p->timeline.dtls_done = WEIR_NEVER;
    p->tag_until = 0;
    p->remote_tls_id = 0;
}

void weir_peer_begin_again(struct weir_peer *p, weir_time now, bool is_offered)
{
    begin_data_again(p, now, is_offered);
    p->timeline.sctp_done = WEIR_NEVER;
    begin_transport_again(p);
    if (!is_offered) { /* else the offer said it [RFC 8842 5.2] */
        weir_rand_text(&p->rand, p->tls_id, sizeof p->tls_id);
    }
}

/* -- 2. Of our own accord ---------------------------------------------------------------------- */

void weir_peer_restart_ice(struct weir_peer *p)
{
    p->wants_restart = true;
}

void weir_peer_renew(struct weir_peer *p)
{
    p->wants_renewal = true;
}

/* -- 3. Without a word ------------------------------------------------------------------------- */

static uint32_t address_digest(const struct weir_addr *a)
{
    return (uint32_t)digest_of(weir_span_of(a->ip, sizeof a->ip)) ^ a->port;
}

void weir_peer_tag_stops(struct weir_peer *p, weir_time now, bool is_client)
{
    if (p->is_dtls_begun) {
        p->tag_is_client = is_client;
        p->tag_until = weir_time_add(now, PEER_TAG_WAIT);
        p->tag_knowns = 0;
        for (uint32_t i = 0; i < weir_ice_remotes(&p->ice) && i < WEIR_PEER_TAG_KNOWN; i++) {
            p->tag_known[p->tag_knowns++] = address_digest(&weir_ice_remote_at(&p->ice, i)->addr);
        }
    }
}

static void begin_data_alike(struct weir_peer *p, weir_time now)
{
    begin_data_again(p, now, false);
    p->timeline.sctp_done = WEIR_NEVER;
    p->snap = WEIR_PEER_DECLINED; /* no description says our new chunk */
}

void weir_peer_carry_data(struct weir_peer *p, weir_time now)
{
    if (p->is_sctp_begun && p->is_data_over) { /* an ABORT may come behind the goodbye of what carried it */
        begin_data_alike(p, now);
        weir_sctp_set_dtls_role(&p->sctp, now, weir_dtls_is_client(&p->dtls));
    } else if (p->is_sctp_begun) {
        weir_sctp_carried_anew(&p->sctp, now, weir_dtls_is_client(&p->dtls));
    }
}

/* The same certificates and tls-id as before, and the same SCTP if it was up. */
static void begin_alike(struct weir_peer *p, weir_time now)
{
    struct weir_dtls_fingerprint list[WEIR_DTLS_FINGERPRINTS_MAX];
    size_t count = weir_dtls_fingerprints(&p->dtls, list);
    uint64_t tls_id = p->remote_tls_id;
    if (p->is_data_over || p->timeline.sctp_done == WEIR_NEVER) {
        begin_data_alike(p, now);
    }
    begin_transport_again(p);
    p->remote_tls_id = tls_id;
    weir_peer_settle_role(p, now, p->tag_is_client, list, count);
}

void weir_peer_tag_answered(struct weir_peer *p, weir_time now, bool is_client)
{
    bool is_begun_anew = p->tag_until == 0 && weir_dtls_state(&p->dtls) < WEIR_DTLS_CONNECTED;
    p->tag_is_client = is_client;
    if (is_begun_anew && weir_dtls_is_client(&p->dtls) != is_client) {
        begin_alike(p, now); /* the goodbye came before the answer */
    }
}

bool weir_peer_tag_closed(struct weir_peer *p, weir_time now)
{
    if (now >= p->tag_until || !p->is_dtls_begun) {
        return false;
    }
    weir_ice_remote_gone(&p->ice, now); /* else the hello goes there until silence is noticed */
    begin_alike(p, now);
    return true;
}

void weir_peer_tag_selected(struct weir_peer *p, weir_time now, const struct weir_path *path)
{
    bool is_known = false;
    for (unsigned i = 0; i < p->tag_knowns; i++) {
        is_known |= p->tag_known[i] == address_digest(&path->remote);
    }
    if (now < p->tag_until && !is_known && p->is_dtls_begun) {
        begin_alike(p, now);
    }
}
