/* Two DTLS ends over a simulated path: virtual time, loss, duplication and delay by the number of a
 * datagram, and a rewriter that tears records into tiny fragments. Included by the tests of dtls/;
 * everything is static. */
#ifndef WEIR_TEST_DTLS_SIM_H
#define WEIR_TEST_DTLS_SIM_H

#include "dtls/dtls_int.h"
#include "test/support/support.h"

#define SIM_DATAGRAMS 4096
#define SIM_LOG 256
/* The newest version that both ends offer; a test of DTLS 1.3 says otherwise. */
#ifndef SIM_VERSION
#define SIM_VERSION WEIR_DTLS_1_2
#endif

enum { CLIENT, SERVER };

struct sim_datagram {
    weir_time at;
    uint64_t order;
    unsigned to;
    size_t n;
    uint8_t bytes[1500];
};

struct sim_end {
    struct weir_dtls d;
    unsigned told[7]; /* events by type */
    struct weir_dtls_event last;
    uint8_t got[256]; /* the last application data */
    size_t got_bytes;
    unsigned got_count;
    uint64_t digest; /* of every datagram that it sent */
    uint64_t sent_bytes, heard_bytes;
    unsigned sent;
};

struct sim;

struct sim {
    struct sim_end end[2];
    struct weir_arena arena; /* of both: one block each */
    struct weir_dtls_handshake block[2];
    struct sim_datagram *datagram;
    unsigned count;
    uint64_t order;
    weir_time now;
    weir_duration delay;
    uint64_t drop, twice, late; /* bit i: the i-th datagram of the conversation */
    size_t tear; /* 0, or body bytes per fragment that epoch-0 messages are torn into */
    bool is_shuffled;           /* datagrams take their time from a seed */
    unsigned reach;             /* one may be overtaken by so many of the same moment */
    weir_time burst_at;         /* the moment, and how many there were */
    unsigned burst;
    uint32_t loss_permille;
    size_t path_mtu; /* longer datagrams are lost; 0: none is too long */
    struct weir_rand rand;
    unsigned numbered;
    /* Asked before an end sends: a test may edit its flight. */
    void (*edit)(struct sim *s, unsigned who, const void *with);
    const void *edit_with;
};

/* Rules that DTLS 1.3 has alone, so that a test of 1.2 cannot meet them. */
static inline bool sim_is_of_13(enum weir_dtls_verdict v)
{
    static const enum weir_dtls_verdict of_13[] = {
        WEIR_DTLS_RECORD_CID,      WEIR_DTLS_RECORD_CONTENT,      WEIR_DTLS_ACK_PLAIN,
        WEIR_DTLS_ACK_MALFORMED,   WEIR_DTLS_HELLO_DOWNGRADE,     WEIR_DTLS_HELLO_LEGACY,
        WEIR_DTLS_HELLO_STALE,     WEIR_DTLS_HELLO_MISSING,       WEIR_DTLS_HELLO_SHARE,
        WEIR_DTLS_HELLO_RETRY,     WEIR_DTLS_ENCRYPTED_MALFORMED, WEIR_DTLS_TICKET_MALFORMED,
        WEIR_DTLS_UPDATE_MALFORMED, WEIR_DTLS_HELLO_BUSY,
    };
    for (size_t i = 0; i < sizeof of_13 / sizeof of_13[0]; i++) {
        if (of_13[i] == v) {
            return true;
        }
    }
    return false;
}

/* Rules of connection ids, path checks and tickets, which have tests of their own. */
static inline bool sim_is_elsewhere(enum weir_dtls_verdict v)
{
    static const enum weir_dtls_verdict elsewhere[] = {
        WEIR_DTLS_HELLO_PSK,     WEIR_DTLS_HELLO_BINDER,
        WEIR_DTLS_RECORD_NO_CID, WEIR_DTLS_RRC_MALFORMED, WEIR_DTLS_RRC_UNKNOWN,   WEIR_DTLS_RRC_STRAY,
        WEIR_DTLS_RRC_FULL,      WEIR_DTLS_HELLO_CID,     WEIR_DTLS_CID_MALFORMED, WEIR_DTLS_NO_BLOCK,
    };
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (elsewhere[i] == v) {
            return true;
        }
    }
    return false;
}

static struct weir_identity sim_identity[2];

/* Two identities, made once per program: they cost the most. */
static inline const struct weir_identity *sim_id(unsigned who)
{
    if (sim_identity[who].cert_bytes == 0) {
        struct weir_rand rand;
        weir_rand_init_number(&rand, 1000 + who);
        assert_true(weir_crypto_default()->identity_make(&sim_identity[who], &rand, 1700000000,
                                                         2000000000));
    }
    return &sim_identity[who];
}

