/* weir-dtls: one DTLS endpoint for scripts and auditors. It shakes hands, prints one line of JSON about
 * what was agreed, and then passes stdin and stdout, one record for each piece that it reads.
 *
 *   1. options and the socket; a server waits for the first datagram and belongs to its sender, who may
 *      move where connection ids were agreed
 *   2. the loop: datagrams in, timers, stdin; then events; then datagrams out
 *   3. close_notify at the end of stdin, or the peer's
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "core/pool.h"
#include "core/pump/pump.h"
#include "dtls/dtls.h"

#define EXPORT_BYTES 60 /* two keys and salts of the SRTP profile that needs most, AES-128 */
#define STDIN_BYTES 1024
#define PATHS 8 /* addresses of the peer that are remembered */

static const char help[] =
    "usage: weir-dtls client|server ADDRESS PORT [options]\n"
    "\n"
    "One DTLS connection. When it stands, one line of JSON on stdout says what was agreed, and stdin and\n"
    "stdout are passed from then on, up to 1,024 bytes per record. Exit status 0 when it was closed in\n"
    "order.\n"
    "\n"
    "  --version V          1.2, 1.3 or auto (default: both, the newer preferred)\n"
    "  --groups LIST        of X25519, P-256, P-384 and, where the provider has ML-KEM, X25519MLKEM768;\n"
    "                       comma-separated, the first preferred\n"
    "  --suites LIST        IANA names, comma-separated, the first preferred\n"
    "  --mtu N              of handshake datagrams (default 1200)\n"
    "  --srtp               offer or accept use_srtp\n"
    "  --fingerprint HEX    the SHA-256 that the peer's certificate must have (default: any)\n"
    "  --keylog FILE        append secrets in NSS format\n"
    "  --cookie             server: ask for a cookie first\n"
    "  --cert FILE          our certificate, P-256 or RSA, PEM or DER (default: one made at the start)\n"
    "  --key FILE           its private key, PEM or DER\n"
    "  --cid N|HEX          connection ids: ours has N random bytes, up to 20 (0: none, the peer's is\n"
    "                       used), or is these two bytes or more; a peer that moves keeps its connection\n"
    "  --rrc KIND           how a moved peer is checked: basic, enhanced or none (default: basic)\n"
    "  --resume FILE        needs --cert and --key. Client: FILE has the session of the one before, is\n"
    "                       used up, and gets that of this one. Server: FILE has the key of its\n"
    "                       tickets, and is made if it is not there\n"
    "  --resume-any         with --resume: tickets from and for others than weir, too\n"
    "  --export LABEL       keying material under this label (default EXTRACTOR-dtls_srtp)\n"
    "  --seed N             make every random choice from N: for repeatable tests, not for secrecy\n"
    "  --help               this text\n";

struct program {
    struct weir_pump *pump;
    struct weir_path path;
    bool has_peer; /* path.remote is known */
    struct weir_addr at[PATHS]; /* by the number of the path, 0 where it began */
    uint32_t spare;             /* number of the next address that is not known */
    struct weir_dtls dtls;
    struct weir_dtls_config config;
    struct weir_identity identity;
    const char *export_label, *cert_path, *key_path, *resume_path;
    struct weir_dtls_session session;
    FILE *keylog;
    bool any_certificate;
    bool is_input_over, is_over;
    int status;
};

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

static _Noreturn void refuse(const char *what, const char *advice)
{
    fprintf(stderr, "weir-dtls: %s: %s\n", what, advice);
    exit(2);
}

/* -- 1. Options and the socket ------------------------------------------------------------------ */

static struct weir_addr resolve(const char *host, const char *port)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
    struct addrinfo *found;
    struct weir_addr a = { 0 };
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0) {
        refuse(host, gai_strerror(failed));
    }
    if (found->ai_family == AF_INET) {
        struct sockaddr_in four;
        uint8_t ip[4];
        memcpy(&four, found->ai_addr, sizeof four);
        memcpy(ip, &four.sin_addr, 4);
        a = weir_addr_v4(ip[0], ip[1], ip[2], ip[3], ntohs(four.sin_port));
    } else {
        struct sockaddr_in6 six;
        memcpy(&six, found->ai_addr, sizeof six);
        a = weir_addr_v6(six.sin6_addr.s6_addr, ntohs(six.sin6_port));
    }
    freeaddrinfo(found);
    return a;
}

