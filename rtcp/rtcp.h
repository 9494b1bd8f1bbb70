/* RTCP: reading and writing control packets, reception statistics, feedback, retransmission history.
 *
 * Three parts, usable apart:
 *   - a codec: weir_rtcp_check and weir_rtcp_next walk a compound, block iterators walk its packets;
 *   - a machine, struct weir_rtcp, with the five verbs of weir's contract: it is told of every RTP
 *     packet in and out, keeps the statistics of RFC 3550, asks for what is missing with generic NACK
 *     [RFC 4585 6.2.1], passes on what the peer asks for, and writes compounds when they are due;
 *   - a history, struct weir_rtcp_history, that keeps sealed packets for answering a NACK.
 *
 * The rule of every machine: after each call drain events; before waiting drain send.
 * `now` never decreases. No clock, no allocation; packets in the history live in the shard's pool.
 */
#ifndef WEIR_RTCP_RTCP_H
#define WEIR_RTCP_RTCP_H

#include "core/base.h"
#include "core/store.h"
#include "core/rand.h"
#include "core/trace.h"
#include "srtp/srtp.h"

/* -- Codec ------------------------------------------------------------------------------------- */

enum weir_rtcp_type {
    WEIR_RTCP_SR = 200,
    WEIR_RTCP_RR = 201,
    WEIR_RTCP_SDES = 202,
    WEIR_RTCP_BYE = 203,
    WEIR_RTCP_APP = 204,
    WEIR_RTCP_RTPFB = 205, /* transport feedback [RFC 4585 6.2] */
    WEIR_RTCP_PSFB = 206,  /* payload-specific feedback [RFC 4585 6.3] */
    WEIR_RTCP_XR = 207,
};

enum weir_rtcp_fmt {
    WEIR_RTPFB_NACK = 1,
    WEIR_RTPFB_TWCC = 15,
    WEIR_PSFB_PLI = 1,
    WEIR_PSFB_FIR = 4,
    WEIR_PSFB_APP = 15, /* REMB among others */
};

enum weir_rtcp_verdict {
    WEIR_RTCP_OK,
    WEIR_RTCP_SHORT,   /* fewer than 8 bytes, or not a multiple of 4 */
    WEIR_RTCP_VERSION, /* version is not 2 [RFC 3550 6.4.1] */
    WEIR_RTCP_LENGTH,  /* a packet's length runs past the end [RFC 3550 A.2] */
    WEIR_RTCP_PADDING, /* padding on a packet that is not the last, or of a wrong size */
    WEIR_RTCP_TYPE,    /* the first packet is of no RTCP type: not RTCP at all */
    WEIR_RTCP_BODY,    /* a known packet whose body is too short for what its header says */
    WEIR_RTCP_VERDICTS,
};

WEIR_API const char *weir_rtcp_verdict_name(enum weir_rtcp_verdict v);

/* One packet of a compound. */
struct weir_rtcp_packet {
    uint8_t count; /* report count, source count, subtype or feedback message type */
    uint8_t type;  /* enum weir_rtcp_type, or any other */
    struct weir_span body; /* after the 4-byte header, without padding; within the compound */
};

/* A report block [RFC 3550 6.4.1]. */
struct weir_rtcp_block {
    uint32_t ssrc;
    uint8_t fraction_lost; /* of 256 */
    int32_t lost;          /* cumulative, 24 bits signed */
    uint32_t highest_seq;  /* extended */
    uint32_t jitter;       /* in timestamp units */
    uint32_t lsr, dlsr;    /* in 1/65536 s */
};

/* Judge a whole compound before any of it is used. Reduced-size RTCP [RFC 5506] is accepted: the
 * first packet may be of any type. */
WEIR_API WEIR_MUST_CHECK enum weir_rtcp_verdict weir_rtcp_check(struct weir_span compound);

/* The next packet; false at the end. Call on a compound that passed the check. */
WEIR_API WEIR_MUST_CHECK bool weir_rtcp_next(struct weir_rd *compound, struct weir_rtcp_packet *out);

/* The next report block of an SR's or RR's remaining body; false when none is left. */
WEIR_API WEIR_MUST_CHECK bool weir_rtcp_block_next(struct weir_rd *body, struct weir_rtcp_block *out);

