/* What the tests of connection ids and path checks have beside dtls13_sim.h: both versions, ids of any
 * length, and ends that tell by which path a datagram comes and goes. Everything is static. */
#ifndef WEIR_TEST_DTLS_PATHS_H
#define WEIR_TEST_DTLS_PATHS_H

#include "test/dtls/dtls13_sim.h"

/* An id of so many bytes; each end's own. */
static inline void give_id(struct weir_dtls_config *c, size_t bytes)
{
    c->has_cid = true;
    c->cid_bytes = (uint8_t)bytes;
    for (size_t i = 0; i < bytes; i++) {
        c->cid[i] = (uint8_t)((c->is_client ? 0xc0 : 0x50) + i);
    }
}

struct ids {
    uint8_t version;
    int client, server; /* bytes; -1: that end does without the extension */
    enum weir_dtls_rrc_kind rrc;
};

static inline void ids_init(struct sim *s, const struct ids *with, uint64_t seed)
{
    struct weir_dtls_config c[2] = { sim_config(CLIENT, seed), sim_config(SERVER, seed + 1) };
    const int bytes[2] = { with->client, with->server };
    for (unsigned who = 0; who < 2; who++) {
        c[who].version_min = c[who].version_max = with->version;
        c[who].rrc = (uint8_t)with->rrc;
        if (bytes[who] >= 0) {
            give_id(&c[who], (size_t)bytes[who]);
        }
    }
    sim_init(s, &c[CLIENT], &c[SERVER]);
}

/* Connected, and every flight acknowledged. */
static inline void ids_connect(struct sim *s, const struct ids *with, uint64_t seed)
{
    ids_init(s, with, seed);
    assert_true(sim_connect(s, WEIR_SEC));
    sim_run(s, WEIR_SEC);
    assert_int_equal(s->count, 0);
}

/* A record of data, ready to be sent. */
static inline size_t data_record(struct weir_dtls *d, const char *text, uint8_t *out, size_t cap)
{
    size_t head = weir_dtls_head_bytes(d), n = strlen(text);
    memcpy(out + head, text, n);
    n = weir_dtls_seal(d, (struct weir_mspan){ out, cap }, head, n);
    assert_true(n != 0);
    return n;
}

/* A datagram comes to an end by a path. What it has to send stays in it; its events are counted. */
static inline enum weir_dtls_verdict hear_by(struct sim *s, unsigned who, uint32_t path,
                                             const uint8_t *p, size_t n)
{
    struct sim_end *e = &s->end[who];
    uint8_t copy[WEIR_DTLS_PLAIN_MAX + 600];
    struct weir_mspan datagram = { copy, n };
    enum weir_dtls_verdict first = WEIR_DTLS_OK;
    struct weir_dtls_event event;
    assert_true(n <= sizeof copy);
    memcpy(copy, p, n);
    while (datagram.n != 0) {
        struct weir_span plain;
        enum weir_dtls_verdict v = weir_dtls_recv_by(&e->d, s->now, path, &datagram, &plain);
        first = first == WEIR_DTLS_OK ? v : first;
        e->got_count += plain.n != 0 ? 1 : 0;
    }
    while (weir_dtls_event(&e->d, &event)) {
        e->told[event.type]++;
        e->last = event;
    }
    return first;
}

/* The next datagram of an end and where it goes; 0 = none. */
static inline size_t next_of(struct sim *s, unsigned who, uint8_t out[1500], uint32_t *path)
{
    return weir_dtls_send_to(&s->end[who].d, s->now, (struct weir_mspan){ out, 1500 }, path);
}

/* Time passes for one end. */
static inline void pass_time(struct sim *s, unsigned who, weir_duration d)
{
    s->now += d;
    weir_dtls_tick(&s->end[who].d, s->now);
}

#endif
