/* Setting an association up [RFC 9260 5].
 *
 *     A: connect            INIT ------------------>
 *                           <-------------- INIT ACK   B: keeps nothing, seals a cookie
 *     A: COOKIE-ECHOED      COOKIE ECHO, DATA ------>
 *                           <------------ COOKIE ACK   B: ESTABLISHED
 *
 * In WebRTC both sides connect at once, so both INITs cross; each is answered with the values of
 * the INIT that was sent, and the tags decide what a COOKIE ECHO means (cases A to D of 5.2.4).
 */
#include "sctp/sctp_int.h"

/* -- Timer T1 --------------------------------------------------------------------------------- */

static void t1_start(struct weir_sctp *s, weir_time now)
{
    s->t1_at = weir_time_add(now, s->config.rto_initial);
}

void weir_sctp_t1_expired(struct weir_sctp *s, weir_time now)
{
    s->t1_at = WEIR_NEVER;
    if (s->t1_count == s->config.init_retransmits_max) {
        weir_sctp_end(s, now, WEIR_SCTP_REASON_TIMEOUT, 0);
        return;
    }
    s->t1_count++;
    s->t1_at = weir_time_add(now, weir_sctp_backoff(s, s->config.rto_initial, s->t1_count));
    s->owed |= s->state == WEIR_SCTP_COOKIE_WAIT ? OWES_INIT : OWES_COOKIE_ECHO;
}

enum weir_status weir_sctp_connect(struct weir_sctp *s, weir_time now)
{
    if (s->state == WEIR_SCTP_OVER) {
        return WEIR_ERR_STATE;
    }
    if (s->state == WEIR_SCTP_CLOSED) {
        weir_sctp_set_state(s, now, WEIR_SCTP_COOKIE_WAIT, 0);
        s->owed |= OWES_INIT;
        t1_start(s, now);
    }
    return WEIR_OK;
}

/* -- The two ends agree ----------------------------------------------------------------------- */

/* Take over what the peer said in INIT, INIT ACK or its cookie. */
static void adopt_remote(struct weir_sctp *s, const struct weir_sctp_init_chunk *remote)
{
    s->remote = (struct weir_sctp_remote){ remote->tag, remote->a_rwnd, remote->tsn,
                                           remote->out_streams, remote->in_streams,
                                           remote->has_forward_tsn, remote->has_reconfig };
    s->remote_tag = remote->tag;
    s->rx_cum = remote->tsn - 1;
    weir_sctp_tsn_clear(s);
    s->duplicate_count = 0;
    s->peer_reset_next = remote->tsn;
    s->peer_reset_told = 0;
    s->rx_high = s->rx_cum;
    s->ack_points = 0;
    s->peer_rwnd = remote->a_rwnd > s->flight_data ? remote->a_rwnd - s->flight_data : 0;
}

static void enter_established(struct weir_sctp *s, weir_time now)
{
    weir_sctp_set_state(s, now, WEIR_SCTP_ESTABLISHED, 0);
    s->t1_at = WEIR_NEVER;
    s->owed &= ~(uint32_t)(OWES_INIT | OWES_COOKIE_ECHO | OWES_INIT_ACK);
    s->error_count = 0;
    if (s->config.heartbeat_interval != 0) {
        s->heartbeat_at = on_grid(weir_time_add(now, s->config.heartbeat_interval));
    }
    weir_sctp_owe_event(s, WEIR_SCTP_EVENT_CONNECTED);
    weir_sctp_channels_connected(s, now);
    weir_sctp_reset_step(s);
}

static void begin_told(struct weir_sctp *s, weir_time now, const struct weir_sctp_init_chunk *remote)
{
    adopt_remote(s, remote);
    s->is_told = true;
    enter_established(s, now);
}

enum weir_status weir_sctp_connect_with(struct weir_sctp *s, weir_time now, struct weir_span init)
{
    struct weir_sctp_init_chunk remote;
    if (s->state != WEIR_SCTP_CLOSED) {
        return WEIR_ERR_STATE;
    }
    if (weir_sctp_init_chunk_parse(init, &remote) != WEIR_SCTP_OK) {
        return WEIR_ERR_ARG;
    }
    begin_told(s, now, &remote);
    return WEIR_OK;
}

