/* Which pump is faster here? Each kind passes the same datagrams over loopback, in runs and back to back,
 * and the best of three rounds counts: a few milliseconds in all. */
#include "core/pump/pump_int.h"

#define ROUNDS 3
#define DATAGRAMS 512
#define GIVE_UP (20 * WEIR_MS)

static void send_some(struct weir_pump *p, const struct weir_path *path, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct weir_mspan room = weir_pump_room(p);
        if (room.n == 0) {
            return;
        }
        memset(room.p, 0, 16);
        (void)weir_pump_send(p, path, 0, 1200);
    }
}

/* Microseconds that one round takes; WEIR_NEVER when datagrams went missing. */
static weir_duration pass_round(struct weir_pump *p, const struct weir_path *path)
{
    struct weir_packet batch[32];
    weir_time begin = weir_pump_clock(), end = weir_time_add(begin, GIVE_UP);
    uint32_t sent = 0, got = 0;
    while (got < DATAGRAMS) {
        size_t n;
        if (sent - got < 64 && sent < DATAGRAMS) {
            send_some(p, path, 64);
            sent += 64;
        }
        if (weir_pump_wait(p, end) != WEIR_OK || weir_pump_clock() >= end) {
            return WEIR_NEVER;
        }
        while ((n = weir_pump_recv(p, batch, 32)) != 0) {
            got += (uint32_t)n;
        }
    }
    return weir_pump_clock() - begin;
}

static weir_duration measure(enum weir_pump_kind kind)
{
    const struct weir_pump_config config = { .kind = kind };
    const struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    char error[WEIR_PUMP_ERROR_BYTES];
    struct weir_path path;
    uint32_t socket;
    weir_duration best = WEIR_NEVER;
    struct weir_pump *p = weir_pump_open(&config, error);
    if (p != NULL && weir_pump_bind(p, &any, &path.local, &socket, error) == WEIR_OK
        && weir_pump_bind(p, &any, &path.remote, &socket, error) == WEIR_OK) {
        for (int i = 0; i < ROUNDS; i++) {
            best = weir_time_min(best, pass_round(p, &path));
        }
    }
    weir_pump_close(p);
    return best;
}

enum weir_pump_kind weir_pump_measure(void)
{
    weir_duration uring = measure(WEIR_PUMP_URING), epoll = measure(WEIR_PUMP_EPOLL);
    return uring <= epoll && uring != WEIR_NEVER ? WEIR_PUMP_URING : WEIR_PUMP_EPOLL;
}
