/* What the application is still to be told. Nothing of it is lost, however much comes before it asks: of
 * each kind that may repeat the newest are kept, states and ends always, and what the machines below
 * remember themselves (channels, messages, names) is asked for when its turn comes.
 *
 *   order    kinds in the order in which they became due, an entry for each thing that is kept
 *   kinds    state, signalling, ICE state, gathering: the newest eight of each; local candidates; refused
 *            candidates, the first eight of a description; the selected pair, key frames by section, the
 *            end of data, one RTP packet (of who drives a peer by hand): the newest
 *
 * Channels of an association that is gone end first, then SCTP speaks. The end of data, and that the
 * connection is closed, wait for what SCTP has to say.
 */
#include "peer/peer_int.h"

#define END_OF_CANDIDATES 0xff

/* -- Becoming due ------------------------------------------------------------------------------ */

static void order_add(struct weir_peer_news *n, enum weir_event_type type)
{
    n->order[n->orders++] = (uint8_t)type; /* no more than all that is kept */
}

/* One value more of a kind. When all places are taken the oldest goes; the kind has its turns already. */
static void ring_add(struct weir_peer_news *n, struct weir_peer_ring *r, enum weir_event_type type,
                     uint8_t value)
{
    if (r->count == WEIR_PEER_RING) {
        memmove(r->at, r->at + 1, WEIR_PEER_RING - 1);
        r->count--;
    } else {
        order_add(n, type);
    }
    r->at[r->count++] = value;
}

static void once(struct weir_peer_news *n, bool *is_due, enum weir_event_type type)
{
    if (!*is_due) {
        order_add(n, type);
    }
    *is_due = true;
}

static void add_refused(struct weir_peer_news *n, const struct weir_event *e)
{
    if (n->refused < WEIR_PEER_RING) {
        n->refused_addr[n->refused] = e->path.remote;
        n->refusal[n->refused++] = (uint8_t)e->refusal;
        order_add(n, e->type);
    }
}

static void add_candidate(struct weir_peer_news *n, uint8_t index)
{
    if (n->candidates < sizeof n->candidate) {
        n->candidate[n->candidates++] = index;
        order_add(n, WEIR_EVENT_CANDIDATE);
    }
}

void weir_peer_push(struct weir_peer *p, const struct weir_event *e)
{
    struct weir_peer_news *n = &p->news;
    switch (e->type) {
    case WEIR_EVENT_STATE:
        if (e->state == WEIR_PEER_FAILED) {
            n->failed = (struct weir_peer_failure){ e->reason, e->dtls_verdict, e->has_alert, e->alert };
        }
        ring_add(n, &n->state, e->type, (uint8_t)e->state);
        break;
    case WEIR_EVENT_SIGNALLING:
        ring_add(n, &n->signalling, e->type, (uint8_t)e->signalling);
        break;
    case WEIR_EVENT_ICE_STATE:
        ring_add(n, &n->ice, e->type, (uint8_t)e->ice);
        break;
    case WEIR_EVENT_GATHERING:
        ring_add(n, &n->gathering, e->type, (uint8_t)e->gathering);
        break;
    case WEIR_EVENT_CANDIDATE_REFUSED:
        add_refused(n, e);
        break;
    case WEIR_EVENT_SELECTED:
        once(n, &n->is_selected, e->type);
        n->selected = e->path;
        break;
    case WEIR_EVENT_DATA_CLOSED:
        once(n, &n->is_data_closed, e->type);
        n->data_reason = e->sctp_reason;
        break;
    case WEIR_EVENT_KEYFRAME:
        once(n, &n->has_keyframes, e->type);
        n->keyframes |= UINT64_C(1) << e->media;
        break;
    case WEIR_EVENT_RTP:
        once(n, &n->has_rtp, e->type);
        n->rtp = e->rtp;
        n->rtp_media = e->media;
        n->rtp_arrival = e->arrival;
        break;
    case WEIR_EVENT_MEDIA_WRITABLE:
        once(n, &n->is_media_writable, e->type);
        break;
    case WEIR_EVENT_NONE:
    case WEIR_EVENT_CANDIDATE: /* weir_peer_push_candidate */
    case WEIR_EVENT_CHANNEL_OPEN:
    case WEIR_EVENT_CHANNEL_MESSAGE:
    case WEIR_EVENT_CHANNEL_LOW:
    case WEIR_EVENT_CHANNEL_CLOSED:
    case WEIR_EVENT_WRITABLE:
    case WEIR_EVENT_DATA_READY:
    case WEIR_EVENT_NAME:
    case WEIR_EVENT_TIMER: /* of a node */
    case WEIR_EVENT_DESCRIPTOR:
    case WEIR_EVENT_TYPES:
        break;
    }
}

