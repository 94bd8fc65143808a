"""The steps that recipes share: what is removed from their frames, and their combination. Owns how a dark may be applied.

Must not know files, messages or tables.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from calibrant.combine.recipes.base import Calibration, FrameInput, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.parameters import Combination
from calibrant.pixels import (
    Barrier,
    Combined,
    CosmicRays,
    FrameLevels,
    Geometry,
    Image,
    Signature,
    Step,
    combine_raw,
    correct_frame,
)
from calibrant.pixels.memory import thread_bytes, threads_within
from calibrant.pixels.rows import load, working_type
from calibrant.rules.association import TIME_TOLERANCE_S


def signature(
    inputs: RecipeInputs,
    *,
    bias: Calibration | None = None,
    dark: Calibration | None = None,
    photon_noise: bool = True,
    cosmic_rays: CosmicRays | None = None,
) -> Signature:
    """Say what is removed from every frame, up to the dark.

    A dark that is not per second was made without a bias and holds the bias's structure itself: it is subtracted
    as it is, in place of the bias.

    Parameters
    ----------
    inputs : RecipeInputs
        Frames, geometry, and what is removed before any calibration.
    bias, dark : Calibration or None
        What to subtract.
    photon_noise : bool
        Whether the signal's photon noise counts; it does only once the pedestal is gone.
    cosmic_rays : CosmicRays or None
        How they are searched for in each frame.

    Raises
    ------
    RecipeRefused
        The dark does not apply to a frame.
    """
    if dark is not None:
        for frame in inputs.frames:
            check_dark(frame.name, frame.dark_time_s, dark)
        if not dark.per_second:
            bias, dark = dark, None
    return replace(
        inputs.corrected,
        bias=None if bias is None else bias.reference,
        dark=None if dark is None else dark.reference,
        photon_noise=photon_noise and level_removed(inputs, bias),
        barriers={**inputs.corrected.barriers, **_searching(cosmic_rays)},
    )


def _searching(cosmic_rays: CosmicRays | None) -> dict[Step, Barrier]:
    return {} if cosmic_rays is None else {Step.COSMIC_RAYS: cosmic_rays}


def check_dark(name: str, dark_time_s: float | None, dark: Calibration) -> None:
    """Check that a dark applies to a frame.

    Raises
    ------
    RecipeRefused
        The frame's dark time is not known, or the dark is unscaled and of another dark time.
    """
    if dark_time_s is None:
        raise RecipeRefused(f"{name}: its header gives no dark time, so {dark.product_id} cannot be applied")
    if dark.per_second:
        return
    if dark.dark_time_s is None or abs(dark.dark_time_s - dark_time_s) > TIME_TOLERANCE_S:
        stored = "an unknown dark time" if dark.dark_time_s is None else f"{dark.dark_time_s:g} s"
        raise RecipeRefused(
            f"{name}: its dark time is {dark_time_s:g} s, but {dark.product_id} is stored unscaled for {stored} and "
            "applies only to frames of the same dark time; take darks of that time, or a bias so that darks can "
            "be scaled"
        )


def combined(
    inputs: RecipeInputs,
    parameters: Combination,
    removed: Signature,
    scales: Sequence[float],
    measured: FrameLevels | None = None,
) -> Combined:
    """Combine the frames by the parameters' statistic, row by row.

    Parameters
    ----------
    inputs, parameters
        The frames, and how.
    removed : Signature
        What is removed from each.
    scales : sequence of float
        What each is divided by then.
    measured : FrameLevels or None
        Levels of the same frames with the same signature, whose measured overscans are taken.

    Raises
    ------
    RecipeRefused
        A frame does not fit the detector, or no pixel has a good sample.
    """
    weights = per_frame("weights", parameters.weights, inputs) or [1.0] * len(scales)
    terms = [
        frame.terms(scale=scale, weight=weight)
        for frame, scale, weight in zip(inputs.frames, scales, weights, strict=True)
    ]
    try:
        return combine_raw(
            [frame.rows for frame in inputs.frames],
            inputs.geometry,
            removed,
            terms,
            numbers=None if measured is None else measured.numbers,
            statistic=parameters.statistic,
            center=parameters.center,
            spread=parameters.spread,
            sigma=parameters.sigma,
            sigma_low=parameters.sigma_low,
            sigma_high=parameters.sigma_high,
            iterations=parameters.iterations,
            clip=parameters.clip,
            reject_low=parameters.reject_low,
            reject_high=parameters.reject_high,
            threads=_threads(inputs, removed),
        ).combined
    except ValueError as problem:
        told = named(str(problem), inputs)
        raise RecipeRefused(f"the {len(terms)} frames cannot be combined: {told}") from problem


def corrected_frame(frame: FrameInput, geometry: Geometry, removed: Signature) -> Image:
    """Read a whole frame and correct it.

    Raises
    ------
    ValueError
        It does not fit the detector.
    """
    return correct_frame(raw_frame(frame), geometry, removed, frame.terms())


def raw_frame(frame: FrameInput) -> NDArray[Any]:
    """Read a whole frame as it came, in ADU."""
    kind = working_type([frame.rows])
    return load([frame.rows], slice(0, frame.rows.shape[0]), kind).reshape(frame.rows.shape)


def in_adu(image: Image, geometry: Geometry) -> Image:
    """Take the gains in force out again, in place: for what must not depend on them."""
    if image.unit == "adu":
        return image
    for amplifier in geometry.amplifiers:
        image.data[amplifier.placed.slices] /= amplifier.gain_e_per_adu
        image.variance[amplifier.placed.slices] /= amplifier.gain_e_per_adu**2
    return Image(image.data, image.variance, image.mask, image.overscan, "adu")


def _threads(inputs: RecipeInputs, removed: Signature) -> int:
    """Return how many threads combine: no more than the job's memory holds bands of."""
    rows, frames = inputs.frames[0].rows, len(inputs.frames)
    band = thread_bytes(rows.shape, frames, rows.dtype.itemsize, removed)
    return threads_within(inputs.memory_bytes, band)


