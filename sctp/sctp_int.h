/* What the files of sctp/ share. Included nowhere else.
 *
 * Reading order: sctp_wire, sctp_recv, sctp_setup (with sctp_cookie), sctp_rx (with sctp_tsn,
 * sctp_reasm and sctp_memory), sctp_tx, sctp_loss (with sctp_cc and sctp_pr), sctp_reset, sctp_teardown,
 * sctp_send, sctp (timers, events), then sctp_channel and sctp_dcep above it all.
 */
#ifndef WEIR_SCTP_SCTP_INT_H
#define WEIR_SCTP_SCTP_INT_H

#include "sctp/sctp.h"

/* -- Wire constants --------------------------------------------------------------------------- */

enum chunk_type {
    CHUNK_DATA = 0,
    CHUNK_INIT = 1,
    CHUNK_INIT_ACK = 2,
    CHUNK_SACK = 3,
    CHUNK_HEARTBEAT = 4,
    CHUNK_HEARTBEAT_ACK = 5,
    CHUNK_ABORT = 6,
    CHUNK_SHUTDOWN = 7,
    CHUNK_SHUTDOWN_ACK = 8,
    CHUNK_ERROR = 9,
    CHUNK_COOKIE_ECHO = 10,
    CHUNK_COOKIE_ACK = 11,
    CHUNK_SHUTDOWN_COMPLETE = 14,
    CHUNK_RE_CONFIG = 130,
    CHUNK_FORWARD_TSN = 192,
};

enum param_type {
    PARAM_HEARTBEAT = 1,
    PARAM_IPV4 = 5,
    PARAM_IPV6 = 6,
    PARAM_COOKIE = 7,
    PARAM_UNRECOGNIZED = 8,
    PARAM_COOKIE_PRESERVATIVE = 9,
    PARAM_HOST_NAME = 11,
    PARAM_ADDRESS_TYPES = 12,
    PARAM_RESET_OUTGOING = 13,
    PARAM_RESET_INCOMING = 14,
    PARAM_RESET_TSN = 15,
    PARAM_RESET_RESPONSE = 16,
    PARAM_ADD_OUTGOING = 17,
    PARAM_ADD_INCOMING = 18,
    PARAM_EXTENSIONS = 0x8008,
    PARAM_FORWARD_TSN = 0xc000,
};

enum cause_code {
    CAUSE_STREAM = 1,
    CAUSE_STALE_COOKIE = 3,
    CAUSE_OUT_OF_RESOURCE = 4,
    CAUSE_CHUNK_UNKNOWN = 6,
    CAUSE_PARAM_UNKNOWN = 8,
    CAUSE_NO_USER_DATA = 9,
    CAUSE_COOKIE_SHUTTING_DOWN = 10,
    CAUSE_USER_ABORT = 12,
    CAUSE_VIOLATION = 13,
};

enum {
    COMMON_HEADER_BYTES = 12,
    CHUNK_HEADER_BYTES = 4,
    PARAM_HEADER_BYTES = 4,
    DATA_HEADER_BYTES = 16, /* chunk header included */
    ABORT_WHY_MAX = 64,
    WINDOW_LEAST = 1500, /* in INIT and INIT ACK [RFC 9260 3.3.2 MUST] */
    LOSS_REPORTS = 3, /* misses that make a loss [RFC 9260 7.2.4] */
};

/* Flags of DATA [RFC 9260 3.3.1] and of ABORT and SHUTDOWN COMPLETE. */
enum {
    FLAG_END = 1,
    FLAG_BEGIN = 2,
    FLAG_UNORDERED = 4,
    FLAG_IMMEDIATE = 8,
    FLAG_REFLECTED = 1,
};

/* Answers and chunks owed: bits of weir_sctp.owed. */
enum {
    OWES_INIT = 1u << 0,
    OWES_INIT_ACK = 1u << 1,
    OWES_COOKIE_ECHO = 1u << 2,
    OWES_COOKIE_ACK = 1u << 3,
    OWES_HEARTBEAT = 1u << 4,
    OWES_HEARTBEAT_ACK = 1u << 5,
    OWES_ERROR = 1u << 6,
    OWES_SHUTDOWN = 1u << 7,
    OWES_SHUTDOWN_ACK = 1u << 8,
    OWES_SHUTDOWN_COMPLETE = 1u << 9,
    OWES_ABORT = 1u << 10,           /* ours, to remote_tag, with `cause` */
    OWES_REFLECTED_ABORT = 1u << 11, /* to answer_tag, T bit set */
    OWES_REFLECTED_COMPLETE = 1u << 12,
    OWES_REFUSAL = 1u << 13,         /* ABORT to the tag of an INIT, T bit clear */
};

