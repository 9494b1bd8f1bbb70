/* Which TSNs have arrived, and the SACK that says so [RFC 9260 6.2, 6.7, 3.3.4].
 *
 * rx_cum is the cumulative TSN; beyond it ranges hold the runs that have arrived, in order,
 * never touching each other or rx_cum. In-order arrival touches no range at all. A few lie in the
 * association; more are in the pool, until all holes are closed.
 */
#include "sctp/sctp_int.h"

static struct weir_sctp_range *ranges(struct weir_sctp *s)
{
    return s->range_run == WEIR_NO_CELL ? s->few
                                        : (struct weir_sctp_range *)weir_cell_at(s->pool, s->range_run);
}

/* Is there room for one more, or can there be? */
static bool may_insert(struct weir_sctp *s)
{
    if (s->range_run != WEIR_NO_CELL || s->range_count < WEIR_SCTP_RANGES_FEW) {
        return s->range_count < WEIR_SCTP_RANGES_MAX;
    }
    uint32_t run = weir_run_get(s->pool, s->account, WEIR_STORE_DENSE, RANGE_CELLS);
    if (run == WEIR_NO_CELL) {
        return false;
    }
    memcpy(weir_cell_at(s->pool, run), s->few, sizeof s->few);
    s->range_run = run;
    return true;
}

static void give_back(struct weir_sctp *s)
{
    if (s->range_count == 0 && s->range_run != WEIR_NO_CELL) {
        weir_run_put(s->pool, s->account, s->range_run, RANGE_CELLS);
        s->range_run = WEIR_NO_CELL;
    }
}

void weir_sctp_tsn_clear(struct weir_sctp *s)
{
    s->range_count = 0;
    give_back(s);
}

