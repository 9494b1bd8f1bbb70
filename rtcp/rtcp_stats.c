/* Which streams there are, their statistics [RFC 3550 A.1, A.3, A.8], and what an SR says of our own.
 *
 * [RFC 3550 A.1 DEVIATION] There is no probation: a packet was authenticated before it is counted, so
 * the first one already proves its source, and what is lost just behind it is asked for.
 *
 * [RFC 3550 A.1 DEVIATION] MAX_MISORDER is made for streams in which nothing is sent again. What was asked
 * for comes a round trip later, however many packets that is: a number that is missing is late, and so is
 * one that SRTP's window has room for; neither begins the count anew.
 */
#include "rtcp/rtcp_int.h"

struct weir_rtcp_remote *weir_rtcp_find_remote(struct weir_rtcp *r, uint32_t ssrc)
{
    for (uint32_t i = 0; i < r->remotes; i++) {
        if (r->remote[i].ssrc == ssrc) {
            return &r->remote[i];
        }
    }
    return NULL;
}

struct weir_rtcp_local *weir_rtcp_find_local(struct weir_rtcp *r, uint32_t ssrc)
{
    for (uint32_t i = 0; i < r->locals; i++) {
        if (r->local[i].ssrc == ssrc) {
            return &r->local[i];
        }
    }
    return NULL;
}

uint64_t weir_rtcp_ntp(const struct weir_rtcp *r, weir_time at)
{
    uint64_t seconds = at / WEIR_SEC, rest = at % WEIR_SEC;
    return r->config.ntp_at_epoch + (seconds << 32) + (rest << 32) / WEIR_SEC;
}

static void arm_report(struct weir_rtcp *r, weir_time now)
{
    if (r->report_at == WEIR_NEVER) {
        r->report_at = weir_time_add(now, r->config.report_interval / 2); /* [RFC 3550 6.2] first: half */
    }
}

/* -- Out --------------------------------------------------------------------------------------- */

enum weir_status weir_rtcp_add_local(struct weir_rtcp *r, uint32_t ssrc, uint32_t clock_hz)
{
    if (clock_hz == 0) {
        return WEIR_ERR_ARG;
    }
    struct weir_rtcp_local *known = weir_rtcp_find_local(r, ssrc);
    if (known != NULL) {
        known->is_leaving = false;
        known->owes_bye = false;
        if (known->clock_hz != clock_hz) { /* the last timestamp says no time of the new clock */
            known->clock_hz = clock_hz;
            known->owes_report = false;
            known->quiet_reports = 2;
        }
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < r->locals && r->locals == WEIR_RTCP_LOCALS_MAX; i++) {
        if (r->local[i].is_leaving) {
            weir_rtcp_drop_local(r, i); /* the new one is worth more than that goodbye */
        }
    }
    if (r->locals == WEIR_RTCP_LOCALS_MAX) {
        return WEIR_ERR_FULL;
    }
    struct weir_rtcp_local *l = &r->local[r->locals++];
    memset(l, 0, sizeof *l);
    l->ssrc = ssrc;
    l->clock_hz = clock_hz;
    return WEIR_OK;
}

void weir_rtcp_drop_local(struct weir_rtcp *r, uint32_t at)
{
    r->local[at] = r->local[--r->locals];
}

void weir_rtcp_remove_local(struct weir_rtcp *r, uint32_t ssrc)
{
    struct weir_rtcp_local *l = weir_rtcp_find_local(r, ssrc);
    if (l == NULL) {
        return;
    }
    l->is_leaving = true;
    l->owes_bye = l->has_sent;
    if (!l->owes_bye) {
        weir_rtcp_drop_local(r, (uint32_t)(l - r->local));
    }
}

