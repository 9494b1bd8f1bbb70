/* RTP to its section [RFC 9143 9.2], and candidates whose address is a name. */
#include "peer/peer_int.h"
#include "test/support/support.h"

static struct weir_peer *peer;
static struct weir_pool pool;

static int open_peer(void **state)
{
    static struct weir_identity identity;
    static struct weir_peer_scratch scratch;
    static struct weir_ice_room room;
    weir_ice_room_init(&room);
    struct weir_peer_config c = { .crypto = weir_crypto_default(), .identity = &identity, .seed = { 1 },
                                  .scratch = &scratch, .ice_pages = &room.pages,
                                  .ice_setups = &room.setups };
    (void)state;
    peer = malloc(sizeof *peer);
    weir_pool_init(&pool, aligned_alloc(64, weir_pool_bytes(64)), 64);
    weir_peer_init(peer, &c, &pool, WEIR_SEC);
    return 0;
}

static int close_peer(void **state)
{
    (void)state;
    weir_peer_deinit(peer);
    free(peer);
    free(pool.bufs);
    return 0;
}

/* -- RTP --------------------------------------------------------------------------------------- */

static struct weir_media *section(unsigned at, const char *mid, uint8_t payload_type)
{
    assert_true(weir_peer_reserve_media(peer, at + 1));
    struct weir_media *m = weir_peer_new_media(peer, at, WEIR_SDP_VIDEO);
    m->is_accepted = true;
    m->direction = WEIR_SDP_SENDRECV;
    m->mid_bytes = (uint8_t)strlen(mid);
    memcpy(m->mid, mid, m->mid_bytes);
    m->mid_ext = 3;
    m->codecs = 1;
    m->codec[0] = (struct weir_media_codec){ .name = "VP8", .clock_hz = 90000,
                                             .payload_type = payload_type };
    return m;
}

enum { ONE = 0xbede, TWO = 0x1000, DROPPED = -1 };

/* Which section a packet goes to; `ext` in hexadecimal, empty: none. */
static int goes_to(uint32_t ssrc, uint8_t payload_type, uint16_t profile, const char *ext)
{
    uint8_t bytes[32];
    size_t n = test_unhex(ext, bytes, sizeof bytes);
    struct weir_rtp_header h = { .ssrc = ssrc, .payload_type = payload_type, .has_extension = n != 0,
                                 .ext_profile = profile, .ext = weir_span_of(bytes, n) };
    uint8_t media;
    return weir_peer_media_of_rtp(peer, &h, &media) ? media : DROPPED;
}

static void the_mid_decides_and_teaches(void **state)
{
    (void)state;
    section(0, "0", 96);
    section(1, "1", 96);
    assert_int_equal(goes_to(1000, 96, 0, ""), DROPPED); /* both have 96 */
    assert_int_equal(goes_to(1000, 96, ONE, "30300000"), 0);
    assert_int_equal(goes_to(1000, 96, 0, ""), 0);
    assert_int_equal(goes_to(1000, 96, ONE, "30310000"), 1); /* moved */
    assert_int_equal(goes_to(1000, 96, 0, ""), 1);
    assert_int_equal(weir_peer_media_at(peer, 0)->remote_ssrcs, 0);
    assert_int_equal(goes_to(2000, 96, ONE, "30390000"), DROPPED); /* no section has it */
    assert_int_equal(goes_to(2000, 96, TWO, "03013100"), 1);
    assert_int_equal(goes_to(2001, 96, TWO, "0f00030131000000"), 1); /* two bytes: 15 is an id as any */
    assert_int_equal(goes_to(2002, 96, ONE, "f0003031"), DROPPED); /* one byte: 15 ends the walk */
}

static void an_unknown_mid_drops_even_where_the_type_is_known(void **state)
{
    (void)state;
    section(0, "0", 96);
    section(1, "1", 97);
    assert_int_equal(goes_to(3000, 97, ONE, "30390000"), DROPPED);
    assert_int_equal(goes_to(3000, 97, 0, ""), 1); /* and it taught nothing */
    assert_int_equal(goes_to(3001, 96, 0, ""), 0);
}

static void a_payload_type_must_be_the_sections(void **state)
{
    (void)state;
    section(0, "0", 96);
    section(1, "1", 97);
    assert_int_equal(goes_to(4000, 96, 0, ""), 0);
    assert_int_equal(goes_to(4000, 97, 0, ""), DROPPED);
    assert_int_equal(goes_to(4000, 97, ONE, "30300000"), DROPPED);
    assert_int_equal(goes_to(4001, 98, ONE, "30300000"), DROPPED);
    assert_int_equal(weir_peer_media_at(peer, 0)->remote_ssrcs, 1); /* what is dropped teaches nothing */
    ((struct weir_media *)weir_peer_media_at(peer, 0))->direction = WEIR_SDP_SENDONLY;
    assert_int_equal(goes_to(4000, 96, ONE, "30300000"), DROPPED);
}

