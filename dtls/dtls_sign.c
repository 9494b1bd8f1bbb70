/* Signature schemes: which we take, with which keys, and how a digest meets a curve
 * [RFC 5246 7.4.1.4.1, RFC 8422 5.4, RFC 8446 4.2.3]. */
#include "dtls/dtls_int.h"

#define BE(v) (uint8_t)((v) >> 8), (uint8_t)((v) & 0xff)

/* Best first; those with SHA-512 last. */
static const uint8_t schemes[] = {
    BE(WEIR_ECDSA_P256_SHA256), BE(WEIR_ECDSA_P384_SHA384), BE(WEIR_RSA_PSS_SHA256),
    BE(WEIR_RSA_PSS_SHA384),    BE(WEIR_RSA_PKCS1_SHA256),  BE(WEIR_RSA_PKCS1_SHA384),
    BE(WEIR_RSA_PSS_SHA512),    BE(WEIR_RSA_PKCS1_SHA512),
};

enum { SHA512_SCHEMES_BYTES = 4 };

struct weir_span weir_dtls_schemes(bool is_for_transcript)
{
    return weir_span_of(schemes, sizeof schemes - (is_for_transcript ? SHA512_SCHEMES_BYTES : 0));
}

static bool is_ecdsa(uint16_t scheme)
{
    return scheme == WEIR_ECDSA_P256_SHA256 || scheme == WEIR_ECDSA_P384_SHA384;
}

bool weir_dtls_scheme_suits(uint16_t scheme, enum weir_pubkey_type key)
{
    return key != WEIR_PUBKEY_NONE && is_ecdsa(scheme) == (key != WEIR_PUBKEY_RSA);
}

/* In TLS 1.2 an ECDSA scheme names a hash and leaves the curve to the key [RFC 8446 4.2.3]. ECDSA
 * takes the digest's leftmost bits as a number: a longer digest is cut to the curve's size, and a
 * shorter one is the same number with zeros before it. That turns each pair of hash and curve into
 * the one of its curve, which is what the provider verifies. */
static struct weir_span digest_for_curve(enum weir_pubkey_type key, struct weir_span digest,
                                         uint8_t out[48])
{
    size_t curve_bytes = key == WEIR_PUBKEY_P384 ? 48 : 32;
    memset(out, 0, 48);
    if (digest.n >= curve_bytes) {
        memcpy(out, digest.p, curve_bytes);
    } else {
        memcpy(out + curve_bytes - digest.n, digest.p, digest.n);
    }
    return weir_span_of(out, curve_bytes);
}

bool weir_dtls_verify(const struct weir_dtls *d, uint16_t scheme, struct weir_span digest,
                      struct weir_span signature)
{
    const struct weir_pubkey *key = &exchange_of(d)->peer_key;
    uint8_t fitted[48];
    if (key->type == WEIR_PUBKEY_RSA) {
        return d->config.crypto->verify(key, (enum weir_sigscheme)scheme, digest, signature);
    }
    enum weir_sigscheme of_curve = key->type == WEIR_PUBKEY_P384 ? WEIR_ECDSA_P384_SHA384
                                                                 : WEIR_ECDSA_P256_SHA256;
    return d->config.crypto->verify(key, of_curve, digest_for_curve(key->type, digest, fitted),
                                    signature);
}

/* [RFC 8446 4.4.3 MUST NOT] PKCS1 is of 1.2 alone. */
uint16_t weir_dtls_own_scheme(const struct weir_dtls *d, struct weir_span list, bool is_13)
{
    if (!d->config.identity->is_rsa) {
        return weir_dtls_list_has(list, WEIR_ECDSA_P256_SHA256) ? WEIR_ECDSA_P256_SHA256 : 0;
    }
    if (weir_dtls_list_has(list, WEIR_RSA_PSS_SHA256)) {
        return WEIR_RSA_PSS_SHA256;
    }
    return !is_13 && weir_dtls_list_has(list, WEIR_RSA_PKCS1_SHA256) ? WEIR_RSA_PKCS1_SHA256 : 0;
}

bool weir_dtls_write_signature(struct weir_dtls *d, struct weir_wr *w, const uint8_t digest[32])
{
    uint8_t signature[WEIR_SIGNATURE_MAX];
    size_t n = 0;
    enum weir_sigscheme scheme = (enum weir_sigscheme)exchange_of(d)->own_scheme;
    if (!d->config.crypto->identity_sign(d->config.identity, &d->rand, scheme, digest, signature, &n)) {
        return false;
    }
    weir_wr_u16(w, exchange_of(d)->own_scheme);
    weir_wr_u16(w, (uint16_t)n);
    weir_wr_bytes(w, weir_span_of(signature, n));
    return true;
}
