/* Two honest ends over a path that the input rules: [mode] then one byte per datagram, 0 pass, 1 drop,
 * 2 twice, 3 swap with the next, 4 flip a bit, 5 cut short, 6 tear off the first record. When the input
 * is used up the path is good: unless bytes were changed, both must connect with the same keys. Mode
 * bit 0: real crypto; every fifth mode: 1.2 alone; every seventh: a cookie; every third: connection ids; every fourth: a session
 * that is resumed. */
#include "fuzz/dtls_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct weir_dtls end[2];
static struct feed_room room;
static weir_time now;
static struct weir_rd in;
static bool is_changed;

/* Bytes of the first record, if it is a whole one. */
static size_t first_record(unsigned to, const uint8_t *p, size_t n)
{
    bool is_unified = (p[0] & UNIFIED_MASK) == UNIFIED_FIXED;
    size_t id = is_unified ? (p[0] & UNIFIED_CID) : p[0] == CONTENT_TLS12_CID;
    size_t head = (is_unified ? 5u : 13u) + (id != 0 ? end[to].config.cid_bytes : 0u);
    return head <= n ? head + weir_be16(p + head - 2) : n;
}

/* What is swapped waits here for the next datagram of its direction. */
static struct {
    size_t n;
    uint8_t bytes[1500];
} waiting[2];

static void hear(unsigned to, const uint8_t *p, size_t n)
{
    uint8_t copy[1500];
    struct weir_mspan datagram = { copy, n };
    memcpy(copy, p, n);
    while (datagram.n != 0) {
        struct weir_span plain;
        (void)weir_dtls_recv(&end[to], now, &datagram, &plain);
    }
    feed_check(&end[to]);
}

static void carry(unsigned to, uint8_t *p, size_t n)
{
    uint8_t what = 0, where = 0;
    (void)!weir_rd_u8(&in, &what);
    switch (what % 7) {
    case 1:
        return;
    case 2:
        hear(to, p, n);
        break;
    case 3:
        if (waiting[to].n == 0) {
            memcpy(waiting[to].bytes, p, n);
            waiting[to].n = n;
            return;
        }
        break;
    case 4:
        (void)!weir_rd_u8(&in, &where);
        p[where * 7u % n] ^= (uint8_t)(1u << where % 8);
        is_changed = true;
        break;
    case 5:
        (void)!weir_rd_u8(&in, &where);
        n -= where % n;
        break;
    case 6: {
        size_t first = first_record(to, p, n);
        p += first < n ? first : 0;
        n -= first < n ? first : 0;
        break;
    }
    default:
        break;
    }
    hear(to, p, n);
    if (waiting[to].n != 0) {
        hear(to, waiting[to].bytes, waiting[to].n);
        waiting[to].n = 0;
    }
}

static void drain(void)
{
    for (unsigned i = 0, idle = 0; i < 400 && idle < 2; i++) {
        uint8_t out[1500];
        unsigned from = i % 2;
        size_t n = weir_dtls_send(&end[from], now, (struct weir_mspan){ out, sizeof out });
        idle = n == 0 ? idle + 1 : 0;
        if (n != 0) {
            carry(1 - from, out, n);
        }
    }
}

static bool is_up(void)
{
    return end[0].step == STEP_DONE && end[1].step == STEP_DONE;
}

static void check_keys(void)
{
    uint8_t random[32], secret[2][WEIR_DTLS_SECRET_MAX];
    bool is_13 = end[0].version == VERSION_1_3;
    for (unsigned i = 0; i < WEIR_DTLS_SECRETS; i++) {
        enum weir_dtls_secret which = (enum weir_dtls_secret)i;
        size_t n[2] = { 0, 0 };
        bool is_wanted = is_13 == (which != WEIR_DTLS_SECRET_MASTER);
        if (weir_dtls_keylog(&end[0], which, random, secret[0], &n[0]) != is_wanted
            || weir_dtls_keylog(&end[1], which, random, secret[1], &n[1]) != is_wanted
            || n[0] != n[1] || memcmp(secret[0], secret[1], n[0]) != 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t mode = 0;
    in = weir_rd_of(weir_span_of(data, n < 200 ? n : 200));
    now = 0;
    is_changed = false;
    memset(waiting, 0, sizeof waiting);
    (void)!weir_rd_u8(&in, &mode);
    feed_room_init(&room);
    feed_init(&end[0], &room.arena, true, (mode & 1) != 0, 1);
    feed_init(&end[1], &room.arena, false, (mode & 1) != 0, 2);
    end[0].config.mtu = end[1].config.mtu = (uint16_t)(128 + (mode >> 1) * 10u);
    /* Long input may lose as much as it likes: time to recover is counted from its end. */
    end[0].config.give_up = end[1].config.give_up = 1000 * WEIR_SEC;
    if (mode % 5 == 0) {
        end[mode / 5 % 2].config.version_max = WEIR_DTLS_1_2;
    }
    if (mode % 3 == 1) {
        feed_ids(&end[0], 4, WEIR_DTLS_RRC_BASIC);
        feed_ids(&end[1], (uint8_t)(mode % 21), WEIR_DTLS_RRC_ENHANCED);
    }
    if (mode % 4 == 3) {
        feed_tickets(&end[0], feed_session((mode & 1) != 0));
        feed_tickets(&end[1], NULL);
    }
    plan_of(&end[1])->requires_cookie = mode % 7 == 0;
    (void)!weir_dtls_start(&end[0], now);
    drain();
    for (unsigned i = 0; i < 400 && !is_up(); i++) {
        weir_time next = weir_time_min(weir_dtls_deadline(&end[0]), weir_dtls_deadline(&end[1]));
        if (next == WEIR_NEVER) {
            break;
        }
        now = next;
        weir_dtls_tick(&end[0], now);
        weir_dtls_tick(&end[1], now);
        drain();
    }
    if (is_up() && end[0].state != WEIR_DTLS_FAILED && end[1].state != WEIR_DTLS_FAILED) {
        check_keys();
        bool is_resumable = mode % 4 == 3 && mode % 5 != 0;
        if (weir_dtls_is_resumed(&end[0]) != weir_dtls_is_resumed(&end[1])
            || (!is_changed && weir_dtls_is_resumed(&end[0]) != is_resumable)) {
            abort();
        }
    } else if (!is_changed) {
        abort();
    }
    return 0;
}
