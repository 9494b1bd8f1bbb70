/* What the examples have in common: two peers of one node that talk over a data channel for two seconds,
 * and end. Which loop drives the node is all that differs. */
#ifndef WEIR_APPS_EXAMPLES_TALK_H
#define WEIR_APPS_EXAMPLES_TALK_H

#include "peer/peer.h"

struct talk {
    struct weir_node *node;
    struct weir_peer *peer[2]; /* who asks, who answers */
    uint16_t channel;          /* of who asks */
    unsigned answers, ends, turns;
    bool is_over;
};

/* Open a node with both peers, introduced to each other. False: a sentence was printed. */
bool talk_begin(struct talk *t);
/* One turn, whatever it was that woke the loop: let the node do what it has to and act on its events. */
void talk_turn(struct talk *t);
/* Ask something: for the loop's own timer, twenty times a second. After two seconds it closes. */
void talk_ask(struct talk *t);
/* Print what happened and close. 0: all was answered, and the loop did not spin; for main to return. */
int talk_end(struct talk *t, const char *loop);

#endif
