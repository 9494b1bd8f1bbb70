/* What leaves a connection leaves by one door: in its order, at its pace, and nothing of it is lost but what
 * waited too long. */
#include "peer/peer_int.h"
#include "test/sim/sim.h"
#include "test/support/support.h"

enum { AUDIO, VIDEO };

static uint8_t payload[1000];
static uint16_t seq_of[2];

static struct sim *connected(uint64_t seed)
{
    uint8_t media;
    struct sim *s = sim_open(seed, true);
    memset(seq_of, 0, sizeof seq_of);
    assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    assert_int_equal(media, AUDIO);
    sim_introduce(s);
    sim_run(s, s->now + 20 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    sim_run(s, s->now + WEIR_SEC, false);
    return s;
}

static struct weir_rtp_header header(const struct sim *s, uint8_t media)
{
    struct weir_rtp_header h = { .payload_type = media_at(s->peer[0], media)->codec[0].payload_type,
                                 .seq = seq_of[media]++, .timestamp = seq_of[media] * 900u,
                                 .payload = { payload, sizeof payload } };
    return h;
}

static enum weir_status queue(struct sim *s, uint8_t media)
{
    struct weir_rtp_header h = header(s, media);
    return weir_peer_queue_rtp(s->peer[0], s->now, media, &h, WEIR_NO_CELL);
}

static enum weir_status write_now(struct sim *s, uint8_t media)
{
    static uint8_t out[1500];
    struct weir_rtp_header h = header(s, media);
    struct weir_path to;
    size_t n;
    return weir_peer_write_rtp(s->peer[0], s->now, media, &h, (struct weir_mspan){ out, sizeof out }, &n, &to);
}

/* What leaves next: 'a', 'v' or 'r' (RTCP), 's' (records), 'c' (checks); 0: nothing. It goes nowhere. */
static char next_out(struct sim *s, size_t *bytes)
{
    static uint8_t out[1500];
    struct weir_path to;
    size_t n = weir_peer_send(s->peer[0], s->now, (struct weir_mspan){ out, sizeof out }, &to);
    if (bytes != NULL) {
        *bytes = n;
    }
    if (n == 0) {
        return 0;
    }
    if (out[0] < 128) {
        return out[0] < 4 ? 'c' : 's';
    }
    uint32_t ssrc = weir_be32(out + 8);
    bool is_rtcp = out[1] >= 192 && out[1] <= 223;
    return is_rtcp ? 'r' : ssrc == media_at(s->peer[0], AUDIO)->ssrc ? 'a' : 'v';
}

/* All that leaves from now until the moment: time goes from deadline to deadline. */
static size_t leave(struct sim *s, weir_time until, char *order, size_t max)
{
    size_t count = 0, n;
    uint64_t bytes = 0;
    for (;;) {
        for (char kind; (kind = next_out(s, &n)) != 0;) {
            if (count < max) {
                order[count++] = kind;
            }
            bytes += n;
        }
        weir_time next = weir_peer_deadline(s->peer[0]);
        assert_true(next > s->now);
        if (next > until) {
            break;
        }
        s->now = next;
        weir_peer_tick(s->peer[0], s->now);
    }
    s->now = until;
    if (max != 0) {
        order[count] = 0;
    }
    return (size_t)bytes;
}

/* -- Order ------------------------------------------------------------------------------------- */

static void audio_goes_before_video_and_each_in_its_order(void **state)
{
    (void)state;
    struct sim *s = connected(1);
    char order[64];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(queue(s, VIDEO), WEIR_OK);
        assert_int_equal(queue(s, AUDIO), WEIR_OK);
    }
    (void)leave(s, s->now, order, sizeof order - 1);
    assert_string_equal(order, "aaaavvvv");
    const struct weir_rtcp_sent *sent = &weir_peer_rtp(s->peer[0])->sent;
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(weir_rtcp_sent_find(sent, sent->next - 8 + i)->seq, i % 4);
    }
    sim_close(s);
}

