/* Connection ids in both versions [RFC 9146, RFC 9147 4, 9]: how they are agreed, what records carry, what
 * is refused, and how they change. */
#include "test/dtls/dtls_paths.h"

#include "test/dtls/dtls_rules.h"

static const uint8_t versions[2] = { WEIR_DTLS_1_2, WEIR_DTLS_1_3 };

/* -- Agreement --------------------------------------------------------------------------------- */

/* The data of an end carries the id that the other one chose, and no more than that. */
static void check_header(struct sim *s, unsigned from, uint8_t version)
{
    struct weir_dtls *d = &s->end[from].d;
    const struct weir_dtls_settings *peer = &s->end[1 - from].d.config;
    struct weir_dtls copy = *d;
    uint8_t out[200];
    size_t bytes = peer->cid_bytes;
    size_t n = data_record(&copy, "hello", out, sizeof out);
    if (version == WEIR_DTLS_1_2) {
        assert_int_equal(out[0], bytes != 0 ? CONTENT_TLS12_CID : CONTENT_APPLICATION_DATA);
        assert_int_equal(n, 13 + 8 + 5 + 16 + (bytes != 0 ? 1 + bytes : 0));
        assert_memory_equal(out + 11, peer->cid, bytes);
        assert_int_equal(weir_be16(out + 11 + bytes), n - 13 - bytes);
    } else {
        assert_int_equal(out[0], bytes != 0 ? 0x3f : 0x2f);
        assert_int_equal(n, 5 + 5 + 1 + 16 + bytes);
        assert_memory_equal(out + 1, peer->cid, bytes);
        assert_int_equal(weir_be16(out + 3 + bytes), n - 5 - bytes);
    }
}

static void ids_of_every_length_are_agreed_and_carried(void **state)
{
    (void)state;
    static const int length[] = { 0, 1, 8, WEIR_DTLS_CID_MAX };
    for (unsigned v = 0; v < 2; v++) {
        for (unsigned i = 0; i < 16; i++) {
            struct ids with = { versions[v], length[i % 4], length[i / 4], WEIR_DTLS_RRC_BASIC };
            struct sim s;
            ids_connect(&s, &with, 1000 + i);
            for (unsigned who = 0; who < 2; who++) {
                assert_true(weir_dtls_has_cid(&s.end[who].d));
                assert_true(weir_dtls_has_rrc(&s.end[who].d));
                check_header(&s, who, versions[v]);
            }
            sim_check_up(&s);
            sim_free(&s);
        }
    }
}

static void who_does_not_know_them_is_talked_to_without(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct ids with = { versions[i / 2], i % 2 == 0 ? 8 : -1, i % 2 == 0 ? -1 : 8,
                            WEIR_DTLS_RRC_BASIC };
        struct sim s;
        ids_connect(&s, &with, 1100 + i);
        for (unsigned who = 0; who < 2; who++) {
            struct weir_dtls *d = &s.end[who].d;
            assert_false(weir_dtls_has_cid(d));
            assert_false(weir_dtls_has_rrc(d));
            assert_int_equal(weir_dtls_overhead(d), versions[i / 2] == WEIR_DTLS_1_2 ? 37 : 22);
        }
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* [RFC 9853 3 MUST NOT] Checks of paths are used when both sides have said so. */
static void path_checks_are_agreed_by_both(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct ids with = { versions[i % 2], 4, 4, WEIR_DTLS_RRC_BASIC };
        struct sim s;
        ids_init(&s, &with, 1120);
        s.end[CLIENT].d.config.rrc = (i & 2) != 0 ? WEIR_DTLS_RRC_ENHANCED : WEIR_DTLS_RRC_NONE;
        s.end[SERVER].d.config.rrc = (i & 4) != 0 ? WEIR_DTLS_RRC_BASIC : WEIR_DTLS_RRC_NONE;
        assert_true(sim_connect(&s, WEIR_SEC));
        for (unsigned who = 0; who < 2; who++) {
            assert_true(weir_dtls_has_cid(&s.end[who].d));
            assert_int_equal(weir_dtls_has_rrc(&s.end[who].d), (i & 6) == 6);
        }
        sim_free(&s);
    }
}

