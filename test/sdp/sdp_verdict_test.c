/* Every rule of a description, broken once: the verdict names it, with its line. */
#include "sdp/sdp.h"
#include "test/support/support.h"

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define ICE "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
#define HASH "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:" \
             "66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"
#define DTLS HASH "a=setup:actpass\r\n"
#define DATA "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n"
#define GOOD HEAD "a=group:BUNDLE 0\r\n" DATA ICE DTLS "a=mid:0\r\na=sctp-port:5000\r\n"

static struct weir_sdp sdp, offer, back;

/* What becomes of the whole, or, where it is good, of its first section or its first bad line. */
enum fate { WHOLE, SECTION, PASSED };

static const struct row {
    const char *name, *text;
    enum fate fate;
    enum weir_sdp_verdict want;
    uint32_t line; /* 0: any */
} row[] = {
    { "good", GOOD, WHOLE, WEIR_SDP_OK, 0 },
    { "bare line feeds", "v=0\no=- 1 2 IN IP4 1\ns=-\nt=0 0\n" DATA ICE DTLS "a=sctp-port:5000", WHOLE,
      WEIR_SDP_OK, 0 },
    { "unknown lines", GOOD "a=nobody-knows:this\r\nb=AS:99999999999999\r\nk=x\r\n", WHOLE, WEIR_SDP_OK, 0 },
    { "empty", "", WHOLE, WEIR_SDP_FIRST, 0 },
    { "version", "v=1\r\n", WHOLE, WEIR_SDP_FIRST, 1 },
    { "no version", "o=- 1 2 IN IP4 1\r\n", WHOLE, WEIR_SDP_FIRST, 1 },
    { "no letter", HEAD "=x\r\n", WHOLE, WEIR_SDP_LINE, 5 },
    { "no equals", HEAD "ax\r\n", WHOLE, WEIR_SDP_LINE, 5 },
    { "capital letter", HEAD "A=x\r\n", WHOLE, WEIR_SDP_LINE, 5 },
    { "a NUL", HEAD "s=\x01", WHOLE, WEIR_SDP_OK, 0 },
    { "a lone CR", HEAD "s=\rx\r\n", WHOLE, WEIR_SDP_CONTROL, 0 },
    { "origin of five", "v=0\r\no=- 1 2 IN IP4\r\n", WHOLE, WEIR_SDP_ORIGIN, 2 },
    { "no origin", "v=0\r\ns=-\r\n", WHOLE, WEIR_SDP_ORIGIN, 0 },
    { "media of two", HEAD "m=audio 9\r\n", WHOLE, WEIR_SDP_MEDIA, 5 },
    { "P4 port 65536", HEAD "m=audio 65536 UDP/TLS/RTP/SAVPF 0\r\n", WHOLE, WEIR_SDP_PORT, 5 },
    { "P4 port of letters", HEAD "m=audio 9x UDP/TLS/RTP/SAVPF 0\r\n", WHOLE, WEIR_SDP_PORT, 5 },
    { "P9 a profile of nobody", HEAD "m=audio 9 UDP/RTP/QUIC 0\r\n", SECTION, WEIR_SDP_UNSUPPORTED, 5 },
    { "P3 payload type 128", HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 128\r\n", WHOLE, WEIR_SDP_FORMAT, 5 },
    { "P3 payload type of words", HEAD "m=audio 9 UDP/TLS/RTP/SAVPF x\r\n", WHOLE, WEIR_SDP_FORMAT, 5 },
    { "P3 payload type 128 beside a good one", HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0 128\r\n", PASSED,
      WEIR_SDP_PAYLOAD, 5 },
    { "P3 payload type twice", HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0 0\r\n", PASSED, WEIR_SDP_PAYLOAD, 5 },
    { "P3 rtpmap 128", HEAD AUDIO "a=rtpmap:128 opus/48000\r\n", PASSED, WEIR_SDP_RTPMAP, 8 },
    { "P3 rtpmap without name", HEAD AUDIO "a=rtpmap:111\r\n", PASSED, WEIR_SDP_RTPMAP, 8 },
    { "P4 clock 0", HEAD AUDIO "a=rtpmap:111 opus/0\r\n", PASSED, WEIR_SDP_RTPMAP, 8 },
    { "P4 channels 0", HEAD AUDIO "a=rtpmap:111 opus/48000/0\r\n", PASSED, WEIR_SDP_RTPMAP, 8 },
    { "P4 clock overflow", HEAD AUDIO "a=rtpmap:111 opus/99999999999999999999999\r\n", PASSED,
      WEIR_SDP_RTPMAP, 8 },
    { "P3 fmtp 200", HEAD AUDIO "a=fmtp:200 x=1\r\n", PASSED, WEIR_SDP_FMTP, 8 },
    { "feedback for nobody", HEAD AUDIO "a=rtcp-fb:x nack\r\n", PASSED, WEIR_SDP_FEEDBACK, 8 },
    { "extension 0", HEAD AUDIO "a=extmap:0 urn:x\r\n", PASSED, WEIR_SDP_EXTMAP, 8 },
    { "extension 300", HEAD AUDIO "a=extmap:300 urn:x\r\n", PASSED, WEIR_SDP_EXTMAP, 8 },
    { "extension without URI", HEAD AUDIO "a=extmap:1\r\n", PASSED, WEIR_SDP_EXTMAP, 8 },
    { "source of 33 bits", HEAD AUDIO "a=ssrc:4294967296 cname:x\r\n", PASSED, WEIR_SDP_SSRC, 8 },
    { "empty mid", HEAD AUDIO "a=mid:\r\n", WHOLE, WEIR_SDP_MID, 8 },
    { "long mid", HEAD AUDIO "a=mid:123456789012345678901234567890123\r\n", WHOLE, WEIR_SDP_MID, 8 },
    { "P6 the same mid", HEAD AUDIO ICE DTLS "a=mid:0\r\na=rtcp-mux\r\n" DATA "a=mid:0\r\n", PASSED,
      WEIR_SDP_MID_TWICE, 0 },
    { "P6 bundle of nobody", HEAD "a=group:BUNDLE 7\r\n" AUDIO "a=mid:0\r\n", PASSED, WEIR_SDP_GROUP, 5 },
    { "P6 bundle twice", HEAD "a=group:BUNDLE 0 0\r\n" AUDIO "a=mid:0\r\n", PASSED, WEIR_SDP_GROUP, 5 },
    { "P7 ufrag of three", HEAD DATA "a=ice-ufrag:abc\r\n", WHOLE, WEIR_SDP_UFRAG, 7 },
    { "P7 ufrag with a space", HEAD DATA "a=ice-ufrag:ab cd\r\n", WHOLE, WEIR_SDP_UFRAG, 7 },
    { "P7 password of 21", HEAD DATA "a=ice-pwd:012345678901234567890\r\n", WHOLE, WEIR_SDP_PWD, 7 },
    { "fingerprint of words", HEAD DATA "a=fingerprint:sha-256 hello\r\n", WHOLE, WEIR_SDP_FINGERPRINT, 7 },
    { "fingerprint with other dividers", HEAD DATA "a=fingerprint:sha-256 00-11-22-33-44-55-66-77-88-99-AA-BB-"
      "CC-DD-EE-FF-00-11-22-33-44-55-66-77-88-99-AA-BB-CC-DD-EE-FF\r\n", WHOLE, WEIR_SDP_FINGERPRINT, 7 },
    { "D20 fingerprint too short", HEAD DATA "a=fingerprint:sha-256 00:11\r\n", WHOLE, WEIR_SDP_FINGERPRINT,
      7 },
    { "fingerprint without hash", HEAD DATA "a=fingerprint:\r\n", WHOLE, WEIR_SDP_FINGERPRINT, 7 },
    { "a bad fingerprint beside a good one", GOOD "a=fingerprint:sha-256 00:11\r\n", PASSED,
      WEIR_SDP_FINGERPRINT, 0 },
    { "P8 setup of a word", HEAD DATA ICE HASH "a=setup:both\r\n", WHOLE, WEIR_SDP_SETUP, 10 },
    { "P8 setup holdconn", HEAD DATA ICE HASH "a=setup:holdconn\r\n", SECTION, WEIR_SDP_HOLDCONN, 0 },
    { "C17 sctp-port 0", HEAD DATA "a=sctp-port:0\r\n", WHOLE, WEIR_SDP_SCTP_PORT, 7 },
    { "C17 sctp-port 65536", HEAD DATA "a=sctp-port:65536\r\n", WHOLE, WEIR_SDP_SCTP_PORT, 7 },
    { "max-message-size of words", GOOD "a=max-message-size:x\r\n", PASSED, WEIR_SDP_MAX_MESSAGE, 0 },
    /* What only judging sees. */
    { "no rtcp-mux", HEAD AUDIO ICE DTLS, WHOLE, WEIR_SDP_RTCP_MUX, 5 },
    { "no ICE", HEAD DATA DTLS "a=sctp-port:5000\r\n", WHOLE, WEIR_SDP_NO_ICE, 5 },
    { "no fingerprint", HEAD DATA ICE "a=setup:actpass\r\na=sctp-port:5000\r\n", WHOLE, WEIR_SDP_NO_DTLS, 5 },
    { "no setup", HEAD DATA ICE HASH, WHOLE, WEIR_SDP_OK, 0 },
    { "no sctp-port", HEAD DATA ICE DTLS, WHOLE, WEIR_SDP_OK, 0 },
    { "D20 only a weak hash", HEAD DATA ICE "a=fingerprint:sha-1 00:11\r\na=setup:actpass\r\n", WHOLE,
      WEIR_SDP_NO_DTLS, 5 },
    { "no codec of ours", HEAD AUDIO "a=rtpmap:111 isac/16000\r\n", SECTION, WEIR_SDP_NO_CODEC, 5 },
    { "beyond the number", HEAD "m=audio 0 RTP/AVP 0\r\nm=audio 0 RTP/AVP 0\r\nm=audio 0 RTP/AVP 0\r\n" AUDIO,
      SECTION, WEIR_SDP_LIMIT, 8 },
    { "two transports", HEAD DATA ICE DTLS AUDIO ICE DTLS "a=mid:1\r\na=rtcp-mux\r\n", SECTION,
      WEIR_SDP_NOT_BUNDLED, 0 },
    { "nothing but rejections", HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n", WHOLE, WEIR_SDP_OK, 0 },
    { "no sections", HEAD, WHOLE, WEIR_SDP_OK, 0 },
};

static const struct weir_sdp_codec_name codecs[] = {
    { "opus", WEIR_SDP_AUDIO, 48000, 2, 111, NULL },
    { "PCMU", WEIR_SDP_AUDIO, 8000, 1, 0, NULL },
    { NULL, WEIR_SDP_OTHER, 0, 0, 0, NULL },
};

static const struct weir_sdp_local side = { .codec = codecs, .sections_max = 3 };

/* The verdict that the row is about. */
static struct weir_sdp_error verdict_of(const struct row *r)
{
    struct weir_sdp_error error;
    enum weir_sdp_verdict v = weir_sdp_parse(weir_span_of(r->text, strlen(r->text)), &sdp, &error);
    if (r->fate == PASSED) {
        return v == WEIR_SDP_OK ? sdp.first_passed : error;
    }
    v = v == WEIR_SDP_OK ? weir_sdp_judge_offer(&sdp, &side, &error) : v;
    for (uint32_t i = 0; i < sdp.medias && r->fate == SECTION && v == WEIR_SDP_OK; i++) {
        if (sdp.media[i].verdict != WEIR_SDP_OK) {
            return (struct weir_sdp_error){ .verdict = sdp.media[i].verdict,
                                            .line = sdp.media[i].verdict_line };
        }
    }
    return error;
}

static void every_rule_has_its_verdict_and_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct weir_sdp_error error = verdict_of(&row[i]);
        if (error.verdict != row[i].want || (row[i].line != 0 && error.line != row[i].line)) {
            fail_msg("%s: %s in line %u", row[i].name, weir_sdp_verdict_name(error.verdict), error.line);
        }
    }
}

static void attack_P1_size_lines_and_control_characters_are_limited(void **state)
{
    (void)state;
    struct weir_sdp_error error;
    char *text = malloc(1 << 20);
    memset(text, 'x', 1 << 20);
    assert_int_equal(weir_sdp_parse(weir_span_of(text, 1 << 20), &sdp, &error), WEIR_SDP_LONG);
    for (size_t i = 0; i < 40000; i += 4) {
        memcpy(text + i, "a=x\n", 4);
    }
    assert_int_equal(weir_sdp_parse(weir_span_of(text, 40000), &sdp, &error), WEIR_SDP_LONG);
    /* The last byte that is taken, and the first that is not. */
    size_t n = strlen(GOOD);
    memcpy(text, GOOD, n);
    memset(text + n, 'x', WEIR_SDP_BYTES_MAX + 1 - n);
    memcpy(text + n, "a=", 2);
    assert_int_equal(weir_sdp_parse(weir_span_of(text, WEIR_SDP_BYTES_MAX), &sdp, &error), WEIR_SDP_OK);
    assert_int_equal(weir_sdp_parse(weir_span_of(text, WEIR_SDP_BYTES_MAX + 1), &sdp, &error), WEIR_SDP_LONG);
    free(text);
    assert_int_equal(weir_sdp_parse(WEIR_LIT("v=0\r\ns=\0\r\n"), &sdp, &error), WEIR_SDP_CONTROL);
    assert_int_equal(weir_sdp_parse(WEIR_LIT("v=0\rs=-\r\n"), &sdp, &error), WEIR_SDP_CONTROL);
}

/* Sections beyond the table are counted, and answered as they are; payload types beyond theirs are passed
 * over. */
static void attack_P6_sections_and_payload_types_are_limited(void **state)
{
    (void)state;
    struct weir_sdp_error error;
    static char text[16000];
    static uint8_t room[32768];
    static struct weir_sdp answer;
    static const struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX] = { { .kind = WEIR_SDP_AUDIO } };
    size_t n = (size_t)snprintf(text, sizeof text, "%s%s", HEAD, DATA ICE DTLS);
    for (int i = 0; i < 70; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "m=image %d udptl t%d\r\n", 9 + i, i);
    }
    assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &sdp, &error), WEIR_SDP_OK);
    assert_int_equal(sdp.medias, WEIR_SDP_MEDIA_MAX);
    assert_int_equal(sdp.rest_medias, 71 - WEIR_SDP_MEDIA_MAX);
    assert_int_equal(weir_sdp_judge_offer(&sdp, &side, &error), WEIR_SDP_OK);
    weir_sdp_make_answer(&sdp, &side, section, &answer);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    assert_true(weir_sdp_write(&w, &answer));
    /* One that cannot be answered refuses the whole, as within the table. */
    n += (size_t)snprintf(text + n, sizeof text - n, "a=x\r\nm=image 9\r\n");
    assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &back, &error), WEIR_SDP_MEDIA);
    assert_int_equal(error.line, 4 + 6 + 70 + 2);
    for (int i = 0; i < 70; i++) {
        snprintf(text, 40, "m=image 0 udptl t%d\r\n", i);
        room[w.len] = '\0';
        assert_non_null(strstr((const char *)room, text));
    }
    n = (size_t)snprintf(text, sizeof text, "%sm=audio 9 UDP/TLS/RTP/SAVPF", HEAD);
    for (int i = 0; i < 128; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, " %d", i);
    }
    assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &sdp, &error), WEIR_SDP_OK);
    assert_int_equal(sdp.media[0].codecs, WEIR_SDP_CODECS_MAX);
    assert_int_equal(sdp.passed_over, 128 - WEIR_SDP_CODECS_MAX);
    for (n = (size_t)snprintf(text, sizeof text, "%s", HEAD); sdp.codecs < WEIR_SDP_CODECS_ALL;) {
        size_t before = n;
        n += (size_t)snprintf(text + n, sizeof text - n, "m=audio 9 UDP/TLS/RTP/SAVPF");
        for (int i = 0; i < 96; i++) {
            n += (size_t)snprintf(text + n, sizeof text - n, " %d", i);
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
        assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &sdp, &error), WEIR_SDP_OK);
        assert_true(n > before && sdp.codecs <= WEIR_SDP_CODECS_ALL);
    }
}

