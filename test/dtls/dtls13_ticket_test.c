/* Sessions that are resumed [RFC 8446 2.2, 4.2.11, 4.6.1; RFC 9149]: who gets a ticket, what it is good
 * for, when it is passed over, and what is refused. */
#include "test/dtls/dtls13_sim.h"

#include "test/dtls/dtls_rules.h"

enum { DAY_S = 86400, BEGUN_S = 1790000000 };

/* -- Two connections of the same two --------------------------------------------------------------- */

/* Public-key work of both ends. */
static unsigned signatures, verifications;

static bool counted_sign(const struct weir_identity *id, struct weir_rand *rand, enum weir_sigscheme scheme,
                         const uint8_t digest[32], uint8_t sig[WEIR_SIGNATURE_MAX], size_t *n)
{
    signatures++;
    return weir_crypto_default()->identity_sign(id, rand, scheme, digest, sig, n);
}

static bool counted_verify(const struct weir_pubkey *key, enum weir_sigscheme scheme,
                           struct weir_span digest, struct weir_span sig)
{
    verifications++;
    return weir_crypto_default()->verify(key, scheme, digest, sig);
}

static const struct weir_crypto *counting(void)
{
    static struct weir_crypto crypto;
    crypto = *weir_crypto_default();
    crypto.identity_sign = counted_sign;
    crypto.verify = counted_verify;
    return &crypto;
}

static struct weir_dtls_config ticket_config(unsigned who, uint64_t seed)
{
    struct weir_dtls_config c = sim_config(who, seed);
    c.crypto = counting();
    c.tickets = WEIR_DTLS_TICKETS_ASKED;
    c.utc_s = BEGUN_S;
    if (who == SERVER) {
        c.ticket_keys = 1;
        memset(c.ticket_key[0], 'k', sizeof c.ticket_key[0]);
    }
    return c;
}

static bool take(struct sim *s, struct weir_dtls_session *session)
{
    return weir_dtls_take_session(&s->end[CLIENT].d, session);
}

/* A connection in full, whose session is kept. */
static void first_connection(const struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    struct sim s;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    assert_true(sim_connect(&s, 5 * WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_SESSION], 1);
    static const struct weir_dtls_session none;
    assert_true(take(&s, session));
    assert_false(take(&s, session));
    assert_memory_equal(&hs_of(&s.end[CLIENT].d)->session, &none, sizeof none);
    sim_free(&s);
}

static void both_configs(struct weir_dtls_config config[2], uint64_t seed)
{
    config[CLIENT] = ticket_config(CLIENT, seed);
    config[SERVER] = ticket_config(SERVER, seed + 1);
}

static void check_fates(struct sim *s, enum weir_dtls_ticket_fate client, enum weir_dtls_ticket_fate server)
{
    bool is_resumed = server == WEIR_DTLS_TICKET_TAKEN;
    enum weir_dtls_ticket_fate got[2] = { weir_dtls_ticket(&s->end[CLIENT].d),
                                          weir_dtls_ticket(&s->end[SERVER].d) };
    if (got[CLIENT] != client || got[SERVER] != server) {
        fail_msg("client: %s, server: %s", weir_dtls_ticket_name(got[CLIENT]),
                 weir_dtls_ticket_name(got[SERVER]));
    }
    for (unsigned who = 0; who < 2; who++) {
        uint8_t digest[32];
        assert_int_equal(weir_dtls_is_resumed(&s->end[who].d), is_resumed);
        assert_true(weir_dtls_peer_digest(&s->end[who].d, digest));
        assert_memory_equal(digest, sim_id(1 - who)->fingerprint_sha256, 32);
    }
}

/* -- What it is good for --------------------------------------------------------------------------- */

