/* A certificate for one run of the demo, so that a second machine gets a secure origin and with it a
 * camera. Its browser warns once. libcrypto makes it: libwebsockets stands on it as well. */
#define _GNU_SOURCE
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/demo/web.h"

enum { DAYS = 7, DAY_SECONDS = 24 * 60 * 60 };

static bool fill(X509 *x, EVP_PKEY *key)
{
    uint64_t serial = 0;
    X509_NAME *name = X509_get_subject_name(x);
    return RAND_bytes((unsigned char *)&serial, 7) == 1 && X509_set_version(x, 2) == 1
           && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial + 1) == 1
           && X509_gmtime_adj(X509_getm_notBefore(x), -DAY_SECONDS) != NULL
           && X509_gmtime_adj(X509_getm_notAfter(x), DAYS * DAY_SECONDS) != NULL
           && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"weir demo", -1,
                                         -1, 0) == 1
           && X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1
           && X509_sign(x, key, EVP_sha256()) != 0;
}

static bool write_files(const struct web_cert *c, X509 *x, EVP_PKEY *key)
{
    FILE *cert_file = fopen(c->cert, "w"), *key_file = fopen(c->key, "w");
    bool is_written = cert_file != NULL && key_file != NULL && PEM_write_X509(cert_file, x) == 1
                      && PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (cert_file != NULL) {
        is_written = fclose(cert_file) == 0 && is_written;
    }
    if (key_file != NULL) {
        is_written = fclose(key_file) == 0 && is_written;
    }
    return is_written;
}

bool web_cert_make(struct web_cert *c)
{
    snprintf(c->directory, sizeof c->directory, "/tmp/weir-demo-XXXXXX");
    if (mkdtemp(c->directory) == NULL) { /* for us alone */
        c->directory[0] = '\0';
        return false;
    }
    snprintf(c->cert, sizeof c->cert, "%s/cert.pem", c->directory);
    snprintf(c->key, sizeof c->key, "%s/key.pem", c->directory);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    bool is_made = key != NULL && x != NULL && fill(x, key) && write_files(c, x, key);
    X509_free(x);
    EVP_PKEY_free(key);
    return is_made;
}

void web_cert_remove(const struct web_cert *c)
{
    if (c->directory[0] != '\0') {
        (void)unlink(c->cert);
        (void)unlink(c->key);
        (void)rmdir(c->directory);
    }
}
