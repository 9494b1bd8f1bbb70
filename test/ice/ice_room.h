/* What an agent of a test has of the arenas, and snapshots: the agent with all that it leased. */
#ifndef WEIR_TEST_ICE_ROOM_H
#define WEIR_TEST_ICE_ROOM_H

#include "ice/ice.h"
#include "test/support/support.h"

/* Begin an agent in a room of its own. */
static inline void begin_in_room(struct weir_ice *ice, struct weir_ice_room *room,
                                 const struct weir_ice_config *config, weir_time now)
{
    struct weir_ice_config c = *config;
    weir_ice_room_init(room);
    c.pages = &room->pages;
    c.setups = &room->setups;
    weir_ice_init(ice, &c, now);
}

/* A snapshot, or a fork that goes on by itself: the agent, and what it leased with the arenas that know where
 * that is. */
static inline void copy_agent(struct weir_ice *to, struct weir_ice_room *to_room, const struct weir_ice *from,
                              const struct weir_ice_room *from_room)
{
    *to = *from;
    *to_room = *from_room;
    to_room->pages.memory = (uint8_t *)to_room->page;
    to_room->setups.memory = (uint8_t *)&to_room->setup;
    to->config.pages = &to_room->pages;
    to->config.setups = &to_room->setups;
}

struct ice_alone {
    struct weir_ice ice;
    struct weir_ice_room room;
};

#endif