static void a_session_stands_for_certificates_and_signatures(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    uint8_t keys[4][60];
    uint64_t full = 0;
    both_configs(config, 5000);
    for (unsigned i = 0; i < 4; i++) {
        struct sim s;
        signatures = verifications = 0;
        config[CLIENT].session = i == 0 ? NULL : &session;
        config[CLIENT].seed[8] = config[SERVER].seed[8] = (uint8_t)i;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_true(sim_connect(&s, WEIR_SEC));
        assert_int_equal(s.now, 1000 * WEIR_SEC + 3 * s.delay); /* hello, answer, Finished: as ever */
        uint64_t bytes = s.end[0].sent_bytes + s.end[1].sent_bytes;
        full = i == 0 ? bytes : full;
        assert_true(i == 0 || bytes + 400 < full);
        assert_int_equal(signatures, i == 0 ? 2 : 0);
        assert_int_equal(verifications, i == 0 ? 2 : 0);
        check_fates(&s, i == 0 ? WEIR_DTLS_TICKET_NONE : WEIR_DTLS_TICKET_TAKEN,
                    i == 0 ? WEIR_DTLS_TICKET_NONE : WEIR_DTLS_TICKET_TAKEN);
        assert_int_equal(weir_dtls_srtp(&s.end[SERVER].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        struct weir_mspan out = { keys[i], 60 };
        assert_int_equal(weir_dtls_export(&s.end[CLIENT].d, "x", out), WEIR_OK);
        for (unsigned k = 0; k < i; k++) {
            assert_memory_not_equal(keys[i], keys[k], 60);
        }
        assert_int_equal(s.arena.leased, 1); /* where the session waits */
        assert_true(take(&s, &session));
        weir_dtls_tick(&s.end[CLIENT].d, s.now);
        assert_int_equal(s.arena.leased, 0);
        assert_int_equal(weir_dtls_deadline(&s.end[CLIENT].d), WEIR_NEVER);
        assert_int_equal(weir_dtls_deadline(&s.end[SERVER].d), WEIR_NEVER); /* it was acknowledged */
        sim_free(&s);
    }
}

static void with_every_suite_and_group_and_after_every_kind_of_retry(void **state)
{
    (void)state;
    static const uint16_t group[] = { WEIR_X25519, WEIR_P256, WEIR_P384 };
    static const uint16_t suite[] = { 0x1301, 0x1302, 0x1303 };
    for (unsigned i = 0; i < 3 * 3 * 2 * 2 * 2; i++) {
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct sim s;
        both_configs(config, 5100 + 2 * i);
        config[SERVER].groups = config[SERVER].suites = 1;
        config[SERVER].group[0] = group[i % 3];
        config[SERVER].suite[0] = suite[i / 3 % 3];
        config[SERVER].requires_cookie = i / 9 % 2 != 0;
        config[CLIENT].has_cid = config[SERVER].has_cid = i / 18 % 2 != 0;
        config[CLIENT].cid_bytes = 3;
        config[CLIENT].mtu = config[SERVER].mtu = i / 36 != 0 ? 200 : 0;
        first_connection(config, &session);
        assert_int_equal(session.group, group[i % 3]);
        config[CLIENT].session = &session;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_true(sim_connect(&s, 5 * WEIR_SEC));
        check_fates(&s, WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN);
        /* The share is of the group that was taken before: nobody is asked for another. */
        assert_int_equal(s.now, 1000 * WEIR_SEC + (config[SERVER].requires_cookie ? 5 : 3) * s.delay);
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        sim_free(&s);
        /* And when it is none that the server has now. */
        config[SERVER].group[0] = group[(i + 1) % 3];
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        sim_start(&s);
        while (s.end[SERVER].sent == 0) {
            assert_true(sim_step(&s, s.now + WEIR_SEC));
        }
        assert_false(weir_dtls_is_resumed(&s.end[SERVER].d)); /* the second hello may come without it */
        assert_true(sim_await(&s, 5 * WEIR_SEC));
        check_fates(&s, WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN);
        assert_int_equal(s.now, 1000 * WEIR_SEC + 5 * s.delay);
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void every_two_losses_are_survived(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    both_configs(config, 5300);
    first_connection(config, &session);
    config[CLIENT].session = &session;
    config[CLIENT].mtu = config[SERVER].mtu = 300;
    for (unsigned a = 0; a < 12; a++) {
        for (unsigned b = a; b < 12; b++) {
            struct sim s;
            sim_init(&s, &config[CLIENT], &config[SERVER]);
            s.drop = (uint64_t)1 << a | (uint64_t)1 << b;
            s.twice = (uint64_t)1 << (a + b) % 12;
            s.late = (uint64_t)1 << (a * b) % 12;
            assert_true(sim_connect(&s, 5 * WEIR_SEC));
            check_fates(&s, WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN);
            sim_run(&s, 2 * WEIR_SEC);
            sim_check_up(&s);
            assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_SESSION], 1);
            sim_free(&s);
        }
    }
}

/* -- Who gets one ---------------------------------------------------------------------------------- */

static bool hello_has(struct sim *s, uint16_t type)
{
    size_t n = 0, entry;
    struct dtls_hello h;
    struct weir_span body;
    const uint8_t *p = edit_find(&s->end[CLIENT].d, MESSAGE_CLIENT_HELLO, &n, &entry);
    assert_non_null(p);
    assert_int_equal(weir_dtls_hello_parse_client(weir_span_of(p, n), &h), WEIR_DTLS_OK);
    return weir_dtls_hello_find(&h, type, &body);
}

static void only_who_asks_and_only_of_who_gives(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3 * 3 * 2; i++) {
        unsigned client = i % 3, server = i / 3 % 3;
        bool has_key = i / 9 != 0;
        bool is_given = client != WEIR_DTLS_TICKETS_OFF && server != WEIR_DTLS_TICKETS_OFF && has_key;
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct sim s;
        both_configs(config, 5400 + 2 * i);
        config[CLIENT].tickets = (uint8_t)client;
        config[SERVER].tickets = (uint8_t)server;
        config[SERVER].ticket_keys = has_key ? 1 : 0;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_int_equal(weir_dtls_start(&s.end[CLIENT].d, s.now), WEIR_OK);
        assert_int_equal(hello_has(&s, EXTENSION_TICKET_REQUEST), client != WEIR_DTLS_TICKETS_OFF);
        assert_int_equal(hello_has(&s, EXTENSION_PSK_KEY_EXCHANGE_MODES), client != WEIR_DTLS_TICKETS_OFF);
        assert_false(hello_has(&s, EXTENSION_PRE_SHARED_KEY));
        sim_drain(&s, CLIENT);
        assert_true(sim_await(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_SESSION], is_given ? 1 : 0);
        assert_int_equal(take(&s, &session), is_given);
        sim_free(&s);
    }
}

/* A client as browsers have it: psk_dhe_ke and no ticket_request. */
static void forget_to_ask(struct sim *s, unsigned who, const void *with)
{
    struct weir_dtls *d = &s->end[CLIENT].d;
    (void)with;
    size_t n = 0, entry;
    uint8_t *p = who == CLIENT ? edit_find(d, MESSAGE_CLIENT_HELLO, &n, &entry) : NULL;
    for (size_t i = 0; p != NULL && i + 6 <= n; i++) {
        if (memcmp(p + i, "\x00\x3a\x00\x02\x01\x01", 6) == 0) {
            memcpy(p + i, "\x3a\x3a", 2); /* GREASE */
        }
    }
}

static void who_does_not_ask_gets_one_only_if_the_config_says_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct weir_dtls_config config[2];
        struct sim s;
        both_configs(config, 5500 + 2 * i);
        config[SERVER].tickets = i == 0 ? WEIR_DTLS_TICKETS_ASKED : WEIR_DTLS_TICKETS_ALL;
        config[CLIENT].tickets = WEIR_DTLS_TICKETS_ALL;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        s.edit = forget_to_ask;
        /* The edited hello is what both must have in their transcript: it is, for the client notes it when
         * the answer comes. */
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_SESSION], i);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* A server as others are: gives without being asked. The client keeps it only if the config says so. */
static void what_was_not_agreed_is_acknowledged_and_forgotten(void **state)
{
    (void)state;
    static const struct {
        uint8_t tickets;
        const char *body;
        bool is_kept;
    } row[] = {
        { WEIR_DTLS_TICKETS_OFF, "00001c20 01020304 01 00 0004 74686973 0000", false },
        { WEIR_DTLS_TICKETS_ASKED, "00001c20 01020304 01 00 0004 74686973 0000", false },
        { WEIR_DTLS_TICKETS_ALL, "00001c20 01020304 01 00 0004 74686973 0000", true },
        { WEIR_DTLS_TICKETS_ALL, "00001c20 01020304 00 0004 74686973 0000", true },
        { WEIR_DTLS_TICKETS_ALL, "00000000 01020304 01 00 0004 74686973 0000", false }, /* ends at once */
        { WEIR_DTLS_TICKETS_ALL, "ffffffff 01020304 01 00 0004 74686973 0008 002a 0004 00004000", true },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct sim s;
        uint8_t body[100], record[200];
        both_configs(config, 5600);
        config[CLIENT].tickets = row[i].tickets;
        config[SERVER].tickets = WEIR_DTLS_TICKETS_OFF;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        size_t n = test_unhex(row[i].body, body, sizeof body);
        for (unsigned twice = 0; twice < 2; twice++) {
            body[2] = twice == 0 ? body[2] : 0; /* the second one is shorter-lived, and passed over */
            uint16_t seq = weir_dtls_peer_seq(&s.end[CLIENT].d);
            size_t bytes = peers_message(&s.end[CLIENT].d, MESSAGE_NEW_SESSION_TICKET, seq,
                                         weir_span_of(body, n), record);
            assert_int_equal(sim_hear(&s, CLIENT, record, bytes), WEIR_DTLS_OK);
        }
        assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_SESSION], row[i].is_kept ? 1 : 0);
        assert_int_equal(take(&s, &session), row[i].is_kept);
        body[2] = row[i].body[4] == 'f' ? 0xff : 0x1c;
        if (row[i].is_kept) {
            assert_true(session.end_s > session.given_s + 1000);
            int64_t life = (int64_t)weir_be32(body) < 7 * DAY_S ? (int64_t)weir_be32(body) : 7 * DAY_S;
            assert_true(session.end_s <= session.given_s + life && session.end_s > session.given_s);
            assert_int_equal(session.age_add, 0x01020304);
            test_assert_bytes(weir_span_of(session.ticket, session.ticket_bytes), WEIR_LIT("this"));
        }
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void a_ticket_that_is_too_long_is_forgotten(void **state)
{
    (void)state;
    for (size_t n = WEIR_DTLS_TICKET_MAX; n <= WEIR_DTLS_TICKET_MAX + 1; n++) {
        struct weir_dtls_config config[2];
        struct sim s;
        uint8_t body[WEIR_DTLS_TICKET_MAX + 100], record[WEIR_DTLS_TICKET_MAX + 200];
        both_configs(config, 5620);
        config[CLIENT].tickets = WEIR_DTLS_TICKETS_ALL;
        config[SERVER].tickets = WEIR_DTLS_TICKETS_OFF;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_true(sim_connect(&s, WEIR_SEC));
        struct weir_wr w = weir_wr_of((struct weir_mspan){ body, sizeof body });
        weir_wr_u32(&w, 100);
        weir_wr_u32(&w, 0);
        weir_wr_u8(&w, 0);
        weir_wr_u16(&w, (uint16_t)n);
        weir_wr_zero(&w, n);
        weir_wr_u16(&w, 0);
        size_t bytes =
            peers_message(&s.end[CLIENT].d, MESSAGE_NEW_SESSION_TICKET, weir_dtls_peer_seq(&s.end[CLIENT].d),
                          weir_span_of(body, weir_wr_done(&w)), record);
        assert_int_equal(sim_hear(&s, CLIENT, record, bytes), WEIR_DTLS_OK);
        assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_SESSION], n <= WEIR_DTLS_TICKET_MAX ? 1 : 0);
        sim_free(&s);
    }
}

