/* What a connection costs: docs/memory.md has the tables that this program measures, and the test says so when it
 * has not.
 *
 *   memory_test           measures, and compares with the page
 *   memory_test --write   measures, and writes the tables into the page
 *
 * Structures are what the compiler makes of them; what lies in the pool is measured in the simulator, in cells of
 * 64 bytes on the connection's account. */
#include "core/pump/pump_int.h"
#include "peer/node_int.h"
#include "test/peer/peer_jsep.h"

#define PAGE "docs/memory.md"

static FILE *out;

/* "1,234,567" */
static const char *with_commas(uint64_t n)
{
    static char turns[4][32];
    static unsigned turn;
    char plain[24], *to = turns[turn = (turn + 1) % 4], *begin = to;
    int digits = snprintf(plain, sizeof plain, "%llu", (unsigned long long)n);
    for (int i = 0; i < digits; i++) {
        if (i != 0 && (digits - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = plain[i];
    }
    *to = '\0';
    return begin;
}

static void row(const char *what, uint64_t bytes, const char *until)
{
    fprintf(out, "| %s | %s | %s |\n", what, with_commas(bytes), until);
}

static uint32_t cells(const struct sim *s, int who)
{
    return weir_account_cells(&s->pool, s->peer[who]->account);
}

/* -- Structures -------------------------------------------------------------------------------- */

static void structures(void)
{
    const struct weir_peer *p = NULL;
    const struct weir_peer_rtp *r = NULL;
    size_t rest = sizeof *p - sizeof p->ice - sizeof p->dtls - sizeof p->sctp;
    fputs("| structure | bytes | |\n|---|---|---|\n", out);
    row("`struct weir_peer`", sizeof *p, "every connection");
    row("of it `struct weir_ice`", sizeof p->ice, "`ice/README.md`");
    row("of it `struct weir_dtls`", sizeof p->dtls, "`dtls/README.md`");
    row("of it `struct weir_sctp`", sizeof p->sctp, "`sctp/README.md`");
    row("of it its own", rest, "`peer/README.md`");
    row("`struct weir_peer_rtp`", sizeof *r, "one with audio and video, besides");
    row("of it `struct weir_srtp`, twice", sizeof r->srtp_tx + sizeof r->srtp_rx, "`srtp/README.md`");
    row("of it `struct weir_rtcp`", sizeof r->rtcp, "`rtcp/README.md`");
    row("of it the index of what was sent", sizeof r->history + sizeof r->resend, "`rtcp/README.md`");
}

/* -- A connection at its moments --------------------------------------------------------------- */

/* Of the arenas: pages and blocks. */
static uint64_t leased(const struct sim *s, int who)
{
    const struct weir_peer *p = s->peer[who];
    const struct weir_ice_room *room = &s->room[who];
    uint64_t handshake = p->is_dtls_ready && weir_dtls_has_block(&p->dtls) ? sizeof(struct weir_dtls_handshake) : 0;
    return (uint64_t)room->pages.leased * room->pages.block_bytes
           + (uint64_t)room->setups.leased * room->setups.block_bytes + handshake;
}

static void moment(const char *what, const struct sim *s, int who, bool with_media)
{
    uint32_t used = cells(s, who), spare = weir_account_spare(&s->pool, s->peer[who]->account);
    uint32_t buffers = (used + spare) / WEIR_CELLS_PER_BUF;
    uint64_t flat = sizeof(struct weir_peer) + (with_media ? sizeof(struct weir_peer_rtp) : 0);
    uint64_t all = flat + leased(s, who) + (uint64_t)buffers * sizeof(struct weir_buf) + sizeof(struct weir_account);
    fprintf(out, "| %s | %s | %s | %u | %u | %s |\n", what, with_commas(flat), with_commas(leased(s, who)), used,
            buffers, with_commas(all));
}

static void moments(void)
{
    fputs("| a connection | structures | leased | cells in the pool | in buffers | bytes in all |\n"
          "|---|---|---|---|---|---|\n", out);
    for (int with_media = 0; with_media < 2; with_media++) {
        const struct sim_options o = { .seed = 21, .with_media = with_media != 0, .no_sped = { true, true } };
        struct sim *s = sim_open_with(&o);
        const struct weir_sctp_channel_config c = { .label = WEIR_LIT("channel1"), .priority = 256 };
        uint16_t channel;
        bool is = with_media != 0;
        uint8_t media;
        moment(is ? "audio, video and data: new" : "data only: new", s, 1, is);
        if (is) {
            assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
            assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        }
        assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &channel), WEIR_OK);
        offer(s, 0);
        moment("its own offer waits, with a channel", s, 0, is);
        take_offer(s, 1);
        moment("the peer's offer waits", s, 1, is);
        write_answer(s, 1);
        take_answer(s, 0);
        while (!s->peer[1]->has_had_path) {
            sim_run(s, s->now + WEIR_MS, false);
        }
        moment("DTLS shakes hands", s, 1, is);
        sim_run(s, s->now + 10 * WEIR_SEC, false);
        assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
        moment("connected and idle, with a channel", s, 1, is);
        sim_close(s);
    }
}

