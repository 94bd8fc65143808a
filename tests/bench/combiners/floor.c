/* The floor of combining: reads a stack once and writes the four planes once, and computes nothing but a sum.
 *
 * A band of pixels [first, last) of every plane goes through a tile of sums that stays in the cache.
 */
#include <stddef.h>
#include <stdint.h>

#define TILE 4096

void floor_band(const uint16_t *stack, size_t frames, size_t pixels, size_t first, size_t last, float *data,
                float *variance, uint32_t *count, uint32_t *mask)
{
    uint32_t sums[TILE];
    for (size_t tile = first; tile < last; tile += TILE) {
        size_t lanes = last - tile < TILE ? last - tile : TILE;
        for (size_t i = 0; i < lanes; i++)
            sums[i] = 0;
        for (size_t frame = 0; frame < frames; frame++) {
            const uint16_t *samples = stack + frame * pixels + tile;
            for (size_t i = 0; i < lanes; i++)
                sums[i] += samples[i];
        }
        for (size_t i = 0; i < lanes; i++) {
            data[tile + i] = (float)sums[i];
            variance[tile + i] = (float)sums[i];
            count[tile + i] = (uint32_t)frames;
            mask[tile + i] = 0;
        }
    }
}
