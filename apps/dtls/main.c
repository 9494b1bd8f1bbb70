/* weir-dtls: one DTLS endpoint for scripts and auditors. It shakes hands, prints one line of JSON about
 * what was agreed, and then passes stdin and stdout, one record for each piece that it reads.
 *
 *   1. options and the socket; a server waits for the first datagram and belongs to its sender, who may
 *      move where connection ids were agreed
 *   2. the loop: datagrams in, timers, stdin; then events; then datagrams out
 *   3. close_notify at the end of stdin, or the peer's
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "apps/dtls/dtls_app.h"

#define STDIN_BYTES 1024

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

/* -- 1. The socket ------------------------------------------------------------------------------ */

static void open_socket(struct program *p, const struct weir_addr *named)
{
    const struct weir_pump_config config = { .kind = WEIR_PUMP_EPOLL }; /* polled beside stdin */
    static const uint8_t any6[16];
    char error[WEIR_PUMP_ERROR_BYTES];
    struct weir_addr local = *named;
    uint32_t socket;
    if (p->config.is_client) {
        local = named->family == WEIR_IPV4 ? weir_addr_v4(0, 0, 0, 0, 0) : weir_addr_v6(any6, 0);
        p->path.remote = p->at[0] = *named;
        p->has_peer = true;
    }
    p->pump = weir_pump_open(&config, error);
    if (p->pump == NULL || weir_pump_bind(p->pump, &local, &p->path.local, &socket, error) != WEIR_OK) {
        refuse("no socket", error);
    }
}

static void begin(struct program *p, int argc, char **argv)
{
    struct weir_addr named;
    read_command(p, argc, argv, &named);
    make_identity(p);
    begin_resumption(p);
    open_socket(p, &named);
}

/* -- 2. The loop -------------------------------------------------------------------------------- */

static void end(struct program *p, int status)
{
    p->is_over = true;
    p->status = status;
}

static void print_moved(struct program *p, const char *what, uint32_t path)
{
    char text[WEIR_ADDR_TEXT_BYTES];
    fprintf(stderr, "weir-dtls: %s %s\n", what, weir_addr_text(&p->at[path], text));
}

static void take_event(struct program *p, const struct weir_dtls_event *e)
{
    switch (e->type) {
    case WEIR_DTLS_EVENT_CONNECTED:
        print_agreed(p);
        write_keylog(p);
        break;
    case WEIR_DTLS_EVENT_SESSION:
        store_session(p);
        break;
    case WEIR_DTLS_EVENT_CLOSED:
        end(p, 0);
        break;
    case WEIR_DTLS_EVENT_FAILED:
        fprintf(stderr, "weir-dtls: %s (%s)\n", weir_dtls_reason_name(e->reason),
                e->reason == WEIR_DTLS_REASON_ALERT ? weir_dtls_alert_name(e->alert)
                : e->has_plain_alert                ? weir_dtls_alert_name(e->alert)
                                                    : weir_dtls_verdict_name(e->verdict));
        end(p, 1);
        break;
    case WEIR_DTLS_EVENT_MOVED:
        p->path.remote = p->at[e->path];
        print_moved(p, "the peer moved to", e->path);
        break;
    case WEIR_DTLS_EVENT_SEEN: /* we have no means to check it */
        print_moved(p, "the peer was seen at", e->path);
        break;
    case WEIR_DTLS_EVENT_NONE:
        break;
    }
}

/* Without a fingerprint to check, whoever comes is the peer. */
static void accept_certificate(struct program *p, weir_time now)
{
    struct weir_dtls_fingerprint shown = { .hash = WEIR_SHA256 };
    if (p->any_certificate && weir_dtls_state(&p->dtls) == WEIR_DTLS_UNVERIFIED
        && weir_dtls_peer_digest(&p->dtls, shown.bytes)) {
        (void)!weir_dtls_set_fingerprints(&p->dtls, now, &shown, 1);
    }
}

/* An address that is not known has the spare number, and keeps it once a record from there was good. */
static uint32_t path_of(struct program *p, const struct weir_addr *from)
{
    for (uint32_t i = 0; i < PATHS; i++) {
        if (weir_addr_eq(&p->at[i], from)) {
            return i;
        }
    }
    p->at[p->spare] = *from;
    return p->spare;
}

static void keep_path(struct program *p, uint32_t path)
{
    while (p->spare == path || p->spare == weir_dtls_path(&p->dtls)) {
        p->spare = (p->spare + 1) % PATHS;
    }
}

