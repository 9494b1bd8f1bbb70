/* What a program asks a connection, against what happened to it. */
#include "test/peer/peer_jsep.h"

enum { CALLER, CALLEE };

static void nothing_is_known_of_a_new_one(void **state)
{
    (void)state;
    for (int with_media = 0; with_media < 2; with_media++) {
        struct sim *s = sim_open(1, with_media != 0);
        const struct weir_peer *p = s->peer[CALLER];
        struct weir_path path;
        struct weir_ice_pair_info pair;
        struct weir_sctp_stats data;
        struct weir_sctp_channel_info channel;
        struct weir_rtcp_rx_stats rx;
        struct weir_rtcp_tx_stats tx;
        struct weir_peer_transport t;
        assert_int_equal(weir_peer_state(p), WEIR_PEER_NEW);
        assert_int_equal(weir_peer_signalling(p), WEIR_STABLE);
        assert_int_equal(weir_peer_ice_state(p), WEIR_ICE_NEW);
        assert_int_equal(weir_peer_gathering(p), WEIR_GATHERING_NEW);
        assert_int_equal(weir_peer_reason(p), WEIR_PEER_REASON_NONE);
        assert_false(weir_peer_has_local(p) || weir_peer_has_remote(p) || weir_peer_will_restart(p));
        assert_int_equal(weir_peer_is_data_only(p), with_media == 0);
        assert_true(weir_peer_timeline(p).created == s->now);
        assert_true(weir_peer_timeline(p).selected == WEIR_NEVER);
        assert_int_equal(weir_peer_media_count(p), 0);
        assert_null(weir_peer_media_at(p, 0));
        assert_false(weir_peer_selected(p, &path));
        assert_int_equal(weir_peer_rtt(p), 0);
        assert_false(weir_peer_pair(p, 0, &pair));
        assert_false(weir_peer_data(p, &data));
        assert_int_equal(data.state, WEIR_SCTP_CLOSED);
        assert_int_equal(weir_peer_max_message_size(p), 0);
        assert_false(weir_peer_channel_info(p, 0, &channel));
        assert_int_equal(weir_peer_channel_after(p, 0), WEIR_SCTP_NO_CHANNEL);
        assert_int_equal(weir_peer_channel_buffered(p, 0), 0);
        assert_false(weir_peer_rx_stream(p, 0, 0, &rx));
        assert_false(weir_peer_tx_stream(p, 0, &tx));
        assert_int_equal(weir_peer_media_rtt(p), 0);
        weir_peer_transport(p, &t);
        assert_string_equal(t.version, "");
        assert_string_equal(t.suite, "");
        assert_string_equal(t.group, "");
        assert_string_equal(t.srtp, "none");
        assert_false(t.has_role || t.is_client || t.is_resumed || t.is_snap);
        assert_int_equal(t.rx_packets + t.tx_packets + t.rx_bytes + t.tx_bytes, 0);
        for (int v = 0; v < 100; v++) { /* those that are none count nothing, either */
            assert_int_equal(weir_peer_verdicts(p, (enum weir_peer_verdict)v), 0);
            assert_int_equal(weir_peer_ice_verdicts(p, (enum weir_ice_verdict)v), 0);
            assert_int_equal(weir_peer_dtls_verdicts(p, (enum weir_dtls_verdict)v), 0);
            assert_int_equal(weir_peer_sctp_verdicts(p, (enum weir_sctp_verdict)v), 0);
            assert_int_equal(weir_peer_rtcp_verdicts(p, (enum weir_rtcp_verdict)v), 0);
            assert_int_equal(weir_peer_srtp_verdicts(p, true, (enum weir_srtp_verdict)v), 0);
            assert_int_equal(weir_peer_srtp_verdicts(p, false, (enum weir_srtp_verdict)v), 0);
        }
        sim_close(s);
    }
}

