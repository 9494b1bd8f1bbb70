/* SRTP as a transform: round trips, replay, rollover, limits, and every verdict. */
#include "srtp/srtp_int.h"
#include "test/support/support.h"

static const enum weir_srtp_profile profile[] = {
    WEIR_SRTP_AES128_CM_SHA1_80, WEIR_SRTP_AEAD_AES_128_GCM, WEIR_SRTP_AEAD_AES_256_GCM,
};
#define PROFILES (sizeof profile / sizeof profile[0])

static const uint8_t keying[WEIR_SRTP_KEYING_MAX] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

struct pair {
    struct weir_srtp tx, rx;         /* of the client */
    struct weir_srtp peer_tx, peer_rx; /* of the server */
};

static struct pair make_pair(enum weir_srtp_profile p)
{
    static struct pair pair;
    struct weir_span k = { keying, weir_srtp_keying_bytes(p) };
    assert_true(weir_srtp_init_pair(&pair.tx, &pair.rx, weir_crypto_default(), p, k, true));
    assert_true(weir_srtp_init_pair(&pair.peer_tx, &pair.peer_rx, weir_crypto_default(), p, k, false));
    return pair;
}

/* An RTP packet of `bytes` in all, with a one-byte extension. */
static size_t make_rtp(uint8_t *out, uint32_t ssrc, uint16_t seq, size_t bytes)
{
    const uint8_t ext[4] = { 0x10, 0xaa, 0, 0 };
    struct weir_rtp_header h = { .payload_type = 96, .seq = seq, .timestamp = 3, .ssrc = ssrc,
                                 .has_extension = true, .ext_profile = WEIR_RTP_EXT_ONE_BYTE,
                                 .ext = { ext, 4 } };
    struct weir_wr w = weir_wr_of((struct weir_mspan){ out, bytes });
    weir_rtp_write(&w, &h);
    while (w.len < bytes) {
        weir_wr_u8(&w, (uint8_t)w.len);
    }
    return w.len;
}

static size_t make_rtcp(uint8_t *out, uint32_t ssrc)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ out, 64 });
    weir_wr_u32(&w, 0x80c90001);
    weir_wr_u32(&w, ssrc);
    weir_wr_u32(&w, 0x81ca0002); /* and something behind the first packet */
    weir_wr_u32(&w, ssrc);
    weir_wr_u32(&w, 0);
    return w.len;
}

/* Seal one packet with tx and open it with rx. */
static enum weir_srtp_verdict pass(struct weir_srtp *tx, struct weir_srtp *rx, uint32_t ssrc,
                                   uint16_t seq)
{
    uint8_t work[200];
    size_t len = make_rtp(work, ssrc, seq, 100);
    assert_int_equal(weir_srtp_seal(tx, (struct weir_mspan){ work, sizeof work }, &len), WEIR_SRTP_OK);
    struct weir_mspan packet = { work, len };
    return weir_srtp_open(rx, &packet);
}

static void every_profile_and_size_comes_back(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        for (size_t bytes = 20; bytes < 1400; bytes += 1 + bytes / 7) {
            uint8_t plain[1500], work[1500];
            size_t len = make_rtp(plain, 5, (uint16_t)bytes, bytes);
            memcpy(work, plain, len);
            assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ work, 1500 }, &len),
                             WEIR_SRTP_OK);
            assert_memory_equal(work, plain, 20); /* header and extension stay readable */
            assert_true(bytes < 40 || memcmp(work + 20, plain + 20, bytes - 20) != 0);
            struct weir_mspan packet = { work, len };
            assert_int_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
            test_assert_bytes(weir_span_const(packet), weir_span_of(plain, bytes));
        }
    }
}

