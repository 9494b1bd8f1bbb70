/* What both pumps share: sockets, the ring of outgoing datagrams, taking coalesced receives apart.
 *
 * Out: room and send fill slots of a ring; consecutive slots to one destination with one size form a
 * run; submit hands runs to the kernel; finished runs give their slots back in order.
 * In: the implementation fills landings; recv walks through their segments.
 */
#define _GNU_SOURCE
#include "core/pump/pump_int.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* -- Open and close ---------------------------------------------------------------------------- */

static void *map_memory(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static bool open_kind(struct weir_pump *p, const struct pump_ops *ops)
{
    p->ops = ops;
    return ops->open(p);
}

static bool open_any(struct weir_pump *p, char error[WEIR_PUMP_ERROR_BYTES])
{
    enum weir_pump_kind kind = p->config.kind;
    switch (kind == WEIR_PUMP_AUTO ? weir_pump_measure() : kind) {
    case WEIR_PUMP_DEFAULT:
    case WEIR_PUMP_AUTO:
        if (open_kind(p, &weir_pump_uring) || open_kind(p, &weir_pump_epoll)) {
            return true;
        }
        break;
    case WEIR_PUMP_URING:
        if (open_kind(p, &weir_pump_uring)) {
            return true;
        }
        snprintf(error, WEIR_PUMP_ERROR_BYTES,
                 "io_uring is not available here (%s): use --pump epoll, or allow it with "
                 "sysctl kernel.io_uring_disabled=0", strerror(errno));
        return false;
    case WEIR_PUMP_EPOLL:
        if (open_kind(p, &weir_pump_epoll)) {
            return true;
        }
        break;
    }
    snprintf(error, WEIR_PUMP_ERROR_BYTES, "cannot open a packet pump: %s", strerror(errno));
    return false;
}

struct weir_pump *weir_pump_open(const struct weir_pump_config *config,
                                 char error[WEIR_PUMP_ERROR_BYTES])
{
    struct weir_pump *p = map_memory(sizeof *p);
    if (p == NULL) {
        snprintf(error, WEIR_PUMP_ERROR_BYTES, "out of memory for the packet pump");
        return NULL;
    }
    p->config = *config;
    if (p->config.socket_buffer_bytes == 0) {
        p->config.socket_buffer_bytes = 4u << 20;
    }
    p->slots = map_memory((size_t)WEIR_PUMP_TX_SLOTS * PUMP_SLOT_BYTES);
    p->runs = map_memory(sizeof *p->runs * PUMP_RUNS_MAX);
    p->ready_fd = p->watch_fd = -1;
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->slots == NULL || p->runs == NULL || p->wake_fd < 0 || !open_any(p, error)) {
        if (p->slots == NULL || p->runs == NULL || p->wake_fd < 0) {
            snprintf(error, WEIR_PUMP_ERROR_BYTES, "out of memory or descriptors for the pump: %s",
                     strerror(errno));
        }
        p->ops = NULL;
        weir_pump_close(p);
        return NULL;
    }
    p->now = weir_pump_clock();
    p->retry_at = WEIR_NEVER;
    return p;
}

void weir_pump_close(struct weir_pump *p)
{
    if (p == NULL) {
        return;
    }
    if (p->ops != NULL) {
        p->ops->close(p);
    }
    for (uint32_t i = 0; i < p->sockets; i++) {
        if (p->socket[i].state == PUMP_SOCKET_OPEN) {
            close(p->socket[i].fd);
        }
    }
    const int fds[] = { p->wake_fd, p->ready_fd, p->watch_fd };
    for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (p->slots != NULL) {
        munmap(p->slots, (size_t)WEIR_PUMP_TX_SLOTS * PUMP_SLOT_BYTES);
    }
    if (p->runs != NULL) {
        munmap(p->runs, sizeof *p->runs * PUMP_RUNS_MAX);
    }
    munmap(p, sizeof *p);
}

const char *weir_pump_name(const struct weir_pump *p)
{
    return p->ops->name;
}

weir_time weir_pump_now(const struct weir_pump *p)
{
    return p->now;
}

weir_time weir_pump_refresh(struct weir_pump *p)
{
    return p->now = weir_pump_clock();
}

const struct weir_pump_stats *weir_pump_stats(const struct weir_pump *p)
{
    return &p->stats;
}