static void open_socket(struct program *p, const struct weir_addr *named)
{
    const struct weir_pump_config config = { .kind = WEIR_PUMP_EPOLL }; /* polled beside stdin */
    static const uint8_t any6[16];
    char error[WEIR_PUMP_ERROR_BYTES];
    struct weir_addr local = *named;
    uint32_t socket;
    if (p->config.is_client) {
        local = named->family == WEIR_IPV4 ? weir_addr_v4(0, 0, 0, 0, 0) : weir_addr_v6(any6, 0);
        p->path.remote = p->at[0] = *named;
        p->has_peer = true;
    }
    p->pump = weir_pump_open(&config, error);
    if (p->pump == NULL || weir_pump_bind(p->pump, &local, &p->path.local, &socket, error) != WEIR_OK) {
        refuse("no socket", error);
    }
}

static void option_version(struct program *p, const char *value)
{
    if (strcmp(value, "1.2") == 0) {
        p->config.version_min = p->config.version_max = WEIR_DTLS_1_2;
    } else if (strcmp(value, "1.3") == 0) {
        p->config.version_min = p->config.version_max = WEIR_DTLS_1_3;
    } else if (strcmp(value, "auto") != 0) {
        refuse(value, "the versions are 1.2, 1.3 and auto");
    }
}

/* Split a comma-separated list and give each item's code point to the config. */
static void option_list(const char *value, uint16_t *list, uint8_t *count, uint8_t max,
                        uint16_t (*code)(const char *name), const char *advice)
{
    char copy[400];
    snprintf(copy, sizeof copy, "%s", value);
    *count = 0;
    for (char *name = strtok(copy, ","); name != NULL; name = strtok(NULL, ",")) {
        uint16_t id = code(name);
        if (id == 0 || *count == max) {
            refuse(name, advice);
        }
        list[(*count)++] = id;
    }
}

static uint16_t group_code(const char *name)
{
    return strcmp(name, "X25519") == 0           ? WEIR_X25519
           : strcmp(name, "P-256") == 0          ? WEIR_P256
           : strcmp(name, "P-384") == 0          ? WEIR_P384
           : strcmp(name, "X25519MLKEM768") == 0 ? WEIR_DTLS_X25519MLKEM768
                                                 : 0;
}

static void option_fingerprint(struct program *p, const char *value)
{
    size_t n = 0;
    for (const char *c = value; *c != '\0' && n < 32; n++) {
        unsigned byte;
        c += *c == ':' ? 1 : 0;
        if (sscanf(c, "%2x", &byte) != 1 || c[1] == '\0') {
            refuse(value, "a fingerprint is 32 bytes in hexadecimal, with or without colons");
        }
        p->config.fingerprint[0].bytes[n] = (uint8_t)byte;
        c += 2;
    }
    if (n != 32) {
        refuse(value, "a fingerprint is 32 bytes in hexadecimal, with or without colons");
    }
    p->config.fingerprint[0].hash = WEIR_SHA256;
    p->config.fingerprints = 1;
    p->any_certificate = false;
}

static void option_seed(struct program *p, const char *value)
{
    char *end;
    unsigned long long number = strtoull(value, &end, 10);
    if (*value == '\0' || *end != '\0') {
        refuse(value, "a seed is a number");
    }
    weir_put64(p->config.seed, number + (p->config.is_client ? 0 : (uint64_t)1 << 63));
}

static void option_srtp(struct program *p)
{
    static const uint16_t profile[] = { WEIR_DTLS_SRTP_AEAD_AES_128_GCM, WEIR_DTLS_SRTP_AEAD_AES_256_GCM,
                                        WEIR_DTLS_SRTP_AES128_CM_SHA1_80 };
    memcpy(p->config.srtp_profile, profile, sizeof profile);
    p->config.srtp_profiles = 3;
}

