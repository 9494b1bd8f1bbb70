/* What the files of dtls/ share. Included nowhere else.
 *
 * Reading order: dtls_record, dtls_reassembly, dtls_flight, dtls_hello, dtls_handshake, dtls_cert,
 * dtls_sign, dtls12_keys, dtls12_common, dtls12_client, dtls12_server, dtls (the verbs),
 * dtls_alert, dtls_print. Files named dtls_ know no version beyond the record format; files named
 * dtls12_ are DTLS 1.2 alone.
 */
#ifndef WEIR_DTLS_DTLS_INT_H
#define WEIR_DTLS_DTLS_INT_H

#include "dtls/dtls.h"

/* -- Wire constants ---------------------------------------------------------------------------- */

/* [RFC 5246 6.2.1] */
enum content_type {
    CONTENT_CCS = 20,
    CONTENT_ALERT = 21,
    CONTENT_HANDSHAKE = 22,
    CONTENT_DATA = 23,
};

/* [RFC 5246 7.4], [RFC 6347 4.3.2] */
enum message_type {
    MESSAGE_HELLO_REQUEST = 0,
    MESSAGE_CLIENT_HELLO = 1,
    MESSAGE_SERVER_HELLO = 2,
    MESSAGE_VERIFY_REQUEST = 3,
    MESSAGE_CERTIFICATE = 11,
    MESSAGE_SERVER_KEY = 12,
    MESSAGE_CERTIFICATE_REQUEST = 13,
    MESSAGE_SERVER_DONE = 14,
    MESSAGE_CERTIFICATE_VERIFY = 15,
    MESSAGE_CLIENT_KEY = 16,
    MESSAGE_FINISHED = 20,
};

/* [RFC 5246 7.2], the ones we send by name. */
enum alert {
    ALERT_WARNING = 1,
    ALERT_FATAL = 2,
    ALERT_CLOSE_NOTIFY = 0,
    ALERT_UNEXPECTED_MESSAGE = 10,
    ALERT_BAD_RECORD_MAC = 20,
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_BAD_CERTIFICATE = 42,
    ALERT_UNSUPPORTED_CERTIFICATE = 43,
    ALERT_ILLEGAL_PARAMETER = 47,
    ALERT_DECODE_ERROR = 50,
    ALERT_DECRYPT_ERROR = 51,
    ALERT_PROTOCOL_VERSION = 70,
    ALERT_INTERNAL_ERROR = 80,
    ALERT_NO_RENEGOTIATION = 100,
    ALERT_UNSUPPORTED_EXTENSION = 110,
};

enum extension_type {
    EXTENSION_GROUPS = 10,         /* [RFC 8422 5.1.1] */
    EXTENSION_POINTS = 11,         /* [RFC 8422 5.1.2] */
    EXTENSION_SIGNATURES = 13,     /* [RFC 5246 7.4.1.4.1] */
    EXTENSION_SRTP = 14,           /* [RFC 5764 4.1.1] */
    EXTENSION_EMS = 23,            /* [RFC 7627 5.1] */
    EXTENSION_RENEGOTIATION = 0xff01, /* [RFC 5746 3.2] */
};

enum {
    VERSION_1_0 = 0xfeff,
    VERSION_1_2 = 0xfefd,
    RECORD_HEADER_BYTES = 13,
    MESSAGE_HEADER_BYTES = 12,
    RECORD_LENGTH_MAX = WEIR_DTLS_PLAIN_MAX + 256, /* [RFC 6347 4.1.1] as TLS 1.2 compressed it */
    VERIFY_DATA_BYTES = 12,
    MASTER_BYTES = 48,
    COOKIE_BYTES = 32,
    POINT_UNCOMPRESSED = 0,
    CURVE_NAMED = 3,
    CERT_TYPE_RSA_SIGN = 1,
    CERT_TYPE_ECDSA_SIGN = 64,
    SCSV_RENEGOTIATION = 0x00ff, /* [RFC 5746 3.3] */
};

/* Record numbers have 48 bits and never come again under one key [RFC 6347 4.1 MUST]. */
#define SEQUENCE_END ((uint64_t)1 << 48)

/* [RFC 9147 4.5.3] 2^36 forgeries are the bound of all three ciphers; DTLS 1.2 names none and has
 * the same ciphers. */
