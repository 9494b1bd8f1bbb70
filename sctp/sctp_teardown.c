/* Ending an association, and what comes in beside the data [RFC 9260 8, 9, 3.3.10].
 *
 *     shutdown: SHUTDOWN-PENDING, until all data is acknowledged
 *               SHUTDOWN ------------------->  SHUTDOWN-RECEIVED, until all data is acknowledged
 *               <--------------- SHUTDOWN ACK  SHUTDOWN-ACK-SENT
 *               SHUTDOWN COMPLETE ---------->
 *     over                                     over
 *
 * An ABORT ends it at once. A packet that belongs to no association is answered as 8.4 has it; an
 * ABORT is never answered.
 */
#include "sctp/sctp_int.h"

/* -- Abort ------------------------------------------------------------------------------------ */

static uint16_t first_cause(struct weir_span value)
{
    struct weir_rd r = weir_rd_of(value);
    struct param cause;
    return r.n != 0 && weir_sctp_param_next(&r, &cause) ? cause.type : 0;
}

enum weir_sctp_verdict weir_sctp_rx_abort(struct weir_sctp *s, weir_time now,
                                          const struct chunk *c)
{
    if (s->state == WEIR_SCTP_CLOSED || s->state == WEIR_SCTP_OVER) {
        return WEIR_SCTP_UNEXPECTED;
    }
    weir_sctp_end(s, now, WEIR_SCTP_REASON_PEER_ABORT, first_cause(c->value));
    return WEIR_SCTP_OK;
}

void weir_sctp_abort(struct weir_sctp *s, weir_time now, struct weir_span why)
{
    if (s->state == WEIR_SCTP_OVER) {
        return;
    }
    bool is_tag_known = s->state >= WEIR_SCTP_COOKIE_ECHOED;
    why.n = why.n > ABORT_WHY_MAX ? ABORT_WHY_MAX : why.n;
    weir_sctp_end(s, now, WEIR_SCTP_REASON_ABORTED, CAUSE_USER_ABORT);
    if (is_tag_known) {
        weir_sctp_report(s, CAUSE_USER_ABORT, why);
        s->owed = OWES_ABORT;
    }
}

void weir_sctp_carrier_closed(struct weir_sctp *s, weir_time now)
{
    bool is_through = s->state == WEIR_SCTP_SHUTDOWN_SENT || s->state == WEIR_SCTP_SHUTDOWN_ACK_SENT;
    weir_sctp_end(s, now, is_through ? WEIR_SCTP_REASON_SHUTDOWN : WEIR_SCTP_REASON_PEER_ABORT, 0);
}

/* -- Shutdown --------------------------------------------------------------------------------- */

static void t2_start(struct weir_sctp *s, weir_time now)
{
    s->t2_at = weir_time_add(now, weir_sctp_backoff(s, s->rto, s->error_count));
}

void weir_sctp_shutdown_step(struct weir_sctp *s, weir_time now)
{
    if (s->state == WEIR_SCTP_SHUTDOWN_PENDING && weir_sctp_tx_is_empty(s)) {
        weir_sctp_set_state(s, now, WEIR_SCTP_SHUTDOWN_SENT, 0);
        s->owed |= OWES_SHUTDOWN;
        t2_start(s, now);
    } else if (s->state == WEIR_SCTP_SHUTDOWN_RECEIVED && weir_sctp_tx_is_empty(s)) {
        weir_sctp_set_state(s, now, WEIR_SCTP_SHUTDOWN_ACK_SENT, 0);
        s->owed |= OWES_SHUTDOWN_ACK;
        t2_start(s, now);
    }
}

enum weir_status weir_sctp_shutdown(struct weir_sctp *s, weir_time now)
{
    switch (s->state) {
    case WEIR_SCTP_CLOSED:
    case WEIR_SCTP_COOKIE_WAIT:
    case WEIR_SCTP_COOKIE_ECHOED:
        weir_sctp_end(s, now, WEIR_SCTP_REASON_SHUTDOWN, 0);
        return WEIR_OK;
    case WEIR_SCTP_ESTABLISHED:
        weir_sctp_set_state(s, now, WEIR_SCTP_SHUTDOWN_PENDING, 0);
        weir_sctp_shutdown_step(s, now);
        return WEIR_OK;
    case WEIR_SCTP_SHUTDOWN_PENDING:
    case WEIR_SCTP_SHUTDOWN_SENT:
    case WEIR_SCTP_SHUTDOWN_RECEIVED:
    case WEIR_SCTP_SHUTDOWN_ACK_SENT:
        return WEIR_OK;
    case WEIR_SCTP_OVER:
    case WEIR_SCTP_STATES:
        break;
    }
    return WEIR_ERR_STATE;
}

