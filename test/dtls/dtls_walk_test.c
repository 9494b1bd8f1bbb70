/* Random walks beside a model. One end of DTLS meets everything that a peer and anybody on the path can do,
 * in random order: fragments of honest messages in any order and size, old ones, early ones, wrong messages,
 * ChangeCipherSpec, alerts, data, repetitions, time. The model below was written from the RFCs alone and
 * knows nothing of how the code does it; after each thing that happens both must be in the same state. At
 * the end of a walk that nothing was fatal to, the rest arrives in order, and data flows both ways. With 1.3
 * also where a session is resumed: there the peer has less to say.
 *
 *   WEIR_SEED=N   begins at another seed
 *   WEIR_WALKS=N  walks for each version and role (100)
 */
#include "test/dtls/dtls13_sim.h"

#include <stdlib.h>

/* -- The honest peer, as a list of messages ---------------------------------------------------- */

enum { MESSAGES_MAX = 8, STEPS = 150 };

struct said {
    bool is_known;
    uint8_t epoch;
    size_t n;             /* of the body */
    uint8_t head[4];      /* type and length */
    uint8_t body[2048];
};

/* -- The model --------------------------------------------------------------------------------- */

struct model {
    bool is_13, is_client; /* the end that is walked */
    unsigned total;        /* messages that the peer has to say */
    unsigned next;         /* those before it have arrived whole */
    uint8_t epoch;         /* under which the next one must come */
    bool has_ccs;
    enum weir_dtls_state over; /* how it ended; NEW: it did not */
    bool has_begun[MESSAGES_MAX];
    uint8_t have[MESSAGES_MAX][2048];
    bool is_holding;       /* one record that came before its keys */
    unsigned held, held_from, held_to;
};

static bool is_whole(const struct model *m, unsigned i, size_t bytes)
{
    size_t n = 0;
    for (unsigned k = 0; k < sizeof m->have[i]; k++) {
        n += m->have[i][k];
    }
    return m->has_begun[i] && n == bytes;
}

static bool model_is_done(const struct model *m)
{
    return m->next == m->total;
}

/* [RFC 6347 4.2.2] What is next and whole is heard. [RFC 9147 6.1] From the ServerHello on, or for a server
 * from the ClientHello, 1.3 hears messages of epoch 2 alone, and of epoch 3 when all is said. */
static void model_advance(struct model *m, const struct said *list)
{
    while (m->next < m->total && list[m->next].is_known
           && list[m->next].epoch == m->epoch && is_whole(m, m->next, list[m->next].n)) {
        m->next++;
        if (m->is_13) {
            m->epoch = m->next == m->total ? 3 : 2;
        }
    }
}

static void model_fragment(struct model *m, const struct said *list, unsigned i, unsigned from, unsigned to)
{
    uint8_t epoch = list[i].epoch;
    if (m->over != WEIR_DTLS_NEW || i < m->next) {
        return;
    }
    if (epoch > m->epoch) { /* one record waits for its keys, once there is a handshake */
        bool is_begun = m->is_client || m->next != 0;
        if (!m->is_holding && is_begun) {
            m->is_holding = true;
            m->held = i;
            m->held_from = from;
            m->held_to = to;
        }
        return;
    }
    if (epoch == m->epoch) {
        m->has_begun[i] = true;
        memset(m->have[i] + from, 1, to - from);
        model_advance(m, list);
    }
    if (m->is_holding && m->epoch >= list[m->held].epoch) {
        m->is_holding = false;
        model_fragment(m, list, m->held, m->held_from, m->held_to);
    }
}

/* [RFC 5246 7.1] It has one place: before Finished, which is the last. */
static void model_ccs(struct model *m, const struct said *list)
{
    if (!m->is_13 && m->over == WEIR_DTLS_NEW && !m->has_ccs && m->next + 1 == m->total) {
        m->has_ccs = true;
        m->epoch = 1;
        if (m->is_holding) {
            m->is_holding = false;
            model_fragment(m, list, m->held, m->held_from, m->held_to);
        }
    }
}

