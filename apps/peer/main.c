/* weir-peer: one WebRTC peer that a script drives with JSON lines on stdin and stdout.
 *
 *   1. a line comes in and the peer acts on it (verbs.c);
 *   2. its events go out as lines (report.c);
 *   3. whatever the other side sends is echoed.
 *
 * It ends when it is told to, when its input ends, or when the connection is closed: one that failed may
 * be offered anew.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/common/echo.h"
#include "apps/peer/peer_app.h"

static const char help[] =
    "usage: weir-peer [options]\n"
    "\n"
    "A WebRTC peer for scripts: JSON lines in on stdin, JSON lines out on stdout. It echoes: text\n"
    "messages as \"echo:<text>\", binary messages verbatim, audio and video as they come.\n"
    "\n"
    "in:\n"
    "  {\"type\":\"offer\",\"sdp\":\"...\"}          answered with {\"type\":\"answer\",\"sdp\":\"...\"}\n"
    "  {\"type\":\"answer\",\"sdp\":\"...\"}         to our offer\n"
    "  {\"type\":\"candidate\",\"candidate\":\"...\"} a candidate of the other side; \"\" ends them\n"
    "  {\"offer\":true}                        offer, again; with \"restart\":true restart ICE, with\n"
    "                                        \"renew\":true ask for a new association\n"
    "  {\"open\":\"label\"}                      open a channel; \"protocol\", \"unordered\":true,\n"
    "                                        \"retransmits\", \"lifetime\" (ms), \"id\" (negotiated)\n"
    "  {\"close\":\"label\"}                     close a channel, by label or number\n"
    "  {\"send\":\"text\"}                       send a text on the first open channel, or \"on\"\n"
    "                                        another; a number: so many bytes, \"text\":true as text\n"
    "  {\"add\":\"audio\"|\"video\"}               a section for the next offer; \"direction\"\n"
    "  {\"remove\":0}                          end a section with the next offer or answer\n"
    "  {\"rollback\":true}                     take our offer back\n"
    "  {\"polite\":true}                       an offer that meets ours takes ours back\n"
    "  {\"media\":0,\"direction\":\"recvonly\"}   change a section with the next offer or answer\n"
    "  {\"stats\":true}                        answered with {\"stats\":{...}}\n"
    "  {\"bye\":true}                          close and exit; with \"within\":S when all that is\n"
    "                                        queued is through, S seconds later at most\n"
    "out:\n"
    "  {\"type\":\"offer\"|\"answer\",\"sdp\":\"...\"}, {\"type\":\"candidate\",\"candidate\":\"...\"},\n"
    "  {\"state\":\"connecting\"|\"connected\"|\"disconnected\"|\"closed\"},\n"
    "  {\"state\":\"failed\",\"reason\":\"no-pair\"|\"consent\"|\"dtls-timeout\"|\"dtls-alert\"|\n"
    "    \"dtls-fingerprint\"|\"dtls-message\"|\"dtls-forgeries\",\"alert\":\"...\",\"rule\":\"...\"},\n"
    "  {\"channel\":0,\"event\":\"opening\"|\"open\"|\"close\",\"label\":\"...\"},\n"
    "  {\"channel\":0,\"event\":\"message\",\"bytes\":5,\"text\":\"hello\"},\n"
    "  {\"channel\":0,\"event\":\"close\",\"reason\":\"timeout\"},\n"
    "  {\"data\":\"ready\"|\"closed\",\"reason\":\"timeout\"}, {\"media\":0,\"rejected\":\"...\"},\n"
    "  {\"error\":\"...\",\"refused\":\"too-long\"}\n"
    "\n"
    "options:\n"
    "  --offer             make the first offer: a data channel, audio and video\n"
    "  --data-only         no audio, no video\n"
    "  --trickle           send candidates as they come, instead of inside the description\n"
    "  --setup ROLE        as answerer be DTLS active (default) or passive\n"
    "  --bind ADDR[:PORT]  local address to use; may be repeated (default: every interface)\n"
    "  --port N            UDP port for the addresses that name none (default: any)\n"
    "  --stun URL          learn our public address from stun:host[:port]\n"
    "  --pump KIND         auto, uring or epoll (default: uring where it works)\n"
    "  --keylog FILE       append key material in NSS format, for decrypting captures\n"
    "  --seed N            make every random choice from N: for repeatable tests, not for secrecy\n"
    "  --dtls VERSION      the newest version to speak: 1.2 or 1.3 (default)\n"
    "  --channel           open a data channel as answerer too\n"
    "  --negotiated ID     the channel is agreed on outside: no OPEN is sent, both sides use stream ID\n"
    "  --channel-wait S    end a channel of ours that the other side does not answer in S seconds\n"
    "                      (default: 30; 0: never)\n"
    "  --greet BYTES       send a text of so many bytes on each channel as soon as that may be\n"
    "  --no-echo           send nothing back: for one of two weir-peers\n"
    "  --no-snap           set SCTP up by packets, not in the descriptions\n"
    "  --ice-lite          be an ICE lite agent: wait to be asked; for public addresses\n"
    "  --no-sped           do not let ICE's checks carry the DTLS handshake\n"
    "  --no-cid            no DTLS connection ids: a peer whose address changes is found later\n"
    "  --no-tickets        shake hands in full with a weir that was met before\n"
    "  --hybrid            begin DTLS with X25519MLKEM768, if the crypto provider has ML-KEM\n"
    "  --help              this text\n";

/* -- Events ------------------------------------------------------------------------------------ */

