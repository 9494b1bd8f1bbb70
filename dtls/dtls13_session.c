/* Sessions, the client's side: a connection that begins where another one ended
 * [RFC 8446 2.2, 4.2.9, 4.2.11, 4.6.1; RFC 9149].
 *
 *   the first connection, and every one that can be followed by another
 *     ClientHello: psk_key_exchange_modes, ticket_request    -->
 *                                        <--  {EncryptedExtensions: ticket_request}   "you get one"
 *                                        <--  [NewSessionTicket]
 *   the next one
 *     ClientHello: pre_shared_key = ticket, its age, binder  -->
 *                                        <--  ServerHello: pre_shared_key, {EncryptedExtensions, Finished}
 *     {Finished}                         -->
 *
 *  The ticket of this connection's hello, as weir_dtls_ticket tells it:
 *
 *     client   OFFERED --+-- it is not fit for this hello -----> UNFIT, EXPIRED, OTHERS
 *                        +-- ServerHello has pre_shared_key ---> TAKEN
 *                        +-- the handshake ends in full -------> REFUSED
 *     server   NONE -----+-- it is good, its binder is right --> TAKEN
 *                        +-- it is not good -------------------> UNKNOWN, UNFIT, EXPIRED, OTHERS
 *
 *  The session that a ticket of this connection makes:
 *
 *            Finished, and one was promised        new_session_ticket
 *     NONE --------------------------------> AWAITED ----------------> READY
 *      ^                                        |                        |
 *      +--- the connection is over -------------+                        |
 *      +--- the connection is over, or the application took it ----------+
 *
 *  1. judge   is the session one that can be resumed here? If not, the hello is one without it
 *  2. offer   the ticket and, over the hello up to there, an HMAC that shows that we know its secret
 *  3. resume  the server took it: its certificate is the one of that session
 *  4. keep    the ticket that comes after the handshake, one per connection
 *  5. store   a session as bytes
 *
 * Always with a fresh key agreement, psk_dhe_ke; never with data in the first flight.
 */
#include "dtls/dtls_int.h"

int64_t weir_dtls13_utc(const struct weir_dtls *d, weir_time now)
{
    return d->config.utc_s + (int64_t)((now - d->begun_at) / WEIR_SEC);
}

static enum weir_hash_id hash_of(const struct weir_dtls_session *s)
{
    return weir_dtls13_suite(s->suite)->hash;
}

/* -- 1. Judge ---------------------------------------------------------------------------------- */

static enum weir_dtls_ticket_fate judge(const struct weir_dtls *d, weir_time now)
{
    const struct weir_dtls_session *s = &hs_of(d)->session;
    int64_t utc = weir_dtls13_utc(d, now);
    if (!weir_dtls_offers(d, WEIR_DTLS_1_3) || !weir_dtls_suite_is_ours(d, s->suite)
        || weir_dtls13_suite(s->suite) == NULL || s->ticket_bytes == 0
        || s->ticket_bytes > WEIR_DTLS_TICKET_MAX) {
        return WEIR_DTLS_TICKET_UNFIT;
    }
    if (utc < s->given_s - CLOCK_SKEW_S || utc >= s->end_s) {
        return WEIR_DTLS_TICKET_EXPIRED;
    }
    if (!weir_equal_secret(s->own_sha256, d->config.identity->fingerprint_sha256, 32)
        || !weir_dtls_fingerprint_fits(d, &s->peer)) {
        return WEIR_DTLS_TICKET_OTHERS;
    }
    return WEIR_DTLS_TICKET_OFFERED;
}

void weir_dtls13_session_init(struct weir_dtls *d, weir_time now, const struct weir_dtls_session *offered)
{
    d->resumption.fate = WEIR_DTLS_TICKET_UNFIT; /* where there is no room for it */
    if (weir_dtls_lease(d, now)) {
        hs_of(d)->session = *offered;
        d->resumption.fate = WEIR_DTLS_TICKET_OFFERED; /* if it is good, see below */
    }
}

void weir_dtls13_judge_session(struct weir_dtls *d, weir_time now)
{
    if (d->resumption.fate == WEIR_DTLS_TICKET_OFFERED) {
        d->resumption.fate = (uint8_t)judge(d, now);
    }
}

/* [RFC 8446 4.1.4 MUST] After a HelloRetryRequest only with the hash that it named. */
bool weir_dtls13_offers_session(const struct weir_dtls *d)
{
    return d->resumption.fate == WEIR_DTLS_TICKET_OFFERED
           && (!exchange_of(d)->has_retry
               || weir_dtls13_suite(d->suite)->hash == hash_of(&hs_of(d)->session));
}

/* -- 2. Offer ---------------------------------------------------------------------------------- */

