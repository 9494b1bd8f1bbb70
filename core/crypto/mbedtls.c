/* The mbedtls provider: its table. */
#include <mbedtls/version.h>

#include "core/crypto/crypto_int.h"

void weir_crypto_provider(struct weir_crypto *table)
{
    memset(table, 0, sizeof *table);
    weir_mbedtls_symmetric(table);
    weir_mbedtls_public(table);
    table->name = MBEDTLS_VERSION_STRING_FULL;
}
