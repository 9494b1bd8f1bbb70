/* The little DER that providers share: the frame of a certificate, the public key in it, ECDSA
 * signatures, and our own self-signed certificate.
 *
 * WebRTC trusts a certificate by its fingerprint [RFC 8827 6.5], so of a peer's certificate only the
 * key is taken out; names, dates and extensions are walked over, not judged.
 */
#include "core/crypto/crypto_int.h"

#define TAG_INTEGER 0x02
#define TAG_BIT_STRING 0x03
#define TAG_OID 0x06
#define TAG_UTF8 0x0c
#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18
#define TAG_SEQUENCE 0x30
#define TAG_SET 0x31
#define TAG_VERSION 0xa0 /* [0], constructed */

/* -- Reading ----------------------------------------------------------------------------------- */

/* The content of the next element, which must have this tag. Lengths below 65,536, in their shortest
 * form alone. */
static bool der_take(struct weir_rd *r, uint8_t tag, struct weir_rd *content)
{
    struct weir_rd at = *r;
    uint8_t got, first;
    uint16_t n = 0;
    if (!weir_rd_u8(&at, &got) || got != tag || !weir_rd_u8(&at, &first)) {
        return false;
    }
    if (first < 0x80) {
        n = first;
    } else if (first == 0x81) {
        uint8_t n8;
        if (!weir_rd_u8(&at, &n8) || n8 < 0x80) {
            return false;
        }
        n = n8;
    } else if (first != 0x82 || !weir_rd_u16(&at, &n) || n < 0x100) {
        return false;
    }
    if (!weir_rd_sub(&at, n, content)) {
        return false;
    }
    *r = at;
    return true;
}

static struct weir_span rest_of(const struct weir_rd *r)
{
    return weir_span_of(r->p, r->n);
}

bool weir_der_cert_spki(struct weir_span cert, struct weir_span *spki)
{
    struct weir_rd r = weir_rd_of(cert);
    struct weir_rd whole, tbs, skipped;
    /* Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
     * [RFC 5280 4.1] */
    if (!der_take(&r, TAG_SEQUENCE, &whole) || r.n != 0 || !der_take(&whole, TAG_SEQUENCE, &tbs)
        || !der_take(&whole, TAG_SEQUENCE, &skipped) || !der_take(&whole, TAG_BIT_STRING, &skipped)
        || whole.n != 0) {
        return false;
    }
    /* TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject,
     * subjectPublicKeyInfo, ... }; version 1 leaves its number out. */
    (void)der_take(&tbs, TAG_VERSION, &skipped);
    if (!der_take(&tbs, TAG_INTEGER, &skipped)) {
        return false;
    }
    for (int i = 0; i < 4; i++) { /* signature, issuer, validity, subject */
        if (!der_take(&tbs, TAG_SEQUENCE, &skipped)) {
            return false;
        }
    }
    struct weir_span from = rest_of(&tbs);
    if (!der_take(&tbs, TAG_SEQUENCE, &skipped)) {
        return false;
    }
    *spki = weir_span_of(from.p, from.n - tbs.n);
    return true; /* unique identifiers and extensions may follow */
}

/* AlgorithmIdentifiers, with their tag and length [RFC 5480 2.1.1; RFC 3279 2.3.1]. */
static const uint8_t alg_p256[] = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t alg_p384[] = { 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                    0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t alg_rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                   0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };

static bool skip_if(struct weir_rd *r, const uint8_t *bytes, size_t n)
{
    return r->n >= n && memcmp(r->p, bytes, n) == 0 && weir_rd_skip(r, n);
}

