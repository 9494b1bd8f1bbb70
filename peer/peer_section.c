/* The m= sections of a connection: what we offer in them, and what was agreed.
 *
 * A section keeps its place for the life of a connection. One that either side rejected or stopped leaves
 * an empty place, which is offered with port 0 until another section takes it, under another mid
 * [RFC 8829 5.2.2].
 */
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

#define MIDS_MAX 30000 /* numbers that are taken for numbers */

/* -- Cells ------------------------------------------------------------------------------------- */

bool weir_peer_reserve_media(struct weir_peer *p, unsigned sections)
{
    unsigned most = sections < WEIR_PEER_MEDIA_MAX ? sections : WEIR_PEER_MEDIA_MAX;
    while (p->media_cells < most) {
        uint32_t cells = WEIR_NO_CELL;
        if (p->account != WEIR_NO_ACCOUNT) {
            cells = weir_run_get(p->pool, p->account, WEIR_STORE_DENSE, PEER_MEDIA_CELLS);
        }
        if (cells == WEIR_NO_CELL) {
            return false;
        }
        p->media[p->media_cells++] = cells;
    }
    return true;
}

void weir_peer_trim_media(struct weir_peer *p)
{
    unsigned needed = weir_peer_media_needed(p);
    while (p->media_cells > needed) {
        weir_run_put(p->pool, p->account, p->media[--p->media_cells], PEER_MEDIA_CELLS);
        p->media[p->media_cells] = WEIR_NO_CELL;
    }
}

/* -- Places ------------------------------------------------------------------------------------ */

struct weir_media *weir_peer_new_media(struct weir_peer *p, unsigned at, enum weir_sdp_kind kind)
{
    struct weir_media *m = media_at(p, at);
    memset(m, 0, sizeof *m);
    m->kind = kind;
    m->wanted = WEIR_SDP_SENDRECV;
    do {
        m->ssrc = weir_rand_u32(&p->rand);
    } while (m->ssrc < 2); /* 0 and 1 mean something to others */
    p->medias = at >= p->medias ? (uint8_t)(at + 1) : p->medias;
    return m;
}

/* [RFC 8829 5.2.2] A number that no section has or had as its mid; the peer names its own as it likes. */
void weir_peer_name_media(struct weir_peer *p, struct weir_media *m)
{
    bool is_used = true;
    while (is_used) { /* at most as many rounds as there are sections, and one */
        struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)m->mid, sizeof m->mid });
        m->mid_bytes = 0;
        weir_wr_dec(&w, p->mids++);
        is_used = false;
        for (unsigned i = 0; i < p->medias; i++) {
            is_used |= weir_span_eq(weir_span_of(media_at(p, i)->mid, media_at(p, i)->mid_bytes),
                                    weir_span_of(m->mid, w.len));
        }
        m->mid_bytes = (uint8_t)w.len;
    }
}

void weir_peer_note_mid(struct weir_peer *p, const struct weir_media *m)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < m->mid_bytes && number < MIDS_MAX; i++) {
        uint8_t digit = (uint8_t)((uint8_t)m->mid[i] - '0');
        number = digit > 9 ? MIDS_MAX : number * 10 + digit;
    }
    if (number < MIDS_MAX && number >= p->mids) {
        p->mids = (uint16_t)(number + 1);
    }
}

/* A free place, behind the section that the bundle is named after if there is one: see follow_tag. */
static unsigned place_for(const struct weir_peer *p)
{
    unsigned place = p->medias;
    for (unsigned i = 0; i < p->medias; i++) {
        if (media_at(p, i)->is_free && (place == p->medias || (place < p->tag && i > p->tag))) {
            place = i;
        }
    }
    return place;
}

enum weir_status weir_peer_add_media(struct weir_peer *p, enum weir_sdp_kind kind,
                                     enum weir_sdp_direction direction, uint8_t *media)
{
    unsigned at = place_for(p);
    if ((kind != WEIR_SDP_AUDIO && kind != WEIR_SDP_VIDEO) || p->config.is_data_only) {
        return WEIR_ERR_ARG;
    }
    if (at + 1 >= p->config.sections_max) { /* one is left for data */
        return WEIR_ERR_FULL;
    }
    if (at == p->medias && !weir_peer_reserve_media(p, weir_peer_media_needed(p) + 1)) {
        return WEIR_ERR_FULL;
    }
    struct weir_media *m = weir_peer_new_media(p, at, kind);
    m->wanted = direction;
    m->is_new = true;
    *media = (uint8_t)at;
    return WEIR_OK;
}

static bool is_media(const struct weir_peer *p, uint8_t media)
{
    return media < p->medias && !media_at(p, media)->is_stopped && !media_at(p, media)->is_stopping
           && (media_at(p, media)->kind == WEIR_SDP_AUDIO || media_at(p, media)->kind == WEIR_SDP_VIDEO);
}