/* -- When it is passed over ------------------------------------------------------------------------ */

struct fate_row {
    const char *what;
    enum weir_dtls_ticket_fate client, server;
    void (*change)(struct weir_dtls_config config[2], struct weir_dtls_session *session);
};

static void nothing(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)config, (void)session;
}

static void seven_days(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[CLIENT].utc_s = config[SERVER].utc_s = BEGUN_S + 7 * DAY_S;
}

static void nearly_seven_days(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[CLIENT].utc_s = config[SERVER].utc_s = BEGUN_S + 7 * DAY_S - 10;
}

static void seven_days_by_the_servers_clock(struct weir_dtls_config config[2],
                                            struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].utc_s = BEGUN_S + 7 * DAY_S;
}

static void a_client_whose_clock_went_back(struct weir_dtls_config config[2],
                                           struct weir_dtls_session *session)
{
    (void)session;
    config[CLIENT].utc_s = BEGUN_S - 61;
}

static void a_client_whose_clock_was_put_right(struct weir_dtls_config config[2],
                                               struct weir_dtls_session *session)
{
    (void)session;
    config[CLIENT].utc_s = BEGUN_S - 60;
}

static void a_server_whose_clock_went_back(struct weir_dtls_config config[2],
                                           struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].utc_s = BEGUN_S - 61;
}

static void a_server_that_is_slightly_behind(struct weir_dtls_config config[2],
                                             struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].utc_s = BEGUN_S - 60;
}

static void another_key(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].ticket_key[0][31]++;
}

static void the_key_before(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].ticket_keys = 2;
    memcpy(config[SERVER].ticket_key[1], config[SERVER].ticket_key[0], 32);
    config[SERVER].ticket_key[0][0]++;
}

static void no_key(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].ticket_keys = 0;
}

static void switched_off(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].tickets = WEIR_DTLS_TICKETS_OFF;
}

static void a_suite_of_another_hash(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].suites = 1;
    config[SERVER].suite[0] = 0x1302;
}

static void a_suite_of_the_same_hash(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].suites = 1;
    config[SERVER].suite[0] = 0x1303;
}

static void another_hash_and_a_cookie(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    a_suite_of_another_hash(config, session);
    config[SERVER].requires_cookie = true;
}

static void a_suite_that_the_client_gave_up(struct weir_dtls_config config[2],
                                            struct weir_dtls_session *session)
{
    (void)session;
    config[CLIENT].suites = 1;
    config[CLIENT].suite[0] = 0x1302;
}

