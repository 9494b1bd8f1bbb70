/* When packets left is known for the last of them, by number, and for no others. */
#include "rtcp/rtcp.h"
#include "test/support/support.h"

static struct weir_rtcp_sent sent;

static void nothing_has_left_yet(void **state)
{
    (void)state;
    memset(&sent, 0, sizeof sent);
    for (uint32_t i = 0; i < 2 * WEIR_RTCP_SENT_MAX; i++) {
        assert_null(weir_rtcp_sent_find(&sent, i));
        assert_null(weir_rtcp_sent_find(&sent, 0u - i));
    }
}

static void the_last_are_found_across_the_end_of_the_numbers(void **state)
{
    (void)state;
    uint32_t first = 0u - WEIR_RTCP_SENT_MAX;
    memset(&sent, 0, sizeof sent);
    sent.next = first;
    for (uint32_t i = 0; i < 3 * WEIR_RTCP_SENT_MAX; i++) {
        assert_int_equal(weir_rtcp_sent_note(&sent, 1000 + i, 7, (uint16_t)i, 100), first + i);
        uint32_t oldest = i < WEIR_RTCP_SENT_MAX ? 0 : i + 1 - WEIR_RTCP_SENT_MAX;
        assert_int_equal(weir_rtcp_sent_find(&sent, first + i)->at, 1000 + i);
        assert_int_equal(weir_rtcp_sent_find(&sent, first + oldest)->seq, (uint16_t)oldest);
        assert_null(weir_rtcp_sent_find(&sent, first + oldest - 1));
        assert_null(weir_rtcp_sent_find(&sent, first + i + 1));
    }
}

static void a_stamp_takes_the_place_of_our_own_time(void **state)
{
    (void)state;
    memset(&sent, 0, sizeof sent);
    uint32_t one = weir_rtcp_sent_note(&sent, 50, 7, 1, 100), other = weir_rtcp_sent_note(&sent, 51, 7, 2, 100);
    assert_true(weir_rtcp_sent_stamp(&sent, one, 60));
    assert_int_equal(weir_rtcp_sent_find(&sent, one)->at, 60);
    assert_true(weir_rtcp_sent_find(&sent, one)->is_stamped);
    assert_int_equal(weir_rtcp_sent_find(&sent, other)->at, 51);
    assert_false(weir_rtcp_sent_find(&sent, other)->is_stamped);
    assert_false(weir_rtcp_sent_stamp(&sent, other + 1, 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_left_yet),
        cmocka_unit_test(the_last_are_found_across_the_end_of_the_numbers),
        cmocka_unit_test(a_stamp_takes_the_place_of_our_own_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
