/* Protecting RTP and RTCP.
 *
 * Opening, for both [RFC 3711 3.3]:
 *   1. the packet is long enough for header, tag and index;
 *   2. find the stream of its SSRC, or take a blank one that is remembered only after step 5;
 *   3. the index: estimated from the sequence number (RTP) or explicit (RTCP);
 *   4. not too old and not seen before;
 *   5. verify the tag and decrypt in place;
 *   6. remember stream and index.
 * Sealing is the same without the verification: an index is used once, ever. For RTP every SSRC that was
 * ever sealed for is remembered, and one too many is refused; for RTCP one index is shared by all SSRCs.
 *
 *   SRTP   | RTP header, CSRCs, extension | payload, encrypted | tag (16 GCM, 10 CM) |
 *   SRTCP  | 8 bytes of header | rest, encrypted | GCM tag 16 | E + index (4) | CM tag 10 |
 */
#include "srtp/srtp_int.h"

const char *weir_srtp_verdict_name(enum weir_srtp_verdict v)
{
    static const char *const name[] = {
        [WEIR_SRTP_OK] = "ok",
        [WEIR_SRTP_SHORT] = "short",
        [WEIR_SRTP_VERSION] = "version",
        [WEIR_SRTP_CSRC] = "csrc",
        [WEIR_SRTP_EXTENSION] = "extension",
        [WEIR_SRTP_PADDING] = "padding",
        [WEIR_SRTP_CRYPTEX] = "cryptex",
        [WEIR_SRTP_OLD] = "old",
        [WEIR_SRTP_REPLAY] = "replay",
        [WEIR_SRTP_CLEAR] = "clear",
        [WEIR_SRTP_AUTH] = "auth",
        [WEIR_SRTP_LIMIT] = "limit",
        [WEIR_SRTP_ROOM] = "room",
        [WEIR_SRTP_FULL] = "full",
    };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_SRTP_VERDICTS, "every verdict has a name");
    return (unsigned)v < WEIR_SRTP_VERDICTS ? name[v] : "?";
}

static enum weir_srtp_verdict count(struct weir_srtp *s, enum weir_srtp_verdict v)
{
    s->verdicts[v]++;
    return v;
}

/* -- Initialisation vectors -------------------------------------------------------------------- */

/* [RFC 7714 8.1] 00 00 | SSRC | ROC | SEQ, xor salt; for RTCP 00 00 | SSRC | 00 00 | index [9.1]. */
static void aead_iv(const struct weir_srtp_keys *k, uint32_t ssrc, uint64_t index, uint8_t iv[12])
{
    weir_put32(iv, weir_be32(k->salt) ^ ssrc >> 16);
    weir_put32(iv + 4, weir_be32(k->salt + 4) ^ (ssrc << 16 | (uint32_t)(index >> 32)));
    weir_put32(iv + 8, weir_be32(k->salt + 8) ^ (uint32_t)index);
}

/* [RFC 3711 4.1.1] (salt * 2^16) xor (SSRC * 2^64) xor (index * 2^16). */
static void cm_iv(const struct weir_srtp_keys *k, uint32_t ssrc, uint64_t index, uint8_t iv[16])
{
    weir_put32(iv, weir_be32(k->salt));
    weir_put32(iv + 4, weir_be32(k->salt + 4) ^ ssrc);
    weir_put32(iv + 8, weir_be32(k->salt + 8) ^ (uint32_t)(index >> 16));
    weir_put16(iv + 12, (uint16_t)(weir_be16(k->salt + 12) ^ (uint16_t)index));
    weir_put16(iv + 14, 0);
}

/* -- One packet's protection, common to RTP and RTCP ------------------------------------------- */

/* What the transforms work on. */
struct job {
    const struct weir_srtp_keys *keys;
    uint32_t ssrc;
    uint64_t index;
    struct weir_span aad;     /* GCM: authenticated only */
    struct weir_span covered; /* CM: all that is authenticated ... */
    struct weir_span trailer; /* ... and these bytes behind it: rollover counter, or nothing */
    struct weir_mspan secret; /* encrypted */
    uint8_t *tag;
};

