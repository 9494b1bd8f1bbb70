/* Offer and answer [RFC 3264, RFC 8829], on one transport.
 *
 *   judging   a description of the peer, before anything of ours changes;
 *   offering  sections of ours, all bundled;
 *   answering each section of the offer: data, or the codecs both sides know, or a rejection.
 */
#include "sdp/sdp_int.h"

bool weir_sdp_is_accepted(const struct weir_sdp_media *m)
{
    return m->kind != WEIR_SDP_OTHER && (m->port != 0 || m->is_bundle_only);
}

const struct weir_sdp_media *weir_sdp_transport(const struct weir_sdp *sdp)
{
    for (uint32_t i = 0; i < sdp->medias; i++) {
        if (weir_sdp_is_accepted(&sdp->media[i])) {
            return &sdp->media[i];
        }
    }
    return NULL;
}

/* -- Codecs ------------------------------------------------------------------------------------ */

static struct weir_span text_span(const char *s)
{
    size_t n = 0;
    while (s != NULL && s[n] != '\0') {
        n++;
    }
    return weir_span_of(s, n);
}

static bool same_channels(uint8_t a, uint8_t b)
{
    return (a == 0 ? 1 : a) == (b == 0 ? 1 : b); /* [RFC 8866 6.6] one when not said */
}

/* Do we know this codec? Formats that only repeat or repair others are never in the list. */
static const struct weir_sdp_codec_name *known_codec(const struct weir_sdp_local *local,
                                                     enum weir_sdp_kind kind,
                                                     const struct weir_sdp_codec *c)
{
    for (const struct weir_sdp_codec_name *k = local->codec; k != NULL && k->name != NULL; k++) {
        if (k->kind == kind && k->clock_hz == c->clock_hz && same_channels(k->channels, c->channels)
            && weir_sdp_same_name(text_span(k->name), c->name)) {
            return k;
        }
    }
    return NULL;
}

/* Which format parameters we understand, and so may repeat in an answer. */
static bool fmtp_key_is_known(struct weir_span key)
{
    static const char *const known[] = {
        "minptime", "useinbandfec", "stereo", "sprop-stereo", "maxplaybackrate", /* RFC 7587 */
        "level-asymmetry-allowed", "packetization-mode", "profile-level-id",     /* RFC 6184 */
        "profile-id", "max-fs", "max-fr",                                        /* RFC 7741, VP9 */
        "level-idx", "profile", "tier",                                          /* AV1 */
    };
    bool is_known = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        is_known |= weir_sdp_is(key, known[i]);
    }
    return is_known;
}

/* A format line is repeated only when we understand all of it. */
static bool fmtp_is_known(struct weir_span fmtp)
{
    struct weir_rd r = weir_rd_of(fmtp);
    struct weir_span pair, key;
    bool is_known = fmtp.n != 0;
    while (is_known && r.n != 0) {
        if (!weir_sdp_word(&r, ';', &pair)) {
            return false;
        }
        struct weir_rd p = weir_rd_of(pair);
        while (p.n != 0 && p.p[0] == ' ') {
            is_known = weir_rd_skip(&p, 1);
        }
        is_known = is_known && weir_sdp_word(&p, '=', &key) && fmtp_key_is_known(key);
    }
    return is_known;
}

static void take_codecs(const struct weir_sdp_media *theirs, const struct weir_sdp_local *local,
                        struct weir_sdp_media *ours)
{
    const uint8_t usable = theirs->kind == WEIR_SDP_VIDEO
                               ? WEIR_SDP_FB_NACK | WEIR_SDP_FB_PLI | WEIR_SDP_FB_FIR
                               : 0;
    for (uint32_t i = 0; i < theirs->codecs; i++) {
        const struct weir_sdp_codec *c = &theirs->codec[i];
        if (known_codec(local, theirs->kind, c) != NULL) {
            struct weir_sdp_codec *mine = &ours->codec[ours->codecs++];
            *mine = *c;
            mine->feedback = c->feedback & usable;
            if (!fmtp_is_known(c->fmtp)) {
                mine->fmtp = weir_span_of(NULL, 0);
            }
        }
    }
}

