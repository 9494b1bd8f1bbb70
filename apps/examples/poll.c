/* A node in a loop over poll(2). */
#include <poll.h>
#include <stdlib.h>

#include "apps/examples/talk.h"

int main(void)
{
    struct talk talk;
    if (!talk_begin(&talk)) {
        return 1;
    }
    weir_time ask_at = weir_pump_clock();
    while (!talk.is_over) {
        /* The node's deadline, or that of our own timer: whichever comes first, rounded up. */
        weir_time now = weir_pump_clock();
        int own = ask_at <= now ? 0 : (int)((ask_at - now + WEIR_MS - 1) / WEIR_MS);
        int nodes = weir_node_timeout(talk.node);
        struct pollfd p = { .fd = weir_node_fd(talk.node), .events = POLLIN };
        (void)poll(&p, 1, nodes < 0 || own < nodes ? own : nodes);
        if (p.revents != 0 || weir_node_deadline(talk.node) <= weir_pump_clock()) {
            talk_turn(&talk);
        }
        if (weir_pump_clock() >= ask_at) {
            talk_ask(&talk);
            ask_at += 50 * WEIR_MS;
        }
    }
    return talk_end(&talk, "poll(2)");
}
