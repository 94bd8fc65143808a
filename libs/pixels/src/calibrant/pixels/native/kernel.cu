/* The entry for a GPU: a thread follows pixels of a band through the functions of kernel.c, whose text comes first.
 *
 * This file owns which thread takes which pixel, and where its samples are: in registers while all of them are used, in
 * memory of its own once a window of them is. Threads of a group go through the code together, and all of them wait
 * for the one that takes the thorough way; so each takes PIXELS pixels the short way first, and those of the group that
 * were left undecided are then shared out among its threads. Numbers that are the same for all pixels and frames are
 * known when this is compiled, so that loops unroll and nothing is asked twice: FRAMES, STORED, STEP, ZERO, BASE, STATISTIC,
 * MEAN_CENTER, MAD_SPREAD, CUMULATIVE, SCALED, MASKED, VARIANCES, STEPS, GROUP, PIXELS. LANES is 1.
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

/* What is done to a band, with the numbers in it that are known. */
static Block known(const Block *band)
{
    Block block = *band;
    block.frames = LOOPS;
    block.statistic = STATISTIC;
    block.mean_center = MEAN_CENTER;
    block.mad_spread = MAD_SPREAD;
    block.cumulative = CUMULATIVE;
    block.scaled = SCALED;
    block.base = BASE;
    if (!STEPS) block.steps = 0;
    return block;
}

/* Reads a pixel, sorts its samples and estimates it from all of them. */
static void consider(const Block *block, const Frame *frames, uint32_t row, uint32_t column, Tile *tile,
                     Estimate *estimate)
{
    read_tile(block, frames, row, column, 1, tile);
#if SAMPLE == 16
    tile->sum = tile->squares = 0;
    for (int64_t k = 0; k < block->frames; k++) {
        const uint32_t sample = tile->sorted[k][0];
        tile->sum += sample;
        tile->squares += (uint64_t)sample * sample;
    }
#endif
    sort_column(tile->sorted, block->frames);
    estimate_whole(block, tile, estimate);
}

/* Arrays of a tile; those of the two ways are of different sizes, since the compiler takes equal ones for one. */
#define TILE_OF(NUMBER) \
    Sample sorted_samples[NUMBER][LANES], raw_samples[NUMBER][LANES]; \
    Real variances_there[NUMBER][LANES]; \
    uint32_t bits_there[NUMBER][LANES]; \
    Tile tile; \
    tile.sorted = sorted_samples; \
    tile.raw = BY_FRAME ? raw_samples : 0; \
    tile.bits = MASKED ? bits_there : 0; \
    tile.variances = STEPS && VARIANCES ? variances_there : 0;

/* The thorough way. */
static void settle(const Block *block, const Frame *frames, uint32_t pixel)
{
    const uint32_t row = pixel / (uint32_t)block->columns, column = pixel % (uint32_t)block->columns;
    TILE_OF(FILLED + 1)
    Estimate estimate;
    consider(block, frames, row, column, &tile, &estimate);
#if SAMPLE == 16
    if (STATISTIC == CLIPPED_MEAN && !BY_FRAME) {
        put_short(block, &tile, &estimate.moments, 0, row * block->step + column);
        return;
    }
#endif
    Real sorted[FRAMES + 2][LANES]; /* low may stand behind the last one */
    Real raw[FRAMES][LANES];
    uint32_t bits[FRAMES][LANES];
    double variances[FRAMES][LANES], spare[FRAMES][LANES];
    Columns columns;
    columns.sorted = sorted;
    columns.raw = BY_FRAME ? raw : 0;
    columns.bits = MASKED ? bits : 0;
    columns.variances = VARIANCES ? variances : 0;
    columns.spare = spare;
    gather(block, frames, &tile, row, column, 0, &columns);
    while (columns.state[0] != FREE) iterate(block, frames, &columns);
}

#if SAMPLE == 16 && FRAMES <= 32 && !MASKED && !VARIANCES && STATISTIC < 3 /* of all samples, or clipped */
#undef EXCHANGE
#define EXCHANGE(a, b) if ((b) < FRAMES) { const uint32_t x = s[a], y = s[b]; s[a] = __vminu2(x, y); s[b] = __vmaxu2(x, y); }
#define ROOM (GROUP * PIXELS / 12)

typedef struct { /* sorted samples of a pixel */
    uint64_t sum, squares;
    Sample sorted[FRAMES][LANES];
} Column;

typedef struct { /* what a group knows of pixels that are not decided: their places in it, and the first ones' columns */
    uint32_t count;
    uint16_t which[GROUP * PIXELS];
    Column columns[ROOM];
} Undecided;

