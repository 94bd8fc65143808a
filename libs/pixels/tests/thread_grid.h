/* What a C compiler lacks to read the kernel for a GPU: the names of a grid of threads, one of which runs at a time. */
#define __global__
#define __shared__ static _Thread_local
static _Thread_local struct { unsigned int x; } blockIdx, threadIdx;

static void __syncthreads(void);

static unsigned int atomicAdd(unsigned int *at, unsigned int by)
{
    const unsigned int was = *at;
    *at += by;
    return was;
}

static unsigned int of_halves(unsigned int x, unsigned int y, int greater)
{
    unsigned int halves = 0;
    for (int shift = 0; shift < 32; shift += 16) {
        const unsigned int a = x >> shift & 0xffff, b = y >> shift & 0xffff;
        halves |= ((a > b) == greater ? a : b) << shift;
    }
    return halves;
}

/* Of two unsigned halves each. */
static unsigned int __vminu2(unsigned int x, unsigned int y) { return of_halves(x, y, 0); }
static unsigned int __vmaxu2(unsigned int x, unsigned int y) { return of_halves(x, y, 1); }
