/* Descriptions: what a description of the peer sets in motion, and our answer. Our offers are in
 * peer_offer.c.
 *
 *   take    judge first, so that nothing changes when it is refused; an offer then waits for its answer in
 *           buffers of the pool;
 *   answer  sections first; then, where the peer's transport asks for it, a new association; then ours.
 */
#include "peer/peer_int.h"

#define ANSWER_CODECS_MAX WEIR_PEER_CODECS_MAX /* what is answered must be known when it comes */

/* -- Our side ---------------------------------------------------------------------------------- */

struct weir_sdp_local weir_peer_local_side(const struct weir_peer *p, struct weir_peer_scratch *s)
{
    struct weir_sdp_local l = { .session_id = { (const uint8_t *)p->session_id,
                                                p->session_id_bytes },
                                .session_version = p->session_version,
                                .ufrag = weir_ice_ufrag(&p->ice), .pwd = weir_ice_pwd(&p->ice),
                                .setup = p->config.setup, .candidate = s->span,
                                .has_end_of_candidates = weir_ice_has_gathered(&p->ice),
                                .tls_id = weir_span_of(p->tls_id, sizeof p->tls_id),
                                .sctp_port = PEER_SCTP_PORT,
                                .max_message_size = weir_sctp_message_max(&p->sctp),
                                .sctp_init = weir_peer_snap_offer(p),
                                .sped = weir_peer_embed_names(p), .is_lite = p->config.is_lite,
                                .codec = weir_peer_codecs, .is_data_only = p->config.is_data_only,
                                .sections_max = p->config.sections_max,
                                .codecs_max = ANSWER_CODECS_MAX, .rest_medias = p->rest_medias };
    memcpy(l.fingerprint_sha256, p->config.identity->fingerprint_sha256, 32);
    while (p->cname[l.cname.n] != '\0') {
        l.cname.n++;
    }
    l.cname.p = (const uint8_t *)p->cname;
    for (uint32_t i = 0; i < weir_ice_locals(&p->ice) && i < WEIR_SDP_CANDIDATES_MAX; i++) {
        struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)s->candidate[i],
                                                           sizeof s->candidate[i] });
        weir_ice_candidate_write(&w, weir_ice_local_at(&p->ice, i));
        s->span[i] = weir_span_of(s->candidate[i], weir_wr_done(&w));
        l.candidates = i + 1;
    }
    return l;
}

/* -- The peer's transport ---------------------------------------------------------------------- */

struct weir_dtls_fingerprint weir_peer_fingerprint(const struct weir_sdp_fingerprint *f)
{
    static const enum weir_hash_id hash[] = { WEIR_SHA256, WEIR_SHA384, WEIR_SHA512 };
    struct weir_dtls_fingerprint out = { .hash = hash[f->hash] };
    memcpy(out.bytes, f->digest, sizeof f->digest);
    return out;
}

/* Certificates that the peer may show; its role, and ours. */
static void take_transport(struct weir_peer *p, weir_time now, const struct weir_sdp_media *t,
                           bool is_client)
{
    struct weir_dtls_fingerprint list[WEIR_SDP_FINGERPRINTS_MAX];
    for (uint32_t i = 0; i < t->fingerprints; i++) {
        list[i] = weir_peer_fingerprint(&t->fingerprint[i]);
    }
    weir_peer_note_tls_id(p, t);
    weir_peer_settle_role(p, now, is_client, list, t->fingerprints);
}

/* New credentials of a peer that we know mean that it restarts ICE [RFC 8839 5.4]. */
static bool has_new_credentials(const struct weir_peer *p, const struct weir_sdp_media *t)
{
    return weir_ice_compare_remote(&p->ice, t->ufrag, t->pwd) == WEIR_ICE_OTHERS;
}

