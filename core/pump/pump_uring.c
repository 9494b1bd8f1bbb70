/* The pump on io_uring: multishot recvmsg into a ring of landing buffers, registered files,
 * batched submission.
 *
 *   1. every socket keeps one multishot recvmsg armed; each completion names a landing buffer;
 *   2. a wait submits the queued runs, whose sends complete there and then, and sleeps in a second
 *      system call if nothing has arrived, so that the sends' completions do not end it;
 *   3. completions are reaped into landings and runs, then handled;
 *   4. before the next wait every landing buffer goes back to the kernel's ring, and only then are
 *      receives that ended (no buffers, or the kernel's own reasons) armed again, so an empty ring
 *      cannot spin.
 *
 * The completion queue cannot overflow: at most one completion per landing buffer, per run and per
 * socket is outstanding, and the queue is larger than their sum.
 */
#define _GNU_SOURCE
#include "core/pump/pump_int.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SQ_ENTRIES 512
#define CQ_ENTRIES 2048
#define BUFFER_GROUP 0
#define RETRIES 4 /* runs that are tried again in one submission */

_Static_assert(CQ_ENTRIES > WEIR_PUMP_RX_BUFFERS + PUMP_RUNS_MAX + 2 * WEIR_PUMP_SOCKETS_MAX + 1,
               "the completion queue holds every completion that can be outstanding");
_Static_assert((WEIR_PUMP_RX_BUFFERS & (WEIR_PUMP_RX_BUFFERS - 1)) == 0, "a power of two");

enum token_kind { TOKEN_RECV = 1, TOKEN_SEND, TOKEN_WAKE, TOKEN_RING, TOKEN_RUNG, TOKEN_WATCH,
                  TOKEN_CANCEL };

struct uring_pump {
    struct io_uring ring;
    bool is_enabled;
    bool is_wake_armed;
    bool is_watch_armed;
    int event_fd;     /* counts completions, for a foreign loop; -1: there is none */
    bool is_woken;    /* a wake was reaped since the wait began */
    bool has_refused; /* some run is_waiting */
    struct io_uring_buf_ring *buffers;
    size_t buffers_bytes;
    uint8_t *landing_memory;
    struct msghdr recv_template;
    bool is_armed[WEIR_PUMP_SOCKETS_MAX];
    uint16_t landing_buffer[WEIR_PUMP_RX_BUFFERS]; /* the buffer behind each landing */
};

static uint64_t token(enum token_kind kind, uint32_t index)
{
    return (uint64_t)kind << 32 | index;
}

static size_t landing_bytes(void)
{
    return (size_t)WEIR_PUMP_RX_BUFFERS * PUMP_LANDING_BYTES;
}

/* -- Open and close ---------------------------------------------------------------------------- */

static void pump_close(struct weir_pump *p)
{
    struct uring_pump *u = p->impl;
    if (u == NULL) {
        return;
    }
    if (u->ring.ring_fd > 0) {
        io_uring_queue_exit(&u->ring);
    }
    if (u->event_fd >= 0) {
        close(u->event_fd);
    }
    if (u->buffers != NULL) {
        munmap(u->buffers, u->buffers_bytes);
    }
    if (u->landing_memory != NULL) {
        munmap(u->landing_memory, landing_bytes());
    }
    munmap(u, sizeof *u);
    p->impl = NULL;
}

static void *map_memory(size_t bytes)
{
    void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return m == MAP_FAILED ? NULL : m;
}

static uint8_t *buffer_at(const struct uring_pump *u, uint32_t index)
{
    return u->landing_memory + (size_t)index * PUMP_LANDING_BYTES;
}