/* Encrypt and make the tag, or make the tag and decrypt; in one pass where the table has one. */
static void cm_transform(const struct weir_srtp *s, const struct job *j, bool is_seal, uint8_t tag[20])
{
    const struct weir_span part[2] = { j->covered, j->trailer };
    uint8_t iv[16];
    cm_iv(j->keys, j->ssrc, j->index, iv);
    if (s->crypto->ctr_hmac != NULL) {
        const struct weir_ctr_hmac both = { &j->keys->cipher.ctr, &j->keys->auth, iv,
                                            j->covered, j->secret, j->trailer };
        s->crypto->ctr_hmac(&both, is_seal, tag);
        return;
    }
    if (is_seal) {
        s->crypto->ctr_xor(&j->keys->cipher.ctr, iv, j->secret);
    }
    weir_hmac(s->crypto, &j->keys->auth, part, 2, tag);
    if (!is_seal) {
        s->crypto->ctr_xor(&j->keys->cipher.ctr, iv, j->secret);
    }
}

static bool open_job(const struct weir_srtp *s, const struct job *j)
{
    uint8_t iv[12], tag[20];
    if (weir_srtp_is_aead(s->profile)) {
        aead_iv(j->keys, j->ssrc, j->index, iv);
        return s->crypto->aead_open(&j->keys->cipher.aead, iv, j->aad, j->secret, j->tag);
    }
    cm_transform(s, j, false, tag);
    return weir_equal_secret(tag, j->tag, SHA1_80_TAG_BYTES);
}

static void seal_job(const struct weir_srtp *s, const struct job *j)
{
    uint8_t iv[12], tag[20];
    if (weir_srtp_is_aead(s->profile)) {
        aead_iv(j->keys, j->ssrc, j->index, iv);
        s->crypto->aead_seal(&j->keys->cipher.aead, iv, j->aad, j->secret, j->tag);
        return;
    }
    cm_transform(s, j, true, tag);
    memcpy(j->tag, tag, SHA1_80_TAG_BYTES);
}

/* -- RTP --------------------------------------------------------------------------------------- */

static size_t tag_bytes(const struct weir_srtp *s)
{
    return weir_srtp_is_aead(s->profile) ? AEAD_TAG_BYTES : SHA1_80_TAG_BYTES;
}

/* Lay the job over an RTP packet whose plain or encrypted part ends at `end`. The rollover counter
 * that the CM tag covers is written to roc. */
static struct job rtp_job(const struct weir_srtp *s, uint8_t *packet, const struct rtp_frame *f,
                          size_t end, uint64_t index, uint8_t roc[4])
{
    struct job j = { .keys = &s->rtp, .ssrc = f->ssrc, .index = index };
    weir_put32(roc, (uint32_t)(index >> 16));
    j.aad = weir_span_of(packet, f->payload_at);
    j.covered = weir_span_of(packet, end);
    j.trailer = weir_span_of(roc, 4);
    j.secret = (struct weir_mspan){ packet + f->payload_at, end - f->payload_at };
    j.tag = packet + end;
    return j;
}

static enum weir_srtp_verdict open_rtp(struct weir_srtp *s, struct weir_mspan *packet)
{
    struct rtp_frame f;
    uint8_t roc[4];
    size_t tail = tag_bytes(s);
    if (packet->n < WEIR_RTP_HEADER_BYTES + tail) {
        return WEIR_SRTP_SHORT;
    }
    enum weir_srtp_verdict v = weir_srtp_frame(weir_span_of(packet->p, packet->n - tail), &f);
    if (v != WEIR_SRTP_OK) {
        return v;
    }
    if (f.ext_profile == 0xC0DE || f.ext_profile == 0xC2DE) {
        return WEIR_SRTP_CRYPTEX; /* [RFC 9335 5.1] only after both sides agreed to it */
    }
    struct weir_srtp_stream *stream = weir_srtp_stream_of(s, f.ssrc);
    uint64_t index = weir_replay_estimate(&stream->rtp, f.seq);
    v = weir_replay_check(&stream->rtp, index);
    if (v != WEIR_SRTP_OK) {
        return v;
    }
    if (index > RTP_INDEX_MAX) {
        return WEIR_SRTP_LIMIT;
    }
    struct job j = rtp_job(s, packet->p, &f, packet->n - tail, index, roc);
    if (!open_job(s, &j)) {
        return WEIR_SRTP_AUTH;
    }
    weir_replay_note(&stream->rtp, index);
    weir_srtp_stream_keep(s, stream);
    packet->n -= tail;
    return WEIR_SRTP_OK;
}

enum weir_srtp_verdict weir_srtp_open(struct weir_srtp *s, struct weir_mspan *packet)
{
    return count(s, open_rtp(s, packet));
}