static void take_ice(struct weir_peer *p, weir_time now, const struct weir_sdp *sdp,
                     const struct weir_sdp_media *t, bool is_offer)
{
    bool is_changed = has_new_credentials(p, t);
    if (is_changed && is_offer) {
        weir_peer_revive(p, now);
        (void)!weir_ice_restart(&p->ice, now); /* prepared by take_offer */
        p->session_version++;
    }
    if (is_changed && !is_offer) { /* in an answer: another one answers, as a page that was loaded anew */
        (void)!weir_ice_replace_remote(&p->ice, now); /* our offer waits: there is a block */
    }
    if (is_changed) {
        weir_peer_forget_names(p);
    }
    if (!weir_ice_has_remote(&p->ice) || is_changed) {
        (void)!weir_ice_set_remote(&p->ice, now, t->ufrag, t->pwd, sdp->has_ice_lite);
    }
    for (uint32_t i = 0; i < t->candidates; i++) {
        (void)!weir_peer_take_candidate(p, now, t->candidate[i], weir_span_of(NULL, 0));
    }
    if (t->has_end_of_candidates) {
        weir_ice_remote_done(&p->ice, now);
    }
}

/* -- The peer's description -------------------------------------------------------------------- */

static enum weir_status refuse(struct weir_sdp_error *error, enum weir_sdp_verdict v)
{
    error->verdict = v;
    error->line = 0;
    return WEIR_ERR_ARG;
}

/* -- The offer that waits -- */

void weir_peer_drop_offer(struct weir_peer *p)
{
    weir_rope_put(p->pool, p->account, p->offer_head);
    p->offer_head = WEIR_NO_CELL;
    p->offer_bytes = 0;
}

static bool keep_offer(struct weir_peer *p, struct weir_span text)
{
    struct weir_rope rope;
    weir_peer_drop_offer(p);
    uint32_t head = sizeof(struct weir_piece), n = (uint32_t)text.n;
    if (p->account == WEIR_NO_ACCOUNT || text.n > WEIR_SDP_BYTES_MAX
        || !weir_rope_begin(p->pool, p->account, WEIR_STORE_DENSE, head, n, &rope)) {
        return false;
    }
    uint32_t tail = rope.head;
    weir_rope_write(p->pool, &tail, text);
    p->offer_head = rope.head;
    p->offer_bytes = (uint32_t)text.n;
    return true;
}

static struct weir_span recall_offer(const struct weir_peer *p, struct weir_peer_scratch *s)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ s->text, sizeof s->text });
    struct weir_span part;
    for (uint32_t at = p->offer_head; weir_rope_next(p->pool, &at, &part);) {
        weir_wr_bytes(&w, part);
    }
    return weir_span_of(s->text, weir_wr_done(&w));
}

/* What an offer makes of us: of two roles that are free, the one that we have, or like. */
static enum weir_sdp_setup role_in(const struct weir_sdp_media *t)
{
    return t->setup == WEIR_SDP_ACTIVE    ? WEIR_SDP_PASSIVE
           : t->setup == WEIR_SDP_PASSIVE ? WEIR_SDP_ACTIVE
                                          : WEIR_SDP_SETUP_NONE;
}

/* An offer of ours that waits is taken for taken back. */
static enum weir_status judge_offer(struct weir_peer *p, struct weir_peer_scratch *s,
                                    struct weir_sdp_error *error)
{
    struct weir_sdp_local local = weir_peer_local_side(p, s);
    if (weir_sdp_judge_offer(&s->theirs, &local, error) != WEIR_SDP_OK) {
        return WEIR_ERR_ARG;
    }
    const struct weir_sdp_media *t = weir_sdp_transport(&s->theirs);
    enum weir_ice_state before;
    bool has_failed = p->state == WEIR_PEER_FAILED || weir_peer_dtls_failed(p)
                      || (weir_ice_has_begun(&p->ice, &before) && before == WEIR_ICE_FAILED);
    if (has_failed
        && (t == NULL || weir_ice_compare_agreed(&p->ice, t->ufrag, t->pwd) != WEIR_ICE_OTHERS)) {
        return WEIR_ERR_STATE; /* [RFC 8445 9] only new ones can mend it */
    }
    bool is_another = t != NULL && weir_peer_is_another(p, t, role_in(t));
    return is_another || weir_peer_fits(p, &s->theirs) ? WEIR_OK : refuse(error, WEIR_SDP_ANSWER_SHAPE);
}