enum weir_status weir_sctp_hear_init(struct weir_sctp *s, struct weir_span init)
{
    if (s->state != WEIR_SCTP_CLOSED || (s->owed & OWES_INIT_ACK) != 0) {
        return WEIR_ERR_STATE;
    }
    s->has_heard_init = init.n != 0
                        && weir_sctp_init_chunk_parse(init, &s->init_answer) == WEIR_SCTP_OK;
    return s->has_heard_init || init.n == 0 ? WEIR_OK : WEIR_ERR_ARG;
}

enum weir_status weir_sctp_connect_heard(struct weir_sctp *s, weir_time now)
{
    if (s->state != WEIR_SCTP_CLOSED || !s->has_heard_init) {
        return WEIR_ERR_STATE;
    }
    begin_told(s, now, &s->init_answer);
    return WEIR_OK;
}

/* Nothing has come from the peer on this association yet. */
static bool is_rx_fresh(const struct weir_sctp *s)
{
    return s->rx_cum == s->remote.tsn - 1 && s->range_count == 0;
}

static uint32_t random_tag(struct weir_sctp *s)
{
    /* [RFC 9260 5.3.1 MUST] Never zero. */
    return weir_rand_below(&s->rand, UINT32_MAX) + 1;
}

/* -- INIT ------------------------------------------------------------------------------------- */

/* What the INIT ACK says of us [RFC 9260 5.1, 5.2.1, 5.2.2]. */
static void choose_answer(struct weir_sctp *s)
{
    /* [draft-hancke-tsvwg-snap] A peer that knows our INIT and could not use it sends its own: until
     * something of it came, this is the set-up and no restart. */
    bool is_told = s->is_told && s->state == WEIR_SCTP_ESTABLISHED && is_rx_fresh(s);
    if (s->state == WEIR_SCTP_COOKIE_WAIT || s->state == WEIR_SCTP_COOKIE_ECHOED || is_told) {
        s->init_tag = s->local_tag; /* [RFC 9260 5.2.1 MUST] unchanged */
        s->init_tsn = s->local_tsn;
    } else {
        s->init_tag = random_tag(s);
        s->init_tsn = weir_rand_u32(&s->rand);
    }
}

enum weir_sctp_verdict weir_sctp_rx_init(struct weir_sctp *s, weir_time now, const struct chunk *c)
{
    struct weir_sctp_init_chunk init;
    (void)now;
    enum weir_sctp_verdict v = weir_sctp_init_value_parse(c->value, false, &init);
    if (v != WEIR_SCTP_OK) {
        return v;
    }
    /* [RFC 9260 5.2.2 OMITTED] New addresses in an INIT of an association that exists are no reason to
     * abort it: over DTLS addresses are not looked at [RFC 8261 5 MUST], and its keys say who sent it. */
    if (s->state == WEIR_SCTP_SHUTDOWN_ACK_SENT) {
        s->owed |= OWES_SHUTDOWN_ACK; /* [RFC 9260 9.2 SHOULD] */
        return WEIR_SCTP_UNEXPECTED;
    }
    if (s->state == WEIR_SCTP_OVER) {
        s->answer_tag = init.tag; /* [RFC 9260 8.4 rule 3] we cannot take it */
        s->owed |= OWES_REFUSAL;
        return WEIR_SCTP_UNEXPECTED;
    }
    /* [RFC 9260 5.1 MUST] The answer changes nothing of the association. One answer is owed at a
     * time: the peer repeats an INIT that is not answered. */
    s->init_answer = init;
    s->has_heard_init = false;
    choose_answer(s);
    s->owed |= OWES_INIT_ACK;
    return WEIR_SCTP_OK;
}

/* -- INIT ACK --------------------------------------------------------------------------------- */

/* [RFC 9260 3.2.2 SHOULD] The parameters that an INIT ACK had and we do not know go back in an
 * ERROR beside the cookie. */
static void report_unknown(struct weir_sctp *s, const struct weir_sctp_init_chunk *init)
{
    if (init->unknown_bytes != 0) {
        weir_sctp_report(s, CAUSE_PARAM_UNKNOWN,
                         weir_span_of(init->unknown, init->unknown_bytes));
    }
}

/* It is echoed until the association stands, and no longer. */
static bool keep_cookie(struct weir_sctp *s, struct weir_span cookie)
{
    return cookie.n != 0 && cookie.n <= WEIR_SCTP_COOKIE_MAX && weir_sctp_keep(s, &s->cookie, cookie);
}

void weir_sctp_cookie_drop(struct weir_sctp *s)
{
    weir_sctp_unkeep(s, &s->cookie);
}

