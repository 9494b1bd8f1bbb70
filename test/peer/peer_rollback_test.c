/* Offers that are taken back: everything is as it was, whoever made them, whatever they began, and whatever the
 * application did meanwhile; and two who offer at once come to an end. */
#include "test/peer/peer_jsep.h"

static enum weir_status rollback(struct sim *s, int who)
{
    return weir_peer_rollback(s->peer[who], s->now);
}

static uint8_t add(struct sim *s, int who, enum weir_sdp_kind kind)
{
    uint8_t media;
    assert_int_equal(weir_peer_add_media(s->peer[who], kind, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    return media;
}

/* Nothing is left for anybody; or, when it is not `all`, one buffer. */
static uint32_t empty_pool(struct sim *s, uint32_t *taken, bool all)
{
    uint32_t n = 0;
    while ((taken[n] = weir_pool_get(&s->pool)) != WEIR_NO_BUF) {
        n++;
    }
    if (!all && n != 0) {
        weir_pool_put(&s->pool, taken[--n]);
    }
    return n;
}

/* What a description may change, and a rollback brings back. */
struct before {
    struct weir_media media[WEIR_PEER_MEDIA_MAX];
    uint8_t medias, tag;
    uint16_t rest_medias;
    bool has_local, has_remote, is_dtls_ready, is_dtls_begun;
    struct weir_ice_own ufrag, pwd;
    struct weir_ice_text remote_ufrag, remote_pwd;
    char tls_id[WEIR_PEER_TLS_ID], sctp_init[WEIR_PEER_INIT_TEXT];
    enum weir_peer_agreement snap, sped;
    enum weir_ice_state ice;
    enum weir_peer_state state;
    weir_time tag_until;
    uint32_t cells; /* that it holds of the pool */
};

static struct before look(const struct sim *s, int who)
{
    const struct weir_peer *p = s->peer[who];
    struct before b = { .medias = p->medias, .tag = p->tag, .rest_medias = p->rest_medias,
                        .has_local = p->has_local, .has_remote = p->has_remote,
                        .is_dtls_ready = p->is_dtls_ready, .is_dtls_begun = p->is_dtls_begun,
                        .ufrag = p->ice.local_ufrag, .pwd = p->ice.local_pwd,
                        .remote_ufrag = p->ice.remote_ufrag, .remote_pwd = p->ice.remote_pwd,
                        .snap = p->snap, .sped = p->sped, .ice = p->ice.state, .state = p->state,
                        .tag_until = p->tag_until, .cells = weir_account_cells(&s->pool, p->account) };
    for (unsigned i = 0; i < p->medias; i++) {
        b.media[i] = *weir_peer_media_at(p, i);
    }
    memcpy(b.tls_id, p->tls_id, sizeof b.tls_id);
    memcpy(b.sctp_init, p->sctp_init, sizeof b.sctp_init);
    return b;
}

static void check_section_is(const struct weir_media *m, const struct weir_media *was)
{
    assert_int_equal(m->kind, was->kind);
    assert_int_equal(m->wanted, was->wanted);
    assert_int_equal(m->direction, was->direction);
    assert_int_equal(m->is_accepted, was->is_accepted);
    assert_int_equal(m->is_new, was->is_new);
    assert_int_equal(m->is_stopping, was->is_stopping);
    assert_int_equal(m->is_stopped, was->is_stopped);
    assert_int_equal(m->is_free, was->is_free);
    assert_int_equal(m->ssrc, was->ssrc);
    assert_int_equal(m->codecs, was->codecs);
    assert_int_equal(m->mid_bytes, was->mid_bytes);
    assert_memory_equal(m->mid, was->mid, sizeof m->mid);
}

static void check_is(const struct sim *s, int who, const struct before *b)
{
    const struct weir_peer *p = s->peer[who];
    assert_int_equal(p->signalling, WEIR_STABLE);
    assert_int_equal(p->medias, b->medias);
    assert_int_equal(p->media_cells, b->medias);
    for (unsigned i = 0; i < b->medias; i++) {
        check_section_is(weir_peer_media_at(p, i), &b->media[i]);
    }
    assert_int_equal(p->tag, b->tag);
    assert_int_equal(p->rest_medias, b->rest_medias);
    assert_int_equal(p->has_local, b->has_local);
    assert_int_equal(p->has_remote, b->has_remote);
    assert_int_equal(p->is_dtls_ready, b->is_dtls_ready);
    assert_int_equal(p->is_dtls_begun, b->is_dtls_begun);
    assert_false(p->is_dtls_held);
    assert_memory_equal(p->tls_id, b->tls_id, sizeof b->tls_id);
    assert_memory_equal(p->sctp_init, b->sctp_init, sizeof b->sctp_init);
    assert_int_equal(p->snap, b->snap);
    assert_int_equal(p->sped, b->sped);
    assert_int_equal(p->ice.state, b->ice);
    assert_int_equal(p->state, b->state);
    assert_int_equal(p->tag_until, b->tag_until);
    assert_int_equal(weir_account_cells(&s->pool, p->account), b->cells);
    assert_true(weir_ice_check(&p->ice));
    if (b->has_remote) { /* else nobody was told what they are */
        assert_memory_equal(&p->ice.local_ufrag, &b->ufrag, sizeof b->ufrag);
        assert_memory_equal(&p->ice.local_pwd, &b->pwd, sizeof b->pwd);
        assert_memory_equal(p->ice.remote_ufrag.text, b->remote_ufrag.text, b->remote_ufrag.bytes);
        assert_memory_equal(p->ice.remote_pwd.text, b->remote_pwd.text, b->remote_pwd.bytes);
    }
}

/* -- Ours -------------------------------------------------------------------------------------- */

enum { ADDS = 1, STOPS = 2, RESTARTS = 4, RENEWS = 8, WAYS = 16 };

static void prepare(struct sim *s, int who, unsigned how)
{
    if ((how & ADDS) != 0) {
        add(s, who, WEIR_SDP_AUDIO);
    }
    if ((how & STOPS) != 0) {
        assert_int_equal(weir_peer_stop_media(s->peer[who], 0), WEIR_OK);
    }
    if ((how & RESTARTS) != 0) {
        weir_peer_restart_ice(s->peer[who]);
    }
    if ((how & RENEWS) != 0) {
        weir_peer_renew(s->peer[who]);
    }
}

/* Whatever it began; once, and again and again. What was asked for is asked for with the next offer. */
static void our_offer_is_taken_back_as_if_it_had_not_been(void **state)
{
    (void)state;
    for (unsigned how = 0; how < WAYS; how++) {
        struct sim *s = connected(30 + how, how % 3 == 0 ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE);
        prepare(s, 0, how);
        struct before b = look(s, 0);
        char said[WEIR_PEER_TLS_ID] = { 0 };
        for (unsigned round = 0; round < 3; round++) {
            offer(s, 0);
            if ((how & RENEWS) != 0) { /* another one each time: what was taken back was told */
                assert_memory_not_equal(said, s->peer[0]->pending.tls_id, sizeof said);
                memcpy(said, s->peer[0]->pending.tls_id, sizeof said);
            }
            if (round == 2) { /* once more, before it is answered: it says the same */
                char first[200] = { 0 }, *chunk = strstr((char *)text[0], "a=sctp-init:");
                memcpy(first, chunk, (size_t)(strchr(chunk, '\n') - chunk));
                offer(s, 0);
                assert_true(says(0, first));
                assert_int_equal(says(0, s->peer[0]->sctp_init), (how & RENEWS) == 0);
            }
            char tls_id[WEIR_PEER_TLS_ID + 1] = { 0 };
            memcpy(tls_id, s->peer[0]->tls_id, WEIR_PEER_TLS_ID);
            assert_int_equal(says(0, tls_id), (how & RENEWS) == 0);
            check_data(s); /* what there is goes on */
            assert_int_equal(rollback(s, 0), WEIR_OK);
            check_is(s, 0, &b);
            assert_int_equal(rollback(s, 0), WEIR_ERR_STATE);
            check_data(s);
            assert_int_equal(s->peer[0]->wants_restart, (how & RESTARTS) != 0);
            assert_int_equal(s->peer[0]->wants_renewal, (how & RENEWS) != 0);
            assert_int_equal(weir_peer_needs_offer(s->peer[0]), how != 0);
        }
        assert_int_equal(s->closed[0] + s->closed[1], 0);
        negotiate(s, 0);
        assert_false(weir_peer_needs_offer(s->peer[0]));
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(memcmp(&s->peer[0]->ice.local_ufrag, &b.ufrag, sizeof b.ufrag) != 0,
                         (how & RESTARTS) != 0);
        if ((how & RENEWS) != 0) {
            assert_int_equal(s->closed[0] + s->closed[1], 2);
            open_again(s, 0);
            unsigned closed = s->closed[0] + s->closed[1];
            negotiate(s, 0); /* the name of the new one is the one that it was offered under */
            sim_run(s, s->now + WEIR_SEC, false);
            assert_int_equal(s->closed[0] + s->closed[1], closed);
        }
        check_data(s);
        assert_int_equal(s->peer[0]->medias, s->peer[1]->medias);
        sim_close(s);
    }
}

/* The bundle has just moved, and the peer's new transport may still come: an offer that is taken back changes nothing
 * of that, whether it moves the bundle again or not. */
static void what_a_moved_bundle_waits_for_is_waited_for(void **state)
{
    (void)state;
    for (int moves = 0; moves < 2; moves++) {
        for (int theirs = 0; theirs < 2; theirs++) {
            struct sim *s = connected(49, WEIR_SDP_ACTIVE);
            add(s, 0, WEIR_SDP_AUDIO);
            negotiate(s, 0);
            assert_int_equal(weir_peer_stop_media(s->peer[0], 0), WEIR_OK);
            negotiate(s, 0);
            assert_true(s->peer[theirs]->tag_until > s->now);
            sim_run(s, s->now + WEIR_SEC, false);
            if (moves != 0) {
                add(s, 0, WEIR_SDP_VIDEO);
            }
            struct before b = look(s, theirs);
            offer(s, 0);
            if (theirs != 0) {
                take_offer(s, 1);
            }
            assert_int_equal(s->peer[theirs]->tag_until != b.tag_until, moves);
            assert_int_equal(rollback(s, theirs), WEIR_OK);
            check_is(s, theirs, &b);
            sim_close(s);
        }
    }
}

/* Somebody without SPED came and went: who comes next may have it. */
static void who_went_takes_nothing_along(void **state)
{
    (void)state;
    const struct sim_options o = { .seed = 48, .no_sped = { true, false } };
    struct sim *s = sim_open_with(&o);
    offer(s, 0);
    take_offer(s, 1);
    assert_int_equal(s->peer[1]->ice.embed.state, WEIR_ICE_EMBED_TENTATIVE);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->peer[1]->ice.embed.state, WEIR_ICE_EMBED_OFF);
    assert_int_equal(rollback(s, 1), WEIR_OK);
    assert_int_equal(s->peer[1]->ice.embed.state, WEIR_ICE_EMBED_TENTATIVE);
    sim_close(s);
}

/* The first one: nothing of what it said is served any more, and who offers next does not matter. */
static void our_first_offer_is_taken_back(void **state)
{
    (void)state;
    for (int next = 0; next < 2; next++) {
        struct sim *s = sim_open(50, true);
        const struct weir_sctp_channel_config c = { .label = WEIR_LIT("sim"), .priority = 256 };
        assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &s->channel[0]), WEIR_OK);
        add(s, 0, WEIR_SDP_VIDEO);
        assert_true(weir_peer_needs_offer(s->peer[0]));
        offer(s, 0);
        struct weir_ice_own told = s->peer[0]->ice.local_ufrag;
        take_offer(s, 1);
        sim_run(s, s->now + WEIR_SEC, false); /* checks of the other side come, with our ufrag */
        assert_true(s->peer[0]->ice.remotes != 0);
        assert_int_equal(rollback(s, 0), WEIR_OK);
        assert_memory_not_equal(&told, &s->peer[0]->ice.local_ufrag, sizeof told);
        assert_int_equal(s->peer[0]->ice.state, WEIR_ICE_NEW);
        assert_int_equal(s->peer[0]->ice.remotes, 0);
        assert_false(s->peer[0]->is_dtls_ready || s->peer[0]->has_local);
        assert_true(weir_peer_media_at(s->peer[0], 0)->is_new);
        uint32_t refused = s->peer[0]->ice.verdicts[WEIR_ICE_USERNAME];
        sim_run(s, s->now + 10 * WEIR_SEC, false);
        assert_true(s->peer[0]->ice.verdicts[WEIR_ICE_USERNAME] > refused);
        assert_int_equal(s->peer[0]->ice.remotes, 0);
        assert_int_equal(rollback(s, 1), WEIR_OK);
        assert_int_equal(s->peer[1]->medias, 0);
        assert_int_equal(s->peer[1]->ice.state, WEIR_ICE_NEW);
        assert_int_equal(weir_account_cells(&s->pool, s->peer[1]->account), 0);
        negotiate(s, next);
        sim_run(s, s->now + 5 * WEIR_SEC, true);
        if (next != 0) { /* who has the section offers it with the next one */
            negotiate(s, 0);
        }
        assert_true(sim_is_open(s));
        check_data(s);
        assert_int_equal(s->peer[0]->medias, 2);
        assert_int_equal(s->peer[1]->medias, 2);
        sim_close(s);
    }
}

