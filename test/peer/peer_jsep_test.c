/* Offer and answer, the second time and after: roles stay, sections come, change, go and come again, what is
 * rejected leaves both sides usable, and another peer behind the same signalling is another association. */
#include "test/peer/peer_jsep.h"

/* -- Roles ------------------------------------------------------------------------------------- */

/* A peer that says "active" in every answer, as pion v3 does, whichever role it has. */
static void an_answer_that_only_turns_the_roles_round_changes_nothing(void **state)
{
    (void)state;
    for (int passive = 0; passive < 2; passive++) {
        struct sim *s = connected(1, passive != 0 ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE);
        for (int round = 0; round < 3; round++) {
            bool is_client = weir_dtls_is_client(&s->peer[0]->dtls);
            offer(s, 0);
            answer(s, 1);
            without(1, "a=tls-id:");
            for (char *p = (char *)text[1]; (p = strstr(p, "a=setup:passive")) != NULL;) {
                memcpy(p, "a=setup:active \n", 15);
            }
            take_answer(s, 0);
            assert_true(weir_dtls_is_client(&s->peer[0]->dtls) == is_client);
            check_data(s);
            assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        }
        sim_close(s);
    }
}

static void roles_stay_whoever_offers(void **state)
{
    (void)state;
    for (int passive = 0; passive < 2; passive++) {
        struct sim *s = connected(1, passive != 0 ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE);
        for (int round = 0; round < 4; round++) {
            int from = round & 1;
            bool is_client = weir_dtls_is_client(&s->peer[1 - from]->dtls);
            negotiate(s, from);
            assert_true(says(0, "a=setup:actpass"));
            assert_true(says(1, is_client ? "a=setup:active" : "a=setup:passive"));
            assert_true(weir_dtls_is_client(&s->peer[1 - from]->dtls) == is_client);
            assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
            check_data(s);
        }
        sim_close(s);
    }
}

/* [RFC 8842 3.1] Roles that cannot stay make a new association. */
static void another_role_is_another_association(void **state)
{
    (void)state;
    struct sim *s = connected(2, WEIR_SDP_ACTIVE);
    assert_true(weir_dtls_is_client(&s->peer[1]->dtls));
    weir_peer_renew(s->peer[0]); /* who says active begins anew itself */
    offer(s, 0);
    without(0, "a=tls-id:");
    for (char *p = (char *)text[0]; (p = strstr(p, "a=setup:actpass")) != NULL;) {
        memcpy(p, "a=setup:active \n", 15);
    }
    answer(s, 1);
    assert_true(says(1, "a=setup:passive"));
    take_answer(s, 0);
    s->opened[0] = s->opened[1] = 0;
    assert_true(weir_dtls_is_client(&s->peer[0]->dtls));
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("new"), .priority = 256 };
    assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &s->channel[0]), WEIR_OK);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    check_data(s);
    sim_close(s);
}

/* -- Sections ---------------------------------------------------------------------------------- */

enum section { ABSENT, INACTIVE, SENDONLY, RECVONLY, SENDRECV, SECTIONS };

static const enum weir_sdp_direction direction_of[SECTIONS] = {
    [ABSENT] = WEIR_SDP_INACTIVE,   [INACTIVE] = WEIR_SDP_INACTIVE, [SENDONLY] = WEIR_SDP_SENDONLY,
    [RECVONLY] = WEIR_SDP_RECVONLY, [SENDRECV] = WEIR_SDP_SENDRECV,
};

/* The live section of video; WEIR_PEER_MEDIA_MAX when there is none. */
static uint8_t video_of(const struct weir_peer *p)
{
    uint8_t i = 0;
    while (i < p->medias && (weir_peer_media_at(p, i)->kind != WEIR_SDP_VIDEO || weir_peer_media_at(p, i)->is_stopped)) {
        i++;
    }
    return i < p->medias ? i : WEIR_PEER_MEDIA_MAX;
}

static void bring_to(struct sim *s, int from, enum section wanted)
{
    struct weir_peer *p = s->peer[from], *q = s->peer[1 - from];
    uint8_t media = video_of(p), theirs = video_of(q);
    if (theirs != WEIR_PEER_MEDIA_MAX) {
        assert_int_equal(weir_peer_set_direction(q, theirs, WEIR_SDP_SENDRECV), WEIR_OK);
    }
    if (wanted == ABSENT && media != WEIR_PEER_MEDIA_MAX) {
        assert_int_equal(weir_peer_stop_media(p, media), WEIR_OK);
    } else if (wanted != ABSENT && media == WEIR_PEER_MEDIA_MAX) {
        assert_int_equal(weir_peer_add_media(p, WEIR_SDP_VIDEO, direction_of[wanted], &media), WEIR_OK);
    } else if (wanted != ABSENT) {
        assert_int_equal(weir_peer_set_direction(p, media, direction_of[wanted]), WEIR_OK);
    }
}

static void send_video(struct sim *s, int from, bool may)
{
    static uint16_t seq;
    uint8_t payload[100] = { 1 }, out[1500], media = video_of(s->peer[from]);
    struct weir_path to;
    size_t n;
    if (media == WEIR_PEER_MEDIA_MAX) {
        return;
    }
    struct weir_rtp_header h = { .payload_type = weir_peer_media_at(s->peer[from], media)->codec[0].payload_type,
                                 .seq = ++seq, .payload = { payload, sizeof payload } };
    assert_int_equal(weir_peer_write_rtp(s->peer[from], s->now, media, &h,
                                         (struct weir_mspan){ out, sizeof out }, &n, &to),
                     may ? WEIR_OK : WEIR_ERR_STATE);
    if (may) { /* straight to the other side */
        struct weir_packet k = { .data = out, .len = n, .at = s->now,
                                 .path = { s->addr[1 - from], s->addr[from] } };
        struct weir_item item = { .peer = s->peer[1 - from], .packet = k };
        assert_int_equal(weir_peer_decrypt(s->peer[1 - from], s->now, &item), WEIR_PEER_OK);
        assert_int_equal(item.media, media);
    }
}

