/* The table of attributes: one row serves parser, printer and fuzz dictionary alike. */
#include "stun/stun_int.h"

static const struct weir_stun_attr_info attr[] = {
    { WEIR_STUN_MAPPED_ADDRESS, 8, 20, "MAPPED-ADDRESS", "RFC 8489 14.1" },
    { WEIR_STUN_USERNAME, 0, WEIR_STUN_USERNAME_MAX, "USERNAME", "RFC 8489 14.3" },
    { WEIR_STUN_MESSAGE_INTEGRITY, 20, 20, "MESSAGE-INTEGRITY", "RFC 8489 14.5" },
    { WEIR_STUN_ERROR_CODE, 4, 4 + WEIR_STUN_TEXT_MAX, "ERROR-CODE", "RFC 8489 14.8" },
    { WEIR_STUN_UNKNOWN_ATTRIBUTES, 0, 0xffff, "UNKNOWN-ATTRIBUTES", "RFC 8489 14.13" },
    { WEIR_STUN_CHANNEL_NUMBER, 4, 4, "CHANNEL-NUMBER", "RFC 8656 18.1" },
    { WEIR_STUN_LIFETIME, 4, 4, "LIFETIME", "RFC 8656 18.2" },
    { WEIR_STUN_XOR_PEER_ADDRESS, 8, 20, "XOR-PEER-ADDRESS", "RFC 8656 18.3" },
    { WEIR_STUN_DATA, 0, 0xffff, "DATA", "RFC 8656 18.4" },
    { WEIR_STUN_REALM, 1, WEIR_STUN_TEXT_MAX, "REALM", "RFC 8489 14.9" },
    { WEIR_STUN_NONCE, 1, WEIR_STUN_TEXT_MAX, "NONCE", "RFC 8489 14.10" },
    { WEIR_STUN_XOR_RELAYED_ADDRESS, 8, 20, "XOR-RELAYED-ADDRESS", "RFC 8656 18.5" },
    { WEIR_STUN_REQUESTED_ADDRESS_FAMILY, 4, 4, "REQUESTED-ADDRESS-FAMILY", "RFC 8656 18.6" },
    { WEIR_STUN_EVEN_PORT, 1, 1, "EVEN-PORT", "RFC 8656 18.7" },
    { WEIR_STUN_REQUESTED_TRANSPORT, 4, 4, "REQUESTED-TRANSPORT", "RFC 8656 18.8" },
    { WEIR_STUN_DONT_FRAGMENT, 0, 0, "DONT-FRAGMENT", "RFC 8656 18.9" },
    { WEIR_STUN_MESSAGE_INTEGRITY_SHA256, 16, 32, "MESSAGE-INTEGRITY-SHA256", "RFC 8489 14.6" },
    { WEIR_STUN_PASSWORD_ALGORITHM, 4, 0xffff, "PASSWORD-ALGORITHM", "RFC 8489 14.12" },
    { WEIR_STUN_USERHASH, 32, 32, "USERHASH", "RFC 8489 14.4" },
    { WEIR_STUN_XOR_MAPPED_ADDRESS, 8, 20, "XOR-MAPPED-ADDRESS", "RFC 8489 14.2" },
    { WEIR_STUN_RESERVATION_TOKEN, 8, 8, "RESERVATION-TOKEN", "RFC 8656 18.10" },
    { WEIR_STUN_PRIORITY, 4, 4, "PRIORITY", "RFC 8445 7.1.1" },
    { WEIR_STUN_USE_CANDIDATE, 0, 0, "USE-CANDIDATE", "RFC 8445 7.1.2" },
    { WEIR_STUN_ADDITIONAL_ADDRESS_FAMILY, 4, 4, "ADDITIONAL-ADDRESS-FAMILY", "RFC 8656 18.11" },
    { WEIR_STUN_ADDRESS_ERROR_CODE, 4, 4 + WEIR_STUN_TEXT_MAX,
      "ADDRESS-ERROR-CODE", "RFC 8656 18.12" },
    { WEIR_STUN_PASSWORD_ALGORITHMS, 4, 0xffff, "PASSWORD-ALGORITHMS", "RFC 8489 14.11" },
    { WEIR_STUN_ALTERNATE_DOMAIN, 0, 255, "ALTERNATE-DOMAIN", "RFC 8489 14.16" },
    { WEIR_STUN_ICMP, 8, 8, "ICMP", "RFC 8656 18.13" },
    { WEIR_STUN_SOFTWARE, 0, WEIR_STUN_TEXT_MAX, "SOFTWARE", "RFC 8489 14.14" },
    { WEIR_STUN_ALTERNATE_SERVER, 8, 20, "ALTERNATE-SERVER", "RFC 8489 14.15" },
    { WEIR_STUN_FINGERPRINT, 4, 4, "FINGERPRINT", "RFC 8489 14.7" },
    { WEIR_STUN_ICE_CONTROLLED, 8, 8, "ICE-CONTROLLED", "RFC 8445 7.1.3" },
    { WEIR_STUN_ICE_CONTROLLING, 8, 8, "ICE-CONTROLLING", "RFC 8445 7.1.3" },
    { WEIR_STUN_GOOG_NETWORK_INFO, 0, 0xffff, "GOOG-NETWORK-INFO", "libwebrtc" },
    { WEIR_STUN_DTLS_IN_STUN, 0, 0xffff, "DTLS-IN-STUN", "draft-hancke-webrtc-sped" },
    { WEIR_STUN_DTLS_IN_STUN_ACK, 0, 0xffff, "DTLS-IN-STUN-ACK", "draft-hancke-webrtc-sped" },
};

#define ATTRS (sizeof attr / sizeof attr[0])

const struct weir_stun_attr_info *weir_stun_attr_row(size_t row)
{
    return row < ATTRS ? &attr[row] : NULL;
}

const struct weir_stun_attr_info *weir_stun_attr_info(uint16_t type)
{
    for (size_t i = 0; i < ATTRS; i++) {
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
