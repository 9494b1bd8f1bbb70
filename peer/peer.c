/* One connection: the verbs, and how the machines drive each other.
 *
 *   in    ICE says which paths are good; DTLS and SRTP are taken from those alone, but for DTLS with our
 *         connection id; what DTLS opens is SCTP; what SRTP opens is media or RTCP.
 *   up    a valid pair starts DTLS; DTLS gives SRTP its keys and starts SCTP.
 *   out   by one door, one after the other: peer_door.c.
 */
#include "peer/peer_int.h"

const char *weir_peer_state_name(enum weir_peer_state s)
{
    static const char *const name[] = { "new",          "connecting", "connected",
                                        "disconnected", "failed",     "closed" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_PEER_STATES, "every state has a name");
    return (unsigned)s < WEIR_PEER_STATES ? name[s] : "?";
}

const char *weir_peer_reason_name(enum weir_peer_reason r)
{
    static const char *const name[] = { "none",           "no-pair",    "consent",
                                        "dtls-timeout",   "dtls-alert", "dtls-fingerprint",
                                        "dtls-message",   "dtls-forgeries" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_PEER_REASONS, "every reason has a name");
    return (unsigned)r < WEIR_PEER_REASONS ? name[r] : "?";
}

const char *weir_peer_verdict_name(enum weir_peer_verdict v)
{
    static const char *const name[] = { "ok",   "empty", "class", "stun", "path",  "dtls", "sctp",
                                        "early", "srtp", "rtp",   "rtcp", "media", "over" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_PEER_VERDICTS, "every verdict has a name");
    return (unsigned)v < WEIR_PEER_VERDICTS ? name[v] : "?";
}

/* -- Beginning and end ------------------------------------------------------------------------- */

static void init_ice(struct weir_peer *p, weir_time now)
{
    struct weir_ice_config c = { .crypto = p->config.crypto, .ufrag_first = p->config.ufrag_first,
                                 .is_lite = p->config.is_lite, .allows = p->config.allows,
                                 .meter = p->config.meter, .pages = p->config.ice_pages,
                                 .setups = p->config.ice_setups, .txid_key = p->config.txid_key,
                                 .txid_tag = p->config.txid_tag,
                                 .has_txid_tag = p->config.has_txid_tag,
                                 .trace = p->config.trace,
                                 .conn = p->config.conn };
    weir_rand_bytes(&p->rand, c.seed, sizeof c.seed);
    weir_ice_init(&p->ice, &c, now);
    weir_wipe(&c, sizeof c);
}

void weir_peer_init_sctp(struct weir_peer *p, weir_time now)
{
    struct weir_sctp_config c;
    weir_sctp_config_default(&c, p->config.crypto);
    c.trace = p->config.trace;
    c.conn = p->config.conn;
    c.local_port = c.remote_port = PEER_SCTP_PORT;
    c.mtu = PEER_SCTP_MTU;
    c.has_channels = true;
    c.rx_bytes_max = p->config.rx_bytes_max != 0 ? p->config.rx_bytes_max : c.rx_bytes_max;
    c.tx_bytes_max = p->config.tx_bytes_max != 0 ? p->config.tx_bytes_max : c.tx_bytes_max;
    c.account = p->account;
    c.message_max_local = p->config.max_message_size;
    if (p->config.channel_wait != 0) {
        c.channel_wait = p->config.channel_wait != WEIR_NEVER ? p->config.channel_wait : 0;
    }
    memcpy(c.seed, p->sctp_seed, sizeof c.seed);
    weir_sctp_init(&p->sctp, &c, p->pool, now);
    weir_wipe(&c, sizeof c);
}

