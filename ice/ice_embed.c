/* Bytes that ride on checks [draft-hancke-webrtc-sped], whatever they mean to who gave them.
 *
 *   1. what is to be carried waits in a short list, each payload known by its CRC-32;
 *   2. every check, and every answer to one, takes the next payload of the list along, and names the
 *      last few that came;
 *   3. a payload leaves the list when the peer names it, when the check that carried it is answered, or
 *      when its owner clears the list for others;
 *   4. a peer whose messages have neither attribute does not do this, or does so no more: off;
 *   5. when the owner is finished and the peer has nothing left either, both leave the attributes out.
 *
 * Nothing here is believed before the message's integrity was.
 */
#include "ice/ice_int.h"

const char *weir_ice_embed_state_name(enum weir_ice_embed_state s)
{
    static const char *const name[] = { "off", "tentative", "confirmed", "ending", "done" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_ICE_EMBED_STATES, "every state has a name");
    return (unsigned)s < WEIR_ICE_EMBED_STATES ? name[s] : "?";
}

/* -- The owner's side -------------------------------------------------------------------------- */

struct weir_ice_embed_info weir_ice_embed_info(const struct weir_ice *ice)
{
    const struct weir_ice_embed *e = &ice->embed;
    return (struct weir_ice_embed_info){ e->state, e->tx_payloads, e->rx_payloads, e->rx_repeats };
}

static struct weir_ice_payload *payload_at(const struct weir_ice *ice, uint32_t i)
{
    return &setup_of(ice)->payload[i];
}

static void drop(struct weir_ice *ice, uint32_t at)
{
    struct weir_ice_embed *e = &ice->embed;
    e->count--;
    memmove(payload_at(ice, at), payload_at(ice, at + 1),
            (e->count - at) * sizeof(struct weir_ice_payload));
    e->turn = (uint8_t)(e->turn - (e->turn > at ? 1 : 0));
}

/* Nothing is carried any more: what was sent by itself need not wait. */
static void end_with(struct weir_ice *ice, enum weir_ice_embed_state state)
{
    ice->embed.state = state;
    for (uint32_t i = ice->embed.count; i-- > 0;) {
        if (!payload_at(ice, i)->owes_bare) {
            drop(ice, i);
        }
    }
}

void weir_ice_embed_begin(struct weir_ice *ice)
{
    ice->embed.state = WEIR_ICE_EMBED_TENTATIVE;
}

void weir_ice_embed_stop(struct weir_ice *ice)
{
    end_with(ice, WEIR_ICE_EMBED_OFF);
}

bool weir_ice_embed_is_on(const struct weir_ice *ice)
{
    return ice->embed.state >= WEIR_ICE_EMBED_TENTATIVE && ice->embed.state <= WEIR_ICE_EMBED_ENDING;
}

bool weir_ice_embed_is_open(const struct weir_ice *ice)
{
    return weir_ice_embed_is_on(ice) && ice->embed.state != WEIR_ICE_EMBED_ENDING;
}

bool weir_ice_embed_has_room(const struct weir_ice *ice)
{
    bool has_block = ice->setup != WEIR_NO_BLOCK
                     || (ice->config.setups != NULL && weir_arena_free(ice->config.setups) != 0);
    return ice->embed.count < WEIR_ICE_EMBEDS_MAX && has_block && ice->state != WEIR_ICE_CLOSED;
}

void weir_ice_embed_clear(struct weir_ice *ice)
{
    ice->embed.count = ice->embed.turn = 0;
    ice->embed.round++;
}

enum weir_status weir_ice_embed_add(struct weir_ice *ice, struct weir_span payload)
{
    struct weir_ice_embed *e = &ice->embed;
    if (payload.n == 0 || payload.n > WEIR_ICE_EMBED_BYTES) {
        return WEIR_ERR_SIZE;
    }
    if (ice->state == WEIR_ICE_CLOSED) {
        return WEIR_ERR_STATE;
    }
    if (e->count == WEIR_ICE_EMBEDS_MAX || !weir_ice_have_setup(ice)) {
        return WEIR_ERR_FULL;
    }
    struct weir_ice_payload *p = payload_at(ice, e->count++);
    p->mark = weir_stun_crc32(payload);
    p->bytes = (uint16_t)payload.n;
    p->owes_bare = true;
    memcpy(p->data, payload.p, payload.n);
    return WEIR_OK;
}

