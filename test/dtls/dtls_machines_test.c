/* The small machines beside the handshake, each as it is drawn in dtls/README.md: in every state everything
 * that may happen, and the state after it. */
#include "test/dtls/dtls13_sim.h"

/* Two ends that are connected, with nothing on the way and nothing owed. */
static void connect_both(struct sim *s)
{
    struct weir_dtls_config config[2] = { sim_config(CLIENT, 8100), sim_config(SERVER, 8101) };
    for (unsigned who = 0; who < 2; who++) {
        config[who].has_cid = true;
        config[who].cid_bytes = 3;
        config[who].rto = 400 * WEIR_MS;
    }
    sim_init(s, &config[CLIENT], &config[SERVER]);
    assert_true(sim_connect(s, WEIR_SEC));
    sim_run(s, WEIR_SEC);
    for (unsigned who = 0; who < 2; who++) { /* the handshake's went back, another one is had */
        assert_false(weir_dtls_has_block(&s->end[who].d));
        assert_true(weir_dtls_lease(&s->end[who].d, s->now));
    }
}

/* A message after the handshake, to its handler. */
static struct dtls_next tell(struct weir_dtls *d, dtls_handler *handler, uint16_t type,
                             struct weir_span body)
{
    const struct dtls_message m = { type, body };
    return handler(d, 1000 * WEIR_SEC, &m);
}

/* -- Acknowledgement --------------------------------------------------------------------------- */

enum { PIECE, HANDLED, HANDLED_WITH_GAP, HANDLED_AFTER, UNREAD, EARLY, TIME, ANSWERED, SENT, ACK_INPUTS };

static const weir_time ack_time = 1000 * WEIR_SEC;

/* A message ahead of its turn. */
static void make_gap(struct weir_dtls *d, uint32_t bytes)
{
    static const uint8_t byte = 1;
    struct dtls_fragment f = { .type = MESSAGE_FINISHED, .seq = (uint16_t)(weir_dtls_peer_seq(d) + 1),
                               .length = bytes, .bytes = { &byte, 1 } };
    assert_int_equal(weir_dtls_reassembly_add(&hs_of(d)->reassembly, &f, false), WEIR_DTLS_OK);
}

static size_t ack_input(struct weir_dtls *d, unsigned input)
{
    const struct dtls_record r = { .epoch = EPOCH_HANDSHAKE, .seq = 7, .is_unified = true };
    uint8_t out[1500];
    switch (input) {
    case PIECE:
        weir_dtls_ack_piece(d, ack_time, &r);
        break;
    case HANDLED_WITH_GAP:
        make_gap(d, 8);
        weir_dtls_ack_handled(d, ack_time, &r, false);
        break;
    case HANDLED:
        weir_dtls_ack_handled(d, ack_time, &r, false);
        break;
    case HANDLED_AFTER:
        weir_dtls_ack_handled(d, ack_time, &r, true);
        break;
    case UNREAD:
        weir_dtls_ack_unread(d, ack_time);
        break;
    case EARLY:
        weir_dtls_tick(d, ack_time + d->config.rto / 4 - 2);
        break;
    case TIME:
        weir_dtls_tick(d, ack_time + d->config.rto / 4);
        break;
    case ANSWERED:
        weir_dtls_ack_reset(d);
        break;
    default:
        return weir_dtls_ack_send(d, (struct weir_mspan){ out, sizeof out });
    }
    return 0;
}

/* The server of a handshake, before the client's certificate. */
static void wait_for_certificate(struct sim_whole *w)
{
    struct sim s;
    struct weir_dtls_config config[2] = { sim_config(CLIENT, 8102), sim_config(SERVER, 8103) };
    config[SERVER].rto = 400 * WEIR_MS;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    sim_start(&s);
    while (s.end[SERVER].d.step != STEP_SERVER13_WAIT_CERTIFICATE) {
        assert_true(sim_step(&s, s.now + WEIR_SEC));
    }
    struct weir_dtls *d = sim_snap(w, &s.end[SERVER].d);
    sim_free(&s);
    weir_dtls_flight_done(d); /* so that ACKs alone have a timer */
    weir_dtls_ack_reset(d);
}

