/* Descriptions: what is offered and answered, and what a description of the peer sets in motion. */
#include "peer/peer_int.h"

/* What can be carried. Payloads pass through untouched, so a codec here needs no coder. */
const struct weir_sdp_codec_name weir_peer_codecs[] = {
    { "opus", WEIR_SDP_AUDIO, 48000, 2, 111, "minptime=10;useinbandfec=1" },
    { "G722", WEIR_SDP_AUDIO, 8000, 1, 9, NULL },
    { "PCMU", WEIR_SDP_AUDIO, 8000, 1, 0, NULL },
    { "PCMA", WEIR_SDP_AUDIO, 8000, 1, 8, NULL },
    { "VP8", WEIR_SDP_VIDEO, 90000, 0, 96, NULL },
    { "VP9", WEIR_SDP_VIDEO, 90000, 0, 98, "profile-id=0" },
    { "H264", WEIR_SDP_VIDEO, 90000, 0, 102,
      "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" },
    { "AV1", WEIR_SDP_VIDEO, 90000, 0, 45, NULL },
    { NULL, WEIR_SDP_OTHER, 0, 0, 0, NULL },
};

/* -- Our side ---------------------------------------------------------------------------------- */

/* Text that a description of ours points into while it is written. */
struct local_text {
    char candidate[WEIR_SDP_CANDIDATES_MAX][160];
    struct weir_span span[WEIR_SDP_CANDIDATES_MAX];
    char msid[WEIR_PEER_MEDIA_MAX][64];
};

static struct weir_sdp_local local_side(struct weir_peer *p, struct local_text *t)
{
    struct weir_sdp_local l = { .session_id = { (const uint8_t *)p->session_id,
                                                p->session_id_bytes },
                                .session_version = p->session_version,
                                .ufrag = weir_ice_ufrag(&p->ice), .pwd = weir_ice_pwd(&p->ice),
                                .setup = p->config.setup, .candidate = t->span,
                                .has_end_of_candidates = p->ice.has_told_gathered,
                                .sctp_port = PEER_SCTP_PORT,
                                .max_message_size = weir_sctp_message_max(&p->sctp),
                                .sctp_init = weir_peer_snap_offer(p),
                                .sped = weir_peer_embed_names(p), .is_lite = p->config.is_lite,
                                .codec = weir_peer_codecs, .is_data_only = p->config.is_data_only };
    memcpy(l.fingerprint_sha256, p->config.identity->fingerprint_sha256, 32);
    while (p->cname[l.cname.n] != '\0') {
        l.cname.n++;
    }
    l.cname.p = (const uint8_t *)p->cname;
    for (uint32_t i = 0; i < p->ice.locals && i < WEIR_SDP_CANDIDATES_MAX; i++) {
        struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)t->candidate[i], 160 });
        weir_ice_candidate_write(&w, &p->ice.local[i]);
        t->span[i] = weir_span_of(t->candidate[i], weir_wr_done(&w));
        l.candidates = i + 1;
    }
    return l;
}

/* "<cname> <mid>": one stream, a track per section. */
static struct weir_span write_msid(const struct weir_peer *p, unsigned i, struct local_text *t)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)t->msid[i], sizeof t->msid[i] });
    weir_wr_str(&w, p->cname);
    weir_wr_str(&w, " t");
    weir_wr_dec(&w, i);
    return weir_span_of(t->msid[i], weir_wr_done(&w));
}

static void our_sections(const struct weir_peer *p, struct local_text *t,
                         struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX])
{
    for (unsigned i = 0; i < p->medias; i++) {
        const struct weir_media *m = &p->media[i];
        section[i] = (struct weir_sdp_section){ m->kind, m->wanted,
                                                weir_span_of(m->mid, m->mid_bytes), m->ssrc,
                                                write_msid(p, i, t) };
    }
}