static void option_mtu(struct program *p, const char *value)
{
    int mtu = atoi(value);
    if (mtu < WEIR_DTLS_MTU_MIN || mtu > WEIR_MTU) {
        refuse(value, "the MTU is a number from 128 to 1500");
    }
    p->config.mtu = (uint16_t)mtu;
}

static void option_cid(struct program *p, const char *value)
{
    const char *advice = "a connection id is a number of bytes up to 20, or 2 to 20 bytes in hexadecimal";
    size_t digits = strlen(value);
    p->config.has_cid = true;
    if (digits <= 2) {
        char *end;
        unsigned long n = strtoul(value, &end, 10);
        if (digits == 0 || *end != '\0' || n > WEIR_DTLS_CID_MAX
            || !weir_pump_entropy(p->config.cid, sizeof p->config.cid)) {
            refuse(value, advice);
        }
        p->config.cid_bytes = (uint8_t)n;
        return;
    }
    if (digits % 2 != 0 || digits / 2 > WEIR_DTLS_CID_MAX
        || strspn(value, "0123456789abcdefABCDEF") != digits) {
        refuse(value, advice);
    }
    for (size_t i = 0; i < digits / 2; i++) {
        unsigned byte = 0;
        (void)sscanf(value + 2 * i, "%2x", &byte);
        p->config.cid[i] = (uint8_t)byte;
    }
    p->config.cid_bytes = (uint8_t)(digits / 2);
}

static void option_rrc(struct program *p, const char *value)
{
    static const char *const name[] = { [WEIR_DTLS_RRC_NONE] = "none", [WEIR_DTLS_RRC_BASIC] = "basic",
                                        [WEIR_DTLS_RRC_ENHANCED] = "enhanced" };
    for (uint8_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        if (strcmp(value, name[i]) == 0) {
            p->config.rrc = i;
            return;
        }
    }
    refuse(value, "the kinds of check are basic, enhanced and none");
}

static void option_keylog(struct program *p, const char *value)
{
    p->keylog = fopen(value, "a");
    if (p->keylog == NULL) {
        refuse(value, strerror(errno));
    }
    p->config.has_keylog = true;
}

static void read_options(struct program *p, int argc, char **argv)
{
    static const struct option options[] = {
        { "version", required_argument, NULL, 'v' }, { "groups", required_argument, NULL, 'g' },
        { "suites", required_argument, NULL, 'u' },  { "mtu", required_argument, NULL, 'm' },
        { "srtp", no_argument, NULL, 's' },          { "fingerprint", required_argument, NULL, 'f' },
        { "keylog", required_argument, NULL, 'k' },  { "cookie", no_argument, NULL, 'c' },
        { "export", required_argument, NULL, 'e' },  { "seed", required_argument, NULL, 'r' },
        { "cert", required_argument, NULL, 'C' },    { "key", required_argument, NULL, 'K' },
        { "cid", required_argument, NULL, 'i' },     { "rrc", required_argument, NULL, 'x' },
        { "resume", required_argument, NULL, 'R' },  { "resume-any", no_argument, NULL, 'A' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'v':
            option_version(p, optarg);
            break;
        case 'g':
            option_list(optarg, p->config.group, &p->config.groups, WEIR_DTLS_GROUPS_MAX, group_code,
                        "the groups are X25519, P-256, P-384 and X25519MLKEM768");
            break;
        case 'u':
            option_list(optarg, p->config.suite, &p->config.suites, WEIR_DTLS_SUITES_MAX,
                        weir_dtls_suite_code, "no suite of ours has this name; see dtls/README.md");
            break;
        case 'm':
            option_mtu(p, optarg);
            break;
        case 's':
            option_srtp(p);
            break;
        case 'f':
            option_fingerprint(p, optarg);
            break;
        case 'k':
            option_keylog(p, optarg);
            break;
        case 'c':
            p->config.requires_cookie = true;
            break;
        case 'C':
            p->cert_path = optarg;
            break;
        case 'K':
            p->key_path = optarg;
            break;
        case 'i':
            option_cid(p, optarg);
            break;
        case 'x':
            option_rrc(p, optarg);
            break;
        case 'R':
            p->resume_path = optarg;
            break;
        case 'A':
            p->config.tickets = WEIR_DTLS_TICKETS_ALL;
            break;
        case 'e':
            p->export_label = optarg;
            break;
        case 'r':
            option_seed(p, optarg);
            break;
        default:
            fputs(help, c == 'h' ? stdout : stderr);
            exit(c == 'h' ? 0 : 2);
        }
    }
}