static void take_datagram(struct program *p, weir_time now, const struct weir_packet *k)
{
    struct weir_mspan datagram = { k->data, k->len };
    struct weir_span plain;
    if (!p->has_peer) {
        p->path.remote = p->at[0] = k->path.remote;
        p->has_peer = true;
        memcpy(p->config.address, k->path.remote.ip, 16);
        weir_put16(p->config.address + 16, k->path.remote.port);
        p->config.address_bytes = 18;
        weir_dtls_init(&p->dtls, &p->config, now);
    }
    if (!weir_addr_eq(&k->path.remote, &p->path.remote) && !weir_dtls_has_cid(&p->dtls)) {
        return; /* one peer at a time */
    }
    uint32_t path = path_of(p, &k->path.remote);
    while (datagram.n != 0) {
        if (weir_dtls_recv_by(&p->dtls, now, path, &datagram, &plain) == WEIR_DTLS_OK) {
            keep_path(p, path);
        }
        if (plain.n != 0) {
            fwrite(plain.p, 1, plain.n, stdout);
            fflush(stdout);
        }
        accept_certificate(p, now);
    }
}

static void send_all(struct program *p, weir_time now)
{
    struct weir_mspan room;
    struct weir_path to = p->path;
    uint32_t path;
    size_t n;
    while (p->has_peer && (room = weir_pump_room(p->pump)).n != 0
           && (n = weir_dtls_send_to(&p->dtls, now, room, &path)) != 0) {
        to.remote = p->at[path];
        (void)weir_pump_send(p->pump, &to, 0, n);
    }
    weir_pump_flush(p->pump);
}

static void take_input(struct program *p, weir_time now)
{
    struct weir_mspan room = weir_pump_room(p->pump);
    size_t at = weir_dtls_head_bytes(&p->dtls);
    if (room.n == 0) {
        return;
    }
    ssize_t n = read(STDIN_FILENO, room.p + at, STDIN_BYTES);
    if (n <= 0) {
        p->is_input_over = true;
        weir_dtls_close(&p->dtls, now);
        return;
    }
    size_t record = weir_dtls_seal(&p->dtls, room, at, (size_t)n);
    if (record != 0) {
        (void)weir_pump_send(p->pump, &p->path, 0, record);
        weir_pump_flush(p->pump);
    }
}

static int milliseconds_until(weir_time deadline, weir_time now)
{
    if (deadline == WEIR_NEVER) {
        return 1000;
    }
    return deadline <= now ? 0 : (int)((deadline - now) / 1000 > 1000 ? 1000 : (deadline - now) / 1000 + 1);
}

static void turn(struct program *p)
{
    struct weir_packet batch[16];
    struct weir_dtls_event e;
    weir_time now = weir_pump_clock();
    bool reads = weir_dtls_state(&p->dtls) == WEIR_DTLS_CONNECTED && !p->is_input_over && p->has_peer;
    struct pollfd fds[2] = { { .fd = weir_pump_fd(p->pump), .events = POLLIN },
                             { .fd = reads ? STDIN_FILENO : -1, .events = POLLIN } };
    weir_time deadline = p->has_peer ? weir_dtls_deadline(&p->dtls) : WEIR_NEVER;
    (void)poll(fds, 2, milliseconds_until(deadline, now));
    if (weir_pump_wait(p->pump, 0) != WEIR_OK) {
        refuse("the socket broke", strerror(errno));
    }
    now = weir_pump_clock();
    for (size_t n; (n = weir_pump_recv(p->pump, batch, 16)) != 0;) {
        for (size_t i = 0; i < n; i++) {
            take_datagram(p, now, &batch[i]);
        }
    }
    if (p->has_peer) {
        weir_dtls_tick(&p->dtls, now);
    }
    if (reads && fds[1].revents != 0) {
        take_input(p, now);
    }
    while (p->has_peer && weir_dtls_event(&p->dtls, &e)) {
        take_event(p, &e);
    }
    send_all(p, now);
}

/* -- 3. The end --------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    static struct program p;
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    weir_arena_init(&p.handshakes, &p.handshake, sizeof p.handshake, 1);
    p.config.handshakes = &p.handshakes;
    begin(&p, argc, argv);
    if (p.config.is_client) {
        weir_dtls_init(&p.dtls, &p.config, weir_pump_clock());
        if (weir_dtls_start(&p.dtls, weir_pump_clock()) != WEIR_OK) {
            refuse("no handshake", "the client did not start");
        }
        send_all(&p, weir_pump_clock());
    }
    while (!p.is_over) {
        turn(&p);
        if (is_interrupted && p.has_peer) {
            weir_dtls_close(&p.dtls, weir_pump_clock());
            send_all(&p, weir_pump_clock());
        }
        if (is_interrupted || (p.is_input_over && weir_dtls_state(&p.dtls) == WEIR_DTLS_CLOSED)) {
            end(&p, p.status);
        }
    }
    weir_dtls_deinit(&p.dtls);
    weir_wipe(&p.identity, sizeof p.identity);
    weir_pump_close(p.pump);
    if (p.keylog != NULL) {
        fclose(p.keylog);
    }
    return p.status;
}