/* What both sides think of it, and what goes through. */
static void check_section(struct sim *s, int from, enum section wanted)
{
    enum weir_sdp_direction d = direction_of[wanted];
    struct weir_peer *p = s->peer[from], *q = s->peer[1 - from];
    uint8_t media = video_of(p);
    assert_int_equal(video_of(q), media);
    assert_int_equal(p->medias, q->medias);
    assert_int_equal(media == WEIR_PEER_MEDIA_MAX, wanted == ABSENT);
    if (media != WEIR_PEER_MEDIA_MAX) {
        assert_int_equal(weir_peer_media_at(p, media)->direction, d);
        assert_int_equal(weir_peer_media_at(q, media)->direction,
                         (d & WEIR_SDP_SENDONLY ? WEIR_SDP_RECVONLY : 0)
                             | (d & WEIR_SDP_RECVONLY ? WEIR_SDP_SENDONLY : 0));
        assert_memory_equal(weir_peer_media_at(p, media)->mid, weir_peer_media_at(q, media)->mid, WEIR_SDP_MID_MAX);
        assert_true(weir_peer_media_at(p, media)->codecs != 0);
    }
    send_video(s, from, (d & WEIR_SDP_SENDONLY) != 0);
    send_video(s, 1 - from, (d & WEIR_SDP_RECVONLY) != 0);
}

static void three_rounds(const enum section round[3], unsigned offerers)
{
    struct sim *s = sim_open(7, true);
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("sim"), .priority = 256 };
    char mid[3][WEIR_SDP_MID_MAX] = { { 0 } };
    assert_int_equal(weir_peer_open_channel(s->peer[offerers & 1], s->now, &c,
                                            &s->channel[offerers & 1]), WEIR_OK);
    for (int i = 0; i < 3; i++) {
        int from = (int)(offerers >> i & 1);
        bring_to(s, from, round[i]);
        negotiate(s, from);
        sim_run(s, s->now + 5 * WEIR_SEC, !sim_is_open(s));
        assert_true(sim_is_open(s));
        check_section(s, from, round[i]);
        check_data(s);
        if (round[i] != ABSENT) {
            memcpy(mid[i], weir_peer_media_at(s->peer[0], video_of(s->peer[0]))->mid, WEIR_SDP_MID_MAX);
        }
        if (i == 2 && round[0] != ABSENT && round[1] == ABSENT && round[2] != ABSENT) {
            assert_memory_not_equal(mid[0], mid[2], WEIR_SDP_MID_MAX); /* [RFC 8829 5.2.2] */
            assert_int_equal(s->peer[0]->medias, 2);
        }
    }
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
    sim_close(s);
}

static void every_transition_over_three_rounds(void **state)
{
    (void)state;
    static const unsigned offerers[] = { 0, 7, 2, 5 };
    for (unsigned i = 0; i < SECTIONS * SECTIONS * SECTIONS; i++) {
        const enum section round[3] = { (enum section)(i / 25), (enum section)(i / 5 % 5),
                                        (enum section)(i % 5) };
        three_rounds(round, offerers[i % 4]);
        three_rounds(round, offerers[(i + 1) % 4]);
    }
}

static uint8_t add_video(struct sim *s, int from)
{
    uint8_t media;
    assert_int_equal(weir_peer_add_media(s->peer[from], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    return media;
}

/* [RFC 9143 6] Port 0 with a=bundle-only rejects nothing, as Firefox writes what is new: what waits in that place
 * makes way, if it is of another kind. */
static void a_bundle_only_section_is_there(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct sim *s = connected(23, WEIR_SDP_ACTIVE);
        uint8_t media;
        assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        assert_int_equal(weir_peer_add_media(s->peer[1], kind == 0 ? WEIR_SDP_AUDIO : WEIR_SDP_VIDEO,
                                             WEIR_SDP_SENDRECV, &media), WEIR_OK);
        offer(s, 0);
        char *section = strstr((char *)text[0], "m=audio 9"), *end = strstr(section, "a=rtcp-mux\r\n");
        section[8] = '0';
        memmove(end + 15, end, strlen(end) + 1);
        memcpy(end, "a=bundle-only\r\n", 15);
        length[0] += 15;
        answer(s, 1);
        assert_true(says(1, "m=audio 9"));
        assert_int_equal(weir_peer_media_at(s->peer[1], 2)->kind, WEIR_SDP_AUDIO);
        assert_true(weir_peer_media_at(s->peer[1], 2)->is_accepted);
        assert_int_equal(s->peer[1]->medias, 3 + kind);
        take_answer(s, 0);
        negotiate(s, 1);
        assert_int_equal(s->peer[0]->medias, 3 + kind);
        check_data(s);
        sim_close(s);
    }
}

/* The bundle keeps its transport as long as it can: a new section takes a free place behind the one that it is
 * named after. Where the only one is in front, a peer with a transport for each section moves to a new one,
 * whose credentials it tells only to who restarts ICE [RFC 8829 5.2.2 MUST, RFC 9143 7.3.1]. */
static void a_place_in_front_restarts_ice_and_one_behind_does_not(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++) {
        struct sim *s = connected(22, WEIR_SDP_ACTIVE);
        add_video(s, from);
        add_video(s, from);
        negotiate(s, from);
        assert_int_equal(weir_peer_stop_media(s->peer[from], 0), WEIR_OK);
        assert_int_equal(weir_peer_stop_media(s->peer[from], 3), WEIR_OK);
        negotiate(s, from);
        assert_int_equal(s->peer[from]->tag, 1);
        assert_true(says(0, "a=group:BUNDLE 1 2\r"));
        struct weir_ice_own before = s->peer[from]->ice.local_ufrag;
        assert_int_equal(add_video(s, from), 3);
        negotiate(s, from);
        assert_int_equal(s->peer[from]->tag, 1);
        assert_memory_equal(before.text, s->peer[from]->ice.local_ufrag.text, before.bytes);
        assert_int_equal(add_video(s, from), 0);
        negotiate(s, from);
        assert_int_equal(s->peer[from]->tag, 0);
        assert_memory_not_equal(before.text, s->peer[from]->ice.local_ufrag.text, before.bytes);
        check_data(s); /* what is one transport on both sides goes on */
        assert_int_equal(s->closed[0] + s->closed[1], 0);
        sim_close(s);
    }
}

