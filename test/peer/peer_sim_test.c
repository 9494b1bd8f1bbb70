/* Two whole peers on a simulated network: they connect and move data and media whatever the network
 * does, the same way for the same seed. */
#include "peer/peer_int.h"
#include "test/sim/sim.h"
#include "test/support/support.h"

/* How long a set-up took, or WEIR_NEVER. */
static weir_duration connect_within(struct sim *s, weir_duration limit)
{
    weir_time begin = s->now;
    sim_introduce(s);
    sim_run(s, s->now + limit, true);
    return sim_is_open(s) ? s->now - begin : WEIR_NEVER;
}

static void a_quiet_network_connects_in_four_round_trips(void **state)
{
    (void)state;
    struct sim *s = sim_open(1, true);
    weir_duration took = connect_within(s, 5 * WEIR_SEC);
    assert_true(took <= 90 * WEIR_MS); /* 20 ms each: ICE 1, DTLS 2, DCEP 1 */
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
    assert_int_equal(weir_peer_rtp(s->peer[0])->srtp_tx.profile, WEIR_SRTP_AEAD_AES_128_GCM);
    sim_close(s);
}

static void every_single_packet_of_the_set_up_may_be_lost(void **state)
{
    (void)state;
    struct sim *s = sim_open(2, true);
    assert_true(connect_within(s, 5 * WEIR_SEC) != WEIR_NEVER);
    uint64_t packets = s->sent;
    sim_close(s);
    assert_true(packets > 8 && packets < 100);
    for (uint64_t lost = 1; lost <= packets; lost++) {
        s = sim_open(2, true);
        s->link.drop_number = lost;
        if (connect_within(s, 20 * WEIR_SEC) == WEIR_NEVER) {
            fail_msg("with packet %llu of %llu lost", (unsigned long long)lost,
                     (unsigned long long)packets);
        }
        /* And data flows both ways afterwards. */
        s->echoes[1] = true;
        assert_int_equal(sim_send(s, 0, 5000), WEIR_OK);
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        assert_int_equal(s->messages[0], 1);
        assert_false(s->is_corrupt);
        sim_close(s);
    }
}

static void a_tenth_lost_still_connects_for_every_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 160; seed++) {
        struct sim *s = sim_open(test_seed(seed), false);
        s->link.loss = 100;
        s->link.delay = 50 * WEIR_MS;
        if (connect_within(s, 30 * WEIR_SEC) == WEIR_NEVER) {
            fail_msg("seed %llu did not connect", (unsigned long long)seed);
        }
        sim_close(s);
    }
}

static void data_arrives_whole_over_a_bad_network(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct sim *s = sim_open(test_seed(seed), false);
        s->link = (struct sim_link){ .delay = 20 * WEIR_MS, .jitter = 5 * WEIR_MS, .loss = 50,
                                     .duplicate = 50, .reorder = 100, .corrupt = 20, .mtu = 1280 };
        assert_true(connect_within(s, 60 * WEIR_SEC) != WEIR_NEVER);
        s->echoes[1] = true;
        static const size_t size[] = { 5, 1024, 65536, 200000, 1, 30000 };
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(sim_send(s, 0, size[i]), WEIR_OK);
        }
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        assert_int_equal(s->messages[1], 6);
        assert_int_equal(s->messages[0], 6);
        assert_true(s->message_bytes[0] == 5 + 1024 + 65536 + 200000 + 1 + 30000);
        assert_false(s->is_corrupt);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        sim_close(s);
    }
}

