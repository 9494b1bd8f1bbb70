/* A wire with a delay between two network interfaces: wire A B MILLISECONDS
 *
 * Every frame that comes in at A leaves at B as much later, and the other way round, in order. A direction
 * holds 16,384 frames; what comes on top is lost, as in a router, and how many were is told at the end.
 * It runs until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 16384, FRAME_BYTES = 2048, BATCH = 64, SOCKET_BYTES = 64 << 20 };

struct line {
    int in, out;
    uint64_t first, last; /* frames taken in so far, and given out */
    uint64_t lost;
    struct frame {
        uint64_t due_ns;
        size_t n;
        uint8_t bytes[FRAME_BYTES];
    } *frame;
};

static volatile sig_atomic_t is_over;

static void stop(int number)
{
    (void)number;
    is_over = 1;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int open_end(const char *name)
{
    struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(name) };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0), on = 1, bytes = SOCKET_BYTES;
    if (fd < 0 || a.sll_ifindex == 0
        || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0
        || bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        perror(name);
        exit(1);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    return fd;
}

static void take(struct line *l, uint64_t delay_ns)
{
    static uint8_t waste[FRAME_BYTES];
    for (int i = 0; i < BATCH; i++) {
        struct frame *f = &l->frame[l->last % FRAMES];
        int is_full = l->last - l->first == FRAMES;
        ssize_t n = recv(l->in, is_full ? waste : f->bytes, FRAME_BYTES, 0);
        if (n < 0) {
            return;
        }
        if (is_full) {
            l->lost++;
            continue;
        }
        f->n = (size_t)n;
        f->due_ns = now_ns() + delay_ns;
        l->last++;
    }
}

static void give(struct line *l)
{
    uint64_t now = now_ns();
    while (l->first < l->last && l->frame[l->first % FRAMES].due_ns <= now) {
        struct frame *f = &l->frame[l->first++ % FRAMES];
        l->lost += send(l->out, f->bytes, f->n, 0) != (ssize_t)f->n ? 1 : 0;
    }
}

int main(int argc, char **argv)
{
    struct line line[2] = { { 0 }, { 0 } };
    struct sigaction act = { .sa_handler = stop };
    if (argc != 4) {
        fprintf(stderr, "usage: wire A B MILLISECONDS\n");
        return 2;
    }
    uint64_t delay_ns = strtoull(argv[3], NULL, 10) * 1000000 / 2;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_TIMERSLACK, 1);
    sigaction(SIGTERM, &act, NULL);
    line[0].in = line[1].out = open_end(argv[1]);
    line[1].in = line[0].out = open_end(argv[2]);
    for (int i = 0; i < 2; i++) {
        line[i].frame = calloc(FRAMES, sizeof *line[i].frame);
        if (line[i].frame == NULL) {
            return 1;
        }
    }
    struct pollfd fds[2] = { { .fd = line[0].in, .events = POLLIN }, { .fd = line[1].in, .events = POLLIN } };
    while (!is_over) {
        uint64_t due = UINT64_MAX, now = now_ns();
        for (int i = 0; i < 2; i++) {
            if (line[i].first < line[i].last) {
                uint64_t next = line[i].frame[line[i].first % FRAMES].due_ns;
                due = next < due ? next : due;
            }
        }
        uint64_t wait = due == UINT64_MAX ? 1000000000 : due > now ? due - now : 0;
        struct timespec t = { .tv_sec = (time_t)(wait / 1000000000), .tv_nsec = (long)(wait % 1000000000) };
        ppoll(fds, 2, &t, NULL);
        for (int i = 0; i < 2; i++) {
            take(&line[i], delay_ns);
            give(&line[i]);
        }
    }
    fprintf(stderr, "wire: %llu and %llu frames lost of %llu and %llu\n", (unsigned long long)line[0].lost,
            (unsigned long long)line[1].lost, (unsigned long long)line[0].last, (unsigned long long)line[1].last);
    return 0;
}
