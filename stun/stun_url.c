/* stun:, stuns:, turn: and turns: as text [RFC 7064 3.1, RFC 7065 3.1]:
 *
 *   scheme ":" host [ ":" port ] [ "?transport=" ( "udp" / "tcp" ) ]
 *
 * The transport is turn's alone. There is no "//": these are not hierarchical.
 */
#include "stun/stun_int.h"

#define PORT_PLAIN 3478
#define PORT_SECURE 5349

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Take `word`, in any case, from the front of the text. */
static bool take_word(struct weir_rd *r, struct weir_span word)
{
    struct weir_rd at = *r;
    struct weir_span s;
    if (!weir_rd_take(&at, word.n, &s)) {
        return false;
    }
    for (size_t i = 0; i < word.n; i++) {
        if (lower(s.p[i]) != word.p[i]) {
            return false;
        }
    }
    *r = at;
    return true;
}

static bool take_scheme(struct weir_rd *r, struct weir_stun_url *u)
{
    bool is_stun = take_word(r, WEIR_LIT("stun"));
    u->is_turn = !is_stun && take_word(r, WEIR_LIT("turn"));
    u->is_secure = take_word(r, WEIR_LIT("s"));
    return (is_stun || u->is_turn) && take_word(r, WEIR_LIT(":"));
}

static bool is_host_byte(uint8_t c, bool is_ip6)
{
    uint8_t l = lower(c);
    bool is_word = (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '.';
    return is_ip6 ? is_word || c == ':' : is_word || c == '-' || c == '_';
}

static bool take_host(struct weir_rd *r, struct weir_stun_url *u)
{
    size_t n = 0;
    u->host_is_ip6 = take_word(r, WEIR_LIT("["));
    while (n < r->n && is_host_byte(r->p[n], u->host_is_ip6)) {
        n++;
    }
    return n != 0 && weir_rd_take(r, n, &u->host)
           && (!u->host_is_ip6 || take_word(r, WEIR_LIT("]")));
}

static bool take_port(struct weir_rd *r, struct weir_stun_url *u)
{
    uint32_t port = 0;
    size_t n = 0;
    u->port = u->is_secure ? PORT_SECURE : PORT_PLAIN;
    if (!take_word(r, WEIR_LIT(":"))) {
        return true;
    }
    for (; n < r->n && n < 5 && r->p[n] >= '0' && r->p[n] <= '9'; n++) {
        port = port * 10 + (uint32_t)(r->p[n] - '0');
    }
    u->port = (uint16_t)port;
    return port != 0 && port <= UINT16_MAX && weir_rd_skip(r, n);
}

bool weir_stun_url_parse(struct weir_span text, struct weir_stun_url *out)
{
    struct weir_rd r = weir_rd_of(text);
    memset(out, 0, sizeof *out);
    if (!take_scheme(&r, out) || !take_host(&r, out) || !take_port(&r, out)) {
        return false;
    }
    out->is_tcp = out->is_secure; /* [RFC 7065 3.2] turns without a transport means TLS over TCP */
    if (r.n == 0) {
        return true;
    }
    if (!out->is_turn || !take_word(&r, WEIR_LIT("?transport="))) {
        return false;
    }
    out->is_tcp = take_word(&r, WEIR_LIT("tcp"));
    return (out->is_tcp || take_word(&r, WEIR_LIT("udp"))) && r.n == 0;
}