/* -- What is in the pool ----------------------------------------------------------------------- */

static void offer_that_waits(void)
{
    struct sim *s = sim_open(22, true);
    char what[120];
    uint8_t media;
    assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
    offer(s, 0);
    take_offer(s, 1);
    uint32_t sections = 3 * WEIR_CELLS_OF(sizeof(struct weir_media)), before = cells(s, 1) - sections;
    snprintf(what, sizeof what, "an offer of the peer's with audio, video and data, of some %u00 bytes",
             (unsigned)(length[0] / 100));
    row(what, (uint64_t)before * WEIR_CELL_BYTES, "its answer, or the next offer");
    sim_close(s);
}

static void channels(void)
{
    enum { MANY = 500 };
    struct sim *s = connected(23, WEIR_SDP_ACTIVE);
    struct weir_sctp_channel_config c = { .priority = 256 };
    uint32_t before = cells(s, 0);
    for (unsigned i = 0; i < MANY; i++) {
        char label[16];
        uint16_t channel;
        snprintf(label, sizeof label, "label%03u", i);
        c.label = weir_span_of(label, 8);
        assert_int_equal(weir_peer_open_channel(s->peer[0], s->now, &c, &channel), WEIR_OK);
    }
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    row("a channel and its stream, label of eight letters, of 500",
        (uint64_t)(cells(s, 0) - before) * WEIR_CELL_BYTES / MANY, "both ends have closed it");
    sim_close(s);
}

/* `count` messages of `bytes`, each: queued where they are sent, and waiting to be read where they arrive. */
static void messages(unsigned count, unsigned bytes)
{
    static uint8_t content[65536];
    for (int is_received = 0; is_received < 2; is_received++) {
        struct sim *s = connected(24, WEIR_SDP_ACTIVE);
        char what[120];
        uint32_t before = cells(s, is_received);
        s->is_deaf[1] = true;
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(weir_peer_channel_send(s->peer[0], s->now, s->channel[0], weir_span_of(content, bytes),
                                                    false), WEIR_OK);
        }
        if (is_received != 0) {
            sim_run(s, s->now + 5 * WEIR_SEC, false);
        }
        snprintf(what, sizeof what, "a message of %s byte%s, %s", with_commas(bytes), bytes == 1 ? "" : "s",
                 is_received != 0 ? "received" : "to send");
        row(what, (uint64_t)(cells(s, is_received) - before) * WEIR_CELL_BYTES / count,
            is_received != 0 ? "the application has read it" : "the peer has acknowledged it");
        sim_close(s);
    }
}

static void packets_kept(void)
{
    enum { MANY = 100 };
    struct sim *s = connected(25, WEIR_SDP_ACTIVE);
    uint32_t before = cells(s, 0);
    for (unsigned i = 0; i < MANY; i++) {
        sim_send_rtp(s, 0, i);
    }
    row("a packet of video with 500 bytes, sent where the peer may ask again",
        (uint64_t)(cells(s, 0) - before) * WEIR_CELL_BYTES / MANY, "256 more were sent, or others need the room");
    sim_close(s);
}

static void in_the_pool(void)
{
    fputs("| in the pool | bytes | until |\n|---|---|---|\n", out);
    row("an account", sizeof(struct weir_account), "the connection ends");
    row("a section", (uint64_t)WEIR_CELLS_OF(sizeof(struct weir_media)) * WEIR_CELL_BYTES,
        "the connection ends; of the peer's offer, it is taken back");
    row("a `.local` candidate", (uint64_t)WEIR_CELLS_OF(sizeof(struct weir_peer_name)) * WEIR_CELL_BYTES,
        "its address is known, or not to be had");
    row("paths of a lite agent", (uint64_t)WEIR_CELLS_OF(sizeof(struct weir_peer_debts)) * WEIR_CELL_BYTES,
        "the connection ends");
    offer_that_waits();
    channels();
    messages(200, 1);
    messages(40, 1000);
    messages(1, 65536);
    packets_kept();
}

/* -- A node ------------------------------------------------------------------------------------ */

static struct weir_node *node_of(uint32_t peers, uint32_t timers)
{
    const struct weir_addr local = weir_addr_v4(127, 0, 0, 1, 0);
    const struct weir_node_config c = { .bind = &local, .binds = 1, .no_mdns = true, .peers_max = peers,
                                        .timers_max = timers, .lend_bytes = 1 << 20, .has_seed = true,
                                        .pump = { .kind = WEIR_PUMP_EPOLL } };
    char error[WEIR_NODE_ERROR_BYTES];
    struct weir_node *n = weir_node_open(&c, error);
    if (n == NULL) {
        fail_msg("%s", error);
    }
    return n;
}

