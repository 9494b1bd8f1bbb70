/* Where is the peer? Return routability checks [RFC 9853], and what the application checks itself
 * [RFC 9146 6].
 *
 *   0       1                               9
 *   +-------+-------------------------------+
 *   | kind  | cookie (8)                    |     in a record of type 27, always under protection
 *   +-------+-------------------------------+
 *
 *  1. note   an authenticated record with our connection id, newer than all before it, came by another
 *            path than the one in use. Without rrc that is told, and that is all
 *  2. check  a challenge with a random cookie goes out: enhanced, first by the path in use, where
 *            whoever answers has not moved; then, or at once, by the new one. At most three challenges on
 *            each path, and on the new one at most three times the bytes that came by it
 *  3. end    the cookie came back by the path that it went: the new path is in use from now on. Or time
 *            is over: nothing has changed, and the next record may begin another check
 *  4. answer each challenge of the peer's once, by the path it came: with path_drop where we were before
 *            we moved ourselves, with path_response elsewhere
 *
 *            a candidate, enhanced           no answer, or path_drop
 *     IDLE --------------------------> OLD -------------------------> NEW
 *      | ^                              |                             ^ |
 *      | +--- path_response: not moved -+                             | |
 *      | +--- path_response: moved; or no answer ---------------------|-+
 *      +----- a candidate, basic -------------------------------------+
 *
 *     OLD, NEW: to IDLE as well when the application moves us
 *
 * One check is under way at most; another new path has to wait for its end [RFC 9853 5].
 */
#include "dtls/dtls_int.h"

enum { PATH_CHALLENGE = 0, PATH_RESPONSE = 1, PATH_DROP = 2 };
enum { COOKIE_BYTES = 8, RRC_BYTES = 1 + COOKIE_BYTES };

/* [RFC 9853 5.5 SHOULD] When the round trip is not known. */
static const weir_duration unknown_wait = WEIR_SEC;
static const weir_duration least_wait = 200 * WEIR_MS;
static const weir_duration most_wait = 9 * WEIR_SEC;

/* [RFC 9853 5.5 SHOULD] Three round trips of the path in use; the new one may be somewhat longer. */
static weir_duration wait_of(const struct weir_dtls *d)
{
    if (d->rtt == 0) {
        return unknown_wait;
    }
    if (d->rtt > most_wait / 3) {
        return most_wait;
    }
    return 3 * d->rtt < least_wait ? least_wait : 3 * d->rtt;
}

static void begin_state(struct weir_dtls *d, weir_time now, enum rrc_state state)
{
    d->rrc.state = (uint8_t)state;
    d->rrc.tries = 0;
    d->rrc.owes_challenge = true;
    d->rrc.again_at = WEIR_NEVER;
    d->rrc.end_at = weir_time_add(now, wait_of(d));
}

static void end_check(struct weir_dtls *d)
{
    d->rrc.state = RRC_IDLE;
    d->rrc.owes_challenge = false;
    d->rrc.again_at = d->rrc.end_at = WEIR_NEVER;
    weir_wipe(d->rrc.cookie, sizeof d->rrc.cookie);
}

static void forget_events(struct weir_dtls *d)
{
    weir_dtls_owe_not(d, WEIR_DTLS_EVENT_MOVED);
    weir_dtls_owe_not(d, WEIR_DTLS_EVENT_SEEN);
}

void weir_dtls_rrc_stop(struct weir_dtls *d)
{
    end_check(d);
    d->rrc.answers = 0;
    forget_events(d);
}

/* -- 1. Note ----------------------------------------------------------------------------------- */

static uint32_t add(uint32_t sum, size_t n)
{
    return n < UINT32_MAX - sum ? sum + (uint32_t)n : UINT32_MAX;
}

