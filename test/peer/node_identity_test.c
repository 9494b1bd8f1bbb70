/* One certificate for all peers of a node, renewed by age; who began with the old one keeps it. */
#include "peer/peer.h"
#include "test/support/support.h"

#include <time.h>

static struct weir_node *open_node(weir_duration age)
{
    char error[WEIR_NODE_ERROR_BYTES];
    const struct weir_addr any = weir_addr_v4(127, 0, 0, 1, 0);
    const struct weir_node_config c = { .bind = &any, .binds = 1, .no_mdns = true, .peers_max = 8,
                                        .identity_age = age };
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        fail_msg("%s", error);
    }
    return n;
}

static void pass_time(void)
{
    const struct timespec t = { 0, 30000000 };
    nanosleep(&t, NULL);
}

static bool same(const struct weir_peer *a, const struct weir_peer *b)
{
    return memcmp(a->config.identity->fingerprint_sha256, b->config.identity->fingerprint_sha256, 32) == 0;
}

static void peers_share_one_certificate(void **state)
{
    (void)state;
    struct weir_node *n = open_node(0);
    struct weir_peer *a = weir_node_peer(n, true);
    pass_time();
    struct weir_peer *b = weir_node_peer(n, true);
    assert_true(same(a, b));
    assert_ptr_equal(a->config.identity, weir_node_identity(n));
    weir_node_close(n);
}

static void an_old_certificate_is_replaced_for_new_peers_alone(void **state)
{
    (void)state;
    struct weir_node *n = open_node(20 * WEIR_MS);
    struct weir_peer *a = weir_node_peer(n, true);
    uint8_t of_a[32];
    memcpy(of_a, a->config.identity->fingerprint_sha256, 32);
    pass_time();
    struct weir_peer *b = weir_node_peer(n, true);
    assert_false(same(a, b));
    assert_memory_equal(a->config.identity->fingerprint_sha256, of_a, 32);
    pass_time(); /* two are in use: a third must wait until one is free */
    struct weir_peer *c = weir_node_peer(n, true);
    assert_true(same(b, c));
    weir_node_free(n, a);
    struct weir_peer *d = weir_node_peer(n, true);
    assert_false(same(c, d));
    assert_true(same(b, c));
    weir_node_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_share_one_certificate),
        cmocka_unit_test(an_old_certificate_is_replaced_for_new_peers_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
