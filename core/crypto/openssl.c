/* The OpenSSL provider: its table, over libcrypto 3. */
#include <openssl/crypto.h>

#include "core/crypto/crypto_int.h"

static struct weir_crypto table;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void fill(void)
{
    weir_openssl_symmetric(&table);
    weir_openssl_public(&table);
    table.name = OpenSSL_version(OPENSSL_VERSION); /* of the library that is loaded */
}

const struct weir_crypto *weir_crypto_default(void)
{
    (void)CRYPTO_THREAD_run_once(&once, fill);
    return &table;
}
