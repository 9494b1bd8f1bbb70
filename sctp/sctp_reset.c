/* Stream reset [RFC 6525]: how a data channel closes [RFC 8831 6.7].
 *
 * Out: a stream whose reset is wanted waits until its queue is sent and acknowledged; then one
 * request names all such streams. One request is out at a time; it is repeated by the reset timer
 * until a response with its number comes.
 * In: a request with the expected number is performed when everything up to its TSN is here, else
 * deferred and answered "in progress"; performing it later sends the second answer by itself.
 *
 * [RFC 6525 5.2.3, 5.2.4, 5.2.5, 5.2.6 OMITTED] Requests to reset our outgoing streams, to reset
 * TSNs and to add streams are denied: data channels never use them, and 65,535 streams are plenty.
 */
#include "sctp/sctp_int.h"

enum reset_result {
    RESULT_NOTHING_TO_DO = 0,
    RESULT_PERFORMED = 1,
    RESULT_DENIED = 2,
    RESULT_WRONG_SSN = 3,
    RESULT_BUSY = 4,
    RESULT_BAD_NUMBER = 5,
    RESULT_IN_PROGRESS = 6,
};

/* -- Our requests ----------------------------------------------------------------------------- */

bool weir_sctp_reset_overtaken(struct weir_sctp *s, uint16_t slot)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    if (st->tx_reset == RESET_WANTED && st->tx_ssn == 0 && st->outstanding == 0) {
        st->tx_reset = RESET_NONE;
        st->awaits_rx_reset = false;
        s->reset_wanted--;
    }
    return st->tx_reset == RESET_REQUESTED;
}

static void want(struct weir_sctp *s, struct weir_sctp_stream *st)
{
    if (st->tx_reset == RESET_NONE) {
        st->tx_reset = RESET_WANTED;
        s->reset_wanted++;
        weir_sctp_reset_step(s);
    } else if (st->tx_reset == RESET_REQUESTED && st->channel == WEIR_SCTP_NO_CHANNEL) {
        st->is_reset_again = true; /* the request that is out is for the channel before */
    }
}

void weir_sctp_reset_want(struct weir_sctp *s, uint16_t slot)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    if (st->channel == WEIR_SCTP_NO_CHANNEL && s->config.has_channels) {
        st->awaits_rx_reset = true; /* the peer's reset will be the answer, and is not answered itself */
    }
    want(s, st);
}

static bool is_drained(const struct weir_sctp *s, uint16_t slot)
{
    const struct weir_sctp_stream *st = &s->stream[slot];
    return st->queue_head == WEIR_NO_CELL && st->outstanding == 0 && s->tx_mid != slot;
}

/* A reset that needs no request: the peer has no such thing, or nothing was ever sent. */
static void finish(struct weir_sctp *s, uint16_t slot, enum reset_step step)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    st->tx_reset = (uint8_t)step;
    if (step == RESET_NONE) {
        st->tx_ssn = 0;
    }
    bool is_again = st->is_reset_again && step == RESET_NONE;
    st->is_reset_again = false;
    if (is_again && st->channel == WEIR_SCTP_NO_CHANNEL) {
        want(s, st);
    }
    if (st->channel != WEIR_SCTP_NO_CHANNEL) {
        weir_sctp_channel_tx_reset(s, st->channel);
    }
    weir_sctp_stream_settle(s, slot);
}

static void mark_requested(struct weir_sctp *s)
{
    unsigned listed = 0;
    for (uint16_t i = 0; i < WEIR_SCTP_STREAMS_MAX && listed < WEIR_SCTP_LISTED_MAX; i++) {
        struct weir_sctp_stream *st = &s->stream[i];
        if (!st->is_used || st->tx_reset != RESET_WANTED || !is_drained(s, i)) {
            continue;
        }
        s->reset_wanted--;
        if (!s->remote.has_reconfig) {
            finish(s, i, RESET_STUCK);
            continue;
        }
        st->tx_reset = RESET_REQUESTED;
        listed++;
    }
    if (listed != 0) {
        s->is_reset_out = true;
        s->owes_reset = true;
        s->is_reset_waiting = false;
        /* [RFC 6525 5.1.2 A2, A3 MUST] */
        s->reset_number = s->reset_next++;
        s->reset_tsn = s->next_tsn - 1;
    }
}