static void acks_are_told_as_drawn(void **state)
{
    (void)state;
    enum { I = ACK_IDLE, S = ACK_SOON, D = ACK_DUE };
    static const uint8_t then[3][ACK_INPUTS] = {
        [I] = { S, S, D, D, S, I, I, I, I },
        [S] = { S, S, D, D, S, S, D, I, S },
        [D] = { D, D, D, D, D, D, D, I, I },
    };
    static struct sim_whole waiting, w;
    wait_for_certificate(&waiting);
    for (unsigned cell = 0; cell < 3 * ACK_INPUTS; cell++) {
        unsigned from = cell / ACK_INPUTS, input = cell % ACK_INPUTS;
        sim_snap(&w, &waiting.d);
        hs_of(&w.d)->ack.state = (uint8_t)from;
        hs_of(&w.d)->ack.at = from == ACK_SOON ? ack_time + w.d.config.rto / 4 - 1 : WEIR_NEVER;
        size_t n = ack_input(&w.d, input);
        if (hs_of(&w.d)->ack.state != then[from][input]) {
            fail_msg("state %u, input %u: then %u", from, input, hs_of(&w.d)->ack.state);
        }
        assert_int_equal(n != 0, from == ACK_DUE && input == SENT);
        /* The timer begins with the first part, and no later one puts it off. */
        weir_time at = hs_of(&w.d)->ack.state != ACK_SOON ? WEIR_NEVER
                                               : ack_time + w.d.config.rto / 4 - (from == ACK_SOON ? 1 : 0);
        assert_int_equal(hs_of(&w.d)->ack.at, at);
        assert_int_equal(weir_dtls_deadline(&w.d), weir_time_min(at, w.d.give_up_at));
        bool is_noted = input == PIECE || input == HANDLED || input == HANDLED_WITH_GAP
                        || input == HANDLED_AFTER;
        assert_int_equal(hs_of(&w.d)->ack.count, is_noted);
    }
}

static void an_ack_of_what_may_be_given_up_is_none(void **state)
{
    (void)state;
    static struct sim_whole w;
    wait_for_certificate(&w);
    make_gap(&w.d, WEIR_DTLS_REASSEMBLY_BYTES / 4 + 8);
    (void)ack_input(&w.d, HANDLED);
    assert_int_equal(hs_of(&w.d)->ack.count, 0);
    assert_int_equal(hs_of(&w.d)->ack.state, ACK_IDLE);
}

static void a_client_answers_the_handshake_with_its_flight(void **state)
{
    (void)state;
    struct sim s;
    connect_both(&s);
    for (unsigned who = 0; who < 2; who++) {
        struct weir_dtls *d = &s.end[who].d;
        (void)ack_input(d, HANDLED); /* of epoch 2 */
        assert_int_equal(hs_of(d)->ack.state, who == CLIENT ? ACK_IDLE : ACK_DUE);
        assert_int_equal(hs_of(d)->ack.count, who == CLIENT ? 0 : 1);
    }
    const struct dtls_record r = { .epoch = EPOCH_APPLICATION, .seq = 9, .is_unified = true };
    weir_dtls_ack_handled(&s.end[CLIENT].d, ack_time, &r, true);
    assert_int_equal(hs_of(&s.end[CLIENT].d)->ack.state, ACK_DUE);
    sim_free(&s);
}

/* What the peer reads of an ACK: numbers of records, their epoch alone in the upper half. */
static size_t read_ack(const struct weir_dtls *from, uint8_t *record, size_t n, uint64_t *first,
                       uint64_t *last)
{
    static struct weir_dtls to; /* its keys alone are used */
    to = *from;
    to.rx = from->tx;
    to.rx.window = (struct weir_dtls_window){ 0 };
    to.config.cid_bytes = from->cid.tx_bytes;
    memcpy(to.config.cid, from->cid.tx, from->cid.tx_bytes);
    struct weir_mspan datagram = { record, n };
    struct dtls_record r;
    assert_int_equal(weir_dtls13_record_take(&datagram, weir_dtls_rx_cid(&to), &r), WEIR_DTLS_OK);
    assert_int_equal(weir_dtls13_record_open(&to, &to.rx, &r), WEIR_DTLS_OK);
    assert_int_equal(r.type, CONTENT_ACK);
    assert_true(r.body.n >= 2 && weir_be16(r.body.p) == r.body.n - 2 && r.body.n % 16 == 2);
    size_t count = r.body.n / 16;
    if (count != 0) {
        *first = weir_be64(r.body.p + 2) << 32 | weir_be64(r.body.p + 10);
        *last = weir_be64(r.body.p + r.body.n - 16) << 32 | weir_be64(r.body.p + r.body.n - 8);
    }
    return count;
}

