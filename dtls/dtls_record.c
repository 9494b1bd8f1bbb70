/* Records: bytes on the wire to content and back [RFC 6347 4.1]. What DTLS 1.3 protects has a header of
 * its own, in dtls13_record.c.
 *
 *  0       1               3               5                               11              13
 *  +-------+---------------+---------------+-------------------------------+---------------+---
 *  | type  | version       | epoch         | sequence number (48 bits)     | length        | ...
 *  +-------+---------------+---------------+-------------------------------+---------------+---
 *
 *  1. take     split the first record off a datagram; nothing in it is trusted
 *  2. check    its header's fields
 *  3. open     replay check, authenticated decryption in place, and only then the replay window
 *  4. seal     the way out: header, explicit nonce, encryption in place, tag
 */
#include "dtls/dtls_int.h"

/* -- 1. Take ----------------------------------------------------------------------------------- */

enum weir_dtls_verdict weir_dtls_record_take(struct weir_mspan *datagram, struct dtls_record *r)
{
    struct weir_rd rd = weir_rd_of(weir_span_const(*datagram));
    struct weir_span head;
    struct weir_span body = { NULL, 0 };
    size_t whole = datagram->n;
    bool has_head = weir_rd_take(&rd, RECORD_HEADER_BYTES, &head);
    if (!has_head || !weir_rd_take(&rd, weir_be16(head.p + 11), &body)) {
        datagram->n = 0;
        return WEIR_DTLS_RECORD_TRUNCATED;
    }
    r->type = head.p[0];
    r->version = weir_be16(head.p + 1);
    r->epoch = weir_be16(head.p + 3);
    r->seq = weir_be48(head.p + 5);
    r->is_unified = false;
    r->head = RECORD_HEADER_BYTES;
    r->body.p = datagram->p + RECORD_HEADER_BYTES;
    r->body.n = body.n;
    datagram->p += whole - rd.n;
    datagram->n = rd.n;
    return WEIR_DTLS_OK;
}

/* -- 2. Check ---------------------------------------------------------------------------------- */

/* [RFC 9147 4.1] With 1.3 an ACK may come, too. */
static bool type_is_known(const struct weir_dtls *d, uint8_t type)
{
    return (type >= CONTENT_CCS && type <= CONTENT_DATA)
           || (type == CONTENT_ACK && weir_dtls_offers(d, WEIR_DTLS_1_3) && d->version != VERSION_1_2);
}

enum weir_dtls_verdict weir_dtls_record_check(const struct weir_dtls *d, const struct dtls_record *r)
{
    if (r->body.n > RECORD_LENGTH_MAX) {
        return WEIR_DTLS_RECORD_LENGTH;
    }
    if (!type_is_known(d, r->type)) {
        return WEIR_DTLS_RECORD_TYPE;
    }
    /* [RFC 6347 4.2.1] A first hello and its answer may say 1.0: the version tells the format only.
     */
    if (r->version != VERSION_1_2 && (r->version != VERSION_1_0 || r->epoch != 0)) {
        return WEIR_DTLS_RECORD_VERSION;
    }
    if (r->body.n == 0) {
        return WEIR_DTLS_RECORD_EMPTY;
    }
    /* [RFC 6347 4.1] Without renegotiation a connection has epochs 0 and 1. With DTLS 1.3 this header
     * belongs to epoch 0 alone. */
    if (r->epoch > (d->version == VERSION_1_3 ? 0 : 1)) {
        return WEIR_DTLS_RECORD_EPOCH;
    }
    return WEIR_DTLS_OK;
}

/* -- 3. Open ----------------------------------------------------------------------------------- */

bool weir_dtls_window_is_new(const struct weir_dtls_window *w, uint64_t seq)
{
    if (seq > w->top) {
        return true;
    }
    uint64_t age = w->top - seq;
    return age < 64 && (w->seen >> age & 1) == 0;
}

void weir_dtls_window_note(struct weir_dtls_window *w, uint64_t seq)
{
    if (seq > w->top) {
        uint64_t ahead = seq - w->top;
        w->seen = ahead < 64 ? w->seen << ahead : 0;
        w->top = seq;
    }
    w->seen |= (uint64_t)1 << (w->top - seq);
}

static bool has_explicit_nonce(const struct weir_dtls_keys *k)
{
    return k->aead.id != WEIR_CHACHA20_POLY1305;
}

/* GCM: 4 secret bytes and the 8 that the record carries [RFC 5288 3]. ChaCha20: the 12 secret bytes
 * XORed with epoch and number [RFC 7905 2]. */
static void nonce_of(const struct weir_dtls_keys *k, const uint8_t number[8],
                     uint8_t nonce[WEIR_NONCE_BYTES])
{
    memcpy(nonce, k->iv, WEIR_NONCE_BYTES);
    for (unsigned i = 0; i < 8; i++) {
        nonce[4 + i] = has_explicit_nonce(k) ? number[i] : nonce[4 + i] ^ number[i];
    }
}

