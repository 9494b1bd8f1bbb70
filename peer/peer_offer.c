/* Our offers, and how an offer is taken back.
 *
 *   plan    what it begins: new credentials when ICE is to be restarted, a new a=tls-id when a new
 *           association is wanted. It is written first, so that one can look at it, or have given too
 *           little room, and nothing has changed;
 *   offer   ICE restarts at once, for the peer's checks may come before its answer; what there is goes on
 *           until the answer is there [RFC 8445 9], a new association begins only with it;
 *   back    by the application, or because the peer's offer meets ours [RFC 8829 4.1.10.2].
 */
#include "peer/peer_int.h"

const char *weir_signalling_name(enum weir_signalling s)
{
    static const char *const name[] = { "stable", "have-local-offer", "have-remote-offer" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_SIGNALLINGS, "every state has a name");
    return (unsigned)s < WEIR_SIGNALLINGS ? name[s] : "?";
}

void weir_peer_tell_signalling(struct weir_peer *p)
{
    if (p->signalling != p->signalling_told) {
        struct weir_event e = { .type = WEIR_EVENT_SIGNALLING, .signalling = p->signalling };
        p->signalling_told = p->signalling;
        weir_peer_push(p, &e);
    }
}

/* -- What waits for its answer ----------------------------------------------------------------- */

void weir_peer_begin_pending(struct weir_peer *p)
{
    p->pending = (struct weir_peer_pending){ .had_local = p->has_local, .had_remote = p->has_remote,
                                             .had_dtls = p->is_dtls_ready,
                                             .tag_was_client = p->tag_is_client,
                                             .tag_was_until = p->tag_until };
    (void)!weir_ice_hold(&p->ice); /* prepared by who calls this */
}

void weir_peer_end_pending(struct weir_peer *p)
{
    if (p->pending.has_undo) {
        weir_rope_put(p->pool, p->account, p->pending.undo_head);
    }
    weir_wipe(&p->pending, sizeof p->pending);
    p->is_dtls_held = false;
}

void weir_peer_be_stable(struct weir_peer *p)
{
    p->signalling = WEIR_STABLE;
    weir_peer_drop_offer(p);
    weir_peer_end_pending(p);
}

/* -- Offer ------------------------------------------------------------------------------------- */

/* What an offer of ours begins, if anything. */
struct plan {
    bool moves;       /* the bundle is named after another section */
    bool restarts;    /* ICE, and these are the credentials */
    struct weir_ice_own ufrag, pwd;
    bool renews;      /* and a new association: DTLS of this name, and SCTP of this seed if it was begun */
    bool has_seed;
    char tls_id[WEIR_PEER_TLS_ID];
    uint8_t sctp_seed[WEIR_SEED_BYTES];
    char sctp_init[WEIR_PEER_INIT_TEXT];
    uint8_t sctp_init_bytes;
    struct weir_rand rand; /* ours, after what was drawn */
};

/* The same as it will be when the plan was carried out. */
static struct weir_sdp_local planned_side(const struct weir_peer *p, struct weir_peer_scratch *s,
                                          const struct plan *plan)
{
    struct weir_sdp_local l = weir_peer_local_side(p, s);
    l.session_version++;
    if (plan->restarts) {
        l.ufrag = weir_span_of(plan->ufrag.text, plan->ufrag.bytes);
        l.pwd = weir_span_of(plan->pwd.text, plan->pwd.bytes);
    }
    if (plan->restarts && weir_ice_gathers_anew(&p->ice)) { /* what servers told is asked for again */
        uint32_t hosts = 0;
        for (uint32_t i = 0; i < l.candidates; i++) {
            if (weir_ice_local_at(&p->ice, i)->type == WEIR_ICE_HOST) {
                s->span[hosts++] = s->span[i];
            }
        }
        l.candidates = hosts;
        l.has_end_of_candidates = false;
    }
    if (plan->renews) {
        l.tls_id = weir_span_of(plan->tls_id, sizeof plan->tls_id);
        l.sctp_init = weir_span_of(plan->sctp_init, plan->sctp_init_bytes);
    }
    return l;
}

/* Where a data section is to go; WEIR_PEER_MEDIA_MAX: there is one, or as many sections as there may be. */
static unsigned place_for_data(const struct weir_peer *p)
{
    unsigned at = p->medias;
    for (unsigned i = 0; i < p->medias; i++) {
        if (media_at(p, i)->kind == WEIR_SDP_DATA && !media_at(p, i)->is_stopped) {
            return WEIR_PEER_MEDIA_MAX;
        }
        at = media_at(p, i)->is_free && at == p->medias ? i : at;
    }
    return at < p->config.sections_max ? at : WEIR_PEER_MEDIA_MAX;
}

