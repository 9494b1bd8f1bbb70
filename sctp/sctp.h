/* SCTP for WebRTC data channels [RFC 9260, RFC 8261, RFC 8831, RFC 8832].
 *
 * One struct weir_sctp is one association inside one DTLS connection. It knows no addresses: a
 * packet is the SCTP common header and chunks, and whoever holds the DTLS connection carries it.
 *
 * Drive it with five verbs: recv a packet, tick when the deadline has come, then take events until
 * there are none and packets (send) until it gives 0. Take events after every call that changes
 * something; take packets before waiting. `now` never decreases.
 *
 * Message bytes are packed into buffers of the pool that the caller gives, on an account there, against
 * two limits in bytes, so that what one association can hold is known beforehand. An idle association
 * holds no buffer; the window that it advertises is kept free for it. The structure is flat: copying it
 * (and the pool) is a snapshot. Fields below "private" are for reading in tests and printers only.
 */
#ifndef WEIR_SCTP_SCTP_H
#define WEIR_SCTP_SCTP_H

#include "core/base.h"
#include "core/crypto.h"
#include "core/rand.h"
#include "core/index.h"
#include "core/store.h"
#include "core/trace.h"

/* -- Limits ----------------------------------------------------------------------------------- */

/* Streams are announced, and have state once they are used: a cell of 64 bytes each, and nine for its
 * number. Identifier 65,535 is not valid. */
#define WEIR_SCTP_STREAMS_MAX 65535
/* Data channels at one time, those still closing included; less by config. A cell of 64 bytes each besides
 * its stream's, for names of eight bytes together; longer ones take whole cells more. */
#define WEIR_SCTP_CHANNELS_MAX 65534
#define WEIR_SCTP_CHANNEL_EVENTS 3 /* opened, buffered low, closed */
/* Label of one channel, and protocol of one channel. [RFC 8832 7 DEVIATION] The wire allows 65,535;
 * a longer one is refused as an OPEN that cannot be taken. */
#define WEIR_SCTP_NAME_MAX 512
/* Runs of TSNs received beyond a gap; what would make one run more is dropped. 8 bytes each. */
#define WEIR_SCTP_RANGES_MAX 128
#define WEIR_SCTP_RANGES_FEW 4 /* that every association has room for; more are in the pool */
/* Duplicate TSNs remembered for the next SACK. */
#define WEIR_SCTP_DUPLICATES_MAX 16
/* SACKs owed for one batch of packets; what would need one more is told with the last. 4 bytes each. */
#define WEIR_SCTP_ACK_POINTS 32
/* State cookie of the peer that we can hold; Firefox with usrsctp uses 196. */
#define WEIR_SCTP_COOKIE_MAX 512
/* HEARTBEAT information that we echo. */
#define WEIR_SCTP_HEARTBEAT_MAX 256
/* Error causes and unrecognised parameters waiting to be reported. */
#define WEIR_SCTP_REPORT_MAX 256
/* Streams that one FORWARD-TSN or one reset request names. */
#define WEIR_SCTP_LISTED_MAX 64

#define WEIR_SCTP_NO_STREAM 0xffffu  /* as an identifier 65,535 is not valid */
#define WEIR_SCTP_NO_CHANNEL 0xffffu

/* Payload protocol identifiers [RFC 8831 8]. */
#define WEIR_SCTP_PPID_DCEP 50
#define WEIR_SCTP_PPID_STRING 51
#define WEIR_SCTP_PPID_BINARY_PARTIAL 52 /* deprecated */
#define WEIR_SCTP_PPID_BINARY 53
#define WEIR_SCTP_PPID_STRING_PARTIAL 54 /* deprecated */
#define WEIR_SCTP_PPID_STRING_EMPTY 56
#define WEIR_SCTP_PPID_BINARY_EMPTY 57

/* -- States and verdicts ---------------------------------------------------------------------- */

/* [RFC 9260 4], in protocol order. */
enum weir_sctp_state {
    WEIR_SCTP_CLOSED, /* not begun: answers an INIT, may connect */
    WEIR_SCTP_COOKIE_WAIT,
    WEIR_SCTP_COOKIE_ECHOED,
    WEIR_SCTP_ESTABLISHED,
    WEIR_SCTP_SHUTDOWN_PENDING,
    WEIR_SCTP_SHUTDOWN_SENT,
    WEIR_SCTP_SHUTDOWN_RECEIVED,
    WEIR_SCTP_SHUTDOWN_ACK_SENT,
    WEIR_SCTP_OVER, /* ended for good: init again for a new one */
    WEIR_SCTP_STATES,
};

