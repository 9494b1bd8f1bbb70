/* What one datagram of somebody without the password costs, whatever it holds: no byte back, no public-key
 * operation, no buffer. A twin that nobody bothers shows what the peer does by
 * itself. */
#include "test/sim/sim.h"
#include "test/support/support.h"

#include "dtls/dtls.h"

/* -- A provider that counts -------------------------------------------------------------------- */

static struct weir_crypto counting;
static const struct weir_crypto *under;
static unsigned operations;

static bool keygen(enum weir_group g, struct weir_rand *r, uint8_t *priv, uint8_t *pub)
{
    operations++;
    return under->ecdh_keygen(g, r, priv, pub);
}

static bool shared(enum weir_group g, struct weir_rand *r, const uint8_t *priv, struct weir_span pub,
                   uint8_t *out)
{
    operations++;
    return under->ecdh_shared(g, r, priv, pub, out);
}

static bool sign(const struct weir_identity *id, struct weir_rand *r, enum weir_sigscheme scheme,
                 const uint8_t digest[32], uint8_t *sig, size_t *bytes)
{
    operations++;
    return under->identity_sign(id, r, scheme, digest, sig, bytes);
}

static bool verify(const struct weir_pubkey *key, enum weir_sigscheme scheme, struct weir_span digest,
                   struct weir_span sig)
{
    operations++;
    return under->verify(key, scheme, digest, sig);
}

static const struct weir_crypto *counting_crypto(void)
{
    under = weir_crypto_default();
    counting = *under;
    counting.ecdh_keygen = keygen;
    counting.ecdh_shared = shared;
    counting.identity_sign = sign;
    counting.verify = verify;
    return &counting;
}

/* -- What an outsider can write ---------------------------------------------------------------- */

static bool knows_password;

static size_t stun_request(struct sim *s, int to, struct weir_rand *r, uint8_t *out, size_t cap)
{
    struct weir_stun_build b;
    uint8_t txid[WEIR_STUN_TXID_BYTES], name[64];
    const struct weir_stun_seal right = { .crypto = weir_crypto_default(), .key = weir_ice_pwd(&s->peer[to]->ice),
                                          .with_fingerprint = true };
    const struct weir_stun_seal wrong = { .crypto = weir_crypto_default(), .key = WEIR_LIT("not the password"),
                                          .with_fingerprint = true };
    const struct weir_stun_seal open = { .with_fingerprint = weir_rand_below(r, 2) != 0 };
    struct weir_span ufrag = weir_ice_ufrag(&s->peer[to]->ice), other = weir_ice_ufrag(&s->peer[1 - to]->ice);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ name, sizeof name });
    weir_rand_bytes(r, txid, sizeof txid);
    weir_stun_begin(&b, (struct weir_mspan){ out, cap }, WEIR_STUN_BINDING,
                    (enum weir_stun_class)weir_rand_below(r, 4), txid);
    if (weir_rand_below(r, 3) != 0) {
        weir_wr_bytes(&w, ufrag);
        weir_wr_u8(&w, ':');
        weir_wr_bytes(&w, other);
        weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, weir_span_of(name, w.len));
    }
    weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, 1);
    if (weir_rand_below(r, 2) != 0) {
        weir_stun_put_bytes(&b, WEIR_STUN_DTLS_IN_STUN, weir_span_of(name, sizeof name));
    }
    return weir_stun_end(&b, knows_password ? &right : weir_rand_below(r, 2) != 0 ? &wrong : &open);
}

static size_t dtls_hello(struct weir_rand *r, uint8_t *out, size_t cap)
{
    static struct weir_dtls d;
    static struct weir_dtls_handshake block;
    static struct weir_identity identity;
    struct weir_arena arena;
    struct weir_dtls_config c = { .crypto = weir_crypto_default(), .identity = &identity, .is_client = true,
                                  .handshakes = &arena,
                                  .version_max = (uint8_t)(12 + weir_rand_below(r, 2)) };
    weir_rand_bytes(r, c.seed, sizeof c.seed);
    weir_arena_init(&arena, &block, sizeof block, 1);
    weir_dtls_init(&d, &c, 0);
    assert_int_equal(weir_dtls_start(&d, 0), WEIR_OK);
    size_t n = weir_dtls_send(&d, 0, (struct weir_mspan){ out, cap });
    weir_dtls_deinit(&d);
    return n;
}

