/* The packet pump: UDP datagrams in and out in batches, over io_uring or epoll.
 *
 * One pump belongs to one thread (a shard). All its memory is taken when it opens. The loop is
 *
 *     weir_pump_wait(pump, deadline);                     one system call
 *     while ((n = weir_pump_recv(pump, batch, 64)) != 0)  datagrams, valid until the next wait
 *         ...
 *     room = weir_pump_room(pump);                        one MTU to write the next datagram into
 *     weir_pump_send(pump, &path, ecn, bytes);            queue it
 *
 * and what was queued leaves with the next wait or flush. Datagrams of equal size to one destination
 * leave as one send with UDP_SEGMENT; coalesced receives (UDP_GRO) are taken apart here, in place.
 *
 * This is the only place in weir that reads a clock, waits, or talks to the kernel.
 */
#ifndef WEIR_CORE_PUMP_H
#define WEIR_CORE_PUMP_H

#include "core/addr.h"
#include "core/base.h"

#define WEIR_PUMP_SOCKETS_MAX 64   /* one per local address and purpose */
#define WEIR_PUMP_TX_SLOTS 1024    /* datagrams queued or in flight: 2 MiB */
#define WEIR_PUMP_RX_BUFFERS 64    /* landing buffers of 64 KiB: 4 MiB */
#define WEIR_PUMP_SEGMENTS_MAX 64  /* the kernel's UDP_MAX_SEGMENTS */
#define WEIR_PUMP_ERROR_BYTES 200

enum weir_pump_kind {
    WEIR_PUMP_DEFAULT, /* io_uring where it works, else epoll */
    WEIR_PUMP_AUTO,    /* whichever moves datagrams faster here: measured for a few milliseconds */
    WEIR_PUMP_URING,
    WEIR_PUMP_EPOLL,
};

struct weir_pump_config {
    enum weir_pump_kind kind;
    uint32_t socket_buffer_bytes; /* SO_RCVBUF and SO_SNDBUF to ask for; 0 = 4 MiB */
    bool no_gso;                  /* never segment sends: for measurement and odd networks */
    bool no_gro;
    bool is_shared;               /* other pumps of this program bind the same addresses */
    bool with_stamps;             /* weir_pump_send_stamped asks the kernel when datagrams leave */
};

/* One received datagram. data may be changed in place; it stays valid until the next wait. */
struct weir_packet {
    uint8_t *data;
    size_t len;
    struct weir_path path;
    weir_time at;    /* when the kernel had it */
    uint32_t socket; /* as weir_pump_bind numbered it */
    uint8_t ecn;     /* the two ECN bits */
};

/* What the pump did, every datagram that did not make it under one reason. */
struct weir_pump_stats {
    uint64_t rx_packets, rx_bytes, rx_reads; /* reads: completions or system calls that gave data */
    uint64_t tx_packets, tx_bytes, tx_runs;  /* runs: sends handed to the kernel */
    uint64_t waits;
    uint64_t rx_truncated;   /* datagrams longer than a landing buffer */
    uint64_t rx_starved;     /* times the kernel found no landing buffer */
    uint64_t rx_errors;
    uint64_t tx_full;        /* asked for room when every slot was in use */
    uint64_t tx_no_route;    /* no socket of ours has that local address */
    uint64_t tx_too_big;     /* EMSGSIZE */
    uint64_t tx_unreachable; /* the network said no: ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, EPERM */
    uint64_t tx_no_buffers;  /* ENOBUFS, ENOMEM: tried again after a moment */
    uint64_t tx_blocked;     /* the socket's buffer was full: tried again after a moment */
    uint64_t tx_errors;      /* any other refusal */
    uint64_t gso_refused;    /* sockets that do not segment; their runs go out one by one */
    uint64_t cq_overflows;   /* completions that the kernel had to keep aside: no packet is lost by it */
    uint64_t fallbacks;      /* io_uring was taken away while running; epoll took over */
    uint32_t rx_socket_bytes, tx_socket_bytes; /* what the kernel granted the socket granted least */
};

struct weir_pump;

/* Open a pump; NULL when nothing works, and then `error` says in one sentence what to do. */
WEIR_API struct weir_pump *weir_pump_open(const struct weir_pump_config *,
                                          char error[WEIR_PUMP_ERROR_BYTES]);
WEIR_API void weir_pump_close(struct weir_pump *);

/* "io_uring" or "epoll". */
WEIR_API const char *weir_pump_name(const struct weir_pump *);

/* Open a UDP socket on a local address; port 0 lets the kernel choose. *bound gets the address with
 * its port, *socket its number. On failure `error` says why. At any time, from the thread that waits. */
WEIR_MUST_CHECK WEIR_API enum weir_status
weir_pump_bind(struct weir_pump *, const struct weir_addr *local, struct weir_addr *bound,
               uint32_t *socket, char error[WEIR_PUMP_ERROR_BYTES]);

/* Close one. What was queued there and the kernel did not take is dropped, counted as tx_no_route; what
 * came from it and was not given out still is. Its number may be another socket's soon. WEIR_ERR_ARG:
 * there is none. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_pump_unbind(struct weir_pump *, uint32_t socket);

/* Open a socket on port 5353 that hears multicast DNS on every interface [RFC 6762 5]. */
WEIR_MUST_CHECK WEIR_API enum weir_status
weir_pump_bind_mdns(struct weir_pump *, struct weir_addr *bound, uint32_t *socket,
                    char error[WEIR_PUMP_ERROR_BYTES]);

