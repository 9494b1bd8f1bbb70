#include "test/sim/sim.h"
#include "test/support/support.h"

#define SIM_BUFFERS 4096
#define SIM_MESSAGE_MAX 262144
#define SIM_BEGIN (1000 * WEIR_SEC)

/* One identity serves all runs of a program: making one costs more than a whole simulation. */
static struct weir_identity identity[2];

static void make_identities(void)
{
    struct weir_rand rand;
    if (identity[0].cert_bytes == 0) {
        weir_rand_init_number(&rand, 12345);
        for (int i = 0; i < 2; i++) {
            assert_true(weir_crypto_default()->identity_make(&identity[i], &rand, 1700000000,
                                                             1900000000));
        }
    }
}

const struct weir_identity *sim_identity(int side)
{
    make_identities();
    return &identity[side];
}

struct sim *sim_open(uint64_t seed, bool with_media)
{
    const struct sim_options options = { .seed = seed, .with_media = with_media };
    return sim_open_with(&options);
}

struct sim *sim_open_with(const struct sim_options *options)
{
    static struct weir_peer_scratch scratch; /* nothing in it lasts beyond a call */
    struct sim *s = calloc(1, sizeof *s);
    const struct weir_crypto *crypto =
        options->crypto == NULL ? weir_crypto_default() : options->crypto;
    assert_non_null(s);
    make_identities();
    weir_rand_init_number(&s->rand, options->seed);
    s->now = options->begin == 0 ? SIM_BEGIN : options->begin;
    s->link.delay = 10 * WEIR_MS;
    s->bufs = aligned_alloc(64, weir_pool_bytes(SIM_BUFFERS));
    weir_pool_init(&s->pool, s->bufs, SIM_BUFFERS);
    s->rtp_blocks = malloc(2 * sizeof *s->rtp_blocks);
    s->handshake = aligned_alloc(64, 2 * sizeof *s->handshake);
    weir_arena_init(&s->handshakes, s->handshake, sizeof *s->handshake, 2);
    for (int i = 0; i < 2; i++) {
        s->identity[i] = identity[i];
        s->assembly[i] = malloc(SIM_MESSAGE_MAX);
        s->peer[i] = aligned_alloc(64, sizeof *s->peer[i]); /* its size is a multiple of that */
        s->addr[i] = s->seen[i] = weir_addr_v4(10, 0, 0, (uint8_t)(1 + i), (uint16_t)(2000 + i));
        weir_ice_room_init(&s->room[i]);
        struct weir_peer_config c = { .crypto = crypto, .identity = &s->identity[i],
                                      .dtls_handshakes = &s->handshakes,
                                      .ice_pages = &s->room[i].pages, .ice_setups = &s->room[i].setups,
                                      .rtp_blocks = s->rtp_blocks, .rtp_block = (uint32_t)i,
                                      .is_data_only = !options->with_media,
                                      .setup = options->setup == WEIR_SDP_SETUP_NONE ? WEIR_SDP_ACTIVE
                                                                                     : options->setup,
                                      .no_snap = options->no_snap[i], .no_sped = options->no_sped[i],
                                      .no_cid = options->no_cid[i], .is_lite = options->is_lite[i],
                                      .channel_wait = options->channel_wait,
                                      .cid_bytes = options->cid_bytes[i], .cid = { (uint8_t)(0xa0 + i), 7 },
                                      .prefers_hybrid = options->prefers_hybrid,
                                      .sessions = options->sessions[i],
                                      .ntp_at_epoch = options->ntp_at_epoch,
                                      .assembly = { s->assembly[i], SIM_MESSAGE_MAX },
                                      .scratch = &scratch,
                                      .conn = (uint32_t)i };
        weir_rand_bytes(&s->rand, c.seed, sizeof c.seed);
        weir_peer_init(s->peer[i], &c, &s->pool, s->now);
        assert_int_equal(weir_peer_add_local(s->peer[i], s->now, &s->addr[i]), WEIR_OK);
    }
    return s;
}

