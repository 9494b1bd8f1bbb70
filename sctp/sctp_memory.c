/* What an association may hold: windows that grow to what the path needs, and are the truth.
 *
 * Received data:
 * 1. The memory that we want to offer is 72 KiB at first, four times what was read in the last round trip
 *    when that is more, and enough for the largest message while one is coming in; after two quiet seconds
 *    it is what it was at first, and the peer is told.
 * 2. What of it is not taken by unread data is advertised, as far as the pool keeps room for it, in bytes
 *    of messages of the shape that came lately: of some a byte costs a byte, of others a cell. So what
 *    fits into the window is kept.
 * 3. The peer hears of a window that has opened by a quarter.
 *
 * Data to send: 640 KiB of memory, twice what the congestion window needs when that is more. Who is
 * refused is told when there is room, by WRITABLE.
 *
 * The pool is shared. When it has no room for us we wait there in line; when others wait, it asks back
 * what we have borrowed: first what lies behind holes, and then, if nothing of ours has moved for
 * stall_max, all of it.
 */
#include "sctp/sctp_int.h"

#define RX_WINDOW_FIRST (72u * 1024)
#define RX_WINDOW_LEAST (4u * 1024)
#define TX_LIMIT_FIRST (640u * 1024)
#define SHAPE_BYTES (32u * 1024) /* what came longer ago counts half, and so on */
#define CELLS_ASIDE 4 /* a message takes so many more at most than its bytes ask for */
#define RTT_UNKNOWN (200 * WEIR_MS)
#define QUIET (2 * WEIR_SEC)

/* -- Received data ----------------------------------------------------------------------------- */

/* Buffers that so many bytes take, in the shape of what came lately, beside what is spare. A sixteenth
 * more, for messages that are cut in two by the end of a buffer. */
static uint32_t buffers_for(const struct weir_sctp *s, uint32_t bytes)
{
    uint64_t cells = ((uint64_t)bytes * s->shape_cells + s->shape_bytes - 1) / s->shape_bytes;
    cells += cells / 16 + CELLS_ASIDE;
    uint32_t spare = weir_account_spare(s->pool, s->account);
    cells = cells > spare ? cells - spare : 0;
    return (uint32_t)((cells + WEIR_CELLS_PER_BUF - 1) / WEIR_CELLS_PER_BUF);
}

static uint32_t bytes_in(const struct weir_sctp *s, uint64_t cells)
{
    return (uint32_t)(cells * s->shape_bytes / s->shape_cells);
}

/* The window that we want to advertise. */
static uint32_t window_wanted(const struct weir_sctp *s)
{
    uint32_t used = s->rx_cells + CELLS_ASIDE, all = s->rx_window / WEIR_CELL_BYTES;
    return bytes_in(s, all > used ? all - used : 0);
}

/* The window with nothing unread. */
static uint32_t window_full(const struct weir_sctp *s)
{
    return bytes_in(s, s->rx_window / WEIR_CELL_BYTES);
}

/* Not so little that it brings small packets: then rather nothing, until there is more. */
static uint32_t window_least(const struct weir_sctp *s)
{
    return fragment_bytes(s) < window_full(s) / 2 ? fragment_bytes(s) : window_full(s) / 2;
}

/* A write that waits for memory, or for which some is kept, has our place in the line: then we come after
 * it. */
static void await_room(struct weir_sctp *s, uint32_t buffers)
{
    bool is_never, is_taken = s->is_write_waiting || weir_account_kept(s->pool, s->account) != 0;
    s->rx_waits = is_taken || !weir_account_ask(s->pool, s->account, buffers, &is_never);
    if (!s->rx_waits) {
        weir_account_done(s->pool, s->account);
    }
}

uint32_t weir_sctp_rwnd(struct weir_sctp *s)
{
    uint32_t wanted = window_wanted(s), need = buffers_for(s, wanted);
    uint32_t got = weir_account_promise(s->pool, s->account, need);
    uint32_t cells = got * WEIR_CELLS_PER_BUF + weir_account_spare(s->pool, s->account);
    /* as many as buffers_for would ask this for */
    cells = cells > CELLS_ASIDE ? (uint32_t)(((uint64_t)(cells - CELLS_ASIDE) * 16 + 15) / 17) : 0;
    uint32_t window = got == need ? wanted : bytes_in(s, cells);
    window = window < wanted ? window : wanted;
    window = window < window_least(s) ? 0 : window;
    if (window == 0 && wanted >= window_least(s)) {
        await_room(s, buffers_for(s, window_least(s)));
    }
    return window;
}

