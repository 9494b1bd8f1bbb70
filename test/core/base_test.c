/* The floor: reader, writer, time, addresses, random bytes, pool, trace. */
#include "core/addr.h"
#include "core/budget.h"
#include "core/pool.h"
#include "core/rand.h"
#include "core/trace.h"
#include "test/support/support.h"

/* -- Reader ------------------------------------------------------------------------------------ */

static void a_failed_read_moves_nothing_and_writes_nothing(void **state)
{
    (void)state;
    const uint8_t bytes[7] = { 1, 2, 3, 4, 5, 6, 7 };
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct weir_rd r = { bytes, n };
        const struct weir_rd before = r;
        uint8_t u8 = 0xee;
        uint16_t u16 = 0xeeee;
        uint32_t u24 = 0xeeee, u32 = 0xeeee;
        uint64_t u48 = 0xeeee, u64 = 0xeeee;
        struct weir_span s = { NULL, 99 };
#define CHECK(call, width, cell, same)                                                             \
    do {                                                                                           \
        r = before;                                                                                \
        bool is_read = (call);                                                                     \
        assert_int_equal(is_read, n >= (width));                                                   \
        assert_int_equal(r.n, is_read ? n - (width) : n);                                          \
        assert_true(is_read || (r.p == before.p && (cell) == (same)));                             \
    } while (0)
        CHECK(weir_rd_u8(&r, &u8), 1, u8, 0xee);
        CHECK(weir_rd_u16(&r, &u16), 2, u16, 0xeeee);
        CHECK(weir_rd_u24(&r, &u24), 3, u24, 0xeeee);
        CHECK(weir_rd_u32(&r, &u32), 4, u32, 0xeeee);
        CHECK(weir_rd_u48(&r, &u48), 6, u48, 0xeeee);
        CHECK(weir_rd_u64(&r, &u64), 8, u64, 0xeeee);
        CHECK(weir_rd_take(&r, 5, &s), 5, s.n, 99);
#undef CHECK
    }
}

static void a_child_never_outgrows_its_parent(void **state)
{
    (void)state;
    for (unsigned claimed = 0; claimed < 256; claimed++) {
        uint8_t bytes[16] = { (uint8_t)claimed };
        struct weir_rd r = { bytes, sizeof bytes }, child = { NULL, 77 };
        bool is_read = weir_rd_sub8(&r, &child);
        assert_int_equal(is_read, claimed <= 15);
        assert_int_equal(child.n, is_read ? claimed : 77);
        assert_int_equal(r.n, is_read ? 15 - claimed : 16);
    }
    assert_true(weir_span_eq(WEIR_LIT("ab"), WEIR_LIT("ab")));
    assert_false(weir_span_eq(WEIR_LIT("ab"), WEIR_LIT("abc"))); /* nor is a part the whole */
    assert_false(weir_span_eq(WEIR_LIT("abc"), WEIR_LIT("ab")));
    const uint8_t over16[] = { 0xff, 0xff, 1 }, over24[] = { 0, 0, 2, 1 };
    struct weir_rd r = { over16, 3 }, child;
    assert_false(weir_rd_sub16(&r, &child));
    assert_int_equal(r.n, 3);
    r = (struct weir_rd){ over24, 4 };
    assert_false(weir_rd_sub24(&r, &child));
    assert_int_equal(r.n, 4);
}

static void padding_is_consumed_or_fails(void **state)
{
    (void)state;
    const uint8_t bytes[4] = { 0 };
    for (size_t len = 0; len < 9; len++) {
        size_t want = (4 - len % 4) % 4;
        for (size_t have = 0; have <= 4; have++) {
            struct weir_rd r = { bytes, have };
            assert_int_equal(weir_rd_pad4(&r, len), have >= want);
        }
    }
}

/* -- Writer ------------------------------------------------------------------------------------ */