/* -- The machine ------------------------------------------------------------------------------- */

#define WEIR_RTCP_LOCALS_MAX 64    /* SSRCs we send at one time: every section of a description */
#define WEIR_RTCP_REMOTES_MAX 32   /* SSRCs we receive at one time; more are not reported on */
#define WEIR_RTCP_MISSING_MAX 160  /* sequence numbers per remote that we still ask for */
#define WEIR_RTCP_CNAME_MAX 32
#define WEIR_RTCP_NACK_TRIES 10    /* then the packet is given up */
#define WEIR_RTCP_NACKED_MAX 64    /* requests of the peer that wait, each for up to 17 packets */
#define WEIR_RTCP_BYES_MAX 16      /* goodbyes of the peer that wait to be told */
#define WEIR_RTCP_REPORTS_MAX 16   /* sender reports remembered, for the round trip; 16 bytes each */
#define WEIR_RTCP_ROOM_LEAST 128   /* bytes without which nothing is written */

struct weir_rtcp_config {
    weir_duration report_interval; /* between reports, randomised by half; 0 = 1 s with AVPF, else 5 s */
    bool is_avpf;                  /* RTP/SAVPF: reports need not be 5 s apart [RFC 4585 3.4] */
    char cname[WEIR_RTCP_CNAME_MAX]; /* NUL-terminated; the same for all streams [RFC 3550 6.5.1] */
    uint64_t ntp_at_epoch;         /* NTP time, 32.32 fixed point, when weir_time was zero */
    uint8_t seed[WEIR_SEED_BYTES];
    struct weir_trace *trace;      /* or NULL */
    uint32_t conn;
};

/* What we know of a stream we send. */
struct weir_rtcp_local {
    uint32_t ssrc;
    uint32_t clock_hz;
    uint32_t packets, bytes; /* sent, payload bytes, as an SR counts them */
    uint32_t last_timestamp;
    weir_time last_tx;
    bool has_sent;
    bool is_leaving;         /* removed as soon as its BYE has left */
    bool owes_report, owes_bye;
    bool owes_event_keyframe, owes_event_report;
    uint8_t quiet_reports;   /* intervals since it last sent, at most 2 */
    /* what the peer asks for */
    bool keyframe_waits;     /* asked for again too soon: told at keyframe_after */
    weir_time keyframe_after;
    bool has_fir;
    uint8_t fir_seq;         /* of the last FIR ... */
    uint32_t fir_ssrc;       /* ... and who sent it */
    /* what the peer reports */
    uint8_t fraction_lost;
    int32_t lost;
    uint32_t jitter;
    weir_duration rtt; /* 0 = not yet measured */
    uint32_t nacks, plis, firs, retransmissions;
};

struct weir_rtcp_missing {
    weir_time next_at;
    uint32_t seq; /* extended, the low 32 bits */
    uint8_t tries;
};

/* What we know of a stream we receive [RFC 3550 A.1, A.8]. */
struct weir_rtcp_remote {
    uint32_t ssrc;
    uint32_t clock_hz;
    weir_time last_rx;
    bool wants_nack;
    bool has_any;
    bool has_news;         /* something came since the last report */
    bool owes_block;
    bool owes_pli;
    bool owes_fir;
    bool is_keyframe_due;  /* its time has come: it leaves when there is a way */
    bool has_jumped;       /* the packet before was far off; one that follows it begins the count anew */
    uint8_t fir_seq;
    uint16_t jump_seq;
    weir_time pli_after;   /* no PLI or FIR before this */
    uint64_t base_seq, highest_seq; /* extended, further than a report says them */
    uint64_t packets, bytes;        /* in all */
    uint64_t received;              /* since base_seq */
    uint64_t lost_before;           /* before base_seq, when the numbers began anew */
    uint64_t expected_prior, received_prior;
    uint8_t fraction_lost; /* of 256, in the last interval */
    uint32_t jitter_q4;    /* 1/16 timestamp units */
    bool has_transit;      /* of a packet before, on the same clock */
    int64_t transit;
    uint32_t sr_ntp_mid;   /* the middle 32 bits of the last SR's NTP time */
    weir_time sr_at;       /* when it came; WEIR_NEVER = none yet */
    uint32_t nacks, plis;  /* sent */
    uint32_t recovered;    /* came after we asked */
    uint32_t given_up;
    uint32_t missing_count;
    struct weir_rtcp_missing missing[WEIR_RTCP_MISSING_MAX];
};

