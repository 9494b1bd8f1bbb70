/* Lines out: what happened, what was refused and why, what was counted. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "apps/peer/peer_app.h"

#define SHOWN_MAX 1000 /* bytes of a text that are shown */

void report(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    if (text != NULL) {
        puts(text);
        fflush(stdout);
        free(text);
    }
    cJSON_Delete(object);
}

void report_pair(const char *key, const char *value)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, key, value);
    report(o);
}

void report_error(const char *text)
{
    report_pair("error", text);
}

void report_refusal(const struct program *p, uint16_t channel, size_t bytes, enum weir_status status)
{
    char text[200];
    uint32_t most = p->peer->sctp.config.message_max_remote;
    cJSON *o = cJSON_CreateObject();
    bool is_long = status == WEIR_ERR_SIZE;
    if (is_long && most != 0 && bytes > most) {
        snprintf(text, sizeof text, "the message has %zu bytes, and the peer takes %u (a=max-message-size)",
                 bytes, most);
    } else {
        snprintf(text, sizeof text, is_long ? "the message has %zu bytes, more than fit our memory"
                                    : status == WEIR_ERR_FULL ? "%zu bytes do not fit now: send again later"
                                                              : "%zu bytes: the channel is not open",
                 bytes);
    }
    cJSON_AddStringToObject(o, "error", text);
    cJSON_AddStringToObject(o, "refused", is_long                   ? "too-long"
                                          : status == WEIR_ERR_FULL ? "full"
                                                                    : "state");
    cJSON_AddNumberToObject(o, "channel", channel);
    cJSON_AddNumberToObject(o, "bytes", (double)bytes);
    report(o);
}

/* -- Counters ---------------------------------------------------------------------------------- */

/* Milliseconds from having both descriptions to a moment of the set-up. */
static void print_moment(cJSON *stats, const char *key, const struct weir_peer *peer, weir_time at)
{
    weir_time begin = peer->timeline.remote_description;
    if (at != WEIR_NEVER && begin != WEIR_NEVER) {
        cJSON_AddNumberToObject(stats, key, (double)weir_time_since(at, begin) / 1000);
    }
}

void report_stats(const struct program *p)
{
    const struct weir_peer *peer = p->peer;
    struct weir_ice_embed_info sped = weir_ice_embed_info(&peer->ice);
    cJSON *o = cJSON_CreateObject(), *s = cJSON_AddObjectToObject(o, "stats");
    cJSON_AddNumberToObject(s, "rx_packets", (double)peer->rx_packets);
    cJSON_AddNumberToObject(s, "tx_packets", (double)peer->tx_packets);
    cJSON_AddStringToObject(s, "dtls", weir_dtls_version_name(&peer->dtls));
    cJSON_AddStringToObject(s, "group", weir_dtls_group_name(&peer->dtls));
    cJSON_AddBoolToObject(s, "resumed", weir_dtls_is_resumed(&peer->dtls));
    cJSON_AddBoolToObject(s, "snap", peer->sctp.is_told);
    cJSON_AddStringToObject(s, "sped", weir_ice_embed_state_name(sped.state));
    cJSON_AddNumberToObject(s, "sped_rx", sped.rx_payloads);
    cJSON_AddNumberToObject(s, "sped_tx", sped.tx_payloads);
    print_moment(s, "dtls_ms", peer, peer->timeline.dtls_done);
    print_moment(s, "channel_ms", peer, peer->timeline.first_channel);
    for (int i = 0; i < WEIR_PEER_VERDICTS; i++) {
        if (i != WEIR_PEER_OK && peer->verdicts[i] != 0) {
            char key[40];
            snprintf(key, sizeof key, "dropped_%s",
                     weir_peer_verdict_name((enum weir_peer_verdict)i));
            cJSON_AddNumberToObject(s, key, peer->verdicts[i]);
        }
    }
    for (unsigned i = 0; i < peer->medias; i++) {
        char key[40];
        snprintf(key, sizeof key, "media%u_rx_packets", i);
        cJSON_AddNumberToObject(s, key, (double)peer->media[i].rx_packets);
        snprintf(key, sizeof key, "media%u_tx_packets", i);
        cJSON_AddNumberToObject(s, key, (double)peer->media[i].tx_packets);
    }
    report(o);
}

/* -- Events ------------------------------------------------------------------------------------ */

static const char *reason_name(enum weir_sctp_reason r)
{
    switch (r) {
    case WEIR_SCTP_REASON_SHUTDOWN:
        return "shutdown";
    case WEIR_SCTP_REASON_ABORTED:
        return "aborted";
    case WEIR_SCTP_REASON_PEER_ABORT:
        return "peer-abort";
    case WEIR_SCTP_REASON_TIMEOUT:
        return "timeout";
    case WEIR_SCTP_REASON_VIOLATION:
        return "violation";
    case WEIR_SCTP_REASON_MEMORY:
        return "memory";
    case WEIR_SCTP_REASON_NONE:
        break;
    }
    return "none";
}

