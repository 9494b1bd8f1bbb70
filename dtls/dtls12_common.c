/* What client and server of DTLS 1.2 do alike: groups, signed parameters, certificates, and the end with
 * ChangeCipherSpec and Finished. */
#include "dtls/dtls_int.h"

/* -- Groups ------------------------------------------------------------------------------------ */

/* The first of ours that the client has, but not the hybrid, which 1.2 does not know. [RFC 8422 4 MUST] The
 * curve of our certificate must be in the client's list, too. Without the extension every group is
 * allowed. */
bool weir_dtls12_hello_groups(const struct weir_dtls *d, const struct dtls_hello *h, uint16_t *chosen)
{
    struct weir_span body, list;
    if (!weir_dtls_hello_find(h, EXTENSION_SUPPORTED_GROUPS, &body)) {
        *chosen = weir_dtls_group_at(d, 0) == WEIR_P384 ? WEIR_P384 : WEIR_P256;
        return weir_dtls_group_is_ours(d, *chosen);
    }
    if (!weir_dtls_list16(body, &list)
        || (!d->config.identity->is_rsa && !weir_dtls_list_has(list, WEIR_P256))) {
        return false;
    }
    for (unsigned i = 0; (*chosen = weir_dtls_group_at(d, i)) != 0; i++) {
        if (*chosen != WEIR_DTLS_X25519MLKEM768 && weir_dtls_list_has(list, *chosen)) {
            return true;
        }
    }
    return false;
}

/* -- Signed parameters of ServerKeyExchange [RFC 8422 5.4] ------------------------------------- */

bool weir_dtls12_hash_params(struct weir_dtls *d, uint16_t scheme, struct weir_span params,
                             uint8_t *digest, size_t *digest_bytes)
{
    enum weir_hash_id hash;
    struct weir_span part[3] = { weir_span_of(d->client_random, 32),
                                 weir_span_of(d->server_random, 32), params };
    if (!weir_sigscheme_hash(scheme, &hash)) {
        return false;
    }
    weir_hash_of(d->config.crypto, hash, part, 3, digest);
    *digest_bytes = weir_hash_bytes(hash);
    return true;
}

/* -- Certificates ------------------------------------------------------------------------------ */

bool weir_dtls12_write_certificate(struct weir_dtls *d)
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

enum weir_dtls_verdict weir_dtls12_check_certificate(struct weir_dtls *d, struct weir_span body)
{
    struct weir_span cert = { NULL, 0 };
    enum weir_dtls_verdict v = parse_chain(body, &cert);
    return v == WEIR_DTLS_OK ? weir_dtls_take_certificate(d, cert) : v;
}

/* -- The end ----------------------------------------------------------------------------------- */

static bool write_finished(struct weir_dtls *d)
{
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_FINISHED, 1);
    weir_wr_bytes(&w, weir_span_of(d->finished, sizeof d->finished));
    return weir_dtls_message_close(d, &w);
}

bool weir_dtls12_write_ending(struct weir_dtls *d)
{
    if (!weir_dtls_write_ccs(d)) {
        return false;
    }
    d->tx_epoch = 1;
    weir_dtls12_verify_data(d, d->config.is_client, d->finished);
    return write_finished(d);
}

bool weir_dtls12_repeat_ending(struct weir_dtls *d, weir_time now)
{
    if (!weir_dtls_lease(d, now)) {
        return false;
    }
    if (hs_of(d)->flight.used != 0) {
        weir_dtls_flight_peer_resent(d, now, 0);
        return true;
    }
    d->message_seq--; /* it is the same message */
    d->resends++;
    return weir_dtls_write_ccs(d) && write_finished(d);
}

void weir_dtls12_use_rx(struct weir_dtls *d)
{
    d->rx_epoch = 1;
    /* What waits for its turn came without protection, and has none under it. */
    weir_dtls_reassembly_reset(&hs_of(d)->reassembly, hs_of(d)->reassembly.next);
}

enum weir_dtls_verdict weir_dtls12_check_finished(struct weir_dtls *d, struct weir_span body)
{
    uint8_t expected[VERIFY_DATA_BYTES];
    weir_dtls12_verify_data(d, !d->config.is_client, expected);
    bool is_good =
        body.n == sizeof expected && weir_equal_secret(body.p, expected, sizeof expected);
    weir_wipe(expected, sizeof expected);
    return is_good ? WEIR_DTLS_OK : WEIR_DTLS_FINISHED;
}