static void attack_P8_an_answer_must_fit_its_offer(void **state)
{
    (void)state;
    struct weir_sdp_error error;
    assert_int_equal(weir_sdp_parse(WEIR_LIT(GOOD), &offer, &error), WEIR_SDP_OK);
    static const struct {
        const char *text;
        enum weir_sdp_verdict want;
    } answer[] = {
        { GOOD, WEIR_SDP_ANSWER_SETUP },
        { HEAD, WEIR_SDP_ANSWER_SHAPE },
        { HEAD AUDIO ICE HASH "a=setup:active\r\na=mid:0\r\na=rtcp-mux\r\n", WEIR_SDP_ANSWER_SHAPE },
        { HEAD DATA ICE HASH "a=setup:active\r\na=mid:9\r\na=sctp-port:1\r\n", WEIR_SDP_ANSWER_SHAPE },
        { HEAD DATA ICE HASH "a=setup:active\r\na=mid:0\r\na=sctp-port:1\r\n", WEIR_SDP_OK },
        { HEAD DATA ICE HASH "a=setup:active\r\na=sctp-port:1\r\n", WEIR_SDP_OK }, /* who does not group */
        { HEAD DATA ICE HASH "a=mid:0\r\n", WEIR_SDP_OK }, /* [RFC 4145 4.1] passive */
        { HEAD "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n", WEIR_SDP_OK },
    };
    for (size_t i = 0; i < sizeof answer / sizeof answer[0]; i++) {
        assert_int_equal(weir_sdp_parse(weir_span_of(answer[i].text, strlen(answer[i].text)), &sdp,
                                        &error), WEIR_SDP_OK);
        assert_int_equal(weir_sdp_judge_answer(&offer, &sdp, &error), answer[i].want);
    }
    /* Those behind the table count, too. */
    assert_int_equal(weir_sdp_parse(WEIR_LIT(HEAD DATA ICE HASH "a=setup:active\r\na=mid:0\r\n"), &sdp, &error),
                     WEIR_SDP_OK);
    sdp.rest_medias = 1;
    assert_int_equal(weir_sdp_judge_answer(&offer, &sdp, &error), WEIR_SDP_ANSWER_SHAPE);
}

