/* Two ends of connections: in two threads or two processes, with a pipe between them. */
#ifndef WEIR_TEST_BENCH_ENDS_H
#define WEIR_TEST_BENCH_ENDS_H

#include <stdatomic.h>

#include "peer/peer.h"
#include "test/bench/bench.h"

struct end {
    int fd;  /* to the other end */
    bool is_caller;
    struct options options;
    struct weir_node *node;
    struct weir_peer *peer;
    uint16_t channel;
    bool is_open;
    const char *scenario;
    unsigned size; /* of messages; 0 = mixed */
    bool is_unreliable;
    struct content content;
    _Atomic uint64_t *seen; /* of media: the number after the last packet that came; both ends see it */
};

/* Messages between them: a length and bytes. */
void bench_tell(int fd, const void *bytes, uint32_t n);
uint32_t bench_hear(int fd, void *bytes, uint32_t room);
bool bench_has_news(int fd);
/* One connection more: e->peer and e->channel are its. */
void bench_connect(struct end *e, bool is_data_only);
/* The beginning of a line of figures. */
void bench_head(const struct end *e, int procs, double cpu_pct);

/* Many connections with a little traffic each. */
void bench_crowd(struct end *e, int procs);

#endif
