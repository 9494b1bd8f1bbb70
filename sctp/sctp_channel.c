/* Data channels over streams [RFC 8831]: opening, sending, closing, events.
 *
 *   WAITING --DTLS role known--> CONNECTING --ACK or a message--> OPEN
 *      |                         |   |                              |
 *      |       neither in time --+   +---- close, or peer resets ---+
 *      v                         v                  v
 *   CLOSED <------ both directions are reset ---- CLOSING
 *
 * A channel that the peer opened begins in OPEN; a negotiated one opens with the association. The
 * index is free again when its CLOSED event is taken, the stream when both directions were reset.
 */
#include "sctp/sctp_int.h"

/* -- Names ------------------------------------------------------------------------------------ */

/* Labels and protocols stand in one area without holes; freeing one moves those behind it. */
static bool names_store(struct weir_sctp *s, struct weir_sctp_channel *ch, struct weir_span label,
                        struct weir_span protocol)
{
    if (label.n > sizeof s->names - s->names_used ||
        protocol.n > sizeof s->names - s->names_used - label.n) {
        return false;
    }
    ch->names_at = s->names_used;
    ch->label_bytes = (uint16_t)label.n;
    ch->protocol_bytes = (uint16_t)protocol.n;
    weir_copy(s->names + ch->names_at, label.p, label.n);
    weir_copy(s->names + ch->names_at + label.n, protocol.p, protocol.n);
    s->names_used = (uint16_t)(s->names_used + label.n + protocol.n);
    return true;
}

static void names_free(struct weir_sctp *s, const struct weir_sctp_channel *ch)
{
    uint16_t at = ch->names_at;
    uint16_t n = (uint16_t)(ch->label_bytes + ch->protocol_bytes);
    memmove(s->names + at, s->names + at + n, (size_t)(s->names_used - at - n));
    s->names_used = (uint16_t)(s->names_used - n);
    for (unsigned i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        if (s->channel[i].state != WEIR_SCTP_CHANNEL_FREE && s->channel[i].names_at > at) {
            s->channel[i].names_at = (uint16_t)(s->channel[i].names_at - n);
        }
    }
}

static struct weir_span channel_label(const struct weir_sctp *s, const struct weir_sctp_channel *ch)
{
    return weir_span_of(s->names + ch->names_at, ch->label_bytes);
}

static struct weir_span channel_protocol(const struct weir_sctp *s,
                                         const struct weir_sctp_channel *ch)
{
    return weir_span_of(s->names + ch->names_at + ch->label_bytes, ch->protocol_bytes);
}

/* -- Events owed ------------------------------------------------------------------------------ */

/* Bits of weir_sctp.channel_owes, one for each channel: a message costs no walk over the channels. */
enum owed_event { OWED_OPEN, OWED_LOW, OWED_CLOSED, OWED_EVENTS };

_Static_assert(OWED_EVENTS == WEIR_SCTP_CHANNEL_EVENTS, "a row of bits for each kind of event");

static void owe_event(struct weir_sctp *s, uint16_t channel, enum owed_event kind, bool is_owed)
{
    uint64_t bit = UINT64_C(1) << (channel % 64);
    uint64_t *word = &s->channel_owes[kind][channel / 64];
    *word = is_owed ? *word | bit : *word & ~bit;
}

/* -- Making and freeing ----------------------------------------------------------------------- */

uint16_t weir_sctp_channel_make(struct weir_sctp *s, struct weir_span label,
                                struct weir_span protocol)
{
    for (uint16_t i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        struct weir_sctp_channel *ch = &s->channel[i];
        if (ch->state != WEIR_SCTP_CHANNEL_FREE) {
            continue;
        }
        memset(ch, 0, sizeof *ch);
        if (!names_store(s, ch, label, protocol)) {
            return WEIR_SCTP_NO_CHANNEL;
        }
        ch->state = WEIR_SCTP_CHANNEL_WAITING;
        ch->slot = WEIR_SCTP_NO_STREAM;
        ch->id = WEIR_SCTP_NO_STREAM;
        s->channel_count++;
        return i;
    }
    return WEIR_SCTP_NO_CHANNEL;
}

