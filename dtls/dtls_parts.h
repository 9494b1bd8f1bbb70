/* What the structures of dtls.h are made of, and how much of it: keys, the buffers of a handshake, small
 * machines of a connection. All of it is private but the limits.
 */
#ifndef WEIR_DTLS_DTLS_PARTS_H
#define WEIR_DTLS_DTLS_PARTS_H

#include "core/base.h"
#include "core/crypto.h"

/* -- Limits ------------------------------------------------------------------------------------ */

/* Bytes of handshake messages that wait for their missing fragments or their turn, and thereby the
 * longest message we take: a certificate chain. One bit more per byte tells what has arrived. */
#define WEIR_DTLS_REASSEMBLY_BYTES 8192
/* The longest ClientHello. Those with a post-quantum share have about 1,500 bytes. */
#define WEIR_DTLS_HELLO_MAX 4096
/* Messages from the one expected next that may arrive ahead of their turn. 12 bytes each. */
#define WEIR_DTLS_WINDOW 8
/* Our own flight, kept for retransmission. The longest is a hello with the hybrid's share and the longest
 * ticket. */
#define WEIR_DTLS_FLIGHT_BYTES 4096
/* Records of a flight that are remembered, ours for the peer's ACK and the peer's for ours. 16 bytes
 * each. */
#define WEIR_DTLS_ACK_RECORDS 32
/* The one record of the next epoch that arrived before its keys; a longer one is dropped. */
#define WEIR_DTLS_HELD_BYTES 512
/* The longest secret: SHA-384's. */
#define WEIR_DTLS_SECRET_MAX 48

/* A connection id of ours, and one that we send with: a peer's that is longer is declined by a server and
 * ends the handshake of a client that asked for it. */
#define WEIR_DTLS_CID_MAX 20
#define WEIR_DTLS_PEER_CID_MAX 32
/* Answers to path challenges that wait to be sent; 16 bytes each. */
#define WEIR_DTLS_RRC_ANSWERS 4
/* Challenges of one check, each with a cookie of its own; 8 bytes each. */
#define WEIR_DTLS_RRC_TRIES 3

/* -- Keys, and the buffers of a handshake ------------------------------------------------------- */

/* The 64 newest sequence numbers: bit i is top - i. */
struct weir_dtls_window {
    uint64_t top;
    uint64_t seen;
};

/* One direction's keys of one epoch. */
struct weir_dtls_keys {
    struct weir_aead aead;
    struct weir_mask mask;          /* 1.3 alone */
    uint8_t iv[WEIR_NONCE_BYTES];   /* 1.2 with GCM: 4 bytes count */
    bool is_ready;
    uint64_t epoch;
    uint64_t seq;                   /* sending: of the next record */
    uint64_t forgeries;             /* receiving: wrong tags under this key */
    struct weir_dtls_window window; /* receiving */
};

/* One message of which not everything has arrived, or whose turn has not come. */
struct weir_dtls_slot {
    uint8_t type;
    bool is_used;
    uint16_t at;     /* in the buffer, a multiple of 8 */
    uint16_t length;
    uint16_t have;   /* distinct bytes that arrived */
    bool is_told;    /* an ACK may name it: it must not be given up */
};

struct weir_dtls_reassembly {
    uint16_t next; /* message_seq expected next; slot i is next + i */
    bool is_spent; /* the last of them was there */
    uint16_t used; /* bytes of the buffer given to slots */
    struct weir_dtls_slot slot[WEIR_DTLS_WINDOW];
    uint8_t seen[WEIR_DTLS_REASSEMBLY_BYTES / 8]; /* one bit per byte that arrived */
    uint8_t bytes[WEIR_DTLS_REASSEMBLY_BYTES];
};

/* A record number of 1.3, and for a record of ours the part of the flight that it carried. */
struct weir_dtls_number {
    uint64_t epoch, seq;
};

struct weir_dtls_sent {
    uint64_t seq;
    uint8_t epoch;       /* as the entry has it */
    uint16_t body, bytes; /* in the flight's bytes */
};

/* Our last flight. Entries: content type, epoch (3: whatever 1.3 sends with after the handshake),
 * length (2), then a ChangeCipherSpec's byte or a handshake message with its header. */
