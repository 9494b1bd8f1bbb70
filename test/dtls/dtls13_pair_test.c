/* DTLS 1.3 between two ends of ours: every suite, group and retry, mixed versions, and every loss,
 * duplicate, delay and fragmentation. */
#include "test/dtls/dtls13_sim.h"

static void a_handshake_connects_both_ends(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 1);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_check_up(&s);
    assert_string_equal(weir_dtls_suite_name(&s.end[0].d), "TLS_AES_128_GCM_SHA256");
    assert_string_equal(weir_dtls_version_name(&s.end[0].d), "DTLS 1.3");
    assert_string_equal(weir_dtls_version_name(&s.end[1].d), "DTLS 1.3");
    assert_int_equal(weir_dtls_srtp(&s.end[0].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(weir_dtls_srtp(&s.end[1].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
    /* Two flights of the client, one and an ACK of the server, one datagram each; then data. */
    assert_int_equal(s.end[0].d.resends + s.end[1].d.resends, 0);
    assert_int_equal(s.end[CLIENT].sent, 2 + 1);
    assert_int_equal(s.end[SERVER].sent, 2 + 1);
    assert_int_equal(weir_dtls_deadline(&s.end[0].d), WEIR_NEVER);
    assert_int_equal(weir_dtls_deadline(&s.end[1].d), WEIR_NEVER);
    sim_free(&s);
}

/* -- Choices ----------------------------------------------------------------------------------- */

static void every_suite_and_group_connects(void **state)
{
    (void)state;
    static const struct {
        struct offer offer;
        const char *suite;
        uint16_t group;
        bool is_retried;
    } row[] = {
        { { 0x1301, { 0 }, { 0 } }, "TLS_AES_128_GCM_SHA256", WEIR_X25519, false },
        { { 0x1302, { 0 }, { 0 } }, "TLS_AES_256_GCM_SHA384", WEIR_X25519, false },
        { { 0x1303, { 0 }, { 0 } }, "TLS_CHACHA20_POLY1305_SHA256", WEIR_X25519, false },
        { { 0x1301, { WEIR_X25519 }, { WEIR_X25519 } }, "TLS_AES_128_GCM_SHA256", WEIR_X25519, false },
        { { 0x1301, { WEIR_P256 }, { WEIR_P256 } }, "TLS_AES_128_GCM_SHA256", WEIR_P256, false },
        { { 0x1302, { WEIR_P256 }, { WEIR_P256 } }, "TLS_AES_256_GCM_SHA384", WEIR_P256, false },
        { { 0x1303, { WEIR_P256, WEIR_X25519 }, { WEIR_P256 } }, "TLS_CHACHA20_POLY1305_SHA256",
          WEIR_P256, false },
        /* The share of a group that we do not have: its post-quantum number, and one that nobody has. */
        { { 0x1301, { 0x11ec, WEIR_P384 }, { 0x11ec } }, "TLS_AES_128_GCM_SHA256", WEIR_P384, true },
        { { 0x1302, { 0x11ec, WEIR_P384 }, { 0x11ec } }, "TLS_AES_256_GCM_SHA384", WEIR_P384, true },
        { { 0x1303, { WEIR_P384 }, { 0 } }, "TLS_CHACHA20_POLY1305_SHA256", WEIR_P384, true },
        { { 0x1301, { 0x7a7a, WEIR_X25519 }, { 0x7a7a, WEIR_X25519 } }, "TLS_AES_128_GCM_SHA256",
          WEIR_X25519, false },
        { { 0, { 0 }, { 0 } }, "TLS_AES_128_GCM_SHA256", WEIR_X25519, false },
        { { 0, { WEIR_P384 }, { 0 } }, "TLS_AES_128_GCM_SHA256", WEIR_P384, true },
        { { 0, { 0x11ec, WEIR_P384 }, { 0x11ec } }, "TLS_AES_128_GCM_SHA256", WEIR_P384, true },
    };
    for (size_t i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 30 + i), v = sim_config(SERVER, 60 + i);
        v.requires_cookie = i % 2 != 0;
        if (row[i / 2].offer.shares[0] == WEIR_P256) { /* the key that the client makes first */
            c.group[0] = WEIR_P256;
            c.group[1] = WEIR_X25519;
            c.groups = 2;
        }
        if (v.requires_cookie && row[i / 2].offer.suite != 0) {
            continue; /* the client's second hello has all suites, and the cookie is not for it */
        }
        sim_init(&s, &c, &v);
        s.edit = narrow;
        s.edit_with = &row[i / 2].offer;
        uint16_t group = 0;
        sim_start(&s);
        while (!sim_is_up(&s) && sim_step(&s, 1010 * WEIR_SEC)) {
            const struct weir_dtls *server = &s.end[SERVER].d;
            bool is_told = weir_dtls_has_block(server) && exchange_of(server)->group != 0;
            group = is_told ? exchange_of(server)->group : group;
        }
        if (!sim_is_up(&s)) {
            fail_msg("row %zu: %s, %s", i, weir_dtls_verdict_name(s.end[0].d.fail_verdict),
                     weir_dtls_verdict_name(s.end[1].d.fail_verdict));
        }
        assert_string_equal(weir_dtls_suite_name(&s.end[0].d), row[i / 2].suite);
        assert_string_equal(weir_dtls_suite_name(&s.end[1].d), row[i / 2].suite);
        assert_int_equal(group, row[i / 2].group);
        sim_run(&s, WEIR_SEC);
        bool is_retried = row[i / 2].is_retried || v.requires_cookie;
        assert_int_equal(s.end[CLIENT].sent, is_retried ? 3 : 2);
        assert_int_equal(s.end[SERVER].sent, is_retried ? 3 : 2);
        s.edit = NULL;
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* -- Versions ---------------------------------------------------------------------------------- */

static void two_ranges_of_versions_meet_in_the_newest(void **state)
{
    (void)state;
    static const struct {
        uint8_t client[2], server[2];
        const char *version;
    } row[] = {
        { { 0, 0 }, { 0, 0 }, "DTLS 1.3" },     { { 12, 13 }, { 12, 13 }, "DTLS 1.3" },
        { { 13, 13 }, { 0, 0 }, "DTLS 1.3" },   { { 0, 0 }, { 13, 13 }, "DTLS 1.3" },
        { { 12, 12 }, { 0, 0 }, "DTLS 1.2" },   { { 0, 0 }, { 12, 12 }, "DTLS 1.2" },
        { { 12, 12 }, { 12, 12 }, "DTLS 1.2" }, { { 13, 13 }, { 12, 12 }, NULL },
        { { 12, 12 }, { 13, 13 }, NULL },       { { 13, 13 }, { 13, 13 }, "DTLS 1.3" },
        { { 1, 200 }, { 200, 1 }, "DTLS 1.3" }, /* out of range: brought into it */
    };
    for (size_t i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 90), v = sim_config(SERVER, 91);
        c.version_min = row[i / 2].client[0];
        c.version_max = row[i / 2].client[1];
        v.version_min = row[i / 2].server[0];
        v.version_max = row[i / 2].server[1];
        v.requires_cookie = i % 2 != 0;
        sim_init(&s, &c, &v);
        assert_int_equal(sim_connect(&s, 2 * WEIR_SEC), row[i / 2].version != NULL);
        if (row[i / 2].version != NULL) {
            assert_string_equal(weir_dtls_version_name(&s.end[0].d), row[i / 2].version);
            assert_string_equal(weir_dtls_version_name(&s.end[1].d), row[i / 2].version);
            sim_check_up(&s);
        }
        sim_free(&s);
    }
}

/* -- Loss, duplicates, delay ------------------------------------------------------------------- */

struct way {
    uint16_t mtu;
    bool is_retried, has_cookie;
    uint64_t drop, twice, late;
};

static void converse(struct way way)
{
    static const struct offer p384 = { 0, { WEIR_P384 }, { 0 } };
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 2), v = sim_config(SERVER, 3);
    c.mtu = v.mtu = way.mtu;
    v.requires_cookie = way.has_cookie;
    sim_init(&s, &c, &v);
    s.drop = way.drop;
    s.twice = way.twice;
    s.late = way.late;
    if (way.is_retried) {
        s.edit = narrow;
        s.edit_with = &p384;
    }
    if (!sim_connect(&s, 8 * WEIR_SEC)) {
        fail_msg("mtu %u, drop %llx twice %llx late %llx: client in step %u, server in step %u",
                 way.mtu, (unsigned long long)way.drop, (unsigned long long)way.twice,
                 (unsigned long long)way.late, s.end[0].d.step, s.end[1].d.step);
    }
    sim_check_up(&s);
    sim_run(&s, 10 * WEIR_SEC);
    /* Whatever happened, both ends are at rest, and nobody waits for anything. */
    assert_int_equal(weir_dtls_deadline(&s.end[0].d), WEIR_NEVER);
    assert_int_equal(weir_dtls_deadline(&s.end[1].d), WEIR_NEVER);
    assert_int_equal(s.arena.leased, 0);
    sim_free(&s);
}

static void attack_D31_any_single_or_double_loss_is_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        for (unsigned k = i; k < 9; k++) {
            converse((struct way){ .drop = (uint64_t)1 << i | (uint64_t)1 << k });
        }
    }
}

