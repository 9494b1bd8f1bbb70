/* The other side of the tests with NSS: a DTLS client or server on libssl3 that tells what it agreed on,
 * exports a key, says what it reads from its input, and hears us.
 *
 *   nss_peer server|client PORT MIN MAX [option...]      MIN, MAX: 12 or 13
 *
 *   suite=NUMBER   the one cipher suite, in hexadecimal      groups=N,N...  named groups, in hexadecimal
 *   shares=N       of them with a key share                  cookie         HelloRetryRequest with one
 *   update         new keys once the handshake is done       short          the shortest record headers
 *   noauth         a server that asks for no certificate     srtp=N,N...    profiles, in hexadecimal
 *   again=N        N connections with tickets, each when the one before was closed and its input says so
 *
 * It prints "Certificate: " and the DER of its own before anything else. */
#include <nspr.h>

#include <nss.h>

#include <cert.h>
#include <cryptohi.h>
#include <keyhi.h>
#include <pk11pub.h>
#include <secerr.h>
#include <ssl.h>
#include <sslexp.h>
#include <sslproto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CERTCertificate *cert;
static SECKEYPrivateKey *key;

static void check(int is_good, const char *what)
{
    if (!is_good) {
        printf("%s: %s\n", what, PR_ErrorToName(PR_GetError()));
        fflush(stdout);
        exit(1);
    }
}

static void print_hex(const char *what, const unsigned char *p, unsigned n)
{
    fputs(what, stdout);
    for (unsigned i = 0; i < n; i++) {
        printf("%02x", p[i]);
    }
    fputs("\n", stdout);
    fflush(stdout);
}

/* -- Its certificate: self-signed, ECDSA P-256, in memory -------------------------------------- */

static void make_certificate(void)
{
    static unsigned char p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    SECItem curve = { siBuffer, p256, sizeof p256 };
    SECKEYPublicKey *public_key;
    key = PK11_GenerateKeyPair(PK11_GetInternalSlot(), CKM_EC_KEY_PAIR_GEN, &curve, &public_key,
                               PR_FALSE, PR_TRUE, NULL);
    check(key != NULL, "key");
    CERTName *name = CERT_AsciiToName("CN=there");
    CERTSubjectPublicKeyInfo *info = SECKEY_CreateSubjectPublicKeyInfo(public_key);
    CERTCertificateRequest *request = CERT_CreateCertificateRequest(name, info, NULL);
    PRTime now = PR_Now(), day = (PRTime)86400 * PR_USEC_PER_SEC;
    CERTValidity *validity = CERT_CreateValidity(now - day, now + 9 * day);
    unsigned serial = 0;
    PK11_GenerateRandom((unsigned char *)&serial, sizeof serial);
    CERTCertificate *draft = CERT_CreateCertificate(serial >> 2, name, validity, request);
    check(draft != NULL, "certificate");
    *draft->version.data = SEC_CERTIFICATE_VERSION_3;
    draft->version.len = 1;
    SECOidTag algorithm = SEC_OID_ANSIX962_ECDSA_SHA256_SIGNATURE;
    SECItem body, der;
    check(SECOID_SetAlgorithmID(draft->arena, &draft->signature, algorithm, NULL) == SECSuccess,
          "algorithm");
    check(SEC_ASN1EncodeItem(draft->arena, &body, draft, SEC_ASN1_GET(CERT_CertificateTemplate))
              != NULL, "encode");
    check(SEC_DerSignData(draft->arena, &der, body.data, (int)body.len, key, algorithm) == SECSuccess,
          "sign");
    cert = CERT_NewTempCertificate(CERT_GetDefaultCertDB(), &der, NULL, PR_FALSE, PR_TRUE);
    check(cert != NULL, "decode");
    print_hex("Certificate: ", cert->derCert.data, cert->derCert.len);
}

/* -- What it is asked in the handshake --------------------------------------------------------- */

static SECStatus take_any(void *arg, PRFileDesc *fd, PRBool checks, PRBool is_server)
{
    (void)arg, (void)fd, (void)checks, (void)is_server;
    return SECSuccess;
}

static SECStatus show_ours(void *arg, PRFileDesc *fd, CERTDistNames *names, CERTCertificate **c,
                           SECKEYPrivateKey **k)
{
    (void)arg, (void)fd, (void)names;
    *c = CERT_DupCertificate(cert);
    *k = SECKEY_CopyPrivateKey(key);
    return SECSuccess;
}