static inline struct weir_dtls_fingerprint sim_fingerprint(unsigned who, enum weir_hash_id hash)
{
    struct weir_dtls_fingerprint f = { .hash = hash };
    struct weir_span cert = { sim_id(who)->cert, sim_id(who)->cert_bytes };
    weir_hash_of(weir_crypto_default(), hash, &cert, 1, f.bytes);
    return f;
}

static inline struct weir_dtls_config sim_config(unsigned who, uint64_t seed)
{
    struct weir_dtls_config c = {
        .crypto = weir_crypto_default(),
        .identity = sim_id(who),
        .is_client = who == CLIENT,
        .version_max = SIM_VERSION,
        /* Whatever the provider has: the hybrid has its own test. */
        .groups = 3,
        .group = { WEIR_X25519, WEIR_P256, WEIR_P384 },
        .has_keylog = true,
        .fingerprints = 1,
        .fingerprint = { sim_fingerprint(1 - who, WEIR_SHA256) },
        .srtp_profiles = 3,
        .srtp_profile = { WEIR_DTLS_SRTP_AEAD_AES_128_GCM, WEIR_DTLS_SRTP_AES128_CM_SHA1_80,
                          WEIR_DTLS_SRTP_AEAD_AES_256_GCM },
    };
    weir_put64(c.seed, seed);
    c.seed[31] = (uint8_t)who;
    return c;
}

/* A machine apart: it, its block, and an arena that has that one alone. */
struct sim_whole {
    struct weir_dtls d;
    struct weir_arena arena;
    struct weir_dtls_handshake block;
};

/* As it stands: what becomes of one is nothing to the other. */
static inline struct weir_dtls *sim_snap(struct sim_whole *w, const struct weir_dtls *from)
{
    w->d = *from;
    weir_arena_init(&w->arena, &w->block, sizeof w->block, 1);
    w->d.config.handshakes = &w->arena;
    w->d.block = WEIR_NO_BLOCK;
    if (weir_dtls_has_block(from)) {
        w->d.block = weir_arena_lease(&w->arena);
        w->block = *hs_of(from);
    }
    return &w->d;
}

static inline struct weir_dtls *sim_alone(struct sim_whole *w, const struct weir_dtls_config *config,
                                          weir_time now)
{
    struct weir_dtls_config c = *config;
    weir_arena_init(&w->arena, &w->block, sizeof w->block, 1);
    c.handshakes = &w->arena;
    weir_dtls_init(&w->d, &c, now);
    return &w->d;
}

/* What is still to be acknowledged or repeated. */
static inline unsigned sim_flight_used(const struct weir_dtls *d)
{
    return weir_dtls_has_block(d) ? hs_of(d)->flight.used : 0;
}

static inline void sim_init(struct sim *s, const struct weir_dtls_config *client,
                     const struct weir_dtls_config *server)
{
    memset(s, 0, sizeof *s);
    s->datagram = calloc(SIM_DATAGRAMS, sizeof *s->datagram);
    assert_non_null(s->datagram);
    s->now = 1000 * WEIR_SEC;
    s->delay = 10 * WEIR_MS;
    weir_rand_init_number(&s->rand, 77);
    weir_arena_init(&s->arena, s->block, sizeof s->block[0], 2);
    for (unsigned who = 0; who < 2; who++) {
        struct weir_dtls_config c = who == CLIENT ? *client : *server;
        c.handshakes = &s->arena;
        weir_dtls_init(&s->end[who].d, &c, s->now);
    }
}

/* An end is again what it was when the snapshot was taken. */
static inline void sim_back(struct sim *s, unsigned who, const struct sim_whole *then)
{
    struct weir_dtls *d = &s->end[who].d;
    weir_dtls_put_block(d);
    *d = then->d;
    d->config.handshakes = &s->arena;
    d->block = WEIR_NO_BLOCK;
    if (weir_dtls_has_block(&then->d)) {
        d->block = weir_arena_lease(&s->arena);
        *hs_of(d) = then->block;
    }
}

static inline void sim_init_default(struct sim *s, uint64_t seed)
{
    struct weir_dtls_config c = sim_config(CLIENT, seed), v = sim_config(SERVER, seed + 1);
    sim_init(s, &c, &v);
}

static inline void sim_free(struct sim *s)
{
    free(s->datagram);
}

