/* Session keys from master keys [RFC 3711 4.3], for the profiles that WebRTC uses.
 *
 *   1. DTLS exports client key, server key, client salt, server salt [RFC 5764 4.2];
 *   2. each master key and salt gives, by AES in counter mode over a label, the session key, salt
 *      and (CM profiles) authentication key of RTP, labels 0 to 2, and of RTCP, labels 3 to 5.
 */
#include "srtp/srtp_int.h"

enum label { LABEL_RTP_KEY, LABEL_RTP_AUTH, LABEL_RTP_SALT, LABEL_RTCP_KEY, LABEL_RTCP_AUTH,
             LABEL_RTCP_SALT };

#define AUTH_KEY_BYTES 20 /* HMAC-SHA1 [RFC 3711 5.2] */

const char *weir_srtp_profile_name(enum weir_srtp_profile p)
{
    switch (p) {
    case WEIR_SRTP_NONE:
        return "none";
    case WEIR_SRTP_AES128_CM_SHA1_80:
        return "SRTP_AES128_CM_HMAC_SHA1_80";
    case WEIR_SRTP_AEAD_AES_128_GCM:
        return "SRTP_AEAD_AES_128_GCM";
    case WEIR_SRTP_AEAD_AES_256_GCM:
        return "SRTP_AEAD_AES_256_GCM";
    }
    return "unknown";
}

size_t weir_srtp_key_bytes(enum weir_srtp_profile p)
{
    return p == WEIR_SRTP_AES128_CM_SHA1_80 || p == WEIR_SRTP_AEAD_AES_128_GCM ? 16
           : p == WEIR_SRTP_AEAD_AES_256_GCM                                   ? 32
                                                                               : 0;
}

size_t weir_srtp_salt_bytes(enum weir_srtp_profile p)
{
    return p == WEIR_SRTP_AES128_CM_SHA1_80 ? 14 : weir_srtp_key_bytes(p) != 0 ? 12 : 0;
}

size_t weir_srtp_keying_bytes(enum weir_srtp_profile p)
{
    return 2 * (weir_srtp_key_bytes(p) + weir_srtp_salt_bytes(p));
}

bool weir_srtp_derive(const struct weir_crypto *c, enum weir_srtp_profile p, const uint8_t *key,
                      const uint8_t *salt, uint8_t label, struct weir_mspan out)
{
    struct weir_ctr prf;
    uint8_t iv[16] = { 0 };
    /* A 12-byte salt stands for a 14-byte one with two zeros behind it [RFC 7714 11]. The key
     * derivation rate is zero, so the label alone is mixed in, above 48 zero bits. */
    memcpy(iv, salt, weir_srtp_salt_bytes(p));
    iv[7] ^= label;
    if (!c->ctr_init(&prf, key, weir_srtp_key_bytes(p))) {
        return false;
    }
    memset(out.p, 0, out.n);
    c->ctr_xor(&prf, iv, out);
    weir_wipe(&prf, sizeof prf);
    return true;
}

bool weir_srtp_keys_set(const struct weir_crypto *c, struct weir_srtp_keys *k,
                        enum weir_srtp_profile p, const uint8_t *key, const uint8_t *salt,
                        struct weir_span auth)
{
    memcpy(k->salt, salt, weir_srtp_salt_bytes(p));
    if (weir_srtp_is_aead(p)) {
        return c->aead_init(&k->cipher.aead,
                            p == WEIR_SRTP_AEAD_AES_128_GCM ? WEIR_AES_128_GCM : WEIR_AES_256_GCM,
                            key);
    }
    weir_hmac_init(c, &k->auth, WEIR_SHA1, auth);
    return c->ctr_init(&k->cipher.ctr, key, weir_srtp_key_bytes(p));
}

/* The session keys of RTP (first label 0) or of RTCP (first label 3). */
static bool derive_keys(const struct weir_srtp *s, struct weir_srtp_keys *k, const uint8_t *key,
                        const uint8_t *salt, uint8_t first)
{
    uint8_t session_key[WEIR_SRTP_KEY_MAX], auth[AUTH_KEY_BYTES], session_salt[WEIR_SRTP_SALT_MAX];
    const struct weir_mspan key_out = { session_key, weir_srtp_key_bytes(s->profile) };
    const struct weir_mspan auth_out = { auth, sizeof auth };
    const struct weir_mspan salt_out = { session_salt, weir_srtp_salt_bytes(s->profile) };
    bool is_done =
        weir_srtp_derive(s->crypto, s->profile, key, salt, (uint8_t)(first + LABEL_RTP_KEY), key_out)
        && weir_srtp_derive(s->crypto, s->profile, key, salt, (uint8_t)(first + LABEL_RTP_AUTH),
                            auth_out)
        && weir_srtp_derive(s->crypto, s->profile, key, salt, (uint8_t)(first + LABEL_RTP_SALT),
                            salt_out)
        && weir_srtp_keys_set(s->crypto, k, s->profile, session_key, session_salt,
                              weir_span_of(auth, sizeof auth));
    weir_wipe(session_key, sizeof session_key);
    weir_wipe(session_salt, sizeof session_salt);
    weir_wipe(auth, sizeof auth);
    return is_done;
}

bool weir_srtp_init(struct weir_srtp *s, const struct weir_crypto *crypto,
                    enum weir_srtp_profile profile, const uint8_t *key, const uint8_t *salt)
{
    memset(s, 0, sizeof *s);
    if (weir_srtp_key_bytes(profile) == 0) {
        return false;
    }
    s->crypto = crypto;
    s->profile = profile;
    bool is_done = derive_keys(s, &s->rtp, key, salt, LABEL_RTP_KEY)
                   && derive_keys(s, &s->rtcp, key, salt, LABEL_RTCP_KEY);
    if (!is_done) {
        weir_wipe(s, sizeof *s);
    }
    return is_done;
}

bool weir_srtp_init_pair(struct weir_srtp *tx, struct weir_srtp *rx, const struct weir_crypto *crypto,
                         enum weir_srtp_profile profile, struct weir_span keying, bool is_client)
{
    size_t key_bytes = weir_srtp_key_bytes(profile), salt_bytes = weir_srtp_salt_bytes(profile);
    struct weir_rd r = weir_rd_of(keying);
    struct weir_span key[2], salt[2]; /* client, server */
    if (key_bytes == 0 || !weir_rd_take(&r, key_bytes, &key[0]) || !weir_rd_take(&r, key_bytes, &key[1])
        || !weir_rd_take(&r, salt_bytes, &salt[0]) || !weir_rd_take(&r, salt_bytes, &salt[1])) {
        return false;
    }
    unsigned ours = is_client ? 0 : 1;
    bool is_done = weir_srtp_init(tx, crypto, profile, key[ours].p, salt[ours].p)
                   && weir_srtp_init(rx, crypto, profile, key[1 - ours].p, salt[1 - ours].p);
    if (!is_done) { /* half a pair is none */
        weir_wipe(tx, sizeof *tx);
        weir_wipe(rx, sizeof *rx);
    }
    return is_done;
}
