/* weir-peer: one WebRTC peer that a script drives with JSON lines on stdin and stdout.
 *
 *   1. a line comes in: a description, a candidate, something to send, or a bye;
 *   2. the peer acts on it, and its events go out as lines;
 *   3. whatever the other side sends is echoed.
 */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/common/echo.h"
#include "apps/common/lines.h"
#include "apps/common/setup.h"

#define GREETING_MAX 1000
#define GATHER_WAIT (5 * WEIR_SEC) /* a STUN server that does not answer holds us up no longer */

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
    "  {\"send\":\"text\"}                       send a text on the first open channel\n"
    "  {\"stats\":true}                        answered with {\"stats\":{...}}\n"
    "  {\"bye\":true}                          close and exit\n"
    "out:\n"
    "  {\"type\":\"offer\"|\"answer\",\"sdp\":\"...\"}, {\"type\":\"candidate\",\"candidate\":\"...\"},\n"
    "  {\"state\":\"connecting\"|\"connected\"|\"disconnected\"|\"failed\"|\"closed\"},\n"
    "  {\"channel\":0,\"event\":\"open\"|\"close\",\"label\":\"...\"},\n"
    "  {\"channel\":0,\"event\":\"message\",\"bytes\":5,\"text\":\"hello\"}, {\"error\":\"...\"}\n"
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
    "  --greet BYTES       send a text of so many bytes on each channel as soon as that may be\n"
    "  --no-snap           set SCTP up by packets, not in the descriptions\n"
    "  --ice-lite          be an ICE lite agent: wait to be asked; for public addresses\n"
    "  --no-sped           do not let ICE's checks carry the DTLS handshake\n"
    "  --no-cid            no DTLS connection ids: a peer whose address changes is found later\n"
    "  --no-tickets        shake hands in full with a weir that was met before\n"
    "  --hybrid            begin DTLS with X25519MLKEM768, if the crypto provider has ML-KEM\n"
    "  --help              this text\n";

struct program {
    struct setup setup;
    struct weir_node *node;
    struct weir_peer *peer;
    struct lines *lines;
    bool is_offerer, is_data_only, is_trickling;
    bool is_opener, is_negotiated; /* open a channel as answerer too; agreed on outside */
    uint16_t channel_id;           /* its stream, when agreed on */
    uint16_t own_channel;          /* that we opened */
    size_t greeting_bytes;         /* 0: no greeting */
    bool owes_description; /* write it when gathering is done */
    bool is_answer;
    weir_time describe_at;
    enum weir_sdp_setup role;
    bool is_over;
};

/* -- Out --------------------------------------------------------------------------------------- */

static void print_line(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    if (text != NULL) {
        puts(text);
        fflush(stdout);
        free(text);
    }
    cJSON_Delete(object);
}

static void print_pair(const char *key, const char *value)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, key, value);
    print_line(o);
}

static void print_error(const char *text)
{
    print_pair("error", text);
}

static void greet(struct program *p, uint16_t channel)
{
    static uint8_t text[GREETING_MAX];
    memset(text, 'w', sizeof text);
    if (p->greeting_bytes != 0
        && weir_channel_send(p->node, p->peer, channel, weir_span_of(text, p->greeting_bytes), true)
               != WEIR_OK) {
        print_error("the greeting could not be sent");
    }
}

static void print_description(struct program *p)
{
    static uint8_t sdp[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ sdp, sizeof sdp - 1 });
    p->owes_description = false;
    enum weir_status status = p->is_answer ? weir_create_answer(p->node, p->peer, &w)
                                           : weir_create_offer(p->node, p->peer, &w);
    if (status != WEIR_OK) {
        print_error("the description could not be created");
        return;
    }
    sdp[w.len] = '\0';
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", p->is_answer ? "answer" : "offer");
    cJSON_AddStringToObject(o, "sdp", (const char *)sdp);
    print_line(o);
    if (p->is_answer && p->is_opener) {
        greet(p, p->own_channel);
    }
}

/* Describe at once when trickling or when there is nothing to wait for. */
static void describe(struct program *p, bool is_answer)
{
    p->is_answer = is_answer;
    p->owes_description = true;
    p->describe_at = weir_node_now(p->node) + GATHER_WAIT;
    if (p->is_trickling || p->setup.node.stun_server.family == WEIR_FAMILY_NONE) {
        print_description(p);
    } else {
        weir_gather(p->node, p->peer);
    }
}