static SSLHelloRetryRequestAction ask_again(PRBool is_first, const PRUint8 *told, unsigned told_bytes,
                                            PRUint8 *token, unsigned *bytes, unsigned most, void *arg)
{
    (void)told, (void)arg;
    if (is_first && most >= 5) {
        memcpy(token, "twice", 5);
        *bytes = 5;
        return ssl_hello_retry_request;
    }
    return is_first || told_bytes == 5 ? ssl_hello_retry_accept : ssl_hello_retry_fail;
}

/* -- Options ----------------------------------------------------------------------------------- */

static const char *option(int argc, char **argv, const char *name)
{
    size_t n = strlen(name);
    for (int i = 5; i < argc; i++) {
        if (strncmp(argv[i], name, n) == 0 && (argv[i][n] == '\0' || argv[i][n] == '=')) {
            return argv[i] + n + (argv[i][n] == '=');
        }
    }
    return NULL;
}

/* Numbers in hexadecimal, between commas. */
static unsigned numbers(const char *text, unsigned *out, unsigned max)
{
    unsigned n = 0;
    while (text != NULL && *text != '\0' && n < max) {
        char *end;
        out[n++] = (unsigned)strtoul(text, &end, 16);
        text = *end == ',' ? end + 1 : end;
    }
    return n;
}

static void set_options(PRFileDesc *s, int argc, char **argv, PRBool is_server)
{
    unsigned list[8];
    unsigned n = numbers(option(argc, argv, "suite"), list, 1);
    for (PRUint16 i = 0; n != 0 && i < SSL_NumImplementedCiphers; i++) {
        PRUint16 suite = SSL_ImplementedCiphers[i];
        check(SSL_CipherPrefSet(s, suite, suite == list[0]) == SECSuccess, "suite");
    }
    SSLNamedGroup group[8];
    n = numbers(option(argc, argv, "groups"), list, 8);
    for (unsigned i = 0; i < n; i++) {
        group[i] = (SSLNamedGroup)list[i];
    }
    check(n == 0 || SSL_NamedGroupConfig(s, group, n) == SECSuccess, "groups");
    n = numbers(option(argc, argv, "shares"), list, 1);
    check(n == 0 || SSL_SendAdditionalKeyShares(s, list[0] - 1) == SECSuccess, "shares");
    PRUint16 profile[8] = { 1 };
    n = numbers(option(argc, argv, "srtp"), list, 8);
    for (unsigned i = 0; i < n; i++) {
        profile[i] = (PRUint16)list[i];
    }
    check(SSL_SetSRTPCiphers(s, profile, n != 0 ? n : 1) == SECSuccess, "srtp");
    if (option(argc, argv, "cookie") != NULL) {
        check(SSL_HelloRetryRequestCallback(s, ask_again, NULL) == SECSuccess, "cookie");
    }
    SSL_OptionSet(s, SSL_ENABLE_DTLS_SHORT_HEADER, option(argc, argv, "short") != NULL);
    PRBool asks = is_server && option(argc, argv, "noauth") == NULL;
    SSL_OptionSet(s, SSL_REQUEST_CERTIFICATE, asks);
    SSL_OptionSet(s, SSL_REQUIRE_CERTIFICATE, asks ? SSL_REQUIRE_ALWAYS : SSL_REQUIRE_NEVER);
    SSL_OptionSet(s, SSL_ENABLE_EXTENDED_MASTER_SECRET, PR_TRUE);
    PRBool resumes = option(argc, argv, "again") != NULL;
    SSL_OptionSet(s, SSL_NO_CACHE, !resumes);
    SSL_OptionSet(s, SSL_ENABLE_SESSION_TICKETS, resumes);
}

/* -- The connection ---------------------------------------------------------------------------- */

static PRFileDesc *open_path(const char *port, PRBool is_server)
{
    PRNetAddr address, from;
    char first;
    PR_StringToNetAddr("127.0.0.1", &address);
    address.inet.port = PR_htons((PRUint16)atoi(port));
    PRFileDesc *udp = PR_NewUDPSocket();
    if (!is_server) {
        check(PR_Connect(udp, &address, 0) == PR_SUCCESS, "connect");
        return udp;
    }
    check(PR_Bind(udp, &address) == PR_SUCCESS, "bind");
    PRPollDesc wait = { udp, PR_POLL_READ, 0 };
    PR_Poll(&wait, 1, PR_SecondsToInterval(15));
    check(PR_RecvFrom(udp, &first, 1, PR_MSG_PEEK, &from, PR_SecondsToInterval(1)) >= 0
              || PR_GetError() == PR_BUFFER_OVERFLOW_ERROR, "nobody came");
    check(PR_Connect(udp, &from, 0) == PR_SUCCESS, "connect");
    return udp;
}

