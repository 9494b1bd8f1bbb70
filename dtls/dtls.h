/* DTLS 1.3 and 1.2 for WebRTC [RFC 9147, RFC 6347, RFC 5764, RFC 8827]: client and server, key
 * export for SRTP.
 *
 * One struct weir_dtls is one connection over a path that ICE has validated. It knows no addresses
 * and no sockets. It trusts no certificate authority: what a peer must show is a certificate with
 * the fingerprint that signalling told. Until that was checked there is no CONNECTED event, no key
 * leaves and no application data is delivered.
 *
 * Drive it with five verbs: recv a datagram (one record per call, until nothing is left of it),
 * tick when the deadline has come, then take events until there are none and datagrams (send) until
 * it gives 0. Take events after every call that changes something; take datagrams before waiting.
 * `now` never decreases. A client begins with weir_dtls_start; a server waits for a hello.
 *
 * A peer whose address changes keeps its connection where connection ids were agreed [RFC 9146]: see
 * "Paths" below. Who does not care for that leaves has_cid false and uses recv and send alone.
 *
 * State lives as long as its use. struct weir_dtls is what a connection always needs. What only a handshake
 * needs is a block, struct weir_dtls_handshake, of an arena that many connections share: leased when the
 * handshake begins, wiped and given back when its use ends. One machine alone has an arena of one block:
 *
 *     struct weir_dtls_handshake block;
 *     weir_arena_init(&arena, &block, sizeof block, 1);
 *
 * Both structures are flat: a copy of the two is a snapshot. Fields below "private" are for reading in
 * tests and printers only.
 */
#ifndef WEIR_DTLS_DTLS_H
#define WEIR_DTLS_DTLS_H

#include "core/arena.h"
#include "core/base.h"
#include "core/budget.h"
#include "core/crypto.h"
#include "core/keypool.h"
#include "core/rand.h"
#include "core/trace.h"
#include "dtls/dtls_parts.h"

/* -- Limits; more of them are in dtls_parts.h --------------------------------------------------- */

/* Extensions of one hello. GREASE included, browsers send about 20. */
#define WEIR_DTLS_EXTENSIONS_MAX 64
/* Certificates of one chain; only the first one counts. */
#define WEIR_DTLS_CHAIN_MAX 10
#define WEIR_DTLS_FINGERPRINTS_MAX 8
#define WEIR_DTLS_SRTP_PROFILES_MAX 4
#define WEIR_DTLS_GROUPS_MAX 4
#define WEIR_DTLS_SUITES_MAX 9
#define WEIR_DTLS_ADDRESS_MAX 32
/* The longest ticket that a client keeps; ours have 267 bytes, those of other stacks carry a
 * certificate, or two. */
#define WEIR_DTLS_TICKET_MAX 2048
#define WEIR_DTLS_TICKET_KEYS_MAX 2
#define WEIR_DTLS_TICKET_KEY_BYTES 32
#define WEIR_DTLS_SESSION_BYTES_MAX (272 + WEIR_DTLS_TICKET_MAX)
/* How long after certificates were shown a session may be resumed, in seconds [RFC 8446 4.6.1 MUST]. */
#define WEIR_DTLS_TICKET_LIFE_MAX 604800

/* What a record needs beside its plaintext, at most: header 13, explicit nonce 8, tag 16 in DTLS 1.2, and
 * with a connection id that and a content type; header 5, content type 1, tag 16 in DTLS 1.3. */
#define WEIR_DTLS_HEAD_MAX (21 + WEIR_DTLS_PEER_CID_MAX)
#define WEIR_DTLS_OVERHEAD_MAX (38 + WEIR_DTLS_PEER_CID_MAX)
/* What one record may carry [RFC 6347 4.1.1, RFC 8446 5.1]. */
#define WEIR_DTLS_PLAIN_MAX 16384
#define WEIR_DTLS_MTU_DEFAULT 1200
#define WEIR_DTLS_MTU_MIN 128

/* -- Versions, states, verdicts, reasons ------------------------------------------------------- */

enum weir_dtls_version {
    WEIR_DTLS_1_2 = 12,
    WEIR_DTLS_1_3 = 13,
};

enum weir_dtls_state {
    WEIR_DTLS_NEW,        /* a client that was not started, a server that saw no good hello */
    WEIR_DTLS_HANDSHAKE,
    WEIR_DTLS_UNVERIFIED, /* handshake done, expected fingerprint not known yet */
    WEIR_DTLS_CONNECTED,
    WEIR_DTLS_CLOSED,     /* either side said close_notify */
    WEIR_DTLS_FAILED,
    WEIR_DTLS_STATES,
};