/* What a packet met. One value per rule, in the order in which they are checked. */
enum weir_sctp_verdict {
    WEIR_SCTP_OK,
    /* The packet [RFC 9260 3, 6.8, 8.4, 8.5] */
    WEIR_SCTP_SHORT,            /* no room for the common header and a chunk */
    WEIR_SCTP_PORTS,            /* not our pair of ports */
    WEIR_SCTP_CHECKSUM,         /* CRC32c is wrong */
    WEIR_SCTP_CHUNK_LENGTH,     /* a chunk shorter than its header or longer than the packet */
    WEIR_SCTP_INIT_BUNDLED,     /* INIT or INIT ACK with other chunks, INIT with a tag */
    WEIR_SCTP_TAG,              /* verification tag is not ours */
    WEIR_SCTP_OUT_OF_THE_BLUE,  /* no association for it */
    WEIR_SCTP_CHUNK_UNKNOWN,    /* handled as its two high bits say */
    WEIR_SCTP_CHUNK_SHORT,      /* a chunk without its fixed fields */
    WEIR_SCTP_UNEXPECTED,       /* not in this state */
    /* Set-up [RFC 9260 5] */
    WEIR_SCTP_INIT_VALUE,       /* tag or stream count of zero, window under 1,500 */
    WEIR_SCTP_PARAM_LENGTH,     /* a parameter shorter than its header or longer than its chunk */
    WEIR_SCTP_COOKIE_MISSING,   /* INIT ACK without a cookie, or with one that is too large to hold, or
                                   finds no room in the pool */
    WEIR_SCTP_COOKIE_FORGED,    /* wrong size or MAC */
    WEIR_SCTP_COOKIE_STALE,     /* past its life */
    WEIR_SCTP_COOKIE_TAGS,      /* of another association, or late */
    /* Data [RFC 9260 6] */
    WEIR_SCTP_DATA_EMPTY,       /* no user data: aborts */
    WEIR_SCTP_DATA_DUPLICATE,   /* TSN seen before */
    WEIR_SCTP_DATA_WINDOW,      /* TSN too far ahead, or one gap too many */
    WEIR_SCTP_DATA_STREAM,      /* no state left for one stream more */
    WEIR_SCTP_DATA_FRAGMENT,    /* begin and end bits contradict: aborts */
    WEIR_SCTP_DATA_ORPHAN,      /* fragment of a message that was skipped or refused */
    WEIR_SCTP_DATA_TOO_LARGE,   /* message over our limit: dropped, and its channel closes */
    WEIR_SCTP_DATA_FULL,        /* quota or pool used up: peer sends again */
    WEIR_SCTP_DATA_SSN,         /* stream sequence with a hole that nothing can fill */
    WEIR_SCTP_SACK_OLD,         /* cumulative TSN goes back */
    WEIR_SCTP_SACK_UNSENT,      /* acknowledges what we never sent */
    WEIR_SCTP_SACK_BLOCKS,      /* gap blocks out of order or range: those are ignored */
    WEIR_SCTP_FORWARD_REFUSED,  /* FORWARD-TSN without the extension, malformed, or a wild jump */
    WEIR_SCTP_FORWARD_OLD,      /* skips nothing */
    WEIR_SCTP_HEARTBEAT_INFO,   /* malformed, more than we echo, or without room in the pool */
    WEIR_SCTP_HEARTBEAT_FOREIGN,/* acknowledges what we did not send */
    /* Streams [RFC 6525] */
    WEIR_SCTP_RECONFIG_REFUSED, /* without the extension, or malformed */
    WEIR_SCTP_RECONFIG_SEQUENCE,/* request number out of turn */
    WEIR_SCTP_RECONFIG_DENIED,  /* kind of request that we deny, or one of ours denied */
    /* Channels [RFC 8832] */
    WEIR_SCTP_DCEP_MALFORMED,   /* unknown message, bad lengths or channel type */
    WEIR_SCTP_DCEP_PARITY,      /* stream of our own parity */
    WEIR_SCTP_DCEP_IN_USE,      /* OPEN on a channel that exists, ACK that was not asked for */
    WEIR_SCTP_DCEP_FULL,        /* no room for the channel or its names */
    WEIR_SCTP_DCEP_NO_CHANNEL,  /* message on a stream without a channel: dropped */
    WEIR_SCTP_DCEP_PPID,        /* unknown kind of payload: the channel closes */
    WEIR_SCTP_VERDICTS,
};

/* -- Config ----------------------------------------------------------------------------------- */

struct weir_sctp_config {
    const struct weir_crypto *crypto; /* hashes, for the cookie's MAC */
    struct weir_trace *trace;         /* NULL: off */
    uint32_t conn;                    /* our number in the trace */
    uint8_t seed[WEIR_SEED_BYTES];
    uint16_t local_port;              /* a=sctp-port of either side; 5000 */
    uint16_t remote_port;
    uint16_t mtu;                     /* largest packet, common header included: 576 to 1,500 */
    bool has_channels;                /* interpret DCEP; false gives plain SCTP streams */
    uint32_t channels_max;            /* one more is refused; 0 = WEIR_SCTP_CHANNELS_MAX */
    uint32_t streams_max;             /* that the peer may use, as we announce; 0 = WEIR_SCTP_STREAMS_MAX */
    uint32_t rx_bytes_max;            /* memory that received data may take: bytes, headers and all */
    uint32_t tx_bytes_max;            /* and data that is queued or unacknowledged */
    uint32_t account;                 /* in the pool, the caller's; WEIR_NO_ACCOUNT: one of our own */
    uint32_t message_max_local;       /* largest message we take; lowered to what surely fits */
    uint32_t message_max_remote;      /* largest the peer takes, 0 = any [RFC 8841 6.1] */
    weir_duration rto_initial;
    weir_duration rto_min;
    weir_duration rto_max;
    weir_duration backoff_max;        /* longest wait between retransmissions of one thing */
    weir_duration sack_delay;         /* at most 500 ms [RFC 9260 6.2 MUST] */
    weir_duration heartbeat_interval; /* 0 = none */
    weir_duration channel_wait;       /* an OPEN that the peer has not answered for so long, once the
                                       * association is up, ends its channel; 0 = no limit */
    weir_duration cookie_life;
    uint32_t init_retransmits_max;
    uint32_t retransmits_max;         /* of anything else, in a row without an answer */
    bool acks_batches;                /* the peer counts acknowledged bytes, not SACKs: one SACK for all
                                       * packets that came since the last */
    uint16_t burst_packets_max;       /* new packets per SACK beyond what it acknowledged */
    weir_duration stall_max;          /* while others wait for memory that this association borrowed, it
                                       * ends when its data has not moved for so long; 0 = never */
};