static bool register_buffers(struct uring_pump *u)
{
    u->buffers_bytes = WEIR_PUMP_RX_BUFFERS * sizeof(struct io_uring_buf);
    u->buffers = map_memory(u->buffers_bytes);
    u->landing_memory = map_memory(landing_bytes());
    if (u->buffers == NULL || u->landing_memory == NULL) {
        return false;
    }
    struct io_uring_buf_reg reg = { .ring_addr = (uint64_t)(uintptr_t)u->buffers,
                                    .ring_entries = WEIR_PUMP_RX_BUFFERS,
                                    .bgid = BUFFER_GROUP };
    int failed = io_uring_register_buf_ring(&u->ring, &reg, 0);
    if (failed != 0) {
        errno = -failed;
        return false;
    }
    io_uring_buf_ring_init(u->buffers);
    for (uint16_t i = 0; i < WEIR_PUMP_RX_BUFFERS; i++) {
        io_uring_buf_ring_add(u->buffers, buffer_at(u, i), PUMP_LANDING_BYTES, i,
                              io_uring_buf_ring_mask(WEIR_PUMP_RX_BUFFERS), i);
    }
    io_uring_buf_ring_advance(u->buffers, WEIR_PUMP_RX_BUFFERS);
    return true;
}

static bool start_ring(struct uring_pump *u)
{
    /* The ring starts disabled and belongs to the thread that first waits. */
    struct io_uring_params params = {
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN
                 | IORING_SETUP_R_DISABLED,
        .cq_entries = CQ_ENTRIES,
    };
    int failed = io_uring_queue_init_params(SQ_ENTRIES, &u->ring, &params);
    if (failed == 0) {
        failed = io_uring_register_files_sparse(&u->ring, WEIR_PUMP_SOCKETS_MAX);
    }
    errno = -failed;
    return failed == 0;
}

static bool pump_open(struct weir_pump *p)
{
    struct uring_pump *u = map_memory(sizeof *u);
    if (u == NULL) {
        return false;
    }
    p->impl = u;
    u->event_fd = -1;
    /* The room for the name is rounded up, so that the control messages behind it are aligned. */
    u->recv_template.msg_namelen = (sizeof(struct sockaddr_in6) + 7u) & ~7u;
    u->recv_template.msg_controllen = PUMP_CONTROL_BYTES;
    if (!start_ring(u) || !register_buffers(u)) {
        int why = errno;
        pump_close(p);
        errno = why;
        return false;
    }
    return true;
}

static bool pump_add_socket(struct weir_pump *p, uint32_t socket)
{
    struct uring_pump *u = p->impl;
    int fd = p->socket[socket].fd;
    int done = io_uring_register_files_update(&u->ring, socket, &fd, 1);
    errno = done < 0 ? -done : 0;
    return done == 1;
}

/* With IORING_SETUP_DEFER_TASKRUN the ring's own descriptor does not end a poll: what arrives stays work to
 * be done until the ring is entered. A registered eventfd is counted up as soon as there is such work. */
static int pump_fd(struct weir_pump *p)
{
    struct uring_pump *u = p->impl;
    if (u->event_fd < 0) {
        u->event_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* 1: what came before it is not missed */
        if (u->event_fd >= 0 && io_uring_register_eventfd(&u->ring, u->event_fd) != 0) {
            close(u->event_fd);
            u->event_fd = -1;
        }
    }
    return u->event_fd;
}

static bool pump_watch(struct weir_pump *p)
{
    (void)p; /* the next wait arms it */
    return true;
}

static bool pump_is_settled(const struct weir_pump *p)
{
    const struct uring_pump *u = p->impl;
    bool is_settled = io_uring_sq_ready(&u->ring) == 0;
    for (uint32_t i = 0; i < p->sockets; i++) {
        is_settled = is_settled && (u->is_armed[i] || p->socket[i].state != PUMP_SOCKET_OPEN);
    }
    return is_settled;
}

/* -- Submission -------------------------------------------------------------------------------- */

static struct io_uring_sqe *next_sqe(struct uring_pump *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (sqe == NULL) {
        io_uring_submit(&u->ring);
        sqe = io_uring_get_sqe(&u->ring);
    }
    return sqe;
}