static void states_follow_what_happens(void **state)
{
    (void)state;
    struct sim *s = sim_open(2, true);
    struct weir_peer *p = s->peer[CALLER], *q = s->peer[CALLEE];
    uint8_t media;
    assert_int_equal(weir_peer_add_media(p, WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    assert_int_equal(weir_peer_media_count(p), 1);
    offer(s, CALLER);
    assert_int_equal(weir_peer_signalling(p), WEIR_HAVE_LOCAL_OFFER);
    assert_int_equal(weir_peer_gathering(p), WEIR_GATHERING_COMPLETE); /* there is no server to ask */
    assert_true(weir_peer_has_local(p) && !weir_peer_has_remote(p));
    take_offer(s, CALLEE);
    assert_int_equal(weir_peer_signalling(q), WEIR_HAVE_REMOTE_OFFER);
    assert_true(!weir_peer_has_local(q) && weir_peer_has_remote(q));
    write_answer(s, CALLEE);
    take_answer(s, CALLER);
    assert_int_equal(weir_peer_state(p), WEIR_PEER_CONNECTING);
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_peer_state(s->peer[i]), WEIR_PEER_CONNECTED);
        assert_true(weir_peer_ice_state(s->peer[i]) >= WEIR_ICE_CONNECTED);
        assert_int_equal(weir_peer_signalling(s->peer[i]), WEIR_STABLE);
        assert_true(weir_peer_timeline(s->peer[i]).dtls_done != WEIR_NEVER);
        assert_false(weir_peer_will_restart(s->peer[i]));
    }
    weir_peer_restart_ice(p);
    assert_true(weir_peer_will_restart(p));
    negotiate(s, CALLER);
    assert_false(weir_peer_will_restart(p));
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    weir_peer_set_user(p, 77);
    assert_int_equal(weir_peer_user(p), 77);
    assert_int_equal(weir_peer_user(q), 0);
    s->is_cut = true;
    sim_run(s, s->now + 60 * WEIR_SEC, false);
    assert_int_equal(weir_peer_state(p), WEIR_PEER_FAILED);
    assert_int_equal(weir_peer_reason(p), WEIR_PEER_REASON_CONSENT);
    assert_int_equal(weir_peer_reason(p), s->failure[CALLER].reason);
    assert_true(weir_peer_will_restart(p));
    weir_peer_close(p, s->now);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(weir_peer_state(p), WEIR_PEER_CLOSED);
    assert_int_equal(weir_peer_reason(p), WEIR_PEER_REASON_NONE);
    sim_close(s);
}

/* Servers are asked again after a restart: gathering is on, and complete. */
static void gathering_is_on_while_servers_are_asked(void **state)
{
    (void)state;
    struct sim *s = sim_open(3, false);
    struct weir_addr server = weir_addr_v4(10, 0, 0, 99, 3478);
    assert_int_equal(weir_peer_add_stun_server(s->peer[CALLER], s->now, &server), WEIR_OK);
    offer(s, CALLER);
    assert_int_equal(weir_peer_gathering(s->peer[CALLER]), WEIR_GATHERING_ON);
    answer(s, CALLEE);
    take_answer(s, CALLER);
    sim_run(s, s->now + 60 * WEIR_SEC, false); /* it never answers */
    assert_int_equal(weir_peer_gathering(s->peer[CALLER]), WEIR_GATHERING_COMPLETE);
    weir_peer_restart_ice(s->peer[CALLER]);
    offer(s, CALLER);
    assert_int_equal(weir_peer_gathering(s->peer[CALLER]), WEIR_GATHERING_ON);
    sim_close(s);
}

static void the_path_and_its_measure(void **state)
{
    (void)state;
    struct sim *s = connected(4, WEIR_SDP_ACTIVE);
    for (int i = 0; i < 2; i++) {
        const struct weir_peer *p = s->peer[i];
        struct weir_path path;
        struct weir_ice_pair_info pair;
        struct weir_ice_candidate c;
        unsigned pairs = 0, selected = 0, locals = 0;
        assert_true(weir_peer_selected(p, &path));
        assert_true(weir_addr_eq(&path.local, &s->addr[i]) && weir_addr_eq(&path.remote, &s->addr[1 - i]));
        assert_true(weir_peer_rtt(p) >= 20 * WEIR_MS && weir_peer_rtt(p) < 30 * WEIR_MS);
        for (; weir_peer_pair(p, pairs, &pair); pairs++) {
            selected += pair.is_selected ? 1 : 0;
            assert_true(!pair.is_selected || weir_path_eq(&pair.path, &path));
        }
        assert_int_equal(selected, 1);
        assert_true(pairs >= 1 && pairs <= WEIR_ICE_PAIRS_MAX);
        while (weir_peer_local_candidate(p, locals, &c)) {
            locals++;
        }
        assert_int_equal(locals, 1);
        assert_true(weir_addr_eq(&c.addr, &s->addr[i]));
    }
    sim_close(s);
}

