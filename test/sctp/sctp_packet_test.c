/* Every rule that a packet can break, one row each, and every chunk in every state.
 *
 * The rows are also files, fuzz/corpus/sctp_packet/reject/<verdict>.bin; WEIR_WRITE_CORPUS=1 writes
 * them anew. */
#include "fuzz/sctp_drive.h"
#include "test/support/support.h"

/* -- Making inputs ---------------------------------------------------------------------------- */

/* The input being made: its first byte, then what the writer holds, aligned for itself. */
static uint8_t room[16384];

static struct weir_wr input(unsigned first)
{
    struct weir_mspan rest = { room + 1, sizeof room - 1 };
    room[0] = (uint8_t)first;
    return weir_wr_of(rest);
}

static struct weir_span done(const struct weir_wr *w)
{
    return weir_span_of(room, weir_wr_done(w) + 1);
}

static void u32s(struct weir_wr *w, const uint32_t *v, size_t n)
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

static void data_chunk(struct weir_wr *w, uint8_t flags, uint32_t tsn, uint16_t stream,
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

static void byte_chunk(struct weir_wr *w, uint8_t flags, uint32_t tsn, uint16_t stream, uint16_t ssn)
{
    data_chunk(w, flags, tsn, stream, ssn, WEIR_SCTP_PPID_BINARY, WEIR_LIT("x"));
}

static void dcep_chunk(struct weir_wr *w, uint32_t tsn, uint16_t stream, uint16_t ssn,
                       struct weir_span message)
{
    data_chunk(w, FLAG_BEGIN | FLAG_END, tsn, stream, ssn, WEIR_SCTP_PPID_DCEP, message);
}

#define OPEN_EMPTY WEIR_LIT("\3\0\0\0\0\0\0\0\0\0\0\0")

static struct weir_span raw_packet(uint16_t port, uint32_t tag_change, bool is_crc_right)
{
    struct drive d;
    drive_begin(&d, UP);
    struct weir_wr w = input(UP | DRIVE_RAW);
    weir_wr_u16(&w, port);
    weir_wr_u16(&w, 5000);
    weir_wr_u32(&w, d.s.local_tag ^ tag_change);
    weir_wr_u32(&w, 0);
    weir_wr_u32(&w, 0x0b000004);
    weir_put32(room + 9, weir_sctp_packet_crc(weir_span_of(room + 1, 16)));
    room[9] ^= is_crc_right ? 0 : 1;
    drive_end(&d);
    return done(&w);
}

/* A COOKIE ECHO for a closed association, sealed with its own key. */
static struct weir_span cookie_echo(weir_time made_at, bool is_tag_right)
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

/* -- One input per verdict -------------------------------------------------------------------- */

static struct weir_span in_short(void)
{
    CHUNK(UP | DRIVE_RAW, 0x13881388, 0, 0);
}

static struct weir_span in_ports(void)
{
    return raw_packet(5001, 0, true);
}

static struct weir_span in_checksum(void)
{
    return raw_packet(5000, 0, false);
}

static struct weir_span in_tag(void)
{
    return raw_packet(5000, 1, true);
}

static struct weir_span in_chunk_length(void)
{
    CHUNK(UP, 0x00030003);
}

static struct weir_span in_init_bundled(void)
{
    uint8_t bytes[64];
    struct weir_wr w = input(UP);
    weir_wr_bytes(&w, weir_span_of(bytes, drive_init_chunk(bytes, false)));
    weir_wr_u32(&w, 0x0b000004);
    return done(&w);
}

static struct weir_span in_out_of_the_blue(void)
{
    CHUNK(WEIR_SCTP_CLOSED, 0x03000010, DRIVE_TSN - 1, 1000, 0);
}

static struct weir_span in_chunk_unknown(void)
{
    CHUNK(UP, 0xfe000008, 0x01020304);
}

static struct weir_span in_chunk_short(void)
{
    CHUNK(UP, 0x0300000c, DRIVE_TSN - 1, 1000);
}

static struct weir_span in_unexpected(void)
{
    CHUNK(UP, 0x0b000004);
}

static struct weir_span in_init_value(void)
{
    CHUNK(UP, 0x01000014, 0, 100000, 0xffffffff, 1);
}

static struct weir_span in_param_length(void)
{
    CHUNK(UP, 0x01000018, 1, 100000, 0xffffffff, 1, 0xc0000003);
}

static struct weir_span in_cookie_missing(void)
{
    CHUNK(WEIR_SCTP_COOKIE_WAIT, 0x02000014, 1, 100000, 0xffffffff, 1);
}

static struct weir_span in_cookie_forged(void)
{
    struct weir_span s = cookie_echo(1000 * WEIR_SEC, true);
    room[5 + 20] ^= 1;
    return s;
}

static struct weir_span in_cookie_stale(void)
{
    return cookie_echo(0, true);
}

static struct weir_span in_cookie_tags(void)
{
    return cookie_echo(1000 * WEIR_SEC, false);
}

static struct weir_span in_data_empty(void)
{
    CHUNK(UP, 0x00030010, DRIVE_PEER_TSN, 0, 53);
}

static struct weir_span in_data_duplicate(void)
{
    struct weir_wr w = input(PLAIN);
    byte_chunk(&w, FLAG_BEGIN | FLAG_END, DRIVE_PEER_TSN, 0, 0);
    byte_chunk(&w, FLAG_BEGIN | FLAG_END, DRIVE_PEER_TSN, 0, 0);
    return done(&w);
}

static struct weir_span in_data_window(void)
{
    struct weir_wr w = input(PLAIN);
    byte_chunk(&w, FLAG_BEGIN | FLAG_END, DRIVE_PEER_TSN + 65535, 0, 0);
    return done(&w);
}

static struct weir_span in_data_stream(void)
{
    struct weir_wr w = input(PLAIN);
    byte_chunk(&w, FLAG_BEGIN | FLAG_END, DRIVE_PEER_TSN, 65535, 0);
    return done(&w);
}

static struct weir_span in_data_fragment(void)
{
    struct weir_wr w = input(PLAIN);
    byte_chunk(&w, FLAG_BEGIN, DRIVE_PEER_TSN, 0, 0);
    byte_chunk(&w, FLAG_BEGIN, DRIVE_PEER_TSN + 1, 0, 0);
    return done(&w);
}

static struct weir_span in_data_orphan(void)
{
    struct weir_wr w = input(PLAIN);
    byte_chunk(&w, FLAG_BEGIN, DRIVE_PEER_TSN, 0, 0);
    u32s(&w, (const uint32_t[]){ 0xc0000008, DRIVE_PEER_TSN + 1 }, 2);
    byte_chunk(&w, FLAG_END, DRIVE_PEER_TSN + 2, 0, 0);
    return done(&w);
}

static struct weir_span in_data_too_large(void)
{
    static const uint8_t piece[1900] = { 1 };
    struct weir_wr w = input(PLAIN);
    for (uint32_t i = 0; i < 5; i++) {
        data_chunk(&w, i == 0 ? FLAG_BEGIN : 0, DRIVE_PEER_TSN + i, 0, 0, 53,
                   weir_span_of(piece, sizeof piece));
    }
    return done(&w); /* a quota of 24 buffers takes messages of 7,680 bytes */
}

static struct weir_span in_data_full(void)
{
    struct weir_wr w = input(PLAIN);
    for (uint32_t i = 0; i < 25; i++) {
        byte_chunk(&w, FLAG_BEGIN | FLAG_END, DRIVE_PEER_TSN + i, 0, (uint16_t)i);
    }
    return done(&w);
}

static struct weir_span in_data_ssn(void)
{
    struct weir_wr w = input(PLAIN);
    byte_chunk(&w, FLAG_BEGIN | FLAG_END, DRIVE_PEER_TSN, 0, 1);
    return done(&w);
}

static struct weir_span in_sack_old(void)
{
    CHUNK(UP, 0x03000010, DRIVE_TSN - 2, 1000, 0);
}

static struct weir_span in_sack_unsent(void)
{
    CHUNK(UP, 0x03000010, DRIVE_TSN, 1000, 0);
}

static struct weir_span in_sack_blocks(void)
{
    CHUNK(UP, 0x03000014, DRIVE_TSN - 1, 1000, 0x00010000, 0x00020003);
}

static struct weir_span in_forward_refused(void)
{
    CHUNK(UP, 0xc0000008, DRIVE_PEER_TSN + (1 << 21));
}

static struct weir_span in_forward_old(void)
{
    CHUNK(UP, 0xc0000008, DRIVE_PEER_TSN - 1);
}

static struct weir_span in_heartbeat_info(void)
{
    CHUNK(UP, 0x04000008, 0x00020004);
}

static struct weir_span in_heartbeat_foreign(void)
{
    CHUNK(UP, 0x05000010, 0x0001000c, 1, 2);
}

static struct weir_span in_reconfig_refused(void)
{
    CHUNK(UP, 0x82000008, 0x000d0004);
}

static struct weir_span in_reconfig_sequence(void)
{
    CHUNK(UP, 0x82000014, 0x000d0010, DRIVE_PEER_TSN + 1, DRIVE_TSN - 1, DRIVE_PEER_TSN - 1);
}

static struct weir_span in_reconfig_denied(void)
{
    CHUNK(UP, 0x82000010, 0x0011000c, DRIVE_PEER_TSN, 0x00010000);
}

static struct weir_span in_dcep_malformed(void)
{
    struct weir_wr w = input(UP);
    dcep_chunk(&w, DRIVE_PEER_TSN, 1, 0, WEIR_LIT("\3\0\0\0\0\0\0\0\0\1\0\0"));
    return done(&w);
}

static struct weir_span in_dcep_parity(void)
{
    struct weir_wr w = input(UP);
    dcep_chunk(&w, DRIVE_PEER_TSN, 2, 0, OPEN_EMPTY);
    return done(&w);
}

static struct weir_span in_dcep_in_use(void)
{
    struct weir_wr w = input(UP);
    dcep_chunk(&w, DRIVE_PEER_TSN, 1, 0, OPEN_EMPTY);
    dcep_chunk(&w, DRIVE_PEER_TSN + 1, 1, 1, OPEN_EMPTY);
    return done(&w);
}

static struct weir_span in_dcep_full(void)
{
    static uint8_t open[DCEP_OPEN_BYTES + 2 * WEIR_SCTP_NAME_MAX + 1] = { 3 };
    struct weir_wr w = input(UP);
    weir_put16(open + 8, 2 * WEIR_SCTP_NAME_MAX + 1);
    dcep_chunk(&w, DRIVE_PEER_TSN, 1, 0, weir_span_of(open, sizeof open));
    return done(&w);
}

static struct weir_span in_dcep_no_channel(void)
{
    struct weir_wr w = input(UP);
    byte_chunk(&w, FLAG_BEGIN | FLAG_END, DRIVE_PEER_TSN, 1, 0);
    return done(&w);
}

static struct weir_span in_dcep_ppid(void)
{
    struct weir_wr w = input(UP);
    dcep_chunk(&w, DRIVE_PEER_TSN, 1, 0, OPEN_EMPTY);
    data_chunk(&w, FLAG_BEGIN | FLAG_END, DRIVE_PEER_TSN + 1, 1, 1, 99, WEIR_LIT("x"));
    return done(&w);
}

static struct weir_span (*const row[WEIR_SCTP_VERDICTS])(void) = {
    [WEIR_SCTP_SHORT] = in_short,
    [WEIR_SCTP_PORTS] = in_ports,
    [WEIR_SCTP_CHECKSUM] = in_checksum,
    [WEIR_SCTP_CHUNK_LENGTH] = in_chunk_length,
    [WEIR_SCTP_INIT_BUNDLED] = in_init_bundled,
    [WEIR_SCTP_TAG] = in_tag,
    [WEIR_SCTP_OUT_OF_THE_BLUE] = in_out_of_the_blue,
    [WEIR_SCTP_CHUNK_UNKNOWN] = in_chunk_unknown,
    [WEIR_SCTP_CHUNK_SHORT] = in_chunk_short,
    [WEIR_SCTP_UNEXPECTED] = in_unexpected,
    [WEIR_SCTP_INIT_VALUE] = in_init_value,
    [WEIR_SCTP_PARAM_LENGTH] = in_param_length,
    [WEIR_SCTP_COOKIE_MISSING] = in_cookie_missing,
    [WEIR_SCTP_COOKIE_FORGED] = in_cookie_forged,
    [WEIR_SCTP_COOKIE_STALE] = in_cookie_stale,
    [WEIR_SCTP_COOKIE_TAGS] = in_cookie_tags,
    [WEIR_SCTP_DATA_EMPTY] = in_data_empty,
    [WEIR_SCTP_DATA_DUPLICATE] = in_data_duplicate,
    [WEIR_SCTP_DATA_WINDOW] = in_data_window,
    [WEIR_SCTP_DATA_STREAM] = in_data_stream,
    [WEIR_SCTP_DATA_FRAGMENT] = in_data_fragment,
    [WEIR_SCTP_DATA_ORPHAN] = in_data_orphan,
    [WEIR_SCTP_DATA_TOO_LARGE] = in_data_too_large,
    [WEIR_SCTP_DATA_FULL] = in_data_full,
    [WEIR_SCTP_DATA_SSN] = in_data_ssn,
    [WEIR_SCTP_SACK_OLD] = in_sack_old,
    [WEIR_SCTP_SACK_UNSENT] = in_sack_unsent,
    [WEIR_SCTP_SACK_BLOCKS] = in_sack_blocks,
    [WEIR_SCTP_FORWARD_REFUSED] = in_forward_refused,
    [WEIR_SCTP_FORWARD_OLD] = in_forward_old,
    [WEIR_SCTP_HEARTBEAT_INFO] = in_heartbeat_info,
    [WEIR_SCTP_HEARTBEAT_FOREIGN] = in_heartbeat_foreign,
    [WEIR_SCTP_RECONFIG_REFUSED] = in_reconfig_refused,
    [WEIR_SCTP_RECONFIG_SEQUENCE] = in_reconfig_sequence,
    [WEIR_SCTP_RECONFIG_DENIED] = in_reconfig_denied,
    [WEIR_SCTP_DCEP_MALFORMED] = in_dcep_malformed,
    [WEIR_SCTP_DCEP_PARITY] = in_dcep_parity,
    [WEIR_SCTP_DCEP_IN_USE] = in_dcep_in_use,
    [WEIR_SCTP_DCEP_FULL] = in_dcep_full,
    [WEIR_SCTP_DCEP_NO_CHANNEL] = in_dcep_no_channel,
    [WEIR_SCTP_DCEP_PPID] = in_dcep_ppid,
};

/* What an input leads to: exactly one kind of verdict that is not OK. */
static void assert_yields(struct weir_span in, enum weir_sctp_verdict want)
{
    struct drive d;
    enum weir_sctp_verdict got = drive_input(&d, in);
    for (unsigned v = 1; v < WEIR_SCTP_VERDICTS; v++) {
        if ((d.s.verdicts[v] != 0) != (v == want)) {
            fail_msg("%s: counted %s %u times", weir_sctp_verdict_name(want),
                     weir_sctp_verdict_name((enum weir_sctp_verdict)v), d.s.verdicts[v]);
        }
    }
    /* Rules about messages show in the counters, those about packets in the answer as well. */
    assert_true(got == want || (got == WEIR_SCTP_OK && (want == WEIR_SCTP_DATA_SSN ||
                                                         want >= WEIR_SCTP_DCEP_MALFORMED)));
    drive_read_all(&d);
    drive_end(&d);
}

static void write_corpus(unsigned v, struct weir_span in)
{
    char path[256];
    snprintf(path, sizeof path, "%s/fuzz/corpus/sctp_packet/reject/%s.bin", WEIR_SOURCE_DIR,
             weir_sctp_verdict_name((enum weir_sctp_verdict)v));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(in.p, 1, in.n, f), in.n);
    fclose(f);
}

