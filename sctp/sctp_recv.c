/* One packet in [RFC 9260 3, 8.5].
 *
 *   offset 0  source port       destination port
 *          4  verification tag
 *          8  CRC32c over the packet with this field zero
 *         12  chunks
 *
 * 1. Ports, checksum, and the lengths of all chunks are checked before any chunk is looked into.
 * 2. The verification tag must be ours; INIT, COOKIE ECHO, ABORT, SHUTDOWN COMPLETE and SHUTDOWN
 *    ACK have rules of their own.
 * 3. Each chunk goes to its handler; what the packet as a whole asks for (an acknowledgement, a
 *    SHUTDOWN again) is decided after the last.
 */
#include "sctp/sctp_int.h"

static enum weir_sctp_verdict check_frame(const struct weir_sctp *s, struct weir_span packet)
{
    if (packet.n < COMMON_HEADER_BYTES + CHUNK_HEADER_BYTES) {
        return WEIR_SCTP_SHORT;
    }
    if (weir_be16(packet.p) != s->config.remote_port ||
        weir_be16(packet.p + 2) != s->config.local_port) {
        return WEIR_SCTP_PORTS;
    }
    /* [RFC 9653 OMITTED] A zero checksum is for those who negotiated it, and we do not. */
    if (weir_be32(packet.p + 8) != weir_sctp_packet_crc(s->config.crypto, packet)) {
        return WEIR_SCTP_CHECKSUM;
    }
    struct weir_rd r = weir_rd_of(weir_span_of(packet.p + COMMON_HEADER_BYTES,
                                               packet.n - COMMON_HEADER_BYTES));
    struct chunk c;
    while (r.n != 0) {
        bool is_first = r.n == packet.n - COMMON_HEADER_BYTES;
        if (!weir_sctp_chunk_next(&r, &c)) {
            return WEIR_SCTP_CHUNK_LENGTH;
        }
        /* [RFC 9260 6.10 MUST] INIT, INIT ACK and SHUTDOWN COMPLETE stand alone. */
        if ((c.type == CHUNK_INIT || c.type == CHUNK_INIT_ACK ||
             c.type == CHUNK_SHUTDOWN_COMPLETE) &&
            (!is_first || r.n != 0)) {
            return WEIR_SCTP_INIT_BUNDLED;
        }
        if (c.type == CHUNK_INIT && weir_be32(packet.p + 4) != 0) {
            return WEIR_SCTP_INIT_BUNDLED;
        }
    }
    return WEIR_SCTP_OK;
}

static bool has_association(const struct weir_sctp *s)
{
    return s->state != WEIR_SCTP_CLOSED && s->state != WEIR_SCTP_OVER;
}

/* [RFC 9260 8.5.1] The tag rules; `first` is the packet's first chunk. */
static enum weir_sctp_verdict check_tag(const struct weir_sctp *s, const struct chunk *first,
                                        uint32_t tag)
{
    bool is_remote_known = s->state >= WEIR_SCTP_COOKIE_ECHOED;
    if (first->type == CHUNK_INIT || first->type == CHUNK_COOKIE_ECHO) {
        return WEIR_SCTP_OK; /* rules A and D: the handlers look */
    }
    if (!has_association(s)) {
        return WEIR_SCTP_OUT_OF_THE_BLUE;
    }
    if ((first->type == CHUNK_ABORT || first->type == CHUNK_SHUTDOWN_COMPLETE) &&
        (first->flags & FLAG_REFLECTED) != 0) {
        return is_remote_known && tag == s->remote_tag ? WEIR_SCTP_OK : WEIR_SCTP_TAG;
    }
    if (first->type == CHUNK_SHUTDOWN_ACK && s->state <= WEIR_SCTP_COOKIE_ECHOED) {
        return WEIR_SCTP_OUT_OF_THE_BLUE; /* rule E */
    }
    return tag == s->local_tag ? WEIR_SCTP_OK : WEIR_SCTP_TAG;
}

/* [RFC 9260 3.2] The two high bits of an unknown type: report it, go on. */
static enum weir_sctp_verdict rx_unknown(struct weir_sctp *s, const struct chunk *c, bool *go_on)
{
    if ((c->type & 0x40) != 0) {
        /* What does not fit the report is cut: the type is what matters. */
        struct weir_span whole = c->whole;
        whole.n = whole.n > 64 ? 64 : whole.n;
        weir_sctp_report(s, CAUSE_CHUNK_UNKNOWN, whole);
    }
    *go_on = (c->type & 0x80) != 0;
    return WEIR_SCTP_CHUNK_UNKNOWN;
}