/* [RFC 3264 8 MUST] Sections do not vanish, and one that lives keeps its mid. */
static void who_loses_sections_is_refused(void **state)
{
    (void)state;
    struct sim *s = connected(20, WEIR_SDP_ACTIVE);
    struct weir_sdp_error error;
    offer(s, 0);
    char *second = strstr((char *)text[0], "m=application"), *mid = strstr((char *)text[0], "a=mid:0");
    size_t first_bytes = (size_t)(second - (char *)text[0]);
    assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], first_bytes),
                                          &error), WEIR_ERR_ARG);
    assert_int_equal(error.verdict, WEIR_SDP_ANSWER_SHAPE);
    char *group = strstr((char *)text[0], "BUNDLE 0");
    mid[6] = group[7] = '7';
    assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]),
                                          &error), WEIR_ERR_ARG);
    mid[6] = group[7] = '0';
    answer(s, 1);
    take_answer(s, 0);
    check_data(s);
    sim_close(s);
}

/* And a place that both know does not vanish while a section of ours waits in it. */
static void a_place_that_waits_does_not_vanish(void **state)
{
    (void)state;
    for (int by = 0; by < 2; by++) { /* whose offers it was there in */
        struct sim *s = connected(24, WEIR_SDP_ACTIVE);
        struct weir_sdp_error error;
        add_video(s, by);
        negotiate(s, by);
        assert_int_equal(weir_peer_stop_media(s->peer[by], 2), WEIR_OK);
        negotiate(s, by);
        assert_int_equal(add_video(s, 1), 2);
        offer(s, 0);
        char *third = strstr((char *)text[0], "m=video 0");
        size_t without_it = (size_t)(third - (char *)text[0]);
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], without_it),
                                              &error), WEIR_ERR_ARG);
        assert_int_equal(error.verdict, WEIR_SDP_ANSWER_SHAPE);
        answer(s, 1);
        take_answer(s, 0);
        negotiate(s, 1);
        assert_true(weir_peer_media_at(s->peer[0], 2)->is_accepted);
        sim_close(s);
    }
}

/* A new section's payload types are those that were agreed on, whoever named them. */
static void payload_types_keep_their_meaning(void **state)
{
    (void)state;
    struct sim *s = connected(8, WEIR_SDP_ACTIVE);
    for (int i = 0; i < 2; i++) { /* as if others had been agreed on */
        struct weir_media *m = (struct weir_media *)weir_peer_media_at(s->peer[i], 0);
        m->codec[0] = (struct weir_media_codec){ .name = "H264", .clock_hz = 90000, .payload_type = 96,
                                                 .config = 0x05640c1f };
        m->codec[1] = (struct weir_media_codec){ .name = "VP9", .clock_hz = 90000, .payload_type = 102,
                                                 .config = 0x102 };
        m->codecs = 2;
        m->mid_ext = 9;
    }
    uint8_t media;
    assert_int_equal(weir_peer_add_media(s->peer[1], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    negotiate(s, 1);
    for (int which = 0; which < 2; which++) {
        const char *first = strstr((const char *)text[which], "m=video 9 UDP/TLS/RTP/SAVPF 96 102\r\n");
        assert_non_null(first);
        assert_non_null(strstr(first + 1, "m=video 9 UDP/TLS/RTP/SAVPF 96 102\r\n"));
        assert_true(says(which, "a=fmtp:96 level-asymmetry-allowed=0;packetization-mode=1;"
                                "profile-level-id=640c1f\r\n"));
        assert_true(says(which, "a=fmtp:102 profile-id=2\r\n"));
        assert_true(says(which, "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"));
    }
    sim_close(s);
}

/* -- Rejections -------------------------------------------------------------------------------- */

#define SESSION "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

static void nothing_that_is_left_leaves_both_usable(void **state)
{
    (void)state;
    static const char *const empty[] = {
        SESSION, SESSION "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n", SESSION "m=image 9 udptl t38\r\n",
        SESSION "m=audio 9 UDP/TLS/RTP/SAVPF 103\r\na=rtpmap:103 ISAC/16000\r\na=rtcp-mux\r\n",
    };
    struct sim *s = sim_open(9, true);
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        length[0] = strlen(empty[i]);
        memcpy(text[0], empty[i], length[0]);
        answer(s, 1);
        assert_false(says(1, "m=audio 9") || says(1, "m=image 9"));
        assert_int_equal(s->peer[1]->signalling, WEIR_STABLE);
        assert_int_equal(s->peer[1]->state, WEIR_PEER_NEW);
    }
    /* An answer that rejects everything ends our offer. */
    offer(s, 0);
    length[1] = (size_t)snprintf((char *)text[1], sizeof text[1], "%s%s", SESSION,
                                 "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n");
    take_answer(s, 0);
    assert_int_equal(s->peer[0]->signalling, WEIR_STABLE);
    sim_introduce(s);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    check_data(s);
    sim_close(s);
}

static void data_that_is_stopped_ends_and_may_come_again(void **state)
{
    (void)state;
    struct sim *s = connected(10, WEIR_SDP_ACTIVE);
    offer(s, 0);
    char *section = strstr((char *)text[0], "m=application 9");
    memcpy(section, "m=application 0", 15);
    answer(s, 1);
    assert_true(says(1, "m=application 0"));
    take_answer(s, 0);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s->data_reason[i], WEIR_SCTP_REASON_SHUTDOWN);
        assert_int_equal(s->closed[i], 1);
        assert_false(s->peer[i]->has_data);
    }
    negotiate(s, 1); /* one is always offered: in its place, under another mid [RFC 8829 5.2.2] */
    assert_true(says(0, "m=application 9") && says(1, "m=application 9"));
    assert_false(says(0, "a=mid:1\r\n"));
    assert_int_equal(s->peer[0]->medias, 2);
    open_again(s, 1);
    sim_close(s);
}

