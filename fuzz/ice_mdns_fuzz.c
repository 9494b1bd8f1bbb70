/* Responses to the multicast DNS resolver, which waits for the names of the corpus. Each input is one
 * datagram; what is resolved was asked for. */
#include <stdlib.h>

#include "ice/mdns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct weir_mdns m, copy;
    struct weir_mdns_event e;
    struct weir_addr from = weir_addr_v4(192, 0, 2, 7, 5353);
    uint8_t out[300];
    weir_mdns_init(&m);
    must(weir_mdns_ask(&m, 0, WEIR_LIT("0123abcd-4567-89ab-cdef-0123456789ab.local")) == WEIR_OK);
    must(weir_mdns_ask(&m, 0, WEIR_LIT("6c3a0b1c-8a0e-4b7b-9c1d-2f3e4d5c6b7a.local")) == WEIR_OK);
    copy = m;
    uint8_t *exact = malloc(n == 0 ? 1 : n);
    weir_copy(exact, data, n);
    enum weir_mdns_verdict v = weir_mdns_recv(&m, &from, weir_span_of(exact, n));
    must(v < WEIR_MDNS_VERDICTS && weir_mdns_recv(&copy, &from, weir_span_of(exact, n)) == v);
    free(exact);
    must(m.event_head == copy.event_head);
    while (weir_mdns_event(&m, &e)) {
        must(e.is_resolved && e.name_bytes == 42 && !weir_addr_is_any(&e.addr)
             && weir_addr_ip_bytes(&e.addr) != 0);
    }
    for (weir_time now; (now = weir_mdns_deadline(&m)) != WEIR_NEVER;) { /* it ends */
        weir_mdns_tick(&m, now);
        while (weir_mdns_send(&m, (struct weir_mspan){ out, sizeof out }) != 0) {
        }
    }
    return 0;
}
