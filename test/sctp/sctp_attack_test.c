/* Packets that peers should not send, and what is answered to them. */
#include "test/sctp/sctp_input.h"

/* Feed chunks; give the first chunk type of the answer, or -1 for silence. */
static int answer_to(unsigned first, const uint32_t *words, unsigned count, uint8_t out[WEIR_MTU])
{
    struct drive d;
    struct weir_wr w = input(first);
    u32s(&w, words, count);
    (void)drive_input(&d, done(&w));
    size_t n = drive_send(&d, out);
    int type = n == 0 ? -1 : out[COMMON_HEADER_BYTES];
    drive_read_all(&d);
    drive_end(&d);
    return type;
}

#define ANSWER(first, ...)                                                                      \
    answer_to(first, (const uint32_t[]){ __VA_ARGS__ },                                         \
              sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4, out)

static void attack_C26_an_abort_is_never_answered(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    for (unsigned from = 0; from < WEIR_SCTP_STATES; from++) {
        assert_int_equal(ANSWER(from, 0x06000004), -1);
        assert_int_equal(ANSWER(from, 0x06010004), -1);
    }
    /* What else comes to no association is told so, by the rules of [RFC 9260 8.4]. */
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x03000010, 1, 2, 0), CHUNK_ABORT);
    assert_int_equal(out[13], FLAG_REFLECTED);
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x08000004), CHUNK_SHUTDOWN_COMPLETE);
    assert_int_equal(out[13], FLAG_REFLECTED);
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x0e000004), -1);
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x0b000004), -1);
    assert_int_equal(ANSWER(WEIR_SCTP_CLOSED, 0x0900000c, 0x00030008, 1), -1);
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x01000014, 77, 100000, 0xffffffff, 1), CHUNK_ABORT);
    assert_int_equal(weir_be32(out + 4), 77);
    assert_int_equal(out[13], 0);
}

static void attack_C18_unknown_chunks_do_as_their_high_bits_say(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    /* Behind the unknown chunk stands a HEARTBEAT: answered only where processing goes on. */
    assert_int_equal(ANSWER(PLAIN, 0x3f000004, 0x0400000c, 0x00010008, 1), -1);
    assert_int_equal(ANSWER(PLAIN, 0x7f000004, 0x0400000c, 0x00010008, 1), CHUNK_ERROR);
    assert_int_equal(weir_be32(out + 16), 0x00060008);
    assert_int_equal(weir_be32(out + 20), 0x7f000004);
    assert_int_equal(ANSWER(PLAIN, 0xbf000004, 0x0400000c, 0x00010008, 1), CHUNK_HEARTBEAT_ACK);
    assert_int_equal(ANSWER(PLAIN, 0xff000004, 0x0400000c, 0x00010008, 1), CHUNK_HEARTBEAT_ACK);
    assert_int_equal(out[24], CHUNK_ERROR);
}

/* The unknown parameter stands before FORWARD-TSN-SUPPORTED: is that still read, and is it told? */
static void unknown_param(uint32_t type, bool goes_on, bool is_told)
{
    struct drive d;
    uint8_t out[WEIR_MTU];
    const uint32_t words[] = { 0x01000020, 77, 100000, 0xffffffff, 1, type << 16 | 8, 0x5a5a5a5a,
                               0xc0000004 };
    struct weir_wr w = input(WEIR_SCTP_CLOSED);
    u32s(&w, words, 8);
    assert_int_equal(drive_input(&d, done(&w)), WEIR_SCTP_OK);
    assert_int_equal(d.s.init_answer.has_forward_tsn, goes_on);
    size_t n = drive_send(&d, out);
    bool has_report = false;
    for (size_t i = 32; i + 12 <= n; i += 4) {
        has_report |= weir_be32(out + i) == 0x0008000c &&
                      weir_be32(out + i + 4) == (type << 16 | 8) &&
                      weir_be32(out + i + 8) == 0x5a5a5a5a;
    }
    assert_int_equal(out[12], CHUNK_INIT_ACK);
    assert_int_equal(has_report, is_told);
    drive_end(&d);
}

static void attack_C18_unknown_parameters_do_as_their_high_bits_say(void **state)
{
    (void)state;
    unknown_param(0x3ffe, false, false);
    unknown_param(0x7ffe, false, true);
    unknown_param(0xbffe, true, false);
    unknown_param(0xfffe, true, true);
}

