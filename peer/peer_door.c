/* The one door out: whatever leaves a connection leaves here, one datagram at a time, in this order.
 *
 *   1. checks of ICE and what they carry, DTLS, RTCP: never wait
 *   2. audio, at the rate that was set, if one was
 *   3. what the peer missed, likewise
 *   4. video, likewise
 *   5. SCTP: DATA likewise, and no more than a window of it in a round trip; the rest never waits
 *   6. close_notify, when all else has left
 *
 * After PEER_VIDEO_TURNS packets of video SCTP comes before it once.
 *
 * All that leaves is counted against the rate: what may wait, waits the longer for what may not. When
 * something waits, open_at says until when.
 */
#include "peer/peer_int.h"

#define PEER_VIDEO_TURNS 8

bool weir_peer_door_is_open(const struct weir_peer *p, weir_time now)
{
    return weir_pacer_may(&p->door.all, now) && weir_peer_rtp_waiting(p) == 0;
}

void weir_peer_door_passed(struct weir_peer *p, weir_time now, const struct weir_path *to, size_t bytes)
{
    weir_pacer_sent(&p->door.all, now, bytes);
    weir_peer_lite_sent(p, to, bytes);
    p->tx_packets++;
    p->tx_bytes += bytes;
}

void weir_peer_set_send_rate(struct weir_peer *p, weir_time now, uint64_t bytes_per_second)
{
    weir_pacer_set_rate(&p->door.all, now, bytes_per_second);
}

/* -- Each kind --------------------------------------------------------------------------------- */

static size_t send_rtcp(struct weir_peer *p, weir_time now, struct weir_mspan out)
{
    struct weir_mspan room = { out.p, out.n - WEIR_SRTP_OVERHEAD_MAX };
    bool may_send = p->is_srtp_ready && out.n > WEIR_SRTP_OVERHEAD_MAX;
    size_t n = may_send ? weir_rtcp_send(&rtp_of(p)->rtcp, now, room) : 0;
    return n != 0 && weir_srtcp_seal(&rtp_of(p)->srtp_tx, out, &n) == WEIR_SRTP_OK ? n : 0;
}

static size_t send_sctp(struct weir_peer *p, weir_time now, struct weir_mspan out)
{
    struct weir_peer_door *d = &p->door;
    size_t head = weir_dtls_head_bytes(&p->dtls);
    if (weir_dtls_state(&p->dtls) != WEIR_DTLS_CONNECTED || out.n < PEER_DATAGRAM_MAX) {
        return 0;
    }
    weir_pacer_set_rate(&d->data, now, weir_sctp_pace(&p->sctp));
    weir_sctp_hold(&p->sctp, !weir_pacer_may(&d->all, now) || !weir_pacer_may(&d->data, now));
    size_t n = weir_sctp_send(&p->sctp, now, (struct weir_mspan){ out.p + head, PEER_SCTP_MTU });
    if (n == 0) {
        return 0;
    }
    weir_pacer_sent(&d->data, now, n);
    d->videos = 0;
    return weir_dtls_seal(&p->dtls, out, head, n);
}

static size_t send_video(struct weir_peer *p, weir_time now, struct weir_mspan out)
{
    size_t n = weir_peer_send_waiting(p, now, WEIR_PEER_QUEUE_VIDEO, out);
    p->door.videos = (uint8_t)(p->door.videos + (n != 0 && p->door.videos < PEER_VIDEO_TURNS ? 1 : 0));
    return n;
}

/* What waits for its turn: audio, what is sent again, video and DATA. */
static size_t send_in_turn(struct weir_peer *p, weir_time now, struct weir_mspan out)
{
    bool has_room = out.n >= WEIR_MTU; /* lite: perhaps not yet */
    bool is_open = weir_pacer_may(&p->door.all, now) && !p->owes_close && has_room;
    bool is_datas = p->door.videos == PEER_VIDEO_TURNS;
    size_t n = is_open ? weir_peer_send_waiting(p, now, WEIR_PEER_QUEUE_AUDIO, out) : 0;
    n = n != 0 || !is_open ? n : weir_peer_send_again(p, now, out);
    n = n != 0 || !is_open || is_datas ? n : send_video(p, now, out);
    n = n != 0 || !p->is_dtls_ready ? n : send_sctp(p, now, out);
    return n != 0 || !is_open || !is_datas ? n : send_video(p, now, out);
}