/* A HelloRetryRequest for another group, a cookie of either version, and both. */
static void a_second_hello_offers_the_same_ids(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct ids with = { versions[i % 2], 5, 7, WEIR_DTLS_RRC_BASIC };
        struct sim s;
        ids_init(&s, &with, 1130 + i);
        plan_of(&s.end[SERVER].d)->requires_cookie = i < 4;
        if (i >= 2) {
            plan_of(&s.end[SERVER].d)->groups = 1;
            plan_of(&s.end[SERVER].d)->group[0] = i % 2 == 0 ? WEIR_P256 : WEIR_P384;
        }
        assert_true(sim_connect(&s, 2 * WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        check_header(&s, CLIENT, versions[i % 2]);
        check_header(&s, SERVER, versions[i % 2]);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* One hello for both versions: whichever the server takes, the ids are the same. */
static void the_version_makes_no_difference_to_the_agreement(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 2; v++) {
        struct weir_dtls_config c = sim_config(CLIENT, 1140), w = sim_config(SERVER, 1141);
        struct sim s;
        give_id(&c, 3);
        give_id(&w, 9);
        w.version_max = versions[v];
        sim_init(&s, &c, &w);
        assert_true(sim_connect(&s, WEIR_SEC));
        sim_run(&s, WEIR_SEC);
        check_header(&s, CLIENT, versions[v]);
        check_header(&s, SERVER, versions[v]);
        sim_free(&s);
    }
}

/* Any one or two datagrams of a handshake with ids are lost. */
static void a_handshake_with_ids_survives_its_losses(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 2; v++) {
        for (unsigned i = 0; i < 10 * 10; i++) {
            struct ids with = { versions[v], 8, 8, WEIR_DTLS_RRC_NONE };
            struct sim s;
            ids_init(&s, &with, 1150);
            s.end[CLIENT].d.config.mtu = s.end[SERVER].d.config.mtu = 300;
            s.drop = (uint64_t)1 << i % 10 | (uint64_t)1 << i / 10;
            assert_true(sim_connect(&s, 10 * WEIR_SEC));
            sim_run(&s, WEIR_SEC);
            sim_check_up(&s);
            sim_free(&s);
        }
    }
}

/* -- Hellos that say it wrongly ---------------------------------------------------------------- */

#define SIGS "000d 0004 0002 0403"
#define GROUPS "000a 0004 0002 001d"
#define KEY_A "0900000000000000000000000000000000000000000000000000000000000000"
#define HELLO_12 SIGS "000a 0006 0004 001d 0017 0017 0000"
#define HELLO_13 "002b 0003 02fefc" GROUPS SIGS "0033 0026 0024 001d 0020" KEY_A
#define BYTES_32 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BYTES_33 BYTES_32 "00"

/* To a server: [what the hello says] -> verdict, agreed, path checks agreed. */
static void what_a_client_may_say(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        bool has_cid, has_rrc;
        const char *extension;
    } row[] = {
        { WEIR_DTLS_OK, true, false, "0036 0001 00" },
        { WEIR_DTLS_OK, true, false, "0036 0003 02 abcd" },
        { WEIR_DTLS_OK, true, false, "0036 0021 20" BYTES_32 },
        { WEIR_DTLS_OK, false, false, "0036 0022 21" BYTES_33 }, /* more than we send with: declined */
        { WEIR_DTLS_OK, true, true, "0036 0003 02 abcd 003d 0000" },
        { WEIR_DTLS_OK, false, false, "003d 0000" }, /* [RFC 9853 3 MUST NOT] rrc alone */
        { WEIR_DTLS_OK, false, false, "0035 0003 02 abcd" }, /* an older draft's number */
        { WEIR_DTLS_HELLO_CID, false, false, "0036 0000" },
        { WEIR_DTLS_HELLO_CID, false, false, "0036 0002 02 ab" },
        { WEIR_DTLS_HELLO_CID, false, false, "0036 0004 02 abcdef" },
        { WEIR_DTLS_HELLO_CID, false, false, "0036 0001 00 003d 0001 00" },
        { WEIR_DTLS_HELLO_DUPLICATE, false, false, "0036 0001 00 0036 0001 00" },
    };
    for (size_t i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        bool is_13 = i % 2 != 0;
        struct ids with = { is_13 ? WEIR_DTLS_1_3 : WEIR_DTLS_1_2, 4, 4, WEIR_DTLS_RRC_BASIC };
        struct hello_row hello = { row[i / 2].want, "fefd", is_13 ? "1301" : "c02b", "0100", NULL };
        struct sim s;
        char text[600];
        uint8_t body[700], record[800];
        ids_init(&s, &with, 1160);
        snprintf(text, sizeof text, "%s%s", is_13 ? HELLO_13 : HELLO_12, row[i / 2].extension);
        hello.extensions = text;
        size_t n = hello_body(&hello, true, body, sizeof body);
        n = plain_message(record, MESSAGE_CLIENT_HELLO, 0, weir_span_of(body, n));
        expect(sim_hear(&s, SERVER, record, n), row[i / 2].want, row[i / 2].extension);
        assert_int_equal(weir_dtls_has_cid(&s.end[SERVER].d), row[i / 2].has_cid);
        assert_int_equal(weir_dtls_has_rrc(&s.end[SERVER].d), row[i / 2].has_rrc);
        sim_free(&s);
    }
}

