/* Data channels between two associations: opening, messages, closing, reuse. */
#include "test/sctp/sctp_sim.h"

static uint16_t open_channel(struct sim *m, unsigned end, const char *label)
{
    struct weir_sctp_channel_config c = { 0 };
    uint16_t channel = WEIR_SCTP_NO_CHANNEL;
    c.label = weir_span_of(label, strlen(label));
    assert_int_equal(weir_sctp_channel_open(&m->end[end].s, m->now, &c, &channel), WEIR_OK);
    return channel;
}

static enum weir_status send_text(struct sim *m, unsigned end, uint16_t channel, const char *text)
{
    return weir_sctp_channel_send(&m->end[end].s, m->now, channel,
                                  weir_span_of(text, strlen(text)), true);
}

static void channel_bounds(const struct sim *m)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(m->end[i].s.channels.count, 0);
        assert_true(m->end[i].s.streams.count == 0 || m->end[i].s.state == WEIR_SCTP_OVER);
        assert_int_equal(m->end[i].pool.free_count, SIM_POOL - 1);
    }
}

static void a_channel_opens_with_its_names(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(1));
    struct weir_sctp_channel_config c = { 0 };
    struct weir_sctp_channel_info info;
    uint16_t channel;
    c.label = WEIR_LIT("chat");
    c.protocol = WEIR_LIT("weir-1");
    c.is_unordered = true;
    c.reliability = WEIR_SCTP_RETRANSMITS;
    c.reliability_value = 3;
    c.priority = 512;
    sim_connect(m);
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
    sim_run(m, 100 * WEIR_MS);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 1);
    assert_false(m->end[0].last[WEIR_SCTP_EVENT_CHANNEL_OPEN].is_remote);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 1);
    assert_true(m->end[1].last[WEIR_SCTP_EVENT_CHANNEL_OPEN].is_remote);
    uint16_t theirs = m->end[1].last[WEIR_SCTP_EVENT_CHANNEL_OPEN].channel;
    assert_true(weir_sctp_channel_info(&m->end[1].s, theirs, &info));
    test_assert_bytes(info.config.label, WEIR_LIT("chat"));
    test_assert_bytes(info.config.protocol, WEIR_LIT("weir-1"));
    assert_true(info.config.is_unordered);
    assert_int_equal(info.config.reliability, WEIR_SCTP_RETRANSMITS);
    assert_int_equal(info.config.reliability_value, 3);
    assert_int_equal(info.config.priority, 512);
    assert_int_equal(info.id, 0); /* the DTLS client's streams are even */
    assert_int_equal(open_channel(m, 1, ""), 1);
    assert_true(weir_sctp_channel_info(&m->end[1].s, 1, &info));
    assert_int_equal(info.id, 1); /* the server's are odd */
    sim_free(m);
}

static void messages_keep_their_kind(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(2));
    uint16_t channel = open_channel(m, 0, "a"); /* before the association is up */
    struct weir_sctp *s = &m->end[0].s;
    assert_int_equal(send_text(m, 0, channel, "text"), WEIR_OK);
    assert_int_equal(send_text(m, 0, channel, ""), WEIR_OK);
    assert_int_equal(weir_sctp_channel_send(s, m->now, channel, WEIR_LIT("\0\1\2"), false),
                     WEIR_OK);
    assert_int_equal(weir_sctp_channel_send(s, m->now, channel, weir_span_of(NULL, 0), false),
                     WEIR_OK);
    sim_connect(m);
    static const uint32_t ppid[] = { 51, 56, 53, 57 };
    static const uint32_t bytes[] = { 4, 0, 3, 0 };
    assert_int_equal(m->end[1].got_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(m->end[1].got[i].ppid, ppid[i]);
        assert_int_equal(m->end[1].got[i].bytes, bytes[i]);
        assert_int_equal(m->end[1].got[i].channel, 0);
    }
    sim_free(m);
}