#define FORGERIES_MAX ((uint64_t)1 << 36)

/* -- Steps ------------------------------------------------------------------------------------- */

/* What the handshake waits for. Client and server in flow order, one end for both. */
enum dtls_step {
    STEP_IDLE, /* a client before weir_dtls_start */
    STEP_CLIENT_HELLO,       /* sent: waits for ServerHello or HelloVerifyRequest */
    STEP_CLIENT_CERTIFICATE,
    STEP_CLIENT_KEY,
    STEP_CLIENT_REQUEST,     /* CertificateRequest or, without it, ServerHelloDone */
    STEP_CLIENT_DONE,
    STEP_CLIENT_CCS,
    STEP_CLIENT_FINISHED,
    STEP_SERVER_HELLO,
    STEP_SERVER_CERTIFICATE,
    STEP_SERVER_KEY,
    STEP_SERVER_PROOF,
    STEP_SERVER_CCS,
    STEP_SERVER_FINISHED,
    STEP_DONE,
    STEP_COUNT,
};

/* One row per message that a step takes. */
struct dtls_row {
    uint8_t step;
    uint8_t message;
    uint8_t next;
    /* Judge the message; the transcript does not have it yet. */
    enum weir_dtls_verdict (*check)(struct weir_dtls *d, weir_time now, struct weir_span body);
    /* What follows when the transcript has it; NULL: nothing. False: the provider failed. */
    bool (*then)(struct weir_dtls *d, weir_time now);
};

/* -- dtls_record: headers, protection, replay -------------------------------------------------- */

struct dtls_record {
    uint8_t type;
    uint16_t version;
    uint16_t epoch;
    uint64_t seq;
    struct weir_mspan body;
};

/* Take the first record off the datagram. When its end cannot be told, the whole rest goes. */
enum weir_dtls_verdict weir_dtls_record_take(struct weir_mspan *datagram, struct dtls_record *r);
/* Check the header's fields. */
enum weir_dtls_verdict weir_dtls_record_check(const struct dtls_record *r);
/* Decrypt r->body in place and shrink it to the plaintext; only then note its number. */
enum weir_dtls_verdict weir_dtls_record_open(struct weir_dtls *d, struct dtls_record *r);
/* Bytes that one record of an epoch needs beside its content. */
size_t weir_dtls_record_head(const struct weir_dtls *d, unsigned epoch);
size_t weir_dtls_record_overhead(const struct weir_dtls *d, unsigned epoch);
/* Make a record of the content that lies at record + head: header, nonce and tag around it. Its
 * length; 0 when the epoch has no numbers left. */
size_t weir_dtls_record_seal(struct weir_dtls *d, unsigned epoch, enum content_type type,
                             uint16_t version, uint8_t *record, size_t content_bytes);
bool weir_dtls_window_is_new(const struct weir_dtls_window *w, uint64_t seq);
void weir_dtls_window_note(struct weir_dtls_window *w, uint64_t seq);

/* -- dtls_reassembly --------------------------------------------------------------------------- */

struct dtls_fragment {
    uint8_t type;
    uint16_t seq;
    uint32_t length; /* of the message */
    uint32_t offset;
    struct weir_span bytes;
};

enum weir_dtls_verdict weir_dtls_fragment_take(struct weir_rd *record, struct dtls_fragment *f);
void weir_dtls_reassembly_reset(struct weir_dtls_reassembly *r, uint16_t next);
enum weir_dtls_verdict weir_dtls_reassembly_add(struct weir_dtls_reassembly *r,
                                                const struct dtls_fragment *f);
/* The message whose turn it is, if it is complete; valid until the next add, pop or drop. */
bool weir_dtls_reassembly_ready(const struct weir_dtls_reassembly *r, uint8_t *type,
                                struct weir_span *body);
/* Done with it: the next one's turn. */
void weir_dtls_reassembly_pop(struct weir_dtls_reassembly *r);
/* Forget it: it may come again. */
void weir_dtls_reassembly_drop(struct weir_dtls_reassembly *r);

/* -- dtls_flight ------------------------------------------------------------------------------- */

