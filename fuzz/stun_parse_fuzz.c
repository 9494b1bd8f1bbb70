/* One datagram into the parser, and everything that reads what it gives. What was parsed is built again
 * from its attributes and means the same. */
#include <stdlib.h>

#include "stun/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void is_within(struct weir_span outer, struct weir_span inner)
{
    must(inner.n == 0 || (inner.p >= outer.p && (size_t)(inner.p - outer.p) <= outer.n
                          && inner.n <= outer.n - (size_t)(inner.p - outer.p)));
}

static void build_again(const struct weir_stun_msg *m, size_t n)
{
    struct weir_stun_build b;
    struct weir_stun_attr a;
    struct weir_stun_msg again;
    const struct weir_stun_seal plain = { .crypto = weir_crypto_default() };
    uint8_t *out = malloc(n);
    weir_stun_begin(&b, (struct weir_mspan){ out, n }, m->method, (enum weir_stun_class)m->klass,
                    m->txid);
    for (struct weir_stun_iter it = weir_stun_iter(m); weir_stun_next(&it, &a);) {
        is_within(m->packet, a.value);
        weir_stun_put_bytes(&b, a.type, a.value);
    }
    must(weir_stun_end(&b, &plain) == n);
    enum weir_stun_verdict v = weir_stun_parse(weir_span_of(out, n), &again);
    /* Padding is written as zeros, which only the fingerprint sees. */
    must(v == WEIR_STUN_OK || v == WEIR_STUN_FINGERPRINT_WRONG);
    if (v == WEIR_STUN_OK) {
        must(again.unknowns == m->unknowns && again.priority == m->priority
             && again.tie_breaker == m->tie_breaker && weir_addr_eq(&again.mapped, &m->mapped)
             && weir_span_eq(again.username, m->username) && again.error_code == m->error_code);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct weir_stun_msg m, second;
    uint8_t text[600];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    uint8_t *exact = malloc(n == 0 ? 1 : n);
    weir_copy(exact, data, n);
    struct weir_span packet = weir_span_of(exact, n);
    enum weir_stun_verdict v = weir_stun_parse(packet, &m);
    must(v < WEIR_STUN_VERDICTS && weir_stun_parse(packet, &second) == v);
    must(memcmp(&m, &second, sizeof m) == 0);
    if (v == WEIR_STUN_OK) {
        is_within(packet, m.username);
        is_within(packet, m.dtls_in_stun);
        must(m.unknowns <= WEIR_STUN_UNKNOWN_MAX);
        (void)!weir_stun_verify(&m, weir_crypto_default(), WEIR_LIT("VOkJxbRl1RmTxUk/WvJxBt"));
        (void)weir_stun_names_algorithm(m.password_algorithms, WEIR_STUN_PASSWORD_SHA256);
        weir_stun_print(&m, &w);
        build_again(&m, n);
    }
    struct weir_stun_url url;
    if (weir_stun_url_parse(packet, &url)) {
        is_within(packet, url.host);
        must(url.host.n != 0 && url.port != 0);
    }
    free(exact);
    return 0;
}