/* What a channel carried; its counts go beyond 32 bits, and begin anew with the next channel of the stream. */
static void a_channel_counts_what_it_carries(void **state)
{
    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        struct sim *m = sim_new(test_seed(61));
        struct weir_sctp *s = &m->end[0].s;
        struct weir_sctp_channel_info info;
        const uint64_t before = wide != 0 ? 0x2fffffffeull : 0;
        sim_connect(m);
        uint16_t channel = open_channel(m, 0, "a");
        sim_run(m, WEIR_SEC);
        uint16_t theirs = m->end[1].last[WEIR_SCTP_EVENT_CHANNEL_OPEN].channel;
        struct weir_sctp_stream *tx = stream_at(s, channel_of(s, channel)->stream);
        struct weir_sctp_stream *rx = stream_at(&m->end[1].s, channel_of(&m->end[1].s, theirs)->stream);
        tx->tx_bytes = rx->rx_bytes = (uint32_t)before;
        tx->tx_bytes_high = rx->rx_bytes_high = (uint16_t)(before >> 32);
        assert_int_equal(send_text(m, 0, channel, "four"), WEIR_OK);
        assert_int_equal(send_text(m, 0, channel, ""), WEIR_OK);
        assert_true(weir_sctp_has_queued(s));
        assert_true(weir_sctp_channel_info(s, channel, &info));
        assert_int_equal(info.tx_messages, 2);
        assert_true(info.tx_bytes == before + 4);
        assert_int_equal(info.buffered, 5); /* the byte of an empty one is on its way as others are */
        assert_false(weir_sctp_has_unread(&m->end[1].s));
        sim_run(m, WEIR_SEC);
        assert_true(weir_sctp_channel_info(&m->end[1].s, theirs, &info));
        assert_int_equal(info.rx_messages, 2);
        assert_true(info.rx_bytes == before + 4);
        assert_int_equal(info.tx_messages, 0);
        assert_int_equal(info.buffered, 0);
        assert_false(weir_sctp_has_queued(s));
        assert_int_equal(weir_sctp_channel_close(s, m->now, channel), WEIR_OK);
        sim_run(m, WEIR_SEC);
        channel = open_channel(m, 0, "b");
        assert_true(weir_sctp_channel_info(s, channel, &info));
        assert_int_equal(info.tx_messages + info.tx_bytes, 0);
        uint32_t slot = channel_of(s, channel)->stream;
        struct weir_sctp_stream *st = stream_at(s, slot); /* one that was used, and kept */
        st->tx_messages = st->rx_messages = st->tx_bytes = st->rx_bytes = 7;
        st->tx_bytes_high = st->rx_bytes_high = 7;
        weir_sctp_channel_attach(s, channel, slot);
        assert_true(weir_sctp_channel_info(s, channel, &info));
        assert_int_equal(info.tx_messages + info.rx_messages, 0);
        assert_true(info.tx_bytes == 0 && info.rx_bytes == 0);
        sim_free(m);
    }
}

static void what_others_may_ask(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(62));
    struct weir_sctp *s = &m->end[0].s, other;
    struct weir_sctp_config c;
    struct weir_sctp_stats stats;
    weir_sctp_config_default(&c, weir_crypto_default());
    weir_sctp_init(&other, &c, &m->end[0].pool, m->now);
    assert_false(weir_sctp_has_dtls_role(&other, true) || weir_sctp_has_dtls_role(&other, false));
    weir_sctp_set_dtls_role(&other, m->now, true);
    assert_true(weir_sctp_has_dtls_role(&other, true) && !weir_sctp_has_dtls_role(&other, false));
    weir_sctp_set_remote(&other, 7, 1234);
    weir_sctp_set_acks_batches(&other, true);
    assert_int_equal(other.config.remote_port, 7);
    assert_true(other.config.acks_batches);
    weir_sctp_stats(&other, &stats);
    assert_int_equal(stats.message_max_remote, 1234);
    weir_sctp_release_all(&other);
    assert_int_equal(weir_sctp_state(s), WEIR_SCTP_CLOSED);
    assert_false(weir_sctp_is_up(s));
    sim_connect(m);
    assert_true(weir_sctp_is_up(s));
    assert_int_equal(weir_sctp_reason(s), WEIR_SCTP_REASON_NONE);
    weir_sctp_stats(s, &stats);
    assert_int_equal(stats.state, WEIR_SCTP_ESTABLISHED);
    assert_int_equal(stats.cwnd, s->cwnd);
    assert_int_equal(stats.counters.rx_packets, s->counters.rx_packets);
    assert_false(stats.is_told);
    uint8_t junk[8] = { 0 };
    uint32_t was = weir_sctp_verdicts(s, WEIR_SCTP_SHORT);
    assert_int_equal(weir_sctp_recv(s, m->now, weir_span_of(junk, sizeof junk)), WEIR_SCTP_SHORT);
    assert_int_equal(weir_sctp_verdicts(s, WEIR_SCTP_SHORT), was + 1);
    assert_int_equal(weir_sctp_verdicts(s, WEIR_SCTP_VERDICTS), 0);
    weir_sctp_abort(s, m->now, WEIR_LIT("enough"));
    assert_false(weir_sctp_is_up(s));
    assert_int_equal(weir_sctp_reason(s), WEIR_SCTP_REASON_ABORTED);
    sim_free(m);
}

