/* What client and server of DTLS 1.2 do alike: groups, use_srtp, signed parameters, the peer's
 * certificate, and the end with ChangeCipherSpec and Finished. */
#include "dtls/dtls_int.h"

/* -- Groups ------------------------------------------------------------------------------------ */

static const uint16_t groups[] = { WEIR_X25519, WEIR_P256, WEIR_P384 };

#define GROUPS (sizeof groups / sizeof groups[0])

bool weir_dtls12_group_is_ours(uint16_t group)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        if (groups[i] == group) {
            return true;
        }
    }
    return false;
}

void weir_dtls12_write_groups(struct weir_wr *w)
{
    struct weir_mark list = weir_wr_open(w, 2);
    for (unsigned i = 0; i < GROUPS; i++) {
        weir_wr_u16(w, groups[i]);
    }
    weir_wr_close(w, list);
}

/* The first of ours that the client has. [RFC 8422 4 MUST] The curve of our certificate must be in
 * the client's list, too. Without the extension every group is allowed. */
bool weir_dtls12_hello_groups(const struct dtls_hello *h, uint16_t *chosen)
{
    struct weir_span body, list;
    if (!weir_dtls_hello_find(h, EXTENSION_GROUPS, &body)) {
        *chosen = WEIR_P256;
        return true;
    }
    if (!weir_dtls_list16(body, &list) || !weir_dtls_list_has(list, WEIR_P256)) {
        return false;
    }
    for (unsigned i = 0; i < GROUPS; i++) {
        if (weir_dtls_list_has(list, groups[i])) {
            *chosen = groups[i];
            return true;
        }
    }
    return false;
}

bool weir_dtls12_make_share(struct weir_dtls *d)
{
    return d->config.crypto->ecdh_keygen((enum weir_group)d->hs.group, &d->rand, d->hs.private_key,
                                         d->hs.public_key);
}

/* [RFC 8422 5.11 MUST] The provider refuses points off the curve and the all-zero secret. */
bool weir_dtls12_take_share(struct weir_dtls *d, struct weir_span share)
{
    enum weir_group group = (enum weir_group)d->hs.group;
    d->hs.premaster_bytes = (uint16_t)weir_group_shared_bytes(group);
    return share.n == weir_group_public_bytes(group)
           && d->config.crypto->ecdh_shared(group, &d->rand, d->hs.private_key, share,
                                            d->hs.premaster);
}

/* -- use_srtp [RFC 5764 4.1.1] ----------------------------------------------------------------- */

/* Our profiles, or `only` one of them; never an MKI. */
void weir_dtls12_use_srtp(const struct weir_dtls *d, struct weir_wr *w, uint16_t only)
{
    weir_wr_u16(w, EXTENSION_SRTP);
    struct weir_mark body = weir_wr_open(w, 2);
    struct weir_mark list = weir_wr_open(w, 2);
    for (unsigned i = 0; i < d->config.srtp_profiles; i++) {
        if (only == WEIR_DTLS_SRTP_NONE || d->config.srtp_profile[i] == only) {
            weir_wr_u16(w, d->config.srtp_profile[i]);
        }
    }
    weir_wr_close(w, list);
    weir_wr_u8(w, 0);
    weir_wr_close(w, body);
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

/* -- The peer's certificate -------------------------------------------------------------------- */

enum weir_dtls_verdict weir_dtls12_check_peer_certificate(struct weir_dtls *d, weir_time now,
                                                          struct weir_span body)
{
    (void)now;
    enum weir_dtls_verdict v = weir_dtls_check_certificate(d, body);
    if (v != WEIR_DTLS_OK) {
        return v;
    }
    /* [RFC 5246 7.4.2 MUST] A server's key is of the suite's kind; a client has any that signs. */
    bool is_rsa = d->hs.peer_key.type == WEIR_PUBKEY_RSA;
    if (d->config.is_client && is_rsa != weir_dtls12_suite(d->suite)->is_rsa) {
        return WEIR_DTLS_CERT_KEY;
    }
    return WEIR_DTLS_OK;
}

/* -- The end ----------------------------------------------------------------------------------- */

bool weir_dtls12_write_ending(struct weir_dtls *d)
{
    uint8_t verify_data[VERIFY_DATA_BYTES];
    if (!weir_dtls_write_ccs(d)) {
        return false;
    }
    d->tx_epoch = 1;
    weir_dtls12_verify_data(d, d->config.is_client, verify_data);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_FINISHED, 1);
    weir_wr_bytes(&w, weir_span_of(verify_data, sizeof verify_data));
    return weir_dtls_message_close(d, &w);
}

enum weir_dtls_verdict weir_dtls12_check_finished(struct weir_dtls *d, weir_time now,
                                                  struct weir_span body)
{
    uint8_t expected[VERIFY_DATA_BYTES];
    (void)now;
    weir_dtls12_verify_data(d, !d->config.is_client, expected);
    bool is_good =
        body.n == sizeof expected && weir_equal_secret(body.p, expected, sizeof expected);
    weir_wipe(expected, sizeof expected);
    return is_good ? WEIR_DTLS_OK : WEIR_DTLS_FINISHED;
}
