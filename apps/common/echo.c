/* The echo application. */
#include "apps/common/echo.h"

#define PREFIX "echo:"

/* Text comes back behind a prefix, so that an echo is told from the original. */
static enum weir_status echo_text(struct weir_node *node, const struct weir_event *e)
{
    static _Thread_local uint8_t text[sizeof PREFIX + (256u << 10)];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text, sizeof text });
    weir_wr_str(&w, PREFIX);
    weir_wr_bytes(&w, e->data);
    if (w.overflow) {
        return WEIR_ERR_SIZE;
    }
    return weir_channel_send(node, e->peer, e->channel, weir_span_of(text, w.len), true);
}

void echo_event(struct weir_node *node, const struct weir_event *e)
{
    enum weir_status status = WEIR_OK;
    if (e->type == WEIR_EVENT_CHANNEL_MESSAGE) {
        status = e->is_text ? echo_text(node, e)
                            : weir_channel_send(node, e->peer, e->channel, e->data, false);
        if (status == WEIR_ERR_FULL) {
            weir_defer(node, e->peer);
        }
    } else if (e->type == WEIR_EVENT_WRITABLE) {
        weir_resume(node, e->peer);
    } else if (e->type == WEIR_EVENT_RTP) {
        status = weir_send_rtp(node, e->peer, e->media, &e->rtp);
    } else if (e->type == WEIR_EVENT_KEYFRAME) {
        weir_request_keyframe(node, e->peer, e->media);
    }
    (void)status; /* what cannot be echoed is dropped; the peer's counters tell */
}

void echo_sections(struct weir_peer *peer)
{
    for (uint8_t i = 0; i < weir_peer_media_count(peer); i++) {
        if (weir_peer_media_at(peer, i)->is_theirs) {
            (void)!weir_peer_set_direction(peer, i, WEIR_SDP_SENDRECV);
        }
    }
}
