/* What the files of dtls/ share. Included nowhere else.
 *
 * Reading order: dtls_block, dtls_record, dtls_reassembly, dtls_flight, dtls_ack, dtls_hello, dtls_share,
 * dtls_offer, dtls_cid, dtls_rrc, dtls_handshake, dtls_cert, dtls_sign; then dtls12_keys, dtls12_common,
 * dtls12_client, dtls12_server; then dtls13_record, dtls13_keys, dtls13_epoch, dtls13_common,
 * dtls13_session, dtls13_client, dtls13_ticket, dtls13_server, dtls13_update; then dtls (the verbs),
 * dtls_alert, dtls_print. Files named dtls_ serve both versions; files named dtls12_ and dtls13_ know the
 * other one not at all.
 */
#ifndef WEIR_DTLS_DTLS_INT_H
#define WEIR_DTLS_DTLS_INT_H

#include "dtls/dtls.h"

/* -- Wire constants ---------------------------------------------------------------------------- */

/* [RFC 5246 6.2.1, RFC 9147 4.1] */
enum content_type {
    CONTENT_CHANGE_CIPHER_SPEC = 20,
    CONTENT_ALERT = 21,
    CONTENT_HANDSHAKE = 22,
    CONTENT_APPLICATION_DATA = 23,
    CONTENT_TLS12_CID = 25, /* [RFC 9146 4] the outer type in 1.2; the real one is inside */
    CONTENT_ACK = 26,
    CONTENT_RETURN_ROUTABILITY_CHECK = 27, /* [RFC 9853 4] */
};

/* [RFC 5246 7.4, RFC 6347 4.3.2, RFC 9147 5.2] The names are those of the specifications. */
enum message_type {
    MESSAGE_HELLO_REQUEST = 0,
    MESSAGE_CLIENT_HELLO = 1,
    MESSAGE_SERVER_HELLO = 2,
    MESSAGE_HELLO_VERIFY_REQUEST = 3,
    MESSAGE_NEW_SESSION_TICKET = 4,
    MESSAGE_ENCRYPTED_EXTENSIONS = 8,
    MESSAGE_REQUEST_CONNECTION_ID = 9,
    MESSAGE_NEW_CONNECTION_ID = 10,
    MESSAGE_CERTIFICATE = 11,
    MESSAGE_SERVER_KEY_EXCHANGE = 12,
    MESSAGE_CERTIFICATE_REQUEST = 13,
    MESSAGE_SERVER_HELLO_DONE = 14,
    MESSAGE_CERTIFICATE_VERIFY = 15,
    MESSAGE_CLIENT_KEY_EXCHANGE = 16,
    MESSAGE_FINISHED = 20,
    MESSAGE_KEY_UPDATE = 24,
    MESSAGE_MESSAGE_HASH = 254, /* [RFC 8446 4.4.1] in transcripts alone */
    MESSAGE_CHANGE_CIPHER_SPEC = 256, /* [RFC 5246 7.1] no message, and beyond their numbers; but a step
                                         of 1.2 waits for it */
};

/* [RFC 5246 7.2, RFC 8446 6], the ones we know by name. */
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
    ALERT_USER_CANCELED = 90,
    ALERT_NO_RENEGOTIATION = 100,
    ALERT_MISSING_EXTENSION = 109,
    ALERT_UNSUPPORTED_EXTENSION = 110,
    ALERT_CERTIFICATE_REQUIRED = 116,
};

enum extension_type {
    EXTENSION_SUPPORTED_GROUPS = 10,          /* [RFC 8422 5.1.1] */
    EXTENSION_EC_POINT_FORMATS = 11,          /* [RFC 8422 5.1.2] */
    EXTENSION_SIGNATURE_ALGORITHMS = 13,      /* [RFC 5246 7.4.1.4.1] */
    EXTENSION_USE_SRTP = 14,                  /* [RFC 5764 4.1.1] */
    EXTENSION_EXTENDED_MASTER_SECRET = 23,    /* [RFC 7627 5.1] */
    EXTENSION_PRE_SHARED_KEY = 41,            /* [RFC 8446 4.2.11] */
    EXTENSION_SUPPORTED_VERSIONS = 43,        /* [RFC 8446 4.2.1] */
    EXTENSION_COOKIE = 44,                    /* [RFC 8446 4.2.2] */
    EXTENSION_PSK_KEY_EXCHANGE_MODES = 45,    /* [RFC 8446 4.2.9] */
    EXTENSION_KEY_SHARE = 51,                 /* [RFC 8446 4.2.8] */
    EXTENSION_CONNECTION_ID = 54,             /* [RFC 9146 3] */
    EXTENSION_TICKET_REQUEST = 58,            /* [RFC 9149 3] */
    EXTENSION_RRC = 61,                       /* [RFC 9853 3] */
    EXTENSION_RENEGOTIATION_INFO = 0xff01,    /* [RFC 5746 3.2] */
};