void weir_dtls13_write_ticket_request(const struct weir_dtls *d, struct weir_wr *w)
{
    bool wants_ticket = plan_of(d)->tickets != WEIR_DTLS_TICKETS_OFF;
    if (wants_ticket || weir_dtls13_offers_session(d)) {
        weir_wr_u16(w, EXTENSION_PSK_KEY_EXCHANGE_MODES);
        weir_wr_u16(w, 2);
        weir_wr_u8(w, 1);
        weir_wr_u8(w, PSK_DHE_KE);
    }
    if (wants_ticket) {
        weir_wr_u16(w, EXTENSION_TICKET_REQUEST);
        weir_wr_u16(w, 2);
        weir_wr_u8(w, 1); /* for a new session */
        weir_wr_u8(w, 1); /* for a resumed one */
    }
}

/* [RFC 8446 4.2.11 MUST] The last extension. [RFC 8446 4.2.11.1] The age in ms, hidden by a number that
 * came with the ticket. */
void weir_dtls13_write_psk(const struct weir_dtls *d, weir_time now, struct weir_wr *w)
{
    const struct weir_dtls_session *s = &hs_of(d)->session;
    if (!weir_dtls13_offers_session(d)) {
        return;
    }
    int64_t age_s = weir_dtls13_utc(d, now) - s->given_s;
    uint32_t age_ms = age_s > 0 ? (uint32_t)((uint64_t)age_s * 1000) : 0;
    weir_wr_u16(w, EXTENSION_PRE_SHARED_KEY);
    struct weir_mark body = weir_wr_open(w, 2);
    struct weir_mark identities = weir_wr_open(w, 2);
    weir_wr_u16(w, s->ticket_bytes);
    weir_wr_bytes(w, weir_span_of(s->ticket, s->ticket_bytes));
    weir_wr_u32(w, age_ms + s->age_add);
    weir_wr_close(w, identities);
    struct weir_mark binders = weir_wr_open(w, 2);
    struct weir_mark binder = weir_wr_open(w, 1);
    weir_wr_zero(w, weir_hash_bytes(hash_of(s)));
    weir_wr_close(w, binder);
    weir_wr_close(w, binders);
    weir_wr_close(w, body);
}

/* The binder is the end of the hello; it covers all before the list of binders. */
void weir_dtls13_bind(struct weir_dtls *d, struct weir_wr *w)
{
    enum { BEFORE = 4 + MESSAGE_HEADER_BYTES }; /* entry of the flight, header of the message */
    uint8_t digest[WEIR_HASH_BYTES_MAX], binder[WEIR_HASH_BYTES_MAX];
    size_t whole = weir_wr_done(w);
    if (!weir_dtls13_offers_session(d) || whole == 0) {
        return;
    }
    enum weir_hash_id hash = hash_of(&hs_of(d)->session);
    size_t n = weir_hash_bytes(hash);
    struct weir_span hello = { w->base + BEFORE, whole - BEFORE };
    if (!exchange_of(d)->has_retry) {
        weir_dtls_transcript_begin(d);
    }
    weir_dtls_transcript_digest_hello(d, hash, hello, hello.n - n - 3, digest);
    (void)weir_dtls13_binder(d, hash, hs_of(d)->session.secret, digest, binder);
    memcpy(w->base + whole - n, binder, n);
}

/* -- 3. Resume --------------------------------------------------------------------------------- */

/* [RFC 8446 4.2.11 MUST] The one that we offered, with a suite of its hash. */
enum weir_dtls_verdict weir_dtls13_check_psk(const struct weir_dtls *d, const struct dtls_hello *h)
{
    const struct weir_dtls_session *s = &hs_of(d)->session;
    struct weir_span body;
    if (!weir_dtls_hello_find(h, EXTENSION_PRE_SHARED_KEY, &body)) {
        return WEIR_DTLS_OK;
    }
    if (body.n != 2 || weir_be16(body.p) != 0 || weir_dtls13_suite(h->suite)->hash != hash_of(s)) {
        return WEIR_DTLS_HELLO_PSK;
    }
    /* Known only now, perhaps: whom we were to talk to. */
    return weir_dtls_fingerprint_fits(d, &s->peer) ? WEIR_DTLS_OK : WEIR_DTLS_CERT_FINGERPRINT;
}

void weir_dtls13_resume(struct weir_dtls *d, const struct dtls_hello *h)
{
    const struct weir_dtls_session *s = &hs_of(d)->session;
    struct weir_span body;
    if (weir_dtls_hello_find(h, EXTENSION_PRE_SHARED_KEY, &body)) {
        weir_dtls13_session_resume(d, s->secret, &s->peer, s->proven_s);
    }
}

