/* weir-bench: what weir costs, one JSON object per line. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "test/bench/bench.h"

void die(const char *what)
{
    fprintf(stderr, "weir-bench: %s\n", what);
    exit(1);
}

double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
           + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

double quantile(double *v, size_t n, double q)
{
    qsort(v, n, sizeof *v, compare_double);
    size_t i = (size_t)(q * (double)n);
    return v[i < n ? i : n - 1];
}

static const char help[] =
    "usage: weir-bench [SCENARIO] [options]\n"
    "\n"
    "Prints one JSON object per measurement. Scenarios of a connection: setup, reconnect, latency, memory,\n"
    "rtp, throughput, stages, crowd; without one, all but the last two. Of its parts: pump, aead, srtp, sctp,\n"
    "handshake, junk, and udp, the bare ping-pong that latency compares to.\n"
    "\n"
    "  --procs N     1 or 2 processes (default: first one, then two)\n"
    "  --seconds N   how long throughput and rtp run (default 10)\n"
    "  --setups N    connections of setup and reconnect (default 100)\n"
    "  --pairs N     connections of memory and crowd (default 1000)\n"
    "  --pump KIND   auto, uring or epoll\n"
    "  --warm MS     how long throughput and rtp run before they count (default 500)\n"
    "  --size N      aead, srtp and rtp: bytes of a packet (default 1200)\n"
    "  --message N   throughput: messages of this size alone, or 'mixed' (default: seven kinds)\n"
    "  --mode MODE   throughput: ordered-reliable or unordered-rtx0 alone\n"
    "  --no-offload  a connection's: neither segmented sends nor coalesced receives\n"
    "  --raw         pump: measure the kernel's ceiling beside it\n"
    "\n"
    "With two processes, WEIR_BENCH_NEAR and WEIR_BENCH_FAR are the addresses of the two, 127.0.0.1 if not\n"
    "set, and WEIR_BENCH_FAR_NET is the file of the network namespace of the second one.\n";

static void run_aead(const struct options *o)
{
    bench_aead(o->size);
}

static void run_srtp(const struct options *o)
{
    bench_srtp(o->size);
}

static void run_sctp(const struct options *o)
{
    (void)o;
    bench_sctp();
}

static void run_handshake(const struct options *o)
{
    (void)o;
    bench_dtls();
}

static void run_junk(const struct options *o)
{
    (void)o;
    bench_junk();
}

static void run_udp(const struct options *o)
{
    (void)o;
    bench_udp();
}

/* A scenario of one part alone; false when it is one of a connection. */
static bool run_part(const struct options *o)
{
    static const struct {
        const char *name;
        void (*run)(const struct options *);
    } part[] = {
        { "pump", bench_pump }, { "aead", run_aead },           { "srtp", run_srtp },
        { "sctp", run_sctp },   { "handshake", run_handshake }, { "udp", run_udp },
        { "junk", run_junk },
    };
    for (size_t i = 0; o->scenario != NULL && i < sizeof part / sizeof part[0]; i++) {
        if (strcmp(o->scenario, part[i].name) == 0) {
            part[i].run(o);
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct options o = { .size = 1200, .seconds = 10, .setups = 100, .pairs = 1000, .warm_ms = 500 };
    static const struct option options[] = {
        { "procs", required_argument, NULL, 'p' },  { "seconds", required_argument, NULL, 's' },
        { "setups", required_argument, NULL, 'n' }, { "pairs", required_argument, NULL, 'm' },
        { "pump", required_argument, NULL, 'k' },   { "help", no_argument, NULL, 'h' },
        { "raw", no_argument, NULL, 'r' },          { "size", required_argument, NULL, 'b' },
        { "message", required_argument, NULL, 'g' }, { "mode", required_argument, NULL, 'o' },
        { "warm", required_argument, NULL, 'w' },   { "no-offload", no_argument, NULL, 'f' },
        { NULL, 0, NULL, 0 },
    };
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'p':
            o.procs = atoi(optarg);
            break;
        case 's':
            o.seconds = (unsigned)atoi(optarg);
            break;
        case 'n':
            o.setups = (unsigned)atoi(optarg);
            break;
        case 'm':
            o.pairs = (unsigned)atoi(optarg);
            break;
        case 'b':
            o.size = (size_t)atoi(optarg);
            break;
        case 'g':
            o.is_mixed = strcmp(optarg, "mixed") == 0;
            o.message = o.is_mixed ? 0 : (unsigned)atoi(optarg);
            break;
        case 'w':
            o.warm_ms = (unsigned)atoi(optarg);
            break;
        case 'f':
            o.has_no_offload = true;
            break;
        case 'o':
            o.mode = optarg;
            break;
        case 'r':
            o.is_raw = true;
            break;
        case 'k':
            o.pump = strcmp(optarg, "uring") == 0   ? WEIR_PUMP_URING
                     : strcmp(optarg, "epoll") == 0 ? WEIR_PUMP_EPOLL
                     : strcmp(optarg, "auto") == 0  ? WEIR_PUMP_AUTO
                                                    : WEIR_PUMP_DEFAULT;
            break;
        default:
            fputs(help, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    o.scenario = optind < argc ? argv[optind] : NULL;
    if (o.size < 20 || o.size > 1484) {
        die("packets have 20 to 1,484 bytes");
    }
    if (o.message > CONTENT_MAX || (o.message != 0 && o.message < 16)) {
        die("messages have 16 to 65,536 bytes");
    }
    content_init();
    if (o.seconds == 0 || o.setups == 0 || o.pairs == 0) {
        die("numbers must be at least 1");
    }
    if (run_part(&o)) {
        return 0;
    }
    bench_peers(&o);
    return 0;
}
