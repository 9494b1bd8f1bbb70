/* Every rule that a packet can break, one row each, and every chunk in every state.
 *
 * The rows are also files, fuzz/corpus/sctp_packet/reject/<verdict>.bin; WEIR_WRITE_CORPUS=1 writes
 * them anew. */
#include "test/sctp/sctp_input.h"

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
    return done(&w); /* the largest message is 7,680 bytes */
}

static struct weir_span in_data_full(void)
{
    struct weir_wr w = input(PLAIN);
    for (uint32_t i = 0; i <= DRIVE_BYTES / WEIR_CELL_BYTES; i++) { /* a byte costs a cell */
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
#define SAME(a, b, c, d, e, f, g, h, i)                                                \
    { { a, CL }, { b, CW }, { c, CE }, { d, ES }, { e, SP }, { f, SS }, { g, SR },     \
      { h, SA }, { i, OV } }

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
                         weir_sctp_state_name((enum weir_sctp_state)from),
                         weir_sctp_verdict_name(v), weir_sctp_state_name(d.s.state));
            }
            drive_read_all(&d);
            drive_end(&d);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_a_packet_that_breaks_it),
        cmocka_unit_test(every_reject_file_breaks_its_rule),
        cmocka_unit_test(every_chunk_in_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