void weir_sctp_channel_attach(struct weir_sctp *s, uint16_t channel, uint16_t slot)
{
    s->channel[channel].slot = slot;
    s->channel[channel].id = s->stream[slot].id;
    s->stream[slot].channel = channel;
}

void weir_sctp_channel_detach(struct weir_sctp *s, uint16_t channel)
{
    uint16_t slot = s->channel[channel].slot;
    if (slot != WEIR_SCTP_NO_STREAM) {
        s->channel[channel].slot = WEIR_SCTP_NO_STREAM;
        s->stream[slot].channel = WEIR_SCTP_NO_CHANNEL;
        weir_sctp_stream_settle(s, slot);
    }
}

static void channel_free(struct weir_sctp *s, uint16_t channel)
{
    /* Only when the association is over can messages be left: they have no channel any more. */
    for (uint32_t i = s->unread_head; s->channel[channel].unread != 0 && i != WEIR_NO_CELL;
         i = segment_at(s, i)->next) {
        if (segment_at(s, i)->channel == channel) {
            segment_at(s, i)->channel = WEIR_SCTP_NO_CHANNEL;
            s->channel[channel].unread--;
        }
    }
    weir_sctp_channel_detach(s, channel);
    names_free(s, &s->channel[channel]);
    for (unsigned kind = 0; kind < OWED_EVENTS; kind++) {
        owe_event(s, channel, (enum owed_event)kind, false);
    }
    memset(&s->channel[channel], 0, sizeof s->channel[channel]);
    s->channel_count--;
}

static void channel_closed(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = &s->channel[channel];
    ch->state = WEIR_SCTP_CHANNEL_CLOSED;
    ch->owes_open = false;
    ch->owes_ack = false;
    owe_event(s, channel, OWED_LOW, false);
    /* The end is told after the last message is read. */
    owe_event(s, channel, OWED_CLOSED, ch->unread == 0);
}

void weir_sctp_channel_read(struct weir_sctp *s, uint16_t channel)
{
    const struct weir_sctp_channel *ch = &s->channel[channel];
    if (ch->unread == 0 && ch->state == WEIR_SCTP_CHANNEL_CLOSED) {
        owe_event(s, channel, OWED_CLOSED, true);
    }
}

void weir_sctp_channel_let_go(struct weir_sctp *s, uint16_t channel)
{
    if (s->channel[channel].state == WEIR_SCTP_CHANNEL_CLOSED) {
        weir_sctp_channel_detach(s, channel);
    }
}

bool weir_sctp_channel_give_way(struct weir_sctp *s, uint16_t channel, bool *awaits_stream)
{
    struct weir_sctp_channel *ch = &s->channel[channel];
    struct weir_sctp_stream *st = &s->stream[ch->slot];
    *awaits_stream = st->tx_reset == RESET_REQUESTED;
    if (ch->state == WEIR_SCTP_CHANNEL_CLOSING && ch->rx_reset_done && *awaits_stream) {
        /* The peer has reset its direction and performed our reset, or it would not use the stream
         * anew; the response is lost or on its way. For this channel nothing more is to come. */
        channel_closed(s, channel);
    }
    if (ch->state != WEIR_SCTP_CHANNEL_CLOSED) {
        return false;
    }
    ch->slot = WEIR_SCTP_NO_STREAM;
    st->channel = WEIR_SCTP_NO_CHANNEL;
    return true;
}

void weir_sctp_channel_opened(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = &s->channel[channel];
    ch->state = WEIR_SCTP_CHANNEL_OPEN;
    ch->is_peer_ready = true;
    owe_event(s, channel, OWED_OPEN, true);
}

/* -- Opening ---------------------------------------------------------------------------------- */

/* The time to wait for an answer runs while the association is up. */
static void await_answer(struct weir_sctp *s, weir_time now, struct weir_sctp_channel *ch)
{
    ch->open_by = s->config.channel_wait != 0 ? weir_time_add(now, s->config.channel_wait) : WEIR_NEVER;
    s->open_at = weir_time_min(s->open_at, ch->open_by);
}

