/* The kernels of every level this processor has against the provider's own code, which the vectors of
 * crypto_vector_test hold to account: every length to 2,100 bytes, every alignment to 32. */
#include "core/kernels/kernels.h"
#include "test/support/support.h"

#define BYTES_MAX 2100
#define ALIGNMENTS 32
#define AAD_MAX 80

static struct weir_crypto provider; /* the provider without kernels */
static struct weir_crypto table[WEIR_KERNELS_LEVELS];
static struct weir_rand rand_state;

/* Text that every test starts from, and what the provider makes of it. */
static uint8_t text[BYTES_MAX], want[BYTES_MAX];

static int set_up(void **state)
{
    (void)state;
    weir_crypto_provider(&provider);
    for (unsigned l = 0; l <= (unsigned)weir_kernels_best(); l++) {
        weir_crypto_provider(&table[l]);
        assert_int_equal(weir_kernels_select(&table[l], (enum weir_kernels_level)l), l);
    }
    weir_rand_init_number(&rand_state, test_seed(1));
    weir_rand_bytes(&rand_state, text, sizeof text);
    return 0;
}

static unsigned below(unsigned n)
{
    return weir_rand_below(&rand_state, n);
}

#define EACH_LEVEL(l) (unsigned l = 0; l <= (unsigned)weir_kernels_best(); l++)

/* -- Room with nothing behind it --------------------------------------------------------------- */

/* `n` bytes that begin `alignment` beyond a multiple of 32, known bytes before them, and behind them
 * either known bytes or the end of the memory. Freed and looked at by room_close. */
struct room {
    uint8_t *block;
    struct weir_mspan data;
    size_t before, behind;
};

#define FENCE 32

static struct room room_open(size_t n, size_t alignment)
{
    struct room r = { .before = FENCE + alignment, .behind = alignment % 8 < 4 ? FENCE : 0 };
    void *block = NULL;
    size_t bytes = r.before + n + r.behind;
    assert_int_equal(posix_memalign(&block, 32, bytes), 0);
    memset(block, 0xa5, bytes);
    r.block = block;
    r.data = (struct weir_mspan){ r.block + r.before, n };
    return r;
}

static void room_fill(const struct room *r, const uint8_t *from)
{
    weir_copy(r->data.p, from, r->data.n);
}

static void room_close(const struct room *r)
{
    uint8_t known[FENCE + ALIGNMENTS];
    memset(known, 0xa5, sizeof known);
    assert_memory_equal(r->block, known, r->before);
    assert_memory_equal(r->data.p + r->data.n, known, r->behind);
    free(r->block);
}

/* A copy of bytes in memory of just that size, so that a sanitizer sees a read beyond them. */
static uint8_t *exact(const uint8_t *from, size_t n)
{
    uint8_t *p = malloc(n != 0 ? n : 1);
    assert_non_null(p);
    weir_copy(p, from, n);
    return p;
}

/* -- AES-GCM ----------------------------------------------------------------------------------- */

struct seal_case {
    enum weir_aead_id id;
    uint8_t key[32], nonce[WEIR_NONCE_BYTES], aad[AAD_MAX];
    size_t aad_bytes, bytes;
};

static struct seal_case a_case(size_t bytes)
{
    struct seal_case s = { .id = below(2) == 0 ? WEIR_AES_128_GCM : WEIR_AES_256_GCM, .bytes = bytes };
    weir_rand_bytes(&rand_state, s.key, sizeof s.key);
    weir_rand_bytes(&rand_state, s.nonce, sizeof s.nonce);
    weir_rand_bytes(&rand_state, s.aad, sizeof s.aad);
    s.aad_bytes = bytes % 3 == 0 ? 13 : below(AAD_MAX + 1);
    return s;
}

/* Seal and open at one level and alignment; the provider's tag and ciphertext are to come out. */
static void check_seal(const struct weir_crypto *c, const struct seal_case *s, size_t alignment,
                       const uint8_t tag[16])
{
    struct weir_aead key;
    struct room r = room_open(s->bytes, alignment);
    uint8_t *aad = exact(s->aad, s->aad_bytes);
    uint8_t got[16];
    room_fill(&r, text);
    assert_true(c->aead_init(&key, s->id, s->key));
    struct weir_aead copy = key; /* a copy is as good as the key */
    weir_wipe(&key, sizeof key);
    c->aead_seal(&copy, s->nonce, weir_span_of(aad, s->aad_bytes), r.data, got);
    test_assert_bytes(weir_span_const(r.data), weir_span_of(want, s->bytes));
    test_assert_bytes(weir_span_of(got, 16), weir_span_of(tag, 16));
    assert_true(c->aead_open(&copy, s->nonce, weir_span_of(aad, s->aad_bytes), r.data, got));
    test_assert_bytes(weir_span_const(r.data), weir_span_of(text, s->bytes));
    free(aad);
    room_close(&r);
}