static void attack_D31_any_double_loss_with_a_retry_or_a_cookie_is_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        for (unsigned k = i; k < 9; k++) {
            uint64_t drop = (uint64_t)1 << i | (uint64_t)1 << k;
            converse((struct way){ .drop = drop, .is_retried = true });
            converse((struct way){ .drop = drop, .has_cookie = true });
        }
    }
}

static void attack_D31_any_double_loss_of_a_torn_flight_is_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 14; i++) {
        for (unsigned k = i; k < 14; k++) {
            converse((struct way){ .drop = (uint64_t)1 << i | (uint64_t)1 << k, .mtu = 300 });
        }
    }
}

static void any_datagram_may_come_twice(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 14; i++) {
        converse((struct way){ .twice = (uint64_t)1 << i });
        converse((struct way){ .twice = (uint64_t)1 << i, .mtu = 300 });
    }
    converse((struct way){ .twice = UINT64_MAX, .mtu = 300 });
    converse((struct way){ .twice = UINT64_MAX, .mtu = 300, .has_cookie = true });
}

static void any_datagram_may_come_late(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 14; i++) {
        converse((struct way){ .late = (uint64_t)1 << i });
        converse((struct way){ .late = (uint64_t)1 << i, .mtu = 300 });
        converse((struct way){ .late = (uint64_t)1 << i, .mtu = 300, .is_retried = true });
    }
    converse((struct way){ .late = 0x5555555555555555u, .mtu = 256 });
}

