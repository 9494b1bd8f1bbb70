/* Recorded handshakes of DTLS 1.3, every byte and every secret of them explained: test/data/dtls13. Both
 * ends, given the randomness of the recording, must write the same bytes again; the explanation is made
 * by code of its own, with its own key schedule and record protection, and must be the same text.
 *
 * A file holds what a provider would draw by itself (ephemeral keys, signatures, certificates), so that
 * any provider can be checked. WEIR_WRITE_VECTORS=1 writes the files anew;
 * WEIR_WRITE_VECTORS=again keeps what was drawn and writes what follows from it. */
#include <stdarg.h>

#include "test/dtls/dtls13_sim.h"

/* -- The text ---------------------------------------------------------------------------------- */

static char text[131072];
static size_t text_n;

static void put(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text + text_n, sizeof text - text_n, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof text - text_n);
    text_n += (size_t)n;
}

/* What, and its bytes: beside it when they are few, below it when they are many. */
static void field(unsigned depth, const char *what, struct weir_span bytes)
{
    put("%*s%s", (int)(2 * depth), "", what);
    if (bytes.n == 0) {
        put(": empty\n");
        return;
    }
    put(bytes.n <= 16 ? ": " : " (%zu bytes):", bytes.n);
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.n > 16 && i % 32 == 0) {
            put("\n%*s", (int)(2 * depth + 2), "");
        }
        put("%02x", bytes.p[i]);
    }
    put("\n");
}

/* -- What was drawn: from the file, or drawn now and written ----------------------------------- */

static bool is_writing;
static char given[16384]; /* lines of "drawn", as they stand in the file */
static char *given_at;
static const struct weir_crypto *real;

static void draw(const char *what, uint8_t *out, size_t *n, size_t max)
{
    char want[64];
    snprintf(want, sizeof want, "  %s: ", what);
    if (is_writing) {
        size_t used = strlen(given);
        assert_true(used + strlen(want) + 2 * *n + 2 < sizeof given);
        strcat(given, want);
        for (size_t i = 0; i < *n; i++) {
            snprintf(given + strlen(given), 3, "%02x", out[i]);
        }
        strcat(given, "\n");
        return;
    }
    char *end = strchr(given_at, '\n');
    assert_non_null(end);
    if (strncmp(given_at, want, strlen(want)) != 0) {
        fail_msg("the file has '%.40s' where '%s' is drawn", given_at, want);
    }
    *end = '\0';
    *n = test_unhex(given_at + strlen(want), out, max);
    *end = '\n';
    given_at = end + 1;
}

static bool draw_keygen(enum weir_group g, struct weir_rand *rand, uint8_t *priv, uint8_t *pub)
{
    static const char *const name[] = { "P-256", "P-384", "X25519" };
    size_t private_bytes = weir_group_private_bytes(g), public_bytes = weir_group_public_bytes(g);
    const char *group = name[g == WEIR_P256 ? 0 : g == WEIR_P384 ? 1 : 2];
    char what[32];
    struct weir_rand copy = *rand; /* what is read from a file takes nothing of the end's randomness */
    if (is_writing && !real->ecdh_keygen(g, &copy, priv, pub)) {
        return false;
    }
    snprintf(what, sizeof what, "%s private key", group);
    draw(what, priv, &private_bytes, WEIR_GROUP_PRIVATE_MAX);
    snprintf(what, sizeof what, "%s public key", group);
    draw(what, pub, &public_bytes, WEIR_GROUP_PUBLIC_MAX);
    return true;
}

/* Some providers blind what they compute, others do not: the end's randomness must not tell. */
static bool quiet_shared(enum weir_group g, struct weir_rand *rand, const uint8_t *priv,
                         struct weir_span peer_pub, uint8_t shared[WEIR_GROUP_SHARED_MAX])
{
    struct weir_rand copy = *rand;
    return real->ecdh_shared(g, &copy, priv, peer_pub, shared);
}

static bool draw_sign(const struct weir_identity *id, struct weir_rand *rand, enum weir_sigscheme scheme,
                      const uint8_t digest[32], uint8_t *sig, size_t *n)
{
    struct weir_rand copy = *rand;
    if (is_writing && !real->identity_sign(id, &copy, scheme, digest, sig, n)) {
        return false;
    }
    draw("signature", sig, n, WEIR_SIGNATURE_MAX);
    return true;
}

/* What ML-KEM gave, for the explanation, and for a client whose provider has none. */
static uint8_t kem_shared[WEIR_KEM_SHARED_BYTES], kem_ciphertext[WEIR_KEM_CIPHERTEXT_BYTES];

static bool draw_kem_keygen(struct weir_rand *rand, uint8_t *priv, uint8_t *pub)
{
    size_t private_bytes = WEIR_KEM_PRIVATE_BYTES, public_bytes = WEIR_KEM_PUBLIC_BYTES;
    struct weir_rand copy = *rand;
    if (is_writing && !real->kem_keygen(&copy, priv, pub)) {
        return false;
    }
    draw("ML-KEM-768 private key, d and z", priv, &private_bytes, private_bytes);
    draw("ML-KEM-768 encapsulation key", pub, &public_bytes, public_bytes);
    return true;
}

static bool draw_encapsulate(struct weir_rand *rand, const uint8_t *pub, uint8_t *ciphertext, uint8_t *shared)
{
    size_t ciphertext_bytes = WEIR_KEM_CIPHERTEXT_BYTES, shared_bytes = WEIR_KEM_SHARED_BYTES;
    struct weir_rand copy = *rand;
    if (is_writing && !real->kem_encapsulate(&copy, pub, ciphertext, shared)) {
        return false;
    }
    draw("ML-KEM-768 ciphertext", ciphertext, &ciphertext_bytes, ciphertext_bytes);
    draw("ML-KEM-768 shared secret", shared, &shared_bytes, shared_bytes);
    memcpy(kem_ciphertext, ciphertext, sizeof kem_ciphertext);
    memcpy(kem_shared, shared, sizeof kem_shared);
    return true;
}

