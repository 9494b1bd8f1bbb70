/* Records and fragments of a datagram, and their reassembly. Three of four lengths of input: records may
 * have a connection id, of that many bytes. */
#include "fuzz/dtls_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void take_fragments(struct weir_dtls_reassembly *r, struct weir_span body)
{
    struct weir_rd rd = weir_rd_of(body);
    struct dtls_fragment f;
    while (rd.n != 0 && weir_dtls_fragment_take(&rd, &f) == WEIR_DTLS_OK) {
        uint8_t type;
        struct weir_span message;
        if (f.bytes.n > f.length - f.offset) {
            abort();
        }
        (void)weir_dtls_reassembly_add(r, &f, (f.seq & 1) != 0);
        while (weir_dtls_reassembly_ready(r, &type, &message)) {
            weir_dtls_reassembly_pop(r);
        }
    }
}

/* One record of DTLS 1.3, to be opened with the keys of epoch 5 or those of epoch 4. */
static void take_unified(struct weir_dtls *d, struct weir_mspan *datagram)
{
    struct dtls_record r;
    d->rx.epoch = 5;
    d->old.epoch = 4;
    d->old.is_ready = true;
    hs_of(d)->old_rx.epoch = 4;
    hs_of(d)->old_rx.is_ready = true;
    if (weir_dtls13_record_take(datagram, weir_dtls_rx_cid(d), &r) != WEIR_DTLS_OK
        || !weir_dtls13_record_is_readable(d, &r)) {
        return;
    }
    struct weir_dtls_keys room, *k = weir_dtls13_record_keys(d, &r, &room);
    enum weir_dtls_verdict v = weir_dtls13_record_open(d, k, &r);
    if (k != &d->rx) {
        weir_dtls13_old_note(d, k, &room);
    }
    if (v == WEIR_DTLS_OK) {
        if (weir_dtls_window_is_new(&k->window, r.seq)
            || (r.body.n == 0 && r.type != CONTENT_APPLICATION_DATA)) {
            abort();
        }
        weir_dtls_ack_piece(d, 0, &r);
        take_fragments(&hs_of(d)->reassembly, weir_span_const(r.body));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct weir_dtls d;
    static struct feed_room room;
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    struct weir_mspan datagram = { copy, n };
    if (copy == NULL) {
        return 0;
    }
    weir_copy(copy, data, n);
    feed_room_init(&room);
    feed_init(&d, &room.arena, true, false, 1);
    if (!weir_dtls_lease(&d, 0)) {
        abort();
    }
    d.rx.is_ready = true;
    feed_ids(&d, (uint8_t)(n % 4), WEIR_DTLS_RRC_BASIC);
    d.cid.state = n % 4 != 0 ? CID_AGREED : CID_NONE;
    d.rrc.is_agreed = n % 4 != 0;
    while (datagram.n != 0) {
        struct dtls_record r;
        size_t before = datagram.n;
        if ((datagram.p[0] & UNIFIED_MASK) == UNIFIED_FIXED) {
            take_unified(&d, &datagram);
        } else if (weir_dtls_record_take(&datagram, weir_dtls_rx_cid(&d), &r) == WEIR_DTLS_OK
                   && weir_dtls_record_check(&d, &r) == WEIR_DTLS_OK) {
            bool is_new = weir_dtls_window_is_new(&d.rx.window, r.seq);
            if (r.epoch == 1 && weir_dtls_record_open(&d, &r) == WEIR_DTLS_OK
                && (!is_new || weir_dtls_window_is_new(&d.rx.window, r.seq))) {
                abort(); /* opened twice */
            }
            take_fragments(&hs_of(&d)->reassembly, weir_span_const(r.body));
        }
        if (datagram.n >= before) {
            abort(); /* no progress */
        }
    }
    feed_check(&d);
    free(copy);
    return 0;
}
