/* DTLS 1.2 handshakes with OpenSSL, in memory: P-256 certificates on both sides, each checked, X25519. */
#define _GNU_SOURCE
#include "test/bench/rival.h"

#ifdef WEIR_BENCH_SSL
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <time.h>

static SSL_CTX *context[2];

static const char *version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The fingerprint is what WebRTC checks; here any certificate will do. */
static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static bool make_context(int i)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    context[i] = SSL_CTX_new(i == 0 ? DTLS_client_method() : DTLS_server_method());
    if (key == NULL || cert == NULL || context[i] == NULL) {
        return false;
    }
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    SSL_CTX_set_verify(context[i], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    SSL_CTX_set_options(context[i], SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context[i], SSL_SESS_CACHE_OFF);
    bool is_ready = X509_sign(cert, key, EVP_sha256()) != 0 && SSL_CTX_use_certificate(context[i], cert) == 1
                    && SSL_CTX_use_PrivateKey(context[i], key) == 1
                    && SSL_CTX_set_cipher_list(context[i], "ECDHE-ECDSA-AES128-GCM-SHA256") == 1
                    && SSL_CTX_set1_groups_list(context[i], "X25519:P-256") == 1
                    && SSL_CTX_set_tlsext_use_srtp(context[i], "SRTP_AEAD_AES_128_GCM") == 0;
    X509_free(cert);
    EVP_PKEY_free(key);
    return is_ready;
}

static bool shake_hands(double us[2])
{
    if (context[0] == NULL && (!make_context(0) || !make_context(1))) {
        return false;
    }
    SSL *end[2] = { SSL_new(context[0]), SSL_new(context[1]) };
    BIO *wire[2] = { BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()) }; /* to the client, to the server */
    bool is_done = false;
    us[0] = us[1] = 0;
    for (int i = 0; i < 2; i++) {
        BIO_set_mem_eof_return(wire[i], -1);
        BIO_up_ref(wire[0]);
        BIO_up_ref(wire[1]);
        SSL_set_bio(end[i], wire[i], wire[1 - i]);
        SSL_set_mtu(end[i], 1200);
    }
    SSL_set_connect_state(end[0]);
    SSL_set_accept_state(end[1]);
    for (int i = 0; i < 40 && !is_done; i++) {
        double at = cpu_us();
        int done = SSL_do_handshake(end[i % 2]);
        us[i % 2] += cpu_us() - at;
        is_done = done == 1 && SSL_is_init_finished(end[1 - i % 2]);
    }
    for (int i = 0; i < 2; i++) {
        SSL_free(end[i]);
        BIO_free(wire[i]);
    }
    return is_done;
}

const struct rival_dtls *rival_openssl_dtls(void)
{
    static const struct rival_dtls openssl = { version, shake_hands };
    return &openssl;
}

#else

const struct rival_dtls *rival_openssl_dtls(void)
{
    return NULL;
}

#endif