/* A whole message that does not belong here, under the protection in force. */
static void model_wrong(struct model *m, uint8_t type)
{
    /* With 1.2 only a hello may come then, and is refused. */
    bool is_refused = !m->is_13 && model_is_done(m)
                      && type == (m->is_client ? MESSAGE_HELLO_REQUEST : MESSAGE_CLIENT_HELLO);
    /* A Finished is never without protection. */
    bool is_passed_over = type == MESSAGE_FINISHED && m->epoch == 0;
    bool awaits_hello = m->next == 0;
    /* Under protection a part of the right one that is here keeps its place. */
    bool has_begun = m->epoch != 0 && !model_is_done(m) && m->has_begun[m->next];
    if (m->over == WEIR_DTLS_NEW && !awaits_hello && !has_begun && !is_refused && !is_passed_over) {
        m->over = WEIR_DTLS_FAILED;
    }
}

static enum weir_dtls_state model_state(const struct model *m)
{
    if (m->over != WEIR_DTLS_NEW) {
        return m->over;
    }
    if (model_is_done(m)) {
        return WEIR_DTLS_CONNECTED;
    }
    return m->is_client || m->next != 0 ? WEIR_DTLS_HANDSHAKE : WEIR_DTLS_NEW;
}

/* -- The walked end and its peer --------------------------------------------------------------- */

struct walk {
    struct weir_dtls end, peer;
    struct weir_arena arena;
    struct weir_dtls_handshake block[2];
    struct model model;
    struct said said[MESSAGES_MAX];
    struct weir_rand rand;
    weir_time now;
    unsigned told[7];
    unsigned data_sent, data_got;
    bool was_connected;
    uint64_t seed;
    char what[64];
    uint8_t last[1500]; /* the last record under protection, and what of a message it carried */
    size_t last_bytes;
    unsigned last_message, last_from, last_to;
};

/* The peer's flight becomes known. That it is sent changes only the peer. */
static void listen(struct walk *w)
{
    uint8_t out[1500];
    struct weir_dtls_event event;
    while (weir_dtls_event(&w->peer, &event)) {
        assert_int_not_equal(event.type, WEIR_DTLS_EVENT_FAILED);
    }
    while (weir_dtls_send(&w->peer, w->now, (struct weir_mspan){ out, sizeof out }) != 0) {
    }
    const struct weir_dtls_flight *f = &hs_of(&w->peer)->flight;
    for (size_t at = 0; at < f->used; at += 4u + weir_be16(f->bytes + at + 2)) {
        const uint8_t *entry = f->bytes + at;
        unsigned seq = weir_be16(entry + 8);
        if (entry[0] != CONTENT_HANDSHAKE || seq >= MESSAGES_MAX || w->said[seq].is_known) {
            continue;
        }
        struct said *s = &w->said[seq];
        s->is_known = true;
        s->epoch = entry[1];
        s->n = weir_be16(entry + 2) - 12u;
        memcpy(s->head, entry + 4, 4);
        memcpy(s->body, entry + 16, s->n);
    }
}

static void answer(struct walk *w)
{
    struct weir_dtls_event event;
    uint8_t out[1500];
    size_t n;
    while (weir_dtls_event(&w->end, &event)) {
        w->told[event.type]++;
    }
    while ((n = weir_dtls_send(&w->end, w->now, (struct weir_mspan){ out, sizeof out })) != 0) {
        struct weir_mspan rest = { out, n };
        bool is_fine = w->model.over == WEIR_DTLS_NEW;
        while (rest.n != 0 && is_fine) { /* alerts of a failed end need not end the peer */
            struct weir_span plain;
            (void)weir_dtls_recv(&w->peer, w->now, &rest, &plain);
        }
    }
    listen(w);
}