/* To a client that offered both, or one of them, or nothing. */
static void what_a_server_may_answer(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        int offered; /* 0 nothing, 1 connection_id, 2 rrc too */
        const char *extension;
    } row[] = {
        { WEIR_DTLS_OK, 2, "" },
        { WEIR_DTLS_OK, 2, "0036 0001 00" },
        { WEIR_DTLS_OK, 2, "0036 0021 20" BYTES_32 },
        { WEIR_DTLS_OK, 2, "0036 0002 01 aa 003d 0000" },
        { WEIR_DTLS_HELLO_CID, 2, "0036 0022 21" BYTES_33 },
        { WEIR_DTLS_HELLO_CID, 2, "0036 0000" },
        { WEIR_DTLS_HELLO_CID, 2, "0036 0002 00 00" },
        { WEIR_DTLS_HELLO_CID, 2, "003d 0000" },
        { WEIR_DTLS_HELLO_CID, 2, "0036 0001 00 003d 0001 00" },
        { WEIR_DTLS_HELLO_UNASKED, 1, "0036 0001 00 003d 0000" },
        { WEIR_DTLS_HELLO_UNASKED, 0, "0036 0001 00" },
    };
    for (size_t i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        bool is_13 = i % 2 != 0;
        int offered = row[i / 2].offered;
        struct ids with = { is_13 ? WEIR_DTLS_1_3 : WEIR_DTLS_1_2, offered != 0 ? 4 : -1, 4,
                            offered == 2 ? WEIR_DTLS_RRC_BASIC : WEIR_DTLS_RRC_NONE };
        struct hello_row hello = { row[i / 2].want, "fefd", is_13 ? "1301" : "c02b", "00", NULL };
        struct sim s;
        char text[600];
        uint8_t body[700], record[800];
        ids_init(&s, &with, 1170);
        sim_start(&s);
        snprintf(text, sizeof text, "%s%s",
                 is_13 ? "002b 0002 fefc 0033 0024 001d 0020" KEY_A : "0017 0000", row[i / 2].extension);
        hello.extensions = text;
        size_t n = hello_body(&hello, false, body, sizeof body);
        n = plain_message(record, MESSAGE_SERVER_HELLO, 0, weir_span_of(body, n));
        expect(sim_hear(&s, CLIENT, record, n), row[i / 2].want, row[i / 2].extension);
        bool is_good = row[i / 2].want == WEIR_DTLS_OK;
        assert_int_equal(s.end[CLIENT].d.state, is_good ? WEIR_DTLS_HANDSHAKE : WEIR_DTLS_FAILED);
        if (row[i / 2].want == WEIR_DTLS_HELLO_CID) {
            assert_int_equal(s.end[CLIENT].last.alert, ALERT_ILLEGAL_PARAMETER);
        }
        sim_free(&s);
    }
}

/* -- Records ----------------------------------------------------------------------------------- */

/* What an end would seal if the other one had chosen another id, or none. */
static size_t data_with_id(const struct weir_dtls *from, const uint8_t *id, size_t bytes, uint8_t *out)
{
    struct weir_dtls copy = *from;
    copy.tx.seq += 5;
    weir_copy(copy.cid.tx, id, bytes);
    copy.cid.tx_bytes = (uint8_t)bytes;
    return data_record(&copy, "other", out, 200);
}

