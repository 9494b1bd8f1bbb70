/* RTP headers and extensions: what is read lies inside the packet, and reads the same twice. */
#include <stdlib.h>

#include "srtp/srtp.h"

static void check(bool is_good)
{
    if (!is_good) {
        abort();
    }
}

static bool inside(struct weir_span part, const uint8_t *data, size_t n)
{
    return part.n == 0 || (part.p >= data && (size_t)(part.p - data) + part.n <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct weir_rtp_header h, again;
    enum weir_srtp_verdict v = weir_rtp_parse(weir_span_of(data, n), &h);
    check(v < WEIR_SRTP_VERDICTS && v == weir_rtp_parse(weir_span_of(data, n), &again));
    if (v != WEIR_SRTP_OK) {
        return 0;
    }
    check(inside(h.payload, data, n) && inside(h.ext, data, n) && h.payload_type < 128);
    struct weir_rtp_ext_iter it = weir_rtp_ext_begin(&h);
    struct weir_rtp_ext e;
    size_t walked = 0;
    while (weir_rtp_ext_next(&it, &e)) {
        check(inside(e.data, data, n) && e.id != 0 && ++walked <= n);
    }
    return 0;
}
