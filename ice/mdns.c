/* Multicast DNS questions and answers [RFC 6762, RFC 1035 4].
 *
 *   1. a name is asked for at once, then after 1 s and 3 s [RFC 6762 5.2], then given up;
 *   2. every response on the link is read record by record; an address record whose name was asked for
 *      settles it. Names may be compressed by pointers: each must point backwards, so none can loop.
 */
#include "ice/mdns.h"

#define MDNS_PORT 5353
#define MDNS_TRIES 3
#define MDNS_FIRST_WAIT WEIR_SEC
#define TYPE_A 1
#define TYPE_AAAA 28
#define CLASS_IN 1

const char *weir_mdns_verdict_name(enum weir_mdns_verdict v)
{
    static const char *const name[] = { "ok", "short", "question", "name", "link", "nothing" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_MDNS_VERDICTS, "every verdict has a name");
    return (unsigned)v < WEIR_MDNS_VERDICTS ? name[v] : "?";
}

void weir_mdns_init(struct weir_mdns *m)
{
    memset(m, 0, sizeof *m);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool same_name(const char *a, struct weir_span b)
{
    bool is_same = true;
    for (size_t i = 0; i < b.n && is_same; i++) {
        is_same = lower((uint8_t)a[i]) == lower(b.p[i]);
    }
    return is_same;
}

static struct weir_mdns_query *find_query(struct weir_mdns *m, struct weir_span name)
{
    for (unsigned i = 0; i < WEIR_MDNS_QUERIES_MAX; i++) {
        struct weir_mdns_query *q = &m->query[i];
        if (q->is_used && q->name_bytes == name.n && same_name(q->name, name)) {
            return q;
        }
    }
    return NULL;
}

/* One random name per address and page is what browsers make: 8-4-4-4-12 hexadecimal digits. Nothing
 * else is asked for: the peer must not make us look for names of its choice on our network. */
static bool is_browser_name(struct weir_span name)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.local";
    bool fits = name.n == sizeof form - 1;
    for (size_t i = 0; fits && i < sizeof form - 1; i++) {
        uint8_t c = lower(name.p[i]);
        bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        fits = form[i] == 'x' ? is_hex : c == (uint8_t)form[i];
    }
    return fits;
}

enum weir_status weir_mdns_ask(struct weir_mdns *m, weir_time now, struct weir_span name)
{
    if (!is_browser_name(name)) {
        return WEIR_ERR_ARG;
    }
    if (find_query(m, name) != NULL) {
        return WEIR_OK;
    }
    for (unsigned i = 0; i < WEIR_MDNS_QUERIES_MAX; i++) {
        struct weir_mdns_query *q = &m->query[i];
        if (!q->is_used) {
            memset(q, 0, sizeof *q);
            memcpy(q->name, name.p, name.n);
            q->name_bytes = (uint8_t)name.n;
            q->is_used = true;
            q->ask_at = now;
            return WEIR_OK;
        }
    }
    return WEIR_ERR_FULL;
}

static void settle(struct weir_mdns *m, struct weir_mdns_query *q, const struct weir_addr *addr)
{
    struct weir_mdns_event *e = &m->event[m->event_head++ % WEIR_MDNS_QUERIES_MAX];
    if (m->event_head - m->event_tail > WEIR_MDNS_QUERIES_MAX) {
        m->event_tail++;
    }
    memset(e, 0, sizeof *e);
    memcpy(e->name, q->name, sizeof e->name);
    e->name_bytes = q->name_bytes;
    e->is_resolved = addr != NULL;
    if (addr != NULL) {
        e->addr = *addr;
    }
    q->is_used = false;
}

/* -- In ---------------------------------------------------------------------------------------- */

