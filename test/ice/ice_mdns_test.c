/* Multicast DNS: names of browsers are asked for, and only their answers are believed. */
#include "ice/mdns.h"
#include "test/support/support.h"

#define NAME "0123abcd-4567-89ab-cdef-0123456789ab.local"

static struct weir_mdns asking(weir_time now)
{
    struct weir_mdns m;
    weir_mdns_init(&m);
    assert_int_equal(weir_mdns_ask(&m, now, WEIR_LIT(NAME)), WEIR_OK);
    return m;
}

static void put_labels(struct weir_wr *w, const char *name)
{
    while (*name != '\0') {
        size_t n = strcspn(name, ".");
        weir_wr_u8(w, (uint8_t)n);
        weir_wr_bytes(w, weir_span_of(name, n));
        name += n + (name[n] == '.' ? 1 : 0);
    }
    weir_wr_u8(w, 0);
}

struct reply {
    const char *name;
    uint16_t type, klass, flags;
    uint32_t ttl;
    uint8_t data[16];
    size_t data_bytes;
};

static const struct reply good = { NAME, 1, 0x8001, 0x8400, 120, { 192, 0, 2, 7 }, 4 };

static size_t write_reply(const struct reply *r, uint8_t out[300])
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ out, 300 });
    weir_wr_u16(&w, 0);
    weir_wr_u16(&w, r->flags);
    weir_wr_u16(&w, 0);
    weir_wr_u16(&w, 1);
    weir_wr_u32(&w, 0);
    put_labels(&w, r->name);
    weir_wr_u16(&w, r->type);
    weir_wr_u16(&w, r->klass);
    weir_wr_u32(&w, r->ttl);
    weir_wr_u16(&w, (uint16_t)r->data_bytes);
    weir_wr_bytes(&w, weir_span_of(r->data, r->data_bytes));
    return weir_wr_done(&w);
}

static enum weir_mdns_verdict receive(struct weir_mdns *m, struct weir_span packet)
{
    struct weir_addr from = weir_addr_v4(192, 0, 2, 7, 5353);
    uint8_t *exact = malloc(packet.n + 1);
    weir_copy(exact, packet.p, packet.n);
    enum weir_mdns_verdict v = weir_mdns_recv(m, &from, weir_span_of(exact, packet.n));
    free(exact);
    return v;
}

static enum weir_mdns_verdict reply(struct weir_mdns *m, const struct reply *r)
{
    uint8_t out[300];
    return receive(m, weir_span_of(out, write_reply(r, out)));
}

static void a_name_is_asked_for_three_times_and_given_up(void **state)
{
    (void)state;
    struct weir_mdns m = asking(5 * WEIR_SEC);
    struct weir_mdns_event e;
    static const weir_time asked[] = { 5, 6, 8 };
    uint8_t out[200];
    for (unsigned i = 0; i < 3; i++) {
        assert_true(weir_mdns_deadline(&m) == asked[i] * WEIR_SEC);
        weir_mdns_tick(&m, asked[i] * WEIR_SEC);
        assert_int_equal(weir_mdns_send(&m, (struct weir_mspan){ out, 10 }), 0); /* kept */
        size_t n = weir_mdns_send(&m, (struct weir_mspan){ out, sizeof out });
        assert_true(n > 12 && out[5] == 2 && n < 140); /* two questions: A and AAAA */
        assert_int_equal(weir_mdns_send(&m, (struct weir_mspan){ out, sizeof out }), 0);
        assert_false(weir_mdns_event(&m, &e));
    }
    weir_mdns_tick(&m, 12 * WEIR_SEC);
    assert_true(weir_mdns_event(&m, &e));
    assert_false(e.is_resolved);
    assert_true(weir_span_eq(weir_span_of(e.name, e.name_bytes), WEIR_LIT(NAME)));
    assert_true(weir_mdns_deadline(&m) == WEIR_NEVER);
}

static void the_first_answer_settles_a_name(void **state)
{
    (void)state;
    struct weir_mdns m = asking(0);
    struct weir_mdns_event e;
    struct weir_addr want = weir_addr_v4(192, 0, 2, 7, 0);
    assert_int_equal(reply(&m, &good), WEIR_MDNS_OK);
    assert_true(weir_mdns_event(&m, &e));
    assert_true(e.is_resolved && weir_addr_eq(&e.addr, &want));
    assert_int_equal(reply(&m, &good), WEIR_MDNS_NOTHING);
    assert_false(weir_mdns_event(&m, &e));
    m = asking(0);
    struct reply six = good;
    six.type = 28;
    six.data_bytes = 16;
    six.data[0] = 0xfd;
    assert_int_equal(reply(&m, &six), WEIR_MDNS_OK);
    assert_true(weir_mdns_event(&m, &e) && e.addr.family == WEIR_IPV6);
    m = asking(0);
    six = good;
    six.name = "0123ABCD-4567-89AB-CDEF-0123456789AB.LOCAL"; /* [RFC 6762 16] case does not count */
    assert_int_equal(reply(&m, &six), WEIR_MDNS_OK);
}

