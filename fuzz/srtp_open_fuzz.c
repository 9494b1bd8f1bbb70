/* Protected packets: with real keys nothing invented is ever accepted and nothing but counters changes;
 * with null crypto the code behind the tag runs. The first byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "srtp/srtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum weir_srtp_profile profile[] = { WEIR_SRTP_AES128_CM_SHA1_80,
                                                      WEIR_SRTP_AEAD_AES_128_GCM,
                                                      WEIR_SRTP_AEAD_AES_256_GCM };
    static const uint8_t key[32] = { 1 }, salt[14] = { 2 };
    static struct weir_srtp s;
    struct weir_crypto null;
    if (n < 1) {
        return 0;
    }
    bool is_null = (data[0] & 4) != 0;
    weir_crypto_null(&null, weir_crypto_default());
    if (!weir_srtp_init(&s, is_null ? &null : weir_crypto_default(), profile[(data[0] & 3) % 3], key,
                        salt)) {
        abort();
    }
    /* Several packets: length in one byte, times eight. */
    for (size_t at = 1; at < n;) {
        size_t len = (size_t)data[at++] * 8;
        len = len > n - at ? n - at : len;
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, data + at, len);
        struct weir_mspan packet = { copy, len };
        enum weir_srtp_verdict v = (len & 8) != 0 ? weir_srtcp_open(&s, &packet)
                                                  : weir_srtp_open(&s, &packet);
        if (packet.n > len || (v != WEIR_SRTP_OK && packet.n != len)
            || (!is_null && v == WEIR_SRTP_OK) || s.streams > WEIR_SRTP_STREAMS_MAX) {
            abort();
        }
        free(copy);
        at += len;
    }
    return 0;
}