void weir_peer_push_candidate(struct weir_peer *p, uint32_t index)
{
    add_candidate(&p->news, (uint8_t)index);
}

void weir_peer_push_candidates_end(struct weir_peer *p)
{
    add_candidate(&p->news, END_OF_CANDIDATES);
}

/* -- Being told -------------------------------------------------------------------------------- */

static uint8_t ring_take(struct weir_peer_ring *r)
{
    uint8_t value = r->at[0];
    r->count--;
    memmove(r->at, r->at + 1, r->count);
    return value;
}

static void take_state(struct weir_peer_news *n, struct weir_event *e)
{
    e->state = (enum weir_peer_state)ring_take(&n->state);
    if (e->state == WEIR_PEER_FAILED) {
        e->reason = n->failed.reason;
        e->dtls_verdict = n->failed.dtls_verdict;
        e->has_alert = n->failed.has_alert;
        e->alert = n->failed.alert;
    }
}

/* False: a restart came before it was told, and it is asked for again. */
static bool take_candidate(struct weir_peer *p, struct weir_event *e)
{
    struct weir_peer_news *n = &p->news;
    uint8_t index = n->candidate[0];
    n->candidates--;
    memmove(n->candidate, n->candidate + 1, n->candidates);
    e->candidate.ufrag = weir_ice_ufrag(&p->ice);
    if (index != END_OF_CANDIDATES) {
        struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)n->candidate_text,
                                                           sizeof n->candidate_text });
        if (index >= weir_ice_locals(&p->ice)) {
            return false;
        }
        weir_ice_candidate_write_of(&w, weir_ice_local_at(&p->ice, index), e->candidate.ufrag);
        e->data = weir_span_of(w.base, weir_wr_done(&w));
        e->candidate.ufrag.p = e->data.p + e->data.n - e->candidate.ufrag.n; /* it is the last word */
    }
    weir_peer_name_candidate(p, e);
    return true;
}

static void take_refused(struct weir_peer_news *n, struct weir_event *e)
{
    e->path.remote = n->refused_addr[0];
    e->refusal = (enum weir_ice_refusal)n->refusal[0];
    n->refused--;
    memmove(n->refused_addr, n->refused_addr + 1, n->refused * sizeof n->refused_addr[0]);
    memmove(n->refusal, n->refusal + 1, n->refused);
}

/* One section; the kind keeps its turn while there are more. */
static void take_keyframe(struct weir_peer_news *n, struct weir_event *e)
{
    e->media = (uint8_t)__builtin_ctzll(n->keyframes);
    n->keyframes &= n->keyframes - 1;
    n->has_keyframes = n->keyframes != 0;
}

static void order_take(struct weir_peer_news *n)
{
    n->orders--;
    memmove(n->order, n->order + 1, n->orders);
}

/* What has its turn; false when there was nothing to tell after all. */
static bool take_next(struct weir_peer *p, struct weir_event *e)
{
    struct weir_peer_news *n = &p->news;
    memset(e, 0, sizeof *e);
    e->type = (enum weir_event_type)n->order[0];
    if (e->type != WEIR_EVENT_KEYFRAME || (n->keyframes & (n->keyframes - 1)) == 0) {
        order_take(n);
    }
    switch (e->type) {
    case WEIR_EVENT_STATE:
        take_state(n, e);
        break;
    case WEIR_EVENT_SIGNALLING:
        e->signalling = (enum weir_signalling)ring_take(&n->signalling);
        break;
    case WEIR_EVENT_ICE_STATE:
        e->ice = (enum weir_ice_state)ring_take(&n->ice);
        break;
    case WEIR_EVENT_GATHERING:
        e->gathering = (enum weir_gathering)ring_take(&n->gathering);
        break;
    case WEIR_EVENT_CANDIDATE:
        return take_candidate(p, e);
    case WEIR_EVENT_CANDIDATE_REFUSED:
        take_refused(n, e);
        break;
    case WEIR_EVENT_SELECTED:
        n->is_selected = false;
        e->path = n->selected;
        break;
    case WEIR_EVENT_DATA_CLOSED:
        n->is_data_closed = false;
        e->sctp_reason = n->data_reason;
        break;
    case WEIR_EVENT_KEYFRAME:
        take_keyframe(n, e);
        break;
    case WEIR_EVENT_RTP:
        n->has_rtp = false;
        e->rtp = n->rtp;
        e->media = n->rtp_media;
        e->arrival = n->rtp_arrival;
        break;
    case WEIR_EVENT_MEDIA_WRITABLE:
        n->is_media_writable = false;
        break;
    case WEIR_EVENT_NONE:
    case WEIR_EVENT_CHANNEL_OPEN: /* those that have no turn here */
    case WEIR_EVENT_CHANNEL_MESSAGE:
    case WEIR_EVENT_CHANNEL_LOW:
    case WEIR_EVENT_CHANNEL_CLOSED:
    case WEIR_EVENT_WRITABLE:
    case WEIR_EVENT_DATA_READY:
    case WEIR_EVENT_NAME:
    case WEIR_EVENT_TIMER: /* of a node */
    case WEIR_EVENT_DESCRIPTOR:
    case WEIR_EVENT_TYPES:
        return false;
    }
    return true;
}

