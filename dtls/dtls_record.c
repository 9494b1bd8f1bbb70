/* Records: bytes on the wire to content and back [RFC 6347 4.1]. What DTLS 1.3 protects has a header of
 * its own, in dtls13_record.c.
 *
 *  0       1               3               5                               11              13
 *  +-------+---------------+---------------+-------------------------------+---------------+---
 *  | type  | version       | epoch         | sequence number (48 bits)     | length        | ...
 *  +-------+---------------+---------------+-------------------------------+---------------+---
 *
 *  With a connection id, which only a record under protection has [RFC 9146 4]:
 *
 *  0       1               3               5                               11              11+n    13+n
 *  +-------+---------------+---------------+-------------------------------+---------------+-------+---
 *  | 25    | version       | epoch         | sequence number (48 bits)     | id (n bytes)  | length| ...
 *  +-------+---------------+---------------+-------------------------------+---------------+-------+---
 *
 *  and what is encrypted ends in the content type and any number of zeros.
 *
 *  1. take     split the first record off a datagram; nothing in it is trusted
 *  2. check    its header's fields
 *  3. open     replay check, authenticated decryption in place, and only then the replay window
 *  4. seal     the way out: header, explicit nonce, encryption in place, tag
 */
#include "dtls/dtls_int.h"

/* -- 1. Take ----------------------------------------------------------------------------------- */

enum weir_dtls_verdict weir_dtls_record_take(struct weir_mspan *datagram, struct weir_span cid,
                                             struct dtls_record *r)
{
    struct weir_rd rd = weir_rd_of(weir_span_const(*datagram));
    struct weir_span head;
    struct weir_span body = { NULL, 0 };
    uint16_t length;
    size_t all = datagram->n;
    bool has_head = weir_rd_take(&rd, RECORD_HEADER_BYTES - 2, &head);
    r->has_cid = has_head && head.p[0] == CONTENT_TLS12_CID;
    if (r->has_cid && !weir_dtls_take_cid(&rd, cid)) {
        datagram->n = 0;
        return WEIR_DTLS_RECORD_CID;
    }
    if (!has_head || !weir_rd_u16(&rd, &length) || !weir_rd_take(&rd, length, &body)) {
        datagram->n = 0;
        return WEIR_DTLS_RECORD_TRUNCATED;
    }
    r->type = head.p[0];
    r->version = weir_be16(head.p + 1);
    r->epoch = weir_be16(head.p + 3);
    r->seq = weir_be48(head.p + 5);
    r->is_unified = false;
    r->is_newest = false;
    r->whole = all - rd.n;
    r->head = r->whole - body.n;
    r->body.p = datagram->p + r->head;
    r->body.n = body.n;
    datagram->p += r->whole;
    datagram->n = rd.n;
    return WEIR_DTLS_OK;
}

/* -- 2. Check ---------------------------------------------------------------------------------- */

/* [RFC 9147 4.1] With 1.3 an ACK may come, too. [RFC 9853 4 MUST] A path check is never without
 * protection. */
static bool type_is_known(const struct weir_dtls *d, const struct dtls_record *r)
{
    return (r->type >= CONTENT_CHANGE_CIPHER_SPEC && r->type <= CONTENT_APPLICATION_DATA) || r->has_cid
           || (r->type == CONTENT_ACK && weir_dtls_offers(d, WEIR_DTLS_1_3)
               && d->version != VERSION_1_2)
           || (r->type == CONTENT_RETURN_ROUTABILITY_CHECK && d->rrc.is_agreed && r->epoch != 0);
}

