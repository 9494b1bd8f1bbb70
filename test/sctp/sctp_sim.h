/* Two associations over a simulated network: virtual time, and loss, delay, reordering, duplication
 * and corruption from a seed. Included by the tests of sctp/; everything is static.
 *
 * Each end keeps what it was told and what it read, so that a test can ask afterwards. */
#ifndef WEIR_TEST_SCTP_SIM_H
#define WEIR_TEST_SCTP_SIM_H

#include "sctp/sctp_int.h"
#include "test/support/support.h"

#define SIM_PACKETS 4096
#define SIM_POOL 2048
#define SIM_MESSAGES 16384

struct sim_packet {
    weir_time at;
    uint64_t order;
    uint8_t to;
    uint16_t n;
    uint8_t bytes[WEIR_MTU];
};

struct sim_record {
    uint16_t stream, channel;
    uint32_t ppid, bytes;
    uint64_t digest;
    weir_time at;
};

struct sim_end {
    struct weir_sctp s;
    struct weir_pool pool;
    struct weir_buf *bufs;
    uint32_t told[16];          /* events by type */
    struct weir_sctp_event last[16];
    struct sim_record *got;
    uint32_t got_count;
    uint64_t got_bytes;
    uint64_t sent_digest;       /* of every packet it sent */
    uint64_t sent_packets;
    bool is_reading;            /* false: leaves messages unread */
    bool keeps_events;          /* true: the test drains by itself */
};

struct sim {
    struct sim_end end[2];
    struct sim_packet *packet;  /* in flight */
    uint32_t packet_count;
    uint64_t order;
    struct weir_rand rand;
    weir_time now;
    weir_duration delay;
    weir_duration jitter;
    uint32_t loss_permille;
    uint32_t dup_permille;
    uint32_t flip_permille;
    uint64_t drop_number;       /* drop the packet with this number, counted from 1; 0 = none */
    uint64_t packets;
    uint64_t dropped;
    bool is_cut;                /* nothing gets through */
};

static inline uint64_t sim_digest(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    }
    return h;
}

static inline void sim_config(struct weir_sctp_config *c, uint8_t end, uint64_t seed)
{
    weir_sctp_config_default(c, weir_crypto_default());
    weir_put64(c->seed, seed);
    c->seed[31] = end;
}

static inline void sim_end_init(struct sim_end *e, const struct weir_sctp_config *c, uint8_t number,
                         weir_time now)
{
    memset(e, 0, sizeof *e);
    e->bufs = aligned_alloc(64, weir_pool_bytes(SIM_POOL));
    assert_non_null(e->bufs);
    e->got = malloc(SIM_MESSAGES * sizeof *e->got);
    weir_pool_init(&e->pool, e->bufs, SIM_POOL);
    weir_sctp_init(&e->s, c, &e->pool, now);
    weir_sctp_set_dtls_role(&e->s, now, number == 0);
    e->is_reading = true;
}

static inline struct sim *sim_new_with(uint64_t seed, const struct weir_sctp_config *a,
                                const struct weir_sctp_config *b)
{
    struct sim *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->packet = malloc(SIM_PACKETS * sizeof *m->packet);
    weir_rand_init_number(&m->rand, seed);
    m->now = 1000 * WEIR_SEC;
    m->delay = 10 * WEIR_MS;
    sim_end_init(&m->end[0], a, 0, m->now);
    sim_end_init(&m->end[1], b, 1, m->now);
    return m;
}

static inline struct sim *sim_new(uint64_t seed)
{
    struct weir_sctp_config a, b;
    sim_config(&a, 0, seed);
    sim_config(&b, 1, seed);
    return sim_new_with(seed, &a, &b);
}

static inline void sim_free(struct sim *m)
{
    for (unsigned i = 0; i < 2; i++) {
        weir_sctp_release_all(&m->end[i].s);
        /* Every buffer came home. */
        assert_int_equal(m->end[i].pool.free_count, SIM_POOL);
        free(m->end[i].bufs);
        free(m->end[i].got);
    }
    free(m->packet);
    free(m);
}

static inline bool sim_chance(struct sim *m, uint32_t permille)
{
    return permille != 0 && weir_rand_below(&m->rand, 1000) < permille;
}

static inline void sim_carry(struct sim *m, uint8_t from, const uint8_t *p, size_t n)
{
    m->packets++;
    if (m->is_cut || m->packets == m->drop_number || sim_chance(m, m->loss_permille) ||
        m->packet_count == SIM_PACKETS) {
        m->dropped++;
        return;
    }
    unsigned copies = sim_chance(m, m->dup_permille) ? 2 : 1;
    for (unsigned i = 0; i < copies && m->packet_count < SIM_PACKETS; i++) {
        struct sim_packet *k = &m->packet[m->packet_count++];
        k->at = m->now + m->delay + (m->jitter != 0 ? weir_rand_u64(&m->rand) % m->jitter : 0);
        k->order = m->order++;
        k->to = from ^ 1;
        k->n = (uint16_t)n;
        memcpy(k->bytes, p, n);
        if (sim_chance(m, m->flip_permille)) {
            k->bytes[weir_rand_below(&m->rand, (uint32_t)n)] ^= (uint8_t)(1u << (i & 7));
        }
    }
}

