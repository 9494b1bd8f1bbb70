/* Shared by the files of ice/; included nowhere else. */
#ifndef WEIR_ICE_INT_H
#define WEIR_ICE_INT_H

#include "ice/ice.h"

/* [RFC 8445 14.2 DEVIATION] 50 ms unless agreed otherwise; we take 20 ms: few pairs, small packets, and
 * an agent is given at most two or three interfaces here. */
#define ICE_TA (20 * WEIR_MS)
#define ICE_NOMINATE_WAIT (100 * WEIR_MS)
/* [RFC 8445 14.3 DEVIATION] 500 ms at least, says the RFC, for paths of unknown length; we begin at
 * 100 ms and double: checks are small and few, and a lost first check should not cost half a second.
 * With many pairs the formula's other half keeps the rate down. */
#define ICE_RTO_FIRST (100 * WEIR_MS)
#define ICE_RTO_MAX (400 * WEIR_MS)           /* a peer that answers late is found soon after */
#define ICE_TRIES_MAX 25                      /* about 10 s in all */
#define ICE_FOLLOW_TRIES 5                    /* of a pair where the peer was merely heard: 1.5 s */
#define ICE_RETRIGGER_GAP (50 * WEIR_MS)      /* between repetitions that the peer's checks bring about */
#define ICE_CONSENT_INTERVAL (5 * WEIR_SEC)   /* [RFC 7675 5.1] randomised by a fifth */
#define ICE_CONSENT_LIFE (30 * WEIR_SEC)      /* [RFC 7675 5.1] */
#define ICE_CONSENT_AGAIN (500 * WEIR_MS)
#define ICE_CONSENT_SENDS 4
#define ICE_CONSENT_SILENT (2 * WEIR_SEC)     /* unanswered this long: is the peer there at all? */
#define ICE_SILENCE (7 * WEIR_SEC)            /* nothing proven came for so long: DISCONNECTED */
#define ICE_LITE_SILENCE (15 * WEIR_SEC)      /* the longest between a peer's keepalives [RFC 8445 11] */
#define ICE_LITE_KEYS (300 * WEIR_SEC)        /* requests alone are believed so long after keys */
#define ICE_MISSES_MAX 3                      /* or this many questions in a row were unanswered */
#define ICE_PATIENCE (39500 * WEIR_MS)        /* [RFC 8863 4] the PAC timer */
#define ICE_STILL_CHECKING (500 * WEIR_MS)    /* patience is over, but a check is not */
#define ICE_GATHER_WAIT (5 * WEIR_SEC)
#define ICE_OLD_LINGER (5 * WEIR_SEC)         /* for what is on its way on the path before a restart */
/* The longest that a block stays leased once there is a path and no description waits, whatever the peer
 * does: by then the slowest answer has arrived, though somebody was asked first. */
#define ICE_SETUP_MOST (900 * WEIR_SEC)
/* A pair that the peer has not nominated for this long gives way to any that it does nominate. */
#define ICE_NOMINATION_STALE (4 * WEIR_SEC)
#define ICE_ROLE_SWITCHES_MAX 8

#define ICE_EMBED_PACKET_MAX 1232             /* 1,280 of IPv6's least MTU less 48 of headers */
#define ICE_EMBED_ANSWER_TIMES 3              /* an answer to who has proven no address: [RFC 9147 5.1] */
#define ICE_EMBED_NAMED_MAX 16
#define ICE_EMBED_TAIL 40                     /* attribute header, padding, integrity, fingerprint */

static inline struct weir_span weir_ice_text_span(const struct weir_ice_text *t)
{
    return weir_span_of(t->text, t->bytes);
}

static inline struct weir_span weir_ice_own_span(const struct weir_ice_own *t)
{
    return weir_span_of(t->text, t->bytes);
}

static inline bool weir_ice_is_over(const struct weir_ice *ice)
{
    return ice->state == WEIR_ICE_FAILED || ice->state == WEIR_ICE_CLOSED;
}

