/* Candidates of the peer, from a description or by themselves. */
#include "peer/peer_int.h"

const char *weir_gathering_name(enum weir_gathering g)
{
    static const char *const name[] = { "new", "gathering", "complete" };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_GATHERINGS, "every state has a name");
    return (unsigned)g < WEIR_GATHERINGS ? name[g] : "?";
}

/* Empty text is the end of candidates, of its generation [RFC 8838 14]. */
static bool read_candidate(struct weir_span text, struct weir_span ufrag, struct weir_ice_candidate *c,
                           struct weir_span *name)
{
    memset(c, 0, sizeof *c);
    *name = weir_span_of(NULL, 0);
    if (text.n != 0 && !weir_ice_candidate_parse(text, c, name)) {
        return false;
    }
    if (c->ufrag_hash == 0 && ufrag.n != 0) {
        c->ufrag_hash = weir_ice_ufrag_hash(ufrag);
    }
    return true;
}

enum weir_status weir_peer_take_candidate(struct weir_peer *p, weir_time now, struct weir_span text,
                                          struct weir_span ufrag)
{
    struct weir_ice_candidate c;
    struct weir_span name;
    if (!read_candidate(text, ufrag, &c, &name)) {
        return WEIR_ERR_ARG;
    }
    if (weir_ice_is_stray(&p->ice, &c)) { /* [RFC 8838 9] */
        return WEIR_ERR_STATE;
    }
    if (text.n == 0) {
        weir_ice_remote_done(&p->ice, now);
        return WEIR_OK;
    }
    if (name.n != 0) {
        enum weir_status kept = weir_peer_keep_name(p, name, &c) ? WEIR_OK : WEIR_ERR_FULL;
        weir_peer_progress(p, now);
        return kept;
    }
    enum weir_status status = weir_ice_add_remote(&p->ice, now, &c);
    weir_peer_progress(p, now);
    return status == WEIR_ERR_FULL ? status : WEIR_OK; /* TCP and other components are left out */
}

enum weir_status weir_peer_add_candidate(struct weir_peer *p, weir_time now, struct weir_span text)
{
    return weir_peer_add_candidate_of(p, now, text, weir_span_of(NULL, 0));
}

enum weir_status weir_peer_add_candidate_of(struct weir_peer *p, weir_time now, struct weir_span text,
                                            struct weir_span ufrag)
{
    enum weir_status status = weir_peer_take_candidate(p, now, text, ufrag);
    weir_ice_allow(&p->ice, status == WEIR_OK ? text.n : 0); /* what is no candidate buys no check */
    return status;
}

void weir_peer_name_candidate(const struct weir_peer *p, struct weir_event *e)
{
    unsigned at = p->tag;
    for (unsigned i = 0; !p->has_remote && i < p->medias; i++) { /* the first described carries all */
        if (!media_at(p, i)->is_stopped && !media_at(p, i)->is_new) {
            at = i;
            break;
        }
    }
    if (at < p->medias && !media_at(p, at)->is_new) {
        e->media = (uint8_t)at;
        e->candidate.mid = weir_span_of(media_at(p, at)->mid, media_at(p, at)->mid_bytes);
    }
}