static void one_end_at_least_checks_paths(void **state)
{
    (void)state;
    struct weir_sdp_error error;
    struct weir_sdp_local local = { .is_lite = true };
    const char *lite = HEAD "a=ice-lite\r\n" DATA ICE HASH "a=setup:active\r\na=mid:0\r\na=sctp-port:1\r\n";
    assert_int_equal(weir_sdp_parse(weir_span_of(lite, strlen(lite)), &sdp, &error), WEIR_SDP_OK);
    assert_true(sdp.has_ice_lite);
    assert_int_equal(weir_sdp_judge_offer(&sdp, &local, &error), WEIR_SDP_BOTH_LITE);
    local.is_lite = false;
    assert_int_equal(weir_sdp_judge_offer(&sdp, &local, &error), WEIR_SDP_OK);
    assert_int_equal(weir_sdp_parse(WEIR_LIT(GOOD), &offer, &error), WEIR_SDP_OK);
    assert_int_equal(weir_sdp_judge_answer(&offer, &sdp, &error), WEIR_SDP_OK);
    offer.has_ice_lite = true;
    assert_int_equal(weir_sdp_judge_answer(&offer, &sdp, &error), WEIR_SDP_BOTH_LITE);
}

static void every_verdict_has_a_name_a_text_and_a_row(void **state)
{
    (void)state;
    bool has_row[WEIR_SDP_VERDICTS] = { false };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        has_row[row[i].want] = true;
    }
    /* These have tests of their own above. */
    has_row[WEIR_SDP_LONG] = true;
    has_row[WEIR_SDP_ANSWER_SHAPE] = has_row[WEIR_SDP_ANSWER_SETUP] = true;
    has_row[WEIR_SDP_BOTH_LITE] = true;
    for (int v = 0; v < WEIR_SDP_VERDICTS; v++) {
        if (!has_row[v]) {
            fail_msg("no row breaks %s", weir_sdp_verdict_name((enum weir_sdp_verdict)v));
        }
        assert_true(strlen(weir_sdp_verdict_text((enum weir_sdp_verdict)v)) > 10);
    }
}