/* -- Another association ----------------------------------------------------------------------- */

/* The other side comes back with new credentials and another certificate: a page was reloaded. */
static void comes_back(int who, int from, bool restarts)
{
    struct sim *s = connected(11, WEIR_SDP_ACTIVE);
    static struct weir_identity fresh;
    struct weir_rand rand;
    weir_rand_init_number(&rand, 99);
    assert_true(weir_crypto_default()->identity_make(&fresh, &rand, 1700000000, 1900000000));
    struct weir_peer_config c = s->peer[who]->config;
    weir_peer_deinit(s->peer[who]);
    s->identity[who] = fresh;
    memset(c.seed, 77, sizeof c.seed);
    weir_peer_init(s->peer[who], &c, &s->pool, s->now);
    assert_int_equal(weir_peer_add_local(s->peer[who], s->now, &s->addr[who]), WEIR_OK);
    s->state[who] = WEIR_PEER_NEW;
    if (restarts) {
        weir_peer_restart_ice(s->peer[from]);
    }
    negotiate(s, from);
    open_again(s, from);
    assert_int_equal(s->closed[1 - who], 1);
    for (int i = 0; i < 4; i++) { /* [RFC 8842 5.3] that association is the one which both go on naming */
        negotiate(s, i & 1);
        check_data(s);
    }
    assert_int_equal(s->closed[1 - who], 1);
    sim_close(s);
}

/* Who stayed may not even know: its ordinary offer is answered by another. */
static void who_comes_back_is_another(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        comes_back(i & 1, i >> 1 & 1, i >> 2 != 0);
    }
}

/* The answer takes its time, somebody is asked; the DTLS of before was never finished, and its hello must not call
 * on the path that the new offer opens. */
static void what_was_never_finished_is_left_with_the_offer(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        const struct sim_options o = { .seed = 3, .no_sped = { true, true } };
        struct sim *s = sim_open_with(&o);
        sim_introduce(s);
        while (!s->peer[1]->has_had_path) {
            sim_run(s, s->now + WEIR_MS, false);
        }
        s->is_cut = true;
        sim_run(s, s->now + 3 * WEIR_SEC, false);
        s->is_cut = false;
        assert_int_equal(weir_dtls_state(&s->peer[1]->dtls), WEIR_DTLS_HANDSHAKE);
        if (restarts != 0) {
            weir_peer_restart_ice(s->peer[0]);
        }
        weir_peer_renew(s->peer[0]);
        offer(s, 0);
        take_offer(s, 1);
        sim_run(s, s->now + 300 * WEIR_MS, false);
        write_answer(s, 1);
        take_answer(s, 0);
        sim_run(s, s->now + 10 * WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        open_again(s, 0);
        sim_close(s);
    }
}

/* The same ICE credentials and another certificate. */
static void another_certificate_is_another(void **state)
{
    (void)state;
    struct sim *s = connected(12, WEIR_SDP_ACTIVE);
    struct weir_rand rand;
    weir_rand_init_number(&rand, 98);
    assert_true(weir_crypto_default()->identity_make(&s->identity[0], &rand, 1700000000, 1900000000));
    weir_peer_renew(s->peer[0]);
    offer(s, 0);
    without(0, "a=tls-id:");
    answer(s, 1);
    assert_false(says(1, "a=tls-id:")); /* [RFC 8842 5.3 MUST NOT] */
    take_answer(s, 0);
    assert_int_equal(s->data_reason[1], WEIR_SCTP_REASON_NONE);
    open_again(s, 0);
    assert_int_equal(s->closed[1], 1);
    sim_close(s);
}

/* [RFC 8842 5.5] The same certificate and another a=tls-id. */
static void a_new_tls_id_is_another(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++) {
        struct sim *s = connected(13, WEIR_SDP_ACTIVE);
        negotiate(s, from);
        assert_int_equal(s->closed[0] + s->closed[1], 0); /* the same one again changes nothing */
        weir_peer_renew(s->peer[from]);
        negotiate(s, from);
        sim_run(s, s->now + 500 * WEIR_MS, false);
        assert_int_equal(s->closed[0], 1);
        assert_int_equal(s->closed[1], 1);
        open_again(s, from);
        sim_close(s);
    }
}

/* The answer takes its time: what there is goes on with who offered, and the hello of who answered, which calls on it
 * meanwhile, harms nothing and is soon repeated. */
