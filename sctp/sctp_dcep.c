/* The data channel establishment protocol [RFC 8832]: OPEN and ACK, to and from bytes.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |    type 3     | channel type  |           priority            |  0
 * +---------------+---------------+-------------------------------+
 * |                     reliability parameter                     |  4
 * +-------------------------------+-------------------------------+
 * |         label length          |        protocol length        |  8
 * +-------------------------------+-------------------------------+
 * \                     label, then protocol                      \ 12
 *
 * An OPEN that cannot be taken is answered by resetting our direction of its stream
 * [RFC 8832 6 MUST]; the peer then resets the other.
 */
#include "sctp/sctp_int.h"

enum { TYPE_UNORDERED = 0x80 };

struct open {
    uint8_t type;
    uint16_t priority;
    uint32_t reliability;
    struct weir_span label, protocol;
};

void weir_sctp_dcep_open_write(struct weir_wr *w, const struct weir_sctp_channel *ch,
                               struct weir_span label, struct weir_span protocol)
{
    weir_wr_u8(w, DCEP_OPEN);
    /* The channel types are numbered as enum weir_sctp_reliability is. */
    weir_wr_u8(w, (uint8_t)(ch->reliability | (ch->is_unordered ? TYPE_UNORDERED : 0)));
    weir_wr_u16(w, ch->priority);
    weir_wr_u32(w, ch->reliability == WEIR_SCTP_RELIABLE ? 0 : ch->reliability_value);
    weir_wr_u16(w, (uint16_t)label.n);
    weir_wr_u16(w, (uint16_t)protocol.n);
    weir_wr_bytes(w, label);
    weir_wr_bytes(w, protocol);
}

/* What follows the message type. */
static bool open_parse(struct weir_rd *r, struct open *open)
{
    uint16_t label_bytes, protocol_bytes;
    return weir_rd_u8(r, &open->type) && weir_rd_u16(r, &open->priority) &&
           weir_rd_u32(r, &open->reliability) && weir_rd_u16(r, &label_bytes) &&
           weir_rd_u16(r, &protocol_bytes) && weir_rd_take(r, label_bytes, &open->label) &&
           weir_rd_take(r, protocol_bytes, &open->protocol) && r->n == 0 &&
           (open->type & ~TYPE_UNORDERED) <= WEIR_SCTP_LIFETIME;
}

static enum weir_sctp_verdict refuse(struct weir_sctp *s, uint16_t slot, enum weir_sctp_verdict v)
{
    weir_sctp_reset_want(s, slot);
    return v;
}

/* [RFC 8832 6] The stream must be unused and of the peer's parity. */
static enum weir_sctp_verdict rx_open(struct weir_sctp *s, uint16_t slot, struct weir_rd *r)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    struct open open;
    bool awaits_stream = false;
    if (st->channel != WEIR_SCTP_NO_CHANNEL &&
        !weir_sctp_channel_give_way(s, st->channel, &awaits_stream)) {
        weir_sctp_channel_end(s, st->channel);
        return WEIR_SCTP_DCEP_IN_USE;
    }
    awaits_stream = awaits_stream || weir_sctp_reset_overtaken(s, slot);
    if (!open_parse(r, &open)) {
        return refuse(s, slot, WEIR_SCTP_DCEP_MALFORMED);
    }
    if (s->is_dtls_role_known && (st->id & 1) != (s->is_dtls_client ? 1 : 0)) {
        return refuse(s, slot, WEIR_SCTP_DCEP_PARITY);
    }
    uint16_t channel = st->tx_reset == RESET_NONE || awaits_stream
                           ? weir_sctp_channel_make(s, open.label, open.protocol)
                           : WEIR_SCTP_NO_CHANNEL;
    if (channel == WEIR_SCTP_NO_CHANNEL) {
        return refuse(s, slot, WEIR_SCTP_DCEP_FULL);
    }
    struct weir_sctp_channel *ch = &s->channel[channel];
    weir_sctp_channel_attach(s, channel, slot);
    ch->is_remote = true;
    ch->is_unordered = (open.type & TYPE_UNORDERED) != 0;
    ch->reliability = (uint8_t)(open.type & ~TYPE_UNORDERED);
    ch->reliability_value = ch->reliability == WEIR_SCTP_RELIABLE ? 0 : open.reliability;
    ch->priority = open.priority;
    ch->awaits_stream = awaits_stream;
    ch->owes_ack = true;
    s->channels_owe_wire = true;
    weir_sctp_channel_opened(s, channel);
    return WEIR_SCTP_OK;
}

static enum weir_sctp_verdict rx_ack(struct weir_sctp *s, uint16_t slot)
{
    uint16_t channel = s->stream[slot].channel;
    if (channel == WEIR_SCTP_NO_CHANNEL || s->channel[channel].is_remote ||
        s->channel[channel].is_negotiated || s->channel[channel].is_given_up) {
        return WEIR_SCTP_DCEP_IN_USE;
    }
    /* It may be closing by now, or a message may have come first. */
    if (s->channel[channel].state == WEIR_SCTP_CHANNEL_CONNECTING) {
        weir_sctp_channel_opened(s, channel);
    }
    return WEIR_SCTP_OK;
}

enum weir_sctp_verdict weir_sctp_dcep_message(struct weir_sctp *s, uint32_t head)
{
    uint8_t bytes[DCEP_OPEN_BYTES + 2 * WEIR_SCTP_NAME_MAX];
    const struct segment *g = segment_at(s, head);
    struct weir_mspan room = { bytes, sizeof bytes };
    struct weir_wr w = weir_wr_of(room);
    struct weir_span piece;
    for (uint32_t at = head; weir_rope_next(s->pool, &at, &piece);) {
        weir_wr_bytes(&w, piece);
    }
    struct weir_rd r = weir_rd_of(weir_span_of(bytes, weir_wr_done(&w)));
    uint8_t type;
    if (!weir_rd_u8(&r, &type)) {
        return refuse(s, g->slot, WEIR_SCTP_DCEP_FULL); /* longer than the longest we keep */
    }
    if (type == DCEP_OPEN) {
        return rx_open(s, g->slot, &r);
    }
    if (type == DCEP_ACK) {
        return rx_ack(s, g->slot);
    }
    return WEIR_SCTP_DCEP_MALFORMED;
}