/* Of the extensions only the mid is used. */
static void take_extensions(const struct weir_sdp_media *theirs, struct weir_sdp_media *ours)
{
    for (uint32_t i = 0; i < theirs->exts; i++) {
        if (weir_sdp_is(theirs->ext[i].uri, SDP_EXT_MID)
            && theirs->ext[i].direction == WEIR_SDP_SENDRECV) {
            ours->ext[0] = theirs->ext[i];
            ours->exts = 1;
            return;
        }
    }
}

/* -- Judging ----------------------------------------------------------------------------------- */

static bool has_strong_fingerprint(const struct weir_sdp_media *m)
{
    bool is_strong = false;
    for (uint32_t i = 0; i < m->fingerprints; i++) {
        is_strong |= m->fingerprint[i].hash != WEIR_SDP_WEAK_HASH;
    }
    return is_strong;
}

/* What every section that is to be used must have. */
static enum weir_sdp_verdict judge_section(const struct weir_sdp *sdp, const struct weir_sdp_media *m)
{
    const struct weir_sdp_media *transport = weir_sdp_transport(sdp);
    if (m != transport && (!m->is_bundled || !transport->is_bundled)) {
        return WEIR_SDP_NOT_BUNDLED;
    }
    if (sdp->has_bundle && m->is_bundled && m->mid.n == 0) {
        return WEIR_SDP_MID;
    }
    if (transport->ufrag.n == 0 || transport->pwd.n == 0) {
        return WEIR_SDP_NO_ICE;
    }
    if (!has_strong_fingerprint(transport) || transport->setup == WEIR_SDP_SETUP_NONE) {
        return WEIR_SDP_NO_DTLS;
    }
    if (m->kind == WEIR_SDP_DATA) {
        return m->sctp_port != 0 ? WEIR_SDP_OK : WEIR_SDP_SCTP_PORT;
    }
    return m->has_rtcp_mux ? WEIR_SDP_OK : WEIR_SDP_RTCP_MUX;
}

static enum weir_sdp_verdict judge(const struct weir_sdp *sdp, struct weir_sdp_error *error)
{
    error->verdict = WEIR_SDP_NOTHING;
    error->line = 0;
    for (uint32_t i = 0; i < sdp->medias; i++) {
        const struct weir_sdp_media *m = &sdp->media[i];
        if (!weir_sdp_is_accepted(m)) {
            continue;
        }
        error->verdict = judge_section(sdp, m);
        if (error->verdict != WEIR_SDP_OK) {
            error->line = m->line;
            return error->verdict;
        }
    }
    return error->verdict;
}

enum weir_sdp_verdict weir_sdp_judge_offer(const struct weir_sdp *offer,
                                           const struct weir_sdp_local *local,
                                           struct weir_sdp_error *error)
{
    if (offer->has_ice_lite && local->is_lite) {
        error->line = 0;
        return error->verdict = WEIR_SDP_BOTH_LITE;
    }
    return judge(offer, error);
}

enum weir_sdp_verdict weir_sdp_judge_answer(const struct weir_sdp *offer, const struct weir_sdp *answer,
                                            struct weir_sdp_error *error)
{
    error->line = 0;
    if (answer->medias != offer->medias) { /* [RFC 3264 6 MUST] */
        return error->verdict = WEIR_SDP_ANSWER_SHAPE;
    }
    if (answer->has_ice_lite && offer->has_ice_lite) {
        return error->verdict = WEIR_SDP_BOTH_LITE;
    }
    for (uint32_t i = 0; i < answer->medias; i++) {
        const struct weir_sdp_media *a = &answer->media[i], *o = &offer->media[i];
        error->line = a->line;
        bool is_used = weir_sdp_is_accepted(a);
        if (!weir_span_eq(a->media, o->media) || (is_used && !weir_span_eq(a->mid, o->mid))) {
            return error->verdict = WEIR_SDP_ANSWER_SHAPE;
        }
        if (is_used && a->setup == WEIR_SDP_ACTPASS) {
            return error->verdict = WEIR_SDP_ANSWER_SETUP;
        }
    }
    return judge(answer, error);
}