/* What a record met. One value per rule, in the order in which they are checked. */
enum weir_dtls_verdict {
    WEIR_DTLS_OK,
    /* The record [RFC 6347 4.1, RFC 9147 4] */
    WEIR_DTLS_OVER,               /* closed, failed, or a client not started */
    WEIR_DTLS_RECORD_TRUNCATED,   /* no room for a header, or for the length that it names */
    WEIR_DTLS_RECORD_LENGTH,      /* longer than 2^14 + 256 */
    WEIR_DTLS_RECORD_TYPE,        /* no content type of the versions in question */
    WEIR_DTLS_RECORD_VERSION,     /* neither 1.0 nor 1.2, or 1.0 under protection */
    WEIR_DTLS_RECORD_EMPTY,       /* no content and no protection */
    WEIR_DTLS_RECORD_EPOCH,       /* an epoch that this handshake never reaches */
    WEIR_DTLS_RECORD_CID,         /* with a connection id that is not ours: the rest of it goes, too */
    WEIR_DTLS_RECORD_NO_CID,      /* without the connection id that was agreed */
    WEIR_DTLS_RECORD_EARLY,       /* next epoch before its keys: held if it is the only one */
    WEIR_DTLS_RECORD_SHORT,       /* no room for nonce, type and tag */
    WEIR_DTLS_RECORD_REPLAYED,
    WEIR_DTLS_RECORD_FORGED,      /* tag is wrong */
    WEIR_DTLS_RECORD_CONTENT,     /* under protection no content type, or one that is not for there */
    WEIR_DTLS_DATA_PLAIN,         /* application data without protection */
    WEIR_DTLS_DATA_EARLY,         /* application data before the connection stands */
    WEIR_DTLS_CCS_MALFORMED,      /* ChangeCipherSpec is one byte, 1 */
    WEIR_DTLS_CCS_UNEXPECTED,     /* early or again */
    WEIR_DTLS_ALERT_MALFORMED,    /* not two bytes, or a level not 1 or 2: fatal if protected */
    WEIR_DTLS_ALERT_PLAIN,        /* an alert that anybody could have sent: noted, not obeyed */
    WEIR_DTLS_ACK_PLAIN,          /* an ACK that anybody could have sent: a hint, no more */
    WEIR_DTLS_ACK_MALFORMED,
    WEIR_DTLS_RRC_MALFORMED,      /* a path challenge, response or drop without its 8 bytes of cookie */
    WEIR_DTLS_RRC_UNKNOWN,        /* a message of a kind that is not known: passed over */
    WEIR_DTLS_RRC_STRAY,          /* a response or drop to no challenge of ours, or by another path */
    WEIR_DTLS_RRC_FULL,           /* a challenge while as many answers wait as there is room for */
    /* Fragments and their messages [RFC 6347 4.2.2] */
    WEIR_DTLS_FRAGMENT_TRUNCATED, /* no room for its header, or for the length that it names */
    WEIR_DTLS_FRAGMENT_RANGE,     /* reaches over the end of its message */
    WEIR_DTLS_FRAGMENT_EPOCH,     /* not under the protection that is in force */
    WEIR_DTLS_NO_BLOCK,           /* a hello, or a message after the handshake, while every block of the
                                     arena is in use: dropped, and taken when it comes again */
    WEIR_DTLS_MESSAGE_OLD,        /* handled before; may mean that our flight was lost */
    WEIR_DTLS_MESSAGE_AHEAD,      /* beyond the window */
    WEIR_DTLS_MESSAGE_SIZE,       /* longer than we take */
    WEIR_DTLS_FRAGMENT_EMPTY,     /* no bytes of a message that has some */
    WEIR_DTLS_FRAGMENT_MISMATCH,  /* type or length differ from an earlier fragment's */
    WEIR_DTLS_MESSAGE_NO_ROOM,    /* ahead of its turn, and the buffer is used up */
    WEIR_DTLS_RENEGOTIATION,      /* asked for after the handshake: refused with a warning */
    WEIR_DTLS_MESSAGE_LATE,       /* any other message after the handshake, under protection: fatal */
    WEIR_DTLS_UNEXPECTED,         /* not the message of this step: fatal */
    /* Hellos [RFC 5246 7.4.1]. A server drops a bad one; a client fails. */
    WEIR_DTLS_HELLO_MALFORMED,
    WEIR_DTLS_HELLO_DUPLICATE,    /* the same extension twice, or more than 64 of them */
    WEIR_DTLS_HELLO_VERSION,
    WEIR_DTLS_HELLO_DOWNGRADE,    /* the server has 1.3 and was made to take 1.2 */
    WEIR_DTLS_HELLO_LEGACY,       /* something in a field that 1.3 keeps empty */
    WEIR_DTLS_HELLO_COOKIE,       /* none, a wrong or an old one: answered with a request for one */
    WEIR_DTLS_HELLO_STALE,        /* a cookie of 1.3 that is wrong or old: answered with an alert */
    WEIR_DTLS_HELLO_COMPRESSION,
    WEIR_DTLS_HELLO_SUITE,
    WEIR_DTLS_HELLO_MISSING,      /* lacks an extension that 1.3 cannot do without */
    WEIR_DTLS_HELLO_GROUP,
    WEIR_DTLS_HELLO_SHARE,        /* key_share malformed, twice for a group, or not as asked */
    WEIR_DTLS_HELLO_BUSY,         /* its share would be worked on, but too many came to nothing: dropped */
    WEIR_DTLS_HELLO_POINTS,       /* point formats without the uncompressed one */
    WEIR_DTLS_HELLO_SIGNATURES,   /* the peer cannot verify ours */
    WEIR_DTLS_HELLO_NO_EMS,       /* no extended master secret */
    WEIR_DTLS_HELLO_RENEGOTIATES, /* renegotiation_info is not empty */
    WEIR_DTLS_HELLO_SRTP,         /* use_srtp malformed, not offered, or with an MKI */
    WEIR_DTLS_HELLO_UNASKED,      /* the server answers an extension that we did not send */
    WEIR_DTLS_HELLO_RETRY,        /* a second HelloRetryRequest */
    WEIR_DTLS_HELLO_CID,          /* connection_id or rrc malformed, or an id longer than we can send */
    WEIR_DTLS_HELLO_PSK,          /* pre_shared_key malformed or without its modes, or not ours taken */
    WEIR_DTLS_HELLO_BINDER,       /* the client does not know the secret of its ticket */
    WEIR_DTLS_VERIFY_REQUEST,     /* HelloVerifyRequest malformed, or one too many */
    WEIR_DTLS_ENCRYPTED_MALFORMED, /* EncryptedExtensions */
    /* Certificates and keys */
    WEIR_DTLS_CERT_MALFORMED,
    WEIR_DTLS_CERT_EMPTY,         /* [RFC 8827 6.5] both sides show one */
    WEIR_DTLS_CERT_UNREADABLE,    /* not X.509, or a key of no kind we know */
    WEIR_DTLS_CERT_KEY,           /* a key that does not suit the cipher suite */
    WEIR_DTLS_CERT_FINGERPRINT,   /* not the one that signalling told */
    WEIR_DTLS_KEY_MALFORMED,
    WEIR_DTLS_KEY_GROUP,          /* a group that we did not offer */
    WEIR_DTLS_KEY_SCHEME,         /* a signature scheme that we did not offer, or another key's */
    WEIR_DTLS_KEY_SIGNATURE,
    WEIR_DTLS_KEY_SHARE,          /* not on the curve, or an all-zero secret */
    WEIR_DTLS_REQUEST_MALFORMED,
    WEIR_DTLS_REQUEST_SCHEME,     /* the server cannot verify our signature */
    WEIR_DTLS_DONE_MALFORMED,     /* ServerHelloDone with content */
    WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED,    /* CertificateVerify */
    WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME,
    WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE,
    WEIR_DTLS_FINISHED,           /* wrong verify_data */
    WEIR_DTLS_TICKET_MALFORMED,   /* NewSessionTicket */
    WEIR_DTLS_UPDATE_MALFORMED,   /* KeyUpdate */
    WEIR_DTLS_CID_MALFORMED,      /* NewConnectionId, RequestConnectionId */
    WEIR_DTLS_CRYPTO,             /* our crypto provider refused what never fails */
    WEIR_DTLS_VERDICTS,
};