static void print_channel(const struct program *p, const struct weir_event *e, const char *what)
{
    struct weir_sctp_channel_info info;
    char label[128] = "";
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "channel", e->channel);
    cJSON_AddStringToObject(o, "event", what);
    if (e->type == WEIR_EVENT_CHANNEL_OPEN
        && weir_sctp_channel_info(&p->peer->sctp, e->channel, &info)) {
        snprintf(label, sizeof label, "%.*s", (int)info.config.label.n,
                 (const char *)info.config.label.p);
        cJSON_AddStringToObject(o, "label", label);
        cJSON_AddNumberToObject(o, "id", info.id);
    }
    if (e->type == WEIR_EVENT_CHANNEL_CLOSED && e->sctp_reason != WEIR_SCTP_REASON_NONE) {
        cJSON_AddStringToObject(o, "reason", reason_name(e->sctp_reason));
    }
    if (e->type == WEIR_EVENT_CHANNEL_MESSAGE) {
        cJSON_AddNumberToObject(o, "bytes", (double)e->data.n);
        if (e->is_text && e->data.n < SHOWN_MAX) {
            char text[SHOWN_MAX + 1];
            memcpy(text, e->data.p, e->data.n);
            text[e->data.n] = '\0';
            cJSON_AddStringToObject(o, "text", text);
        }
    }
    report(o);
}

static void print_state(const struct weir_event *e)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "state", weir_peer_state_name(e->state));
    if (e->state == WEIR_PEER_FAILED) {
        cJSON_AddStringToObject(o, "reason", weir_peer_reason_name(e->reason));
    }
    if (e->reason == WEIR_PEER_REASON_DTLS_MESSAGE) {
        cJSON_AddStringToObject(o, "rule", weir_dtls_verdict_name(e->dtls_verdict));
    }
    if (e->has_alert) {
        cJSON_AddStringToObject(o, "alert", weir_dtls_alert_name(e->alert));
    }
    report(o);
}

static void print_data(const char *what, const char *reason)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "data", what);
    if (reason != NULL) {
        cJSON_AddStringToObject(o, "reason", reason);
    }
    report(o);
}

static void print_candidate(const struct weir_event *e)
{
    char text[200];
    snprintf(text, sizeof text, "%.*s", (int)e->data.n, (const char *)e->data.p);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", "candidate");
    cJSON_AddStringToObject(o, "candidate", text);
    snprintf(text, sizeof text, "%.*s", (int)e->candidate.mid.n, (const char *)e->candidate.mid.p);
    cJSON_AddStringToObject(o, "sdpMid", text); /* as a browser names them */
    cJSON_AddNumberToObject(o, "sdpMLineIndex", e->media);
    snprintf(text, sizeof text, "%.*s", (int)e->candidate.ufrag.n, (const char *)e->candidate.ufrag.p);
    cJSON_AddStringToObject(o, "usernameFragment", text);
    report(o);
}

/* An address that the other side named and that we will not send to. */
static void print_refused(const struct weir_event *e)
{
    char text[WEIR_ADDR_TEXT_BYTES];
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", "candidate-refused");
    cJSON_AddStringToObject(o, "address", weir_addr_text(&e->path.remote, text));
    cJSON_AddStringToObject(o, "reason", weir_ice_refusal_name(e->refusal));
    report(o);
}

void report_event(struct program *p, const struct weir_event *e)
{
    switch (e->type) {
    case WEIR_EVENT_STATE:
        print_state(e);
        break;
    case WEIR_EVENT_CANDIDATE:
        if (p->is_trickling) {
            print_candidate(e);
        }
        break;
    case WEIR_EVENT_CANDIDATE_REFUSED:
        print_refused(e);
        break;
    case WEIR_EVENT_SIGNALLING:
        report_pair("signalling", weir_signalling_name(e->signalling));
        break;
    case WEIR_EVENT_ICE_STATE:
        report_pair("ice", weir_ice_state_name(e->ice));
        break;
    case WEIR_EVENT_GATHERING:
        report_pair("gathering", weir_gathering_name(e->gathering));
        break;
    case WEIR_EVENT_CHANNEL_OPEN:
        print_channel(p, e, "open");
        break;
    case WEIR_EVENT_CHANNEL_CLOSED:
        print_channel(p, e, "close");
        break;
    case WEIR_EVENT_CHANNEL_MESSAGE:
        if (e->data.n < 4096) {
            print_channel(p, e, "message");
        }
        break;
    case WEIR_EVENT_DATA_READY:
        print_data("ready", NULL);
        break;
    case WEIR_EVENT_DATA_CLOSED:
        print_data("closed", reason_name(e->sctp_reason));
        break;
    case WEIR_EVENT_NONE:
    case WEIR_EVENT_SELECTED:
    case WEIR_EVENT_CHANNEL_LOW:
    case WEIR_EVENT_WRITABLE:
    case WEIR_EVENT_RTP:
    case WEIR_EVENT_KEYFRAME:
    case WEIR_EVENT_NAME:
    case WEIR_EVENT_TIMER:
    case WEIR_EVENT_DESCRIPTOR:
    case WEIR_EVENT_TYPES:
        break;
    }
}
