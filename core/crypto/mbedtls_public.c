/* The public-key half of the mbedtls provider: ECDH, our identity, peer certificates, signatures.
 *
 * mbedtls's big numbers use its allocator; these calls happen a few times per handshake and never on
 * the packet path. An embedded build gives mbedtls a fixed region with mbedtls_memory_buffer_alloc.
 */
#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "core/crypto/crypto_int.h"

static int rng(void *rand, unsigned char *out, size_t n)
{
    weir_rand_bytes((struct weir_rand *)rand, out, n);
    return 0;
}

/* -- ECDH -------------------------------------------------------------------------------------- */

static mbedtls_ecp_group_id group_id(enum weir_group g)
{
    return g == WEIR_X25519 ? MBEDTLS_ECP_DP_CURVE25519
           : g == WEIR_P256 ? MBEDTLS_ECP_DP_SECP256R1
           : g == WEIR_P384 ? MBEDTLS_ECP_DP_SECP384R1
                            : MBEDTLS_ECP_DP_NONE;
}

/* Numbers of X25519 are little-endian [RFC 7748 5], of the NIST curves big-endian. */
static int number_write(enum weir_group g, const mbedtls_mpi *n, uint8_t *out, size_t bytes)
{
    return g == WEIR_X25519 ? mbedtls_mpi_write_binary_le(n, out, bytes)
                            : mbedtls_mpi_write_binary(n, out, bytes);
}

static int number_read(enum weir_group g, mbedtls_mpi *n, const uint8_t *in, size_t bytes)
{
    return g == WEIR_X25519 ? mbedtls_mpi_read_binary_le(n, in, bytes)
                            : mbedtls_mpi_read_binary(n, in, bytes);
}

static bool ecdh_keygen(enum weir_group g, struct weir_rand *rand,
                        uint8_t priv[WEIR_GROUP_PRIVATE_MAX], uint8_t pub[WEIR_GROUP_PUBLIC_MAX])
{
    mbedtls_ecp_group grp;
    mbedtls_mpi d;
    mbedtls_ecp_point q;
    size_t n = 0;
    mbedtls_ecp_group_init(&grp);
    mbedtls_mpi_init(&d);
    mbedtls_ecp_point_init(&q);
    bool is_done = mbedtls_ecp_group_load(&grp, group_id(g)) == 0
                   && mbedtls_ecp_gen_keypair(&grp, &d, &q, rng, rand) == 0
                   && number_write(g, &d, priv, weir_group_private_bytes(g)) == 0
                   && mbedtls_ecp_point_write_binary(&grp, &q, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, pub,
                                                     weir_group_public_bytes(g)) == 0
                   && n == weir_group_public_bytes(g);
    mbedtls_ecp_point_free(&q);
    mbedtls_mpi_free(&d);
    mbedtls_ecp_group_free(&grp);
    return is_done;
}

static bool ecdh_shared(enum weir_group g, struct weir_rand *rand, const uint8_t *priv,
                        struct weir_span peer_pub, uint8_t shared[WEIR_GROUP_SHARED_MAX])
{
    mbedtls_ecp_group grp;
    mbedtls_mpi d, z;
    mbedtls_ecp_point q;
    uint8_t masked[32];
    uint8_t scalar[WEIR_GROUP_PRIVATE_MAX];
    if (peer_pub.n != weir_group_public_bytes(g) || peer_pub.n == 0
        || (g != WEIR_X25519 && peer_pub.p[0] != 0x04)) {
        return false;
    }
    if (g == WEIR_X25519) {
        memcpy(masked, peer_pub.p, 32);
        masked[31] &= 0x7f; /* [RFC 7748 5 MUST] the top bit of a u-coordinate is ignored */
        peer_pub.p = masked;
    }
    memcpy(scalar, priv, weir_group_private_bytes(g));
    if (g == WEIR_X25519) {
        scalar[0] &= 0xf8; /* [RFC 7748 5] decodeScalar25519 */
        scalar[31] = (uint8_t)((scalar[31] & 0x7f) | 0x40);
    }
    mbedtls_ecp_group_init(&grp);
    mbedtls_mpi_init(&d);
    mbedtls_mpi_init(&z);
    mbedtls_ecp_point_init(&q);
    bool is_done = mbedtls_ecp_group_load(&grp, group_id(g)) == 0
                   && number_read(g, &d, scalar, weir_group_private_bytes(g)) == 0
                   && mbedtls_ecp_point_read_binary(&grp, &q, peer_pub.p, peer_pub.n) == 0
                   && (g == WEIR_X25519 || mbedtls_ecp_check_pubkey(&grp, &q) == 0)
                   && mbedtls_ecdh_compute_shared(&grp, &z, &q, &d, rng, rand) == 0
                   && mbedtls_mpi_cmp_int(&z, 0) != 0
                   && number_write(g, &z, shared, weir_group_shared_bytes(g)) == 0;
    mbedtls_ecp_point_free(&q);
    mbedtls_mpi_free(&z);
    mbedtls_mpi_free(&d);
    mbedtls_ecp_group_free(&grp);
    weir_wipe(scalar, sizeof scalar);
    return is_done;
}