static enum weir_srtp_verdict seal_rtp(struct weir_srtp *s, struct weir_mspan room, size_t *len)
{
    struct rtp_frame f;
    uint8_t roc[4];
    size_t tail = tag_bytes(s);
    if (*len > room.n || tail > room.n - *len) {
        return WEIR_SRTP_ROOM;
    }
    enum weir_srtp_verdict v = weir_srtp_frame(weir_span_of(room.p, *len), &f);
    if (v != WEIR_SRTP_OK) {
        return v;
    }
    struct weir_srtp_stream *stream = weir_srtp_stream_of(s, f.ssrc);
    uint64_t index = weir_replay_estimate(&stream->rtp, f.seq);
    v = weir_replay_check(&stream->rtp, index); /* [RFC 3711 9.1 MUST] never the same key stream twice */
    if (v != WEIR_SRTP_OK) {
        return v;
    }
    if (index > RTP_INDEX_MAX) {
        return WEIR_SRTP_LIMIT;
    }
    if (!weir_srtp_stream_fits(s, stream)) {
        return WEIR_SRTP_FULL;
    }
    struct job j = rtp_job(s, room.p, &f, *len, index, roc);
    seal_job(s, &j);
    weir_replay_note(&stream->rtp, index);
    weir_srtp_stream_keep(s, stream);
    *len += tail;
    return WEIR_SRTP_OK;
}

enum weir_srtp_verdict weir_srtp_seal(struct weir_srtp *s, struct weir_mspan room, size_t *len)
{
    return count(s, seal_rtp(s, room, len));
}

/* [RFC 3711 9.1 MUST] The same key stream for the same packet gives the same tag; other bytes do not
 * leave. */
static enum weir_srtp_verdict seal_again(struct weir_srtp *s, struct weir_mspan room, size_t *len,
                                         struct weir_span sealed_tag)
{
    struct rtp_frame f;
    uint8_t roc[4];
    size_t tail = tag_bytes(s);
    if (*len > room.n || tail > room.n - *len) {
        return WEIR_SRTP_ROOM;
    }
    enum weir_srtp_verdict v = weir_srtp_frame(weir_span_of(room.p, *len), &f);
    if (v != WEIR_SRTP_OK) {
        return v;
    }
    const struct weir_srtp_stream *stream = weir_srtp_stream_of(s, f.ssrc);
    uint64_t index = weir_replay_estimate(&stream->rtp, f.seq);
    if (weir_replay_check(&stream->rtp, index) == WEIR_SRTP_OK) {
        return WEIR_SRTP_OLD; /* it never was sealed, or is of a stream that is gone */
    }
    struct job j = rtp_job(s, room.p, &f, *len, index, roc);
    seal_job(s, &j);
    if (sealed_tag.n != tail || !weir_equal_secret(j.tag, sealed_tag.p, tail)) {
        weir_wipe(room.p, room.n);
        return WEIR_SRTP_AUTH;
    }
    *len += tail;
    return WEIR_SRTP_OK;
}

enum weir_srtp_verdict weir_srtp_seal_again(struct weir_srtp *s, struct weir_mspan room, size_t *len,
                                            struct weir_span sealed_tag)
{
    return count(s, seal_again(s, room, len, sealed_tag));
}

size_t weir_srtp_tag_bytes(const struct weir_srtp *s)
{
    return tag_bytes(s);
}

/* -- RTCP -------------------------------------------------------------------------------------- */

/* Lay the job over an RTCP packet whose own bytes end at `end`. `word` is E and index as they travel;
 * GCM authenticates it after the header [RFC 7714 9.2], CM covers it in place. */
static struct job rtcp_job(const struct weir_srtp *s, uint8_t *packet, size_t end, uint64_t index,
                           const uint8_t *word, uint8_t aad[RTCP_HEADER_BYTES + RTCP_INDEX_BYTES])
{
    struct job j = { .keys = &s->rtcp, .ssrc = weir_be32(packet + 4), .index = index };
    memcpy(aad, packet, RTCP_HEADER_BYTES);
    memcpy(aad + RTCP_HEADER_BYTES, word, RTCP_INDEX_BYTES);
    j.aad = weir_span_of(aad, RTCP_HEADER_BYTES + RTCP_INDEX_BYTES);
    j.covered = weir_span_of(packet, end + RTCP_INDEX_BYTES);
    j.secret = (struct weir_mspan){ packet + RTCP_HEADER_BYTES, end - RTCP_HEADER_BYTES };
    j.tag = packet + (weir_srtp_is_aead(s->profile) ? end : end + RTCP_INDEX_BYTES);
    return j;
}

/* Where E and index stand when the packet's own bytes end at `end`. */
static size_t rtcp_word_at(const struct weir_srtp *s, size_t end)
{
    return weir_srtp_is_aead(s->profile) ? end + AEAD_TAG_BYTES : end;
}

