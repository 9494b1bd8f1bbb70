/* SNAP [draft-hancke-tsvwg-snap]: the association's INIT chunks travel in the descriptions.
 *
 *   1. our offer says our INIT chunk, a=sctp-init, always the same one;
 *   2. an answer says one only to an offer that had a good one;
 *   3. when both were said, SCTP is up as soon as DTLS is: no INIT, no COOKIE;
 *   4. a chunk that is no good is as none, and so is our own that a peer mirrors without knowing what it
 *      is: the association is set up by packets.
 *
 * What was agreed on first stays: later descriptions repeat it, and what a peer says then changes nothing.
 */
#include "peer/peer_int.h"

void weir_peer_snap_begin(struct weir_peer *p)
{
    uint8_t chunk[WEIR_PEER_INIT_TEXT];
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)p->sctp_init,
                                                       sizeof p->sctp_init });
    size_t n = weir_sctp_init_chunk_write(&p->sctp, (struct weir_mspan){ chunk, sizeof chunk });
    weir_sdp_base64_write(&w, weir_span_of(chunk, n));
    p->sctp_init_bytes = (uint8_t)weir_wr_done(&w);
}

struct weir_span weir_peer_snap_offer(const struct weir_peer *p)
{
    bool is_said = !p->config.no_snap && p->snap != WEIR_PEER_DECLINED;
    return weir_span_of(p->sctp_init, is_said ? p->sctp_init_bytes : 0);
}

/* The chunk of the association that there is, but for the two numbers that a seed decides. */
size_t weir_peer_snap_of_seed(const struct weir_peer *p, const uint8_t seed[WEIR_SEED_BYTES],
                              char text[WEIR_PEER_INIT_TEXT])
{
    uint8_t chunk[WEIR_PEER_INIT_TEXT];
    uint32_t tag, tsn;
    struct weir_wr w = weir_wr_of((struct weir_mspan){ (uint8_t *)text, WEIR_PEER_INIT_TEXT });
    size_t n = weir_sdp_base64_read(weir_span_of(p->sctp_init, p->sctp_init_bytes),
                                    (struct weir_mspan){ chunk, sizeof chunk });
    weir_sctp_numbers_of_seed(seed, &tag, &tsn);
    weir_put32(chunk + 4, tag); /* [RFC 9260 3.3.2] */
    weir_put32(chunk + 16, tsn);
    weir_sdp_base64_write(&w, weir_span_of(chunk, n));
    return weir_wr_done(&w);
}

/* The bytes of a section's INIT chunk; 0 when there is none, or none that SCTP would take.
 * [draft-hancke-tsvwg-snap DEVIATION] The draft calls a bad chunk an error of the whole description. A call
 * that comes about by packets is worth more to both sides than none. */
static size_t read_chunk(const struct weir_peer *p, const struct weir_sdp_media *m,
                         uint8_t out[WEIR_PEER_INIT_MAX])
{
    struct weir_sctp_init_chunk init;
    if (weir_span_eq(m->sctp_init, weir_span_of(p->sctp_init, p->sctp_init_bytes))) {
        return 0;
    }
    size_t n = weir_sdp_base64_read(m->sctp_init, (struct weir_mspan){ out, WEIR_PEER_INIT_MAX });
    return n != 0 && weir_sctp_init_chunk_parse(weir_span_of(out, n), &init) == WEIR_SCTP_OK ? n : 0;
}

struct weir_span weir_peer_snap_answer(const struct weir_peer *p, const struct weir_sdp_media *offered)
{
    uint8_t chunk[WEIR_PEER_INIT_MAX];
    return read_chunk(p, offered, chunk) != 0 ? weir_peer_snap_offer(p) : weir_span_of(NULL, 0);
}

void weir_peer_snap_settle(struct weir_peer *p, const struct weir_sdp_media *agreed,
                           const struct weir_sdp_media *theirs)
{
    if (p->snap != WEIR_PEER_UNDECIDED) {
        return;
    }
    uint8_t chunk[WEIR_PEER_INIT_MAX];
    size_t n = !p->config.no_snap && agreed->sctp_init.n != 0 ? read_chunk(p, theirs, chunk) : 0;
    bool is_heard = n != 0 && weir_sctp_hear_init(&p->sctp, weir_span_of(chunk, n)) == WEIR_OK;
    p->snap = is_heard ? WEIR_PEER_AGREED : WEIR_PEER_DECLINED;
}