void weir_sctp_reset_step(struct weir_sctp *s)
{
    /* All that the peer waited for is acknowledged: no need to wait for the timer. */
    if (s->is_reset_waiting && !tsn_before(s->cum_acked, s->reset_tsn)) {
        s->owes_reset = true;
    }
    bool is_up = s->state == WEIR_SCTP_ESTABLISHED || s->state == WEIR_SCTP_SHUTDOWN_PENDING ||
                 s->state == WEIR_SCTP_SHUTDOWN_RECEIVED;
    if (s->reset_wanted != 0 && !s->is_reset_out && is_up) {
        mark_requested(s);
    }
}

static void request_done(struct weir_sctp *s, bool is_reset)
{
    s->is_reset_waiting = false;
    s->owes_reset = false;
    s->reset_at = WEIR_NEVER;
    for (uint16_t i = 0; i < WEIR_SCTP_STREAMS_MAX; i++) {
        if (s->stream[i].is_used && s->stream[i].tx_reset == RESET_REQUESTED) {
            finish(s, i, is_reset ? RESET_NONE : RESET_STUCK);
        }
    }
    /* Only now: a channel that wants a reset meanwhile is for the next request. */
    s->is_reset_out = false;
    weir_sctp_reset_step(s);
}

/* [RFC 6525 5.2.7] */
static enum weir_sctp_verdict rx_response(struct weir_sctp *s, weir_time now,
                                          struct weir_span value)
{
    struct weir_rd r = weir_rd_of(value);
    uint32_t number, result;
    if (!weir_rd_u32(&r, &number) || !weir_rd_u32(&r, &result)) {
        return WEIR_SCTP_RECONFIG_REFUSED;
    }
    if (!s->is_reset_out || number != s->reset_number) {
        return WEIR_SCTP_RECONFIG_SEQUENCE;
    }
    s->error_count = 0;
    if (s->is_reset_waiting) {
        /* [RFC 6525 5.2.7 H2 DEVIATION] After "in progress" only the answer to asking again ends the
         * request, also where the peer tells the end by itself: so the peer can tell this request asked
         * again from a new one that names the same streams with nothing sent between. */
        return WEIR_SCTP_OK;
    }
    switch (result) {
    case RESULT_NOTHING_TO_DO:
    case RESULT_PERFORMED:
        request_done(s, true);
        return WEIR_SCTP_OK;
    case RESULT_IN_PROGRESS:
        s->is_reset_waiting = true;
        s->owes_reset = false;
        s->reset_at = weir_time_add(now, s->rto);
        return WEIR_SCTP_OK;
    case RESULT_BUSY:
        s->owes_reset = false;
        s->reset_at = weir_time_add(now, s->rto); /* ask again then */
        return WEIR_SCTP_OK;
    default:
        request_done(s, false);
        return WEIR_SCTP_RECONFIG_DENIED;
    }
}

/* -- The peer's requests ---------------------------------------------------------------------- */

static void answer(struct weir_sctp *s, uint32_t number, uint32_t result)
{
    s->ack = ACK_NOW; /* [RFC 6525 5.2.1 SHOULD] a SACK goes with it */
    if (s->reset_answers < 2) {
        s->reset_answer[s->reset_answers].number = number;
        s->reset_answer[s->reset_answers].result = result;
        s->reset_answers++;
    }
}

static void rx_stream_reset(struct weir_sctp *s, uint16_t slot)
{
    struct weir_sctp_stream *st = &s->stream[slot];
    bool is_answer = st->awaits_rx_reset;
    if (st->channel != WEIR_SCTP_NO_CHANNEL) {
        weir_sctp_channel_let_go(s, st->channel);
    }
    st->is_rx_deferred = false;
    st->awaits_rx_reset = false;
    st->rx_ssn = 0;
    if (st->channel != WEIR_SCTP_NO_CHANNEL) {
        weir_sctp_channel_rx_reset(s, st->channel);
    } else if (!s->config.has_channels) {
        st->is_rx_reset = true;
        s->streams_owe_event = true;
    } else if (!is_answer) {
        /* [RFC 8831 6.7] A channel that only the peer knows, of either parity, and on which data may
         * have come: it waits for us to reset the other direction. What answers a reset of ours is
         * not answered again, so two ends do not reset each other's streams for ever. */
        want(s, st);
    }
    weir_sctp_stream_settle(s, slot);
}

void weir_sctp_reset_deferred(struct weir_sctp *s, weir_time now)
{
    (void)now;
    if (!s->is_reset_deferred || tsn_before(s->rx_cum, s->peer_reset_tsn)) {
        return;
    }
    s->is_reset_deferred = false;
    s->peer_reset_result = RESULT_PERFORMED;
    answer(s, s->peer_reset_next - 1, RESULT_PERFORMED);
    for (uint16_t i = 0; i < WEIR_SCTP_STREAMS_MAX; i++) {
        if (s->stream[i].is_used && s->stream[i].is_rx_deferred) {
            rx_stream_reset(s, i);
        }
    }
}