/* The SDES name is in descriptions of data, too. */
static void init_rtp(struct weir_peer *p, weir_time now)
{
    struct weir_rtcp_config c = { .trace = p->config.trace, .conn = p->config.conn,
                                  .ntp_at_epoch = p->config.ntp_at_epoch,
                                  .is_avpf = true }; /* [RFC 8829 5.1.2] whatever the profile's name */
    weir_rand_text(&p->rand, p->cname, 16);
    memcpy(c.cname, p->cname, sizeof c.cname);
    weir_rand_bytes(&p->rand, c.seed, sizeof c.seed);
    if (!p->config.is_data_only) {
        memset(rtp_of(p), 0, sizeof *rtp_of(p));
        weir_rtcp_init(&rtp_of(p)->rtcp, &c, now);
        weir_rtcp_history_init(&rtp_of(p)->history, p->account);
        rtp_of(p)->sent.next = (uint32_t)weir_rand_u64(&p->rand); /* a stamp of another's is not ours */
    }
    weir_wipe(&c, sizeof c);
}

static void init_timeline(struct weir_peer *p, weir_time now)
{
    struct weir_peer_timeline never = { now,        WEIR_NEVER, WEIR_NEVER, WEIR_NEVER,
                                        WEIR_NEVER, WEIR_NEVER, WEIR_NEVER, WEIR_NEVER,
                                        WEIR_NEVER, WEIR_NEVER, WEIR_NEVER, WEIR_NEVER };
    p->timeline = never;
}

void weir_peer_init(struct weir_peer *p, const struct weir_peer_config *config, struct weir_pool *pool,
                    weir_time now)
{
    memset(p, 0, sizeof *p);
    p->config = *config;
    p->config.is_data_only = p->config.is_data_only || p->config.rtp_blocks == NULL;
    p->pool = pool;
    p->account = weir_account_open(pool, config->tag);
    if (p->config.max_message_size == 0) {
        p->config.max_message_size = PEER_MESSAGE_MAX;
    }
    if (p->config.sections_max == 0 || p->config.sections_max > WEIR_PEER_MEDIA_MAX) {
        p->config.sections_max = WEIR_PEER_MEDIA_MAX;
    }
    if (p->config.description_max == 0 || p->config.description_max > WEIR_SDP_BYTES_MAX) {
        p->config.description_max = WEIR_SDP_BYTES_MAX;
    }
    p->data_until = p->door.open_at = WEIR_NEVER;
    p->door.data.burst = PEER_DATA_BURST;
    p->offer_head = p->debts = WEIR_NO_CELL;
    memset(p->media, 0xff, sizeof p->media); /* WEIR_NO_CELL */
    memset(p->name, 0xff, sizeof p->name);
    weir_rand_init(&p->rand, config->seed);
    weir_wipe(p->config.seed, sizeof p->config.seed);
    struct weir_wr id = weir_wr_of((struct weir_mspan){ (uint8_t *)p->session_id,
                                                        sizeof p->session_id });
    weir_wr_dec(&id, weir_rand_u64(&p->rand) >> 2);
    p->session_id_bytes = (uint8_t)weir_wr_done(&id);
    init_timeline(p, now);
    init_ice(p, now);
    weir_peer_embed_begin(p);
    weir_rand_bytes(&p->rand, p->sctp_seed, sizeof p->sctp_seed);
    weir_peer_init_sctp(p, now);
    weir_peer_snap_begin(p);
    init_rtp(p, now);
    weir_rand_text(&p->rand, p->tls_id, sizeof p->tls_id);
}

static void drop_left(struct weir_peer *p)
{
    if (p->has_left) {
        weir_rope_put(p->pool, p->account, p->left);
        p->has_left = false;
    }
}

/* The association that `reading` belongs to goes. What the application was given stays whole until it asks
 * for the next event; what it deferred is not given again. */
void weir_peer_leave_reading(struct weir_peer *p)
{
    if (p->is_reading) {
        drop_left(p);
        p->left = p->reading.head;
        p->has_left = true;
    }
    if (p->is_deferred) {
        drop_left(p);
    }
    p->is_reading = p->is_deferred = p->is_held = false;
}

