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

#define QUEUE_MAX 4096      /* messages waiting one way; a page that sends faster loses some */
#define TEXT_MAX (64 * 1024) /* one message of a page */

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
    struct node *n = q->count < QUEUE_MAX ? calloc(1, sizeof *n) : NULL;
    if (n == NULL) {
        free(m->text);
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

/* -- State ------------------------------------------------------------------------------------- */

struct session {
    uint32_t number;
    struct lws *wsi;
    struct session *next;
    struct queue out;
    char *in; /* a message that arrives in pieces */
    size_t in_bytes;
};

struct web {
    struct lws_context *context;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the queues and is_over */
    struct queue to_shard[WEB_SHARDS_MAX], to_pages;
    unsigned shards;
    struct session *sessions; /* the web thread's */
    uint32_t next_number;
    bool is_over;
    void (*wake)(void *argument, unsigned shard);
    void *argument;
};

static void tell_shard(struct web *w, const struct web_message *m)
{
    unsigned shard = m->session % w->shards;
    pthread_mutex_lock(&w->mutex);
    queue_push(&w->to_shard[shard], m);
    pthread_mutex_unlock(&w->mutex);
    w->wake(w->argument, shard);
}

bool web_take(struct web *w, unsigned shard, struct web_message *out)
{
    pthread_mutex_lock(&w->mutex);
    bool has_one = queue_pop(&w->to_shard[shard], out);
    pthread_mutex_unlock(&w->mutex);
    return has_one;
}

void web_send(struct web *w, uint32_t session, const char *text)
{
    struct web_message m = { WEB_TEXT, session, strdup(text) };
    pthread_mutex_lock(&w->mutex);
    if (m.text != NULL) {
        queue_push(&w->to_pages, &m);
    }
    pthread_mutex_unlock(&w->mutex);
    lws_cancel_service(w->context);
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

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    (void)user;
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return serve_page(wsi, n == 0 ? "/" : (const char *)in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_page(wsi);
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, n);
    }
}

/* -- WebSocket --------------------------------------------------------------------------------- */

static struct session *find_session(struct web *w, uint32_t number)
{
    struct session *s = w->sessions;
    while (s != NULL && s->number != number) {
        s = s->next;
    }
    return s;
}

static void on_opened(struct web *w, struct lws *wsi, struct session **slot)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return;
    }
    s->number = ++w->next_number;
    s->wsi = wsi;
    s->next = w->sessions;
    w->sessions = s;
    *slot = s;
    tell_shard(w, &(struct web_message){ WEB_OPENED, s->number, NULL });
}

static void on_closed(struct web *w, struct session *s)
{
    struct web_message m;
    struct session **link = &w->sessions;
    while (*link != s) {
        link = &(*link)->next;
    }
    *link = s->next;
    while (queue_pop(&s->out, &m)) {
        free(m.text);
    }
    tell_shard(w, &(struct web_message){ WEB_CLOSED, s->number, NULL });
    free(s->in);
    free(s);
}

/* A message may come in pieces; one that grows too large closes the page. */
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
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
        tell_shard(w, &(struct web_message){ WEB_TEXT, s->number, s->in });
        s->in = NULL;
        s->in_bytes = 0;
    }
    return 0;
}

static int on_writable(struct session *s)
{
    struct web_message m;
    if (!queue_pop(&s->out, &m)) {
        return 0;
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
    if (s->out.first != NULL) {
        lws_callback_on_writable(s->wsi);
    }
    return written < 0 ? -1 : 0;
}

/* Spread what the shards queued over the pages. */
static void distribute(struct web *w)
{
    struct web_message m;
    pthread_mutex_lock(&w->mutex);
    while (queue_pop(&w->to_pages, &m)) {
        struct session *s = find_session(w, m.session);
        if (s == NULL) {
            free(m.text);
        } else if (queue_push(&s->out, &m)) {
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
    case LWS_CALLBACK_ESTABLISHED:
        on_opened(w, wsi, slot);
        return *slot == NULL ? -1 : 0;
    case LWS_CALLBACK_RECEIVE:
        return on_text(w, wsi, *slot, in, n);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writable(*slot);
    case LWS_CALLBACK_CLOSED:
        if (*slot != NULL) {
            on_closed(w, *slot);
        }
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        distribute(w);
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

struct web *web_open(const char *address, int port, unsigned shards,
                     void (*wake)(void *argument, unsigned shard), void *argument, char error[200])
{
    struct web *w = calloc(1, sizeof *w);
    struct lws_context_creation_info info = { .port = port, .iface = address,
                                              .protocols = protocols, .user = w, .gid = -1,
                                              .uid = -1 };
    if (w == NULL) {
        return NULL;
    }
    w->wake = wake;
    w->shards = shards;
    w->argument = argument;
    pthread_mutex_init(&w->mutex, NULL);
    lws_set_log_level(0, NULL);
    w->context = can_listen(address, port) ? lws_create_context(&info) : NULL;
    if (w->context == NULL || pthread_create(&w->thread, NULL, serve, w) != 0) {
        snprintf(error, 200, "cannot serve on %s port %d: is the port in use, or the address not of "
                             "this host? choose another with --listen ADDR:PORT", address, port);
        free(w);
        return NULL;
    }
    return w;
}

void web_close(struct web *w)
{
    struct web_message m;
    pthread_mutex_lock(&w->mutex);
    w->is_over = true;
    pthread_mutex_unlock(&w->mutex);
    lws_cancel_service(w->context);
    pthread_join(w->thread, NULL);
    lws_context_destroy(w->context);
    for (unsigned i = 0; i < w->shards; i++) {
        while (queue_pop(&w->to_shard[i], &m)) {
            free(m.text);
        }
    }
    while (queue_pop(&w->to_pages, &m)) {
        free(m.text);
    }
    free(w);
}
