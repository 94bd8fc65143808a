"""The planes of other detectors that were read at the same time as a frame. Knows pixels only."""

from collections.abc import Mapping

import numpy as np

from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.frames.beside import SourceFrame
from calibrant.pixels import Geometry, Mask
from calibrant.pixels.crosstalk import ReadoutPlane, channel_name


def planes_beside(frame: FrameInput, inputs: RecipeInputs) -> dict[str, ReadoutPlane]:
    """Return the planes of all other detectors, as they were read with a frame; without data where there is no frame.

    Parameters
    ----------
    frame : FrameInput
        One of the job's own.
    inputs : RecipeInputs
        Has those of the others.

    Raises
    ------
    RecipeRefused
        A frame does not fit its detector.
    """
    there = {one.detector: one for one in inputs.sources if one.exposure_id == frame.exposure_id}
    found: dict[str, ReadoutPlane] = {}
    for detector, geometry in _detectors(inputs).items():
        one = there.get(detector)
        found |= _blank(geometry, detector) if one is None else _planes(one)
    return found


def gains_beside(inputs: RecipeInputs) -> dict[str, float]:
    """Return the gains of all amplifiers of the other detectors, by the names of their channels."""
    return {
        channel_name(one.name, str(detector)): one.gain_e_per_adu
        for detector, geometry in _detectors(inputs).items()
        for one in geometry.amplifiers
    }


def _detectors(inputs: RecipeInputs) -> Mapping[int, Geometry]:
    return {one.detector: one.geometry for one in sorted(inputs.sources, key=lambda one: one.detector)}


def _planes(one: SourceFrame) -> dict[str, ReadoutPlane]:
    try:
        return one.planes()
    except ValueError as problem:
        raise RecipeRefused(str(problem)) from problem


def _blank(geometry: Geometry, detector: int) -> dict[str, ReadoutPlane]:
    return {
        channel_name(one.name, str(detector)): ReadoutPlane(
            np.zeros(one.placed.shape, np.float32), np.full(one.placed.shape, Mask.NO_DATA, np.uint32)
        )
        for one in geometry.amplifiers
    }
