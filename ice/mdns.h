/* Resolving the .local names that browsers put into their candidates, by multicast DNS [RFC 6762].
 *
 * One-shot queries for A and AAAA records of "<uuid>.local", sent to 224.0.0.251 port 5353; the first
 * answer on the link settles a name. A machine with weir's verbs; it knows no socket. Names that nobody
 * answers are given up after three questions: ICE then reaches their owner when it calls us.
 */
#ifndef WEIR_ICE_MDNS_H
#define WEIR_ICE_MDNS_H

#include "core/addr.h"
#include "core/base.h"

#define WEIR_MDNS_QUERIES_MAX 16
#define WEIR_MDNS_NAME_MAX 64     /* "<uuid>.local" has 42 */
#define WEIR_MDNS_RECORDS_MAX 64  /* looked at in one message */
#define WEIR_MDNS_LABELS_MAX 16   /* labels and pointers followed for one name */

enum weir_mdns_verdict {
    WEIR_MDNS_OK,
    WEIR_MDNS_SHORT,     /* shorter than a header, or a record runs past the end */
    WEIR_MDNS_QUESTION,  /* not a response */
    WEIR_MDNS_NAME,      /* a name that is too long, or points in a circle */
    WEIR_MDNS_LINK,      /* did not come from port 5353 [RFC 6762 6 MUST] */
    WEIR_MDNS_NOTHING,   /* answers nothing that was asked */
    WEIR_MDNS_VERDICTS,
};

struct weir_mdns_query {
    char name[WEIR_MDNS_NAME_MAX];
    uint8_t name_bytes;
    uint8_t tries;
    bool is_used, owes_question;
    weir_time ask_at;
};

struct weir_mdns_event {
    char name[WEIR_MDNS_NAME_MAX];
    uint8_t name_bytes;
    bool is_resolved;      /* else given up */
    struct weir_addr addr; /* without port */
};

struct weir_mdns {
    struct weir_mdns_query query[WEIR_MDNS_QUERIES_MAX];
    struct weir_mdns_event event[WEIR_MDNS_QUERIES_MAX];
    uint32_t event_head, event_tail;
    uint32_t verdicts[WEIR_MDNS_VERDICTS];
};

WEIR_API void weir_mdns_init(struct weir_mdns *m);
/* Ask for "<uuid>.local". WEIR_ERR_ARG: the name is of another form, and no browser's; WEIR_ERR_FULL: too
 * many at once. Asking twice is asking once. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_mdns_ask(struct weir_mdns *m, weir_time now,
                                                        struct weir_span name);
WEIR_API enum weir_mdns_verdict weir_mdns_recv(struct weir_mdns *m, const struct weir_addr *from,
                                               struct weir_span packet);
WEIR_API void weir_mdns_tick(struct weir_mdns *m, weir_time now);
/* Where questions go: 224.0.0.251 or ff02::fb, port 5353 [RFC 6762 3]. The same bytes serve both. */
WEIR_API struct weir_addr weir_mdns_group(enum weir_family family);
/* The next question; 0 = none, or `out` is too small and it is kept. */
WEIR_API size_t weir_mdns_send(struct weir_mdns *m, struct weir_mspan out);
WEIR_API bool weir_mdns_event(struct weir_mdns *m, struct weir_mdns_event *out);
WEIR_API weir_time weir_mdns_deadline(const struct weir_mdns *m);
WEIR_API const char *weir_mdns_verdict_name(enum weir_mdns_verdict v);

#endif
