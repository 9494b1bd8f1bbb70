/* Shared by the files of the pump; included nowhere else. */
#ifndef WEIR_CORE_PUMP_INT_H
#define WEIR_CORE_PUMP_INT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/pool.h"
#include "core/pump/pump.h"

/* UDP_SEGMENT and UDP_GRO came to the C library's headers late. */
#define PUMP_UDP_SEGMENT 103
#define PUMP_UDP_GRO 104

#define PUMP_SLOT_BYTES 2048
#define PUMP_LANDING_BYTES (65536 + 512) /* a coalesced datagram, with header, name and control */
#define PUMP_CONTROL_BYTES 128
#define PUMP_RUNS_MAX 256                /* sends queued or in flight */
#define PUMP_RUN_BYTES_MAX 65000         /* below the IP length limit, whatever the headers */
#define PUMP_PACE ((weir_duration)200)     /* after the kernel had no room: try again so late */

enum pump_socket_state {
    PUMP_SOCKET_FREE,    /* no socket, or one that is closed but for its last receive */
    PUMP_SOCKET_OPEN,
};

struct pump_socket {
    enum pump_socket_state state;
    int fd;
    struct weir_addr local;
    bool has_gso;
    bool has_stamps;
    uint32_t stamp_next; /* the kernel's number of the next send that is stamped */
    uint32_t stamps_out; /* sends that it has not told of; those told of late are among them */
};

#define PUMP_STAMPS_MAX 512 /* sends that may be told of; the oldest is forgotten */

/* A send whose moment the kernel is to tell. */
struct pump_stamped {
    bool is_out;
    uint32_t socket, number;
    uint64_t tag;
    uint32_t count;
};

/* Datagrams of one size to one destination, in consecutive slots; the last may be shorter. */
struct pump_run {
    struct weir_path path;
    uint32_t socket;
    uint32_t first_slot;
    uint32_t count;
    uint32_t next;         /* the first not yet accepted by the kernel, when sent one by one */
    uint32_t segment_bytes;
    uint32_t bytes;
    uint8_t ecn;
    bool is_stamped;
    uint64_t tag;          /* of the first datagram, when it is stamped; of the others the next ones */
    bool is_closed;        /* a shorter datagram ended it */
    bool is_waiting;       /* the kernel had no room; sent again at retry_at */
    bool is_done;
    struct msghdr msg;
    struct iovec iov[WEIR_PUMP_SEGMENTS_MAX];
    struct sockaddr_in6 name;
    _Alignas(16) uint8_t control[PUMP_CONTROL_BYTES];
};

/* One landing buffer with what the kernel said about it. */
struct pump_landing {
    uint8_t *data;      /* payload */
    size_t len;
    size_t segment_bytes; /* len when not coalesced */
    size_t at;          /* how far it was handed out */
    struct weir_addr remote;
    uint32_t socket;
    uint8_t ecn;
    weir_time arrived;
};

struct weir_pump;

/* What to do with a run after the kernel answered for it. */
enum pump_next {
    PUMP_NEXT_NONE,  /* done with it */
    PUMP_NEXT_NOW,   /* send it, or its next datagram */
    PUMP_NEXT_LATER, /* no room: nothing more is sent before retry_at */
};

/* What an implementation supplies. */
struct pump_ops {
    const char *name;
    bool (*open)(struct weir_pump *);
    void (*close)(struct weir_pump *);
    bool (*add_socket)(struct weir_pump *, uint32_t socket);
    /* It is closed next: nothing more is received. */
    void (*remove_socket)(struct weir_pump *, uint32_t socket);
    /* May its number be another's? */
    bool (*is_quiet)(const struct weir_pump *, uint32_t socket);
    /* Hand queued runs to the kernel now. False: the kernel interface is gone. */
    bool (*submit)(struct weir_pump *);
    /* Hand over queued runs, wait until a datagram, a wake or the time; then fill landings. False: the
     * kernel interface is gone. */
    bool (*wait)(struct weir_pump *, weir_time until);
    /* Give every landing buffer back to the kernel. */
    void (*recycle)(struct weir_pump *);
    /* What polls readable when a wait has something to take; -1: there is none. */
    int (*fd)(struct weir_pump *);
    /* Watch p->watch_fd from now on; a wait that finds it readable sets is_watch_ready. */
    bool (*watch)(struct weir_pump *);
    /* Every socket is being read or watched, and nothing is to be handed to the kernel but runs. */
    bool (*is_settled)(const struct weir_pump *);
    /* End the wait of another pump of the same kind. */
    void (*ring)(struct weir_pump *from, struct weir_pump *to);
};

