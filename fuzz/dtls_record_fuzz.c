/* Records and fragments of a datagram, and their reassembly. */
#include "fuzz/dtls_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void take_fragments(struct weir_dtls_reassembly *r, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct dtls_fragment f;
    while (rd.n != 0 && weir_dtls_fragment_take(&rd, &f) == WEIR_DTLS_OK) {
        uint8_t type;
        struct weir_span message;
        if (f.bytes.n > f.length - f.offset) {
            abort();
        }
        (void)weir_dtls_reassembly_add(r, &f);
        while (weir_dtls_reassembly_ready(r, &type, &message)) {
            weir_dtls_reassembly_pop(r);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct weir_dtls d;
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    struct weir_mspan datagram = { copy, n };
    if (copy == NULL) {
        return 0;
    }
    weir_copy(copy, data, n);
    feed_init(&d, true, false, 1);
    d.rx.is_ready = true;
    while (datagram.n != 0) {
        struct dtls_record r;
        size_t before = datagram.n;
        if (weir_dtls_record_take(&datagram, &r) == WEIR_DTLS_OK
            && weir_dtls_record_check(&d, &r) == WEIR_DTLS_OK) {
            bool is_new = weir_dtls_window_is_new(&d.rx.window, r.seq);
            if (r.epoch == 1 && weir_dtls_record_open(&d, &r) == WEIR_DTLS_OK
                && (!is_new || weir_dtls_window_is_new(&d.rx.window, r.seq))) {
                abort(); /* opened twice */
            }
            take_fragments(&d.reassembly, weir_span_const(r.body));
        }
        if (datagram.n >= before) {
            abort(); /* no progress */
        }
    }
    feed_check(&d);
    free(copy);
    return 0;
}
