/* The entries for a GPU: a thread follows pixels of a band through the functions of kernel.c, whose text comes first.
 *
 * This file owns which thread takes which pixel, and where its samples are: in registers while all of them are used, in
 * memory of its own once a window of them is. Threads go through the code together, and all of them wait for the one
 * that takes the thorough way; so combine_band takes each pixel the short way, and settle_band, which runs after it,
 * those that this left undecided. Numbers that are the same for all pixels and frames are known when this is compiled,
 * so that loops unroll and nothing is asked twice: FRAMES, STORED, STEP, ZERO, STATISTIC, MEAN_CENTER, MAD_SPREAD,
 * CUMULATIVE, SCALED, MASKED, VARIANCES, STEPS, and how the work is shared out: GROUP, PIXELS, LISTS, COLUMNS. LANES is 1.
 */
#define BY_FRAME (MASKED || VARIANCES || STATISTIC == WEIGHTED_MEAN)
#define THOROUGH (STATISTIC == MINMAX_MEAN || STATISTIC == WEIGHTED_MEAN || (VARIANCES && FRAMES < FEWEST_FOR_SCATTER))

/* Short samples of which all are used, or those within bounds: two pixels are taken at once. */
#define PAIRED (SAMPLE == 16 && FRAMES <= 32 && !MASKED && !VARIANCES && STATISTIC < 3)

#ifdef __cplusplus
#define ENTRY extern "C" __global__
#else
#define ENTRY __global__
#endif

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

/* A tile, and where what it points to is. */
#define TILE \
    Sample sorted_samples[FILLED][LANES], raw_samples[FRAMES][LANES]; \
    Real variances_there[FRAMES][LANES]; \
    uint32_t bits_there[FRAMES][LANES]; \
    Tile tile; \
    tile.sorted = sorted_samples; \
    tile.raw = BY_FRAME ? raw_samples : 0; \
    tile.bits = MASKED ? bits_there : 0; \
    tile.variances = STEPS && VARIANCES ? variances_there : 0;

/* The thorough way. */
static void settle(const Block *block, const Frame *frames, uint32_t pixel)
{
    const uint32_t row = pixel / (uint32_t)block->columns, column = pixel % (uint32_t)block->columns;
    TILE
    Estimate estimate;
    consider(block, frames, row, column, &tile, &estimate);
#if SAMPLE == 16
    if (STATISTIC == CLIPPED_MEAN && !BY_FRAME) {
        put_short(block, &tile, &estimate.moments, 0, row * block->step + column);
        return;
    }
#endif
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
    gather(block, frames, &tile, row, column, 0, &columns);
    while (columns.state[0] != FREE) iterate(block, frames, &columns);
}

typedef struct { /* sorted samples of an undecided pixel */
    uint64_t sum, squares;
    Sample sorted[PAIRED ? FRAMES : 1][LANES];
} Column;

typedef struct { /* undecided pixels; there are several lists, so that not all groups wait for one counter */
    uint32_t *count;
    uint32_t *pixels;
    Column *columns; /* of the first ones */
    uint32_t room;   /* for columns */
} List;

static uint32_t groups_of(const Block *band)
{
    return ((uint32_t)(band->rows * band->columns) + GROUP * PIXELS - 1) / (GROUP * PIXELS);
}

static uint32_t lists_of(const Block *band) { return groups_of(band) < LISTS ? groups_of(band) : LISTS; }

static List list_of(char *undecided, const Block *band, uint32_t number)
{
    const uint32_t lists = lists_of(band), length = (groups_of(band) + lists - 1) / lists * (GROUP * PIXELS);
    List list;
    list.room = PAIRED ? length / COLUMNS : 0;
    list.count = (uint32_t *)undecided + number;
    list.pixels = (uint32_t *)undecided + LISTS + number * length;
    list.columns = (Column *)((uint32_t *)undecided + LISTS + lists * length) + number * list.room;
    return list;
}

#if PAIRED
#undef EXCHANGE
#define EXCHANGE(a, b) if ((b) < FRAMES) { const uint32_t x = s[a], y = s[b]; s[a] = __vminu2(x, y); s[b] = __vmaxu2(x, y); }