static void questions_go_to_the_groups_of_the_rfc(void **state)
{
    (void)state;
    char text[WEIR_ADDR_TEXT_BYTES];
    struct weir_addr four = weir_mdns_group(WEIR_IPV4), six = weir_mdns_group(WEIR_IPV6);
    assert_string_equal(weir_addr_text(&four, text), "224.0.0.251:5353");
    assert_string_equal(weir_addr_text(&six, text), "[ff02::fb]:5353");
}

static void attack_S22_only_names_of_browsers_are_asked_for(void **state)
{
    (void)state;
    static const char *const name[] = {
        "", ".local", "printer.local", "0123abcd-4567-89ab-cdef-0123456789ab", "a.b.local",
        "0123abcd-4567-89ab-cdef-0123456789ag.local", "0123abcd-4567-89ab-cdef-0123456789ab.locaL.",
        "0123abcd.4567-89ab-cdef-0123456789ab.local", "0123abcd-4567-89ab-cdef-0123456789abc.local",
    };
    struct weir_mdns m;
    weir_mdns_init(&m);
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        if (weir_mdns_ask(&m, 0, weir_span_of(name[i], strlen(name[i]))) != WEIR_ERR_ARG) {
            fail_msg("\"%s\" is asked for", name[i]);
        }
    }
    assert_true(weir_mdns_deadline(&m) == WEIR_NEVER);
}

static void attack_S22_what_does_not_answer_the_question_is_dropped(void **state)
{
    (void)state;
    struct { const char *why; struct reply r; enum weir_mdns_verdict want; } row[] = {
        { "another name", good, WEIR_MDNS_NOTHING }, { "TTL 0", good, WEIR_MDNS_NOTHING },
        { "a question", good, WEIR_MDNS_QUESTION }, { "a text record", good, WEIR_MDNS_NOTHING },
        { "another class", good, WEIR_MDNS_NOTHING }, { "three bytes", good, WEIR_MDNS_NOTHING },
        { "a group", good, WEIR_MDNS_NOTHING }, { "no address", good, WEIR_MDNS_NOTHING },
    };
    row[0].r.name = "1123abcd-4567-89ab-cdef-0123456789ab.local";
    row[1].r.ttl = 0;
    row[2].r.flags = 0;
    row[3].r.type = 16;
    row[4].r.klass = 3;
    row[5].r.data_bytes = 3;
    row[6].r.data[0] = 224;
    memset(row[7].r.data, 0, 4);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_mdns m = asking(0);
        struct weir_mdns_event e;
        if (reply(&m, &row[i].r) != row[i].want || weir_mdns_event(&m, &e)) {
            fail_msg("%s is believed", row[i].why);
        }
    }
    struct weir_mdns m = asking(0);
    struct weir_addr from = weir_addr_v4(192, 0, 2, 7, 5354); /* [RFC 6762 6 MUST] port 5353 */
    uint8_t out[300];
    size_t n = write_reply(&good, out);
    assert_int_equal(weir_mdns_recv(&m, &from, weir_span_of(out, n)), WEIR_MDNS_LINK);
}

