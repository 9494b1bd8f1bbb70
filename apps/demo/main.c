/* weir-demo: what weir does, to look at. With a browser, or with --self in the terminal alone. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "apps/demo/demo.h"

static const char help[] =
    "usage: weir-demo [options]\n"
    "\n"
    "Serves a page that connects a browser to a weir peer: data channel echo, camera echo, and a live\n"
    "view of what the protocols are doing.\n"
    "\n"
    "  --listen ADDR:PORT  where the page is served (default 127.0.0.1:8080; use 0.0.0.0:8080, or the\n"
    "                      host's address, for a second machine)\n"
    "  --https             serve https, which gives a second machine's browser its camera; with a\n"
    "                      certificate made for this run, unless --cert and --key name PEM files\n"
    "  --cert FILE, --key FILE\n"
    "  --host NAME         a name that this server has, besides localhost and its addresses; may be\n"
    "                      repeated\n"
    "  --self              no browser: two weir peers talk to each other over real sockets\n"
    "  --bind ADDR[:PORT]  local address for WebRTC; may be repeated (default: every interface)\n"
    "  --port N            UDP port for WebRTC, one for all browsers (default: any)\n"
    "  --stun URL          learn our public address from stun:host[:port]\n"
    "  --pump KIND         auto, uring or epoll (default: uring where it works)\n"
    "  --keylog FILE       append key material in NSS format\n"
    "  --seed N            make every random choice from N\n"
    "  --dtls VERSION      1.2 or 1.3, the newest to speak (docs/wireshark.md)\n"
    "  --no-snap           set SCTP up by packets, not in the descriptions\n"
    "  --ice-lite          be an ICE lite agent: wait to be asked; for public addresses\n"
    "  --no-sped           do not let ICE's checks carry the DTLS handshake\n"
    "  --no-cid            no DTLS connection ids: a peer whose address changes is found later\n"
    "  --no-tickets        shake hands in full with a weir that was met before\n"
    "  --hybrid            begin DTLS with X25519MLKEM768, if the crypto provider has ML-KEM\n"
    "  --peers N           browsers at a time and shard (default 64)\n"
    "  --shards N          threads, each with its own part of the browsers, on one UDP port (default 1)\n"
    "  --help              this text\n";

struct arguments {
    struct setup setup;
    char address[64];
    struct web_config web;
    bool is_self;
};

static bool option_listen(struct arguments *a, const char *value)
{
    struct weir_addr listen;
    if (!weir_addr_parse(weir_span_of(value, strlen(value)), &listen)) {
        fprintf(stderr, "--listen %s: give an IP address and port, as 0.0.0.0:8080\n", value);
        return false;
    }
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)a->address, sizeof a->address - 1 });
    weir_addr_write_ip(&w, &listen);
    a->address[w.len] = '\0';
    a->web.port = listen.port != 0 ? listen.port : 8080;
    return true;
}

/* The options of the web side. */
static bool option_web(struct arguments *a, const char *name, const char *value)
{
    if (strcmp(name, "https") == 0) {
        a->web.is_https = true;
    } else if (strcmp(name, "cert") == 0) {
        a->web.cert = value;
    } else if (strcmp(name, "key") == 0) {
        a->web.key = value;
    } else if (a->web.host_count == WEB_HOSTS_MAX) {
        fprintf(stderr, "--host %s: at most %d names\n", value, WEB_HOSTS_MAX);
        return false;
    } else {
        a->web.hosts[a->web.host_count++] = value;
    }
    return true;
}

static bool read_options(struct arguments *a, int argc, char **argv)
{
    static const struct option options[] = {
        { "self", no_argument, NULL, 'S' },       { "help", no_argument, NULL, 'h' },
        { "listen", required_argument, NULL, 'l' }, { "bind", required_argument, NULL, 'n' },
        { "port", required_argument, NULL, 'n' }, { "stun", required_argument, NULL, 'n' },
        { "pump", required_argument, NULL, 'n' }, { "keylog", required_argument, NULL, 'n' },
        { "seed", required_argument, NULL, 'n' }, { "peers", required_argument, NULL, 'n' },
        { "shards", required_argument, NULL, 'n' }, { "no-snap", no_argument, NULL, 'n' },
        { "no-sped", no_argument, NULL, 'n' },    { "hybrid", no_argument, NULL, 'n' },
        { "no-cid", no_argument, NULL, 'n' },      { "no-tickets", no_argument, NULL, 'n' },
        { "ice-lite", no_argument, NULL, 'n' },   { "dtls", required_argument, NULL, 'n' },
        { "https", no_argument, NULL, 'w' },
        { "cert", required_argument, NULL, 'w' }, { "key", required_argument, NULL, 'w' },
        { "host", required_argument, NULL, 'w' },
        { NULL, 0, NULL, 0 },
    };
    int c, at = 0;
    while ((c = getopt_long(argc, argv, "", options, &at)) != -1) {
        if (c == 'h') {
            fputs(help, stdout);
            exit(0);
        }
        if (c == '?' || (c == 'l' && !option_listen(a, optarg))
            || (c == 'w' && !option_web(a, options[at].name, optarg))
            || (c == 'n' && !setup_option(&a->setup, options[at].name, optarg))) {
            return false;
        }
        a->is_self |= c == 'S';
    }
    if ((a->web.cert == NULL) != (a->web.key == NULL)) {
        fprintf(stderr, "--cert and --key: give both\n");
        return false;
    }
    a->web.is_https |= a->web.cert != NULL;
    if (optind != argc) {
        fprintf(stderr, "%s: not an option; see --help\n", argv[optind]);
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    static struct arguments a = { .address = "127.0.0.1", .web.port = 8080 };
    setup_begin(&a.setup);
    a.setup.node.with_loopback = true;
    if (!read_options(&a, argc, argv)) {
        return 2;
    }
    a.web.address = a.address;
    return a.is_self ? demo_self(&a.setup) : demo_serve(&a.setup, &a.web);
}