/* Is the bundle's transport that of the section which it was before? */
static bool is_named_as_before(const struct weir_peer *p, const struct weir_sdp_media *t)
{
    const struct weir_media *m = weir_peer_media_at(p, p->tag);
    return m != NULL && weir_span_eq(t->mid, weir_span_of(m->mid, m->mid_bytes));
}

/* The role in DTLS stays what it is [RFC 8842 5.3 MUST], unless a new association begins. */
static void renew_if_asked(struct weir_peer *p, weir_time now, const struct weir_sdp_media *t)
{
    if (weir_peer_is_another(p, t, role_in(t))) {
        weir_peer_begin_again(p, now, false);
    }
}

/* Room in the pool for the offer, and for what it changes; all or nothing. */
static bool keep_all(struct weir_peer *p, const struct weir_sdp *sdp, struct weir_span text, uint32_t *undo)
{
    if (!weir_peer_reserve_media(p, weir_peer_media_for(p, sdp)) || !weir_peer_reserve_undo(p, sdp, undo)) {
        return false;
    }
    if (!keep_offer(p, text)) {
        weir_rope_put(p->pool, p->account, *undo);
        return false;
    }
    return true;
}

/* DTLS that is not up, and that this offer's association will take the place of, would go on on its path:
 * it falls silent until the offer is answered, or taken back. */
static void hold_unfinished(struct weir_peer *p, const struct weir_sdp_media *t)
{
    if (weir_dtls_state(&p->dtls) != WEIR_DTLS_CONNECTED && weir_peer_is_another(p, t, role_in(t))) {
        p->is_dtls_held = true;
        p->is_flight_open = false;
        weir_ice_embed_clear(&p->ice);
    }
}

static enum weir_status take_offer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                   struct weir_span text, struct weir_sdp_error *error)
{
    const struct weir_sdp *sdp = &s->theirs;
    uint32_t undo;
    enum weir_status status = judge_offer(p, s, error);
    if (status != WEIR_OK) {
        return status;
    }
    if (weir_ice_prepare(&p->ice) != WEIR_OK || !keep_all(p, sdp, text, &undo)) {
        return WEIR_ERR_FULL;
    }
    if (p->signalling == WEIR_HAVE_LOCAL_OFFER) { /* [RFC 8829 4.1.10.2] they meet, and ours gives way */
        struct { uint32_t head, bytes; } offer = { p->offer_head, p->offer_bytes };
        p->offer_head = WEIR_NO_CELL;
        weir_peer_roll_back(p, now);
        p->offer_head = offer.head;
        p->offer_bytes = offer.bytes;
    }
    weir_peer_begin_pending(p);
    p->pending.undo_head = undo;
    p->pending.has_undo = true;
    const struct weir_sdp_media *t = weir_sdp_transport(sdp);
    if (p->has_remote && t != NULL && !is_named_as_before(p, t)) {
        weir_peer_tag_stops(p, now, weir_dtls_is_client(&p->dtls)); /* as our answer says */
    }
    weir_peer_place_sections(p, sdp);
    if (!p->has_remote) {
        weir_ice_set_controlling(&p->ice, false);
    }
    if (t != NULL) { /* requests of the peer may come before our answer reaches it: be ready for them */
        hold_unfinished(p, t);
        take_ice(p, now, sdp, t, true);
    }
    p->signalling = WEIR_HAVE_REMOTE_OFFER;
    return WEIR_OK;
}

/* [RFC 8829 3.2] The peer thought better of its offer before we answered. The one that waits is taken back;
 * it comes again when the new one is no good. Should others who wait have been given its room by then, no
 * offer waits. */
