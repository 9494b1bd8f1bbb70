/* Offer and answer in any order, with invented descriptions, against a peer that may be connected to an honest
 * one; and taken back. The input is operations with a zero between them: a byte that says which, then its text.
 * Whatever happens, the tables keep their bounds, the machines their rules, and every buffer comes back. */
#include <stdlib.h>
#include <string.h>

#include "peer/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define BUFFERS 512

static struct weir_peer peer[2];
static struct weir_peer_rtp rtp[2];
static struct weir_pool pool;
static struct weir_dtls_handshake handshake[2];
static struct weir_arena handshakes;
static struct weir_buf *bufs;
static struct weir_identity identity[2];
static struct weir_crypto crypto;
static struct weir_addr addr[2];
static struct weir_peer_scratch scratch;
static struct weir_ice_room room[2];
static uint8_t assembly[262144], text[2][WEIR_PEER_SDP_MAX];
static weir_time now;

static void begin_once(void)
{
    struct weir_rand rand;
    if (bufs != NULL) {
        return;
    }
    weir_rand_init_number(&rand, 1);
    weir_crypto_null(&crypto, weir_crypto_default());
    bufs = aligned_alloc(64, weir_pool_bytes(BUFFERS));
    memset(bufs, 0, weir_pool_bytes(BUFFERS));
    for (int i = 0; i < 2; i++) {
        if (!crypto.identity_make(&identity[i], &rand, 0, 1)) {
            abort();
        }
        struct weir_span cert = { identity[i].cert, identity[i].cert_bytes };
        weir_hash_of(&crypto, WEIR_SHA256, &cert, 1, identity[i].fingerprint_sha256);
    }
}

static void begin(void)
{
    begin_once();
    now = 1000000;
    weir_pool_init(&pool, bufs, BUFFERS);
    weir_arena_init(&handshakes, handshake, sizeof handshake[0], 2);
    for (int i = 0; i < 2; i++) {
        weir_ice_room_init(&room[i]);
        struct weir_peer_config c = { .crypto = &crypto, .identity = &identity[i], .scratch = &scratch,
                                      .dtls_handshakes = &handshakes,
                                      .ice_pages = &room[i].pages, .ice_setups = &room[i].setups,
                                      .assembly = { assembly, sizeof assembly },
                                      .rtp_blocks = rtp, .rtp_block = (uint32_t)i };
        c.seed[0] = (uint8_t)i;
        addr[i] = weir_addr_v4(10, 0, 0, (uint8_t)(1 + i), 1000);
        weir_peer_init(&peer[i], &c, &pool, now);
        (void)!weir_peer_add_local(&peer[i], now, &addr[i]);
    }
}

static void carry(unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        for (int i = 0; i < 2; i++) {
            uint8_t out[1500];
            struct weir_path to;
            struct weir_event e;
            size_t len;
            weir_peer_tick(&peer[i], now);
            while ((len = weir_peer_send(&peer[i], now, (struct weir_mspan){ out, sizeof out }, &to)) != 0) {
                struct weir_packet k = { .data = out, .len = len, .at = now,
                                         .path = { addr[1 - i], addr[i] } };
                (void)weir_peer_recv(&peer[1 - i], now, &k);
            }
            while (weir_peer_event(&peer[i], now, &e)) {
            }
        }
        now += 5000;
    }
}

/* An honest round; either side may be in a state that forbids it. */
static void negotiate(int from)
{
    struct weir_sdp_error error;
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    if (weir_peer_create_offer(&peer[from], now, &offer) == WEIR_OK
        && weir_peer_set_remote(&peer[1 - from], now, true, weir_span_of(text[0], offer.len), &error)
               == WEIR_OK
        && weir_peer_create_answer(&peer[1 - from], now, &answer) == WEIR_OK) {
        (void)!weir_peer_set_remote(&peer[from], now, false, weir_span_of(text[1], answer.len), &error);
    }
}

static void change_media(struct weir_span s)
{
    uint8_t media, what = s.n == 0 ? 0 : s.p[0];
    enum weir_sdp_direction direction = (enum weir_sdp_direction)(what >> 2 & 3);
    if ((what & 3) == 0) {
        (void)!weir_peer_add_media(&peer[0], WEIR_SDP_VIDEO, direction, &media);
    } else if ((what & 3) == 1) {
        (void)!weir_peer_stop_media(&peer[0], what >> 4);
    } else {
        (void)!weir_peer_set_direction(&peer[0], what >> 4, direction);
    }
}

