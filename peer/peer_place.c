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

_Static_assert(sizeof(struct undo) * WEIR_PEER_MEDIA_MAX <= PEER_UNDO_BYTES, "all sections find room");

/* -- What the offer changes -------------------------------------------------------------------- */

/* As if an offer of ours that waits were taken back. */
static bool waits(const struct weir_peer *p, unsigned i)
{
    return media_at(p, i)->is_new || (p->pending.described >> i & 1) != 0;
}

static bool has_stopped(const struct weir_peer *p, unsigned i)
{
    return media_at(p, i)->is_stopped && (p->pending.stopped >> i & 1) == 0;
}

/* Who comes with another certificate may be another program, which knows nothing of what was before: it is
 * not asked. */
bool weir_peer_fits(const struct weir_peer *p, const struct weir_sdp *offer)
{
    unsigned n = p->places;
    bool fits = !p->has_remote || offer->medias >= n;
    for (unsigned i = 0; i < n && fits && p->has_remote; i++) {
        const struct weir_media *m = media_at(p, i);
        fits = has_stopped(p, i) || waits(p, i) || !weir_sdp_is_accepted(&offer->media[i])
               || m->mid_bytes == 0
               || weir_span_eq(offer->media[i].mid, weir_span_of(m->mid, m->mid_bytes));
    }
    return fits;
}

static bool is_same(const struct weir_peer *p, const struct weir_sdp *offer, unsigned i)
{
    if (i >= p->medias || i >= offer->medias || has_stopped(p, i) || waits(p, i)) {
        return false;
    }
    const struct weir_media *m = media_at(p, i);
    return m->kind == offer->media[i].kind
           && (!p->has_remote || m->mid_bytes == 0
               || weir_span_eq(offer->media[i].mid, weir_span_of(m->mid, m->mid_bytes)));
}

/* -- Places ------------------------------------------------------------------------------------ */

/* The first that waits for our offer and is of this kind; p->medias without one. */
static unsigned waiting(const struct weir_peer *p, enum weir_sdp_kind kind)
{
    unsigned i = 0;
    while (i < p->medias
           && !(media_at(p, i)->is_new && !media_at(p, i)->is_stopping && media_at(p, i)->kind == kind)) {
        i++;
    }
    return i;
}

static void swap(struct weir_peer *p, unsigned i, unsigned k)
{
    uint32_t cells = p->media[i];
    p->media[i] = p->media[k];
    p->media[k] = cells;
}

/* Place `at` is for a section of the peer's: what waits there goes on waiting elsewhere. */
static void make_way(struct weir_peer *p, unsigned at)
{
    if (at < p->medias && media_at(p, at)->is_new && p->medias < WEIR_PEER_MEDIA_MAX) {
        *media_at(p, p->medias++) = *media_at(p, at);
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
        p->pending.theirs |= (uint64_t)1 << at;
        return m;
    }
    if (at >= p->medias) {
        (void)weir_peer_new_media(p, at, kind);
    }
    bool was_waiting = media_at(p, at)->is_new;
    swap(p, at, from);
    if (from != at && !was_waiting) { /* a free place, or one that was never used */
        media_at(p, from)->is_stopped = media_at(p, from)->is_free = true;
    }
    media_at(p, at)->is_new = false;
    return media_at(p, at);
}

