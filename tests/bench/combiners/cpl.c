/* ESO's Common Pipeline Library in memory: answers requests as serving.py does, with its own clipped collapse.
 *
 *     cpl STACK.u16 FRAMES SIDE
 *
 * Its images hold float; the rule is its own: kappa 3 from median and median deviation, then iterations on mean and
 * scatter ("mean") or on median and scatter ("median-mean"), never fewer than half of the samples kept.
 */
#include <cpl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double KAPPA = 3.0, KEEP_FRACTION = 0.5;

static cpl_imagelist *read_stack(const char *path, int frames, int side)
{
    size_t pixels = (size_t)side * side;
    uint16_t *raw = malloc(pixels * sizeof *raw);
    FILE *file = fopen(path, "rb");
    cpl_imagelist *list = cpl_imagelist_new();
    for (int frame = 0; raw && file && frame < frames; frame++) {
        cpl_image *image = cpl_image_new(side, side, CPL_TYPE_FLOAT);
        float *values = cpl_image_get_data_float(image);
        if (fread(raw, sizeof *raw, pixels, file) != pixels) {
            cpl_image_delete(image);
            break;
        }
        for (size_t i = 0; i < pixels; i++)
            values[i] = raw[i];
        cpl_imagelist_set(list, image, frame);
    }
    if (file)
        fclose(file);
    free(raw);
    return list;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

/* The file named in {"job": ..., "save": "..."}, or NULL. */
static char *place(char *request)
{
    char *found = strstr(request, "\"save\": \"");
    if (!found)
        return NULL;
    found += strlen("\"save\": \"");
    found[strcspn(found, "\"")] = '\0';
    return found;
}

static void answer(char *request, cpl_imagelist *list, int side)
{
    cpl_collapse_mode mode = strstr(request, "median-mean") ? CPL_COLLAPSE_MEDIAN_MEAN : CPL_COLLAPSE_MEAN;
    double begun_s = now_s();
    cpl_image *counts = cpl_image_new(side, side, CPL_TYPE_INT);
    cpl_image *image = cpl_imagelist_collapse_sigclip_create(list, KAPPA, KAPPA, KEEP_FRACTION, mode, counts);
    double seconds = now_s() - begun_s;
    const char *path = place(request);
    FILE *file = image && path ? fopen(path, "wb") : NULL;
    if (file) {
        fwrite(cpl_image_get_data_float(image), sizeof(float), (size_t)side * side, file);
        fclose(file);
    }
    if (image)
        printf("{\"seconds\": %.9f}\n", seconds);
    else
        printf("{\"problem\": \"%s\"}\n", cpl_error_get_message());
    fflush(stdout);
    cpl_image_delete(image);
    cpl_image_delete(counts);
}

int main(int count, char **words)
{
    char request[4096];
    if (count != 4)
        return 2;
    int frames = atoi(words[2]), side = atoi(words[3]);
    cpl_init(CPL_INIT_DEFAULT);
    cpl_imagelist *list = read_stack(words[1], frames, side);
    if (cpl_imagelist_get_size(list) != frames)
        return 1;
    while (fgets(request, sizeof request, stdin))
        answer(request, list, side);
    cpl_imagelist_delete(list);
    cpl_end();
    return 0;
}