/* -- Our identity ------------------------------------------------------------------------------ */

/* UTC seconds as the YYYYMMDDhhmmss that the certificate writer wants. Days to date after the
 * proleptic Gregorian calendar, counted from 1 March so that leap days fall at the end of a year. */
static void utc_text(int64_t seconds, char text[15])
{
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524
                           - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    const int64_t value[6] = { year, month, day, rest / 3600, rest / 60 % 60, rest % 60 };
    const int digits[6] = { 4, 2, 2, 2, 2, 2 };
    char *end = text;
    for (int i = 0; i < 6; i++) {
        int64_t v = value[i];
        for (int k = digits[i] - 1; k >= 0; k--) {
            end[k] = (char)('0' + v % 10);
            v /= 10;
        }
        end += digits[i];
    }
    *end = '\0';
}

/* Serial, names and dates of the certificate; false when mbedtls refuses one. */
static bool cert_describe(mbedtls_x509write_cert *w, mbedtls_pk_context *key,
                          struct weir_rand *rand, int64_t not_before_s, int64_t not_after_s)
{
    char from[15], to[15];
    uint8_t serial_bytes[8];
    mbedtls_mpi serial;
    utc_text(not_before_s, from);
    utc_text(not_after_s, to);
    weir_rand_bytes(rand, serial_bytes, sizeof serial_bytes);
    serial_bytes[0] = (uint8_t)((serial_bytes[0] & 0x3f) | 0x40); /* positive and full-length */
    mbedtls_mpi_init(&serial);
    mbedtls_x509write_crt_set_version(w, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(w, key);
    mbedtls_x509write_crt_set_issuer_key(w, key);
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
    bool has_serial = mbedtls_x509write_crt_set_serial_raw(w, serial_bytes, sizeof serial_bytes) == 0;
#else
    bool has_serial = mbedtls_mpi_read_binary(&serial, serial_bytes, sizeof serial_bytes) == 0
                      && mbedtls_x509write_crt_set_serial(w, &serial) == 0;
#endif
    mbedtls_mpi_free(&serial);
    return has_serial && mbedtls_x509write_crt_set_subject_name(w, "CN=weir") == 0
           && mbedtls_x509write_crt_set_issuer_name(w, "CN=weir") == 0
           && mbedtls_x509write_crt_set_validity(w, from, to) == 0;
}

/* The writer fills its buffer from the end; move the certificate to the front. */
static bool cert_write(struct weir_identity *id, mbedtls_x509write_cert *w, struct weir_rand *rand)
{
    uint8_t der[1024];
    int n = mbedtls_x509write_crt_der(w, der, sizeof der, rng, rand);
    if (n <= 0 || (size_t)n > sizeof id->cert) {
        return false;
    }
    id->cert_bytes = (size_t)n;
    memcpy(id->cert, der + sizeof der - (size_t)n, (size_t)n);
    return true;
}

static bool identity_make(struct weir_identity *id, struct weir_rand *rand, int64_t not_before_s,
                          int64_t not_after_s)
{
    mbedtls_pk_context key;
    mbedtls_x509write_cert writer;
    memset(id, 0, sizeof *id);
    mbedtls_pk_init(&key);
    mbedtls_x509write_crt_init(&writer);
    bool is_done = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0
                   && mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), rng, rand) == 0
                   && mbedtls_ecp_write_key(mbedtls_pk_ec(key), id->private_key, 32) == 0
                   && cert_describe(&writer, &key, rand, not_before_s, not_after_s)
                   && cert_write(id, &writer, rand);
    mbedtls_x509write_crt_free(&writer);
    mbedtls_pk_free(&key);
    if (!is_done) {
        weir_wipe(id, sizeof *id);
        return false;
    }
    struct weir_span cert = { id->cert, id->cert_bytes };
    weir_hash_of(weir_crypto_default(), WEIR_SHA256, &cert, 1, id->fingerprint_sha256);
    return true;
}