/* What the peer missed is older than what waits, and younger than audio. */
static void what_the_peer_missed_goes_before_video(void **state)
{
    (void)state;
    struct sim *s = connected(2);
    struct weir_peer_rtp *r = weir_peer_rtp(s->peer[0]);
    char order[64];
    assert_int_equal(write_now(s, VIDEO), WEIR_OK);
    assert_int_equal(queue(s, VIDEO), WEIR_OK);
    assert_int_equal(queue(s, AUDIO), WEIR_OK);
    r->resend[r->resend_head % WEIR_PEER_RESENDS_MAX].ssrc = media_at(s->peer[0], VIDEO)->ssrc;
    r->resend[r->resend_head++ % WEIR_PEER_RESENDS_MAX].seq = 0;
    for (size_t i = 0; (order[i] = next_out(s, NULL)) != 0; i++) {
        assert_true(s->peer[0]->door.is_numbered);
        assert_int_equal(s->peer[0]->door.number, r->sent.next - 1);
    }
    assert_string_equal(order, "avv");
    assert_int_equal(weir_rtcp_sent_find(&r->sent, r->sent.next - 2)->seq, 0);
    assert_int_equal(weir_rtcp_sent_find(&r->sent, r->sent.next - 1)->seq, 1);
    sim_close(s);
}

/* A sender that always has video leaves every ninth turn to the channels. */
static void video_does_not_starve_the_channels(void **state)
{
    (void)state;
    struct sim *s = connected(3);
    char order[512];
    unsigned videos = 0, records = 0;
    weir_peer_set_send_rate(s->peer[0], s->now, 125000);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(queue(s, VIDEO), WEIR_OK);
    }
    assert_int_equal(sim_send(s, 0, 8000), WEIR_OK);
    (void)leave(s, s->now + WEIR_SEC, order, sizeof order - 1);
    for (const char *p = order; *p != 0 && records < 7; p++) {
        videos += *p == 'v' ? 1 : 0;
        records += *p == 's' ? 1 : 0;
    }
    assert_int_equal(records, 7);
    assert_in_range(videos, 40, 60);
    sim_close(s);
}

/* -- Pace -------------------------------------------------------------------------------------- */

static void a_rate_is_kept_and_all_arrives(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct sim *s = connected(test_seed(seed));
        uint64_t rate = seed % 2 == 0 ? 50000 : 500000, before = s->peer[0]->tx_bytes;
        weir_time begin = s->now;
        weir_peer_set_send_rate(s->peer[0], s->now, rate);
        for (int i = 0; i < 90; i++) {
            assert_int_equal(queue(s, i % 3 == 0 ? AUDIO : VIDEO), WEIR_OK);
        }
        for (weir_duration part = 1; part <= 10; part++) {
            sim_run(s, begin + part * 180 * WEIR_MS, false);
            uint64_t most = rate * part * 180 / 1000 + rate * 2 / 1000 + 3000;
            assert_true(s->peer[0]->tx_bytes - before <= most);
        }
        sim_run(s, begin + 3 * WEIR_SEC, false);
        assert_int_equal(s->rtp[1], 90);
        assert_int_equal(weir_peer_rtp_waiting(s->peer[0]), 0);
        sim_close(s);
    }
}

/* At a byte per second the connection lives on: what keeps it alive never waits. */
static void what_keeps_a_connection_alive_never_waits(void **state)
{
    (void)state;
    struct sim *s = connected(4);
    weir_peer_set_send_rate(s->peer[0], s->now, 1);
    weir_peer_set_send_rate(s->peer[1], s->now, 1);
    assert_int_equal(sim_send(s, 0, 20000), WEIR_OK);
    sim_run(s, s->now + 120 * WEIR_SEC, false);
    assert_int_equal(s->peer[0]->state, WEIR_PEER_CONNECTED);
    assert_int_equal(s->peer[1]->state, WEIR_PEER_CONNECTED);
    assert_int_equal(s->messages[1], 0);
    weir_peer_set_send_rate(s->peer[0], s->now, 0);
    weir_peer_set_send_rate(s->peer[1], s->now, 0);
    sim_run(s, s->now + 120 * WEIR_SEC, false);
    assert_int_equal(s->messages[1], 1);
    assert_false(s->is_corrupt);
    sim_close(s);
}