static bool check_decapsulate(const uint8_t *priv, const uint8_t *ciphertext, uint8_t *shared)
{
    assert_memory_equal(ciphertext, kem_ciphertext, sizeof kem_ciphertext);
    memcpy(shared, kem_shared, sizeof kem_shared);
    if (real->kem_decapsulate != NULL) {
        uint8_t again[WEIR_KEM_SHARED_BYTES];
        assert_true(real->kem_decapsulate(priv, ciphertext, again));
        assert_memory_equal(again, kem_shared, sizeof again);
    }
    return true;
}

/* -- A key schedule of its own [RFC 8446 7.1] -------------------------------------------------- */

struct keys {
    struct weir_aead aead;
    struct weir_mask mask;
    uint8_t iv[12];
};

struct view {
    enum weir_aead_id aead;
    enum weir_hash_id hash;
    size_t hash_bytes;
    uint8_t transcript[8192];
    size_t transcript_bytes;
    uint8_t secret[48];         /* the schedule's */
    uint8_t traffic[2][2][48];  /* epoch 2 and 3; client and server */
    uint8_t exporter[48];
    uint8_t resumption[48];     /* "res master" */
    uint8_t psk[48];            /* of the session that is resumed, or zeros */
    bool has_psk, has_tickets;
    uint8_t part[2][4096];      /* of a message in fragments, per end */
    size_t part_bytes[2];
    struct keys keys[2][2];
    bool has_keys[2];
    uint8_t privates[3][48];    /* of the client: P-256, P-384, X25519 */
    unsigned sent[2][4];        /* records, per end and epoch */
};

static struct view v;

static void transcript_hash(uint8_t *out)
{
    struct weir_span all = { v.transcript, v.transcript_bytes };
    weir_hash_of(real, v.hash, &all, 1, out);
}

static void expand_label(const uint8_t *secret, const char *label, struct weir_span context, uint8_t *out,
                         size_t n)
{
    uint8_t info[128];
    size_t label_bytes = strlen(label);
    weir_put16(info, (uint16_t)n);
    info[2] = (uint8_t)(6 + label_bytes);
    memcpy(info + 3, "dtls13", 6);
    memcpy(info + 9, label, label_bytes);
    info[9 + label_bytes] = (uint8_t)context.n;
    weir_copy(info + 10 + label_bytes, context.p, context.n);
    weir_hkdf_expand(real, v.hash, weir_span_of(secret, v.hash_bytes),
                     weir_span_of(info, 10 + label_bytes + context.n), (struct weir_mspan){ out, n });
}

static void derive(const char *what, const char *label, uint8_t *out)
{
    uint8_t digest[64];
    char line[96];
    transcript_hash(digest);
    expand_label(v.secret, label, weir_span_of(digest, v.hash_bytes), out, v.hash_bytes);
    snprintf(line, sizeof line, "%s = Derive-Secret(., \"%s\", messages so far)", what, label);
    field(1, line, weir_span_of(out, v.hash_bytes));
}

static void extract(const char *what, struct weir_span input)
{
    static const uint8_t zero[64];
    uint8_t digest[64], salt[64];
    struct weir_span none = { NULL, 0 };
    weir_hash_of(real, v.hash, &none, 1, digest);
    expand_label(v.secret, "derived", weir_span_of(digest, v.hash_bytes), salt, v.hash_bytes);
    field(1, "salt = Derive-Secret(., \"derived\", \"\")", weir_span_of(salt, v.hash_bytes));
    weir_hkdf_extract(real, v.hash, weir_span_of(salt, v.hash_bytes),
                      input.n != 0 ? input : weir_span_of(zero, v.hash_bytes), v.secret);
    field(1, what, weir_span_of(v.secret, v.hash_bytes));
}

static void make_keys(unsigned epoch, unsigned who)
{
    const uint8_t *secret = v.traffic[epoch - 2][who];
    struct weir_span none = { NULL, 0 };
    struct keys *k = &v.keys[epoch - 2][who];
    uint8_t key[32], sn[32];
    size_t n = weir_aead_key_bytes(v.aead);
    expand_label(secret, "key", none, key, n);
    expand_label(secret, "iv", none, k->iv, 12);
    expand_label(secret, "sn", none, sn, n);
    put("  the %s's keys of epoch %u\n", who == CLIENT ? "client" : "server", epoch);
    field(2, "key", weir_span_of(key, n));
    field(2, "iv", weir_span_of(k->iv, 12));
    field(2, "sn, for the mask over record numbers", weir_span_of(sn, n));
    assert_true(real->aead_init(&k->aead, v.aead, key));
    assert_true(real->mask_init(&k->mask, v.aead, sn));
}

static void handshake_secrets(struct weir_span shared)
{
    static const uint8_t zero[64];
    uint8_t digest[64];
    struct weir_span none = { zero, v.hash_bytes };
    transcript_hash(digest);
    put("\nsecrets of the handshake\n");
    field(1, "hash of ClientHello to ServerHello", weir_span_of(digest, v.hash_bytes));
    weir_hkdf_extract(real, v.hash, none, weir_span_of(v.psk, v.hash_bytes), v.secret);
    field(1, v.has_psk ? "early secret = Extract(0, PSK)" : "early secret = Extract(0, 0)",
          weir_span_of(v.secret, v.hash_bytes));
    field(1, "shared secret of both shares", shared);
    extract("handshake secret = Extract(salt, shared secret)", shared);
    derive("client handshake traffic secret", "c hs traffic", v.traffic[0][CLIENT]);
    derive("server handshake traffic secret", "s hs traffic", v.traffic[0][SERVER]);
    make_keys(2, CLIENT);
    make_keys(2, SERVER);
    v.has_keys[0] = true;
    put("\n");
}

