/* HTTP and WebSocket with libwebsockets, in one thread. */
#define _GNU_SOURCE
#include "apps/demo/web.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apps/demo/page.h"

#define TEXT_MAX (160 * 1024)  /* one message of a page: a description of 128 KiB as JSON */
#define IN_MAX 256             /* texts of a page that wait for its shard; one more closes it */
#define OUT_MAX 256            /* texts that wait for a page; one more closes it */
#define NEWS_MAX 4             /* beyond so many, news are left out */

/* -- Queues ------------------------------------------------------------------------------------ */

struct node {
    struct node *next;
    struct web_message message;
};

struct queue {
    struct node *first, **last;
    unsigned count;
};

static bool queue_push(struct queue *q, const struct web_message *m)
{
    struct node *n = calloc(1, sizeof *n);
    if (n == NULL) {
        return false;
    }
    n->message = *m;
    if (q->last == NULL) {
        q->last = &q->first;
    }
    *q->last = n;
    q->last = &n->next;
    q->count++;
    return true;
}

static bool queue_pop(struct queue *q, struct web_message *out)
{
    struct node *n = q->first;
    if (n == NULL) {
        return false;
    }
    *out = n->message;
    q->first = n->next;
    q->count--;
    if (q->first == NULL) {
        q->last = &q->first;
    }
    free(n);
    return true;
}

static void queue_drop(struct queue *q)
{
    struct web_message m;
    while (queue_pop(q, &m)) {
        free(m.text);
    }
}

/* -- State ------------------------------------------------------------------------------------- */

/* A page's WebSocket. Its place in the table is part of its number. */
struct session {
    uint32_t number; /* 0: free */
    struct lws *wsi;
    struct queue out;
    unsigned in_waiting; /* its texts in the queue of its shard */
    bool is_ending;      /* closes when `out` is empty */
    bool has_spoken;
    char *in; /* a message that arrives in pieces */
    size_t in_bytes;
};

struct web {
    struct web_config config;
    struct web_cert made;
    struct lws_context *context;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the queues, the sessions' numbers and flags, and is_over */
    struct queue to_shard[WEB_SHARDS_MAX];
    struct session session[WEB_SESSIONS_MAX];
    uint32_t generation;
    bool is_over;
};

/* The session with this number, or NULL when it is gone. Under the mutex. */
static struct session *find_session(struct web *w, uint32_t number)
{
    struct session *s = &w->session[number % WEB_SESSIONS_MAX];
    return s->number == number ? s : NULL;
}

static unsigned shard_of(const struct web *w, uint32_t number)
{
    return number / WEB_SESSIONS_MAX % w->config.shards;
}

/* That a page opened or closed always finds room; its texts are bounded. */
static bool tell_shard(struct web *w, struct session *s, enum web_kind kind, char *text)
{
    struct web_message m = { kind, s->number, text };
    unsigned shard = shard_of(w, s->number);
    pthread_mutex_lock(&w->mutex);
    bool is_told = (kind != WEB_TEXT || s->in_waiting < IN_MAX) && queue_push(&w->to_shard[shard], &m);
    s->in_waiting += is_told && kind == WEB_TEXT ? 1 : 0;
    pthread_mutex_unlock(&w->mutex);
    if (is_told) {
        w->config.wake(w->config.argument, shard);
    } else {
        free(text);
    }
    return is_told;
}

bool web_take(struct web *w, unsigned shard, struct web_message *out)
{
    pthread_mutex_lock(&w->mutex);
    bool has_one = queue_pop(&w->to_shard[shard], out);
    struct session *s = has_one && out->kind == WEB_TEXT ? find_session(w, out->session) : NULL;
    if (s != NULL) {
        s->in_waiting--;
    }
    pthread_mutex_unlock(&w->mutex);
    return has_one;
}

