/* Interactive Connectivity Establishment [RFC 8445], with trickle [RFC 8838] and consent [RFC 7675].
 *
 * One struct weir_ice is one agent with one component: BUNDLE and rtcp-mux are assumed. It sends its
 * checks and answers through weir_ice_send, learns from weir_ice_recv, and says which paths may carry
 * data: weir_ice_path_ok for what comes in, weir_ice_selected for what goes out.
 *
 * The machine contract: after each call drain events; before waiting drain send. `now` never decreases.
 *
 * State lives as long as its use:
 *   always       struct weir_ice, 3 KiB: what a connection needs that only waits. Flat and caller-owned
 *   where used   candidates and pairs, in pages of 384 bytes leased from config.pages; a pair goes when it
 *                is of no use any more, all when the agent is closed (ice_spare.c, ice_room.c)
 *   set-up only  struct weir_ice_setup, one block leased from config.setups: what a description that
 *                waits could be taken back to, credentials of generations that end, questions to STUN
 *                servers, payloads on checks. It goes back with the first tick after the last of these
 *                ended, and is leased again by the verb that needs it; when there is none that is refused
 *                with WEIR_ERR_FULL
 * A snapshot is the structure with the block and the pages that it names. What is not proven leases none.
 *
 * Timers, all fields of the struct; those marked with a star have slack: they are put on a grid that all
 * agents share, so that who keeps many wakes for many at once (WEIR_ICE_GRID).
 *   check_at           while a pair waits for its check: the next check may leave [RFC 8445 14.2]
 *   pair.next_at       while a check is in progress: send it again, or give up [RFC 8445 14.3]
 *   nominate_at        controlling, a pair is valid: nominate the best, better ones or not
 *   fail_at            no pair is valid: give up [RFC 8863 4]
 *   consent.ask_at     * data may be sent: ask for consent again [RFC 7675 5.1]
 *   consent.again_at   * a consent check is unanswered: repeat it
 *   consent.silent_at  * a consent check is unanswered: DISCONNECTED, unless other signs of life came;
 *                      lite: no request came: DISCONNECTED
 *   consent.expire_at  data may be sent: consent is over [RFC 7675 5.1]
 *   old.linger_at      * new pairs took over after a restart: the old path is forgotten
 *   gather_until       servers are asked: do without those that have not answered
 *   spare_at           COMPLETED: pairs of no use may go; wakes nobody
 *   setup_until        a path is there: a peer that shows no sign of the new credentials, or does not say
 *                      that it has the last payloads, is not waited for any longer
 *   (no field)         the block of the set-up is not needed any more: due at once
 */
#ifndef WEIR_ICE_ICE_H
#define WEIR_ICE_ICE_H

#include "core/addr.h"
#include "core/arena.h"
#include "core/base.h"
#include "core/crypto.h"
#include "core/rand.h"
#include "core/trace.h"
#include "stun/stun.h"

/* -- Limits ------------------------------------------------------------------------------------ */

#define WEIR_ICE_LOCALS_MAX 16   /* host and server-reflexive candidates of ours */
#define WEIR_ICE_REMOTES_MAX 32  /* candidates of the peer, those discovered included */
#define WEIR_ICE_PRFLX_MAX 8     /* of these, discovered by requests from unknown addresses */
#define WEIR_ICE_PAIRS_MAX 100   /* [RFC 8445 6.1.2.5] */
#define WEIR_ICE_SERVERS_MAX 4   /* STUN servers asked from each base */
#define WEIR_ICE_GATHERS_MAX 16
#define WEIR_ICE_ANSWERS_MAX 8   /* answers owed; the oldest goes, its asker asks again. Agents pace their
                                    checks, and what is owed leaves after each batch */
#define WEIR_ICE_NEWS_MAX 14     /* events but CANDIDATE: eight refusals and what one description changes */
#define WEIR_ICE_EMBEDS_MAX 6    /* payloads that ride on checks; 908 bytes each */
#define WEIR_ICE_EMBED_BYTES 900 /* of one: a check with it and the longest of usual names has 1,100 */
#define WEIR_ICE_EMBED_SEEN_MAX 8 /* payloads of the peer remembered, so that none is taken twice */
#define WEIR_ICE_EMBED_TOLD 4    /* of these, told to the peer [draft-hancke-webrtc-sped] */
#define WEIR_ICE_RECENT_MAX 128  /* of the peer's transactions remembered: five minutes of checks */
#define WEIR_ICE_REFUSALS_TOLD 8 /* refused addresses that are told; all are counted */
#define WEIR_ICE_UFRAG_MAX 256   /* [RFC 8839 5.4] */
#define WEIR_ICE_PWD_MAX 256
#define WEIR_ICE_FOUNDATION_MAX 32
#define WEIR_ICE_OWN_MAX 24      /* characters of our own credentials: 8 and 24 */
#define WEIR_ICE_KEPT_MAX 16     /* candidates of the peer that outlive a restart which is taken back */
#define WEIR_ICE_GRID (50 * WEIR_MS) /* lazy timers are rounded up to it: a hundredth of the time between
                                        consent checks, too little to be seen in any of them */

enum weir_ice_type { WEIR_ICE_HOST, WEIR_ICE_SRFLX, WEIR_ICE_PRFLX, WEIR_ICE_RELAY };

