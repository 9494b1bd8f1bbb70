#include "test/support/support.h"

struct weir_mspan test_read_file(const char *path_in_tree)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", WEIR_SOURCE_DIR, path_in_tree);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("cannot open %s", path);
    }
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    struct weir_mspan s = { malloc(n > 0 ? (size_t)n : 1), (size_t)n };
    assert_non_null(s.p);
    assert_int_equal(fread(s.p, 1, s.n, f), s.n);
    fclose(f);
    return s;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

size_t test_unhex(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    int high = -1;
    for (; *text != '\0'; text++) {
        int d = digit(*text);
        if (d < 0) {
            continue;
        }
        if (high < 0) {
            high = d;
            continue;
        }
        assert_true(n < cap);
        out[n++] = (uint8_t)(high << 4 | d);
        high = -1;
    }
    return n;
}

uint64_t test_seed(uint64_t otherwise)
{
    const char *text = getenv("WEIR_SEED");
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void print_bytes(const char *name, struct weir_span s)
{
    fprintf(stderr, "%s (%zu):", name, s.n);
    for (size_t i = 0; i < s.n; i++) {
        fprintf(stderr, " %02x", s.p[i]);
    }
    fputc('\n', stderr);
}

void test_assert_bytes(struct weir_span got, struct weir_span want)
{
    if (!weir_span_eq(got, want)) {
        print_bytes("got ", got);
        print_bytes("want", want);
        fail_msg("bytes differ");
    }
}