static enum weir_srtp_verdict open_rtcp(struct weir_srtp *s, struct weir_mspan *packet)
{
    uint8_t aad[RTCP_HEADER_BYTES + RTCP_INDEX_BYTES];
    size_t tail = tag_bytes(s) + RTCP_INDEX_BYTES;
    if (packet->n < RTCP_HEADER_BYTES + tail) {
        return WEIR_SRTP_SHORT;
    }
    if (packet->p[0] >> 6 != 2) {
        return WEIR_SRTP_VERSION;
    }
    size_t end = packet->n - tail;
    const uint8_t *word = packet->p + rtcp_word_at(s, end);
    if ((word[0] & 0x80) == 0) {
        return WEIR_SRTP_CLEAR;
    }
    uint64_t index = weir_be32(word) & 0x7fffffff;
    struct weir_srtp_stream *stream = weir_srtp_stream_of(s, weir_be32(packet->p + 4));
    enum weir_srtp_verdict v = weir_replay_check(&stream->rtcp, index);
    if (v != WEIR_SRTP_OK) {
        return v;
    }
    struct job j = rtcp_job(s, packet->p, end, index, word, aad);
    if (!open_job(s, &j)) {
        return WEIR_SRTP_AUTH;
    }
    weir_replay_note(&stream->rtcp, index);
    weir_srtp_stream_keep(s, stream);
    packet->n = end;
    return WEIR_SRTP_OK;
}

enum weir_srtp_verdict weir_srtcp_open(struct weir_srtp *s, struct weir_mspan *packet)
{
    return count(s, open_rtcp(s, packet));
}

bool weir_srtp_is_ours(struct weir_srtp *s, struct weir_mspan packet, bool is_rtcp)
{
    uint8_t aad[RTCP_HEADER_BYTES + RTCP_INDEX_BYTES], roc[4];
    struct rtp_frame f;
    struct job j;
    size_t tail = tag_bytes(s) + (is_rtcp ? RTCP_INDEX_BYTES : 0);
    if (packet.n < (is_rtcp ? (size_t)RTCP_HEADER_BYTES : (size_t)WEIR_RTP_HEADER_BYTES) + tail) {
        return false;
    }
    size_t end = packet.n - tail;
    if (is_rtcp) {
        const uint8_t *word = packet.p + rtcp_word_at(s, end);
        j = rtcp_job(s, packet.p, end, weir_be32(word) & 0x7fffffff, word, aad);
    } else if (weir_srtp_frame(weir_span_of(packet.p, end), &f) == WEIR_SRTP_OK) {
        const struct weir_srtp_stream *stream = weir_srtp_stream_of(s, f.ssrc);
        j = rtp_job(s, packet.p, &f, end, weir_replay_estimate(&stream->rtp, f.seq), roc);
    } else {
        return false;
    }
    return open_job(s, &j);
}

static enum weir_srtp_verdict seal_rtcp(struct weir_srtp *s, struct weir_mspan room, size_t *len)
{
    uint8_t aad[RTCP_HEADER_BYTES + RTCP_INDEX_BYTES];
    size_t tail = tag_bytes(s) + RTCP_INDEX_BYTES;
    if (*len < RTCP_HEADER_BYTES) {
        return WEIR_SRTP_SHORT;
    }
    if (*len > room.n || tail > room.n - *len) {
        return WEIR_SRTP_ROOM;
    }
    uint64_t index = (uint64_t)s->rtcp_sealed + 1; /* [RFC 7714 9.1 MUST] whatever the SSRC is */
    if (index > RTCP_INDEX_MAX) {
        return WEIR_SRTP_LIMIT;
    }
    uint8_t *word = room.p + rtcp_word_at(s, *len);
    weir_put32(word, (uint32_t)index | 0x80000000);
    struct job j = rtcp_job(s, room.p, *len, index, word, aad);
    seal_job(s, &j);
    s->rtcp_sealed = (uint32_t)index;
    *len += tail;
    return WEIR_SRTP_OK;
}

enum weir_srtp_verdict weir_srtcp_seal(struct weir_srtp *s, struct weir_mspan room, size_t *len)
{
    return count(s, seal_rtcp(s, room, len));
}

/* -- For others to read ------------------------------------------------------------------------ */

enum weir_srtp_profile weir_srtp_profile(const struct weir_srtp *s)
{
    return s->profile;
}

uint32_t weir_srtp_verdicts(const struct weir_srtp *s, enum weir_srtp_verdict v)
{
    return (unsigned)v < WEIR_SRTP_VERDICTS ? s->verdicts[v] : 0;
}