static struct weir_media *new_media(struct weir_peer *p, enum weir_sdp_kind kind,
                                    enum weir_sdp_direction direction)
{
    struct weir_media *m = &p->media[p->medias++];
    memset(m, 0, sizeof *m);
    m->kind = kind;
    m->wanted = direction;
    do {
        m->ssrc = weir_rand_u32(&p->rand);
    } while (m->ssrc < 2); /* 0 and 1 mean something to others */
    return m;
}

static void number_mid(struct weir_media *m, unsigned i)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)m->mid, sizeof m->mid });
    weir_wr_dec(&w, i);
    m->mid_bytes = (uint8_t)weir_wr_done(&w);
}

enum weir_status weir_peer_add_media(struct weir_peer *p, enum weir_sdp_kind kind,
                                     enum weir_sdp_direction direction, uint8_t *media)
{
    if ((kind != WEIR_SDP_AUDIO && kind != WEIR_SDP_VIDEO) || p->config.is_data_only) {
        return WEIR_ERR_ARG;
    }
    if (p->medias + 1 >= WEIR_PEER_MEDIA_MAX) { /* one is left for data */
        return WEIR_ERR_FULL;
    }
    *media = p->medias;
    number_mid(new_media(p, kind, direction), *media);
    return WEIR_OK;
}

/* -- What was agreed --------------------------------------------------------------------------- */

static void take_codecs(struct weir_media *m, const struct weir_sdp_media *agreed)
{
    m->codecs = 0;
    for (uint32_t i = 0; i < agreed->codecs && m->codecs < WEIR_PEER_CODECS_MAX; i++) {
        const struct weir_sdp_codec *c = &agreed->codec[i];
        struct weir_media_codec *mine = &m->codec[m->codecs++];
        size_t n = c->name.n < sizeof mine->name - 1 ? c->name.n : sizeof mine->name - 1;
        mine->payload_type = c->payload_type;
        mine->feedback = c->feedback;
        mine->clock_hz = c->clock_hz == 0 ? 90000 : c->clock_hz;
        memcpy(mine->name, c->name.p, n);
        mine->name[n] = '\0';
    }
}

/* `agreed` is the answer's section, `theirs` the peer's own; `direction` as we see it. */
static void take_section(struct weir_peer *p, weir_time now, struct weir_media *m,
                         const struct weir_sdp_media *agreed, const struct weir_sdp_media *theirs,
                         enum weir_sdp_direction direction)
{
    (void)now;
    m->kind = agreed->kind;
    m->is_accepted = weir_sdp_is_accepted(agreed);
    m->direction = m->is_accepted ? direction : WEIR_SDP_INACTIVE;
    m->mid_ext = agreed->exts != 0 ? agreed->ext[0].id : 0;
    take_codecs(m, agreed);
    if (!m->is_accepted) {
        return;
    }
    if (m->kind == WEIR_SDP_DATA) {
        p->has_data = true;
        p->sctp.config.remote_port = theirs->sctp_port;
        p->sctp.config.message_max_remote = theirs->max_message_size;
        weir_peer_snap_settle(p, agreed, theirs);
        return;
    }
    for (uint32_t i = 0; i < theirs->ssrcs && m->remote_ssrcs < WEIR_PEER_SSRCS_MAX; i++) {
        bool is_known = false;
        for (unsigned k = 0; k < m->remote_ssrcs; k++) {
            is_known |= m->remote_ssrc[k] == theirs->ssrc[i];
        }
        if (!is_known) {
            m->remote_ssrc[m->remote_ssrcs++] = theirs->ssrc[i];
        }
    }
    if ((m->direction & WEIR_SDP_SENDONLY) != 0 && m->codecs != 0) {
        (void)!weir_rtcp_add_local(&p->rtcp, m->ssrc, m->codec[0].clock_hz);
    }
}

/* -- The peer's transport ---------------------------------------------------------------------- */