static void hear(struct walk *w, const uint8_t *p, size_t n)
{
    uint8_t copy[2200];
    struct weir_mspan rest = { copy, n };
    memcpy(copy, p, n);
    while (rest.n != 0) {
        struct weir_span plain;
        (void)weir_dtls_recv(&w->end, w->now, &rest, &plain);
        w->data_got += plain.n != 0;
    }
}

/* A record of the peer's; 0 when it has no such keys (yet). */
static size_t peer_record(struct walk *w, uint8_t type, uint8_t epoch, struct weir_span content, uint8_t *out)
{
    weir_copy(out + weir_dtls_record_head(&w->peer, epoch), content.p, content.n);
    size_t n = weir_dtls_record_seal(&w->peer, epoch, (enum content_type)type, VERSION_1_2, out, content.n);
    if (n != 0 && epoch != 0 && n <= sizeof w->last) {
        memcpy(w->last, out, n);
        w->last_bytes = n;
        w->last_message = MESSAGES_MAX;
    }
    return n;
}

/* -- What may happen --------------------------------------------------------------------------- */

static unsigned below(struct walk *w, unsigned n)
{
    return n == 0 ? 0 : weir_rand_below(&w->rand, n);
}

static bool send_fragment(struct walk *w, unsigned i, unsigned from, unsigned to)
{
    const struct said *s = &w->said[i];
    uint8_t content[2100], record[2200];
    memcpy(content, s->head, 4);
    weir_put16(content + 4, (uint16_t)i);
    weir_put24(content + 6, from);
    weir_put24(content + 9, to - from);
    memcpy(content + 12, s->body + from, to - from);
    size_t n = peer_record(w, CONTENT_HANDSHAKE, s->epoch, weir_span_of(content, 12 + to - from), record);
    if (n == 0) {
        return false;
    }
    if (s->epoch != 0) {
        w->last_message = i;
        w->last_from = from;
        w->last_to = to;
    }
    hear(w, record, n);
    model_fragment(&w->model, w->said, i, from, to);
    return true;
}

static bool is_held_size(const struct said *s, unsigned from, unsigned to)
{
    return s->epoch == 0 || to - from <= WEIR_DTLS_HELD_BYTES - 64;
}

static bool any_fragment(struct walk *w, bool all)
{
    unsigned i = below(w, w->model.total);
    const struct said *s = &w->said[i];
    if (!s->is_known) {
        return false;
    }
    unsigned from = all || s->n == 0 ? 0 : below(w, (unsigned)s->n);
    unsigned to = all || s->n == 0 ? (unsigned)s->n : from + 1 + below(w, (unsigned)s->n - from);
    /* Bounds of our own: a record that waits for its keys has at most 512 bytes. */
    to = is_held_size(s, from, to) ? to : from + WEIR_DTLS_HELD_BYTES - 64;
    snprintf(w->what, sizeof w->what, "message %u, %u to %u of %zu", i, from, to, s->n);
    return send_fragment(w, i, from, to);
}

static bool next_message(struct walk *w)
{
    unsigned i = w->model.next;
    if (i >= w->model.total || !w->said[i].is_known) {
        return false;
    }
    snprintf(w->what, sizeof w->what, "message %u, the next", i);
    return send_fragment(w, i, 0, (unsigned)w->said[i].n);
}

static void ccs(struct walk *w)
{
    uint8_t record[32];
    size_t n = plain_record(record, CONTENT_CHANGE_CIPHER_SPEC, 3000, weir_span_of("\1", 1));
    hear(w, record, n);
    model_ccs(&w->model, w->said);
}