static void a_server_of_12(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[CLIENT].version_min = WEIR_DTLS_1_2;
    config[SERVER].version_min = config[SERVER].version_max = WEIR_DTLS_1_2;
}

static void a_client_of_12(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[CLIENT].version_min = config[CLIENT].version_max = WEIR_DTLS_1_2;
    config[SERVER].version_min = WEIR_DTLS_1_2;
}

/* A certificate that was not shown in the session: as if the present one were new. */
static void a_new_certificate_of_the_clients(struct weir_dtls_config config[2],
                                             struct weir_dtls_session *session)
{
    (void)config;
    session->own_sha256[0]++;
}

static void another_server_is_expected(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)config;
    session->peer.sha256[0]++;
}

static void another_client_is_expected(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].fingerprint[0] = sim_fingerprint(CLIENT, WEIR_SHA384);
    config[SERVER].fingerprint[0].bytes[0]++;
}

static void the_client_is_known_by_other_hashes(struct weir_dtls_config config[2],
                                                struct weir_dtls_session *session)
{
    (void)session;
    config[SERVER].fingerprint[0] = sim_fingerprint(CLIENT, WEIR_SHA512);
    config[CLIENT].fingerprint[0] = sim_fingerprint(SERVER, WEIR_SHA384);
}

static void a_damaged_ticket(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)config;
    session->ticket[100] ^= 1;
}

static void a_ticket_cut_short(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)config;
    session->ticket_bytes--;
}

static void no_ticket_at_all(struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    (void)config;
    session->ticket_bytes = 0;
}

static const struct fate_row fate_row[] = {
    { "nothing changed", WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN, nothing },
    { "7 days less 10 s", WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN, nearly_seven_days },
    { "7 days", WEIR_DTLS_TICKET_EXPIRED, WEIR_DTLS_TICKET_NONE, seven_days },
    { "7 days at the server", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_EXPIRED,
      seven_days_by_the_servers_clock },
    { "the client's clock", WEIR_DTLS_TICKET_EXPIRED, WEIR_DTLS_TICKET_NONE,
      a_client_whose_clock_went_back },
    { "60 s back", WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN, a_client_whose_clock_was_put_right },
    { "the server's clock", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_EXPIRED,
      a_server_whose_clock_went_back },
    { "60 s behind", WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN, a_server_that_is_slightly_behind },
    { "another key", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_UNKNOWN, another_key },
    { "the key before", WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN, the_key_before },
    { "no key", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_NONE, no_key },
    { "switched off", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_NONE, switched_off },
    { "another hash", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_UNFIT, a_suite_of_another_hash },
    { "the same hash", WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN, a_suite_of_the_same_hash },
    { "another hash, a cookie", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_NONE,
      another_hash_and_a_cookie },
    { "another suite of ours", WEIR_DTLS_TICKET_UNFIT, WEIR_DTLS_TICKET_NONE,
      a_suite_that_the_client_gave_up },
    { "a server of 1.2", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_NONE, a_server_of_12 },
    { "a client of 1.2", WEIR_DTLS_TICKET_UNFIT, WEIR_DTLS_TICKET_NONE, a_client_of_12 },
    { "a new certificate", WEIR_DTLS_TICKET_OTHERS, WEIR_DTLS_TICKET_NONE,
      a_new_certificate_of_the_clients },
    { "another server", WEIR_DTLS_TICKET_OTHERS, WEIR_DTLS_TICKET_NONE, another_server_is_expected },
    { "other hashes", WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN, the_client_is_known_by_other_hashes },
    { "damaged", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_UNKNOWN, a_damaged_ticket },
    { "cut short", WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_UNKNOWN, a_ticket_cut_short },
    { "no ticket", WEIR_DTLS_TICKET_UNFIT, WEIR_DTLS_TICKET_NONE, no_ticket_at_all },
};

