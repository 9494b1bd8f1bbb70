/* Sockets of the pump: opening, options, addresses, control messages, interfaces, clocks. */
#define _GNU_SOURCE
#include "core/pump/pump_int.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* -- Clocks and entropy ------------------------------------------------------------------------ */

static uint64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

weir_time weir_pump_clock(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

uint64_t weir_pump_utc_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t weir_pump_utc_s(void)
{
    return (int64_t)(clock_us(CLOCK_REALTIME) / 1000000);
}

bool weir_pump_entropy(void *out, size_t n)
{
    return getrandom(out, n, 0) == (ssize_t)n;
}

/* -- Addresses --------------------------------------------------------------------------------- */

struct weir_addr weir_pump_addr_in(const void *sockaddr)
{
    struct weir_addr none = { 0 };
    struct sockaddr_in6 six;
    struct sockaddr_in four;
    sa_family_t family;
    memcpy(&family, sockaddr, sizeof family);
    if (family == AF_INET) {
        memcpy(&four, sockaddr, sizeof four);
        uint8_t ip[4];
        memcpy(ip, &four.sin_addr, 4);
        return weir_addr_v4(ip[0], ip[1], ip[2], ip[3], ntohs(four.sin_port));
    }
    if (family == AF_INET6) {
        memcpy(&six, sockaddr, sizeof six);
        struct weir_addr a = weir_addr_v6(six.sin6_addr.s6_addr, ntohs(six.sin6_port));
        a.scope = a.family == WEIR_IPV6 ? six.sin6_scope_id : 0;
        return a;
    }
    return none;
}

socklen_t weir_pump_addr_out(const struct weir_addr *a, struct sockaddr_in6 *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == WEIR_IPV4) {
        struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(a->port) };
        memcpy(&four.sin_addr, a->ip, 4);
        memcpy(out, &four, sizeof four);
        return sizeof four;
    }
    out->sin6_family = AF_INET6;
    out->sin6_port = htons(a->port);
    out->sin6_scope_id = a->scope;
    memcpy(out->sin6_addr.s6_addr, a->ip, 16);
    return sizeof *out;
}

size_t weir_pump_interfaces(struct weir_addr *out, size_t max, bool with_loopback)
{
    struct ifaddrs *list = NULL;
    size_t n = 0;
    if (getifaddrs(&list) != 0) {
        return 0;
    }
    for (const struct ifaddrs *i = list; i != NULL && n < max; i = i->ifa_next) {
        if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0) {
            continue;
        }
        struct weir_addr a = weir_pump_addr_in(i->ifa_addr);
        if (a.family == WEIR_FAMILY_NONE || weir_addr_is_link_local(&a)
            || (weir_addr_is_loopback(&a) && !with_loopback)) {
            continue;
        }
        out[n++] = a;
    }
    freeifaddrs(list);
    return n;
}

/* -- Opening ----------------------------------------------------------------------------------- */

static const int on = 1;

/* Ask for a buffer past the system's limit, which root may, then up to it; see what was granted. The
 * kernel tells twice of what it grants, for its own bookkeeping. */
static void set_buffer(struct weir_pump *p, int fd, int forced, int plain, uint32_t *least)
{
    int bytes = (int)p->config.socket_buffer_bytes;
    socklen_t n = sizeof bytes;
    if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) {
        setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
    }
    if (getsockopt(fd, SOL_SOCKET, plain, &bytes, &n) == 0) {
        uint32_t granted = (uint32_t)bytes / 2;
        *least = *least == 0 || granted < *least ? granted : *least;
    }
}

