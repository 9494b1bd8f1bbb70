/* SRTP with libsrtp 2. */
#include "test/bench/rival.h"

#ifdef WEIR_BENCH_LIBSRTP
#include <srtp2/srtp.h>
#ifdef WEIR_BENCH_LIBSRTP_OPENSSL
#include <openssl/crypto.h>
#include <stdio.h>
#endif

static srtp_t sending, receiving;

/* test/bench/peers/build.sh says where it built the library itself. */
static const char *version(void)
{
#ifdef WEIR_BENCH_LIBSRTP_OPENSSL
    static char text[100];
    snprintf(text, sizeof text, "%s on OpenSSL %s", srtp_get_version_string(),
             OpenSSL_version(OPENSSL_VERSION_STRING));
    return text;
#else
    return srtp_get_version_string();
#endif
}

static bool open_session(srtp_t *session, enum weir_srtp_profile profile, const uint8_t *key,
                         srtp_ssrc_type_t direction)
{
    static uint8_t copy[46];
    srtp_policy_t policy;
    memset(&policy, 0, sizeof policy);
    memcpy(copy, key, sizeof copy);
    srtp_profile_t p = profile == WEIR_SRTP_AES128_CM_SHA1_80 ? srtp_profile_aes128_cm_sha1_80
                                                              : srtp_profile_aead_aes_128_gcm;
    if (srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, p) != srtp_err_status_ok
        || srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, p) != srtp_err_status_ok) {
        return false;
    }
    policy.key = copy;
    policy.ssrc.type = direction;
    policy.window_size = 1024;
    return srtp_create(session, &policy) == srtp_err_status_ok;
}

static bool init(enum weir_srtp_profile profile, const uint8_t *key)
{
    static bool is_started;
    if (!is_started && srtp_init() != srtp_err_status_ok) {
        return false;
    }
    is_started = true;
    if (sending != NULL) {
        srtp_dealloc(sending);
        srtp_dealloc(receiving);
    }
    return open_session(&sending, profile, key, ssrc_any_outbound)
           && open_session(&receiving, profile, key, ssrc_any_inbound);
}

static bool protect(uint8_t *packet, size_t *n)
{
    int len = (int)*n;
    bool is_done = srtp_protect(sending, packet, &len) == srtp_err_status_ok;
    *n = (size_t)len;
    return is_done;
}

static bool unprotect(uint8_t *packet, size_t *n)
{
    int len = (int)*n;
    bool is_done = srtp_unprotect(receiving, packet, &len) == srtp_err_status_ok;
    *n = (size_t)len;
    return is_done;
}

const struct rival_srtp *rival_libsrtp(void)
{
    static const struct rival_srtp libsrtp = { version, init, protect, unprotect };
    return &libsrtp;
}

#else

const struct rival_srtp *rival_libsrtp(void)
{
    return NULL;
}

#endif
