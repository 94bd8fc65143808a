"""The kernel as it is compiled for a GPU: its source, and the numbers that are known when it is.

It must not know a device. The names of the numbers are those of ``native/kernel.cu``, which says what they are for.
"""

import functools
from pathlib import Path
from typing import Final

from calibrant.pixels.backends.library import STATISTICS, Block, Frame
from calibrant.pixels.plan import Plan

NATIVE: Final = Path(__file__).parent.parent / "native"

ROUNDING: Final = "--fmad=false"
"""For NVRTC what -ffp-contract=off is for a C compiler: every operation is rounded by itself."""


GROUP: Final = 64
"""Threads that are started together."""

PIXELS: Final = 16
"""That a thread takes."""


@functools.cache
def source() -> str:
    """Give the text to compile."""
    return "".join((NATIVE / name).read_text(encoding="utf-8") for name in ("kernel.c", "kernel.cu"))


def constants(plan: Plan, bits: int, block: Block, frame: Frame, *, propagate: bool) -> dict[str, int]:
    """Give the numbers that the kernel is compiled with.

    Parameters
    ----------
    plan
        What to combine and how.
    bits
        Of the type that samples are sorted in.
    block
        What is done to a part of it; raw frames go through steps first.
    frame
        One of the frames, which lie alike.
    propagate
        Whether there are variances of the inputs.
    """
    return {
        "SAMPLE": bits,
        "LANES": 1,
        "GROUP": GROUP,
        "PIXELS": PIXELS,
        "FRAMES": len(plan.stack),
        "STORED": 2 * frame.type + frame.swapped,
        "STEP": frame.column_step,
        "ZERO": int(frame.zero),
        "BASE": int(block.base),
        "STATISTIC": STATISTICS.index(plan.statistic),
        "MEAN_CENTER": int(plan.rule.center == "mean"),
        "MAD_SPREAD": int(plan.rule.spread == "mad"),
        "CUMULATIVE": int(plan.rule.clip == "cumulative"),
        "SCALED": int(plan.scales is not None),
        "MASKED": int(bool(block.steps) or plan.masks is not None),
        "VARIANCES": int(propagate),
        "STEPS": int(bool(block.steps)),
    }
