/* Packets that others made: checksums, parsing, and whole conversations between browsers in which
 * weir takes the part of either. */
#include "fuzz/sctp_drive.h"
#include "test/support/support.h"

/* -- CRC32c ----------------------------------------------------------------------------------- */

/* One byte more, bit by bit, from the polynomial: what everything must agree with. */
static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (unsigned bit = 0; bit < 8; bit++) {
        crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
    return crc;
}

/* As the field carries it. */
static uint32_t crc_field(uint32_t crc)
{
    crc = ~crc;
    return crc << 24 | (crc & 0xff00u) << 8 | (crc >> 8 & 0xff00u) | crc >> 24;
}

static void crc32c_agrees_with_its_definition(void **state)
{
    (void)state;
    enum { BYTES_MAX = 2100, ALIGNMENTS = 64 };
    const struct weir_crypto *c = weir_crypto_default();
    uint8_t room[BYTES_MAX + 2 * ALIGNMENTS], text[BYTES_MAX];
    struct weir_rand r;
    weir_rand_init_number(&r, test_seed(1));
    weir_rand_bytes(&r, text, sizeof text);
    for (size_t at = 0; at < ALIGNMENTS; at++) {
        uint8_t *p = room + ALIGNMENTS - (uintptr_t)room % ALIGNMENTS + at;
        uint32_t crc = 0xffffffffu;
        memcpy(p, text, sizeof text);
        for (size_t n = 0; n <= BYTES_MAX; n++) {
            if (n >= 12) {
                assert_int_equal(weir_sctp_packet_crc(NULL, weir_span_of(p, n)), crc_field(crc));
                assert_int_equal(weir_sctp_packet_crc(c, weir_span_of(p, n)), crc_field(crc));
            }
            crc = n < BYTES_MAX ? crc_byte(crc, n >= 8 && n < 12 ? 0 : p[n]) : crc;
        }
    }
}

/* The processor's instructions alone: any remainder before, any length, and joined anywhere. */
static void crc32c_by_instructions_agrees_with_its_definition(void **state)
{
    (void)state;
    uint32_t (*update)(uint32_t, struct weir_span) = weir_crypto_default()->crc32c;
    uint8_t bytes[2100];
    struct weir_rand r;
    weir_rand_init_number(&r, test_seed(2));
    weir_rand_bytes(&r, bytes, sizeof bytes);
    for (size_t n = 0; update != NULL && n <= sizeof bytes; n++) {
        uint32_t begin = weir_rand_u32(&r), want = begin;
        size_t cut = weir_rand_below(&r, (uint32_t)n + 1);
        uint8_t *exact = malloc(n + 1); /* a sanitizer sees a read beyond */
        memcpy(exact + 1, bytes, n);
        for (size_t i = 0; i < n; i++) {
            want = crc_byte(want, bytes[i]);
        }
        assert_int_equal(update(begin, weir_span_of(exact + 1, n)), want);
        uint32_t part = update(begin, weir_span_of(exact + 1, cut));
        assert_int_equal(update(part, weir_span_of(exact + 1 + cut, n - cut)), want);
        free(exact);
    }
}

static void crc32c_agrees_with_captured_packets(void **state)
{
    (void)state;
    static const char *const file[] = {
        "sctp_init", "sctp_sack", "sctp_data", "sctp_heartbeat", "sctp_reconfig_reset_out",
        "dcsctp_data_fragment1", "dcsctp_init_ack", "dcsctp_sack_data", "firefox_usrsctp_init_ack",
    };
    for (unsigned i = 0; i < sizeof file / sizeof file[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "test/data/sctp/%s.bin", file[i]);
        struct weir_mspan p = test_read_file(path);
        assert_int_equal(weir_sctp_packet_crc(NULL, weir_span_const(p)), weir_be32(p.p + 8));
        free(p.p);
    }
}

/* -- Set-up chunks ---------------------------------------------------------------------------- */

static enum weir_sctp_verdict parse_init(const char *file, bool is_ack,
                                         struct weir_sctp_init_chunk *init)
{
    char path[128];
    snprintf(path, sizeof path, "test/data/sctp/%s.bin", file);
    struct weir_mspan p = test_read_file(path);
    struct weir_rd r = weir_rd_of(weir_span_of(p.p + 12, p.n - 12));
    struct chunk c;
    assert_true(weir_sctp_chunk_next(&r, &c));
    enum weir_sctp_verdict v = weir_sctp_init_value_parse(c.value, is_ack, init);
    init->cookie.p = NULL; /* the file goes */
    free(p.p);
    return v;
}