/* -- Building ---------------------------------------------------------------------------------- */

static void describe_transport(const struct weir_sdp_local *local, enum weir_sdp_setup setup,
                               bool has_candidates, struct weir_sdp_media *m)
{
    m->ufrag = local->ufrag;
    m->pwd = local->pwd;
    m->has_trickle = true;
    m->sped = local->sped;
    m->setup = setup;
    m->fingerprints = 1;
    m->fingerprint[0].hash = WEIR_SDP_SHA256;
    m->fingerprint[0].bytes = 32;
    memcpy(m->fingerprint[0].digest, local->fingerprint_sha256, 32);
    for (uint32_t i = 0; has_candidates && i < local->candidates && i < WEIR_SDP_CANDIDATES_MAX; i++) {
        m->candidate[m->candidates++] = local->candidate[i];
    }
    m->has_end_of_candidates = has_candidates && local->has_end_of_candidates;
}

static void describe_data(const struct weir_sdp_local *local, struct weir_sdp_media *m)
{
    m->sctp_port = local->sctp_port;
    m->max_message_size = local->max_message_size;
    m->sctp_init = local->sctp_init;
}

static void describe_source(const struct weir_sdp_local *local, const struct weir_sdp_section *section,
                            struct weir_sdp_media *m)
{
    if ((m->direction & WEIR_SDP_SENDONLY) != 0 && section->ssrc != 0) {
        m->ssrcs = 1;
        m->ssrc[0] = section->ssrc;
        m->cname = local->cname;
        m->msid = section->msid;
    }
}

static void begin(const struct weir_sdp_local *local, struct weir_sdp *sdp)
{
    memset(sdp, 0, sizeof *sdp);
    sdp->session_id = local->session_id;
    sdp->session_version = local->session_version;
    sdp->has_bundle = true;
    sdp->has_extmap_allow_mixed = true;
    sdp->has_ice_lite = local->is_lite;
}

/* What we send is what they receive, and the other way round. */
static enum weir_sdp_direction reversed(enum weir_sdp_direction d)
{
    return d == WEIR_SDP_SENDONLY   ? WEIR_SDP_RECVONLY
           : d == WEIR_SDP_RECVONLY ? WEIR_SDP_SENDONLY
                                    : d;
}

static enum weir_sdp_setup answer_setup(enum weir_sdp_setup offered, enum weir_sdp_setup liked)
{
    return offered == WEIR_SDP_ACTIVE    ? WEIR_SDP_PASSIVE
           : offered == WEIR_SDP_PASSIVE ? WEIR_SDP_ACTIVE
           : liked == WEIR_SDP_PASSIVE   ? WEIR_SDP_PASSIVE
                                         : WEIR_SDP_ACTIVE; /* [RFC 8842 5.3 SHOULD] */
}

static void answer_section(const struct weir_sdp_media *theirs, const struct weir_sdp_local *local,
                           const struct weir_sdp_section *section, struct weir_sdp_media *m)
{
    m->kind = theirs->kind;
    m->media = theirs->media;
    m->profile = theirs->profile;
    m->format = theirs->format;
    m->mid = theirs->mid;
    bool is_media = theirs->kind == WEIR_SDP_AUDIO || theirs->kind == WEIR_SDP_VIDEO;
    if (is_media && !local->is_data_only) {
        take_codecs(theirs, local, m);
    }
    if (!weir_sdp_is_accepted(theirs) || (is_media && m->codecs == 0)) {
        m->codecs = 0;
        return; /* port 0: rejected */
    }
    m->port = 9; /* [RFC 8840 4.1.1] the discard port while candidates trickle */
    m->is_bundled = theirs->mid.n != 0;
    m->direction = (enum weir_sdp_direction)(reversed(theirs->direction) & section->direction);
    if (is_media) {
        m->has_rtcp_mux = true;
        m->has_rtcp_rsize = theirs->has_rtcp_rsize;
        take_extensions(theirs, m);
        describe_source(local, section, m);
    } else {
        describe_data(local, m);
        if (theirs->sctp_init.n == 0) { /* [draft-hancke-tsvwg-snap] only what was offered */
            m->sctp_init = weir_span_of(NULL, 0);
        }
    }
}