static void what_does_not_fit_ends_in_a_full_handshake(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fate_row / sizeof fate_row[0]; i++) {
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct sim s;
        both_configs(config, 5700);
        first_connection(config, &session);
        config[CLIENT].session = &session;
        fate_row[i].change(config, &session);
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        print_message("%s\n", fate_row[i].what);
        assert_true(sim_connect(&s, WEIR_SEC));
        check_fates(&s, fate_row[i].client, fate_row[i].server);
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* The server has other expectations: the full handshake says no, as it must. */
static void a_ticket_of_somebody_else_does_not_help(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    struct sim s;
    both_configs(config, 5750);
    first_connection(config, &session);
    config[CLIENT].session = &session;
    another_client_is_expected(config, &session);
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    assert_false(sim_connect(&s, WEIR_SEC));
    assert_int_equal(weir_dtls_ticket(&s.end[SERVER].d), WEIR_DTLS_TICKET_OTHERS);
    assert_int_equal(s.end[SERVER].last.reason, WEIR_DTLS_REASON_FINGERPRINT);
    sim_free(&s);
}

/* A server that shares the key, but is another one. */
static void a_ticket_of_another_server_is_none(void **state)
{
    (void)state;
    static struct weir_identity other;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    struct sim s;
    struct weir_rand rand;
    weir_rand_init_number(&rand, 5);
    assert_true(weir_crypto_default()->identity_make(&other, &rand, 1700000000, 2000000000));
    both_configs(config, 5760);
    first_connection(config, &session);
    config[CLIENT].session = &session;
    config[SERVER].identity = &other;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    assert_false(sim_connect(&s, WEIR_SEC));
    assert_int_equal(weir_dtls_ticket(&s.end[SERVER].d), WEIR_DTLS_TICKET_OTHERS);
    assert_int_equal(s.end[CLIENT].last.reason, WEIR_DTLS_REASON_FINGERPRINT);
    sim_free(&s);
}

/* However often it is resumed: a week after the certificates were shown it is over. */
static void a_chain_of_sessions_ends_a_week_after_the_certificates(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    both_configs(config, 5800);
    first_connection(config, &session);
    assert_int_equal(session.end_s, BEGUN_S + 7 * DAY_S);
    for (unsigned day = 1; day < 8; day++) {
        struct sim s;
        config[CLIENT].session = &session;
        config[CLIENT].utc_s = config[SERVER].utc_s = BEGUN_S + day * DAY_S;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        assert_int_equal(weir_dtls_is_resumed(&s.end[SERVER].d), day < 7);
        assert_true(take(&s, &session));
        assert_int_equal(session.proven_s, day < 7 ? BEGUN_S : BEGUN_S + 7 * DAY_S);
        assert_int_equal(session.end_s, session.proven_s + 7 * DAY_S);
        sim_free(&s);
    }
}

/* Also when the client has another idea of it: the server's own note counts. */
static void a_client_that_goes_on_after_a_week_is_refused(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    both_configs(config, 5820);
    first_connection(config, &session);
    for (unsigned day = 6; day < 8; day++) {
        struct sim s;
        session.proven_s = session.given_s = BEGUN_S + day * DAY_S;
        session.end_s = BEGUN_S + 30 * DAY_S;
        config[CLIENT].session = &session;
        config[CLIENT].utc_s = config[SERVER].utc_s = BEGUN_S + day * DAY_S;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_true(sim_connect(&s, WEIR_SEC));
        check_fates(&s, day == 6 ? WEIR_DTLS_TICKET_TAKEN : WEIR_DTLS_TICKET_REFUSED,
                    day == 6 ? WEIR_DTLS_TICKET_TAKEN : WEIR_DTLS_TICKET_EXPIRED);
        sim_run(&s, WEIR_SEC);
        assert_true(take(&s, &session));
        sim_free(&s);
    }
}

/* A client that has psk_ke alone, which gives up forward secrecy. */
static void offer_psk_ke(struct sim *s, unsigned who, const void *with)
{
    struct weir_dtls *d = &s->end[CLIENT].d;
    (void)with;
    size_t n = 0, entry;
    uint8_t *p = who == CLIENT ? edit_find(d, MESSAGE_CLIENT_HELLO, &n, &entry) : NULL;
    for (size_t i = 0; p != NULL && i + 6 <= n; i++) {
        if (memcmp(p + i, "\x00\x2d\x00\x02\x01\x01", 6) == 0) {
            p[i + 5] = 0;
        }
    }
}

static void without_a_fresh_key_agreement_no_session_is_resumed(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    struct sim s;
    both_configs(config, 5830);
    first_connection(config, &session);
    config[CLIENT].session = &session;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    s.edit = offer_psk_ke;
    assert_true(sim_connect(&s, WEIR_SEC));
    check_fates(&s, WEIR_DTLS_TICKET_REFUSED, WEIR_DTLS_TICKET_UNFIT);
    sim_run(&s, WEIR_SEC);
    assert_false(take(&s, &session)); /* and gets no ticket */
    sim_check_up(&s);
    sim_free(&s);
}

/* -- The fingerprint that comes late --------------------------------------------------------------- */

static void the_fingerprint_may_come_later_but_it_must_come(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        unsigned who = i % 2;
        bool is_right = i / 2 == 0;
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct sim s;
        both_configs(config, 5850);
        first_connection(config, &session);
        struct weir_dtls_fingerprint f = config[who].fingerprint[0];
        f.bytes[5] ^= is_right ? 0 : 1;
        config[CLIENT].session = &session;
        config[who].fingerprints = 0;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_false(sim_connect(&s, WEIR_SEC));
        assert_int_equal(weir_dtls_ticket(&s.end[SERVER].d), WEIR_DTLS_TICKET_TAKEN);
        assert_int_equal(s.end[who].d.state, WEIR_DTLS_UNVERIFIED);
        if (who == CLIENT) {
            assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_SESSION], 0);
            assert_false(take(&s, &session));
        }
        assert_int_equal(weir_dtls_set_fingerprints(&s.end[who].d, s.now, &f, 1), WEIR_OK);
        sim_drain(&s, who);
        assert_int_equal(s.end[who].d.state, is_right ? WEIR_DTLS_CONNECTED : WEIR_DTLS_FAILED);
        assert_int_equal(s.end[who].last.reason,
                         is_right ? WEIR_DTLS_REASON_NONE : WEIR_DTLS_REASON_FINGERPRINT);
        sim_run(&s, WEIR_SEC);
        if (is_right) {
            sim_check_up(&s);
            assert_true(take(&s, &session));
        }
        sim_free(&s);
    }
}

/* Between the hello and its answer the client learns that it talks to somebody else. */
static void a_fingerprint_that_comes_between_counts(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    struct sim s;
    both_configs(config, 5870);
    first_connection(config, &session);
    struct weir_dtls_fingerprint f = config[CLIENT].fingerprint[0];
    f.bytes[0]++;
    config[CLIENT].session = &session;
    config[CLIENT].fingerprints = 0;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    sim_start(&s);
    assert_int_equal(weir_dtls_set_fingerprints(&s.end[CLIENT].d, s.now, &f, 1), WEIR_OK);
    assert_false(sim_await(&s, WEIR_SEC));
    assert_int_equal(s.end[CLIENT].last.verdict, WEIR_DTLS_CERT_FINGERPRINT);
    assert_int_equal(s.end[CLIENT].last.reason, WEIR_DTLS_REASON_FINGERPRINT);
    sim_free(&s);
}

/* -- What is refused ------------------------------------------------------------------------------- */

/* The hello of a client with this instead of its pre_shared_key. */
static size_t hello_with(const char *psk, bool has_modes, const char *behind, uint8_t *record)
{
    struct hello_row hello = { WEIR_DTLS_OK, "fefd", "1301", "0100", NULL };
    char text[1400];
    uint8_t body[1000];
    snprintf(text, sizeof text, "%s %s %s %s",
             "002b 0003 02 fefc 0033 0026 0024 001d 0020"
             "0900000000000000000000000000000000000000000000000000000000000000"
             "000a 0004 0002 001d 000d 0004 0002 0403",
             has_modes ? "002d 0002 01 01" : "", psk, behind);
    hello.extensions = text;
    size_t n = hello_body(&hello, true, body, sizeof body);
    return plain_message(record, MESSAGE_CLIENT_HELLO, 0, weir_span_of(body, n));
}

#define BINDER "20 0101010101010101 0101010101010101 0101010101010101 0101010101010101"

