/* From stored samples to combined pixels: one pixel's way, for LANES pixels at a time.
 *
 * This file owns the compiled pass over a block of a stack. Its functions stand in the order in which a pixel meets
 * them: read, sort, moments, clip, estimate. It must not know files, instruments, threads or memory beyond one block.
 *
 * It is compiled once for each type that samples are sorted in, and each set of instructions: SAMPLE is 16 (uint16),
 * 32 (float) or 64 (double), NAME the entry's name. Loops over lanes are plain, and the compiler vectorises them;
 * -ffp-contract=off and no fast-math, so that every backend computes the same bits. On a GPU a thread is one lane, and
 * its entry is in kernel.cu.
 */
#ifndef __CUDACC_RTC__
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#else
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#define INT32_MAX 0x7fffffff
#define NULL 0
#define restrict __restrict__
#endif

#ifndef LANES
#define LANES 64
#endif

#if SAMPLE == 16
typedef uint16_t Sample; /* what is sorted */
typedef int32_t Wide;    /* holds a difference of two samples exactly, or as well as a double does */
typedef float Real;      /* holds a sample exactly */
#define LAST 65535       /* sorts after every sample, or is equal to it */
#elif SAMPLE == 32
typedef float Sample;
typedef double Wide;
typedef float Real;
#define LAST INFINITY
#else
typedef double Sample;
typedef double Wide;
typedef double Real;
#define LAST INFINITY
#endif

#if SAMPLE == 16
#define VALUE(sample) ((double)(sample) + base)
#define FINITE(sample) 1
#else
#define VALUE(sample) ((void)base, (double)(sample)) /* base is 0 */
#if SAMPLE == 32
#define FINITE(sample) ((sample) - (sample) == 0)
#else /* as a float, so that no square is infinite */
#define FINITE(sample) (((sample) <= FLOAT_MAX) & ((sample) >= -FLOAT_MAX))
#endif
#endif
#define FLOAT_MAX 3.4028234663852886e38
#define LINE 64 /* bytes that memory gives at once */
#define EACH_LANE for (int i = 0; i < LANES; i++)
#define MAD_TO_SIGMA 1.482602218505602
#define HALF_PI 1.5707963267948966
#define FEWEST_FOR_SCATTER 5
#define CERTAIN 0.999 /* leaves the decision to the thorough way where rounding could matter */

enum { MEAN, MEDIAN, CLIPPED_MEAN, MINMAX_MEAN, WEIGHTED_MEAN };
enum { LINEAR, POLYNOMIAL, SPLINE, LOOKUP, DOUBLE_SPLINE };
enum { UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, FLOAT64 };

typedef struct { /* one frame's part in a block; steps are in bytes, negative where the frame is flipped */
    const char *samples;
    int64_t row_step, column_step;
    const char *bits; /* mask (uint32), or NULL */
    int64_t bits_step;
    const char *variances; /* of the samples (float, or double where they are `wide`), or NULL */
    int64_t variances_step;
    const Real *levels;  /* of the rows, taken off first; of the columns, after the gain, or NULL: of Steps */
    const Real *columns;
    double zero;      /* value = stored + zero */
    double dark_time; /* multiplies the dark of Steps */
    double scale;     /* values are divided by it */
    double weight;    /* of WEIGHTED_MEAN */
    int32_t type, swapped, wide;
} Frame;

typedef struct {
    const char *at; /* first pixel of the block, or NULL */
    int64_t step;   /* bytes from row to row */
} Plane;

typedef struct { /* the pointwise steps that take an amplifier's raw samples to corrected ones */
    Plane bias, dark, flat;            /* float; the flat is NaN where it is BAD */
    Plane bias_variance, dark_variance, flat_variance;
    Plane bits;                        /* uint32: masks of all the planes, and defects */
    const Real *numbers, *knots;       /* of the linearity */
    int64_t count;                     /* of its numbers, or knots */
    double first;                      /* signal of the first entry of a table; knots of the first of two splines */
    double saturation, gain, photon_gain, read_variance;
    int32_t linearity, photon_noise;
    uint32_t saturated, suspect, no_data; /* bits */
} Steps;

typedef struct { /* what is done to a block, and where its planes go */
    int64_t frames, rows, columns;
    float *data, *variance;
    uint32_t *count, *mask;
    int64_t step;   /* elements from row to row of the planes */
    double base;    /* what sorted samples lack to be values: 16-bit samples are sorted unsigned */
    double sigma_low, sigma_high;
    int64_t iterations; /* at most; negative: to convergence */
    int64_t reject_low, reject_high;
    const Steps *steps; /* or NULL */
    int32_t statistic, mean_center, mad_spread, cumulative, scaled;
    int32_t propagate;      /* whether variances of the inputs are used */
    uint32_t ignore, empty; /* bits of samples left out; bits of a pixel that has no good sample */
} Block;

typedef struct { /* LANES neighbours in a row */
    Sample (*sorted)[LANES]; /* frames, filled up with LAST */
    Sample (*raw)[LANES];    /* in the order of the frames; NULL where nothing needs them */
    uint32_t (*bits)[LANES];
    Real (*variances)[LANES]; /* made by the steps; NULL where they are not wanted, or read */
    int32_t good[LANES];      /* samples that may be used: the first ones of `sorted` */
    uint32_t joined[LANES];   /* bits of all samples */
#if SAMPLE == 16 && defined FRAMES
    uint64_t sum, squares;    /* of the samples themselves */
#endif
} Tile;

enum { FREE, CLIPPING, DECIDED };

typedef struct { /* columns gathered because a window of each is used */
    Real (*sorted)[LANES];
    Real (*raw)[LANES]; /* infinite where a sample may not be used */
    uint32_t (*bits)[LANES];
    double (*variances)[LANES];
    double (*spare)[LANES];
    int32_t state[LANES], iteration[LANES];
    int32_t good[LANES], low[LANES], high[LANES]; /* sorted[low] to sorted[high - 1] are kept */
    double lowest[LANES], highest[LANES];         /* bounds of the last iteration */
    int64_t place[LANES];                         /* in the planes */
    int room[LANES], rooms;                       /* lanes that are free */
} Columns;

/* ---- read -------------------------------------------------------------------------------------------------------- */

static inline uint16_t swap16(uint16_t x) { return (uint16_t)(x << 8 | x >> 8); }
static inline uint32_t swap32(uint32_t x) {
    return x << 24 | (x & 0xff00) << 8 | (x >> 8 & 0xff00) | x >> 24;
}
static inline uint64_t swap64(uint64_t x) { return (uint64_t)swap32((uint32_t)x) << 32 | swap32((uint32_t)(x >> 32)); }
static inline uint32_t bits_of(float x) { union { float value; uint32_t bits; } both = {x}; return both.bits; }
static inline float float_of(uint32_t x) { union { uint32_t bits; float value; } both = {x}; return both.value; }
static inline double double_of(uint64_t x) { union { uint64_t bits; double value; } both = {x}; return both.value; }

