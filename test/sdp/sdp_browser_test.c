/* Every description that the browsers wrote is read, answered, and what we write reads back. */
#include <dirent.h>

#include "sdp/sdp.h"
#include "test/support/support.h"

static const struct weir_sdp_codec_name codecs[] = {
    { "opus", WEIR_SDP_AUDIO, 48000, 2, 111, "minptime=10;useinbandfec=1" },
    { "PCMU", WEIR_SDP_AUDIO, 8000, 1, 0, NULL },
    { "VP8", WEIR_SDP_VIDEO, 90000, 0, 96, NULL },
    { "H264", WEIR_SDP_VIDEO, 90000, 0, 102,
      "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" },
    { NULL, WEIR_SDP_OTHER, 0, 0, 0, NULL },
};

static const struct weir_span candidates[] = {
    { (const uint8_t *)"candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host", 52 },
};

static struct weir_sdp_local local_side(void)
{
    struct weir_sdp_local l = { .session_id = WEIR_LIT("4611686018427387"), .session_version = 2,
                                .ufrag = WEIR_LIT("abcd"), .pwd = WEIR_LIT("0123456789abcdefghijklmn"),
                                .setup = WEIR_SDP_ACTIVE, .candidate = candidates, .candidates = 1,
                                .has_end_of_candidates = true, .sctp_port = 5000,
                                .max_message_size = 262144, .cname = WEIR_LIT("weir"),
                                .codec = codecs };
    return l;
}

static struct weir_sdp offer, answer, back;

static void read_and_answer(const char *file)
{
    char path[300];
    snprintf(path, sizeof path, "test/data/browser/%s", file);
    struct weir_mspan text = test_read_file(path);
    struct weir_sdp_error error;
    if (weir_sdp_parse(weir_span_const(text), &offer, &error) != WEIR_SDP_OK) {
        fail_msg("%s line %u: %s", file, error.line, weir_sdp_verdict_text(error.verdict));
    }
    struct weir_sdp_local local = local_side();
    if (weir_sdp_judge_offer(&offer, &local, &error) != WEIR_SDP_OK) {
        fail_msg("%s line %u: %s", file, error.line, weir_sdp_verdict_text(error.verdict));
    }
    struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX];
    for (uint32_t i = 0; i < WEIR_SDP_MEDIA_MAX; i++) {
        section[i] = (struct weir_sdp_section){ .direction = WEIR_SDP_SENDRECV, .ssrc = 1000 + i,
                                                .msid = WEIR_LIT("weir track") };
    }
    weir_sdp_make_answer(&offer, &local, section, &answer);
    static uint8_t room[32768];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    assert_true(weir_sdp_write(&w, &answer));
    if (weir_sdp_parse(weir_span_of(room, w.len), &back, &error) != WEIR_SDP_OK
        || weir_sdp_judge_answer(&offer, &back, &error) != WEIR_SDP_OK) {
        fail_msg("our answer to %s, line %u: %s\n%.*s", file, error.line,
                 weir_sdp_verdict_text(error.verdict), (int)w.len, (const char *)room);
    }
    assert_int_equal(back.medias, offer.medias);
    for (uint32_t i = 0; i < back.medias; i++) {
        assert_true(weir_sdp_is_accepted(&back.media[i]));
        for (uint32_t k = 0; k < back.media[i].codecs; k++) {
            struct weir_span name = back.media[i].codec[k].name;
            assert_false(weir_sdp_same_name(name, WEIR_LIT("rtx")));
            assert_false(weir_sdp_same_name(name, WEIR_LIT("red")));
            assert_false(weir_sdp_same_name(name, WEIR_LIT("ulpfec")));
        }
    }
    assert_null(strstr((const char *)room, "sctp-init"));
    free(text.p);
}

static void every_recorded_description_is_read_and_answered(void **state)
{
    (void)state;
    DIR *d = opendir(WEIR_SOURCE_DIR "/test/data/browser");
    assert_non_null(d);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".sdp") != NULL) {
            read_and_answer(e->d_name);
            n++;
        }
    }
    closedir(d);
    assert_true(n > 40);
}