/* [RFC 8285 4.1.2 MUST] */
static void an_id_0_with_a_length_ends_the_walk(void **state)
{
    (void)state;
    section(0, "0", 96);
    section(1, "1", 97);
    assert_int_equal(goes_to(5000, 96, ONE, "0200000030310000"), 0); /* no MID was seen: by its type */
    assert_int_equal(goes_to(5001, 97, ONE, "0000000030310000"), 1); /* padding goes on */
}

/* libwebrtc sends the MID until its first report came, and a page may change its SSRC for ever. */
static void a_fifth_ssrc_is_remembered(void **state)
{
    (void)state;
    section(0, "0", 96);
    section(1, "1", 96);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(goes_to(6000 + i, 96, ONE, "30310000"), 1);
        for (uint32_t k = i < WEIR_PEER_SSRCS_MAX ? 0 : i - WEIR_PEER_SSRCS_MAX + 1; k <= i; k++) {
            assert_int_equal(goes_to(6000 + k, 96, 0, ""), 1);
        }
    }
    assert_int_equal(weir_peer_media_at(peer, 1)->remote_ssrcs, WEIR_PEER_SSRCS_MAX);
}

/* -- Names ------------------------------------------------------------------------------------- */

static void add_name(unsigned name, unsigned port)
{
    char text[200];
    int n = snprintf(text, sizeof text, "candidate:1 1 udp 2113937151 5177eebd-d4eb-495a-a75e-%012u.local %u"
                     " typ host", name, port);
    assert_int_equal(weir_peer_add_candidate(peer, WEIR_SEC, weir_span_of(text, (size_t)n)), WEIR_OK);
}

static unsigned asked(void)
{
    struct weir_event e;
    unsigned n = 0;
    while (weir_peer_event(peer, WEIR_SEC, &e)) {
        n += e.type == WEIR_EVENT_NAME ? 1 : 0;
        assert_true(e.type != WEIR_EVENT_NAME || e.data.n == 42);
    }
    return n;
}

static void resolve(unsigned name)
{
    char text[64];
    struct weir_addr ip = weir_addr_v4(10, 0, 0, (uint8_t)name, 0);
    int n = snprintf(text, sizeof text, "5177eebd-d4eb-495a-a75e-%012u.LOCAL", name);
    weir_peer_name_resolved(peer, WEIR_SEC, weir_span_of(text, (size_t)n), &ip);
}

static void names_wait_until_they_are_resolved_and_no_longer(void **state)
{
    (void)state;
    add_name(1, 5000);
    add_name(1, 5000); /* the same again: as one */
    add_name(1, 5001); /* one question for both */
    assert_int_equal(asked(), 1);
    assert_int_equal(peer->names, 2);
    resolve(2);
    assert_int_equal(peer->names, 2);
    resolve(1);
    assert_int_equal(peer->names, 0);
    assert_int_equal(peer->ice.remotes, 2);
    for (unsigned i = 0; i < 100; i++) { /* as long as the connection lives */
        add_name(i, 6000);
        assert_int_equal(asked(), 1);
        if (i % 2 == 0) {
            resolve(i);
        }
    }
    assert_int_equal(peer->names, WEIR_PEER_NAMES_MAX); /* of those without an answer the newest */
    resolve(99);
    assert_int_equal(peer->names, WEIR_PEER_NAMES_MAX - 1);
    weir_peer_forget_names(peer);
    assert_int_equal(peer->names, 0);
    assert_int_equal(asked(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_peer, close_peer)

/* Who gives no room for descriptions has none, and is told so. */
static void without_scratch_no_description(void **state)
{
    (void)state;
    struct weir_peer_scratch *scratch = peer->config.scratch;
    struct weir_sdp_error error;
    char text[100];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)text, sizeof text });
    peer->config.scratch = NULL;
    assert_int_equal(weir_peer_create_offer(peer, WEIR_SEC, &w), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_preview_offer(peer, WEIR_SEC, &w), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_set_remote(peer, WEIR_SEC, true, WEIR_LIT("v=0"), &error), WEIR_ERR_STATE);
    assert_int_equal(weir_peer_create_answer(peer, WEIR_SEC, &w), WEIR_ERR_STATE);
    peer->config.scratch = scratch;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_mid_decides_and_teaches),
        TEST(an_unknown_mid_drops_even_where_the_type_is_known),
        TEST(a_payload_type_must_be_the_sections),
        TEST(an_id_0_with_a_length_ends_the_walk),
        TEST(a_fifth_ssrc_is_remembered),
        TEST(names_wait_until_they_are_resolved_and_no_longer),
        TEST(without_scratch_no_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