size_t weir_ice_embed_bare(struct weir_ice *ice, struct weir_mspan out)
{
    for (uint32_t i = 0; i < ice->embed.count; i++) {
        struct weir_ice_payload *p = payload_at(ice, i);
        size_t n = p->bytes;
        if (!p->owes_bare || n > out.n) {
            continue;
        }
        memcpy(out.p, p->data, n);
        p->owes_bare = false;
        if (!weir_ice_embed_is_on(ice)) {
            drop(ice, i); /* it will never be carried */
        }
        return n;
    }
    return 0;
}

void weir_ice_embed_push(struct weir_ice *ice)
{
    uint32_t owed = ice->answers; /* they take one payload each */
    for (uint32_t i = 0; i < ice->pairs; i++) {
        struct weir_ice_pair *p = pair_at(ice, i);
        if (ice->embed.count > owed && p->has_request && p->state == WEIR_ICE_IN_PROGRESS
            && !p->owes_check) {
            p->owes_check = p->is_extra = true;
        }
    }
}

void weir_ice_embed_finish(struct weir_ice *ice)
{
    if (weir_ice_embed_is_on(ice)) {
        ice->embed.state = WEIR_ICE_EMBED_ENDING;
    }
}

void weir_ice_embed_over(struct weir_ice *ice)
{
    if (ice->embed.state == WEIR_ICE_EMBED_ENDING) {
        end_with(ice, WEIR_ICE_EMBED_DONE);
    }
}

/* -- What came --------------------------------------------------------------------------------- */

uint32_t weir_ice_embed_mark(struct weir_span payload)
{
    return weir_stun_crc32(payload);
}

static bool has_seen(const struct weir_ice_embed *e, uint32_t mark)
{
    bool has = false;
    for (uint32_t i = 0; i < e->seen_count; i++) {
        has |= e->seen[i] == mark;
    }
    return has;
}

void weir_ice_embed_took(struct weir_ice *ice, uint32_t mark)
{
    struct weir_ice_embed *e = &ice->embed;
    uint32_t at = 0;
    if (!weir_ice_embed_is_on(ice)) {
        return;
    }
    while (at < e->seen_count && e->seen[at] != mark) {
        at++;
    }
    if (at == WEIR_ICE_EMBED_SEEN_MAX) {
        at = 0; /* the oldest goes */
    }
    /* The newest stands last; one that comes again is the newest, so that it is named again. */
    e->seen_count = (uint8_t)(e->seen_count + (at == e->seen_count ? 1 : 0));
    memmove(&e->seen[at], &e->seen[at + 1], (e->seen_count - 1 - at) * sizeof e->seen[0]);
    e->seen[e->seen_count - 1] = mark;
}

bool weir_ice_embedded(const struct weir_ice *ice, size_t *at, size_t *bytes)
{
    *at = ice->embed.rx_at;
    *bytes = ice->embed.rx_bytes;
    return *bytes != 0;
}

static void prune(struct weir_ice *ice, uint32_t mark)
{
    for (uint32_t i = ice->embed.count; i-- > 0;) {
        if (payload_at(ice, i)->mark == mark) {
            drop(ice, i);
        }
    }
}

/* A list of CRCs. [draft-hancke-webrtc-sped DEVIATION] four at most, it says; browsers may name more. */
static bool is_list(const struct weir_stun_msg *m)
{
    return m->has_dtls_in_stun_ack && m->dtls_in_stun_ack.n % 4 == 0
           && m->dtls_in_stun_ack.n <= 4 * ICE_EMBED_NAMED_MAX;
}

static void take_list(struct weir_ice *ice, struct weir_span list)
{
    struct weir_rd r = weir_rd_of(list);
    uint32_t mark;
    while (weir_rd_u32(&r, &mark)) {
        prune(ice, mark);
    }
}

/* [RFC 9443 3] the first byte of a DTLS record; anything else is not for the owner. */
static bool is_for_owner(struct weir_span payload)
{
    return payload.n != 0 && payload.p[0] >= 20 && payload.p[0] <= 63;
}

