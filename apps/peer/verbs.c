/* Lines in: a table of verbs, each with the key that names it. README.md is their page. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "apps/common/echo.h"
#include "apps/peer/peer_app.h"

#define GATHER_WAIT (5 * WEIR_SEC) /* a STUN server that does not answer holds us up no longer */
#define MESSAGE_MAX (64u << 20)    /* bytes that a line may ask for */

/* -- Describing ourselves ---------------------------------------------------------------------- */

void greet(struct program *p, uint16_t channel)
{
    static uint8_t text[GREETING_MAX];
    memset(text, 'w', sizeof text);
    if (p->greeting_bytes != 0
        && weir_channel_send(p->node, p->peer, channel, weir_span_of(text, p->greeting_bytes), true)
               != WEIR_OK) {
        report_error("the greeting could not be sent");
    }
}

static void greet_first(struct program *p)
{
    if (!p->is_greeted) {
        p->is_greeted = true;
        greet(p, p->own_channel);
    }
}

/* Sections of the peer that our answer rejects, and of ours that the peer's does. */
static void report_rejections(const struct program *p)
{
    const struct weir_media *m;
    for (unsigned i = 0; (m = weir_peer_media_at(p->peer, i)) != NULL; i++) {
        if (m->is_stopped && m->refusal != WEIR_SDP_OK) {
            cJSON *o = cJSON_CreateObject();
            cJSON_AddNumberToObject(o, "media", i);
            cJSON_AddStringToObject(o, "rejected", weir_sdp_verdict_text(m->refusal));
            report(o);
        }
    }
}

void describe_now(struct program *p)
{
    static uint8_t sdp[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ sdp, sizeof sdp - 1 });
    p->owes_description = false;
    enum weir_status status = p->is_answer ? weir_create_answer(p->node, p->peer, &w)
                                           : weir_create_offer(p->node, p->peer, &w);
    if (status != WEIR_OK) {
        report_error(status == WEIR_ERR_SIZE ? "the description is longer than fits"
                     : p->is_answer          ? "there is no offer to answer"
                                             : "an offer does not fit the present state");
        return;
    }
    sdp[w.len] = '\0';
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", p->is_answer ? "answer" : "offer");
    cJSON_AddStringToObject(o, "sdp", (const char *)sdp);
    report(o);
    if (p->is_answer) {
        report_rejections(p);
    }
    if (p->is_answer && p->is_opener) {
        greet_first(p);
    }
}

/* A restart asks servers anew: who cannot trickle begins it, waits, and describes then. */
static void begin_restart(struct program *p)
{
    static uint8_t sdp[WEIR_PEER_SDP_MAX];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ sdp, sizeof sdp });
    if (weir_peer_will_restart(p->peer)) {
        (void)!weir_create_offer(p->node, p->peer, &w);
    }
}

/* Describe at once when trickling or when there is nothing to wait for. */
void describe(struct program *p, bool is_answer)
{
    if (!is_answer && !p->is_trickling) {
        begin_restart(p);
    }
    p->is_answer = is_answer;
    p->owes_description = true;
    p->describe_at = weir_node_now(p->node) + GATHER_WAIT;
    if (p->is_trickling || p->setup.node.stun_server.family == WEIR_FAMILY_NONE
        || weir_peer_gathering(p->peer) == WEIR_GATHERING_COMPLETE) {
        describe_now(p);
    } else if (weir_gather(p->node, p->peer) != WEIR_OK) {
        describe_now(p); /* it says why it cannot be described */
    }
}

/* -- Reading a line ---------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static bool is_true(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* A whole number of at most `max`; false, with *out as it was, when the key is not there or is no such. */
static bool number_of(const cJSON *object, const char *key, uint32_t max, uint32_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    bool is_good = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= max
                   && item->valuedouble == (double)(uint32_t)item->valuedouble;
    *out = is_good ? (uint32_t)item->valuedouble : *out;
    return is_good;
}

static bool direction_of(const cJSON *o, enum weir_sdp_direction *out)
{
    static const char *const name[] = { "inactive", "sendonly", "recvonly", "sendrecv" };
    const char *text = text_of(o, "direction");
    *out = WEIR_SDP_SENDRECV;
    for (unsigned i = 0; text != NULL && i < 4; i++) {
        if (strcmp(text, name[i]) == 0) {
            *out = (enum weir_sdp_direction)i;
            return true;
        }
    }
    return text == NULL;
}

/* The channel that "on" names, by number or label; without it the first one that is open. */
static bool channel_of(const struct program *p, const cJSON *on, uint16_t *out)
{
    struct weir_sctp_channel_info info;
    uint16_t i = weir_peer_channel_after(p->peer, 0);
    for (; weir_peer_channel_info(p->peer, i, &info); i = weir_peer_channel_after(p->peer, i + 1u)) {
        struct weir_span label = weir_span_of(NULL, 0);
        if (cJSON_IsString(on)) {
            label = weir_span_of(on->valuestring, strlen(on->valuestring));
        }
        bool is_it = cJSON_IsString(on)   ? weir_span_eq(info.config.label, label)
                     : cJSON_IsNumber(on) ? on->valueint == i
                                          : info.state == WEIR_SCTP_CHANNEL_OPEN;
        if (is_it) {
            *out = i;
            return true;
        }
    }
    report_error(on == NULL ? "no channel is open" : "there is no such channel");
    return false;
}

