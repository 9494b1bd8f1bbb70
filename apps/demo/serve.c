/* The demo with browsers.
 *
 *   1. a page opens its WebSocket, and sends an offer: a peer is made for it;
 *   2. its offer is answered, candidates go both ways;
 *   3. what it sends comes back, and twice a second it is told what the protocols are doing;
 *   4. it closes, or its connection fails: the peer is freed, and the WebSocket closed.
 *
 * With several shards each runs in a thread of its own, and pages go to them in turn.
 */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "apps/common/echo.h"
#include "apps/demo/demo.h"
#include "apps/demo/web.h"
#include "core/pump/pump.h"

#define STATS_INTERVAL (500 * WEIR_MS)

/* One shard's. */
struct server {
    struct setup *setup;
    struct weir_node *node;
    struct web *web;
    unsigned shard;
    weir_time stats_at;
    int status;
    uint8_t answer[WEIR_PEER_SDP_MAX];
};

static struct server server[WEIR_SHARDS_MAX];
static unsigned shards;

/* The peer of a page, or NULL: its number is the peer's `user`. */
static struct weir_peer *find_peer(const struct server *s, uint32_t session)
{
    for (uint32_t i = 0; i < s->setup->node.peers_max; i++) {
        struct weir_peer *p = weir_node_peer_at(s->node, i);
        if (p != NULL && weir_peer_user(p) == session) {
            return p;
        }
    }
    return NULL;
}

static void tell(const struct server *s, uint32_t session, const char *type, const char *key,
                 const char *value)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", type);
    cJSON_AddStringToObject(o, key, value);
    char *text = cJSON_PrintUnformatted(o);
    web_send(s->web, session, text, false);
    free(text);
    cJSON_Delete(o);
}

/* A page has a place from its first offer on; one that only opens its socket takes none. */
static struct weir_peer *make_peer(struct server *s, uint32_t session)
{
    struct weir_peer *p = weir_node_peer(s->node, false);
    if (p == NULL) {
        tell(s, session, "full", "text", "this server has no room for another browser");
        web_end(s->web, session);
        return NULL;
    }
    weir_peer_set_user(p, session);
    return p;
}

static void close_session(struct server *s, uint32_t session)
{
    struct weir_peer *p = find_peer(s, session);
    if (p != NULL) {
        weir_close(s->node, p);
        weir_peer_set_user(p, 0); /* freed when it has said its goodbyes */
    }
}

static void take_offer(struct server *s, struct weir_peer *p, uint32_t session, const char *sdp)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ s->answer, sizeof s->answer - 1 });
    struct weir_sdp_error error = { WEIR_SDP_OK, 0 };
    bool is_taken = weir_set_remote_offer(s->node, p, weir_span_of(sdp, strlen(sdp)), &error) == WEIR_OK;
    echo_sections(p);
    if (!is_taken || weir_create_answer(s->node, p, &w) != WEIR_OK) {
        char text[400];
        snprintf(text, sizeof text, "the offer was refused, line %u: %s", error.line,
                 weir_sdp_verdict_text(error.verdict));
        tell(s, session, "error", "text", text);
        return;
    }
    s->answer[w.len] = '\0';
    tell(s, session, "answer", "sdp", (const char *)s->answer);
}

static void take_text(struct server *s, uint32_t session, const char *text)
{
    struct weir_peer *p = find_peer(s, session);
    cJSON *o = cJSON_Parse(text);
    const char *sdp = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "sdp"));
    const char *candidate = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "candidate"));
    if (sdp != NULL) {
        p = p != NULL ? p : make_peer(s, session);
        if (p != NULL) {
            take_offer(s, p, session, sdp);
        }
    } else if (p != NULL && candidate != NULL) {
        (void)!weir_add_candidate(s->node, p, weir_span_of(candidate, strlen(candidate)));
    } else if (o == NULL) {
        tell(s, session, "error", "text", "not JSON");
    }
    cJSON_Delete(o);
}

static void take_web(struct server *s)
{
    struct web_message m;
    while (web_take(s->web, s->shard, &m)) {
        switch (m.kind) {
        case WEB_OPENED:
            break;
        case WEB_TEXT:
            take_text(s, m.session, m.text);
            free(m.text);
            break;
        case WEB_CLOSED:
            close_session(s, m.session);
            break;
        }
    }
}

static void take_event(struct server *s, const struct weir_event *e)
{
    struct weir_peer *p = e->peer;
    uint32_t session = (uint32_t)weir_peer_user(p);
    if (e->type == WEIR_EVENT_STATE) {
        if (e->state == WEIR_PEER_CONNECTED) {
            setup_keylog(s->setup, p);
        }
        tell(s, session, "state", "state", weir_peer_state_name(e->state));
        if (e->state == WEIR_PEER_CLOSED || e->state == WEIR_PEER_FAILED) {
            web_end(s->web, session);
            weir_node_free(s->node, p);
            return;
        }
    } else if (e->type == WEIR_EVENT_CANDIDATE && e->data.n != 0) {
        char text[200];
        snprintf(text, sizeof text, "%.*s", (int)e->data.n, (const char *)e->data.p);
        tell(s, session, "candidate", "candidate", text);
    }
    echo_event(s->node, e);
}