enum weir_sctp_verdict weir_sctp_rx_shutdown(struct weir_sctp *s, weir_time now,
                                             const struct chunk *c)
{
    struct weir_rd r = weir_rd_of(c->value);
    uint32_t cum;
    if (s->state < WEIR_SCTP_ESTABLISHED || s->state > WEIR_SCTP_SHUTDOWN_RECEIVED) {
        return WEIR_SCTP_UNEXPECTED;
    }
    if (!weir_rd_u32(&r, &cum)) {
        return WEIR_SCTP_CHUNK_SHORT;
    }
    if (s->state == WEIR_SCTP_SHUTDOWN_SENT) {
        /* [RFC 9260 9.2 SHOULD] Both began: acknowledge at once. */
        weir_sctp_set_state(s, now, WEIR_SCTP_SHUTDOWN_ACK_SENT, 0);
        s->owed = (s->owed & ~(uint32_t)OWES_SHUTDOWN) | OWES_SHUTDOWN_ACK;
        t2_start(s, now);
        return WEIR_SCTP_OK;
    }
    if (s->state != WEIR_SCTP_SHUTDOWN_RECEIVED) {
        weir_sctp_set_state(s, now, WEIR_SCTP_SHUTDOWN_RECEIVED, 0);
    }
    enum weir_sctp_verdict v = weir_sctp_rx_cum_ack(s, now, cum);
    weir_sctp_shutdown_step(s, now);
    return v == WEIR_SCTP_SACK_OLD ? WEIR_SCTP_OK : v;
}

enum weir_sctp_verdict weir_sctp_rx_shutdown_ack(struct weir_sctp *s, weir_time now)
{
    if (s->state != WEIR_SCTP_SHUTDOWN_SENT && s->state != WEIR_SCTP_SHUTDOWN_ACK_SENT) {
        return WEIR_SCTP_UNEXPECTED;
    }
    weir_sctp_end(s, now, WEIR_SCTP_REASON_SHUTDOWN, 0);
    s->owed = OWES_SHUTDOWN_COMPLETE;
    return WEIR_SCTP_OK;
}

enum weir_sctp_verdict weir_sctp_rx_shutdown_complete(struct weir_sctp *s, weir_time now)
{
    if (s->state != WEIR_SCTP_SHUTDOWN_ACK_SENT) {
        return WEIR_SCTP_UNEXPECTED; /* [RFC 9260 8.5.1 C MUST] */
    }
    weir_sctp_end(s, now, WEIR_SCTP_REASON_SHUTDOWN, 0);
    return WEIR_SCTP_OK;
}

void weir_sctp_t2_expired(struct weir_sctp *s, weir_time now)
{
    s->t2_at = WEIR_NEVER;
    if (weir_sctp_count_error(s, now)) {
        return;
    }
    s->owed |= s->state == WEIR_SCTP_SHUTDOWN_SENT ? OWES_SHUTDOWN : OWES_SHUTDOWN_ACK;
    t2_start(s, now);
}

/* -- Errors ----------------------------------------------------------------------------------- */

enum weir_sctp_verdict weir_sctp_rx_error(struct weir_sctp *s, weir_time now,
                                          const struct chunk *c)
{
    struct weir_rd r = weir_rd_of(c->value);
    struct param cause;
    while (r.n != 0) {
        if (!weir_sctp_param_next(&r, &cause)) {
            return WEIR_SCTP_PARAM_LENGTH;
        }
        if (cause.type == CAUSE_STALE_COOKIE) {
            weir_sctp_rx_stale_cookie(s, now);
        }
    }
    return WEIR_SCTP_OK;
}

/* -- Heartbeats ------------------------------------------------------------------------------- */