static void gcm_does_what_the_provider_does(void **state)
{
    (void)state;
    for (size_t n = 0; n <= BYTES_MAX; n++) {
        struct seal_case s = a_case(n);
        struct weir_aead key;
        uint8_t tag[16];
        assert_true(provider.aead_init(&key, s.id, s.key));
        memcpy(want, text, n);
        provider.aead_seal(&key, s.nonce, weir_span_of(s.aad, s.aad_bytes),
                          (struct weir_mspan){ want, n }, tag);
        for EACH_LEVEL(l) {
            for (size_t alignment = n % 4; alignment < ALIGNMENTS; alignment += 4) {
                check_seal(&table[l], &s, alignment, tag);
            }
        }
    }
}

/* All alignments of the lengths around the edges of blocks, pairs and groups. */
static void gcm_does_not_mind_alignment(void **state)
{
    (void)state;
    static const size_t edge[] = { 1, 15, 16, 17, 31, 33, 127, 128, 129, 240, 241, 255, 256, 257, 1200 };
    for (size_t i = 0; i < sizeof edge / sizeof edge[0]; i++) {
        struct seal_case s = a_case(edge[i]);
        struct weir_aead key;
        uint8_t tag[16];
        assert_true(provider.aead_init(&key, s.id, s.key));
        memcpy(want, text, s.bytes);
        provider.aead_seal(&key, s.nonce, weir_span_of(s.aad, s.aad_bytes),
                          (struct weir_mspan){ want, s.bytes }, tag);
        for EACH_LEVEL(l) {
            for (size_t alignment = 0; alignment < ALIGNMENTS; alignment++) {
                check_seal(&table[l], &s, alignment, tag);
            }
        }
    }
}

static void gcm_takes_additional_data_of_any_length(void **state)
{
    (void)state;
    const struct weir_mspan nothing = { NULL, 0 };
    for (size_t n = 0; n <= BYTES_MAX; n += n < 300 ? 1 : 37) {
        uint8_t *aad = exact(text, n);
        struct seal_case s = a_case(0);
        uint8_t tag[16], got[16];
        for EACH_LEVEL(l) {
            struct weir_aead key;
            assert_true(provider.aead_init(&key, s.id, s.key));
            provider.aead_seal(&key, s.nonce, weir_span_of(aad, n), nothing, tag);
            assert_true(table[l].aead_init(&key, s.id, s.key));
            table[l].aead_seal(&key, s.nonce, weir_span_of(aad, n), nothing, got);
            test_assert_bytes(weir_span_of(got, 16), weir_span_of(tag, 16));
        }
        free(aad);
    }
}

/* The tag is where a packet has it: behind the data, in the same memory. */
static void gcm_writes_and_reads_the_tag_behind_the_data(void **state)
{
    (void)state;
    for EACH_LEVEL(l) {
        for (size_t n = 0; n <= 600; n++) {
            struct seal_case s = a_case(n);
            struct weir_span aad = { s.aad, s.aad_bytes };
            struct weir_aead key;
            uint8_t *packet = malloc(n + 16);
            weir_copy(packet, text, n);
            assert_true(table[l].aead_init(&key, s.id, s.key));
            table[l].aead_seal(&key, s.nonce, aad, (struct weir_mspan){ packet, n }, packet + n);
            assert_true(provider.aead_init(&key, s.id, s.key));
            struct weir_mspan data = { packet, n };
            assert_true(provider.aead_open(&key, s.nonce, aad, data, packet + n));
            test_assert_bytes(weir_span_of(packet, n), weir_span_of(text, n));
            free(packet);
        }
    }
}