/* Behind the `theirs` first ones only those are left that wait. */
static void keep_waiting(struct weir_peer *p, unsigned theirs)
{
    unsigned n = theirs;
    for (unsigned i = theirs; i < p->medias; i++) {
        if (media_at(p, i)->is_new) {
            *media_at(p, n++) = *media_at(p, i);
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
        if (i < p->medias && media_at(p, i)->is_new && theirs->port == 0 && !theirs->is_bundle_only) {
            continue; /* it is free on both sides: ours goes on waiting there */
        }
        struct weir_media *m = is_same(p, offer, i) ? media_at(p, i) : place_theirs(p, i, theirs->kind);
        take_mid(p, m, theirs->mid);
    }
    keep_waiting(p, offer->medias); /* fewer than there are only of another program */
    p->rest_medias = (uint16_t)offer->rest_medias;
}

/* -- Cells ------------------------------------------------------------------------------------- */

/* [RFC 8829 5.7 MUST NOT] One in which the application sends does not go with the offer that brought it. */
static bool stays(const struct weir_peer *p, unsigned i)
{
    const struct weir_media *m = media_at(p, i);
    return (p->pending.theirs >> i & 1) != 0 && (m->kind == WEIR_SDP_AUDIO || m->kind == WEIR_SDP_VIDEO)
           && (m->wanted & WEIR_SDP_SENDONLY) != 0 && !m->is_stopping;
}

/* What waits for our offer may have to make way for each section of the peer's. */
unsigned weir_peer_media_for(const struct weir_peer *p, const struct weir_sdp *offer)
{
    unsigned n = p->medias > offer->medias ? p->medias : offer->medias;
    for (unsigned i = 0; i < p->medias; i++) {
        n += waits(p, i) ? 1 : 0;
    }
    return n < WEIR_PEER_MEDIA_MAX ? n : WEIR_PEER_MEDIA_MAX;
}

unsigned weir_peer_media_needed(const struct weir_peer *p)
{
    const struct weir_peer_pending *q = &p->pending;
    unsigned n = p->medias;
    for (unsigned i = 0; q->has_undo && i < q->medias_then; i++) {
        n += stays(p, i) ? 1 : 0;
    }
    unsigned back = q->has_undo ? q->medias + n - q->medias_then : 0;
    n = n > back ? n : back;
    return n < WEIR_PEER_MEDIA_MAX ? n : WEIR_PEER_MEDIA_MAX;
}

/* -- Kept, and back ---------------------------------------------------------------------------- */

bool weir_peer_reserve_undo(struct weir_peer *p, const struct weir_sdp *offer, uint32_t *head)
{
    struct weir_rope rope;
    uint32_t undos = 0;
    *head = WEIR_NO_CELL;
    for (unsigned i = 0; i < p->medias; i++) {
        undos += is_same(p, offer, i) ? 0 : 1;
    }
    if (undos == 0) {
        return true;
    }
    if (p->account == WEIR_NO_ACCOUNT
        || !weir_rope_begin(p->pool, p->account, WEIR_STORE_DENSE, sizeof(struct weir_piece),
                            undos * (uint32_t)sizeof(struct undo), &rope)) {
        return false;
    }
    *head = rope.head;
    return true;
}

static void keep_sections(struct weir_peer *p, const struct weir_sdp *offer)
{
    uint32_t tail = p->pending.undo_head;
    for (unsigned i = 0; i < p->medias; i++) {
        if (!is_same(p, offer, i)) {
            struct undo u = { .media = *media_at(p, i), .at = (uint8_t)i };
            weir_rope_write(p->pool, &tail, weir_span_of(&u, sizeof u));
            p->pending.undos++;
        }
    }
}

/* What was kept, one after the other. */
struct reading {
    uint32_t cursor;
    struct weir_span part;
};

static struct reading read_kept(const struct weir_peer *p)
{
    return (struct reading){ .cursor = p->pending.undos != 0 ? p->pending.undo_head : WEIR_NO_CELL };
}

static bool next_kept(const struct weir_peer *p, struct reading *r, struct undo *u)
{
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)u, sizeof *u });
    while (w.len < sizeof *u) {
        if (r->part.n == 0 && !weir_rope_next(p->pool, &r->cursor, &r->part)) {
            return false;
        }
        size_t n = sizeof *u - w.len < r->part.n ? sizeof *u - w.len : r->part.n;
        weir_wr_bytes(&w, weir_span_of(r->part.p, n));
        r->part = weir_span_of(r->part.p + n, r->part.n - n);
    }
    return true;
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
        const struct weir_media *m = media_at(p, i);
        if (m->ssrc == was->ssrc && m->kind == was->kind) {
            was->wanted = m->wanted;
            was->is_stopping = m->is_stopping;
        }
    }
}

static void keep_sending(struct weir_peer *p)
{
    for (unsigned i = 0; i < p->pending.medias_then; i++) {
        if (stays(p, i) && p->medias < WEIR_PEER_MEDIA_MAX) {
            struct weir_media *own = media_at(p, p->medias++);
            *own = *media_at(p, i);
            own->is_new = true;
            own->mid_bytes = 0;
            memset(own->mid, 0, sizeof own->mid);
        }
    }
}

/* Before anything is written over: the one that waited is written where it was by then. */
static void note_changes(const struct weir_peer *p, uint8_t wanted[WEIR_PEER_MEDIA_MAX], uint64_t *stopping)
{
    struct reading r = read_kept(p);
    struct undo u;
    while (next_kept(p, &r, &u)) {
        catch_up(p, &u.media);
        wanted[u.at] = (uint8_t)u.media.wanted;
        *stopping |= (uint64_t)u.media.is_stopping << u.at;
    }
}

/* `n` of them, in whichever order keeps them whole. */
static void move_sections(struct weir_peer *p, unsigned to, unsigned from, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned k = to < from ? i : n - 1 - i;
        *media_at(p, to + k) = *media_at(p, from + k);
    }
}

void weir_peer_put_sections_back(struct weir_peer *p)
{
    const struct weir_peer_pending *q = &p->pending;
    uint8_t wanted[WEIR_PEER_MEDIA_MAX] = { 0 };
    uint64_t stopping = 0;
    struct undo u;
    keep_sending(p);
    note_changes(p, wanted, &stopping);
    unsigned added = (unsigned)(p->medias - q->medias_then), room = WEIR_PEER_MEDIA_MAX - q->medias;
    added = added < room ? added : room;
    move_sections(p, q->medias, q->medias_then, added);
    p->medias = (uint8_t)(q->medias + added);
    for (struct reading r = read_kept(p); next_kept(p, &r, &u);) {
        u.media.wanted = (enum weir_sdp_direction)wanted[u.at];
        u.media.is_stopping = (stopping >> u.at & 1) != 0;
        *media_at(p, u.at) = u.media;
    }
    p->rest_medias = q->rest_medias;
}