static enum weir_status replace_offer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                      struct weir_span text, struct weir_sdp_error *error)
{
    uint32_t head = p->offer_head, bytes = p->offer_bytes;
    struct weir_sdp_error none;
    struct weir_rope room;
    if (!weir_rope_begin(p->pool, p->account, WEIR_STORE_DENSE, sizeof(struct weir_piece), (uint32_t)text.n,
                         &room)) {
        return WEIR_ERR_FULL;
    }
    weir_rope_put(p->pool, p->account, room.head);
    p->offer_head = WEIR_NO_CELL;
    weir_peer_roll_back(p, now);
    enum weir_status status = take_offer(p, s, now, text, error);
    if (status == WEIR_OK) {
        weir_rope_put(p->pool, p->account, head);
        return WEIR_OK;
    }
    p->offer_head = head;
    p->offer_bytes = bytes;
    struct weir_span again = recall_offer(p, s);
    weir_peer_drop_offer(p);
    if (weir_sdp_parse(again, &s->theirs, &none) == WEIR_SDP_OK
        && take_offer(p, s, now, again, &none) == WEIR_OK) { /* as it was before */
        p->has_remote |= weir_sdp_transport(&s->theirs) != NULL;
    }
    return status;
}

static enum weir_sdp_direction mirrored(enum weir_sdp_direction d)
{
    return d == WEIR_SDP_SENDONLY   ? WEIR_SDP_RECVONLY
           : d == WEIR_SDP_RECVONLY ? WEIR_SDP_SENDONLY
                                    : d;
}

/* Does this answer begin a new association? Who says no a=tls-id to an offer that asks for one may have
 * begun it. */
static bool asks_for_another(const struct weir_peer *p, const struct weir_sdp_media *t,
                             enum weir_sdp_setup role)
{
    return weir_peer_is_another(p, t, role)
           || (p->pending.is_renewing && p->is_dtls_begun && t->tls_id.n == 0);
}

/* Are we DTLS client after this answer? [RFC 8842 5.3 DEVIATION] One that turns the roles of an association
 * round and asks for nothing new besides, comes of a peer that writes the same word into every answer (pion
 * v3 does) and goes on with what there is; so do we. */
static bool answer_makes_client(const struct weir_peer *p, const struct weir_sdp_media *t)
{
    if (p->is_dtls_begun && t->tls_id.n == 0 && !asks_for_another(p, t, WEIR_SDP_SETUP_NONE)) {
        return weir_dtls_is_client(&p->dtls);
    }
    return t->setup == WEIR_SDP_PASSIVE;
}

/* The association that our offer announced, or one that it did not think of. */
static void begin_offered(struct weir_peer *p, weir_time now)
{
    const struct weir_peer_pending *q = &p->pending;
    if (q->is_renewing) {
        memcpy(p->tls_id, q->tls_id, sizeof p->tls_id);
    }
    if (q->is_renewing && q->has_seed) {
        memcpy(p->sctp_seed, q->sctp_seed, sizeof p->sctp_seed);
    }
    weir_peer_begin_again(p, now, true);
}

