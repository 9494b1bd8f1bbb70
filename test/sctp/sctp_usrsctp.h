/* usrsctp as the other end of an association, in one process and under virtual time. The library is
 * loaded when it is there.
 *
 * usrsctp sees weir as an AF_CONN address: what it sends comes through a call-back into a queue,
 * and its timers are driven by hand, so a run does not depend on the clock of the machine. */
#ifndef WEIR_TEST_SCTP_USRSCTP_H
#define WEIR_TEST_SCTP_USRSCTP_H

#include "sctp/sctp_int.h"
#include "test/support/support.h"

#include <dlfcn.h>
#include <errno.h>
#include <usrsctp.h>

enum { POOL = 2048, QUEUE = 4096, LOG = 4096, BIG = 262144 };

struct packet {
    size_t n;
    weir_time at;
    uint8_t bytes[1500];
};

struct queue {
    struct packet *p;
    unsigned head, count;
};

struct message {
    uint16_t stream;
    uint32_t ppid, bytes;
    uint64_t digest;
};

static struct {
    void (*init_nothreads)(uint16_t, int (*)(void *, void *, size_t, uint8_t, uint8_t),
                           void (*)(const char *, ...));
    struct socket *(*socket)(int, int, int, void *, void *, uint32_t, void *);
    int (*setsockopt)(struct socket *, int, int, const void *, socklen_t);
    ssize_t (*sendv)(struct socket *, const void *, size_t, struct sockaddr *, int, void *,
                     socklen_t, unsigned, int);
    ssize_t (*recvv)(struct socket *, void *, size_t, struct sockaddr *, socklen_t *, void *,
                     socklen_t *, unsigned *, int *);
    int (*bind)(struct socket *, struct sockaddr *, socklen_t);
    int (*listen)(struct socket *, int);
    struct socket *(*accept)(struct socket *, struct sockaddr *, socklen_t *);
    int (*connect)(struct socket *, struct sockaddr *, socklen_t);
    void (*close)(struct socket *);
    int (*shutdown)(struct socket *, int);
    void (*conninput)(void *, const void *, size_t, uint8_t);
    int (*set_non_blocking)(struct socket *, int);
    void (*register_address)(void *);
    void (*deregister_address)(void *);
    void (*handle_timers)(uint32_t);
} u;

static bool is_loaded;

static struct {
    struct weir_sctp s;
    struct weir_pool pool;
    struct weir_buf *bufs;
    struct socket *listener, *sock;
    struct queue to_weir, to_them;
    struct weir_rand rand;
    weir_time now;
    uint32_t loss_permille;
    uint32_t drop_every; /* of their packets that begin with DATA */
    uint32_t data_count;
    uint32_t told[16];
    struct weir_sctp_event last[16];
    struct message weir_got[LOG], they_got[LOG];
    unsigned weir_count, they_count;
    uint8_t partial[1 << 20];
    size_t partial_bytes;
    unsigned they_reset_in, they_reset_out, they_lost;
    bool is_them_up;
    int address; /* its own address is the name of this association */
} t;

static void *symbol(void *lib, const char *name)
{
    void *p = dlsym(lib, name);
    if (p == NULL) {
        fprintf(stderr, "no %s\n", name);
        exit(1);
    }
    return p;
}

static uint64_t digest(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    }
    return h;
}

static const uint64_t digest_begin = 14695981039346656037u;

static void push(struct queue *q, const void *p, size_t n)
{
    bool is_lost = t.loss_permille != 0 && weir_rand_below(&t.rand, 1000) < t.loss_permille;
    if (t.drop_every != 0 && q == &t.to_weir && ((const uint8_t *)p)[12] == CHUNK_DATA) {
        is_lost |= ++t.data_count % t.drop_every == 0;
    }
    if (is_lost || q->count == QUEUE || n > sizeof q->p[0].bytes) {
        return;
    }
    struct packet *k = &q->p[(q->head + q->count++) % QUEUE];
    k->n = n;
    k->at = t.now + 5 * WEIR_MS;
    memcpy(k->bytes, p, n);
}

static int they_send(void *address, void *p, size_t n, uint8_t tos, uint8_t df)
{
    (void)tos;
    (void)df;
    if (address == &t.address) {
        push(&t.to_weir, p, n);
    }
    return 0;
}

static bool load(void)
{
    void *lib = dlopen("libusrsctp.so.2", RTLD_NOW);
    if (lib == NULL) {
        return false;
    }
#define LOAD(name) *(void **)(void *)&u.name = symbol(lib, "usrsctp_" #name)
    LOAD(init_nothreads);
    LOAD(socket);
    LOAD(setsockopt);
    LOAD(sendv);
    LOAD(recvv);
    LOAD(bind);
    LOAD(listen);
    LOAD(accept);
    LOAD(connect);
    LOAD(close);
    LOAD(shutdown);
    LOAD(conninput);
    LOAD(set_non_blocking);
    LOAD(register_address);
    LOAD(deregister_address);
    LOAD(handle_timers);
#undef LOAD
    u.init_nothreads(0, they_send, NULL);
    return true;
}

