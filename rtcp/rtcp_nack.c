/* Asking for what is missing [RFC 4585 6.2.1].
 *
 *   1. a gap in the sequence numbers puts its numbers on the stream's missing list;
 *   2. a short while later, if it was not mere reordering, a NACK asks for them;
 *   3. it asks again every round trip, ten times at most, then gives up;
 *   4. a gap too wide to be a loss asks for a key frame instead, and so do numbers that begin anew.
 *
 * A number counts as asked for when the NACK that names it is written, and not before.
 */
#include "rtcp/rtcp_int.h"

static void forget(struct weir_rtcp_remote *s, uint32_t at)
{
    s->missing_count--;
    memmove(&s->missing[at], &s->missing[at + 1], (s->missing_count - at) * sizeof s->missing[0]);
}

void weir_rtcp_missing_note(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now,
                            uint32_t from_seq, uint32_t to_seq)
{
    if (!s->wants_nack) {
        return;
    }
    if (to_seq - from_seq > RTCP_MISSING_RUN_MAX) {
        s->given_up += to_seq - from_seq + s->missing_count;
        s->missing_count = 0;
        s->owes_pli = true;
        return;
    }
    weir_time first_at = weir_time_add(now, RTCP_NACK_GAP_FIRST);
    for (uint32_t seq = from_seq; seq != to_seq; seq++) { /* at most RTCP_MISSING_RUN_MAX */
        if (s->missing_count == WEIR_RTCP_MISSING_MAX) {
            forget(s, 0); /* the oldest is the least useful */
            s->given_up++;
        }
        struct weir_rtcp_missing m = { first_at, seq, 0 };
        s->missing[s->missing_count++] = m;
    }
    r->nack_at = weir_time_min(r->nack_at, first_at);
}

bool weir_rtcp_missing_came(struct weir_rtcp_remote *s, uint32_t seq, bool *was_asked_for)
{
    for (uint32_t i = 0; i < s->missing_count; i++) {
        if (s->missing[i].seq == seq) {
            *was_asked_for = s->missing[i].tries != 0;
            forget(s, i);
            return true;
        }
    }
    return false;
}

/* Give up what was asked for too often; a key frame is owed for it. */
static void expire(struct weir_rtcp *r, weir_time now)
{
    for (uint32_t i = 0; i < r->remotes; i++) {
        struct weir_rtcp_remote *s = &r->remote[i];
        for (uint32_t k = s->missing_count; k-- != 0;) {
            if (s->missing[k].tries == WEIR_RTCP_NACK_TRIES && s->missing[k].next_at <= now) {
                forget(s, k);
                s->given_up++;
                s->owes_pli = true;
            }
        }
    }
}

void weir_rtcp_missing_arm(struct weir_rtcp *r, weir_time now)
{
    expire(r, now);
    r->nack_at = WEIR_NEVER;
    r->nack_is_due = false;
    for (uint32_t i = 0; i < r->remotes; i++) {
        for (uint32_t k = 0; k < r->remote[i].missing_count; k++) {
            weir_time next_at = r->remote[i].missing[k].next_at;
            if (next_at <= now) {
                r->nack_is_due = true; /* and no deadline: it may be long until it can leave */
            } else {
                r->nack_at = weir_time_min(r->nack_at, next_at);
            }
        }
    }
}

static weir_duration retry_gap(const struct weir_rtcp *r)
{
    weir_duration gap = r->rtt == 0 ? RTCP_NACK_GAP_UNKNOWN : r->rtt + r->rtt / 4;
    return gap < RTCP_NACK_GAP_MIN ? RTCP_NACK_GAP_MIN : gap;
}

static bool is_due(const struct weir_rtcp_missing *m, weir_time now)
{
    return m->next_at <= now && m->tries < WEIR_RTCP_NACK_TRIES;
}

/* The next pair of the numbers that are due, from missing[*at] on, which moves behind what it names. */
static bool pair_next(const struct weir_rtcp_remote *s, weir_time now, uint32_t *at, uint32_t *pid,
                      uint16_t *blp)
{
    bool has_pid = false;
    for (; *at < s->missing_count; (*at)++) {
        const struct weir_rtcp_missing *m = &s->missing[*at];
        if (!is_due(m, now)) {
            continue;
        }
        if (!has_pid) {
            has_pid = true;
            *pid = m->seq;
            *blp = 0;
        } else if (m->seq - *pid <= 16) {
            *blp = (uint16_t)(*blp | 1u << (m->seq - *pid - 1));
        } else {
            return true;
        }
    }
    return has_pid;
}

uint32_t weir_rtcp_nack_pairs(const struct weir_rtcp_remote *s, weir_time now, uint32_t most)
{
    uint32_t at = 0, n = 0, pid;
    uint16_t blp;
    while (n < most && pair_next(s, now, &at, &pid, &blp)) {
        n++;
    }
    return n;
}

void weir_rtcp_nack_write(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now,
                          struct weir_wr *w, uint32_t from_ssrc, uint32_t pairs)
{
    uint32_t at = 0, pid = 0;
    uint16_t blp = 0;
    weir_time again_at = weir_time_add(now, retry_gap(r));
    weir_wr_u8(w, 0x80 | WEIR_RTPFB_NACK);
    weir_wr_u8(w, WEIR_RTCP_RTPFB);
    weir_wr_u16(w, (uint16_t)(RTCP_FEEDBACK_BYTES / 4 - 1 + pairs));
    weir_wr_u32(w, from_ssrc);
    weir_wr_u32(w, s->ssrc);
    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t from = at;
        if (!pair_next(s, now, &at, &pid, &blp)) {
            break; /* it was counted before */
        }
        weir_wr_u16(w, (uint16_t)pid);
        weir_wr_u16(w, blp);
        for (; from < at; from++) {
            if (is_due(&s->missing[from], now)) {
                s->missing[from].tries++;
                s->missing[from].next_at = again_at;
            }
        }
    }
    s->nacks++;
}