static void a_channel_waits_for_the_dtls_role(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(3));
    struct weir_sctp_channel_info info;
    m->end[1].s.is_dtls_role_known = false;
    uint16_t channel = open_channel(m, 1, "early");
    assert_true(weir_sctp_channel_info(&m->end[1].s, channel, &info));
    assert_int_equal(info.state, WEIR_SCTP_CHANNEL_WAITING);
    assert_int_equal(info.id, WEIR_SCTP_NO_STREAM);
    assert_int_equal(send_text(m, 1, channel, "x"), WEIR_ERR_STATE);
    weir_sctp_set_dtls_role(&m->end[1].s, m->now, false);
    assert_int_equal(send_text(m, 1, channel, "x"), WEIR_OK);
    sim_connect(m);
    assert_true(weir_sctp_channel_info(&m->end[1].s, channel, &info));
    assert_int_equal(info.state, WEIR_SCTP_CHANNEL_OPEN);
    assert_int_equal(info.id, 1);
    assert_int_equal(m->end[0].got_count, 1);
    sim_free(m);
}

static void a_negotiated_channel_needs_no_messages(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(4));
    struct weir_sctp_channel_config c = { 0 };
    uint16_t channel[2];
    c.is_negotiated = true;
    c.id = 100;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(weir_sctp_channel_open(&m->end[i].s, m->now, &c, &channel[i]), WEIR_OK);
        uint16_t again;
        assert_int_equal(weir_sctp_channel_open(&m->end[i].s, m->now, &c, &again), WEIR_ERR_STATE);
    }
    assert_int_equal(send_text(m, 0, channel[0], "first"), WEIR_OK);
    sim_connect(m);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 1);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 1);
    assert_int_equal(m->end[1].got_count, 1);
    assert_int_equal(m->end[1].got[0].bytes, 5);
    sim_free(m);
}

/* [RFC 8832 6 MUST] Until the ACK comes, an unordered channel sends ordered: what follows the OPEN
 * never overtakes it. */
static void data_never_overtakes_its_open(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct sim *m = sim_new(test_seed(seed));
        struct weir_sctp_channel_config c = { 0 };
        uint16_t channel;
        c.is_unordered = true;
        sim_connect(m);
        m->loss_permille = 200;
        m->jitter = 50 * WEIR_MS;
        assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
        for (unsigned i = 0; i < 20; i++) {
            assert_int_equal(send_text(m, 0, channel, "early"), WEIR_OK);
            sim_run(m, 10 * WEIR_MS);
        }
        sim_run(m, 30 * WEIR_SEC);
        assert_int_equal(m->end[1].got_count, 20);
        assert_int_equal(m->end[1].s.verdicts[WEIR_SCTP_DCEP_NO_CHANNEL], 0);
        sim_free(m);
    }
}

static void close_sends_what_is_queued_and_frees_all(void **state)
{
    (void)state;
    static uint8_t big[200000];
    for (unsigned loss = 0; loss <= 200; loss += 100) {
        struct sim *m = sim_new(test_seed(5));
        sim_connect(m);
        uint16_t channel = open_channel(m, 0, "file");
        sim_run(m, 100 * WEIR_MS);
        m->loss_permille = loss;
        assert_int_equal(weir_sctp_channel_send(&m->end[0].s, m->now, channel,
                                                weir_span_of(big, sizeof big), false), WEIR_OK);
        assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, channel), WEIR_OK);
        assert_int_equal(send_text(m, 0, channel, "late"), WEIR_ERR_STATE);
        sim_run(m, 60 * WEIR_SEC);
        assert_int_equal(m->end[1].got_count, 1);
        assert_int_equal(m->end[1].got[0].bytes, sizeof big);
        assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
        assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
        channel_bounds(m);
        sim_free(m);
    }
}

static void both_close_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct sim *m = sim_new(test_seed(seed));
        sim_connect(m);
        uint16_t channel = open_channel(m, 0, "x");
        sim_run(m, 100 * WEIR_MS);
        m->loss_permille = 300;
        m->jitter = 30 * WEIR_MS;
        m->dup_permille = 100;
        assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, channel), WEIR_OK);
        sim_run(m, (seed % 5) * 5 * WEIR_MS);
        if (weir_sctp_channel_close(&m->end[1].s, m->now, 0) != WEIR_OK) {
            assert_int_equal(m->end[1].s.channels.count, 0);
        }
        sim_run(m, 120 * WEIR_SEC);
        channel_bounds(m);
        sim_free(m);
    }
}

static uint16_t open_agreed(struct sim *m, unsigned end, uint16_t id)
{
    const struct weir_sctp_channel_config c = { .is_negotiated = true, .id = id };
    uint16_t channel = WEIR_SCTP_NO_CHANNEL;
    assert_int_equal(weir_sctp_channel_open(&m->end[end].s, m->now, &c, &channel), WEIR_OK);
    return channel;
}