static void on_event(struct program *p, const struct weir_event *e)
{
    if (e->type == WEIR_EVENT_STATE && e->state == WEIR_PEER_CONNECTED) {
        setup_keylog(&p->setup, p->peer);
    }
    if (e->type == WEIR_EVENT_CANDIDATE && e->data.n == 0 && p->owes_description) {
        describe_now(p);
    }
    report_event(p, e);
    if (e->type == WEIR_EVENT_CHANNEL_OPEN && e->is_remote) {
        greet(p, e->channel);
    }
    p->is_over |= e->type == WEIR_EVENT_STATE && e->state == WEIR_PEER_CLOSED;
    if (!p->is_silent) {
        echo_event(p->node, e);
    }
}

/* -- Program ----------------------------------------------------------------------------------- */

static void wake_node(void *node)
{
    weir_node_wake(node);
}

static bool open_channel(struct program *p)
{
    const struct weir_sctp_channel_config channel = { .label = WEIR_LIT("weir"), .priority = 256,
                                                      .is_negotiated = p->is_negotiated,
                                                      .id = p->channel_id };
    bool is_open = weir_open_channel(p->node, p->peer, &channel, &p->own_channel) == WEIR_OK;
    if (!is_open) {
        fprintf(stderr, "the channel could not be opened\n");
    }
    return is_open;
}

static bool begin(struct program *p)
{
    p->node = setup_open(&p->setup);
    if (p->node == NULL) {
        return false;
    }
    setup_signals(p->node);
    p->peer = weir_node_peer(p->node, p->is_data_only);
    p->lines = lines_open(STDIN_FILENO, wake_node, p->node);
    if (p->peer == NULL || p->lines == NULL) {
        fprintf(stderr, "out of memory for a peer\n");
        return false;
    }
    weir_peer_set_setup(p->peer, p->role);
    if (p->is_opener && !open_channel(p)) {
        return false;
    }
    if (p->is_offerer) {
        uint8_t media;
        bool is_ready = p->is_data_only
                        || (weir_peer_add_media(p->peer, WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media)
                                == WEIR_OK
                            && weir_peer_add_media(p->peer, WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media)
                                   == WEIR_OK);
        if (!is_ready) {
            fprintf(stderr, "the offer could not be prepared\n");
            return false;
        }
        describe(p, false);
    }
    return true;
}