#ifdef FRAMES /* on a GPU frames lie alike: what is not defined here is a number that is known when this is compiled */
#define ROW_STEP frames->row_step
#else
#define ROW_STEP frame->row_step
#define STEP frame->column_step
#define STORED (frame->type * 2 + frame->swapped)
#define ZERO frame->zero
#endif

/* One loop for each step that is common, so that it is vectorised. */
#define READ_LOOP(TYPE, VALUE, STEP, WIDTH) \
    for (int i = 0; i < (WIDTH); i++) { TYPE stored = from[i * (STEP)]; into[i] = (Sample)(VALUE); }
#define READ(TYPE, VALUE) { \
    const TYPE *from = (const TYPE *)samples; \
    const int64_t step = STEP / (int64_t)sizeof(TYPE); \
    if (step == 1 && width == LANES) READ_LOOP(TYPE, VALUE, 1, LANES) \
    else if (step == -1 && width == LANES) READ_LOOP(TYPE, VALUE, -1, LANES) \
    else READ_LOOP(TYPE, VALUE, step, width) \
    break; }

static void read_samples(const Frame *frame, const char *samples, int width, Sample *restrict into)
{
#if SAMPLE == 16
    const uint16_t zero = (uint16_t)(int32_t)(ZERO); /* modulo 2**16: so are the sums */
#else
    const Real zero = (Real)(ZERO);
#endif
    switch (STORED) {
    case UINT8 * 2: case UINT8 * 2 + 1: READ(uint8_t, stored + zero)
    case INT8 * 2: case INT8 * 2 + 1: READ(int8_t, stored + zero)
    case UINT16 * 2: READ(uint16_t, stored + zero)
    case UINT16 * 2 + 1: READ(uint16_t, swap16(stored) + zero)
    case INT16 * 2: READ(int16_t, stored + zero)
    case INT16 * 2 + 1: READ(uint16_t, (int16_t)swap16(stored) + zero)
#if SAMPLE != 16
    case UINT32 * 2: READ(uint32_t, stored + zero)
    case UINT32 * 2 + 1: READ(uint32_t, swap32(stored) + zero)
    case INT32 * 2: READ(int32_t, stored + zero)
    case INT32 * 2 + 1: READ(uint32_t, (int32_t)swap32(stored) + zero)
    case FLOAT32 * 2: READ(float, stored + zero)
    case FLOAT32 * 2 + 1: READ(uint32_t, float_of(swap32(stored)) + zero)
    case FLOAT64 * 2: READ(double, stored + zero)
    case FLOAT64 * 2 + 1: READ(uint64_t, double_of(swap64(stored)) + zero)
#endif
    }
}

static void divide(Sample *restrict samples, double by)
{
    const Real scale = (Real)by;
    EACH_LANE samples[i] = (Sample)((Real)samples[i] / scale + 0); /* no negative zero */
}

/* ---- the steps of a signature, each one operation after another ---------------------------------------------------- */

#if SAMPLE != 16
static const float *floats(Plane plane, int64_t row, int64_t column)
{
    return plane.at ? (const float *)(plane.at + row * plane.step) + column : 0;
}

typedef struct { /* what all frames meet in a tile: the planes' own memory, or room for what stands in for it */
    const float *bias, *dark, *flat;
    float room[3][LANES];
} Met;

/* All lanes of a plane; a number that changes nothing where there is none, and beyond the last column. */
static const float *all_lanes(Plane plane, int64_t row, int64_t column, int width, float idle, float *restrict room)
{
    const float *from = floats(plane, row, column);
    if (from && width == LANES) return from;
    EACH_LANE room[i] = from && i < width ? from[i] : idle;
    return room;
}

static void meet(const Steps *steps, int64_t row, int64_t column, int width, Met *met)
{
    met->bias = all_lanes(steps->bias, row, column, width, 0, met->room[0]);
    met->dark = all_lanes(steps->dark, row, column, width, 0, met->room[1]);
    met->flat = all_lanes(steps->flat, row, column, width, 1, met->room[2]);
}

static void linearise_by_polynomial(const Steps *steps, Sample *restrict v)
{
    Real corrected[LANES];
    EACH_LANE corrected[i] = steps->numbers[steps->count - 1];
    for (int64_t k = steps->count - 2; k >= 0; k--) {
        const Real factor = steps->numbers[k];
        EACH_LANE corrected[i] = corrected[i] * v[i] + factor;
    }
    EACH_LANE v[i] = corrected[i] * v[i] * v[i] + v[i];
}

static void linearise_by_spline(const Real *knots, const Real *cubics, int64_t count, uint32_t suspect,
                                Sample *restrict v, uint32_t *restrict bits)
{
    const Real first = knots[0], last = knots[count - 1];
    EACH_LANE {
        const Real within = v[i] < first ? first : v[i] > last ? last : v[i];
        int64_t k = 0;
        while (k < count - 2 && knots[k + 1] <= within) k++;
        const Real *cubic = cubics + 4 * k, offset = within - knots[k];
        bits[i] |= (v[i] < first) | (v[i] > last) ? suspect : 0;
        v[i] -= ((cubic[3] * offset + cubic[2]) * offset + cubic[1]) * offset + cubic[0];
    }
}

static void linearise_by_table(const Steps *steps, Sample *restrict v, uint32_t *restrict bits)
{
    const Real first = (Real)steps->first, last = (Real)(steps->count - 1);
    EACH_LANE {
        const Real entry = (Real)floor(v[i]) - first, within = entry > 0 ? (entry < last ? entry : last) : 0;
        bits[i] |= (entry < 0) | (entry > last) ? steps->suspect : 0;
        v[i] += steps->numbers[(int64_t)within];
    }
}

static void linearise_by_two_splines(const Steps *steps, Sample *restrict v, uint32_t *restrict bits)
{
    const int64_t first = (int64_t)steps->first;
    linearise_by_spline(steps->knots, steps->numbers, first, steps->suspect, v, bits);
    linearise_by_spline(steps->knots + first, steps->numbers + 4 * (first - 1), steps->count - first, steps->suspect,
                        v, bits);
}

static void linearise(const Steps *steps, Sample *restrict v, uint32_t *restrict bits)
{
    switch (steps->linearity) {
    case POLYNOMIAL: linearise_by_polynomial(steps, v); break;
    case SPLINE: linearise_by_spline(steps->knots, steps->numbers, steps->count, steps->suspect, v, bits); break;
    case LOOKUP: linearise_by_table(steps, v, bits); break;
    case DOUBLE_SPLINE: linearise_by_two_splines(steps, v, bits); break;
    }
}

/* What was read and the bias; dark current makes shot noise too, so it is still in. */
static void estimate_noise(const Steps *steps, const float *bias, int width, const Sample *restrict v,
                           Real *restrict variance)
{
    const Real gain = (Real)steps->photon_gain, read = (Real)steps->read_variance;
    EACH_LANE variance[i] = steps->photon_noise ? (v[i] > 0 ? v[i] : 0) / gain + read : read;
    if (bias) for (int i = 0; i < width; i++) variance[i] += (Real)bias[i];
}