/* Browser-like values for everything but crypto and seed; 8 MiB to receive and 16 MiB to send, of which
 * windows take what the path needs. */
WEIR_API void weir_sctp_config_default(struct weir_sctp_config *c,
                                       const struct weir_crypto *crypto);

/* Bytes of one message that surely fit `bytes` of memory, 16,384 or more: of a cell at least seven eighths
 * are content, and a buffer stays for what arrives meanwhile. */
#define WEIR_SCTP_MESSAGE_FIT(bytes) (((uint32_t)(bytes) - 2048) / 8 * 7)

/* -- Events ----------------------------------------------------------------------------------- */

enum weir_sctp_event_type {
    WEIR_SCTP_EVENT_NONE,
    WEIR_SCTP_EVENT_CONNECTED,      /* data may flow */
    WEIR_SCTP_EVENT_RESTARTED,      /* the peer began anew: all channels close, data is lost */
    WEIR_SCTP_EVENT_CHANNEL_OPEN,   /* ours was acknowledged, or the peer opened one */
    WEIR_SCTP_EVENT_MESSAGE,        /* messages to read: call weir_sctp_read until false */
    WEIR_SCTP_EVENT_BUFFERED_LOW,   /* a channel's unsent bytes fell to its threshold */
    WEIR_SCTP_EVENT_WRITABLE,       /* after a WEIR_ERR_FULL, always: there is room for what was refused,
                                     * and half of what we may hold is free again */
    WEIR_SCTP_EVENT_STREAM_RESET,   /* without channels: the peer reset this stream */
    WEIR_SCTP_EVENT_CHANNEL_CLOSED, /* its index is free now: both directions are reset; or, of reason
                                     * TIMEOUT, its OPEN was not answered in time, and the stream is
                                     * used again once the peer resets it */
    WEIR_SCTP_EVENT_CLOSED,         /* the association is over, why in `reason`; of SHUTDOWN and PEER_ABORT
                                     * told after the last message is read */
};

enum weir_sctp_reason {
    WEIR_SCTP_REASON_NONE,
    WEIR_SCTP_REASON_SHUTDOWN,    /* graceful, asked by either side */
    WEIR_SCTP_REASON_ABORTED,     /* we called abort */
    WEIR_SCTP_REASON_PEER_ABORT,  /* the peer did; its cause in `cause`, 0 if it gave none */
    WEIR_SCTP_REASON_TIMEOUT,     /* no answer after all retransmissions; of a channel, see there */
    WEIR_SCTP_REASON_VIOLATION,   /* the peer broke a rule; the cause we sent in `cause` */
    WEIR_SCTP_REASON_MEMORY,      /* it borrowed memory that others wait for, and is stuck: stall_max */
};

struct weir_sctp_event {
    enum weir_sctp_event_type type;
    uint16_t channel;  /* index, or WEIR_SCTP_NO_CHANNEL */
    uint16_t stream;   /* stream identifier, or WEIR_SCTP_NO_STREAM */
    bool is_remote;    /* CHANNEL_OPEN: the peer opened it */
    enum weir_sctp_reason reason; /* CLOSED, CHANNEL_CLOSED */
    uint16_t cause;
};

/* -- Messages --------------------------------------------------------------------------------- */

struct weir_sctp_send_opts {
    uint32_t ppid;
    bool is_unordered;
    bool has_lifetime;       /* drop it `lifetime` after the write if it is not through by then */
    bool has_retransmits;    /* drop it after so many retransmissions */
    uint16_t retransmits;
    weir_duration lifetime;
};

/* A received message: a rope in the pool that the reader gives back with weir_sctp_release. */
struct weir_sctp_message {
    uint32_t ppid;
    uint16_t stream;
    uint16_t channel;    /* index, or WEIR_SCTP_NO_CHANNEL */
    bool is_unordered;
    bool is_text;        /* of the payload kinds 51, 54 and 56 */
    bool is_partial;     /* deprecated kinds 52 and 54: more of the same message follows */
    uint32_t bytes;      /* 0 for the payload kinds that mean empty */
    uint32_t head;       /* private: its first run */
};

