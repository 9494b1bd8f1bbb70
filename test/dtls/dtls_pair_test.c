/* Two ends, one path: a handshake comes through every loss, duplicate, delay and fragmentation. */
#include "test/dtls/dtls_sim.h"

static void a_handshake_connects_both_ends(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 1);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_check_up(&s);
    assert_string_equal(weir_dtls_suite_name(&s.end[0].d),
                        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    assert_string_equal(weir_dtls_version_name(&s.end[1].d), "DTLS 1.2");
    assert_int_equal(weir_dtls_srtp(&s.end[0].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(weir_dtls_srtp(&s.end[1].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
    /* Four flights, one datagram each, and nothing twice. */
    assert_int_equal(s.end[0].d.resends + s.end[1].d.resends, 0);
    assert_int_equal(s.end[CLIENT].sent, 2 + 1);
    assert_int_equal(s.end[SERVER].sent, 2 + 1);
    assert_int_equal(weir_dtls_deadline(&s.end[0].d), WEIR_NEVER);
    assert_int_equal(weir_dtls_deadline(&s.end[1].d), WEIR_NEVER);
    sim_free(&s);
}

/* -- Loss, duplicates, delay ------------------------------------------------------------------- */

/* A conversation with something done to the datagrams of its masks; both ends come up, and data
 * flows afterwards. */
static void converse(uint64_t drop, uint64_t twice, uint64_t late, uint16_t mtu)
{
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 2), v = sim_config(SERVER, 3);
    c.mtu = v.mtu = mtu;
    sim_init(&s, &c, &v);
    s.drop = drop;
    s.twice = twice;
    s.late = late;
    if (!sim_connect(&s, 5 * WEIR_SEC)) {
        fail_msg("mtu %u, drop %llx twice %llx late %llx: client in step %u, server in step %u",
                 mtu, (unsigned long long)drop, (unsigned long long)twice, (unsigned long long)late,
                 s.end[0].d.step, s.end[1].d.step);
    }
    sim_check_up(&s);
    sim_free(&s);
}

static void attack_D31_any_single_or_double_loss_is_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned k = i; k < 8; k++) {
            converse((uint64_t)1 << i | (uint64_t)1 << k, 0, 0, 0);
        }
    }
}

static void attack_D31_any_loss_of_a_torn_flight_is_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 14; i++) {
        converse((uint64_t)1 << i, 0, 0, 300);
        converse((uint64_t)9 << i, 0, 0, 300);
    }
}

static void any_datagram_may_come_twice(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        converse(0, (uint64_t)1 << i, 0, 0);
        converse(0, (uint64_t)1 << i, 0, 300);
    }
    converse(0, UINT64_MAX, 0, 300);
}

static void any_datagram_may_come_late(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        converse(0, 0, (uint64_t)1 << i, 0);
        converse(0, 0, (uint64_t)1 << i, 300);
    }
    converse(0, 0, 0x5555555555555555u, 256);
}

static void every_mtu_works(void **state)
{
    (void)state;
    for (uint16_t mtu = 128; mtu <= 1500; mtu = (uint16_t)(mtu + 49)) {
        converse(0, 0, 0, mtu);
    }
    converse(0, 0, 0, 1);
    converse(0, 0, 0, UINT16_MAX);
}

static void random_paths_of_all_kinds_work(void **state)
{
    (void)state;
    uint64_t seed = test_seed(1);
    for (uint64_t i = seed; i < seed + 30; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, i), v = sim_config(SERVER, i + 1);
        c.mtu = v.mtu = (uint16_t)(128 + i * 97 % 1200);
        sim_init(&s, &c, &v);
        weir_rand_init_number(&s.rand, i);
        s.loss_permille = (uint32_t)(i % 4) * 100;
        s.is_shuffled = true;
        s.twice = weir_rand_u64(&s.rand);
        if (!sim_connect(&s, 30 * WEIR_SEC)) {
            fail_msg("WEIR_SEED=%llu", (unsigned long long)i);
        }
        s.loss_permille = 0;
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* -- Fragments --------------------------------------------------------------------------------- */

static void fragments_of_every_size_and_order_make_messages(void **state)
{
    (void)state;
    static const size_t size[] = { 1, 2, 3, 7, 16, 100, 255 };
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        for (unsigned shuffled = 0; shuffled < 2; shuffled++) {
            struct sim s;
            sim_init_default(&s, 20);
            s.tear = size[i];
            s.is_shuffled = shuffled != 0;
            if (!sim_connect(&s, 5 * WEIR_SEC)) {
                fail_msg("fragments of %zu bytes", size[i]);
            }
            s.tear = 0;
            sim_check_up(&s);
            sim_free(&s);
        }
    }
}

