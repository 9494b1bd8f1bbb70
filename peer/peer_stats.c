/* What a connection is and has done: peer_stats.h. */
#include "peer/peer_int.h"

/* -- States ------------------------------------------------------------------------------------ */

enum weir_peer_state weir_peer_state(const struct weir_peer *p)
{
    return p->state;
}

enum weir_signalling weir_peer_signalling(const struct weir_peer *p)
{
    return p->signalling;
}

enum weir_ice_state weir_peer_ice_state(const struct weir_peer *p)
{
    return weir_ice_state(&p->ice);
}

enum weir_gathering weir_peer_gathering(const struct weir_peer *p)
{
    return p->gathering;
}

enum weir_peer_reason weir_peer_reason(const struct weir_peer *p)
{
    return p->state == WEIR_PEER_FAILED ? p->reason : WEIR_PEER_REASON_NONE;
}

bool weir_peer_has_local(const struct weir_peer *p)
{
    return p->has_local;
}

bool weir_peer_has_remote(const struct weir_peer *p)
{
    return p->has_remote;
}

bool weir_peer_is_data_only(const struct weir_peer *p)
{
    return p->config.is_data_only;
}

struct weir_peer_timeline weir_peer_timeline(const struct weir_peer *p)
{
    return p->timeline;
}

uint64_t weir_peer_user(const struct weir_peer *p)
{
    return p->user;
}

void weir_peer_set_user(struct weir_peer *p, uint64_t user)
{
    p->user = user;
}

/* -- Sections and paths ------------------------------------------------------------------------ */

const struct weir_media *weir_peer_media_at(const struct weir_peer *p, unsigned i)
{
    return i < p->medias ? media_at(p, i) : NULL;
}

unsigned weir_peer_media_count(const struct weir_peer *p)
{
    return p->medias;
}

bool weir_peer_selected(const struct weir_peer *p, struct weir_path *path)
{
    return weir_ice_selected(&p->ice, path);
}

weir_duration weir_peer_rtt(const struct weir_peer *p)
{
    struct weir_ice_pair_info info;
    for (uint32_t i = 0; weir_ice_pair_info(&p->ice, i, &info); i++) {
        if (info.is_selected) {
            return info.rtt;
        }
    }
    return 0;
}

bool weir_peer_pair(const struct weir_peer *p, uint32_t i, struct weir_ice_pair_info *info)
{
    return weir_ice_pair_info(&p->ice, i, info);
}

bool weir_peer_local_candidate(const struct weir_peer *p, uint32_t i, struct weir_ice_candidate *c)
{
    if (i >= weir_ice_locals(&p->ice)) {
        return false;
    }
    *c = *weir_ice_local_at(&p->ice, i);
    return true;
}

/* -- Transport --------------------------------------------------------------------------------- */

void weir_peer_transport(const struct weir_peer *p, struct weir_peer_transport *out)
{
    struct weir_sctp_stats data;
    struct weir_ice_embed_info sped = weir_ice_embed_info(&p->ice);
    const struct weir_peer_rtp *r = rtp_of(p);
    weir_sctp_stats(&p->sctp, &data);
    *out = (struct weir_peer_transport){ .rx_packets = p->rx_packets, .rx_bytes = p->rx_bytes,
                                         .tx_packets = p->tx_packets, .tx_bytes = p->tx_bytes,
                                         .version = "", .suite = "", .group = "",
                                         .is_snap = data.is_told, .sped = sped.state,
                                         .sped_rx = sped.rx_payloads, .sped_tx = sped.tx_payloads,
                                         .candidates_stray = weir_ice_strays(&p->ice),
                                         .names_left_out = p->names_left_out };
    for (unsigned i = 0; i < WEIR_ICE_REFUSALS; i++) {
        out->candidates_refused += weir_ice_refused(&p->ice, (enum weir_ice_refusal)i);
    }
    out->srtp = weir_srtp_profile_name(r != NULL ? weir_srtp_profile(&r->srtp_tx) : WEIR_SRTP_NONE);
    out->streams_refused = r != NULL ? weir_rtcp_refused(&r->rtcp) : 0;
    if (p->is_dtls_ready) {
        out->dtls = weir_dtls_state(&p->dtls);
        out->version = weir_dtls_version_name(&p->dtls);
        out->suite = weir_dtls_suite_name(&p->dtls);
        out->group = weir_dtls_group_name(&p->dtls);
        out->is_resumed = weir_dtls_is_resumed(&p->dtls);
        out->has_role = p->is_dtls_begun;
        out->is_client = p->is_dtls_begun && weir_dtls_is_client(&p->dtls);
    }
}

