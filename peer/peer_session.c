/* Reconnecting: what peers of one certificate keep of their connections, so that the next one to the same
 * peer begins without certificates (dtls/README.md).
 *
 *  1. begin  the key of the tickets that we give follows from our private key: whoever shows the same
 *            certificate, in another shard or process, knows them, and with the certificate they end
 *  2. keep   as DTLS client, the session that the server gave us; one for each peer, the oldest goes
 *  3. take   when we are to be client again: by the fingerprints of the description, and once
 */
#include "peer/peer_int.h"

/* -- 1. Begin ---------------------------------------------------------------------------------- */

void weir_sessions_init(struct weir_sessions *s, const struct weir_crypto *crypto,
                        const struct weir_identity *identity, struct weir_dtls_session *room, uint32_t max)
{
    uint8_t prk[WEIR_HASH_BYTES_MAX];
    memset(s, 0, sizeof *s);
    s->session = room;
    s->max = max;
    weir_hkdf_extract(crypto, WEIR_SHA256, weir_span_of(identity->fingerprint_sha256, 32),
                      weir_span_of(identity->private_key, identity->key_bytes), prk);
    weir_hkdf_expand(crypto, WEIR_SHA256, weir_span_of(prk, 32), WEIR_LIT("weir ticket key"),
                     (struct weir_mspan){ s->ticket_key, sizeof s->ticket_key });
    weir_wipe(prk, sizeof prk);
}

void weir_sessions_deinit(struct weir_sessions *s)
{
    weir_wipe(s->session, s->max * sizeof *s->session);
    weir_wipe(s, sizeof *s);
}

/* -- 2. Keep ----------------------------------------------------------------------------------- */

static struct weir_dtls_session *room_for(struct weir_sessions *s, const struct weir_dtls_session *fresh)
{
    struct weir_dtls_session *oldest = &s->session[0];
    for (uint32_t i = 0; i < s->kept; i++) {
        struct weir_dtls_session *at = &s->session[i];
        if (weir_equal_secret(at->peer.sha256, fresh->peer.sha256, sizeof at->peer.sha256)) {
            return at;
        }
        oldest = at->given_s < oldest->given_s ? at : oldest;
    }
    return s->kept < s->max ? &s->session[s->kept++] : oldest;
}

void weir_sessions_keep(struct weir_sessions *s, const struct weir_dtls_session *fresh)
{
    if (s->max != 0) {
        *room_for(s, fresh) = *fresh;
    }
}

void weir_peer_keep_session(struct weir_peer *p)
{
    struct weir_dtls_session session;
    if (p->config.sessions != NULL && weir_dtls_take_session(&p->dtls, &session)) {
        weir_sessions_keep(p->config.sessions, &session);
        weir_wipe(&session, sizeof session);
    }
}

/* -- 3. Take ----------------------------------------------------------------------------------- */

static bool is_of(const struct weir_dtls_session *s, const struct weir_dtls_fingerprint *f)
{
    const uint8_t *digest = f->hash == WEIR_SHA512   ? s->peer.sha512
                            : f->hash == WEIR_SHA384 ? s->peer.sha384
                                                     : s->peer.sha256;
    return weir_equal_secret(digest, f->bytes, weir_hash_bytes(f->hash));
}

bool weir_sessions_take(struct weir_sessions *s, const struct weir_dtls_fingerprint *list, size_t count,
                        struct weir_dtls_session *out)
{
    for (uint32_t i = 0; i < s->kept; i++) {
        for (size_t k = 0; k < count; k++) {
            if (is_of(&s->session[i], &list[k])) {
                *out = s->session[i];
                s->session[i] = s->session[--s->kept];
                weir_wipe(&s->session[s->kept], sizeof s->session[0]);
                return true;
            }
        }
    }
    return false;
}

