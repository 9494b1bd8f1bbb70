/* The default provider met first by several threads at once: one table, whole when it is seen. Under
 * ThreadSanitizer (test/tsan.sh) no access races. */
#include <pthread.h>

#include "test/support/support.h"

#include "core/crypto.h"

enum { THREADS = 4 };

static pthread_barrier_t all_here;

static void *first_use(void *out)
{
    struct weir_hash h;
    uint8_t digest[WEIR_HASH_BYTES_MAX];
    (void)pthread_barrier_wait(&all_here);
    const struct weir_crypto *c = weir_crypto_default();
    c->hash_init(&h, WEIR_SHA512);
    c->hash_final(&h, digest);
    memcpy(out, digest, 4);
    return (void *)(uintptr_t)c;
}

static void the_first_use_may_be_everybodys(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    uint8_t digest[THREADS][4];
    assert_int_equal(pthread_barrier_init(&all_here, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, first_use, digest[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *c;
        assert_int_equal(pthread_join(thread[i], &c), 0);
        assert_ptr_equal(c, weir_crypto_default());
        assert_memory_equal(digest[i], "\xcf\x83\xe1\x35", 4); /* SHA-512 of nothing */
    }
    (void)pthread_barrier_destroy(&all_here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_use_may_be_everybodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