enum weir_sctp_verdict weir_sctp_lack_room(struct weir_sctp *s)
{
    s->ack = ACK_NOW; /* [RFC 9260 6.2 MUST] what was dropped is not acknowledged */
    await_room(s, 1);
    return WEIR_SCTP_DATA_FULL;
}

bool weir_sctp_is_closed(const struct weir_sctp *s)
{
    return s->rwnd_told == 0 && window_wanted(s) < window_least(s);
}

void weir_sctp_note_shape(struct weir_sctp *s, uint32_t bytes, uint32_t cells)
{
    s->shape_cells += cells;
    s->shape_bytes += bytes;
    if (s->shape_bytes > SHAPE_BYTES || s->shape_cells > SHAPE_BYTES / WEIR_CELL_BYTES * 2) {
        s->shape_cells = s->shape_cells / 2 + 1;
        s->shape_bytes = s->shape_bytes / 2 + 1;
    }
}

static void window_grow(struct weir_sctp *s, uint64_t wanted)
{
    uint32_t most = s->config.rx_bytes_max;
    if (wanted > s->rx_window) {
        s->rx_window = wanted < most ? (uint32_t)wanted : most;
    }
}

/* Of a small share a third is left for what we send. */
static uint32_t window_first(const struct weir_sctp *s)
{
    uint64_t share = (uint64_t)s->pool->share * WEIR_BUF_CELL_BYTES / 3 * 2;
    uint32_t first = RX_WINDOW_FIRST < s->config.rx_bytes_max ? RX_WINDOW_FIRST : s->config.rx_bytes_max;
    first = share != 0 && share < first ? (uint32_t)share : first;
    return first > RX_WINDOW_LEAST ? first : RX_WINDOW_LEAST;
}

static bool may_take_data(const struct weir_sctp *s)
{
    return s->state == WEIR_SCTP_ESTABLISHED || s->state == WEIR_SCTP_SHUTDOWN_PENDING ||
           s->state == WEIR_SCTP_SHUTDOWN_SENT;
}

/* The window is tried again with the next SACK. */
static void receive_again(struct weir_sctp *s)
{
    if (s->rx_waits) {
        s->rx_waits = false;
        s->ack = may_take_data(s) ? ACK_NOW : s->ack;
    }
}

/* What was offered beyond the first window is for a path that is busy, what is kept for a writer is for one
 * who comes soon: that does not wait for the path. */
static void await_quiet(struct weir_sctp *s, weir_time now)
{
    bool is_kept = s->quiet_at != WEIR_NEVER && weir_account_kept(s->pool, s->account) != 0;
    if ((s->rx_window > window_first(s) || s->is_write_waiting) && !is_kept) {
        s->quiet_at = weir_time_add(now, QUIET);
    }
}

/* [RFC 9260 6.2 SHOULD] */
static void tell_when_open(struct weir_sctp *s)
{
    uint32_t wanted = window_wanted(s);
    if (may_take_data(s) && wanted > s->rwnd_told && wanted - s->rwnd_told >= window_full(s) / 4) {
        s->ack = ACK_NOW;
    }
}

void weir_sctp_note_read(struct weir_sctp *s, weir_time now, uint32_t cells)
{
    weir_duration rtt = s->srtt != 0 ? s->srtt : s->rtt_hint != 0 ? s->rtt_hint : RTT_UNKNOWN;
    s->epoch_cells += cells;
    if (weir_time_since(now, s->epoch_at) >= rtt) {
        window_grow(s, 4 * (uint64_t)s->epoch_cells * WEIR_CELL_BYTES);
        s->epoch_cells = 0;
        s->epoch_at = now;
        if (s->quiet_at == WEIR_NEVER) {
            await_quiet(s, now);
        }
    }
    tell_when_open(s);
}

