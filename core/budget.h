/* A bound on work that comes to nothing: so much at once, and then one more in each so many microseconds.
 *
 * A bucket of tokens as one number: the time at which it will be full again. Ask before the work, and spend
 * after it was wasted: what leads somewhere costs nothing.
 */
#ifndef WEIR_CORE_BUDGET_H
#define WEIR_CORE_BUDGET_H

#include "core/base.h"

struct weir_budget {
    uint32_t burst;     /* tokens of a full bucket; 0: none are ever there */
    weir_duration each; /* until one comes back */
    weir_time full_at;
};

/* Full. */
static inline struct weir_budget weir_budget_of(uint32_t burst, weir_duration each)
{
    struct weir_budget b = { burst, each, 0 };
    return b;
}

/* Is there a token? */
static inline bool weir_budget_has(const struct weir_budget *b, weir_time now)
{
    return b->burst != 0 && (b->full_at <= now || b->full_at - now <= (b->burst - 1) * b->each);
}

/* Take one out, if there is one. */
static inline void weir_budget_spend(struct weir_budget *b, weir_time now)
{
    if (weir_budget_has(b, now)) {
        b->full_at = weir_time_add(b->full_at > now ? b->full_at : now, b->each);
    }
}

#endif