static void overflow_is_sticky_and_nothing_is_written_past_the_end(void **state)
{
    (void)state;
    uint8_t room[8];
    memset(room, 0xee, sizeof room);
    struct weir_wr w = { room, 0, 5, false };
    weir_wr_u32(&w, 0x01020304);
    weir_wr_u16(&w, 0x0506); /* does not fit */
    weir_wr_u8(&w, 7);       /* would fit, and is refused too */
    assert_int_equal(weir_wr_done(&w), 0);
    assert_int_equal(room[4], 0xee);
    assert_int_equal(room[5], 0xee);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    uint8_t room[64];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    struct weir_mark outer = weir_wr_open(&w, 2);
    weir_wr_u8(&w, 0x12);
    struct weir_mark inner = weir_wr_open(&w, 1);
    weir_wr_u24(&w, 0x123456);
    weir_wr_u48(&w, 0x123456789abc);
    weir_wr_close(&w, inner);
    weir_wr_u64(&w, 0x0123456789abcdef);
    weir_wr_close(&w, outer);
    struct weir_rd r = weir_rd_of(weir_span_of(room, weir_wr_done(&w))), a, b;
    uint8_t u8;
    uint32_t u24;
    uint64_t u48, u64;
    assert_true(weir_rd_sub16(&r, &a) && r.n == 0);
    assert_true(weir_rd_u8(&a, &u8) && u8 == 0x12);
    assert_true(weir_rd_sub8(&a, &b) && b.n == 9);
    assert_true(weir_rd_u24(&b, &u24) && u24 == 0x123456);
    assert_true(weir_rd_u48(&b, &u48) && u48 == 0x123456789abc);
    assert_true(weir_rd_u64(&a, &u64) && u64 == 0x0123456789abcdef && a.n == 0);
}

static void a_length_that_does_not_fit_its_field_is_an_overflow(void **state)
{
    (void)state;
    uint8_t room[300];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    struct weir_mark m = weir_wr_open(&w, 1);
    weir_wr_zero(&w, 256);
    weir_wr_close(&w, m);
    assert_int_equal(weir_wr_done(&w), 0);
}

static void numbers_are_written_in_decimal_and_hexadecimal(void **state)
{
    (void)state;
    uint8_t room[64];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    weir_wr_dec(&w, 0);
    weir_wr_str(&w, " ");
    weir_wr_dec(&w, UINT64_MAX);
    weir_wr_str(&w, " ");
    weir_wr_hex(&w, weir_span_of("\x00\xaf\x10", 3));
    assert_true(weir_span_eq(weir_span_of(room, w.len), WEIR_LIT("0 18446744073709551615 00af10")));
}

/* -- Time -------------------------------------------------------------------------------------- */

static void attack_C24_time_saturates(void **state)
{
    (void)state;
    assert_true(weir_time_add(5, 7) == 12);
    assert_true(weir_time_add(WEIR_NEVER - 1, 5) == WEIR_NEVER);
    assert_true(weir_time_add(WEIR_NEVER, 0) == WEIR_NEVER);
    assert_true(weir_time_since(5, 9) == 0);
    assert_true(weir_time_since(9, 5) == 4);
}

/* So many at once, and one more each time; what was not used does not add up beyond that. */
static void a_budget_gives_its_burst_and_then_one_each(void **state)
{
    (void)state;
    struct weir_budget b = weir_budget_of(3, WEIR_SEC), none = weir_budget_of(0, WEIR_SEC);
    assert_false(weir_budget_has(&none, 100 * WEIR_SEC));
    for (weir_time now = 100 * WEIR_SEC; now <= 200 * WEIR_SEC; now += 100 * WEIR_SEC) {
        for (unsigned i = 0; i < 3; i++) {
            assert_true(weir_budget_has(&b, now));
            weir_budget_spend(&b, now);
        }
        assert_false(weir_budget_has(&b, now));
        weir_budget_spend(&b, now); /* nothing is there to be spent: it costs nothing */
        assert_false(weir_budget_has(&b, now + WEIR_SEC - 1));
        assert_true(weir_budget_has(&b, now + WEIR_SEC));
    }
}

