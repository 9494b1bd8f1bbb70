/* What it costs to refuse a record that is none: by kind of junk and by what the end is doing. One thread,
 * all in memory; the record is written anew each time, and what that costs is taken off. */
#define _GNU_SOURCE
#include <stdio.h>
#include <time.h>

#include "dtls/dtls.h"
#include "test/bench/bench.h"

enum { BATCH = 2000, BATCHES = 41, RECORD = 1200 };

struct junk {
    const char *name;
    void (*write)(uint8_t *p, uint64_t number); /* RECORD bytes are there, `bytes` of them count */
    size_t bytes;
};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void head(uint8_t *p, uint8_t type, uint16_t epoch, uint64_t number, size_t bytes)
{
    p[0] = type;
    weir_put16(p + 1, 0xfefd);
    weir_put16(p + 3, epoch);
    weir_put48(p + 5, number);
    weir_put16(p + 11, (uint16_t)(bytes - 13));
}

static void noise(uint8_t *p, uint64_t number)
{
    p[0] = 63;
    weir_put64(p + 1, number);
}

static void alert(uint8_t *p, uint64_t number)
{
    head(p, 21, 0, number, 15);
    p[13] = 2;
    p[14] = 40;
}

static void plain_data(uint8_t *p, uint64_t number)
{
    head(p, 23, 0, number, RECORD);
}

static void hello_fragment(uint8_t *p, uint64_t number)
{
    static const uint8_t fragment[12] = { 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 51 };
    head(p, 22, 0, number, 76);
    memcpy(p + 13, fragment, sizeof fragment);
}

static void forged_12(uint8_t *p, uint64_t number)
{
    head(p, 23, 1, 1000 + number, RECORD);
    weir_put64(p + 13, number);
}

static void forged_13(uint8_t *p, uint64_t number)
{
    p[0] = 0x2f; /* epoch 3, a number of 16 bits, a length */
    weir_put16(p + 1, (uint16_t)number);
    weir_put16(p + 3, RECORD - 5);
    weir_put64(p + 5, number * 0x9e3779b97f4a7c15);
}

static const struct junk plain[] = {
    { "random bytes", noise, RECORD },
    { "alert without protection", alert, 15 },
    { "data without protection", plain_data, RECORD },
    { "fragment of a hello that is over", hello_fragment, 76 },
};
static const struct junk forged[] = {
    { "record with a wrong tag, DTLS 1.2", forged_12, RECORD },
    { "record with a wrong tag, DTLS 1.3", forged_13, RECORD },
};

static double spend(const struct junk *j, struct weir_dtls *d)
{
    static uint64_t number;
    uint8_t record[RECORD] = { 0 };
    double at = now_ns();
    for (int i = 0; i < BATCH; i++) {
        j->write(record, ++number);
        if (d != NULL) {
            struct weir_mspan rest = { record, j->bytes };
            struct weir_span data;
            enum weir_dtls_verdict v = weir_dtls_recv(d, 0, &rest, &data);
            if (v == WEIR_DTLS_OK || data.n != 0) {
                die("junk was taken");
            }
        } else {
            __asm__ volatile("" : : "r"(record) : "memory");
        }
    }
    return (now_ns() - at) / BATCH;
}

static void measure(const struct junk *j, const char *state, struct weir_dtls *d)
{
    double ns[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        double with = spend(j, d), without = spend(j, NULL);
        ns[i] = with > without ? with - without : 0;
    }
    printf("{\"bench\":\"weir\",\"ver\":\"%s\",\"scenario\":\"junk\",\"procs\":1,\"cpu_pct\":100.0,"
           "\"provider\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\",\"size\":%zu,\"ns_per_record\":%.0f}\n",
           VERSION, weir_crypto_default()->name, j->name, state, j->bytes, quantile(ns, BATCHES, 0.5));
}

static void deliver(struct weir_dtls *from, struct weir_dtls *to)
{
    uint8_t datagram[1500];
    size_t n;
    while ((n = weir_dtls_send(from, 0, (struct weir_mspan){ datagram, sizeof datagram })) != 0) {
        struct weir_mspan rest = { datagram, n };
        while (rest.n != 0) {
            struct weir_span data;
            (void)weir_dtls_recv(to, 0, &rest, &data);
        }
    }
}

static struct weir_arena handshakes;

static void begin(struct weir_dtls end[2], const struct weir_identity *identity, uint8_t version)
{
    static struct weir_dtls_handshake block[2];
    weir_arena_init(&handshakes, block, sizeof block[0], 2);
    for (int i = 0; i < 2; i++) {
        struct weir_dtls_config c = { .crypto = weir_crypto_default(), .identity = identity,
                                      .handshakes = &handshakes,
                                      .is_client = i == 0, .fingerprints = 1, .version_min = version,
                                      .version_max = version };
        c.fingerprint[0].hash = WEIR_SHA256;
        memcpy(c.fingerprint[0].bytes, identity->fingerprint_sha256, 32);
        c.seed[0] = (uint8_t)i;
        weir_dtls_init(&end[i], &c, 0);
    }
    if (weir_dtls_start(&end[0], 0) != WEIR_OK) {
        die("no handshake");
    }
}

void bench_junk(void)
{
    static struct weir_identity identity;
    static struct weir_dtls end[2];
    struct weir_rand rand;
    weir_rand_init_number(&rand, 4);
    if (!weir_crypto_default()->identity_make(&identity, &rand, 1700000000, 2000000000)) {
        die("no identity");
    }
    for (int version = 0; version < 2; version++) {
        begin(end, &identity, version == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3);
        for (size_t i = 0; version == 0 && i < 3; i++) {
            measure(&plain[i], "a server that waits", &end[1]);
        }
        deliver(&end[0], &end[1]);
        for (size_t i = 0; version == 0 && i < 4; i++) {
            measure(&plain[i], "a server in its handshake", &end[1]);
        }
        deliver(&end[1], &end[0]);
        deliver(&end[0], &end[1]);
        deliver(&end[1], &end[0]);
        if (weir_dtls_state(&end[1]) != WEIR_DTLS_CONNECTED) {
            die("the handshake did not end");
        }
        for (size_t i = 0; version == 0 && i < 4; i++) {
            measure(&plain[i], "a server that is connected", &end[1]);
        }
        measure(&forged[version], "a server that is connected", &end[1]);
    }
}