static inline void sim_read(struct sim *m, struct sim_end *e)
{
    struct weir_sctp_message msg;
    while (weir_sctp_read(&e->s, &msg)) {
        struct sim_record r = { msg.stream, msg.channel, msg.ppid, msg.bytes, 14695981039346656037u,
                                m->now };
        uint32_t cursor = msg.head;
        struct weir_span piece;
        uint32_t total = 0;
        while (weir_sctp_message_piece(&e->s, &msg, &cursor, &piece)) {
            r.digest = sim_digest(r.digest, piece.p, piece.n);
            total += (uint32_t)piece.n;
        }
        assert_int_equal(total, msg.bytes);
        if (e->got_count < SIM_MESSAGES) {
            e->got[e->got_count] = r;
        }
        e->got_count++;
        e->got_bytes += msg.bytes;
        weir_sctp_release(&e->s, m->now, &msg);
    }
}

static inline void sim_events(struct sim *m, struct sim_end *e)
{
    struct weir_sctp_event ev;
    while (!e->keeps_events && weir_sctp_event(&e->s, &ev)) {
        e->told[ev.type]++;
        e->last[ev.type] = ev;
        if (ev.type == WEIR_SCTP_EVENT_MESSAGE && e->is_reading) {
            sim_read(m, e);
        }
    }
}

static inline void sim_pump(struct sim *m)
{
    uint8_t out[WEIR_MTU];
    struct weir_mspan room = { out, sizeof out };
    for (uint8_t i = 0; i < 2; i++) {
        struct sim_end *e = &m->end[i];
        size_t n;
        unsigned count = 0;
        sim_events(m, e);
        while ((n = weir_sctp_send(&e->s, m->now, room)) != 0) {
            assert_true(n <= e->s.config.mtu);
            assert_true(++count < 3000); /* send comes to an end */
            e->sent_digest = sim_digest(e->sent_digest, out, n);
            e->sent_packets++;
            sim_carry(m, i, out, n);
        }
        sim_events(m, e);
        if (!weir_sctp_check(&e->s)) {
            fail_msg("invariants of end %u broken", i);
        }
    }
}

/* The packet that arrives next, or -1. */
static inline int sim_next(const struct sim *m)
{
    int best = -1;
    for (uint32_t i = 0; i < m->packet_count; i++) {
        const struct sim_packet *k = &m->packet[i];
        if (best < 0 || k->at < m->packet[best].at ||
            (k->at == m->packet[best].at && k->order < m->packet[best].order)) {
            best = (int)i;
        }
    }
    return best;
}

/* One step in time: the next packet or timer. False when nothing is left before `until`. */
static inline bool sim_step(struct sim *m, weir_time until)
{
    sim_pump(m);
    int next = sim_next(m);
    weir_time at = next < 0 ? WEIR_NEVER : m->packet[next].at;
    weir_time timer = weir_time_min(weir_sctp_deadline(&m->end[0].s),
                                    weir_sctp_deadline(&m->end[1].s));
    if (weir_time_min(at, timer) > until) {
        m->now = until;
        return false;
    }
    if (at <= timer) {
        struct sim_packet k = m->packet[next];
        m->packet[next] = m->packet[--m->packet_count];
        m->now = at > m->now ? at : m->now;
        struct sim_end *e = &m->end[k.to];
        /* An exact copy, so that a sanitizer sees one byte over. */
        uint8_t *exact = malloc(k.n);
        memcpy(exact, k.bytes, k.n);
        (void)weir_sctp_recv(&e->s, m->now, weir_span_of(exact, k.n));
        free(exact);
        sim_events(m, e);
    } else {
        m->now = timer > m->now ? timer : m->now;
        weir_sctp_tick(&m->end[0].s, m->now);
        weir_sctp_tick(&m->end[1].s, m->now);
    }
    return true;
}

static inline void sim_run(struct sim *m, weir_duration span)
{
    weir_time until = m->now + span;
    while (sim_step(m, until)) {
    }
}

static inline void sim_connect(struct sim *m)
{
    assert_int_equal(weir_sctp_connect(&m->end[0].s, m->now), WEIR_OK);
    assert_int_equal(weir_sctp_connect(&m->end[1].s, m->now), WEIR_OK);
    sim_run(m, 200 * WEIR_MS);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(m->end[1].s.state, WEIR_SCTP_ESTABLISHED);
}

/* Bytes that differ from message to message and place to place. */
static inline void sim_fill(uint8_t *p, size_t n, uint32_t number)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(i * 7 + (i >> 8) + number * 131);
    }
}

static inline enum weir_status sim_write(struct sim *m, unsigned end, uint16_t stream, size_t n,
                                         uint32_t number, const struct weir_sctp_send_opts *opts)
{
    static uint8_t bytes[1 << 20];
    struct weir_sctp_send_opts plain = { 0 };
    plain.ppid = WEIR_SCTP_PPID_BINARY;
    assert_true(n <= sizeof bytes);
    sim_fill(bytes, n, number);
    return weir_sctp_write(&m->end[end].s, m->now, stream, weir_span_of(bytes, n),
                           opts == NULL ? &plain : opts);
}

static inline uint64_t sim_expected(size_t n, uint32_t number)
{
    static uint8_t bytes[1 << 20];
    sim_fill(bytes, n, number);
    return sim_digest(14695981039346656037u, bytes, n);
}

#endif