static void application_secrets(void)
{
    uint8_t digest[64];
    transcript_hash(digest);
    put("\nsecrets of the application data\n");
    field(1, "hash of ClientHello to the server's Finished", weir_span_of(digest, v.hash_bytes));
    extract("master secret = Extract(salt, 0)", weir_span_of(NULL, 0));
    derive("client application traffic secret 0", "c ap traffic", v.traffic[1][CLIENT]);
    derive("server application traffic secret 0", "s ap traffic", v.traffic[1][SERVER]);
    derive("exporter secret", "exp master", v.exporter);
    make_keys(3, CLIENT);
    make_keys(3, SERVER);
    v.has_keys[1] = true;
    put("\n");
}

static void check_verify_data(unsigned who, struct weir_span body)
{
    uint8_t key[64], digest[64], want[64];
    struct weir_hmac_key hmac;
    struct weir_span part = { digest, v.hash_bytes };
    expand_label(v.traffic[0][who], "finished", weir_span_of(NULL, 0), key, v.hash_bytes);
    transcript_hash(digest);
    field(3, "hash of the messages before it", part);
    field(3, "finished key", weir_span_of(key, v.hash_bytes));
    weir_hmac_init(real, &hmac, v.hash, weir_span_of(key, v.hash_bytes));
    weir_hmac(real, &hmac, &part, 1, want);
    test_assert_bytes(body, weir_span_of(want, v.hash_bytes));
    field(3, "verify_data = HMAC(finished key, that hash)", body);
}

/* -- Messages ---------------------------------------------------------------------------------- */

static void extensions(unsigned depth, struct weir_rd *rd)
{
    static const struct {
        uint16_t type;
        const char *name;
    } known[] = {
        { 10, "supported_groups" },    { 11, "ec_point_formats" },   { 13, "signature_algorithms" },
        { 14, "use_srtp" },            { 23, "extended_master_secret" }, { 43, "supported_versions" },
        { 44, "cookie" },              { 51, "key_share" },          { 0xff01, "renegotiation_info" },
        { 41, "pre_shared_key" },      { 45, "psk_key_exchange_modes" }, { 58, "ticket_request" },
    };
    struct weir_rd list, body;
    assert_true(weir_rd_sub16(rd, &list));
    while (list.n != 0) {
        uint16_t type = 0;
        const char *name = "?";
        char line[64];
        assert_true(weir_rd_u16(&list, &type) && weir_rd_sub16(&list, &body));
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            name = known[i].type == type ? known[i].name : name;
        }
        snprintf(line, sizeof line, "extension %04x, %s", type, name);
        field(depth, line, weir_rd_rest(&body));
    }
}

static struct weir_span next(struct weir_rd *rd, size_t n)
{
    struct weir_span s = { NULL, 0 };
    assert_true(weir_rd_take(rd, n, &s));
    return s;
}

static struct weir_span next8(struct weir_rd *rd)
{
    struct weir_rd child;
    assert_true(weir_rd_sub8(rd, &child));
    return weir_rd_rest(&child);
}

static void client_hello(struct weir_rd *rd)
{
    struct weir_rd suites;
    field(3, "legacy_version: DTLS 1.2", next(rd, 2));
    field(3, "random", next(rd, 32));
    field(3, "legacy_session_id", next8(rd));
    field(3, "legacy_cookie", next8(rd));
    assert_true(weir_rd_sub16(rd, &suites));
    field(3, "cipher_suites", weir_rd_rest(&suites));
    field(3, "legacy_compression_methods", next8(rd));
    extensions(3, rd);
}

/* The shared secret, from the server's share and the private key that the client drew. */
static void server_hello(struct weir_rd *rd, const uint8_t privates[3][48])
{
    struct weir_span whole = weir_rd_rest(rd), share;
    struct dtls_hello h;
    field(3, "legacy_version: DTLS 1.2", next(rd, 2));
    struct weir_span random = next(rd, 32);
    bool is_hello_retry_request = memcmp(random.p, weir_dtls13_hello_retry_random, 32) == 0;
    field(3, is_hello_retry_request ? "random: the one that says HelloRetryRequest" : "random", random);
    field(3, "legacy_session_id_echo", next8(rd));
    field(3, "cipher_suite", next(rd, 2));
    field(3, "legacy_compression_method", next(rd, 1));
    extensions(3, rd);
    if (is_hello_retry_request) {
        return;
    }
    assert_int_equal(weir_dtls_hello_parse_server(whole, &h), WEIR_DTLS_OK);
    assert_true(weir_dtls_hello_find(&h, EXTENSION_KEY_SHARE, &share));
    uint16_t group = weir_be16(share.p);
    bool is_hybrid = group == WEIR_DTLS_X25519MLKEM768;
    size_t before = is_hybrid ? WEIR_KEM_CIPHERTEXT_BYTES : 0, kem_bytes = is_hybrid ? sizeof kem_shared : 0;
    enum weir_group curve = is_hybrid ? WEIR_X25519 : (enum weir_group)group;
    uint8_t shared[sizeof kem_shared + 48];
    struct weir_rand rand;
    weir_rand_init_number(&rand, 9);
    unsigned index = group == WEIR_P256 ? 0 : group == WEIR_P384 ? 1 : 2;
    memcpy(shared, kem_shared, kem_bytes); /* the hybrid's is both, ML-KEM's first */
    assert_true(real->ecdh_shared(curve, &rand, privates[index],
                                  weir_span_of(share.p + 4 + before, share.n - 4 - before), shared + kem_bytes));
    handshake_secrets(weir_span_of(shared, kem_bytes + weir_group_shared_bytes(curve)));
}

