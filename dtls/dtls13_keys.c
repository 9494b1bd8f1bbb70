/* The key schedule of DTLS 1.3 [RFC 8446 7.1, 7.2, 7.3, 7.5; RFC 9147 4.2.3, 5.9].
 *
 *      PSK -> Extract(0) = early secret; the PSK is that of the session that is resumed, or 0
 *             +-- "res binder" and from it "finished" --> the binder of a hello
 *             | "derived"
 *   shared -> Extract = handshake secret
 *             +-- "c hs traffic", "s hs traffic", hash of hellos --> epoch 2; and from each "finished"
 *             | "derived"
 *        0 -> Extract = master secret
 *             +-- "c ap traffic", "s ap traffic", hash up to the server's Finished --> epoch 3
 *             |       "traffic upd" --> epoch 4, and so on
 *             +-- "exp master", the same hash --> exported keys
 *             +-- "res master", hash up to the client's Finished --> "resumption", a ticket's nonce: a PSK
 *
 *   of each traffic secret: "key", "iv" for the AEAD, "sn" for the mask over record numbers
 *
 * Every expansion takes a label that begins with "dtls13", so that no key is one of TLS 1.3.
 */
#include "dtls/dtls_int.h"

/* Best first. [RFC 9147 4.5.3 MUST NOT] no CCM_8. */
static const struct dtls13_suite suites[] = {
    { 0x1301, WEIR_AES_128_GCM, WEIR_SHA256, GCM_RECORDS_MAX, "TLS_AES_128_GCM_SHA256" },
    { 0x1302, WEIR_AES_256_GCM, WEIR_SHA384, GCM_RECORDS_MAX, "TLS_AES_256_GCM_SHA384" },
    { 0x1303, WEIR_CHACHA20_POLY1305, WEIR_SHA256, SEQUENCE_END, "TLS_CHACHA20_POLY1305_SHA256" },
};

#define SUITES (sizeof suites / sizeof suites[0])

const struct dtls13_suite *weir_dtls13_suite(uint16_t id)
{
    for (unsigned i = 0; i < SUITES; i++) {
        if (suites[i].id == id) {
            return &suites[i];
        }
    }
    return NULL;
}

const struct dtls13_suite *weir_dtls13_suite_at(unsigned index)
{
    return index < SUITES ? &suites[index] : NULL;
}

/* -- Expansion --------------------------------------------------------------------------------- */

static const struct weir_span empty = { NULL, 0 };

/* [RFC 8446 7.1, RFC 9147 5.9] length (2), label behind its length, context behind its length. */
void weir_dtls13_expand_label(const struct weir_crypto *c, enum weir_hash_id hash,
                              const uint8_t *secret, struct weir_span label,
                              struct weir_span context, struct weir_mspan out)
{
    uint8_t info[2 + 1 + UINT8_MAX + 1 + WEIR_HASH_BYTES_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ info, sizeof info });
    weir_wr_u16(&w, (uint16_t)out.n);
    struct weir_mark mark = weir_wr_open(&w, 1);
    weir_wr_bytes(&w, WEIR_LIT("dtls13"));
    weir_wr_bytes(&w, label);
    weir_wr_close(&w, mark);
    mark = weir_wr_open(&w, 1);
    weir_wr_bytes(&w, context);
    weir_wr_close(&w, mark);
    weir_hkdf_expand(c, hash, weir_span_of(secret, weir_hash_bytes(hash)),
                     weir_span_of(info, weir_wr_done(&w)), out);
}

static enum weir_hash_id hash_of(const struct weir_dtls *d)
{
    return weir_dtls13_suite(d->suite)->hash;
}

static size_t hash_bytes(const struct weir_dtls *d)
{
    return weir_hash_bytes(hash_of(d));
}

static void expand(const struct weir_dtls *d, const uint8_t *secret, struct weir_span label,
                   struct weir_span context, uint8_t *out, size_t bytes)
{
    weir_dtls13_expand_label(d->config.crypto, hash_of(d), secret, label, context,
                             (struct weir_mspan){ out, bytes });
}

/* Derive-Secret over the transcript as it stands. */
static void derive(struct weir_dtls *d, struct weir_span label, uint8_t *out)
{
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    weir_dtls_transcript_digest(d, hash_of(d), digest);
    expand(d, exchange_of(d)->secret, label, weir_span_of(digest, hash_bytes(d)), out, hash_bytes(d));
}

