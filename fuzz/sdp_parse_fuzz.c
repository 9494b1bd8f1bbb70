/* Descriptions: parsed, judged, answered; an answer to a good offer reads back and fits the offer. */
#include <stdlib.h>

#include "sdp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct weir_sdp_codec_name codecs[] = {
    { "opus", WEIR_SDP_AUDIO, 48000, 2, 111, NULL },
    { "VP8", WEIR_SDP_VIDEO, 90000, 0, 96, NULL },
    { "H264", WEIR_SDP_VIDEO, 90000, 0, 102, NULL },
    { NULL, WEIR_SDP_OTHER, 0, 0, 0, NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct weir_sdp offer, answer, back;
    static uint8_t room[1 << 17];
    struct weir_sdp_error error;
    struct weir_sdp_local local = { .session_id = WEIR_LIT("1"), .ufrag = WEIR_LIT("abcd"),
                                    .pwd = WEIR_LIT("0123456789012345678901"), .sctp_port = 5000,
                                    .cname = WEIR_LIT("c"), .codec = codecs };
    struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX] = { { 0 } };
    enum weir_sdp_verdict v = weir_sdp_parse(weir_span_of(data, n), &offer, &error);
    if (v >= WEIR_SDP_VERDICTS || v != error.verdict) {
        abort();
    }
    if (v != WEIR_SDP_OK || weir_sdp_judge_offer(&offer, &local, &error) != WEIR_SDP_OK) {
        return 0;
    }
    for (uint32_t i = 0; i < WEIR_SDP_MEDIA_MAX; i++) {
        section[i].direction = WEIR_SDP_SENDRECV;
        section[i].ssrc = 1 + i;
    }
    weir_sdp_make_answer(&offer, &local, section, &answer);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    if (!weir_sdp_write(&w, &answer)) {
        return 0; /* an offer of many long lines may be answered by more than fits */
    }
    v = weir_sdp_parse(weir_span_of(room, w.len), &back, &error);
    if (v != WEIR_SDP_OK && v != WEIR_SDP_LONG) {
        abort();
    }
    return 0;
}