/* A negotiated channel that only one side made, on a stream of either parity, used or not. */
static void a_lonely_channel_closes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct sim *m = sim_new(test_seed(14));
        unsigned end = i & 1;
        uint16_t id = (uint16_t)(8 + (i >> 1 & 1));
        sim_connect(m);
        for (unsigned round = 1; round <= 3; round++) { /* the number comes back each time */
            uint64_t before = m->packets;
            uint16_t channel = open_agreed(m, end, id);
            if (i >= 4) {
                assert_int_equal(send_text(m, end, channel, "anybody?"), WEIR_OK);
                sim_run(m, WEIR_SEC);
            }
            assert_int_equal(weir_sctp_channel_close(&m->end[end].s, m->now, channel), WEIR_OK);
            sim_run(m, 5 * WEIR_SEC);
            assert_int_equal(m->end[end].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], round);
            assert_true(m->packets - before < 20); /* and the two do not reset each other for ever */
            channel_bounds(m);
        }
        open_agreed(m, 1 - end, id); /* for the other side as well */
        sim_free(m);
    }
}

/* The number is used again as soon as it is free, while answers are lost and overtaken: also a reset that
 * comes while our answer to the one before is out, is answered. */
static void lonely_channels_close_over_a_bad_path(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct sim *m = sim_new(test_seed(200 + seed));
        sim_connect(m);
        m->loss_permille = 300;
        m->jitter = 20 * WEIR_MS;
        m->dup_permille = 100;
        for (unsigned made = 1; made <= 20; made++) {
            uint16_t channel = open_agreed(m, 0, (uint16_t)(8 + (seed & 1)));
            assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, channel), WEIR_OK);
            for (unsigned i = 0; i < 12000 && m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED] < made; i++) {
                sim_run(m, 5 * WEIR_MS);
            }
            assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], made);
        }
        sim_run(m, 60 * WEIR_SEC);
        uint64_t packets = m->packets;
        sim_run(m, 10 * WEIR_SEC);
        assert_true(m->packets - packets < 10);
        channel_bounds(m);
        sim_free(m);
    }
}

/* An application that does not take the end of its channel holds up no other of the peer's on that stream. */
static void a_channel_whose_end_is_not_taken_is_not_in_the_way(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(15));
    sim_connect(m);
    open_agreed(m, 1, 8);
    m->end[1].keeps_events = true;
    for (unsigned round = 1; round <= 3; round++) {
        uint16_t channel = open_agreed(m, 0, 8);
        sim_run(m, WEIR_SEC);
        assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, channel), WEIR_OK);
        sim_run(m, 5 * WEIR_SEC);
        assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], round);
    }
    m->end[1].keeps_events = false;
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
    channel_bounds(m);
    sim_free(m);
}

/* C13: an OPEN that is refused is so once, ordered or not; the reset that answers ours is not answered. */
static void attack_C13_refusals_end(void **state)
{
    (void)state;
    for (int is_unordered = 0; is_unordered < 2; is_unordered++) {
        struct sim *m = sim_new(test_seed(16));
        struct weir_sctp_channel_config c = { .is_unordered = is_unordered != 0 };
        uint16_t channel;
        m->end[1].s.is_dtls_client = true; /* so the OPEN comes on a stream of the wrong parity */
        sim_connect(m);
        for (unsigned round = 1; round <= 3; round++) {
            uint64_t before = m->packets;
            assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
            sim_run(m, 5 * WEIR_SEC);
            assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], round);
            assert_int_equal(m->end[1].s.verdicts[WEIR_SCTP_DCEP_PARITY], round);
            assert_true(m->packets - before < 20);
            channel_bounds(m);
        }
        sim_free(m);
    }
}

static void a_channel_never_heard_of_closes_at_once(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(6));
    uint16_t channel = open_channel(m, 0, "x");
    assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, channel), WEIR_OK);
    sim_events(m, &m->end[0]);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
    channel_bounds(m);
    sim_free(m);
}