/* [RFC 5246 6.2.3.3] epoch and number, type, version, length of the plaintext. */
static void aad_of(uint64_t number, uint8_t type, uint16_t version, size_t bytes, uint8_t aad[13])
{
    weir_put64(aad, number);
    aad[8] = type;
    weir_put16(aad + 9, version);
    weir_put16(aad + 11, (uint16_t)bytes);
}

enum weir_dtls_verdict weir_dtls_record_open(struct weir_dtls *d, struct dtls_record *r)
{
    const struct weir_dtls_keys *k = &d->rx;
    uint8_t nonce[WEIR_NONCE_BYTES], aad[13], number[8];
    size_t nonce_bytes = has_explicit_nonce(k) ? 8 : 0;
    if (r->body.n < nonce_bytes + WEIR_TAG_BYTES) {
        return WEIR_DTLS_RECORD_SHORT;
    }
    /* [RFC 6347 4.1.2.6] the cheap test first; the window learns the number only below. */
    if (!weir_dtls_window_is_new(&d->rx.window, r->seq)) {
        return WEIR_DTLS_RECORD_REPLAYED;
    }
    uint64_t epoch_and_seq = r->epoch << 48 | r->seq;
    struct weir_mspan data = { r->body.p + nonce_bytes, r->body.n - nonce_bytes - WEIR_TAG_BYTES };
    weir_put64(number, epoch_and_seq);
    nonce_of(k, nonce_bytes != 0 ? r->body.p : number, nonce);
    aad_of(epoch_and_seq, r->type, r->version, data.n, aad);
    if (data.n > WEIR_DTLS_PLAIN_MAX
        || !d->config.crypto->aead_open(&k->aead, nonce, weir_span_of(aad, sizeof aad), data,
                                        data.p + data.n)) {
        return WEIR_DTLS_RECORD_FORGED;
    }
    weir_dtls_window_note(&d->rx.window, r->seq);
    r->body = data;
    return WEIR_DTLS_OK;
}

/* -- 4. Seal ----------------------------------------------------------------------------------- */

size_t weir_dtls_record_head(const struct weir_dtls *d, uint64_t epoch)
{
    if (d->version == VERSION_1_3 && epoch != 0) {
        return UNIFIED_HEAD_BYTES;
    }
    return epoch != 0 && has_explicit_nonce(&d->tx) ? RECORD_HEADER_BYTES + 8 : RECORD_HEADER_BYTES;
}

size_t weir_dtls_record_overhead(const struct weir_dtls *d, uint64_t epoch)
{
    if (d->version == VERSION_1_3 && epoch != 0) {
        return UNIFIED_OVERHEAD;
    }
    return weir_dtls_record_head(d, epoch) + (epoch != 0 ? WEIR_TAG_BYTES : 0);
}

static struct weir_dtls_keys *keys_of(struct weir_dtls *d, uint64_t epoch)
{
    return d->tx.epoch == epoch ? &d->tx : &d->tx_old;
}

uint64_t *weir_dtls_next_number(struct weir_dtls *d, uint64_t epoch)
{
    return epoch == 0 ? &d->plain_seq : &keys_of(d, epoch)->seq;
}

size_t weir_dtls_record_seal(struct weir_dtls *d, uint64_t epoch, enum content_type type,
                             uint16_t version, uint8_t *record, size_t content_bytes)
{
    size_t head = weir_dtls_record_head(d, epoch);
    size_t whole = weir_dtls_record_overhead(d, epoch) + content_bytes;
    uint64_t *next = weir_dtls_next_number(d, epoch);
    if (epoch != 0 && (!keys_of(d, epoch)->is_ready || keys_of(d, epoch)->epoch != epoch)) {
        return 0;
    }
    /* [RFC 6347 4.1 MUST] no number twice under one key: stop before the counter comes round. */
    if (*next >= SEQUENCE_END) {
        return 0;
    }
    if (d->version == VERSION_1_3 && epoch != 0) {
        return weir_dtls13_record_seal(d, keys_of(d, epoch), type, record, content_bytes);
    }
    uint64_t number = epoch << 48 | (*next)++;
    record[0] = (uint8_t)type;
    weir_put16(record + 1, version);
    weir_put64(record + 3, number);
    weir_put16(record + 11, (uint16_t)(whole - RECORD_HEADER_BYTES));
    if (epoch != 0) {
        uint8_t nonce[WEIR_NONCE_BYTES], aad[13];
        struct weir_mspan data = { record + head, content_bytes };
        nonce_of(&d->tx, record + 3, nonce);
        aad_of(number, (uint8_t)type, version, content_bytes, aad);
        if (head > RECORD_HEADER_BYTES) {
            /* [RFC 5288 3] The explicit nonce is the record's own number: it cannot repeat. */
            memcpy(record + RECORD_HEADER_BYTES, record + 3, 8);
        }
        d->config.crypto->aead_seal(&d->tx.aead, nonce, weir_span_of(aad, sizeof aad), data,
                                    data.p + data.n);
    }
    d->tx_records++;
    return whole;
}
