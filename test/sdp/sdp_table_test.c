/* Offers as the world writes them: what is harmless is taken, what is faulty or not done here is rejected
 * alone, and the whole is refused only when nothing of it can be used, by line and rule. Each row of
 * test/data/sdp/offers.tsv is a name, what Chromium did, what we do, and the offer.
 *
 *     sdp_table_test --print    the rows once more, with what we do now
 */
#include "sdp/sdp.h"
#include "test/support/support.h"

static const struct weir_sdp_codec_name codecs[] = {
    { "opus", WEIR_SDP_AUDIO, 48000, 2, 111, "minptime=10;useinbandfec=1" },
    { "PCMU", WEIR_SDP_AUDIO, 8000, 1, 0, NULL },
    { "VP8", WEIR_SDP_VIDEO, 90000, 0, 96, NULL },
    { "VP9", WEIR_SDP_VIDEO, 90000, 0, 98, "profile-id=0" },
    { "H264", WEIR_SDP_VIDEO, 90000, 0, 102,
      "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" },
    { "AV1", WEIR_SDP_VIDEO, 90000, 0, 45, NULL },
    { NULL, WEIR_SDP_OTHER, 0, 0, 0, NULL },
};

enum { ROOM = 32768 };

/* \r, \n, \t and \\ are what they are in C. */
static size_t unescape(const char *text, size_t n, char *out)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < n) {
            c = text[++i];
            c = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        out[m++] = c;
    }
    return m;
}

/* The lines of an answer that say what was agreed on. */
static bool is_telling(const char *line)
{
    static const char *const head[] = { "m=", "a=group", "a=setup", "a=sendrecv", "a=sendonly",
                                        "a=recvonly", "a=inactive", "a=fmtp", "a=sctp" };
    bool is = false;
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        is |= strncmp(line, head[i], strlen(head[i])) == 0;
    }
    return is;
}

static void brief(const char *answer, size_t n, char *out)
{
    size_t m = 0;
    out[0] = '\0';
    for (size_t at = 0; at < n;) {
        size_t len = (size_t)((const char *)memchr(answer + at, '\r', n - at) - (answer + at));
        if (is_telling(answer + at)) {
            m += (size_t)snprintf(out + m, ROOM - m, "%s%.*s", m == 0 ? "" : " | ", (int)len, answer + at);
        }
        at += len + 2;
    }
}

/* What we do with an offer, as a line. */
static void what_we_do(const char *text, size_t n, char *out)
{
    static struct weir_sdp offer, answer, back;
    static uint8_t room[ROOM];
    struct weir_sdp_error error;
    const struct weir_sdp_local local = { .session_id = WEIR_LIT("1"), .ufrag = WEIR_LIT("abcd"),
                                          .pwd = WEIR_LIT("0123456789abcdefghijklmn"),
                                          .setup = WEIR_SDP_ACTIVE, .sctp_port = 5000,
                                          .max_message_size = 262144, .cname = WEIR_LIT("weir"),
                                          .codec = codecs, .codecs_max = 12 };
    struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX];
    for (uint32_t i = 0; i < WEIR_SDP_MEDIA_MAX; i++) {
        section[i] = (struct weir_sdp_section){ .direction = WEIR_SDP_SENDRECV, .ssrc = 1000 + i };
    }
    char *exact = malloc(n + 1); /* so that a sanitizer sees a read of one byte over */
    memcpy(exact, text, n);
    struct weir_span span = weir_span_of(exact, n);
    if (weir_sdp_parse(span, &offer, &error) != WEIR_SDP_OK
        || weir_sdp_judge_offer(&offer, &local, &error) != WEIR_SDP_OK) {
        snprintf(out, ROOM, "refused: line %u, %s", error.line, weir_sdp_verdict_name(error.verdict));
        free(exact);
        return;
    }
    weir_sdp_make_answer(&offer, &local, section, &answer);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    assert_true(weir_sdp_write(&w, &answer));
    assert_int_equal(weir_sdp_parse(weir_span_of(room, w.len), &back, &error), WEIR_SDP_OK);
    assert_int_equal(back.medias, offer.medias);
    assert_int_equal(back.passed_over, 0); /* ours keeps every rule */
    brief((const char *)room, w.len, out);
    free(exact);
}

static unsigned rows(bool print)
{
    static char text[ROOM], got[ROOM];
    struct weir_mspan file = test_read_file("test/data/sdp/offers.tsv");
    unsigned count = 0, wrong = 0;
    for (char *at = (char *)file.p, *end = at + file.n; at < end; count++) {
        char *stop = memchr(at, '\n', (size_t)(end - at)), *column[4] = { at };
        for (unsigned i = 1; i < 4; i++) {
            column[i] = (char *)memchr(column[i - 1], '\t', (size_t)(stop - column[i - 1])) + 1;
            column[i][-1] = '\0';
        }
        what_we_do(text, unescape(column[3], (size_t)(stop - column[3]), text), got);
        if (print) {
            printf("%s\t%s\t%s\t%.*s\n", column[0], column[1], got, (int)(stop - column[3]), column[3]);
        } else if (strcmp(got, column[2]) != 0) {
            print_error("%s:\n  does     %s\n  expected %s\n", column[0], got, column[2]);
            wrong++;
        }
        at = stop + 1;
    }
    free(file.p);
    assert_int_equal(wrong, 0);
    return count;
}

static void every_offer_is_answered_or_refused_as_it_should(void **state)
{
    (void)state;
    assert_true(rows(false) >= 140);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_offer_is_answered_or_refused_as_it_should),
    };
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        rows(true);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