static bool identity_sign(const struct weir_identity *id, struct weir_rand *rand,
                          const uint8_t digest[32], uint8_t sig[WEIR_SIGNATURE_MAX],
                          size_t *sig_bytes)
{
    mbedtls_ecdsa_context key;
    mbedtls_ecdsa_init(&key);
    bool is_done = mbedtls_ecp_read_key(MBEDTLS_ECP_DP_SECP256R1, &key, id->private_key, 32) == 0
#if MBEDTLS_VERSION_MAJOR < 3
                   && mbedtls_ecdsa_write_signature(&key, MBEDTLS_MD_SHA256, digest, 32, sig,
                                                    sig_bytes, rng, rand) == 0;
#else
                   && mbedtls_ecdsa_write_signature(&key, MBEDTLS_MD_SHA256, digest, 32, sig,
                                                    WEIR_SIGNATURE_MAX, sig_bytes, rng, rand) == 0;
#endif
    mbedtls_ecdsa_free(&key);
    return is_done;
}

/* -- Peers ------------------------------------------------------------------------------------- */

static enum weir_pubkey_type pubkey_type(mbedtls_pk_context *pk)
{
    mbedtls_pk_type_t type = mbedtls_pk_get_type(pk);
    size_t bits = mbedtls_pk_get_bitlen(pk);
    if (type == MBEDTLS_PK_RSA) {
        /* 2,048 is the least that RFC 8827 6.5 lets a peer use; 4,096 bounds our work. */
        return bits >= 2048 && bits <= 4096 ? WEIR_PUBKEY_RSA : WEIR_PUBKEY_NONE;
    }
    if (type != MBEDTLS_PK_ECKEY) {
        return WEIR_PUBKEY_NONE;
    }
    uint8_t spki[WEIR_PUBKEY_MAX];
    int n = mbedtls_pk_write_pubkey_der(pk, spki, sizeof spki);
    /* An uncompressed point makes the curve visible in the length; other curves of the same size are
     * told apart by the OID below. */
    static const uint8_t oid_p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    static const uint8_t oid_p384[] = { 0x2b, 0x81, 0x04, 0x00, 0x22 };
    if (n == 91 && memcmp(spki + sizeof spki - 91 + 15, oid_p256, sizeof oid_p256) == 0) {
        return WEIR_PUBKEY_P256;
    }
    if (n == 120 && memcmp(spki + sizeof spki - 120 + 15, oid_p384, sizeof oid_p384) == 0) {
        return WEIR_PUBKEY_P384;
    }
    return WEIR_PUBKEY_NONE;
}

static bool cert_pubkey(struct weir_span cert_der, struct weir_pubkey *out)
{
    mbedtls_x509_crt crt;
    uint8_t der[WEIR_PUBKEY_MAX];
    memset(out, 0, sizeof *out);
    mbedtls_x509_crt_init(&crt);
    if (cert_der.n != 0 && mbedtls_x509_crt_parse_der(&crt, cert_der.p, cert_der.n) == 0) {
        enum weir_pubkey_type type = pubkey_type(&crt.pk);
        int n = mbedtls_pk_write_pubkey_der(&crt.pk, der, sizeof der);
        if (type != WEIR_PUBKEY_NONE && n > 0) {
            out->type = type;
            out->bits = (uint32_t)mbedtls_pk_get_bitlen(&crt.pk);
            out->spki_bytes = (size_t)n;
            memcpy(out->spki, der + sizeof der - (size_t)n, (size_t)n);
        }
    }
    mbedtls_x509_crt_free(&crt);
    return out->type != WEIR_PUBKEY_NONE;
}