static enum weir_status take_answer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                    struct weir_sdp_error *error)
{
    struct weir_sdp *sdp = &s->theirs;
    struct weir_sdp_local local = weir_peer_local_side(p, s);
    weir_peer_our_sections(p, s);
    /* As the judge needs it: without what was said since. */
    weir_sdp_make_offer(&local, s->section, p->pending.medias_then, &s->ours);
    if (weir_sdp_judge_answer(&s->ours, sdp, error) != WEIR_SDP_OK) {
        return WEIR_ERR_ARG;
    }
    const struct weir_sdp_media *t = weir_sdp_transport(sdp);
    bool is_client = t != NULL && answer_makes_client(p, t);
    bool is_moved = p->has_remote && t != NULL && !is_named_as_before(p, t);
    if (is_moved && sdp->transport != s->ours.transport) { /* else follow_tag saw to that */
        weir_peer_tag_stops(p, now, false);
    }
    if (t != NULL && asks_for_another(p, t, is_client ? WEIR_SDP_ACTIVE : WEIR_SDP_PASSIVE)) {
        begin_offered(p, now);
    }
    for (unsigned i = 0; i < s->ours.medias; i++) {
        if (!media_at(p, i)->is_new) {
            weir_peer_take_section(p, now, media_at(p, i), &sdp->media[i], &sdp->media[i],
                                   mirrored(sdp->media[i].direction));
        }
    }
    p->places = p->pending.medias_then;
    if (t == NULL) { /* everything was rejected: as before the offer */
        weir_ice_roll_back(&p->ice, now, false);
        weir_peer_be_stable(p);
        return WEIR_OK;
    }
    weir_ice_settle(&p->ice);
    weir_peer_be_stable(p);
    p->tag = (uint8_t)sdp->transport;
    weir_peer_embed_settle(p, t->sped);
    take_ice(p, now, sdp, t, false);
    if (is_moved && p->is_dtls_begun) {
        weir_peer_tag_answered(p, now, t->setup == WEIR_SDP_PASSIVE);
    }
    take_transport(p, now, t, is_client);
    return WEIR_OK;
}

static enum weir_status set_remote(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                   bool is_offer, struct weir_span text, struct weir_sdp_error *error)
{
    bool fits = is_offer ? p->signalling != WEIR_HAVE_LOCAL_OFFER || p->config.is_polite
                         : p->signalling == WEIR_HAVE_LOCAL_OFFER;
    if (!fits || weir_peer_is_closing(p)) {
        return WEIR_ERR_STATE;
    }
    if (text.n > p->config.description_max) {
        return refuse(error, text.n > WEIR_SDP_BYTES_MAX ? WEIR_SDP_LONG : WEIR_SDP_LIMIT);
    }
    if (weir_sdp_parse(text, &s->theirs, error) != WEIR_SDP_OK) {
        return WEIR_ERR_ARG;
    }
    bool is_next = is_offer && p->signalling == WEIR_HAVE_REMOTE_OFFER;
    enum weir_status status = is_next    ? replace_offer(p, s, now, text, error)
                              : is_offer ? take_offer(p, s, now, text, error)
                                         : take_answer(p, s, now, error);
    if (status == WEIR_OK) {
        weir_ice_allow(&p->ice, text.n);
        if (!p->has_remote) {
            p->timeline.remote_description = now;
        }
        p->has_remote |= weir_sdp_transport(&s->theirs) != NULL;
    }
    weir_peer_trim_media(p);
    weir_peer_progress(p, now);
    return status;
}

/* -- Answer ------------------------------------------------------------------------------------ */

static void settle_answer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now)
{
    const struct weir_sdp_media *ours = weir_sdp_transport(&s->ours);
    for (uint32_t i = 0; i < s->ours.medias; i++) {
        if (!media_at(p, i)->is_new) {
            weir_peer_take_section(p, now, media_at(p, i), &s->ours.media[i], &s->theirs.media[i],
                                   s->ours.media[i].direction);
        }
    }
    p->places = (uint8_t)s->ours.medias;
    if (ours == NULL) { /* everything was rejected */
        weir_ice_roll_back(&p->ice, now, false);
        p->has_remote = p->pending.had_remote;
        weir_peer_be_stable(p);
        return;
    }
    weir_ice_settle(&p->ice);
    weir_peer_be_stable(p);
    p->tag = (uint8_t)s->theirs.transport;
    weir_peer_embed_settle(p, ours->sped);
    take_transport(p, now, weir_sdp_transport(&s->theirs), ours->setup == WEIR_SDP_ACTIVE);
    if (!p->has_local) {
        p->timeline.local_description = now;
    }
    p->has_local = true;
    (void)!weir_peer_gather(p, now); /* the block is there until the next tick */
}