/* Noise of dark and flat, and division by the flat and the scale. The samples are divided by the flat only. */
static void carry_noise(const Steps *steps, const Met *met, Real time, Real scale, int64_t row, int64_t column, int width,
                        const Sample *restrict v, Real *restrict variance)
{
    const float *dark = floats(steps->dark_variance, row, column), *flat = floats(steps->flat_variance, row, column);
    if (dark) for (int i = 0; i < width; i++) variance[i] += (Real)dark[i] * (time * time);
    if (flat) for (int i = 0; i < width; i++) variance[i] += v[i] * v[i] * (Real)flat[i];
    EACH_LANE variance[i] /= (Real)met->flat[i] * (Real)met->flat[i];
    EACH_LANE variance[i] = (Real)(float)(variance[i] / (scale * scale));
}

/* From the raw value to the corrected one, with its mask and, where wanted, its variance. */
static void correct(const Block *block, const Frame *frame, const Met *met, int64_t row, int64_t column, int width,
                    Sample *restrict v, uint32_t *restrict bits, Real *restrict variance)
{
    const Steps *steps = block->steps;
    const Real saturation = (Real)steps->saturation, level = frame->levels[row], gain = (Real)steps->gain;
    const Real time = (Real)frame->dark_time, scale = (Real)frame->scale;
    const uint32_t saturated = steps->saturated, no_data = steps->no_data;
    const char *bits_at = steps->bits.at ? steps->bits.at + row * steps->bits.step : 0;
    const uint32_t *known = bits_at ? (const uint32_t *)bits_at + column : 0;
    const float *bias = met->bias, *dark = met->dark, *flat = met->flat;
    EACH_LANE {
        bits[i] = v[i] >= saturation ? saturated : 0;
        v[i] = (v[i] - level) * gain;
    }
    if (known) for (int i = 0; i < width; i++) bits[i] |= known[i];
    if (frame->columns) for (int i = 0; i < width; i++) v[i] -= frame->columns[column + i];
    linearise(steps, v, bits);
    EACH_LANE v[i] -= (Real)bias[i];
    if (variance) estimate_noise(steps, floats(steps->bias_variance, row, column), width, v, variance);
    EACH_LANE {
        const Real left = v[i] - (Real)dark[i] * time;
        bits[i] |= left - left == 0 ? 0 : no_data;
        v[i] = left / (Real)flat[i];
    }
    if (variance) carry_noise(steps, met, time, scale, row, column, width, v, variance);
    if (scale != 1) EACH_LANE v[i] /= scale;
    EACH_LANE v[i] = (Sample)((float)v[i] + 0.0f); /* corrected planes are float */
}
#endif

/* Marks what may not be used: it sorts last and is not counted. */
static void leave_out(Sample *restrict samples, const uint32_t *restrict bits, uint32_t ignore, int32_t *restrict good)
{
    if (bits)
        EACH_LANE {
            const int usable = FINITE(samples[i]) & ((bits[i] & ignore) == 0);
            samples[i] = usable ? samples[i] : LAST;
            good[i] += usable;
        }
    else
        EACH_LANE {
            const int usable = FINITE(samples[i]);
            samples[i] = usable ? samples[i] : LAST;
            good[i] += usable;
        }
}

static void read_bits(const Frame *frame, int64_t row, int64_t column, int width, uint32_t *restrict bits)
{
    const uint32_t *from = (const uint32_t *)(frame->bits + row * frame->bits_step) + column;
    for (int i = 0; i < width; i++) bits[i] = from[i];
}

#ifndef FRAMES
/* Asks memory for the samples of the tile after the next one in the row: so many frames are more streams than a
   processor foresees. A macro, since GCC 12 takes a function that does nothing else for one that does nothing. */
#define FETCH_AHEAD(samples, step) \
    if ((step) <= 8 && (step) >= -8) \
        for (int64_t at = 0; at * at < LANES * LANES * (step) * (step); at += (step) < 0 ? -LINE : LINE) \
            __builtin_prefetch((samples) + 2 * LANES * (step) + at);
#else
#define FETCH_AHEAD(samples, step)
#endif

static void read_tile(const Block *block, const Frame *frames, int64_t row, int64_t column, int width, Tile *tile)
{
    const int counted = SAMPLE != 16 || tile->bits;
#if SAMPLE != 16
    Met met;
    if (block->steps) meet(block->steps, row, column, width, &met);
#endif
    EACH_LANE tile->good[i] = counted ? 0 : (int32_t)block->frames;
    EACH_LANE tile->joined[i] = 0;
    for (int64_t k = 0; k < block->frames; k++) {
        const Frame *frame = &frames[k];
        Sample *samples = tile->sorted[k];
        const char *stored = frame->samples + row * ROW_STEP + column * STEP;
        read_samples(frame, stored, width, samples);
        FETCH_AHEAD(stored, STEP)
        for (int i = width; i < LANES; i++) samples[i] = samples[0];
        uint32_t *bits = tile->bits ? tile->bits[k] : NULL;
#if SAMPLE != 16
        if (block->steps) {
            correct(block, frame, &met, row, column, width, samples, bits, tile->variances ? tile->variances[k] : NULL);
        } else
#endif
        {
            if (block->scaled) divide(samples, frame->scale);
            if (bits) read_bits(frame, row, column, width, bits);
        }
        for (int i = width; bits && i < LANES; i++) bits[i] = 0;
        if (bits) EACH_LANE tile->joined[i] |= bits[i];
        if (counted) leave_out(samples, bits, block->ignore, tile->good);
        if (tile->raw) EACH_LANE tile->raw[k][i] = samples[i];
    }
}

/* ---- sort -------------------------------------------------------------------------------------------------------- */

/* Batcher's odd-even merge network (Batcher 1968), of up to 32 samples in registers: MERGE_n(a, r) merges two sorted
   halves of n samples from a on, r apart. Exchanges beyond COUNT fall away when this is compiled. */
#define EXCHANGE(a, b) if ((b) < COUNT) { Sample x = s[a], y = s[b]; s[a] = x < y ? x : y; s[b] = x < y ? y : x; }
#define BESIDE(a, r, k) EXCHANGE((a) + (k) * (r), (a) + ((k) + 1) * (r))
#define MERGE_2(a, r) BESIDE(a, r, 0)
#define MERGE_4(a, r) MERGE_2(a, 2 * (r)) MERGE_2((a) + (r), 2 * (r)) BESIDE(a, r, 1)
#define MERGE_8(a, r) MERGE_4(a, 2 * (r)) MERGE_4((a) + (r), 2 * (r)) BESIDE(a, r, 1) BESIDE(a, r, 3) BESIDE(a, r, 5)
#define MERGE_16(a, r) MERGE_8(a, 2 * (r)) MERGE_8((a) + (r), 2 * (r)) BESIDE(a, r, 1) BESIDE(a, r, 3) \
    BESIDE(a, r, 5) BESIDE(a, r, 7) BESIDE(a, r, 9) BESIDE(a, r, 11) BESIDE(a, r, 13)
