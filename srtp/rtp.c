/* RTP headers and their extensions.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * 0 |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * 4 |                           timestamp                           |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * 8 |           synchronization source (SSRC) identifier            |
 *   +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
 * 12|            contributing source (CSRC) identifiers, CC of them |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   | if X: profile (16), length in words (16), extension data ...  |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
#include "srtp/srtp_int.h"

enum weir_srtp_verdict weir_srtp_frame(struct weir_span packet, struct rtp_frame *out)
{
    struct weir_rd r = weir_rd_of(packet);
    struct weir_span fixed, ext;
    memset(out, 0, sizeof *out);
    if (!weir_rd_take(&r, WEIR_RTP_HEADER_BYTES, &fixed)) {
        return WEIR_SRTP_SHORT;
    }
    if (fixed.p[0] >> 6 != 2) { /* [RFC 3550 5.1] */
        return WEIR_SRTP_VERSION;
    }
    out->seq = weir_be16(fixed.p + 2);
    out->ssrc = weir_be32(fixed.p + 8);
    if (!weir_rd_skip(&r, (size_t)(fixed.p[0] & 15) * 4)) {
        return WEIR_SRTP_CSRC;
    }
    if ((fixed.p[0] & 0x10) != 0) {
        uint16_t words;
        if (!weir_rd_u16(&r, &out->ext_profile) || !weir_rd_u16(&r, &words)) {
            return WEIR_SRTP_EXTENSION;
        }
        out->ext_at = packet.n - r.n;
        out->ext_bytes = (size_t)words * 4;
        if (!weir_rd_take(&r, out->ext_bytes, &ext)) {
            return WEIR_SRTP_EXTENSION;
        }
    }
    out->payload_at = packet.n - r.n;
    return WEIR_SRTP_OK;
}

/* [RFC 3550 5.1] the last byte of padding counts itself. */
static enum weir_srtp_verdict strip_padding(struct weir_rtp_header *h)
{
    uint8_t count = h->payload.n == 0 ? 0 : h->payload.p[h->payload.n - 1];
    if (count == 0 || count > h->payload.n) {
        return WEIR_SRTP_PADDING;
    }
    h->padding_bytes = count;
    h->payload.n -= count;
    return WEIR_SRTP_OK;
}

enum weir_srtp_verdict weir_rtp_parse(struct weir_span packet, struct weir_rtp_header *out)
{
    struct rtp_frame f;
    enum weir_srtp_verdict v = weir_srtp_frame(packet, &f);
    if (v != WEIR_SRTP_OK) {
        return v;
    }
    const uint8_t *p = packet.p;
    memset(out, 0, sizeof *out);
    out->has_marker = (p[1] & 0x80) != 0;
    out->has_extension = (p[0] & 0x10) != 0;
    out->payload_type = p[1] & 0x7f;
    out->csrc_count = p[0] & 15;
    out->seq = f.seq;
    out->timestamp = weir_be32(p + 4);
    out->ssrc = f.ssrc;
    out->ext_profile = f.ext_profile;
    out->ext = weir_span_of(p + f.ext_at, f.ext_bytes);
    out->payload = weir_span_of(p + f.payload_at, packet.n - f.payload_at);
    return (p[0] & 0x20) != 0 ? strip_padding(out) : WEIR_SRTP_OK;
}

void weir_rtp_write(struct weir_wr *w, const struct weir_rtp_header *h)
{
    weir_wr_u8(w, (uint8_t)(0x80 | (h->has_extension ? 0x10 : 0)));
    weir_wr_u8(w, (uint8_t)((h->has_marker ? 0x80 : 0) | (h->payload_type & 0x7f)));
    weir_wr_u16(w, h->seq);
    weir_wr_u32(w, h->timestamp);
    weir_wr_u32(w, h->ssrc);
    if (h->has_extension) {
        weir_wr_u16(w, h->ext_profile);
        weir_wr_u16(w, (uint16_t)((h->ext.n + 3) / 4));
        weir_wr_bytes(w, h->ext);
        weir_wr_zero(w, (4 - (h->ext.n & 3)) & 3);
    }
}

/* -- Header extensions [RFC 8285] -------------------------------------------------------------- */

struct weir_rtp_ext_iter weir_rtp_ext_begin(const struct weir_rtp_header *h)
{
    struct weir_rtp_ext_iter it = { .rd = weir_rd_of(h->ext) };
    it.is_two_byte = (h->ext_profile & WEIR_RTP_EXT_TWO_MASK) == WEIR_RTP_EXT_TWO_BYTE;
    it.is_done = !h->has_extension || (!it.is_two_byte && h->ext_profile != WEIR_RTP_EXT_ONE_BYTE);
    return it;
}

/* One element; false at the end or at one that does not fit. */
static bool next_element(struct weir_rtp_ext_iter *it, struct weir_rtp_ext *out)
{
    uint8_t first, bytes;
    if (!weir_rd_u8(&it->rd, &first)) {
        return false;
    }
    out->id = first;
    out->data = weir_span_of(NULL, 0);
    if (first == 0) {
        return true; /* a padding byte, skipped by the caller */
    }
    if (it->is_two_byte) {
        return weir_rd_u8(&it->rd, &bytes) && weir_rd_take(&it->rd, bytes, &out->data);
    }
    out->id = first >> 4;
    if (out->id == 0) {
        return false; /* [RFC 8285 4.1.2 MUST] no padding, for it has a length: the walk ends */
    }
    /* [RFC 8285 4.2 MUST] id 15 stops the walk; the length field counts one less than the bytes. */
    return out->id != 15 && weir_rd_take(&it->rd, (size_t)(first & 15) + 1, &out->data);
}

bool weir_rtp_ext_next(struct weir_rtp_ext_iter *it, struct weir_rtp_ext *out)
{
    while (!it->is_done) {
        if (!next_element(it, out)) {
            it->is_done = true;
        } else if (out->id != 0) {
            return true;
        }
    }
    return false;
}
