/* What a connection tells: its states and why it failed, the events that an application takes, and what
 * became of incoming datagrams. Included by peer.h. */
#ifndef WEIR_PEER_PEER_EVENT_H
#define WEIR_PEER_PEER_EVENT_H

#include "core/addr.h"
#include "core/base.h"
#include "dtls/dtls.h"
#include "ice/ice.h"
#include "sctp/sctp.h"
#include "srtp/srtp.h"

enum weir_peer_state {
    WEIR_PEER_NEW,          /* no descriptions yet, or only ours */
    WEIR_PEER_CONNECTING,
    WEIR_PEER_CONNECTED,    /* ICE and DTLS are up */
    WEIR_PEER_DISCONNECTED, /* no answer for some seconds; may recover */
    WEIR_PEER_FAILED,       /* why, in weir_peer_reason: nothing leaves but the alert that says that DTLS
                               is over, and nothing is taken, until an offer, ours or the peer's,
                               begins again with new credentials */
    WEIR_PEER_CLOSED,
    WEIR_PEER_STATES,
};

/* Why a connection has failed. Data alone ends otherwise: WEIR_EVENT_DATA_CLOSED. */
enum weir_peer_reason {
    WEIR_PEER_REASON_NONE,             /* it has not */
    WEIR_PEER_REASON_NO_PAIR,          /* ICE found no way to the peer in time, some 40 s */
    WEIR_PEER_REASON_CONSENT,          /* there was one, and the peer has not answered on it for 30 s, or
                                          refuses to be sent anything [RFC 7675 5.1] */
    WEIR_PEER_REASON_DTLS_TIMEOUT,     /* there is one, and DTLS got no answer; `alert` may say why */
    WEIR_PEER_REASON_DTLS_ALERT,       /* the peer ended DTLS: `alert` */
    WEIR_PEER_REASON_DTLS_FINGERPRINT, /* the peer's certificate is none that its description names */
    WEIR_PEER_REASON_DTLS_MESSAGE,     /* a message of the handshake broke the rule in dtls_verdict */
    WEIR_PEER_REASON_DTLS_FORGERIES,   /* as many forged records came as the keys can bear */
    WEIR_PEER_REASONS,
};

enum weir_event_type {
    WEIR_EVENT_NONE,
    WEIR_EVENT_STATE,           /* state; of FAILED also reason, has_alert and alert, dtls_verdict */
    WEIR_EVENT_CANDIDATE,       /* data: a local candidate "candidate:...", or empty at the end; media,
                                   candidate: the section and the generation that it is of */
    WEIR_EVENT_SELECTED,        /* path: the pair that is used from now on */
    WEIR_EVENT_CHANNEL_OPEN,    /* channel, is_remote */
    WEIR_EVENT_CHANNEL_MESSAGE, /* channel, data, is_text */
    WEIR_EVENT_CHANNEL_LOW,     /* channel: buffered amount fell to its threshold */
    WEIR_EVENT_CHANNEL_CLOSED,  /* channel: its index is free now. sctp_reason is TIMEOUT when the peer did
                                   not answer our OPEN in time, see channel_wait; else NONE */
    WEIR_EVENT_WRITABLE,        /* after WEIR_ERR_FULL: sending may go on */
    WEIR_EVENT_DATA_READY,      /* SCTP is up: channels of ours open from now on */
    WEIR_EVENT_DATA_CLOSED,     /* SCTP is over, why in sctp_reason: TIMEOUT also when it was not up in
                                   time, PEER_ABORT also when the peer closed DTLS under it.
                                   weir_peer_renew and an offer begin a new association */
    WEIR_EVENT_RTP,             /* media, rtp (payload and all), arrival */
    WEIR_EVENT_KEYFRAME,        /* media: the peer needs a key frame of what we send */
    WEIR_EVENT_NAME,            /* data: a remote .local name to resolve; a node does so itself */
    WEIR_EVENT_TIMER,           /* id: a timer of the application's, node_loop.h */
    WEIR_EVENT_DESCRIPTOR,      /* id, ready: a descriptor of the application's, node_loop.h */
    WEIR_EVENT_CANDIDATE_REFUSED, /* path.remote: an address of the peer that is not checked; refusal. The
                                   first eight of each description; all are counted */
    WEIR_EVENT_SIGNALLING,      /* signalling */
    WEIR_EVENT_ICE_STATE,       /* ice */
    WEIR_EVENT_GATHERING,       /* gathering: again after a restart, where there are servers to ask */
    WEIR_EVENT_MEDIA_WRITABLE,  /* after WEIR_ERR_FULL for a packet of media: sending may go on */
    WEIR_EVENT_TYPES,
};

