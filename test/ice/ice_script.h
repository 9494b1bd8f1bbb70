/* One agent against a scripted peer: the script holds the peer's credentials and says exactly what it
 * likes. */
#ifndef WEIR_TEST_ICE_SCRIPT_H
#define WEIR_TEST_ICE_SCRIPT_H

#include "test/ice/ice_room.h"

#define PEER_UFRAG "peer"
#define PEER_PWD "peer-password-of-24-char"
#define OTHER_PWD "wrong-password-of-24-cha"

struct script {
    struct weir_ice ice;
    struct weir_ice_room room;
    weir_time now;
    struct weir_path path; /* as the agent sees it */
    uint8_t packet[1300];
    size_t bytes;
    uint8_t last_txid[12];
    uint32_t number;       /* makes transaction ids of the peer's */
};

static inline void drain_events(struct script *s)
{
    struct weir_ice_event e;
    while (weir_ice_event(&s->ice, &e)) {
    }
    assert_true(weir_ice_check(&s->ice));
}

static inline void begin_with(struct script *s, bool is_controlling, bool with_remote)
{
    struct weir_ice_config c = { .crypto = weir_crypto_default(), .is_controlling = is_controlling,
                                 .seed = { 42 } };
    memset(s, 0, sizeof *s);
    s->now = WEIR_SEC;
    s->path = (struct weir_path){ weir_addr_v4(10, 0, 0, 1, 1000), weir_addr_v4(10, 0, 0, 2, 2000) };
    begin_in_room(&s->ice, &s->room, &c, s->now);
    assert_int_equal(weir_ice_add_host(&s->ice, s->now, &s->path.local, 65535), WEIR_OK);
    assert_int_equal(weir_ice_gathering_done(&s->ice, s->now), WEIR_OK);
    if (with_remote) {
        assert_int_equal(weir_ice_set_remote(&s->ice, s->now, WEIR_LIT(PEER_UFRAG),
                                             WEIR_LIT(PEER_PWD), false), WEIR_OK);
    }
    drain_events(s);
}

static inline void begin(struct script *s, bool is_controlling)
{
    begin_with(s, is_controlling, true);
}

static inline void add_peer_candidate(struct script *s, const struct weir_addr *a, uint32_t priority)
{
    struct weir_ice_candidate c = { .type = WEIR_ICE_HOST, .component = 1, .priority = priority,
                                    .addr = *a, .foundation_bytes = 1, .foundation = "f" };
    c.foundation[0] = (char)('a' + a->port % 26);
    assert_int_equal(weir_ice_add_remote(&s->ice, s->now, &c), WEIR_OK);
}

/* -- What the peer says ------------------------------------------------------------------------ */

struct saying {
    enum weir_stun_class klass;
    uint16_t method;
    const char *username_local; /* NULL = the agent's */
    const char *username_remote;
    const char *pwd;            /* NULL = the right one; "" = no integrity */
    bool no_fingerprint, no_priority, no_role, is_controlling, with_nomination, no_mapped;
    uint16_t extra;             /* an attribute of this type */
    uint16_t error;
    uint64_t tie_breaker;
    const uint8_t *txid;        /* NULL = a new one */
};

static inline size_t say(struct script *s, const struct saying *w)
{
    struct weir_stun_build b;
    char username[100];
    uint8_t txid[12] = { 0x70 };
    weir_put32(txid + 1, ++s->number);
    struct weir_span ufrag = weir_ice_ufrag(&s->ice), own = weir_ice_pwd(&s->ice);
    bool is_request = w->klass == WEIR_STUN_REQUEST;
    struct weir_span key = w->pwd != NULL ? weir_span_of(w->pwd, strlen(w->pwd))
                           : is_request   ? own : WEIR_LIT(PEER_PWD);
    const struct weir_stun_seal seal = { weir_crypto_default(), key, false, !w->no_fingerprint };
    weir_stun_begin(&b, (struct weir_mspan){ s->packet, sizeof s->packet },
                    w->method != 0 ? w->method : WEIR_STUN_BINDING, w->klass,
                    w->txid != NULL ? w->txid : txid);
    if (is_request) {
        snprintf(username, sizeof username, "%.*s:%s",
                 w->username_local != NULL ? (int)strlen(w->username_local) : (int)ufrag.n,
                 w->username_local != NULL ? w->username_local : (const char *)ufrag.p,
                 w->username_remote != NULL ? w->username_remote : PEER_UFRAG);
        weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, weir_span_of(username, strlen(username)));
        if (!w->no_role) {
            weir_stun_put_u64(&b, w->is_controlling ? WEIR_STUN_ICE_CONTROLLING
                                                    : WEIR_STUN_ICE_CONTROLLED, w->tie_breaker);
        }
        if (w->with_nomination) {
            weir_stun_put_flag(&b, WEIR_STUN_USE_CANDIDATE);
        }
        if (!w->no_priority) {
            weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, 1853824767);
        }
    } else if (w->error != 0) {
        weir_stun_put_error(&b, w->error, "");
    } else if (!w->no_mapped) {
        weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &s->path.local);
    }
    if (w->extra != 0) {
        weir_stun_put_flag(&b, w->extra);
    }
    s->bytes = weir_stun_end(&b, &seal);
    assert_true(s->bytes != 0);
    return s->bytes;
}

