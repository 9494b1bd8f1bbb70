/* Trace: fixed 32-byte records in a ring that the caller gives.
 *
 * Protocols note what happened as numbers; names live beside the protocol that owns the ids. A NULL
 * ring turns tracing off, and costs one branch. Keys and payload never enter the ring; addresses do
 * only as 32-bit hashes.
 */
#ifndef WEIR_CORE_TRACE_H
#define WEIR_CORE_TRACE_H

#include "core/base.h"

enum weir_trace_proto {
    WEIR_TRACE_CORE,
    WEIR_TRACE_STUN,
    WEIR_TRACE_ICE,
    WEIR_TRACE_DTLS,
    WEIR_TRACE_SCTP,
    WEIR_TRACE_SRTP,
    WEIR_TRACE_RTCP,
    WEIR_TRACE_SDP,
    WEIR_TRACE_PEER,
};

enum weir_trace_kind {
    WEIR_TRACE_VERDICT, /* a: verdict, b: packet bytes, c: its first four bytes */
    WEIR_TRACE_STATE,   /* a: from, b: to, c: why (protocol's own) */
    WEIR_TRACE_TIMER,   /* a: timer, b: 0 fired 1 armed 2 cancelled, c: milliseconds ahead */
    WEIR_TRACE_TX,      /* a: bytes, b: first four bytes, c: protocol's own */
    WEIR_TRACE_RX,      /* a: bytes, b: first four bytes, c: protocol's own */
    WEIR_TRACE_NOTE,    /* a: protocol's own id, b and c: its values */
};

struct weir_trace_rec {
    weir_time at;
    uint16_t proto; /* enum weir_trace_proto */
    uint16_t kind;  /* enum weir_trace_kind */
    uint32_t conn;  /* the connection's number */
    uint32_t a, b, c;
    uint32_t zero;
};

WEIR_STATIC_ASSERT(sizeof(struct weir_trace_rec) == 32, "a trace record is 32 bytes");

struct weir_trace {
    struct weir_trace_rec *ring; /* the caller's memory */
    uint32_t mask;               /* capacity - 1; capacity is a power of two */
    uint64_t written;            /* records ever written; the last `capacity` are readable */
};

WEIR_API void weir_trace_init(struct weir_trace *t, struct weir_trace_rec *ring, uint32_t capacity);

static inline void weir_trace(struct weir_trace *t, weir_time at, enum weir_trace_proto proto,
                              enum weir_trace_kind kind, uint32_t conn, uint32_t a, uint32_t b,
                              uint32_t c)
{
    if (t == NULL) {
        return;
    }
    struct weir_trace_rec rec = { at, (uint16_t)proto, (uint16_t)kind, conn, a, b, c, 0 };
    t->ring[t->written++ & t->mask] = rec;
}

#endif
