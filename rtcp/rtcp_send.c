/* What leaves: plan, write, commit.
 *
 * A compound holds, in this order [RFC 3550 6.1, RFC 4585 3.1]:
 *   1. a sender report, or a receiver report where no stream of ours owes one, with report blocks; then
 *      further sender reports;
 *   2. SDES with the CNAME of every stream that reports;
 *   3. NACK, PLI and FIR as owed;
 *   4. BYE at the end.
 * The plan says how much of that fits, most urgent first: the one report that must be there and its SDES,
 * goodbyes, key-frame requests, NACKs, blocks, further sender reports. Only what is written counts as
 * sent; what does not fit stays owed for the next compound, and streams take turns in being first
 * [RFC 3550 6.4]. Feedback leaves at once [RFC 4585 3.5.2: early feedback; three small packets for a loss].
 */
#include "rtcp/rtcp_int.h"

struct plan {
    size_t room;      /* bytes left */
    bool is_full;     /* something did not fit */
    uint32_t speaker; /* the SSRC that feedback comes from */
    uint8_t report[WEIR_RTCP_LOCALS_MAX]; /* streams of ours with a sender report; none: an RR */
    unsigned reports;
    uint8_t block[RTCP_COUNT_MAX];       /* streams of the peer's */
    unsigned blocks;
    uint8_t keyframe[WEIR_RTCP_REMOTES_MAX];
    unsigned keyframes;
    struct {
        uint8_t remote;
        uint16_t pairs;
    } nack[WEIR_RTCP_REMOTES_MAX];
    unsigned nacks;
    unsigned byes;    /* the first so many that owe one */
};

_Static_assert(WEIR_RTCP_ROOM_LEAST >= 2 * (RTCP_HEAD_BYTES + RTCP_SSRC_BYTES) + RTCP_SENDER_INFO_BYTES +
                                           WEIR_RTCP_CNAME_MAX + 8 + 2 * RTCP_HEAD_BYTES + 8 +
                                           RTCP_BLOCK_BYTES,
               "a report, its name, and the largest single thing owed fit the least room");

bool weir_rtcp_keyframe_is_due(const struct weir_rtcp_remote *s, weir_time now)
{
    return (s->owes_pli || s->owes_fir) && now >= s->pli_after;
}

/* -- Plan -------------------------------------------------------------------------------------- */

static bool take(struct plan *p, size_t bytes)
{
    if (bytes > p->room) {
        p->is_full = true;
        return false;
    }
    p->room -= bytes;
    return true;
}

static size_t cname_bytes(const struct weir_rtcp *r)
{
    size_t n = 0;
    while (r->config.cname[n] != '\0') { /* init ends it */
        n++;
    }
    return n;
}

/* SSRC, item head, name, at least one zero, up to a whole word [RFC 3550 6.5]. */
static size_t chunk_bytes(const struct weir_rtcp *r)
{
    return (RTCP_SSRC_BYTES + 2 + cname_bytes(r) + 1 + 3) & ~(size_t)3;
}

static void plan_reports(const struct weir_rtcp *r, struct plan *p, bool is_first)
{
    size_t bytes = RTCP_HEAD_BYTES + RTCP_SSRC_BYTES + RTCP_SENDER_INFO_BYTES + chunk_bytes(r);
    for (uint32_t i = 0; i < r->locals && !(is_first && p->reports != 0); i++) {
        uint32_t at = (r->local_turn + i) % r->locals;
        bool is_planned = !is_first && p->reports != 0 && p->report[0] == at;
        if (r->local[at].owes_report && !is_planned) {
            if (p->reports == RTCP_COUNT_MAX || !take(p, bytes)) { /* SDES names each */
                p->is_full = true;
                return;
            }
            p->report[p->reports++] = (uint8_t)at;
        }
    }
}

/* The report without which a compound is none, its SDES, and who speaks. */
static void plan_head(const struct weir_rtcp *r, struct plan *p)
{
    p->speaker = r->locals != 0 ? r->local[0].ssrc : 1;
    (void)take(p, RTCP_HEAD_BYTES); /* SDES */
    plan_reports(r, p, true);
    if (p->reports != 0) {
        p->speaker = r->local[p->report[0]].ssrc;
    } else {
        (void)take(p, RTCP_HEAD_BYTES + RTCP_SSRC_BYTES + chunk_bytes(r));
    }
}

static void plan_byes(const struct weir_rtcp *r, struct plan *p)
{
    for (uint32_t i = 0; i < r->locals && p->byes < RTCP_COUNT_MAX; i++) {
        size_t bytes = RTCP_SSRC_BYTES + (p->byes == 0 ? RTCP_HEAD_BYTES : 0);
        if (r->local[i].owes_bye && take(p, bytes)) {
            p->byes++;
        }
    }
}

