/* What an end offers whatever the version will be, and how the version is found
 * [RFC 8446 4.1, 4.2; RFC 9147 5.3; RFC 5764 4.1; RFC 8422 5.1].
 *
 *  1. versions    the config's range; supported_versions says who judges a hello
 *  2. suites      ours in order; for groups see dtls_share.c
 *  3. use_srtp    profiles, never an MKI
 *  4. the hello   one ClientHello that a server of either version can answer; written again with a
 *                 cookie, or with the share that a HelloRetryRequest asks for
 *  5. agreed      the answer tells the version, and the transcript begins with the hello
 *  6. cookies     what both versions bind a cookie to
 */
#include "dtls/dtls_int.h"

/* -- 1. Versions ------------------------------------------------------------------------------- */

bool weir_dtls_offers(const struct weir_dtls *d, enum weir_dtls_version version)
{
    return d->config.version_min <= version && version <= d->config.version_max;
}

bool weir_dtls_hello_has_version(const struct dtls_hello *h, uint16_t version)
{
    struct weir_span body, list;
    return weir_dtls_hello_find(h, EXTENSION_SUPPORTED_VERSIONS, &body) && weir_dtls_list8(body, &list)
           && list.n % 2 == 0 && weir_dtls_list_has(list, version);
}

/* A hello of a client that has 1.3 is judged by it, a ServerHello with supported_versions likewise
 * [RFC 8446 4.2.1]. What cannot be read is for 1.2 to refuse. */
bool weir_dtls_hello_is_13(const struct weir_dtls *d, uint16_t type, struct weir_span body)
{
    struct dtls_hello h;
    struct weir_span versions;
    if (!weir_dtls_offers(d, WEIR_DTLS_1_3)) {
        return false;
    }
    if (type == MESSAGE_CLIENT_HELLO) {
        return weir_dtls_hello_parse_client(body, &h) == WEIR_DTLS_OK
               && weir_dtls_hello_has_version(&h, VERSION_1_3);
    }
    return type == MESSAGE_SERVER_HELLO && weir_dtls_hello_parse_server(body, &h) == WEIR_DTLS_OK
           && weir_dtls_hello_find(&h, EXTENSION_SUPPORTED_VERSIONS, &versions);
}

/* -- 2. Suites --------------------------------------------------------------------------------- */

/* All of ours whose cipher is ChaCha20, or is not, in our order. */
static void keep_all(struct weir_dtls_config *c, bool with_chacha, bool with_aes)
{
    const struct dtls13_suite *new;
    const struct dtls12_suite *old;
    for (unsigned i = 0; (new = weir_dtls13_suite_at(i)) != NULL; i++) {
        if (new->aead == WEIR_CHACHA20_POLY1305 ? with_chacha : with_aes) {
            c->suite[c->suites++] = new->id;
        }
    }
    for (unsigned i = 0; (old = weir_dtls12_suite_at(i)) != NULL; i++) {
        if (old->aead == WEIR_CHACHA20_POLY1305 ? with_chacha : with_aes) {
            c->suite[c->suites++] = old->id;
        }
    }
}

/* Take over the config's list, or all of ours when it is empty or has none of them: AES-GCM first, but
 * where nothing does AES fast and in constant time. */
void weir_dtls_keep_suites(struct weir_dtls_config *c, const struct weir_dtls_config *given)
{
    c->suites = 0;
    for (unsigned i = 0; i < given->suites && i < WEIR_DTLS_SUITES_MAX; i++) {
        if (weir_dtls13_suite(given->suite[i]) != NULL || weir_dtls12_suite(given->suite[i]) != NULL) {
            c->suite[c->suites++] = given->suite[i];
        }
    }
    if (c->suites != 0) {
        return;
    }
    if (c->crypto->is_aes_slow) {
        keep_all(c, true, false);
        keep_all(c, false, true);
    } else {
        keep_all(c, true, true);
    }
}

bool weir_dtls_suite_is_ours(const struct weir_dtls *d, uint16_t suite)
{
    for (unsigned i = 0; i < plan_of(d)->suites; i++) {
        if (plan_of(d)->suite[i] == suite) {
            return true;
        }
    }
    return false;
}

/* -- 3. use_srtp [RFC 5764 4.1.1] -------------------------------------------------------------- */