/* Whatever anybody can write without keys: it changes nothing. */
static void noise(struct walk *w)
{
    static const struct {
        uint8_t type, n, body[16];
    } row[] = {
        { CONTENT_ALERT, 2, { 2, 40 } },
        { CONTENT_ALERT, 2, { 1, 0 } },
        { CONTENT_ALERT, 2, { 255, 255 } },
        { CONTENT_ACK, 2, { 0, 0 } },
        { CONTENT_APPLICATION_DATA, 4, { 1, 2, 3, 4 } },
        { 24, 3, { 1, 0, 0 } },
        { 99, 1, { 0 } },
        { CONTENT_CHANGE_CIPHER_SPEC, 2, { 1, 1 } },
        { CONTENT_HANDSHAKE, 5, { 1, 0, 0, 9, 0 } },
    };
    unsigned i = below(w, sizeof row / sizeof row[0] + 2);
    uint8_t record[64];
    snprintf(w->what, sizeof w->what, "noise %u", i);
    if (i < sizeof row / sizeof row[0]) {
        size_t n = plain_record(record, row[i].type, 4000, weir_span_of(row[i].body, row[i].n));
        hear(w, record, n);
        return;
    }
    size_t n = 1 + below(w, sizeof record - 1);
    weir_rand_bytes(&w->rand, record, n);
    record[0] = i % 2 ? (uint8_t)(0x20 | (record[0] & 0x1f)) : record[0]; /* as of 1.3, at times */
    if (record[0] == CONTENT_CHANGE_CIPHER_SPEC || record[0] == CONTENT_HANDSHAKE) {
        record[0] = 0;
    }
    hear(w, record, n);
    if (!w->model.is_holding && weir_dtls_has_block(&w->end)) { /* it may have taken the one place for a record that came before its keys */
        hs_of(&w->end)->held_bytes = 0;
    }
}

static bool wrong_message(struct walk *w)
{
    struct model *m = &w->model;
    uint8_t type = (uint8_t)(1 + below(w, 24)), content[32], record[128];
    bool is_dropped = m->next == 0;
    size_t n = message_bytes(content, type, (uint16_t)m->next, WEIR_LIT("nonsense"));
    bool is_hello = type == (m->is_client ? MESSAGE_SERVER_HELLO : MESSAGE_CLIENT_HELLO)
                    || (m->is_client && type == MESSAGE_HELLO_VERIFY_REQUEST);
    if (is_dropped && is_hello) {
        return false; /* of two hellos the later one counts: another test's affair */
    }
    n = m->epoch == 0 ? plain_record(record, CONTENT_HANDSHAKE, 5000, weir_span_of(content, n))
                      : peer_record(w, CONTENT_HANDSHAKE, m->epoch, weir_span_of(content, n), record);
    snprintf(w->what, sizeof w->what, "wrong message %u in place %u, epoch %u", type, m->next, m->epoch);
    if (n == 0) {
        return false;
    }
    hear(w, record, n);
    model_wrong(m, type);
    return true;
}

/* Without the protection that is in force by now. */
static bool forged_message(struct walk *w)
{
    uint8_t type = (uint8_t)(1 + below(w, 24)), content[32], record[128];
    if (w->model.epoch == 0) {
        return false;
    }
    size_t n = message_bytes(content, type, (uint16_t)w->model.next, WEIR_LIT("nonsense"));
    n = plain_record(record, CONTENT_HANDSHAKE, 6000, weir_span_of(content, n));
    snprintf(w->what, sizeof w->what, "forged message %u", type);
    hear(w, record, n);
    return true;
}

static bool sealed_alert(struct walk *w)
{
    static const uint8_t alert[][2] = { { 1, 90 }, { 2, 40 }, { 1, 0 } };
    struct model *m = &w->model;
    unsigned i = below(w, 12) < 10 ? 0 : 1 + below(w, 2); /* most walks go on */
    uint8_t record[64];
    size_t n = m->epoch == 0 ? 0 : peer_record(w, CONTENT_ALERT, m->epoch, weir_span_of(alert[i], 2), record);
    snprintf(w->what, sizeof w->what, "alert %u %u", alert[i][0], alert[i][1]);
    if (n == 0) {
        return false;
    }
    hear(w, record, n);
    if (m->over == WEIR_DTLS_NEW && i != 0) {
        m->over = i == 1 ? WEIR_DTLS_FAILED : WEIR_DTLS_CLOSED;
    }
    return true;
}

