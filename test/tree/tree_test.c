/* The tree keeps its own rules: who includes whom, what an archive may call, how long files get, how
 * rules of RFCs are cited. */
#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>

#include "test/support/support.h"

static const char *const layer[] = { "core", "stun", "ice",  "dtls", "sctp",
                                     "srtp", "rtcp", "sdp",  "peer", "apps" };
#define LAYERS (sizeof layer / sizeof layer[0])

/* Run `look` on every .c and .h below a directory of the tree. */
static unsigned each_source(const char *dir, void (*look)(const char *path, const char *text))
{
    char full[600];
    unsigned n = 0;
    snprintf(full, sizeof full, "%s/%s", WEIR_SOURCE_DIR, dir);
    DIR *d = opendir(full);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[600];
        struct stat st;
        snprintf(path, sizeof path, "%s/%.200s", dir, e->d_name);
        snprintf(full, sizeof full, "%s/%.300s", WEIR_SOURCE_DIR, path);
        if (e->d_name[0] == '.' || stat(full, &st) != 0) {
            continue;
        }
        size_t len = strlen(e->d_name);
        if (S_ISDIR(st.st_mode)) {
            n += each_source(path, look);
        } else if (len > 2 && e->d_name[len - 2] == '.'
                   && (e->d_name[len - 1] == 'c' || e->d_name[len - 1] == 'h')) {
            struct weir_mspan text = test_read_file(path);
            char *z = malloc(text.n + 1);
            memcpy(z, text.p, text.n);
            z[text.n] = '\0';
            look(path, z);
            free(z);
            free(text.p);
            n++;
        }
    }
    closedir(d);
    return n;
}

static void on_each_layer(void (*look)(const char *path, const char *text))
{
    unsigned n = 0;
    for (size_t i = 0; i < LAYERS; i++) {
        n += each_source(layer[i], look);
    }
    assert_true(n > 20);
}

/* -- Includes ---------------------------------------------------------------------------------- */

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static bool edge_is_allowed(const char *from, const char *to, const char *header)
{
    bool is_private = strstr(header, "_int.h") != NULL;
    if (strcmp(from, to) == 0) {
        return true;
    }
    if (is_private) {
        return false;
    }
    if (strcmp(to, "core") == 0) {
        return true;
    }
    if (strcmp(from, "apps") == 0) {
        return true;
    }
    if (strcmp(from, "peer") == 0) {
        return strcmp(to, "apps") != 0;
    }
    return (strcmp(from, "ice") == 0 && strcmp(to, "stun") == 0)
           || (strcmp(from, "rtcp") == 0 && strcmp(to, "srtp") == 0);
}

static void check_includes(const char *path, const char *text)
{
    char from[16] = "";
    sscanf(path, "%15[^/]", from);
    for (const char *p = text; (p = strstr(p, "#include \"")) != NULL; p++) {
        char header[128] = "", to[16] = "";
        sscanf(p, "#include \"%127[^\"]\"", header);
        if (strchr(header, '/') == NULL) {
            fail_msg("%s includes \"%s\": name headers from the root of the tree", path, header);
        }
        sscanf(header, "%15[^/]", to);
        if (!edge_is_allowed(from, to, header)) {
            fail_msg("%s includes %s: %s may not depend on it", path, header, from);
        }
        /* The pump and the provider touch the system: only the composition may know them. */
        if (starts(header, "core/pump/") && !starts(path, "core/pump/") && !starts(path, "peer/")
            && !starts(path, "apps/")) {
            fail_msg("%s includes %s: protocols know no pump", path, header);
        }
        /* Kernels are reached through the crypto table, which core/crypto lays them into. */
        if (starts(header, "core/kernels/") && !starts(path, "core/kernels/")
            && !starts(path, "core/crypto/")) {
            fail_msg("%s includes %s: it has the crypto table for that", path, header);
        }
    }
}

static void includes_go_one_way(void **state)
{
    (void)state;
    on_each_layer(check_includes);
}

/* -- Who reads whose fields -------------------------------------------------------------------- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The first place where `text` has this word; what comes behind it begins with one of the characters in `next`,
 * or is anything (NULL). */
static const char *find_word(const char *text, const char *word, const char *next)
{
    size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)) != NULL; p++) {
        bool begins = p == text || !is_word(word[0]) || !is_word(p[-1]);
        bool ends = next == NULL ? !is_word(p[n]) : p[n] != '\0' && strchr(next, p[n]) != NULL;
        if (begins && ends) {
            return p;
        }
    }
    return NULL;
}

static unsigned line_of(const char *text, const char *at)
{
    unsigned line = 1;
    for (; text != at; text++) {
        line += *text == '\n';
    }
    return line;
}