/* Begin a new flight in place of the last one; is_timed: an answer is expected. */
void weir_dtls_flight_begin(struct weir_dtls *d, bool is_timed);
/* Write one entry: open, write the content, close. Nothing else may touch the flight between. */
struct weir_wr weir_dtls_flight_open(struct weir_dtls *d, enum content_type type, unsigned epoch);
WEIR_MUST_CHECK bool weir_dtls_flight_close(struct weir_dtls *d, const struct weir_wr *w);
bool weir_dtls_flight_is_pending(const struct weir_dtls_flight *f);
/* Write as many records as fit one datagram. */
size_t weir_dtls_flight_send(struct weir_dtls *d, weir_time now, struct weir_mspan out);
/* The timer fired. */
void weir_dtls_flight_resend(struct weir_dtls *d, weir_time now);
/* The peer sent its last flight again: ours may be lost. At most once in half a timeout. */
void weir_dtls_flight_peer_resent(struct weir_dtls *d, weir_time now);
/* The answer came: no timer, but the bytes stay for one more peer_resent. */
void weir_dtls_flight_answered(struct weir_dtls *d);

/* -- dtls_hello: hellos of any version, as spans ----------------------------------------------- */

struct dtls_extension {
    uint16_t type;
    struct weir_span body;
};

struct dtls_hello {
    uint16_t version;
    struct weir_span random, session, cookie, suites, compressions;
    uint16_t suite;      /* ServerHello */
    uint8_t compression; /* ServerHello */
    unsigned extensions;
    struct dtls_extension extension[WEIR_DTLS_EXTENSIONS_MAX];
};

enum weir_dtls_verdict weir_dtls_hello_parse_client(struct weir_span body, struct dtls_hello *h);
enum weir_dtls_verdict weir_dtls_hello_parse_server(struct weir_span body, struct dtls_hello *h);
enum weir_dtls_verdict weir_dtls_hello_parse_verify(struct weir_span body,
                                                    struct weir_span *cookie);
bool weir_dtls_hello_find(const struct dtls_hello *h, uint16_t type, struct weir_span *body);
/* Is a 16-bit value in a list of them? */
bool weir_dtls_list_has(struct weir_span list, uint16_t value);
bool weir_dtls_bytes_have(struct weir_span list, uint8_t value);
/* An extension whose whole body is one list behind a length of 8 or 16 bits. */
bool weir_dtls_list8(struct weir_span body, struct weir_span *list);
bool weir_dtls_list16(struct weir_span body, struct weir_span *list);

/* -- dtls_handshake: fragments to messages to rows, transcript, our messages ------------------- */

enum weir_dtls_verdict weir_dtls_handshake_recv(struct weir_dtls *d, weir_time now,
                                                const struct dtls_record *r);
enum weir_dtls_verdict weir_dtls_ccs_recv(struct weir_dtls *d, const struct dtls_record *r);
void weir_dtls_transcript_begin(struct weir_dtls *d);
void weir_dtls_transcript_digest(const struct weir_dtls *d, enum weir_hash_id id, uint8_t *out);
/* Write one message of ours: open, write the body, close. Close notes it in the transcript. */
struct weir_wr weir_dtls_message_open(struct weir_dtls *d, enum message_type type, unsigned epoch);
WEIR_MUST_CHECK bool weir_dtls_message_close(struct weir_dtls *d, struct weir_wr *w);
WEIR_MUST_CHECK bool weir_dtls_write_ccs(struct weir_dtls *d);
/* The handshake is complete: connected if the fingerprint matched, else waiting for one. */
void weir_dtls_complete(struct weir_dtls *d, weir_time now);
/* Arm the timer that ends a handshake which gets nowhere. */
void weir_dtls_begin(struct weir_dtls *d, weir_time now);

/* -- dtls_cert, dtls_sign ---------------------------------------------------------------------- */

WEIR_MUST_CHECK bool weir_dtls_write_certificate(struct weir_dtls *d);
enum weir_dtls_verdict weir_dtls_check_certificate(struct weir_dtls *d, struct weir_span body);
/* Does the certificate that came match the fingerprints that we know? */
bool weir_dtls_fingerprint_matches(const struct weir_dtls *d);
bool weir_dtls_fingerprint_is_strong(const struct weir_dtls_fingerprint *f);

/* Schemes that we verify, best first: all for ServerKeyExchange; without SHA-512, of which we keep
 * no transcript, for CertificateVerify. */
