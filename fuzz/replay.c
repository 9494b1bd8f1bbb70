/* Runs a fuzz harness over every file below the directories named on the command line: the corpus as
 * an ordinary test, without libFuzzer. Fails when it finds no file. */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static unsigned long replayed;

static int replay_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type != FTW_F) {
        return 0;
    }
    size_t n = (size_t)st->st_size;
    uint8_t *data = malloc(n == 0 ? 1 : n); /* exact, so that a sanitizer sees one byte over */
    FILE *f = fopen(path, "rb");
    if (data == NULL || f == NULL || fread(data, 1, n, f) != n) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    replayed++;
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (nftw(argv[i], replay_file, 16, FTW_PHYS) != 0) {
            fprintf(stderr, "cannot walk %s\n", argv[i]);
            return 1;
        }
    }
    printf("%lu inputs replayed\n", replayed);
    return replayed == 0;
}
