/* Payloads on checks: one agent, and a peer made of messages that are written by hand. */
#include "test/ice/ice_room.h"

#define PEER_UFRAG "peer"
#define PEER_PWD "peer-password-of-24-char"
#define BEGIN (1000 * WEIR_SEC)

struct bench {
    struct weir_ice ice;
    struct weir_ice_room room;
    weir_time now;
    struct weir_addr local, remote;
    uint8_t number;
    uint8_t out[1500]; /* what the agent sent last */
    size_t bytes;
    struct weir_stun_msg sent;
};

static struct weir_path way_in(const struct bench *b)
{
    return (struct weir_path){ b->local, b->remote };
}

/* An agent that wants payloads, with the peer's credentials; with its candidate, if checks shall go out. */
static void init_bench_of(struct bench *b, bool with_candidate, bool is_lite)
{
    struct weir_ice_config c = { .crypto = weir_crypto_default(), .seed = { 7 } };
    memset(b, 0, sizeof *b);
    b->now = BEGIN;
    b->local = weir_addr_v4(10, 0, 0, 1, 1000);
    b->remote = weir_addr_v4(10, 0, 0, 2, 2000);
    begin_in_room(&b->ice, &b->room, &c, b->now);
    weir_ice_embed_begin(&b->ice);
    assert_int_equal(weir_ice_add_host(&b->ice, b->now, &b->local, 65535), WEIR_OK);
    assert_int_equal(weir_ice_set_remote(&b->ice, b->now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD),
                                         is_lite), WEIR_OK);
    if (with_candidate) {
        struct weir_ice_candidate theirs = { .type = WEIR_ICE_HOST, .component = 1, .priority = 1 << 24,
                                             .addr = b->remote, .foundation_bytes = 1,
                                             .foundation = "1" };
        assert_int_equal(weir_ice_add_remote(&b->ice, b->now, &theirs), WEIR_OK);
    }
}

static void init_bench(struct bench *b, bool with_candidate)
{
    init_bench_of(b, with_candidate, false);
}

/* The next thing the agent sends; false when there is none. */
static bool next(struct bench *b)
{
    struct weir_path to;
    struct weir_ice_event e;
    while (weir_ice_event(&b->ice, &e)) {
    }
    b->bytes = weir_ice_send(&b->ice, b->now, (struct weir_mspan){ b->out, sizeof b->out }, &to);
    assert_true(weir_ice_check(&b->ice));
    if (b->bytes != 0) {
        assert_int_equal(weir_stun_parse(weir_span_of(b->out, b->bytes), &b->sent), WEIR_STUN_OK);
    }
    return b->bytes != 0;
}

static void tick(struct bench *b, weir_duration later)
{
    b->now += later;
    weir_ice_tick(&b->ice, b->now);
}

/* What stands in the attributes of a message to be made: n below 0 leaves an attribute out. */
struct riding {
    const uint8_t *data;
    int data_bytes;
    const uint8_t *list;
    int list_bytes;
};

static const struct riding nothing = { NULL, -1, NULL, -1 };

static void put_riding(struct weir_stun_build *s, const struct riding *r)
{
    if (r->list_bytes >= 0) {
        weir_stun_put_bytes(s, WEIR_STUN_DTLS_IN_STUN_ACK, weir_span_of(r->list, (size_t)r->list_bytes));
    }
    if (r->data_bytes >= 0) {
        weir_stun_put_bytes(s, WEIR_STUN_DTLS_IN_STUN, weir_span_of(r->data, (size_t)r->data_bytes));
    }
}

enum proof { PROVEN, UNPROVEN, WRONG, NO_PROOF_AT_ALL };

