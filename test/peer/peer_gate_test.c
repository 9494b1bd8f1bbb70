/* The gate of a connection: what may come in, when, and from where. Each datagram that may not has its
 * verdict, and reaches nothing behind the gate. */
#include "peer/peer_int.h"
#include "test/sim/sim.h"
#include "test/support/support.h"

enum { CALLER, CALLEE };

static const struct weir_addr stranger = { .family = WEIR_IPV4, .port = 4000, .ip = { 203, 0, 113, 9 } };

static enum weir_peer_verdict hear_from(struct sim *s, int to, const struct weir_addr *from, uint8_t *data,
                                        size_t n)
{
    struct weir_packet k = { .data = data, .len = n, .at = s->now, .path = { s->addr[to], *from } };
    return weir_peer_recv(s->peer[to], s->now, &k);
}

static struct sim *open_with(uint64_t seed, uint8_t cid_bytes)
{
    const struct sim_options o = { .seed = seed, .with_media = true, .cid_bytes = { cid_bytes, cid_bytes } };
    struct sim *s = sim_open_with(&o);
    sim_introduce(s);
    return s;
}

static struct sim *connected(uint64_t seed, uint8_t cid_bytes)
{
    struct sim *s = open_with(seed, cid_bytes);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    return s;
}

/* A record of DTLS 1.3 with an id, and nothing in it that anybody could open. */
static size_t record_for(const uint8_t *cid, uint8_t out[64])
{
    memset(out, 0x5a, 64);
    out[0] = 0x3f; /* an id, 16 bits of number, a length, epoch 3 */
    memcpy(out + 1, cid, 8);
    weir_put16(out + 11, 64 - 13);
    return 64;
}

/* -- Records by their id ----------------------------------------------------------------------- */

