/* AES in counter mode with AES-NI [NIST SP 800-38A 6.5]: eight blocks at a time, the last ones
 * through a buffer. The block counts up in its last 32 bits, and wraps within them. */
#include "core/kernels/group_aesni_int.h"

#if WEIR_KERNELS_X86

AESNI void weir_aesni_ctr_xor(const struct weir_aes_key *k, const uint8_t iv[16], struct weir_mspan data)
{
    __m128i counter = reverse(load(iv));
    struct group g;
    for (; data.n >= GROUP; data.n -= GROUP) {
        g = group_begin(k->round_key, &counter);
        group_rounds(k->round_key, k->rounds, &g);
        group_end(k->round_key, k->rounds, &g, data.p, data.p);
        data.p += GROUP;
    }
    if (data.n != 0) {
        _Alignas(32) uint8_t stream[GROUP];
        static const uint8_t zero[GROUP];
        g = group_begin(k->round_key, &counter);
        group_rounds(k->round_key, k->rounds, &g);
        group_end(k->round_key, k->rounds, &g, zero, stream);
        xor_stream(data, stream);
        weir_wipe(stream, sizeof stream);
    }
}

#endif
