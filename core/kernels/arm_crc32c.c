/* CRC32c with the instructions of ARMv8. */
#include "core/kernels/kernels_int.h"

#if WEIR_KERNELS_ARM

#include <arm_acle.h>
#include <arm_neon.h>

#define CRC_TARGET
#define CRC_WORD(crc, w) __crc32cd((crc), (w))
#define CRC_BYTE(crc, b) __crc32cb((crc), (b))
#define CRC_PRODUCT(a, b)                                                                           \
    vgetq_lane_u64(vreinterpretq_u64_p128(vmull_p64((poly64_t)(a), (poly64_t)(b))), 0)
#include "core/kernels/crc32c_int.h"

uint32_t weir_arm_crc32c(uint32_t crc, struct weir_span data)
{
    return crc_update(crc, data);
}

#endif