enum ack_step {
    ACK_NONE,
    ACK_DELAYED, /* by sack_at, or with the next DATA */
    ACK_NOW,
};

enum reset_step {
    RESET_NONE,
    RESET_WANTED,    /* when the queue has drained and is acknowledged */
    RESET_REQUESTED, /* in the request that is out */
    RESET_STUCK,     /* denied, or the peer cannot: the numbers go on, the stream is not reused */
};

/* -- Buffers ---------------------------------------------------------------------------------- */

/* A run of fragments of one message with consecutive TSNs, in front of its bytes. In the segment list in
 * TSN order while incomplete or waiting; then in the list of unread messages. */
struct segment {
    struct weir_piece piece;
    uint32_t next, prev;
    uint32_t tail; /* last piece of the rope */
    uint32_t first, last;
    uint32_t ppid;
    uint32_t bytes;
    uint32_t slot;    /* its stream */
    uint16_t channel; /* once delivered */
    uint16_t ssn;
    uint8_t flags; /* FLAG_BEGIN when it has the first fragment, FLAG_END the last */
};

enum chunk_state {
    CHUNK_QUEUED,
    CHUNK_IN_FLIGHT,
    CHUNK_LOST,      /* to be sent again */
    CHUNK_GAP_ACKED, /* the peer has it, and may still renege */
    CHUNK_ABANDONED,
};

/* One DATA chunk to send, in front of its bytes. */
struct tx_chunk {
    struct weir_piece piece;
    weir_time sent_at; /* while queued: when it was written */
    weir_time expires_at;
    uint32_t next;  /* in the queue of its stream, then in the list of outstanding chunks */
    uint32_t prev;  /* in the list of outstanding chunks */
    uint32_t tsn;
    uint32_t ppid;
    uint32_t order; /* when it was last sent, as a count of transmissions */
    uint32_t slot;  /* its stream */
    uint16_t bytes;
    uint16_t ssn;
    uint16_t resend_limit; /* UINT16_MAX = none */
    uint16_t sent_count;
    uint8_t flags;
    uint8_t state;  /* enum chunk_state */
    uint8_t misses;
};

/* The bytes begin right behind the last field, in the same cell. */
enum {
    SEGMENT_HEAD = offsetof(struct segment, flags) + 1,
    CHUNK_HEAD = offsetof(struct tx_chunk, misses) + 1,
};

_Static_assert(SEGMENT_HEAD < WEIR_CELL_BYTES && CHUNK_HEAD < WEIR_CELL_BYTES, "a byte costs a cell");

/* Heartbeats leave a little later, with those of other associations: who keeps many wakes for many at once.
 * A part in six hundred of the time between two. */
#define HEARTBEAT_GRID (50 * WEIR_MS)

static inline weir_time on_grid(weir_time at)
{
    weir_duration past = at % HEARTBEAT_GRID;
    return past == 0 || at == WEIR_NEVER ? at : weir_time_add(at, HEARTBEAT_GRID - past);
}

static inline struct weir_sctp_stream *stream_at(const struct weir_sctp *s, uint32_t slot)
{
    return (struct weir_sctp_stream *)weir_cell_at(s->pool, slot);
}

/* The channel of an index that is used. */
static inline struct weir_sctp_channel *channel_of(const struct weir_sctp *s, uint32_t channel)
{
    return (struct weir_sctp_channel *)weir_cell_at(s->pool,
                                                    weir_index_find(s->pool, &s->channels, channel));
}

/* Streams by identifier from *id on, and channels by index: the next, or WEIR_NO_CELL. Either may be freed
 * before the next is asked for. */
static inline uint32_t stream_next(const struct weir_sctp *s, uint32_t *id)
{
    return weir_index_next(s->pool, &s->streams, *id, id);
}

static inline struct weir_sctp_channel *channel_next(const struct weir_sctp *s, uint32_t *channel)
{
    uint32_t run = weir_index_next(s->pool, &s->channels, *channel, channel);
    return run == WEIR_NO_CELL ? NULL : (struct weir_sctp_channel *)weir_cell_at(s->pool, run);
}