enum weir_rtcp_event_type {
    WEIR_RTCP_EVENT_NACK,     /* ssrc (ours), seq: the peer misses this packet */
    WEIR_RTCP_EVENT_KEYFRAME, /* ssrc (ours): the peer needs a key frame (PLI or FIR) */
    WEIR_RTCP_EVENT_REPORT,   /* ssrc (ours): fraction lost, jitter and round trip are new */
    WEIR_RTCP_EVENT_BYE,      /* ssrc (theirs) left; what we knew of it is gone */
};

struct weir_rtcp_event {
    enum weir_rtcp_event_type type;
    uint32_t ssrc;
    uint16_t seq;
};

/* Remote streams that ended, counted together. */
struct weir_rtcp_ended {
    uint32_t streams;
    uint64_t packets, bytes, lost;
    uint64_t nacks, plis, recovered, given_up;
};

/* Timers:
 *   report_at             armed by the first packet in or out, then every interval [RFC 3550 6.2]
 *   nack_at               the earliest missing packet to ask for again, of all remotes
 *   remote.pli_after      a PLI or FIR that is owed leaves then: at most one per 500 ms and stream
 * What a tick found due and could not leave yet, for want of a path, is no deadline any more.
 *   local.keyframe_after  a key frame that was asked for too soon is told then: one per 300 ms and stream
 */
struct weir_rtcp {
    struct weir_rtcp_config config;
    struct weir_rand rand;
    struct weir_rtcp_local local[WEIR_RTCP_LOCALS_MAX];
    uint32_t locals;
    uint32_t local_turn;  /* whose turn it is when not all fits */
    struct weir_rtcp_remote remote[WEIR_RTCP_REMOTES_MAX];
    uint32_t remotes;
    uint32_t remote_turn;
    struct weir_rtcp_ended ended;
    weir_time report_at;
    weir_time nack_at;
    bool report_is_due;
    bool nack_is_due;
    bool owes_events;     /* some local owes one */
    weir_duration rtt;    /* latest of any stream; 0 = not yet */
    struct {
        uint32_t ntp_mid;
        weir_time at;
    } report[WEIR_RTCP_REPORTS_MAX]; /* the last sender reports we sent */
    uint32_t reports_sent;
    struct {
        uint32_t ssrc;
        uint16_t pid, blp;
    } nacked[WEIR_RTCP_NACKED_MAX];
    uint32_t nacked_head, nacked_tail;
    uint32_t bye[WEIR_RTCP_BYES_MAX];
    uint32_t bye_head, bye_tail;
    uint32_t nacks_dropped;   /* the peer's requests beyond the ring; it asks again */
    uint32_t compounds_full;  /* something owed waited for the next compound */
    uint32_t remotes_refused; /* packets of a stream beyond the table */
    uint32_t reports_unknown; /* the LSR of a report block was none of ours */
    uint32_t types_skipped;   /* packets of a kind we do not use */
    uint32_t verdicts[WEIR_RTCP_VERDICTS];
};

WEIR_API void weir_rtcp_init(struct weir_rtcp *r, const struct weir_rtcp_config *config,
                             weir_time now);

/* Say that we send a stream; clock_hz is its RTP clock. A known stream may change to another: it reports
 * again when it has sent on that. WEIR_ERR_FULL beyond the table. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_rtcp_add_local(struct weir_rtcp *r, uint32_t ssrc,
                                                              uint32_t clock_hz);
/* We send it no more: if it ever sent, a BYE leaves with the next compound, and then its place is free.
 * An SSRC that is not known is passed over. */
WEIR_API void weir_rtcp_remove_local(struct weir_rtcp *r, uint32_t ssrc);
/* Forget a stream we received: its section is gone. An SSRC that is not known is passed over. */
WEIR_API void weir_rtcp_remove_remote(struct weir_rtcp *r, uint32_t ssrc);

/* A packet left: h is its header, its payload without padding. */
WEIR_API void weir_rtcp_note_tx(struct weir_rtcp *r, weir_time now, const struct weir_rtp_header *h);