/* [RFC 8445 9] A connection that had failed begins again with an offer, and has failed again without it. */
static void an_offer_after_failed_is_taken_back_to_failed(void **state)
{
    (void)state;
    for (int theirs = 0; theirs < 2; theirs++) {
        struct sim *s = connected(51, WEIR_SDP_ACTIVE);
        s->is_cut = true;
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        s->is_cut = false;
        assert_int_equal(s->state[0], WEIR_PEER_FAILED);
        offer(s, 0);
        if (theirs != 0) {
            take_offer(s, 1);
        }
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTING);
        for (int i = 0; i <= theirs; i++) {
            assert_int_equal(rollback(s, i), WEIR_OK);
            sim_run(s, s->now + WEIR_SEC, false);
            assert_int_equal(s->state[i], WEIR_PEER_FAILED);
            assert_int_equal(s->failure[i].reason, WEIR_PEER_REASON_CONSENT);
        }
        negotiate(s, theirs);
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        check_data(s);
        sim_close(s);
    }
}

/* DTLS had failed: it is silent while an offer of a new one waits, and has failed again without it. */
static void broken_dtls_is_held_and_comes_back(void **state)
{
    (void)state;
    const struct sim_options o = { .seed = 52, .no_sped = { true, true } };
    struct sim *s = sim_open_with(&o);
    const struct sim_meeting m = { .line = { NULL, "a=fingerprint:" },
                                   .with = { NULL, "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:"
                                                   "DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" } };
    sim_meet(s, &m);
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    assert_int_equal(s->state[0], WEIR_PEER_FAILED);
    assert_int_equal(s->failure[0].reason, WEIR_PEER_REASON_DTLS_FINGERPRINT);
    for (int round = 0; round < 2; round++) {
        offer(s, 0);
        assert_true(s->peer[0]->is_dtls_held);
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTING);
        assert_int_equal(rollback(s, 0), WEIR_OK);
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_FAILED);
        assert_int_equal(s->failure[0].reason, WEIR_PEER_REASON_DTLS_FINGERPRINT);
    }
    negotiate(s, 0);
    sim_run(s, s->now + 10 * WEIR_SEC, true);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
    sim_close(s);
}