struct weir_ice_candidate {
    enum weir_ice_type type;
    bool is_tcp;              /* read and kept out [RFC 6544 OMITTED] */
    uint8_t component;
    uint8_t foundation_bytes;
    uint32_t priority;
    uint32_t ufrag_hash;      /* of the generation it was made for, weir_ice_ufrag_hash; 0 = unsaid */
    struct weir_addr addr;
    struct weir_addr related; /* the base of ours; what the peer says of its own */
    char foundation[WEIR_ICE_FOUNDATION_MAX];
};

/* [RFC 8445 6.1.2.6] */
enum weir_ice_pair_state {
    WEIR_ICE_FROZEN,
    WEIR_ICE_WAITING,
    WEIR_ICE_IN_PROGRESS,
    WEIR_ICE_SUCCEEDED,
    WEIR_ICE_PAIR_FAILED,
    WEIR_ICE_PAIR_STATES,
};

enum weir_ice_state {
    WEIR_ICE_NEW,
    WEIR_ICE_CHECKING,
    WEIR_ICE_CONNECTED,    /* a pair is valid: data may flow */
    WEIR_ICE_COMPLETED,    /* and one is nominated */
    WEIR_ICE_DISCONNECTED, /* no answer for a while; may recover */
    WEIR_ICE_FAILED,       /* no pair ever worked, or consent is gone: nothing is sent any more */
    WEIR_ICE_CLOSED,
    WEIR_ICE_STATES,
};

/* Why the state is FAILED. */
enum weir_ice_failure {
    WEIR_ICE_FAILURE_NONE,    /* it is not */
    WEIR_ICE_FAILURE_NO_PAIR, /* no pair worked in time */
    WEIR_ICE_FAILURE_CONSENT, /* one did, and the peer consents no more [RFC 7675 5.1] */
};

/* What a datagram met, in the order in which it is checked. */
enum weir_ice_verdict {
    WEIR_ICE_OK,
    WEIR_ICE_STUN,          /* no STUN message: the codec's verdict says more */
    WEIR_ICE_METHOD,        /* not a Binding request, success or error */
    WEIR_ICE_NO_FINGERPRINT,/* [RFC 8445 7.1 MUST] */
    WEIR_ICE_LOCAL,         /* arrived at an address that is no candidate of ours */
    WEIR_ICE_USERNAME,      /* not "<our ufrag>:<theirs>" [RFC 8445 7.3] */
    WEIR_ICE_INTEGRITY,     /* no or wrong MESSAGE-INTEGRITY: dropped in silence */
    WEIR_ICE_UNKNOWN_ATTR,  /* proven, with mandatory attributes unknown to us: answered 420 */
    WEIR_ICE_PRIORITY,      /* proven, without PRIORITY: answered 400 [RFC 8445 7.1.1 MUST] */
    WEIR_ICE_ROLE,          /* proven, role conflict lost by the peer: answered 487 */
    WEIR_ICE_TRANSACTION,   /* a response to nothing we asked */
    WEIR_ICE_ASYMMETRIC,    /* a response from another path than asked [RFC 8445 7.2.5.2.1] */
    WEIR_ICE_RESPONSE,      /* a proven error response */
    WEIR_ICE_FULL,          /* no room for another remote candidate or pair */
    WEIR_ICE_OVER,          /* failed or closed */
    WEIR_ICE_MAPPED,        /* a success response without XOR-MAPPED-ADDRESS [RFC 8445 7.2.5.3.1] */
    WEIR_ICE_ADDRESS,       /* proven, from an address that the policy refuses */
    WEIR_ICE_AGAIN,         /* proven, but of a transaction that came before: answered, and no more */
    WEIR_ICE_VERDICTS,
};

enum weir_ice_event_type {
    WEIR_ICE_EVENT_STATE,       /* state */
    WEIR_ICE_EVENT_CANDIDATE,   /* candidate: index of a new local one */
    WEIR_ICE_EVENT_GATHERING,   /* servers are asked from now on, if there are any; after a restart again */
    WEIR_ICE_EVENT_GATHERED,    /* no more local candidates will come */
    WEIR_ICE_EVENT_VALIDATED,   /* path: may carry data from now on */
    WEIR_ICE_EVENT_SELECTED,    /* path: data goes there from now on; any number of times */
    WEIR_ICE_EVENT_REFUSED,     /* path.remote: an address of the peer that will not be checked, and why
                                   in refusal; the first few only */
};

/* -- Where checks may go [RFC 8445 19.5.1] -- */

/* Why an address is refused. */
enum weir_ice_refusal {
    WEIR_ICE_FINE,
    WEIR_ICE_REFUSED_NONE,       /* no address, 0.0.0.0/8 or :: */
    WEIR_ICE_REFUSED_LOOPBACK,   /* where none of ours is loopback */
    WEIR_ICE_REFUSED_MULTICAST,
    WEIR_ICE_REFUSED_RESERVED,   /* broadcast, 240.0.0.0/4, 100::/64, IPv4 within IPv6 that leads nowhere */
    WEIR_ICE_REFUSED_LINK_LOCAL, /* where none of ours is */
    WEIR_ICE_REFUSED_PORT,       /* 0, or below 1,024 */
    WEIR_ICE_REFUSALS,
};

