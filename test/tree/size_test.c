/* What the pages say of the sizes of structures is what the compiler says. */
#include "peer/peer.h"
#include "test/support/support.h"

/* "1,234,567" */
static void with_commas(size_t n, char out[32])
{
    char plain[24];
    int digits = snprintf(plain, sizeof plain, "%zu", n);
    for (int i = 0; i < digits; i++) {
        if (i != 0 && (digits - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = plain[i];
    }
    *out = '\0';
}

static void pages_say_the_true_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *page, *name;
        size_t bytes;
    } row[] = {
        { "ice/README.md", "weir_ice", sizeof(struct weir_ice) },
        { "dtls/README.md", "weir_dtls", sizeof(struct weir_dtls) },
        { "dtls/README.md", "weir_dtls_handshake", sizeof(struct weir_dtls_handshake) },
        { "sctp/README.md", "weir_sctp", sizeof(struct weir_sctp) },
        { "srtp/README.md", "weir_srtp", sizeof(struct weir_srtp) },
        { "rtcp/README.md", "weir_rtcp", sizeof(struct weir_rtcp) },
        { "peer/README.md", "weir_peer", sizeof(struct weir_peer) },
    };
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char number[32], want[120];
        struct weir_mspan text = test_read_file(row[i].page);
        char *page = malloc(text.n + 1);
        memcpy(page, text.p, text.n);
        page[text.n] = '\0';
        with_commas(row[i].bytes, number);
        snprintf(want, sizeof want, "`sizeof(struct %s)` is %s bytes", row[i].name, number);
        if (strstr(page, want) == NULL) {
            print_error("%s does not say: %s\n", row[i].page, want);
            wrong++;
        }
        free(page);
        free(text.p);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_say_the_true_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