/* What goes over the selected pair. */
static size_t send_on_path(struct weir_peer *p, weir_time now, struct weir_mspan out)
{
    size_t n = weir_ice_embed_bare(&p->ice, out);
    n = n != 0 || !weir_peer_has_dtls(p) ? n : weir_dtls_send(&p->dtls, now, out);
    n = n != 0 ? n : send_rtcp(p, now, out);
    return n != 0 ? n : send_in_turn(p, now, out);
}

/* Where DTLS has failed and the path has not, the alert that says why is the last that leaves. */
static size_t send_alert(struct weir_peer *p, weir_time now, struct weir_mspan out, struct weir_path *to)
{
    bool has_path = p->is_dtls_ready && weir_dtls_state(&p->dtls) == WEIR_DTLS_FAILED
                    && weir_ice_failure(&p->ice) == WEIR_ICE_FAILURE_NONE && weir_ice_selected(&p->ice, to);
    out.n = has_path ? weir_peer_lite_room(p, to, out.n) : 0;
    return has_path ? weir_dtls_send(&p->dtls, now, out) : 0;
}

/* -- The door ---------------------------------------------------------------------------------- */

static size_t send_any(struct weir_peer *p, weir_time now, struct weir_mspan out, struct weir_path *to)
{
    size_t n = 0;
    if (p->state != WEIR_PEER_FAILED && !p->has_ended) {
        weir_peer_embed_collect(p, now);
        n = weir_ice_send(&p->ice, now, out, to);
    }
    if (n != 0) {
        p->timeline.first_check = weir_time_min(p->timeline.first_check, now);
        return n;
    }
    if (p->state == WEIR_PEER_FAILED) {
        return send_alert(p, now, out, to);
    }
    if (p->has_ended || !weir_ice_selected(&p->ice, to)) {
        return 0;
    }
    out.n = weir_peer_lite_room(p, to, out.n);
    n = send_on_path(p, now, out);
    return n != 0 || !p->owes_close ? n : weir_peer_send_goodbye(p, now, out);
}

/* Nothing more may leave now: when may something? */
static void look_ahead(struct weir_peer *p, weir_time now)
{
    struct weir_peer_door *d = &p->door;
    bool has_data = weir_sctp_has_held(&p->sctp) && weir_dtls_state(&p->dtls) == WEIR_DTLS_CONNECTED;
    bool has_any = has_data || weir_peer_rtp_waiting(p) != 0 || weir_peer_has_again(p);
    d->open_at = WEIR_NEVER;
    if (has_any && !weir_pacer_may(&d->all, now)) {
        d->open_at = weir_pacer_next(&d->all);
    } else if (has_data && !weir_pacer_may(&d->data, now)) {
        d->open_at = weir_pacer_next(&d->data);
    }
}

/* Would media be taken again? Half of what may wait is free, and the pool has room for a packet; where none
 * waits, one may leave at once. */
static bool takes_media(const struct weir_peer *p, weir_time now)
{
    struct weir_path to;
    uint32_t waiting = weir_peer_rtp_waiting(p);
    if (waiting != 0) {
        return waiting <= WEIR_PEER_QUEUE_MAX / 2 && weir_account_room(p->pool, p->account) != 0;
    }
    return weir_pacer_may(&p->door.all, now)
           && (!weir_ice_selected(&p->ice, &to) || weir_peer_lite_room(p, &to, WEIR_MTU) == WEIR_MTU);
}

/* Media was refused. */
static void tell_writable(struct weir_peer *p, weir_time now)
{
    if (p->door.owes_writable && takes_media(p, now)) {
        struct weir_event e = { .type = WEIR_EVENT_MEDIA_WRITABLE };
        p->door.owes_writable = false;
        weir_peer_push(p, &e);
    } else if (p->door.owes_writable) {
        p->door.open_at = weir_time_min(p->door.open_at, weir_time_add(now, PEER_ROOM_WAIT));
    }
}

size_t weir_peer_send(struct weir_peer *p, weir_time now, struct weir_mspan out, struct weir_path *to)
{
    if (p->state == WEIR_PEER_CLOSED) {
        return 0;
    }
    if (!p->config.is_data_only) {
        weir_rtcp_history_yield(&rtp_of(p)->history, p->pool);
    }
    p->door.is_numbered = false;
    size_t n = send_any(p, now, out, to);
    if (n != 0) {
        weir_peer_door_passed(p, now, to, n);
        return n;
    }
    look_ahead(p, now);
    tell_writable(p, now);
    weir_peer_finish(p, now);
    return 0;
}
