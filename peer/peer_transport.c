/* DTLS and what hangs on it: keys for SRTP, the association for data. */
#include "peer/peer_int.h"

/* UTC in seconds; the clock's own, where nobody told what time it is. */
static int64_t utc_s(const struct weir_peer *p, weir_time now)
{
    const uint64_t ntp_1970 = 2208988800;
    uint64_t begun = p->config.ntp_at_epoch >> 32;
    return (int64_t)((begun > ntp_1970 ? begun - ntp_1970 : 0) + now / WEIR_SEC);
}

static void dtls_sessions(const struct weir_peer *p, weir_time now, struct weir_dtls_config *c)
{
    if (p->config.sessions == NULL) {
        return;
    }
    c->tickets = WEIR_DTLS_TICKETS_ASKED;
    c->ticket_keys = 1;
    memcpy(c->ticket_key[0], p->config.sessions->ticket_key, sizeof c->ticket_key[0]);
    c->utc_s = utc_s(p, now);
}

static void dtls_config(struct weir_peer *p, weir_time now, bool is_client, struct weir_dtls_config *c)
{
    memset(c, 0, sizeof *c);
    c->crypto = p->config.crypto;
    c->identity = p->config.identity;
    c->keys = p->config.keys;
    c->handshakes = p->config.dtls_handshakes;
    c->trace = p->config.trace;
    c->conn = p->config.conn;
    c->is_client = is_client;
    c->version_max = p->config.dtls_version_max;
    c->has_keylog = true; /* who asks for a key log holds our memory anyway */
    c->mtu = WEIR_DTLS_MTU_DEFAULT; /* while checks carry it a flight is cut smaller: peer_embed.c */
    if (p->config.prefers_hybrid) {
        static const uint16_t group[] = { WEIR_DTLS_X25519MLKEM768, WEIR_X25519, WEIR_P256, WEIR_P384 };
        c->groups = sizeof group / sizeof group[0];
        memcpy(c->group, group, sizeof group);
    }
    c->has_cid = !p->config.no_cid; /* without rrc: ICE checks paths itself [RFC 9853 3] */
    c->cid_bytes = p->config.cid_bytes;
    memcpy(c->cid, p->config.cid, sizeof c->cid);
    dtls_sessions(p, now, c);
    c->rto = PEER_DTLS_RTO;
    c->give_up = PEER_DTLS_GIVE_UP;
    c->is_path_valid = true; /* all that DTLS hears came by a path of ICE's */
    c->work = p->config.work;
    weir_rand_bytes(&p->rand, c->seed, sizeof c->seed);
}

void weir_peer_ready_dtls(struct weir_peer *p, weir_time now, bool is_client,
                          const struct weir_dtls_session *session)
{
    struct weir_dtls_config c;
    if (p->is_dtls_ready && weir_dtls_is_client(&p->dtls) == is_client) {
        return;
    }
    if (p->is_dtls_ready) {
        weir_dtls_deinit(&p->dtls);
        weir_ice_embed_clear(&p->ice);
        p->is_flight_open = false;
    }
    dtls_config(p, now, is_client, &c);
    c.session = session;
    weir_dtls_init(&p->dtls, &c, now);
    weir_wipe(&c, sizeof c);
    p->is_dtls_ready = true;
}

void weir_peer_settle_role(struct weir_peer *p, weir_time now, bool is_client,
                           const struct weir_dtls_fingerprint *list, size_t count)
{
    if (p->is_dtls_begun) {
        (void)!weir_dtls_set_fingerprints(&p->dtls, now, list, count);
        return; /* [RFC 8842 5.3 MUST] roles stay as long as the association does */
    }
    struct weir_dtls_session session;
    bool is_known = is_client && p->config.sessions != NULL
                    && weir_sessions_take(p->config.sessions, list, count, &session);
    weir_peer_ready_dtls(p, now, is_client, is_known ? &session : NULL);
    weir_wipe(&session, sizeof session);
    (void)!weir_dtls_set_fingerprints(&p->dtls, now, list, count); /* judged before: one is good at least */
    p->is_dtls_begun = true;
    if (weir_sctp_has_dtls_role(&p->sctp, !is_client) && !p->is_sctp_begun) {
        weir_peer_restart_sctp(p, now, true); /* streams of the other parity are not ours any more */
    }
    if (!p->is_sctp_begun) { /* else it is older than this DTLS: weir_peer_carry_data */
        weir_sctp_set_dtls_role(&p->sctp, now, is_client);
    }
    weir_peer_start_dtls(p, now);
}