static void leave(const List *list, uint32_t pixel, const Tile *tile)
{
    const uint32_t place = atomicAdd(list->count, 1);
    list->pixels[place] = pixel;
    if (place >= list->room) return;
    Column *const column = &list->columns[place];
    column->sum = tile->sum;
    column->squares = tile->squares;
    for (int i = 0; i < FRAMES; i++) column->sorted[i][0] = tile->sorted[i][0];
}

/* Takes two pixels the short way, their samples side by side in registers. Rows of a stack lie one behind the other, so
   that a pixel's number is its place. */
static void take_two(const Block *block, const Frame *frames, const uint32_t *pixels, const List *list)
{
    const char *const one = frames->samples + pixels[0] * (int64_t)STEP;
    const char *const other = frames->samples + pixels[1] * (int64_t)STEP;
    const int64_t apart = FRAMES > 1 ? frames[1].samples - frames->samples : 0;
    uint32_t s[32];
    uint64_t sum[2] = {0, 0}, squares[2] = {0, 0};
    for (int j = 0; j < FRAMES; j++) {
        Sample samples[2][LANES];
        read_samples(frames, one + j * apart, 1, samples[0]);
        read_samples(frames, other + j * apart, 1, samples[1]);
        for (int i = 0; i < 2; i++) {
            const uint32_t sample = samples[i][0];
            sum[i] += sample;
            squares[i] += (uint64_t)sample * sample;
        }
        s[j] = samples[0][0] | (uint32_t)samples[1][0] << 16;
    }
    SORT_32
    for (int i = 0; i < 2; i++) {
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
        if (estimate.unsettled[0])
            leave(list, pixels[i], &tile);
        else
            put_whole(block, &tile, &estimate, pixels[i], 1);
    }
}

/* Takes every pixel of a group; at the very end some are taken twice. */
static void take_all(const Block *block, const Frame *frames, uint32_t first, uint32_t last, const List *list)
{
    for (uint32_t k = first + threadIdx.x; k < last; k += 2 * GROUP) {
        const uint32_t pixels[2] = {k, k + GROUP < last ? k + GROUP : k};
        take_two(block, frames, pixels, list);
    }
}

static void settle_column(const Block *block, Column *column, uint32_t pixel)
{
    Tile tile;
    Moments moments;
    tile.sorted = column->sorted;
    tile.sum = column->sum;
    tile.squares = column->squares;
    whole_moments(&tile, FRAMES, block->base, &moments);
    put_short(block, &tile, &moments, 0, pixel);
}
#else
/* Takes a pixel the short way. Returns whether that decided it. */
static int take_whole(const Block *block, const Frame *frames, uint32_t pixel)
{
    const uint32_t row = pixel / (uint32_t)block->columns, column = pixel % (uint32_t)block->columns;
    TILE
    Estimate estimate;
    consider(block, frames, row, column, &tile, &estimate);
    if (estimate.unsettled[0]) return 0;
    put_whole(block, &tile, &estimate, row * block->step + column, 1);
    return 1;
}

static void take_all(const Block *block, const Frame *frames, uint32_t first, uint32_t last, const List *list)
{
    for (uint32_t k = first + threadIdx.x; k < last; k += GROUP)
        if (THOROUGH || !take_whole(block, frames, k)) list->pixels[atomicAdd(list->count, 1)] = k;
}

static void settle_column(const Block *block, Column *column, uint32_t pixel) { }
#endif

ENTRY void combine_band(const Block *band, const Frame *frames, char *undecided)
{
    const Block block = known(band);
    const List list = list_of(undecided, band, blockIdx.x % lists_of(band));
    const uint32_t pixels = (uint32_t)(band->rows * band->columns), first = blockIdx.x * (GROUP * PIXELS);
    take_all(&block, frames, first, pixels - first < GROUP * PIXELS ? pixels : first + GROUP * PIXELS, &list);
}

/* As many groups for each list. */
ENTRY void settle_band(const Block *band, const Frame *frames, char *undecided)
{
    const Block block = known(band);
    const uint32_t lists = lists_of(band);
    const List list = list_of(undecided, band, blockIdx.x % lists);
    for (uint32_t k = blockIdx.x / lists * GROUP + threadIdx.x; k < *list.count; k += gridDim.x / lists * GROUP)
        if (k < list.room)
            settle_column(&block, &list.columns[k], list.pixels[k]);
        else
            settle(&block, frames, list.pixels[k]);
}