def per_frame(name: str, values: Sequence[float] | None, inputs: RecipeInputs) -> Sequence[float] | None:
    """Return the values of a parameter that has one for each frame; None where it is not given.

    Raises
    ------
    RecipeRefused
        There are more or fewer than frames.
    """
    if values is not None and len(values) != len(inputs.frames):
        raise RecipeRefused(
            f"{name}: {len(values)} numbers, but there are {len(inputs.frames)} frames; give one for each, the "
            "earliest first"
        )
    return values


def named(problem: str, inputs: RecipeInputs) -> str:
    """Put a frame's name where the engine, which knows none, says its number."""
    return re.sub(r"^frames?\W(\d+)\]?", lambda number: inputs.frames[int(number[1])].name, problem)


def bias_and_dark(inputs: RecipeInputs) -> dict[str, Calibration]:
    """Return what frames with light have subtracted, by role; an unscaled dark holds the bias's structure itself."""
    found = {role: one for role in ("bias", "dark") if (one := inputs.calibrations.get(role)) is not None}
    if "dark" in found and not found["dark"].per_second:
        found.pop("bias", None)
    return found


def check_level(
    recipe: str,
    inputs: RecipeInputs,
    subtracted: Mapping[str, Calibration],
    *,
    frames: str = "flats",
    signal: str = "light",
) -> None:
    """Check that the pedestal of frames does not stay in: an overscan takes it, a bias, or a dark that holds it.

    Parameters
    ----------
    recipe, frames, signal : str
        Who asks of what, and what a pedestal would be taken for; for the message.
    inputs : RecipeInputs
        What is removed before any calibration.
    subtracted : mapping of str to Calibration
        Of `bias_and_dark`.

    Raises
    ------
    RecipeRefused
        It does.
    """
    dark = subtracted.get("dark")
    unscaled = None if dark is None or dark.per_second else dark
    if not level_removed(inputs, subtracted.get("bias", unscaled)):
        raise RecipeRefused(
            f"{recipe}: the {frames} keep their pedestal, which would count as {signal}; give a bias, or an overscan "
            "method where the camera has an overscan"
        )


def level_removed(inputs: RecipeInputs, bias: Calibration | None) -> bool:
    """Say whether the pedestal is gone from every amplifier: by its overscan, or by a bias."""
    return bias is not None or inputs.corrected.removes_level(inputs.geometry)