static void attack_S22_every_cut_and_flip_of_an_answer_is_survived(void **state)
{
    (void)state;
    uint8_t out[300];
    size_t n = write_reply(&good, out);
    for (size_t cut = 0; cut < n; cut++) {
        struct weir_mdns m = asking(0);
        assert_int_equal(receive(&m, weir_span_of(out, cut)), WEIR_MDNS_SHORT);
    }
    for (size_t bit = 0; bit < n * 8; bit++) {
        struct weir_mdns m = asking(0);
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(receive(&m, weir_span_of(out, n)) < WEIR_MDNS_VERDICTS);
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* A response whose name is given as raw bytes at offset 12. */
static enum weir_mdns_verdict raw_name(const char *hex)
{
    static const uint8_t head[12] = { 0, 0, 0x84, 0, 0, 0, 0, 1 };
    static uint8_t packet[20000];
    struct weir_mdns m = asking(0);
    memcpy(packet, head, 12);
    return receive(&m, weir_span_of(packet, 12 + test_unhex(hex, packet + 12, sizeof packet - 12)));
}

static void attack_S22_pointers_in_circles_end(void **state)
{
    (void)state;
    assert_int_equal(raw_name("c00c"), WEIR_MDNS_NAME);           /* to itself */
    assert_int_equal(raw_name("c00ec00c"), WEIR_MDNS_NAME);       /* forwards */
    assert_int_equal(raw_name("0161c00c"), WEIR_MDNS_NAME);       /* to its own beginning */
    assert_int_equal(raw_name("ffff"), WEIR_MDNS_NAME);           /* past the end */
    assert_int_equal(raw_name("c0"), WEIR_MDNS_SHORT);
    assert_int_equal(raw_name("40"), WEIR_MDNS_NAME);             /* a length of another kind */
    assert_int_equal(raw_name("3f61"), WEIR_MDNS_SHORT);
}

static void attack_S22_a_name_of_ten_thousand_bytes_is_not_followed(void **state)
{
    (void)state;
    static uint8_t packet[12 + 10240] = { 0, 0, 0x84, 0, 0, 0, 0, 1 };
    struct weir_mdns m = asking(0);
    for (size_t at = 12; at + 64 <= sizeof packet; at += 64) {
        packet[at] = 63;
    }
    assert_int_equal(receive(&m, weir_span_of(packet, sizeof packet)), WEIR_MDNS_NAME);
}

static void a_compressed_answer_behind_others_is_found(void **state)
{
    (void)state;
    uint8_t out[300];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ out, sizeof out });
    struct weir_mdns m = asking(0);
    struct weir_mdns_event e;
    weir_wr_u32(&w, 0x8400);
    weir_wr_u16(&w, 1); /* the question is repeated, as legacy answers do [RFC 6762 6.7] */
    weir_wr_u16(&w, 2);
    weir_wr_u32(&w, 0);
    put_labels(&w, NAME);
    weir_wr_u32(&w, 1 << 16 | 1);
    for (int i = 0; i < 2; i++) { /* a text record, then the address */
        weir_wr_u16(&w, 0xc00c);
        weir_wr_u16(&w, i == 0 ? 16 : 1);
        weir_wr_u16(&w, 0x8001);
        weir_wr_u32(&w, 120);
        weir_wr_u16(&w, 4);
        weir_wr_u32(&w, 0x0a000001);
    }
    assert_int_equal(receive(&m, weir_span_of(out, weir_wr_done(&w))), WEIR_MDNS_OK);
    assert_true(weir_mdns_event(&m, &e) && e.addr.ip[0] == 10);
}

static void attack_S22_more_names_than_room_and_a_flood_of_answers_are_bounded(void **state)
{
    (void)state;
    struct weir_mdns m;
    char name[] = NAME;
    weir_mdns_init(&m);
    for (unsigned i = 0; i < WEIR_MDNS_QUERIES_MAX + 2; i++) {
        name[0] = (char)('0' + i % 10);
        name[1] = (char)('0' + i / 10);
        assert_int_equal(weir_mdns_ask(&m, 0, weir_span_of(name, sizeof name - 1)),
                         i < WEIR_MDNS_QUERIES_MAX ? WEIR_OK : WEIR_ERR_FULL);
    }
    name[0] = name[1] = '0'; /* asked before: no second question */
    assert_int_equal(weir_mdns_ask(&m, 0, weir_span_of(name, sizeof name - 1)), WEIR_OK);
    for (unsigned round = 0; round < 1000; round++) {
        struct reply r = good;
        r.name = name;
        name[0] = (char)('0' + round % 10);
        (void)reply(&m, &r);
        (void)!weir_mdns_ask(&m, 0, weir_span_of(name, sizeof name - 1));
        assert_true(m.event_head - m.event_tail <= WEIR_MDNS_QUERIES_MAX);
    }
}

static void every_verdict_of_the_parser_has_a_file_that_yields_it(void **state)
{
    (void)state;
    static const enum weir_mdns_verdict verdict[] = { WEIR_MDNS_SHORT, WEIR_MDNS_QUESTION,
                                                      WEIR_MDNS_NAME, WEIR_MDNS_NOTHING };
    for (size_t i = 0; i < sizeof verdict / sizeof verdict[0]; i++) {
        struct weir_mdns m = asking(0);
        char path[100];
        snprintf(path, sizeof path, "fuzz/corpus/ice_mdns/reject/%s.bin",
                 weir_mdns_verdict_name(verdict[i]));
        struct weir_mspan bytes = test_read_file(path);
        assert_int_equal(receive(&m, weir_span_const(bytes)), verdict[i]);
        assert_int_equal(m.verdicts[verdict[i]], 1);
        free(bytes.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_asked_for_three_times_and_given_up),
        cmocka_unit_test(the_first_answer_settles_a_name),
        cmocka_unit_test(questions_go_to_the_groups_of_the_rfc),
        cmocka_unit_test(attack_S22_only_names_of_browsers_are_asked_for),
        cmocka_unit_test(attack_S22_what_does_not_answer_the_question_is_dropped),
        cmocka_unit_test(attack_S22_every_cut_and_flip_of_an_answer_is_survived),
        cmocka_unit_test(attack_S22_pointers_in_circles_end),
        cmocka_unit_test(attack_S22_a_name_of_ten_thousand_bytes_is_not_followed),
        cmocka_unit_test(a_compressed_answer_behind_others_is_found),
        cmocka_unit_test(attack_S22_more_names_than_room_and_a_flood_of_answers_are_bounded),
        cmocka_unit_test(every_verdict_of_the_parser_has_a_file_that_yields_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
