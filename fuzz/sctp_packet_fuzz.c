/* One packet into an association in any state; see sctp_drive.h for the shape of an input. The same
 * input into a copy gives the same answer. */
#include "fuzz/sctp_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t out[2][WEIR_MTU];
    size_t sent[2];
    enum weir_sctp_verdict v[2];
    if (n > DRIVE_PACKET_MAX) {
        return 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct drive d;
        v[i] = drive_input(&d, weir_span_of(data, n));
        if (v[i] >= WEIR_SCTP_VERDICTS || !weir_sctp_check(&d.s)) {
            abort();
        }
        drive_read_all(&d);
        sent[i] = drive_send(&d, out[i]);
        for (unsigned k = 0; k < 64 && drive_send(&d, (uint8_t[WEIR_MTU]){ 0 }) != 0; k++) {
        }
        drive_end(&d);
    }
    if (v[0] != v[1] || sent[0] != sent[1] || memcmp(out[0], out[1], sent[0]) != 0) {
        abort();
    }
    return 0;
}