struct forbidden {
    const char *word, *next;
};

static void check_words(const char *path, const char *text, const struct forbidden *f, const char *instead)
{
    for (; f->word != NULL; f++) {
        const char *at = find_word(text, f->word, f->next);
        if (at != NULL) {
            fail_msg("%s:%u reads a field: %.24s; %s", path, line_of(text, at), at, instead);
        }
    }
}

/* Members of struct weir_peer, by their names where programs have none of this name of their own, else by what
 * a peer is called. */
static void check_program(const char *path, const char *text)
{
    static const struct forbidden f[] = {
        { "->sctp", NULL }, { "->ice", "." }, { "p->ice", NULL }, { "peer->ice", NULL },
        { "->dtls", NULL }, { "->rtcp", NULL }, { "->srtp_tx", NULL },
        { "->srtp_rx", NULL }, { "weir_peer_rtp", NULL }, { "->media", "[" }, { "->medias", NULL },
        { "->verdicts", NULL }, { "->wants_restart", NULL }, { "->wants_renewal", NULL }, { "->has_remote", NULL },
        { "->has_local", NULL }, { "->has_data", NULL }, { "->is_dtls_begun", NULL }, { "->is_sctp_begun", NULL },
        { "->user", NULL }, { "peer->state", NULL }, { "peer->config", NULL }, { "peer->timeline", NULL },
        { "peer->signalling", NULL }, { "peer->pool", NULL }, { "peer->account", NULL }, { "peer->reason", NULL },
        { "peer->rx_packets", NULL }, { "peer->tx_packets", NULL }, { "peer->rx_bytes", NULL },
        { "peer->tx_bytes", NULL }, { "p->state", NULL }, { "p->config", NULL }, { "p->timeline", NULL },
        { "p->signalling", NULL }, { "p->pool", NULL }, { "p->account", NULL }, { "p->rx_packets", NULL },
        { "p->tx_packets", NULL }, { "p->rx_bytes", NULL }, { "p->tx_bytes", NULL }, { NULL, NULL },
    };
    if (!starts(path, "apps/dtls/")) { /* it drives a machine of its own */
        check_words(path, text, f, "peer/peer_stats.h has a function for it");
    }
}

static void check_bench(const char *path, const char *text)
{
    if (starts(path, "test/bench/bench_peer.c") || starts(path, "test/consumer/")) {
        check_program(path, text);
    }
}

static void programs_read_no_machine(void **state)
{
    (void)state;
    assert_true(each_source("apps", check_program) > 15);
    assert_true(each_source("test/bench", check_bench) > 5);
    assert_true(each_source("test/consumer", check_bench) >= 1);
}

/* The composition speaks to the protocols by their verbs alone. */
static void check_composition(const char *path, const char *text)
{
    static const struct forbidden f[] = {
        { "sctp.", "abcdefghijklmnopqrstuvwxyz" }, { "rtcp.", "abcdefghijklmnopqrstuvwxyz" },
        { "srtp_tx.", "abcdefghijklmnopqrstuvwxyz" }, { "srtp_rx.", "abcdefghijklmnopqrstuvwxyz" },
        { "history.", "abcdefghijklmnopqrstuvwxyz" }, { "->ice.", "abcdefghijklmnopqrstuvwxyz" },
        { "->dtls.", "abcdefghijklmnopqrstuvwxyz" }, { NULL, NULL },
    };
    char *code = malloc(strlen(text) + 1), *out = code; /* without what is included */
    for (const char *p = text; *p != '\0';) {
        const char *end = strchr(p, '\n');
        size_t n = end == NULL ? strlen(p) : (size_t)(end - p) + 1;
        if (!starts(p, "#include")) {
            memcpy(out, p, n);
            out += n;
        } else {
            *out++ = '\n';
        }
        p += n;
    }
    *out = '\0';
    check_words(path, code, f, "give the protocol a verb for it");
    free(code);
}

static void the_composition_reads_no_field_of_a_protocol(void **state)
{
    (void)state;
    assert_true(each_source("peer", check_composition) > 20);
}

/* What the two above would find. */
static void the_words_are_found(void **state)
{
    (void)state;
    assert_non_null(find_word("a = p->sctp.state;", "sctp.", "s"));
    assert_non_null(find_word("x(&p->sctp)", "->sctp", NULL));
    assert_null(find_word("p->sctp_seed", "->sctp", NULL));
    assert_null(find_word("weir_sctp.h", "sctp.", "h"));
    assert_non_null(find_word("q->ice.local[0]", "->ice", ".)"));
    assert_null(find_word("name(e->ice_state)", "->ice", ".)"));
    assert_null(find_word("deep->state", "p->state", NULL));
    static const char three[] = "a\nb\nc";
    assert_int_equal(line_of(three, three + 4), 3);
}