/* `was`: what was in that place. */
static void add_data(struct weir_peer *p, unsigned at, struct weir_media *was)
{
    if (at < p->medias) {
        *was = *media_at(p, at);
    }
    if (at != WEIR_PEER_MEDIA_MAX) {
        weir_peer_new_media(p, at, WEIR_SDP_DATA)->is_new = true;
    }
}

/* The bundle is named after another section with this offer, as the one of before stops, or another takes
 * a free place in front of it [RFC 8829 5.2.2 MUST]. (The group might be written in another order than that
 * of the lines; libwebrtc answers in that of the lines, and fails.) Who keeps a transport for each section
 * moves to that of the first one. If it is new, its credentials are told only to who restarts ICE. */
static unsigned first_section(const struct weir_peer *p)
{
    unsigned first = 0;
    while (first < p->medias && (media_at(p, first)->is_stopped || media_at(p, first)->is_stopping)) {
        first++;
    }
    return first;
}

static bool moves_tag(const struct weir_peer *p)
{
    unsigned first = first_section(p);
    return p->has_remote && first < p->medias && first != p->tag;
}

bool weir_peer_will_restart(const struct weir_peer *p)
{
    bool wants = p->wants_restart || (moves_tag(p) && first_section(p) < p->tag);
    return (p->state == WEIR_PEER_FAILED && p->has_remote) || (wants && p->has_local);
}

static void plan_ice(const struct weir_peer *p, struct plan *plan)
{
    plan->moves = moves_tag(p);
    plan->restarts = weir_peer_will_restart(p);
    if (plan->restarts) {
        weir_ice_next_credentials(&p->ice, &plan->ufrag, &plan->pwd);
    }
}

bool weir_peer_dtls_failed(const struct weir_peer *p)
{
    return p->is_dtls_begun && weir_dtls_state(&p->dtls) == WEIR_DTLS_FAILED;
}

static void plan_association(const struct weir_peer *p, struct plan *plan)
{
    const struct weir_peer_pending *q = &p->pending;
    plan->rand = p->rand;
    plan->renews = q->is_renewing || (p->wants_renewal && p->is_dtls_begun) || weir_peer_dtls_failed(p);
    if (!plan->renews) {
        return;
    }
    if (q->is_renewing) { /* that was said before */
        plan->has_seed = q->has_seed;
        memcpy(plan->tls_id, q->tls_id, sizeof plan->tls_id);
        memcpy(plan->sctp_seed, q->sctp_seed, sizeof plan->sctp_seed);
    } else {
        plan->has_seed = p->is_sctp_begun || p->timeline.dtls_done != WEIR_NEVER;
        weir_rand_bytes(&plan->rand, plan->sctp_seed, sizeof plan->sctp_seed);
        weir_rand_text(&plan->rand, plan->tls_id, sizeof plan->tls_id);
    }
    if (!p->config.no_snap && plan->has_seed) {
        plan->sctp_init_bytes = (uint8_t)weir_peer_snap_of_seed(p, plan->sctp_seed, plan->sctp_init);
    } else if (!p->config.no_snap) {
        plan->sctp_init_bytes = p->sctp_init_bytes;
        memcpy(plan->sctp_init, p->sctp_init, sizeof plan->sctp_init);
    }
}

/* The plan is written: carry it out. A new association only begins with the answer, and what there is goes
 * on until then; but DTLS that has failed is silent now, as the connection begins again. */
static void begin_offer(struct weir_peer *p, weir_time now, const struct plan *plan)
{
    struct weir_peer_pending *q = &p->pending;
    q->wanted_restart |= p->wants_restart;
    q->wanted_renewal |= p->wants_renewal;
    p->wants_restart = p->wants_renewal = false;
    if (plan->moves) {
        weir_peer_tag_stops(p, now, false); /* until the answer says: who answers is active as a rule */
    }
    if (plan->renews) {
        q->is_renewing = true;
        q->has_seed = plan->has_seed;
        memcpy(q->tls_id, plan->tls_id, sizeof q->tls_id);
        memcpy(q->sctp_seed, plan->sctp_seed, sizeof q->sctp_seed);
        p->rand = plan->rand;
        p->is_dtls_held |= weir_peer_dtls_failed(p);
    }
    if (plan->restarts) {
        weir_peer_revive(p, now);
        (void)!weir_ice_restart(&p->ice, now); /* prepared */
    }
    p->session_version++;
    weir_peer_note_offered(p);
}

