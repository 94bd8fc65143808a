
/* Runs all threads of a grid, one after the other. */
void run_grid(unsigned int blocks, unsigned int threads, const Block *band, const Frame *frames)
{
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
        for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) combine_band(band, frames);
}
