/* What an agent has of the arenas: pages for candidates and pairs, and the block of its set-up.
 *
 *   pages   each of the three tables grows by a page when its next entry needs one, and gives the last back
 *           when nothing is left on it; entries keep their indices, but that the last one fills a gap
 *   block   leased by the verb that needs it first. It is needed
 *             while a description waits for its answer (weir_ice_hold),
 *             while credentials of before a restart may still be named,
 *             while servers are asked,
 *             while a payload waits, and from the first check to the first path for those to come;
 *           the first tick after that gives it back, which is due at once. A quarter of an hour after there
 *           is a path the peer is not waited for any longer
 *
 * Both are wiped when they go back. A closed agent has neither. One that failed has its block for a
 * description that waits and for payloads that wait for a restart, no longer than its owner keeps it so.
 */
#include "ice/ice_int.h"

/* -- Pages ------------------------------------------------------------------------------------- */

struct table {
    uint32_t *page;
    uint8_t *pages;
    uint32_t each; /* entries of a page */
};

static struct table locals_of(struct weir_ice *ice)
{
    return (struct table){ ice->local_page, &ice->local_pages, WEIR_ICE_PAGE_CANDIDATES };
}

static struct table remotes_of(struct weir_ice *ice)
{
    return (struct table){ ice->remote_page, &ice->remote_pages, WEIR_ICE_PAGE_CANDIDATES };
}

static struct table pairs_of(struct weir_ice *ice)
{
    return (struct table){ ice->pair_page, &ice->pair_pages, WEIR_ICE_PAGE_PAIRS };
}

static void shrink(struct weir_ice *ice, struct table t, uint32_t pages)
{
    while (*t.pages > pages) {
        weir_arena_put(ice->config.pages, t.page[--*t.pages]);
    }
}

static bool grow(struct weir_ice *ice, struct table t, uint32_t count)
{
    while (*t.pages * t.each < count) {
        uint32_t page = ice->config.pages != NULL ? weir_arena_lease(ice->config.pages) : WEIR_NO_BLOCK;
        if (page == WEIR_NO_BLOCK) {
            weir_ice_trim(ice); /* what was leased for it goes back */
            return false;
        }
        t.page[(*t.pages)++] = page;
    }
    return true;
}

bool weir_ice_have_locals(struct weir_ice *ice, uint32_t count)
{
    return grow(ice, locals_of(ice), count);
}

bool weir_ice_have_remotes(struct weir_ice *ice, uint32_t count)
{
    return grow(ice, remotes_of(ice), count);
}

bool weir_ice_have_pairs(struct weir_ice *ice, uint32_t count)
{
    return grow(ice, pairs_of(ice), count);
}

static uint32_t pages_for(struct table t, uint32_t count)
{
    return count == 0 ? 1 : (count + t.each - 1) / t.each;
}

void weir_ice_trim(struct weir_ice *ice)
{
    shrink(ice, locals_of(ice), pages_for(locals_of(ice), ice->locals));
    shrink(ice, remotes_of(ice), pages_for(remotes_of(ice), ice->remotes));
    shrink(ice, pairs_of(ice), pages_for(pairs_of(ice), ice->pairs));
}

static struct weir_ice_page *page_at(const struct weir_ice *ice, uint32_t page)
{
    return (struct weir_ice_page *)weir_arena_at(ice->config.pages, page);
}

struct weir_ice_candidate *weir_ice_local_at(const struct weir_ice *ice, uint32_t i)
{
    struct weir_ice_page *p = page_at(ice, ice->local_page[i / WEIR_ICE_PAGE_CANDIDATES]);
    return &p->u.candidate[i % WEIR_ICE_PAGE_CANDIDATES];
}

struct weir_ice_candidate *weir_ice_remote_at(const struct weir_ice *ice, uint32_t i)
{
    struct weir_ice_page *p = page_at(ice, ice->remote_page[i / WEIR_ICE_PAGE_CANDIDATES]);
    return &p->u.candidate[i % WEIR_ICE_PAGE_CANDIDATES];
}

struct weir_ice_pair *weir_ice_pair_at(const struct weir_ice *ice, uint32_t i)
{
    return &page_at(ice, ice->pair_page[i / WEIR_ICE_PAGE_PAIRS])->u.pair[i % WEIR_ICE_PAGE_PAIRS];
}

/* -- The block --------------------------------------------------------------------------------- */

bool weir_ice_have_setup(struct weir_ice *ice)
{
    if (ice->setup == WEIR_NO_BLOCK && ice->config.setups != NULL) {
        ice->setup = weir_arena_lease(ice->config.setups);
    }
    return ice->setup != WEIR_NO_BLOCK;
}

enum weir_status weir_ice_prepare(struct weir_ice *ice)
{
    if (ice->state == WEIR_ICE_CLOSED) {
        return WEIR_ERR_STATE;
    }
    return weir_ice_have_setup(ice) ? WEIR_OK : WEIR_ERR_FULL;
}

bool weir_ice_needs_setup(const struct weir_ice *ice)
{
    bool awaits_path = ice->state == WEIR_ICE_CHECKING && weir_ice_embed_is_open(ice);
    return ice->is_held || ice->old.is_known || ice->is_older_known || ice->gathers != 0
           || ice->embed.count != 0 || awaits_path;
}

static void put_setup(struct weir_ice *ice)
{
    if (ice->setup != WEIR_NO_BLOCK) {
        weir_arena_put(ice->config.setups, ice->setup);
        ice->setup = WEIR_NO_BLOCK;
    }
}

void weir_ice_end_setup(struct weir_ice *ice)
{
    if (!weir_ice_needs_setup(ice)) {
        put_setup(ice);
    }
}

void weir_ice_bound_setup(struct weir_ice *ice, weir_time now)
{
    bool is_leased = ice->setup != WEIR_NO_BLOCK;
    ice->setup_until = is_leased ? on_grid(weir_time_add(now, ICE_SETUP_MOST)) : WEIR_NEVER;
}

void weir_ice_setup_tick(struct weir_ice *ice, weir_time now)
{
    if (now >= ice->setup_until && ice->is_held) {
        weir_ice_bound_setup(ice, now); /* what waits has all the time that it wants */
    } else if (now >= ice->setup_until) {
        ice->setup_until = WEIR_NEVER;
        weir_ice_forget_old(ice);
        weir_ice_embed_over(ice);
    }
    weir_ice_end_setup(ice);
}

void weir_ice_rest(struct weir_ice *ice)
{
    weir_ice_forget_old(ice);
    ice->gathers = 0;
    ice->gather_until = WEIR_NEVER;
    if (!ice->is_held && ice->embed.count == 0) {
        put_setup(ice);
    }
}

void weir_ice_give_back(struct weir_ice *ice)
{
    ice->locals = ice->locals_told = ice->remotes = ice->pairs = 0;
    ice->selected = WEIR_ICE_NONE;
    ice->gathers = ice->answers = ice->embed.count = 0;
    ice->is_held = ice->is_older_known = false;
    memset(&ice->old, 0, sizeof ice->old);
    shrink(ice, locals_of(ice), 0);
    shrink(ice, remotes_of(ice), 0);
    shrink(ice, pairs_of(ice), 0);
    put_setup(ice);
}

/* -- One agent alone --------------------------------------------------------------------------- */

void weir_ice_room_init(struct weir_ice_room *room)
{
    weir_arena_init(&room->pages, room->page, sizeof room->page[0], WEIR_ICE_PAGES_MAX);
    weir_arena_init(&room->setups, &room->setup, sizeof room->setup, 1);
}
