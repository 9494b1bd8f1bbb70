/* Failures that hit other stacks, by their number in the list of attacks: a peer that takes part in
 * the handshake, and does not play fair. The rest of the list is in dtls_attack_test. */
#include <dirent.h>
#include <time.h>

#include "test/dtls/dtls_sim.h"

/* -- Parsers ----------------------------------------------------------------------------------- */

struct cut {
    uint8_t message;
    unsigned to;
    size_t keep;      /* bytes that stay, or SIZE_MAX */
    size_t flip;      /* byte that is changed, or SIZE_MAX */
    bool has_message; /* the flight had it */
    size_t n;
    struct weir_dtls_flight honest;
};

static void cut_message(struct sim *s, unsigned who, const void *with)
{
    struct cut *c = (struct cut *)(uintptr_t)with;
    size_t n, entry;
    uint8_t body[2048];
    uint8_t *p = who == c->to ? NULL : edit_find(&s->end[who].d, c->message, &n, &entry);
    if (p == NULL || c->has_message) {
        return;
    }
    c->has_message = true;
    c->n = n;
    c->honest = hs_of(&s->end[who].d)->flight;
    memcpy(body, p, n);
    if (c->flip < n) {
        body[c->flip] ^= 0xff;
    }
    assert_true(edit_replace(&s->end[who].d, c->message,
                             weir_span_of(body, c->keep < n ? c->keep : n)));
}

static void attack_D15_no_cut_or_changed_message_passes(void **state)
{
    (void)state;
    static const struct {
        uint8_t message;
        unsigned to;
    } row[] = {
        { MESSAGE_CLIENT_HELLO, SERVER },     { MESSAGE_SERVER_HELLO, CLIENT },
        { MESSAGE_CERTIFICATE, CLIENT },      { MESSAGE_SERVER_KEY_EXCHANGE, CLIENT },
        { MESSAGE_CERTIFICATE_REQUEST, CLIENT },
        { MESSAGE_CERTIFICATE, SERVER },      { MESSAGE_CLIENT_KEY_EXCHANGE, SERVER },
        { MESSAGE_CERTIFICATE_VERIFY, SERVER }, { MESSAGE_FINISHED, SERVER },
        { MESSAGE_FINISHED, CLIENT },
    };
    struct weir_crypto null;
    weir_crypto_null(&null, weir_crypto_default());
    /* With signatures and tags that are always good, it is parsers and transcript that must refuse.
     */
    for (size_t i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        bool is_flip = i % 2 != 0;
        struct cut c = { .message = row[i / 2].message, .to = row[i / 2].to, .n = SIZE_MAX };
        for (size_t at = 0; at < c.n; at++) {
            struct sim s;
            struct weir_dtls_config cc = sim_config(CLIENT, 104), v = sim_config(SERVER, 104);
            cc.crypto = v.crypto = &null;
            cc.give_up = v.give_up = WEIR_SEC;
            c.has_message = false;
            c.keep = is_flip ? SIZE_MAX : at;
            c.flip = is_flip ? at : SIZE_MAX;
            sim_init(&s, &cc, &v);
            s.edit = cut_message;
            s.edit_with = &c;
            sim_start(&s);
            if (c.message == MESSAGE_CLIENT_HELLO) {
                hs_of(&s.end[CLIENT].d)->flight = c.honest; /* changed on its way: its sender does not know */
            }
            if (sim_await(&s, 2 * WEIR_SEC)) {
                fail_msg("message %u to %u, byte %zu, flip %d: connected", c.message, c.to, at,
                         is_flip);
            }
            assert_true(c.has_message);
            sim_free(&s);
        }
    }
}

static bool always(const struct weir_pubkey *k, enum weir_sigscheme s, struct weir_span digest,
                   struct weir_span signature)
{
    (void)k, (void)s, (void)digest, (void)signature;
    return true;
}

/* Both ends keep group P-256 if the client has it alone: made by editing its hello's first group.
 */