static void every_rule_has_a_packet_that_breaks_it(void **state)
{
    (void)state;
    for (unsigned v = 1; v < WEIR_SCTP_VERDICTS; v++) {
        assert_non_null(row[v]);
        struct weir_span in = row[v]();
        if (getenv("WEIR_WRITE_CORPUS") != NULL) {
            write_corpus(v, in);
        }
        assert_yields(in, (enum weir_sctp_verdict)v);
    }
}

static void every_reject_file_breaks_its_rule(void **state)
{
    (void)state;
    for (unsigned v = 1; v < WEIR_SCTP_VERDICTS; v++) {
        char path[128];
        snprintf(path, sizeof path, "fuzz/corpus/sctp_packet/reject/%s.bin",
                 weir_sctp_verdict_name((enum weir_sctp_verdict)v));
        struct weir_mspan file = test_read_file(path);
        assert_yields(weir_span_const(file), (enum weir_sctp_verdict)v);
        free(file.p);
    }
}

/* -- Every chunk in every state --------------------------------------------------------------- */

struct cell {
    enum weir_sctp_verdict verdict;
    enum weir_sctp_state next;
};

struct matrix_row {
    const char *name;
    uint32_t words[10];
    unsigned count;
    struct cell cell[WEIR_SCTP_STATES];
};