/* Read a name at the reader, which moves past it; pointers lead back into the message. */
static enum weir_mdns_verdict read_name(struct weir_span message, struct weir_rd *r,
                                        uint8_t out[WEIR_MDNS_NAME_MAX], size_t *out_bytes)
{
    struct weir_rd at = *r;
    size_t n = 0, limit = message.n - r->n;
    bool has_jumped = false;
    for (unsigned labels = 0; labels < WEIR_MDNS_LABELS_MAX; labels++) {
        uint8_t bytes, low;
        struct weir_span label;
        if (!weir_rd_u8(&at, &bytes)) {
            return WEIR_MDNS_SHORT;
        }
        if (bytes >= 0xc0) { /* [RFC 1035 4.1.4] */
            if (!weir_rd_u8(&at, &low)) {
                return WEIR_MDNS_SHORT;
            }
            size_t to = (size_t)(bytes & 0x3f) << 8 | low;
            if (!has_jumped) {
                *r = at;
                has_jumped = true;
            }
            if (to >= limit) {
                return WEIR_MDNS_NAME; /* only backwards: every jump lands before the last */
            }
            limit = to;
            at = weir_rd_of(message);
            if (!weir_rd_skip(&at, to)) {
                return WEIR_MDNS_SHORT;
            }
            continue;
        }
        if (bytes == 0) {
            *r = has_jumped ? *r : at;
            *out_bytes = n;
            return WEIR_MDNS_OK;
        }
        if (bytes > 63 || !weir_rd_take(&at, bytes, &label)) {
            return bytes > 63 ? WEIR_MDNS_NAME : WEIR_MDNS_SHORT;
        }
        bool fits = n + (n != 0 ? 1u : 0u) + bytes < WEIR_MDNS_NAME_MAX;
        if (!fits) {
            n = WEIR_MDNS_NAME_MAX; /* no name of ours is so long: read on, match nothing */
            continue;
        }
        if (n != 0) {
            out[n++] = '.';
        }
        memcpy(out + n, label.p, bytes);
        n += bytes;
    }
    return WEIR_MDNS_NAME;
}

/* An address record of a name we asked for: take it. */
static bool take_record(struct weir_mdns *m, struct weir_span name, uint16_t type, uint16_t klass,
                        struct weir_span data)
{
    struct weir_addr addr;
    struct weir_mdns_query *q = find_query(m, name);
    if (q == NULL || (klass & 0x7fff) != CLASS_IN) { /* the top bit flushes caches [RFC 6762 10.2] */
        return false;
    }
    if (type == TYPE_A && data.n == 4) {
        addr = weir_addr_v4(data.p[0], data.p[1], data.p[2], data.p[3], 0);
    } else if (type == TYPE_AAAA && data.n == 16) {
        addr = weir_addr_v6(data.p, 0);
    } else {
        return false;
    }
    if (weir_addr_is_any(&addr) || weir_addr_is_multicast(&addr)) {
        return false; /* nobody lives there */
    }
    settle(m, q, &addr);
    return true;
}

static enum weir_mdns_verdict read_records(struct weir_mdns *m, struct weir_span message,
                                           struct weir_rd *r, uint32_t records)
{
    bool has_answer = false;
    for (uint32_t i = 0; i < records && i < WEIR_MDNS_RECORDS_MAX; i++) {
        uint8_t name[WEIR_MDNS_NAME_MAX];
        size_t name_bytes = 0;
        struct weir_span head;
        struct weir_rd data;
        enum weir_mdns_verdict v = read_name(message, r, name, &name_bytes);
        if (v != WEIR_MDNS_OK) {
            return v;
        }
        if (!weir_rd_take(r, 8, &head) || !weir_rd_sub16(r, &data)) {
            return WEIR_MDNS_SHORT;
        }
        uint32_t ttl = weir_be32(head.p + 4);
        if (ttl != 0 && name_bytes < WEIR_MDNS_NAME_MAX) { /* [RFC 6762 10.1] 0 says goodbye */
            has_answer |= take_record(m, weir_span_of(name, name_bytes), weir_be16(head.p),
                                      weir_be16(head.p + 2), weir_rd_rest(&data));
        }
    }
    return has_answer ? WEIR_MDNS_OK : WEIR_MDNS_NOTHING;
}

