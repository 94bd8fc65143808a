"""The persistence recipe: what light leaves in the darks that follow, by amplifier. Knows pixels only.

Frames are looked at in the order of time. The flood is the exposure to light that most darks follow; darks before the first
light are its references.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from calibrant.combine.recipes.analyses.persistence_tables import Measured, tables_of
from calibrant.combine.recipes.analyses.shared import images, some_measured
from calibrant.combine.recipes.base import (
    BuiltTables,
    FrameInput,
    Recipe,
    RecipeInputs,
    RecipeRefused,
    roles_of,
)
from calibrant.combine.recipes.correction import signature
from calibrant.combine.recipes.parameters import Parameters
from calibrant.pixels import Amplifier, Geometry, Image
from calibrant.pixels.analyses import Reason, fit_fading, latent_signal
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.rules.classification import ImageType

LIT: Final = (ImageType.FLAT, ImageType.SCIENCE)
NS_PER_S: Final = 1_000_000_000

Numbers = NDArray[np.float64]


class PersistenceParameters(Parameters):
    """The parameters of a persistence."""

    flood: float | None = Field(
        default=None,
        gt=0,
        description="Signal from which a pixel of the flood counts as flooded; null: only those that are saturated. "
        "Unit: that of unit.",
    )
    latent_sigma: float = Field(
        default=5.0,
        gt=0,
        description="Clip of the flooded pixels about their mean. Unit: standard deviations.",
    )
    most_pixels: int = Field(
        default=100_000,
        ge=10,
        description="Flooded pixels of an amplifier that are followed at most, evenly over it. Unit: pixels.",
    )


@dataclass(frozen=True, slots=True)
class _Course:
    """Which frames are what, by number from 0."""

    flood: int
    references: tuple[int, ...]
    after: tuple[int, ...]


def compute(inputs: RecipeInputs, parameters: PersistenceParameters) -> BuiltTables:
    """Measure what a flood of light leaves, and how it decays.

    Parameters
    ----------
    inputs : RecipeInputs
        Darks, and flats or science frames, in the order of time.
    parameters : PersistenceParameters
        How.

    Returns
    -------
    BuiltTables
        See `persistence_tables`.

    Raises
    ------
    RecipeRefused
        No dark is before the first light, none of its dark time follows any, or no amplifier can be measured.
    """
    course = _course(inputs.frames)
    removed = signature(inputs, photon_noise=False)
    (flood,) = images([inputs.frames[course.flood]], inputs, removed)
    flooded = {one.name: _flooded(flood, one, parameters) for one in inputs.geometry.amplifiers}
    followed = (*course.references, *course.after)
    pixels = _followed(
        flooded, images([inputs.frames[n] for n in followed], inputs, removed), inputs.geometry
    )
    times_s = _times_after(inputs.frames[course.flood], [inputs.frames[n] for n in course.after])
    found = {
        one.name: _measured(flood, one, flooded[one.name], pixels[one.name], times_s, parameters)
        for one in inputs.geometry.amplifiers
    }
    some_measured("persistence", found)
    return BuiltTables(
        tables=tables_of(found, course.flood, course.after, times_s, parameters.unit), backend="numpy"
    )


def _course(frames: Sequence[FrameInput]) -> _Course:
    """Choose the flood, its references and what follows it."""
    before = list(takewhile(lambda one: one[1].image_type not in LIT, enumerate(frames)))
    references = [(n, one) for n, one in before if one.dark_time_s is not None]
    if len(before) == len(frames):
        raise RecipeRefused(
            "persistence: none of the frames had light; give a flat or a science frame between darks"
        )
    if not references:
        raise RecipeRefused(
            "persistence: no dark was taken before the first light, so what darks show without it is not known"
        )
    best = _Course(-1, (), ())
    for time_s in sorted({round(one.dark_time_s or 0.0, 3) for _, one in references}):
        same = tuple(n for n, one in references if round(one.dark_time_s or 0.0, 3) == time_s)
        for flood, after in _darks_after_light(frames, time_s):
            if after and (len(after), flood) >= (len(best.after), best.flood):
                best = _Course(flood, same, after)
    if not best.after:
        raise RecipeRefused(
            "persistence: no dark of the dark time of one before the first light follows light; take darks of one time "
            "before and after it"
        )
    return best


def _darks_after_light(frames: Sequence[FrameInput], time_s: float) -> list[tuple[int, tuple[int, ...]]]:
    """Return each last exposure to light before darks, with the darks of that time before the next light."""
    found: list[tuple[int, tuple[int, ...]]] = []
    flood = -1
    for lit, run in groupby(enumerate(frames), key=lambda one: one[1].image_type in LIT):
        members = list(run)
        if lit:
            flood = members[-1][0]
        elif flood >= 0:
            same = (
                n for n, one in members if one.dark_time_s is not None and round(one.dark_time_s, 3) == time_s
            )
            found.append((flood, tuple(same)))
    return found


def _times_after(flood: FrameInput, after: Sequence[FrameInput]) -> Numbers:
    """Return the middles of dark times, in s since the end of the flood's exposure."""
    end_ns = flood.begin_tai_ns + round((flood.exptime_s or 0.0) * NS_PER_S)
    return np.array([(one.begin_tai_ns - end_ns) / NS_PER_S + (one.dark_time_s or 0.0) / 2 for one in after])