/* -- Channels --------------------------------------------------------------------------------- */

enum weir_sctp_reliability {
    WEIR_SCTP_RELIABLE,
    WEIR_SCTP_RETRANSMITS, /* at most `reliability_value` retransmissions */
    WEIR_SCTP_LIFETIME,    /* at most `reliability_value` milliseconds */
};

enum weir_sctp_channel_state {
    WEIR_SCTP_CHANNEL_FREE,
    WEIR_SCTP_CHANNEL_WAITING,    /* for the DTLS role, to have a stream identifier */
    WEIR_SCTP_CHANNEL_CONNECTING, /* for the association or the peer's ACK; may send */
    WEIR_SCTP_CHANNEL_OPEN,
    WEIR_SCTP_CHANNEL_CLOSING,
    WEIR_SCTP_CHANNEL_CLOSED,     /* its event is not taken yet */
};

struct weir_sctp_channel_config {
    struct weir_span label;    /* UTF-8, copied */
    struct weir_span protocol; /* UTF-8, copied */
    bool is_unordered;
    enum weir_sctp_reliability reliability;
    uint32_t reliability_value;
    uint16_t priority;         /* carried to the peer; 256 is normal [RFC 8831 6.4] */
    bool is_negotiated;        /* agreed outside: no DCEP, stream `id` */
    uint16_t id;
};

struct weir_sctp_channel_info {
    enum weir_sctp_channel_state state;
    uint16_t id;               /* stream, WEIR_SCTP_NO_STREAM while waiting for one */
    bool is_remote;
    struct weir_sctp_channel_config config; /* spans valid until the next call */
    uint32_t buffered;         /* bytes that are queued and not yet sent once */
    uint32_t buffered_low;     /* falling to so many is told */
    uint32_t tx_messages, rx_messages; /* taken to be sent; arrived whole and in their turn */
    uint64_t tx_bytes, rx_bytes;       /* of content. Counts begin again at 2^32 and 2^48; they are 0 when
                                        * the channel is closed */
};

/* -- Private parts of the structure ----------------------------------------------------------- */

struct weir_sctp_range {
    uint32_t first, last;
};

/* What INIT and INIT ACK say [RFC 9260 3.3.2]. */
struct weir_sctp_init_chunk {
    uint32_t tag;
    uint32_t a_rwnd;
    uint32_t tsn;
    uint16_t out_streams;
    uint16_t in_streams;
    bool has_forward_tsn;     /* [RFC 3758 3.1] */
    bool has_reconfig;        /* [RFC 6525 3.1] */
    struct weir_span cookie;  /* INIT ACK only; into the parsed bytes */
    uint8_t unknown[WEIR_SCTP_REPORT_MAX]; /* parameters to report, padded, as they came */
    uint16_t unknown_bytes;
};

/* What of it matters later. */
struct weir_sctp_remote {
    uint32_t tag, a_rwnd, tsn;
    uint16_t out_streams, in_streams;
    bool has_forward_tsn, has_reconfig;
};

/* One stream, both directions; in a cell of the pool. */
struct weir_sctp_stream {
    uint16_t id;
    uint16_t channel;
    uint16_t tx_ssn;
    uint16_t rx_ssn;      /* the next we deliver */
    uint32_t ready_next;  /* the stream after this one in turn to send */
    uint8_t tx_reset;     /* enum reset_step */
    uint8_t pins;         /* callers that still need it */
    bool is_scheduled : 1;
    bool is_rx_deferred : 1;  /* the peer resets it once earlier data is here */
    bool is_rx_reset : 1;     /* event owed */
    bool awaits_rx_reset : 1; /* we reset our direction and have no channel here: theirs is the answer */
    bool is_reset_again : 1;  /* the peer has used and reset it anew while our request is out: so will we */
    uint32_t queue_head;  /* unsent fragments */
    uint32_t queue_tail;
    uint32_t queue_bytes;
    uint32_t outstanding; /* fragments sent and not yet cumulatively acknowledged */
    uint32_t fragments;   /* received runs of fragments not yet delivered */
    uint32_t waiting;     /* complete ordered messages among them whose turn has not come */
    uint32_t unread;      /* messages delivered and not read */
    uint32_t tx_messages, rx_messages;     /* of its channel ... */
    uint32_t tx_bytes, rx_bytes;           /* ... and their bytes: the low 32 bits, ... */
    uint16_t tx_bytes_high, rx_bytes_high; /* ... and the next 16 */
};

