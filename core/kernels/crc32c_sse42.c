/* CRC32c with SSE4.2 and PCLMULQDQ. */
#include "core/kernels/kernels_int.h"

#if WEIR_KERNELS_X86

#include <immintrin.h>

#define CRC_TARGET __attribute__((target("sse4.2,pclmul")))
#define CRC_WORD(crc, w) ((uint32_t)_mm_crc32_u64((crc), (w)))
#define CRC_BYTE(crc, b) _mm_crc32_u8((crc), (b))
#define CRC_PRODUCT(a, b)                                                                           \
    ((uint64_t)_mm_cvtsi128_si64(                                                                   \
        _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)(a)), _mm_cvtsi32_si128((int)(b)), 0)))
#include "core/kernels/crc32c_int.h"

CRC_TARGET uint32_t weir_sse42_crc32c(uint32_t crc, struct weir_span data)
{
    return crc_update(crc, data);
}

#endif
