/* DTLS 1.3 with NSS, the library of Firefox: both roles, every suite, groups with and without a retry,
 * cookies, new keys, short headers, loss, small datagrams; and 1.2 where one side has nothing newer.
 *
 * The other side is test/dtls/nss_peer.c. It is skipped, saying so, when libnss3 was not there to build
 * it. */
#include "test/dtls/dtls_interop.h"

static char peer[] = WEIR_BUILD_DIR "/test/nss_peer";
static char env[] = "env";
/* Firefox brings its own NSS, which is newer than that of many systems. */
static char library_path[] = "LD_LIBRARY_PATH=/usr/lib/firefox-esr:/usr/lib/firefox";

#define NSS env, library_path, peer

/* Older versions of NSS speak a draft under another version number: see what the hello says. */
static bool speaks_final_13(void)
{
    static const uint8_t versions[] = { 0, EXTENSION_SUPPORTED_VERSIONS, 0, 3, 2, 0xfe, 0xfc };
    char port_text[8], client[] = "client", thirteen[] = "13";
    char *argv[] = { NSS, client, port_text, thirteen, thirteen, NULL };
    struct program *p = malloc(sizeof *p);
    uint8_t hello[2048];
    uint16_t port;
    bool is_found = false;
    int fd = open_socket(&port);
    assert_non_null(p);
    snprintf(port_text, sizeof port_text, "%u", port);
    program_start(p, argv);
    struct pollfd wait = { fd, POLLIN, 0 };
    poll(&wait, 1, 10000);
    ssize_t n = recv(fd, hello, sizeof hello, MSG_DONTWAIT);
    for (ssize_t i = 0; i + (ssize_t)sizeof versions <= n; i++) {
        is_found = is_found || memcmp(hello + i, versions, sizeof versions) == 0;
    }
    program_stop(p);
    free(p);
    close(fd);
    return is_found;
}

static void need_nss(void)
{
    if (access(peer, X_OK) != 0) {
        print_message("nss_peer is not built: skipped\n");
        skip();
    }
    if (!speaks_final_13()) {
        print_message("NSS is too old, it speaks a draft of DTLS 1.3: skipped\n");
        skip();
    }
}

#define NSS_SERVER NSS, "server", "%P"
#define NSS_CLIENT NSS, "client", "%P"
#define NSS_KEY "Keying material: "
#define AES_128 "TLS_AES_128_GCM_SHA256"
#define AES_256 "TLS_AES_256_GCM_SHA384"
#define CHACHA "TLS_CHACHA20_POLY1305_SHA256"
#define AES_128_12 "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
#define ROW(what, client, program, suite_name, profile, version_name, ...)                          \
    { .with.name = what, .with.is_client = client, .with.argv = program, .with.key_mark = NSS_KEY,  \
      .with.suite = suite_name, .with.srtp = profile, .version = version_name, __VA_ARGS__ }
#define ARGS(...) { __VA_ARGS__ }

/* What a peer that sends a share of the hybrid agrees on with us. */
static const char *hybrid_or(const char *otherwise)
{
    return weir_crypto_default()->kem_keygen != NULL ? "group 4588" : otherwise;
}

