/* Shared by the files of ice/; included nowhere else. */
#ifndef WEIR_ICE_INT_H
#define WEIR_ICE_INT_H

#include "ice/ice.h"

#define ICE_TA (20 * WEIR_MS)
#define ICE_NOMINATE_WAIT (100 * WEIR_MS)
/* [RFC 8445 14.3 DEVIATION] 500 ms at least, says the RFC, for paths of unknown length; we begin at
 * 100 ms and double: checks are small and few, and a lost first check should not cost half a second. */
#define ICE_RTO_FIRST (100 * WEIR_MS)
#define ICE_RTO_MAX (400 * WEIR_MS)   /* a peer that answers late is found soon after */
#define ICE_TRIES_MAX 25              /* about 10 s in all */
#define ICE_RETRIGGER_GAP (20 * WEIR_MS)
#define ICE_CONSENT_INTERVAL (5 * WEIR_SEC)   /* [RFC 7675 5.1] randomised by a fifth */
#define ICE_CONSENT_LIFE (30 * WEIR_SEC)      /* [RFC 7675 5.1] */
#define ICE_MISSES_DISCONNECTED 2
#define ICE_SILENCE (8 * WEIR_SEC)             /* nothing proven came for so long */
#define ICE_PATIENCE (39500 * WEIR_MS)        /* [RFC 8863 4] the PAC timer */
#define ICE_ROLE_SWITCHES_MAX 8

/* -- ice.c ------------------------------------------------------------------------------------- */

void weir_ice_set_state(struct weir_ice *ice, weir_time now, enum weir_ice_state next);
void weir_ice_push_event(struct weir_ice *ice, const struct weir_ice_event *e);
void weir_ice_new_credentials(struct weir_ice *ice);

/* -- ice_pairs.c ------------------------------------------------------------------------------- */

struct weir_path weir_ice_pair_path(const struct weir_ice *ice, const struct weir_ice_pair *p);
/* The pair of two candidates; made if need be. NULL when the table is full. */
struct weir_ice_pair *weir_ice_find_pair(struct weir_ice *ice, uint32_t local, uint32_t remote);
struct weir_ice_pair *weir_ice_make_pair(struct weir_ice *ice, uint32_t local, uint32_t remote);
struct weir_ice_pair *weir_ice_pair_of_path(struct weir_ice *ice, const struct weir_path *path);
/* Pair a new candidate with all that fit. */
void weir_ice_pair_local(struct weir_ice *ice, weir_time now, uint32_t local);
void weir_ice_pair_remote(struct weir_ice *ice, weir_time now, uint32_t remote);
void weir_ice_reprioritise(struct weir_ice *ice);
/* Ask for a check of this pair ahead of the others [RFC 8445 7.3.1.4]. */
void weir_ice_trigger(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p);
/* The pair to check next, or NULL. */
struct weir_ice_pair *weir_ice_next_check(struct weir_ice *ice);
void weir_ice_arm_checks(struct weir_ice *ice, weir_time now);
uint32_t weir_ice_priority(enum weir_ice_type type, uint16_t preference);

/* -- ice_nominate.c ---------------------------------------------------------------------------- */

/* A pair's check succeeded. */
void weir_ice_validated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p);
void weir_ice_nominated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p);
/* Controlling: nominate if it is time to. */
void weir_ice_consider_nomination(struct weir_ice *ice, weir_time now);
uint32_t weir_ice_best_valid(const struct weir_ice *ice);
void weir_ice_consent_came(struct weir_ice *ice, weir_time now);
void weir_ice_consent_tick(struct weir_ice *ice, weir_time now);

/* -- ice_gather.c ------------------------------------------------------------------------------ */

void weir_ice_gather_begin(struct weir_ice *ice, weir_time now);
bool weir_ice_gather_recv(struct weir_ice *ice, weir_time now, const struct weir_path *path,
                          const struct weir_stun_msg *m);
void weir_ice_gather_tick(struct weir_ice *ice, weir_time now);
size_t weir_ice_gather_send(struct weir_ice *ice, weir_time now, struct weir_mspan out,
                            struct weir_path *to);
weir_time weir_ice_gather_deadline(const struct weir_ice *ice);

#endif
