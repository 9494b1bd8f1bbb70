/* AES in bit slices: its S-box against the definition, lanes of the width that this processor does not use,
 * and under valgrind that no branch and no address depends on key, text or hash.
 *
 * kernels_test and crypto_vector_test have the lanes of the native width, as level `generic`. */
#include <stdint.h>

#if UINTPTR_MAX > UINT32_MAX
#define WEIR_SLICED_BITS 32
#else
#define WEIR_SLICED_BITS 64
#endif
#define weir_sliced_expand other_expand
#define weir_sliced_begin other_begin
#define weir_sliced_xor other_xor
#define weir_sliced_end other_end
#include "core/kernels/aes_sliced.c"

#include "core/kernels/ghash.h"
#include "test/support/support.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAS_MEMCHECK 1
#endif
#endif
#ifndef HAS_MEMCHECK
#define HAS_MEMCHECK 0
#endif

#define BYTES_MAX 300

static struct weir_crypto provider, generic;
static struct weir_rand rand_state;

static int set_up(void **state)
{
    (void)state;
    weir_crypto_provider(&provider);
    weir_crypto_provider(&generic);
    weir_kernels_select(&generic, WEIR_KERNELS_GENERIC);
    weir_rand_init_number(&rand_state, test_seed(1));
    return 0;
}

/* -- The S-box [FIPS 197 5.1.1] ---------------------------------------------------------------- */

static uint8_t times(uint8_t a, uint8_t b)
{
    unsigned product = 0;
    for (unsigned i = 0; i < 8; i++) {
        product ^= (b >> i & 1u) * ((unsigned)a << i);
    }
    for (unsigned i = 15; i >= 8; i--) {
        product ^= (product >> i & 1u) * (0x11bu << (i - 8));
    }
    return (uint8_t)product;
}

static uint8_t s_box(uint8_t in)
{
    uint8_t inverse = 0;
    unsigned out = 0x63;
    for (unsigned i = 1; i < 256; i++) {
        inverse = times(in, (uint8_t)i) == 1 ? (uint8_t)i : inverse;
    }
    for (unsigned i = 0; i < 5; i++) {
        out ^= ((unsigned)inverse << i | (unsigned)inverse >> (8 - i)) & 0xff;
    }
    return (uint8_t)out;
}

static void the_circuit_is_the_s_box(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        uint32_t w = i | (i ^ 0x5a) << 8 | (255 - i) << 16 | (i * 7 % 256) << 24;
        uint32_t got = substitute_word(w);
        for (unsigned b = 0; b < 32; b += 8) {
            assert_int_equal((uint8_t)(got >> b), s_box((uint8_t)(w >> b)));
        }
    }
}

/* -- The other width --------------------------------------------------------------------------- */

static void lanes_of_the_other_width_do_what_the_provider_does(void **state)
{
    (void)state;
    for (size_t n = 0; n <= BYTES_MAX; n++) {
        for (size_t key_bytes = 16; key_bytes <= 32; key_bytes += 16) {
            uint8_t key[32], iv[16], got[BYTES_MAX], want[BYTES_MAX];
            struct weir_aes_key aes;
            struct weir_sliced_stream stream;
            struct weir_ctr ctr;
            size_t cut = weir_rand_below(&rand_state, (unsigned)n + 1);
            weir_rand_bytes(&rand_state, key, sizeof key);
            weir_rand_bytes(&rand_state, iv, sizeof iv);
            weir_rand_bytes(&rand_state, got, sizeof got);
            if (n % 3 == 0) {
                weir_put32(iv + 12, 0u - (uint32_t)n / 32); /* wraps on the way */
            }
            memcpy(want, got, sizeof want);
            assert_true(provider.ctr_init(&ctr, key, key_bytes));
            provider.ctr_xor(&ctr, iv, (struct weir_mspan){ want, n });
            aes.rounds = weir_sliced_expand(aes.round_key, key, key_bytes);
            weir_sliced_begin(&stream, &aes, iv);
            weir_sliced_xor(&stream, (struct weir_mspan){ got, cut }); /* a stream goes on where it was */
            weir_sliced_xor(&stream, (struct weir_mspan){ got + cut, n - cut });
            weir_sliced_end(&stream);
            assert_memory_equal(got, want, sizeof want);
            for (size_t i = 0; i < sizeof stream; i++) { /* nothing of it stays */
                assert_int_equal(((const uint8_t *)&stream)[i], 0);
            }
        }
    }
}