struct weir_span weir_dtls_schemes(bool is_for_transcript);
/* May this scheme be used with this key? */
bool weir_dtls_scheme_suits(uint16_t scheme, enum weir_pubkey_type key);
WEIR_MUST_CHECK bool weir_dtls_verify(const struct weir_dtls *d, uint16_t scheme,
                                      struct weir_span digest, struct weir_span signature);
/* scheme, length, signature of a SHA-256 digest by our identity. */
WEIR_MUST_CHECK bool weir_dtls_write_signature(struct weir_dtls *d, struct weir_wr *w,
                                               const uint8_t digest[32]);

/* -- dtls12_keys ------------------------------------------------------------------------------- */

struct dtls12_suite {
    uint16_t id;
    bool is_rsa; /* the server's key */
    enum weir_aead_id aead;
    enum weir_hash_id hash;
    const char *name;
};

/* NULL for a suite that is none of ours. */
const struct dtls12_suite *weir_dtls12_suite(uint16_t id);
const struct dtls12_suite *weir_dtls12_suite_at(unsigned index); /* best first, NULL at the end */
/* Master secret from the premaster secret and the transcript up to ClientKeyExchange, then the keys
 * of both directions. */
WEIR_MUST_CHECK bool weir_dtls12_derive(struct weir_dtls *d);
void weir_dtls12_verify_data(const struct weir_dtls *d, bool is_of_client,
                             uint8_t out[VERIFY_DATA_BYTES]);
void weir_dtls12_export(const struct weir_dtls *d, const char *label, struct weir_mspan out);

/* -- dtls12_common, dtls12_client, dtls12_server ----------------------------------------------- */

enum weir_dtls_verdict weir_dtls12_check_finished(struct weir_dtls *d, weir_time now,
                                                  struct weir_span body);
enum weir_dtls_verdict weir_dtls12_check_peer_certificate(struct weir_dtls *d, weir_time now,
                                                          struct weir_span body);
WEIR_MUST_CHECK bool weir_dtls12_write_ending(struct weir_dtls *d); /* CCS, Finished */
bool weir_dtls12_group_is_ours(uint16_t group);
void weir_dtls12_write_groups(struct weir_wr *w);
WEIR_MUST_CHECK bool weir_dtls12_hello_groups(const struct dtls_hello *h, uint16_t *chosen);
void weir_dtls12_use_srtp(const struct weir_dtls *d, struct weir_wr *w, uint16_t only);
WEIR_MUST_CHECK bool weir_dtls12_hash_params(struct weir_dtls *d, uint16_t scheme,
                                             struct weir_span params, uint8_t *digest,
                                             size_t *digest_bytes);
/* An ephemeral key of our own in the agreed group; the secret that it and the peer's share make. */
WEIR_MUST_CHECK bool weir_dtls12_make_share(struct weir_dtls *d);
WEIR_MUST_CHECK bool weir_dtls12_take_share(struct weir_dtls *d, struct weir_span share);
WEIR_MUST_CHECK bool weir_dtls12_client_hello(struct weir_dtls *d, weir_time now);
extern const struct dtls_row weir_dtls12_client_rows[];
extern const unsigned weir_dtls12_client_row_count;
extern const struct dtls_row weir_dtls12_server_rows[];
extern const unsigned weir_dtls12_server_row_count;

/* -- dtls_alert -------------------------------------------------------------------------------- */

/* The alert that a fatal verdict is told with. */
uint8_t weir_dtls_alert_of(enum weir_dtls_verdict v);
enum weir_dtls_verdict weir_dtls_alert_recv(struct weir_dtls *d, weir_time now,
                                            const struct dtls_record *r);
size_t weir_dtls_alert_send(struct weir_dtls *d, struct weir_mspan out);
/* End it: fatal alert to the peer, event to our caller. */
void weir_dtls_fail(struct weir_dtls *d, weir_time now, enum weir_dtls_reason reason,
                    enum weir_dtls_verdict v, uint8_t alert);

/* -- dtls -------------------------------------------------------------------------------------- */

/* The only writer of d->state. */
void weir_dtls_set_state(struct weir_dtls *d, weir_time now, enum weir_dtls_state next);
void weir_dtls_set_step(struct weir_dtls *d, weir_time now, enum dtls_step next);

#endif