/* [RFC 8829 3.2] */
enum weir_signalling {
    WEIR_STABLE,
    WEIR_HAVE_LOCAL_OFFER,
    WEIR_HAVE_REMOTE_OFFER,
    WEIR_SIGNALLINGS,
};

enum weir_gathering {
    WEIR_GATHERING_NEW,
    WEIR_GATHERING_ON,
    WEIR_GATHERING_COMPLETE,
    WEIR_GATHERINGS,
};

/* Of a candidate of ours, as a browser wants to hear it. */
struct weir_candidate_of {
    struct weir_span mid;   /* of section `media`; empty before one is described */
    struct weir_span ufrag; /* of its generation; it stands in the text as well, where there is one */
};

struct weir_peer;

/* Spans are valid until the next call on the peer (or node). */
struct weir_event {
    enum weir_event_type type;
    uint32_t id;            /* of TIMER and DESCRIPTOR */
    struct weir_peer *peer; /* set by a node; NULL of TIMER and DESCRIPTOR */
    enum weir_peer_state state;
    uint16_t channel;
    bool is_remote;
    bool is_text;
    uint8_t media; /* index of the m= section */
    union { /* by type */
        enum weir_signalling signalling;
        enum weir_ice_state ice;
        enum weir_gathering gathering;
    };
    bool has_alert;
    uint8_t alert; /* of DTLS_ALERT; of another reason one that came without protection while DTLS shook
                      hands: it may say why, or be anybody's */
    uint8_t ready; /* bits of enum weir_pump_ready */
    enum weir_peer_reason reason;
    enum weir_dtls_verdict dtls_verdict;
    enum weir_sctp_reason sctp_reason;
    struct weir_span data;
    union {
        struct weir_rtp_header rtp;
        struct weir_candidate_of candidate;
    };
    weir_time arrival;
    struct weir_path path;
    enum weir_ice_refusal refusal;
};

/* Why an incoming datagram went no further; OK when some layer took it. Each layer counts its own
 * verdicts besides. */
enum weir_peer_verdict {
    WEIR_PEER_OK,
    WEIR_PEER_EMPTY,      /* no bytes */
    WEIR_PEER_CLASS,      /* the first byte belongs to no protocol of ours [RFC 7983 7] */
    WEIR_PEER_STUN,       /* ICE refused it */
    WEIR_PEER_PATH,       /* DTLS or SRTP from a path that ICE has not validated */
    WEIR_PEER_DTLS,       /* DTLS refused the last record of it */
    WEIR_PEER_SCTP,       /* SCTP refused it */
    WEIR_PEER_EARLY,      /* media before its keys */
    WEIR_PEER_SRTP,       /* SRTP refused it */
    WEIR_PEER_RTP,        /* malformed once decrypted */
    WEIR_PEER_RTCP,       /* malformed once decrypted */
    WEIR_PEER_MEDIA,      /* belongs to no section that receives it [RFC 9143 9.2] */
    WEIR_PEER_OVER,       /* the connection is closed or failed */
    WEIR_PEER_VERDICTS,
};

WEIR_API const char *weir_peer_verdict_name(enum weir_peer_verdict v);
WEIR_API const char *weir_peer_state_name(enum weir_peer_state s);
/* "stable", "have-local-offer", "have-remote-offer"; "new", "gathering", "complete": as browsers say it. */
WEIR_API const char *weir_signalling_name(enum weir_signalling s);
WEIR_API const char *weir_gathering_name(enum weir_gathering g);
/* "no-pair", "consent", "dtls-timeout", "dtls-alert", "dtls-fingerprint", "dtls-message",
 * "dtls-forgeries". */
WEIR_API const char *weir_peer_reason_name(enum weir_peer_reason r);

#endif