static void pump_remove_socket(struct weir_pump *p, uint32_t socket)
{
    struct uring_pump *u = p->impl;
    int none = -1;
    struct io_uring_sqe *sqe = u->is_armed[socket] ? next_sqe(u) : NULL;
    if (sqe != NULL) { /* its receive ends, which is told by its last completion */
        io_uring_prep_cancel64(sqe, token(TOKEN_RECV, socket), 0);
        io_uring_sqe_set_data64(sqe, token(TOKEN_CANCEL, 0));
        io_uring_submit(&u->ring);
    }
    io_uring_register_files_update(&u->ring, socket, &none, 1);
}

static bool pump_is_quiet(const struct weir_pump *p, uint32_t socket)
{
    return !((const struct uring_pump *)p->impl)->is_armed[socket];
}

static void arm_receive(struct uring_pump *u, uint32_t socket)
{
    struct io_uring_sqe *sqe = next_sqe(u);
    if (sqe == NULL) {
        return;
    }
    io_uring_prep_recvmsg_multishot(sqe, (int)socket, &u->recv_template, MSG_TRUNC);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    io_uring_sqe_set_data64(sqe, token(TOKEN_RECV, socket));
    u->is_armed[socket] = true;
}

static void arm_all(struct weir_pump *p)
{
    struct uring_pump *u = p->impl;
    for (uint32_t i = 0; i < p->sockets; i++) {
        if (!u->is_armed[i] && p->socket[i].state == PUMP_SOCKET_OPEN) {
            arm_receive(u, i);
        }
    }
    struct io_uring_sqe *sqe = u->is_wake_armed ? NULL : next_sqe(u);
    if (sqe != NULL) {
        io_uring_prep_poll_multishot(sqe, p->wake_fd, POLLIN);
        io_uring_sqe_set_data64(sqe, token(TOKEN_WAKE, 0));
        u->is_wake_armed = true;
    }
    sqe = u->is_watch_armed || p->watch_fd < 0 ? NULL : next_sqe(u);
    if (sqe != NULL) { /* once each time: what is ready and was not taken is told again */
        io_uring_prep_poll_add(sqe, p->watch_fd, POLLIN);
        io_uring_sqe_set_data64(sqe, token(TOKEN_WATCH, 0));
        u->is_watch_armed = true;
    }
}

static void queue_run(struct weir_pump *p, uint32_t index)
{
    struct uring_pump *u = p->impl;
    struct pump_run *r = &p->runs[index];
    struct io_uring_sqe *sqe = next_sqe(u);
    if (sqe == NULL) {
        r->is_done = true; /* the submission queue refuses even after a submit: drop, as a full link */
        p->stats.tx_errors++;
        return;
    }
    bool whole = r->next == 0 && (r->count == 1 || p->socket[r->socket].has_gso);
    weir_pump_run_message(p, r, whole);
    /* Without waiting for room it is done, or refused, when the submission returns. */
    io_uring_prep_sendmsg(sqe, (int)r->socket, &r->msg, MSG_DONTWAIT);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, token(TOKEN_SEND, index));
}

/* What the kernel refused goes first, a few at a time: it may refuse again. True when all was queued. */
static bool queue_refused(struct weir_pump *p)
{
    unsigned tries = 0;
    for (uint32_t i = p->run_tail; i != p->run_sent; i++) {
        struct pump_run *r = &p->runs[i % PUMP_RUNS_MAX];
        if (r->is_waiting) {
            if (tries++ == RETRIES) {
                return false;
            }
            r->is_waiting = false;
            queue_run(p, i % PUMP_RUNS_MAX);
        }
    }
    return true;
}

/* Everything there is, unless the kernel had no room a moment ago. */
static void queue_runs(struct weir_pump *p)
{
    struct uring_pump *u = p->impl;
    if (!weir_pump_may_send(p) || (u->has_refused && !queue_refused(p))) {
        return;
    }
    u->has_refused = false;
    while (p->run_sent != p->run_head) {
        uint32_t next = p->run_sent++ % PUMP_RUNS_MAX;
        if (!p->runs[next].is_done) { /* its socket may have been closed */
            queue_run(p, next);
        }
    }
}