/* Our profiles, or `only` one of them; never an MKI. */
void weir_dtls_write_srtp(const struct weir_dtls *d, struct weir_wr *w, uint16_t only)
{
    weir_wr_u16(w, EXTENSION_USE_SRTP);
    struct weir_mark body = weir_wr_open(w, 2);
    struct weir_mark list = weir_wr_open(w, 2);
    for (unsigned i = 0; i < plan_of(d)->srtp_profiles; i++) {
        if (only == WEIR_DTLS_SRTP_NONE || plan_of(d)->srtp_profile[i] == only) {
            weir_wr_u16(w, plan_of(d)->srtp_profile[i]);
        }
    }
    weir_wr_close(w, list);
    weir_wr_u8(w, 0);
    weir_wr_close(w, body);
}

/* [RFC 5764 4.1.1 MUST] One profile, one that we offered, and our MKI: none. */
bool weir_dtls_take_srtp(const struct weir_dtls *d, struct weir_span body, uint16_t *profile)
{
    struct weir_rd rd = weir_rd_of(body);
    struct weir_rd list, mki;
    if (!weir_rd_sub16(&rd, &list) || !weir_rd_sub8(&rd, &mki) || rd.n != 0 || mki.n != 0
        || !weir_rd_u16(&list, profile) || list.n != 0) {
        return false;
    }
    for (unsigned i = 0; i < plan_of(d)->srtp_profiles; i++) {
        if (plan_of(d)->srtp_profile[i] == *profile) {
            return true;
        }
    }
    return false;
}

/* [RFC 5764 4.1.1] The first profile of ours that the client has; none in common means no SRTP, and
 * the handshake goes on. [RFC 5764 4.1.3] An MKI that the client offers is answered with none. */
bool weir_dtls_choose_srtp(const struct weir_dtls *d, const struct dtls_hello *h, uint16_t *chosen)
{
    struct weir_span body;
    struct weir_rd rd, list, mki;
    *chosen = WEIR_DTLS_SRTP_NONE;
    if (!weir_dtls_hello_find(h, EXTENSION_USE_SRTP, &body)) {
        return true;
    }
    rd = weir_rd_of(body);
    if (!weir_rd_sub16(&rd, &list) || list.n == 0 || list.n % 2 != 0 || !weir_rd_sub8(&rd, &mki)
        || rd.n != 0) {
        return false;
    }
    for (unsigned i = 0; i < plan_of(d)->srtp_profiles; i++) {
        if (weir_dtls_list_has(weir_rd_rest(&list), plan_of(d)->srtp_profile[i])) {
            *chosen = plan_of(d)->srtp_profile[i];
            break;
        }
    }
    return true;
}

uint16_t weir_dtls_hello_scheme(const struct weir_dtls *d, const struct dtls_hello *h, bool is_13)
{
    struct weir_span body, list;
    bool has_list =
        weir_dtls_hello_find(h, EXTENSION_SIGNATURE_ALGORITHMS, &body) && weir_dtls_list16(body, &list);
    return has_list ? weir_dtls_own_scheme(d, list, is_13) : 0;
}

/* -- 4. The hello ------------------------------------------------------------------------------ */

static void write_suites(const struct weir_dtls *d, struct weir_wr *w)
{
    struct weir_mark list = weir_wr_open(w, 2);
    for (unsigned i = 0; i < plan_of(d)->suites; i++) {
        bool is_13 = weir_dtls13_suite(plan_of(d)->suite[i]) != NULL;
        if (weir_dtls_offers(d, is_13 ? WEIR_DTLS_1_3 : WEIR_DTLS_1_2)) {
            weir_wr_u16(w, plan_of(d)->suite[i]);
        }
    }
    weir_wr_close(w, list);
}

static void write_groups(const struct weir_dtls *d, struct weir_wr *w)
{
    weir_wr_u16(w, EXTENSION_SUPPORTED_GROUPS);
    struct weir_mark body = weir_wr_open(w, 2);
    struct weir_mark list = weir_wr_open(w, 2);
    for (unsigned i = 0; i < plan_of(d)->groups; i++) {
        if (plan_of(d)->group[i] != WEIR_DTLS_X25519MLKEM768 || weir_dtls_offers(d, WEIR_DTLS_1_3)) {
            weir_wr_u16(w, plan_of(d)->group[i]);
        }
    }
    weir_wr_close(w, list);
    weir_wr_close(w, body);
}