static void attack_C20_addresses_are_ignored(void **state)
{
    (void)state;
    struct drive d;
    uint8_t out[WEIR_MTU];
    const uint32_t words[] = { 0x0100003c, 77,         100000,     0xffffffff, 1,
                               0x00050008, 0x7f000001, 0x00060014, 0,          0, 0, 1,
                               0x000b0008, 0x61620000, 0xc0000004 };
    struct weir_wr w = input(WEIR_SCTP_CLOSED);
    u32s(&w, words, 15);
    assert_int_equal(drive_input(&d, done(&w)), WEIR_SCTP_OK);
    assert_true(d.s.init_answer.has_forward_tsn);
    assert_true(drive_send(&d, out) != 0);
    assert_int_equal(out[12], CHUNK_INIT_ACK);
    drive_end(&d);
}

static void attack_C23_heartbeats_are_echoed_up_to_a_size(void **state)
{
    (void)state;
    struct drive d;
    uint8_t out[WEIR_MTU];
    static uint8_t info[60000];
    static const unsigned sizes[] = { 4, 60, WEIR_SCTP_HEARTBEAT_MAX, WEIR_SCTP_HEARTBEAT_MAX + 4,
                                      59996 };
    for (unsigned i = 0; i < 5; i++) {
        bool is_echoed = sizes[i] <= WEIR_SCTP_HEARTBEAT_MAX;
        memset(info, 0xab, sizeof info);
        weir_put32(info, 0x04000000 | (sizes[i] + 4));
        weir_put32(info + 4, 0x00010000 | sizes[i]);
        drive_begin(&d, PLAIN);
        enum weir_sctp_verdict v = drive_chunks(&d, weir_span_of(info, sizes[i] + 4));
        assert_int_equal(v, is_echoed ? WEIR_SCTP_OK : WEIR_SCTP_HEARTBEAT_INFO);
        size_t n = drive_send(&d, out);
        assert_int_equal(n, is_echoed ? 16 + sizes[i] : 0);
        if (is_echoed) {
            assert_memory_equal(out + 16, info + 4, sizes[i]);
        }
        drive_end(&d);
    }
}

static void attack_C25_a_zero_checksum_is_wrong(void **state)
{
    (void)state;
    struct drive d;
    uint8_t packet[16] = { 0x13, 0x88, 0x13, 0x88 };
    drive_begin(&d, UP);
    weir_put32(packet + 4, d.s.local_tag);
    weir_put32(packet + 12, 0x06000004);
    assert_int_equal(drive_packet(&d, weir_span_of(packet, 16)), WEIR_SCTP_CHECKSUM);
    assert_int_equal(d.s.state, WEIR_SCTP_ESTABLISHED);
    drive_end(&d);
}

static void attack_C1_chunk_lengths_below_the_header(void **state)
{
    (void)state;
    struct drive d;
    for (unsigned type = 0; type < 256; type++) {
        for (uint8_t length = 0; length < 4; length++) {
            /* A good chunk before it: the packet is dropped as a whole all the same. */
            const uint8_t bytes[8] = { CHUNK_ABORT, 0, 0, 4, (uint8_t)type, 0, 0, length };
            drive_begin(&d, UP);
            assert_int_equal(drive_chunks(&d, weir_span_of(bytes, 8)), WEIR_SCTP_CHUNK_LENGTH);
            assert_int_equal(d.s.state, WEIR_SCTP_ESTABLISHED);
            drive_end(&d);
        }
    }
}

static void attack_C3_a_cookie_longer_than_its_packet(void **state)
{
    (void)state;
    struct drive d;
    const uint32_t words[] = { 0x02000018, 1, 100000, 0xffffffff, 1, 0x0007ffff };
    struct weir_wr w = input(WEIR_SCTP_COOKIE_WAIT);
    u32s(&w, words, 6);
    assert_int_equal(drive_input(&d, done(&w)), WEIR_SCTP_PARAM_LENGTH);
    assert_int_equal(d.s.state, WEIR_SCTP_COOKIE_WAIT);
    drive_end(&d);
}

/* C5: one bit changed anywhere in the cookie. */
static void attack_C5_a_tampered_cookie(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < COOKIE_BYTES * 8; bit++) {
        struct drive d;
        struct weir_span in = cookie_echo(1000 * WEIR_SEC, true);
        room[5 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(drive_input(&d, in), WEIR_SCTP_COOKIE_FORGED);
        assert_int_equal(d.s.state, WEIR_SCTP_CLOSED);
        drive_end(&d);
    }
}

