/* Certificates: ours out, theirs in, and the fingerprint that makes theirs worth something
 * [RFC 5246 7.4.2, RFC 8122 5, RFC 8827 6.5].
 *
 *  1. write    our one self-signed certificate
 *  2. check    the chain's form; digests and public key of its first certificate
 *  3. match    the digests against the fingerprints, now if they are known, else when they are set
 *
 * Names, dates and issuers mean nothing here: the fingerprint came through signalling, and it is
 * the whole of the peer's identity.
 */
#include "dtls/dtls_int.h"

/* -- 1. Write ---------------------------------------------------------------------------------- */

bool weir_dtls_write_certificate(struct weir_dtls *d)
{
    const struct weir_identity *id = d->config.identity;
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_CERTIFICATE, 0);
    struct weir_mark list = weir_wr_open(&w, 3);
    struct weir_mark one = weir_wr_open(&w, 3);
    weir_wr_bytes(&w, weir_span_of(id->cert, id->cert_bytes));
    weir_wr_close(&w, one);
    weir_wr_close(&w, list);
    return weir_dtls_message_close(d, &w);
}

/* -- 2. Check ---------------------------------------------------------------------------------- */

/* [RFC 5246 7.4.2] certificate_list<0..2^24-1> of ASN.1Cert<1..2^24-1>; the first is the peer's. */
static enum weir_dtls_verdict parse_chain(struct weir_span body, struct weir_span *first)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd list, cert;
    if (!weir_rd_sub24(&rd, &list) || rd.n != 0) {
        return WEIR_DTLS_CERT_MALFORMED;
    }
    if (list.n == 0) {
        return WEIR_DTLS_CERT_EMPTY;
    }
    for (unsigned count = 0; list.n != 0; count++) {
        if (!weir_rd_sub24(&list, &cert) || cert.n == 0 || count == WEIR_DTLS_CHAIN_MAX) {
            return WEIR_DTLS_CERT_MALFORMED;
        }
        if (count == 0) {
            *first = weir_rd_rest(&cert);
        }
    }
    return WEIR_DTLS_OK;
}

enum weir_dtls_verdict weir_dtls_check_certificate(struct weir_dtls *d, struct weir_span body)
{
    const struct weir_crypto *c = d->config.crypto;
    struct weir_span cert = { NULL, 0 };
    enum weir_dtls_verdict v = parse_chain(body, &cert);
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    weir_hash_of(c, WEIR_SHA256, &cert, 1, d->peer_sha256);
    weir_hash_of(c, WEIR_SHA384, &cert, 1, d->peer_sha384);
    weir_hash_of(c, WEIR_SHA512, &cert, 1, d->peer_sha512);
    /* The fingerprint before the parser: a stranger's certificate costs three hashes. */
    if (d->config.fingerprints != 0 && !weir_dtls_fingerprint_matches(d)) {
        return WEIR_DTLS_CERT_FINGERPRINT;
    }
    d->has_peer_cert = true;
    return c->cert_pubkey(cert, &d->hs.peer_key) ? WEIR_DTLS_OK : WEIR_DTLS_CERT_UNREADABLE;
}

/* -- 3. Match ---------------------------------------------------------------------------------- */

bool weir_dtls_fingerprint_is_strong(const struct weir_dtls_fingerprint *f)
{
    return f->hash == WEIR_SHA256 || f->hash == WEIR_SHA384 || f->hash == WEIR_SHA512;
}

static const uint8_t *digest_of(const struct weir_dtls *d, enum weir_hash_id hash)
{
    return hash == WEIR_SHA512 ? d->peer_sha512 : hash == WEIR_SHA384 ? d->peer_sha384
                                                                      : d->peer_sha256;
}

/* [RFC 8122 5] Of several hashes the strongest counts alone, so that a weaker one which somebody
 * could forge does not help him; several entries of it are alternatives. */
bool weir_dtls_fingerprint_matches(const struct weir_dtls *d)
{
    const struct weir_dtls_fingerprint *list = d->config.fingerprint;
    size_t strongest = 0;
    bool is_match = false;
    for (unsigned i = 0; i < d->config.fingerprints; i++) {
        size_t n = weir_hash_bytes(list[i].hash);
        strongest = n > strongest ? n : strongest;
    }
    for (unsigned i = 0; i < d->config.fingerprints; i++) {
        if (weir_hash_bytes(list[i].hash) == strongest
            && weir_equal_secret(list[i].bytes, digest_of(d, list[i].hash), strongest)) {
            is_match = true;
        }
    }
    return is_match;
}
