/* weir-demo --self: two weir peers, a thread each, over real UDP sockets.
 *
 *   1. the caller offers, the other answers; descriptions pass through a mailbox;
 *   2. a timeline of the set-up is printed from what both noted;
 *   3. the caller sends 100 MB over a data channel, which the other checks byte by byte;
 *   4. the caller sends 10 s of RTP, which the other checks packet by packet;
 *   5. a table of what was measured; the exit status is 0 only if all arrived intact.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/common/echo.h"
#include "apps/demo/demo.h"

#define DATA_BYTES 100000000ull
#define MESSAGE_BYTES 65536u
#define MEDIA_TIME (10 * WEIR_SEC)
#define MEDIA_INTERVAL (2 * WEIR_MS) /* 500 packets a second of 1,000 bytes: 4 Mbit/s */
#define MEDIA_BYTES 1000u
#define PATIENCE (60 * WEIR_SEC)

enum step { STEP_CONNECT, STEP_DATA, STEP_MEDIA, STEP_DONE };

struct self;

struct side {
    struct self *self;
    const char *name;
    bool is_caller;
    struct setup setup;
    struct weir_node *node;
    struct weir_peer *peer;
    uint16_t channel;
    pthread_t thread;
    atomic_bool is_failed;
    const char *failure;
    weir_time connected_at;
    struct weir_peer_timeline timeline; /* of its peer, for the main thread; under the mutex */
    bool has_whole_timeline;            /* its own thread's */
};

struct self {
    struct side side[2]; /* caller, callee */
    pthread_mutex_t mutex;
    char description[2][WEIR_PEER_SDP_MAX]; /* [0] the offer, [1] the answer */
    bool has_description[2], is_taken[2];
    weir_time began_at;
    atomic_int step;
    atomic_ullong data_sent, data_checked, media_sent, media_checked, media_bytes;
    atomic_ullong data_us;
    weir_time data_began_at;
    atomic_bool is_channel_ready;
};

static void failed(struct side *s, const char *why)
{
    if (!atomic_exchange(&s->is_failed, true)) {
        s->failure = why;
    }
}

/* The byte at a place of the stream: neither constant nor periodic in any packet size. */
static uint8_t pattern(uint64_t at)
{
    uint64_t x = at * 0x9e3779b97f4a7c15;
    return (uint8_t)(x >> 56 ^ x >> 24);
}

/* -- Descriptions through the mailbox ---------------------------------------------------------- */

static void post(struct side *s, const struct weir_wr *w)
{
    struct self *self = s->self;
    int which = s->is_caller ? 0 : 1;
    pthread_mutex_lock(&self->mutex);
    memcpy(self->description[which], w->base, w->len);
    self->description[which][w->len] = '\0';
    self->has_description[which] = true;
    pthread_mutex_unlock(&self->mutex);
    weir_node_wake(self->side[1 - which].node);
}

static void take_post(struct side *s)
{
    struct self *self = s->self;
    struct weir_sdp_error error;
    int which = s->is_caller ? 1 : 0;
    pthread_mutex_lock(&self->mutex);
    bool is_new = self->has_description[which] && !self->is_taken[which];
    self->is_taken[which] |= is_new;
    pthread_mutex_unlock(&self->mutex);
    if (!is_new) {
        return;
    }
    struct weir_span text = weir_span_of(self->description[which], strlen(self->description[which]));
    if (s->is_caller) {
        if (weir_set_remote_answer(s->node, s->peer, text, &error) != WEIR_OK) {
            failed(s, "the answer was refused");
        }
        return;
    }
    static uint8_t room[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room - 1 });
    bool is_taken = weir_set_remote_offer(s->node, s->peer, text, &error) == WEIR_OK;
    echo_sections(s->peer);
    if (!is_taken || weir_create_answer(s->node, s->peer, &w) != WEIR_OK) {
        failed(s, "the offer was refused");
        return;
    }
    post(s, &w);
}

static void offer(struct side *s)
{
    static uint8_t room[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room - 1 });
    const struct weir_sctp_channel_config channel = { .label = WEIR_LIT("self"), .priority = 256 };
    uint8_t media;
    if (weir_peer_add_media(s->peer, WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media) != WEIR_OK
        || weir_open_channel(s->node, s->peer, &channel, &s->channel) != WEIR_OK
        || weir_create_offer(s->node, s->peer, &w) != WEIR_OK) {
        failed(s, "the offer could not be made");
        return;
    }
    post(s, &w);
}

/* -- The caller's traffic ---------------------------------------------------------------------- */

