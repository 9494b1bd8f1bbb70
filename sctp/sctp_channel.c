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

static struct weir_span channel_label(const struct weir_sctp_channel *ch)
{
    return weir_span_of((const uint8_t *)ch + ch->piece.at, ch->label_bytes);
}

static struct weir_span channel_protocol(const struct weir_sctp_channel *ch)
{
    return weir_span_of((const uint8_t *)ch + ch->piece.at + ch->label_bytes, ch->protocol_bytes);
}

/* -- Events owed ------------------------------------------------------------------------------ */

/* Bits of `owed`, in the order in which they are told. A channel stands in the list of the first that it
 * owes, so a message costs no walk over the channels. */
enum owed_event { OWED_OPEN, OWED_LOW, OWED_CLOSED, OWED_EVENTS };

_Static_assert(OWED_EVENTS == WEIR_SCTP_CHANNEL_EVENTS, "a list for each kind of event");
_Static_assert(sizeof(struct weir_sctp_channel) <= WEIR_CELL_BYTES, "a channel is a cell");

static uint32_t run_of(const struct weir_sctp *s, const struct weir_sctp_channel *ch)
{
    return weir_index_find(s->pool, &s->channels, ch->index);
}

static struct weir_sctp_channel *channel_in(const struct weir_sctp *s, uint32_t run)
{
    return (struct weir_sctp_channel *)weir_cell_at(s->pool, run);
}

static void news_unlink(struct weir_sctp *s, struct weir_sctp_channel *ch)
{
    unsigned kind = ch->listed - 1u;
    if (ch->listed == 0) {
        return;
    }
    if (ch->prev == WEIR_NO_CELL) {
        s->channel_news[kind].head = ch->next;
    } else {
        channel_in(s, ch->prev)->next = ch->next;
    }
    if (ch->next == WEIR_NO_CELL) {
        s->channel_news[kind].tail = ch->prev;
    } else {
        channel_in(s, ch->next)->prev = ch->prev;
    }
    ch->listed = 0;
}

static void news_link(struct weir_sctp *s, struct weir_sctp_channel *ch)
{
    unsigned kind = 0;
    while (kind < OWED_EVENTS && (ch->owed >> kind & 1) == 0) {
        kind++;
    }
    if (ch->listed == (kind + 1) % (OWED_EVENTS + 1)) {
        return;
    }
    news_unlink(s, ch);
    if (kind == OWED_EVENTS) {
        return;
    }
    ch->listed = (uint8_t)(kind + 1);
    ch->next = WEIR_NO_CELL;
    ch->prev = s->channel_news[kind].tail;
    if (ch->prev == WEIR_NO_CELL) {
        s->channel_news[kind].head = run_of(s, ch);
    } else {
        channel_in(s, ch->prev)->next = run_of(s, ch);
    }
    s->channel_news[kind].tail = run_of(s, ch);
}

static void owe_event(struct weir_sctp *s, uint16_t channel, enum owed_event kind, bool is_owed)
{
    struct weir_sctp_channel *ch = channel_of(s, channel);
    unsigned bit = 1u << kind;
    ch->owed = (uint8_t)(is_owed ? ch->owed | bit : ch->owed & ~bit);
    news_link(s, ch);
}

/* -- Making and freeing ----------------------------------------------------------------------- */

uint16_t weir_sctp_channel_make(struct weir_sctp *s, enum weir_store_way way, struct weir_span label,
                                struct weir_span protocol)
{
    enum { HEAD = sizeof(struct weir_sctp_channel) };
    struct weir_rope rope;
    uint32_t bytes = (uint32_t)(label.n + protocol.n);
    uint32_t index = weir_index_gap(s->pool, &s->channels, s->channel_low);
    if (s->channels.count >= s->config.channels_max || index >= WEIR_SCTP_CHANNELS_MAX ||
        !weir_rope_begin(s->pool, s->account, way | WEIR_STORE_IN_ONE, HEAD, bytes, &rope)) {
        return WEIR_SCTP_NO_CHANNEL;
    }
    struct weir_sctp_channel *ch = channel_in(s, rope.head);
    bool is_in_one = ch->piece.next == WEIR_NO_CELL; /* names are shown as they lie */
    if (!is_in_one || !weir_index_put(s->pool, s->account, way, &s->channels, index, rope.head)) {
        weir_rope_put(s->pool, s->account, rope.head);
        return WEIR_SCTP_NO_CHANNEL;
    }
    struct weir_piece piece = ch->piece;
    memset(ch, 0, sizeof *ch);
    ch->piece = piece;
    weir_rope_write(s->pool, &rope.head, label);
    weir_rope_write(s->pool, &rope.head, protocol);
    ch->label_bytes = (uint16_t)label.n;
    ch->protocol_bytes = (uint16_t)protocol.n;
    ch->index = (uint16_t)index;
    ch->state = WEIR_SCTP_CHANNEL_WAITING;
    ch->stream = WEIR_NO_CELL;
    ch->id = WEIR_SCTP_NO_STREAM;
    s->channel_low = index + 1;
    return ch->index;
}

