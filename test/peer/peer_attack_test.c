/* Attacks on the composition: layers out of turn, calls at any moment, clocks that jump, a crypto
 * provider that fails, and what is left in memory. */
#include "test/sim/sim.h"
#include "test/support/support.h"

#include <stdio.h>

static bool connects(struct sim *s, weir_duration limit)
{
    sim_introduce(s);
    sim_run(s, s->now + limit, true);
    return sim_is_open(s);
}

static enum weir_peer_verdict receive(struct sim *s, int to, uint8_t *data, size_t n)
{
    struct weir_packet k = { .data = data, .len = n, .at = s->now,
                             .path = { s->addr[to], s->addr[1 - to] } };
    return weir_peer_recv(s->peer[to], s->now, &k);
}

/* -- Layers out of turn ------------------------------------------------------------------------ */

static void attack_C7_no_association_exists_before_dtls(void **state)
{
    (void)state;
    struct sim *s = sim_open(21, true);
    sim_introduce(s);
    /* An INIT, bare, and as application data of epoch 0, all the way through the set-up. */
    const uint8_t init[32] = { 0x13, 0x88, 0x13, 0x88, [12] = 1, [15] = 20, [19] = 9, [20] = 1,
                               [25] = 1, [27] = 1 };
    while (!sim_is_open(s)) {
        uint8_t bare[32], record[45] = { 23, 0xfe, 0xfd, [12] = 32 };
        memcpy(bare, init, sizeof bare);
        memcpy(record + 13, init, sizeof init);
        for (int i = 0; i < 2; i++) {
            assert_int_not_equal(receive(s, i, bare, sizeof bare), WEIR_PEER_OK);
            assert_int_not_equal(receive(s, i, record, sizeof record), WEIR_PEER_OK);
            if (weir_dtls_state(&s->peer[i]->dtls) != WEIR_DTLS_CONNECTED) {
                assert_int_equal(s->peer[i]->timeline.sctp_done, WEIR_NEVER);
                assert_false(s->peer[i]->is_sctp_begun);
            }
        }
        sim_run(s, s->now + 2 * WEIR_MS, true);
        assert_true(s->now < 2000 * WEIR_SEC);
    }
    sim_close(s);
}

static void attack_R11_plain_media_is_never_taken(void **state)
{
    (void)state;
    struct sim *s = sim_open(22, true);
    assert_true(connects(s, 5 * WEIR_SEC));
    sim_send_rtp(s, 0, 1);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    assert_int_equal(s->rtp[1], 1);
    const struct weir_media *m = weir_peer_media_at(s->peer[0], 0);
    uint8_t rtp[300] = { 0x80, m->codec[0].payload_type, 0, 2 };
    uint8_t bye[40] = { 0x81, 203, 0, 1 };
    weir_put32(rtp + 8, m->ssrc);
    weir_put32(bye + 4, m->ssrc);
    assert_int_equal(receive(s, 1, rtp, sizeof rtp), WEIR_PEER_SRTP);
    assert_int_equal(receive(s, 1, bye, sizeof bye), WEIR_PEER_SRTP);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    assert_int_equal(s->rtp[1], 1);
    sim_send_rtp(s, 0, 2);
    sim_run(s, s->now + 100 * WEIR_MS, false);
    assert_int_equal(s->rtp[1], 2);
    sim_close(s);
}

/* -- Calls at any moment ----------------------------------------------------------------------- */

static void attack_C22_Y7_closing_at_any_event_is_the_end(void **state)
{
    (void)state;
    unsigned events = 1;
    for (unsigned at = 1; at <= events; at++) {
        struct sim *s = sim_open(23, true);
        s->close_at = at;
        s->echoes[1] = true;
        (void)connects(s, 5 * WEIR_SEC);
        if (sim_is_open(s)) {
            (void)!sim_send(s, 0, 3000);
        }
        sim_run(s, s->now + 60 * WEIR_SEC, false);
        events = s->events > events ? s->events : events;
        if (s->events >= at) {
            /* The one that closed is closed; the other was told, or notices without consent. */
            assert_true(s->state[0] == WEIR_PEER_CLOSED || s->state[1] == WEIR_PEER_CLOSED);
            uint64_t sent = s->sent;
            unsigned given = s->events;
            for (int i = 0; i < 2; i++) {
                weir_peer_close(s->peer[i], s->now);
                weir_peer_close(s->peer[i], s->now);
                assert_int_not_equal(sim_send(s, i, 100), WEIR_OK);
            }
            sim_run(s, s->now + 60 * WEIR_SEC, false);
            assert_true(s->sent <= sent + 8);
            assert_true(s->events <= given + 4);
        }
        sim_close(s);
    }
    assert_true(events > 10);
}