/* [RFC 8829 5.3.1] What we stopped is answered as if it had been offered with port 0. */
static bool reject_stopping(const struct weir_peer *p, struct weir_sdp *offer)
{
    bool is_any = false;
    for (uint32_t i = 0; i < offer->medias; i++) {
        if (media_at(p, i)->is_stopping) {
            offer->media[i].port = 0;
            is_any = true;
        }
    }
    return is_any;
}

static enum weir_status create_answer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                      struct weir_wr *text)
{
    struct weir_sdp_error error;
    if (p->signalling != WEIR_HAVE_REMOTE_OFFER || weir_peer_is_closing(p)) {
        return WEIR_ERR_STATE;
    }
    struct weir_sdp_local local = weir_peer_local_side(p, s);
    if (weir_sdp_parse(recall_offer(p, s), &s->theirs, &error) != WEIR_SDP_OK) {
        return WEIR_ERR_STATE; /* it was good when it came: cannot be */
    }
    bool rejects = reject_stopping(p, &s->theirs);
    if (weir_sdp_judge_offer(&s->theirs, &local, &error) != WEIR_SDP_OK) {
        return WEIR_ERR_STATE; /* it was good when it came: cannot be */
    }
    const struct weir_sdp_media *t = weir_sdp_transport(&s->theirs);
    if (t != NULL) {
        renew_if_asked(p, now, t);
    }
    if (rejects && p->has_remote && t != NULL && !is_named_as_before(p, t)) {
        weir_peer_tag_stops(p, now, weir_dtls_is_client(&p->dtls));
    }
    p->session_version++;
    local = weir_peer_local_side(p, s);
    if (p->is_dtls_begun) {
        local.setup = weir_dtls_is_client(&p->dtls) ? WEIR_SDP_ACTIVE : WEIR_SDP_PASSIVE;
    }
    for (uint32_t i = 0; i < s->theirs.medias; i++) {
        if (s->theirs.media[i].kind == WEIR_SDP_DATA && weir_sdp_is_accepted(&s->theirs.media[i])) {
            local.sctp_init = weir_peer_snap_answer(p, &s->theirs.media[i]);
        }
    }
    weir_peer_our_sections(p, s);
    weir_sdp_make_answer(&s->theirs, &local, s->section, &s->ours);
    if (!weir_sdp_write(text, &s->ours)) {
        return WEIR_ERR_SIZE;
    }
    settle_answer(p, s, now);
    weir_peer_trim_media(p);
    weir_peer_progress(p, now);
    return WEIR_OK;
}

/* -- The verbs, with room to work in ----------------------------------------------------------- */

enum weir_status weir_peer_create_offer(struct weir_peer *p, weir_time now, struct weir_wr *text)
{
    struct weir_peer_scratch *s = p->config.scratch;
    return s != NULL ? weir_peer_offer(p, s, now, text) : WEIR_ERR_STATE;
}

enum weir_status weir_peer_preview_offer(struct weir_peer *p, weir_time now, struct weir_wr *text)
{
    struct weir_peer_scratch *s = p->config.scratch;
    return s != NULL ? weir_peer_write_offer(p, s, now, text, true) : WEIR_ERR_STATE;
}

enum weir_status weir_peer_set_remote(struct weir_peer *p, weir_time now, bool is_offer,
                                      struct weir_span text, struct weir_sdp_error *error)
{
    struct weir_peer_scratch *s = p->config.scratch;
    return s != NULL ? set_remote(p, s, now, is_offer, text, error) : WEIR_ERR_STATE;
}

enum weir_status weir_peer_create_answer(struct weir_peer *p, weir_time now, struct weir_wr *text)
{
    struct weir_peer_scratch *s = p->config.scratch;
    return s != NULL ? create_answer(p, s, now, text) : WEIR_ERR_STATE;
}