static void take_payload(struct weir_ice *ice, const struct weir_stun_msg *m)
{
    struct weir_ice_embed *e = &ice->embed;
    struct weir_span payload = m->dtls_in_stun;
    uint32_t mark = weir_stun_crc32(payload);
    e->rx_payloads++;
    if (has_seen(e, mark)) {
        e->rx_repeats++;
        weir_ice_embed_took(ice, mark);
        return;
    }
    e->rx_at = (uint32_t)(payload.p - m->packet.p);
    e->rx_bytes = (uint32_t)payload.n;
}

/* Both lists are empty on our side: does the peer still want something? */
static void consider_end(struct weir_ice_embed *e, const struct weir_stun_msg *m)
{
    if (e->state != WEIR_ICE_EMBED_ENDING || e->count != 0) {
        return;
    }
    if (!m->has_dtls_in_stun) {
        e->state = WEIR_ICE_EMBED_DONE;
    } else if (m->dtls_in_stun.n == 0) {
        e->is_data_over = true;
    }
}

void weir_ice_embed_forget(struct weir_ice *ice)
{
    ice->embed.rx_at = ice->embed.rx_bytes = 0;
}

void weir_ice_embed_take(struct weir_ice *ice, const struct weir_stun_msg *m, uint32_t carried)
{
    struct weir_ice_embed *e = &ice->embed;
    if (!weir_ice_embed_is_on(ice)) {
        return;
    }
    if (!m->has_dtls_in_stun && !m->has_dtls_in_stun_ack) {
        end_with(ice, e->state == WEIR_ICE_EMBED_ENDING ? WEIR_ICE_EMBED_DONE : WEIR_ICE_EMBED_OFF);
        return;
    }
    e->state = e->state == WEIR_ICE_EMBED_TENTATIVE ? WEIR_ICE_EMBED_CONFIRMED : e->state;
    prune(ice, carried);
    if (is_list(m)) {
        take_list(ice, m->dtls_in_stun_ack);
    }
    if (is_for_owner(m->dtls_in_stun)) {
        take_payload(ice, m);
    }
    consider_end(e, m);
}

/* -- What leaves ------------------------------------------------------------------------------- */

static void put_list(const struct weir_ice_embed *e, struct weir_stun_build *b)
{
    uint8_t list[4 * WEIR_ICE_EMBED_TOLD];
    uint32_t told = e->seen_count < WEIR_ICE_EMBED_TOLD ? e->seen_count : WEIR_ICE_EMBED_TOLD;
    for (uint32_t i = 0; i < told; i++) {
        weir_put32(list + 4 * i, e->seen[e->seen_count - told + i]);
    }
    weir_stun_put_bytes(b, WEIR_STUN_DTLS_IN_STUN_ACK, weir_span_of(list, 4 * told));
}

uint32_t weir_ice_embed_put(struct weir_ice *ice, struct weir_stun_build *b, size_t limit)
{
    struct weir_ice_embed *e = &ice->embed;
    if (!weir_ice_embed_is_on(ice)) {
        return 0;
    }
    put_list(e, b);
    e->turn = e->turn < e->count ? e->turn : 0;
    const struct weir_ice_payload *p = e->count == 0 ? NULL : payload_at(ice, e->turn);
    if (p != NULL && b->w.len + p->bytes + ICE_EMBED_TAIL <= limit) {
        weir_stun_put_bytes(b, WEIR_STUN_DTLS_IN_STUN, weir_span_of(p->data, p->bytes));
        e->turn++;
        e->tx_payloads++;
        return p->mark;
    }
    if (!e->is_data_over || p != NULL) {
        weir_stun_put_flag(b, WEIR_STUN_DTLS_IN_STUN);
    }
    return 0;
}

void weir_ice_embed_sent(struct weir_ice *ice, uint32_t mark)
{
    for (uint32_t i = 0; i < ice->embed.count; i++) {
        struct weir_ice_payload *p = payload_at(ice, i);
        p->owes_bare = p->owes_bare && p->mark != mark;
    }
}

bool weir_ice_embed_check(const struct weir_ice *ice)
{
    const struct weir_ice_embed *e = &ice->embed;
    bool holds = e->count <= WEIR_ICE_EMBEDS_MAX && e->seen_count <= WEIR_ICE_EMBED_SEEN_MAX
                 && e->state < WEIR_ICE_EMBED_STATES;
    for (uint32_t i = 0; i < e->count && holds; i++) {
        holds = payload_at(ice, i)->bytes != 0 && payload_at(ice, i)->bytes <= WEIR_ICE_EMBED_BYTES;
    }
    return holds;
}