/* Candidates and pairs in their pages; the places are there. */
static inline struct weir_ice_candidate *local_at(const struct weir_ice *ice, uint32_t i)
{
    return weir_ice_local_at(ice, i);
}

static inline struct weir_ice_candidate *remote_at(const struct weir_ice *ice, uint32_t i)
{
    return weir_ice_remote_at(ice, i);
}

static inline struct weir_ice_pair *pair_at(const struct weir_ice *ice, uint32_t i)
{
    return weir_ice_pair_at(ice, i);
}

/* The pair that carries data, or NULL. */
static inline struct weir_ice_pair *selected_of(const struct weir_ice *ice)
{
    return ice->selected != WEIR_ICE_NONE ? pair_at(ice, ice->selected) : NULL;
}

/* The block of the set-up, which is leased. */
static inline struct weir_ice_setup *setup_of(const struct weir_ice *ice)
{
    return (struct weir_ice_setup *)weir_arena_at(ice->config.setups, ice->setup);
}

/* A lazy timer goes off a little later, together with those of others. */
static inline weir_time on_grid(weir_time at)
{
    weir_duration past = at % WEIR_ICE_GRID;
    return past == 0 ? at : weir_time_add(at, WEIR_ICE_GRID - past);
}

/* Round-trip times and timeouts are kept in 32 bits: 71 minutes are as good as more. */
static inline uint32_t short_of(weir_duration d)
{
    return d < UINT32_MAX ? (uint32_t)d : UINT32_MAX;
}

/* -- ice_room.c -------------------------------------------------------------------------------- */

/* Have places for so many; false: the arena has no page left, and what holds nothing was given back. */
bool weir_ice_have_locals(struct weir_ice *ice, uint32_t count);
bool weir_ice_have_remotes(struct weir_ice *ice, uint32_t count);
bool weir_ice_have_pairs(struct weir_ice *ice, uint32_t count);
/* Give back pages that hold nothing, but the first of each table: what comes next needs one, and a
 * generation that is brought back must find it. */
void weir_ice_trim(struct weir_ice *ice);
/* Give back everything. */
void weir_ice_give_back(struct weir_ice *ice);
/* Have the block of the set-up; false: there is none. */
bool weir_ice_have_setup(struct weir_ice *ice);
/* Does anything need it? */
bool weir_ice_needs_setup(const struct weir_ice *ice);
/* Give it back if nothing does. */
void weir_ice_end_setup(struct weir_ice *ice);
/* A path is there; and: is what is left of the set-up waited for too long? Then it is over. */
void weir_ice_bound_setup(struct weir_ice *ice, weir_time now);
void weir_ice_setup_tick(struct weir_ice *ice, weir_time now);

/* -- ice_spare.c ------------------------------------------------------------------------------- */

/* A pair is nominated and in use. And: let go what is of no use any more, if it is time to. */
void weir_ice_completed(struct weir_ice *ice, weir_time now);
void weir_ice_spare(struct weir_ice *ice, weir_time now);

/* -- ice.c ------------------------------------------------------------------------------------- */

void weir_ice_set_state(struct weir_ice *ice, weir_time now, enum weir_ice_state next);
/* FAILED, and why. */
void weir_ice_fail(struct weir_ice *ice, weir_time now, enum weir_ice_failure why);
/* What carries data may have changed: note its path. */
void weir_ice_note_via(struct weir_ice *ice);
/* [RFC 8445 9] nobody needs the credentials of before a restart any more. */
void weir_ice_forget_old(struct weir_ice *ice);
/* Candidates and credentials of the peer, pairs, and what is owed to it. */
void weir_ice_forget_generation(struct weir_ice *ice);
/* Credentials that nobody was told. */
void weir_ice_new_credentials(struct weir_ice *ice);
void weir_ice_push_event(struct weir_ice *ice, const struct weir_ice_event *e);
/* The same for a pair's path. */
void weir_ice_push_path(struct weir_ice *ice, enum weir_ice_event_type type, const struct weir_ice_pair *p);