/* Why a connection failed. */
enum weir_dtls_reason {
    WEIR_DTLS_REASON_NONE,
    WEIR_DTLS_REASON_MESSAGE,     /* a handshake message was refused; the verdict says why */
    WEIR_DTLS_REASON_FINGERPRINT,
    WEIR_DTLS_REASON_ALERT,       /* the peer sent a fatal alert under protection */
    WEIR_DTLS_REASON_TIMEOUT,     /* no answer within the configured give_up; see has_plain_alert */
    WEIR_DTLS_REASON_FORGERIES,   /* as many wrong tags as the cipher can bear */
    WEIR_DTLS_REASONS,
};

/* -- Config ------------------------------------------------------------------------------------ */

/* SRTP protection profiles [RFC 5764 4.1.2, RFC 7714 14.2]. */
enum weir_dtls_srtp_profile {
    WEIR_DTLS_SRTP_NONE = 0,
    WEIR_DTLS_SRTP_AES128_CM_SHA1_80 = 0x0001,
    WEIR_DTLS_SRTP_AEAD_AES_128_GCM = 0x0007,
    WEIR_DTLS_SRTP_AEAD_AES_256_GCM = 0x0008,
};

/* The hybrid of X25519 and ML-KEM-768 [draft-ietf-tls-ecdhe-mlkem], in DTLS 1.3, where the crypto provider
 * has ML-KEM. Unless the config says otherwise a server takes it of a client that sends its share; a client
 * lists it last, and sends the share when it is asked to: 1,216 bytes are two datagrams of hello. */
#define WEIR_DTLS_X25519MLKEM768 0x11ec
/* The longest share, and what is kept for it. */
#define WEIR_DTLS_SHARE_MAX (WEIR_KEM_PUBLIC_BYTES + 32)
#define WEIR_DTLS_SHARE_PRIVATE_MAX (WEIR_KEM_PRIVATE_BYTES + 32)
#define WEIR_DTLS_SHARED_MAX (WEIR_KEM_SHARED_BYTES + 32)

/* A certificate's hash as signalling told it. SHA-256, SHA-384 and SHA-512 count; weaker ones are
 * passed over [RFC 8122 5]. */
struct weir_dtls_fingerprint {
    enum weir_hash_id hash;
    uint8_t bytes[WEIR_HASH_BYTES_MAX];
};

/* How a new path of the peer's is checked before it counts [RFC 9853 5]. */
enum weir_dtls_rrc_kind {
    WEIR_DTLS_RRC_NONE,     /* not offered: the application has means of its own, as ICE is */
    WEIR_DTLS_RRC_BASIC,    /* a challenge on the new path [RFC 9853 5.1] */
    WEIR_DTLS_RRC_ENHANCED, /* first one on the old path: whoever only forwards copies of packets faster
                               than they travel moves nobody [RFC 9853 5.2] */
};

/* Whom tickets are given to, and taken of. */
enum weir_dtls_tickets {
    WEIR_DTLS_TICKETS_OFF,   /* nobody */
    WEIR_DTLS_TICKETS_ASKED, /* a client that sends ticket_request, a server that answers it [RFC 9149]:
                                weir does, browsers do not */
    WEIR_DTLS_TICKETS_ALL,   /* every client that offers psk_dhe_ke, and every server */
};

