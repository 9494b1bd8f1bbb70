/* The association as a whole: beginning, end, timers, events.
 *
 * Timers, each a field that holds when it is due (WEIR_NEVER = off):
 *   t1_at         INIT or COOKIE ECHO is unanswered: send it again [RFC 9260 5.1]
 *   t2_at         SHUTDOWN or SHUTDOWN ACK is unanswered: send it again [RFC 9260 9.2]
 *   t3_at         data is outstanding: all in flight is lost [RFC 9260 6.3]; runs exactly while
 *                 something is outstanding
 *   sack_at       a SACK was delayed long enough [RFC 9260 6.2]
 *   reset_at      a stream reset request is unanswered: send it again [RFC 6525 5.1.1]
 *   heartbeat_at  idle for an interval: ask whether the peer is there [RFC 9260 8.3]
 *   open_at       an OPEN is unanswered for too long: give its channel up; the earliest of all
 *   quiet_at      no data came for a while: what was kept for it is given back
 * tick runs those due in this order: t3, t1, t2, sack, reset, heartbeat, open, quiet.
 *
 * Events are bits and flags rather than a queue, so none is lost and none needs room; they come in
 * an order that suits their reader: the association begins, channels open, messages, channels
 * close, the association ends.
 */
#include "sctp/sctp_int.h"

enum { BYTES_LEAST = 16384, BYTES_MOST = 1 << 30, MTU_LEAST = 576 };

/* -- Beginning -------------------------------------------------------------------------------- */

void weir_sctp_config_default(struct weir_sctp_config *c, const struct weir_crypto *crypto)
{
    memset(c, 0, sizeof *c);
    c->crypto = crypto;
    c->local_port = 5000;
    c->remote_port = 5000;
    c->mtu = 1191; /* what browsers use: 1,280 of IPv6 less IP, UDP, TURN and DTLS */
    c->has_channels = true;
    c->rx_bytes_max = 8 * 1024 * 1024;
    c->tx_bytes_max = 16 * 1024 * 1024;
    c->account = WEIR_NO_ACCOUNT;
    c->stall_max = 10 * WEIR_SEC;
    c->message_max_local = 262144;
    /* [RFC 9260 16 DEVIATION] RTO.Initial and RTO.Min are 1 s there. A path that ICE has just
     * measured is quicker; the floor stays above the 200 ms by which a peer may delay a SACK. */
    c->rto_initial = 500 * WEIR_MS;
    c->rto_min = 400 * WEIR_MS;
    c->rto_max = 60 * WEIR_SEC;
    c->sack_delay = 100 * WEIR_MS;
    c->heartbeat_interval = 30 * WEIR_SEC;
    c->channel_wait = 30 * WEIR_SEC;
    c->cookie_life = 60 * WEIR_SEC;
    /* [RFC 9260 16 DEVIATION] Whether the peer lives is for ICE consent to say; here patience ends
     * after about a minute of set-up, or three of data. Waits do not grow beyond 3 s, so that data
     * flows soon after a path comes back. */
    c->backoff_max = 3 * WEIR_SEC;
    c->init_retransmits_max = 20;
    c->retransmits_max = 60;
    c->burst_packets_max = 4;
}

static uint32_t clamp(uint32_t v, uint32_t least, uint32_t most)
{
    return v < least ? least : v > most ? most : v;
}

static void config_sane(struct weir_sctp_config *c)
{
    c->mtu = (uint16_t)clamp(c->mtu, MTU_LEAST, WEIR_MTU);
    c->channels_max = c->channels_max == 0 ? WEIR_SCTP_CHANNELS_MAX : c->channels_max;
    c->channels_max = clamp(c->channels_max, 1, WEIR_SCTP_CHANNELS_MAX);
    c->streams_max = c->streams_max == 0 ? WEIR_SCTP_STREAMS_MAX : c->streams_max;
    c->streams_max = clamp(c->streams_max, 1, WEIR_SCTP_STREAMS_MAX);
    c->rx_bytes_max = clamp(c->rx_bytes_max, BYTES_LEAST, BYTES_MOST);
    c->tx_bytes_max = clamp(c->tx_bytes_max, BYTES_LEAST, BYTES_MOST);
    /* A message must fit what we may hold, or it could never be completed. */
    c->message_max_local = clamp(c->message_max_local, 1, WEIR_SCTP_MESSAGE_FIT(c->rx_bytes_max));
    if (c->sack_delay > 500 * WEIR_MS) {
        c->sack_delay = 500 * WEIR_MS;
    }
    if (c->rto_min == 0) {
        c->rto_min = WEIR_MS;
    }
    if (c->rto_max < c->rto_min) {
        c->rto_max = c->rto_min;
    }
    if (c->rto_initial < c->rto_min) {
        c->rto_initial = c->rto_min;
    }
}

