/* One end against a stream of operations, with crypto that accepts everything.
 *
 * [start] then [op][...]: of the start, bit 0 is the role, bits 1 to 3 how many datagrams of an honest
 * handshake go before, bit 4 has connection ids and checks of paths, bit 5 the enhanced ones or, without
 * ids, a session that is resumed, bit 6 leaves 1.2 alone, bit 7 wants a cookie. Ops: 0 recv [length 2]
 * [bytes], 1 tick at the deadline, 2 time passes [ms], 3 fingerprints [any], 4 close, 5 data [length],
 * 6 export, 7 snapshot and restore, 8 recv the next honest datagram, 9 new keys [asks, another path,
 * somebody else takes a block of the arena or gives it back]. The tens of an op are the path that what it
 * hears comes by. */
#include "fuzz/dtls_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct world {
    struct weir_dtls me, peer;
    struct feed_room room; /* of both */
    uint32_t taken;        /* by somebody else */
    weir_time now;
    struct weir_rd in;
    uint32_t path;
    bool was_over;
};

static struct world w;

static void hear(struct weir_dtls *d, uint8_t *p, size_t n)
{
    struct weir_mspan datagram = { p, n };
    while (datagram.n != 0) {
        struct weir_span plain;
        size_t before = datagram.n;
        uint32_t path = d == &w.me ? w.path : weir_dtls_path(d);
        if (weir_dtls_recv_by(d, w.now, path, &datagram, &plain) >= WEIR_DTLS_VERDICTS
            || datagram.n >= before || (plain.n != 0 && d->state != WEIR_DTLS_CONNECTED)) {
            abort();
        }
    }
}

/* One datagram from `from` to `to`; false when there is none. */
static bool pass(struct weir_dtls *from, struct weir_dtls *to)
{
    uint8_t out[1500];
    size_t n = weir_dtls_send(from, w.now, (struct weir_mspan){ out, sizeof out });
    hear(to, out, n);
    return n != 0;
}

static void drain(void)
{
    struct weir_dtls_event event;
    uint8_t out[1500];
    size_t n;
    for (unsigned i = 0; weir_dtls_event(&w.me, &event); i++) {
        if (i == 5 || (event.type == WEIR_DTLS_EVENT_CONNECTED && w.was_over)) {
            abort();
        }
    }
    for (unsigned i = 0; (n = weir_dtls_send(&w.me, w.now, (struct weir_mspan){ out, sizeof out }))
                         != 0; i++) {
        if (i == 64 || n > w.me.config.mtu) {
            abort(); /* a flight has an end */
        }
        hear(&w.peer, out, n);
    }
}

static void op_recv(void)
{
    struct weir_rd bytes;
    if (!weir_rd_sub16(&w.in, &bytes)) {
        bytes = w.in;
        w.in.n = 0;
    }
    uint8_t *copy = malloc(bytes.n == 0 ? 1 : bytes.n);
    if (copy != NULL) {
        weir_copy(copy, bytes.p, bytes.n);
        hear(&w.me, copy, bytes.n);
        free(copy);
    }
}

static void op_fingerprints(uint8_t which)
{
    struct weir_dtls_fingerprint f = { .hash = (enum weir_hash_id)(which % WEIR_HASH_COUNT) };
    memcpy(f.bytes, w.me.peer.sha256, 32);
    f.bytes[0] ^= which >> 7;
    (void)!weir_dtls_set_fingerprints(&w.me, w.now, &f, 1);
}

static void step(uint8_t op)
{
    static struct world kept;
    uint8_t arg = 0, buf[300];
    w.path = op / 10 % 3;
    switch (op % 10) {
    case 0:
        op_recv();
        break;
    case 1:
        w.now = weir_dtls_deadline(&w.me) == WEIR_NEVER ? w.now : weir_dtls_deadline(&w.me);
        weir_dtls_tick(&w.me, w.now);
        break;
    case 2:
        (void)!weir_rd_u8(&w.in, &arg);
        w.now += arg * WEIR_MS;
        weir_dtls_tick(&w.me, w.now);
        break;
    case 3:
        (void)!weir_rd_u8(&w.in, &arg);
        op_fingerprints(arg);
        break;
    case 4:
        weir_dtls_close(&w.me, w.now);
        break;
    case 5:
        (void)!weir_rd_u8(&w.in, &arg);
        (void)!weir_dtls_seal(&w.me, (struct weir_mspan){ buf, sizeof buf }, weir_dtls_head_bytes(&w.me), arg);
        break;
    case 6:
        (void)!weir_dtls_export(&w.me, "EXTRACTOR-dtls_srtp", (struct weir_mspan){ buf, 60 });
        break;
    case 7:
        kept = w;
        w = kept;
        break;
    case 9:
        (void)!weir_rd_u8(&w.in, &arg);
        (void)!weir_dtls_update_keys(&w.me, (arg & 1) != 0);
        if ((arg & 2) != 0) {
            weir_dtls_set_path(&w.me, arg / 4 % 3);
        }
        if ((arg & 0x80) != 0 && w.taken == WEIR_NO_BLOCK) {
            w.taken = weir_arena_lease(&w.room.arena);
        } else if ((arg & 0x80) != 0) {
            weir_arena_put(&w.room.arena, w.taken);
            w.taken = WEIR_NO_BLOCK;
        }
        break;
    default:
        (void)!pass(&w.peer, &w.me);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t start, op;
    memset(&w, 0, sizeof w);
    w.in = weir_rd_of(weir_span_of(data, n));
    if (!weir_rd_u8(&w.in, &start)) {
        return 0;
    }
    feed_room_init(&w.room);
    w.taken = WEIR_NO_BLOCK;
    feed_init(&w.me, &w.room.arena, (start & 1) != 0, false, 1);
    feed_init(&w.peer, &w.room.arena, (start & 1) == 0, false, 2);
    if ((start & 0x40) != 0) {
        w.me.config.version_max = WEIR_DTLS_1_2;
    }
    if ((start & 0x10) != 0) {
        enum weir_dtls_rrc_kind rrc = (start & 0x20) != 0 ? WEIR_DTLS_RRC_ENHANCED : WEIR_DTLS_RRC_BASIC;
        feed_ids(&w.me, 4, rrc);
        feed_ids(&w.peer, 4, rrc);
    }
    if ((start & 0x30) == 0x20) {
        feed_tickets(&w.me, feed_session(false));
        feed_tickets(&w.peer, feed_session(false));
    }
    plan_of(&w.me)->requires_cookie = plan_of(&w.peer)->requires_cookie = (start & 0x80) != 0;
    (void)!weir_dtls_start(&w.me, w.now);
    (void)!weir_dtls_start(&w.peer, w.now);
    for (unsigned i = 0; i < (start >> 1) % 8u; i++) {
        (void)!(i % 2 == (start & 1u) ? pass(&w.peer, &w.me) : pass(&w.me, &w.peer));
    }
    for (unsigned i = 0; i < 400 && weir_rd_u8(&w.in, &op); i++) {
        step(op);
        drain();
        feed_check(&w.me);
        bool is_over = w.me.state == WEIR_DTLS_CLOSED || w.me.state == WEIR_DTLS_FAILED;
        if (w.was_over && !is_over) {
            abort(); /* the end is the end */
        }
        w.was_over = is_over;
    }
    return 0;
}