static struct weir_span read_file(const char *path, uint8_t *room, size_t cap)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        refuse(path, strerror(errno));
    }
    struct weir_span span = { room, fread(room, 1, cap, file) };
    fclose(file);
    return span;
}

static void load_identity(struct program *p, struct weir_rand *rand)
{
    static uint8_t cert[16384], key[16384];
    if (p->cert_path == NULL || p->key_path == NULL) {
        refuse("a certificate or a key alone", "give both, --cert FILE and --key FILE");
    }
    struct weir_span c = read_file(p->cert_path, cert, sizeof cert);
    struct weir_span k = read_file(p->key_path, key, sizeof key);
    if (!weir_crypto_default()->identity_load(&p->identity, rand, c, k)) {
        refuse(p->cert_path, "not the certificate of this key, or the key is neither P-256 nor RSA of 2048 "
                             "to 3072 bits; PEM or DER, without a password");
    }
    weir_wipe(key, sizeof key);
}

/* A file that only we may read. */
static void write_secret(const char *path, const uint8_t *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd) != 0) {
        refuse(path, strerror(errno));
    }
}

static void begin_client_session(struct program *p)
{
    uint8_t stored[WEIR_DTLS_SESSION_BYTES_MAX + 1];
    struct weir_span s = read_file(p->resume_path, stored, sizeof stored);
    if (!weir_dtls_session_load(&p->session, s)) {
        refuse(p->resume_path, "this is no session that weir-dtls stored");
    }
    (void)unlink(p->resume_path); /* a session is used once */
    weir_wipe(stored, sizeof stored);
    p->config.session = &p->session;
}

static void begin_server_tickets(struct program *p)
{
    uint8_t *key = p->config.ticket_key[0], stored[WEIR_DTLS_TICKET_KEY_BYTES + 1];
    p->config.ticket_keys = 1;
    if (access(p->resume_path, F_OK) != 0) {
        if (!weir_pump_entropy(key, WEIR_DTLS_TICKET_KEY_BYTES)) {
            refuse("no random bytes", "the system gave none");
        }
        write_secret(p->resume_path, key, WEIR_DTLS_TICKET_KEY_BYTES);
    }
    if (read_file(p->resume_path, stored, sizeof stored).n != WEIR_DTLS_TICKET_KEY_BYTES) {
        refuse(p->resume_path, "a key of tickets has 32 bytes");
    }
    memcpy(key, stored, WEIR_DTLS_TICKET_KEY_BYTES);
    weir_wipe(stored, sizeof stored);
}

static void begin_resumption(struct program *p)
{
    if (p->resume_path == NULL) {
        p->config.tickets = WEIR_DTLS_TICKETS_OFF;
        return;
    }
    if (p->cert_path == NULL) {
        refuse("--resume", "a session belongs to a certificate: give --cert and --key as well");
    }
    p->config.utc_s = weir_pump_utc_s();
    if (p->config.tickets == WEIR_DTLS_TICKETS_OFF) {
        p->config.tickets = WEIR_DTLS_TICKETS_ASKED;
    }
    if (!p->config.is_client) {
        begin_server_tickets(p);
    } else if (access(p->resume_path, F_OK) == 0) {
        begin_client_session(p);
    }
}

static void make_identity(struct program *p)
{
    struct weir_rand rand;
    int64_t now = weir_pump_utc_s();
    weir_rand_init(&rand, p->config.seed);
    if (p->cert_path != NULL || p->key_path != NULL) {
        load_identity(p, &rand);
    } else if (!weir_crypto_default()->identity_make(&p->identity, &rand, now - 86400, now + 30 * 86400)) {
        refuse("no certificate", "the crypto provider made none");
    }
    weir_wipe(&rand, sizeof rand);
}

