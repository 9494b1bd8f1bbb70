/* The pump on epoll, with recvmmsg, sendmmsg and the same offloads as on io_uring.
 *
 * For kernels and containers without io_uring. A wait is: send what is queued; epoll; read every
 * readable socket into landing buffers, as many as there are.
 */
#define _GNU_SOURCE
#include "core/pump/pump_int.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH 32
#define WAKE_TOKEN UINT32_MAX
#define WATCH_TOKEN (UINT32_MAX - 1)

struct epoll_pump {
    int fd;
    uint8_t *landing_memory; /* WEIR_PUMP_RX_BUFFERS of PUMP_LANDING_BYTES */
    struct mmsghdr msg[WEIR_PUMP_RX_BUFFERS];
    struct iovec iov[WEIR_PUMP_RX_BUFFERS];
    struct sockaddr_in6 name[WEIR_PUMP_RX_BUFFERS];
    _Alignas(16) uint8_t control[WEIR_PUMP_RX_BUFFERS][PUMP_CONTROL_BYTES];
};

static size_t landing_bytes(void)
{
    return (size_t)WEIR_PUMP_RX_BUFFERS * PUMP_LANDING_BYTES;
}

static bool watch(struct epoll_pump *e, int fd, uint32_t events, uint32_t token)
{
    struct epoll_event ev = { .events = events, .data.u32 = token };
    return epoll_ctl(e->fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static void pump_close(struct weir_pump *p)
{
    struct epoll_pump *e = p->impl;
    if (e == NULL) {
        return;
    }
    if (e->fd >= 0) {
        close(e->fd);
    }
    if (e->landing_memory != MAP_FAILED) {
        munmap(e->landing_memory, landing_bytes());
    }
    munmap(e, sizeof *e);
    p->impl = NULL;
}

static bool pump_open(struct weir_pump *p)
{
    struct epoll_pump *e = mmap(NULL, sizeof *e, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (e == MAP_FAILED) {
        return false;
    }
    p->impl = e;
    e->fd = epoll_create1(EPOLL_CLOEXEC);
    e->landing_memory = mmap(NULL, landing_bytes(), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (e->fd < 0 || e->landing_memory == MAP_FAILED || !watch(e, p->wake_fd, EPOLLIN, WAKE_TOKEN)) {
        int why = errno;
        pump_close(p);
        errno = why;
        return false;
    }
    return true;
}

static bool pump_add_socket(struct weir_pump *p, uint32_t socket)
{
    return watch(p->impl, p->socket[socket].fd, EPOLLIN, socket);
}

static void pump_remove_socket(struct weir_pump *p, uint32_t socket)
{
    (void)epoll_ctl(((const struct epoll_pump *)p->impl)->fd, EPOLL_CTL_DEL, p->socket[socket].fd, NULL);
}

static bool pump_is_quiet(const struct weir_pump *p, uint32_t socket)
{
    (void)p;
    (void)socket; /* nothing comes behind its end */
    return true;
}

static int pump_fd(struct weir_pump *p)
{
    return ((const struct epoll_pump *)p->impl)->fd;
}

static bool pump_watch(struct weir_pump *p)
{
    return watch(p->impl, p->watch_fd, EPOLLIN, WATCH_TOKEN);
}

static bool pump_is_settled(const struct weir_pump *p)
{
    (void)p; /* the kernel keeps what is not taken */
    return true;
}

static void pump_recycle(struct weir_pump *p)
{
    (void)p; /* landing buffers are reused from the first at every wait */
}

/* -- Out --------------------------------------------------------------------------------------- */

/* Send one run, whole or one by one; false when the socket has no room for now. */
static bool send_run(struct weir_pump *p, struct pump_run *r)
{
    for (;;) {
        bool whole = r->next == 0 && (r->count == 1 || p->socket[r->socket].has_gso);
        weir_pump_run_message(p, r, whole);
        ssize_t n = sendmsg(p->socket[r->socket].fd, &r->msg, MSG_DONTWAIT);
        switch (weir_pump_run_result(p, r, whole, n < 0 ? -errno : (int)n)) {
        case PUMP_NEXT_NONE:
            return true;
        case PUMP_NEXT_LATER:
            return false;
        case PUMP_NEXT_NOW:
            break;
        }
    }
}

/* Consecutive runs on one socket, each still whole, in one system call. Returns how many went. */
static uint32_t send_batch(struct weir_pump *p, uint32_t first, uint32_t end)
{
    struct mmsghdr msg[BATCH];
    uint32_t socket = p->runs[first % PUMP_RUNS_MAX].socket;
    unsigned n = 0;
    while (n < BATCH && first + n != end) {
        struct pump_run *r = &p->runs[(first + n) % PUMP_RUNS_MAX];
        if (r->is_done || r->socket != socket || r->next != 0
            || (r->count > 1 && !p->socket[socket].has_gso)) {
            break;
        }
        weir_pump_run_message(p, r, true);
        msg[n++].msg_hdr = r->msg;
    }
    if (n < 2) {
        return 0;
    }
    int sent = sendmmsg(p->socket[socket].fd, msg, n, MSG_DONTWAIT);
    for (int i = 0; i < sent; i++) {
        struct pump_run *r = &p->runs[(first + (unsigned)i) % PUMP_RUNS_MAX];
        (void)weir_pump_run_result(p, r, true, (int)msg[i].msg_len);
    }
    return sent > 0 ? (uint32_t)sent : 0;
}

static bool pump_submit(struct weir_pump *p)
{
    if (!weir_pump_may_send(p)) {
        return true;
    }
    while (p->run_sent != p->run_head) {
        struct pump_run *r = &p->runs[p->run_sent % PUMP_RUNS_MAX];
        uint32_t went = send_batch(p, p->run_sent, p->run_head);
        if (went == 0 && !r->is_done && !send_run(p, r)) {
            return true;
        }
        p->run_sent += went == 0 ? 1 : went;
    }
    return true;
}

/* -- In ---------------------------------------------------------------------------------------- */

static void prepare(struct epoll_pump *e, uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        e->iov[i].iov_base = e->landing_memory + (size_t)i * PUMP_LANDING_BYTES;
        e->iov[i].iov_len = PUMP_LANDING_BYTES;
        struct msghdr *h = &e->msg[i].msg_hdr;
        memset(h, 0, sizeof *h);
        h->msg_name = &e->name[i];
        h->msg_namelen = sizeof e->name[i];
        h->msg_iov = &e->iov[i];
        h->msg_iovlen = 1;
        h->msg_control = e->control[i];
        h->msg_controllen = PUMP_CONTROL_BYTES;
    }
}

static void read_socket(struct weir_pump *p, uint32_t socket)
{
    struct epoll_pump *e = p->impl;
    while (p->landings < WEIR_PUMP_RX_BUFFERS) {
        uint32_t first = p->landings;
        uint32_t room = WEIR_PUMP_RX_BUFFERS - first;
        room = room < BATCH ? room : BATCH;
        prepare(e, first, room);
        int n = recvmmsg(p->socket[socket].fd, &e->msg[first], room, MSG_DONTWAIT, NULL);
        if (n <= 0) {
            p->stats.rx_errors += n < 0 && errno != EAGAIN && errno != EINTR ? 1 : 0;
            return;
        }
        weir_time now = weir_pump_clock();
        for (uint32_t i = first; i < first + (uint32_t)n; i++) {
            struct pump_landing l = { .data = e->iov[i].iov_base, .len = e->msg[i].msg_len };
            l.segment_bytes = l.len;
            l.remote = weir_pump_addr_in(&e->name[i]);
            l.socket = socket;
            l.arrived = now;
            weir_pump_read_control(p, &e->msg[i].msg_hdr, &l);
            if ((e->msg[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
                p->stats.rx_truncated++;
            }
            if (l.len == 0) {
                l.segment_bytes = 0;
            }
            weir_pump_landed(p, &l);
        }
        if ((uint32_t)n < room) {
            return;
        }
    }
}

static int wait_events(struct epoll_pump *e, struct epoll_event *ev, int max, weir_time until)
{
    weir_time now = weir_pump_clock();
    struct timespec t = { 0, 0 };
    struct timespec *timeout = &t;
    if (until == WEIR_NEVER) {
        timeout = NULL;
    } else if (until > now) {
        t.tv_sec = (time_t)((until - now) / 1000000);
        t.tv_nsec = (long)((until - now) % 1000000 * 1000);
    }
    return epoll_pwait2(e->fd, ev, max, timeout, NULL);
}

static bool pump_wait(struct weir_pump *p, weir_time until)
{
    struct epoll_pump *e = p->impl;
    struct epoll_event ev[WEIR_PUMP_SOCKETS_MAX + 2];
    (void)pump_submit(p);
    int n = wait_events(e, ev, WEIR_PUMP_SOCKETS_MAX + 2, weir_time_min(until, p->retry_at));
    if (n < 0) {
        return errno == EINTR;
    }
    for (int i = 0; i < n; i++) {
        uint32_t token = ev[i].data.u32;
        if (token == WAKE_TOKEN) {
            uint64_t count;
            ssize_t ignored = read(p->wake_fd, &count, sizeof count);
            (void)ignored;
            continue;
        }
        if (token == WATCH_TOKEN) {
            p->is_watch_ready = true;
            continue;
        }
        read_socket(p, token);
    }
    return true;
}

const struct pump_ops weir_pump_epoll = {
    .name = "epoll",
    .open = pump_open,
    .close = pump_close,
    .add_socket = pump_add_socket,
    .remove_socket = pump_remove_socket,
    .is_quiet = pump_is_quiet,
    .submit = pump_submit,
    .wait = pump_wait,
    .recycle = pump_recycle,
    .fd = pump_fd,
    .watch = pump_watch,
    .is_settled = pump_is_settled,
};