static void what_carries_it(void **state)
{
    (void)state;
    struct sim *s = connected(5, WEIR_SDP_ACTIVE);
    struct weir_peer_transport t[2];
    for (int i = 0; i < 2; i++) {
        weir_peer_transport(s->peer[i], &t[i]);
        assert_int_equal(t[i].dtls, WEIR_DTLS_CONNECTED);
        assert_string_equal(t[i].version, "DTLS 1.3");
        assert_true(strlen(t[i].suite) > 5 && strlen(t[i].group) > 3);
        assert_string_equal(t[i].srtp, "SRTP_AEAD_AES_128_GCM");
        assert_true(t[i].has_role && t[i].is_client == (i == CALLEE));
        assert_true(t[i].is_snap && !t[i].is_resumed);
        assert_true(t[i].sped_rx != 0 && t[i].sped_tx != 0);
    }
    assert_int_equal(t[0].tx_packets + t[1].tx_packets, s->sent);
    assert_int_equal(t[0].tx_bytes + t[1].tx_bytes, s->bytes);
    assert_int_equal(t[0].tx_bytes, t[1].rx_bytes);
    assert_int_equal(t[1].tx_packets, t[0].rx_packets);
    uint64_t heard = 0;
    for (unsigned v = 0; v < WEIR_PEER_VERDICTS; v++) {
        heard += weir_peer_verdicts(s->peer[0], (enum weir_peer_verdict)v);
    }
    assert_int_equal(heard, t[0].rx_packets);
    uint32_t refused = weir_peer_verdicts(s->peer[0], WEIR_PEER_DTLS);

    /* Each layer counts what it refuses. */
    uint8_t junk[40] = { 22, 0xfe, 0xfd }, media[200] = { 0x80, 96 }, other[4] = { 99 };
    struct weir_path path = { s->addr[0], s->addr[1] };
    struct weir_packet packet[3] = { { .data = junk, .len = sizeof junk, .at = s->now, .path = path },
                                     { .data = media, .len = sizeof media, .at = s->now, .path = path },
                                     { .data = other, .len = sizeof other, .at = s->now, .path = path } };
    for (unsigned i = 0; i < 3; i++) {
        (void)weir_peer_recv(s->peer[0], s->now, &packet[i]);
    }
    assert_int_equal(weir_peer_verdicts(s->peer[0], WEIR_PEER_DTLS), refused + 1);
    assert_int_equal(weir_peer_verdicts(s->peer[0], WEIR_PEER_SRTP), 1);
    assert_int_equal(weir_peer_verdicts(s->peer[0], WEIR_PEER_CLASS), 1);
    unsigned dtls = 0, srtp = 0;
    for (unsigned v = 1; v < WEIR_DTLS_VERDICTS; v++) {
        dtls += weir_peer_dtls_verdicts(s->peer[0], (enum weir_dtls_verdict)v);
    }
    for (unsigned v = 1; v < WEIR_SRTP_VERDICTS; v++) {
        srtp += weir_peer_srtp_verdicts(s->peer[0], false, (enum weir_srtp_verdict)v);
        assert_int_equal(weir_peer_srtp_verdicts(s->peer[0], true, (enum weir_srtp_verdict)v), 0);
    }
    assert_true(dtls >= 1);
    assert_int_equal(srtp, 1);
    assert_true(weir_peer_ice_verdicts(s->peer[0], WEIR_ICE_OK) != 0);
    for (unsigned v = 0; v < WEIR_SCTP_VERDICTS; v++) {
        assert_int_equal(weir_peer_sctp_verdicts(s->peer[0], (enum weir_sctp_verdict)v), s->peer[0]->sctp.verdicts[v]);
    }
    sim_close(s);
}