/* The newest records that fit; and in a handshake the list stays, as its next ACK may be the one that
 * arrives. */
static void an_ack_has_what_fits(void **state)
{
    (void)state;
    struct sim s;
    connect_both(&s);
    for (size_t room = 0; room < 700; room++) {
        static struct sim_whole w;
        uint8_t out[1500] = { 0 };
        uint64_t first = 0, last = 0;
        sim_snap(&w, &s.end[room % 2].d);
        w.d.config.mtu = room % 3 == 0 ? 300 : w.d.config.mtu;
        w.d.step = room % 5 == 0 ? STEP_SERVER13_WAIT_CERTIFICATE : STEP_DONE;
        for (uint64_t i = 0; i < WEIR_DTLS_ACK_RECORDS; i++) {
            const struct dtls_record r = { .epoch = 2 + i % 2, .seq = 100 - i };
            weir_dtls_ack_piece(&w.d, ack_time, &r);
        }
        hs_of(&w.d)->ack.state = ACK_DUE;
        size_t bound = room < w.d.config.mtu ? room : w.d.config.mtu;
        size_t around = weir_dtls_overhead(&w.d) + 2, fit = bound < around ? 0 : (bound - around) / 16;
        size_t want = fit < WEIR_DTLS_ACK_RECORDS ? fit : WEIR_DTLS_ACK_RECORDS;
        size_t n = weir_dtls_ack_send(&w.d, (struct weir_mspan){ out, room });
        assert_int_equal(n, bound < around ? 0 : around + 16 * want);
        assert_int_equal(hs_of(&w.d)->ack.state, n == 0 ? ACK_DUE : ACK_IDLE);
        assert_int_equal(hs_of(&w.d)->ack.count, n == 0 || w.d.step != STEP_DONE ? WEIR_DTLS_ACK_RECORDS : 0);
        if (n != 0) {
            assert_int_equal(read_ack(&w.d, out, n, &first, &last), want);
        }
        if (want != 0) { /* 70, 72, .. 100 of epoch 2, then 69, 71, .. 99 of epoch 3 */
            size_t at = WEIR_DTLS_ACK_RECORDS - want;
            assert_int_equal(first, at < 16 ? (uint64_t)2 << 32 | (70 + 2 * at)
                                            : (uint64_t)3 << 32 | (69 + 2 * (at - 16)));
            assert_int_equal(last, (uint64_t)3 << 32 | 99);
        }
    }
    sim_free(&s);
}

