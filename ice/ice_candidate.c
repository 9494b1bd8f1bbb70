/* Candidates as text [RFC 8839 5.1]:
 *
 *   candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type>
 *             [raddr <address>] [rport <port>] [<name> <value>]...
 */
#include "ice/ice_int.h"

static bool next_word(struct weir_rd *r, struct weir_span *word)
{
    size_t n = 0;
    while (n < r->n && r->p[n] != ' ') {
        n++;
    }
    struct weir_rd at = *r;
    if (n == 0 || !weir_rd_take(&at, n, word) || (at.n != 0 && !weir_rd_skip(&at, 1))) {
        return false;
    }
    *r = at;
    return true;
}

static bool word_number(struct weir_span word, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (word.n == 0 || word.n > 10) {
        return false;
    }
    for (size_t i = 0; i < word.n; i++) {
        unsigned digit = (unsigned)word.p[i] - '0';
        if (digit > 9) {
            return false;
        }
        v = v * 10 + digit;
    }
    *out = v;
    return v <= max;
}

static bool next_number(struct weir_rd *r, uint64_t max, uint64_t *out)
{
    struct weir_span word;
    return next_word(r, &word) && word_number(word, max, out);
}

/* ASCII letters compare without case: Firefox writes UDP, Chromium udp. */
static bool word_is(struct weir_span word, const char *want)
{
    size_t n = 0;
    for (; want[n] != '\0'; n++) {
        uint8_t c = n < word.n ? word.p[n] : 0;
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
        if (c != (uint8_t)want[n]) {
            return false;
        }
    }
    return n == word.n;
}

static bool skip_prefix(struct weir_rd *r, const char *prefix, size_t n)
{
    struct weir_rd at = *r;
    struct weir_span head;
    if (!weir_rd_take(&at, n, &head) || memcmp(head.p, prefix, n) != 0) {
        return false;
    }
    *r = at;
    return true;
}

/* [RFC 8839 5.1] a fully-qualified name may stand for the address; anything printable is one. */
static bool is_name(struct weir_span s)
{
    bool is_good = s.n != 0 && s.n <= 255;
    for (size_t i = 0; i < s.n && is_good; i++) {
        uint8_t c = s.p[i];
        is_good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                  || c == '-' || c == '.' || c == '_';
    }
    return is_good;
}

static bool read_type(struct weir_span word, enum weir_ice_type *out)
{
    static const char *const name[] = { "host", "srflx", "prflx", "relay" };
    for (unsigned i = 0; i < 4; i++) {
        if (word_is(word, name[i])) {
            *out = (enum weir_ice_type)i;
            return true;
        }
    }
    return false;
}

uint32_t weir_ice_ufrag_hash(struct weir_span ufrag)
{
    uint32_t h = 2166136261u; /* FNV-1a: it tells apart, it proves nothing */
    for (size_t i = 0; i < ufrag.n; i++) {
        h = (h ^ ufrag.p[i]) * 16777619u;
    }
    return h == 0 ? 1 : h;
}

static bool read_tcp_type(struct weir_span value, enum weir_ice_tcp_type *out)
{
    static const char *const name[] = { "active", "passive", "so" };
    for (unsigned i = 0; i < 3; i++) {
        if (word_is(value, name[i])) {
            *out = (enum weir_ice_tcp_type)(i + 1);
            return true;
        }
    }
    return false;
}