static void a_renewal_whose_answer_is_slow_loses_nothing(void **state)
{
    (void)state;
    for (int passive = 0; passive < 2; passive++) {
        struct sim *s = connected(25, passive != 0 ? WEIR_SDP_PASSIVE : WEIR_SDP_ACTIVE);
        weir_peer_renew(s->peer[0]);
        offer(s, 0);
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        check_data(s); /* nobody has answered: both are what they were */
        assert_int_equal(s->closed[0] + s->closed[1], 0);
        answer(s, 1);
        sim_run(s, s->now + 3 * WEIR_SEC, false);
        assert_int_equal(weir_dtls_state(&s->peer[0]->dtls), WEIR_DTLS_CONNECTED);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        take_answer(s, 0);
        weir_time at = s->now;
        const struct weir_sctp_channel_config c = { .label = WEIR_LIT("anew"), .priority = 256 };
        s->opened[0] = s->opened[1] = 0;
        assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &s->channel[0]), WEIR_OK);
        sim_run(s, s->now + 10 * WEIR_SEC, true);
        assert_true(sim_is_open(s));
        assert_true(s->now - at < 4 * WEIR_SEC); /* the timer of a hello that was not heard, at most */
        check_data(s);
        sim_close(s);
    }
}

/* libwebrtc gives its transport up with the section it is named after, and says nothing. */
/* As libwebrtc does: the transport of the section that was stopped says goodbye, and another one begins. */
static void a_stopped_tag_and_a_goodbye_is_another(void **state)
{
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        struct sim *s = connected(15, WEIR_SDP_ACTIVE);
        if (stops != 0) {
            assert_int_equal(weir_peer_stop_media(s->peer[0], 0), WEIR_OK);
        }
        negotiate(s, 0);
        weir_peer_close(s->peer[0], s->now);
        sim_run(s, s->now + 200 * WEIR_MS, false);
        assert_int_equal(s->state[1], stops != 0 ? WEIR_PEER_CONNECTING : WEIR_PEER_CLOSED);
        struct weir_path path;
        if (stops != 0) { /* nobody is there any more: the hello waits for the next path */
            assert_int_equal(weir_dtls_state(&s->peer[1]->dtls), WEIR_DTLS_NEW);
            assert_false(weir_ice_selected(&s->peer[1]->ice, &path));
        }
        sim_close(s);
    }
}

/* Both transports begin again, on the path of before, with the roles turned round when it `turns`; peer 0's SCTP
 * too when it `is_anew`. What peer 1 sends meanwhile waits. */
static struct sim *carried_anew(bool is_anew, bool has_aborted, bool turns)
{
    uint8_t packet[1500];
    struct sim *s = connected(16, WEIR_SDP_ACTIVE);
    assert_int_equal(weir_peer_stop_media(s->peer[0], 0), WEIR_OK);
    negotiate(s, 0);
    for (int i = 0; i < 2; i++) {
        struct weir_path path = { s->addr[i], weir_addr_v4(203, 0, 113, 5, 5000) };
        bool is_client = weir_dtls_is_client(&s->peer[i]->dtls) != turns;
        weir_peer_rtp(s->peer[i])->resend_head = 3; /* sealed again under new keys it would be another packet */
        weir_peer_tag_stops(s->peer[i], s->now, is_client);
        weir_peer_tag_selected(s->peer[i], s->now, &path);
        assert_int_not_equal(weir_dtls_state(&s->peer[i]->dtls), WEIR_DTLS_CONNECTED);
        assert_int_equal(weir_dtls_is_client(&s->peer[i]->dtls), is_client);
        assert_int_equal(weir_peer_rtp(s->peer[i])->resend_head, weir_peer_rtp(s->peer[i])->resend_tail);
        assert_int_equal(s->peer[i]->tag_until, 0);
    }
    if (has_aborted) { /* delivered behind the goodbye of what carried it */
        weir_sctp_abort(&s->peer[0]->sctp, s->now, WEIR_LIT("gone"));
        size_t n = weir_sctp_send(&s->peer[0]->sctp, s->now, (struct weir_mspan){ packet, 1200 });
        assert_int_equal(weir_sctp_recv(&s->peer[1]->sctp, s->now, weir_span_of(packet, n)), WEIR_SCTP_OK);
    }
    if (is_anew) {
        weir_peer_restart_sctp(s->peer[0], s->now, false);
        s->peer[0]->snap = WEIR_PEER_DECLINED;
        weir_sctp_set_dtls_role(&s->peer[0]->sctp, s->now, weir_dtls_is_client(&s->peer[0]->dtls));
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sim_send(s, 1, 3000), has_aborted ? WEIR_ERR_STATE : WEIR_OK);
    }
    sim_run(s, s->now + 2 * WEIR_SEC, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_dtls_state(&s->peer[i]->dtls), WEIR_DTLS_CONNECTED);
    }
    return s;
}

/* As Firefox does it: DTLS is new, SCTP goes on, and not a message is lost. */
static void a_new_transport_may_carry_the_old_association(void **state)
{
    (void)state;
    for (int turns = 0; turns < 2; turns++) {
        struct sim *s = carried_anew(false, false, turns != 0);
        assert_int_equal(s->messages[0], 3);
        assert_int_equal(s->closed[0] + s->closed[1], 0);
        assert_int_equal(s->data_reason[1], WEIR_SCTP_REASON_NONE);
        check_data(s);
        open_again(s, 0);
        open_again(s, 1);
        sim_close(s);
    }
}

/* As libwebrtc does it: both are new. The association's channels end, and others open. */
static void a_new_transport_may_bring_a_new_association(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct sim *s = carried_anew(true, (i & 1) != 0, (i & 2) != 0);
        assert_int_equal(s->closed[1], 1);
        assert_int_equal(s->data_reason[1], WEIR_SCTP_REASON_NONE); /* up again */
        open_again(s, 0);
        open_again(s, 1);
        sim_close(s);
    }
}