static void what_others_announce(void **state)
{
    (void)state;
    struct weir_sctp_init_chunk init;
    assert_int_equal(parse_init("sctp_init", false, &init), WEIR_SCTP_OK);
    assert_int_equal(init.tag, 0x24521703);
    assert_int_equal(init.a_rwnd, 131072);
    assert_int_equal(init.out_streams, 256);
    assert_int_equal(init.in_streams, 2048);
    assert_int_equal(init.tsn, 0x3092614b);
    assert_true(init.has_forward_tsn && init.has_reconfig);
    assert_int_equal(parse_init("dcsctp_init_ack", true, &init), WEIR_SCTP_OK);
    assert_int_equal(init.cookie.n, 256);
    assert_int_equal(parse_init("firefox_usrsctp_init_ack", true, &init), WEIR_SCTP_OK);
    assert_int_equal(init.cookie.n, 196);
    assert_true(init.has_forward_tsn && init.has_reconfig);
}

static void our_init_chunk_round_trips(void **state)
{
    (void)state;
    struct drive d;
    uint8_t out[WEIR_MTU];
    struct weir_mspan room = { out, sizeof out };
    struct weir_sctp_init_chunk init;
    drive_begin(&d, WEIR_SCTP_CLOSED);
    size_t n = weir_sctp_init_chunk_write(&d.s, room);
    /* Byte for byte what Chromium announces, but for tag, window and TSN. */
    static const uint8_t tail[] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0x07, 0xd0, 0xc0,
                                    0,    0,    4,    0x80, 8, 0, 6,    0x82, 0xc0 };
    assert_int_equal(n, 12 + sizeof tail);
    assert_memory_equal(out + 12, tail, sizeof tail);
    assert_int_equal(weir_sctp_init_chunk_parse(weir_span_of(out, n), &init), WEIR_SCTP_OK);
    assert_int_equal(init.tag, d.s.local_tag);
    assert_int_equal(init.a_rwnd, weir_sctp_rwnd(&d.s));
    assert_true(init.has_forward_tsn && init.has_reconfig);
    assert_int_equal(weir_sctp_init_chunk_parse(weir_span_of(out, n - 4), &init),
                     WEIR_SCTP_CHUNK_LENGTH);
    drive_end(&d);
}

/* The chunk of Chromium 156 in an a=sctp-init line. */
static void chromiums_init_chunk_in_sdp(void **state)
{
    (void)state;
    static const uint8_t chunk[] = {
        0x01, 0x00, 0x00, 0x1e, 0x60, 0x05, 0x8a, 0x29, 0x00, 0x50, 0x00, 0x00, 0xff, 0xff, 0xff,
        0xff, 0x47, 0x91, 0x06, 0x03, 0xc0, 0x00, 0x00, 0x04, 0x80, 0x08, 0x00, 0x06, 0x82, 0xc0,
    };
    struct weir_sctp_init_chunk init;
    assert_int_equal(weir_sctp_init_chunk_parse(weir_span_of(chunk, sizeof chunk), &init),
                     WEIR_SCTP_OK);
    assert_int_equal(init.tag, 0x60058a29);
    assert_int_equal(init.a_rwnd, 5242880);
    assert_int_equal(init.tsn, 0x47910603);
    assert_true(init.has_forward_tsn && init.has_reconfig);
}

/* -- Conversations ---------------------------------------------------------------------------- */

struct play {
    struct drive d;
    struct weir_mspan file;
    uint32_t opened, messages, message_bytes, closed_channels;
    struct weir_sctp_event closed;
    uint16_t channel;
};

static bool play_next(struct weir_rd *r, uint8_t *to, struct weir_span *packet)
{
    struct weir_rd sub;
    if (!weir_rd_u8(r, to) || !weir_rd_sub16(r, &sub)) {
        return false;
    }
    *packet = weir_rd_rest(&sub);
    return true;
}

/* Take over the tag and the numbers of the end that sent this INIT. */
static void play_as(struct play *p, struct weir_span init)
{
    struct weir_sctp *s = &p->d.s;
    drive_begin(&p->d, WEIR_SCTP_CLOSED);
    s->local_tag = weir_be32(init.p + 16);
    s->local_tsn = weir_be32(init.p + 28);
    s->next_tsn = s->local_tsn;
    s->cum_acked = s->local_tsn - 1;
    s->advanced = s->cum_acked;
    s->forward_told = s->cum_acked;
    s->reset_next = s->local_tsn;
    s->is_dtls_role_known = false;
    assert_int_equal(weir_sctp_connect(s, p->d.now), WEIR_OK);
}

static void play_pump(struct play *p)
{
    struct weir_sctp_event e;
    struct weir_sctp_message m;
    uint8_t out[WEIR_MTU];
    while (weir_sctp_event(&p->d.s, &e)) {
        p->opened += e.type == WEIR_SCTP_EVENT_CHANNEL_OPEN ? 1 : 0;
        p->closed_channels += e.type == WEIR_SCTP_EVENT_CHANNEL_CLOSED ? 1 : 0;
        p->channel = e.type == WEIR_SCTP_EVENT_CHANNEL_OPEN ? e.channel : p->channel;
        p->closed = e.type == WEIR_SCTP_EVENT_CLOSED ? e : p->closed;
    }
    while (weir_sctp_read(&p->d.s, &m)) {
        p->messages++;
        p->message_bytes += m.bytes;
        assert_true(m.is_text);
        weir_sctp_release(&p->d.s, p->d.now, &m);
    }
    while (drive_send(&p->d, out) != 0) {
    }
}

