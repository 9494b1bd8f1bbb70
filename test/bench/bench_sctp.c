/* SCTP alone: two associations in memory, packets handed across without a network or DTLS, one way, ordered.
 * Ours computes and checks CRC32c; the rival is spared it, as its interface allows. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "sctp/sctp.h"
#include "test/bench/bench.h"
#include "test/bench/rival.h"

enum { POOL = 4096, MTU = 1200, BYTES = 300 << 20 };

struct side {
    struct weir_sctp s;
    struct weir_pool pool;
    struct weir_buf *bufs;
};

static struct side side[2];

static void begin(struct side *x, uint8_t number)
{
    struct weir_sctp_config c;
    weir_sctp_config_default(&c, weir_crypto_default());
    c.has_channels = false;
    c.mtu = MTU;
    c.seed[0] = number;
    x->bufs = aligned_alloc(64, weir_pool_bytes(POOL));
    if (x->bufs == NULL) {
        die("no memory");
    }
    weir_pool_init(&x->pool, x->bufs, POOL);
    weir_sctp_init(&x->s, &c, &x->pool, 1);
}

/* All packets of one side into the other; the number of them. */
static unsigned carry(struct side *from, struct side *to, weir_time now)
{
    uint8_t packet[1500];
    unsigned n = 0;
    size_t bytes;
    while (n < 64 && (bytes = weir_sctp_send(&from->s, now, (struct weir_mspan){ packet, MTU })) != 0) {
        (void)weir_sctp_recv(&to->s, now, weir_span_of(packet, bytes));
        n++;
    }
    return n;
}

static uint64_t read_all(struct side *x, weir_time now)
{
    struct weir_sctp_message m;
    uint64_t bytes = 0;
    while (weir_sctp_read(&x->s, &m)) {
        bytes += m.bytes;
        weir_sctp_release(&x->s, now, &m);
    }
    return bytes;
}

static void run_ours(size_t size, double *mbps)
{
    static const uint8_t message[65536];
    const struct weir_sctp_send_opts opts = { 0 };
    struct weir_sctp_event e;
    begin(&side[0], 1);
    begin(&side[1], 2);
    weir_time start = weir_pump_clock(), now = start;
    if (weir_sctp_connect(&side[0].s, now) != WEIR_OK || weir_sctp_connect(&side[1].s, now) != WEIR_OK) {
        die("no association");
    }
    uint64_t got = 0;
    while (got < BYTES) {
        while (side[0].s.state == WEIR_SCTP_ESTABLISHED
               && weir_sctp_write(&side[0].s, now, 0, weir_span_of(message, size), &opts) == WEIR_OK) {
        }
        (void)carry(&side[0], &side[1], now);
        got += read_all(&side[1], now);
        (void)carry(&side[1], &side[0], now);
        now = weir_pump_clock();
        for (int i = 0; i < 2; i++) {
            while (weir_sctp_event(&side[i].s, &e)) {
            }
            if (weir_sctp_deadline(&side[i].s) <= now) {
                weir_sctp_tick(&side[i].s, now);
            }
        }
    }
    *mbps = (double)got * 8 / (double)(now - start);
    for (int i = 0; i < 2; i++) {
        weir_sctp_release_all(&side[i].s);
        free(side[i].bufs);
    }
}

static void print_row(const char *name, const char *provider, size_t size, double mbps)
{
    printf("{\"bench\":\"%s\",\"ver\":\"%s\",\"scenario\":\"sctp\",\"procs\":1,\"cpu_pct\":100.0,"
           "\"provider\":\"%s\",\"size\":%zu,\"mbps\":%.1f}\n", name, VERSION, provider, size, mbps);
    fflush(stdout);
}

void bench_sctp(void)
{
    const size_t size[] = { 1024, 16384, 65536 };
    const struct rival_sctp *usrsctp = rival_usrsctp();
    for (size_t i = 0; i < 3; i++) {
        double mbps;
        run_ours(size[i], &mbps);
        print_row("weir", weir_crypto_default()->name, size[i], mbps);
        if (usrsctp != NULL) {
            if (!usrsctp->run(size[i], BYTES, &mbps)) {
                die("the rival's association failed");
            }
            print_row("usrsctp", usrsctp->version(), size[i], mbps);
        }
    }
}