static bool is_stream_fresh(const struct weir_sctp *s, uint16_t id)
{
    uint16_t slot = weir_sctp_stream_find(s, id);
    if (slot == WEIR_SCTP_NO_STREAM) {
        return true;
    }
    const struct weir_sctp_stream *st = &s->stream[slot];
    return st->channel == WEIR_SCTP_NO_CHANNEL && st->tx_ssn == 0 && st->rx_ssn == 0 &&
           st->tx_reset == RESET_NONE && st->queue_head == WEIR_NO_CELL && st->outstanding == 0 &&
           st->fragments == 0 && st->unread == 0 && !st->awaits_rx_reset;
}

static uint32_t streams_usable(const struct weir_sctp *s)
{
    uint32_t n = 65535;
    if (s->state >= WEIR_SCTP_COOKIE_ECHOED && s->state != WEIR_SCTP_OVER) {
        n = s->remote.in_streams < n ? s->remote.in_streams : n;
        n = s->remote.out_streams < n ? s->remote.out_streams : n;
    }
    return n;
}

/* [RFC 8832 6 MUST] Even for the DTLS client, odd for the server. At most STREAMS_MAX are in use,
 * so the search is short. */
static bool assign_stream(struct weir_sctp *s, weir_time now, uint16_t channel)
{
    uint32_t id = s->is_dtls_client ? 0 : 1;
    uint32_t usable = streams_usable(s);
    while (id < usable && !is_stream_fresh(s, (uint16_t)id)) {
        id += 2;
    }
    if (id >= usable) {
        return false;
    }
    uint16_t slot = weir_sctp_stream_get(s, (uint16_t)id);
    if (slot == WEIR_SCTP_NO_STREAM) {
        return false;
    }
    weir_sctp_channel_attach(s, channel, slot);
    s->channel[channel].state = WEIR_SCTP_CHANNEL_CONNECTING;
    s->channel[channel].owes_open = true;
    s->channels_owe_wire = true;
    if (s->state == WEIR_SCTP_ESTABLISHED) {
        await_answer(s, now, &s->channel[channel]);
    }
    return true;
}

void weir_sctp_set_dtls_role(struct weir_sctp *s, weir_time now, bool is_client)
{
    s->is_dtls_role_known = true;
    s->is_dtls_client = s->is_carrier_client = is_client;
    for (uint16_t i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        if (s->channel[i].state == WEIR_SCTP_CHANNEL_WAITING && !assign_stream(s, now, i)) {
            channel_closed(s, i);
        }
    }
}

static bool is_ending(const struct weir_sctp *s)
{
    return s->state > WEIR_SCTP_ESTABLISHED;
}

static enum weir_status open_negotiated(struct weir_sctp *s, uint16_t channel, uint16_t id)
{
    uint16_t slot = is_stream_fresh(s, id) ? weir_sctp_stream_get(s, id) : WEIR_SCTP_NO_STREAM;
    if (slot == WEIR_SCTP_NO_STREAM) {
        return WEIR_ERR_STATE;
    }
    weir_sctp_channel_attach(s, channel, slot);
    s->channel[channel].is_peer_ready = true;
    s->channel[channel].state = WEIR_SCTP_CHANNEL_CONNECTING;
    if (s->state == WEIR_SCTP_ESTABLISHED) {
        weir_sctp_channel_opened(s, channel);
    }
    return WEIR_OK;
}