/* Do what the end we stand for did with its DATA. */
static void play_act(struct play *p, struct weir_span packet)
{
    struct weir_rd r = weir_rd_of(weir_span_of(packet.p + 12, packet.n - 12));
    struct chunk c;
    while (r.n != 0 && weir_sctp_chunk_next(&r, &c)) {
        if (c.type != CHUNK_DATA) {
            continue;
        }
        uint32_t ppid = weir_be32(c.value.p + 8);
        struct weir_span payload = weir_span_of(c.value.p + 12, c.value.n - 12);
        if (ppid == WEIR_SCTP_PPID_DCEP && payload.p[0] == DCEP_OPEN) {
            struct weir_sctp_channel_config config = { 0 };
            weir_sctp_set_dtls_role(&p->d.s, p->d.now, weir_be16(c.value.p + 4) % 2 == 0);
            config.label = weir_span_of(payload.p + 12, weir_be16(payload.p + 8));
            assert_int_equal(weir_sctp_channel_open(&p->d.s, p->d.now, &config, &p->channel),
                             WEIR_OK);
        } else if (ppid == WEIR_SCTP_PPID_STRING) {
            assert_int_equal(weir_sctp_channel_send(&p->d.s, p->d.now, p->channel, payload, true),
                             WEIR_OK);
        }
    }
    play_pump(p);
}

static void play(const char *path, uint8_t part, struct play *p)
{
    memset(p, 0, sizeof *p);
    p->file = test_read_file(path);
    struct weir_rd r = weir_rd_of(weir_span_const(p->file));
    bool has_begun = false;
    uint8_t to;
    struct weir_span packet;
    while (play_next(&r, &to, &packet)) {
        if (to != part && packet.p[12] == CHUNK_INIT) {
            play_as(p, packet);
            has_begun = true;
        } else if (to != part) {
            play_act(p, packet);
            continue;
        } else if (has_begun) {
            (void)drive_packet(&p->d, packet);
        }
        if (has_begun) {
            play_pump(p);
        }
    }
}

static void play_end(struct play *p)
{
    drive_end(&p->d);
    free(p->file.p);
}

static void we_speak_as_either_browser(void **state)
{
    (void)state;
    static const char *const files[] = { "test/data/sctp/chromium_offers_firefox.bin",
                                         "test/data/sctp/firefox_offers_chromium.bin" };
    for (unsigned i = 0; i < 2; i++) {
        for (uint8_t part = 0; part < 2; part++) {
            struct play p;
            play(files[i], part, &p);
            assert_int_equal(p.opened, 1);
            assert_int_equal(p.messages, 1);
            assert_int_equal(p.message_bytes, 4);
            assert_int_equal(p.d.s.verdicts[WEIR_SCTP_CHECKSUM], 0);
            assert_int_equal(p.d.s.verdicts[WEIR_SCTP_SACK_UNSENT], 0);
            assert_int_equal(p.d.s.verdicts[WEIR_SCTP_CHUNK_UNKNOWN], 0);
            /* The browser's own cookie is not ours to open, so it came by COOKIE ACK. */
            assert_in_range(p.d.s.verdicts[WEIR_SCTP_COOKIE_FORGED], 0, 1);
            /* What we sent was acknowledged, but for the last where the capture stops short. */
            assert_int_equal(p.d.s.out_head, p.d.s.out_tail);
            play_end(&p);
        }
    }
}

/* Firefox closes: RE-CONFIG, then an ABORT that says so; Chromium answers the reset. */
static void the_end_of_a_browsers_connection(void **state)
{
    (void)state;
    bool has_seen_abort = false;
    for (uint8_t part = 0; part < 2; part++) {
        struct play p;
        play("test/data/sctp/firefox_offers_chromium.bin", part, &p);
        if (p.d.s.state == WEIR_SCTP_OVER) {
            has_seen_abort = true;
            assert_int_equal(p.closed_channels, 1);
            assert_int_equal(p.closed.reason, WEIR_SCTP_REASON_PEER_ABORT);
            assert_int_equal(p.closed.cause, CAUSE_USER_ABORT);
        }
        play_end(&p);
    }
    assert_true(has_seen_abort);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_agrees_with_its_definition),
        cmocka_unit_test(crc32c_by_instructions_agrees_with_its_definition),
        cmocka_unit_test(crc32c_agrees_with_captured_packets),
        cmocka_unit_test(what_others_announce),
        cmocka_unit_test(our_init_chunk_round_trips),
        cmocka_unit_test(chromiums_init_chunk_in_sdp),
        cmocka_unit_test(we_speak_as_either_browser),
        cmocka_unit_test(the_end_of_a_browsers_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
