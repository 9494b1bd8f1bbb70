/* Sections of the peer's offer: where they go among ours, and back when the offer is taken back.
 *
 *   1. a section that lives keeps its place; every other place of the offer becomes what the offer says:
 *      one of ours that waits and is of its kind, or a fresh one, in which we send nothing until the
 *      application says so [RFC 8829 5.10]
 *   2. what is moved or written over is kept as it was, in buffers of the pool, until the offer is
 *      answered
 *   3. taken back, those are what they were [RFC 8829 5.7]. What the application did meanwhile stays done:
 *      to sections that lived, and to those that wait; and a section of the peer's in which it said that
 *      it sends waits for our next offer
 */
#include "peer/peer_int.h"

struct undo {
    struct weir_media media;
    uint8_t at;
};

#define UNDOS_PER_BUFFER (sizeof ((struct weir_buf *)NULL)->data / sizeof(struct undo))

_Static_assert(UNDOS_PER_BUFFER * PEER_UNDO_BUFFERS >= WEIR_PEER_MEDIA_MAX, "all sections find room");

/* -- What the offer changes -------------------------------------------------------------------- */

/* As if an offer of ours that waits were taken back. */
static bool waits(const struct weir_peer *p, unsigned i)
{
    return p->media[i].is_new || (p->pending.described >> i & 1) != 0;
}

static bool has_stopped(const struct weir_peer *p, unsigned i)
{
    return p->media[i].is_stopped && (p->pending.stopped >> i & 1) == 0;
}

/* Who comes with another certificate may be another program, which knows nothing of what was before: it is
 * not asked. */
bool weir_peer_fits(const struct weir_peer *p, const struct weir_sdp *offer)
{
    unsigned n = p->places;
    bool fits = !p->has_remote || offer->medias >= n;
    for (unsigned i = 0; i < n && fits && p->has_remote; i++) {
        const struct weir_media *m = &p->media[i];
        fits = has_stopped(p, i) || waits(p, i) || !weir_sdp_is_accepted(&offer->media[i])
               || m->mid_bytes == 0
               || weir_span_eq(offer->media[i].mid, weir_span_of(m->mid, m->mid_bytes));
    }
    return fits;
}

static bool is_same(const struct weir_peer *p, const struct weir_sdp *offer, unsigned i)
{
    const struct weir_media *m = &p->media[i];
    return i < p->medias && i < offer->medias && !has_stopped(p, i) && !waits(p, i)
           && m->kind == offer->media[i].kind
           && (!p->has_remote || m->mid_bytes == 0
               || weir_span_eq(offer->media[i].mid, weir_span_of(m->mid, m->mid_bytes)));
}

/* -- Places ------------------------------------------------------------------------------------ */

/* The first that waits for our offer and is of this kind; p->medias without one. */
static unsigned waiting(const struct weir_peer *p, enum weir_sdp_kind kind)
{
    unsigned i = 0;
    while (i < p->medias
           && !(p->media[i].is_new && !p->media[i].is_stopping && p->media[i].kind == kind)) {
        i++;
    }
    return i;
}

static void swap(struct weir_peer *p, unsigned i, unsigned k)
{
    struct weir_media m = p->media[i];
    p->media[i] = p->media[k];
    p->media[k] = m;
}

/* Place `at` is for a section of the peer's: what waits there goes on waiting elsewhere. */
static void make_way(struct weir_peer *p, unsigned at)
{
    if (at < p->medias && p->media[at].is_new && p->medias < WEIR_PEER_MEDIA_MAX) {
        p->media[p->medias++] = p->media[at];
    }
}

/* A section of the peer's that is new at place `at`. */
static struct weir_media *place_theirs(struct weir_peer *p, unsigned at, enum weir_sdp_kind kind)
{
    unsigned from = waiting(p, kind);
    if (from == p->medias) {
        make_way(p, at);
        struct weir_media *m = weir_peer_new_media(p, at, kind);
        m->wanted = kind == WEIR_SDP_DATA ? WEIR_SDP_SENDRECV : WEIR_SDP_RECVONLY;
        m->is_theirs = kind != WEIR_SDP_DATA;
        return m;
    }
    if (at >= p->medias) {
        (void)weir_peer_new_media(p, at, kind);
    }
    bool was_waiting = p->media[at].is_new;
    swap(p, at, from);
    if (from != at && !was_waiting) { /* a free place, or one that was never used */
        p->media[from].is_stopped = p->media[from].is_free = true;
    }
    p->media[at].is_new = false;
    return &p->media[at];
}

/* Behind the `theirs` first ones only those are left that wait. */
static void keep_waiting(struct weir_peer *p, unsigned theirs)
{
    unsigned n = theirs;
    for (unsigned i = theirs; i < p->medias; i++) {
        if (p->media[i].is_new) {
            p->media[n++] = p->media[i];
        }
    }
    p->medias = (uint8_t)n;
}

/* The peer named a section: ours are never named like one that ever was. */
static void take_mid(struct weir_peer *p, struct weir_media *m, struct weir_span mid)
{
    m->mid_bytes = (uint8_t)mid.n; /* the parser saw to the most */
    weir_copy(m->mid, mid.p, mid.n);
    weir_peer_note_mid(p, m);
}

