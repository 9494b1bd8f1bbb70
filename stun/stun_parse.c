/* Reading a message.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * 0 |0 0|  class and method         |  length without this header   |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * 4 |                  magic cookie 0x2112A442                      |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * 8 |                  transaction id, 96 bits                      |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * 20  attributes: type 16, length 16, value, padding to 32 bits
 */
#include "stun/stun_int.h"

bool weir_stun_is_stun(struct weir_span packet)
{
    return packet.n >= WEIR_STUN_HEADER_BYTES && packet.p[0] < 4
           && weir_be32(packet.p + 4) == WEIR_STUN_COOKIE;
}

static enum weir_stun_verdict read_header(struct weir_rd *r, struct weir_stun_msg *m)
{
    struct weir_span head;
    if (!weir_rd_take(r, WEIR_STUN_HEADER_BYTES, &head)) {
        return WEIR_STUN_SHORT;
    }
    uint16_t type = weir_be16(head.p);
    if (type >> 14 != 0) {
        return WEIR_STUN_BITS;
    }
    if (weir_be32(head.p + 4) != WEIR_STUN_COOKIE) {
        return WEIR_STUN_COOKIE_WRONG;
    }
    if (weir_be16(head.p + 2) != r->n || r->n % 4 != 0) {
        return WEIR_STUN_LENGTH;
    }
    m->klass = type & 0x0110;
    /* [RFC 8489 5] the two class bits stand between the method's. */
    m->method = (uint16_t)((type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2);
    memcpy(m->txid, head.p + 8, WEIR_STUN_TXID_BYTES);
    return WEIR_STUN_OK;
}

/* [RFC 8489 14.1, 14.2] family, port and address; XORed with cookie and transaction id if asked. */
static bool read_addr(struct weir_span v, const struct weir_stun_msg *m, bool is_xored,
                      struct weir_addr *out)
{
    uint8_t mask[16], ip[16];
    size_t ip_bytes = v.n - 4; /* the table saw to 8..20 */
    weir_put32(mask, WEIR_STUN_COOKIE);
    memcpy(mask + 4, m->txid, 12);
    bool is_v4 = v.p[1] == 0x01 && ip_bytes == 4;
    bool is_v6 = v.p[1] == 0x02 && ip_bytes == 16;
    if (!is_v4 && !is_v6) {
        return false;
    }
    for (size_t i = 0; i < ip_bytes; i++) {
        ip[i] = is_xored ? v.p[4 + i] ^ mask[i] : v.p[4 + i];
    }
    uint16_t port = weir_be16(v.p + 2);
    port = is_xored ? (uint16_t)(port ^ (WEIR_STUN_COOKIE >> 16)) : port;
    *out = is_v4 ? weir_addr_v4(ip[0], ip[1], ip[2], ip[3], port) : weir_addr_v6(ip, port);
    return true;
}

static bool read_error(struct weir_span v, struct weir_stun_msg *m)
{
    unsigned hundreds = v.p[2] & 7u, rest = v.p[3];
    m->error_code = (uint16_t)(hundreds * 100 + rest);
    return hundreds >= 3 && hundreds <= 6 && rest <= 99;
}

/* The spans that a message may carry; NULL for types of another kind. */
static struct weir_span *span_of_type(struct weir_stun_msg *m, uint16_t type)
{
    switch (type) {
    case WEIR_STUN_USERNAME:
        return &m->username;
    case WEIR_STUN_REALM:
        return &m->realm;
    case WEIR_STUN_NONCE:
        return &m->nonce;
    case WEIR_STUN_SOFTWARE:
        return &m->software;
    case WEIR_STUN_USERHASH:
        return &m->userhash;
    case WEIR_STUN_PASSWORD_ALGORITHMS:
        return &m->password_algorithms;
    case WEIR_STUN_PASSWORD_ALGORITHM:
        return &m->password_algorithm;
    case WEIR_STUN_DTLS_IN_STUN:
        return &m->dtls_in_stun;
    case WEIR_STUN_DTLS_IN_STUN_ACK:
        return &m->dtls_in_stun_ack;
    default:
        return NULL;
    }
}

static void take_span(struct weir_stun_msg *m, uint16_t type, struct weir_span v)
{
    struct weir_span *to = span_of_type(m, type);
    if (to != NULL && to->p == NULL) { /* [RFC 8489 14] only the first of a type counts */
        *to = v;
        m->has_username |= type == WEIR_STUN_USERNAME;
        m->has_dtls_in_stun |= type == WEIR_STUN_DTLS_IN_STUN;
        m->has_dtls_in_stun_ack |= type == WEIR_STUN_DTLS_IN_STUN_ACK;
    }
}

/* XOR-MAPPED-ADDRESS wins over MAPPED-ADDRESS, which an address-rewriting box may have changed. */
static bool take_mapped(struct weir_stun_msg *m, bool is_xored, struct weir_span v)
{
    struct weir_addr a;
    if (!read_addr(v, m, is_xored, &a)) {
        return false;
    }
    if (is_xored ? !m->has_xor_mapped : m->mapped.family == WEIR_FAMILY_NONE) {
        m->mapped = a;
    }
    m->has_xor_mapped |= is_xored;
    return true;
}

/* One message speaks for one role [RFC 8445 7.1.3]. */
static bool take_role(struct weir_stun_msg *m, uint16_t type, struct weir_span v)
{
    bool is_controlled = type == WEIR_STUN_ICE_CONTROLLED;
    if (is_controlled ? m->has_controlling : m->has_controlled) {
        return false;
    }
    if (!m->has_controlled && !m->has_controlling) {
        m->tie_breaker = weir_be64(v.p);
        m->has_controlled = is_controlled;
        m->has_controlling = !is_controlled;
    }
    return true;
}

/* Take one attribute's value. False when it has a value it cannot have. `at` is its offset. */
static bool take_value(struct weir_stun_msg *m, uint16_t type, struct weir_span v, size_t at)
{
    switch (type) {
    case WEIR_STUN_XOR_MAPPED_ADDRESS:
    case WEIR_STUN_MAPPED_ADDRESS:
        return take_mapped(m, type == WEIR_STUN_XOR_MAPPED_ADDRESS, v);
    case WEIR_STUN_ALTERNATE_SERVER:
        return read_addr(v, m, false, &m->alternate_server);
    case WEIR_STUN_ERROR_CODE:
        return read_error(v, m);
    case WEIR_STUN_PRIORITY:
        m->priority = m->has_priority ? m->priority : weir_be32(v.p);
        m->has_priority = true;
        return true;
    case WEIR_STUN_USE_CANDIDATE:
        m->has_use_candidate = true;
        return true;
    case WEIR_STUN_ICE_CONTROLLED:
    case WEIR_STUN_ICE_CONTROLLING:
        return take_role(m, type, v);
    case WEIR_STUN_MESSAGE_INTEGRITY:
        m->integrity_at = at;
        return true;
    case WEIR_STUN_MESSAGE_INTEGRITY_SHA256:
        m->integrity_sha256_at = at;
        m->integrity_sha256_bytes = v.n;
        return v.n % 4 == 0; /* [RFC 8489 14.6 MUST] truncated to a multiple of four, 16 at least */
    default:
        take_span(m, type, v);
        return true;
    }
}

static enum weir_stun_verdict take_fingerprint(struct weir_stun_msg *m, struct weir_span v, size_t at,
                                               size_t left)
{
    uint32_t crc = weir_stun_crc32(weir_span_of(m->packet.p, at)) ^ STUN_FINGERPRINT_XOR;
    m->has_fingerprint = true;
    return left == 0 && weir_be32(v.p) == crc ? WEIR_STUN_OK : WEIR_STUN_FINGERPRINT_WRONG;
}

/* [RFC 8489 14.5 MUST] behind an integrity attribute only the stronger integrity and FINGERPRINT
 * count: anything else there was put by someone on the way. */
static bool is_ignored(const struct weir_stun_msg *m, uint16_t type)
{
    bool is_sealed = m->integrity_at != 0 || m->integrity_sha256_at != 0;
    return is_sealed && type != WEIR_STUN_FINGERPRINT
           && (type != WEIR_STUN_MESSAGE_INTEGRITY_SHA256 || m->integrity_sha256_at != 0);
}

static enum weir_stun_verdict take_attr(struct weir_stun_msg *m, uint16_t type, struct weir_span v,
                                        size_t at, size_t left)
{
    const struct weir_stun_attr_info *info = weir_stun_attr_info(type);
    if (is_ignored(m, type)) {
        return WEIR_STUN_OK;
    }
    if (info == NULL) {
        if (type < 0x8000 && m->unknowns < WEIR_STUN_UNKNOWN_MAX) { /* [RFC 8489 14] mandatory */
            m->unknown[m->unknowns++] = type;
        }
        return WEIR_STUN_OK;
    }
    if (v.n < info->min || v.n > info->max) {
        return WEIR_STUN_ATTR_SIZE;
    }
    if (type == WEIR_STUN_FINGERPRINT) {
        return take_fingerprint(m, v, at, left);
    }
    return take_value(m, type, v, at) ? WEIR_STUN_OK : WEIR_STUN_ATTR_VALUE;
}

enum weir_stun_verdict weir_stun_parse(struct weir_span packet, struct weir_stun_msg *out)
{
    struct weir_rd r = weir_rd_of(packet);
    memset(out, 0, sizeof *out);
    out->packet = packet;
    enum weir_stun_verdict v = read_header(&r, out);
    for (unsigned n = 0; v == WEIR_STUN_OK && r.n != 0; n++) {
        size_t at = packet.n - r.n;
        uint16_t type, bytes;
        struct weir_span value;
        if (n == WEIR_STUN_ATTRS_MAX) {
            return WEIR_STUN_ATTR_COUNT;
        }
        if (!weir_rd_u16(&r, &type) || !weir_rd_u16(&r, &bytes) || !weir_rd_take(&r, bytes, &value)
            || !weir_rd_pad4(&r, bytes)) {
            return WEIR_STUN_ATTR_BOUNDS;
        }
        v = take_attr(out, type, value, at, r.n);
    }
    return v;
}

struct weir_stun_iter weir_stun_iter(const struct weir_stun_msg *m)
{
    struct weir_stun_iter it = { weir_rd_of(m->packet) };
    if (!weir_rd_skip(&it.rd, WEIR_STUN_HEADER_BYTES)) {
        it.rd.n = 0;
    }
    return it;
}

bool weir_stun_next(struct weir_stun_iter *it, struct weir_stun_attr *out)
{
    uint16_t bytes;
    return weir_rd_u16(&it->rd, &out->type) && weir_rd_u16(&it->rd, &bytes)
           && weir_rd_take(&it->rd, bytes, &out->value) && weir_rd_pad4(&it->rd, bytes);
}