static void every_mtu_works(void **state)
{
    (void)state;
    for (uint16_t mtu = 128; mtu <= 1500; mtu = (uint16_t)(mtu + 49)) {
        converse((struct way){ .mtu = mtu });
        converse((struct way){ .mtu = mtu, .has_cookie = true });
    }
    converse((struct way){ .mtu = 1 });
    converse((struct way){ .mtu = UINT16_MAX });
}

static void random_paths_of_all_kinds_work(void **state)
{
    (void)state;
    uint64_t seed = test_seed(1);
    for (uint64_t i = seed; i < seed + 60; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, i), v = sim_config(SERVER, i + 1);
        c.mtu = v.mtu = (uint16_t)(128 + i * 97 % 1200);
        v.requires_cookie = i % 3 == 0;
        sim_init(&s, &c, &v);
        weir_rand_init_number(&s.rand, i);
        s.loss_permille = (uint32_t)(i % 4) * 100;
        s.is_shuffled = true;
        s.twice = weir_rand_u64(&s.rand);
        if (!sim_connect(&s, 30 * WEIR_SEC)) {
            fail_msg("WEIR_SEED=%llu", (unsigned long long)i);
        }
        s.loss_permille = 0;
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void fragments_of_every_size_and_order_make_messages(void **state)
{
    (void)state;
    static const size_t size[] = { 1, 2, 3, 7, 16, 100, 255 };
    for (size_t i = 0; i < 2 * sizeof size / sizeof size[0]; i++) {
        struct sim s;
        sim_init_default(&s, 20);
        s.tear = size[i / 2]; /* hellos: what is protected cannot be torn by others */
        s.is_shuffled = i % 2 != 0;
        if (!sim_connect(&s, 5 * WEIR_SEC)) {
            fail_msg("fragments of %zu bytes", size[i / 2]);
        }
        s.tear = 0;
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* -- Time -------------------------------------------------------------------------------------- */

static void a_client_that_never_hears_the_last_ack_gives_up(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 6);
    sim_start(&s);
    while (s.end[CLIENT].d.state != WEIR_DTLS_CONNECTED) {
        assert_true(sim_step(&s, WEIR_NEVER - 1));
    }
    sim_drain(&s, CLIENT);
    s.count = 0;
    s.drop = UINT64_MAX;
    s.loss_permille = 1000;
    weir_time begun = s.now;
    unsigned sent = s.end[CLIENT].sent;
    sim_run(&s, 60 * WEIR_SEC);
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_FAILED);
    assert_int_equal(s.end[CLIENT].last.reason, WEIR_DTLS_REASON_TIMEOUT);
    assert_in_range(s.now - begun, 30 * WEIR_SEC, 61 * WEIR_SEC);
    assert_in_range(s.end[CLIENT].sent - sent, 5, 40); /* in smaller datagrams, too */
    assert_int_equal(weir_dtls_deadline(&s.end[CLIENT].d), WEIR_NEVER);
    sim_free(&s);
}

/* The peer could not hear the first hello: it is told so, and says it again, once. */
static void a_hello_that_met_nobody_is_repeated_when_the_path_is_ready(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 7);
    weir_dtls_path_hint(&s.end[CLIENT].d); /* nothing was said yet */
    s.drop = 1;
    sim_start(&s);
    s.now += WEIR_MS;
    weir_dtls_path_hint(&s.end[CLIENT].d);
    sim_drain(&s, CLIENT);
    assert_int_equal(s.end[CLIENT].sent, 2);
    weir_dtls_path_hint(&s.end[CLIENT].d);
    weir_dtls_path_hint(&s.end[SERVER].d);
    sim_drain(&s, CLIENT);
    assert_int_equal(s.end[CLIENT].sent, 2);
    assert_true(sim_await(&s, 40 * WEIR_MS)); /* long before the timer */
    weir_dtls_path_hint(&s.end[CLIENT].d);
    sim_drain(&s, CLIENT);
    assert_int_equal(s.end[CLIENT].sent, 3);
    sim_check_up(&s);
    sim_free(&s);
}