/* -- The last flight --------------------------------------------------------------------------- */

static void data_that_overtakes_the_last_flight_is_delivered_after_it(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 4);
    s.late = 1 << 3; /* the server's ChangeCipherSpec and Finished */
    sim_start(&s);
    while (s.end[SERVER].d.state != WEIR_DTLS_CONNECTED) {
        assert_true(sim_step(&s, WEIR_NEVER - 1));
    }
    assert_true(sim_write(&s, SERVER, "early bird") != 0);
    sim_run(&s, 500 * WEIR_MS);
    assert_true(sim_is_up(&s));
    assert_true(s.end[CLIENT].d.verdicts[WEIR_DTLS_RECORD_EARLY] != 0);
    assert_int_equal(s.end[CLIENT].got_count, 1);
    assert_memory_equal(s.end[CLIENT].got, "early bird", 10);
    sim_free(&s);
}

static void attack_D31_a_server_repeats_its_end_for_as_long_as_it_is_asked(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 5);
    /* All of the server's answers to the client's second flight are lost, six times over. */
    s.drop = (uint64_t)0xaaa << 2 & ~(uint64_t)3;
    assert_true(sim_connect(&s, 20 * WEIR_SEC));
    assert_true(s.end[SERVER].d.resends >= 3);
    sim_check_up(&s);
    sim_free(&s);
}

/* -- Time -------------------------------------------------------------------------------------- */

static void retransmission_doubles_up_to_its_maximum_and_ends(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 6);
    s.drop = UINT64_MAX;
    sim_start(&s);
    weir_time begun = s.now, last = s.now;
    weir_duration want = 50 * WEIR_MS;
    while (weir_dtls_deadline(&s.end[CLIENT].d) != WEIR_NEVER) {
        unsigned sent = s.end[CLIENT].sent;
        assert_true(sim_step(&s, WEIR_NEVER - 1));
        if (s.end[CLIENT].sent != sent && s.end[CLIENT].d.state == WEIR_DTLS_HANDSHAKE) {
            assert_int_equal(s.now - last, want);
            last = s.now;
            want = want * 2 > 3 * WEIR_SEC ? 3 * WEIR_SEC : want * 2;
        }
    }
    assert_int_equal(s.now - begun, 30 * WEIR_SEC);
    assert_int_equal(s.end[CLIENT].told[WEIR_DTLS_EVENT_FAILED], 1);
    assert_int_equal(s.end[CLIENT].last.reason, WEIR_DTLS_REASON_TIMEOUT);
    sim_free(&s);
}

static void a_known_round_trip_sets_the_timer(void **state)
{
    (void)state;
    static const struct {
        weir_duration rtt, rto;
    } row[] = {
        { 0, 50 * WEIR_MS },
        { 10 * WEIR_MS, 50 * WEIR_MS },
        { 100 * WEIR_MS, 200 * WEIR_MS },
        { 10 * WEIR_SEC, 3 * WEIR_SEC },
        { WEIR_NEVER, 3 * WEIR_SEC },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        sim_init_default(&s, 7);
        weir_dtls_set_rtt_hint(&s.end[CLIENT].d, row[i].rtt);
        sim_start(&s);
        assert_int_equal(weir_dtls_deadline(&s.end[CLIENT].d), s.now + row[i].rto);
        sim_free(&s);
    }
}

static void a_slow_path_with_its_round_trip_known_sees_nothing_twice(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 8);
    s.delay = 150 * WEIR_MS;
    weir_dtls_set_rtt_hint(&s.end[CLIENT].d, 300 * WEIR_MS);
    weir_dtls_set_rtt_hint(&s.end[SERVER].d, 300 * WEIR_MS);
    assert_true(sim_connect(&s, 3 * WEIR_SEC));
    assert_int_equal(s.end[0].d.resends + s.end[1].d.resends, 0);
    sim_free(&s);
}

/* -- Choices ----------------------------------------------------------------------------------- */

