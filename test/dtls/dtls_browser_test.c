/* What real browsers sent: their hellos are answered, and a recorded handshake checks our key
 * schedule and record protection against an implementation that is not ours. */
#include "test/dtls/dtls_sim.h"

/* -- Hellos ------------------------------------------------------------------------------------ */

struct capture {
    struct weir_mspan file;
    struct weir_span datagram[16];
    uint8_t from[16];
    unsigned count;
};

/* Datagrams behind a length of two bytes, and a direction of one if there is any. */
static void capture_open(struct capture *c, const char *path, bool has_direction)
{
    memset(c, 0, sizeof *c);
    c->file = test_read_file(path);
    struct weir_rd rd = weir_rd_of(weir_span_const(c->file));
    while (rd.n != 0) {
        struct weir_rd one;
        assert_true(c->count < 16);
        assert_true(!has_direction || weir_rd_u8(&rd, &c->from[c->count]));
        assert_true(weir_rd_sub16(&rd, &one));
        c->datagram[c->count++] = weir_rd_rest(&one);
    }
}

static const char *const hello_file[] = {
    "test/data/dtls/cr-data.bin",
    "test/data/dtls/cr-data-nopqc.bin",
    "test/data/dtls/ff-data.bin",
};

static void hear_copy(struct sim *s, unsigned who, struct weir_span datagram)
{
    uint8_t bytes[1500];
    assert_true(weir_copy_into(bytes, sizeof bytes, datagram));
    sim_hear(s, who, bytes, datagram.n);
}

static void check_answered(struct sim *s)
{
    struct weir_dtls *d = &s->end[SERVER].d;
    assert_int_equal(d->state, WEIR_DTLS_HANDSHAKE);
    assert_int_equal(d->step, STEP_SERVER12_WAIT_CERTIFICATE);
    assert_string_equal(weir_dtls_suite_name(d), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    assert_int_equal(d->srtp_profile, WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(exchange_of(d)->group, WEIR_X25519);
    assert_int_equal(s->end[SERVER].sent, 1);
    assert_true(s->end[SERVER].sent_bytes > 500);
}

static void hellos_of_browsers_are_answered_in_any_order_of_their_datagrams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hello_file / sizeof hello_file[0]; i++) {
        for (unsigned backwards = 0; backwards < 2; backwards++) {
            struct sim s;
            struct capture c;
            sim_init_default(&s, 60);
            capture_open(&c, hello_file[i], false);
            for (unsigned k = 0; k < c.count; k++) {
                hear_copy(&s, SERVER, c.datagram[backwards != 0 ? c.count - 1 - k : k]);
            }
            check_answered(&s);
            free(c.file.p);
            sim_free(&s);
        }
    }
}

/* The same hellos list 1.3 first, and the larger ones come with a post-quantum share, taken where
 * the provider has ML-KEM and passed over elsewhere. */
static void hellos_of_browsers_are_answered_with_13_in_any_order_of_their_datagrams(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof hello_file / sizeof hello_file[0]; i++) {
        struct sim s;
        struct capture c;
        struct weir_dtls_config client = sim_config(CLIENT, 64), server = sim_config(SERVER, 65);
        server.version_max = WEIR_DTLS_1_3;
        server.groups = 0;
        sim_init(&s, &client, &server);
        capture_open(&c, hello_file[i / 2], false);
        for (unsigned k = 0; k < c.count; k++) {
            hear_copy(&s, SERVER, c.datagram[i % 2 != 0 ? c.count - 1 - k : k]);
        }
        const struct weir_dtls *d = &s.end[SERVER].d;
        assert_int_equal(d->step, STEP_SERVER13_WAIT_CERTIFICATE);
        assert_string_equal(weir_dtls_version_name(d), "DTLS 1.3");
        assert_string_equal(weir_dtls_suite_name(d), "TLS_AES_128_GCM_SHA256");
        assert_int_equal(d->srtp_profile, WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
        bool has_hybrid = server.crypto->kem_keygen != NULL && i / 2 != 1;
        assert_int_equal(exchange_of(d)->group, has_hybrid ? WEIR_DTLS_X25519MLKEM768 : WEIR_X25519);
        assert_int_equal(s.end[SERVER].sent, has_hybrid ? 2 : 1);
        free(c.file.p);
        sim_free(&s);
    }
}