static void begin(struct program *p, int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        exit(0);
    }
    if (argc < 4 || (strcmp(argv[1], "client") != 0 && strcmp(argv[1], "server") != 0)) {
        fputs(help, stderr);
        exit(2);
    }
    p->config.is_client = strcmp(argv[1], "client") == 0;
    p->config.crypto = weir_crypto_default();
    p->config.identity = &p->identity;
    p->export_label = "EXTRACTOR-dtls_srtp";
    p->any_certificate = true;
    p->config.rrc = WEIR_DTLS_RRC_BASIC;
    p->spare = 1;
    if (!weir_pump_entropy(p->config.seed, sizeof p->config.seed)
        || !weir_pump_entropy(p->config.cookie_secret, sizeof p->config.cookie_secret)) {
        refuse("no random bytes", "the system gave none");
    }
    const struct weir_addr named = resolve(argv[2], argv[3]);
    read_options(p, argc - 3, argv + 3);
    make_identity(p);
    begin_resumption(p);
    open_socket(p, &named);
}

/* -- 2. The loop -------------------------------------------------------------------------------- */

static void add_hex(cJSON *o, const char *name, const uint8_t *bytes, size_t n)
{
    char text[2 * 256 + 1] = "";
    for (size_t i = 0; i < n && i < 256; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    cJSON_AddStringToObject(o, name, text);
}

static void print_agreed(const struct program *p)
{
    uint8_t digest[32], keys[EXPORT_BYTES];
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "role", p->config.is_client ? "client" : "server");
    cJSON_AddStringToObject(o, "version", weir_dtls_version_name(&p->dtls));
    cJSON_AddStringToObject(o, "suite", weir_dtls_suite_name(&p->dtls));
    cJSON_AddStringToObject(o, "group", weir_dtls_group_name(&p->dtls));
    cJSON_AddNumberToObject(o, "srtp", weir_dtls_srtp(&p->dtls));
    if (weir_dtls_peer_digest(&p->dtls, digest)) {
        add_hex(o, "peer_sha256", digest, sizeof digest);
    }
    add_hex(o, "own_sha256", p->identity.fingerprint_sha256, 32);
    cJSON_AddBoolToObject(o, "is_verified", !p->any_certificate);
    cJSON_AddBoolToObject(o, "cid", weir_dtls_has_cid(&p->dtls));
    cJSON_AddBoolToObject(o, "rrc", weir_dtls_has_rrc(&p->dtls));
    cJSON_AddBoolToObject(o, "resumed", weir_dtls_is_resumed(&p->dtls));
    cJSON_AddStringToObject(o, "ticket", weir_dtls_ticket_name(weir_dtls_ticket(&p->dtls)));
    if (weir_dtls_export(&p->dtls, p->export_label, (struct weir_mspan){ keys, sizeof keys }) == WEIR_OK) {
        add_hex(o, "keying_material", keys, sizeof keys);
    }
    char *line = cJSON_PrintUnformatted(o);
    printf("%s\n", line);
    fflush(stdout);
    free(line);
    cJSON_Delete(o);
}

static void write_keylog(const struct program *p)
{
    for (int i = 0; p->keylog != NULL && i < WEIR_DTLS_SECRETS; i++) {
        uint8_t random[32], secret[WEIR_DTLS_SECRET_MAX];
        size_t n;
        if (weir_dtls_keylog(&p->dtls, (enum weir_dtls_secret)i, random, secret, &n)) {
            fprintf(p->keylog, "%s ", weir_dtls_secret_label((enum weir_dtls_secret)i));
            for (size_t k = 0; k < 32; k++) {
                fprintf(p->keylog, "%02x", random[k]);
            }
            fputc(' ', p->keylog);
            for (size_t k = 0; k < n; k++) {
                fprintf(p->keylog, "%02x", secret[k]);
            }
            fputc('\n', p->keylog);
            weir_wipe(secret, sizeof secret);
        }
    }
    if (p->keylog != NULL) {
        fflush(p->keylog);
    }
}