/* A full list gives up its oldest for what is newer, and nothing for what is older. */
static void a_full_list_keeps_the_newest(void **state)
{
    (void)state;
    static struct sim_whole w;
    struct weir_dtls_config config = sim_config(CLIENT, 8104);
    config.rto = 400 * WEIR_MS;
    assert_true(weir_dtls_lease(sim_alone(&w, &config, 0), 0));
    for (uint64_t i = 0; i < WEIR_DTLS_ACK_RECORDS; i++) {
        const struct dtls_record r = { .epoch = 3, .seq = 10 + 2 * i };
        weir_dtls_ack_piece(&w.d, 0, &r);
    }
    enum { NOWHERE = 99 };
    static const struct { uint64_t epoch, seq, first, at; } row[] = {
        { 3, 9, 10, NOWHERE }, { 2, 500, 10, NOWHERE }, { 3, 10, 10, 0 },
        { 3, 11, 11, 0 }, { 3, 72, 11, 31 }, { 3, 74, 12, 31 },
        { 3, 73, 14, 30 }, { 3, 40, 14, 13 }, { 4, 1, 16, 31 },
        { 3, 99, 18, 30 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct dtls_record r = { .epoch = row[i].epoch, .seq = row[i].seq };
        weir_dtls_ack_piece(&w.d, 0, &r);
        weir_dtls_ack_piece(&w.d, 0, &r); /* again: it is there */
        assert_int_equal(hs_of(&w.d)->ack.count, WEIR_DTLS_ACK_RECORDS);
        assert_int_equal(hs_of(&w.d)->ack.at, 100 * WEIR_MS); /* what is behind the list is not part of it */
        assert_int_equal(hs_of(&w.d)->ack.record[0].seq, row[i].first);
        uint64_t at = NOWHERE;
        for (unsigned k = 0; k < WEIR_DTLS_ACK_RECORDS; k++) {
            const struct weir_dtls_number *n = &hs_of(&w.d)->ack.record[k];
            bool is_it = n->epoch == row[i].epoch && n->seq == row[i].seq;
            assert_true(!is_it || at == NOWHERE); /* once */
            at = is_it ? k : at;
        }
        assert_int_equal(at, row[i].at);
    }
    for (unsigned k = 1; k < WEIR_DTLS_ACK_RECORDS; k++) {
        const struct weir_dtls_number *a = &w.block.ack.record[k - 1], *b = &w.block.ack.record[k];
        assert_true(a->epoch < b->epoch || (a->epoch == b->epoch && a->seq < b->seq));
    }
}

/* -- KeyUpdate --------------------------------------------------------------------------------- */

enum {
    OWE,
    OWE_ASKING,
    OWE_WITHOUT_NUMBERS,
    WRITE,
    WRITE_LATER,
    ARRIVED,
    STOP,
    LIMIT,
    BELOW_LIMIT,
    UPDATE_INPUTS
};

static void update_input(struct weir_dtls *d, unsigned input)
{
    switch (input) {
    case OWE:
        weir_dtls13_update_owe(d, false);
        break;
    case OWE_ASKING:
        weir_dtls13_update_owe(d, true);
        break;
    case OWE_WITHOUT_NUMBERS:
        d->message_seq = UINT16_MAX;
        weir_dtls13_update_owe(d, true);
        break;
    case WRITE:
        weir_dtls13_write_key_update(d, 1000 * WEIR_SEC);
        break;
    case WRITE_LATER:
        hs_of(d)->flight.used = 16;
        weir_dtls13_write_key_update(d, 1000 * WEIR_SEC);
        assert_int_equal(hs_of(d)->flight.used, 16);
        break;
    case ARRIVED:
        assert_true(weir_dtls13_update_arrived(d));
        break;
    case STOP:
        weir_dtls13_update_stop(d);
        break;
    default:
        d->tx.seq = GCM_RECORDS_MAX / 2 - (input == LIMIT ? 0 : 1);
        weir_dtls13_watch_limits(d);
        break;
    }
}

static void keys_are_renewed_as_drawn(void **state)
{
    (void)state;
    enum { I = UPDATE_IDLE, O = UPDATE_OWED, S = UPDATE_SENT, A = UPDATE_SENT_AGAIN };
    static const uint8_t then[4][UPDATE_INPUTS] = {
        [I] = { O, O, I, I, I, I, I, O, I },
        [O] = { O, O, O, S, O, O, I, O, O },
        [S] = { A, A, S, S, S, I, I, S, S },
        [A] = { A, A, A, A, A, O, I, A, A },
    };
    static struct sim_whole w;
    struct sim s;
    connect_both(&s);
    for (unsigned cell = 0; cell < 4 * UPDATE_INPUTS * 2; cell++) {
        unsigned from = cell / 2 / UPDATE_INPUTS, input = cell / 2 % UPDATE_INPUTS;
        bool had_asked = cell % 2 != 0 && (from == O || from == A);
        sim_snap(&w, &s.end[CLIENT].d);
        w.d.update.state = (uint8_t)from;
        w.d.update.asks_peer = had_asked;
        uint64_t epoch = w.d.tx_epoch;
        update_input(&w.d, input);
        if (w.d.update.state != then[from][input]) {
            fail_msg("state %u, input %u: then %u", from, input, w.d.update.state);
        }
        bool is_written = input == WRITE && from == O,
             is_new = input == ARRIVED && (from == S || from == A);
        assert_int_equal(w.d.tx_epoch, epoch + is_new);
        assert_int_equal(w.d.tx.epoch, w.d.tx_epoch);
        assert_int_equal(w.d.update.asks_peer,
                         input == OWE_ASKING || (had_asked && !is_written && input != STOP));
        assert_int_equal(w.d.give_up_at, is_written ? 1000 * WEIR_SEC + w.d.config.give_up : WEIR_NEVER);
        assert_int_equal(hs_of(&w.d)->flight.used, is_written ? 17 : input == WRITE_LATER ? 16 : 0);
        if (is_written) {
            assert_true(hs_of(&w.d)->flight.is_timed);
            assert_int_equal(hs_of(&w.d)->flight.bytes[4], MESSAGE_KEY_UPDATE);
            assert_int_equal(hs_of(&w.d)->flight.bytes[16], had_asked);
        }
    }
    sim_free(&s);
}

/* A peer's KeyUpdate: its keys follow, and ours if it asks. */
static void a_key_update_of_the_peer_is_followed(void **state)
{
    (void)state;
    static const struct { const char *body; enum weir_dtls_verdict verdict; uint8_t then; } row[] = {
        { "00", WEIR_DTLS_OK, UPDATE_IDLE },               { "01", WEIR_DTLS_OK, UPDATE_OWED },
        { "02", WEIR_DTLS_UPDATE_MALFORMED, UPDATE_IDLE }, { "", WEIR_DTLS_UPDATE_MALFORMED, UPDATE_IDLE },
        { "0001", WEIR_DTLS_UPDATE_MALFORMED, UPDATE_IDLE },
    };
    struct sim s;
    struct weir_dtls_keys first;
    connect_both(&s);
    first = *weir_dtls13_old_keys(&s.end[SERVER].d, &first);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        static struct sim_whole w;
        uint8_t body[4];
        sim_snap(&w, &s.end[SERVER].d);
        struct weir_dtls_keys before = w.d.rx;
        size_t n = test_unhex(row[i].body, body, sizeof body);
        struct dtls_next next = tell(&w.d, weir_dtls13_key_update, MESSAGE_KEY_UPDATE, weir_span_of(body, n));
        assert_int_equal(next.verdict, row[i].verdict);
        assert_int_equal(w.d.update.state, row[i].then);
        assert_false(w.d.update.asks_peer);
        bool is_followed = next.verdict == WEIR_DTLS_OK;
        assert_int_equal(next.step, is_followed ? STEP_DONE : STEP_COUNT);
        assert_int_equal(w.d.rx_epoch, EPOCH_APPLICATION + is_followed);
        assert_int_equal(w.d.rx.epoch, w.d.rx_epoch);
        assert_int_equal(w.d.old.epoch, EPOCH_HANDSHAKE + is_followed);
        struct weir_dtls_keys room; /* the same whether a block has them or they are made again */
        assert_memory_equal(weir_dtls13_old_keys(&w.d, &room)->iv, is_followed ? before.iv : first.iv, 12);
        weir_dtls_put_block(&w.d);
        assert_memory_equal(weir_dtls13_old_keys(&w.d, &room)->iv, is_followed ? before.iv : first.iv, 12);
        assert_int_equal(w.d.old.until,
                         is_followed ? 1000 * WEIR_SEC + OLD_KEYS_LIFE : s.end[SERVER].d.old.until);
    }
    sim_free(&s);
}