enum weir_pubkey_type weir_der_spki_key(struct weir_span spki, struct weir_span *key)
{
    struct weir_rd r = weir_rd_of(spki);
    struct weir_rd info, bits;
    enum weir_pubkey_type type;
    uint8_t unused_bits;
    size_t point_bytes = 0;
    if (!der_take(&r, TAG_SEQUENCE, &info) || r.n != 0) {
        return WEIR_PUBKEY_NONE;
    }
    if (skip_if(&info, alg_p256, sizeof alg_p256)) {
        type = WEIR_PUBKEY_P256;
        point_bytes = 65;
    } else if (skip_if(&info, alg_p384, sizeof alg_p384)) {
        type = WEIR_PUBKEY_P384;
        point_bytes = 97;
    } else if (skip_if(&info, alg_rsa, sizeof alg_rsa)) {
        type = WEIR_PUBKEY_RSA;
    } else {
        return WEIR_PUBKEY_NONE;
    }
    if (!der_take(&info, TAG_BIT_STRING, &bits) || info.n != 0 || !weir_rd_u8(&bits, &unused_bits)
        || unused_bits != 0) {
        return WEIR_PUBKEY_NONE;
    }
    /* [RFC 8422 5.4] points are uncompressed */
    if (point_bytes != 0 && (bits.n != point_bytes || bits.p[0] != 0x04)) {
        return WEIR_PUBKEY_NONE;
    }
    *key = rest_of(&bits);
    return type;
}

/* One positive DER INTEGER in its shortest form. */
static bool der_number(struct weir_rd *r, struct weir_span *out)
{
    struct weir_rd value;
    if (!der_take(r, TAG_INTEGER, &value) || value.n == 0 || value.p[0] >= 0x80
        || (value.n > 1 && value.p[0] == 0 && value.p[1] < 0x80)) {
        return false;
    }
    *out = rest_of(&value);
    return true;
}

/* [RFC 8017 A.1.1] SEQUENCE { modulus INTEGER, publicExponent INTEGER }: the size of the modulus in
 * bits, 0 for
 * a key that we do not take. 2,048 is the least that [RFC 8827 6.5] lets a peer use; 4,096, and an
 * exponent of 64 bits, bound our work. */
static uint32_t rsa_bits(struct weir_span key)
{
    struct weir_rd rd = weir_rd_of(key);
    struct weir_rd seq;
    struct weir_span n, e;
    if (!der_take(&rd, TAG_SEQUENCE, &seq) || rd.n != 0 || !der_number(&seq, &n) || !der_number(&seq, &e)
        || seq.n != 0) {
        return 0;
    }
    bool has_zero = n.p[0] == 0;
    uint32_t bits = (uint32_t)(n.n - (has_zero ? 1 : 0)) * 8;
    for (uint8_t top = n.p[has_zero ? 1 : 0]; top < 0x80 && bits != 0; top = (uint8_t)(top << 1 | 1)) {
        bits--;
    }
    bool is_odd = (n.p[n.n - 1] & e.p[e.n - 1] & 1) != 0;
    bool is_exponent = e.n <= 9 && !(e.n == 1 && e.p[0] == 1);
    return bits >= 2048 && bits <= 4096 && is_odd && is_exponent ? bits : 0;
}

bool weir_der_cert_pubkey(struct weir_span cert, struct weir_pubkey *out,
                          bool (*is_on_curve)(enum weir_group, struct weir_span point))
{
    struct weir_span spki, key;
    uint32_t bits = 0;
    memset(out, 0, sizeof *out);
    if (!weir_der_cert_spki(cert, &spki)) {
        return false;
    }
    enum weir_pubkey_type type = weir_der_spki_key(spki, &key);
    switch (type) {
    case WEIR_PUBKEY_P256:
        bits = is_on_curve(WEIR_P256, key) ? 256 : 0;
        break;
    case WEIR_PUBKEY_P384:
        bits = is_on_curve(WEIR_P384, key) ? 384 : 0;
        break;
    case WEIR_PUBKEY_RSA:
        bits = rsa_bits(key);
        break;
    case WEIR_PUBKEY_NONE:
        break;
    }
    if (bits == 0 || !weir_copy_into(out->spki, sizeof out->spki, spki)) {
        return false;
    }
    out->type = type;
    out->bits = bits;
    out->spki_bytes = spki.n;
    return true;
}

/* [RFC 3279 2.2.3] SEQUENCE { r INTEGER, s INTEGER } and nothing after it. Looser encodings, which
 * libraries accept, would let one signature appear in many forms. */