static void store_session(struct program *p)
{
    uint8_t stored[WEIR_DTLS_SESSION_BYTES_MAX];
    if (weir_dtls_take_session(&p->dtls, &p->session)) {
        size_t n = weir_dtls_session_save(&p->session, (struct weir_mspan){ stored, sizeof stored });
        write_secret(p->resume_path, stored, n);
        weir_wipe(stored, sizeof stored);
    }
}

static void end(struct program *p, int status)
{
    p->is_over = true;
    p->status = status;
}

static void print_moved(struct program *p, const char *what, uint32_t path)
{
    char text[WEIR_ADDR_TEXT_BYTES];
    fprintf(stderr, "weir-dtls: %s %s\n", what, weir_addr_text(&p->at[path], text));
}

static void take_event(struct program *p, const struct weir_dtls_event *e)
{
    switch (e->type) {
    case WEIR_DTLS_EVENT_CONNECTED:
        print_agreed(p);
        write_keylog(p);
        break;
    case WEIR_DTLS_EVENT_SESSION:
        store_session(p);
        break;
    case WEIR_DTLS_EVENT_CLOSED:
        end(p, 0);
        break;
    case WEIR_DTLS_EVENT_FAILED:
        fprintf(stderr, "weir-dtls: %s (%s)\n", weir_dtls_reason_name(e->reason),
                e->reason == WEIR_DTLS_REASON_ALERT ? weir_dtls_alert_name(e->alert)
                : e->has_plain_alert                ? weir_dtls_alert_name(e->alert)
                                                    : weir_dtls_verdict_name(e->verdict));
        end(p, 1);
        break;
    case WEIR_DTLS_EVENT_MOVED:
        p->path.remote = p->at[e->path];
        print_moved(p, "the peer moved to", e->path);
        break;
    case WEIR_DTLS_EVENT_SEEN: /* we have no means to check it */
        print_moved(p, "the peer was seen at", e->path);
        break;
    case WEIR_DTLS_EVENT_NONE:
        break;
    }
}

/* Without a fingerprint to check, whoever comes is the peer. */
static void accept_certificate(struct program *p, weir_time now)
{
    struct weir_dtls_fingerprint shown = { .hash = WEIR_SHA256 };
    if (p->any_certificate && weir_dtls_state(&p->dtls) == WEIR_DTLS_UNVERIFIED
        && weir_dtls_peer_digest(&p->dtls, shown.bytes)) {
        (void)!weir_dtls_set_fingerprints(&p->dtls, now, &shown, 1);
    }
}

/* An address that is not known has the spare number, and keeps it once a record from there was good. */
static uint32_t path_of(struct program *p, const struct weir_addr *from)
{
    for (uint32_t i = 0; i < PATHS; i++) {
        if (weir_addr_eq(&p->at[i], from)) {
            return i;
        }
    }
    p->at[p->spare] = *from;
    return p->spare;
}

static void keep_path(struct program *p, uint32_t path)
{
    while (p->spare == path || p->spare == weir_dtls_path(&p->dtls)) {
        p->spare = (p->spare + 1) % PATHS;
    }
}

static void take_datagram(struct program *p, weir_time now, const struct weir_packet *k)
{
    struct weir_mspan datagram = { k->data, k->len };
    struct weir_span plain;
    if (!p->has_peer) {
        p->path.remote = p->at[0] = k->path.remote;
        p->has_peer = true;
        memcpy(p->config.address, k->path.remote.ip, 16);
        weir_put16(p->config.address + 16, k->path.remote.port);
        p->config.address_bytes = 18;
        weir_dtls_init(&p->dtls, &p->config, now);
    }
    if (!weir_addr_eq(&k->path.remote, &p->path.remote) && !weir_dtls_has_cid(&p->dtls)) {
        return; /* one peer at a time */
    }
    uint32_t path = path_of(p, &k->path.remote);
    while (datagram.n != 0) {
        if (weir_dtls_recv_by(&p->dtls, now, path, &datagram, &plain) == WEIR_DTLS_OK) {
            keep_path(p, path);
        }
        if (plain.n != 0) {
            fwrite(plain.p, 1, plain.n, stdout);
            fflush(stdout);
        }
        accept_certificate(p, now);
    }
}