#define MERGE_32(a, r) MERGE_16(a, 2 * (r)) MERGE_16((a) + (r), 2 * (r)) BESIDE(a, r, 1) BESIDE(a, r, 3) \
    BESIDE(a, r, 5) BESIDE(a, r, 7) BESIDE(a, r, 9) BESIDE(a, r, 11) BESIDE(a, r, 13) BESIDE(a, r, 15) \
    BESIDE(a, r, 17) BESIDE(a, r, 19) BESIDE(a, r, 21) BESIDE(a, r, 23) BESIDE(a, r, 25) BESIDE(a, r, 27) \
    BESIDE(a, r, 29)
#define SORT_4(a) MERGE_2(a, 1) MERGE_2((a) + 2, 1) MERGE_4(a, 1)
#define SORT_8(a) SORT_4(a) SORT_4((a) + 4) MERGE_8(a, 1)
#define SORT_16(a) SORT_8(a) SORT_8((a) + 8) MERGE_16(a, 1)
#define SORT_32 SORT_16(0) SORT_16(16) MERGE_32(0, 1)
#define TAKE(k) if ((k) < COUNT) s[k] = run[k][i];
#define GIVE(k) if ((k) < COUNT) run[k][i] = s[k];
#define FOUR(X, k) X(k) X(k + 1) X(k + 2) X(k + 3)
#define ALL(X) FOUR(X, 0) FOUR(X, 4) FOUR(X, 8) FOUR(X, 12) FOUR(X, 16) FOUR(X, 20) FOUR(X, 24) FOUR(X, 28)
#define SORTER(NUMBER) \
    static void sort_##NUMBER(Sample (*restrict run)[LANES]) \
    { \
        enum { COUNT = NUMBER }; \
        EACH_LANE { Sample s[32]; ALL(TAKE) SORT_32 ALL(GIVE) } \
    }
#ifndef FRAMES
SORTER(4) SORTER(8) SORTER(12) SORTER(16) SORTER(20) SORTER(24) SORTER(28) SORTER(32)

static void sort_run(Sample (*run)[LANES], int64_t count)
{
    switch (count) {
    case 4: sort_4(run); break;
    case 8: sort_8(run); break;
    case 12: sort_12(run); break;
    case 16: sort_16(run); break;
    case 20: sort_20(run); break;
    case 24: sort_24(run); break;
    case 28: sort_28(run); break;
    case 32: sort_32(run); break;
    }
}
#endif

/* Of more samples than registers hold, blocks are sorted each by itself, and a network puts the blocks in order, whose
   exchange is a merge: the lesser half of the samples goes to the first block (Knuth, The Art of Computer Programming
   3, 5.3.4). So every exchange of two samples happens in registers. */
#define BLOCK 16
#define TAKE_TWO(k) s[k] = (k) < BLOCK ? first[(k) % BLOCK][i] : second[(k) % BLOCK][i];
#define GIVE_TWO(k) *((k) < BLOCK ? &first[(k) % BLOCK][i] : &second[(k) % BLOCK][i]) = s[k];

static void merge_blocks(Sample (*restrict first)[LANES], Sample (*restrict second)[LANES])
{
    enum { COUNT = 2 * BLOCK };
    EACH_LANE { Sample s[COUNT]; ALL(TAKE_TWO) MERGE_32(0, 1) ALL(GIVE_TWO) }
}

/* Goes through all pairs of Batcher's network for `count` items (Knuth, 5.2.2, algorithm M). */
#define EACH_PAIR(count) \
    for (int64_t merged = 1; merged < (count); merged *= 2) \
        for (int64_t step = merged; step; step /= 2) \
            for (int64_t start = step % merged; start < (count) - step; start += 2 * step) \
                for (int64_t one = start, other = one + step; one < start + step && other < (count); one++, other++) \
                    if (one / (2 * merged) == other / (2 * merged))

static void order_blocks(Sample (*rows)[LANES], int64_t blocks)
{
    EACH_PAIR(blocks) merge_blocks(rows + one * BLOCK, rows + other * BLOCK);
}

static void sort_doubles(double (*rows)[LANES], int64_t count)
{
    EACH_PAIR(count) {
        double *restrict a = rows[one], *restrict b = rows[other];
        EACH_LANE { double x = a[i], y = b[i]; a[i] = x < y ? x : y; b[i] = x < y ? y : x; }
    }
}

#ifndef FRAMES
static int64_t filled_up(int64_t frames)
{
    const int64_t to = frames <= 2 * BLOCK ? 4 : BLOCK;
    return (frames + to - 1) / to * to;
}

static void sort_tile(Tile *tile, int64_t frames)
{
    const int64_t count = filled_up(frames);
    for (int64_t k = frames; k < count; k++) EACH_LANE tile->sorted[k][i] = LAST;
    if (count <= 2 * BLOCK) {
        sort_run(tile->sorted, count);
        return;
    }
    for (int64_t k = 0; k < count; k += BLOCK) sort_16(tile->sorted + k);
    order_blocks(tile->sorted, count / BLOCK);
}
#endif

/* ---- moments of whole columns ------------------------------------------------------------------------------------ */

typedef struct { /* of deviations from a pivot, which is a sample */
    double pivot[LANES], sum[LANES], squares[LANES];
} Moments;

/* Adds what row k deviates, and its square, to two sums. */
#define DEVIATE(TYPE, k) { \
        const TYPE d = (TYPE)((Wide)s[k][i] - (Wide)pivot[i]); \
        first += d; \
        second += d * d; }
#define ADD_ROWS(TYPE, sum, squares) { \
        int64_t k = 0; \
        for (; k + 4 <= n; k += 4) \
            EACH_LANE { \
                TYPE first = sum[i], second = squares[i]; \
                DEVIATE(TYPE, k) DEVIATE(TYPE, k + 1) DEVIATE(TYPE, k + 2) DEVIATE(TYPE, k + 3) \
                sum[i] = first; \
                squares[i] = second; \
            } \
        for (; k < n; k++) \
            EACH_LANE { \
                TYPE first = sum[i], second = squares[i]; \
                DEVIATE(TYPE, k) \
                sum[i] = first; \
                squares[i] = second; \
            } }

/* The pivot is the (upper) median: it lies within one standard deviation of the mean, so nothing cancels. */
static void whole_moments(const Tile *tile, int64_t n, double base, Moments *restrict m)
{
    Sample (*const s)[LANES] = tile->sorted;
    const Sample *pivot = s[n / 2];
    EACH_LANE m->pivot[i] = VALUE(pivot[i]);
#if SAMPLE == 16 && !defined FRAMES
    int32_t range = 0;
    EACH_LANE {
        const int32_t here = s[n - 1][i] - s[0][i];
        range = here > range ? here : range;
    }
    if (n * range < INT32_MAX / (range + 1)) { /* sums are exact: in integers, then, of which more go at a time */
        int32_t sum[LANES], squares[LANES];
        EACH_LANE sum[i] = squares[i] = 0;
        ADD_ROWS(int32_t, sum, squares)
        EACH_LANE { m->sum[i] = sum[i]; m->squares[i] = squares[i]; }
        return;
    }
#endif
#if SAMPLE == 16 && defined FRAMES /* integers are exact whatever they are about */
    const int64_t about = pivot[0], sum = (int64_t)tile->sum;
    m->sum[0] = (double)(sum - n * about);
    m->squares[0] = (double)((int64_t)tile->squares - 2 * about * sum + n * about * about);
#else
    EACH_LANE m->sum[i] = m->squares[i] = 0;
    ADD_ROWS(double, m->sum, m->squares)
#endif
}