/* -- The peer's -------------------------------------------------------------------------------- */

/* Every kind of change at once: a recycled place, a section that waits and is taken, one that waits and makes way,
 * a new one, with and without a restart. */
static void the_peers_offer_is_taken_back_as_if_it_had_not_been(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 8; how++) {
        struct sim *s = connected(60 + how, WEIR_SDP_ACTIVE);
        add(s, 0, WEIR_SDP_VIDEO);
        add(s, 0, WEIR_SDP_AUDIO);
        negotiate(s, 0);
        assert_int_equal(weir_peer_stop_media(s->peer[0], 2), WEIR_OK);
        negotiate(s, 0);
        assert_true(weir_peer_media_at(s->peer[1], 2)->is_free);
        if ((how & 1) != 0) { /* it waits in the free place, and the peer's of its kind is there too */
            add(s, 1, WEIR_SDP_VIDEO);
            add(s, 1, WEIR_SDP_AUDIO);
        }
        if ((how & 2) != 0) {
            weir_peer_restart_ice(s->peer[0]);
        }
        add(s, 0, (how & 4) != 0 ? WEIR_SDP_AUDIO : WEIR_SDP_VIDEO);
        add(s, 0, WEIR_SDP_AUDIO);
        sim_run(s, s->now + WEIR_SEC, false);
        struct before a = look(s, 0), b = look(s, 1);
        for (unsigned round = 0; round < 3; round++) {
            offer(s, 0);
            take_offer(s, 1);
            assert_true(weir_account_cells(&s->pool, s->peer[1]->account) > b.cells);
            check_data(s);
            assert_int_equal(rollback(s, 1), WEIR_OK);
            assert_int_equal(rollback(s, 1), WEIR_ERR_STATE);
            check_is(s, 1, &b);
            assert_int_equal(rollback(s, 0), WEIR_OK);
            check_is(s, 0, &a);
            check_data(s);
        }
        negotiate(s, (int)(how & 1));
        negotiate(s, 1 - (int)(how & 1));
        check_data(s);
        assert_int_equal(s->peer[0]->medias, s->peer[1]->medias);
        sim_close(s);
    }
}