static void what_was_refused_of_the_peers_candidates(void **state)
{
    (void)state;
    struct sim *s = connected(6, WEIR_SDP_ACTIVE);
    struct weir_peer_transport t;
    assert_int_equal(weir_peer_add_candidate(s->peer[0], s->now,
                                             WEIR_LIT("candidate:1 1 udp 99 127.0.0.1 5000 typ host")), WEIR_OK);
    assert_int_equal(weir_peer_add_candidate_of(s->peer[0], s->now,
                                                WEIR_LIT("candidate:1 1 udp 99 10.0.0.7 5000 typ host"),
                                                WEIR_LIT("none")), WEIR_ERR_STATE);
    weir_peer_transport(s->peer[0], &t);
    assert_int_equal(t.candidates_refused, 1);
    assert_int_equal(t.candidates_stray, 1);
    assert_int_equal(t.names_left_out, 0);
    sim_close(s);
}

/* -- Channels ---------------------------------------------------------------------------------- */

static void a_channel_is_what_it_was_made(void **state)
{
    (void)state;
    struct sim *s = connected(7, WEIR_SDP_ACTIVE);
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("game"), .protocol = WEIR_LIT("v2"),
                                                .is_unordered = true, .reliability = WEIR_SCTP_LIFETIME,
                                                .reliability_value = 250, .priority = 512 };
    uint16_t own;
    assert_int_equal(weir_peer_open_channel(s->peer[CALLER], s->now, &c, &own), WEIR_OK);
    sim_run(s, s->now + WEIR_SEC, false);
    unsigned seen = 0, channels[2] = { 0, 0 };
    for (int i = 0; i < 2; i++) {
        struct weir_sctp_channel_info info;
        for (uint16_t k = weir_peer_channel_after(s->peer[i], 0); weir_peer_channel_info(s->peer[i], k, &info);
             k = weir_peer_channel_after(s->peer[i], k + 1u)) {
            channels[i]++;
            if (!weir_span_eq(info.config.label, WEIR_LIT("game"))) {
                continue;
            }
            seen++;
            assert_true(weir_span_eq(info.config.protocol, WEIR_LIT("v2")));
            assert_int_equal(info.state, WEIR_SCTP_CHANNEL_OPEN);
            assert_true(info.config.is_unordered && !info.config.is_negotiated);
            assert_int_equal(info.config.reliability, WEIR_SCTP_LIFETIME);
            assert_int_equal(info.config.reliability_value, 250);
            assert_int_equal(info.config.priority, 512);
            assert_int_equal(info.is_remote, i == CALLEE);
            assert_int_equal(info.id % 2, s->peer[CALLER]->dtls.config.is_client ? 0 : 1);
        }
    }
    assert_int_equal(seen, 2);
    assert_int_equal(channels[0], 2);
    assert_int_equal(channels[1], 2);
    sim_close(s);
}

