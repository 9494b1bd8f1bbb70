/* The ground every protocol stands on: time, status, bytes.
 *
 * Nothing here allocates, blocks, reads a clock or touches a file. Every protocol directory
 * includes this header and may rely on nothing of libc beyond mem*.
 *
 * The byte reader is the only place in weir where a length from the wire is compared and a
 * cursor moves. Its rules:
 *   1. every primitive is built on weir_rd_take, which tests n > r->n and never forms p + n first;
 *   2. on failure nothing moves and nothing is written;
 *   3. a length from the wire makes a child reader, and nothing else.
 */
#ifndef WEIR_CORE_BASE_H
#define WEIR_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The headers are C11, and C++11 for who includes them from there. */
#ifdef __cplusplus
#define WEIR_C_LINKAGE extern "C"
#define WEIR_ALIGNAS(bytes) alignas(bytes)
#define WEIR_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define WEIR_C_LINKAGE
#define WEIR_ALIGNAS(bytes) _Alignas(bytes)
#define WEIR_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#if defined(__GNUC__) && defined(__cplusplus)
#define WEIR_MUST_CHECK /* C++ allows it not in front of extern "C" */
#define WEIR_API WEIR_C_LINKAGE __attribute__((visibility("default")))
#elif defined(__GNUC__)
#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_API WEIR_C_LINKAGE __attribute__((visibility("default")))
#else
#define WEIR_MUST_CHECK
#define WEIR_API WEIR_C_LINKAGE
#endif

/* -- Time ------------------------------------------------------------------------------------- */

/* Microseconds on a monotonic clock with an arbitrary epoch, always given by the caller. */
typedef uint64_t weir_time;
/* A span of time in microseconds. */
typedef uint64_t weir_duration;

/* A timer that is off; a deadline that never comes. */
#define WEIR_NEVER UINT64_MAX
#define WEIR_MS ((weir_duration)1000)
#define WEIR_SEC ((weir_duration)1000000)

/* t + d, saturating at WEIR_NEVER. */
static inline weir_time weir_time_add(weir_time t, weir_duration d)
{
    return d > WEIR_NEVER - t ? WEIR_NEVER : t + d;
}

/* How long from `since` to `now`; 0 when `since` lies ahead. */
static inline weir_duration weir_time_since(weir_time now, weir_time since)
{
    return now > since ? now - since : 0;
}

static inline weir_time weir_time_min(weir_time a, weir_time b)
{
    return a < b ? a : b;
}

/* -- Status: what our caller did. What the wire did is each protocol's own verdict. ----------- */

enum weir_status {
    WEIR_OK,           /* done */
    WEIR_ERR_ARG,      /* an argument is out of its documented range */
    WEIR_ERR_STATE,    /* not possible in the present state */
    WEIR_ERR_FULL,     /* a documented capacity is used up; try again when something drained */
    WEIR_ERR_SIZE,     /* the bytes do not fit what was given or negotiated */
    WEIR_ERR_CRYPTO,   /* the crypto provider refused */
    WEIR_ERR_SYSTEM,   /* the operating system refused; the caller of the pump learns why */
    WEIR_STATUS_COUNT,
};

/* -- Bytes ------------------------------------------------------------------------------------ */

/* Borrowed bytes, read-only. p may be NULL only when n is 0. */
struct weir_span {
    const uint8_t *p;
    size_t n;
};

/* Borrowed bytes, writable. */
struct weir_mspan {
    uint8_t *p;
    size_t n;
};

static inline struct weir_span weir_span_of(const void *p, size_t n)
{
    struct weir_span s = { (const uint8_t *)p, n };
    return s;
}

static inline struct weir_span weir_span_const(struct weir_mspan m)
{
    struct weir_span s = { m.p, m.n };
    return s;
}

/* A string literal as bytes, without its terminator. */
#define WEIR_LIT(s) weir_span_of((s), sizeof(s) - 1)