static void data_that_overtakes_the_last_flight_is_delivered_after_it(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 4);
    s.late = 1 << 2; /* the client's Certificate to Finished */
    sim_start(&s);
    while (s.end[CLIENT].d.state != WEIR_DTLS_CONNECTED) {
        assert_true(sim_step(&s, WEIR_NEVER - 1));
    }
    assert_true(sim_write(&s, CLIENT, "early bird") != 0);
    sim_run(&s, 500 * WEIR_MS);
    assert_true(sim_is_up(&s));
    assert_true(s.end[SERVER].d.verdicts[WEIR_DTLS_RECORD_EARLY] != 0);
    assert_int_equal(s.end[SERVER].got_count, 1);
    assert_memory_equal(s.end[SERVER].got, "early bird", 10);
    sim_free(&s);
}

/* -- Secrets, determinism, memory --------------------------------------------------------------- */

static void both_ends_tell_the_same_secrets_and_wipe_them(void **state)
{
    (void)state;
    struct sim s;
    static const struct weir_dtls_exchange zero;
    uint8_t random[2][32], secret[2][WEIR_DTLS_SECRETS][WEIR_DTLS_SECRET_MAX];
    size_t n;
    sim_init_default(&s, 24);
    assert_true(sim_connect(&s, WEIR_SEC));
    assert_memory_equal(exchange_of(&s.end[0].d), &zero, sizeof zero);
    assert_memory_equal(exchange_of(&s.end[1].d), &zero, sizeof zero);
    for (unsigned i = 0; i < WEIR_DTLS_SECRETS; i++) {
        for (unsigned who = 0; who < 2; who++) {
            enum weir_dtls_secret which = (enum weir_dtls_secret)i;
            assert_int_equal(weir_dtls_keylog(&s.end[who].d, which, random[who], secret[who][i], &n),
                             which != WEIR_DTLS_SECRET_MASTER);
            assert_true(strlen(weir_dtls_secret_label(which)) > 8);
        }
        if (i != WEIR_DTLS_SECRET_MASTER) {
            assert_int_equal(n, 32);
            assert_memory_equal(secret[0][i], secret[1][i], n);
            assert_memory_equal(random[0], random[1], 32);
        }
    }
    static struct sim_whole w;
    struct weir_dtls *d = sim_snap(&w, &s.end[0].d);
    weir_dtls_close(&s.end[0].d, s.now);
    assert_false(weir_dtls_keylog(&s.end[0].d, WEIR_DTLS_SECRET_EXPORTER, random[0], secret[0][0], &n));
    weir_dtls_deinit(d);
    const uint8_t *p = (const uint8_t *)&w;
    for (unsigned i = 1; i < WEIR_DTLS_SECRETS; i++) {
        for (size_t at = 0; at + 32 <= sizeof w; at++) {
            assert_memory_not_equal(p + at, secret[1][i], 32);
        }
    }
    sim_free(&s);
}