/* What a certificate hashes to. */
struct weir_dtls_digests {
    uint8_t sha256[32], sha384[48], sha512[64];
};

/* What a client keeps of a connection to begin the next one without certificates. Secret as a key is; flat,
 * for storing in memory; for other places see weir_dtls_session_save. */
struct weir_dtls_session {
    uint16_t suite, group;
    uint16_t ticket_bytes;
    uint32_t age_add;                /* hides the ticket's age on the wire */
    int64_t given_s, proven_s, end_s; /* UTC: the ticket came, certificates were shown, it is void */
    uint8_t own_sha256[32];          /* of the certificate that we showed */
    struct weir_dtls_digests peer;   /* of the one that the server showed */
    uint8_t secret[WEIR_DTLS_SECRET_MAX];
    uint8_t ticket[WEIR_DTLS_TICKET_MAX];
};

/* What became of the ticket of this connection's hello. */
enum weir_dtls_ticket_fate {
    WEIR_DTLS_TICKET_NONE,    /* there was none */
    WEIR_DTLS_TICKET_OFFERED, /* client: no answer yet */
    WEIR_DTLS_TICKET_TAKEN,   /* the session is resumed */
    WEIR_DTLS_TICKET_REFUSED, /* client: the server shakes hands in full */
    WEIR_DTLS_TICKET_UNKNOWN, /* server: none of our keys opens it */
    WEIR_DTLS_TICKET_EXPIRED,
    WEIR_DTLS_TICKET_OTHERS,  /* another certificate than the one shown then: ours, or the one expected */
    WEIR_DTLS_TICKET_UNFIT,   /* suite, version or psk_dhe_ke missing */
    WEIR_DTLS_TICKET_FATES,
};

struct weir_dtls_config {
    const struct weir_crypto *crypto;
    const struct weir_identity *identity; /* outlives the connection */
    struct weir_keypool *keys;            /* keys made ahead, outlives the connection; NULL: none */
    struct weir_budget *work;             /* what hellos may waste of public-key work, for all of
                                             a thread; outlives them; NULL: no such bound */
    struct weir_arena *handshakes;        /* blocks of sizeof(struct weir_dtls_handshake), shared by many
                                             connections of a thread; outlives them */
    struct weir_trace *trace;             /* NULL: off */
    uint32_t conn;                        /* our number in the trace */
    bool is_client;
    uint8_t groups, suites;               /* entries of the lists below; 0: all, in our order */
    uint16_t group[WEIR_DTLS_GROUPS_MAX]; /* enum weir_group or the hybrid, the first preferred */
    uint16_t suite[WEIR_DTLS_SUITES_MAX]; /* cipher suites, the first preferred */
    uint8_t version_min, version_max;     /* enum weir_dtls_version; 0: all, the newest preferred */
    bool has_keylog;                      /* weir_dtls_keylog tells the secrets */
    bool requires_cookie;                 /* server: the client proves its address; off after ICE */
    bool is_path_valid;                   /* server: ICE has proven where the peer is, so a hello that was
                                             refused is answered with an alert, once */
    bool has_cid;                         /* offer connection_id, or agree to it [RFC 9146 3] */
    uint8_t rrc;                          /* enum weir_dtls_rrc_kind; with has_cid alone */
    uint8_t cid_bytes;                    /* 0: the peer sends without one, we with the peer's */
    uint8_t cid[WEIR_DTLS_CID_MAX];       /* what the peer puts into its records: any bytes that tell our
                                             connections from each other; in the clear on the wire */
    uint8_t tickets;                      /* enum weir_dtls_tickets */
    uint8_t ticket_keys;                  /* server: entries of ticket_key; 0: gives and takes none */
    uint8_t ticket_key[WEIR_DTLS_TICKET_KEYS_MAX][WEIR_DTLS_TICKET_KEY_BYTES]; /* random; shared by all
                                             servers that shall know each other's tickets. The first one
                                             seals, all open: what was first before may be second */
    const struct weir_dtls_session *session; /* client: to be resumed, copied by init into a block that is
                                             held from then on, and passed over when there is none; NULL:
                                             none. Use it once: a ticket seen twice tells that it is you
                                             again */
    int64_t utc_s;                        /* UTC in seconds since 1970 at the time of init; for tickets */
    uint8_t fingerprints;                 /* 0: weir_dtls_set_fingerprints will come */
    uint8_t srtp_profiles;                /* entries of srtp_profile; 0: all, in our order, for data alone,
                                             too: some (pion) refuse an end that agrees on none. A list
                                             without a known one: no use_srtp */
    uint8_t address_bytes;
    uint16_t mtu;                         /* of handshake datagrams, at most; 0: WEIR_DTLS_MTU_DEFAULT */
    uint16_t srtp_profile[WEIR_DTLS_SRTP_PROFILES_MAX]; /* enum weir_dtls_srtp_profile, in order */
    struct weir_dtls_fingerprint fingerprint[WEIR_DTLS_FINGERPRINTS_MAX];
    weir_duration rto;                    /* first retransmission; 0: 50 ms */
    weir_duration rto_max;                /* 0: 3 s */
    weir_duration give_up;                /* from the first flight to TIMEOUT; 0: 30 s */
    uint8_t address[WEIR_DTLS_ADDRESS_MAX]; /* of the peer, any form: what a cookie is bound to */
    uint8_t cookie_secret[32];            /* shared by the servers of one address */
    uint8_t seed[WEIR_SEED_BYTES];
};