/* -- What stands where it does not count, and what would not fit ------------------------------------- */

/* [RFC 8839 5.3] a=ice-lite speaks for the whole: a section that says it makes nobody lite. */
static void a_section_is_not_lite(void **state)
{
    (void)state;
    struct weir_sdp_error error;
    assert_int_equal(weir_sdp_parse(WEIR_LIT(GOOD "a=ice-lite\r\n"), &sdp, &error), WEIR_SDP_OK);
    assert_false(sdp.has_ice_lite);
}

/* [RFC 8122 5] Eight of the strongest kind; the ninth is passed over, and the eight stay as they were. */
static void fingerprints_have_room_for_eight(void **state)
{
    (void)state;
    struct weir_sdp_error error;
    char text[4000];
    size_t n = (size_t)snprintf(text, sizeof text, "%s", HEAD DATA ICE "a=setup:actpass\r\na=mid:0\r\n");
    for (int i = 0; i < WEIR_SDP_FINGERPRINTS_MAX + 1; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "a=fingerprint:sha-256 %02X", i);
        for (int k = 1; k < 32; k++) {
            n += (size_t)snprintf(text + n, sizeof text - n, ":00");
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
    }
    assert_int_equal(weir_sdp_parse(weir_span_of(text, n), &sdp, &error), WEIR_SDP_OK);
    assert_int_equal(sdp.media[0].fingerprints, WEIR_SDP_FINGERPRINTS_MAX);
    assert_int_equal(sdp.first_passed.verdict, WEIR_SDP_FINGERPRINT);
    assert_int_equal(sdp.passed_over, 1);
    for (int i = 0; i < WEIR_SDP_FINGERPRINTS_MAX; i++) {
        assert_int_equal(sdp.media[0].fingerprint[i].digest[0], i);
    }
}

