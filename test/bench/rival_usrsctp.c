/* Two associations of usrsctp in memory, one way, without checksums. It has no clock of its own here: its
 * timers are driven by hand as time passes. */
#define _GNU_SOURCE
#include "test/bench/rival.h"

#ifdef WEIR_BENCH_USRSCTP
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <usrsctp.h>

enum { QUEUE = 1024, PACKET = 1500, MTU = 1200 };

/* What is on its way to an end; the address of the other end's queue is where it sends from. */
struct queue {
    unsigned head, count;
    struct {
        size_t n;
        uint8_t bytes[PACKET];
    } packet[QUEUE];
};

static struct queue *to[2];

static int send_packet(void *address, void *data, size_t n, uint8_t tos, uint8_t df)
{
    struct queue *q = address == to[0] ? to[1] : to[0];
    (void)tos;
    (void)df;
    if (q->count < QUEUE && n <= PACKET) {
        unsigned at = (q->head + q->count++) % QUEUE;
        q->packet[at].n = n;
        memcpy(q->packet[at].bytes, data, n);
    }
    return 0;
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void deliver(void)
{
    for (int i = 0; i < 2; i++) {
        unsigned n = to[i]->count;
        for (; n != 0; n--) {
            unsigned at = to[i]->head;
            to[i]->head = (at + 1) % QUEUE;
            to[i]->count--;
            usrsctp_conninput(to[i], to[i]->packet[at].bytes, to[i]->packet[at].n, 0);
        }
    }
}

static struct socket *open_end(int i)
{
    struct socket *s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    struct sockaddr_conn a = { .sconn_family = AF_CONN, .sconn_port = htons(5000), .sconn_addr = to[i] };
    const int buffer = 1 << 20, on = 1;
    if (s == NULL) {
        return NULL;
    }
    usrsctp_setsockopt(s, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    usrsctp_setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    usrsctp_set_non_blocking(s, 1);
    return usrsctp_bind(s, (struct sockaddr *)&a, sizeof a) == 0 ? s : NULL;
}

static bool connect_ends(struct socket *s[2])
{
    for (int i = 0; i < 2; i++) {
        struct sockaddr_conn peer = { .sconn_family = AF_CONN, .sconn_port = htons(5000),
                                      .sconn_addr = to[i] };
        struct sctp_paddrparams p = { .spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = MTU };
        if (usrsctp_connect(s[i], (struct sockaddr *)&peer, sizeof peer) != 0 && errno != EINPROGRESS) {
            return false;
        }
        memcpy(&p.spp_address, &peer, sizeof peer);
        usrsctp_setsockopt(s[i], IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &p, sizeof p);
    }
    return true;
}

/* test/bench/peers/build.sh says where it built the library itself. */
static const char *version(void)
{
#ifdef WEIR_BENCH_USRSCTP_NATIVE
    return "usrsctp of Debian, built for this processor";
#else
    return "usrsctp of Debian";
#endif
}

static bool run(size_t size, uint64_t bytes, double *mbps)
{
    static const uint8_t message[65536];
    static uint8_t room[65536];
    static bool is_started;
    struct sctp_sndinfo info = { .snd_sid = 0 };
    if (!is_started) {
        usrsctp_init_nothreads(0, send_packet, NULL);
        usrsctp_enable_crc32c_offload();
        is_started = true;
    }
    for (int i = 0; i < 2; i++) {
        to[i] = calloc(1, sizeof *to[i]);
        usrsctp_register_address(to[i]);
    }
    struct socket *s[2] = { open_end(0), open_end(1) };
    if (s[0] == NULL || s[1] == NULL || !connect_ends(s)) {
        return false;
    }
    uint64_t got = 0, begin = now_us(), ticked = begin, now = begin;
    while (got < bytes && now - begin < 60000000) {
        while (usrsctp_sendv(s[0], message, size, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0)
               == (ssize_t)size) {
        }
        deliver();
        struct sctp_rcvinfo rcv;
        socklen_t from = 0, rcv_bytes = sizeof rcv;
        unsigned type;
        int flags = 0;
        ssize_t n;
        while ((n = usrsctp_recvv(s[1], room, sizeof room, NULL, &from, &rcv, &rcv_bytes, &type, &flags)) > 0) {
            got += (flags & MSG_NOTIFICATION) != 0 ? 0 : (uint64_t)n;
            flags = 0;
            rcv_bytes = sizeof rcv;
        }
        deliver();
        now = now_us();
        if (now - ticked >= 10000) {
            usrsctp_handle_timers((uint32_t)((now - ticked) / 1000));
            ticked = now;
        }
    }
    *mbps = (double)got * 8 / (double)(now - begin);
    for (int i = 0; i < 2; i++) {
        usrsctp_close(s[i]);
        usrsctp_deregister_address(to[i]);
    }
    return got >= bytes;
}

const struct rival_sctp *rival_usrsctp(void)
{
    static const struct rival_sctp usrsctp = { version, run };
    return &usrsctp;
}

#else

const struct rival_sctp *rival_usrsctp(void)
{
    return NULL;
}

#endif