void weir_rtcp_note_tx(struct weir_rtcp *r, weir_time now, const struct weir_rtp_header *h)
{
    struct weir_rtcp_local *l = weir_rtcp_find_local(r, h->ssrc);
    if (l == NULL || l->is_leaving) {
        return;
    }
    l->packets++;
    l->bytes += (uint32_t)h->payload.n;
    l->last_timestamp = h->timestamp;
    l->last_tx = now;
    l->has_sent = true;
    l->quiet_reports = 0;
    arm_report(r, now);
}

/* -- In ---------------------------------------------------------------------------------------- */

void weir_rtcp_drop_remote(struct weir_rtcp *r, uint32_t at)
{
    const struct weir_rtcp_remote *s = &r->remote[at];
    r->ended.streams++;
    r->ended.packets += s->packets;
    r->ended.bytes += s->bytes;
    r->ended.lost += weir_rtcp_remote_lost(s);
    r->ended.nacks += s->nacks;
    r->ended.plis += s->plis;
    r->ended.recovered += s->recovered;
    r->ended.given_up += s->given_up;
    r->remotes--;
    if (at != r->remotes) {
        r->remote[at] = r->remote[r->remotes];
    }
}

void weir_rtcp_remove_remote(struct weir_rtcp *r, uint32_t ssrc)
{
    struct weir_rtcp_remote *s = weir_rtcp_find_remote(r, ssrc);
    if (s != NULL) {
        weir_rtcp_drop_remote(r, (uint32_t)(s - r->remote));
    }
}

void weir_rtcp_forget_silent(struct weir_rtcp *r, weir_time now)
{
    for (uint32_t i = r->remotes; i-- != 0;) {
        if (weir_time_since(now, r->remote[i].last_rx) >= RTCP_FORGET_AFTER) {
            weir_rtcp_drop_remote(r, i);
        }
    }
}

/* Make room by the stream that was silent for longest [RFC 3550 6.3.5]. */
static bool make_room(struct weir_rtcp *r, weir_time now)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < r->remotes; i++) {
        oldest = r->remote[i].last_rx < r->remote[oldest].last_rx ? i : oldest;
    }
    if (weir_time_since(now, r->remote[oldest].last_rx) < RTCP_SILENT_AFTER) {
        return false;
    }
    weir_rtcp_drop_remote(r, oldest);
    return true;
}

static struct weir_rtcp_remote *add_remote(struct weir_rtcp *r, weir_time now, uint32_t ssrc,
                                           uint32_t clock_hz)
{
    if (r->remotes == WEIR_RTCP_REMOTES_MAX && !make_room(r, now)) {
        r->remotes_refused++;
        return NULL;
    }
    struct weir_rtcp_remote *s = &r->remote[r->remotes++];
    memset(s, 0, sizeof *s);
    s->ssrc = ssrc;
    s->clock_hz = clock_hz;
    s->sr_at = WEIR_NEVER;
    return s;
}

/* [RFC 3550 A.8] interarrival jitter, in sixteenths of a timestamp unit. */
static void note_jitter(struct weir_rtcp_remote *s, weir_time arrival, uint32_t timestamp)
{
    uint64_t arrival_units = arrival / WEIR_SEC * s->clock_hz
                             + arrival % WEIR_SEC * s->clock_hz / WEIR_SEC;
    int64_t transit = (int64_t)(uint32_t)(arrival_units - timestamp);
    int64_t d = transit - s->transit;
    bool has_prior = s->has_transit;
    s->transit = transit;
    s->has_transit = true;
    d = d < 0 ? -d : d;
    if (has_prior && d < (int64_t)s->clock_hz * 10) { /* a jump of the clock is not jitter */
        s->jitter_q4 += (uint32_t)d - ((s->jitter_q4 + 8) >> 4);
    }
}

static void restart_at(struct weir_rtcp_remote *s, uint16_t seq)
{
    s->lost_before = weir_rtcp_remote_lost(s);
    s->base_seq = (uint64_t)seq + 0x10000; /* room for numbers just before the first */
    s->highest_seq = s->base_seq;
    s->expected_prior = s->received_prior = 0;
    s->received = 0;
    s->missing_count = 0;
    s->has_jumped = false;
    s->has_transit = false;
}