static void lists_clear(struct weir_sctp *s)
{
    s->segment_head = WEIR_NO_CELL;
    s->segment_tail = WEIR_NO_CELL;
    s->unread_head = s->cookie = s->heartbeat = s->range_run = WEIR_NO_CELL;
    s->unread_tail = WEIR_NO_CELL;
    s->out_head = WEIR_NO_CELL;
    s->out_tail = WEIR_NO_CELL;
    s->rtx_hint = WEIR_NO_CELL;
    s->turn_head = s->turn_tail = s->tx_mid = WEIR_NO_CELL;
    for (unsigned kind = 0; kind < WEIR_SCTP_CHANNEL_EVENTS; kind++) {
        s->channel_news[kind].head = s->channel_news[kind].tail = WEIR_NO_CELL;
    }
}

static void timers_stop(struct weir_sctp *s)
{
    s->t1_at = WEIR_NEVER;
    s->t2_at = WEIR_NEVER;
    s->t3_at = WEIR_NEVER;
    s->sack_at = WEIR_NEVER;
    s->reset_at = WEIR_NEVER;
    s->heartbeat_at = WEIR_NEVER;
    s->open_at = WEIR_NEVER;
    s->quiet_at = WEIR_NEVER;
}

/* Without an account nothing can be held: the association is over before it begins. */
static void account_begin(struct weir_sctp *s, struct weir_pool *pool, weir_time now)
{
    s->pool = pool;
    s->account = s->config.account;
    if (s->account == WEIR_NO_ACCOUNT) {
        s->account = weir_account_open(pool, 0);
        s->owns_account = s->account != WEIR_NO_ACCOUNT;
    }
    uint64_t most = (uint64_t)weir_account_most(pool) * WEIR_BUF_CELL_BYTES;
    if (most < s->config.rx_bytes_max) {
        s->config.message_max_local = clamp(s->config.message_max_local, 1,
                                            WEIR_SCTP_MESSAGE_FIT(most < BYTES_LEAST ? BYTES_LEAST : most));
    }
    if (s->account == WEIR_NO_ACCOUNT) {
        s->state = WEIR_SCTP_OVER;
        s->reason = WEIR_SCTP_REASON_MEMORY;
        weir_sctp_owe_event(s, WEIR_SCTP_EVENT_CLOSED);
        return;
    }
    weir_sctp_memory_begin(s, now);
}

static void draw_numbers(struct weir_rand *rand, uint8_t cookie_key[32], uint32_t *tag, uint32_t *tsn)
{
    weir_rand_bytes(rand, cookie_key, 32);
    *tag = weir_rand_below(rand, UINT32_MAX) + 1; /* [RFC 9260 5.3.1 MUST] The tag is never zero. */
    *tsn = weir_rand_u32(rand);
}

void weir_sctp_numbers_of_seed(const uint8_t seed[WEIR_SEED_BYTES], uint32_t *tag, uint32_t *tsn)
{
    struct weir_rand rand;
    uint8_t cookie_key[32];
    weir_rand_init(&rand, seed);
    draw_numbers(&rand, cookie_key, tag, tsn);
    weir_wipe(&rand, sizeof rand);
    weir_wipe(cookie_key, sizeof cookie_key);
}