static void plan_keyframes(const struct weir_rtcp *r, weir_time now, struct plan *p)
{
    for (uint32_t i = 0; i < r->remotes; i++) {
        uint32_t at = (r->remote_turn + i) % r->remotes;
        const struct weir_rtcp_remote *s = &r->remote[at];
        if (weir_rtcp_keyframe_is_due(s, now) &&
            take(p, RTCP_FEEDBACK_BYTES + (s->owes_fir ? RTCP_FIR_ENTRY_BYTES : 0))) {
            p->keyframe[p->keyframes++] = (uint8_t)at;
        }
    }
}

static void plan_nacks(const struct weir_rtcp *r, weir_time now, struct plan *p)
{
    for (uint32_t i = 0; i < r->remotes && r->nack_is_due; i++) {
        uint32_t at = (r->remote_turn + i) % r->remotes;
        uint32_t pairs = weir_rtcp_nack_pairs(&r->remote[at], now, WEIR_RTCP_MISSING_MAX);
        if (pairs == 0) {
            continue;
        }
        if (p->room < RTCP_FEEDBACK_BYTES + RTCP_NACK_PAIR_BYTES) {
            p->is_full = true;
            return;
        }
        size_t most = (p->room - RTCP_FEEDBACK_BYTES) / RTCP_NACK_PAIR_BYTES;
        if (pairs > most) {
            p->is_full = true;
            pairs = (uint32_t)most;
        }
        (void)take(p, RTCP_FEEDBACK_BYTES + RTCP_NACK_PAIR_BYTES * (size_t)pairs);
        p->nack[p->nacks].remote = (uint8_t)at;
        p->nack[p->nacks++].pairs = (uint16_t)pairs;
    }
}

static void plan_blocks(const struct weir_rtcp *r, struct plan *p)
{
    for (uint32_t i = 0; i < r->remotes; i++) {
        uint32_t at = (r->remote_turn + i) % r->remotes;
        if (!r->remote[at].owes_block) {
            continue;
        }
        if (p->blocks == RTCP_COUNT_MAX || !take(p, RTCP_BLOCK_BYTES)) {
            p->is_full = true;
            return;
        }
        p->block[p->blocks++] = (uint8_t)at;
    }
}

/* -- Write and commit -------------------------------------------------------------------------- */

static void write_head(struct weir_wr *w, unsigned count, enum weir_rtcp_type type, size_t bytes)
{
    weir_wr_u8(w, (uint8_t)(0x80 | count));
    weir_wr_u8(w, (uint8_t)type);
    weir_wr_u16(w, (uint16_t)(bytes / 4 - 1));
}

static void write_block(struct weir_wr *w, const struct weir_rtcp_block *b)
{
    weir_wr_u32(w, b->ssrc);
    weir_wr_u8(w, b->fraction_lost);
    weir_wr_u24(w, (uint32_t)b->lost & 0xffffff);
    weir_wr_u32(w, b->highest_seq);
    weir_wr_u32(w, b->jitter);
    weir_wr_u32(w, b->lsr);
    weir_wr_u32(w, b->dlsr);
}

static void write_blocks(struct weir_rtcp *r, struct weir_wr *w, weir_time now, const struct plan *p)
{
    for (unsigned i = 0; i < p->blocks; i++) {
        struct weir_rtcp_remote *s = &r->remote[p->block[i]];
        struct weir_rtcp_block block;
        weir_rtcp_report_block(s, now, &block);
        write_block(w, &block);
        s->owes_block = false;
    }
}

/* [RFC 3550 6.4.1] The timestamp is what the stream's clock shows now, not that of the last packet. */
static void write_sender_report(struct weir_rtcp *r, struct weir_wr *w, weir_time now,
                                struct weir_rtcp_local *l, unsigned blocks)
{
    weir_duration since = weir_time_since(now, l->last_tx);
    write_head(w, blocks, WEIR_RTCP_SR, RTCP_HEAD_BYTES + RTCP_SSRC_BYTES + RTCP_SENDER_INFO_BYTES +
                                            (size_t)blocks * RTCP_BLOCK_BYTES);
    weir_wr_u32(w, l->ssrc);
    weir_wr_u64(w, weir_rtcp_ntp(r, now));
    weir_wr_u32(w, l->last_timestamp + (uint32_t)(since * l->clock_hz / WEIR_SEC));
    weir_wr_u32(w, l->packets);
    weir_wr_u32(w, l->bytes);
    l->owes_report = false;
}

static void write_reports(struct weir_rtcp *r, struct weir_wr *w, weir_time now, const struct plan *p)
{
    if (p->reports == 0) {
        write_head(w, p->blocks, WEIR_RTCP_RR,
                   RTCP_HEAD_BYTES + RTCP_SSRC_BYTES + (size_t)p->blocks * RTCP_BLOCK_BYTES);
        weir_wr_u32(w, p->speaker);
        write_blocks(r, w, now, p);
        return;
    }
    for (unsigned i = 0; i < p->reports; i++) {
        write_sender_report(r, w, now, &r->local[p->report[i]], i == 0 ? p->blocks : 0);
        if (i == 0) {
            write_blocks(r, w, now, p);
        }
    }
    uint32_t at = r->reports_sent++ % WEIR_RTCP_REPORTS_MAX;
    r->report[at].ntp_mid = (uint32_t)(weir_rtcp_ntp(r, now) >> 16);
    r->report[at].at = now;
}