/* -- Events ------------------------------------------------------------------------------------ */

enum weir_dtls_event_type {
    WEIR_DTLS_EVENT_NONE,
    WEIR_DTLS_EVENT_CONNECTED, /* keys may be exported, data may flow */
    WEIR_DTLS_EVENT_CLOSED,    /* the peer said close_notify */
    WEIR_DTLS_EVENT_FAILED,    /* reason, verdict, alert */
    WEIR_DTLS_EVENT_MOVED,     /* path: it was checked, and weir_dtls_send_to sends there from now on */
    WEIR_DTLS_EVENT_SESSION,   /* a session can be taken: weir_dtls_take_session */
    WEIR_DTLS_EVENT_SEEN,      /* path: the peer may be there, and without rrc nothing is done about it */
};

struct weir_dtls_event {
    enum weir_dtls_event_type type;
    enum weir_dtls_reason reason;
    enum weir_dtls_verdict verdict; /* of the message that was refused */
    uint8_t alert;                  /* description that we send or that the peer sent */
    bool has_plain_alert;           /* TIMEOUT: `alert` came without protection. It ended nothing,
                                       but may be why nothing else came */
    uint32_t path;
};

/* -- Secrets, as a key log names them ----------------------------------------------------------- */

enum weir_dtls_secret {
    WEIR_DTLS_SECRET_MASTER,           /* CLIENT_RANDOM: the master secret of DTLS 1.2 */
    WEIR_DTLS_SECRET_CLIENT_HANDSHAKE, /* CLIENT_HANDSHAKE_TRAFFIC_SECRET; this and below 1.3 */
    WEIR_DTLS_SECRET_SERVER_HANDSHAKE, /* SERVER_HANDSHAKE_TRAFFIC_SECRET */
    WEIR_DTLS_SECRET_CLIENT_TRAFFIC,   /* CLIENT_TRAFFIC_SECRET_0 */
    WEIR_DTLS_SECRET_SERVER_TRAFFIC,   /* SERVER_TRAFFIC_SECRET_0 */
    WEIR_DTLS_SECRET_EXPORTER,         /* EXPORTER_SECRET */
    WEIR_DTLS_SECRETS,
};

/* -- Needed until a handshake is done: a block of the arena ------------------------------------- */

/* Of the config what a handshake asks. It waits in struct weir_dtls for the handshake to begin. */
struct weir_dtls_plan {
    struct weir_keypool *keys;
    struct weir_budget *work;
    uint8_t groups, suites;
    uint16_t group[WEIR_DTLS_GROUPS_MAX];
    uint16_t suite[WEIR_DTLS_SUITES_MAX];
    bool requires_cookie, is_path_valid;
    uint8_t tickets, ticket_keys;
    uint8_t fingerprints, srtp_profiles, address_bytes;
    uint16_t srtp_profile[WEIR_DTLS_SRTP_PROFILES_MAX];
    struct weir_dtls_fingerprint fingerprint[WEIR_DTLS_FINGERPRINTS_MAX];
    uint8_t address[WEIR_DTLS_ADDRESS_MAX];
    uint8_t cookie_secret[32];
    uint8_t ticket_key[WEIR_DTLS_TICKET_KEYS_MAX][WEIR_DTLS_TICKET_KEY_BYTES];
};

/* Wiped as soon as both Finished were verified. */
struct weir_dtls_exchange {
    struct weir_hash transcript[2]; /* SHA-256, SHA-384: which one counts is known late */
    struct weir_pubkey peer_key;
    uint16_t group;
    uint16_t own_group; /* of the key pair that is there */
    uint16_t own_scheme; /* by which we sign */
    uint16_t premaster_bytes;
    uint8_t private_key[WEIR_DTLS_SHARE_PRIVATE_MAX];
    uint8_t public_key[WEIR_DTLS_SHARE_MAX]; /* the share */
    uint8_t premaster[WEIR_DTLS_SHARED_MAX];
    uint8_t secret[WEIR_DTLS_SECRET_MAX];      /* 1.3: where the key schedule stands */
    uint8_t psk[WEIR_DTLS_SECRET_MAX];         /* 1.3: of the session that is resumed, else zeros */
    int64_t proven_s;    /* UTC: the certificates of this session were shown */
    bool wants_ticket;   /* server: the client can use one, and asked if it has to */
    bool expects_ticket; /* client: the server will give one */
    bool has_asked_ticket;
    uint16_t ticket_index; /* server: of the one that was taken */
    uint8_t cookie[255];
    uint8_t cookie_bytes;
    uint8_t verify_requests; /* that we followed as client */
    bool has_request;        /* the server asked for our certificate */
    bool has_retry;          /* a HelloRetryRequest was sent or followed */
    bool is_cookie_refused;  /* client: an alert said so, without protection: begin anew with the timer */
    bool peer_has_points, peer_has_renegotiation;
};

