/* The replay window, in three parts that never mix: estimate an index, check it, note it. Only a
 * verified packet is noted [RFC 3711 3.3.2]. */
#include "srtp/srtp_int.h"

uint64_t weir_replay_estimate(const struct weir_replay *r, uint16_t seq)
{
    if (!r->has_any) {
        return seq; /* [RFC 3711 3.3.1] the rollover counter starts at zero */
    }
    uint64_t roc = r->highest >> 16;
    uint16_t last = (uint16_t)r->highest;
    /* Of the three candidate counters take the one that brings the index nearest to the highest. */
    if (last < 0x8000) {
        if (seq > last && (uint16_t)(seq - last) > 0x8000 && roc != 0) {
            roc--;
        }
    } else if (seq < (uint16_t)(last - 0x8000)) {
        roc++;
    }
    return roc << 16 | seq;
}

enum weir_srtp_verdict weir_replay_check(const struct weir_replay *r, uint64_t index)
{
    if (!r->has_any || index > r->highest) {
        return WEIR_SRTP_OK;
    }
    if (r->highest - index >= WEIR_SRTP_WINDOW) {
        return WEIR_SRTP_OLD;
    }
    uint64_t bit = index % WEIR_SRTP_WINDOW;
    return (r->seen[bit / 64] >> (bit % 64) & 1) != 0 ? WEIR_SRTP_REPLAY : WEIR_SRTP_OK;
}

/* Forget the indices between the highest and the new one, whose bits now stand for newer packets. */
static void advance(struct weir_replay *r, uint64_t index)
{
    if (!r->has_any || index - r->highest >= WEIR_SRTP_WINDOW) {
        memset(r->seen, 0, sizeof r->seen);
    } else {
        for (uint64_t i = r->highest + 1; i <= index; i++) { /* fewer than WEIR_SRTP_WINDOW */
            uint64_t bit = i % WEIR_SRTP_WINDOW;
            r->seen[bit / 64] &= ~((uint64_t)1 << (bit % 64));
        }
    }
    r->highest = index;
    r->has_any = true;
}

void weir_replay_note(struct weir_replay *r, uint64_t index)
{
    if (!r->has_any || index > r->highest) {
        advance(r, index);
    }
    uint64_t bit = index % WEIR_SRTP_WINDOW;
    r->seen[bit / 64] |= (uint64_t)1 << (bit % 64);
}
