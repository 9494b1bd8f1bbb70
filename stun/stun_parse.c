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

static bool is_first_tie_breaker(const struct weir_stun_msg *m)
{
    return !m->has_controlled && !m->has_controlling;
}

/* Take one attribute's value. False when it has a value it cannot have. `at` is its offset. */
static bool take_value(struct weir_stun_msg *m, uint16_t type, struct weir_span v, size_t at)
{
    struct weir_addr plain;
    switch (type) {
    case WEIR_STUN_XOR_MAPPED_ADDRESS:
        return read_addr(v, m, true, &m->mapped);
    case WEIR_STUN_MAPPED_ADDRESS:
        if (!read_addr(v, m, false, &plain)) {
            return false;
        }
        m->mapped = m->mapped.family == WEIR_FAMILY_NONE ? plain : m->mapped;
        return true;
    case WEIR_STUN_ALTERNATE_SERVER:
        return read_addr(v, m, false, &m->alternate_server);
    case WEIR_STUN_USERNAME:
        m->username = v;
        return true;
    case WEIR_STUN_REALM:
        m->realm = v;
        return true;
    case WEIR_STUN_NONCE:
        m->nonce = v;
        return true;
    case WEIR_STUN_SOFTWARE:
        m->software = v;
        return true;
    case WEIR_STUN_USERHASH:
        m->userhash = v;
        return true;
    case WEIR_STUN_PASSWORD_ALGORITHMS:
        m->password_algorithms = v;
        return true;
    case WEIR_STUN_DTLS_IN_STUN:
        m->dtls_in_stun = v;
        m->has_dtls_in_stun = true;
        return true;
    case WEIR_STUN_DTLS_IN_STUN_ACK:
        m->dtls_in_stun_ack = v;
        m->has_dtls_in_stun_ack = true;
        return true;
    case WEIR_STUN_ERROR_CODE:
        return read_error(v, m);
    case WEIR_STUN_PRIORITY:
        m->priority = weir_be32(v.p);
        m->has_priority = true;
        return true;
    case WEIR_STUN_USE_CANDIDATE:
        m->has_use_candidate = true;
        return true;
    case WEIR_STUN_ICE_CONTROLLED:
    case WEIR_STUN_ICE_CONTROLLING:
        if (!is_first_tie_breaker(m)) {
            return false; /* both roles in one message */
        }
        m->tie_breaker = weir_be64(v.p);
        m->has_controlled = type == WEIR_STUN_ICE_CONTROLLED;
        m->has_controlling = type == WEIR_STUN_ICE_CONTROLLING;
        return true;
    case WEIR_STUN_MESSAGE_INTEGRITY:
        m->integrity_at = at;
        return true;
    case WEIR_STUN_MESSAGE_INTEGRITY_SHA256:
        m->integrity_sha256_at = at;
        m->integrity_sha256_bytes = v.n;
        return v.n % 4 == 0; /* [RFC 8489 14.6 MUST] truncated to a multiple of four, 16 at least */
    default:
        return true; /* known by size alone */
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
