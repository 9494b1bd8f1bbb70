/* A relay on loopback between one client and one server, whose ports change on command: what an address
 * translator does when it forgets a mapping.
 *
 *   udp_relay INSIDE-PORT SERVER-PORT
 *
 * The client sends to INSIDE-PORT. SIGUSR1: the server hears the client from another port from now on, and
 * the one before is closed. SIGUSR2: the client hears the server from another port. It ends when nothing
 * came for ten seconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t wants[2];

static void note(int signal_number)
{
    wants[signal_number == SIGUSR1 ? 1 : 0] = 1;
}

static struct sockaddr_in loopback(unsigned port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static int open_port(unsigned port)
{
    struct sockaddr_in a = loopback(port);
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) != 0) {
        perror("udp_relay");
        exit(1);
    }
    return s;
}

int main(int argc, char **argv)
{
    struct sockaddr_in far[2] = { { 0 }, { 0 } }; /* where what came on the other one goes */
    struct sigaction act = { .sa_handler = note };
    struct pollfd fds[2];
    if (argc != 3) {
        return 2;
    }
    (void)sigaction(SIGUSR1, &act, NULL);
    (void)sigaction(SIGUSR2, &act, NULL);
    far[1] = loopback((unsigned)atoi(argv[2]));
    fds[0] = (struct pollfd){ .fd = open_port((unsigned)atoi(argv[1])), .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = open_port(0), .events = POLLIN };
    for (;;) {
        int ready = poll(fds, 2, 10000);
        for (int i = 0; i < 2; i++) {
            if (wants[i]) {
                int fresh = open_port(0); /* before the old one is closed, or it might be the same */
                wants[i] = 0;
                (void)close(fds[i].fd);
                fds[i].fd = fresh;
                fds[i].revents = 0;
            }
        }
        if (ready == 0) {
            return 0;
        }
        for (int i = 0; ready > 0 && i < 2; i++) {
            char datagram[2048];
            socklen_t n = sizeof far[i];
            struct sockaddr_in from;
            if ((fds[i].revents & POLLIN) == 0) {
                continue;
            }
            ssize_t got = recvfrom(fds[i].fd, datagram, sizeof datagram, MSG_DONTWAIT,
                                   (struct sockaddr *)&from, &n);
            if (got < 0) {
                continue;
            }
            if (i == 0) {
                far[0] = from;
            }
            (void)sendto(fds[1 - i].fd, datagram, (size_t)got, 0, (struct sockaddr *)&far[1 - i],
                         sizeof far[0]);
        }
    }
}
