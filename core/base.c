/* Byte reader and writer, constant-time compare, wiping. See base.h for the rules they keep. */
#include "core/base.h"

bool weir_equal_secret(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = (const volatile uint8_t *)a;
    const volatile uint8_t *y = (const volatile uint8_t *)b;
    uint8_t diff = 0;
    for (size_t i = 0; i < n; i++) {
        diff = (uint8_t)(diff | (x[i] ^ y[i]));
    }
    return diff == 0;
}

void weir_wipe(void *p, size_t n)
{
    if (n == 0) {
        return;
    }
    memset(p, 0, n);
#if defined(__GNUC__)
    /* The compiler must assume the bytes are read here, so the stores stay. */
    __asm__ __volatile__("" : : "r"(p) : "memory");
#endif
}

/* -- Reader ----------------------------------------------------------------------------------- */

bool weir_rd_sub8(struct weir_rd *r, struct weir_rd *child)
{
    struct weir_rd at = *r;
    uint8_t n;
    if (!weir_rd_u8(&at, &n) || !weir_rd_sub(&at, n, child)) {
        return false;
    }
    *r = at;
    return true;
}

bool weir_rd_sub16(struct weir_rd *r, struct weir_rd *child)
{
    struct weir_rd at = *r;
    uint16_t n;
    if (!weir_rd_u16(&at, &n) || !weir_rd_sub(&at, n, child)) {
        return false;
    }
    *r = at;
    return true;
}

bool weir_rd_sub24(struct weir_rd *r, struct weir_rd *child)
{
    struct weir_rd at = *r;
    uint32_t n;
    if (!weir_rd_u24(&at, &n) || !weir_rd_sub(&at, n, child)) {
        return false;
    }
    *r = at;
    return true;
}

/* -- Writer ----------------------------------------------------------------------------------- */

uint8_t *weir_wr_room(struct weir_wr *w, size_t n)
{
    if (w->overflow || n > w->cap - w->len) {
        w->overflow = true;
        return NULL;
    }
    uint8_t *p = w->base + w->len;
    w->len += n;
    return p;
}

void weir_wr_u8(struct weir_wr *w, uint8_t v)
{
    uint8_t *p = weir_wr_room(w, 1);
    if (p != NULL) {
        p[0] = v;
    }
}

void weir_wr_u16(struct weir_wr *w, uint16_t v)
{
    uint8_t *p = weir_wr_room(w, 2);
    if (p != NULL) {
        weir_put16(p, v);
    }
}

void weir_wr_u24(struct weir_wr *w, uint32_t v)
{
    uint8_t *p = weir_wr_room(w, 3);
    if (p != NULL) {
        weir_put24(p, v);
    }
}

void weir_wr_u32(struct weir_wr *w, uint32_t v)
{
    uint8_t *p = weir_wr_room(w, 4);
    if (p != NULL) {
        weir_put32(p, v);
    }
}

void weir_wr_u48(struct weir_wr *w, uint64_t v)
{
    uint8_t *p = weir_wr_room(w, 6);
    if (p != NULL) {
        weir_put48(p, v);
    }
}

void weir_wr_u64(struct weir_wr *w, uint64_t v)
{
    uint8_t *p = weir_wr_room(w, 8);
    if (p != NULL) {
        weir_put64(p, v);
    }
}

void weir_wr_bytes(struct weir_wr *w, struct weir_span s)
{
    uint8_t *p = weir_wr_room(w, s.n);
    if (p != NULL) {
        weir_copy(p, s.p, s.n);
    }
}

void weir_wr_zero(struct weir_wr *w, size_t n)
{
    uint8_t *p = weir_wr_room(w, n);
    if (p != NULL && n != 0) {
        memset(p, 0, n);
    }
}

void weir_wr_pad4(struct weir_wr *w)
{
    weir_wr_zero(w, (4 - (w->len & 3)) & 3);
}

void weir_wr_str(struct weir_wr *w, const char *s)
{
    size_t n = 0;
    while (s[n] != '\0') {
        n++;
    }
    weir_wr_bytes(w, weir_span_of(s, n));
}

void weir_wr_dec(struct weir_wr *w, uint64_t v)
{
    uint8_t digits[20];
    size_t n = 0;
    do {
        digits[sizeof digits - ++n] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    weir_wr_bytes(w, weir_span_of(digits + sizeof digits - n, n));
}

void weir_wr_hex(struct weir_wr *w, struct weir_span s)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < s.n; i++) {
        weir_wr_u8(w, (uint8_t)digit[s.p[i] >> 4]);
        weir_wr_u8(w, (uint8_t)digit[s.p[i] & 15]);
    }
}

struct weir_mark weir_wr_open(struct weir_wr *w, unsigned width)
{
    struct weir_mark m = { w->len, width };
    weir_wr_zero(w, width);
    return m;
}

void weir_wr_close(struct weir_wr *w, struct weir_mark m)
{
    if (w->overflow) {
        return;
    }
    size_t n = w->len - m.at - m.width;
    if (n >> (8 * m.width) != 0) {
        w->overflow = true;
        return;
    }
    for (unsigned i = 0; i < m.width; i++) {
        w->base[m.at + i] = (uint8_t)(n >> (8 * (m.width - 1 - i)));
    }
}