static void leave(Undecided *to, uint32_t k, const Tile *tile)
{
    const uint32_t place = atomicAdd(&to->count, 1);
    to->which[place] = (uint16_t)k;
    if (place >= ROOM) return;
    Column *const column = &to->columns[place];
    column->sum = tile->sum;
    column->squares = tile->squares;
    for (int i = 0; i < FRAMES; i++) column->sorted[i][0] = tile->sorted[i][0];
}

/* Takes pixel k of a group and another one the short way, their samples side by side in registers. Rows of a stack lie
   one behind the other, so that a pixel's number is its place. */
static void take_two(const Block *block, const Frame *frames, uint32_t first, uint32_t k, uint32_t other,
                     Undecided *undecided)
{
    const char *const at = frames->samples + (first + k) * (int64_t)STEP;
    const char *const there = frames->samples + (first + other) * (int64_t)STEP;
    const int64_t apart = FRAMES > 1 ? frames[1].samples - frames->samples : 0;
    uint32_t s[32];
    uint64_t sum[2] = {0, 0}, squares[2] = {0, 0};
    for (int j = 0; j < FRAMES; j++) {
        Sample samples[2][LANES];
        read_samples(frames, at + j * apart, 1, samples[0]);
        read_samples(frames, there + j * apart, 1, samples[1]);
        for (int i = 0; i < 2; i++) {
            const uint32_t sample = samples[i][0];
            sum[i] += sample;
            squares[i] += (uint64_t)sample * sample;
        }
        s[j] = samples[0][0] | (uint32_t)samples[1][0] << 16;
    }
    SORT_32
    for (int i = 0; i < 2; i++, k = other) {
        Sample sorted[FRAMES][LANES];
        for (int j = 0; j < FRAMES; j++) sorted[j][0] = (Sample)(s[j] >> 16 * i);
        Tile tile;
        Estimate estimate;
        tile.sorted = sorted;
        tile.good[0] = FRAMES;
        tile.joined[0] = 0;
        tile.sum = sum[i];
        tile.squares = squares[i];
        estimate_whole(block, &tile, &estimate);
        put_whole(block, &tile, &estimate, first + k, 1);
        if (estimate.unsettled[0]) leave(undecided, k, &tile);
    }
}

static void take_all(const Block *block, const Frame *frames, uint32_t first, uint32_t count, Undecided *undecided)
{
    for (uint32_t k = threadIdx.x; k < count; k += 2 * GROUP) /* at the very end some are taken twice */
        take_two(block, frames, first, k, k + GROUP < count ? k + GROUP : k, undecided);
}

static void settle_one(const Block *block, const Frame *frames, uint32_t first, Undecided *undecided, uint32_t place)
{
    const uint32_t pixel = first + undecided->which[place];
    if (place >= ROOM) {
        settle(block, frames, pixel);
        return;
    }
    Column *const column = &undecided->columns[place];
    Tile tile;
    Moments moments;
    tile.sorted = column->sorted;
    tile.sum = column->sum;
    tile.squares = column->squares;
    whole_moments(&tile, FRAMES, block->base, &moments);
    put_short(block, &tile, &moments, 0, pixel);
}
#else
typedef struct { /* pixels that are not decided */
    uint32_t count;
    uint16_t which[GROUP * PIXELS];
} Undecided;

/* Takes a pixel the short way. Returns whether that decided it. */
static int take_whole(const Block *block, const Frame *frames, uint32_t pixel)
{
    const uint32_t row = pixel / (uint32_t)block->columns, column = pixel % (uint32_t)block->columns;
    TILE_OF(FILLED)
    Estimate estimate;
    consider(block, frames, row, column, &tile, &estimate);
    if (estimate.unsettled[0]) return 0;
    put_whole(block, &tile, &estimate, row * block->step + column, 1);
    return 1;
}

static void take_all(const Block *block, const Frame *frames, uint32_t first, uint32_t count, Undecided *undecided)
{
    for (uint32_t k = threadIdx.x; k < count; k += GROUP)
        if (THOROUGH || !take_whole(block, frames, first + k))
            undecided->which[atomicAdd(&undecided->count, 1)] = (uint16_t)k;
}

static void settle_one(const Block *block, const Frame *frames, uint32_t first, Undecided *undecided, uint32_t place)
{
    settle(block, frames, first + undecided->which[place]);
}
#endif

#ifdef __cplusplus
extern "C"
#endif
__global__ void combine_band(const Block *band, const Frame *frames)
{
    __shared__ Undecided undecided;
    const uint32_t first = blockIdx.x * (GROUP * PIXELS), left = (uint32_t)(band->rows * band->columns) - first;
    const Block block = known(band);
    if (threadIdx.x == 0) undecided.count = 0;
    __syncthreads();
    take_all(&block, frames, first, left < GROUP * PIXELS ? left : GROUP * PIXELS, &undecided);
    __syncthreads();
    for (uint32_t k = threadIdx.x; k < undecided.count; k += GROUP) settle_one(&block, frames, first, &undecided, k);
}