/* -- Their side ------------------------------------------------------------------------------- */

static void want_events(struct socket *sock)
{
    static const uint16_t types[] = { SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT };
    for (unsigned i = 0; i < 2; i++) {
        struct sctp_event e = { 0 };
        e.se_assoc_id = SCTP_FUTURE_ASSOC;
        e.se_type = types[i];
        e.se_on = 1;
        assert_int_equal(u.setsockopt(sock, IPPROTO_SCTP, SCTP_EVENT, &e, sizeof e), 0);
    }
}

static struct socket *their_socket(void)
{
    struct socket *sock = u.socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    struct sctp_assoc_value reset = { SCTP_FUTURE_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ };
    struct sctp_initmsg init = { 1024, 1024, 8, 3000 };
    /* Its timers do not wait for a minute, nor does the test. */
    struct sctp_rtoinfo rto = { SCTP_FUTURE_ASSOC, 1000, 2000, 500 };
    struct sockaddr_conn here = { 0 };
    int on = 1;
    int bytes = 2 << 20;
    assert_non_null(sock);
    u.set_non_blocking(sock, 1);
    u.setsockopt(sock, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof reset);
    u.setsockopt(sock, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof rto);
    u.setsockopt(sock, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    u.setsockopt(sock, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on);
    u.setsockopt(sock, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
    u.setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    u.setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    want_events(sock);
    here.sconn_family = AF_CONN;
    here.sconn_port = htons(5000);
    here.sconn_addr = &t.address;
    assert_int_equal(u.bind(sock, (struct sockaddr *)&here, sizeof here), 0);
    return sock;
}

static void they_notice(const union sctp_notification *n)
{
    if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE) {
        t.is_them_up |= n->sn_assoc_change.sac_state == SCTP_COMM_UP;
        t.they_lost += n->sn_assoc_change.sac_state == SCTP_COMM_LOST ||
                       n->sn_assoc_change.sac_state == SCTP_SHUTDOWN_COMP;
    } else if (n->sn_header.sn_type == SCTP_STREAM_RESET_EVENT) {
        uint16_t flags = n->sn_strreset_event.strreset_flags;
        bool is_refused = (flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0;
        t.they_reset_in += (flags & SCTP_STREAM_RESET_INCOMING_SSN) != 0 && !is_refused;
        t.they_reset_out += (flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0 && !is_refused;
    }
}

static void they_read(void)
{
    for (;;) {
        struct sctp_rcvinfo info = { 0 };
        socklen_t info_bytes = sizeof info;
        unsigned type = 0;
        int flags = 0;
        if (t.sock == NULL) {
            return;
        }
        ssize_t n = u.recvv(t.sock, t.partial + t.partial_bytes, sizeof t.partial - t.partial_bytes,
                            NULL, NULL, &info, &info_bytes, &type, &flags);
        if (n <= 0) {
            return;
        }
        if ((flags & MSG_NOTIFICATION) != 0) {
            they_notice((const union sctp_notification *)(void *)(t.partial + t.partial_bytes));
            continue;
        }
        t.partial_bytes += (size_t)n;
        if ((flags & MSG_EOR) != 0) {
            struct message *m = &t.they_got[t.they_count++ % LOG];
            m->stream = info.rcv_sid;
            m->ppid = ntohl(info.rcv_ppid);
            m->bytes = (uint32_t)t.partial_bytes;
            m->digest = digest(digest_begin, t.partial, t.partial_bytes);
            t.partial_bytes = 0;
        }
    }
}

static bool they_write(uint16_t stream, const uint8_t *p, size_t n, const struct sctp_prinfo *pr,
                       bool is_unordered)
{
    struct sctp_sendv_spa spa = { 0 };
    spa.sendv_flags = SCTP_SEND_SNDINFO_VALID;
    spa.sendv_sndinfo.snd_sid = stream;
    spa.sendv_sndinfo.snd_flags = (uint16_t)(SCTP_EOR | (is_unordered ? SCTP_UNORDERED : 0));
    spa.sendv_sndinfo.snd_ppid = htonl(WEIR_SCTP_PPID_BINARY);
    if (pr != NULL) {
        spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        spa.sendv_prinfo = *pr;
    }
    return u.sendv(t.sock, p, n, NULL, 0, &spa, sizeof spa, SCTP_SENDV_SPA, 0) == (ssize_t)n;
}

/* -- The loop --------------------------------------------------------------------------------- */

static void weir_pump(void)
{
    uint8_t out[WEIR_MTU];
    struct weir_mspan room = { out, sizeof out };
    struct weir_sctp_event e;
    struct weir_sctp_message m;
    size_t n;
    while (weir_sctp_event(&t.s, &e)) {
        t.told[e.type]++;
        t.last[e.type] = e;
    }
    while (weir_sctp_read(&t.s, &m)) {
        struct message *g = &t.weir_got[t.weir_count++ % LOG];
        struct weir_span piece;
        uint32_t cursor = m.head;
        g->stream = m.stream;
        g->ppid = m.ppid;
        g->bytes = m.bytes;
        g->digest = digest_begin;
        while (weir_sctp_message_piece(&t.s, &m, &cursor, &piece)) {
            g->digest = digest(g->digest, piece.p, piece.n);
        }
        weir_sctp_release(&t.s, t.now, &m);
    }
    while ((n = weir_sctp_send(&t.s, t.now, room)) != 0) {
        push(&t.to_them, out, n);
    }
    assert_true(weir_sctp_check(&t.s));
}

static struct packet *due(struct queue *q)
{
    if (q->count == 0 || q->p[q->head].at > t.now) {
        return NULL;
    }
    struct packet *k = &q->p[q->head];
    q->head = (q->head + 1) % QUEUE;
    q->count--;
    return k;
}

static void step(void)
{
    struct packet *k;
    weir_pump();
    while ((k = due(&t.to_them)) != NULL) {
        struct packet copy = *k;
        u.conninput(&t.address, copy.bytes, copy.n, 0);
        if (t.listener != NULL && t.sock == NULL) {
            t.sock = u.accept(t.listener, NULL, NULL);
            if (t.sock != NULL) {
                u.set_non_blocking(t.sock, 1);
                t.is_them_up = true;
            }
        }
        they_read();
    }
    while ((k = due(&t.to_weir)) != NULL) {
        struct packet copy = *k;
        (void)weir_sctp_recv(&t.s, t.now, weir_span_of(copy.bytes, copy.n));
        weir_pump();
    }
    t.now += 5 * WEIR_MS;
    u.handle_timers(5);
    they_read();
    if (weir_sctp_deadline(&t.s) <= t.now) {
        weir_sctp_tick(&t.s, t.now);
    }
}

static void run(unsigned milliseconds)
{
    for (unsigned i = 0; i < milliseconds / 5; i++) {
        step();
    }
}

static void begin(uint64_t seed)
{
    struct weir_sctp_config c;
    struct queue a = t.to_weir, b = t.to_them;
    struct weir_buf *bufs = t.bufs;
    memset(&t, 0, sizeof t);
    t.to_weir.p = a.p != NULL ? a.p : malloc(QUEUE * sizeof *a.p);
    t.to_them.p = b.p != NULL ? b.p : malloc(QUEUE * sizeof *b.p);
    t.bufs = bufs != NULL ? bufs : aligned_alloc(64, weir_pool_bytes(POOL));
    t.now = 1000 * WEIR_SEC;
    weir_rand_init_number(&t.rand, seed);
    weir_pool_init(&t.pool, t.bufs, POOL);
    weir_sctp_config_default(&c, weir_crypto_default());
    weir_put64(c.seed, seed);
    c.has_channels = false;
    weir_sctp_init(&t.s, &c, &t.pool, t.now);
    u.register_address(&t.address);
}

static void end(void)
{
    struct linger hard = { 1, 0 };
    t.to_weir.count = 0;
    t.to_them.count = 0;
    if (t.sock != NULL) {
        u.setsockopt(t.sock, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        u.close(t.sock);
    }
    if (t.listener != NULL) {
        u.close(t.listener);
    }
    u.handle_timers(100);
    u.deregister_address(&t.address);
    weir_sctp_release_all(&t.s);
    assert_int_equal(t.pool.free_count, POOL);
}

static void weir_connects(uint64_t seed)
{
    begin(seed);
    t.listener = their_socket();
    assert_int_equal(u.listen(t.listener, 1), 0);
    assert_int_equal(weir_sctp_connect(&t.s, t.now), WEIR_OK);
    run(200);
    assert_int_equal(t.s.state, WEIR_SCTP_ESTABLISHED);
    assert_non_null(t.sock);
}

static void they_connect(void)
{
    struct sockaddr_conn there = { 0 };
    there.sconn_family = AF_CONN;
    there.sconn_port = htons(5000);
    there.sconn_addr = &t.address;
    t.sock = their_socket();
    int rc = u.connect(t.sock, (struct sockaddr *)&there, sizeof there);
    assert_true(rc == 0 || errno == EINPROGRESS);
}

static void fill(uint8_t *p, size_t n, unsigned number)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(i * 5 + (i >> 8) + number * 77);
    }
}

static uint8_t big[BIG];

static enum weir_status weir_write(uint16_t stream, size_t n, unsigned number,
                                   const struct weir_sctp_send_opts *opts)
{
    struct weir_sctp_send_opts plain = { 0 };
    plain.ppid = WEIR_SCTP_PPID_BINARY;
    fill(big, n, number);
    return weir_sctp_write(&t.s, t.now, stream, weir_span_of(big, n), opts != NULL ? opts : &plain);
}

#endif