static void a_malformed_offer_is_dropped(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        bool has_modes;
        const char *psk, *behind;
    } row[] = {
        { WEIR_DTLS_OK, true, "0029 002c 0007 0001 aa 00000000 0021" BINDER, "" }, /* no ticket of ours */
        { WEIR_DTLS_HELLO_PSK, false, "0029 002c 0007 0001 aa 00000000 0021" BINDER, "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 002c 0007 0001 aa 00000000 0021" BINDER, "0017 0000" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 0000", "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 0004 0000 0000", "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 0025 0000 0021" BINDER, "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 000b 0007 0001 aa 00000000 0000", "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 002b 0006 0000 00000000 0021" BINDER, "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 002b 0006 0001 aa 000000 0021" BINDER, "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 002d 0007 0001 aa 00000000 0021" BINDER "00", "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 000d 0007 0001 aa 00000000 0002 01 01", "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 004d 0007 0001 aa 00000000 0042" BINDER BINDER, "" },
        { WEIR_DTLS_HELLO_PSK, true, "0029 0033 000e 0001 aa 00000000 0001 bb 00000000 0021" BINDER, "" },
        { WEIR_DTLS_HELLO_DUPLICATE, true, "0029 002c 0007 0001 aa 00000000 0021" BINDER,
          "0029 002c 0007 0001 aa 00000000 0021" BINDER },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_dtls_config config[2];
        struct sim s;
        uint8_t record[1200];
        both_configs(config, 5900);
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        size_t n = hello_with(row[i].psk, row[i].has_modes, row[i].behind, record);
        expect(sim_hear(&s, SERVER, record, n), row[i].want, row[i].psk);
        if (row[i].want == WEIR_DTLS_OK) {
            assert_int_equal(weir_dtls_ticket(&s.end[SERVER].d), WEIR_DTLS_TICKET_UNKNOWN);
        } else {
            assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
            assert_int_equal(s.count, 0);
            assert_true(sim_connect(&s, WEIR_SEC)); /* and the right one is heard */
        }
        sim_free(&s);
        /* Whoever gives no tickets does not look. */
        config[SERVER].tickets = WEIR_DTLS_TICKETS_OFF;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        n = hello_with(row[i].psk, row[i].has_modes, row[i].behind, record);
        expect(sim_hear(&s, SERVER, record, n),
               row[i].want == WEIR_DTLS_HELLO_DUPLICATE ? row[i].want : WEIR_DTLS_OK, row[i].psk);
        sim_free(&s);
    }
}

/* Every bit of the hello is bound to the ticket: whoever has the ticket and not its secret, and whoever
 * changes the hello on its way, gets no answer. */
static void a_hello_that_was_changed_has_no_binder(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    struct sim s;
    unsigned dropped = 0, wrong_binder = 0;
    both_configs(config, 5920);
    first_connection(config, &session);
    config[CLIENT].session = &session;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    sim_start(&s);
    struct sim_datagram hello = *sim_next(&s);
    /* From the random on: before it there are headers and lengths. */
    for (size_t at = 13 + 12 + 2; at < hello.n; at++) {
        for (unsigned bit = 0; bit < 8; bit += 7) {
            struct sim t;
            sim_init(&t, &config[CLIENT], &config[SERVER]);
            uint8_t copy[1500];
            memcpy(copy, hello.bytes, hello.n);
            copy[at] = (uint8_t)(copy[at] ^ 1u << bit);
            enum weir_dtls_verdict v = sim_hear(&t, SERVER, copy, hello.n);
            assert_false(weir_dtls_is_resumed(&t.end[SERVER].d));
            wrong_binder += v == WEIR_DTLS_HELLO_BINDER ? 1 : 0;
            dropped += v != WEIR_DTLS_OK ? 1 : 0;
            sim_free(&t);
        }
    }
    assert_true(wrong_binder > 300);
    assert_true(dropped > wrong_binder);
    covered[WEIR_DTLS_HELLO_BINDER] += wrong_binder;
    sim_free(&s);
}

static void a_stolen_ticket_without_its_secret_is_worth_nothing(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session, stolen;
    struct sim s;
    both_configs(config, 5930);
    first_connection(config, &session);
    stolen = session;
    memset(stolen.secret, 0, sizeof stolen.secret);
    config[CLIENT].session = &stolen;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    assert_false(sim_connect(&s, 2 * WEIR_SEC));
    assert_true(s.end[SERVER].d.verdicts[WEIR_DTLS_HELLO_BINDER] > 1);
    assert_int_equal(s.end[SERVER].sent, 0);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_NEW);
    /* The owner is not kept out by it. */
    static struct sim_whole server;
    sim_snap(&server, &s.end[SERVER].d);
    sim_free(&s);
    config[CLIENT].session = &session;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    sim_back(&s, SERVER, &server);
    assert_true(sim_connect(&s, WEIR_SEC));
    check_fates(&s, WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN);
    sim_free(&s);
}

/* A hello that is sent again by somebody else leads to an answer that nobody can read. */
static void attack_D40_a_repeated_hello_gets_no_connection(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    struct sim s, again;
    both_configs(config, 5940);
    first_connection(config, &session);
    config[CLIENT].session = &session;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    sim_start(&s);
    struct sim_datagram hello = *sim_next(&s);
    assert_true(sim_await(&s, WEIR_SEC));
    config[SERVER].seed[9]++;
    sim_init(&again, &config[CLIENT], &config[SERVER]);
    assert_int_equal(sim_hear(&again, SERVER, hello.bytes, hello.n), WEIR_DTLS_OK);
    assert_true(weir_dtls_is_resumed(&again.end[SERVER].d));
    sim_run(&again, 2 * WEIR_SEC);
    assert_int_equal(again.end[SERVER].d.state, WEIR_DTLS_HANDSHAKE);
    assert_int_equal(again.end[SERVER].told[WEIR_DTLS_EVENT_CONNECTED], 0);
    assert_true(again.end[SERVER].sent_bytes < 8 * hello.n);
    sim_free(&s);
    sim_free(&again);
}

/* -- What a server may answer ---------------------------------------------------------------------- */