void sim_close(struct sim *s)
{
    for (unsigned i = 0; i < s->in_flight; i++) {
        free(s->wire[i].data);
    }
    for (int i = 0; i < 2; i++) {
        weir_peer_deinit(s->peer[i]);
        assert_int_equal(s->room[i].pages.leased + s->room[i].setups.leased, 0); /* everything came back */
        free(s->peer[i]);
        free(s->assembly[i]);
    }
    assert_int_equal(s->pool.free_count, s->pool.count); /* every buffer came home */
    assert_int_equal(s->handshakes.leased, 0);
    free(s->handshake);
    free(s->rtp_blocks);
    free(s->bufs);
    free(s);
}

/* -- Being introduced -------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Copy a description line by line: without candidates, if they trickle, and with one kind of line
 * changed. */
static size_t edit(char *out, struct weir_span text, bool with_trickle, const char *line,
                   const char *with)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        const char *p = (const char *)text.p + at;
        size_t len = (size_t)((const char *)memchr(p, '\n', text.n - at) + 1 - p);
        at += len;
        if (line != NULL && begins(p, line)) {
            p = with;
            len = strlen(with);
        } else if (with_trickle && (begins(p, "a=candidate") || begins(p, "a=end-of-cand"))) {
            continue;
        }
        memcpy(out + n, p, len);
        n += len;
    }
    return n;
}

static void tell_candidates(struct sim *s, int of)
{
    uint8_t text[200];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    weir_ice_candidate_write(&w, weir_ice_local_at(&s->peer[of]->ice, 0));
    assert_int_equal(weir_peer_add_candidate(s->peer[1 - of], s->now,
                                             weir_span_of(text, weir_wr_done(&w))), WEIR_OK);
    assert_int_equal(weir_peer_add_candidate(s->peer[1 - of], s->now, weir_span_of(NULL, 0)),
                     WEIR_OK);
}

static void open_channel(struct sim *s, int of, bool is_negotiated)
{
    const struct weir_sctp_channel_config channel = { .label = WEIR_LIT("sim"), .priority = 256,
                                                      .is_negotiated = is_negotiated, .id = 4 };
    assert_int_equal(weir_peer_open_channel(s->peer[of], s->now, &channel, &s->channel[of]), WEIR_OK);
}

static void greet(struct sim *s, int from)
{
    if (s->greets[from]) {
        assert_int_equal(sim_send(s, from, 20), WEIR_OK);
    }
}

static void offer(struct sim *s, struct weir_wr *text, bool with_negotiated)
{
    uint8_t media;
    if (!s->peer[0]->config.is_data_only) {
        assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media),
                         WEIR_OK);
    }
    open_channel(s, 0, with_negotiated);
    assert_int_equal(weir_peer_create_offer(s->peer[0], s->now, text), WEIR_OK);
}

void sim_send_in_all(struct sim *s, int side)
{
    for (uint8_t i = 0; i < s->peer[side]->medias; i++) {
        if (weir_peer_media_at(s->peer[side], i)->is_theirs) {
            (void)!weir_peer_set_direction(s->peer[side], i, WEIR_SDP_SENDRECV);
        }
    }
}

static void wait_until(struct sim *s, weir_time at)
{
    if (at > s->now) {
        sim_run(s, at, false);
    }
}