enum weir_status weir_peer_set_direction(struct weir_peer *p, uint8_t media,
                                         enum weir_sdp_direction direction)
{
    if (!is_media(p, media) || direction > WEIR_SDP_SENDRECV) {
        return WEIR_ERR_ARG;
    }
    struct weir_media *m = media_at(p, media);
    enum weir_sdp_direction was = m->wanted;
    m->wanted = direction;
    if (!weir_peer_reserve_media(p, weir_peer_media_needed(p))) {
        m->wanted = was;
        return WEIR_ERR_FULL;
    }
    m->is_theirs = false;
    return WEIR_OK;
}

enum weir_status weir_peer_stop_media(struct weir_peer *p, uint8_t media)
{
    if (!is_media(p, media)) {
        return WEIR_ERR_ARG;
    }
    media_at(p, media)->is_stopping = true;
    media_at(p, media)->is_accepted = false;
    media_at(p, media)->direction = WEIR_SDP_INACTIVE;
    return WEIR_OK;
}

_Static_assert(WEIR_PEER_MEDIA_MAX <= 64, "places of sections are bits of a word");

void weir_peer_describe_sections(struct weir_peer *p, uint64_t *described, uint64_t *stopped)
{
    *described = *stopped = 0;
    for (unsigned i = 0; i < p->medias; i++) {
        struct weir_media *m = media_at(p, i);
        if (m->is_new) {
            weir_peer_name_media(p, m);
        }
        *described |= (uint64_t)m->is_new << i;
        *stopped |= (uint64_t)m->is_stopping << i;
        m->is_new = false;
        m->is_stopped |= m->is_stopping;
        m->is_stopping = false;
    }
}

/* [RFC 8829 5.7] They wait again, and have no mid: the next offer gives each one that was never used. */
void weir_peer_undescribe_sections(struct weir_peer *p, uint64_t described, uint64_t stopped)
{
    for (unsigned i = 0; i < p->medias; i++) {
        struct weir_media *m = media_at(p, i);
        if ((described >> i & 1) != 0) {
            m->is_new = true;
            m->mid_bytes = 0;
            memset(m->mid, 0, sizeof m->mid);
        }
        if ((stopped >> i & 1) != 0) {
            m->is_stopping = true;
            m->is_stopped = false;
        }
    }
}

void weir_peer_note_offered(struct weir_peer *p)
{
    for (unsigned i = 0; i < p->medias; i++) {
        media_at(p, i)->offered = (uint8_t)media_at(p, i)->wanted;
    }
}

static bool has_channels(const struct weir_peer *p)
{
    struct weir_sctp_channel_info info;
    for (uint16_t i = 0; i < WEIR_SCTP_CHANNELS_MAX; i++) {
        if (weir_sctp_channel_info(&p->sctp, i, &info)) {
            return true;
        }
    }
    return false;
}

bool weir_peer_needs_offer(const struct weir_peer *p)
{
    bool needs = p->wants_restart || p->wants_renewal, has_data = false;
    for (unsigned i = 0; i < p->medias; i++) {
        const struct weir_media *m = media_at(p, i);
        bool is_av = m->kind == WEIR_SDP_AUDIO || m->kind == WEIR_SDP_VIDEO;
        needs |= m->is_new || m->is_stopping || (is_av && m->is_accepted && m->wanted != m->said);
        has_data |= m->kind == WEIR_SDP_DATA; /* one that was rejected is not asked for again and again */
    }
    needs |= !has_data && has_channels(p);
    return needs && !weir_peer_is_closing(p);
}

/* -- Offered ----------------------------------------------------------------------------------- */

/* "<cname> <mid>": one stream, a track per section. */
static struct weir_span write_msid(const struct weir_peer *p, unsigned i, struct weir_peer_scratch *s)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)s->msid[i], sizeof s->msid[i] });
    weir_wr_str(&w, p->cname);
    weir_wr_str(&w, " t");
    weir_wr_dec(&w, i);
    return weir_span_of(s->msid[i], weir_wr_done(&w));
}

/* Of a new section the payload types of one that was agreed on: in a bundle a number has one meaning
 * [RFC 9143 9.1]. */
static const struct weir_media *with_codecs(const struct weir_peer *p, const struct weir_media *m)
{
    for (unsigned i = 0; i < p->medias && m->codecs == 0; i++) {
        const struct weir_media *other = media_at(p, i);
        m = other->kind == m->kind && other->is_accepted && other->codecs != 0 ? other : m;
    }
    return m;
}

static uint32_t copy_codecs(const struct weir_media *m, struct weir_sdp_codec *out)
{
    for (unsigned i = 0; i < m->codecs; i++) {
        const struct weir_media_codec *c = &m->codec[i];
        size_t n = 0;
        while (c->name[n] != '\0') {
            n++;
        }
        out[i] = (struct weir_sdp_codec){ .payload_type = c->payload_type, .channels = c->channels,
                                          .feedback = c->feedback, .clock_hz = c->clock_hz,
                                          .config = c->config, .name = weir_span_of(c->name, n) };
    }
    return m->codecs;
}