/* All sections of an offer together have room for so many payload types: the last ones go without. */
static void an_offer_never_outgrows_its_room(void **state)
{
    (void)state;
    static struct weir_sdp_codec full[WEIR_SDP_CODECS_MAX];
    static struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX];
    struct weir_sdp_local local = { .session_id = WEIR_LIT("1") };
    for (int i = 0; i < WEIR_SDP_CODECS_MAX; i++) {
        full[i] = (struct weir_sdp_codec){ .payload_type = (uint8_t)i, .clock_hz = 48000,
                                           .name = WEIR_LIT("opus") };
    }
    for (int i = 0; i < WEIR_SDP_MEDIA_MAX; i++) {
        section[i] = (struct weir_sdp_section){ .kind = WEIR_SDP_AUDIO, .direction = WEIR_SDP_SENDRECV,
                                                .codec = full, .codecs = WEIR_SDP_CODECS_MAX };
    }
    weir_sdp_make_offer(&local, section, WEIR_SDP_MEDIA_MAX, &offer);
    assert_int_equal(offer.codecs, WEIR_SDP_CODECS_ALL);
    for (uint32_t i = 0; i < WEIR_SDP_MEDIA_MAX; i++) {
        bool has_room = i < WEIR_SDP_CODECS_ALL / WEIR_SDP_CODECS_MAX;
        assert_int_equal(offer.media[i].codecs, has_room ? WEIR_SDP_CODECS_MAX : 0);
    }
}

