/* What is sealed in a ticket, byte by byte: servers that share a key, of whatever age, read each other's. And
 * what such a server makes of one whose seal is good and whose content is none of ours. */
#include "test/dtls/dtls13_sim.h"

enum { BEGUN_S = 1790000000, PLAIN = 1 + 2 + 8 + 48 + 32 + 144, WHOLE = 4 + 12 + PLAIN + 16 };

static void both_configs(struct weir_dtls_config config[2])
{
    for (unsigned who = 0; who < 2; who++) {
        config[who] = sim_config(who, 8200 + who);
        config[who].tickets = WEIR_DTLS_TICKETS_ASKED;
        config[who].utc_s = BEGUN_S;
    }
    config[SERVER].ticket_keys = 2;
    for (unsigned i = 0; i < WEIR_DTLS_TICKET_KEY_BYTES; i++) {
        config[SERVER].ticket_key[0][i] = (uint8_t)i;
        config[SERVER].ticket_key[1][i] = (uint8_t)(100 + i);
    }
}

static void first_connection(const struct weir_dtls_config config[2], struct weir_dtls_session *session)
{
    struct sim s;
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_run(&s, WEIR_SEC);
    assert_true(weir_dtls_take_session(&s.end[CLIENT].d, session));
    sim_free(&s);
}

static void name_of(const uint8_t *key, uint8_t name[4])
{
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    const struct weir_span part[2] = { WEIR_LIT("weir ticket key"), { key, WEIR_DTLS_TICKET_KEY_BYTES } };
    weir_hash_of(weir_crypto_default(), WEIR_SHA256, part, 2, digest);
    memcpy(name, digest, 4);
}

static bool open_ticket(const uint8_t *key, const uint8_t ticket[WHOLE], uint8_t plain[PLAIN])
{
    struct weir_aead aead;
    memcpy(plain, ticket + 16, PLAIN);
    assert_true(weir_crypto_default()->aead_init(&aead, WEIR_AES_256_GCM, key));
    return weir_crypto_default()->aead_open(&aead, ticket + 4, weir_span_of(ticket, 4),
                                            (struct weir_mspan){ plain, PLAIN }, ticket + 16 + PLAIN);
}

static void seal_ticket(const uint8_t *key, const uint8_t plain[PLAIN], uint8_t ticket[WHOLE])
{
    struct weir_aead aead;
    name_of(key, ticket);
    memset(ticket + 4, 'n', 12);
    memcpy(ticket + 16, plain, PLAIN);
    assert_true(weir_crypto_default()->aead_init(&aead, WEIR_AES_256_GCM, key));
    weir_crypto_default()->aead_seal(&aead, ticket + 4, weir_span_of(ticket, 4),
                                     (struct weir_mspan){ ticket + 16, PLAIN }, ticket + 16 + PLAIN);
}

static void a_ticket_holds_what_is_said(void **state)
{
    (void)state;
    struct weir_dtls_config config[2];
    struct weir_dtls_session session;
    uint8_t name[4], plain[PLAIN], digest[WEIR_HASH_BYTES_MAX];
    both_configs(config);
    first_connection(config, &session);
    assert_int_equal(session.ticket_bytes, WHOLE);
    name_of(config[SERVER].ticket_key[0], name);
    assert_memory_equal(session.ticket, name, 4);
    assert_false(open_ticket(config[SERVER].ticket_key[1], session.ticket, plain));
    assert_true(open_ticket(config[SERVER].ticket_key[0], session.ticket, plain));
    assert_int_equal(plain[0], 1);
    assert_int_equal(weir_be16(plain + 1), session.suite);
    assert_int_equal(weir_be64(plain + 3), BEGUN_S);
    assert_memory_equal(plain + 11, session.secret, 48);
    assert_memory_equal(plain + 59, sim_id(SERVER)->fingerprint_sha256, 32);
    static const enum weir_hash_id hash[3] = { WEIR_SHA256, WEIR_SHA384, WEIR_SHA512 };
    const struct weir_span cert = { sim_id(CLIENT)->cert, sim_id(CLIENT)->cert_bytes };
    for (unsigned i = 0, at = 91; i < 3; at += (unsigned)weir_hash_bytes(hash[i++])) {
        weir_hash_of(weir_crypto_default(), hash[i], &cert, 1, digest);
        assert_memory_equal(plain + at, digest, weir_hash_bytes(hash[i]));
    }
}

