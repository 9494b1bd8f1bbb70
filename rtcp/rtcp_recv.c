/* What a compound of the peer's brings [RFC 3550 6.4, RFC 4585 6, RFC 5104 4.3].
 *
 * A compound is judged whole; then each packet leaves its mark: on the stream of ours that it speaks of, or
 * on that of the peer that it comes from. States (a key frame is wanted, a report is new, a stream left)
 * are kept until they are told; only requests for packets wait in a ring that can be full.
 *
 * [RFC 3550 6.1, RFC 3711 3.4 DEVIATION] A compound need not begin with a report: reduced-size RTCP
 * [RFC 5506] is taken whether it was agreed or not: every browser sends it, and SRTCP says who sent it.
 */
#include "rtcp/rtcp_int.h"

/* -- Reports ----------------------------------------------------------------------------------- */

/* [RFC 3550 6.4.1] round trip = now - LSR - DLSR. LSR must be of a report that we sent: it says when. */
static void note_round_trip(struct weir_rtcp *r, weir_time now, struct weir_rtcp_local *l,
                            const struct weir_rtcp_block *b)
{
    uint32_t kept = r->reports_sent < WEIR_RTCP_REPORTS_MAX ? r->reports_sent : WEIR_RTCP_REPORTS_MAX;
    for (uint32_t i = 1; i <= kept; i++) { /* the newest first */
        uint32_t at = (r->reports_sent - i) % WEIR_RTCP_REPORTS_MAX;
        if (r->report[at].ntp_mid != b->lsr) {
            continue;
        }
        weir_duration held = (weir_duration)b->dlsr * WEIR_SEC >> 16;
        weir_duration gone = weir_time_since(now, r->report[at].at);
        if (gone >= held) { /* less comes of clocks and rounding */
            l->rtt = gone == held ? 1 : gone - held;
            r->rtt = l->rtt;
        }
        return;
    }
    r->reports_unknown++;
}

static void note_block(struct weir_rtcp *r, weir_time now, const struct weir_rtcp_block *b)
{
    struct weir_rtcp_local *l = weir_rtcp_find_local(r, b->ssrc);
    if (l == NULL) {
        return;
    }
    l->fraction_lost = b->fraction_lost;
    l->lost = b->lost;
    l->jitter = b->jitter;
    if (b->lsr != 0) {
        note_round_trip(r, now, l, b);
    }
    l->owes_event_report = true;
    r->owes_events = true;
}

static void note_blocks(struct weir_rtcp *r, weir_time now, struct weir_rd body, unsigned count)
{
    struct weir_rtcp_block b;
    while (count-- != 0 && weir_rtcp_block_next(&body, &b)) { /* count is at most 31 */
        note_block(r, now, &b);
    }
}

static void note_sender_report(struct weir_rtcp *r, weir_time now, const struct weir_rtcp_packet *p)
{
    struct weir_rtcp_remote *s = weir_rtcp_find_remote(r, weir_be32(p->body.p));
    struct weir_rd blocks = weir_rd_of(p->body);
    if (s != NULL) {
        s->sr_ntp_mid = weir_be32(p->body.p + 6);
        s->sr_at = now;
    }
    if (weir_rd_skip(&blocks, RTCP_SSRC_BYTES + RTCP_SENDER_INFO_BYTES)) {
        note_blocks(r, now, blocks, p->count);
    }
}

static void note_receiver_report(struct weir_rtcp *r, weir_time now, const struct weir_rtcp_packet *p)
{
    struct weir_rd blocks = weir_rd_of(p->body);
    if (weir_rd_skip(&blocks, RTCP_SSRC_BYTES)) {
        note_blocks(r, now, blocks, p->count);
    }
}

/* -- Feedback ---------------------------------------------------------------------------------- */

static void note_nack(struct weir_rtcp *r, struct weir_rd pairs, uint32_t ssrc)
{
    struct weir_rtcp_local *l = weir_rtcp_find_local(r, ssrc);
    uint16_t pid, blp;
    /* Bounded by the compound. */
    while (l != NULL && weir_rd_u16(&pairs, &pid) && weir_rd_u16(&pairs, &blp)) {
        l->nacks++;
        if (r->nacked_head - r->nacked_tail == WEIR_RTCP_NACKED_MAX) {
            r->nacks_dropped++; /* the peer asks again */
            continue;
        }
        uint32_t at = r->nacked_head++ % WEIR_RTCP_NACKED_MAX;
        r->nacked[at].ssrc = ssrc;
        r->nacked[at].pid = pid;
        r->nacked[at].blp = blp;
    }
}