/* [RFC 8829 3.2] The peer offers once more before it is answered: the one that waited gives way. To one that is no good,
 * or finds no room, it does not. */
static void an_offer_that_waits_gives_way_to_the_next(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 8; how++) {
        struct sim *s = connected(72, WEIR_SDP_ACTIVE);
        static uint32_t taken[4096];
        static uint8_t first[WEIR_PEER_SDP_MAX];
        struct weir_sdp_error error;
        if ((how & 1) != 0) {
            weir_peer_restart_ice(s->peer[0]);
        }
        add(s, 1, WEIR_SDP_AUDIO);
        add(s, 0, WEIR_SDP_AUDIO);
        struct before b = look(s, 1);
        offer(s, 0);
        size_t n = length[0];
        memcpy(first, text[0], n);
        take_offer(s, 1);
        assert_int_equal(weir_peer_set_direction(s->peer[1], 2, WEIR_SDP_SENDONLY), WEIR_OK);
        uint32_t taking = empty_pool(s, taken, (how & 4) != 0);
        for (unsigned round = 0; round < 2; round++) {
            enum weir_status want = (how & 2) != 0 ? WEIR_ERR_ARG : WEIR_ERR_FULL;
            if (want == WEIR_ERR_ARG || (how & 4) != 0) {
                assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true,
                                                      weir_span_of(first, want == WEIR_ERR_ARG ? 120 : n), &error), want);
            }
            assert_int_equal(s->peer[1]->signalling, WEIR_HAVE_REMOTE_OFFER);
            assert_int_equal(weir_peer_media_at(s->peer[1], 2)->wanted, WEIR_SDP_SENDONLY);
        }
        while (taking != 0) {
            weir_pool_put(&s->pool, taken[--taking]);
        }
        check_data(s);
        if ((how & 1) == 0) { /* the one that waited is answered after all */
            write_answer(s, 1);
            take_answer(s, 0);
            assert_int_equal(weir_peer_media_at(s->peer[0], 2)->direction, WEIR_SDP_RECVONLY);
        } else {
            assert_int_equal(rollback(s, 0), WEIR_OK);
            add(s, 0, WEIR_SDP_VIDEO);
            offer(s, 0);
            take_offer(s, 1);
            assert_int_equal(s->peer[1]->medias, 4);
            assert_int_equal(weir_peer_media_at(s->peer[1], 2)->ssrc, b.media[2].ssrc);
            assert_int_equal(weir_peer_media_at(s->peer[1], 2)->wanted, WEIR_SDP_SENDONLY);
            write_answer(s, 1);
            take_answer(s, 0);
            assert_true(weir_peer_media_at(s->peer[0], 3)->is_accepted);
        }
        sim_run(s, s->now + WEIR_SEC, false);
        const uint32_t more = (s->peer[1]->medias - b.medias) * WEIR_CELLS_OF(sizeof(struct weir_media));
        assert_int_equal(weir_account_cells(&s->pool, s->peer[1]->account), b.cells + more);
        check_data(s);
        sim_close(s);
    }
}