/* FNV-1a, to know a list again. */
static uint32_t list_digest(struct weir_rd list)
{
    uint32_t digest = 2166136261u;
    uint8_t byte;
    while (weir_rd_u8(&list, &byte)) {
        digest = (digest ^ byte) * 16777619u;
    }
    return digest;
}

/* The request before, under a new number: browsers ask again that way after "in progress". To
 * perform it twice could reset a channel that has been opened on the stream since. After any other
 * answer the request is a new one, though it may look the same: a channel that both sides agreed on
 * can be closed a second time with nothing sent between. */
static bool is_asked_again(const struct weir_sctp *s, uint32_t last_tsn, struct weir_rd streams)
{
    return s->peer_reset_told == RESULT_IN_PROGRESS && last_tsn == s->peer_reset_tsn &&
           list_digest(streams) == s->peer_reset_digest;
}

/* [RFC 6525 5.2.2] */
static void perform_or_defer(struct weir_sctp *s, uint32_t last_tsn, struct weir_rd streams)
{
    bool is_all = streams.n == 0;
    uint16_t id;
    s->peer_reset_tsn = last_tsn;
    s->peer_reset_digest = list_digest(streams);
    s->is_reset_deferred = tsn_before(s->rx_cum, last_tsn);
    s->peer_reset_result = s->is_reset_deferred ? RESULT_IN_PROGRESS : RESULT_PERFORMED;
    for (uint16_t i = 0; is_all && i < WEIR_SCTP_STREAMS_MAX; i++) {
        s->stream[i].is_rx_deferred = s->stream[i].is_used;
    }
    while (weir_rd_u16(&streams, &id)) {
        uint16_t slot = weir_sctp_stream_get(s, id);
        if (slot != WEIR_SCTP_NO_STREAM) {
            s->stream[slot].is_rx_deferred = true;
        }
    }
    for (uint16_t i = 0; !s->is_reset_deferred && i < WEIR_SCTP_STREAMS_MAX; i++) {
        if (s->stream[i].is_used && s->stream[i].is_rx_deferred) {
            rx_stream_reset(s, i);
        }
    }
}

/*  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------------------------------+-------------------------------+
 * |            type 13            |        length 16 + 2n         |
 * +-------------------------------+-------------------------------+
 * |                        request number                         |  4
 * +---------------------------------------------------------------+
 * |                        response number                        |  8
 * +---------------------------------------------------------------+
 * |                  sender's last assigned TSN                   | 12
 * +-------------------------------+-------------------------------+
 * |           stream 1            |           stream 2 ...        | 16
 */
static enum weir_sctp_verdict rx_outgoing(struct weir_sctp *s, struct weir_span value)
{
    struct weir_rd r = weir_rd_of(value);
    uint32_t number, response, last_tsn;
    if (!weir_rd_u32(&r, &number) || !weir_rd_u32(&r, &response) || !weir_rd_u32(&r, &last_tsn) ||
        r.n % 2 != 0) {
        return WEIR_SCTP_RECONFIG_REFUSED;
    }
    if (number == s->peer_reset_next - 1) {
        /* [RFC 6525 5.2.1 MUST] A repeated request gets its answer again; a deferred one is
         * performed by the arrival of the data, not by asking. */
        s->peer_reset_told = s->peer_reset_result;
        answer(s, number, s->peer_reset_result);
        return WEIR_SCTP_OK;
    }
    if (number != s->peer_reset_next) {
        answer(s, number, RESULT_BAD_NUMBER);
        return WEIR_SCTP_RECONFIG_SEQUENCE;
    }
    if (!is_asked_again(s, last_tsn, r)) {
        perform_or_defer(s, last_tsn, r);
    }
    s->peer_reset_next++;
    s->peer_reset_told = s->peer_reset_result;
    answer(s, number, s->peer_reset_result);
    return WEIR_SCTP_OK;
}

static enum weir_sctp_verdict rx_denied(struct weir_sctp *s, struct weir_span value)
{
    struct weir_rd r = weir_rd_of(value);
    uint32_t number;
    if (!weir_rd_u32(&r, &number)) {
        return WEIR_SCTP_RECONFIG_REFUSED;
    }
    if (number == s->peer_reset_next) {
        s->peer_reset_next++;
        s->is_reset_deferred = false;
        s->peer_reset_result = RESULT_DENIED;
        s->peer_reset_told = RESULT_DENIED;
    }
    answer(s, number, RESULT_DENIED);
    return WEIR_SCTP_RECONFIG_DENIED;
}