/* -- Addresses --------------------------------------------------------------------------------- */

static void addresses_read_and_write_in_canonical_form(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* out NULL: not an address */
    } row[] = {
        { "127.0.0.1", "127.0.0.1:0" },
        { "127.0.0.1:80", "127.0.0.1:80" },
        { "255.255.255.255:65535", "255.255.255.255:65535" },
        { "::", "[::]:0" },
        { "::1", "[::1]:0" },
        { "[::1]:5", "[::1]:5" },
        { "1::", "[1::]:0" },
        { "2001:db8::1:0:0:1", "[2001:db8::1:0:0:1]:0" },
        { "2001:DB8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]:0" },
        { "1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:0" },
        { "1:0:3:4:5:6:7:8", "[1:0:3:4:5:6:7:8]:0" },
        { "::ffff:1.2.3.4", "1.2.3.4:0" },
        { "64:ff9b::1.2.3.4", "[64:ff9b::102:304]:0" },
        { "[fd77::1]:65535", "[fd77::1]:65535" },
        { "", NULL },
        { "1.2.3", NULL },
        { "1.2.3.4.5", NULL },
        { "1.2.3.256", NULL },
        { "01.2.3.4", NULL },
        { "1.2.3.4:", NULL },
        { "1.2.3.4:65536", NULL },
        { "1.2.3.4:5x", NULL },
        { "1:2:3:4:5:6:7:8:9", NULL },
        { "1:2:3:4:5:6:7", NULL },
        { "1::2::3", NULL },
        { "1:2:3:4::5:6:7:8", NULL }, /* a gap stands for a group at least */
        { "1:2:3::5:6:7:8", "[1:2:3:0:5:6:7:8]:0" },
        { ":1", NULL },
        { "12345::", NULL },
        { "[::1", NULL },
        { "[::1]5", NULL },
        { "g::1", NULL },
        { "example.org", NULL },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_addr a;
        char text[WEIR_ADDR_TEXT_BYTES];
        bool is_read = weir_addr_parse(weir_span_of(row[i].in, strlen(row[i].in)), &a);
        if (is_read != (row[i].out != NULL)) {
            fail_msg("\"%s\" %s", row[i].in, is_read ? "was accepted" : "was refused");
        }
        if (is_read) {
            assert_string_equal(weir_addr_text(&a, text), row[i].out);
        }
    }
}

static void kinds_of_addresses_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool any, loopback, link_local, multicast, private;
    } row[] = {
        { "0.0.0.0", true, false, false, false, false },
        { "::", true, false, false, false, false },
        { "127.8.8.8", false, true, false, false, false },
        { "::1", false, true, false, false, false },
        { "169.254.3.4", false, false, true, false, false },
        { "fe80::1", false, false, true, false, false },
        { "224.0.0.251", false, false, false, true, false },
        { "ff02::fb", false, false, false, true, false },
        { "10.0.0.1", false, false, false, false, true },
        { "172.31.0.1", false, false, false, false, true },
        { "172.32.0.1", false, false, false, false, false },
        { "192.168.9.9", false, false, false, false, true },
        { "fd00::1", false, false, false, false, true },
        { "198.51.100.1", false, false, false, false, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_addr a;
        assert_true(weir_addr_parse_ip(weir_span_of(row[i].text, strlen(row[i].text)), &a));
        assert_int_equal(weir_addr_is_any(&a), row[i].any);
        assert_int_equal(weir_addr_is_loopback(&a), row[i].loopback);
        assert_int_equal(weir_addr_is_link_local(&a), row[i].link_local);
        assert_int_equal(weir_addr_is_multicast(&a), row[i].multicast);
        assert_int_equal(weir_addr_is_private(&a), row[i].private);
    }
}