static void send_data(struct side *s)
{
    struct self *self = s->self;
    static uint8_t message[MESSAGE_BYTES];
    uint64_t at = atomic_load(&self->data_sent);
    while (at < DATA_BYTES) {
        size_t n = DATA_BYTES - at < MESSAGE_BYTES ? (size_t)(DATA_BYTES - at) : MESSAGE_BYTES;
        for (size_t i = 0; i < n; i++) {
            message[i] = pattern(at + i);
        }
        enum weir_status status =
            weir_channel_send(s->node, s->peer, s->channel, weir_span_of(message, n), false);
        if (status == WEIR_ERR_FULL) {
            return; /* WRITABLE brings us back */
        }
        if (status != WEIR_OK) {
            failed(s, "the data channel refused a message");
            return;
        }
        at += n;
        atomic_store(&self->data_sent, at);
    }
}

static void send_media(struct side *s, weir_time *next_at, weir_time end_at)
{
    struct self *self = s->self;
    uint8_t payload[MEDIA_BYTES];
    weir_time now = weir_pump_clock();
    while (*next_at <= now && *next_at < end_at) {
        uint64_t number = atomic_load(&self->media_sent);
        struct weir_rtp_header h = { .payload_type = weir_peer_media_at(s->peer, 0)->codec[0].payload_type,
                                     .seq = (uint16_t)number, .has_marker = number % 10 == 9,
                                     .timestamp = (uint32_t)(number / 10 * 1800),
                                     .payload = { payload, sizeof payload } };
        for (size_t i = 0; i < sizeof payload; i++) {
            payload[i] = pattern(number * MEDIA_BYTES + i);
        }
        if (weir_send_rtp(s->node, s->peer, 0, &h) == WEIR_ERR_FULL) {
            return;
        }
        atomic_fetch_add(&self->media_sent, 1);
        *next_at += MEDIA_INTERVAL;
    }
}

/* -- The callee's checks ----------------------------------------------------------------------- */

static void check_data(struct side *s, struct weir_span data)
{
    struct self *self = s->self;
    uint64_t at = atomic_load(&self->data_checked);
    for (size_t i = 0; i < data.n; i++) {
        if (data.p[i] != pattern(at + i)) {
            failed(s, "a byte of the data channel is wrong");
            return;
        }
    }
    atomic_store(&self->data_checked, at + data.n);
    if (at + data.n >= DATA_BYTES) {
        atomic_store(&self->data_us, weir_pump_clock() - self->data_began_at);
        atomic_store(&self->step, STEP_MEDIA);
        weir_node_wake(self->side[0].node);
    }
}

static void check_media(struct side *s, const struct weir_rtp_header *h)
{
    struct self *self = s->self;
    for (size_t i = 0; i < h->payload.n; i++) {
        /* 5,000 packets in all: sequence numbers are packet numbers. */
        if (h->payload.p[i] != pattern((uint64_t)h->seq * MEDIA_BYTES + i)) {
            failed(s, "a byte of the media is wrong");
            return;
        }
    }
    atomic_fetch_add(&self->media_checked, 1);
    atomic_fetch_add(&self->media_bytes, h->payload.n);
}

/* -- One side's thread ------------------------------------------------------------------------- */

static void take_event(struct side *s, const struct weir_event *e)
{
    struct self *self = s->self;
    if (e->type == WEIR_EVENT_STATE) {
        if (e->state == WEIR_PEER_CONNECTED) {
            s->connected_at = weir_pump_clock();
            setup_keylog(&s->setup, s->peer);
        } else if (e->state == WEIR_PEER_FAILED) {
            fprintf(stderr, "the connection failed: %s\n", weir_peer_reason_name(e->reason));
            failed(s, "the connection failed");
        }
    } else if (e->type == WEIR_EVENT_CHANNEL_OPEN && s->is_caller) {
        self->data_began_at = weir_pump_clock();
        atomic_store(&self->step, STEP_DATA);
    } else if (e->type == WEIR_EVENT_CHANNEL_MESSAGE && !s->is_caller) {
        check_data(s, e->data);
    } else if (e->type == WEIR_EVENT_RTP && !s->is_caller) {
        check_media(s, &e->rtp);
    }
}

/* What the main thread prints; after the first message nothing of it changes. */
static void show_timeline(struct side *s)
{
    if (s->peer != NULL && !s->has_whole_timeline) {
        pthread_mutex_lock(&s->self->mutex);
        s->timeline = weir_peer_timeline(s->peer);
        pthread_mutex_unlock(&s->self->mutex);
        s->has_whole_timeline = s->timeline.first_message != WEIR_NEVER;
    }
}

