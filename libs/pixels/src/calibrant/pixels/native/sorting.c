/* Sorting many floats: statistics of amplifiers spend most of their time there.
 *
 * This file owns the sort of one long row. It must not know what is made of the order.
 */
#include <stdint.h>
#include <string.h>

#define DIGIT 11
#define BUCKETS (1 << DIGIT)
#define PASSES 3 /* 33 bits */

/* Bits of a float as an unsigned number that is ordered as the float is: negative ones stand the other way round. */
static inline uint32_t key_of(uint32_t bits) { return bits ^ ((uint32_t)((int32_t)bits >> 31) | 0x80000000u); }
static inline uint32_t bits_of(uint32_t key) { return key ^ (((key >> 31) - 1) | 0x80000000u); }
static inline uint32_t digit_of(uint32_t key, int pass) { return key >> (pass * DIGIT) & (BUCKETS - 1); }

/* Sorts `count` floats, none of them NaN, digit by digit from the last one on (Knuth, The Art of Computer Programming
   3, 5.2.5, algorithm R). A digit that is the same in all of them is left out. `spare` is as long as `values`. */
void sort_floats(uint32_t *values, uint32_t *spare, int64_t count)
{
    int64_t sizes[PASSES][BUCKETS];
    uint32_t *from = values, *to = spare;
    memset(sizes, 0, sizeof sizes);
    for (int64_t k = 0; k < count; k++) {
        const uint32_t key = values[k] = key_of(values[k]);
        for (int pass = 0; pass < PASSES; pass++) sizes[pass][digit_of(key, pass)]++;
    }
    for (int pass = 0; pass < PASSES && count; pass++) {
        if (sizes[pass][digit_of(from[0], pass)] == count) continue;
        int64_t place[BUCKETS], next = 0;
        for (int digit = 0; digit < BUCKETS; digit++) {
            place[digit] = next;
            next += sizes[pass][digit];
        }
        for (int64_t k = 0; k < count; k++) to[place[digit_of(from[k], pass)]++] = from[k];
        uint32_t *swapped = from;
        from = to;
        to = swapped;
    }
    for (int64_t k = 0; k < count; k++) values[k] = bits_of(from[k]);
}