/* The goodbye came before the answer, which says who is DTLS client on the new transport. */
static void an_answer_says_the_role_on_a_new_transport(void **state)
{
    (void)state;
    for (int passive = 0; passive < 2; passive++) {
        struct sim *s = connected(18, WEIR_SDP_ACTIVE);
        assert_int_equal(weir_peer_stop_media(s->peer[0], 0), WEIR_OK);
        offer(s, 0);
        assert_true(weir_peer_tag_closed(s->peer[0], s->now));
        assert_false(weir_dtls_is_client(&s->peer[0]->dtls));
        answer(s, 1);
        without(1, "a=tls-id:");
        for (char *p = (char *)text[1]; (p = strstr(p, "a=setup:")) != NULL;) {
            memcpy(p, passive != 0 ? "a=setup:passive" : "a=setup:active ", 15);
            p += 15;
        }
        take_answer(s, 0);
        assert_int_equal(weir_dtls_is_client(&s->peer[0]->dtls), passive != 0);
        assert_int_equal(s->peer[0]->sctp.state, WEIR_SCTP_ESTABLISHED); /* it moves over: the same peer */
        struct weir_dtls_fingerprint list[WEIR_DTLS_FINGERPRINTS_MAX];
        assert_true(weir_dtls_fingerprints(&s->peer[0]->dtls, list) != 0);
        sim_close(s);
    }
}

/* A message of peer 0 that peer 1's application has in its hands. */
static struct weir_event hand_over(struct sim *s)
{
    struct weir_event e = { .type = WEIR_EVENT_NONE };
    struct weir_path to;
    uint8_t out[1500];
    size_t n;
    assert_int_equal(sim_send(s, 0, 3000), WEIR_OK);
    while ((n = weir_peer_send(s->peer[0], s->now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
        struct weir_packet k = { .data = out, .len = n, .at = s->now, .path = { s->addr[1], s->addr[0] } };
        (void)weir_peer_recv(s->peer[1], s->now, &k);
    }
    while (e.type != WEIR_EVENT_CHANNEL_MESSAGE) {
        assert_true(weir_peer_event(s->peer[1], s->now, &e));
    }
    assert_int_equal(e.data.n, 3000);
    return e;
}

/* Being read or deferred, a message's buffers come back with the end of its association, or of the peer; and what
 * was given out stays whole as long as was promised, whatever the application does with it. */
static void a_message_in_hand_is_given_back(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct sim *s = connected(19, WEIR_SDP_ACTIVE);
        uint32_t before = s->pool.free_count;
        uint8_t copy[3000];
        struct weir_event e = hand_over(s);
        memcpy(copy, e.data.p, sizeof copy);
        if ((how & 1) != 0) {
            weir_peer_defer(s->peer[1]);
        }
        if ((how & 2) != 0) { /* it was the signalling */
            weir_peer_renew(s->peer[0]);
            negotiate(s, 0);
            assert_true((how & 1) != 0 || memcmp(copy, e.data.p, sizeof copy) == 0);
            sim_run(s, s->now + WEIR_SEC, false);
            assert_true(s->pool.free_count >= before); /* the channel is gone as well */
            open_again(s, 0); /* and messages come again */
        }
        sim_close(s); /* every buffer came home */
    }
}

static void a_stopped_tag_and_a_new_address_is_another(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct sim *s = connected(14, WEIR_SDP_ACTIVE);
        struct weir_path path = { s->addr[1], weir_addr_v4(203, 0, 113, 5, 5000) };
        assert_int_equal(s->peer[1]->tag, 0);
        if (round != 0) { /* else nothing was stopped */
            assert_int_equal(weir_peer_stop_media(s->peer[0], 0), WEIR_OK);
        }
        negotiate(s, 0);
        assert_int_equal(s->peer[1]->tag, round != 0 ? 1 : 0);
        if (round == 1) { /* who it was before */
            path.remote = s->addr[0];
        }
        weir_time at = round == 2 ? s->now + PEER_TAG_WAIT : s->now; /* too late */
        weir_peer_tag_selected(s->peer[1], at, &path);
        assert_int_equal(weir_dtls_state(&s->peer[1]->dtls) == WEIR_DTLS_CONNECTED, round != 3);
        assert_true(weir_dtls_is_client(&s->peer[1]->dtls));
        struct weir_dtls_fingerprint list[WEIR_DTLS_FINGERPRINTS_MAX];
        assert_true(weir_dtls_fingerprints(&s->peer[1]->dtls, list) != 0);
        sim_close(s);
    }
}

/* [RFC 8445 9] What failed for want of consent comes back with new credentials, whoever offers them. */
static void a_restart_after_failed_recovers(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++) {
        struct sim *s = connected(15, WEIR_SDP_ACTIVE);
        struct weir_sdp_error error;
        offer(s, 0);
        answer(s, 1);
        take_answer(s, 0);
        s->is_cut = true;
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_FAILED);
        assert_int_equal(s->state[1], WEIR_PEER_FAILED);
        s->is_cut = false;
        /* The same credentials again cannot mend it, and are not answered as if they could. */
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]),
                                              &error), WEIR_ERR_STATE);
        negotiate(s, from);
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        check_data(s);
        sim_close(s);
    }
}

/* A key frame is wanted while there is no path: a restart during an outage, whose old path is over, or what
 * failed and is offered anew. The simulator sees to it that nothing spins; the request leaves with the new path.
 * And who has no path does not say that it is connected. */
