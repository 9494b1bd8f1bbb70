/* Parsers of all handshake messages: [selector of role and message][body]; and the body as a session that
 * somebody stored. */
#include "fuzz/dtls_feed.h"

static bool is_inside(struct weir_span part, struct weir_span whole)
{
    return part.n == 0 || (part.p >= whole.p && part.n <= whole.n
                           && (size_t)(part.p - whole.p) <= whole.n - part.n);
}

static void check_hello(enum weir_dtls_verdict v, const struct dtls_hello *h, struct weir_span body)
{
    if (v >= WEIR_DTLS_VERDICTS || h->extensions > WEIR_DTLS_EXTENSIONS_MAX) {
        abort();
    }
    for (unsigned i = 0; v == WEIR_DTLS_OK && i < h->extensions; i++) {
        if (!is_inside(h->extension[i].body, body)) {
            abort();
        }
    }
}

/* What can be loaded can be stored, and is the same then. */
static void check_session(struct weir_span body)
{
    static struct weir_dtls_session s;
    uint8_t out[WEIR_DTLS_SESSION_BYTES_MAX];
    if (weir_dtls_session_load(&s, body)) {
        size_t n = weir_dtls_session_save(&s, (struct weir_mspan){ out, sizeof out });
        if (!weir_span_eq(weir_span_of(out, n), body)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct weir_dtls d;
    static struct dtls_hello h;
    if (n == 0) {
        return 0;
    }
    struct weir_span body = { data + 1, n - 1 };
    memset(&h, 0, sizeof h);
    check_hello(weir_dtls_hello_parse_client(body, &h), &h, body);
    check_hello(weir_dtls_hello_parse_server(body, &h), &h, body);
    check_session(body);
    enum weir_dtls_verdict v = feed_message(&d, data[0], body);
    feed_check(&d);
    /* The same bytes are judged alike every time. */
    if (v >= WEIR_DTLS_VERDICTS || feed_message(&d, data[0], body) != v) {
        abort();
    }
    return 0;
}