static size_t make_request(struct bench *b, const struct riding *r, enum proof proof, uint8_t out[1500])
{
    struct weir_stun_build s;
    uint8_t username[80], txid[12] = { 0x70, ++b->number };
    struct weir_wr name = weir_wr_of((struct weir_mspan){ username, sizeof username });
    struct weir_stun_seal seal = { weir_crypto_default(), weir_ice_pwd(&b->ice), false, true };
    weir_wr_bytes(&name, weir_ice_ufrag(&b->ice));
    weir_wr_str(&name, ":" PEER_UFRAG);
    weir_stun_begin(&s, (struct weir_mspan){ out, 1500 }, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, txid);
    weir_stun_put_bytes(&s, WEIR_STUN_USERNAME, weir_span_of(username, name.len));
    weir_stun_put_u64(&s, WEIR_STUN_ICE_CONTROLLING, 1);
    weir_stun_put_u32(&s, WEIR_STUN_PRIORITY, 1 << 20);
    put_riding(&s, r);
    seal.key = proof == PROVEN ? seal.key : proof == WRONG ? WEIR_LIT("another password, 24 ch")
                                                           : weir_span_of(NULL, 0);
    seal.with_fingerprint = proof != NO_PROOF_AT_ALL;
    return weir_stun_end(&s, &seal);
}

static enum weir_ice_verdict receive(struct bench *b, uint8_t *packet, size_t n)
{
    struct weir_path path = way_in(b);
    uint8_t *exact = malloc(n);
    memcpy(exact, packet, n);
    enum weir_ice_verdict v = weir_ice_recv(&b->ice, b->now, &path, weir_span_of(exact, n));
    free(exact);
    assert_true(weir_ice_check(&b->ice));
    return v;
}

static enum weir_ice_verdict ask(struct bench *b, const struct riding *r)
{
    uint8_t packet[1500];
    return receive(b, packet, make_request(b, r, PROVEN, packet));
}

/* Answer the check that the agent sent last. */
static enum weir_ice_verdict answer(struct bench *b, const struct riding *r, enum proof proof)
{
    uint8_t packet[1500];
    struct weir_stun_build s;
    struct weir_stun_seal seal = { weir_crypto_default(), WEIR_LIT(PEER_PWD), false, true };
    weir_stun_begin(&s, (struct weir_mspan){ packet, sizeof packet }, WEIR_STUN_BINDING,
                    WEIR_STUN_SUCCESS, b->sent.txid);
    weir_stun_put_addr(&s, WEIR_STUN_XOR_MAPPED_ADDRESS, &b->local);
    put_riding(&s, r);
    seal.key = proof == PROVEN ? seal.key : WEIR_LIT("another password, 24 ch");
    return receive(b, packet, weir_stun_end(&s, &seal));
}

/* A payload of `n` bytes, told apart by its number, that looks like DTLS. */
static const uint8_t *payload(uint8_t number, size_t n)
{
    static uint8_t bytes[8][1400];
    uint8_t *p = bytes[number % 8];
    memset(p, number, n);
    p[0] = 22;
    return p;
}

static void add(struct bench *b, uint8_t number, size_t n)
{
    assert_int_equal(weir_ice_embed_add(&b->ice, weir_span_of(payload(number, n), n)), WEIR_OK);
}

static bool carries(const struct bench *b, uint8_t number, size_t n)
{
    return weir_span_eq(b->sent.dtls_in_stun, weir_span_of(payload(number, n), n));
}

static void marks(uint8_t *list, const uint8_t *numbers, size_t count, size_t n)
{
    for (size_t i = 0; i < count; i++) {
        weir_put32(list + 4 * i, weir_ice_embed_mark(weir_span_of(payload(numbers[i], n), n)));
    }
}

/* -- What leaves ------------------------------------------------------------------------------- */

static void a_flight_leaves_on_checks_one_after_the_other(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b, true);
    for (uint8_t i = 0; i < 3; i++) {
        add(&b, i, 800);
    }
    tick(&b, 0);
    for (uint8_t i = 0; i < 3; i++) { /* the same request, three times */
        assert_true(next(&b));
        assert_int_equal(b.sent.klass, WEIR_STUN_REQUEST);
        assert_true(b.sent.has_dtls_in_stun_ack && b.sent.dtls_in_stun_ack.n == 0);
        assert_true(carries(&b, i, 800));
        assert_true(b.bytes <= 1232);
    }
    assert_false(next(&b));
    tick(&b, 100 * WEIR_MS); /* and then with every repetition the next, in turn */
    for (uint8_t i = 0; i < 4; i++) {
        assert_true(next(&b));
        assert_true(carries(&b, i % 3, 800));
        tick(&b, 400 * WEIR_MS);
    }
}

