/* A lite agent knows where a request came from, not whether answers get there: who was told the password
 * can write any address on it. So until the handshake proves that the peer reads what we send, at most
 * three bytes leave on a path for each that came by it [RFC 9147 5.1]. What has to wait leaves after the
 * peer's next check.
 */
#include "peer/peer_int.h"

#define LITE_TIMES 3

void weir_peer_lite_heard(struct weir_peer *p, const struct weir_packet *k)
{
    struct weir_path selected;
    if (!p->config.is_lite || !weir_ice_selected(&p->ice, &selected)
        || !weir_path_eq(&selected, &k->path)) {
        return;
    }
    if (!weir_path_eq(&p->owed_to, &selected)) {
        p->owed_to = selected;
        p->owed_rx = p->owed_tx = 0;
    }
    p->owed_rx += k->len;
}

void weir_peer_lite_sent(struct weir_peer *p, const struct weir_path *to, size_t bytes)
{
    if (p->config.is_lite && weir_path_eq(&p->owed_to, to)) {
        p->owed_tx += bytes;
    }
}

size_t weir_peer_lite_room(const struct weir_peer *p, const struct weir_path *to, size_t room)
{
    if (!p->config.is_lite || p->timeline.dtls_done != WEIR_NEVER) {
        return room;
    }
    uint64_t most = weir_path_eq(&p->owed_to, to) ? LITE_TIMES * p->owed_rx : 0;
    uint64_t left = most > p->owed_tx ? most - p->owed_tx : 0;
    return left < room ? (size_t)left : room;
}
