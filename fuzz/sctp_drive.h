/* An association put into any of its states by hand, with fixed tags and numbers, and packets made
 * for it from bare chunks: what the harnesses and the packet tests of sctp/ share.
 *
 * An input is one byte and then bytes: the low four bits of the first byte name the state; 0x10
 * takes the data channels away; 0x80 makes the rest a packet as it is, otherwise it is chunks that
 * get a common header with the right tag and checksum.
 */
#ifndef WEIR_FUZZ_SCTP_DRIVE_H
#define WEIR_FUZZ_SCTP_DRIVE_H

#include "sctp/sctp_int.h"

#include <stdlib.h>

enum {
    DRIVE_BUFS = 512,
    DRIVE_PLAIN = 0x10,
    DRIVE_RAW = 0x80,
    DRIVE_PEER_TAG = 0x11111111,
    DRIVE_PEER_TSN = 1000,
    DRIVE_TSN = 2000,
    DRIVE_PACKET_MAX = 65536,
    DRIVE_BYTES = 48 * 1024, /* of memory, each way */
};

struct drive {
    struct weir_sctp s;
    struct weir_pool pool;
    struct weir_buf *bufs;
    weir_time now;
};

static inline size_t drive_send(struct drive *d, uint8_t out[WEIR_MTU])
{
    struct weir_mspan room = { out, WEIR_MTU };
    return weir_sctp_send(&d->s, d->now, room);
}

/* A whole packet in exact memory, so that a sanitizer sees a read of one byte over. */
static inline enum weir_sctp_verdict drive_packet(struct drive *d, struct weir_span packet)
{
    uint8_t *exact = malloc(packet.n == 0 ? 1 : packet.n);
    weir_copy(exact, packet.p, packet.n);
    enum weir_sctp_verdict v = weir_sctp_recv(&d->s, d->now, weir_span_of(exact, packet.n));
    free(exact);
    return v;
}

static inline enum weir_sctp_verdict drive_tagged(struct drive *d, uint32_t tag,
                                                  struct weir_span chunks)
{
    uint8_t *packet = malloc(COMMON_HEADER_BYTES + chunks.n);
    weir_put16(packet, 5000);
    weir_put16(packet + 2, 5000);
    weir_put32(packet + 4, tag);
    weir_put32(packet + 8, 0);
    weir_copy(packet + COMMON_HEADER_BYTES, chunks.p, chunks.n);
    struct weir_span all = weir_span_of(packet, COMMON_HEADER_BYTES + chunks.n);
    weir_put32(packet + 8, weir_sctp_packet_crc(NULL, all));
    enum weir_sctp_verdict v = drive_packet(d, all);
    free(packet);
    return v;
}

static inline enum weir_sctp_verdict drive_chunks(struct drive *d, struct weir_span chunks)
{
    bool is_init = chunks.n != 0 && chunks.p[0] == CHUNK_INIT;
    return drive_tagged(d, is_init ? 0 : d->s.local_tag, chunks);
}

/* The peer's INIT or INIT ACK: both extensions, a cookie of four bytes. */
static inline size_t drive_init_chunk(uint8_t *out, bool is_ack)
{
    struct weir_mspan room = { out, 64 };
    struct weir_wr w = weir_wr_of(room);
    struct weir_mark m = weir_sctp_chunk_open(&w, is_ack ? CHUNK_INIT_ACK : CHUNK_INIT, 0);
    weir_wr_u32(&w, DRIVE_PEER_TAG);
    weir_wr_u32(&w, 100000);
    weir_wr_u32(&w, 0xffffffff);
    weir_wr_u32(&w, DRIVE_PEER_TSN);
    weir_wr_u32(&w, 0xc0000004);
    weir_wr_u32(&w, 0x80080006);
    weir_wr_u32(&w, 0x82c00000);
    if (is_ack) {
        weir_wr_u32(&w, 0x00070008);
        weir_wr_u32(&w, 0x636f6f6b);
    }
    weir_sctp_chunk_close(&w, m);
    return weir_wr_done(&w);
}

static inline void drive_init(struct drive *d, bool has_channels)
{
    struct weir_sctp_config c;
    uint8_t out[WEIR_MTU];
    memset(d, 0, sizeof *d);
    d->bufs = aligned_alloc(64, weir_pool_bytes(DRIVE_BUFS));
    d->now = 1000 * WEIR_SEC;
    weir_pool_init(&d->pool, d->bufs, DRIVE_BUFS);
    weir_sctp_config_default(&c, weir_crypto_default());
    c.seed[0] = 1;
    c.message_max_local = 7680;
    c.rx_bytes_max = DRIVE_BYTES;
    c.tx_bytes_max = DRIVE_BYTES;
    c.has_channels = has_channels;
    weir_sctp_init(&d->s, &c, &d->pool, d->now);
    d->s.local_tsn = DRIVE_TSN;
    d->s.next_tsn = DRIVE_TSN;
    d->s.cum_acked = DRIVE_TSN - 1;
    d->s.advanced = DRIVE_TSN - 1;
    d->s.forward_told = DRIVE_TSN - 1;
    d->s.reset_next = DRIVE_TSN;
    weir_sctp_set_dtls_role(&d->s, d->now, true);
    (void)drive_send(d, out);
}