static struct weir_addr ip(const char *text)
{
    struct weir_addr a;
    assert_true(weir_addr_parse_ip(weir_span_of(text, strlen(text)), &a));
    return a;
}

static void what_is_set_aside_is_known_to_its_edges(void **state)
{
    (void)state;
    static const char *const reserved[] = { "240.0.0.0", "255.255.255.255", "100::1", "::2", "::127.0.0.1" };
    static const char *const others[] = { "239.255.255.255", "::1", "100:0:0:1::1", "64:ff9b::1.2.3.4",
                                          "::1:0:0" };
    for (size_t i = 0; i < 5; i++) {
        struct weir_addr a = ip(reserved[i]), b = ip(others[i]);
        assert_true(weir_addr_is_reserved(&a));
        assert_false(weir_addr_is_reserved(&b));
    }
}

/* Addresses of IPv6 that stand for one of IPv4, by translation [RFC 6052] and 6to4 [RFC 3056]. */
static void an_address_inside_an_address_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *outer, *inner; /* NULL: there is none */
    } row[] = { { "64:ff9b::192.0.2.1", "192.0.2.1" }, { "2002:c000:201::1", "192.0.2.1" },
                { "64:ff9b:1::192.0.2.1", NULL },      { "2001:db8::1", NULL },
                { "192.0.2.1", NULL } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_addr a = ip(row[i].outer), inner;
        assert_int_equal(weir_addr_embedded_v4(&a, &inner), row[i].inner != NULL);
        if (row[i].inner != NULL) {
            struct weir_addr want = ip(row[i].inner);
            assert_true(weir_addr_same_ip(&inner, &want));
        }
    }
}

/* [RFC 4007 6] fe80::1 of one link is not fe80::1 of another. */
static void an_address_of_another_link_is_another(void **state)
{
    (void)state;
    struct weir_addr a = ip("fe80::1"), b = a;
    a.port = 1;
    assert_true(weir_addr_same_ip(&a, &b));
    b.scope = 2;
    assert_false(weir_addr_same_ip(&a, &b));
}

/* -- Random bytes ------------------------------------------------------------------------------ */

/* The first block of ChaCha20 with a key of zeros and counter 0, from RFC 8439 A.1 test vector 1,
 * whose second half is the first thing given out. */
static void random_bytes_are_chacha20(void **state)
{
    (void)state;
    struct weir_rand r;
    uint8_t seed[WEIR_SEED_BYTES] = { 0 }, got[32], block[64];
    test_unhex("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
               "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586", block, 64);
    weir_rand_init(&r, seed);
    weir_rand_bytes(&r, got, 32);
    for (unsigned i = 0; i < 8; i++) { /* ours gives words big-endian, the RFC little-endian */
        assert_int_equal(got[4 * i], block[32 + 4 * i + 3]);
        assert_int_equal(got[4 * i + 3], block[32 + 4 * i]);
    }
}