/* An authenticated packet came: arrival from the kernel, clock of its payload type, and whether losses
 * are to be asked for. A stream more than the table holds takes the place of the one that was silent for
 * longest, five seconds at least; where there is none it is counted and not reported on. */
WEIR_API void weir_rtcp_note_rx(struct weir_rtcp *r, weir_time now, weir_time arrival,
                                const struct weir_rtp_header *h, uint32_t clock_hz, bool wants_nack);

/* Ask the sender of ssrc for a key frame: FIR if told to, else PLI. WEIR_ERR_ARG for an unknown SSRC.
 * Asking often is safe: one leaves per 500 ms. */
WEIR_API enum weir_status weir_rtcp_request_keyframe(struct weir_rtcp *r, weir_time now, uint32_t ssrc,
                                                     bool with_fir);

/* All streams of ours end: a BYE leaves with the next compound. */
WEIR_API void weir_rtcp_bye(struct weir_rtcp *r, weir_time now);

/* An authenticated compound came. */
WEIR_API enum weir_rtcp_verdict weir_rtcp_recv(struct weir_rtcp *r, weir_time now,
                                               struct weir_span compound);
WEIR_API void weir_rtcp_tick(struct weir_rtcp *r, weir_time now);

/* Write the next compound into `out`: at most out.n and 1,200 bytes, so the caller leaves out what path and
 * seal need. What does not fit stays owed: call until 0, which means that nothing is due, or that out.n
 * is below WEIR_RTCP_ROOM_LEAST. Without an SSRC to speak as (a receiver that sends no media) it speaks
 * as `ssrc 1`, as libwebrtc does. */
WEIR_API size_t weir_rtcp_send(struct weir_rtcp *r, weir_time now, struct weir_mspan out);
/* The next event; none is lost but requests for packets beyond WEIR_RTCP_NACKED_MAX. */
WEIR_API bool weir_rtcp_event(struct weir_rtcp *r, struct weir_rtcp_event *out);
WEIR_API weir_time weir_rtcp_deadline(const struct weir_rtcp *r);

/* A packet of a stream of ours left once more: the peer had asked for it. */
WEIR_API void weir_rtcp_note_resent(struct weir_rtcp *r, uint32_t ssrc);
/* The latest round trip of any stream; 0: none was measured. */
WEIR_API weir_duration weir_rtcp_rtt(const struct weir_rtcp *r);
/* Packets of streams that found no place in the table. */
WEIR_API uint32_t weir_rtcp_refused(const struct weir_rtcp *r);
/* How often a compound met this. */
WEIR_API uint32_t weir_rtcp_verdicts(const struct weir_rtcp *r, enum weir_rtcp_verdict v);

/* A stream that we receive. */
struct weir_rtcp_rx_stats {
    uint32_t ssrc, clock_hz;
    uint64_t packets, bytes, lost; /* payload bytes; expected and not received */
    uint8_t fraction_lost;         /* of 256, in the interval of our last report */
    weir_duration jitter;          /* [RFC 3550 6.4.1] */
    weir_time last_rx;
    uint32_t nacks, plis;          /* that we sent */
    uint32_t recovered, given_up;  /* packets that came after we had asked for them, and never */
};

/* A stream that we send; of the peer's last report what it says. */
struct weir_rtcp_tx_stats {
    uint32_t ssrc, clock_hz;
    uint32_t packets, bytes;       /* as a sender report counts them, without what was sent again */
    uint32_t retransmissions;
    uint32_t nacks, plis, firs;    /* that the peer sent */
    uint8_t fraction_lost;         /* of 256 */
    int32_t lost;
    weir_duration jitter, rtt;     /* rtt 0: not measured */
};

/* False: RTCP knows no stream of this SSRC. */
WEIR_MUST_CHECK WEIR_API bool weir_rtcp_rx_stats(const struct weir_rtcp *r, uint32_t ssrc,
                                                 struct weir_rtcp_rx_stats *out);
WEIR_MUST_CHECK WEIR_API bool weir_rtcp_tx_stats(const struct weir_rtcp *r, uint32_t ssrc,
                                                 struct weir_rtcp_tx_stats *out);
/* Statistics of a remote stream: expected minus received, never below zero. */
WEIR_API uint64_t weir_rtcp_remote_lost(const struct weir_rtcp_remote *s);