/* Torn into far smaller pieces than browsers send, mixed and doubled. */
static void a_hello_of_1400_bytes_may_come_in_any_pieces(void **state)
{
    (void)state;
    static const size_t size[] = { 1, 13, 200, 700, 1400 };
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        struct sim s;
        struct capture c;
        struct weir_dtls_config client = sim_config(CLIENT, 66), server = sim_config(SERVER, 67);
        server.version_max = WEIR_DTLS_1_3;
        sim_init(&s, &client, &server);
        capture_open(&c, hello_file[2], false);
        s.tear = size[i];
        s.is_shuffled = true;
        for (unsigned k = 0; k < 2 * c.count; k++) {
            uint8_t bytes[1500];
            assert_true(weir_copy_into(bytes, sizeof bytes, c.datagram[k % c.count]));
            sim_tear(&s, SERVER, bytes, c.datagram[k % c.count].n);
        }
        s.tear = 0;
        while (s.end[SERVER].sent == 0) {
            assert_true(sim_step(&s, WEIR_NEVER - 1));
        }
        assert_int_equal(s.end[SERVER].d.step, STEP_SERVER13_WAIT_CERTIFICATE);
        free(c.file.p);
        sim_free(&s);
    }
}

static void half_a_hello_is_not_answered_and_the_rest_may_come_later(void **state)
{
    (void)state;
    struct sim s;
    struct capture c;
    sim_init_default(&s, 61);
    capture_open(&c, hello_file[0], false);
    assert_int_equal(c.count, 2);
    for (unsigned i = 0; i < 5; i++) {
        hear_copy(&s, SERVER, c.datagram[0]);
        s.now += WEIR_SEC - 1;
    }
    assert_int_equal(s.end[SERVER].sent, 0);
    assert_int_equal(weir_dtls_deadline(&s.end[SERVER].d), s.now + 5);
    hear_copy(&s, SERVER, c.datagram[1]);
    check_answered(&s);
    free(c.file.p);
    sim_free(&s);
}

static void a_hello_of_a_client_with_dtls_12_alone_is_answered(void **state)
{
    (void)state;
    static const char *const file[] = { "test/data/dtls/ff-dtls12.bin",
                                        "test/data/dtls/ff-aiortc-dtls12.bin" };
    for (unsigned i = 0; i < 2; i++) {
        struct sim s;
        struct capture c;
        sim_init_default(&s, 62);
        capture_open(&c, file[i], true);
        hear_copy(&s, SERVER, c.datagram[0]);
        assert_int_equal(s.end[SERVER].d.step, STEP_SERVER12_WAIT_CERTIFICATE);
        free(c.file.p);
        sim_free(&s);
    }
}

/* [RFC 8446 4.1.3] The last bytes of a random tell a client that its 1.3 was not taken: only a
 * server that has 1.3 says so. */
static void a_server_of_12_alone_sends_no_downgrade_sentinel(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sim s;
        sim_init_default(&s, seed);
        assert_memory_not_equal(s.end[SERVER].d.server_random + 24, "DOWNGRD", 7);
        sim_free(&s);
    }
}

/* -- A recorded handshake ---------------------------------------------------------------------- */

/* Stand in for one end of the recording: know the master secret, follow the messages, open what is
 * protected with the peer's key. */
static void keys_of_recording(struct weir_dtls *d, bool from_client)
{
    uint8_t block[40];
    struct weir_span server = weir_span_of(d->server_random, 32);
    weir_tls12_prf(weir_crypto_default(), WEIR_SHA256, weir_span_of(d->secret[WEIR_DTLS_SECRET_MASTER], 48), "key expansion",
                   server, weir_span_of(d->client_random, 32), (struct weir_mspan){ block, 40 });
    memset(&d->rx, 0, sizeof d->rx);
    assert_true(weir_crypto_default()->aead_init(&d->rx.aead, WEIR_AES_128_GCM,
                                                 block + (from_client ? 0 : 16)));
    memcpy(d->rx.iv, block + (from_client ? 32 : 36), 4);
    d->rx.is_ready = true;
}

static void note_message(struct weir_dtls *d, uint8_t type, uint16_t seq, struct weir_span body)
{
    static uint8_t message[4096];
    size_t n = message_bytes(message, type, seq, body);
    for (unsigned i = 0; i < 2; i++) {
        weir_crypto_default()->hash_update(&exchange_of(d)->transcript[i], weir_span_of(message, n));
    }
}