static inline void drive_simple_chunk(struct drive *d, uint8_t type)
{
    const uint8_t chunk[4] = { type, 0, 0, 4 };
    (void)drive_chunks(d, weir_span_of(chunk, sizeof chunk));
}

static inline void drive_shutdown_chunk(struct drive *d)
{
    uint8_t chunk[8] = { CHUNK_SHUTDOWN, 0, 0, 8 };
    weir_put32(chunk + 4, d->s.next_tsn - 1);
    (void)drive_chunks(d, weir_span_of(chunk, sizeof chunk));
}

/* Bring it from the state before to this one. */
static inline void drive_step(struct drive *d, enum weir_sctp_state state)
{
    uint8_t bytes[64];
    static const uint8_t reset_data[20] = { 1 };
    struct weir_sctp_send_opts opts = { 0 };
    switch (state) {
    case WEIR_SCTP_COOKIE_WAIT:
        (void)!weir_sctp_connect(&d->s, d->now);
        break;
    case WEIR_SCTP_COOKIE_ECHOED:
        (void)drive_chunks(d, weir_span_of(bytes, drive_init_chunk(bytes, true)));
        break;
    case WEIR_SCTP_ESTABLISHED:
        drive_simple_chunk(d, CHUNK_COOKIE_ACK);
        break;
    case WEIR_SCTP_SHUTDOWN_PENDING:
        opts.ppid = WEIR_SCTP_PPID_BINARY;
        (void)!weir_sctp_write(&d->s, d->now, 0, weir_span_of(reset_data, 20), &opts);
        (void)!weir_sctp_shutdown(&d->s, d->now);
        break;
    case WEIR_SCTP_SHUTDOWN_SENT:
        (void)!weir_sctp_shutdown(&d->s, d->now);
        break;
    case WEIR_SCTP_SHUTDOWN_RECEIVED:
        opts.ppid = WEIR_SCTP_PPID_BINARY;
        (void)!weir_sctp_write(&d->s, d->now, 0, weir_span_of(reset_data, 20), &opts);
        drive_shutdown_chunk(d);
        break;
    case WEIR_SCTP_SHUTDOWN_ACK_SENT:
        drive_shutdown_chunk(d);
        break;
    case WEIR_SCTP_OVER:
        weir_sctp_abort(&d->s, d->now, weir_span_of(NULL, 0));
        break;
    case WEIR_SCTP_CLOSED:
    case WEIR_SCTP_STATES:
        break;
    }
}

/* Begin in a state, with everything owed sent already. */
static inline void drive_begin(struct drive *d, uint8_t first)
{
    enum weir_sctp_state state = (enum weir_sctp_state)((first & 15) % WEIR_SCTP_STATES);
    uint8_t out[WEIR_MTU];
    drive_init(d, (first & DRIVE_PLAIN) == 0);
    for (unsigned i = 1; i <= 3 && i <= (unsigned)state; i++) {
        drive_step(d, (enum weir_sctp_state)i);
        while (drive_send(d, out) != 0) {
        }
    }
    if (state > WEIR_SCTP_ESTABLISHED) {
        drive_step(d, state);
        while (drive_send(d, out) != 0) {
        }
    }
    struct weir_sctp_event e;
    while (weir_sctp_event(&d->s, &e)) {
    }
    memset(d->s.verdicts, 0, sizeof d->s.verdicts);
}

static inline enum weir_sctp_verdict drive_input(struct drive *d, struct weir_span input)
{
    drive_begin(d, input.n == 0 ? 0 : input.p[0]);
    if (input.n == 0) {
        return WEIR_SCTP_OK;
    }
    struct weir_span rest = weir_span_of(input.p + 1, input.n - 1);
    return (input.p[0] & DRIVE_RAW) != 0 ? drive_packet(d, rest) : drive_chunks(d, rest);
}

static inline void drive_read_all(struct drive *d)
{
    struct weir_sctp_message m;
    struct weir_sctp_event e;
    while (weir_sctp_event(&d->s, &e)) {
    }
    while (weir_sctp_read(&d->s, &m)) {
        uint32_t cursor = m.head;
        uint32_t total = 0;
        struct weir_span piece;
        while (weir_sctp_message_piece(&d->s, &m, &cursor, &piece)) {
            total += (uint32_t)piece.n;
        }
        if (total != m.bytes) {
            abort();
        }
        weir_sctp_release(&d->s, d->now, &m);
    }
}

/* Every buffer comes home, or it is our bug. */
static inline void drive_end(struct drive *d)
{
    if (!weir_sctp_check(&d->s)) {
        abort();
    }
    weir_sctp_release_all(&d->s);
    if (d->pool.free_count != DRIVE_BUFS) {
        abort();
    }
    free(d->bufs);
}

#endif