def _flooded(flood: Image, amplifier: Amplifier, parameters: PersistenceParameters) -> NDArray[np.intp]:
    """Return the places of an amplifier's flooded pixels, within it, as many as are followed."""
    part = flood.cut(amplifier.placed)
    broken = (part.mask & np.uint32(UNUSABLE & ~Mask.SATURATED)) != 0
    full = (part.mask & np.uint32(Mask.SATURATED)) != 0
    if parameters.flood is not None:
        full = full | (part.data >= parameters.flood)
    places = np.flatnonzero(full & ~broken)
    if len(places) <= parameters.most_pixels:
        return places
    return places[np.linspace(0, len(places) - 1, parameters.most_pixels).astype(np.intp)]


def _followed(
    flooded: dict[str, NDArray[np.intp]], darks: Iterable[Image], geometry: Geometry
) -> dict[str, list[NDArray[np.float32]]]:
    """Return the flooded pixels of each dark, NaN where one is not good, by amplifier."""
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in flooded}
    for image in darks:
        for one in geometry.amplifiers:
            part, places = image.cut(one.placed), flooded[one.name]
            good = (part.mask.ravel()[places] & np.uint32(UNUSABLE)) == 0
            found[one.name].append(np.where(good, part.data.ravel()[places], np.float32(np.nan)))
    return found


def _measured(  # noqa: PLR0917 - what was lit, where, and what followed
    flood: Image,
    amplifier: Amplifier,
    places: NDArray[np.intp],
    pixels: Sequence[NDArray[np.float32]],
    times_s: Numbers,
    parameters: PersistenceParameters,
) -> Measured | Reason:
    if not len(places):
        return Reason.NOT_FLOODED
    references, after = pixels[: -len(times_s)], pixels[-len(times_s) :]
    latent = latent_signal(after, references, np.ones(len(places), np.bool_), sigma=parameters.latent_sigma)
    if isinstance(latent, Reason):
        return latent
    if not np.isfinite(latent.levels).any():
        return Reason.TOO_FEW_PIXELS
    if not np.nanmax(latent.errors) > 0:
        return Reason.CONSTANT
    lit = float(np.nanmedian(flood.cut(amplifier.placed).data.ravel()[places]))
    return Measured(lit, latent, fit_fading(times_s, latent.levels, latent.errors))


PERSISTENCE = Recipe(
    name="persistence",
    version="1",
    summary="What a flood of light leaves in the darks that follow, and how it decays.",
    image_type=ImageType.DARK,
    beside=LIT,
    roles=roles_of("defects"),
    parameters=PersistenceParameters,
    compute=compute,
)