/* -- Constant time ----------------------------------------------------------------------------- */

/* Memcheck follows what is computed of bytes that are undefined, bit for bit, and reports a branch or an
 * address made of them. So secrets are called undefined [A. Langley, ctgrind]. */
static void secret(const void *p, size_t n)
{
#if HAS_MEMCHECK
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
#else
    (void)p, (void)n;
#endif
}

static void published(const void *p, size_t n)
{
#if HAS_MEMCHECK
    (void)VALGRIND_MAKE_MEM_DEFINED(p, n);
#else
    (void)p, (void)n;
#endif
}

static unsigned long complaints(void)
{
#if HAS_MEMCHECK
    return (unsigned long)VALGRIND_COUNT_ERRORS;
#else
    return 0;
#endif
}

/* The linker puts this in the place of weir_equal_secret: whether a tag is right may be known, but not
 * in how many bytes. */
bool __real_weir_equal_secret(const void *a, const void *b, size_t n);
bool __wrap_weir_equal_secret(const void *a, const void *b, size_t n);

bool __wrap_weir_equal_secret(const void *a, const void *b, size_t n)
{
    bool is_equal = __real_weir_equal_secret(a, b, n);
    published(&is_equal, sizeof is_equal);
    return is_equal;
}

static void aead_in_secret(enum weir_aead_id id, size_t n)
{
    const struct weir_span aad = WEIR_LIT("header");
    const uint8_t nonce[WEIR_NONCE_BYTES] = { 7 };
    uint8_t key[32], text[BYTES_MAX], tag[16];
    struct weir_mspan data = { text, n };
    struct weir_aead k;
    weir_rand_bytes(&rand_state, key, sizeof key);
    weir_rand_bytes(&rand_state, text, sizeof text);
    secret(key, sizeof key);
    secret(text, sizeof text);
    assert_true(generic.aead_init(&k, id, key));
    generic.aead_seal(&k, nonce, aad, data, tag);
    published(tag, sizeof tag); /* and the ciphertext, but GHASH is to be seen as well */
    assert_true(generic.aead_open(&k, nonce, aad, data, tag));
    tag[n % 16] ^= 1;
    assert_false(generic.aead_open(&k, nonce, aad, data, tag));
}

static void ctr_and_mask_in_secret(enum weir_aead_id id, size_t n)
{
    const uint8_t iv[16] = { 9 };
    uint8_t key[32], text[BYTES_MAX], sample[16], out[16];
    struct weir_ctr ctr;
    struct weir_mask mask;
    weir_rand_bytes(&rand_state, key, sizeof key);
    weir_rand_bytes(&rand_state, text, sizeof text);
    secret(key, sizeof key);
    secret(text, sizeof text);
    secret(sample, sizeof sample);
    assert_true(generic.ctr_init(&ctr, key, weir_aead_key_bytes(id)));
    generic.ctr_xor(&ctr, iv, (struct weir_mspan){ text, n });
    assert_true(generic.mask_init(&mask, id, key));
    generic.mask(&mask, sample, out);
}

static void the_other_width_in_secret(size_t key_bytes)
{
    uint8_t key[32] = { 0 }, iv[16] = { 0 }, text[100] = { 0 };
    struct weir_aes_key aes;
    struct weir_sliced_stream stream;
    secret(key, sizeof key);
    secret(iv, sizeof iv);
    secret(text, sizeof text);
    aes.rounds = weir_sliced_expand(aes.round_key, key, key_bytes);
    weir_sliced_begin(&stream, &aes, iv);
    weir_sliced_xor(&stream, (struct weir_mspan){ text, sizeof text });
    weir_sliced_end(&stream);
}

static void no_branch_and_no_address_depends_on_a_secret(void **state)
{
    (void)state;
    const unsigned long before = complaints();
    for (size_t n = 0; n <= BYTES_MAX; n += 1 + n / 4) {
        for (int id = 0; id < WEIR_AEAD_COUNT; id++) {
            aead_in_secret((enum weir_aead_id)id, n);
        }
        ctr_and_mask_in_secret(WEIR_AES_128_GCM, n);
        ctr_and_mask_in_secret(WEIR_AES_256_GCM, n);
    }
    the_other_width_in_secret(16);
    the_other_width_in_secret(32);
    assert_int_equal(complaints(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_circuit_is_the_s_box),
        cmocka_unit_test(lanes_of_the_other_width_do_what_the_provider_does),
        cmocka_unit_test(no_branch_and_no_address_depends_on_a_secret),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
