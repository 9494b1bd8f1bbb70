/* Two peers of one node that talk, whatever the loop: see talk.h. */
#include "apps/examples/talk.h"

#include <stdio.h>
#include <stdlib.h>

enum { QUESTIONS = 40, TURNS_MAX = 1000 };

/* Descriptions go from peer to peer; in an application a server of its own carries them. */
static bool introduce(struct talk *t)
{
    static uint8_t offer[WEIR_PEER_SDP_MAX], answer[WEIR_PEER_SDP_MAX];
    struct weir_wr o = weir_wr_of((struct weir_mspan){ offer, sizeof offer });
    struct weir_wr a = weir_wr_of((struct weir_mspan){ answer, sizeof answer });
    const struct weir_sctp_channel_config channel = { .label = WEIR_LIT("talk"), .priority = 256 };
    struct weir_sdp_error error;
    t->peer[0] = weir_node_peer(t->node, true);
    t->peer[1] = weir_node_peer(t->node, true);
    return t->peer[0] != NULL && t->peer[1] != NULL
           && weir_open_channel(t->node, t->peer[0], &channel, &t->channel) == WEIR_OK
           && weir_create_offer(t->node, t->peer[0], &o) == WEIR_OK
           && weir_set_remote_offer(t->node, t->peer[1], weir_span_of(offer, o.len), &error) == WEIR_OK
           && weir_create_answer(t->node, t->peer[1], &a) == WEIR_OK
           && weir_set_remote_answer(t->node, t->peer[0], weir_span_of(answer, a.len), &error) == WEIR_OK;
}

bool talk_begin(struct talk *t)
{
    char error[WEIR_NODE_ERROR_BYTES];
    /* Two addresses, so that the peers of one node have a path each. */
    const struct weir_addr local[2] = { weir_addr_v4(127, 0, 0, 1, 0), weir_addr_v4(127, 0, 0, 1, 0) };
    const char *pump = getenv("WEIR_PUMP"); /* "epoll": not io_uring */
    bool is_epoll = pump != NULL && pump[0] == 'e';
    const struct weir_node_config config = { .bind = local, .binds = 2, .spread_locals = true,
                                             .no_mdns = true, .peers_max = 2,
                                             .pump = { .kind = is_epoll ? WEIR_PUMP_EPOLL
                                                                        : WEIR_PUMP_DEFAULT } };
    *t = (struct talk){ .node = weir_node_open(&config, error) };
    if (t->node == NULL) {
        fprintf(stderr, "%s\n", error);
        return false;
    }
    bool is_begun = introduce(t);
    if (!is_begun) {
        fprintf(stderr, "the peers could not be introduced\n");
    }
    return is_begun;
}

static void on_event(struct talk *t, const struct weir_event *e)
{
    if (e->type == WEIR_EVENT_STATE) {
        printf("%s: %s\n", e->peer == t->peer[0] ? "asks" : "answers", weir_peer_state_name(e->state));
        t->ends += e->state == WEIR_PEER_CLOSED ? 1 : 0;
        t->is_over = t->ends == 2 || e->state == WEIR_PEER_FAILED;
    } else if (e->type == WEIR_EVENT_CHANNEL_MESSAGE && e->peer == t->peer[1]) {
        (void)!weir_channel_send(t->node, e->peer, e->channel, e->data, e->is_text);
    } else if (e->type == WEIR_EVENT_CHANNEL_MESSAGE) {
        t->answers++;
    }
}

void talk_turn(struct talk *t)
{
    struct weir_event e;
    t->turns++;
    t->is_over |= t->turns > TURNS_MAX || weir_node_wait(t->node, 0) != WEIR_OK;
    while (weir_node_event(t->node, &e)) {
        on_event(t, &e);
    }
}

void talk_ask(struct talk *t)
{
    static unsigned asked;
    if (asked++ < QUESTIONS) {
        (void)!weir_channel_send(t->node, t->peer[0], t->channel, WEIR_LIT("how do you do?"), true);
    } else {
        weir_close_gracefully(t->node, t->peer[0], weir_time_add(weir_node_now(t->node), WEIR_SEC));
    }
}

int talk_end(struct talk *t, const char *loop)
{
    printf("%s, %s: %u of %u answered, %u turns\n", loop, weir_node_stats(t->node).pump_name, t->answers,
           (unsigned)QUESTIONS, t->turns);
    weir_node_close(t->node);
    return t->answers == QUESTIONS && t->ends == 2 && t->turns <= TURNS_MAX ? 0 : 1;
}