void sim_meet(struct sim *s, const struct sim_meeting *m)
{
    static uint8_t text[WEIR_PEER_SDP_MAX];
    static char edited[WEIR_PEER_SDP_MAX + 1024];
    struct weir_sdp_error error;
    weir_time arrival = weir_time_add(s->now, m->signal), answered = weir_time_add(arrival, m->signal);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    offer(s, &w, m->with_negotiated);
    size_t n = edit(edited, weir_span_of(text, w.len), m->with_trickle, m->line[0], m->with[0]);
    wait_until(s, arrival);
    assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(edited, n), &error),
                     WEIR_OK);
    sim_send_in_all(s, 1);
    w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    assert_int_equal(weir_peer_create_answer(s->peer[1], s->now, &w), WEIR_OK);
    if (m->with_negotiated) {
        open_channel(s, 1, true);
        greet(s, 1);
    }
    n = edit(edited, weir_span_of(text, w.len), m->with_trickle, m->line[1], m->with[1]);
    bool is_early = m->with_trickle && m->trickle < m->signal;
    if (is_early) {
        wait_until(s, arrival + m->trickle);
        tell_candidates(s, 0);
    }
    wait_until(s, answered);
    assert_int_equal(weir_peer_set_remote(s->peer[0], s->now, false, weir_span_of(edited, n), &error),
                     WEIR_OK);
    greet(s, 0);
    if (m->with_trickle && !is_early) {
        wait_until(s, arrival + m->trickle);
        tell_candidates(s, 0);
    }
    if (m->with_trickle) {
        wait_until(s, answered + m->trickle);
        tell_candidates(s, 1);
    }
}

void sim_introduce(struct sim *s)
{
    const struct sim_meeting at_once = { .signal = 0 };
    sim_meet(s, &at_once);
}

/* -- Traffic that can be checked --------------------------------------------------------------- */

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at * 0x9e3779b97f4a7c15 >> 56);
}

enum weir_status sim_send(struct sim *s, int from, size_t bytes)
{
    static uint8_t message[SIM_MESSAGE_MAX];
    weir_put32(message, (uint32_t)bytes);
    for (size_t i = 4; i < bytes; i++) {
        message[i] = pattern(i + bytes);
    }
    return weir_peer_channel_send(s->peer[from], s->now, s->channel[from],
                                  weir_span_of(message, bytes), false);
}

static bool message_is_whole(struct weir_span m)
{
    bool is_whole = m.n < 4 || weir_be32(m.p) == m.n;
    for (size_t i = 4; i < m.n && is_whole; i++) {
        is_whole = m.p[i] == pattern(i + m.n);
    }
    return is_whole;
}

static bool media_is_whole(const struct weir_rtp_header *h)
{
    bool is_whole = h->payload.n == 500;
    for (size_t i = 0; i < h->payload.n && is_whole; i++) {
        is_whole = h->payload.p[i] == pattern(i + h->seq);
    }
    return is_whole;
}

/* -- The wire ---------------------------------------------------------------------------------- */

static void put_on_wire(struct sim *s, int to, const uint8_t *data, size_t n, weir_duration extra)
{
    assert_true(s->in_flight < SIM_WIRE_MAX);
    struct sim_packet *p = &s->wire[s->in_flight++];
    weir_duration jitter = s->link.jitter == 0
                               ? 0 : weir_rand_below(&s->rand, (uint32_t)s->link.jitter);
    p->at = s->now + s->link.delay + jitter + extra;
    p->order = s->sent;
    p->to = to;
    p->from = s->seen[1 - to];
    p->bytes = (uint32_t)n;
    p->data = malloc(n);
    memcpy(p->data, data, n);
}

static bool chance(struct sim *s, unsigned of_1000)
{
    return of_1000 != 0 && weir_rand_below(&s->rand, 1000) < of_1000;
}

static void carry(struct sim *s, int from, const struct weir_path *path, const uint8_t *data, size_t n)
{
    s->sent++;
    s->bytes += n;
    for (size_t i = 0; i < n; i++) {
        s->digest = (s->digest ^ data[i]) * 0x100000001b3;
    }
    if (s->is_cut || !weir_addr_eq(&path->remote, &s->seen[1 - from])
        || (s->link.mtu != 0 && n > s->link.mtu) || s->sent == s->link.drop_number
        || s->sent == s->link.drop_number_2 || chance(s, s->link.loss)) {
        return;
    }
    uint8_t work[1500];
    memcpy(work, data, n);
    if (chance(s, s->link.corrupt)) {
        work[weir_rand_below(&s->rand, (uint32_t)n)] ^= (uint8_t)(1u + weir_rand_below(&s->rand, 255));
    }
    put_on_wire(s, 1 - from, work, n, chance(s, s->link.reorder) ? s->link.delay : 0);
    if (chance(s, s->link.duplicate)) {
        put_on_wire(s, 1 - from, work, n, 0);
    }
}

