/* The browser's verbs on a node's peers: each calls the connection, and lets it send soon. */
#include "peer/node_int.h"

static weir_time now_of(struct weir_node *n, struct weir_peer *p)
{
    weir_node_touch(n, p);
    return weir_pump_refresh(n->pump);
}

enum weir_status weir_create_offer(struct weir_node *n, struct weir_peer *p, struct weir_wr *text)
{
    return weir_peer_create_offer(p, now_of(n, p), text);
}

enum weir_status weir_preview_offer(struct weir_node *n, struct weir_peer *p, struct weir_wr *text)
{
    return weir_peer_preview_offer(p, weir_pump_now(n->pump), text);
}

enum weir_status weir_rollback(struct weir_node *n, struct weir_peer *p)
{
    return weir_peer_rollback(p, now_of(n, p));
}

enum weir_status weir_set_remote_offer(struct weir_node *n, struct weir_peer *p, struct weir_span text,
                                       struct weir_sdp_error *error)
{
    return weir_peer_set_remote(p, now_of(n, p), true, text, error);
}

enum weir_status weir_set_remote_answer(struct weir_node *n, struct weir_peer *p, struct weir_span text,
                                        struct weir_sdp_error *error)
{
    return weir_peer_set_remote(p, now_of(n, p), false, text, error);
}

enum weir_status weir_create_answer(struct weir_node *n, struct weir_peer *p, struct weir_wr *text)
{
    return weir_peer_create_answer(p, now_of(n, p), text);
}

enum weir_status weir_add_candidate(struct weir_node *n, struct weir_peer *p, struct weir_span text)
{
    return weir_peer_add_candidate(p, now_of(n, p), text);
}

enum weir_status weir_add_candidate_of(struct weir_node *n, struct weir_peer *p, struct weir_span text,
                                       struct weir_span ufrag)
{
    return weir_peer_add_candidate_of(p, now_of(n, p), text, ufrag);
}

enum weir_status weir_gather(struct weir_node *n, struct weir_peer *p)
{
    return weir_peer_gather(p, now_of(n, p));
}

enum weir_status weir_open_channel(struct weir_node *n, struct weir_peer *p,
                                   const struct weir_sctp_channel_config *config, uint16_t *channel)
{
    return weir_peer_open_channel(p, now_of(n, p), config, channel);
}

enum weir_status weir_channel_send(struct weir_node *n, struct weir_peer *p, uint16_t channel,
                                   struct weir_span message, bool is_text)
{
    weir_node_touch(n, p);
    return weir_peer_channel_send(p, weir_pump_now(n->pump), channel, message, is_text);
}

enum weir_status weir_channel_close(struct weir_node *n, struct weir_peer *p, uint16_t channel)
{
    return weir_peer_channel_close(p, now_of(n, p), channel);
}

uint32_t weir_share_payload(struct weir_node *n, struct weir_span payload)
{
    return weir_shared_make(&n->pool, n->account, payload);
}

void weir_drop_payload(struct weir_node *n, uint32_t shared)
{
    weir_shared_drop(&n->pool, shared);
}

enum weir_status weir_request_keyframe(struct weir_node *n, struct weir_peer *p, uint8_t media)
{
    return weir_peer_request_keyframe(p, now_of(n, p), media);
}

void weir_defer(struct weir_node *n, struct weir_peer *p)
{
    (void)n;
    weir_peer_defer(p);
}

void weir_resume(struct weir_node *n, struct weir_peer *p)
{
    weir_peer_resume(p);
    weir_node_touch(n, p);
}

void weir_close(struct weir_node *n, struct weir_peer *p)
{
    weir_peer_close(p, now_of(n, p));
}

void weir_close_gracefully(struct weir_node *n, struct weir_peer *p, weir_time until)
{
    weir_peer_close_gracefully(p, now_of(n, p), until);
}