struct weir_pump {
    const struct pump_ops *ops;
    struct weir_pump_config config;
    struct weir_pump_stats stats;
    weir_time now;
    int wake_fd;
    int ready_fd;        /* what a foreign loop polls; -1: it was not asked for */
    int watch_fd;        /* an epoll instance of foreign descriptors; -1: there were none */
    bool is_watch_ready; /* since the last wait */
    void *impl;

    struct pump_socket socket[WEIR_PUMP_SOCKETS_MAX];
    uint32_t sockets;     /* numbers in use or used before */
    uint32_t last_socket; /* where the last send went: the next goes there too, mostly */

    uint8_t *slots;               /* WEIR_PUMP_TX_SLOTS of PUMP_SLOT_BYTES, a ring */
    uint32_t slot_head;           /* slots ever taken; the next is slot_head % SLOTS */
    uint32_t slot_tail;           /* slots ever given back */
    struct pump_run *runs;        /* PUMP_RUNS_MAX, a ring */
    uint32_t run_head;            /* runs ever begun */
    uint32_t run_sent;            /* runs handed to the kernel */
    uint32_t run_tail;            /* runs finished and given back, in order */
    weir_time retry_at;           /* the kernel had no room: send again then; WEIR_NEVER = it has */

    struct pump_stamped stamped[PUMP_STAMPS_MAX];
    uint32_t stamped_next;

    struct pump_landing landing[WEIR_PUMP_RX_BUFFERS];
    uint32_t landings;
    uint32_t landing_at; /* the one being handed out */
};

extern const struct pump_ops weir_pump_uring;
extern const struct pump_ops weir_pump_epoll;

/* sockaddr to and from weir_addr. */
struct weir_addr weir_pump_addr_in(const void *sockaddr);
socklen_t weir_pump_addr_out(const struct weir_addr *a, struct sockaddr_in6 *out);

/* Read the control messages of a receive into a landing. */
void weir_pump_read_control(struct weir_pump *, struct msghdr *, struct pump_landing *);

/* A landing was filled. */
void weir_pump_landed(struct weir_pump *, const struct pump_landing *);

/* Fill in msg for the whole run with segmentation, or for its datagram `only` alone. */
void weir_pump_run_message(struct weir_pump *, struct pump_run *, bool whole);

/* The kernel answered for a run (or for the one datagram at run->next, when not whole): res is bytes
 * or a negative errno. */
enum pump_next weir_pump_run_result(struct weir_pump *, struct pump_run *, bool whole, int res);

/* The kernel took a run, or of one sent one by one the datagram at `at`: it is stamped (pump_stamp.c). */
void weir_pump_note_stamped(struct weir_pump *, const struct pump_run *, uint32_t at, uint32_t count);
/* Ask for stamps of a socket's sends that say so. */
void weir_pump_set_stamps(struct weir_pump *, struct pump_socket *);

/* May runs be handed to the kernel, or did it have no room a moment ago? */
bool weir_pump_may_send(struct weir_pump *);

/* Pass a few thousand datagrams through each kind: the faster one, or epoll when there is but that. */
enum weir_pump_kind weir_pump_measure(void);

/* Give back finished runs and their slots, oldest first. */
void weir_pump_reap_runs(struct weir_pump *);

#endif