static void send_stats(struct server *s)
{
    s->stats_at = weir_time_add(weir_node_now(s->node), STATS_INTERVAL);
    for (uint32_t i = 0; i < s->setup->node.peers_max; i++) {
        struct weir_peer *p = weir_node_peer_at(s->node, i);
        if (p != NULL && weir_peer_user(p) != 0 && weir_peer_has_remote(p)) {
            char *text = demo_stats(s->node, p);
            web_send(s->web, (uint32_t)weir_peer_user(p), text, true);
            free(text);
        }
    }
}

static void wake_shard(void *unused, unsigned shard)
{
    (void)unused;
    weir_node_wake(server[shard].node);
}

static void *run(void *argument)
{
    struct server *s = argument;
    while (!setup_is_interrupted()) {
        struct weir_event event;
        weir_time until = weir_node_peers(s->node) == 0 ? WEIR_NEVER : s->stats_at;
        if (weir_node_wait(s->node, until) != WEIR_OK) {
            fprintf(stderr, "the packet pump broke; try --pump epoll\n");
            s->status = 1;
            break;
        }
        while (weir_node_event(s->node, &event)) {
            take_event(s, &event);
        }
        take_web(s);
        if (weir_node_now(s->node) >= s->stats_at) {
            send_stats(s);
        }
    }
    return NULL;
}

/* The first shard runs here, where signals arrive; it ends the others. */
static int run_all(void)
{
    pthread_t thread[WEIR_SHARDS_MAX];
    unsigned running = 1;
    int status = 0;
    while (running < shards && pthread_create(&thread[running], NULL, run, &server[running]) == 0) {
        running++;
    }
    run(&server[0]);
    for (unsigned i = 1; i < running; i++) {
        weir_node_wake(server[i].node);
        pthread_join(thread[i], NULL);
    }
    for (unsigned i = 0; i < shards; i++) {
        status |= server[i].status;
    }
    return status | (running < shards ? 1 : 0);
}

/* Where the page opens: at the address, or for 0.0.0.0 and :: at every address of this host. */
static void print_addresses(const struct web_config *c)
{
    struct weir_addr listen, own[32];
    char text[WEIR_ADDR_TEXT_BYTES];
    size_t n = 1;
    if (!weir_addr_parse(weir_span_of(c->address, strlen(c->address)), &listen)) {
        return; /* main has parsed it before */
    }
    own[0] = listen;
    if (weir_addr_is_any(&listen)) {
        n = weir_pump_interfaces(own, sizeof own / sizeof own[0], true);
    }
    for (size_t i = 0; i < n; i++) {
        /* On :: the kernel takes IPv4 as well. */
        if (own[i].family == listen.family || listen.family == WEIR_IPV6) {
            own[i].port = (uint16_t)c->port;
            printf("  %s://%s\n", c->is_https ? "https" : "http", weir_addr_text(&own[i], text));
        }
    }
}

int demo_serve(struct setup *setup, const struct web_config *config)
{
    char error[300] = "";
    struct web_config c = *config;
    setup->node.peers_max = setup->node.peers_max == 0 ? 64 : setup->node.peers_max;
    struct weir_shards *all = setup_open_shards(setup);
    if (all == NULL) {
        return 1;
    }
    shards = setup->shards;
    setup_signals(weir_shards_node(all, 0));
    struct web *web = NULL;
    for (unsigned i = 0; i < shards; i++) {
        server[i] = (struct server){ .setup = setup, .node = weir_shards_node(all, i), .shard = i };
    }
    c.shards = shards;
    c.wake = wake_shard;
    web = web_open(&c, error);
    if (web == NULL) {
        fprintf(stderr, "%s\n", error);
        setup_signals(NULL);
        weir_shards_close(all);
        return 1;
    }
    for (unsigned i = 0; i < shards; i++) {
        server[i].web = web;
    }
    struct weir_node_stats stats = weir_node_stats(server[0].node);
    printf("weir demo (%s, %s, %u shard%s): open in a browser\n", stats.pump_name,
           (setup->node.crypto != NULL ? setup->node.crypto : weir_crypto_default())->name, shards,
           shards == 1 ? "" : "s");
    print_addresses(&c);
    printf("Ctrl-C ends.\n");
    fflush(stdout);
    int status = run_all();
    web_close(web);          /* its thread wakes the nodes: it must end first */
    setup_signals(NULL);
    weir_shards_close(all);  /* says goodbye to every browser */
    return status;
}
