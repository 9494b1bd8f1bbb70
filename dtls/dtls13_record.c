/* Records under the protection of DTLS 1.3 [RFC 9147 4, RFC 8446 5.2].
 *
 *   0               1               3               5
 *   +-+-+-+-+-+-+-+-+---------------+---------------+-------------------------------+--------+
 *   |0 0 1 C S L E E| number        | length        | encrypted: content, type, 00* | tag    |
 *   +-+-+-+-+-+-+-+-+---------------+---------------+-------------------------------+--------+
 *
 *   C  our connection id follows, where it was agreed       S  the number has 16 bits, else 8
 *   L  there is a length, else the record is the rest       E  the low two bits of the epoch
 *
 *  1. take    split it off a datagram
 *  2. number  the number is encrypted, too: the first 16 bytes of ciphertext make the mask over it;
 *             its low bits and the highest number seen give the whole of it
 *  3. open    decrypt, and only then ask whether it came before, so that the time we take tells
 *             nobody a record's number [RFC 9147 4.5.1 SHOULD]; the type is inside, behind the content
 *  4. seal    always 16 bits of number, always a length, never padding
 */
#include "dtls/dtls_int.h"

enum { BIT_NUMBER16 = 0x08, BIT_LENGTH = 0x04, BITS_EPOCH = 0x03, SAMPLE_BYTES = 16 };

/* -- 1. Take ----------------------------------------------------------------------------------- */

enum weir_dtls_verdict weir_dtls13_record_take(struct weir_mspan *datagram, struct weir_span cid,
                                               struct dtls_record *r)
{
    struct weir_rd rd = weir_rd_of(weir_span_const(*datagram));
    struct weir_span body = { NULL, 0 };
    uint8_t first;
    uint16_t length = 0;
    size_t all = datagram->n;
    bool is_good = weir_rd_u8(&rd, &first);
    r->has_cid = is_good && (first & UNIFIED_CID) != 0;
    if (r->has_cid && !weir_dtls_take_cid(&rd, cid)) {
        datagram->n = 0;
        return WEIR_DTLS_RECORD_CID;
    }
    is_good = is_good && weir_rd_skip(&rd, (first & BIT_NUMBER16) != 0 ? 2 : 1);
    if (is_good && (first & BIT_LENGTH) != 0) {
        is_good = weir_rd_u16(&rd, &length);
    } else {
        length = rd.n < UINT16_MAX ? (uint16_t)rd.n : UINT16_MAX;
    }
    r->head = all - rd.n;
    if (!is_good || !weir_rd_take(&rd, length, &body)) {
        datagram->n = 0;
        return WEIR_DTLS_RECORD_TRUNCATED;
    }
    r->type = 0; /* inside */
    r->version = VERSION_1_2;
    r->epoch = first & BITS_EPOCH;
    r->seq = 0;
    r->is_unified = true;
    r->is_newest = false;
    r->whole = all - rd.n;
    r->body.p = datagram->p + r->head;
    r->body.n = body.n;
    datagram->p += r->whole;
    datagram->n = rd.n;
    /* [RFC 8446 5.2 MUST] */
    return body.n > RECORD_LENGTH_MAX ? WEIR_DTLS_RECORD_LENGTH : WEIR_DTLS_OK;
}

/* -- 2. Number --------------------------------------------------------------------------------- */

/* [RFC 9147 4.2.2] The bits of the present epoch, else of the one before it. */
static bool is_of(bool is_ready, uint64_t epoch, const struct dtls_record *r)
{
    return is_ready && (epoch & BITS_EPOCH) == (r->epoch & BITS_EPOCH);
}

bool weir_dtls13_record_is_readable(const struct weir_dtls *d, const struct dtls_record *r)
{
    return is_of(d->rx.is_ready, d->rx.epoch, r) || is_of(d->old.is_ready, d->old.epoch, r);
}

struct weir_dtls_keys *weir_dtls13_record_keys(struct weir_dtls *d, const struct dtls_record *r,
                                               struct weir_dtls_keys *room)
{
    return is_of(d->rx.is_ready, d->rx.epoch, r) ? &d->rx : weir_dtls13_old_keys(d, room);
}

uint64_t weir_dtls13_full_number(uint64_t expected, uint64_t low, unsigned bits)
{
    uint64_t span = (uint64_t)1 << bits;
    uint64_t full = (expected & ~(span - 1)) | low;
    if (full + span / 2 < expected) {
        return full + span;
    }
    return full > expected + span / 2 && full >= span ? full - span : full;
}

