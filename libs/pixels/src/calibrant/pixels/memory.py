"""How much memory the engine works in, beside what it is given and what it gives; must not know jobs or their limits."""

from typing import Final

from calibrant.pixels.backends.cpu import FEWEST_ROWS
from calibrant.pixels.fused import TILE_BYTES
from calibrant.pixels.threads import thread_count

LEVEL_BYTES: Final = 20
"""A pixel of a frame while its levels are measured: gathered, joined and put in order."""

CORRECTED_BYTES: Final = 24
"""A corrected sample in front of a barrier: data, variance and mask, once for the band and once for what is cut of it."""


def thread_bytes(columns: int, frames: int, sample_bytes: int, reach: int = 0) -> int:
    """Give what a thread takes while it combines raw frames: a band of rows of all of them.

    Parameters
    ----------
    columns
        Of a raw frame.
    frames
        How many are combined.
    sample_bytes
        Of a raw sample.
    reach
        Rows that barriers look at on either side; 0: there are none.
    """
    row = columns * frames * (CORRECTED_BYTES if reach else sample_bytes)
    rows = max(FEWEST_ROWS, 2 * reach) + 2 * reach
    return max(2 * TILE_BYTES, rows * row)


def threads_within(memory_bytes: int, each_bytes: int) -> int:
    """Give how many threads may work side by side: as many as there are, but no more than half of some memory holds.

    Parameters
    ----------
    memory_bytes
        What there is for all; 0: no limit.
    each_bytes
        What each of them takes.
    """
    threads = thread_count(None)
    return threads if not memory_bytes else max(1, min(threads, memory_bytes // 2 // each_bytes))