/* [RFC 3550 6.5] One chunk with the CNAME for each SSRC that reports. */
static void write_sdes(const struct weir_rtcp *r, struct weir_wr *w, const struct plan *p)
{
    unsigned chunks = p->reports == 0 ? 1 : p->reports;
    size_t name_bytes = cname_bytes(r);
    write_head(w, chunks, WEIR_RTCP_SDES, RTCP_HEAD_BYTES + chunks * chunk_bytes(r));
    for (unsigned i = 0; i < chunks; i++) {
        weir_wr_u32(w, p->reports == 0 ? p->speaker : r->local[p->report[i]].ssrc);
        weir_wr_u8(w, 1); /* CNAME */
        weir_wr_u8(w, (uint8_t)name_bytes);
        weir_wr_bytes(w, weir_span_of(r->config.cname, name_bytes));
        weir_wr_u8(w, 0);
        weir_wr_pad4(w); /* the compound starts word-aligned */
    }
}

static void write_keyframe_request(struct weir_wr *w, weir_time now, struct weir_rtcp_remote *s,
                                   uint32_t speaker)
{
    if (s->owes_fir) {
        write_head(w, WEIR_PSFB_FIR, WEIR_RTCP_PSFB, RTCP_FEEDBACK_BYTES + RTCP_FIR_ENTRY_BYTES);
        weir_wr_u32(w, speaker);
        weir_wr_u32(w, 0); /* [RFC 5104 4.3.1.2] unused in the header */
        weir_wr_u32(w, s->ssrc);
        weir_wr_u8(w, s->fir_seq++);
        weir_wr_u24(w, 0);
    } else {
        write_head(w, WEIR_PSFB_PLI, WEIR_RTCP_PSFB, RTCP_FEEDBACK_BYTES);
        weir_wr_u32(w, speaker);
        weir_wr_u32(w, s->ssrc);
    }
    s->owes_fir = s->owes_pli = s->is_keyframe_due = false;
    s->plis++;
    s->pli_after = weir_time_add(now, RTCP_KEYFRAME_GAP);
}

static void write_feedback(struct weir_rtcp *r, struct weir_wr *w, weir_time now, const struct plan *p)
{
    for (unsigned i = 0; i < p->nacks; i++) {
        weir_rtcp_nack_write(r, &r->remote[p->nack[i].remote], now, w, p->speaker, p->nack[i].pairs);
    }
    for (unsigned i = 0; i < p->keyframes; i++) {
        write_keyframe_request(w, now, &r->remote[p->keyframe[i]], p->speaker);
    }
    if (r->nack_is_due) {
        weir_rtcp_missing_arm(r, now);
    }
}

static void write_bye(struct weir_rtcp *r, struct weir_wr *w, unsigned byes)
{
    if (byes == 0) {
        return;
    }
    write_head(w, byes, WEIR_RTCP_BYE, RTCP_HEAD_BYTES + (size_t)byes * RTCP_SSRC_BYTES);
    for (uint32_t i = 0; i < r->locals && byes != 0; i++) {
        if (r->local[i].owes_bye) {
            weir_wr_u32(w, r->local[i].ssrc);
            r->local[i].owes_bye = false;
            byes--;
        }
    }
    for (uint32_t i = r->locals; i-- != 0;) {
        if (r->local[i].is_leaving && !r->local[i].owes_bye) {
            weir_rtcp_drop_local(r, i);
        }
    }
}

static bool anything_is_due(const struct weir_rtcp *r, weir_time now)
{
    bool is_due = r->report_is_due || r->nack_is_due;
    for (uint32_t i = 0; i < r->remotes && !is_due; i++) {
        is_due = r->remote[i].owes_block || weir_rtcp_keyframe_is_due(&r->remote[i], now);
    }
    for (uint32_t i = 0; i < r->locals && !is_due; i++) {
        is_due = r->local[i].owes_report || r->local[i].owes_bye;
    }
    return is_due;
}

size_t weir_rtcp_send(struct weir_rtcp *r, weir_time now, struct weir_mspan out)
{
    if (out.n < WEIR_RTCP_ROOM_LEAST || !anything_is_due(r, now)) {
        return 0;
    }
    struct plan p = { .room = out.n < RTCP_COMPOUND_MAX ? out.n : RTCP_COMPOUND_MAX };
    struct weir_wr w = { out.p, 0, p.room, false };
    plan_head(r, &p);
    plan_byes(r, &p);
    plan_keyframes(r, now, &p);
    plan_nacks(r, now, &p);
    plan_blocks(r, &p);
    plan_reports(r, &p, false);
    r->compounds_full += p.is_full ? 1 : 0;
    r->local_turn += p.reports;
    r->remote_turn++;
    r->report_is_due = false;
    write_reports(r, &w, now, &p);
    write_sdes(r, &w, &p);
    write_feedback(r, &w, now, &p);
    write_bye(r, &w, p.byes);
    return weir_wr_done(&w);
}