/* -- The verbs --------------------------------------------------------------------------------- */

static void take_remote(struct program *p, bool is_offer, const char *sdp)
{
    struct weir_sdp_error error = { .verdict = WEIR_SDP_OK };
    char text[400];
    struct weir_span span = { (const uint8_t *)sdp, strlen(sdp) };
    enum weir_status status = is_offer ? weir_set_remote_offer(p->node, p->peer, span, &error)
                                       : weir_set_remote_answer(p->node, p->peer, span, &error);
    if (status == WEIR_ERR_ARG) {
        snprintf(text, sizeof text, "line %u: %s", error.line, weir_sdp_verdict_text(error.verdict));
        report_error(text);
    } else if (status == WEIR_ERR_FULL) {
        report_error("there is no room for the offer now");
    } else if (status != WEIR_OK) {
        report_error(is_offer ? "an offer does not fit the present state"
                              : "an answer does not fit the present state");
    } else if (is_offer) {
        if (!p->is_silent) {
            echo_sections(p->peer);
        }
        describe(p, true);
    } else {
        report_rejections(p);
        greet_first(p); /* roles are settled: it leaves with the first packet that may carry it */
    }
}

static void take_candidate(struct program *p, const char *text, const char *ufrag)
{
    enum weir_status status = weir_add_candidate_of(p->node, p->peer, weir_span_of(text, strlen(text)),
                                                    weir_span_of(ufrag, strlen(ufrag)));
    if (status == WEIR_ERR_STATE) {
        report_error("the candidate is of another generation than the description");
    } else if (status != WEIR_OK) {
        report_error("the candidate is malformed, or one too many");
    }
}

static void verb_type(struct program *p, const cJSON *o)
{
    const char *type = text_of(o, "type"), *sdp = text_of(o, "sdp");
    const char *candidate = text_of(o, "candidate");
    bool is_offer = type != NULL && strcmp(type, "offer") == 0;
    if (sdp != NULL && (is_offer || (type != NULL && strcmp(type, "answer") == 0))) {
        take_remote(p, is_offer, sdp);
    } else if (candidate == NULL) {
        report_error("want an offer or an answer with its sdp, or a candidate");
    } else {
        const char *ufrag = text_of(o, "usernameFragment");
        take_candidate(p, candidate, ufrag == NULL ? "" : ufrag);
    }
}

static void verb_offer(struct program *p, const cJSON *o)
{
    if (is_true(o, "restart")) {
        weir_peer_restart_ice(p->peer);
    }
    if (is_true(o, "renew")) {
        weir_peer_renew(p->peer);
    }
    if (weir_peer_signalling(p->peer) == WEIR_HAVE_REMOTE_OFFER || p->owes_description) {
        report_error("an offer does not fit the present state");
        return;
    }
    describe(p, false);
}

static void verb_rollback(struct program *p, const cJSON *o)
{
    (void)o;
    p->owes_description = false;
    if (weir_rollback(p->node, p->peer) != WEIR_OK) {
        report_error("no offer waits for its answer");
    }
}

/* {"polite":true}: an offer that meets ours takes it back. */
static void verb_polite(struct program *p, const cJSON *o)
{
    weir_peer_set_polite(p->peer, is_true(o, "polite"));
}

