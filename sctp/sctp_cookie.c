/* The state cookie [RFC 9260 5.1.3]: everything an answer to INIT would have to remember, sealed
 * with HMAC-SHA-256 under a key of this association, so that nothing need be remembered.
 *
 *   offset 0  made_at, microseconds of our clock    36  streams out, streams in (of the peer)
 *          8  local tag, local initial TSN          40  bit 0 FORWARD-TSN, bit 1 RE-CONFIG
 *         16  local tie tag, remote tie tag         41  zero
 *         24  remote tag, window, initial TSN       44  MAC over the 44 bytes before it
 *
 * The cookie names no address and no pointer.
 */
#include "sctp/sctp_int.h"

enum { MAC_BYTES = 32, BODY_BYTES = COOKIE_BYTES - MAC_BYTES };

static void cookie_mac(const struct weir_sctp *s, const uint8_t *body, uint8_t mac[MAC_BYTES])
{
    struct weir_hmac_key key;
    struct weir_span part = weir_span_of(body, BODY_BYTES);
    weir_hmac_init(s->config.crypto, &key, WEIR_SHA256,
                   weir_span_of(s->cookie_key, sizeof s->cookie_key));
    weir_hmac(s->config.crypto, &key, &part, 1, mac);
    weir_wipe(&key, sizeof key);
}

void weir_sctp_cookie_seal(const struct weir_sctp *s, const struct cookie *c,
                           uint8_t out[COOKIE_BYTES])
{
    struct weir_mspan room = { out, BODY_BYTES };
    struct weir_wr w = weir_wr_of(room);
    weir_wr_u64(&w, c->made_at);
    weir_wr_u32(&w, c->local_tag);
    weir_wr_u32(&w, c->local_tsn);
    weir_wr_u32(&w, c->tie_local);
    weir_wr_u32(&w, c->tie_remote);
    weir_wr_u32(&w, c->remote.tag);
    weir_wr_u32(&w, c->remote.a_rwnd);
    weir_wr_u32(&w, c->remote.tsn);
    weir_wr_u16(&w, c->remote.out_streams);
    weir_wr_u16(&w, c->remote.in_streams);
    weir_wr_u8(&w, (uint8_t)((c->remote.has_forward_tsn ? 1 : 0) |
                             (c->remote.has_reconfig ? 2 : 0)));
    weir_wr_zero(&w, 3);
    cookie_mac(s, out, out + BODY_BYTES);
}

static bool body_parse(struct weir_rd *r, struct cookie *c)
{
    uint8_t extensions;
    if (!weir_rd_u64(r, &c->made_at) || !weir_rd_u32(r, &c->local_tag) ||
        !weir_rd_u32(r, &c->local_tsn) || !weir_rd_u32(r, &c->tie_local) ||
        !weir_rd_u32(r, &c->tie_remote) || !weir_rd_u32(r, &c->remote.tag) ||
        !weir_rd_u32(r, &c->remote.a_rwnd) || !weir_rd_u32(r, &c->remote.tsn) ||
        !weir_rd_u16(r, &c->remote.out_streams) || !weir_rd_u16(r, &c->remote.in_streams) ||
        !weir_rd_u8(r, &extensions)) {
        return false;
    }
    c->remote.has_forward_tsn = (extensions & 1) != 0;
    c->remote.has_reconfig = (extensions & 2) != 0;
    return true;
}

bool weir_sctp_cookie_open(const struct weir_sctp *s, struct weir_span bytes, struct cookie *c)
{
    uint8_t mac[MAC_BYTES];
    memset(c, 0, sizeof *c);
    /* [RFC 9260 5.1.5 MUST] The MAC is checked before anything in the cookie is believed. */
    if (bytes.n != COOKIE_BYTES) {
        return false;
    }
    cookie_mac(s, bytes.p, mac);
    if (!weir_equal_secret(mac, bytes.p + BODY_BYTES, MAC_BYTES)) {
        return false;
    }
    struct weir_rd r = weir_rd_of(weir_span_of(bytes.p, BODY_BYTES));
    return body_parse(&r, c);
}
