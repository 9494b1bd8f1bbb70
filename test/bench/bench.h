/* What the files of weir-bench share. */
#ifndef WEIR_TEST_BENCH_BENCH_H
#define WEIR_TEST_BENCH_BENCH_H

#include <stdlib.h>

#include "core/pump/pump.h"

#define VERSION "0.1.0"

struct options {
    const char *scenario; /* NULL = all of a connection's */
    int procs;            /* 0 = one and two */
    unsigned seconds, setups, pairs;
    enum weir_pump_kind pump;
    bool is_raw;
    bool has_no_offload; /* neither segmented sends nor coalesced receives */
    size_t size;         /* of the packets of aead, srtp and rtp */
    unsigned message;    /* throughput with this size alone; 0 = all */
    bool is_mixed;       /* throughput with messages of many sizes alone */
    unsigned warm_ms;    /* of throughput and rtp, before anything counts */
    const char *mode;    /* throughput in this mode alone; NULL = both */
};

_Noreturn void die(const char *what);
double cpu_seconds(void);
/* Sorts v. */
double quantile(double *v, size_t n, double q);

/* Numbered messages with a content that the receiver checks; one of these on either side. */
#define CONTENT_MAX 65536
struct content {
    uint8_t *table; /* the sender's own */
    uint64_t next;
};

void content_init(void);
/* Of message k where all have `size` bytes; where that is 0, the size of k of the mixed ones. */
unsigned content_size(uint64_t k, unsigned size);
/* The next message, valid until content_end, which counts it when it was sent. */
struct weir_span content_begin(struct content *c, size_t n);
void content_end(struct content *c, bool is_sent);
/* Ends the program when this is not what was sent, or, in order, not the next. */
void content_check(struct content *c, struct weir_span message, unsigned size, bool is_ordered);

/* Scenarios of a whole connection. */
void bench_peers(const struct options *o);
/* Datagrams from one process to another: the kernel's ceiling, one by one, and the pump's kinds. */
void bench_pump(const struct options *o);

/* 64 bytes there and back with bare blocking calls. */
void bench_udp(void);
/* DTLS handshakes in memory. */
void bench_dtls(void);
/* Records that are refused. */
void bench_junk(void);
/* SCTP in memory. */
void bench_sctp(void);
/* AES-GCM and SRTP packets of a size, with every level of our kernels and the rivals of this build. */
void bench_aead(size_t size);
void bench_srtp(size_t size);

#endif