static void a_record_without_its_id_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct ids with = { versions[i / 2], 6, 6, WEIR_DTLS_RRC_NONE };
        unsigned to = i % 2;
        struct sim s;
        uint8_t out[200];
        ids_connect(&s, &with, 1180);
        struct weir_dtls_window window = s.end[to].d.rx.window;
        size_t n = data_with_id(&s.end[1 - to].d, NULL, 0, out);
        expect(hear_by(&s, to, 0, out, n), WEIR_DTLS_RECORD_NO_CID, "no id");
        assert_memory_equal(&window, &s.end[to].d.rx.window, sizeof window);
        assert_int_equal(s.end[to].got_count, 0);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* [RFC 9147 4 MUST] With 1.3 it is the datagram that has the id: records behind one with it need none. */
static void with_13_one_id_is_enough_for_a_datagram(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 2; v++) {
        struct ids with = { versions[v], 6, 6, WEIR_DTLS_RRC_NONE };
        struct sim s;
        uint8_t out[400];
        ids_connect(&s, &with, 1190);
        struct weir_dtls *from = &s.end[CLIENT].d;
        size_t n = data_record(from, "with", out, sizeof out);
        size_t m = data_with_id(from, NULL, 0, out + n);
        expect(hear_by(&s, SERVER, 0, out, n + m), v == 1 ? WEIR_DTLS_OK : WEIR_DTLS_RECORD_NO_CID,
               "behind one with it");
        assert_int_equal(s.end[SERVER].got_count, 1 + v);
        from->tx.seq += 10;
        n = data_with_id(from, NULL, 0, out);
        expect(hear_by(&s, SERVER, 0, out, n), WEIR_DTLS_RECORD_NO_CID, "the next datagram");
        /* One that nobody has proven vouches for nothing. */
        from->tx.seq += 10;
        n = data_record(from, "forged", out, sizeof out);
        out[n - 1] ^= 1;
        m = data_with_id(from, NULL, 0, out + n);
        assert_int_equal(hear_by(&s, SERVER, 0, out, n + m), WEIR_DTLS_RECORD_FORGED);
        assert_int_equal(s.end[SERVER].got_count, 1 + v);
        sim_free(&s);
    }
}