static void a_channel_counts_messages_and_bytes(void **state)
{
    (void)state;
    struct sim *s = connected(8, WEIR_SDP_ACTIVE);
    struct weir_sctp_channel_info a, b;
    static uint8_t big[50000];
    uint16_t channel = s->channel[0];
    assert_true(weir_peer_channel_info(s->peer[0], channel, &a));
    uint64_t bytes = a.tx_bytes;
    uint32_t messages = a.tx_messages;
    assert_int_equal(weir_peer_channel_send(s->peer[0], s->now, channel, WEIR_LIT("hello"), true), WEIR_OK);
    assert_int_equal(weir_peer_channel_send(s->peer[0], s->now, channel, weir_span_of(NULL, 0), false), WEIR_OK);
    assert_int_equal(weir_peer_channel_send(s->peer[0], s->now, channel, weir_span_of(big, sizeof big), false),
                     WEIR_OK);
    assert_true(weir_peer_channel_info(s->peer[0], channel, &a));
    assert_int_equal(a.tx_messages, messages + 3);
    assert_int_equal(a.tx_bytes, bytes + 5 + sizeof big); /* an empty one has no content */
    assert_int_equal(a.buffered, weir_peer_channel_buffered(s->peer[0], channel));
    assert_true(a.buffered >= 5 + sizeof big);
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    assert_int_equal(weir_peer_channel_buffered(s->peer[0], channel), 0);
    assert_true(weir_peer_channel_info(s->peer[1], s->channel[1], &b));
    assert_int_equal(b.rx_messages, messages + 3);
    assert_int_equal(b.rx_bytes, a.tx_bytes);
    assert_int_equal(b.tx_messages, 0);

    /* What is refused is not counted; a stream that is used again begins at nothing. */
    assert_int_equal(weir_peer_max_message_size(s->peer[0]), 262144);
    static uint8_t long_one[262145];
    assert_int_equal(weir_peer_channel_send(s->peer[0], s->now, channel, weir_span_of(long_one, sizeof long_one),
                                            false), WEIR_ERR_SIZE);
    assert_true(weir_peer_channel_info(s->peer[0], channel, &b));
    assert_int_equal(b.tx_messages, a.tx_messages);
    assert_int_equal(weir_peer_channel_close(s->peer[0], s->now, channel), WEIR_OK);
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    assert_false(weir_peer_channel_info(s->peer[0], channel, &a));
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("again"), .priority = 256 };
    assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &channel), WEIR_OK);
    assert_int_equal(weir_peer_channel_send(s->peer[0], s->now, channel, WEIR_LIT("x"), true), WEIR_OK);
    assert_true(weir_peer_channel_info(s->peer[0], channel, &b));
    assert_int_equal(b.tx_messages, 1);
    assert_int_equal(b.tx_bytes, 1);
    sim_close(s);
}

static void the_association_counts_all_of_them(void **state)
{
    (void)state;
    struct sim *s = connected(9, WEIR_SDP_ACTIVE);
    struct weir_sctp_stats before, after;
    assert_true(weir_peer_data(s->peer[0], &before));
    assert_int_equal(before.state, WEIR_SCTP_ESTABLISHED);
    assert_true(before.is_told);
    assert_int_equal(before.message_max_remote, 262144);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(sim_send(s, 0, 5000), WEIR_OK);
    }
    assert_true(weir_peer_data(s->peer[0], &after));
    assert_int_equal(after.counters.tx_messages, before.counters.tx_messages + 20);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_true(weir_peer_data(s->peer[0], &after));
    assert_true(after.srtt >= 20 * WEIR_MS && after.rtt_least >= 20 * WEIR_MS && after.rtt_least <= after.srtt);
    assert_true(after.cwnd > 4000 && after.flight_bytes == 0);
    assert_true(after.peer_window > 10000 && after.window > 10000);
    assert_true(after.counters.tx_packets > before.counters.tx_packets);
    sim_close(s);
}

/* Falling to the threshold is told once, and what the threshold is can be asked. */
static void what_is_buffered_falls_and_is_told(void **state)
{
    (void)state;
    struct sim *s = connected(10, WEIR_SDP_ACTIVE);
    struct weir_sctp_channel_info info;
    static uint8_t big[60000];
    unsigned low = 0;
    weir_peer_channel_set_buffered_low(s->peer[0], 9999, 5); /* of no channel: nothing happens */
    weir_peer_channel_set_buffered_low(s->peer[0], s->channel[0], 20000);
    assert_true(weir_peer_channel_info(s->peer[0], s->channel[0], &info));
    assert_int_equal(info.buffered_low, 20000);
    assert_int_equal(weir_peer_channel_send(s->peer[0], s->now, s->channel[0], weir_span_of(big, sizeof big), false),
                     WEIR_OK);
    s->is_deaf[0] = true;
    for (unsigned ms = 0; ms < 2000; ms++) {
        struct weir_event e;
        sim_run(s, s->now + WEIR_MS, false);
        while (weir_peer_event(s->peer[0], s->now, &e)) {
            if (e.type == WEIR_EVENT_CHANNEL_LOW) {
                low++;
                assert_int_equal(e.channel, s->channel[0]);
                assert_true(weir_peer_channel_buffered(s->peer[0], e.channel) <= 20000);
            }
        }
        assert_true(low != 0 || weir_peer_channel_buffered(s->peer[0], s->channel[0]) > 20000);
    }
    assert_int_equal(low, 1);
    sim_close(s);
}