/* C13: an identifier comes back only after both directions were reset, and then works. */
static void attack_C13_identifiers_are_reused_safely(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(7));
    sim_connect(m);
    m->loss_permille = 100;
    m->jitter = 20 * WEIR_MS;
    for (unsigned i = 0; i < 200; i++) {
        uint16_t channel = open_channel(m, i % 2, "again");
        assert_int_equal(send_text(m, i % 2, channel, "hello"), WEIR_OK);
        if (i % 3 != 0) {
            sim_run(m, 30 * WEIR_MS);
        }
        assert_int_equal(weir_sctp_channel_close(&m->end[i % 2].s, m->now, channel), WEIR_OK);
        sim_run(m, (i % 4) * 20 * WEIR_MS);
    }
    sim_run(m, 120 * WEIR_SEC);
    channel_bounds(m);
    assert_int_equal(m->end[0].s.state, WEIR_SCTP_ESTABLISHED);
    uint32_t opened = m->end[0].got_count + m->end[1].got_count;
    assert_true(opened >= 130); /* those never heard of took their message with them */
    for (uint32_t i = 0; i < m->end[1].got_count; i++) {
        assert_int_equal(m->end[1].got[i].bytes, 5);
    }
    assert_int_equal(m->end[0].s.verdicts[WEIR_SCTP_DCEP_IN_USE], 0);
    assert_int_equal(m->end[1].s.verdicts[WEIR_SCTP_DCEP_IN_USE], 0);
    sim_free(m);
}

static void as_many_channels_as_there_is_room_for(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(8));
    uint16_t channel;
    struct weir_sctp_channel_config c = { 0 };
    c.label = WEIR_LIT("many");
    enum { MANY = 500 };
    m->end[0].s.config.channels_max = MANY;
    sim_connect(m);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
        assert_int_equal(send_text(m, 0, channel, "x"), WEIR_OK);
    }
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_ERR_FULL);
    sim_run(m, 5 * WEIR_SEC);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], MANY);
    assert_int_equal(m->end[1].got_count, MANY);
    for (uint16_t i = 0; i < MANY; i++) {
        assert_int_equal(weir_sctp_channel_close(&m->end[i % 2].s, m->now, i), WEIR_OK);
    }
    sim_run(m, 10 * WEIR_SEC);
    channel_bounds(m);
    sim_free(m);
}

/* Ten thousand open, carry a message each way, and close; each costs what it uses, and gives it back. */
static void ten_thousand_channels(void **state)
{
    (void)state;
    enum { MANY = 10000, TURN = 500 };
    struct sim *m = sim_new(test_seed(30));
    uint16_t channel;
    sim_connect(m);
    uint32_t before[2] = { weir_account_cells(&m->end[0].pool, m->end[0].s.account),
                           weir_account_cells(&m->end[1].pool, m->end[1].s.account) };
    for (unsigned i = 0; i < MANY; i++) {
        char label[16];
        snprintf(label, sizeof label, "ch-%05u", i);
        struct weir_sctp_channel_config c = { .label = weir_span_of((const uint8_t *)label, 8) };
        assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
        assert_int_equal(channel, i);
        if (i % TURN == TURN - 1) {
            sim_run(m, 200 * WEIR_MS);
        }
    }
    sim_run(m, 2 * WEIR_SEC);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], MANY);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], MANY);
    for (unsigned end = 0; end < 2; end++) {
        uint32_t cells = weir_account_cells(&m->end[end].pool, m->end[end].s.account) - before[end];
        assert_true(cells * WEIR_CELL_BYTES <= 160 * MANY);
        struct weir_sctp_channel_info info;
        assert_true(weir_sctp_channel_info(&m->end[end].s, 7777, &info));
        test_assert_bytes(info.config.label, WEIR_LIT("ch-07777"));
        assert_int_equal(info.id, 2 * 7777);
        for (unsigned i = 0; i < MANY; i++) {
            assert_int_equal(send_text(m, end, (uint16_t)i, "x"), WEIR_OK);
            if (i % TURN == TURN - 1) {
                sim_run(m, 200 * WEIR_MS);
            }
        }
        sim_run(m, 2 * WEIR_SEC);
        assert_int_equal(m->end[1 - end].got_count, MANY);
    }
    assert_true(weir_sctp_check(&m->end[0].s) && weir_sctp_check(&m->end[1].s));
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(weir_sctp_channel_close(&m->end[i % 2].s, m->now, (uint16_t)i), WEIR_OK);
    }
    sim_run(m, 60 * WEIR_SEC);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], MANY);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], MANY);
    channel_bounds(m);
    sim_free(m);
}

/* The lowest index that is free is the next one's, and a table is never longer than it was. */
static void the_lowest_free_index_is_used_next(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(1));
    sim_connect(m);
    for (uint16_t i = 0; i < 6; i++) {
        assert_int_equal(open_channel(m, 0, "a"), i);
    }
    sim_run(m, WEIR_SEC);
    assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, 4), WEIR_OK);
    assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, 1), WEIR_OK);
    sim_run(m, WEIR_SEC);
    assert_int_equal(open_channel(m, 0, "b"), 1);
    assert_int_equal(open_channel(m, 0, "b"), 4);
    assert_int_equal(open_channel(m, 0, "b"), 6);
    sim_free(m);
}