static void write_12_extensions(struct weir_wr *w)
{
    weir_wr_u16(w, EXTENSION_EXTENDED_MASTER_SECRET);
    weir_wr_u16(w, 0);
    weir_wr_u16(w, EXTENSION_RENEGOTIATION_INFO); /* [RFC 5746 3.4] empty: this is the first handshake */
    weir_wr_u16(w, 1);
    weir_wr_u8(w, 0);
    weir_wr_u16(w, EXTENSION_EC_POINT_FORMATS);
    weir_wr_u16(w, 2);
    weir_wr_u8(w, 1);
    weir_wr_u8(w, POINT_UNCOMPRESSED);
}

static void write_share(struct weir_wr *w, uint16_t group, const uint8_t *public_key)
{
    size_t n = weir_dtls_share_bytes(group, true);
    weir_wr_u16(w, group);
    weir_wr_u16(w, (uint16_t)n);
    weir_wr_bytes(w, weir_span_of(public_key, n));
}

static void write_13_extensions(const struct weir_dtls *d, struct weir_wr *w)
{
    weir_wr_u16(w, EXTENSION_SUPPORTED_VERSIONS);
    struct weir_mark body = weir_wr_open(w, 2);
    struct weir_mark list = weir_wr_open(w, 1);
    weir_wr_u16(w, VERSION_1_3);
    if (weir_dtls_offers(d, WEIR_DTLS_1_2)) {
        weir_wr_u16(w, VERSION_1_2);
    }
    weir_wr_close(w, list);
    weir_wr_close(w, body);
    weir_wr_u16(w, EXTENSION_KEY_SHARE);
    body = weir_wr_open(w, 2);
    list = weir_wr_open(w, 2);
    write_share(w, exchange_of(d)->group, exchange_of(d)->public_key);
    weir_wr_close(w, list);
    weir_wr_close(w, body);
    weir_dtls13_write_ticket_request(d, w);
    if (exchange_of(d)->has_retry && exchange_of(d)->cookie_bytes != 0) {
        weir_wr_u16(w, EXTENSION_COOKIE);
        body = weir_wr_open(w, 2);
        list = weir_wr_open(w, 2);
        weir_wr_bytes(w, weir_span_of(exchange_of(d)->cookie, exchange_of(d)->cookie_bytes));
        weir_wr_close(w, list);
        weir_wr_close(w, body);
    }
}

/* use_srtp is the last one, as it always was; but for a ticket, which has to be. */
static void write_extensions(const struct weir_dtls *d, struct weir_wr *w)
{
    struct weir_span schemes = weir_dtls_schemes(false);
    if (weir_dtls_offers(d, WEIR_DTLS_1_3)) {
        write_13_extensions(d, w);
    }
    if (weir_dtls_offers(d, WEIR_DTLS_1_2)) {
        write_12_extensions(w);
    }
    write_groups(d, w);
    weir_wr_u16(w, EXTENSION_SIGNATURE_ALGORITHMS);
    weir_wr_u16(w, (uint16_t)(schemes.n + 2));
    weir_wr_u16(w, (uint16_t)schemes.n);
    weir_wr_bytes(w, schemes);
    if (d->config.has_cid) {
        weir_dtls_write_cid(d, w);
    }
    if (plan_of(d)->srtp_profiles != 0) {
        weir_dtls_write_srtp(d, w, WEIR_DTLS_SRTP_NONE);
    }
}

/* One share, X25519 unless the config prefers another: every WebRTC peer takes it, and a second key would
 * cost as much as all the rest of the hello. Who wants another group of ours asks for it. */
static bool make_first_share(struct weir_dtls *d)
{
    if (!weir_dtls_offers(d, WEIR_DTLS_1_3) || exchange_of(d)->group != 0) {
        return true; /* made before: a hello with a cookie is the same one [RFC 8446 4.1.2] */
    }
    exchange_of(d)->group = weir_dtls_group_at(d, 0);
    if (weir_dtls13_offers_session(d) && weir_dtls_group_is_ours(d, hs_of(d)->session.group)) {
        exchange_of(d)->group = hs_of(d)->session.group; /* the server took it before */
    }
    return weir_dtls_make_share(d);
}

