/* Who weir-dtls is: its certificate, and the sessions that it keeps in files. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "apps/dtls/dtls_app.h"

static struct weir_span read_file(const char *path, uint8_t *room, size_t cap)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        refuse(path, strerror(errno));
    }
    struct weir_span span = { room, fread(room, 1, cap, file) };
    fclose(file);
    return span;
}

static void load_identity(struct program *p, struct weir_rand *rand)
{
    static uint8_t cert[16384], key[16384];
    if (p->cert_path == NULL || p->key_path == NULL) {
        refuse("a certificate or a key alone", "give both, --cert FILE and --key FILE");
    }
    struct weir_span c = read_file(p->cert_path, cert, sizeof cert);
    struct weir_span k = read_file(p->key_path, key, sizeof key);
    if (!weir_crypto_default()->identity_load(&p->identity, rand, c, k)) {
        refuse(p->cert_path, "not the certificate of this key, or the key is neither P-256 nor RSA of 2048 "
                             "to 3072 bits; PEM or DER, without a password");
    }
    weir_wipe(key, sizeof key);
}

/* A file that only we may read. */
static void write_secret(const char *path, const uint8_t *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd) != 0) {
        refuse(path, strerror(errno));
    }
}

static void begin_client_session(struct program *p)
{
    uint8_t stored[WEIR_DTLS_SESSION_BYTES_MAX + 1];
    struct weir_span s = read_file(p->resume_path, stored, sizeof stored);
    if (!weir_dtls_session_load(&p->session, s)) {
        refuse(p->resume_path, "this is no session that weir-dtls stored");
    }
    (void)unlink(p->resume_path); /* a session is used once */
    weir_wipe(stored, sizeof stored);
    p->config.session = &p->session;
}

static void begin_server_tickets(struct program *p)
{
    uint8_t *key = p->config.ticket_key[0], stored[WEIR_DTLS_TICKET_KEY_BYTES + 1];
    p->config.ticket_keys = 1;
    if (access(p->resume_path, F_OK) != 0) {
        if (!weir_pump_entropy(key, WEIR_DTLS_TICKET_KEY_BYTES)) {
            refuse("no random bytes", "the system gave none");
        }
        write_secret(p->resume_path, key, WEIR_DTLS_TICKET_KEY_BYTES);
    }
    if (read_file(p->resume_path, stored, sizeof stored).n != WEIR_DTLS_TICKET_KEY_BYTES) {
        refuse(p->resume_path, "a key of tickets has 32 bytes");
    }
    memcpy(key, stored, WEIR_DTLS_TICKET_KEY_BYTES);
    weir_wipe(stored, sizeof stored);
}

void begin_resumption(struct program *p)
{
    if (p->resume_path == NULL) {
        p->config.tickets = WEIR_DTLS_TICKETS_OFF;
        return;
    }
    if (p->cert_path == NULL) {
        refuse("--resume", "a session belongs to a certificate: give --cert and --key as well");
    }
    p->config.utc_s = weir_pump_utc_s();
    if (p->config.tickets == WEIR_DTLS_TICKETS_OFF) {
        p->config.tickets = WEIR_DTLS_TICKETS_ASKED;
    }
    if (!p->config.is_client) {
        begin_server_tickets(p);
    } else if (access(p->resume_path, F_OK) == 0) {
        begin_client_session(p);
    }
}

void make_identity(struct program *p)
{
    struct weir_rand rand;
    int64_t now = weir_pump_utc_s();
    weir_rand_init(&rand, p->config.seed);
    if (p->cert_path != NULL || p->key_path != NULL) {
        load_identity(p, &rand);
    } else if (!weir_crypto_default()->identity_make(&p->identity, &rand, now - 86400, now + 30 * 86400)) {
        refuse("no certificate", "the crypto provider made none");
    }
    weir_wipe(&rand, sizeof rand);
}

void store_session(struct program *p)
{
    uint8_t stored[WEIR_DTLS_SESSION_BYTES_MAX];
    if (weir_dtls_take_session(&p->dtls, &p->session)) {
        size_t n = weir_dtls_session_save(&p->session, (struct weir_mspan){ stored, sizeof stored });
        write_secret(p->resume_path, stored, n);
        weir_wipe(stored, sizeof stored);
    }
}