/* [RFC 9146 6] From a path that is not known a record is looked at when it names us, and only then. */
static void an_id_that_is_not_ours_opens_nothing(void **state)
{
    (void)state;
    struct sim *s = connected(1, 8);
    struct weir_peer *p = s->peer[CALLEE];
    uint8_t record[64], cid[8];
    for (unsigned bit = 0; bit < 64; bit++) {
        memcpy(cid, p->config.cid, 8);
        cid[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(hear_from(s, CALLEE, &stranger, record, record_for(cid, record)), WEIR_PEER_PATH);
    }
    assert_int_equal(hear_from(s, CALLEE, &stranger, record, record_for(p->config.cid, record)),
                     WEIR_PEER_DTLS);
    sim_close(s);
}

/* Until the peer has proven itself there is nobody who could have moved. */
static void an_id_opens_nothing_before_the_handshake_is_done(void **state)
{
    (void)state;
    struct sim *s = open_with(2, 8);
    struct weir_peer *p = s->peer[CALLER]; /* the server: it agrees on ids with its first flight */
    uint8_t record[64];
    while (!p->is_dtls_ready || !weir_dtls_has_cid(&p->dtls)) {
        sim_run(s, s->now + WEIR_MS, true);
    }
    assert_int_not_equal(weir_dtls_state(&p->dtls), WEIR_DTLS_CONNECTED);
    assert_int_equal(hear_from(s, CALLER, &stranger, record, record_for(p->config.cid, record)),
                     WEIR_PEER_PATH);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_int_equal(hear_from(s, CALLER, &stranger, record, record_for(p->config.cid, record)),
                     WEIR_PEER_DTLS);
    sim_close(s);
}

/* -- Media ------------------------------------------------------------------------------------- */

static void media_before_the_keys_is_early(void **state)
{
    (void)state;
    struct sim *s = open_with(3, 0);
    struct weir_peer *p = s->peer[CALLEE];
    const struct weir_path path = { s->addr[CALLEE], s->addr[CALLER] };
    uint8_t rtp[200] = { 0x80, 96 }, rtcp[60] = { 0x81, 203, 0, 1 };
    unsigned tried = 0;
    while (!p->is_srtp_ready) {
        if (p->is_dtls_ready && weir_ice_path_ok(&p->ice, &path)) {
            assert_int_equal(hear_from(s, CALLEE, &s->addr[CALLER], rtp, sizeof rtp), WEIR_PEER_EARLY);
            assert_int_equal(hear_from(s, CALLEE, &s->addr[CALLER], rtcp, sizeof rtcp), WEIR_PEER_EARLY);
            tried++;
        }
        sim_run(s, s->now + WEIR_MS, true);
    }
    assert_true(tried != 0);
    assert_int_equal(hear_from(s, CALLEE, &s->addr[CALLER], rtp, sizeof rtp), WEIR_PEER_SRTP);
    sim_close(s);
}

/* Whatever keys it was sealed with: no section that wants to receive has it. */
static void media_that_no_section_takes_is_dropped(void **state)
{
    (void)state;
    struct sim *s = connected(4, 0);
    struct weir_peer *p = s->peer[CALLEE];
    sim_send_rtp(s, CALLER, 1);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    assert_int_equal(s->rtp[CALLEE], 1);
    ((struct weir_media *)weir_peer_media_at(p, 0))->direction = WEIR_SDP_SENDONLY;
    sim_send_rtp(s, CALLER, 2);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    assert_int_equal(s->rtp[CALLEE], 1);
    assert_int_equal(p->verdicts[WEIR_PEER_MEDIA], 1);
    sim_close(s);
}

/* [RFC 5761 4] Second bytes of 192 to 223 are RTCP's: all of them are opened as such. */
static void all_packet_types_of_rtcp_are_rtcp(void **state)
{
    (void)state;
    struct sim *s = connected(5, 0);
    for (unsigned type = 192; type <= 223; type++) {
        uint8_t packet[200] = { 0x80, (uint8_t)type, 0, 6 };
        size_t n = 28;
        weir_put32(packet + 4, weir_peer_media_at(s->peer[CALLER], 0)->ssrc);
        assert_int_equal(weir_srtcp_seal(&weir_peer_rtp(s->peer[CALLER])->srtp_tx, (struct weir_mspan){ packet, 200 }, &n),
                         WEIR_SRTP_OK);
        assert_int_equal(hear_from(s, CALLEE, &s->addr[CALLER], packet, n), WEIR_PEER_OK);
    }
    sim_close(s);
}

/* [RFC 5764 4.2] The client's keys seal what the DTLS client sends: both ends of ours could have it the other way
 * round, and no other could talk to them. */
static void each_side_seals_with_its_own_keys(void **state)
{
    (void)state;
    struct sim *s = connected(7, 0);
    for (int i = 0; i < 2; i++) {
        struct weir_peer *p = s->peer[i];
        static struct weir_srtp tx, rx; /* of who stands opposite */
        uint8_t keying[WEIR_SRTP_KEYING_MAX], packet[100] = { 0x80, 96, 0, 1, [11] = 7 };
        const enum weir_srtp_profile profile = (enum weir_srtp_profile)weir_dtls_srtp(&p->dtls);
        struct weir_mspan out = { keying, weir_srtp_keying_bytes(profile) }, sealed = { packet, 0 };
        size_t n = 60;
        assert_int_equal(weir_dtls_export(&p->dtls, "EXTRACTOR-dtls_srtp", out), WEIR_OK);
        assert_true(weir_srtp_init_pair(&tx, &rx, p->config.crypto, profile, weir_span_const(out),
                                        !weir_dtls_is_client(&p->dtls)));
        assert_int_equal(weir_srtp_seal(&weir_peer_rtp(p)->srtp_tx, (struct weir_mspan){ packet, sizeof packet }, &n),
                         WEIR_SRTP_OK);
        sealed.n = n;
        assert_int_equal(weir_srtp_open(&rx, &sealed), WEIR_SRTP_OK);
        assert_int_equal(sealed.n, 60);
    }
    sim_close(s);
}

/* -- By the first byte ------------------------------------------------------------------------- */

/* [RFC 7983 7] What is none of the three protocols is dropped before anything looks at it. */
static void the_first_byte_says_what_it_is(void **state)
{
    (void)state;
    struct sim *s = connected(8, 0);
    for (unsigned first = 0; first < 256; first++) {
        uint8_t bytes[40] = { (uint8_t)first };
        enum weir_peer_verdict v = hear_from(s, CALLEE, &s->addr[CALLER], bytes, sizeof bytes);
        assert_int_equal(v, first <= 3                     ? WEIR_PEER_STUN
                            : first >= 20 && first <= 63   ? WEIR_PEER_DTLS
                            : first >= 128 && first <= 191 ? WEIR_PEER_SRTP
                                                           : WEIR_PEER_CLASS);
    }
    sim_close(s);
}

/* -- Descriptions ------------------------------------------------------------------------------ */

/* Ten bytes of checks for each byte of a candidate; none for a line that is no candidate. */
static void what_is_no_candidate_buys_no_check(void **state)
{
    (void)state;
    struct sim *s = open_with(12, 0);
    struct weir_peer *p = s->peer[CALLEE];
    const struct weir_span good = WEIR_LIT("candidate:1 1 udp 2113937151 198.51.100.7 5000 typ host");
    const uint64_t given = p->ice.budget.given;
    assert_int_equal(weir_peer_add_candidate(p, s->now, WEIR_LIT("candidate:1 1 udp 2113937151 and so on")),
                     WEIR_ERR_ARG);
    assert_true(p->ice.budget.given == given);
    assert_int_equal(weir_peer_add_candidate(p, s->now, good), WEIR_OK);
    assert_true(p->ice.budget.given == given + 10 * good.n);
    sim_close(s);
}

/* [RFC 8839 4.4.3.1.1] Another name or another password: either says that ICE begins anew. */
static void either_credential_restarts(void **state)
{
    (void)state;
    static const char *const line[] = { "a=ice-ufrag:", "a=ice-pwd:", "a=sendrecv" };
    static uint8_t text[WEIR_PEER_SDP_MAX];
    for (unsigned i = 0; i < 3; i++) {
        struct sim *s = connected(13, 0);
        struct weir_peer *p = s->peer[CALLEE];
        struct weir_sdp_error error;
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
        struct weir_ice_own was = p->ice.local_ufrag;
        assert_int_equal(weir_peer_create_offer(s->peer[CALLER], s->now, &w), WEIR_OK);
        for (size_t at = 0; i < 2 && at + 20 < w.len; at++) {
            if (memcmp(text + at, line[i], strlen(line[i])) == 0) {
                uint8_t *c = &text[at + strlen(line[i])]; /* the first letter */
                *c = *c == 'A' ? 'B' : 'A';
            }
        }
        assert_int_equal(weir_peer_set_remote(p, s->now, true, weir_span_of(text, w.len), &error), WEIR_OK);
        bool is_same = weir_span_eq(weir_ice_ufrag(&p->ice), weir_span_of(was.text, was.bytes));
        assert_int_equal(is_same, i == 2);
        sim_close(s);
    }
}

/* [RFC 8842 3.1] Every bit of a fingerprint says who is meant, of the certificate that was shown and, before one
 * was, of what was said. */
static void one_bit_of_a_fingerprint_is_another_peer(void **state)
{
    (void)state;
    for (int is_shown = 0; is_shown < 2; is_shown++) {
        struct sim *s = open_with(14, 0);
        struct weir_peer *p = s->peer[CALLEE];
        struct weir_sdp_media t = { .fingerprints = 1, .fingerprint[0] = { .hash = WEIR_SDP_SHA256, .bytes = 32 } };
        uint8_t *digest = t.fingerprint[0].digest;
        if (is_shown) {
            sim_run(s, s->now + 5 * WEIR_SEC, true);
        }
        assert_int_equal(p->dtls.has_peer_cert, is_shown);
        memcpy(digest, s->identity[CALLER].fingerprint_sha256, 32);
        assert_false(weir_peer_is_another(p, &t, WEIR_SDP_SETUP_NONE));
        for (unsigned bit = 0; bit < 256; bit++) {
            digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_true(weir_peer_is_another(p, &t, WEIR_SDP_SETUP_NONE));
            digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        sim_close(s);
    }
}

/* The host of a name under .local alone is looked for, and by its owner; no other name is asked for. */
static void only_local_names_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_kept;
    } row[] = { { "example.org", false }, { ".local", false },       { "local", false },
                { "a.locale", false },    { "a.local.org", false },  { "a.local", true },
                { "B.LOCAL", true } };
    struct sim *s = open_with(15, 0);
    struct weir_peer *p = s->peer[CALLEE];
    unsigned kept = 0;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char text[120];
        int n = snprintf(text, sizeof text, "candidate:1 1 udp 2113937151 %s 5000 typ host", row[i].name);
        assert_int_equal(weir_peer_add_candidate(p, s->now, weir_span_of(text, (size_t)n)), WEIR_OK);
        kept += row[i].is_kept ? 1 : 0;
        assert_int_equal(p->names, kept);
    }
    sim_close(s);
}