static void certificate(struct weir_rd *rd)
{
    struct weir_rd list, cert, ext;
    field(3, "certificate_request_context", next8(rd));
    assert_true(weir_rd_sub24(rd, &list) && weir_rd_sub24(&list, &cert) && weir_rd_sub16(&list, &ext));
    field(3, "certificate, DER", weir_rd_rest(&cert));
    field(3, "its extensions", weir_rd_rest(&ext));
}

static void certificate_verify(unsigned who, struct weir_rd *rd)
{
    struct weir_rd signature;
    uint8_t digest[64];
    transcript_hash(digest);
    field(3, "hash of the messages before it", weir_span_of(digest, v.hash_bytes));
    put("      what is signed: 64 spaces, \"TLS 1.3, %s CertificateVerify\", 00, that hash\n",
        who == CLIENT ? "client" : "server");
    field(3, "algorithm: ecdsa_secp256r1_sha256", next(rd, 2));
    assert_true(weir_rd_sub16(rd, &signature));
    field(3, "signature", weir_rd_rest(&signature));
}

/* -- Sessions [RFC 8446 4.2.11.2, 4.6.1] --------------------------------------------------------- */

/* The binder of a hello that carries a ticket, over that hello up to there. */
static void check_binder(struct weir_span head, struct weir_span body)
{
    uint8_t early[64], nothing[64], binder_key[64], finished[64], digest[64], want[64];
    static const uint8_t zero[64];
    struct weir_hmac_key hmac;
    size_t n = v.hash_bytes, cut = body.n - n - 3;
    struct weir_span none = { NULL, 0 };
    struct weir_span part[3] = { weir_span_of(v.transcript, v.transcript_bytes), weir_span_of(head.p, 4),
                                 weir_span_of(body.p, cut) };
    weir_hash_of(real, v.hash, part, 3, digest);
    weir_hash_of(real, v.hash, &none, 1, nothing);
    weir_hkdf_extract(real, v.hash, weir_span_of(zero, n), weir_span_of(v.psk, n), early);
    expand_label(early, "res binder", weir_span_of(nothing, n), binder_key, n);
    expand_label(binder_key, "finished", none, finished, n);
    struct weir_span what = { digest, n };
    weir_hmac_init(real, &hmac, v.hash, weir_span_of(finished, n));
    weir_hmac(real, &hmac, &what, 1, want);
    put("      pre_shared_key is: identities of (ticket, obfuscated age), binders; its last %zu bytes are the "
        "binder\n", n);
    field(3, "early secret = Extract(0, PSK)", weir_span_of(early, n));
    field(3, "binder key = Derive-Secret(., \"res binder\", \"\")", weir_span_of(binder_key, n));
    field(3, "its finished key", weir_span_of(finished, n));
    field(3, "hash of the messages so far and of this one without the list of binders", what);
    field(3, "binder = HMAC(finished key, that hash)", weir_span_of(want, n));
    test_assert_bytes(weir_span_of(body.p + body.n - n, n), weir_span_of(want, n));
}

static void new_ticket(struct weir_rd *rd)
{
    struct weir_rd ticket;
    field(3, "lifetime in seconds", next(rd, 4));
    field(3, "age_add", next(rd, 4));
    struct weir_span nonce = next8(rd);
    field(3, "nonce", nonce);
    assert_true(weir_rd_sub16(rd, &ticket));
    field(3, "ticket, which the server alone reads", weir_rd_rest(&ticket));
    assert_true(weir_rd_sub16(rd, &ticket));
    field(3, "extensions", weir_rd_rest(&ticket));
    expand_label(v.resumption, "resumption", nonce, v.psk, v.hash_bytes);
    field(3, "PSK = Expand-Label(resumption master secret, \"resumption\", nonce)",
          weir_span_of(v.psk, v.hash_bytes));
}

static void resumption_secret(void)
{
    put("\nfor sessions that follow\n");
    derive("resumption master secret", "res master", v.resumption);
    put("\n");
}

static const char *message_name(uint8_t type, struct weir_span body)
{
    switch (type) {
    case MESSAGE_CLIENT_HELLO:
        return "ClientHello";
    case MESSAGE_SERVER_HELLO:
        return memcmp(body.p + 2, weir_dtls13_hello_retry_random, 32) == 0 ? "HelloRetryRequest"
                                                                           : "ServerHello";
    case MESSAGE_ENCRYPTED_EXTENSIONS:
        return "EncryptedExtensions";
    case MESSAGE_CERTIFICATE_REQUEST:
        return "CertificateRequest";
    case MESSAGE_CERTIFICATE:
        return "Certificate";
    case MESSAGE_CERTIFICATE_VERIFY:
        return "CertificateVerify";
    case MESSAGE_FINISHED:
        return "Finished";
    case MESSAGE_NEW_SESSION_TICKET:
        return "NewSessionTicket";
    default:
        return "?";
    }
}

