/* Interop with usrsctp, the SCTP of older browsers. Without the library the tests are skipped. */
#if defined(__has_include)
#if __has_include(<usrsctp.h>)
#define HAVE_USRSCTP 1
#endif
#endif

#ifdef HAVE_USRSCTP
#include "test/sctp/sctp_usrsctp.h"

static void we_connect_to_usrsctp(void **state)
{
    (void)state;
    weir_connects(1);
    assert_true(t.s.remote.has_forward_tsn);
    assert_true(t.s.remote.has_reconfig);
    end();
}

static void usrsctp_connects_to_us(void **state)
{
    (void)state;
    begin(2);
    they_connect();
    run(200);
    assert_int_equal(t.s.state, WEIR_SCTP_ESTABLISHED);
    assert_true(t.is_them_up);
    end();
}

static void both_connect_at_once(void **state)
{
    (void)state;
    begin(3);
    they_connect();
    assert_int_equal(weir_sctp_connect(&t.s, t.now), WEIR_OK);
    run(3000);
    assert_int_equal(t.s.state, WEIR_SCTP_ESTABLISHED);
    assert_true(t.is_them_up);
    assert_int_equal(weir_write(1, 100, 1, NULL), WEIR_OK);
    fill(big, 200, 2);
    assert_true(they_write(1, big, 200, NULL, false));
    run(1000);
    assert_int_equal(t.they_count, 1);
    assert_int_equal(t.weir_count, 1);
    end();
}

static void exchange(uint32_t loss_permille, unsigned wait_ms)
{
    static const size_t sizes[] = { 1, 3, 100, 1160, 1161, 5000, 65536, BIG, 17, BIG };
    const unsigned count = sizeof sizes / sizeof sizes[0];
    t.loss_permille = loss_permille;
    for (unsigned i = 0; i < count; i++) {
        unsigned turns = 0;
        while (weir_write(4, sizes[i], i, NULL) != WEIR_OK) {
            step();
            assert_true(++turns < 100000);
        }
        fill(big, sizes[i], i + 100);
        while (!they_write(4, big, sizes[i], NULL, false)) {
            step();
            assert_true(++turns < 100000);
        }
    }
    run(wait_ms);
    assert_int_equal(t.they_count, count);
    assert_int_equal(t.weir_count, count);
    for (unsigned i = 0; i < count; i++) {
        fill(big, sizes[i], i);
        assert_int_equal(t.they_got[i].bytes, sizes[i]);
        assert_true(t.they_got[i].digest == digest(digest_begin, big, sizes[i]));
        fill(big, sizes[i], i + 100);
        assert_int_equal(t.weir_got[i].bytes, sizes[i]);
        assert_true(t.weir_got[i].digest == digest(digest_begin, big, sizes[i]));
    }
}

static void messages_up_to_256_kib_both_ways(void **state)
{
    (void)state;
    weir_connects(4);
    exchange(0, 5000);
    end();
}

static void messages_with_loss_both_ways(void **state)
{
    (void)state;
    weir_connects(5);
    exchange(30, 300000);
    assert_true(t.s.counters.rtx_chunks != 0);
    end();
}

static void our_partial_reliability(void **state)
{
    (void)state;
    struct weir_sctp_send_opts once = { 0 };
    once.ppid = WEIR_SCTP_PPID_BINARY;
    once.has_retransmits = true;
    weir_connects(6);
    t.loss_permille = 100;
    for (unsigned i = 0; i < 300; i++) {
        once.is_unordered = i % 2 == 0;
        assert_int_equal(weir_write((uint16_t)(i % 4), 3000, i, &once), WEIR_OK);
        run(20);
    }
    t.loss_permille = 0;
    run(10000);
    /* Some are lost, and what follows them is not held up. */
    assert_true(t.s.counters.abandoned_messages > 10);
    assert_in_range(t.they_count, 100, 290);
    assert_int_equal(weir_write(0, 77, 1, NULL), WEIR_OK);
    run(1000);
    assert_int_equal(t.they_got[t.they_count - 1].bytes, 77);
    assert_int_equal(t.s.tx_cells, 0);
    end();
}

/* Losses are single and never the last: when usrsctp 0.9.5 gives a message up at a timeout, it
 * tells nobody, sends nothing more, and aborts in the end. */
static void their_partial_reliability(void **state)
{
    (void)state;
    struct sctp_prinfo once = { SCTP_PR_SCTP_RTX, 0 };
    weir_connects(7);
    for (unsigned i = 0; i < 300; i++) {
        t.drop_every = i < 290 ? 20 : 0;
        fill(big, 3000, i);
        assert_true(they_write((uint16_t)(i % 4), big, 3000, &once, i % 2 == 0));
        run(20);
    }
    run(10000);
    assert_in_range(t.weir_count, 100, 290);
    fill(big, 78, 1);
    assert_true(they_write(0, big, 78, NULL, false));
    run(1000);
    assert_int_equal(t.weir_got[t.weir_count - 1].bytes, 78);
    assert_int_equal(t.s.rx_cells, 0);
    assert_int_equal(t.s.verdicts[WEIR_SCTP_DATA_SSN], 0);
    end();
}

