/* When may the next bytes leave, at so many bytes per second?
 *
 * A bucket of tokens as what is missing in it: what left is a debt that the rate pays off. While the debt
 * is no more than a burst, more may leave; a packet that leaves may exceed that by itself, so that nothing
 * is too large ever to leave. What must not wait leaves whenever it likes, and is counted: what may wait
 * waits the longer for it. Nothing but one burst is saved up in silence.
 */
#ifndef WEIR_CORE_PACER_H
#define WEIR_CORE_PACER_H

#include "core/base.h"

/* A burst is what the rate pays in this time, so that a loop that wakes a little late still sends all that
 * the rate allows; or `burst` bytes, if that is more. */
#define WEIR_PACER_BURST (2 * WEIR_MS)
#define WEIR_PACER_RATE_MAX UINT64_C(100000000000) /* bytes per second; more is no limit */

struct weir_pacer {
    uint64_t rate;  /* bytes per second; 0: no limit */
    uint64_t debt;  /* in millionths of a byte, at paid_at */
    uint32_t burst; /* bytes */
    weir_time paid_at;
};

/* What is owed now. */
static inline uint64_t weir_pacer_debt(const struct weir_pacer *p, weir_time now)
{
    uint64_t most = p->debt / (p->rate == 0 ? 1 : p->rate); /* microseconds that it takes */
    weir_duration gone = now > p->paid_at ? now - p->paid_at : 0;
    return gone > most ? 0 : p->debt - gone * p->rate;
}

/* And what may be owed by who sends more. */
static inline uint64_t weir_pacer_allowed(const struct weir_pacer *p)
{
    uint64_t by_rate = p->rate * WEIR_PACER_BURST, by_bytes = (uint64_t)p->burst * 1000000;
    return by_rate > by_bytes ? by_rate : by_bytes;
}

/* From now on so fast. What is owed stays. */
static inline void weir_pacer_set_rate(struct weir_pacer *p, weir_time now, uint64_t rate)
{
    uint64_t next = rate > WEIR_PACER_RATE_MAX ? 0 : rate;
    if (next != p->rate) {
        p->debt = p->rate == 0 ? 0 : weir_pacer_debt(p, now);
        p->paid_at = now > p->paid_at ? now : p->paid_at;
        p->rate = next;
    }
}

static inline bool weir_pacer_may(const struct weir_pacer *p, weir_time now)
{
    return p->rate == 0 || weir_pacer_debt(p, now) <= weir_pacer_allowed(p);
}

/* So many bytes leave. */
static inline void weir_pacer_sent(struct weir_pacer *p, weir_time now, size_t bytes)
{
    if (p->rate != 0) {
        p->debt = weir_pacer_debt(p, now) + (uint64_t)bytes * 1000000;
        p->paid_at = now > p->paid_at ? now : p->paid_at;
    }
}

/* When the next may leave: paid_at or earlier when it may at once. */
static inline weir_time weir_pacer_next(const struct weir_pacer *p)
{
    uint64_t allowed = weir_pacer_allowed(p);
    if (p->rate == 0 || p->debt <= allowed) {
        return 0;
    }
    return weir_time_add(p->paid_at, (p->debt - allowed + p->rate - 1) / p->rate);
}

#endif
