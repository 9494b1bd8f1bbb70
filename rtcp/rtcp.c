/* The RTCP machine: beginning, what the caller asks for, timers, events. What arrives is in rtcp_recv.c,
 * what leaves in rtcp_send.c. */
#include "rtcp/rtcp_int.h"

void weir_rtcp_init(struct weir_rtcp *r, const struct weir_rtcp_config *config, weir_time now)
{
    (void)now;
    memset(r, 0, sizeof *r);
    r->config = *config;
    r->config.cname[WEIR_RTCP_CNAME_MAX - 1] = '\0';
    if (r->config.report_interval == 0) {
        r->config.report_interval = config->is_avpf ? RTCP_INTERVAL_AVPF : RTCP_INTERVAL_LEAST;
    }
    weir_rand_init(&r->rand, config->seed);
    weir_wipe(r->config.seed, sizeof r->config.seed);
    r->report_at = WEIR_NEVER;
    r->nack_at = WEIR_NEVER;
}

/* -- Requests ---------------------------------------------------------------------------------- */

enum weir_status weir_rtcp_request_keyframe(struct weir_rtcp *r, weir_time now, uint32_t ssrc,
                                            bool with_fir)
{
    struct weir_rtcp_remote *s = weir_rtcp_find_remote(r, ssrc);
    (void)now;
    if (s == NULL) {
        return WEIR_ERR_ARG;
    }
    s->owes_pli |= !with_fir;
    s->owes_fir |= with_fir;
    return WEIR_OK;
}

void weir_rtcp_bye(struct weir_rtcp *r, weir_time now)
{
    (void)now;
    for (uint32_t i = 0; i < r->locals; i++) {
        r->local[i].owes_bye = r->local[i].has_sent;
    }
}

/* -- Timers ------------------------------------------------------------------------------------ */

/* [RFC 3550 6.4] A sender report is owed for what was sent since the report before the last, and a block
 * for what came since the last. */
static void begin_report(struct weir_rtcp *r)
{
    r->report_is_due = true;
    for (uint32_t i = 0; i < r->locals; i++) {
        struct weir_rtcp_local *l = &r->local[i];
        l->owes_report = l->has_sent && l->quiet_reports < 2;
        l->quiet_reports = (uint8_t)(l->quiet_reports + (l->quiet_reports < 2 ? 1 : 0));
    }
    for (uint32_t i = 0; i < r->remotes; i++) {
        r->remote[i].owes_block |= r->remote[i].has_news;
        r->remote[i].has_news = false;
    }
}

/* What is due now is no deadline any more: it may be long until it can leave. */
static void mark_keyframes(struct weir_rtcp *r, weir_time now)
{
    for (uint32_t i = 0; i < r->remotes; i++) {
        r->remote[i].is_keyframe_due = weir_rtcp_keyframe_is_due(&r->remote[i], now);
    }
}

/* A key frame that was asked for too soon after the last is wanted still. */
static void tell_waiting_keyframes(struct weir_rtcp *r, weir_time now)
{
    for (uint32_t i = 0; i < r->locals; i++) {
        struct weir_rtcp_local *l = &r->local[i];
        if (l->keyframe_waits && now >= l->keyframe_after) {
            l->keyframe_waits = false;
            l->keyframe_after = weir_time_add(now, RTCP_KEYFRAME_TOLD);
            l->owes_event_keyframe = true;
            r->owes_events = true;
        }
    }
}

void weir_rtcp_tick(struct weir_rtcp *r, weir_time now)
{
    if (now >= r->report_at) {
        /* [RFC 3550 6.3.1] randomised over half to one and a half times the interval. */
        weir_duration half = r->config.report_interval / 2;
        r->report_at = weir_time_add(now, half + weir_rand_below(&r->rand, (uint32_t)(2 * half) + 1));
        weir_rtcp_forget_silent(r, now);
        begin_report(r);
    }
    if (now >= r->nack_at) {
        weir_rtcp_missing_arm(r, now);
    }
    mark_keyframes(r, now);
    tell_waiting_keyframes(r, now);
}

weir_time weir_rtcp_deadline(const struct weir_rtcp *r)
{
    weir_time at = weir_time_min(r->report_at, r->nack_at);
    for (uint32_t i = 0; i < r->remotes; i++) {
        if ((r->remote[i].owes_pli || r->remote[i].owes_fir) && !r->remote[i].is_keyframe_due) {
            at = weir_time_min(at, r->remote[i].pli_after);
        }
    }
    for (uint32_t i = 0; i < r->locals; i++) {
        if (r->local[i].keyframe_waits) {
            at = weir_time_min(at, r->local[i].keyframe_after);
        }
    }
    return at;
}

/* -- Events ------------------------------------------------------------------------------------ */

static bool local_event(struct weir_rtcp *r, struct weir_rtcp_event *out)
{
    for (uint32_t i = 0; r->owes_events && i < r->locals; i++) {
        struct weir_rtcp_local *l = &r->local[i];
        out->ssrc = l->ssrc;
        if (l->owes_event_keyframe) {
            l->owes_event_keyframe = false;
            out->type = WEIR_RTCP_EVENT_KEYFRAME;
            return true;
        }
        if (l->owes_event_report) {
            l->owes_event_report = false;
            out->type = WEIR_RTCP_EVENT_REPORT;
            return true;
        }
    }
    r->owes_events = false;
    return false;
}

/* The packet id of the oldest request, then one by one those of its mask. */
static bool nack_event(struct weir_rtcp *r, struct weir_rtcp_event *out)
{
    if (r->nacked_head == r->nacked_tail) {
        return false;
    }
    uint32_t at = r->nacked_tail % WEIR_RTCP_NACKED_MAX;
    out->type = WEIR_RTCP_EVENT_NACK;
    out->ssrc = r->nacked[at].ssrc;
    out->seq = r->nacked[at].pid;
    uint16_t rest = r->nacked[at].blp;
    if (rest == 0) {
        r->nacked_tail++;
        return true;
    }
    while ((rest & 1) == 0) { /* at most 16 bits */
        rest >>= 1;
        r->nacked[at].pid++;
    }
    r->nacked[at].pid++;
    r->nacked[at].blp = rest >> 1;
    return true;
}

bool weir_rtcp_event(struct weir_rtcp *r, struct weir_rtcp_event *out)
{
    memset(out, 0, sizeof *out);
    if (local_event(r, out)) {
        return true;
    }
    if (r->bye_head != r->bye_tail) {
        out->type = WEIR_RTCP_EVENT_BYE;
        out->ssrc = r->bye[r->bye_tail++ % WEIR_RTCP_BYES_MAX];
        return true;
    }
    return nack_event(r, out);
}