/* -- ice_pairs.c ------------------------------------------------------------------------------- */

struct weir_path weir_ice_pair_path(const struct weir_ice *ice, const struct weir_ice_pair *p);
bool weir_ice_pair_is_on(const struct weir_ice *ice, const struct weir_ice_pair *p,
                         const struct weir_path *path);
struct weir_ice_pair *weir_ice_find_pair(struct weir_ice *ice, uint32_t local, uint32_t remote);
/* The pair of two candidates, made if need be, at the cost of a worse one that has done nothing yet.
 * NULL when there is no room. */
struct weir_ice_pair *weir_ice_make_pair(struct weir_ice *ice, uint32_t local, uint32_t remote);
/* Pair a new candidate with all that fit. */
void weir_ice_pair_local(struct weir_ice *ice, weir_time now, uint32_t local);
void weir_ice_pair_remote(struct weir_ice *ice, weir_time now, uint32_t remote);
void weir_ice_reprioritise(struct weir_ice *ice);
/* Take one out; the last pair gets its place and index. */
void weir_ice_drop_pair(struct weir_ice *ice, uint32_t index);
/* So many pairs a new candidate could make. */
uint32_t weir_ice_pairs_of_local(const struct weir_ice *ice, const struct weir_ice_candidate *local);
uint32_t weir_ice_pairs_of_remote(const struct weir_ice *ice, const struct weir_ice_candidate *remote);
/* The peer's candidate with this address; WEIR_ICE_NONE when it has none. */
uint32_t weir_ice_find_remote(const struct weir_ice *ice, const struct weir_addr *addr);
/* A peer-reflexive one of this address [RFC 8445 7.3.1.3]; WEIR_ICE_NONE when there is no room. */
uint32_t weir_ice_discover_remote(struct weir_ice *ice, const struct weir_addr *addr,
                                  uint32_t priority);
/* Take one out, with its pairs, unless the peer proved itself there. */
bool weir_ice_drop_remote(struct weir_ice *ice, uint32_t remote);
/* Our host candidate of this address. */
bool weir_ice_find_local(const struct weir_ice *ice, const struct weir_addr *addr, uint32_t *out);
/* Ask for a check of this pair ahead of the others [RFC 8445 7.3.1.4]. */
void weir_ice_trigger(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p);
/* The pair to check next, or NULL. */
struct weir_ice_pair *weir_ice_next_check(struct weir_ice *ice);
void weir_ice_arm_checks(struct weir_ice *ice, weir_time now);
bool weir_ice_is_checking(const struct weir_ice *ice);
uint32_t weir_ice_priority(enum weir_ice_type type, uint16_t preference);

/* -- ice_nominate.c ---------------------------------------------------------------------------- */

/* A pair's check succeeded; a pair's check failed. */
void weir_ice_validated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p);
void weir_ice_invalidated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p);
/* The peer, or our own check with USE-CANDIDATE, settled on a valid pair. */
void weir_ice_nominated(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p);
/* Controlling: nominate if it is time to. */
void weir_ice_consider_nomination(struct weir_ice *ice, weir_time now);
/* The role changed: who nominates changed with it. */
void weir_ice_role_changed(struct weir_ice *ice, weir_time now);
/* The selected pair went silent. */
void weir_ice_leave_silent_pair(struct weir_ice *ice, weir_time now);

/* Go on with this pair, which is valid: data goes there. */
void weir_ice_move_to(struct weir_ice *ice, weir_time now, uint32_t index);

/* -- ice_rollback.c ---------------------------------------------------------------------------- */

/* The generation ends that a description which waits may be taken back to: keep what it is. */
void weir_ice_keep_prior(struct weir_ice *ice);

/* -- ice_policy.c ------------------------------------------------------------------------------ */

/* May the peer be at this address? It is made canonical; a refusal is counted and told. */
bool weir_ice_admits(struct weir_ice *ice, struct weir_addr *addr);

/* -- ice_budget.c ------------------------------------------------------------------------------ */

