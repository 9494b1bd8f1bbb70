/* RTCP on the wire: every verdict, and compounds of others. */
#include <dirent.h>

#include "rtcp/rtcp.h"
#include "test/support/support.h"

static void attack_R14_every_malformed_compound_is_dropped_whole(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum weir_rtcp_verdict want;
    } row[] = {
        { "nothing", "", WEIR_RTCP_SHORT },
        { "four bytes", "80c90000", WEIR_RTCP_SHORT },
        { "odd length", "80c9000100000001ff", WEIR_RTCP_SHORT },
        { "receiver report", "80c9000100000001", WEIR_RTCP_OK },
        { "version 1", "40c9000100000001", WEIR_RTCP_VERSION },
        { "not RTCP", "8060000100000001", WEIR_RTCP_TYPE },
        { "past the end", "80c9000200000001", WEIR_RTCP_LENGTH },
        { "length 65535", "80c9ffff00000001", WEIR_RTCP_LENGTH },
        { "length zero", "80c9000000000000", WEIR_RTCP_BODY },
        { "second packet bad", "80c900010000000140ca000100000001", WEIR_RTCP_VERSION },
        { "padding not last", "a0c900020000000100000004" "80c9000100000001", WEIR_RTCP_PADDING },
        { "padding of zero", "a0c900020000000100000000", WEIR_RTCP_PADDING },
        { "padding of three", "a0c900020000000100000003", WEIR_RTCP_PADDING },
        { "padding beyond", "a0c90002000000010000000c", WEIR_RTCP_PADDING },
        { "padding of four", "a0c900020000000100000004", WEIR_RTCP_OK },
        { "sender report too short", "80c8000100000001", WEIR_RTCP_BODY },
        { "one block promised", "81c9000100000001", WEIR_RTCP_BODY },
        { "31 blocks promised", "9fc9000700000001" "000000000000000000000000000000000000000000000000",
          WEIR_RTCP_BODY },
        { "SDES without end", "81ca000200000001010361" "62", WEIR_RTCP_BODY },
        { "SDES item past the end", "81ca00020000000101ff6100", WEIR_RTCP_BODY },
        { "SDES", "81ca00030000000101036162" "63000000", WEIR_RTCP_OK },
        { "SDES of no chunks", "80ca000080c9000100000001", WEIR_RTCP_OK },
        { "BYE reason overflow", "81cb000200000001ff616263", WEIR_RTCP_BODY },
        { "BYE of two with one", "82cb000100000001", WEIR_RTCP_BODY },
        { "BYE", "81cb000200000001036f7574", WEIR_RTCP_OK },
        { "APP too short", "80cc000100000001", WEIR_RTCP_BODY },
        { "feedback too short", "81cd000100000001", WEIR_RTCP_BODY },
        { "TWCC padded to its word", "afcd000300000001" "0000000200000101", WEIR_RTCP_OK },
        { "TWCC padded, not last", "afcd000300000001" "0000000200000002" "80c9000100000001", WEIR_RTCP_OK },
        { "TWCC padded by nothing", "afcd000300000001" "0000000200000100", WEIR_RTCP_PADDING },
        { "TWCC padded beyond", "afcd000300000001" "000000020000010d", WEIR_RTCP_PADDING },
        { "TWCC of padding alone", "afcd000300000001" "000000020000000c", WEIR_RTCP_BODY },
        { "NACK padded so", "a1cd000300000001" "0000000200000001", WEIR_RTCP_PADDING },
        { "PLI padded so", "afce000300000001" "0000000200000001", WEIR_RTCP_PADDING },
        { "PLI", "81ce00020000000100000002", WEIR_RTCP_OK },
        { "XR block past the end", "80cf00020000000104000005", WEIR_RTCP_BODY },
        { "XR block of no length", "80cf00020000000104000000", WEIR_RTCP_OK },
        { "unknown type", "80df000100000001", WEIR_RTCP_OK },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t room[128];
        size_t n = test_unhex(row[i].hex, room, sizeof room);
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, room, n);
        enum weir_rtcp_verdict v = weir_rtcp_check(weir_span_of(exact, n));
        free(exact);
        if (v != row[i].want) {
            fail_msg("%s: %s", row[i].name, weir_rtcp_verdict_name(v));
        }
    }
}

static void compounds_of_another_stack_are_judged_as_their_names_say(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        bool is_good;
    } row[] = {
        { "rtcp_sr", true },          { "rtcp_rr", true },      { "rtcp_sdes", true },
        { "rtcp_bye", true },         { "rtcp_rtpfb", true },   { "rtcp_psfb_pli", true },
        { "rtcp_bye_padding", true }, { "rtcp_sr_invalid", false }, { "rtcp_rr_invalid", false },
        { "rtcp_bye_invalid", false }, { "rtcp_sdes_item_truncated", false },
        { "rtcp_sdes_source_truncated", false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "fuzz/corpus/rtcp_compound/%s.bin", row[i].file);
        struct weir_mspan m = test_read_file(path);
        if ((weir_rtcp_check(weir_span_const(m)) == WEIR_RTCP_OK) != row[i].is_good) {
            fail_msg("%s", row[i].file);
        }
        free(m.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_R14_every_malformed_compound_is_dropped_whole),
        cmocka_unit_test(compounds_of_another_stack_are_judged_as_their_names_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
