/* What the demo's files share. */
#ifndef WEIR_APPS_DEMO_DEMO_H
#define WEIR_APPS_DEMO_DEMO_H

#include "apps/common/setup.h"
#include "apps/demo/web.h"

/* Serve pages and echo what browsers send until interrupted; the exit status. */
int demo_serve(struct setup *setup, const struct web_config *config);

/* Let two peers of our own talk to each other in the terminal; 0 only when every byte arrived. */
int demo_self(struct setup *setup);

/* The state of a connection and its node as one line of JSON, to be freed by the caller. */
char *demo_stats(const struct weir_node *node, const struct weir_peer *peer);

#endif
