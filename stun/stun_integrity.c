/* Integrity and fingerprint: what a message proves, and how. */
#include "stun/stun_int.h"

/* CRC-32, reflected polynomial 0xEDB88320, a nibble at a time: small, and messages are short. */
uint32_t weir_stun_crc32(struct weir_span data)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < data.n; i++) {
        crc ^= data.p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

void weir_stun_hmac(const struct weir_crypto *c, enum weir_hash_id hash, struct weir_span key,
                    struct weir_span before, size_t attr_bytes, uint8_t *out)
{
    struct weir_hmac_key k;
    uint8_t head[4];
    memcpy(head, before.p, 2);
    weir_put16(head + 2, (uint16_t)(before.n - WEIR_STUN_HEADER_BYTES + attr_bytes));
    const struct weir_span part[2] = { { head, 4 }, { before.p + 4, before.n - 4 } };
    weir_hmac_init(c, &k, hash, key);
    weir_hmac(c, &k, part, 2, out);
    weir_wipe(&k, sizeof k);
}

enum weir_stun_verdict weir_stun_verify(const struct weir_stun_msg *m, const struct weir_crypto *c,
                                        struct weir_span key)
{
    uint8_t want[STUN_SHA256_BYTES];
    bool is_sha256 = m->integrity_sha256_at != 0;
    size_t at = is_sha256 ? m->integrity_sha256_at : m->integrity_at;
    size_t bytes = is_sha256 ? m->integrity_sha256_bytes : STUN_SHA1_BYTES;
    if (at == 0) {
        return WEIR_STUN_NO_INTEGRITY;
    }
    weir_stun_hmac(c, is_sha256 ? WEIR_SHA256 : WEIR_SHA1, key, weir_span_of(m->packet.p, at),
                   4 + bytes, want);
    return weir_equal_secret(want, m->packet.p + at + 4, bytes) ? WEIR_STUN_OK : WEIR_STUN_INTEGRITY;
}

void weir_stun_long_term_key(const struct weir_crypto *c, enum weir_hash_id hash,
                             struct weir_span username, struct weir_span realm,
                             struct weir_span password, uint8_t *key)
{
    const struct weir_span part[5] = { username, WEIR_LIT(":"), realm, WEIR_LIT(":"), password };
    weir_hash_of(c, hash, part, 5, key);
}

void weir_stun_userhash(const struct weir_crypto *c, struct weir_span username,
                        struct weir_span realm, uint8_t hash[32])
{
    const struct weir_span part[3] = { username, WEIR_LIT(":"), realm };
    weir_hash_of(c, WEIR_SHA256, part, 3, hash);
}

bool weir_stun_names_algorithm(struct weir_span list, uint16_t algorithm)
{
    struct weir_rd r = weir_rd_of(list);
    while (r.n != 0) {
        uint16_t number, bytes;
        struct weir_span parameters;
        if (!weir_rd_u16(&r, &number) || !weir_rd_u16(&r, &bytes)
            || !weir_rd_take(&r, bytes, &parameters)) {
            return false;
        }
        if (number == algorithm) {
            return true;
        }
        /* The last one's padding belongs to the attribute, not to its value. */
        if (r.n != 0 && !weir_rd_pad4(&r, bytes)) {
            return false;
        }
    }
    return false;
}
