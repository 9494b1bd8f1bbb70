/* Judging a description of the peer, before anything of ours changes.
 *
 *   1. each section by itself: is it there, of a kind that we speak, without fault, with a codec we know?
 *   2. the transport: of each BUNDLE group the first such section that says one [RFC 9143 7.3.1]; without
 *      a group the first such section;
 *   3. sections outside that group would need a transport of their own: they are rejected;
 *   4. when nothing is left, and a fault is the cause, the whole is refused by that fault.
 */
#include "sdp/sdp_int.h"

struct weir_span weir_sdp_text(const char *s)
{
    size_t n = 0;
    while (s != NULL && s[n] != '\0') {
        n++;
    }
    return weir_span_of(s, n);
}

bool weir_sdp_is_accepted(const struct weir_sdp_media *m)
{
    return m->kind != WEIR_SDP_OTHER && (m->port != 0 || m->is_bundle_only) && m->verdict == WEIR_SDP_OK;
}

const struct weir_sdp_media *weir_sdp_transport(const struct weir_sdp *sdp)
{
    return sdp->transport < sdp->medias ? &sdp->media[sdp->transport] : NULL;
}

uint32_t weir_sdp_first_of_group(const struct weir_sdp *sdp, uint32_t group)
{
    uint32_t first = WEIR_SDP_NONE;
    for (uint32_t i = 0; i < sdp->medias; i++) {
        const struct weir_sdp_media *m = &sdp->media[i];
        if (weir_sdp_is_accepted(m) && m->group == group
            && (first == WEIR_SDP_NONE || m->group_at < sdp->media[first].group_at)) {
            first = i;
        }
    }
    return first;
}

/* -- A section by itself ----------------------------------------------------------------------- */

static bool same_channels(uint8_t a, uint8_t b)
{
    return (a == 0 ? 1 : a) == (b == 0 ? 1 : b); /* [RFC 8866 6.6] one when not said */
}

/* Formats that only repeat or repair others are never in the list. */
bool weir_sdp_knows_codec(const struct weir_sdp_local *local, enum weir_sdp_kind kind,
                          const struct weir_sdp_codec *c)
{
    uint32_t config;
    bool is_known = false;
    for (const struct weir_sdp_codec_name *k = local->codec; k != NULL && k->name != NULL; k++) {
        is_known |= k->kind == kind && k->clock_hz == c->clock_hz
                    && same_channels(k->channels, c->channels)
                    && weir_sdp_same_name(weir_sdp_text(k->name), c->name);
    }
    return is_known && weir_sdp_codec_config(c, &config);
}

static bool has_codec_of(const struct weir_sdp_local *local, const struct weir_sdp_media *m)
{
    bool has = false;
    for (uint32_t i = 0; i < m->codecs && !local->is_data_only; i++) {
        has |= weir_sdp_knows_codec(local, m->kind, &m->codec[i]);
    }
    return has;
}

static enum weir_sdp_verdict judge_section(const struct weir_sdp *sdp, uint32_t at,
                                           const struct weir_sdp_local *local)
{
    const struct weir_sdp_media *m = &sdp->media[at];
    if (m->kind == WEIR_SDP_OTHER) {
        return WEIR_SDP_UNSUPPORTED;
    }
    if (local != NULL && local->sections_max != 0 && at >= local->sections_max) {
        return WEIR_SDP_LIMIT;
    }
    for (uint32_t i = 0; i < at && m->kind == WEIR_SDP_DATA; i++) {
        if (sdp->media[i].kind == WEIR_SDP_DATA && weir_sdp_is_accepted(&sdp->media[i])) {
            return WEIR_SDP_UNSUPPORTED; /* [RFC 8841 4.3] one association */
        }
    }
    if (m->kind == WEIR_SDP_DATA) {
        return WEIR_SDP_OK;
    }
    if (local != NULL && !has_codec_of(local, m)) {
        return WEIR_SDP_NO_CODEC;
    }
    return m->has_rtcp_mux ? WEIR_SDP_OK : WEIR_SDP_RTCP_MUX;
}

/* -- The transport ----------------------------------------------------------------------------- */