void weir_peer_deinit(struct weir_peer *p)
{
    weir_peer_drop_offer(p);
    weir_peer_end_pending(p);
    weir_peer_rtp_forget(p);
    p->medias = 0;
    weir_peer_trim_media(p);
    weir_peer_forget_names(p);
    weir_peer_lite_end(p);
    weir_peer_leave_reading(p);
    drop_left(p);
    weir_ice_deinit(&p->ice);
    weir_sctp_release_all(&p->sctp);
    if (!p->config.is_data_only) {
        weir_rtcp_history_clear(&rtp_of(p)->history, p->pool);
        weir_wipe(rtp_of(p), sizeof *rtp_of(p));
    }
    if (p->account != WEIR_NO_ACCOUNT) {
        weir_index_clear(p->pool, p->account, &p->ended);
        weir_account_close(p->pool, p->account);
    }
    if (p->is_dtls_ready) {
        weir_dtls_deinit(&p->dtls);
    }
    weir_wipe(p, sizeof *p);
}

/* Buffers for so many runs of cells; none goes on in another buffer. */
static size_t runs_of(size_t runs, uint32_t cells)
{
    size_t each = WEIR_CELLS_PER_BUF / cells;
    return (runs + each - 1) / each * sizeof(struct weir_buf);
}

/* Sections, names, debts. */
static size_t runs_bytes(const struct weir_peer_config *config)
{
    size_t sections = config->sections_max == 0 ? WEIR_PEER_MEDIA_MAX : config->sections_max;
    return runs_of(sections, PEER_MEDIA_CELLS)
           + runs_of(config->is_lite ? 0 : WEIR_PEER_NAMES_MAX, PEER_NAME_CELLS)
           + runs_of(config->is_lite ? 1 : 0, PEER_DEBTS_CELLS);
}

size_t weir_peer_bytes(const struct weir_peer_config *config)
{
    struct weir_sctp_config c;
    weir_sctp_config_default(&c, config->crypto);
    size_t rx = config->rx_bytes_max == 0 ? c.rx_bytes_max : config->rx_bytes_max;
    size_t tx = config->tx_bytes_max == 0 ? c.tx_bytes_max : config->tx_bytes_max;
    uint32_t packet = weir_rope_cells(sizeof(struct weir_piece), WEIR_MTU + WEIR_RTCP_TAG_MAX);
    size_t history = config->is_data_only ? 0 : (size_t)WEIR_RTCP_HISTORY_MAX * packet * WEIR_CELL_BYTES;
    size_t offer = config->description_max == 0 ? WEIR_SDP_BYTES_MAX : config->description_max;
    offer += PEER_UNDO_BYTES;
    /* A cell of each buffer describes the others. */
    size_t in_pool = (rx + tx + history + offer) / WEIR_CELLS_PER_BUF * 32;
    size_t rtp = config->is_data_only ? 0 : sizeof(struct weir_peer_rtp);
    size_t setup = sizeof(struct weir_dtls_handshake) + sizeof(struct weir_ice_setup)
                   + WEIR_ICE_PAGES_MAX * sizeof(struct weir_ice_page);
    return sizeof(struct weir_peer) + setup + rtp + in_pool + runs_bytes(config) + sizeof(struct weir_buf);
}

enum weir_status weir_peer_add_local(struct weir_peer *p, weir_time now, const struct weir_addr *addr)
{
    bool is_loopback = weir_addr_is_loopback(addr);
    uint16_t preference = (uint16_t)((is_loopback ? 10000u : 65535u) - weir_ice_locals(&p->ice));
    return weir_ice_add_host(&p->ice, now, addr, preference);
}

enum weir_status weir_peer_set_stun_servers(struct weir_peer *p, const struct weir_addr *server,
                                            uint32_t servers)
{
    return weir_ice_set_servers(&p->ice, server, servers);
}

enum weir_status weir_peer_add_stun_server(struct weir_peer *p, weir_time now,
                                           const struct weir_addr *server)
{
    return weir_ice_add_server(&p->ice, now, server);
}

enum weir_status weir_peer_gather(struct weir_peer *p, weir_time now)
{
    enum weir_status status = weir_ice_gathering_done(&p->ice, now);
    weir_peer_progress(p, now);
    return status;
}