enum weir_status weir_sctp_channel_open(struct weir_sctp *s, weir_time now,
                                        const struct weir_sctp_channel_config *config,
                                        uint16_t *channel)
{
    if (is_ending(s) || !s->config.has_channels) {
        return WEIR_ERR_STATE;
    }
    if (config->label.n > WEIR_SCTP_NAME_MAX || config->protocol.n > WEIR_SCTP_NAME_MAX ||
        (config->is_negotiated && config->id == WEIR_SCTP_NO_STREAM)) {
        return WEIR_ERR_ARG;
    }
    uint16_t i = weir_sctp_channel_make(s, config->label, config->protocol);
    if (i == WEIR_SCTP_NO_CHANNEL) {
        return WEIR_ERR_FULL;
    }
    struct weir_sctp_channel *ch = &s->channel[i];
    ch->is_unordered = config->is_unordered;
    ch->is_negotiated = config->is_negotiated;
    ch->reliability = (uint8_t)config->reliability;
    ch->reliability_value = config->reliability_value;
    ch->priority = config->priority;
    enum weir_status status = WEIR_OK;
    if (config->is_negotiated) {
        status = open_negotiated(s, i, config->id);
    } else if (s->is_dtls_role_known && !assign_stream(s, now, i)) {
        status = WEIR_ERR_FULL;
    }
    if (status != WEIR_OK) {
        channel_free(s, i);
        return status;
    }
    *channel = i;
    return WEIR_OK;
}

void weir_sctp_channels_connected(struct weir_sctp *s, weir_time now)
{
    for (uint16_t i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        struct weir_sctp_channel *ch = &s->channel[i];
        if (ch->state == WEIR_SCTP_CHANNEL_CONNECTING && ch->is_negotiated) {
            weir_sctp_channel_opened(s, i);
        } else if (ch->state == WEIR_SCTP_CHANNEL_CONNECTING) {
            await_answer(s, now, ch);
        }
    }
}

/* -- Control messages out --------------------------------------------------------------------- */

static bool control_queue(struct weir_sctp *s, weir_time now, const struct weir_sctp_channel *ch,
                          struct weir_span message)
{
    /* [RFC 8832 6 MUST] Ordered and reliable. */
    struct weir_sctp_send_opts opts = { 0 };
    opts.ppid = WEIR_SCTP_PPID_DCEP;
    return weir_sctp_queue(s, now, ch->slot, message, &opts, true) == WEIR_OK;
}

static bool open_queue(struct weir_sctp *s, weir_time now, const struct weir_sctp_channel *ch)
{
    uint8_t bytes[DCEP_OPEN_BYTES + 2 * WEIR_SCTP_NAME_MAX];
    struct weir_mspan room = { bytes, sizeof bytes };
    struct weir_wr w = weir_wr_of(room);
    weir_sctp_dcep_open_write(&w, ch, channel_label(s, ch), channel_protocol(s, ch));
    return control_queue(s, now, ch, weir_span_of(bytes, weir_wr_done(&w)));
}

/* Write what the channel owes the peer; false while there is no room for it. */
static bool channel_wire(struct weir_sctp *s, weir_time now, struct weir_sctp_channel *ch)
{
    static const uint8_t ack[1] = { DCEP_ACK };
    if (ch->awaits_stream) {
        return false; /* what we sent now, the peer would count by the old numbers */
    }
    if (ch->owes_ack) {
        ch->owes_ack = !control_queue(s, now, ch, weir_span_of(ack, sizeof ack));
    }
    if (ch->owes_open) {
        ch->owes_open = !open_queue(s, now, ch);
    }
    return !ch->owes_ack && !ch->owes_open;
}

void weir_sctp_channels_wire(struct weir_sctp *s, weir_time now)
{
    if (!s->channels_owe_wire) {
        return;
    }
    bool is_done = true;
    for (unsigned i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        is_done = channel_wire(s, now, &s->channel[i]) && is_done;
    }
    s->channels_owe_wire = !is_done;
}

/* -- Sending ---------------------------------------------------------------------------------- */

static struct weir_sctp_channel *channel_at(struct weir_sctp *s, uint16_t channel)
{
    if (channel >= WEIR_SCTP_CHANNELS_MAX || s->channel[channel].state == WEIR_SCTP_CHANNEL_FREE) {
        return NULL;
    }
    return &s->channel[channel];
}