static void without_a_key_log_only_the_exporter_secret_stays(void **state)
{
    (void)state;
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 25), v = sim_config(SERVER, 26);
    c.has_keylog = v.has_keylog = false;
    sim_init(&s, &c, &v);
    assert_true(sim_connect(&s, WEIR_SEC));
    static const uint8_t zero[WEIR_DTLS_SECRET_MAX];
    for (unsigned i = 0; i < WEIR_DTLS_SECRET_EXPORTER; i++) {
        assert_memory_equal(s.end[0].d.secret[i], zero, sizeof zero);
        assert_memory_equal(s.end[1].d.secret[i], zero, sizeof zero);
    }
    sim_check_up(&s);
    sim_free(&s);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    uint64_t digest[2][2];
    for (unsigned i = 0; i < 3; i++) {
        struct sim s;
        sim_init_default(&s, i < 2 ? 21 : 22);
        s.drop = 5;
        assert_true(sim_connect(&s, 3 * WEIR_SEC));
        if (i < 2) {
            digest[i][0] = s.end[0].digest;
            digest[i][1] = s.end[1].digest;
        } else {
            assert_int_not_equal(s.end[0].digest, digest[0][0]);
            assert_int_not_equal(s.end[1].digest, digest[0][1]);
        }
        sim_free(&s);
    }
    assert_int_equal(digest[0][0], digest[1][0]);
    assert_int_equal(digest[0][1], digest[1][1]);
}

static void a_copy_in_the_middle_goes_its_own_way(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 23);
    sim_start(&s);
    sim_run(&s, 15 * WEIR_MS); /* the server has answered */
    static struct sim_whole client, server;
    sim_snap(&client, &s.end[CLIENT].d);
    sim_snap(&server, &s.end[SERVER].d);
    sim_run(&s, WEIR_SEC);
    assert_true(sim_is_up(&s));
    sim_back(&s, CLIENT, &client);
    sim_back(&s, SERVER, &server);
    memset(s.end[CLIENT].told, 0, sizeof s.end[CLIENT].told);
    memset(s.end[SERVER].told, 0, sizeof s.end[SERVER].told);
    sim_run(&s, WEIR_SEC);
    assert_true(sim_is_up(&s));
    sim_check_up(&s);
    sim_free(&s);
}

/* -- Fingerprints, close ----------------------------------------------------------------------- */

static void fingerprints_may_come_after_the_handshake(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct sim s;
        unsigned who = i % 2;
        bool is_wrong = i >= 2;
        struct weir_dtls_config c[2] = { sim_config(CLIENT, 11), sim_config(SERVER, 12) };
        struct weir_dtls_fingerprint f = c[who].fingerprint[0];
        uint8_t key[60];
        c[who].fingerprints = 0;
        sim_init(&s, &c[0], &c[1]);
        sim_start(&s);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[1 - who].d.state, WEIR_DTLS_CONNECTED);
        assert_int_equal(s.end[who].d.state, WEIR_DTLS_UNVERIFIED);
        assert_int_equal(s.end[who].told[WEIR_DTLS_EVENT_CONNECTED], 0);
        assert_int_equal(weir_dtls_export(&s.end[who].d, "x", (struct weir_mspan){ key, 60 }),
                         WEIR_ERR_STATE);
        assert_int_equal(sim_write(&s, who, "not yet"), 0);
        assert_true(sim_write(&s, 1 - who, "too early") != 0);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[who].got_count, 0);
        assert_int_equal(s.end[who].d.verdicts[WEIR_DTLS_DATA_EARLY], 1);
        f.bytes[31] ^= is_wrong ? 1 : 0;
        assert_int_equal(weir_dtls_set_fingerprints(&s.end[who].d, s.now, &f, 1), WEIR_OK);
        sim_drain(&s, who);
        if (!is_wrong) {
            sim_check_up(&s);
        } else {
            sim_run(&s, WEIR_SEC);
            assert_int_equal(s.end[who].last.reason, WEIR_DTLS_REASON_FINGERPRINT);
            assert_int_equal(s.end[1 - who].last.reason, WEIR_DTLS_REASON_ALERT);
            assert_int_equal(s.end[1 - who].last.alert, ALERT_BAD_CERTIFICATE);
        }
        sim_free(&s);
    }
}