void weir_dtls13_session_resume(struct weir_dtls *d, const uint8_t secret[WEIR_DTLS_SECRET_MAX],
                                const struct weir_dtls_digests *peer, int64_t proven_s)
{
    d->resumption.fate = WEIR_DTLS_TICKET_TAKEN;
    d->peer = *peer;
    d->has_peer_cert = true;
    exchange_of(d)->proven_s = proven_s;
    memcpy(exchange_of(d)->psk, secret, sizeof exchange_of(d)->psk);
}

void weir_dtls13_session_refuse(struct weir_dtls *d, enum weir_dtls_ticket_fate fate)
{
    d->resumption.fate = (uint8_t)fate;
}

bool weir_dtls_is_resumed(const struct weir_dtls *d)
{
    return d->resumption.fate == WEIR_DTLS_TICKET_TAKEN;
}

enum weir_dtls_ticket_fate weir_dtls_ticket(const struct weir_dtls *d)
{
    return (enum weir_dtls_ticket_fate)d->resumption.fate;
}

/* -- 4. Keep ----------------------------------------------------------------------------------- */

/* [RFC 9149 3] How many tickets to expect. */
enum weir_dtls_verdict weir_dtls13_take_ticket_hint(struct weir_dtls *d, const struct dtls_hello *h)
{
    struct weir_span body;
    bool is_told = weir_dtls_hello_find(h, EXTENSION_TICKET_REQUEST, &body);
    if (is_told && body.n != 1) {
        return WEIR_DTLS_ENCRYPTED_MALFORMED;
    }
    exchange_of(d)->expects_ticket =
        plan_of(d)->tickets == WEIR_DTLS_TICKETS_ALL || (is_told && body.p[0] != 0);
    return WEIR_DTLS_OK;
}

void weir_dtls13_expect_ticket(struct weir_dtls *d, weir_time now)
{
    struct weir_dtls_resumption *r = &d->resumption;
    if (!exchange_of(d)->expects_ticket) {
        return;
    }
    r->state = SESSION_AWAITED;
    weir_wipe(&hs_of(d)->session, sizeof hs_of(d)->session); /* the one before */
    r->proven_s = weir_dtls_is_resumed(d) ? exchange_of(d)->proven_s : weir_dtls13_utc(d, now);
    weir_dtls13_derive_resumption(d, r->secret);
}

void weir_dtls13_session_complete(struct weir_dtls *d)
{
    if (d->resumption.fate == WEIR_DTLS_TICKET_OFFERED) {
        d->resumption.fate = WEIR_DTLS_TICKET_REFUSED;
    }
    if (d->resumption.state != SESSION_AWAITED) {
        weir_dtls13_session_stop(d);
    }
}

void weir_dtls13_session_stop(struct weir_dtls *d)
{
    d->resumption.state = SESSION_NONE;
    weir_wipe(d->resumption.secret, sizeof d->resumption.secret);
    if (has_block(d)) {
        weir_wipe(&hs_of(d)->session, sizeof hs_of(d)->session);
    }
    weir_dtls_owe_not(d, WEIR_DTLS_EVENT_SESSION);
}

/* lifetime (4), age_add (4), nonce, ticket, extensions. The first one that can be kept is; of all that come
 * besides the form is looked at. */
static enum weir_dtls_verdict take_ticket(struct weir_dtls *d, weir_time now, struct weir_span body)
{
    struct weir_dtls_session *s = &hs_of(d)->session;
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd nonce, ticket, extensions;
    uint32_t life_s, age_add;
    if (!weir_rd_u32(&rd, &life_s) || !weir_rd_u32(&rd, &age_add) || !weir_rd_sub8(&rd, &nonce)
        || !weir_rd_sub16(&rd, &ticket) || ticket.n == 0 || !weir_rd_sub16(&rd, &extensions)
        || rd.n != 0) {
        return WEIR_DTLS_TICKET_MALFORMED;
    }
    int64_t given_s = weir_dtls13_utc(d, now);
    int64_t last_s = d->resumption.proven_s + WEIR_DTLS_TICKET_LIFE_MAX;
    int64_t end_s = given_s + (life_s < WEIR_DTLS_TICKET_LIFE_MAX ? life_s : WEIR_DTLS_TICKET_LIFE_MAX);
    end_s = end_s < last_s ? end_s : last_s;
    if (d->resumption.state != SESSION_AWAITED || end_s <= given_s
        || !weir_copy_into(s->ticket, sizeof s->ticket, weir_rd_rest(&ticket))) {
        return WEIR_DTLS_OK;
    }
    s->suite = d->suite;
    s->group = d->group;
    s->proven_s = d->resumption.proven_s;
    s->peer = d->peer;
    memcpy(s->own_sha256, d->config.identity->fingerprint_sha256, sizeof s->own_sha256);
    memcpy(s->secret, d->resumption.secret, sizeof s->secret);
    weir_wipe(d->resumption.secret, sizeof d->resumption.secret);
    s->given_s = given_s;
    s->end_s = end_s;
    s->ticket_bytes = (uint16_t)ticket.n;
    s->age_add = age_add;
    weir_dtls13_session_secret(d, weir_rd_rest(&nonce), s->secret);
    d->resumption.state = SESSION_READY;
    weir_dtls_owe(d, WEIR_DTLS_EVENT_SESSION);
    return WEIR_DTLS_OK;
}