bool weir_der_signature_parse(struct weir_span sig, struct weir_span *r, struct weir_span *s)
{
    struct weir_rd rd = weir_rd_of(sig);
    struct weir_rd seq;
    return der_take(&rd, TAG_SEQUENCE, &seq) && rd.n == 0 && der_number(&seq, r)
           && der_number(&seq, s) && seq.n == 0;
}

/* -- Writing ----------------------------------------------------------------------------------- */

static void der_put(struct weir_wr *w, uint8_t tag, struct weir_span content)
{
    weir_wr_u8(w, tag);
    if (content.n >= 0x100) {
        weir_wr_u8(w, 0x82);
        weir_wr_u16(w, (uint16_t)content.n);
    } else if (content.n >= 0x80) {
        weir_wr_u8(w, 0x81);
        weir_wr_u8(w, (uint8_t)content.n);
    } else {
        weir_wr_u8(w, (uint8_t)content.n);
    }
    weir_wr_bytes(w, content);
}

/* A big-endian number as an INTEGER in its shortest form, positive. */
static void der_put_number(struct weir_wr *w, struct weir_span n)
{
    while (n.n > 1 && n.p[0] == 0) {
        n.p++;
        n.n--;
    }
    bool needs_zero = n.p[0] >= 0x80;
    weir_wr_u8(w, TAG_INTEGER);
    weir_wr_u8(w, (uint8_t)(n.n + (needs_zero ? 1 : 0)));
    if (needs_zero) {
        weir_wr_u8(w, 0);
    }
    weir_wr_bytes(w, n);
}

size_t weir_der_signature_build(struct weir_mspan out, const uint8_t r[32], const uint8_t s[32])
{
    uint8_t room[70];
    struct weir_wr body = weir_wr_of((struct weir_mspan){ room, sizeof room });
    struct weir_wr w = weir_wr_of(out);
    der_put_number(&body, weir_span_of(r, 32));
    der_put_number(&body, weir_span_of(s, 32));
    der_put(&w, TAG_SEQUENCE, weir_span_of(room, body.len));
    return weir_wr_done(&w);
}

/* A UTC time as YYMMDDhhmmssZ below the year 2050, as YYYYMMDDhhmmssZ from there on
 * [RFC 5280 4.1.2.5 MUST]. Days to date after the proleptic Gregorian calendar, counted from 1 March
 * so that leap days fall at the end of a year. */
static void der_put_time(struct weir_wr *w, int64_t seconds)
{
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524
                           - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    const int64_t pair[7] = { year / 100,  year % 100,     month,    day,
                              rest / 3600, rest / 60 % 60, rest % 60 };
    uint8_t text[15];
    for (unsigned i = 0; i < 7; i++) {
        text[2 * i] = (uint8_t)('0' + pair[i] / 10);
        text[2 * i + 1] = (uint8_t)('0' + pair[i] % 10);
    }
    text[14] = 'Z';
    if (year < 2050) {
        der_put(w, TAG_UTC_TIME, weir_span_of(text + 2, 13));
    } else {
        der_put(w, TAG_GENERALIZED_TIME, weir_span_of(text, 15));
    }
}

/* -- Our certificate --------------------------------------------------------------------------- */