void weir_sctp_init(struct weir_sctp *s, const struct weir_sctp_config *c, struct weir_pool *pool,
                    weir_time now)
{
    memset(s, 0, sizeof *s);
    s->config = *c;
    config_sane(&s->config);
    s->data_sent_at = now;
    weir_rand_init(&s->rand, c->seed);
    weir_wipe(s->config.seed, sizeof s->config.seed);
    draw_numbers(&s->rand, s->cookie_key, &s->local_tag, &s->local_tsn);
    s->tie_local = weir_rand_below(&s->rand, UINT32_MAX) + 1;
    s->tie_remote = weir_rand_below(&s->rand, UINT32_MAX) + 1;
    s->next_tsn = s->local_tsn;
    s->cum_acked = s->local_tsn - 1;
    s->advanced = s->cum_acked;
    s->forward_told = s->cum_acked;
    s->reset_next = s->local_tsn;
    s->rto = s->config.rto_initial;
    lists_clear(s);
    timers_stop(s);
    weir_sctp_cc_init(s);
    account_begin(s, pool, now);
}

/* -- State ------------------------------------------------------------------------------------ */

enum weir_sctp_verdict weir_sctp_note(struct weir_sctp *s, weir_time now, enum weir_sctp_verdict v,
                                      struct weir_span bytes)
{
    s->verdicts[v]++;
    weir_trace(s->config.trace, now, WEIR_TRACE_SCTP, WEIR_TRACE_VERDICT, s->config.conn,
               (uint32_t)v, (uint32_t)bytes.n, bytes.n >= 4 ? weir_be32(bytes.p) : 0);
    return v;
}

bool weir_sctp_keep(struct weir_sctp *s, uint32_t *kept, struct weir_span bytes)
{
    struct weir_rope rope;
    if (!weir_rope_begin(s->pool, s->account, WEIR_STORE_DENSE, sizeof(struct weir_piece),
                         (uint32_t)bytes.n, &rope)) {
        return false;
    }
    uint32_t tail = rope.head;
    weir_rope_write(s->pool, &tail, bytes);
    weir_sctp_unkeep(s, kept);
    *kept = rope.head;
    return true;
}

void weir_sctp_unkeep(struct weir_sctp *s, uint32_t *kept)
{
    if (*kept != WEIR_NO_CELL) {
        weir_rope_put(s->pool, s->account, *kept);
        *kept = WEIR_NO_CELL;
    }
}

void weir_sctp_set_state(struct weir_sctp *s, weir_time now, enum weir_sctp_state next,
                         uint32_t why)
{
    weir_trace(s->config.trace, now, WEIR_TRACE_SCTP, WEIR_TRACE_STATE, s->config.conn,
               (uint32_t)s->state, (uint32_t)next, why);
    s->state = next;
    if (next != WEIR_SCTP_COOKIE_ECHOED) {
        weir_sctp_cookie_drop(s);
    }
}

void weir_sctp_owe_event(struct weir_sctp *s, enum weir_sctp_event_type type)
{
    s->events |= 1u << type;
}

bool weir_sctp_keeps_unread(const struct weir_sctp *s)
{
    return s->reason == WEIR_SCTP_REASON_SHUTDOWN || s->reason == WEIR_SCTP_REASON_PEER_ABORT;
}

void weir_sctp_end(struct weir_sctp *s, weir_time now, enum weir_sctp_reason reason,
                   uint16_t cause)
{
    if (s->state == WEIR_SCTP_OVER) {
        return;
    }
    weir_sctp_set_state(s, now, WEIR_SCTP_OVER, (uint32_t)reason);
    s->reason = reason;
    s->cause = cause;
    s->owed = 0;
    s->report_bytes = 0;
    s->owes_reset = false;
    s->reset_answers = 0;
    s->owes_forward = false;
    s->ack = ACK_NONE;
    timers_stop(s);
    weir_sctp_tx_release(s);
    weir_sctp_reasm_release(s);
    weir_sctp_channels_ended(s);
    weir_sctp_streams_end(s);
    weir_sctp_memory_end(s);
    weir_wipe(s->cookie_key, sizeof s->cookie_key);
    weir_sctp_owe_event(s, WEIR_SCTP_EVENT_CLOSED);
}

enum weir_sctp_verdict weir_sctp_violate(struct weir_sctp *s, weir_time now,
                                         enum weir_sctp_verdict v, uint16_t cause)
{
    weir_sctp_end(s, now, WEIR_SCTP_REASON_VIOLATION, cause);
    weir_sctp_report(s, cause, weir_span_of(NULL, 0));
    s->owed = OWES_ABORT;
    return v;
}

