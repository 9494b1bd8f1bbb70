/* A bare UDP ping-pong: 64 bytes between two processes with blocking calls, nothing else. What a data
 * channel's latency is measured against. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/bench/bench.h"

enum { ROUNDS = 20000, BYTES = 64 };

static int open_socket(struct sockaddr_in *bound)
{
    socklen_t n = sizeof *bound;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *bound = (struct sockaddr_in){ .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (fd < 0 || bind(fd, (struct sockaddr *)bound, n) != 0
        || getsockname(fd, (struct sockaddr *)bound, &n) != 0) {
        die("no socket");
    }
    return fd;
}

static void pass(int fd, bool is_sending)
{
    uint8_t message[BYTES] = { 0 };
    ssize_t n = is_sending ? send(fd, message, sizeof message, 0) : recv(fd, message, sizeof message, 0);
    if (n != BYTES) {
        die("the ping-pong broke");
    }
}

void bench_udp(void)
{
    struct sockaddr_in a, b;
    int ping = open_socket(&a), pong = open_socket(&b);
    double *us = calloc(ROUNDS, sizeof *us);
    if (us == NULL || connect(ping, (struct sockaddr *)&b, sizeof b) != 0
        || connect(pong, (struct sockaddr *)&a, sizeof a) != 0) {
        die("no connected sockets");
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < ROUNDS; i++) {
            pass(pong, false);
            pass(pong, true);
        }
        _exit(0);
    }
    double cpu = cpu_seconds();
    weir_time begin = weir_pump_clock();
    for (int i = 0; i < ROUNDS; i++) {
        weir_time at = weir_pump_clock();
        pass(ping, true);
        pass(ping, false);
        us[i] = (double)(weir_pump_clock() - at);
    }
    double wall = (double)(weir_pump_clock() - begin) / 1e6;
    waitpid(child, NULL, 0);
    double p50 = quantile(us, ROUNDS, 0.5);
    printf("{\"bench\":\"udp\",\"ver\":\"%s\",\"scenario\":\"latency\",\"procs\":2,\"cpu_pct\":%.1f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f}\n", VERSION, (cpu_seconds() - cpu) / wall * 100, p50,
           quantile(us, ROUNDS, 0.99));
    fflush(stdout);
    free(us);
    close(ping);
    close(pong);
}
