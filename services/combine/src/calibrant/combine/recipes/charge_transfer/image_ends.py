"""The ends of the images of raw flats, measured amplifier by amplifier, for the recipe of charge transfer.

Overscans are taken whole, as they were read, and frames one after the other: of each only what was measured is kept. Must not know
tables, nor what is concluded from many frames.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.base import FrameInput, RecipeInputs
from calibrant.pixels import Amplifier, Geometry
from calibrant.pixels.charge_transfer import (
    Direction,
    End,
    HardEdge,
    MeasuredEnd,
    Profile,
    Reason,
    Trailing,
    end_of_image,
    hard_edge,
    mean_profile,
    measure_end,
    overscan_profile,
)
from calibrant.pixels.rows import load, working_type
from calibrant.rules.classification import ImageType

DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)

Register = tuple[str, Direction]
"""Amplifier and direction of transfers."""


@dataclass(frozen=True, eq=False, slots=True)
class FlatEnd:
    """What the end of an amplifier's image shows in one flat.

    Parameters
    ----------
    frame : int
        Number of the frame, from 0.
    exptime_s : float or None
        Its exposure time.
    end : MeasuredEnd
        What trails into the overscan.
    edge : HardEdge or Reason
        How sharply the signal falls.
    """

    frame: int
    exptime_s: float | None
    end: MeasuredEnd
    edge: HardEdge | Reason


def measured_ends(inputs: RecipeInputs, settings: Trailing) -> dict[Register, list[FlatEnd]]:
    """Measure the flats, above what the biases among the frames show without light.

    Parameters
    ----------
    inputs : RecipeInputs
        Flats, and biases if there are.
    settings : Trailing
        How.

    Returns
    -------
    dict
        One list for each amplifier and direction, in the order of the frames.

    Raises
    ------
    ValueError
        A frame does not fit the detector.
    """
    baselines = _baselines(inputs, settings)
    found: dict[Register, list[FlatEnd]] = {register: [] for register in _registers(inputs.whole)}
    for number, frame in enumerate(inputs.frames):
        if frame.image_type is ImageType.BIAS:
            continue
        for register, end in _ends(frame, inputs):
            measured = measure_end(end, settings, baselines.get(register))
            edge = end if isinstance(end, Reason) else hard_edge(end)
            found[register].append(FlatEnd(number, frame.exptime_s, measured, edge))
    return found


def _baselines(inputs: RecipeInputs, settings: Trailing) -> Mapping[Register, Profile | None]:
    """Return what the overscans have without light."""
    seen: dict[Register, list[Profile | Reason]] = {register: [] for register in _registers(inputs.whole)}
    for frame in inputs.frames:
        if frame.image_type is ImageType.BIAS:
            for register, end in _ends(frame, inputs):
                seen[register].append(end if isinstance(end, Reason) else overscan_profile(end, settings))
    return {register: mean_profile(profiles) for register, profiles in seen.items()}


def _registers(geometry: Geometry) -> Iterator[Register]:
    return ((amplifier.name, direction) for direction in DIRECTIONS for amplifier in geometry.amplifiers)


def _ends(frame: FrameInput, inputs: RecipeInputs) -> Iterator[tuple[Register, End | Reason]]:
    raw = _raw(frame)
    if raw.shape != inputs.whole.raw_shape:
        raise ValueError(
            f"{frame.name}: is {raw.shape}, but the detector's frames are {inputs.whole.raw_shape}"
        )
    if inputs.corrected.defects is not None:
        _blank(raw, inputs.whole.amplifiers, inputs.corrected.defects)
    for amplifier in inputs.whole.amplifiers:
        for direction in DIRECTIONS:
            yield (amplifier.name, direction), end_of_image(raw, amplifier, direction)


def _raw(frame: FrameInput) -> NDArray[Any]:
    """Read a frame as it is, in a type that has room for NaN."""
    rows = frame.rows
    kind = working_type([rows])
    return load([rows], slice(0, rows.shape[0]), kind).reshape(rows.shape).astype(kind, copy=False)


def _blank(raw: NDArray[Any], amplifiers: Sequence[Amplifier], defects: NDArray[Any]) -> None:
    """Take defects out of a raw frame, where the assembled one has them; in place."""
    for one in amplifiers:
        turned = defects[one.placed.slices][:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]
        raw[one.image.slices][turned != 0] = np.nan