void weir_sctp_channel_attach(struct weir_sctp *s, uint16_t channel, uint32_t slot)
{
    channel_of(s, channel)->stream = slot;
    channel_of(s, channel)->id = stream_at(s, slot)->id;
    struct weir_sctp_stream *st = stream_at(s, slot);
    st->channel = channel;
    st->tx_messages = st->rx_messages = st->tx_bytes = st->rx_bytes = 0;
    st->tx_bytes_high = st->rx_bytes_high = 0;
}

void weir_sctp_channel_detach(struct weir_sctp *s, uint16_t channel)
{
    uint32_t slot = channel_of(s, channel)->stream;
    if (slot != WEIR_NO_CELL) {
        channel_of(s, channel)->stream = WEIR_NO_CELL;
        stream_at(s, slot)->channel = WEIR_SCTP_NO_CHANNEL;
        weir_sctp_stream_settle(s, slot);
    }
}

static void channel_free(struct weir_sctp *s, uint16_t channel)
{
    /* Only when the association was cut off can messages be left: they have no channel any more. */
    for (uint32_t i = s->unread_head; channel_of(s, channel)->unread != 0 && i != WEIR_NO_CELL;
         i = segment_at(s, i)->next) {
        if (segment_at(s, i)->channel == channel) {
            segment_at(s, i)->channel = WEIR_SCTP_NO_CHANNEL;
            channel_of(s, channel)->unread--;
        }
    }
    weir_sctp_channel_detach(s, channel);
    struct weir_sctp_channel *ch = channel_of(s, channel);
    uint32_t run = run_of(s, ch);
    news_unlink(s, ch);
    weir_index_remove(s->pool, s->account, &s->channels, channel);
    weir_rope_put(s->pool, s->account, run);
    s->channel_low = channel < s->channel_low ? channel : s->channel_low;
}

void weir_sctp_channels_clear(struct weir_sctp *s)
{
    uint32_t channel = 0;
    while (channel_next(s, &channel) != NULL) {
        channel_free(s, (uint16_t)channel);
    }
}

static void channel_closed(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = channel_of(s, channel);
    ch->state = WEIR_SCTP_CHANNEL_CLOSED;
    ch->owes_open = false;
    ch->owes_ack = false;
    owe_event(s, channel, OWED_LOW, false);
    /* The end is told after the last message is read. */
    owe_event(s, channel, OWED_CLOSED, ch->unread == 0);
}

void weir_sctp_channel_read(struct weir_sctp *s, uint16_t channel)
{
    const struct weir_sctp_channel *ch = channel_of(s, channel);
    if (ch->unread == 0 && ch->state == WEIR_SCTP_CHANNEL_CLOSED) {
        owe_event(s, channel, OWED_CLOSED, true);
    }
}

void weir_sctp_channel_let_go(struct weir_sctp *s, uint16_t channel)
{
    if (channel_of(s, channel)->state == WEIR_SCTP_CHANNEL_CLOSED) {
        weir_sctp_channel_detach(s, channel);
    }
}

bool weir_sctp_channel_give_way(struct weir_sctp *s, uint16_t channel, bool *awaits_stream)
{
    struct weir_sctp_channel *ch = channel_of(s, channel);
    struct weir_sctp_stream *st = stream_at(s, ch->stream);
    *awaits_stream = st->tx_reset == RESET_REQUESTED;
    if (ch->state == WEIR_SCTP_CHANNEL_CLOSING && ch->rx_reset_done && *awaits_stream) {
        /* The peer has reset its direction and performed our reset, or it would not use the stream
         * anew; the response is lost or on its way. For this channel nothing more is to come. */
        channel_closed(s, channel);
    }
    if (ch->state != WEIR_SCTP_CHANNEL_CLOSED) {
        return false;
    }
    ch->stream = WEIR_NO_CELL;
    st->channel = WEIR_SCTP_NO_CHANNEL;
    return true;
}