/* -- Clocks ------------------------------------------------------------------------------------ */

static void attack_Y4_any_time_to_begin_will_do(void **state)
{
    (void)state;
    const weir_time begin[] = { 1, ((weir_time)1 << 32) - 50 * WEIR_MS,
                                (((weir_time)1 << 32) * WEIR_MS) - 50 * WEIR_MS,
                                ((weir_time)1 << 62) };
    for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++) {
        const struct sim_options options = { .seed = 24, .with_media = true, .begin = begin[i] };
        struct sim *s = sim_open_with(&options);
        s->echoes[1] = true;
        assert_true(connects(s, 5 * WEIR_SEC));
        assert_int_equal(sim_send(s, 0, 20000), WEIR_OK);
        sim_run(s, s->now + 2 * WEIR_SEC, false);
        assert_int_equal(s->messages[0], 1);
        sim_close(s);
    }
}

static void attack_Y4_an_hour_asleep_ends_or_goes_on_but_does_not_storm(void **state)
{
    (void)state;
    struct sim *s = sim_open(25, true);
    assert_true(connects(s, 5 * WEIR_SEC));
    uint64_t sent = s->sent;
    s->now += 3600 * WEIR_SEC;
    sim_run(s, s->now + 40 * WEIR_SEC, false);
    assert_true(s->sent - sent < 200);
    assert_true(s->state[0] == s->state[1]);
    sim_close(s);
}

/* -- A provider that fails --------------------------------------------------------------------- */

/* The build's provider, of which one call fails. */
static const struct weir_crypto *real;
static unsigned calls, failing;

static bool goes_on(void)
{
    return ++calls != failing;
}

static bool aead_init(struct weir_aead *a, enum weir_aead_id id, const uint8_t *key)
{
    return goes_on() && real->aead_init(a, id, key);
}

static bool ctr_init(struct weir_ctr *c, const uint8_t *key, size_t n)
{
    return goes_on() && real->ctr_init(c, key, n);
}

static bool ecdh_keygen(enum weir_group g, struct weir_rand *r, uint8_t priv[WEIR_GROUP_PRIVATE_MAX],
                        uint8_t pub[WEIR_GROUP_PUBLIC_MAX])
{
    return goes_on() && real->ecdh_keygen(g, r, priv, pub);
}

static bool ecdh_shared(enum weir_group g, struct weir_rand *r, const uint8_t *priv,
                        struct weir_span pub, uint8_t shared[WEIR_GROUP_SHARED_MAX])
{
    return goes_on() && real->ecdh_shared(g, r, priv, pub, shared);
}

static bool identity_sign(const struct weir_identity *i, struct weir_rand *r,
                          enum weir_sigscheme scheme, const uint8_t digest[32],
                          uint8_t sig[WEIR_SIGNATURE_MAX], size_t *n)
{
    return goes_on() && real->identity_sign(i, r, scheme, digest, sig, n);
}

static bool cert_pubkey(struct weir_span cert, struct weir_pubkey *k)
{
    return goes_on() && real->cert_pubkey(cert, k);
}

static bool verify(const struct weir_pubkey *k, enum weir_sigscheme scheme, struct weir_span digest,
                   struct weir_span sig)
{
    return goes_on() && real->verify(k, scheme, digest, sig);
}

static void attack_D37_Y1_a_crypto_call_that_fails_fails_closed(void **state)
{
    (void)state;
    real = weir_crypto_default();
    struct weir_crypto faulty = *real;
    faulty.aead_init = aead_init;
    faulty.ctr_init = ctr_init;
    faulty.ecdh_keygen = ecdh_keygen;
    faulty.ecdh_shared = ecdh_shared;
    faulty.identity_sign = identity_sign;
    faulty.cert_pubkey = cert_pubkey;
    faulty.verify = verify;
    const struct sim_options options = { .seed = 26, .with_media = true, .crypto = &faulty };
    unsigned total = 0, failed = 0;
    for (failing = 0; failing <= total; failing++) {
        calls = 0;
        struct sim *s = sim_open_with(&options);
        bool is_open = connects(s, 40 * WEIR_SEC);
        if (failing == 0) {
            assert_true(is_open);
            total = calls;
        } else if (!is_open) {
            failed++;
            assert_true(s->state[0] == WEIR_PEER_FAILED || s->state[1] == WEIR_PEER_FAILED);
        }
        assert_int_equal(s->messages[0] + s->messages[1], 0);
        sim_close(s);
    }
    assert_true(total >= 10);
    assert_true(failed >= 10); /* a hello may come again; nothing else is tried twice */
}