enum weir_sctp_verdict weir_sctp_rx_heartbeat(struct weir_sctp *s, const struct chunk *c)
{
    struct weir_rd r = weir_rd_of(c->value);
    struct param info;
    if (s->state < WEIR_SCTP_COOKIE_ECHOED || s->state == WEIR_SCTP_OVER) {
        return WEIR_SCTP_UNEXPECTED;
    }
    if (!weir_sctp_param_next(&r, &info) || info.type != PARAM_HEARTBEAT ||
        c->value.n > WEIR_SCTP_HEARTBEAT_MAX || !weir_sctp_keep(s, &s->heartbeat, c->value)) {
        return WEIR_SCTP_HEARTBEAT_INFO;
    }
    s->owed |= OWES_HEARTBEAT_ACK;
    return WEIR_SCTP_OK;
}

enum weir_sctp_verdict weir_sctp_rx_heartbeat_ack(struct weir_sctp *s, weir_time now,
                                                  const struct chunk *c)
{
    struct weir_rd r = weir_rd_of(c->value);
    struct param info;
    if (!s->is_heartbeat_out || !weir_sctp_param_next(&r, &info) || info.type != PARAM_HEARTBEAT ||
        info.value.n != 8 || weir_be64(info.value.p) != s->heartbeat_nonce) {
        return WEIR_SCTP_HEARTBEAT_FOREIGN;
    }
    s->is_heartbeat_out = false;
    s->error_count = 0; /* [RFC 9260 8.3 MUST] */
    weir_sctp_rtt_note(s, weir_time_since(now, s->heartbeat_sent_at));
    return WEIR_SCTP_OK;
}

void weir_sctp_heartbeat_expired(struct weir_sctp *s, weir_time now)
{
    weir_duration interval = s->config.heartbeat_interval;
    if (s->is_heartbeat_out) {
        s->is_heartbeat_out = false;
        if (weir_sctp_count_error(s, now)) {
            return;
        }
    }
    /* [RFC 9260 8.3] Only an idle association needs one. */
    weir_time quiet_at = weir_time_add(s->data_sent_at, interval);
    if (s->out_head != WEIR_NO_CELL || quiet_at > now) {
        s->heartbeat_at = on_grid(weir_time_add(s->out_head != WEIR_NO_CELL ? now : s->data_sent_at,
                                                interval));
        return;
    }
    s->heartbeat_nonce = weir_rand_u64(&s->rand);
    s->owed |= OWES_HEARTBEAT;
    s->heartbeat_at = on_grid(weir_time_add(now, interval + s->rto));
}

/* -- Out of the blue -------------------------------------------------------------------------- */

enum { STRAY_ABORT, STRAY_COMPLETE, STRAY_SILENCE };

/* [RFC 9260 8.4] What the chunks of a stray packet ask for; rules 2 and 5 to 8. */
static int stray_answer(struct weir_span packet)
{
    int answer = STRAY_ABORT;
    struct weir_rd r = weir_rd_of(packet);
    struct chunk c;
    bool has_header = weir_rd_skip(&r, COMMON_HEADER_BYTES);
    while (has_header && r.n != 0 && weir_sctp_chunk_next(&r, &c)) {
        if (c.type == CHUNK_ABORT) {
            return STRAY_SILENCE; /* [RFC 9260 8.4 rule 2 MUST] */
        }
        if (answer == STRAY_ABORT && c.type == CHUNK_SHUTDOWN_ACK) {
            answer = STRAY_COMPLETE;
        } else if (answer == STRAY_ABORT &&
                   (c.type == CHUNK_SHUTDOWN_COMPLETE || c.type == CHUNK_COOKIE_ACK ||
                    (c.type == CHUNK_ERROR && first_cause(c.value) == CAUSE_STALE_COOKIE))) {
            answer = STRAY_SILENCE;
        }
    }
    return answer;
}

void weir_sctp_out_of_the_blue(struct weir_sctp *s, struct weir_span packet)
{
    int answer = stray_answer(packet);
    if (answer == STRAY_SILENCE || (s->owed & OWES_ABORT) != 0) {
        return;
    }
    s->answer_tag = weir_be32(packet.p + 4);
    s->owed |= answer == STRAY_ABORT ? OWES_REFLECTED_ABORT : OWES_REFLECTED_COMPLETE;
}