/* -- Messages ---------------------------------------------------------------------------------- */

static void release_reading(struct weir_peer *p, weir_time now)
{
    drop_left(p);
    if (p->is_reading && !p->is_deferred) {
        weir_sctp_release(&p->sctp, now, &p->reading);
        p->is_reading = false;
    }
}

/* The bytes of the message being read: in place when it is one piece, else gathered. */
static bool message_bytes(struct weir_peer *p, struct weir_span *out)
{
    const struct weir_sctp_message *m = &p->reading;
    uint32_t cursor = m->head;
    struct weir_span piece;
    *out = weir_span_of(NULL, 0);
    if (m->bytes == 0) {
        return true;
    }
    if (weir_sctp_message_piece(&p->sctp, m, &cursor, &piece) && piece.n == m->bytes) {
        *out = piece;
        return true;
    }
    out->p = p->config.assembly.p;
    out->n = weir_sctp_message_copy(&p->sctp, m, p->config.assembly);
    return out->n == m->bytes;
}

static bool next_message(struct weir_peer *p, weir_time now, struct weir_event *e)
{
    bool is_again = p->is_reading;
    if (p->is_held || p->state == WEIR_PEER_CLOSED) {
        return false;
    }
    while (is_again || weir_sctp_read(&p->sctp, &p->reading)) {
        is_again = false;
        p->is_reading = true;
        p->is_deferred = false;
        memset(e, 0, sizeof *e);
        e->type = WEIR_EVENT_CHANNEL_MESSAGE;
        e->channel = p->reading.channel;
        e->is_text = p->reading.is_text;
        if (p->reading.channel != WEIR_SCTP_NO_CHANNEL && message_bytes(p, &e->data)) {
            p->timeline.first_message = weir_time_min(p->timeline.first_message, now);
            return true;
        }
        release_reading(p, now);
    }
    return false;
}

void weir_peer_defer(struct weir_peer *p)
{
    p->is_deferred = p->is_held = p->is_reading;
}

void weir_peer_resume(struct weir_peer *p)
{
    p->is_held = false;
}

bool weir_peer_event(struct weir_peer *p, weir_time now, struct weir_event *e)
{
    release_reading(p, now);
    weir_peer_progress(p, now);
    return weir_peer_take_news(p, now, e) || next_message(p, now, e);
}

/* -- In: decrypt, analyse, deliver ------------------------------------------------------------- */

static bool is_inside(struct weir_span s, const struct weir_packet *k)
{
    return s.p >= k->data && (size_t)(s.p - k->data) <= k->len;
}

/* Handled, or handled before: the peer need not send it again. */
static bool is_taken(enum weir_dtls_verdict v)
{
    return v == WEIR_DTLS_OK || v == WEIR_DTLS_MESSAGE_OLD || v == WEIR_DTLS_RECORD_REPLAYED;
}

/* A datagram may hold several records. The last data stays in the item for its stage; data before it,
 * or data that DTLS had kept itself, is handled at once, in order. */
static enum weir_peer_verdict decrypt_dtls(struct weir_peer *p, weir_time now, struct weir_item *item,
                                           struct weir_mspan datagram, uint32_t path)
{
    bool is_embedding = weir_ice_embed_is_on(&p->ice), is_data = false, is_all_taken = true;
    uint32_t mark = is_embedding ? weir_ice_embed_mark(weir_span_const(datagram)) : 0;
    enum weir_dtls_verdict v = WEIR_DTLS_OVER;
    while (datagram.n != 0) {
        struct weir_span plain = { NULL, 0 };
        size_t before = datagram.n;
        v = weir_dtls_recv_by(&p->dtls, now, path, &datagram, &plain);
        is_all_taken &= is_taken(v);
        is_data |= plain.n != 0;
        if (plain.n != 0 || path == PEER_PATH_OTHER) {
            weir_peer_take_dtls_events(p, now); /* the handshake may have ended in the record before */
        }
        if (plain.n != 0 && (datagram.n != 0 || !is_inside(plain, &item->packet))) {
            (void)weir_sctp_recv(&p->sctp, now, plain);
        } else if (plain.n != 0) {
            item->plain = plain;
            item->kind = WEIR_ITEM_SCTP;
        }
        if (datagram.n >= before) {
            break;
        }
    }
    if (is_embedding) {
        weir_peer_embed_took(p, mark, is_all_taken, is_data);
    }
    return v == WEIR_DTLS_OK ? WEIR_PEER_OK : WEIR_PEER_DTLS;
}