uint32_t weir_peer_verdicts(const struct weir_peer *p, enum weir_peer_verdict v)
{
    return (unsigned)v < WEIR_PEER_VERDICTS ? p->verdicts[v] : 0;
}

uint32_t weir_peer_ice_verdicts(const struct weir_peer *p, enum weir_ice_verdict v)
{
    return weir_ice_verdicts(&p->ice, v);
}

uint32_t weir_peer_dtls_verdicts(const struct weir_peer *p, enum weir_dtls_verdict v)
{
    return p->is_dtls_ready ? weir_dtls_verdicts(&p->dtls, v) : 0;
}

uint32_t weir_peer_sctp_verdicts(const struct weir_peer *p, enum weir_sctp_verdict v)
{
    return weir_sctp_verdicts(&p->sctp, v);
}

uint32_t weir_peer_srtp_verdicts(const struct weir_peer *p, bool is_tx, enum weir_srtp_verdict v)
{
    const struct weir_peer_rtp *r = rtp_of(p);
    return r == NULL ? 0 : weir_srtp_verdicts(is_tx ? &r->srtp_tx : &r->srtp_rx, v);
}

uint32_t weir_peer_rtcp_verdicts(const struct weir_peer *p, enum weir_rtcp_verdict v)
{
    const struct weir_peer_rtp *r = rtp_of(p);
    return r == NULL ? 0 : weir_rtcp_verdicts(&r->rtcp, v);
}

/* -- Data -------------------------------------------------------------------------------------- */

bool weir_peer_data(const struct weir_peer *p, struct weir_sctp_stats *out)
{
    weir_sctp_stats(&p->sctp, out);
    return p->is_sctp_begun;
}

uint32_t weir_peer_max_message_size(const struct weir_peer *p)
{
    struct weir_sctp_stats s;
    weir_sctp_stats(&p->sctp, &s);
    return s.message_max_remote;
}

bool weir_peer_channel_info(const struct weir_peer *p, uint16_t channel,
                            struct weir_sctp_channel_info *info)
{
    return weir_sctp_channel_info(&p->sctp, channel, info);
}

uint16_t weir_peer_channel_after(const struct weir_peer *p, uint32_t from)
{
    return weir_sctp_channel_after(&p->sctp, from);
}

size_t weir_peer_channel_buffered(const struct weir_peer *p, uint16_t channel)
{
    return weir_sctp_channel_buffered(&p->sctp, channel);
}

/* -- Audio and video --------------------------------------------------------------------------- */

bool weir_peer_rx_stream(const struct weir_peer *p, unsigned media, unsigned k,
                         struct weir_rtcp_rx_stats *out)
{
    const struct weir_media *m = weir_peer_media_at(p, media);
    const struct weir_peer_rtp *r = rtp_of(p);
    return m != NULL && r != NULL && k < m->remote_ssrcs
           && weir_rtcp_rx_stats(&r->rtcp, m->remote_ssrc[k], out);
}

bool weir_peer_tx_stream(const struct weir_peer *p, unsigned media, struct weir_rtcp_tx_stats *out)
{
    const struct weir_media *m = weir_peer_media_at(p, media);
    const struct weir_peer_rtp *r = rtp_of(p);
    return m != NULL && r != NULL && weir_rtcp_tx_stats(&r->rtcp, m->ssrc, out);
}

weir_duration weir_peer_media_rtt(const struct weir_peer *p)
{
    const struct weir_peer_rtp *r = rtp_of(p);
    return r == NULL ? 0 : weir_rtcp_rtt(&r->rtcp);
}