static void note_transport_feedback(struct weir_rtcp *r, const struct weir_rtcp_packet *p)
{
    struct weir_rd body = weir_rd_of(p->body);
    struct weir_span head;
    if (p->count != WEIR_RTPFB_NACK || !weir_rd_take(&body, 8, &head)) {
        r->types_skipped++;
        return;
    }
    note_nack(r, body, weir_be32(head.p + 4));
}

/* One key frame answers all requests of a moment; a later one is told when that moment is over. */
static void want_keyframe(struct weir_rtcp *r, weir_time now, struct weir_rtcp_local *l)
{
    if (now < l->keyframe_after) {
        l->keyframe_waits = true;
        return;
    }
    l->keyframe_after = weir_time_add(now, RTCP_KEYFRAME_TOLD);
    l->owes_event_keyframe = true;
    r->owes_events = true;
}

/* FIR names its targets in its entries, not in the header; the same number of the same sender is the same
 * request sent again [RFC 5104 4.3.1.1, 4.3.1.2]. */
static void note_fir(struct weir_rtcp *r, weir_time now, uint32_t sender, struct weir_rd body)
{
    struct weir_span entry;
    while (weir_rd_take(&body, RTCP_FIR_ENTRY_BYTES, &entry)) { /* bounded by the compound */
        struct weir_rtcp_local *l = weir_rtcp_find_local(r, weir_be32(entry.p));
        if (l == NULL || (l->has_fir && l->fir_seq == entry.p[4] && l->fir_ssrc == sender)) {
            continue;
        }
        l->has_fir = true;
        l->fir_seq = entry.p[4];
        l->fir_ssrc = sender;
        l->firs++;
        want_keyframe(r, now, l);
    }
}

static void note_payload_feedback(struct weir_rtcp *r, weir_time now, const struct weir_rtcp_packet *p)
{
    struct weir_rd body = weir_rd_of(p->body);
    struct weir_span head;
    if (!weir_rd_take(&body, 8, &head)) {
        return;
    }
    if (p->count == WEIR_PSFB_PLI) {
        struct weir_rtcp_local *l = weir_rtcp_find_local(r, weir_be32(head.p + 4));
        if (l != NULL) {
            l->plis++;
            want_keyframe(r, now, l);
        }
    } else if (p->count == WEIR_PSFB_FIR) {
        note_fir(r, now, weir_be32(head.p), body);
    } else {
        r->types_skipped++;
    }
}

/* -- The rest ---------------------------------------------------------------------------------- */

/* [RFC 3550 6.6] The stream's state goes at once; that it went is told, known here or not. */
static void note_bye(struct weir_rtcp *r, const struct weir_rtcp_packet *p)
{
    struct weir_rd body = weir_rd_of(p->body);
    uint32_t ssrc;
    for (unsigned i = 0; i < p->count && weir_rd_u32(&body, &ssrc); i++) {
        weir_rtcp_remove_remote(r, ssrc);
        if (r->bye_head - r->bye_tail == WEIR_RTCP_BYES_MAX) {
            r->bye_tail++; /* the newest are worth most */
        }
        r->bye[r->bye_head++ % WEIR_RTCP_BYES_MAX] = ssrc;
    }
}

static void note_packet(struct weir_rtcp *r, weir_time now, const struct weir_rtcp_packet *p)
{
    switch (p->type) {
    case WEIR_RTCP_SR:
        note_sender_report(r, now, p);
        break;
    case WEIR_RTCP_RR:
        note_receiver_report(r, now, p);
        break;
    case WEIR_RTCP_RTPFB:
        note_transport_feedback(r, p);
        break;
    case WEIR_RTCP_PSFB:
        note_payload_feedback(r, now, p);
        break;
    case WEIR_RTCP_BYE:
        note_bye(r, p);
        break;
    case WEIR_RTCP_SDES:
        break; /* checked for form; names serve nothing here */
    default:
        r->types_skipped++;
        break;
    }
}

enum weir_rtcp_verdict weir_rtcp_recv(struct weir_rtcp *r, weir_time now, struct weir_span compound)
{
    enum weir_rtcp_verdict v = weir_rtcp_check(compound);
    struct weir_rd rd = weir_rd_of(compound);
    struct weir_rtcp_packet p;
    r->verdicts[v]++;
    while (v == WEIR_RTCP_OK && weir_rtcp_next(&rd, &p)) {
        note_packet(r, now, &p);
    }
    return v;
}
