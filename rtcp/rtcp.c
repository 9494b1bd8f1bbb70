/* The RTCP machine: what arrives, what is due, what leaves.
 *
 * Out, in one compound and in this order [RFC 3550 6.1, RFC 4585 3.1]:
 *   1. a sender report for each stream that sent since its last one, else one receiver report, with
 *      the report blocks of what we receive;
 *   2. SDES with the CNAME of every stream that speaks;
 *   3. NACK, PLI, FIR as owed;
 *   4. BYE at the end.
 * Feedback leaves at once and takes a report along [RFC 4585 3.5: early feedback is allowed whenever
 * bandwidth permits; three small packets per loss do].
 */
#include "rtcp/rtcp_int.h"

void weir_rtcp_init(struct weir_rtcp *r, const struct weir_rtcp_config *config, weir_time now)
{
    (void)now;
    memset(r, 0, sizeof *r);
    r->config = *config;
    r->config.cname[WEIR_RTCP_CNAME_MAX - 1] = '\0';
    if (r->config.report_interval == 0) {
        r->config.report_interval = RTCP_REPORT_INTERVAL;
    }
    weir_rand_init(&r->rand, config->seed);
    weir_wipe(r->config.seed, sizeof r->config.seed);
    r->report_at = WEIR_NEVER;
    r->nack_at = WEIR_NEVER;
}

/* -- Events ------------------------------------------------------------------------------------ */

void weir_rtcp_push_event(struct weir_rtcp *r, enum weir_rtcp_event_type type, uint32_t ssrc,
                          uint16_t seq)
{
    if (r->event_head - r->event_tail == WEIR_RTCP_EVENTS_MAX) {
        r->events_lost++; /* the peer asks again */
        return;
    }
    struct weir_rtcp_event e = { type, ssrc, seq };
    r->event[r->event_head++ % WEIR_RTCP_EVENTS_MAX] = e;
}

bool weir_rtcp_event(struct weir_rtcp *r, struct weir_rtcp_event *out)
{
    if (r->event_head == r->event_tail) {
        return false;
    }
    *out = r->event[r->event_tail++ % WEIR_RTCP_EVENTS_MAX];
    return true;
}

/* -- In ---------------------------------------------------------------------------------------- */

/* [RFC 3550 6.4.1] round trip = now - LSR - DLSR, in 1/65536 s. */
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
        uint32_t middle = (uint32_t)(weir_rtcp_ntp(r, now) >> 16);
        uint32_t rtt = middle - b->lsr - b->dlsr;
        if (rtt < 0x80000000) { /* a negative one comes of clocks and rounding */
            l->rtt = (weir_duration)rtt * WEIR_SEC >> 16;
            l->rtt = l->rtt == 0 ? 1 : l->rtt;
            r->rtt = l->rtt;
        }
    }
    weir_rtcp_push_event(r, WEIR_RTCP_EVENT_REPORT, b->ssrc, 0);
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
    if (weir_rd_skip(&blocks, 24)) {
        note_blocks(r, now, blocks, p->count);
    }
}

static void note_receiver_report(struct weir_rtcp *r, weir_time now, const struct weir_rtcp_packet *p)
{
    struct weir_rd blocks = weir_rd_of(p->body);
    if (weir_rd_skip(&blocks, 4)) {
        note_blocks(r, now, blocks, p->count);
    }
}

/* One packet id and the bits of the sixteen after it. */
static void note_nack_pair(struct weir_rtcp *r, uint32_t ssrc, uint16_t pid, uint16_t blp)
{
    weir_rtcp_push_event(r, WEIR_RTCP_EVENT_NACK, ssrc, pid);
    for (unsigned i = 0; i < 16; i++) {
        if ((blp >> i & 1) != 0) {
            weir_rtcp_push_event(r, WEIR_RTCP_EVENT_NACK, ssrc, (uint16_t)(pid + 1 + i));
        }
    }
}

static void note_transport_feedback(struct weir_rtcp *r, const struct weir_rtcp_packet *p)
{
    struct weir_rd body = weir_rd_of(p->body);
    struct weir_span head;
    struct weir_rtcp_local *l;
    uint16_t pid, blp;
    if (p->count != WEIR_RTPFB_NACK || !weir_rd_take(&body, 8, &head)) {
        r->types_skipped++;
        return;
    }
    l = weir_rtcp_find_local(r, weir_be32(head.p + 4));
    if (l == NULL) {
        return;
    }
    for (unsigned n = 0; n < WEIR_RTCP_NACKED_MAX / 17; n++) {
        if (!weir_rd_u16(&body, &pid) || !weir_rd_u16(&body, &blp)) {
            return;
        }
        l->nacks++;
        note_nack_pair(r, l->ssrc, pid, blp);
    }
}