static void take_message(struct weir_dtls *d, uint8_t type, struct weir_span body)
{
    struct dtls_hello h;
    if (type == MESSAGE_CLIENT_HELLO) {
        assert_int_equal(weir_dtls_hello_parse_client(body, &h), WEIR_DTLS_OK);
        memcpy(d->client_random, h.random.p, 32);
    } else if (type == MESSAGE_SERVER_HELLO) {
        assert_int_equal(weir_dtls_hello_parse_server(body, &h), WEIR_DTLS_OK);
        memcpy(d->server_random, h.random.p, 32);
        d->suite = h.suite;
    }
}

static void a_recorded_handshake_of_others_comes_out_with_our_keys(void **state)
{
    (void)state;
    struct capture c;
    static struct sim_whole w;
    static struct weir_dtls_reassembly side[2];
    unsigned finished = 0;
    struct weir_dtls_config config = sim_config(CLIENT, 63);
    sim_alone(&w, &config, 0);
    assert_true(weir_dtls_lease(&w.d, 0));
    weir_dtls_transcript_begin(&w.d);
    memset(side, 0, sizeof side);
    capture_open(&c, "test/data/dtls/ff-aiortc-dtls12.bin", true);
    struct weir_mspan keys = test_read_file("test/data/dtls/ff-aiortc-dtls12.keys");
    char secret[97];
    /* "CLIENT_RANDOM", 64 digits of the random, 96 of the master secret, at the end of the file */
    assert_true(keys.n > 97);
    memcpy(secret, keys.p + keys.n - 97, 96);
    secret[96] = '\0';
    assert_int_equal(test_unhex(secret, w.d.secret[WEIR_DTLS_SECRET_MASTER], 48), 48);
    w.d.has_secret = 1u << WEIR_DTLS_SECRET_MASTER;
    for (unsigned i = 0; i < c.count; i++) {
        uint8_t bytes[1500];
        assert_true(weir_copy_into(bytes, sizeof bytes, c.datagram[i]));
        struct weir_mspan rest = { bytes, c.datagram[i].n };
        struct dtls_record r;
        while (rest.n != 0) {
            assert_int_equal(weir_dtls_record_take(&rest, weir_span_of(NULL, 0), &r), WEIR_DTLS_OK);
            assert_int_equal(weir_dtls_record_check(&w.d, &r), WEIR_DTLS_OK);
            if (r.epoch == 1) {
                keys_of_recording(&w.d, c.from[i] == 0);
                memset(&w.d.rx.window, 0, sizeof w.d.rx.window);
                assert_int_equal(weir_dtls_record_open(&w.d, &r), WEIR_DTLS_OK);
            }
            struct weir_rd rd = weir_rd_of(weir_span_const(r.body));
            struct dtls_fragment f;
            uint8_t type;
            struct weir_span body;
            if (r.type != CONTENT_HANDSHAKE) {
                continue;
            }
            assert_int_equal(weir_dtls_fragment_take(&rd, &f), WEIR_DTLS_OK);
            assert_int_equal(weir_dtls_reassembly_add(&side[c.from[i]], &f, true), WEIR_DTLS_OK);
            while (weir_dtls_reassembly_ready(&side[c.from[i]], &type, &body)) {
                uint8_t expected[VERIFY_DATA_BYTES];
                take_message(&w.d, type, body);
                if (type == MESSAGE_FINISHED) {
                    weir_dtls12_verify_data(&w.d, c.from[i] == 0, expected);
                    test_assert_bytes(body, weir_span_of(expected, sizeof expected));
                    finished++;
                }
                note_message(&w.d, type, side[c.from[i]].next, body);
                weir_dtls_reassembly_pop(&side[c.from[i]]);
            }
        }
    }
    assert_int_equal(finished, 2);
    free(keys.p);
    free(c.file.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellos_of_browsers_are_answered_in_any_order_of_their_datagrams),
        cmocka_unit_test(hellos_of_browsers_are_answered_with_13_in_any_order_of_their_datagrams),
        cmocka_unit_test(a_hello_of_1400_bytes_may_come_in_any_pieces),
        cmocka_unit_test(half_a_hello_is_not_answered_and_the_rest_may_come_later),
        cmocka_unit_test(a_hello_of_a_client_with_dtls_12_alone_is_answered),
        cmocka_unit_test(a_server_of_12_alone_sends_no_downgrade_sentinel),
        cmocka_unit_test(a_recorded_handshake_of_others_comes_out_with_our_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
