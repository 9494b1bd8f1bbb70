/* One handshake message to an end that waits for it: what the fuzz harness of the parsers and the test
 * of its reject files do alike. */
#ifndef WEIR_FUZZ_DTLS_FEED_H
#define WEIR_FUZZ_DTLS_FEED_H

#include <stdlib.h>

#include "dtls/dtls_int.h"

static const struct {
    bool is_client;
    uint8_t step, message;
} feed_row[] = {
    { false, STEP_SERVER_WAIT_CLIENT_HELLO, MESSAGE_CLIENT_HELLO },
    { true, STEP_CLIENT_WAIT_SERVER_HELLO, MESSAGE_SERVER_HELLO },
    { true, STEP_CLIENT_WAIT_SERVER_HELLO, MESSAGE_HELLO_VERIFY_REQUEST },
    { true, STEP_CLIENT12_WAIT_CERTIFICATE, MESSAGE_CERTIFICATE },
    { true, STEP_CLIENT12_WAIT_SERVER_KEY_EXCHANGE, MESSAGE_SERVER_KEY_EXCHANGE },
    { true, STEP_CLIENT12_WAIT_CERTIFICATE_REQUEST, MESSAGE_CERTIFICATE_REQUEST },
    { true, STEP_CLIENT12_WAIT_SERVER_HELLO_DONE, MESSAGE_SERVER_HELLO_DONE },
    { false, STEP_SERVER12_WAIT_CERTIFICATE, MESSAGE_CERTIFICATE },
    { false, STEP_SERVER12_WAIT_CLIENT_KEY_EXCHANGE, MESSAGE_CLIENT_KEY_EXCHANGE },
    { false, STEP_SERVER12_WAIT_CERTIFICATE_VERIFY, MESSAGE_CERTIFICATE_VERIFY },
    { false, STEP_SERVER12_WAIT_FINISHED, MESSAGE_FINISHED },
    { true, STEP_CLIENT12_WAIT_FINISHED, MESSAGE_FINISHED },
    { true, STEP_CLIENT13_WAIT_ENCRYPTED_EXTENSIONS, MESSAGE_ENCRYPTED_EXTENSIONS },
    { true, STEP_CLIENT13_WAIT_CERTIFICATE_REQUEST, MESSAGE_CERTIFICATE_REQUEST },
    { true, STEP_CLIENT13_WAIT_CERTIFICATE, MESSAGE_CERTIFICATE },
    { true, STEP_CLIENT13_WAIT_CERTIFICATE_VERIFY, MESSAGE_CERTIFICATE_VERIFY },
    { true, STEP_CLIENT13_WAIT_FINISHED, MESSAGE_FINISHED },
    { false, STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO, MESSAGE_CLIENT_HELLO },
    { false, STEP_SERVER13_WAIT_CERTIFICATE, MESSAGE_CERTIFICATE },
    { false, STEP_SERVER13_WAIT_CERTIFICATE_VERIFY, MESSAGE_CERTIFICATE_VERIFY },
    { false, STEP_SERVER13_WAIT_FINISHED, MESSAGE_FINISHED },
    { true, STEP_DONE, MESSAGE_NEW_SESSION_TICKET },
    { true, STEP_DONE, MESSAGE_KEY_UPDATE },
    { true, STEP_DONE, MESSAGE_NEW_CONNECTION_ID },
    { false, STEP_DONE, MESSAGE_REQUEST_CONNECTION_ID },
};

#define FEED_ROWS (sizeof feed_row / sizeof feed_row[0])
#define FEED_REAL 0x80 /* bit of the selector: signatures, certificates and shares are judged */
#define FEED_COOKIE 0x40 /* a server that requires cookies */

/* Null crypto and an identity of it, made once. */
static inline const struct weir_crypto *feed_crypto(bool is_real)
{
    static struct weir_crypto null;
    if (null.name == NULL) {
        weir_crypto_null(&null, weir_crypto_default());
    }
    return is_real ? weir_crypto_default() : &null;
}

static inline const struct weir_identity *feed_identity(bool is_real)
{
    static struct weir_identity identity[2];
    if (identity[is_real].cert_bytes == 0) {
        struct weir_rand rand;
        weir_rand_init_number(&rand, 1);
        (void)feed_crypto(is_real)->identity_make(&identity[is_real], &rand, 1700000000,
                                                  2000000000);
    }
    return &identity[is_real];
}

/* Blocks of two ends. */
struct feed_room {
    struct weir_arena arena;
    struct weir_dtls_handshake block[2];
};

static inline void feed_room_init(struct feed_room *room)
{
    weir_arena_init(&room->arena, room->block, sizeof room->block[0], 2);
}

static inline void feed_init(struct weir_dtls *d, struct weir_arena *arena, bool is_client, bool is_real,
                             uint8_t seed)
{
    struct weir_dtls_config c = {
        .crypto = feed_crypto(is_real),
        .identity = feed_identity(is_real),
        .handshakes = arena,
        .is_client = is_client,
        .has_keylog = true,
        .srtp_profiles = 3,
        .srtp_profile = { WEIR_DTLS_SRTP_AEAD_AES_128_GCM, WEIR_DTLS_SRTP_AES128_CM_SHA1_80,
                          WEIR_DTLS_SRTP_AEAD_AES_256_GCM },
    };
    c.seed[0] = seed;
    weir_dtls_init(d, &c, 0);
}

