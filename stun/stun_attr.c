/* The table of attributes: one row serves parser, printer and fuzz dictionary alike. */
#include "stun/stun_int.h"

static const struct weir_stun_attr_info attr[] = {
    { WEIR_STUN_MAPPED_ADDRESS, 8, 20, "MAPPED-ADDRESS" },
    { WEIR_STUN_USERNAME, 0, WEIR_STUN_USERNAME_MAX, "USERNAME" },
    { WEIR_STUN_MESSAGE_INTEGRITY, 20, 20, "MESSAGE-INTEGRITY" },
    { WEIR_STUN_ERROR_CODE, 4, 4 + WEIR_STUN_TEXT_MAX, "ERROR-CODE" },
    { WEIR_STUN_UNKNOWN_ATTRIBUTES, 0, 0xffff, "UNKNOWN-ATTRIBUTES" },
    { WEIR_STUN_CHANNEL_NUMBER, 4, 4, "CHANNEL-NUMBER" },
    { WEIR_STUN_LIFETIME, 4, 4, "LIFETIME" },
    { WEIR_STUN_XOR_PEER_ADDRESS, 8, 20, "XOR-PEER-ADDRESS" },
    { WEIR_STUN_DATA, 0, 0xffff, "DATA" },
    { WEIR_STUN_REALM, 1, WEIR_STUN_TEXT_MAX, "REALM" },
    { WEIR_STUN_NONCE, 1, WEIR_STUN_TEXT_MAX, "NONCE" },
    { WEIR_STUN_XOR_RELAYED_ADDRESS, 8, 20, "XOR-RELAYED-ADDRESS" },
    { WEIR_STUN_REQUESTED_ADDRESS_FAMILY, 4, 4, "REQUESTED-ADDRESS-FAMILY" },
    { WEIR_STUN_EVEN_PORT, 1, 1, "EVEN-PORT" },
    { WEIR_STUN_REQUESTED_TRANSPORT, 4, 4, "REQUESTED-TRANSPORT" },
    { WEIR_STUN_DONT_FRAGMENT, 0, 0, "DONT-FRAGMENT" },
    { WEIR_STUN_MESSAGE_INTEGRITY_SHA256, 16, 32, "MESSAGE-INTEGRITY-SHA256" },
    { WEIR_STUN_PASSWORD_ALGORITHM, 4, 0xffff, "PASSWORD-ALGORITHM" },
    { WEIR_STUN_USERHASH, 32, 32, "USERHASH" },
    { WEIR_STUN_XOR_MAPPED_ADDRESS, 8, 20, "XOR-MAPPED-ADDRESS" },
    { WEIR_STUN_RESERVATION_TOKEN, 8, 8, "RESERVATION-TOKEN" },
    { WEIR_STUN_PRIORITY, 4, 4, "PRIORITY" },
    { WEIR_STUN_USE_CANDIDATE, 0, 0, "USE-CANDIDATE" },
    { WEIR_STUN_PASSWORD_ALGORITHMS, 4, 0xffff, "PASSWORD-ALGORITHMS" },
    { WEIR_STUN_ALTERNATE_DOMAIN, 0, 255, "ALTERNATE-DOMAIN" },
    { WEIR_STUN_SOFTWARE, 0, WEIR_STUN_TEXT_MAX, "SOFTWARE" },
    { WEIR_STUN_ALTERNATE_SERVER, 8, 20, "ALTERNATE-SERVER" },
    { WEIR_STUN_FINGERPRINT, 4, 4, "FINGERPRINT" },
    { WEIR_STUN_ICE_CONTROLLED, 8, 8, "ICE-CONTROLLED" },
    { WEIR_STUN_ICE_CONTROLLING, 8, 8, "ICE-CONTROLLING" },
    { WEIR_STUN_GOOG_NETWORK_INFO, 0, 0xffff, "GOOG-NETWORK-INFO" },
    { WEIR_STUN_DTLS_IN_STUN, 0, 0xffff, "DTLS-IN-STUN" },
    { WEIR_STUN_DTLS_IN_STUN_ACK, 0, 0xffff, "DTLS-IN-STUN-ACK" },
};

const struct weir_stun_attr_info *weir_stun_attr_info(uint16_t type)
{
    for (size_t i = 0; i < sizeof attr / sizeof attr[0]; i++) {
        if (attr[i].type == type) {
            return &attr[i];
        }
    }
    return NULL;
}

const char *weir_stun_verdict_name(enum weir_stun_verdict v)
{
    static const char *const name[] = {
        [WEIR_STUN_OK] = "ok",
        [WEIR_STUN_SHORT] = "short",
        [WEIR_STUN_BITS] = "bits",
        [WEIR_STUN_COOKIE_WRONG] = "cookie",
        [WEIR_STUN_LENGTH] = "length",
        [WEIR_STUN_ATTR_BOUNDS] = "attr-bounds",
        [WEIR_STUN_ATTR_SIZE] = "attr-size",
        [WEIR_STUN_ATTR_VALUE] = "attr-value",
        [WEIR_STUN_ATTR_COUNT] = "attr-count",
        [WEIR_STUN_FINGERPRINT_WRONG] = "fingerprint",
        [WEIR_STUN_NO_INTEGRITY] = "no-integrity",
        [WEIR_STUN_INTEGRITY] = "integrity",
    };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_STUN_VERDICTS, "every verdict has a name");
    return (unsigned)v < WEIR_STUN_VERDICTS ? name[v] : "?";
}
