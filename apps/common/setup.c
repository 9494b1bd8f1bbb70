/* Options and lifetime of a node in a program. */
#define _GNU_SOURCE
#include "apps/common/setup.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

void setup_begin(struct setup *s)
{
    memset(s, 0, sizeof *s);
    s->node.bind = s->bind;
}

static bool complain(const char *name, const char *value, const char *advice)
{
    fprintf(stderr, "--%s %s: %s\n", name, value, advice);
    return false;
}

static bool read_number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 0);
    if (errno != 0 || *text == '\0' || *text == '-' || *end != '\0' || v > max) {
        return false;
    }
    *out = v;
    return true;
}

static bool option_bind(struct setup *s, const char *value)
{
    if (s->node.binds == SETUP_BINDS_MAX) {
        return complain("bind", value, "at most 16 addresses");
    }
    if (!weir_addr_parse(weir_span_of(value, strlen(value)), &s->bind[s->node.binds])) {
        return complain("bind", value, "give an IP address of this host, as 192.0.2.1 or [::1]:5000");
    }
    s->node.binds++;
    return true;
}

static bool option_seed(struct setup *s, const char *value)
{
    unsigned long v;
    if (!read_number(value, UINT64_MAX, &v)) {
        return complain("seed", value, "give a number; runs with one seed make the same choices");
    }
    weir_put64(s->node.seed, v);
    s->node.has_seed = true;
    return true;
}

/* stun:<host>[:<port>] [RFC 7064] */
static bool option_stun(struct setup *s, const char *value)
{
    char host[256], port[8] = "3478";
    struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *found = NULL;
    const char *name = strncmp(value, "stun:", 5) == 0 ? value + 5 : value;
    if (sscanf(name, "[%255[^]]]:%7s", host, port) < 1
        && sscanf(name, "%255[^:]:%7s", host, port) < 1) {
        return complain("stun", value, "give stun:host or stun:host:port");
    }
    if (getaddrinfo(host, port, &hints, &found) != 0 || found == NULL) {
        return complain("stun", value, "this name does not resolve");
    }
    uint8_t ip[16];
    struct weir_addr a;
    if (found->ai_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, found->ai_addr, sizeof four);
        memcpy(ip, &four.sin_addr, 4);
        a = weir_addr_v4(ip[0], ip[1], ip[2], ip[3], ntohs(four.sin_port));
    } else {
        struct sockaddr_in6 six;
        memcpy(&six, found->ai_addr, sizeof six);
        memcpy(ip, &six.sin6_addr, 16);
        a = weir_addr_v6(ip, ntohs(six.sin6_port));
    }
    freeaddrinfo(found);
    s->node.stun_server = a;
    return true;
}

static bool option_pump(struct setup *s, const char *value)
{
    s->node.pump.kind = strcmp(value, "uring") == 0   ? WEIR_PUMP_URING
                        : strcmp(value, "epoll") == 0 ? WEIR_PUMP_EPOLL
                                                      : WEIR_PUMP_AUTO;
    return strcmp(value, "uring") == 0 || strcmp(value, "epoll") == 0 || strcmp(value, "auto") == 0
           || complain("pump", value, "choose auto, uring or epoll");
}

static bool option_dtls(struct setup *s, const char *value)
{
    s->node.dtls_version_max = strcmp(value, "1.2") == 0 ? WEIR_DTLS_1_2 : WEIR_DTLS_1_3;
    return strcmp(value, "1.2") == 0 || strcmp(value, "1.3") == 0
           || complain("dtls", value, "choose 1.2 or 1.3, the newest version to speak");
}

