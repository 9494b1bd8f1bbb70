/* Which streams a direction knows: rollover counters and replay windows by SSRC.
 *
 *   1. a packet's stream is found, or a blank one stands in for it;
 *   2. only when the packet was verified (or sealed) is the blank one kept [RFC 3711 3.3];
 *   3. when the table is full, the stream that was used least lately makes room. What is left of it is
 *      its highest indices: sixteen bytes instead of a window. If it comes back it goes on behind
 *      them, so that nothing of before is taken or sealed a second time [RFC 3711 3.3.2, 9.1].
 *
 * A key lives as long as its connection, so what was forgotten could matter for as long. On opening the
 * oldest of the WEIR_SRTP_RESTS_MAX remembered ones is forgotten when there is one more: a recording of it
 * could be played again. On sealing none ever is: there the one more is refused [RFC 3711 9.1 MUST].
 */
#include "srtp/srtp_int.h"

static struct weir_srtp_stream *find(struct weir_srtp *s, uint32_t ssrc)
{
    if (s->last < s->streams && s->stream[s->last].ssrc == ssrc) {
        return &s->stream[s->last];
    }
    for (uint32_t i = 0; i < s->streams; i++) {
        if (s->stream[i].ssrc == ssrc) {
            s->last = i;
            return &s->stream[i];
        }
    }
    return NULL;
}

/* As if every index up to the highest had been seen. */
static void resume(struct weir_replay *r, uint64_t highest)
{
    r->highest = highest;
    r->has_any = true;
    memset(r->seen, 0xff, sizeof r->seen);
}

static const struct weir_srtp_rest *find_rest(const struct weir_srtp *s, uint32_t ssrc)
{
    for (uint32_t i = 0; i < s->rests; i++) {
        if (s->rest[i].ssrc == ssrc) {
            return &s->rest[i];
        }
    }
    return NULL;
}

struct weir_srtp_stream *weir_srtp_stream_of(struct weir_srtp *s, uint32_t ssrc)
{
    struct weir_srtp_stream *stream = find(s, ssrc);
    if (stream != NULL) {
        return stream;
    }
    const struct weir_srtp_rest *rest = find_rest(s, ssrc);
    stream = &s->stream[s->streams]; /* there is one place more than streams */
    memset(stream, 0, sizeof *stream);
    stream->ssrc = ssrc;
    if (rest != NULL && rest->rtp != WEIR_SRTP_NO_INDEX) {
        resume(&stream->rtp, rest->rtp);
    }
    if (rest != NULL && rest->rtcp != UINT32_MAX) {
        resume(&stream->rtcp, rest->rtcp);
    }
    return stream;
}

static void rest_remove(struct weir_srtp *s, uint32_t ssrc)
{
    const struct weir_srtp_rest *rest = find_rest(s, ssrc);
    if (rest != NULL) {
        size_t at = (size_t)(rest - s->rest);
        s->rests--;
        memmove(&s->rest[at], &s->rest[at + 1], (s->rests - at) * sizeof s->rest[0]);
    }
}

/* What is left of a stream. */
static void rest_add(struct weir_srtp *s, const struct weir_srtp_stream *stream)
{
    if (s->rests == WEIR_SRTP_RESTS_MAX) {
        rest_remove(s, s->rest[0].ssrc);
    }
    struct weir_srtp_rest *rest = &s->rest[s->rests++];
    rest->ssrc = stream->ssrc;
    rest->rtp = stream->rtp.has_any ? stream->rtp.highest : WEIR_SRTP_NO_INDEX;
    rest->rtcp = stream->rtcp.has_any ? (uint32_t)stream->rtcp.highest : UINT32_MAX;
}

static uint32_t least_lately_used(const struct weir_srtp *s)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < s->streams; i++) {
        if (s->uses - s->stream[i].used_at > s->uses - s->stream[oldest].used_at) {
            oldest = i;
        }
    }
    return oldest;
}

bool weir_srtp_stream_fits(const struct weir_srtp *s, const struct weir_srtp_stream *stream)
{
    bool is_new = stream == &s->stream[s->streams];
    return !is_new || s->streams < WEIR_SRTP_STREAMS_MAX || s->rests < WEIR_SRTP_RESTS_MAX
           || find_rest(s, stream->ssrc) != NULL;
}

void weir_srtp_stream_keep(struct weir_srtp *s, struct weir_srtp_stream *stream)
{
    uint32_t at = (uint32_t)(stream - s->stream);
    stream->used_at = ++s->uses;
    if (at != s->streams) {
        return;
    }
    rest_remove(s, stream->ssrc);
    if (s->streams < WEIR_SRTP_STREAMS_MAX) {
        s->streams++;
    } else {
        at = least_lately_used(s);
        rest_add(s, &s->stream[at]);
        s->stream[at] = *stream;
    }
    s->last = at;
}
