/* The demo's web side: pages over HTTP or HTTPS and one WebSocket per page, in a thread of its own.
 *
 * Threads meet in bounded queues of text lines, one to each shard and one to each page; nothing else is
 * shared. That a page opened or closed is never dropped; a page whose texts outgrow its queue is closed.
 */
#ifndef WEIR_APPS_DEMO_WEB_H
#define WEIR_APPS_DEMO_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct web;

enum web_kind { WEB_OPENED, WEB_TEXT, WEB_CLOSED };

struct web_message {
    enum web_kind kind;
    uint32_t session; /* a page's number, never used again */
    char *text;       /* WEB_TEXT; the taker frees it */
};

#define WEB_SHARDS_MAX 64
#define WEB_SESSIONS_MAX 512      /* WebSockets at one time; one more is refused */
#define WEB_HOSTS_MAX 8           /* names that --host allows */
#define WEB_OFFER_SECONDS 10      /* a page that has sent no text by then is closed */
#define WEB_PING_SECONDS 20       /* after so much silence a page is asked whether it is there ... */
#define WEB_HANGUP_SECONDS 40     /* ... and closed after so much */

struct web_config {
    const char *address;          /* to listen on */
    int port;
    unsigned shards;              /* the pages are theirs in turn */
    const char *hosts[WEB_HOSTS_MAX]; /* names this server has besides localhost and its addresses */
    unsigned host_count;
    bool is_https;
    const char *cert, *key;       /* PEM files; NULL: a certificate is made for this run */
    void (*wake)(void *argument, unsigned shard); /* from the web thread: a message waits for it */
    void *argument;
};

/* NULL: error says why in a sentence. */
struct web *web_open(const struct web_config *config, char error[300]);
void web_close(struct web *w);

/* The next message of a page of this shard; false when none waits. */
bool web_take(struct web *w, unsigned shard, struct web_message *out);
/* Send a text to a page. One that is gone is forgotten. `is_news`: what a later text replaces, dropped
 * where a page does not keep up. */
void web_send(struct web *w, uint32_t session, const char *text, bool is_news);
/* The page's connection is over: its socket closes when it has taken what was sent. */
void web_end(struct web *w, uint32_t session);

/* -- web_guard.c ------------------------------------------------------------------------------- */

/* May a request with these headers (Host, and Origin or an empty text) be served? Any address, localhost
 * and the names of the config may be Host; an Origin must be the page of that same host. Another page on
 * the internet cannot give the first (a name that it points here) nor the second. */
bool web_is_welcome(const struct web_config *config, const char *host, const char *origin);

/* -- web_cert.c -------------------------------------------------------------------------------- */

struct web_cert {
    char directory[64], cert[80], key[80]; /* PEM files of this run */
};

/* Make a key and a certificate for it in files that only we can read, and take them away again. */
bool web_cert_make(struct web_cert *c);
void web_cert_remove(const struct web_cert *c);

#endif