/* -- Connection ids ---------------------------------------------------------------------------- */

static void connection_ids_are_asked_for_as_drawn(void **state)
{
    (void)state;
    enum { REQUEST, WRITE_ID, WRITE_ID_LATER, WRITE_WITHOUT_NUMBERS, OVER, INPUTS };
    enum { N = CID_NONE, G = CID_AGREED, R = CID_REQUESTED };
    static const uint8_t then[3][INPUTS] = {
        [N] = { N, N, N, N, N }, [G] = { R, G, G, G, G }, [R] = { R, G, R, R, G }
    };
    static struct sim_whole w;
    struct sim s;
    connect_both(&s);
    assert_int_equal(s.end[CLIENT].d.cid.state, CID_AGREED);
    for (unsigned cell = 0; cell < 3 * INPUTS; cell++) {
        unsigned from = cell / INPUTS, input = cell % INPUTS;
        sim_snap(&w, &s.end[CLIENT].d);
        w.d.cid.state = (uint8_t)from;
        hs_of(&w.d)->flight.used = input == WRITE_ID_LATER ? 16 : 0;
        w.d.message_seq = input == WRITE_WITHOUT_NUMBERS ? UINT16_MAX : w.d.message_seq;
        if (input == REQUEST) {
            struct dtls_next next = tell(&w.d, weir_dtls_request_connection_id, MESSAGE_REQUEST_CONNECTION_ID,
                                         WEIR_LIT("\2"));
            assert_int_equal(next.verdict, from == N ? WEIR_DTLS_UNEXPECTED : WEIR_DTLS_OK);
        } else if (input == OVER) {
            weir_dtls_cid_stop(&w.d);
        } else {
            weir_dtls_write_new_connection_id(&w.d, 1000 * WEIR_SEC);
        }
        if (w.d.cid.state != then[from][input]) {
            fail_msg("state %u, input %u: then %u", from, input, w.d.cid.state);
        }
        bool is_written = from == R && input == WRITE_ID;
        assert_int_equal(hs_of(&w.d)->flight.used, is_written ? 19 : input == WRITE_ID_LATER ? 16 : 0);
        assert_int_equal(w.d.give_up_at, is_written ? 1000 * WEIR_SEC + w.d.config.give_up : WEIR_NEVER);
        assert_int_equal(weir_dtls_has_cid(&w.d), from != N);
        if (is_written) {
            assert_true(hs_of(&w.d)->flight.is_timed);
            assert_memory_equal(hs_of(&w.d)->flight.bytes + 16, "\0\0\1", 3); /* none, cid_spare */
        }
    }
    sim_free(&s);
}

