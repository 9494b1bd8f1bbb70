/* Chunks and parameters to and from bytes [RFC 9260 3].
 *
 * 1. A packet is a common header and chunks; a chunk is a type, flags, a length and a value padded
 *    to four bytes; INIT, INIT ACK, RE-CONFIG and ERROR carry parameters of the same shape.
 * 2. INIT and INIT ACK are parsed into struct weir_sctp_init_chunk, and written from our own side.
 * 3. Error causes collect in a small buffer until an ERROR chunk takes them along.
 */
#include "sctp/sctp_int.h"

/*  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |     type      |     flags     |     length (header + value)   |
 * +---------------+---------------+-------------------------------+
 */
bool weir_sctp_chunk_next(struct weir_rd *r, struct chunk *c)
{
    struct weir_rd at = *r;
    const uint8_t *start = at.p;
    uint16_t length;
    if (!weir_rd_u8(&at, &c->type) || !weir_rd_u8(&at, &c->flags) || !weir_rd_u16(&at, &length) ||
        length < CHUNK_HEADER_BYTES ||
        !weir_rd_take(&at, (size_t)(length - CHUNK_HEADER_BYTES), &c->value)) {
        return false;
    }
    c->whole = weir_span_of(start, length);
    /* The last chunk's padding may be missing: peers exist that leave it out. */
    if (!weir_rd_pad4(&at, length)) {
        at.n = 0;
    }
    *r = at;
    return true;
}

/*  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------------------------------+-------------------------------+
 * |             type              |     length (header + value)   |
 * +-------------------------------+-------------------------------+
 */
bool weir_sctp_param_next(struct weir_rd *r, struct param *p)
{
    struct weir_rd at = *r;
    const uint8_t *start = at.p;
    uint16_t length;
    if (!weir_rd_u16(&at, &p->type) || !weir_rd_u16(&at, &length) ||
        length < PARAM_HEADER_BYTES ||
        !weir_rd_take(&at, (size_t)(length - PARAM_HEADER_BYTES), &p->value)) {
        return false;
    }
    p->whole = weir_span_of(start, length);
    /* [RFC 9260 3.2] The chunk's length may or may not count the last parameter's padding. */
    if (!weir_rd_pad4(&at, length)) {
        at.n = 0;
    }
    *r = at;
    return true;
}

/* -- INIT and INIT ACK ------------------------------------------------------------------------ */

static void keep_unknown(struct weir_sctp_init_chunk *init, struct weir_span whole)
{
    size_t padded = (whole.n + 3) & ~(size_t)3;
    if (padded > sizeof init->unknown - init->unknown_bytes) {
        return; /* the report is a courtesy, and bounded */
    }
    memset(init->unknown + init->unknown_bytes, 0, padded);
    memcpy(init->unknown + init->unknown_bytes, whole.p, whole.n);
    init->unknown_bytes = (uint16_t)(init->unknown_bytes + padded);
}

static void extensions_parse(struct weir_span list, struct weir_sctp_init_chunk *init)
{
    for (size_t i = 0; i < list.n; i++) {
        init->has_forward_tsn |= list.p[i] == CHUNK_FORWARD_TSN;
        init->has_reconfig |= list.p[i] == CHUNK_RE_CONFIG;
    }
}

/* One parameter; false to stop reading further ones. */
static bool init_param(const struct param *p, bool is_ack, struct weir_sctp_init_chunk *init)
{
    switch (p->type) {
    case PARAM_COOKIE:
        if (is_ack) {
            init->cookie = p->value;
        }
        return true;
    case PARAM_FORWARD_TSN:
        init->has_forward_tsn = true;
        return true;
    case PARAM_EXTENSIONS:
        extensions_parse(p->value, init);
        return true;
    /* [RFC 8261 5 MUST NOT] Over DTLS there are no addresses: whatever is listed is ignored. */
    case PARAM_IPV4:
    case PARAM_IPV6:
    case PARAM_HOST_NAME:
    case PARAM_ADDRESS_TYPES:
    case PARAM_COOKIE_PRESERVATIVE:
    case PARAM_UNRECOGNIZED:
        return true;
    default:
        break;
    }
    /* [RFC 9260 3.2.1] The two high bits say whether to report it, and whether to go on. */
    if ((p->type & 0x4000u) != 0) {
        keep_unknown(init, p->whole);
    }
    return (p->type & 0x8000u) != 0;
}

/*  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------------------------------------------------------+
 * |                         initiate tag                          |  0
 * +---------------------------------------------------------------+
 * |              advertised receiver window credit                |  4
 * +-------------------------------+-------------------------------+
 * |       outbound streams        |        inbound streams        |  8
 * +-------------------------------+-------------------------------+
 * |                          initial TSN                          | 12
 * +---------------------------------------------------------------+
 * \                          parameters                           \ 16
 */