static void nss_as_server(void **state)
{
    (void)state;
    need_nss();
    static const struct interop_more row[] = {
        ROW("1.3", true, ARGS(NSS_SERVER, "13", "13"), AES_128, 1, "DTLS 1.3", .mtu = 0),
        ROW("both", true, ARGS(NSS_SERVER, "12", "13"), AES_128, 1, "DTLS 1.3", .mtu = 0),
        ROW("1.2 alone", true, ARGS(NSS_SERVER, "12", "12"), AES_128_12, 1, "DTLS 1.2", .mtu = 0),
        ROW("AES-256", true, ARGS(NSS_SERVER, "13", "13", "suite=1302"), AES_256, 1, "DTLS 1.3",
            .mtu = 0),
        ROW("ChaCha20", true, ARGS(NSS_SERVER, "13", "13", "suite=1303"), CHACHA, 1,
            "DTLS 1.3", .mtu = 0),
        ROW("P-256", true, ARGS(NSS_SERVER, "13", "13", "groups=17"), AES_128, 1, "DTLS 1.3",
            .group = "group 23"),
        ROW("P-384, with a retry", true, ARGS(NSS_SERVER, "13", "13", "groups=18"), AES_128, 1,
            "DTLS 1.3", .group = "group 24"),
        ROW("cookie", true, ARGS(NSS_SERVER, "13", "13", "cookie"), AES_128, 1, "DTLS 1.3", .mtu = 0),
        ROW("the post-quantum group, too", true, ARGS(NSS_SERVER, "13", "13", "groups=11ec,1d"), AES_128,
            1, "DTLS 1.3", .group = "group 29"),
        ROW("cookie and P-384", true, ARGS(NSS_SERVER, "13", "13", "cookie", "groups=18"), AES_128, 1,
            "DTLS 1.3", .group = "group 24"),
        ROW("no certificate asked for", true, ARGS(NSS_SERVER, "13", "13", "noauth"), AES_128, 1,
            "DTLS 1.3", .mtu = 0),
        ROW("new keys", true, ARGS(NSS_SERVER, "13", "13", "update"), AES_128, 1, "DTLS 1.3", .epoch = 4),
        ROW("short headers", true, ARGS(NSS_SERVER, "13", "13", "short"), AES_128, 1, "DTLS 1.3",
            .mtu = 0),
        ROW("an RSA certificate of ours", true, ARGS(NSS_SERVER, "13", "13"), AES_128, 1, "DTLS 1.3",
            .is_ours_rsa = true),
        ROW("small datagrams", true, ARGS(NSS_SERVER, "13", "13"), AES_128, 1, "DTLS 1.3", .mtu = 200),
        ROW("loss", true, ARGS(NSS_SERVER, "13", "13"), AES_128, 1, "DTLS 1.3", .with.lose = 2),
        ROW("loss, small datagrams", true, ARGS(NSS_SERVER, "13", "13"), AES_128, 1, "DTLS 1.3",
            .mtu = 200, .with.lose = 3),
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        run_more(&row[i]);
    }
}

static void nss_as_client(void **state)
{
    (void)state;
    need_nss();
    const struct interop_more row[] = {
        ROW("1.3", false, ARGS(NSS_CLIENT, "13", "13"), AES_128, 1, "DTLS 1.3", .mtu = 0),
        ROW("both", false, ARGS(NSS_CLIENT, "12", "13"), AES_128, 1, "DTLS 1.3", .mtu = 0),
        ROW("1.2 alone", false, ARGS(NSS_CLIENT, "12", "12"), AES_128_12, 1, "DTLS 1.2", .mtu = 0),
        ROW("AES-256", false, ARGS(NSS_CLIENT, "13", "13", "suite=1302"), AES_256, 1, "DTLS 1.3",
            .mtu = 0),
        ROW("ChaCha20", false, ARGS(NSS_CLIENT, "13", "13", "suite=1303"), CHACHA, 1,
            "DTLS 1.3", .mtu = 0),
        ROW("P-256", false, ARGS(NSS_CLIENT, "13", "13", "groups=17"), AES_128, 1, "DTLS 1.3",
            .group = "group 23"),
        ROW("P-384", false, ARGS(NSS_CLIENT, "13", "13", "groups=18"), AES_128, 1, "DTLS 1.3",
            .group = "group 24"),
        ROW("P-521 first, with a retry", false, ARGS(NSS_CLIENT, "13", "13", "groups=19,1d"), AES_128,
            1, "DTLS 1.3", .group = "group 29"),
        ROW("the post-quantum group and X25519", false,
            ARGS(NSS_CLIENT, "13", "13", "groups=11ec,1d", "shares=2"), AES_128, 1, "DTLS 1.3",
            .group = hybrid_or("group 29")),
        ROW("the post-quantum group, with a retry where we lack it", false, ARGS(NSS_CLIENT, "13", "13"),
            AES_128, 1, "DTLS 1.3", .group = hybrid_or("group 29")),
        ROW("the post-quantum group, not as our first", false,
            ARGS(NSS_CLIENT, "13", "13", "groups=11ec,17", "shares=2"), AES_128, 1, "DTLS 1.3",
            .group = "group 23", .first_group = WEIR_P256),
        ROW("two shares", false, ARGS(NSS_CLIENT, "13", "13", "groups=19,17,1d", "shares=2"), AES_128,
            1, "DTLS 1.3", .group = "group 23"),
        ROW("new keys", false, ARGS(NSS_CLIENT, "13", "13", "update"), AES_128, 1, "DTLS 1.3",
            .epoch = 4),
        ROW("short headers", false, ARGS(NSS_CLIENT, "13", "13", "short"), AES_128, 1, "DTLS 1.3",
            .mtu = 0),
        ROW("an RSA certificate of ours", false, ARGS(NSS_CLIENT, "13", "13"), AES_128, 1, "DTLS 1.3",
            .is_ours_rsa = true),
        ROW("small datagrams", false, ARGS(NSS_CLIENT, "13", "13"), AES_128, 1, "DTLS 1.3", .mtu = 200),
        ROW("loss", false, ARGS(NSS_CLIENT, "13", "13"), AES_128, 1, "DTLS 1.3", .with.lose = 3),
        ROW("loss, small datagrams", false, ARGS(NSS_CLIENT, "13", "13"), AES_128, 1, "DTLS 1.3",
            .mtu = 200, .with.lose = 3),
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        run_more(&row[i]);
    }
}