static void control_packets_come_back_both_ways(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        for (int i = 0; i < 5; i++) {
            uint8_t plain[64], work[100];
            size_t n = make_rtcp(plain, 9), len = n;
            memcpy(work, plain, n);
            assert_int_equal(weir_srtcp_seal(&pair.peer_tx, (struct weir_mspan){ work, 100 }, &len),
                             WEIR_SRTP_OK);
            assert_memory_not_equal(work + 8, plain + 8, n - 8);
            struct weir_mspan packet = { work, len };
            assert_int_equal(weir_srtcp_open(&pair.rx, &packet), WEIR_SRTP_OK);
            test_assert_bytes(weir_span_const(packet), weir_span_of(plain, n));
        }
    }
}

static void attack_R9_the_two_directions_use_different_keys(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        assert_int_equal(pass(&pair.tx, &pair.rx, 1, 1), WEIR_SRTP_AUTH);
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, 1, 2), WEIR_SRTP_OK);
    }
}

/* Sending again: byte for byte the same, after a rollover as well; other bytes under the same key stream do not
 * leave. */
static void attack_R9_a_packet_is_sealed_again_as_it_was_or_not_at_all(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        uint8_t first[200], again[200], nothing[200] = { 0 };
        for (uint32_t seq = 65500; seq < 65580; seq++) {
            size_t len = make_rtp(first, 1, (uint16_t)seq, 60), plain = len, n = len;
            memcpy(again, first, len);
            assert_int_equal(weir_srtp_seal_again(&pair.tx, (struct weir_mspan){ again, 200 }, &n,
                                                  weir_span_of(first, 10)),
                             WEIR_SRTP_OLD); /* it never was */
            assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ first, 200 }, &len), WEIR_SRTP_OK);
            size_t tag = weir_srtp_tag_bytes(&pair.tx);
            struct weir_span sealed_tag = weir_span_of(first + len - tag, tag);
            n = plain;
            assert_int_equal(weir_srtp_seal_again(&pair.tx, (struct weir_mspan){ again, 200 }, &n, sealed_tag),
                             WEIR_SRTP_OK);
            assert_int_equal(n, len);
            assert_memory_equal(again, first, len);
            (void)make_rtp(again, 1, (uint16_t)seq, 60);
            again[40] ^= 1;
            n = plain;
            assert_int_equal(weir_srtp_seal_again(&pair.tx, (struct weir_mspan){ again, 200 }, &n, sealed_tag),
                             WEIR_SRTP_AUTH);
            assert_memory_equal(again, nothing, sizeof again);
        }
    }
}

static void attack_R9_a_sequence_number_is_sealed_once(void **state)
{
    (void)state;
    struct pair pair = make_pair(WEIR_SRTP_AEAD_AES_128_GCM);
    uint8_t work[200];
    assert_int_equal(pass(&pair.tx, &pair.peer_rx, 1, 7), WEIR_SRTP_OK);
    size_t len = make_rtp(work, 1, 7, 100);
    assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len), WEIR_SRTP_REPLAY);
    assert_int_equal(len, 100);
}

/* -- Replay ------------------------------------------------------------------------------------ */

static void attack_R5_the_window_edges_are_exact(void **state)
{
    (void)state;
    static const struct {
        uint64_t index;
        enum weir_srtp_verdict want;
    } row[] = { /* one after the other; indices relative to 10,000 */
        { 10000, WEIR_SRTP_OK },
        { 10000, WEIR_SRTP_REPLAY },
        { 10000 - WEIR_SRTP_WINDOW, WEIR_SRTP_OLD },
        { 10000 - WEIR_SRTP_WINDOW + 1, WEIR_SRTP_OK },
        { 10000 - WEIR_SRTP_WINDOW + 1, WEIR_SRTP_REPLAY },
        { 10000 - 63, WEIR_SRTP_OK },
        { 10000 - 64, WEIR_SRTP_OK },
        { 10000 - 127, WEIR_SRTP_OK },
        { 10000 - 128, WEIR_SRTP_OK },
        { 10000 - 64, WEIR_SRTP_REPLAY },
        { 10001, WEIR_SRTP_OK },
        { 10001 - WEIR_SRTP_WINDOW + 1, WEIR_SRTP_OK },
        { 10000 - WEIR_SRTP_WINDOW + 1, WEIR_SRTP_OLD },
        { 10001 + WEIR_SRTP_WINDOW - 1, WEIR_SRTP_OK },
        { 10001, WEIR_SRTP_REPLAY },
        { 10002, WEIR_SRTP_OK },
        { 10001 + 10 * WEIR_SRTP_WINDOW, WEIR_SRTP_OK },
        { 10003, WEIR_SRTP_OLD },
        { 1, WEIR_SRTP_OLD },
    };
    struct weir_replay r = { 0 };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        enum weir_srtp_verdict v = weir_replay_check(&r, row[i].index);
        if (v != row[i].want) {
            fail_msg("row %zu: %s", i, weir_srtp_verdict_name(v));
        }
        if (v == WEIR_SRTP_OK) {
            weir_replay_note(&r, row[i].index);
        }
    }
}

