/* weir-bench-aead: what protecting one packet costs, one JSON object per line.
 *
 * Every contender - the provider alone, the kernels of each level over it, EVP in weir-bench-aead-evp -
 * seals a batch of packets that fits the first cache and opens it again, so that data is always what
 * it should be. Contenders take turns within every round; the median round of each is printed. The
 * scenarios seal and open are the AEAD alone, protect and unprotect are whole SRTP packets.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/kernels/kernels.h"
#include "srtp/srtp.h"
#include "test/bench/bench_aead.h"

#define VERSION "0.1.0"
#define BATCH 16
#define PACKET_BYTES_MAX 1500
#define ROUNDS 15
#define BATCHES 150 /* of each contender in each round */
#define CONTENDERS_MAX (WEIR_KERNELS_LEVELS + 1)

enum job { AEAD_128, AEAD_256, SRTP_SHA1, SRTP_128 };

static const char *const profile[] = { "AES_128_GCM", "AES_256_GCM", "AES_CM_128_HMAC_SHA1_80",
                                       "AEAD_AES_128_GCM" };

struct contender {
    const char *provider, *cpu;
    bool is_evp;
    struct weir_crypto table;
    struct weir_aead key;
    struct weir_srtp tx, rx;
    double seal_ns[ROUNDS], open_ns[ROUNDS];
};

static struct contender contender[CONTENDERS_MAX];
static unsigned contenders;
static uint8_t packet[BATCH][PACKET_BYTES_MAX];
static uint16_t seq;

