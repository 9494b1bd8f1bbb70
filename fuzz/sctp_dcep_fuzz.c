/* Messages of a peer on streams, whole: [stream][payload kind][length][bytes], again and again.
 * What the channel layer makes of them, and that names and channels stay in bounds. */
#include "fuzz/sctp_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void message(struct drive *d, uint8_t stream, uint8_t ppid, struct weir_span bytes)
{
    uint8_t chunk[DATA_HEADER_BYTES + 1400 + 3] = { CHUNK_DATA, FLAG_BEGIN | FLAG_END };
    uint32_t slot = weir_sctp_stream_find(&d->s, stream);
    bytes.n = bytes.n > 1400 ? 1400 : bytes.n;
    weir_put16(chunk + 2, (uint16_t)(DATA_HEADER_BYTES + bytes.n));
    weir_put32(chunk + 4, d->s.rx_cum + 1);
    weir_put16(chunk + 8, stream);
    weir_put16(chunk + 10, slot == WEIR_NO_CELL ? 0 : stream_at(&d->s, slot)->rx_ssn);
    weir_put32(chunk + 12, ppid % 4 == 0 ? ppid : WEIR_SCTP_PPID_DCEP);
    weir_copy(chunk + DATA_HEADER_BYTES, bytes.p, bytes.n);
    (void)drive_chunks(d, weir_span_of(chunk, data_wire_bytes((uint32_t)bytes.n)));
}

static void check_names(const struct drive *d)
{
    struct weir_sctp_channel_info info;
    uint32_t count = 0;
    for (uint16_t i = weir_sctp_channel_after(&d->s, 0); weir_sctp_channel_info(&d->s, i, &info);
         i = weir_sctp_channel_after(&d->s, i + 1u)) {
        count++;
        if (info.config.label.n > WEIR_SCTP_NAME_MAX || info.config.protocol.n > WEIR_SCTP_NAME_MAX) {
            abort();
        }
    }
    if (count != d->s.channels.count || !weir_sctp_check(&d->s)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct drive d;
    struct weir_rd r = weir_rd_of(weir_span_of(data, n));
    struct weir_rd bytes;
    uint8_t stream, ppid;
    uint8_t out[WEIR_MTU];
    drive_begin(&d, WEIR_SCTP_ESTABLISHED);
    while (weir_rd_u8(&r, &stream) && weir_rd_u8(&r, &ppid) && weir_rd_sub8(&r, &bytes)) {
        message(&d, stream, ppid, weir_rd_rest(&bytes));
        check_names(&d);
        if ((stream & 0x80) != 0) {
            drive_read_all(&d);
            for (unsigned i = 0; i < 8 && drive_send(&d, out) != 0; i++) {
            }
        }
    }
    drive_read_all(&d);
    drive_end(&d);
    return 0;
}