/* Certificates that the peer may show; its role, and ours. */
static void take_transport(struct weir_peer *p, weir_time now, const struct weir_sdp_media *t,
                           bool is_client)
{
    static const enum weir_hash_id hash[] = { WEIR_SHA256, WEIR_SHA384, WEIR_SHA512 };
    struct weir_dtls_fingerprint list[WEIR_SDP_FINGERPRINTS_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < t->fingerprints; i++) {
        if (t->fingerprint[i].hash != WEIR_SDP_WEAK_HASH) {
            list[n].hash = hash[t->fingerprint[i].hash];
            memcpy(list[n++].bytes, t->fingerprint[i].digest, sizeof t->fingerprint[i].digest);
        }
    }
    weir_peer_settle_role(p, now, is_client, list, n);
}

static bool same_text(const struct weir_ice_text *t, struct weir_span s)
{
    return weir_span_eq(weir_span_of(t->text, t->bytes), s);
}

static enum weir_status add_candidate(struct weir_peer *p, weir_time now, struct weir_span text);

/* New credentials of a peer that we know mean that it restarts ICE [RFC 8839 5.4]. */
static void take_ice(struct weir_peer *p, weir_time now, const struct weir_sdp *sdp,
                     const struct weir_sdp_media *t, bool is_offer)
{
    bool is_changed = p->ice.has_remote && !(same_text(&p->ice.remote_ufrag, t->ufrag)
                                             && same_text(&p->ice.remote_pwd, t->pwd));
    if (is_changed && is_offer) {
        weir_ice_restart(&p->ice, now);
        p->session_version++;
    }
    if (!p->ice.has_remote || is_changed) {
        (void)!weir_ice_set_remote(&p->ice, now, t->ufrag, t->pwd, sdp->has_ice_lite);
    }
    for (uint32_t i = 0; i < t->candidates; i++) {
        (void)!add_candidate(p, now, t->candidate[i]);
    }
    if (t->has_end_of_candidates) {
        weir_ice_remote_done(&p->ice, now);
    }
}

/* -- Offer ------------------------------------------------------------------------------------- */

enum weir_status weir_peer_create_offer(struct weir_peer *p, weir_time now, struct weir_wr *text)
{
    struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX];
    struct local_text t;
    struct weir_sdp sdp;
    bool has_data = false;
    if (p->signalling == WEIR_HAVE_REMOTE_OFFER || p->state == WEIR_PEER_CLOSED) {
        return WEIR_ERR_STATE;
    }
    for (unsigned i = 0; i < p->medias; i++) {
        has_data |= p->media[i].kind == WEIR_SDP_DATA;
    }
    if (!has_data && p->medias < WEIR_PEER_MEDIA_MAX) {
        unsigned at = p->medias;
        number_mid(new_media(p, WEIR_SDP_DATA, WEIR_SDP_SENDRECV), at);
    }
    p->session_version++;
    struct weir_sdp_local local = local_side(p, &t);
    our_sections(p, &t, section);
    weir_sdp_make_offer(&local, section, p->medias, &sdp);
    if (!weir_sdp_write(text, &sdp)) {
        return WEIR_ERR_SIZE;
    }
    if (!p->has_local) {
        weir_ice_set_controlling(&p->ice, true); /* [RFC 8445 6.1.1] the offerer controls */
        weir_peer_ready_dtls(p, now, false, NULL); /* a hello may come before the answer does */
        p->timeline.local_description = now;
    }
    p->has_local = true;
    p->signalling = WEIR_HAVE_LOCAL_OFFER;
    weir_peer_gather(p, now);
    return WEIR_OK;
}

/* -- The peer's description -------------------------------------------------------------------- */