static void set_options(struct weir_pump *p, struct pump_socket *s)
{
    set_buffer(p, s->fd, SO_RCVBUFFORCE, SO_RCVBUF, &p->stats.rx_socket_bytes);
    set_buffer(p, s->fd, SO_SNDBUFFORCE, SO_SNDBUF, &p->stats.tx_socket_bytes);
    setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (s->local.family == WEIR_IPV4) {
        setsockopt(s->fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    } else {
        setsockopt(s->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
    }
    if (!p->config.no_gro) {
        setsockopt(s->fd, IPPROTO_UDP, PUMP_UDP_GRO, &on, sizeof on);
    }
    weir_pump_set_stamps(p, s);
    /* Setting a default segment size of zero changes nothing and tells whether the kernel knows it. */
    int zero = 0;
    s->has_gso = !p->config.no_gso
                 && setsockopt(s->fd, IPPROTO_UDP, PUMP_UDP_SEGMENT, &zero, sizeof zero) == 0;
}

static void say_bind_error(const struct weir_addr *local, int why, char error[WEIR_PUMP_ERROR_BYTES])
{
    char text[WEIR_ADDR_TEXT_BYTES];
    const char *advice = why == EADDRINUSE      ? "choose another port, or stop what uses it"
                         : why == EACCES        ? "ports below 1024 need root; choose a higher one"
                         : why == EADDRNOTAVAIL ? "this host has no such address; see `ip address`"
                         : why == EAFNOSUPPORT  ? "this host has no IPv6; bind an IPv4 address"
                         : why == EMFILE        ? "too many open files; raise `ulimit -n`"
                                                : "the system refused";
    snprintf(error, WEIR_PUMP_ERROR_BYTES, "cannot open UDP %s (%s): %s",
             weir_addr_text(local, text), strerror(why), advice);
}

/* Is something that came by it still to be given out? */
static bool has_landed(const struct weir_pump *p, uint32_t socket)
{
    bool has = false;
    for (uint32_t i = p->landing_at; i < p->landings; i++) {
        has |= p->landing[i].socket == socket;
    }
    return has;
}

/* A number for a new socket: one of before, of which nothing is to come any more, or the next. */
static uint32_t free_number(const struct weir_pump *p)
{
    for (uint32_t i = 0; i < p->sockets; i++) {
        if (p->socket[i].state == PUMP_SOCKET_FREE && p->ops->is_quiet(p, i) && !has_landed(p, i)) {
            return i;
        }
    }
    return p->sockets;
}

/* Take a bound descriptor into the table, where there is room. */
static enum weir_status adopt(struct weir_pump *p, int fd, struct weir_addr *bound, uint32_t *socket)
{
    struct sockaddr_storage name;
    socklen_t n = sizeof name;
    uint32_t number = free_number(p);
    struct pump_socket *s = &p->socket[number];
    getsockname(fd, (struct sockaddr *)&name, &n);
    *s = (struct pump_socket){ .fd = fd, .local = weir_pump_addr_in(&name) };
    set_options(p, s);
    if (!p->ops->add_socket(p, number)) {
        close(fd);
        return WEIR_ERR_SYSTEM;
    }
    s->state = PUMP_SOCKET_OPEN;
    p->sockets += number == p->sockets ? 1 : 0;
    *bound = s->local;
    *socket = number;
    return WEIR_OK;
}

/* Runs that the kernel has not taken, and that none may be sent by any more. */
static void drop_runs(struct weir_pump *p, uint32_t socket)
{
    for (uint32_t i = p->run_tail; i != p->run_head; i++) {
        struct pump_run *r = &p->runs[i % PUMP_RUNS_MAX];
        if (r->socket == socket && !r->is_done) {
            p->stats.tx_no_route += r->count - r->next;
            r->is_closed = r->is_done = true;
            r->is_waiting = false;
        }
    }
}

enum weir_status weir_pump_unbind(struct weir_pump *p, uint32_t socket)
{
    if (socket >= p->sockets || p->socket[socket].state != PUMP_SOCKET_OPEN) {
        return WEIR_ERR_ARG;
    }
    weir_pump_flush(p);
    drop_runs(p, socket);
    p->ops->remove_socket(p, socket);
    close(p->socket[socket].fd);
    p->socket[socket].state = PUMP_SOCKET_FREE;
    p->socket[socket].fd = -1;
    weir_pump_reap_runs(p);
    return WEIR_OK;
}

enum weir_status weir_pump_bind(struct weir_pump *p, const struct weir_addr *local,
                                struct weir_addr *bound, uint32_t *socket_index,
                                char error[WEIR_PUMP_ERROR_BYTES])
{
    struct sockaddr_in6 name;
    socklen_t n = weir_pump_addr_out(local, &name);
    if (free_number(p) == WEIR_PUMP_SOCKETS_MAX) {
        snprintf(error, WEIR_PUMP_ERROR_BYTES, "more than %d local addresses; name the ones to use",
                 WEIR_PUMP_SOCKETS_MAX);
        return WEIR_ERR_FULL;
    }
    int fd = socket(local->family == WEIR_IPV4 ? AF_INET : AF_INET6,
                    SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && local->family == WEIR_IPV6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (fd >= 0 && p->config.is_shared) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, n) != 0) {
        say_bind_error(local, errno, error);
        if (fd >= 0) {
            close(fd);
        }
        return WEIR_ERR_SYSTEM;
    }
    enum weir_status status = adopt(p, fd, bound, socket_index);
    if (status != WEIR_OK) {
        say_bind_error(local, errno, error);
    }
    return status;
}

/* Join the group on every IPv4 interface; at least one must accept. */
static bool join_mdns(int fd)
{
    struct weir_addr interface[32];
    size_t n = weir_pump_interfaces(interface, 32, true);
    bool has_joined = false;
    for (size_t i = 0; i < n; i++) {
        if (interface[i].family != WEIR_IPV4) {
            continue;
        }
        struct ip_mreq group = { .imr_multiaddr.s_addr = htonl(0xe00000fb) };
        memcpy(&group.imr_interface, interface[i].ip, 4);
        has_joined |= setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0;
    }
    return has_joined;
}

enum weir_status weir_pump_bind_mdns(struct weir_pump *p, struct weir_addr *bound,
                                     uint32_t *socket_index, char error[WEIR_PUMP_ERROR_BYTES])
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(5353) };
    int fd = free_number(p) < WEIR_PUMP_SOCKETS_MAX
                 ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                 : -1;
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof on);
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) != 0 || !join_mdns(fd)) {
        snprintf(error, WEIR_PUMP_ERROR_BYTES, "no multicast DNS here (%s): .local candidates are "
                 "reached when they call us", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return WEIR_ERR_SYSTEM;
    }
    return adopt(p, fd, bound, socket_index);
}

/* -- Control messages of a receive ------------------------------------------------------------- */

void weir_pump_read_control(struct weir_pump *p, struct msghdr *msg, struct pump_landing *l)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        int value = 0;
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == PUMP_UDP_GRO) {
            memcpy(&value, CMSG_DATA(c), sizeof value);
            l->segment_bytes = value > 0 && (size_t)value < l->len ? (size_t)value : l->len;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            l->ecn = CMSG_DATA(c)[0] & 3;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            memcpy(&value, CMSG_DATA(c), sizeof value);
            l->ecn = (uint8_t)(value & 3);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            uint64_t utc = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
            uint64_t utc_now = weir_pump_utc_us();
            uint64_t age = utc_now > utc ? utc_now - utc : 0;
            /* A wall clock that was set in between must not move arrivals by more than a moment. */
            l->arrived -= age < WEIR_SEC && age < l->arrived ? age : 0;
        }
    }
    (void)p;
}