void weir_sdp_make_answer(const struct weir_sdp *offer, const struct weir_sdp_local *local,
                          const struct weir_sdp_section *section, struct weir_sdp *answer)
{
    const struct weir_sdp_media *transport = weir_sdp_transport(offer);
    bool has_candidates = true;
    begin(local, answer);
    answer->has_bundle = offer->has_bundle;
    answer->has_extmap_allow_mixed = offer->has_extmap_allow_mixed;
    answer->medias = offer->medias;
    for (uint32_t i = 0; i < offer->medias; i++) {
        struct weir_sdp_media *m = &answer->media[i];
        answer_section(&offer->media[i], local, &section[i], m);
        if (m->port != 0) {
            describe_transport(local, answer_setup(transport->setup, local->setup), has_candidates, m);
            m->sped &= transport->sped;
            has_candidates = false; /* once per bundle is enough */
        }
    }
}

static void offer_codecs(const struct weir_sdp_local *local, struct weir_sdp_media *m)
{
    for (const struct weir_sdp_codec_name *k = local->codec; k != NULL && k->name != NULL; k++) {
        if (k->kind == m->kind && m->codecs < WEIR_SDP_CODECS_MAX) {
            struct weir_sdp_codec *c = &m->codec[m->codecs++];
            c->payload_type = k->payload_type;
            c->channels = k->channels;
            c->clock_hz = k->clock_hz;
            c->name = text_span(k->name);
            c->fmtp = text_span(k->fmtp);
            c->feedback = m->kind == WEIR_SDP_VIDEO
                              ? WEIR_SDP_FB_NACK | WEIR_SDP_FB_PLI | WEIR_SDP_FB_FIR
                              : 0;
        }
    }
}

void weir_sdp_make_offer(const struct weir_sdp_local *local, const struct weir_sdp_section *section,
                         uint32_t sections, struct weir_sdp *offer)
{
    begin(local, offer);
    offer->medias = sections;
    for (uint32_t i = 0; i < sections; i++) {
        struct weir_sdp_media *m = &offer->media[i];
        m->kind = section[i].kind;
        m->media = m->kind == WEIR_SDP_AUDIO   ? WEIR_LIT("audio")
                   : m->kind == WEIR_SDP_VIDEO ? WEIR_LIT("video")
                                               : WEIR_LIT("application");
        m->profile = m->kind == WEIR_SDP_DATA ? WEIR_LIT(SDP_PROFILE_SCTP) : WEIR_LIT(SDP_PROFILE_RTP);
        m->format = WEIR_LIT("webrtc-datachannel");
        m->port = 9;
        m->mid = section[i].mid;
        m->is_bundled = true;
        m->direction = section[i].direction;
        describe_transport(local, WEIR_SDP_ACTPASS, i == 0, m);
        if (m->kind == WEIR_SDP_DATA) {
            describe_data(local, m);
            continue;
        }
        m->has_rtcp_mux = m->has_rtcp_rsize = true;
        m->exts = 1;
        m->ext[0] = (struct weir_sdp_ext){ 1, WEIR_SDP_SENDRECV, WEIR_LIT(SDP_EXT_MID) };
        offer_codecs(local, m);
        describe_source(local, &section[i], m);
    }
}