static void run(struct program *p)
{
    while (!p->is_over && !setup_is_interrupted()) {
        weir_time until = p->owes_description ? p->describe_at : WEIR_NEVER;
        struct weir_event event;
        char *line;
        if (weir_node_wait(p->node, until) != WEIR_OK) {
            fprintf(stderr, "the packet pump broke; try --pump epoll\n");
            return;
        }
        while (weir_node_event(p->node, &event)) {
            on_event(p, &event);
        }
        if (p->owes_description && weir_node_now(p->node) >= p->describe_at) {
            describe_now(p);
        }
        while ((line = lines_take(p->lines)) != NULL) {
            take_line(p, line);
            free(line);
        }
        p->is_over |= lines_at_end(p->lines);
    }
}

static bool read_size(const char *text, size_t max, size_t *out)
{
    char *end;
    *out = strtoul(text, &end, 10);
    bool is_number = *text >= '0' && *text <= '9' && *end == '\0' && *out <= max;
    if (!is_number) {
        fprintf(stderr, "%s: give a number up to %zu\n", text, max);
    }
    return is_number;
}

static bool read_options(struct program *p, int argc, char **argv)
{
    static const struct option options[] = {
        { "offer", no_argument, NULL, 'o' },        { "data-only", no_argument, NULL, 'd' },
        { "trickle", no_argument, NULL, 't' },      { "help", no_argument, NULL, 'h' },
        { "setup", required_argument, NULL, 's' },  { "bind", required_argument, NULL, 'n' },
        { "port", required_argument, NULL, 'n' },   { "stun", required_argument, NULL, 'n' },
        { "pump", required_argument, NULL, 'n' },   { "keylog", required_argument, NULL, 'n' },
        { "seed", required_argument, NULL, 'n' },   { "no-snap", no_argument, NULL, 'n' },
        { "no-sped", no_argument, NULL, 'n' },      { "no-cid", no_argument, NULL, 'n' },
        { "ice-lite", no_argument, NULL, 'n' },
        { "no-tickets", no_argument, NULL, 'n' },   { "hybrid", no_argument, NULL, 'n' },
        { "dtls", required_argument, NULL, 'n' },   { "channel-wait", required_argument, NULL, 'n' },
        { "channel", no_argument, NULL, 'c' },      { "negotiated", required_argument, NULL, 'i' },
        { "greet", required_argument, NULL, 'g' },  { "no-echo", no_argument, NULL, 'e' },
        { NULL, 0, NULL, 0 },
    };
    int c, at = 0;
    size_t id = 0;
    while ((c = getopt_long(argc, argv, "", options, &at)) != -1) {
        if (c == 'h') {
            fputs(help, stdout);
            exit(0);
        }
        if (c == '?' || (c == 'n' && !setup_option(&p->setup, options[at].name, optarg))) {
            return false;
        }
        if ((c == 'i' && !read_size(optarg, 65534, &id))
            || (c == 'g' && !read_size(optarg, GREETING_MAX, &p->greeting_bytes))) {
            return false;
        }
        p->is_offerer |= c == 'o';
        p->is_negotiated |= c == 'i';
        p->is_opener |= c == 'o' || c == 'c' || c == 'i';
        p->is_data_only |= c == 'd';
        p->is_trickling |= c == 't';
        p->is_silent |= c == 'e';
        if (c == 's') {
            p->role = strcmp(optarg, "passive") == 0 ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE;
        }
    }
    p->channel_id = (uint16_t)id;
    if (optind != argc) {
        fprintf(stderr, "%s: not an option; see --help\n", argv[optind]);
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    static struct program program;
    struct program *p = &program;
    setup_begin(&p->setup);
    p->setup.node.peers_max = 1;
    p->role = WEIR_SDP_ACTIVE;
    if (!read_options(p, argc, argv)) {
        return 2;
    }
    if (!begin(p)) {
        return 1;
    }
    run(p);
    lines_close(p->lines);
    setup_signals(NULL);
    weir_node_close(p->node);
    return 0;
}