static void the_servers_order_of_profiles_counts(void **state)
{
    (void)state;
    static const struct {
        uint16_t client[3], server[3], want;
    } row[] = {
        { { 1, 7, 8 }, { 7, 1, 8 }, 7 }, { { 7, 8, 1 }, { 1, 7, 8 }, 1 }, { { 8 }, { 7, 1, 8 }, 8 },
        { { 7 }, { 1 }, 0 },             { { 0 }, { 1 }, 0 },             { { 1 }, { 0 }, 0 },
        { { 5, 6 }, { 5, 6 }, 0 }, /* the NULL profiles are never offered and never taken */
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 9), v = sim_config(SERVER, 10);
        memset(c.srtp_profile, 0, sizeof c.srtp_profile);
        memset(v.srtp_profile, 0, sizeof v.srtp_profile);
        memcpy(c.srtp_profile, row[i].client, sizeof row[i].client);
        memcpy(v.srtp_profile, row[i].server, sizeof row[i].server);
        sim_init(&s, &c, &v);
        assert_true(sim_connect(&s, WEIR_SEC));
        assert_int_equal(weir_dtls_srtp(&s.end[CLIENT].d), row[i].want);
        assert_int_equal(weir_dtls_srtp(&s.end[SERVER].d), row[i].want);
        sim_free(&s);
    }
}

/* -- Fingerprints ------------------------------------------------------------------------------ */

static void fingerprints_may_come_after_the_handshake(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        uint8_t key[60], digest[32];
        struct weir_dtls_config c[2] = { sim_config(CLIENT, 11), sim_config(SERVER, 12) };
        struct weir_dtls_fingerprint f = c[who].fingerprint[0];
        c[who].fingerprints = 0;
        sim_init(&s, &c[0], &c[1]);
        assert_false(weir_dtls_peer_digest(&s.end[who].d, digest));
        sim_start(&s);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[1 - who].d.state, WEIR_DTLS_CONNECTED);
        assert_int_equal(s.end[who].d.state, WEIR_DTLS_UNVERIFIED);
        assert_int_equal(s.end[who].told[WEIR_DTLS_EVENT_CONNECTED], 0);
        assert_int_equal(weir_dtls_deadline(&s.end[who].d), WEIR_NEVER);
        /* Nothing leaves and nothing is delivered before somebody vouches for the peer. */
        assert_int_equal(weir_dtls_export(&s.end[who].d, "x", (struct weir_mspan){ key, 60 }),
                         WEIR_ERR_STATE);
        assert_int_equal(sim_write(&s, who, "not yet"), 0);
        assert_true(sim_write(&s, 1 - who, "too early") != 0);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[who].got_count, 0);
        assert_int_equal(s.end[who].d.verdicts[WEIR_DTLS_DATA_EARLY], 1);
        assert_true(weir_dtls_peer_digest(&s.end[who].d, digest));
        assert_memory_equal(digest, f.bytes, 32);
        assert_int_equal(weir_dtls_set_fingerprints(&s.end[who].d, s.now, &f, 1), WEIR_OK);
        sim_drain(&s, who);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void a_wrong_fingerprint_ends_it_whenever_it_is_known(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        for (unsigned who = 0; who < 2; who++) {
            struct sim s;
            struct weir_dtls_config c[2] = { sim_config(CLIENT, 13), sim_config(SERVER, 14) };
            struct weir_dtls_fingerprint wrong = c[who].fingerprint[0];
            wrong.bytes[31] ^= 1;
            c[who].fingerprint[0] = wrong;
            c[who].fingerprints = late != 0 ? 0 : 1;
            sim_init(&s, &c[0], &c[1]);
            sim_start(&s);
            sim_run(&s, 100 * WEIR_MS);
            if (late != 0) {
                assert_int_equal(weir_dtls_set_fingerprints(&s.end[who].d, s.now, &wrong, 1),
                                 WEIR_OK);
                sim_drain(&s, who);
                sim_run(&s, 100 * WEIR_MS);
                /* Under protection the other end learns of it. */
                assert_int_equal(s.end[1 - who].told[WEIR_DTLS_EVENT_FAILED], 1);
                assert_int_equal(s.end[1 - who].last.reason, WEIR_DTLS_REASON_ALERT);
                assert_int_equal(s.end[1 - who].last.alert, ALERT_BAD_CERTIFICATE);
            }
            assert_int_equal(s.end[who].d.state, WEIR_DTLS_FAILED);
            assert_int_equal(s.end[who].told[WEIR_DTLS_EVENT_CONNECTED], 0);
            assert_int_equal(s.end[who].told[WEIR_DTLS_EVENT_FAILED], 1);
            assert_int_equal(s.end[who].last.reason, WEIR_DTLS_REASON_FINGERPRINT);
            assert_int_equal(s.end[who].last.verdict, WEIR_DTLS_CERT_FINGERPRINT);
            sim_free(&s);
        }
    }
}

