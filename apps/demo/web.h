/* The demo's web side: pages over HTTP and one WebSocket per page, in a thread of its own.
 *
 * Threads meet in bounded queues of text lines, one to each shard and one to the pages; nothing else is
 * shared.
 */
#ifndef WEIR_APPS_DEMO_WEB_H
#define WEIR_APPS_DEMO_WEB_H

#include <stdbool.h>
#include <stdint.h>

struct web;

enum web_kind { WEB_OPENED, WEB_TEXT, WEB_CLOSED };

struct web_message {
    enum web_kind kind;
    uint32_t session; /* a page's number, never used again */
    char *text;       /* WEB_TEXT; the taker frees it */
};

#define WEB_SHARDS_MAX 64

/* Serve on an address and port, for so many shards: the pages are theirs in turn. wake(argument, shard)
 * is called from the web thread whenever a message waits for that one. NULL: error says why in a
 * sentence. */
struct web *web_open(const char *address, int port, unsigned shards,
                     void (*wake)(void *argument, unsigned shard), void *argument, char error[200]);
void web_close(struct web *w);

/* The next message of a page of this shard; false when none waits. */
bool web_take(struct web *w, unsigned shard, struct web_message *out);
/* Send a text to a page. One that is gone is forgotten. */
void web_send(struct web *w, uint32_t session, const char *text);

#endif
