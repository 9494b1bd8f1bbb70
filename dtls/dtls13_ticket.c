/* Tickets, the server's side: it keeps nothing, for all that it must know of a session is in the ticket,
 * under a key that no one else has [RFC 8446 4.2.11, 4.6.1; RFC 5077 4 for the idea].
 *
 *   name of the key (4) | nonce (12) | encrypted with AES-256-GCM: what follows | tag (16)
 *
 *     form (1), suite (2), when certificates were shown (8), secret (48),
 *     SHA-256 of our certificate (32), SHA-256, SHA-384 and SHA-512 of the client's (144)
 *
 *  1. seal and open
 *  2. find   the first ticket of a hello that is ours, fresh, of the same two certificates
 *  3. bind   the client knows its secret
 *  4. use    it stands for the certificates
 *  5. give   one after each handshake, to who can use it. However often a session is resumed, it ends a
 *            week after the certificates were shown [RFC 8446 4.6.1]
 *
 * A ticket that is not good is passed over, and the handshake is a full one: only who holds a good one must
 * prove that it is its own.
 */
#include "dtls/dtls_int.h"

enum {
    TICKET_FORM = 1,
    NAME_BYTES = 4,
    PLAIN_BYTES = 1 + 2 + 8 + WEIR_DTLS_SECRET_MAX + 32 + 32 + 48 + 64,
    SEALED_BYTES = NAME_BYTES + WEIR_NONCE_BYTES + PLAIN_BYTES + WEIR_TAG_BYTES,
    TICKETS_TRIED = 4, /* of one hello */
};

/* -- 1. Seal and open -------------------------------------------------------------------------- */

struct content {
    uint16_t suite;
    int64_t proven_s;
    uint8_t secret[WEIR_DTLS_SECRET_MAX];
    uint8_t own_sha256[32];
    struct weir_dtls_digests peer;
};

static void key_name(const struct weir_dtls *d, const uint8_t *key, uint8_t name[NAME_BYTES])
{
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    struct weir_span part[2] = { WEIR_LIT("weir ticket key"),
                                 weir_span_of(key, WEIR_DTLS_TICKET_KEY_BYTES) };
    weir_hash_of(d->config.crypto, WEIR_SHA256, part, 2, digest);
    memcpy(name, digest, NAME_BYTES);
}

static void write_content(struct weir_wr *w, const struct content *c)
{
    weir_wr_u8(w, TICKET_FORM);
    weir_wr_u16(w, c->suite);
    weir_wr_u64(w, (uint64_t)c->proven_s);
    weir_wr_bytes(w, weir_span_of(c->secret, sizeof c->secret));
    weir_wr_bytes(w, weir_span_of(c->own_sha256, sizeof c->own_sha256));
    weir_wr_bytes(w, weir_span_of(c->peer.sha256, sizeof c->peer.sha256));
    weir_wr_bytes(w, weir_span_of(c->peer.sha384, sizeof c->peer.sha384));
    weir_wr_bytes(w, weir_span_of(c->peer.sha512, sizeof c->peer.sha512));
}

static bool take(struct weir_rd *rd, uint8_t *out, size_t n)
{
    struct weir_span bytes;
    return weir_rd_take(rd, n, &bytes) && weir_copy_into(out, n, bytes);
}

static bool read_content(struct weir_span plain, struct content *c)
{
    struct weir_rd rd = weir_rd_of(plain);
    uint8_t form;
    uint64_t proven;
    bool is_whole = weir_rd_u8(&rd, &form) && weir_rd_u16(&rd, &c->suite)
                    && weir_rd_u64(&rd, &proven) && take(&rd, c->secret, sizeof c->secret)
                    && take(&rd, c->own_sha256, sizeof c->own_sha256)
                    && take(&rd, c->peer.sha256, sizeof c->peer.sha256)
                    && take(&rd, c->peer.sha384, sizeof c->peer.sha384)
                    && take(&rd, c->peer.sha512, sizeof c->peer.sha512) && rd.n == 0;
    if (!is_whole || form != TICKET_FORM || weir_dtls13_suite(c->suite) == NULL || proven >> 43 != 0) {
        return false;
    }
    c->proven_s = (int64_t)proven;
    return true;
}