/* What the policy may allow in addition. */
enum weir_ice_allow {
    WEIR_ICE_ALLOW_LOOPBACK = 1,
    WEIR_ICE_ALLOW_LOW_PORTS = 2,
};

/* -- How much may go to addresses that proved nothing -- */

/* Of one agent: what its peer's own bytes bought, spent as checks that nobody answered. */
struct weir_ice_budget {
    bool is_limited;
    weir_time begun_at;      /* of the first check that it paid; 0: none yet */
    uint64_t given, spent;   /* bytes on the wire, IP and UDP headers included */
    uint64_t heard, returned; /* likewise, for what came from there with proof, and what that paid */
    uint32_t held;           /* checks that did not leave */
};

/* Of all agents of one owner: a bucket that fills again. */
struct weir_ice_meter {
    uint64_t per_second, most, left; /* bytes */
    weir_time at;
    uint64_t held;                   /* checks that it kept from leaving */
};

struct weir_ice_event {
    enum weir_ice_event_type type;
    enum weir_ice_state state;
    uint32_t candidate;
    enum weir_ice_refusal refusal;
    struct weir_path path;
};

struct weir_ice_config {
    const struct weir_crypto *crypto;
    struct weir_trace *trace;
    uint32_t conn;
    uint8_t seed[WEIR_SEED_BYTES];
    bool is_controlling;
    bool is_lite;                /* be a lite agent [RFC 8445 2.5]: for who has a public address */
    weir_duration ta;            /* between new checks; 0 = 20 ms [RFC 8445 14.2: 50 ms or as agreed] */
    weir_duration nominate_wait; /* for better pairs than the first valid one; 0 = 100 ms */
    weir_duration patience;      /* before giving up without any valid pair; 0 = 39.5 s */
    weir_duration gather_wait;   /* for servers, before GATHERED is told without them; 0 = 5 s */
    char ufrag_first;                 /* first character of our ufrag, an ice-char; 0: random. 42
                                         random bits remain [RFC 8445 5.3: at least 24] */
    bool has_txid_tag;           /* transaction ids tell whose they are: weir_ice_txid_tag */
    uint32_t txid_tag;
    uint64_t txid_key;           /* secret */
    uint8_t allows;              /* enum weir_ice_allow; 0: strict */
    struct weir_ice_meter *meter; /* of all agents of one owner, or NULL; outlives the agent */
    struct weir_arena *pages;     /* of struct weir_ice_page; outlives the agent */
    struct weir_arena *setups;    /* of struct weir_ice_setup; outlives the agent; NULL: there are none */
};

struct weir_ice_pair {
    uint8_t at;             /* its own index, which may change when another pair goes */
    uint8_t local, remote;  /* indices */
    uint8_t mapped;         /* index of the local candidate that the peer sees us as */
    uint8_t state;          /* enum weir_ice_pair_state */
    uint8_t embed_round;    /* of the list whose payloads it carried ... */
    uint8_t embeds;         /* so many of */
    uint8_t tries;          /* requests of this transaction that count towards giving up */
    bool is_valid;          /* a check succeeded, and none failed since */
    bool is_nominated;
    bool wants_nomination;  /* controlled: the peer asked for it before the pair was valid */
    bool is_nominating;     /* controlling: the check to come or under way carries USE-CANDIDATE */
    bool has_request;       /* the peer proved itself on this path */
    bool is_keyed;          /* lite: and something under its keys came by it */
    bool owes_check;        /* in progress: (re)send now */
    bool is_followed;       /* the peer moved here: when it answers, data goes here */
    bool is_extra;          /* what is owed was brought about by the peer, not by the timer */
    bool was_resent;        /* more than one request left: a response tells no round-trip time */
    bool asked_controlling; /* the role that the request under way claims */
    uint8_t txid[WEIR_STUN_TXID_BYTES];
    uint32_t carried;       /* mark of the one payload of the request under way, 0 = none or several */
    uint32_t trigger;       /* place in the triggered-check queue, 0 = not in it */
    uint32_t requests, responses;
    uint32_t rto, rtt, rtt_most; /* microseconds */
    uint64_t priority;
    weir_time next_at, begun_at, sent_at, heard_at; /* the request under way: first and last sent */
    weir_time asked_at;     /* when the peer last asked on it; 0: never */
    weir_time nominated_at; /* when the peer last asked for this pair */
};

struct weir_ice_answer {
    struct weir_addr remote;
    uint8_t txid[WEIR_STUN_TXID_BYTES];
    uint16_t error; /* 0 = success */
    uint16_t asked; /* bytes of the request */
    uint8_t local;  /* index of the candidate that was asked */
    uint8_t of;     /* enum weir_ice_generation: which of our passwords proves it */
    uint8_t unknowns;
    uint16_t unknown[WEIR_STUN_UNKNOWN_MAX];
};

struct weir_ice_text {
    uint16_t bytes;
    char text[WEIR_ICE_UFRAG_MAX];
};

struct weir_ice_own {
    uint8_t bytes;
    char text[WEIR_ICE_OWN_MAX];
};

struct weir_ice_credentials {
    struct weir_ice_own local_ufrag, local_pwd;
    struct weir_ice_text remote_ufrag, remote_pwd;
};

/* Whose credentials a request names: the newest ones of ours, those of before a restart, or of before the
 * one before. */