bool weir_sctp_count_error(struct weir_sctp *s, weir_time now)
{
    s->error_count++;
    if (s->error_count <= s->config.retransmits_max) {
        return false;
    }
    /* [RFC 9260 8.1 SHOULD] The peer is gone; the ABORT is for the case that it is not. */
    weir_sctp_end(s, now, WEIR_SCTP_REASON_TIMEOUT, 0);
    s->owed = OWES_ABORT;
    return true;
}

void weir_sctp_give_up(struct weir_sctp *s, weir_time now)
{
    weir_sctp_end(s, now, WEIR_SCTP_REASON_MEMORY, CAUSE_OUT_OF_RESOURCE);
    weir_sctp_report(s, CAUSE_OUT_OF_RESOURCE, weir_span_of(NULL, 0));
    s->owed = OWES_ABORT;
}

void weir_sctp_release_all(struct weir_sctp *s)
{
    weir_sctp_tx_release(s);
    weir_sctp_reasm_release(s);
    weir_sctp_cookie_drop(s);
    weir_sctp_unkeep(s, &s->heartbeat);
    weir_sctp_tsn_clear(s);
    while (s->unread_head != WEIR_NO_CELL) {
        struct weir_sctp_message m;
        if (weir_sctp_read(s, &m)) {
            weir_sctp_rx_put(s, m.head);
        }
    }
    if (s->account != WEIR_NO_ACCOUNT) {
        weir_sctp_channels_clear(s);
        weir_sctp_streams_clear(s);
        weir_sctp_memory_end(s);
    }
    if (s->owns_account) {
        weir_account_close(s->pool, s->account);
    }
    s->owns_account = false;
    s->account = WEIR_NO_ACCOUNT;
    timers_stop(s);
    s->state = WEIR_SCTP_OVER;
    s->owed = 0;
    s->events = 0;
    weir_wipe(s->cookie_key, sizeof s->cookie_key);
}

/* -- Timers ----------------------------------------------------------------------------------- */

weir_duration weir_sctp_backoff(const struct weir_sctp *s, weir_duration base, uint32_t count)
{
    weir_duration wait = base << (count < 16 ? count : 16);
    weir_duration most = base > s->config.backoff_max ? base : s->config.backoff_max;
    return wait < most ? wait : most;
}

void weir_sctp_tick(struct weir_sctp *s, weir_time now)
{
    weir_sctp_hear(s, now);
    if (s->t3_at <= now) {
        weir_sctp_t3_expired(s, now);
    }
    if (s->t1_at <= now) {
        weir_sctp_t1_expired(s, now);
    }
    if (s->t2_at <= now) {
        weir_sctp_t2_expired(s, now);
    }
    if (s->sack_at <= now) {
        s->sack_at = WEIR_NEVER;
        s->ack = ACK_NOW;
    }
    if (s->reset_at <= now) {
        weir_sctp_reset_expired(s, now);
    }
    if (s->heartbeat_at <= now) {
        weir_sctp_heartbeat_expired(s, now);
    }
    if (s->open_at <= now) {
        weir_sctp_channels_expired(s, now);
    }
    if (s->quiet_at <= now) {
        weir_sctp_quiet_expired(s, now);
    }
}

weir_time weir_sctp_deadline(const struct weir_sctp *s)
{
    weir_time at = weir_time_min(s->t1_at, s->t2_at);
    at = weir_time_min(at, weir_time_min(s->t3_at, s->sack_at));
    at = weir_time_min(at, weir_time_min(s->reset_at, s->heartbeat_at));
    return weir_time_min(at, weir_time_min(s->open_at, s->quiet_at));
}

/* -- Events ----------------------------------------------------------------------------------- */

static bool take_event(struct weir_sctp *s, enum weir_sctp_event_type type,
                       struct weir_sctp_event *e)
{
    if ((s->events & 1u << type) == 0) {
        return false;
    }
    s->events &= ~(1u << type);
    e->type = type;
    return true;
}

static bool take_stream_event(struct weir_sctp *s, struct weir_sctp_event *e)
{
    uint32_t id = 0;
    for (uint32_t slot; s->streams_owe_event && (slot = stream_next(s, &id)) != WEIR_NO_CELL; id++) {
        if (stream_at(s, slot)->is_rx_reset) {
            stream_at(s, slot)->is_rx_reset = false;
            e->type = WEIR_SCTP_EVENT_STREAM_RESET;
            e->stream = (uint16_t)id;
            weir_sctp_stream_settle(s, slot);
            return true;
        }
    }
    s->streams_owe_event = false;
    return false;
}