/* A window does not leave at once, but over its round trip. */
static void a_window_of_data_spreads_over_its_round_trip(void **state)
{
    (void)state;
    struct sim *s = connected(5);
    uint64_t worst = 0, before;
    unsigned sent = 0;
    s->link.delay = 50 * WEIR_MS;
    for (int i = 0; i < 2300; i++) {
        while (sim_send(s, 0, 100000) == WEIR_OK) {
            sent++;
        }
        before = s->peer[0]->tx_packets;
        sim_run(s, s->now + WEIR_MS, false);
        if (i < 2000) {
            continue; /* the window grows */
        }
        uint64_t now = s->peer[0]->tx_packets - before;
        worst = now > worst ? now : worst;
    }
    /* A hundredth of two windows in each millisecond, and two of them at once. */
    assert_true(s->peer[0]->sctp.cwnd > 400000);
    assert_in_range(worst, 4, s->peer[0]->sctp.cwnd / PEER_SCTP_MTU / 10);
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    assert_int_equal(s->messages[1], sent);
    sim_close(s);
}

/* Without anything that comes, too: what waits for its turn leaves when that is there. */
static void data_that_waits_leaves_in_time(void **state)
{
    (void)state;
    struct sim *s = connected(14);
    char order[512];
    s->link.delay = 50 * WEIR_MS;
    for (int i = 0; i < 1500; i++) {
        (void)!sim_send(s, 0, 100000);
        sim_run(s, s->now + WEIR_MS, false);
    }
    while (s->peer[0]->sctp.flight_bytes != 0) {
        sim_run(s, s->now + WEIR_MS, false);
    }
    s->peer[0]->sctp.cwnd = s->peer[0]->sctp.burst_left = 400000;
    assert_int_equal(sim_send(s, 0, 200000), WEIR_OK);
    while (next_out(s, NULL) != 0) {
    }
    assert_true(weir_sctp_has_held(&s->peer[0]->sctp));
    (void)leave(s, s->now + 10 * WEIR_MS, order, sizeof order - 1);
    assert_true(strlen(order) > 20);
    sim_close(s);
}

static void a_short_message_after_silence_does_not_wait(void **state)
{
    (void)state;
    struct sim *s = connected(6);
    sim_run(s, s->now + 3 * WEIR_SEC, false);
    assert_int_equal(sim_send(s, 0, 10000), WEIR_OK);
    unsigned records = 0;
    while (next_out(s, NULL) == 's') {
        records++;
    }
    assert_int_equal(records, 9);
    sim_close(s);
}

/* -- What cannot wait -------------------------------------------------------------------------- */

static void what_waited_too_long_is_dropped_and_counted(void **state)
{
    (void)state;
    struct sim *s = connected(7);
    struct weir_peer_queue *q = &weir_peer_rtp(s->peer[0])->queue[WEIR_PEER_QUEUE_VIDEO];
    uint32_t cells = weir_account_cells(&s->pool, s->peer[0]->account);
    weir_peer_set_send_rate(s->peer[0], s->now, 10000);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(queue(s, VIDEO), WEIR_OK);
    }
    sim_run(s, s->now + 2 * WEIR_SEC - WEIR_MS, false);
    assert_int_equal(q->late, 0);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(q->count, 0);
    assert_int_equal(q->late + s->rtp[1], 60);
    assert_in_range(s->rtp[1], 15, 20); /* RTCP and checks leave as well */
    weir_rtcp_history_clear(&weir_peer_rtp(s->peer[0])->history, &s->pool);
    assert_int_equal(weir_account_cells(&s->pool, s->peer[0]->account), cells);
    sim_close(s);
}

static unsigned writables(struct sim *s)
{
    struct weir_event e;
    unsigned count = 0;
    while (weir_peer_event(s->peer[0], s->now, &e)) {
        count += e.type == WEIR_EVENT_MEDIA_WRITABLE ? 1 : 0;
    }
    return count;
}

static void who_is_refused_is_told_when_half_has_left(void **state)
{
    (void)state;
    struct sim *s = connected(8);
    unsigned queued = 0;
    s->is_deaf[0] = true;
    s->peer[0]->config.queue_wait = WEIR_SEC * 60;
    weir_peer_set_send_rate(s->peer[0], s->now, 100000);
    while (queue(s, VIDEO) == WEIR_OK) {
        queued++;
    }
    assert_int_equal(queued, WEIR_PEER_QUEUE_MAX);
    assert_int_equal(write_now(s, VIDEO), WEIR_ERR_FULL); /* nor may another overtake them */
    assert_int_equal(writables(s), 0);
    while (weir_peer_rtp_waiting(s->peer[0]) > WEIR_PEER_QUEUE_MAX / 2 + 1) {
        sim_run(s, s->now + 5 * WEIR_MS, false);
        assert_int_equal(writables(s), 0);
    }
    sim_run(s, s->now + 40 * WEIR_MS, false);
    assert_int_equal(writables(s), 1);
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    assert_int_equal(writables(s), 0);
    assert_int_equal(s->rtp[1], queued);
    sim_close(s);
}

