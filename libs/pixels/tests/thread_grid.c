
/* Runs all threads of a grid, one after the other. */
#define RUN(KERNEL) \
    void run_##KERNEL(unsigned int groups, const Block *band, const Frame *frames, char *undecided) \
    { \
        gridDim.x = groups; \
        for (blockIdx.x = 0; blockIdx.x < groups; blockIdx.x++) \
            for (threadIdx.x = 0; threadIdx.x < GROUP; threadIdx.x++) KERNEL(band, frames, undecided); \
    }
RUN(combine_band)
RUN(settle_band)
