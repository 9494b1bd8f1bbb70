/* Asking for what is missing [RFC 4585 6.2.1].
 *
 *   1. a gap in the sequence numbers puts its numbers on the stream's missing list;
 *   2. a short while later, if it was not mere reordering, a NACK asks for them;
 *   3. it asks again every round trip, ten times at most, then gives up;
 *   4. a gap too wide to be a loss asks for a key frame instead.
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
        s->given_up += to_seq - from_seq;
        s->missing_count = 0;
        s->owes_pli = true;
        return;
    }
    for (uint32_t seq = from_seq; seq != to_seq; seq++) { /* at most RTCP_MISSING_RUN_MAX */
        if (s->missing_count == WEIR_RTCP_MISSING_MAX) {
            forget(s, 0); /* the oldest is the least useful */
            s->given_up++;
        }
        struct weir_rtcp_missing m = { seq, weir_time_add(now, RTCP_NACK_GAP_FIRST), 0 };
        s->missing[s->missing_count++] = m;
    }
    weir_rtcp_missing_arm(r);
}

bool weir_rtcp_missing_came(struct weir_rtcp_remote *s, uint32_t seq)
{
    for (uint32_t i = 0; i < s->missing_count; i++) {
        if (s->missing[i].seq == seq) {
            bool was_asked_for = s->missing[i].tries != 0;
            forget(s, i);
            return was_asked_for;
        }
    }
    return false;
}

void weir_rtcp_missing_arm(struct weir_rtcp *r)
{
    r->nack_at = WEIR_NEVER;
    for (uint32_t i = 0; i < r->remotes; i++) {
        for (uint32_t k = 0; k < r->remote[i].missing_count; k++) {
            r->nack_at = weir_time_min(r->nack_at, r->remote[i].missing[k].next_at);
        }
    }
}

static weir_duration retry_gap(const struct weir_rtcp *r)
{
    weir_duration gap = r->rtt == 0 ? RTCP_NACK_GAP_UNKNOWN : r->rtt + r->rtt / 4;
    return gap < RTCP_NACK_GAP_MIN ? RTCP_NACK_GAP_MIN : gap;
}

/* Collect the numbers that are due, in order; those asked for too often are dropped. */
static uint32_t collect_due(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now,
                            uint32_t due[WEIR_RTCP_MISSING_MAX])
{
    uint32_t n = 0;
    weir_duration gap = retry_gap(r);
    for (uint32_t i = 0; i < s->missing_count;) {
        struct weir_rtcp_missing *m = &s->missing[i];
        if (m->next_at > now) {
            i++;
        } else if (m->tries == WEIR_RTCP_NACK_TRIES) {
            forget(s, i);
            s->given_up++;
            s->owes_pli = true;
        } else {
            m->tries++;
            m->next_at = weir_time_add(now, gap);
            due[n++] = m->seq;
            i++;
        }
    }
    return n;
}

void weir_rtcp_write_nack(struct weir_rtcp *r, struct weir_rtcp_remote *s, weir_time now,
                          struct weir_wr *w, uint32_t from_ssrc)
{
    uint32_t due[WEIR_RTCP_MISSING_MAX];
    uint32_t n = collect_due(r, s, now, due);
    if (n == 0) {
        return;
    }
    size_t begin = w->len;
    weir_wr_u8(w, 0x80 | WEIR_RTPFB_NACK);
    weir_wr_u8(w, WEIR_RTCP_RTPFB);
    weir_wr_u16(w, 0);
    weir_wr_u32(w, from_ssrc);
    weir_wr_u32(w, s->ssrc);
    for (uint32_t i = 0; i < n;) {
        uint32_t pid = due[i++];
        uint16_t blp = 0;
        while (i < n && due[i] - pid <= 16) {
            blp = (uint16_t)(blp | 1u << (due[i++] - pid - 1));
        }
        weir_wr_u16(w, (uint16_t)pid);
        weir_wr_u16(w, blp);
    }
    if (!w->overflow) {
        weir_put16(w->base + begin + 2, (uint16_t)((w->len - begin) / 4 - 1));
        s->nacks++;
    }
}
