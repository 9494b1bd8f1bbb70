/* The mbedtls provider: its table. */
#include <mbedtls/version.h>

#include "core/crypto/crypto_int.h"

const struct weir_crypto *weir_crypto_default(void)
{
    /* Filled once; every filling writes the same values, so a race between first calls is harmless
     * as long as `name`, written last, is what tells that it is done. */
    static struct weir_crypto table;
    if (table.name == NULL) {
        weir_mbedtls_symmetric(&table);
        weir_mbedtls_public(&table);
        table.name = MBEDTLS_VERSION_STRING_FULL;
    }
    return &table;
}