/* Another payload type may have another clock: neither transit times nor jitter of the two compare. */
static void note_clock(struct weir_rtcp_remote *s, uint32_t clock_hz)
{
    if (clock_hz != 0 && clock_hz != s->clock_hz) {
        s->clock_hz = clock_hz;
        s->jitter_q4 = 0;
        s->has_transit = false;
    }
}

/* Whether a number so far behind the highest is late, and not the sign of a new beginning. */
static bool is_late(struct weir_rtcp_remote *s, uint16_t behind)
{
    bool was_asked_for = false;
    bool was_missing = weir_rtcp_missing_came(s, (uint32_t)(s->highest_seq - behind), &was_asked_for);
    s->recovered += was_asked_for ? 1 : 0;
    return was_missing || behind < WEIR_SRTP_WINDOW;
}

/* [RFC 3550 A.1] Count one sequence number; false for one that is far off and may be a mistake. */
static bool note_sequence(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now, uint16_t seq)
{
    uint16_t ahead = (uint16_t)(seq - (uint16_t)s->highest_seq);
    if (!s->has_any) {
        s->has_any = true;
        restart_at(s, seq);
    } else if (ahead == 0) {
        /* a duplicate */
    } else if (ahead < RTCP_DROPOUT_MAX) {
        if (ahead > 1) {
            uint32_t from = (uint32_t)s->highest_seq + 1;
            weir_rtcp_missing_note(r, s, now, from, from + ahead - 1);
        }
        s->highest_seq += ahead;
        s->has_jumped = false;
    } else if (!is_late(s, (uint16_t)-ahead)) {
        if (!s->has_jumped || seq != s->jump_seq) {
            s->has_jumped = true;
            s->jump_seq = (uint16_t)(seq + 1);
            return false;
        }
        s->given_up += s->missing_count;
        s->owes_pli |= s->wants_nack; /* whatever it was, what is decoded broke off */
        restart_at(s, seq); /* two in a row: the source began anew, or more is lost than numbers tell */
    }
    s->received++;
    return true;
}

void weir_rtcp_note_rx(struct weir_rtcp *r, weir_time now, weir_time arrival,
                       const struct weir_rtp_header *h, uint32_t clock_hz, bool wants_nack)
{
    struct weir_rtcp_remote *s = weir_rtcp_find_remote(r, h->ssrc);
    if (s == NULL) {
        s = add_remote(r, now, h->ssrc, clock_hz == 0 ? 90000 : clock_hz);
    }
    if (s == NULL) {
        return;
    }
    note_clock(s, clock_hz);
    s->wants_nack = wants_nack;
    s->last_rx = now;
    s->packets++;
    s->bytes += h->payload.n;
    if (note_sequence(r, s, now, h->seq)) {
        s->has_news = true;
        note_jitter(s, arrival, h->timestamp);
    }
    arm_report(r, now);
}

uint64_t weir_rtcp_remote_lost(const struct weir_rtcp_remote *s)
{
    uint64_t expected = s->highest_seq - s->base_seq + 1;
    return s->lost_before + (s->received != 0 && expected > s->received ? expected - s->received : 0);
}

/* [RFC 3550 6.4.1] cumulative loss may be negative, and saturates at 24 bits. */
static int32_t cumulative_lost(const struct weir_rtcp_remote *s)
{
    int64_t lost = (int64_t)(s->highest_seq - s->base_seq + 1 - s->received);
    return lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : (int32_t)lost;
}