/* The answer, as text. */
static const char *describe_again(struct sim *s, int from)
{
    static uint8_t text[2][WEIR_PEER_SDP_MAX + 1];
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    struct weir_peer *a = s->peer[from], *b = s->peer[1 - from];
    struct weir_sdp_error error;
    assert_int_equal(weir_peer_create_offer(a, s->now, &offer), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(b, s->now, true, weir_span_of(text[0], offer.len), &error), WEIR_OK);
    assert_int_equal(weir_peer_create_answer(b, s->now, &answer), WEIR_OK);
    assert_int_equal(weir_peer_set_remote(a, s->now, false, weir_span_of(text[1], answer.len), &error), WEIR_OK);
    text[1][answer.len] = '\0';
    return (const char *)text[1];
}

/* Another association has other keys, for media too. */
static void media_goes_on_in_a_new_association(void **state)
{
    (void)state;
    struct sim *s = connected(16, 0);
    weir_peer_renew(s->peer[CALLER]);
    (void)describe_again(s, CALLER);
    for (int i = 0; i < 2; i++) {
        assert_false(s->peer[i]->is_srtp_ready); /* the old ones are gone */
    }
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    unsigned had = s->rtp[CALLEE];
    sim_send_rtp(s, CALLER, 1);
    sim_run(s, s->now + WEIR_SEC, false);
    assert_int_equal(s->rtp[CALLEE], had + 1);
    sim_close(s);
}