/* What an application did while the offer waited stays done [RFC 8829 5.7]. */
static void what_was_done_meanwhile_stays_done(void **state)
{
    (void)state;
    struct sim *s = connected(70, WEIR_SDP_ACTIVE);
    struct weir_peer *p = s->peer[1];
    uint8_t waits = add(s, 1, WEIR_SDP_AUDIO);
    add(s, 0, WEIR_SDP_AUDIO);
    add(s, 0, WEIR_SDP_VIDEO);
    add(s, 0, WEIR_SDP_VIDEO);
    uint32_t ssrc = weir_peer_media_at(p, waits)->ssrc;
    offer(s, 0);
    take_offer(s, 1);
    assert_int_equal(weir_peer_media_at(p, 2)->ssrc, ssrc); /* it went to meet the peer's */
    assert_int_equal(weir_peer_media_at(p, 3)->wanted, WEIR_SDP_RECVONLY);
    assert_int_equal(weir_peer_set_direction(p, 0, WEIR_SDP_INACTIVE), WEIR_OK);
    assert_int_equal(weir_peer_set_direction(p, 2, WEIR_SDP_SENDONLY), WEIR_OK);
    assert_int_equal(weir_peer_set_direction(p, 3, WEIR_SDP_SENDONLY), WEIR_OK);
    uint32_t sends = weir_peer_media_at(p, 3)->ssrc;
    uint8_t later = add(s, 1, WEIR_SDP_VIDEO);
    uint32_t latest = weir_peer_media_at(p, later)->ssrc;
    assert_int_equal(rollback(s, 1), WEIR_OK);
    assert_int_equal(weir_peer_media_at(p, 0)->wanted, WEIR_SDP_INACTIVE);
    assert_int_equal(p->medias, 5);
    assert_int_equal(weir_peer_media_at(p, 2)->ssrc, ssrc);
    assert_int_equal(weir_peer_media_at(p, 2)->wanted, WEIR_SDP_SENDONLY);
    assert_int_equal(weir_peer_media_at(p, 3)->ssrc, latest);
    assert_int_equal(weir_peer_media_at(p, 4)->ssrc, sends); /* the application sends in it; the other video is gone */
    for (unsigned i = 2; i < 5; i++) {
        assert_true(weir_peer_media_at(p, i)->is_new);
        assert_int_equal(weir_peer_media_at(p, i)->mid_bytes, 0);
    }
    assert_int_equal(rollback(s, 0), WEIR_OK);
    negotiate(s, 1);
    negotiate(s, 0);
    assert_int_equal(s->peer[0]->medias, s->peer[1]->medias);
    check_data(s);
    sim_close(s);
}

/* A page that was reloaded offers, and takes it back: the call that there was goes on; DTLS that was not done yet
 * goes on shaking hands. */
static void another_programs_offer_is_taken_back(void **state)
{
    (void)state;
    for (int is_up = 0; is_up < 2; is_up++) {
        const struct sim_options o = { .seed = 71, .with_media = true, .no_sped = { true, true } };
        struct sim *s = sim_open_with(&o), *other = sim_open(72, false);
        sim_introduce(s);
        while (!s->peer[1]->has_had_path) {
            sim_run(s, s->now + WEIR_MS, false);
        }
        if (is_up != 0) {
            sim_run(s, s->now + 5 * WEIR_SEC, false);
            assert_true(sim_is_open(s));
        }
        struct before b = look(s, 1);
        offer(other, 1);
        struct weir_sdp_error error;
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]),
                                              &error), WEIR_OK);
        assert_int_equal(s->peer[1]->is_dtls_held, is_up == 0);
        sim_run(s, s->now + 2 * WEIR_SEC, false);
        assert_int_equal(s->peer[1]->medias, 1);
        assert_int_equal(weir_dtls_state(&s->peer[1]->dtls) == WEIR_DTLS_CONNECTED, is_up != 0);
        assert_int_equal(rollback(s, 1), WEIR_OK);
        if (is_up != 0) {
            check_is(s, 1, &b);
        }
        sim_run(s, s->now + 10 * WEIR_SEC, false);
        assert_true(sim_is_open(s));
        check_data(s);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        sim_close(other);
        sim_close(s);
    }
}