static void the_same_seed_gives_the_same_bytes_however_they_are_asked_for(void **state)
{
    (void)state;
    struct weir_rand a, b;
    uint8_t x[500], y[500];
    weir_rand_init_number(&a, 42);
    weir_rand_init_number(&b, 42);
    weir_rand_bytes(&a, x, sizeof x);
    for (size_t at = 0, n = 1; at < sizeof y; at += n, n = n % 41 + 1) {
        n = n < sizeof y - at ? n : sizeof y - at;
        weir_rand_bytes(&b, y + at, n);
    }
    assert_memory_equal(x, y, sizeof x);
    weir_rand_init_number(&b, 43);
    weir_rand_bytes(&b, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
}

static void numbers_stay_below_their_bound_and_reach_all_of_it(void **state)
{
    (void)state;
    struct weir_rand r;
    unsigned seen = 0;
    weir_rand_init_number(&r, 1);
    for (int i = 0; i < 1000; i++) {
        uint32_t v = weir_rand_below(&r, 7);
        assert_true(v < 7);
        seen |= 1u << v;
    }
    assert_int_equal(seen, 0x7f);
    assert_int_equal(weir_rand_below(&r, 1), 0);
}

/* 2^32 is no multiple of most bounds: of three quarters of it the lowest third would come twice as often as
 * another. */
static void no_number_is_likelier_than_another(void **state)
{
    (void)state;
    struct weir_rand r;
    unsigned low = 0;
    weir_rand_init_number(&r, 1);
    for (int i = 0; i < 3000; i++) {
        low += weir_rand_below(&r, 0xc0000000) < 0x40000000 ? 1 : 0;
    }
    assert_in_range(low, 900, 1100);
}

/* Who looks into the memory later learns nothing of what was given before. */
static void what_was_given_out_is_forgotten(void **state)
{
    (void)state;
    struct weir_rand r;
    uint8_t given[20];
    const uint8_t zero[20] = { 0 };
    weir_rand_init_number(&r, 5);
    weir_rand_bytes(&r, given, sizeof given);
    assert_memory_not_equal(given, zero, sizeof zero);
    for (size_t i = 0; i + sizeof given <= sizeof r.pool; i++) {
        assert_memory_not_equal(r.pool + i, given, sizeof given);
    }
}

/* -- Pool and trace ---------------------------------------------------------------------------- */

static void an_empty_pool_counts_misses_and_recovers(void **state)
{
    (void)state;
    static struct weir_buf bufs[4];
    struct weir_pool p;
    uint32_t held[4];
    weir_pool_init(&p, bufs, 4);
    for (unsigned i = 0; i < 4; i++) {
        held[i] = weir_pool_get(&p);
        assert_true(held[i] < 4);
        weir_pool_at(&p, held[i])->meta[0] = 9;
    }
    assert_int_equal(weir_pool_get(&p), WEIR_NO_BUF);
    assert_int_equal(p.misses, 1);
    assert_int_equal(p.free_least, 0);
    for (unsigned i = 0; i < 4; i++) {
        weir_pool_at(&p, held[i])->next = i < 3 ? held[i + 1] : WEIR_NO_BUF;
    }
    weir_pool_put_list(&p, held[0]);
    assert_int_equal(p.free_count, 4);
    uint32_t again = weir_pool_get(&p);
    assert_int_equal(weir_pool_at(&p, again)->meta[0], 0); /* handed out clean */
    assert_int_equal(weir_pool_at(&p, again)->start, WEIR_BUF_HEADROOM);
    assert_int_equal(weir_pool_at(&p, again)->next, WEIR_NO_BUF); /* and alone */
}

static void the_trace_ring_keeps_the_last_records(void **state)
{
    (void)state;
    struct weir_trace_rec ring[8];
    struct weir_trace t;
    weir_trace_init(&t, ring, 8);
    for (uint32_t i = 0; i < 20; i++) {
        weir_trace(&t, i, WEIR_TRACE_ICE, WEIR_TRACE_NOTE, 1, i, 0, 0);
    }
    assert_int_equal(t.written, 20);
    for (uint32_t i = 12; i < 20; i++) {
        assert_int_equal(ring[i & 7].a, i);
    }
    weir_trace(NULL, 0, WEIR_TRACE_ICE, WEIR_TRACE_NOTE, 1, 0, 0, 0); /* off costs nothing */
}

static void secrets_compare_by_value_and_wipe_to_zero(void **state)
{
    (void)state;
    uint8_t a[33], b[33];
    memset(a, 7, sizeof a);
    memset(b, 7, sizeof b);
    assert_true(weir_equal_secret(a, b, sizeof a));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] ^= 0x10;
        assert_false(weir_equal_secret(a, b, sizeof a));
        b[i] ^= 0x10;
    }
    assert_true(weir_equal_secret(a, b, 0));
    weir_wipe(a, sizeof a);
    for (size_t i = 0; i < sizeof a; i++) {
        assert_int_equal(a[i], 0);
    }
}

