/* A handshake over loopback UDP with another implementation, which is a program of its own: keys exported
 * by both sides are the same, and data goes both ways. Included by the tests with OpenSSL, GnuTLS and
 * NSS; everything is static. */
#ifndef WEIR_TEST_DTLS_INTEROP_H
#define WEIR_TEST_DTLS_INTEROP_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dtls/dtls_int.h"
#include "test/support/support.h"

static char dir[256]; /* certificates made for this run */

/* -- The other program ------------------------------------------------------------------------- */

struct program {
    pid_t pid;
    int in, out;
    char text[65536];
    size_t n;
};

static inline void program_start(struct program *p, char *const argv[])
{
    int in[2], out[2];
    memset(p, 0, sizeof *p);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        for (int fd = 3; fd < 64; fd++) {
            close(fd);
        }
        execvp(argv[0], argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    p->in = in[1];
    p->out = out[0];
    fcntl(p->out, F_SETFL, O_NONBLOCK);
}

static inline void program_read(struct program *p)
{
    ssize_t n;
    while (p->n < sizeof p->text - 1
           && (n = read(p->out, p->text + p->n, sizeof p->text - 1 - p->n)) > 0) {
        p->n += (size_t)n;
        p->text[p->n] = '\0';
    }
}

static inline void program_stop(struct program *p)
{
    kill(p->pid, SIGTERM);
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    close(p->in);
    close(p->out);
}

static inline bool has_program(const char *name)
{
    char command[64];
    snprintf(command, sizeof command, "command -v %s >/dev/null", name);
    if (system(command) == 0) {
        return true;
    }
    print_message("%s is not installed: skipped\n", name);
    return false;
}

/* -- Our end ----------------------------------------------------------------------------------- */

struct end {
    struct weir_dtls d;
    struct weir_dtls_config config; /* that it was made with */
    struct weir_arena arena;
    struct weir_dtls_handshake block;
    int fd;
    bool is_connected, is_failed;
    struct weir_dtls_event last;
    char got[4096];
    size_t got_bytes;
    unsigned lose; /* about one datagram of ours in so many is not sent, never two in a row; 0: none */
    uint32_t chance;
    bool is_lost;
};

/* Not every so many: a flight of so many would lose the same one each time that it is repeated. */
static inline bool loses(struct end *e)
{
    e->chance = e->chance * 1103515245u + 12345u;
    e->is_lost = e->lose != 0 && !e->is_lost && (e->chance >> 16) % e->lose == 0;
    return e->is_lost;
}

static inline weir_time clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (weir_time)t.tv_sec * WEIR_SEC + (weir_time)t.tv_nsec / 1000;
}

static inline struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

