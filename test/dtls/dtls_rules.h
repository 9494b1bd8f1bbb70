/* One row per rule: what breaks it, and the verdict and alert that must come. Included after dtls_sim.h by
 * the tests of each version; everything is static. */
#ifndef WEIR_TEST_DTLS_RULES_H
#define WEIR_TEST_DTLS_RULES_H

static unsigned covered[WEIR_DTLS_VERDICTS];

static inline void expect(enum weir_dtls_verdict got, enum weir_dtls_verdict want, const char *what)
{
    if (got != want) {
        fail_msg("%s: %s instead of %s", what, weir_dtls_verdict_name(got),
                 weir_dtls_verdict_name(want));
    }
    covered[want]++;
}

static inline enum weir_dtls_verdict hear_hex(struct sim *s, unsigned who, const char *hex)
{
    uint8_t bytes[1500];
    size_t n = test_unhex(hex, bytes, sizeof bytes);
    return sim_hear(s, who, bytes, n);
}

struct hello_row {
    enum weir_dtls_verdict want;
    const char *head;       /* version */
    const char *suites;     /* ClientHello: list; ServerHello: the one */
    const char *compression;
    const char *extensions; /* NULL: no such field */
};

static inline size_t hello_body(const struct hello_row *row, bool is_client, uint8_t *out, size_t cap)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ out, cap });
    uint8_t bytes[1024];
    size_t n = test_unhex(row->head, bytes, sizeof bytes);
    weir_wr_bytes(&w, weir_span_of(bytes, n));
    for (unsigned i = 0; i < 32; i++) {
        weir_wr_u8(&w, 0x11);
    }
    weir_wr_u8(&w, 0);
    if (is_client) {
        weir_wr_u8(&w, 0);
    }
    n = test_unhex(row->suites, bytes, sizeof bytes);
    if (is_client) {
        weir_wr_u16(&w, (uint16_t)n);
    }
    weir_wr_bytes(&w, weir_span_of(bytes, n));
    n = test_unhex(row->compression, bytes, sizeof bytes);
    weir_wr_bytes(&w, weir_span_of(bytes, n));
    if (row->extensions != NULL) {
        n = test_unhex(row->extensions, bytes, sizeof bytes);
        weir_wr_u16(&w, (uint16_t)n);
        weir_wr_bytes(&w, weir_span_of(bytes, n));
    }
    n = weir_wr_done(&w);
    assert_true(n != 0);
    return n;
}

struct edit_row {
    enum weir_dtls_verdict want;
    unsigned to; /* who hears it */
    uint8_t message;
    uint8_t alert;
    int at;          /* where hex is written over the body, negative: from its end */
    int grow;        /* bytes more, or fewer, at the end */
    const char *hex; /* NULL: nothing is written */
    bool is_whole;   /* hex is the whole body */
};

static bool was_edited;

static inline void apply(struct sim *s, unsigned who, const void *with)
{
    const struct edit_row *row = with;
    struct weir_dtls *d = &s->end[who].d;
    uint8_t body[2048] = { 0 }, over[1024];
    size_t n, entry;
    uint8_t *old = who == row->to ? NULL : edit_find(d, row->message, &n, &entry);
    if (was_edited || old == NULL) {
        return;
    }
    was_edited = true;
    memcpy(body, old, n);
    if (row->is_whole) {
        n = test_unhex(row->hex, body, sizeof body);
    } else if (row->hex != NULL) {
        size_t m = test_unhex(row->hex, over, sizeof over);
        memcpy(row->at < 0 ? body + n + row->at : body + row->at, over, m);
    }
    n = (size_t)((int)n + row->grow);
    assert_true(edit_replace(d, row->message, weir_span_of(body, n)));
}

/* Run until the verdict came, or nothing more happens. */
static inline void run_edit(struct sim *s, const struct edit_row *row, const char *what)
{
    struct weir_dtls *d = &s->end[row->to].d;
    was_edited = false;
    s->edit = apply;
    s->edit_with = row;
    sim_start(s);
    for (unsigned i = 0; i < 40 && d->verdicts[row->want] == 0 && d->state != WEIR_DTLS_FAILED;
         i++) {
        sim_step(s, s->now + WEIR_SEC);
    }
    sim_drain(s, row->to);
    assert_true(was_edited);
    if (d->verdicts[row->want] == 0) {
        fail_msg("%s: no %s; state %s, verdict %s", what, weir_dtls_verdict_name(row->want),
                 weir_dtls_state_name(d->state), weir_dtls_verdict_name(d->fail_verdict));
    }
    covered[row->want]++;
    assert_int_equal(d->state, WEIR_DTLS_FAILED);
    assert_int_equal(s->end[row->to].told[WEIR_DTLS_EVENT_FAILED], 1);
    assert_int_equal(s->end[row->to].told[WEIR_DTLS_EVENT_CONNECTED], 0);
    assert_int_equal(s->end[row->to].last.verdict, row->want);
    if (s->end[row->to].last.alert != row->alert) {
        fail_msg("%s: alert %s", what, weir_dtls_alert_name(s->end[row->to].last.alert));
    }
    assert_int_equal(weir_dtls_deadline(d), WEIR_NEVER);
}

static inline void run_edits(const struct edit_row *row, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        struct sim s;
        char what[64];
        snprintf(what, sizeof what, "row %zu, message %u", i, row[i].message);
        sim_init_default(&s, 46);
        run_edit(&s, &row[i], what);
        sim_free(&s);
    }
}

#endif