void web_send(struct web *w, uint32_t session, const char *text, bool is_news)
{
    struct web_message m = { WEB_TEXT, session, NULL };
    pthread_mutex_lock(&w->mutex);
    struct session *s = find_session(w, session);
    if (s != NULL && !(is_news && s->out.count >= NEWS_MAX)) {
        m.text = s->out.count < OUT_MAX ? strdup(text) : NULL;
        if (m.text == NULL || !queue_push(&s->out, &m)) {
            free(m.text);
            s->is_ending = true; /* it lost something that it needs: let it begin anew */
        }
    }
    pthread_mutex_unlock(&w->mutex);
    lws_cancel_service(w->context);
}

void web_end(struct web *w, uint32_t session)
{
    pthread_mutex_lock(&w->mutex);
    struct session *s = find_session(w, session);
    if (s != NULL) {
        s->is_ending = true;
    }
    pthread_mutex_unlock(&w->mutex);
    lws_cancel_service(w->context);
}

/* -- Who is welcome ---------------------------------------------------------------------------- */

static bool is_welcome(struct web *w, struct lws *wsi)
{
    char host[256] = "", origin[300] = "";
    int host_bytes = lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST);
    int origin_bytes = lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN);
    if (host_bytes <= 0) { /* HTTP/2 says it so */
        host_bytes = lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HTTP_COLON_AUTHORITY);
    }
    /* -1: longer than any of ours. */
    return host_bytes > 0 && origin_bytes >= 0 && web_is_welcome(&w->config, host, origin);
}

/* -- Pages ------------------------------------------------------------------------------------- */

static const struct page *find_page(const char *path)
{
    for (const struct page *p = pages; p->path != NULL; p++) {
        if (strcmp(p->path, path) == 0) {
            return p;
        }
    }
    return NULL;
}

static int serve_page(struct lws *wsi, const char *path)
{
    const struct page *page = find_page(path);
    uint8_t buffer[LWS_PRE + 1024], *at = buffer + LWS_PRE, *begin = at, *end = buffer + sizeof buffer;
    if (page == NULL) {
        lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, NULL);
        return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
    }
    if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, page->type, page->bytes, &at, end) != 0
        || lws_add_http_header_by_name(wsi, (const uint8_t *)"cache-control:",
                                       (const uint8_t *)"no-store", 8, &at, end) != 0
        || lws_finalize_write_http_header(wsi, begin, &at, end) != 0) {
        return -1;
    }
    *(const struct page **)lws_wsi_user(wsi) = page;
    lws_callback_on_writable(wsi);
    return 0;
}

static int write_page(struct lws *wsi)
{
    const struct page **slot = lws_wsi_user(wsi);
    if (slot == NULL || *slot == NULL) {
        return 0;
    }
    const struct page *page = *slot;
    uint8_t *copy = malloc(LWS_PRE + page->bytes);
    if (copy == NULL) {
        return -1;
    }
    memcpy(copy + LWS_PRE, page->data, page->bytes);
    int written = lws_write(wsi, copy + LWS_PRE, page->bytes, LWS_WRITE_HTTP_FINAL);
    free(copy);
    *slot = NULL;
    return written < 0 || lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

static int refuse(struct lws *wsi)
{
    lws_return_http_status(wsi, HTTP_STATUS_FORBIDDEN, "this name or origin is not served; see --host");
    return -1;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    struct web *w = lws_context_user(lws_get_context(wsi));
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return is_welcome(w, wsi) ? serve_page(wsi, n == 0 ? "/" : (const char *)in) : refuse(wsi);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_page(wsi);
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, n);
    }
}

/* -- WebSocket --------------------------------------------------------------------------------- */

/* A free place, and a number that was not there before. */
static struct session *take_place(struct web *w)
{
    struct session *s = NULL;
    pthread_mutex_lock(&w->mutex);
    for (uint32_t i = 0; i < WEB_SESSIONS_MAX && s == NULL; i++) {
        if (w->session[i].number == 0) {
            s = &w->session[i];
            memset(s, 0, sizeof *s);
            s->number = ++w->generation * WEB_SESSIONS_MAX + i;
        }
    }
    pthread_mutex_unlock(&w->mutex);
    return s;
}