/* -- What is agreed ---------------------------------------------------------------------------------- */

/* An answer to this offer, with a section that wants this; true when it has the line. */
static bool answer_has(const char *text, const struct weir_sdp_local *local, enum weir_sdp_direction wanted,
                       const char *line)
{
    struct weir_sdp_error error;
    uint8_t room[3000];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room - 1 });
    const struct weir_sdp_section section = { .direction = wanted };
    assert_int_equal(weir_sdp_parse(weir_span_of(text, strlen(text)), &offer, &error), WEIR_SDP_OK);
    assert_int_equal(weir_sdp_judge_offer(&offer, local, &error), WEIR_SDP_OK);
    weir_sdp_make_answer(&offer, local, &section, &sdp);
    assert_true(weir_sdp_write(&w, &sdp));
    room[w.len] = '\0';
    return strstr((const char *)room, line) != NULL;
}

/* [RFC 3264 6.1] What we send is no more than we want to send and they want to receive. */
static void a_direction_is_what_both_want(void **state)
{
    (void)state;
    static const char *const line[] = { "a=inactive\r\n", "a=sendonly\r\n", "a=recvonly\r\n",
                                        "a=sendrecv\r\n" };
    static const enum weir_sdp_direction all[] = { WEIR_SDP_INACTIVE, WEIR_SDP_SENDONLY, WEIR_SDP_RECVONLY,
                                                   WEIR_SDP_SENDRECV };
    static const uint8_t want[4][4] = { /* [theirs][ours] */
        { 0, 0, 0, 0 }, { 0, 0, 2, 2 }, { 0, 1, 0, 1 }, { 0, 1, 2, 3 },
    };
    struct weir_sdp_local local = { .session_id = WEIR_LIT("1"), .ufrag = WEIR_LIT("abcd"), .codec = codecs,
                                    .pwd = WEIR_LIT("0123456789012345678901"), .cname = WEIR_LIT("c") };
    for (int theirs = 0; theirs < 4; theirs++) {
        for (int ours = 0; ours < 4; ours++) {
            char text[2000];
            snprintf(text, sizeof text, "%s%s", HEAD AUDIO "a=rtpmap:111 opus/48000/2\r\n" ICE DTLS
                     "a=mid:0\r\na=rtcp-mux\r\n", line[theirs]);
            assert_true(answer_has(text, &local, all[ours], line[want[theirs][ours]]));
        }
    }
}

