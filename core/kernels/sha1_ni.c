/* The SHA-1 compression function. */
#include "core/kernels/sha1_int.h"

#if WEIR_KERNELS_X86

AESNI_SHANI void weir_shani_sha1(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    struct sha1 h = sha1_load(state);
    for (; blocks != 0; blocks--, p += 64) {
        sha1_block(&h, p, NULL);
    }
    sha1_store(&h, state);
}

#endif