static void nothing_to_carry_is_said_too(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b, true);
    tick(&b, 0);
    assert_true(next(&b));
    assert_true(b.sent.has_dtls_in_stun && b.sent.dtls_in_stun.n == 0);
    assert_true(b.sent.has_dtls_in_stun_ack && b.sent.dtls_in_stun_ack.n == 0);
    assert_false(next(&b));
}

static void what_the_peer_names_is_not_carried_again(void **state)
{
    (void)state;
    struct bench b;
    uint8_t list[8];
    const uint8_t first = 0;
    init_bench(&b, true);
    add(&b, 0, 100);
    add(&b, 1, 100);
    marks(list, &first, 1, 100);
    const struct riding r = { NULL, 0, list, 4 };
    assert_int_equal(ask(&b, &r), WEIR_ICE_OK);
    assert_int_equal(b.ice.embed.state, WEIR_ICE_EMBED_CONFIRMED);
    assert_int_equal(b.ice.embed.count, 1);
    assert_true(next(&b));
    assert_int_equal(b.sent.klass, WEIR_STUN_SUCCESS);
    assert_true(carries(&b, 1, 100));
}

static void an_answered_check_delivered_what_it_carried(void **state)
{
    (void)state;
    struct bench b;
    const struct riding r = { NULL, 0, NULL, 0 };
    init_bench(&b, true);
    add(&b, 0, 100);
    tick(&b, 0);
    assert_true(next(&b));
    assert_int_equal(answer(&b, &r, PROVEN), WEIR_ICE_OK);
    assert_int_equal(b.ice.embed.count, 0);
    /* Not so when the request left with several: which of them was answered nobody knows. */
    init_bench(&b, true);
    add(&b, 0, 100);
    add(&b, 1, 100);
    tick(&b, 0);
    assert_true(next(&b) && next(&b));
    assert_int_equal(answer(&b, &r, PROVEN), WEIR_ICE_OK);
    assert_int_equal(b.ice.embed.count, 2);
}

static void the_newest_four_are_named(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b, true);
    for (uint8_t i = 0; i < 7; i++) {
        weir_ice_embed_took(&b.ice, 100u + i);
    }
    weir_ice_embed_took(&b.ice, 101); /* again: the newest */
    weir_ice_embed_took(&b.ice, 200);
    weir_ice_embed_took(&b.ice, 201); /* the ninth: the oldest is forgotten */
    tick(&b, 0);
    assert_true(next(&b));
    const uint32_t want[] = { 106, 101, 200, 201 };
    assert_int_equal(b.sent.dtls_in_stun_ack.n, 16);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(weir_be32(b.sent.dtls_in_stun_ack.p + 4 * i), want[i]);
    }
    assert_int_equal(b.ice.embed.seen_count, WEIR_ICE_EMBED_SEEN_MAX);
}

/* A peer that only answers gets and gives all the same. */
static void a_lite_peer_takes_and_brings_payloads_with_its_answers(void **state)
{
    (void)state;
    struct bench b;
    uint8_t list[4];
    const uint8_t hello = 0;
    size_t at, n;
    init_bench_of(&b, true, true);
    add(&b, 0, 300);
    tick(&b, 0);
    assert_true(next(&b));
    assert_true(carries(&b, 0, 300));
    marks(list, &hello, 1, 300);
    const struct riding flight = { payload(1, 800), 800, list, 4 };
    assert_int_equal(answer(&b, &flight, PROVEN), WEIR_ICE_OK);
    assert_true(weir_ice_embedded(&b.ice, &at, &n));
    assert_int_equal(n, 800);
    assert_int_equal(b.ice.embed.count, 0);
    weir_ice_embed_took(&b.ice, weir_ice_embed_mark(weir_span_of(payload(1, 800), 800)));
    add(&b, 2, 500); /* it goes bare at once, and along with the next check */
    tick(&b, WEIR_SEC);
    assert_true(next(&b));
    assert_true(carries(&b, 2, 500));
    assert_int_equal(b.sent.dtls_in_stun_ack.n, 4);
}