static bool seal(struct weir_dtls *d, const struct content *c, uint8_t ticket[SEALED_BYTES])
{
    struct weir_aead aead;
    uint8_t *nonce = ticket + NAME_BYTES, *plain = nonce + WEIR_NONCE_BYTES;
    struct weir_wr w = weir_wr_of((struct weir_mspan){ plain, PLAIN_BYTES });
    key_name(d, plan_of(d)->ticket_key[0], ticket);
    weir_rand_bytes(&d->rand, nonce, WEIR_NONCE_BYTES);
    write_content(&w, c);
    bool is_done = weir_wr_done(&w) == PLAIN_BYTES
                   && d->config.crypto->aead_init(&aead, WEIR_AES_256_GCM, plan_of(d)->ticket_key[0]);
    if (is_done) {
        d->config.crypto->aead_seal(&aead, nonce, weir_span_of(ticket, NAME_BYTES),
                                    (struct weir_mspan){ plain, PLAIN_BYTES }, plain + PLAIN_BYTES);
    }
    weir_wipe(&aead, sizeof aead);
    return is_done;
}

static bool open_with(const struct weir_dtls *d, const uint8_t *key, struct weir_span ticket,
                      struct content *c)
{
    struct weir_aead aead;
    uint8_t name[NAME_BYTES], plain[PLAIN_BYTES];
    const uint8_t *nonce = ticket.p + NAME_BYTES, *sealed = nonce + WEIR_NONCE_BYTES;
    key_name(d, key, name);
    if (!weir_equal_secret(name, ticket.p, NAME_BYTES)
        || !d->config.crypto->aead_init(&aead, WEIR_AES_256_GCM, key)) {
        return false;
    }
    struct weir_mspan copy = { plain, PLAIN_BYTES };
    memcpy(plain, sealed, PLAIN_BYTES);
    bool is_good = d->config.crypto->aead_open(&aead, nonce, weir_span_of(name, NAME_BYTES), copy,
                                               sealed + PLAIN_BYTES)
                   && read_content(weir_span_const(copy), c);
    weir_wipe(plain, sizeof plain);
    weir_wipe(&aead, sizeof aead);
    return is_good;
}

static bool open_ticket(const struct weir_dtls *d, struct weir_span ticket, struct content *c)
{
    for (unsigned i = 0; i < plan_of(d)->ticket_keys && ticket.n == SEALED_BYTES; i++) {
        if (open_with(d, plan_of(d)->ticket_key[i], ticket, c)) {
            return true;
        }
    }
    return false;
}

/* -- 2. Find ----------------------------------------------------------------------------------- */

static enum weir_dtls_ticket_fate judge(const struct weir_dtls *d, weir_time now, const struct content *c,
                                        uint16_t suite)
{
    int64_t age_s = weir_dtls13_utc(d, now) - c->proven_s;
    if (age_s < -CLOCK_SKEW_S || age_s >= WEIR_DTLS_TICKET_LIFE_MAX) {
        return WEIR_DTLS_TICKET_EXPIRED;
    }
    if (!weir_equal_secret(c->own_sha256, d->config.identity->fingerprint_sha256, 32)
        || !weir_dtls_fingerprint_fits(d, &c->peer)) {
        return WEIR_DTLS_TICKET_OTHERS;
    }
    /* [RFC 8446 4.2.11 MUST] With the hash of the suite that this hello leads to. */
    return weir_dtls13_suite(suite)->hash == weir_dtls13_suite(c->suite)->hash ? WEIR_DTLS_TICKET_TAKEN
                                                                              : WEIR_DTLS_TICKET_UNFIT;
}