/* Short names for the table below. */
#define OK_ WEIR_SCTP_OK
#define UNX WEIR_SCTP_UNEXPECTED
#define OOB WEIR_SCTP_OUT_OF_THE_BLUE
#define CL WEIR_SCTP_CLOSED
#define CW WEIR_SCTP_COOKIE_WAIT
#define CE WEIR_SCTP_COOKIE_ECHOED
#define ES WEIR_SCTP_ESTABLISHED
#define SP WEIR_SCTP_SHUTDOWN_PENDING
#define SS WEIR_SCTP_SHUTDOWN_SENT
#define SR WEIR_SCTP_SHUTDOWN_RECEIVED
#define SA WEIR_SCTP_SHUTDOWN_ACK_SENT
#define OV WEIR_SCTP_OVER
#define SAME(a, b, c, d, e, f, g, h, i)                                                        \
    { { a, CL }, { b, CW }, { c, CE }, { d, ES }, { e, SP }, { f, SS }, { g, SR }, { h, SA }, { i, OV } }

static const struct matrix_row matrix[] = {
    /*                           closed wait echoed up pending sent received ack-sent over */
    { "DATA", { 0x00030011, DRIVE_PEER_TSN, 0x00010000, 53, 0x78000000 }, 5,
      SAME(OOB, UNX, UNX, OK_, OK_, OK_, UNX, UNX, OOB) },
    { "INIT", { 0x01000014, 99, 100000, 0xffffffff, 1 }, 5,
      SAME(OK_, OK_, OK_, OK_, OK_, OK_, OK_, UNX, UNX) },
    { "INIT ACK", { 0x0200001c, 99, 100000, 0xffffffff, 1, 0x00070008, 1 }, 7,
      { { OOB, CL }, { OK_, CE }, { UNX, CE }, { UNX, ES }, { UNX, SP }, { UNX, SS }, { UNX, SR },
        { UNX, SA }, { OOB, OV } } },
    { "SACK", { 0x03000010, DRIVE_TSN - 1, 1000, 0 }, 4,
      SAME(OOB, UNX, UNX, OK_, OK_, OK_, OK_, UNX, OOB) },
    { "HEARTBEAT", { 0x0400000c, 0x00010008, 1 }, 3,
      SAME(OOB, UNX, OK_, OK_, OK_, OK_, OK_, OK_, OOB) },
    { "HEARTBEAT ACK", { 0x0500000c, 0x00010008, 1 }, 3,
      SAME(OOB, WEIR_SCTP_HEARTBEAT_FOREIGN, WEIR_SCTP_HEARTBEAT_FOREIGN,
           WEIR_SCTP_HEARTBEAT_FOREIGN, WEIR_SCTP_HEARTBEAT_FOREIGN, WEIR_SCTP_HEARTBEAT_FOREIGN,
           WEIR_SCTP_HEARTBEAT_FOREIGN, WEIR_SCTP_HEARTBEAT_FOREIGN, OOB) },
    { "ABORT", { 0x06000004 }, 1,
      { { OOB, CL }, { OK_, OV }, { OK_, OV }, { OK_, OV }, { OK_, OV }, { OK_, OV }, { OK_, OV },
        { OK_, OV }, { OOB, OV } } },
    { "SHUTDOWN", { 0x07000008, DRIVE_TSN - 1 }, 2,
      { { OOB, CL }, { UNX, CW }, { UNX, CE }, { OK_, SA }, { OK_, SR }, { OK_, SA }, { OK_, SR },
        { UNX, SA }, { OOB, OV } } },
    { "SHUTDOWN ACK", { 0x08000004 }, 1,
      { { OOB, CL }, { OOB, CW }, { OOB, CE }, { UNX, ES }, { UNX, SP }, { OK_, OV }, { UNX, SR },
        { OK_, OV }, { OOB, OV } } },
    { "ERROR", { 0x09000008, 0x00010004 }, 2,
      SAME(OOB, OK_, OK_, OK_, OK_, OK_, OK_, OK_, OOB) },
    { "stale cookie", { 0x0900000c, 0x00030008, 1 }, 3,
      { { OOB, CL }, { OK_, CW }, { OK_, CW }, { OK_, ES }, { OK_, SP }, { OK_, SS }, { OK_, SR },
        { OK_, SA }, { OOB, OV } } },
    { "COOKIE ECHO, forged", { 0x0a000008, 1 }, 2,
      SAME(WEIR_SCTP_COOKIE_FORGED, WEIR_SCTP_COOKIE_FORGED, WEIR_SCTP_COOKIE_FORGED,
           WEIR_SCTP_COOKIE_FORGED, WEIR_SCTP_COOKIE_FORGED, WEIR_SCTP_COOKIE_FORGED,
           WEIR_SCTP_COOKIE_FORGED, WEIR_SCTP_COOKIE_FORGED, UNX) },
    { "COOKIE ACK", { 0x0b000004 }, 1,
      { { OOB, CL }, { UNX, CW }, { OK_, ES }, { UNX, ES }, { UNX, SP }, { UNX, SS }, { UNX, SR },
        { UNX, SA }, { OOB, OV } } },
    { "SHUTDOWN COMPLETE", { 0x0e000004 }, 1,
      { { OOB, CL }, { UNX, CW }, { UNX, CE }, { UNX, ES }, { UNX, SP }, { UNX, SS }, { UNX, SR },
        { OK_, OV }, { OOB, OV } } },
    { "RE-CONFIG", { 0x82000014, 0x000d0010, DRIVE_PEER_TSN, 1, DRIVE_PEER_TSN - 1 }, 5,
      SAME(OOB, UNX, UNX, OK_, OK_, OK_, OK_, UNX, OOB) },
    { "FORWARD TSN", { 0xc0000008, DRIVE_PEER_TSN + 5 }, 2,
      SAME(OOB, UNX, UNX, OK_, OK_, OK_, UNX, UNX, OOB) },
    { "unknown", { 0x3f000004 }, 1,
      SAME(OOB, WEIR_SCTP_CHUNK_UNKNOWN, WEIR_SCTP_CHUNK_UNKNOWN, WEIR_SCTP_CHUNK_UNKNOWN,
           WEIR_SCTP_CHUNK_UNKNOWN, WEIR_SCTP_CHUNK_UNKNOWN, WEIR_SCTP_CHUNK_UNKNOWN,
           WEIR_SCTP_CHUNK_UNKNOWN, OOB) },
};

