/* Whose transport carries a bundle [RFC 9143 7.3.1], in offers and in answers; and what of an answer's
 * payload types was offered [RFC 6184 8.2.2]. */
#include "sdp/sdp.h"
#include "test/support/support.h"

static const struct weir_sdp_codec_name codecs[] = {
    { "opus", WEIR_SDP_AUDIO, 48000, 2, 111, NULL },
    { "VP8", WEIR_SDP_VIDEO, 90000, 0, 96, NULL },
    { "VP9", WEIR_SDP_VIDEO, 90000, 0, 98, "profile-id=0" },
    { "H264", WEIR_SDP_VIDEO, 90000, 0, 102,
      "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" },
    { "AV1", WEIR_SDP_VIDEO, 90000, 0, 45, NULL },
    { NULL, WEIR_SDP_OTHER, 0, 0, 0, NULL },
};

static struct weir_sdp offer, answer, back;

static struct weir_sdp_local local_side(bool is_data_only)
{
    return (struct weir_sdp_local){ .session_id = WEIR_LIT("1"), .ufrag = WEIR_LIT("abcd"),
                                    .pwd = WEIR_LIT("0123456789abcdefghijklmn"), .sctp_port = 5000,
                                    .setup = WEIR_SDP_ACTIVE, .cname = WEIR_LIT("weir"), .codec = codecs,
                                    .is_data_only = is_data_only };
}

#define HASH "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:" \
             "66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"

/* Sections a (audio), v (video), d (data), each with the ufrag <letter>ufrag; capitals: rejected; after
 * one a '-': without a transport, bundle-only. */
static size_t describe(char *out, size_t cap, const char *sections, const char *bundle, const char *setup)
{
    size_t n = (size_t)snprintf(out, cap, "v=0\r\no=- 1 2 IN IP4 0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE %s\r\n",
                                bundle);
    for (const char *p = sections; *p != '\0'; p++) {
        char c = (char)(*p | 32);
        bool is_rejected = *p != c, is_bare = p[1] == '-';
        const char *what = c == 'a'   ? "audio %d UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"
                                        "a=rtcp-mux\r\n"
                           : c == 'v' ? "video %d UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
                                        "a=rtcp-mux\r\n"
                                      : "application %d UDP/DTLS/SCTP webrtc-datachannel\r\n";
        char line[200];
        snprintf(line, sizeof line, what, is_rejected || is_bare ? 0 : 9);
        n += (size_t)snprintf(out + n, cap - n, "m=%sa=mid:%c\r\n", line, c);
        n += is_bare ? (size_t)snprintf(out + n, cap - n, "a=bundle-only\r\n")
                     : (size_t)snprintf(out + n, cap - n, "a=ice-ufrag:%cufrag\r\na=ice-pwd:%s\r\n%sa=setup:%s"
                                        "\r\n", c, "0123456789abcdefghijklmn", HASH, setup);
        p += is_bare ? 1 : 0;
    }
    return n;
}

static const struct row {
    const char *sections, *bundle;
    bool is_data_only;
    char transport;     /* '0': none */
    const char *group;  /* of our answer */
} row[] = {
    { "avd", "a v d", false, 'a', "a=group:BUNDLE a v d\r\n" },
    { "avd", "d a v", false, 'd', "a=group:BUNDLE d a v\r\n" },
    { "avd", "v d a", false, 'v', "a=group:BUNDLE v d a\r\n" },
    { "Avd", "a v d", false, 'v', "a=group:BUNDLE v d\r\n" },   /* they reject it */
    { "avd", "a v d", true, 'd', "a=group:BUNDLE d\r\n" },      /* we do */
    { "a-v-d", "d a v", false, 'd', "a=group:BUNDLE d a v\r\n" },
    { "a-vd", "a v d", false, 'v', "a=group:BUNDLE a v d\r\n" }, /* the first says none */
    { "avd", "v", false, 'v', "a=group:BUNDLE v\r\n" },
    { "avd", "", false, 'a', "a=mid:a\r\n" },
    { "AVD", "a v d", false, '0', "m=audio 0" },
};

