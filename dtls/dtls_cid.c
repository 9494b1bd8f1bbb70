/* Connection ids: an end is found by what its peer's records carry, wherever they come from
 * [RFC 9146; RFC 9147 4, 9].
 *
 *   ClientHello, connection_id = what the server shall put into its records        -->
 *         <--  ServerHello, connection_id = what the client shall put into its own
 *
 *   from then on every record under protection carries the id that its receiver chose; one of no bytes
 *   means "send without". The hellos of both versions carry the same extension; the headers differ.
 *
 *  1. ours     chosen by the config, the same for the life of the connection
 *  2. hellos   offer, answer, what was agreed; rrc goes along [RFC 9853 3]
 *  3. records  one that lacks its id is dropped
 *  4. changes  1.3: the peer's NewConnectionId is followed when it says "immediate"; spare ids are not
 *              kept [RFC 9147 9 MAY], since we send by one path. RequestConnectionId is answered with
 *              none [RFC 9147 9 MAY]: ours leads to us by a meaning that only the config's maker knows
 *
 *            both hellos have it              request_connection_id
 *     NONE ------------------------> AGREED -------------------------> REQUESTED
 *                                      ^                                  |
 *                                      +--- new_connection_id written ----+
 */
#include "dtls/dtls_int.h"

enum { CID_IMMEDIATE = 0, CID_SPARE = 1 };

/* -- 1. Ours ----------------------------------------------------------------------------------- */

void weir_dtls_keep_cid(struct weir_dtls_config *c)
{
    c->cid_bytes = c->cid_bytes > WEIR_DTLS_CID_MAX ? WEIR_DTLS_CID_MAX : c->cid_bytes;
    if (!c->has_cid) {
        c->cid_bytes = 0;
        c->rrc = WEIR_DTLS_RRC_NONE;
    }
}

struct weir_span weir_dtls_rx_cid(const struct weir_dtls *d)
{
    bool is_there = weir_dtls_has_cid(d) || (d->config.has_cid && d->config.is_client && d->version == 0);
    return weir_span_of(d->config.cid, is_there ? d->config.cid_bytes : 0);
}

bool weir_dtls_take_cid(struct weir_rd *rd, struct weir_span cid)
{
    struct weir_span there;
    return cid.n != 0 && weir_rd_take(rd, cid.n, &there) && weir_span_eq(there, cid);
}

bool weir_dtls_peek_cid(struct weir_span datagram, size_t bytes, struct weir_span *cid)
{
    struct weir_rd rd = weir_rd_of(datagram);
    uint8_t first;
    if (bytes == 0 || !weir_rd_u8(&rd, &first)) {
        return false;
    }
    bool is_12 = first == CONTENT_TLS12_CID;
    bool is_13 = (first & (UNIFIED_MASK | UNIFIED_CID)) == (UNIFIED_FIXED | UNIFIED_CID);
    return (is_13 || (is_12 && weir_rd_skip(&rd, 10))) && weir_rd_take(&rd, bytes, cid);
}

/* -- 2. Hellos --------------------------------------------------------------------------------- */

void weir_dtls_write_cid(const struct weir_dtls *d, struct weir_wr *w)
{
    bool has_rrc = d->config.is_client ? d->config.rrc != WEIR_DTLS_RRC_NONE : d->rrc.is_agreed;
    weir_wr_u16(w, EXTENSION_CONNECTION_ID);
    weir_wr_u16(w, (uint16_t)(d->config.cid_bytes + 1));
    weir_wr_u8(w, d->config.cid_bytes);
    weir_wr_bytes(w, weir_span_of(d->config.cid, d->config.cid_bytes));
    if (has_rrc) {
        weir_wr_u16(w, EXTENSION_RRC);
        weir_wr_u16(w, 0);
    }
}

bool weir_dtls_cid_was_asked(const struct weir_dtls *d, uint16_t type)
{
    return (type == EXTENSION_CONNECTION_ID && d->config.has_cid)
           || (type == EXTENSION_RRC && d->config.rrc != WEIR_DTLS_RRC_NONE);
}

static bool parse_cid(struct weir_span body, struct weir_span *cid)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd child;
    if (!weir_rd_sub8(&rd, &child) || rd.n != 0) {
        return false;
    }
    *cid = weir_rd_rest(&child);
    return true;
}

/* A client has asked, and must send with what it is given; a server may decline. */
bool weir_dtls_hello_cid_is_good(const struct weir_dtls *d, const struct dtls_hello *h)
{
    struct weir_span body, cid;
    bool is_client = d->config.is_client;
    if (!d->config.has_cid) {
        return true;
    }
    if (weir_dtls_hello_find(h, EXTENSION_CONNECTION_ID, &body)) {
        if (!parse_cid(body, &cid) || (is_client && cid.n > WEIR_DTLS_PEER_CID_MAX)) {
            return false;
        }
    } else if (is_client && weir_dtls_hello_find(h, EXTENSION_RRC, &body)) {
        return false; /* [RFC 9853 3 MUST NOT] a server agrees to both or to connection_id */
    }
    return !weir_dtls_hello_find(h, EXTENSION_RRC, &body) || body.n == 0;
}