static void each_payload_is_had_bare_once(void **state)
{
    (void)state;
    struct bench b;
    uint8_t out[1000];
    init_bench(&b, true);
    add(&b, 0, 100);
    add(&b, 1, 200);
    assert_int_equal(weir_ice_embed_bare(&b.ice, (struct weir_mspan){ out, 50 }), 0);
    assert_int_equal(weir_ice_embed_bare(&b.ice, (struct weir_mspan){ out, sizeof out }), 100);
    assert_int_equal(b.ice.embed.count, 2);
    weir_ice_embed_stop(&b.ice); /* what is left will not ride */
    assert_int_equal(weir_ice_embed_bare(&b.ice, (struct weir_mspan){ out, sizeof out }), 200);
    assert_int_equal(weir_ice_embed_bare(&b.ice, (struct weir_mspan){ out, sizeof out }), 0);
    assert_int_equal(b.ice.embed.count, 0); /* nor does what was sent so */
    tick(&b, 0);
    assert_int_equal(b.room.setups.leased, 0);
    assert_true(next(&b));
    assert_false(b.sent.has_dtls_in_stun || b.sent.has_dtls_in_stun_ack);
}

static void the_list_has_its_limits(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b, true);
    assert_int_equal(weir_ice_embed_add(&b.ice, weir_span_of(payload(0, 10), 0)), WEIR_ERR_SIZE);
    assert_int_equal(weir_ice_embed_add(&b.ice, weir_span_of(payload(0, WEIR_ICE_EMBED_BYTES + 1),
                                                             WEIR_ICE_EMBED_BYTES + 1)), WEIR_ERR_SIZE);
    for (uint8_t i = 0; i < WEIR_ICE_EMBEDS_MAX; i++) {
        add(&b, i, WEIR_ICE_EMBED_BYTES);
    }
    assert_int_equal(weir_ice_embed_add(&b.ice, weir_span_of(payload(7, 10), 10)), WEIR_ERR_FULL);
    weir_ice_embed_clear(&b.ice);
    assert_true(weir_ice_embed_has_room(&b.ice));
    add(&b, 7, 10);
}

/* -- Beginning and end ------------------------------------------------------------------------- */

static void it_ends_as_the_peer_says(void **state)
{
    (void)state;
    static const uint8_t more[] = { 22, 1, 2, 3 };
    static const struct {
        const char *name;
        bool is_finished, is_waiting; /* our side: the owner is; a payload waits */
        struct riding came;
        enum weir_ice_embed_state want;
        bool is_data_over;
    } row[] = {
        { "nothing", false, false, { NULL, -1, NULL, -1 }, WEIR_ICE_EMBED_OFF, false },
        { "nothing, while a payload waits", false, true, { NULL, -1, NULL, -1 }, WEIR_ICE_EMBED_OFF, false },
        { "both empty", false, false, { NULL, 0, NULL, 0 }, WEIR_ICE_EMBED_CONFIRMED, false },
        { "a list alone", false, false, { NULL, -1, NULL, 0 }, WEIR_ICE_EMBED_CONFIRMED, false },
        { "a payload alone", false, false, { more, 4, NULL, -1 }, WEIR_ICE_EMBED_CONFIRMED, false },
        { "finished, nothing", true, false, { NULL, -1, NULL, -1 }, WEIR_ICE_EMBED_DONE, false },
        { "finished, waiting, nothing", true, true, { NULL, -1, NULL, -1 }, WEIR_ICE_EMBED_DONE, false },
        { "finished, a list alone", true, false, { NULL, -1, NULL, 0 }, WEIR_ICE_EMBED_DONE, false },
        { "finished, both empty", true, false, { NULL, 0, NULL, 0 }, WEIR_ICE_EMBED_ENDING, true },
        { "finished, a payload", true, false, { more, 4, NULL, 0 }, WEIR_ICE_EMBED_ENDING, false },
        { "finished, waiting, a list alone", true, true, { NULL, -1, NULL, 0 }, WEIR_ICE_EMBED_ENDING, false },
        { "finished, waiting, both empty", true, true, { NULL, 0, NULL, 0 }, WEIR_ICE_EMBED_ENDING, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct bench b;
        init_bench(&b, true);
        if (row[i].is_waiting) {
            add(&b, 1, 50);
        }
        if (row[i].is_finished) {
            weir_ice_embed_finish(&b.ice);
        }
        assert_int_equal(ask(&b, &row[i].came), WEIR_ICE_OK);
        if (b.ice.embed.state != row[i].want || b.ice.embed.is_data_over != row[i].is_data_over) {
            fail_msg("%s: %s", row[i].name, weir_ice_embed_state_name(b.ice.embed.state));
        }
        assert_true(next(&b)); /* the answer */
        bool is_on = weir_ice_embed_is_on(&b.ice);
        assert_int_equal(b.sent.has_dtls_in_stun_ack, is_on);
        assert_int_equal(b.sent.has_dtls_in_stun, is_on && !row[i].is_data_over);
    }
}

static void over_is_only_what_was_finished(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b, true);
    weir_ice_embed_over(&b.ice);
    assert_true(weir_ice_embed_is_open(&b.ice));
    weir_ice_embed_finish(&b.ice);
    assert_true(weir_ice_embed_is_on(&b.ice) && !weir_ice_embed_is_open(&b.ice));
    weir_ice_embed_over(&b.ice);
    assert_int_equal(b.ice.embed.state, WEIR_ICE_EMBED_DONE);
    weir_ice_embed_finish(&b.ice);
    assert_int_equal(b.ice.embed.state, WEIR_ICE_EMBED_DONE);
    for (int s = 0; s < WEIR_ICE_EMBED_STATES; s++) {
        assert_string_not_equal(weir_ice_embed_state_name((enum weir_ice_embed_state)s), "?");
    }
}