/* Median absolute deviation from the median. Deviations of a sorted column fall and then rise, so lesser and greater
   of each one and the one half a column further are the lower and the upper half of them (Batcher's half-cleaner). */
static void whole_mad(Sample (*s)[LANES], int64_t n, double base, const double *restrict median, double *restrict mad)
{
    double low[LANES], high[LANES];
    const int64_t half = n / 2;
    EACH_LANE { low[i] = 0; high[i] = INFINITY; }
    for (int64_t k = 0; k < half; k++)
        EACH_LANE {
            const double a = median[i] - VALUE(s[k][i]);
            const double b = VALUE(s[k + n - half][i]) - median[i];
            const double less = a < b ? a : b, more = a < b ? b : a;
            low[i] = less > low[i] ? less : low[i];
            high[i] = more < high[i] ? more : high[i];
        }
    EACH_LANE mad[i] = n % 2 ? low[i] : 0.5 * (low[i] + high[i]);
}

/* ---- a tile of whole columns -------------------------------------------------------------------------------------- */

#if SAMPLE == 16 && defined FRAMES
/* A division by a number that is known when this is compiled: what the product with its inverse leaves corrects that to
   the rounded quotient (Markstein, IBM Journal of Research and Development 34, 1990). */
static double over(double dividend, double divisor)
{
    const double inverse = 1 / divisor, near = dividend * inverse;
    return divisor > 0 ? fma(fma(-near, divisor, dividend), inverse, near) : dividend / divisor;
}
#define OVER(dividend, divisor) over(dividend, divisor)
#else
#define OVER(dividend, divisor) ((dividend) / (divisor))
#endif

typedef struct {
    double data[LANES], variance[LANES];
    Moments moments;          /* of all samples */
    int32_t unsettled[LANES]; /* the thorough way decides */
} Estimate;

static double median_factor(int64_t count) { return count > 2 ? HALF_PI : 1.0; }

/* Estimates every pixel from all its samples, and says for which ones that was not enough: some sample may not be
   used, or may lie outside the bounds. Where rounding could matter, it says so too. */
static void estimate_whole(const Block *block, const Tile *tile, Estimate *restrict estimate)
{
    Sample (*const s)[LANES] = tile->sorted;
    const int64_t n = block->frames;
    const double base = block->base, count = (double)n;
    Moments *const m = &estimate->moments;
    double median[LANES], spread[LANES], center[LANES];
    whole_moments(tile, n, base, m);
    EACH_LANE median[i] = 0.5 * (VALUE(s[(n - 1) / 2][i]) + m->pivot[i]);
    const double factor = block->statistic == MEDIAN ? median_factor(n) : 1.0;
    EACH_LANE {
        const double shift = OVER(m->sum[i], count), squares = m->squares[i] - m->sum[i] * shift;
        const double mean = m->pivot[i] + shift;
        estimate->data[i] = block->statistic == MEDIAN ? median[i] : mean;
        estimate->variance[i] = OVER(squares, (count - 1) * count) * factor;
        estimate->unsettled[i] = tile->good[i] != n;
        spread[i] = OVER(squares, count);
        center[i] = block->mean_center ? mean : median[i];
    }
    if (block->statistic != CLIPPED_MEAN) return;
    if (block->mad_spread) {
        whole_mad(s, n, base, median, spread);
        EACH_LANE {
            const double reach = MAD_TO_SIGMA * spread[i], at = center[i];
            estimate->unsettled[i] |= VALUE(s[0][i]) < at - block->sigma_low * reach;
            estimate->unsettled[i] |= VALUE(s[n - 1][i]) > at + block->sigma_high * reach;
        }
        return;
    }
    const double low = block->sigma_low * block->sigma_low * CERTAIN;
    const double high = block->sigma_high * block->sigma_high * CERTAIN;
    EACH_LANE {
        const double below = center[i] - VALUE(s[0][i]), above = VALUE(s[n - 1][i]) - center[i];
        estimate->unsettled[i] |= !(below * below <= low * spread[i]) | !(above * above <= high * spread[i]);
    }
}

static void put_whole(const Block *block, const Tile *tile, const Estimate *estimate, int64_t place, int width)
{
    for (int i = 0; i < width; i++) {
        block->data[place + i] = (float)estimate->data[i];
        block->variance[place + i] = (float)estimate->variance[i];
        block->count[place + i] = (uint32_t)block->frames;
        block->mask[place + i] = tile->joined[i];
    }
}

/* ---- gathered columns: a window of each is kept -------------------------------------------------------------------- */

static double variance_at(const Frame *frame, int64_t row, int64_t column)
{
    const char *from = frame->variances + row * frame->variances_step;
    const double variance = frame->wide ? ((const double *)from)[column] : ((const float *)from)[column];
    return variance / (frame->scale * frame->scale);
}

static void gather(const Block *block, const Frame *frames, const Tile *tile, int64_t row, int64_t column, int lane,
                   Columns *to)
{
    const int at = LANES > 1 ? to->room[--to->rooms] : 0;
    const int64_t n = block->frames, good = tile->good[lane];
    const double base = block->base;
    for (int64_t k = 0; k < n; k++) to->sorted[k][at] = k < good ? (Real)VALUE(tile->sorted[k][lane]) : INFINITY;
    if (to->raw)
        for (int64_t k = 0; k < n; k++) {
            const int usable = !tile->bits || (tile->bits[k][lane] & block->ignore) == 0;
            to->raw[k][at] = usable ? (Real)VALUE(tile->raw[k][lane]) : INFINITY;
        }
    if (to->bits)
        for (int64_t k = 0; k < n; k++) to->bits[k][at] = tile->bits[k][lane];
    if (to->variances)
        for (int64_t k = 0; k < n; k++)
            to->variances[k][at] = tile->variances ? tile->variances[k][lane] : variance_at(&frames[k], row, column + lane);
    const int trimmed = block->statistic == MINMAX_MEAN;
    to->place[at] = row * block->step + column + lane;
    to->good[at] = (int32_t)good;
    to->low[at] = trimmed ? (int32_t)(block->reject_low * good / n) : 0;
    to->high[at] = (int32_t)(trimmed ? good - block->reject_high * good / n : good);
    to->state[at] = block->statistic == CLIPPED_MEAN && good > 0 ? CLIPPING : DECIDED;
    to->iteration[at] = 0;
}