/* Against a model that remembers everything. */
static void random_orders_are_judged_as_a_plain_list_would(void **state)
{
    (void)state;
    struct weir_rand rand;
    weir_rand_init_number(&rand, test_seed(1));
    for (int run = 0; run < 50; run++) {
        static bool seen[200000];
        memset(seen, 0, sizeof seen);
        struct weir_replay r = { 0 };
        uint64_t highest = 0, at = 1000;
        for (int i = 0; i < 2000; i++) {
            at += weir_rand_below(&rand, 20) == 0 ? weir_rand_below(&rand, 2000) : 1;
            uint64_t back = weir_rand_below(&rand, WEIR_SRTP_WINDOW + 50);
            uint64_t index = back > at || weir_rand_below(&rand, 2) == 0 ? at : at - back;
            bool is_old = r.has_any && index + WEIR_SRTP_WINDOW <= highest;
            enum weir_srtp_verdict want = is_old        ? WEIR_SRTP_OLD
                                          : seen[index] ? WEIR_SRTP_REPLAY
                                                        : WEIR_SRTP_OK;
            assert_int_equal(weir_replay_check(&r, index), want);
            if (want == WEIR_SRTP_OK) {
                weir_replay_note(&r, index);
                seen[index] = true;
                highest = index > highest ? index : highest;
            }
        }
    }
}

static void a_replayed_packet_is_dropped_in_every_profile(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        uint8_t work[200], again[200];
        size_t len = make_rtp(work, 1, 50, 100);
        assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len), WEIR_SRTP_OK);
        memcpy(again, work, sizeof work);
        struct weir_mspan packet = { work, len }, replay = { again, len };
        assert_int_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
        assert_int_equal(weir_srtp_open(&pair.peer_rx, &replay), WEIR_SRTP_REPLAY);

        len = make_rtcp(work, 1);
        assert_int_equal(weir_srtcp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len), WEIR_SRTP_OK);
        memcpy(again, work, sizeof work);
        packet = (struct weir_mspan){ work, len }, replay = (struct weir_mspan){ again, len };
        assert_int_equal(weir_srtcp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
        assert_int_equal(weir_srtcp_open(&pair.peer_rx, &replay), WEIR_SRTP_REPLAY);
    }
}

/* -- Rollover ---------------------------------------------------------------------------------- */

