/* How much leaves for addresses that proved nothing [RFC 8445 19.5.1].
 *
 * Who writes a description chooses where our checks go. They must not be worth more than ten times what it
 * wrote:
 *
 *   1. a description or candidate of n bytes gives 10 n; checks on pairs whose remote address never
 *      answered are paid from it, with 28 bytes of IP and UDP each;
 *   2. three quarters may be spent at once, the rest over ten seconds, so that the last checks of a pair
 *      that is slow to open are still there when it does;
 *   3. what came from such an address with proof pays three times its bytes, so that whoever asks is asked
 *      in return;
 *   4. a check that cannot be paid with its payload goes without; one that cannot be paid at all counts as
 *      sent and lost;
 *   5. over all this, the agents of one owner share a meter that fills with a fixed rate.
 */
#include "ice/ice_int.h"

#define BUDGET_TIMES 10
#define BUDGET_HEARD_TIMES 3
#define BUDGET_SPREAD (10 * WEIR_SEC)
#define BUDGET_HEADERS 28
#define BUDGET_LEAST 200 /* a check without payload: ours has 150 with usual names */

void weir_ice_allow(struct weir_ice *ice, size_t bytes)
{
    ice->budget.is_limited = true;
    ice->budget.given += (uint64_t)BUDGET_TIMES * bytes;
}

void weir_ice_budget_heard(struct weir_ice *ice, size_t bytes)
{
    ice->budget.heard += BUDGET_HEARD_TIMES * (bytes + BUDGET_HEADERS);
}

void weir_ice_meter_init(struct weir_ice_meter *m, uint64_t per_second, weir_time now)
{
    memset(m, 0, sizeof *m);
    m->per_second = m->most = m->left = per_second;
    m->at = now;
}

static void fill(struct weir_ice_meter *m, weir_time now)
{
    weir_duration since = weir_time_since(now, m->at);
    uint64_t more = since >= WEIR_SEC ? m->most : m->per_second * since / WEIR_SEC;
    if (more != 0) { /* else what is less than a byte would be lost each time */
        m->left = m->left + more < m->most ? m->left + more : m->most;
        m->at = now;
    }
}

/* Its owner answered us from there, with any pair, now or before the restart. */
static bool is_proven(const struct weir_ice *ice, const struct weir_ice_pair *p)
{
    const struct weir_addr *remote = &remote_at(ice, p->remote)->addr;
    for (uint32_t i = 0; i < ice->pairs; i++) {
        const struct weir_ice_pair *q = pair_at(ice, i);
        if (q->responses != 0 && weir_addr_eq(&remote_at(ice, q->remote)->addr, remote)) {
            return true;
        }
    }
    return ice->old.linger_at != 0 && weir_addr_eq(&ice->old.path.remote, remote);
}

static uint64_t allowed(const struct weir_ice_budget *b, weir_time now)
{
    weir_duration since = b->begun_at == 0 ? 0 : weir_time_since(now, b->begun_at);
    uint64_t late = b->given / 4;
    return b->given - late + (since >= BUDGET_SPREAD ? late : late * since / BUDGET_SPREAD);
}

/* What came from there pays what goes there. */
static uint64_t credit_of(const struct weir_ice_budget *b, const struct weir_ice_pair *p)
{
    return p->has_request || p->is_followed ? b->heard - b->returned : 0;
}

size_t weir_ice_budget_room(struct weir_ice *ice, weir_time now, const struct weir_ice_pair *p)
{
    struct weir_ice_budget *b = &ice->budget;
    struct weir_ice_meter *m = ice->config.meter;
    uint64_t room = ICE_EMBED_PACKET_MAX + BUDGET_HEADERS, most;
    if (is_proven(ice, p)) {
        return ICE_EMBED_PACKET_MAX;
    }
    if (b->is_limited) {
        most = allowed(b, now);
        most = (most > b->spent ? most - b->spent : 0) + credit_of(b, p);
        room = most < room ? most : room;
    }
    if (m != NULL) {
        fill(m, now);
        if (m->left < BUDGET_LEAST && room >= BUDGET_LEAST) {
            m->held++;
        }
        room = m->left < room ? m->left : room;
    }
    if (room < BUDGET_LEAST) {
        b->held++;
        return 0;
    }
    return (size_t)room - BUDGET_HEADERS;
}

void weir_ice_budget_spent(struct weir_ice *ice, weir_time now, const struct weir_ice_pair *p, size_t bytes)
{
    struct weir_ice_budget *b = &ice->budget;
    uint64_t cost = bytes + BUDGET_HEADERS, heard = credit_of(b, p);
    if (is_proven(ice, p)) {
        return;
    }
    b->begun_at = b->begun_at == 0 ? now : b->begun_at;
    if (ice->config.meter != NULL) {
        struct weir_ice_meter *m = ice->config.meter;
        m->left -= m->left < cost ? m->left : cost;
    }
    uint64_t paid = heard < cost ? heard : cost; /* by what came, first */
    b->returned += paid;
    b->spent += cost - paid;
}