/* The pool counts by how long ago our oldest hole opened. */
static void tell_holes(struct weir_sctp *s)
{
    bool has_holes = s->range_count != 0;
    if (has_holes != s->has_told_holes || (has_holes && s->holes_told != s->rx_cum + 1)) {
        weir_account_set_holes(s->pool, s->account, has_holes);
        s->has_told_holes = has_holes;
        s->holes_told = s->rx_cum + 1;
    }
}

void weir_sctp_note_arrival(struct weir_sctp *s, weir_time now)
{
    uint64_t message = (uint64_t)s->config.message_max_local / 7 * 8 + RX_WINDOW_FIRST;
    if (s->rx_undelivered == 0) {
        s->rx_moved_at = now;
    } else if (s->rx_undelivered > window_full(s) / 2 && s->rx_window < message) {
        window_grow(s, 2 * (uint64_t)s->rx_window < message ? 2 * (uint64_t)s->rx_window : message);
    }
    await_quiet(s, now);
    tell_holes(s);
}

/* Half of the first one as well, and so on, while a write of ours finds no memory. */
static void window_shrink(struct weir_sctp *s, weir_time now)
{
    uint32_t first = window_first(s), half = s->rx_window / 2;
    if (s->rx_window > first) {
        s->rx_window = first;
    } else if (s->is_write_waiting && s->rx_window > RX_WINDOW_LEAST) {
        s->rx_window = half > RX_WINDOW_LEAST ? half : RX_WINDOW_LEAST;
    }
    if (s->is_write_waiting && s->rx_window > RX_WINDOW_LEAST) {
        s->quiet_at = weir_time_add(now, QUIET);
    }
}

void weir_sctp_quiet_expired(struct weir_sctp *s, weir_time now)
{
    s->quiet_at = WEIR_NEVER;
    if (weir_account_kept(s->pool, s->account) != 0) { /* it was told that it may write, and did not */
        weir_account_done(s->pool, s->account);
        receive_again(s);
        if (weir_time_since(now, s->epoch_at) < QUIET) {
            await_quiet(s, now); /* data comes, and is read */
            return;
        }
    }
    window_shrink(s, now);
    if (may_take_data(s) && s->rwnd_told > window_wanted(s)) {
        s->ack = ACK_NOW; /* nothing is on its way: now it can be taken back */
    }
}

/* -- Data to send ------------------------------------------------------------------------------ */

uint32_t weir_sctp_tx_limit(const struct weir_sctp *s)
{
    uint64_t bytes = 2 * (uint64_t)s->cwnd + s->cwnd / 2; /* a half for headers */
    bytes = bytes < TX_LIMIT_FIRST ? TX_LIMIT_FIRST : bytes;
    bytes = bytes < s->config.tx_bytes_max ? bytes : s->config.tx_bytes_max;
    return (uint32_t)(bytes / WEIR_CELL_BYTES);
}

static uint32_t buffers_beside_spare(const struct weir_sctp *s, uint32_t cells)
{
    uint32_t spare = weir_account_spare(s->pool, s->account);
    return cells > spare ? (cells - spare + WEIR_CELLS_PER_BUF - 1) / WEIR_CELLS_PER_BUF : 0;
}

/* Within our own limit? One message goes in any case, so that every size can be sent. */
static bool is_within(const struct weir_sctp *s, uint32_t cells, uint32_t limit)
{
    return s->tx_cells == 0 || (uint64_t)s->tx_cells + cells <= limit;
}

/* More than there could ever be beside what is here to stay: channels, streams, the least window. */
static bool is_too_much(const struct weir_sctp *s, uint32_t cells)
{
    uint64_t lasting = weir_account_cells(s->pool, s->account) - s->rx_cells - s->tx_cells;
    lasting += RX_WINDOW_LEAST / WEIR_CELL_BYTES;
    return (lasting + cells) / WEIR_CELLS_PER_BUF >= weir_account_most(s->pool);
}

/* In the pool's line. Our own window may be what is in the way: it is smaller after each quiet time. */
static void write_waits(struct weir_sctp *s)
{
    s->is_write_waiting = true;
    s->quiet_at = weir_time_min(s->quiet_at, weir_time_add(s->now, QUIET));
}