static void the_rollover_counter_follows_the_sequence_number(void **state)
{
    (void)state;
    static const struct {
        uint64_t highest;
        uint16_t seq;
        uint64_t want;
    } row[] = {
        { 0x00000, 0x0001, 0x00001 },  { 0x0fff0, 0xfff5, 0x0fff5 },  { 0x0fff0, 0x0005, 0x10005 },
        { 0x10005, 0xfff5, 0x0fff5 },  { 0x10005, 0x0006, 0x10006 },  { 0x07fff, 0x8000, 0x08000 },
        { 0x18000, 0x7fff, 0x17fff },  { 0x1ffff, 0x0000, 0x20000 },  { 0x20000, 0xffff, 0x1ffff },
        { 0x00005, 0xfff5, 0x0fff5 }, /* there is no counter below zero */
        { 0xffffffffffff, 0x0000, 0x1000000000000 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_replay r = { .highest = row[i].highest, .has_any = true };
        assert_true(weir_replay_estimate(&r, row[i].seq) == row[i].want);
    }
}

static void three_rollovers_with_loss_and_disorder_stay_in_step(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        uint8_t held[200];
        size_t held_bytes = 0;
        for (uint32_t i = 65000; i < 65000 + 3 * 65536; i += 7) {
            uint8_t work[200];
            size_t len = make_rtp(work, 1, (uint16_t)i, 40);
            assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len),
                             WEIR_SRTP_OK);
            if (i % 5 == 0 && held_bytes == 0) {
                memcpy(held, work, len); /* one packet overtakes it */
                held_bytes = len;
                continue;
            }
            struct weir_mspan packet = { work, len };
            assert_int_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
            if (held_bytes != 0) {
                packet = (struct weir_mspan){ held, held_bytes };
                assert_int_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
                held_bytes = 0;
            }
        }
        assert_true(pair.peer_rx.stream[0].rtp.highest >> 16 >= 3);
    }
}

/* -- Attacks ----------------------------------------------------------------------------------- */

static void attack_R2_every_length_is_judged_without_reading_past_it(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        for (size_t n = 0; n < 60; n++) {
            struct pair pair = make_pair(profile[p]);
            uint8_t *exact = malloc(n + 1);
            memset(exact, 0x80, n + 1);
            struct weir_mspan packet = { exact, n };
            assert_int_not_equal(weir_srtp_open(&pair.rx, &packet), WEIR_SRTP_OK);
            memset(exact, 0x80, n + 1);
            packet = (struct weir_mspan){ exact, n };
            assert_int_not_equal(weir_srtcp_open(&pair.rx, &packet), WEIR_SRTP_OK);
            assert_int_equal(pair.rx.streams, 0);
            free(exact);
        }
    }
}

static void attack_R7_bad_packets_are_ignored_for_ever_and_change_nothing(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, 1, 100), WEIR_SRTP_OK);
        static struct weir_srtp before;
        before = pair.peer_rx;
        for (uint32_t i = 0; i < 1000; i++) {
            uint8_t work[200];
            memset(work, (int)i, sizeof work);
            size_t len = make_rtp(work, i % 3, (uint16_t)(i * 77), 120); /* far sequence numbers too */
            struct weir_mspan packet = { work, len };
            assert_int_not_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
        }
        memcpy(before.verdicts, pair.peer_rx.verdicts, sizeof before.verdicts);
        before.last = pair.peer_rx.last;
        /* A blank entry beyond the count may have been tried; what counts is unchanged. */
        assert_int_equal(before.streams, pair.peer_rx.streams);
        assert_memory_equal(&before.stream[0], &pair.peer_rx.stream[0], sizeof before.stream[0]);
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, 1, 101), WEIR_SRTP_OK);
    }
}

static void attack_R7_every_single_bit_is_protected(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        uint8_t sealed[200];
        size_t len = make_rtp(sealed, 1, 5, 60);
        assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ sealed, 200 }, &len), WEIR_SRTP_OK);
        for (size_t bit = 0; bit < len * 8; bit++) {
            uint8_t work[200];
            memcpy(work, sealed, len);
            work[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            struct weir_mspan packet = { work, len };
            assert_int_not_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
        }
        len = make_rtcp(sealed, 1);
        assert_int_equal(weir_srtcp_seal(&pair.tx, (struct weir_mspan){ sealed, 200 }, &len), WEIR_SRTP_OK);
        for (size_t bit = 0; bit < len * 8; bit++) {
            uint8_t work[200];
            memcpy(work, sealed, len);
            work[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            struct weir_mspan packet = { work, len };
            assert_int_not_equal(weir_srtcp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
        }
    }
}

static void attack_R10_sealing_stops_at_the_limits_of_the_key(void **state)
{
    (void)state;
    struct pair pair = make_pair(WEIR_SRTP_AEAD_AES_128_GCM);
    uint8_t work[200];
    pair.tx.stream[0] = (struct weir_srtp_stream){ .ssrc = 1 };
    pair.tx.stream[0].rtp = (struct weir_replay){ .highest = RTP_INDEX_MAX - 1, .has_any = true };
    pair.tx.rtcp_sealed = RTCP_INDEX_MAX - 1;
    pair.tx.streams = 1;
    size_t len = make_rtp(work, 1, 0xffff, 60);
    assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len), WEIR_SRTP_OK);
    len = make_rtp(work, 1, 0, 60);
    assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len), WEIR_SRTP_LIMIT);
    len = make_rtcp(work, 1);
    assert_int_equal(weir_srtcp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len), WEIR_SRTP_OK);
    len = make_rtcp(work, 1);
    assert_int_equal(weir_srtcp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len), WEIR_SRTP_LIMIT);
}