static void nss_and_the_hybrid(void **state)
{
    (void)state;
    need_nss();
    if (weir_crypto_default()->kem_keygen == NULL) {
        skip(); /* the provider has no ML-KEM */
    }
    static const struct interop_more row[] = {
        ROW("our share at once", true, ARGS(NSS_SERVER, "13", "13", "groups=11ec,1d"), AES_128, 1, "DTLS 1.3",
            .group = "group 4588", .first_group = WEIR_DTLS_X25519MLKEM768),
        ROW("when asked for", true, ARGS(NSS_SERVER, "13", "13", "groups=11ec"), AES_128, 1, "DTLS 1.3",
            .group = "group 4588"),
        ROW("and a cookie", true, ARGS(NSS_SERVER, "13", "13", "cookie", "groups=11ec"), AES_128, 1, "DTLS 1.3",
            .group = "group 4588"),
        ROW("small datagrams", true, ARGS(NSS_SERVER, "13", "13", "groups=11ec"), AES_128, 1, "DTLS 1.3",
            .group = "group 4588", .mtu = 300, .with.lose = 5),
        ROW("theirs in small datagrams", false, ARGS(NSS_CLIENT, "13", "13", "groups=11ec"), AES_128, 1,
            "DTLS 1.3", .group = "group 4588", .mtu = 300, .with.lose = 5),
        ROW("asked for by us", false, ARGS(NSS_CLIENT, "13", "13", "groups=1d,11ec", "shares=1"), AES_128, 1,
            "DTLS 1.3", .group = "group 29"),
        ROW("with 1.2 there is none", true, ARGS(NSS_SERVER, "12", "12"), AES_128_12, 1, "DTLS 1.2",
            .first_group = WEIR_DTLS_X25519MLKEM768),
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        run_more(&row[i]);
    }
}

/* -- Sessions ------------------------------------------------------------------------------------ */

static const char *line_mark;

static bool has_line(struct end *e, struct program *p)
{
    const char *at = strstr(p->text, line_mark);
    (void)e;
    return at != NULL && strchr(at, '\n') != NULL;
}