static void attack_D36_shares_off_the_curve_and_zero_secrets_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint16_t group;
        const char *share;
    } row[] = {
        { WEIR_X25519, "0000000000000000000000000000000000000000000000000000000000000000" },
        { WEIR_X25519, "0100000000000000000000000000000000000000000000000000000000000000" },
        /* a point of order 8, and p */
        { WEIR_X25519, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800" },
        { WEIR_X25519, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
        { WEIR_P256, "04 0000000000000000000000000000000000000000000000000000000000000000"
                     "0000000000000000000000000000000000000000000000000000000000000000" },
        { WEIR_P256, "04 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f4" },
        { WEIR_P256, "02 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" },
        { WEIR_P256, "00" },
        { WEIR_P384, "00" },
        { WEIR_X25519, "" },
    };
    struct weir_crypto trusting = *weir_crypto_default();
    trusting.verify = always;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sim s;
        struct weir_dtls_config c = sim_config(CLIENT, 105), v = sim_config(SERVER, 105);
        uint8_t share[128], body[300] = { 3 };
        size_t n = test_unhex(row[i].share, share, sizeof share), entry, m;
        c.crypto = v.crypto = &trusting;
        sim_init(&s, &c, &v);
        sim_start(&s);
        struct sim_datagram *g = sim_next(&s);
        struct weir_mspan hello = { g->bytes, g->n };
        struct weir_span plain;
        weir_dtls_recv(&s.end[SERVER].d, s.now, &hello, &plain);
        s.count = 0;
        assert_non_null(edit_find(&s.end[SERVER].d, MESSAGE_SERVER_KEY_EXCHANGE, &m, &entry));
        weir_put16(body + 1, row[i].group);
        body[3] = (uint8_t)n;
        memcpy(body + 4, share, n);
        memcpy(body + 4 + n, "\4\3\0\2\x30\0", 6);
        assert_true(
            edit_replace(&s.end[SERVER].d, MESSAGE_SERVER_KEY_EXCHANGE, weir_span_of(body, n + 10)));
        sim_drain(&s, SERVER);
        sim_run(&s, 30 * WEIR_MS);
        assert_int_equal(s.end[CLIENT].last.verdict, WEIR_DTLS_KEY_SHARE);
        assert_int_equal(s.end[CLIENT].last.alert, ALERT_ILLEGAL_PARAMETER);
        sim_free(&s);
    }
}

/* -- Certificates ------------------------------------------------------------------------------ */

/* Hand a client a Certificate message as if it were the server's, its fingerprint known. */
static enum weir_dtls_verdict show_certificate(struct weir_span chain, struct weir_span first,
                                               double *seconds)
{
    static struct sim_whole w;
    struct weir_dtls_config c = sim_config(CLIENT, 106);
    struct timespec from, to;
    sim_alone(&w, &c, 0);
    assert_true(weir_dtls_lease(&w.d, 0));
    w.d.suite = 0xc02b;
    weir_hash_of(c.crypto, WEIR_SHA256, &first, 1, plan_of(&w.d)->fingerprint[0].bytes);
    clock_gettime(CLOCK_MONOTONIC, &from);
    enum weir_dtls_verdict v = weir_dtls12_check_certificate(&w.d, chain);
    clock_gettime(CLOCK_MONOTONIC, &to);
    *seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
    return v;
}

static size_t chain_of(struct weir_span cert, uint8_t *out)
{
    weir_put24(out, (uint32_t)cert.n + 3);
    weir_put24(out + 3, (uint32_t)cert.n);
    memcpy(out + 6, cert.p, cert.n);
    return cert.n + 6;
}

static void attack_D35_certificates_take_bounded_time(void **state)
{
    (void)state;
    static uint8_t chain[WEIR_DTLS_REASSEMBLY_BYTES + 64];
    char path[512];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/test/data/dtls/certs", WEIR_SOURCE_DIR);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        double best = 1;
        if (e->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "test/data/dtls/certs/%.100s", e->d_name);
        struct weir_mspan file = test_read_file(path);
        size_t n = chain_of(weir_span_const(file), chain);
        for (unsigned i = 0; i < 3; i++) {
            double seconds;
            enum weir_dtls_verdict v = show_certificate(weir_span_of(chain, n),
                                                        weir_span_const(file), &seconds);
            assert_true(v == WEIR_DTLS_OK || v == WEIR_DTLS_CERT_UNREADABLE);
            best = seconds < best ? seconds : best;
        }
        if (best > 0.010) {
            fail_msg("%s took %f s", path, best);
        }
        free(file.p);
        count++;
    }
    closedir(dir);
    assert_true(count > 20);
}

static void attack_D35_nesting_as_deep_as_a_message_takes_bounded_time(void **state)
{
    (void)state;
    static uint8_t cert[8000], chain[WEIR_DTLS_REASSEMBLY_BYTES];
    double seconds, best = 1;
    for (size_t at = 0; at + 4 <= sizeof cert; at += 4) {
        cert[at] = 0x30;
        cert[at + 1] = 0x82;
        weir_put16(cert + at + 2, (uint16_t)(sizeof cert - at - 4));
    }
    size_t n = chain_of(weir_span_of(cert, sizeof cert), chain);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(show_certificate(weir_span_of(chain, n), weir_span_of(cert, sizeof cert),
                                          &seconds), WEIR_DTLS_CERT_UNREADABLE);
        best = seconds < best ? seconds : best;
    }
    assert_true(best < 0.010);
}

/* -- Proof of the key -------------------------------------------------------------------------- */

static void drop_certificate_verify(struct sim *s, unsigned who, const void *with)
{
    (void)with;
    if (who == CLIENT) {
        edit_remove(&s->end[CLIENT].d, MESSAGE_CERTIFICATE_VERIFY);
    }
}

