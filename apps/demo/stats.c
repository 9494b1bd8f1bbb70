/* What the page's live panel shows, as JSON. */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <stdio.h>

#include "apps/demo/demo.h"

static void add_text(cJSON *o, const char *key, const char *value)
{
    cJSON_AddStringToObject(o, key, value);
}

static void add_number(cJSON *o, const char *key, double value)
{
    cJSON_AddNumberToObject(o, key, value);
}

static const char *type_name(enum weir_ice_type type)
{
    static const char *const name[] = { "host", "srflx", "prflx", "relay" };
    return (unsigned)type < 4 ? name[type] : "?";
}

/* What happened when, in milliseconds after the peer was made; what has not is left out. */
static void add_timeline(cJSON *root, const struct weir_peer *p)
{
    const struct weir_peer_timeline *t = &p->timeline;
    const struct {
        const char *name;
        weir_time at;
    } row[] = {
        { "offer taken", t->remote_description }, { "answer made", t->local_description },
        { "first check", t->first_check },        { "first answer to a check", t->first_response },
        { "DTLS begins", t->dtls_begun },         { "pair selected", t->selected },
        { "DTLS done", t->dtls_done },            { "SCTP done", t->sctp_done },
        { "channel open", t->first_channel },     { "first message", t->first_message },
        { "first media", t->first_rtp },
    };
    cJSON *list = cJSON_AddArrayToObject(root, "timeline");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (row[i].at != WEIR_NEVER) {
            cJSON *o = cJSON_CreateObject();
            add_text(o, "name", row[i].name);
            add_number(o, "ms", (double)weir_time_since(row[i].at, t->created) / 1000);
            cJSON_AddItemToArray(list, o);
        }
    }
}

static void add_ice(cJSON *root, const struct weir_peer *p)
{
    cJSON *o = cJSON_AddObjectToObject(root, "ice");
    cJSON *pairs = cJSON_AddArrayToObject(o, "pairs");
    struct weir_ice_pair_info info;
    add_text(o, "state", weir_ice_state_name(weir_ice_state(&p->ice)));
    for (uint32_t i = 0; weir_ice_pair_info(&p->ice, i, &info) && i < 12; i++) {
        char local[WEIR_ADDR_TEXT_BYTES], remote[WEIR_ADDR_TEXT_BYTES];
        cJSON *pair = cJSON_CreateObject();
        add_text(pair, "local", weir_addr_text(&info.path.local, local));
        add_text(pair, "remote", weir_addr_text(&info.path.remote, remote));
        add_text(pair, "local_type", type_name(info.local_type));
        add_text(pair, "remote_type", type_name(info.remote_type));
        add_text(pair, "state", weir_ice_pair_state_name(info.state));
        cJSON_AddBoolToObject(pair, "selected", info.is_selected);
        add_number(pair, "rtt_us", (double)info.rtt);
        cJSON_AddItemToArray(pairs, pair);
    }
}

static void add_dtls(cJSON *root, const struct weir_peer *p)
{
    cJSON *o = cJSON_AddObjectToObject(root, "dtls");
    add_text(o, "state", weir_dtls_state_name(weir_dtls_state(&p->dtls)));
    add_text(o, "version", weir_dtls_version_name(&p->dtls));
    add_text(o, "suite", weir_dtls_suite_name(&p->dtls));
    add_text(o, "group", weir_dtls_group_name(&p->dtls));
    cJSON_AddBoolToObject(o, "resumed", weir_dtls_is_resumed(&p->dtls));
    add_text(o, "role", p->is_dtls_begun ? (weir_dtls_is_client(&p->dtls) ? "client" : "server") : "");
    add_text(o, "srtp", weir_srtp_profile_name(weir_peer_rtp(p)->srtp_tx.profile));
}

static void add_sctp(cJSON *root, const struct weir_peer *p)
{
    const struct weir_sctp *s = &p->sctp;
    cJSON *o = cJSON_AddObjectToObject(root, "sctp");
    cJSON *channels = cJSON_AddArrayToObject(o, "channels");
    struct weir_sctp_channel_info info;
    if (!p->is_sctp_begun) {
        return;
    }
    add_text(o, "state", weir_sctp_state_name(s->state));
    add_number(o, "srtt_us", (double)s->srtt);
    add_number(o, "rtt_least_us", (double)s->rtt_least);
    add_number(o, "cwnd", s->cwnd);
    add_number(o, "flight", s->flight_bytes);
    add_number(o, "peer_window", s->peer_rwnd);
    add_number(o, "retransmitted", (double)s->counters.rtx_chunks);
    add_number(o, "messages_in", (double)s->counters.rx_messages);
    add_number(o, "messages_out", (double)s->counters.tx_messages);
    for (uint16_t i = weir_sctp_channel_after(s, 0); weir_sctp_channel_info(s, i, &info);
         i = weir_sctp_channel_after(s, i + 1u)) {
        if (info.state == WEIR_SCTP_CHANNEL_OPEN) {
            char label[64];
            snprintf(label, sizeof label, "%.*s", (int)info.config.label.n,
                     (const char *)info.config.label.p);
            cJSON *c = cJSON_CreateObject();
            add_text(c, "label", label);
            add_number(c, "id", info.id);
            cJSON_AddItemToArray(channels, c);
        }
    }
}