/* The nonce is never the same again under one key, from whichever server. */
static void each_ticket_has_a_nonce_of_its_own(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    uint8_t nonce[COUNT][12];
    static const uint8_t zero[12];
    for (unsigned i = 0; i < COUNT; i++) {
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        both_configs(config);
        config[SERVER].seed[0] = (uint8_t)i;
        first_connection(config, &session);
        memcpy(nonce[i], session.ticket + 4, 12);
        assert_memory_not_equal(nonce[i], zero, 12);
        for (unsigned k = 0; k < i; k++) {
            assert_memory_not_equal(nonce[i], nonce[k], 12);
        }
    }
}

static void what_is_sealed_but_does_not_fit_is_passed_over(void **state)
{
    (void)state;
    static const struct {
        unsigned key, at;
        const char *bytes;
        enum weir_dtls_ticket_fate want;
        uint8_t keys; /* that the server says it has; 0: both */
    } row[] = {
        { 0, 0, "01", WEIR_DTLS_TICKET_TAKEN, 0 },
        { 1, 0, "01", WEIR_DTLS_TICKET_TAKEN, 0 },
        { 0, 0, "01", WEIR_DTLS_TICKET_TAKEN, 1 },
        { 1, 0, "01", WEIR_DTLS_TICKET_UNKNOWN, 1 },
        { 0, 0, "00", WEIR_DTLS_TICKET_UNKNOWN, 0 },
        { 0, 0, "02", WEIR_DTLS_TICKET_UNKNOWN, 0 },
        { 0, 1, "1303", WEIR_DTLS_TICKET_TAKEN, 0 }, /* the same hash */
        { 0, 1, "1302", WEIR_DTLS_TICKET_UNFIT, 0 },
        { 0, 1, "1304", WEIR_DTLS_TICKET_UNKNOWN, 0 },
        { 0, 1, "c02b", WEIR_DTLS_TICKET_UNKNOWN, 0 },
        { 0, 3, "0000080000000000", WEIR_DTLS_TICKET_UNKNOWN, 0 }, /* no time: nothing is reckoned with it */
        { 0, 3, "ffffffffffffffff", WEIR_DTLS_TICKET_UNKNOWN, 0 },
        { 0, 3, "000007ffffffffff", WEIR_DTLS_TICKET_EXPIRED, 0 },
        { 0, 3, "000000006ab13bbc", WEIR_DTLS_TICKET_TAKEN, 0 }, /* 60 s ahead */
        { 0, 3, "000000006ab13bbd", WEIR_DTLS_TICKET_EXPIRED, 0 },
        { 0, 59, "ff", WEIR_DTLS_TICKET_OTHERS, 0 },
        { 0, 90, "ff", WEIR_DTLS_TICKET_OTHERS, 0 },
        { 0, 91, "ff", WEIR_DTLS_TICKET_OTHERS, 0 },
    };
    assert_int_equal(BEGUN_S + 60, 0x6ab13bbc);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct sim s;
        uint8_t plain[PLAIN];
        both_configs(config);
        first_connection(config, &session);
        assert_true(open_ticket(config[SERVER].ticket_key[0], session.ticket, plain));
        (void)test_unhex(row[i].bytes, plain + row[i].at, 8);
        seal_ticket(config[SERVER].ticket_key[row[i].key], plain, session.ticket);
        config[CLIENT].session = &session;
        config[SERVER].ticket_keys = row[i].keys != 0 ? row[i].keys : 2;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_true(sim_connect(&s, WEIR_SEC));
        if (weir_dtls_ticket(&s.end[SERVER].d) != row[i].want) {
            fail_msg("row %zu: %s", i, weir_dtls_ticket_name(weir_dtls_ticket(&s.end[SERVER].d)));
        }
        assert_int_equal(weir_dtls_ticket(&s.end[CLIENT].d),
                         row[i].want == WEIR_DTLS_TICKET_TAKEN ? WEIR_DTLS_TICKET_TAKEN
                                                               : WEIR_DTLS_TICKET_REFUSED);
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* Put so many tickets that nobody knows before the one of this hello. Its binder is then wrong: who looks at
 * the ticket says so. */
static void put_before(struct weir_dtls *d, unsigned strangers)
{
    size_t n = 0, entry;
    uint8_t body[2048];
    struct dtls_hello h;
    const uint8_t *old = edit_find(d, MESSAGE_CLIENT_HELLO, &n, &entry);
    assert_non_null(old);
    assert_int_equal(weir_dtls_hello_parse_client(weir_span_of(old, n), &h), WEIR_DTLS_OK);
    const struct dtls_extension *psk = &h.extension[h.extensions - 1];
    assert_int_equal(psk->type, EXTENSION_PRE_SHARED_KEY);
    size_t list_at = (size_t)(h.extension[0].body.p - old) - 6, psk_at = (size_t)(psk->body.p - old) - 4;
    struct weir_wr w = weir_wr_of((struct weir_mspan){ body, sizeof body });
    weir_wr_bytes(&w, weir_span_of(old, psk_at));
    weir_wr_u16(&w, EXTENSION_PRE_SHARED_KEY);
    struct weir_mark whole = weir_wr_open(&w, 2);
    struct weir_mark identities = weir_wr_open(&w, 2);
    for (unsigned i = 0; i < strangers; i++) {
        weir_wr_u16(&w, WHOLE);
        weir_wr_zero(&w, WHOLE + 4);
    }
    weir_wr_bytes(&w, weir_span_of(psk->body.p + 2, 2 + WHOLE + 4));
    weir_wr_close(&w, identities);
    struct weir_mark binders = weir_wr_open(&w, 2);
    for (unsigned i = 0; i <= strangers; i++) {
        weir_wr_u8(&w, 32);
        weir_wr_zero(&w, 32);
    }
    weir_wr_close(&w, binders);
    weir_wr_close(&w, whole);
    n = weir_wr_done(&w);
    weir_put16(body + list_at, (uint16_t)(n - list_at - 2));
    assert_true(edit_replace(d, MESSAGE_CLIENT_HELLO, weir_span_of(body, n)));
}

static void four_tickets_of_a_hello_are_tried(void **state)
{
    (void)state;
    for (unsigned strangers = 0; strangers < 6; strangers++) {
        struct weir_dtls_config config[2];
        struct weir_dtls_session session;
        struct sim s;
        both_configs(config);
        first_connection(config, &session);
        config[CLIENT].session = &session;
        sim_init(&s, &config[CLIENT], &config[SERVER]);
        assert_int_equal(weir_dtls_start(&s.end[CLIENT].d, s.now), WEIR_OK);
        put_before(&s.end[CLIENT].d, strangers);
        sim_drain(&s, CLIENT);
        sim_run(&s, 15 * WEIR_MS);
        uint32_t wrong = s.end[SERVER].d.verdicts[WEIR_DTLS_HELLO_BINDER];
        assert_int_equal(wrong != 0, strangers < 4);
        assert_int_equal(s.end[SERVER].d.state, strangers < 4 ? WEIR_DTLS_NEW : WEIR_DTLS_HANDSHAKE);
        assert_int_equal(weir_dtls_ticket(&s.end[SERVER].d),
                         strangers < 4 ? WEIR_DTLS_TICKET_NONE : WEIR_DTLS_TICKET_UNKNOWN);
        sim_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_holds_what_is_said),
        cmocka_unit_test(each_ticket_has_a_nonce_of_its_own),
        cmocka_unit_test(what_is_sealed_but_does_not_fit_is_passed_over),
        cmocka_unit_test(four_tickets_of_a_hello_are_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