/* A message to another ring. When it cannot be taken there, the other's descriptor for waking can. */
static void pump_ring(struct weir_pump *from, struct weir_pump *to)
{
    struct uring_pump *u = from->impl, *other = to->impl;
    struct io_uring_sqe *sqe = next_sqe(u);
    if (sqe == NULL) {
        weir_pump_wake(to);
        return;
    }
    io_uring_prep_msg_ring(sqe, other->ring.ring_fd, 0, token(TOKEN_RING, 0), 0);
    io_uring_sqe_set_data64(sqe, token(TOKEN_RUNG, (uint32_t)to->wake_fd));
}

static void on_rung(const struct io_uring_cqe *cqe)
{
    uint64_t one = 1;
    if (cqe->res < 0) {
        ssize_t ignored = write((int)(uint32_t)io_uring_cqe_get_data64(cqe), &one, sizeof one);
        (void)ignored;
    }
}

/* -- Completion -------------------------------------------------------------------------------- */

static void on_receive(struct weir_pump *p, uint32_t socket, const struct io_uring_cqe *cqe)
{
    struct uring_pump *u = p->impl;
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        u->is_armed[socket] = false;
    }
    if ((cqe->flags & IORING_CQE_F_BUFFER) == 0) {
        p->stats.rx_starved += cqe->res == -ENOBUFS ? 1 : 0;
        p->stats.rx_errors += cqe->res < 0 && cqe->res != -ENOBUFS && cqe->res != -ECANCELED ? 1 : 0;
        return;
    }
    uint16_t buffer = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    struct pump_landing l = { .socket = socket, .arrived = weir_pump_clock() };
    struct io_uring_recvmsg_out *out = cqe->res < 0 ? NULL
        : io_uring_recvmsg_validate(buffer_at(u, buffer), cqe->res, &u->recv_template);
    if (out != NULL) {
        struct msghdr control = { .msg_control = (uint8_t *)io_uring_recvmsg_name(out)
                                                 + u->recv_template.msg_namelen,
                                  .msg_controllen = out->controllen };
        l.data = io_uring_recvmsg_payload(out, &u->recv_template);
        l.len = io_uring_recvmsg_payload_length(out, cqe->res, &u->recv_template);
        l.segment_bytes = l.len;
        l.remote = weir_pump_addr_in(io_uring_recvmsg_name(out));
        weir_pump_read_control(p, &control, &l);
        p->stats.rx_truncated += (out->flags & MSG_TRUNC) != 0 ? 1 : 0;
    } else {
        p->stats.rx_errors++; /* an empty landing still gives its buffer back */
    }
    u->landing_buffer[p->landings] = buffer;
    weir_pump_landed(p, &l);
}

static void on_send(struct weir_pump *p, uint32_t index, const struct io_uring_cqe *cqe)
{
    struct pump_run *r = &p->runs[index];
    bool whole = r->msg.msg_iovlen == r->count && r->next == 0;
    switch (weir_pump_run_result(p, r, whole, cqe->res)) {
    case PUMP_NEXT_NONE:
        break;
    case PUMP_NEXT_NOW:
        queue_run(p, index);
        break;
    case PUMP_NEXT_LATER:
        ((struct uring_pump *)p->impl)->has_refused = true;
        break;
    }
}

static void on_wake(struct weir_pump *p, const struct io_uring_cqe *cqe)
{
    struct uring_pump *u = p->impl;
    uint64_t count;
    ssize_t ignored = read(p->wake_fd, &count, sizeof count);
    (void)ignored;
    u->is_woken = true;
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        u->is_wake_armed = false;
    }
}

static void reap(struct weir_pump *p)
{
    struct uring_pump *u = p->impl;
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    io_uring_for_each_cqe(&u->ring, head, cqe) {
        uint64_t data = io_uring_cqe_get_data64(cqe);
        switch ((enum token_kind)(data >> 32)) {
        case TOKEN_RECV:
            on_receive(p, (uint32_t)data, cqe);
            break;
        case TOKEN_SEND:
            on_send(p, (uint32_t)data, cqe);
            break;
        case TOKEN_WAKE:
            on_wake(p, cqe);
            break;
        case TOKEN_RING:
            u->is_woken = true;
            break;
        case TOKEN_RUNG:
            on_rung(cqe);
            break;
        case TOKEN_WATCH:
            u->is_watch_armed = false;
            p->is_watch_ready = true;
            break;
        case TOKEN_CANCEL:
            break;
        }
        seen++;
    }
    io_uring_cq_advance(&u->ring, seen);
    p->stats.cq_overflows = *u->ring.cq.koverflow;
}

