/* The entry for a GPU: a thread follows one pixel of a band through the functions of kernel.c, whose text comes first.
 *
 * This file owns which thread takes which pixel, and where its samples are: in registers while all of them are used, in
 * memory of its own once a window of them is. Numbers that are the same for all pixels and frames are known when this
 * is compiled, so that loops unroll and nothing is asked twice: FRAMES, STORED, STEP, ZERO, STATISTIC, MEAN_CENTER,
 * MAD_SPREAD, CUMULATIVE, SCALED, MASKED, VARIANCES, STEPS. LANES is 1.
 */
#define BY_FRAME (MASKED || VARIANCES || STATISTIC == WEIGHTED_MEAN)
#define THOROUGH (STATISTIC == MINMAX_MEAN || STATISTIC == WEIGHTED_MEAN || (VARIANCES && FRAMES < FEWEST_FOR_SCATTER))

#if FRAMES <= 32
#define FILLED FRAMES
#define LOOPS FRAMES
SORTER(FRAMES)
static void sort_column(Sample (*sorted)[LANES], int64_t count) { (void)count, sort_FRAMES(sorted); }
#else /* too many for registers: loops stay loops, and samples are in memory */
#define FILLED ((FRAMES + BLOCK - 1) / BLOCK * BLOCK)
#define LOOPS band->frames
SORTER(16)
static void sort_column(Sample (*sorted)[LANES], int64_t count)
{
    int64_t k = count;
    for (; k < FILLED; k++) sorted[k][0] = LAST;
    for (k = 0; k < FILLED; k += BLOCK) sort_16(sorted + k);
    order_blocks(sorted, FILLED / BLOCK);
}
#endif

/* What all samples together leave undecided. */
static void combine_window(const Block *block, const Frame *frames, const Tile *tile, uint32_t row, uint32_t column)
{
    Real sorted[FRAMES + 1][LANES]; /* low may stand behind the last one */
    Real raw[FRAMES][LANES];
    uint32_t bits[FRAMES][LANES];
    double variances[FRAMES][LANES], spare[FRAMES][LANES];
    Columns columns;
    columns.sorted = sorted;
    columns.raw = BY_FRAME ? raw : 0;
    columns.bits = MASKED ? bits : 0;
    columns.variances = VARIANCES ? variances : 0;
    columns.spare = spare;
    gather(block, frames, tile, row, column, 0, &columns);
    while (columns.state[0] != FREE) iterate(block, frames, &columns);
}

#ifdef __cplusplus
extern "C"
#endif
__global__ void combine_band(const Block *band, const Frame *frames)
{
    const uint32_t pixel = blockIdx.x * blockDim.x + threadIdx.x;
    const uint32_t row = pixel / (uint32_t)band->columns, column = pixel % (uint32_t)band->columns;
    if (row >= band->rows) return;
    Block block = *band;
    block.frames = LOOPS;
    block.statistic = STATISTIC;
    block.mean_center = MEAN_CENTER;
    block.mad_spread = MAD_SPREAD;
    block.cumulative = CUMULATIVE;
    block.scaled = SCALED;
    if (!STEPS) block.steps = 0;
    Sample sorted[FILLED][LANES], raw[FRAMES][LANES];
    Real variances[FRAMES][LANES];
    uint32_t bits[FRAMES][LANES];
    Tile tile;
    Estimate estimate;
    tile.sorted = sorted;
    tile.raw = BY_FRAME ? raw : 0;
    tile.bits = MASKED ? bits : 0;
    tile.variances = STEPS && VARIANCES ? variances : 0;
    read_tile(&block, frames, row, column, 1, &tile);
    sort_column(sorted, block.frames);
    estimate_whole(&block, &tile, &estimate);
    if (THOROUGH || estimate.unsettled[0])
        combine_window(&block, frames, &tile, row, column);
    else
        put_whole(&block, &tile, &estimate, row * block.step + column, 1);
}
