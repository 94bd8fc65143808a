/* What a C compiler lacks to read the kernel for a GPU: the names of a grid of threads, one of which runs at a time. */
#define __global__
static _Thread_local struct { unsigned int x; } blockIdx, blockDim, threadIdx;