static void attack_D20_the_strongest_hash_decides_and_weak_ones_never_do(void **state)
{
    (void)state;
    struct weir_dtls_fingerprint good[] = {
        sim_fingerprint(SERVER, WEIR_SHA256), sim_fingerprint(SERVER, WEIR_SHA384),
        sim_fingerprint(SERVER, WEIR_SHA512), sim_fingerprint(SERVER, WEIR_SHA1),
        sim_fingerprint(SERVER, WEIR_MD5),
    };
    struct weir_dtls_fingerprint bad[5];
    memcpy(bad, good, sizeof good);
    for (unsigned i = 0; i < 5; i++) {
        bad[i].bytes[0] ^= 0x80;
    }
    const struct {
        struct weir_dtls_fingerprint list[3];
        size_t count;
        enum weir_status status;
        bool is_good;
    } row[] = {
        { { good[0] }, 1, WEIR_OK, true },
        { { good[1] }, 1, WEIR_OK, true },
        { { good[2] }, 1, WEIR_OK, true },
        { { good[3] }, 1, WEIR_ERR_ARG, false },
        { { good[4], good[3] }, 2, WEIR_ERR_ARG, false },
        { { good[0] }, 0, WEIR_ERR_ARG, false },
        { { bad[3], good[0] }, 2, WEIR_OK, true },
        { { good[0], bad[2] }, 2, WEIR_OK, false },
        { { bad[0], good[2] }, 2, WEIR_OK, true },
        { { bad[0], good[0] }, 2, WEIR_OK, true }, /* alternatives of one hash */
        { { bad[0], bad[1], bad[2] }, 3, WEIR_OK, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 15), v = sim_config(SERVER, 16);
        c.fingerprints = 0;
        sim_init(&s, &c, &v);
        assert_int_equal(weir_dtls_set_fingerprints(&s.end[CLIENT].d, s.now, row[i].list,
                                                    row[i].count), row[i].status);
        assert_int_equal(sim_connect(&s, WEIR_SEC), row[i].is_good);
        if (row[i].status == WEIR_ERR_ARG) {
            assert_int_equal(s.end[CLIENT].d.state, WEIR_DTLS_UNVERIFIED);
        }
        sim_free(&s);
    }
}

/* -- Close ------------------------------------------------------------------------------------- */

static void close_notify_reaches_the_other_end(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        struct sim s;
        sim_init_default(&s, 17);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        weir_dtls_close(&s.end[who].d, s.now);
        sim_drain(&s, who);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[who].d.state, WEIR_DTLS_CLOSED);
        assert_int_equal(s.end[1 - who].d.state, WEIR_DTLS_CLOSED);
        assert_int_equal(s.end[who].told[WEIR_DTLS_EVENT_CLOSED], 0);
        assert_int_equal(s.end[1 - who].told[WEIR_DTLS_EVENT_CLOSED], 1);
        assert_int_equal(sim_write(&s, who, "after"), 0);
        assert_int_equal(sim_write(&s, 1 - who, "after"), 0);
        assert_int_equal(s.count, 0); /* and silence */
        sim_free(&s);
    }
}

static void nothing_is_delivered_after_close(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 18);
    assert_true(sim_connect(&s, WEIR_SEC));
    assert_true(sim_write(&s, SERVER, "on its way") != 0);
    weir_dtls_close(&s.end[CLIENT].d, s.now);
    sim_drain(&s, CLIENT);
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.end[CLIENT].got_count, 0);
    assert_true(s.end[CLIENT].d.verdicts[WEIR_DTLS_OVER] != 0);
    sim_free(&s);
}

/* -- Cookies ----------------------------------------------------------------------------------- */

static void a_server_that_wants_cookies_gets_them(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 19), v = sim_config(SERVER, 20);
        v.requires_cookie = true;
        c.mtu = i == 5 ? 128 : 0;
        sim_init(&s, &c, &v);
        s.drop = i < 4 ? (uint64_t)1 << i : 0;
        assert_true(sim_connect(&s, 2 * WEIR_SEC));
        sim_check_up(&s);
        assert_true(s.end[SERVER].d.verdicts[WEIR_DTLS_HELLO_COOKIE] != 0);
        sim_free(&s);
    }
}

