/* Compounds and their packets.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * 0 |V=2|P|  count  |      type     |   length in words minus one   |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * A compound is judged whole before any of it is used: one bad packet drops all [RFC 3550 A.2].
 */
#include "rtcp/rtcp_int.h"

const char *weir_rtcp_verdict_name(enum weir_rtcp_verdict v)
{
    static const char *const name[] = {
        [WEIR_RTCP_OK] = "ok",           [WEIR_RTCP_SHORT] = "short",
        [WEIR_RTCP_VERSION] = "version", [WEIR_RTCP_LENGTH] = "length",
        [WEIR_RTCP_PADDING] = "padding", [WEIR_RTCP_TYPE] = "type",
        [WEIR_RTCP_BODY] = "body",
    };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_RTCP_VERDICTS, "every verdict has a name");
    return (unsigned)v < WEIR_RTCP_VERDICTS ? name[v] : "?";
}

/* SDES chunks: SSRC, items, a null item, padding to a word [RFC 3550 6.5]. */
static bool sdes_is_sound(struct weir_rd body, unsigned chunks)
{
    for (; chunks != 0; chunks--) {
        size_t begin = body.n;
        if (!weir_rd_skip(&body, 4)) {
            return false;
        }
        for (;;) {
            uint8_t type, bytes;
            if (!weir_rd_u8(&body, &type)) {
                return false;
            }
            if (type == 0) {
                break;
            }
            if (!weir_rd_u8(&body, &bytes) || !weir_rd_skip(&body, bytes)) {
                return false;
            }
        }
        if (!weir_rd_pad4(&body, begin - body.n)) {
            return false;
        }
    }
    return true;
}

static bool bye_is_sound(struct weir_rd body, unsigned sources)
{
    uint8_t bytes;
    return weir_rd_skip(&body, (size_t)sources * 4)
           && (body.n == 0 || (weir_rd_u8(&body, &bytes) && weir_rd_skip(&body, bytes)));
}

/* Extended report blocks: type, reserved, length in words [RFC 3611 3]. */
static bool xr_is_sound(struct weir_rd body)
{
    if (!weir_rd_skip(&body, 4)) {
        return false;
    }
    while (body.n != 0) {
        struct weir_span head;
        if (!weir_rd_take(&body, 4, &head) || !weir_rd_skip(&body, (size_t)weir_be16(head.p + 2) * 4)) {
            return false;
        }
    }
    return true;
}

/* Does the body hold what its header announces? Kinds we do not know are sound as they are. */
static bool body_is_sound(const struct weir_rtcp_packet *p)
{
    struct weir_rd body = weir_rd_of(p->body);
    size_t blocks = (size_t)p->count * RTCP_BLOCK_BYTES;
    switch (p->type) {
    case WEIR_RTCP_SR:
        return body.n >= 24 && body.n - 24 >= blocks;
    case WEIR_RTCP_RR:
        return body.n >= 4 && body.n - 4 >= blocks;
    case WEIR_RTCP_SDES:
        return sdes_is_sound(body, p->count);
    case WEIR_RTCP_BYE:
        return bye_is_sound(body, p->count);
    case WEIR_RTCP_APP:
        return body.n >= 8;
    case WEIR_RTCP_RTPFB:
    case WEIR_RTCP_PSFB:
        return body.n >= 8;
    case WEIR_RTCP_XR:
        return xr_is_sound(body);
    default:
        return true;
    }
}

static enum weir_rtcp_verdict take_packet(struct weir_rd *r, struct weir_rtcp_packet *out)
{
    struct weir_span head;
    if (!weir_rd_take(r, 4, &head)) {
        return WEIR_RTCP_SHORT;
    }
    if (head.p[0] >> 6 != 2) {
        return WEIR_RTCP_VERSION;
    }
    out->count = head.p[0] & 31;
    out->type = head.p[1];
    if (!weir_rd_take(r, (size_t)weir_be16(head.p + 2) * 4, &out->body)) {
        return WEIR_RTCP_LENGTH;
    }
    if ((head.p[0] & 0x20) != 0) {
        /* [RFC 3550 6.4.1] Only the last packet may be padded, and by whole words. Transport-wide feedback
         * is padded by its own rule: wherever it stands, by as many bytes as fill its last word
         * [draft-holmer-rmcat-transport-wide-cc-extensions 3.1]. */
        uint8_t pad = out->body.n == 0 ? 0 : out->body.p[out->body.n - 1];
        bool is_twcc = out->type == WEIR_RTCP_RTPFB && out->count == WEIR_RTPFB_TWCC;
        if (pad == 0 || pad > out->body.n || (!is_twcc && (r->n != 0 || pad % 4 != 0))) {
            return WEIR_RTCP_PADDING;
        }
        out->body.n -= pad;
    }
    return WEIR_RTCP_OK;
}

enum weir_rtcp_verdict weir_rtcp_check(struct weir_span compound)
{
    struct weir_rd r = weir_rd_of(compound);
    struct weir_rtcp_packet p;
    if (compound.n < 8 || compound.n % 4 != 0) {
        return WEIR_RTCP_SHORT;
    }
    if (compound.p[1] < 192 || compound.p[1] > 223) { /* [RFC 5761 4] */
        return WEIR_RTCP_TYPE;
    }
    while (r.n != 0) {
        enum weir_rtcp_verdict v = take_packet(&r, &p);
        if (v != WEIR_RTCP_OK) {
            return v;
        }
        if (!body_is_sound(&p)) {
            return WEIR_RTCP_BODY;
        }
    }
    return WEIR_RTCP_OK;
}

bool weir_rtcp_next(struct weir_rd *compound, struct weir_rtcp_packet *out)
{
    return compound->n != 0 && take_packet(compound, out) == WEIR_RTCP_OK;
}

bool weir_rtcp_block_next(struct weir_rd *body, struct weir_rtcp_block *out)
{
    struct weir_span s;
    if (!weir_rd_take(body, RTCP_BLOCK_BYTES, &s)) {
        return false;
    }
    uint32_t lost = weir_be24(s.p + 5);
    out->ssrc = weir_be32(s.p);
    out->fraction_lost = s.p[4];
    out->lost = lost >= 0x800000 ? (int32_t)lost - 0x1000000 : (int32_t)lost;
    out->highest_seq = weir_be32(s.p + 8);
    out->jitter = weir_be32(s.p + 12);
    out->lsr = weir_be32(s.p + 16);
    out->dlsr = weir_be32(s.p + 20);
    return true;
}