/* -- Channels ---------------------------------------------------------------------------------- */

/* Of an association that is gone. */
static bool take_ended(struct weir_peer *p, struct weir_event *e)
{
    uint32_t channel;
    if (p->ended.count == 0 || weir_index_next(p->pool, &p->ended, 0, &channel) == WEIR_NO_CELL) {
        return false;
    }
    weir_index_remove(p->pool, p->account, &p->ended, channel);
    memset(e, 0, sizeof *e);
    e->type = WEIR_EVENT_CHANNEL_CLOSED;
    e->channel = (uint16_t)channel;
    return true;
}

static enum weir_event_type type_of(enum weir_sctp_event_type type)
{
    switch (type) {
    case WEIR_SCTP_EVENT_CONNECTED:
        return WEIR_EVENT_DATA_READY;
    case WEIR_SCTP_EVENT_CHANNEL_OPEN:
        return WEIR_EVENT_CHANNEL_OPEN;
    case WEIR_SCTP_EVENT_BUFFERED_LOW:
        return WEIR_EVENT_CHANNEL_LOW;
    case WEIR_SCTP_EVENT_WRITABLE:
        return WEIR_EVENT_WRITABLE;
    case WEIR_SCTP_EVENT_CHANNEL_CLOSED:
        return WEIR_EVENT_CHANNEL_CLOSED;
    case WEIR_SCTP_EVENT_NONE:
    case WEIR_SCTP_EVENT_CLOSED:       /* DATA_CLOSED, weir_peer_watch_data */
    case WEIR_SCTP_EVENT_RESTARTED:    /* its channels close one by one */
    case WEIR_SCTP_EVENT_MESSAGE:      /* read when asked for */
    case WEIR_SCTP_EVENT_STREAM_RESET: /* streams without channels are not used here */
        break;
    }
    return WEIR_EVENT_NONE;
}

static bool take_sctp(struct weir_peer *p, weir_time now, struct weir_event *e)
{
    struct weir_sctp_event from;
    while (weir_sctp_event(&p->sctp, &from)) {
        enum weir_event_type type = type_of(from.type);
        if (type == WEIR_EVENT_NONE) {
            continue;
        }
        memset(e, 0, sizeof *e);
        e->type = type;
        e->channel = from.channel;
        e->is_remote = from.is_remote;
        e->sctp_reason = from.reason;
        if (type == WEIR_EVENT_CHANNEL_OPEN) {
            p->timeline.first_channel = weir_time_min(p->timeline.first_channel, now);
        }
        return true;
    }
    return false;
}

/* Does what has its turn wait for what SCTP has to say? */
static bool is_last_word(const struct weir_peer_news *n)
{
    return n->orders == 0 || n->order[0] == WEIR_EVENT_DATA_CLOSED
           || (n->order[0] == WEIR_EVENT_STATE && n->state.at[0] >= WEIR_PEER_FAILED);
}

bool weir_peer_take_news(struct weir_peer *p, weir_time now, struct weir_event *e)
{
    for (;;) {
        if (is_last_word(&p->news) && (take_ended(p, e) || take_sctp(p, now, e))) {
            return true;
        }
        if (p->news.orders == 0) {
            return weir_peer_next_name(p, e);
        }
        if (take_next(p, e)) {
            return true;
        }
    }
}

bool weir_peer_has_news(const struct weir_peer *p)
{
    return p->news.orders != 0 || p->ended.count != 0 || weir_sctp_has_event(&p->sctp);
}
