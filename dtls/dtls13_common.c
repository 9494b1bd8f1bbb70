/* What client and server of DTLS 1.3 do alike: Certificate, CertificateVerify, Finished
 * [RFC 8446 4.4]. */
#include "dtls/dtls_int.h"

const uint8_t weir_dtls13_hello_retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* -- Signature schemes ------------------------------------------------------------------------- */

/* [RFC 8446 4.2.3 MUST NOT] PKCS1 signs certificates alone. */
static bool is_pkcs1(uint16_t scheme)
{
    return (scheme & 0xff) == (WEIR_RSA_PKCS1_SHA256 & 0xff);
}

void weir_dtls13_write_schemes(struct weir_wr *w)
{
    struct weir_span all = weir_dtls_schemes(false);
    weir_wr_u16(w, EXTENSION_SIGNATURE_ALGORITHMS);
    struct weir_mark body = weir_wr_open(w, 2);
    struct weir_mark list = weir_wr_open(w, 2);
    for (size_t i = 0; i < all.n; i += 2) {
        if (!is_pkcs1(weir_be16(all.p + i))) {
            weir_wr_u16(w, weir_be16(all.p + i));
        }
    }
    weir_wr_close(w, list);
    weir_wr_close(w, body);
}

/* [RFC 8446 4.2.3] Here a scheme of ECDSA names its curve. */
static bool scheme_suits(uint16_t scheme, enum weir_pubkey_type key)
{
    if (!weir_dtls_list_has(weir_dtls_schemes(false), scheme) || is_pkcs1(scheme)) {
        return false;
    }
    switch (key) {
    case WEIR_PUBKEY_P256:
        return scheme == WEIR_ECDSA_P256_SHA256;
    case WEIR_PUBKEY_P384:
        return scheme == WEIR_ECDSA_P384_SHA384;
    case WEIR_PUBKEY_RSA:
        return scheme != WEIR_ECDSA_P256_SHA256 && scheme != WEIR_ECDSA_P384_SHA384;
    case WEIR_PUBKEY_NONE:
        break;
    }
    return false;
}

/* -- Certificate [RFC 8446 4.4.2] -------------------------------------------------------------- */

/* context (1), list (3) of: certificate (3), extensions (2) */
bool weir_dtls13_write_certificate(struct weir_dtls *d)
{
    const struct weir_identity *id = d->config.identity;
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_CERTIFICATE, EPOCH_HANDSHAKE);
    weir_wr_u8(&w, 0); /* the context of the request, which is empty in a handshake */
    struct weir_mark list = weir_wr_open(&w, 3);
    struct weir_mark one = weir_wr_open(&w, 3);
    weir_wr_bytes(&w, weir_span_of(id->cert, id->cert_bytes));
    weir_wr_close(&w, one);
    weir_wr_u16(&w, 0);
    weir_wr_close(&w, list);
    return weir_dtls_message_close(d, &w);
}

static enum weir_dtls_verdict parse_chain(struct weir_span body, struct weir_span *first)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd context, list, cert, extensions;
    if (!weir_rd_sub8(&rd, &context) || context.n != 0 || !weir_rd_sub24(&rd, &list) || rd.n != 0) {
        return WEIR_DTLS_CERT_MALFORMED;
    }
    if (list.n == 0) {
        return WEIR_DTLS_CERT_EMPTY;
    }
    for (unsigned count = 0; list.n != 0; count++) {
        if (!weir_rd_sub24(&list, &cert) || cert.n == 0 || !weir_rd_sub16(&list, &extensions)
            || count == WEIR_DTLS_CHAIN_MAX) {
            return WEIR_DTLS_CERT_MALFORMED;
        }
        /* [RFC 8446 4.4.2 MUST] They answer ours, and we sent none that a certificate answers. */
        if (extensions.n != 0) {
            return WEIR_DTLS_HELLO_UNASKED;
        }
        if (count == 0) {
            *first = weir_rd_rest(&cert);
        }
    }
    return WEIR_DTLS_OK;
}

enum weir_dtls_verdict weir_dtls13_check_certificate(struct weir_dtls *d, struct weir_span body)
{
    struct weir_span cert = { NULL, 0 };
    enum weir_dtls_verdict v = parse_chain(body, &cert);
    return v == WEIR_DTLS_OK ? weir_dtls_take_certificate(d, cert) : v;
}

/* -- CertificateVerify [RFC 8446 4.4.3] -------------------------------------------------------- */

/* What is signed: 64 spaces, which side, a zero, the hash of the messages up to the certificate. */
static void signed_digest(const struct weir_dtls *d, bool is_of_client, enum weir_hash_id hash,
                          uint8_t *digest)
{
    uint8_t spaces[64], transcript[WEIR_HASH_BYTES_MAX];
    enum weir_hash_id suite_hash = weir_dtls13_suite(d->suite)->hash;
    memset(spaces, ' ', sizeof spaces);
    weir_dtls_transcript_digest(d, suite_hash, transcript);
    struct weir_span part[4] = {
        weir_span_of(spaces, sizeof spaces),
        is_of_client ? WEIR_LIT("TLS 1.3, client CertificateVerify")
                     : WEIR_LIT("TLS 1.3, server CertificateVerify"),
        weir_span_of("", 1),
        weir_span_of(transcript, weir_hash_bytes(suite_hash)),
    };
    weir_hash_of(d->config.crypto, hash, part, 4, digest);
}

bool weir_dtls13_write_certificate_verify(struct weir_dtls *d)
{
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    signed_digest(d, d->config.is_client, WEIR_SHA256, digest);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_CERTIFICATE_VERIFY, EPOCH_HANDSHAKE);
    return weir_dtls_write_signature(d, &w, digest) && weir_dtls_message_close(d, &w);
}

enum weir_dtls_verdict weir_dtls13_check_certificate_verify(struct weir_dtls *d, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd signature;
    uint16_t scheme;
    enum weir_hash_id hash;
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    if (!weir_rd_u16(&rd, &scheme) || !weir_rd_sub16(&rd, &signature) || rd.n != 0) {
        return WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED;
    }
    if (!scheme_suits(scheme, exchange_of(d)->peer_key.type) || !weir_sigscheme_hash(scheme, &hash)) {
        return WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME;
    }
    signed_digest(d, !d->config.is_client, hash, digest);
    return weir_dtls_verify(d, scheme, weir_span_of(digest, weir_hash_bytes(hash)),
                            weir_rd_rest(&signature))
               ? WEIR_DTLS_OK
               : WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE;
}

/* -- Finished [RFC 8446 4.4.4] ----------------------------------------------------------------- */

bool weir_dtls13_write_finished(struct weir_dtls *d)
{
    uint8_t verify_data[WEIR_HASH_BYTES_MAX];
    size_t n = weir_dtls13_verify_data(d, d->config.is_client, verify_data);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_FINISHED, EPOCH_HANDSHAKE);
    weir_wr_bytes(&w, weir_span_of(verify_data, n));
    return weir_dtls_message_close(d, &w);
}

enum weir_dtls_verdict weir_dtls13_check_finished(struct weir_dtls *d, struct weir_span body)
{
    uint8_t expected[WEIR_HASH_BYTES_MAX];
    size_t n = weir_dtls13_verify_data(d, !d->config.is_client, expected);
    bool is_good = body.n == n && weir_equal_secret(body.p, expected, n);
    weir_wipe(expected, sizeof expected);
    return is_good ? WEIR_DTLS_OK : WEIR_DTLS_FINISHED;
}