static size_t outsiders(struct sim *s, int to, struct weir_rand *r, uint8_t *out, size_t cap)
{
    static const uint8_t first[] = { 20, 21, 22, 23, 24, 25, 26, 0x2c, 0x3f, 0x40, 0x80, 0x81, 200, 0, 1, 255 };
    size_t n = 1 + weir_rand_below(r, (uint32_t)cap - 1);
    switch (weir_rand_below(r, 4)) {
    case 0:
        return stun_request(s, to, r, out, cap);
    case 1:
        return dtls_hello(r, out, cap);
    default:
        weir_rand_bytes(r, out, n);
        out[0] = first[weir_rand_below(r, sizeof first)];
        if (n > 13 && out[0] < 64) { /* of a record, at least the length is right */
            weir_put16(out + 11, (uint16_t)(n - 13));
            weir_put16(out + 1, 0xfefd);
            memset(out + 3, 0, 7);
        }
        return n;
    }
}

/* -- The measure ------------------------------------------------------------------------------- */

struct cost {
    uint64_t bytes[2]; /* that each side sent by itself and because of it */
    unsigned operations;
    uint64_t heard;
};

/* Three seconds of a set-up on a path that carries nothing else; `every` microseconds a datagram to `to`. */
static struct cost spend(uint64_t seed, int to, weir_duration every, bool is_spoofed)
{
    const struct sim_options o = { .seed = seed, .with_media = true, .crypto = counting_crypto() };
    struct sim *s = sim_open_with(&o);
    struct cost cost = { .heard = 0 };
    struct weir_rand r;
    weir_rand_init_number(&r, seed + 1);
    s->is_cut = true;
    operations = 0;
    sim_introduce(s);
    weir_time end = s->now + 3 * WEIR_SEC;
    while (s->now < end) {
        sim_run(s, s->now + (every != 0 ? every : 10 * WEIR_MS), false);
        if (every == 0) {
            continue;
        }
        uint8_t bytes[1400];
        size_t n = outsiders(s, to, &r, bytes, sizeof bytes);
        struct weir_packet k = { .data = bytes, .len = n, .at = s->now,
                                 .path = { s->addr[to], s->addr[1 - to] } };
        if (!is_spoofed) {
            k.path.remote = weir_addr_v4(203, 0, 113, (uint8_t)weir_rand_below(&r, 256),
                                         (uint16_t)(1024 + weir_rand_below(&r, 60000)));
        }
        cost.heard += n;
        (void)weir_peer_recv(s->peer[to], s->now, &k);
        sim_run(s, s->now, false);
        assert_int_equal(s->pool.free_count, s->pool.count - 3); /* accounts, and what is described */
    }
    for (int i = 0; i < 2; i++) {
        cost.bytes[i] = s->peer[i]->tx_bytes;
    }
    cost.operations = operations;
    /* And nothing was spoiled: with the path there, they connect. */
    s->is_cut = false;
    sim_run(s, s->now + 10 * WEIR_SEC, true);
    assert_true(sim_is_open(s));
    sim_close(s);
    return cost;
}

static void attack_D40_S21_an_outsider_gets_nothing_back(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 24; i++) {
        int to = (int)(i & 1);
        uint64_t seed = test_seed(1) + i / 4;
        struct cost alone = spend(seed, to, 0, false);
        struct cost beset = spend(seed, to, 3 * WEIR_MS, (i & 2) != 0);
        assert_true(beset.heard > 200000);
        assert_int_equal(beset.bytes[to], alone.bytes[to]);
        assert_int_equal(beset.operations, alone.operations);
    }
}

/* The measure does see what is sent: who has the password is answered. */
static void who_has_the_password_is_answered(void **state)
{
    (void)state;
    knows_password = true;
    struct cost alone = spend(1, 1, 0, false), met = spend(1, 1, 3 * WEIR_MS, false);
    knows_password = false;
    assert_true(met.bytes[1] > alone.bytes[1] + 1000);
}

/* All of one connection's DTLS, before anybody is authenticated and after. */
static void memory_of_a_handshake_is_bounded(void **state)
{
    (void)state;
    assert_in_range(sizeof(struct weir_dtls), 1, 32 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_D40_S21_an_outsider_gets_nothing_back),
        cmocka_unit_test(who_has_the_password_is_answered),
        cmocka_unit_test(memory_of_a_handshake_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