static inline enum weir_ice_verdict tell_from(struct script *s, const struct saying *w,
                                       const struct weir_path *path)
{
    (void)say(s, w);
    enum weir_ice_verdict v = weir_ice_recv(&s->ice, s->now, path, weir_span_of(s->packet, s->bytes));
    assert_true(weir_ice_check(&s->ice));
    return v;
}

static inline enum weir_ice_verdict tell(struct script *s, const struct saying *w)
{
    return tell_from(s, w, &s->path);
}

/* -- What the agent says ----------------------------------------------------------------------- */

/* The next datagram of this class, others being lost; false when there is none. */
static inline bool hear(struct script *s, enum weir_stun_class klass, struct weir_stun_msg *m,
                 struct weir_path *to)
{
    static uint8_t out[1300];
    weir_ice_tick(&s->ice, s->now);
    for (size_t n; (n = weir_ice_send(&s->ice, s->now, (struct weir_mspan){ out, sizeof out }, to)) != 0;) {
        assert_int_equal(weir_stun_parse(weir_span_of(out, n), m), WEIR_STUN_OK);
        if (m->klass == klass) {
            memcpy(s->last_txid, m->txid, 12);
            return true;
        }
    }
    return false;
}

static inline bool hear_request(struct script *s)
{
    struct weir_stun_msg m;
    struct weir_path to;
    return hear(s, WEIR_STUN_REQUEST, &m, &to);
}

static inline bool hear_nomination(struct script *s)
{
    struct weir_stun_msg m;
    struct weir_path to;
    return hear(s, WEIR_STUN_REQUEST, &m, &to) && m.has_use_candidate;
}

static inline enum weir_ice_verdict succeed(struct script *s)
{
    const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s->last_txid };
    return tell(s, &success);
}

static inline struct weir_ice_pair *the_pair(struct script *s)
{
    assert_true(s->ice.pairs >= 1);
    return weir_ice_pair_at(&s->ice, 0);
}

/* -- As far as --------------------------------------------------------------------------------- */

/* A check of ours is under way. */
static inline void begin_asking(struct script *s, bool is_controlling)
{
    begin(s, is_controlling);
    add_peer_candidate(s, &s->path.remote, 100);
    assert_true(hear_request(s));
    assert_int_equal(the_pair(s)->state, WEIR_ICE_IN_PROGRESS);
}

static inline void connect(struct script *s)
{
    const struct saying nominates = { .is_controlling = true, .with_nomination = true };
    begin_asking(s, false);
    assert_int_equal(succeed(s), WEIR_ICE_OK);
    assert_int_equal(tell(s, &nominates), WEIR_ICE_OK);
    assert_int_equal(weir_ice_state(&s->ice), WEIR_ICE_COMPLETED);
}

/* Two pairs, both valid; the peer controls. Pair 0 is the better one. */
static inline void begin_with_two_valid(struct script *s, struct weir_path path[2])
{
    begin(s, false);
    path[0] = path[1] = s->path;
    path[1].remote = weir_addr_v4(10, 0, 0, 3, 3000);
    add_peer_candidate(s, &path[0].remote, 2000);
    add_peer_candidate(s, &path[1].remote, 1000);
    for (int i = 0; i < 2; i++) {
        const struct saying check = { .is_controlling = true };
        assert_int_equal(tell_from(s, &check, &path[i]), WEIR_ICE_OK);
    }
    for (int i = 0; i < 2; i++) {
        struct weir_stun_msg m;
        struct weir_path to;
        assert_true(hear(s, WEIR_STUN_REQUEST, &m, &to));
        const struct saying success = { .klass = WEIR_STUN_SUCCESS, .txid = s->last_txid };
        assert_int_equal(tell_from(s, &success, &to), WEIR_ICE_OK);
        s->now += 20 * WEIR_MS;
    }
    drain_events(s);
}

#endif