/* -- Running ----------------------------------------------------------------------------------- */

enum { SPIN_TURNS = 8 }; /* at one moment, without a datagram or event: a few timers may fall together */

struct spin {
    weir_time now;
    uint64_t sent;
    unsigned in_flight, events, turns;
};

static void take_event(struct sim *s, int i, const struct weir_event *e)
{
    if (++s->events == s->close_at) {
        weir_peer_close(s->peer[i], s->now);
    }
    assert_int_equal(s->ends[i], 0);
    switch (e->type) {
    case WEIR_EVENT_STATE:
        s->state[i] = e->state;
        s->ends[i] += e->state == WEIR_PEER_CLOSED ? 1 : 0;
        if (e->state == WEIR_PEER_FAILED) {
            s->failure[i] = *e;
        } else {
            assert_int_equal(e->reason, WEIR_PEER_REASON_NONE);
        }
        break;
    case WEIR_EVENT_CHANNEL_OPEN:
        s->opened[i]++;
        s->channel[i] = e->channel;
        if (s->greets[i] && e->is_remote) {
            assert_int_equal(sim_send(s, i, 20), WEIR_OK);
        }
        break;
    case WEIR_EVENT_CHANNEL_CLOSED:
        s->closed[i]++;
        s->closed_reason[i] = e->sctp_reason;
        break;
    case WEIR_EVENT_CHANNEL_MESSAGE:
        if (s->defers[i]) {
            weir_peer_defer(s->peer[i]);
            break;
        }
        s->messages[i]++;
        s->message_bytes[i] += e->data.n;
        s->is_corrupt |= !message_is_whole(e->data);
        if (s->echoes[i]) {
            uint8_t *copy = malloc(e->data.n);
            memcpy(copy, e->data.p, e->data.n);
            (void)!weir_peer_channel_send(s->peer[i], s->now, e->channel,
                                          weir_span_of(copy, e->data.n), false);
            free(copy);
        }
        break;
    case WEIR_EVENT_RTP:
        s->rtp[i]++;
        s->is_corrupt |= !media_is_whole(&e->rtp);
        break;
    case WEIR_EVENT_DATA_READY:
        s->data_reason[i] = WEIR_SCTP_REASON_NONE;
        break;
    case WEIR_EVENT_DATA_CLOSED:
        s->data_reason[i] = e->sctp_reason;
        break;
    case WEIR_EVENT_NONE:
    case WEIR_EVENT_CANDIDATE:
    case WEIR_EVENT_SELECTED:
    case WEIR_EVENT_CHANNEL_LOW:
    case WEIR_EVENT_WRITABLE:
    case WEIR_EVENT_KEYFRAME:
    case WEIR_EVENT_TIMER:
    case WEIR_EVENT_DESCRIPTOR:
    case WEIR_EVENT_CANDIDATE_REFUSED:
    case WEIR_EVENT_NAME:
    case WEIR_EVENT_SIGNALLING:
    case WEIR_EVENT_ICE_STATE:
    case WEIR_EVENT_GATHERING:
    case WEIR_EVENT_MEDIA_WRITABLE:
    case WEIR_EVENT_TYPES:
        break;
    }
}

