/* A simulated network between two weir peers: virtual time, and packets that are delayed, lost, doubled,
 * overtaken, corrupted or too large, all from one seed. */
#ifndef WEIR_TEST_SIM_H
#define WEIR_TEST_SIM_H

#include "peer/peer.h"

#define SIM_WIRE_MAX 8192

struct sim_link {
    weir_duration delay, jitter;
    unsigned loss, duplicate, reorder, corrupt; /* of 1,000 */
    size_t mtu;                                 /* longer datagrams vanish; 0 = any */
    uint64_t drop_number;                       /* lose exactly this packet, counted from 1; 0 = none */
    uint64_t drop_number_2;
};

struct sim_packet {
    weir_time at;
    uint64_t order;
    int to;
    struct weir_addr from; /* as the receiver sees it */
    uint32_t bytes;
    uint8_t *data;
};

struct sim_options {
    uint64_t seed;
    bool with_media;
    const struct weir_crypto *crypto; /* NULL: the build's */
    weir_time begin;                  /* 0: some time after the clock's start */
    bool no_snap[2], no_sped[2], no_cid[2], is_lite[2], prefers_hybrid;
    uint8_t cid_bytes[2];             /* ids of each side's own; 0: none */
    struct weir_sessions *sessions[2]; /* of each side; NULL: none */
    weir_duration channel_wait;       /* of both; 0: the default */
    uint64_t ntp_at_epoch;
    enum weir_sdp_setup setup;        /* of the answerer; none: active */
};

/* How two peers are introduced. */
struct sim_meeting {
    weir_duration signal;  /* a description is on its way so long */
    bool with_trickle;     /* candidates do not travel in descriptions, but apart */
    weir_duration trickle; /* and arrive so much later */
    bool with_negotiated;  /* each side opens the channel by itself, with a number agreed on outside */
    const char *line[2], *with[2]; /* lines of the offer and of the answer that begin so become so: ""
                                      takes them out */
};

struct sim {
    struct weir_peer *peer[2]; /* caller, callee */
    struct weir_addr addr[2];
    struct weir_addr seen[2]; /* where the other side finds a peer: its own address, or one that an address
                                 translator gave it. Change it, and what goes to the one before is lost */
    struct weir_pool pool;
    struct weir_buf *bufs;
    struct weir_peer_rtp *rtp_blocks;
    struct weir_arena handshakes; /* of both: one block each */
    struct weir_dtls_handshake *handshake;
    struct weir_ice_room room[2];
    struct weir_identity identity[2];
    uint8_t *assembly[2];
    struct weir_rand rand;
    struct sim_link link;
    struct sim_packet wire[SIM_WIRE_MAX];
    unsigned in_flight;
    weir_time now;
    uint64_t sent;    /* packets, of both */
    uint64_t digest;  /* over every byte that left, in order */
    bool is_cut;
    unsigned close_at; /* the peer that gives the so-manieth event is closed at once; 0 = none */
    unsigned events;
    /* what events told */
    enum weir_peer_state state[2];
    unsigned ends[2]; /* times that it was closed: nothing may be told after that */
    struct weir_event failure[2]; /* the event that told it last */
    unsigned opened[2], closed[2], messages[2], rtp[2];
    uint64_t message_bytes[2];
    enum weir_sctp_reason closed_reason[2]; /* of the channel that closed last */
    enum weir_sctp_reason data_reason[2]; /* why data was over last; NONE: it is not, or is up again */
    bool is_corrupt;  /* a message or media packet was not what was sent */
    uint16_t channel[2];
    bool is_deaf[2];  /* nobody takes the events of peer i */
    bool defers[2];   /* peer i cannot use its messages now */
    bool echoes[2];   /* peer i sends every message back */
    bool greets[2];   /* peer i says something as soon as it may: when it has both descriptions, or when
                         the other side opens the channel */
    uint64_t bytes;   /* of the packets sent */
    uint64_t pattern_at[2];
};

/* Of the caller or the callee, the same in all simulations of a program. */
const struct weir_identity *sim_identity(int side);
/* Two peers, not yet introduced. */
struct sim *sim_open(uint64_t seed, bool with_media);
struct sim *sim_open_with(const struct sim_options *options);
void sim_close(struct sim *s);
/* The caller offers with one data channel, the callee answers; no packet has left yet. */
void sim_introduce(struct sim *s);
/* The same over a signalling channel; the set-up goes on while descriptions are on their way. */
void sim_meet(struct sim *s, const struct sim_meeting *m);
/* Let time pass until the moment, or until both channels are open when asked to. */
void sim_run(struct sim *s, weir_time until, bool until_open);
/* A side's application sends in every section that came with an offer. */
void sim_send_in_all(struct sim *s, int side);
bool sim_is_open(const struct sim *s);
/* Send `bytes` of the checked pattern on the channel of a side. */
enum weir_status sim_send(struct sim *s, int from, size_t bytes);
void sim_send_rtp(struct sim *s, int from, uint32_t number); /* in the first section */
void sim_send_rtp_in(struct sim *s, int from, uint8_t section, uint32_t number);

#endif