static void every_chunk_in_every_state(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
        for (unsigned from = 0; from < WEIR_SCTP_STATES; from++) {
            struct drive d;
            struct weir_wr w = input(from | DRIVE_PLAIN);
            u32s(&w, matrix[i].words, matrix[i].count);
            struct weir_span in = done(&w);
            drive_begin(&d, in.p[0]);
            assert_int_equal(d.s.state, from);
            enum weir_sctp_verdict v = drive_chunks(&d, weir_span_of(in.p + 1, in.n - 1));
            if (v != matrix[i].cell[from].verdict || d.s.state != matrix[i].cell[from].next) {
                fail_msg("%s in %s: %s, then %s", matrix[i].name,
                         weir_sctp_state_name((enum weir_sctp_state)from), weir_sctp_verdict_name(v),
                         weir_sctp_state_name(d.s.state));
            }
            drive_read_all(&d);
            drive_end(&d);
        }
    }
}

/* -- What is answered ------------------------------------------------------------------------- */

/* Feed chunks; give the first chunk type of the answer, or -1 for silence. */
static int answer_to(unsigned first, const uint32_t *words, unsigned count, uint8_t out[WEIR_MTU])
{
    struct drive d;
    struct weir_wr w = input(first);
    u32s(&w, words, count);
    (void)drive_input(&d, done(&w));
    size_t n = drive_send(&d, out);
    int type = n == 0 ? -1 : out[COMMON_HEADER_BYTES];
    drive_read_all(&d);
    drive_end(&d);
    return type;
}

