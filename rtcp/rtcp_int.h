/* Shared by the files of rtcp/; included nowhere else. */
#ifndef WEIR_RTCP_INT_H
#define WEIR_RTCP_INT_H

#include "rtcp/rtcp.h"

#define RTCP_BLOCK_BYTES 24
#define RTCP_COMPOUND_MAX 1200
#define RTCP_REPORT_INTERVAL WEIR_SEC
#define RTCP_KEYFRAME_GAP (500 * WEIR_MS)
#define RTCP_NACK_GAP_FIRST (5 * WEIR_MS)   /* a reordered packet may still come */
#define RTCP_NACK_GAP_MIN (20 * WEIR_MS)    /* between two requests for one packet, or the round trip */
#define RTCP_NACK_GAP_UNKNOWN (100 * WEIR_MS)
#define RTCP_MISSING_RUN_MAX 100            /* a larger gap is a jump, not a loss: ask for a key frame */

/* -- rtcp_stats.c ------------------------------------------------------------------------------ */

struct weir_rtcp_remote *weir_rtcp_find_remote(struct weir_rtcp *r, uint32_t ssrc);
struct weir_rtcp_local *weir_rtcp_find_local(struct weir_rtcp *r, uint32_t ssrc);
/* Fill a report block and begin the next interval [RFC 3550 A.3]. */
void weir_rtcp_report_block(struct weir_rtcp_remote *s, weir_time now, struct weir_rtcp_block *out);
uint64_t weir_rtcp_ntp(const struct weir_rtcp *r, weir_time at);

/* -- rtcp_nack.c ------------------------------------------------------------------------------- */

void weir_rtcp_missing_note(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now,
                            uint32_t from_seq, uint32_t to_seq);
/* A packet came: true when it was one that we asked for. */
bool weir_rtcp_missing_came(struct weir_rtcp_remote *s, uint32_t seq);
void weir_rtcp_missing_arm(struct weir_rtcp *r);
/* Write the NACK of one remote for what is due; nothing when none is. */
void weir_rtcp_write_nack(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now,
                          struct weir_wr *w, uint32_t from_ssrc);

/* -- rtcp.c ------------------------------------------------------------------------------------ */

void weir_rtcp_push_event(struct weir_rtcp *r, enum weir_rtcp_event_type type, uint32_t ssrc,
                          uint16_t seq);

#endif
