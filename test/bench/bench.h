/* What the files of weir-bench share. */
#ifndef WEIR_TEST_BENCH_BENCH_H
#define WEIR_TEST_BENCH_BENCH_H

#include "core/pump/pump.h"

#define VERSION "0.1.0"

struct options {
    const char *scenario; /* NULL = all of a connection's */
    int procs;            /* 0 = one and two */
    unsigned seconds, setups, pairs;
    enum weir_pump_kind pump;
    bool is_raw;
    size_t size; /* of the packets of aead and srtp */
    unsigned message;  /* throughput with this size alone; 0 = three */
    const char *mode;  /* throughput in this mode alone; NULL = both */
};

_Noreturn void die(const char *what);
double cpu_seconds(void);
/* Sorts v. */
double quantile(double *v, size_t n, double q);

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
