/* Messages that Chromium and Firefox sent are understood, proven, and built again byte for byte. */
#include "stun/stun.h"
#include "test/support/support.h"

struct capture {
    const char *file, *password;
    bool is_request, is_nominating, has_dtls;
};

static const struct capture capture[] = {
    { "x-cr-offers-01-request", "tflBZtin2G/+uSMtdGUtXmor", true, false, false },
    { "x-cr-offers-02-success", "tflBZtin2G/+uSMtdGUtXmor", false, false, false },
    { "x-cr-offers-03-request", "ccd8be20963bbbdb33adf5fada1532da", true, true, false },
    { "x-cr-offers-04-success", "ccd8be20963bbbdb33adf5fada1532da", false, false, false },
    { "x-ff-offers-01-request", "080d0c65eec61360fc77f2111f7133a0", true, false, false },
    { "x-ff-offers-02-success", "080d0c65eec61360fc77f2111f7133a0", false, false, false },
    { "x-ff-offers-03-request", "6XkvaR6wX7ig3cZI5PP0WgOB", true, true, false },
    { "x-ff-offers-04-success", "6XkvaR6wX7ig3cZI5PP0WgOB", false, false, false },
    { "cr-data-sped-nopqc-01-request", "srQgpkkjVedLyknqKhCm/Tdn", true, false, true },
    { "cr-data-sped-nopqc-02-success", "srQgpkkjVedLyknqKhCm/Tdn", false, false, true },
    { "cr-data-sped-nopqc-03-request", "sCbJD9hUR5aYvM6wq+3+b8qH", true, true, true },
    { "cr-data-sped-nopqc-04-success", "sCbJD9hUR5aYvM6wq+3+b8qH", false, false, true },
    { "cr-data-sped-nopqc-05-request", "srQgpkkjVedLyknqKhCm/Tdn", true, false, false },
    { "cr-data-sped-nopqc-06-request", "sCbJD9hUR5aYvM6wq+3+b8qH", true, true, false },
    { "cr-data-sped-nopqc-07-success", "srQgpkkjVedLyknqKhCm/Tdn", false, false, false },
    { "cr-data-sped-nopqc-08-success", "sCbJD9hUR5aYvM6wq+3+b8qH", false, false, false },
};
#define CAPTURES (sizeof capture / sizeof capture[0])

static struct weir_mspan read_capture(const struct capture *c)
{
    char path[100];
    snprintf(path, sizeof path, "test/data/stun/%s.bin", c->file);
    return test_read_file(path);
}

static void browsers_messages_are_understood_and_proven(void **state)
{
    (void)state;
    for (size_t i = 0; i < CAPTURES; i++) {
        const struct capture *c = &capture[i];
        struct weir_mspan bytes = read_capture(c);
        struct weir_stun_msg m;
        assert_true(weir_stun_is_stun(weir_span_const(bytes)));
        assert_int_equal(weir_stun_parse(weir_span_const(bytes), &m), WEIR_STUN_OK);
        assert_int_equal(weir_stun_verify(&m, weir_crypto_default(),
                                          weir_span_of(c->password, strlen(c->password))),
                         WEIR_STUN_OK);
        assert_int_equal(weir_stun_verify(&m, weir_crypto_default(), WEIR_LIT("another")),
                         WEIR_STUN_INTEGRITY);
        assert_int_equal(m.klass, c->is_request ? WEIR_STUN_REQUEST : WEIR_STUN_SUCCESS);
        assert_int_equal(m.has_priority, c->is_request);
        assert_int_equal(m.has_username, c->is_request);
        assert_int_equal(m.has_controlling || m.has_controlled, c->is_request);
        assert_int_equal(m.has_use_candidate, c->is_nominating);
        assert_int_equal(m.has_xor_mapped, !c->is_request);
        assert_int_equal(m.has_dtls_in_stun, c->has_dtls);
        assert_int_equal(m.has_dtls_in_stun_ack, c->has_dtls);
        assert_int_equal(m.unknowns, 0);
        assert_true(m.has_fingerprint);
        free(bytes.p);
    }
}

static bool is_seal(uint16_t type)
{
    return type == WEIR_STUN_MESSAGE_INTEGRITY || type == WEIR_STUN_FINGERPRINT;
}

static void what_browsers_built_is_built_again_byte_for_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < CAPTURES; i++) {
        struct weir_mspan bytes = read_capture(&capture[i]);
        const char *password = capture[i].password;
        const struct weir_stun_seal seal = { weir_crypto_default(),
                                             weir_span_of(password, strlen(password)), false, true };
        uint8_t out[1500];
        struct weir_stun_build b;
        struct weir_stun_msg m;
        struct weir_stun_attr a;
        assert_int_equal(weir_stun_parse(weir_span_const(bytes), &m), WEIR_STUN_OK);
        weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, m.method,
                        (enum weir_stun_class)m.klass, m.txid);
        for (struct weir_stun_iter it = weir_stun_iter(&m); weir_stun_next(&it, &a);) {
            if (!is_seal(a.type)) {
                weir_stun_put_bytes(&b, a.type, a.value);
            }
        }
        size_t n = weir_stun_end(&b, &seal);
        test_assert_bytes(weir_span_of(out, n), weir_span_const(bytes));
        free(bytes.p);
    }
}

static void a_message_is_printed_without_names_or_passwords(void **state)
{
    (void)state;
    struct weir_mspan bytes = read_capture(&capture[0]);
    struct weir_stun_msg m;
    char text[300];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)text, sizeof text - 1 });
    assert_int_equal(weir_stun_parse(weir_span_const(bytes), &m), WEIR_STUN_OK);
    weir_stun_print(&m, &w);
    text[weir_wr_done(&w)] = '\0';
    assert_non_null(strstr(text, "request binding "));
    assert_non_null(strstr(text, " USERNAME/13 PRIORITY/4 ICE-CONTROLLED/8 "
                                 "MESSAGE-INTEGRITY/20 FINGERPRINT/4"));
    free(bytes.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsers_messages_are_understood_and_proven),
        cmocka_unit_test(what_browsers_built_is_built_again_byte_for_byte),
        cmocka_unit_test(a_message_is_printed_without_names_or_passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