enum weir_ice_generation {
    WEIR_ICE_CURRENT,
    WEIR_ICE_OLD,
    WEIR_ICE_OLDER,
    WEIR_ICE_GENERATIONS,
};

/* Permission to send data: asked for on the selected pair, or on the old path during a restart. */
struct weir_ice_consent {
    bool is_on;
    bool is_out;   /* asked and not answered */
    bool owes;     /* send a request now */
    uint8_t sends; /* of this request */
    uint8_t misses; /* requests in a row that were never answered */
    uint8_t txid[WEIR_STUN_TXID_BYTES];
    weir_time ask_at, again_at, silent_at, expire_at, sent_at;
};

/* What was selected before a restart. It goes on carrying data until a pair of the new generation is
 * valid, and its path may be used a little longer. Its credentials are known until the peer proved that it
 * has ours of the new generation: before, its questions for consent name the old ones. */
struct weir_ice_old {
    bool is_used, is_known;
    struct weir_path path;
    weir_time linger_at; /* WEIR_NEVER while it is used; 0 = there is none, or its path is over */
    weir_duration rtt;
    uint32_t priority;   /* what PRIORITY said */
};

/* A generation of before that one, while the peer may still ask with it: it is answered, and no more. */
struct weir_ice_older {
    struct weir_ice_own local_ufrag, local_pwd;
    struct weir_ice_text remote_ufrag;
};

/* What there was when a description came to wait for its answer, for weir_ice_roll_back. */
struct weir_ice_prior {
    bool is_restarted; /* it began a generation: what stands below is of the one before */
    bool has_remote, is_remote_lite, is_remote_done, has_pair, is_nominated;
    uint32_t remotes;  /* candidates of the peer, where no generation began since */
    enum weir_ice_state state;
    enum weir_ice_failure failure;
    struct weir_ice_credentials of;
    struct weir_path path; /* that carried data */
    uint32_t rtt;
    uint32_t kept;
    struct weir_ice_kept {
        struct weir_addr addr;
        uint32_t priority;
        enum weir_ice_type type;
    } keep[WEIR_ICE_KEPT_MAX]; /* that of the path first, then those that had worked */
};

/* Do checks carry payloads? */
enum weir_ice_embed_state {
    WEIR_ICE_EMBED_OFF,       /* nobody asked for it, or the peer does not do it */
    WEIR_ICE_EMBED_TENTATIVE, /* what the peer does is not known yet */
    WEIR_ICE_EMBED_CONFIRMED,
    WEIR_ICE_EMBED_ENDING,    /* the owner is finished; the peer may not be */
    WEIR_ICE_EMBED_DONE,
    WEIR_ICE_EMBED_STATES,
};

struct weir_ice_payload {
    uint32_t mark;  /* its CRC-32 */
    uint16_t bytes;
    bool owes_bare; /* send it by itself too, once there is a path */
    uint8_t data[WEIR_ICE_EMBED_BYTES];
};

struct weir_ice_embed {
    enum weir_ice_embed_state state;
    bool is_data_over;           /* neither side has a payload left */
    uint8_t count, turn;         /* payloads waiting, and whose turn it is */
    uint8_t round;               /* counts the times the list was cleared */
    uint8_t seen_count;
    uint32_t seen[WEIR_ICE_EMBED_SEEN_MAX]; /* marks of what came, the newest last */
    uint32_t rx_at, rx_bytes;    /* where in the last message a new payload stands */
    uint32_t tx_payloads, rx_payloads, rx_repeats; /* counters */
};

/* -- Set-up only: one block of an arena that the config names ----------------------------------- */

struct weir_ice_setup {
    struct weir_ice_credentials old;                      /* while old.is_known */
    struct weir_ice_older older;                          /* while is_older_known */
    struct weir_ice_prior prior;                          /* while is_held */
    struct weir_stun_client gather[WEIR_ICE_GATHERS_MAX]; /* `gathers` of them */
    struct weir_ice_payload payload[WEIR_ICE_EMBEDS_MAX]; /* `embed.count` of them */
};

/* -- Where used: pages of another arena ---------------------------------------------------------- */

#define WEIR_ICE_PAGE_BYTES 384
#define WEIR_ICE_PAGE_PAIRS 3
#define WEIR_ICE_PAGE_CANDIDATES 4
#define WEIR_ICE_LOCAL_PAGES (WEIR_ICE_LOCALS_MAX / WEIR_ICE_PAGE_CANDIDATES)
#define WEIR_ICE_REMOTE_PAGES (WEIR_ICE_REMOTES_MAX / WEIR_ICE_PAGE_CANDIDATES)
#define WEIR_ICE_PAIR_PAGES ((WEIR_ICE_PAIRS_MAX + WEIR_ICE_PAGE_PAIRS - 1) / WEIR_ICE_PAGE_PAIRS)
/* The most that one agent ever has: 17 KiB. Two addresses of ours and three of the peer's take four. */
#define WEIR_ICE_PAGES_MAX (WEIR_ICE_LOCAL_PAGES + WEIR_ICE_REMOTE_PAGES + WEIR_ICE_PAIR_PAGES)