static bool data(struct walk *w)
{
    uint8_t record[64];
    size_t head = weir_dtls_head_bytes(&w->peer);
    memcpy(record + head, "data", 4);
    if (!model_is_done(&w->model) || w->model.over != WEIR_DTLS_NEW) {
        return false;
    }
    size_t n = weir_dtls_seal(&w->peer, (struct weir_mspan){ record, sizeof record }, head, 4);
    snprintf(w->what, sizeof w->what, "data");
    if (n == 0) {
        return false;
    }
    hear(w, record, n);
    w->data_sent++;
    hear(w, record, n); /* and again: delivered once */
    return true;
}

static bool repeat(struct walk *w)
{
    snprintf(w->what, sizeof w->what, "the last protected record again");
    if (w->last_bytes == 0 || w->model.is_holding || w->model.epoch == 0) {
        return false;
    }
    hear(w, w->last, w->last_bytes);
    if (w->last_message < MESSAGES_MAX) { /* new to an end that had to drop it for want of keys */
        model_fragment(&w->model, w->said, w->last_message, w->last_from, w->last_to);
    }
    return true;
}

static void pass_time(struct walk *w)
{
    w->now += (1 + below(w, 30)) * WEIR_MS;
    snprintf(w->what, sizeof w->what, "time");
    weir_dtls_tick(&w->end, w->now);
}

/* -- Walking ----------------------------------------------------------------------------------- */

static void compare(struct walk *w)
{
    const struct model *m = &w->model;
    enum weir_dtls_state want = model_state(m);
    answer(w);
    w->was_connected = w->was_connected || want == WEIR_DTLS_CONNECTED;
    if (w->end.state != want || w->told[WEIR_DTLS_EVENT_CONNECTED] != w->was_connected
        || (m->over == WEIR_DTLS_NEW && weir_dtls_peer_seq(&w->end) != m->next) || w->data_got != w->data_sent
        || w->told[WEIR_DTLS_EVENT_FAILED] != (want == WEIR_DTLS_FAILED)) {
        fail_msg("WEIR_SEED=%llu, %s, %s after %s: %s, message %u; the model says %s, message %u",
                 (unsigned long long)w->seed, m->is_13 ? "1.3" : "1.2", m->is_client ? "client" : "server",
                 w->what, weir_dtls_state_name(w->end.state), weir_dtls_peer_seq(&w->end),
                 weir_dtls_state_name(want), m->next);
    }
}

static void step(struct walk *w)
{
    switch (below(w, 16)) {
    case 0:
    case 1:
    case 2:
        (void)next_message(w);
        break;
    case 3:
        ccs(w);
        snprintf(w->what, sizeof w->what, "ChangeCipherSpec");
        break;
    case 4:
        noise(w);
        break;
    case 5:
        if (below(w, 8) == 0) { /* it ends most walks */
            (void)wrong_message(w);
        }
        break;
    case 6:
        (void)forged_message(w);
        break;
    case 7:
        (void)sealed_alert(w);
        break;
    case 8:
        (void)data(w);
        break;
    case 9:
        (void)repeat(w);
        break;
    case 10:
        pass_time(w);
        break;
    case 11:
        (void)any_fragment(w, true);
        break;
    default:
        (void)any_fragment(w, false);
        break;
    }
    compare(w);
}

static void check_data_flows(struct walk *w)
{
    struct weir_dtls *from[2] = { &w->end, &w->peer }, *to[2] = { &w->peer, &w->end };
    for (int i = 0; i < 2; i++) {
        uint8_t record[64];
        size_t head = weir_dtls_head_bytes(from[i]);
        struct weir_span plain;
        memcpy(record + head, "flow", 4);
        size_t n = weir_dtls_seal(from[i], (struct weir_mspan){ record, sizeof record }, head, 4);
        struct weir_mspan rest = { record, n };
        assert_int_equal(weir_dtls_recv(to[i], w->now, &rest, &plain), WEIR_DTLS_OK);
        test_assert_bytes(plain, WEIR_LIT("flow"));
    }
}

