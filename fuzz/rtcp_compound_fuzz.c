/* A compound that passes the check walks to its end; one that does not changes nothing. */
#include <stdlib.h>

#include "rtcp/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct weir_span compound = { data, n };
    struct weir_rd rd = weir_rd_of(compound);
    struct weir_rtcp_packet p;
    if (weir_rtcp_check(compound) != WEIR_RTCP_OK) {
        return 0;
    }
    while (weir_rtcp_next(&rd, &p)) {
        struct weir_rd body = weir_rd_of(p.body);
        struct weir_rtcp_block b;
        if (p.body.n != 0 && (p.body.p < data || (size_t)(p.body.p - data) + p.body.n > n)) {
            abort();
        }
        while (weir_rtcp_block_next(&body, &b)) {
        }
    }
    if (rd.n != 0) {
        abort();
    }
    return 0;
}