/* Connection ids of so many bytes, and checks of paths. */
static inline void feed_ids(struct weir_dtls *d, uint8_t bytes, enum weir_dtls_rrc_kind rrc)
{
    d->config.has_cid = true;
    d->config.cid_bytes = bytes;
    d->config.rrc = (uint8_t)rrc;
    memset(d->config.cid, 'i', bytes);
}

/* Tickets for everybody, and for a client the session of a connection before, or none. */
static inline void feed_tickets(struct weir_dtls *d, const struct weir_dtls_session *session)
{
    plan_of(d)->tickets = WEIR_DTLS_TICKETS_ALL;
    plan_of(d)->ticket_keys = 1;
    memset(plan_of(d)->ticket_key[0], 'k', sizeof plan_of(d)->ticket_key[0]);
    if (d->config.is_client && session != NULL) {
        weir_dtls13_session_init(d, 0, session);
    }
}

/* That connection, made once. */
static inline const struct weir_dtls_session *feed_session(bool is_real)
{
    static struct weir_dtls_session session[2];
    static struct weir_dtls end[2];
    static struct feed_room room;
    static uint8_t out[1500];
    struct weir_span cert = { feed_identity(is_real)->cert, feed_identity(is_real)->cert_bytes };
    if (session[is_real].ticket_bytes != 0) {
        return &session[is_real];
    }
    feed_room_init(&room);
    for (unsigned i = 0; i < 2; i++) {
        feed_init(&end[i], &room.arena, i == 0, is_real, (uint8_t)(3 + i));
        plan_of(&end[i])->fingerprints = 1;
        plan_of(&end[i])->fingerprint[0].hash = WEIR_SHA256;
        weir_hash_of(feed_crypto(is_real), WEIR_SHA256, &cert, 1, plan_of(&end[i])->fingerprint[0].bytes);
        feed_tickets(&end[i], NULL);
    }
    (void)!weir_dtls_start(&end[0], 0);
    for (unsigned i = 0; i < 12; i++) {
        struct weir_mspan datagram = { out, 0 };
        struct weir_span plain;
        datagram.n = weir_dtls_send(&end[i % 2], 0, (struct weir_mspan){ out, sizeof out });
        while (datagram.n != 0) {
            (void)weir_dtls_recv(&end[1 - i % 2], 0, &datagram, &plain);
        }
    }
    if (!weir_dtls_take_session(&end[0], &session[is_real])) {
        abort();
    }
    return &session[is_real];
}

/* As if the handshake of 1.3 had come to this step. */
static inline void feed_13(struct weir_dtls *d)
{
    bool is_done = d->step == STEP_DONE;
    d->version = VERSION_1_3;
    d->suite = 0x1301;
    weir_dtls_transcript_begin(d);
    if (d->step == STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO) {
        exchange_of(d)->has_retry = true;
        return;
    }
    d->rx_epoch = d->tx_epoch = is_done ? EPOCH_APPLICATION : EPOCH_HANDSHAKE;
    d->rx.epoch = d->tx.epoch = d->rx_epoch;
    d->rx.is_ready = d->tx.is_ready = true;
    d->state = is_done ? WEIR_DTLS_CONNECTED : d->state;
    d->cid.state = CID_AGREED;
    d->cid.tx_bytes = 3;
    d->resumption.state = d->config.is_client ? SESSION_AWAITED : SESSION_NONE;
}

/* The selector's end, in its step, hears the body as the one message that it waits for. */
static inline enum weir_dtls_verdict feed_message(struct weir_dtls *d, uint8_t selector,
                                                  struct weir_span body)
{
    static uint8_t record[WEIR_DTLS_REASSEMBLY_BYTES + MESSAGE_HEADER_BYTES];
    unsigned row = (selector & 0x3f) % FEED_ROWS;
    size_t n = body.n < WEIR_DTLS_REASSEMBLY_BYTES ? body.n : WEIR_DTLS_REASSEMBLY_BYTES;
    static struct feed_room room;
    feed_room_init(&room);
    feed_init(d, &room.arena, feed_row[row].is_client, (selector & FEED_REAL) != 0, 2);
    plan_of(d)->requires_cookie = (selector & FEED_COOKIE) != 0;
    feed_ids(d, 4, WEIR_DTLS_RRC_BASIC);
    feed_tickets(d, feed_session((selector & FEED_REAL) != 0));
    weir_dtls13_judge_session(d, 0);
    if (!weir_dtls_lease(d, 0)) {
        abort();
    }
    d->step = feed_row[row].step;
    d->state = d->step == STEP_SERVER_WAIT_CLIENT_HELLO ? WEIR_DTLS_NEW : WEIR_DTLS_HANDSHAKE;
    if (d->step == STEP_CLIENT_WAIT_SERVER_HELLO) {
        (void)!weir_dtls_client_hello(d, 0);
    } else if (d->step != STEP_SERVER_WAIT_CLIENT_HELLO) {
        d->suite = 0xc02b;
        exchange_of(d)->group = WEIR_X25519;
        d->rx_epoch = feed_row[row].message == MESSAGE_FINISHED ? 1 : 0;
    }
    exchange_of(d)->peer_key.type = WEIR_PUBKEY_P256;
    exchange_of(d)->own_scheme = WEIR_ECDSA_P256_SHA256;
    if (d->step > STEP_SERVER12_WAIT_FINISHED) {
        feed_13(d);
    }
    record[0] = feed_row[row].message;
    weir_put24(record + 1, (uint32_t)n);
    weir_put16(record + 4, weir_dtls_peer_seq(d));
    weir_put24(record + 6, 0);
    weir_put24(record + 9, (uint32_t)n);
    weir_copy(record + MESSAGE_HEADER_BYTES, body.p, n);
    struct dtls_record r = { .type = CONTENT_HANDSHAKE,
                             .version = VERSION_1_2,
                             .epoch = d->rx_epoch,
                             .body = { record, n + MESSAGE_HEADER_BYTES } };
    bool is_kept;
    enum weir_dtls_verdict v = weir_dtls_handshake_recv(d, 0, &r, &is_kept);
    weir_dtls_settle(d);
    return v;
}

