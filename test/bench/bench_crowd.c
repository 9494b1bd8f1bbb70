/* Many connections that send a little: what a packet costs where each is another peer's, so that neither
 * segments nor keys nor addresses are those of the packet before. Every connection sends 1 Mbit/s in packets of
 * 1,200 bytes, spread evenly; both ends count what it took them. */
#include <stdio.h>
#include <string.h>

#include "test/bench/bench_ends.h"

enum {
    PACKET = 1200,
    EACH_US = PACKET * 8, /* between two packets of a connection, at 1 Mbit/s */
    DATA = 1140,          /* a message that is one packet of about so many bytes */
};

struct crowd {
    struct weir_peer **peer;
    uint16_t *channel, *seq;
    unsigned pairs;
    bool is_media;
};

struct count {
    uint64_t packets;
    double cpu_seconds, seconds;
};

static bool send_one(struct end *e, struct crowd *c, unsigned i)
{
    static uint8_t bytes[PACKET];
    if (!c->is_media) {
        return weir_channel_send(e->node, c->peer[i], c->channel[i], weir_span_of(bytes, DATA), false)
               == WEIR_OK;
    }
    struct weir_rtp_header h = { .payload_type = weir_peer_media_at(c->peer[i], 0)->codec[0].payload_type,
                                 .seq = c->seq[i]++, .payload = weir_span_of(bytes, PACKET - 12 - 16) };
    return weir_send_rtp(e->node, c->peer[i], 0, &h) == WEIR_OK;
}

/* Run the node until the moment; the packets and messages that came. */
static uint64_t run_until(struct end *e, weir_time until)
{
    struct weir_event ev;
    uint64_t count = 0;
    if (weir_node_wait(e->node, until) != WEIR_OK) {
        die("the pump broke");
    }
    while (weir_node_event(e->node, &ev)) {
        count += ev.type == WEIR_EVENT_RTP || ev.type == WEIR_EVENT_CHANNEL_MESSAGE ? 1 : 0;
    }
    return count;
}

static struct count send_all(struct end *e, struct crowd *c, weir_duration time)
{
    struct count k = { .packets = 0 };
    double cpu = cpu_seconds();
    weir_time begin = weir_pump_clock(), now = begin;
    uint64_t turn = 0;
    while (now < begin + time) {
        for (; turn * EACH_US / c->pairs <= now - begin; turn++) {
            k.packets += send_one(e, c, (unsigned)(turn % c->pairs)) ? 1 : 0;
        }
        (void)run_until(e, now + WEIR_MS);
        now = weir_pump_clock();
    }
    k.cpu_seconds = cpu_seconds() - cpu;
    k.seconds = (double)(now - begin) / 1e6;
    return k;
}

static void serve(struct end *e)
{
    struct count k = { .packets = 0 };
    double cpu = 0;
    bench_tell(e->fd, "", 0);
    for (int words = 0; words < 2;) {
        k.packets += run_until(e, weir_pump_clock() + 10 * WEIR_MS);
        if (bench_has_news(e->fd)) {
            bench_hear(e->fd, NULL, 0);
            cpu = words++ == 0 ? cpu_seconds() : cpu;
            k.packets = words == 1 ? 0 : k.packets;
        }
    }
    k.cpu_seconds = cpu_seconds() - cpu;
    bench_tell(e->fd, &k, sizeof k);
}

static void connect_all(struct end *e, struct crowd *c)
{
    uint8_t ready = 1;
    for (unsigned i = 0; i < c->pairs; i++) {
        bench_connect(e, !c->is_media);
        c->peer[i] = e->peer;
        c->channel[i] = e->channel;
        if (e->is_caller) {
            bench_hear(e->fd, &ready, 1);
        } else {
            bench_tell(e->fd, &ready, 1);
        }
    }
}

void bench_crowd(struct end *e, int procs)
{
    unsigned pairs = e->options.pairs;
    struct crowd c = { .peer = calloc(pairs, sizeof(struct weir_peer *)), .pairs = pairs,
                       .channel = calloc(pairs, sizeof(uint16_t)), .seq = calloc(pairs, sizeof(uint16_t)),
                       .is_media = strcmp(e->scenario, "crowd-media") == 0 };
    connect_all(e, &c);
    if (e->is_caller) {
        struct count far;
        bench_hear(e->fd, NULL, 0);
        (void)send_all(e, &c, WEIR_SEC);
        bench_tell(e->fd, "", 0);
        struct count near = send_all(e, &c, e->options.seconds * WEIR_SEC);
        (void)run_until(e, weir_pump_clock() + 100 * WEIR_MS);
        bench_tell(e->fd, "", 0);
        bench_hear(e->fd, &far, sizeof far);
        double both = near.cpu_seconds + far.cpu_seconds, packets = (double)near.packets;
        bench_head(e, procs, both / near.seconds * 100);
        printf(",\"pairs\":%u,\"pps\":%.0f,\"lost_pct\":%.2f,\"us_per_packet\":%.2f,\"us_sender\":%.2f,"
               "\"us_receiver\":%.2f}\n", pairs, packets / near.seconds,
               100 - 100 * (double)far.packets / packets, both * 1e6 / packets,
               near.cpu_seconds * 1e6 / packets, far.cpu_seconds * 1e6 / packets);
    } else {
        serve(e);
    }
    free(c.peer);
    free(c.channel);
    free(c.seq);
}
