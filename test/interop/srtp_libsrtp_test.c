/* SRTP and SRTCP with libsrtp, both ways, every profile: what one seals the other opens. */
#include <srtp2/srtp.h>

#include "srtp/srtp.h"
#include "test/support/support.h"

static const struct {
    enum weir_srtp_profile ours;
    srtp_profile_t theirs;
} profile[] = {
    { WEIR_SRTP_AES128_CM_SHA1_80, srtp_profile_aes128_cm_sha1_80 },
    { WEIR_SRTP_AEAD_AES_128_GCM, srtp_profile_aead_aes_128_gcm },
    { WEIR_SRTP_AEAD_AES_256_GCM, srtp_profile_aead_aes_256_gcm },
};

struct pair {
    struct weir_srtp ours;
    srtp_t theirs;
};

static void open_pair(struct pair *p, size_t i, bool they_send)
{
    static uint8_t key[46];
    size_t key_bytes = weir_srtp_key_bytes(profile[i].ours);
    srtp_policy_t policy;
    memset(&policy, 0, sizeof policy);
    for (size_t k = 0; k < sizeof key; k++) {
        key[k] = (uint8_t)(k * 7 + i);
    }
    assert_int_equal(srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile[i].theirs), 0);
    assert_int_equal(srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile[i].theirs), 0);
    policy.key = key; /* master key, then master salt */
    policy.ssrc.type = they_send ? ssrc_any_outbound : ssrc_any_inbound;
    policy.window_size = 1024;
    assert_int_equal(srtp_create(&p->theirs, &policy), srtp_err_status_ok);
    assert_true(weir_srtp_init(&p->ours, weir_crypto_default(), profile[i].ours, key, key + key_bytes));
}

static size_t make_rtp(uint8_t *out, uint16_t seq, size_t bytes)
{
    struct weir_rtp_header h = { .payload_type = 96, .seq = seq, .ssrc = 0x1234 };
    struct weir_wr w = weir_wr_of((struct weir_mspan){ out, bytes });
    weir_rtp_write(&w, &h);
    for (; w.len < bytes; w.len++) {
        out[w.len] = (uint8_t)(w.len * seq);
    }
    return bytes;
}

static void what_we_seal_libsrtp_opens(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        static struct pair p;
        open_pair(&p, i, false);
        for (uint32_t k = 0; k < 70000; k += 97) { /* over the end of the sequence numbers */
            _Alignas(8) uint8_t work[1500];
            uint8_t plain[1500];
            size_t bytes = 12 + (k * 13) % 1300, len = make_rtp(work, (uint16_t)k, bytes);
            memcpy(plain, work, len);
            assert_int_equal(weir_srtp_seal(&p.ours, (struct weir_mspan){ work, 1500 }, &len),
                             WEIR_SRTP_OK);
            int n = (int)len;
            assert_int_equal(srtp_unprotect(p.theirs, work, &n), srtp_err_status_ok);
            test_assert_bytes(weir_span_of(work, (size_t)n), weir_span_of(plain, bytes));
        }
        for (uint32_t k = 0; k < 50; k++) {
            _Alignas(8) uint8_t work[100] = { 0x80, 201, 0, 1, 0, 0, 0x12, 0x34 };
            size_t len = 8;
            assert_int_equal(weir_srtcp_seal(&p.ours, (struct weir_mspan){ work, 100 }, &len),
                             WEIR_SRTP_OK);
            int n = (int)len;
            assert_int_equal(srtp_unprotect_rtcp(p.theirs, work, &n), srtp_err_status_ok);
            assert_int_equal(n, 8);
        }
        srtp_dealloc(p.theirs);
    }
}

static void what_libsrtp_seals_we_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        static struct pair p;
        open_pair(&p, i, true);
        for (uint32_t k = 100; k < 70000; k += 97) {
            _Alignas(8) uint8_t work[1500];
            uint8_t plain[1500];
            size_t bytes = 12 + (k * 13) % 1300, len = make_rtp(work, (uint16_t)k, bytes);
            memcpy(plain, work, len);
            int n = (int)len;
            assert_int_equal(srtp_protect(p.theirs, work, &n), srtp_err_status_ok);
            struct weir_mspan packet = { work, (size_t)n };
            assert_int_equal(weir_srtp_open(&p.ours, &packet), WEIR_SRTP_OK);
            test_assert_bytes(weir_span_const(packet), weir_span_of(plain, bytes));
        }
        for (uint32_t k = 0; k < 50; k++) {
            _Alignas(8) uint8_t work[100] = { 0x80, 201, 0, 1, 0, 0, 0x12, 0x34 };
            int n = 8;
            assert_int_equal(srtp_protect_rtcp(p.theirs, work, &n), srtp_err_status_ok);
            struct weir_mspan packet = { work, (size_t)n };
            assert_int_equal(weir_srtcp_open(&p.ours, &packet), WEIR_SRTP_OK);
            assert_int_equal(packet.n, 8);
        }
        srtp_dealloc(p.theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_seal_libsrtp_opens),
        cmocka_unit_test(what_libsrtp_seals_we_open),
    };
    if (srtp_init() != srtp_err_status_ok) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