/* One identity of the list, and its binder. */
static void look_at(const struct weir_dtls *d, weir_time now, struct weir_span ticket, uint16_t suite,
                    struct dtls13_ticket *t)
{
    struct content c;
    if (!open_ticket(d, ticket, &c)) {
        return;
    }
    t->fate = judge(d, now, &c, suite);
    t->hash = weir_dtls13_suite(c.suite)->hash;
    t->proven_s = c.proven_s;
    t->peer = c.peer;
    memcpy(t->secret, c.secret, sizeof t->secret);
    weir_wipe(&c, sizeof c);
}

/* identities (2) of: ticket (2), age (4); binders (2) of: binder (1), as many, 32 to 255 bytes each. */
static bool look_at_all(const struct weir_dtls *d, weir_time now, struct weir_span body, uint16_t suite,
                        struct dtls13_ticket *t)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd identities, binders, ticket, binder;
    unsigned index = 0;
    if (!weir_rd_sub16(&rd, &identities) || !weir_rd_sub16(&rd, &binders) || rd.n != 0
        || identities.n == 0) {
        return false;
    }
    while (identities.n != 0 || binders.n != 0) {
        if (!weir_rd_sub16(&identities, &ticket) || ticket.n == 0 || !weir_rd_skip(&identities, 4)
            || !weir_rd_sub8(&binders, &binder) || binder.n < 32) {
            return false;
        }
        if (t->fate != WEIR_DTLS_TICKET_TAKEN && index < TICKETS_TRIED) {
            look_at(d, now, weir_rd_rest(&ticket), suite, t);
            t->index = (uint16_t)index;
            t->binder = weir_rd_rest(&binder);
        }
        index++;
    }
    return true;
}

static bool has_psk_dhe_ke(const struct dtls_hello *h)
{
    struct weir_span body, list;
    return weir_dtls_hello_find(h, EXTENSION_PSK_KEY_EXCHANGE_MODES, &body) && weir_dtls_list8(body, &list)
           && weir_dtls_bytes_have(list, PSK_DHE_KE);
}

static bool gives_tickets(const struct weir_dtls *d)
{
    return plan_of(d)->tickets != WEIR_DTLS_TICKETS_OFF && plan_of(d)->ticket_keys != 0;
}

enum weir_dtls_verdict weir_dtls13_find_ticket(const struct weir_dtls *d, weir_time now,
                                               const struct dtls_hello *h, struct weir_span hello,
                                               uint16_t suite, struct dtls13_ticket *t)
{
    struct weir_span body, modes;
    memset(t, 0, sizeof *t);
    if (!gives_tickets(d) || !weir_dtls_hello_find(h, EXTENSION_PRE_SHARED_KEY, &body)) {
        return WEIR_DTLS_OK;
    }
    /* [RFC 8446 4.2.11 MUST] It comes last. [RFC 8446 4.2.9 MUST] Not without the modes. */
    if (h->extension[h->extensions - 1].type != EXTENSION_PRE_SHARED_KEY
        || !weir_dtls_hello_find(h, EXTENSION_PSK_KEY_EXCHANGE_MODES, &modes)) {
        return WEIR_DTLS_HELLO_PSK;
    }
    t->fate = WEIR_DTLS_TICKET_UNKNOWN;
    if (!look_at_all(d, now, body, suite, t)) {
        return WEIR_DTLS_HELLO_PSK;
    }
    t->bound = (size_t)(body.p - hello.p) + 2 + weir_be16(body.p);
    if (t->fate == WEIR_DTLS_TICKET_TAKEN && !has_psk_dhe_ke(h)) {
        t->fate = WEIR_DTLS_TICKET_UNFIT;
    }
    return WEIR_DTLS_OK;
}

/* -- 3. Bind ----------------------------------------------------------------------------------- */

/* [RFC 8446 4.2.11 MUST] Before the session counts for anything. [DEVIATION] The hello is dropped, as every
 * other one that is not good, where an alert would tell the same. */
