/* What a connection costs.
 *
 * Two nodes talk to each other over real UDP sockets: in two threads of one process, or in two processes,
 * which may live in different network namespaces. Descriptions pass through a pair of pipes either way, so
 * that both runs take the same path. The receiving side checks every message and counts; what it counted
 * comes back over the pipe. What happens before everything is warm does not count.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer/peer.h"
#include "test/bench/bench_ends.h"

/* -- Messages between the ends: a length and bytes --------------------------------------------- */

void bench_tell(int fd, const void *bytes, uint32_t n)
{
    if (write(fd, &n, sizeof n) != sizeof n || (n != 0 && write(fd, bytes, n) != (ssize_t)n)) {
        die("the other end is gone");
    }
}

uint32_t bench_hear(int fd, void *bytes, uint32_t room)
{
    uint32_t n, got = 0;
    if (read(fd, &n, sizeof n) != sizeof n || n > room) {
        die("the other end is gone");
    }
    while (got < n) {
        ssize_t k = read(fd, (uint8_t *)bytes + got, n - got);
        if (k <= 0) {
            die("the other end is gone");
        }
        got += (uint32_t)k;
    }
    return n;
}

bool bench_has_news(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 0) == 1;
}

/* -- Ends -------------------------------------------------------------------------------------- */

/* With many peers between the same two nodes, every pair needs a path of its own: one side has 61 ports,
 * the other 64, so that 3,904 pairs differ. */
static struct weir_node *open_node(const struct end *e, uint32_t peers, size_t lend_bytes)
{
    char error[WEIR_NODE_ERROR_BYTES];
    struct weir_addr bind[64];
    const char *own = getenv(e->is_caller ? "WEIR_BENCH_NEAR" : "WEIR_BENCH_FAR");
    own = own == NULL ? "127.0.0.1" : own;
    for (int i = 0; i < 64; i++) {
        if (!weir_addr_parse_ip(weir_span_of((const uint8_t *)own, strlen(own)), &bind[i])) {
            die("WEIR_BENCH_NEAR and WEIR_BENCH_FAR are addresses");
        }
    }
    struct weir_node_config c = { .bind = bind, .binds = peers == 1 ? 1 : e->is_caller ? 61 : 64,
                                  .spread_locals = true, .peers_max = peers, .no_mdns = true,
                                  .lend_bytes = lend_bytes,
                                  .pump = { .kind = e->options.pump,
                                            .no_gso = e->options.has_no_offload,
                                            .no_gro = e->options.has_no_offload },
                                  .no_tickets = strcmp(e->scenario, "reconnect") != 0 };
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        die(error);
    }
    return n;
}