static void a_key_frame_waits_for_a_path(void **state)
{
    (void)state;
    for (int has_failed = 0; has_failed < 2; has_failed++) {
        struct sim *s = connected(16, WEIR_SDP_ACTIVE);
        struct weir_path path;
        for (uint32_t i = 0; i < 5; i++) {
            sim_send_rtp(s, 0, i);
            sim_run(s, s->now + 20 * WEIR_MS, false);
        }
        s->is_cut = true;
        if (has_failed != 0) {
            sim_run(s, s->now + 35 * WEIR_SEC, false);
            assert_int_equal(s->state[1], WEIR_PEER_FAILED);
        } else {
            assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        }
        weir_peer_restart_ice(s->peer[0]);
        negotiate(s, 0);
        sim_run(s, s->now + (has_failed != 0 ? 1 : 31) * WEIR_SEC, false);
        assert_false(weir_ice_selected(&s->peer[1]->ice, &path));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(s->state[i], has_failed != 0 ? WEIR_PEER_CONNECTING : WEIR_PEER_DISCONNECTED);
        }
        uint32_t plis = weir_peer_rtp(s->peer[1])->rtcp.remote[0].plis;
        weir_peer_request_keyframe(s->peer[1], s->now, 0);
        sim_run(s, s->now + 2 * WEIR_SEC, false);
        assert_int_equal(weir_peer_rtp(s->peer[1])->rtcp.remote[0].plis, plis);
        s->is_cut = false;
        weir_peer_restart_ice(s->peer[0]);
        negotiate(s, 0);
        sim_run(s, s->now + 5 * WEIR_SEC, false);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        assert_int_equal(weir_peer_rtp(s->peer[1])->rtcp.remote[0].plis, plis + 1);
        sim_close(s);
    }
}

/* -- Limits ------------------------------------------------------------------------------------ */

static void sizes_are_what_the_refusal_says(void **state)
{
    (void)state;
    static const struct {
        uint32_t max;
        size_t bytes;
        enum weir_sdp_verdict want;
    } row[] = {
        { 0, 20000, WEIR_SDP_OK },         { 0, WEIR_SDP_BYTES_MAX, WEIR_SDP_OK },
        { 0, WEIR_SDP_BYTES_MAX + 1, WEIR_SDP_LONG },
        { 16384, 16384, WEIR_SDP_OK },     { 16384, 16385, WEIR_SDP_LIMIT },
    };
    static uint8_t padded[WEIR_SDP_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim *s = sim_open(16, false);
        struct weir_sdp_error error = { .verdict = WEIR_SDP_OK };
        s->peer[1]->config.description_max = row[i].max != 0 ? row[i].max : WEIR_SDP_BYTES_MAX;
        offer(s, 0);
        memcpy(padded, text[0], length[0]);
        memset(padded + length[0], 'p', row[i].bytes - length[0]);
        for (size_t at = length[0]; at + 2 < row[i].bytes; at += 1000) {
            memcpy(padded + at, at == length[0] ? "a=" : "\na=", at == length[0] ? 2 : 3);
        }
        uint32_t free = s->pool.free_count;
        enum weir_status status = weir_peer_set_remote(s->peer[1], s->now, true,
                                                       weir_span_of(padded, row[i].bytes), &error);
        assert_int_equal(error.verdict, row[i].want);
        assert_int_equal(status, row[i].want == WEIR_SDP_OK ? WEIR_OK : WEIR_ERR_ARG);
        uint32_t held = row[i].want == WEIR_SDP_OK ? (uint32_t)(row[i].bytes / 1920 + 2) : 0;
        assert_true(free - s->pool.free_count <= held && (held == 0 || free > s->pool.free_count));
        if (status == WEIR_OK && i != 1) { /* the second is given back with its peer */
            struct weir_wr w = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
            assert_int_equal(weir_peer_create_answer(s->peer[1], s->now, &w), WEIR_OK);
            assert_int_equal(s->pool.free_count, free - 1); /* of its section */
        }
        sim_close(s);
    }
}

static void a_pool_without_room_refuses_and_changes_nothing(void **state)
{
    (void)state;
    struct sim *s = sim_open(17, false);
    struct weir_sdp_error error;
    uint32_t taken[4096], n = 0;
    offer(s, 0);
    while ((taken[n] = weir_pool_get(&s->pool)) != WEIR_NO_BUF) {
        n++;
    }
    assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]),
                                          &error), WEIR_ERR_FULL);
    assert_int_equal(s->peer[1]->signalling, WEIR_STABLE);
    assert_int_equal(s->peer[1]->medias, 0);
    while (n != 0) {
        weir_pool_put(&s->pool, taken[--n]);
    }
    answer(s, 1);
    sim_close(s);
}

/* Sections beyond the number of the configuration, and beyond the table. */
static void sections_beyond_are_rejected_alone(void **state)
{
    (void)state;
    for (uint32_t max = 3; max <= WEIR_PEER_MEDIA_MAX; max += WEIR_PEER_MEDIA_MAX - 3) {
        struct sim *s = sim_open(18, true);
        uint8_t media;
        s->peer[1]->config.sections_max = max;
        for (unsigned i = 0; i < 7; i++) {
            assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media),
                             WEIR_OK);
        }
        offer(s, 0);
        for (unsigned i = 0; i < 70; i++) {
            length[0] += (size_t)snprintf((char *)text[0] + length[0], 100,
                                          "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:x%u\r\n", i);
        }
        answer(s, 1);
        unsigned sections = 0, accepted = 0;
        for (const char *p = (const char *)text[1]; (p = strstr(p, "m=a")) != NULL; p++) {
            sections++;
            accepted += strncmp(p, "m=audio 9", 9) == 0 || strncmp(p, "m=application 9", 15) == 0;
        }
        assert_int_equal(sections, 78);
        assert_int_equal(accepted, max < 8 ? max : 8);
        assert_int_equal(s->peer[1]->rest_medias, 78 - WEIR_PEER_MEDIA_MAX);
        offer(s, 1); /* [RFC 3264 8 MUST] as many sections as before */
        sections = 0;
        for (const char *p = (const char *)text[0]; (p = strstr(p, "m=a")) != NULL; p++) {
            sections++;
        }
        assert_int_equal(sections, 78);
        sim_close(s);
    }
}

