/* The key schedule of DTLS 1.2 [RFC 5246 6.3, 8.1, 7.4.9; RFC 7627 4; RFC 5705 4].
 *
 *  premaster secret -- "extended master secret", hash of all messages up to ClientKeyExchange
 *      -> master secret -- "key expansion", both randoms --> keys and IVs of both directions
 *                       -- "client finished", "server finished", hash of all messages --> Finished
 *                       -- a label of the application's, both randoms --> exported keys
 */
#include "dtls/dtls_int.h"

/* Best first. AES-128-GCM is what browsers choose; the RSA rows are for a server that shows such a
 * certificate.
 * [RFC 7525 4.2] No CBC, no RC4, no NULL, no static key exchange: there is no code for them. */
static const struct dtls12_suite suites[] = {
    { 0xc02b, false, WEIR_AES_128_GCM, WEIR_SHA256, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
    { 0xc02c, false, WEIR_AES_256_GCM, WEIR_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" },
    { 0xcca9, false, WEIR_CHACHA20_POLY1305, WEIR_SHA256,
      "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
    { 0xc02f, true, WEIR_AES_128_GCM, WEIR_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
    { 0xc030, true, WEIR_AES_256_GCM, WEIR_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" },
    { 0xcca8, true, WEIR_CHACHA20_POLY1305, WEIR_SHA256,
      "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
};

#define SUITES (sizeof suites / sizeof suites[0])

const struct dtls12_suite *weir_dtls12_suite(uint16_t id)
{
    for (unsigned i = 0; i < SUITES; i++) {
        if (suites[i].id == id) {
            return &suites[i];
        }
    }
    return NULL;
}

const struct dtls12_suite *weir_dtls12_suite_at(unsigned index)
{
    return index < SUITES ? &suites[index] : NULL;
}

static void prf(const struct weir_dtls *d, struct weir_span secret, const char *label,
                struct weir_span seed_a, struct weir_span seed_b, struct weir_mspan out)
{
    const struct dtls12_suite *suite = weir_dtls12_suite(d->suite);
    weir_tls12_prf(d->config.crypto, suite->hash, secret, label, seed_a, seed_b, out);
}

static bool keys_init(const struct weir_dtls *d, struct weir_dtls_keys *k, enum weir_aead_id aead,
                      const uint8_t *key, const uint8_t *iv, size_t iv_bytes)
{
    memset(k, 0, sizeof *k);
    memcpy(k->iv, iv, iv_bytes);
    k->epoch = 1;
    k->is_ready = d->config.crypto->aead_init(&k->aead, aead, key);
    return k->is_ready;
}

static struct weir_span master_of(const struct weir_dtls *d)
{
    return weir_span_of(d->secret[WEIR_DTLS_SECRET_MASTER], MASTER_BYTES);
}

/* [RFC 5246 6.3] client key, server key, client IV, server IV; an AEAD has no MAC keys. */
static bool expand_keys(struct weir_dtls *d)
{
    const struct dtls12_suite *suite = weir_dtls12_suite(d->suite);
    uint8_t block[2 * 32 + 2 * WEIR_NONCE_BYTES];
    size_t key_bytes = weir_aead_key_bytes(suite->aead);
    size_t iv_bytes = suite->aead == WEIR_CHACHA20_POLY1305 ? WEIR_NONCE_BYTES : 4;
    struct weir_mspan out = { block, 2 * (key_bytes + iv_bytes) };
    const uint8_t *iv = block + 2 * key_bytes;
    struct weir_dtls_keys *of_client = d->config.is_client ? &d->tx : &d->rx;
    struct weir_dtls_keys *of_server = d->config.is_client ? &d->rx : &d->tx;
    prf(d, master_of(d), "key expansion",
        weir_span_of(d->server_random, 32), weir_span_of(d->client_random, 32), out);
    bool is_done =
        keys_init(d, of_client, suite->aead, block, iv, iv_bytes)
        && keys_init(d, of_server, suite->aead, block + key_bytes, iv + iv_bytes, iv_bytes);
    weir_wipe(block, sizeof block);
    return is_done;
}

bool weir_dtls12_derive(struct weir_dtls *d)
{
    const struct dtls12_suite *suite = weir_dtls12_suite(d->suite);
    uint8_t session[WEIR_HASH_BYTES_MAX];
    struct weir_mspan master = { d->secret[WEIR_DTLS_SECRET_MASTER], MASTER_BYTES };
    weir_dtls_transcript_digest(d, suite->hash, session);
    struct weir_dtls_exchange *x = exchange_of(d);
    prf(d, weir_span_of(x->premaster, x->premaster_bytes), "extended master secret",
        weir_span_of(session, weir_hash_bytes(suite->hash)), weir_span_of(NULL, 0), master);
    d->has_secret = 1u << WEIR_DTLS_SECRET_MASTER;
    weir_wipe(x->premaster, sizeof x->premaster);
    weir_wipe(x->private_key, sizeof x->private_key);
    return expand_keys(d);
}

void weir_dtls12_verify_data(const struct weir_dtls *d, bool is_of_client,
                             uint8_t out[VERIFY_DATA_BYTES])
{
    const struct dtls12_suite *suite = weir_dtls12_suite(d->suite);
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    struct weir_mspan data = { out, VERIFY_DATA_BYTES };
    weir_dtls_transcript_digest(d, suite->hash, digest);
    prf(d, master_of(d),
        is_of_client ? "client finished" : "server finished",
        weir_span_of(digest, weir_hash_bytes(suite->hash)), weir_span_of(NULL, 0), data);
}

void weir_dtls12_export(const struct weir_dtls *d, const char *label, struct weir_mspan out)
{
    prf(d, master_of(d), label, weir_span_of(d->client_random, 32),
        weir_span_of(d->server_random, 32), out);
}