/* What waits is taken back, by either side; or the two meet; or one looks first, and nothing has changed. */
static void take_back(uint8_t what, struct weir_span s)
{
    static struct weir_peer was;
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr other = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    struct weir_sdp_error error;
    switch (what % 6) {
    case 0:
        (void)!weir_peer_rollback(&peer[0], now);
        break;
    case 1:
        (void)!weir_peer_rollback(&peer[1], now);
        break;
    case 2:
        weir_peer_set_polite(&peer[0], s.n == 0);
        weir_peer_set_polite(&peer[1], s.n != 0);
        break;
    case 3:
        if (weir_peer_create_offer(&peer[0], now, &w) == WEIR_OK
            && weir_peer_create_offer(&peer[1], now, &other) == WEIR_OK) {
            (void)!weir_peer_set_remote(&peer[0], now, true, weir_span_of(text[1], other.len), &error);
            (void)!weir_peer_set_remote(&peer[1], now, true, weir_span_of(text[0], w.len), &error);
        }
        break;
    case 4:
        memcpy(&was, &peer[0], sizeof was);
        w.cap = s.n % 2 != 0 ? s.n * 16 : w.cap;
        (void)!weir_peer_preview_offer(&peer[0], now, &w);
        if (memcmp(&was, &peer[0], sizeof was) != 0) {
            abort();
        }
        break;
    default:
        (void)!weir_peer_add_candidate_of(&peer[0], now, s, weir_ice_ufrag(&peer[1].ice));
        break;
    }
}

static void operate(uint8_t what, struct weir_span s)
{
    struct weir_sdp_error error;
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    const struct weir_sctp_channel_config channel = { .label = WEIR_LIT("fuzz") };
    uint16_t index;
    if (what >= 200) {
        take_back(what, s);
        return;
    }
    switch (what % 10) {
    case 0:
        (void)!weir_peer_set_remote(&peer[0], now, true, s, &error);
        break;
    case 1:
        (void)!weir_peer_create_answer(&peer[0], now, &w);
        break;
    case 2:
        (void)!weir_peer_create_offer(&peer[0], now, &w);
        break;
    case 3:
        (void)!weir_peer_set_remote(&peer[0], now, false, s, &error);
        break;
    case 4:
        change_media(s);
        break;
    case 5:
        weir_peer_restart_ice(&peer[0]);
        if (s.n != 0) {
            weir_peer_renew(&peer[0]);
        }
        break;
    case 6:
        carry(20);
        break;
    case 7:
        (void)!weir_peer_open_channel(&peer[0], now, &channel, &index);
        break;
    case 8:
        negotiate(0);
        break;
    default:
        negotiate(1);
        break;
    }
}

static void check(void)
{
    for (int i = 0; i < 2; i++) {
        const struct weir_peer *p = &peer[i];
        bool is_good = weir_ice_check(&p->ice) && weir_sctp_check(&p->sctp)
                       && p->medias <= p->media_cells && p->media_cells <= WEIR_PEER_MEDIA_MAX
                       && (p->media_cells == p->medias || p->signalling == WEIR_HAVE_REMOTE_OFFER)
                       && p->names <= WEIR_PEER_NAMES_MAX
                       && (p->offer_bytes != 0) == (p->signalling == WEIR_HAVE_REMOTE_OFFER)
                       && weir_ice_is_held(&p->ice) == (p->signalling != WEIR_STABLE)
                       && (!p->pending.has_undo || p->signalling == WEIR_HAVE_REMOTE_OFFER)
                       && (!p->is_dtls_held || p->signalling != WEIR_STABLE);
        for (unsigned m = 0; m < p->medias; m++) {
            const struct weir_media *media = weir_peer_media_at(p, m);
            is_good = is_good && media->mid_bytes <= WEIR_SDP_MID_MAX
                      && media->codecs <= WEIR_PEER_CODECS_MAX
                      && media->remote_ssrcs <= WEIR_PEER_SSRCS_MAX
                      && !(media->is_accepted && media->is_free);
        }
        if (!is_good) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    unsigned operations = 0;
    begin();
    while (n != 0 && operations++ < 40) {
        const uint8_t *end = memchr(data, 0, n);
        size_t len = end == NULL ? n : (size_t)(end - data);
        if (len != 0) {
            operate(data[0], weir_span_of(data + 1, len - 1));
            check();
        }
        data += len + (end != NULL ? 1 : 0);
        n -= len + (end != NULL ? 1 : 0);
    }
    carry(10);
    check();
    for (int i = 0; i < 2; i++) {
        weir_peer_deinit(&peer[i]);
    }
    if (pool.free_count != pool.count) {
        abort();
    }
    return 0;
}