static struct weir_sctp_send_opts channel_opts(const struct weir_sctp_channel *ch, bool is_text,
                                               bool is_empty)
{
    struct weir_sctp_send_opts opts = { 0 };
    opts.ppid = is_text ? (is_empty ? WEIR_SCTP_PPID_STRING_EMPTY : WEIR_SCTP_PPID_STRING)
                        : (is_empty ? WEIR_SCTP_PPID_BINARY_EMPTY : WEIR_SCTP_PPID_BINARY);
    /* [RFC 8832 6 MUST] Ordered until something has come on the channel. */
    opts.is_unordered = ch->is_unordered && ch->is_peer_ready;
    opts.has_lifetime = ch->reliability == WEIR_SCTP_LIFETIME;
    opts.lifetime = ch->reliability_value * WEIR_MS;
    opts.has_retransmits = ch->reliability == WEIR_SCTP_RETRANSMITS;
    opts.retransmits = (uint16_t)(ch->reliability_value > UINT16_MAX ? UINT16_MAX
                                                                     : ch->reliability_value);
    return opts;
}

enum weir_status weir_sctp_channel_send(struct weir_sctp *s, weir_time now, uint16_t channel,
                                        struct weir_span msg, bool is_text)
{
    static const uint8_t nothing[1] = { 0 };
    struct weir_sctp_channel *ch = channel_at(s, channel);
    if (ch == NULL) {
        return WEIR_ERR_ARG;
    }
    if (is_ending(s) || (ch->state != WEIR_SCTP_CHANNEL_CONNECTING &&
                         ch->state != WEIR_SCTP_CHANNEL_OPEN)) {
        return WEIR_ERR_STATE;
    }
    if (!channel_wire(s, now, ch)) {
        weir_sctp_refuse_write(s);
        return WEIR_ERR_FULL;
    }
    struct weir_sctp_send_opts opts = channel_opts(ch, is_text, msg.n == 0);
    /* [RFC 8831 6.6 MUST] An empty message is one zero byte under a kind of its own. */
    struct weir_span wire = msg.n == 0 ? weir_span_of(nothing, sizeof nothing) : msg;
    return weir_sctp_queue(s, now, ch->slot, wire, &opts, false);
}

size_t weir_sctp_channel_buffered(const struct weir_sctp *s, uint16_t channel)
{
    if (channel >= WEIR_SCTP_CHANNELS_MAX || s->channel[channel].slot == WEIR_SCTP_NO_STREAM ||
        s->channel[channel].state == WEIR_SCTP_CHANNEL_FREE) {
        return 0;
    }
    return s->stream[s->channel[channel].slot].queue_bytes;
}

void weir_sctp_channel_set_low(struct weir_sctp *s, uint16_t channel, uint32_t bytes)
{
    struct weir_sctp_channel *ch = channel_at(s, channel);
    if (ch != NULL) {
        ch->low_threshold = bytes;
    }
}

void weir_sctp_channel_drained(struct weir_sctp *s, const struct weir_sctp_stream *st,
                               uint32_t before)
{
    struct weir_sctp_channel *ch = &s->channel[st->channel];
    if (before > ch->low_threshold && st->queue_bytes <= ch->low_threshold) {
        owe_event(s, st->channel, OWED_LOW, true);
    }
}

/* -- Closing ---------------------------------------------------------------------------------- */

static void closing_step(struct weir_sctp *s, uint16_t channel)
{
    const struct weir_sctp_channel *ch = &s->channel[channel];
    if (ch->state == WEIR_SCTP_CHANNEL_CLOSING && ch->tx_reset_done && ch->rx_reset_done) {
        channel_closed(s, channel);
    }
}

void weir_sctp_channel_end(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = &s->channel[channel];
    if (ch->state == WEIR_SCTP_CHANNEL_WAITING || ch->owes_open) {
        channel_closed(s, channel); /* the peer never heard of it */
    } else if (ch->state == WEIR_SCTP_CHANNEL_CONNECTING || ch->state == WEIR_SCTP_CHANNEL_OPEN) {
        ch->state = WEIR_SCTP_CHANNEL_CLOSING;
        ch->owes_ack = false; /* [RFC 6525 5.1.2] nothing goes out on a stream that is being reset */
        weir_sctp_reset_want(s, ch->slot);
    }
}