static PRUint16 version_of(const char *text)
{
    return strcmp(text, "13") == 0 ? SSL_LIBRARY_VERSION_TLS_1_3 : SSL_LIBRARY_VERSION_DTLS_1_2;
}

static void shake_hands(PRFileDesc *s)
{
    PRIntervalTime begun = PR_IntervalNow();
    while (SSL_ForceHandshake(s) != SECSuccess) {
        PRPollDesc wait = { s, PR_POLL_READ, 0 };
        check(PR_GetError() == PR_WOULD_BLOCK_ERROR, "handshake");
        check(PR_IntervalToSeconds(PR_IntervalNow() - begun) < 15, "timeout");
        PR_Poll(&wait, 1, PR_MillisecondsToInterval(20));
    }
}

static void tell(PRFileDesc *s)
{
    SSLChannelInfo info;
    unsigned char material[60];
    PRUint16 profile = 0;
    SSL_GetChannelInfo(s, &info, sizeof info);
    SSL_GetSRTPCipher(s, &profile);
    printf("Version: %04x suite %04x group %d srtp %04x resumed %d\n", info.protocolVersion, info.cipherSuite,
           (int)info.keaGroup, profile, info.resumed);
    check(SSL_ExportKeyingMaterial(s, "EXTRACTOR-dtls_srtp", 19, PR_FALSE, NULL, 0, material, 60)
              == SECSuccess, "export");
    print_hex("Keying material: ", material, sizeof material);
}

/* Say what comes from our input, print what comes from the peer, until it closes. */
static void talk(PRFileDesc *s)
{
    PRFileDesc *in = PR_GetSpecialFD(PR_StandardInput);
    for (;;) {
        char text[1024];
        PRPollDesc wait[2] = { { s, PR_POLL_READ, 0 }, { in, PR_POLL_READ, 0 } };
        PR_Poll(wait, 2, PR_MillisecondsToInterval(20));
        PRInt32 n = PR_Read(s, text, sizeof text);
        if (n == 0) {
            return;
        }
        if (n > 0) {
            fwrite(text, 1, (size_t)n, stdout);
            fflush(stdout);
        }
        if ((wait[1].out_flags & PR_POLL_READ) != 0 && (n = PR_Read(in, text, sizeof text)) > 0) {
            PR_Write(s, text, n);
        }
    }
}

static void connect_once(int argc, char **argv, PRBool is_server)
{
    PRFileDesc *s = DTLS_ImportFD(NULL, open_path(argv[2], is_server));
    check(s != NULL, "import");
    SSLVersionRange range = { version_of(argv[3]), version_of(argv[4]) };
    check(SSL_VersionRangeSet(s, &range) == SECSuccess, "versions");
    set_options(s, argc, argv, is_server);
    SSL_AuthCertificateHook(s, take_any, NULL);
    if (is_server) {
        check(SSL_ConfigServerCert(s, cert, key, NULL, 0) == SECSuccess, "server certificate");
    } else {
        SSL_GetClientAuthDataHook(s, show_ours, NULL);
        SSL_SetURL(s, "there");
    }
    PRSocketOptionData blocking = { .option = PR_SockOpt_Nonblocking, .value.non_blocking = PR_TRUE };
    PR_SetSocketOption(s, &blocking);
    SSL_ResetHandshake(s, is_server);
    shake_hands(s);
    tell(s);
    if (option(argc, argv, "update") != NULL) {
        check(SSL_KeyUpdate(s, PR_TRUE) == SECSuccess, "update");
        puts("updated");
    }
    talk(s);
    PR_Close(s);
    puts("closed");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        return 2;
    }
    PRBool is_server = strcmp(argv[1], "server") == 0;
    PR_Init(PR_SYSTEM_THREAD, PR_PRIORITY_NORMAL, 0);
    check(NSS_NoDB_Init(NULL) == SECSuccess, "nss");
    NSS_SetDomesticPolicy();
    make_certificate();
    unsigned connections = 1;
    if (numbers(option(argc, argv, "again"), &connections, 1) != 0 && is_server) {
        check(SSL_ConfigServerSessionIDCache(16, 0, 0, ".") == SECSuccess, "session cache");
    }
    for (unsigned i = 0; i < connections; i++) {
        char go;
        check(i == 0 || PR_Read(PR_GetSpecialFD(PR_StandardInput), &go, 1) == 1, "nothing more to do");
        connect_once(argc, argv, is_server);
    }
    return 0;
}
