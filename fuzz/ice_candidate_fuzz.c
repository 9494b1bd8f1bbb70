/* Candidate lines: what is read lies within the text, and what is written of it reads the same. */
#include <stdlib.h>

#include "ice/ice.h"

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

static void write_and_read_again(const struct weir_ice_candidate *c)
{
    uint8_t text[300];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct weir_ice_candidate again;
    struct weir_span name;
    weir_ice_candidate_write(&w, c);
    must(weir_wr_done(&w) != 0);
    must(weir_ice_candidate_parse(weir_span_of(text, w.len), &again, &name) && name.n == 0);
    must(again.type == c->type && again.is_tcp == c->is_tcp && again.component == c->component
         && again.priority == c->priority && weir_addr_eq(&again.addr, &c->addr)
         && again.foundation_bytes == c->foundation_bytes
         && memcmp(again.foundation, c->foundation, c->foundation_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *exact = malloc(n == 0 ? 1 : n);
    weir_copy(exact, data, n);
    struct weir_span text = weir_span_of(exact, n);
    struct weir_ice_candidate_line line;
    if (weir_ice_candidate_line_parse(text, &line)) {
        is_within(text, line.name);
        is_within(text, line.ufrag);
        must(line.candidate.foundation_bytes <= WEIR_ICE_FOUNDATION_MAX);
        must((line.name.n != 0) == (line.candidate.addr.family == WEIR_FAMILY_NONE));
        if (line.name.n == 0) {
            write_and_read_again(&line.candidate);
        }
    }
    free(exact);
    return 0;
}