/* Monotonic microseconds, read now. */
WEIR_API weir_time weir_pump_clock(void);

/* A counter that is cheap to read and runs at an even rate, for measuring; its unit is the machine's. */
WEIR_API uint64_t weir_pump_cycles(void);

/* The time the last wait returned, or the last refresh: one moment for a whole batch. */
WEIR_API weir_time weir_pump_now(const struct weir_pump *);
/* Read the clock into it now. */
WEIR_API weir_time weir_pump_refresh(struct weir_pump *);

/* Send what is queued and wait for datagrams, for room to send, for a wake, or until `until`. Packets
 * given out before become invalid. WEIR_ERR_SYSTEM when the kernel interface broke. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_pump_wait(struct weir_pump *, weir_time until);

/* Send what is queued without waiting. */
WEIR_API void weir_pump_flush(struct weir_pump *);

/* Up to `max` of the datagrams that have arrived; 0 when there are none left. */
WEIR_API size_t weir_pump_recv(struct weir_pump *, struct weir_packet *batch, size_t max);

/* Room for the next outgoing datagram: at least 1,500 bytes, or n = 0 when every slot is in use. The
 * room is the same until send, or a wait. */
WEIR_API struct weir_mspan weir_pump_room(struct weir_pump *);

/* Queue the bytes written to the room. WEIR_ERR_ARG when no socket has path->local. */
WEIR_API enum weir_status weir_pump_send(struct weir_pump *, const struct weir_path *path,
                                         uint8_t ecn, size_t bytes);

/* The same, and with config.with_stamps the kernel is asked when it leaves. Datagrams whose tags follow one
 * another still leave in runs, others do not join. */
WEIR_API enum weir_status weir_pump_send_stamped(struct weir_pump *, const struct weir_path *path,
                                                 uint8_t ecn, size_t bytes, uint64_t tag);

/* `count` datagrams with tags from `tag` on were given to the device at `at`. */
struct weir_pump_stamp {
    uint64_t tag;
    uint32_t count;
    weir_time at;
};

/* The next that the kernel told of; false: there is none yet. It may tell of some never. To be asked after
 * each wait: with some that nobody takes a wait may end at once. */
WEIR_MUST_CHECK WEIR_API bool weir_pump_stamp(struct weir_pump *, struct weir_pump_stamp *out);

/* Make a wait in progress return; from any thread, and from a signal handler. */
WEIR_API void weir_pump_wake(struct weir_pump *);

/* The same from the thread of another pump, as a message from ring to ring where both have one: it leaves
 * with the next wait or flush of `from`. `to` is open at least that long. */
WEIR_API void weir_pump_ring(struct weir_pump *from, struct weir_pump *to);

/* -- In a foreign event loop -- */

/* A descriptor that polls readable (level-triggered) when datagrams, a wake, a ring or a watched
 * descriptor are there for a wait to take. It is the pump's, the same until it closes, also when epoll
 * takes over. From the thread that waits; -1: none is to be had. Until it is asked for, the first time,
 * nothing is spent on it. */
WEIR_API int weir_pump_fd(struct weir_pump *);
/* When a wait is needed at the latest, though the descriptor may never become readable: 0 = now, for what
 * is queued to leave or what arrived to be taken; the moment to try again after the kernel had no room;
 * WEIR_NEVER = there is nothing to do. */
WEIR_API weir_time weir_pump_deadline(const struct weir_pump *);

/* -- Foreign descriptors -- */

enum weir_pump_ready {
    WEIR_PUMP_READABLE = 1,
    WEIR_PUMP_WRITABLE = 2,
    WEIR_PUMP_BROKEN = 4, /* an error or the other side's end; told whether asked for or not */
};

/* A descriptor of the application's, and bits of enum weir_pump_ready. */
struct weir_pump_watched {
    int fd;
    uint8_t ready;
};

/* Let waits end when `fd` is ready for one of `events`, too; 0 = no longer: before it is closed. As with
 * poll, it is told by every wait that finds it ready. WEIR_ERR_ARG: it cannot be polled (a file), or is
 * not watched; WEIR_ERR_SYSTEM: the kernel has no room. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_pump_watch(struct weir_pump *, int fd, uint8_t events);
/* Those that the last wait found ready, at most `max`: further ones come with the next waits. */
WEIR_API size_t weir_pump_watched(struct weir_pump *, struct weir_pump_watched *out, size_t max);

WEIR_API const struct weir_pump_stats *weir_pump_stats(const struct weir_pump *);

/* Fill an array with the addresses of this host that are up; loopback only if asked. Link-local IPv6
 * is left out: browsers do not use it. Returns how many were written. */
WEIR_API size_t weir_pump_interfaces(struct weir_addr *out, size_t max, bool with_loopback);

/* Seed bytes from the operating system. */
WEIR_MUST_CHECK WEIR_API bool weir_pump_entropy(void *out, size_t n);

/* UTC in seconds since 1970, for certificate dates and sender reports. */
WEIR_API int64_t weir_pump_utc_s(void);
/* UTC in microseconds since 1970. */
WEIR_API uint64_t weir_pump_utc_us(void);

#endif
