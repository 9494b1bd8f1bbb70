/* Addresses: make, classify, parse, write. */
#include "core/addr.h"

size_t weir_addr_ip_bytes(const struct weir_addr *a)
{
    return a->family == WEIR_IPV4 ? 4 : a->family == WEIR_IPV6 ? 16 : 0;
}

bool weir_addr_same_ip(const struct weir_addr *a, const struct weir_addr *b)
{
    return a->family == b->family && a->scope == b->scope && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

struct weir_addr weir_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    struct weir_addr addr = { .family = WEIR_IPV4, .port = port, .ip = { a, b, c, d } };
    return addr;
}

struct weir_addr weir_addr_v6(const uint8_t ip[16], uint16_t port)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        return weir_addr_v4(ip[12], ip[13], ip[14], ip[15], port);
    }
    struct weir_addr addr = { .family = WEIR_IPV6, .port = port };
    memcpy(addr.ip, ip, 16);
    return addr;
}

/* -- Kinds ------------------------------------------------------------------------------------- */

bool weir_addr_is_any(const struct weir_addr *a)
{
    static const uint8_t zero[16];
    return a->family != WEIR_FAMILY_NONE && memcmp(a->ip, zero, sizeof zero) == 0;
}

bool weir_addr_is_loopback(const struct weir_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    return a->family == WEIR_IPV4 ? a->ip[0] == 127
                                  : a->family == WEIR_IPV6 && memcmp(a->ip, one, sizeof one) == 0;
}