static enum weir_sctp_verdict rx_chunk(struct weir_sctp *s, weir_time now, const struct chunk *c,
                                       uint32_t tag, bool *go_on)
{
    switch (c->type) {
    case CHUNK_DATA:
        return weir_sctp_rx_data(s, now, c);
    case CHUNK_INIT:
        return weir_sctp_rx_init(s, now, c);
    case CHUNK_INIT_ACK:
        return weir_sctp_rx_init_ack(s, now, c);
    case CHUNK_SACK:
        return weir_sctp_rx_sack(s, now, c);
    case CHUNK_HEARTBEAT:
        return weir_sctp_rx_heartbeat(s, c);
    case CHUNK_HEARTBEAT_ACK:
        return weir_sctp_rx_heartbeat_ack(s, now, c);
    case CHUNK_ABORT:
        return weir_sctp_rx_abort(s, now, c);
    case CHUNK_SHUTDOWN:
        return weir_sctp_rx_shutdown(s, now, c);
    case CHUNK_SHUTDOWN_ACK:
        return weir_sctp_rx_shutdown_ack(s, now);
    case CHUNK_ERROR:
        return weir_sctp_rx_error(s, now, c);
    case CHUNK_COOKIE_ECHO: {
        enum weir_sctp_verdict v = weir_sctp_rx_cookie_echo(s, now, c, tag);
        *go_on = v == WEIR_SCTP_OK; /* what comes with a refused cookie has no association */
        return v;
    }
    case CHUNK_COOKIE_ACK:
        return weir_sctp_rx_cookie_ack(s, now);
    case CHUNK_SHUTDOWN_COMPLETE:
        return weir_sctp_rx_shutdown_complete(s, now);
    case CHUNK_RE_CONFIG:
        return weir_sctp_rx_reconfig(s, now, c);
    case CHUNK_FORWARD_TSN:
        return weir_sctp_rx_forward_tsn(s, now, c);
    default:
        return rx_unknown(s, c, go_on);
    }
}

/* What the packet as a whole asks for. */
static void packet_done(struct weir_sctp *s, weir_time now)
{
    if (!s->had_data || !has_association(s)) {
        return;
    }
    s->packets_unacked++;
    weir_sctp_note_arrival(s, now);
    /* [RFC 9260 6.2 SHOULD, 6.7 SHOULD] Every second packet, and every one while there are gaps. */
    if (s->range_count != 0 || s->packets_unacked >= 2) {
        s->ack = ACK_NOW;
        weir_sctp_ack_point(s);
    } else if (s->ack == ACK_NONE) {
        s->ack = ACK_DELAYED;
        s->sack_at = weir_time_add(now, s->config.sack_delay);
    }
    /* [RFC 9260 9.2 MUST] */
    if (s->state == WEIR_SCTP_SHUTDOWN_SENT) {
        s->owed |= OWES_SHUTDOWN;
        s->t2_at = weir_time_add(now, s->rto);
        s->error_count = 0;
    }
}

static enum weir_sctp_verdict rx_packet(struct weir_sctp *s, weir_time now, struct weir_span packet)
{
    struct weir_rd r = weir_rd_of(weir_span_of(packet.p + COMMON_HEADER_BYTES,
                                               packet.n - COMMON_HEADER_BYTES));
    uint32_t tag = weir_be32(packet.p + 4);
    enum weir_sctp_verdict first = WEIR_SCTP_OK;
    bool go_on = true;
    struct chunk c;
    bool is_first = true;
    for (; go_on && r.n != 0 && weir_sctp_chunk_next(&r, &c); is_first = false) {
        enum weir_sctp_verdict v = is_first ? check_tag(s, &c, tag) : WEIR_SCTP_OK;
        if (v != WEIR_SCTP_OK) {
            if (v == WEIR_SCTP_OUT_OF_THE_BLUE) {
                weir_sctp_out_of_the_blue(s, packet);
            }
            return weir_sctp_note(s, now, v, packet);
        }
        if (!is_first && c.type == CHUNK_COOKIE_ECHO) {
            v = WEIR_SCTP_UNEXPECTED; /* [RFC 9260 3.2.2 MUST] it comes first, or not at all */
        } else {
            v = rx_chunk(s, now, &c, tag, &go_on);
        }
        if (v != WEIR_SCTP_OK) {
            (void)weir_sctp_note(s, now, v, c.whole);
        }
        first = first == WEIR_SCTP_OK ? v : first;
        go_on = go_on && s->state != WEIR_SCTP_OVER;
    }
    return first;
}

enum weir_sctp_verdict weir_sctp_recv(struct weir_sctp *s, weir_time now, struct weir_span packet)
{
    weir_sctp_hear(s, now);
    s->counters.rx_packets++;
    s->counters.rx_bytes += packet.n;
    s->had_data = false;
    enum weir_sctp_verdict v = check_frame(s, packet);
    if (v != WEIR_SCTP_OK) {
        return weir_sctp_note(s, now, v, packet);
    }
    v = rx_packet(s, now, packet);
    packet_done(s, now);
    return v;
}
