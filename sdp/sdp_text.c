/* Lines, words and numbers of a description. */
#include "sdp/sdp_int.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

void weir_sdp_skip_blanks(struct weir_rd *r)
{
    while (r->n != 0 && is_blank(r->p[0]) && weir_rd_skip(r, 1)) {
    }
}

bool weir_sdp_line(struct weir_rd *text, struct weir_span *line)
{
    size_t n = 0;
    struct weir_span end;
    if (text->n == 0) {
        return false;
    }
    while (n < text->n && text->p[n] != '\n') {
        n++;
    }
    if (!weir_rd_take(text, n, line) || (text->n != 0 && !weir_rd_take(text, 1, &end))) {
        return false;
    }
    if (line->n != 0 && line->p[line->n - 1] == '\r') {
        line->n--; /* [RFC 8866 5] CRLF; a bare LF is accepted */
    }
    while (line->n != 0 && is_blank(line->p[line->n - 1])) {
        line->n--; /* blanks at the end mean nothing anywhere */
    }
    return true;
}

bool weir_sdp_word(struct weir_rd *r, uint8_t stop, struct weir_span *word)
{
    size_t n = 0;
    while (n < r->n && r->p[n] != stop) {
        n++;
    }
    struct weir_rd at = *r;
    if (n == 0 || !weir_rd_take(&at, n, word) || (at.n != 0 && !weir_rd_skip(&at, 1))) {
        return false;
    }
    *r = at;
    return true;
}

bool weir_sdp_item(struct weir_rd *r, struct weir_span *word)
{
    weir_sdp_skip_blanks(r);
    return weir_sdp_word(r, ' ', word);
}

bool weir_sdp_number(struct weir_span word, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (word.n == 0 || word.n > 20) {
        return false;
    }
    for (size_t i = 0; i < word.n; i++) {
        unsigned digit = (unsigned)word.p[i] - '0';
        if (digit > 9 || v > (UINT64_MAX - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
    }
    if (v > max) {
        return false;
    }
    *out = v;
    return true;
}

int weir_sdp_hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static size_t literal_bytes(const char *literal)
{
    size_t n = 0;
    while (literal[n] != '\0') {
        n++;
    }
    return n;
}

bool weir_sdp_prefix(struct weir_rd *r, const char *literal)
{
    struct weir_rd at = *r;
    struct weir_span head;
    size_t n = literal_bytes(literal);
    if (!weir_rd_take(&at, n, &head) || memcmp(head.p, literal, n) != 0) {
        return false;
    }
    *r = at;
    return true;
}

bool weir_sdp_is(struct weir_span s, const char *literal)
{
    return weir_span_eq(s, weir_span_of(literal, literal_bytes(literal)));
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool weir_sdp_same_name(struct weir_span a, struct weir_span b)
{
    bool is_same = a.n == b.n;
    for (size_t i = 0; i < a.n && is_same; i++) {
        is_same = lower(a.p[i]) == lower(b.p[i]);
    }
    return is_same;
}

/* [RFC 8866 9] token: visible ASCII without separators that matter here. */
bool weir_sdp_is_token(struct weir_span s)
{
    bool is_token = s.n != 0;
    for (size_t i = 0; i < s.n && is_token; i++) {
        uint8_t c = s.p[i];
        is_token = c > 32 && c < 127 && c != '"' && c != '(' && c != ')' && c != ',' && c != '/'
                   && c != ':' && c != ';' && c != '<' && c != '=' && c != '>' && c != '?' && c != '@'
                   && c != '[' && c != '\\' && c != ']';
    }
    return is_token;
}

/* [RFC 8839 5.4] ice-char = ALPHA / DIGIT / "+" / "/". Many send base64 of the other alphabet or with its
 * padding, or a hash: browsers take that, and so do we. */
bool weir_sdp_is_ice_text(struct weir_span s, size_t least, size_t most)
{
    bool is_good = s.n >= least && s.n <= most;
    for (size_t i = 0; i < s.n && is_good; i++) {
        uint8_t c = lower(s.p[i]);
        is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'
                  || c == '-' || c == '_' || c == '=' || c == '#';
    }
    return is_good;
}