/* Can the transport be taken from this section? *line where it cannot. */
static enum weir_sdp_verdict judge_transport(const struct weir_sdp_media *m, uint32_t *line)
{
    bool has_ice = m->ufrag.n != 0 && m->pwd.n != 0, has_dtls = m->fingerprints != 0;
    bool has_setup = m->setup != WEIR_SDP_SETUP_BAD;
    *line = m->line;
    if (has_ice && has_dtls && has_setup) {
        return m->setup == WEIR_SDP_SETUP_HOLDCONN ? WEIR_SDP_HOLDCONN : WEIR_SDP_OK;
    }
    if (m->transport_fault != WEIR_SDP_OK) {
        *line = m->transport_line;
        return m->transport_fault;
    }
    return has_ice ? WEIR_SDP_NO_DTLS : WEIR_SDP_NO_ICE;
}

/* The next accepted section of a group in its order, behind place `at`; of group 0 in that of the lines. */
static uint32_t next_of_group(const struct weir_sdp *sdp, uint32_t group, uint32_t *at)
{
    uint32_t next = WEIR_SDP_NONE, place = WEIR_SDP_NONE;
    for (uint32_t i = 0; i < sdp->medias; i++) {
        const struct weir_sdp_media *m = &sdp->media[i];
        uint32_t here = group == 0 ? i + 1 : m->group_at;
        if (weir_sdp_is_accepted(m) && m->group == group && here > *at && here < place) {
            next = i;
            place = here;
        }
    }
    *at = place;
    return next;
}

/* The first section of a group whose transport is good; where there is none, *error says what the first has
 * against it. */
static uint32_t transport_of_group(const struct weir_sdp *sdp, uint32_t group,
                                   struct weir_sdp_error *error)
{
    uint32_t at = 0, i;
    while ((i = next_of_group(sdp, group, &at)) != WEIR_SDP_NONE) { /* at most 64, each once */
        uint32_t line;
        enum weir_sdp_verdict v = judge_transport(&sdp->media[i], &line);
        if (v == WEIR_SDP_OK) {
            return i;
        }
        if (error->verdict == WEIR_SDP_OK) {
            *error = (struct weir_sdp_error){ .verdict = v, .line = line };
        }
    }
    return WEIR_SDP_NONE;
}

static void choose_transport(struct weir_sdp *sdp)
{
    struct weir_sdp_error none = { .verdict = WEIR_SDP_OK };
    sdp->transport = WEIR_SDP_NONE;
    for (uint32_t g = 1; g <= sdp->groups && sdp->transport == WEIR_SDP_NONE; g++) {
        sdp->transport = transport_of_group(sdp, g, &none);
    }
    if (sdp->transport == WEIR_SDP_NONE) {
        sdp->transport = transport_of_group(sdp, 0, &none);
    }
    const struct weir_sdp_media *t = weir_sdp_transport(sdp);
    for (uint32_t i = 0; i < sdp->medias; i++) {
        struct weir_sdp_media *m = &sdp->media[i];
        bool has_it = t != NULL && (m == t || (t->group != 0 && m->group == t->group));
        if (weir_sdp_is_accepted(m) && !has_it) {
            weir_sdp_fault(m, t == NULL ? none.line : m->line,
                           t == NULL ? none.verdict : WEIR_SDP_NOT_BUNDLED);
        }
    }
}

/* -- All --------------------------------------------------------------------------------------- */

/* Did who wrote it break a rule? Else it is only more, or other, than what we do. */
static bool is_fault(enum weir_sdp_verdict v)
{
    return v != WEIR_SDP_OK && v != WEIR_SDP_UNSUPPORTED && v != WEIR_SDP_NO_CODEC && v != WEIR_SDP_LIMIT
           && v != WEIR_SDP_NOT_BUNDLED && v != WEIR_SDP_HOLDCONN;
}