static enum weir_peer_verdict decrypt_stun(struct weir_peer *p, weir_time now, struct weir_item *item)
{
    const struct weir_packet *k = &item->packet;
    size_t at, n;
    enum weir_ice_verdict v =
        weir_ice_recv(&p->ice, now, &k->path, weir_span_of(k->data, k->len));
    if (v == WEIR_ICE_OK && p->timeline.first_response == WEIR_NEVER) {
        p->timeline.first_response = now;
    }
    weir_peer_start_dtls(p, now);
    weir_peer_hear_check(p);
    if (weir_peer_has_dtls(p) && weir_ice_embedded(&p->ice, &at, &n)) {
        struct weir_mspan payload = { k->data + at, n };
        (void)decrypt_dtls(p, now, item, payload, PEER_PATH_SELECTED); /* DTLS counts it */
    }
    return v == WEIR_ICE_OK || v == WEIR_ICE_AGAIN ? WEIR_PEER_OK : WEIR_PEER_STUN;
}

static enum weir_peer_verdict decrypt_srtp(struct weir_peer *p, struct weir_item *item)
{
    struct weir_mspan packet = { item->packet.data, item->packet.len };
    if (!p->is_srtp_ready) {
        return WEIR_PEER_EARLY;
    }
    if (packet.n > 1 && packet.p[1] >= 192 && packet.p[1] <= 223) { /* [RFC 5761 4] */
        if (weir_srtcp_open(&rtp_of(p)->srtp_rx, &packet) != WEIR_SRTP_OK) {
            return WEIR_PEER_SRTP;
        }
        item->kind = WEIR_ITEM_RTCP;
        item->plain = weir_span_const(packet);
        return WEIR_PEER_OK;
    }
    if (weir_srtp_open(&rtp_of(p)->srtp_rx, &packet) != WEIR_SRTP_OK) {
        return WEIR_PEER_SRTP;
    }
    if (weir_rtp_parse(weir_span_const(packet), &item->rtp) != WEIR_SRTP_OK) {
        return WEIR_PEER_RTP;
    }
    if (!weir_peer_media_of_rtp(p, &item->rtp, &item->media)) {
        return WEIR_PEER_MEDIA;
    }
    weir_ice_embed_over(&p->ice);
    item->kind = WEIR_ITEM_RTP;
    item->plain = weir_span_const(packet);
    return WEIR_PEER_OK;
}

/* Does it say that it is for us? Where it came from does not matter then: the record is judged by its keys,
 * and its path by whether it is the newest. */
static bool has_our_id(const struct weir_peer *p, const struct weir_packet *k)
{
    struct weir_span cid, ours = { p->config.cid, p->config.cid_bytes };
    return weir_dtls_has_cid(&p->dtls) && weir_dtls_state(&p->dtls) == WEIR_DTLS_CONNECTED
           && weir_dtls_peek_cid(weir_span_of(k->data, k->len), ours.n, &cid)
           && weir_span_eq(cid, ours);
}

static uint32_t path_of(struct weir_peer *p, const struct weir_packet *k)
{
    const struct weir_path *via = weir_ice_via(&p->ice);
    if (via == NULL || weir_path_eq(via, &k->path)) {
        return PEER_PATH_SELECTED;
    }
    p->heard_by = k->path;
    return PEER_PATH_OTHER;
}

