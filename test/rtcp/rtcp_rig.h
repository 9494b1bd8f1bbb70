/* Two RTCP machines, and what they say read back packet by packet. Included by the tests of rtcp/. */
#ifndef WEIR_TEST_RTCP_RIG_H
#define WEIR_TEST_RTCP_RIG_H

#include "rtcp/rtcp_int.h"
#include "test/support/support.h"

static struct weir_rtcp a, b; /* a sends streams 100, 101, ..., b receives */

static inline void begin(uint32_t locals)
{
    struct weir_rtcp_config c = { .cname = "weir", .ntp_at_epoch = 1ull << 32, .is_avpf = true };
    c.seed[0] = 1;
    weir_rtcp_init(&a, &c, 0);
    c.seed[0] = 2;
    weir_rtcp_init(&b, &c, 0);
    for (uint32_t i = 0; i < locals; i++) {
        assert_int_equal(weir_rtcp_add_local(&a, 100 + i, 90000), WEIR_OK);
    }
}

static inline void receive_of(struct weir_rtcp *r, weir_time now, uint32_t ssrc, uint16_t seq,
                              uint32_t timestamp)
{
    struct weir_rtp_header h = { .ssrc = ssrc, .seq = seq, .timestamp = timestamp };
    h.payload.n = 10;
    weir_rtcp_note_rx(r, now, now, &h, 90000, true);
}

static inline void receive(struct weir_rtcp *r, weir_time now, uint16_t seq, uint32_t timestamp)
{
    receive_of(r, now, 100, seq, timestamp);
}

static inline void transmit(struct weir_rtcp *r, weir_time now, uint32_t ssrc, uint32_t timestamp)
{
    struct weir_rtp_header h = { .ssrc = ssrc, .timestamp = timestamp };
    h.payload.n = 50;
    weir_rtcp_note_tx(r, now, &h);
}

static inline size_t send_room(struct weir_rtcp *r, weir_time now, uint8_t *out, size_t room)
{
    size_t n = weir_rtcp_send(r, now, (struct weir_mspan){ out, room });
    assert_true(n <= room && n <= 1200);
    assert_true(n == 0 || weir_rtcp_check(weir_span_of(out, n)) == WEIR_RTCP_OK);
    return n;
}

static inline size_t send_due(struct weir_rtcp *r, weir_time now, uint8_t out[1500])
{
    weir_rtcp_tick(r, now);
    return send_room(r, now, out, 1500);
}

/* The next packet of a type, and format unless 0xff, from *rd on. */
static inline bool find_next(struct weir_rd *rd, uint8_t type, uint8_t count, struct weir_rtcp_packet *p)
{
    while (weir_rtcp_next(rd, p)) {
        if (p->type == type && (count == 0xff || p->count == count)) {
            return true;
        }
    }
    return false;
}

static inline bool find(struct weir_span compound, uint8_t type, uint8_t count, struct weir_rtcp_packet *p)
{
    struct weir_rd rd = weir_rd_of(compound);
    return find_next(&rd, type, count, p);
}

/* What a machine says at one moment, in all its compounds. */
struct said {
    unsigned compounds, reports, blocks, nacks, numbers, plis, firs, byes, names;
    size_t longest;
    uint32_t first_report; /* SSRC of the first report */
    uint32_t reported[64]; /* SSRCs in blocks */
    uint32_t sent_report[16]; /* SSRCs of sender reports */
    unsigned sender_reports;
};

static inline void said_packet(struct said *s, const struct weir_rtcp_packet *p)
{
    struct weir_rd body = weir_rd_of(p->body);
    struct weir_rtcp_block block;
    if (p->type == WEIR_RTCP_SR || p->type == WEIR_RTCP_RR) {
        s->first_report = s->reports++ == 0 ? weir_be32(p->body.p) : s->first_report;
        if (p->type == WEIR_RTCP_SR) {
            s->sent_report[s->sender_reports++ % 16] = weir_be32(p->body.p);
        }
        assert_true(weir_rd_skip(&body, p->type == WEIR_RTCP_SR ? 24 : 4));
        for (unsigned i = 0; i < p->count && weir_rtcp_block_next(&body, &block); i++) {
            s->reported[s->blocks++ % 64] = block.ssrc;
        }
        assert_int_equal(body.n, 0);
    } else if (p->type == WEIR_RTCP_SDES) {
        s->names += p->count;
    } else if (p->type == WEIR_RTCP_RTPFB) {
        s->nacks++;
        for (size_t i = 8; i < p->body.n; i += 4) {
            s->numbers += 1 + (unsigned)__builtin_popcount(weir_be16(p->body.p + i + 2));
        }
    } else if (p->type == WEIR_RTCP_PSFB) {
        s->plis += p->count == WEIR_PSFB_PLI ? 1 : 0;
        s->firs += p->count == WEIR_PSFB_FIR ? 1 : 0;
    } else if (p->type == WEIR_RTCP_BYE) {
        s->byes += p->count;
    }
}

static inline struct said say(struct weir_rtcp *r, weir_time now, size_t room)
{
    struct said s = { 0 };
    uint8_t out[1500];
    size_t n;
    weir_rtcp_tick(r, now);
    while ((n = send_room(r, now, out, room)) != 0) {
        struct weir_rd rd = { out, n };
        struct weir_rtcp_packet p;
        /* [RFC 3550 6.1 MUST] A report first, a name with it. */
        assert_true(out[1] == WEIR_RTCP_SR || out[1] == WEIR_RTCP_RR);
        assert_true(find(weir_span_of(out, n), WEIR_RTCP_SDES, 0xff, &p));
        assert_true(++s.compounds < 200);
        s.longest = n > s.longest ? n : s.longest;
        while (weir_rtcp_next(&rd, &p)) {
            said_packet(&s, &p);
        }
    }
    return s;
}

/* How often an event of this type, for this SSRC, is waiting. Takes all. */
static inline unsigned count_events(struct weir_rtcp *r, enum weir_rtcp_event_type type, uint32_t ssrc)
{
    struct weir_rtcp_event e;
    unsigned n = 0;
    while (weir_rtcp_event(r, &e)) {
        n += e.type == type && e.ssrc == ssrc ? 1 : 0;
    }
    return n;
}

#endif