/* What one of two generators gives says nothing of the other. */
static void a_forked_or_stirred_generator_goes_its_own_way(void **state)
{
    (void)state;
    struct weir_rand parent, child, twin;
    uint8_t x[64], y[64], seed[WEIR_SEED_BYTES] = { 1 };
    weir_rand_init_number(&parent, 9);
    struct weir_rand before = parent;
    weir_rand_fork(&parent, &child);
    assert_memory_not_equal(child.key, before.key, sizeof child.key);
    assert_memory_not_equal(child.key, parent.key, sizeof child.key);
    weir_rand_bytes(&child, x, sizeof x);
    weir_rand_bytes(&parent, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
    /* Each child has a seed of its own, and another parent other children. */
    struct weir_rand twins[2], stranger;
    weir_rand_fork(&parent, &twins[0]);
    weir_rand_fork(&parent, &twins[1]);
    assert_memory_not_equal(twins[0].key, twins[1].key, sizeof twins[0].key);
    weir_rand_init_number(&stranger, 10);
    weir_rand_fork(&stranger, &twins[1]);
    assert_memory_not_equal(twins[0].key, twins[1].key, sizeof twins[0].key);
    weir_rand_init_number(&stranger, 10);
    /* A process that forked: the same state twice, until one of them is stirred. */
    (void)weir_rand_u32(&parent);
    twin = parent;
    weir_rand_stir(&twin, seed);
    assert_int_equal(twin.left, 0); /* nor is what was ready given out twice */
    for (unsigned i = 0; i < 8; i++) { /* the key is made of the mixture, and is not the mixture */
        assert_true(twin.key[i] != (parent.key[i] ^ weir_be32(seed + 4 * i)));
    }
    weir_rand_stir(&stranger, seed); /* what was there before counts, too */
    assert_memory_not_equal(stranger.key, twin.key, sizeof twin.key);
    assert_memory_not_equal(twin.key, parent.key, sizeof twin.key);
    weir_rand_bytes(&twin, x, sizeof x);
    weir_rand_bytes(&parent, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
    for (size_t i = 0; i + 8 <= sizeof y; i++) {
        assert_memory_not_equal(x, y + i, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forked_or_stirred_generator_goes_its_own_way),
        cmocka_unit_test(a_failed_read_moves_nothing_and_writes_nothing),
        cmocka_unit_test(a_child_never_outgrows_its_parent),
        cmocka_unit_test(padding_is_consumed_or_fails),
        cmocka_unit_test(overflow_is_sticky_and_nothing_is_written_past_the_end),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_length_that_does_not_fit_its_field_is_an_overflow),
        cmocka_unit_test(numbers_are_written_in_decimal_and_hexadecimal),
        cmocka_unit_test(attack_C24_time_saturates),
        cmocka_unit_test(a_budget_gives_its_burst_and_then_one_each),
        cmocka_unit_test(addresses_read_and_write_in_canonical_form),
        cmocka_unit_test(kinds_of_addresses_are_told_apart),
        cmocka_unit_test(what_is_set_aside_is_known_to_its_edges),
        cmocka_unit_test(an_address_inside_an_address_is_found),
        cmocka_unit_test(an_address_of_another_link_is_another),
        cmocka_unit_test(no_number_is_likelier_than_another),
        cmocka_unit_test(what_was_given_out_is_forgotten),
        cmocka_unit_test(random_bytes_are_chacha20),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_however_they_are_asked_for),
        cmocka_unit_test(numbers_stay_below_their_bound_and_reach_all_of_it),
        cmocka_unit_test(an_empty_pool_counts_misses_and_recovers),
        cmocka_unit_test(the_trace_ring_keeps_the_last_records),
        cmocka_unit_test(secrets_compare_by_value_and_wipe_to_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