/* One channel: a rope in the pool, of which the content are label and protocol. */
struct weir_sctp_channel {
    struct weir_piece piece;
    uint8_t state;        /* enum weir_sctp_channel_state */
    uint8_t reliability;
    bool is_unordered : 1;
    bool is_negotiated : 1;
    bool is_remote : 1;
    bool owes_open : 1;
    bool owes_ack : 1;
    bool is_peer_ready : 1;   /* the ACK or any message came: unordered sending may begin */
    bool tx_reset_done : 1;
    bool rx_reset_done : 1;
    bool awaits_stream : 1;   /* the reset of the channel before it on this stream is not answered yet */
    bool is_given_up : 1;     /* its OPEN was not answered in time */
    uint16_t id;          /* stream identifier */
    uint16_t index;       /* its own */
    uint16_t priority;
    uint16_t label_bytes;
    uint16_t protocol_bytes;
    uint8_t owed;         /* bits of events, sctp_channel.c */
    uint8_t listed;       /* the list of events that it is in, + 1 */
    uint32_t stream;      /* its stream, or WEIR_NO_CELL */
    uint32_t next, prev;  /* in that list */
    uint32_t reliability_value;
    uint32_t low_threshold;
    uint32_t unread;      /* messages delivered and not read */
    weir_time open_by;    /* while CONNECTING: when it is given up */
};

struct weir_sctp_counters {
    uint64_t rx_packets, tx_packets;
    uint64_t rx_bytes, tx_bytes;           /* of packets */
    uint64_t rx_messages, tx_messages;
    uint64_t tx_chunks, rtx_chunks;        /* DATA, first and further times */
    uint64_t abandoned_messages;
    uint64_t timeouts, fast_recoveries;
    uint64_t evicted;                      /* received out of order, dropped again for room */
};

struct weir_sctp {
    struct weir_sctp_config config;
    enum weir_sctp_state state;
    enum weir_sctp_reason reason;
    struct weir_sctp_counters counters;
    uint32_t verdicts[WEIR_SCTP_VERDICTS];

    /* private */
    struct weir_pool *pool;
    uint32_t account;
    bool owns_account;
    struct weir_rand rand;
    uint8_t cookie_key[32];
    uint32_t events;          /* bits of association events owed, by type */
    uint16_t cause;

    /* The two ends. */
    uint32_t local_tag, remote_tag;
    uint32_t local_tsn;       /* our initial TSN */
    uint32_t tie_local, tie_remote;
    struct weir_sctp_remote remote;
    bool is_dtls_role_known, is_dtls_client, is_carrier_client; /* the last one counts after a restart */
    bool is_told;             /* the two INITs went another way: weir_sctp_connect_with */
    bool has_heard_init;      /* init_answer is the peer's INIT, which came another way */

    /* Answers owed, one of each kind; the peer asks again for what we lose. */
    uint32_t owed;            /* bits, see sctp_int.h */
    struct weir_sctp_init_chunk init_answer;  /* peer's INIT that the INIT ACK answers */
    uint32_t init_tag, init_tsn;        /* what the INIT ACK says of us */
    uint32_t answer_tag;                /* tag of a reflected or final packet */
    uint16_t report_bytes;
    uint32_t heartbeat;                         /* what its answer says, in the pool; or WEIR_NO_CELL */
    uint8_t report[WEIR_SCTP_REPORT_MAX];       /* error causes */
    uint32_t cookie;                            /* the peer's, to echo, in the pool; or WEIR_NO_CELL */

    /* Timers, WEIR_NEVER = off; see sctp.c for the list. */
    weir_time t1_at, t2_at, t3_at, sack_at, reset_at, heartbeat_at, open_at, quiet_at;
    uint32_t t1_count, t3_count; /* expirations in a row */
    uint32_t error_count;        /* transmissions in a row without an answer */
    weir_duration rto, srtt, rttvar;
    weir_duration rtt_least;  /* of all samples; srtt holds the delay of SACKs as well. 0 = none */
    weir_duration rtt_hint;   /* as others measured it, 0 = not */
    weir_time now;            /* of the last call that had one */
    weir_time data_sent_at;
    weir_time heartbeat_sent_at;
    uint64_t heartbeat_nonce;
    bool is_heartbeat_out;

    /* Receiving. */
    uint32_t rx_cum;          /* everything up to here has arrived */
    struct weir_sctp_range few[WEIR_SCTP_RANGES_FEW];
    uint32_t range_run;       /* of the pool, for WEIR_SCTP_RANGES_MAX, since there were more; or
                                 WEIR_NO_CELL */
    uint32_t duplicate[WEIR_SCTP_DUPLICATES_MAX];
    uint16_t range_count, duplicate_count;
    uint32_t rx_high;         /* the highest TSN that has arrived */
    uint32_t ack_point[WEIR_SCTP_ACK_POINTS]; /* rx_high when each SACK but the last fell due */
    uint16_t ack_points;
    uint16_t packets_unacked;
    uint8_t ack;              /* enum ack_step */
    bool had_data;            /* this packet carried DATA or FORWARD-TSN */
    bool has_holes;           /* something was skipped or refused: orphans are no violation */
    uint32_t rx_cells;        /* of the pool, held by received data */
    uint32_t rx_bytes;        /* of content in them */
    uint32_t rx_undelivered;  /* of these, in messages that are not complete or not in turn */
    uint32_t rx_window;       /* memory that we offer, in bytes; grows with what the path brings */
    uint32_t rwnd_told;       /* bytes last advertised */
    uint32_t shape_cells, shape_bytes; /* of what came lately: what a byte costs */
    uint32_t epoch_cells;     /* read in the present round trip */
    uint32_t holes_told;      /* TSN of the oldest hole, as the pool was told */
    bool has_told_holes;
    bool rx_waits;            /* the window is closed for want of memory */
    weir_time epoch_at;       /* when that round trip began */
    weir_time rx_moved_at;    /* a message was delivered, or there was nothing to deliver */
    uint32_t rx_waiting;      /* complete ordered messages waiting for their turn */
    uint32_t segment_head, segment_tail;
    uint32_t unread_head, unread_tail;