/* -- What the archives call -------------------------------------------------------------------- */

static void check_archive(const char *name)
{
    char command[400], line[256];
    snprintf(command, sizeof command, "nm -u %s/libweir_%s.a", WEIR_BUILD_DIR, name);
    FILE *nm = popen(command, "r");
    assert_non_null(nm);
    unsigned n = 0;
    while (fgets(line, sizeof line, nm) != NULL) {
        char symbol[200];
        if (sscanf(line, " U %199s", symbol) != 1) {
            continue;
        }
        n++;
        bool is_allowed = starts(symbol, "weir_") || strcmp(symbol, "memcpy") == 0
                          || strcmp(symbol, "memmove") == 0 || strcmp(symbol, "memset") == 0
                          || strcmp(symbol, "memcmp") == 0
                          || strcmp(symbol, "bcmp") == 0 /* clang's word for memcmp */
                          /* what the compiler itself adds */
                          || starts(symbol, "__asan") || starts(symbol, "__ubsan")
                          || starts(symbol, "__sanitizer") || starts(symbol, "__stack_chk")
                          || starts(symbol, "_GLOBAL_OFFSET_TABLE_") || starts(symbol, "__gcov");
        if (!is_allowed) {
            fail_msg("libweir_%s.a calls %s", name, symbol);
        }
    }
    assert_int_equal(pclose(nm), 0);
    assert_true(n > 0);
}

static void protocol_archives_call_nothing_but_memory_moves(void **state)
{
    (void)state;
    static const char *const pure[] = { "core", "kernels", "stun", "ice", "dtls",
                                        "sctp", "srtp",    "rtcp", "sdp" };
    for (size_t i = 0; i < sizeof pure / sizeof pure[0]; i++) {
        check_archive(pure[i]);
    }
}

/* -- Form -------------------------------------------------------------------------------------- */

static void check_form(const char *path, const char *text)
{
    unsigned line = 1, column = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\t' || *p == '\r') {
            fail_msg("%s:%u has a tab or carriage return", path, line);
        }
        if (*p == '\n') {
            if (p != text && p[-1] == ' ') {
                fail_msg("%s:%u ends in a space", path, line);
            }
            line++;
            column = 0;
        } else if (((unsigned char)*p & 0xc0) != 0x80 && ++column > 108) {
            fail_msg("%s:%u is longer than 108 columns (aim at 100)", path, line);
        }
    }
    if (line > 800) {
        fail_msg("%s has %u lines: more than one idea", path, line);
    }
    if (strncmp(text, "/*", 2) != 0) {
        fail_msg("%s does not open with a comment that says what it is", path);
    }
}

static void sources_keep_the_form_of_the_house(void **state)
{
    (void)state;
    on_each_layer(check_form);
}

/* A citation reads [RFC <number> <section>] or [RFC <number> <section> <STRENGTH>]. */
static void check_citations(const char *path, const char *text)
{
    for (const char *p = text; (p = strstr(p, "[RFC ")) != NULL; p++) {
        const char *q = p + 5;
        if (!isdigit((unsigned char)*q)) {
            fail_msg("%s: %.30s: a citation needs the number of its RFC", path, p);
        }
        while (isdigit((unsigned char)*q)) {
            q++;
        }
        if (*q != ' ' && *q != ']' && *q != ',' && *q != '\n' && *q != ';' && *q != ':') {
            fail_msg("%s: %.30s: after the number comes the section", path, p);
        }
        const char *end = strchr(q, ']');
        if (end == NULL || end - p > 240) {
            fail_msg("%s: %.30s: a citation does not end", path, p);
        }
    }
}

static void citations_have_one_form(void **state)
{
    (void)state;
    on_each_layer(check_citations);
}

static void every_directory_has_its_readme(void **state)
{
    (void)state;
    for (size_t i = 0; i <= LAYERS; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/README.md", i < LAYERS ? layer[i] : "core/kernels");
        struct weir_mspan text = test_read_file(path);
        assert_true(text.n > 500);
        free(text.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(includes_go_one_way),
        cmocka_unit_test(programs_read_no_machine),
        cmocka_unit_test(the_composition_reads_no_field_of_a_protocol),
        cmocka_unit_test(the_words_are_found),
        cmocka_unit_test(protocol_archives_call_nothing_but_memory_moves),
        cmocka_unit_test(sources_keep_the_form_of_the_house),
        cmocka_unit_test(citations_have_one_form),
        cmocka_unit_test(every_directory_has_its_readme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