void weir_pump_wake(struct weir_pump *p)
{
    uint64_t one = 1;
    ssize_t ignored = write(p->wake_fd, &one, sizeof one); /* full means already awake */
    (void)ignored;
}

void weir_pump_ring(struct weir_pump *from, struct weir_pump *to)
{
    if (from->ops == to->ops && from->ops->ring != NULL) {
        from->ops->ring(from, to);
    } else {
        weir_pump_wake(to);
    }
}

/* -- The loop's verbs -------------------------------------------------------------------------- */

/* What the kernel is given no longer grows. */
static void close_last_run(struct weir_pump *p)
{
    if (p->run_head != p->run_sent) {
        p->runs[(p->run_head - 1) % PUMP_RUNS_MAX].is_closed = true;
    }
}

/* Nothing is queued or in flight: the rings begin at their first places, which are in the cache, and the
 * others are never touched by who sends little. */
static void begin_anew(struct weir_pump *p)
{
    if (p->run_tail == p->run_head) {
        p->run_head = p->run_sent = p->run_tail = 0;
        p->slot_head = p->slot_tail = 0;
    }
}

static bool watch_inside(int epoll, int fd)
{
    struct epoll_event e = { .events = EPOLLIN };
    return fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* io_uring was taken away while running, by a filter or a setting: go on with epoll. What the kernel had
 * not accepted is sent again; what had landed and was not given out is lost, as on a network. */
static bool fall_back(struct weir_pump *p)
{
    if (p->ops != &weir_pump_uring) {
        return false;
    }
    p->stats.fallbacks++;
    p->ops->close(p);
    p->landings = p->landing_at = 0;
    p->run_sent = p->run_tail;
    p->retry_at = WEIR_NEVER;
    if (!open_kind(p, &weir_pump_epoll)) {
        return false;
    }
    for (uint32_t i = 0; i < p->sockets; i++) {
        if (p->socket[i].state == PUMP_SOCKET_OPEN && !p->ops->add_socket(p, i)) {
            return false;
        }
    }
    return (p->watch_fd < 0 || p->ops->watch(p))
           && (p->ready_fd < 0 || watch_inside(p->ready_fd, p->ops->fd(p)));
}

enum weir_status weir_pump_wait(struct weir_pump *p, weir_time until)
{
    if (p->landing_at < p->landings) {
        /* A flush reaped datagrams that nobody has read yet: they come first. */
        weir_pump_flush(p);
        p->now = weir_pump_clock();
        return WEIR_OK;
    }
    begin_anew(p);
    p->ops->recycle(p);
    p->landings = 0;
    p->landing_at = 0;
    p->is_watch_ready = false;
    close_last_run(p);
    bool is_sound = p->ops->wait(p, until) || (fall_back(p) && p->ops->wait(p, until));
    p->now = weir_pump_clock();
    p->stats.waits++;
    weir_pump_reap_runs(p);
    return is_sound ? WEIR_OK : WEIR_ERR_SYSTEM;
}

void weir_pump_flush(struct weir_pump *p)
{
    close_last_run(p);
    if (!p->ops->submit(p) && p->landing_at == p->landings && fall_back(p)) {
        (void)p->ops->submit(p);
    }
    weir_pump_reap_runs(p);
}

/* -- In a foreign loop, and foreign descriptors ------------------------------------------------ */

/* An epoll instance around what the implementation has: that may change, and this stays. Wakes and
 * foreign descriptors are in it by themselves: where writing to one eventfd (the wake) has io_uring count
 * up another, the kernel puts that off, and as of 6.18 forgets all but the first. */
int weir_pump_fd(struct weir_pump *p)
{
    if (p->ready_fd < 0) {
        p->ready_fd = epoll_create1(EPOLL_CLOEXEC);
        bool is_whole = p->ready_fd >= 0 && watch_inside(p->ready_fd, p->ops->fd(p))
                        && watch_inside(p->ready_fd, p->wake_fd)
                        && (p->watch_fd < 0 || watch_inside(p->ready_fd, p->watch_fd));
        if (p->ready_fd >= 0 && !is_whole) {
            close(p->ready_fd);
            p->ready_fd = -1;
        }
    }
    return p->ready_fd;
}

weir_time weir_pump_deadline(const struct weir_pump *p)
{
    bool has_queued = p->run_sent != p->run_head && p->retry_at == WEIR_NEVER;
    return has_queued || p->landing_at < p->landings || !p->ops->is_settled(p) ? 0 : p->retry_at;
}

static enum weir_status change_watch(struct weir_pump *p, int fd, uint8_t events)
{
    struct epoll_event e = { .events = ((events & WEIR_PUMP_READABLE) != 0 ? EPOLLIN : 0u)
                                       | ((events & WEIR_PUMP_WRITABLE) != 0 ? EPOLLOUT : 0u),
                             .data.fd = fd };
    int done = epoll_ctl(p->watch_fd, events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, fd, &e);
    if (done != 0 && errno == ENOENT && events != 0) {
        done = epoll_ctl(p->watch_fd, EPOLL_CTL_ADD, fd, &e);
    }
    return done == 0 ? WEIR_OK : errno == ENOMEM || errno == ENOSPC ? WEIR_ERR_SYSTEM : WEIR_ERR_ARG;
}

enum weir_status weir_pump_watch(struct weir_pump *p, int fd, uint8_t events)
{
    if (p->watch_fd < 0) {
        if (events == 0) {
            return WEIR_ERR_ARG;
        }
        p->watch_fd = epoll_create1(EPOLL_CLOEXEC);
        if (p->watch_fd < 0 || !p->ops->watch(p)
            || (p->ready_fd >= 0 && !watch_inside(p->ready_fd, p->watch_fd))) {
            return WEIR_ERR_SYSTEM;
        }
    }
    return change_watch(p, fd, events);
}

size_t weir_pump_watched(struct weir_pump *p, struct weir_pump_watched *out, size_t max)
{
    struct epoll_event e[16];
    int most = (int)(max < 16 ? max : 16);
    int n = p->is_watch_ready && most != 0 ? epoll_wait(p->watch_fd, e, most, 0) : 0;
    p->is_watch_ready = false;
    for (int i = 0; i < n; i++) {
        bool is_broken = (e[i].events & (EPOLLERR | EPOLLHUP)) != 0;
        out[i].fd = e[i].data.fd;
        out[i].ready = (uint8_t)(((e[i].events & EPOLLIN) != 0 ? WEIR_PUMP_READABLE : 0)
                                 | ((e[i].events & EPOLLOUT) != 0 ? WEIR_PUMP_WRITABLE : 0)
                                 | (is_broken ? WEIR_PUMP_BROKEN : 0));
    }
    return n < 0 ? 0 : (size_t)n;
}

/* -- In ---------------------------------------------------------------------------------------- */

void weir_pump_landed(struct weir_pump *p, const struct pump_landing *landing)
{
    p->landing[p->landings++] = *landing;
    p->stats.rx_reads++;
}

static void fill_packet(struct weir_pump *p, struct pump_landing *l, struct weir_packet *out)
{
    size_t left = l->len - l->at;
    out->data = l->data + l->at;
    out->len = left < l->segment_bytes ? left : l->segment_bytes;
    out->path.local = p->socket[l->socket].local;
    out->path.remote = l->remote;
    out->at = l->arrived;
    out->socket = l->socket;
    out->ecn = l->ecn;
    l->at += out->len;
    p->stats.rx_packets++;
    p->stats.rx_bytes += out->len;
}

size_t weir_pump_recv(struct weir_pump *p, struct weir_packet *batch, size_t max)
{
    size_t n = 0;
    while (n < max && p->landing_at < p->landings) {
        struct pump_landing *l = &p->landing[p->landing_at];
        fill_packet(p, l, &batch[n++]);
        if (l->at == l->len) {
            p->landing_at++;
        }
    }
    return n;
}

/* -- Out --------------------------------------------------------------------------------------- */

struct weir_mspan weir_pump_room(struct weir_pump *p)
{
    struct weir_mspan none = { NULL, 0 };
    if (p->slot_head - p->slot_tail == WEIR_PUMP_TX_SLOTS
        || p->run_head - p->run_tail >= PUMP_RUNS_MAX - 1) {
        weir_pump_flush(p); /* completions may have come since */
    }
    if (p->slot_head - p->slot_tail == WEIR_PUMP_TX_SLOTS
        || p->run_head - p->run_tail >= PUMP_RUNS_MAX - 1) {
        p->stats.tx_full++;
        return none;
    }
    struct weir_mspan room = {
        p->slots + (size_t)(p->slot_head % WEIR_PUMP_TX_SLOTS) * PUMP_SLOT_BYTES, WEIR_MTU
    };
    return room;
}

static bool is_socket(const struct weir_pump *p, uint32_t socket, const struct weir_addr *local)
{
    const struct pump_socket *s = &p->socket[socket];
    return s->state == PUMP_SOCKET_OPEN && weir_addr_eq(&s->local, local);
}

static bool find_socket(struct weir_pump *p, const struct weir_addr *local, uint32_t *socket)
{
    if (p->last_socket < p->sockets && is_socket(p, p->last_socket, local)) {
        *socket = p->last_socket;
        return true;
    }
    for (uint32_t i = 0; i < p->sockets; i++) {
        if (is_socket(p, i, local)) {
            *socket = p->last_socket = i;
            return true;
        }
    }
    return false;
}

/* One datagram to queue. */
struct datagram {
    const struct weir_path *path;
    size_t bytes;
    uint64_t tag;
    uint32_t socket;
    uint8_t ecn;
    bool is_stamped;
};

/* Can this datagram join the run before it? */
static bool run_accepts(const struct weir_pump *p, const struct pump_run *r, const struct datagram *d)
{
    return !r->is_closed && p->socket[r->socket].has_gso && r->count < WEIR_PUMP_SEGMENTS_MAX
           && d->bytes <= r->segment_bytes && r->bytes + d->bytes <= PUMP_RUN_BYTES_MAX
           && r->ecn == d->ecn && r->is_stamped == d->is_stamped
           && (!d->is_stamped || d->tag == r->tag + r->count) && weir_path_eq(&r->path, d->path);
}

static void run_begin(struct weir_pump *p, const struct datagram *d)
{
    struct pump_run *r = &p->runs[p->run_head++ % PUMP_RUNS_MAX];
    r->path = *d->path;
    r->socket = d->socket;
    r->first_slot = p->slot_head;
    r->count = 0;
    r->next = 0;
    r->segment_bytes = (uint32_t)d->bytes;
    r->bytes = 0;
    r->ecn = d->ecn;
    r->is_stamped = d->is_stamped;
    r->tag = d->tag;
    r->is_closed = r->is_waiting = r->is_done = false;
}

static enum weir_status queue_datagram(struct weir_pump *p, struct datagram *d)
{
    if (d->bytes == 0 || d->bytes > WEIR_MTU || p->slot_head - p->slot_tail == WEIR_PUMP_TX_SLOTS) {
        return WEIR_ERR_SIZE;
    }
    if (!find_socket(p, &d->path->local, &d->socket)) {
        p->stats.tx_no_route++;
        return WEIR_ERR_ARG;
    }
    struct pump_run *r = &p->runs[(p->run_head - 1) % PUMP_RUNS_MAX];
    if (p->run_head == p->run_sent || !run_accepts(p, r, d)) {
        run_begin(p, d);
        r = &p->runs[(p->run_head - 1) % PUMP_RUNS_MAX];
    }
    struct iovec *iov = &r->iov[r->count++];
    iov->iov_base = p->slots + (size_t)(p->slot_head % WEIR_PUMP_TX_SLOTS) * PUMP_SLOT_BYTES;
    iov->iov_len = d->bytes;
    r->bytes += (uint32_t)d->bytes;
    r->is_closed = d->bytes < r->segment_bytes;
    p->slot_head++;
    p->stats.tx_packets++;
    p->stats.tx_bytes += d->bytes;
    return WEIR_OK;
}

enum weir_status weir_pump_send(struct weir_pump *p, const struct weir_path *path, uint8_t ecn,
                                size_t bytes)
{
    struct datagram d = { .path = path, .ecn = ecn, .bytes = bytes };
    return queue_datagram(p, &d);
}

enum weir_status weir_pump_send_stamped(struct weir_pump *p, const struct weir_path *path, uint8_t ecn,
                                        size_t bytes, uint64_t tag)
{
    struct datagram d = { .path = path, .ecn = ecn, .bytes = bytes, .tag = tag,
                          .is_stamped = p->config.with_stamps };
    return queue_datagram(p, &d);
}

/* -- One run as a kernel message --------------------------------------------------------------- */

static void put_control(struct msghdr *msg, int level, int type, const void *value, size_t bytes)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)msg->msg_control + msg->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(c), value, bytes);
    msg->msg_controllen += CMSG_SPACE(bytes);
}