    /* Sending. */
    uint32_t tx_cells;        /* of the pool, held by data to send */
    uint32_t write_need;      /* cells of the message that was refused */
    weir_time tx_moved_at;    /* the peer acknowledged something, or nothing was out */
    uint32_t next_tsn;
    uint32_t cum_acked;
    uint32_t out_head, out_tail; /* sent, in TSN order, doubly linked */
    uint32_t rtx_hint;        /* no chunk before this one is to be sent again */
    uint32_t rtx_count;       /* chunks to be sent again */
    uint32_t gap_acked_count;
    uint32_t flight_bytes;    /* with headers, for cwnd */
    uint32_t flight_data;     /* without, for the peer's window */
    uint32_t peer_rwnd;
    uint32_t tx_order;        /* counts transmissions */
    uint32_t rtt_tsn;         /* the chunk being timed */
    weir_time blocked_before; /* what was written before found the window closed */
    bool is_rtt_timed;
    bool is_write_refused;
    bool is_write_waiting;    /* in the pool's line */
    uint32_t tx_mid;          /* the stream whose message is partly sent, or none */
    uint32_t turn_head, turn_tail; /* streams in turn to send */

    /* Congestion control. */
    uint32_t cwnd, ssthresh, partial_acked, burst_left;
    uint32_t flight_peak, flight_peak_before; /* most in flight in this round trip, and in that before */
    uint32_t round_exit;      /* the TSN whose acknowledgement ends this one */
    uint32_t recovery_exit;
    bool is_recovering, is_fast_resend;
    bool is_held, has_held;   /* DATA waits for its turn; and there was some that could have gone */

    /* Partial reliability. */
    uint32_t advanced;        /* where the peer may skip to */
    uint32_t forward_told;
    weir_time forward_at;     /* when last told */
    bool owes_forward;

    /* Stream reset. */
    uint32_t reset_next;      /* number of our next request */
    uint32_t reset_number;    /* number of the request that is out */
    uint32_t reset_tsn;
    uint32_t reset_wanted;    /* slots that wait for a request */
    bool is_reset_out, owes_reset;
    bool is_reset_waiting;    /* the peer said that it has not all data yet */
    uint32_t peer_reset_next; /* number of the peer's next request */
    uint32_t peer_reset_result;
    uint32_t peer_reset_told; /* the answer that it got when it asked last */
    uint32_t peer_reset_tsn;
    uint32_t peer_reset_digest; /* of the streams it names */
    bool is_reset_deferred;
    uint8_t reset_answers;
    struct {
        uint32_t number, result;
    } reset_answer[2];

    /* Streams and channels. */
    struct weir_index streams, channels; /* by identifier, and by index */
    uint32_t channel_low;     /* every index below is used */
    uint32_t stream_low;      /* and every identifier of our parity */
    uint32_t wire_from;       /* channels below owe the peer nothing */
    struct {
        uint32_t head, tail;
    } channel_news[WEIR_SCTP_CHANNEL_EVENTS]; /* channels that owe an event, by its kind */
    bool channels_owe_wire;   /* some channel owes an OPEN or an ACK */
    bool streams_owe_event;
};

/* -- The five verbs --------------------------------------------------------------------------- */

/* Begin: the config is copied, out-of-range values are brought into range. The pool is the caller's
 * and outlives the association; give everything back (weir_sctp_release_all) before it begins anew. */
WEIR_API void weir_sctp_init(struct weir_sctp *s, const struct weir_sctp_config *c,
                             struct weir_pool *pool, weir_time now);
/* One packet as it came out of DTLS, borrowed for the call. Gives the first rule it broke. */
WEIR_API enum weir_sctp_verdict weir_sctp_recv(struct weir_sctp *s, weir_time now,
                                               struct weir_span packet);
WEIR_API void weir_sctp_tick(struct weir_sctp *s, weir_time now);
/* The next packet, at most config.mtu bytes, into `out` of at least that size; 0 = none. */
WEIR_API size_t weir_sctp_send(struct weir_sctp *s, weir_time now, struct weir_mspan out);
WEIR_API bool weir_sctp_event(struct weir_sctp *s, struct weir_sctp_event *e);
/* Would it give one, other than that there are messages? */
WEIR_API bool weir_sctp_has_event(const struct weir_sctp *s);
WEIR_API weir_time weir_sctp_deadline(const struct weir_sctp *s);

/* -- The association -------------------------------------------------------------------------- */

/* What the peer's description says, before connecting: its port, and the largest message it takes, 0: any.
 */
