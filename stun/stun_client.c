/* One Binding transaction over UDP [RFC 8489 6.2.1]: requests at 0, 500, 1500, 3500, 7500, 15500 and
 * 31500 ms; failure 8 s after the last (Rc = 7, Rm = 16). */
#include "stun/stun_int.h"

#define CLIENT_RTO (500 * WEIR_MS)
#define CLIENT_RC 7
#define CLIENT_RM 16

void weir_stun_client_init(struct weir_stun_client *t, const struct weir_path *path,
                           struct weir_rand *rand, weir_time now)
{
    memset(t, 0, sizeof *t);
    weir_rand_bytes(rand, t->txid, sizeof t->txid);
    t->path = *path;
    t->rto = CLIENT_RTO;
    t->retransmit_at = now;
}

static void settle(struct weir_stun_client *t, enum weir_stun_client_state state)
{
    t->state = state;
    t->retransmit_at = WEIR_NEVER;
    t->owes_request = false;
    t->owes_event = true;
}

bool weir_stun_client_event(struct weir_stun_client *t, struct weir_stun_client_event *e)
{
    if (!t->owes_event) {
        return false;
    }
    t->owes_event = false;
    e->state = t->state;
    e->mapped = t->mapped;
    e->error_code = t->error_code;
    return true;
}

bool weir_stun_client_recv(struct weir_stun_client *t, const struct weir_path *path,
                           const struct weir_stun_msg *m)
{
    bool is_ours = t->state == WEIR_STUN_CLIENT_WAITING && m->method == WEIR_STUN_BINDING
                   && (m->klass == WEIR_STUN_SUCCESS || m->klass == WEIR_STUN_ERROR)
                   && memcmp(m->txid, t->txid, sizeof t->txid) == 0 && weir_path_eq(path, &t->path);
    if (!is_ours) {
        return false;
    }
    /* [RFC 8489 6.3.3 MUST] an answer with something mandatory that we do not know is a failure.
     * [RFC 8489 10 OMITTED] ALTERNATE-SERVER is not followed: an unauthenticated answer could send us
     * anywhere, and a reflexive address is not worth that. */
    if (m->klass == WEIR_STUN_SUCCESS && m->unknowns == 0
        && m->mapped.family == t->path.local.family) {
        t->mapped = m->mapped;
        settle(t, WEIR_STUN_CLIENT_DONE);
    } else {
        t->error_code = m->error_code;
        settle(t, WEIR_STUN_CLIENT_FAILED);
    }
    return true;
}

void weir_stun_client_tick(struct weir_stun_client *t, weir_time now)
{
    if (now < t->retransmit_at) {
        return;
    }
    if (t->sent == CLIENT_RC) {
        settle(t, WEIR_STUN_CLIENT_FAILED);
        return;
    }
    t->owes_request = true;
    t->sent++;
    t->retransmit_at = weir_time_add(now, t->sent == CLIENT_RC ? CLIENT_RM * CLIENT_RTO : t->rto);
    t->rto *= 2;
}

size_t weir_stun_client_send(struct weir_stun_client *t, weir_time now, struct weir_mspan out)
{
    struct weir_stun_build b;
    const struct weir_stun_seal seal = { .with_fingerprint = true };
    (void)now;
    if (!t->owes_request) {
        return 0;
    }
    weir_stun_begin(&b, out, WEIR_STUN_BINDING, WEIR_STUN_REQUEST, t->txid);
    size_t n = weir_stun_end(&b, &seal);
    t->owes_request = n == 0;
    return n;
}

weir_time weir_stun_client_deadline(const struct weir_stun_client *t)
{
    return t->retransmit_at;
}
