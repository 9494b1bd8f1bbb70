/* Which kernels this processor can run: on x86-64 from CPUID and from what the system saves on a switch,
 * on AArch64 from its feature register. */
#include "core/kernels/kernels_int.h"

#if WEIR_KERNELS_X86

#include <cpuid.h>

#define BIT(word, n) (((word) >> (n) & 1) != 0)

/* The state that the system saves and restores: bit 1 for xmm, bit 2 for the upper half of ymm. */
static uint32_t saved_state(void)
{
    uint32_t low, high;
    __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

struct weir_kernels_cpu weir_kernels_cpu(void)
{
    struct weir_kernels_cpu cpu = { 0 };
    uint32_t a, b, c, d, b7, c7;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0) {
        return cpu;
    }
    bool has_sse41 = BIT(c, 9) && BIT(c, 19); /* SSSE3 and SSE4.1 */
    bool has_wide = BIT(c, 27) && BIT(c, 28) && (saved_state() & 6) == 6; /* OSXSAVE and AVX */
    cpu.has_crc = BIT(c, 20) && BIT(c, 1);
    cpu.has_aesni = has_sse41 && BIT(c, 25) && BIT(c, 1);
    if (__get_cpuid_count(7, 0, &a, &b7, &c7, &d) == 0) {
        return cpu;
    }
    cpu.has_sha = has_sse41 && BIT(b7, 29);
    cpu.has_vaes = cpu.has_aesni && has_wide && BIT(b7, 5) && BIT(c7, 9) && BIT(c7, 10);
    return cpu;
}

#elif WEIR_KERNELS_ARM

#if defined(__linux__)
/* The register that tells of instruction sets. Reading it is for the kernel alone; Linux answers in
 * its place [Linux arm64/cpu-feature-registers]. */
static uint64_t instruction_sets(void)
{
    uint64_t v;
    __asm__("mrs %0, ID_AA64ISAR0_EL1" : "=r"(v));
    return v;
}
#elif defined(__ARM_FEATURE_CRYPTO) && defined(__ARM_FEATURE_CRC32)
static uint64_t instruction_sets(void)
{
    return 0x11120; /* the compiler was told that they are all there */
}
#else
static uint64_t instruction_sets(void)
{
    return 0;
}
#endif

struct weir_kernels_cpu weir_kernels_cpu(void)
{
    struct weir_kernels_cpu cpu = { 0 };
    const uint64_t sets = instruction_sets();
    cpu.has_armv8 = (sets >> 4 & 15) >= 2; /* AES, and with 2 PMULL */
    cpu.has_sha = (sets >> 8 & 15) >= 1 && (sets >> 12 & 15) >= 1;
    cpu.has_crc = (sets >> 16 & 15) >= 1 && cpu.has_armv8;
    return cpu;
}

#else

struct weir_kernels_cpu weir_kernels_cpu(void)
{
    struct weir_kernels_cpu none = { 0 };
    return none;
}

#endif
