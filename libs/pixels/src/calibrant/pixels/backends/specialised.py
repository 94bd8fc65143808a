"""The kernel as it is compiled for a GPU: its source, and the numbers that are known when it is.

It must not know a device. The names of the numbers are those of ``native/kernel.cu``, which says what they are for.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from calibrant.pixels.backends.blocks import SHORT
from calibrant.pixels.backends.library import STATISTICS, Frame
from calibrant.pixels.plan import Plan

NATIVE: Final = Path(__file__).parent.parent / "native"

ROUNDING: Final = "--fmad=false"
"""For NVRTC what -ffp-contract=off is for a C compiler: every operation is rounded by itself."""


GROUP: Final = 128
"""Threads that are started together."""

PIXELS: Final = 8
"""That a thread takes."""

LISTS: Final = 64
"""Of pixels that the short way leaves undecided, at most."""

COLUMNS: Final = 8
"""One in so many pixels may leave its samples, too."""

SETTLERS: Final = 16
"""Groups that work through a list."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How the pixels of a piece are shared out.

    Parameters
    ----------
    pixels
        How many there are.
    """

    pixels: int

    @property
    def groups(self) -> int:
        """Groups that take all of them the short way."""
        return -(-self.pixels // (GROUP * PIXELS))

    @property
    def settlers(self) -> int:
        """Groups that settle what was left undecided."""
        return SETTLERS * self._lists

    def undecided_size(self, frames: int, bits: int) -> int:
        """Give the bytes for lists of undecided pixels, and the samples of some.

        Parameters
        ----------
        frames
            Of the stack.
        bits
            Of the type that samples are sorted in: short ones are kept.
        """
        places = -(-self.groups // self._lists) * self._lists * GROUP * PIXELS
        column = -(-(2 * 8 + frames * bits // 8) // 8) * 8 if bits == SHORT and frames <= PAIRED else 0
        return COUNTERS_SIZE + places * 4 + places // COLUMNS * column

    @property
    def _lists(self) -> int:
        return min(self.groups, LISTS)


PAIRED: Final = 32
"""Frames at most of which two pixels are taken at once."""

COUNTERS_SIZE: Final = 4 * LISTS
"""Bytes of the numbers of undecided pixels, which come first; 0 before the short way."""


@functools.cache
def source() -> str:
    """Give the text to compile."""
    return "".join((NATIVE / name).read_text(encoding="utf-8") for name in ("kernel.c", "kernel.cu"))


def constants(plan: Plan, bits: int, frame: Frame, *, steps: bool, propagate: bool) -> dict[str, int]:
    """Give the numbers that the kernel is compiled with.

    Parameters
    ----------
    plan
        What to combine and how.
    bits
        Of the type that samples are sorted in.
    frame
        One of the frames, which lie alike.
    steps
        Whether they are raw, and go through steps first.
    propagate
        Whether there are variances of the inputs.
    """
    return {
        "SAMPLE": bits,
        "LANES": 1,
        "GROUP": GROUP,
        "PIXELS": PIXELS,
        "LISTS": LISTS,
        "COLUMNS": COLUMNS,
        "FRAMES": len(plan.stack),
        "STORED": 2 * frame.type + frame.swapped,
        "STEP": frame.column_step,
        "ZERO": int(frame.zero),
        "STATISTIC": STATISTICS.index(plan.statistic),
        "MEAN_CENTER": int(plan.rule.center == "mean"),
        "MAD_SPREAD": int(plan.rule.spread == "mad"),
        "CUMULATIVE": int(plan.rule.clip == "cumulative"),
        "SCALED": int(plan.scales is not None),
        "MASKED": int(steps or plan.masks is not None),
        "VARIANCES": int(propagate),
        "STEPS": int(steps),
    }