static void send_all(struct program *p, weir_time now)
{
    struct weir_mspan room;
    struct weir_path to = p->path;
    uint32_t path;
    size_t n;
    while (p->has_peer && (room = weir_pump_room(p->pump)).n != 0
           && (n = weir_dtls_send_to(&p->dtls, now, room, &path)) != 0) {
        to.remote = p->at[path];
        (void)weir_pump_send(p->pump, &to, 0, n);
    }
    weir_pump_flush(p->pump);
}

static void take_input(struct program *p, weir_time now)
{
    struct weir_mspan room = weir_pump_room(p->pump);
    size_t at = weir_dtls_head_bytes(&p->dtls);
    if (room.n == 0) {
        return;
    }
    ssize_t n = read(STDIN_FILENO, room.p + at, STDIN_BYTES);
    if (n <= 0) {
        p->is_input_over = true;
        weir_dtls_close(&p->dtls, now);
        return;
    }
    size_t record = weir_dtls_seal(&p->dtls, room, at, (size_t)n);
    if (record != 0) {
        (void)weir_pump_send(p->pump, &p->path, 0, record);
        weir_pump_flush(p->pump);
    }
}

static int milliseconds_until(weir_time deadline, weir_time now)
{
    if (deadline == WEIR_NEVER) {
        return 1000;
    }
    return deadline <= now ? 0 : (int)((deadline - now) / 1000 > 1000 ? 1000 : (deadline - now) / 1000 + 1);
}

static void turn(struct program *p)
{
    struct weir_packet batch[16];
    struct weir_dtls_event e;
    weir_time now = weir_pump_clock();
    bool reads = weir_dtls_state(&p->dtls) == WEIR_DTLS_CONNECTED && !p->is_input_over && p->has_peer;
    struct pollfd fds[2] = { { .fd = weir_pump_fd(p->pump), .events = POLLIN },
                             { .fd = reads ? STDIN_FILENO : -1, .events = POLLIN } };
    weir_time deadline = p->has_peer ? weir_dtls_deadline(&p->dtls) : WEIR_NEVER;
    (void)poll(fds, 2, milliseconds_until(deadline, now));
    if (weir_pump_wait(p->pump, 0) != WEIR_OK) {
        refuse("the socket broke", strerror(errno));
    }
    now = weir_pump_clock();
    for (size_t n; (n = weir_pump_recv(p->pump, batch, 16)) != 0;) {
        for (size_t i = 0; i < n; i++) {
            take_datagram(p, now, &batch[i]);
        }
    }
    if (p->has_peer) {
        weir_dtls_tick(&p->dtls, now);
    }
    if (reads && fds[1].revents != 0) {
        take_input(p, now);
    }
    while (p->has_peer && weir_dtls_event(&p->dtls, &e)) {
        take_event(p, &e);
    }
    send_all(p, now);
}

/* -- 3. The end --------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    static struct program p;
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    begin(&p, argc, argv);
    if (p.config.is_client) {
        weir_dtls_init(&p.dtls, &p.config, weir_pump_clock());
        if (weir_dtls_start(&p.dtls, weir_pump_clock()) != WEIR_OK) {
            refuse("no handshake", "the client did not start");
        }
        send_all(&p, weir_pump_clock());
    }
    while (!p.is_over) {
        turn(&p);
        if (is_interrupted && p.has_peer) {
            weir_dtls_close(&p.dtls, weir_pump_clock());
            send_all(&p, weir_pump_clock());
        }
        if (is_interrupted || (p.is_input_over && weir_dtls_state(&p.dtls) == WEIR_DTLS_CLOSED)) {
            end(&p, p.status);
        }
    }
    weir_dtls_deinit(&p.dtls);
    weir_wipe(&p.identity, sizeof p.identity);
    weir_pump_close(p.pump);
    if (p.keylog != NULL) {
        fclose(p.keylog);
    }
    return p.status;
}