/* ecdsa-with-SHA256, without parameters [RFC 5758 3.2 MUST]. */
static const uint8_t alg_signature[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                         0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
/* The name CN=weir. */
static const uint8_t name[] = { TAG_SEQUENCE, 15, TAG_SET, 13, TAG_SEQUENCE, 11, TAG_OID, 3,
                                0x55, 0x04, 0x03, TAG_UTF8, 4, 'w', 'e', 'i', 'r' };

#define PART(a) weir_span_of((a), sizeof(a))

static size_t tbs_build(struct weir_mspan out, const uint8_t pub[65], const uint8_t serial[8],
                        int64_t not_before_s, int64_t not_after_s)
{
    static const uint8_t version_3[] = { TAG_VERSION, 3, TAG_INTEGER, 1, 2 };
    uint8_t room[256], time_room[40], key_room[96];
    struct weir_wr body = weir_wr_of((struct weir_mspan){ room, sizeof room });
    struct weir_wr times = weir_wr_of((struct weir_mspan){ time_room, sizeof time_room });
    struct weir_wr key = weir_wr_of((struct weir_mspan){ key_room, sizeof key_room });
    struct weir_wr w = weir_wr_of(out);
    der_put_time(&times, not_before_s);
    der_put_time(&times, not_after_s);
    weir_wr_bytes(&key, PART(alg_p256));
    weir_wr_u8(&key, TAG_BIT_STRING);
    weir_wr_u8(&key, 66);
    weir_wr_u8(&key, 0);
    weir_wr_bytes(&key, weir_span_of(pub, 65));

    weir_wr_bytes(&body, PART(version_3));
    der_put_number(&body, weir_span_of(serial, 8));
    weir_wr_bytes(&body, PART(alg_signature));
    weir_wr_bytes(&body, PART(name)); /* issuer */
    der_put(&body, TAG_SEQUENCE, weir_span_of(time_room, times.len));
    weir_wr_bytes(&body, PART(name)); /* subject */
    der_put(&body, TAG_SEQUENCE, weir_span_of(key_room, key.len));
    der_put(&w, TAG_SEQUENCE, weir_span_of(room, body.len));
    return weir_wr_done(&w);
}

/* Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }. */
static size_t cert_build(struct weir_mspan out, struct weir_span tbs, struct weir_span sig)
{
    uint8_t room[400];
    struct weir_wr body = weir_wr_of((struct weir_mspan){ room, sizeof room });
    struct weir_wr w = weir_wr_of(out);
    weir_wr_bytes(&body, tbs);
    weir_wr_bytes(&body, PART(alg_signature));
    weir_wr_u8(&body, TAG_BIT_STRING);
    weir_wr_u8(&body, (uint8_t)(sig.n + 1)); /* at most 73 */
    weir_wr_u8(&body, 0);
    weir_wr_bytes(&body, sig);
    der_put(&w, TAG_SEQUENCE, weir_span_of(room, body.len));
    return weir_wr_done(&w);
}

/* Certify id->private_key, whose public point is pub. */
static bool certify(const struct weir_crypto *c, struct weir_identity *id, struct weir_rand *rand,
                    const uint8_t pub[65], int64_t not_before_s, int64_t not_after_s)
{
    uint8_t serial[8], digest[32], sig[WEIR_SIGNATURE_MAX], tbs_room[256];
    size_t sig_bytes = 0;
    weir_rand_bytes(rand, serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40); /* positive and full-length */
    struct weir_span tbs = { tbs_room, tbs_build((struct weir_mspan){ tbs_room, sizeof tbs_room }, pub,
                                                 serial, not_before_s, not_after_s) };
    weir_hash_of(c, WEIR_SHA256, &tbs, 1, digest);
    if (tbs.n == 0 || !c->identity_sign(id, rand, WEIR_ECDSA_P256_SHA256, digest, sig, &sig_bytes)) {
        return false;
    }
    id->cert_bytes = cert_build((struct weir_mspan){ id->cert, sizeof id->cert }, tbs,
                                weir_span_of(sig, sig_bytes));
    struct weir_span cert = { id->cert, id->cert_bytes };
    weir_hash_of(c, WEIR_SHA256, &cert, 1, id->fingerprint_sha256);
    return id->cert_bytes != 0;
}

bool weir_der_identity(const struct weir_crypto *c, struct weir_identity *id, struct weir_rand *rand,
                       int64_t not_before_s, int64_t not_after_s)
{
    uint8_t priv[WEIR_GROUP_PRIVATE_MAX], pub[WEIR_GROUP_PUBLIC_MAX];
    memset(id, 0, sizeof *id);
    bool is_done = c->ecdh_keygen(WEIR_P256, rand, priv, pub);
    if (is_done) {
        memcpy(id->private_key, priv, 32);
        id->key_bytes = 32;
        is_done = certify(c, id, rand, pub, not_before_s, not_after_s);
    }
    if (!is_done) {
        weir_wipe(id, sizeof *id);
    }
    weir_wipe(priv, sizeof priv);
    return is_done;
}