/* Who writes at once and is too fast is told when the next may leave, and not before: else it would try in
 * vain for ever. */
static void who_was_too_fast_is_told_when_the_next_may_leave(void **state)
{
    (void)state;
    struct sim *s = connected(15);
    s->is_deaf[0] = true;
    weir_peer_set_send_rate(s->peer[0], s->now, 10000);
    while (write_now(s, VIDEO) == WEIR_OK) {
    }
    while (next_out(s, NULL) != 0) {
    }
    assert_int_equal(writables(s), 0);
    sim_run(s, s->now + 20 * WEIR_MS, false); /* a packet takes a tenth of a second */
    assert_int_equal(writables(s), 0);
    assert_int_equal(write_now(s, VIDEO), WEIR_ERR_FULL);
    sim_run(s, s->now + 200 * WEIR_MS, false);
    assert_int_equal(writables(s), 1);
    assert_int_equal(write_now(s, VIDEO), WEIR_OK);
    sim_close(s);
}

/* The pool is another's: media waits, is told, and goes on. */
static void media_that_the_pool_had_no_room_for_is_told_too(void **state)
{
    (void)state;
    struct sim *s = connected(9);
    uint32_t other = weir_account_open(&s->pool, 77);
    assert_int_not_equal(other, WEIR_NO_ACCOUNT);
    static uint32_t held[65536];
    unsigned count = 0;
    while (count < 65536 && (held[count] = weir_cell_get(&s->pool, other, WEIR_STORE_DENSE)) != WEIR_NO_CELL) {
        count++;
    }
    s->is_deaf[0] = true;
    enum weir_status status;
    unsigned queued = 0;
    weir_peer_set_send_rate(s->peer[0], s->now, 20000);
    while ((status = queue(s, VIDEO)) == WEIR_OK) {
        queued++;
    }
    assert_int_equal(status, WEIR_ERR_FULL);
    sim_run(s, s->now + WEIR_SEC * 3, false);
    assert_int_equal(s->rtp[1] + weir_peer_rtp(s->peer[0])->queue[WEIR_PEER_QUEUE_VIDEO].late, queued);
    assert_int_equal(writables(s), 1);
    while (count != 0) {
        weir_cell_put(&s->pool, other, held[--count]);
    }
    weir_account_close(&s->pool, other);
    assert_int_equal(queue(s, VIDEO), WEIR_OK);
    sim_close(s);
}

static void a_payload_for_many_waits_once(void **state)
{
    (void)state;
    struct sim *s = connected(10);
    uint32_t account = weir_account_open(&s->pool, 78);
    uint32_t shared = weir_shared_make(&s->pool, account, weir_span_of(payload, sizeof payload));
    uint32_t before = weir_account_cells(&s->pool, s->peer[0]->account);
    weir_peer_set_send_rate(s->peer[0], s->now, 100000);
    for (int i = 0; i < 8; i++) {
        struct weir_rtp_header h = header(s, VIDEO);
        assert_int_equal(weir_peer_queue_rtp(s->peer[0], s->now, VIDEO, &h, shared), WEIR_OK);
    }
    assert_true(weir_account_cells(&s->pool, s->peer[0]->account) - before <= 8 * 2);
    weir_shared_drop(&s->pool, shared);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->rtp[1], 8);
    weir_rtcp_history_clear(&weir_peer_rtp(s->peer[0])->history, &s->pool);
    assert_int_equal(weir_account_cells(&s->pool, account), 0);
    weir_account_close(&s->pool, account);
    sim_close(s);
}

/* -- Ends -------------------------------------------------------------------------------------- */