enum weir_status weir_sctp_ask(struct weir_sctp *s, uint32_t cells, uint32_t beyond)
{
    bool is_never = is_too_much(s, cells);
    bool is_room = !is_never && is_within(s, cells, weir_sctp_tx_limit(s) + beyond);
    if (is_room && weir_account_ask(s->pool, s->account, buffers_beside_spare(s, cells), &is_never)) {
        s->is_write_waiting = false;
        return WEIR_OK;
    }
    if (is_never) {
        return WEIR_ERR_SIZE;
    }
    s->write_need = cells;
    s->is_write_refused = true;
    if (is_room) {
        write_waits(s);
    }
    return WEIR_ERR_FULL;
}

void weir_sctp_wrote(struct weir_sctp *s)
{
    weir_account_done(s->pool, s->account);
    weir_sctp_note_sent(s); /* a larger one that was refused waits again */
    receive_again(s);
}

void weir_sctp_refuse_write(struct weir_sctp *s)
{
    s->write_need = s->is_write_refused ? s->write_need : 1;
    s->is_write_refused = true;
}

static void told_writable(struct weir_sctp *s)
{
    s->is_write_refused = s->is_write_waiting = false;
    s->quiet_at = weir_time_add(s->now, QUIET); /* the room is kept no longer */
    weir_sctp_owe_event(s, WEIR_SCTP_EVENT_WRITABLE);
    receive_again(s);
}

void weir_sctp_note_sent(struct weir_sctp *s)
{
    uint32_t limit = weir_sctp_tx_limit(s);
    bool is_never;
    /* Half of the limit, so that a writer is not woken for every message. */
    if (!s->is_write_refused || s->tx_cells > limit / 2 || !is_within(s, s->write_need, limit)) {
        return;
    }
    if (is_too_much(s, s->write_need) /* who writes again is told that */
        || weir_account_ask(s->pool, s->account, buffers_beside_spare(s, s->write_need), &is_never)
        || is_never) {
        told_writable(s);
    } else {
        write_waits(s);
    }
}

/* -- The pool ---------------------------------------------------------------------------------- */

static bool is_stalled(const struct weir_sctp *s, weir_time now)
{
    bool tx = s->out_head != WEIR_NO_CELL && weir_time_since(now, s->tx_moved_at) >= s->config.stall_max;
    bool rx = s->rx_undelivered != 0 && weir_time_since(now, s->rx_moved_at) >= s->config.stall_max;
    return s->config.stall_max != 0 && (tx || rx);
}

void weir_sctp_hear(struct weir_sctp *s, weir_time now)
{
    s->now = now;
    uint8_t news = s->account == WEIR_NO_ACCOUNT ? 0 : weir_account_take_news(s->pool, s->account);
    if (news == 0) {
        return;
    }
    if ((news & WEIR_NEWS_HOLES) != 0) {
        weir_sctp_reasm_give_back(s);
        weir_account_set_holes(s->pool, s->account, s->has_told_holes = false); /* we have done our part */
    }
    if ((news & WEIR_NEWS_LOAN) != 0) {
        s->rx_window = s->rx_window / 2 > window_first(s) ? s->rx_window / 2 : window_first(s);
        if (is_stalled(s, now)) {
            weir_sctp_give_up(s, now);
            return;
        }
    }
    if ((news & WEIR_NEWS_ROOM) != 0 && s->is_write_waiting) {
        told_writable(s);
    } else if ((news & WEIR_NEWS_ROOM) != 0 && s->rx_waits) {
        weir_account_invite(s->pool, s->account);
    }
    receive_again(s);
}

void weir_sctp_memory_begin(struct weir_sctp *s, weir_time now)
{
    s->now = s->epoch_at = s->rx_moved_at = s->tx_moved_at = now;
    s->quiet_at = WEIR_NEVER;
    s->rx_window = window_first(s);
    s->shape_cells = 20; /* a full fragment */
    s->shape_bytes = fragment_bytes(s);
    s->rwnd_told = weir_sctp_rwnd(s);
}

void weir_sctp_memory_end(struct weir_sctp *s)
{
    (void)weir_account_promise(s->pool, s->account, 0);
    weir_account_forgo(s->pool, s->account);
    weir_account_set_holes(s->pool, s->account, false);
    s->has_told_holes = s->rx_waits = s->is_write_refused = s->is_write_waiting = false;
}