bool setup_option(struct setup *s, const char *name, const char *value)
{
    unsigned long v;
    if (strcmp(name, "bind") == 0) {
        return option_bind(s, value);
    }
    if (strcmp(name, "port") == 0) {
        if (!read_number(value, 65535, &v)) {
            return complain(name, value, "give a port from 0 (any) to 65535");
        }
        s->node.port = (uint16_t)v;
        return true;
    }
    if (strcmp(name, "shards") == 0) {
        if (!read_number(value, WEIR_SHARDS_MAX, &v) || v == 0) {
            return complain(name, value, "give a number from 1 to 64");
        }
        s->shards = (uint32_t)v;
        return true;
    }
    if (strcmp(name, "peers") == 0) {
        if (!read_number(value, 100000, &v) || v == 0) {
            return complain(name, value, "give a number from 1 to 100000");
        }
        s->node.peers_max = (uint32_t)v;
        return true;
    }
    if (strcmp(name, "channel-wait") == 0) {
        if (!read_number(value, 86400, &v)) {
            return complain(name, value, "give seconds up to 86400, 0 for no limit");
        }
        s->node.channel_wait = v != 0 ? v * WEIR_SEC : WEIR_NEVER;
        return true;
    }
    if (strcmp(name, "keylog") == 0) {
        snprintf(s->keylog_path, sizeof s->keylog_path, "%s", value);
        return true;
    }
    if (strcmp(name, "no-tickets") == 0) {
        return s->node.no_tickets = true;
    }
    if (strcmp(name, "no-cid") == 0) {
        return s->node.no_cid = true;
    }
    if (strcmp(name, "no-snap") == 0) {
        return s->node.no_snap = true;
    }
    if (strcmp(name, "ice-lite") == 0) {
        return s->node.is_lite = true;
    }
    if (strcmp(name, "no-sped") == 0) {
        return s->node.no_sped = true;
    }
    if (strcmp(name, "hybrid") == 0) {
        if (weir_crypto_default()->kem_keygen == NULL) {
            return complain(name, "", "this build's crypto provider has no ML-KEM; OpenSSL 3.5 has");
        }
        return s->node.prefers_hybrid = true;
    }
    if (strcmp(name, "dtls") == 0) {
        return option_dtls(s, value);
    }
    return strcmp(name, "seed") == 0   ? option_seed(s, value)
           : strcmp(name, "stun") == 0 ? option_stun(s, value)
           : strcmp(name, "pump") == 0 ? option_pump(s, value)
                                       : complain(name, value, "no such option");
}

/* What binds and files need before a node opens. */
static bool prepare(struct setup *s)
{
    for (uint32_t i = 0; i < s->node.binds; i++) {
        if (s->bind[i].port == 0) {
            s->bind[i].port = s->node.port;
        }
    }
    if (s->node.binds == 0) {
        s->node.bind = NULL;
    }
    if (s->keylog_path[0] != '\0') {
        s->keylog = fopen(s->keylog_path, "a");
        if (s->keylog == NULL) {
            fprintf(stderr, "cannot write the key log %s: %s\n", s->keylog_path, strerror(errno));
            return false;
        }
    }
    return true;
}

struct weir_node *setup_open(struct setup *s)
{
    char error[WEIR_NODE_ERROR_BYTES] = "";
    struct weir_node *node = prepare(s) ? weir_node_open(&s->node, error) : NULL;
    if (node == NULL && error[0] != '\0') {
        fprintf(stderr, "%s\n", error);
    }
    return node;
}

struct weir_shards *setup_open_shards(struct setup *s)
{
    char error[WEIR_NODE_ERROR_BYTES] = "";
    s->shards = s->shards == 0 ? 1 : s->shards;
    struct weir_shards *all = prepare(s) ? weir_shards_open(&s->node, s->shards, error) : NULL;
    if (all == NULL && error[0] != '\0') {
        fprintf(stderr, "%s\n", error);
    }
    return all;
}

void setup_keylog(struct setup *s, const struct weir_peer *peer)
{
    uint8_t text[1024];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    if (s->keylog == NULL) {
        return;
    }
    weir_peer_keylog(peer, &w);
    fwrite(text, 1, weir_wr_done(&w), s->keylog);
    fflush(s->keylog);
    weir_wipe(text, sizeof text);
}

/* -- Signals ----------------------------------------------------------------------------------- */

static volatile sig_atomic_t is_interrupted;
static struct weir_node *volatile node_to_wake;

static void on_signal(int number)
{
    (void)number;
    struct weir_node *node = node_to_wake;
    is_interrupted = 1;
    if (node != NULL) {
        weir_node_wake(node);
    }
}

void setup_signals(struct weir_node *node)
{
    struct sigaction action = { .sa_handler = on_signal };
    node_to_wake = node;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool setup_is_interrupted(void)
{
    return is_interrupted != 0;
}
