/* Shared by the files of rtcp/; included nowhere else. */
#ifndef WEIR_RTCP_INT_H
#define WEIR_RTCP_INT_H

#include "rtcp/rtcp.h"

enum {
    RTCP_HEAD_BYTES = 4,
    RTCP_SSRC_BYTES = 4,
    RTCP_SENDER_INFO_BYTES = 20,
    RTCP_BLOCK_BYTES = 24,
    RTCP_COUNT_MAX = 31,      /* blocks, names, goodbyes of one packet: the count has five bits */
    RTCP_FEEDBACK_BYTES = 12, /* head, sender, media source [RFC 4585 6.1] */
    RTCP_NACK_PAIR_BYTES = 4,
    RTCP_FIR_ENTRY_BYTES = 8,
    RTCP_COMPOUND_MAX = 1200,
};

#define RTCP_INTERVAL_AVPF WEIR_SEC
#define RTCP_INTERVAL_LEAST (5 * WEIR_SEC)  /* [RFC 3550 6.2] without AVPF */
#define RTCP_KEYFRAME_GAP (500 * WEIR_MS)   /* between two requests of ours */
#define RTCP_KEYFRAME_TOLD (300 * WEIR_MS)  /* between two of the peer's that the application hears of */
#define RTCP_SILENT_AFTER (5 * WEIR_SEC)    /* a stream may give its place to another */
#define RTCP_FORGET_AFTER (60 * WEIR_SEC)   /* a stream is forgotten */
#define RTCP_NACK_GAP_FIRST (5 * WEIR_MS)   /* a reordered packet may still come */
#define RTCP_NACK_GAP_MIN (20 * WEIR_MS)    /* between two requests for one packet, or the round trip */
#define RTCP_NACK_GAP_UNKNOWN (100 * WEIR_MS)
#define RTCP_MISSING_RUN_MAX 100            /* a larger gap is a jump, not a loss: ask for a key frame */
#define RTCP_DROPOUT_MAX 3000               /* [RFC 3550 A.1] MAX_DROPOUT */

/* -- rtcp_stats.c ------------------------------------------------------------------------------ */

struct weir_rtcp_remote *weir_rtcp_find_remote(struct weir_rtcp *r, uint32_t ssrc);
struct weir_rtcp_local *weir_rtcp_find_local(struct weir_rtcp *r, uint32_t ssrc);
/* Take one away; the last takes its place. */
void weir_rtcp_drop_local(struct weir_rtcp *r, uint32_t at);
void weir_rtcp_drop_remote(struct weir_rtcp *r, uint32_t at);
/* Take away those that were silent for RTCP_FORGET_AFTER. */
void weir_rtcp_forget_silent(struct weir_rtcp *r, weir_time now);
/* Fill a report block and begin the next interval [RFC 3550 A.3]. */
void weir_rtcp_report_block(struct weir_rtcp_remote *s, weir_time now, struct weir_rtcp_block *out);
uint64_t weir_rtcp_ntp(const struct weir_rtcp *r, weir_time at);

/* -- rtcp_nack.c ------------------------------------------------------------------------------- */

void weir_rtcp_missing_note(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now,
                            uint32_t from_seq, uint32_t to_seq);
/* A packet came late: false when it was not missing. */
bool weir_rtcp_missing_came(struct weir_rtcp_remote *s, uint32_t seq, bool *was_asked_for);
/* Give up what was asked for too often, and set nack_at, and whether it has come. */
void weir_rtcp_missing_arm(struct weir_rtcp *r, weir_time now);
/* How many pairs of packet id and bit mask the numbers that are due make, at most `most`. */
uint32_t weir_rtcp_nack_pairs(const struct weir_rtcp_remote *s, weir_time now, uint32_t most);
/* Write a NACK of `pairs` PID and BLP pairs for one remote; each packet named counts as requested `now`. */
void weir_rtcp_nack_write(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now,
                          struct weir_wr *w, uint32_t from_ssrc, uint32_t pairs);

/* -- rtcp_send.c ------------------------------------------------------------------------------- */

bool weir_rtcp_keyframe_is_due(const struct weir_rtcp_remote *s, weir_time now);

#endif