struct weir_ice_page {
    union {
        struct weir_ice_pair pair[WEIR_ICE_PAGE_PAIRS];
        struct weir_ice_candidate candidate[WEIR_ICE_PAGE_CANDIDATES];
        uint8_t bytes[WEIR_ICE_PAGE_BYTES];
    } u;
};

WEIR_STATIC_ASSERT(sizeof(struct weir_ice_page) == WEIR_ICE_PAGE_BYTES, "pages fill cache lines");

/* All that one agent alone needs, in one piece; it stays where it is while it is used. */
struct weir_ice_room {
    struct weir_arena pages, setups;
    struct weir_ice_page page[WEIR_ICE_PAGES_MAX];
    struct weir_ice_setup setup;
};

/* -- Always -------------------------------------------------------------------------------------- */

/* What is to be told but candidates. */
struct weir_ice_news {
    uint8_t type, state, refusal;
    uint8_t local;           /* of its path: index of the candidate */
    struct weir_addr remote;
};

struct weir_ice {
    struct weir_ice_config config;
    struct weir_rand rand;
    enum weir_ice_state state;
    enum weir_ice_failure failure;
    bool is_controlling;
    bool is_remote_lite, has_remote, is_remote_done, is_gathering_done, has_told_gathered;
    bool is_held;        /* a description waits for its answer */
    bool is_older_known;
    uint8_t role_switches;
    uint8_t prflx_seen;  /* numbers foundations of what is discovered */
    uint8_t hosts_seen;  /* and of our hosts */
    uint8_t refusals_told;
    uint8_t locals, remotes, pairs;
    uint8_t locals_told; /* of the local candidates, the first so many */
    uint8_t local_pages, remote_pages, pair_pages;
    uint8_t servers, gathers;
    uint8_t news, answers; /* waiting; the oldest stands first */
    uint32_t setup;      /* block of config.setups, or WEIR_NO_BLOCK */
    uint32_t local_page[WEIR_ICE_LOCAL_PAGES], remote_page[WEIR_ICE_REMOTE_PAGES];
    uint32_t pair_page[WEIR_ICE_PAIR_PAGES];
    uint64_t tie_breaker;
    struct weir_ice_own local_ufrag, local_pwd;
    struct weir_ice_text remote_ufrag, remote_pwd;
    uint32_t selected;   /* index of the pair that carries data, or WEIR_ICE_NONE */
    uint32_t triggers;   /* ever put into the triggered-check queue */
    struct weir_path via; /* of the selected pair, or of old */
    struct weir_ice_old old;
    struct weir_ice_consent consent;
    struct weir_ice_embed embed;
    struct weir_addr server[WEIR_ICE_SERVERS_MAX];
    struct weir_ice_answer answer[WEIR_ICE_ANSWERS_MAX];
    struct weir_ice_news event[WEIR_ICE_NEWS_MAX];
    weir_time check_at, last_check_at, nominate_at, fail_at, gather_until, spare_at, setup_until;
    weir_time last_rx_at; /* the peer last proved to be there */
    uint32_t verdicts[WEIR_ICE_VERDICTS];
    uint32_t stun_verdicts[WEIR_STUN_VERDICTS];
    uint32_t refused[WEIR_ICE_REFUSALS]; /* addresses */
    uint32_t strays;                     /* candidates of another generation than the peer's credentials */
    uint32_t recent[WEIR_ICE_RECENT_MAX]; /* marks of the peer's last transactions that were proven */
    uint32_t recents;                     /* ever noted */
    uint64_t recent_key;
    weir_time keys_at;                    /* lite: something under keys last came; 0: never */
    struct weir_ice_budget budget;
};

#define WEIR_ICE_NONE UINT32_MAX

/* Begin. Ufrag and password of ours come from the seed. Nothing is leased. */
WEIR_API void weir_ice_init(struct weir_ice *ice, const struct weir_ice_config *config, weir_time now);
/* The end: what is leased goes back, and all is wiped. */
WEIR_API void weir_ice_deinit(struct weir_ice *ice);
/* The arenas of one agent alone, for its config: &room->pages and &room->setups. */
WEIR_API void weir_ice_room_init(struct weir_ice_room *room);
/* Lease the block of a set-up now: until the next tick no verb is refused for want of it. WEIR_ERR_FULL:
 * there is none, nothing changed. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_prepare(struct weir_ice *ice);
/* The owner has failed and will not tick until it restarts ICE: what was set up is over now, but for a
 * description that waits, and payloads. */
WEIR_API void weir_ice_rest(struct weir_ice *ice);

/* A host candidate. `preference` orders our own: 65535 is best. WEIR_ERR_FULL: beyond the table, or no page
 * is left for it or for its pairs. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_add_host(struct weir_ice *ice, weir_time now,
                                                            const struct weir_addr *addr,
                                                            uint16_t preference);
/* A STUN server to learn server-reflexive candidates from, asked from every host of its family: when
 * gathering begins, for the first time or after the next restart. WEIR_ERR_STATE: a lite agent has none
 * [RFC 8445 5.2]. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_add_server(struct weir_ice *ice, weir_time now,
                                                              const struct weir_addr *server);
/* These instead of those that there were, likewise. WEIR_ERR_FULL, WEIR_ERR_ARG: nothing changed. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_set_servers(struct weir_ice *ice,
                                                               const struct weir_addr *server,
                                                               uint32_t servers);
/* No more hosts or servers: GATHERED follows once the servers have answered. WEIR_ERR_FULL: there are
 * servers, and no block for the questions; nothing changed. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_gathering_done(struct weir_ice *ice, weir_time now);
WEIR_API bool weir_ice_has_gathered(const struct weir_ice *ice); /* GATHERED was made, of this generation */