/* -- Hostile ----------------------------------------------------------------------------------- */

static size_t many_sections(char *out, size_t room, unsigned n, unsigned generation, unsigned certificate)
{
    size_t at = (size_t)snprintf(out, room, "v=0\r\no=- 1 %u IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
                                            "a=group:BUNDLE", generation + 1);
    for (unsigned i = 0; i < n; i++) {
        at += (size_t)snprintf(out + at, room - at, " s%u", i + 1000 * certificate);
    }
    at += (size_t)snprintf(out + at, room - at, "\r\na=fingerprint:sha-256 %02u", certificate);
    for (unsigned i = 1; i < 32; i++) {
        at += (size_t)snprintf(out + at, room - at, ":%02u", i);
    }
    at += (size_t)snprintf(out + at, room - at, "\r\n");
    for (unsigned i = 0; i < n; i++) {
        at += (size_t)snprintf(out + at, room - at,
                               "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:s%u\r\na=setup:actpass\r\na=ice-ufrag:gen%u\r\n"
                               "a=ice-pwd:0123456789012345678901%u\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n",
                               i + 1000 * certificate, generation, generation);
    }
    return at;
}

/* As many sections as there may be, new ones and another program's in their place, and ours that wait with none. */
static void sixty_four_sections_come_and_go(void **state)
{
    (void)state;
    static char big[WEIR_SDP_BYTES_MAX];
    struct weir_sdp_error error;
    struct sim *s = sim_open(80, true);
    struct weir_peer *p = s->peer[1];
    for (unsigned round = 0; round < 6; round++) {
        if (round == 3) { /* and with sections of ours that wait */
            add(s, 1, WEIR_SDP_VIDEO);
            add(s, 1, WEIR_SDP_AUDIO);
        }
        struct before b = look(s, 1);
        size_t n = many_sections(big, sizeof big, round % 2 == 0 ? 64 : 70, round, round / 2);
        assert_int_equal(weir_peer_set_remote(p, s->now, true, weir_span_of((uint8_t *)big, n), &error),
                         WEIR_OK);
        assert_int_equal(p->medias, WEIR_PEER_MEDIA_MAX);
        uint8_t media;
        assert_int_equal(weir_peer_add_media(p, WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_ERR_FULL);
        for (unsigned i = 0; i < WEIR_PEER_MEDIA_MAX; i += 7) {
            (void)!weir_peer_stop_media(p, (uint8_t)i);
        }
        assert_int_equal(rollback(s, 1), WEIR_OK);
        if (round < 3) {
            check_is(s, 1, &b);
        }
        assert_int_equal(weir_account_cells(&s->pool, p->account), b.cells);
        assert_int_equal(p->medias, b.medias);
    }
    /* Answered once, then another program's in their place. */
    size_t n = many_sections(big, sizeof big, 64, 7, 8);
    assert_int_equal(weir_peer_set_remote(p, s->now, true, weir_span_of((uint8_t *)big, n), &error), WEIR_OK);
    write_answer(s, 1);
    struct before b = look(s, 1);
    n = many_sections(big, sizeof big, 64, 8, 9);
    assert_int_equal(weir_peer_set_remote(p, s->now, true, weir_span_of((uint8_t *)big, n), &error), WEIR_OK);
    assert_true(weir_account_cells(&s->pool, p->account)
                > 2 * WEIR_PEER_MEDIA_MAX * sizeof(struct weir_media) / WEIR_CELL_BYTES);
    assert_int_equal(rollback(s, 1), WEIR_OK);
    check_is(s, 1, &b);
    sim_close(s);
}


/* There is room for the offer, or for what it changes, or for neither: it is refused, and ours goes on waiting. */
static void without_room_nothing_is_taken_back(void **state)
{
    (void)state;
    for (uint32_t left = 0; left < 2; left++) {
        struct sim *s = connected(81, WEIR_SDP_ACTIVE);
        static uint32_t taken[4096];
        struct weir_sdp_error error;
        weir_peer_set_polite(s->peer[1], true);
        add(s, 0, WEIR_SDP_AUDIO);
        add(s, 1, WEIR_SDP_AUDIO);
        weir_peer_restart_ice(s->peer[1]);
        offer(s, 1);
        offer(s, 0);
        struct weir_ice_own ufrag = s->peer[1]->ice.local_ufrag;
        uint32_t n = empty_pool(s, taken, left == 0), cells = weir_account_cells(&s->pool, s->peer[1]->account);
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]),
                                              &error), WEIR_ERR_FULL);
        assert_int_equal(weir_account_cells(&s->pool, s->peer[1]->account), cells);
        assert_int_equal(s->peer[1]->signalling, WEIR_HAVE_LOCAL_OFFER);
        assert_memory_equal(&ufrag, &s->peer[1]->ice.local_ufrag, sizeof ufrag);
        assert_int_equal(rollback(s, 1), WEIR_OK); /* which needs no room */
        while (n != 0) {
            weir_pool_put(&s->pool, taken[--n]);
        }
        answer(s, 1);
        take_answer(s, 0);
        check_data(s);
        sim_close(s);
    }
}