static inline uint16_t weir_be16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t weir_be24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t weir_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t weir_be48(const uint8_t *p)
{
    return (uint64_t)weir_be16(p) << 32 | weir_be32(p + 2);
}

static inline uint64_t weir_be64(const uint8_t *p)
{
    return (uint64_t)weir_be32(p) << 32 | weir_be32(p + 4);
}

static inline void weir_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void weir_put24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}

static inline void weir_put32(uint8_t *p, uint32_t v)
{
    weir_put16(p, (uint16_t)(v >> 16));
    weir_put16(p + 2, (uint16_t)v);
}

static inline void weir_put48(uint8_t *p, uint64_t v)
{
    weir_put16(p, (uint16_t)(v >> 32));
    weir_put32(p + 2, (uint32_t)v);
}

static inline void weir_put64(uint8_t *p, uint64_t v)
{
    weir_put32(p, (uint32_t)(v >> 32));
    weir_put32(p + 4, (uint32_t)v);
}

/* memcpy that accepts (NULL, 0), which the standard one does not. */
static inline void weir_copy(void *to, const void *from, size_t n)
{
    if (n != 0) {
        memcpy(to, from, n);
    }
}

/* Copy `from` into an array of `cap` bytes. False, and nothing written, when it does not fit. */
WEIR_MUST_CHECK static inline bool weir_copy_into(void *to, size_t cap, struct weir_span from)
{
    if (from.n > cap) {
        return false;
    }
    weir_copy(to, from.p, from.n);
    return true;
}

/* Equality in time that depends on n alone. */
WEIR_MUST_CHECK WEIR_API bool weir_equal_secret(const void *a, const void *b, size_t n);

