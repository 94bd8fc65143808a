"""The kernel as it is compiled for a GPU: its source, and the numbers that are known when it is.

It must not know a device. The names of the numbers are those of ``native/kernel.cu``, which says what they are for.
"""

import functools
from pathlib import Path
from typing import Any, Final

import numpy as np

from calibrant.pixels.backends.library import STATISTICS, TYPES
from calibrant.pixels.plan import Plan
from calibrant.pixels.rows import value_type

NATIVE: Final = Path(__file__).parent.parent / "native"

ROUNDING: Final = "--fmad=false"
"""For NVRTC what -ffp-contract=off is for a C compiler: every operation is rounded by itself."""


@functools.cache
def source() -> str:
    """Give the text to compile."""
    return "".join((NATIVE / name).read_text(encoding="utf-8") for name in ("kernel.c", "kernel.cu"))


def stored_type(plan: Plan) -> tuple[np.dtype[Any], int]:
    """Give the type that samples are handed over in, and what stored ones lack to be values.

    That is how they are stored where all frames are alike and the kernel reads it, else their values.
    """
    stored = {(plane.dtype, plane.zero) for plane in plan.stack}
    if len(stored) == 1 and plan.stack[0].dtype.str[1:] in TYPES:
        return stored.pop()
    values = value_type(plan.stack[0])
    return (values if values.str[1:] in TYPES else plan.dtype), 0


def constants(plan: Plan, bits: int, base: float, *, propagate: bool) -> dict[str, int]:
    """Give the numbers that the kernel is compiled with.

    Parameters
    ----------
    plan
        What to combine and how.
    bits, base
        Of the type that samples are sorted in; what those lack to be values.
    propagate
        Whether there are variances of the inputs.
    """
    stored, zero = stored_type(plan)
    return {
        "SAMPLE": bits,
        "LANES": 1,
        "FRAMES": len(plan.stack),
        "STORED": 2 * TYPES[stored.str[1:]] + (not stored.isnative),
        "STEP": stored.itemsize,
        "ZERO": zero - int(base),
        "STATISTIC": STATISTICS.index(plan.statistic),
        "MEAN_CENTER": int(plan.rule.center == "mean"),
        "MAD_SPREAD": int(plan.rule.spread == "mad"),
        "CUMULATIVE": int(plan.rule.clip == "cumulative"),
        "SCALED": int(plan.scales is not None),
        "MASKED": int(plan.masks is not None),
        "VARIANCES": int(propagate),
    }
