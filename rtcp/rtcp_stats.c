/* Reception statistics [RFC 3550 A.1, A.3, A.8] and what an SR says of our own streams. */
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
    if (weir_rtcp_find_local(r, ssrc) != NULL) {
        return WEIR_OK;
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

void weir_rtcp_note_tx(struct weir_rtcp *r, weir_time now, const struct weir_rtp_header *h)
{
    struct weir_rtcp_local *l = weir_rtcp_find_local(r, h->ssrc);
    if (l == NULL) {
        return;
    }
    l->packets++;
    l->bytes += (uint32_t)h->payload.n;
    l->last_timestamp = h->timestamp;
    l->last_tx = now;
    l->has_sent = true;
    arm_report(r, now);
}

/* -- In ---------------------------------------------------------------------------------------- */

static struct weir_rtcp_remote *add_remote(struct weir_rtcp *r, uint32_t ssrc, uint32_t clock_hz)
{
    if (r->remotes == WEIR_RTCP_REMOTES_MAX) {
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
    bool has_prior = s->packets > 1;
    s->transit = transit;
    d = d < 0 ? -d : d;
    if (has_prior && d < (int64_t)s->clock_hz * 10) { /* a jump of the clock is not jitter */
        s->jitter_q4 += (uint32_t)d - ((s->jitter_q4 + 8) >> 4);
    }
}

/* The extended number that a 16-bit one most likely means. */
static uint32_t extend(const struct weir_rtcp_remote *s, uint16_t seq)
{
    int16_t ahead = (int16_t)(uint16_t)(seq - (uint16_t)s->highest_seq);
    return (uint32_t)((int64_t)s->highest_seq + ahead);
}

static void restart_at(struct weir_rtcp_remote *s, uint32_t seq)
{
    s->base_seq = seq;
    s->highest_seq = seq;
    s->expected_prior = s->received_prior = 0;
    s->packets = 1;
    s->missing_count = 0;
}

void weir_rtcp_note_rx(struct weir_rtcp *r, weir_time now, weir_time arrival,
                       const struct weir_rtp_header *h, uint32_t clock_hz, bool wants_nack)
{
    struct weir_rtcp_remote *s = weir_rtcp_find_remote(r, h->ssrc);
    if (s == NULL) {
        s = add_remote(r, h->ssrc, clock_hz == 0 ? 90000 : clock_hz);
    }
    if (s == NULL) {
        return;
    }
    s->wants_nack = wants_nack;
    s->bytes += (uint32_t)h->payload.n;
    if (!s->has_any) {
        s->has_any = true;
        restart_at(s, (uint32_t)h->seq + 0x10000); /* room for numbers just before the first */
    } else {
        uint32_t seq = extend(s, h->seq);
        uint32_t ahead = seq - s->highest_seq;
        s->packets++;
        if (ahead != 0 && ahead < 0x8000) {
            if (ahead > 1) {
                weir_rtcp_missing_note(r, s, now, s->highest_seq + 1, seq);
            }
            s->highest_seq = seq;
        } else if (weir_rtcp_missing_came(s, seq)) {
            s->recovered++;
        }
    }
    note_jitter(s, arrival, h->timestamp);
    arm_report(r, now);
}

uint32_t weir_rtcp_remote_lost(const struct weir_rtcp_remote *s)
{
    uint32_t expected = s->highest_seq - s->base_seq + 1;
    return s->has_any && expected > s->packets ? expected - s->packets : 0;
}

/* [RFC 3550 6.4.1] cumulative loss may be negative, and saturates at 24 bits. */
static int32_t cumulative_lost(const struct weir_rtcp_remote *s)
{
    int64_t lost = (int64_t)(uint32_t)(s->highest_seq - s->base_seq + 1) - (int64_t)s->packets;
    return lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : (int32_t)lost;
}

void weir_rtcp_report_block(struct weir_rtcp_remote *s, weir_time now, struct weir_rtcp_block *out)
{
    uint32_t expected = s->highest_seq - s->base_seq + 1;
    uint32_t expected_now = expected - s->expected_prior;
    uint32_t received_now = s->packets - s->received_prior;
    uint32_t lost_now = expected_now > received_now ? expected_now - received_now : 0;
    s->expected_prior = expected;
    s->received_prior = s->packets;
    s->fraction_lost = expected_now == 0 ? 0 : (uint8_t)((uint64_t)lost_now * 255 / expected_now);
    memset(out, 0, sizeof *out);
    out->ssrc = s->ssrc;
    out->fraction_lost = s->fraction_lost;
    out->lost = cumulative_lost(s);
    out->highest_seq = s->highest_seq - 0x10000;
    out->jitter = s->jitter_q4 >> 4;
    if (s->sr_at != WEIR_NEVER) {
        weir_duration since = weir_time_since(now, s->sr_at);
        out->lsr = s->sr_ntp_mid;
        out->dlsr = since > 65535 * WEIR_SEC ? UINT32_MAX : (uint32_t)((since << 16) / WEIR_SEC);
    }
}