/* -- In ---------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static void take_remote(struct program *p, bool is_offer, const char *sdp)
{
    struct weir_sdp_error error = { WEIR_SDP_OK, 0 };
    char text[400];
    struct weir_span span = { (const uint8_t *)sdp, strlen(sdp) };
    enum weir_status status = is_offer ? weir_set_remote_offer(p->node, p->peer, span, &error)
                                       : weir_set_remote_answer(p->node, p->peer, span, &error);
    if (status == WEIR_ERR_ARG) {
        snprintf(text, sizeof text, "line %u: %s", error.line, weir_sdp_verdict_text(error.verdict));
        print_error(text);
    } else if (status != WEIR_OK) {
        print_error(is_offer ? "an offer does not fit the present state"
                             : "an answer does not fit the present state");
    } else if (is_offer) {
        describe(p, true);
    } else {
        greet(p, p->own_channel); /* roles are settled: it leaves with the first packet that may carry it */
    }
}

static void take_candidate(struct program *p, const char *text)
{
    if (weir_add_candidate(p->node, p->peer, weir_span_of(text, strlen(text))) != WEIR_OK) {
        print_error("the candidate is malformed, or came before a description");
    }
}

static void send_text(struct program *p, const char *text)
{
    struct weir_sctp_channel_info info;
    for (uint16_t i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        if (weir_sctp_channel_info(&p->peer->sctp, i, &info)
            && info.state == WEIR_SCTP_CHANNEL_OPEN) {
            if (weir_channel_send(p->node, p->peer, i, weir_span_of(text, strlen(text)), true)
                != WEIR_OK) {
                print_error("the channel is full or the message too large");
            }
            return;
        }
    }
    print_error("no channel is open");
}

/* Milliseconds from having both descriptions to a moment of the set-up. */
static void print_moment(cJSON *stats, const char *key, const struct weir_peer *peer, weir_time at)
{
    weir_time begin = peer->timeline.remote_description;
    if (at != WEIR_NEVER && begin != WEIR_NEVER) {
        cJSON_AddNumberToObject(stats, key, (double)weir_time_since(at, begin) / 1000);
    }
}

static void print_stats(const struct program *p)
{
    const struct weir_peer *peer = p->peer;
    cJSON *o = cJSON_CreateObject(), *s = cJSON_AddObjectToObject(o, "stats");
    cJSON_AddNumberToObject(s, "rx_packets", (double)peer->rx_packets);
    cJSON_AddNumberToObject(s, "tx_packets", (double)peer->tx_packets);
    cJSON_AddStringToObject(s, "dtls", weir_dtls_version_name(&peer->dtls));
    cJSON_AddStringToObject(s, "group", weir_dtls_group_name(&peer->dtls));
    cJSON_AddBoolToObject(s, "resumed", weir_dtls_is_resumed(&peer->dtls));
    cJSON_AddBoolToObject(s, "snap", peer->sctp.is_told);
    cJSON_AddStringToObject(s, "sped", weir_ice_embed_state_name(peer->ice.embed.state));
    cJSON_AddNumberToObject(s, "sped_rx", peer->ice.embed.rx_payloads);
    cJSON_AddNumberToObject(s, "sped_tx", peer->ice.embed.tx_payloads);
    print_moment(s, "dtls_ms", peer, peer->timeline.dtls_done);
    print_moment(s, "channel_ms", peer, peer->timeline.first_channel);
    for (int i = 0; i < WEIR_PEER_VERDICTS; i++) {
        if (i != WEIR_PEER_OK && peer->verdicts[i] != 0) {
            char key[40];
            snprintf(key, sizeof key, "dropped_%s",
                     weir_peer_verdict_name((enum weir_peer_verdict)i));
            cJSON_AddNumberToObject(s, key, peer->verdicts[i]);
        }
    }
    for (unsigned i = 0; i < peer->medias; i++) {
        char key[40];
        snprintf(key, sizeof key, "media%u_rx_packets", i);
        cJSON_AddNumberToObject(s, key, (double)peer->media[i].rx_packets);
        snprintf(key, sizeof key, "media%u_tx_packets", i);
        cJSON_AddNumberToObject(s, key, (double)peer->media[i].tx_packets);
    }
    print_line(o);
}