static void drain(struct sim *s)
{
    for (int i = 0; i < 2; i++) {
        struct weir_event e;
        struct weir_path to;
        uint8_t out[1500];
        size_t n;
        while (!s->is_deaf[i] && weir_peer_event(s->peer[i], s->now, &e)) {
            take_event(s, i, &e);
        }
        while ((n = weir_peer_send(s->peer[i], s->now, (struct weir_mspan){ out, sizeof out }, &to))
               != 0) {
            carry(s, i, &to, out, n);
        }
        while (!s->is_deaf[i] && weir_peer_event(s->peer[i], s->now, &e)) {
            take_event(s, i, &e);
        }
    }
}

void sim_send_rtp(struct sim *s, int from, uint32_t number)
{
    sim_send_rtp_in(s, from, 0, number);
}

void sim_send_rtp_in(struct sim *s, int from, uint8_t section, uint32_t number)
{
    uint8_t payload[500], out[1500];
    struct weir_rtp_header h = { .payload_type = weir_peer_media_at(s->peer[from], section)->codec[0].payload_type,
                                 .seq = (uint16_t)number, .timestamp = number * 900,
                                 .payload = { payload, sizeof payload } };
    struct weir_path to;
    size_t n;
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = pattern(i + h.seq);
    }
    assert_int_equal(weir_peer_write_rtp(s->peer[from], s->now, section, &h,
                                         (struct weir_mspan){ out, sizeof out }, &n, &to), WEIR_OK);
    carry(s, from, &to, out, n);
}

bool sim_is_open(const struct sim *s)
{
    return s->opened[0] != 0 && s->opened[1] != 0;
}

static int first_on_wire(const struct sim *s)
{
    int first = -1;
    for (unsigned i = 0; i < s->in_flight; i++) {
        const struct sim_packet *p = &s->wire[i];
        if (first < 0 || p->at < s->wire[first].at
            || (p->at == s->wire[first].at && p->order < s->wire[first].order)) {
            first = (int)i;
        }
    }
    return first;
}

static void deliver(struct sim *s, int at)
{
    struct sim_packet p = s->wire[at];
    s->wire[at] = s->wire[--s->in_flight];
    struct weir_packet k = { .data = p.data, .len = p.bytes, .at = s->now,
                             .path = { s->addr[p.to], p.from } };
    struct weir_event e;
    (void)weir_peer_recv(s->peer[p.to], s->now, &k);
    while (!s->is_deaf[p.to] && weir_peer_event(s->peer[p.to], s->now, &e)) {
        take_event(s, p.to, &e);
    }
    free(p.data);
}

/* A deadline that neither a tick nor sending clears would have a real loop spin: fails the test. */
static void watch_for_spin(struct sim *s, struct spin *spin)
{
    bool is_idle = spin->now == s->now && spin->sent == s->sent && spin->in_flight == s->in_flight
                   && spin->events == s->events;
    spin->turns = is_idle ? spin->turns + 1 : 0;
    spin->now = s->now;
    spin->sent = s->sent;
    spin->in_flight = s->in_flight;
    spin->events = s->events;
    assert_true(spin->turns < SPIN_TURNS);
}

void sim_run(struct sim *s, weir_time until, bool until_open)
{
    struct spin spin = { .turns = 0 };
    for (;;) {
        drain(s);
        watch_for_spin(s, &spin);
        if (until_open && sim_is_open(s)) {
            return;
        }
        weir_time next = weir_time_min(weir_peer_deadline(s->peer[0]), weir_peer_deadline(s->peer[1]));
        int first = first_on_wire(s);
        if (first >= 0) {
            next = weir_time_min(next, s->wire[first].at);
        }
        if (next > until) {
            s->now = until;
            return;
        }
        s->now = next > s->now ? next : s->now;
        if (first >= 0 && s->wire[first].at <= s->now) {
            deliver(s, first);
        }
        for (int i = 0; i < 2; i++) {
            if (weir_peer_deadline(s->peer[i]) <= s->now) {
                weir_peer_tick(s->peer[i], s->now);
            }
        }
    }
}
