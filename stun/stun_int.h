/* Shared by the files of stun/; included nowhere else. */
#ifndef WEIR_STUN_INT_H
#define WEIR_STUN_INT_H

#include "stun/stun.h"

#define STUN_SHA1_BYTES 20
#define STUN_SHA256_BYTES 32
#define STUN_FINGERPRINT_XOR 0x5354554eu /* [RFC 8489 14.7] "STUN" */

/* HMAC over a message up to an integrity attribute, with the header's length as if it ended behind
 * that attribute [RFC 8489 14.5]. `attr_bytes` is that attribute's, header included. */
void weir_stun_hmac(const struct weir_crypto *c, enum weir_hash_id hash, struct weir_span key,
                    struct weir_span before, size_t attr_bytes, uint8_t *out);

#endif