/* A socket on a port that the system chose. */
static inline int open_socket(uint16_t *port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static inline void end_drain(struct end *e)
{
    struct weir_dtls_event event;
    uint8_t out[1500];
    size_t n;
    while (weir_dtls_event(&e->d, &event)) {
        e->is_connected = e->is_connected || event.type == WEIR_DTLS_EVENT_CONNECTED;
        e->is_failed = e->is_failed || event.type == WEIR_DTLS_EVENT_FAILED;
        e->last = event;
    }
    while ((n = weir_dtls_send(&e->d, clock_now(), (struct weir_mspan){ out, sizeof out })) != 0) {
        if (!loses(e)) {
            (void)!send(e->fd, out, n, 0); /* refused until the other program listens */
        }
    }
}

static inline void end_hear(struct end *e)
{
    uint8_t in[2048];
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof from;
    ssize_t n = recvfrom(e->fd, in, sizeof in, MSG_DONTWAIT, (struct sockaddr *)&from, &from_bytes);
    if (n <= 0) {
        return;
    }
    if (!e->d.config.is_client) {
        (void)!connect(e->fd, (struct sockaddr *)&from, sizeof from);
    }
    struct weir_mspan datagram = { in, (size_t)n };
    while (datagram.n != 0) {
        struct weir_span plain;
        weir_dtls_recv(&e->d, clock_now(), &datagram, &plain);
        if (plain.n <= sizeof e->got - 1 - e->got_bytes) {
            weir_copy(e->got + e->got_bytes, plain.p, plain.n);
            e->got_bytes += plain.n;
            e->got[e->got_bytes] = '\0';
        }
    }
    end_drain(e);
}

/* One round of both: sockets, pipe, timers. */
static inline void turn(struct end *e, struct program *p)
{
    struct pollfd fds[2] = { { e->fd, POLLIN, 0 }, { p->out, POLLIN, 0 } };
    poll(fds, 2, 10);
    end_hear(e);
    program_read(p);
    weir_dtls_tick(&e->d, clock_now());
    end_drain(e);
}

static inline void end_say(struct end *e, const char *text)
{
    uint8_t out[1500];
    size_t head = weir_dtls_head_bytes(&e->d), len = strlen(text);
    memcpy(out + head, text, len);
    size_t n = weir_dtls_seal(&e->d, (struct weir_mspan){ out, sizeof out }, head, len);
    assert_true(n != 0);
    assert_int_equal(send(e->fd, out, n, 0), n);
}

/* -- A case ------------------------------------------------------------------------------------ */

struct interop {
    const char *name;
    bool is_client;       /* are we */
    const char *cert;     /* of the other side: a file below dir; NULL: it tells its own */
    char *argv[32];       /* %P: port, %C and %K: its certificate and key */
    const char
        *key_mark; /* what stands before the exported key in its output; NULL: it tells none */
    const char *suite;    /* "" : whatever */
    uint16_t srtp;
    unsigned lose;
    bool is_echo;         /* it says back what it hears, instead of what its user types */
};

/* What only some cases have. */
struct interop_more {
    struct interop with;
    const char *version;
    const char *group; /* in what the other side tells; NULL: whatever */
    uint16_t mtu;      /* of ours */
    bool is_ours_rsa;  /* we show the RSA certificate that was made for the other side */
    uint16_t first_group; /* that we prefer, before X25519; 0: as it comes */
    uint64_t epoch;    /* that both directions reach; 0: whatever */
};

static struct weir_identity identity, rsa_identity;

static inline void make_fingerprint(const char *cert, struct weir_dtls_fingerprint *f)
{
    char path[512];
    uint8_t der[4096];
    snprintf(path, sizeof path, "%s/%s.der", dir, cert);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct weir_span span = { der, fread(der, 1, sizeof der, file) };
    fclose(file);
    f->hash = WEIR_SHA256;
    weir_hash_of(weir_crypto_default(), WEIR_SHA256, &span, 1, f->bytes);
}

/* [Certificate: DER in hexadecimal] */
static inline void hear_fingerprint(struct program *p, struct weir_dtls_fingerprint *f)
{
    static const char mark[] = "Certificate: ";
    weir_time limit = clock_now() + 20 * WEIR_SEC;
    char *at, *end = NULL;
    while (((at = strstr(p->text, mark)) == NULL || (end = strchr(at, '\n')) == NULL)
           && clock_now() < limit) {
        struct pollfd fd = { p->out, POLLIN, 0 };
        poll(&fd, 1, 10);
        program_read(p);
    }
    uint8_t der[4096];
    assert_non_null(end);
    *end = '\0';
    struct weir_span span = { der, test_unhex(at + strlen(mark), der, sizeof der) };
    *end = '\n';
    f->hash = WEIR_SHA256;
    weir_hash_of(weir_crypto_default(), WEIR_SHA256, &span, 1, f->bytes);
}

static inline void end_open(struct end *e, const struct interop *t, int fd, struct program *p,
                            uint16_t mtu)
{
    struct weir_dtls_config c = {
        .crypto = weir_crypto_default(),
        .identity = &identity,
        .is_client = t->is_client,
        .fingerprints = 1,
        .srtp_profiles = 3,
        .srtp_profile = { WEIR_DTLS_SRTP_AEAD_AES_128_GCM, WEIR_DTLS_SRTP_AES128_CM_SHA1_80,
                          WEIR_DTLS_SRTP_AEAD_AES_256_GCM },
    };
    memset(e, 0, sizeof *e);
    c.mtu = mtu;
    if (t->cert != NULL) {
        make_fingerprint(t->cert, &c.fingerprint[0]);
    } else {
        hear_fingerprint(p, &c.fingerprint[0]);
    }
    weir_put64(c.seed, clock_now());
    e->fd = fd;
    e->lose = t->lose;
    weir_arena_init(&e->arena, &e->block, sizeof e->block, 1);
    c.handshakes = &e->arena;
    e->config = c;
    weir_dtls_init(&e->d, &c, clock_now());
}

/* Replace %P, %C, %K of an argument. */
static inline char *argument(const struct interop *t, const char *text, uint16_t port, char out[512])
{
    size_t n = 0;
    out[0] = '\0';
    for (; *text != '\0'; text++) {
        if (*text == '%' && text[1] == 'P') {
            n += (size_t)snprintf(out + n, 512 - n, "%u", port);
            text++;
        } else if (*text == '%' && (text[1] == 'C' || text[1] == 'K')) {
            n += (size_t)snprintf(out + n, 512 - n, "%s/%s.%s", dir, t->cert,
                                  text[1] == 'C' ? "pem" : "key");
            text++;
        } else {
            out[n++] = *text;
            out[n] = '\0';
        }
    }
    return out;
}

static inline void case_program(struct program *p, const struct interop *t, uint16_t port)
{
    static char text[32][512];
    static char buffer[] = "stdbuf", lines[] = "-oL"; /* or its output waits for a full buffer */
    char *argv[35] = { buffer, lines };
    for (unsigned i = 0; t->argv[i] != NULL; i++) {
        argv[2 + i] = argument(t, t->argv[i], port, text[i]);
    }
    program_start(p, argv);
}

static inline bool until(struct end *e, struct program *p, bool (*is_done)(struct end *, struct program *))
{
    weir_time limit = clock_now() + 20 * WEIR_SEC;
    while (!is_done(e, p) && clock_now() < limit) {
        turn(e, p);
    }
    return is_done(e, p);
}

static inline bool is_settled(struct end *e, struct program *p)
{
    (void)p;
    return e->is_connected || e->is_failed;
}

static inline bool has_both_said(struct end *e, struct program *p)
{
    return strstr(e->got, "hello from there") != NULL && strstr(p->text, "hello from weir") != NULL;
}

static inline bool was_echoed(struct end *e, struct program *p)
{
    (void)p;
    return strstr(e->got, "hello from weir") != NULL;
}

static const char *key_mark;

static inline bool has_key(struct end *e, struct program *p)
{
    const char *at = strstr(p->text, key_mark);
    (void)e;
    return at != NULL && strlen(at) > strlen(key_mark) + 120;
}

static inline void check_key(const struct interop *t, struct end *e, struct program *p)
{
    uint8_t ours[60], theirs[60];
    char text[121];
    key_mark = t->key_mark;
    if (key_mark == NULL) {
        return;
    }
    if (!until(e, p, has_key)) {
        fprintf(stderr, "%s\n", p->text);
        fail_msg("%s tells no key", t->name);
    }
    snprintf(text, sizeof text, "%.120s", strstr(p->text, t->key_mark) + strlen(t->key_mark));
    assert_int_equal(test_unhex(text, theirs, 60), 60);
    assert_int_equal(
        weir_dtls_export(&e->d, "EXTRACTOR-dtls_srtp", (struct weir_mspan){ ours, 60 }), WEIR_OK);
    test_assert_bytes(weir_span_of(ours, 60), weir_span_of(theirs, 60));
}

static inline void check_data(const struct interop *t, struct end *e, struct program *p)
{
    end_say(e, "hello from weir\n");
    if (!t->is_echo) {
        assert_int_equal(write(p->in, "hello from there\n", 17), 17);
    }
    if (!until(e, p, t->is_echo ? was_echoed : has_both_said)) {
        fprintf(stderr, "%s\n", p->text);
        fail_msg("%s: no data, we got: %s", t->name, e->got);
    }
}

static uint64_t wanted_epoch;

static inline bool has_new_keys(struct end *e, struct program *p)
{
    (void)p;
    return e->d.rx_epoch >= wanted_epoch && e->d.tx_epoch >= wanted_epoch;
}

static inline void run_more(const struct interop_more *more)
{
    const struct interop *t = &more->with;
    struct end *e = malloc(sizeof *e);
    struct program *p = malloc(sizeof *p);
    uint16_t port;
    int fd = open_socket(&port);
    assert_non_null(e);
    assert_non_null(p);
    if (t->is_client) {
        /* The other side gets the port that was free, and we another one. */
        close(fd);
        uint16_t ours;
        fd = open_socket(&ours);
        struct sockaddr_in to = loopback(port);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    }
    case_program(p, t, port);
    end_open(e, t, fd, p, more->mtu);
    if (more->is_ours_rsa) {
        e->d.config.identity = &rsa_identity;
    }
    if (more->first_group != 0) {
        const uint16_t list[3] = { more->first_group, WEIR_X25519, WEIR_P256 };
        plan_of(&e->d)->groups = 3;
        memcpy(plan_of(&e->d)->group, list, sizeof list);
    }
    assert_int_equal(weir_dtls_start(&e->d, clock_now()), WEIR_OK);
    end_drain(e);
    if (!until(e, p, is_settled) || !e->is_connected) {
        fprintf(stderr, "%s\n", p->text);
        fail_msg("%s: %s, step %u, verdict %s, plain alert %s", t->name,
                 weir_dtls_state_name(e->d.state), e->d.step,
                 weir_dtls_verdict_name(e->last.verdict), weir_dtls_alert_name(e->d.alert.plain));
    }
    if (t->suite[0] != '\0') {
        assert_string_equal(weir_dtls_suite_name(&e->d), t->suite);
    }
    if (weir_dtls_srtp(&e->d) != (enum weir_dtls_srtp_profile)t->srtp) {
        fail_msg("%s: SRTP profile %u", t->name, weir_dtls_srtp(&e->d));
    }
    assert_string_equal(weir_dtls_version_name(&e->d), more->version);
    check_key(t, e, p);
    if (more->group != NULL && strstr(p->text, more->group) == NULL) {
        fail_msg("%s: not %s in %s", t->name, more->group, p->text);
    }
    check_data(t, e, p);
    wanted_epoch = more->epoch; /* our own new key is used when the peer has acknowledged it */
    if (!until(e, p, has_new_keys)) {
        fail_msg("%s: epochs %llu in, %llu out", t->name, (unsigned long long)e->d.rx_epoch,
                 (unsigned long long)e->d.tx_epoch);
    }
    weir_dtls_close(&e->d, clock_now());
    end_drain(e);
    program_stop(p);
    close(fd);
    free(e);
    free(p);
}

static inline void run_case(const struct interop *t)
{
    struct interop_more more = { .with = *t, .version = "DTLS 1.2" };
    run_more(&more);
}

/* -- Certificates ------------------------------------------------------------------------------ */

static inline void shell(const char *format, ...)
{
    char command[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0) {
        fail_msg("failed: %s", command);
    }
}

static inline struct weir_span read_file(const char *name, uint8_t *room, size_t cap)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    struct weir_span span = { room, 0 };
    if (file != NULL) {
        span.n = fread(room, 1, cap, file);
        fclose(file);
    }
    return span;
}

