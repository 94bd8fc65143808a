"""How much memory the engine works in, beside what it is given and what it gives; must not know jobs or their limits."""

import math
from typing import Final

from calibrant.pixels.backends.cpu import FEWEST_ROWS
from calibrant.pixels.fused import TILE_BYTES
from calibrant.pixels.signature import Signature
from calibrant.pixels.threads import thread_count

LEVEL_BYTES: Final = 20
"""A pixel of a frame while its levels are measured: gathered, joined and put in order."""

CORRECTED_BYTES: Final = 24
"""A corrected sample in front of a barrier: data, variance and mask, once for the band and once for what is cut of it."""


WHOLE_BYTES: Final = 12
"""A pixel of a frame that is held as a whole: data, variance and mask; barriers that reach over all of it need that."""

PASS_BYTES: Final = 130
"""A pixel of such a frame while it goes through its barriers: brighter-fatter and deferred charge take most."""


def thread_bytes(shape: tuple[int, int], frames: int, sample_bytes: int, signature: Signature) -> int:
    """Give what a thread takes while it combines raw frames: a band of rows of all of them, or a whole one that is corrected.

    Parameters
    ----------
    shape
        Rows and columns of a raw frame.
    frames
        How many are combined.
    sample_bytes
        Of a raw sample.
    signature
        What is removed from each; its barriers say how many rows are looked at on either side.
    """
    reach = signature.reach or 0
    row = shape[1] * frames * (CORRECTED_BYTES if signature.barriers else sample_bytes)
    rows = max(FEWEST_ROWS, 2 * reach) + 2 * reach
    return max(2 * TILE_BYTES, rows * row, _pass_bytes(shape, signature))


def level_bytes(shape: tuple[int, int], signature: Signature) -> int:
    """Give what a thread takes while it measures the levels of a frame."""
    return max(LEVEL_BYTES * math.prod(shape), _pass_bytes(shape, signature))


def _pass_bytes(shape: tuple[int, int], signature: Signature) -> int:
    return PASS_BYTES * math.prod(shape) if signature.reach is None else 0


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