static void the_transport_is_that_of_the_first_of_the_list(void **state)
{
    (void)state;
    static char text[8000];
    static uint8_t room[8000];
    const struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX] = { { .direction = WEIR_SDP_SENDRECV } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_sdp_error error;
        const struct weir_sdp_local local = local_side(row[i].is_data_only);
        size_t n = describe(text, sizeof text, row[i].sections, row[i].bundle, "actpass");
        assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &offer, &error), WEIR_SDP_OK);
        assert_int_equal(weir_sdp_judge_offer(&offer, &local, &error), WEIR_SDP_OK);
        const struct weir_sdp_media *t = weir_sdp_transport(&offer);
        if ((t == NULL ? '0' : (char)t->ufrag.p[0]) != row[i].transport) {
            fail_msg("%s %s", row[i].sections, row[i].bundle);
        }
        weir_sdp_make_answer(&offer, &local, section, &answer);
        struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room - 1 });
        assert_true(weir_sdp_write(&w, &answer));
        room[w.len] = '\0';
        if (strstr((const char *)room, row[i].group) == NULL) {
            fail_msg("%s %s:\n%s", row[i].sections, row[i].bundle, (const char *)room);
        }
    }
}

/* The same list as an answer to an offer of ours. */
static void the_transport_of_an_answer_too(void **state)
{
    (void)state;
    static char text[8000];
    const struct weir_sdp_local local = local_side(false);
    const struct weir_sdp_section section[3] = {
        { .kind = WEIR_SDP_AUDIO, .direction = WEIR_SDP_SENDRECV, .mid = WEIR_LIT("a") },
        { .kind = WEIR_SDP_VIDEO, .direction = WEIR_SDP_SENDRECV, .mid = WEIR_LIT("v") },
        { .kind = WEIR_SDP_DATA, .direction = WEIR_SDP_SENDRECV, .mid = WEIR_LIT("d") },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_sdp_error error;
        if (row[i].is_data_only) {
            continue;
        }
        weir_sdp_make_offer(&local, section, 3, &offer);
        size_t n = describe(text, sizeof text, row[i].sections, row[i].bundle, "passive");
        assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &back, &error), WEIR_SDP_OK);
        assert_int_equal(weir_sdp_judge_answer(&offer, &back, &error), WEIR_SDP_OK);
        const struct weir_sdp_media *t = weir_sdp_transport(&back);
        if ((t == NULL ? '0' : (char)t->ufrag.p[0]) != row[i].transport) {
            fail_msg("%s %s", row[i].sections, row[i].bundle);
        }
    }
}

static void an_answers_payload_types_are_configured_as_offered(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        unsigned kept;
    } one[] = {
        { "a=rtpmap:100 VP8/90000\r\n", 1 },
        { "a=rtpmap:100 VP8/1000\r\n", 0 },
        { "a=rtpmap:100 ISAC/90000\r\n", 0 },
        { "a=rtpmap:100 VP9/90000\r\n", 1 }, /* profile 0 when not said */
        { "a=rtpmap:100 VP9/90000\r\na=fmtp:100 profile-id=2\r\n", 0 },
        { "a=rtpmap:100 AV1/90000\r\na=fmtp:100 profile=1\r\n", 0 },
        { "a=rtpmap:100 AV1/90000\r\na=fmtp:100 level-idx=9;tier=1\r\n", 1 },
        { "a=rtpmap:100 H264/90000\r\na=fmtp:100 packetization-mode=1;profile-level-id=42e033\r\n", 1 },
        { "a=rtpmap:100 H264/90000\r\na=fmtp:100 packetization-mode=1;profile-level-id=4d8028\r\n", 1 },
        { "a=rtpmap:100 H264/90000\r\na=fmtp:100 packetization-mode=1;profile-level-id=42001f\r\n", 0 },
        { "a=rtpmap:100 H264/90000\r\na=fmtp:100 packetization-mode=1;profile-level-id=640c1f\r\n", 0 },
        { "a=rtpmap:100 H264/90000\r\na=fmtp:100 packetization-mode=0;profile-level-id=42e01f\r\n", 0 },
        { "a=rtpmap:100 H264/90000\r\na=fmtp:100 profile-level-id=42e01f\r\n", 0 },
        { "a=rtpmap:100 H264/90000\r\na=fmtp:100 x=y\r\na=fmtp:100 Packetization-Mode = 1\r\n"
          "a=fmtp:100 PROFILE-LEVEL-ID=42E01F\r\n", 1 },
    };
    static char text[4000];
    const struct weir_sdp_local local = local_side(false);
    const struct weir_sdp_section section = { .kind = WEIR_SDP_VIDEO, .direction = WEIR_SDP_SENDRECV,
                                              .mid = WEIR_LIT("v") };
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        struct weir_sdp_error error;
        weir_sdp_make_offer(&local, &section, 1, &offer);
        size_t n = describe(text, sizeof text, "v", "v", "active");
        char *m = strstr(text, "SAVPF 96");
        memcpy(m, "SAVPF 100\r\n\0", 12); /* and nothing of what came behind */
        n = strlen(text);
        n += (size_t)snprintf(text + n, sizeof text - n, "a=rtcp-mux\r\na=mid:v\r\na=ice-ufrag:abcd\r\n"
                              "a=ice-pwd:0123456789abcdefghijklmn\r\n%sa=setup:active\r\n%s", HASH,
                              one[i].lines);
        assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &back, &error), WEIR_SDP_OK);
        assert_int_equal(weir_sdp_judge_answer(&offer, &back, &error), WEIR_SDP_OK);
        if (back.media[0].codecs != one[i].kept) {
            fail_msg("%s", one[i].lines);
        }
        assert_int_equal(weir_sdp_is_accepted(&back.media[0]), one[i].kept != 0);
    }
}