static void lost_media_is_asked_for_and_sent_again(void **state)
{
    (void)state;
    struct sim *s = sim_open(3, true);
    assert_true(connect_within(s, 5 * WEIR_SEC) != WEIR_NEVER);
    s->link.loss = 100;
    for (uint32_t i = 0; i < 1000; i++) {
        sim_send_rtp(s, 0, i + 60000); /* over the end of the sequence numbers too */
        sim_run(s, s->now + 5 * WEIR_MS, false);
    }
    s->link.loss = 0;
    sim_send_rtp(s, 0, 61000);
    sim_run(s, s->now + 2 * WEIR_SEC, false);
    assert_false(s->is_corrupt);
    assert_true(s->rtp[1] >= 998); /* without repeats about 900 would have come */
    assert_true(weir_peer_rtp(s->peer[1])->rtcp.remote[0].recovered > 50);
    assert_true(weir_peer_rtp(s->peer[0])->rtcp.local[0].retransmissions > 50);
    assert_true(weir_peer_rtp(s->peer[0])->rtcp.rtt > 15 * WEIR_MS && weir_peer_rtp(s->peer[0])->rtcp.rtt < 30 * WEIR_MS);
    sim_close(s);
}

static void an_idle_minute_costs_consent_and_little_else(void **state)
{
    (void)state;
    struct sim *s = sim_open(4, false);
    assert_true(connect_within(s, 5 * WEIR_SEC) != WEIR_NEVER);
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    uint64_t before = s->sent;
    sim_run(s, s->now + 60 * WEIR_SEC, false);
    assert_true(s->sent - before < 80);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    /* A buffer each for the channel, and one for both accounts. */
    assert_true(s->pool.free_count >= s->pool.count - 3);
    sim_close(s);
}

static void closing_reaches_the_other_side(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        struct sim *s = sim_open(5, true);
        assert_true(connect_within(s, 5 * WEIR_SEC) != WEIR_NEVER);
        weir_peer_close(s->peer[who], s->now);
        sim_run(s, s->now + 200 * WEIR_MS, false);
        assert_int_equal(s->state[who], WEIR_PEER_CLOSED);
        assert_int_equal(s->state[1 - who], WEIR_PEER_CLOSED);
        assert_int_equal(sim_send(s, 0, 10), WEIR_ERR_STATE);
        uint64_t sent = s->sent;
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        assert_true(s->sent == sent);
        sim_close(s);
    }
}

static void attack_S15_a_dead_network_ends_all_sending(void **state)
{
    (void)state;
    struct sim *s = sim_open(6, true);
    assert_true(connect_within(s, 5 * WEIR_SEC) != WEIR_NEVER);
    s->is_cut = true;
    assert_int_equal(sim_send(s, 0, 100000), WEIR_OK); /* something to retransmit */
    sim_run(s, s->now + 31 * WEIR_SEC, false);
    assert_int_equal(s->state[0], WEIR_PEER_FAILED);
    uint64_t sent = s->sent;
    sim_run(s, s->now + 120 * WEIR_SEC, false);
    assert_true(s->sent == sent);
    sim_close(s);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    uint64_t digest[3];
    for (int i = 0; i < 3; i++) {
        struct sim *s = sim_open(i == 2 ? 9 : 8, true);
        s->link = (struct sim_link){ .delay = 15 * WEIR_MS, .jitter = 4 * WEIR_MS, .loss = 80 };
        assert_true(connect_within(s, 30 * WEIR_SEC) != WEIR_NEVER);
        assert_int_equal(sim_send(s, 0, 20000), WEIR_OK);
        sim_run(s, s->now + 3 * WEIR_SEC, false);
        digest[i] = s->digest;
        sim_close(s);
    }
    assert_true(digest[0] == digest[1]);
    assert_true(digest[0] != digest[2]);
}

/* -- Strangers --------------------------------------------------------------------------------- */