static void attack_R13_only_verified_streams_count(void **state)
{
    (void)state;
    struct pair pair = make_pair(WEIR_SRTP_AEAD_AES_128_GCM);
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t work[100] = { 0 };
        size_t len = make_rtp(work, 1000 + i, 1, 80);
        struct weir_mspan packet = { work, len };
        assert_int_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_AUTH);
    }
    assert_int_equal(pair.peer_rx.streams, 0);
    assert_int_equal(pair.peer_rx.rests, 0);
}

/* Y13: streams come and go without end; one that is in use keeps its place and its window all the while. */
static void attack_Y13_the_65th_ssrc_is_like_the_first(void **state)
{
    (void)state;
    struct pair pair = make_pair(WEIR_SRTP_AEAD_AES_128_GCM);
    for (uint32_t i = 0; i < 2000; i++) {
        if (i % 100 == 0) {
            pair.tx.streams = pair.tx.rests = 0; /* whose sender takes no care */
        }
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, 100 + i, 1), WEIR_SRTP_OK);
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, 3, (uint16_t)(2 * i + 10)), WEIR_SRTP_OK);
        if (i > 0) { /* one that was overtaken: only a window knows that it was not seen */
            assert_int_equal(pass(&pair.tx, &pair.peer_rx, 3, (uint16_t)(2 * i + 7)), WEIR_SRTP_OK);
        }
    }
    assert_int_equal(pair.peer_rx.streams, WEIR_SRTP_STREAMS_MAX);
    assert_int_equal(pair.peer_rx.rests, WEIR_SRTP_RESTS_MAX);
}

/* No key stream twice [RFC 3711 9.1, RFC 7714 8], however many SSRCs came between: as many as are remembered
 * are sealed for, each goes on where it was, and one more is refused. */
static void attack_R9_no_ssrc_that_was_sealed_for_is_forgotten(void **state)
{
    (void)state;
    const uint32_t most = WEIR_SRTP_STREAMS_MAX + WEIR_SRTP_RESTS_MAX;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        uint8_t work[200];
        struct weir_mspan room = { work, sizeof work };
        size_t len;
        for (uint32_t i = 0; i < most; i++) {
            assert_int_equal(pass(&pair.tx, &pair.peer_rx, 100 + i, 7), WEIR_SRTP_OK);
        }
        for (uint32_t i = 0; i < 300; i++) {
            len = make_rtp(work, 1000 + i, 7, 100);
            assert_int_equal(weir_srtp_seal(&pair.tx, room, &len), WEIR_SRTP_FULL);
            assert_int_equal(len, 100);
        }
        for (uint32_t i = 0; i < most; i++) {
            len = make_rtp(work, 100 + i, 7, 100);
            assert_int_equal(weir_srtp_seal(&pair.tx, room, &len), WEIR_SRTP_REPLAY);
            assert_int_equal(pass(&pair.tx, &pair.peer_rx, 100 + i, 8), WEIR_SRTP_OK);
        }
        assert_int_equal(pair.tx.streams, WEIR_SRTP_STREAMS_MAX);
        assert_int_equal(pair.tx.rests, WEIR_SRTP_RESTS_MAX);
        assert_int_equal(weir_srtp_verdicts(&pair.tx, WEIR_SRTP_FULL), 300);
        assert_int_equal(weir_srtp_verdicts(&pair.tx, WEIR_SRTP_VERDICTS), 0);
        assert_int_equal(weir_srtp_verdicts(&pair.tx, (enum weir_srtp_verdict)0x7fffffff), 0);
        assert_int_equal(weir_srtp_profile(&pair.tx), pair.tx.profile);
    }
}