/* Sections keep their place for the life of a connection [RFC 8829 5.2.2]. */
static bool fits_what_is_there(const struct weir_peer *p, const struct weir_sdp *sdp)
{
    bool fits = sdp->medias >= p->medias;
    for (unsigned i = 0; i < p->medias && fits; i++) {
        const struct weir_media *m = &p->media[i];
        fits = !weir_sdp_is_accepted(&sdp->media[i]) || m->mid_bytes == 0
               || weir_span_eq(sdp->media[i].mid, weir_span_of(m->mid, m->mid_bytes));
    }
    return fits;
}

static enum weir_status refuse(struct weir_sdp_error *error, enum weir_sdp_verdict v)
{
    error->verdict = v;
    error->line = 0;
    return WEIR_ERR_ARG;
}

static enum weir_status take_offer(struct weir_peer *p, weir_time now, struct weir_span text,
                                   const struct weir_sdp *sdp, struct weir_sdp_error *error)
{
    struct local_text t;
    struct weir_sdp_local local = local_side(p, &t);
    if (weir_sdp_judge_offer(sdp, &local, error) != WEIR_SDP_OK) {
        return WEIR_ERR_ARG;
    }
    if (text.n > sizeof p->remote_text) {
        return refuse(error, WEIR_SDP_LONG);
    }
    if (!fits_what_is_there(p, sdp)) {
        return refuse(error, WEIR_SDP_ANSWER_SHAPE);
    }
    memcpy(p->remote_text, text.p, text.n);
    p->remote_bytes = (uint32_t)text.n;
    for (uint32_t i = 0; i < sdp->medias; i++) {
        struct weir_media *m = i < p->medias ? &p->media[i]
                                             : new_media(p, sdp->media[i].kind, WEIR_SDP_SENDRECV);
        m->mid_bytes = (uint8_t)sdp->media[i].mid.n; /* the parser saw to 31 at most */
        weir_copy(m->mid, sdp->media[i].mid.p, sdp->media[i].mid.n);
    }
    if (!p->has_remote) {
        weir_ice_set_controlling(&p->ice, false);
    }
    /* Requests of the peer may come before our answer reaches it: be ready for them. */
    take_ice(p, now, sdp, weir_sdp_transport(sdp), true);
    p->signalling = WEIR_HAVE_REMOTE_OFFER;
    return WEIR_OK;
}

/* Our offer as the judge of answers needs it: kinds and mids. */
static void recall_offer(struct weir_peer *p, struct weir_sdp *offer)
{
    struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX];
    struct local_text t;
    struct weir_sdp_local local = local_side(p, &t);
    our_sections(p, &t, section);
    weir_sdp_make_offer(&local, section, p->medias, offer);
}

static enum weir_sdp_direction mirrored(enum weir_sdp_direction d)
{
    return d == WEIR_SDP_SENDONLY   ? WEIR_SDP_RECVONLY
           : d == WEIR_SDP_RECVONLY ? WEIR_SDP_SENDONLY
                                    : d;
}

static enum weir_status take_answer(struct weir_peer *p, weir_time now, const struct weir_sdp *sdp,
                                    struct weir_sdp_error *error)
{
    struct weir_sdp offer;
    recall_offer(p, &offer);
    if (weir_sdp_judge_answer(&offer, sdp, error) != WEIR_SDP_OK) {
        return WEIR_ERR_ARG;
    }
    const struct weir_sdp_media *t = weir_sdp_transport(sdp);
    for (unsigned i = 0; i < p->medias; i++) {
        take_section(p, now, &p->media[i], &sdp->media[i], &sdp->media[i],
                     mirrored(sdp->media[i].direction));
    }
    p->signalling = WEIR_STABLE;
    weir_peer_embed_settle(p, t->sped);
    take_ice(p, now, sdp, t, false);
    take_transport(p, now, t, t->setup == WEIR_SDP_PASSIVE);
    return WEIR_OK;
}