static void attack_X1_every_first_byte_and_length_costs_one_counter(void **state)
{
    (void)state;
    struct sim *s = sim_open(7, true);
    assert_true(connect_within(s, 5 * WEIR_SEC) != WEIR_NEVER);
    uint32_t before[WEIR_PEER_VERDICTS], drops = 0;
    memcpy(before, s->peer[1]->verdicts, sizeof before);
    for (unsigned first = 0; first < 256; first++) {
        for (size_t n = 0; n <= 64; n++) {
            uint8_t *exact = malloc(n + 1);
            memset(exact, (int)first, n + 1);
            struct weir_packet k = { .data = exact, .len = n, .at = s->now,
                                     .path = { s->addr[1], s->addr[0] } };
            (void)weir_peer_recv(s->peer[1], s->now, &k);
            free(exact);
        }
    }
    for (int v = 0; v < WEIR_PEER_VERDICTS; v++) {
        drops += s->peer[1]->verdicts[v] - before[v];
    }
    assert_int_equal(drops, 256 * 65); /* exactly one reason each */
    assert_int_equal(s->peer[1]->verdicts[WEIR_PEER_OK], before[WEIR_PEER_OK]);
    s->echoes[1] = true;
    assert_int_equal(sim_send(s, 0, 3000), WEIR_OK);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->messages[0], 1);
    sim_close(s);
}

static void attack_S20_R12_D12_other_paths_are_not_listened_to(void **state)
{
    (void)state;
    struct sim *s = sim_open(10, true);
    sim_introduce(s);
    /* A stranger's hello and media before and after the set-up, from another address. */
    uint8_t hello[200] = { 22, 0xfe, 0xfd }, media[200] = { 0x80, 96 };
    for (int round = 0; round < 2; round++) {
        struct weir_packet k = { .data = hello, .len = 200, .at = s->now,
                                 .path = { s->addr[1], weir_addr_v4(203, 0, 113, 9, 4000) } };
        assert_int_equal(weir_peer_recv(s->peer[1], s->now, &k), WEIR_PEER_PATH);
        k.data = media;
        assert_int_equal(weir_peer_recv(s->peer[1], s->now, &k), WEIR_PEER_PATH);
        sim_run(s, s->now + 5 * WEIR_SEC, true);
        assert_true(sim_is_open(s));
    }
    sim_close(s);
}

static void attack_Y6_nothing_is_sent_before_it_may_be(void **state)
{
    (void)state;
    struct sim *s = sim_open(11, true);
    uint8_t out[1500], byte = 0;
    struct weir_path to;
    size_t n;
    struct weir_rtp_header h = { .payload_type = 96, .payload = { &byte, 1 } };
    sim_introduce(s);
    assert_int_equal(weir_peer_write_rtp(s->peer[0], s->now, 0, &h,
                                         (struct weir_mspan){ out, sizeof out }, &n, &to),
                     WEIR_ERR_STATE);
    assert_int_equal(sim_send(s, 0, 100), WEIR_OK); /* queued, and leaves once the channel may */
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->messages[1], 1);
    sim_close(s);
}

static void attack_D20_a_wrong_fingerprint_ends_it_before_any_key(void **state)
{
    (void)state;
    struct sim *s = sim_open(12, true);
    s->identity[1].fingerprint_sha256[7] ^= 1; /* the callee tells a hash that its certificate has not */
    assert_true(connect_within(s, 5 * WEIR_SEC) == WEIR_NEVER);
    assert_int_equal(s->state[0], WEIR_PEER_FAILED);
    assert_false(s->peer[0]->is_srtp_ready);
    assert_int_equal(s->opened[0], 0);
    sim_close(s);
}

/* -- Bad input ---------------------------------------------------------------------------------- */

static void a_bad_offer_leaves_the_connection_as_it_was(void **state)
{
    (void)state;
    struct sim *s = sim_open(13, true);
    struct weir_sdp_error error;
    assert_true(connect_within(s, 5 * WEIR_SEC) != WEIR_NEVER);
    static const char *const bad[] = { "", "v=1\r\n", "v=0\r\no=- 1 1 IN IP4 0\r\nm=audio 99999 X 0\r\n",
                                       "hello" };
    for (size_t i = 0; i < 4; i++) {
        static struct weir_peer before;
        before = *s->peer[1];
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true,
                                              weir_span_of(bad[i], strlen(bad[i])), &error),
                         WEIR_ERR_ARG);
        assert_int_not_equal(error.verdict, WEIR_SDP_OK);
        assert_memory_equal(&before, s->peer[1], sizeof before);
    }
    assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, false, WEIR_LIT("v=0\r\n"), &error),
                     WEIR_ERR_STATE);
    sim_close(s);
}