static bool read_u32(struct weir_span value, uint32_t *out)
{
    uint64_t v;
    if (!word_number(value, UINT32_MAX, &v)) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

/* The address stays unknown where it is a name: what is related is never used, only shown. */
static void read_related(struct weir_span value, struct weir_addr *related)
{
    uint16_t port = related->port;
    if (weir_addr_parse_ip(value, related)) {
        related->port = port;
    }
}

static bool read_related_port(struct weir_span value, struct weir_addr *related)
{
    uint64_t port;
    if (!word_number(value, 65535, &port)) {
        return false;
    }
    related->port = (uint16_t)port;
    return true;
}

/* One name and its value; those that we do not know are skipped. */
static void read_extension(struct weir_span name, struct weir_span value,
                           struct weir_ice_candidate_line *l)
{
    if (word_is(name, "raddr")) {
        read_related(value, &l->candidate.related);
        return;
    }
    if (word_is(name, "rport")) {
        (void)read_related_port(value, &l->candidate.related);
        return;
    }
    /* [RFC 8839 5.1] What these say is for show: a value that is none leaves them unsaid. */
    if (word_is(name, "tcptype")) {
        (void)read_tcp_type(value, &l->tcp_type);
    } else if (word_is(name, "generation")) {
        (void)read_u32(value, &l->generation);
    } else if (word_is(name, "network-id")) {
        (void)read_u32(value, &l->network_id);
    } else if (word_is(name, "network-cost")) {
        (void)read_u32(value, &l->network_cost);
    }
    if (word_is(name, "ufrag") && value.n != 0) { /* [RFC 8838 9] of which generation it is */
        l->ufrag = value;
        l->candidate.ufrag_hash = weir_ice_ufrag_hash(value);
    }
}

/* Names and values in turn; a value may be empty, as browsers write it where they know none. */
static void read_extensions(struct weir_rd *r, struct weir_ice_candidate_line *l)
{
    while (r->n != 0) { /* each round takes a character at least */
        struct weir_span name = { NULL, 0 }, value = { NULL, 0 };
        if (!next_word(r, &name)) {
            (void)!weir_rd_skip(r, 1);
        } else if (next_word(r, &value) || r->n == 0 || weir_rd_skip(r, 1)) {
            read_extension(name, value, l);
        }
    }
}

/* A line end and blanks behind it are no part of it, wherever it was cut out. */
static struct weir_span without_end(struct weir_span text)
{
    while (text.n != 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\r'
                           || text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\t')) {
        text.n--;
    }
    return text;
}

static bool read_address(struct weir_span word, struct weir_ice_candidate_line *l)
{
    if (weir_addr_parse_ip(word, &l->candidate.addr)) {
        return true;
    }
    l->name = word;
    return is_name(word);
}

static bool read_foundation(struct weir_span word, struct weir_ice_candidate *c)
{
    c->foundation_bytes = (uint8_t)word.n;
    return word.n <= WEIR_ICE_FOUNDATION_MAX && weir_copy_into(c->foundation, sizeof c->foundation,
                                                               word);
}

bool weir_ice_candidate_line_parse(struct weir_span text, struct weir_ice_candidate_line *out)
{
    struct weir_rd r = weir_rd_of(without_end(text));
    struct weir_span foundation, transport, address, typ, type;
    uint64_t component, priority, port;
    struct weir_ice_candidate *c = &out->candidate;
    memset(out, 0, sizeof *out);
    (void)skip_prefix(&r, "a=", 2);
    if (!skip_prefix(&r, "candidate:", 10) || !next_word(&r, &foundation)
        || !next_number(&r, 256, &component) || component == 0 || !next_word(&r, &transport)
        || !next_number(&r, UINT32_MAX, &priority) || !next_word(&r, &address)
        || !next_number(&r, 65535, &port) || !next_word(&r, &typ) || !word_is(typ, "typ")
        || !next_word(&r, &type) || !read_type(type, &c->type)) {
        return false;
    }
    if (!read_foundation(foundation, c) || !read_address(address, out)) {
        return false;
    }
    c->addr.port = (uint16_t)port;
    c->component = component > 255 ? 255 : (uint8_t)component;
    c->priority = (uint32_t)priority;
    c->is_tcp = !word_is(transport, "udp"); /* TCP, and what we do not know: neither is checked */
    read_extensions(&r, out);
    return true;
}

bool weir_ice_candidate_parse(struct weir_span text, struct weir_ice_candidate *out,
                              struct weir_span *name)
{
    struct weir_ice_candidate_line line;
    *name = weir_span_of(NULL, 0);
    if (!weir_ice_candidate_line_parse(text, &line)) {
        return false;
    }
    *out = line.candidate;
    *name = line.name;
    return true;
}

void weir_ice_candidate_write_of(struct weir_wr *w, const struct weir_ice_candidate *c,
                                 struct weir_span ufrag)
{
    weir_ice_candidate_write(w, c);
    weir_wr_str(w, " ufrag "); /* [RFC 8838 9] */
    weir_wr_bytes(w, ufrag);
}

void weir_ice_candidate_write(struct weir_wr *w, const struct weir_ice_candidate *c)
{
    static const char *const type[] = { "host", "srflx", "prflx", "relay" };
    weir_wr_str(w, "candidate:");
    weir_wr_bytes(w, weir_span_of(c->foundation, c->foundation_bytes));
    weir_wr_u8(w, ' ');
    weir_wr_dec(w, c->component);
    weir_wr_str(w, c->is_tcp ? " tcp " : " udp ");
    weir_wr_dec(w, c->priority);
    weir_wr_u8(w, ' ');
    weir_addr_write_ip(w, &c->addr);
    weir_wr_u8(w, ' ');
    weir_wr_dec(w, c->addr.port);
    weir_wr_str(w, " typ ");
    weir_wr_str(w, type[c->type]);
    if (c->type != WEIR_ICE_HOST) {
        /* [RFC 8839 5.1] the base is of no use to the peer and says more than it must know. */
        weir_wr_str(w, c->addr.family == WEIR_IPV4 ? " raddr 0.0.0.0 rport 0" : " raddr :: rport 0");
    }
}
