/* What weir-dtls says of a connection: a line of JSON, and lines for a key log. */
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "apps/dtls/dtls_app.h"

#define EXPORT_BYTES 60 /* two keys and salts of the SRTP profile that needs most, AES-128 */

static void add_hex(cJSON *o, const char *name, const uint8_t *bytes, size_t n)
{
    char text[2 * 256 + 1] = "";
    for (size_t i = 0; i < n && i < 256; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    cJSON_AddStringToObject(o, name, text);
}

void print_agreed(const struct program *p)
{
    uint8_t digest[32], keys[EXPORT_BYTES];
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "role", p->config.is_client ? "client" : "server");
    cJSON_AddStringToObject(o, "version", weir_dtls_version_name(&p->dtls));
    cJSON_AddStringToObject(o, "suite", weir_dtls_suite_name(&p->dtls));
    cJSON_AddStringToObject(o, "group", weir_dtls_group_name(&p->dtls));
    cJSON_AddNumberToObject(o, "srtp", weir_dtls_srtp(&p->dtls));
    if (weir_dtls_peer_digest(&p->dtls, digest)) {
        add_hex(o, "peer_sha256", digest, sizeof digest);
    }
    add_hex(o, "own_sha256", p->identity.fingerprint_sha256, 32);
    cJSON_AddBoolToObject(o, "is_verified", !p->any_certificate);
    cJSON_AddBoolToObject(o, "cid", weir_dtls_has_cid(&p->dtls));
    cJSON_AddBoolToObject(o, "rrc", weir_dtls_has_rrc(&p->dtls));
    cJSON_AddBoolToObject(o, "resumed", weir_dtls_is_resumed(&p->dtls));
    cJSON_AddStringToObject(o, "ticket", weir_dtls_ticket_name(weir_dtls_ticket(&p->dtls)));
    if (weir_dtls_export(&p->dtls, p->export_label, (struct weir_mspan){ keys, sizeof keys }) == WEIR_OK) {
        add_hex(o, "keying_material", keys, sizeof keys);
    }
    char *line = cJSON_PrintUnformatted(o);
    printf("%s\n", line);
    fflush(stdout);
    free(line);
    cJSON_Delete(o);
}

void write_keylog(const struct program *p)
{
    for (int i = 0; p->keylog != NULL && i < WEIR_DTLS_SECRETS; i++) {
        uint8_t random[32], secret[WEIR_DTLS_SECRET_MAX];
        size_t n;
        if (weir_dtls_keylog(&p->dtls, (enum weir_dtls_secret)i, random, secret, &n)) {
            fprintf(p->keylog, "%s ", weir_dtls_secret_label((enum weir_dtls_secret)i));
            for (size_t k = 0; k < 32; k++) {
                fprintf(p->keylog, "%02x", random[k]);
            }
            fputc(' ', p->keylog);
            for (size_t k = 0; k < n; k++) {
                fprintf(p->keylog, "%02x", secret[k]);
            }
            fputc('\n', p->keylog);
            weir_wipe(secret, sizeof secret);
        }
    }
    if (p->keylog != NULL) {
        fflush(p->keylog);
    }
}