/* -- History ----------------------------------------------------------------------------------- */

#define WEIR_RTCP_HISTORY_MAX 256 /* packets: what they have in bytes, and a cell or two */
#define WEIR_RTCP_HISTORY_LEAST 64 /* the newest, which stay while memory is called back */
#define WEIR_RTCP_TAG_MAX 16

/* The last packets of all our streams, in the pool, on one account: as they were before they were sealed,
 * and the tag that sealing gave them. A payload that goes to many is kept once. Begin with _init. */
struct weir_rtcp_history {
    struct {
        uint32_t ssrc;
        uint32_t own;    /* a rope: the tag, the header, and the payload where it is not shared */
        uint32_t shared; /* the payload, or WEIR_NO_CELL */
        uint16_t seq;
        uint8_t tag_bytes;
        weir_time resent_at;
    } slot[WEIR_RTCP_HISTORY_MAX];
    uint32_t next;
    uint32_t account;
};

/* A packet to keep. */
struct weir_rtcp_kept {
    uint32_t ssrc;
    uint16_t seq;
    uint8_t tag_bytes; /* that sealing will give it, at most WEIR_RTCP_TAG_MAX */
    struct weir_span header, payload;
    uint32_t shared; /* the payload, of weir_shared_make; or WEIR_NO_CELL: it is copied */
};

WEIR_API void weir_rtcp_history_init(struct weir_rtcp_history *h, uint32_t account);

/* Others wait for memory that we have borrowed: the oldest packets go, as long as it is so. */
WEIR_API void weir_rtcp_history_yield(struct weir_rtcp_history *h, struct weir_pool *pool);
/* Keep a packet that is about to be sealed; the oldest goes, and more of them where a pool has no room. */
WEIR_API void weir_rtcp_history_note(struct weir_rtcp_history *h, struct weir_pool *pool,
                                     const struct weir_rtcp_kept *packet);
/* The tag that it got; without bytes: it was not sealed, and is not kept. */
WEIR_API void weir_rtcp_history_sealed(struct weir_rtcp_history *h, struct weir_pool *pool,
                                       struct weir_span tag);

/* A packet that may be sent again now: a packet leaves at most once per `min_gap`. It is written to `out`
 * as it was before it was sealed; gives its length, 0 when it is not kept, was just sent [R16: a NACK
 * storm is not amplified] or does not fit. */
WEIR_API size_t weir_rtcp_history_find(struct weir_rtcp_history *h, const struct weir_pool *pool,
                                       weir_time now, weir_duration min_gap, uint32_t ssrc, uint16_t seq,
                                       struct weir_mspan out, uint8_t tag[WEIR_RTCP_TAG_MAX]);

/* Give everything back. */
WEIR_API void weir_rtcp_history_clear(struct weir_rtcp_history *h, struct weir_pool *pool);

/* -- When packets left -- */

#define WEIR_RTCP_SENT_MAX 1024 /* a second of 10 Mbit/s; 24 bytes each */

/* A packet that left: RTP, for the first time or again. */
struct weir_rtcp_sent_packet {
    uint32_t number;     /* of our packets to this peer, in the order in which they left */
    uint32_t ssrc;
    uint16_t seq, bytes; /* on the wire, without IP and UDP */
    bool is_stamped;     /* `at` is the kernel's */
    weir_time at;
};

/* The last packets that left, by number, for the feedback that is still to come. Zero begins it. */
struct weir_rtcp_sent {
    struct weir_rtcp_sent_packet packet[WEIR_RTCP_SENT_MAX];
    uint32_t next; /* number */
};

/* One leaves at `now`; gives its number. */
WEIR_API uint32_t weir_rtcp_sent_note(struct weir_rtcp_sent *s, weir_time now, uint32_t ssrc, uint16_t seq,
                                      size_t bytes);
/* The kernel gave it to the network at `at`. False: it is not kept any more, or never was. */
WEIR_API bool weir_rtcp_sent_stamp(struct weir_rtcp_sent *s, uint32_t number, weir_time at);
/* NULL likewise. Valid until the next packet leaves. */
WEIR_API const struct weir_rtcp_sent_packet *weir_rtcp_sent_find(const struct weir_rtcp_sent *s,
                                                                 uint32_t number);

#endif