/* dtls_block.c has the rule by which it is leased and given back. */
struct weir_dtls_handshake {
    struct weir_dtls_plan plan;
    struct weir_dtls_exchange exchange;
    struct weir_dtls_keys old_rx, old_tx; /* 1.3: of the epoch before; tx for what we send again */
    struct weir_dtls_session session;     /* 1.3: offered, until it is answered; then one to be taken */
    struct weir_dtls_ack ack;             /* 1.3 */
    struct weir_dtls_flight flight;
    struct weir_dtls_reassembly reassembly;
    uint16_t held_bytes;                  /* of a record that came ahead of its keys */
    uint8_t held[WEIR_DTLS_HELD_BYTES];
    weir_time used_at;                    /* the last sign that it is needed */
};

/* -- Needed always ------------------------------------------------------------------------------ */

/* Of the config what is asked at any time. */
struct weir_dtls_settings {
    const struct weir_crypto *crypto;
    const struct weir_identity *identity;
    struct weir_arena *handshakes;
    struct weir_trace *trace;
    uint32_t conn;
    bool is_client, has_keylog, has_cid;
    uint8_t version_min, version_max;
    uint8_t rrc, cid_bytes;
    uint8_t cid[WEIR_DTLS_CID_MAX];
    uint16_t mtu;
    weir_duration rto, rto_max, give_up;
    int64_t utc_s;
};

struct weir_dtls {
    /* private */
    struct weir_dtls_settings config;
    uint32_t block;       /* of the arena; WEIR_NO_BLOCK: none is held */
    enum weir_dtls_state state;
    uint8_t step;         /* of the handshake, enum dtls_step: changed by dtls_handshake.c alone */
    uint8_t events;       /* owed to the caller: a bit per enum weir_dtls_event_type */
    uint16_t version;     /* 0xfefc or 0xfefd once agreed */
    uint16_t suite;
    uint16_t group;       /* in which keys were agreed; 0 before that */
    uint16_t srtp_profile;
    uint16_t message_seq; /* of our next handshake message */
    uint16_t peer_seq;    /* of the peer's next one, while no block is held */
    bool is_peer_spent;   /* the last of them was there, likewise */
    uint8_t halvings;     /* of the config's MTU: what the path seems to bear */
    uint8_t restarts;     /* client: times it began anew for a cookie that the server took no more */
    struct weir_rand rand;
    weir_time begun_at;   /* when the config's UTC was right */
    weir_time give_up_at; /* timer: armed while an answer is owed to us; fails the connection */
    weir_time lease_at;   /* timer: armed when there was no block for what we have to say; tries again */
    weir_duration rtt;    /* of the path, 0: not known */
    struct weir_budget work; /* server: public-key work that hellos may still waste here */

    /* Keys. The epochs in force, and what is in them. Before a handshake there are none to send with, and
     * in a handshake the plan is in its block. */
    uint64_t rx_epoch, tx_epoch;
    uint64_t plain_seq;   /* of our next record without protection */
    uint64_t hello_seq;   /* record number of the hello, which its answer takes with cookies */
    struct weir_dtls_keys rx;
    union {
        struct weir_dtls_keys tx;
        struct weir_dtls_plan plan; /* in WEIR_DTLS_NEW while no block is held */
    };
    struct weir_dtls_old old; /* 1.3 */
    uint8_t client_random[32], server_random[32];
    uint8_t secret[WEIR_DTLS_SECRETS][WEIR_DTLS_SECRET_MAX]; /* those that has_secret marks */
    uint8_t has_secret;   /* bit per enum weir_dtls_secret */
    uint8_t rx_secret[WEIR_DTLS_SECRET_MAX], tx_secret[WEIR_DTLS_SECRET_MAX]; /* 1.3: traffic */
    uint8_t finished[12]; /* 1.2, server: of our last flight, which the client may ask for at any time */

    /* The peer. */
    bool has_peer_cert;   /* its digests are known: it was shown, now or in the session that is resumed */
    struct weir_dtls_digests peer;

    /* Small machines. */
    struct weir_dtls_update update;
    struct weir_dtls_cid cid;
    struct weir_dtls_alert alert;
    struct weir_dtls_rrc rrc;
    struct weir_dtls_resumption resumption;

    /* Why it failed. */
    enum weir_dtls_reason reason;
    enum weir_dtls_verdict fail_verdict;
    uint8_t fail_alert;

    uint32_t verdicts[WEIR_DTLS_VERDICTS];
    uint32_t rx_records, tx_records, resends;
};

/* The config is copied; what is out of range in it is brought into range. Fingerprints of weak
 * hashes are passed over. What was there before is forgotten, a block of it too: deinit comes first. */
WEIR_API void weir_dtls_init(struct weir_dtls *d, const struct weir_dtls_config *config,
                             weir_time now);

/* Wipe all that is secret, and the rest; the block goes back. */
WEIR_API void weir_dtls_deinit(struct weir_dtls *d);

/* A client writes its hello. For a server this does nothing. WEIR_ERR_STATE when already begun.
 * WEIR_ERR_FULL when every block is in use: the hello is then written by a tick, when one came back, unless
 * that takes longer than the config's give_up. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_dtls_start(struct weir_dtls *d, weir_time now);

/* Handle the first record of *datagram in place and take it off its front; call again until
 * datagram->n is 0. *plain is application data if there was some: inside the datagram or inside the
 * block, valid until the next call. A bad record is counted and changes nothing else. */
WEIR_API enum weir_dtls_verdict weir_dtls_recv(struct weir_dtls *d, weir_time now,
                                               struct weir_mspan *datagram,
                                               struct weir_span *plain);