bool weir_dtls_client_hello(struct weir_dtls *d, weir_time now)
{
    if (!make_first_share(d)) {
        return false;
    }
    weir_dtls_flight_begin(d, true);
    struct weir_wr w = weir_dtls_message_open(d, MESSAGE_CLIENT_HELLO, 0);
    /* [RFC 9147 5.3 MUST] The cookie of 1.2 has its own field, the one of 1.3 an extension. */
    size_t cookie_bytes = exchange_of(d)->has_retry ? 0 : exchange_of(d)->cookie_bytes;
    weir_wr_u16(&w, VERSION_1_2);
    weir_wr_bytes(&w, weir_span_of(d->client_random, 32));
    weir_wr_u8(&w, 0); /* no session to resume */
    weir_wr_u8(&w, (uint8_t)cookie_bytes);
    weir_wr_bytes(&w, weir_span_of(exchange_of(d)->cookie, cookie_bytes));
    write_suites(d, &w);
    weir_wr_u8(&w, 1);
    weir_wr_u8(&w, 0); /* compression: none */
    struct weir_mark list = weir_wr_open(&w, 2);
    write_extensions(d, &w);
    weir_dtls13_write_psk(d, now, &w);
    weir_wr_close(&w, list);
    weir_dtls13_bind(d, &w);
    return weir_dtls_message_close(d, &w);
}

struct dtls_next weir_dtls_client_start(struct weir_dtls *d, weir_time now)
{
    weir_dtls_begin(d, now);
    weir_dtls13_judge_session(d, now);
    return weir_dtls_go_if(weir_dtls_client_hello(d, now), STEP_CLIENT_WAIT_SERVER_HELLO);
}

/* A fresh hello, with another random and share, and no word of the one before: to the server it is a new
 * client's [RFC 9147 5.1]. */
bool weir_dtls_client_restart(struct weir_dtls *d, weir_time now)
{
    weir_wipe(exchange_of(d), sizeof(struct weir_dtls_exchange));
    d->version = d->suite = d->group = d->message_seq = 0;
    d->restarts++;
    weir_dtls_ack_reset(d);
    weir_dtls_reassembly_reset(&hs_of(d)->reassembly, 0);
    weir_rand_bytes(&d->rand, d->client_random, sizeof d->client_random);
    return weir_dtls_client_hello(d, now);
}

/* -- 5. Agreed --------------------------------------------------------------------------------- */

void weir_dtls_client_agree(struct weir_dtls *d, uint16_t version)
{
    struct weir_span hello = { hs_of(d)->flight.bytes + 4, weir_be16(hs_of(d)->flight.bytes + 2) };
    d->version = version;
    weir_dtls_transcript_begin(d);
    weir_dtls_transcript_note(d, hello);
}

/* -- 6. Cookies -------------------------------------------------------------------------------- */

/* How long a cookie is good, in seconds: many round trips, and no store of old ones for anybody. */
enum { COOKIE_LIFE_S = 60 };

/* Over what the cookie tells, the peer's address and the hello's own parameters. */
void weir_dtls_cookie_mac(const struct weir_dtls *d, const struct dtls_hello *h,
                          struct weir_span content, uint8_t mac[COOKIE_MAC_BYTES])
{
    struct weir_hmac_key key;
    uint8_t whole[WEIR_HASH_BYTES_MAX];
    struct weir_span part[6] = {
        content,    weir_span_of(plan_of(d)->address, plan_of(d)->address_bytes), h->random, h->session,
        h->suites,  h->compressions,
    };
    weir_hmac_init(d->config.crypto, &key, WEIR_SHA256,
                   weir_span_of(plan_of(d)->cookie_secret, sizeof plan_of(d)->cookie_secret));
    weir_hmac(d->config.crypto, &key, part, 6, whole);
    memcpy(mac, whole, COOKIE_MAC_BYTES);
    weir_wipe(&key, sizeof key);
}

bool weir_dtls_cookie_is_fresh(uint32_t made_s, weir_time now)
{
    return (uint32_t)((uint32_t)(now / WEIR_SEC) - made_s) <= COOKIE_LIFE_S;
}
