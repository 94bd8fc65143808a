
/* Runs the threads of a grid, a group at a time: each goes on until it ends or waits for the others of its group. */
#include <stdlib.h>
#include <ucontext.h>

#define STACK (1 << 18)

static _Thread_local ucontext_t whoever_is_next, each[GROUP];
static _Thread_local int ended[GROUP];
static _Thread_local const Block *given_band;
static _Thread_local const Frame *given_frames;

static void __syncthreads(void) { swapcontext(&each[threadIdx.x], &whoever_is_next); }

static void run_thread(void)
{
    combine_band(given_band, given_frames);
    ended[threadIdx.x] = 1;
}

static void run_group(char *stacks)
{
    for (int i = 0; i < GROUP; i++) {
        ended[i] = 0;
        getcontext(&each[i]);
        each[i].uc_stack.ss_sp = stacks + (size_t)i * STACK;
        each[i].uc_stack.ss_size = STACK;
        each[i].uc_link = &whoever_is_next;
        makecontext(&each[i], run_thread, 0);
    }
    for (int left = GROUP; left;)
        for (threadIdx.x = 0, left = 0; threadIdx.x < GROUP; threadIdx.x++)
            if (!ended[threadIdx.x]) {
                swapcontext(&whoever_is_next, &each[threadIdx.x]);
                left += !ended[threadIdx.x];
            }
}

void run_grid(unsigned int groups, const Block *band, const Frame *frames)
{
    char *stacks = malloc((size_t)GROUP * STACK);
    given_band = band;
    given_frames = frames;
    for (blockIdx.x = 0; blockIdx.x < groups; blockIdx.x++) run_group(stacks);
    free(stacks);
}