static void die(const char *what)
{
    fprintf(stderr, "weir-bench-aead: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* -- Contenders -------------------------------------------------------------------------------- */

static void add_contenders(void)
{
    for (unsigned l = 0; l <= (unsigned)weir_kernels_best(); l++) {
        struct contender *c = &contender[contenders++];
        weir_crypto_provider(&c->table);
        c->provider = c->table.name;
        weir_kernels_select(&c->table, (enum weir_kernels_level)l);
        c->cpu = weir_kernels_name((enum weir_kernels_level)l);
    }
#ifdef WEIR_BENCH_EVP
    struct contender *c = &contender[contenders++];
    c->provider = bench_evp_name();
    c->cpu = "evp";
    c->is_evp = true;
#endif
}

static bool is_srtp(enum job j)
{
    return j == SRTP_SHA1 || j == SRTP_128;
}

static void prepare(struct contender *c, enum job j)
{
    static const uint8_t key[32] = { 1, 2, 3 }, salt[14] = { 4, 5, 6 };
    bool is_ready;
    if (is_srtp(j)) {
        enum weir_srtp_profile p = j == SRTP_SHA1 ? WEIR_SRTP_AES128_CM_SHA1_80
                                                  : WEIR_SRTP_AEAD_AES_128_GCM;
        is_ready = weir_srtp_init(&c->tx, &c->table, p, key, salt)
                   && weir_srtp_init(&c->rx, &c->table, p, key, salt);
    } else if (c->is_evp) {
#ifdef WEIR_BENCH_EVP
        is_ready = bench_evp_init(j == AEAD_128 ? WEIR_AES_128_GCM : WEIR_AES_256_GCM, key);
#else
        is_ready = false;
#endif
    } else {
        is_ready = c->table.aead_init(&c->key, j == AEAD_128 ? WEIR_AES_128_GCM : WEIR_AES_256_GCM, key);
    }
    if (!is_ready) {
        die("no key");
    }
}

/* -- One batch --------------------------------------------------------------------------------- */

/* Thirteen bytes, as a DTLS record has. */
static const uint8_t aad_bytes[13] = { 7, 8, 9 };

static bool seal_one(struct contender *c, uint8_t *p, size_t n, const uint8_t nonce[12])
{
    const struct weir_span aad = { aad_bytes, sizeof aad_bytes };
    const struct weir_mspan data = { p, n };
#ifdef WEIR_BENCH_EVP
    if (c->is_evp) {
        return bench_evp_seal(nonce, aad, data, p + n);
    }
#endif
    c->table.aead_seal(&c->key, nonce, aad, data, p + n);
    return true;
}

static bool open_one(struct contender *c, uint8_t *p, size_t n, const uint8_t nonce[12])
{
    const struct weir_span aad = { aad_bytes, sizeof aad_bytes };
    const struct weir_mspan data = { p, n };
#ifdef WEIR_BENCH_EVP
    if (c->is_evp) {
        return bench_evp_open(nonce, aad, data, p + n);
    }
#endif
    return c->table.aead_open(&c->key, nonce, aad, data, p + n);
}

static void run_aead(struct contender *c, size_t size, double *seal_ns, double *open_ns)
{
    bool is_good = true;
    uint8_t nonce[12] = { 0 };
    double begin = now_ns();
    for (uint8_t i = 0; i < BATCH; i++) {
        nonce[11] = i;
        is_good &= seal_one(c, packet[i], size, nonce);
    }
    double middle = now_ns();
    for (uint8_t i = 0; i < BATCH; i++) {
        nonce[11] = i;
        is_good &= open_one(c, packet[i], size, nonce);
    }
    double end = now_ns();
    if (!is_good) {
        die("a packet did not open");
    }
    *seal_ns += middle - begin;
    *open_ns += end - middle;
}

static void run_srtp(struct contender *c, size_t size, double *seal_ns, double *open_ns)
{
    bool is_good = true;
    struct weir_mspan sealed[BATCH];
    for (unsigned i = 0; i < BATCH; i++) {
        packet[i][0] = 0x80;
        weir_put16(packet[i] + 2, seq++);
    }
    double begin = now_ns();
    for (unsigned i = 0; i < BATCH; i++) {
        struct weir_mspan room = { packet[i], PACKET_BYTES_MAX };
        sealed[i] = (struct weir_mspan){ packet[i], size };
        is_good &= weir_srtp_seal(&c->tx, room, &sealed[i].n) == WEIR_SRTP_OK;
    }
    double middle = now_ns();
    for (unsigned i = 0; i < BATCH; i++) {
        is_good &= weir_srtp_open(&c->rx, &sealed[i]) == WEIR_SRTP_OK;
    }
    double end = now_ns();
    if (!is_good) {
        die("a packet did not open");
    }
    *seal_ns += middle - begin;
    *open_ns += end - middle;
}

/* -- Rounds ------------------------------------------------------------------------------------ */

static void print_row(const struct contender *c, const char *scenario, enum job j, size_t size, double ns)
{
    printf("{\"bench\":\"aead\",\"ver\":\"%s\",\"scenario\":\"%s\",\"profile\":\"%s\",\"provider\":\"%s\","
           "\"cpu\":\"%s\",\"size\":%zu,\"ns_per_packet\":%.1f,\"gbps\":%.2f}\n",
           VERSION, scenario, profile[j], c->provider, c->cpu, size, ns, (double)size * 8 / ns);
}

static void measure(enum job j, size_t size)
{
    for (unsigned i = 0; i < contenders; i++) {
        if (!is_srtp(j) || !contender[i].is_evp) {
            prepare(&contender[i], j);
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < contenders; i++) {
            struct contender *c = &contender[i];
            c->seal_ns[round] = c->open_ns[round] = 0;
            for (unsigned b = 0; b < BATCHES; b++) {
                if (!is_srtp(j)) {
                    run_aead(c, size, &c->seal_ns[round], &c->open_ns[round]);
                } else if (!c->is_evp) {
                    run_srtp(c, size, &c->seal_ns[round], &c->open_ns[round]);
                }
            }
        }
    }
    for (unsigned i = 0; i < contenders; i++) {
        struct contender *c = &contender[i];
        if (is_srtp(j) && c->is_evp) {
            continue;
        }
        qsort(c->seal_ns, ROUNDS, sizeof c->seal_ns[0], compare_double);
        qsort(c->open_ns, ROUNDS, sizeof c->open_ns[0], compare_double);
        const double packets = (double)BATCH * BATCHES;
        print_row(c, is_srtp(j) ? "protect" : "seal", j, size, c->seal_ns[ROUNDS / 2] / packets);
        print_row(c, is_srtp(j) ? "unprotect" : "open", j, size, c->open_ns[ROUNDS / 2] / packets);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 1200;
    if (argc > 2 || size < 12 || size > PACKET_BYTES_MAX - WEIR_TAG_BYTES) {
        fputs("usage: weir-bench-aead [bytes per packet, 12 to 1484]\n", stderr);
        return 2;
    }
    add_contenders();
    measure(AEAD_128, size);
    measure(AEAD_256, size);
    measure(SRTP_SHA1, size);
    measure(SRTP_128, size);
    return 0;
}