enum {
    VERSION_1_0 = 0xfeff,
    VERSION_1_2 = 0xfefd,
    VERSION_1_3 = 0xfefc,
    VERSION_TLS_1_2 = 0x0303,
    VERSION_LEAST = 0xfd00, /* what a version yet to come may say; below it is none of DTLS */
    RECORD_HEADER_BYTES = 13,
    MESSAGE_HEADER_BYTES = 12,
    RECORD_LENGTH_MAX = WEIR_DTLS_PLAIN_MAX + 256, /* [RFC 6347 4.1.1] as TLS 1.2 compressed it */
    VERIFY_DATA_BYTES = 12,
    MASTER_BYTES = 48,
    UNIFIED_FIXED = 0x20, /* [RFC 9147 4] the high bits 001 of a record under 1.3's protection */
    UNIFIED_MASK = 0xe0,
    UNIFIED_CID = 0x10,
    EPOCH_HANDSHAKE = 2,  /* [RFC 9147 6.1] */
    EPOCH_APPLICATION = 3,
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

/* [RFC 8446 5.5, RFC 9325 4.4] 2^24.5 full records with AES-GCM. ChaCha20-Poly1305 has no bound below that
 * of the numbers. */
#define GCM_RECORDS_MAX ((uint64_t)23726566)

/* [RFC 9147 4.2.1] Keys of the epoch before stay as long as a packet may be on its way. */
#define OLD_KEYS_LIFE (120 * WEIR_SEC)

/* -- Steps ------------------------------------------------------------------------------------- */

/* What the handshake waits for, in flow order: what is common to both versions, DTLS 1.2, DTLS 1.3. The
 * names are made as in [RFC 8446 A]. */
enum dtls_step {
    STEP_START, /* a client before weir_dtls_start */
    STEP_CLIENT_WAIT_SERVER_HELLO,         /* or HelloVerifyRequest, HelloRetryRequest */
    STEP_CLIENT12_WAIT_CERTIFICATE,
    STEP_CLIENT12_WAIT_SERVER_KEY_EXCHANGE,
    STEP_CLIENT12_WAIT_CERTIFICATE_REQUEST, /* or, without it, ServerHelloDone */
    STEP_CLIENT12_WAIT_SERVER_HELLO_DONE,
    STEP_CLIENT12_WAIT_CHANGE_CIPHER_SPEC,
    STEP_CLIENT12_WAIT_FINISHED,
    STEP_SERVER_WAIT_CLIENT_HELLO,
    STEP_SERVER12_WAIT_CERTIFICATE,
    STEP_SERVER12_WAIT_CLIENT_KEY_EXCHANGE,
    STEP_SERVER12_WAIT_CERTIFICATE_VERIFY,
    STEP_SERVER12_WAIT_CHANGE_CIPHER_SPEC,
    STEP_SERVER12_WAIT_FINISHED,
    STEP_CLIENT13_WAIT_ENCRYPTED_EXTENSIONS,
    STEP_CLIENT13_WAIT_CERTIFICATE_REQUEST, /* or, without it, Certificate */
    STEP_CLIENT13_WAIT_CERTIFICATE,
    STEP_CLIENT13_WAIT_CERTIFICATE_VERIFY,
    STEP_CLIENT13_WAIT_FINISHED,
    STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO, /* HelloRetryRequest was sent */
    STEP_SERVER13_WAIT_CERTIFICATE,
    STEP_SERVER13_WAIT_CERTIFICATE_VERIFY,
    STEP_SERVER13_WAIT_FINISHED,
    STEP_DONE,
    STEP_COUNT,
};

/* A message of the peer's, whole and in its turn. */
struct dtls_message {
    uint16_t type;
    struct weir_span body; /* until it is accepted */
};

/* What a step makes of a message: the step that follows, or why there is none. */
struct dtls_next {
    enum weir_dtls_verdict verdict;
    enum dtls_step step; /* with WEIR_DTLS_OK */
};

typedef struct dtls_next dtls_handler(struct weir_dtls *d, weir_time now, const struct dtls_message *m);

/* One row per message that a step takes; a table ends with a row without a handler. */
struct dtls_row {
    uint8_t step;
    uint16_t message;
    dtls_handler *handler;
};

/* The handshake goes on with this step. */
static inline struct dtls_next weir_dtls_go(enum dtls_step step)
{
    return (struct dtls_next){ WEIR_DTLS_OK, step };
}

/* It does not. */
static inline struct dtls_next weir_dtls_refusal(enum weir_dtls_verdict v)
{
    return (struct dtls_next){ v, STEP_COUNT };
}

/* It does if this was done, which fails only where the crypto provider or a buffer of ours does. */
static inline struct dtls_next weir_dtls_go_if(bool is_done, enum dtls_step step)
{
    return is_done ? weir_dtls_go(step) : weir_dtls_refusal(WEIR_DTLS_CRYPTO);
}

/* -- dtls_block: the handshake's block --------------------------------------------------------- */

/* weir_dtls_has_block, as often as it is asked. */
static inline bool has_block(const struct weir_dtls *d)
{
    return d->config.handshakes != NULL && d->block != WEIR_NO_BLOCK;
}
/* The block that is held. */
static inline struct weir_dtls_handshake *hs_of(const struct weir_dtls *d)
{
    return (struct weir_dtls_handshake *)weir_arena_at(d->config.handshakes, d->block);
}
static inline struct weir_dtls_exchange *exchange_of(const struct weir_dtls *d)
{
    return &hs_of(d)->exchange;
}
/* Until a handshake is done: what it goes by, wherever that is. */
static inline struct weir_dtls_plan *plan_of(const struct weir_dtls *d)
{
    return has_block(d) ? &hs_of(d)->plan : (struct weir_dtls_plan *)(uintptr_t)&d->plan;
}
/* Have one, or lease it; one that is held is needed now. False: none is free. */
WEIR_MUST_CHECK bool weir_dtls_lease(struct weir_dtls *d, weir_time now);
/* The same for something of ours, which is tried again when lease_at has come. */
WEIR_MUST_CHECK bool weir_dtls_lease_or_wait(struct weir_dtls *d, weir_time now);
/* Number of the peer's next message. */
uint16_t weir_dtls_peer_seq(const struct weir_dtls *d);
weir_time weir_dtls_block_until(const struct weir_dtls *d);
void weir_dtls_put_block(struct weir_dtls *d);
/* At the end of every verb: give it back if nothing is left in it. */
void weir_dtls_settle_block(struct weir_dtls *d);
static inline void weir_dtls_settle(struct weir_dtls *d)
{
    if (d->state != WEIR_DTLS_HANDSHAKE && has_block(d)) {
        weir_dtls_settle_block(d);
    }
}
void weir_dtls_block_tick(struct weir_dtls *d, weir_time now);

/* -- dtls_record: headers, protection, replay -------------------------------------------------- */

struct dtls_record {
    uint8_t type;
    uint16_t version;
    uint64_t epoch;        /* of a record under 1.3's protection two bits are known before it is opened */
    uint64_t seq;
    bool is_unified;       /* the header of 1.3 */
    bool has_cid;          /* the header has our connection id */
    bool is_newest;        /* opened, and newer than all before it */
    size_t head;           /* bytes before the body */
    size_t whole;          /* bytes on the wire */
    struct weir_mspan body;
};

/* Take the first record off the datagram; `cid` is the connection id that it may have. When its end cannot
 * be told, or it has another one, the whole rest goes. */
enum weir_dtls_verdict weir_dtls_record_take(struct weir_mspan *datagram, struct weir_span cid,
                                             struct dtls_record *r);
/* Check the header's fields. */
enum weir_dtls_verdict weir_dtls_record_check(const struct weir_dtls *d, const struct dtls_record *r);
/* Decrypt r->body in place and shrink it to the plaintext; only then note its number. */
enum weir_dtls_verdict weir_dtls_record_open(struct weir_dtls *d, struct dtls_record *r);
/* Bytes that one record of an epoch needs beside its content. */
size_t weir_dtls_record_head(const struct weir_dtls *d, uint64_t epoch);
size_t weir_dtls_record_overhead(const struct weir_dtls *d, uint64_t epoch);
/* Make a record of the content that lies at record + head: header, nonce and tag around it. Its
 * length; 0 when the epoch has no keys or no numbers left. */
size_t weir_dtls_record_seal(struct weir_dtls *d, uint64_t epoch, enum content_type type,
                             uint16_t version, uint8_t *record, size_t content_bytes);
/* The content type that stands behind the content, and then zeros [RFC 8446 5.4, RFC 9146 4]: cut both
 * off. False when there is none, or one that has no place there. */
bool weir_dtls_take_type(const struct weir_dtls *d, struct dtls_record *r);
bool weir_dtls_window_is_new(const struct weir_dtls_window *w, uint64_t seq);
/* Newer than all before it? */
bool weir_dtls_window_is_newest(const struct weir_dtls_window *w, uint64_t seq);
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
/* is_plain: it came without protection, so it may contradict what is there, and then the newest counts. */
enum weir_dtls_verdict weir_dtls_reassembly_add(struct weir_dtls_reassembly *r,
                                                const struct dtls_fragment *f, bool is_plain);
/* The message whose turn it is, if it is complete; valid until the next add, pop or drop. */
bool weir_dtls_reassembly_ready(const struct weir_dtls_reassembly *r, uint8_t *type,
                                struct weir_span *body);
/* Done with it: the next one's turn. */
void weir_dtls_reassembly_pop(struct weir_dtls_reassembly *r);
/* May an ACK name what was added last? From then on what waits ahead of its turn is not given up for
 * others, so it may take up a quarter of the buffer and no more. */
bool weir_dtls_reassembly_tell(struct weir_dtls_reassembly *r);
/* Is something here, and something before it is not? */
bool weir_dtls_reassembly_has_gap(const struct weir_dtls_reassembly *r);
/* Forget it: it may come again. */
void weir_dtls_reassembly_drop(struct weir_dtls_reassembly *r);

/* -- dtls_flight ------------------------------------------------------------------------------- */

/* Begin a new flight in place of the last one; is_timed: an answer is expected. */
void weir_dtls_flight_begin(struct weir_dtls *d, bool is_timed);
/* Write one entry: open, write the content, close. Nothing else may touch the flight between. */
struct weir_wr weir_dtls_flight_open(struct weir_dtls *d, enum content_type type, unsigned epoch);
WEIR_MUST_CHECK bool weir_dtls_flight_close(struct weir_dtls *d, const struct weir_wr *w);
bool weir_dtls_flight_is_pending(const struct weir_dtls *d);
/* Write as many records as fit one datagram. */
size_t weir_dtls_flight_send(struct weir_dtls *d, weir_time now, struct weir_mspan out);
/* The timer fired. */
void weir_dtls_flight_resend(struct weir_dtls *d, weir_time now);
/* The peer sent its last flight again: ours may be lost. At most once in half a timeout. What came without
 * protection, so many bytes, draws once as much as the flight has, and then no more than itself. */
void weir_dtls_flight_peer_resent(struct weir_dtls *d, weir_time now, size_t plain_bytes);
/* The peer may lack something, if it was told so truly: at most once in a quarter of a timeout. */
void weir_dtls_flight_hint(struct weir_dtls *d, weir_time now, size_t plain_bytes);
/* The answer came: no timer, but the bytes stay for one more peer_resent. */
void weir_dtls_flight_answered(struct weir_dtls *d);
/* The peer has all of it: it is forgotten. */
void weir_dtls_flight_done(struct weir_dtls *d);
/* An ACK names a record of ours: its part of the flight is not sent again. True when that was new. */
bool weir_dtls_flight_ack(struct weir_dtls *d, const struct weir_dtls_number *number);
bool weir_dtls_flight_is_acked(const struct weir_dtls_flight *f);
/* Does the peer have a record, and one that was sent before it not? Then that one was lost. */
bool weir_dtls_flight_has_gap(const struct weir_dtls_flight *f);
/* Send now what no ACK named yet. */
void weir_dtls_flight_resend_rest(struct weir_dtls *d);
/* The number of the next record of an epoch, as an ACK would name it. */
uint64_t *weir_dtls_next_number(struct weir_dtls *d, uint64_t epoch);

/* -- dtls_ack: ACKs of DTLS 1.3 ---------------------------------------------------------------- */

enum ack_state {
    ACK_IDLE, /* nothing to tell */
    ACK_SOON, /* a part of the peer's flight is here: the rest may come by itself */
    ACK_DUE,  /* goes with the next datagram */
};

/* A record of the peer's flight was handled or kept, after the handshake or in it: when is that told? */
void weir_dtls_ack_handled(struct weir_dtls *d, weir_time now, const struct dtls_record *r, bool was_done);
/* A record had a piece of a hello. */
void weir_dtls_ack_piece(struct weir_dtls *d, weir_time now, const struct dtls_record *r);
/* Something is here that cannot be read yet. */
void weir_dtls_ack_unread(struct weir_dtls *d, weir_time now);
/* Our flight answers theirs, or it is over: nothing is left to tell. */
void weir_dtls_ack_reset(struct weir_dtls *d);
void weir_dtls_ack_tick(struct weir_dtls *d, weir_time now);
size_t weir_dtls_ack_send(struct weir_dtls *d, struct weir_mspan out);
enum weir_dtls_verdict weir_dtls_ack_recv(struct weir_dtls *d, weir_time now,
                                          const struct dtls_record *r);

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
/* A list of extensions alone, as in EncryptedExtensions. */
enum weir_dtls_verdict weir_dtls_hello_parse_encrypted(struct weir_span body, struct dtls_hello *h);
enum weir_dtls_verdict weir_dtls_hello_parse_verify(struct weir_span body,
                                                    struct weir_span *cookie);
bool weir_dtls_hello_find(const struct dtls_hello *h, uint16_t type, struct weir_span *body);
/* Is a 16-bit value in a list of them? */
bool weir_dtls_list_has(struct weir_span list, uint16_t value);
bool weir_dtls_bytes_have(struct weir_span list, uint8_t value);
/* An extension whose whole body is one list behind a length of 8 or 16 bits. */
bool weir_dtls_list8(struct weir_span body, struct weir_span *list);
bool weir_dtls_list16(struct weir_span body, struct weir_span *list);

/* -- dtls_offer: versions, suites, use_srtp, and the hello of a client ------------------ */

bool weir_dtls_offers(const struct weir_dtls *d, enum weir_dtls_version version);
/* Whose hello is it: the one of DTLS 1.3? Decides who judges it. */
bool weir_dtls_hello_is_13(const struct weir_dtls *d, uint16_t type, struct weir_span body);
/* Of the three versions a client may list, does it have this one? */
bool weir_dtls_hello_has_version(const struct dtls_hello *h, uint16_t version);
struct dtls_next weir_dtls_client_start(struct weir_dtls *d, weir_time now);
WEIR_MUST_CHECK bool weir_dtls_client_hello(struct weir_dtls *d, weir_time now);
/* [RFC 9147 5.1] The server takes the cookie of the second hello no more: forget it, and begin anew. */
WEIR_MUST_CHECK bool weir_dtls_client_restart(struct weir_dtls *d, weir_time now);
/* The hello was answered with this version: it opens the transcript. */
void weir_dtls_client_agree(struct weir_dtls *d, uint16_t version);
void weir_dtls_keep_suites(struct weir_dtls_config *c, const struct weir_dtls_config *given);
bool weir_dtls_suite_is_ours(const struct weir_dtls *d, uint16_t suite);
void weir_dtls_write_srtp(const struct weir_dtls *d, struct weir_wr *w, uint16_t only);
/* Client: the one profile that the server chose, if we offered it. */
WEIR_MUST_CHECK bool weir_dtls_take_srtp(const struct weir_dtls *d, struct weir_span body,
                                         uint16_t *profile);
/* Server: the first profile of ours that the client has. False when its list is malformed. */
WEIR_MUST_CHECK bool weir_dtls_choose_srtp(const struct weir_dtls *d, const struct dtls_hello *h,
                                           uint16_t *chosen);
/* [RFC 8446 4.2.3] By which scheme we sign for this client, or for the server whose request it is; 0: by
 * none that it verifies. */
uint16_t weir_dtls_hello_scheme(const struct weir_dtls *d, const struct dtls_hello *h, bool is_13);
/* Cookies: nothing is remembered but a secret of the server's. */
enum { COOKIE_MAC_BYTES = 28 };
void weir_dtls_cookie_mac(const struct weir_dtls *d, const struct dtls_hello *h,
                          struct weir_span content, uint8_t mac[COOKIE_MAC_BYTES]);
bool weir_dtls_cookie_is_fresh(uint32_t made_s, weir_time now);

/* -- dtls_cid: connection ids [RFC 9146, RFC 9147 9] ------------------------------------------- */

enum cid_state {
    CID_NONE,
    CID_AGREED,
    CID_REQUESTED, /* 1.3: the peer asked for more of them, a NewConnectionId is owed */
};

/* What the peer's records under protection carry, or may carry before a client has its answer. */
struct weir_span weir_dtls_rx_cid(const struct weir_dtls *d);
/* It stands here in a header. */
WEIR_MUST_CHECK bool weir_dtls_take_cid(struct weir_rd *rd, struct weir_span cid);
void weir_dtls_keep_cid(struct weir_dtls_config *c);
/* connection_id and rrc: the client's offer, or the server's answer. */
void weir_dtls_write_cid(const struct weir_dtls *d, struct weir_wr *w);
/* Are they well formed, as far as we look at them? */
bool weir_dtls_hello_cid_is_good(const struct weir_dtls *d, const struct dtls_hello *h);
/* Did we offer this extension, and is it one of these? */
bool weir_dtls_cid_was_asked(const struct weir_dtls *d, uint16_t type);
/* The hello was accepted: what both sides want is agreed. */
void weir_dtls_agree_cid(struct weir_dtls *d, const struct dtls_hello *h);
/* [RFC 9146 3 MUST; RFC 9147 4 MUST] Does a record under protection lack its connection id? */
bool weir_dtls_lacks_cid(const struct weir_dtls *d, const struct dtls_record *r);
/* After the handshake of 1.3. */
dtls_handler weir_dtls_new_connection_id, weir_dtls_request_connection_id;
/* A record under protection was opened; the datagram that it came in is at its end. */
void weir_dtls_cid_note(struct weir_dtls *d, const struct dtls_record *r);
void weir_dtls_cid_end_datagram(struct weir_dtls *d);
void weir_dtls_cid_stop(struct weir_dtls *d);
/* Write the NewConnectionId that is owed, if its time has come. */
void weir_dtls_write_new_connection_id(struct weir_dtls *d, weir_time now);

/* -- dtls_rrc: where is the peer? [RFC 9853] --------------------------------------------------- */

enum rrc_state {
    RRC_IDLE,
    RRC_OLD, /* a challenge is on the path that is in use: who answers there has not moved */
    RRC_NEW, /* on the new one */
};

void weir_dtls_rrc_agree(struct weir_dtls *d, bool is_agreed);
/* A datagram came by this path. */
void weir_dtls_rrc_heard_by(struct weir_dtls *d, uint32_t path);
/* A record was opened; the path that it came by may be new. */
void weir_dtls_rrc_note(struct weir_dtls *d, weir_time now, const struct dtls_record *r);
enum weir_dtls_verdict weir_dtls_rrc_recv(struct weir_dtls *d, weir_time now,
                                          const struct dtls_record *r);
void weir_dtls_rrc_tick(struct weir_dtls *d, weir_time now);
/* The next challenge or answer, and by which path it goes; 0 = none. */
size_t weir_dtls_rrc_send(struct weir_dtls *d, weir_time now, struct weir_mspan out, uint32_t *path);
void weir_dtls_rrc_stop(struct weir_dtls *d);

/* -- dtls_share: groups, keys of our own, secrets ---------------------------------------------- */

void weir_dtls_keep_groups(struct weir_dtls_config *c, const struct weir_dtls_config *given);
/* Best first, 0 at the end. */
uint16_t weir_dtls_group_at(const struct weir_dtls *d, unsigned index);
bool weir_dtls_group_is_ours(const struct weir_dtls *d, uint16_t group);
/* Bytes of the share that one side sends; 0 for a group that is none of ours. */
size_t weir_dtls_share_bytes(uint16_t group, bool is_of_client);
/* An ephemeral key of our own in the agreed group, once; the secret that it and the peer's share make. */
WEIR_MUST_CHECK bool weir_dtls_make_share(struct weir_dtls *d);
WEIR_MUST_CHECK bool weir_dtls_take_share(struct weir_dtls *d, struct weir_span share);
/* Could it be a share of this group? Size and form alone, which cost no public-key work. */
bool weir_dtls_share_is_formed(uint16_t group, bool is_of_client, struct weir_span share);
/* Server: make our share and take the client's, of a hello that anybody may have sent. What it may waste is
 * bounded, for this connection and for all of them. */
enum weir_dtls_verdict weir_dtls_agree_share(struct weir_dtls *d, weir_time now, struct weir_span share);

/* -- dtls_handshake: fragments to messages to rows, transcript, our messages ------------------- */

/* *is_kept: every fragment was handled, kept, or handled before. */
enum weir_dtls_verdict weir_dtls_handshake_recv(struct weir_dtls *d, weir_time now,
                                                const struct dtls_record *r, bool *is_kept);
enum weir_dtls_verdict weir_dtls_ccs_recv(struct weir_dtls *d, weir_time now, const struct dtls_record *r);
/* The message counts: it enters the transcript, and the next one's turn comes. */
void weir_dtls_accept(struct weir_dtls *d, const struct dtls_message *m);
/* A client begins: its first step. */
enum weir_dtls_verdict weir_dtls_handshake_start(struct weir_dtls *d, weir_time now);
void weir_dtls_transcript_begin(struct weir_dtls *d);
/* One message of ours or theirs, whole, with the header that its fragments would share. */
void weir_dtls_transcript_note(struct weir_dtls *d, struct weir_span message);
/* [RFC 8446 4.4.1] A HelloRetryRequest follows: the hello so far counts as its hash. */
void weir_dtls_transcript_retry(struct weir_dtls *d);
void weir_dtls_transcript_digest(const struct weir_dtls *d, enum weir_hash_id id, uint8_t *out);
/* With the first bytes of a hello of 1.3 behind it, which counts there with its whole length. */
void weir_dtls_transcript_digest_hello(const struct weir_dtls *d, enum weir_hash_id id,
                                       struct weir_span hello, size_t bytes, uint8_t *out);
/* Write one message of ours: open, write the body, close. Close notes it in the transcript. */
struct weir_wr weir_dtls_message_open(struct weir_dtls *d, enum message_type type, unsigned epoch);
WEIR_MUST_CHECK bool weir_dtls_message_close(struct weir_dtls *d, struct weir_wr *w);
WEIR_MUST_CHECK bool weir_dtls_write_ccs(struct weir_dtls *d);
/* The handshake is complete: connected if the fingerprint matched, else waiting for one. */
void weir_dtls_complete(struct weir_dtls *d, weir_time now);
/* An answer, or an ACK, must come by then; none is owed any more. */
void weir_dtls_await(struct weir_dtls *d, weir_time now);
void weir_dtls_await_nothing(struct weir_dtls *d);
void weir_dtls_begin(struct weir_dtls *d, weir_time now);

/* -- dtls_cert, dtls_sign ---------------------------------------------------------------------- */

/* Digests and key of the peer's certificate; its fingerprint, if that is known. */
enum weir_dtls_verdict weir_dtls_take_certificate(struct weir_dtls *d, struct weir_span cert);
/* Is a certificate with these digests the one that the fingerprints name, or are none known yet? */
bool weir_dtls_fingerprint_fits(const struct weir_dtls *d, const struct weir_dtls_digests *digests);
/* The one that a list names, which is not empty and has strong hashes alone? */
bool weir_dtls_fingerprints_match(const struct weir_dtls_fingerprint *list, size_t count,
                                  const struct weir_dtls_digests *digests);
bool weir_dtls_fingerprint_is_strong(const struct weir_dtls_fingerprint *f);

/* Schemes that we verify, best first: all for ServerKeyExchange; without SHA-512, of which we keep
 * no transcript, for CertificateVerify. */
struct weir_span weir_dtls_schemes(bool is_for_transcript);
/* May this scheme be used with this key? */
bool weir_dtls_scheme_suits(uint16_t scheme, enum weir_pubkey_type key);
WEIR_MUST_CHECK bool weir_dtls_verify(const struct weir_dtls *d, uint16_t scheme,
                                      struct weir_span digest, struct weir_span signature);
/* By which we sign for a peer that verifies these, and which goes into hs.own_scheme; 0: by none. */
uint16_t weir_dtls_own_scheme(const struct weir_dtls *d, struct weir_span list, bool is_13);
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

enum weir_dtls_verdict weir_dtls12_check_finished(struct weir_dtls *d, struct weir_span body);
/* From here on all comes under protection. */
void weir_dtls12_use_rx(struct weir_dtls *d);
WEIR_MUST_CHECK bool weir_dtls12_write_certificate(struct weir_dtls *d);
enum weir_dtls_verdict weir_dtls12_check_certificate(struct weir_dtls *d, struct weir_span body);
WEIR_MUST_CHECK bool weir_dtls12_write_ending(struct weir_dtls *d); /* CCS, Finished */
/* The same again, for a client that lacks it; false: there is no block. */
WEIR_MUST_CHECK bool weir_dtls12_repeat_ending(struct weir_dtls *d, weir_time now);
WEIR_MUST_CHECK bool weir_dtls12_hello_groups(const struct weir_dtls *d, const struct dtls_hello *h,
                              uint16_t *chosen);
WEIR_MUST_CHECK bool weir_dtls12_hash_params(struct weir_dtls *d, uint16_t scheme,
                                             struct weir_span params, uint8_t *digest,
                                             size_t *digest_bytes);
extern const struct dtls_row weir_dtls12_client_steps[], weir_dtls12_server_steps[];

/* -- dtls13_record: the unified header --------------------------------------------------------- */

/* Take a record with the unified header off the datagram. */
enum weir_dtls_verdict weir_dtls13_record_take(struct weir_mspan *datagram, struct weir_span cid,
                                               struct dtls_record *r);
/* Are the keys there with which it could be opened? */
bool weir_dtls13_record_is_readable(const struct weir_dtls *d, const struct dtls_record *r);
/* With which keys: the present ones or those before, which may have to be made in `room`. */
struct weir_dtls_keys *weir_dtls13_record_keys(struct weir_dtls *d, const struct dtls_record *r,
                                               struct weir_dtls_keys *room);
/* Decrypt number and content in place; the epoch is known afterwards. Of `content` the record keeps
 * what lies before the type and the padding. */
enum weir_dtls_verdict weir_dtls13_record_open(struct weir_dtls *d, struct weir_dtls_keys *k,
                                               struct dtls_record *r);
size_t weir_dtls13_record_seal(struct weir_dtls *d, struct weir_dtls_keys *k,
                               enum content_type type, uint8_t *record, size_t content_bytes);
/* The full number that is closest to the expected one and ends in these 8 or 16 bits. */
uint64_t weir_dtls13_full_number(uint64_t expected, uint64_t low, unsigned bits);
enum { UNIFIED_HEAD_BYTES = 5 }; /* without a connection id */

/* -- dtls13_keys ------------------------------------------------------------------------------- */

struct dtls13_suite {
    uint16_t id;
    enum weir_aead_id aead;
    enum weir_hash_id hash;
    uint64_t records_max; /* under one key [RFC 8446 5.5] */
    const char *name;
};

const struct dtls13_suite *weir_dtls13_suite(uint16_t id);
const struct dtls13_suite *weir_dtls13_suite_at(unsigned index); /* best first, NULL at the end */
/* From the shared secret, after ServerHello: secrets of the handshake. */
void weir_dtls13_derive_handshake(struct weir_dtls *d);
/* After the server's Finished: secrets of the application data and the exporter. */
void weir_dtls13_derive_application(struct weir_dtls *d);
/* Keys of one epoch from a traffic secret [RFC 8446 7.3], and the secret after it [RFC 8446 7.2]. */
WEIR_MUST_CHECK bool weir_dtls13_keys_init(const struct weir_dtls *d, struct weir_dtls_keys *k,
                                           uint64_t epoch, const uint8_t *secret);
void weir_dtls13_next_secret(const struct weir_dtls *d, uint8_t secret[WEIR_DTLS_SECRET_MAX]);
/* "res master", after the client's Finished. */
void weir_dtls13_derive_resumption(struct weir_dtls *d, uint8_t out[WEIR_DTLS_SECRET_MAX]);
/* From it the secret of the session that a ticket stands for [RFC 8446 4.6.1]. */
void weir_dtls13_session_secret(const struct weir_dtls *d, struct weir_span nonce,
                                uint8_t secret[WEIR_DTLS_SECRET_MAX]);
/* The HMAC by which a client shows that it knows the secret of its ticket [RFC 8446 4.2.11.2], over the
 * hash of its hello up to there; its length. */
size_t weir_dtls13_binder(const struct weir_dtls *d, enum weir_hash_id hash, const uint8_t *secret,
                          const uint8_t *digest, uint8_t out[WEIR_HASH_BYTES_MAX]);
/* verify_data of a Finished; its length. */
size_t weir_dtls13_verify_data(const struct weir_dtls *d, bool is_of_client,
                               uint8_t out[WEIR_HASH_BYTES_MAX]);
void weir_dtls13_export(const struct weir_dtls *d, const char *label, struct weir_mspan out);
void weir_dtls13_expand_label(const struct weir_crypto *c, enum weir_hash_id hash,
                              const uint8_t *secret, struct weir_span label,
                              struct weir_span context, struct weir_mspan out);

/* -- dtls13_epoch: which keys are in force ----------------------------------------------------- */

/* Both directions, with the keys of the handshake. */
WEIR_MUST_CHECK bool weir_dtls13_use_handshake(struct weir_dtls *d);
/* Send, or receive, with the keys of the application data. */
WEIR_MUST_CHECK bool weir_dtls13_use_application_tx(struct weir_dtls *d);
WEIR_MUST_CHECK bool weir_dtls13_use_application_rx(struct weir_dtls *d);
/* The next generation of one direction's keys. */
WEIR_MUST_CHECK bool weir_dtls13_update_tx(struct weir_dtls *d);
WEIR_MUST_CHECK bool weir_dtls13_update_rx(struct weir_dtls *d, weir_time now);
/* The keys that received before, in the block or made in `room`; and what they opened is noted. */
struct weir_dtls_keys *weir_dtls13_old_keys(struct weir_dtls *d, struct weir_dtls_keys *room);
void weir_dtls13_old_note(struct weir_dtls *d, struct weir_dtls_keys *k, const struct weir_dtls_keys *room);
/* Forget the keys of the epoch before; those that receive at their time. */
void weir_dtls13_old_drop_rx(struct weir_dtls *d);
void weir_dtls13_old_drop_tx(struct weir_dtls *d);
void weir_dtls13_old_tick(struct weir_dtls *d, weir_time now);
/* All that the sending keys before protected has arrived. */
void weir_dtls13_old_arrived(struct weir_dtls *d, weir_time now);

/* -- dtls13_session: the client's side of tickets ---------------------------------------------- */

enum session_state {
    SESSION_NONE,
    SESSION_AWAITED, /* client: the next ticket is kept; until then the secret is "res master" */
    SESSION_READY,   /* it can be taken */
};

enum { PSK_DHE_KE = 1 }; /* [RFC 8446 4.2.9] */
enum { CLOCK_SKEW_S = 60 }; /* a clock that was put right, and between servers that share a key */

void weir_dtls13_session_init(struct weir_dtls *d, weir_time now, const struct weir_dtls_session *offered);
/* The handshake is done; the connection is over. */
void weir_dtls13_session_complete(struct weir_dtls *d);
void weir_dtls13_session_stop(struct weir_dtls *d);
/* A ticket was good, at either side: the session that it stands for is resumed. */
void weir_dtls13_session_resume(struct weir_dtls *d, const uint8_t secret[WEIR_DTLS_SECRET_MAX],
                                const struct weir_dtls_digests *peer, int64_t proven_s);
/* It was not, or there was none. */
void weir_dtls13_session_refuse(struct weir_dtls *d, enum weir_dtls_ticket_fate fate);
/* UTC in seconds, as the config has it. */
int64_t weir_dtls13_utc(const struct weir_dtls *d, weir_time now);
/* What can be offered is known: decide. */
void weir_dtls13_judge_session(struct weir_dtls *d, weir_time now);
/* Does the next hello of ours carry its ticket? */
bool weir_dtls13_offers_session(const struct weir_dtls *d);
/* psk_key_exchange_modes and ticket_request, if they are wanted. */
void weir_dtls13_write_ticket_request(const struct weir_dtls *d, struct weir_wr *w);
/* pre_shared_key, the last extension, without its binder; and that, when the hello is complete. */
void weir_dtls13_write_psk(const struct weir_dtls *d, weir_time now, struct weir_wr *w);
void weir_dtls13_bind(struct weir_dtls *d, struct weir_wr *w);
/* The server's answer to it, if there is one: is it good? */
enum weir_dtls_verdict weir_dtls13_check_psk(const struct weir_dtls *d, const struct dtls_hello *h);
/* All of its hello is: the session is resumed, if that was the answer. */
void weir_dtls13_resume(struct weir_dtls *d, const struct dtls_hello *h);
/* The server's answer to ticket_request. */
enum weir_dtls_verdict weir_dtls13_take_ticket_hint(struct weir_dtls *d, const struct dtls_hello *h);
/* The handshake is done: what a ticket will need. */
void weir_dtls13_expect_ticket(struct weir_dtls *d, weir_time now);
dtls_handler weir_dtls13_new_session_ticket;

/* -- dtls13_ticket: the server's side ---------------------------------------------------------- */

/* What a client's ticket told, when it is good. */
struct dtls13_ticket {
    enum weir_dtls_ticket_fate fate;
    uint16_t index;       /* of it in the client's list */
    enum weir_hash_id hash;
    int64_t proven_s;
    uint8_t secret[WEIR_DTLS_SECRET_MAX];
    struct weir_dtls_digests peer;
    size_t bound;         /* bytes of the hello that the binder covers */
    struct weir_span binder;
};

/* Find one in a hello that leads to this suite. None, or none that is good, is no mistake. */
enum weir_dtls_verdict weir_dtls13_find_ticket(const struct weir_dtls *d, weir_time now,
                                               const struct dtls_hello *h, struct weir_span body,
                                               uint16_t suite, struct dtls13_ticket *t);
/* Is its binder right? The transcript ends before the hello. */
bool weir_dtls13_binder_is_right(const struct weir_dtls *d, struct weir_span hello,
                                 const struct dtls13_ticket *t);
/* The hello is accepted, and its ticket if it is good. */
void weir_dtls13_use_ticket(struct weir_dtls *d, weir_time now, const struct dtls_hello *h,
                            const struct dtls13_ticket *t);
/* Write the NewSessionTicket, if the client can use one. */
WEIR_MUST_CHECK bool weir_dtls13_write_new_session_ticket(struct weir_dtls *d, weir_time now);

/* -- dtls13_common, dtls13_client, dtls13_server, dtls13_update ------------------------------- */

WEIR_MUST_CHECK bool weir_dtls13_write_certificate(struct weir_dtls *d);
WEIR_MUST_CHECK bool weir_dtls13_write_certificate_verify(struct weir_dtls *d);
WEIR_MUST_CHECK bool weir_dtls13_write_finished(struct weir_dtls *d);
enum weir_dtls_verdict weir_dtls13_check_certificate(struct weir_dtls *d, struct weir_span body);
enum weir_dtls_verdict weir_dtls13_check_certificate_verify(struct weir_dtls *d, struct weir_span body);
enum weir_dtls_verdict weir_dtls13_check_finished(struct weir_dtls *d, struct weir_span body);
/* Schemes that may stand in a CertificateVerify: those of weir_dtls_schemes without PKCS1. */
void weir_dtls13_write_schemes(struct weir_wr *w);
/* The random of a ServerHello that is a HelloRetryRequest [RFC 8446 4.1.3]. */
extern const uint8_t weir_dtls13_hello_retry_random[32];
dtls_handler weir_dtls13_key_update;
enum update_state {
    UPDATE_IDLE,
    UPDATE_OWED,
    UPDATE_SENT,       /* on its way */
    UPDATE_SENT_AGAIN, /* on its way, and another one is owed */
};

/* A KeyUpdate is owed, if there is a number left for it. */
void weir_dtls13_update_owe(struct weir_dtls *d, bool asks_peer);
void weir_dtls13_update_stop(struct weir_dtls *d);
/* Write the KeyUpdate that is owed, if its time has come. */
void weir_dtls13_write_key_update(struct weir_dtls *d, weir_time now);
/* All of our flight was acknowledged, a KeyUpdate if there was one. */
WEIR_MUST_CHECK bool weir_dtls13_update_arrived(struct weir_dtls *d);
/* A key nears what it may protect: renew it. */
void weir_dtls13_watch_limits(struct weir_dtls *d);
extern const struct dtls_row weir_dtls13_client_steps[], weir_dtls13_server_steps[];

/* -- dtls_alert -------------------------------------------------------------------------------- */

/* The alert that a fatal verdict is told with. */
uint8_t weir_dtls_alert_of(enum weir_dtls_verdict v);
enum weir_dtls_verdict weir_dtls_alert_recv(struct weir_dtls *d, weir_time now,
                                            const struct dtls_record *r);
/* Say why, where it may be said: a hello was refused, or a new handshake. */
void weir_dtls_alert_refused_hello(struct weir_dtls *d, enum weir_dtls_verdict v);
void weir_dtls_alert_renegotiation(struct weir_dtls *d);
size_t weir_dtls_alert_send(struct weir_dtls *d, struct weir_mspan out);
/* When it is over and the last of it was sent: wipe the keys that it was sent with. */
void weir_dtls_wipe_sender(struct weir_dtls *d);
/* End it: close_notify to the peer. */
void weir_dtls_end(struct weir_dtls *d, weir_time now);
/* End it: fatal alert to the peer, event to our caller. */
void weir_dtls_fail(struct weir_dtls *d, weir_time now, enum weir_dtls_reason reason,
                    enum weir_dtls_verdict v, uint8_t alert);

/* -- dtls -------------------------------------------------------------------------------------- */

/* An event is owed to the caller, once, or no more. */
void weir_dtls_owe(struct weir_dtls *d, enum weir_dtls_event_type type);
void weir_dtls_owe_not(struct weir_dtls *d, enum weir_dtls_event_type type);
/* The only writer of d->state. */
void weir_dtls_set_state(struct weir_dtls *d, weir_time now, enum weir_dtls_state next);

#endif
