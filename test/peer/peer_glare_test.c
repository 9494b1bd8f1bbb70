/* Two that offer at once, again and again: the polite one gives way, and in the end both have the same sections.
 * Descriptions, candidates and refusals travel as messages that take their time, in order. What the two do in
 * between, and when, follows from a seed. */
#include "test/peer/peer_jsep.h"

#define MAILS_MAX 64
#define MAIL_BYTES 32768

enum mail_kind { OFFER, ANSWER, REFUSAL, CANDIDATE };

struct mail {
    weir_time at;
    enum mail_kind kind;
    size_t bytes;
    uint8_t text[MAIL_BYTES];
};

struct talk {
    struct sim *s;
    struct mail mail[2][MAILS_MAX]; /* to each side, in order */
    unsigned head[2], tail[2];
    bool is_ignoring[2];            /* an offer that met ours was refused, and its candidates go with it */
    weir_time think_at[2];          /* who has an offer answers it then */
    bool refuses;                   /* who has an offer may refuse it */
    bool is_over;                   /* nothing new is thought of */
    unsigned glares, refusals, rounds;
};

static struct talk talk;

static uint32_t below(uint32_t n)
{
    return weir_rand_below(&talk.s->rand, n);
}

static void post(int to, enum mail_kind kind, struct weir_span bytes)
{
    assert_true(talk.head[to] - talk.tail[to] < MAILS_MAX && bytes.n <= MAIL_BYTES);
    struct mail *m = &talk.mail[to][talk.head[to]++ % MAILS_MAX];
    weir_time before = talk.head[to] - talk.tail[to] > 1
                           ? talk.mail[to][(talk.head[to] - 2) % MAILS_MAX].at : 0;
    m->at = talk.s->now + below(300) * WEIR_MS;
    m->at = m->at > before ? m->at : before;
    m->kind = kind;
    m->bytes = bytes.n;
    weir_copy(m->text, bytes.p, bytes.n);
}

static void write_and_post(int from, enum mail_kind kind)
{
    static uint8_t out[MAIL_BYTES];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ out, sizeof out });
    struct weir_peer *p = talk.s->peer[from];
    assert_int_equal(kind == OFFER ? weir_peer_create_offer(p, talk.s->now, &w)
                                   : weir_peer_create_answer(p, talk.s->now, &w), WEIR_OK);
    post(1 - from, kind, weir_span_of(out, w.len));
    for (uint32_t i = 0; i < p->ice.locals; i++) { /* and once more by itself, with its generation */
        w = weir_wr_of((struct weir_mspan){ out, sizeof out });
        weir_ice_candidate_write_of(&w, weir_ice_local_at(&p->ice, i), weir_ice_ufrag(&p->ice));
        post(1 - from, CANDIDATE, weir_span_of(out, w.len));
    }
}

static void take(int who, const struct mail *m)
{
    struct weir_peer *p = talk.s->peer[who];
    struct weir_span text_in = weir_span_of(m->text, m->bytes);
    struct weir_sdp_error error;
    switch (m->kind) {
    case OFFER: {
        bool meets = p->signalling == WEIR_HAVE_LOCAL_OFFER;
        enum weir_status status = weir_peer_set_remote(p, talk.s->now, true, text_in, &error);
        talk.is_ignoring[who] = meets && !p->config.is_polite;
        talk.glares += meets ? 1 : 0;
        assert_int_equal(status, talk.is_ignoring[who] ? WEIR_ERR_STATE : WEIR_OK);
        if (status == WEIR_OK) {
            talk.think_at[who] = talk.s->now + (below(3) == 0 ? below(2000) * WEIR_MS : 0);
        }
        break;
    }
    case ANSWER:
        assert_int_equal(weir_peer_set_remote(p, talk.s->now, false, text_in, &error), WEIR_OK);
        talk.rounds++;
        break;
    case REFUSAL:
        assert_int_equal(weir_peer_rollback(p, talk.s->now), WEIR_OK);
        talk.refusals++;
        break;
    case CANDIDATE: {
        enum weir_status status = weir_peer_add_candidate(p, talk.s->now, text_in);
        assert_true(status == WEIR_OK || status == WEIR_ERR_STATE || talk.is_ignoring[who]);
        break;
    }
    }
}

/* An application does as it likes. */
static void act(int who)
{
    struct weir_peer *p = talk.s->peer[who];
    uint8_t media;
    uint32_t any = below(WEIR_PEER_MEDIA_MAX);
    switch (below(8)) {
    case 0:
    case 1:
        if (p->medias < 20) {
            (void)!weir_peer_add_media(p, below(2) != 0 ? WEIR_SDP_AUDIO : WEIR_SDP_VIDEO,
                                       (enum weir_sdp_direction)below(4), &media);
        }
        break;
    case 2:
    case 3:
        (void)!weir_peer_stop_media(p, p->medias == 0 ? 0 : (uint8_t)(any % p->medias));
        break;
    case 4:
        weir_peer_restart_ice(p);
        break;
    default:
        (void)!weir_peer_set_direction(p, p->medias == 0 ? 0 : (uint8_t)(any % p->medias),
                                       (enum weir_sdp_direction)below(4));
    }
}

