/* What a DTLS handshake costs each side, in memory: no sockets, no waiting, datagrams handed across. The
 * public-key operations of the provider are timed by themselves beside it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <time.h>

#include "dtls/dtls.h"
#include "test/bench/bench.h"
#include "test/bench/rival.h"

enum { HANDSHAKES = 101, CLIENT = 0, SERVER = 1 };

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* With `session` a connection like the one that it is of; and it gets that of this one. */
static struct weir_arena handshakes;

static void begin(struct weir_dtls *d, bool is_client, const struct weir_identity *own,
                  const struct weir_identity *peer, uint8_t version, uint8_t number,
                  const struct weir_dtls_session *session)
{
    struct weir_dtls_config c = { .crypto = weir_crypto_default(), .identity = own,
                                  .handshakes = &handshakes,
                                  .is_client = is_client, .fingerprints = 1, .srtp_profiles = 1,
                                  .version_min = version, .version_max = version,
                                  .srtp_profile = { WEIR_DTLS_SRTP_AEAD_AES_128_GCM } };
    c.fingerprint[0].hash = WEIR_SHA256;
    memcpy(c.fingerprint[0].bytes, peer->fingerprint_sha256, 32);
    c.seed[0] = number;
    c.seed[1] = is_client;
    c.tickets = session != NULL ? WEIR_DTLS_TICKETS_ASKED : WEIR_DTLS_TICKETS_OFF;
    c.ticket_keys = 1;
    c.session = session != NULL && session->ticket_bytes != 0 ? session : NULL;
    weir_dtls_init(d, &c, 0);
}

/* Everything one side has to send goes into the other. */
static bool pass_flight(struct weir_dtls *from, struct weir_dtls *to, double us[2], int sender)
{
    uint8_t datagram[4][1500];
    size_t n[4], count = 0;
    struct weir_span plain;
    double at = cpu_us();
    while (count < 4
           && (n[count] = weir_dtls_send(from, 0, (struct weir_mspan){ datagram[count], 1500 })) != 0) {
        count++;
    }
    double middle = cpu_us();
    for (size_t i = 0; i < count; i++) {
        struct weir_mspan d = { datagram[i], n[i] };
        while (d.n != 0) {
            (void)weir_dtls_recv(to, 0, &d, &plain);
        }
    }
    us[sender] += middle - at;
    us[1 - sender] += cpu_us() - middle;
    return count != 0;
}

static void shake_hands(const struct weir_identity identity[2], uint8_t version, uint8_t number,
                        struct weir_dtls_session *session, double us[2])
{
    static struct weir_dtls end[2];
    static struct weir_dtls_handshake block[2];
    weir_arena_init(&handshakes, block, sizeof block[0], 2);
    us[CLIENT] = us[SERVER] = 0;
    begin(&end[CLIENT], true, &identity[CLIENT], &identity[SERVER], version, number, session);
    begin(&end[SERVER], false, &identity[SERVER], &identity[CLIENT], version, number, session);
    double at = cpu_us();
    if (weir_dtls_start(&end[CLIENT], 0) != WEIR_OK) {
        die("no handshake");
    }
    us[CLIENT] += cpu_us() - at;
    for (int i = 0; i < 20; i++) {
        bool moved = pass_flight(&end[CLIENT], &end[SERVER], us, CLIENT);
        moved |= pass_flight(&end[SERVER], &end[CLIENT], us, SERVER);
        if (!moved) {
            break;
        }
    }
    if (weir_dtls_state(&end[CLIENT]) != WEIR_DTLS_CONNECTED
        || weir_dtls_state(&end[SERVER]) != WEIR_DTLS_CONNECTED) {
        die("the handshake did not end");
    }
    if (session != NULL
        && (weir_dtls_is_resumed(&end[SERVER]) != (session->ticket_bytes != 0)
            || !weir_dtls_take_session(&end[CLIENT], session))) {
        die("no session was resumed, or none was given");
    }
    weir_dtls_deinit(&end[CLIENT]);
    weir_dtls_deinit(&end[SERVER]);
}