static void a_deferred_message_comes_again_and_closes_the_window(void **state)
{
    (void)state;
    struct sim *s = sim_open(14, false);
    struct weir_event e;
    assert_true(connect_within(s, 5 * WEIR_SEC) != WEIR_NEVER);
    sim_run(s, s->now + WEIR_SEC, false);
    weir_peer_close(s->peer[0], s->now); /* nothing to defer: both calls are harmless */
    weir_peer_defer(s->peer[1]);
    weir_peer_resume(s->peer[1]);
    assert_false(weir_peer_event(s->peer[1], s->now, &e));
    sim_close(s);
}

/* Its hello is two datagrams, and so is the answer: on checks, or by themselves. */
static void a_hybrid_share_makes_it_no_harder(void **state)
{
    (void)state;
    if (weir_crypto_default()->kem_keygen == NULL) {
        skip(); /* see test/openssl35.sh */
    }
    for (uint64_t i = 0; i < 200; i++) {
        const struct sim_options o = { .seed = i, .prefers_hybrid = true,
                                       .no_sped = { (i & 1) != 0, (i & 2) != 0 },
                                       .setup = (i & 4) != 0 ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE };
        struct sim *s = sim_open_with(&o);
        s->link.loss = i < 8 ? 0 : 100;
        sim_introduce(s);
        sim_run(s, s->now + 20 * WEIR_SEC, true);
        if (!sim_is_open(s)) {
            fail_msg("seed %u", (unsigned)i);
        }
        assert_string_equal(weir_dtls_group_name(&s->peer[0]->dtls), "X25519MLKEM768");
        sim_close(s);
    }
}

static const struct weir_rtcp_remote *remote_of(const struct weir_peer *p, uint32_t ssrc)
{
    for (uint32_t i = 0; i < weir_peer_rtp(p)->rtcp.remotes; i++) {
        if (weir_peer_rtp(p)->rtcp.remote[i].ssrc == ssrc) {
            return &weir_peer_rtp(p)->rtcp.remote[i];
        }
    }
    return NULL;
}

static const struct weir_rtcp_local *local_of(const struct weir_peer *p, uint32_t ssrc)
{
    for (uint32_t i = 0; i < weir_peer_rtp(p)->rtcp.locals; i++) {
        if (weir_peer_rtp(p)->rtcp.local[i].ssrc == ssrc) {
            return &weir_peer_rtp(p)->rtcp.local[i];
        }
    }
    return NULL;
}

/* Twenty cameras, or forty, of one side. Each has its sender reports, and each that RTCP has a place for is
 * reported on and asked for key frames; of the others the application hears. */
static void many_sections(unsigned cameras)
{
    struct sim *s = sim_open(7, true);
    unsigned first = s->peer[0]->medias, kept = 0, asked = 0;
    for (unsigned i = 0; i < cameras; i++) {
        uint8_t at;
        assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &at), WEIR_OK);
        assert_int_equal(at, first + i);
    }
    assert_true(connect_within(s, 10 * WEIR_SEC) != WEIR_NEVER);
    assert_int_equal(weir_peer_request_keyframe(s->peer[1], s->now, (uint8_t)first), WEIR_ERR_STATE);
    for (uint32_t n = 0; n < 150; n++) {
        for (unsigned i = 0; i < cameras; i++) {
            sim_send_rtp_in(s, 0, (uint8_t)(first + i), n);
        }
        sim_run(s, s->now + 20 * WEIR_MS, false);
    }
    for (unsigned i = 0; i < cameras; i++) {
        asked += weir_peer_request_keyframe(s->peer[1], s->now, (uint8_t)(first + i)) == WEIR_OK ? 1 : 0;
    }
    sim_run(s, s->now + WEIR_SEC, false);
    for (unsigned i = 0; i < cameras; i++) {
        uint32_t ssrc = weir_peer_media_at(s->peer[0], first + i)->ssrc;
        const struct weir_rtcp_remote *there = remote_of(s->peer[1], ssrc);
        const struct weir_rtcp_local *here = local_of(s->peer[0], ssrc);
        assert_non_null(here);
        assert_int_equal(here->packets, 150);
        if (there != NULL) {
            kept++;
            assert_true(there->sr_at != WEIR_NEVER);
            assert_int_equal(there->packets, 150);
            assert_int_equal(here->plis, 1);
            assert_true(here->rtt != 0);
        }
    }
    assert_int_equal(kept, cameras < WEIR_RTCP_REMOTES_MAX ? cameras : WEIR_RTCP_REMOTES_MAX);
    assert_int_equal(asked, kept);
    assert_int_equal(weir_peer_rtp(s->peer[1])->rtcp.remotes_refused, (cameras - kept) * 150);
    for (unsigned i = 0; i <= s->peer[1]->medias; i++) {
        bool is_media = i < s->peer[1]->medias && weir_peer_media_at(s->peer[1], i)->kind != WEIR_SDP_DATA;
        enum weir_status status = weir_peer_request_keyframe(s->peer[1], s->now, (uint8_t)i);
        assert_true((status == WEIR_ERR_ARG) == !is_media);
    }
    sim_close(s);
}