void weir_dtls_rrc_note(struct weir_dtls *d, weir_time now, const struct dtls_record *r)
{
    struct weir_dtls_rrc *c = &d->rrc;
    if (d->rrc.rx == d->rrc.in_use) {
        return;
    }
    if (c->state != RRC_IDLE && d->rrc.rx == c->checked) {
        c->rx_bytes = add(c->rx_bytes, r->whole);
    }
    /* [RFC 9146 6 MUST NOT] An old record may have been on its way since before the peer moved, or be a
     * copy in other hands. */
    if (!r->has_cid || !r->is_newest || d->state != WEIR_DTLS_CONNECTED || c->state != RRC_IDLE) {
        return;
    }
    if (!c->is_agreed) {
        c->seen = d->rrc.rx;
        weir_dtls_owe(d, WEIR_DTLS_EVENT_SEEN);
        return;
    }
    c->checked = d->rrc.rx;
    c->rx_bytes = add(0, r->whole);
    c->tx_bytes = 0;
    c->checks++;
    begin_state(d, now, d->config.rrc == WEIR_DTLS_RRC_ENHANCED ? RRC_OLD : RRC_NEW);
}

/* -- The path in use --------------------------------------------------------------------------- */

void weir_dtls_rrc_agree(struct weir_dtls *d, bool is_agreed)
{
    d->rrc.is_agreed = is_agreed && d->config.rrc != WEIR_DTLS_RRC_NONE;
}

bool weir_dtls_has_rrc(const struct weir_dtls *d)
{
    return d->rrc.is_agreed;
}

void weir_dtls_rrc_heard_by(struct weir_dtls *d, uint32_t path)
{
    d->rrc.rx = path;
}

uint32_t weir_dtls_path(const struct weir_dtls *d)
{
    return d->rrc.in_use;
}

void weir_dtls_set_path(struct weir_dtls *d, uint32_t path)
{
    if (path == d->rrc.in_use) {
        return;
    }
    d->rrc.left = d->rrc.in_use;
    d->rrc.has_left = true;
    d->rrc.in_use = path;
    forget_events(d);
    end_check(d);
}

/* -- 2. Check ---------------------------------------------------------------------------------- */

static uint32_t challenged(const struct weir_dtls *d)
{
    return d->rrc.state == RRC_OLD ? d->rrc.in_use : d->rrc.checked;
}

static size_t send_message(struct weir_dtls *d, uint8_t kind, const uint8_t cookie[COOKIE_BYTES],
                           struct weir_mspan out)
{
    uint8_t *content = out.p + weir_dtls_record_head(d, d->tx_epoch);
    content[0] = kind;
    memcpy(content + 1, cookie, COOKIE_BYTES);
    return weir_dtls_record_seal(d, d->tx_epoch, CONTENT_RETURN_ROUTABILITY_CHECK, VERSION_1_2, out.p,
                                 RRC_BYTES);
}

static size_t send_challenge(struct weir_dtls *d, weir_time now, struct weir_mspan out, uint32_t *path)
{
    struct weir_dtls_rrc *c = &d->rrc;
    size_t n = weir_dtls_record_overhead(d, d->tx_epoch) + RRC_BYTES;
    /* [RFC 9853 5 MUST] Three times what came is the most for who has not proven to be there. */
    if (c->state == RRC_NEW && c->tx_bytes + n > 3 * (uint64_t)c->rx_bytes) {
        return 0;
    }
    uint8_t *cookie = c->cookie[c->tries++];
    weir_rand_bytes(&d->rand, cookie, COOKIE_BYTES); /* [RFC 9853 5.3 MUST] each its own */
    n = send_message(d, PATH_CHALLENGE, cookie, out);
    *path = challenged(d);
    c->tx_bytes = c->state == RRC_NEW ? add(c->tx_bytes, n) : c->tx_bytes;
    c->owes_challenge = false;
    c->again_at = c->tries < WEIR_DTLS_RRC_TRIES ? weir_time_add(now, wait_of(d) / 3) : WEIR_NEVER;
    return n;
}

void weir_dtls_rrc_tick(struct weir_dtls *d, weir_time now)
{
    struct weir_dtls_rrc *c = &d->rrc;
    if (now >= c->end_at && c->state == RRC_OLD) {
        begin_state(d, now, RRC_NEW); /* [RFC 9853 5.2 MUST] nobody is there any more */
    } else if (now >= c->end_at) {
        c->failures++;
        end_check(d);
    } else if (now >= c->again_at) {
        c->again_at = WEIR_NEVER;
        c->owes_challenge = true;
    }
}