/* [RFC 8446 4.4.1] The first hello counts as its hash once a retry follows. */
static void transcript_retry(void)
{
    uint8_t digest[64];
    transcript_hash(digest);
    v.transcript[0] = 254;
    weir_put24(v.transcript + 1, (uint32_t)v.hash_bytes);
    memcpy(v.transcript + 4, digest, v.hash_bytes);
    v.transcript_bytes = 4 + v.hash_bytes;
    field(3, "hash of the first ClientHello, which stands for it from here on",
          weir_span_of(digest, v.hash_bytes));
}

/* A message in fragments, which come in order here, is explained when its last one is here. */
static bool whole_message(unsigned who, struct weir_span head, struct weir_span *body)
{
    size_t length = weir_be24(head.p + 1), at = weir_be24(head.p + 6);
    if (body->n == length) {
        return true;
    }
    put("    of message %u: type %02x, length %06x, message_seq %04x, fragment %06x of %06x\n",
        weir_be16(head.p + 4), head.p[0], (unsigned)length, weir_be16(head.p + 4), (unsigned)at,
        (unsigned)body->n);
    assert_int_equal(at, v.part_bytes[who]);
    assert_true(at + body->n <= length && length <= sizeof v.part[who]);
    memcpy(v.part[who] + at, body->p, body->n);
    v.part_bytes[who] += body->n;
    if (v.part_bytes[who] != length) {
        return false;
    }
    v.part_bytes[who] = 0;
    *body = weir_span_of(v.part[who], length);
    put("    put together, it counts in the hash as if it had come in one\n");
    return true;
}

static void messages(unsigned who, struct weir_span content)
{
    struct weir_rd rd = weir_rd_of(content);
    while (rd.n != 0) {
        struct weir_span head = next(&rd, 12);
        struct weir_span body = next(&rd, weir_be24(head.p + 9));
        if (!whole_message(who, head, &body)) {
            continue;
        }
        struct weir_rd in = weir_rd_of(body);
        const char *name = message_name(head.p[0], body);
        put("    message %u, %s: type %02x, length %06x, message_seq %04x, fragment 000000 of %06x\n",
            weir_be16(head.p + 4), name, head.p[0], (unsigned)body.n, weir_be16(head.p + 4),
            (unsigned)body.n);
        if (strcmp(name, "HelloRetryRequest") == 0) {
            transcript_retry();
        }
        if (head.p[0] == MESSAGE_CERTIFICATE_VERIFY) {
            certificate_verify(who, &in);
        } else if (head.p[0] == MESSAGE_FINISHED) {
            check_verify_data(who, body);
        }
        if (head.p[0] == MESSAGE_NEW_SESSION_TICKET) { /* after the handshake, and no part of it */
            new_ticket(&in);
            continue;
        }
        if (head.p[0] == MESSAGE_CLIENT_HELLO && v.has_psk) {
            check_binder(head, body);
        }
        assert_true(v.transcript_bytes + 4 + body.n <= sizeof v.transcript);
        memcpy(v.transcript + v.transcript_bytes, head.p, 4);
        memcpy(v.transcript + v.transcript_bytes + 4, body.p, body.n);
        v.transcript_bytes += 4 + body.n;
        if (head.p[0] == MESSAGE_CLIENT_HELLO) {
            client_hello(&in);
        } else if (head.p[0] == MESSAGE_SERVER_HELLO) {
            server_hello(&in, (const uint8_t(*)[48])v.privates);
        } else if (head.p[0] == MESSAGE_ENCRYPTED_EXTENSIONS) {
            extensions(3, &in);
        } else if (head.p[0] == MESSAGE_CERTIFICATE_REQUEST) {
            field(3, "certificate_request_context", next8(&in));
            extensions(3, &in);
        } else if (head.p[0] == MESSAGE_CERTIFICATE) {
            certificate(&in);
        } else if (head.p[0] == MESSAGE_FINISHED && who == SERVER) {
            application_secrets();
        } else if (head.p[0] == MESSAGE_FINISHED && v.has_tickets) {
            resumption_secret();
        }
    }
}

/* -- Records ----------------------------------------------------------------------------------- */

static void contents(unsigned who, uint8_t type, struct weir_span content)
{
    struct weir_rd rd = weir_rd_of(content);
    if (type == CONTENT_HANDSHAKE) {
        messages(who, content);
    } else if (type == CONTENT_ACK) {
        field(2, "length of the list", next(&rd, 2));
        while (rd.n != 0) {
            field(2, "record: epoch (8), number (8)", next(&rd, 16));
        }
    } else {
        put("    \"%.*s\"\n", (int)content.n, (const char *)content.p);
    }
}

static const char *type_name(uint8_t type)
{
    return type == CONTENT_HANDSHAKE ? "handshake" : type == CONTENT_ACK ? "ACK" : "application data";
}

static void plain_one(unsigned who, struct weir_rd *rd)
{
    struct weir_span head = next(rd, 13), body = next(rd, weir_be16(head.p + 11));
    put("  record: type %02x (%s), version %04x, epoch %04x, number %012llx, length %04x\n", head.p[0],
        type_name(head.p[0]), weir_be16(head.p + 1), weir_be16(head.p + 3),
        (unsigned long long)weir_be48(head.p + 5), weir_be16(head.p + 11));
    v.sent[who][0]++;
    contents(who, head.p[0], body);
}