/* How many ranges begin at or before tsn, which lies beyond rx_cum. */
static unsigned ranges_up_to(const struct weir_sctp *s, uint32_t tsn)
{
    const struct weir_sctp_range *range = ranges_of(s);
    unsigned low = 0;
    unsigned high = s->range_count;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (tsn_after(range[mid].first, tsn)) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

static void range_remove(struct weir_sctp *s, unsigned i)
{
    struct weir_sctp_range *range = ranges(s);
    s->range_count--;
    memmove(&range[i], &range[i + 1], (s->range_count - i) * sizeof range[0]);
    give_back(s);
}

/* There is room: weir_sctp_tsn_has_room was asked, or forget checked it. */
static void range_insert(struct weir_sctp *s, unsigned i, uint32_t first, uint32_t last)
{
    struct weir_sctp_range *range = ranges(s);
    memmove(&range[i + 1], &range[i], (s->range_count - i) * sizeof range[0]);
    range[i].first = first;
    range[i].last = last;
    s->range_count++;
}

bool weir_sctp_tsn_received(const struct weir_sctp *s, uint32_t tsn)
{
    if (!tsn_after(tsn, s->rx_cum)) {
        return true;
    }
    unsigned i = ranges_up_to(s, tsn);
    return i != 0 && !tsn_after(tsn, ranges_of(s)[i - 1].last);
}

bool weir_sctp_tsn_has_room(struct weir_sctp *s, uint32_t tsn)
{
    if (tsn == s->rx_cum + 1 || may_insert(s)) {
        return true;
    }
    const struct weir_sctp_range *range = ranges_of(s);
    unsigned i = ranges_up_to(s, tsn);
    return (i != 0 && range[i - 1].last + 1 == tsn) || (i < s->range_count && range[i].first == tsn + 1);
}

/* Take the first ranges into the cumulative TSN as far as they touch it. */
static void absorb(struct weir_sctp *s)
{
    struct weir_sctp_range *range = ranges(s);
    unsigned gone = 0;
    while (gone < s->range_count && !tsn_after(range[gone].first, s->rx_cum + 1)) {
        if (tsn_after(range[gone].last, s->rx_cum)) {
            s->rx_cum = range[gone].last;
        }
        gone++;
    }
    if (gone != 0) {
        s->range_count = (uint16_t)(s->range_count - gone);
        memmove(&range[0], &range[gone], s->range_count * sizeof range[0]);
        give_back(s);
    }
}

void weir_sctp_tsn_note(struct weir_sctp *s, uint32_t tsn)
{
    s->rx_high = tsn_after(tsn, s->rx_high) ? tsn : s->rx_high;
    if (tsn == s->rx_cum + 1) {
        s->rx_cum = tsn;
        absorb(s);
        return;
    }
    struct weir_sctp_range *range = ranges(s);
    unsigned i = ranges_up_to(s, tsn);
    bool touches_before = i != 0 && range[i - 1].last + 1 == tsn;
    bool touches_after = i < s->range_count && range[i].first == tsn + 1;
    if (touches_before && touches_after) {
        range[i - 1].last = range[i].last;
        range_remove(s, i);
    } else if (touches_before) {
        range[i - 1].last = tsn;
    } else if (touches_after) {
        range[i].first = tsn;
    } else {
        range_insert(s, i, tsn, tsn);
    }
}

bool weir_sctp_tsn_forget(struct weir_sctp *s, uint32_t first, uint32_t last)
{
    unsigned i = ranges_up_to(s, first);
    if (i == 0 || tsn_after(last, ranges(s)[i - 1].last)) {
        return false;
    }
    struct weir_sctp_range *r = &ranges(s)[i - 1];
    bool keeps_front = r->first != first;
    bool keeps_back = r->last != last;
    if (keeps_front && keeps_back) {
        if (!may_insert(s)) {
            return false;
        }
        r = &ranges(s)[i - 1]; /* they may have moved */
        uint32_t back = r->last;
        r->last = first - 1;
        range_insert(s, i, last + 1, back);
    } else if (keeps_front) {
        r->last = first - 1;
    } else if (keeps_back) {
        r->first = last + 1;
    } else {
        range_remove(s, i - 1);
    }
    return true;
}

void weir_sctp_tsn_skip_to(struct weir_sctp *s, uint32_t cum)
{
    s->rx_cum = cum;
    absorb(s);
    s->rx_high = tsn_after(s->rx_cum, s->rx_high) ? s->rx_cum : s->rx_high;
}

void weir_sctp_tsn_duplicate(struct weir_sctp *s, uint32_t tsn)
{
    if (s->duplicate_count < WEIR_SCTP_DUPLICATES_MAX) {
        s->duplicate[s->duplicate_count++] = tsn;
    }
}

/* [RFC 9260 6.2 SHOULD, 7.2.1] A peer may open its window, and find losses, by counting SACKs, so a batch
 * of packets is acknowledged as if each had been looked at when it came. */
void weir_sctp_ack_point(struct weir_sctp *s)
{
    if (s->config.acks_batches) {
        return;
    }
    s->packets_unacked = 0;
    if (s->ack_points == WEIR_SCTP_ACK_POINTS ||
        (s->ack_points != 0 && s->ack_point[s->ack_points - 1] == s->rx_high)) {
        s->ack_points--;
    }
    s->ack_point[s->ack_points++] = s->rx_high;
}

/* Up to which TSN the next SACK speaks: only the last one owed tells all. */
static uint32_t ack_point_next(struct weir_sctp *s)
{
    if (s->ack_points < 2) {
        s->ack_points = 0;
        return s->rx_high;
    }
    uint32_t point = s->ack_point[0];
    s->ack_points--;
    memmove(&s->ack_point[0], &s->ack_point[1], s->ack_points * sizeof s->ack_point[0]);
    return point;
}

/*  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------------------------------------------------------+
 * |                      cumulative TSN ack                       |  4
 * +---------------------------------------------------------------+
 * |              advertised receiver window credit                |  8
 * +-------------------------------+-------------------------------+
 * |       gap ack blocks (n)      |      duplicate TSNs (m)       | 12
 * +-------------------------------+-------------------------------+
 * |  block start (from cum ack)   |          block end            | 16, n times
 * +-------------------------------+-------------------------------+
 * |                        duplicate TSN                          | m times
 */
void weir_sctp_sack_write(struct weir_sctp *s, struct weir_wr *w, size_t room)
{
    enum { FIXED_BYTES = 16 };
    size_t entries = (room - FIXED_BYTES) / 4;
    uint32_t point = ack_point_next(s);
    uint32_t cum = tsn_after(s->rx_cum, point) ? point : s->rx_cum;
    size_t known = cum == s->rx_cum ? ranges_up_to(s, point) : 0;
    /* [RFC 9260 6.2 MUST] As many blocks as fit; duplicates only after them. */
    size_t blocks = known < entries ? known : entries;
    entries -= blocks;
    size_t duplicates = s->duplicate_count < entries ? s->duplicate_count : entries;
    const struct weir_sctp_range *range = ranges_of(s);
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_SACK, 0);
    s->rwnd_told = weir_sctp_rwnd(s);
    weir_wr_u32(w, cum);
    weir_wr_u32(w, s->rwnd_told);
    weir_wr_u16(w, (uint16_t)blocks);
    weir_wr_u16(w, (uint16_t)duplicates);
    for (size_t i = 0; i < blocks; i++) {
        uint32_t last = tsn_after(range[i].last, point) ? point : range[i].last;
        weir_wr_u16(w, (uint16_t)(range[i].first - cum));
        weir_wr_u16(w, (uint16_t)(last - cum));
    }
    for (size_t i = 0; i < duplicates; i++) {
        weir_wr_u32(w, s->duplicate[i]);
    }
    weir_sctp_chunk_close(w, m);
    s->duplicate_count = 0;
    if (s->ack_points != 0) {
        return;
    }
    s->packets_unacked = 0;
    s->ack = ACK_NONE;
    s->sack_at = WEIR_NEVER;
}