static enum weir_sctp_verdict rx_param(struct weir_sctp *s, weir_time now, const struct param *p)
{
    switch (p->type) {
    case PARAM_RESET_OUTGOING:
        return rx_outgoing(s, p->value);
    case PARAM_RESET_RESPONSE:
        return rx_response(s, now, p->value);
    case PARAM_RESET_INCOMING:
    case PARAM_RESET_TSN:
    case PARAM_ADD_OUTGOING:
    case PARAM_ADD_INCOMING:
        return rx_denied(s, p->value);
    default:
        return WEIR_SCTP_RECONFIG_REFUSED;
    }
}

enum weir_sctp_verdict weir_sctp_rx_reconfig(struct weir_sctp *s, weir_time now,
                                             const struct chunk *c)
{
    struct weir_rd r = weir_rd_of(c->value);
    struct param p;
    if (s->state < WEIR_SCTP_ESTABLISHED || s->state > WEIR_SCTP_SHUTDOWN_RECEIVED) {
        return WEIR_SCTP_UNEXPECTED;
    }
    if (!s->remote.has_reconfig) {
        return WEIR_SCTP_RECONFIG_REFUSED;
    }
    /* [RFC 6525 3.1] A chunk holds one or two parameters. */
    enum weir_sctp_verdict first = WEIR_SCTP_OK;
    for (unsigned i = 0; i < 2 && r.n != 0; i++) {
        if (!weir_sctp_param_next(&r, &p)) {
            return WEIR_SCTP_PARAM_LENGTH;
        }
        enum weir_sctp_verdict v = rx_param(s, now, &p);
        first = first == WEIR_SCTP_OK ? v : first;
    }
    return first;
}

/* -- Out -------------------------------------------------------------------------------------- */

static void answers_write(struct weir_sctp *s, struct weir_wr *w)
{
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_RE_CONFIG, 0);
    for (unsigned i = 0; i < s->reset_answers; i++) {
        weir_wr_u16(w, PARAM_RESET_RESPONSE);
        weir_wr_u16(w, 12);
        weir_wr_u32(w, s->reset_answer[i].number);
        weir_wr_u32(w, s->reset_answer[i].result);
    }
    weir_sctp_chunk_close(w, m);
    s->reset_answers = 0;
}

static void request_write(struct weir_sctp *s, struct weir_wr *w)
{
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_RE_CONFIG, 0);
    size_t at = w->len;
    weir_wr_u16(w, PARAM_RESET_OUTGOING);
    weir_wr_u16(w, 0);
    weir_wr_u32(w, s->reset_number);
    weir_wr_u32(w, s->peer_reset_next - 1);
    weir_wr_u32(w, s->reset_tsn);
    for (unsigned i = 0; i < WEIR_SCTP_STREAMS_MAX; i++) {
        if (s->stream[i].is_used && s->stream[i].tx_reset == RESET_REQUESTED) {
            weir_wr_u16(w, s->stream[i].id);
        }
    }
    if (!w->overflow) {
        weir_put16(w->base + at + 2, (uint16_t)(w->len - at));
    }
    weir_sctp_chunk_close(w, m);
}

void weir_sctp_reset_write(struct weir_sctp *s, weir_time now, struct weir_wr *w)
{
    if (s->reset_answers != 0) {
        answers_write(s, w);
    }
    if (s->owes_reset) {
        if (s->is_reset_waiting) {
            /* [RFC 6525 5.2.7 H2 DEVIATION] Asked again, the same request gets a new number: the
             * SCTP of browsers answers a number that it knows with what it answered before, which
             * was "in progress". */
            s->reset_number = s->reset_next++;
            s->is_reset_waiting = false;
        }
        request_write(s, w);
        s->owes_reset = false;
        s->reset_at = weir_time_add(now, weir_sctp_backoff(s, s->rto, s->error_count));
    }
}

void weir_sctp_reset_expired(struct weir_sctp *s, weir_time now)
{
    s->reset_at = WEIR_NEVER;
    if (s->is_reset_out && !weir_sctp_count_error(s, now)) {
        s->owes_reset = true;
    }
}

enum weir_status weir_sctp_reset_stream(struct weir_sctp *s, uint16_t stream)
{
    uint16_t slot = weir_sctp_stream_find(s, stream);
    if (slot == WEIR_SCTP_NO_STREAM || s->stream[slot].tx_reset != RESET_NONE ||
        s->stream[slot].channel != WEIR_SCTP_NO_CHANNEL) {
        return WEIR_ERR_STATE;
    }
    weir_sctp_reset_want(s, slot);
    return WEIR_OK;
}