static void a_wrong_fingerprint_ends_it_before_it_connects(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        struct weir_dtls_config c[2] = { sim_config(CLIENT, 13), sim_config(SERVER, 14) };
        c[who].fingerprint[0].bytes[0] ^= 1;
        sim_init(&s, &c[0], &c[1]);
        sim_start(&s);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[who].d.state, WEIR_DTLS_FAILED);
        assert_int_equal(s.end[who].told[WEIR_DTLS_EVENT_CONNECTED], 0);
        assert_int_equal(s.end[who].last.reason, WEIR_DTLS_REASON_FINGERPRINT);
        assert_int_equal(s.end[1 - who].last.reason, WEIR_DTLS_REASON_ALERT);
        sim_free(&s);
    }
}

static void close_notify_reaches_the_other_end(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        sim_init_default(&s, 17);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        assert_true(sim_write(&s, 1 - who, "on its way") != 0);
        weir_dtls_close(&s.end[who].d, s.now);
        sim_drain(&s, who);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[who].d.state, WEIR_DTLS_CLOSED);
        assert_int_equal(s.end[1 - who].d.state, WEIR_DTLS_CLOSED);
        assert_int_equal(s.end[1 - who].told[WEIR_DTLS_EVENT_CLOSED], 1);
        assert_int_equal(s.end[who].got_count, 0);
        assert_int_equal(sim_write(&s, who, "after"), 0);
        assert_int_equal(s.count, 0);
        assert_int_equal(weir_dtls_deadline(&s.end[who].d), WEIR_NEVER);
        sim_free(&s);
    }
}

/* The client has written its last flight and closes before it is sent: the flight and the good-bye leave,
 * and no timer stays behind. */
static void a_close_at_once_still_lets_the_last_flight_go(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 18);
    sim_start(&s);
    assert_true(sim_step(&s, WEIR_NEVER - 1));
    struct sim_datagram g = *sim_next(&s);
    struct weir_mspan rest = { g.bytes, g.n };
    s.count = 0;
    while (rest.n != 0) {
        struct weir_span plain;
        weir_dtls_recv(&s.end[CLIENT].d, s.now, &rest, &plain);
    }
    assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_CONNECTED);
    weir_dtls_close(&s.end[CLIENT].d, s.now);
    sim_drain(&s, CLIENT);
    assert_int_equal(weir_dtls_deadline(&s.end[CLIENT].d), WEIR_NEVER);
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.end[SERVER].told[WEIR_DTLS_EVENT_CONNECTED], 1);
    assert_int_equal(s.end[SERVER].told[WEIR_DTLS_EVENT_CLOSED], 1);
    assert_int_equal(weir_dtls_deadline(&s.end[SERVER].d), WEIR_NEVER);
    sim_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_connects_both_ends),
        cmocka_unit_test(every_suite_and_group_connects),
        cmocka_unit_test(two_ranges_of_versions_meet_in_the_newest),
        cmocka_unit_test(attack_D31_any_single_or_double_loss_is_repaired),
        cmocka_unit_test(attack_D31_any_double_loss_with_a_retry_or_a_cookie_is_repaired),
        cmocka_unit_test(attack_D31_any_double_loss_of_a_torn_flight_is_repaired),
        cmocka_unit_test(any_datagram_may_come_twice),
        cmocka_unit_test(any_datagram_may_come_late),
        cmocka_unit_test(every_mtu_works),
        cmocka_unit_test(random_paths_of_all_kinds_work),
        cmocka_unit_test(fragments_of_every_size_and_order_make_messages),
        cmocka_unit_test(a_client_that_never_hears_the_last_ack_gives_up),
        cmocka_unit_test(a_hello_that_met_nobody_is_repeated_when_the_path_is_ready),
        cmocka_unit_test(data_that_overtakes_the_last_flight_is_delivered_after_it),
        cmocka_unit_test(both_ends_tell_the_same_secrets_and_wipe_them),
        cmocka_unit_test(without_a_key_log_only_the_exporter_secret_stays),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(a_copy_in_the_middle_goes_its_own_way),
        cmocka_unit_test(fingerprints_may_come_after_the_handshake),
        cmocka_unit_test(a_wrong_fingerprint_ends_it_before_it_connects),
        cmocka_unit_test(close_notify_reaches_the_other_end),
        cmocka_unit_test(a_close_at_once_still_lets_the_last_flight_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
