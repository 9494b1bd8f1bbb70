/* A whole peer, connected to another in memory with null crypto for depth, fed with invented datagrams
 * on its validated path, and when their number is odd on others: it has a connection id then. */
#include <stdlib.h>
#include <string.h>

#include "peer/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define BUFFERS 1024

static struct weir_peer peer[2], connected[2];
static struct weir_peer_rtp rtp[2], connected_rtp[2];
static struct weir_peer_scratch scratch;
static struct weir_ice_room room[2], connected_room[2];
static struct weir_buf *bufs, *connected_bufs;
static struct weir_pool pool, connected_pool;
static struct weir_dtls_handshake handshake[2], connected_handshake[2];
static struct weir_arena handshakes, connected_handshakes;
static struct weir_identity identity;
static struct weir_crypto crypto;
static struct weir_addr addr[2];
static uint8_t assembly[262144];
static weir_time now = 1000000;

static void carry(void)
{
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 2; i++) {
            uint8_t out[1500];
            struct weir_path to;
            struct weir_event e;
            size_t len;
            weir_peer_tick(&peer[i], now);
            while ((len = weir_peer_send(&peer[i], now, (struct weir_mspan){ out, sizeof out }, &to))
                   != 0) {
                struct weir_packet k = { .data = out, .len = len, .at = now,
                                         .path = { addr[1 - i], addr[i] } };
                (void)weir_peer_recv(&peer[1 - i], now, &k);
            }
            while (weir_peer_event(&peer[i], now, &e)) {
            }
        }
        now += 1000;
    }
}

static void connect_once(void)
{
    static uint8_t text[2][WEIR_PEER_SDP_MAX];
    struct weir_wr offer = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    struct weir_wr answer = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
    const struct weir_sctp_channel_config channel = { .label = WEIR_LIT("fuzz") };
    struct weir_sdp_error error;
    uint16_t index;
    uint8_t media;
    struct weir_rand rand;
    weir_rand_init_number(&rand, 1);
    weir_crypto_null(&crypto, weir_crypto_default());
    bufs = aligned_alloc(64, weir_pool_bytes(BUFFERS));
    connected_bufs = aligned_alloc(64, weir_pool_bytes(BUFFERS));
    memset(bufs, 0, weir_pool_bytes(BUFFERS));
    weir_pool_init(&pool, bufs, BUFFERS);
    weir_arena_init(&handshakes, handshake, sizeof handshake[0], 2);
    if (!crypto.identity_make(&identity, &rand, 0, 1)) {
        abort();
    }
    struct weir_span cert = { identity.cert, identity.cert_bytes };
    weir_hash_of(&crypto, WEIR_SHA256, &cert, 1, identity.fingerprint_sha256);
    for (int i = 0; i < 2; i++) {
        weir_ice_room_init(&room[i]);
        struct weir_peer_config c = { .crypto = &crypto, .identity = &identity,
                                      .dtls_handshakes = &handshakes,
                                      .ice_pages = &room[i].pages, .ice_setups = &room[i].setups,
                                      .assembly = { assembly, sizeof assembly },
                                      .rtp_blocks = rtp, .rtp_block = (uint32_t)i, .scratch = &scratch };
        c.seed[0] = (uint8_t)i;
        addr[i] = weir_addr_v4(10, 0, 0, (uint8_t)(1 + i), 2000);
        weir_peer_init(&peer[i], &c, &pool, now);
        (void)!weir_peer_add_local(&peer[i], now, &addr[i]);
    }
    if (weir_peer_add_media(&peer[0], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media) != WEIR_OK
        || weir_peer_open_channel(&peer[0], now, &channel, &index) != WEIR_OK
        || weir_peer_create_offer(&peer[0], now, &offer) != WEIR_OK
        || weir_peer_set_remote(&peer[1], now, true, weir_span_of(text[0], offer.len), &error) != WEIR_OK
        || weir_peer_create_answer(&peer[1], now, &answer) != WEIR_OK
        || weir_peer_set_remote(&peer[0], now, false, weir_span_of(text[1], answer.len), &error)
               != WEIR_OK) {
        abort();
    }
    carry();
    if (peer[1].state != WEIR_PEER_CONNECTED) {
        abort();
    }
    memcpy(connected, peer, sizeof peer);
    memcpy(connected_handshake, handshake, sizeof handshake);
    connected_handshakes = handshakes;
    memcpy(connected_rtp, rtp, sizeof rtp);
    memcpy(connected_room, room, sizeof room);
    memcpy(connected_bufs, bufs, weir_pool_bytes(BUFFERS));
    connected_pool = pool;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (bufs == NULL) {
        connect_once();
    }
    /* Structures without inner pointers: a copy is the connected state again. */
    memcpy(peer, connected, sizeof peer);
    memcpy(handshake, connected_handshake, sizeof handshake);
    handshakes = connected_handshakes;
    memcpy(rtp, connected_rtp, sizeof rtp);
    memcpy(room, connected_room, sizeof room);
    memcpy(bufs, connected_bufs, weir_pool_bytes(BUFFERS));
    pool = connected_pool;
    weir_time at = now;
    bool has_id = n % 2 != 0;
    if (has_id) {
        peer[1].dtls.config.has_cid = true;
        peer[1].dtls.cid.state = 1; /* CID_AGREED */
        peer[1].config.cid_bytes = peer[1].dtls.config.cid_bytes = 2;
    }
    for (size_t i = 0; i < n;) {
        size_t len = (size_t)data[i++] * 6;
        len = len > n - i ? n - i : len;
        uint8_t *copy = malloc(len + 1), out[1500];
        struct weir_path to;
        struct weir_event e;
        memcpy(copy, data + i, len);
        struct weir_packet k = { .data = copy, .len = len, .at = at, .path = { addr[1], addr[0] } };
        k.path.remote.port = (uint16_t)(k.path.remote.port + (has_id ? len / 6 % 4 : 0));
        (void)weir_peer_recv(&peer[1], at, &k);
        while (weir_peer_event(&peer[1], at, &e)) {
        }
        for (int sent = 0; weir_peer_send(&peer[1], at, (struct weir_mspan){ out, sizeof out }, &to) != 0;
             sent++) {
            if (sent == 2000) {
                abort(); /* one datagram must not make a flood */
            }
        }
        free(copy);
        at += 20000;
        weir_peer_tick(&peer[1], at);
        i += len;
    }
    return 0;
}