/* -- Determinism ------------------------------------------------------------------------------- */

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
    /* Back to the snapshot; what was on the way is gone, and timers repair it. */
    sim_back(&s, CLIENT, &client);
    sim_back(&s, SERVER, &server);
    memset(s.end[CLIENT].told, 0, sizeof s.end[CLIENT].told);
    memset(s.end[SERVER].told, 0, sizeof s.end[SERVER].told);
    sim_run(&s, WEIR_SEC);
    assert_true(sim_is_up(&s));
    sim_check_up(&s);
    sim_free(&s);
}

static void secrets_of_the_handshake_are_wiped(void **state)
{
    (void)state;
    struct sim s;
    static const struct weir_dtls_exchange zero;
    uint8_t random[32], master[48];
    size_t n;
    sim_init_default(&s, 24);
    assert_true(sim_connect(&s, WEIR_SEC));
    assert_memory_equal(exchange_of(&s.end[0].d), &zero, sizeof zero);
    assert_memory_equal(exchange_of(&s.end[1].d), &zero, sizeof zero);
    static const struct weir_dtls_plan no_plan;
    assert_memory_equal(plan_of(&s.end[0].d), &no_plan, sizeof no_plan);
    assert_memory_equal(plan_of(&s.end[1].d), &no_plan, sizeof no_plan);
    assert_true(weir_dtls_keylog(&s.end[0].d, WEIR_DTLS_SECRET_MASTER, random, master, &n));
    assert_int_equal(n, 48);
    assert_false(weir_dtls_keylog(&s.end[0].d, WEIR_DTLS_SECRET_EXPORTER, random, master, &n));
    s.end[0].d.config.has_keylog = false;
    assert_false(weir_dtls_keylog(&s.end[0].d, WEIR_DTLS_SECRET_MASTER, random, master, &n));
    weir_dtls_deinit(&s.end[0].d);
    const uint8_t *p = (const uint8_t *)&s.end[0].d;
    for (size_t i = 0; i + 48 <= sizeof s.end[0].d; i++) {
        assert_memory_not_equal(p + i, master, 48);
    }
    sim_free(&s);
}

static void memory_of_one_connection_is_bounded(void **state)
{
    (void)state;
    /* design: at most 32 KiB for all of a connection before it is authenticated */
    assert_in_range(sizeof(struct weir_dtls), 1, 32 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_connects_both_ends),
        cmocka_unit_test(attack_D31_any_single_or_double_loss_is_repaired),
        cmocka_unit_test(attack_D31_any_loss_of_a_torn_flight_is_repaired),
        cmocka_unit_test(any_datagram_may_come_twice),
        cmocka_unit_test(any_datagram_may_come_late),
        cmocka_unit_test(every_mtu_works),
        cmocka_unit_test(random_paths_of_all_kinds_work),
        cmocka_unit_test(fragments_of_every_size_and_order_make_messages),
        cmocka_unit_test(data_that_overtakes_the_last_flight_is_delivered_after_it),
        cmocka_unit_test(attack_D31_a_server_repeats_its_end_for_as_long_as_it_is_asked),
        cmocka_unit_test(retransmission_doubles_up_to_its_maximum_and_ends),
        cmocka_unit_test(a_known_round_trip_sets_the_timer),
        cmocka_unit_test(a_slow_path_with_its_round_trip_known_sees_nothing_twice),
        cmocka_unit_test(the_servers_order_of_profiles_counts),
        cmocka_unit_test(fingerprints_may_come_after_the_handshake),
        cmocka_unit_test(a_wrong_fingerprint_ends_it_whenever_it_is_known),
        cmocka_unit_test(attack_D20_the_strongest_hash_decides_and_weak_ones_never_do),
        cmocka_unit_test(close_notify_reaches_the_other_end),
        cmocka_unit_test(nothing_is_delivered_after_close),
        cmocka_unit_test(a_server_that_wants_cookies_gets_them),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(a_copy_in_the_middle_goes_its_own_way),
        cmocka_unit_test(secrets_of_the_handshake_are_wiped),
        cmocka_unit_test(memory_of_one_connection_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
