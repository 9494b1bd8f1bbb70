/* The parts of weir-dtls and what they share. */
#ifndef WEIR_APPS_DTLS_APP_H
#define WEIR_APPS_DTLS_APP_H

#include <stdio.h>

#include "core/pool.h"
#include "core/pump/pump.h"
#include "dtls/dtls.h"

#define PATHS 8 /* addresses of the peer that are remembered */

struct program {
    struct weir_pump *pump;
    struct weir_path path;
    bool has_peer; /* path.remote is known */
    struct weir_addr at[PATHS]; /* by the number of the path, 0 where it began */
    uint32_t spare;             /* number of the next address that is not known */
    struct weir_dtls dtls;
    struct weir_arena handshakes; /* of the one block that one connection needs */
    struct weir_dtls_handshake handshake;
    struct weir_dtls_config config;
    struct weir_identity identity;
    const char *export_label, *cert_path, *key_path, *resume_path;
    struct weir_dtls_session session;
    FILE *keylog;
    bool any_certificate;
    bool is_input_over, is_over;
    int status;
};

/* Say what is wrong and what to do, and exit. */
_Noreturn void refuse(const char *what, const char *advice);

/* -- options.c --------------------------------------------------------------------------------- */

/* From the command line: role, address and options; exits with a sentence when one is no good, and after
 * --help. */
void read_command(struct program *p, int argc, char **argv, struct weir_addr *named);

/* -- identity.c -------------------------------------------------------------------------------- */

/* The certificate, from files or made now. */
void make_identity(struct program *p);
/* --resume: the session of the time before, or the key that seals tickets. */
void begin_resumption(struct program *p);
/* Keep the session that the server gave. */
void store_session(struct program *p);

/* -- report.c ---------------------------------------------------------------------------------- */

/* One line of JSON about what was agreed. */
void print_agreed(const struct program *p);
void write_keylog(const struct program *p);

#endif