void weir_rtcp_report_block(struct weir_rtcp_remote *s, weir_time now, struct weir_rtcp_block *out)
{
    uint64_t expected = s->highest_seq - s->base_seq + 1;
    uint64_t expected_now = expected - s->expected_prior;
    uint64_t received_now = s->received - s->received_prior;
    uint64_t lost_now = expected_now > received_now ? expected_now - received_now : 0;
    s->expected_prior = expected;
    s->received_prior = s->received;
    /* [RFC 3550 6.4.1] of 256; all lost does not fit into eight bits. */
    uint64_t fraction = expected_now == 0 ? 0 : lost_now * 256 / expected_now;
    s->fraction_lost = fraction > 255 ? 255 : (uint8_t)fraction;
    memset(out, 0, sizeof *out);
    out->ssrc = s->ssrc;
    out->fraction_lost = s->fraction_lost;
    out->lost = cumulative_lost(s);
    out->highest_seq = (uint32_t)(s->highest_seq - 0x10000);
    out->jitter = s->jitter_q4 >> 4;
    if (s->sr_at != WEIR_NEVER) {
        weir_duration since = weir_time_since(now, s->sr_at);
        out->lsr = s->sr_ntp_mid;
        out->dlsr = since > 65535 * WEIR_SEC ? UINT32_MAX : (uint32_t)((since << 16) / WEIR_SEC);
    }
}

/* -- For others to read ------------------------------------------------------------------------ */

void weir_rtcp_note_resent(struct weir_rtcp *r, uint32_t ssrc)
{
    for (uint32_t i = 0; i < r->locals; i++) {
        r->local[i].retransmissions += r->local[i].ssrc == ssrc ? 1 : 0;
    }
}

weir_duration weir_rtcp_rtt(const struct weir_rtcp *r)
{
    return r->rtt;
}

uint32_t weir_rtcp_refused(const struct weir_rtcp *r)
{
    return r->remotes_refused;
}

uint32_t weir_rtcp_verdicts(const struct weir_rtcp *r, enum weir_rtcp_verdict v)
{
    return (unsigned)v < WEIR_RTCP_VERDICTS ? r->verdicts[v] : 0;
}

static weir_duration in_time(uint32_t ticks, uint32_t clock_hz)
{
    return clock_hz == 0 ? 0 : (weir_duration)ticks * WEIR_SEC / clock_hz;
}

bool weir_rtcp_rx_stats(const struct weir_rtcp *r, uint32_t ssrc, struct weir_rtcp_rx_stats *out)
{
    uint32_t i = 0;
    while (i < r->remotes && r->remote[i].ssrc != ssrc) {
        i++;
    }
    if (i == r->remotes) {
        return false;
    }
    const struct weir_rtcp_remote *s = &r->remote[i];
    *out = (struct weir_rtcp_rx_stats){ .ssrc = ssrc, .clock_hz = s->clock_hz, .packets = s->packets,
                                        .bytes = s->bytes, .lost = weir_rtcp_remote_lost(s),
                                        .fraction_lost = s->fraction_lost,
                                        .jitter = in_time(s->jitter_q4 >> 4, s->clock_hz),
                                        .last_rx = s->last_rx, .nacks = s->nacks, .plis = s->plis,
                                        .recovered = s->recovered, .given_up = s->given_up };
    return true;
}

bool weir_rtcp_tx_stats(const struct weir_rtcp *r, uint32_t ssrc, struct weir_rtcp_tx_stats *out)
{
    uint32_t i = 0;
    while (i < r->locals && r->local[i].ssrc != ssrc) {
        i++;
    }
    if (i == r->locals) {
        return false;
    }
    const struct weir_rtcp_local *s = &r->local[i];
    *out = (struct weir_rtcp_tx_stats){ .ssrc = ssrc, .clock_hz = s->clock_hz, .packets = s->packets,
                                        .bytes = s->bytes, .retransmissions = s->retransmissions,
                                        .nacks = s->nacks, .plis = s->plis, .firs = s->firs,
                                        .fraction_lost = s->fraction_lost, .lost = s->lost,
                                        .jitter = in_time(s->jitter, s->clock_hz), .rtt = s->rtt };
    return true;
}
