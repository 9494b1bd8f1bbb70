/* Two associations over a network that the input drives: each byte decides about the next packet
 * (carry, drop, duplicate, delay, flip a bit with the checksum made right again) or makes an end do
 * something. Whatever happens, invariants hold; when nothing was flipped, what arrives reliably is
 * what was sent, in order. */
#include "fuzz/sctp_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { QUEUE = 64, BUFS = 256 };

struct end {
    struct weir_sctp s;
    struct weir_pool pool;
    struct weir_buf *bufs;
    uint8_t queue[QUEUE][WEIR_MTU]; /* packets on the way to this end */
    size_t bytes[QUEUE];
    unsigned count;
    uint8_t sent, got;              /* reliable ordered messages, numbered */
};

static struct end ends[2];
static weir_time now;
static bool is_clean;

static void begin(void)
{
    now = 1000 * WEIR_SEC;
    is_clean = true;
    for (unsigned i = 0; i < 2; i++) {
        struct weir_sctp_config c;
        struct weir_buf *bufs = ends[i].bufs;
        memset(&ends[i].s, 0, sizeof ends[i].s);
        ends[i].count = 0;
        ends[i].sent = 0;
        ends[i].got = 0;
        ends[i].bufs = bufs != NULL ? bufs : aligned_alloc(64, weir_pool_bytes(BUFS));
        weir_pool_init(&ends[i].pool, ends[i].bufs, BUFS);
        weir_sctp_config_default(&c, weir_crypto_default());
        c.seed[0] = (uint8_t)(1 + i);
        c.rx_bytes_max = 80 * 1024;
        c.tx_bytes_max = 120 * 1024;
        weir_sctp_init(&ends[i].s, &c, &ends[i].pool, now);
        weir_sctp_set_dtls_role(&ends[i].s, now, i == 0);
        (void)!weir_sctp_connect(&ends[i].s, now);
    }
    /* One channel that both agreed on carries the numbered messages. */
    for (unsigned i = 0; i < 2; i++) {
        struct weir_sctp_channel_config c = { 0 };
        uint16_t channel;
        c.is_negotiated = true;
        c.id = 100;
        (void)!weir_sctp_channel_open(&ends[i].s, now, &c, &channel);
    }
}

static void take(struct end *e)
{
    struct weir_sctp_event ev;
    struct weir_sctp_message m;
    while (weir_sctp_event(&e->s, &ev)) {
    }
    while (weir_sctp_read(&e->s, &m)) {
        uint32_t cursor = m.head;
        struct weir_span piece;
        if (m.stream == 100 && m.channel == 0 &&
            weir_sctp_message_piece(&e->s, &m, &cursor, &piece)) {
            if (is_clean && piece.p[0] != e->got) {
                abort(); /* lost, doubled or out of order */
            }
            e->got++;
        }
        weir_sctp_release(&e->s, now, &m);
    }
    if (!weir_sctp_check(&e->s)) {
        abort();
    }
}

static void collect(unsigned from)
{
    struct end *to = &ends[from ^ 1];
    while (to->count < QUEUE) {
        struct weir_mspan room = { to->queue[to->count], WEIR_MTU };
        size_t n = weir_sctp_send(&ends[from].s, now, room);
        if (n == 0) {
            break;
        }
        to->bytes[to->count++] = n;
    }
    take(&ends[from]);
}

static void drop(struct end *e, unsigned k)
{
    e->count--;
    memmove(e->queue[k], e->queue[k + 1], (e->count - k) * sizeof e->queue[0]);
    memmove(&e->bytes[k], &e->bytes[k + 1], (e->count - k) * sizeof e->bytes[0]);
}

static void deliver(unsigned i, unsigned k, bool keeps)
{
    struct end *e = &ends[i];
    if (k < e->count) {
        uint8_t *exact = malloc(e->bytes[k]);
        size_t n = e->bytes[k];
        memcpy(exact, e->queue[k], n);
        if (!keeps) {
            drop(e, k);
        }
        (void)weir_sctp_recv(&e->s, now, weir_span_of(exact, n));
        free(exact);
        take(e);
    }
}

static void flip(unsigned i, uint8_t where)
{
    struct end *e = &ends[i];
    if (e->count != 0) {
        size_t at = COMMON_HEADER_BYTES + (size_t)where % (e->bytes[0] - COMMON_HEADER_BYTES);
        e->queue[0][at] ^= (uint8_t)(1u << (where & 7));
        weir_put32(e->queue[0] + 8,
                   weir_sctp_packet_crc(NULL, weir_span_of(e->queue[0], e->bytes[0])));
        is_clean = false;
    }
}

static void speak(unsigned i, uint8_t how)
{
    static uint8_t bytes[6000];
    struct end *e = &ends[i];
    struct weir_sctp_channel_config c = { 0 };
    uint16_t channel;
    switch (how % 6) {
    case 0:
    case 1:
        bytes[0] = e->sent;
        if (weir_sctp_channel_send(&e->s, now, 0, weir_span_of(bytes, 1u + how * 20u), false) ==
            WEIR_OK) {
            e->sent++;
        }
        break;
    case 2:
        c.reliability = (enum weir_sctp_reliability)(how % 3);
        c.is_unordered = (how & 64) != 0;
        (void)!weir_sctp_channel_open(&e->s, now, &c, &channel);
        break;
    case 3:
        (void)!weir_sctp_channel_close(&e->s, now, 1 + how % 8);
        break;
    default:
        (void)!weir_sctp_channel_send(&e->s, now, 1 + how % 8, weir_span_of(bytes, how * 23u),
                                      true);
        break;
    }
}

static void step(uint8_t op, uint8_t arg)
{
    unsigned i = op & 1;
    collect(0);
    collect(1);
    switch (op >> 1 & 7) {
    case 0:
        deliver(i, 0, false);
        break;
    case 1:
        if (ends[i].count != 0) {
            drop(&ends[i], 0);
        }
        break;
    case 2:
        deliver(i, 0, true);
        break;
    case 3:
        deliver(i, arg % QUEUE, false);
        break;
    case 4:
        flip(i, arg);
        break;
    case 5:
        now += (weir_duration)arg * arg * 50;
        weir_sctp_tick(&ends[0].s, now);
        weir_sctp_tick(&ends[1].s, now);
        break;
    default:
        speak(i, arg);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    begin();
    for (size_t i = 0; i + 1 < n && i < 2000; i += 2) {
        step(data[i], data[i + 1]);
    }
    for (unsigned i = 0; i < 2; i++) {
        weir_sctp_release_all(&ends[i].s);
        if (ends[i].pool.free_count != BUFS) {
            abort();
        }
    }
    return 0;
}