/* Channels made while nothing more can be queued: each is announced once something can. */
static void channels_that_find_no_room_are_announced_later(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(1));
    static uint8_t much[1000];
    sim_connect(m);
    uint16_t first = open_channel(m, 0, "first");
    sim_run(m, 100 * WEIR_MS);
    while (weir_sctp_channel_send(&m->end[0].s, m->now, first, weir_span_of(much, sizeof much), false)
           == WEIR_OK) {
    }
    while (weir_sctp_channel_send(&m->end[0].s, m->now, first, weir_span_of(much, 1), false) == WEIR_OK) {
    }
    for (unsigned i = 0; i < 10; i++) {
        (void)open_channel(m, 0, "late");
    }
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 1);
    sim_run(m, 20 * WEIR_SEC);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 11);
    sim_free(m);
}

static void names_have_limits(void **state)
{
    (void)state;
    static uint8_t name[WEIR_SCTP_NAME_MAX + 1];
    struct sim *m = sim_new(test_seed(9));
    struct weir_sctp_channel_config c = { 0 };
    uint16_t channel;
    memset(name, 'n', sizeof name);
    sim_connect(m);
    c.label = weir_span_of(name, sizeof name);
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_ERR_ARG);
    c.label.n = WEIR_SCTP_NAME_MAX;
    c.protocol = c.label;
    for (unsigned i = 0; i < 100; i++) { /* as many as channels, and as long */
        assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
    }
    sim_run(m, 3 * WEIR_SEC);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_OPEN], 100);
    /* Freed from the middle, the others keep theirs. */
    struct weir_sctp_channel_info info;
    assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, 1), WEIR_OK);
    sim_run(m, WEIR_SEC);
    c.label = WEIR_LIT("short");
    c.protocol = WEIR_LIT("");
    assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
    assert_true(weir_sctp_channel_info(&m->end[0].s, 3, &info));
    test_assert_bytes(info.config.protocol, weir_span_of(name, WEIR_SCTP_NAME_MAX));
    assert_true(weir_sctp_channel_info(&m->end[0].s, channel, &info));
    test_assert_bytes(info.config.label, WEIR_LIT("short"));
    sim_free(m);
}

static void buffered_bytes_fall_to_the_threshold(void **state)
{
    (void)state;
    static uint8_t big[100000];
    struct sim *m = sim_new(test_seed(10));
    sim_connect(m);
    uint16_t channel = open_channel(m, 0, "x");
    sim_run(m, 100 * WEIR_MS);
    m->end[0].told[WEIR_SCTP_EVENT_BUFFERED_LOW] = 0;
    weir_sctp_channel_set_low(&m->end[0].s, channel, 50000);
    assert_int_equal(weir_sctp_channel_send(&m->end[0].s, m->now, channel,
                                            weir_span_of(big, sizeof big), false), WEIR_OK);
    assert_int_equal(weir_sctp_channel_buffered(&m->end[0].s, channel), sizeof big);
    sim_pump(m);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_BUFFERED_LOW], 0);
    while (m->end[0].told[WEIR_SCTP_EVENT_BUFFERED_LOW] == 0) {
        assert_true(sim_step(m, m->now + 10 * WEIR_SEC));
    }
    size_t left = weir_sctp_channel_buffered(&m->end[0].s, channel);
    assert_true(left <= 50000 && left > 25000);
    sim_run(m, 10 * WEIR_SEC);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_BUFFERED_LOW], 1);
    assert_int_equal(weir_sctp_channel_buffered(&m->end[0].s, channel), 0);
    sim_free(m);
}

static void the_last_message_is_read_before_the_end_is_told(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(11));
    sim_connect(m);
    uint16_t channel = open_channel(m, 0, "x");
    sim_run(m, 100 * WEIR_MS);
    m->end[1].is_reading = false;
    assert_int_equal(send_text(m, 0, channel, "last words"), WEIR_OK);
    assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, channel), WEIR_OK);
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 0);
    sim_read(m, &m->end[1]);
    assert_int_equal(m->end[1].got[0].channel, 0);
    sim_events(m, &m->end[1]);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
    sim_free(m);
}

/* So is the end of the whole association, when it is the peer's. */
static void the_peers_abort_is_told_after_what_it_said(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(11));
    sim_connect(m);
    uint16_t channel = open_channel(m, 0, "x");
    sim_run(m, 100 * WEIR_MS);
    m->end[1].is_reading = false;
    assert_int_equal(send_text(m, 0, channel, "last words"), WEIR_OK);
    sim_run(m, 100 * WEIR_MS);
    weir_sctp_abort(&m->end[0].s, m->now, WEIR_LIT("gone"));
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[1].s.state, WEIR_SCTP_OVER);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CLOSED], 0);
    sim_read(m, &m->end[1]);
    sim_events(m, &m->end[1]);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CLOSED], 1);
    sim_free(m);
}