enum weir_sctp_verdict weir_sctp_rx_init_ack(struct weir_sctp *s, weir_time now,
                                             const struct chunk *c)
{
    struct weir_sctp_init_chunk init;
    if (s->state != WEIR_SCTP_COOKIE_WAIT) {
        return WEIR_SCTP_UNEXPECTED; /* [RFC 9260 5.2.3 SHOULD] */
    }
    enum weir_sctp_verdict v = weir_sctp_init_value_parse(c->value, true, &init);
    if (v != WEIR_SCTP_OK) {
        return v;
    }
    if (!keep_cookie(s, init.cookie)) {
        return WEIR_SCTP_COOKIE_MISSING;
    }
    init.cookie = weir_span_of(NULL, 0);
    adopt_remote(s, &init);
    report_unknown(s, &init);
    s->owed = (s->owed & ~(uint32_t)OWES_INIT) | OWES_COOKIE_ECHO;
    weir_sctp_set_state(s, now, WEIR_SCTP_COOKIE_ECHOED, 0);
    t1_start(s, now);
    return WEIR_SCTP_OK;
}

/* -- COOKIE ECHO ------------------------------------------------------------------------------ */

/* No association yet: the cookie makes one. */
static void establish_from(struct weir_sctp *s, weir_time now, const struct cookie *k)
{
    s->local_tag = k->local_tag;
    s->local_tsn = k->local_tsn;
    s->next_tsn = k->local_tsn;
    s->cum_acked = k->local_tsn - 1;
    s->advanced = s->cum_acked;
    s->forward_told = s->cum_acked;
    s->reset_next = k->local_tsn;
    adopt_remote(s, &k->remote);
    enter_established(s, now);
}

/* Case A: the peer lost its state and begins anew, and so do we. */
static void restart_from(struct weir_sctp *s, weir_time now, const struct cookie *k)
{
    weir_sctp_tx_release(s);
    weir_sctp_reasm_release(s);
    uint32_t id = 0;
    for (uint32_t slot; (slot = stream_next(s, &id)) != WEIR_NO_CELL; id++) {
        struct weir_sctp_stream *st = stream_at(s, slot);
        st->tx_ssn = 0;
        st->rx_ssn = 0;
        st->tx_reset = RESET_NONE;
        st->is_rx_deferred = st->awaits_rx_reset = false;
    }
    s->reset_wanted = 0;
    s->is_reset_out = false;
    s->is_reset_waiting = false;
    s->owes_reset = false;
    s->reset_answers = 0;
    s->is_reset_deferred = false;
    s->has_holes = false;
    s->rx_waiting = 0;
    s->owed = 0;
    s->owes_forward = false;
    s->t2_at = WEIR_NEVER;
    s->t3_at = WEIR_NEVER;
    s->sack_at = WEIR_NEVER;
    s->reset_at = WEIR_NEVER;
    s->ack = ACK_NONE;
    s->rto = s->config.rto_initial;
    s->srtt = 0;
    s->rtt_least = 0;
    s->t3_count = 0;
    weir_sctp_cc_init(s);
    weir_sctp_note_sent(s);
    weir_sctp_channels_ended(s);
    s->is_dtls_client = s->is_carrier_client;
    weir_sctp_owe_event(s, WEIR_SCTP_EVENT_RESTARTED);
    id = 0;
    for (uint32_t slot; (slot = stream_next(s, &id)) != WEIR_NO_CELL; id++) {
        weir_sctp_stream_settle(s, slot);
    }
    establish_from(s, now, k);
}

/* Case B: we answered the peer's INIT, or were answered, before it chose the tag it now has. */
static enum weir_sctp_verdict collide(struct weir_sctp *s, weir_time now, const struct cookie *k)
{
    if (s->state > WEIR_SCTP_ESTABLISHED ||
        (s->state == WEIR_SCTP_ESTABLISHED && !is_rx_fresh(s))) {
        return WEIR_SCTP_COOKIE_TAGS;
    }
    adopt_remote(s, &k->remote);
    if (s->state != WEIR_SCTP_ESTABLISHED) {
        enter_established(s, now);
    }
    s->owed |= OWES_COOKIE_ACK;
    return WEIR_SCTP_OK;
}