/* In every state there is, closing and closed included. */
static void a_rollback_fits_where_an_offer_waits(void **state)
{
    (void)state;
    struct sim *s = sim_open(82, true);
    assert_int_equal(rollback(s, 0), WEIR_ERR_STATE);
    sim_close(s);
    for (int who = 0; who < 2; who++) {
        for (int ends = 0; ends < 3; ends++) {
            s = connected(83, WEIR_SDP_ACTIVE);
            assert_int_equal(rollback(s, who), WEIR_ERR_STATE);
            weir_peer_restart_ice(s->peer[0]);
            offer(s, 0);
            take_offer(s, 1);
            if (ends != 0) {
                weir_peer_close(s->peer[who], s->now);
            }
            if (ends == 2) {
                sim_run(s, s->now + WEIR_SEC, false);
                assert_int_equal(s->peer[who]->state, WEIR_PEER_CLOSED);
            }
            assert_int_equal(rollback(s, who), ends == 2 ? WEIR_ERR_STATE : WEIR_OK);
            sim_run(s, s->now + WEIR_SEC, false);
            if (ends != 0) {
                assert_int_equal(s->peer[who]->state, WEIR_PEER_CLOSED);
            } else {
                check_data(s);
            }
            sim_close(s);
        }
    }
}

/* An offer that is no good takes nothing back; one that is good does, for who is polite, and for nobody else. */
static void only_the_polite_give_way_and_only_to_a_good_offer(void **state)
{
    (void)state;
    struct sim *s = connected(84, WEIR_SDP_ACTIVE);
    struct weir_sdp_error error;
    offer(s, 1);
    offer(s, 0);
    for (int polite = 0; polite < 2; polite++) {
        weir_peer_set_polite(s->peer[1], polite != 0);
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, WEIR_LIT("v=1\r\n"), &error),
                         polite != 0 ? WEIR_ERR_ARG : WEIR_ERR_STATE);
        assert_int_equal(s->peer[1]->signalling, WEIR_HAVE_LOCAL_OFFER);
        char *mid = strstr((char *)text[0], "a=mid:0"); /* of a section that lives */
        if (polite != 0) {
            char *group = strstr((char *)text[0], "BUNDLE 0");
            mid[6] = group[7] = '7';
            assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true,
                                                  weir_span_of(text[0], length[0]), &error), WEIR_ERR_ARG);
            assert_int_equal(s->peer[1]->signalling, WEIR_HAVE_LOCAL_OFFER);
            mid[6] = group[7] = '0';
        }
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]),
                                              &error), polite != 0 ? WEIR_OK : WEIR_ERR_STATE);
    }
    write_answer(s, 1);
    take_answer(s, 0);
    check_data(s);
    sim_close(s);
}

/* -- Restarts ---------------------------------------------------------------------------------- */

/* The answer takes minutes: an application asks somebody, or a signalling server is away. Once, and again. */
static void a_restart_whose_answer_is_slow_kills_nobody(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 8; how++) {
        struct sim *s = connected(90 + how, WEIR_SDP_ACTIVE);
        s->link.loss = 20;
        for (int round = 0; round < 3; round++) {
            int from = (how >> round & 1) != 0;
            weir_peer_restart_ice(s->peer[from]);
            offer(s, from);
            sim_run(s, s->now + 200 * WEIR_SEC, false);
            take_offer(s, 1 - from);
            sim_run(s, s->now + 200 * WEIR_SEC, false);
            write_answer(s, 1 - from);
            sim_run(s, s->now + 200 * WEIR_SEC, false);
            for (int i = 0; i < 2; i++) {
                assert_int_equal(s->state[i], WEIR_PEER_CONNECTED);
            }
            take_answer(s, from);
        }
        s->link.loss = 0;
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        check_data(s);
        assert_int_equal(weir_ice_ufrag_of(&s->peer[0]->ice, WEIR_ICE_OLD).n, 0);
        sim_close(s);
    }
}