#define ANSWER(first, ...)                                                                      \
    answer_to(first, (const uint32_t[]){ __VA_ARGS__ },                                         \
              sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4, out)

static void attack_C26_an_abort_is_never_answered(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    for (unsigned from = 0; from < WEIR_SCTP_STATES; from++) {
        assert_int_equal(ANSWER(from, 0x06000004), -1);
        assert_int_equal(ANSWER(from, 0x06010004), -1);
    }
    /* What else comes to no association is told so, by the rules of [RFC 9260 8.4]. */
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x03000010, 1, 2, 0), CHUNK_ABORT);
    assert_int_equal(out[13], FLAG_REFLECTED);
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x08000004), CHUNK_SHUTDOWN_COMPLETE);
    assert_int_equal(out[13], FLAG_REFLECTED);
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x0e000004), -1);
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x0b000004), -1);
    assert_int_equal(ANSWER(WEIR_SCTP_CLOSED, 0x0900000c, 0x00030008, 1), -1);
    assert_int_equal(ANSWER(WEIR_SCTP_OVER, 0x01000014, 77, 100000, 0xffffffff, 1), CHUNK_ABORT);
    assert_int_equal(weir_be32(out + 4), 77);
    assert_int_equal(out[13], 0);
}

static void attack_C18_unknown_chunks_do_as_their_high_bits_say(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    /* Behind the unknown chunk stands a HEARTBEAT: answered only where processing goes on. */
    assert_int_equal(ANSWER(PLAIN, 0x3f000004, 0x0400000c, 0x00010008, 1), -1);
    assert_int_equal(ANSWER(PLAIN, 0x7f000004, 0x0400000c, 0x00010008, 1), CHUNK_ERROR);
    assert_int_equal(weir_be32(out + 16), 0x00060008);
    assert_int_equal(weir_be32(out + 20), 0x7f000004);
    assert_int_equal(ANSWER(PLAIN, 0xbf000004, 0x0400000c, 0x00010008, 1), CHUNK_HEARTBEAT_ACK);
    assert_int_equal(ANSWER(PLAIN, 0xff000004, 0x0400000c, 0x00010008, 1), CHUNK_HEARTBEAT_ACK);
    assert_int_equal(out[24], CHUNK_ERROR);
}