static void the_association_ends_every_channel(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(12));
    sim_connect(m);
    for (unsigned i = 0; i < 5; i++) {
        open_channel(m, i % 2, "x");
    }
    sim_run(m, WEIR_SEC);
    weir_sctp_abort(&m->end[0].s, m->now, WEIR_LIT(""));
    sim_run(m, WEIR_SEC);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(m->end[i].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 5);
        assert_int_equal(m->end[i].told[WEIR_SCTP_EVENT_CLOSED], 1);
    }
    assert_int_equal(send_text(m, 0, 0, "x"), WEIR_ERR_ARG);
    channel_bounds(m);
    sim_free(m);
}

/* A partly reliable channel under loss: what arrives is whole, and closing works. */
static void a_partly_reliable_channel_closes(void **state)
{
    (void)state;
    static uint8_t bytes[3000];
    uint32_t total = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim *m = sim_new(test_seed(seed));
        struct weir_sctp_channel_config c = { 0 };
        uint16_t channel;
        c.is_unordered = seed % 2 == 0;
        c.reliability = seed % 4 < 2 ? WEIR_SCTP_RETRANSMITS : WEIR_SCTP_LIFETIME;
        c.reliability_value = seed % 4 < 2 ? 0 : 30;
        sim_connect(m);
        assert_int_equal(weir_sctp_channel_open(&m->end[0].s, m->now, &c, &channel), WEIR_OK);
        sim_run(m, 100 * WEIR_MS);
        m->loss_permille = 250;
        for (unsigned i = 0; i < 50; i++) {
            assert_int_equal(weir_sctp_channel_send(&m->end[0].s, m->now, channel,
                                                    weir_span_of(bytes, sizeof bytes), false),
                             WEIR_OK);
            sim_run(m, 15 * WEIR_MS);
        }
        assert_int_equal(weir_sctp_channel_close(&m->end[0].s, m->now, channel), WEIR_OK);
        sim_run(m, 200 * WEIR_SEC);
        assert_in_range(m->end[1].got_count, 0, 50);
        total += m->end[1].got_count;
        for (uint32_t i = 0; i < m->end[1].got_count; i++) {
            assert_int_equal(m->end[1].got[i].bytes, sizeof bytes);
        }
        channel_bounds(m);
        sim_free(m);
    }
    assert_in_range(total, 50, 800);
}

/* A message that the other side does not take costs its channel; the one beside it goes on. */
static void attack_C16_a_message_over_the_limit_costs_its_channel_alone(void **state)
{
    (void)state;
    static uint8_t bytes[60000];
    struct sim *m = sim_new(test_seed(16));
    uint16_t big = open_channel(m, 0, "big");
    uint16_t small = open_channel(m, 0, "small");
    m->end[1].s.config.message_max_local = 50000;
    sim_connect(m);
    struct weir_span message = { bytes, 50001 };
    assert_int_equal(weir_sctp_channel_send(&m->end[0].s, m->now, big, message, false), WEIR_OK);
    sim_run(m, 5 * WEIR_SEC);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
    assert_int_equal(m->end[0].last[WEIR_SCTP_EVENT_CHANNEL_CLOSED].channel, big);
    assert_int_equal(m->end[1].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
    assert_int_equal(send_text(m, 0, small, "still here"), WEIR_OK);
    uint16_t again = open_channel(m, 0, "again");
    message.n = 50000;
    assert_int_equal(weir_sctp_channel_send(&m->end[0].s, m->now, again, message, false), WEIR_OK);
    sim_run(m, 5 * WEIR_SEC);
    assert_int_equal(m->end[1].got_count, 2);
    sim_free(m);
}

/* [RFC 8832 6] A peer that takes our parity loses that channel, and nothing else. */
static void a_wrong_parity_costs_that_channel_alone(void **state)
{
    (void)state;
    struct sim *m = sim_new(test_seed(17));
    uint16_t good = open_channel(m, 0, "good");
    sim_connect(m);
    weir_sctp_set_dtls_role(&m->end[0].s, m->now, false); /* both now think that odd is theirs */
    uint16_t wrong = open_channel(m, 0, "wrong");
    assert_int_equal(channel_of(&m->end[0].s, wrong)->id, 1);
    sim_run(m, 5 * WEIR_SEC);
    assert_int_equal(m->end[1].s.verdicts[WEIR_SCTP_DCEP_PARITY], 1);
    assert_int_equal(m->end[0].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], 1);
    assert_int_equal(m->end[0].last[WEIR_SCTP_EVENT_CHANNEL_CLOSED].channel, wrong);
    assert_int_equal(send_text(m, 0, good, "still here"), WEIR_OK);
    sim_run(m, WEIR_SEC);
    assert_int_equal(m->end[1].got_count, 1);
    assert_int_equal(m->end[1].s.state, WEIR_SCTP_ESTABLISHED);
    sim_free(m);
}