static void streams_reset_both_ways(void **state)
{
    (void)state;
    union {
        struct sctp_reset_streams r;
        uint8_t room[sizeof(struct sctp_reset_streams) + 2];
    } ask;
    const uint16_t stream = 2;
    weir_connects(7);
    assert_int_equal(weir_write(2, 10, 0, NULL), WEIR_OK);
    assert_int_equal(weir_write(2, 5000, 1, NULL), WEIR_OK);
    fill(big, 20, 1);
    assert_true(they_write(2, big, 20, NULL, false));
    run(500);
    assert_int_equal(weir_sctp_reset_stream(&t.s, 2), WEIR_OK);
    run(1000);
    assert_int_equal(t.they_reset_in, 1);
    memset(&ask, 0, sizeof ask);
    ask.r.srs_assoc_id = SCTP_ALL_ASSOC;
    ask.r.srs_flags = SCTP_STREAM_RESET_OUTGOING;
    ask.r.srs_number_streams = 1;
    memcpy(ask.r.srs_stream_list, &stream, sizeof stream);
    assert_int_equal(u.setsockopt(t.sock, IPPROTO_SCTP, SCTP_RESET_STREAMS, &ask,
                                  (socklen_t)(sizeof ask.r + sizeof stream)), 0);
    run(1000);
    assert_int_equal(t.told[WEIR_SCTP_EVENT_STREAM_RESET], 1);
    assert_int_equal(t.last[WEIR_SCTP_EVENT_STREAM_RESET].stream, 2);
    assert_int_equal(t.they_reset_out, 1);
    /* Both begin again at number zero. */
    assert_int_equal(weir_write(2, 11, 0, NULL), WEIR_OK);
    assert_true(they_write(2, big, 21, NULL, false));
    run(500);
    assert_int_equal(t.they_got[t.they_count - 1].bytes, 11);
    assert_int_equal(t.weir_got[t.weir_count - 1].bytes, 21);
    end();
}

static void we_shut_down(void **state)
{
    (void)state;
    weir_connects(8);
    assert_int_equal(weir_write(2, 100000, 0, NULL), WEIR_OK);
    assert_int_equal(weir_sctp_shutdown(&t.s, t.now), WEIR_OK);
    run(3000);
    assert_int_equal(t.they_count, 1);
    assert_int_equal(t.they_lost, 1);
    assert_int_equal(t.s.state, WEIR_SCTP_OVER);
    assert_int_equal(t.last[WEIR_SCTP_EVENT_CLOSED].reason, WEIR_SCTP_REASON_SHUTDOWN);
    end();
}

static void they_shut_down(void **state)
{
    (void)state;
    weir_connects(9);
    assert_int_equal(weir_write(2, 100000, 0, NULL), WEIR_OK);
    u.shutdown(t.sock, SHUT_WR);
    run(3000);
    assert_int_equal(t.s.state, WEIR_SCTP_OVER);
    assert_int_equal(t.last[WEIR_SCTP_EVENT_CLOSED].reason, WEIR_SCTP_REASON_SHUTDOWN);
    end();
}

static void they_abort(void **state)
{
    (void)state;
    struct linger hard = { 1, 0 };
    weir_connects(10);
    u.setsockopt(t.sock, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    u.close(t.sock);
    t.sock = NULL;
    run(500);
    assert_int_equal(t.s.state, WEIR_SCTP_OVER);
    assert_int_equal(t.last[WEIR_SCTP_EVENT_CLOSED].reason, WEIR_SCTP_REASON_PEER_ABORT);
    end();
}

static void we_abort(void **state)
{
    (void)state;
    weir_connects(11);
    weir_sctp_abort(&t.s, t.now, WEIR_LIT("enough"));
    run(500);
    assert_int_equal(t.they_lost, 1);
    end();
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(we_connect_to_usrsctp),
        TEST(usrsctp_connects_to_us),
        TEST(both_connect_at_once),
        TEST(messages_up_to_256_kib_both_ways),
        TEST(messages_with_loss_both_ways),
        TEST(our_partial_reliability),
        TEST(their_partial_reliability),
        TEST(streams_reset_both_ways),
        TEST(we_shut_down),
        TEST(they_shut_down),
        TEST(they_abort),
        TEST(we_abort),
    };
    is_loaded = load();
    if (!is_loaded) {
        printf("libusrsctp is not here: skipped\n");
        return 0;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(t.to_weir.p);
    free(t.to_them.p);
    free(t.bufs);
    return failed;
}

#else
#include <stdio.h>

int main(void)
{
    printf("usrsctp.h is not here: skipped\n");
    return 0;
}

#endif