static inline void sim_put(struct sim *s, unsigned to, const uint8_t *p, size_t n,
                           weir_duration more)
{
    assert_true(s->count < SIM_DATAGRAMS);
    struct sim_datagram *g = &s->datagram[s->count++];
    g->at = s->now + s->delay + more;
    g->order = s->order++;
    g->to = to;
    g->n = n;
    assert_true(n <= sizeof g->bytes);
    memcpy(g->bytes, p, n);
}

/* Take a record of either version off a datagram. */
static inline enum weir_dtls_verdict sim_take(struct weir_mspan *datagram, struct dtls_record *r)
{
    const struct weir_span no_cid = { NULL, 0 };
    return (datagram->p[0] & UNIFIED_MASK) == UNIFIED_FIXED ? weir_dtls13_record_take(datagram, no_cid, r)
                                                           : weir_dtls_record_take(datagram, no_cid, r);
}

/* Rewrite a datagram: each plain handshake record becomes many, each a datagram of its own. */
static inline void sim_tear(struct sim *s, unsigned to, uint8_t *p, size_t n)
{
    struct weir_mspan rest = { p, n };
    struct dtls_record r;
    while (rest.n != 0 && sim_take(&rest, &r) == WEIR_DTLS_OK) {
        struct weir_rd rd = weir_rd_of(weir_span_const(r.body));
        struct dtls_fragment f;
        if (r.is_unified || r.epoch != 0 || r.type != CONTENT_HANDSHAKE) {
            sim_put(s, to, r.body.p - r.head, r.body.n + r.head, WEIR_MS);
            continue;
        }
        while (rd.n != 0) {
            const uint8_t *head = rd.p;
            assert_int_equal(weir_dtls_fragment_take(&rd, &f), WEIR_DTLS_OK);
            for (size_t at = 0; at == 0 || at < f.bytes.n; at += s->tear) {
                uint8_t out[1500];
                size_t part = f.bytes.n - at < s->tear ? f.bytes.n - at : s->tear;
                memcpy(out, r.body.p - 13, 13);
                memcpy(out + 13, head, 12);
                weir_put16(out + 11, (uint16_t)(12 + part));
                weir_put24(out + 13 + 6, (uint32_t)(f.offset + at));
                weir_put24(out + 13 + 9, (uint32_t)part);
                memcpy(out + 25, f.bytes.p + at, part);
                sim_put(s, to, out, 25 + part,
                        s->is_shuffled ? weir_rand_below(&s->rand, 1000) : 0);
            }
        }
    }
}

static inline void sim_post(struct sim *s, unsigned from, uint8_t *p, size_t n)
{
    struct sim_end *e = &s->end[from];
    uint64_t bit = s->numbered < 64 ? (uint64_t)1 << s->numbered : 0;
    s->numbered++;
    e->sent++;
    e->sent_bytes += n;
    for (size_t i = 0; i < n; i++) {
        e->digest = e->digest * 1099511628211u + p[i] + 1;
    }
    if (s->path_mtu != 0 && n > s->path_mtu) {
        return;
    }
    if ((s->drop & bit) != 0 || weir_rand_below(&s->rand, 1000) < s->loss_permille) {
        return;
    }
    weir_duration more = (s->late & bit) != 0 ? 25 * WEIR_MS : 0;
    if (s->is_shuffled && s->tear == 0) {
        more += weir_rand_below(&s->rand, 30000);
    }
    if (s->reach != 0) {
        s->burst = s->burst_at == s->now ? s->burst + 1 : 0;
        s->burst_at = s->now;
        more += s->burst + weir_rand_below(&s->rand, s->reach);
    }
    if (s->tear != 0) {
        sim_tear(s, 1 - from, p, n);
    } else {
        sim_put(s, 1 - from, p, n, more);
    }
    if ((s->twice & bit) != 0) {
        sim_put(s, 1 - from, p, n, more + 3 * WEIR_MS);
    }
}

/* Take what an end has to say. */
static inline void sim_drain(struct sim *s, unsigned who)
{
    struct sim_end *e = &s->end[who];
    struct weir_dtls_event event;
    uint8_t out[1500];
    size_t n;
    while (weir_dtls_event(&e->d, &event)) {
        e->told[event.type]++;
        e->last = event;
    }
    if (s->edit != NULL) {
        s->edit(s, who, s->edit_with);
    }
    while ((n = weir_dtls_send(&e->d, s->now, (struct weir_mspan){ out, sizeof out })) != 0) {
        assert_true(n <= e->d.config.mtu);
        sim_post(s, who, out, n);
    }
}