enum weir_status weir_sctp_channel_close(struct weir_sctp *s, weir_time now, uint16_t channel)
{
    (void)now;
    if (channel_at(s, channel) == NULL) {
        return WEIR_ERR_ARG;
    }
    weir_sctp_channel_end(s, channel);
    return WEIR_OK;
}

/* The peer has not answered, and may still: nothing uses the stream again before it has reset its direction
 * of it, as it does when it sees ours reset [RFC 8831 6.7]. If the OPEN never left there is nothing to
 * answer. */
static void give_up(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = &s->channel[channel];
    struct weir_sctp_stream *st = &s->stream[ch->slot];
    ch->is_given_up = true;
    weir_sctp_queue_discard(s, ch->slot);
    if (st->tx_ssn != 0 || st->outstanding != 0 || s->tx_mid == ch->slot) {
        st->awaits_rx_reset = true;
        weir_sctp_reset_want(s, ch->slot);
    }
    channel_closed(s, channel);
}

void weir_sctp_channels_expired(struct weir_sctp *s, weir_time now)
{
    s->open_at = WEIR_NEVER;
    for (uint16_t i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        const struct weir_sctp_channel *ch = &s->channel[i];
        if (ch->state != WEIR_SCTP_CHANNEL_CONNECTING || ch->is_negotiated) {
            continue;
        }
        if (ch->open_by <= now) {
            give_up(s, i);
        } else {
            s->open_at = weir_time_min(s->open_at, ch->open_by);
        }
    }
}

void weir_sctp_channel_tx_reset(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = &s->channel[channel];
    if (ch->awaits_stream) {
        /* That was for the channel before this one. */
        ch->awaits_stream = false;
        weir_sctp_note_sent(s); /* who was refused meanwhile may write */
        if (ch->state == WEIR_SCTP_CHANNEL_CLOSING) {
            weir_sctp_reset_want(s, ch->slot);
        }
        return;
    }
    ch->tx_reset_done = true;
    /* A peer that cannot reset streams will not reset its own either. */
    ch->rx_reset_done |= !s->remote.has_reconfig;
    closing_step(s, channel);
}

void weir_sctp_channel_rx_reset(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = &s->channel[channel];
    ch->rx_reset_done = true;
    if (ch->state == WEIR_SCTP_CHANNEL_CONNECTING || ch->state == WEIR_SCTP_CHANNEL_OPEN) {
        /* [RFC 8831 6.7] The peer closed it: what we still have is for nobody. */
        ch->state = WEIR_SCTP_CHANNEL_CLOSING;
        ch->owes_open = false;
        ch->owes_ack = false;
        weir_sctp_queue_discard(s, ch->slot);
        weir_sctp_reset_want(s, ch->slot);
    }
    closing_step(s, channel);
}

void weir_sctp_channels_ended(struct weir_sctp *s)
{
    for (uint16_t i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        struct weir_sctp_channel *ch = &s->channel[i];
        if (ch->state != WEIR_SCTP_CHANNEL_FREE) {
            channel_closed(s, i);
            owe_event(s, i, OWED_CLOSED, true); /* read or not: there is no one to wait for */
            weir_sctp_channel_detach(s, i);
        }
    }
}

/* -- Messages in ------------------------------------------------------------------------------ */

static bool is_known_ppid(uint32_t ppid)
{
    return ppid == WEIR_SCTP_PPID_STRING || ppid == WEIR_SCTP_PPID_BINARY ||
           ppid == WEIR_SCTP_PPID_STRING_EMPTY || ppid == WEIR_SCTP_PPID_BINARY_EMPTY ||
           ppid == WEIR_SCTP_PPID_STRING_PARTIAL || ppid == WEIR_SCTP_PPID_BINARY_PARTIAL;
}