static void turn(int who)
{
    struct weir_peer *p = talk.s->peer[who];
    if (talk.tail[who] != talk.head[who] && talk.mail[who][talk.tail[who] % MAILS_MAX].at <= talk.s->now) {
        take(who, &talk.mail[who][talk.tail[who]++ % MAILS_MAX]);
    }
    if (!talk.is_over && below(10) == 0) {
        act(who);
    }
    if (p->signalling == WEIR_HAVE_REMOTE_OFFER && talk.think_at[who] <= talk.s->now) {
        if (talk.refuses && !talk.is_over && below(4) == 0) {
            assert_int_equal(weir_peer_rollback(p, talk.s->now), WEIR_OK);
            post(1 - who, REFUSAL, weir_span_of(NULL, 0));
        } else {
            write_and_post(who, ANSWER);
        }
    }
    if (p->signalling == WEIR_STABLE && weir_peer_needs_offer(p)) {
        write_and_post(who, OFFER);
    }
}

static bool is_quiet(void)
{
    bool is_quiet = true;
    for (int i = 0; i < 2; i++) {
        is_quiet = is_quiet && talk.head[i] == talk.tail[i] && talk.s->peer[i]->signalling == WEIR_STABLE
                   && !weir_peer_needs_offer(talk.s->peer[i]);
    }
    return is_quiet;
}

static enum weir_sdp_direction turned(enum weir_sdp_direction d)
{
    return d == WEIR_SDP_SENDONLY ? WEIR_SDP_RECVONLY : d == WEIR_SDP_RECVONLY ? WEIR_SDP_SENDONLY : d;
}

static void check_same(const struct sim *s)
{
    const struct weir_peer *a = s->peer[0], *b = s->peer[1];
    assert_int_equal(a->medias, b->medias);
    assert_int_equal(a->tag, b->tag);
    for (unsigned i = 0; i < a->medias; i++) {
        const struct weir_media *m = weir_peer_media_at(a, i), *n = weir_peer_media_at(b, i);
        assert_int_equal(m->is_accepted, n->is_accepted);
        assert_int_equal(m->is_free, n->is_free);
        if (m->is_accepted) {
            assert_int_equal(m->kind, n->kind);
            assert_int_equal(m->mid_bytes, n->mid_bytes);
            assert_memory_equal(m->mid, n->mid, m->mid_bytes);
            assert_int_equal(m->direction, turned(n->direction));
            assert_int_equal(m->mid_ext, n->mid_ext);
        }
    }
    for (int i = 0; i < 2; i++) {
        const struct weir_ice *x = &s->peer[i]->ice, *y = &s->peer[1 - i]->ice;
        assert_memory_equal(x->remote_ufrag.text, y->local_ufrag.text, y->local_ufrag.bytes);
        assert_true(weir_ice_check(x));
        assert_int_equal(s->state[i], WEIR_PEER_CONNECTED);
        assert_int_equal(weir_ice_is_held(x), false);
    }
    for (int i = 0; i < 2; i++) {
        const uint32_t sections = a->medias * WEIR_CELLS_OF(sizeof(struct weir_media));
        assert_int_equal(weir_account_cells(&s->pool, s->peer[i]->account), 4 + sections); /* and a channel */
    }
}

static void talk_for(uint64_t seed, bool refuses, bool is_cold)
{
    const struct sim_options o = { .seed = seed, .with_media = true };
    memset(&talk, 0, sizeof talk);
    talk.refuses = refuses;
    talk.s = is_cold ? sim_open_with(&o) : connected(seed, WEIR_SDP_ACTIVE);
    struct sim *s = talk.s;
    if (is_cold) { /* nothing is there yet, and both have something to offer at once */
        for (int i = 0; i < 2; i++) {
            const struct weir_sctp_channel_config c = { .label = WEIR_LIT("sim"), .priority = 256,
                                                        .is_negotiated = true, .id = 4 };
            assert_int_equal(weir_peer_open_channel(s->peer[i], s->now, &c, &s->channel[i]), WEIR_OK);
        }
    }
    weir_peer_set_polite(s->peer[seed & 1], true);
    s->link.loss = seed % 5 == 0 ? 50 : 0;
    for (unsigned k = 0; k < 3000 && !(talk.is_over && is_quiet()); k++) {
        talk.is_over = k > 300;
        turn((int)below(2));
        sim_run(s, s->now + below(40) * WEIR_MS, false);
    }
    assert_true(is_quiet());
    s->link.loss = 0;
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    check_same(s);
    check_data(s);
    assert_int_equal(s->closed[0] + s->closed[1], 0);
    sim_close(s);
}

static void who_offers_at_once_comes_to_an_end(void **state)
{
    (void)state;
    unsigned glares = 0, refusals = 0, rounds = 0;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        talk_for(seed, seed % 4 >= 2, seed % 8 >= 4);
        glares += talk.glares;
        refusals += talk.refusals;
        rounds += talk.rounds;
    }
    assert_true(glares > 100 && refusals > 50 && rounds > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_offers_at_once_comes_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