static inline struct segment *segment_at(const struct weir_sctp *s, uint32_t run)
{
    return (struct segment *)weir_cell_at(s->pool, run);
}

static inline struct tx_chunk *chunk_at(const struct weir_sctp *s, uint32_t run)
{
    return (struct tx_chunk *)weir_cell_at(s->pool, run);
}

/* -- Serial numbers [RFC 1982, RFC 9260 1.6] -------------------------------------------------- */

#define RANGE_CELLS WEIR_CELLS_OF(WEIR_SCTP_RANGES_MAX * sizeof(struct weir_sctp_range))

static inline const struct weir_sctp_range *ranges_of(const struct weir_sctp *s)
{
    const void *many = s->range_run == WEIR_NO_CELL ? NULL : weir_cell_at(s->pool, s->range_run);
    return many == NULL ? s->few : (const struct weir_sctp_range *)many;
}

static inline bool tsn_before(uint32_t a, uint32_t b)
{
    return a - b >= 0x80000000u;
}

static inline bool tsn_after(uint32_t a, uint32_t b)
{
    return tsn_before(b, a);
}

static inline bool ssn_before(uint16_t a, uint16_t b)
{
    return (uint16_t)(a - b) >= 0x8000u;
}

/* Payload of a full DATA chunk. */
static inline uint32_t fragment_bytes(const struct weir_sctp *s)
{
    return ((uint32_t)s->config.mtu & ~3u) - COMMON_HEADER_BYTES - DATA_HEADER_BYTES;
}

static inline uint32_t data_wire_bytes(uint32_t payload)
{
    return DATA_HEADER_BYTES + ((payload + 3) & ~3u);
}

/* -- sctp_wire.c ------------------------------------------------------------------------------ */

struct chunk {
    uint8_t type;
    uint8_t flags;
    struct weir_span value;
    struct weir_span whole; /* header included, padding not */
};

struct param {
    uint16_t type;
    struct weir_span value;
    struct weir_span whole;
};

/* Take the next chunk or parameter off the reader; false when it is malformed. */
WEIR_MUST_CHECK bool weir_sctp_chunk_next(struct weir_rd *r, struct chunk *c);
WEIR_MUST_CHECK bool weir_sctp_param_next(struct weir_rd *r, struct param *p);
enum weir_sctp_verdict weir_sctp_init_value_parse(struct weir_span value, bool is_ack,
                                                  struct weir_sctp_init_chunk *init);
/* Write our INIT or INIT ACK with its header; `cookie` and `unknown` empty for INIT. */
void weir_sctp_init_value_write(struct weir_wr *w, const struct weir_sctp *s, bool is_ack,
                                struct weir_span cookie);
/* Open a chunk: the mark closes it, and pads. */
struct weir_mark weir_sctp_chunk_open(struct weir_wr *w, uint8_t type, uint8_t flags);
void weir_sctp_chunk_close(struct weir_wr *w, struct weir_mark m);
/* Note an error cause for the next ERROR chunk; dropped when there is no room left. */
void weir_sctp_report(struct weir_sctp *s, uint16_t cause, struct weir_span value);

/* -- sctp_cookie.c ---------------------------------------------------------------------------- */

/* What we will need to know when the cookie comes back [RFC 9260 5.1.3]. */
struct cookie {
    weir_time made_at;
    uint32_t local_tag, local_tsn;
    uint32_t tie_local, tie_remote;
    struct weir_sctp_init_chunk remote; /* tag, a_rwnd, tsn, streams and extensions alone */
};

enum { COOKIE_BYTES = 44 + 32 };

void weir_sctp_cookie_seal(const struct weir_sctp *s, const struct cookie *c,
                           uint8_t out[COOKIE_BYTES]);
WEIR_MUST_CHECK bool weir_sctp_cookie_open(const struct weir_sctp *s, struct weir_span bytes,
                                           struct cookie *c);

/* -- sctp.c ----------------------------------------------------------------------------------- */

void weir_sctp_set_state(struct weir_sctp *s, weir_time now, enum weir_sctp_state next,
                         uint32_t why);
/* End the association: buffers go back (unread messages stay), timers stop, CLOSED is owed. */
void weir_sctp_end(struct weir_sctp *s, weir_time now, enum weir_sctp_reason reason,
                   uint16_t cause);