/* -- Attacks ----------------------------------------------------------------------------------- */

static bool brought(const struct bench *b)
{
    size_t at, n;
    return weir_ice_embedded(&b->ice, &at, &n);
}

static void attack_S8_S12_payloads_of_unproven_messages_are_not_looked_at(void **state)
{
    (void)state;
    struct bench b;
    uint8_t packet[1500], list[4];
    const uint8_t first = 1;
    init_bench(&b, true);
    add(&b, 1, 50);
    marks(list, &first, 1, 50);
    const struct riding r = { payload(0, 60), 60, list, 4 };
    struct weir_ice_embed before = b.ice.embed;
    for (enum proof p = UNPROVEN; p <= NO_PROOF_AT_ALL; p++) {
        assert_int_not_equal(receive(&b, packet, make_request(&b, &r, p, packet)), WEIR_ICE_OK);
        assert_memory_equal(&before, &b.ice.embed, sizeof before);
        assert_false(brought(&b) || next(&b));
    }
    tick(&b, 0);
    assert_true(next(&b));
    before = b.ice.embed;
    assert_int_equal(answer(&b, &r, WRONG), WEIR_ICE_INTEGRITY);
    assert_int_equal(answer(&b, &nothing, WRONG), WEIR_ICE_INTEGRITY); /* nor does it end anything */
    assert_memory_equal(&before, &b.ice.embed, sizeof before);
    b.sent.txid[3] ^= 1;
    assert_int_equal(answer(&b, &r, PROVEN), WEIR_ICE_TRANSACTION);
    assert_memory_equal(&before, &b.ice.embed, sizeof before);
    assert_false(brought(&b));
}

static void attack_S8_attributes_behind_the_integrity_are_not_looked_at(void **state)
{
    (void)state;
    struct bench b;
    uint8_t packet[1500];
    init_bench(&b, true);
    size_t n = make_request(&b, &nothing, PROVEN, packet) - 8; /* its fingerprint goes */
    struct weir_stun_build s = { weir_wr_of((struct weir_mspan){ packet, sizeof packet }) };
    const struct weir_stun_seal no_proof = { .with_fingerprint = true };
    const struct riding r = { payload(0, 60), 60, NULL, 0 };
    s.w.len = n;
    put_riding(&s, &r);
    assert_int_equal(receive(&b, packet, weir_stun_end(&s, &no_proof)), WEIR_ICE_OK);
    assert_false(brought(&b));
    assert_int_equal(b.ice.embed.state, WEIR_ICE_EMBED_OFF); /* it is a request without any */
}