static void window_moments(const Columns *c, int64_t n, Moments *restrict m)
{
    EACH_LANE {
        m->pivot[i] = c->low[i] < c->high[i] ? (double)c->sorted[(c->low[i] + c->high[i]) / 2][i] : 0;
        m->sum[i] = 0;
        m->squares[i] = 0;
    }
    for (int64_t k = 0; k < n; k++)
        EACH_LANE {
            const int kept = (c->low[i] <= k) & (k < c->high[i]);
            const double deviation = (double)c->sorted[k][i] - m->pivot[i];
            const double d = kept ? deviation : 0;
            m->sum[i] += d;
            m->squares[i] += d * d;
        }
}

/* Takes one sample of each column. */
static void pick(const Columns *c, const int32_t *restrict rows, Real *restrict picked)
{
    const Real *restrict samples = c->sorted[0];
    EACH_LANE picked[i] = samples[rows[i] * LANES + i];
}

static void window_median(const Columns *c, double *restrict median)
{
    int32_t rows[LANES];
    Real lower[LANES], upper[LANES];
    EACH_LANE rows[i] = c->low[i] < c->high[i] ? (c->low[i] + c->high[i] - 1) / 2 : 0;
    pick(c, rows, lower);
    EACH_LANE rows[i] = c->low[i] < c->high[i] ? (c->low[i] + c->high[i]) / 2 : 0;
    pick(c, rows, upper);
    EACH_LANE median[i] = 0.5 * ((double)lower[i] + (double)upper[i]);
}

/* Median absolute deviation. Deviations below and above the median are two sorted runs; the lesser half of them are
   `taken` of those below and the rest of those above, which bisection finds. */
static void window_mad(const Columns *c, int64_t n, const double *restrict median, double *restrict mad)
{
    const Real *restrict s = c->sorted[0];
    int32_t half[LANES], middle[LANES], taken[LANES], most[LANES];
    EACH_LANE {
        half[i] = most[i] = (c->high[i] - c->low[i]) / 2;
        middle[i] = c->low[i] + half[i];
        taken[i] = 0;
    }
    for (int64_t left = n / 2; left; left /= 2)
        EACH_LANE {
            const int32_t k = (taken[i] + most[i]) / 2, open = taken[i] < most[i];
            const int32_t under = open ? middle[i] - 1 - k : 0, over = open ? middle[i] + half[i] - 1 - k : 0;
            const double below = median[i] - (double)s[under * LANES + i];
            const double above = (double)s[over * LANES + i] - median[i];
            const int32_t more = below < above;
            taken[i] = open & more ? k + 1 : taken[i];
            most[i] = open & !more ? k : most[i];
        }
    double lower[LANES], upper[LANES]; /* the middle two deviations */
    EACH_LANE { lower[i] = 0; upper[i] = INFINITY; }
    for (int side = 0; side < 4; side++) { /* next below and above the lesser half, last of it below and above */
        int32_t rows[LANES], there[LANES];
        Real picked[LANES];
        EACH_LANE {
            const int32_t below = taken[i], above = half[i] - below, left = c->high[i] - middle[i] - above;
            const int32_t row = middle[i] + (side == 0 ? -1 - below : side == 1 ? above : side == 2 ? -below : above - 1);
            there[i] = (side == 0 ? above : side == 1 ? left : side == 2 ? below : above) > 0;
            rows[i] = there[i] ? row : 0;
        }
        pick(c, rows, picked);
        EACH_LANE {
            const double deviation = side % 2 ? (double)picked[i] - median[i] : median[i] - (double)picked[i];
            const double less = deviation < upper[i] ? deviation : upper[i];
            const double more = deviation > lower[i] ? deviation : lower[i];
            upper[i] = there[i] && side < 2 ? less : upper[i];
            lower[i] = there[i] && side >= 2 ? more : lower[i];
        }
    }
    EACH_LANE mad[i] = (c->high[i] - c->low[i]) % 2 ? upper[i] : 0.5 * (lower[i] + upper[i]);
}

static Real at_least(double bound) /* the least Real that is not below it, so that samples are compared as they are */
{
    const Real near = (Real)bound;
#if SAMPLE == 64
    return near;
#else
    const float above = float_of(near > 0 ? bits_of(near) + 1 : near < 0 ? bits_of(near) - 1 : 1);
    return (double)near < bound ? above : near;
#endif
}

/* How many of each column's samples are below its lowest bound, and how many not above its highest. */
static void count_samples(const Columns *c, int64_t n, int32_t *restrict below, int32_t *restrict within)
{
    Real lowest[LANES], highest[LANES];
    EACH_LANE {
        lowest[i] = at_least(c->lowest[i]);
        highest[i] = -at_least(-c->highest[i]);
        below[i] = within[i] = 0;
    }
    for (int64_t k = 0; k < n; k++)
        EACH_LANE {
            below[i] += c->sorted[k][i] < lowest[i];
            within[i] += c->sorted[k][i] <= highest[i];
        }
}

static void bound(const Block *block, Columns *c, const Moments *m, const double *restrict median)
{
    double spread[LANES];
    if (block->mad_spread) window_mad(c, block->frames, median, spread);
    EACH_LANE {
        const double count = c->high[i] - c->low[i], shift = m->sum[i] / count;
        const double center = block->mean_center ? m->pivot[i] + shift : median[i];
        const double squares = m->squares[i] - m->sum[i] * shift;
        const double reach = block->mad_spread ? MAD_TO_SIGMA * spread[i] : sqrt(squares / count);
        c->lowest[i] = center - block->sigma_low * reach;
        c->highest[i] = center + block->sigma_high * reach;
    }
}

/* One iteration of the clip. Says whose window is decided and is the one that moments were taken of. */
static void clip(const Block *block, Columns *c, const Moments *m, const double *restrict median, int32_t *restrict done)
{
    const int32_t iterations = block->iterations < INT32_MAX ? (int32_t)block->iterations : -1;
    const int32_t reconsider = !block->cumulative;
    int32_t below[LANES], within[LANES];
    bound(block, c, m, median);
    count_samples(c, block->frames, below, within);
    EACH_LANE {
        const int32_t clipping = c->state[i] == CLIPPING, was_low = c->low[i], was_high = c->high[i];
        int32_t low = below[i] > was_low ? below[i] : was_low;
        int32_t high = within[i] < was_high ? within[i] : was_high;
        const int32_t same = (low == was_low) & (high == was_high);
        const int32_t iteration = c->iteration[i] + 1, ended = same | (low >= high) | (iteration == iterations);
        const int32_t anew = reconsider & ended & ((low > 0) | (high < c->good[i]));
        c->iteration[i] = iteration;
        low = anew ? below[i] : low;
        const int32_t good = within[i] < c->good[i] ? within[i] : c->good[i];
        high = anew ? good : high;
        high = high < low ? low : high;
        low = clipping ? low : was_low;
        high = clipping ? high : was_high;
        const int32_t state = clipping & ended ? DECIDED : c->state[i];
        done[i] = (state == DECIDED) & (low == was_low) & (high == was_high);
        c->low[i] = low;
        c->high[i] = high;
        c->state[i] = state;
    }
}