static enum weir_mdns_verdict recv_message(struct weir_mdns *m, const struct weir_addr *from,
                                           struct weir_span packet)
{
    struct weir_rd r = weir_rd_of(packet);
    struct weir_span head;
    if (!weir_rd_take(&r, 12, &head)) {
        return WEIR_MDNS_SHORT;
    }
    if ((head.p[2] & 0x80) == 0) {
        return WEIR_MDNS_QUESTION;
    }
    if (from->port != MDNS_PORT) {
        return WEIR_MDNS_LINK;
    }
    uint32_t questions = weir_be16(head.p + 4);
    uint32_t records = (uint32_t)weir_be16(head.p + 6) + weir_be16(head.p + 8) + weir_be16(head.p + 10);
    for (uint32_t i = 0; i < questions && i < WEIR_MDNS_RECORDS_MAX; i++) {
        uint8_t name[WEIR_MDNS_NAME_MAX];
        size_t name_bytes;
        enum weir_mdns_verdict v = read_name(packet, &r, name, &name_bytes);
        if (v != WEIR_MDNS_OK) {
            return v;
        }
        if (!weir_rd_skip(&r, 4)) {
            return WEIR_MDNS_SHORT;
        }
    }
    return read_records(m, packet, &r, records);
}

enum weir_mdns_verdict weir_mdns_recv(struct weir_mdns *m, const struct weir_addr *from,
                                      struct weir_span packet)
{
    enum weir_mdns_verdict v = recv_message(m, from, packet);
    m->verdicts[v]++;
    return v;
}

/* -- Out --------------------------------------------------------------------------------------- */

void weir_mdns_tick(struct weir_mdns *m, weir_time now)
{
    for (unsigned i = 0; i < WEIR_MDNS_QUERIES_MAX; i++) {
        struct weir_mdns_query *q = &m->query[i];
        if (!q->is_used || now < q->ask_at) {
            continue;
        }
        if (q->tries == MDNS_TRIES) {
            settle(m, q, NULL);
            continue;
        }
        q->owes_question = true;
        q->ask_at = weir_time_add(now, MDNS_FIRST_WAIT << q->tries);
        q->tries++;
    }
}

/* The labels of a dotted name, each behind its length. */
static void write_name(struct weir_wr *w, const char *name, size_t n)
{
    size_t begin = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i == n || name[i] == '.') {
            weir_wr_u8(w, (uint8_t)((i - begin) & 63));
            weir_wr_bytes(w, weir_span_of(name + begin, (i - begin) & 63));
            begin = i + 1;
        }
    }
    weir_wr_u8(w, 0);
}

struct weir_addr weir_mdns_group(enum weir_family family)
{
    static const uint8_t six[16] = { 0xff, 0x02, [15] = 0xfb };
    return family == WEIR_IPV6 ? weir_addr_v6(six, MDNS_PORT) : weir_addr_v4(224, 0, 0, 251, MDNS_PORT);
}

size_t weir_mdns_send(struct weir_mdns *m, struct weir_mspan out)
{
    for (unsigned i = 0; i < WEIR_MDNS_QUERIES_MAX; i++) {
        struct weir_mdns_query *q = &m->query[i];
        if (!q->is_used || !q->owes_question) {
            continue;
        }
        struct weir_wr w = weir_wr_of(out);
        weir_wr_u32(&w, 0); /* id and flags [RFC 6762 18.1] */
        weir_wr_u16(&w, 2);
        weir_wr_u16(&w, 0);
        weir_wr_u32(&w, 0);
        write_name(&w, q->name, q->name_bytes);
        weir_wr_u16(&w, TYPE_A);
        weir_wr_u16(&w, CLASS_IN);
        write_name(&w, q->name, q->name_bytes);
        weir_wr_u16(&w, TYPE_AAAA);
        weir_wr_u16(&w, CLASS_IN);
        size_t n = weir_wr_done(&w);
        q->owes_question = n == 0;
        return n;
    }
    return 0;
}

bool weir_mdns_event(struct weir_mdns *m, struct weir_mdns_event *out)
{
    if (m->event_head == m->event_tail) {
        return false;
    }
    *out = m->event[m->event_tail++ % WEIR_MDNS_QUERIES_MAX];
    return true;
}

weir_time weir_mdns_deadline(const struct weir_mdns *m)
{
    weir_time at = WEIR_NEVER;
    for (unsigned i = 0; i < WEIR_MDNS_QUERIES_MAX; i++) {
        if (m->query[i].is_used) {
            at = weir_time_min(at, m->query[i].ask_at);
        }
    }
    return at;
}