static void begin_call(struct end *e, struct weir_peer *p)
{
    static __thread uint8_t text[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    struct weir_sctp_channel_config c = { .label = WEIR_LIT("bench"), .priority = 256 };
    uint8_t media;
    if (e->is_unreliable) {
        c.is_unordered = true;
        c.reliability = WEIR_SCTP_RETRANSMITS;
    }
    bool with_media = !weir_peer_is_data_only(p);
    if ((with_media && weir_peer_add_media(p, WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media) != WEIR_OK)
        || weir_open_channel(e->node, p, &c, &e->channel) != WEIR_OK
        || weir_create_offer(e->node, p, &w) != WEIR_OK) {
        die("no offer");
    }
    bench_tell(e->fd, text, (uint32_t)w.len);
}

static void take_answer(struct end *e, struct weir_peer *p)
{
    static __thread uint8_t text[WEIR_PEER_SDP_MAX];
    struct weir_sdp_error error;
    uint32_t n = bench_hear(e->fd, text, sizeof text);
    if (weir_set_remote_answer(e->node, p, weir_span_of(text, n), &error) != WEIR_OK) {
        die("answer refused");
    }
}

static void answer_call(struct end *e, struct weir_peer *p)
{
    static __thread uint8_t text[WEIR_PEER_SDP_MAX];
    struct weir_sdp_error error;
    uint32_t n = bench_hear(e->fd, text, sizeof text);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    bool is_taken = weir_set_remote_offer(e->node, p, weir_span_of(text, n), &error) == WEIR_OK;
    (void)!weir_peer_set_direction(p, 0, WEIR_SDP_SENDRECV); /* where there is media */
    if (!is_taken || weir_create_answer(e->node, p, &w) != WEIR_OK) {
        die("offer refused");
    }
    bench_tell(e->fd, text, (uint32_t)w.len);
}

/* Run the node until the channel of this end is open, and what that made it owe has left. */
static void run_until_open(struct end *e)
{
    struct weir_event ev;
    e->is_open = false;
    while (!e->is_open) {
        if (weir_node_wait(e->node, weir_pump_clock() + 10 * WEIR_SEC) != WEIR_OK) {
            die("the pump broke");
        }
        while (weir_node_event(e->node, &ev)) {
            if (ev.type == WEIR_EVENT_CHANNEL_OPEN) {
                e->is_open = true;
                e->channel = ev.channel;
            } else if (ev.type == WEIR_EVENT_STATE && ev.state == WEIR_PEER_FAILED) {
                die("the connection failed");
            }
        }
    }
    if (weir_node_wait(e->node, 0) != WEIR_OK) {
        die("the pump broke");
    }
    while (weir_node_event(e->node, &ev)) {
    }
}

void bench_connect(struct end *e, bool is_data_only)
{
    e->peer = weir_node_peer(e->node, is_data_only);
    if (e->is_caller) {
        begin_call(e, e->peer);
        take_answer(e, e->peer);
    } else {
        answer_call(e, e->peer);
    }
    run_until_open(e);
}

/* -- Figures ----------------------------------------------------------------------------------- */

/* What the callee tells at the end. */
struct report {
    uint64_t bytes, packets;
    double seconds, cpu, cpu_seconds; /* cpu in per cent */
};

void bench_head(const struct end *e, int procs, double cpu_pct)
{
    printf("{\"bench\":\"weir\",\"ver\":\"%s\",\"scenario\":\"%s\",\"procs\":%d,\"cpu_pct\":%.1f",
           VERSION, e->scenario, procs, cpu_pct);
}

/* -- Scenarios --------------------------------------------------------------------------------- */

/* createOffer to open on both sides, one after the other, each on fresh peers of one node: strangers each
 * time, or with the session of the time before. */
static void run_setup(struct end *e, int procs)
{
    enum { WARM = 3 };
    unsigned n = e->options.setups;
    double *ms = calloc(n + WARM, sizeof *ms), cpu = 0;
    weir_time begin = 0;
    for (unsigned i = 0; i < n + WARM; i++) {
        if (i == WARM) {
            cpu = cpu_seconds();
            begin = weir_pump_clock();
        }
        if (e->is_caller) {
            bench_hear(e->fd, NULL, 0); /* the other side waits for an offer */
            weir_time at = weir_pump_clock();
            bench_connect(e, true);
            bench_hear(e->fd, NULL, 0); /* and is open too */
            ms[i] = (double)(weir_pump_clock() - at) / 1000;
        } else {
            bench_tell(e->fd, "", 0);
            bench_connect(e, true);
            bench_tell(e->fd, "", 0);
        }
        weir_node_free(e->node, e->peer);
    }
    if (e->is_caller) {
        double wall = (double)(weir_pump_clock() - begin) / 1e6;
        bench_head(e, procs, (cpu_seconds() - cpu) / wall * 100);
        double median = quantile(ms + WARM, n, 0.5);
        printf(",\"n\":%u,\"median_ms\":%.3f,\"p95_ms\":%.3f}\n", n, median,
               quantile(ms + WARM, n, 0.95));
    }
    free(ms);
}

/* Send messages until no more are taken. */
static void fill_channel(struct end *e)
{
    enum weir_status status;
    do {
        struct weir_span m = content_begin(&e->content, content_size(e->content.next, e->size));
        status = weir_channel_send(e->node, e->peer, e->channel, m, false);
        content_end(&e->content, status == WEIR_OK);
    } while (status == WEIR_OK);
}

static void keep_full(struct end *e, weir_time until)
{
    struct weir_event ev;
    while (weir_pump_clock() < until) {
        fill_channel(e);
        if (weir_node_wait(e->node, until) != WEIR_OK) {
            die("the pump broke");
        }
        while (weir_node_event(e->node, &ev)) {
            if (ev.type == WEIR_EVENT_WRITABLE) {
                fill_channel(e);
            }
        }
    }
}

static void send_bulk(struct end *e, int procs)
{
    struct report r = { 0 };
    bench_hear(e->fd, NULL, 0); /* what comes before the other end listens would be lost there */
    keep_full(e, weir_pump_clock() + e->options.warm_ms * WEIR_MS);
    bench_tell(e->fd, "", 0);
    double cpu = cpu_seconds();
    keep_full(e, weir_pump_clock() + e->options.seconds * WEIR_SEC);
    cpu = (cpu_seconds() - cpu) / e->options.seconds * 100;
    bench_tell(e->fd, "", 0);
    bench_hear(e->fd, &r, sizeof r);
    bench_head(e, procs, procs == 2 ? cpu + r.cpu : cpu);
    printf(",\"mode\":\"%s\",\"offload\":%s,", e->is_unreliable ? "unordered-rtx0" : "ordered-reliable",
           e->options.has_no_offload ? "false" : "true");
    printf(e->size == 0 ? "\"size\":\"mixed\"" : "\"size\":%u", e->size);
    printf(",\"mbps\":%.1f,\"messages\":%.0f}\n", (double)r.bytes * 8 / 1e6 / r.seconds,
           (double)r.packets / r.seconds);
}

/* From the first word over the pipe to the second. */
static void receive_bulk(struct end *e)
{
    struct weir_event ev;
    struct report r = { 0 };
    double cpu = 0;
    weir_time begin = 0;
    bench_tell(e->fd, "", 0);
    for (int words = 0; words < 2;) {
        if (weir_node_wait(e->node, weir_pump_clock() + 10 * WEIR_MS) != WEIR_OK) {
            die("the pump broke");
        }
        while (weir_node_event(e->node, &ev)) {
            if (ev.type == WEIR_EVENT_CHANNEL_MESSAGE) {
                content_check(&e->content, ev.data, e->size, !e->is_unreliable);
                r.bytes += ev.data.n;
                r.packets++;
            }
        }
        if (bench_has_news(e->fd)) {
            bench_hear(e->fd, NULL, 0);
            if (++words == 1) {
                r = (struct report){ 0 };
                cpu = cpu_seconds();
                begin = weir_pump_clock();
            }
        }
    }
    r.seconds = (double)(weir_pump_clock() - begin) / 1e6;
    r.cpu = (cpu_seconds() - cpu) / r.seconds * 100;
    bench_tell(e->fd, &r, sizeof r);
}

static void run_throughput(struct end *e, int procs)
{
    bench_connect(e, true);
    if (e->is_caller) {
        send_bulk(e, procs);
    } else {
        receive_bulk(e);
    }
}

/* Wait for one message and check it; false when instead the other end says that it is over. */
static bool hear_ball(struct end *e, struct content *c)
{
    struct weir_event ev;
    bool is_there = false;
    while (!is_there) {
        if (weir_node_wait(e->node, weir_pump_clock() + 100 * WEIR_MS) != WEIR_OK) {
            die("the pump broke");
        }
        while (weir_node_event(e->node, &ev)) {
            if (ev.type == WEIR_EVENT_CHANNEL_MESSAGE) {
                content_check(c, ev.data, 64, true);
                is_there = true;
            }
        }
        if (!is_there && bench_has_news(e->fd)) {
            bench_hear(e->fd, NULL, 0);
            return false;
        }
    }
    return true;
}

static void send_ball(struct end *e)
{
    struct weir_span m = content_begin(&e->content, 64);
    if (weir_channel_send(e->node, e->peer, e->channel, m, false) != WEIR_OK) {
        die("no ball");
    }
    content_end(&e->content, true);
}

static void run_latency(struct end *e, int procs)
{
    enum { WARM = 500, ROUNDS = 10000 };
    struct content heard = { 0 };
    bench_connect(e, true);
    if (!e->is_caller) {
        bench_tell(e->fd, "", 0); /* a ping before this end is ready would be lost here */
        while (hear_ball(e, &heard)) {
            send_ball(e);
        }
        return;
    }
    bench_hear(e->fd, NULL, 0);
    double *us = calloc(WARM + ROUNDS, sizeof *us), cpu = 0;
    weir_time begin = 0;
    for (unsigned i = 0; i < WARM + ROUNDS; i++) {
        weir_time at = weir_pump_clock();
        if (i == WARM) {
            cpu = cpu_seconds();
            begin = at;
        }
        send_ball(e);
        if (!hear_ball(e, &heard)) {
            die("the other end is gone");
        }
        us[i] = (double)(weir_pump_clock() - at);
    }
    double wall = (double)(weir_pump_clock() - begin) / 1e6;
    bench_tell(e->fd, "", 0);
    bench_head(e, procs, (cpu_seconds() - cpu) / wall * 100);
    double p50 = quantile(us + WARM, ROUNDS, 0.5);
    printf(",\"p50_us\":%.1f,\"p99_us\":%.1f}\n", p50, quantile(us + WARM, ROUNDS, 0.99));
    free(us);
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%lu %lu", &pages, &resident) != 2) {
        die("no /proc/self/statm");
    }
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void run_memory(struct end *e, int procs)
{
    struct weir_event ev;
    size_t before = resident_bytes();
    for (unsigned i = 0; i < e->options.pairs; i++) {
        uint8_t ready = 1;
        bench_connect(e, true);
        if (e->is_caller) {
            bench_hear(e->fd, &ready, 1);
        } else {
            bench_tell(e->fd, &ready, 1);
        }
    }
    size_t after = resident_bytes();
    double cpu = cpu_seconds();
    weir_time begin = weir_pump_clock(), end = begin + 10 * WEIR_SEC;
    while (weir_pump_clock() < end) {
        if (weir_node_wait(e->node, end) != WEIR_OK) {
            die("the pump broke");
        }
        while (weir_node_event(e->node, &ev)) {
        }
    }
    double idle = (cpu_seconds() - cpu) / 10 * 100;
    if (e->is_caller) {
        unsigned ends = procs == 2 ? 1 : 2; /* both ends live in one process, or one of them */
        bench_head(e, procs, idle);
        printf(",\"pairs\":%u,\"bytes_per_connection\":%zu,\"idle_cpu_pct\":%.2f}\n", e->options.pairs,
               (after - before) / e->options.pairs / ends, idle);
        bench_tell(e->fd, "", 0);
    } else {
        bench_hear(e->fd, NULL, 0);
    }
}

/* -- Media ------------------------------------------------------------------------------------- */

static void drain(struct end *e, weir_time until)
{
    struct weir_event ev;
    if (weir_node_wait(e->node, until) != WEIR_OK) {
        die("the pump broke");
    }
    while (weir_node_event(e->node, &ev)) {
    }
}

/* SRTP cannot follow over a gap of 32,768 packets, ten milliseconds of these: who is so far ahead of what was
 * seen last slows down until more is. */
#define AHEAD_MAX 16384

/* Send for a while, at a rate or (0) as fast as packets go; the number sent. */
static uint64_t send_media(struct end *e, weir_duration time, double pps)
{
    struct weir_rtp_header h = { .payload_type = weir_peer_media_at(e->peer, 0)->codec[0].payload_type };
    uint64_t sent = 0;
    weir_time begin = weir_pump_clock(), now = begin;
    while (now - begin < time) {
        double due = pps == 0 ? 1e18 : (double)(now - begin) / 1e6 * pps;
        if (e->content.next - atomic_load(e->seen) > AHEAD_MAX) {
            drain(e, weir_pump_clock() + WEIR_MS);
        }
        for (int i = 0; i < 64 && (double)sent < due; i++) {
            h.seq = (uint16_t)e->content.next;
            h.timestamp = (uint32_t)(e->content.next / 8 * 90);
            h.payload = content_begin(&e->content, e->options.size - 12);
            bool is_sent = weir_send_rtp(e->node, e->peer, 0, &h) == WEIR_OK;
            content_end(&e->content, is_sent);
            if (!is_sent) {
                break;
            }
            sent++;
        }
        drain(e, 0);
        now = weir_pump_clock();
    }
    return sent;
}

/* What the receiver has had so far. */
static struct report ask(struct end *e)
{
    struct report r;
    usleep(100000); /* what is under way arrives */
    bench_tell(e->fd, "", 0);
    bench_hear(e->fd, &r, sizeof r);
    return r;
}

/* The highest rate at which nothing at all is lost, by halving the interval. */
static double lossless_pps(struct end *e, double most)
{
    double least = 0;
    uint64_t had = ask(e).packets;
    for (int i = 0; i < 6; i++) {
        double pps = i == 0 ? most : (least + most) / 2;
        uint64_t sent = send_media(e, 500 * WEIR_MS, pps);
        uint64_t now_has = ask(e).packets;
        if (now_has - had == sent) {
            least = (double)sent / 0.5;
            if (i == 0) {
                break;
            }
        } else {
            most = pps;
        }
        had = now_has;
    }
    return least;
}

static void answer_questions(struct end *e)
{
    struct weir_event ev;
    struct report r = { 0 };
    uint8_t question[1];
    double cpu = cpu_seconds();
    weir_time begin = weir_pump_clock();
    for (;;) {
        if (weir_node_wait(e->node, weir_pump_clock() + 20 * WEIR_MS) != WEIR_OK) {
            die("the pump broke");
        }
        while (weir_node_event(e->node, &ev)) {
            if (ev.type == WEIR_EVENT_RTP) {
                content_check(&e->content, ev.rtp.payload, (unsigned)e->options.size - 12, false);
                atomic_store_explicit(e->seen, e->content.next, memory_order_relaxed);
                r.packets++;
            }
        }
        if (bench_has_news(e->fd)) {
            bool is_over = bench_hear(e->fd, question, 1) == 1;
            r.seconds = (double)(weir_pump_clock() - begin) / 1e6;
            r.cpu_seconds = cpu_seconds() - cpu;
            bench_tell(e->fd, &r, sizeof r);
            if (is_over) {
                return;
            }
        }
    }
}

static void run_rtp(struct end *e, int procs)
{
    bench_connect(e, false);
    if (!e->is_caller) {
        answer_questions(e);
        return;
    }
    (void)send_media(e, e->options.warm_ms * WEIR_MS, 0);
    struct report warm = ask(e), r;
    double cpu = cpu_seconds();
    weir_time begin = weir_pump_clock();
    uint64_t sent = send_media(e, e->options.seconds * WEIR_SEC, 0);
    double wall = (double)(weir_pump_clock() - begin) / 1e6;
    cpu = (cpu_seconds() - cpu) / wall * 100;
    r = ask(e);
    r.packets -= warm.packets;
    r.cpu = (r.cpu_seconds - warm.cpu_seconds) / (r.seconds - warm.seconds) * 100;
    double pps = (double)r.packets / wall;
    double lossless = lossless_pps(e, pps);
    bench_tell(e->fd, "", 1);
    bench_hear(e->fd, &(struct report){ 0 }, sizeof r);
    bench_head(e, procs, procs == 2 ? cpu + r.cpu : cpu);
    printf(",\"size\":%zu,\"pps_received\":%.0f,\"lost_pct\":%.2f,\"lossless_pps\":%.0f}\n",
           e->options.size, pps,
           sent == 0 ? 0.0 : 100.0 - (double)r.packets * 100 / (double)sent, lossless);
}

/* -- Where the time of a packet goes ----------------------------------------------------------- */

static double system_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
}