/* What holds of a block at any time. */
static inline bool feed_block_is_good(const struct weir_dtls_handshake *h)
{
    const struct weir_dtls_reassembly *r = &h->reassembly;
    const struct weir_dtls_flight *f = &h->flight;
    size_t used = 0;
    bool is_good = true;
    for (unsigned i = 0; i < WEIR_DTLS_WINDOW; i++) {
        const struct weir_dtls_slot *s = &r->slot[i];
        used += s->is_used ? (s->length + 7u) & ~7u : 0;
        is_good = is_good && (!s->is_used || (s->have <= s->length && s->at % 8 == 0));
    }
    is_good = is_good && used == r->used && used <= sizeof r->bytes;
    is_good = is_good && f->at <= f->used && f->used <= sizeof f->bytes;
    is_good = is_good && h->ack.count <= WEIR_DTLS_ACK_RECORDS && f->acked <= f->used;
    is_good = is_good && (h->ack.state == ACK_SOON) == (h->ack.at != WEIR_NEVER);
    return is_good && h->held_bytes <= sizeof h->held && h->session.ticket_bytes <= WEIR_DTLS_TICKET_MAX;
}

/* What holds of an end at any time. */
static inline void feed_check(const struct weir_dtls *d)
{
    bool has_block = weir_dtls_has_block(d);
    bool is_over = d->state == WEIR_DTLS_CLOSED || d->state == WEIR_DTLS_FAILED;
    bool is_good = d->step < STEP_COUNT && d->state < WEIR_DTLS_STATES;
    is_good = is_good && (!has_block || feed_block_is_good(hs_of(d)));
    is_good = is_good && (has_block || d->state != WEIR_DTLS_HANDSHAKE);
    is_good = is_good && (!is_over || !has_block || weir_dtls_flight_is_pending(d));
    is_good = is_good && (d->state != WEIR_DTLS_CONNECTED || d->step == STEP_DONE);
    bool is_13 = d->version == VERSION_1_3;
    uint64_t first = is_13 ? EPOCH_APPLICATION : 1;
    is_good = is_good && (d->state != WEIR_DTLS_CONNECTED
                          || (d->rx_epoch >= first && d->tx_epoch >= first));
    is_good = is_good && (is_13 || (d->rx_epoch <= 1 && d->tx_epoch <= 1));
    is_good = is_good && d->cid.tx_bytes <= WEIR_DTLS_PEER_CID_MAX
              && d->config.cid_bytes <= WEIR_DTLS_CID_MAX && (d->cid.state != CID_NONE || d->cid.tx_bytes == 0);
    is_good = is_good && d->rrc.tries <= WEIR_DTLS_RRC_TRIES && d->rrc.answers <= WEIR_DTLS_RRC_ANSWERS
              && (d->rrc.state != RRC_NEW || d->rrc.tx_bytes <= 3 * (uint64_t)d->rrc.rx_bytes)
              && (d->rrc.state == RRC_IDLE) == (d->rrc.end_at == WEIR_NEVER);
    is_good = is_good && d->resumption.fate < WEIR_DTLS_TICKET_FATES && (is_13 || !weir_dtls_is_resumed(d))
              && (d->resumption.state == SESSION_NONE || (is_13 && d->config.is_client));
    is_good = is_good && (is_13 || (d->update.state == UPDATE_IDLE && d->cid.state != CID_REQUESTED))
              && (!d->update.asks_peer || d->update.state == UPDATE_OWED || d->update.state == UPDATE_SENT_AGAIN)
              && (d->old.is_ready || d->old.until == WEIR_NEVER);
    is_good = is_good && (!is_over || weir_dtls_deadline(d) == WEIR_NEVER);
    if (!is_good) {
        abort();
    }
}

#endif
