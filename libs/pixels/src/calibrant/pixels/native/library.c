/* What there is to know of the library itself: the sources that it was made from, and what this processor can run. */

/* CRC-32 of all sources in this folder, which whoever compiles this gives. */
unsigned source(void) { return SOURCE; }

/* The variant of the kernel to use: the level of the x86-64 instructions, 3 or 4, else 1. */
int instructions(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("fma")) return 1;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return 3;
    return 4;
#else
    return 1;
#endif
}