bool weir_sctp_channel_message(struct weir_sctp *s, weir_time now, uint32_t head)
{
    const struct segment *g = segment_at(s, head);
    uint16_t channel = s->stream[g->slot].channel;
    if (g->ppid == WEIR_SCTP_PPID_DCEP) {
        enum weir_sctp_verdict v = weir_sctp_dcep_message(s, head);
        if (v != WEIR_SCTP_OK) {
            (void)weir_sctp_note(s, now, v, weir_span_of(NULL, 0));
        }
        return false;
    }
    if (channel == WEIR_SCTP_NO_CHANNEL) {
        /* [RFC 8832 6 DEVIATION] Not closed: a negotiated channel may be about to be made here. */
        (void)weir_sctp_note(s, now, WEIR_SCTP_DCEP_NO_CHANNEL, weir_span_of(NULL, 0));
        return false;
    }
    struct weir_sctp_channel *ch = &s->channel[channel];
    if (ch->state == WEIR_SCTP_CHANNEL_CONNECTING && !ch->is_negotiated) {
        weir_sctp_channel_opened(s, channel); /* [RFC 8832 6] any message stands for the ACK */
    }
    if (!is_known_ppid(g->ppid)) {
        /* [RFC 8831 6.6 SHOULD] */
        (void)weir_sctp_note(s, now, WEIR_SCTP_DCEP_PPID, weir_span_of(NULL, 0));
        weir_sctp_channel_end(s, channel);
        return false;
    }
    return ch->state == WEIR_SCTP_CHANNEL_OPEN || ch->state == WEIR_SCTP_CHANNEL_CONNECTING;
}

/* -- Events and inspection -------------------------------------------------------------------- */

/* The channel with the lowest index that owes an event of this kind. */
static uint16_t owing_channel(const struct weir_sctp *s, enum owed_event kind)
{
    for (uint16_t word = 0; word < WEIR_SCTP_CHANNEL_WORDS; word++) {
        if (s->channel_owes[kind][word] != 0) {
            return (uint16_t)(word * 64 + __builtin_ctzll(s->channel_owes[kind][word]));
        }
    }
    return WEIR_SCTP_NO_CHANNEL;
}

bool weir_sctp_channels_event(struct weir_sctp *s, enum weir_sctp_event_type type,
                              struct weir_sctp_event *e)
{
    enum owed_event kind = type == WEIR_SCTP_EVENT_CHANNEL_OPEN   ? OWED_OPEN
                           : type == WEIR_SCTP_EVENT_BUFFERED_LOW ? OWED_LOW
                                                                  : OWED_CLOSED;
    uint16_t channel = owing_channel(s, kind);
    if (channel == WEIR_SCTP_NO_CHANNEL) {
        return false;
    }
    owe_event(s, channel, kind, false);
    e->type = type;
    e->channel = channel;
    e->stream = s->channel[channel].id;
    e->is_remote = s->channel[channel].is_remote;
    if (kind == OWED_CLOSED) {
        e->reason = s->channel[channel].is_given_up ? WEIR_SCTP_REASON_TIMEOUT : WEIR_SCTP_REASON_NONE;
        channel_free(s, channel);
    }
    return true;
}

bool weir_sctp_channel_info(const struct weir_sctp *s, uint16_t channel,
                            struct weir_sctp_channel_info *info)
{
    if (channel >= WEIR_SCTP_CHANNELS_MAX || s->channel[channel].state == WEIR_SCTP_CHANNEL_FREE) {
        return false;
    }
    const struct weir_sctp_channel *ch = &s->channel[channel];
    info->state = (enum weir_sctp_channel_state)ch->state;
    info->id = ch->id;
    info->is_remote = ch->is_remote;
    info->config.label = channel_label(s, ch);
    info->config.protocol = channel_protocol(s, ch);
    info->config.is_unordered = ch->is_unordered;
    info->config.reliability = (enum weir_sctp_reliability)ch->reliability;
    info->config.reliability_value = ch->reliability_value;
    info->config.priority = ch->priority;
    info->config.is_negotiated = ch->is_negotiated;
    info->config.id = ch->id;
    return true;
}