/* Equality of public bytes. */
WEIR_MUST_CHECK static inline bool weir_span_eq(struct weir_span a, struct weir_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Overwrite with zeros in a way the compiler may not remove. */
WEIR_API void weir_wipe(void *p, size_t n);

/* -- Reader: n = bytes left; it only shrinks --------------------------------------------------- */

struct weir_rd {
    const uint8_t *p;
    size_t n;
};

static inline struct weir_rd weir_rd_of(struct weir_span s)
{
    struct weir_rd r = { s.p, s.n };
    return r;
}

static inline struct weir_span weir_rd_rest(const struct weir_rd *r)
{
    struct weir_span s = { r->p, r->n };
    return s;
}

/* The next n bytes as a borrowed span. */
WEIR_MUST_CHECK static inline bool weir_rd_take(struct weir_rd *r, size_t n, struct weir_span *out)
{
    if (n > r->n) {
        return false;
    }
    out->p = r->p;
    out->n = n;
    if (n != 0) {
        r->p += n;
        r->n -= n;
    }
    return true;
}

WEIR_MUST_CHECK static inline bool weir_rd_skip(struct weir_rd *r, size_t n)
{
    struct weir_span skipped;
    return weir_rd_take(r, n, &skipped);
}

WEIR_MUST_CHECK static inline bool weir_rd_u8(struct weir_rd *r, uint8_t *out)
{
    struct weir_span s;
    if (!weir_rd_take(r, 1, &s)) {
        return false;
    }
    *out = s.p[0];
    return true;
}

WEIR_MUST_CHECK static inline bool weir_rd_u16(struct weir_rd *r, uint16_t *out)
{
    struct weir_span s;
    if (!weir_rd_take(r, 2, &s)) {
        return false;
    }
    *out = weir_be16(s.p);
    return true;
}

WEIR_MUST_CHECK static inline bool weir_rd_u24(struct weir_rd *r, uint32_t *out)
{
    struct weir_span s;
    if (!weir_rd_take(r, 3, &s)) {
        return false;
    }
    *out = weir_be24(s.p);
    return true;
}

WEIR_MUST_CHECK static inline bool weir_rd_u32(struct weir_rd *r, uint32_t *out)
{
    struct weir_span s;
    if (!weir_rd_take(r, 4, &s)) {
        return false;
    }
    *out = weir_be32(s.p);
    return true;
}

WEIR_MUST_CHECK static inline bool weir_rd_u48(struct weir_rd *r, uint64_t *out)
{
    struct weir_span s;
    if (!weir_rd_take(r, 6, &s)) {
        return false;
    }
    *out = weir_be48(s.p);
    return true;
}

WEIR_MUST_CHECK static inline bool weir_rd_u64(struct weir_rd *r, uint64_t *out)
{
    struct weir_span s;
    if (!weir_rd_take(r, 8, &s)) {
        return false;
    }
    *out = weir_be64(s.p);
    return true;
}

/* The next n bytes as a reader of their own. */
WEIR_MUST_CHECK static inline bool weir_rd_sub(struct weir_rd *r, size_t n, struct weir_rd *child)
{
    struct weir_span s;
    if (!weir_rd_take(r, n, &s)) {
        return false;
    }
    *child = weir_rd_of(s);
    return true;
}

/* A child behind a length prefix of 8, 16 or 24 bits. */
WEIR_MUST_CHECK WEIR_API bool weir_rd_sub8(struct weir_rd *r, struct weir_rd *child);
WEIR_MUST_CHECK WEIR_API bool weir_rd_sub16(struct weir_rd *r, struct weir_rd *child);
WEIR_MUST_CHECK WEIR_API bool weir_rd_sub24(struct weir_rd *r, struct weir_rd *child);

/* Consume the padding that brings a value of `len` bytes to a multiple of four, or fail. */
WEIR_MUST_CHECK static inline bool weir_rd_pad4(struct weir_rd *r, size_t len)
{
    return weir_rd_skip(r, (4 - (len & 3)) & 3);
}

/* -- Writer: overflow is sticky, one check at the end ------------------------------------------ */

struct weir_wr {
    uint8_t *base;
    size_t len;
    size_t cap;
    bool overflow;
};

/* A length field to be filled in when its content is complete. */
struct weir_mark {
    size_t at;
    unsigned width;
};

static inline struct weir_wr weir_wr_of(struct weir_mspan out)
{
    struct weir_wr w = { out.p, 0, out.n, false };
    return w;
}

/* Room for n bytes at the cursor, which moves past them; NULL, and overflow set, if there is none. */
WEIR_API uint8_t *weir_wr_room(struct weir_wr *w, size_t n);
WEIR_API void weir_wr_u8(struct weir_wr *w, uint8_t v);
WEIR_API void weir_wr_u16(struct weir_wr *w, uint16_t v);
WEIR_API void weir_wr_u24(struct weir_wr *w, uint32_t v);
WEIR_API void weir_wr_u32(struct weir_wr *w, uint32_t v);
WEIR_API void weir_wr_u48(struct weir_wr *w, uint64_t v);
WEIR_API void weir_wr_u64(struct weir_wr *w, uint64_t v);
WEIR_API void weir_wr_bytes(struct weir_wr *w, struct weir_span s);
WEIR_API void weir_wr_zero(struct weir_wr *w, size_t n);
/* Zero bytes until len is a multiple of four. */
WEIR_API void weir_wr_pad4(struct weir_wr *w);
/* Text: a NUL-terminated string without its NUL; an unsigned number in decimal. */
WEIR_API void weir_wr_str(struct weir_wr *w, const char *s);
WEIR_API void weir_wr_dec(struct weir_wr *w, uint64_t v);
/* Text: n bytes as lower-case hexadecimal digits. */
WEIR_API void weir_wr_hex(struct weir_wr *w, struct weir_span s);
/* Reserve a length field of `width` bytes (1, 2 or 3); close writes the count of bytes since. */
WEIR_API struct weir_mark weir_wr_open(struct weir_wr *w, unsigned width);
WEIR_API void weir_wr_close(struct weir_wr *w, struct weir_mark m);

/* Bytes written, 0 when something did not fit. */
WEIR_MUST_CHECK static inline size_t weir_wr_done(const struct weir_wr *w)
{
    return w->overflow ? 0 : w->len;
}

#endif
