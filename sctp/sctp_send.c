/* One packet out, made from what is owed at this moment.
 *
 * Order: (1) a packet that ends or refuses something stands alone; (2) INIT ACK, INIT; (3) COOKIE
 * ECHO with data behind it; (4) everything else of an association in one packet: COOKIE ACK, SACK,
 * HEARTBEAT ACK, HEARTBEAT, ERROR, RE-CONFIG, FORWARD-TSN, SHUTDOWN, SHUTDOWN ACK, then DATA, first
 * what is to be sent again [RFC 9260 6.10 MUST: control before DATA].
 *
 * A chunk that does not fit stays owed and goes with the next packet.
 */
#include "sctp/sctp_int.h"

static void packet_begin(struct weir_wr *w, const struct weir_sctp *s, uint32_t tag)
{
    weir_wr_u16(w, s->config.local_port);
    weir_wr_u16(w, s->config.remote_port);
    weir_wr_u32(w, tag);
    weir_wr_u32(w, 0);
}

static size_t packet_end(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    size_t n = weir_wr_done(w);
    if (n == 0) {
        return 0;
    }
    weir_put32(w->base + 8, weir_sctp_packet_crc(s->config.crypto, weir_span_of(w->base, n)));
    s->counters.tx_packets++;
    s->counters.tx_bytes += n;
    weir_trace(s->config.trace, now, WEIR_TRACE_SCTP, WEIR_TRACE_TX, s->config.conn, (uint32_t)n,
               n > COMMON_HEADER_BYTES ? weir_be32(w->base + COMMON_HEADER_BYTES) : 0, 0);
    return n;
}

static void empty_chunk(struct weir_wr *w, uint8_t type, uint8_t flags)
{
    weir_sctp_chunk_close(w, weir_sctp_chunk_open(w, type, flags));
}

static size_t room_left(const struct weir_wr *w)
{
    return w->cap - w->len;
}

static bool take_owed(struct weir_sctp *s, uint32_t bit)
{
    bool is_owed = (s->owed & bit) != 0;
    s->owed &= ~bit;
    return is_owed;
}

static void error_causes_write(struct weir_sctp *s, struct weir_wr *w, uint8_t type)
{
    struct weir_mark m = weir_sctp_chunk_open(w, type, 0);
    weir_wr_bytes(w, weir_span_of(s->report, s->report_bytes));
    weir_sctp_chunk_close(w, m);
    s->report_bytes = 0;
    s->owed &= ~(uint32_t)OWES_ERROR;
}

static void kept_write(const struct weir_sctp *s, uint32_t run, struct weir_wr *w)
{
    struct weir_span part;
    while (weir_rope_next(s->pool, &run, &part)) {
        weir_wr_bytes(w, part);
    }
}

/* -- Packets that stand alone ----------------------------------------------------------------- */

static size_t send_alone(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    if (take_owed(s, OWES_ABORT)) {
        /* [RFC 9260 6.10 MUST] No DATA goes with it. */
        packet_begin(w, s, s->remote_tag);
        error_causes_write(s, w, CHUNK_ABORT);
    } else if (take_owed(s, OWES_SHUTDOWN_COMPLETE)) {
        packet_begin(w, s, s->remote_tag);
        empty_chunk(w, CHUNK_SHUTDOWN_COMPLETE, 0);
    } else if (take_owed(s, OWES_REFLECTED_ABORT)) {
        packet_begin(w, s, s->answer_tag);
        empty_chunk(w, CHUNK_ABORT, FLAG_REFLECTED);
    } else if (take_owed(s, OWES_REFLECTED_COMPLETE)) {
        packet_begin(w, s, s->answer_tag);
        empty_chunk(w, CHUNK_SHUTDOWN_COMPLETE, FLAG_REFLECTED);
    } else if (take_owed(s, OWES_REFUSAL)) {
        packet_begin(w, s, s->answer_tag);
        empty_chunk(w, CHUNK_ABORT, 0);
    } else if (s->state == WEIR_SCTP_CLOSED && (s->owed & OWES_ERROR) != 0) {
        packet_begin(w, s, s->answer_tag); /* a stale cookie, to whom it had been given */
        error_causes_write(s, w, CHUNK_ERROR);
    } else {
        return 0;
    }
    return packet_end(s, now, w);
}

static size_t send_init_ack(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    uint8_t sealed[COOKIE_BYTES];
    struct cookie k = { 0 };
    /* [RFC 9260 5.2.2 MUST] Tie tags only where an association is known to both. */
    bool has_ties = s->state != WEIR_SCTP_CLOSED && s->state != WEIR_SCTP_COOKIE_WAIT;
    s->owed &= ~(uint32_t)OWES_INIT_ACK;
    k.made_at = now;
    k.local_tag = s->init_tag;
    k.local_tsn = s->init_tsn;
    k.tie_local = has_ties ? s->tie_local : 0;
    k.tie_remote = has_ties ? s->tie_remote : 0;
    k.remote = s->init_answer;
    weir_sctp_cookie_seal(s, &k, sealed);
    packet_begin(w, s, s->init_answer.tag);
    weir_sctp_init_value_write(w, s, true, weir_span_of(sealed, sizeof sealed));
    return packet_end(s, now, w);
}

static size_t send_init(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    s->owed &= ~(uint32_t)OWES_INIT;
    packet_begin(w, s, 0); /* [RFC 9260 8.5.1 A MUST] */
    weir_sctp_init_value_write(w, s, false, weir_span_of(NULL, 0));
    return packet_end(s, now, w);
}