WEIR_API void weir_sctp_set_remote(struct weir_sctp *s, uint16_t port, uint32_t message_max);
/* The peer counts acknowledged bytes, not SACKs: see config.acks_batches. */
WEIR_API void weir_sctp_set_acks_batches(struct weir_sctp *s, bool acks_batches);
/* Send INIT. Both sides may call it at once; WebRTC always does. WEIR_OK also when the peer was
 * quicker. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_connect(struct weir_sctp *s, weir_time now);
/* Begin without INIT and COOKIE packets: `init` is the peer's INIT chunk, which came another way,
 * as ours (weir_sctp_init_chunk_write) went to the peer. Call it when DTLS is up. WEIR_ERR_ARG when
 * the chunk is no good; WEIR_ERR_STATE when connecting has begun. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_connect_with(struct weir_sctp *s,
                                                                 weir_time now,
                                                                 struct weir_span init);
/* The same in two steps: keep the peer's chunk now (of no bytes: none any more), and begin with it when
 * DTLS is up. Keeping gives WEIR_ERR_ARG when the chunk is no good; both give WEIR_ERR_STATE when
 * connecting has begun, the peer's INIT in a packet included, and beginning does when no chunk is kept. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_hear_init(struct weir_sctp *s,
                                                              struct weir_span init);
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_connect_heard(struct weir_sctp *s, weir_time now);
/* Finish what is queued, then end. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_shutdown(struct weir_sctp *s, weir_time now);
/* End now: queued data is dropped, one ABORT goes out with "user-initiated abort" and `why`
 * (may be empty, cut at 64 bytes). */
WEIR_API void weir_sctp_abort(struct weir_sctp *s, weir_time now, struct weir_span why);
/* Are messages that came before the end still to be read, and the ends of their channels told after them?
 * So when the peer ended it, or both in good order; not when it was cut off here. */
WEIR_API bool weir_sctp_keeps_unread(const struct weir_sctp *s);
/* What carried the packets was closed by the peer: over, without another packet. The reason is SHUTDOWN
 * where all of ours was acknowledged in a shutdown and only its last packets are missing, or else
 * PEER_ABORT. */
WEIR_API void weir_sctp_carrier_closed(struct weir_sctp *s, weir_time now);
/* Give everything back to the pool, unread messages and the account too; the association is over. Before
 * the memory of the structure is reused. */
WEIR_API void weir_sctp_release_all(struct weir_sctp *s);

/* -- Messages --------------------------------------------------------------------------------- */

/* Queue one message, 1 byte or more: all of it or nothing. WEIR_ERR_FULL: there is no room now (an event
 * WRITABLE follows); WEIR_ERR_SIZE: larger than the peer takes or than could ever be held;
 * WEIR_ERR_STATE: over, shutting down, or the stream is being reset. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_write(struct weir_sctp *s, weir_time now,
                                                          uint16_t stream, struct weir_span msg,
                                                          const struct weir_sctp_send_opts *opts);
/* The next complete message; false when there is none. */
WEIR_API bool weir_sctp_read(struct weir_sctp *s, struct weir_sctp_message *m);
/* The pieces of a message one after the other; *cursor begins as m->head. */
WEIR_API bool weir_sctp_message_piece(const struct weir_sctp *s, const struct weir_sctp_message *m,
                                      uint32_t *cursor, struct weir_span *piece);
/* Gather it into `out`; gives m->bytes, or 0 with nothing written when it does not fit. */
WEIR_API size_t weir_sctp_message_copy(const struct weir_sctp *s, const struct weir_sctp_message *m,
                                       struct weir_mspan out);
/* Give its buffers back; the peer's window opens again. */
WEIR_API void weir_sctp_release(struct weir_sctp *s, weir_time now, struct weir_sctp_message *m);
/* Reset a stream of ours once what is queued has gone out; without channels. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_reset_stream(struct weir_sctp *s,
                                                                 uint16_t stream);

/* -- Timing ----------------------------------------------------------------------------------- */

/* The path's round-trip time was measured by others: until a DATA chunk tells it, INIT, COOKIE ECHO and
 * DATA are sent again after twice that, 100 ms at least and what config.rto_initial says at most. */
WEIR_API void weir_sctp_set_rtt_hint(struct weir_sctp *s, weir_duration rtt);

/* How fast DATA should leave, in bytes of SCTP packets per second, so that a window spreads over its round
 * trip: somewhat more than one window in each, in slow start two. 0, as fast as it likes: the path is not
 * known yet, or takes less than 2 ms. */
WEIR_API uint64_t weir_sctp_pace(const struct weir_sctp *s);
/* Its owner says when DATA may leave: held back it waits, and everything else goes. */
WEIR_API void weir_sctp_hold(struct weir_sctp *s, bool is_held);
/* Did weir_sctp_send find DATA that it was not to send? */
static inline bool weir_sctp_has_held(const struct weir_sctp *s)
{
    return s->has_held;
}

/* What carries the packets was replaced, and what was on its way is lost: it is sent again now, not when a
 * timer that has backed off runs out. `is_client`: our end of the new DTLS. It decides the parity of our
 * streams from the time on when the peer restarts the association; as long as that goes on, so does its
 * parity. */