static void a_close_drops_what_waits_and_a_graceful_end_does_not(void **state)
{
    (void)state;
    for (int graceful = 0; graceful < 2; graceful++) {
        struct sim *s = connected(11);
        weir_peer_set_send_rate(s->peer[0], s->now, 50000);
        for (int i = 0; i < 40; i++) {
            assert_int_equal(queue(s, VIDEO), WEIR_OK);
        }
        if (graceful != 0) {
            weir_peer_close_gracefully(s->peer[0], s->now, s->now + 10 * WEIR_SEC);
        } else {
            weir_peer_close(s->peer[0], s->now);
            assert_int_equal(weir_peer_rtp_waiting(s->peer[0]), 0);
        }
        assert_int_equal(queue(s, VIDEO), WEIR_ERR_STATE);
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CLOSED);
        assert_int_equal(s->rtp[1], graceful != 0 ? 40 : 0);
        sim_close(s);
    }
}

/* A section that sends no more drops what still waited in it. */
static void what_waits_in_a_section_that_stops_is_dropped(void **state)
{
    (void)state;
    struct sim *s = connected(12);
    weir_peer_set_send_rate(s->peer[0], s->now, 50000);
    assert_int_equal(queue(s, VIDEO), WEIR_OK);
    assert_int_equal(queue(s, VIDEO), WEIR_OK);
    media_at(s->peer[0], VIDEO)->direction = WEIR_SDP_RECVONLY;
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->rtp[1], 0);
    assert_int_equal(weir_peer_rtp(s->peer[0])->queue[WEIR_PEER_QUEUE_VIDEO].refused, 2);
    assert_int_equal(queue(s, VIDEO), WEIR_ERR_STATE);
    struct weir_rtp_header h = header(s, AUDIO);
    assert_int_equal(weir_peer_queue_rtp(s->peer[0], s->now, 9, &h, WEIR_NO_CELL), WEIR_ERR_ARG);
    static uint8_t big[1500];
    h.payload = weir_span_of(big, sizeof big);
    assert_int_equal(weir_peer_queue_rtp(s->peer[0], s->now, AUDIO, &h, WEIR_NO_CELL), WEIR_ERR_SIZE);
    sim_close(s);
}

/* The number of a packet finds when it left, as long as it is one of the last. */
static void when_packets_left_is_kept(void **state)
{
    (void)state;
    struct sim *s = connected(13);
    struct weir_rtcp_sent *sent = &weir_peer_rtp(s->peer[0])->sent;
    uint32_t first = sent->next;
    assert_null(weir_rtcp_sent_find(sent, first)); /* has not left */
    for (uint32_t i = 0; i < WEIR_RTCP_SENT_MAX + 10; i++) {
        assert_int_equal(write_now(s, VIDEO), WEIR_OK);
        const struct weir_rtcp_sent_packet *p = weir_rtcp_sent_find(sent, first + i);
        assert_int_equal(p->seq, i);
        assert_int_equal(p->at, s->now);
        assert_true(p->bytes > sizeof payload);
        s->now += 10;
    }
    assert_null(weir_rtcp_sent_find(sent, first + 9));
    assert_null(weir_rtcp_sent_find(sent, first + WEIR_RTCP_SENT_MAX + 10));
    assert_false(weir_rtcp_sent_stamp(sent, first + 9, 1));
    assert_true(weir_rtcp_sent_stamp(sent, first + 10, 4711));
    assert_true(weir_rtcp_sent_find(sent, first + 10)->is_stamped);
    assert_int_equal(weir_rtcp_sent_find(sent, first + 10)->at, 4711);
    sim_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audio_goes_before_video_and_each_in_its_order),
        cmocka_unit_test(what_the_peer_missed_goes_before_video),
        cmocka_unit_test(video_does_not_starve_the_channels),
        cmocka_unit_test(a_rate_is_kept_and_all_arrives),
        cmocka_unit_test(what_keeps_a_connection_alive_never_waits),
        cmocka_unit_test(a_window_of_data_spreads_over_its_round_trip),
        cmocka_unit_test(data_that_waits_leaves_in_time),
        cmocka_unit_test(a_short_message_after_silence_does_not_wait),
        cmocka_unit_test(what_waited_too_long_is_dropped_and_counted),
        cmocka_unit_test(who_is_refused_is_told_when_half_has_left),
        cmocka_unit_test(who_was_too_fast_is_told_when_the_next_may_leave),
        cmocka_unit_test(media_that_the_pool_had_no_room_for_is_told_too),
        cmocka_unit_test(a_payload_for_many_waits_once),
        cmocka_unit_test(a_close_drops_what_waits_and_a_graceful_end_does_not),
        cmocka_unit_test(what_waits_in_a_section_that_stops_is_dropped),
        cmocka_unit_test(when_packets_left_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