/* Hand one datagram to an end; the verdict of its first record that was not taken. */
static inline enum weir_dtls_verdict sim_hear(struct sim *s, unsigned who, uint8_t *p, size_t n)
{
    struct sim_end *e = &s->end[who];
    struct weir_mspan datagram = { p, n };
    enum weir_dtls_verdict first = WEIR_DTLS_OK;
    e->heard_bytes += n;
    while (datagram.n != 0) {
        struct weir_span plain;
        enum weir_dtls_verdict v = weir_dtls_recv(&e->d, s->now, &datagram, &plain);
        first = first == WEIR_DTLS_OK ? v : first;
        if (plain.n != 0) {
            e->got_bytes = plain.n < sizeof e->got ? plain.n : sizeof e->got;
            memcpy(e->got, plain.p, e->got_bytes);
            e->got_count++;
        }
    }
    sim_drain(s, who);
    return first;
}

/* The datagram that arrives next, or NULL. */
static inline struct sim_datagram *sim_next(struct sim *s)
{
    struct sim_datagram *first = NULL;
    for (unsigned i = 0; i < s->count; i++) {
        struct sim_datagram *g = &s->datagram[i];
        if (first == NULL || g->at < first->at || (g->at == first->at && g->order < first->order)) {
            first = g;
        }
    }
    return first;
}

/* One thing happens: a datagram arrives or a timer fires. False when there is nothing. */
static inline bool sim_step(struct sim *s, weir_time until)
{
    struct sim_datagram *g = sim_next(s);
    weir_time timer =
        weir_time_min(weir_dtls_deadline(&s->end[0].d), weir_dtls_deadline(&s->end[1].d));
    weir_time at = weir_time_min(g != NULL ? g->at : WEIR_NEVER, timer);
    if (at > until) {
        s->now = until;
        return false;
    }
    s->now = at > s->now ? at : s->now;
    if (g != NULL && g->at <= timer) {
        uint8_t bytes[1500];
        size_t n = g->n;
        unsigned to = g->to;
        memcpy(bytes, g->bytes, n);
        *g = s->datagram[--s->count];
        sim_hear(s, to, bytes, n);
        return true;
    }
    for (unsigned who = 0; who < 2; who++) {
        weir_dtls_tick(&s->end[who].d, s->now);
        sim_drain(s, who);
    }
    return true;
}

static inline bool sim_is_up(const struct sim *s)
{
    return s->end[0].d.state == WEIR_DTLS_CONNECTED && s->end[1].d.state == WEIR_DTLS_CONNECTED;
}

static inline void sim_start(struct sim *s)
{
    assert_int_equal(weir_dtls_start(&s->end[CLIENT].d, s->now), WEIR_OK);
    sim_drain(s, CLIENT);
}

/* Until both are connected, or `limit` has gone by. */
static inline bool sim_await(struct sim *s, weir_duration limit)
{
    weir_time until = s->now + limit;
    while (!sim_is_up(s) && sim_step(s, until)) {
    }
    return sim_is_up(s);
}

static inline bool sim_connect(struct sim *s, weir_duration limit)
{
    sim_start(s);
    return sim_await(s, limit);
}

static inline void sim_run(struct sim *s, weir_duration d)
{
    weir_time until = s->now + d;
    while (sim_step(s, until)) {
    }
}

/* Send application data from one end. */
static inline size_t sim_write(struct sim *s, unsigned from, const char *text)
{
    uint8_t out[1500];
    struct weir_dtls *d = &s->end[from].d;
    size_t head = weir_dtls_head_bytes(d), len = strlen(text);
    memcpy(out + head, text, len);
    size_t n = weir_dtls_seal(d, (struct weir_mspan){ out, sizeof out }, head, len);
    if (n != 0) {
        assert_int_equal(n, len + weir_dtls_overhead(d));
        sim_post(s, from, out, n);
    }
    return n;
}

/* Data goes both ways and keys are the same. */
static inline void sim_check_up(struct sim *s)
{
    uint8_t key[2][60];
    for (unsigned who = 0; who < 2; who++) {
        unsigned before = s->end[1 - who].got_count;
        const char *text = who == CLIENT ? "from the client" : "from the server";
        s->drop = s->twice = s->late = 0;
        assert_true(sim_write(s, who, text) != 0);
        sim_run(s, 100 * WEIR_MS);
        assert_int_equal(s->end[1 - who].got_count, before + 1);
        test_assert_bytes(weir_span_of(s->end[1 - who].got, s->end[1 - who].got_bytes),
                          weir_span_of(text, strlen(text)));
        assert_int_equal(weir_dtls_export(&s->end[who].d, "EXTRACTOR-dtls_srtp",
                                          (struct weir_mspan){ key[who], 60 }), WEIR_OK);
    }
    assert_memory_equal(key[0], key[1], 60);
    assert_int_equal(s->end[0].told[WEIR_DTLS_EVENT_CONNECTED], 1);
    assert_int_equal(s->end[1].told[WEIR_DTLS_EVENT_CONNECTED], 1);
}

