/* STUN messages [RFC 8489], with the attributes of ICE [RFC 8445].
 *
 * A codec without state, and one small machine. weir_stun_parse checks a datagram whole and gives its
 * attributes as values and spans into it; weir_stun_verify proves its integrity; weir_stun_begin,
 * weir_stun_put_* and weir_stun_end build a message. struct weir_stun_client is one Binding transaction
 * with a server, with the retransmissions of RFC 8489 6.2.1.
 *
 * Parsing trusts nothing and remembers nothing: what came is only believed after weir_stun_verify.
 * Reading order of the sources: stun_attr.c, stun_parse.c, stun_integrity.c, stun_build.c, stun_client.c;
 * stun_url.c and stun_print.c stand apart.
 */
#ifndef WEIR_STUN_STUN_H
#define WEIR_STUN_STUN_H

#include "core/addr.h"
#include "core/base.h"
#include "core/crypto.h"
#include "core/rand.h"

#define WEIR_STUN_HEADER_BYTES 20
#define WEIR_STUN_COOKIE 0x2112A442u
#define WEIR_STUN_TXID_BYTES 12
#define WEIR_STUN_ATTRS_MAX 64      /* attributes looked at in one message; one more drops it */
#define WEIR_STUN_UNKNOWN_MAX 8     /* unknown mandatory attributes listed in a 420 */
#define WEIR_STUN_USERNAME_MAX 513  /* [RFC 8489 14.3] */
#define WEIR_STUN_TEXT_MAX 763      /* REALM, NONCE, SOFTWARE, reason [RFC 8489 14.9] */

enum weir_stun_class {
    WEIR_STUN_REQUEST = 0x0000,
    WEIR_STUN_INDICATION = 0x0010,
    WEIR_STUN_SUCCESS = 0x0100,
    WEIR_STUN_ERROR = 0x0110,
};

enum weir_stun_method {
    WEIR_STUN_BINDING = 0x001,
};

/* Attribute types [RFC 8489 18.3, RFC 8445 16.1, RFC 8656 18]; those of TURN are known by name. */
enum weir_stun_attr_type {
    WEIR_STUN_MAPPED_ADDRESS = 0x0001,
    WEIR_STUN_USERNAME = 0x0006,
    WEIR_STUN_MESSAGE_INTEGRITY = 0x0008,
    WEIR_STUN_ERROR_CODE = 0x0009,
    WEIR_STUN_UNKNOWN_ATTRIBUTES = 0x000A,
    WEIR_STUN_CHANNEL_NUMBER = 0x000C,
    WEIR_STUN_LIFETIME = 0x000D,
    WEIR_STUN_XOR_PEER_ADDRESS = 0x0012,
    WEIR_STUN_DATA = 0x0013,
    WEIR_STUN_REALM = 0x0014,
    WEIR_STUN_NONCE = 0x0015,
    WEIR_STUN_XOR_RELAYED_ADDRESS = 0x0016,
    WEIR_STUN_REQUESTED_ADDRESS_FAMILY = 0x0017,
    WEIR_STUN_EVEN_PORT = 0x0018,
    WEIR_STUN_REQUESTED_TRANSPORT = 0x0019,
    WEIR_STUN_DONT_FRAGMENT = 0x001A,
    WEIR_STUN_MESSAGE_INTEGRITY_SHA256 = 0x001C,
    WEIR_STUN_PASSWORD_ALGORITHM = 0x001D,
    WEIR_STUN_USERHASH = 0x001E,
    WEIR_STUN_XOR_MAPPED_ADDRESS = 0x0020,
    WEIR_STUN_RESERVATION_TOKEN = 0x0022,
    WEIR_STUN_PRIORITY = 0x0024,
    WEIR_STUN_USE_CANDIDATE = 0x0025,
    WEIR_STUN_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
    WEIR_STUN_ADDRESS_ERROR_CODE = 0x8001,
    WEIR_STUN_PASSWORD_ALGORITHMS = 0x8002,
    WEIR_STUN_ALTERNATE_DOMAIN = 0x8003,
    WEIR_STUN_ICMP = 0x8004,
    WEIR_STUN_SOFTWARE = 0x8022,
    WEIR_STUN_ALTERNATE_SERVER = 0x8023,
    WEIR_STUN_FINGERPRINT = 0x8028,
    WEIR_STUN_ICE_CONTROLLED = 0x8029,
    WEIR_STUN_ICE_CONTROLLING = 0x802A,
    WEIR_STUN_GOOG_NETWORK_INFO = 0xC057,
    WEIR_STUN_DTLS_IN_STUN = 0xC070,     /* [draft-hancke-webrtc-sped] */
    WEIR_STUN_DTLS_IN_STUN_ACK = 0xC071,
};

