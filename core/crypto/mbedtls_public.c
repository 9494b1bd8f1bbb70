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

static bool identity_make(struct weir_identity *id, struct weir_rand *rand, int64_t not_before_s,
                          int64_t not_after_s)
{
    return weir_der_identity(weir_crypto_default(), id, rand, not_before_s, not_after_s);
}

static bool identity_sign(const struct weir_identity *id, struct weir_rand *rand,
                          enum weir_sigscheme scheme, const uint8_t digest[32],
                          uint8_t sig[WEIR_SIGNATURE_MAX], size_t *sig_bytes)
{
    mbedtls_ecdsa_context key;
    if (id->is_rsa) {
        return weir_mbedtls_rsa_sign(id, rand, scheme, digest, sig, sig_bytes);
    }
    if (scheme != WEIR_ECDSA_P256_SHA256) {
        return false;
    }
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

static bool is_on_curve(enum weir_group g, struct weir_span point)
{
    mbedtls_ecp_group grp;
    mbedtls_ecp_point q;
    mbedtls_ecp_group_init(&grp);
    mbedtls_ecp_point_init(&q);
    bool is_good = mbedtls_ecp_group_load(&grp, group_id(g)) == 0
                   && mbedtls_ecp_point_read_binary(&grp, &q, point.p, point.n) == 0
                   && mbedtls_ecp_check_pubkey(&grp, &q) == 0;
    mbedtls_ecp_point_free(&q);
    mbedtls_ecp_group_free(&grp);
    return is_good;
}

static bool cert_pubkey(struct weir_span cert, struct weir_pubkey *out)
{
    return weir_der_cert_pubkey(cert, out, is_on_curve);
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

static bool verify(const struct weir_pubkey *key, enum weir_sigscheme s, struct weir_span digest,
                   struct weir_span sig)
{
    struct scheme scheme;
    enum weir_hash_id hash;
    struct weir_span r_number, s_number;
    if (!scheme_of(s, &scheme) || scheme.key != key->type || !weir_sigscheme_hash((uint16_t)s, &hash)
        || digest.n != weir_hash_bytes(hash)
        || (key->type != WEIR_PUBKEY_RSA && !weir_der_signature_parse(sig, &r_number, &s_number))) {
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
    c->identity_load = weir_mbedtls_identity_load;
    c->identity_sign = identity_sign;
    c->cert_pubkey = cert_pubkey;
    c->verify = verify;
}