/* What was agreed on first stays, whatever a later description leaves out. */
static void snap_is_agreed_on_once(void **state)
{
    (void)state;
    struct sim *s = connected(17, 0);
    struct weir_peer *p = s->peer[CALLEE];
    const struct weir_sdp_media none = { .kind = WEIR_SDP_DATA };
    assert_int_equal(p->snap, WEIR_PEER_AGREED);
    weir_peer_snap_settle(p, &none, &none);
    assert_int_equal(p->snap, WEIR_PEER_AGREED);
    /* It is repeated, too, though a section of media stands behind that of data. */
    uint8_t media;
    assert_int_equal(weir_peer_add_media(s->peer[CALLER], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    assert_non_null(strstr(describe_again(s, CALLER), "a=sctp-init:"));
    sim_close(s);
}

/* Whose numbers a stream's is follows from the roles in DTLS [RFC 8832 6]: with another role before anything was
 * set up, what was asked for under the old one is told to be over. */
static void another_role_ends_the_channels_of_the_first(void **state)
{
    (void)state;
    struct sim *s = open_with(19, 0);
    struct weir_peer *p = s->peer[CALLER];
    struct weir_dtls_fingerprint f = { .hash = WEIR_SHA256 };
    struct weir_sctp_channel_info info;
    struct weir_event e;
    unsigned closed = 0;
    memcpy(f.bytes, s->identity[CALLEE].fingerprint_sha256, 32);
    assert_false(weir_dtls_is_client(&p->dtls));
    assert_true(weir_sctp_channel_info(&p->sctp, s->channel[CALLER], &info));
    weir_peer_begin_again(p, s->now, true);
    weir_peer_settle_role(p, s->now, true, &f, 1);
    assert_true(weir_dtls_is_client(&p->dtls) && p->sctp.is_dtls_client);
    assert_false(weir_sctp_channel_info(&p->sctp, s->channel[CALLER], &info));
    while (weir_peer_event(p, s->now, &e)) {
        closed += e.type == WEIR_EVENT_CHANNEL_CLOSED && e.channel == s->channel[CALLER] ? 1 : 0;
    }
    assert_int_equal(closed, 1);
    sim_close(s);
}

/* Who wants no media makes no keys for it. */
static void a_peer_of_data_alone_has_no_keys_for_media(void **state)
{
    (void)state;
    struct sim *s = sim_open(20, false);
    sim_introduce(s);
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    assert_int_not_equal(weir_dtls_srtp(&s->peer[CALLEE]->dtls), WEIR_DTLS_SRTP_NONE); /* agreed all the same */
    assert_false(s->peer[CALLEE]->is_srtp_ready);
    sim_close(s);
}

/* -- A lite end -------------------------------------------------------------------------------- */

/* Where nothing came from nothing goes, if nobody proved to be there; a full agent's checks prove it. */
static void a_lite_end_has_no_room_for_where_nobody_was_heard(void **state)
{
    (void)state;
    for (int is_lite = 0; is_lite < 2; is_lite++) {
        const struct sim_options o = { .seed = 18, .is_lite = { false, is_lite != 0 } };
        struct sim *s = sim_open_with(&o);
        const struct weir_path path = { s->addr[CALLEE], stranger };
        assert_int_equal(weir_peer_lite_room(s->peer[CALLEE], &path, 1200), is_lite ? 0 : 1200);
        sim_close(s);
    }
}

/* -- Timers ------------------------------------------------------------------------------------ */

/* Before there is a path DTLS has no timers: checks carry its flight, and are repeated more often. */
static void without_a_path_no_flight_is_repeated(void **state)
{
    (void)state;
    struct sim *s = open_with(9, 0);
    s->is_cut = true;
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_dtls_state(&s->peer[i]->dtls), i == CALLEE ? WEIR_DTLS_HANDSHAKE : WEIR_DTLS_NEW);
        assert_int_equal(s->peer[i]->dtls.resends, 0);
    }
    s->is_cut = false;
    sim_run(s, s->now + 5 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    sim_close(s);
}

/* -- Events ------------------------------------------------------------------------------------ */

/* More ends at once than the ring has places: each is told, by and by, and once. */
static void more_events_than_places_are_all_told(void **state)
{
    (void)state;
    enum { ENDED = 300 };
    struct sim *s = connected(10, 0);
    struct weir_peer *p = s->peer[CALLEE];
    struct weir_event e;
    unsigned told[ENDED] = { 0 };
    for (unsigned i = 0; i < ENDED; i++) {
        assert_true(weir_index_put(p->pool, p->account, WEIR_STORE_DENSE, &p->ended, i, 0));
    }
    weir_peer_tick(p, s->now);
    weir_peer_tick(p, s->now);
    while (weir_peer_event(p, s->now, &e)) {
        if (e.type == WEIR_EVENT_CHANNEL_CLOSED) {
            told[e.channel]++;
        }
    }
    for (unsigned i = 0; i < ENDED; i++) {
        assert_int_equal(told[i], 1);
    }
    sim_close(s);
}

/* -- The end ----------------------------------------------------------------------------------- */

static void nothing_comes_in_after_the_end(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct sim *s = connected(6, 0);
        struct weir_peer *p = s->peer[CALLEE];
        uint8_t byte[1] = { 1 };
        if (how == 0) {
            weir_peer_close(p, s->now);
        } else {
            s->is_cut = true;
        }
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        assert_int_equal(p->state, how == 0 ? WEIR_PEER_CLOSED : WEIR_PEER_FAILED);
        for (unsigned first = 0; first < 256; first++) {
            byte[0] = (uint8_t)first;
            assert_int_equal(hear_from(s, CALLEE, &s->addr[CALLER], byte, 1), WEIR_PEER_OVER);
        }
        sim_close(s);
    }
}

