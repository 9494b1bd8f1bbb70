/* The peer's certificate, and the fingerprint that makes it worth something
 * [RFC 5246 7.4.2, RFC 8446 4.4.2, RFC 8122 5, RFC 8827 6.5].
 *
 *  1. take     digests and public key of the first certificate of a chain
 *  2. match    the digests against the fingerprints, now if they are known, else when they are set
 *
 * Names, dates and issuers mean nothing here: the fingerprint came through signalling, and it is
 * the whole of the peer's identity.
 */
#include "dtls/dtls_int.h"

/* -- 1. Take ----------------------------------------------------------------------------------- */

enum weir_dtls_verdict weir_dtls_take_certificate(struct weir_dtls *d, struct weir_span cert)
{
    const struct weir_crypto *c = d->config.crypto;
    weir_hash_of(c, WEIR_SHA256, &cert, 1, d->peer.sha256);
    weir_hash_of(c, WEIR_SHA384, &cert, 1, d->peer.sha384);
    weir_hash_of(c, WEIR_SHA512, &cert, 1, d->peer.sha512);
    /* The fingerprint before the parser: a stranger's certificate costs three hashes. */
    if (!weir_dtls_fingerprint_fits(d, &d->peer)) {
        return WEIR_DTLS_CERT_FINGERPRINT;
    }
    d->has_peer_cert = true;
    return c->cert_pubkey(cert, &d->hs.peer_key) ? WEIR_DTLS_OK : WEIR_DTLS_CERT_UNREADABLE;
}

/* -- 2. Match ---------------------------------------------------------------------------------- */

bool weir_dtls_fingerprint_is_strong(const struct weir_dtls_fingerprint *f)
{
    return f->hash == WEIR_SHA256 || f->hash == WEIR_SHA384 || f->hash == WEIR_SHA512;
}

static const uint8_t *digest_of(const struct weir_dtls_digests *of, enum weir_hash_id hash)
{
    return hash == WEIR_SHA512 ? of->sha512 : hash == WEIR_SHA384 ? of->sha384 : of->sha256;
}

/* [RFC 8122 5] Of several hashes the strongest counts alone, so that a weaker one which somebody
 * could forge does not help him; several entries of it are alternatives. */
bool weir_dtls_fingerprint_fits(const struct weir_dtls *d, const struct weir_dtls_digests *digests)
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
            && weir_equal_secret(list[i].bytes, digest_of(digests, list[i].hash), strongest)) {
            is_match = true;
        }
    }
    return is_match || d->config.fingerprints == 0;
}