static void verb_open(struct program *p, const cJSON *o)
{
    struct weir_sctp_channel_config c = { .priority = 256 };
    const char *label = text_of(o, "open"), *protocol = text_of(o, "protocol");
    uint32_t id = 0;
    uint16_t channel;
    c.label = weir_span_of(label, label == NULL ? 0 : strlen(label));
    c.protocol = weir_span_of(protocol, protocol == NULL ? 0 : strlen(protocol));
    c.is_unordered = is_true(o, "unordered");
    c.reliability = number_of(o, "retransmits", 65535, &c.reliability_value) ? WEIR_SCTP_RETRANSMITS
                    : number_of(o, "lifetime", 65535, &c.reliability_value)  ? WEIR_SCTP_LIFETIME
                                                                             : WEIR_SCTP_RELIABLE;
    c.is_negotiated = number_of(o, "id", 65534, &id);
    c.id = (uint16_t)id;
    enum weir_status status = label == NULL ? WEIR_ERR_ARG
                                            : weir_open_channel(p->node, p->peer, &c, &channel);
    if (status != WEIR_OK) {
        report_error(status == WEIR_ERR_FULL    ? "there are as many channels as there may be"
                     : status == WEIR_ERR_STATE ? "a channel cannot be opened now"
                                                : "want a label for the channel, and no longer than fits");
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddNumberToObject(out, "channel", channel);
    cJSON_AddStringToObject(out, "event", "opening");
    cJSON_AddStringToObject(out, "label", label);
    report(out);
}

static void verb_close(struct program *p, const cJSON *o)
{
    uint16_t channel;
    if (channel_of(p, cJSON_GetObjectItemCaseSensitive(o, "close"), &channel)
        && weir_channel_close(p->node, p->peer, channel) != WEIR_OK) {
        report_error("the channel is closing already");
    }
}

static void send_bytes(struct program *p, const cJSON *o, struct weir_span message, bool is_text)
{
    uint16_t channel;
    if (!channel_of(p, cJSON_GetObjectItemCaseSensitive(o, "on"), &channel)) {
        return;
    }
    enum weir_status status = weir_channel_send(p->node, p->peer, channel, message, is_text);
    if (status != WEIR_OK) {
        report_refusal(p, channel, message.n, status);
    }
}

static void verb_send(struct program *p, const cJSON *o)
{
    const char *text = text_of(o, "send");
    uint32_t bytes;
    if (text != NULL) {
        send_bytes(p, o, weir_span_of(text, strlen(text)), true);
        return;
    }
    if (!number_of(o, "send", MESSAGE_MAX, &bytes)) {
        report_error("want a text to send, or how many bytes");
        return;
    }
    bool is_text = is_true(o, "text");
    uint8_t *message = malloc(bytes == 0 ? 1 : bytes);
    for (uint32_t i = 0; message != NULL && i < bytes; i++) {
        message[i] = is_text ? (uint8_t)('a' + i % 26) : (uint8_t)i;
    }
    if (message != NULL) {
        send_bytes(p, o, weir_span_of(message, bytes), is_text);
    }
    free(message);
}

static void verb_add(struct program *p, const cJSON *o)
{
    const char *kind = text_of(o, "add");
    enum weir_sdp_direction direction;
    uint8_t media;
    bool is_audio = kind != NULL && strcmp(kind, "audio") == 0;
    if (!direction_of(o, &direction) || !(is_audio || (kind != NULL && strcmp(kind, "video") == 0))) {
        report_error("want audio or video, and sendrecv, sendonly, recvonly or inactive");
        return;
    }
    enum weir_status status = weir_peer_add_media(p->peer, is_audio ? WEIR_SDP_AUDIO : WEIR_SDP_VIDEO,
                                                  direction, &media);
    if (status != WEIR_OK) {
        report_error(status == WEIR_ERR_FULL ? "there are as many sections as there may be"
                                             : "this peer was begun with --data-only");
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddNumberToObject(out, "media", media);
    cJSON_AddStringToObject(out, "event", "added");
    report(out);
}

static void verb_remove(struct program *p, const cJSON *o)
{
    uint32_t media = 0;
    if (!number_of(o, "remove", 255, &media)
        || weir_peer_stop_media(p->peer, (uint8_t)media) != WEIR_OK) {
        report_error("there is no such section of audio or video");
    }
}

static void verb_direction(struct program *p, const cJSON *o)
{
    enum weir_sdp_direction direction;
    uint32_t media = 0;
    if (!direction_of(o, &direction) || !number_of(o, "media", 255, &media)
        || weir_peer_set_direction(p->peer, (uint8_t)media, direction) != WEIR_OK) {
        report_error("want the number of a section, and sendrecv, sendonly, recvonly or inactive");
    }
}

static void verb_stats(struct program *p, const cJSON *o)
{
    (void)o;
    report_stats(p);
}

/* At once; or when all that is queued is through, so many seconds later at most: `closed` ends it. */
static void verb_bye(struct program *p, const cJSON *o)
{
    uint32_t seconds;
    if (!cJSON_HasObjectItem(o, "within")) {
        p->is_over = true;
    } else if (number_of(o, "within", 600, &seconds)) {
        weir_close_gracefully(p->node, p->peer, weir_pump_clock() + seconds * WEIR_SEC);
    } else {
        report_error("want the seconds that it may take, up to 600");
    }
}

static const struct {
    const char *key;
    void (*act)(struct program *p, const cJSON *o);
} verb[] = {
    { "type", verb_type },     { "candidate", verb_type }, { "offer", verb_offer },
    { "open", verb_open },     { "close", verb_close },    { "send", verb_send },
    { "add", verb_add },       { "remove", verb_remove },  { "direction", verb_direction },
    { "stats", verb_stats },   { "bye", verb_bye },        { "rollback", verb_rollback },
    { "polite", verb_polite },
};

void take_line(struct program *p, const char *line)
{
    cJSON *o = cJSON_Parse(line);
    size_t i = 0;
    while (i < sizeof verb / sizeof verb[0] && cJSON_GetObjectItemCaseSensitive(o, verb[i].key) == NULL) {
        i++;
    }
    if (o == NULL) {
        report_error("not a line of JSON");
    } else if (i == sizeof verb / sizeof verb[0]) {
        report_error("no verb that is known: see --help");
    } else {
        verb[i].act(p, o);
    }
    cJSON_Delete(o);
}