/* The unknown parameter stands before FORWARD-TSN-SUPPORTED: is that still read, and is it told? */
static void unknown_param(uint32_t type, bool goes_on, bool is_told)
{
    struct drive d;
    uint8_t out[WEIR_MTU];
    const uint32_t words[] = { 0x01000020, 77, 100000, 0xffffffff, 1, type << 16 | 8, 0x5a5a5a5a,
                               0xc0000004 };
    struct weir_wr w = input(WEIR_SCTP_CLOSED);
    u32s(&w, words, 8);
    assert_int_equal(drive_input(&d, done(&w)), WEIR_SCTP_OK);
    assert_int_equal(d.s.init_answer.has_forward_tsn, goes_on);
    size_t n = drive_send(&d, out);
    bool has_report = false;
    for (size_t i = 32; i + 12 <= n; i += 4) {
        has_report |= weir_be32(out + i) == 0x0008000c && weir_be32(out + i + 4) == (type << 16 | 8) &&
                      weir_be32(out + i + 8) == 0x5a5a5a5a;
    }
    assert_int_equal(out[12], CHUNK_INIT_ACK);
    assert_int_equal(has_report, is_told);
    drive_end(&d);
}

static void attack_C18_unknown_parameters_do_as_their_high_bits_say(void **state)
{
    (void)state;
    unknown_param(0x3ffe, false, false);
    unknown_param(0x7ffe, false, true);
    unknown_param(0xbffe, true, false);
    unknown_param(0xfffe, true, true);
}