static void *run_side(void *argument)
{
    struct side *s = argument;
    struct self *self = s->self;
    weir_time next_at = WEIR_NEVER, end_at = WEIR_NEVER;
    if (s->is_caller) {
        offer(s);
    }
    while (atomic_load(&self->step) != STEP_DONE && !atomic_load(&s->is_failed)) {
        struct weir_event event;
        if (weir_node_wait(s->node, weir_time_min(next_at, weir_pump_clock() + WEIR_SEC))
            != WEIR_OK) {
            failed(s, "the packet pump broke");
            break;
        }
        while (weir_node_event(s->node, &event)) {
            take_event(s, &event);
        }
        take_post(s);
        show_timeline(s);
        int step = atomic_load(&self->step);
        if (s->is_caller && step == STEP_DATA) {
            send_data(s);
        }
        if (s->is_caller && step == STEP_MEDIA) {
            if (next_at == WEIR_NEVER) {
                next_at = weir_pump_clock();
                end_at = next_at + MEDIA_TIME;
            }
            send_media(s, &next_at, end_at);
            if (next_at >= end_at) {
                next_at = WEIR_NEVER;
                end_at = 0;
                weir_duration grace = 300 * WEIR_MS; /* the last packets and their repeats */
                weir_time over = weir_pump_clock() + grace;
                while (weir_pump_clock() < over
                       && atomic_load(&self->media_checked) < atomic_load(&self->media_sent)) {
                    if (weir_node_wait(s->node, over) != WEIR_OK) {
                        break;
                    }
                    while (weir_node_event(s->node, &event)) {
                        take_event(s, &event);
                    }
                }
                atomic_store(&self->step, STEP_DONE);
            }
        }
    }
    atomic_store(&self->step, STEP_DONE);
    weir_node_wake(self->side[s->is_caller ? 1 : 0].node);
    return NULL;
}

/* -- What the terminal shows ------------------------------------------------------------------- */

static void print_moment(const struct self *self, const char *who, const char *what, weir_time at)
{
    if (at != WEIR_NEVER) {
        double ms = (double)(at - self->began_at) / 1000;
        int bar = (int)(ms * 2);
        printf("  %8.2f ms  %-7s %-30s %.*s\n", ms, who, what, bar > 40 ? 40 : bar,
               "........................................");
    }
}

static void print_timeline(struct self *self)
{
    puts("set-up");
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&self->mutex);
        const struct weir_peer_timeline whole = self->side[i].timeline, *t = &whole;
        pthread_mutex_unlock(&self->mutex);
        const char *who = self->side[i].name;
        print_moment(self, who, i == 0 ? "offer created" : "answer created", t->local_description);
        print_moment(self, who, i == 0 ? "answer taken" : "offer taken", t->remote_description);
        print_moment(self, who, "first check", t->first_check);
        print_moment(self, who, "pair selected", t->selected);
        print_moment(self, who, "DTLS begun", t->dtls_begun);
        print_moment(self, who, "DTLS done", t->dtls_done);
        print_moment(self, who, "SCTP up", t->sctp_done);
        print_moment(self, who, "data channel open", t->first_channel);
        print_moment(self, who, "first message", t->first_message);
    }
}

static void print_bar(const char *what, double share, const char *detail)
{
    int filled = (int)(share * 40);
    printf("\r%-6s [%.*s%.*s] %3.0f %%  %-30s", what, filled,
           "########################################", 40 - filled,
           "                                        ", share * 100, detail);
    fflush(stdout);
}

static void watch(struct self *self)
{
    bool is_terminal = isatty(STDOUT_FILENO) != 0, has_timeline = false, has_media = false;
    weir_time give_up = weir_pump_clock() + PATIENCE;
    while (atomic_load(&self->step) != STEP_DONE && !setup_is_interrupted()) {
        char detail[64];
        usleep(50000);
        int step = atomic_load(&self->step);
        if (step != STEP_CONNECT && !has_timeline) {
            usleep(20000);
            print_timeline(self);
            has_timeline = true;
        }
        if (step == STEP_DATA && is_terminal) {
            double done = (double)atomic_load(&self->data_checked);
            double seconds = (double)(weir_pump_clock() - self->data_began_at) / 1e6;
            snprintf(detail, sizeof detail, "%.0f MB, %.0f Mbit/s", done / 1e6,
                     done * 8 / 1e6 / seconds);
            print_bar("data", done / DATA_BYTES, detail);
        } else if (step == STEP_MEDIA && is_terminal) {
            if (!has_media) {
                print_bar("data", 1, "100 MB");
                puts("");
                has_media = true;
            }
            double sent = (double)atomic_load(&self->media_sent);
            snprintf(detail, sizeof detail, "%.0f packets", sent);
            print_bar("media", sent * (double)MEDIA_INTERVAL / (double)MEDIA_TIME, detail);
        }
        if (weir_pump_clock() > give_up) {
            failed(&self->side[0], "it took longer than a minute");
            atomic_store(&self->step, STEP_DONE);
        }
    }
    if (setup_is_interrupted()) {
        failed(&self->side[0], "interrupted");
        atomic_store(&self->step, STEP_DONE);
    }
    puts("");
}