static void attack_S8_only_the_first_attribute_of_a_kind_counts(void **state)
{
    (void)state;
    struct bench b;
    uint8_t packet[1500], list[4];
    const uint8_t waiting = 1;
    size_t at, n;
    init_bench(&b, true);
    add(&b, 1, 50);
    marks(list, &waiting, 1, 50);
    struct weir_stun_build s;
    const struct weir_stun_seal seal = { weir_crypto_default(), weir_ice_pwd(&b.ice), false, true };
    n = make_request(&b, &nothing, NO_PROOF_AT_ALL, packet);
    s.w = weir_wr_of((struct weir_mspan){ packet, sizeof packet });
    s.w.len = n;
    const struct riding first = { payload(2, 40), 40, NULL, 0 }, second = { payload(3, 60), 60, list, 4 };
    put_riding(&s, &first);
    put_riding(&s, &second);
    assert_int_equal(receive(&b, packet, weir_stun_end(&s, &seal)), WEIR_ICE_OK);
    assert_true(weir_ice_embedded(&b.ice, &at, &n));
    assert_int_equal(n, 40);
    assert_memory_equal(packet + at, payload(2, 40), 40);
    assert_int_equal(b.ice.embed.count, 1); /* the second list named it in vain */
}

static void attack_S6_lists_and_payloads_of_every_size(void **state)
{
    (void)state;
    static uint8_t bytes[1300];
    memset(bytes, 22, sizeof bytes);
    for (int n = 0; n <= 1300; n += n < 80 ? 1 : 61) {
        struct bench b;
        size_t at, got;
        init_bench(&b, true);
        add(&b, 1, 50);
        weir_put32(bytes, 0x16161616);
        const struct riding list = { NULL, 0, bytes, n };
        assert_int_equal(ask(&b, &list), WEIR_ICE_OK);
        assert_false(brought(&b));
        const struct riding data = { bytes, n, NULL, 0 };
        assert_int_equal(ask(&b, &data), WEIR_ICE_OK);
        assert_int_equal(weir_ice_embedded(&b.ice, &at, &got), n != 0);
        assert_int_equal(got, n);
        assert_int_equal(b.ice.embed.count, 1);
    }
}

/* A list that is not one is left out, even if it names what waits. */
static void attack_S6_a_malformed_list_acknowledges_nothing(void **state)
{
    (void)state;
    uint8_t list[80] = { 0 };
    const uint8_t waiting = 1;
    const int size[] = { 1, 3, 5, 7, 63, 65, 68, 80 };
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        struct bench b;
        init_bench(&b, true);
        add(&b, 1, 50);
        marks(list, &waiting, 1, 50);
        const struct riding r = { NULL, 0, list, size[i] };
        assert_int_equal(ask(&b, &r), WEIR_ICE_OK);
        assert_int_equal(b.ice.embed.count, 1);
    }
}

static void attack_X1_a_payload_that_is_no_dtls_goes_nowhere(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        struct bench b;
        uint8_t bytes[40] = { (uint8_t)first };
        const struct riding r = { bytes, sizeof bytes, NULL, 0 };
        init_bench(&b, true);
        assert_int_equal(ask(&b, &r), WEIR_ICE_OK);
        assert_int_equal(brought(&b), first >= 20 && first <= 63);
    }
}

static void attack_S21_an_answer_is_bounded_until_its_path_is_proven(void **state)
{
    (void)state;
    struct bench b;
    const struct riding small = { NULL, 0, NULL, 0 };
    for (size_t size = 20; size <= WEIR_ICE_EMBED_BYTES; size += 40) {
        uint8_t packet[1500];
        init_bench(&b, true);
        add(&b, 1, size);
        size_t asked = make_request(&b, &small, PROVEN, packet);
        assert_int_equal(receive(&b, packet, asked), WEIR_ICE_OK);
        assert_true(next(&b));
        assert_int_equal(b.sent.klass, WEIR_STUN_SUCCESS);
        assert_true(b.bytes <= 3 * asked);
        assert_true(b.sent.has_dtls_in_stun); /* empty at least */
        if (b.sent.dtls_in_stun.n == 0) {
            assert_true(size > asked); /* only what is too large is held back */
        }
    }
    /* Once our check was answered from there, the payload goes. */
    tick(&b, 0);
    assert_true(next(&b));
    assert_int_equal(answer(&b, &(struct riding){ NULL, -1, NULL, 0 }, PROVEN), WEIR_ICE_OK);
    weir_ice_embed_clear(&b.ice);
    add(&b, 2, WEIR_ICE_EMBED_BYTES);
    assert_int_equal(ask(&b, &small), WEIR_ICE_OK);
    assert_true(next(&b));
    assert_true(carries(&b, 2, WEIR_ICE_EMBED_BYTES));
}

