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
    return c->cert_pubkey(cert, &exchange_of(d)->peer_key) ? WEIR_DTLS_OK : WEIR_DTLS_CERT_UNREADABLE;
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
    const struct weir_dtls_plan *plan = plan_of(d);
    return plan->fingerprints == 0
           || weir_dtls_fingerprints_match(plan->fingerprint, plan->fingerprints, digests);
}

bool weir_dtls_fingerprints_match(const struct weir_dtls_fingerprint *list, size_t count,
                                  const struct weir_dtls_digests *digests)
{
    size_t strongest = 0;
    bool is_match = false;
    for (size_t i = 0; i < count; i++) {
        size_t n = weir_hash_bytes(list[i].hash);
        strongest = n > strongest ? n : strongest;
    }
    for (size_t i = 0; i < count; i++) {
        if (weir_hash_bytes(list[i].hash) == strongest
            && weir_equal_secret(list[i].bytes, digest_of(digests, list[i].hash), strongest)) {
            is_match = true;
        }
    }
    return is_match;
}

bool weir_dtls_expects(const struct weir_dtls *d, const struct weir_dtls_fingerprint *f)
{
    struct weir_dtls_fingerprint list[WEIR_DTLS_FINGERPRINTS_MAX];
    size_t count = weir_dtls_fingerprints(d, list), n = weir_hash_bytes(f->hash);
    bool is_there = false;
    if (d->has_peer_cert) {
        return weir_dtls_fingerprint_is_strong(f)
               && weir_equal_secret(f->bytes, digest_of(&d->peer, f->hash), n);
    }
    for (size_t i = 0; i < count; i++) {
        is_there |= list[i].hash == f->hash && weir_equal_secret(list[i].bytes, f->bytes, n);
    }
    return is_there;
}

size_t weir_dtls_fingerprints(const struct weir_dtls *d,
                              struct weir_dtls_fingerprint list[WEIR_DTLS_FINGERPRINTS_MAX])
{
    if (d->has_peer_cert) {
        /* By every hash: whoever is told them knows the certificate by whichever is named later. */
        static const enum weir_hash_id hash[] = { WEIR_SHA512, WEIR_SHA384, WEIR_SHA256 };
        for (size_t i = 0; i < sizeof hash / sizeof hash[0]; i++) {
            list[i].hash = hash[i];
            memcpy(list[i].bytes, digest_of(&d->peer, hash[i]), weir_hash_bytes(hash[i]));
        }
        return sizeof hash / sizeof hash[0];
    }
    if (d->state != WEIR_DTLS_NEW && d->state != WEIR_DTLS_HANDSHAKE) {
        return 0;
    }
    memcpy(list, plan_of(d)->fingerprint, sizeof plan_of(d)->fingerprint);
    return plan_of(d)->fingerprints;
}