/* The caller has no say in an SRTCP index: it only grows, whoever speaks, and the peer takes every one. */
static void attack_R9_no_control_packet_begins_the_index_again(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        for (uint32_t i = 0; i < 1000; i++) {
            uint8_t work[200];
            size_t len = make_rtcp(work, i % 3 == 0 ? 7 : 100 + i);
            assert_int_equal(weir_srtcp_seal(&pair.tx, (struct weir_mspan){ work, 200 }, &len), WEIR_SRTP_OK);
            const uint8_t *word = work + len - (weir_srtp_is_aead(profile[p]) ? 4 : 14);
            assert_int_equal(weir_be32(word), 0x80000000u | (i + 1));
            struct weir_mspan packet = { work, len };
            assert_int_equal(weir_srtcp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
        }
        assert_int_equal(pair.tx.streams, 0); /* and it takes no place from RTP */
    }
}

/* What a stream that gave its place had, is neither taken nor sealed again; it goes on behind it, its
 * rollover counter known. */
static void a_stream_that_comes_back_goes_on_where_it_was(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        uint8_t work[200], seen[200];
        struct weir_mspan room = { work, sizeof work };
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, 7, 65000), WEIR_SRTP_OK);
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, 7, 2000), WEIR_SRTP_OK); /* over the end */
        size_t len = make_rtp(work, 7, 2001, 100);
        assert_int_equal(weir_srtp_seal(&pair.tx, room, &len), WEIR_SRTP_OK);
        memcpy(seen, work, len);
        struct weir_mspan packet = { work, len };
        assert_int_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
        size_t rtcp_len = make_rtcp(work, 7);
        uint8_t rtcp_seen[200];
        assert_int_equal(weir_srtcp_seal(&pair.tx, room, &rtcp_len), WEIR_SRTP_OK);
        memcpy(rtcp_seen, work, rtcp_len);
        packet = (struct weir_mspan){ work, rtcp_len };
        assert_int_equal(weir_srtcp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
        for (uint32_t i = 0; i < WEIR_SRTP_STREAMS_MAX; i++) {
            assert_int_equal(pass(&pair.tx, &pair.peer_rx, 100 + i, 1), WEIR_SRTP_OK);
        }
        assert_int_equal(pair.tx.rests, 1);
        assert_int_equal(pair.peer_rx.rests, 1);
        /* A recording of it. */
        memcpy(work, seen, len);
        packet = (struct weir_mspan){ work, len };
        assert_int_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_REPLAY);
        memcpy(work, rtcp_seen, rtcp_len);
        packet = (struct weir_mspan){ work, rtcp_len };
        assert_int_equal(weir_srtcp_open(&pair.peer_rx, &packet), WEIR_SRTP_REPLAY);
        /* R9: no key stream twice. */
        len = make_rtp(work, 7, 2001, 100);
        assert_int_equal(weir_srtp_seal(&pair.tx, room, &len), WEIR_SRTP_REPLAY);
        len = make_rtp(work, 7, 2001 - 512, 100);
        assert_int_equal(weir_srtp_seal(&pair.tx, room, &len), WEIR_SRTP_OLD);
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, 7, 2002), WEIR_SRTP_OK);
        assert_int_equal(pair.tx.rests, 1); /* one came back, another went */
        assert_int_equal(pair.tx.stream[pair.tx.last].rtp.highest, 65536 + 2002);
        rtcp_len = make_rtcp(work, 7);
        assert_int_equal(weir_srtcp_seal(&pair.tx, room, &rtcp_len), WEIR_SRTP_OK);
        assert_int_equal(pair.tx.rtcp_sealed, 2);
        packet = (struct weir_mspan){ work, rtcp_len };
        assert_int_equal(weir_srtcp_open(&pair.peer_rx, &packet), WEIR_SRTP_OK);
    }
}