enum weir_status weir_peer_write_offer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                    struct weir_wr *text, bool is_preview)
{
    struct weir_media was;
    struct weir_rand rand = p->rand;
    struct plan plan = { .moves = false };
    uint64_t described, stopped;
    uint16_t mids = p->mids;
    uint8_t medias = p->medias;
    if (p->signalling == WEIR_HAVE_REMOTE_OFFER || weir_peer_is_closing(p)) {
        return WEIR_ERR_STATE;
    }
    unsigned data = place_for_data(p);
    if (data == medias && !weir_peer_reserve_media(p, medias + 1u)) {
        return WEIR_ERR_FULL;
    }
    add_data(p, data, &was);
    weir_peer_describe_sections(p, &described, &stopped);
    plan_ice(p, &plan);
    plan_association(p, &plan);
    struct weir_sdp_local local = planned_side(p, s, &plan);
    weir_peer_our_sections(p, s);
    weir_sdp_make_offer(&local, s->section, p->medias, &s->ours);
    enum weir_status status = weir_sdp_write(text, &s->ours) ? WEIR_OK : WEIR_ERR_SIZE;
    if (status == WEIR_OK && !is_preview) {
        status = weir_ice_prepare(&p->ice);
    }
    if (status == WEIR_OK && !is_preview) {
        if (p->signalling == WEIR_STABLE) {
            weir_peer_begin_pending(p);
        }
        p->pending.described |= described;
        p->pending.stopped |= stopped;
        p->pending.medias_then = p->medias;
        begin_offer(p, now, &plan);
    } else { /* exactly as it was */
        weir_peer_undescribe_sections(p, described, stopped);
        if (data < medias) {
            *media_at(p, data) = was;
        }
        p->medias = medias;
        weir_peer_trim_media(p);
        p->mids = mids;
        p->rand = rand;
    }
    weir_wipe(&plan, sizeof plan);
    weir_wipe(&rand, sizeof rand);
    return status;
}

enum weir_status weir_peer_offer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                     struct weir_wr *text)
{
    enum weir_status status = weir_peer_write_offer(p, s, now, text, false);
    if (status != WEIR_OK) {
        return status;
    }
    if (!p->has_local) {
        weir_ice_set_controlling(&p->ice, true); /* [RFC 8445 6.1.1] the offerer controls */
        weir_peer_ready_dtls(p, now, false, NULL); /* a hello may come before the answer does */
        p->timeline.local_description = now;
    }
    p->has_local = true;
    p->signalling = WEIR_HAVE_LOCAL_OFFER;
    (void)!weir_peer_gather(p, now); /* prepared */
    return WEIR_OK;
}

/* -- Taken back -------------------------------------------------------------------------------- */

static void roll_back_ours(struct weir_peer *p, weir_time now)
{
    const struct weir_peer_pending *q = &p->pending;
    weir_peer_undescribe_sections(p, q->described, q->stopped);
    p->wants_restart |= q->wanted_restart;
    p->wants_renewal |= q->wanted_renewal;
    p->has_local = q->had_local;
    if (!q->had_dtls && p->is_dtls_ready && !p->is_dtls_begun) {
        weir_dtls_deinit(&p->dtls);
        p->is_dtls_ready = false;
    }
    weir_ice_roll_back(&p->ice, now, !q->had_local);
}

static void roll_back_theirs(struct weir_peer *p, weir_time now)
{
    const struct weir_peer_pending *q = &p->pending;
    enum weir_ice_state before;
    if (weir_ice_has_begun(&p->ice, &before) || !q->had_remote) {
        weir_peer_forget_names(p);
    }
    weir_peer_put_sections_back(p);
    p->has_remote = q->had_remote;
    weir_ice_roll_back(&p->ice, now, false);
    if (!q->had_remote && p->sped == WEIR_PEER_UNDECIDED) {
        weir_peer_embed_begin(p); /* that one may have been somebody who does not do it */
    }
}

void weir_peer_roll_back(struct weir_peer *p, weir_time now)
{
    if (p->signalling == WEIR_HAVE_LOCAL_OFFER) {
        roll_back_ours(p, now);
    } else {
        roll_back_theirs(p, now);
    }
    p->tag_until = p->pending.tag_was_until;
    p->tag_is_client = p->pending.tag_was_client;
    weir_peer_be_stable(p);
}

enum weir_status weir_peer_rollback(struct weir_peer *p, weir_time now)
{
    if (p->signalling == WEIR_STABLE || p->state == WEIR_PEER_CLOSED) {
        return WEIR_ERR_STATE; /* [RFC 8829 5.7 MUST] */
    }
    weir_peer_roll_back(p, now);
    weir_peer_trim_media(p);
    weir_peer_progress(p, now);
    return WEIR_OK;
}

void weir_peer_set_setup(struct weir_peer *p, enum weir_sdp_setup setup)
{
    p->config.setup = setup;
}

void weir_peer_set_polite(struct weir_peer *p, bool is_polite)
{
    p->config.is_polite = is_polite;
}