static void print_stage(const struct end *e, const char *name, uint64_t packets, double ns)
{
    bench_head(e, 2, 100);
    printf(",\"side\":\"%s\",\"stage\":\"%s\",\"packets\":%llu,\"ns_per_packet\":%.1f",
           e->is_caller ? "sender" : "receiver", name, (unsigned long long)packets, ns);
}

static void print_stages(const struct end *e, uint64_t packets, double cpu, double system)
{
    struct weir_node_stats s = weir_node_stats(e->node);
    double per_ns = (double)s.cycles_per_ms / 1e6, staged = 0;
    for (int i = 0; i < WEIR_STAGES; i++) {
        const struct weir_stage *stage = &s.stage[i];
        if (stage->packets == 0) {
            continue;
        }
        double ns = (double)stage->cycles / per_ns;
        staged += ns;
        print_stage(e, weir_stage_name((enum weir_stage_id)i), stage->packets,
                    ns / (double)stage->packets);
        printf(",\"batch_p50\":%llu,\"latency_p50_ns\":%.0f,\"latency_p99_ns\":%.0f}\n",
               (unsigned long long)weir_stage_quantile(stage->batch_size, 500),
               (double)weir_stage_quantile(stage->latency, 500) / per_ns,
               (double)weir_stage_quantile(stage->latency, 990) / per_ns);
    }
    print_stage(e, "kernel", packets, system * 1e9 / (double)packets);
    printf("}\n");
    /* Events, the application, and for the sender of media what it does to write a packet. */
    print_stage(e, "the rest", packets, ((cpu - system) * 1e9 - staged) / (double)packets);
    printf("}\n");
    fflush(stdout);
}