/* One life of a channel that both sides made: who closes it takes turns. */
static void negotiated_round(struct sim *m, unsigned round, const char *text)
{
    struct weir_sctp_channel_config c = { 0 };
    uint16_t channel[2];
    uint32_t before[2];
    c.is_negotiated = true;
    c.id = 5;
    for (unsigned i = 0; i < 2; i++) {
        before[i] = m->end[i].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED];
        assert_int_equal(weir_sctp_channel_open(&m->end[i].s, m->now, &c, &channel[i]), WEIR_OK);
    }
    if (text != NULL) {
        assert_int_equal(send_text(m, round & 1, channel[round & 1], text), WEIR_OK);
    }
    assert_int_equal(weir_sctp_channel_close(&m->end[round & 1].s, m->now, channel[round & 1]),
                     WEIR_OK);
    sim_run(m, 20 * WEIR_SEC);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(m->end[i].told[WEIR_SCTP_EVENT_CHANNEL_CLOSED], before[i] + 1);
    }
}

/* Y13: closed again with nothing sent between, the request looks like the one before and is a new one. */
static void attack_Y13_a_negotiated_channel_closes_as_often_as_it_is_made(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim *m = sim_new(test_seed(seed));
        sim_connect(m);
        m->loss_permille = seed < 2 ? 0 : 200;
        m->jitter = seed % 2 == 0 ? 0 : 20 * WEIR_MS;
        for (unsigned round = 0; round < 9; round++) {
            negotiated_round(m, seed % 3 == 0 ? 0 : round, round % 4 == 3 ? "x" : NULL);
        }
        channel_bounds(m);
        sim_free(m);
    }
}

/* The same beside a transfer that is never all there, so that the first answer is "in progress". */
static void a_close_beside_a_transfer_is_asked_for_twice_and_performed_once(void **state)
{
    (void)state;
    static uint8_t bytes[40000];
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim *m = sim_new(test_seed(seed));
        uint16_t bulk = open_channel(m, 0, "bulk");
        sim_connect(m);
        m->loss_permille = 150;
        for (unsigned round = 0; round < 5; round++) {
            struct weir_span message = { bytes, sizeof bytes };
            assert_int_equal(weir_sctp_channel_send(&m->end[0].s, m->now, bulk, message, false),
                             WEIR_OK);
            negotiated_round(m, 0, NULL);
        }
        assert_int_equal(m->end[1].got_count, 5);
        sim_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_opens_with_its_names),
        cmocka_unit_test(messages_keep_their_kind),
        cmocka_unit_test(a_channel_waits_for_the_dtls_role),
        cmocka_unit_test(a_channel_counts_what_it_carries),
        cmocka_unit_test(what_others_may_ask),
        cmocka_unit_test(a_negotiated_channel_needs_no_messages),
        cmocka_unit_test(data_never_overtakes_its_open),
        cmocka_unit_test(close_sends_what_is_queued_and_frees_all),
        cmocka_unit_test(both_close_at_once),
        cmocka_unit_test(a_lonely_channel_closes),
        cmocka_unit_test(lonely_channels_close_over_a_bad_path),
        cmocka_unit_test(a_channel_whose_end_is_not_taken_is_not_in_the_way),
        cmocka_unit_test(attack_C13_refusals_end),
        cmocka_unit_test(a_channel_never_heard_of_closes_at_once),
        cmocka_unit_test(attack_C13_identifiers_are_reused_safely),
        cmocka_unit_test(as_many_channels_as_there_is_room_for),
        cmocka_unit_test(ten_thousand_channels),
        cmocka_unit_test(the_lowest_free_index_is_used_next),
        cmocka_unit_test(channels_that_find_no_room_are_announced_later),
        cmocka_unit_test(names_have_limits),
        cmocka_unit_test(buffered_bytes_fall_to_the_threshold),
        cmocka_unit_test(the_last_message_is_read_before_the_end_is_told),
        cmocka_unit_test(the_peers_abort_is_told_after_what_it_said),
        cmocka_unit_test(the_association_ends_every_channel),
        cmocka_unit_test(a_partly_reliable_channel_closes),
        cmocka_unit_test(attack_C16_a_message_over_the_limit_costs_its_channel_alone),
        cmocka_unit_test(a_wrong_parity_costs_that_channel_alone),
        cmocka_unit_test(attack_Y13_a_negotiated_channel_closes_as_often_as_it_is_made),
        cmocka_unit_test(a_close_beside_a_transfer_is_asked_for_twice_and_performed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