/* Whoever was used least lately goes, whatever its place. */
static void the_stream_used_least_lately_makes_room(void **state)
{
    (void)state;
    struct pair pair = make_pair(WEIR_SRTP_AEAD_AES_128_GCM);
    for (uint32_t i = 0; i < WEIR_SRTP_STREAMS_MAX; i++) {
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, i, 1), WEIR_SRTP_OK);
    }
    for (uint32_t i = 0; i < WEIR_SRTP_STREAMS_MAX; i++) {
        if (i != 40 && i != 41) {
            assert_int_equal(pass(&pair.tx, &pair.peer_rx, i, 2), WEIR_SRTP_OK);
        }
    }
    pair.peer_rx.uses = UINT32_MAX; /* and the count may wrap */
    for (uint32_t i = 0; i < WEIR_SRTP_STREAMS_MAX; i++) {
        pair.peer_rx.stream[i].used_at += UINT32_MAX - pair.tx.uses;
    }
    assert_int_equal(pass(&pair.tx, &pair.peer_rx, 1000, 1), WEIR_SRTP_OK);
    assert_int_equal(pass(&pair.tx, &pair.peer_rx, 1001, 1), WEIR_SRTP_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pair.tx.rest[i].ssrc, 40 + i);
        assert_int_equal(pair.peer_rx.rest[i].ssrc, 40 + i);
    }
}

static void a_room_too_small_for_tag_and_index_is_said_so(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        uint8_t work[200];
        for (unsigned is_rtcp = 0; is_rtcp < 2; is_rtcp++) {
            size_t plain = is_rtcp ? make_rtcp(work, 1) : make_rtp(work, 1, 1, 50);
            size_t need = plain + (profile[p] == WEIR_SRTP_AES128_CM_SHA1_80 ? 10 : 16) + (is_rtcp ? 4 : 0);
            for (size_t room = plain - 1; room <= need; room++) {
                size_t len = is_rtcp ? make_rtcp(work, 1) : make_rtp(work, 1, 1, 50);
                struct weir_mspan m = { work, room };
                enum weir_srtp_verdict v = is_rtcp ? weir_srtcp_seal(&pair.tx, m, &len)
                                                   : weir_srtp_seal(&pair.tx, m, &len);
                assert_int_equal(v, room < need ? WEIR_SRTP_ROOM : WEIR_SRTP_OK);
            }
        }
    }
}

/* A forgery that names an SSRC which gave its place changes nothing. */
static void a_forgery_brings_nothing_back(void **state)
{
    (void)state;
    struct pair pair = make_pair(WEIR_SRTP_AEAD_AES_128_GCM);
    for (uint32_t i = 0; i < WEIR_SRTP_STREAMS_MAX + 3; i++) {
        assert_int_equal(pass(&pair.tx, &pair.peer_rx, i, 1), WEIR_SRTP_OK);
    }
    struct weir_srtp before = pair.peer_rx;
    uint8_t work[200] = { 0 };
    struct weir_mspan packet = { work, make_rtp(work, 1, 2, 80) };
    assert_int_equal(weir_srtp_open(&pair.peer_rx, &packet), WEIR_SRTP_AUTH);
    assert_int_equal(pair.peer_rx.rests, before.rests);
    assert_memory_equal(pair.peer_rx.rest, before.rest, sizeof before.rest);
    assert_memory_equal(pair.peer_rx.stream, before.stream,
                        WEIR_SRTP_STREAMS_MAX * sizeof before.stream[0]);
}