static bool take_closed(struct weir_sctp *s, struct weir_sctp_event *e)
{
    bool waits = s->unread_head != WEIR_NO_CELL && weir_sctp_keeps_unread(s);
    if (waits || !take_event(s, WEIR_SCTP_EVENT_CLOSED, e)) {
        return false;
    }
    e->reason = s->reason;
    e->cause = s->cause;
    return true;
}

bool weir_sctp_event(struct weir_sctp *s, struct weir_sctp_event *e)
{
    memset(e, 0, sizeof *e);
    e->channel = WEIR_SCTP_NO_CHANNEL;
    e->stream = WEIR_SCTP_NO_STREAM;
    weir_sctp_hear(s, s->now);
    return take_event(s, WEIR_SCTP_EVENT_RESTARTED, e) ||
           take_event(s, WEIR_SCTP_EVENT_CONNECTED, e) ||
           weir_sctp_channels_event(s, WEIR_SCTP_EVENT_CHANNEL_OPEN, e) ||
           take_event(s, WEIR_SCTP_EVENT_MESSAGE, e) ||
           weir_sctp_channels_event(s, WEIR_SCTP_EVENT_BUFFERED_LOW, e) ||
           take_event(s, WEIR_SCTP_EVENT_WRITABLE, e) || take_stream_event(s, e) ||
           weir_sctp_channels_event(s, WEIR_SCTP_EVENT_CHANNEL_CLOSED, e) || take_closed(s, e);
}

bool weir_sctp_has_event(const struct weir_sctp *s)
{
    bool has_channels = false;
    for (unsigned kind = 0; kind < WEIR_SCTP_CHANNEL_EVENTS; kind++) {
        has_channels |= s->channel_news[kind].head != WEIR_NO_CELL;
    }
    return has_channels || s->streams_owe_event || (s->events & ~(1u << WEIR_SCTP_EVENT_MESSAGE)) != 0;
}

uint32_t weir_sctp_message_max(const struct weir_sctp *s)
{
    return s->config.message_max_local;
}

/* -- Inspection ------------------------------------------------------------------------------- */

enum weir_sctp_state weir_sctp_state(const struct weir_sctp *s)
{
    return s->state;
}

enum weir_sctp_reason weir_sctp_reason(const struct weir_sctp *s)
{
    return s->reason;
}

bool weir_sctp_is_up(const struct weir_sctp *s)
{
    return s->state >= WEIR_SCTP_ESTABLISHED && s->state != WEIR_SCTP_OVER;
}

bool weir_sctp_has_unread(const struct weir_sctp *s)
{
    return s->unread_head != WEIR_NO_CELL;
}

bool weir_sctp_has_queued(const struct weir_sctp *s)
{
    return s->tx_cells != 0;
}

bool weir_sctp_has_dtls_role(const struct weir_sctp *s, bool is_client)
{
    return s->is_dtls_role_known && s->is_dtls_client == is_client;
}

uint32_t weir_sctp_verdicts(const struct weir_sctp *s, enum weir_sctp_verdict v)
{
    return (unsigned)v < WEIR_SCTP_VERDICTS ? s->verdicts[v] : 0;
}

void weir_sctp_stats(const struct weir_sctp *s, struct weir_sctp_stats *out)
{
    *out = (struct weir_sctp_stats){ .state = s->state, .is_told = s->is_told, .srtt = s->srtt,
                                     .rtt_least = s->rtt_least, .cwnd = s->cwnd,
                                     .flight_bytes = s->flight_bytes, .peer_window = s->peer_rwnd,
                                     .window = s->rwnd_told,
                                     .message_max_remote = s->config.message_max_remote,
                                     .counters = s->counters };
}

void weir_sctp_set_remote(struct weir_sctp *s, uint16_t port, uint32_t message_max)
{
    s->config.remote_port = port;
    s->config.message_max_remote = message_max;
}

void weir_sctp_set_acks_batches(struct weir_sctp *s, bool acks_batches)
{
    s->config.acks_batches = acks_batches;
}