/* The first path is there: from now on DTLS may send by itself, and repeats by this path's measure. */
static void take_path(struct weir_peer *p)
{
    struct weir_ice_pair_info info = { .rtt_most = 0 };
    p->has_had_path = true;
    p->is_asked = weir_ice_is_asked(&p->ice);
    (void)!weir_ice_selected_info(&p->ice, &info);
    weir_dtls_set_rtt_hint(&p->dtls, info.rtt_most != 0 ? info.rtt_most : PEER_RTT_GUESS);
    if (info.rtt_most != 0) {
        weir_sctp_set_rtt_hint(&p->sctp, info.rtt_most);
    }
}

/* Our side of the path was proven by the peer's answer; its own side by ours to a check of its own. A peer
 * that asks only now had no use for the hello that we sent before: Firefox drops it, and two round trips
 * would pass until the timer. */
void weir_peer_hear_check(struct weir_peer *p)
{
    bool is_asked = p->has_had_path && weir_ice_is_asked(&p->ice);
    if (is_asked && !p->is_asked && !weir_ice_embed_is_open(&p->ice)) {
        weir_dtls_path_hint(&p->dtls);
    }
    p->is_asked = p->is_asked || is_asked;
}

/* [RFC 8445 12.1] as soon as any pair is valid: nomination is not waited for. Where checks carry DTLS, at
 * once. */
void weir_peer_start_dtls(struct weir_peer *p, weir_time now)
{
    struct weir_path path;
    bool has_path = weir_ice_selected(&p->ice, &path);
    if (has_path && !p->has_had_path && p->is_dtls_ready) {
        take_path(p);
    }
    if (p->is_dtls_begun && p->timeline.dtls_begun == WEIR_NEVER
        && (has_path || weir_ice_embed_is_open(&p->ice))) {
        p->timeline.dtls_begun = now;
        if (weir_dtls_is_client(&p->dtls)) {
            enum weir_status status = weir_dtls_start(&p->dtls, now);
            (void)status; /* already begun is as good, and without a block it begins by itself later */
        }
    }
}

static void derive_srtp(struct weir_peer *p)
{
    uint8_t keying[WEIR_SRTP_KEYING_MAX];
    enum weir_srtp_profile profile = (enum weir_srtp_profile)weir_dtls_srtp(&p->dtls);
    size_t n = weir_srtp_keying_bytes(profile);
    if (n == 0 || p->is_srtp_ready || p->config.is_data_only) {
        return;
    }
    p->is_srtp_ready =
        weir_dtls_export(&p->dtls, "EXTRACTOR-dtls_srtp", (struct weir_mspan){ keying, n }) == WEIR_OK
        && weir_srtp_init_pair(&rtp_of(p)->srtp_tx, &rtp_of(p)->srtp_rx, p->config.crypto, profile,
                               weir_span_of(keying, n), weir_dtls_is_client(&p->dtls));
    weir_wipe(keying, sizeof keying);
}

void weir_peer_dtls_connected(struct weir_peer *p, weir_time now)
{
    p->timeline.dtls_done = now;
    weir_peer_embed_finish(p, now);
    derive_srtp(p);
    weir_peer_carry_data(p, now);
    weir_peer_start_data(p, now);
}

void weir_peer_start_data(struct weir_peer *p, weir_time now)
{
    if (!p->has_data || p->is_sctp_begun || p->is_data_over || p->timeline.dtls_done == WEIR_NEVER) {
        return;
    }
    /* Who agrees on a connection id is a weir, whose congestion window counts bytes. */
    weir_sctp_set_acks_batches(&p->sctp, weir_dtls_has_cid(&p->dtls));
    p->is_sctp_begun = p->snap == WEIR_PEER_AGREED && weir_sctp_connect_heard(&p->sctp, now) == WEIR_OK;
    p->is_sctp_begun = p->is_sctp_begun || weir_sctp_connect(&p->sctp, now) == WEIR_OK;
    p->data_until = weir_time_add(now, PEER_DATA_WAIT);
}