void weir_pump_run_message(struct weir_pump *p, struct pump_run *r, bool whole)
{
    memset(&r->msg, 0, sizeof r->msg);
    memset(r->control, 0, sizeof r->control);
    r->msg.msg_name = &r->name;
    r->msg.msg_namelen = weir_pump_addr_out(&r->path.remote, &r->name);
    r->msg.msg_iov = whole ? r->iov : &r->iov[r->next];
    r->msg.msg_iovlen = whole ? r->count : 1;
    r->msg.msg_control = r->control;
    if (whole && r->count > 1) {
        uint16_t segment = (uint16_t)r->segment_bytes;
        put_control(&r->msg, IPPROTO_UDP, PUMP_UDP_SEGMENT, &segment, sizeof segment);
    }
    if (r->ecn != 0) {
        int tos = r->ecn;
        bool is_v4 = p->socket[r->socket].local.family == WEIR_IPV4;
        put_control(&r->msg, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TOS : IPV6_TCLASS, &tos,
                    sizeof tos);
    }
    if (r->is_stamped && p->socket[r->socket].has_stamps) {
        uint32_t asks = SOF_TIMESTAMPING_TX_SOFTWARE;
        put_control(&r->msg, SOL_SOCKET, SO_TIMESTAMPING, &asks, sizeof asks);
    }
    if (r->msg.msg_controllen == 0) {
        r->msg.msg_control = NULL;
    }
}