static void what_a_server_may_say_to_an_offer(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        bool is_offered;
        const char *suite, *extension;
        uint8_t alert;
    } row[] = {
        { WEIR_DTLS_OK, true, "1301", "0029 0002 0000", 0 },
        { WEIR_DTLS_OK, true, "1303", "0029 0002 0000", 0 },
        { WEIR_DTLS_OK, true, "1302", "", 0 },
        { WEIR_DTLS_HELLO_PSK, true, "1301", "0029 0002 0001", ALERT_ILLEGAL_PARAMETER },
        { WEIR_DTLS_HELLO_PSK, true, "1301", "0029 0001 00", ALERT_ILLEGAL_PARAMETER },
        { WEIR_DTLS_HELLO_PSK, true, "1301", "0029 0003 000000", ALERT_ILLEGAL_PARAMETER },
        { WEIR_DTLS_HELLO_PSK, true, "1302", "0029 0002 0000", ALERT_ILLEGAL_PARAMETER },
        { WEIR_DTLS_HELLO_UNASKED, false, "1301", "0029 0002 0000", ALERT_UNSUPPORTED_EXTENSION },
        { WEIR_DTLS_HELLO_UNASKED, true, "1301", "003a 0001 01", ALERT_UNSUPPORTED_EXTENSION },
        { WEIR_DTLS_HELLO_UNASKED, true, "1301", "002d 0002 01 01", ALERT_UNSUPPORTED_EXTENSION },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct hello_row hello = { row[i].want, "fefd", row[i].suite, "00", NULL };
        struct sim s;
        char text[600];
        uint8_t body[700], record[800];
        both_configs(config, 5950);
        first_connection(config, &session);
        config[CLIENT].session = row[i].is_offered ? &session : NULL;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        sim_start(&s);
        snprintf(text, sizeof text, "002b 0002 fefc 0033 0024 001d 0020"
                 "0900000000000000000000000000000000000000000000000000000000000000 %s", row[i].extension);
        hello.extensions = text;
        size_t n = hello_body(&hello, false, body, sizeof body);
        n = plain_message(record, MESSAGE_SERVER_HELLO, 0, weir_span_of(body, n));
        expect(sim_hear(&s, CLIENT, record, n), row[i].want, row[i].extension);
        if (row[i].want != WEIR_DTLS_OK) {
            assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_FAILED);
            assert_int_equal(s.end[CLIENT].last.alert, row[i].alert);
        }
        sim_free(&s);
    }
}

/* One record after the other, until this end is at this step; the rest is lost. */
static void hear_until(struct sim *s, unsigned who, uint8_t step)
{
    while (s->end[who].d.step != step) {
        struct sim_datagram *next = sim_next(s);
        assert_non_null(next);
        struct sim_datagram g = *next;
        struct weir_mspan rest = { g.bytes, g.n };
        struct dtls_record r;
        if (g.to != who) {
            assert_true(sim_step(s, WEIR_NEVER - 1));
            continue;
        }
        *next = s->datagram[--s->count];
        s->now = g.at;
        while (rest.n != 0 && s->end[who].d.step != step) {
            uint8_t *begin = rest.p;
            assert_int_equal(sim_take(&rest, &r), WEIR_DTLS_OK);
            (void)sim_hear(s, who, begin, r.whole);
        }
    }
}

/* To a client that asked for a ticket, or did not. */
static void what_encrypted_extensions_may_say_of_tickets(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        bool has_asked, is_expected;
        const char *body;
    } row[] = {
        { WEIR_DTLS_OK, true, false, "0000" },
        { WEIR_DTLS_OK, true, true, "0005 003a 0001 02" },
        { WEIR_DTLS_OK, true, false, "0005 003a 0001 00" },
        { WEIR_DTLS_ENCRYPTED_MALFORMED, true, false, "0004 003a 0000" },
        { WEIR_DTLS_ENCRYPTED_MALFORMED, true, false, "0006 003a 0002 0101" },
        { WEIR_DTLS_HELLO_UNASKED, false, false, "0005 003a 0001 01" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_dtls_config config[2];
        struct sim s;
        uint8_t body[20], record[200];
        both_configs(config, 5960);
        config[CLIENT].tickets = row[i].has_asked ? WEIR_DTLS_TICKETS_ASKED : WEIR_DTLS_TICKETS_OFF;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        sim_start(&s);
        hear_until(&s, CLIENT, STEP_CLIENT13_WAIT_ENCRYPTED_EXTENSIONS);
        size_t n = test_unhex(row[i].body, body, sizeof body);
        uint16_t seq = weir_dtls_peer_seq(&s.end[CLIENT].d);
        n = peers_message(&s.end[CLIENT].d, MESSAGE_ENCRYPTED_EXTENSIONS, seq, weir_span_of(body, n),
                          record);
        expect(sim_hear(&s, CLIENT, record, n), row[i].want, row[i].body);
        bool is_expected =
            weir_dtls_has_block(&s.end[CLIENT].d) && exchange_of(&s.end[CLIENT].d)->expects_ticket;
        assert_int_equal(is_expected, row[i].is_expected);
        sim_free(&s);
    }
}

/* The server's Finished stays away, so that its client waits for it. */
static void keep_finished(struct sim *s, unsigned who, const void *with)
{
    size_t n, entry;
    (void)with;
    if (who == SERVER && edit_find(&s->end[SERVER].d, MESSAGE_FINISHED, &n, &entry) != NULL) {
        hs_of(&s->end[SERVER].d)->flight.used = (uint16_t)entry;
    }
}