static void print_row(const char *name, const char *provider, const char *profile, const char *side,
                      double us)
{
    printf("{\"bench\":\"%s\",\"ver\":\"%s\",\"scenario\":\"handshake\",\"procs\":1,\"cpu_pct\":100.0,"
           "\"provider\":\"%s\",\"profile\":\"%s\",\"side\":\"%s\",\"us_per_side\":%.1f}\n", name,
           VERSION, provider, profile, side, us);
}

/* Sign, verify, make a key, agree: what one side does once in a handshake. */
static double public_key_us(const struct weir_crypto *c, const struct weir_identity *identity)
{
    uint8_t digest[32] = { 1 }, sig[WEIR_SIGNATURE_MAX], priv[WEIR_GROUP_PRIVATE_MAX];
    uint8_t pub[WEIR_GROUP_PUBLIC_MAX], shared[WEIR_GROUP_SHARED_MAX];
    struct weir_rand rand;
    struct weir_pubkey key;
    size_t n = 0;
    double us[HANDSHAKES];
    bool is_good = c->cert_pubkey(weir_span_of(identity->cert, identity->cert_bytes), &key);
    weir_rand_init_number(&rand, 5);
    for (int i = 0; i < HANDSHAKES; i++) {
        double at = cpu_us();
        is_good &= c->identity_sign(identity, &rand, WEIR_ECDSA_P256_SHA256, digest, sig, &n)
                   && c->verify(&key, WEIR_ECDSA_P256_SHA256, weir_span_of(digest, 32),
                                weir_span_of(sig, n))
                   && c->ecdh_keygen(WEIR_X25519, &rand, priv, pub)
                   && c->ecdh_shared(WEIR_X25519, &rand, priv, weir_span_of(pub, 32), shared);
        us[i] = cpu_us() - at;
    }
    if (!is_good) {
        die("the provider's public-key calls fail");
    }
    return quantile(us, HANDSHAKES, 0.5);
}

void bench_dtls(void)
{
    static struct weir_identity identity[2];
    static double us12[2][HANDSHAKES], us13[2][HANDSHAKES], again[2][HANDSHAKES], rival[2][HANDSHAKES];
    static struct weir_dtls_session session;
    static const char *const side[] = { "client", "server" };
    const struct weir_crypto *c = weir_crypto_default();
    const struct rival_dtls *openssl = rival_openssl_dtls();
    struct weir_rand rand;
    weir_rand_init_number(&rand, 4);
    for (int i = 0; i < 2; i++) {
        if (!c->identity_make(&identity[i], &rand, 1700000000, 2000000000)) {
            die("no identity");
        }
    }
    double first[2];
    shake_hands(identity, WEIR_DTLS_1_3, 0, &session, first);
    for (int i = 0; i < HANDSHAKES; i++) {
        double us[4][2] = { 0 };
        shake_hands(identity, WEIR_DTLS_1_2, (uint8_t)i, NULL, us[0]);
        shake_hands(identity, WEIR_DTLS_1_3, (uint8_t)i, NULL, us[1]);
        shake_hands(identity, WEIR_DTLS_1_3, (uint8_t)i, &session, us[3]);
        if (openssl != NULL && !openssl->shake_hands(us[2])) {
            die("the rival's handshake failed");
        }
        for (int k = 0; k < 2; k++) {
            us12[k][i] = us[0][k];
            us13[k][i] = us[1][k];
            again[k][i] = us[3][k];
            rival[k][i] = us[2][k];
        }
    }
    for (int k = 0; k < 2; k++) {
        print_row("weir", c->name, "DTLS 1.2", side[k], quantile(us12[k], HANDSHAKES, 0.5));
        print_row("weir", c->name, "DTLS 1.3", side[k], quantile(us13[k], HANDSHAKES, 0.5));
        print_row("weir", c->name, "DTLS 1.3, resumed", side[k], quantile(again[k], HANDSHAKES, 0.5));
        if (openssl != NULL) {
            print_row("openssl", openssl->version(), "DTLS 1.2", side[k],
                      quantile(rival[k], HANDSHAKES, 0.5));
        }
    }
    print_row("weir", c->name, "none", "public-key operations alone", public_key_us(c, identity));
    fflush(stdout);
}