static void count_refusal(struct weir_pump *p, int error)
{
    switch (error) {
    case EMSGSIZE:
        p->stats.tx_too_big++;
        break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ECONNREFUSED:
    case ENETDOWN:
    case EPERM:
        p->stats.tx_unreachable++;
        break;
    default:
        p->stats.tx_errors++;
        break;
    }
}

/* Any try after this one waits a moment: a kernel without room is not asked in a loop. */
static enum pump_next pace(struct weir_pump *p, struct pump_run *r, uint64_t *counter)
{
    (*counter)++;
    r->is_waiting = true;
    p->retry_at = weir_time_add(weir_pump_clock(), PUMP_PACE);
    return PUMP_NEXT_LATER;
}

/* A refusal concerns one datagram or one run, never the socket: ICMP can be forged [RFC 5927]. */
enum pump_next weir_pump_run_result(struct weir_pump *p, struct pump_run *r, bool whole, int res)
{
    int error = res < 0 ? -res : 0;
    if (error == EINTR) {
        return PUMP_NEXT_NOW;
    }
    if (error == EAGAIN || error == EWOULDBLOCK) {
        return pace(p, r, &p->stats.tx_blocked);
    }
    if (error == ENOBUFS || error == ENOMEM) {
        return pace(p, r, &p->stats.tx_no_buffers);
    }
    if (whole && r->count > 1 && (error == EIO || error == EINVAL || error == EOPNOTSUPP)) {
        /* This path does not segment: say so once, and send the run one by one. */
        p->stats.gso_refused += p->socket[r->socket].has_gso ? 1 : 0;
        p->socket[r->socket].has_gso = false;
        return PUMP_NEXT_NOW;
    }
    if (error != 0) {
        count_refusal(p, error);
    } else {
        weir_pump_note_stamped(p, r, r->next, whole ? r->count : 1);
    }
    r->next = whole ? r->count : r->next + 1;
    r->is_done = r->next >= r->count;
    return r->is_done ? PUMP_NEXT_NONE : PUMP_NEXT_NOW;
}

bool weir_pump_may_send(struct weir_pump *p)
{
    if (p->retry_at == WEIR_NEVER) {
        return true;
    }
    if (weir_pump_clock() < p->retry_at) {
        return false;
    }
    p->retry_at = WEIR_NEVER;
    return true;
}

void weir_pump_reap_runs(struct weir_pump *p)
{
    while (p->run_tail != p->run_sent && p->runs[p->run_tail % PUMP_RUNS_MAX].is_done) {
        p->slot_tail += p->runs[p->run_tail % PUMP_RUNS_MAX].count;
        p->run_tail++;
        p->stats.tx_runs++;
    }
}