/* From one secret of the schedule to the next: Derive-Secret(., "derived", ""), then Extract. */
static void extract(struct weir_dtls *d, struct weir_span input)
{
    static const uint8_t zero[WEIR_HASH_BYTES_MAX];
    uint8_t salt[WEIR_HASH_BYTES_MAX], digest[WEIR_HASH_BYTES_MAX];
    size_t n = hash_bytes(d);
    weir_hash_of(d->config.crypto, hash_of(d), &empty, 1, digest);
    expand(d, exchange_of(d)->secret, WEIR_LIT("derived"), weir_span_of(digest, n), salt, n);
    weir_hkdf_extract(d->config.crypto, hash_of(d), weir_span_of(salt, n),
                      input.n != 0 ? input : weir_span_of(zero, n), exchange_of(d)->secret);
    weir_wipe(salt, sizeof salt);
}

/* -- Keys -------------------------------------------------------------------------------------- */

bool weir_dtls13_keys_init(const struct weir_dtls *d, struct weir_dtls_keys *k, uint64_t epoch,
                           const uint8_t *secret)
{
    enum weir_aead_id aead = weir_dtls13_suite(d->suite)->aead;
    uint8_t key[32];
    size_t n = weir_aead_key_bytes(aead);
    weir_wipe(k, sizeof *k);
    k->epoch = epoch;
    expand(d, secret, WEIR_LIT("iv"), empty, k->iv, WEIR_NONCE_BYTES);
    expand(d, secret, WEIR_LIT("key"), empty, key, n);
    k->is_ready = d->config.crypto->aead_init(&k->aead, aead, key);
    expand(d, secret, WEIR_LIT("sn"), empty, key, n);
    k->is_ready = d->config.crypto->mask_init(&k->mask, aead, key) && k->is_ready;
    weir_wipe(key, sizeof key);
    return k->is_ready;
}

/* Of the client's secret and the server's, which follows it, one is what we send with. */
static void use_secrets(struct weir_dtls *d, enum weir_dtls_secret client)
{
    enum weir_dtls_secret server = client + 1;
    memcpy(d->tx_secret, d->secret[d->config.is_client ? client : server], sizeof d->tx_secret);
    memcpy(d->rx_secret, d->secret[d->config.is_client ? server : client], sizeof d->rx_secret);
}

static uint8_t *secret_of(struct weir_dtls *d, enum weir_dtls_secret which)
{
    d->has_secret = (uint8_t)(d->has_secret | 1u << which);
    return d->secret[which];
}

void weir_dtls13_derive_handshake(struct weir_dtls *d)
{
    static const uint8_t zero[WEIR_HASH_BYTES_MAX];
    struct weir_span none = { zero, hash_bytes(d) };
    struct weir_dtls_exchange *x = exchange_of(d);
    weir_hkdf_extract(d->config.crypto, hash_of(d), none, weir_span_of(x->psk, none.n), x->secret);
    weir_wipe(x->psk, sizeof x->psk);
    extract(d, weir_span_of(x->premaster, x->premaster_bytes));
    derive(d, WEIR_LIT("c hs traffic"), secret_of(d, WEIR_DTLS_SECRET_CLIENT_HANDSHAKE));
    derive(d, WEIR_LIT("s hs traffic"), secret_of(d, WEIR_DTLS_SECRET_SERVER_HANDSHAKE));
    use_secrets(d, WEIR_DTLS_SECRET_CLIENT_HANDSHAKE);
    weir_wipe(x->premaster, sizeof x->premaster);
    weir_wipe(x->private_key, sizeof x->private_key);
}

void weir_dtls13_derive_application(struct weir_dtls *d)
{
    extract(d, empty);
    derive(d, WEIR_LIT("c ap traffic"), secret_of(d, WEIR_DTLS_SECRET_CLIENT_TRAFFIC));
    derive(d, WEIR_LIT("s ap traffic"), secret_of(d, WEIR_DTLS_SECRET_SERVER_TRAFFIC));
    derive(d, WEIR_LIT("exp master"), secret_of(d, WEIR_DTLS_SECRET_EXPORTER));
    use_secrets(d, WEIR_DTLS_SECRET_CLIENT_TRAFFIC);
}