/* C6: INIT after INIT in every state leaves the association as it is, byte for byte, but for the
 * one answer that is owed and the generator it drew from. */
static void attack_C6_a_flood_of_inits_changes_nothing(void **state)
{
    (void)state;
    for (unsigned from = 0; from < WEIR_SCTP_STATES; from++) {
        struct drive d;
        uint8_t chunk[64], out[WEIR_MTU];
        size_t n = drive_init_chunk(chunk, false);
        drive_begin(&d, (uint8_t)from);
        struct weir_sctp *before = malloc(sizeof *before);
        *before = d.s;
        for (uint32_t i = 0; i < 1000; i++) {
            weir_put32(chunk + 4, i + 1);
            (void)drive_chunks(&d, weir_span_of(chunk, n));
        }
        assert_true(drive_send(&d, out) != 0);
        assert_int_equal(drive_send(&d, out), 0); /* one answer, however many asked */
        struct weir_sctp *after = malloc(sizeof *after);
        *after = d.s;
        after->rand = before->rand;
        after->counters = before->counters;
        after->init_answer = before->init_answer;
        after->init_tag = before->init_tag;
        after->init_tsn = before->init_tsn;
        after->answer_tag = before->answer_tag;
        memcpy(after->verdicts, before->verdicts, sizeof after->verdicts);
        assert_memory_equal(after, before, sizeof *after);
        free(before);
        free(after);
        drive_end(&d);
    }
}

/* A peer that answers every cookie with "stale" is given up in the end. */
static void attack_C5_every_cookie_is_stale(void **state)
{
    (void)state;
    struct drive d;
    uint8_t chunk[64], out[WEIR_MTU];
    const uint8_t stale[] = { CHUNK_ERROR, 0, 0, 12, 0, 3, 0, 8, 0, 0, 0, 1 };
    unsigned turns = 0;
    drive_begin(&d, WEIR_SCTP_COOKIE_WAIT);
    while (d.s.state != WEIR_SCTP_OVER) {
        (void)drive_chunks(&d, weir_span_of(chunk, drive_init_chunk(chunk, true)));
        assert_int_equal(d.s.state, WEIR_SCTP_COOKIE_ECHOED);
        (void)drive_chunks(&d, weir_span_of(stale, sizeof stale));
        while (drive_send(&d, out) != 0) {
        }
        assert_true(++turns <= d.s.config.init_retransmits_max + 1);
    }
    drive_end(&d);
}

static void attack_C19_chunks_of_extensions_we_have_not(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    assert_int_equal(ANSWER(PLAIN, 0x0f000008, 0), -1);          /* AUTH: stop */
    assert_int_equal(ANSWER(PLAIN, 0xc1000008, 0), CHUNK_ERROR); /* ASCONF: tell */
    assert_int_equal(ANSWER(PLAIN, 0x80000008, 0), -1);          /* ASCONF-ACK: skip */
    assert_int_equal(ANSWER(PLAIN, 0x81000008, 0), -1);          /* PKTDROP: skip */
    assert_int_equal(ANSWER(PLAIN, 0x40000008, 0), CHUNK_ERROR); /* I-DATA: tell */
    assert_int_equal(ANSWER(PLAIN, 0xc2000008, 0), CHUNK_ERROR); /* I-FORWARD-TSN: tell */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_C26_an_abort_is_never_answered),
        cmocka_unit_test(attack_C18_unknown_chunks_do_as_their_high_bits_say),
        cmocka_unit_test(attack_C18_unknown_parameters_do_as_their_high_bits_say),
        cmocka_unit_test(attack_C20_addresses_are_ignored),
        cmocka_unit_test(attack_C23_heartbeats_are_echoed_up_to_a_size),
        cmocka_unit_test(attack_C25_a_zero_checksum_is_wrong),
        cmocka_unit_test(attack_C1_chunk_lengths_below_the_header),
        cmocka_unit_test(attack_C3_a_cookie_longer_than_its_packet),
        cmocka_unit_test(attack_C5_a_tampered_cookie),
        cmocka_unit_test(attack_C5_every_cookie_is_stale),
        cmocka_unit_test(attack_C6_a_flood_of_inits_changes_nothing),
        cmocka_unit_test(attack_C19_chunks_of_extensions_we_have_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