static int is_kept(const Columns *c, int64_t k, int lane)
{
    if (c->low[lane] >= c->high[lane]) return 0;
    return c->raw[k][lane] >= c->sorted[c->low[lane]][lane] && c->raw[k][lane] <= c->sorted[c->high[lane] - 1][lane];
}

/* The sum of what is in `spare`, in ascending order, so that the order of frames does not matter. */
static void add_ascending(Columns *c, int64_t n, double *restrict sum)
{
    sort_doubles(c->spare, n);
    EACH_LANE sum[i] = 0;
    for (int64_t k = 0; k < n; k++) EACH_LANE sum[i] += c->spare[k][i];
}

#define SUM_KEPT(TERM, SUM) { \
        for (int64_t k = 0; k < n; k++) EACH_LANE c->spare[k][i] = is_kept(c, k, i) ? (TERM) : 0; \
        add_ascending(c, n, SUM); }

static void weigh(const Block *block, const Frame *frames, Columns *c, Estimate *restrict e)
{
    const int64_t n = block->frames;
    double weights[LANES], sum[LANES];
    SUM_KEPT(frames[k].weight, weights)
    SUM_KEPT(frames[k].weight * (double)c->raw[k][i], sum)
    EACH_LANE e->data[i] = sum[i] / weights[i];
#define DEVIATION (frames[k].weight * ((double)c->raw[k][i] - e->data[i]))
    SUM_KEPT(DEVIATION * DEVIATION, sum)
#undef DEVIATION
    EACH_LANE {
        const double count = c->high[i] - c->low[i];
        e->variance[i] = count > 1 ? sum[i] / (weights[i] * weights[i]) * (count / (count - 1)) : NAN;
    }
}

/* Variances of few samples are those of the inputs, propagated; of one sample always. */
static void propagate(const Block *block, const Frame *frames, Columns *c, Estimate *restrict e)
{
    const int64_t n = block->frames;
    double sum[LANES], weights[LANES];
    if (block->statistic == WEIGHTED_MEAN) {
        SUM_KEPT(frames[k].weight, weights)
        SUM_KEPT(frames[k].weight * frames[k].weight * c->variances[k][i], sum)
    } else {
        EACH_LANE weights[i] = 0; /* how many: of equal samples at the end of a window all, though fewer may count */
        for (int64_t k = 0; k < n; k++) EACH_LANE weights[i] += is_kept(c, k, i);
        SUM_KEPT(c->variances[k][i], sum)
    }
    EACH_LANE {
        const int32_t count = c->high[i] - c->low[i];
        const double factor = block->statistic == MEDIAN ? median_factor(count) : 1.0;
        if (n < FEWEST_FOR_SCATTER || count == 1) e->variance[i] = sum[i] / (weights[i] * weights[i]) * factor;
    }
}

static void estimate_windows(const Block *block, const Frame *frames, Columns *c, const Moments *m,
                             const double *restrict median, Estimate *restrict e)
{
    EACH_LANE {
        const double count = c->high[i] - c->low[i], shift = m->sum[i] / count;
        const double factor = block->statistic == MEDIAN ? median_factor(c->high[i] - c->low[i]) : 1.0;
        e->data[i] = block->statistic == MEDIAN ? median[i] : m->pivot[i] + shift;
        e->variance[i] = (m->squares[i] - m->sum[i] * shift) / ((count - 1) * count) * factor;
    }
    if (block->statistic == WEIGHTED_MEAN) weigh(block, frames, c, e);
    if (c->variances) propagate(block, frames, c, e);
}

static void put_column(const Block *block, Columns *c, const Estimate *estimate, int lane)
{
    const int64_t place = c->place[lane];
    const int32_t count = c->high[lane] - c->low[lane];
    uint32_t joined = count ? 0 : block->empty;
    if (c->bits)
        for (int64_t k = 0; k < block->frames; k++)
            if (!count || is_kept(c, k, lane)) joined |= c->bits[k][lane];
    block->data[place] = count ? (float)estimate->data[lane] : NAN;
    block->variance[place] = count ? (float)estimate->variance[lane] : NAN;
    block->count[place] = (uint32_t)count;
    block->mask[place] = joined;
    c->state[lane] = FREE;
    c->low[lane] = c->high[lane] = 0;
    if (LANES > 1) c->room[c->rooms++] = lane;
}

/* One iteration for all gathered columns: those that are done are put into the planes and make room. */
static void iterate(const Block *block, const Frame *frames, Columns *c)
{
    Moments m;
    Estimate estimate;
    double median[LANES];
    int32_t done[LANES];
    EACH_LANE done[i] = c->state[i] == DECIDED;
    window_moments(c, block->frames, &m);
    window_median(c, median);
    estimate_windows(block, frames, c, &m, median, &estimate);
    if (block->statistic == CLIPPED_MEAN) clip(block, c, &m, median, done);
    EACH_LANE if (done[i]) put_column(block, c, &estimate, i);
}

#if SAMPLE == 16
/* ---- clipped columns of short samples: sums are exact, so that what leaves a window is taken off them --------------- */

typedef struct {
    const Sample *samples; /* of the sorted column, LANES apart */
    double base;
    int64_t count;                /* of all samples */
    int64_t low, high;            /* those from low to high - 1 are kept */
    int64_t origin, sum, squares; /* of their deviations from the origin */
} Window;

static int64_t sample_at(const Window *w, int64_t k) { return w->samples[k * LANES]; }

static void add_sample(Window *w, int64_t k, int64_t sign)
{
    const int64_t deviation = sample_at(w, k) - w->origin;
    w->sum += sign * deviation;
    w->squares += sign * deviation * deviation;
}

static void move_ends(Window *w, int64_t low, int64_t high)
{
    while (w->low < low) add_sample(w, w->low++, -1);
    while (w->low > low) add_sample(w, --w->low, 1);
    while (w->high > high) add_sample(w, --w->high, -1);
    while (w->high < high) add_sample(w, w->high++, 1);
}

/* Mean and sum of squared deviations from it: sums are taken about the middle sample, as those of whole columns. */
static double mean_within(const Window *w, double *squares)
{
    const int64_t kept = w->high - w->low, pivot = sample_at(w, (w->low + w->high) / 2), away = pivot - w->origin;
    const double sum = (double)(w->sum - kept * away), shift = sum / (double)kept, base = w->base;
    *squares = (double)(w->squares - 2 * away * w->sum + kept * away * away) - sum * shift;
    return VALUE(pivot) + shift;
}

