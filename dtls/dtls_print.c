/* Names of what the wire and the caller may meet: a file that a small build can leave out. */
#include "dtls/dtls_int.h"

const char *weir_dtls_version_name(const struct weir_dtls *d)
{
    return d->version == VERSION_1_3 ? "DTLS 1.3" : d->version == VERSION_1_2 ? "DTLS 1.2" : "";
}

const char *weir_dtls_suite_name(const struct weir_dtls *d)
{
    const struct dtls12_suite *old = weir_dtls12_suite(d->suite);
    const struct dtls13_suite *new = weir_dtls13_suite(d->suite);
    return old != NULL ? old->name : new != NULL ? new->name : "";
}

const char *weir_dtls_group_name(const struct weir_dtls *d)
{
    static const struct {
        uint16_t group;
        const char *name;
    } row[] = {
        { WEIR_X25519, "X25519" }, { WEIR_P256, "P-256" }, { WEIR_P384, "P-384" },
        { WEIR_DTLS_X25519MLKEM768, "X25519MLKEM768" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (row[i].group == d->group) {
            return row[i].name;
        }
    }
    return "";
}

static bool same_text(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

uint16_t weir_dtls_suite_code(const char *name)
{
    const struct dtls13_suite *new;
    const struct dtls12_suite *old;
    for (unsigned i = 0; (new = weir_dtls13_suite_at(i)) != NULL; i++) {
        if (same_text(new->name, name)) {
            return new->id;
        }
    }
    for (unsigned i = 0; (old = weir_dtls12_suite_at(i)) != NULL; i++) {
        if (same_text(old->name, name)) {
            return old->id;
        }
    }
    return 0;
}

const char *weir_dtls_secret_label(enum weir_dtls_secret which)
{
    static const char *const label[WEIR_DTLS_SECRETS] = {
        [WEIR_DTLS_SECRET_MASTER] = "CLIENT_RANDOM",
        [WEIR_DTLS_SECRET_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        [WEIR_DTLS_SECRET_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        [WEIR_DTLS_SECRET_CLIENT_TRAFFIC] = "CLIENT_TRAFFIC_SECRET_0",
        [WEIR_DTLS_SECRET_SERVER_TRAFFIC] = "SERVER_TRAFFIC_SECRET_0",
        [WEIR_DTLS_SECRET_EXPORTER] = "EXPORTER_SECRET",
    };
    return (unsigned)which < WEIR_DTLS_SECRETS ? label[which] : "?";
}

const char *weir_dtls_ticket_name(enum weir_dtls_ticket_fate fate)
{
    static const char *const name[WEIR_DTLS_TICKET_FATES] = {
        [WEIR_DTLS_TICKET_NONE] = "none",       [WEIR_DTLS_TICKET_OFFERED] = "offered",
        [WEIR_DTLS_TICKET_TAKEN] = "taken",     [WEIR_DTLS_TICKET_REFUSED] = "refused",
        [WEIR_DTLS_TICKET_UNKNOWN] = "unknown", [WEIR_DTLS_TICKET_EXPIRED] = "expired",
        [WEIR_DTLS_TICKET_OTHERS] = "others",   [WEIR_DTLS_TICKET_UNFIT] = "unfit",
    };
    return (unsigned)fate < WEIR_DTLS_TICKET_FATES ? name[fate] : "?";
}

const char *weir_dtls_state_name(enum weir_dtls_state state)
{
    static const char *const name[WEIR_DTLS_STATES] = {
        [WEIR_DTLS_NEW] = "new",
        [WEIR_DTLS_HANDSHAKE] = "handshake",
        [WEIR_DTLS_UNVERIFIED] = "unverified",
        [WEIR_DTLS_CONNECTED] = "connected",
        [WEIR_DTLS_CLOSED] = "closed",
        [WEIR_DTLS_FAILED] = "failed",
    };
    return (unsigned)state < WEIR_DTLS_STATES ? name[state] : "?";
}

const char *weir_dtls_reason_name(enum weir_dtls_reason reason)
{
    static const char *const name[WEIR_DTLS_REASONS] = {
        [WEIR_DTLS_REASON_NONE] = "none",
        [WEIR_DTLS_REASON_MESSAGE] = "message",
        [WEIR_DTLS_REASON_FINGERPRINT] = "fingerprint",
        [WEIR_DTLS_REASON_ALERT] = "alert",
        [WEIR_DTLS_REASON_TIMEOUT] = "timeout",
        [WEIR_DTLS_REASON_FORGERIES] = "forgeries",
    };
    return (unsigned)reason < WEIR_DTLS_REASONS ? name[reason] : "?";
}

const char *weir_dtls_verdict_name(enum weir_dtls_verdict verdict)
{
    static const char *const name[WEIR_DTLS_VERDICTS] = {
        [WEIR_DTLS_OK] = "ok",
        [WEIR_DTLS_OVER] = "over",
        [WEIR_DTLS_RECORD_TRUNCATED] = "record_truncated",
        [WEIR_DTLS_RECORD_LENGTH] = "record_length",
        [WEIR_DTLS_RECORD_TYPE] = "record_type",
        [WEIR_DTLS_RECORD_VERSION] = "record_version",
        [WEIR_DTLS_RECORD_EMPTY] = "record_empty",
        [WEIR_DTLS_RECORD_EPOCH] = "record_epoch",
        [WEIR_DTLS_RECORD_CID] = "record_cid",
        [WEIR_DTLS_RECORD_NO_CID] = "record_no_cid",
        [WEIR_DTLS_RECORD_EARLY] = "record_early",
        [WEIR_DTLS_RECORD_SHORT] = "record_short",
        [WEIR_DTLS_RECORD_REPLAYED] = "record_replayed",
        [WEIR_DTLS_RECORD_FORGED] = "record_forged",
        [WEIR_DTLS_RECORD_CONTENT] = "record_content",
        [WEIR_DTLS_DATA_PLAIN] = "data_plain",
        [WEIR_DTLS_DATA_EARLY] = "data_early",
        [WEIR_DTLS_CCS_MALFORMED] = "ccs_malformed",
        [WEIR_DTLS_CCS_UNEXPECTED] = "ccs_unexpected",
        [WEIR_DTLS_ALERT_MALFORMED] = "alert_malformed",
        [WEIR_DTLS_ALERT_PLAIN] = "alert_plain",
        [WEIR_DTLS_ACK_PLAIN] = "ack_plain",
        [WEIR_DTLS_ACK_MALFORMED] = "ack_malformed",
        [WEIR_DTLS_RRC_MALFORMED] = "rrc_malformed",
        [WEIR_DTLS_RRC_UNKNOWN] = "rrc_unknown",
        [WEIR_DTLS_RRC_STRAY] = "rrc_stray",
        [WEIR_DTLS_RRC_FULL] = "rrc_full",
        [WEIR_DTLS_FRAGMENT_TRUNCATED] = "fragment_truncated",
        [WEIR_DTLS_FRAGMENT_RANGE] = "fragment_range",
        [WEIR_DTLS_FRAGMENT_EPOCH] = "fragment_epoch",
        [WEIR_DTLS_NO_BLOCK] = "no_block",
        [WEIR_DTLS_MESSAGE_OLD] = "message_old",
        [WEIR_DTLS_MESSAGE_AHEAD] = "message_ahead",
        [WEIR_DTLS_MESSAGE_SIZE] = "message_size",
        [WEIR_DTLS_FRAGMENT_EMPTY] = "fragment_empty",
        [WEIR_DTLS_FRAGMENT_MISMATCH] = "fragment_mismatch",
        [WEIR_DTLS_MESSAGE_NO_ROOM] = "message_no_room",
        [WEIR_DTLS_RENEGOTIATION] = "renegotiation",
        [WEIR_DTLS_MESSAGE_LATE] = "message_late",
        [WEIR_DTLS_UNEXPECTED] = "unexpected",
        [WEIR_DTLS_HELLO_MALFORMED] = "hello_malformed",
        [WEIR_DTLS_HELLO_DUPLICATE] = "hello_duplicate",
        [WEIR_DTLS_HELLO_VERSION] = "hello_version",
        [WEIR_DTLS_HELLO_DOWNGRADE] = "hello_downgrade",
        [WEIR_DTLS_HELLO_LEGACY] = "hello_legacy",
        [WEIR_DTLS_HELLO_COOKIE] = "hello_cookie",
        [WEIR_DTLS_HELLO_STALE] = "hello_stale",
        [WEIR_DTLS_HELLO_COMPRESSION] = "hello_compression",
        [WEIR_DTLS_HELLO_SUITE] = "hello_suite",
        [WEIR_DTLS_HELLO_MISSING] = "hello_missing",
        [WEIR_DTLS_HELLO_GROUP] = "hello_group",
        [WEIR_DTLS_HELLO_SHARE] = "hello_share",
        [WEIR_DTLS_HELLO_BUSY] = "hello_busy",
        [WEIR_DTLS_HELLO_POINTS] = "hello_points",
        [WEIR_DTLS_HELLO_SIGNATURES] = "hello_signatures",
        [WEIR_DTLS_HELLO_NO_EMS] = "hello_no_ems",
        [WEIR_DTLS_HELLO_RENEGOTIATES] = "hello_renegotiates",
        [WEIR_DTLS_HELLO_SRTP] = "hello_srtp",
        [WEIR_DTLS_HELLO_UNASKED] = "hello_unasked",
        [WEIR_DTLS_HELLO_RETRY] = "hello_retry",
        [WEIR_DTLS_HELLO_CID] = "hello_cid",
        [WEIR_DTLS_HELLO_PSK] = "hello_psk",
        [WEIR_DTLS_HELLO_BINDER] = "hello_binder",
        [WEIR_DTLS_VERIFY_REQUEST] = "verify_request",
        [WEIR_DTLS_ENCRYPTED_MALFORMED] = "encrypted_malformed",
        [WEIR_DTLS_CERT_MALFORMED] = "cert_malformed",
        [WEIR_DTLS_CERT_EMPTY] = "cert_empty",
        [WEIR_DTLS_CERT_UNREADABLE] = "cert_unreadable",
        [WEIR_DTLS_CERT_KEY] = "cert_key",
        [WEIR_DTLS_CERT_FINGERPRINT] = "cert_fingerprint",
        [WEIR_DTLS_KEY_MALFORMED] = "key_malformed",
        [WEIR_DTLS_KEY_GROUP] = "key_group",
        [WEIR_DTLS_KEY_SCHEME] = "key_scheme",
        [WEIR_DTLS_KEY_SIGNATURE] = "key_signature",
        [WEIR_DTLS_KEY_SHARE] = "key_share",
        [WEIR_DTLS_REQUEST_MALFORMED] = "request_malformed",
        [WEIR_DTLS_REQUEST_SCHEME] = "request_scheme",
        [WEIR_DTLS_DONE_MALFORMED] = "done_malformed",
        [WEIR_DTLS_CERTIFICATE_VERIFY_MALFORMED] = "certificate_verify_malformed",
        [WEIR_DTLS_CERTIFICATE_VERIFY_SCHEME] = "certificate_verify_scheme",
        [WEIR_DTLS_CERTIFICATE_VERIFY_SIGNATURE] = "certificate_verify_signature",
        [WEIR_DTLS_FINISHED] = "finished",
        [WEIR_DTLS_TICKET_MALFORMED] = "ticket_malformed",
        [WEIR_DTLS_UPDATE_MALFORMED] = "update_malformed",
        [WEIR_DTLS_CID_MALFORMED] = "cid_malformed",
        [WEIR_DTLS_CRYPTO] = "crypto",
    };
    return (unsigned)verdict < WEIR_DTLS_VERDICTS ? name[verdict] : "?";
}

const char *weir_dtls_alert_name(uint8_t description)
{
    static const struct {
        uint8_t description;
        const char *name;
    } known[] = {
        { 0, "close_notify" },          { 10, "unexpected_message" },
        { 20, "bad_record_mac" },       { 22, "record_overflow" },
        { 40, "handshake_failure" },    { 42, "bad_certificate" },
        { 43, "unsupported_certificate" }, { 44, "certificate_revoked" },
        { 45, "certificate_expired" },  { 46, "certificate_unknown" },
        { 47, "illegal_parameter" },    { 48, "unknown_ca" },
        { 49, "access_denied" },        { 50, "decode_error" },
        { 51, "decrypt_error" },        { 52, "too_many_cids_requested" }, { 70, "protocol_version" },
        { 71, "insufficient_security" }, { 80, "internal_error" },
        { 86, "inappropriate_fallback" }, { 90, "user_canceled" },
        { 100, "no_renegotiation" },    { 109, "missing_extension" },
        { 110, "unsupported_extension" }, { 116, "certificate_required" },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].description == description) {
            return known[i].name;
        }
    }
    return "?";
}
