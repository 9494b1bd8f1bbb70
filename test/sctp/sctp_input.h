/* Making inputs of sctp_drive.h by hand, for the packet tests of sctp/. */
#ifndef WEIR_TEST_SCTP_INPUT_H
#define WEIR_TEST_SCTP_INPUT_H

#include "fuzz/sctp_drive.h"
#include "test/support/support.h"

/* The input being made: its first byte, then what the writer holds, aligned for itself. */
static uint8_t room[20000];

static inline struct weir_wr input(unsigned first)
{
    struct weir_mspan rest = { room + 1, sizeof room - 1 };
    room[0] = (uint8_t)first;
    return weir_wr_of(rest);
}

static inline struct weir_span done(const struct weir_wr *w)
{
    return weir_span_of(room, weir_wr_done(w) + 1);
}

static inline void u32s(struct weir_wr *w, const uint32_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weir_wr_u32(w, v[i]);
    }
}

/* A whole input of one chunk: its first word and more. */
#define CHUNK(first, ...)                                                      \
    do {                                                                       \
        const uint32_t words[] = { __VA_ARGS__ };                              \
        struct weir_wr w = input(first);                                       \
        u32s(&w, words, sizeof words / sizeof words[0]);                       \
        return done(&w);                                                       \
    } while (0)

enum { UP = WEIR_SCTP_ESTABLISHED, PLAIN = WEIR_SCTP_ESTABLISHED | DRIVE_PLAIN };

static inline void data_chunk(struct weir_wr *w, uint8_t flags, uint32_t tsn, uint16_t stream,
                              uint16_t ssn, uint32_t ppid, struct weir_span payload)
{
    struct weir_mark m = weir_sctp_chunk_open(w, CHUNK_DATA, flags);
    weir_wr_u32(w, tsn);
    weir_wr_u16(w, stream);
    weir_wr_u16(w, ssn);
    weir_wr_u32(w, ppid);
    weir_wr_bytes(w, payload);
    weir_sctp_chunk_close(w, m);
}

static inline void byte_chunk(struct weir_wr *w, uint8_t flags, uint32_t tsn, uint16_t stream,
                              uint16_t ssn)
{
    data_chunk(w, flags, tsn, stream, ssn, WEIR_SCTP_PPID_BINARY, WEIR_LIT("x"));
}

static inline void dcep_chunk(struct weir_wr *w, uint32_t tsn, uint16_t stream, uint16_t ssn,
                              struct weir_span message)
{
    data_chunk(w, FLAG_BEGIN | FLAG_END, tsn, stream, ssn, WEIR_SCTP_PPID_DCEP, message);
}

#define OPEN_EMPTY WEIR_LIT("\3\0\0\0\0\0\0\0\0\0\0\0")

static inline struct weir_span raw_packet(uint16_t port, uint32_t tag_change, bool is_crc_right)
{
    struct drive d;
    drive_begin(&d, UP);
    struct weir_wr w = input(UP | DRIVE_RAW);
    weir_wr_u16(&w, port);
    weir_wr_u16(&w, 5000);
    weir_wr_u32(&w, d.s.local_tag ^ tag_change);
    weir_wr_u32(&w, 0);
    weir_wr_u32(&w, 0x0b000004);
    weir_put32(room + 9, weir_sctp_packet_crc(weir_crypto_default(), weir_span_of(room + 1, 16)));
    room[9] ^= is_crc_right ? 0 : 1;
    drive_end(&d);
    return done(&w);
}

/* A COOKIE ECHO for a closed association, sealed with its own key. */
static inline struct weir_span cookie_echo(weir_time made_at, bool is_tag_right)
{
    struct drive d;
    struct cookie k = { 0 };
    uint8_t sealed[COOKIE_BYTES];
    drive_begin(&d, WEIR_SCTP_CLOSED);
    k.made_at = made_at;
    k.local_tag = is_tag_right ? d.s.local_tag : d.s.local_tag + 1;
    k.local_tsn = 1;
    k.remote.tag = 5;
    k.remote.tsn = 7;
    weir_sctp_cookie_seal(&d.s, &k, sealed);
    struct weir_wr w = input(WEIR_SCTP_CLOSED);
    struct weir_mark m = weir_sctp_chunk_open(&w, CHUNK_COOKIE_ECHO, 0);
    weir_wr_bytes(&w, weir_span_of(sealed, sizeof sealed));
    weir_sctp_chunk_close(&w, m);
    drive_end(&d);
    return done(&w);
}

#endif
