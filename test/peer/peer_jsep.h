/* Two simulated peers that negotiate: descriptions as text, so that a test can change a line between. */
#ifndef WEIR_TEST_PEER_JSEP_H
#define WEIR_TEST_PEER_JSEP_H

#include "peer/peer_int.h"
#include "test/sim/sim.h"
#include "test/support/support.h"

static uint8_t text[2][WEIR_PEER_SDP_MAX];
static size_t length[2];

/* Take out the lines that begin so. */
static inline void without(int which, const char *head)
{
    size_t n = 0;
    for (size_t at = 0; at < length[which];) {
        const uint8_t *p = text[which] + at;
        size_t len = (size_t)((const uint8_t *)memchr(p, '\n', length[which] - at) + 1 - p);
        at += len;
        if (strncmp((const char *)p, head, strlen(head)) != 0) {
            memmove(text[which] + n, p, len);
            n += len;
        }
    }
    length[which] = n;
}

static inline void offer(struct sim *s, int from)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] - 1 });
    assert_int_equal(weir_peer_create_offer(s->peer[from], s->now, &w), WEIR_OK);
    length[0] = w.len;
    text[0][w.len] = '\0';
}

static inline void take_offer(struct sim *s, int to)
{
    struct weir_sdp_error error;
    if (weir_peer_set_remote(s->peer[to], s->now, true, weir_span_of(text[0], length[0]), &error)
        != WEIR_OK) {
        fail_msg("line %u: %s", error.line, weir_sdp_verdict_text(error.verdict));
    }
}

static inline void write_answer(struct sim *s, int from)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] - 1 });
    sim_send_in_all(s, from);
    assert_int_equal(weir_peer_create_answer(s->peer[from], s->now, &w), WEIR_OK);
    length[1] = w.len;
    text[1][w.len] = '\0';
}

/* Of an offer as text; the answer is given to who offered when there is one. */
static inline void answer(struct sim *s, int from)
{
    take_offer(s, from);
    write_answer(s, from);
}

static inline void take_answer(struct sim *s, int to)
{
    struct weir_sdp_error error;
    if (weir_peer_set_remote(s->peer[to], s->now, false, weir_span_of(text[1], length[1]), &error)
        != WEIR_OK) {
        fail_msg("line %u: %s", error.line, weir_sdp_verdict_text(error.verdict));
    }
}

static inline void negotiate(struct sim *s, int from)
{
    offer(s, from);
    answer(s, 1 - from);
    take_answer(s, from);
}

static inline bool says(int which, const char *line)
{
    return strstr((const char *)text[which], line) != NULL;
}

/* Data goes both ways. */
static inline void check_data(struct sim *s)
{
    unsigned before[2] = { s->messages[0], s->messages[1] };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sim_send(s, i, 3000), WEIR_OK);
    }
    sim_run(s, s->now + 500 * WEIR_MS, false);
    assert_int_equal(s->messages[0], before[0] + 1);
    assert_int_equal(s->messages[1], before[1] + 1);
    assert_false(s->is_corrupt);
}

static inline struct sim *connected(uint64_t seed, enum weir_sdp_setup setup)
{
    const struct sim_options o = { .seed = seed, .with_media = true, .setup = setup };
    struct sim *s = sim_open_with(&o);
    sim_introduce(s);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    sim_run(s, s->now + 100 * WEIR_MS, false);
    return s;
}

static inline void open_again(struct sim *s, int from)
{
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("again"), .priority = 256 };
    s->opened[0] = s->opened[1] = 0;
    assert_int_equal(weir_peer_open_channel(s->peer[from], s->now, &c, &s->channel[from]), WEIR_OK);
    sim_run(s, s->now + 10 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    check_data(s);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
}

#endif
