/* The echo application: what a peer says comes back. */
#ifndef WEIR_APPS_ECHO_H
#define WEIR_APPS_ECHO_H

#include "peer/peer.h"

/* Answer one event: text as "echo:<text>", bytes as they are, audio and video on the section they came
 * in on, key frame requests to where the video comes from. Other events are left alone. When the way
 * back is full the message waits and the sender's window closes. */
void echo_event(struct weir_node *node, const struct weir_event *event);
/* An offer was taken: in its new sections what comes is sent back. To be said before it is answered. */
void echo_sections(struct weir_peer *peer);

#endif
