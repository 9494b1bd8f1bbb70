/* When did a datagram leave? The kernel tells by the socket's error queue: sends that ask for it are
 * numbered from zero for each socket, and each is told of once, by its number. A run is one send.
 */
#define _GNU_SOURCE
#include "core/pump/pump_int.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

void weir_pump_set_stamps(struct weir_pump *p, struct pump_socket *s)
{
    uint32_t flags = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
    s->has_stamps = p->config.with_stamps
                    && setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0;
    s->stamp_next = s->stamps_out = 0;
}

void weir_pump_note_stamped(struct weir_pump *p, const struct pump_run *r, uint32_t at, uint32_t count)
{
    struct pump_socket *s = &p->socket[r->socket];
    if (r->is_stamped && s->has_stamps) {
        struct pump_stamped *t = &p->stamped[p->stamped_next++ % PUMP_STAMPS_MAX];
        *t = (struct pump_stamped){ true, r->socket, s->stamp_next++, r->tag + at, count };
        s->stamps_out += s->stamps_out < PUMP_STAMPS_MAX ? 1 : 0;
    }
}

/* The moment on our clock, from one on the wall's: only its age is believed, and that it is short. */
static weir_time moment_of(const struct timespec *t)
{
    uint64_t utc = (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_nsec / 1000;
    uint64_t utc_now = weir_pump_utc_us();
    weir_time now = weir_pump_clock();
    uint64_t age = utc_now > utc ? utc_now - utc : 0;
    return age < WEIR_SEC && age < now ? now - age : now;
}

/* One message of the error queue: which send, and when; false: it is about something else. */
static bool read_message(struct msghdr *msg, uint32_t *number, weir_time *at)
{
    bool has_time = false, has_number = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
            struct timespec software; /* the first of three */
            memcpy(&software, CMSG_DATA(c), sizeof software);
            *at = moment_of(&software);
            has_time = true;
        } else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR)
                   || (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
            struct sock_extended_err e;
            memcpy(&e, CMSG_DATA(c), sizeof e);
            has_number = e.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && e.ee_info == SCM_TSTAMP_SND;
            *number = e.ee_data;
        }
    }
    return has_time && has_number;
}

static struct pump_stamped *find(struct weir_pump *p, uint32_t socket, uint32_t number)
{
    for (uint32_t i = 1; i <= PUMP_STAMPS_MAX; i++) { /* the newest first: as a rule it is near */
        struct pump_stamped *t = &p->stamped[(p->stamped_next - i) % PUMP_STAMPS_MAX];
        if (t->is_out && t->socket == socket && t->number == number) {
            return t;
        }
    }
    return NULL;
}

static bool take(struct weir_pump *p, uint32_t socket, struct weir_pump_stamp *out)
{
    struct pump_socket *s = &p->socket[socket];
    _Alignas(16) uint8_t control[256];
    while (s->stamps_out != 0) {
        struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof control };
        uint32_t number = 0;
        if (recvmsg(s->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            return false;
        }
        struct pump_stamped *t = read_message(&msg, &number, &out->at) ? find(p, socket, number) : NULL;
        if (t != NULL) {
            s->stamps_out--;
            t->is_out = false;
            out->tag = t->tag;
            out->count = t->count;
            return true;
        }
    }
    return false;
}

bool weir_pump_stamp(struct weir_pump *p, struct weir_pump_stamp *out)
{
    for (uint32_t i = 0; p->config.with_stamps && i < p->sockets; i++) {
        if (p->socket[i].state == PUMP_SOCKET_OPEN && take(p, i, out)) {
            return true;
        }
    }
    return false;
}