/* The peer's credentials, which begin the checks. The same ones again change nothing; others need
 * weir_ice_restart or weir_ice_replace_remote first: WEIR_ERR_STATE. WEIR_ERR_ARG: shorter or longer than
 * RFC 8839 allows, or both ends are lite: neither would ask for consent [RFC 8445 8.2 OMITTED]. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_set_remote(struct weir_ice *ice, weir_time now,
                                                              struct weir_span ufrag,
                                                              struct weir_span pwd, bool is_lite);
/* A candidate of the peer. WEIR_ERR_FULL: it is left out, for want of a place in the table or of a page for
 * it or its pairs; WEIR_ERR_ARG: not one to check; WEIR_ERR_STATE:
 * of another generation than the peer's credentials, counted in `strays`, or the agent is over. Before the
 * credentials are known those of any generation are taken, and go when they turn out to be of another. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_add_remote(struct weir_ice *ice, weir_time now,
                                                              const struct weir_ice_candidate *c);
/* Of another generation? It is counted. */
WEIR_API bool weir_ice_is_stray(struct weir_ice *ice, const struct weir_ice_candidate *c);
WEIR_API void weir_ice_remote_done(struct weir_ice *ice, weir_time now);
/* Who nominates: before checks begin, as the descriptions decide [RFC 8445 6.1.1]. A lite agent never
 * does. */
WEIR_API void weir_ice_set_controlling(struct weir_ice *ice, bool is_controlling);

/* New credentials of ours; the old pairs carry data until new ones are valid [RFC 8445 9]. Where there are
 * servers, gathering begins anew with the next weir_ice_gathering_done. WEIR_ERR_FULL: no block for what
 * goes on; WEIR_ERR_STATE: closed; nothing changed. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_restart(struct weir_ice *ice, weir_time now);
/* The credentials that a restart at this moment would give us. */
WEIR_API void weir_ice_next_credentials(const struct weir_ice *ice, struct weir_ice_own *ufrag,
                                        struct weir_ice_own *pwd);
/* And would it begin gathering anew? */
WEIR_API bool weir_ice_gathers_anew(const struct weir_ice *ice);
/* The same with our credentials kept: another agent has taken the peer's place, which answered what we said
 * to the one of before. weir_ice_set_remote follows. Nothing happens before the first one. WEIR_ERR_FULL as
 * there. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_replace_remote(struct weir_ice *ice, weir_time now);
/* What is leased goes back. */
WEIR_API void weir_ice_close(struct weir_ice *ice, weir_time now);

/* A description waits for its answer: what there is now can be brought back [RFC 8829 4.1.10.2]. Then
 * either it is answered, or taken back, with what it changed: the generation that it began is over and the
 * one of before goes on, with the path that carried data, if the peer consents to that still; of the
 * peer's other candidates of then up to sixteen are checked again. `is_announced`: our credentials stood
 * in nothing but that description, and are given up. WEIR_ERR_FULL: no block for it, nothing changed. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_hold(struct weir_ice *ice);
WEIR_API void weir_ice_settle(struct weir_ice *ice);
WEIR_API void weir_ice_roll_back(struct weir_ice *ice, weir_time now, bool is_announced);
/* One waits; it began a generation; and the state of the agent before that. */
WEIR_API bool weir_ice_is_held(const struct weir_ice *ice);
WEIR_API bool weir_ice_has_begun(const struct weir_ice *ice, enum weir_ice_state *before);
/* Are these the credentials of the peer that both sides agreed on last, whatever waits? NONE: there are
 * none. And: those that it has now? */
enum weir_ice_sameness { WEIR_ICE_NONE_THERE, WEIR_ICE_THE_SAME, WEIR_ICE_OTHERS };
WEIR_API enum weir_ice_sameness weir_ice_compare_agreed(const struct weir_ice *ice, struct weir_span ufrag,
                                                        struct weir_span pwd);
WEIR_API enum weir_ice_sameness weir_ice_compare_remote(const struct weir_ice *ice, struct weir_span ufrag,
                                                        struct weir_span pwd);

/* The five verbs. */
WEIR_API enum weir_ice_verdict weir_ice_recv(struct weir_ice *ice, weir_time now,
                                             const struct weir_path *path, struct weir_span packet);
WEIR_API void weir_ice_tick(struct weir_ice *ice, weir_time now);
WEIR_API size_t weir_ice_send(struct weir_ice *ice, weir_time now, struct weir_mspan out,
                              struct weir_path *to);
WEIR_API bool weir_ice_event(struct weir_ice *ice, struct weir_ice_event *out);
WEIR_API weir_time weir_ice_deadline(const struct weir_ice *ice);

/* The owner heard the peer on this path, in a way that proves who it was and that nothing newer was heard:
 * its address has changed. A path that is not valid is checked at once, and when the peer answers, data
 * goes there: the pair that was used until then is over, and what was nominated stays so. At most five
 * checks leave for each such call, and one path is followed at a time. Lite: nothing happens, the
 * peer's next question does it. */