/* Median absolute deviation from half of `twice`, found as in window_mad. Deviations are counted in halves. */
static double mad_within(const Window *w, int64_t twice)
{
    const int64_t kept = w->high - w->low, half = kept / 2, middle = w->low + half;
    int64_t taken = 0, most = half;
#define BELOW(k) (twice - 2 * sample_at(w, middle - 1 - (k)))
#define ABOVE(k) (2 * sample_at(w, middle + (k)) - twice)
    while (taken < most) {
        const int64_t k = (taken + most) / 2, more = BELOW(k) < ABOVE(half - 1 - k);
        taken = more ? k + 1 : taken;
        most = more ? most : k;
    }
    const int64_t rest = half - taken;
    int64_t lower = taken ? BELOW(taken - 1) : 0, upper = rest ? BELOW(taken) : INT32_MAX;
    if (rest && ABOVE(rest - 1) > lower) lower = ABOVE(rest - 1);
    if (kept - half > rest && ABOVE(rest) < upper) upper = ABOVE(rest);
    return kept % 2 ? 0.5 * (double)upper : 0.25 * (double)(lower + upper);
#undef BELOW
#undef ABOVE
}

/* How many of all samples are below a bound, or with `or_at` not above it; the search begins at `near`. */
static int64_t count_below(const Window *w, int64_t near, double bound, int or_at)
{
    const double base = w->base;
#define IS_BELOW(k) (VALUE(sample_at(w, k)) < bound || (or_at && VALUE(sample_at(w, k)) == bound))
    while (near < w->count && IS_BELOW(near)) near++;
    while (near > 0 && !IS_BELOW(near - 1)) near--;
#undef IS_BELOW
    return near;
}

/* All iterations of the clip: what `bound` and `clip` do to the columns that they are given. */
static void clip_window(const Block *block, Window *w)
{
    const double base = w->base;
    for (int64_t iteration = 1, ended = 0; !ended; iteration++) {
        const int64_t sum = sample_at(w, (w->low + w->high - 1) / 2) + sample_at(w, (w->low + w->high) / 2);
        double squares, median = 0.5 * (double)sum + base, mean = mean_within(w, &squares);
        const double center = block->mean_center ? mean : median;
        const double reach = block->mad_spread ? MAD_TO_SIGMA * mad_within(w, sum)
                                               : sqrt(squares / (double)(w->high - w->low));
        const int64_t below = count_below(w, w->low, center - block->sigma_low * reach, 0);
        const int64_t within = count_below(w, w->high, center + block->sigma_high * reach, 1);
        int64_t low = below > w->low ? below : w->low, high = within < w->high ? within : w->high;
        ended = (low == w->low && high == w->high) || low >= high || iteration == block->iterations;
        if (ended && !block->cumulative && (low > 0 || high < w->count)) {
            low = below;
            high = within;
        }
        move_ends(w, low, high < low ? low : high);
    }
}

static void put_short(const Block *block, const Tile *tile, const Moments *whole, int lane, int64_t place)
{
    const int64_t n = block->frames, origin = tile->sorted[n / 2][lane];
    Window w = {&tile->sorted[0][lane], block->base, n, 0, n, origin,
                (int64_t)whole->sum[lane], (int64_t)whole->squares[lane]};
    clip_window(block, &w);
    const double kept = (double)(w.high - w.low);
    double squares = NAN;
    block->data[place] = kept > 0 ? (float)mean_within(&w, &squares) : NAN;
    block->variance[place] = (float)(squares / ((kept - 1) * kept));
    block->count[place] = (uint32_t)kept;
    block->mask[place] = kept > 0 ? 0 : block->empty;
}
#endif

#ifndef FRAMES
/* ---- a block ------------------------------------------------------------------------------------------------------- */

#define ROWS(TYPE, NUMBER) ((TYPE (*)[LANES])take(&left, sizeof(TYPE) * LANES * (size_t)(NUMBER)))

static char *take(char **left, size_t bytes)
{
    char *taken = *left;
    *left += (bytes + 63) / 64 * 64;
    return taken;
}

static void arrange(const Block *block, const Frame *frames, char *left, Tile *tile, Columns *columns)
{
    const int64_t n = block->frames;
    const int masked = frames->bits || block->steps;
    const int by_frame = masked || block->propagate || block->statistic == WEIGHTED_MEAN;
    tile->sorted = ROWS(Sample, filled_up(n));
    tile->raw = by_frame ? ROWS(Sample, n) : NULL;
    tile->bits = masked ? ROWS(uint32_t, n) : NULL;
    tile->variances = block->steps && block->propagate ? ROWS(Real, n) : NULL;
    columns->sorted = ROWS(Real, n);
    columns->raw = by_frame ? ROWS(Real, n) : NULL;
    columns->bits = masked ? ROWS(uint32_t, n) : NULL;
    columns->variances = block->propagate ? ROWS(double, n) : NULL;
    columns->spare = ROWS(double, n);
    EACH_LANE {
        columns->state[i] = FREE;
        columns->iteration[i] = columns->low[i] = columns->high[i] = columns->good[i] = 0;
        columns->lowest[i] = columns->highest[i] = 0;
        columns->room[i] = i;
    }
    columns->rooms = LANES;
}

/* Decides what all samples of a column left undecided: in place, or in company with other columns. */
static void settle(const Block *block, const Frame *frames, const Tile *tile, const Estimate *estimate, int64_t row,
                   int64_t column, int lane, Columns *columns)
{
#if SAMPLE == 16
    if (block->statistic == CLIPPED_MEAN && !tile->raw) {
        put_short(block, tile, &estimate->moments, lane, row * block->step + column + lane);
        return;
    }
#endif
    while (!columns->rooms) iterate(block, frames, columns);
    gather(block, frames, tile, row, column, lane, columns);
}

/* Combines a block of rows, in memory that one block leaves to the next. Returns how many bytes of it there have to be
   where none is given. */
int64_t NAME(const Block *block, const Frame *frames, char *scratch)
{
    Tile tile;
    Columns columns;
    Estimate estimate;
    if (!scratch) return (block->frames + 4) * LANES * 64 + 64;
    arrange(block, frames, scratch + (64 - (uintptr_t)scratch % 64), &tile, &columns);
    const int thorough = block->statistic == MINMAX_MEAN || block->statistic == WEIGHTED_MEAN ||
                         (block->propagate && block->frames < FEWEST_FOR_SCATTER);
    for (int64_t row = 0; row < block->rows; row++)
        for (int64_t column = 0; column < block->columns; column += LANES) {
            const int width = block->columns - column < LANES ? (int)(block->columns - column) : LANES;
            read_tile(block, frames, row, column, width, &tile);
            sort_tile(&tile, block->frames);
            estimate_whole(block, &tile, &estimate);
            put_whole(block, &tile, &estimate, row * block->step + column, width);
            for (int i = 0; i < width; i++)
                if (estimate.unsettled[i] || thorough)
                    settle(block, frames, &tile, &estimate, row, column, i, &columns);
        }
    while (columns.rooms < LANES) iterate(block, frames, &columns);
    return 0;
}

/* Sizes of the structures, for whoever repeats them in another language. */
#define NAMED(NAME, WHAT) NAME##_##WHAT
#define EXPANDED(NAME, WHAT) NAMED(NAME, WHAT)
const int64_t EXPANDED(NAME, sizes)[4] = {sizeof(Frame), sizeof(Plane), sizeof(Steps), sizeof(Block)};
#endif