/* [RFC 7983 7] by the first byte. */
static enum weir_peer_verdict decrypt(struct weir_peer *p, weir_time now, struct weir_item *item)
{
    const struct weir_packet *k = &item->packet;
    if (k->len == 0) {
        return WEIR_PEER_EMPTY;
    }
    if (p->state == WEIR_PEER_CLOSED || p->state == WEIR_PEER_FAILED) {
        return WEIR_PEER_OVER;
    }
    uint8_t first = k->data[0];
    if (first <= 3) {
        return decrypt_stun(p, now, item);
    }
    bool is_dtls = first >= 20 && first <= 63, is_rtp = first >= 128 && first <= 191;
    if (!is_dtls && !is_rtp) {
        return WEIR_PEER_CLASS;
    }
    if (!weir_peer_has_dtls(p)
        || (!weir_ice_path_ok(&p->ice, &k->path) && !(is_dtls && has_our_id(p, k)))) {
        return WEIR_PEER_PATH;
    }
    return is_dtls ? decrypt_dtls(p, now, item, (struct weir_mspan){ k->data, k->len }, path_of(p, k))
                   : decrypt_srtp(p, item);
}

enum weir_peer_verdict weir_peer_decrypt(struct weir_peer *p, weir_time now, struct weir_item *item)
{
    item->kind = WEIR_ITEM_NONE;
    item->plain = weir_span_of(NULL, 0);
    bool had_dtls = p->timeline.dtls_done != WEIR_NEVER;
    enum weir_peer_verdict v = decrypt(p, now, item);
    weir_peer_take_dtls_events(p, now); /* the handshake may have ended in the last record */
    p->rx_packets++;
    p->rx_bytes += item->packet.len;
    p->verdicts[v]++;
    weir_peer_lite_heard(p, now, &item->packet, had_dtls != (p->timeline.dtls_done != WEIR_NEVER)
                                                    || item->kind != WEIR_ITEM_NONE);
    return v;
}

void weir_peer_analyse(struct weir_peer *p, weir_time now, struct weir_item *item)
{
    if (item->kind == WEIR_ITEM_RTCP) {
        if (weir_rtcp_recv(&rtp_of(p)->rtcp, now, item->plain) != WEIR_RTCP_OK) {
            p->verdicts[WEIR_PEER_RTCP]++;
        }
        weir_peer_take_rtcp_events(p, now);
        item->kind = WEIR_ITEM_NONE;
    } else if (item->kind == WEIR_ITEM_RTP) {
        struct weir_media *m = media_at(p, item->media);
        const struct weir_media_codec *c = weir_peer_codec(m, item->rtp.payload_type);
        weir_rtcp_note_rx(&rtp_of(p)->rtcp, now, item->packet.at, &item->rtp, c == NULL ? 0 : c->clock_hz,
                          c != NULL && (c->feedback & WEIR_SDP_FB_NACK) != 0);
        m->rx_packets++;
        m->rx_bytes += item->rtp.payload.n;
        p->timeline.first_rtp = weir_time_min(p->timeline.first_rtp, now);
    }
}

void weir_peer_deliver(struct weir_peer *p, weir_time now, struct weir_item *item)
{
    if (item->kind == WEIR_ITEM_SCTP) {
        if (weir_sctp_recv(&p->sctp, now, item->plain) != WEIR_SCTP_OK) {
            p->verdicts[WEIR_PEER_SCTP]++;
        }
    }
    weir_peer_progress(p, now);
}

enum weir_peer_verdict weir_peer_recv(struct weir_peer *p, weir_time now,
                                      const struct weir_packet *packet)
{
    struct weir_item item = { .peer = p, .packet = *packet };
    enum weir_peer_verdict v = weir_peer_decrypt(p, now, &item);
    weir_peer_analyse(p, now, &item);
    weir_peer_deliver(p, now, &item);
    if (item.kind == WEIR_ITEM_RTP) {
        struct weir_event e = { .type = WEIR_EVENT_RTP, .media = item.media, .rtp = item.rtp,
                                .arrival = packet->at };
        weir_peer_push(p, &e);
    }
    return v;
}