static void every_section_has_its_reports_and_key_frames(void **state)
{
    (void)state;
    many_sections(20);
    many_sections(40);
}

/* An application that sends PCMU where Opus comes first: reports tell the time of the clock that it sends on,
 * and the peer counts on that. */
static void reports_follow_the_codec_that_is_sent(void **state)
{
    (void)state;
    struct sim *s = sim_open(8, true);
    uint8_t at;
    assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &at), WEIR_OK);
    assert_true(connect_within(s, 10 * WEIR_SEC) != WEIR_NEVER);
    struct weir_media *m = (struct weir_media *)weir_peer_media_at(s->peer[0], at);
    const struct weir_media_codec *opus = weir_peer_codec(m, 111), *pcmu = weir_peer_codec(m, 0);
    assert_non_null(opus);
    assert_non_null(pcmu);
    const struct weir_media_codec first = m->codec[0];
    for (uint32_t n = 0; n < 300; n++) {
        m->codec[0] = n / 100 == 1 ? *pcmu : first; /* what the simulation sends */
        sim_send_rtp_in(s, 0, at, n);
        assert_int_equal(local_of(s->peer[0], m->ssrc)->clock_hz, n / 100 == 1 ? 8000 : 48000);
        sim_run(s, s->now + 20 * WEIR_MS, false);
        assert_int_equal(remote_of(s->peer[1], m->ssrc)->clock_hz, n / 100 == 1 ? 8000 : 48000);
    }
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_network_connects_in_four_round_trips),
        cmocka_unit_test(every_single_packet_of_the_set_up_may_be_lost),
        cmocka_unit_test(a_tenth_lost_still_connects_for_every_seed),
        cmocka_unit_test(data_arrives_whole_over_a_bad_network),
        cmocka_unit_test(lost_media_is_asked_for_and_sent_again),
        cmocka_unit_test(an_idle_minute_costs_consent_and_little_else),
        cmocka_unit_test(closing_reaches_the_other_side),
        cmocka_unit_test(attack_S15_a_dead_network_ends_all_sending),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(attack_X1_every_first_byte_and_length_costs_one_counter),
        cmocka_unit_test(attack_S20_R12_D12_other_paths_are_not_listened_to),
        cmocka_unit_test(attack_Y6_nothing_is_sent_before_it_may_be),
        cmocka_unit_test(attack_D20_a_wrong_fingerprint_ends_it_before_any_key),
        cmocka_unit_test(a_bad_offer_leaves_the_connection_as_it_was),
        cmocka_unit_test(a_deferred_message_comes_again_and_closes_the_window),
        cmocka_unit_test(every_section_has_its_reports_and_key_frames),
        cmocka_unit_test(reports_follow_the_codec_that_is_sent),
        cmocka_unit_test(a_hybrid_share_makes_it_no_harder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