static size_t send_cookie_echo(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    s->owed &= ~(uint32_t)OWES_COOKIE_ECHO;
    packet_begin(w, s, s->remote_tag);
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_COOKIE_ECHO, 0);
    kept_write(s, s->cookie, w);
    weir_sctp_chunk_close(w, m);
    if ((s->owed & OWES_ERROR) != 0 && s->report_bytes + 4u <= room_left(w)) {
        error_causes_write(s, w, CHUNK_ERROR);
    }
    /* [RFC 9260 5.1 C] Data may go along, and saves a round trip. */
    weir_sctp_fill_data(s, now, w);
    return packet_end(s, now, w);
}

/* -- The association's own packet ------------------------------------------------------------- */

static void heartbeat_write(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_HEARTBEAT, 0);
    weir_wr_u16(w, PARAM_HEARTBEAT);
    weir_wr_u16(w, PARAM_HEADER_BYTES + 8);
    weir_wr_u64(w, s->heartbeat_nonce);
    weir_sctp_chunk_close(w, m);
    s->is_heartbeat_out = true;
    s->heartbeat_sent_at = now;
}

static void heartbeat_ack_write(struct weir_sctp *s, struct weir_wr *w)
{
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_HEARTBEAT_ACK, 0);
    kept_write(s, s->heartbeat, w);
    weir_sctp_chunk_close(w, m);
}

static void shutdown_write(struct weir_sctp *s, struct weir_wr *w)
{
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_SHUTDOWN, 0);
    weir_wr_u32(w, s->rx_cum);
    weir_sctp_chunk_close(w, m);
}

/* A SACK that only waits for its delay goes along when DATA goes [RFC 9260 6.1 SHOULD]. */
static bool is_sack_due(struct weir_sctp *s, weir_time now)
{
    return s->ack == ACK_NOW || (s->ack == ACK_DELAYED && weir_sctp_has_data(s, now));
}

/* Control chunks, each only where it fits as a whole. */
static void control_write(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    if (take_owed(s, OWES_COOKIE_ACK)) {
        empty_chunk(w, CHUNK_COOKIE_ACK, 0);
    }
    if (is_sack_due(s, now)) {
        weir_sctp_sack_write(s, w, room_left(w));
    }
    if (WEIR_SCTP_HEARTBEAT_MAX + 4u <= room_left(w) && take_owed(s, OWES_HEARTBEAT_ACK)) {
        heartbeat_ack_write(s, w);
        weir_sctp_unkeep(s, &s->heartbeat);
    }
    if (room_left(w) >= 16 && take_owed(s, OWES_HEARTBEAT)) {
        heartbeat_write(s, now, w);
    }
    if ((s->owed & OWES_ERROR) != 0 && s->report_bytes + 4u <= room_left(w)) {
        error_causes_write(s, w, CHUNK_ERROR);
    }
    if ((s->owes_reset || s->reset_answers != 0) &&
        room_left(w) >= 4 + 2 * 12 + 4 + 16 + 2 * WEIR_SCTP_LISTED_MAX) {
        weir_sctp_reset_write(s, now, w);
    }
    if (s->owes_forward && room_left(w) >= 8 + 4 * WEIR_SCTP_LISTED_MAX) {
        weir_sctp_forward_write(s, now, w);
    }
    if (room_left(w) >= 8 && take_owed(s, OWES_SHUTDOWN)) {
        shutdown_write(s, w);
    }
    if (room_left(w) >= 4 && take_owed(s, OWES_SHUTDOWN_ACK)) {
        empty_chunk(w, CHUNK_SHUTDOWN_ACK, 0);
    }
}

static bool owes_control(const struct weir_sctp *s)
{
    uint32_t bits = OWES_COOKIE_ACK | OWES_HEARTBEAT | OWES_HEARTBEAT_ACK | OWES_ERROR |
                    OWES_SHUTDOWN | OWES_SHUTDOWN_ACK;
    return (s->owed & bits) != 0 || s->ack == ACK_NOW || s->owes_reset || s->reset_answers != 0 ||
           s->owes_forward;
}

static size_t send_established(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    weir_sctp_channels_wire(s, now);
    if (!owes_control(s) && !weir_sctp_has_data(s, now)) {
        return 0;
    }
    packet_begin(w, s, s->remote_tag);
    control_write(s, now, w);
    weir_sctp_fill_data(s, now, w);
    return w->len > COMMON_HEADER_BYTES ? packet_end(s, now, w) : 0;
}

size_t weir_sctp_send(struct weir_sctp *s, weir_time now, struct weir_mspan out)
{
    if (out.n < s->config.mtu) {
        return 0;
    }
    weir_sctp_hear(s, now);
    struct weir_mspan room = { out.p, s->config.mtu & ~(size_t)3 };
    struct weir_wr w = weir_wr_of(room);
    size_t n = send_alone(s, now, &w);
    if (n != 0) {
        return n;
    }
    if ((s->owed & OWES_INIT_ACK) != 0) {
        return send_init_ack(s, now, &w);
    }
    if ((s->owed & OWES_INIT) != 0) {
        return send_init(s, now, &w);
    }
    if ((s->owed & OWES_COOKIE_ECHO) != 0) {
        return send_cookie_echo(s, now, &w);
    }
    if (s->state >= WEIR_SCTP_ESTABLISHED && s->state <= WEIR_SCTP_SHUTDOWN_ACK_SENT) {
        return send_established(s, now, &w);
    }
    return 0;
}