enum weir_stun_verdict {
    WEIR_STUN_OK,
    WEIR_STUN_SHORT,        /* shorter than the header */
    WEIR_STUN_BITS,         /* the first two bits are not zero [RFC 8489 5] */
    WEIR_STUN_COOKIE_WRONG, /* no magic cookie: the classic STUN of RFC 3489 is not spoken */
    WEIR_STUN_LENGTH,       /* the length is not that of the datagram, or not a multiple of four */
    WEIR_STUN_ATTR_BOUNDS,  /* an attribute runs past the end */
    WEIR_STUN_ATTR_SIZE,    /* an attribute we know has a size it cannot have */
    WEIR_STUN_ATTR_VALUE,   /* or a value it cannot have */
    WEIR_STUN_ATTR_COUNT,   /* more attributes than WEIR_STUN_ATTRS_MAX */
    WEIR_STUN_FINGERPRINT_WRONG, /* FINGERPRINT does not match, or is not last [RFC 8489 14.7] */
    WEIR_STUN_NO_INTEGRITY, /* from verify: there is nothing to prove */
    WEIR_STUN_INTEGRITY,    /* from verify: the proof is wrong */
    WEIR_STUN_VERDICTS,
};

/* A parsed message; spans point into the datagram. Attributes that were not there are empty or false. */
struct weir_stun_msg {
    struct weir_span packet;
    uint16_t method; /* 12 bits */
    uint16_t klass;  /* enum weir_stun_class */
    uint8_t txid[WEIR_STUN_TXID_BYTES];
    struct weir_addr mapped;           /* XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS */
    bool has_xor_mapped;
    struct weir_addr alternate_server;
    struct weir_span username, realm, nonce, software, userhash;
    struct weir_span password_algorithms, password_algorithm;
    struct weir_span dtls_in_stun, dtls_in_stun_ack;
    bool has_username, has_dtls_in_stun, has_dtls_in_stun_ack;
    uint16_t error_code; /* 0 = none, else 300..699 */
    bool has_priority, has_use_candidate, has_controlling, has_controlled, has_fingerprint;
    uint32_t priority;
    uint64_t tie_breaker;
    uint16_t unknown[WEIR_STUN_UNKNOWN_MAX]; /* unknown and comprehension-required */
    uint8_t unknowns;                        /* how many are listed; more there may have been */
    size_t integrity_at;                     /* offset of MESSAGE-INTEGRITY, 0 = none */
    size_t integrity_sha256_at;
    size_t integrity_sha256_bytes;
};

/* One row of what is known about an attribute. Types below 0x8000 are comprehension-required. */
struct weir_stun_attr_info {
    uint16_t type;
    uint16_t min, max; /* of the value, in bytes */
    const char *name;
    const char *rfc;   /* where it is defined */
};

/* One attribute as it stands in the message. */
struct weir_stun_attr {
    uint16_t type;
    struct weir_span value; /* without padding */
};

struct weir_stun_iter {
    struct weir_rd rd;
};