enum weir_dtls_verdict weir_dtls_record_check(const struct weir_dtls *d, const struct dtls_record *r)
{
    if (r->body.n > RECORD_LENGTH_MAX) {
        return WEIR_DTLS_RECORD_LENGTH;
    }
    if (!type_is_known(d, r)) {
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
    if (r->epoch > (d->version == VERSION_1_3 ? 0 : 1) || (r->has_cid && r->epoch == 0)) {
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

bool weir_dtls_window_is_newest(const struct weir_dtls_window *w, uint64_t seq)
{
    return w->seen == 0 || seq > w->top;
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

/* Additional data: without a connection id [RFC 5246 6.2.3.3] epoch and number, type, version, length of
 * the plaintext; with one [RFC 9146 5.3] eight bytes of ff, type, length of the id, type, version, epoch
 * and number, the id, length of the plaintext with its type. */
enum { AAD_MAX = 23 + WEIR_DTLS_PEER_CID_MAX };

static struct weir_span aad_of(uint64_t number, uint8_t type, uint16_t version, struct weir_span cid,
                               size_t bytes, uint8_t aad[AAD_MAX])
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ aad, AAD_MAX });
    if (type == CONTENT_TLS12_CID) {
        weir_wr_u64(&w, UINT64_MAX);
        weir_wr_u8(&w, CONTENT_TLS12_CID);
        weir_wr_u8(&w, (uint8_t)cid.n);
        weir_wr_u8(&w, CONTENT_TLS12_CID);
        weir_wr_u16(&w, version);
        weir_wr_u64(&w, number);
        weir_wr_bytes(&w, cid);
    } else {
        weir_wr_u64(&w, number);
        weir_wr_u8(&w, type);
        weir_wr_u16(&w, version);
    }
    weir_wr_u16(&w, (uint16_t)bytes);
    return weir_span_of(aad, weir_wr_done(&w));
}

/* [RFC 8446 5.4] The last byte that is not zero is the type. [RFC 9147 5 MUST NOT] no ChangeCipherSpec; a
 * message or an alert is never empty. */
bool weir_dtls_take_type(const struct weir_dtls *d, struct dtls_record *r)
{
    while (r->body.n != 0 && r->body.p[r->body.n - 1] == 0) {
        r->body.n--;
    }
    if (r->body.n == 0) {
        return false;
    }
    r->type = r->body.p[--r->body.n];
    bool is_ours = r->type == CONTENT_ALERT || r->type == CONTENT_HANDSHAKE
                   || (r->type == CONTENT_ACK && r->is_unified)
                   || (r->type == CONTENT_RETURN_ROUTABILITY_CHECK && d->rrc.is_agreed);
    return r->type == CONTENT_APPLICATION_DATA || (r->body.n != 0 && is_ours);
}

enum weir_dtls_verdict weir_dtls_record_open(struct weir_dtls *d, struct dtls_record *r)
{
    const struct weir_dtls_keys *k = &d->rx;
    uint8_t nonce[WEIR_NONCE_BYTES], aad_bytes[AAD_MAX], number[8];
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
    struct weir_span aad =
        aad_of(epoch_and_seq, r->type, r->version, weir_dtls_rx_cid(d), data.n, aad_bytes);
    if (data.n > WEIR_DTLS_PLAIN_MAX
        || !d->config.crypto->aead_open(&k->aead, nonce, aad, data, data.p + data.n)) {
        return WEIR_DTLS_RECORD_FORGED;
    }
    r->is_newest = weir_dtls_window_is_newest(&d->rx.window, r->seq);
    weir_dtls_window_note(&d->rx.window, r->seq);
    r->body = data;
    return !r->has_cid || weir_dtls_take_type(d, r) ? WEIR_DTLS_OK : WEIR_DTLS_RECORD_CONTENT;
}

/* -- 4. Seal ----------------------------------------------------------------------------------- */

size_t weir_dtls_record_head(const struct weir_dtls *d, uint64_t epoch)
{
    if (epoch == 0) {
        return RECORD_HEADER_BYTES;
    }
    if (d->version == VERSION_1_3) {
        return UNIFIED_HEAD_BYTES + (size_t)d->cid.tx_bytes;
    }
    bool is_explicit = d->state == WEIR_DTLS_NEW || has_explicit_nonce(&d->tx);
    return RECORD_HEADER_BYTES + (size_t)d->cid.tx_bytes + (is_explicit ? 8 : 0);
}

/* Behind the content: the type, where it is inside, and the tag. */
size_t weir_dtls_record_overhead(const struct weir_dtls *d, uint64_t epoch)
{
    bool is_type_inside = d->version == VERSION_1_3 || d->cid.tx_bytes != 0;
    size_t behind = epoch == 0 ? 0 : WEIR_TAG_BYTES + (is_type_inside ? 1 : 0);
    return weir_dtls_record_head(d, epoch) + behind;
}

/* Those of the epoch before are in the block, with the flight that they protect. */
static struct weir_dtls_keys *keys_of(struct weir_dtls *d, uint64_t epoch)
{
    return d->tx.epoch == epoch || !has_block(d) ? &d->tx : &hs_of(d)->old_tx;
}

uint64_t *weir_dtls_next_number(struct weir_dtls *d, uint64_t epoch)
{
    return epoch == 0 ? &d->plain_seq : &keys_of(d, epoch)->seq;
}

/* Epoch 1 of 1.2: nonce, encryption and tag for a record whose header is there. */
static void protect(struct weir_dtls *d, uint8_t *record, struct weir_mspan data)
{
    struct weir_span cid = { d->cid.tx, d->cid.tx_bytes };
    uint8_t nonce[WEIR_NONCE_BYTES], aad[AAD_MAX];
    nonce_of(&d->tx, record + 3, nonce);
    if (has_explicit_nonce(&d->tx)) {
        /* [RFC 5288 3] The explicit nonce is the record's own number: it cannot repeat. */
        memcpy(data.p - 8, record + 3, 8);
    }
    d->config.crypto->aead_seal(&d->tx.aead, nonce,
                                aad_of(weir_be64(record + 3), record[0], weir_be16(record + 1), cid,
                                       data.n, aad),
                                data, data.p + data.n);
}

size_t weir_dtls_record_seal(struct weir_dtls *d, uint64_t epoch, enum content_type type,
                             uint16_t version, uint8_t *record, size_t content_bytes)
{
    size_t head = weir_dtls_record_head(d, epoch);
    size_t whole = weir_dtls_record_overhead(d, epoch) + content_bytes;
    size_t cid_bytes = epoch == 0 ? 0 : d->cid.tx_bytes;
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
    record[0] = cid_bytes != 0 ? CONTENT_TLS12_CID : (uint8_t)type;
    weir_put16(record + 1, version);
    weir_put64(record + 3, epoch << 48 | (*next)++);
    weir_copy(record + 11, d->cid.tx, cid_bytes);
    weir_put16(record + 11 + cid_bytes, (uint16_t)(whole - RECORD_HEADER_BYTES - cid_bytes));
    if (cid_bytes != 0) {
        record[head + content_bytes++] = (uint8_t)type;
    }
    if (epoch != 0) {
        protect(d, record, (struct weir_mspan){ record + head, content_bytes });
    }
    d->tx_records++;
    return whole;
}