void weir_dtls13_next_secret(const struct weir_dtls *d, uint8_t secret[WEIR_DTLS_SECRET_MAX])
{
    uint8_t next[WEIR_HASH_BYTES_MAX];
    expand(d, secret, WEIR_LIT("traffic upd"), empty, next, hash_bytes(d));
    memcpy(secret, next, hash_bytes(d));
    weir_wipe(next, sizeof next);
}

/* -- Sessions ---------------------------------------------------------------------------------- */

void weir_dtls13_derive_resumption(struct weir_dtls *d, uint8_t out[WEIR_DTLS_SECRET_MAX])
{
    derive(d, WEIR_LIT("res master"), out);
}

void weir_dtls13_session_secret(const struct weir_dtls *d, struct weir_span nonce,
                                uint8_t secret[WEIR_DTLS_SECRET_MAX])
{
    uint8_t psk[WEIR_HASH_BYTES_MAX];
    expand(d, secret, WEIR_LIT("resumption"), nonce, psk, hash_bytes(d));
    memcpy(secret, psk, hash_bytes(d));
    weir_wipe(psk, sizeof psk);
}

static void hmac_of(const struct weir_dtls *d, enum weir_hash_id hash, const uint8_t *base,
                    const uint8_t *digest, uint8_t *out)
{
    uint8_t key[WEIR_HASH_BYTES_MAX];
    struct weir_hmac_key hmac;
    size_t n = weir_hash_bytes(hash);
    struct weir_span part = { digest, n };
    weir_dtls13_expand_label(d->config.crypto, hash, base, WEIR_LIT("finished"), empty,
                             (struct weir_mspan){ key, n });
    weir_hmac_init(d->config.crypto, &hmac, hash, weir_span_of(key, n));
    weir_hmac(d->config.crypto, &hmac, &part, 1, out);
    weir_wipe(&hmac, sizeof hmac);
    weir_wipe(key, sizeof key);
}

size_t weir_dtls13_binder(const struct weir_dtls *d, enum weir_hash_id hash, const uint8_t *secret,
                          const uint8_t *digest, uint8_t out[WEIR_HASH_BYTES_MAX])
{
    static const uint8_t zero[WEIR_HASH_BYTES_MAX];
    uint8_t early[WEIR_HASH_BYTES_MAX], key[WEIR_HASH_BYTES_MAX], nothing[WEIR_HASH_BYTES_MAX];
    size_t n = weir_hash_bytes(hash);
    weir_hkdf_extract(d->config.crypto, hash, weir_span_of(zero, n), weir_span_of(secret, n), early);
    weir_hash_of(d->config.crypto, hash, &empty, 1, nothing);
    weir_dtls13_expand_label(d->config.crypto, hash, early, WEIR_LIT("res binder"),
                             weir_span_of(nothing, n), (struct weir_mspan){ key, n });
    hmac_of(d, hash, key, digest, out);
    weir_wipe(early, sizeof early);
    weir_wipe(key, sizeof key);
    return n;
}

/* -- Finished, exporter ------------------------------------------------------------------------ */

/* [RFC 8446 4.4.4] */
size_t weir_dtls13_verify_data(const struct weir_dtls *d, bool is_of_client,
                               uint8_t out[WEIR_HASH_BYTES_MAX])
{
    const uint8_t *secret = d->secret[is_of_client ? WEIR_DTLS_SECRET_CLIENT_HANDSHAKE
                                                   : WEIR_DTLS_SECRET_SERVER_HANDSHAKE];
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    weir_dtls_transcript_digest(d, hash_of(d), digest);
    hmac_of(d, hash_of(d), secret, digest, out);
    return hash_bytes(d);
}

/* [RFC 8446 7.5] without context */
void weir_dtls13_export(const struct weir_dtls *d, const char *label, struct weir_mspan out)
{
    uint8_t secret[WEIR_HASH_BYTES_MAX], digest[WEIR_HASH_BYTES_MAX];
    size_t label_bytes = 0;
    while (label[label_bytes] != '\0') {
        label_bytes++;
    }
    weir_hash_of(d->config.crypto, hash_of(d), &empty, 1, digest);
    struct weir_span context = { digest, hash_bytes(d) };
    expand(d, d->secret[WEIR_DTLS_SECRET_EXPORTER], weir_span_of(label, label_bytes), context, secret,
           hash_bytes(d));
    expand(d, secret, WEIR_LIT("exporter"), context, out.p, out.n);
    weir_wipe(secret, sizeof secret);
}
