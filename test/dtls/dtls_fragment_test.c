/* Fragments of every size, of messages with and without protection: both versions connect, whatever the size
 * and the order, and data flows both ways. Most of it with null crypto, which is quick; what is torn is the
 * same. */
#include "test/dtls/dtls13_sim.h"

enum {
    LONGEST = 600, /* more than any message of ours has */
    REAL_EVERY = 97,
};

static const struct weir_crypto *null_crypto(void)
{
    static struct weir_crypto null;
    if (null.name == NULL) {
        weir_crypto_null(&null, weir_crypto_default());
    }
    return &null;
}

/* Certificates of the null table, and the fingerprints that go with them. */
static void use_null(struct weir_dtls_config *c, unsigned who)
{
    static struct weir_identity identity[2];
    for (unsigned i = 0; i < 2; i++) {
        struct weir_rand rand;
        weir_rand_init_number(&rand, i);
        if (identity[i].cert_bytes == 0) {
            assert_true(null_crypto()->identity_make(&identity[i], &rand, 1700000000, 2000000000));
        }
    }
    c->crypto = null_crypto();
    c->identity = &identity[who];
    const struct weir_span cert = { identity[1 - who].cert, identity[1 - who].cert_bytes };
    weir_hash_of(c->crypto, WEIR_SHA256, &cert, 1, c->fingerprint[0].bytes);
}

struct way {
    bool is_13, is_real, is_shuffled;
    unsigned reach;
    size_t torn;     /* 0, or what epoch 0 is torn into by somebody on the way */
    size_t fragment; /* 0, or the most that a protected fragment of ours carries */
    uint64_t drop;
};

/* What surrounds the body of a protected fragment. */
static size_t around(bool is_13)
{
    return 12u + (is_13 ? 5u + 1u + 16u : 13u + 8u + 16u);
}

static void converse(const struct way *way)
{
    struct sim s;
    struct weir_dtls_config c = sim_config(CLIENT, 5), v = sim_config(SERVER, 6);
    c.version_max = v.version_max = way->is_13 ? WEIR_DTLS_1_3 : WEIR_DTLS_1_2;
    if (!way->is_real) {
        use_null(&c, CLIENT);
        use_null(&v, SERVER);
    }
    sim_init(&s, &c, &v);
    s.tear = way->torn;
    s.drop = way->drop;
    s.is_shuffled = way->is_shuffled;
    s.reach = way->reach;
    for (unsigned who = 0; way->fragment != 0 && who < 2; who++) {
        /* Below what a config may ask for: the machine itself has no such bound. */
        s.end[who].d.config.mtu = (uint16_t)(around(way->is_13) + way->fragment);
    }
    if (!sim_connect(&s, 20 * WEIR_SEC)) {
        fail_msg("%s, torn %zu, fragments of %zu, drop %llx, shuffled %d: client in step %u (%s), server in %u (%s)",
                 way->is_13 ? "1.3" : "1.2", way->torn, way->fragment, (unsigned long long)way->drop,
                 way->is_shuffled, s.end[0].d.step, weir_dtls_verdict_name(s.end[0].d.fail_verdict),
                 s.end[1].d.step, weir_dtls_verdict_name(s.end[1].d.fail_verdict));
    }
    s.tear = 0;
    s.is_shuffled = false;
    s.reach = 0;
    for (unsigned who = 0; who < 2; who++) {
        s.end[who].d.config.mtu = 1200;
    }
    sim_run(&s, WEIR_SEC);
    sim_check_up(&s);
    sim_free(&s);
}

static void every_size_of_a_plain_fragment(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LONGEST; n++) {
        for (int i = 0; i < 4; i++) {
            converse(&(struct way){ .is_13 = (i & 1) != 0, .is_shuffled = (i & 2) != 0, .torn = n,
                                    .is_real = n % REAL_EVERY == 1 });
        }
    }
}

static void every_size_of_a_protected_fragment(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LONGEST; n++) {
        for (int i = 0; i < 2; i++) {
            converse(&(struct way){ .is_13 = i != 0, .fragment = n, .is_real = n % REAL_EVERY == 1 });
        }
    }
}

/* A record that 64 others overtook is dropped, for it may have been there before [RFC 6347 4.1.2.6]; within
 * that, and with fewer records than that, any order will do. */
static void protected_fragments_in_any_order(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LONGEST; n++) {
        for (int i = 0; i < 2; i++) {
            converse(&(struct way){ .is_13 = i != 0, .reach = 60, .fragment = n });
            if (n >= 20) {
                converse(&(struct way){ .is_13 = i != 0, .is_shuffled = true, .fragment = n });
            }
        }
    }
}

static void attack_D31_any_double_loss_among_fragments_is_repaired(void **state)
{
    (void)state;
    static const size_t size[] = { 40, 150, 260 };
    for (size_t k = 0; k < sizeof size / sizeof size[0]; k++) {
        for (unsigned i = 0; i < 24; i++) {
            for (unsigned j = i; j < 24; j++) {
                for (int version = 0; version < 2; version++) {
                    converse(&(struct way){ .is_13 = version != 0, .fragment = size[k],
                                            .drop = (uint64_t)1 << i | (uint64_t)1 << j });
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_of_a_plain_fragment),
        cmocka_unit_test(every_size_of_a_protected_fragment),
        cmocka_unit_test(protected_fragments_in_any_order),
        cmocka_unit_test(attack_D31_any_double_loss_among_fragments_is_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