/* [RFC 9147 4 MUST] And what follows it in the datagram is not looked at. */
static void a_record_with_another_id_is_refused_with_all_behind_it(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 2; v++) {
        struct ids with = { versions[v], 6, 6, WEIR_DTLS_RRC_NONE };
        struct sim s;
        uint8_t out[400], id[WEIR_DTLS_PEER_CID_MAX];
        ids_connect(&s, &with, 1200);
        struct weir_dtls *from = &s.end[CLIENT].d;
        memcpy(id, from->cid.tx, sizeof id);
        id[5] ^= 1;
        size_t n = data_with_id(from, id, 6, out);
        size_t m = data_record(from, "behind", out + n, sizeof out - n);
        expect(hear_by(&s, SERVER, 0, out, n + m), WEIR_DTLS_RECORD_CID, "another id");
        n = data_with_id(from, id, 5, out);
        expect(hear_by(&s, SERVER, 0, out, n), WEIR_DTLS_RECORD_CID, "a shorter one");
        n = data_record(from, "cut", out, sizeof out);
        for (size_t cut = 1; cut < (v == 0 ? 17 : 7); cut++) {
            enum weir_dtls_verdict got = hear_by(&s, SERVER, 0, out, cut);
            assert_true(got == WEIR_DTLS_RECORD_CID || got == WEIR_DTLS_RECORD_TRUNCATED);
        }
        assert_int_equal(s.end[SERVER].got_count, 0);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* The additional data, spelled out from the specification, opens what we seal. */
static void additional_data_is_what_the_specification_says(void **state)
{
    (void)state;
    struct ids with = { WEIR_DTLS_1_2, 0, 3, WEIR_DTLS_RRC_NONE };
    struct sim s;
    uint8_t out[100], aad[26], nonce[12];
    ids_connect(&s, &with, 1210);
    struct weir_dtls *from = &s.end[CLIENT].d;
    size_t n = data_record(from, "hi", out, sizeof out);
    /* type, version, epoch and number, id, length; the explicit nonce; "hi", 17 and the tag */
    assert_int_equal(n, 11 + 3 + 2 + 8 + 3 + 16);
    memset(aad, 0xff, 8);
    aad[8] = 25;
    aad[9] = 3;
    aad[10] = 25;
    memcpy(aad + 11, out + 1, 10);
    memcpy(aad + 21, "\x50\x51\x52", 3);
    weir_put16(aad + 24, 3);
    memcpy(nonce, from->tx.iv, 4);
    memcpy(nonce + 4, out + 16, 8);
    struct weir_mspan data = { out + 24, 3 };
    assert_true(weir_crypto_default()->aead_open(&from->tx.aead, nonce, weir_span_of(aad, 26), data,
                                                 out + 27));
    assert_memory_equal(out + 24, "hi\x17", 3);
    sim_free(&s);
}

/* 1.2: content that already ends in its type, or has none. */
static size_t seal_inner(struct weir_dtls *from, struct weir_span inner, uint8_t *out)
{
    size_t head = weir_dtls_record_head(from, from->tx_epoch);
    weir_copy(out + head, inner.p, inner.n);
    uint8_t last = inner.p[inner.n - 1];
    return weir_dtls_record_seal(from, from->tx_epoch, (enum content_type)last, VERSION_1_2, out,
                                 inner.n - 1);
}

static void attack_D30_what_is_inside_a_record_with_an_id_is_judged(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want[2]; /* 1.2, 1.3 */
        const char *inner;
    } row[] = {
        { { WEIR_DTLS_OK, WEIR_DTLS_OK }, "68 69 17" },
        { { WEIR_DTLS_OK, WEIR_DTLS_OK }, "68 69 17 00 00 00 00" }, /* padding */
        { { WEIR_DTLS_OK, WEIR_DTLS_OK }, "17" },
        { { WEIR_DTLS_RECORD_CONTENT, WEIR_DTLS_RECORD_CONTENT }, "00" }, /* the type byte is gone */
        { { WEIR_DTLS_RECORD_CONTENT, WEIR_DTLS_RECORD_CONTENT }, "00 00 00 00" },
        { { WEIR_DTLS_RECORD_CONTENT, WEIR_DTLS_RECORD_CONTENT }, "68 69" }, /* and so is this one's */
        { { WEIR_DTLS_RECORD_CONTENT, WEIR_DTLS_RECORD_CONTENT }, "01 14" },
        { { WEIR_DTLS_RECORD_CONTENT, WEIR_DTLS_RECORD_CONTENT }, "01 19" },
        { { WEIR_DTLS_RECORD_CONTENT, WEIR_DTLS_RECORD_CONTENT }, "16" },
        { { WEIR_DTLS_RECORD_CONTENT, WEIR_DTLS_OK }, "00 00 1a" },
        { { WEIR_DTLS_RECORD_CONTENT, WEIR_DTLS_RECORD_CONTENT }, "02 0000000000000000 1b" }, /* no rrc */
    };
    for (unsigned v = 0; v < 2; v++) {
        struct ids with = { versions[v], 8, 8, WEIR_DTLS_RRC_NONE };
        struct sim s;
        ids_connect(&s, &with, 1220);
        for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
            uint8_t inner[64], record[200];
            size_t n = test_unhex(row[i].inner, inner, sizeof inner);
            n = seal_inner(&s.end[CLIENT].d, weir_span_of(inner, n), record);
            expect(hear_by(&s, SERVER, 0, record, n), row[i].want[v], row[i].inner);
            assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_CONNECTED);
        }
        assert_int_equal(s.end[SERVER].got_count, 2);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* [RFC 9146 4] Plaintext never has an id. */
static void a_record_with_an_id_is_of_epoch_1(void **state)
{
    (void)state;
    struct ids with = { WEIR_DTLS_1_2, 2, 2, WEIR_DTLS_RRC_NONE };
    struct sim s;
    ids_connect(&s, &with, 1230);
    expect(hear_hex(&s, SERVER, "19 fefd 0000 000000000099 5051 0002 6869"), WEIR_DTLS_RECORD_EPOCH,
           "epoch 0");
    expect(hear_hex(&s, SERVER, "19 fefd 0002 000000000099 5051 0002 6869"), WEIR_DTLS_RECORD_EPOCH,
           "epoch 2");
    expect(hear_hex(&s, SERVER, "19 feff 0001 000000000099 5051 0002 6869"), WEIR_DTLS_RECORD_VERSION,
           "1.0");
    sim_free(&s);
}