/* How long a check on this pair may be; 0: it must not leave. */
size_t weir_ice_budget_room(struct weir_ice *ice, weir_time now, const struct weir_ice_pair *p);
void weir_ice_budget_spent(struct weir_ice *ice, weir_time now, const struct weir_ice_pair *p,
                           size_t bytes);
/* So much came with proof from an address that has not answered yet. */
void weir_ice_budget_heard(struct weir_ice *ice, size_t bytes);

/* -- ice_recent.c ------------------------------------------------------------------------------ */

void weir_ice_new_txid(struct weir_ice *ice, uint8_t txid[WEIR_STUN_TXID_BYTES]);
/* Put our tag on random bytes. */
void weir_ice_tag_txid(const struct weir_ice *ice, uint8_t txid[WEIR_STUN_TXID_BYTES]);
bool weir_ice_is_recent(const struct weir_ice *ice, const uint8_t txid[WEIR_STUN_TXID_BYTES]);
void weir_ice_note_recent(struct weir_ice *ice, const uint8_t txid[WEIR_STUN_TXID_BYTES]);

/* -- ice_recv.c -------------------------------------------------------------------------------- */

/* The oldest answer that is owed has left, or never will. */
void weir_ice_answer_gone(struct weir_ice *ice);
/* Ours of a generation that is known. */
struct weir_span weir_ice_password_of(const struct weir_ice *ice, enum weir_ice_generation of);

/* -- ice_follow.c ------------------------------------------------------------------------------ */

/* A pair that is followed proved to work: it takes the place of the selected one. */
void weir_ice_followed(struct weir_ice *ice, struct weir_ice_pair *p);

/* -- ice_lite.c -------------------------------------------------------------------------------- */

/* Lite: a proven request on this pair. */
void weir_ice_lite_request(struct weir_ice *ice, weir_time now, struct weir_ice_pair *p,
                           bool with_nomination);

/* -- ice_consent.c ----------------------------------------------------------------------------- */

void weir_ice_consent_begin(struct weir_ice *ice, weir_time now, weir_time heard_at);
void weir_ice_consent_stop(struct weir_ice *ice);
void weir_ice_consent_came(struct weir_ice *ice, weir_time now);
void weir_ice_consent_tick(struct weir_ice *ice, weir_time now);
void weir_ice_consent_sent(struct weir_ice *ice, weir_time now);
weir_time weir_ice_consent_deadline(const struct weir_ice *ice);

/* -- ice_embed.c ------------------------------------------------------------------------------- */

/* Nothing of the message before is left to take. */
void weir_ice_embed_forget(struct weir_ice *ice);
/* A proven message of the peer; `carried` is the mark of the payload on the request it answers, or 0. */
void weir_ice_embed_take(struct weir_ice *ice, const struct weir_stun_msg *m, uint32_t carried);
/* Put what is to ride on a message of at most `limit` bytes. The mark of the payload, 0 = none. */
uint32_t weir_ice_embed_put(struct weir_ice *ice, struct weir_stun_build *b, size_t limit);
bool weir_ice_embed_check(const struct weir_ice *ice);

/* This payload left on an answer, which is as good as by itself. */
void weir_ice_embed_sent(struct weir_ice *ice, uint32_t mark);

/* -- ice_gather.c ------------------------------------------------------------------------------ */

void weir_ice_gather_begin(struct weir_ice *ice, weir_time now);
/* A restart: what servers told is forgotten, and asked for again. */
void weir_ice_gather_anew(struct weir_ice *ice);
bool weir_ice_gather_recv(struct weir_ice *ice, weir_time now, const struct weir_path *path,
                          const struct weir_stun_msg *m);
void weir_ice_gather_tick(struct weir_ice *ice, weir_time now);
size_t weir_ice_gather_send(struct weir_ice *ice, weir_time now, struct weir_mspan out,
                            struct weir_path *to);
weir_time weir_ice_gather_deadline(const struct weir_ice *ice);

#endif