/* A resumed handshake has no place for certificates, of either side [RFC 8446 4.3.2 MUST NOT]. */
static void attack_D17_no_certificate_is_asked_for_or_shown_in_between(void **state)
{
    (void)state;
    static const struct {
        unsigned who;
        uint8_t step, message;
        const char *body;
    } row[] = {
        { CLIENT, STEP_CLIENT13_WAIT_FINISHED, MESSAGE_CERTIFICATE_REQUEST, "00 0008 000d 0004 0002 0403" },
        { CLIENT, STEP_CLIENT13_WAIT_FINISHED, MESSAGE_CERTIFICATE, "00 000000" },
        { CLIENT, STEP_CLIENT13_WAIT_FINISHED, MESSAGE_CERTIFICATE_VERIFY, "0403 0001 00" },
        { SERVER, STEP_SERVER13_WAIT_FINISHED, MESSAGE_CERTIFICATE, "00 000000" },
        { SERVER, STEP_SERVER13_WAIT_FINISHED, MESSAGE_CERTIFICATE_VERIFY, "0403 0001 00" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct sim s;
        uint8_t body[100], record[200];
        both_configs(config, 5970);
        first_connection(config, &session);
        config[CLIENT].session = &session;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        s.edit = row[i].who == CLIENT ? keep_finished : NULL;
        sim_start(&s);
        hear_until(&s, row[i].who, row[i].step);
        size_t n = test_unhex(row[i].body, body, sizeof body);
        uint16_t seq = weir_dtls_peer_seq(&s.end[row[i].who].d);
        n = peers_message(&s.end[row[i].who].d, row[i].message, seq, weir_span_of(body, n), record);
        assert_int_equal(sim_hear(&s, row[i].who, record, n), WEIR_DTLS_UNEXPECTED);
        assert_int_equal(s.end[row[i].who].last.alert, ALERT_UNEXPECTED_MESSAGE);
        sim_free(&s);
    }
}

/* -- Stored ---------------------------------------------------------------------------------------- */

static void a_session_is_stored_and_found_again(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session, found;
    uint8_t bytes[WEIR_DTLS_SESSION_BYTES_MAX + 1];
    struct sim s;
    both_configs(config, 6000);
    first_connection(config, &session);
    size_t n = weir_dtls_session_save(&session, (struct weir_mspan){ bytes, sizeof bytes });
    assert_true(n != 0);
    for (size_t cap = 0; cap < n; cap++) {
        uint8_t small[WEIR_DTLS_SESSION_BYTES_MAX];
        assert_int_equal(weir_dtls_session_save(&session, (struct weir_mspan){ small, cap }), 0);
        assert_false(weir_dtls_session_load(&found, weir_span_of(bytes, cap)));
        assert_int_equal(found.ticket_bytes, 0);
    }
    bytes[n] = 0;
    assert_false(weir_dtls_session_load(&found, weir_span_of(bytes, n + 1)));
    for (size_t at = 0; at < n; at++) { /* damaged: another session, or none */
        bytes[at] ^= 0x80;
        if (weir_dtls_session_load(&found, weir_span_of(bytes, n))) {
            assert_true(found.ticket_bytes <= WEIR_DTLS_TICKET_MAX);
            assert_non_null(weir_dtls13_suite(found.suite));
        }
        bytes[at] ^= 0x80;
    }
    assert_true(weir_dtls_session_load(&found, weir_span_of(bytes, n)));
    config[CLIENT].session = &found;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    assert_true(sim_connect(&s, WEIR_SEC));
    check_fates(&s, WEIR_DTLS_TICKET_TAKEN, WEIR_DTLS_TICKET_TAKEN);
    sim_free(&s);
    /* The longest there is. */
    session.ticket_bytes = WEIR_DTLS_TICKET_MAX;
    n = weir_dtls_session_save(&session, (struct weir_mspan){ bytes, WEIR_DTLS_SESSION_BYTES_MAX });
    assert_true(n != 0 && weir_dtls_session_load(&found, weir_span_of(bytes, n)));
    assert_int_equal(found.ticket_bytes, WEIR_DTLS_TICKET_MAX);
}

/* Nothing of a session stays where a connection was. */
static void a_connection_that_ends_forgets_its_session(void **state)
{
    (void)state;
    static const struct weir_dtls_session none;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    struct sim s;
    both_configs(config, 6010);
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    struct weir_dtls_handshake *block = hs_of(&s.end[CLIENT].d);
    weir_dtls_close(&s.end[CLIENT].d, s.now);
    assert_int_equal(s.arena.leased, 0);
    assert_memory_equal(&block->session, &none, sizeof none);
    assert_false(take(&s, &session));
    sim_free(&s);
}

static void every_rule_of_tickets_had_its_row(void **state)
{
    (void)state;
    assert_true(covered[WEIR_DTLS_HELLO_PSK] != 0);
    assert_true(covered[WEIR_DTLS_HELLO_BINDER] != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_stands_for_certificates_and_signatures),
        cmocka_unit_test(with_every_suite_and_group_and_after_every_kind_of_retry),
        cmocka_unit_test(every_two_losses_are_survived),
        cmocka_unit_test(only_who_asks_and_only_of_who_gives),
        cmocka_unit_test(who_does_not_ask_gets_one_only_if_the_config_says_so),
        cmocka_unit_test(what_was_not_agreed_is_acknowledged_and_forgotten),
        cmocka_unit_test(a_ticket_that_is_too_long_is_forgotten),
        cmocka_unit_test(what_does_not_fit_ends_in_a_full_handshake),
        cmocka_unit_test(a_ticket_of_somebody_else_does_not_help),
        cmocka_unit_test(a_ticket_of_another_server_is_none),
        cmocka_unit_test(a_chain_of_sessions_ends_a_week_after_the_certificates),
        cmocka_unit_test(a_client_that_goes_on_after_a_week_is_refused),
        cmocka_unit_test(without_a_fresh_key_agreement_no_session_is_resumed),
        cmocka_unit_test(the_fingerprint_may_come_later_but_it_must_come),
        cmocka_unit_test(a_fingerprint_that_comes_between_counts),
        cmocka_unit_test(a_malformed_offer_is_dropped),
        cmocka_unit_test(a_hello_that_was_changed_has_no_binder),
        cmocka_unit_test(a_stolen_ticket_without_its_secret_is_worth_nothing),
        cmocka_unit_test(attack_D40_a_repeated_hello_gets_no_connection),
        cmocka_unit_test(what_a_server_may_say_to_an_offer),
        cmocka_unit_test(what_encrypted_extensions_may_say_of_tickets),
        cmocka_unit_test(attack_D17_no_certificate_is_asked_for_or_shown_in_between),
        cmocka_unit_test(a_session_is_stored_and_found_again),
        cmocka_unit_test(a_connection_that_ends_forgets_its_session),
        cmocka_unit_test(every_rule_of_tickets_had_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
