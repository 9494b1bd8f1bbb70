/* Offer and answer [RFC 3264, RFC 8829], on one transport.
 *
 *   offering  sections of ours, all bundled; rejected ones keep their place;
 *   answering each section of a judged offer: data, or the codecs both sides know, or a rejection.
 */
#include "sdp/sdp_int.h"

/* -- Codecs ------------------------------------------------------------------------------------ */

static struct weir_sdp_codec *new_codec(struct weir_sdp *sdp, struct weir_sdp_media *m)
{
    if (sdp->codecs == WEIR_SDP_CODECS_ALL || m->codecs == WEIR_SDP_CODECS_MAX) {
        return NULL;
    }
    m->codec = m->codecs == 0 ? &sdp->codec[sdp->codecs] : m->codec;
    sdp->codecs++;
    return &m->codec[m->codecs++];
}

static void take_codecs(const struct weir_sdp_media *theirs, const struct weir_sdp_local *local,
                        struct weir_sdp *answer, struct weir_sdp_media *ours)
{
    const uint8_t usable = theirs->kind == WEIR_SDP_VIDEO
                               ? WEIR_SDP_FB_NACK | WEIR_SDP_FB_PLI | WEIR_SDP_FB_FIR
                               : 0;
    uint32_t max = local->codecs_max == 0 ? WEIR_SDP_CODECS_MAX : local->codecs_max;
    for (uint32_t i = 0; i < theirs->codecs && ours->codecs < max; i++) {
        const struct weir_sdp_codec *c = &theirs->codec[i];
        struct weir_sdp_codec *mine = weir_sdp_knows_codec(local, theirs->kind, c)
                                          ? new_codec(answer, ours) : NULL;
        if (mine != NULL) {
            *mine = *c;
            mine->feedback = c->feedback & usable;
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

/* -- Building ---------------------------------------------------------------------------------- */

static void describe_transport(const struct weir_sdp_local *local, enum weir_sdp_setup setup,
                               bool has_candidates, struct weir_sdp_media *m)
{
    m->ufrag = local->ufrag;
    m->pwd = local->pwd;
    m->has_trickle = true;
    m->sped = local->sped;
    m->tls_id = local->tls_id;
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
    sdp->transport = WEIR_SDP_NONE;
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
                           const struct weir_sdp_section *section, struct weir_sdp *answer,
                           struct weir_sdp_media *m)
{
    m->kind = theirs->kind;
    m->media = theirs->media;
    m->profile = theirs->profile;
    m->format = theirs->format;
    m->mid = theirs->mid;
    if (!weir_sdp_is_accepted(theirs)) { /* port 0: rejected, with one format that can be read */
        struct weir_sdp_codec *c = theirs->codecs != 0 ? new_codec(answer, m) : NULL;
        if (c != NULL) {
            c->payload_type = theirs->codec[0].payload_type;
        } else if (theirs->kind == WEIR_SDP_AUDIO || theirs->kind == WEIR_SDP_VIDEO) {
            m->format = WEIR_LIT("0");
        }
        return;
    }
    m->port = 9; /* [RFC 8840 4.1.1] the discard port while candidates trickle */
    m->is_bundled = theirs->is_bundled;
    m->group = theirs->is_bundled ? 1 : 0; /* that of the transport: others are rejected */
    m->group_at = theirs->group_at;        /* [RFC 9143 7.3.1] in the offerer's order */
    m->is_old_data = theirs->is_old_data;
    m->direction = (enum weir_sdp_direction)(reversed(theirs->direction) & section->direction);
    if (theirs->kind == WEIR_SDP_DATA) {
        describe_data(local, m);
        if (theirs->sctp_init.n == 0) { /* [draft-hancke-tsvwg-snap] only what was offered */
            m->sctp_init = weir_span_of(NULL, 0);
        }
        return;
    }
    take_codecs(theirs, local, answer, m);
    m->has_rtcp_mux = true;
    m->has_rtcp_rsize = theirs->has_rtcp_rsize;
    take_extensions(theirs, m);
    describe_source(local, section, m);
}

void weir_sdp_make_answer(const struct weir_sdp *offer, const struct weir_sdp_local *local,
                          const struct weir_sdp_section *section, struct weir_sdp *answer)
{
    const struct weir_sdp_media *transport = weir_sdp_transport(offer);
    begin(local, answer);
    answer->has_bundle = offer->has_bundle;
    answer->groups = offer->has_bundle ? 1 : 0;
    answer->has_extmap_allow_mixed = offer->has_extmap_allow_mixed;
    answer->medias = offer->medias;
    answer->rest = offer->rest;
    answer->rest_medias = offer->rest_medias;
    for (uint32_t i = 0; i < offer->medias; i++) {
        answer_section(&offer->media[i], local, &section[i], answer, &answer->media[i]);
    }
    if (transport == NULL) {
        return; /* nothing was accepted */
    }
    /* [RFC 9143 7.3.1] Ours is that of the first mid in our list, which is the one that they used unless
     * that says no transport. */
    answer->transport = weir_sdp_first_of_group(answer, transport->group != 0 ? 1 : 0);
    for (uint32_t i = 0; i < answer->medias; i++) {
        struct weir_sdp_media *m = &answer->media[i];
        if (m->port != 0) {
            describe_transport(local, answer_setup(transport->setup, local->setup),
                               i == answer->transport, m);
            m->sped &= transport->sped;
            if (transport->tls_id.n == 0) {
                m->tls_id = transport->tls_id; /* [RFC 8842 5.3 MUST NOT] */
            }
        }
    }
}

static void offer_codecs(const struct weir_sdp_local *local, const struct weir_sdp_section *section,
                         struct weir_sdp *offer, struct weir_sdp_media *m)
{
    struct weir_sdp_codec *c;
    const uint8_t feedback =
        m->kind == WEIR_SDP_VIDEO ? WEIR_SDP_FB_NACK | WEIR_SDP_FB_PLI | WEIR_SDP_FB_FIR : 0;
    for (uint32_t i = 0; i < section->codecs && (c = new_codec(offer, m)) != NULL; i++) {
        *c = section->codec[i]; /* [RFC 3264 8.3.2 MUST] numbers keep their meaning */
    }
    for (const struct weir_sdp_codec_name *k = local->codec; k != NULL && k->name != NULL; k++) {
        if (section->codecs == 0 && k->kind == m->kind && (c = new_codec(offer, m)) != NULL) {
            c->payload_type = k->payload_type;
            c->channels = k->channels;
            c->clock_hz = k->clock_hz;
            c->name = weir_sdp_text(k->name);
            c->fmtp = weir_sdp_text(k->fmtp);
            c->feedback = feedback;
        }
    }
}

static void offer_section(const struct weir_sdp_local *local, const struct weir_sdp_section *section,
                          struct weir_sdp *offer, struct weir_sdp_media *m)
{
    m->kind = section->kind;
    m->media = m->kind == WEIR_SDP_AUDIO   ? WEIR_LIT("audio")
               : m->kind == WEIR_SDP_VIDEO ? WEIR_LIT("video")
                                           : WEIR_LIT("application");
    m->profile = m->kind == WEIR_SDP_DATA ? WEIR_LIT(SDP_PROFILE_SCTP) : WEIR_LIT(SDP_PROFILE_RTP);
    m->format = m->kind == WEIR_SDP_DATA ? WEIR_LIT(SDP_DATA_CHANNEL) : WEIR_LIT("0");
    m->mid = section->mid;
    if (section->is_rejected) {
        return;
    }
    m->port = 9;
    m->is_bundled = true;
    m->group = 1;
    m->direction = section->direction;
    if (m->kind == WEIR_SDP_DATA) {
        describe_data(local, m);
        return;
    }
    m->has_rtcp_mux = m->has_rtcp_rsize = true;
    m->exts = 1;
    m->ext[0] = (struct weir_sdp_ext){ section->mid_ext == 0 ? 1 : section->mid_ext, WEIR_SDP_SENDRECV,
                                       WEIR_LIT(SDP_EXT_MID) };
    offer_codecs(local, section, offer, m);
    describe_source(local, section, m);
}

void weir_sdp_make_offer(const struct weir_sdp_local *local, const struct weir_sdp_section *section,
                         uint32_t sections, struct weir_sdp *offer)
{
    begin(local, offer);
    offer->groups = 1;
    offer->medias = sections;
    offer->rest_medias = local->rest_medias;
    for (uint32_t i = 0; i < sections; i++) {
        struct weir_sdp_media *m = &offer->media[i];
        m->group_at = (uint16_t)(i + 1);
        offer_section(local, &section[i], offer, m);
        if (!section[i].is_rejected) {
            offer->transport = offer->transport == WEIR_SDP_NONE ? i : offer->transport;
            describe_transport(local, WEIR_SDP_ACTPASS, i == offer->transport, m);
        }
    }
}