static inline void load_rsa(void)
{
    static uint8_t cert[8192], key[8192];
    struct weir_rand rand;
    struct weir_span c = read_file("rsa.pem", cert, sizeof cert), k = read_file("rsa.key", key, sizeof key);
    weir_rand_init_number(&rand, 5);
    if (c.n != 0) {
        assert_true(weir_crypto_default()->identity_load(&rsa_identity, &rand, c, k));
    }
}

static inline int make_certificates(void **state)
{
    (void)state;
    static const char *const kind[][2] = {
        { "p256", "-newkey ec -pkeyopt ec_paramgen_curve:P-256" },
        { "p384", "-newkey ec -pkeyopt ec_paramgen_curve:P-384" },
        { "rsa", "-newkey rsa:2048" },
    };
    struct weir_rand rand;
    weir_rand_init_number(&rand, 4);
    assert_true(weir_crypto_default()->identity_make(&identity, &rand, 1500000000, 4000000000));
    snprintf(dir, sizeof dir, "/tmp/weir-dtls-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    for (size_t i = 0; i < 3 && system("command -v openssl >/dev/null") == 0; i++) {
        shell(
            "openssl req -x509 -nodes %s -keyout %s/%s.key -out %s/%s.pem -subj /CN=there -days 9 "
            "2>/dev/null && openssl x509 -in %s/%s.pem -outform der -out %s/%s.der",
            kind[i][1], dir, kind[i][0], dir, kind[i][0], dir, kind[i][0], dir, kind[i][0]);
    }
    load_rsa();
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static inline int remove_certificates(void **state)
{
    (void)state;
    shell("rm -rf %s", dir);
    return 0;
}

static inline void need(const char *program)
{
    if (!has_program("openssl") || !has_program(program)) {
        skip();
    }
}

#endif
