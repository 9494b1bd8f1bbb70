/* DTLS 1.2 with OpenSSL and GnuTLS: both roles, certificates of each kind, every suite and group.
 *
 * The other side is openssl s_server and s_client, gnutls-serv and gnutls-cli. It is skipped, saying
 * so, when it is not installed. Our hello offers 1.3 as well, which they do not have. */
#include "test/dtls/dtls_interop.h"

/* -- OpenSSL ----------------------------------------------------------------------------------- */

#define EXPORT_KEY "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"
#define S_SERVER                                                                                   \
    "openssl", "s_server", "-dtls1_2", "-4", "-accept", "%P", "-cert", "%C", "-key", "%K",         \
        EXPORT_KEY
#define S_CLIENT                                                                                   \
    "openssl", "s_client", "-dtls1_2", "-connect", "127.0.0.1:%P", "-cert", "%C", "-key", "%K",   \
        EXPORT_KEY
#define OPENSSL_KEY "Keying material: "

static void openssl_as_server(void **state)
{
    (void)state;
    need("openssl");
    static const struct interop row[] = {
        { "plain",
          true,
          "p256",
          { S_SERVER, "-Verify", "1", "-use_srtp", "SRTP_AEAD_AES_128_GCM" },
          OPENSSL_KEY,
          "",
          7,
          0,
          false },
        { "does not ask for our certificate",
          true,
          "p256",
          { S_SERVER },
          OPENSSL_KEY,
          "",
          0,
          0,
          false },
        { "AES-256",
          true,
          "p256",
          { S_SERVER, "-Verify", "1", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "-use_srtp",
            "SRTP_AES128_CM_SHA1_80" },
          OPENSSL_KEY,
          "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
          1,
          0,
          false },
        { "ChaCha20",
          true,
          "p256",
          { S_SERVER, "-Verify", "1", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305" },
          OPENSSL_KEY,
          "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
          0,
          0,
          false },
        { "P-384 certificate",
          true,
          "p384",
          { S_SERVER, "-Verify", "1" },
          OPENSSL_KEY,
          "",
          0,
          0,
          false },
        { "RSA certificate",
          true,
          "rsa",
          { S_SERVER, "-Verify", "1", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256" },
          OPENSSL_KEY,
          "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
          0,
          0,
          false },
        { "RSA, AES-256",
          true,
          "rsa",
          { S_SERVER, "-Verify", "1", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384" },
          OPENSSL_KEY,
          "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
          0,
          0,
          false },
        { "RSA, PKCS1, ChaCha20",
          true,
          "rsa",
          { S_SERVER, "-Verify", "1", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305", "-sigalgs",
            "RSA+SHA384:ECDSA+SHA256" },
          OPENSSL_KEY,
          "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
          0,
          0,
          false },
        { "group P-256",
          true,
          "p256",
          { S_SERVER, "-Verify", "1", "-groups", "P-256" },
          OPENSSL_KEY,
          "",
          0,
          0,
          false },
        { "group P-384",
          true,
          "p256",
          { S_SERVER, "-Verify", "1", "-groups", "P-384:P-256", "-serverpref" },
          OPENSSL_KEY,
          "",
          0,
          0,
          false },
        { "small MTU",
          true,
          "p256",
          { S_SERVER, "-Verify", "1", "-mtu", "300" },
          OPENSSL_KEY,
          "",
          0,
          0,
          false },
        { "loss", true, "p256", { S_SERVER, "-Verify", "1" }, OPENSSL_KEY, "", 0, 2, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        run_case(&row[i]);
    }
}

static void openssl_as_client(void **state)
{
    (void)state;
    need("openssl");
    static const struct interop row[] = {
        { "plain", false, "p256",
          { S_CLIENT, "-use_srtp", "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80" },
          OPENSSL_KEY, "", 7, 0, false },
        { "one profile", false, "p256", { S_CLIENT, "-use_srtp", "SRTP_AES128_CM_SHA1_80" },
          OPENSSL_KEY, "", 1, 0, false },
        { "no SRTP, AES-256", false, "p256",
          { S_CLIENT, "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384" },
          OPENSSL_KEY, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0, 0, false },
        { "ChaCha20", false, "p256", { S_CLIENT, "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305" },
          OPENSSL_KEY, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0, 0, false },
        { "P-384 certificate", false, "p384", { S_CLIENT }, OPENSSL_KEY, "", 0, 0, false },
        { "RSA certificate", false, "rsa", { S_CLIENT }, OPENSSL_KEY, "", 0, 0, false },
        { "RSA certificate, PKCS1", false, "rsa",
          { S_CLIENT, "-client_sigalgs", "RSA+SHA256", "-sigalgs", "ECDSA+SHA256:RSA+SHA256" },
          OPENSSL_KEY, "", 0, 0, false },
        { "group P-256", false, "p256", { S_CLIENT, "-groups", "P-256" },
          OPENSSL_KEY, "", 0, 0, false },
        { "small MTU", false, "p256", { S_CLIENT, "-mtu", "300" }, OPENSSL_KEY, "", 0, 0, false },
        { "loss", false, "p256", { S_CLIENT }, OPENSSL_KEY, "", 0, 2, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        run_case(&row[i]);
    }
}

/* -- GnuTLS ------------------------------------------------------------------------------------ */

#define GNUTLS_KEY "- Key material: "
#define GNUTLS_EXPORT "--keymatexport=EXTRACTOR-dtls_srtp", "--keymatexportsize=60"
#define GNUTLS_SERV                                                                                \
    "gnutls-serv", "--udp", "--port=%P", "--echo", "--x509certfile=%C", "--x509keyfile=%K"
#define GNUTLS_CLI                                                                                 \
    "gnutls-cli", "--udp", "--port=%P", "--insecure", "--x509certfile=%C", "--x509keyfile=%K",    \
        GNUTLS_EXPORT, "127.0.0.1"

static void gnutls_as_server(void **state)
{
    (void)state;
    need("gnutls-serv");
    static const struct interop row[] = {
        { "plain", true, "p256", { GNUTLS_SERV, "--srtp-profiles=SRTP_AES128_CM_HMAC_SHA1_80" },
          NULL, "", 1, 0, true },
        { "asks for our certificate", true, "p256", { GNUTLS_SERV, "--require-client-cert" },
          NULL, "", 0, 0, true },
        { "no cookie", true, "p256", { GNUTLS_SERV, "--nocookie", "--mtu=400" },
          NULL, "", 0, 0, true },
        { "RSA certificate", true, "rsa", { GNUTLS_SERV, "--require-client-cert" },
          NULL, "", 0, 0, true },
        { "P-384 certificate", true, "p384", { GNUTLS_SERV, "--require-client-cert" },
          NULL, "", 0, 0, true },
        { "loss", true, "p256", { GNUTLS_SERV, "--require-client-cert" }, NULL, "", 0, 2, true },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        run_case(&row[i]);
    }
}

static void gnutls_as_client(void **state)
{
    (void)state;
    need("gnutls-cli");
    static const struct interop row[] = {
        { "plain", false, "p256", { GNUTLS_CLI, "--srtp-profiles=SRTP_AES128_CM_HMAC_SHA1_80" },
          GNUTLS_KEY, "", 1, 0, false },
        { "RSA certificate", false, "rsa", { GNUTLS_CLI }, GNUTLS_KEY, "", 0, 0, false },
        { "P-384 certificate", false, "p384", { GNUTLS_CLI }, GNUTLS_KEY, "", 0, 0, false },
        { "small MTU", false, "p256", { GNUTLS_CLI, "--mtu=300" }, GNUTLS_KEY, "", 0, 0, false },
        { "loss", false, "p256", { GNUTLS_CLI }, GNUTLS_KEY, "", 0, 2, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        run_case(&row[i]);
    }
}

/* -- An RSA certificate of ours ------------------------------------------------------------------ */

static void ours_may_be_rsa(void **state)
{
    (void)state;
    need("gnutls-cli");
    static const struct interop row[] = {
        { "OpenSSL as server", true, "p256", { S_SERVER, "-Verify", "1" }, OPENSSL_KEY, "", 0, 0, false },
        { "OpenSSL as server, PKCS1", true, "rsa",
          { S_SERVER, "-Verify", "1", "-client_sigalgs", "RSA+SHA256:ECDSA+SHA256" }, OPENSSL_KEY, "", 0, 0,
          false },
        { "OpenSSL as client", false, "p256", { S_CLIENT }, OPENSSL_KEY,
          "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0, 0, false },
        { "OpenSSL as client, PKCS1", false, "rsa", { S_CLIENT, "-sigalgs", "RSA+SHA256:ECDSA+SHA256" },
          OPENSSL_KEY, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0, 0, false },
        { "OpenSSL as client, AES-256", false, "rsa", { S_CLIENT, "-cipher", "ECDHE-RSA-AES256-GCM-SHA384" },
          OPENSSL_KEY, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0, 0, false },
        { "OpenSSL as client, ChaCha20", false, "p256", { S_CLIENT, "-cipher", "ECDHE-RSA-CHACHA20-POLY1305" },
          OPENSSL_KEY, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0, 0, false },
        { "GnuTLS as server", true, "p256", { GNUTLS_SERV, "--require-client-cert" }, NULL, "", 0, 0, true },
        { "GnuTLS as client", false, "p256", { GNUTLS_CLI }, GNUTLS_KEY,
          "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0, 0, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct interop_more more = { .with = row[i], .version = "DTLS 1.2", .is_ours_rsa = true };
        run_more(&more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_as_server),
        cmocka_unit_test(openssl_as_client),
        cmocka_unit_test(gnutls_as_server),
        cmocka_unit_test(gnutls_as_client),
        cmocka_unit_test(ours_may_be_rsa),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
