/* Congestion control [RFC 9260 7.2]: one path, so one window.
 *
 * 1. Slow start doubles cwnd per round trip until ssthresh; congestion avoidance then adds a packet
 *    per round trip.
 * 2. A loss seen by gap reports halves cwnd, once per window of data; a timeout leaves
 *    one packet.
 * 3. After silence cwnd shrinks back towards its first value.
 *
 * [RFC 9260 7.2.1 DEVIATION] The first window is ten packets, as RFC 6928 has it for TCP and as
 * browsers do, rather than three or four.
 * [RFC 9260 6.1 D DEVIATION] A burst is bounded by what a SACK newly acknowledged plus
 * burst_packets_max, rather than by Max.Burst alone: where the receiver reads packets in batches,
 * one SACK acknowledges many, and a fixed limit would stall a sender on a clear path.
 */
#include "sctp/sctp_int.h"

enum {
    FIRST_WINDOW_PACKETS = 10,
    /* Growth per SACK in slow start, the L of [RFC 9260 7.2.1 MAY]: above 1 because one SACK may
     * stand for a batch; what was acknowledged bounds it in any case. */
    SLOW_START_PACKETS = 4,
    /* Of a window in each round trip, in percent: a window that doubles has to leave twice as fast as it is
     * acknowledged, and one that grows a little must not be what limits it. */
    PACE_SLOW_START = 200,
    PACE = 125,
    /* On shorter paths timers are too coarse for it: what waited for one would leave later than it may, and
     * a window that is never full never grows. */
    PACE_LEAST_RTT = 2 * WEIR_MS,
};

/* The path's maximum DATA chunk size, PMDCS. */
static uint32_t packet_bytes(const struct weir_sctp *s)
{
    return fragment_bytes(s) + DATA_HEADER_BYTES;
}

static uint32_t first_window(const struct weir_sctp *s)
{
    return FIRST_WINDOW_PACKETS * packet_bytes(s);
}

static uint32_t halved(const struct weir_sctp *s)
{
    uint32_t least = 4 * packet_bytes(s);
    return s->cwnd / 2 > least ? s->cwnd / 2 : least;
}

void weir_sctp_cc_init(struct weir_sctp *s)
{
    s->cwnd = first_window(s);
    s->ssthresh = UINT32_MAX / 4; /* arbitrarily high, without a risk of overflow in sums */
    s->partial_acked = 0;
    s->burst_left = s->cwnd;
    s->flight_peak = s->flight_peak_before = 0;
    s->round_exit = s->next_tsn - 1;
    s->is_recovering = false;
    s->is_fast_resend = false;
}

static void grow(struct weir_sctp *s, uint32_t bytes)
{
    /* No path has more in flight than serial numbers and quotas allow; the cap keeps sums small. */
    s->cwnd = s->cwnd + bytes > UINT32_MAX / 4 ? UINT32_MAX / 4 : s->cwnd + bytes;
}

/* [RFC 9260 7.2.1 DEVIATION] Only a window that was used grows; used within a round trip, not at the
 * moment of the SACK: several may be looked at before there is a turn to send, and all but the first
 * would find it half empty. In slow start half of it will do, as RFC 7661 has it for TCP:
 * acknowledgements that pace what is sent leave it never quite full. */
static bool was_used(const struct weir_sctp *s)
{
    uint32_t most = s->flight_peak > s->flight_peak_before ? s->flight_peak : s->flight_peak_before;
    return most >= s->cwnd || (s->cwnd <= s->ssthresh && most >= s->cwnd / 2 + packet_bytes(s));
}

/* [RFC 9260 7.2.1, 7.2.2] */
static void grow_by_rule(struct weir_sctp *s, uint32_t acked_bytes, bool cum_moved)
{
    bool was_full = was_used(s);
    if (s->cwnd <= s->ssthresh) {
        uint32_t most = SLOW_START_PACKETS * packet_bytes(s);
        if (cum_moved && was_full && !s->is_recovering) {
            grow(s, acked_bytes < most ? acked_bytes : most);
        }
        return;
    }
    s->partial_acked += acked_bytes;
    if (s->partial_acked >= s->cwnd) {
        s->partial_acked = was_full ? s->partial_acked - s->cwnd : s->cwnd;
        if (was_full) {
            grow(s, packet_bytes(s));
        }
    }
    if (s->flight_bytes == 0) {
        s->partial_acked = 0;
    }
}

uint64_t weir_sctp_pace(const struct weir_sctp *s)
{
    unsigned percent = s->cwnd <= s->ssthresh ? PACE_SLOW_START : PACE;
    return s->rtt_least < PACE_LEAST_RTT ? 0 : (uint64_t)s->cwnd * percent * 10000 / s->srtt;
}

void weir_sctp_cc_sent(struct weir_sctp *s)
{
    s->flight_peak = s->flight_bytes > s->flight_peak ? s->flight_bytes : s->flight_peak;
}

void weir_sctp_cc_acked(struct weir_sctp *s, uint32_t acked_bytes, bool cum_moved)
{
    grow_by_rule(s, acked_bytes, cum_moved);
    if (!tsn_before(s->cum_acked, s->round_exit)) {
        s->round_exit = s->next_tsn - 1;
        s->flight_peak_before = s->flight_peak;
        s->flight_peak = s->flight_bytes;
    }
    uint32_t burst = acked_bytes + s->config.burst_packets_max * packet_bytes(s);
    s->burst_left = burst > s->cwnd || s->burst_left > s->cwnd - burst ? s->cwnd
                                                                         : s->burst_left + burst;
}

void weir_sctp_cc_lost(struct weir_sctp *s)
{
    s->ssthresh = halved(s);
    s->cwnd = s->ssthresh;
    s->partial_acked = 0;
}

void weir_sctp_cc_timeout(struct weir_sctp *s)
{
    s->ssthresh = halved(s);
    s->cwnd = packet_bytes(s);
    s->partial_acked = 0;
    s->is_recovering = false;
    s->is_fast_resend = false;
}

void weir_sctp_cc_idle(struct weir_sctp *s, weir_time now)
{
    /* [RFC 9260 7.2.1 SHOULD] Per RTO without DATA, max(cwnd / 2, 4 packets); with our larger first
     * window, not below that one. 32 halvings reach any floor. */
    weir_duration idle = weir_time_since(now, s->data_sent_at);
    for (unsigned i = 0; i < 32 && idle >= s->rto && s->cwnd > first_window(s); i++) {
        s->ssthresh = i == 0 && s->ssthresh < s->cwnd ? s->cwnd : s->ssthresh;
        s->cwnd = halved(s) > first_window(s) ? halved(s) : first_window(s);
        idle -= s->rto;
    }
    /* After less silence than that a burst is what the last SACKs allow: a window that empties every
     * round trip must be able to fill, or it never grows. */
    uint32_t first = s->cwnd < first_window(s) ? s->cwnd : first_window(s);
    bool was_silent = weir_time_since(now, s->data_sent_at) >= s->rto;
    s->burst_left = was_silent || s->burst_left < first ? first : s->burst_left;
}