static int on_opened(struct web *w, struct lws *wsi, struct session **slot)
{
    struct session *s = take_place(w);
    *slot = s;
    if (s == NULL) {
        return -1;
    }
    s->wsi = wsi;
    lws_set_timer_usecs(wsi, WEB_OFFER_SECONDS * LWS_USEC_PER_SEC);
    return tell_shard(w, s, WEB_OPENED, NULL) ? 0 : -1;
}

static void on_closed(struct web *w, struct session *s)
{
    (void)tell_shard(w, s, WEB_CLOSED, NULL);
    pthread_mutex_lock(&w->mutex);
    queue_drop(&s->out);
    free(s->in);
    s->in = NULL;
    s->number = 0;
    pthread_mutex_unlock(&w->mutex);
}

/* A message may come in pieces; one that grows too large closes the page, as do too many. */
static int on_text(struct web *w, struct lws *wsi, struct session *s, const char *piece, size_t n)
{
    if (s->in_bytes + n > TEXT_MAX) {
        return -1;
    }
    char *grown = realloc(s->in, s->in_bytes + n + 1);
    if (grown == NULL) {
        return -1;
    }
    memcpy(grown + s->in_bytes, piece, n);
    s->in = grown;
    s->in_bytes += n;
    s->in[s->in_bytes] = '\0';
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) != 0) {
        return 0;
    }
    s->has_spoken = true;
    s->in = NULL;
    s->in_bytes = 0;
    return tell_shard(w, s, WEB_TEXT, grown) ? 0 : -1;
}

static int on_writable(struct web *w, struct session *s)
{
    struct web_message m;
    pthread_mutex_lock(&w->mutex);
    bool has_one = queue_pop(&s->out, &m);
    bool is_last = s->out.first == NULL, is_ending = s->is_ending;
    pthread_mutex_unlock(&w->mutex);
    if (!has_one) {
        return is_ending ? -1 : 0;
    }
    size_t n = strlen(m.text);
    uint8_t *copy = malloc(LWS_PRE + n);
    int written = -1;
    if (copy != NULL) {
        memcpy(copy + LWS_PRE, m.text, n);
        written = lws_write(s->wsi, copy + LWS_PRE, n, LWS_WRITE_TEXT);
        free(copy);
    }
    free(m.text);
    if (!is_last || is_ending) {
        lws_callback_on_writable(s->wsi);
    }
    return written < 0 ? -1 : 0;
}

/* Pages for which something waits, or whose end does. */
static void ask_to_write(struct web *w)
{
    pthread_mutex_lock(&w->mutex);
    for (uint32_t i = 0; i < WEB_SESSIONS_MAX; i++) {
        struct session *s = &w->session[i];
        if (s->number != 0 && s->wsi != NULL && (s->out.first != NULL || s->is_ending)) {
            lws_callback_on_writable(s->wsi);
        }
    }
    pthread_mutex_unlock(&w->mutex);
}

static int on_socket(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    struct web *w = lws_context_user(lws_get_context(wsi));
    struct session **slot = user;
    switch ((int)reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return is_welcome(w, wsi) ? 0 : refuse(wsi);
    case LWS_CALLBACK_ESTABLISHED:
        return on_opened(w, wsi, slot);
    case LWS_CALLBACK_RECEIVE:
        return on_text(w, wsi, *slot, in, n);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writable(w, *slot);
    case LWS_CALLBACK_TIMER:
        return *slot != NULL && (*slot)->has_spoken ? 0 : -1;
    case LWS_CALLBACK_CLOSED:
        if (*slot != NULL) {
            on_closed(w, *slot);
            *slot = NULL;
        }
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        ask_to_write(w);
        return 0;
    default:
        return 0;
    }
}