bool weir_dtls13_binder_is_right(const struct weir_dtls *d, struct weir_span hello,
                                 const struct dtls13_ticket *t)
{
    uint8_t digest[WEIR_HASH_BYTES_MAX], binder[WEIR_HASH_BYTES_MAX];
    if (t->fate != WEIR_DTLS_TICKET_TAKEN) {
        return true;
    }
    weir_dtls_transcript_digest_hello(d, t->hash, hello, t->bound, digest);
    size_t n = weir_dtls13_binder(d, t->hash, t->secret, digest, binder);
    return t->binder.n == n && weir_equal_secret(t->binder.p, binder, n);
}

/* -- 4. Use ------------------------------------------------------------------------------------ */

/* Can the client use a ticket, and did it ask for one, if it has to [RFC 9149 3]? */
static bool wants_ticket(const struct weir_dtls *d, const struct dtls_hello *h, bool *has_asked)
{
    struct weir_span body;
    *has_asked = weir_dtls_hello_find(h, EXTENSION_TICKET_REQUEST, &body) && body.n == 2
                 && body.p[weir_dtls_is_resumed(d) ? 1 : 0] != 0;
    return gives_tickets(d) && has_psk_dhe_ke(h)
           && (*has_asked || plan_of(d)->tickets == WEIR_DTLS_TICKETS_ALL);
}

void weir_dtls13_use_ticket(struct weir_dtls *d, weir_time now, const struct dtls_hello *h,
                            const struct dtls13_ticket *t)
{
    if (t->fate == WEIR_DTLS_TICKET_TAKEN) {
        exchange_of(d)->ticket_index = t->index;
        weir_dtls13_session_resume(d, t->secret, &t->peer, t->proven_s);
    } else {
        exchange_of(d)->proven_s = weir_dtls13_utc(d, now); /* certificates will be shown now */
        weir_dtls13_session_refuse(d, t->fate);
    }
    exchange_of(d)->wants_ticket = wants_ticket(d, h, &exchange_of(d)->has_asked_ticket);
}

/* -- 5. Give ----------------------------------------------------------------------------------- */

bool weir_dtls13_write_new_session_ticket(struct weir_dtls *d, weir_time now)
{
    struct content c = { .suite = d->suite, .proven_s = exchange_of(d)->proven_s, .peer = d->peer };
    uint8_t ticket[SEALED_BYTES], nonce[1] = { 0 }; /* one ticket: it need not differ from others */
    int64_t life_s = c.proven_s + WEIR_DTLS_TICKET_LIFE_MAX - weir_dtls13_utc(d, now);
    if (!exchange_of(d)->wants_ticket || life_s <= 0) {
        return true;
    }
    memcpy(c.own_sha256, d->config.identity->fingerprint_sha256, sizeof c.own_sha256);
    weir_dtls13_derive_resumption(d, c.secret);
    weir_dtls13_session_secret(d, weir_span_of(nonce, sizeof nonce), c.secret);
    bool is_sealed = seal(d, &c, ticket);
    weir_wipe(&c, sizeof c);
    if (!is_sealed) {
        return false;
    }
    weir_dtls_flight_begin(d, true);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_NEW_SESSION_TICKET, EPOCH_APPLICATION);
    weir_wr_u32(&w, life_s < WEIR_DTLS_TICKET_LIFE_MAX ? (uint32_t)life_s : WEIR_DTLS_TICKET_LIFE_MAX);
    weir_wr_u32(&w, weir_rand_u32(&d->rand));
    weir_wr_u8(&w, sizeof nonce);
    weir_wr_bytes(&w, weir_span_of(nonce, sizeof nonce));
    weir_wr_u16(&w, sizeof ticket);
    weir_wr_bytes(&w, weir_span_of(ticket, sizeof ticket));
    weir_wr_u16(&w, 0); /* no extensions: no early data */
    return weir_dtls_message_close(d, &w);
}