/* Media one way as fast as it goes, then what every stage of both sides took. Two processes. */
static void run_stages(struct end *e)
{
    bench_connect(e, false);
    double cpu = cpu_seconds(), system = system_seconds();
    if (e->is_caller) {
        uint64_t sent = send_media(e, e->options.seconds * WEIR_SEC, 0);
        print_stages(e, sent, cpu_seconds() - cpu, system_seconds() - system);
        bench_tell(e->fd, "", 1);
        bench_hear(e->fd, &(struct report){ 0 }, sizeof(struct report));
    } else {
        answer_questions(e);
        print_stages(e, weir_peer_media_at(e->peer, 0)->rx_packets, cpu_seconds() - cpu, system_seconds() - system);
    }
}

/* -- Running a scenario on both ends ----------------------------------------------------------- */

static void run_end(struct end *e, int procs)
{
    bool is_memory = strcmp(e->scenario, "memory") == 0, is_crowd = strncmp(e->scenario, "crowd", 5) == 0;
    e->node = open_node(e, is_memory || is_crowd ? e->options.pairs : 1, 0);
    if (strcmp(e->scenario, "setup") == 0 || strcmp(e->scenario, "reconnect") == 0) {
        run_setup(e, procs);
    } else if (strcmp(e->scenario, "throughput") == 0) {
        run_throughput(e, procs);
    } else if (strcmp(e->scenario, "latency") == 0) {
        run_latency(e, procs);
    } else if (is_memory) {
        run_memory(e, procs);
    } else if (strncmp(e->scenario, "crowd", 5) == 0) {
        bench_crowd(e, procs);
    } else if (strcmp(e->scenario, "stages") == 0) {
        run_stages(e);
    } else {
        run_rtp(e, procs);
    }
    weir_node_close(e->node);
}