/* -- Paths ------------------------------------------------------------------------------------- */

enum { HERE = 1, THERE = 5, ELSEWHERE = 6 };

static void hear_by(struct weir_dtls *d, uint32_t path, size_t bytes)
{
    const struct dtls_record r = { .has_cid = true, .is_newest = true, .whole = bytes };
    weir_dtls_rrc_heard_by(d, path);
    weir_dtls_rrc_note(d, 1000 * WEIR_SEC, &r);
}

/* With which kind is a challenge by this path answered? */
static uint8_t answer_by(struct weir_dtls *d, uint32_t path)
{
    uint8_t body[9] = { 0 };
    const struct dtls_record r = { .body = { body, sizeof body } };
    weir_dtls_rrc_heard_by(d, path);
    assert_int_equal(weir_dtls_rrc_recv(d, 1000 * WEIR_SEC, &r), WEIR_DTLS_OK);
    return d->rrc.answer[d->rrc.answers - 1].type;
}

static void owe_paths(struct weir_dtls *d)
{
    weir_dtls_owe(d, WEIR_DTLS_EVENT_MOVED);
    weir_dtls_owe(d, WEIR_DTLS_EVENT_SEEN);
}

static void a_check_of_a_path_counts_what_comes_by_it(void **state)
{
    (void)state;
    static struct sim_whole w;
    struct sim s;
    uint8_t out[200];
    uint32_t path;
    connect_both(&s);
    sim_snap(&w, &s.end[CLIENT].d);
    weir_dtls_rrc_agree(&w.d, true);
    assert_false(weir_dtls_has_rrc(&w.d)); /* the config does not want it */
    w.d.config.rrc = WEIR_DTLS_RRC_BASIC;
    weir_dtls_rrc_agree(&w.d, false);
    assert_false(weir_dtls_has_rrc(&w.d)); /* the peer does not */
    weir_dtls_rrc_agree(&w.d, true);
    assert_true(weir_dtls_has_rrc(&w.d));
    w.d.rrc.in_use = HERE;
    hear_by(&w.d, THERE, 20);
    assert_int_equal(w.d.rrc.state, RRC_NEW);
    assert_int_equal(w.d.rrc.rx_bytes, 20);
    assert_int_equal(w.d.rrc.tx_bytes, 0);
    hear_by(&w.d, THERE, 7);
    hear_by(&w.d, ELSEWHERE, 100);
    hear_by(&w.d, HERE, 100);
    assert_int_equal(w.d.rrc.rx_bytes, 27);
    assert_int_equal(w.d.rrc.checked, THERE);
    /* [RFC 9853 5 MUST] Three times as much, to the byte. */
    size_t n = weir_dtls_overhead(&w.d) + 9;
    w.d.rrc.tx_bytes = (uint32_t)(81 - n + 1);
    assert_int_equal(weir_dtls_rrc_send(&w.d, 1000 * WEIR_SEC, (struct weir_mspan){ out, sizeof out }, &path),
                     0);
    w.d.rrc.tx_bytes--;
    assert_int_equal(weir_dtls_rrc_send(&w.d, 1000 * WEIR_SEC, (struct weir_mspan){ out, sizeof out }, &path),
                     n);
    assert_int_equal(path, THERE);
    assert_int_equal(w.d.rrc.tx_bytes, 81);
    sim_free(&s);
}

