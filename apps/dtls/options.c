/* The command line of weir-dtls. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "apps/dtls/dtls_app.h"

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

_Noreturn void refuse(const char *what, const char *advice)
{
    fprintf(stderr, "weir-dtls: %s: %s\n", what, advice);
    exit(2);
}

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

void read_command(struct program *p, int argc, char **argv, struct weir_addr *named)
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
    *named = resolve(argv[2], argv[3]);
    read_options(p, argc - 3, argv + 3);
}
