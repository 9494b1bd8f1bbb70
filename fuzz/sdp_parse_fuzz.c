/* Descriptions: parsed, judged, answered; an answer to a good offer reads back, keeps every rule, fits the
 * offer, and has no option that the offer had not. What configures a codec is the same when it is written
 * again. Base64 that reads is what its bytes are written as. */
#include <stdlib.h>

#include "sdp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct weir_sdp_codec_name codecs[] = {
    { "opus", WEIR_SDP_AUDIO, 48000, 2, 111, NULL },
    { "VP8", WEIR_SDP_VIDEO, 90000, 0, 96, NULL },
    { "H264", WEIR_SDP_VIDEO, 90000, 0, 102, NULL },
    { "VP9", WEIR_SDP_VIDEO, 90000, 0, 98, NULL },
    { "AV1", WEIR_SDP_VIDEO, 90000, 0, 45, NULL },
    { NULL, WEIR_SDP_OTHER, 0, 0, 0, NULL },
};

static void check_base64(struct weir_span text)
{
    uint8_t bytes[256], again[400];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ again, sizeof again });
    size_t n = weir_sdp_base64_read(text, (struct weir_mspan){ bytes, sizeof bytes });
    weir_sdp_base64_write(&w, weir_span_of(bytes, n));
    if (n > sizeof bytes || (n != 0 && !weir_span_eq(weir_span_of(again, w.len), text))) {
        abort();
    }
}

/* What was not offered is not answered. */
static void check_options(const struct weir_sdp *offer, const struct weir_sdp *answer)
{
    const struct weir_sdp_media *transport = weir_sdp_transport(offer);
    if ((transport == NULL) != (weir_sdp_transport(answer) == NULL)) {
        abort();
    }
    for (uint32_t i = 0; i < answer->medias; i++) {
        const struct weir_sdp_media *o = &offer->media[i], *a = &answer->media[i];
        check_base64(o->sctp_init);
        if ((a->sctp_init.n != 0 && o->sctp_init.n == 0) || (a->port != 0 && !weir_sdp_is_accepted(o))
            || (transport != NULL && (a->sped & ~transport->sped) != 0)
            || (transport != NULL && a->tls_id.n != 0 && transport->tls_id.n == 0)) {
            abort();
        }
    }
}

static void check_codecs(const struct weir_sdp *answer, const struct weir_sdp *back)
{
    for (uint32_t i = 0; i < answer->medias; i++) {
        const struct weir_sdp_media *a = &answer->media[i], *b = &back->media[i];
        for (uint32_t k = 0; k < a->codecs && a->port != 0; k++) {
            uint32_t said, read;
            if (!weir_sdp_codec_config(&a->codec[k], &said) || b->codecs != a->codecs
                || !weir_sdp_codec_config(&b->codec[k], &read)
                || !weir_sdp_same_config(a->codec[k].name, said, read)) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct weir_sdp offer, answer, back;
    static uint8_t room[1 << 18];
    struct weir_sdp_error error;
    struct weir_sdp_local local = { .session_id = WEIR_LIT("1"), .ufrag = WEIR_LIT("abcd"),
                                    .pwd = WEIR_LIT("0123456789012345678901"), .sctp_port = 5000,
                                    .cname = WEIR_LIT("c"), .codec = codecs,
                                    .sped = WEIR_SDP_SPED | WEIR_SDP_SPED_GOOG,
                                    .sctp_init = WEIR_LIT("YmFy"),
                                    .tls_id = WEIR_LIT("abc3de65cddef001be82") };
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
    check_options(&offer, &answer);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ room, sizeof room });
    if (!weir_sdp_write(&w, &answer)) {
        return 0; /* an offer of many long lines may be answered by more than fits */
    }
    v = weir_sdp_parse(weir_span_of(room, w.len), &back, &error);
    if (v == WEIR_SDP_LONG) {
        return 0;
    }
    if (v != WEIR_SDP_OK || back.passed_over != 0 || back.medias != offer.medias
        || back.rest_medias != offer.rest_medias
        || weir_sdp_judge_answer(&offer, &back, &error) != WEIR_SDP_OK) {
        abort();
    }
    check_codecs(&answer, &back);
    return 0;
}