/* The strongest kind of hash decides, so that is the kind whose fingerprints are kept [RFC 8122 5]. */
static void what_is_not_said_and_what_is_said_twice(void **state)
{
    (void)state;
    static char text[4000];
    struct weir_sdp_error error;
    size_t n = describe(text, sizeof text, "d", "d", "actpass");
    for (int kind = 0; kind < 4; kind++) {
        static const char *const name[] = { "sha-512", "sha-384", "sha-512", "sha-256" };
        n += (size_t)snprintf(text + n, sizeof text - n, "a=fingerprint:%s %02d", name[kind], kind);
        for (int i = 1; i < (kind == 1 ? 48 : kind == 3 ? 32 : 64); i++) {
            n += (size_t)snprintf(text + n, sizeof text - n, ":00");
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
    }
    assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &back, &error), WEIR_SDP_OK);
    assert_int_equal(back.media[0].sctp_port, 5000);
    assert_int_equal(back.media[0].max_message_size, 65536);
    assert_int_equal(back.media[0].fingerprints, 2);
    for (uint8_t i = 0; i < 2; i++) {
        assert_int_equal(back.media[0].fingerprint[i].hash, WEIR_SDP_SHA512);
        assert_int_equal(back.media[0].fingerprint[i].digest[0], 2 * i);
    }
}

/* [RFC 3264 6 MUST] A section that we did not offer is not brought back by the answer. */
static void an_answer_brings_nothing_back(void **state)
{
    (void)state;
    static char text[4000];
    struct weir_sdp_error error;
    const struct weir_sdp_local local = local_side(false);
    const struct weir_sdp_section section[2] = {
        { .kind = WEIR_SDP_AUDIO, .mid = WEIR_LIT("a"), .is_rejected = true },
        { .kind = WEIR_SDP_DATA, .direction = WEIR_SDP_SENDRECV, .mid = WEIR_LIT("d") },
    };
    weir_sdp_make_offer(&local, section, 2, &offer);
    for (int i = 0; i < 2; i++) {
        size_t n = describe(text, sizeof text, i == 0 ? "ad" : "Ad", "a d", "active");
        assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &back, &error), WEIR_SDP_OK);
        assert_int_equal(weir_sdp_judge_answer(&offer, &back, &error),
                         i == 0 ? WEIR_SDP_ANSWER_SHAPE : WEIR_SDP_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_transport_is_that_of_the_first_of_the_list),
        cmocka_unit_test(the_transport_of_an_answer_too),
        cmocka_unit_test(an_answers_payload_types_are_configured_as_offered),
        cmocka_unit_test(what_is_not_said_and_what_is_said_twice),
        cmocka_unit_test(an_answer_brings_nothing_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