static void attack_R19_cryptex_is_refused_while_not_negotiated(void **state)
{
    (void)state;
    struct pair pair = make_pair(WEIR_SRTP_AEAD_AES_128_GCM);
    const uint16_t magic[2] = { 0xC0DE, 0xC2DE };
    for (size_t i = 0; i < 2; i++) {
        uint8_t work[100] = { 0 };
        size_t len = make_rtp(work, 1, 1, 80);
        weir_put16(work + 12, magic[i]);
        struct weir_mspan packet = { work, len };
        assert_int_equal(weir_srtp_open(&pair.rx, &packet), WEIR_SRTP_CRYPTEX);
    }
}

static void control_packets_in_the_clear_are_refused(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        struct pair pair = make_pair(profile[p]);
        uint8_t work[100];
        size_t len = make_rtcp(work, 1);
        assert_int_equal(weir_srtcp_seal(&pair.tx, (struct weir_mspan){ work, 100 }, &len), WEIR_SRTP_OK);
        size_t word = weir_srtp_is_aead(profile[p]) ? len - 4 : len - 14;
        work[word] &= 0x7f;
        struct weir_mspan packet = { work, len };
        assert_int_equal(weir_srtcp_open(&pair.peer_rx, &packet), WEIR_SRTP_CLEAR);
    }
}

static void sealing_needs_tail_room(void **state)
{
    (void)state;
    struct pair pair = make_pair(WEIR_SRTP_AEAD_AES_128_GCM);
    uint8_t work[200];
    size_t len = make_rtp(work, 1, 1, 100);
    assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ work, 115 }, &len), WEIR_SRTP_ROOM);
    assert_int_equal(weir_srtp_seal(&pair.tx, (struct weir_mspan){ work, 116 }, &len), WEIR_SRTP_OK);
}

static void every_verdict_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < WEIR_SRTP_VERDICTS; a++) {
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(weir_srtp_verdict_name((enum weir_srtp_verdict)a),
                                    weir_srtp_verdict_name((enum weir_srtp_verdict)b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_and_size_comes_back),
        cmocka_unit_test(control_packets_come_back_both_ways),
        cmocka_unit_test(attack_R9_the_two_directions_use_different_keys),
        cmocka_unit_test(attack_R9_a_packet_is_sealed_again_as_it_was_or_not_at_all),
        cmocka_unit_test(attack_R9_a_sequence_number_is_sealed_once),
        cmocka_unit_test(attack_R5_the_window_edges_are_exact),
        cmocka_unit_test(random_orders_are_judged_as_a_plain_list_would),
        cmocka_unit_test(a_replayed_packet_is_dropped_in_every_profile),
        cmocka_unit_test(the_rollover_counter_follows_the_sequence_number),
        cmocka_unit_test(three_rollovers_with_loss_and_disorder_stay_in_step),
        cmocka_unit_test(attack_R2_every_length_is_judged_without_reading_past_it),
        cmocka_unit_test(attack_R7_bad_packets_are_ignored_for_ever_and_change_nothing),
        cmocka_unit_test(attack_R7_every_single_bit_is_protected),
        cmocka_unit_test(attack_R10_sealing_stops_at_the_limits_of_the_key),
        cmocka_unit_test(attack_R13_only_verified_streams_count),
        cmocka_unit_test(attack_Y13_the_65th_ssrc_is_like_the_first),
        cmocka_unit_test(attack_R9_no_ssrc_that_was_sealed_for_is_forgotten),
        cmocka_unit_test(attack_R9_no_control_packet_begins_the_index_again),
        cmocka_unit_test(a_stream_that_comes_back_goes_on_where_it_was),
        cmocka_unit_test(the_stream_used_least_lately_makes_room),
        cmocka_unit_test(a_room_too_small_for_tag_and_index_is_said_so),
        cmocka_unit_test(a_forgery_brings_nothing_back),
        cmocka_unit_test(attack_R19_cryptex_is_refused_while_not_negotiated),
        cmocka_unit_test(control_packets_in_the_clear_are_refused),
        cmocka_unit_test(sealing_needs_tail_room),
        cmocka_unit_test(every_verdict_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
