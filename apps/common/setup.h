/* What every program needs of the command line: a node's options, in one place. */
#ifndef WEIR_APPS_SETUP_H
#define WEIR_APPS_SETUP_H

#include <stdbool.h>
#include <stdio.h>

#include "peer/peer.h"

#define SETUP_BINDS_MAX 16

struct setup {
    struct weir_node_config node;
    struct weir_addr bind[SETUP_BINDS_MAX];
    char keylog_path[400];
    FILE *keylog;
    uint32_t shards; /* of setup_open_shards; 0 = 1 */
};

void setup_begin(struct setup *s);

/* One option of a node: bind, port, pump, seed, stun, keylog, peers, shards, dtls, hybrid, ice-lite,
 * no-snap, no-sped, no-cid and no-tickets, the last six without value. False, with a sentence on stderr,
 * when the value is no good. */
bool setup_option(struct setup *s, const char *name, const char *value);

/* Open the node; NULL, with a sentence on stderr, when it cannot. */
struct weir_node *setup_open(struct setup *s);

/* Open as many shards as were asked for; NULL, with a sentence on stderr, when that cannot be. */
struct weir_shards *setup_open_shards(struct setup *s);

/* Write the key log lines of a connection that just finished DTLS. */
void setup_keylog(struct setup *s, const struct weir_peer *peer);

/* Make SIGINT and SIGTERM wake the node, none with NULL: before a node is closed. True once one came. */
void setup_signals(struct weir_node *node);
bool setup_is_interrupted(void);

#endif
