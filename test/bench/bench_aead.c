/* What protecting one packet costs.
 *
 * Every contender - the provider alone, the kernels of each level over it, the rivals this build has -
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
#include "test/bench/bench.h"
#include "test/bench/rival.h"

#define BATCH 16
#define PACKET_BYTES_MAX 1500
#define ROUNDS 15
#define BATCHES 150 /* of each contender in each round */
#define CONTENDERS_MAX (WEIR_KERNELS_LEVELS + 3)

enum job { AEAD_128, AEAD_256, SRTP_SHA1, SRTP_128 };

static const char *const profile[] = { "AES_128_GCM", "AES_256_GCM", "AES_CM_128_HMAC_SHA1_80",
                                       "AEAD_AES_128_GCM" };

struct contender {
    const char *name, *provider, *cpu;
    const struct rival_aead *aead; /* NULL: ours */
    const struct rival_srtp *srtp;
    struct weir_crypto table;
    struct weir_aead key;
    struct weir_srtp tx, rx;
    double seal_ns[ROUNDS], open_ns[ROUNDS];
};

static struct contender contender[CONTENDERS_MAX];
static unsigned contenders;
static uint8_t packet[BATCH][PACKET_BYTES_MAX];
static uint16_t seq;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* -- Contenders -------------------------------------------------------------------------------- */

static struct contender *add_provider(void)
{
    struct contender *c = &contender[contenders++];
    weir_crypto_provider(&c->table);
    c->name = "weir";
    c->provider = c->table.name;
    c->cpu = "provider";
    return c;
}

static void add_ours(void)
{
    (void)add_provider();
    for (unsigned l = 0; l <= (unsigned)weir_kernels_best(); l++) {
        struct contender *c = add_provider();
        weir_kernels_select(&c->table, (enum weir_kernels_level)l);
        c->cpu = weir_kernels_name((enum weir_kernels_level)l);
    }
}

static void add_rival(const char *name, const char *version, const struct rival_aead *aead,
                      const struct rival_srtp *srtp)
{
    contender[contenders++] = (struct contender){ .name = name, .provider = version, .cpu = "its own",
                                                  .aead = aead, .srtp = srtp };
}

static bool is_srtp(enum job j)
{
    return j == SRTP_SHA1 || j == SRTP_128;
}

static void prepare(struct contender *c, enum job j)
{
    static const uint8_t key[46] = { 1, 2, 3 }; /* and salt */
    enum weir_srtp_profile p = j == SRTP_SHA1 ? WEIR_SRTP_AES128_CM_SHA1_80
                                              : WEIR_SRTP_AEAD_AES_128_GCM;
    enum weir_aead_id id = j == AEAD_128 ? WEIR_AES_128_GCM : WEIR_AES_256_GCM;
    bool is_ready;
    if (c->srtp != NULL) {
        is_ready = c->srtp->init(p, key);
    } else if (c->aead != NULL) {
        is_ready = c->aead->init(id, key);
    } else if (is_srtp(j)) {
        is_ready = weir_srtp_init(&c->tx, &c->table, p, key, key + 16)
                   && weir_srtp_init(&c->rx, &c->table, p, key, key + 16);
    } else {
        is_ready = c->table.aead_init(&c->key, id, key);
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
    if (c->aead != NULL) {
        return c->aead->seal(nonce, aad, data, p + n);
    }
    c->table.aead_seal(&c->key, nonce, aad, data, p + n);
    return true;
}

static bool open_one(struct contender *c, uint8_t *p, size_t n, const uint8_t nonce[12])
{
    const struct weir_span aad = { aad_bytes, sizeof aad_bytes };
    const struct weir_mspan data = { p, n };
    if (c->aead != NULL) {
        return c->aead->open(nonce, aad, data, p + n);
    }
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

static bool protect_one(struct contender *c, uint8_t *p, size_t *n)
{
    if (c->srtp != NULL) {
        return c->srtp->protect(p, n);
    }
    return weir_srtp_seal(&c->tx, (struct weir_mspan){ p, PACKET_BYTES_MAX }, n) == WEIR_SRTP_OK;
}

static bool unprotect_one(struct contender *c, struct weir_mspan *packet_of)
{
    if (c->srtp != NULL) {
        return c->srtp->unprotect(packet_of->p, &packet_of->n);
    }
    return weir_srtp_open(&c->rx, packet_of) == WEIR_SRTP_OK;
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
        sealed[i] = (struct weir_mspan){ packet[i], size };
        is_good &= protect_one(c, packet[i], &sealed[i].n);
    }
    double middle = now_ns();
    for (unsigned i = 0; i < BATCH; i++) {
        is_good &= unprotect_one(c, &sealed[i]);
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
    printf("{\"bench\":\"%s\",\"ver\":\"%s\",\"scenario\":\"%s\",\"procs\":1,\"cpu_pct\":100.0,"
           "\"profile\":\"%s\",\"provider\":\"%s\",\"cpu\":\"%s\",\"size\":%zu,"
           "\"ns_per_packet\":%.1f,\"gbps\":%.2f,\"pps\":%.0f}\n",
           c->name, VERSION, scenario, profile[j], c->provider, c->cpu, size, ns,
           (double)size * 8 / ns, 1e9 / ns);
}

static bool takes_part(const struct contender *c, enum job j)
{
    return is_srtp(j) ? c->aead == NULL : c->srtp == NULL;
}

static void run_round(enum job j, size_t size, unsigned round)
{
    for (unsigned i = 0; i < contenders; i++) {
        struct contender *c = &contender[i];
        c->seal_ns[round] = c->open_ns[round] = 0;
        for (unsigned b = 0; takes_part(c, j) && b < BATCHES; b++) {
            if (is_srtp(j)) {
                run_srtp(c, size, &c->seal_ns[round], &c->open_ns[round]);
            } else {
                run_aead(c, size, &c->seal_ns[round], &c->open_ns[round]);
            }
        }
    }
}

static void measure(enum job j, size_t size)
{
    const double packets = (double)BATCH * BATCHES;
    for (unsigned i = 0; i < contenders; i++) {
        if (takes_part(&contender[i], j)) {
            prepare(&contender[i], j);
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        run_round(j, size, round);
    }
    for (unsigned i = 0; i < contenders; i++) {
        struct contender *c = &contender[i];
        if (takes_part(c, j)) {
            double seal = quantile(c->seal_ns, ROUNDS, 0.5) / packets;
            double open = quantile(c->open_ns, ROUNDS, 0.5) / packets;
            print_row(c, is_srtp(j) ? "protect" : "seal", j, size, seal);
            print_row(c, is_srtp(j) ? "unprotect" : "open", j, size, open);
        }
    }
    fflush(stdout);
}

static void begin(void)
{
    const struct rival_aead *evp = rival_evp();
    const struct rival_srtp *libsrtp = rival_libsrtp();
    contenders = 0;
    add_ours();
    if (evp != NULL) {
        add_rival("openssl", evp->version(), evp, NULL);
    }
    if (libsrtp != NULL) {
        add_rival("libsrtp2", libsrtp->version(), NULL, libsrtp);
    }
}

void bench_aead(size_t size)
{
    begin();
    measure(AEAD_128, size);
    measure(AEAD_256, size);
}

void bench_srtp(size_t size)
{
    begin();
    measure(SRTP_SHA1, size);
    measure(SRTP_128, size);
}