/* Into the network namespace of the far side, where there is one. */
static void go_far(void)
{
    const char *path = getenv("WEIR_BENCH_FAR_NET");
    if (path != NULL) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
            die("WEIR_BENCH_FAR_NET is no network namespace to enter");
        }
        close(fd);
    }
}

static void *callee_thread(void *argument)
{
    run_end(argument, 1);
    return NULL;
}

static void run_scenario(const struct options *o, int procs, const char *scenario, unsigned size,
                         bool is_unreliable)
{
    int pipe[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pipe) != 0) {
        die("no socket pair");
    }
    struct end caller = { .fd = pipe[0], .is_caller = true, .options = *o, .scenario = scenario,
                          .size = size, .is_unreliable = is_unreliable };
    caller.seen = mmap(NULL, sizeof *caller.seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (caller.seen == MAP_FAILED) {
        die("no memory");
    }
    struct end callee = caller;
    callee.fd = pipe[1];
    callee.is_caller = false;
    fflush(stdout);
    if (procs == 2) {
        pid_t child = fork();
        if (child == 0) {
            close(pipe[0]);
            go_far();
            run_end(&callee, 2);
            _exit(0);
        }
        close(pipe[1]);
        run_end(&caller, 2);
        waitpid(child, NULL, 0);
    } else {
        pthread_t t;
        if (pthread_create(&t, NULL, callee_thread, &callee) != 0) {
            die("no thread");
        }
        run_end(&caller, 1);
        pthread_join(t, NULL);
        close(pipe[1]);
    }
    close(pipe[0]);
    fflush(stdout);
}