/* [RFC 9146 5 MUST NOT] With its type the plaintext of 1.2 has 2^14 bytes at most. */
static void the_longest_plaintext_counts_its_type(void **state)
{
    (void)state;
    static uint8_t buf[WEIR_DTLS_PLAIN_MAX + 200];
    for (unsigned v = 0; v < 2; v++) {
        struct ids with = { versions[v], 8, 8, WEIR_DTLS_RRC_NONE };
        struct sim s;
        ids_connect(&s, &with, 1240);
        struct weir_dtls *d = &s.end[CLIENT].d;
        size_t head = weir_dtls_head_bytes(d), most = WEIR_DTLS_PLAIN_MAX - (v == 0 ? 1 : 0);
        struct weir_mspan out = { buf, sizeof buf };
        assert_int_equal(weir_dtls_seal(d, out, head, most + 1), 0);
        size_t n = weir_dtls_seal(d, out, head, most);
        assert_int_equal(n, most + weir_dtls_overhead(d));
        assert_int_equal(hear_by(&s, SERVER, 0, buf, n), WEIR_DTLS_OK);
        assert_int_equal(s.end[SERVER].got_count, 1);
        /* The buffer's end is kept to the byte. */
        assert_int_equal(weir_dtls_seal(d, (struct weir_mspan){ buf, 200 }, head,
                                        200 - weir_dtls_overhead(d) + 1), 0);
        assert_int_equal(weir_dtls_seal(d, (struct weir_mspan){ buf, 200 }, head,
                                        200 - weir_dtls_overhead(d)), 200);
        sim_free(&s);
    }
}

static void no_record_needs_more_than_the_header_file_says(void **state)
{
    (void)state;
    struct ids with = { WEIR_DTLS_1_2, 0, 0, WEIR_DTLS_RRC_NONE };
    struct sim s;
    ids_connect(&s, &with, 1250);
    s.end[CLIENT].d.cid.tx_bytes = WEIR_DTLS_PEER_CID_MAX;
    assert_int_equal(weir_dtls_head_bytes(&s.end[CLIENT].d), WEIR_DTLS_HEAD_MAX);
    assert_int_equal(weir_dtls_overhead(&s.end[CLIENT].d), WEIR_DTLS_OVERHEAD_MAX);
    sim_free(&s);
}

/* A config that is out of range is brought into range, and without has_cid nothing of it counts. */
static void the_config_keeps_its_bounds(void **state)
{
    (void)state;
    struct weir_dtls_config c = sim_config(CLIENT, 1260);
    static struct sim_whole w;
    c.has_cid = true;
    c.cid_bytes = 200;
    sim_alone(&w, &c, 0);
    assert_int_equal(w.d.config.cid_bytes, WEIR_DTLS_CID_MAX);
    c.has_cid = false;
    c.rrc = WEIR_DTLS_RRC_BASIC;
    sim_alone(&w, &c, 0);
    assert_int_equal(w.d.config.cid_bytes, 0);
    assert_int_equal(w.d.config.rrc, WEIR_DTLS_RRC_NONE);
}

/* -- Changes in 1.3 [RFC 9147 9] --------------------------------------------------------------- */

static enum weir_dtls_verdict hear_message(struct sim *s, unsigned to, uint8_t message, const char *hex)
{
    uint8_t body[200], record[300], text[250];
    struct weir_dtls *d = &s->end[to].d;
    struct weir_dtls *from = &s->end[1 - to].d;
    size_t n = test_unhex(hex, body, sizeof body);
    n = message_bytes(text, message, weir_dtls_peer_seq(d), weir_span_of(body, n));
    n = sealed_record(from, CONTENT_HANDSHAKE, weir_span_of(text, n), record);
    return sim_hear(s, to, record, n);
}

static void a_new_id_is_used_at_once_when_the_peer_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        const char *then; /* what is sent with */
    } row[] = {
        { "0004 03 a1a2a3 00", "a1a2a3" },
        { "0006 01 b1 03 a1a2a3 00", "b1" },              /* the first of several */
        { "0003 00 01 b1 00", "b1" },                      /* one of no bytes is no id */
        { "0024 21" BYTES_33 "01 b7 00", "b7" },          /* nor one that we cannot send with */
        { "0021 20" BYTES_32 "00", BYTES_32 },
        { "0004 03 a1a2a3 01", "c0c1c2c3" },               /* spare ones are not kept */
        { "0000 01", "c0c1c2c3" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct ids with = { WEIR_DTLS_1_3, 4, 4, WEIR_DTLS_RRC_NONE };
        struct sim s;
        uint8_t id[64], out[200];
        ids_connect(&s, &with, 1270);
        expect(hear_message(&s, SERVER, MESSAGE_NEW_CONNECTION_ID, row[i].message), WEIR_DTLS_OK,
               row[i].message);
        size_t n = test_unhex(row[i].then, id, sizeof id);
        struct weir_dtls *d = &s.end[SERVER].d;
        assert_int_equal(weir_dtls_head_bytes(d), 5 + n);
        (void)data_record(d, "x", out, sizeof out);
        assert_memory_equal(out + 1, id, n);
        /* It is acknowledged, with the new id already. */
        struct sim_datagram *g = sim_next(&s);
        assert_non_null(g);
        assert_memory_equal(g->bytes + 1, id, n);
        sim_free(&s);
    }
}