WEIR_API void weir_sctp_carried_anew(struct weir_sctp *s, weir_time now, bool is_client);

/* -- Data channels ---------------------------------------------------------------------------- */

/* Which end of DTLS we are, which decides the parity of our stream identifiers [RFC 8832 6]. */
WEIR_API void weir_sctp_set_dtls_role(struct weir_sctp *s, weir_time now, bool is_client);
/* Open a channel; it may be used at once, before the association is up. */
WEIR_MUST_CHECK WEIR_API enum weir_status
weir_sctp_channel_open(struct weir_sctp *s, weir_time now,
                       const struct weir_sctp_channel_config *config, uint16_t *channel);
/* Send text or bytes, possibly none. Results as weir_sctp_write. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_channel_send(struct weir_sctp *s, weir_time now,
                                                                 uint16_t channel,
                                                                 struct weir_span msg,
                                                                 bool is_text);
/* Close: what is queued still goes out, then both directions are reset. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_sctp_channel_close(struct weir_sctp *s,
                                                                  weir_time now, uint16_t channel);
/* Bytes queued and not yet sent once. */
WEIR_API size_t weir_sctp_channel_buffered(const struct weir_sctp *s, uint16_t channel);
WEIR_API void weir_sctp_channel_set_low(struct weir_sctp *s, uint16_t channel, uint32_t bytes);
/* The first channel there is with an index of `from` or more; WEIR_SCTP_NO_CHANNEL: none. */
WEIR_API uint16_t weir_sctp_channel_after(const struct weir_sctp *s, uint32_t from);
/* All channels go, and their indices are added to those in *ended, on the same account: for who tells their
 * end when the association is gone. */
WEIR_API void weir_sctp_take_channels(struct weir_sctp *s, struct weir_index *ended);
WEIR_API bool weir_sctp_channel_info(const struct weir_sctp *s, uint16_t channel,
                                     struct weir_sctp_channel_info *info);

/* -- Inspection ------------------------------------------------------------------------------- */

WEIR_API enum weir_sctp_state weir_sctp_state(const struct weir_sctp *s);
/* Why it is over; NONE: it is not. */
WEIR_API enum weir_sctp_reason weir_sctp_reason(const struct weir_sctp *s);
/* Is it up, or shutting down? */
WEIR_API bool weir_sctp_is_up(const struct weir_sctp *s);
/* Messages that are complete and were not read; data that is queued, or was sent and not acknowledged. */
WEIR_API bool weir_sctp_has_unread(const struct weir_sctp *s);
WEIR_API bool weir_sctp_has_queued(const struct weir_sctp *s);
/* Was it told its role, and is it this? */
WEIR_API bool weir_sctp_has_dtls_role(const struct weir_sctp *s, bool is_client);
/* How often a packet met this. */
WEIR_API uint32_t weir_sctp_verdicts(const struct weir_sctp *s, enum weir_sctp_verdict v);

/* An association at one moment. */
struct weir_sctp_stats {
    enum weir_sctp_state state;
    bool is_told;                /* set up without INIT packets: weir_sctp_connect_with */
    weir_duration srtt;          /* round trip with the delay of SACKs; 0: not measured */
    weir_duration rtt_least;     /* the least of all samples; 0: there is none */
    uint32_t cwnd, flight_bytes; /* bytes that may be, and are, on their way */
    uint32_t peer_window;        /* that the peer offers beyond these */
    uint32_t window;             /* that we told the peer last */
    uint32_t message_max_remote; /* bytes of the largest message that the peer takes; 0: any */
    struct weir_sctp_counters counters;
};

WEIR_API void weir_sctp_stats(const struct weir_sctp *s, struct weir_sctp_stats *out);
/* The largest message we take, for a=max-message-size [RFC 8841 6]. */
WEIR_API uint32_t weir_sctp_message_max(const struct weir_sctp *s);
WEIR_API const char *weir_sctp_verdict_name(enum weir_sctp_verdict v);
WEIR_API const char *weir_sctp_state_name(enum weir_sctp_state state);
/* Invariants; false is a bug of ours. For tests and fuzzing. */
WEIR_API bool weir_sctp_check(const struct weir_sctp *s);
/* CRC32c of a packet whose checksum field is taken as zero; at least 12 bytes. By the instructions that
 * the crypto table has, or without (NULL). */
WEIR_API uint32_t weir_sctp_packet_crc(const struct weir_crypto *c, struct weir_span packet);
/* The tag and first TSN of an association that begins with this seed. */
WEIR_API void weir_sctp_numbers_of_seed(const uint8_t seed[WEIR_SEED_BYTES], uint32_t *tag, uint32_t *tsn);
/* Our INIT chunk as bytes, for a=sctp-init: without the padding that a packet would add. Gives its
 * length, 0 when it does not fit. */
WEIR_API size_t weir_sctp_init_chunk_write(const struct weir_sctp *s, struct weir_mspan out);
/* The peer's. */
WEIR_MUST_CHECK WEIR_API enum weir_sctp_verdict
weir_sctp_init_chunk_parse(struct weir_span chunk, struct weir_sctp_init_chunk *init);

#endif
