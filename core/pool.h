/* Packet buffers: one MTU each, recycled through a fixed pool.
 *
 * A buffer is 2,048 bytes: a 128-byte header whose `meta` belongs to whoever holds the buffer, 64
 * bytes of head-room (TURN channel header 4, DTLS record header 13 and explicit nonce 8, rest
 * spare), 1,500 of payload, and tail-room for an authentication tag (16), SRTCP index (4) and MKI.
 * Buffers are named by index, so structures that hold them stay flat and copyable.
 *
 * Who owns what: the pump owns buffers; a layer borrows bytes for one call; SCTP may keep a buffer
 * until its bytes are delivered or acknowledged, against a quota; the kernel owns a buffer from
 * submit to completion. An idle connection holds none. An empty pool is back-pressure: get returns
 * WEIR_NO_BUF, the miss is counted, and nothing aborts.
 */
#ifndef WEIR_CORE_POOL_H
#define WEIR_CORE_POOL_H

#include "core/base.h"

#define WEIR_MTU 1500
#define WEIR_BUF_META_BYTES 112
#define WEIR_BUF_HEADROOM 64
#define WEIR_BUF_TAILROOM 356
#define WEIR_NO_BUF UINT32_MAX

struct weir_buf {
    uint32_t next;  /* index of the next buffer in the holder's list, or WEIR_NO_BUF */
    uint32_t start; /* offset in data of the first used byte */
    uint32_t len;   /* bytes used */
    uint32_t owner; /* free for the holder; 0 when handed out */
    WEIR_ALIGNAS(8) uint8_t meta[WEIR_BUF_META_BYTES]; /* the holder's own fields */
    uint8_t data[WEIR_BUF_HEADROOM + WEIR_MTU + WEIR_BUF_TAILROOM];
};

WEIR_STATIC_ASSERT(sizeof(struct weir_buf) == 2048, "a buffer is 2048 bytes");

struct weir_pool {
    struct weir_buf *bufs; /* the caller's memory */
    uint32_t count;
    uint32_t free_head;
    uint32_t fresh;      /* buffers from here on were never used */
    uint32_t free_count;
    uint32_t free_least; /* the fewest ever free: how near to empty it came */
    uint64_t misses;     /* gets that found it empty */
};

/* Memory that a pool of `count` buffers needs. */
static inline size_t weir_pool_bytes(uint32_t count)
{
    return (size_t)count * sizeof(struct weir_buf);
}

/* Take over `count` buffers of caller memory, aligned to 64 bytes. */
WEIR_API void weir_pool_init(struct weir_pool *p, struct weir_buf *bufs, uint32_t count);

/* A free buffer: start = head-room, len = 0, next = WEIR_NO_BUF, meta zero. */
WEIR_MUST_CHECK WEIR_API uint32_t weir_pool_get(struct weir_pool *p);

WEIR_API void weir_pool_put(struct weir_pool *p, uint32_t index);

/* Give back a whole list linked by next. */
WEIR_API void weir_pool_put_list(struct weir_pool *p, uint32_t head);

static inline struct weir_buf *weir_pool_at(const struct weir_pool *p, uint32_t index)
{
    return &p->bufs[index];
}

/* The used bytes of a buffer. */
static inline struct weir_mspan weir_buf_bytes(struct weir_buf *b)
{
    struct weir_mspan s = { b->data + b->start, b->len };
    return s;
}

#endif