static void attack_D16_a_certificate_without_its_certificate_verify_never_connects(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 107);
    s.edit = drop_certificate_verify;
    assert_false(sim_connect(&s, 60 * WEIR_SEC));
    assert_int_equal(s.end[SERVER].told[WEIR_DTLS_EVENT_CONNECTED], 0);
    assert_int_equal(s.end[SERVER].told[WEIR_DTLS_EVENT_FAILED], 1);
    assert_int_equal(s.end[SERVER].d.step, STEP_SERVER12_WAIT_CERTIFICATE_VERIFY);
    sim_free(&s);
}

static void attack_D17_a_finished_that_comes_without_change_cipher_spec_waits_for_one(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 108);
    sim_start(&s);
    while (s.end[CLIENT].d.tx_epoch == 0) {
        assert_true(sim_step(&s, WEIR_NEVER - 1));
    }
    /* Take ChangeCipherSpec out of what is on its way. */
    struct sim_datagram *g = sim_next(&s);
    struct weir_mspan rest = { g->bytes, g->n };
    struct dtls_record r;
    while (weir_dtls_record_take(&rest, weir_span_of(NULL, 0), &r) == WEIR_DTLS_OK
           && r.type != CONTENT_CHANGE_CIPHER_SPEC) {
    }
    memmove(r.body.p - 13, rest.p, rest.n);
    g->n -= 14;
    uint8_t copy[1500];
    memcpy(copy, g->bytes, g->n);
    size_t n = g->n;
    s.count = 0;
    s.drop = UINT64_MAX;
    assert_int_equal(sim_hear(&s, SERVER, copy, n), WEIR_DTLS_RECORD_EARLY);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_HANDSHAKE);
    assert_int_equal(s.end[SERVER].d.step, STEP_SERVER12_WAIT_CHANGE_CIPHER_SPEC);
    n = plain_record(copy, CONTENT_CHANGE_CIPHER_SPEC, 99, WEIR_LIT("\1"));
    assert_int_equal(sim_hear(&s, SERVER, copy, n), WEIR_DTLS_OK);
    assert_int_equal(s.end[SERVER].d.state, WEIR_DTLS_CONNECTED);
    sim_free(&s);
}

/* -- Signatures -------------------------------------------------------------------------------- */

static void attack_D21_only_schemes_of_the_offer_count(void **state)
{
    (void)state;
    for (unsigned scheme = 0; scheme <= 0xffff; scheme++) {
        enum weir_hash_id hash;
        bool is_ours = weir_dtls_list_has(weir_dtls_schemes(false), (uint16_t)scheme);
        /* Whatever we take, we offered, can hash, and it is no SHA-1 or MD5. */
        assert_int_equal(is_ours, weir_sigscheme_hash((uint16_t)scheme, &hash));
        if (is_ours) {
            assert_true(hash == WEIR_SHA256 || hash == WEIR_SHA384 || hash == WEIR_SHA512);
        }
    }
    assert_false(weir_dtls_scheme_suits(WEIR_ECDSA_P256_SHA256, WEIR_PUBKEY_RSA));
    assert_false(weir_dtls_scheme_suits(WEIR_RSA_PSS_SHA256, WEIR_PUBKEY_P256));
    assert_false(weir_dtls_scheme_suits(WEIR_RSA_PKCS1_SHA256, WEIR_PUBKEY_NONE));
}

/* -- Renegotiation ----------------------------------------------------------------------------- */

static void attack_D29_renegotiation_is_refused_and_the_call_goes_on(void **state)
{
    (void)state;
    struct sim s;
    sim_init_default(&s, 109);
    assert_true(sim_connect(&s, WEIR_SEC));
    for (unsigned who = 0; who < 2; who++) {
        struct weir_dtls *from = &s.end[1 - who].d;
        for (unsigned i = 0; i < 100; i++) {
            uint8_t message[64], record[200];
            uint8_t type = who == CLIENT ? MESSAGE_HELLO_REQUEST : MESSAGE_CLIENT_HELLO;
            size_t n =
                message_bytes(message, type, (uint16_t)(from->message_seq + i), WEIR_LIT(""));
            n = sealed_record(from, CONTENT_HANDSHAKE, weir_span_of(message, n), record);
            unsigned sent = s.end[who].sent;
            assert_int_equal(sim_hear(&s, who, record, n), WEIR_DTLS_RENEGOTIATION);
            assert_int_equal(s.end[who].sent, sent + 1); /* a warning, no longer than the request */
        }
    }
    sim_run(&s, WEIR_SEC);
    sim_check_up(&s);
    sim_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_D15_no_cut_or_changed_message_passes),
        cmocka_unit_test(attack_D36_shares_off_the_curve_and_zero_secrets_are_refused),
        cmocka_unit_test(attack_D35_certificates_take_bounded_time),
        cmocka_unit_test(attack_D35_nesting_as_deep_as_a_message_takes_bounded_time),
        cmocka_unit_test(attack_D16_a_certificate_without_its_certificate_verify_never_connects),
        cmocka_unit_test(attack_D17_a_finished_that_comes_without_change_cipher_spec_waits_for_one),
        cmocka_unit_test(attack_D21_only_schemes_of_the_offer_count),
        cmocka_unit_test(attack_D29_renegotiation_is_refused_and_the_call_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