bool weir_addr_is_link_local(const struct weir_addr *a)
{
    return a->family == WEIR_IPV4
               ? a->ip[0] == 169 && a->ip[1] == 254
               : a->family == WEIR_IPV6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

bool weir_addr_is_multicast(const struct weir_addr *a)
{
    return a->family == WEIR_IPV4 ? (a->ip[0] & 0xf0) == 0xe0
                                  : a->family == WEIR_IPV6 && a->ip[0] == 0xff;
}

bool weir_addr_is_reserved(const struct weir_addr *a)
{
    static const uint8_t discard[8] = { 0x01 }, zero[12];
    if (a->family == WEIR_IPV4) {
        return a->ip[0] >= 240;
    }
    return a->family == WEIR_IPV6
           && (memcmp(a->ip, discard, sizeof discard) == 0
               || (memcmp(a->ip, zero, sizeof zero) == 0 && !weir_addr_is_loopback(a)));
}

bool weir_addr_embedded_v4(const struct weir_addr *a, struct weir_addr *v4)
{
    static const uint8_t translator[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (a->family != WEIR_IPV6) {
        return false;
    }
    bool is_nat64 = memcmp(a->ip, translator, sizeof translator) == 0;
    bool is_6to4 = a->ip[0] == 0x20 && a->ip[1] == 0x02;
    const uint8_t *ip = a->ip + (is_nat64 ? 12 : 2);
    *v4 = weir_addr_v4(ip[0], ip[1], ip[2], ip[3], a->port);
    return is_nat64 || is_6to4;
}

bool weir_addr_is_private(const struct weir_addr *a)
{
    if (a->family == WEIR_IPV6) {
        return (a->ip[0] & 0xfe) == 0xfc;
    }
    return a->family == WEIR_IPV4
           && (a->ip[0] == 10 || (a->ip[0] == 172 && (a->ip[1] & 0xf0) == 16)
               || (a->ip[0] == 192 && a->ip[1] == 168));
}

/* -- Text in ----------------------------------------------------------------------------------- */

/* A decimal number of 1 to `digits_max` digits, at most `max`, without leading zeros. */
static bool parse_decimal(struct weir_rd *r, size_t digits_max, uint32_t max, uint32_t *out)
{
    uint32_t v = 0;
    size_t digits = 0;
    while (r->n != 0 && r->p[0] >= '0' && r->p[0] <= '9' && digits < digits_max) {
        if (digits == 1 && v == 0) {
            return false;
        }
        v = v * 10 + (uint32_t)(r->p[0] - '0');
        digits++;
        if (!weir_rd_skip(r, 1)) {
            return false;
        }
    }
    if (digits == 0 || v > max) {
        return false;
    }
    *out = v;
    return true;
}

static bool parse_byte(struct weir_rd *r, uint8_t want)
{
    uint8_t got;
    struct weir_rd at = *r;
    if (!weir_rd_u8(&at, &got) || got != want) {
        return false;
    }
    *r = at;
    return true;
}

static bool parse_v4(struct weir_rd *r, uint8_t ip[4])
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t v;
        if ((i != 0 && !parse_byte(r, '.')) || !parse_decimal(r, 3, 255, &v)) {
            return false;
        }
        ip[i] = (uint8_t)v;
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool parse_group(struct weir_rd *r, uint16_t *out)
{
    uint32_t v = 0;
    size_t digits = 0;
    while (r->n != 0 && hex_digit(r->p[0]) >= 0 && digits < 4) {
        v = v << 4 | (uint32_t)hex_digit(r->p[0]);
        digits++;
        if (!weir_rd_skip(r, 1)) {
            return false;
        }
    }
    *out = (uint16_t)v;
    return digits != 0;
}

/* Put the groups before and after "::" where they belong. */
static bool place_groups(const uint16_t group[8], size_t count, size_t gap, bool has_gap,
                         uint8_t ip[16])
{
    if (has_gap ? count > 7 : count != 8) {
        return false;
    }
    memset(ip, 0, 16);
    for (size_t i = 0; i < count; i++) {
        size_t at = has_gap && i >= gap ? 8 - count + i : i;
        weir_put16(ip + 2 * at, group[i]);
    }
    return true;
}

static bool parse_v6(struct weir_rd *r, uint8_t ip[16])
{
    uint16_t group[8];
    size_t count = 0, gap = 0;
    bool has_gap = false;
    while (r->n != 0 && r->p[0] != ']') {
        if (r->n >= 2 && r->p[0] == ':' && r->p[1] == ':') {
            if (has_gap || !weir_rd_skip(r, 2)) {
                return false;
            }
            has_gap = true;
            gap = count;
            continue;
        }
        if (count != 0 && !(has_gap && gap == count) && !parse_byte(r, ':')) {
            return false;
        }
        struct weir_rd v4 = *r;
        uint8_t tail[4];
        if (count <= 6 && parse_v4(&v4, tail) && (v4.n == 0 || v4.p[0] == ']')) {
            group[count++] = weir_be16(tail);
            group[count++] = weir_be16(tail + 2);
            *r = v4;
            break;
        }
        if (count == 8 || !parse_group(r, &group[count])) {
            return false;
        }
        count++;
    }
    return place_groups(group, count, gap, has_gap, ip);
}

static bool parse_ip(struct weir_rd *r, struct weir_addr *out)
{
    uint8_t ip[16];
    struct weir_rd at = *r;
    if (parse_v4(&at, ip)) {
        *out = weir_addr_v4(ip[0], ip[1], ip[2], ip[3], 0);
        *r = at;
        return true;
    }
    if (!parse_v6(r, ip)) {
        return false;
    }
    *out = weir_addr_v6(ip, 0);
    return true;
}

bool weir_addr_parse_ip(struct weir_span text, struct weir_addr *out)
{
    struct weir_rd r = weir_rd_of(text);
    struct weir_addr a;
    if (!parse_ip(&r, &a) || r.n != 0) {
        return false;
    }
    *out = a;
    return true;
}

bool weir_addr_parse(struct weir_span text, struct weir_addr *out)
{
    struct weir_rd r = weir_rd_of(text);
    struct weir_addr a;
    uint32_t port = 0;
    bool is_bracketed = parse_byte(&r, '[');
    if (!is_bracketed && weir_addr_parse_ip(text, out)) {
        return true; /* a bare address, IPv6 without brackets included */
    }
    if (!parse_ip(&r, &a) || (is_bracketed && (a.family == WEIR_FAMILY_NONE || !parse_byte(&r, ']')))) {
        return false;
    }
    if (r.n != 0 && (!parse_byte(&r, ':') || !parse_decimal(&r, 5, 65535, &port) || r.n != 0)) {
        return false;
    }
    a.port = (uint16_t)port;
    *out = a;
    return true;
}

/* -- Text out ---------------------------------------------------------------------------------- */

static void write_v4(struct weir_wr *w, const uint8_t ip[4])
{
    for (unsigned i = 0; i < 4; i++) {
        if (i != 0) {
            weir_wr_u8(w, '.');
        }
        weir_wr_dec(w, ip[i]);
    }
}

static void write_group(struct weir_wr *w, uint16_t v)
{
    static const char digit[] = "0123456789abcdef";
    bool has_begun = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned d = v >> shift & 15u;
        if (d != 0 || has_begun || shift == 0) {
            weir_wr_u8(w, (uint8_t)digit[d]);
            has_begun = true;
        }
    }
}

/* [RFC 5952 4.2] the longest run of at least two zero groups becomes "::", the first of equals. */
static void write_v6(struct weir_wr *w, const uint8_t ip[16])
{
    unsigned best_at = 8, best_run = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned run = 0;
        while (i + run < 8 && weir_be16(ip + 2 * (i + run)) == 0) {
            run++;
        }
        if (run > best_run) {
            best_at = i;
            best_run = run;
        }
    }
    for (unsigned i = 0; i < 8;) {
        if (i == best_at) {
            weir_wr_str(w, "::");
            i += best_run;
            continue;
        }
        if (i != 0 && i != best_at + best_run) {
            weir_wr_u8(w, ':');
        }
        write_group(w, weir_be16(ip + 2 * i));
        i++;
    }
}

void weir_addr_write_ip(struct weir_wr *w, const struct weir_addr *a)
{
    if (a->family == WEIR_IPV4) {
        write_v4(w, a->ip);
    } else if (a->family == WEIR_IPV6) {
        write_v6(w, a->ip);
    } else {
        weir_wr_str(w, "(none)");
    }
}

void weir_addr_write(struct weir_wr *w, const struct weir_addr *a)
{
    if (a->family == WEIR_IPV6) {
        weir_wr_u8(w, '[');
    }
    weir_addr_write_ip(w, a);
    if (a->family == WEIR_IPV6) {
        weir_wr_u8(w, ']');
    }
    weir_wr_u8(w, ':');
    weir_wr_dec(w, a->port);
}

const char *weir_addr_text(const struct weir_addr *a, char text[WEIR_ADDR_TEXT_BYTES])
{
    struct weir_wr w = { (uint8_t *)text, 0, WEIR_ADDR_TEXT_BYTES - 1, false };
    weir_addr_write(&w, a);
    text[w.len] = '\0';
    return text;
}