/* End it because the peer broke a rule: one ABORT with `cause` goes out. Gives `v` back. */
enum weir_sctp_verdict weir_sctp_violate(struct weir_sctp *s, weir_time now,
                                         enum weir_sctp_verdict v, uint16_t cause);
enum weir_sctp_verdict weir_sctp_note(struct weir_sctp *s, weir_time now, enum weir_sctp_verdict v,
                                      struct weir_span bytes);
void weir_sctp_owe_event(struct weir_sctp *s, enum weir_sctp_event_type type);
/* End it because others need the memory that it borrowed. */
void weir_sctp_give_up(struct weir_sctp *s, weir_time now);
/* One more unanswered transmission; true when that was one too many and the association ended. */
bool weir_sctp_count_error(struct weir_sctp *s, weir_time now);

/* How long to wait for an answer after `count` waits of `base`, doubling, in vain. */
weir_duration weir_sctp_backoff(const struct weir_sctp *s, weir_duration base, uint32_t count);

/* -- sctp_setup.c ----------------------------------------------------------------------------- */

enum weir_sctp_verdict weir_sctp_rx_init(struct weir_sctp *s, weir_time now, const struct chunk *c);
/* Keep a few bytes of the peer's in the pool, instead of those kept before. False: no room, and those stay.
 * And no more (sctp.c). */
bool weir_sctp_keep(struct weir_sctp *s, uint32_t *kept, struct weir_span bytes);
void weir_sctp_unkeep(struct weir_sctp *s, uint32_t *kept);
/* The peer's cookie needs no more echoing. */
void weir_sctp_cookie_drop(struct weir_sctp *s);
enum weir_sctp_verdict weir_sctp_rx_init_ack(struct weir_sctp *s, weir_time now,
                                             const struct chunk *c);
enum weir_sctp_verdict weir_sctp_rx_cookie_echo(struct weir_sctp *s, weir_time now,
                                                const struct chunk *c, uint32_t packet_tag);
enum weir_sctp_verdict weir_sctp_rx_cookie_ack(struct weir_sctp *s, weir_time now);
void weir_sctp_rx_stale_cookie(struct weir_sctp *s, weir_time now);
void weir_sctp_t1_expired(struct weir_sctp *s, weir_time now);

/* -- sctp_teardown.c -------------------------------------------------------------------------- */

enum weir_sctp_verdict weir_sctp_rx_abort(struct weir_sctp *s, weir_time now,
                                          const struct chunk *c);
enum weir_sctp_verdict weir_sctp_rx_shutdown(struct weir_sctp *s, weir_time now,
                                             const struct chunk *c);
enum weir_sctp_verdict weir_sctp_rx_shutdown_ack(struct weir_sctp *s, weir_time now);
enum weir_sctp_verdict weir_sctp_rx_shutdown_complete(struct weir_sctp *s, weir_time now);
enum weir_sctp_verdict weir_sctp_rx_error(struct weir_sctp *s, weir_time now,
                                          const struct chunk *c);
enum weir_sctp_verdict weir_sctp_rx_heartbeat(struct weir_sctp *s, const struct chunk *c);
enum weir_sctp_verdict weir_sctp_rx_heartbeat_ack(struct weir_sctp *s, weir_time now,
                                                  const struct chunk *c);
/* A packet for no association: what to answer [RFC 9260 8.4]. */
void weir_sctp_out_of_the_blue(struct weir_sctp *s, struct weir_span packet);
/* Go on with a shutdown when the last data is acknowledged. */
void weir_sctp_shutdown_step(struct weir_sctp *s, weir_time now);
void weir_sctp_t2_expired(struct weir_sctp *s, weir_time now);
void weir_sctp_heartbeat_expired(struct weir_sctp *s, weir_time now);

/* -- sctp_streams.c --------------------------------------------------------------------------- */

void weir_sctp_streams_clear(struct weir_sctp *s);
/* The cell of a stream, WEIR_NO_CELL when it has none. */
uint32_t weir_sctp_stream_find(const struct weir_sctp *s, uint16_t id);
/* The same, made when there is room. */
uint32_t weir_sctp_stream_get(struct weir_sctp *s, enum weir_store_way way, uint16_t id);
/* The same for one that the peer speaks of: its memory was promised. Not one that we did not announce. */
uint32_t weir_sctp_stream_heard(struct weir_sctp *s, uint16_t id);
/* Free it if nothing would be lost by it. */
void weir_sctp_stream_settle(struct weir_sctp *s, uint32_t slot);
/* It is not freed before it was unpinned as often; unpinning settles it. */
void weir_sctp_stream_pin(struct weir_sctp *s, uint32_t slot);
void weir_sctp_stream_unpin(struct weir_sctp *s, uint32_t slot);
/* The association is over: of the streams only those are left that have messages to read. */
void weir_sctp_streams_end(struct weir_sctp *s);
/* Put a stream with something queued into the turn, at its end. */
void weir_sctp_stream_schedule(struct weir_sctp *s, uint32_t slot);