struct dtls_next weir_dtls13_new_session_ticket(struct weir_dtls *d, weir_time now,
                                                const struct dtls_message *m)
{
    enum weir_dtls_verdict v = take_ticket(d, now, m->body);
    if (v != WEIR_DTLS_OK) {
        return weir_dtls_refusal(v);
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_DONE);
}

bool weir_dtls_take_session(struct weir_dtls *d, struct weir_dtls_session *out)
{
    if (d->resumption.state != SESSION_READY || d->state != WEIR_DTLS_CONNECTED) {
        return false;
    }
    *out = hs_of(d)->session; /* the block stays for as long as this is so */
    weir_dtls13_session_stop(d);
    return true;
}

/* -- 5. Store ---------------------------------------------------------------------------------- */

enum { STORED_FORM = 1 };

/* form (1), suite (2), group (2), age_add (4), given (8), proven (8), end (8), own (32), peer (144),
 * secret (48), ticket behind its length (2) */
size_t weir_dtls_session_save(const struct weir_dtls_session *s, struct weir_mspan out)
{
    struct weir_wr w = weir_wr_of(out);
    size_t n = s->ticket_bytes < WEIR_DTLS_TICKET_MAX ? s->ticket_bytes : WEIR_DTLS_TICKET_MAX;
    weir_wr_u8(&w, STORED_FORM);
    weir_wr_u16(&w, s->suite);
    weir_wr_u16(&w, s->group);
    weir_wr_u32(&w, s->age_add);
    weir_wr_u64(&w, (uint64_t)s->given_s);
    weir_wr_u64(&w, (uint64_t)s->proven_s);
    weir_wr_u64(&w, (uint64_t)s->end_s);
    weir_wr_bytes(&w, weir_span_of(s->own_sha256, sizeof s->own_sha256));
    weir_wr_bytes(&w, weir_span_of(s->peer.sha256, sizeof s->peer.sha256));
    weir_wr_bytes(&w, weir_span_of(s->peer.sha384, sizeof s->peer.sha384));
    weir_wr_bytes(&w, weir_span_of(s->peer.sha512, sizeof s->peer.sha512));
    weir_wr_bytes(&w, weir_span_of(s->secret, sizeof s->secret));
    weir_wr_u16(&w, (uint16_t)n);
    weir_wr_bytes(&w, weir_span_of(s->ticket, n));
    return weir_wr_done(&w);
}

static bool read_bytes(struct weir_rd *rd, uint8_t *out, size_t n)
{
    struct weir_span bytes;
    return weir_rd_take(rd, n, &bytes) && weir_copy_into(out, n, bytes);
}

/* Times within what arithmetic on them bears: some hundred thousand years. */
static bool read_time(struct weir_rd *rd, int64_t *out)
{
    uint64_t v;
    if (!weir_rd_u64(rd, &v) || v >> 43 != 0) {
        return false;
    }
    *out = (int64_t)v;
    return true;
}

static bool read_session(struct weir_rd *rd, struct weir_dtls_session *s)
{
    uint8_t form;
    struct weir_rd ticket;
    if (!weir_rd_u8(rd, &form) || form != STORED_FORM || !weir_rd_u16(rd, &s->suite)
        || !weir_rd_u16(rd, &s->group) || !weir_rd_u32(rd, &s->age_add) || !read_time(rd, &s->given_s)
        || !read_time(rd, &s->proven_s) || !read_time(rd, &s->end_s)
        || !read_bytes(rd, s->own_sha256, sizeof s->own_sha256)
        || !read_bytes(rd, s->peer.sha256, sizeof s->peer.sha256)
        || !read_bytes(rd, s->peer.sha384, sizeof s->peer.sha384)
        || !read_bytes(rd, s->peer.sha512, sizeof s->peer.sha512)
        || !read_bytes(rd, s->secret, sizeof s->secret) || !weir_rd_sub16(rd, &ticket) || rd->n != 0) {
        return false;
    }
    s->ticket_bytes = (uint16_t)ticket.n;
    return ticket.n != 0 && weir_dtls13_suite(s->suite) != NULL
           && weir_copy_into(s->ticket, sizeof s->ticket, weir_rd_rest(&ticket));
}

bool weir_dtls_session_load(struct weir_dtls_session *s, struct weir_span bytes)
{
    struct weir_rd rd = weir_rd_of(bytes);
    memset(s, 0, sizeof *s);
    if (!read_session(&rd, s)) {
        weir_wipe(s, sizeof *s);
        return false;
    }
    return true;
}