static void attack_D40_a_flood_of_requests_costs_an_answer_each_and_no_more(void **state)
{
    (void)state;
    struct bench b;
    init_bench(&b, true);
    for (uint8_t i = 0; i < WEIR_ICE_EMBEDS_MAX; i++) {
        add(&b, i, 100);
    }
    tick(&b, 0);
    unsigned checks = 0, answers = 0;
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t bytes[30] = { 22, (uint8_t)i, (uint8_t)(i >> 8) };
        const struct riding r = { bytes, sizeof bytes, NULL, 0 };
        assert_int_equal(ask(&b, &r), WEIR_ICE_OK);
        while (next(&b)) {
            checks += b.sent.klass == WEIR_STUN_REQUEST;
            answers += b.sent.klass == WEIR_STUN_SUCCESS;
        }
    }
    assert_int_equal(answers, 1000);
    assert_int_equal(checks, WEIR_ICE_EMBEDS_MAX); /* the flight, once */
}

static void attack_D40_a_repeated_payload_is_given_once(void **state)
{
    (void)state;
    struct bench b;
    size_t at, n;
    init_bench(&b, true);
    const struct riding r = { payload(1, 60), 60, NULL, 0 };
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ask(&b, &r), WEIR_ICE_OK);
        assert_int_equal(weir_ice_embedded(&b.ice, &at, &n), i < 3); /* until its owner took it */
        if (i == 2) {
            weir_ice_embed_took(&b.ice, weir_ice_embed_mark(weir_span_of(payload(1, 60), 60)));
        }
        while (next(&b)) {
            assert_int_equal(b.sent.dtls_in_stun_ack.n, i < 2 ? 0 : 4);
        }
    }
    assert_int_equal(b.ice.embed.rx_repeats, 97);
}

static void attack_S19_payloads_of_the_old_generation_are_not_looked_at(void **state)
{
    (void)state;
    struct bench b;
    uint8_t packet[1500];
    init_bench(&b, true);
    tick(&b, 0);
    assert_true(next(&b));
    assert_int_equal(answer(&b, &(struct riding){ NULL, 0, NULL, 0 }, PROVEN), WEIR_ICE_OK);
    const struct riding r = { payload(1, 60), 60, NULL, 0 };
    size_t n = make_request(&b, &r, PROVEN, packet);
    assert_int_equal(weir_ice_restart(&b.ice, b.now), WEIR_OK);
    assert_int_equal(receive(&b, packet, n), WEIR_ICE_OK); /* answered: consent goes on */
    assert_false(brought(&b));
    while (next(&b)) {
        assert_false(b.sent.has_dtls_in_stun || b.sent.has_dtls_in_stun_ack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flight_leaves_on_checks_one_after_the_other),
        cmocka_unit_test(nothing_to_carry_is_said_too),
        cmocka_unit_test(what_the_peer_names_is_not_carried_again),
        cmocka_unit_test(an_answered_check_delivered_what_it_carried),
        cmocka_unit_test(the_newest_four_are_named),
        cmocka_unit_test(a_lite_peer_takes_and_brings_payloads_with_its_answers),
        cmocka_unit_test(each_payload_is_had_bare_once),
        cmocka_unit_test(the_list_has_its_limits),
        cmocka_unit_test(it_ends_as_the_peer_says),
        cmocka_unit_test(over_is_only_what_was_finished),
        cmocka_unit_test(attack_S8_S12_payloads_of_unproven_messages_are_not_looked_at),
        cmocka_unit_test(attack_S8_attributes_behind_the_integrity_are_not_looked_at),
        cmocka_unit_test(attack_S8_only_the_first_attribute_of_a_kind_counts),
        cmocka_unit_test(attack_S6_lists_and_payloads_of_every_size),
        cmocka_unit_test(attack_S6_a_malformed_list_acknowledges_nothing),
        cmocka_unit_test(attack_X1_a_payload_that_is_no_dtls_goes_nowhere),
        cmocka_unit_test(attack_S21_an_answer_is_bounded_until_its_path_is_proven),
        cmocka_unit_test(attack_D40_a_flood_of_requests_costs_an_answer_each_and_no_more),
        cmocka_unit_test(attack_D40_a_repeated_payload_is_given_once),
        cmocka_unit_test(attack_S19_payloads_of_the_old_generation_are_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