/* One of several connections with the same program. */
static void connect_again(struct end *e, struct program *p, const struct interop *t,
                          const struct weir_dtls_config *c, bool is_resumed)
{
    memset(&e->d, 0, sizeof e->d);
    e->is_connected = e->is_failed = false;
    e->got_bytes = 0;
    weir_arena_init(&e->arena, &e->block, sizeof e->block, 1);
    weir_dtls_init(&e->d, c, clock_now());
    assert_int_equal(weir_dtls_start(&e->d, clock_now()), WEIR_OK);
    end_drain(e);
    if (!until(e, p, is_settled) || !e->is_connected) {
        fprintf(stderr, "%s\n", p->text);
        fail_msg("%s: %s, step %u, verdict %s", t->name, weir_dtls_state_name(e->d.state), e->d.step,
                 weir_dtls_verdict_name(e->last.verdict));
    }
    check_key(t, e, p);
    line_mark = is_resumed ? "resumed 1" : "resumed 0";
    if (weir_dtls_is_resumed(&e->d) != is_resumed || !until(e, p, has_line)) {
        fail_msg("%s: ticket %s\n%s", t->name, weir_dtls_ticket_name(weir_dtls_ticket(&e->d)), p->text);
    }
    check_data(t, e, p);
}

/* Four connections, one after the other: in full, twice resumed, and with a session that is not to be used. */
static void resume_with(const struct interop *t, uint16_t suite, bool requires_cookie)
{
    struct end *e = calloc(1, sizeof *e);
    struct program *p = malloc(sizeof *p);
    struct weir_dtls_session session;
    uint16_t port, ours;
    uint8_t late[2048];
    int fd = open_socket(&port);
    assert_non_null(e);
    assert_non_null(p);
    struct sockaddr_in there = loopback(port);
    close(fd);
    fd = open_socket(&ours);
    if (t->is_client) {
        assert_int_equal(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
    } else {
        /* A port that was asked for by number stays when the socket is free for another peer. */
        close(fd);
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&there, sizeof there), 0);
    }
    case_program(p, t, port);
    end_open(e, t, fd, p, 0);
    struct weir_dtls_config c = e->config;
    c.tickets = WEIR_DTLS_TICKETS_ALL;
    c.ticket_keys = 1;
    c.utc_s = 1790000000;
    c.suites = 1;
    c.suite[0] = suite;
    c.requires_cookie = requires_cookie;
    for (unsigned i = 0; i < 4; i++) {
        weir_put64(c.seed, clock_now());
        c.ticket_key[0][0] = i == 3 ? 1 : 0;
        c.session = t->is_client && i % 3 != 0 ? &session : NULL;
        connect_again(e, p, t, &c, i % 3 != 0);
        if (t->is_client) {
            assert_true(weir_dtls_take_session(&e->d, &session));
            assert_true(session.ticket_bytes > 100);
        }
        weir_dtls_close(&e->d, clock_now());
        end_drain(e);
        line_mark = "closed";
        assert_true(until(e, p, has_line));
        p->n = 0;
        p->text[0] = '\0';
        while (recv(fd, late, sizeof late, MSG_DONTWAIT) >= 0) { /* its good-bye */
        }
        if (!t->is_client) {
            const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
            assert_int_equal(connect(fd, &nobody, sizeof nobody), 0);
        }
        assert_int_equal(i == 3 ? 1 : write(p->in, "!", 1), 1);
    }
    program_stop(p);
    close(fd);
    free(e);
    free(p);
}

static void nss_resumes_sessions(void **state)
{
    (void)state;
    need_nss();
    static const struct interop server = { .name = "its tickets", .is_client = true, .key_mark = NSS_KEY,
                                           .argv = { NSS_SERVER, "13", "13", "again=4" } };
    static const struct interop client = { .name = "our tickets", .is_client = false, .key_mark = NSS_KEY,
                                           .argv = { NSS_CLIENT, "13", "13", "again=4" } };
    static const struct interop cookie = { .name = "its tickets and cookie", .is_client = true,
                                           .key_mark = NSS_KEY,
                                           .argv = { NSS_SERVER, "13", "13", "again=4", "cookie" } };
    for (uint16_t suite = 0x1301; suite <= 0x1303; suite++) {
        resume_with(&server, suite, false);
        resume_with(&client, suite, false);
        resume_with(&client, suite, true);
    }
    resume_with(&cookie, 0x1301, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nss_as_server),
        cmocka_unit_test(nss_as_client),
        cmocka_unit_test(nss_and_the_hybrid),
        cmocka_unit_test(nss_resumes_sessions),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