static void who_moves_forgets_what_was_told_of_paths(void **state)
{
    (void)state;
    static struct sim_whole w;
    struct sim s;
    connect_both(&s);
    sim_snap(&w, &s.end[CLIENT].d);
    w.d.config.rrc = WEIR_DTLS_RRC_ENHANCED;
    weir_dtls_rrc_agree(&w.d, true);
    w.d.rrc.in_use = HERE;
    hear_by(&w.d, THERE, 20);
    assert_int_equal(w.d.rrc.state, RRC_OLD);
    owe_paths(&w.d);
    weir_dtls_set_path(&w.d, THERE);
    assert_int_equal(w.d.events, 0);
    assert_int_equal(w.d.rrc.state, RRC_IDLE);
    assert_int_equal(w.d.rrc.end_at, WEIR_NEVER);
    assert_int_equal(answer_by(&w.d, HERE), 2); /* path_drop: where we were */
    assert_int_equal(answer_by(&w.d, THERE), 1);
    assert_int_equal(answer_by(&w.d, ELSEWHERE), 1);
    owe_paths(&w.d);
    weir_dtls_rrc_stop(&w.d);
    assert_int_equal(w.d.events, 0);
    assert_int_equal(w.d.rrc.answers, 0);
    sim_free(&s);
}

/* -- Sessions ---------------------------------------------------------------------------------- */

static void a_session_comes_and_goes_as_drawn(void **state)
{
    (void)state;
    enum { PROMISED, NOT_PROMISED, COMPLETE, TICKET, TAKE, OVER, INPUTS };
    enum { N = SESSION_NONE, A = SESSION_AWAITED, R = SESSION_READY };
    static const uint8_t then[3][INPUTS] = {
        [N] = { A, N, N, N, N, N }, [A] = { A, A, A, R, A, N }, [R] = { A, R, N, R, N, N }
    };
    static const uint8_t ticket[] = { 0, 0, 1, 0, 9, 9, 9, 9, 1, 5, 0, 2, 'a', 'b', 0, 0 };
    static const struct weir_dtls_session none;
    static struct sim_whole w;
    static struct weir_dtls_session out;
    struct sim s;
    connect_both(&s);
    for (unsigned cell = 0; cell < 3 * INPUTS; cell++) {
        unsigned from = cell / INPUTS, input = cell % INPUTS;
        bool is_taken = false;
        sim_snap(&w, &s.end[CLIENT].d);
        w.d.resumption.state = (uint8_t)from;
        hs_of(&w.d)->session.suite = from == N ? 0 : w.d.suite;
        hs_of(&w.d)->session.ticket_bytes = from == R ? 5 : 0;
        w.d.resumption.proven_s = 1;
        if (from == R) {
            weir_dtls_owe(&w.d, WEIR_DTLS_EVENT_SESSION);
        }
        switch (input) {
        case PROMISED:
        case NOT_PROMISED:
            exchange_of(&w.d)->expects_ticket = input == PROMISED;
            weir_dtls_transcript_begin(&w.d);
            weir_dtls13_expect_ticket(&w.d, 1000 * WEIR_SEC);
            break;
        case COMPLETE:
            weir_dtls13_session_complete(&w.d);
            break;
        case TICKET:
            assert_int_equal(tell(&w.d, weir_dtls13_new_session_ticket, MESSAGE_NEW_SESSION_TICKET,
                                  weir_span_of(ticket, sizeof ticket)).verdict, WEIR_DTLS_OK);
            break;
        case TAKE:
            is_taken = weir_dtls_take_session(&w.d, &out);
            break;
        default:
            weir_dtls13_session_stop(&w.d);
            break;
        }
        if (w.d.resumption.state != then[from][input]) {
            fail_msg("state %u, input %u: then %u", from, input, w.d.resumption.state);
        }
        assert_int_equal(is_taken, from == R && input == TAKE);
        /* Told once, and not of one that is gone. */
        bool is_told = (w.d.events >> WEIR_DTLS_EVENT_SESSION & 1) != 0;
        assert_int_equal(is_told, w.d.resumption.state == R || (from == R && input == PROMISED));
        if (then[from][input] == N && input != NOT_PROMISED && input != TICKET
            && !(input == TAKE && from == N)) {
            assert_memory_equal(&hs_of(&w.d)->session, &none, sizeof none);
        }
        if (input == TICKET && from != N) { /* the first one is kept */
            assert_int_equal(hs_of(&w.d)->session.ticket_bytes, from == A ? 2 : 5);
        }
    }
    sim_free(&s);
}