/* -- Making what no honest end sends ----------------------------------------------------------- */

/* The entry of a message in an end's flight: its body, or NULL. */
static inline uint8_t *edit_find(struct weir_dtls *d, uint8_t message, size_t *n, size_t *entry)
{
    if (!weir_dtls_has_block(d)) {
        return NULL;
    }
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    for (size_t at = 0; at < f->used; at += 4u + weir_be16(f->bytes + at + 2)) {
        if (f->bytes[at] == CONTENT_HANDSHAKE && f->bytes[at + 4] == message) {
            *n = weir_be16(f->bytes + at + 2) - 12u;
            *entry = at;
            return f->bytes + at + 16;
        }
    }
    return NULL;
}

/* Give a message of the flight another body. False when the flight has no such message. */
static inline bool edit_replace(struct weir_dtls *d, uint8_t message, struct weir_span body)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    size_t n, entry;
    uint8_t *old = edit_find(d, message, &n, &entry);
    if (old == NULL) {
        return false;
    }
    size_t behind = entry + 16 + n;
    assert_true(f->used - n + body.n <= sizeof f->bytes);
    memmove(old + body.n, f->bytes + behind, f->used - behind);
    f->used = (uint16_t)(f->used - n + body.n);
    weir_copy(old, body.p, body.n);
    weir_put16(f->bytes + entry + 2, (uint16_t)(body.n + 12));
    weir_put24(f->bytes + entry + 5, (uint32_t)body.n);
    weir_put24(f->bytes + entry + 13, (uint32_t)body.n);
    return true;
}

/* Take a message out of the flight, and number the later ones as if it had never been. */
static inline bool edit_remove(struct weir_dtls *d, uint8_t message)
{
    struct weir_dtls_flight *f = &hs_of(d)->flight;
    size_t n, entry;
    if (edit_find(d, message, &n, &entry) == NULL) {
        return false;
    }
    memmove(f->bytes + entry, f->bytes + entry + 16 + n, f->used - entry - 16 - n);
    f->used = (uint16_t)(f->used - 16 - n);
    for (size_t at = entry; at < f->used; at += 4u + weir_be16(f->bytes + at + 2)) {
        if (f->bytes[at] == CONTENT_HANDSHAKE) {
            weir_put16(f->bytes + at + 8, (uint16_t)(weir_be16(f->bytes + at + 8) - 1));
        }
    }
    return true;
}

/* A record without protection. */
static inline size_t plain_record(uint8_t *out, uint8_t type, uint64_t seq, struct weir_span body)
{
    out[0] = type;
    weir_put16(out + 1, VERSION_1_2);
    weir_put16(out + 3, 0);
    weir_put48(out + 5, seq);
    weir_put16(out + 11, (uint16_t)body.n);
    weir_copy(out + 13, body.p, body.n);
    return 13 + body.n;
}

/* A whole message as one fragment. */
static inline size_t message_bytes(uint8_t *out, uint8_t type, uint16_t seq, struct weir_span body)
{
    out[0] = type;
    weir_put24(out + 1, (uint32_t)body.n);
    weir_put16(out + 4, seq);
    weir_put24(out + 6, 0);
    weir_put24(out + 9, (uint32_t)body.n);
    weir_copy(out + 12, body.p, body.n);
    return 12 + body.n;
}

/* A plain record with one message in it. */
static inline size_t plain_message(uint8_t *out, uint8_t type, uint16_t seq, struct weir_span body)
{
    static uint8_t message[WEIR_DTLS_REASSEMBLY_BYTES + 64];
    size_t n = message_bytes(message, type, seq, body);
    return plain_record(out, CONTENT_HANDSHAKE, 40000u + seq, weir_span_of(message, n));
}

/* A record under the protection of `from`, with its next number; of the handshake while that goes on. */
static inline size_t sealed_record(struct weir_dtls *from, uint8_t type, struct weir_span body,
                                   uint8_t *out)
{
    uint64_t epoch = from->tx_epoch != 0 ? from->tx_epoch : 1;
    if (epoch == EPOCH_APPLICATION && from->step != STEP_DONE && hs_of(from)->old_tx.is_ready) {
        epoch = EPOCH_HANDSHAKE;
    }
    weir_copy(out + weir_dtls_record_head(from, epoch), body.p, body.n);
    return weir_dtls_record_seal(from, epoch, (enum content_type)type, VERSION_1_2, out, body.n);
}

#endif