/* -- 3. End ------------------------------------------------------------------------------------ */

static bool is_cookie_of_ours(const struct weir_dtls_rrc *c, const uint8_t *cookie)
{
    bool is_ours = false;
    for (unsigned i = 0; i < c->tries; i++) {
        is_ours = weir_equal_secret(c->cookie[i], cookie, COOKIE_BYTES) || is_ours;
    }
    return is_ours;
}

static void move(struct weir_dtls *d, weir_time now)
{
    weir_trace(d->config.trace, now, WEIR_TRACE_DTLS, WEIR_TRACE_NOTE, d->config.conn, 1, d->rrc.in_use,
               d->rrc.checked);
    d->rrc.in_use = d->rrc.checked;
    d->rrc.moves++;
    weir_dtls_owe(d, WEIR_DTLS_EVENT_MOVED);
    end_check(d);
}

static enum weir_dtls_verdict take_answer(struct weir_dtls *d, weir_time now, uint8_t kind,
                                          const uint8_t *cookie)
{
    struct weir_dtls_rrc *c = &d->rrc;
    /* [RFC 9853 5.4 MUST] The peer answers by the path that the challenge went; in a basic check there
     * is nothing to be dropped. */
    if (c->state == RRC_IDLE || d->rrc.rx != challenged(d) || !is_cookie_of_ours(c, cookie)
        || (c->state == RRC_NEW && kind == PATH_DROP)) {
        return WEIR_DTLS_RRC_STRAY;
    }
    if (c->state == RRC_NEW) {
        move(d, now);
    } else if (kind == PATH_DROP) {
        begin_state(d, now, RRC_NEW);
    } else {
        c->failures++; /* [RFC 9853 5.2 MUST] the peer is where it was */
        end_check(d);
    }
    return WEIR_DTLS_OK;
}

/* -- 4. Answer --------------------------------------------------------------------------------- */

static enum weir_dtls_verdict take_challenge(struct weir_dtls *d, const uint8_t *cookie)
{
    struct weir_dtls_rrc *c = &d->rrc;
    if (c->answers == WEIR_DTLS_RRC_ANSWERS) {
        return WEIR_DTLS_RRC_FULL;
    }
    bool is_left = c->has_left && d->rrc.rx == c->left && d->rrc.rx != d->rrc.in_use;
    c->answer[c->answers].path = d->rrc.rx;
    c->answer[c->answers].type = is_left ? PATH_DROP : PATH_RESPONSE;
    memcpy(c->answer[c->answers].cookie, cookie, COOKIE_BYTES);
    c->answers++;
    return WEIR_DTLS_OK;
}

enum weir_dtls_verdict weir_dtls_rrc_recv(struct weir_dtls *d, weir_time now,
                                          const struct dtls_record *r)
{
    struct weir_rd rd = weir_rd_of(weir_span_const(r->body));
    struct weir_span cookie;
    uint8_t kind;
    if (!weir_rd_u8(&rd, &kind)) {
        return WEIR_DTLS_RRC_MALFORMED;
    }
    if (kind > PATH_DROP) {
        return WEIR_DTLS_RRC_UNKNOWN; /* [RFC 9853 4 MUST] */
    }
    if (!weir_rd_take(&rd, COOKIE_BYTES, &cookie) || rd.n != 0) {
        return WEIR_DTLS_RRC_MALFORMED;
    }
    return kind == PATH_CHALLENGE ? take_challenge(d, cookie.p) : take_answer(d, now, kind, cookie.p);
}

size_t weir_dtls_rrc_send(struct weir_dtls *d, weir_time now, struct weir_mspan out, uint32_t *path)
{
    struct weir_dtls_rrc *c = &d->rrc;
    if (out.n < weir_dtls_record_overhead(d, d->tx_epoch) + RRC_BYTES) {
        return 0;
    }
    if (c->answers != 0) {
        size_t n = send_message(d, c->answer[0].type, c->answer[0].cookie, out);
        *path = c->answer[0].path;
        c->answers--;
        memmove(&c->answer[0], &c->answer[1], c->answers * sizeof c->answer[0]);
        return n;
    }
    return c->owes_challenge ? send_challenge(d, now, out, path) : 0;
}