/* -- Keys of the epoch before ------------------------------------------------------------------ */

static void old_keys_end_as_said(void **state)
{
    (void)state;
    struct sim s;
    connect_both(&s);
    for (unsigned who = 0; who < 2; who++) {
        struct weir_dtls *d = &s.end[who].d;
        assert_false(hs_of(d)->old_tx.is_ready); /* all of it was acknowledged, or answered */
        assert_true(d->old.is_ready);
        weir_time until = d->old.until;
        assert_true(until != WEIR_NEVER);
        weir_dtls13_old_arrived(d, until - 5); /* what is acknowledged later puts nothing off */
        assert_int_equal(d->old.until, until);
        weir_dtls13_old_tick(d, until - 1);
        assert_true(d->old.is_ready);
        weir_dtls13_old_tick(d, until);
        assert_false(d->old.is_ready);
        assert_int_equal(d->old.until, WEIR_NEVER);
        weir_dtls13_old_arrived(d, until); /* nothing is there whose end could be set */
        assert_int_equal(d->old.until, WEIR_NEVER);
    }
    sim_free(&s);
}

/* -- Events ------------------------------------------------------------------------------------ */

static void events_are_told_once_and_in_order(void **state)
{
    (void)state;
    static const uint8_t order[] = { WEIR_DTLS_EVENT_CONNECTED, WEIR_DTLS_EVENT_SESSION,
                                     WEIR_DTLS_EVENT_CLOSED,    WEIR_DTLS_EVENT_FAILED,
                                     WEIR_DTLS_EVENT_MOVED,     WEIR_DTLS_EVENT_SEEN };
    struct weir_dtls_event event;
    static struct sim_whole w;
    for (unsigned set = 0; set < 1u << 6; set++) {
        for (int is_connected = 0; is_connected < 2; is_connected++) {
            w.d.state = is_connected ? WEIR_DTLS_CONNECTED : WEIR_DTLS_FAILED;
            w.d.reason = WEIR_DTLS_REASON_ALERT;
            w.d.rrc.in_use = 3;
            w.d.rrc.seen = 4;
            w.d.events = 0;
            for (unsigned i = 0; i < 6; i++) {
                weir_dtls_owe(&w.d, WEIR_DTLS_EVENT_CLOSED);
                if ((set >> i & 1) != 0) {
                    weir_dtls_owe(&w.d, (enum weir_dtls_event_type)order[i]);
                }
            }
            if ((set & 4) == 0) {
                weir_dtls_owe_not(&w.d, WEIR_DTLS_EVENT_CLOSED);
            }
            for (unsigned i = 0; i < 6; i++) {
                if ((set >> i & 1) == 0 || (order[i] == WEIR_DTLS_EVENT_SESSION && !is_connected)) {
                    continue;
                }
                assert_true(weir_dtls_event(&w.d, &event));
                assert_int_equal(event.type, order[i]);
                assert_int_equal(event.path, order[i] == WEIR_DTLS_EVENT_MOVED  ? 3
                                             : order[i] == WEIR_DTLS_EVENT_SEEN ? 4 : 0);
                assert_int_equal(event.reason, order[i] == WEIR_DTLS_EVENT_FAILED && !is_connected
                                                   ? WEIR_DTLS_REASON_ALERT : WEIR_DTLS_REASON_NONE);
            }
            assert_false(weir_dtls_event(&w.d, &event));
            assert_int_equal(event.type, WEIR_DTLS_EVENT_NONE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acks_are_told_as_drawn),
        cmocka_unit_test(an_ack_of_what_may_be_given_up_is_none),
        cmocka_unit_test(a_client_answers_the_handshake_with_its_flight),
        cmocka_unit_test(an_ack_has_what_fits),
        cmocka_unit_test(a_full_list_keeps_the_newest),
        cmocka_unit_test(keys_are_renewed_as_drawn),
        cmocka_unit_test(a_key_update_of_the_peer_is_followed),
        cmocka_unit_test(connection_ids_are_asked_for_as_drawn),
        cmocka_unit_test(a_check_of_a_path_counts_what_comes_by_it),
        cmocka_unit_test(who_moves_forgets_what_was_told_of_paths),
        cmocka_unit_test(a_session_comes_and_goes_as_drawn),
        cmocka_unit_test(old_keys_end_as_said),
        cmocka_unit_test(events_are_told_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