static void mask_number(const struct weir_dtls *d, const struct weir_dtls_keys *k, uint8_t *number,
                        size_t bytes, const uint8_t *ciphertext)
{
    uint8_t mask[SAMPLE_BYTES];
    d->config.crypto->mask(&k->mask, ciphertext, mask);
    for (size_t i = 0; i < bytes; i++) {
        number[i] ^= mask[i];
    }
}

/* [RFC 8446 5.3] The number, padded to the left, over the IV. The epoch is in the key alone. */
static void nonce_of(const struct weir_dtls_keys *k, uint64_t seq, uint8_t nonce[WEIR_NONCE_BYTES])
{
    memcpy(nonce, k->iv, WEIR_NONCE_BYTES);
    weir_put64(nonce + 4, weir_be64(nonce + 4) ^ seq);
}

/* -- 3. Open ----------------------------------------------------------------------------------- */

enum weir_dtls_verdict weir_dtls13_record_open(struct weir_dtls *d, struct weir_dtls_keys *k,
                                               struct dtls_record *r)
{
    uint8_t *head = r->body.p - r->head;
    uint8_t *number = head + 1 + (r->has_cid ? weir_dtls_rx_cid(d).n : 0);
    bool is_long = (head[0] & BIT_NUMBER16) != 0;
    uint8_t nonce[WEIR_NONCE_BYTES];
    /* [RFC 9147 4.2.3 MUST] No record is shorter than what its mask is made of; ours holds a type, too. */
    if (r->body.n < WEIR_TAG_BYTES + 1) {
        return WEIR_DTLS_RECORD_SHORT;
    }
    mask_number(d, k, number, is_long ? 2 : 1, r->body.p);
    uint64_t expected = k->window.seen == 0 ? 0 : k->window.top + 1;
    r->seq = is_long ? weir_dtls13_full_number(expected, weir_be16(number), 16)
                     : weir_dtls13_full_number(expected, number[0], 8);
    struct weir_mspan data = { r->body.p, r->body.n - WEIR_TAG_BYTES };
    nonce_of(k, r->seq, nonce);
    if (!d->config.crypto->aead_open(&k->aead, nonce, weir_span_of(head, r->head), data,
                                     data.p + data.n)) {
        return WEIR_DTLS_RECORD_FORGED;
    }
    if (!weir_dtls_window_is_new(&k->window, r->seq)) {
        return WEIR_DTLS_RECORD_REPLAYED;
    }
    r->is_newest = k == &d->rx && weir_dtls_window_is_newest(&k->window, r->seq);
    weir_dtls_window_note(&k->window, r->seq);
    r->epoch = k->epoch;
    r->body = data;
    if (data.n > WEIR_DTLS_PLAIN_MAX + 1) {
        return WEIR_DTLS_RECORD_LENGTH;
    }
    return weir_dtls_take_type(d, r) ? WEIR_DTLS_OK : WEIR_DTLS_RECORD_CONTENT;
}

/* -- 4. Seal ----------------------------------------------------------------------------------- */

size_t weir_dtls13_record_seal(struct weir_dtls *d, struct weir_dtls_keys *k, enum content_type type,
                               uint8_t *record, size_t content_bytes)
{
    uint8_t nonce[WEIR_NONCE_BYTES];
    size_t cid = d->cid.tx_bytes, head = UNIFIED_HEAD_BYTES + cid;
    struct weir_mspan data = { record + head, content_bytes + 1 };
    uint64_t seq = k->seq++;
    record[0] = (uint8_t)(UNIFIED_FIXED | (cid != 0 ? UNIFIED_CID : 0) | BIT_NUMBER16 | BIT_LENGTH
                          | (k->epoch & BITS_EPOCH));
    weir_copy(record + 1, d->cid.tx, cid);
    weir_put16(record + 1 + cid, (uint16_t)seq);
    weir_put16(record + 3 + cid, (uint16_t)(data.n + WEIR_TAG_BYTES));
    data.p[content_bytes] = (uint8_t)type;
    nonce_of(k, seq, nonce);
    d->config.crypto->aead_seal(&k->aead, nonce, weir_span_of(record, head), data,
                                data.p + data.n);
    mask_number(d, k, record + 1 + cid, 2, data.p);
    d->tx_records++;
    return head + data.n + WEIR_TAG_BYTES;
}