/* Run the timers that are due. */
WEIR_API void weir_dtls_tick(struct weir_dtls *d, weir_time now);

/* The next datagram of the handshake, a path check or an alert: 0 = none. Order: path check, ACK, flight,
 * alert. Give room for the configured MTU; if `out` is too small for anything, 0 is returned and nothing
 * is lost. */
WEIR_API size_t weir_dtls_send(struct weir_dtls *d, weir_time now, struct weir_mspan out);

WEIR_API bool weir_dtls_event(struct weir_dtls *d, struct weir_dtls_event *event);
/* The event FAILED again, whoever took it; of type NONE when it has not failed. */
WEIR_API void weir_dtls_failure(const struct weir_dtls *d, struct weir_dtls_event *event);

WEIR_API weir_time weir_dtls_deadline(const struct weir_dtls *d);

/* Is a block of the arena held? Always in WEIR_DTLS_HANDSHAKE, before and afterwards for a while: who runs
 * no timers of a connection keeps it from the others. */
WEIR_API bool weir_dtls_has_block(const struct weir_dtls *d);

/* Say close_notify. Nothing is delivered afterwards. */
WEIR_API void weir_dtls_close(struct weir_dtls *d, weir_time now);

/* -- Paths [RFC 9146 6, RFC 9147 11, RFC 9853] ----------------------------------------------------
 *
 * A path is a number that the caller gives to where a datagram came from, and to. The handshake is on path
 * 0; what the others mean is the caller's affair. A record that is authenticated, has our connection id and
 * is newer than all before it makes the path that it came by a candidate. Where rrc was agreed the path is
 * then checked, with three small records at most, and MOVED says that the peer answered there. Without rrc
 * SEEN tells the candidate, once for each such record, and nothing else follows: the application checks it
 * by means of its own, and calls weir_dtls_set_path. Until then data goes to where the peer was.
 */

/* weir_dtls_recv of a datagram that came by `path`; recv itself takes it to be the one that is in use. */
WEIR_API enum weir_dtls_verdict weir_dtls_recv_by(struct weir_dtls *d, weir_time now, uint32_t path,
                                                  struct weir_mspan *datagram,
                                                  struct weir_span *plain);

/* weir_dtls_send, and by which path the datagram goes: challenges and answers take another than the one
 * that is in use. Who calls recv_by calls this one, too. */
WEIR_API size_t weir_dtls_send_to(struct weir_dtls *d, weir_time now, struct weir_mspan out,
                                  uint32_t *path);

/* Which path is in use: application data goes there. */
WEIR_API uint32_t weir_dtls_path(const struct weir_dtls *d);
/* This path is in use from now on: the application checked it, or it moved to it itself. A check under way
 * ends; a challenge that still comes by the path before is answered with path_drop. */
WEIR_API void weir_dtls_set_path(struct weir_dtls *d, uint32_t path);

/* The connection id at the head of a datagram, where ids of ours have `bytes` bytes: whose is it? Nothing
 * is proven by it. False when the first record has none. */
WEIR_MUST_CHECK WEIR_API bool weir_dtls_peek_cid(struct weir_span datagram, size_t bytes,
                                                 struct weir_span *cid);

/* Were connection ids agreed, and return routability checks? False before ServerHello. */
WEIR_API bool weir_dtls_has_cid(const struct weir_dtls *d);
WEIR_API bool weir_dtls_has_rrc(const struct weir_dtls *d);

/* -- Application data -------------------------------------------------------------------------- */

/* Bytes that a record puts before and around its plaintext, by the agreed suite and the peer's connection
 * id. With DTLS 1.3 a peer can change its id, so ask before each record. */
WEIR_API size_t weir_dtls_head_bytes(const struct weir_dtls *d);
WEIR_API size_t weir_dtls_overhead(const struct weir_dtls *d);

/* Protect plain_len bytes at buf.p + plain_at in place. The record begins weir_dtls_head_bytes before
 * them and has weir_dtls_overhead bytes more than they; its length is returned. 0 when not connected,
 * when a bound of buf is crossed, when plain_len exceeds WEIR_DTLS_PLAIN_MAX, or when this key has
 * protected as much as it may: DTLS 1.3 changes keys before that by itself. */
WEIR_MUST_CHECK WEIR_API size_t weir_dtls_seal(struct weir_dtls *d, struct weir_mspan buf,
                                               size_t plain_at, size_t plain_len);

/* -- Sessions [RFC 8446 2.2] --------------------------------------------------------------------
 *
 * A connection of DTLS 1.3 that follows another one of the same two certificates begins with a ticket
 * in place of certificates and signatures: fewer bytes, and no public-key work but one fresh key agreement,
 * so what one connection's keys tell is of no use for the other. The session is bound to both certificates:
 * a client offers it only with the certificate of its own that it showed then and to a server of which the
 * same one is expected; a server takes it only if its own is the same and the client's is the expected one.
 * Otherwise, and whenever anything does not fit, there is a full handshake. No early data.
 */

/* The session of the event SESSION; it is wiped here. False: there is none. */
WEIR_MUST_CHECK WEIR_API bool weir_dtls_take_session(struct weir_dtls *d, struct weir_dtls_session *out);
/* As bytes for a file, WEIR_DTLS_SESSION_BYTES_MAX at most; 0: out is too small. They are secret. */
WEIR_MUST_CHECK WEIR_API size_t weir_dtls_session_save(const struct weir_dtls_session *s,
                                                       struct weir_mspan out);