/* -- Life -------------------------------------------------------------------------------------- */

static const struct lws_protocols protocols[] = {
    { "http", on_http, sizeof(const struct page *), 0, 0, NULL, 0 },
    { "weir", on_socket, sizeof(struct session *), TEXT_MAX, 0, NULL, 0 },
    { NULL, NULL, 0, 0, 0, NULL, 0 },
};

static void *serve(void *argument)
{
    struct web *w = argument;
    bool is_over = false;
    while (!is_over && lws_service(w->context, 0) >= 0) {
        pthread_mutex_lock(&w->mutex);
        is_over = w->is_over;
        pthread_mutex_unlock(&w->mutex);
    }
    return NULL;
}

/* libwebsockets goes on without its listening socket when it cannot have it: ask first. */
static bool can_listen(const char *address, int port)
{
    char service[8];
    const int on = 1;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE };
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(address, service, &hints, &found) != 0) {
        return false;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
                   && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
    if (fd >= 0) {
        close(fd);
    }
    freeaddrinfo(found);
    return is_free;
}

static const lws_retry_bo_t patience = { .secs_since_valid_ping = WEB_PING_SECONDS,
                                         .secs_since_valid_hangup = WEB_HANGUP_SECONDS };

/* Certificate and key: those of the config, or some made for this run. */
static bool prepare_https(struct web *w, struct lws_context_creation_info *info, char error[300])
{
    if (w->config.cert == NULL && !web_cert_make(&w->made)) {
        snprintf(error, 300, "cannot make a certificate in /tmp; give one with --cert and --key");
        return false;
    }
    info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info->ssl_cert_filepath = w->config.cert != NULL ? w->config.cert : w->made.cert;
    info->ssl_private_key_filepath = w->config.cert != NULL ? w->config.key : w->made.key;
    if (access(info->ssl_cert_filepath, R_OK) != 0 || access(info->ssl_private_key_filepath, R_OK) != 0) {
        snprintf(error, 300, "cannot read %s or %s", info->ssl_cert_filepath,
                 info->ssl_private_key_filepath);
        return false;
    }
    return true;
}

static bool start(struct web *w, char error[300])
{
    const struct web_config *c = &w->config;
    struct lws_context_creation_info info = { .port = c->port, .iface = c->address, .protocols = protocols,
                                              .user = w, .gid = -1, .uid = -1,
                                              .retry_and_idle_policy = &patience };
    lws_set_log_level(0, NULL);
    if (c->is_https && !prepare_https(w, &info, error)) {
        return false;
    }
    if (!can_listen(c->address, c->port)) {
        snprintf(error, 300, "cannot serve on %s port %d: is the port in use, or the address not of this "
                             "host? choose another with --listen ADDR:PORT", c->address, c->port);
        return false;
    }
    w->context = lws_create_context(&info);
    if (w->context == NULL) {
        snprintf(error, 300, "the web server does not start: are --cert and --key PEM files that belong "
                             "together?");
        return false;
    }
    return pthread_create(&w->thread, NULL, serve, w) == 0;
}

struct web *web_open(const struct web_config *config, char error[300])
{
    struct web *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->config = *config;
    pthread_mutex_init(&w->mutex, NULL);
    bool is_open = start(w, error);
    web_cert_remove(&w->made); /* it was read */
    if (!is_open) {
        if (w->context != NULL) {
            lws_context_destroy(w->context);
        }
        free(w);
        return NULL;
    }
    return w;
}

void web_close(struct web *w)
{
    pthread_mutex_lock(&w->mutex);
    w->is_over = true;
    pthread_mutex_unlock(&w->mutex);
    lws_cancel_service(w->context);
    pthread_join(w->thread, NULL);
    lws_context_destroy(w->context);
    for (unsigned i = 0; i < w->config.shards; i++) {
        queue_drop(&w->to_shard[i]);
    }
    free(w);
}