/* [RFC 9147 9 MAY] fewer ids than asked for, and none is fewer. */
static void a_request_for_ids_is_answered_with_none(void **state)
{
    (void)state;
    for (unsigned to = 0; to < 2; to++) {
        struct ids with = { WEIR_DTLS_1_3, 4, 4, WEIR_DTLS_RRC_NONE };
        struct sim s;
        ids_connect(&s, &with, 1280);
        struct weir_dtls *peer = &s.end[1 - to].d;
        uint16_t next = weir_dtls_peer_seq(peer);
        uint8_t before[4];
        memcpy(before, peer->cid.tx, 4);
        peer->message_seq++; /* the request is made by hand */
        expect(hear_message(&s, to, MESSAGE_REQUEST_CONNECTION_ID, "03"), WEIR_DTLS_OK, "request");
        sim_run(&s, WEIR_SEC);
        assert_int_equal(weir_dtls_peer_seq(peer), next + 1); /* a whole message came, and was good */
        assert_int_equal(peer->state, WEIR_DTLS_CONNECTED);
        assert_memory_equal(peer->cid.tx, before, 4);
        assert_int_equal(sim_flight_used(&s.end[to].d), 0);
        assert_int_equal(s.end[to].d.give_up_at, WEIR_NEVER);
        sim_check_up(&s);
        sim_free(&s);
    }
}

/* However many are asked for, one answer is on its way at most, and keys can still change. */
static void attack_D26_requests_without_end_cost_one_answer_a_round_trip(void **state)
{
    (void)state;
    struct ids with = { WEIR_DTLS_1_3, 4, 4, WEIR_DTLS_RRC_NONE };
    struct sim s;
    ids_connect(&s, &with, 1290);
    unsigned sent = s.end[SERVER].sent;
    for (unsigned i = 0; i < 50; i++) {
        expect(hear_message(&s, SERVER, MESSAGE_REQUEST_CONNECTION_ID, "ff"), WEIR_DTLS_OK, "request");
    }
    /* 50 ACKs, and one NewConnectionId that the client has not acknowledged. */
    assert_in_range(s.end[SERVER].sent - sent, 1, 51);
    assert_int_equal(s.end[SERVER].d.message_seq, weir_dtls_peer_seq(&s.end[CLIENT].d) + 1);
    sim_run(&s, WEIR_SEC);
    assert_int_equal(weir_dtls_update_keys(&s.end[SERVER].d, true), WEIR_OK);
    sim_drain(&s, SERVER);
    sim_run(&s, WEIR_SEC);
    assert_int_equal(s.end[SERVER].d.tx_epoch, EPOCH_APPLICATION + 1);
    sim_free(&s);
}

static void bad_messages_about_ids_end_the_connection(void **state)
{
    (void)state;
    static const struct {
        enum weir_dtls_verdict want;
        int client, server; /* ids */
        uint8_t message, alert;
        const char *body;
    } row[] = {
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_NEW_CONNECTION_ID, 47, "" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_NEW_CONNECTION_ID, 47, "0002 01 aa" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_NEW_CONNECTION_ID, 47, "0002 01 aa 02" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_NEW_CONNECTION_ID, 47, "0002 01 aa 00 00" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_NEW_CONNECTION_ID, 47, "0002 02 aa 00" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_NEW_CONNECTION_ID, 47, "0000 00" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_NEW_CONNECTION_ID, 47, "0001 00 00" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_NEW_CONNECTION_ID, 47, "0022 21" BYTES_33 "00" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_REQUEST_CONNECTION_ID, 47, "" },
        { WEIR_DTLS_CID_MALFORMED, 4, 4, MESSAGE_REQUEST_CONNECTION_ID, 47, "0101" },
        { WEIR_DTLS_UNEXPECTED, 0, 4, MESSAGE_NEW_CONNECTION_ID, 10, "0002 01 aa 00" },
        { WEIR_DTLS_UNEXPECTED, 4, 0, MESSAGE_REQUEST_CONNECTION_ID, 10, "01" },
        { WEIR_DTLS_UNEXPECTED, -1, 4, MESSAGE_NEW_CONNECTION_ID, 10, "0002 01 aa 00" },
        { WEIR_DTLS_UNEXPECTED, 4, -1, MESSAGE_REQUEST_CONNECTION_ID, 10, "01" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct ids with = { WEIR_DTLS_1_3, row[i].client, row[i].server, WEIR_DTLS_RRC_NONE };
        struct sim s;
        ids_connect(&s, &with, 1300);
        expect(hear_message(&s, SERVER, row[i].message, row[i].body), row[i].want, row[i].body);
        assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_FAILED);
        assert_int_equal(s.end[SERVER].last.alert, row[i].alert);
        sim_run(&s, WEIR_SEC);
        assert_int_equal(s.end[CLIENT].last.alert, row[i].alert);
        sim_free(&s);
    }
}