/* False, and *s is wiped, for anything that save has not written. */
WEIR_MUST_CHECK WEIR_API bool weir_dtls_session_load(struct weir_dtls_session *s, struct weir_span bytes);
WEIR_API bool weir_dtls_is_resumed(const struct weir_dtls *d);
WEIR_API enum weir_dtls_ticket_fate weir_dtls_ticket(const struct weir_dtls *d);
WEIR_API const char *weir_dtls_ticket_name(enum weir_dtls_ticket_fate fate);

/* -- Fingerprints, keys, timing ---------------------------------------------------------------- */

/* What the peer's certificate must hash to: any entry of the strongest hash in the list
 * [RFC 8122 5]. May be called before, during or after the handshake, and again with a new
 * description; a certificate that does not match ends the connection. WEIR_ERR_ARG, and nothing
 * changes, when no entry has an acceptable hash or there are too many. */
WEIR_MUST_CHECK WEIR_API enum weir_status
weir_dtls_set_fingerprints(struct weir_dtls *d, weir_time now,
                           const struct weir_dtls_fingerprint *list, size_t count);

/* Of the certificate that was shown, or, before one was, of what was told: is this one of the fingerprints
 * that the peer may have? */
WEIR_API bool weir_dtls_expects(const struct weir_dtls *d, const struct weir_dtls_fingerprint *f);
/* All of them, as weir_dtls_set_fingerprints would take them; their number. None when it ended before a
 * certificate was shown. */
WEIR_API size_t weir_dtls_fingerprints(const struct weir_dtls *d,
                                       struct weir_dtls_fingerprint list[WEIR_DTLS_FINGERPRINTS_MAX]);

/* DTLS 1.3: send with new keys, and let the peer do so, too, if asks_peer. Done when the peer has
 * acknowledged it. WEIR_ERR_STATE unless connected with 1.3; WEIR_ERR_FULL when there were 2^16
 * handshake messages. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_dtls_update_keys(struct weir_dtls *d, bool asks_peer);

/* Keying material [RFC 5705 4, RFC 8446 7.5] without context, for example "EXTRACTOR-dtls_srtp".
 * WEIR_ERR_STATE unless connected; WEIR_ERR_ARG for a label of more than 249 bytes or keys of more than
 * 8160. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_dtls_export(const struct weir_dtls *d,
                                                           const char *label,
                                                           struct weir_mspan out);

/* For one line of an NSS key log: label, client random and secret. False unless the config asked
 * for it and this secret exists. */
WEIR_MUST_CHECK WEIR_API bool weir_dtls_keylog(const struct weir_dtls *d, enum weir_dtls_secret which,
                                               uint8_t client_random[32],
                                               uint8_t secret[WEIR_DTLS_SECRET_MAX],
                                               size_t *secret_bytes);
WEIR_API const char *weir_dtls_secret_label(enum weir_dtls_secret which);

/* The path's round-trip time is known: retransmit after twice that, 50 ms to the maximum. */
WEIR_API void weir_dtls_set_rtt_hint(struct weir_dtls *d, weir_duration rtt);

/* The peer has only now become able to hear us: a first hello that nothing answered and that was sent once
 * leaves again, at once, without a change to the timer. */
WEIR_API void weir_dtls_path_hint(struct weir_dtls *d);

/* The longest handshake datagram that we send by now: the config's MTU, or less where longer ones were not
 * answered [RFC 9147 4.4]. A hint for what runs above. */
WEIR_API uint16_t weir_dtls_mtu(const struct weir_dtls *d);

/* SHA-256 of the peer's certificate; false before it has arrived. */
WEIR_MUST_CHECK WEIR_API bool weir_dtls_peer_digest(const struct weir_dtls *d, uint8_t sha256[32]);

/* -- Inspection -------------------------------------------------------------------------------- */

WEIR_API enum weir_dtls_state weir_dtls_state(const struct weir_dtls *d);
WEIR_API bool weir_dtls_is_client(const struct weir_dtls *d);
/* How often it judged so. */
WEIR_API uint32_t weir_dtls_verdicts(const struct weir_dtls *d, enum weir_dtls_verdict v);
/* The last alert that came without protection, which may explain a silence and ends nothing. */
WEIR_API bool weir_dtls_plain_alert(const struct weir_dtls *d, uint8_t *description);
/* The agreed SRTP profile, WEIR_DTLS_SRTP_NONE when there is none or not yet. */
WEIR_API enum weir_dtls_srtp_profile weir_dtls_srtp(const struct weir_dtls *d);
WEIR_API const char *weir_dtls_version_name(const struct weir_dtls *d); /* "DTLS 1.3", "" */
WEIR_API const char *weir_dtls_suite_name(const struct weir_dtls *d);   /* as IANA has it, "" */
WEIR_API const char *weir_dtls_group_name(const struct weir_dtls *d);   /* "X25519", "" */
/* A suite of ours by its name; 0: none. */
WEIR_API uint16_t weir_dtls_suite_code(const char *name);
WEIR_API const char *weir_dtls_state_name(enum weir_dtls_state state);
WEIR_API const char *weir_dtls_verdict_name(enum weir_dtls_verdict verdict);
WEIR_API const char *weir_dtls_reason_name(enum weir_dtls_reason reason);
WEIR_API const char *weir_dtls_alert_name(uint8_t description);

#endif