void weir_peer_our_sections(const struct weir_peer *p, struct weir_peer_scratch *s)
{
    memset(s->section, 0, sizeof s->section);
    for (unsigned i = 0; i < p->medias; i++) {
        const struct weir_media *m = media_at(p, i), *known = with_codecs(p, m);
        s->section[i] = (struct weir_sdp_section){ .kind = m->kind, .direction = m->wanted,
                                                   .mid = weir_span_of(m->mid, m->mid_bytes),
                                                   .ssrc = m->ssrc, .msid = write_msid(p, i, s),
                                                   .is_rejected = m->is_stopped || m->is_new,
                                                   .codec = s->codec[i],
                                                   .codecs = copy_codecs(known, s->codec[i]),
                                                   .mid_ext = known->mid_ext };
    }
}

/* -- Agreed ------------------------------------------------------------------------------------ */

/* The name as our table has it. */
static const char *name_of(enum weir_sdp_kind kind, const struct weir_sdp_codec *c)
{
    const struct weir_sdp_codec_name *k = weir_peer_codecs;
    for (; k->name != NULL; k++) {
        size_t n = 0;
        while (k->name[n] != '\0') {
            n++;
        }
        if (k->kind == kind && weir_sdp_same_name(weir_span_of(k->name, n), c->name)) {
            return k->name;
        }
    }
    return NULL;
}

static void take_codecs(struct weir_media *m, const struct weir_sdp_media *agreed)
{
    m->codecs = 0;
    for (uint32_t i = 0; i < agreed->codecs && m->codecs < WEIR_PEER_CODECS_MAX; i++) {
        const struct weir_sdp_codec *c = &agreed->codec[i];
        const char *name = name_of(agreed->kind, c);
        uint32_t config;
        if (name == NULL || !weir_sdp_codec_config(c, &config)) {
            continue;
        }
        m->codec[m->codecs++] = (struct weir_media_codec){
            .name = name, .clock_hz = c->clock_hz, .config = config, .payload_type = c->payload_type,
            .feedback = c->feedback, .channels = c->channels,
        };
    }
}

/* [RFC 8841 10.4] The association ends with its section. */
static void end_section(struct weir_peer *p, weir_time now, struct weir_media *m)
{
    m->remote_ssrcs = m->codecs = 0;
    if (m->kind == WEIR_SDP_DATA && p->has_data) {
        p->has_data = false;
        p->data_until = WEIR_NEVER;
        if (p->is_sctp_begun) {
            weir_peer_end_data(p, now, WEIR_SCTP_REASON_SHUTDOWN);
            weir_peer_restart_sctp(p, now, false);
            weir_sctp_set_dtls_role(&p->sctp, now, weir_dtls_is_client(&p->dtls));
            p->is_data_over = false;
            p->snap = WEIR_PEER_DECLINED;
        }
    }
}

static void take_data(struct weir_peer *p, const struct weir_sdp_media *agreed,
                      const struct weir_sdp_media *theirs)
{
    p->has_data = true;
    weir_sctp_set_remote(&p->sctp, theirs->sctp_port, theirs->max_message_size);
    weir_peer_snap_settle(p, agreed, theirs);
}

void weir_peer_take_section(struct weir_peer *p, weir_time now, struct weir_media *m,
                            const struct weir_sdp_media *agreed, const struct weir_sdp_media *theirs,
                            enum weir_sdp_direction direction)
{
    m->kind = agreed->kind;
    m->is_accepted = weir_sdp_is_accepted(agreed);
    m->is_stopped = m->is_free = !m->is_accepted;
    m->is_stopping &= m->is_accepted; /* it was stopped while the answer was on its way */
    m->is_accepted &= !m->is_stopping;
    m->refusal = theirs->verdict;
    m->direction = m->is_accepted ? direction : WEIR_SDP_INACTIVE;
    m->said = p->signalling == WEIR_HAVE_LOCAL_OFFER ? m->offered : (uint8_t)m->wanted;
    m->mid_ext = agreed->exts != 0 ? agreed->ext[0].id : 0;
    if (m->is_stopped) {
        end_section(p, now, m);
        return;
    }
    take_codecs(m, agreed);
    if (m->kind == WEIR_SDP_DATA) {
        take_data(p, agreed, theirs);
        return;
    }
    for (uint32_t i = 0; i < theirs->ssrcs; i++) {
        weir_peer_learn_ssrc(p, m, theirs->ssrc[i]);
    }
    /* who only receives reports, too */
    if (!p->config.is_data_only && m->direction != WEIR_SDP_INACTIVE && m->codecs != 0) {
        (void)!weir_rtcp_add_local(&rtp_of(p)->rtcp, m->ssrc, m->codec[0].clock_hz);
    }
}