/* For the walks that resume one: it can be used in all of them, for nobody counts. */
static const struct weir_dtls_session *session(void)
{
    static struct weir_dtls_session s;
    struct weir_dtls_config c = sim_config(CLIENT, 7), v = sim_config(SERVER, 8);
    struct sim sim;
    if (s.ticket_bytes == 0) {
        c.tickets = v.tickets = WEIR_DTLS_TICKETS_ASKED;
        v.ticket_keys = 1;
        sim_init(&sim, &c, &v);
        assert_true(sim_connect(&sim, WEIR_SEC));
        sim_run(&sim, WEIR_SEC);
        assert_true(weir_dtls_take_session(&sim.end[CLIENT].d, &s));
        sim_free(&sim);
    }
    return &s;
}

enum way { OF_12, OF_13, RESUMED, WAYS };

/* Messages that the peer has to say. */
static unsigned total_of(enum way way, bool is_client)
{
    static const unsigned total[WAYS][2] = { { 5, 6 }, { 4, 6 }, { 2, 3 } };
    return total[way][is_client];
}

/* True when the walk came to the good end. */
static bool walk(enum way way, bool is_client, uint64_t seed)
{
    bool is_13 = way != OF_12;
    static struct walk w;
    memset(&w, 0, sizeof w);
    struct weir_dtls_config c = sim_config(is_client ? CLIENT : SERVER, 1);
    struct weir_dtls_config p = sim_config(is_client ? SERVER : CLIENT, 2);
    c.version_max = p.version_max = is_13 ? WEIR_DTLS_1_3 : WEIR_DTLS_1_2;
    if (way == RESUMED) {
        struct weir_dtls_config *client = is_client ? &c : &p, *server = is_client ? &p : &c;
        client->session = session();
        server->tickets = WEIR_DTLS_TICKETS_ASKED; /* it takes one, and gives none that was not asked for */
        server->ticket_keys = 1;
    }
    w.seed = seed;
    w.now = 1000 * WEIR_SEC;
    weir_rand_init_number(&w.rand, seed);
    w.model = (struct model){ .is_13 = is_13, .is_client = is_client, .total = total_of(way, is_client) };
    weir_arena_init(&w.arena, w.block, sizeof w.block[0], 2);
    c.handshakes = p.handshakes = &w.arena;
    weir_dtls_init(&w.end, &c, w.now);
    weir_dtls_init(&w.peer, &p, w.now);
    assert_int_equal(weir_dtls_start(is_client ? &w.end : &w.peer, w.now), WEIR_OK);
    compare(&w);
    unsigned steps = below(&w, STEPS);
    for (unsigned i = 0; i < steps; i++) {
        step(&w);
    }
    while (w.model.over == WEIR_DTLS_NEW && !model_is_done(&w.model)) {
        if (!is_13 && !w.model.has_ccs && w.model.next + 1 == w.model.total) {
            ccs(&w);
        } else {
            assert_true(next_message(&w));
        }
        compare(&w);
    }
    if (w.model.over == WEIR_DTLS_NEW) {
        check_data_flows(&w);
        assert_int_equal(weir_dtls_is_resumed(&w.end), way == RESUMED);
    }
    return w.model.over == WEIR_DTLS_NEW;
}

static void walks_agree_with_the_model(void **state)
{
    (void)state;
    const char *text = getenv("WEIR_WALKS");
    uint64_t first = test_seed(1), walks = text == NULL ? 100 : strtoull(text, NULL, 10);
    for (int way = 0; way < 2 * WAYS; way++) {
        uint64_t good = 0;
        for (uint64_t i = 0; i < walks; i++) {
            good += walk((enum way)(way / 2), way % 2 != 0, first + i);
        }
        if (walks >= 100) { /* both ends are worth walking to */
            assert_in_range(good, walks / 10, walks * 9 / 10);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(walks_agree_with_the_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