WEIR_API void weir_ice_follow(struct weir_ice *ice, weir_time now, const struct weir_path *path);

/* The owner knows that nobody is left at the other end: all pairs that were valid are over, and the next
 * that is proven is used. Nothing happens when no pair is selected, as during a restart: the old path
 * ends with it. */
WEIR_API void weir_ice_remote_gone(struct weir_ice *ice, weir_time now);

/* May anything but STUN come in on this path? True once the peer proved itself there. */
WEIR_API bool weir_ice_path_ok(const struct weir_ice *ice, const struct weir_path *path);
/* And how well: a request says who sent it; an answer to ours, that it is reached there. */
enum weir_ice_proof { WEIR_ICE_UNPROVEN, WEIR_ICE_ASKED, WEIR_ICE_ANSWERED };
WEIR_API enum weir_ice_proof weir_ice_path_proof(const struct weir_ice *ice,
                                                 const struct weir_path *path);
/* Whose a response is: the tag of the agent that made a transaction id under this key. Anybody can write
 * any id; its agent knows its own. */
WEIR_API uint32_t weir_ice_txid_tag(uint64_t key, const uint8_t txid[WEIR_STUN_TXID_BYTES]);
/* Why an address of the peer may not be checked. The structure's address is canonical afterwards: IPv4
 * written as IPv6 is IPv4. */
WEIR_API enum weir_ice_refusal weir_ice_judge(const struct weir_ice *ice, struct weir_addr *addr);
WEIR_API const char *weir_ice_refusal_name(enum weir_ice_refusal r);
/* The peer spent so many bytes on telling us where it is: ten times as many may go to addresses that have
 * proved nothing. Without any such call there is no limit. */
WEIR_API void weir_ice_allow(struct weir_ice *ice, size_t bytes);
WEIR_API void weir_ice_meter_init(struct weir_ice_meter *m, uint64_t per_second, weir_time now);
/* Lite: something came on the selected path under keys that only the peer has. Requests alone keep up
 * consent for five minutes after the last such sign: who records them can send them again. */
WEIR_API void weir_ice_heard_keys(struct weir_ice *ice, weir_time now);
/* Where to send: the nominated pair, or before that the best valid one. False: nowhere, now: no consent
 * was ever given, or it is over [RFC 7675 5.1 MUST]. */
WEIR_API bool weir_ice_selected(const struct weir_ice *ice, struct weir_path *path);
/* The same in place, valid until the next call; NULL: nowhere. */
WEIR_API const struct weir_path *weir_ice_via(const struct weir_ice *ice);

static inline bool weir_ice_may_send(const struct weir_ice *ice)
{
    return weir_ice_via(ice) != NULL;
}

/* -- Payloads on checks [draft-hancke-webrtc-sped] ----------------------------------------------
 *
 * Checks and their answers carry bytes of an owner above, while it is not finished and the peer does the
 * same. The owner clears the list and adds what is to be carried; after each weir_ice_recv it asks what
 * came. Payloads that begin with no byte of DTLS are left out.
 */

/* The owner wants it. */
WEIR_API void weir_ice_embed_begin(struct weir_ice *ice);
/* The peer's description rules it out; what waits can still be had bare. */
WEIR_API void weir_ice_embed_stop(struct weir_ice *ice);
/* Checks carry payloads; and more may be added. */
WEIR_API bool weir_ice_embed_is_on(const struct weir_ice *ice);
WEIR_API bool weir_ice_embed_is_open(const struct weir_ice *ice);
WEIR_API bool weir_ice_embed_has_room(const struct weir_ice *ice); /* for one more, and a block */
WEIR_API void weir_ice_embed_clear(struct weir_ice *ice);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_ice_embed_add(struct weir_ice *ice,
                                                             struct weir_span payload);
/* Several payloads were added: checks under way are sent again, so that none waits for the next. */
WEIR_API void weir_ice_embed_push(struct weir_ice *ice);
/* The next payload to send by itself, each once; 0 = none. To be asked for when there is a path. */
WEIR_API size_t weir_ice_embed_bare(struct weir_ice *ice, struct weir_mspan out);
/* A payload that the last message brought, by its place in the packet; false when it brought none that
 * is new. */
WEIR_API bool weir_ice_embedded(const struct weir_ice *ice, size_t *at, size_t *bytes);
/* The mark of a payload, to be taken before it is changed; and: the owner took it, whichever way it
 * came, so the peer need not send it again. */
WEIR_API uint32_t weir_ice_embed_mark(struct weir_span payload);
WEIR_API void weir_ice_embed_took(struct weir_ice *ice, uint32_t mark);
/* The owner has nothing further to add; and: the peer proved that it is finished too. */
WEIR_API void weir_ice_embed_finish(struct weir_ice *ice);
WEIR_API void weir_ice_embed_over(struct weir_ice *ice);
struct weir_ice_embed_info {
    enum weir_ice_embed_state state;
    uint32_t tx_payloads, rx_payloads, rx_repeats;
};
WEIR_API struct weir_ice_embed_info weir_ice_embed_info(const struct weir_ice *ice);
WEIR_API const char *weir_ice_embed_state_name(enum weir_ice_embed_state s);

/* -- Inspection -------------------------------------------------------------------------------- */

