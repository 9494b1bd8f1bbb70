/* The OpenSSL provider: its table, over libcrypto 3. */
#include <openssl/crypto.h>

#include "core/crypto/crypto_int.h"

void weir_crypto_provider(struct weir_crypto *table)
{
    memset(table, 0, sizeof *table);
    weir_openssl_symmetric(table);
    weir_openssl_public(table);
    weir_openssl_kem(table);
    table->name = OpenSSL_version(OPENSSL_VERSION); /* of the library that is loaded */
}