static void run_all(const struct options *o, int procs)
{
    static const unsigned sizes[] = { 64, 1150, 1300, 4096, 16384, 65536, 0 };
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    static const char *const plain[] = { "setup", "reconnect", "latency", "memory", "rtp" };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (o->scenario == NULL || strcmp(o->scenario, plain[i]) == 0) {
            run_scenario(o, procs, plain[i], 0, false);
        }
    }
    for (int i = 0; i < 2 * SIZES && (o->scenario == NULL || strcmp(o->scenario, "throughput") == 0); i++) {
        const char *mode = i < SIZES ? "ordered-reliable" : "unordered-rtx0";
        bool is_one = o->message != 0 || o->is_mixed;
        unsigned size = is_one ? o->message : sizes[i % SIZES];
        if ((!is_one || i % SIZES == 0) && (o->mode == NULL || strcmp(o->mode, mode) == 0)) {
            run_scenario(o, procs, "throughput", size, i >= SIZES);
        }
    }
}

void bench_peers(const struct options *o)
{
    if (o->scenario != NULL && strcmp(o->scenario, "stages") == 0) {
        run_scenario(o, 2, "stages", 0, false);
        return;
    }
    if (o->scenario != NULL && strcmp(o->scenario, "crowd") == 0) {
        run_scenario(o, 2, "crowd-media", 0, false);
        run_scenario(o, 2, "crowd-data", 0, false);
        return;
    }
    for (int procs = 1; procs <= 2; procs++) {
        if (o->procs == 0 || o->procs == procs) {
            run_all(o, procs);
        }
    }
}