static void attack_C20_addresses_are_ignored(void **state)
{
    (void)state;
    struct drive d;
    uint8_t out[WEIR_MTU];
    const uint32_t words[] = { 0x0100003c, 77,         100000,     0xffffffff, 1,
                               0x00050008, 0x7f000001, 0x00060014, 0,          0, 0, 1,
                               0x000b0008, 0x61620000, 0xc0000004 };
    struct weir_wr w = input(WEIR_SCTP_CLOSED);
    u32s(&w, words, 15);
    assert_int_equal(drive_input(&d, done(&w)), WEIR_SCTP_OK);
    assert_true(d.s.init_answer.has_forward_tsn);
    assert_true(drive_send(&d, out) != 0);
    assert_int_equal(out[12], CHUNK_INIT_ACK);
    drive_end(&d);
}

static void attack_C23_heartbeats_are_echoed_up_to_a_size(void **state)
{
    (void)state;
    struct drive d;
    uint8_t out[WEIR_MTU];
    static uint8_t info[60000];
    static const unsigned sizes[] = { 4, 60, WEIR_SCTP_HEARTBEAT_MAX, WEIR_SCTP_HEARTBEAT_MAX + 4,
                                      59996 };
    for (unsigned i = 0; i < 5; i++) {
        bool is_echoed = sizes[i] <= WEIR_SCTP_HEARTBEAT_MAX;
        memset(info, 0xab, sizeof info);
        weir_put32(info, 0x04000000 | (sizes[i] + 4));
        weir_put32(info + 4, 0x00010000 | sizes[i]);
        drive_begin(&d, PLAIN);
        enum weir_sctp_verdict v = drive_chunks(&d, weir_span_of(info, sizes[i] + 4));
        assert_int_equal(v, is_echoed ? WEIR_SCTP_OK : WEIR_SCTP_HEARTBEAT_INFO);
        size_t n = drive_send(&d, out);
        assert_int_equal(n, is_echoed ? 16 + sizes[i] : 0);
        if (is_echoed) {
            assert_memory_equal(out + 16, info + 4, sizes[i]);
        }
        drive_end(&d);
    }
}

static void attack_C25_a_zero_checksum_is_wrong(void **state)
{
    (void)state;
    struct drive d;
    uint8_t packet[16] = { 0x13, 0x88, 0x13, 0x88 };
    drive_begin(&d, UP);
    weir_put32(packet + 4, d.s.local_tag);
    weir_put32(packet + 12, 0x06000004);
    assert_int_equal(drive_packet(&d, weir_span_of(packet, 16)), WEIR_SCTP_CHECKSUM);
    assert_int_equal(d.s.state, WEIR_SCTP_ESTABLISHED);
    drive_end(&d);
}

static void attack_C1_chunk_lengths_below_the_header(void **state)
{
    (void)state;
    struct drive d;
    for (unsigned type = 0; type < 256; type++) {
        for (uint8_t length = 0; length < 4; length++) {
            /* A good chunk before it: the packet is dropped as a whole all the same. */
            const uint8_t bytes[8] = { CHUNK_ABORT, 0, 0, 4, (uint8_t)type, 0, 0, length };
            drive_begin(&d, UP);
            assert_int_equal(drive_chunks(&d, weir_span_of(bytes, 8)), WEIR_SCTP_CHUNK_LENGTH);
            assert_int_equal(d.s.state, WEIR_SCTP_ESTABLISHED);
            drive_end(&d);
        }
    }
}