/* -- sctp_tsn.c ------------------------------------------------------------------------------- */

bool weir_sctp_tsn_received(const struct weir_sctp *s, uint32_t tsn);
/* Can this TSN be noted without one range too many, or one that the pool has no room for? */
bool weir_sctp_tsn_has_room(struct weir_sctp *s, uint32_t tsn);
/* There are no ranges. */
void weir_sctp_tsn_clear(struct weir_sctp *s);
void weir_sctp_tsn_note(struct weir_sctp *s, uint32_t tsn);
/* Take a received run back; false when that would make one range too many. */
bool weir_sctp_tsn_forget(struct weir_sctp *s, uint32_t first, uint32_t last);
void weir_sctp_tsn_skip_to(struct weir_sctp *s, uint32_t cum);
void weir_sctp_tsn_duplicate(struct weir_sctp *s, uint32_t tsn);
/* A SACK falls due now, though it may leave after more packets have come. */
void weir_sctp_ack_point(struct weir_sctp *s);
/* Write the next SACK, with as many gap blocks as fit into `room` bytes. */
void weir_sctp_sack_write(struct weir_sctp *s, struct weir_wr *w, size_t room);

/* -- sctp_reasm.c ----------------------------------------------------------------------------- */

struct data {
    uint32_t tsn;
    uint32_t ppid;
    uint16_t stream;
    uint32_t slot;
    uint16_t ssn;
    uint8_t flags;
    struct weir_span payload;
};

/* Keep one new fragment; on any verdict but OK nothing has changed. */
enum weir_sctp_verdict weir_sctp_reasm_add(struct weir_sctp *s, weir_time now,
                                           const struct data *d);
/* A fragment was acknowledged and dropped: drop what has arrived of its message on both sides of it. */
void weir_sctp_reasm_drop_beside(struct weir_sctp *s, const struct data *d);
/* Deliver what the new cumulative TSN, or a reset, makes deliverable. */
void weir_sctp_reasm_advance(struct weir_sctp *s, weir_time now);
/* The peer skips to `cum`: drop fragments of messages that will not be completed. */
void weir_sctp_reasm_drop_to(struct weir_sctp *s, uint32_t cum);
/* Ordered messages up to `ssn` will not all come: deliver those that have. */
void weir_sctp_reasm_skip(struct weir_sctp *s, weir_time now, uint32_t slot, uint16_t ssn);
void weir_sctp_reasm_release(struct weir_sctp *s);
/* Others wait for memory: drop what lies behind holes as long as it is borrowed. */
void weir_sctp_reasm_give_back(struct weir_sctp *s);

/* -- sctp_memory.c ---------------------------------------------------------------------------- */

/* The window to advertise; what fits into it is kept free. */
uint32_t weir_sctp_rwnd(struct weir_sctp *s);
/* There is no room for what came: we wait for some. Gives DATA_FULL. */
enum weir_sctp_verdict weir_sctp_lack_room(struct weir_sctp *s);
/* The window is closed, as the peer knows: what goes on behind the last TSN is a probe, and not taken. */
bool weir_sctp_is_closed(const struct weir_sctp *s);
/* What came has this shape: so many bytes in so many cells. */
void weir_sctp_note_shape(struct weir_sctp *s, uint32_t bytes, uint32_t cells);
/* So many cells were read, and are free: the window may grow, and the peer may have to hear. */
void weir_sctp_note_read(struct weir_sctp *s, weir_time now, uint32_t cells);
/* After a packet that brought data. */
void weir_sctp_note_arrival(struct weir_sctp *s, weir_time now);
/* No data came for some time. */
void weir_sctp_quiet_expired(struct weir_sctp *s, weir_time now);
/* Cells that data to send may hold in all, as the congestion window is now. */
uint32_t weir_sctp_tx_limit(const struct weir_sctp *s);
/* May so many cells more be queued? Else a WRITABLE is owed. `beyond`: cells over the limit, if need be. */
enum weir_status weir_sctp_ask(struct weir_sctp *s, uint32_t cells, uint32_t beyond);
/* What was asked for is queued. */
void weir_sctp_wrote(struct weir_sctp *s);
/* A write was refused for another reason than memory. */
void weir_sctp_refuse_write(struct weir_sctp *s);
/* Cells of data to send were given back, or what else stood in the way of a write is gone. */
void weir_sctp_note_sent(struct weir_sctp *s);
/* News of the pool. */
void weir_sctp_hear(struct weir_sctp *s, weir_time now);
void weir_sctp_memory_begin(struct weir_sctp *s, weir_time now);
/* Nothing is promised and nothing waited for any more. */
void weir_sctp_memory_end(struct weir_sctp *s);