void weir_dtls_agree_cid(struct weir_dtls *d, const struct dtls_hello *h)
{
    struct weir_span body, cid;
    d->cid.state = CID_NONE;
    d->cid.tx_bytes = 0;
    weir_dtls_rrc_agree(d, false);
    if (!d->config.has_cid || !weir_dtls_hello_find(h, EXTENSION_CONNECTION_ID, &body)
        || !parse_cid(body, &cid) || !weir_copy_into(d->cid.tx, sizeof d->cid.tx, cid)) {
        return;
    }
    d->cid.state = CID_AGREED;
    d->cid.tx_bytes = (uint8_t)cid.n;
    weir_dtls_rrc_agree(d, weir_dtls_hello_find(h, EXTENSION_RRC, &body));
}

bool weir_dtls_has_cid(const struct weir_dtls *d)
{
    return d->cid.state != CID_NONE;
}

/* -- 3. Records -------------------------------------------------------------------------------- */

/* With 1.2 each record has its id, with 1.3 each datagram: one record of it, and those behind. */
bool weir_dtls_lacks_cid(const struct weir_dtls *d, const struct dtls_record *r)
{
    return weir_dtls_has_cid(d) && d->config.cid_bytes != 0 && !r->has_cid
           && !(r->is_unified && d->cid.is_in_datagram);
}

void weir_dtls_cid_note(struct weir_dtls *d, const struct dtls_record *r)
{
    d->cid.is_in_datagram = d->cid.is_in_datagram || r->has_cid;
}

void weir_dtls_cid_end_datagram(struct weir_dtls *d)
{
    d->cid.is_in_datagram = false;
}

/* -- 4. Changes [RFC 9147 9] ------------------------------------------------------------------- */

/* The first of the list that we can send with. */
static bool find_cid(struct weir_rd list, struct weir_span *found)
{
    struct weir_rd one;
    found->n = 0;
    while (list.n != 0) {
        if (!weir_rd_sub8(&list, &one)) {
            return false;
        }
        if (found->n == 0 && one.n <= WEIR_DTLS_PEER_CID_MAX) {
            *found = weir_rd_rest(&one);
        }
    }
    return true;
}

struct dtls_next weir_dtls_new_connection_id(struct weir_dtls *d, weir_time now,
                                             const struct dtls_message *m)
{
    struct weir_rd rd = weir_rd_of(m->body);
    struct weir_rd list;
    struct weir_span cid = { NULL, 0 };
    uint8_t usage;
    (void)now;
    /* [RFC 9147 9 MUST] Only who asked us to send with an id has others to give. */
    if (d->cid.tx_bytes == 0) {
        return weir_dtls_refusal(WEIR_DTLS_UNEXPECTED);
    }
    if (!weir_rd_sub16(&rd, &list) || !weir_rd_u8(&rd, &usage) || rd.n != 0 || usage > CID_SPARE
        || !find_cid(list, &cid) || (usage == CID_IMMEDIATE && cid.n == 0)) {
        return weir_dtls_refusal(WEIR_DTLS_CID_MALFORMED);
    }
    if (usage == CID_IMMEDIATE && weir_copy_into(d->cid.tx, sizeof d->cid.tx, cid)) {
        d->cid.tx_bytes = (uint8_t)cid.n;
    }
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_DONE);
}

struct dtls_next weir_dtls_request_connection_id(struct weir_dtls *d, weir_time now,
                                                 const struct dtls_message *m)
{
    (void)now;
    /* [RFC 9147 9 MUST] Who sends without an id wants no others. */
    if (!weir_dtls_has_cid(d) || d->config.cid_bytes == 0) {
        return weir_dtls_refusal(WEIR_DTLS_UNEXPECTED);
    }
    if (m->body.n != 1) {
        return weir_dtls_refusal(WEIR_DTLS_CID_MALFORMED);
    }
    d->cid.state = CID_REQUESTED;
    weir_dtls_accept(d, m);
    return weir_dtls_go(STEP_DONE);
}

/* [RFC 9147 9 MUST NOT] One at a time: however many were asked for, the answer waits for its ACK. */
void weir_dtls_write_new_connection_id(struct weir_dtls *d, weir_time now)
{
    if (d->cid.state != CID_REQUESTED || d->message_seq == UINT16_MAX || !weir_dtls_lease_or_wait(d, now)
        || hs_of(d)->flight.used != 0) {
        return;
    }
    d->cid.state = CID_AGREED;
    weir_dtls_flight_begin(d, true);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_NEW_CONNECTION_ID, EPOCH_APPLICATION);
    weir_wr_u16(&w, 0);
    weir_wr_u8(&w, CID_SPARE);
    if (weir_dtls_message_close(d, &w)) {
        weir_dtls_await(d, now);
    }
}

void weir_dtls_cid_stop(struct weir_dtls *d)
{
    d->cid.state = d->cid.state == CID_REQUESTED ? CID_AGREED : d->cid.state;
}