struct weir_dtls_flight {
    uint16_t used;
    uint16_t at;         /* entry that is sent next; == used when all is sent */
    uint16_t offset;     /* bytes of its message body that were sent */
    uint16_t open;       /* entry being written */
    bool is_timed;       /* false for HelloVerifyRequest and the last flight */
    uint8_t resends;
    weir_duration rto;
    uint32_t credit;     /* bytes that what came without protection may still make us repeat */
    weir_time sent_at;
    weir_time resend_at; /* timer: armed when all is sent; sends the flight again, doubling */
    uint16_t sent_count; /* records of the flight so far; the ring keeps the newest */
    uint16_t acked;      /* bytes that an ACK named */
    struct weir_dtls_sent sent[WEIR_DTLS_ACK_RECORDS];
    uint8_t is_acked[WEIR_DTLS_FLIGHT_BYTES / 8]; /* one bit per byte */
    uint8_t bytes[WEIR_DTLS_FLIGHT_BYTES];
};

/* -- Small machines: each is drawn at the head of the file that alone changes it --------------- */

/* dtls_ack.c: the ACK that we owe, 1.3. */
struct weir_dtls_ack {
    uint8_t state;  /* enum ack_state */
    uint8_t count;
    struct weir_dtls_number record[WEIR_DTLS_ACK_RECORDS]; /* of the peer's, handled or kept, in order */
    weir_time at;   /* timer: armed when a part of the peer's flight is here; makes the ACK due */
};

/* dtls13_epoch.c: the receiving keys of the epoch before, which are for what is late or sent again. Their
 * secret makes them anew where there is no block that has them. */
struct weir_dtls_old {
    bool is_ready;
    uint8_t secret[WEIR_DTLS_SECRET_MAX];
    uint64_t epoch;
    uint64_t forgeries;
    struct weir_dtls_window window;
    weir_time until; /* from then on the next tick or record wipes them; no deadline */
};

/* dtls13_update.c: KeyUpdate of ours. */
struct weir_dtls_update {
    uint8_t state;  /* enum update_state */
    bool asks_peer; /* the next one asks the peer for its own */
};

/* dtls_cid.c: connection ids. Ours is in the config. */
struct weir_dtls_cid {
    uint8_t state;       /* enum cid_state */
    bool is_in_datagram; /* 1.3: an earlier record of this datagram had ours */
    uint8_t tx_bytes;    /* the peer's, which our records carry */
    uint8_t tx[WEIR_DTLS_PEER_CID_MAX];
};

/* dtls_rrc.c: paths, and their checks. One of ours is under way at most; answers to the peer's wait to be
 * sent. */
struct weir_dtls_rrc {
    uint8_t state;   /* enum rrc_state */
    bool is_agreed;  /* by both hellos; else the application checks paths */
    bool owes_challenge; /* one of this state waits to be sent */
    uint8_t tries;   /* that were sent */
    uint8_t answers;
    bool has_left;
    uint32_t in_use; /* where the peer is */
    uint32_t rx;     /* by which the present datagram came */
    uint32_t seen;   /* of the event SEEN */
    uint32_t checked;
    uint32_t left;   /* where we were before the application moved us */
    uint32_t rx_bytes, tx_bytes; /* on the path that is checked: three times as much goes out at most */
    uint8_t cookie[WEIR_DTLS_RRC_TRIES][8];
    struct { uint32_t path; uint8_t type; uint8_t cookie[8]; } answer[WEIR_DTLS_RRC_ANSWERS];
    weir_time again_at; /* timer: armed by a challenge; sends another one, with a new cookie */
    weir_time end_at;   /* timer: armed with the first challenge; ends the state */
    uint32_t checks, moves, failures; /* begun; ended with a move; that found no peer */
};

/* dtls13_session.c: the session that is resumed, and the one that a ticket makes; either is in a block. */
struct weir_dtls_resumption {
    uint8_t fate;     /* enum weir_dtls_ticket_fate: of the ticket of the hello */
    uint8_t state;    /* enum session_state: of the session that can be taken */
    int64_t proven_s; /* UTC: the certificates of the session that is awaited were shown */
    uint8_t secret[WEIR_DTLS_SECRET_MAX]; /* while it is awaited: "res master" */
};

/* dtls_alert.c: what is to be said, and what was heard without protection. */
struct weir_dtls_alert {
    uint8_t level;       /* of an alert to send, 0 = none */
    uint8_t description;
    uint8_t plain;       /* last description that came without protection, for diagnosis */
    bool has_plain;
    bool has_told;       /* server: a hello was refused, and an alert said so */
};

#endif