/* -- Records ahead of the answer --------------------------------------------------------------- */

/* The server's second datagram overtakes its hello: a client that offered an id knows where it ends. */
static void a_record_with_an_id_waits_for_the_hello_that_agrees(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        struct ids with = { WEIR_DTLS_1_3, first == 0 ? 8 : 0, 8, WEIR_DTLS_RRC_NONE };
        struct sim s;
        ids_init(&s, &with, 1310);
        s.end[SERVER].d.config.mtu = 400;
        s.end[CLIENT].d.config.rto = s.end[SERVER].d.config.rto = WEIR_SEC;
        s.late = (uint64_t)1 << 1; /* the datagram with ServerHello */
        assert_true(sim_connect(&s, 5 * WEIR_SEC));
        assert_true(s.end[CLIENT].d.verdicts[WEIR_DTLS_RECORD_EARLY] != 0);
        assert_int_equal(s.end[CLIENT].d.verdicts[WEIR_DTLS_RECORD_CID], 0);
        sim_run(&s, WEIR_SEC);
        sim_check_up(&s);
        sim_free(&s);
    }
}

static void every_rule_of_ids_had_its_row(void **state)
{
    (void)state;
    static const enum weir_dtls_verdict here[] = { WEIR_DTLS_RECORD_CID, WEIR_DTLS_RECORD_NO_CID,
                                                   WEIR_DTLS_HELLO_CID, WEIR_DTLS_CID_MALFORMED,
                                                   WEIR_DTLS_RECORD_CONTENT };
    for (size_t i = 0; i < sizeof here / sizeof here[0]; i++) {
        assert_true(covered[here[i]] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_every_length_are_agreed_and_carried),
        cmocka_unit_test(who_does_not_know_them_is_talked_to_without),
        cmocka_unit_test(path_checks_are_agreed_by_both),
        cmocka_unit_test(a_second_hello_offers_the_same_ids),
        cmocka_unit_test(the_version_makes_no_difference_to_the_agreement),
        cmocka_unit_test(a_handshake_with_ids_survives_its_losses),
        cmocka_unit_test(what_a_client_may_say),
        cmocka_unit_test(what_a_server_may_answer),
        cmocka_unit_test(a_record_without_its_id_is_refused),
        cmocka_unit_test(with_13_one_id_is_enough_for_a_datagram),
        cmocka_unit_test(a_record_with_another_id_is_refused_with_all_behind_it),
        cmocka_unit_test(additional_data_is_what_the_specification_says),
        cmocka_unit_test(attack_D30_what_is_inside_a_record_with_an_id_is_judged),
        cmocka_unit_test(a_record_with_an_id_is_of_epoch_1),
        cmocka_unit_test(the_longest_plaintext_counts_its_type),
        cmocka_unit_test(no_record_needs_more_than_the_header_file_says),
        cmocka_unit_test(the_config_keeps_its_bounds),
        cmocka_unit_test(a_new_id_is_used_at_once_when_the_peer_says_so),
        cmocka_unit_test(a_request_for_ids_is_answered_with_none),
        cmocka_unit_test(attack_D26_requests_without_end_cost_one_answer_a_round_trip),
        cmocka_unit_test(bad_messages_about_ids_end_the_connection),
        cmocka_unit_test(a_record_with_an_id_waits_for_the_hello_that_agrees),
        cmocka_unit_test(every_rule_of_ids_had_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