/* What was agreed on is offered again as it was: a codec with all of its configuration, a track under its name. */
static void an_offer_repeats_what_was_agreed(void **state)
{
    (void)state;
    static const char video[] = HEAD "m=video 9 UDP/TLS/RTP/SAVPF 102\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 "
                                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" ICE DTLS;
    struct weir_sdp_error error;
    uint8_t room[3000];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room - 1 });
    struct weir_sdp_local local = { .session_id = WEIR_LIT("1"), .cname = WEIR_LIT("c") };
    struct weir_sdp_codec codec = { .payload_type = 102, .clock_hz = 90000, .name = WEIR_LIT("H264") };
    struct weir_sdp_section section = { .kind = WEIR_SDP_VIDEO, .direction = WEIR_SDP_SENDRECV, .ssrc = 7,
                                        .msid = WEIR_LIT("stream track"), .codec = &codec, .codecs = 1 };
    assert_int_equal(weir_sdp_parse(WEIR_LIT(video), &sdp, &error), WEIR_SDP_OK);
    assert_true(weir_sdp_codec_config(&sdp.media[0].codec[0], &codec.config));
    weir_sdp_make_offer(&local, &section, 1, &offer);
    assert_true(weir_sdp_write(&w, &offer));
    room[w.len] = '\0';
    assert_non_null(strstr((const char *)room, "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;"
                                               "profile-level-id=42e01f\r\n"));
    assert_non_null(strstr((const char *)room, "a=msid:stream track\r\n"));
}

/* An answer says of a=tls-id and SPED no more than the offer did [RFC 8842 5.3 MUST NOT]. */
static void an_answer_names_what_was_offered_alone(void **state)
{
    (void)state;
    struct weir_sdp_local local = { .session_id = WEIR_LIT("1"), .ufrag = WEIR_LIT("abcd"), .sctp_port = 5000,
                                    .pwd = WEIR_LIT("0123456789012345678901"),
                                    .tls_id = WEIR_LIT("abcdefghijklmnopqrstuvwxyz"),
                                    .sped = WEIR_SDP_SPED | WEIR_SDP_SPED_GOOG };
    const enum weir_sdp_direction both = WEIR_SDP_SENDRECV;
    assert_false(answer_has(GOOD, &local, both, "a=tls-id"));
    assert_true(answer_has(GOOD "a=tls-id:01234567890123456789\r\n", &local, both,
                           "a=tls-id:abcdefghijklmnopqrstuvwxyz\r\n"));
    assert_false(answer_has(GOOD, &local, both, "sped"));
    assert_true(answer_has(GOOD "a=ice-options:trickle sped\r\n", &local, both, "sped"));
    assert_false(answer_has(GOOD "a=ice-options:trickle sped\r\n", &local, both, "googspedv1"));
    assert_true(answer_has(GOOD "a=ice-options:googspedv1\r\n", &local, both, "googspedv1"));
}

/* -- Base64 and the INIT chunk of SNAP ----------------------------------------------------------- */