static void data_that_never_comes_ends_with_its_reason(void **state)
{
    (void)state;
    const struct sim_options o = { .seed = 19, .no_snap = { true, true } };
    struct sim *s = sim_open_with(&o);
    s->peer[1]->sctp.config.local_port = 1; /* a peer whose SCTP hears nothing, and never speaks */
    s->peer[1]->is_data_over = true;
    sim_introduce(s);
    sim_run(s, s->now + 29 * WEIR_SEC, false);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    assert_int_equal(s->data_reason[0], WEIR_SCTP_REASON_NONE);
    sim_run(s, s->now + 2 * WEIR_SEC, false);
    assert_int_equal(s->data_reason[0], WEIR_SCTP_REASON_TIMEOUT);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    s->peer[1]->is_data_over = false;
    weir_peer_renew(s->peer[0]);
    negotiate(s, 0);
    open_again(s, 0);
    assert_int_equal(s->data_reason[0], WEIR_SCTP_REASON_NONE);
    sim_close(s);
}

/* A peer whose SCTP takes every message and answers no OPEN. */
static void a_channel_that_is_not_answered_ends_alone(void **state)
{
    (void)state;
    const struct sim_options o = { .seed = 20 };
    const struct weir_sctp_channel_config c = { .label = WEIR_LIT("who is there") };
    struct sim *s = sim_open_with(&o);
    uint16_t channel;
    sim_introduce(s);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    s->peer[1]->sctp.config.has_channels = false;
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &channel), WEIR_OK);
        sim_run(s, s->now + 29 * WEIR_SEC, false);
        assert_int_equal(s->closed[0], i - 1);
        sim_run(s, s->now + 2 * WEIR_SEC, false);
        assert_int_equal(s->closed[0], i);
        assert_int_equal(s->closed_reason[0], WEIR_SCTP_REASON_TIMEOUT);
    }
    s->peer[1]->sctp.config.has_channels = true;
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    assert_int_equal(s->data_reason[0], WEIR_SCTP_REASON_NONE);
    unsigned before = s->messages[1];
    assert_int_equal(sim_send(s, 0, 1000), WEIR_OK); /* on the channel that there was before */
    assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &channel), WEIR_OK);
    sim_run(s, s->now + 2 * WEIR_SEC, false);
    assert_int_equal(s->messages[1], before + 1);
    assert_int_equal(s->opened[0], 2);
    sim_close(s);
}

/* As the application wants it: sooner, or never. */
static void how_long_a_channel_waits_is_the_applications_to_say(void **state)
{
    (void)state;
    static const weir_duration wait[] = { 2 * WEIR_SEC, WEIR_NEVER };
    for (unsigned i = 0; i < 2; i++) {
        const struct sim_options o = { .seed = 21, .channel_wait = wait[i] };
        struct sim *s = sim_open_with(&o);
        sim_introduce(s);
        s->peer[1]->sctp.config.has_channels = false;
        sim_run(s, s->now + 100 * WEIR_SEC, false);
        assert_int_equal(s->closed[0], i == 0 ? 1 : 0);
        assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
        sim_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_stay_whoever_offers),
        cmocka_unit_test(an_answer_that_only_turns_the_roles_round_changes_nothing),
        cmocka_unit_test(another_role_is_another_association),
        cmocka_unit_test(every_transition_over_three_rounds),
        cmocka_unit_test(who_loses_sections_is_refused),
        cmocka_unit_test(a_place_that_waits_does_not_vanish),
        cmocka_unit_test(payload_types_keep_their_meaning),
        cmocka_unit_test(a_bundle_only_section_is_there),
        cmocka_unit_test(nothing_that_is_left_leaves_both_usable),
        cmocka_unit_test(data_that_is_stopped_ends_and_may_come_again),
        cmocka_unit_test(who_comes_back_is_another),
        cmocka_unit_test(what_was_never_finished_is_left_with_the_offer),
        cmocka_unit_test(another_certificate_is_another),
        cmocka_unit_test(a_new_tls_id_is_another),
        cmocka_unit_test(a_renewal_whose_answer_is_slow_loses_nothing),
        cmocka_unit_test(a_stopped_tag_and_a_goodbye_is_another),
        cmocka_unit_test(an_answer_says_the_role_on_a_new_transport),
        cmocka_unit_test(a_message_in_hand_is_given_back),
        cmocka_unit_test(a_stopped_tag_and_a_new_address_is_another),
        cmocka_unit_test(a_new_transport_may_carry_the_old_association),
        cmocka_unit_test(a_new_transport_may_bring_a_new_association),
        cmocka_unit_test(a_place_in_front_restarts_ice_and_one_behind_does_not),
        cmocka_unit_test(a_restart_after_failed_recovers),
        cmocka_unit_test(a_key_frame_waits_for_a_path),
        cmocka_unit_test(sizes_are_what_the_refusal_says),
        cmocka_unit_test(a_pool_without_room_refuses_and_changes_nothing),
        cmocka_unit_test(sections_beyond_are_rejected_alone),
        cmocka_unit_test(data_that_never_comes_ends_with_its_reason),
        cmocka_unit_test(a_channel_that_is_not_answered_ends_alone),
        cmocka_unit_test(how_long_a_channel_waits_is_the_applications_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
