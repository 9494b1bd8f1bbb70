/* Fragments to messages, in order and in bounded memory [RFC 6347 4.2.2, 4.2.3; RFC 9147 5.5].
 *
 *  0      1                      4              6                       9                       12
 *  +------+----------------------+--------------+-----------------------+-----------------------+
 *  | type | length of message    | message_seq  | offset of fragment    | length of fragment    |
 *  +------+----------------------+--------------+-----------------------+-----------------------+
 *
 *  1. take     one fragment out of a record
 *  2. add      find the slot of its message_seq in the window, or open one; copy what is new
 *  3. ready    slot 0 has all its bytes: its turn
 *  4. pop      the window moves by one; the buffer closes up
 *  5. tell     1.3: an ACK is to name what lies ahead, which then must stay
 *
 * One buffer serves all slots. The message expected next always gets room: what lies ahead of it is
 * thrown out, and comes again with the peer's retransmission. Fragments may overlap, repeat, come
 * in any order and be as short as one byte: a bit per byte tells what has arrived, and the first
 * copy of a byte counts. Without protection anybody may have sent a fragment: there the newest counts when
 * two contradict each other, and a message that comes whole counts before pieces, so that no one packet
 * keeps the true message out.
 */
#include "dtls/dtls_int.h"

_Static_assert(WEIR_DTLS_REASSEMBLY_BYTES % 8 == 0, "the bits of the buffer fill bytes");
_Static_assert(WEIR_DTLS_REASSEMBLY_BYTES <= 0x8000, "offsets are 16 bits");
_Static_assert(WEIR_DTLS_HELLO_MAX <= WEIR_DTLS_REASSEMBLY_BYTES, "a hello fits the buffer");

/* -- 1. Take ----------------------------------------------------------------------------------- */

enum weir_dtls_verdict weir_dtls_fragment_take(struct weir_rd *record, struct dtls_fragment *f)
{
    struct weir_rd rd = *record;
    struct weir_span head;
    if (!weir_rd_take(&rd, MESSAGE_HEADER_BYTES, &head)) {
        return WEIR_DTLS_FRAGMENT_TRUNCATED;
    }
    f->type = head.p[0];
    f->length = weir_be24(head.p + 1);
    f->seq = weir_be16(head.p + 4);
    f->offset = weir_be24(head.p + 6);
    if (!weir_rd_take(&rd, weir_be24(head.p + 9), &f->bytes)) {
        return WEIR_DTLS_FRAGMENT_TRUNCATED;
    }
    if (f->offset > f->length || f->bytes.n > f->length - f->offset) {
        return WEIR_DTLS_FRAGMENT_RANGE;
    }
    *record = rd;
    return WEIR_DTLS_OK;
}

/* -- 2. Add ------------------------------------------------------------------------------------ */

/* What a message takes of the buffer: whole bytes of bits. */
static unsigned room_of(unsigned length)
{
    return (length + 7) & ~7u;
}

/* Take a slot's bytes and bits out of the buffer, and close up behind them. */
static void slot_free(struct weir_dtls_reassembly *r, unsigned index)
{
    struct weir_dtls_slot gone = r->slot[index];
    unsigned room = room_of(gone.length);
    unsigned behind = gone.at + room;
    if (!gone.is_used) {
        return;
    }
    memmove(r->bytes + gone.at, r->bytes + behind, r->used - behind);
    memmove(r->seen + gone.at / 8, r->seen + behind / 8, (r->used - behind) / 8);
    r->used = (uint16_t)(r->used - room);
    memset(&r->slot[index], 0, sizeof r->slot[index]);
    for (unsigned i = 0; i < WEIR_DTLS_WINDOW; i++) {
        if (r->slot[i].is_used && r->slot[i].at > gone.at) {
            r->slot[i].at = (uint16_t)(r->slot[i].at - room);
        }
    }
}

static bool slot_open(struct weir_dtls_reassembly *r, unsigned index, const struct dtls_fragment *f)
{
    unsigned room = room_of(f->length);
    /* The next message in turn pushes out the farthest ones. */
    for (unsigned i = WEIR_DTLS_WINDOW - 1; index == 0 && i > 0; i--) {
        if (room > sizeof r->bytes - r->used && !r->slot[i].is_told) {
            slot_free(r, i);
        }
    }
    if (room > sizeof r->bytes - r->used) {
        return false;
    }
    r->slot[index] = (struct weir_dtls_slot){ f->type, true, r->used, (uint16_t)f->length, 0, false };
    memset(r->seen + r->used / 8, 0, room / 8);
    r->used = (uint16_t)(r->used + room);
    return true;
}