/* [RFC 9147 4, 4.2.3] */
static void sealed_one(unsigned who, struct weir_rd *rd)
{
    struct weir_span head = next(rd, 5), body = next(rd, weir_be16(head.p + 3));
    unsigned epoch = head.p[0] & 3;
    struct keys *k = &v.keys[epoch - 2][who];
    uint8_t mask[16], number[2], nonce[12], aad[5], plain[1500];
    uint64_t seq = v.sent[who][epoch]++;
    assert_true(epoch >= 2 && v.has_keys[epoch - 2]);
    real->mask(&k->mask, body.p, mask);
    for (unsigned i = 0; i < 2; i++) {
        number[i] = head.p[1 + i] ^ mask[i];
    }
    assert_int_equal(weir_be16(number), seq);
    memcpy(nonce, k->iv, 12);
    weir_put64(nonce + 4, weir_be64(nonce + 4) ^ seq);
    memcpy(aad, head.p, 5);
    memcpy(aad + 1, number, 2);
    memcpy(plain, body.p, body.n);
    size_t n = body.n - 16;
    assert_true(real->aead_open(&k->aead, nonce, weir_span_of(aad, 5), (struct weir_mspan){ plain, n },
                                body.p + n));
    put("  record: 001, no CID, 16 bits of number, length, epoch %u: %02x; number %02x%02x under mask "
        "%02x%02x: %02x%02x; length %04x\n",
        epoch, head.p[0], number[0], number[1], mask[0], mask[1], head.p[1], head.p[2],
        weir_be16(head.p + 3));
    field(2, "additional data", weir_span_of(aad, 5));
    field(2, "nonce = iv xor number", weir_span_of(nonce, 12));
    field(2, "ciphertext", weir_span_of(body.p, n));
    field(2, "tag", weir_span_of(body.p + n, 16));
    field(2, "content, decrypted", weir_span_of(plain, n - 1));
    put("    type inside: %02x (%s)\n", plain[n - 1], type_name(plain[n - 1]));
    contents(who, plain[n - 1], weir_span_of(plain, n - 1));
}

static void datagram(unsigned who, struct weir_span bytes)
{
    struct weir_rd rd = weir_rd_of(bytes);
    put("\n%s, a datagram of %zu bytes\n", who == CLIENT ? "client -> server" : "server -> client", bytes.n);
    field(1, "as it is on the wire", bytes);
    while (rd.n != 0) {
        if ((rd.p[0] & UNIFIED_MASK) == UNIFIED_FIXED) {
            sealed_one(who, &rd);
        } else {
            plain_one(who, &rd);
        }
    }
}

/* -- The recordings ---------------------------------------------------------------------------- */

struct recording {
    const char *name;
    const char *about;
    struct offer offer;
    bool has_cookie;
    bool has_tickets; /* and a second connection with the session of the first */
    bool is_hybrid;
    uint16_t mtu;     /* 0: what is usual */
    enum weir_aead_id aead;
};

static struct sim s;

static void pass(unsigned who)
{
    struct weir_dtls *d = &s.end[who].d;
    uint8_t out[1500];
    size_t n;
    for (unsigned i = 0; (n = weir_dtls_send(d, s.now, (struct weir_mspan){ out, sizeof out })) != 0; i++) {
        assert_true(i < 16);
        datagram(who, weir_span_of(out, n));
        struct weir_mspan rest = { out, n };
        while (rest.n != 0) {
            struct weir_span plain;
            assert_true(weir_dtls_recv(&s.end[1 - who].d, s.now, &rest, &plain) <= WEIR_DTLS_OK
                        || s.end[1 - who].d.verdicts[WEIR_DTLS_HELLO_COOKIE] == 1);
        }
    }
}

static void say(unsigned who, const char *words)
{
    uint8_t out[100];
    struct weir_dtls *d = &s.end[who].d;
    size_t head = weir_dtls_head_bytes(d);
    memcpy(out + head, words, strlen(words));
    size_t n = weir_dtls_seal(d, (struct weir_mspan){ out, sizeof out }, head, strlen(words));
    datagram(who, weir_span_of(out, n));
    struct weir_mspan rest = { out, n };
    struct weir_span plain;
    assert_int_equal(weir_dtls_recv(&s.end[1 - who].d, s.now, &rest, &plain), WEIR_DTLS_OK);
    test_assert_bytes(plain, weir_span_of(words, strlen(words)));
}

/* The secrets that an end logs are those of the explanation. */
static void check_keylog(void)
{
    const uint8_t *want[WEIR_DTLS_SECRETS] = {
        NULL, v.traffic[0][CLIENT], v.traffic[0][SERVER], v.traffic[1][CLIENT], v.traffic[1][SERVER],
        v.exporter,
    };
    put("\nas a key log\n");
    for (unsigned i = 1; i < WEIR_DTLS_SECRETS; i++) {
        uint8_t random[32], secret[WEIR_DTLS_SECRET_MAX];
        size_t n = 0;
        for (unsigned who = 0; who < 2; who++) {
            assert_true(weir_dtls_keylog(&s.end[who].d, (enum weir_dtls_secret)i, random, secret, &n));
            test_assert_bytes(weir_span_of(secret, n), weir_span_of(want[i], v.hash_bytes));
        }
        put("  %s ", weir_dtls_secret_label((enum weir_dtls_secret)i));
        for (unsigned k = 0; k < 32; k++) {
            put("%02x", random[k]);
        }
        put(" ");
        for (unsigned k = 0; k < n; k++) {
            put("%02x", secret[k]);
        }
        put("\n");
    }
}

static void check_exporter(void)
{
    uint8_t key[2][60];
    for (unsigned who = 0; who < 2; who++) {
        assert_int_equal(weir_dtls_export(&s.end[who].d, "EXTRACTOR-dtls_srtp",
                                          (struct weir_mspan){ key[who], 60 }), WEIR_OK);
    }
    assert_memory_equal(key[0], key[1], 60);
    uint8_t digest[64], secret[64], want[60];
    struct weir_span none = { NULL, 0 };
    weir_hash_of(real, v.hash, &none, 1, digest);
    struct weir_span context = { digest, v.hash_bytes };
    expand_label(v.exporter, "EXTRACTOR-dtls_srtp", context, secret, v.hash_bytes);
    expand_label(secret, "exporter", context, want, 60);
    assert_memory_equal(key[0], want, 60);
    put("\nexported keys, EXTRACTOR-dtls_srtp, no context\n");
    field(1, "60 bytes", weir_span_of(want, 60));
}

