"""Telegraph pixels of darks: amplifiers looked at a few at a time, in as many frames of one dark time as there are.

It owns which frames and how many amplifiers at once; must not know tables.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.analyses.shared import images
from calibrant.combine.recipes.base import FrameInput, RecipeInputs
from calibrant.pixels import Amplifier, Signature
from calibrant.pixels.analyses import TelegraphPixels, telegraph_pixels
from calibrant.pixels.clipping import MAD_TO_SIGMA
from calibrant.pixels.mask import UNUSABLE

FEWEST_FRAMES: Final = 8
PIXEL_BYTES: Final = 8
"""A pixel of a frame while its series is looked at, and where it is finite."""


def telegraph_of(
    inputs: RecipeInputs, removed: Signature, *, sigma: float, fewest: int
) -> dict[str, TelegraphPixels]:
    """Search the darks of the commonest dark time.

    Parameters
    ----------
    inputs : RecipeInputs
        Dark frames.
    removed : Signature
        What is removed from each.
    sigma, fewest
        Of `telegraph_pixels`.

    Returns
    -------
    dict
        By amplifier, rows and columns of the assembled frame; nothing where no eight darks have one time, or an amplifier
        has no noise.
    """
    frames = _alike(inputs.frames)
    if len(frames) < FEWEST_FRAMES:
        return {}
    found = {}
    for amplifiers in _at_once(inputs, len(frames)):
        stacks = _stacks(frames, amplifiers, inputs, removed)
        for one in amplifiers:
            noise = _noise(stacks[one.name])
            if noise > 0:
                pixels = telegraph_pixels(
                    stacks[one.name],
                    noise,
                    sigma=sigma,
                    fewest=fewest,
                    per_signal=_per_signal(one, inputs, removed),
                )
                found[one.name] = replace(
                    pixels, row=pixels.row + one.placed.y0, column=pixels.column + one.placed.x0
                )
    return found


def _per_signal(amplifier: Amplifier, inputs: RecipeInputs, removed: Signature) -> float:
    """Return the variance of charge per unit of it; 0 where a pedestal would count as charge."""
    if removed.bias is None and not inputs.corrected.removes_level(inputs.geometry):
        return 0.0
    return 1.0 if removed.unit == "electron" else 1 / amplifier.gain_e_per_adu


def _alike(frames: Sequence[FrameInput]) -> list[FrameInput]:
    """Return the frames of the dark time that most have, the longest of several."""
    times = Counter(round(one.dark_time_s or 0.0, 3) for one in frames)
    commonest = max(times, key=lambda time_s: (times[time_s], time_s))
    return [one for one in frames if round(one.dark_time_s or 0.0, 3) == commonest]


def _at_once(inputs: RecipeInputs, frames: int) -> Iterator[tuple[Amplifier, ...]]:
    """Yield the amplifiers, as many at a time as half of the job's memory holds the frames of."""
    amplifiers = inputs.geometry.amplifiers
    largest = max(one.placed.area for one in amplifiers) * frames * PIXEL_BYTES
    most = max(1, inputs.memory_bytes // 2 // largest) if inputs.memory_bytes else len(amplifiers)
    for first in range(0, len(amplifiers), most):
        yield amplifiers[first : first + most]


def _stacks(
    frames: Sequence[FrameInput],
    amplifiers: Sequence[Amplifier],
    inputs: RecipeInputs,
    removed: Signature,
) -> Mapping[str, NDArray[np.float32]]:
    stacks = {one.name: np.empty((len(frames), *one.placed.shape), np.float32) for one in amplifiers}
    for number, image in enumerate(images(frames, inputs, removed)):
        good = (image.mask & np.uint32(UNUSABLE)) == 0
        for one in amplifiers:
            place = one.placed.slices
            stacks[one.name][number] = np.where(good[place], image.data[place], np.nan)
    return stacks


def _noise(stack: NDArray[Any]) -> float:
    """Return the noise of a frame: of the first two, less what they share; 0 where nothing is known."""
    difference = stack[1] - stack[0]
    difference = difference[np.isfinite(difference)]
    if not difference.size:
        return 0.0
    spread = np.median(np.abs(difference - np.median(difference)))
    return float(MAD_TO_SIGMA * spread / np.sqrt(2))