static void flip(uint8_t *p, size_t n)
{
    unsigned bit = below((unsigned)n * 8);
    p[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void attack_gcm_opens_nothing_with_one_bit_wrong(void **state)
{
    (void)state;
    for EACH_LEVEL(l) {
        const struct weir_crypto *c = &table[l];
        for (size_t n = 1; n <= BYTES_MAX; n += 1 + n / 64) {
            struct seal_case s = a_case(n);
            struct weir_span aad = { s.aad, s.aad_bytes = 1 + s.aad_bytes % AAD_MAX };
            struct weir_mspan data = { want, n };
            struct weir_aead key;
            uint8_t tag[16];
            assert_true(c->aead_init(&key, s.id, s.key));
            for (int what = 0; what < 5; what++) {
                memcpy(want, text, n);
                aad.n = s.aad_bytes;
                c->aead_seal(&key, s.nonce, aad, data, tag);
                if (what == 0) {
                    flip(tag, 16);
                } else if (what == 1) {
                    flip(want, n);
                } else if (what == 2) {
                    flip(s.aad, s.aad_bytes);
                } else if (what == 3) {
                    flip(s.nonce, sizeof s.nonce);
                } else {
                    aad.n--;
                }
                assert_false(c->aead_open(&key, s.nonce, aad, data, tag));
            }
        }
        for (unsigned bit = 0; bit < 128; bit++) { /* every bit of the tag counts */
            struct seal_case s = a_case(40);
            struct weir_aead key;
            uint8_t tag[16];
            memcpy(want, text, 40);
            assert_true(c->aead_init(&key, s.id, s.key));
            c->aead_seal(&key, s.nonce, weir_span_of(s.aad, 12), (struct weir_mspan){ want, 40 }, tag);
            tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(c->aead_open(&key, s.nonce, weir_span_of(s.aad, 12),
                                      (struct weir_mspan){ want, 40 }, tag));
        }
    }
}

static void chacha20_poly1305_stays_with_the_provider(void **state)
{
    (void)state;
    for EACH_LEVEL(l) {
        struct seal_case s = a_case(333);
        struct weir_aead key;
        uint8_t tag[16];
        memcpy(want, text, 333);
        assert_true(table[l].aead_init(&key, WEIR_CHACHA20_POLY1305, s.key));
        table[l].aead_seal(&key, s.nonce, weir_span_of(s.aad, 13), (struct weir_mspan){ want, 333 }, tag);
        assert_true(provider.aead_open(&key, s.nonce, weir_span_of(s.aad, 13),
                                      (struct weir_mspan){ want, 333 }, tag));
        test_assert_bytes(weir_span_of(want, 333), weir_span_of(text, 333));
    }
}

/* -- Counter mode ------------------------------------------------------------------------------ */

static void ctr_does_what_the_provider_does(void **state)
{
    (void)state;
    for (size_t n = 0; n <= BYTES_MAX; n++) {
        uint8_t raw[32], iv[16];
        size_t key_bytes = n % 2 == 0 ? 16 : 32;
        struct weir_ctr key;
        weir_rand_bytes(&rand_state, raw, sizeof raw);
        weir_rand_bytes(&rand_state, iv, sizeof iv);
        if (n % 3 == 0) { /* the counter wraps within the packet, and nothing above it moves */
            weir_put32(iv + 12, 0u - below((unsigned)(n + 15) / 16 + 1));
        }
        memcpy(want, text, n);
        assert_true(provider.ctr_init(&key, raw, key_bytes));
        provider.ctr_xor(&key, iv, (struct weir_mspan){ want, n });
        for EACH_LEVEL(l) {
            assert_true(table[l].ctr_init(&key, raw, key_bytes));
            struct weir_ctr copy = key;
            weir_wipe(&key, sizeof key);
            for (size_t alignment = n % 4; alignment < ALIGNMENTS; alignment += 4) {
                struct room r = room_open(n, alignment);
                room_fill(&r, text);
                table[l].ctr_xor(&copy, iv, r.data);
                test_assert_bytes(weir_span_const(r.data), weir_span_of(want, n));
                room_close(&r);
            }
        }
    }
}

/* -- Hashes ------------------------------------------------------------------------------------ */

/* Hash in pieces of random lengths, forking the state on the way. */
static void hash_in_pieces(const struct weir_crypto *c, enum weir_hash_id id, struct weir_span s,
                           uint8_t *out)
{
    struct weir_hash h, fork;
    c->hash_init(&h, id);
    while (s.n != 0) {
        size_t take = 1 + below(below(4) == 0 ? 300 : 70);
        take = take < s.n ? take : s.n;
        c->hash_update(&h, weir_span_of(s.p, take));
        fork = h;
        c->hash_update(&h, weir_span_of(s.p, take));
        h = fork;
        s.p += take;
        s.n -= take;
    }
    c->hash_final(&h, out);
}

static void hashes_do_what_the_provider_does(void **state)
{
    (void)state;
    for (size_t n = 0; n <= BYTES_MAX; n++) {
        for (int id = 0; id < WEIR_HASH_COUNT; id++) {
            struct weir_span all = { text, n };
            uint8_t digest[WEIR_HASH_BYTES_MAX], got[WEIR_HASH_BYTES_MAX];
            size_t bytes = weir_hash_bytes((enum weir_hash_id)id);
            weir_hash_of(&provider, (enum weir_hash_id)id, &all, 1, digest);
            for EACH_LEVEL(l) {
                uint8_t *room = malloc(n + ALIGNMENTS);
                size_t alignment = n % ALIGNMENTS;
                weir_copy(room + ALIGNMENTS - alignment, text, n);
                struct weir_span moved = { room + ALIGNMENTS - alignment, n };
                weir_hash_of(&table[l], (enum weir_hash_id)id, &moved, 1, got);
                test_assert_bytes(weir_span_of(got, bytes), weir_span_of(digest, bytes));
                hash_in_pieces(&table[l], (enum weir_hash_id)id, moved, got);
                test_assert_bytes(weir_span_of(got, bytes), weir_span_of(digest, bytes));
                free(room);
            }
        }
    }
}

/* [FIPS 180] a million times the letter a. */
static void a_million_letters_have_their_published_digests(void **state)
{
    (void)state;
    static const struct {
        enum weir_hash_id id;
        const char *digest;
    } row[] = {
        { WEIR_SHA1, "34aa973cd4c4daa4f61eeb2bdbad27316534016f" },
        { WEIR_SHA256, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    };
    static uint8_t letters[1000];
    memset(letters, 'a', sizeof letters);
    for EACH_LEVEL(l) {
        for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
            uint8_t digest[32], got[32];
            size_t n = test_unhex(row[i].digest, digest, sizeof digest);
            struct weir_hash h;
            table[l].hash_init(&h, row[i].id);
            for (int k = 0; k < 1000; k++) {
                table[l].hash_update(&h, weir_span_of(letters, sizeof letters));
            }
            table[l].hash_final(&h, got);
            test_assert_bytes(weir_span_of(got, n), weir_span_of(digest, n));
        }
    }
}

static void hmac_does_what_the_provider_does(void **state)
{
    (void)state;
    for (size_t n = 0; n <= BYTES_MAX; n++) {
        for (int id = 0; id < WEIR_HASH_COUNT; id++) {
            size_t cut = below((unsigned)n + 1), bytes = weir_hash_bytes((enum weir_hash_id)id);
            const struct weir_span part[3] = { { text, cut }, { NULL, 0 }, { text + cut, n - cut } };
            struct weir_span raw = { text, n % 150 };
            struct weir_hmac_key key;
            uint8_t tag[WEIR_HASH_BYTES_MAX], got[WEIR_HASH_BYTES_MAX];
            weir_hmac_init(&provider, &key, (enum weir_hash_id)id, raw);
            weir_hmac(&provider, &key, part, 3, tag);
            for EACH_LEVEL(l) {
                weir_hmac_init(&table[l], &key, (enum weir_hash_id)id, raw);
                weir_hmac(&table[l], &key, part, 3, got);
                test_assert_bytes(weir_span_of(got, bytes), weir_span_of(tag, bytes));
            }
        }
    }
}

/* Counter mode and HMAC in one pass give what the two give one after the other. */
static void check_ctr_hmac(const struct weir_crypto *c, size_t head, size_t secret, size_t tail)
{
    uint8_t raw[36], iv[16], got[20], digest[20], trailer[4] = { 1, 2, 3, 4 };
    struct weir_ctr cipher, plain_cipher;
    struct weir_hmac_key auth, plain_auth;
    size_t n = head + secret + tail, key_bytes = secret % 5 == 0 ? 32 : 16;
    struct room r = room_open(n, secret % ALIGNMENTS);
    struct weir_span part[2] = { { want, n }, { trailer, secret % 2 == 0 ? 4 : 0 } };
    weir_rand_bytes(&rand_state, raw, sizeof raw);
    weir_rand_bytes(&rand_state, iv, sizeof iv);
    assert_true(provider.ctr_init(&plain_cipher, raw, key_bytes));
    weir_hmac_init(&provider, &plain_auth, WEIR_SHA1, weir_span_of(raw, 20));
    assert_true(c->ctr_init(&cipher, raw, key_bytes));
    weir_hmac_init(c, &auth, WEIR_SHA1, weir_span_of(raw, 20));

    memcpy(want, text, n);
    provider.ctr_xor(&plain_cipher, iv, (struct weir_mspan){ want + head, secret });
    weir_hmac(&provider, &plain_auth, part, 2, digest);

    struct weir_ctr_hmac j = { &cipher, &auth, iv, weir_span_const(r.data),
                               { r.data.p + head, secret }, part[1] };
    room_fill(&r, text);
    c->ctr_hmac(&j, true, got);
    test_assert_bytes(weir_span_const(r.data), weir_span_of(want, n));
    test_assert_bytes(weir_span_of(got, 20), weir_span_of(digest, 20));
    memset(got, 0, sizeof got);
    c->ctr_hmac(&j, false, got);
    test_assert_bytes(weir_span_const(r.data), weir_span_of(text, n));
    test_assert_bytes(weir_span_of(got, 20), weir_span_of(digest, 20));
    room_close(&r);
}

static void ctr_and_hmac_in_one_pass_do_what_both_do(void **state)
{
    (void)state;
    for EACH_LEVEL(l) {
        for (size_t secret = 0; table[l].ctr_hmac != NULL && secret <= BYTES_MAX - 200; secret++) {
            check_ctr_hmac(&table[l], 12, secret, 0);           /* RTP */
            check_ctr_hmac(&table[l], 8, secret, 4);            /* RTCP */
            check_ctr_hmac(&table[l], below(130), secret, below(70));
        }
    }
}

/* -- Levels ------------------------------------------------------------------------------------ */

static void levels_have_names(void **state)
{
    (void)state;
    enum weir_kernels_level level;
    for (unsigned l = 0; l < WEIR_KERNELS_LEVELS; l++) {
        assert_true(weir_kernels_named(weir_kernels_name((enum weir_kernels_level)l), &level));
        assert_int_equal(level, l);
    }
    assert_false(weir_kernels_named("", &level));
    assert_false(weir_kernels_named("vae", &level));
    assert_false(weir_kernels_named("vaes2", &level));
}

/* WEIR_TEST_LEVEL: the level that whoever runs this knows to be there, lest nothing be tested. */
static void the_best_level_is_the_one_that_is_known(void **state)
{
    (void)state;
    const char *known = getenv("WEIR_TEST_LEVEL");
    if (known != NULL) {
        assert_string_equal(weir_kernels_name(weir_kernels_best()), known);
        assert_true(provider.crc32c == NULL && table[weir_kernels_best()].crc32c != NULL);
        assert_ptr_not_equal(provider.hash_update, table[weir_kernels_best()].hash_update);
    }
}

static void a_level_beyond_the_processor_gives_the_best(void **state)
{
    (void)state;
    struct weir_crypto c;
    weir_crypto_provider(&c);
    assert_int_equal(weir_kernels_select(&c, WEIR_KERNELS_LEVELS), weir_kernels_best());
    weir_crypto_provider(&c);
    assert_int_equal(weir_kernels_select(&c, WEIR_KERNELS_GENERIC), WEIR_KERNELS_GENERIC);
    assert_ptr_not_equal(c.aead_seal, provider.aead_seal); /* in bit slices, not the library's */
    assert_ptr_not_equal(c.ctr_xor, provider.ctr_xor);
    assert_ptr_not_equal(c.mask, provider.mask);
    assert_ptr_equal(c.hash_update, provider.hash_update);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gcm_does_what_the_provider_does),
        cmocka_unit_test(gcm_does_not_mind_alignment),
        cmocka_unit_test(gcm_takes_additional_data_of_any_length),
        cmocka_unit_test(gcm_writes_and_reads_the_tag_behind_the_data),
        cmocka_unit_test(attack_gcm_opens_nothing_with_one_bit_wrong),
        cmocka_unit_test(chacha20_poly1305_stays_with_the_provider),
        cmocka_unit_test(ctr_does_what_the_provider_does),
        cmocka_unit_test(hashes_do_what_the_provider_does),
        cmocka_unit_test(a_million_letters_have_their_published_digests),
        cmocka_unit_test(hmac_does_what_the_provider_does),
        cmocka_unit_test(ctr_and_hmac_in_one_pass_do_what_both_do),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(the_best_level_is_the_one_that_is_known),
        cmocka_unit_test(a_level_beyond_the_processor_gives_the_best),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