struct scheme {
    enum weir_pubkey_type key;
    mbedtls_md_type_t md;
    bool is_pss;
};

static bool scheme_of(enum weir_sigscheme s, struct scheme *out)
{
    switch (s) {
    case WEIR_ECDSA_P256_SHA256:
        *out = (struct scheme){ WEIR_PUBKEY_P256, MBEDTLS_MD_SHA256, false };
        return true;
    case WEIR_ECDSA_P384_SHA384:
        *out = (struct scheme){ WEIR_PUBKEY_P384, MBEDTLS_MD_SHA384, false };
        return true;
    case WEIR_RSA_PKCS1_SHA256:
    case WEIR_RSA_PSS_SHA256:
        *out = (struct scheme){ WEIR_PUBKEY_RSA, MBEDTLS_MD_SHA256, s == WEIR_RSA_PSS_SHA256 };
        return true;
    case WEIR_RSA_PKCS1_SHA384:
    case WEIR_RSA_PSS_SHA384:
        *out = (struct scheme){ WEIR_PUBKEY_RSA, MBEDTLS_MD_SHA384, s == WEIR_RSA_PSS_SHA384 };
        return true;
    case WEIR_RSA_PKCS1_SHA512:
    case WEIR_RSA_PSS_SHA512:
        *out = (struct scheme){ WEIR_PUBKEY_RSA, MBEDTLS_MD_SHA512, s == WEIR_RSA_PSS_SHA512 };
        return true;
    }
    return false;
}

/* One positive DER INTEGER in its shortest form. */
static bool der_integer(struct weir_rd *r)
{
    uint8_t tag;
    struct weir_rd value;
    return weir_rd_u8(r, &tag) && tag == 0x02 && weir_rd_sub8(r, &value) && value.n != 0
           && value.p[0] < 0x80 && (value.n == 1 || value.p[0] != 0 || value.p[1] >= 0x80);
}

/* [RFC 3279 2.2.3] SEQUENCE { r INTEGER, s INTEGER } in strict DER and nothing after it. mbedtls 2.28
 * accepts looser encodings, which would let one signature appear in many forms. For our curves every
 * length is below 128, one byte. */
static bool ecdsa_der_is_strict(struct weir_span sig)
{
    struct weir_rd r = weir_rd_of(sig);
    struct weir_rd seq;
    uint8_t tag;
    return weir_rd_u8(&r, &tag) && tag == 0x30 && weir_rd_sub8(&r, &seq) && r.n == 0
           && sig.p[1] < 0x80 && der_integer(&seq) && der_integer(&seq) && seq.n == 0;
}

static bool verify(const struct weir_pubkey *key, enum weir_sigscheme s, struct weir_span digest,
                   struct weir_span sig)
{
    struct scheme scheme;
    enum weir_hash_id hash;
    if (!scheme_of(s, &scheme) || scheme.key != key->type || !weir_sigscheme_hash((uint16_t)s, &hash)
        || digest.n != weir_hash_bytes(hash)
        || (key->type != WEIR_PUBKEY_RSA && !ecdsa_der_is_strict(sig))) {
        return false;
    }
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    const mbedtls_pk_rsassa_pss_options pss = { scheme.md, (int)digest.n };
    bool is_good = mbedtls_pk_parse_public_key(&pk, key->spki, key->spki_bytes) == 0
                   && (scheme.is_pss
                           ? mbedtls_pk_verify_ext(MBEDTLS_PK_RSASSA_PSS, &pss, &pk, scheme.md,
                                                   digest.p, digest.n, sig.p, sig.n)
                           : mbedtls_pk_verify(&pk, scheme.md, digest.p, digest.n, sig.p, sig.n)) == 0;
    mbedtls_pk_free(&pk);
    return is_good;
}

void weir_mbedtls_public(struct weir_crypto *c)
{
    c->ecdh_keygen = ecdh_keygen;
    c->ecdh_shared = ecdh_shared;
    c->identity_make = identity_make;
    c->identity_sign = identity_sign;
    c->cert_pubkey = cert_pubkey;
    c->verify = verify;
}