/* FIR names its targets in its entries, not in the header [RFC 5104 4.3.1]. */
static void note_fir(struct weir_rtcp *r, struct weir_rd body)
{
    struct weir_span entry;
    while (weir_rd_take(&body, 8, &entry)) { /* bounded by the compound */
        struct weir_rtcp_local *l = weir_rtcp_find_local(r, weir_be32(entry.p));
        if (l != NULL) {
            l->firs++;
            weir_rtcp_push_event(r, WEIR_RTCP_EVENT_KEYFRAME, l->ssrc, 0);
        }
    }
}

static void note_payload_feedback(struct weir_rtcp *r, const struct weir_rtcp_packet *p)
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
            weir_rtcp_push_event(r, WEIR_RTCP_EVENT_KEYFRAME, l->ssrc, 0);
        }
    } else if (p->count == WEIR_PSFB_FIR) {
        note_fir(r, body);
    } else {
        r->types_skipped++;
    }
}

static void note_bye(struct weir_rtcp *r, const struct weir_rtcp_packet *p)
{
    struct weir_rd body = weir_rd_of(p->body);
    uint32_t ssrc;
    for (unsigned i = 0; i < p->count && weir_rd_u32(&body, &ssrc); i++) {
        weir_rtcp_push_event(r, WEIR_RTCP_EVENT_BYE, ssrc, 0);
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
        note_payload_feedback(r, p);
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

/* -- Requests ---------------------------------------------------------------------------------- */

enum weir_status weir_rtcp_request_keyframe(struct weir_rtcp *r, weir_time now, uint32_t ssrc,
                                            bool with_fir)
{
    struct weir_rtcp_remote *s = weir_rtcp_find_remote(r, ssrc);
    (void)now;
    if (s == NULL) {
        return WEIR_ERR_ARG;
    }
    s->owes_pli |= !with_fir;
    s->owes_fir |= with_fir;
    return WEIR_OK;
}

void weir_rtcp_bye(struct weir_rtcp *r, weir_time now)
{
    for (uint32_t i = 0; i < r->locals; i++) {
        r->local[i].owes_bye = r->local[i].has_sent;
    }
    (void)now;
    r->report_is_due = true;
}

/* -- Timers ------------------------------------------------------------------------------------ */

void weir_rtcp_tick(struct weir_rtcp *r, weir_time now)
{
    if (now >= r->report_at) {
        /* [RFC 3550 6.3.1] randomised over half to one and a half times the interval. */
        weir_duration half = r->config.report_interval / 2;
        r->report_is_due = true;
        r->report_at = weir_time_add(now, half + weir_rand_below(&r->rand, (uint32_t)(2 * half) + 1));
    }
    if (now >= r->nack_at) {
        r->nack_is_due = true;
        r->nack_at = WEIR_NEVER; /* sending arms it again */
    }
}

static bool keyframe_is_due(const struct weir_rtcp_remote *s, weir_time now)
{
    return (s->owes_pli || s->owes_fir) && now >= s->pli_after;
}

weir_time weir_rtcp_deadline(const struct weir_rtcp *r)
{
    weir_time at = weir_time_min(r->report_at, r->nack_at);
    for (uint32_t i = 0; i < r->remotes; i++) {
        if (r->remote[i].owes_pli || r->remote[i].owes_fir) {
            at = weir_time_min(at, r->remote[i].pli_after);
        }
    }
    return at;
}

/* -- Out --------------------------------------------------------------------------------------- */

static void write_head(struct weir_wr *w, unsigned count, enum weir_rtcp_type type, size_t words)
{
    weir_wr_u8(w, (uint8_t)(0x80 | count));
    weir_wr_u8(w, (uint8_t)type);
    weir_wr_u16(w, (uint16_t)(words - 1));
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

/* [RFC 3550 6.4.1] the timestamp is what the stream's clock shows now, not that of the last packet. */
static void write_sender_info(struct weir_rtcp *r, struct weir_wr *w, weir_time now,
                              const struct weir_rtcp_local *l)
{
    weir_duration since = weir_time_since(now, l->last_tx);
    weir_wr_u64(w, weir_rtcp_ntp(r, now));
    weir_wr_u32(w, l->last_timestamp + (uint32_t)(since * l->clock_hz / WEIR_SEC));
    weir_wr_u32(w, l->packets);
    weir_wr_u32(w, l->bytes);
}

/* All report blocks go with the first report; the other senders' reports have none. */
static uint32_t gather_blocks(struct weir_rtcp *r, weir_time now,
                              struct weir_rtcp_block block[WEIR_RTCP_REMOTES_MAX])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->remotes; i++) {
        if (r->remote[i].has_any) {
            weir_rtcp_report_block(&r->remote[i], now, &block[n++]);
        }
    }
    return n;
}

static void write_reports(struct weir_rtcp *r, struct weir_wr *w, weir_time now, uint32_t speaker)
{
    struct weir_rtcp_block block[WEIR_RTCP_REMOTES_MAX];
    uint32_t blocks = r->report_is_due ? gather_blocks(r, now, block) : 0;
    bool has_sender = false;
    for (uint32_t i = 0; i < r->locals && r->report_is_due; i++) {
        if (r->local[i].has_sent) {
            write_head(w, has_sender ? 0 : blocks, WEIR_RTCP_SR, 7 + (has_sender ? 0 : 6 * blocks));
            weir_wr_u32(w, r->local[i].ssrc);
            write_sender_info(r, w, now, &r->local[i]);
            for (uint32_t k = 0; k < blocks && !has_sender; k++) {
                write_block(w, &block[k]);
            }
            has_sender = true;
        }
    }
    if (!has_sender) {
        write_head(w, blocks, WEIR_RTCP_RR, 2 + 6 * blocks);
        weir_wr_u32(w, speaker);
        for (uint32_t k = 0; k < blocks; k++) {
            write_block(w, &block[k]);
        }
    }
}

/* [RFC 3550 6.5] one chunk with the CNAME for each SSRC that speaks. */
static void write_sdes(struct weir_rtcp *r, struct weir_wr *w, uint32_t speaker)
{
    size_t begin = w->len, name_bytes = 0, chunks = 0;
    while (r->config.cname[name_bytes] != '\0') {
        name_bytes++;
    }
    write_head(w, 0, WEIR_RTCP_SDES, 1);
    for (uint32_t i = 0; i < (r->locals == 0 ? 1 : r->locals); i++) {
        weir_wr_u32(w, r->locals == 0 ? speaker : r->local[i].ssrc);
        weir_wr_u8(w, 1);
        weir_wr_u8(w, (uint8_t)name_bytes);
        weir_wr_bytes(w, weir_span_of(r->config.cname, name_bytes));
        weir_wr_u8(w, 0);
        weir_wr_pad4(w); /* the compound starts word-aligned */
        chunks++;
    }
    if (!w->overflow) {
        w->base[begin] = (uint8_t)(0x80 | chunks);
        weir_put16(w->base + begin + 2, (uint16_t)((w->len - begin) / 4 - 1));
    }
}

static void write_keyframe_request(struct weir_rtcp *r, struct weir_wr *w, weir_time now,
                                   struct weir_rtcp_remote *s, uint32_t speaker)
{
    if (s->owes_fir) {
        write_head(w, WEIR_PSFB_FIR, WEIR_RTCP_PSFB, 5);
        weir_wr_u32(w, speaker);
        weir_wr_u32(w, 0); /* [RFC 5104 4.3.1.2] unused in the header */
        weir_wr_u32(w, s->ssrc);
        weir_wr_u8(w, s->fir_seq++);
        weir_wr_u24(w, 0);
    } else {
        write_head(w, WEIR_PSFB_PLI, WEIR_RTCP_PSFB, 3);
        weir_wr_u32(w, speaker);
        weir_wr_u32(w, s->ssrc);
    }
    s->owes_fir = s->owes_pli = false;
    s->plis++;
    s->pli_after = weir_time_add(now, RTCP_KEYFRAME_GAP);
    (void)r;
}

static void write_feedback(struct weir_rtcp *r, struct weir_wr *w, weir_time now, uint32_t speaker)
{
    for (uint32_t i = 0; i < r->remotes; i++) {
        struct weir_rtcp_remote *s = &r->remote[i];
        if (r->nack_is_due) {
            weir_rtcp_write_nack(r, s, now, w, speaker);
        }
        if (keyframe_is_due(s, now)) {
            write_keyframe_request(r, w, now, s, speaker);
        }
    }
    if (r->nack_is_due) {
        r->nack_is_due = false;
        weir_rtcp_missing_arm(r);
    }
}

static void write_bye(struct weir_rtcp *r, struct weir_wr *w)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < r->locals; i++) {
        n += r->local[i].owes_bye ? 1 : 0;
    }
    if (n == 0) {
        return;
    }
    write_head(w, n, WEIR_RTCP_BYE, 1 + n);
    for (uint32_t i = 0; i < r->locals; i++) {
        if (r->local[i].owes_bye) {
            weir_wr_u32(w, r->local[i].ssrc);
            r->local[i].owes_bye = false;
        }
    }
}

static bool anything_is_due(const struct weir_rtcp *r, weir_time now)
{
    bool is_due = r->report_is_due || r->nack_is_due;
    for (uint32_t i = 0; i < r->remotes && !is_due; i++) {
        is_due = keyframe_is_due(&r->remote[i], now);
    }
    return is_due;
}

size_t weir_rtcp_send(struct weir_rtcp *r, weir_time now, struct weir_mspan out)
{
    if (out.n < RTCP_COMPOUND_MAX || !anything_is_due(r, now)) {
        return 0;
    }
    struct weir_wr w = { out.p, 0, out.n, false };
    uint32_t speaker = r->locals != 0 ? r->local[0].ssrc : 1;
    write_reports(r, &w, now, speaker);
    write_sdes(r, &w, speaker);
    write_feedback(r, &w, now, speaker);
    write_bye(r, &w);
    r->report_is_due = false;
    return weir_wr_done(&w);
}
