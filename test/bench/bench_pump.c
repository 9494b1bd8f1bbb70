/* The pump alone: 1,200-byte datagrams from one process to another over loopback, in four ways.
 *
 *   raw     sendmsg with UDP_SEGMENT from one buffer, recvmsg with UDP_GRO: the kernel's ceiling
 *   single  sendto and recvfrom, one datagram per call
 *   uring   weir's pump on io_uring, every datagram written to its own buffer and handed out alone
 *   epoll   the same on epoll
 *
 * What counts is what the receiver got. It leaves when nothing came for a moment.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/bench/bench.h"

#define DATAGRAM 1200
#define SEGMENTS 54 /* of 1,200 bytes fit below 65,000 */
#define SILENCE_US 300000
#define UDP_SEGMENT_OPTION 103
#define UDP_GRO_OPTION 104

struct count {
    uint64_t packets;
    weir_time first, last;
    double cpu;
};

static int open_socket(struct sockaddr_in *bound)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = 4 << 20, on = 1;
    struct timeval silence = { .tv_usec = SILENCE_US };
    socklen_t n = sizeof *bound;
    memset(bound, 0, sizeof *bound);
    bound->sin_family = AF_INET;
    bound->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)bound, n) != 0
        || getsockname(fd, (struct sockaddr *)bound, &n) != 0) {
        die("no socket");
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    setsockopt(fd, IPPROTO_UDP, UDP_GRO_OPTION, &on, sizeof on);
    return fd;
}

static void note(struct count *c, uint64_t packets)
{
    c->last = weir_pump_clock();
    c->first = c->packets == 0 ? c->last : c->first;
    c->packets += packets;
}

/* -- Without the pump -------------------------------------------------------------------------- */

static void receive_raw(int fd, struct count *c)
{
    static uint8_t landing[65536];
    ssize_t n;
    while ((n = recv(fd, landing, sizeof landing, 0)) >= 0 || c->packets == 0) {
        note(c, n < 0 ? 0 : ((uint64_t)n + DATAGRAM - 1) / DATAGRAM);
    }
}

static void send_raw(const struct sockaddr_in *to, weir_time end, unsigned segments)
{
    static uint8_t data[SEGMENTS * DATAGRAM];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    uint16_t segment = DATAGRAM;
    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) != 0
        || (segments > 1
            && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT_OPTION, &(int){ segment }, sizeof(int)) != 0)) {
        die("no segmenting socket");
    }
    while (weir_pump_clock() < end) {
        for (int i = 0; i < 16; i++) {
            ssize_t ignored = send(fd, data, (size_t)segments * DATAGRAM, 0);
            (void)ignored;
        }
    }
    close(fd);
}

/* -- With the pump ----------------------------------------------------------------------------- */

static struct weir_pump *open_pump(enum weir_pump_kind kind, struct weir_addr *bound)
{
    const struct weir_pump_config config = { .kind = kind };
    struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    char error[WEIR_PUMP_ERROR_BYTES];
    uint32_t socket;
    struct weir_pump *p = weir_pump_open(&config, error);
    if (p == NULL || weir_pump_bind(p, &any, bound, &socket, error) != WEIR_OK) {
        die(error);
    }
    return p;
}

static void receive_pump(struct weir_pump *p, struct count *c)
{
    struct weir_packet batch[64];
    size_t n = 0;
    do {
        if (weir_pump_wait(p, weir_pump_clock() + SILENCE_US) != WEIR_OK) {
            die("the pump broke");
        }
        uint64_t got = 0;
        while ((n = weir_pump_recv(p, batch, 64)) != 0) {
            for (size_t i = 0; i < n; i++) {
                got += batch[i].len == DATAGRAM && batch[i].data[0] == 0x80 ? 1 : 0;
            }
        }
        if (got != 0) {
            note(c, got);
        }
    } while (c->packets == 0 || weir_pump_clock() - c->last < SILENCE_US);
}

static void send_pump(enum weir_pump_kind kind, const struct weir_addr *to, weir_time end)
{
    struct weir_path path = { .remote = *to };
    struct weir_pump *p = open_pump(kind, &path.local);
    while (weir_pump_clock() < end) {
        struct weir_mspan room;
        for (int i = 0; i < 512 && (room = weir_pump_room(p)).n != 0; i++) {
            room.p[0] = 0x80;
            if (weir_pump_send(p, &path, 0, DATAGRAM) != WEIR_OK) {
                die("the pump refused");
            }
        }
        weir_pump_flush(p);
    }
    weir_pump_close(p);
}

/* -- Two processes ----------------------------------------------------------------------------- */

enum way { WAY_RAW, WAY_SINGLE, WAY_URING, WAY_EPOLL, WAYS };

static void run_way(enum way way, const struct options *o)
{
    static const char *const name[WAYS] = { "raw", "single", "uring", "epoll" };
    bool is_pump = way == WAY_URING || way == WAY_EPOLL;
    enum weir_pump_kind kind = way == WAY_URING ? WEIR_PUMP_URING : WEIR_PUMP_EPOLL;
    struct sockaddr_in in = { 0 };
    struct weir_addr to = { 0 };
    struct weir_pump *pump = is_pump ? open_pump(kind, &to) : NULL;
    int fd = is_pump ? -1 : open_socket(&in);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        weir_time end = weir_pump_clock() + o->seconds * WEIR_SEC;
        if (is_pump) {
            send_pump(kind, &to, end);
        } else {
            send_raw(&in, end, way == WAY_RAW ? SEGMENTS : 1);
        }
        _exit(0);
    }
    struct count c = { 0 };
    double cpu = cpu_seconds();
    if (is_pump) {
        receive_pump(pump, &c);
        weir_pump_close(pump);
    } else {
        receive_raw(fd, &c);
        close(fd);
    }
    waitpid(child, NULL, 0);
    double seconds = (double)(c.last - c.first) / 1e6, pps = (double)c.packets / seconds;
    printf("{\"bench\":\"weir\",\"ver\":\"%s\",\"scenario\":\"pump\",\"procs\":2,\"cpu_pct\":%.1f,"
           "\"way\":\"%s\",\"size\":%d,\"pps\":%.0f,\"gbps\":%.2f}\n",
           VERSION, (cpu_seconds() - cpu) / seconds * 100, name[way], DATAGRAM, pps,
           pps * DATAGRAM * 8 / 1e9);
}

void bench_pump(const struct options *o)
{
    if (o->is_raw) {
        run_way(WAY_RAW, o);
        run_way(WAY_SINGLE, o);
    }
    if (o->pump != WEIR_PUMP_EPOLL) {
        run_way(WAY_URING, o);
    }
    if (o->pump != WEIR_PUMP_URING) {
        run_way(WAY_EPOLL, o);
    }
}