/* -- sctp_rx.c -------------------------------------------------------------------------------- */

enum weir_sctp_verdict weir_sctp_rx_data(struct weir_sctp *s, weir_time now, const struct chunk *c);
enum weir_sctp_verdict weir_sctp_rx_forward_tsn(struct weir_sctp *s, weir_time now,
                                                const struct chunk *c);
/* Hand a complete message to its reader: to DCEP, or to the list of unread messages. */
void weir_sctp_deliver(struct weir_sctp *s, weir_time now, uint32_t head);
void weir_sctp_rx_put(struct weir_sctp *s, uint32_t head);

/* -- sctp_tx.c -------------------------------------------------------------------------------- */

/* As weir_sctp_write; control messages may use some memory over the limit. */
enum weir_status weir_sctp_queue(struct weir_sctp *s, weir_time now, uint32_t slot,
                                 struct weir_span msg, const struct weir_sctp_send_opts *opts,
                                 bool is_control);
bool weir_sctp_may_send_data(const struct weir_sctp *s);
/* True when fill_data would write something now. */
bool weir_sctp_has_data(struct weir_sctp *s, weir_time now);
void weir_sctp_fill_data(struct weir_sctp *s, weir_time now, struct weir_wr *w);
/* Drop unsent messages of a stream; one that is partly sent is finished. */
void weir_sctp_queue_discard(struct weir_sctp *s, uint32_t slot);
/* Take the rest of the partly sent message off the queue; its last fragment gets a TSN that will
 * never be sent and is abandoned, so that the peer can skip the whole message. */
void weir_sctp_queue_cut(struct weir_sctp *s, uint32_t slot);
void weir_sctp_tx_put(struct weir_sctp *s, uint32_t index);
void weir_sctp_tx_release(struct weir_sctp *s);
bool weir_sctp_tx_is_empty(const struct weir_sctp *s);

/* -- sctp_loss.c ------------------------------------------------------------------------------ */

enum weir_sctp_verdict weir_sctp_rx_sack(struct weir_sctp *s, weir_time now, const struct chunk *c);
/* A SHUTDOWN acknowledges as well. */
enum weir_sctp_verdict weir_sctp_rx_cum_ack(struct weir_sctp *s, weir_time now, uint32_t cum);
void weir_sctp_t3_start(struct weir_sctp *s, weir_time now);
void weir_sctp_t3_expired(struct weir_sctp *s, weir_time now);
void weir_sctp_rtt_note(struct weir_sctp *s, weir_duration rtt);
/* Append to the outstanding list. */
void weir_sctp_out_append(struct weir_sctp *s, uint32_t index);

/* -- sctp_cc.c -------------------------------------------------------------------------------- */

void weir_sctp_cc_init(struct weir_sctp *s);
void weir_sctp_cc_sent(struct weir_sctp *s);
void weir_sctp_cc_acked(struct weir_sctp *s, uint32_t acked_bytes, bool cum_moved);
void weir_sctp_cc_lost(struct weir_sctp *s);
void weir_sctp_cc_timeout(struct weir_sctp *s);
void weir_sctp_cc_idle(struct weir_sctp *s, weir_time now);

/* -- sctp_pr.c -------------------------------------------------------------------------------- */

/* Should this chunk be given up rather than sent again? */
bool weir_sctp_is_past_limit(const struct tx_chunk *c, weir_time now);
/* Give up the whole message that an outstanding chunk belongs to. */
void weir_sctp_abandon(struct weir_sctp *s, uint32_t index);
/* Move the point up to which the peer may skip, and owe a FORWARD-TSN if it moved. */
void weir_sctp_advance(struct weir_sctp *s, weir_time now);
void weir_sctp_forward_write(struct weir_sctp *s, weir_time now, struct weir_wr *w);