static struct weir_identity id[2];

static void draw_certificates(void)
{
    for (unsigned who = 0; who < 2; who++) {
        id[who] = *sim_id(who);
        draw(who == CLIENT ? "client's certificate" : "server's certificate", id[who].cert,
             &id[who].cert_bytes, sizeof id[who].cert);
        struct weir_span cert = { id[who].cert, id[who].cert_bytes };
        weir_hash_of(real, WEIR_SHA256, &cert, 1, id[who].fingerprint_sha256);
    }
}

/* What the client draws before it speaks. */
static void open_ends(const struct recording *r, struct weir_crypto *crypto,
                      const struct weir_dtls_session *session)
{
    uint64_t seed = session == NULL ? 1300 : 1302;
    struct weir_dtls_config config[2] = { sim_config(CLIENT, seed), sim_config(SERVER, seed + 1) };
    for (unsigned who = 0; who < 2; who++) {
        config[who].identity = &id[who];
        config[who].crypto = crypto;
        config[who].tickets = r->has_tickets ? WEIR_DTLS_TICKETS_ASKED : WEIR_DTLS_TICKETS_OFF;
        config[who].utc_s = 1790000000;
    }
    config[SERVER].ticket_keys = 1;
    config[CLIENT].session = session;
    if (r->has_tickets || r->is_hybrid) {
        config[CLIENT].suites = 1;
        config[CLIENT].suite[0] = r->offer.suite;
    }
    for (unsigned who = 0; who < 2; who++) {
        struct weir_span cert = { id[1 - who].cert, id[1 - who].cert_bytes };
        weir_hash_of(real, WEIR_SHA256, &cert, 1, config[who].fingerprint[0].bytes);
    }
    config[SERVER].requires_cookie = r->has_cookie;
    config[CLIENT].mtu = config[SERVER].mtu = r->mtu;
    if (r->is_hybrid) {
        config[CLIENT].group[0] = config[SERVER].group[0] = WEIR_DTLS_X25519MLKEM768;
    }
    if (r->offer.shares[0] == WEIR_P256) { /* the key that the client makes first */
        config[CLIENT].group[0] = WEIR_P256;
        config[CLIENT].groups = 1;
    }
    sim_init(&s, &config[CLIENT], &config[SERVER]);
    put("The randoms come from these seeds, through core/rand.h:\n");
    field(1, "client", weir_span_of(config[CLIENT].seed, 32));
    field(1, "server", weir_span_of(config[SERVER].seed, 32));
}

static void note_private(unsigned index, const uint8_t *key)
{
    memcpy(v.privates[index], key, sizeof v.privates[index]);
}

/* One connection; `session`: of the one before, whose secret is in v.psk. */
static void record_one(const struct recording *r, struct weir_crypto *crypto,
                       const struct weir_dtls_session *session)
{
    struct view before = v;
    memset(&v, 0, sizeof v);
    v.aead = r->aead;
    v.hash = r->aead == WEIR_AES_256_GCM ? WEIR_SHA384 : WEIR_SHA256;
    v.hash_bytes = weir_hash_bytes(v.hash);
    v.has_tickets = r->has_tickets;
    v.has_psk = session != NULL;
    if (session != NULL) {
        memcpy(v.psk, before.psk, sizeof v.psk);
        test_assert_bytes(weir_span_of(session->secret, v.hash_bytes), weir_span_of(v.psk, v.hash_bytes));
    }
    open_ends(r, crypto, session);
    assert_int_equal(weir_dtls_start(&s.end[CLIENT].d, s.now), WEIR_OK);
    note_private(exchange_of(&s.end[CLIENT].d)->own_group == WEIR_P256 ? 0 : 2,
                 exchange_of(&s.end[CLIENT].d)->private_key + (r->is_hybrid ? WEIR_KEM_PRIVATE_BYTES : 0));
    for (unsigned turn = 0; turn < 4; turn++) {
        if (!r->has_tickets && !r->is_hybrid) { /* a binder covers the hello as it was written */
            narrow(&s, CLIENT, &r->offer);
        }
        pass(CLIENT);
        pass(SERVER);
        if (exchange_of(&s.end[CLIENT].d)->group == WEIR_P384) {
            note_private(1, exchange_of(&s.end[CLIENT].d)->private_key);
        }
    }
    assert_true(sim_is_up(&s));
    say(CLIENT, "hello from the client");
    say(SERVER, "hello from the server");
    check_exporter();
    check_keylog();
    assert_int_equal(weir_dtls_is_resumed(&s.end[SERVER].d), session != NULL);
    sim_free(&s);
}

static void record(const struct recording *r, struct weir_crypto *crypto)
{
    static struct weir_dtls_session session;
    draw_certificates();
    record_one(r, crypto, NULL);
    if (r->has_tickets) {
        assert_true(weir_dtls_take_session(&s.end[CLIENT].d, &session));
        put("\n\nThe same two again. The PSK is that of the ticket above.\n\n");
        record_one(r, crypto, &session);
    }
}