static void print_table(const struct self *self)
{
    const struct weir_peer *a = self->side[0].peer, *b = self->side[1].peer;
    const struct weir_pump_stats *pump = weir_node_stats(self->side[0].node).pump;
    weir_time open_at = weir_peer_timeline(a).first_channel;
    struct weir_peer_transport caller, callee;
    struct weir_sctp_stats data;
    weir_peer_transport(a, &caller);
    weir_peer_transport(b, &callee);
    (void)weir_peer_data(a, &data);
    double seconds = (double)atomic_load(&self->data_us) / 1e6;
    unsigned long long checked = atomic_load(&self->data_checked);
    unsigned long long sent = atomic_load(&self->media_sent), got = atomic_load(&self->media_checked);
    puts("measured");
    printf("  %-34s %s\n", "packet pump", weir_node_stats(self->side[0].node).pump_name);
    printf("  %-34s %s, %s\n", "DTLS", caller.version, caller.suite);
    printf("  %-34s %s\n", "SRTP", caller.srtp);
    printf("  %-34s %.2f ms\n", "offer made to channel open",
           open_at == WEIR_NEVER ? 0.0 : (double)(open_at - self->began_at) / 1000);
    printf("  %-34s %llu of %llu bytes intact\n", "data channel", checked, DATA_BYTES);
    printf("  %-34s %.0f Mbit/s\n", "data channel, 64 KiB messages",
           seconds > 0 ? (double)checked * 8 / 1e6 / seconds : 0.0);
    printf("  %-34s %.2f ms\n", "SCTP smoothed round trip", (double)data.srtt / 1000);
    printf("  %-34s %llu\n", "SCTP chunks sent again", (unsigned long long)data.counters.rtx_chunks);
    printf("  %-34s %llu of %llu packets intact\n", "media", got, sent);
    printf("  %-34s %.1f\n", "datagrams per send to the kernel",
           pump->tx_runs == 0 ? 0.0 : (double)pump->tx_packets / (double)pump->tx_runs);
    printf("  %-34s %llu out, %llu in\n", "caller's datagrams", (unsigned long long)caller.tx_packets,
           (unsigned long long)caller.rx_packets);
    printf("  %-34s %llu out, %llu in\n", "callee's datagrams", (unsigned long long)callee.tx_packets,
           (unsigned long long)callee.rx_packets);
}

/* -- All --------------------------------------------------------------------------------------- */

static bool open_side(struct self *self, int i, const struct setup *setup)
{
    struct side *s = &self->side[i];
    s->self = self;
    s->name = i == 0 ? "caller" : "callee";
    s->is_caller = i == 0;
    s->setup = *setup;
    s->setup.node.peers_max = 1;
    s->setup.node.no_mdns = true;
    s->setup.node.bind = s->setup.bind;
    s->setup.node.port = 0;
    s->setup.node.seed[31] = (uint8_t)i;
    if (s->setup.node.binds == 0) {
        s->setup.bind[0] = weir_addr_v4(127, 0, 0, 1, 0);
        s->setup.node.binds = 1;
    }
    s->node = setup_open(&s->setup);
    s->peer = s->node == NULL ? NULL : weir_node_peer(s->node, false);
    return s->peer != NULL;
}

int demo_self(struct setup *setup)
{
    static struct self self;
    int status = 1;
    pthread_mutex_init(&self.mutex, NULL);
    if (!open_side(&self, 0, setup) || !open_side(&self, 1, setup)) {
        return 1;
    }
    setup_signals(self.side[0].node);
    self.began_at = weir_pump_clock();
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&self.side[i].thread, NULL, run_side, &self.side[i]) != 0) {
            fprintf(stderr, "cannot start a thread\n");
            return 1;
        }
    }
    watch(&self);
    for (int i = 0; i < 2; i++) {
        weir_node_wake(self.side[i].node);
        pthread_join(self.side[i].thread, NULL);
    }
    print_table(&self);
    bool is_whole = atomic_load(&self.data_checked) == DATA_BYTES
                    && atomic_load(&self.media_checked) == atomic_load(&self.media_sent)
                    && atomic_load(&self.media_sent) == MEDIA_TIME / MEDIA_INTERVAL;
    setup_signals(NULL);
    for (int i = 0; i < 2; i++) {
        if (atomic_load(&self.side[i].is_failed)) {
            printf("%s: %s\n", self.side[i].name, self.side[i].failure);
            is_whole = false;
        }
        weir_node_close(self.side[i].node);
    }
    puts(is_whole ? "every byte arrived intact" : "NOT every byte arrived");
    status = is_whole ? 0 : 1;
    return status;
}