/* [RFC 9260 5.2.4] Table 12. */
static enum weir_sctp_verdict meet_existing(struct weir_sctp *s, weir_time now,
                                            const struct cookie *k)
{
    bool local_matches = k->local_tag == s->local_tag;
    bool remote_matches = s->state != WEIR_SCTP_COOKIE_WAIT && k->remote.tag == s->remote_tag;
    bool ties_match = k->tie_local != 0 && k->tie_local == s->tie_local &&
                      k->tie_remote == s->tie_remote;
    if (!local_matches && !remote_matches && ties_match) {
        if (s->state == WEIR_SCTP_SHUTDOWN_ACK_SENT) {
            weir_sctp_report(s, CAUSE_COOKIE_SHUTTING_DOWN, weir_span_of(NULL, 0));
            s->owed |= OWES_SHUTDOWN_ACK;
            return WEIR_SCTP_UNEXPECTED;
        }
        restart_from(s, now, k);
        s->owed |= OWES_COOKIE_ACK;
        return WEIR_SCTP_OK;
    }
    if (local_matches && !remote_matches) {
        return collide(s, now, k);
    }
    if (local_matches && remote_matches) {
        if (s->state == WEIR_SCTP_COOKIE_ECHOED) {
            enter_established(s, now); /* case D */
        }
        s->owed |= OWES_COOKIE_ACK;
        return WEIR_SCTP_OK;
    }
    return WEIR_SCTP_COOKIE_TAGS; /* case C, and those not in the table */
}

/* [RFC 9260 5.1.5 step 4, 3.3.10.3] How many microseconds too late it came. */
static void report_stale(struct weir_sctp *s, weir_time now, const struct cookie *k)
{
    uint8_t value[4];
    weir_duration late = weir_time_since(now, weir_time_add(k->made_at, s->config.cookie_life));
    weir_put32(value, late > UINT32_MAX ? UINT32_MAX : (uint32_t)late);
    weir_sctp_report(s, CAUSE_STALE_COOKIE, weir_span_of(value, sizeof value));
    s->answer_tag = k->remote.tag;
}

enum weir_sctp_verdict weir_sctp_rx_cookie_echo(struct weir_sctp *s, weir_time now,
                                                const struct chunk *c, uint32_t packet_tag)
{
    struct cookie k;
    if (s->state == WEIR_SCTP_OVER) {
        return WEIR_SCTP_UNEXPECTED;
    }
    if (!weir_sctp_cookie_open(s, c->value, &k)) {
        return WEIR_SCTP_COOKIE_FORGED;
    }
    /* [RFC 9260 5.1.5 step 3 MUST] */
    if (packet_tag != k.local_tag) {
        return WEIR_SCTP_COOKIE_TAGS;
    }
    bool is_known = s->state != WEIR_SCTP_CLOSED && k.local_tag == s->local_tag &&
                    k.remote.tag == s->remote_tag;
    if (!is_known && weir_time_since(now, k.made_at) > s->config.cookie_life) {
        report_stale(s, now, &k);
        return WEIR_SCTP_COOKIE_STALE;
    }
    if (s->state != WEIR_SCTP_CLOSED) {
        return meet_existing(s, now, &k);
    }
    establish_from(s, now, &k);
    s->owed |= OWES_COOKIE_ACK;
    return WEIR_SCTP_OK;
}

enum weir_sctp_verdict weir_sctp_rx_cookie_ack(struct weir_sctp *s, weir_time now)
{
    if (s->state != WEIR_SCTP_COOKIE_ECHOED) {
        return WEIR_SCTP_UNEXPECTED; /* [RFC 9260 5.2.5 SHOULD] */
    }
    enter_established(s, now);
    return WEIR_SCTP_OK;
}

/* [RFC 9260 5.2.6] Our cookie came too late: begin again, which gets a fresh one. */
void weir_sctp_rx_stale_cookie(struct weir_sctp *s, weir_time now)
{
    if (s->state != WEIR_SCTP_COOKIE_ECHOED) {
        return;
    }
    /* A peer that calls every cookie stale does not keep us here for ever. */
    uint32_t count = s->t1_count + 1;
    if (count > s->config.init_retransmits_max) {
        weir_sctp_end(s, now, WEIR_SCTP_REASON_TIMEOUT, CAUSE_STALE_COOKIE);
        return;
    }
    weir_sctp_set_state(s, now, WEIR_SCTP_COOKIE_WAIT, CAUSE_STALE_COOKIE);
    s->owed = (s->owed & ~(uint32_t)OWES_COOKIE_ECHO) | OWES_INIT;
    s->t1_count = count;
    t1_start(s, now);
}
