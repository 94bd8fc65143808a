/* What there is to know of the library itself: the sources that it was made from, and what this processor can run. */

/* CRC-32 of all sources in this folder, which whoever compiles this gives. */
unsigned source(void) { return SOURCE; }

/* What this library was made of, for whoever installs to find in it. */
const char *made_of(void) { return KEY; }

#if defined(__x86_64__)
#include <cpuid.h>

/* Which registers the operating system keeps for a process. */
static unsigned kept_registers(void)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* The variant of the kernel to use: the level of the x86-64 instructions, 3 or 4, else 1. The processor is asked
   itself: not every compiler brings what __builtin_cpu_supports needs. */
int instructions(void)
{
    unsigned a, b, c, d, b7, c7;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d) || !__get_cpuid(1, &a, &b, &c, &d)) return 1;
    if (!(c & bit_OSXSAVE) || !(c & bit_FMA) || !(b7 & bit_AVX2) || !(b7 & bit_BMI2)) return 1;
    if ((kept_registers() & 0x06) != 0x06) return 1;
    const unsigned wide = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
    return (b7 & wide) == wide && (kept_registers() & 0xe6) == 0xe6 ? 4 : 3;
}
#else
int instructions(void) { return 1; }
#endif