WEIR_API const char *weir_stun_verdict_name(enum weir_stun_verdict v);
/* NULL for an attribute that is not known. */
WEIR_API const struct weir_stun_attr_info *weir_stun_attr_info(uint16_t type);
/* The table by row, for printers and dictionaries; NULL behind its end. */
WEIR_API const struct weir_stun_attr_info *weir_stun_attr_row(size_t row);

static inline bool weir_stun_attr_is_required(uint16_t type)
{
    return type < 0x8000; /* [RFC 8489 14] */
}

/* Does this look like STUN: first bits and cookie [RFC 7983 7]? */
WEIR_API bool weir_stun_is_stun(struct weir_span packet);

WEIR_API WEIR_MUST_CHECK enum weir_stun_verdict weir_stun_parse(struct weir_span packet,
                                                                struct weir_stun_msg *out);

/* Walk through the attributes of a parsed message, all of them, in order and unjudged: also those that
 * parsing ignores because they stand behind the integrity. */
WEIR_API struct weir_stun_iter weir_stun_iter(const struct weir_stun_msg *m);
WEIR_API WEIR_MUST_CHECK bool weir_stun_next(struct weir_stun_iter *it, struct weir_stun_attr *out);

/* Prove a message with a short-term password or a long-term key: MESSAGE-INTEGRITY-SHA256 when it is
 * there, else MESSAGE-INTEGRITY [RFC 8489 9.1.3]. Constant time in the comparison. */
WEIR_API WEIR_MUST_CHECK enum weir_stun_verdict weir_stun_verify(const struct weir_stun_msg *m,
                                                                 const struct weir_crypto *c,
                                                                 struct weir_span key);

/* CRC-32 of ITU V.42, which FINGERPRINT is made of [RFC 8489 14.7]. */
WEIR_API uint32_t weir_stun_crc32(struct weir_span data);

/* The long-term key: hash(username ":" realm ":" password) [RFC 8489 9.2.2]. MD5, or SHA-256 where the
 * server named it. Writes weir_hash_bytes(hash) bytes. */
WEIR_API void weir_stun_long_term_key(const struct weir_crypto *c, enum weir_hash_id hash,
                                      struct weir_span username, struct weir_span realm,
                                      struct weir_span password, uint8_t *key);

/* What stands for the user's name where it shall stay private: SHA-256(username ":" realm)
 * [RFC 8489 14.4]. */
WEIR_API void weir_stun_userhash(const struct weir_crypto *c, struct weir_span username,
                                 struct weir_span realm, uint8_t hash[32]);

/* Password algorithms [RFC 8489 18.5]. */
#define WEIR_STUN_PASSWORD_MD5 0x0001
#define WEIR_STUN_PASSWORD_SHA256 0x0002

/* Does the value of PASSWORD-ALGORITHM(S) name this algorithm? False also for a malformed list. */
WEIR_API bool weir_stun_names_algorithm(struct weir_span list, uint16_t algorithm);

/* -- Building ---------------------------------------------------------------------------------- */

struct weir_stun_build {
    struct weir_wr w;
};

/* What protects the message that is being ended. */
struct weir_stun_seal {
    const struct weir_crypto *crypto;
    struct weir_span key;  /* n = 0: no integrity */
    bool with_sha256;      /* MESSAGE-INTEGRITY-SHA256 instead of SHA-1 */
    bool with_fingerprint;
};

/* Build into `out`: begin, the attributes in the order they are put, end. What does not fit makes
 * weir_stun_end return 0; so does a value longer than 65,535 bytes or an address without family. */
WEIR_API void weir_stun_begin(struct weir_stun_build *b, struct weir_mspan out, uint16_t method,
                              enum weir_stun_class klass, const uint8_t txid[WEIR_STUN_TXID_BYTES]);