/* A lite agent asks nothing, on either side of it; its path goes on as well, and comes back. */
static void a_lite_agent_takes_back_too(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        const struct sim_options o = { .seed = 95, .is_lite = { false, true }, .no_sped = { how % 2 != 0, false } };
        struct sim *s = sim_open_with(&o);
        int from = how / 2;
        sim_introduce(s);
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        assert_true(sim_is_open(s));
        for (int round = 0; round < 3; round++) {
            weir_peer_restart_ice(s->peer[from]);
            struct before b[2] = { look(s, 0), look(s, 1) };
            offer(s, from);
            sim_run(s, s->now + 50 * WEIR_SEC, false);
            check_data(s);
            take_offer(s, 1 - from);
            sim_run(s, s->now + 50 * WEIR_SEC, false);
            for (int i = 0; i < 2; i++) {
                assert_int_equal(s->state[i], WEIR_PEER_CONNECTED);
                assert_int_equal(rollback(s, i), WEIR_OK);
            }
            check_is(s, 0, &b[0]);
            check_is(s, 1, &b[1]);
            sim_run(s, s->now + 50 * WEIR_SEC, false);
            check_data(s);
        }
        negotiate(s, from);
        sim_run(s, s->now + 50 * WEIR_SEC, false);
        check_data(s);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        sim_close(s);
    }
}

/* Two restarts within a round trip, and the second is slow: the generation between is asked for, and answered. */
static void three_generations_are_answered(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++) {
        struct sim *s = connected(100, WEIR_SDP_ACTIVE);
        weir_peer_restart_ice(s->peer[from]);
        offer(s, from);
        take_offer(s, 1 - from);
        write_answer(s, 1 - from);
        sim_run(s, s->now + 300 * WEIR_MS, false); /* the answerer's pairs are there, the answer is not */
        assert_int_not_equal(s->peer[1 - from]->ice.selected, WEIR_ICE_NONE);
        take_answer(s, from);
        weir_peer_restart_ice(s->peer[1 - from]);
        offer(s, 1 - from);
        assert_true(weir_ice_ufrag_of(&s->peer[1 - from]->ice, WEIR_ICE_OLDER).n != 0);
        sim_run(s, s->now + 120 * WEIR_SEC, false);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(s->state[i], WEIR_PEER_CONNECTED);
        }
        check_data(s);
        answer(s, from);
        take_answer(s, 1 - from);
        sim_run(s, s->now + 30 * WEIR_SEC, false);
        check_data(s);
        assert_int_equal(weir_ice_ufrag_of(&s->peer[0]->ice, WEIR_ICE_OLDER).n, 0);
        assert_int_equal(weir_ice_ufrag_of(&s->peer[1]->ice, WEIR_ICE_OLDER).n, 0);
        sim_close(s);
    }
}

/* -- Looking first ----------------------------------------------------------------------------- */

static void looking_changes_nothing(void **state)
{
    (void)state;
    static uint8_t seen[WEIR_PEER_SDP_MAX], small[100];
    for (unsigned how = 0; how < 2 * WAYS; how++) {
        struct sim *s = (how & WAYS) != 0 ? sim_open(110, true) : connected(110, WEIR_SDP_ACTIVE);
        if ((how & WAYS) != 0) {
            prepare(s, 0, how & (ADDS | RESTARTS | RENEWS));
        } else {
            prepare(s, 0, how);
        }
        struct weir_peer *was = malloc(sizeof *was);
        memcpy(was, s->peer[0], sizeof *was);
        struct weir_wr w = weir_wr_of((struct weir_mspan){ seen, sizeof seen });
        struct weir_wr tiny = weir_wr_of((struct weir_mspan){ small, sizeof small });
        assert_int_equal(weir_peer_preview_offer(s->peer[0], s->now, &w), WEIR_OK);
        assert_memory_equal(was, s->peer[0], sizeof *was);
        assert_int_equal(weir_peer_create_offer(s->peer[0], s->now, &tiny), WEIR_ERR_SIZE);
        assert_memory_equal(was, s->peer[0], sizeof *was);
        offer(s, 0);
        assert_int_equal(w.len, length[0]);
        assert_memory_equal(seen, text[0], length[0]);
        free(was);
        sim_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_offer_is_taken_back_as_if_it_had_not_been),
        cmocka_unit_test(what_a_moved_bundle_waits_for_is_waited_for),
        cmocka_unit_test(who_went_takes_nothing_along),
        cmocka_unit_test(our_first_offer_is_taken_back),
        cmocka_unit_test(an_offer_after_failed_is_taken_back_to_failed),
        cmocka_unit_test(broken_dtls_is_held_and_comes_back),
        cmocka_unit_test(the_peers_offer_is_taken_back_as_if_it_had_not_been),
        cmocka_unit_test(an_offer_that_waits_gives_way_to_the_next),
        cmocka_unit_test(what_was_done_meanwhile_stays_done),
        cmocka_unit_test(another_programs_offer_is_taken_back),
        cmocka_unit_test(sixty_four_sections_come_and_go),
        cmocka_unit_test(without_room_nothing_is_taken_back),
        cmocka_unit_test(a_rollback_fits_where_an_offer_waits),
        cmocka_unit_test(only_the_polite_give_way_and_only_to_a_good_offer),
        cmocka_unit_test(a_restart_whose_answer_is_slow_kills_nobody),
        cmocka_unit_test(a_lite_agent_takes_back_too),
        cmocka_unit_test(three_generations_are_answered),
        cmocka_unit_test(looking_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