enum weir_sctp_verdict weir_sctp_init_value_parse(struct weir_span value, bool is_ack,
                                                  struct weir_sctp_init_chunk *init)
{
    memset(init, 0, sizeof *init);
    struct weir_rd r = weir_rd_of(value);
    if (!weir_rd_u32(&r, &init->tag) || !weir_rd_u32(&r, &init->a_rwnd) ||
        !weir_rd_u16(&r, &init->out_streams) || !weir_rd_u16(&r, &init->in_streams) ||
        !weir_rd_u32(&r, &init->tsn)) {
        return WEIR_SCTP_CHUNK_SHORT;
    }
    /* [RFC 9260 3.3.2, 3.3.3 DEVIATION] The specification tears an association down when an INIT
     * ACK has these values; we drop the packet, and T1 ends what cannot be set up. */
    if (init->tag == 0 || init->out_streams == 0 || init->in_streams == 0 || init->a_rwnd < 1500) {
        return WEIR_SCTP_INIT_VALUE;
    }
    bool go_on = true;
    while (r.n != 0 && go_on) {
        struct param p;
        if (!weir_sctp_param_next(&r, &p)) {
            return WEIR_SCTP_PARAM_LENGTH;
        }
        go_on = init_param(&p, is_ack, init);
    }
    return WEIR_SCTP_OK;
}

struct weir_mark weir_sctp_chunk_open(struct weir_wr *w, uint8_t type, uint8_t flags)
{
    weir_wr_u8(w, type);
    weir_wr_u8(w, flags);
    return weir_wr_open(w, 2);
}

void weir_sctp_chunk_close(struct weir_wr *w, struct weir_mark m)
{
    /* The mark counts what follows the length field; the length counts type, flags and itself. */
    if (!w->overflow) {
        weir_put16(w->base + m.at, (uint16_t)(w->len - m.at + 2));
    }
    weir_wr_pad4(w);
}

static void param_write(struct weir_wr *w, uint16_t type, struct weir_span value)
{
    weir_wr_u16(w, type);
    weir_wr_u16(w, (uint16_t)(PARAM_HEADER_BYTES + value.n));
    weir_wr_bytes(w, value);
    weir_wr_pad4(w);
}

static void unknown_params_write(struct weir_wr *w, const struct weir_sctp_init_chunk *init)
{
    struct weir_rd r = weir_rd_of(weir_span_of(init->unknown, init->unknown_bytes));
    struct param p;
    while (r.n != 0 && weir_sctp_param_next(&r, &p)) {
        param_write(w, PARAM_UNRECOGNIZED, p.whole);
    }
}

void weir_sctp_init_value_write(struct weir_wr *w, const struct weir_sctp *s, bool is_ack,
                                struct weir_span cookie)
{
    static const uint8_t extensions[2] = { CHUNK_RE_CONFIG, CHUNK_FORWARD_TSN };
    struct weir_mark m = weir_sctp_chunk_open(w, is_ack ? CHUNK_INIT_ACK : CHUNK_INIT, 0);
    weir_wr_u32(w, is_ack ? s->init_tag : s->local_tag);
    weir_wr_u32(w, s->rwnd_told < WINDOW_LEAST ? WINDOW_LEAST : s->rwnd_told);
    /* [RFC 8831 6.2 SHOULD] All streams are announced; their state is made when they are used. */
    weir_wr_u16(w, 65535);
    weir_wr_u16(w, 65535);
    weir_wr_u32(w, is_ack ? s->init_tsn : s->local_tsn);
    if (cookie.n != 0) {
        param_write(w, PARAM_COOKIE, cookie);
    }
    param_write(w, PARAM_FORWARD_TSN, weir_span_of(NULL, 0));
    if (is_ack) {
        unknown_params_write(w, &s->init_answer);
    }
    weir_wr_u16(w, PARAM_EXTENSIONS);
    weir_wr_u16(w, PARAM_HEADER_BYTES + sizeof extensions);
    weir_wr_bytes(w, weir_span_of(extensions, sizeof extensions));
    weir_sctp_chunk_close(w, m);
}

size_t weir_sctp_init_chunk_write(const struct weir_sctp *s, struct weir_mspan out)
{
    struct weir_wr w = weir_wr_of(out);
    weir_sctp_init_value_write(&w, s, false, weir_span_of(NULL, 0));
    return weir_wr_done(&w) == 0 ? 0 : weir_be16(out.p + 2);
}

enum weir_sctp_verdict weir_sctp_init_chunk_parse(struct weir_span chunk,
                                                  struct weir_sctp_init_chunk *init)
{
    struct weir_rd r = weir_rd_of(chunk);
    struct chunk c;
    if (!weir_sctp_chunk_next(&r, &c) || r.n != 0 || c.type != CHUNK_INIT) {
        return WEIR_SCTP_CHUNK_LENGTH;
    }
    return weir_sctp_init_value_parse(c.value, false, init);
}

/* -- Error causes ----------------------------------------------------------------------------- */

void weir_sctp_report(struct weir_sctp *s, uint16_t cause, struct weir_span value)
{
    struct weir_mspan room = { s->report + s->report_bytes, sizeof s->report - s->report_bytes };
    struct weir_wr w = weir_wr_of(room);
    param_write(&w, cause, value);
    s->report_bytes = (uint16_t)(s->report_bytes + weir_wr_done(&w));
    s->owed |= s->report_bytes != 0 ? OWES_ERROR : 0;
}