static bool enable(struct uring_pump *u)
{
    if (!u->is_enabled) {
        /* liburing 2.3 declares io_uring_enable_rings and does not export it. */
        u->is_enabled = syscall(__NR_io_uring_register, u->ring.ring_fd,
                                IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0;
    }
    return u->is_enabled;
}

/* What a system call may answer without the ring being lost to us. */
static bool is_sound(int res)
{
    return res >= 0 || res == -ETIME || res == -EINTR || res == -EAGAIN || res == -EBUSY;
}

static bool pump_submit(struct weir_pump *p)
{
    struct uring_pump *u = p->impl;
    int res;
    if (!enable(u)) {
        return false;
    }
    do { /* ends when all has left or the kernel refuses; each round takes runs off the ring */
        queue_runs(p);
        res = io_uring_submit_and_get_events(&u->ring);
        reap(p);
    } while (is_sound(res) && (u->has_refused || p->run_sent != p->run_head)
             && p->retry_at == WEIR_NEVER);
    return is_sound(res);
}

/* Sleep until a completion or the time. Sends were submitted and reaped before: they would end it. */
static int sleep_until(struct uring_pump *u, weir_time until)
{
    struct io_uring_cqe *cqe;
    weir_time now = weir_pump_clock();
    if (until <= now) {
        return io_uring_submit_and_get_events(&u->ring);
    }
    struct __kernel_timespec t = { .tv_sec = (int64_t)((until - now) / 1000000),
                                   .tv_nsec = (int64_t)((until - now) % 1000000 * 1000) };
    return io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, until == WEIR_NEVER ? NULL : &t, NULL);
}

/* A foreign loop is to wake for what comes from now on, and not for what is taken already: of that, our own
 * sends among it, the count goes back to zero. What came before that is taken; what comes after counts. */
static void settle(struct weir_pump *p)
{
    struct uring_pump *u = p->impl;
    uint64_t count;
    if (u->event_fd >= 0 && read(u->event_fd, &count, sizeof count) == (ssize_t)sizeof count) {
        (void)io_uring_get_events(&u->ring);
        reap(p);
    }
}

static bool pump_wait(struct weir_pump *p, weir_time until)
{
    struct uring_pump *u = p->impl;
    int res = 0;
    arm_all(p);
    if (!pump_submit(p)) {
        return false;
    }
    if (p->landings == 0 && !u->is_woken && !p->is_watch_ready) {
        res = sleep_until(u, weir_time_min(until, p->retry_at));
        reap(p);
    }
    settle(p);
    u->is_woken = false;
    return is_sound(res);
}

static void pump_recycle(struct weir_pump *p)
{
    struct uring_pump *u = p->impl;
    for (uint32_t i = 0; i < p->landings; i++) {
        uint16_t buffer = u->landing_buffer[i];
        io_uring_buf_ring_add(u->buffers, buffer_at(u, buffer), PUMP_LANDING_BYTES, buffer,
                              io_uring_buf_ring_mask(WEIR_PUMP_RX_BUFFERS), (int)i);
    }
    io_uring_buf_ring_advance(u->buffers, (int)p->landings);
}

const struct pump_ops weir_pump_uring = {
    .name = "io_uring",
    .open = pump_open,
    .close = pump_close,
    .add_socket = pump_add_socket,
    .remove_socket = pump_remove_socket,
    .is_quiet = pump_is_quiet,
    .submit = pump_submit,
    .wait = pump_wait,
    .recycle = pump_recycle,
    .fd = pump_fd,
    .ring = pump_ring,
    .watch = pump_watch,
    .is_settled = pump_is_settled,
};
