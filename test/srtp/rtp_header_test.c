/* RTP headers and header extensions: what is read, what is refused, what is written. */
#include "srtp/srtp.h"
#include "test/support/support.h"

static enum weir_srtp_verdict parse(const char *hex, struct weir_rtp_header *h, uint8_t room[256])
{
    size_t n = test_unhex(hex, room, 256);
    return weir_rtp_parse(weir_span_of(room, n), h);
}

static void attack_R3_every_malformed_header_has_its_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum weir_srtp_verdict want;
        size_t payload;
    } row[] = {
        { "", WEIR_SRTP_SHORT, 0 },
        { "8060000100000002000000", WEIR_SRTP_SHORT, 0 },
        { "806000010000000200000003", WEIR_SRTP_OK, 0 },
        { "806000010000000200000003aabb", WEIR_SRTP_OK, 2 },
        { "406000010000000200000003", WEIR_SRTP_VERSION, 0 },
        { "c06000010000000200000003", WEIR_SRTP_VERSION, 0 },
        { "816000010000000200000003", WEIR_SRTP_CSRC, 0 },
        { "8160000100000002000000031111111155", WEIR_SRTP_OK, 1 },
        { "8f60000100000002000000031111111155", WEIR_SRTP_CSRC, 0 },
        { "906000010000000200000003", WEIR_SRTP_EXTENSION, 0 },
        { "906000010000000200000003bede00", WEIR_SRTP_EXTENSION, 0 },
        { "906000010000000200000003bede0000", WEIR_SRTP_OK, 0 },
        { "906000010000000200000003bede0001", WEIR_SRTP_EXTENSION, 0 },
        { "906000010000000200000003bedeffff00000000", WEIR_SRTP_EXTENSION, 0 },
        { "a06000010000000200000003", WEIR_SRTP_PADDING, 0 },
        { "a0600001000000020000000300", WEIR_SRTP_PADDING, 0 },
        { "a0600001000000020000000301", WEIR_SRTP_OK, 0 }, /* all padding is legal */
        { "a0600001000000020000000302", WEIR_SRTP_PADDING, 0 },
        { "a06000010000000200000003aabbcc02", WEIR_SRTP_OK, 2 },
        { "a06000010000000200000003aabbccff", WEIR_SRTP_PADDING, 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t room[256];
        struct weir_rtp_header h;
        enum weir_srtp_verdict v = parse(row[i].hex, &h, room);
        if (v != row[i].want) {
            fail_msg("%s: %s", row[i].hex, weir_srtp_verdict_name(v));
        }
        if (v == WEIR_SRTP_OK) {
            assert_int_equal(h.payload.n, row[i].payload);
        }
    }
}

static unsigned walk(const char *ext_hex, uint16_t ext_profile, struct weir_rtp_ext *found)
{
    uint8_t room[256];
    struct weir_rtp_header h = { .has_extension = true, .ext_profile = ext_profile };
    h.ext = weir_span_of(room, test_unhex(ext_hex, room, sizeof room));
    struct weir_rtp_ext_iter it = weir_rtp_ext_begin(&h);
    unsigned n = 0;
    while (weir_rtp_ext_next(&it, &found[n])) {
        n++;
        assert_true(n < 64);
    }
    struct weir_rtp_ext more;
    assert_false(weir_rtp_ext_next(&it, &more)); /* the end stays the end */
    return n;
}

static void attack_R4_extensions_are_walked_within_their_bounds(void **state)
{
    (void)state;
    struct weir_rtp_ext e[64];
    assert_int_equal(walk("10aa21bbcc000000", WEIR_RTP_EXT_ONE_BYTE, e), 2);
    assert_int_equal(e[0].id, 1);
    assert_int_equal(e[0].data.n, 1);
    assert_int_equal(e[1].id, 2);
    assert_int_equal(e[1].data.n, 2);
    assert_int_equal(walk("00000000", WEIR_RTP_EXT_ONE_BYTE, e), 0);         /* padding alone */
    assert_int_equal(walk("10aaf0bb10cc0000", WEIR_RTP_EXT_ONE_BYTE, e), 1); /* id 15 ends it */
    assert_int_equal(walk("10aa2fbb", WEIR_RTP_EXT_ONE_BYTE, e), 1);         /* runs past the end */
    assert_int_equal(walk("10aa10bb", WEIR_RTP_EXT_ONE_BYTE, e), 2);         /* a repeated id */
    assert_int_equal(walk("0500ff01aa000000", 0x1000, e), 2);                /* two-byte form */
    assert_int_equal(e[0].id, 5);
    assert_int_equal(e[0].data.n, 0);
    assert_int_equal(e[1].id, 255);
    assert_int_equal(walk("05ff0000", 0x100f, e), 0); /* runs past the end */
    assert_int_equal(walk("05", 0x1000, e), 0);       /* no length byte */
    assert_int_equal(walk("10aa0000", 0x1234, e), 0); /* a profile we do not know */
    assert_int_equal(walk("", WEIR_RTP_EXT_ONE_BYTE, e), 0);
}

static void a_written_header_reads_back(void **state)
{
    (void)state;
    const uint8_t ext[5] = { 0x13, 1, 2, 3, 4 };
    struct weir_rtp_header h = { .has_marker = true, .payload_type = 111, .seq = 65535,
                                 .timestamp = 0xfedcba98, .ssrc = 0x01020304, .has_extension = true,
                                 .ext_profile = WEIR_RTP_EXT_ONE_BYTE, .ext = { ext, 5 } };
    uint8_t room[64];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    weir_rtp_write(&w, &h);
    weir_wr_str(&w, "payload");
    struct weir_rtp_header back;
    assert_int_equal(weir_rtp_parse(weir_span_of(room, weir_wr_done(&w)), &back), WEIR_SRTP_OK);
    assert_true(back.has_marker);
    assert_int_equal(back.payload_type, 111);
    assert_int_equal(back.seq, 65535);
    assert_int_equal(back.timestamp, 0xfedcba98);
    assert_int_equal(back.ssrc, 0x01020304);
    assert_int_equal(back.ext.n, 8);
    assert_memory_equal(back.ext.p, ext, 5);
    assert_true(weir_span_eq(back.payload, WEIR_LIT("payload")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_R3_every_malformed_header_has_its_verdict),
        cmocka_unit_test(attack_R4_extensions_are_walked_within_their_bounds),
        cmocka_unit_test(a_written_header_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