/* -- Memory ------------------------------------------------------------------------------------ */

static void attack_C21_no_address_of_memory_is_on_the_wire(void **state)
{
    (void)state;
    uint64_t digest[2];
    void *elsewhere = NULL;
    for (int i = 0; i < 2; i++) {
        struct sim *s = sim_open(27, true);
        struct weir_peer *first = s->peer[0];
        assert_true(connects(s, 5 * WEIR_SEC));
        assert_int_equal(sim_send(s, 0, 20000), WEIR_OK);
        sim_run(s, s->now + WEIR_SEC, false);
        digest[i] = s->digest;
        sim_close(s);
        assert_ptr_not_equal(first, elsewhere);
        free(elsewhere);
        elsewhere = malloc(sizeof *first); /* takes the place that the first run had */
        assert_non_null(elsewhere);
    }
    free(elsewhere);
    assert_true(digest[0] == digest[1]);
}

static bool holds(const uint8_t *p, size_t n, const uint8_t *hidden, size_t bytes)
{
    for (size_t i = 0; i + bytes <= n; i++) {
        size_t same = 0;
        while (same < bytes && (p[i + same] ^ hidden[same]) == 0xff) {
            same++;
        }
        if (same == bytes) {
            return true;
        }
    }
    return false;
}

/* Is the secret, of which only the complement is kept, in any writable memory of this process? */
static bool memory_holds(const uint8_t *hidden, size_t bytes)
{
    FILE *maps = fopen("/proc/self/maps", "r"), *mem = fopen("/proc/self/mem", "r");
    char line[512];
    bool found = false;
    assert_non_null(maps);
    assert_non_null(mem);
    while (!found && fgets(line, sizeof line, maps) != NULL) {
        unsigned long long from, to;
        char mode[8];
        if (sscanf(line, "%llx-%llx %7s", &from, &to, mode) != 3 || mode[1] != 'w'
            || to - from > (1u << 30)) {
            continue;
        }
        uint8_t *copy = malloc((size_t)(to - from));
        assert_non_null(copy);
        if (fseeko(mem, (off_t)from, SEEK_SET) == 0) {
            size_t n = fread(copy, 1, (size_t)(to - from), mem);
            found = holds(copy, n, hidden, bytes);
        }
        weir_wipe(copy, (size_t)(to - from));
        free(copy);
    }
    fclose(maps);
    fclose(mem);
    return found;
}

static void hide(const void *secret, uint8_t *hidden, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        hidden[i] = (uint8_t)~((const uint8_t *)secret)[i];
    }
}

static void attack_Y8_no_secret_outlives_its_connection(void **state)
{
    (void)state;
    uint8_t master[2][32], keying[2][16];
    struct sim *s = sim_open(28, true);
    assert_true(connects(s, 5 * WEIR_SEC));
    for (int i = 0; i < 2; i++) {
        uint8_t exported[16];
        const struct weir_dtls *d = &s->peer[i]->dtls;
        bool is_13 = d->version == 0xfefc;
        hide(is_13 ? d->tx_secret : d->secret[WEIR_DTLS_SECRET_MASTER], master[i], 32);
        assert_int_equal(weir_dtls_export(&s->peer[i]->dtls, "EXTRACTOR-dtls_srtp",
                                          (struct weir_mspan){ exported, 16 }), WEIR_OK);
        hide(exported, keying[i], 16);
        weir_wipe(exported, 16);
    }
    assert_true(memory_holds(master[0], 32)); /* the search does find what is there */
    sim_close(s);
    for (int i = 0; i < 2; i++) {
        assert_false(memory_holds(master[i], 32));
        assert_false(memory_holds(keying[i], 16));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_C7_no_association_exists_before_dtls),
        cmocka_unit_test(attack_R11_plain_media_is_never_taken),
        cmocka_unit_test(attack_C22_Y7_closing_at_any_event_is_the_end),
        cmocka_unit_test(attack_Y4_any_time_to_begin_will_do),
        cmocka_unit_test(attack_Y4_an_hour_asleep_ends_or_goes_on_but_does_not_storm),
        cmocka_unit_test(attack_D37_Y1_a_crypto_call_that_fails_fails_closed),
        cmocka_unit_test(attack_C21_no_address_of_memory_is_on_the_wire),
        cmocka_unit_test(attack_Y8_no_secret_outlives_its_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