void weir_sctp_channel_opened(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = channel_of(s, channel);
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

/* It owes the peer an OPEN or an ACK. */
static void owe_wire(struct weir_sctp *s, uint32_t channel)
{
    s->wire_from = !s->channels_owe_wire || channel < s->wire_from ? channel : s->wire_from;
    s->channels_owe_wire = true;
}

void weir_sctp_channel_owe_ack(struct weir_sctp *s, uint16_t channel)
{
    channel_of(s, channel)->owes_ack = true;
    owe_wire(s, channel);
}

static bool is_stream_fresh(const struct weir_sctp *s, uint16_t id)
{
    uint32_t slot = weir_sctp_stream_find(s, id);
    if (slot == WEIR_NO_CELL) {
        return true;
    }
    const struct weir_sctp_stream *st = stream_at(s, slot);
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

/* [RFC 8832 6 MUST] Even for the DTLS client, odd for the server. */
static bool assign_stream(struct weir_sctp *s, weir_time now, uint16_t channel)
{
    uint32_t parity = s->is_dtls_client ? 0 : 1, usable = streams_usable(s);
    uint32_t id = (s->stream_low & ~1u) | parity;
    while (id < usable && !is_stream_fresh(s, (uint16_t)id)) {
        id += 2;
    }
    if (id >= usable) {
        return false;
    }
    uint32_t slot = weir_sctp_stream_get(s, WEIR_STORE_DENSE, (uint16_t)id);
    if (slot == WEIR_NO_CELL) {
        return false;
    }
    s->stream_low = id;
    weir_sctp_channel_attach(s, channel, slot);
    channel_of(s, channel)->state = WEIR_SCTP_CHANNEL_CONNECTING;
    channel_of(s, channel)->owes_open = true;
    owe_wire(s, channel);
    if (s->state == WEIR_SCTP_ESTABLISHED) {
        await_answer(s, now, channel_of(s, channel));
    }
    return true;
}

void weir_sctp_set_dtls_role(struct weir_sctp *s, weir_time now, bool is_client)
{
    s->is_dtls_role_known = true;
    s->is_dtls_client = s->is_carrier_client = is_client;
    uint32_t i = 0;
    for (struct weir_sctp_channel *ch; (ch = channel_next(s, &i)) != NULL; i++) {
        if (ch->state == WEIR_SCTP_CHANNEL_WAITING && !assign_stream(s, now, ch->index)) {
            channel_closed(s, ch->index);
        }
    }
}

static bool is_ending(const struct weir_sctp *s)
{
    return s->state > WEIR_SCTP_ESTABLISHED;
}

static enum weir_status open_negotiated(struct weir_sctp *s, uint16_t channel, uint16_t id)
{
    if (!is_stream_fresh(s, id)) {
        return WEIR_ERR_STATE;
    }
    uint32_t slot = weir_sctp_stream_get(s, WEIR_STORE_DENSE, id);
    if (slot == WEIR_NO_CELL) {
        return WEIR_ERR_FULL;
    }
    weir_sctp_channel_attach(s, channel, slot);
    channel_of(s, channel)->is_peer_ready = true;
    channel_of(s, channel)->state = WEIR_SCTP_CHANNEL_CONNECTING;
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
    uint16_t i = weir_sctp_channel_make(s, WEIR_STORE_DENSE, config->label, config->protocol);
    if (i == WEIR_SCTP_NO_CHANNEL) {
        return WEIR_ERR_FULL;
    }
    struct weir_sctp_channel *ch = channel_of(s, i);
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
    uint32_t i = 0;
    for (struct weir_sctp_channel *ch; (ch = channel_next(s, &i)) != NULL; i++) {
        if (ch->state == WEIR_SCTP_CHANNEL_CONNECTING && ch->is_negotiated) {
            weir_sctp_channel_opened(s, ch->index);
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
    return weir_sctp_queue(s, now, ch->stream, message, &opts, true) == WEIR_OK;
}

static bool open_queue(struct weir_sctp *s, weir_time now, const struct weir_sctp_channel *ch)
{
    uint8_t bytes[DCEP_OPEN_BYTES + 2 * WEIR_SCTP_NAME_MAX];
    struct weir_mspan room = { bytes, sizeof bytes };
    struct weir_wr w = weir_wr_of(room);
    weir_sctp_dcep_open_write(&w, ch, channel_label(ch), channel_protocol(ch));
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

/* In the order of their indices, until there is no room for one; it goes on there. */
void weir_sctp_channels_wire(struct weir_sctp *s, weir_time now)
{
    if (!s->channels_owe_wire) {
        return;
    }
    bool is_done = true;
    uint32_t i = s->wire_from;
    for (struct weir_sctp_channel *ch; (ch = channel_next(s, &i)) != NULL; i++) {
        if (!channel_wire(s, now, ch)) {
            s->wire_from = is_done ? i : s->wire_from;
            is_done = false;
            if (!ch->awaits_stream) {
                return;
            }
        }
    }
    s->channels_owe_wire = !is_done;
}

/* -- Sending ---------------------------------------------------------------------------------- */

static struct weir_sctp_channel *channel_at(const struct weir_sctp *s, uint16_t channel)
{
    uint32_t run = s->channels.count == 0 ? WEIR_NO_CELL
                                          : weir_index_find(s->pool, &s->channels, channel);
    return run == WEIR_NO_CELL ? NULL : channel_in(s, run);
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

static void count_tx(struct weir_sctp_stream *st, uint32_t bytes)
{
    uint64_t all = ((uint64_t)st->tx_bytes_high << 32 | st->tx_bytes) + bytes;
    st->tx_messages++;
    st->tx_bytes = (uint32_t)all;
    st->tx_bytes_high = (uint16_t)(all >> 32);
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
    enum weir_status status = weir_sctp_queue(s, now, ch->stream, wire, &opts, false);
    if (status == WEIR_OK) {
        count_tx(stream_at(s, ch->stream), (uint32_t)msg.n);
    }
    return status;
}

size_t weir_sctp_channel_buffered(const struct weir_sctp *s, uint16_t channel)
{
    const struct weir_sctp_channel *ch = channel_at(s, channel);
    return ch == NULL || ch->stream == WEIR_NO_CELL ? 0 : stream_at(s, ch->stream)->queue_bytes;
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
    struct weir_sctp_channel *ch = channel_of(s, st->channel);
    if (before > ch->low_threshold && st->queue_bytes <= ch->low_threshold) {
        owe_event(s, st->channel, OWED_LOW, true);
    }
}

/* -- Closing ---------------------------------------------------------------------------------- */

static void closing_step(struct weir_sctp *s, uint16_t channel)
{
    const struct weir_sctp_channel *ch = channel_of(s, channel);
    if (ch->state == WEIR_SCTP_CHANNEL_CLOSING && ch->tx_reset_done && ch->rx_reset_done) {
        channel_closed(s, channel);
    }
}

void weir_sctp_channel_end(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = channel_of(s, channel);
    if (ch->state == WEIR_SCTP_CHANNEL_WAITING || ch->owes_open) {
        channel_closed(s, channel); /* the peer never heard of it */
    } else if (ch->state == WEIR_SCTP_CHANNEL_CONNECTING || ch->state == WEIR_SCTP_CHANNEL_OPEN) {
        ch->state = WEIR_SCTP_CHANNEL_CLOSING;
        ch->owes_ack = false; /* [RFC 6525 5.1.2] nothing goes out on a stream that is being reset */
        weir_sctp_reset_want(s, ch->stream);
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
    struct weir_sctp_channel *ch = channel_of(s, channel);
    struct weir_sctp_stream *st = stream_at(s, ch->stream);
    ch->is_given_up = true;
    weir_sctp_queue_discard(s, ch->stream);
    if (st->tx_ssn != 0 || st->outstanding != 0 || s->tx_mid == ch->stream) {
        st->awaits_rx_reset = true;
        weir_sctp_reset_want(s, ch->stream);
    }
    channel_closed(s, channel);
}

void weir_sctp_channels_expired(struct weir_sctp *s, weir_time now)
{
    s->open_at = WEIR_NEVER;
    uint32_t i = 0;
    for (struct weir_sctp_channel *ch; (ch = channel_next(s, &i)) != NULL; i++) {
        if (ch->state != WEIR_SCTP_CHANNEL_CONNECTING || ch->is_negotiated) {
            continue;
        }
        if (ch->open_by <= now) {
            give_up(s, ch->index);
        } else {
            s->open_at = weir_time_min(s->open_at, ch->open_by);
        }
    }
}

void weir_sctp_channel_tx_reset(struct weir_sctp *s, uint16_t channel)
{
    struct weir_sctp_channel *ch = channel_of(s, channel);
    if (ch->awaits_stream) {
        /* That was for the channel before this one. */
        ch->awaits_stream = false;
        weir_sctp_note_sent(s); /* who was refused meanwhile may write */
        if (ch->state == WEIR_SCTP_CHANNEL_CLOSING) {
            weir_sctp_reset_want(s, ch->stream);
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
    struct weir_sctp_channel *ch = channel_of(s, channel);
    ch->rx_reset_done = true;
    if (ch->state == WEIR_SCTP_CHANNEL_CONNECTING || ch->state == WEIR_SCTP_CHANNEL_OPEN) {
        /* [RFC 8831 6.7] The peer closed it: what we still have is for nobody. */
        ch->state = WEIR_SCTP_CHANNEL_CLOSING;
        ch->owes_open = false;
        ch->owes_ack = false;
        weir_sctp_queue_discard(s, ch->stream);
        weir_sctp_reset_want(s, ch->stream);
    }
    closing_step(s, channel);
}

void weir_sctp_channels_ended(struct weir_sctp *s)
{
    uint32_t i = 0;
    for (struct weir_sctp_channel *ch; (ch = channel_next(s, &i)) != NULL; i++) {
        channel_closed(s, ch->index);
        owe_event(s, ch->index, OWED_CLOSED, ch->unread == 0 || !weir_sctp_keeps_unread(s));
        weir_sctp_channel_detach(s, ch->index);
    }
    s->stream_low = 0;
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
    uint16_t channel = stream_at(s, g->slot)->channel;
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
    struct weir_sctp_channel *ch = channel_of(s, channel);
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

bool weir_sctp_channels_event(struct weir_sctp *s, enum weir_sctp_event_type type,
                              struct weir_sctp_event *e)
{
    enum owed_event kind = type == WEIR_SCTP_EVENT_CHANNEL_OPEN   ? OWED_OPEN
                           : type == WEIR_SCTP_EVENT_BUFFERED_LOW ? OWED_LOW
                                                                  : OWED_CLOSED;
    if (s->channel_news[kind].head == WEIR_NO_CELL) {
        return false;
    }
    const struct weir_sctp_channel *ch = channel_in(s, s->channel_news[kind].head);
    owe_event(s, ch->index, kind, false);
    e->type = type;
    e->channel = ch->index;
    e->stream = ch->id;
    e->is_remote = ch->is_remote;
    if (kind == OWED_CLOSED) {
        e->reason = ch->is_given_up ? WEIR_SCTP_REASON_TIMEOUT : WEIR_SCTP_REASON_NONE;
        channel_free(s, ch->index);
    }
    return true;
}

uint16_t weir_sctp_channel_after(const struct weir_sctp *s, uint32_t from)
{
    return channel_next(s, &from) == NULL ? WEIR_SCTP_NO_CHANNEL : (uint16_t)from;
}

void weir_sctp_take_channels(struct weir_sctp *s, struct weir_index *ended)
{
    uint32_t channel = 0;
    while (channel_next(s, &channel) != NULL) {
        channel_free(s, (uint16_t)channel);
        /* What was just freed has room for it. */
        if (weir_index_find(s->pool, ended, channel) == WEIR_NO_CELL) {
            (void)!weir_index_put(s->pool, s->account, WEIR_STORE_DENSE, ended, channel, 0);
        }
    }
}

bool weir_sctp_channel_info(const struct weir_sctp *s, uint16_t channel,
                            struct weir_sctp_channel_info *info)
{
    const struct weir_sctp_channel *ch = channel_at(s, channel);
    if (ch == NULL) {
        return false;
    }
    info->state = (enum weir_sctp_channel_state)ch->state;
    info->id = ch->id;
    info->is_remote = ch->is_remote;
    info->config.label = channel_label(ch);
    info->config.protocol = channel_protocol(ch);
    info->config.is_unordered = ch->is_unordered;
    info->config.reliability = (enum weir_sctp_reliability)ch->reliability;
    info->config.reliability_value = ch->reliability_value;
    info->config.priority = ch->priority;
    info->config.is_negotiated = ch->is_negotiated;
    info->config.id = ch->id;
    info->buffered = (uint32_t)weir_sctp_channel_buffered(s, channel);
    info->buffered_low = ch->low_threshold;
    info->tx_messages = info->rx_messages = 0;
    info->tx_bytes = info->rx_bytes = 0;
    if (ch->stream != WEIR_NO_CELL) {
        const struct weir_sctp_stream *st = stream_at(s, ch->stream);
        info->tx_messages = st->tx_messages;
        info->rx_messages = st->rx_messages;
        info->tx_bytes = (uint64_t)st->tx_bytes_high << 32 | st->tx_bytes;
        info->rx_bytes = (uint64_t)st->rx_bytes_high << 32 | st->rx_bytes;
    }
    return true;
}