static enum weir_sdp_verdict judge(struct weir_sdp *sdp, const struct weir_sdp_local *local,
                                   struct weir_sdp_error *error)
{
    error->verdict = WEIR_SDP_OK;
    error->line = 0;
    for (uint32_t i = 0; i < sdp->medias; i++) {
        if (weir_sdp_is_accepted(&sdp->media[i]) || sdp->media[i].kind == WEIR_SDP_OTHER) {
            weir_sdp_fault(&sdp->media[i], sdp->media[i].line, judge_section(sdp, i, local));
        }
    }
    choose_transport(sdp);
    for (uint32_t i = 0; i < sdp->medias && sdp->transport == WEIR_SDP_NONE; i++) {
        const struct weir_sdp_media *m = &sdp->media[i];
        bool is_rejected = m->port == 0 && !m->is_bundle_only;
        if (!is_rejected && is_fault(m->verdict)) {
            error->verdict = m->verdict;
            error->line = m->verdict_line;
            break;
        }
    }
    return error->verdict;
}

enum weir_sdp_verdict weir_sdp_judge_offer(struct weir_sdp *offer, const struct weir_sdp_local *local,
                                           struct weir_sdp_error *error)
{
    if (offer->has_ice_lite && local->is_lite) {
        error->line = 0;
        return error->verdict = WEIR_SDP_BOTH_LITE;
    }
    return judge(offer, local, error);
}

/* [RFC 3264 6.1, RFC 6184 8.2.2] A payload type of the answer must be a codec that we offered, configured
 * as we offered it; others are taken out. */
static void keep_offered_codecs(const struct weir_sdp_media *offered, struct weir_sdp_media *m)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->codecs; i++) {
        struct weir_sdp_codec *c = &m->codec[i];
        uint32_t config, ours;
        bool is_offered = false, is_good = weir_sdp_codec_config(c, &config);
        for (uint32_t k = 0; k < offered->codecs && is_good; k++) {
            const struct weir_sdp_codec *o = &offered->codec[k];
            is_offered |= weir_sdp_same_name(o->name, c->name) && o->clock_hz == c->clock_hz
                          && same_channels(o->channels, c->channels) && weir_sdp_codec_config(o, &ours)
                          && weir_sdp_same_config(c->name, config, ours);
        }
        if (is_offered) {
            m->codec[kept++] = *c;
        }
    }
    m->codecs = kept;
    if (kept == 0) {
        weir_sdp_fault(m, m->line, WEIR_SDP_NO_CODEC);
    }
}

static enum weir_sdp_verdict fit_section(const struct weir_sdp_media *o, struct weir_sdp_media *a)
{
    if (!weir_sdp_is_accepted(a)) {
        return WEIR_SDP_OK;
    }
    if (!weir_span_eq(a->media, o->media) || (a->mid.n != 0 && !weir_span_eq(a->mid, o->mid))
        || (o->port == 0 && !o->is_bundle_only)) { /* [RFC 3264 6 MUST] what is rejected stays so */
        return WEIR_SDP_ANSWER_SHAPE;
    }
    a->mid = o->mid; /* who does not group need not say it */
    a->setup = a->setup == WEIR_SDP_SETUP_NONE ? WEIR_SDP_PASSIVE : a->setup; /* [RFC 4145 4.1] */
    if (a->setup == WEIR_SDP_ACTPASS) {
        return WEIR_SDP_ANSWER_SETUP;
    }
    if (a->kind != WEIR_SDP_DATA) {
        keep_offered_codecs(o, a);
    }
    return WEIR_SDP_OK;
}

enum weir_sdp_verdict weir_sdp_judge_answer(const struct weir_sdp *offer, struct weir_sdp *answer,
                                            struct weir_sdp_error *error)
{
    error->line = 0;
    if (answer->medias != offer->medias || answer->rest_medias != offer->rest_medias) {
        return error->verdict = WEIR_SDP_ANSWER_SHAPE; /* [RFC 3264 6 MUST] */
    }
    if (answer->has_ice_lite && offer->has_ice_lite) {
        return error->verdict = WEIR_SDP_BOTH_LITE;
    }
    for (uint32_t i = 0; i < answer->medias; i++) {
        error->verdict = fit_section(&offer->media[i], &answer->media[i]);
        if (error->verdict != WEIR_SDP_OK) {
            error->line = answer->media[i].line;
            return error->verdict;
        }
    }
    return judge(answer, NULL, error);
}