static void place_all(struct weir_peer *p, const struct weir_sdp *offer)
{
    for (uint32_t i = 0; i < offer->medias; i++) {
        const struct weir_sdp_media *theirs = &offer->media[i];
        struct weir_media *m = &p->media[i];
        if (i < p->medias && m->is_new && theirs->port == 0 && !theirs->is_bundle_only) {
            continue; /* it is free on both sides: ours goes on waiting there */
        }
        if (!is_same(p, offer, i)) {
            m = place_theirs(p, i, theirs->kind);
            p->pending.theirs |= (uint64_t)1 << i;
        }
        take_mid(p, m, theirs->mid);
    }
    keep_waiting(p, offer->medias); /* fewer than there are only of another program */
    p->rest_medias = (uint16_t)offer->rest_medias;
}

/* -- Kept, and back ---------------------------------------------------------------------------- */

bool weir_peer_reserve_undo(struct weir_peer *p, const struct weir_sdp *offer, uint32_t *head,
                            uint8_t *buffers)
{
    size_t undos = 0;
    *head = WEIR_NO_BUF;
    *buffers = 0;
    for (unsigned i = 0; i < p->medias; i++) {
        undos += is_same(p, offer, i) ? 0 : 1;
    }
    for (size_t room = 0; room < undos; room += UNDOS_PER_BUFFER) {
        uint32_t at = weir_pool_get(p->pool);
        if (at == WEIR_NO_BUF) {
            weir_pool_put_list(p->pool, *head);
            return false;
        }
        weir_pool_at(p->pool, at)->next = *head;
        *head = at;
        (*buffers)++;
    }
    return true;
}

/* The i-th record, from `*buffer` on, which moves on with it. */
static uint8_t *record_at(struct weir_peer *p, unsigned i, uint32_t *buffer)
{
    if (i != 0 && i % UNDOS_PER_BUFFER == 0) {
        *buffer = weir_pool_at(p->pool, *buffer)->next;
    }
    return weir_pool_at(p->pool, *buffer)->data + i % UNDOS_PER_BUFFER * sizeof(struct undo);
}

static void keep_sections(struct weir_peer *p, const struct weir_sdp *offer)
{
    uint32_t buffer = p->pending.undo_head;
    for (unsigned i = 0; i < p->medias; i++) {
        if (!is_same(p, offer, i)) {
            struct undo u = { .media = p->media[i], .at = (uint8_t)i };
            memcpy(record_at(p, p->pending.undos, &buffer), &u, sizeof u);
            p->pending.undos++;
        }
    }
}

void weir_peer_place_sections(struct weir_peer *p, const struct weir_sdp *offer)
{
    p->pending.medias = p->medias;
    p->pending.rest_medias = p->rest_medias;
    keep_sections(p, offer);
    place_all(p, offer);
    p->pending.medias_then = p->medias;
}

/* What the application did meanwhile to one that waited, wherever it is now: our SSRC is its own. */
static void catch_up(const struct weir_peer *p, struct weir_media *was)
{
    for (unsigned i = 0; i < p->medias && was->is_new; i++) {
        const struct weir_media *m = &p->media[i];
        if (m->ssrc == was->ssrc && m->kind == was->kind) {
            was->wanted = m->wanted;
            was->is_stopping = m->is_stopping;
        }
    }
}

static bool is_kept(struct weir_peer *p, uint32_t ssrc)
{
    uint32_t buffer = p->pending.undo_head;
    bool is_any = false;
    for (unsigned i = 0; i < p->pending.undos; i++) {
        struct undo u;
        memcpy(&u, record_at(p, i, &buffer), sizeof u);
        is_any |= u.media.is_new && u.media.ssrc == ssrc;
    }
    return is_any;
}

/* [RFC 8829 5.7 MUST NOT] one in which the application sends does not go with the offer that brought it. */
static void keep_sending(struct weir_peer *p)
{
    for (unsigned i = 0; i < p->pending.medias_then; i++) {
        struct weir_media *m = &p->media[i];
        bool is_theirs = (p->pending.theirs >> i & 1) != 0 && !is_kept(p, m->ssrc)
                         && (m->kind == WEIR_SDP_AUDIO || m->kind == WEIR_SDP_VIDEO);
        if (is_theirs && (m->wanted & WEIR_SDP_SENDONLY) != 0 && !m->is_stopping
            && p->medias < WEIR_PEER_MEDIA_MAX) {
            struct weir_media *own = &p->media[p->medias++];
            *own = *m;
            own->is_new = true;
            own->mid_bytes = 0;
            memset(own->mid, 0, sizeof own->mid);
        }
    }
}

void weir_peer_put_sections_back(struct weir_peer *p)
{
    const struct weir_peer_pending *q = &p->pending;
    uint32_t buffer = q->undo_head;
    struct undo u;
    keep_sending(p);
    for (unsigned i = 0; i < q->undos; i++) {
        uint8_t *record = record_at(p, i, &buffer);
        memcpy(&u, record, sizeof u);
        catch_up(p, &u.media);
        memcpy(record, &u, sizeof u);
    }
    unsigned added = (unsigned)(p->medias - q->medias_then), room = WEIR_PEER_MEDIA_MAX - q->medias;
    added = added < room ? added : room;
    memmove(&p->media[q->medias], &p->media[q->medias_then], added * sizeof p->media[0]);
    p->medias = (uint8_t)(q->medias + added);
    buffer = q->undo_head;
    for (unsigned i = 0; i < q->undos; i++) {
        memcpy(&u, record_at(p, i, &buffer), sizeof u);
        p->media[u.at] = u.media;
    }
    p->rest_medias = q->rest_medias;
}