static void slot_fill(struct weir_dtls_reassembly *r, struct weir_dtls_slot *s,
                      const struct dtls_fragment *f)
{
    for (size_t i = 0; i < f->bytes.n; i++) {
        size_t at = s->at + f->offset + i;
        uint8_t bit = (uint8_t)(1u << (at & 7));
        if ((r->seen[at / 8] & bit) == 0) {
            r->seen[at / 8] |= bit;
            r->bytes[at] = f->bytes.p[i];
            s->have++;
        }
    }
}

enum weir_dtls_verdict weir_dtls_reassembly_add(struct weir_dtls_reassembly *r,
                                                const struct dtls_fragment *f, bool is_plain)
{
    size_t longest = f->type == MESSAGE_CLIENT_HELLO ? WEIR_DTLS_HELLO_MAX : sizeof r->bytes;
    /* [RFC 9147 5.2] Numbers do not come round: after the last one nothing is new. */
    if (r->is_spent && f->seq < UINT16_MAX - WEIR_DTLS_WINDOW) {
        return WEIR_DTLS_MESSAGE_AHEAD;
    }
    if (f->seq < r->next || r->is_spent) {
        return WEIR_DTLS_MESSAGE_OLD;
    }
    unsigned index = (unsigned)f->seq - r->next;
    if (index >= WEIR_DTLS_WINDOW) {
        return WEIR_DTLS_MESSAGE_AHEAD;
    }
    if (f->length > longest) {
        return WEIR_DTLS_MESSAGE_SIZE;
    }
    if (f->bytes.n == 0 && f->length != 0) {
        return WEIR_DTLS_FRAGMENT_EMPTY;
    }
    struct weir_dtls_slot *s = &r->slot[index];
    bool is_other = s->is_used && (s->type != f->type || s->length != f->length);
    if (is_other && !is_plain) {
        return WEIR_DTLS_FRAGMENT_MISMATCH;
    }
    if (is_other || (is_plain && s->is_used && f->bytes.n == f->length)) {
        slot_free(r, index);
    }
    if (!s->is_used && !slot_open(r, index, f)) {
        return WEIR_DTLS_MESSAGE_NO_ROOM;
    }
    slot_fill(r, s, f);
    return WEIR_DTLS_OK;
}

/* -- 3. Ready, 4. pop -------------------------------------------------------------------------- */

bool weir_dtls_reassembly_ready(const struct weir_dtls_reassembly *r, uint8_t *type,
                                struct weir_span *body)
{
    const struct weir_dtls_slot *s = &r->slot[0];
    if (!s->is_used || s->have != s->length) {
        return false;
    }
    *type = s->type;
    *body = weir_span_of(r->bytes + s->at, s->length);
    return true;
}

void weir_dtls_reassembly_pop(struct weir_dtls_reassembly *r)
{
    slot_free(r, 0);
    memmove(r->slot, r->slot + 1, sizeof r->slot - sizeof r->slot[0]);
    memset(&r->slot[WEIR_DTLS_WINDOW - 1], 0, sizeof r->slot[0]);
    r->is_spent = r->next == UINT16_MAX;
    r->next = (uint16_t)(r->next + (r->is_spent ? 0 : 1));
}

void weir_dtls_reassembly_drop(struct weir_dtls_reassembly *r)
{
    slot_free(r, 0);
}

void weir_dtls_reassembly_reset(struct weir_dtls_reassembly *r, uint16_t next)
{
    r->next = next;
    r->is_spent = false;
    r->used = 0;
    memset(r->slot, 0, sizeof r->slot);
}

/* -- 5. Tell [RFC 9147 7 MUST NOT] ------------------------------------------------------------- */

static unsigned room_ahead(const struct weir_dtls_reassembly *r)
{
    return r->used - (r->slot[0].is_used ? room_of(r->slot[0].length) : 0);
}

bool weir_dtls_reassembly_has_gap(const struct weir_dtls_reassembly *r)
{
    const struct weir_dtls_slot *s = &r->slot[0];
    unsigned n = 0;
    while (s->is_used && n < s->length && (r->seen[(s->at + n) / 8] >> (n & 7) & 1) != 0) {
        n++;
    }
    return room_ahead(r) != 0 || n < s->have;
}

bool weir_dtls_reassembly_tell(struct weir_dtls_reassembly *r)
{
    if (room_ahead(r) > sizeof r->bytes / 4) {
        return false;
    }
    for (unsigned i = 1; i < WEIR_DTLS_WINDOW; i++) {
        r->slot[i].is_told = r->slot[i].is_used;
    }
    return true;
}