WEIR_API void weir_stun_put_flag(struct weir_stun_build *b, uint16_t type);
WEIR_API void weir_stun_put_u32(struct weir_stun_build *b, uint16_t type, uint32_t value);
WEIR_API void weir_stun_put_u64(struct weir_stun_build *b, uint16_t type, uint64_t value);
WEIR_API void weir_stun_put_bytes(struct weir_stun_build *b, uint16_t type, struct weir_span value);
/* XORed for the XOR-* types, plain for the others. */
WEIR_API void weir_stun_put_addr(struct weir_stun_build *b, uint16_t type, const struct weir_addr *a);
/* `reason` is cut after 32 characters. */
WEIR_API void weir_stun_put_error(struct weir_stun_build *b, uint16_t code, const char *reason);
WEIR_API void weir_stun_put_unknown(struct weir_stun_build *b, const uint16_t *type, unsigned count);
/* Bytes of the whole message, 0 when it did not fit. */
WEIR_API WEIR_MUST_CHECK size_t weir_stun_end(struct weir_stun_build *b,
                                              const struct weir_stun_seal *seal);

/* -- A Binding transaction with a server -------------------------------------------------------
 *
 * The five verbs of the contract: events after every call, packets before every wait. One request is in
 * flight; nothing is authenticated, so the answer is worth what the path is worth.
 */

enum weir_stun_client_state {
    WEIR_STUN_CLIENT_WAITING,
    WEIR_STUN_CLIENT_DONE,   /* mapped is known */
    WEIR_STUN_CLIENT_FAILED, /* no answer, or an error */
};

struct weir_stun_client {
    uint8_t txid[WEIR_STUN_TXID_BYTES];
    struct weir_path path;       /* our base and the server */
    enum weir_stun_client_state state;
    struct weir_addr mapped;
    uint16_t error_code;
    uint8_t sent;                /* requests so far, at most 7 [RFC 8489 6.2.1] */
    weir_duration rto;           /* 500 ms, doubling */
    weir_time retransmit_at;     /* the next request, or the end; WEIR_NEVER = settled */
    bool owes_request;
    bool owes_event;
};

/* The one event: the transaction ended. */
struct weir_stun_client_event {
    enum weir_stun_client_state state; /* DONE or FAILED */
    struct weir_addr mapped;           /* when DONE */
    uint16_t error_code;               /* when FAILED by an error response, else 0 */
};

WEIR_API void weir_stun_client_init(struct weir_stun_client *t, const struct weir_path *path,
                                    struct weir_rand *rand, weir_time now);
/* A parsed response from our server; true when it was ours. */
WEIR_API bool weir_stun_client_recv(struct weir_stun_client *t, const struct weir_path *path,
                                    const struct weir_stun_msg *m);
WEIR_API void weir_stun_client_tick(struct weir_stun_client *t, weir_time now);
WEIR_API size_t weir_stun_client_send(struct weir_stun_client *t, weir_time now,
                                      struct weir_mspan out);
WEIR_API bool weir_stun_client_event(struct weir_stun_client *t, struct weir_stun_client_event *e);
WEIR_API weir_time weir_stun_client_deadline(const struct weir_stun_client *t);

/* -- Addresses of servers as text [RFC 7064, RFC 7065] ------------------------------------------ */

struct weir_stun_url {
    bool is_turn;          /* turn: or turns:, else stun: or stuns: */
    bool is_secure;        /* stuns: or turns: */
    bool is_tcp;           /* ?transport=tcp, and turns: without a transport */
    bool host_is_ip6;      /* the host stood in brackets, which are not part of it */
    struct weir_span host; /* a name or an IP address; within the text */
    uint16_t port;         /* 3478, or 5349 when secure, where none is given */
};

/* The whole text must be the URL. False, and *out unspecified, when it is not one. */
WEIR_API WEIR_MUST_CHECK bool weir_stun_url_parse(struct weir_span text, struct weir_stun_url *out);

/* -- For people -------------------------------------------------------------------------------- */

/* One line about a parsed message, appended to the writer: class, method, transaction, then each
 * attribute by name with its size. Names and passwords of users are not shown. */
WEIR_API void weir_stun_print(const struct weir_stun_msg *m, struct weir_wr *text);

#endif