static void base64_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } good[] = { { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" }, { "Zm9vYg==", "foob" },
                 { "Zm9vYmE=", "fooba" }, { "Zm9vYmFy", "foobar" } }; /* [RFC 4648 10] */
    static const char *const bad[] = { "", "=", "====", "Zg", "Zg=", "Zg==Zg==", "Z===", "Zm9v ", "Zm9v\n",
                                       " Zm9v", "Zh==", "Zm9=", "Zm-v", "Zm_v", "Z=8=", "Zm9vZm9vZm9v" };
    uint8_t out[8], text[16];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct weir_span s = weir_span_of(good[i].text, strlen(good[i].text));
        size_t n = strlen(good[i].bytes);
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
        assert_int_equal(weir_sdp_base64_read(s, (struct weir_mspan){ out, sizeof out }), n);
        assert_memory_equal(out, good[i].bytes, n);
        assert_int_equal(weir_sdp_base64_read(s, (struct weir_mspan){ out, n - 1 }), 0);
        weir_sdp_base64_write(&w, weir_span_of(good[i].bytes, n));
        assert_true(weir_span_eq(weir_span_of(text, w.len), s));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (weir_sdp_base64_read(weir_span_of(bad[i], strlen(bad[i])),
                                 (struct weir_mspan){ out, sizeof out }) != 0) {
            fail_msg("\"%s\" was read", bad[i]);
        }
    }
}

static void an_init_chunk_is_answered_only_when_offered(void **state)
{
    (void)state;
    static const struct {
        const char *offer;
        bool we_have, want;
    } snap[] = {
        { GOOD "a=sctp-init:Zm9v\r\n", true, true },
        { GOOD "a=sctp-init:Zm9v\r\n", false, false },
        { GOOD, true, false },
        { GOOD "a=sctp-init:\r\n", true, false },
        { GOOD "a=sctp-initial:Zm9v\r\n", true, false },
        { HEAD "a=sctp-init:Zm9v\r\na=group:BUNDLE 0\r\n" DATA ICE DTLS "a=mid:0\r\na=sctp-port:5000\r\n",
          true, false },
    };
    for (size_t i = 0; i < sizeof snap / sizeof snap[0]; i++) {
        struct weir_sdp_error error;
        uint8_t text[2000];
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text - 1 });
        const struct weir_sdp_section section = { .kind = WEIR_SDP_DATA, .direction = WEIR_SDP_SENDRECV };
        struct weir_sdp_local local = { .session_id = WEIR_LIT("1"), .ufrag = WEIR_LIT("abcd"),
                                        .pwd = WEIR_LIT("0123456789012345678901"), .sctp_port = 5000,
                                        .sctp_init = WEIR_LIT("YmFy") };
        local.sctp_init.n = snap[i].we_have ? 4 : 0;
        assert_int_equal(weir_sdp_parse(weir_span_of(snap[i].offer, strlen(snap[i].offer)), &offer, &error),
                         WEIR_SDP_OK);
        assert_int_equal(weir_sdp_judge_offer(&offer, &local, &error), WEIR_SDP_OK);
        weir_sdp_make_answer(&offer, &local, &section, &sdp);
        assert_true(weir_sdp_write(&w, &sdp));
        text[w.len] = '\0';
        assert_true((strstr((char *)text, "a=sctp-init:YmFy\r\n") != NULL) == snap[i].want);
        assert_true((strstr((char *)text, "sctp-init") != NULL) == snap[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_its_verdict_and_line),
        cmocka_unit_test(a_section_is_not_lite),
        cmocka_unit_test(fingerprints_have_room_for_eight),
        cmocka_unit_test(an_offer_never_outgrows_its_room),
        cmocka_unit_test(a_direction_is_what_both_want),
        cmocka_unit_test(an_offer_repeats_what_was_agreed),
        cmocka_unit_test(an_answer_names_what_was_offered_alone),
        cmocka_unit_test(base64_is_read_strictly),
        cmocka_unit_test(an_init_chunk_is_answered_only_when_offered),
        cmocka_unit_test(attack_P1_size_lines_and_control_characters_are_limited),
        cmocka_unit_test(attack_P6_sections_and_payload_types_are_limited),
        cmocka_unit_test(attack_P8_an_answer_must_fit_its_offer),
        cmocka_unit_test(one_end_at_least_checks_paths),
        cmocka_unit_test(every_verdict_has_a_name_a_text_and_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