static void add_media(cJSON *root, const struct weir_peer *p)
{
    cJSON *list = cJSON_AddArrayToObject(root, "media");
    for (unsigned i = 0; i < p->medias; i++) {
        const struct weir_media *m = &p->media[i];
        if (!m->is_accepted || m->kind == WEIR_SDP_DATA) {
            continue;
        }
        cJSON *o = cJSON_CreateObject();
        add_text(o, "kind", m->kind == WEIR_SDP_AUDIO ? "audio" : "video");
        add_text(o, "codec", m->codecs != 0 ? m->codec[0].name : "");
        add_number(o, "rx_packets", (double)m->rx_packets);
        add_number(o, "tx_packets", (double)m->tx_packets);
        add_number(o, "rx_bytes", (double)m->rx_bytes);
        for (uint32_t k = 0; k < weir_peer_rtp(p)->rtcp.remotes; k++) {
            const struct weir_rtcp_remote *r = &weir_peer_rtp(p)->rtcp.remote[k];
            if (m->remote_ssrcs != 0 && r->ssrc == m->remote_ssrc[0] && r->clock_hz != 0) {
                add_number(o, "lost", (double)weir_rtcp_remote_lost(r));
                add_number(o, "jitter_us", (double)(r->jitter_q4 >> 4) * 1e6 / r->clock_hz);
                add_number(o, "recovered", r->recovered);
            }
        }
        cJSON_AddItemToArray(list, o);
    }
    add_number(root, "rtcp_rtt_us", (double)weir_peer_rtp(p)->rtcp.rtt);
}

static void add_pipeline(cJSON *root, const struct weir_node_stats *s)
{
    cJSON *list = cJSON_AddArrayToObject(root, "stages");
    for (int i = 0; i < WEIR_STAGES; i++) {
        const struct weir_stage *stage = &s->stage[i];
        cJSON *o = cJSON_CreateObject();
        add_text(o, "name", weir_stage_name((enum weir_stage_id)i));
        add_number(o, "packets", (double)stage->packets);
        add_number(o, "bytes", (double)stage->bytes);
        add_number(o, "batches", (double)stage->batches);
        add_number(o, "ns_per_packet",
                   stage->packets == 0 || s->cycles_per_ms == 0
                       ? 0
                       : (double)stage->cycles * 1e6 / (double)s->cycles_per_ms
                             / (double)stage->packets);
        cJSON_AddItemToArray(list, o);
    }
}

static void add_drops(cJSON *root, const struct weir_node_stats *s, const struct weir_peer *p)
{
    cJSON *o = cJSON_AddObjectToObject(root, "drops");
    for (int i = 1; i < WEIR_NODE_DROPS; i++) {
        if (s->drops[i] != 0) {
            add_number(o, weir_node_drop_name((enum weir_node_drop)i), (double)s->drops[i]);
        }
    }
    for (int i = 1; i < WEIR_PEER_VERDICTS; i++) {
        if (p->verdicts[i] != 0) {
            add_number(o, weir_peer_verdict_name((enum weir_peer_verdict)i), p->verdicts[i]);
        }
    }
}

char *demo_stats(const struct weir_node *node, const struct weir_peer *p)
{
    struct weir_node_stats s = weir_node_stats(node);
    cJSON *root = cJSON_CreateObject();
    add_text(root, "type", "stats");
    add_text(root, "state", weir_peer_state_name(p->state));
    add_text(root, "pump", s.pump_name);
    add_number(root, "peers", weir_node_peers(node));
    add_number(root, "pool_free", s.pool_free);
    add_number(root, "pool_count", s.pool_count);
    add_timeline(root, p);
    add_ice(root, p);
    add_dtls(root, p);
    add_sctp(root, p);
    add_media(root, p);
    add_pipeline(root, &s);
    add_drops(root, &s, p);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}