static void attack_C3_a_cookie_longer_than_its_packet(void **state)
{
    (void)state;
    struct drive d;
    const uint32_t words[] = { 0x02000018, 1, 100000, 0xffffffff, 1, 0x0007ffff };
    struct weir_wr w = input(WEIR_SCTP_COOKIE_WAIT);
    u32s(&w, words, 6);
    assert_int_equal(drive_input(&d, done(&w)), WEIR_SCTP_PARAM_LENGTH);
    assert_int_equal(d.s.state, WEIR_SCTP_COOKIE_WAIT);
    drive_end(&d);
}

/* C5: one bit changed anywhere in the cookie. */
static void attack_C5_a_tampered_cookie(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < COOKIE_BYTES * 8; bit++) {
        struct drive d;
        struct weir_span in = cookie_echo(1000 * WEIR_SEC, true);
        room[5 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(drive_input(&d, in), WEIR_SCTP_COOKIE_FORGED);
        assert_int_equal(d.s.state, WEIR_SCTP_CLOSED);
        drive_end(&d);
    }
}

/* C6: INIT after INIT in every state leaves the association as it is, byte for byte, but for the one
 * answer that is owed and the generator it drew from. */
static void attack_C6_a_flood_of_inits_changes_nothing(void **state)
{
    (void)state;
    for (unsigned from = 0; from < WEIR_SCTP_STATES; from++) {
        struct drive d;
        uint8_t chunk[64], out[WEIR_MTU];
        size_t n = drive_init_chunk(chunk, false);
        drive_begin(&d, (uint8_t)from);
        struct weir_sctp *before = malloc(sizeof *before);
        *before = d.s;
        for (uint32_t i = 0; i < 1000; i++) {
            weir_put32(chunk + 4, i + 1);
            (void)drive_chunks(&d, weir_span_of(chunk, n));
        }
        assert_true(drive_send(&d, out) != 0);
        assert_int_equal(drive_send(&d, out), 0); /* one answer, however many asked */
        struct weir_sctp *after = malloc(sizeof *after);
        *after = d.s;
        after->rand = before->rand;
        after->counters = before->counters;
        after->init_answer = before->init_answer;
        after->init_tag = before->init_tag;
        after->init_tsn = before->init_tsn;
        after->answer_tag = before->answer_tag;
        memcpy(after->verdicts, before->verdicts, sizeof after->verdicts);
        assert_memory_equal(after, before, sizeof *after);
        free(before);
        free(after);
        drive_end(&d);
    }
}

static void attack_C19_chunks_of_extensions_we_have_not(void **state)
{
    (void)state;
    uint8_t out[WEIR_MTU];
    assert_int_equal(ANSWER(PLAIN, 0x0f000008, 0), -1);          /* AUTH: stop */
    assert_int_equal(ANSWER(PLAIN, 0xc1000008, 0), CHUNK_ERROR); /* ASCONF: tell */
    assert_int_equal(ANSWER(PLAIN, 0x80000008, 0), -1);          /* ASCONF-ACK: skip */
    assert_int_equal(ANSWER(PLAIN, 0x81000008, 0), -1);          /* PKTDROP: skip */
    assert_int_equal(ANSWER(PLAIN, 0x40000008, 0), CHUNK_ERROR); /* I-DATA: tell */
    assert_int_equal(ANSWER(PLAIN, 0xc2000008, 0), CHUNK_ERROR); /* I-FORWARD-TSN: tell */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_a_packet_that_breaks_it),
        cmocka_unit_test(every_reject_file_breaks_its_rule),
        cmocka_unit_test(every_chunk_in_every_state),
        cmocka_unit_test(attack_C1_chunk_lengths_below_the_header),
        cmocka_unit_test(attack_C3_a_cookie_longer_than_its_packet),
        cmocka_unit_test(attack_C5_a_tampered_cookie),
        cmocka_unit_test(attack_C6_a_flood_of_inits_changes_nothing),
        cmocka_unit_test(attack_C18_unknown_chunks_do_as_their_high_bits_say),
        cmocka_unit_test(attack_C18_unknown_parameters_do_as_their_high_bits_say),
        cmocka_unit_test(attack_C19_chunks_of_extensions_we_have_not),
        cmocka_unit_test(attack_C20_addresses_are_ignored),
        cmocka_unit_test(attack_C23_heartbeats_are_echoed_up_to_a_size),
        cmocka_unit_test(attack_C25_a_zero_checksum_is_wrong),
        cmocka_unit_test(attack_C26_an_abort_is_never_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
