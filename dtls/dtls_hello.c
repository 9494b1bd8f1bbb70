/* Hellos of any version to spans [RFC 5246 7.4.1, RFC 6347 4.2.1, RFC 8446 4.1.2].
 *
 *  1. the fixed fields: version, random, session, cookie, suites, compression
 *  2. the extensions: collected as type and body, none twice, order free, unknown ones kept
 *
 * Nothing is judged here but the form: what a field may say is for the version that takes the
 * hello.
 */
#include "dtls/dtls_int.h"

enum { RANDOM_BYTES = 32, SESSION_MAX = 32 };

/* -- 2. Extensions ----------------------------------------------------------------------------- */

bool weir_dtls_hello_find(const struct dtls_hello *h, uint16_t type, struct weir_span *body)
{
    for (unsigned i = 0; i < h->extensions; i++) {
        if (h->extension[i].type == type) {
            *body = h->extension[i].body;
            return true;
        }
    }
    return false;
}

static enum weir_dtls_verdict parse_extensions(struct weir_rd *rd, struct dtls_hello *h)
{
    struct weir_rd list;
    h->extensions = 0;
    if (rd->n == 0) {
        return WEIR_DTLS_OK; /* [RFC 5246 7.4.1.2] an old hello may end here */
    }
    if (!weir_rd_sub16(rd, &list) || rd->n != 0) {
        return WEIR_DTLS_HELLO_MALFORMED;
    }
    while (list.n != 0) {
        uint16_t type;
        struct weir_rd body;
        struct weir_span seen;
        if (!weir_rd_u16(&list, &type) || !weir_rd_sub16(&list, &body)) {
            return WEIR_DTLS_HELLO_MALFORMED;
        }
        /* [RFC 5246 7.4.1.4 MUST NOT] not the same one twice; the bound keeps this search short. */
        if (weir_dtls_hello_find(h, type, &seen) || h->extensions == WEIR_DTLS_EXTENSIONS_MAX) {
            return WEIR_DTLS_HELLO_DUPLICATE;
        }
        h->extension[h->extensions].type = type;
        h->extension[h->extensions].body = weir_rd_rest(&body);
        h->extensions++;
    }
    return WEIR_DTLS_OK;
}

/* -- 1. Fixed fields --------------------------------------------------------------------------- */

static bool take8(struct weir_rd *rd, size_t max, struct weir_span *out)
{
    struct weir_rd child;
    if (!weir_rd_sub8(rd, &child) || child.n > max) {
        return false;
    }
    *out = weir_rd_rest(&child);
    return true;
}

enum weir_dtls_verdict weir_dtls_hello_parse_client(struct weir_span body, struct dtls_hello *h)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd suites;
    if (!weir_rd_u16(&rd, &h->version) || !weir_rd_take(&rd, RANDOM_BYTES, &h->random)
        || !take8(&rd, SESSION_MAX, &h->session) || !take8(&rd, UINT8_MAX, &h->cookie)
        || !weir_rd_sub16(&rd, &suites) || suites.n == 0 || suites.n % 2 != 0
        || !take8(&rd, UINT8_MAX, &h->compressions) || h->compressions.n == 0) {
        return WEIR_DTLS_HELLO_MALFORMED;
    }
    h->suites = weir_rd_rest(&suites);
    return parse_extensions(&rd, h);
}

enum weir_dtls_verdict weir_dtls_hello_parse_server(struct weir_span body, struct dtls_hello *h)
{
    struct weir_rd rd = weir_rd_of(body);
    if (!weir_rd_u16(&rd, &h->version) || !weir_rd_take(&rd, RANDOM_BYTES, &h->random)
        || !take8(&rd, SESSION_MAX, &h->session) || !weir_rd_u16(&rd, &h->suite)
        || !weir_rd_u8(&rd, &h->compression)) {
        return WEIR_DTLS_HELLO_MALFORMED;
    }
    return parse_extensions(&rd, h);
}

enum weir_dtls_verdict weir_dtls_hello_parse_encrypted(struct weir_span body, struct dtls_hello *h)
{
    struct weir_rd rd = weir_rd_of(body);
    enum weir_dtls_verdict v = body.n == 0 ? WEIR_DTLS_HELLO_MALFORMED : parse_extensions(&rd, h);
    return v == WEIR_DTLS_HELLO_MALFORMED ? WEIR_DTLS_ENCRYPTED_MALFORMED : v;
}

/* [RFC 6347 4.2.1] server_version tells the format only, so it says nothing to us. */
enum weir_dtls_verdict weir_dtls_hello_parse_verify(struct weir_span body, struct weir_span *cookie)
{
    struct weir_rd rd = weir_rd_of(body);
    uint16_t version;
    if (!weir_rd_u16(&rd, &version) || (version != VERSION_1_0 && version != VERSION_1_2)
        || !take8(&rd, UINT8_MAX, cookie) || rd.n != 0) {
        return WEIR_DTLS_VERIFY_REQUEST;
    }
    return WEIR_DTLS_OK;
}

/* -- Lists ------------------------------------------------------------------------------------- */

bool weir_dtls_list_has(struct weir_span list, uint16_t value)
{
    for (size_t i = 0; i + 1 < list.n; i += 2) {
        if (weir_be16(list.p + i) == value) {
            return true;
        }
    }
    return false;
}

bool weir_dtls_bytes_have(struct weir_span list, uint8_t value)
{
    for (size_t i = 0; i < list.n; i++) {
        if (list.p[i] == value) {
            return true;
        }
    }
    return false;
}

bool weir_dtls_list8(struct weir_span body, struct weir_span *list)
{
    struct weir_rd rd = weir_rd_of(body);
    return take8(&rd, UINT8_MAX, list) && rd.n == 0 && list->n != 0;
}

bool weir_dtls_list16(struct weir_span body, struct weir_span *list)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd child;
    if (!weir_rd_sub16(&rd, &child) || rd.n != 0 || child.n == 0 || child.n % 2 != 0) {
        return false;
    }
    *list = weir_rd_rest(&child);
    return true;
}