static void take_line(struct program *p, const char *line)
{
    cJSON *o = cJSON_Parse(line);
    if (o == NULL) {
        print_error("not a line of JSON");
        return;
    }
    const char *type = text_of(o, "type"), *sdp = text_of(o, "sdp");
    const char *candidate = text_of(o, "candidate"), *text = text_of(o, "send");
    if (type != NULL && sdp != NULL && strcmp(type, "offer") == 0) {
        take_remote(p, true, sdp);
    } else if (type != NULL && sdp != NULL && strcmp(type, "answer") == 0) {
        take_remote(p, false, sdp);
    } else if (candidate != NULL) {
        take_candidate(p, candidate);
    } else if (text != NULL) {
        send_text(p, text);
    } else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "stats"))) {
        print_stats(p);
    } else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "bye"))) {
        p->is_over = true;
    } else {
        print_error("want a description, a candidate, send, stats or bye; see --help");
    }
    cJSON_Delete(o);
}

/* -- Events ------------------------------------------------------------------------------------ */

static void print_channel(const struct program *p, const struct weir_event *e, const char *what)
{
    struct weir_sctp_channel_info info;
    char label[128] = "";
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "channel", e->channel);
    cJSON_AddStringToObject(o, "event", what);
    if (e->type == WEIR_EVENT_CHANNEL_OPEN
        && weir_sctp_channel_info(&p->peer->sctp, e->channel, &info)) {
        snprintf(label, sizeof label, "%.*s", (int)info.config.label.n,
                 (const char *)info.config.label.p);
        cJSON_AddStringToObject(o, "label", label);
        cJSON_AddNumberToObject(o, "id", info.id);
    }
    if (e->type == WEIR_EVENT_CHANNEL_MESSAGE) {
        cJSON_AddNumberToObject(o, "bytes", (double)e->data.n);
        if (e->is_text && e->data.n < 1000) {
            char text[1001];
            memcpy(text, e->data.p, e->data.n);
            text[e->data.n] = '\0';
            cJSON_AddStringToObject(o, "text", text);
        }
    }
    print_line(o);
}

/* An address that the other side named and that we will not send to. */
static void print_refused(const struct weir_event *e)
{
    char text[WEIR_ADDR_TEXT_BYTES];
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", "candidate-refused");
    cJSON_AddStringToObject(o, "address", weir_addr_text(&e->path.remote, text));
    cJSON_AddStringToObject(o, "reason", weir_ice_refusal_name(e->refusal));
    print_line(o);
}

static void on_event(struct program *p, const struct weir_event *e)
{
    switch (e->type) {
    case WEIR_EVENT_STATE:
        if (e->state == WEIR_PEER_CONNECTED) {
            setup_keylog(&p->setup, p->peer);
        }
        print_pair("state", weir_peer_state_name(e->state));
        p->is_over |= e->state == WEIR_PEER_FAILED || e->state == WEIR_PEER_CLOSED;
        break;
    case WEIR_EVENT_CANDIDATE:
        if (e->data.n == 0 && p->owes_description) {
            print_description(p);
        }
        if (p->is_trickling) {
            char text[200];
            snprintf(text, sizeof text, "%.*s", (int)e->data.n, (const char *)e->data.p);
            cJSON *o = cJSON_CreateObject();
            cJSON_AddStringToObject(o, "type", "candidate");
            cJSON_AddStringToObject(o, "candidate", text);
            print_line(o);
        }
        break;
    case WEIR_EVENT_CANDIDATE_REFUSED:
        print_refused(e);
        break;
    case WEIR_EVENT_CHANNEL_OPEN:
        print_channel(p, e, "open");
        if (e->is_remote) {
            greet(p, e->channel);
        }
        break;
    case WEIR_EVENT_CHANNEL_CLOSED:
        print_channel(p, e, "close");
        break;
    case WEIR_EVENT_CHANNEL_MESSAGE:
        if (e->data.n < 4096) {
            print_channel(p, e, "message");
        }
        break;
    case WEIR_EVENT_NONE:
    case WEIR_EVENT_SELECTED:
    case WEIR_EVENT_CHANNEL_LOW:
    case WEIR_EVENT_WRITABLE:
    case WEIR_EVENT_DATA_READY:
    case WEIR_EVENT_DATA_CLOSED:
    case WEIR_EVENT_RTP:
    case WEIR_EVENT_KEYFRAME:
    case WEIR_EVENT_NAME:
    case WEIR_EVENT_TYPES:
        break;
    }
    echo_event(p->node, e);
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
    p->peer->config.setup = p->role;
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
            print_description(p);
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
        { "dtls", required_argument, NULL, 'n' },
        { "channel", no_argument, NULL, 'c' },      { "negotiated", required_argument, NULL, 'i' },
        { "greet", required_argument, NULL, 'g' },
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
    weir_node_close(p->node);
    return 0;
}