enum weir_status weir_peer_set_remote(struct weir_peer *p, weir_time now, bool is_offer,
                                      struct weir_span text, struct weir_sdp_error *error)
{
    struct weir_sdp sdp;
    enum weir_signalling wanted = is_offer ? WEIR_STABLE : WEIR_HAVE_LOCAL_OFFER;
    if (p->signalling != wanted || p->state == WEIR_PEER_CLOSED || p->state == WEIR_PEER_FAILED) {
        return WEIR_ERR_STATE;
    }
    if (weir_sdp_parse(text, &sdp, error) != WEIR_SDP_OK) {
        return WEIR_ERR_ARG;
    }
    weir_ice_allow(&p->ice, text.n);
    enum weir_status status = is_offer ? take_offer(p, now, text, &sdp, error)
                                       : take_answer(p, now, &sdp, error);
    if (status == WEIR_OK) {
        if (!p->has_remote) {
            p->timeline.remote_description = now;
        }
        p->has_remote = true;
        weir_peer_progress(p, now);
    }
    return status;
}

/* -- Answer ------------------------------------------------------------------------------------ */

enum weir_status weir_peer_create_answer(struct weir_peer *p, weir_time now, struct weir_wr *text)
{
    struct weir_sdp_section section[WEIR_SDP_MEDIA_MAX];
    struct weir_sdp offer, answer;
    struct weir_sdp_error error;
    struct local_text t;
    if (p->signalling != WEIR_HAVE_REMOTE_OFFER) {
        return WEIR_ERR_STATE;
    }
    if (weir_sdp_parse(weir_span_of(p->remote_text, p->remote_bytes), &offer, &error) != WEIR_SDP_OK) {
        return WEIR_ERR_STATE; /* it was good when it came: cannot be */
    }
    p->session_version++;
    struct weir_sdp_local local = local_side(p, &t);
    our_sections(p, &t, section);
    for (uint32_t i = 0; i < offer.medias; i++) {
        if (offer.media[i].kind == WEIR_SDP_DATA) {
            local.sctp_init = weir_peer_snap_answer(p, &offer.media[i]);
        }
    }
    weir_sdp_make_answer(&offer, &local, section, &answer);
    if (!weir_sdp_write(text, &answer)) {
        return WEIR_ERR_SIZE;
    }
    for (uint32_t i = 0; i < answer.medias; i++) {
        take_section(p, now, &p->media[i], &answer.media[i], &offer.media[i],
                     answer.media[i].direction);
    }
    const struct weir_sdp_media *ours = weir_sdp_transport(&answer);
    bool is_client = ours != NULL && ours->setup == WEIR_SDP_ACTIVE;
    weir_peer_embed_settle(p, ours != NULL ? ours->sped : 0);
    take_transport(p, now, weir_sdp_transport(&offer), is_client);
    if (!p->has_local) {
        p->timeline.local_description = now;
    }
    p->has_local = true;
    p->signalling = WEIR_STABLE;
    weir_peer_gather(p, now);
    return WEIR_OK;
}

/* -- Candidates -------------------------------------------------------------------------------- */

static enum weir_status add_candidate(struct weir_peer *p, weir_time now, struct weir_span text)
{
    struct weir_ice_candidate c;
    struct weir_span name;
    if (text.n == 0) {
        weir_ice_remote_done(&p->ice, now);
        return WEIR_OK;
    }
    if (!weir_ice_candidate_parse(text, &c, &name)) {
        return WEIR_ERR_ARG;
    }
    if (name.n != 0) {
        weir_peer_keep_name(p, name, &c);
        weir_peer_progress(p, now);
        return WEIR_OK;
    }
    enum weir_status status = weir_ice_add_remote(&p->ice, now, &c);
    weir_peer_progress(p, now);
    return status == WEIR_ERR_FULL ? status : WEIR_OK; /* TCP and other components are left out */
}

enum weir_status weir_peer_add_candidate(struct weir_peer *p, weir_time now, struct weir_span text)
{
    weir_ice_allow(&p->ice, text.n);
    return add_candidate(p, now, text);
}