static void of_a_node(void)
{
    struct weir_node *few = node_of(64, 0), *many = node_of(128, 0), *timed = node_of(64, 64);
    const struct weir_node *n = few;
    uint64_t each = (many->memory_bytes - few->memory_bytes) / 64;
    uint64_t share = (uint64_t)few->pool.share * sizeof(struct weir_buf);
    fputs("| of a node | bytes | |\n|---|---|---|\n", out);
    row("`struct weir_node`", sizeof *n, "once");
    row("of it room to read and write descriptions", sizeof n->scratch, "`struct weir_peer_scratch`");
    row("of it identities, ephemeral keys made ahead, batches and the rest", sizeof *n - sizeof n->scratch, "");
    row("to put messages of many pieces together", n->config.max_message_size, "`max_message_size`");
    row("sessions of other weirs", 2ull * n->config.sessions * sizeof(struct weir_dtls_session),
        "twice `sessions`: for the certificate before, too");
    row("landing buffers of the pump", (uint64_t)WEIR_PUMP_RX_BUFFERS * PUMP_LANDING_BYTES,
        "resident as far as datagrams come at once");
    row("each of `peers_max`", each, "resident as far as it is used");
    row("of it its share of the pool", share, "`share_bytes`");
    row("of it its structures", sizeof(struct weir_peer) + sizeof(struct weir_peer_rtp),
        "with audio and video; of those without, the first alone (`media_peers_max`)");
    row("of it tables that find it", each - share - sizeof(struct weir_peer) - sizeof(struct weir_peer_rtp),
        "paths, names, timers, an account");
    row("each of `timers_max`", (timed->memory_bytes - few->memory_bytes) / 64, "");
    weir_node_close(few);
    weir_node_close(many);
    weir_node_close(timed);
}

/* -- The most ---------------------------------------------------------------------------------- */

static void the_most(void)
{
    struct weir_peer_config c = { .crypto = weir_crypto_default(), .is_data_only = true };
    fputs("| the most that one connection may use | bytes |\n|---|---|\n", out);
    fprintf(out, "| data only, by default | %s |\n", with_commas(weir_peer_bytes(&c)));
    c.is_data_only = false;
    fprintf(out, "| with audio and video, by default | %s |\n", with_commas(weir_peer_bytes(&c)));
    c = (struct weir_peer_config){ .crypto = weir_crypto_default(), .is_data_only = true, .rx_bytes_max = 65536,
                                   .tx_bytes_max = 65536, .sections_max = 1, .description_max = 8192 };
    fprintf(out, "| data only, windows of 64 KiB, one section, descriptions of 8 KiB | %s |\n",
            with_commas(weir_peer_bytes(&c)));
}

/* -- The page ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*measure)(void);
} table[] = {
    { "structures", structures }, { "moments", moments }, { "pool", in_the_pool },
    { "node", of_a_node }, { "most", the_most },
};

#define TABLES (sizeof table / sizeof table[0])

/* The page with every table as it was measured. */
static char *page_as_it_should_be(const char *page)
{
    char *whole = NULL;
    size_t n = 0;
    out = open_memstream(&whole, &n);
    assert_non_null(out);
    for (size_t i = 0; i < TABLES; i++) {
        char mark[64], end[64];
        snprintf(mark, sizeof mark, "<!-- measured: %s -->\n", table[i].name);
        snprintf(end, sizeof end, "<!-- end -->\n");
        const char *at = strstr(page, mark), *behind = at == NULL ? NULL : strstr(at, end);
        if (behind == NULL) {
            fail_msg("%s has no place for the table: %s", PAGE, table[i].name);
        }
        at += strlen(mark);
        fwrite(page, 1, (size_t)(at - page), out);
        fputc('\n', out);
        table[i].measure();
        fputc('\n', out);
        page = behind;
    }
    fputs(page, out);
    fclose(out);
    return whole;
}

static char *read_page(void)
{
    struct weir_mspan file = test_read_file(PAGE);
    char *page = malloc(file.n + 1);
    memcpy(page, file.p, file.n);
    page[file.n] = '\0';
    free(file.p);
    return page;
}

static void the_page_says_what_is_measured(void **state)
{
    (void)state;
    char *page = read_page(), *want = page_as_it_should_be(page), *at = page, *of = want;
    while (*at != '\0' && strcmp(page, want) != 0) { /* show the first line that differs */
        size_t n = strcspn(at, "\n"), k = strcspn(of, "\n");
        if (n != k || strncmp(at, of, n) != 0) {
            fail_msg("%s is not what is measured. It says\n  %.*s\nand should say\n  %.*s\n"
                     "build/test/memory_test --write corrects it", PAGE, (int)n, at, (int)k, of);
        }
        at += n + 1;
        of += k + 1;
    }
    free(page);
    free(want);
}

/* The same as a group of one, for what fails while it is measured. */
static void write_page(void **state)
{
    (void)state;
    char *page = read_page(), *want = page_as_it_should_be(page);
    FILE *f = fopen(WEIR_SOURCE_DIR "/" PAGE, "w");
    assert_non_null(f);
    assert_true(fputs(want, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(page);
    free(want);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_page_says_what_is_measured) };
    const struct CMUnitTest writes[] = { cmocka_unit_test(write_page) };
    if (argc > 1 && strcmp(argv[1], "--write") == 0) {
        return cmocka_run_group_tests(writes, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
