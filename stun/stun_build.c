/* Writing a message. */
#include "stun/stun_int.h"

void weir_stun_begin(struct weir_stun_build *b, struct weir_mspan out, uint16_t method,
                     enum weir_stun_class klass, const uint8_t txid[WEIR_STUN_TXID_BYTES])
{
    unsigned m = method;
    b->w = weir_wr_of(out);
    weir_wr_u16(&b->w, (uint16_t)((m & 0x00f) | (m & 0x070) << 1 | (m & 0xf80) << 2 | (unsigned)klass));
    weir_wr_u16(&b->w, 0);
    weir_wr_u32(&b->w, WEIR_STUN_COOKIE);
    weir_wr_bytes(&b->w, weir_span_of(txid, WEIR_STUN_TXID_BYTES));
}

void weir_stun_put_bytes(struct weir_stun_build *b, uint16_t type, struct weir_span value)
{
    if (value.n > UINT16_MAX) {
        b->w.overflow = true;
        return;
    }
    weir_wr_u16(&b->w, type);
    weir_wr_u16(&b->w, (uint16_t)value.n);
    weir_wr_bytes(&b->w, value);
    weir_wr_pad4(&b->w);
}

void weir_stun_put_flag(struct weir_stun_build *b, uint16_t type)
{
    weir_stun_put_bytes(b, type, weir_span_of(NULL, 0));
}

void weir_stun_put_u32(struct weir_stun_build *b, uint16_t type, uint32_t value)
{
    uint8_t v[4];
    weir_put32(v, value);
    weir_stun_put_bytes(b, type, weir_span_of(v, sizeof v));
}

void weir_stun_put_u64(struct weir_stun_build *b, uint16_t type, uint64_t value)
{
    uint8_t v[8];
    weir_put64(v, value);
    weir_stun_put_bytes(b, type, weir_span_of(v, sizeof v));
}

static bool is_xor_type(uint16_t type)
{
    return type == WEIR_STUN_XOR_MAPPED_ADDRESS || type == WEIR_STUN_XOR_PEER_ADDRESS
           || type == WEIR_STUN_XOR_RELAYED_ADDRESS;
}

void weir_stun_put_addr(struct weir_stun_build *b, uint16_t type, const struct weir_addr *a)
{
    uint8_t v[20] = { 0, a->family == WEIR_IPV4 ? 1 : 2 };
    size_t ip_bytes = weir_addr_ip_bytes(a);
    if (ip_bytes == 0) {
        b->w.overflow = true;
        return;
    }
    weir_put16(v + 2, a->port);
    memcpy(v + 4, a->ip, ip_bytes);
    if (is_xor_type(type) && !b->w.overflow) {
        const uint8_t *mask = b->w.base + 4; /* cookie and transaction id stand together */
        for (size_t i = 0; i < 2 + ip_bytes; i++) {
            v[2 + i] ^= i < 2 ? mask[i] : mask[i - 2];
        }
    }
    weir_stun_put_bytes(b, type, weir_span_of(v, 4 + ip_bytes));
}

void weir_stun_put_error(struct weir_stun_build *b, uint16_t code, const char *reason)
{
    uint8_t v[4 + 32] = { 0, 0, (uint8_t)(code / 100), (uint8_t)(code % 100) };
    size_t n = 4;
    for (; *reason != '\0' && n < sizeof v; reason++) {
        v[n++] = (uint8_t)*reason;
    }
    weir_stun_put_bytes(b, WEIR_STUN_ERROR_CODE, weir_span_of(v, n));
}

void weir_stun_put_unknown(struct weir_stun_build *b, const uint16_t *type, unsigned count)
{
    uint8_t v[2 * WEIR_STUN_UNKNOWN_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < count && i < WEIR_STUN_UNKNOWN_MAX; i++, n += 2) {
        weir_put16(v + n, type[i]);
    }
    weir_stun_put_bytes(b, WEIR_STUN_UNKNOWN_ATTRIBUTES, weir_span_of(v, n));
}

static void set_length(struct weir_stun_build *b)
{
    if (!b->w.overflow) {
        weir_put16(b->w.base + 2, (uint16_t)(b->w.len - WEIR_STUN_HEADER_BYTES));
    }
}

static void put_integrity(struct weir_stun_build *b, const struct weir_stun_seal *seal)
{
    uint8_t mac[STUN_SHA256_BYTES];
    size_t bytes = seal->with_sha256 ? STUN_SHA256_BYTES : STUN_SHA1_BYTES;
    if (b->w.overflow) {
        return;
    }
    weir_stun_hmac(seal->crypto, seal->with_sha256 ? WEIR_SHA256 : WEIR_SHA1, seal->key,
                   weir_span_of(b->w.base, b->w.len), 4 + bytes, mac);
    weir_stun_put_bytes(b, seal->with_sha256 ? WEIR_STUN_MESSAGE_INTEGRITY_SHA256
                                             : WEIR_STUN_MESSAGE_INTEGRITY,
                        weir_span_of(mac, bytes));
}

static void put_fingerprint(struct weir_stun_build *b)
{
    if (b->w.overflow) {
        return;
    }
    /* [RFC 8489 14.7] the length in the header already counts the attribute. */
    weir_put16(b->w.base + 2, (uint16_t)(b->w.len - WEIR_STUN_HEADER_BYTES + 8));
    weir_stun_put_u32(b, WEIR_STUN_FINGERPRINT,
                      weir_stun_crc32(weir_span_of(b->w.base, b->w.len)) ^ STUN_FINGERPRINT_XOR);
}

size_t weir_stun_end(struct weir_stun_build *b, const struct weir_stun_seal *seal)
{
    if (seal->key.n != 0) {
        put_integrity(b, seal);
    }
    set_length(b);
    if (seal->with_fingerprint) {
        put_fingerprint(b);
    }
    set_length(b);
    return weir_wr_done(&b->w);
}