/* -- sctp_reset.c ----------------------------------------------------------------------------- */

enum weir_sctp_verdict weir_sctp_rx_reconfig(struct weir_sctp *s, weir_time now,
                                             const struct chunk *c);
/* Ask for a reset of a stream of ours as soon as it may be. */
void weir_sctp_reset_want(struct weir_sctp *s, uint32_t slot);
/* The peer opens a channel on a stream without one that we meant to reset: if nothing was asked
 * yet, forget it. True when the request is out, and its answer must come first. */
bool weir_sctp_reset_overtaken(struct weir_sctp *s, uint32_t slot);
/* Begin a request if one is due and none is out. */
void weir_sctp_reset_step(struct weir_sctp *s);
/* Perform a deferred reset when all earlier data is here. */
void weir_sctp_reset_deferred(struct weir_sctp *s, weir_time now);
void weir_sctp_reset_write(struct weir_sctp *s, weir_time now, struct weir_wr *w);
void weir_sctp_reset_expired(struct weir_sctp *s, weir_time now);

/* -- sctp_channel.c, sctp_dcep.c -------------------------------------------------------------- */

void weir_sctp_channels_connected(struct weir_sctp *s, weir_time now);
void weir_sctp_channels_ended(struct weir_sctp *s);
/* All are freed, told or not. */
void weir_sctp_channels_clear(struct weir_sctp *s);
/* Give up the channels whose OPEN was not answered in time. */
void weir_sctp_channels_expired(struct weir_sctp *s, weir_time now);
/* Write the OPEN and ACK messages that are owed. */
void weir_sctp_channels_wire(struct weir_sctp *s, weir_time now);
bool weir_sctp_channels_event(struct weir_sctp *s, enum weir_sctp_event_type type,
                              struct weir_sctp_event *e);
/* One direction of the channel's stream was reset. */
void weir_sctp_channel_rx_reset(struct weir_sctp *s, uint16_t channel);
void weir_sctp_channel_tx_reset(struct weir_sctp *s, uint16_t channel);
/* Unsent bytes went from `before` to what the stream has now. */
void weir_sctp_channel_drained(struct weir_sctp *s, const struct weir_sctp_stream *st,
                               uint32_t before);
/* A message came: true when it is to be read, false when it was consumed. */
bool weir_sctp_channel_message(struct weir_sctp *s, weir_time now, uint32_t head);
/* A channel without a stream; WEIR_SCTP_NO_CHANNEL when there is no room for it or its names. */
uint16_t weir_sctp_channel_make(struct weir_sctp *s, enum weir_store_way way, struct weir_span label,
                                struct weir_span protocol);
void weir_sctp_channel_attach(struct weir_sctp *s, uint16_t channel, uint32_t slot);
void weir_sctp_channel_detach(struct weir_sctp *s, uint16_t channel);
/* The peer resets the stream: one that is closed already, and only waits to be told so, leaves it. */
void weir_sctp_channel_let_go(struct weir_sctp *s, uint16_t channel);
/* The peer opens a new channel on the stream of this one. False when the old one stands in the way;
 * `awaits_stream` when our reset of it is still to be answered. */
WEIR_MUST_CHECK bool weir_sctp_channel_give_way(struct weir_sctp *s, uint16_t channel,
                                                bool *awaits_stream);
/* The peer's OPEN was taken, and is to be answered. */
void weir_sctp_channel_owe_ack(struct weir_sctp *s, uint16_t channel);
void weir_sctp_channel_opened(struct weir_sctp *s, uint16_t channel);
/* One of its messages was read. */
void weir_sctp_channel_read(struct weir_sctp *s, uint16_t channel);
/* Begin to close it, whoever asks. */
void weir_sctp_channel_end(struct weir_sctp *s, uint16_t channel);

/* DCEP message types [RFC 8832 8.2.1]. */
enum { DCEP_ACK = 2, DCEP_OPEN = 3, DCEP_OPEN_BYTES = 12 };

void weir_sctp_dcep_open_write(struct weir_wr *w, const struct weir_sctp_channel *ch,
                               struct weir_span label, struct weir_span protocol);
enum weir_sctp_verdict weir_sctp_dcep_message(struct weir_sctp *s, uint32_t head);

#endif