/* Read the drawn lines of a file; the whole of it is returned. */
static struct weir_mspan read_given(const char *path)
{
    struct weir_mspan file = test_read_file(path);
    static const char mark[] = "\nWhat was drawn:\n";
    char *all = calloc(1, file.n + 1);
    assert_non_null(all);
    memcpy(all, file.p, file.n);
    char *begin = strstr(all, mark);
    assert_non_null(begin);
    begin += strlen(mark);
    char *end = strstr(begin, "\n\n");
    assert_non_null(end);
    assert_true((size_t)(end + 1 - begin) < sizeof given);
    memcpy(given, begin, (size_t)(end + 1 - begin));
    given[end + 1 - begin] = '\0';
    given_at = given;
    free(all);
    return file;
}

static void check_recording(const struct recording *r)
{
    char path[128], head[1024];
    struct weir_crypto scripted = *weir_crypto_default();
    struct weir_mspan file = { NULL, 0 };
    real = weir_crypto_default();
    scripted.ecdh_keygen = draw_keygen;
    scripted.ecdh_shared = quiet_shared;
    scripted.kem_keygen = draw_kem_keygen;
    scripted.kem_encapsulate = draw_encapsulate;
    scripted.kem_decapsulate = check_decapsulate;
    scripted.identity_sign = draw_sign;
    const char *wish = getenv("WEIR_WRITE_VECTORS");
    bool is_again = wish != NULL && strcmp(wish, "again") == 0;
    is_writing = wish != NULL && !is_again;
    if (is_writing && r->is_hybrid && real->kem_keygen == NULL) {
        return; /* this provider could not write it */
    }
    snprintf(path, sizeof path, "test/data/dtls13/%s.txt", r->name);
    given[0] = '\0';
    text_n = 0;
    if (!is_writing) {
        file = read_given(path);
    }
    record(r, &scripted);
    snprintf(head, sizeof head,
             "A handshake of DTLS 1.3 [RFC 9147, RFC 8446]: %s.\n"
             "Made and checked by test/dtls/dtls13_vector_test.c. Bytes are hexadecimal.\n\n"
             "What providers draw by themselves comes first: two certificates, the shares of the client's\n"
             "hello, after a retry the one that it adds, the server's share, the server's signature, the\n"
             "client's.\n\n"
             "What was drawn:\n", r->about);
    if (is_writing || is_again) {
        char full[600];
        snprintf(full, sizeof full, "%s/%s", WEIR_SOURCE_DIR, path);
        FILE *out = fopen(full, "w");
        assert_non_null(out);
        fprintf(out, "%s%s\n%s", head, given, text);
        fclose(out);
        return;
    }
    size_t head_n = strlen(head), given_n = strlen(given);
    assert_int_equal(file.n, head_n + given_n + 1 + text_n);
    assert_memory_equal(file.p, head, head_n);
    for (size_t i = 0, line = 0; i < text_n; i++) {
        line += text[i] == '\n' ? 1 : 0;
        if (file.p[head_n + given_n + 1 + i] != (uint8_t)text[i]) {
            fail_msg("%s differs behind line %zu of the conversation: %.60s", path, line, text + i);
        }
    }
    free(file.p);
}

static void recorded_handshakes_come_out_again_byte_by_byte(void **state)
{
    (void)state;
    static const struct recording row[] = {
        { "aes128-x25519", "TLS_AES_128_GCM_SHA256, X25519", .offer = { 0x1301, { 0 }, { 0 } },
          .aead = WEIR_AES_128_GCM },
        { "aes256-x25519", "TLS_AES_256_GCM_SHA384, X25519; the client offers that suite alone",
          .offer = { 0x1302, { 0 }, { 0 } }, .aead = WEIR_AES_256_GCM },
        { "chacha20-x25519", "TLS_CHACHA20_POLY1305_SHA256, X25519; the client offers that suite alone",
          .offer = { 0x1303, { 0 }, { 0 } }, .aead = WEIR_CHACHA20_POLY1305 },
        { "aes128-p256", "TLS_AES_128_GCM_SHA256, P-256; the client offers that group alone",
          .offer = { 0x1301, { WEIR_P256 }, { WEIR_P256 } }, .aead = WEIR_AES_128_GCM },
        { "aes256-p384-retry",
          "TLS_AES_256_GCM_SHA384, P-384, with a HelloRetryRequest for the share of that group",
          .offer = { 0x1302, { WEIR_P384 }, { 0 } }, .aead = WEIR_AES_256_GCM },
        { "aes128-x25519-cookie",
          "TLS_AES_128_GCM_SHA256, X25519, with a HelloRetryRequest for a cookie", .has_cookie = true,
          .aead = WEIR_AES_128_GCM },
        { "aes128-x25519-resumed",
          "TLS_AES_128_GCM_SHA256, X25519, with a ticket, and then a second one with its session",
          .offer = { 0x1301, { 0 }, { 0 } }, .has_tickets = true, .aead = WEIR_AES_128_GCM },
        { "aes256-x25519-resumed",
          "TLS_AES_256_GCM_SHA384, X25519, with a ticket, and then a second one with its session, after a "
          "HelloRetryRequest for a cookie",
          .offer = { 0x1302, { 0 }, { 0 } }, .has_tickets = true, .has_cookie = true,
          .aead = WEIR_AES_256_GCM },
        { "aes128-x25519-fragments",
          "TLS_AES_128_GCM_SHA256, X25519, in datagrams of at most 200 bytes: messages in fragments",
          .mtu = 200, .aead = WEIR_AES_128_GCM },
        { "aes256-x25519mlkem768", "TLS_AES_256_GCM_SHA384, X25519MLKEM768, whose share makes the hello two "
          "datagrams long", .offer = { 0x1302, { 0 }, { 0 } }, .is_hybrid = true, .aead = WEIR_AES_256_GCM },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        check_recording(&row[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_handshakes_come_out_again_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