static void what_chromium_says_is_understood(void **state)
{
    (void)state;
    struct weir_mspan text = test_read_file("test/data/browser/cr-av.offer.sdp");
    struct weir_sdp_error error;
    assert_int_equal(weir_sdp_parse(weir_span_const(text), &offer, &error), WEIR_SDP_OK);
    assert_int_equal(offer.medias, 3);
    assert_true(weir_span_eq(offer.media[0].ufrag, WEIR_LIT("+ofD")));
    const struct weir_sdp_media *v = &offer.media[1];
    assert_int_equal(v->kind, WEIR_SDP_VIDEO);
    assert_int_equal(v->codecs, 23);
    assert_true(weir_span_eq(v->codec[0].name, WEIR_LIT("VP8")));
    assert_int_equal(v->codec[0].feedback, WEIR_SDP_FB_NACK | WEIR_SDP_FB_PLI | WEIR_SDP_FB_FIR
                                               | WEIR_SDP_FB_REMB | WEIR_SDP_FB_TWCC);
    assert_int_equal(v->exts, 11);
    assert_int_equal(v->ssrcs, 2);
    assert_int_equal(v->ssrc[0], 835934376);
    assert_int_equal(v->setup, WEIR_SDP_ACTPASS);
    assert_true(v->has_trickle && v->has_rtcp_mux && v->has_rtcp_rsize && v->is_bundled);
    assert_int_equal(v->fingerprint[0].digest[0], 0x50);
    assert_int_equal(offer.media[2].sctp_port, 5000);
    assert_int_equal(offer.media[2].max_message_size, 262144);
    free(text.p);
}

static void what_firefox_says_is_understood(void **state)
{
    (void)state;
    struct weir_mspan text = test_read_file("test/data/browser/x-ff-offers-av.offer.sdp");
    struct weir_sdp_error error;
    assert_int_equal(weir_sdp_parse(weir_span_const(text), &offer, &error), WEIR_SDP_OK);
    assert_int_equal(offer.medias, 3);
    const struct weir_sdp_media *v = &offer.media[1];
    assert_int_equal(v->fingerprints, 1); /* from the session level */
    assert_int_equal(v->fingerprint[0].digest[31], 0x77);
    assert_int_equal(v->candidates, 8);
    assert_true(memcmp(v->candidate[0].p, "candidate:0 1 UDP", 17) == 0);
    assert_true(v->has_end_of_candidates);
    assert_int_equal(v->ext[3].direction, WEIR_SDP_RECVONLY);
    assert_int_equal(offer.media[0].codec[1].channels, 1); /* G722/8000/1 */
    assert_int_equal(offer.media[2].max_message_size, 1073741823);
    free(text.p);
}

static void our_own_offer_reads_back(void **state)
{
    (void)state;
    struct weir_sdp_local local = local_side();
    struct weir_sdp_section section[3] = {
        { .kind = WEIR_SDP_AUDIO, .direction = WEIR_SDP_SENDRECV, .mid = WEIR_LIT("0"), .ssrc = 11,
          .msid = WEIR_LIT("s a") },
        { .kind = WEIR_SDP_VIDEO, .direction = WEIR_SDP_RECVONLY, .mid = WEIR_LIT("1"), .ssrc = 12,
          .msid = WEIR_LIT("s v") },
        { .kind = WEIR_SDP_DATA, .direction = WEIR_SDP_SENDRECV, .mid = WEIR_LIT("2") },
    };
    uint8_t room[8192];
    struct weir_sdp_error error;
    weir_sdp_make_offer(&local, section, 3, &offer);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    assert_true(weir_sdp_write(&w, &offer));
    if (weir_sdp_parse(weir_span_of(room, w.len), &back, &error) != WEIR_SDP_OK) {
        fail_msg("line %u: %s", error.line, weir_sdp_verdict_text(error.verdict));
    }
    assert_int_equal(weir_sdp_judge_offer(&back, &local, &error), WEIR_SDP_OK);
    assert_int_equal(back.media[0].ssrc[0], 11);
    assert_int_equal(back.media[1].ssrcs, 0); /* receives only */
    assert_int_equal(back.media[1].codecs, 2);
    assert_int_equal(back.media[2].max_message_size, 262144);
    assert_int_equal(back.media[0].candidates, 1);
    assert_int_equal(back.media[1].candidates, 0);

    /* And what does not fit the room is reported, whatever the room. */
    for (size_t cap = 0; cap < w.len; cap += 37) {
        struct weir_wr small = weir_wr_of((struct weir_mspan){ room, cap });
        assert_false(weir_sdp_write(&small, &offer));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_description_is_read_and_answered),
        cmocka_unit_test(what_chromium_says_is_understood),
        cmocka_unit_test(what_firefox_says_is_understood),
        cmocka_unit_test(our_own_offer_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