struct weir_ice_pair_info {
    struct weir_path path;
    enum weir_ice_pair_state state;
    enum weir_ice_type local_type, remote_type;
    bool is_nominated, is_selected, is_valid;
    uint64_t priority;
    struct weir_addr mapped; /* how the peer sees us on it; family 0 = not known */
    weir_duration rtt;       /* 0 = not measured */
    weir_duration rtt_most;  /* and surely not more than this; 0 = nothing is known */
    uint32_t requests, responses;
};

WEIR_API enum weir_ice_state weir_ice_state(const struct weir_ice *ice);
WEIR_API enum weir_ice_failure weir_ice_failure(const struct weir_ice *ice);
/* The i-th pair; false past the last. And the one that carries data; false: there is none. */
WEIR_API bool weir_ice_pair_info(const struct weir_ice *ice, uint32_t i,
                                 struct weir_ice_pair_info *out);
WEIR_API bool weir_ice_selected_info(const struct weir_ice *ice, struct weir_ice_pair_info *out);
/* The peer has asked on the pair that carries data. */
WEIR_API bool weir_ice_is_asked(const struct weir_ice *ice);
/* How many candidates there are. Each of them, and each pair, by its index, below that number; in place,
 * valid until the next call that changes the agent. */
/* How often it judged so; addresses that it refused for this; candidates of another generation. */
WEIR_API uint32_t weir_ice_verdicts(const struct weir_ice *ice, enum weir_ice_verdict v);
WEIR_API uint32_t weir_ice_refused(const struct weir_ice *ice, enum weir_ice_refusal r);
WEIR_API uint32_t weir_ice_strays(const struct weir_ice *ice);
WEIR_API uint32_t weir_ice_locals(const struct weir_ice *ice);
WEIR_API uint32_t weir_ice_remotes(const struct weir_ice *ice);
WEIR_API struct weir_ice_candidate *weir_ice_local_at(const struct weir_ice *ice, uint32_t i);
WEIR_API struct weir_ice_candidate *weir_ice_remote_at(const struct weir_ice *ice, uint32_t i);
WEIR_API struct weir_ice_pair *weir_ice_pair_at(const struct weir_ice *ice, uint32_t i);
/* What it has of the arenas. */
static inline bool weir_ice_is_setting_up(const struct weir_ice *ice)
{
    return ice->setup != WEIR_NO_BLOCK;
}

static inline uint32_t weir_ice_pages(const struct weir_ice *ice)
{
    return (uint32_t)ice->local_pages + ice->remote_pages + ice->pair_pages;
}

WEIR_API bool weir_ice_has_remote(const struct weir_ice *ice); /* credentials of the peer */
WEIR_API struct weir_span weir_ice_ufrag(const struct weir_ice *ice);
WEIR_API struct weir_span weir_ice_pwd(const struct weir_ice *ice);
/* Ours of each generation, as long as requests may name it; empty: none. */
WEIR_API struct weir_span weir_ice_ufrag_of(const struct weir_ice *ice, enum weir_ice_generation g);
WEIR_API struct weir_span weir_ice_old_ufrag(const struct weir_ice *ice);
/* What must hold between calls; for tests and fuzzing. */
WEIR_API bool weir_ice_check(const struct weir_ice *ice);
WEIR_API const char *weir_ice_state_name(enum weir_ice_state s);
WEIR_API const char *weir_ice_pair_state_name(enum weir_ice_pair_state s);
WEIR_API const char *weir_ice_verdict_name(enum weir_ice_verdict v);

/* -- Candidates as text [RFC 8839 5.1] --------------------------------------------------------- */

enum weir_ice_tcp_type { WEIR_ICE_TCP_NONE, WEIR_ICE_TCP_ACTIVE, WEIR_ICE_TCP_PASSIVE, WEIR_ICE_TCP_SO };

/* All that a candidate line may say. Spans lie within the text. */
struct weir_ice_candidate_line {
    struct weir_ice_candidate candidate; /* addr has only its port when there is a name */
    struct weir_span name;               /* a .local or other name instead of an address */
    struct weir_span ufrag;
    enum weir_ice_tcp_type tcp_type;     /* [RFC 6544 4.5] */
    uint32_t generation, network_id, network_cost;
};

/* Read "candidate:..." with or without "a=". False when malformed, *out is then unspecified. */
WEIR_API WEIR_MUST_CHECK bool weir_ice_candidate_line_parse(struct weir_span text,
                                                            struct weir_ice_candidate_line *out);
/* The same for who wants no more than the candidate and the name it may have. */
WEIR_API WEIR_MUST_CHECK bool weir_ice_candidate_parse(struct weir_span text,
                                                       struct weir_ice_candidate *out,
                                                       struct weir_span *name);
/* Write "candidate:...". Where a base is to be named it is hidden: zeros stand for it. */
WEIR_API void weir_ice_candidate_write(struct weir_wr *w, const struct weir_ice_candidate *c);
/* The same with the extension that says which generation it is of [RFC 8838 9], for a candidate that
 * travels by itself. */
WEIR_API void weir_ice_candidate_write_of(struct weir_wr *w, const struct weir_ice_candidate *c,
                                          struct weir_span ufrag);
/* Tells generations of credentials apart; never 0. */
WEIR_API uint32_t weir_ice_ufrag_hash(struct weir_span ufrag);

#endif