/* -- Audio and video --------------------------------------------------------------------------- */

static void streams_are_counted_at_both_ends(void **state)
{
    (void)state;
    struct sim *s = connected(11, WEIR_SDP_ACTIVE);
    s->link.loss = 100;
    for (unsigned i = 0; i < 500; i++) {
        sim_send_rtp(s, CALLER, i);
        sim_run(s, s->now + 10 * WEIR_MS, false);
    }
    s->link.loss = 0;
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    struct weir_rtcp_rx_stats rx;
    struct weir_rtcp_tx_stats tx;
    const struct weir_media *m = weir_peer_media_at(s->peer[CALLEE], 0);
    assert_true(m->remote_ssrcs >= 1);
    assert_true(weir_peer_rx_stream(s->peer[CALLEE], 0, 0, &rx));
    assert_true(weir_peer_tx_stream(s->peer[CALLER], 0, &tx));
    assert_true(weir_peer_rx_stream(s->peer[CALLEE], 0, 0, &rx));
    assert_int_equal(rx.ssrc, m->remote_ssrc[0]);
    assert_int_equal(rx.ssrc, tx.ssrc);
    assert_int_equal(tx.ssrc, weir_peer_media_at(s->peer[CALLER], 0)->ssrc);
    assert_int_equal(tx.packets, 500);
    assert_int_equal(rx.clock_hz, tx.clock_hz);
    assert_int_equal(rx.packets, m->rx_packets);
    assert_int_equal(rx.bytes, m->rx_bytes);
    assert_true(rx.nacks != 0 && tx.nacks != 0 && tx.retransmissions != 0 && rx.recovered != 0);
    assert_true(tx.retransmissions >= rx.recovered);
    assert_true(tx.rtt >= 15 * WEIR_MS && tx.rtt < 40 * WEIR_MS);
    assert_true(rx.jitter < 40 * WEIR_MS && tx.jitter < 40 * WEIR_MS);
    assert_true(rx.last_rx <= s->now);
    assert_true(weir_peer_media_rtt(s->peer[CALLER]) >= 15 * WEIR_MS);
    assert_int_equal(weir_peer_rtcp_verdicts(s->peer[CALLEE], WEIR_RTCP_SHORT), 0);
    assert_false(weir_peer_rx_stream(s->peer[CALLER], 77, 0, &rx));
    assert_false(weir_peer_tx_stream(s->peer[CALLER], 77, &tx));
    ((struct weir_media *)m)->remote_ssrc[m->remote_ssrcs] = m->remote_ssrc[0]; /* one that went */
    assert_false(weir_peer_rx_stream(s->peer[CALLEE], 0, m->remote_ssrcs, &rx));
    sim_close(s);
}

/* The answerer is what it was told to be, whatever its configuration says. */
static void the_role_can_be_chosen_before_the_first_description(void **state)
{
    (void)state;
    for (int is_passive = 0; is_passive < 2; is_passive++) {
        struct sim *s = sim_open(12, false);
        struct weir_peer_transport t;
        weir_peer_set_setup(s->peer[CALLEE], is_passive != 0 ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE);
        sim_introduce(s);
        sim_run(s, s->now + 5 * WEIR_SEC, true);
        weir_peer_transport(s->peer[CALLEE], &t);
        assert_int_equal(t.is_client, is_passive == 0);
        assert_string_equal(t.srtp, "none");
        sim_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_of_a_new_one),
        cmocka_unit_test(states_follow_what_happens),
        cmocka_unit_test(gathering_is_on_while_servers_are_asked),
        cmocka_unit_test(the_path_and_its_measure),
        cmocka_unit_test(what_carries_it),
        cmocka_unit_test(what_was_refused_of_the_peers_candidates),
        cmocka_unit_test(a_channel_is_what_it_was_made),
        cmocka_unit_test(a_channel_counts_messages_and_bytes),
        cmocka_unit_test(the_association_counts_all_of_them),
        cmocka_unit_test(what_is_buffered_falls_and_is_told),
        cmocka_unit_test(streams_are_counted_at_both_ends),
        cmocka_unit_test(the_role_can_be_chosen_before_the_first_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