/* What came before the end, and was not taken yet, is not given out behind it: our own end drops it, and that
 * of the peer is told after it. */
static void no_message_is_given_out_after_the_end(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct sim *s = connected(11, 0);
        struct weir_peer *p = s->peer[CALLEE];
        struct weir_event e;
        struct weir_path to;
        uint8_t out[1500];
        unsigned messages = 0;
        size_t n = 0;
        sim_run(s, s->now + WEIR_SEC, false);
        assert_int_equal(sim_send(s, CALLER, 100), WEIR_OK);
        while (n == 0 || out[0] <= 3) {
            n = weir_peer_send(s->peer[CALLER], s->now, (struct weir_mspan){ out, sizeof out }, &to);
            assert_true(n != 0);
        }
        assert_int_equal(hear_from(s, CALLEE, &s->addr[CALLER], out, n), WEIR_PEER_OK);
        if (how == 1) {
            weir_peer_close(p, s->now);
            while (weir_peer_send(p, s->now, (struct weir_mspan){ out, sizeof out }, &to) != 0) {
            }
        } else if (how == 2) {
            weir_dtls_close(&s->peer[CALLER]->dtls, s->now);
            n = weir_dtls_send(&s->peer[CALLER]->dtls, s->now, (struct weir_mspan){ out, sizeof out });
            assert_int_equal(hear_from(s, CALLEE, &s->addr[CALLER], out, n), WEIR_PEER_OK);
        }
        assert_int_equal(p->state, how == 1 ? WEIR_PEER_CLOSED : WEIR_PEER_CONNECTED);
        while (weir_peer_event(p, s->now, &e)) {
            messages += e.type == WEIR_EVENT_CHANNEL_MESSAGE ? 1 : 0;
        }
        assert_int_equal(messages, how == 1 ? 0 : 1);
        while (weir_peer_send(p, s->now, (struct weir_mspan){ out, sizeof out }, &to) != 0) {
        }
        assert_int_equal(p->state, how == 0 ? WEIR_PEER_CONNECTED : WEIR_PEER_CLOSED);
        sim_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_that_is_not_ours_opens_nothing),
        cmocka_unit_test(an_id_opens_nothing_before_the_handshake_is_done),
        cmocka_unit_test(media_before_the_keys_is_early),
        cmocka_unit_test(media_that_no_section_takes_is_dropped),
        cmocka_unit_test(all_packet_types_of_rtcp_are_rtcp),
        cmocka_unit_test(each_side_seals_with_its_own_keys),
        cmocka_unit_test(the_first_byte_says_what_it_is),
        cmocka_unit_test(what_is_no_candidate_buys_no_check),
        cmocka_unit_test(either_credential_restarts),
        cmocka_unit_test(one_bit_of_a_fingerprint_is_another_peer),
        cmocka_unit_test(only_local_names_are_kept),
        cmocka_unit_test(media_goes_on_in_a_new_association),
        cmocka_unit_test(snap_is_agreed_on_once),
        cmocka_unit_test(another_role_ends_the_channels_of_the_first),
        cmocka_unit_test(a_peer_of_data_alone_has_no_keys_for_media),
        cmocka_unit_test(a_lite_end_has_no_room_for_where_nobody_was_heard),
        cmocka_unit_test(without_a_path_no_flight_is_repeated),
        cmocka_unit_test(more_events_than_places_are_all_told),
        cmocka_unit_test(nothing_comes_in_after_the_end),
        cmocka_unit_test(no_message_is_given_out_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