/* -- Time -------------------------------------------------------------------------------------- */

/* Without a path DTLS has no timers; but who failed keeps no block from others. */
static bool has_dtls_timers(const struct weir_peer *p)
{
    bool is_over = p->state == WEIR_PEER_FAILED || p->has_ended;
    return weir_peer_has_dtls(p) && (is_over ? weir_dtls_has_block(&p->dtls) : p->has_had_path);
}

void weir_peer_tick(struct weir_peer *p, weir_time now)
{
    weir_ice_tick(&p->ice, now);
    if (has_dtls_timers(p)) {
        weir_dtls_tick(&p->dtls, now);
    }
    weir_sctp_tick(&p->sctp, now);
    if (!p->config.is_data_only) {
        weir_rtcp_tick(&rtp_of(p)->rtcp, now);
    }
    weir_peer_check_data(p, now);
    weir_peer_progress(p, now);
}

weir_time weir_peer_deadline(const struct weir_peer *p)
{
    weir_time at = p->is_draining && !p->owes_close ? p->drain_until : WEIR_NEVER;
    if (p->state == WEIR_PEER_CLOSED) {
        return WEIR_NEVER;
    }
    if (has_dtls_timers(p)) {
        at = weir_time_min(at, weir_dtls_deadline(&p->dtls));
    }
    if (p->state == WEIR_PEER_FAILED || p->has_ended) {
        return at;
    }
    at = weir_time_min(at, weir_ice_deadline(&p->ice));
    if (p->is_sctp_begun) {
        at = weir_time_min(at, weir_sctp_deadline(&p->sctp));
        at = weir_time_min(at, p->data_until);
    }
    at = weir_time_min(at, p->door.open_at);
    return p->is_srtp_ready ? weir_time_min(at, weir_rtcp_deadline(&rtp_of(p)->rtcp)) : at;
}

/* -- Channels ---------------------------------------------------------------------------------- */

enum weir_status weir_peer_open_channel(struct weir_peer *p, weir_time now,
                                        const struct weir_sctp_channel_config *config,
                                        uint16_t *channel)
{
    if (p->state == WEIR_PEER_FAILED || weir_peer_is_closing(p)) {
        return WEIR_ERR_STATE;
    }
    return weir_sctp_channel_open(&p->sctp, now, config, channel);
}

enum weir_status weir_peer_channel_send(struct weir_peer *p, weir_time now, uint16_t channel,
                                        struct weir_span message, bool is_text)
{
    if (p->state == WEIR_PEER_FAILED || weir_peer_is_closing(p)) {
        return WEIR_ERR_STATE;
    }
    return weir_sctp_channel_send(&p->sctp, now, channel, message, is_text);
}

void weir_peer_channel_set_buffered_low(struct weir_peer *p, uint16_t channel, uint32_t bytes)
{
    weir_sctp_channel_set_low(&p->sctp, channel, bytes);
}

enum weir_status weir_peer_channel_close(struct weir_peer *p, weir_time now, uint16_t channel)
{
    return weir_sctp_channel_close(&p->sctp, now, channel);
}

void weir_peer_keylog(const struct weir_peer *p, struct weir_wr *text)
{
    uint8_t random[32], secret[WEIR_DTLS_SECRET_MAX];
    size_t n;
    for (unsigned i = 0; p->is_dtls_ready && i < WEIR_DTLS_SECRETS; i++) {
        if (weir_dtls_keylog(&p->dtls, (enum weir_dtls_secret)i, random, secret, &n)) {
            weir_wr_str(text, weir_dtls_secret_label((enum weir_dtls_secret)i));
            weir_wr_u8(text, ' ');
            weir_wr_hex(text, weir_span_of(random, sizeof random));
            weir_wr_u8(text, ' ');
            weir_wr_hex(text, weir_span_of(secret, n));
            weir_wr_u8(text, '\n');
        }
    }
    weir_wipe(secret, sizeof secret);
}
